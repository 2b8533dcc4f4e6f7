//! Which months, weekdays, hours, ... of the calendar occur, and where in its cycles a moment lies. In UTC.

use std::f64::consts::TAU;

use chrono::{DateTime, Datelike, NaiveDateTime, Timelike};
use serde::{Deserialize, Serialize};

/// A cycle of the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cycle {
    /// The day in the year; varies if the months do.
    Year,
    /// The day in the month.
    Month,
    /// The day in the week.
    Week,
    /// The hour, with its minutes, in the day.
    Day,
    /// The minute in the hour.
    Hour,
}

impl Cycle {
    const ALL: [Cycle; 5] = [Cycle::Year, Cycle::Month, Cycle::Week, Cycle::Day, Cycle::Hour];

    /// The step of the cycle whose values decide whether it varies, below 64.
    fn step(self, time: &NaiveDateTime) -> u32 {
        match self {
            Cycle::Year => time.month0(),
            Cycle::Month => time.day0(),
            Cycle::Week => time.weekday().num_days_from_monday(),
            Cycle::Day => time.hour(),
            Cycle::Hour => time.minute(),
        }
    }

    /// Positions that the cycle tells apart: days, or minutes of a day or an hour.
    pub fn n_positions(self) -> usize {
        match self {
            Cycle::Year => 366,
            Cycle::Month => 31,
            Cycle::Week => 7,
            Cycle::Day => 24 * 60,
            Cycle::Hour => 60,
        }
    }

    /// The position of a moment, below [`Cycle::n_positions`].
    fn position(self, time: &NaiveDateTime) -> u32 {
        match self {
            Cycle::Year => time.ordinal0(),
            Cycle::Day => 60 * time.hour() + time.minute(),
            Cycle::Month | Cycle::Week | Cycle::Hour => self.step(time),
        }
    }

    /// Sine and cosine of the angle of a position.
    pub fn circle(self, position: u32) -> [f32; 2] {
        let (sin, cos) = (TAU * self.phase(position)).sin_cos();
        [sin as f32, cos as f32]
    }

    /// The same of a moment.
    pub(crate) fn circle_of(self, time: &NaiveDateTime) -> [f32; 2] {
        self.circle(self.position(time))
    }

    /// The part of the cycle that has passed, in [0, 1).
    fn phase(self, position: u32) -> f64 {
        match self {
            Cycle::Day => (f64::from(position / 60) + f64::from(position % 60) / 60.0) / 24.0,
            _ => f64::from(position) / self.n_positions() as f64,
        }
    }
}

/// Which steps of each cycle occur: one bit per step. Merges by union.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CalendarValues {
    steps: [u64; Cycle::ALL.len()],
}

impl CalendarValues {
    /// Counts one point in time, in microseconds since 1970.
    pub fn update(&mut self, micros: i64) {
        if let Some(time) = calendar(micros) {
            for (steps, cycle) in self.steps.iter_mut().zip(Cycle::ALL) {
                *steps |= 1 << cycle.step(&time);
            }
        }
    }

    /// Counts what the other counted.
    pub fn merge(&mut self, other: &Self) {
        self.steps.iter_mut().zip(other.steps).for_each(|(steps, more)| *steps |= more);
    }

    /// The cycles with more than one step.
    pub fn varying(&self) -> Vec<Cycle> {
        let pairs = self.steps.iter().zip(Cycle::ALL);
        pairs.filter(|(steps, _)| steps.count_ones() > 1).map(|(_, cycle)| cycle).collect()
    }
}

/// A point in time, in microseconds since 1970; none in years that the calendar does not know (beyond +-262,000).
pub(crate) fn calendar(micros: i64) -> Option<NaiveDateTime> {
    DateTime::from_timestamp_micros(micros).map(|time| time.naive_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_cycles_that_vary_are_kept() {
        let day = 86_400_000_000;
        let mut calendar = CalendarValues::default();
        calendar.update(0);
        assert!(calendar.varying().is_empty());
        calendar.update(7 * day);
        assert_eq!(calendar.varying(), [Cycle::Month]);
        calendar.update(40 * day);
        assert_eq!(calendar.varying(), [Cycle::Year, Cycle::Month, Cycle::Week]);
    }

    #[test]
    fn the_end_of_a_cycle_lies_beside_its_start() {
        let phase = |cycle: Cycle, time: &NaiveDateTime| cycle.phase(cycle.position(time));
        let at = |text: &str| NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").unwrap();
        assert_eq!(phase(Cycle::Year, &at("2024-01-01 00:00")), 0.0);
        assert!(phase(Cycle::Year, &at("2024-12-31 00:00")) > 0.99);
        assert_eq!(phase(Cycle::Day, &at("2024-01-01 18:00")), 0.75);
    }
}
