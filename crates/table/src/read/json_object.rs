//! One line of JSON to the cells of a flat object.
//!
//! Own code, because a number must keep the digits that were written until the type of its column
//! is known: `12345678901234567890` is an id in one file and a quantity in the next.

use std::borrow::Cow;

use serde::de::IgnoredAny;

/// A value that fits into one cell.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Scalar<'a> {
    Null,
    Bool(bool),
    /// An integer that `i64` holds, and its digits.
    Int(i64, &'a str),
    /// An integer beyond `i64`, as written.
    WideInt(&'a str),
    /// Any other number, and its text.
    Float(f64, &'a str),
    Text(Cow<'a, str>),
    /// A value with values in it, in a word and as written.
    Nested(&'static str, &'a str),
}

/// What breaks a line.
#[derive(Debug, PartialEq)]
pub(super) struct JsonFault {
    /// Byte in the line where it shows, from 0.
    pub(super) at: usize,
    /// The key whose value it is, if one was read.
    pub(super) key: Option<String>,
    pub(super) what: String,
    pub(super) hint: &'static str,
}

const HINT_OBJECT: &str = "write one flat object per line: `{\"name\": value, ...}`";
const HINT_NUMBER: &str = "write text in double quotes and a missing value as null";

/// Why a cell is not taken, and the hint.
pub(super) type Refusal = (&'static str, &'static str);

/// Calls `on_cell` for each key and value of the object that is this line.
pub(super) fn parse_object<'a>(
    line: &'a str,
    mut on_cell: impl FnMut(&str, Scalar<'a>) -> Result<(), Refusal>,
) -> Result<(), JsonFault> {
    let mut cursor = Cursor { line, at: 0 };
    cursor.expect(b'{', None)?;
    if cursor.peek() == Some(b'}') {
        cursor.at += 1;
        return cursor.end();
    }
    loop {
        if cursor.peek() != Some(b'"') {
            return Err(cursor.unexpected("a key in double quotes", None));
        }
        let key = cursor.string(None)?;
        cursor.expect(b':', Some(&key))?;
        cursor.peek();
        let start = cursor.at;
        let value = cursor.scalar(&key)?;
        on_cell(&key, value).map_err(|(what, hint)| JsonFault {
            at: start,
            key: Some(key.to_string()),
            what: what.to_owned(),
            hint,
        })?;
        match cursor.peek() {
            Some(b',') => cursor.at += 1,
            Some(b'}') => {
                cursor.at += 1;
                return cursor.end();
            }
            _ => return Err(cursor.unexpected("`,` or `}`", Some(&key))),
        }
    }
}

struct Cursor<'a> {
    line: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    /// The next byte that is not white space.
    fn peek(&mut self) -> Option<u8> {
        let rest = &self.line.as_bytes()[self.at..];
        self.at += rest.iter().take_while(|b| matches!(b, b' ' | b'\t' | b'\r' | b'\n')).count();
        self.line.as_bytes().get(self.at).copied()
    }

    fn expect(&mut self, byte: u8, key: Option<&str>) -> Result<(), JsonFault> {
        if self.peek() != Some(byte) {
            return Err(self.unexpected(&format!("`{}`", char::from(byte)), key));
        }
        self.at += 1;
        Ok(())
    }

    fn end(&mut self) -> Result<(), JsonFault> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(self.unexpected("the end of the line", None)),
        }
    }

    fn scalar(&mut self, key: &str) -> Result<Scalar<'a>, JsonFault> {
        let rest = &self.line[self.at..];
        match rest.bytes().next() {
            Some(b'"') => self.string(Some(key)).map(Scalar::Text),
            Some(b'{') => self.nested(key, "an object"),
            Some(b'[') => self.nested(key, "a list"),
            Some(b'-' | b'0'..=b'9') => self.number(key),
            _ => {
                let words =
                    [("null", Scalar::Null), ("true", Scalar::Bool(true)), ("false", Scalar::Bool(false))];
                let n_bytes = rest.bytes().take_while(u8::is_ascii_alphanumeric).count();
                match words.into_iter().find(|(word, _)| *word == &rest[..n_bytes]) {
                    Some((_, value)) => {
                        self.at += n_bytes;
                        Ok(value)
                    }
                    None => Err(self.unexpected("a value", Some(key))),
                }
            }
        }
    }

    fn nested(&mut self, key: &str, what: &'static str) -> Result<Scalar<'a>, JsonFault> {
        let mut values = serde_json::Deserializer::from_str(&self.line[self.at..]).into_iter::<IgnoredAny>();
        match values.next() {
            Some(Ok(_)) => {
                let text = &self.line[self.at..self.at + values.byte_offset()];
                self.at += text.len();
                Ok(Scalar::Nested(what, text))
            }
            found => {
                let found = found.and_then(Result::err).map(|e| e.to_string()).unwrap_or_default();
                Err(self.fault(format!("{what} that is no valid JSON: {found}"), Some(key), HINT_OBJECT))
            }
        }
    }

    fn number(&mut self, key: &str) -> Result<Scalar<'a>, JsonFault> {
        let rest = &self.line[self.at..];
        let is_part = |b: &u8| matches!(b, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
        let text = &rest[..rest.bytes().take_while(|b| is_part(b)).count()];
        let digits = text.strip_prefix('-').unwrap_or(text);
        let is_integer = digits.bytes().all(|b| b.is_ascii_digit())
            && !digits.is_empty()
            && (digits == "0" || !digits.starts_with('0'));
        let value = if is_integer {
            text.parse().map_or(Scalar::WideInt(text), |value| Scalar::Int(value, text))
        } else {
            // Checks the grammar of JSON numbers, and refuses what overflows.
            let value = serde_json::from_str(text).map_err(|_| {
                self.fault(
                    format!("the number `{text}` is not valid JSON or out of range"),
                    Some(key),
                    HINT_NUMBER,
                )
            })?;
            Scalar::Float(value, text)
        };
        self.at += text.len();
        Ok(value)
    }

    /// The text between the quotes; the cursor stands on the first one.
    fn string(&mut self, key: Option<&str>) -> Result<Cow<'a, str>, JsonFault> {
        let start = self.at;
        let bytes = self.line.as_bytes();
        let (mut end, mut is_plain) = (start + 1, true);
        loop {
            match bytes.get(end) {
                Some(b'"') => break,
                Some(b'\\') => {
                    is_plain = false;
                    end += 2;
                }
                Some(byte) => {
                    is_plain &= !byte.is_ascii_control();
                    end += 1;
                }
                None => {
                    return Err(self.fault(
                        "found a text without closing quote".to_owned(),
                        key,
                        HINT_OBJECT,
                    ));
                }
            }
        }
        self.at = end + 1;
        if is_plain {
            return Ok(Cow::Borrowed(&self.line[start + 1..end]));
        }
        serde_json::from_str(&self.line[start..=end]).map(Cow::Owned).map_err(|_| {
            self.at = start;
            self.fault(
                "found a text with a broken escape or a raw control character".to_owned(),
                key,
                HINT_OBJECT,
            )
        })
    }

    fn unexpected(&mut self, wanted: &str, key: Option<&str>) -> JsonFault {
        self.peek();
        let rest = &self.line[self.at..];
        let word_bytes = rest.bytes().take_while(u8::is_ascii_alphanumeric).take(20).count();
        let found = match rest.chars().next() {
            None => "the end of the line".to_owned(),
            Some(c) if word_bytes == 0 => format!("`{}`", c.escape_debug()),
            Some(_) => format!("`{}`", &rest[..word_bytes]),
        };
        let hint = if wanted == "a value" { HINT_NUMBER } else { HINT_OBJECT };
        self.fault(format!("expected {wanted}, found {found}"), key, hint)
    }

    fn fault(&self, what: String, key: Option<&str>, hint: &'static str) -> JsonFault {
        JsonFault { at: self.at, key: key.map(str::to_owned), what, hint }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Map, Value, json};

    /// The cells as `serde_json` would give them.
    fn parsed(line: &str) -> Result<Map<String, Value>, JsonFault> {
        let mut object = Map::new();
        parse_object(line, |key, value| {
            let value = match value {
                Scalar::Null => Value::Null,
                Scalar::Bool(b) => json!(b),
                Scalar::Int(i, _) => json!(i),
                Scalar::WideInt(text) => serde_json::from_str(text).unwrap(),
                Scalar::Float(f, _) => json!(f),
                Scalar::Text(text) => json!(text),
                Scalar::Nested(_, text) => serde_json::from_str(text).unwrap(),
            };
            object.insert(key.to_owned(), value);
            Ok(())
        })?;
        Ok(object)
    }

    fn scalar() -> impl Strategy<Value = Value> {
        prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(|b| json!(b)),
            any::<i64>().prop_map(|i| json!(i)),
            any::<u64>().prop_map(|i| json!(i)),
            any::<f64>().prop_map(|f| json!(f)),
            ".{0,12}".prop_map(|s| json!(s)),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn agrees_with_serde_json(cells in proptest::collection::btree_map(".{0,6}", scalar(), 0..5)) {
            let object: Map<String, Value> = cells.into_iter().collect();
            let line = serde_json::to_string(&object).unwrap();
            prop_assert_eq!(parsed(&line).unwrap(), object.clone());
            let pretty = serde_json::to_string_pretty(&object).unwrap();
            prop_assert_eq!(parsed(&pretty).unwrap(), object);
        }

        #[test]
        fn accepts_nothing_that_serde_json_refuses(line in "\\{\"a\": ?[-+0-9.eE\"\\\\unltrasfe,:{}\\[\\] ]{0,8}\\}?") {
            if parsed(&line).is_ok() {
                prop_assert!(serde_json::from_str::<Map<String, Value>>(&line).is_ok(), "{}", line);
            }
        }
    }
}
