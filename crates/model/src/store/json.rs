//! JSON that may be anything: how much is there, and is it spelled as we would?

use std::fmt;
use std::io::{self, Write};

use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use crate::error::{Error, Result};

/// Refuses a JSON text of more than `most` values before one of them is allocated.
///
/// # Errors
/// A malformed error, also if the text is no JSON.
pub(super) fn check_number(what: &str, text: &str, most: u64) -> Result<()> {
    let mut left = most;
    let mut source = serde_json::Deserializer::from_str(text);
    let counted = Count { left: &mut left }.deserialize(&mut source).and_then(|()| source.end());
    match counted {
        Ok(()) => Ok(()),
        Err(e) if e.is_data() => Err(too_many(what, most)),
        Err(e) => Err(Error::malformed(format!("{what} is no JSON: {e}")).with_source(e)),
    }
}

/// The error of more values than are allowed.
pub(super) fn too_many(what: &str, most: u64) -> Error {
    Error::malformed(format!("{what} has more than {most} values, which are allowed for a file of this size"))
        .with_hint("no model of this size has as many; raise `max_manifest_values` if the file is yours")
}

/// Values of a value, itself included.
pub(super) fn n_values(value: &Value) -> u64 {
    match value {
        Value::Object(map) => 1 + map.values().map(n_values).sum::<u64>(),
        Value::Array(items) => 1 + items.iter().map(n_values).sum::<u64>(),
        _ => 1,
    }
}

/// Whether these bytes are what `write` writes, which is not kept.
pub(super) fn is_spelled(bytes: &[u8], write: impl FnOnce(&mut Spelling<'_>) -> io::Result<()>) -> bool {
    let mut spelling = Spelling { rest: bytes };
    write(&mut spelling).is_ok() && spelling.rest.is_empty()
}

/// Takes bytes as long as they are the expected ones.
pub(super) struct Spelling<'b> {
    rest: &'b [u8],
}

impl Write for Spelling<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.rest = self.rest.strip_prefix(bytes).ok_or(io::ErrorKind::InvalidData)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Counts values down; fails below 0.
struct Count<'l> {
    left: &'l mut u64,
}

impl Count<'_> {
    fn one<E: de::Error>(&mut self) -> Result<(), E> {
        *self.left = self.left.checked_sub(1).ok_or_else(|| E::custom("too many values"))?;
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Count<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(mut self, deserializer: D) -> Result<(), D::Error> {
        self.one()?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Count<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items.next_element_seed(Count { left: &mut *self.left })?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while map.next_key::<IgnoredAny>()?.is_some() {
            map.next_value_seed(Count { left: &mut *self.left })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_counted_in_text_as_in_memory() {
        let text = r#"{"a":[1,-2,0.5,null,true,"x\n"],"b":{"c":[],"d":{}}}"#;
        let n = n_values(&serde_json::from_str(text).unwrap());
        assert_eq!(n, 11);
        assert!(check_number("it", text, n).is_ok());
        let error = check_number("it", text, n - 1).unwrap_err();
        assert!(error.to_string().starts_with("it has more than 10 values"), "{error}");
        assert!(check_number("it", "[1,", 9).unwrap_err().to_string().contains("is no JSON"));
        assert!(check_number("it", "[1] 2", 9).unwrap_err().to_string().contains("is no JSON"));
        assert!(check_number("it", &"[".repeat(100_000), 9).is_err(), "the stack is finite");
    }

    #[test]
    fn a_spelling_is_compared_to_its_end() {
        let spelled =
            |bytes: &[u8]| is_spelled(bytes, |out| out.write_all(b"ab").and_then(|()| out.write_all(b"c")));
        assert!(spelled(b"abc"));
        assert!(!spelled(b"ab") && !spelled(b"abcd") && !spelled(b"abx") && !spelled(b""));
    }
}
