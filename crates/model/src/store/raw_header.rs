//! The JSON of a header, read without allocating more than its bytes can mean.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::LoadLimits;
use super::header::{ENVELOPE_KEY, METADATA_KEY, Place};
use crate::error::Result;

/// Sizes of a shape that are read, before [`max_rank`](super::LoadLimits::max_rank) is asked.
const MOST_SIZES: usize = 64;

/// The header's JSON: the envelope's text and one place per tensor; a doubled key is an error.
pub(super) struct RawHeader {
    pub(super) envelope: Option<String>,
    pub(super) places: BTreeMap<String, Place>,
}

pub(super) struct HeaderVisitor<'l> {
    pub(super) limits: &'l LoadLimits,
}

impl<'de> DeserializeSeed<'de> for HeaderVisitor<'_> {
    type Value = RawHeader;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<RawHeader, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for HeaderVisitor<'_> {
    type Value = RawHeader;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of tensors")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RawHeader, A::Error> {
        let mut header = RawHeader { envelope: None, places: BTreeMap::new() };
        let mut metadata = None;
        while let Some(name) = map.next_key::<String>()? {
            let doubled = if name == METADATA_KEY {
                metadata.replace(map.next_value::<Metadata>()?).is_some()
            } else {
                // One more than is allowed: the error of the whole says how many are.
                if header.places.len() > self.limits.max_tensors {
                    return Err(de::Error::custom(format!(
                        "it names more than {} tensors, which are allowed",
                        self.limits.max_tensors
                    )));
                }
                header.places.insert(name.clone(), map.next_value()?).is_some()
            };
            if doubled {
                return Err(de::Error::custom(format!("`{name}` stands twice")));
            }
        }
        header.envelope = metadata.and_then(|Metadata(envelope)| envelope);
        Ok(header)
    }
}

/// The envelope's text; what other programs have written beside it is passed over.
struct Metadata(Option<String>);

impl<'de> Deserialize<'de> for Metadata {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MetadataVisitor)
    }
}

struct MetadataVisitor;

impl<'de> Visitor<'de> for MetadataVisitor {
    type Value = Metadata;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of texts")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Metadata, A::Error> {
        let mut envelope = None;
        while let Some(key) = map.next_key::<Cow<'_, str>>()? {
            match key.as_ref() {
                ENVELOPE_KEY => envelope = Some(map.next_value()?),
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(Metadata(envelope))
    }
}

/// The sizes of a tensor, of which a hostile header may list millions.
pub(super) fn sizes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<usize>, D::Error> {
    struct Sizes;

    impl<'de> Visitor<'de> for Sizes {
        type Value = Vec<usize>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "a list of at most {MOST_SIZES} sizes")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Vec<usize>, A::Error> {
            let mut sizes = Vec::new();
            while let Some(size) = items.next_element()? {
                if sizes.len() == MOST_SIZES {
                    return Err(de::Error::invalid_length(MOST_SIZES + 1, &self));
                }
                sizes.push(size);
            }
            Ok(sizes)
        }
    }

    deserializer.deserialize_seq(Sizes)
}
