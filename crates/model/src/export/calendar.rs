//! Days, months and hours of times, by the arithmetic of the Gregorian calendar.
//!
//! Howard Hinnant's `civil_from_days` (howardhinnant.github.io/date_algorithms.html) on whole numbers, moved by whole
//! cycles of 400 years so that all are positive and division rounds one way.

use super::onnx::graph::{Element, Graph, Value};

/// Days of 400 years.
const CYCLE_DAYS: i64 = 146_097;
/// Cycles that times are moved by: years from about -280,000 on are positive.
const CYCLES: i64 = 700;
/// Days from the first of March of the year 0 to 1970-01-01.
const DAYS_TO_1970: i64 = 719_468;
const DAY_SECONDS: i64 = 86_400;
/// Seconds since 1970 that the calendar knows: about 262,000 years each way.
const MOST_SECONDS: f64 = 8.2e12;

/// The parts of moments: whole numbers, `[n_rows]` each.
pub(super) struct Calendar {
    pub year: Value,
    /// 1 to 12.
    pub month: Value,
    /// 1 to 31.
    pub day: Value,
    /// 0 to 365, in the year.
    pub day_of_year: Value,
    /// 0 is Monday.
    pub weekday: Value,
    pub hour: Value,
    /// 0 to 59, in the hour.
    pub minute: Value,
}

impl Calendar {
    /// Of seconds since 1970, in UTC. Those of a missing time mean nothing.
    pub fn of(graph: &mut Graph, seconds: &Value) -> Self {
        let g = graph;
        let (low, high) = (g.double(-MOST_SECONDS), g.double(MOST_SECONDS));
        let is_missing = g.is_nan(seconds);
        let zero = g.double(0.0);
        let seconds = g.choose(&is_missing, &zero, seconds);
        let seconds = g.node("Clip", &[&seconds, &low, &high], &[]);
        let seconds = g.node("Floor", &[&seconds], &[]);
        let seconds = g.cast(&seconds, Element::Int64);
        let moved = plus(g, &seconds, (DAYS_TO_1970 + CYCLES * CYCLE_DAYS) * DAY_SECONDS);
        let (days, second) = (over(g, &moved, DAY_SECONDS), rest(g, &moved, DAY_SECONDS));

        // The first of March of the year 0 was a Wednesday.
        let from_monday = plus(g, &days, 2);
        let weekday = rest(g, &from_monday, 7);
        let cycle = over(g, &days, CYCLE_DAYS);
        let in_cycle = rest(g, &days, CYCLE_DAYS);
        let year = {
            let (leap, century, whole) =
                (over(g, &in_cycle, 1460), over(g, &in_cycle, 36_524), over(g, &in_cycle, 146_096));
            let left = g.sub(&in_cycle, &leap);
            let left = g.add(&left, &century);
            let left = g.sub(&left, &whole);
            over(g, &left, 365)
        };
        let before = {
            let (common, leap, century) = (times(g, &year, 365), over(g, &year, 4), over(g, &year, 100));
            let sum = g.add(&common, &leap);
            g.sub(&sum, &century)
        };
        // Days and months since the first of March.
        let day_from_march = g.sub(&in_cycle, &before);
        let month_from_march = {
            let fifths = times(g, &day_from_march, 5);
            let fifths = plus(g, &fifths, 2);
            over(g, &fifths, 153)
        };
        let day = {
            let begun = times(g, &month_from_march, 153);
            let begun = plus(g, &begun, 2);
            let begun = over(g, &begun, 5);
            let day = g.sub(&day_from_march, &begun);
            plus(g, &day, 1)
        };
        let months: Vec<i64> = (0..12).map(|m| if m < 10 { m + 3 } else { m - 9 }).collect();
        let months = g.ints(&[12], &months);
        let month = g.gather(&months, &month_from_march, 0);
        let ten = g.ints(&[], &[10]);
        let next_year = g.at_least(&month_from_march, &ten);
        let is_next = g.cast(&next_year, Element::Int64);
        let cycles = plus(g, &cycle, -CYCLES);
        let full_years = times(g, &cycles, 400);
        let years = g.add(&full_years, &year);
        let full_year = g.add(&years, &is_next);
        // The first of March is day 59, in leap years day 60; January begins 306 days after it.
        let leap = {
            let zero = g.ints(&[], &[0]);
            let (fourth, century) = (rest(g, &year, 4), rest(g, &year, 100));
            let (by_4, by_100, by_400) =
                (g.equal(&fourth, &zero), g.equal(&century, &zero), g.equal(&year, &zero));
            let not_100 = g.not(&by_100);
            let usual = g.and(&by_4, &not_100);
            let leap = g.or(&usual, &by_400);
            g.cast(&leap, Element::Int64)
        };
        let from_january = plus(g, &day_from_march, 59);
        let from_january = g.add(&from_january, &leap);
        let in_new_year = plus(g, &day_from_march, -306);
        let day_of_year = g.choose(&next_year, &in_new_year, &from_january);
        let minutes = over(g, &second, 60);
        Calendar {
            year: full_year,
            month,
            day,
            day_of_year,
            weekday,
            hour: over(g, &minutes, 60),
            minute: rest(g, &minutes, 60),
        }
    }
}

fn plus(graph: &mut Graph, a: &Value, b: i64) -> Value {
    let b = graph.ints(&[], &[b]);
    graph.add(a, &b)
}

pub(super) fn times(graph: &mut Graph, a: &Value, b: i64) -> Value {
    let b = graph.ints(&[], &[b]);
    graph.mul(a, &b)
}

fn over(graph: &mut Graph, a: &Value, b: i64) -> Value {
    let b = graph.ints(&[], &[b]);
    graph.div(a, &b)
}

fn rest(graph: &mut Graph, a: &Value, b: i64) -> Value {
    let b = graph.ints(&[], &[b]);
    graph.node("Mod", &[a, &b], &[])
}
