//! Times as microseconds since 1970-01-01 UTC: reading, writing, parts.

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, NaiveTime, Timelike};

use super::function::Function;

/// Microseconds of a day.
pub(super) const DAY_US: f64 = 86_400e6;

/// Spellings of a day, besides those with slashes; `%B` reads short and long names of months.
const DATE_FORMATS: &[&str] =
    &["%Y-%m-%d", "%Y/%m/%d", "%d.%m.%Y", "%d-%B-%Y", "%d %B %Y", "%B %d, %Y", "%B %d %Y"];
/// Spellings of an hour, after a day and `T` or a space.
const TIME_FORMATS: &[&str] = &["%H:%M:%S%.f", "%H:%M"];

/// Why a text is no time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoTime {
    /// Day and month could be swapped.
    Ambiguous,
    /// No known spelling.
    Unknown,
}

/// Reads a time: ISO 8601 with or without an hour and zone, or a day as `31.1.2024`, `31-Jan-2024`,
/// `31 January 2024`, `Jan 31, 2024`, `1/31/2024` or `31/1/2024`, with or without an hour.
///
/// With slashes a day up to 12 is ambiguous unless it equals the month. Without a zone: UTC.
pub(crate) fn parse(text: &str) -> Result<i64, NoTime> {
    let text = text.trim();
    if let Ok(moment) = DateTime::parse_from_rfc3339(text) {
        return Ok(moment.timestamp_micros());
    }
    let mut problem = match parse_date(text) {
        Ok(date) => return Ok(micros(date.and_time(NaiveTime::MIN))),
        Err(problem) => problem,
    };
    for separator in ['T', ' '] {
        let Some((day, hour)) = text.rsplit_once(separator) else { continue };
        let hour = hour.strip_suffix('Z').unwrap_or(hour);
        let Some(hour) = TIME_FORMATS.iter().find_map(|f| NaiveTime::parse_from_str(hour, f).ok()) else {
            continue;
        };
        match parse_date(day.trim_end()) {
            Ok(date) => return Ok(micros(date.and_time(hour))),
            Err(NoTime::Ambiguous) => problem = NoTime::Ambiguous,
            Err(NoTime::Unknown) => {}
        }
    }
    Err(problem)
}

/// Writes a time as ISO 8601, the hour only if it is not midnight.
pub(super) fn format(us: i64) -> Option<String> {
    let moment = DateTime::from_timestamp_micros(us)?.naive_utc();
    let format = if moment.time() == NaiveTime::MIN { "%Y-%m-%d" } else { "%Y-%m-%dT%H:%M:%S%.f" };
    Some(moment.format(format).to_string())
}

/// The day of a time as `YYYY-MM-DD`; none beyond the calendar.
pub fn day_text(us: i64) -> Option<String> {
    Some(DateTime::from_timestamp_micros(us)?.format("%Y-%m-%d").to_string())
}

/// One part of a time; NaN for a function that is not one or a time beyond the calendar.
pub fn part(function: Function, us: i64) -> f64 {
    let Some(moment) = DateTime::from_timestamp_micros(us) else { return f64::NAN };
    match function {
        Function::Year => f64::from(moment.year()),
        Function::Month => f64::from(moment.month()),
        Function::Day => f64::from(moment.day()),
        Function::Weekday => f64::from(moment.weekday().number_from_monday()),
        Function::Hour => f64::from(moment.hour()),
        _ => f64::NAN,
    }
}

fn parse_date(text: &str) -> Result<NaiveDate, NoTime> {
    // Years of two digits would be read as the first century.
    let plausible = |d: &NaiveDate| (1000..=9999).contains(&d.year());
    if let Some(date) =
        DATE_FORMATS.iter().filter_map(|f| NaiveDate::parse_from_str(text, f).ok()).find(plausible)
    {
        return Ok(date);
    }
    let parts: Vec<&str> = text.split('/').collect();
    let [first, second, year] = parts[..] else { return Err(NoTime::Unknown) };
    let (Ok(first), Ok(second), Ok(year)) =
        (first.parse::<u32>(), second.parse::<u32>(), year.parse::<i32>())
    else {
        return Err(NoTime::Unknown);
    };
    let (day, month) = match (first, second) {
        (a, b) if a == b => (a, b),
        (13.., b) => (first, b),
        (a, 13..) => (second, a),
        _ => return Err(NoTime::Ambiguous),
    };
    NaiveDate::from_ymd_opt(year, month, day).filter(plausible).ok_or(NoTime::Unknown)
}

fn micros(moment: NaiveDateTime) -> i64 {
    moment.and_utc().timestamp_micros()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_spellings_of_one_day_agree() {
        let day = parse("2024-01-31").unwrap();
        for text in [
            "2024/01/31",
            "31.01.2024",
            "31-Jan-2024",
            "31 January 2024",
            "Jan 31, 2024",
            "1/31/2024",
            "31/1/2024",
            "2024-01-31T00:00:00Z",
            "2024-01-31 00:00",
            "2024-01-31T02:00:00+02:00",
            "1/31/2024 00:00",
        ] {
            assert_eq!(parse(text), Ok(day), "{text}");
        }
        assert_eq!(format(day).as_deref(), Some("2024-01-31"));
        assert_eq!(format(parse("2024-01-31 12:30").unwrap()).as_deref(), Some("2024-01-31T12:30:00"));
    }

    #[test]
    fn day_and_month_are_never_guessed() {
        assert_eq!(parse("03/04/2024"), Err(NoTime::Ambiguous));
        assert_eq!(parse("03/04/2024 10:00"), Err(NoTime::Ambiguous));
        assert_eq!(parse("04/04/2024"), parse("2024-04-04"));
        for text in ["", "soon", "31.02.2024", "12.05.24", "5", "13/13/2024", "99999999"] {
            assert_eq!(parse(text), Err(NoTime::Unknown), "{text}");
        }
    }
}
