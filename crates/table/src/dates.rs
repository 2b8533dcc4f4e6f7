//! Dates in text: the format that every value of a column fits, or the few that fit them together.

mod words;

use std::sync::LazyLock;

use chrono::format::{Item, Parsed, StrftimeItems, parse};
use chrono::{Datelike, NaiveDateTime, NaiveTime, Weekday};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::spelling::parse_number;

/// Date spellings, the likeliest first: where several fit every value, the first is taken.
const DATES: [&str; 28] = [
    "%Y-%m-%d",
    "%Y/%m/%d",
    "%Y.%m.%d",
    "%m/%d/%Y",
    "%d/%m/%Y",
    "%d.%m.%Y",
    "%m.%d.%Y",
    "%d-%m-%Y",
    "%m-%d-%Y",
    "%m/%d/%y",
    "%d/%m/%y",
    "%d.%m.%y",
    "%d-%m-%y",
    "%Y%m%d",
    "%B %d, %Y",
    "%B %d %Y",
    "%d %B %Y",
    "%d-%B-%Y",
    "%A, %d %B %Y",
    "%A, %B %d, %Y",
    "%d-%B-%y",
    "%d. %B %Y",
    "%A %d %B %Y",
    "%A, %d. %B %Y",
    "%A, %d.%m.%Y",
    "%A %d.%m.%Y",
    "%y-%m-%d",
    "%Y年%m月%d日",
];
/// What may follow a date, with the blank or `T` between them.
const TIMES: [&str; 6] = ["", " %H:%M:%S%.f", " %H:%M", "T%H:%M:%S%.f", "T%H:%M", " %I:%M:%S %p"];
const MORE_TIMES: [&str; 1] = [" %I:%M %p"];
/// Times that no zone follows: with a decimal comma, as logs have them, and as browsers and Germans write them.
const BARE_TIMES: [&str; 7] =
    [" %H:%M:%S,%3f", "T%H:%M:%S,%3f", ", %H:%M:%S", ", %H:%M", ", %I:%M:%S %p", ", %I:%M %p", " um %H:%M"];
/// Spellings without a day, of which the first is meant, and of logs.
const WHOLE: [&str; 18] = [
    "%Y-%m",
    "%Y/%m",
    "%B %Y",
    "%m/%Y",
    "%m-%Y",
    "%G-W%V",
    "%GW%V",
    "%G-W%V-%u",
    "KW %V/%G",
    "KW %V %G",
    "%Y-Q%q",
    "%Y Q%q",
    "Q%q %Y",
    "Q%q-%Y",
    "Q%q/%Y",
    "%d/%B/%Y:%H:%M:%S %#z",
    "%d%B%Y:%H:%M:%S%.f",
    "%A %B %d %H:%M:%S %Y",
];
/// Words in the place of a format for numbers that count time: from when, in microseconds since 1970, and of what length
/// one is, in microseconds. Spreadsheets count days, of which the first of March 1900 is the 61st.
const COUNTED: [(&str, i64, f64); 2] = [("excel", -25_569 * 86_400_000_000, 86_400e6), ("unix_ms", 0, 1e3)];
/// Years that are believed when a format is guessed.
const YEARS: std::ops::RangeInclusive<i32> = 1000..=2999;
/// Years that are believed in eight digits without a separator.
const BARE_YEARS: std::ops::RangeInclusive<i32> = 1900..=2099;
const BARE: &str = "%Y%m%d";
/// What stands for an open end in eight digits without a separator.
const OPEN_ENDS: [&str; 3] = ["99991231", "99990101", "00010101"];

/// How the text of a timestamp column is written. Dates that Arrow already types are `Typed`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DateFormat {
    /// An Arrow date or timestamp column; nothing to parse.
    Typed,
    /// A `chrono` format string, e.g. `%Y-%m-%d`; the one that every value fits. `excel` for the days that spreadsheets
    /// count, `unix_ms` for milliseconds since 1970.
    Text(String),
    /// Several of them, at least two; each value is read by the first that it fits.
    AnyOf(Vec<String>),
}

impl DateFormat {
    /// Dates written in one of these ways.
    pub fn of(formats: &[String]) -> Self {
        match formats {
            [only] => DateFormat::Text(only.clone()),
            formats => DateFormat::AnyOf(formats.to_vec()),
        }
    }

    /// What a user writes: one `chrono` format, or several with `|` between them.
    pub fn given(text: &str) -> Self {
        Self::of(&text.split('|').map(|format| format.trim().to_owned()).collect::<Vec<_>>())
    }

    /// The `chrono` formats; none for typed dates.
    pub fn formats(&self) -> &[String] {
        match self {
            DateFormat::Typed => &[],
            DateFormat::Text(format) => std::slice::from_ref(format),
            DateFormat::AnyOf(formats) => formats,
        }
    }

    /// As a user writes it.
    pub fn text(&self) -> String {
        self.formats().join("|")
    }
}

/// Reads dates of one format: of `chrono`, or one of [`COUNTED`]. Names of months and days may be of any language that
/// [`words`] knows.
#[derive(Debug, Clone)]
pub(crate) struct DateParser {
    format: String,
    items: Vec<Item<'static>>,
    /// Whether it has names of months or days of the week, and whether it begins with a letter.
    has_names: bool,
    begins_with_letter: bool,
    /// Where time is counted from, and by what length.
    counted: Option<(i64, f64)>,
}

impl DateParser {
    /// A parser for one format.
    ///
    /// # Errors
    /// An option error if the format has an unknown or no directive.
    pub fn new(format: &str) -> Result<Self> {
        if let Some((_, from, length)) = COUNTED.iter().find(|(word, ..)| *word == format) {
            let counted = Some((*from, *length));
            let (format, items) = (format.to_owned(), Vec::new());
            return Ok(DateParser { format, items, has_names: false, begins_with_letter: false, counted });
        }
        let items = StrftimeItems::new(format).parse_to_owned().ok();
        let items =
            items.filter(|items| items.iter().any(|i| matches!(i, Item::Numeric(..) | Item::Fixed(_))));
        let items = items.ok_or_else(|| {
            Error::option(format!("`{format}` is not a date format"))
                .with_hint("write it with chrono's directives, for example `%d.%m.%Y %H:%M`")
        })?;
        let names = ["%B", "%b", "%h", "%A", "%a"];
        Ok(DateParser {
            format: format.to_owned(),
            items,
            has_names: names.iter().any(|name| format.contains(name)),
            begins_with_letter: names.iter().any(|name| format.starts_with(name))
                || format.starts_with(char::is_alphabetic),
            counted: None,
        })
    }

    /// Microseconds since 1970-01-01 UTC; `None` if the text does not fit or is out of range.
    ///
    /// Without a zone the text is taken as UTC, without a time as midnight, without a day as the
    /// first of the month, quarter or week.
    pub fn micros(&self, text: &str) -> Option<i64> {
        if let Some((from, length)) = self.counted {
            let micros = parse_number(text).filter(|n| n.is_finite())? * length;
            return (micros.abs() < 2.0_f64.powi(62)).then(|| from.saturating_add(micros.round() as i64));
        }
        let text = if self.has_names { words::english(text) } else { text.into() };
        Some(self.read(&text)?.and_utc().timestamp_micros())
    }

    /// As [`DateParser::micros`], of a text whose names are English.
    fn read(&self, text: &str) -> Option<NaiveDateTime> {
        let mut parsed = Parsed::new();
        parse(&mut parsed, text, self.items.iter()).ok()?;
        if parsed.isoweek().is_some() && parsed.weekday().is_none() {
            parsed.set_weekday(Weekday::Mon).ok()?;
        }
        if let (Some(quarter), None) = (parsed.quarter(), parsed.month()) {
            parsed.set_month(i64::from(quarter) * 3 - 2).ok()?;
        }
        if parsed.day().is_none() && parsed.month().is_some() {
            parsed.set_day(1).ok()?;
        }
        if parsed.offset().is_some() {
            return parsed.to_datetime().ok().map(|t| t.naive_utc());
        }
        if parsed.hour_div_12().is_some() || parsed.timestamp().is_some() {
            return parsed.to_naive_datetime_with_offset(0).ok();
        }
        parsed.to_naive_date().ok().map(|date| date.and_time(NaiveTime::MIN))
    }

    /// Whether the text, whose names are English, fits and, if so, whether its year is believed. A year that is not,
    /// such as that of 9999-12-31 for an open end, has to be written with four digits.
    fn believes(&self, text: &str) -> Option<bool> {
        let is_bare = self.format.starts_with(BARE);
        let is_other = text.starts_with(char::is_alphabetic) != self.begins_with_letter;
        if is_other || (self.format == BARE && text.len() != 8) {
            return None;
        }
        let year = self.read(text)?.year();
        match if is_bare { BARE_YEARS } else { YEARS }.contains(&year) {
            true => Some(true),
            // Eight digits may be any number.
            false if is_bare => OPEN_ENDS.iter().any(|end| text.starts_with(end)).then_some(false),
            false => ((1..=9999).contains(&year) && text.contains(&format!("{year:04}"))).then_some(false),
        }
    }
}

/// Whether texts of this format count as ISO 8601. Rows are told apart by that, so it is for ever.
fn is_iso(format: &str) -> bool {
    let is_bare = BARE_TIMES.iter().any(|time| format.ends_with(time));
    format.starts_with("%Y-%m-%d") && !format.ends_with("GMT") && !is_bare
}

/// Microseconds of a date or time in ISO 8601, with or without time and zone.
pub(crate) fn iso_micros(text: &str) -> Option<i64> {
    static PARSERS: LazyLock<Vec<&'static DateParser>> =
        LazyLock::new(|| KNOWN.iter().filter(|p| is_iso(&p.format)).collect());
    let dated = text.len() >= 8 && text.as_bytes()[..4].iter().all(u8::is_ascii_digit);
    if dated { PARSERS.iter().find_map(|parser| parser.micros(text)) } else { None }
}

static KNOWN: LazyLock<Vec<DateParser>> = LazyLock::new(|| {
    let mut formats: Vec<String> = Vec::new();
    for date in DATES {
        for time in TIMES.into_iter().chain(MORE_TIMES) {
            formats.push(format!("{date}{time}"));
            if !time.is_empty() {
                formats.push(format!("{date}{time}%#z"));
                formats.push(format!("{date}{time} %#z"));
                formats.push(format!("{date}{time} UTC"));
                formats.push(format!("{date}{time} GMT"));
            }
        }
    }
    formats.extend(DATES.iter().flat_map(|date| BARE_TIMES.map(|time| format!("{date}{time}"))));
    formats.extend(WHOLE.map(str::to_owned));
    formats.iter().filter_map(|format| DateParser::new(format).ok()).collect()
});

/// The date formats that every text so far fits. Merges by intersection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DateCandidates {
    /// Each format, and whether the year of any text is believed by it.
    formats: Vec<(usize, bool)>,
}

/// The format that was found, and the one that fits as well with day and month swapped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FoundFormat {
    /// The `chrono` format.
    pub format: String,
    /// The same with day and month swapped, if it too fits every value.
    pub swapped: Option<String>,
    /// The same with day and year swapped, if it too fits every value.
    pub year_first: Option<String>,
}

impl DateCandidates {
    /// Every known format.
    pub fn new() -> Self {
        DateCandidates { formats: (0..KNOWN.len()).map(|i| (i, false)).collect() }
    }

    /// Keeps the formats that this text fits.
    pub fn update(&mut self, text: &str) {
        if self.formats.is_empty() {
            return;
        }
        let text = text.trim();
        if !may_be_date(text) {
            return self.formats.clear();
        }
        let text = &*words::english(text);
        self.formats.retain_mut(|(i, is_believed)| {
            let believes = KNOWN.get(*i).and_then(|parser| parser.believes(text));
            *is_believed |= believes == Some(true);
            believes.is_some()
        });
    }

    /// Keeps the formats that both kept.
    pub fn merge(&mut self, other: &Self) {
        self.formats.retain_mut(|(i, is_believed)| {
            let same = other.formats.iter().find(|(j, _)| i == j);
            *is_believed |= same.is_some_and(|(_, other)| *other);
            same.is_some()
        });
    }

    /// Whether no format fits everything.
    pub fn is_empty(&self) -> bool {
        self.formats.is_empty()
    }

    /// The likeliest format that fits everything.
    pub fn best(&self) -> Option<FoundFormat> {
        self.best_where(|is_believed| is_believed)
    }

    /// As [`DateCandidates::best`], whatever the years are.
    pub(crate) fn best_of_any_year(&self) -> Option<FoundFormat> {
        self.best().or_else(|| self.best_where(|_| true))
    }

    fn best_where(&self, wanted: impl Fn(bool) -> bool) -> Option<FoundFormat> {
        let formats = self.formats.iter().filter(|(_, is_believed)| wanted(*is_believed));
        let mut formats = formats.filter_map(|(i, _)| KNOWN.get(*i)).map(|p| p.format.as_str());
        let format = formats.next()?.to_owned();
        let others: Vec<&str> = formats.filter(|other| *other != format).collect();
        let if_fits = |other: String| others.contains(&other.as_str()).then_some(other);
        let year_first = if_fits(format.replacen("%d-%m-%y", "%y-%m-%d", 1));
        Some(FoundFormat { swapped: if_fits(swapped(&format)), year_first, format })
    }
}

/// The format with day and month swapped.
pub fn swapped(format: &str) -> String {
    format.replace("%m", "%?").replace("%d", "%m").replace("%?", "%d")
}

/// Whether a text has as many digits as a date and is not too long for one.
pub(crate) fn may_be_date(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    (4..=40).contains(&digits) && text.len() <= 60
}

impl Default for DateCandidates {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(texts: &[&str]) -> Option<FoundFormat> {
        let mut candidates = DateCandidates::new();
        texts.iter().for_each(|text| candidates.update(text));
        candidates.best()
    }

    #[test]
    fn one_format_fits_every_value() {
        for (texts, format) in [
            (vec!["2024-12-31", "2024-1-5"], "%Y-%m-%d"),
            (vec!["31/12/2024", "01/02/2024"], "%d/%m/%Y"),
            (vec!["12/31/2024", "01/02/2024"], "%m/%d/%Y"),
            (vec!["31.12.2024"], "%d.%m.%Y"),
            (vec!["31.12.24"], "%d.%m.%y"),
            (vec!["20241231", "19991231"], "%Y%m%d"),
            (vec!["Dec 31, 2024", "January 1, 2025"], "%B %d, %Y"),
            (vec!["31-Dec-2024"], "%d-%B-%Y"),
            (vec!["2024-12-31 23:59:01", "2024-12-31 23:59:01.25"], "%Y-%m-%d %H:%M:%S%.f"),
            (vec!["2024-12-31T23:59:01Z", "2024-12-31T23:59:01+02:00"], "%Y-%m-%dT%H:%M:%S%.f%#z"),
            (vec!["12/31/2024 11:05 PM"], "%m/%d/%Y %I:%M %p"),
            (vec!["2024-12"], "%Y-%m"),
            (vec!["12/2024", "01/2023"], "%m/%Y"),
            (vec!["Wed, 31 Jan 2024 10:00:00 GMT"], "%A, %d %B %Y %H:%M:%S%.f GMT"),
            (vec!["2024-12-31", "9999-12-31", "0001-01-01"], "%Y-%m-%d"),
            (vec!["31.12.2024", "31.12.9999"], "%d.%m.%Y"),
            (vec!["20241231", "99991231"], "%Y%m%d"),
            (vec!["31/12/24", "01/02/99"], "%d/%m/%y"),
            (vec!["3. März 2024", "15. Okt. 2023"], "%d. %B %Y"),
            (vec!["Montag, 4. Mai 2020"], "%A, %d. %B %Y"),
            (vec!["Mo, 04.05.2020"], "%A, %d.%m.%Y"),
            (vec!["18 juin 2023", "1er août 2022"], "%d %B %Y"),
            (vec!["5 de marzo de 2024 10:30"], "%d %B %Y %H:%M"),
            (vec!["January 16th, 2024"], "%B %d, %Y"),
            (vec!["März 2024"], "%B %Y"),
            (vec!["2024-W07", "2023-W52"], "%G-W%V"),
            (vec!["2024W07"], "%GW%V"),
            (vec!["2024-W07-3"], "%G-W%V-%u"),
            (vec!["KW 07/2024", "KW 7/2024"], "KW %V/%G"),
            (vec!["2024-Q3"], "%Y-Q%q"),
            (vec!["2024Q3"], "%Y Q%q"),
            (vec!["Q3 2024"], "Q%q %Y"),
            (vec!["23/Jul/2020:09:00:00 +0000"], "%d/%B/%Y:%H:%M:%S %#z"),
            (vec!["02SEP2022:04:00:00"], "%d%B%Y:%H:%M:%S%.f"),
            (vec!["Thu Oct 08 10:00:00 2020"], "%A %B %d %H:%M:%S %Y"),
            (vec!["2021-12-14 15:00:00,265"], "%Y-%m-%d %H:%M:%S,%3f"),
            (vec!["2023年5月25日"], "%Y年%m月%d日"),
        ] {
            let best = found(&texts);
            assert_eq!(best.map(|f| f.format).as_deref(), Some(format), "{texts:?}");
        }
    }

    #[test]
    fn swappable_days_and_months_are_told() {
        assert_eq!(found(&["03/04/2024"]).unwrap().swapped.as_deref(), Some("%d/%m/%Y"));
        assert_eq!(found(&["03/14/2024"]).unwrap().swapped, None);
        assert_eq!(found(&["2024-03-04"]).unwrap().swapped, None);
        assert_eq!(found(&["24-03-04"]).unwrap().year_first.as_deref(), Some("%y-%m-%d"));
        let day_first = found(&["24-03-42"]).unwrap();
        assert_eq!(
            (day_first.format.as_str(), day_first.year_first),
            ("%d-%m-%y", None),
            "no month has 42 days"
        );
    }

    #[test]
    fn numbers_and_words_are_no_dates() {
        for text in ["12345678", "99999999", "2024", "1.5", "31/12", "12:30:00", "May", "1/2/3", ""] {
            assert_eq!(found(&[text]), None, "`{text}`");
        }
        for text in ["9999-12-31", "0001-01-01", "99991231"] {
            assert_eq!(found(&[text]), None, "`{text}` alone is no sign of dates");
        }
        assert_eq!(found(&["2024-12-31", "31.12.2024"]), None, "two formats are no format");
    }

    #[test]
    fn micros_honour_zone_and_default_to_midnight_of_the_first() {
        let micros = |format: &str, text: &str| DateParser::new(format).unwrap().micros(text);
        assert_eq!(micros("%Y-%m-%d", "1970-01-02"), Some(86_400_000_000));
        assert_eq!(micros("%Y-%m-%dT%H:%M:%S%.f%#z", "1970-01-01T02:00:00.5+02:00"), Some(500_000));
        assert_eq!(micros("%Y-%m", "1970-02"), Some(31 * 86_400_000_000));
        assert_eq!(micros("%s", "1700000000"), Some(1_700_000_000_000_000));
        assert_eq!(micros("%Y-%m-%d", "1970-02-30"), None);
        assert_eq!(micros("%G-W%V", "1970-W02"), Some(4 * 86_400_000_000), "its Monday");
        assert_eq!(micros("%Y-Q%q", "1970-Q2"), Some(90 * 86_400_000_000));
        assert_eq!(micros("%d. %B %Y", "2. Jänner 1970"), Some(86_400_000_000));
        assert_eq!(micros("excel", "25570.5"), Some(129_600_000_000));
        assert_eq!(micros("excel", "61"), micros("%Y-%m-%d", "1900-03-01"));
        assert_eq!(micros("unix_ms", "1500"), Some(1_500_000));
        assert_eq!(micros("unix_ms", "nan"), None);
        assert!(DateParser::new("day").unwrap_err().is_option());
        assert_eq!(iso_micros("1970-01-01T00:00:01Z"), Some(1_000_000));
        assert_eq!(iso_micros("tomorrow"), None);
        assert_eq!(iso_micros("1970-01-01 00:00:00,250"), None, "no ISO 8601 for ever");
    }
}
