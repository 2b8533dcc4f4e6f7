//! Points in time: the distance along the axis of time, and where in its cycles a moment lies.
//!
//! Part 1 is piecewise linear in seconds since 1970 (see [`super::bins`]), so that *later* keeps
//! its order. Part 2, only if any cycle varies in the training rows, holds `sin` and `cos` of the
//! angle in each varying cycle, so that 31 December lies beside 1 January. Cycles are read in UTC.

use arrow::array::ArrayRef;
use chrono::Timelike;
use serde::{Deserialize, Serialize};

use super::bins::{ClassSpan, PiecewiseBins, TargetClasses};
use super::{CellFlag, CodecConfig};
use crate::cell;
use crate::dates::{DateFormat, DateParser};
use crate::encoded::{EncodedColumn, NO_TARGET, PartForm, PartValues};
use crate::error::{Error, Result};
use crate::stats::calendar::{CalendarValues, Cycle, calendar};
use crate::stats::quantile::QuantileSketch;

/// Most ways in which the dates of one column are written.
const MOST_FORMATS: usize = 16;
/// Seconds of the years 1000 to 2999: others stand for something else than a point in time.
const BELIEVED_SECONDS: std::ops::Range<f64> = -30_610_224_000.0..32_503_680_000.0;
/// Different times below which none is an open end.
const LEAST_TIMES: usize = 8;

/// Fitted state of a timestamp column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimestampCodec {
    format: DateFormat,
    /// Edges in seconds since 1970.
    edges: PiecewiseBins,
    classes: TargetClasses,
    cycles: Vec<Cycle>,
}

impl TimestampCodec {
    /// Fits bins, classes and cycles to the counted times; `quantiles` are in seconds.
    pub(crate) fn fit(
        quantiles: &QuantileSketch,
        calendar: &CalendarValues,
        format: &DateFormat,
        config: &CodecConfig,
    ) -> Self {
        TimestampCodec {
            format: format.clone(),
            edges: PiecewiseBins::fit(&without_far_ends(quantiles), config.n_bins),
            classes: TargetClasses::fit(quantiles, config.n_targets),
            cycles: calendar.varying(),
        }
    }

    /// A piecewise-linear part and, if any cycle varies, a bag of two features per cycle.
    pub fn parts(&self) -> Vec<PartForm> {
        let mut parts = vec![PartForm::Piecewise { n_bins: self.edges.n_bins() }];
        if !self.cycles.is_empty() {
            parts.push(PartForm::Bag { n_slots: 2 * self.cycles.len() });
        }
        parts
    }

    /// Edges of the piecewise-linear part.
    pub fn edges(&self) -> &[f64] {
        self.edges.edges()
    }

    /// The cycles of the calendar whose sine and cosine are its second part, in order.
    pub fn cycles(&self) -> &[Cycle] {
        &self.cycles
    }

    /// Number of classes of the target.
    pub fn n_targets(&self) -> usize {
        self.classes.n_classes()
    }

    /// Encodes cells; see [`super::Codec::apply`].
    pub fn apply(&self, column: &str, array: &ArrayRef) -> Result<EncodedColumn> {
        let times = cell::timestamps_us(column, array, &self.format)?;
        let placed = times.iter().map(|t| t.map_or((0, 0.0), |t| self.edges.place(cell::seconds(t))));
        let (bin, position) = placed.unzip();
        let mut parts = vec![PartValues::Piecewise { bin, position }];
        if !self.cycles.is_empty() {
            parts.push(self.cyclic(times.iter()));
        }
        let class = |time| self.classes.class(cell::seconds(time));
        Ok(EncodedColumn {
            parts,
            missing: times.iter().map(|t| t.is_none()).collect(),
            target: times.iter().map(|t| t.map_or(NO_TARGET, class)).collect(),
        })
    }

    /// The class in words, with dates in ISO 8601.
    pub fn inverse_target(&self, target: u16) -> String {
        self.classes.describe(target, iso)
    }

    /// The times of each class of the target, in seconds since 1970.
    pub fn class_spans(&self) -> Vec<ClassSpan> {
        self.classes.spans(&self.edges)
    }

    /// The class of a time in seconds since 1970.
    pub fn class(&self, seconds: f64) -> u16 {
        self.classes.class(seconds)
    }

    /// A time in ISO 8601, the day alone at midnight.
    pub fn time_text(&self, seconds: f64) -> String {
        iso(seconds)
    }

    /// Neighbouring classes in words.
    pub fn inverse_range(&self, low: u16, high: u16) -> String {
        self.classes.describe_range(low, high, iso)
    }

    /// Flags cells; see [`super::Codec::flags`].
    pub fn flags(&self, column: &str, array: &ArrayRef) -> Result<Vec<CellFlag>> {
        let (low, high) = self.edges.range();
        let flag = |time: Option<i64>| match time.map(cell::seconds) {
            None => CellFlag::Missing,
            Some(seconds) if seconds < low || seconds > high => CellFlag::OutOfRange,
            Some(_) => CellFlag::None,
        };
        Ok(cell::timestamps_us(column, array, &self.format)?.iter().map(flag).collect())
    }

    /// Validates state that came from a file; see [`super::Codec::check`].
    pub fn check(&self) -> Result<()> {
        for format in self.format.formats() {
            DateParser::new(format).map_err(|e| Error::malformed(e.to_string()))?;
        }
        if matches!(&self.format, DateFormat::AnyOf(formats) if !(2..=MOST_FORMATS).contains(&formats.len()))
        {
            return Err(Error::malformed(format!(
                "{} date formats of one column, 2 to {MOST_FORMATS} are allowed",
                self.format.formats().len()
            )));
        }
        if self.cycles.windows(2).any(|pair| pair[0] >= pair[1]) {
            return Err(Error::malformed("the cycles of a timestamp must be in order, each once"));
        }
        self.edges.check()?;
        self.classes.check()
    }

    fn cyclic(&self, times: impl Iterator<Item = Option<i64>>) -> PartValues {
        let (mut offsets, mut slots, mut values) = (vec![0], Vec::new(), Vec::new());
        for time in times {
            // Years that the calendar does not know (beyond +-262,000) have no cycles.
            if let Some(time) = time.and_then(calendar) {
                for (i, cycle) in self.cycles.iter().enumerate() {
                    slots.extend([2 * i as u32, 2 * i as u32 + 1]);
                    values.extend(cycle.circle_of(&time));
                }
            }
            offsets.push(slots.len() as u32);
        }
        PartValues::Bag { offsets, slots, values }
    }
}

/// The times without those that stand for an open end (9999-12-31, 1900-01-01): bins that reach so far
/// would hold all other times in one corner. Such a time is placed behind the outermost bin, as any is
/// that training has not seen.
///
/// An outermost time is an open end if its year is not believed, or if it lies farther from the next
/// one than all others lie apart.
fn without_far_ends(quantiles: &QuantileSketch) -> QuantileSketch {
    let all: Vec<f64> = quantiles.buckets().map(|(seconds, _)| seconds).collect();
    let believed: Vec<f64> = all.iter().copied().filter(|s| BELIEVED_SECONDS.contains(s)).collect();
    let mut times = if believed.len() > 1 { &believed[..] } else { &all[..] };
    while let [first, second, .., last_but_one, last] = *times
        && times.len() > LEAST_TIMES
    {
        let span = last_but_one - second;
        times = match (second - first > span, last - last_but_one > span) {
            (true, _) => &times[1..],
            (_, true) => &times[..times.len() - 1],
            _ => break,
        };
    }
    match times {
        [first, .., last] if times.len() < all.len() => {
            // A bucket of the sketch stands for the range from its smallest value on.
            let next = all.iter().copied().find(|s| s > last).unwrap_or(f64::INFINITY);
            quantiles.between(*first, next)
        }
        _ => quantiles.clone(),
    }
}

fn iso(seconds: f64) -> String {
    let Some(time) = calendar((seconds * 1e6) as i64) else { return format!("{seconds} s") };
    let midnight = time.num_seconds_from_midnight() == 0 && time.nanosecond() == 0;
    time.format(if midnight { "%Y-%m-%d" } else { "%Y-%m-%d %H:%M:%S" }).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_read_as_dates() {
        assert_eq!(iso(86_400.0), "1970-01-02");
        assert_eq!(iso(86_461.0), "1970-01-02 00:01:01");
    }
}
