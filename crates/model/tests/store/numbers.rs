//! How numbers and texts are spelled where they are hashed. Hashes in files and registries depend on it.

use serde_json::{Number, Value, json};
use tabgraft_model::store::json_hash;

/// Bits and spelling of 64-bit numbers, made by another program from the rule in `docs/format.md`.
const NUMBERS: &str = include_str!("numbers.csv");

#[test]
fn numbers_are_spelled_as_the_format_says() {
    let mut numbers = Vec::new();
    for line in NUMBERS.lines().skip(1) {
        let (bits, spelling) = line.split_once(',').unwrap();
        let number = f64::from_bits(u64::from_str_radix(bits, 16).unwrap());
        assert_eq!(serde_json::to_string(&number).unwrap(), spelling, "{bits}");
        let read: f64 = serde_json::from_str(spelling).unwrap();
        assert_eq!(read.to_bits(), number.to_bits(), "{spelling}");
        numbers.push(Value::Number(Number::from_f64(number).unwrap()));
    }
    assert!(numbers.len() > 150);
    let hash = json_hash(&Value::Array(numbers));
    assert_eq!(hash.as_str(), "20a70cd0f416c73eb75819cf78bf3cb7152390a4afcc0fc6077b8aeecba77b87");
}

/// Computed outside of this library.
#[test]
fn hashes_of_json_are_frozen() {
    let value = json!({"b": [1.0, 0.1, 1e16, 1e-5, -0.0, true, null, "é\n\u{2028}/"], "a": 1});
    let hash = json_hash(&value);
    assert_eq!(hash.as_str(), "9063381f20e21e0a04a13740703b416a514af93facf3fd1eb22bc12d0e14870a");
    // A number of 32 bits is the number of 64 bits that it equals; what is no number is null.
    assert_eq!(json!(0.1_f32).to_string(), "0.10000000149011612");
    assert_eq!(json!([f64::NAN, f64::INFINITY]).to_string(), "[null,null]");
}
