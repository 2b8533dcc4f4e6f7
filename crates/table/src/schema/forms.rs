//! What is said of texts that hold numbers in a form that is read as no number and no date, and of numbers that may count
//! time, each with the way to have them read.

use std::collections::BTreeSet;

use arrow::array::{ArrayRef, AsArray, StringArray};

use super::profile::ColumnProfile;
use super::spellings::{MOST_SHAPES, shape};
use crate::cell;
use crate::dates::DateParser;
use crate::names;
use crate::visible::quoted;

/// Characters beyond which a text is read, not measured.
const LONGEST: usize = 60;
/// Forms that differ in more than their numbers, such as `7h 8m` and `8m`, up to which a column has a few.
const MOST_FORMS: usize = 6;
/// What stands between the digits of telephone numbers, versions, addresses of machines and other names.
const OF_NAMES: &str = "0 -./:_+()#";
/// A format of dates that is not read unasked: `2024-117` may be the 117th case of a year.
const UNSURE: [&str; 1] = ["%Y-%j"];
/// A day in six digits. Those before 2010 begin with a zero, which no number keeps.
const PACKED: &str = "%y%m%d";
/// What numbers may count, by the format that reads them so, and between which values they lie if they do: days of 1970
/// to 2064, seconds and milliseconds of 1979 to 2100.
const COUNTED: [(&str, &str, f64, f64); 3] = [
    ("days as spreadsheets count them", "excel", 25_569.0, 60_000.0),
    ("seconds since 1970", "%s", 3e8, 4.2e9),
    ("milliseconds since 1970", "unix_ms", 3e11, 4.2e12),
];

/// Of a column whose texts each have a year and other numbers in them.
pub(super) fn year_remark(name: &str, array: &ArrayRef) -> Option<String> {
    let texts = array.as_string_opt::<i32>()?;
    let mut shapes = BTreeSet::new();
    for text in present(texts) {
        shapes.insert(shape(text));
        if shapes.len() > MOST_SHAPES || !has_year_among_numbers(text) || is_name(text) {
            return None;
        }
    }
    let fits = |format: &&str| {
        let parser = DateParser::new(format).ok()?;
        present(texts).all(|text| parser.micros(text).is_some()).then_some(())
    };
    let way_out = match UNSURE.iter().find(|format| fits(format).is_some()) {
        Some(format) => format!("give the column the date format `{format}`"),
        None => {
            "give the column's date format, as `%d.%m.%Y at %H:%M`, or write them as YYYY-MM-DD".to_owned()
        }
    };
    Some(format!(
        "column `{name}`: its texts have years in them (as in `{}`) and are not used as dates; if they are dates, {way_out}",
        present(texts).next()?
    ))
}

/// Of a column whose texts hold numbers by one form or a few.
pub(super) fn form_remark(name: &str, array: &ArrayRef) -> Option<String> {
    let texts = array.as_string_opt::<i32>()?;
    let mut forms = BTreeSet::new();
    let mut has_decimals = false;
    for text in present(texts) {
        let (form, is_decimal) = form(text);
        if text.chars().count() > LONGEST
            || !form.contains('0')
            || ((is_named(text) || is_code(&form)) && !is_duration(&form))
        {
            return None;
        }
        has_decimals |= is_decimal;
        forms.insert(form);
        if forms.len() > MOST_FORMS {
            return None;
        }
    }
    let is_pair =
        |marks: &str| forms.iter().all(|form| form.trim_start_matches("0 ") == format!("0{marks}0"));
    let are_numbers = match forms.iter().all(|form| form.chars().all(|c| OF_NAMES.contains(c))) {
        true => is_pair("/") || ((is_pair("-") || is_pair(" - ")) && present(texts).all(rises)),
        // `12a` is a name, as of a house; `1.2k` is a number.
        false => has_decimals || !forms.iter().all(|form| form.chars().count() <= 2 && form.starts_with('0')),
    };
    are_numbers.then(|| {
        let example = present(texts).next().unwrap_or_default();
        format!(
            "column `{name}`: its texts hold numbers in a form of their own (as in `{example}`) and are used as names or \
             words, not by size; where size matters, write each of the numbers plainly in a column of its own"
        )
    })
}

/// Of a column of numbers that is named like a time and may count days or seconds.
pub(super) fn count_remark(name: &str, profile: &ColumnProfile) -> Option<String> {
    let (low, high) = (profile.quantiles.min()?, profile.quantiles.max()?);
    if !names::is_date(name) {
        return None;
    }
    let (what, format) = match COUNTED.iter().find(|(.., least, most)| *least <= low && high <= *most) {
        Some((what, format, ..)) => (*what, *format),
        None if is_packed(profile) => ("days in six digits", PACKED),
        None => return None,
    };
    let parser = DateParser::new(format).ok()?;
    let day = |value: f64| {
        let micros = parser.micros(&cell::number_text(value.trunc())?)?;
        cell::iso_text(
            chrono::DateTime::from_timestamp_micros(micros)?.format("%Y-%m-%d").to_string().as_str(),
        )
    };
    Some(format!(
        "column `{name}`: its numbers may be {what}, from {} to {}, and are used as numbers; if they are, give the column \
         the date format {}",
        day(low)?,
        day(high)?,
        quoted(&[format])
    ))
}

/// Whether the numbers, as far as a sketch of them shows, are days of this century written in six digits: `210308`.
fn is_packed(profile: &ColumnProfile) -> bool {
    let Ok(parser) = DateParser::new(PACKED) else { return false };
    profile.n_whole == profile.n_numbers
        && profile.quantiles.buckets().all(|(value, _)| {
            (100_101.0..700_000.0).contains(&value)
                && cell::number_text(value).is_some_and(|text| parser.micros(&text).is_some())
        })
}

fn present(texts: &StringArray) -> impl Iterator<Item = &str> {
    texts.iter().flatten().map(str::trim).filter(|text| !text.is_empty())
}

/// The text with a 0 in the place of each number, and whether one of them has decimals.
fn form(text: &str) -> (String, bool) {
    let mut form = String::new();
    let mut is_decimal = false;
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        if !c.is_ascii_digit() {
            form.push(c);
            continue;
        }
        form.push('0');
        while let Some(next) = characters.peek().copied() {
            let mut behind = characters.clone();
            behind.next();
            let is_mark = matches!(next, '.' | ',') && behind.peek().is_some_and(char::is_ascii_digit);
            if !next.is_ascii_digit() && !is_mark {
                break;
            }
            is_decimal |= is_mark;
            characters.next();
        }
    }
    (form, is_decimal)
}

/// Whether a text begins with a word or a `#`, as names of things with numbers do: `store 5`, `Level 3`, `A-17`.
fn is_named(text: &str) -> bool {
    text.starts_with(|c: char| c.is_alphabetic() || c == '#')
}

/// Whether a text begins as the names of things do, and not as dates: `INV-2024-0017`, `#12`, `store_5`, but not `Mo, 4` or
/// `since 4`.
fn is_name(text: &str) -> bool {
    let rest = text.trim_start_matches(char::is_alphabetic);
    let is_word = rest.len() < text.len() && rest.starts_with([' ', ',', '.']);
    (text.starts_with(char::is_alphabetic) && !is_word) || text.starts_with('#')
}

/// `0D0`, as of a seat or a part.
fn is_code(form: &str) -> bool {
    let form: Vec<char> = form.chars().collect();
    form.windows(3).any(|part| part[0] == '0' && part[1].is_uppercase() && part[2] == '0')
}

/// `PT0H0M`: ISO 8601.
fn is_duration(form: &str) -> bool {
    let rest = form.strip_prefix('P').filter(|rest| !rest.is_empty());
    rest.is_some_and(|rest| rest.chars().all(|c| "T0YMWDHS".contains(c)))
}

fn has_year_among_numbers(text: &str) -> bool {
    let numbers = || text.split(|c: char| !c.is_ascii_digit()).filter(|number| !number.is_empty());
    let is_year = |number: &str| number.len() == 4 && (number.starts_with("19") || number.starts_with("20"));
    text.chars().count() <= LONGEST && numbers().any(is_year) && numbers().count() > 1
}

/// Whether the second of two numbers is no less than the first, as in a range.
fn rises(text: &str) -> bool {
    let Some((low, high)) = text.split_once('-') else { return false };
    let [low, high] = [low, high].map(cell::parse_number);
    low.zip(high).is_some_and(|(low, high)| low <= high)
}
