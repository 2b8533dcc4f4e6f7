//! Any content comes back bit by bit, and any damage is an error.

use proptest::prelude::*;
use serde_json::Value;
use tabgraft_model::store::{Blob, Container, ContentHash, from_bytes, to_bytes};

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_filter("finite", |v| v.is_finite()).prop_map(Value::from),
        any::<f32>().prop_filter("finite", |v| v.is_finite()).prop_map(|v| Value::from(f64::from(v))),
        ".{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((".{0,4}", inner), 0..4)
                .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    })
}

fn any_blob() -> impl Strategy<Value = Blob> {
    prop::collection::vec(0usize..4, 0..4).prop_flat_map(|shape| {
        let n = shape.iter().product::<usize>();
        let value = any::<f32>().prop_map(|v| if v.is_finite() { v } else { -0.0 });
        prop::collection::vec(value, n).prop_map(move |data| Blob { shape: shape.clone(), data })
    })
}

fn any_container() -> impl Strategy<Value = Container> {
    (".{0,6}", any_json(), prop::collection::btree_map(".{0,6}", any_blob(), 0..5))
        .prop_map(|(kind, manifest, tensors)| Container { kind, manifest, tensors })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn containers_round_trip_bit_by_bit(container in any_container()) {
        let bytes = to_bytes(&container).unwrap();
        let (loaded, hash) = from_bytes(&bytes).unwrap();
        prop_assert_eq!(&hash, &container.content_hash());
        prop_assert_eq!(to_bytes(&loaded).unwrap(), bytes);
        let bits = |c: &Container| -> Vec<u32> {
            c.tensors.values().flat_map(|b| b.data.iter().map(|v| v.to_bits())).collect()
        };
        prop_assert_eq!(bits(&loaded), bits(&container));
        prop_assert_eq!(loaded, container);
    }

    #[test]
    fn damage_is_always_an_error(
        container in any_container(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), 1u8..), 1..4),
        cut in any::<prop::sample::Index>(),
    ) {
        let bytes = to_bytes(&container).unwrap();
        let mut broken = bytes.clone();
        damage.iter().for_each(|(place, flip)| broken[place.index(bytes.len())] ^= flip);
        if broken != bytes {
            prop_assert!(from_bytes(&broken).is_err());
        }
        prop_assert!(from_bytes(&bytes[..cut.index(bytes.len())]).is_err());
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), n in 0u64..200) {
        prop_assert!(from_bytes(&bytes).is_err());
        let framed = [&n.to_le_bytes()[..], &bytes].concat();
        prop_assert!(from_bytes(&framed).is_err());
    }

    #[test]
    fn hashes_read_back(text in any::<[u8; 4]>()) {
        let hash = ContentHash::of_bytes(&text);
        prop_assert_eq!(ContentHash::parse(hash.as_str()).unwrap(), hash);
    }
}
