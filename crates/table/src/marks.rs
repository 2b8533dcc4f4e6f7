//! Numbers as they are written around the world: what marks the decimals, what groups the thousands.
//!
//! `1.299,99`, `1 299,99` and `1'299.99` say of themselves which of their marks is the decimal one;
//! `1.250` does not. [`Fit`] says what one cell leaves open, and [`canonical`] writes a cell with a
//! decimal point and without grouping, digit by digit.

use std::borrow::Cow;

use crate::spelling::parse_number;

/// Marks that may stand between groups of digits; `.` and `,` only where they are not the decimal mark.
const GROUPING: [char; 9] = ['.', ',', '\'', '’', ' ', '\u{a0}', '\u{202f}', '\u{2009}', '_'];

/// Those that stand in no telephone number, code or version, so that digits between them are a number.
const ONLY_GROUPING: [char; 5] = ['\'', '’', '\u{a0}', '\u{202f}', '\u{2009}'];

/// Zeros of the scripts that write decimal numbers with digits of their own, each with the other nine behind it
/// (Unicode, general category `Nd`): Arabic, Persian and Urdu, the scripts of India, Thai, Lao, Tibetan, Burmese, Khmer,
/// Mongolian, and the wide ones of East Asia.
const ZEROS: [char; 18] = [
    '\u{660}', '\u{6f0}', '\u{966}', '\u{9e6}', '\u{a66}', '\u{ae6}', '\u{b66}', '\u{be6}', '\u{c66}',
    '\u{ce6}', '\u{d66}', '\u{e50}', '\u{ed0}', '\u{f20}', '\u{1040}', '\u{17e0}', '\u{1810}', '\u{ff10}',
];

/// Most characters of a unit behind a number, such as `cm`, `kWh/m²` or `°C`.
const LONGEST_UNIT: usize = 12;

/// Signs that people write before or behind a number.
const SIGNS: [&str; 16] =
    ["%", "€", "$", "£", "¥", "₹", "EUR", "USD", "GBP", "CHF", "JPY", "Fr.", "kr", "zł", "~", "≈"];

/// What stands before a number of base 16, and most digits of one.
const HEX: &str = "0x";
const MOST_HEX_DIGITS: usize = 15;

/// What marks the decimals of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub enum DecimalMark {
    /// As in `1299.99`.
    #[serde(rename = ".")]
    Point,
    /// As in `1299,99`.
    #[serde(rename = ",")]
    Comma,
}

impl DecimalMark {
    /// The mark itself.
    pub fn mark(self) -> char {
        match self {
            DecimalMark::Point => '.',
            DecimalMark::Comma => ',',
        }
    }

    /// The other one.
    pub fn other(self) -> Self {
        match self {
            DecimalMark::Point => DecimalMark::Comma,
            DecimalMark::Comma => DecimalMark::Point,
        }
    }

    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            DecimalMark::Point => "a decimal point",
            DecimalMark::Comma => "a decimal comma",
        }
    }
}

impl std::str::FromStr for DecimalMark {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "." => Ok(DecimalMark::Point),
            "," => Ok(DecimalMark::Comma),
            other => Err(format!("`{other}` is no decimal mark; allowed are `.` and `,`")),
        }
    }
}

/// The same text with the digits 0 to 9 in place of another script's, and with the Arabic marks of decimals and thousands
/// as `.` and `,`; borrowed if it has no such digit.
fn western(text: &str) -> Cow<'_, str> {
    let digit = |c: char| {
        let place = |zero: &char| (c as u32).checked_sub(*zero as u32).filter(|n| *n < 10);
        ZEROS.iter().find_map(place).and_then(|n| char::from_digit(n, 10))
    };
    if text.is_ascii() || !text.chars().any(|c| digit(c).is_some()) {
        return Cow::Borrowed(text);
    }
    let spelled = |c| match c {
        '\u{66b}' => '.',
        '\u{66c}' => ',',
        c => digit(c).unwrap_or(c),
    };
    Cow::Owned(text.chars().map(spelled).collect())
}

/// Whether a text has digits of a script that does not write 0 to 9.
pub(crate) fn has_other_digits(text: &str) -> bool {
    matches!(western(text), Cow::Owned(_))
}

/// Whether a number is spelled by digits or an exponent that only some programs and countries write: `٣`, `1.5D+03`.
pub(crate) fn is_spelled_otherwise(text: &str) -> bool {
    has_other_digits(text)
        || (parse_number(text).is_none() && split_exponent(text, '.').1.starts_with(['d', 'D']))
}

/// The digits of a number and its exponent, from its letter on. Fortran writes a `D` for numbers of double precision; where
/// neither decimals nor a sign say so, it is another letter.
fn split_exponent(body: &str, mark: char) -> (&str, &str) {
    let of_fortran = |at: &usize| body[..*at].contains(mark) || body[at + 1..].starts_with(['+', '-']);
    let at = body.find(['e', 'E']).or_else(|| body.find(['d', 'D']).filter(of_fortran));
    body.split_at(at.unwrap_or(body.len()))
}

/// Whether this character may group the digits of a number.
pub(crate) fn can_group(mark: char) -> bool {
    GROUPING.contains(&mark)
}

/// What one cell says about the marks of its column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fit {
    /// Whether it is a number with a decimal point.
    pub(crate) point: bool,
    /// Whether it is a number with a decimal comma.
    pub(crate) comma: bool,
    /// Whether it has a mark at all, a minus behind it or parentheses around it.
    pub(crate) marked: bool,
    /// Whether it has a mark that only groups digits, or digits of another script.
    pub(crate) grouped: bool,
    /// Whether it has a decimal mark, or a point or comma between groups: what no telephone number has.
    pub(crate) tells: bool,
    /// Whether it has two different marks, so that nothing is open.
    pub(crate) strong: bool,
}

impl Fit {
    /// Looks at one cell that has a value.
    pub(crate) fn of(text: &str, thousands: Option<char>) -> Self {
        let text = text.trim();
        if let Some(decimals) = plain_decimals(text) {
            return Fit::of_plain(text, decimals, thousands);
        }
        if let Cow::Owned(text) = western(text) {
            return Fit { marked: true, grouped: true, ..Fit::of(&text, thousands) };
        }
        let plain = parse_number(text).is_some();
        let points_and_commas = text.bytes().filter(|b| matches!(b, b'.' | b',')).count();
        if plain && points_and_commas == 0 {
            return Fit {
                point: true,
                comma: true,
                marked: false,
                grouped: false,
                tells: false,
                strong: false,
            };
        }
        let point = plain || canonical(text, DecimalMark::Point, thousands).is_some();
        let comma = canonical(text, DecimalMark::Comma, thousands).is_some();
        let mut kinds: Vec<char> = text.chars().filter(|c| can_group(*c)).collect();
        kinds.sort_unstable();
        kinds.dedup();
        let grouped = kinds.iter().any(|kind| ONLY_GROUPING.contains(kind));
        Fit { point, comma, marked: true, grouped, tells: points_and_commas > 0, strong: kinds.len() > 1 }
    }

    /// Of one that is written plainly, as most are: a table has millions of them. `decimals` are those of
    /// [`plain_decimals`].
    pub(crate) fn of_plain(text: &str, decimals: Option<usize>, thousands: Option<char>) -> Self {
        let comma = match decimals {
            None => true,
            // A group of thousands is the only other thing that a point can be.
            Some(3) => {
                let n_whole = text.len() - ".000".len() - usize::from(text.starts_with('-'));
                let whole = &text[text.len() - ".000".len() - n_whole..];
                n_whole <= 3 && !whole.starts_with('0') && thousands.is_none_or(|only| only == '.')
            }
            Some(_) => false,
        };
        Fit {
            point: true,
            comma,
            marked: decimals.is_some(),
            grouped: false,
            tells: decimals.is_some(),
            strong: false,
        }
    }
}

/// Of digits with an optional minus before them: none, or how many digits stand behind a decimal point. Nothing for
/// any other text.
pub(crate) fn plain_decimals(text: &str) -> Option<Option<usize>> {
    let digits = text.strip_prefix('-').unwrap_or(text).as_bytes();
    let point = digits.iter().position(|byte| !byte.is_ascii_digit());
    let whole = &digits[..point.unwrap_or(digits.len())];
    match point {
        _ if whole.is_empty() => None,
        None => Some(None),
        Some(at) => {
            let decimals = &digits[at + 1..];
            let is_plain =
                digits[at] == b'.' && !decimals.is_empty() && decimals.iter().all(u8::is_ascii_digit);
            is_plain.then_some(Some(decimals.len()))
        }
    }
}

/// The same number with a decimal point, without grouping and with its minus in front, if the text is
/// a number with this decimal mark. Digits stay as they are, those of other scripts as 0 to 9.
///
/// Digits may be grouped by threes, or as in India (`12,34,567`), by any one mark that is not the
/// decimal one; `thousands` leaves only one of them.
pub(crate) fn canonical(text: &str, decimal: DecimalMark, thousands: Option<char>) -> Option<String> {
    let text: &str = &western(text.trim());
    // As ledgers write it: behind the number, or in parentheses.
    let in_parentheses = || text.strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
    let ledger = || text.strip_suffix('-').or_else(in_parentheses);
    let (minus, body) = match text.strip_prefix(['-', '−']).or_else(ledger) {
        Some(body) => ("-", body),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let body = body.trim_start();
    let (mantissa, exponent) = split_exponent(body, decimal.mark());
    let (whole, decimals) = match mantissa.split_once(decimal.mark()) {
        Some((_, decimals)) if !is_digits(decimals) => return None,
        Some((whole, decimals)) => (whole, Some(decimals)),
        None => (mantissa, None),
    };
    let whole = match whole {
        "" if decimals.is_some() => String::new(),
        _ if is_digits(whole) => whole.to_owned(),
        _ if exponent.is_empty() => ungrouped(whole, decimal, thousands)?,
        _ => return None,
    };
    if let Some(power) = exponent.get(1..) {
        let digits = power.strip_prefix(['+', '-']).unwrap_or(power);
        if !is_digits(digits) {
            return None;
        }
    }
    let point = decimals.map(|decimals| format!(".{decimals}")).unwrap_or_default();
    Some(format!("{minus}{whole}{point}{}", exponent.replacen(['d', 'D'], "E", 1)))
}

/// The sign or unit around a number, and the number: `%` of `38,0 %`, `$` of `$1,250`, `cm` of `12 cm`; `0x` of `0x1f`,
/// whose number is 31.
pub(crate) fn split_sign(text: &str) -> Option<(&str, String)> {
    let text = text.trim();
    split_hex(text).or_else(|| split_known_sign(text)).or_else(|| split_unit(text))
}

fn split_hex(text: &str) -> Option<(&'static str, String)> {
    let (minus, body) = text.strip_prefix('-').map_or(("", text), |body| ("-", body));
    let digits = body.strip_prefix(HEX).or_else(|| body.strip_prefix("0X"))?;
    let is_number = digits.len() <= MOST_HEX_DIGITS && digits.bytes().all(|b| b.is_ascii_hexdigit());
    let number = u64::from_str_radix(digits, 16).ok().filter(|_| is_number)?;
    Some((HEX, format!("{minus}{number}")))
}

fn split_known_sign(text: &str) -> Option<(&'static str, String)> {
    let minus = text.starts_with('-') && text.len() > 1;
    let body = if minus { text[1..].trim_start() } else { text };
    SIGNS.iter().find_map(|sign| {
        let number = body.strip_suffix(sign).or_else(|| body.strip_prefix(sign))?.trim();
        let starts = number.chars().next()?;
        let is_number = starts.is_ascii_digit() || matches!(starts, '-' | '+' | '.' | ',' | '−');
        let doubled = minus && !starts.is_ascii_digit() && !matches!(starts, '.' | ',');
        (is_number && !doubled).then(|| (*sign, format!("{}{number}", if minus { "-" } else { "" })))
    })
}

/// A unit stands behind a number and begins with a letter or a degree sign. A single letter is one only
/// behind a blank: `12a` is a name.
fn split_unit(text: &str) -> Option<(&str, String)> {
    let is_of_unit =
        |c: char| c.is_alphabetic() || matches!(c, '°' | '²' | '³' | '/' | '"' | '\'' | '″' | '′');
    let before = text.trim_end_matches(is_of_unit);
    let (number, unit) = (before.trim_end(), &text[before.len()..]);
    let begins = unit.starts_with(|c: char| c.is_alphabetic() || c == '°');
    let n_chars = unit.chars().count();
    let is_unit = begins && n_chars <= LONGEST_UNIT && (n_chars > 1 || number.len() < before.len());
    (is_unit && number.ends_with(|c: char| c.is_ascii_digit())).then(|| (unit, number.to_owned()))
}

/// Whether a text is a number in some spelling, with or without a sign around it.
pub(crate) fn is_number_somewhere(text: &str) -> bool {
    unit_of_number(text).is_some()
}

/// The sign or unit around a number, if there is one; `None` for what is no number anywhere.
pub(crate) fn unit_of_number(text: &str) -> Option<Option<&str>> {
    let (unit, number) = split_sign(text).unzip();
    let fit = Fit::of(number.as_deref().unwrap_or(text), None);
    (fit.point || fit.comma).then_some(unit)
}

/// Why a text that is no plain number may be one all the same, as a hint.
pub(crate) fn hint_of(text: &str) -> Option<String> {
    if let Some((sign, _)) = split_sign(text).filter(|_| is_number_somewhere(text)) {
        return Some(format!(
            "give the column the kind numeric when the model is trained, and `{sign}` is taken away"
        ));
    }
    let fit = Fit::of(text, None);
    match (fit.point, fit.comma) {
        (_, true) => Some("it is a number with a decimal comma: give `decimal` as `,`".to_owned()),
        (true, false) => Some("it is a number with grouped thousands: give `decimal` as `.`".to_owned()),
        _ => None,
    }
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

fn ungrouped(text: &str, decimal: DecimalMark, thousands: Option<char>) -> Option<String> {
    let mark = text.chars().find(|c| !c.is_ascii_digit())?;
    let allowed = mark != decimal.mark() && can_group(mark) && thousands.is_none_or(|only| only == mark);
    let groups: Vec<&str> = text.split(mark).collect();
    let (first, rest) = groups.split_first()?;
    let (last, middle) = rest.split_last()?;
    let all_digits = groups.iter().all(|group| is_digits(group));
    let threes = middle.iter().all(|group| group.len() == 3) && first.len() <= 3;
    let indian = mark == ',' && middle.iter().all(|group| group.len() == 2) && first.len() <= 2;
    // `0.250` is no group of thousands, nor is `012.500`.
    let counts = !first.starts_with('0');
    (allowed && all_digits && counts && last.len() == 3 && (threes || indian)).then(|| groups.concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plainly_written_numbers_fit_as_any_others_do() {
        for text in [
            "5", "-12", "1.5", "-0.25", "1.250", "-1.250", "0.250", "-0.250", "012.500", "1234.567", "12.345",
        ] {
            assert!(plain_decimals(text).is_some(), "{text}");
            for thousands in [None, Some('.'), Some('\'')] {
                let comma = canonical(text, DecimalMark::Comma, thousands).is_some();
                let fit = Fit::of(text, thousands);
                assert_eq!((fit.point, fit.comma), (true, comma), "{text} {thousands:?}");
            }
            let (fit, is_marked) = (Fit::of(text, None), text.contains('.'));
            assert_eq!((fit.marked, fit.tells), (is_marked, is_marked));
            assert!(!fit.strong);
        }
        for text in ["", "-", ".5", "5.", "1.2.3", "+5", "1e5", "inf", "1,5", "1 000", "٣"] {
            assert_eq!(plain_decimals(text), None, "{text}");
        }
    }

    #[test]
    fn numbers_of_other_countries_keep_their_digits() {
        let comma = |text: &str| canonical(text, DecimalMark::Comma, None);
        let point = |text: &str| canonical(text, DecimalMark::Point, None);
        for (text, expected) in [
            ("1.299,99", "1299.99"),
            ("1 299,99", "1299.99"),
            ("1\u{202f}299,99", "1299.99"),
            ("1'299,9", "1299.9"),
            ("12,5", "12.5"),
            ("1.250", "1250"),
            ("-1.250.000,5", "-1250000.5"),
            ("−3,5", "-3.5"),
            ("12,50-", "-12.50"),
            ("(1.250,5)", "-1250.5"),
            (",5", ".5"),
            ("1,5E+03", "1.5E+03"),
            ("1,5D+03", "1.5E+03"),
            ("980", "980"),
        ] {
            assert_eq!(comma(text).as_deref(), Some(expected), "{text}");
        }
        for (text, expected) in [
            ("1,299.99", "1299.99"),
            ("1'299.99", "1299.99"),
            ("12,34,567.5", "1234567.5"),
            ("1,250", "1250"),
            ("-0.15d-3", "-0.15E-3"),
            ("5D+03", "5E+03"),
        ] {
            assert_eq!(point(text).as_deref(), Some(expected), "{text}");
        }
        for text in [
            "12.5",
            "0.250",
            "1.2345",
            "1.250,",
            "1,2,3",
            "1.250 000",
            "--1",
            "",
            "-",
            "1 25",
            "a",
            "()",
            "(-5)",
            "(5",
        ] {
            assert_eq!(comma(text), None, "{text}");
        }
        for text in ["12,5", "0,250", "1.299,99", "28.01.2023", "192.168.1.1", "12D5", "1.5D", "4D"] {
            assert_eq!(point(text), None, "{text}");
        }
        assert!(is_spelled_otherwise("1.5D+03") && !is_spelled_otherwise("1.5E+03"));
    }

    #[test]
    fn digits_of_other_scripts_are_those_of_the_same_number() {
        for (text, expected) in [
            ("٣", "3"),
            ("١٢٣", "123"),
            ("-٤٫٥", "-4.5"),
            ("١٬٢٥٠٫٥", "1250.5"),
            ("۱۲", "12"),
            ("१२.५", "12.5"),
            ("３４", "34"),
            ("1٢", "12"),
        ] {
            assert_eq!(canonical(text, DecimalMark::Point, None).as_deref(), Some(expected), "{text}");
            let fit = Fit::of(text, None);
            assert!(fit.point && fit.marked && fit.grouped && has_other_digits(text), "{text}: {fit:?}");
        }
        for text in ["²", "Ⅷ", "五", "غ٣", "٣ ٤ ٥ ٦", "é5"] {
            assert_eq!(canonical(text, DecimalMark::Point, None), None, "{text}");
            assert!(!Fit::of(text, None).point, "{text}");
        }
    }

    #[test]
    fn a_cell_says_what_it_leaves_open() {
        let fit = |text: &str| {
            let fit = Fit::of(text, None);
            (fit.point, fit.comma, fit.strong)
        };
        assert_eq!(fit("1.299,99"), (false, true, true));
        assert_eq!(fit("1.250"), (true, true, false));
        assert_eq!(fit("1,250"), (true, true, false));
        assert_eq!(fit("0.5"), (true, false, false));
        assert_eq!(fit("12"), (true, true, false));
        assert_eq!(fit("1e5"), (true, true, false));
        assert_eq!(fit("28.01.2023"), (false, false, false));
        let telephone = Fit::of("555 123", None);
        assert!(telephone.marked && !telephone.tells);
    }

    #[test]
    fn signs_are_taken_away_from_numbers_alone() {
        assert_eq!(split_sign("38,0 %"), Some(("%", "38,0".to_owned())));
        assert_eq!(split_sign("-$1,250"), Some(("$", "-1,250".to_owned())));
        assert_eq!(split_sign("€ 5"), Some(("€", "5".to_owned())));
        assert_eq!(split_sign("50 kr"), Some(("kr", "50".to_owned())));
        assert_eq!(split_sign("~2.5"), Some(("~", "2.5".to_owned())));
        assert_eq!(split_sign("0x1F"), Some(("0x", "31".to_owned())));
        assert_eq!(split_sign("-0Xff"), Some(("0x", "-255".to_owned())));
        for text in ["park kr", "%", "--5 %", "five $", "0x", "0xg1", "0x00112233445566778899"] {
            assert_eq!(split_sign(text), None, "{text}");
        }
    }

    #[test]
    fn a_unit_stands_behind_its_number() {
        for (text, unit, number) in
            [("12 cm", "cm", "12"), ("-3,5°C", "°C", "-3,5"), ("1.250 kWh/m²", "kWh/m²", "1.250")]
        {
            assert_eq!(split_sign(text), Some((unit, number.to_owned())));
            assert!(is_number_somewhere(text), "{text}");
        }
        for text in ["cm", "12 /", "12 incomprehensible", "12 3a b", "a12b", "12a", "é"] {
            assert!(!is_number_somewhere(text), "{text}");
        }
    }
}
