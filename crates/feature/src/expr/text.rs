//! What formulas do with texts: parts, patterns, joining, counting.

use arrow::array::Array;

use super::evaluate::texts;
use super::number::Number;
use super::reading::Values;
use crate::error::{Error, Result};

/// Longest text that a formula makes: features that double each other's text must not fill the memory.
const MAX_TEXT_BYTES: usize = 64 * 1024;

/// So many characters from the start-th on, counted from 1, or from the end where it is negative. None where a
/// number is missing, `start` is 0 or `length` negative; fractions are cut off.
pub(super) fn substr(text: &str, start: f64, length: f64) -> Option<String> {
    let (start, length) = (start.trunc(), length.trunc());
    if start.is_nan() || start == 0.0 || length.is_nan() || length < 0.0 {
        return None;
    }
    let n_chars = text.chars().count() as f64;
    let first = if start > 0.0 { start - 1.0 } else { n_chars + start };
    // What lies before the text takes of the length.
    let end = (first + length).clamp(0.0, n_chars);
    let first = first.clamp(0.0, n_chars);
    Some(text.chars().skip(first as usize).take((end - first).max(0.0) as usize).collect())
}

/// Whether `text` fits a pattern in which `%` stands for any characters and `_` for one.
///
/// On a mismatch the last `%` takes one character more, so the work is at most the product of lengths.
pub(super) fn like(text: &[char], pattern: &[char]) -> bool {
    let (mut t, mut p, mut retry) = (0, 0, None);
    while t < text.len() {
        match pattern.get(p) {
            Some('%') => {
                retry = Some((p + 1, t));
                p += 1;
            }
            Some(c) if *c == '_' || *c == text[t] => (t, p) = (t + 1, p + 1),
            _ => match &mut retry {
                Some((after, from)) => {
                    *from += 1;
                    (p, t) = (*after, *from);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == '%')
}

pub(super) fn concat_texts(args: Vec<Values>, n_rows: usize) -> Result<Values> {
    let args = args.into_iter().map(texts).collect::<Result<Vec<_>>>()?;
    let joined = |i: usize| {
        if args.iter().any(|a| a.is_null(i)) {
            return Ok(None);
        }
        let n_bytes: usize = args.iter().map(|a| a.value(i).len()).sum();
        refuse_long("concat", n_bytes)?;
        Ok(Some(args.iter().map(|a| a.value(i)).collect::<String>()))
    };
    Ok(Values::Text((0..n_rows).map(joined).collect::<Result<_>>()?))
}

/// `f` of each text; `name` is the function's in the error of a text that is too long.
pub(super) fn map_text(name: &str, text: Values, f: impl Fn(&str) -> String) -> Result<Values> {
    let short = |text: &str| {
        // Some letters have more bytes in the other case, so the result is what counts.
        let text = f(text);
        refuse_long(name, text.len()).map(|()| text)
    };
    let texts = texts(text)?;
    Ok(Values::Text(texts.iter().map(|t| t.map(short).transpose()).collect::<Result<_>>()?))
}

fn refuse_long(name: &str, n_bytes: usize) -> Result<()> {
    if n_bytes <= MAX_TEXT_BYTES {
        return Ok(());
    }
    Err(Error::value(format!(
        "`{name}` gives a text of {n_bytes} bytes, at most {MAX_TEXT_BYTES} are allowed"
    )))
}

pub(super) fn count_in(text: Values, f: impl Fn(&str) -> usize) -> Result<Values> {
    Ok(Values::Number(
        texts(text)?.iter().map(|t| t.map_or(Number::MISSING, |t| (f(t) as f64).into())).collect(),
    ))
}

pub(super) fn ask_texts(text: Values, part: Values, f: impl Fn(&str, &str) -> bool) -> Result<Values> {
    let (text, part) = (texts(text)?, texts(part)?);
    Ok(Values::Bool(text.iter().zip(part.iter()).map(|(t, p)| t.zip(p).map(|(t, p)| f(t, p))).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The definition, by recursion.
    fn like_slowly(text: &[char], pattern: &[char]) -> bool {
        match pattern.split_first() {
            None => text.is_empty(),
            Some(('%', rest)) => (0..=text.len()).any(|i| like_slowly(&text[i..], rest)),
            Some((c, rest)) => {
                text.split_first().is_some_and(|(t, ts)| (*c == '_' || c == t) && like_slowly(ts, rest))
            }
        }
    }

    proptest! {
        #[test]
        fn like_agrees_with_its_definition(text in "[ab]{0,8}", pattern in "[ab%_]{0,6}") {
            let (text, pattern): (Vec<char>, Vec<char>) = (text.chars().collect(), pattern.chars().collect());
            prop_assert_eq!(like(&text, &pattern), like_slowly(&text, &pattern));
        }
    }
}
