//! Proposals from dates: parts, places on their circles, ages, days between two.

use super::operand::{Operand, Operands, pairs};
use tabgraft_feature::definition::Feature;

/// Fewest months that show a course of the year, and fewest hours that show one of the day.
const MIN_MONTHS: usize = 4;
const MIN_HOURS: usize = 4;

/// Days until the latest day of the profiled rows, which stands in the formula: a row's age depends on
/// no other row, and later rows, whose age is negative, are aged by the same day.
pub(super) fn ages(operands: &Operands) -> Vec<Feature> {
    let varied = operands.dates().into_iter().filter(|(_, times)| times.first_us < times.last_us);
    varied
        .map(|(date, times)| {
            Feature::formula(
                format!("days_since_{}", date.word),
                format!("days_between({}, '{}')", date.sql, times.last_day),
                format!("how many days `{}` lies before {}, its latest day", date.name(), times.last_day),
            )
        })
        .collect()
}

/// Parts that vary: what is the same in all rows tells nothing.
pub(super) fn parts(operands: &Operands) -> Vec<Feature> {
    let mut features = Vec::new();
    for (date, times) in operands.dates() {
        let mut part = |varies: bool, suffix: &str, formula: String, tells: &str| {
            if varies {
                let reason = format!("{tells} `{}`", date.name());
                features.push(Feature::formula(format!("{}_{suffix}", date.word), formula, reason));
            }
        };
        let of = |function: &str| format!("{function}({})", date.sql);
        let (month, hour) = (of("month"), of("hour"));
        let has_weeks = times.has_weekends && times.has_workdays;
        part(times.n_years > 1, "year", of("year"), "the year of");
        part(times.n_months > 1, "month", month.clone(), "the month of");
        part(times.n_weekdays > 1, "weekday", of("weekday"), "the weekday, 1 for Monday, of");
        part(has_weeks, "is_weekend", format!("{} >= 6", of("weekday")), "Saturday or Sunday in");
        part(times.n_days > 1, "day", of("day"), "the day of the month of");
        part(times.n_hours > 1, "hour", hour.clone(), "the hour of");
        let (january, april) =
            (format!("least({month} - 1, 13 - {month})"), format!("least(abs({month} - 4), 16 - {month})"));
        let has_seasons = times.n_months >= MIN_MONTHS;
        part(has_seasons, "months_from_january", january, "months to the nearest January in");
        part(has_seasons, "months_from_april", april, "months to the nearest April in");
        let midnight = format!("least({hour}, 24 - {hour})");
        part(times.n_hours >= MIN_HOURS, "hours_from_midnight", midnight, "hours to the nearest midnight in");
    }
    features
}

/// Days from the usually earlier date to the later one.
pub(super) fn distances(operands: &Operands) -> Vec<Feature> {
    let dates = operands.dates();
    let distance = |(from, to): (&Operand, &Operand)| {
        Feature::formula(
            format!("days_from_{}_to_{}", from.word, to.word),
            format!("days_between({}, {})", from.sql, to.sql),
            format!("how many days lie between `{}` and `{}`", from.name(), to.name()),
        )
    };
    pairs(&dates)
        .map(|(a, b)| if a.1.median_us <= b.1.median_us { (a.0, b.0) } else { (b.0, a.0) })
        .map(distance)
        .take(operands.limits.max_candidates)
        .collect()
}
