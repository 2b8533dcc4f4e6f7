//! Pairs of names and values, as addresses and forms write them.

/// Most pairs that are read.
const MOST: usize = 2000;

/// The pairs of `a=1&b=two+words`. What is no UTF-8 becomes a mark of it.
pub(crate) fn pairs(text: &str) -> Vec<(String, String)> {
    let parts = text.split('&').filter(|part| !part.is_empty()).take(MOST);
    parts
        .map(|part| {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            (decoded(name), decoded(value))
        })
        .collect()
}

/// A text without `%41` and `+`.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let digit = |i: usize| after.get(i).and_then(|byte| (*byte as char).to_digit(16));
        match (byte, digit(0), digit(1)) {
            (b'%', Some(high), Some(low)) => {
                bytes.push((high * 16 + low) as u8);
                rest = &after[2..];
            }
            (b'+', ..) => {
                bytes.push(b' ');
                rest = after;
            }
            _ => {
                bytes.push(byte);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_read_as_browsers_write_them() {
        let read = |text: &str| pairs(text);
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(read("a=1&b=two+words&c"), [pair("a", "1"), pair("b", "two words"), pair("c", "")]);
        assert_eq!(read("%C3%A4=%3D%26%25&&=x"), [pair("ä", "=&%"), pair("", "x")]);
        assert_eq!(read("a=%4&b=%zz&c=%ff"), [pair("a", "%4"), pair("b", "%zz"), pair("c", "\u{fffd}")]);
        assert_eq!(read(""), []);
    }
}
