//! The span of dates, and which of their parts vary.

use std::collections::BTreeSet;

use arrow::array::ArrayRef;

use tabgraft_feature::expr::function::Function;
use tabgraft_feature::expr::{day_text, is_text, time_part, timestamps_us};

/// The span of a column's times, and which of their parts vary.
#[derive(Debug, Clone, PartialEq)]
pub struct TimeProfile {
    /// The earliest, in microseconds since 1970-01-01 UTC.
    pub first_us: i64,
    /// The middle one.
    pub median_us: i64,
    /// The latest.
    pub last_us: i64,
    /// The day of the latest, as `YYYY-MM-DD`.
    pub last_day: String,
    /// Distinct years.
    pub n_years: usize,
    /// Distinct months, at most 12.
    pub n_months: usize,
    /// Distinct days of the month, at most 31.
    pub n_days: usize,
    /// Distinct days of the week, at most 7.
    pub n_weekdays: usize,
    /// Distinct hours, at most 24.
    pub n_hours: usize,
    /// Whether there are Saturdays or Sundays.
    pub has_weekends: bool,
    /// Whether there are other days.
    pub has_workdays: bool,
}

impl TimeProfile {
    /// None if there is no time, or one that formulas cannot read.
    pub(super) fn fit(column: &str, array: &ArrayRef) -> Option<Self> {
        // Days written as whole numbers, such as 20240531, are no times to a formula.
        if !is_text(array.data_type()) && !array.data_type().is_temporal() {
            return None;
        }
        let mut times: Vec<i64> = timestamps_us(column, array).ok()?.into_iter().flatten().collect();
        times.sort_unstable();
        let (&first_us, &last_us) = (times.first()?, times.last()?);
        // A part is a small whole number.
        let parts = |function: Function| -> BTreeSet<i64> {
            times
                .iter()
                .map(|us| time_part(function, *us))
                .filter(|x| x.is_finite())
                .map(|x| x as i64)
                .collect()
        };
        let weekdays = parts(Function::Weekday);
        Some(TimeProfile {
            first_us,
            median_us: times[times.len() / 2],
            last_us,
            last_day: day_text(last_us)?,
            n_years: parts(Function::Year).len(),
            n_months: parts(Function::Month).len(),
            n_days: parts(Function::Day).len(),
            n_weekdays: weekdays.len(),
            n_hours: parts(Function::Hour).len(),
            has_weekends: weekdays.iter().any(|day| *day >= 6),
            has_workdays: weekdays.iter().any(|day| *day < 6),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Int64Array, StringArray};

    use super::*;

    fn profile(cells: &[&str]) -> Option<TimeProfile> {
        let cells = cells.iter().map(|c| (!c.is_empty()).then_some(*c));
        TimeProfile::fit("d", &(Arc::new(cells.collect::<StringArray>()) as ArrayRef))
    }

    #[test]
    fn parts_that_vary_are_counted() {
        // Friday, Saturday, Monday.
        let found = profile(&["2024-05-31", "2024-06-01 13:30", "", "2023-05-01"]).unwrap();
        assert_eq!(found.last_day, "2024-06-01");
        assert_eq!((found.n_years, found.n_months, found.n_days), (2, 2, 2));
        assert_eq!((found.n_weekdays, found.n_hours), (3, 2));
        assert!(found.has_weekends && found.has_workdays && found.first_us < found.median_us);
        assert!(!profile(&["2024-06-01", "2024-06-02"]).unwrap().has_workdays);
    }

    #[test]
    fn what_formulas_cannot_read_has_no_profile() {
        assert_eq!(profile(&["03/04/2024"]), None, "day and month could be swapped");
        assert_eq!(profile(&["2024-05-31", "soon"]), None);
        assert_eq!(profile(&["", ""]), None);
        let whole: ArrayRef = Arc::new(Int64Array::from(vec![20_240_531, 20_240_601]));
        assert_eq!(TimeProfile::fit("d", &whole), None);
    }
}
