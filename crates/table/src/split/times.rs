//! Splits by time: the latest rows test, those before validate. What comes later goes on with a stretch of its own.

use arrow::array::{Array, Float64Array};
use serde::{Deserialize, Serialize};

use super::{Part, Split, SplitBy};
use crate::cell::{self, Storage};
use crate::column::Schema;
use crate::dates::DateFormat;
use crate::error::{Error, Result};
use crate::table::Table;

/// Most stretches that a split goes on by: more than that many refreshes are none that a person makes.
const MOST_STRETCHES: usize = 1000;

/// A stretch of time whose rows came after those that a split was fitted to. It begins behind the last time before it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stretch {
    /// First time of its validation rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_from: Option<f64>,
    /// First time of its test rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_from: Option<f64>,
    /// Its last time.
    pub last: f64,
}

impl Stretch {
    fn part(valid_from: Option<f64>, test_from: Option<f64>, time: f64) -> Part {
        let reaches = |from: Option<f64>| from.is_some_and(|from| time >= from);
        match (reaches(test_from), reaches(valid_from)) {
            (true, _) => Part::Test,
            (_, true) => Part::Valid,
            _ => Part::Train,
        }
    }

    /// The stretch of these times, rising: the latest test, those before validate.
    fn of(sorted: &[f64], p_valid: f64, p_test: f64, column: &str) -> Result<Self> {
        // A part starts at the first row of a time, so that rows of equal time stay together; before
        // the first start lies a time to train on.
        let starts: Vec<usize> = (1..sorted.len()).filter(|i| sorted[i - 1] < sorted[*i]).collect();
        let nearest = |starts: &[usize], p_later: f64| {
            let wanted = (sorted.len() as f64 * (1.0 - p_later)).round() as usize;
            let nearest = starts.iter().min_by_key(|start| start.abs_diff(wanted)).copied();
            nearest.ok_or_else(|| {
                Error::value(format!(
                    "column `{column}` has too few different times in {} rows for the parts",
                    sorted.len()
                ))
                .with_hint("use more rows, or set `p_valid` or `p_test` to 0")
            })
        };
        let (mut valid_from, mut test_from, mut end) = (None, None, starts.len());
        if p_test > 0.0 {
            let start = nearest(&starts[usize::from(p_valid > 0.0).min(starts.len())..], p_test)?;
            test_from = Some(sorted[start]);
            end = starts.partition_point(|s| *s < start);
        }
        if p_valid > 0.0 {
            valid_from = Some(sorted[nearest(&starts[..end], p_valid + p_test)?]);
        }
        Ok(Stretch { valid_from, test_from, last: sorted.last().copied().unwrap_or_default() })
    }
}

impl Split {
    /// A split by time with a stretch more, of the rows of `table` that are later than all before: the latest of them
    /// test, those before validate, in the shares of this split. Every earlier time keeps its part. None where the split
    /// does not go by time or does not know its last time, where the table lacks its column, or no row is later.
    ///
    /// # Errors
    /// A value error if a time cannot be read, or the later rows have too few different times for the parts.
    pub fn continued(&self, table: &Table) -> Result<Option<Self>> {
        let SplitBy::Time { column, date_format, last: Some(last), later, .. } = &self.by else {
            return Ok(None);
        };
        if !table.has_column(column) {
            return Ok(None);
        }
        let end = later.last().map_or(*last, |stretch| stretch.last);
        let times = times(column, table, date_format.as_ref())?;
        let sorted = sorted(times.iter().flatten().filter(|time| *time > end));
        if sorted.is_empty() {
            return Ok(None);
        }
        let stretch = Stretch::of(&sorted, self.p_valid, self.p_test, column).map_err(|error| {
            Error::value(format!("{error}; they are those of after the last time so far"))
                .with_hint("wait for more rows, or leave the later ones out")
        })?;
        if later.len() >= MOST_STRETCHES {
            return Err(Error::value(format!(
                "the split by `{column}` goes on {MOST_STRETCHES} times already"
            ))
            .with_hint("train a new space"));
        }
        let mut split = self.clone();
        if let SplitBy::Time { later, .. } = &mut split.by {
            later.push(stretch);
        }
        Ok(Some(split))
    }

    /// This split, and what it was before each of its later stretches came.
    pub fn with_earlier(&self) -> Vec<Self> {
        let mut splits = vec![self.clone()];
        let mut split = self.clone();
        while let SplitBy::Time { later, .. } = &mut split.by {
            if later.pop().is_none() {
                break;
            }
            splits.push(split.clone());
        }
        splits
    }
}

/// The part of a row of this time; without one it trains.
pub(super) fn part_of_time(by: &SplitBy, time: Option<f64>) -> Part {
    let (SplitBy::Time { valid_from, test_from, last, later, .. }, Some(time)) = (by, time) else {
        return Part::Train;
    };
    let is_later = last.is_some_and(|last| time > last);
    let stretch = later.iter().find(|stretch| time <= stretch.last).or(later.last()).filter(|_| is_later);
    match stretch {
        Some(stretch) => Stretch::part(stretch.valid_from, stretch.test_from, time),
        None => Stretch::part(*valid_from, *test_from, time),
    }
}

/// Times that came from a file.
///
/// # Errors
/// Malformed content: times that are not finite or out of order.
pub(super) fn check_times(by: &SplitBy) -> Result<()> {
    let SplitBy::Time { valid_from, test_from, last, later, .. } = by else { return Ok(()) };
    let stretches = later.iter().map(|s| (s.valid_from, s.test_from, Some(s.last)));
    let mut before = None;
    for (valid_from, test_from, last) in std::iter::once((*valid_from, *test_from, *last)).chain(stretches) {
        let times: Vec<f64> = [valid_from, test_from].into_iter().flatten().collect();
        // The last row of a stretch may be the only one of its last part.
        let is_inside = |time: &f64| {
            time.is_finite()
                && before.is_none_or(|before| *time > before)
                && last.is_none_or(|last| *time <= last)
        };
        let is_rising = times.is_sorted_by(|a, b| a < b);
        let is_later = last.is_none_or(|last| last.is_finite() && before.is_none_or(|before| last > before));
        if !(is_rising && is_later && times.iter().all(is_inside)) {
            return Err(Error::malformed("the times of a split must be finite and in order"));
        }
        before = last;
    }
    if later.len() > MOST_STRETCHES {
        return Err(Error::malformed(format!("a split goes on {} times", later.len())));
    }
    match last.is_some() || later.is_empty() {
        true => Ok(()),
        false => Err(Error::malformed("a split has later times and no last one before them")),
    }
}

fn sorted(times: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut times: Vec<f64> = times.filter(|time| time.is_finite()).collect();
    times.sort_by(f64::total_cmp);
    times
}

/// A column's times in seconds, or its numbers as they stand.
pub(crate) fn times(column: &str, table: &Table, format: Option<&DateFormat>) -> Result<Float64Array> {
    let array = table.column(column)?;
    let times = match format {
        Some(format) => cell::timestamps_us(column, array, format)
            .map(|times| times.iter().map(|t| t.map(cell::seconds)).collect()),
        None => cell::numbers(column, array),
    };
    times.map_err(|e| e.in_rows_of(table))
}

/// The split by the times of a table.
pub(super) fn fit_times(
    column: &str,
    table: &Table,
    schema: &Schema,
    p_valid: f64,
    p_test: f64,
) -> Result<SplitBy> {
    let storage = Storage::of(column, table.column(column)?.data_type())?;
    let known = schema.column(column).and_then(|spec| spec.date_format.clone());
    let date_format = known.or((storage == Storage::Time).then_some(DateFormat::Typed));
    let times = times(column, table, date_format.as_ref())
        .map_err(|e| e.at("a split by time needs times or numbers"))?;
    let sorted = sorted(times.iter().flatten());
    let Stretch { valid_from, test_from, last } = Stretch::of(&sorted, p_valid, p_test, column)?;
    let has_all = table.shard().is_none() && table.whole().is_none();
    Ok(SplitBy::Time {
        column: column.to_owned(),
        date_format,
        valid_from,
        test_from,
        last: (has_all && !sorted.is_empty()).then_some(last),
        later: Vec::new(),
    })
}
