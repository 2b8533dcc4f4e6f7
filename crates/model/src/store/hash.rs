//! Content hashes: blake3 over forms that do not depend on the machine or on key order.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Write};

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::Blob;
use crate::error::{Error, Result};

/// Values hashed or copied at a time.
const CHUNK_VALUES: usize = 4096;

/// A blake3 hash in 64 lower-case hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct ContentHash(String);

impl ContentHash {
    /// Reads a hash as it stands in files and reports.
    ///
    /// # Errors
    /// A value error if `text` is not 64 lower-case hexadecimal digits.
    pub fn parse(text: &str) -> Result<Self> {
        if text.len() == 64 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)) {
            return Ok(ContentHash(text.to_owned()));
        }
        let start: String = text.chars().take(80).collect();
        Err(Error::value(format!("`{start}` is no content hash, which has 64 lower-case hexadecimal digits")))
    }

    /// Hash of bytes as they stand.
    pub fn of_bytes(bytes: &[u8]) -> Self {
        ContentHash(blake3::hash(bytes).to_hex().to_string())
    }

    /// The 64 digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first 12 digits, for people to tell hashes apart.
    pub fn short(&self) -> &str {
        &self.0[..12]
    }
}

impl fmt::Display for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for ContentHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        ContentHash::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// Hash of a JSON value in canonical form: compact, keys of every object in byte order. The order
/// of keys does not matter; `1` and `1.0` differ.
pub fn json_hash(value: &Value) -> ContentHash {
    let mut hasher = blake3::Hasher::new();
    // Writing into a hasher or a string cannot fail.
    let _ = write_canonical(value, &mut hasher);
    ContentHash(hasher.finalize().to_hex().to_string())
}

/// Hash of named tensors: names, shapes and little-endian values, in the order of names.
pub fn weights_hash(tensors: &BTreeMap<String, Blob>) -> ContentHash {
    let mut hasher = WeightsHasher::new();
    tensors.iter().for_each(|(name, blob)| hasher.whole(name, blob));
    hasher.finish()
}

/// Hash of one tensor, whatever its name.
pub(crate) fn blob_hash(blob: &Blob) -> ContentHash {
    let mut hasher = WeightsHasher::new();
    hasher.whole("", blob);
    hasher.finish()
}

/// Hash of what a file means; see [`super::Container::content_hash`].
pub(super) fn content_hash(kind: &str, manifest: &ContentHash, weights: &ContentHash) -> ContentHash {
    json_hash(&serde_json::json!({ "kind": kind, "manifest": manifest, "weights": weights }))
}

/// Builds [`weights_hash`] piece by piece, so that a reader needs no second copy of a tensor.
///
/// Every name and shape is preceded by its length, so that no two sets of tensors feed the same
/// bytes.
pub(super) struct WeightsHasher(blake3::Hasher);

impl WeightsHasher {
    pub(super) fn new() -> Self {
        WeightsHasher(blake3::Hasher::new())
    }

    /// Adds a whole tensor.
    fn whole(&mut self, name: &str, blob: &Blob) {
        self.begin(name, &blob.shape);
        little_endian_chunks(&blob.data).for_each(|bytes| self.bytes(&bytes));
    }

    /// Starts a tensor; its bytes follow.
    pub(super) fn begin(&mut self, name: &str, shape: &[usize]) {
        self.number(name.len());
        self.0.update(name.as_bytes());
        self.number(shape.len());
        shape.iter().for_each(|&size| self.number(size));
    }

    /// Adds little-endian bytes of the tensor begun last.
    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(super) fn finish(&self) -> ContentHash {
        ContentHash(self.0.finalize().to_hex().to_string())
    }

    fn number(&mut self, number: usize) {
        self.0.update(&(number as u64).to_le_bytes());
    }
}

/// Values as the file holds them.
pub(super) fn little_endian(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// Values in pieces of bounded size, as the file holds them.
pub(super) fn little_endian_chunks(values: &[f32]) -> impl Iterator<Item = Vec<u8>> + '_ {
    values.chunks(CHUNK_VALUES).map(little_endian)
}

fn write_canonical(value: &Value, out: &mut impl Write) -> io::Result<()> {
    match value {
        Value::Object(map) => {
            let mut keys: Vec<&String> = map.keys().collect();
            keys.sort();
            out.write_all(b"{")?;
            for (i, key) in keys.into_iter().enumerate() {
                if i > 0 {
                    out.write_all(b",")?;
                }
                serde_json::to_writer(&mut *out, key)?;
                out.write_all(b":")?;
                write_canonical(&map[key.as_str()], out)?;
            }
            out.write_all(b"}")
        }
        Value::Array(items) => {
            out.write_all(b"[")?;
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.write_all(b",")?;
                }
                write_canonical(item, out)?;
            }
            out.write_all(b"]")
        }
        scalar => Ok(serde_json::to_writer(out, scalar)?),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn key_order_does_not_matter_and_everything_else_does() {
        let hash = json_hash(&json!({"a": 1, "b": [1.5, null, "x"]}));
        assert_eq!(hash, json_hash(&json!({"b": [1.5, null, "x"], "a": 1})));
        for other in [
            json!({"a": 1.0, "b": [1.5, null, "x"]}),
            json!({"a": 1, "b": [null, 1.5, "x"]}),
            json!({"a": 1, "b": [1.5, null, "x", {}]}),
            json!({"a": "1", "b": [1.5, null, "x"]}),
        ] {
            assert_ne!(hash, json_hash(&other), "{other}");
        }
    }

    /// Reference: `printf '{"a":1,"b":[true]}' | b3sum`.
    #[test]
    fn the_canonical_form_is_compact_json_with_sorted_keys() {
        let expected = ContentHash::of_bytes(br#"{"a":1,"b":[true]}"#);
        assert_eq!(json_hash(&json!({"b": [true], "a": 1})), expected);
    }

    #[test]
    fn names_shapes_and_values_do_not_run_into_each_other() {
        let hash = |name: &str, shape: &[usize], data: &[f32]| {
            let blob = Blob { shape: shape.to_vec(), data: data.to_vec() };
            weights_hash(&BTreeMap::from([(name.to_owned(), blob)]))
        };
        let base = hash("w", &[2, 1], &[0.0, 1.0]);
        for other in [
            hash("w", &[1, 2], &[0.0, 1.0]),
            hash("w", &[2], &[0.0, 1.0]),
            hash("v", &[2, 1], &[0.0, 1.0]),
            hash("w", &[2, 1], &[-0.0, 1.0]),
        ] {
            assert_ne!(base, other);
        }
    }

    #[test]
    fn only_hashes_parse() {
        let hash = ContentHash::of_bytes(b"x");
        assert_eq!(ContentHash::parse(hash.as_str()).unwrap(), hash);
        assert!(ContentHash::parse("abc").is_err());
        assert!(ContentHash::parse(&hash.as_str().to_uppercase()).is_err());
        assert!(serde_json::from_str::<ContentHash>("\"é\"").is_err());
    }
}
