//! Proposals: which new columns are worth a look, by the kinds of the columns that are there.
//!
//! Nothing here sees a target, so proposing costs no honesty; [`super::gain`] does the choosing.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::definition::{Definition, Feature, GroupStatistic};
use super::naming::{as_word, free_name, in_formula};
use super::profile::{CandidateInputs, ColumnProfile, NumberProfile};
use crate::error::{Error, Result};
use crate::schema::{Kind, Schema};

/// Fewest rows on either side of a flag about missing values.
const MIN_FLAGGED_ROWS: usize = 10;
/// Skewness from which a logarithm is proposed.
const SKEWED: f64 = 1.0;
/// Numbers of quantile bins that are proposed.
const BIN_COUNTS: [usize; 2] = [5, 10];
/// Columns of which a difference is proposed have spreads within this factor of each other.
const SAME_SCALE: f64 = 10.0;
/// Most columns in the count of missing values; a formula has at most 512 parts.
const MAX_COUNTED_COLUMNS: usize = 64;
/// Longest number in a formula or a name, in characters.
const MAX_NUMBER_CHARS: usize = 18;

/// How many proposals, and of what size.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CandidateLimits {
    /// Most proposals, at least 1; default 2000.
    pub max_candidates: usize,
    /// Most levels of a category that makes groups, at least 2; default 50.
    pub max_group_levels: usize,
    /// Most levels of a category that is crossed with another, at least 2; default 12.
    pub max_cross_levels: usize,
    /// Fewest rows per group or crossed level on average, at least 1; default 10.
    pub min_rows_per_group: usize,
    /// Columns that no proposal may read, such as the target; default none.
    pub exclude: Vec<String>,
}

impl Default for CandidateLimits {
    fn default() -> Self {
        CandidateLimits {
            max_candidates: 2000,
            max_group_levels: 50,
            max_cross_levels: 12,
            min_rows_per_group: 10,
            exclude: Vec::new(),
        }
    }
}

impl CandidateLimits {
    /// Whether every limit is in its range.
    ///
    /// # Errors
    /// An option error that names the limit.
    pub fn check(&self) -> Result<()> {
        for (name, found, least) in [
            ("max_candidates", self.max_candidates, 1),
            ("max_group_levels", self.max_group_levels, 2),
            ("max_cross_levels", self.max_cross_levels, 2),
            ("min_rows_per_group", self.min_rows_per_group, 1),
        ] {
            if found < least {
                return Err(Error::option(format!("`{name}` is {found}, at least {least} is needed")));
            }
        }
        Ok(())
    }
}

/// New columns worth a look, each with a name that a person understands and a reason.
///
/// By kind: ratios, differences and products of two numbers; flags below data quantiles; logarithms
/// of skewed numbers; quantile bins; crosses of two categories; statistics of a number within a
/// category; frequencies; flags and counts of missing values; parts of dates. The two directions of
/// a ratio or difference order the rows alike, so one of them is proposed.
///
/// **Order and pruning.** Each kind of proposal is a list, its pairs ordered by their columns: fewest
/// missing values first, then most distinct values, then the schema's order. The lists are dealt out
/// in turn, one of each, until all are empty or `max_candidates` are there. So the result for a
/// smaller limit is the start of that for a larger one, and no kind crowds out another.
///
/// Names differ from each other and from every column of the schema.
pub fn propose(schema: &Schema, inputs: &CandidateInputs, limits: &CandidateLimits) -> Vec<Feature> {
    let columns = Columns::new(schema, inputs, limits);
    let families = [
        ratios(&columns),
        differences(&columns),
        products(&columns),
        flags(&columns),
        group_statistics(&columns, GroupStatistic::Deviation),
        group_statistics(&columns, GroupStatistic::Rank),
        group_statistics(&columns, GroupStatistic::Mean),
        group_statistics(&columns, GroupStatistic::Median),
        crosses(&columns),
        logarithms(&columns),
        bins(&columns),
        frequencies(&columns),
        missing(&columns),
        date_parts(&columns),
    ];
    let mut taken: BTreeSet<String> = schema.columns.iter().map(|c| c.name.clone()).collect();
    taken.extend(schema.excluded.iter().map(|c| c.name.clone()));

    let longest = families.iter().map(Vec::len).max().unwrap_or(0);
    let dealt = (0..longest).flat_map(|i| families.iter().filter_map(move |family| family.get(i)));
    let mut features: Vec<Feature> = dealt.take(limits.max_candidates).cloned().collect();
    for feature in &mut features {
        feature.name = free_name(&feature.name, &taken);
        taken.insert(feature.name.clone());
    }
    features
}

/// A usable column with its names for formulas, feature names and sentences.
struct Column<'a> {
    profile: &'a ColumnProfile,
    kind: Kind,
    sql: String,
    word: String,
}

impl Column<'_> {
    /// As text in a formula; missing stays missing.
    fn text(&self) -> String {
        if self.profile.is_text { self.sql.clone() } else { format!("CAST({} AS VARCHAR)", self.sql) }
    }
}

/// The columns that proposals may read, by what can be done with them.
struct Columns<'a> {
    n_rows: usize,
    limits: &'a CandidateLimits,
    all: Vec<Column<'a>>,
}

impl<'a> Columns<'a> {
    fn new(schema: &'a Schema, inputs: &'a CandidateInputs, limits: &'a CandidateLimits) -> Self {
        let usable = schema.columns.iter().filter(|c| !limits.exclude.contains(&c.name));
        let mut all: Vec<Column> = usable
            .filter_map(|spec| {
                let profile = inputs.column(&spec.name)?;
                let (sql, word) = (in_formula(&spec.name), as_word(&spec.name));
                Some(Column { profile, kind: spec.kind, sql, word })
            })
            .collect();
        all.sort_by_key(|c| (c.profile.n_missing, usize::MAX - c.profile.n_distinct));
        Columns { n_rows: inputs.n_rows, limits, all }
    }

    fn numbers(&self) -> Vec<(&Column<'a>, &'a NumberProfile)> {
        let varied = self.all.iter().filter(|c| c.profile.n_distinct >= 2);
        varied.filter_map(|c| Some((c, c.profile.numbers.as_ref()?))).collect()
    }

    fn categories(&self, max_levels: usize) -> Vec<&Column<'a>> {
        let named = self.all.iter().filter(|c| matches!(c.kind, Kind::Categorical | Kind::Boolean));
        named.filter(|c| (2..=max_levels).contains(&c.profile.n_distinct)).collect()
    }

    /// Categories whose groups are large enough to tell something.
    fn groupings(&self) -> Vec<&Column<'a>> {
        let mut categories = self.categories(self.limits.max_group_levels);
        categories.retain(|c| c.profile.n_distinct * self.limits.min_rows_per_group <= self.n_rows);
        categories
    }
}

fn ratios(columns: &Columns) -> Vec<Feature> {
    let ratio = |a: Number, b: Number| {
        let (over, under) = ratio_order(a, b)?;
        Some(Feature::formula(
            format!("{}_per_{}", over.0.word, under.0.word),
            format!("{} / {}", over.0.sql, under.0.sql),
            format!(
                "how much `{}` there is for each unit of `{}`",
                over.0.profile.name, under.0.profile.name
            ),
        ))
    };
    pairs(&columns.numbers()).filter_map(|(a, b)| ratio(a, b)).take(columns.limits.max_candidates).collect()
}

fn differences(columns: &Columns) -> Vec<Feature> {
    let numbers = columns.numbers();
    let alike = pairs(&numbers).filter(|(a, b)| {
        let (a, b) = (spread(a.1), spread(b.1));
        a > 0.0 && b > 0.0 && a.max(b) <= SAME_SCALE * a.min(b)
    });
    alike
        .take(columns.limits.max_candidates)
        .map(|(a, b)| if median(a.1) >= median(b.1) { (a, b) } else { (b, a) })
        .map(|(a, b)| {
            Feature::formula(
                format!("{}_minus_{}", a.0.word, b.0.word),
                format!("{} - {}", a.0.sql, b.0.sql),
                format!("by how much `{}` exceeds `{}`", a.0.profile.name, b.0.profile.name),
            )
        })
        .collect()
}

fn products(columns: &Columns) -> Vec<Feature> {
    let product = |(a, b): (Number, Number)| {
        Feature::formula(
            format!("{}_times_{}", a.0.word, b.0.word),
            format!("{} * {}", a.0.sql, b.0.sql),
            format!("`{}` and `{}` acting together", a.0.profile.name, b.0.profile.name),
        )
    };
    pairs(&columns.numbers()).take(columns.limits.max_candidates).map(product).collect()
}

fn flags(columns: &Columns) -> Vec<Feature> {
    let mut features = Vec::new();
    for (column, profile) in columns.numbers() {
        for threshold in thresholds(profile) {
            features.push(Feature::formula(
                format!("{}_under_{}", column.word, threshold.replace('-', "minus_").replace('.', "_")),
                format!("{} < {threshold}", column.sql),
                format!("whether `{}` is below {threshold}", column.profile.name),
            ));
        }
    }
    features
}

fn logarithms(columns: &Columns) -> Vec<Feature> {
    let numbers = columns.numbers();
    let skewed = numbers.iter().filter(|(_, p)| p.min >= 0.0 && p.skewness > SKEWED);
    skewed
        .map(|(column, p)| {
            let argument = if p.min > 0.0 { column.sql.clone() } else { format!("{} + 1", column.sql) };
            Feature::formula(
                format!("ln_{}", column.word),
                format!("ln({argument})"),
                format!("`{}` has a long right tail; the logarithm evens it out", column.profile.name),
            )
        })
        .collect()
}

fn bins(columns: &Columns) -> Vec<Feature> {
    let mut features = Vec::new();
    for (column, _) in columns.numbers() {
        for n_bins in BIN_COUNTS.into_iter().filter(|n| *n < column.profile.n_distinct) {
            features.push(Feature::new(
                format!("{}_in_{n_bins}_bins", column.word),
                Definition::Bins { column: column.profile.name.clone(), n_bins },
                format!("`{}` in {n_bins} steps of equal count", column.profile.name),
            ));
        }
    }
    features
}

fn crosses(columns: &Columns) -> Vec<Feature> {
    let categories = columns.categories(columns.limits.max_cross_levels);
    let filled = pairs(&categories).filter(|(a, b)| {
        let n_levels = a.profile.n_distinct * b.profile.n_distinct;
        n_levels * columns.limits.min_rows_per_group <= columns.n_rows
    });
    filled
        .take(columns.limits.max_candidates)
        .map(|(a, b)| {
            Feature::formula(
                format!("{}_and_{}", a.word, b.word),
                format!("concat({}, '|', {})", a.text(), b.text()),
                format!("the combination of `{}` and `{}`", a.profile.name, b.profile.name),
            )
        })
        .collect()
}

fn group_statistics(columns: &Columns, statistic: GroupStatistic) -> Vec<Feature> {
    let (numbers, groupings) = (columns.numbers(), columns.groupings());
    let places = numbers.iter().flat_map(|(number, _)| groupings.iter().map(move |by| (number, by)));
    let feature = |(number, by): (&&Column, &&Column)| {
        let (n, b) = (&number.word, &by.word);
        let (name, tells) = match statistic {
            GroupStatistic::Mean => (format!("mean_{n}_by_{b}"), "the mean"),
            GroupStatistic::Median => (format!("median_{n}_by_{b}"), "the median"),
            GroupStatistic::Rank => (format!("{n}_rank_in_{b}"), "the rank"),
            GroupStatistic::Deviation => (format!("{n}_deviation_in_{b}"), "the deviation from the mean"),
            GroupStatistic::Frequency => return None,
        };
        let (of, by) = (number.profile.name.clone(), by.profile.name.clone());
        let reason = format!("{tells} of `{of}` among rows of the same `{by}`");
        Some(Feature {
            name,
            definition: Definition::Group { of: Some(of), by, statistic },
            reason,
            state: None,
        })
    };
    places.filter_map(feature).take(columns.limits.max_candidates).collect()
}

fn frequencies(columns: &Columns) -> Vec<Feature> {
    // Two levels have two frequencies: the column itself.
    let named = columns.all.iter().filter(|c| c.kind == Kind::Categorical && c.profile.n_distinct > 2);
    named
        .map(|c| Feature {
            name: format!("{}_frequency", c.word),
            definition: Definition::Group {
                of: None,
                by: c.profile.name.clone(),
                statistic: GroupStatistic::Frequency,
            },
            reason: format!("how common the row's `{}` is", c.profile.name),
            state: None,
        })
        .collect()
}

fn missing(columns: &Columns) -> Vec<Feature> {
    let mut gappy: Vec<&Column> = columns
        .all
        .iter()
        .filter(|c| c.profile.n_missing >= MIN_FLAGGED_ROWS)
        .filter(|c| c.profile.n_missing + MIN_FLAGGED_ROWS <= columns.n_rows)
        .collect();
    gappy.reverse();
    let flag = |c: &&Column| {
        let reason = format!("whether `{}` has no value", c.profile.name);
        Feature::formula(format!("{}_is_missing", c.word), format!("{} IS NULL", c.sql), reason)
    };
    let mut features: Vec<Feature> = gappy.iter().map(flag).collect();
    if gappy.len() >= 2 {
        let terms = gappy.iter().take(MAX_COUNTED_COLUMNS);
        let terms: Vec<String> =
            terms.map(|c| format!("CASE WHEN {} IS NULL THEN 1 ELSE 0 END", c.sql)).collect();
        let reason = format!("how many of {} often missing columns have no value", terms.len());
        features.insert(0, Feature::formula("missing_count".to_owned(), terms.join(" + "), reason));
    }
    features
}

fn date_parts(columns: &Columns) -> Vec<Feature> {
    let dates: Vec<&Column> = columns.all.iter().filter(|c| c.kind == Kind::Timestamp).collect();
    let parts = ["year", "month", "weekday"];
    let part = |c: &Column, part: &str| {
        let reason = format!("the {part} of `{}`", c.profile.name);
        Feature::formula(format!("{}_{part}", c.word), format!("{part}({})", c.sql), reason)
    };
    dates.iter().flat_map(|c| parts.iter().map(|p| part(c, p)).collect::<Vec<_>>()).collect()
}

type Number<'a, 'b> = (&'b Column<'a>, &'a NumberProfile);

/// Which of the two goes on top: a column that may be 0 or change its sign never divides, else the
/// larger one is counted per unit of the smaller.
fn ratio_order<'a, 'b>(a: Number<'a, 'b>, b: Number<'a, 'b>) -> Option<(Number<'a, 'b>, Number<'a, 'b>)> {
    let divides = |p: &NumberProfile| if p.min > 0.0 { 2 } else { u8::from(p.min == 0.0) };
    match (divides(a.1), divides(b.1)) {
        (0, 0) => None,
        (x, y) if x < y => Some((a, b)),
        (x, y) if x > y => Some((b, a)),
        _ if median(a.1) >= median(b.1) => Some((a, b)),
        _ => Some((b, a)),
    }
}

/// Values to compare with, as a person writes them: data values of whole numbers, otherwise rounded
/// to a hundredth of the spread's magnitude. Each has rows on both sides.
fn thresholds(profile: &NumberProfile) -> Vec<String> {
    let spread = if spread(profile) > 0.0 { spread(profile) } else { profile.max - profile.min };
    let n_decimals = (2.0 - spread.log10().floor()).clamp(0.0, 15.0) as usize;
    let n_decimals = if profile.whole { 0 } else { n_decimals };
    let mut found: Vec<String> = Vec::new();
    for quantile in profile.quantiles {
        let mut text = format!("{quantile:.n_decimals$}");
        if text.contains('.') {
            text.truncate(text.trim_end_matches('0').trim_end_matches('.').len());
        }
        let value: f64 = text.parse().unwrap_or(f64::NAN);
        if value > profile.min
            && value <= profile.max
            && text.len() <= MAX_NUMBER_CHARS
            && !found.contains(&text)
        {
            found.push(text);
        }
    }
    found
}

fn median(profile: &NumberProfile) -> f64 {
    profile.quantiles[3]
}

fn spread(profile: &NumberProfile) -> f64 {
    profile.quantiles[6] - profile.quantiles[0]
}

/// All pairs of different items, those of early items first; lazy, for there can be millions.
fn pairs<T: Copy>(items: &[T]) -> impl Iterator<Item = (T, T)> {
    let n = items.len();
    let places = (1..2 * n).flat_map(move |sum| {
        let first = (sum + 1).saturating_sub(n);
        (first..sum.div_ceil(2)).map(move |i| (i, sum - i))
    });
    places.map(|(i, j)| (items[i], items[j]))
}
