//! The kind of a column that nobody has said anything of, by its cells.

use arrow::array::ArrayRef;

use super::forms::{count_remark, form_remark, year_remark};
use super::infer::spellings_of;
use super::infer::{Decision, InferOptions};
use super::profile::ColumnProfile;
use super::remarks::{
    name_remark, number_remark, sentinel_remark, spelling_remark, time_remark, word_remark,
};
use super::spellings::{Spellings, begins_with_years};
use super::{DateFormat, Exclusion, Kind};
use crate::cell::{self, Storage};
use crate::dates::FoundFormat;
use crate::names;
use crate::table::Table;
use crate::visible::quoted;

/// Rows below which distinct values say little about ids.
const MIN_ROWS_FOR_IDS: u64 = 20;

/// Distinct texts that are categories in any table, if they are short.
const FEW_TEXTS: u64 = 20;

/// Distinct texts up to which two rows per text are enough to call them categories.
const SOME_TEXTS: u64 = 256;

/// Rows per text that more categories than that need, on average over the texts or, for single words, over
/// half of the cells: where few words are frequent and many are rare, the mean says little.
const ROWS_PER_TEXT: u64 = 5;

/// Share of more texts than that which must stand in two rows or more: what is written freely stands in
/// one, beside an answer or two that everybody gives.
const REPEATED_SHARE: f64 = 0.1;

/// Share of single words that stand in two rows or more from which they are names, however few rows each has: the
/// customers of a table of orders.
const MOSTLY_REPEATED: f64 = 0.8;

/// Words per cell up to which a column's texts are single words.
const SINGLE_WORDS: f64 = 1.2;

/// Distinct whole numbers that are codes by their column's name alone.
const MOST_NUMBERS: u64 = 1000;

/// Mean words per cell from which a unique text is a sentence.
const SENTENCE_WORDS: f64 = 4.0;

/// Mean words per cell from which more than [`FEW_TEXTS`] texts are read, not counted.
const PROSE_WORDS: f64 = 8.0;

pub(super) fn infer_column(
    table: &Table,
    name: &str,
    array: &ArrayRef,
    profile: &ColumnProfile,
    options: &InferOptions,
) -> Decision {
    let (n_rows, n_present) = (profile.n_rows, profile.n_present());
    if n_present == 0 {
        return exclude(Exclusion::AllMissing, format!("no value in {n_rows} rows"));
    }
    // One value beside missing cells stays: whether it is there is information.
    let is_constant = profile.n_distinct() == 1 && profile.n_missing == 0;
    match profile.storage {
        _ if is_constant => {
            let value = profile.quantiles.min().and_then(cell::number_text).or(profile.example.clone());
            let value = value.map_or("one value".to_owned(), |v| format!("the value `{v}`"));
            exclude(Exclusion::Constant, format!("{value} in all {n_rows} rows"))
        }
        Storage::Boolean => keep(Kind::Boolean, "true and false".to_owned()),
        Storage::Time => Decision::Use {
            kind: Kind::Timestamp,
            reason: format!("typed as time, {} distinct", profile.n_distinct()),
            date_format: Some(DateFormat::Typed),
            notes: Vec::new(),
        },
        _ if profile.is_truth() && profile.n_numbers == n_present => {
            keep(Kind::Boolean, "only 0 and 1".to_owned())
        }
        _ if profile.is_truth() => keep(Kind::Boolean, "only spellings of yes and no".to_owned()),
        _ if profile.date_format().is_some() => infer_dates(name, array, profile),
        _ if profile.n_numbers == n_present && profile.n_codes == 0 => infer_numbers(name, profile, options),
        _ => match spellings_of(array, profile) {
            Some(found) if found.misfit.is_none() => Decision::Use {
                kind: Kind::Timestamp,
                reason: format!("all {n_present} values are dates of the forms {}", quoted(&found.formats)),
                notes: spellings_note(name, profile, &found).into_iter().collect(),
                date_format: Some(DateFormat::of(&found.formats)),
            },
            found => {
                let mut decision = infer_texts(name, profile, options);
                let is_few = profile.n_distinct() <= FEW_TEXTS;
                // One cell makes texts, and so an id, of all the numbers of a column.
                let is_open = !matches!(&decision, Decision::Use { kind: Kind::Categorical, .. }) || !is_few;
                let (Decision::Use { notes, .. } | Decision::Exclude { notes, .. }) = &mut decision;
                notes.extend(found.and_then(|found| spelling_remark(table, name, profile, &found)));
                notes.extend(number_remark(table, name, array, is_open));
                notes.extend(time_remark(name, array));
                notes.extend(word_remark(name, array));
                if notes.is_empty() && profile.n_distinct() > FEW_TEXTS {
                    notes.extend(year_remark(name, array).or_else(|| form_remark(name, array)));
                }
                decision
            }
        },
    }
}

fn infer_dates(name: &str, array: &ArrayRef, profile: &ColumnProfile) -> Decision {
    let Some(found) = profile.date_format() else { return keep(Kind::Text, "text".to_owned()) };
    let (format, note) = told_format(name, array, profile, found);
    Decision::Use {
        kind: Kind::Timestamp,
        reason: format!("all {} values are dates of the form `{format}`", profile.n_present()),
        date_format: Some(DateFormat::Text(format)),
        notes: note.into_iter().collect(),
    }
}

/// The format of a column of dates that are written in one way, and what there is to say of it.
pub(super) fn told_format(
    name: &str,
    array: &ArrayRef,
    profile: &ColumnProfile,
    found: FoundFormat,
) -> (String, Option<String>) {
    let FoundFormat { format, swapped, year_first } = found;
    if let Some(year_first) = year_first.filter(|_| begins_with_years(array)) {
        let note = format!(
            "column `{name}`: its dates begin with a year of two digits or end with one; they are read as \
             `{year_first}`, for their last numbers differ more than their first. If that is wrong, set the column's date \
             format to `{format}`."
        );
        return (year_first, Some(note));
    }
    let note = swapped.map(|swapped| swap_note(name, profile, &format, &swapped));
    (format, note)
}

/// That day and month could be swapped, if they could be wherever a value is read.
pub(super) fn spellings_note(name: &str, profile: &ColumnProfile, found: &Spellings) -> Option<String> {
    let is_open = !found.swapped.is_empty();
    is_open.then(|| swap_note(name, profile, &found.formats.join("|"), &found.swapped.join("|")))
}

fn swap_note(name: &str, profile: &ColumnProfile, format: &str, swapped: &str) -> String {
    let example = profile.example.as_deref().map(|text| format!(" (as in `{text}`)")).unwrap_or_default();
    format!(
        "column `{name}`: day and month could be swapped in every value{example}; it is read as `{format}`. \
         If that is wrong, set its date format to `{swapped}`."
    )
}

fn infer_numbers(name: &str, profile: &ColumnProfile, options: &InferOptions) -> Decision {
    let (n_present, n_distinct) = (profile.n_present(), profile.n_distinct());
    let figures = format!("{n_distinct} distinct in {n_present} rows");
    let show = |value: Option<f64>| value.map(cell::short_text).unwrap_or_default();
    let range = format!("{} to {}", show(profile.quantiles.min()), show(profile.quantiles.max()));
    let is_whole = profile.n_whole == n_present;
    let zero_one = |distinct: Vec<(f64, u64)>| distinct.iter().map(|(v, _)| *v).eq([0.0, 1.0]);
    if is_whole && profile.quantiles.distinct().is_some_and(zero_one) {
        return keep(Kind::Boolean, "only 0 and 1".to_owned());
    }
    if is_whole && !names::is_time(name) {
        let (is_id, is_unique) = (names::is_id(name), profile.is_unique() && n_present > 1);
        if let Some(step) = profile.even_step()
            && (is_id || (n_present >= MIN_ROWS_FOR_IDS && profile.n_missing == 0))
        {
            let reason = format!("{n_present} rows are numbered {range} in steps of {step}");
            return exclude(Exclusion::Id, reason);
        }
        if is_id && is_unique {
            return exclude(Exclusion::Id, format!("named like an id, {figures}"));
        }
        let is_name = n_distinct <= MOST_NUMBERS || repeats(profile, 1.0);
        if (is_id || names::is_code(name)) && n_distinct <= options.max_categories && is_name {
            let reason = format!("whole numbers that name things, by the column's name; {figures}");
            return keep(Kind::Categorical, reason);
        }
    }
    let what = if is_whole { "whole numbers" } else { "numbers" };
    Decision::Use {
        kind: Kind::Numeric,
        reason: format!("{what} {range}, {figures}"),
        date_format: None,
        notes: name_remark(name, profile)
            .filter(|_| !names::is_time(name))
            .into_iter()
            .chain(sentinel_remark(name, profile))
            .chain(count_remark(name, profile))
            .collect(),
    }
}

fn infer_texts(name: &str, profile: &ColumnProfile, options: &InferOptions) -> Decision {
    let (n_present, n_distinct) = (profile.n_present(), profile.n_distinct());
    let n_words = profile.n_words as f64 / n_present as f64;
    let what = match profile.n_codes {
        0 => "texts".to_owned(),
        n_codes => format!("codes of digits ({n_codes} with leading zeros, a plus or over 15 digits)"),
    };
    let figures = format!("{n_distinct} distinct {what} in {n_present} rows");
    let is_decorated = profile.n_decorated > 0 && profile.n_decorated + profile.n_numbers == n_present;
    let is_known_id = profile.n_uuids == n_present || names::is_id(name);
    let has_id_values = n_words <= 1.0 && profile.n_hosts == 0 && !is_decorated;
    if profile.is_unique() && n_present > 1 && has_id_values && (is_known_id || n_present >= MIN_ROWS_FOR_IDS)
    {
        return exclude(Exclusion::Id, format!("{figures}, one word each"));
    }
    let repeats = n_distinct <= options.max_categories && repeats(profile, n_words);
    let is_few = n_distinct <= FEW_TEXTS && (repeats || n_words < SENTENCE_WORDS);
    let is_prose = n_words >= PROSE_WORDS && n_distinct > FEW_TEXTS;
    if n_distinct <= options.max_categories && (is_few || (repeats && !is_prose)) {
        let reason = if profile.n_missing > 0 && n_distinct == 1 {
            format!("one text in {n_present} rows, missing in {}", profile.n_missing)
        } else {
            figures
        };
        return keep(Kind::Categorical, reason);
    }
    keep(Kind::Text, format!("{figures}, {n_words:.1} words each"))
}

/// Whether a column's values stand in enough rows to be names that are given again and again.
fn repeats(profile: &ColumnProfile, n_words: f64) -> bool {
    let (n_present, n_distinct) = (profile.n_present(), profile.n_distinct());
    if n_distinct <= SOME_TEXTS {
        return n_distinct * 2 <= n_present;
    }
    let is_frequent = n_distinct * ROWS_PER_TEXT <= n_present
        || (n_words <= SINGLE_WORDS
            && (profile.distinct.share_of_cells(ROWS_PER_TEXT) >= 0.5
                || profile.distinct.share_of_values(2) >= MOSTLY_REPEATED));
    is_frequent && profile.distinct.share_of_values(2) >= REPEATED_SHARE
}

pub(super) fn keep(kind: Kind, reason: String) -> Decision {
    Decision::Use { kind, reason, date_format: None, notes: Vec::new() }
}

pub(super) fn exclude(exclusion: Exclusion, reason: String) -> Decision {
    Decision::Exclude { exclusion, reason, notes: Vec::new() }
}
