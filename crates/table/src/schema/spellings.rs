//! Dates of one column that are written in several ways: beside a time and without one, or by two hands.
//!
//! Texts of one shape (`28.01.2023`, `3.4.2023`) are taken together, each shape for one format. Where a
//! shape leaves open which of two numbers is the day, the other shapes of the column may say it.

use std::collections::{BTreeMap, BTreeSet};

use arrow::array::{ArrayRef, AsArray, StringArray};

use crate::dates::{DateCandidates, FoundFormat, may_be_date, swapped};

/// Shapes beyond which a column is no column of dates.
pub(super) const MOST_SHAPES: usize = 12;
/// Cells that are looked at before the whole column is.
const N_SAMPLED: usize = 32;

/// What the texts of a column are as dates.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Spellings {
    /// `chrono` formats, that of most texts first; each date fits one of them.
    pub(super) formats: Vec<String>,
    /// The same formats with day and month swapped where that fits as well; empty if it never does.
    pub(super) swapped: Vec<String>,
    /// Texts that are dates.
    pub(super) n_dates: u64,
    /// Row, from 0, and text of the first one that is not.
    pub(super) misfit: Option<(usize, String)>,
}

/// One way of writing, and what it may be.
#[derive(Debug, Clone)]
struct Shape {
    candidates: DateCandidates,
    n_texts: u64,
    /// Row and text of the first one of this shape.
    first: (usize, String),
    /// Row and text of the first one that no format of those before fits, and how many there are.
    misfit: Option<(usize, String)>,
    n_misfits: u64,
}

impl Spellings {
    /// Looks at the texts of a column; `None` if few of them are dates.
    pub(super) fn of(texts: &StringArray) -> Option<Self> {
        let present = || {
            let rows = texts.iter().enumerate();
            rows.filter_map(|(row, text)| Some((row, text?.trim()))).filter(|(_, text)| !text.is_empty())
        };
        let n_present = present().count();
        let is_date = |text: &str| {
            let mut candidates = DateCandidates::new();
            candidates.update(text);
            !candidates.is_empty()
        };
        let sample = present().step_by((n_present / N_SAMPLED).max(1));
        let (n_sampled, n_dates) = sample.fold((0, 0), |(n, dates), (_, text)| {
            (n + 1, dates + usize::from(may_be_date(text) && is_date(text)))
        });
        if 4 * n_dates < n_sampled || n_dates == 0 {
            return None;
        }
        let mut shapes = BTreeMap::<String, Shape>::new();
        for (row, text) in present() {
            let shape = shapes.entry(shape(text)).or_insert_with(|| Shape {
                candidates: DateCandidates::new(),
                n_texts: 0,
                first: (row, text.to_owned()),
                misfit: None,
                n_misfits: 0,
            });
            shape.n_texts += 1;
            let mut fitting = shape.candidates.clone();
            fitting.update(text);
            // `0000-00-00` and `24:00:00` look like the others and are none of them.
            if fitting.is_empty() {
                shape.n_misfits += 1;
                shape.misfit.get_or_insert_with(|| (row, text.to_owned()));
            } else {
                shape.candidates = fitting;
            }
            if shapes.len() > MOST_SHAPES {
                return None;
            }
        }
        let found = Self::from_shapes(shapes.into_values().collect());
        (2 * found.n_dates >= n_present as u64).then_some(found)
    }

    fn from_shapes(mut shapes: Vec<Shape>) -> Self {
        shapes.sort_by(|a, b| b.n_texts.cmp(&a.n_texts).then(a.first.cmp(&b.first)));
        // A year that nobody believes counts beside believed ones alone.
        let is_believed = shapes.iter().any(|shape| shape.candidates.best().is_some());
        let best = |shape: &Shape| match is_believed {
            true => shape.candidates.best_of_any_year(),
            false => None,
        };
        let found: Vec<Option<FoundFormat>> = shapes.iter().map(best).collect();
        let decided =
            found.iter().flatten().filter(|f| f.swapped.is_none()).find_map(|f| day_first(&f.format));
        let mut spellings = Spellings::default();
        for (shape, found) in shapes.iter().zip(found) {
            let misfit = shape.misfit.clone().or(found.is_none().then(|| shape.first.clone()));
            let earliest = spellings.misfit.take().into_iter().chain(misfit).min_by_key(|(row, _)| *row);
            spellings.misfit = earliest;
            let Some(FoundFormat { format, swapped: other, .. }) = found else { continue };
            spellings.n_dates += shape.n_texts - shape.n_misfits;
            let (format, is_open) = match (decided, other) {
                (Some(decided), Some(other)) if day_first(&format) != Some(decided) => (other, false),
                (decided, other) => (format, other.is_some() && decided.is_none()),
            };
            if spellings.formats.contains(&format) {
                continue;
            }
            spellings.swapped.push(if is_open { swapped(&format) } else { format.clone() });
            spellings.formats.push(format);
        }
        if spellings.swapped == spellings.formats {
            spellings.swapped.clear();
        }
        spellings
    }
}

/// The date format of texts that all have the same word before or behind a date, such as `31.01.2024 10:30 Uhr`, and
/// the word.
pub(super) fn beside_a_word(texts: &StringArray) -> Option<(String, String)> {
    let present = || texts.iter().flatten().map(str::trim).filter(|text| !text.is_empty());
    let first = present().next()?;
    let is_word = |word: &&str| word.contains(char::is_alphabetic) && !word.contains('%');
    let behind = first.rsplit_once(char::is_whitespace).map(|(_, word)| word).filter(is_word);
    let before = first.split_once(char::is_whitespace).map(|(word, _)| word).filter(is_word);
    let format_of = |bare: &dyn Fn(&str) -> Option<&str>| {
        let mut candidates = DateCandidates::new();
        for text in present() {
            candidates.update(bare(text)?.trim());
            if candidates.is_empty() {
                return None;
            }
        }
        candidates.best().map(|found| found.format)
    };
    let bare_of = |word: &str| format_of(&|text: &'_ str| text.strip_suffix(word));
    if let Some(word) = behind
        && let Some(format) = bare_of(word)
    {
        return Some((format!("{format} {word}"), word.to_owned()));
    }
    let word = before?;
    let format = format_of(&|text: &'_ str| text.strip_prefix(word))?;
    Some((format!("{word} {format}"), word.to_owned()))
}

/// Whether numbers of a column such as `24-07-05` begin with the year rather than end with it: there are fewer years than
/// days of a month.
pub(super) fn begins_with_years(array: &ArrayRef) -> bool {
    let Some(texts) = array.as_string_opt::<i32>() else { return false };
    let (mut firsts, mut lasts) = (BTreeSet::new(), BTreeSet::new());
    for text in texts.iter().flatten() {
        let mut numbers = text.trim().split(|c: char| !c.is_ascii_digit());
        firsts.extend(numbers.next());
        lasts.extend(numbers.nth(1));
    }
    firsts.len() < lasts.len()
}

/// Whether the day stands before the month, in a format of numbers that does not begin with the year.
fn day_first(format: &str) -> Option<bool> {
    let (day, month) = (format.find("%d")?, format.find("%m")?);
    (!format.starts_with("%Y")).then_some(day < month)
}

/// A text with its digits and letters replaced by what they may stand for.
pub(super) fn shape(text: &str) -> String {
    let mut shape = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let same = |other: &char| {
            if c.is_ascii_digit() {
                other.is_ascii_digit()
            } else {
                c.is_alphabetic() && other.is_alphabetic()
            }
        };
        let run: usize = rest.chars().take_while(same).map(char::len_utf8).sum();
        let n_bytes = run.max(c.len_utf8());
        shape.push(match (c, n_bytes) {
            _ if c.is_ascii_digit() && n_bytes <= 2 => 'n',
            _ if c.is_ascii_digit() && n_bytes == 4 => 'y',
            _ if c.is_ascii_digit() => 'd',
            // `T` and `Z` are parts of a format.
            ('T' | 'Z', 1) => c,
            _ if c.is_alphabetic() => 'a',
            _ => c,
        });
        rest = &rest[n_bytes..];
    }
    shape
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spellings(texts: &[&str]) -> Option<Spellings> {
        Spellings::of(&StringArray::from(texts.to_vec()))
    }

    #[test]
    fn dates_beside_times_and_two_spellings_are_dates() {
        let found = spellings(&["2023-08-07", "2023-01-28 12:00:00", "2022-03-31"]).unwrap();
        assert_eq!(found.formats, ["%Y-%m-%d", "%Y-%m-%d %H:%M:%S%.f"]);
        assert_eq!((found.n_dates, found.misfit), (3, None));
        let found = spellings(&["28.01.2023", "2023-08-07", "3.4.2023"]).unwrap();
        assert_eq!(found.formats, ["%d.%m.%Y", "%Y-%m-%d"]);
        assert!(found.swapped.is_empty());
    }

    #[test]
    fn a_word_that_stands_beside_every_date_is_part_of_the_format() {
        let beside = |texts: &[&str]| beside_a_word(&StringArray::from(texts.to_vec()));
        let found = beside(&["31.01.2024 10:30 Uhr", "05.02.2024 09:00 Uhr"]);
        assert_eq!(found, Some(("%d.%m.%Y %H:%M Uhr".to_owned(), "Uhr".to_owned())));
        let found = beside(&["seit 2024-01-31", "seit 2023-05-01"]);
        assert_eq!(found, Some(("seit %Y-%m-%d".to_owned(), "seit".to_owned())));
        assert_eq!(beside(&["31.01.2024 Uhr", "soon Uhr"]), None);
        assert_eq!(beside(&["red car", "blue car"]), None);
    }

    #[test]
    fn one_shape_says_which_number_is_the_day_of_the_others() {
        let found = spellings(&["03/04/2024", "25/04/2024 10:00", "01/02/2024"]).unwrap();
        assert_eq!(found.formats, ["%d/%m/%Y", "%d/%m/%Y %H:%M"]);
        assert!(found.swapped.is_empty());
        let found = spellings(&["03/04/2024", "05/04/2024 10:00", "01/02/2024"]).unwrap();
        assert_eq!(found.formats, ["%m/%d/%Y", "%m/%d/%Y %H:%M"]);
        assert_eq!(found.swapped, ["%d/%m/%Y", "%d/%m/%Y %H:%M"]);
    }

    #[test]
    fn what_is_no_date_is_named_and_other_texts_are_left_alone() {
        let found = spellings(&["2023-08-07", "unknown", "2022-03-31"]).unwrap();
        assert_eq!((found.n_dates, found.misfit), (2, Some((1, "unknown".to_owned()))));
        assert_eq!(spellings(&["red", "green", "blue"]), None);
        for odd in ["0000-00-00", "2023-02-30"] {
            let found = spellings(&[odd, "2023-08-07", "2022-03-31", odd]).unwrap();
            assert_eq!((found.n_dates, found.misfit), (2, Some((0, odd.to_owned()))));
        }
        let found = spellings(&["2023-08-07 10:00:00", "2023-08-07 24:00:00"]).unwrap();
        assert_eq!((found.n_dates, found.misfit.map(|(row, _)| row)), (1, Some(1)));
        assert_eq!(spellings(&["9999-12-31 00:00:00", "9999-12-31"]).map(|s| s.n_dates), None);
        assert_eq!(spellings(&["2024-01-01", "9999-12-31 00:00:00"]).map(|s| s.n_dates), Some(2));
    }
}
