//! What is said of a text column that is nearly one of numbers or dates, and the way to make it one.

use arrow::array::{ArrayRef, AsArray};

use super::profile::ColumnProfile;
use super::spellings::{Spellings, beside_a_word};
use crate::cell;
use crate::marks::unit_of_number;
use crate::table::Table;
use crate::visible::quoted;

/// Whole numbers from which a column may hold the numbers of things, rows of each, and by how much the most frequent
/// one may exceed the mean: ages and amounts have gaps at their ends, or few values.
const LEAST_THINGS: u64 = 100;
const ROWS_OF_A_THING: u64 = 5;
const MOST_UNEVEN: u64 = 3;
/// What programs write where there is no value: databases, spreadsheets, statistics and programming languages.
const WORDS_FOR_NONE: [&str; 14] = [
    "\\N", "null", "none", "nil", "nan", "na", "n/a", "<na>", "#n/a", "#na", "#div/0!", "#value!", "#ref!",
    "missing",
];
/// Rows from which a number of nines far from all others is told, and one in how many of all rows that are at least.
const LEAST_SENTINELS: u64 = 3;
const FEW_SENTINELS: u64 = 200;
/// One cell in so many may be no number where all others are, and it is told of any column.
const FEW_SPOIL: usize = 40;

/// Of a column whose texts are dates for the most part.
pub(super) fn spelling_remark(
    table: &Table,
    name: &str,
    profile: &ColumnProfile,
    found: &Spellings,
) -> Option<String> {
    let (row, text) = found.misfit.as_ref()?;
    Some(format!(
        "column `{name}`: {} of {} values are dates ({}), but `{}` in {} is not, so the column is one of texts. If such \
         cells stand for missing ones, give them as missing tokens; if they are dates, give the column's date format.",
        found.n_dates,
        profile.n_present(),
        quoted(&found.formats),
        shown(text),
        table.row_place(*row)
    ))
}

/// Of a column whose texts are dates with a word beside them.
pub(super) fn word_remark(name: &str, array: &ArrayRef) -> Option<String> {
    let (format, word) = beside_a_word(array.as_string_opt::<i32>()?)?;
    Some(format!(
        "column `{name}`: its texts are dates with `{}` beside them and are not used as dates; give the column the date \
         format `{}`",
        shown(&word),
        shown(&format)
    ))
}

/// Units of a column up to which its texts are numbers with units, not codes that end in letters.
const MOST_UNITS: usize = 4;

/// Of a text column whose cells are numbers, all of them with signs or units around them or in a spelling
/// of their own, or half of them at least. What half of the cells say is said only of an `open` column,
/// whose texts are not few; of any column if all cells but very few are numbers.
pub(super) fn number_remark(table: &Table, name: &str, array: &ArrayRef, is_open: bool) -> Option<String> {
    let texts = array.as_string_opt::<i32>()?;
    let (mut n_present, mut n_numbers, mut n_plain, mut n_other) = (0_usize, 0_usize, 0_usize, 0_usize);
    let (mut misfit, mut signed, mut marked, mut plain, mut last) = (None, None, None, None, 0);
    let mut units = Vec::<&str>::new();
    for (row, text) in texts.iter().enumerate().filter_map(|(row, text)| Some((row, text?))) {
        n_present += 1;
        last = row;
        let number = text.contains(|c: char| c.is_ascii_digit()).then(|| unit_of_number(text)).flatten();
        let (is_number, unit) = (number.is_some(), number.flatten());
        let is_plain = is_number && unit.is_none() && cell::parse_number(text).is_some();
        let is_other = match (unit, units.first()) {
            (Some(unit), Some(first)) => unit != *first,
            _ => false,
        };
        if let Some(unit) = unit.filter(|unit| units.len() <= MOST_UNITS && !units.contains(unit)) {
            units.push(unit);
        }
        if !is_number || is_other {
            n_other += usize::from(is_other);
            misfit.get_or_insert((row, text));
            // A column of words is left after a few of them.
            if 2 * (n_numbers + n_other) + 64 < n_present {
                return None;
            }
            continue;
        }
        n_numbers += 1;
        signed = signed.or(unit.map(|_| text));
        if is_plain {
            n_plain += 1;
            plain.get_or_insert(text);
        } else {
            marked.get_or_insert(text);
        }
    }
    let example = shown(signed.or(marked).or(plain)?);
    match (misfit, units.first()) {
        // Codes of digits, which are texts on purpose.
        (None, _) if marked.is_none() => None,
        (None, Some(unit)) => Some(format!(
            "column `{name}`: its texts are numbers with `{unit}` around them (as in `{example}`) and are not used as \
             numbers; give it the kind numeric to have it taken away"
        )),
        (None, None) if n_plain == 0 => Some(format!(
            "column `{name}`: its texts may be numbers (as in `{example}`) and are not used as numbers; give it the \
             kind numeric if they are"
        )),
        (None, None) => Some(format!(
            "column `{name}`: its numbers are written in more than one way (`{example}` is one) and are not used as \
             numbers; write them alike, or give it the kind categorical or text if they are names"
        )),
        (Some((_, text)), Some(_)) if has_units(&units, n_numbers + n_other == n_present, text) => {
            Some(format!(
                "column `{name}`: its texts are numbers of different units ({}) and are not used as numbers; write them in \
             one unit, and give it the kind numeric",
                quoted(&units)
            ))
        }
        (Some((row, text)), _)
            if (is_open || is_word_for_none(text)) && 2 * n_numbers >= n_present
                || (n_present - n_numbers) * FEW_SPOIL <= n_present =>
        {
            Some(format!(
                "column `{name}`: {n_numbers} of {n_present} values are numbers, as `{example}`, but `{}` in {} is not, \
             so the column is one of texts. {}",
                shown(text),
                table.row_place(row),
                match (n_numbers + 1 == n_present, row) {
                    (true, 0) => "If the first row holds units or names, remove it.",
                    (true, row) if row == last => "If the last row sums up the others, remove it.",
                    _ =>
                        "If such cells stand for missing ones, give them as missing tokens, and the column the kind numeric.",
                }
            ))
        }
        _ => None,
    }
}

/// Of a column of whole numbers that may be the numbers of things: without a gap, and each about as often.
pub(super) fn name_remark(name: &str, profile: &ColumnProfile) -> Option<String> {
    let counts = profile.quantiles.distinct()?;
    let (n_distinct, n_present) = (counts.len() as u64, profile.n_present());
    let (low, high) = (profile.quantiles.min()?, profile.quantiles.max()?);
    let has_no_gap = profile.n_whole == n_present && high - low + 1.0 == n_distinct as f64;
    let most = counts.iter().map(|(_, n)| *n).max().unwrap_or_default();
    (n_distinct >= LEAST_THINGS && has_no_gap && n_distinct * ROWS_OF_A_THING <= n_present
        && most * n_distinct <= MOST_UNEVEN * n_present)
        .then(|| {
            format!(
                "column `{name}`: {n_distinct} whole numbers without a gap, each about as often; if they name things, as \
                 the number of a shop does, give it the kind categorical"
            )
        })
}

/// Of a column of numbers at whose end stands one that people write where there is none: -999, 9999 and their like, in
/// several rows, and farther from all others than these lie apart.
pub(super) fn sentinel_remark(name: &str, profile: &ColumnProfile) -> Option<String> {
    let buckets: Vec<(f64, u64)> = profile.quantiles.buckets().collect();
    let [lowest, second, .., last_but_one, highest] = buckets[..] else { return None };
    let is_nines = |value: f64| {
        let digits = cell::number_text(value.abs()).unwrap_or_default();
        let digits = digits.strip_suffix(".0").unwrap_or(&digits);
        digits.len() > 1 && digits.bytes().all(|digit| digit == b'9')
    };
    let is_often = |n_rows: u64| n_rows >= LEAST_SENTINELS && n_rows * FEW_SENTINELS >= profile.n_present();
    let is_far = |gap: f64, span: f64| gap > span;
    let (value, n_rows, others) = if is_far(second.0 - lowest.0, highest.0 - second.0) {
        (lowest.0, lowest.1, [second.0, highest.0])
    } else if is_far(highest.0 - last_but_one.0, last_but_one.0 - lowest.0) {
        (highest.0, highest.1, [lowest.0, last_but_one.0])
    } else {
        return None;
    };
    let [low, high, value_text] = [others[0], others[1], value].map(cell::short_text);
    (is_nines(value) && is_often(n_rows)).then(|| {
        format!(
            "column `{name}`: {value_text} stands in {n_rows} of {} rows, far from all others ({low} to {high}); if it \
             stands for missing ones, give it as a missing token",
            profile.n_present()
        )
    })
}

/// Whether programs and people write this where there is no value.
fn is_word_for_none(text: &str) -> bool {
    let text = text.trim();
    let is_word = WORDS_FOR_NONE.iter().any(|word| word.eq_ignore_ascii_case(text));
    is_word || (!text.is_empty() && text.chars().all(|c| matches!(c, '-' | '–' | '—' | '.' | '?' | '*')))
}

/// Whether all cells are numbers, and what stands behind them are units: set apart by a blank, or no letter.
fn has_units(units: &[&str], all_numbers: bool, text: &str) -> bool {
    let is_apart = text.trim().contains(char::is_whitespace) || text.contains(|c: char| "%€$£¥₹".contains(c));
    all_numbers && (2..=MOST_UNITS).contains(&units.len()) && is_apart
}

/// Of a text column whose cells are times without a day.
pub(super) fn time_remark(name: &str, array: &ArrayRef) -> Option<String> {
    let texts = array.as_string_opt::<i32>()?;
    let mut present = texts.iter().flatten().filter(|text| !text.trim().is_empty()).peekable();
    let example = shown(present.peek()?);
    present.all(is_time).then(|| {
        format!(
            "column `{name}`: its texts are times without a day (as in `{example}`) and are used as names; write them \
             as numbers, such as hours, or with their day, to have them in order"
        )
    })
}

/// `9:05`, `09:05:59`, `09:05:59.250` or `9:05 PM`.
fn is_time(text: &str) -> bool {
    let text = text.trim();
    let half = ["AM", "PM"].iter().find_map(|half| {
        let at = text.len().checked_sub(half.len())?;
        text.get(at..).filter(|end| end.eq_ignore_ascii_case(half)).map(|_| text[..at].trim_end())
    });
    let mut parts = half.unwrap_or(text).split(':');
    let is_number = |part: &str, most: usize| {
        (1..=most).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit())
    };
    let starts = parts.next().is_some_and(|hours| is_number(hours, 2))
        && parts.next().is_some_and(|minutes| minutes.len() == 2 && is_number(minutes, 2));
    let seconds =
        parts.next().is_none_or(|seconds| is_number(seconds.split('.').next().unwrap_or_default(), 2));
    starts && seconds && parts.next().is_none()
}

fn shown(text: &str) -> String {
    text.trim().chars().take(80).collect()
}
