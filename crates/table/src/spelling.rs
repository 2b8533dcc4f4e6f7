//! What one text means: a number, yes or no, the name of a category; and the one spelling of what several mean.

use serde::{Deserialize, Serialize};

/// Whole numbers of so many digits are all held exactly by 64 bits, IEEE 754.
const EXACT_DIGITS: usize = 15;
/// Spellings of yes and no; a pair stands at the same place in both lists.
const TRUE_WORDS: [&str; 6] = ["true", "yes", "t", "y", "1", "on"];
const FALSE_WORDS: [&str; 6] = ["false", "no", "f", "n", "0", "off"];

/// What of a whole number beyond 2^53 enters a row's hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WholeNumbers {
    /// The nearest number of 64 bits, IEEE 754, as until format 1.4: 9007199254740993 is 9007199254740992.
    #[default]
    Rounded,
    /// All of its digits.
    Exact,
}

impl WholeNumbers {
    /// Whether they are rounded.
    pub(crate) fn is_rounded(&self) -> bool {
        *self == WholeNumbers::Rounded
    }
}

/// A number from text, which may be `inf` or `nan`.
pub fn parse_number(text: &str) -> Option<f64> {
    text.trim().parse().ok()
}

/// Yes or no from text, by the usual spellings in any case.
pub fn parse_truth(text: &str) -> Option<bool> {
    let (truth, _) = truth_pair(text)?;
    Some(truth)
}

/// Yes or no as one who wrote `like` would write it, in its pair of spellings and its capitals: `NO` beside `YES`, `f`
/// beside `t`. None where `like` is neither yes nor no.
pub fn truth_like(truth: bool, like: &str) -> Option<String> {
    let (own, pair) = truth_pair(like)?;
    let like = category(like);
    if own == truth {
        return Some(like.to_owned());
    }
    let word = if truth { TRUE_WORDS[pair] } else { FALSE_WORDS[pair] };
    let (first, rest) = word.split_at(1);
    let is_capital = |c: char| !c.is_lowercase();
    Some(match (like.chars().all(is_capital), like.starts_with(is_capital)) {
        (true, _) => word.to_uppercase(),
        (false, true) => first.to_uppercase() + rest,
        (false, false) => word.to_owned(),
    })
}

/// All spellings of yes and no in lower case, and which of the two each is.
pub fn truth_words() -> impl Iterator<Item = (&'static str, bool)> {
    let of = |words: [&'static str; 6], truth| words.into_iter().map(move |word| (word, truth));
    of(TRUE_WORDS, true).chain(of(FALSE_WORDS, false))
}

/// Yes or no, and which pair of spellings (`yes`/`no`, `t`/`f`, ...) the text belongs to.
pub(crate) fn truth_pair(text: &str) -> Option<(bool, usize)> {
    let text = text.trim();
    // All words begin with one of these, and most cells of a table do not.
    if !text.starts_with(['t', 'T', 'y', 'Y', 'o', 'O', 'f', 'F', 'n', 'N', '1', '0', '-']) {
        return None;
    }
    let text = category(text);
    let place = |words: &[&str]| words.iter().position(|w| w.eq_ignore_ascii_case(text));
    place(&TRUE_WORDS).map(|pair| (true, pair)).or_else(|| place(&FALSE_WORDS).map(|pair| (false, pair)))
}

/// The one spelling of what several spellings mean: no space around it, `true` and `false` in lower case,
/// numbers without needless zeros (`1.0` and `1e0` are `1`). Whole numbers keep all of their digits; what
/// has a leading zero or a plus is a code and no number.
pub fn canonical(text: &str) -> String {
    let text = category(text);
    let is_truth = ["true", "false"].iter().any(|word| word.eq_ignore_ascii_case(text));
    if is_truth {
        return text.to_ascii_lowercase();
    }
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_code = !digits.starts_with(|c: char| c.is_ascii_digit())
        || (digits.starts_with('0') && digits[1..].starts_with(|c: char| c.is_ascii_digit()));
    if is_code || digits.bytes().all(|b| b.is_ascii_digit()) {
        return if text == "-0" { digits } else { text }.to_owned();
    }
    let number = parse_number(text).filter(|v| v.is_finite()).and_then(number_text);
    number.map_or_else(|| text.to_owned(), |number| category(&number).to_owned())
}

/// A number for messages: a whole number as it is, another one with six significant digits.
pub fn short_text(value: f64) -> String {
    let short = if value.trunc() == value { value } else { format!("{value:.5e}").parse().unwrap_or(value) };
    number_text(short).unwrap_or_default()
}

/// The shortest text that reads back as this number; none for NaN.
pub fn number_text(value: f64) -> Option<String> {
    match value {
        v if v.is_nan() => None,
        v if v.trunc() == v && v.abs() < 1e15 => Some(format!("{}", v + 0.0)),
        v => Some(format!("{v:?}")),
    }
}

/// The digits of a whole number, with `-` before a negative one, where `number`, which was read from its text,
/// is not it but the nearest of 64 bits, IEEE 754.
pub fn rounded_whole(text: &str, number: f64) -> Option<&str> {
    // Below 2^53 all are held exactly.
    if number.abs() < 9_007_199_254_740_992.0 {
        return None;
    }
    // What is written here is the number's value, digit by digit.
    let digits = format!("{:.0}", number.abs());
    long_whole(text).filter(|whole| whole.strip_prefix('-').unwrap_or(whole) != digits)
}

/// The digits of a whole number of more than 15 of them, with `-` before a negative one.
pub fn long_whole(text: &str) -> Option<&str> {
    let text = text.trim();
    let whole = category(text.strip_prefix('+').unwrap_or(text));
    let digits = whole.strip_prefix('-').unwrap_or(whole);
    (digits.len() > EXACT_DIGITS && digits.bytes().all(|b| b.is_ascii_digit())).then_some(whole)
}

/// [`canonical`] of categories: without blanks around it, and a whole number without the `.0` that some programs write.
pub(crate) fn category(text: &str) -> &str {
    let text = text.trim();
    let Some((whole, zeros)) = text.split_once('.') else { return text };
    let digits = whole.strip_prefix('-').unwrap_or(whole);
    let is_number = digits.bytes().all(|b| b.is_ascii_digit()) && (digits == "0" || !digits.starts_with('0'));
    let is_whole = !zeros.is_empty() && zeros.bytes().all(|b| b == b'0');
    if is_number && !digits.is_empty() && is_whole {
        if whole == "-0" { digits } else { whole }
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_value_has_one_canonical_spelling() {
        for (text, expected) in [
            ("1", "1"),
            (" 1.0", "1"),
            ("1e0", "1"),
            ("-2.50", "-2.5"),
            ("1E300", "1e300"),
            ("1000000000000000", "1000000000000000"),
            ("1e15", "1000000000000000"),
            ("0.0000001", "1e-7"),
            ("9007199254740993.0", "9007199254740993"),
            ("TRUE", "true"),
            ("False ", "false"),
            ("01", "01"),
            ("+1", "+1"),
            ("-0", "0"),
            ("Yes", "Yes"),
            ("1.2.3", "1.2.3"),
            ("nan", "nan"),
            ("inf", "inf"),
            ("-", "-"),
            ("", ""),
        ] {
            assert_eq!(canonical(text), expected, "`{text}`");
        }
    }

    #[test]
    fn yes_and_no_are_written_as_their_like_is() {
        for (truth, like, expected) in [
            (false, "yes", "no"),
            (true, " No ", "Yes"),
            (false, "TRUE", "FALSE"),
            (true, "F", "T"),
            (false, "On", "Off"),
            (true, "0.0", "1"),
            (true, "Yes", "Yes"),
        ] {
            assert_eq!(truth_like(truth, like).as_deref(), Some(expected), "`{like}`");
        }
        assert_eq!(truth_like(true, "maybe"), None);
    }
}
