//! Which rows train, which stop the training, and which judge: decided by the rows themselves.
//!
//! A row's part follows from a hash of its cells, of its group, or from its time. So it stays in
//! its part when rows are added or reordered, when columns are added, and in every later version
//! of a model; equal rows are always in the same part.

mod times;

use serde::{Deserialize, Serialize};

use crate::column::Schema;
use crate::dates::DateFormat;
use crate::error::{Error, Result};
use crate::row_hash::{WholeNumbers, row_hashes_by};
use crate::stats::hash::mix;
use crate::table::{Table, quoted};
pub use times::Stretch;
pub(crate) use times::times;
use times::{check_times, fit_times, part_of_time};

/// Salts that are tried until every part has about its share of the rows.
const N_SALTS: u64 = 64;

/// How to split.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SplitOptions {
    /// By what rows are split; default by rows.
    pub by: SplitKey,
    /// Share of validation rows, at least 0; default 0.15.
    pub p_valid: f64,
    /// Share of test rows, at least 0; default 0.2, so that the scores of a small table say something. Together
    /// with `p_valid` below 1.
    pub p_test: f64,
    /// Another seed gives another split; a split by time has none.
    pub seed: u64,
}

impl Default for SplitOptions {
    fn default() -> Self {
        SplitOptions { by: SplitKey::Rows, p_valid: 0.15, p_test: 0.2, seed: 0 }
    }
}

impl SplitOptions {
    /// A split that holds out about `fraction` of the rows, at least 0 and below 1: half of them choose the epoch of
    /// a space, the other half score predictors.
    pub fn of_held_out(fraction: f64, seed: u64) -> Self {
        SplitOptions { p_valid: fraction / 2.0, p_test: fraction / 2.0, seed, ..Default::default() }
    }
}

/// By what rows are split.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case", deny_unknown_fields)]
pub enum SplitKey {
    /// By all used columns of the schema.
    #[default]
    Rows,
    /// By one column: rows of equal value stay together, missing ones too.
    Group {
        /// The column.
        column: String,
    },
    /// By one column of times or numbers: the latest rows test, those before validate.
    Time {
        /// The column.
        column: String,
    },
    /// By one column that says which row is which, such as the number of a customer: as [`SplitKey::Group`], and
    /// no feature.
    Key {
        /// The column.
        column: String,
    },
}

impl SplitKey {
    /// By the one column that is given, if one is: a key, a group or a time.
    ///
    /// # Errors
    /// An option error that names those that are given if they are several.
    pub fn of(key: Option<String>, group: Option<String>, time: Option<String>) -> Result<Self> {
        let given = [("key", &key), ("group", &group), ("time", &time)];
        let given: Vec<&str> = given.into_iter().filter(|(_, c)| c.is_some()).map(|(name, _)| name).collect();
        match (key, group, time) {
            (None, None, None) => Ok(SplitKey::Rows),
            (Some(column), None, None) => Ok(SplitKey::Key { column }),
            (None, Some(column), None) => Ok(SplitKey::Group { column }),
            (None, None, Some(column)) => Ok(SplitKey::Time { column }),
            _ => Err(Error::option(format!(
                "options {} are given, rows are split by one column",
                quoted(&given)
            ))
            .with_hint("give one of them")),
        }
    }

    /// The one column that decides, if there is one.
    pub fn column(&self) -> Option<&String> {
        match self {
            SplitKey::Rows => None,
            SplitKey::Group { column } | SplitKey::Time { column } | SplitKey::Key { column } => Some(column),
        }
    }
}

/// A fitted split.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Split {
    /// By what rows are split.
    pub by: SplitBy,
    /// Wanted share of validation rows.
    pub p_valid: f64,
    /// Wanted share of test rows.
    pub p_test: f64,
    /// The seed.
    pub seed: u64,
    /// What of a whole number beyond 2^53 counts. Absent from files of before format 1.4, whose splits round them.
    #[serde(default, skip_serializing_if = "WholeNumbers::is_rounded")]
    pub whole_numbers: WholeNumbers,
}

/// By what rows are split, with what was fitted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case", deny_unknown_fields)]
pub enum SplitBy {
    /// By the hash of a row.
    Rows {
        /// The columns that enter the hash, sorted.
        columns: Vec<String>,
        /// Makes the parts come out in about the wanted shares.
        salt: u64,
    },
    /// By the hash of one cell.
    Group {
        /// The column.
        column: String,
        /// Makes the parts come out in about the wanted shares.
        salt: u64,
    },
    /// By time; rows without a time train.
    Time {
        /// The column.
        column: String,
        /// How its dates are written; none for a column of numbers.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        date_format: Option<DateFormat>,
        /// First time of the validation rows, in seconds since 1970 or as the number stands.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        valid_from: Option<f64>,
        /// First time of the test rows.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        test_from: Option<f64>,
        /// The last time of the rows that it was fitted to. None in a file from before it was kept, and where they were
        /// only some of the rows: of several workers, or drawn from a table that does not fit.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        last: Option<f64>,
        /// What came after it, stretch by stretch.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        later: Vec<Stretch>,
    },
}

/// The part that a row belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Rows that parameters are fitted to.
    Train,
    /// Rows that decide when to stop.
    Valid,
    /// Rows that nothing is decided on.
    Test,
}

impl Part {
    /// The part as files and messages write it.
    pub fn word(self) -> &'static str {
        match self {
            Part::Train => "train",
            Part::Valid => "valid",
            Part::Test => "test",
        }
    }
}

impl Split {
    /// Fits a split to a table, so that every wanted part has rows. Of the rows of several workers, to all of them; the
    /// times of a split by time are those of worker 0.
    ///
    /// # Errors
    /// An option error if the shares are out of range; a schema error if a column is absent; a
    /// value error if a wanted part stays empty, because the table has too few different rows.
    pub fn fit(options: &SplitOptions, table: &Table, schema: &Schema) -> Result<Self> {
        let SplitOptions { p_valid, p_test, seed, .. } = *options;
        if !(p_valid >= 0.0 && p_test >= 0.0 && p_valid + p_test < 1.0) {
            return Err(Error::option(format!("`p_valid` is {p_valid} and `p_test` is {p_test}"))
                .with_hint("both must be at least 0, and together below 1"));
        }
        let mut columns = schema.names();
        columns.sort();
        let by = match &options.by {
            SplitKey::Rows => SplitBy::Rows { columns, salt: 0 },
            SplitKey::Group { column } | SplitKey::Key { column } => {
                SplitBy::Group { column: column.clone(), salt: 0 }
            }
            SplitKey::Time { column } => fit_times(column, table, schema, p_valid, p_test)?,
        };
        let mut split = Split { by, p_valid, p_test, seed, whole_numbers: WholeNumbers::Exact };
        split.fit_salt(table)?;
        table.shard().map_or(Ok(split.clone()), |shard| shard.first_of(&split))
    }

    /// The rows of a table that train, and the others: as this split, fitted to the table, has them.
    ///
    /// # Errors
    /// As [`Split::fit`].
    pub fn in_two(options: &SplitOptions, table: &Table, schema: &Schema) -> Result<[Vec<u32>; 2]> {
        let parts = Split::fit(options, table, schema)?.assign(table)?;
        let of =
            |trains: bool| (0_u32..).zip(&parts).filter(move |(_, part)| (**part == Part::Train) == trains);
        Ok([true, false].map(|trains| of(trains).map(|(row, _)| row).collect()))
    }

    /// The part of each row, `[n_rows]`.
    ///
    /// # Errors
    /// A schema error if a column of the split is absent; a value error if a time cannot be read.
    pub fn assign(&self, table: &Table) -> Result<Vec<Part>> {
        for column in self.columns() {
            table
                .column(column)
                .map_err(|e| e.at("which rows train, validate and test follows from their cells"))?;
        }
        match &self.by {
            SplitBy::Rows { .. } | SplitBy::Group { .. } => Ok(self.parts_of(&self.hashes(table)?)),
            SplitBy::Time { column, date_format, .. } => {
                let times = times(column, table, date_format.as_ref())?;
                Ok(times.iter().map(|time| part_of_time(&self.by, time)).collect())
            }
        }
    }

    /// The columns that decide a row's part.
    pub fn columns(&self) -> &[String] {
        match &self.by {
            SplitBy::Rows { columns, .. } => columns,
            SplitBy::Group { column, .. } | SplitBy::Time { column, .. } => std::slice::from_ref(column),
        }
    }

    /// Validates a split that came from a file.
    ///
    /// # Errors
    /// Malformed content: shares out of range, times that are not finite or out of order.
    pub fn check(&self) -> Result<()> {
        let Split { p_valid, p_test, .. } = *self;
        if !(p_valid >= 0.0 && p_test >= 0.0 && p_valid + p_test < 1.0) {
            return Err(Error::malformed(format!("split shares {p_valid} and {p_test} are out of range")));
        }
        check_times(&self.by)
    }

    /// Takes the first salt whose parts have about their shares, or else the first without an
    /// empty part: with few rows, plain chance would often leave one empty.
    fn fit_salt(&mut self, table: &Table) -> Result<()> {
        if matches!(self.by, SplitBy::Time { .. }) {
            return Ok(());
        }
        let hashes = self.hashes(table)?;
        let shares = [1.0 - self.p_valid - self.p_test, self.p_valid, self.p_test];
        let mut first_filled = None;
        for tried in 0..N_SALTS {
            let mut counts = [0u64; 3];
            hashes.iter().for_each(|hash| counts[self.part(*hash, tried) as usize] += 1);
            if let Some(shard) = table.shard() {
                shard.sum_counts(&mut counts)?;
            }
            let n_rows = counts.iter().sum::<u64>() as f64;
            let pairs = || counts.iter().zip(shares);
            if pairs().any(|(count, p)| *count == 0 && p > 0.0) {
                continue;
            }
            first_filled.get_or_insert(tried);
            // One standard deviation of what chance would give.
            let close = |(count, p): (&u64, f64)| {
                (*count as f64 - n_rows * p).abs() <= (n_rows * p * (1.0 - p)).sqrt().max(1.0)
            };
            if pairs().all(close) {
                first_filled = Some(tried);
                break;
            }
        }
        let fitted = first_filled.ok_or_else(|| {
            let mut distinct = hashes;
            distinct.sort_unstable();
            distinct.dedup();
            let what = match &self.by {
                SplitBy::Group { column, .. } => format!("groups in `{column}`"),
                _ => "different rows".to_owned(),
            };
            Error::value(format!(
                "{} {what} cannot be split into parts of {:.3}, {:.3} and {:.3} without an empty one",
                distinct.len(),
                shares[0],
                shares[1],
                shares[2]
            ))
            .with_hint("use more rows, or larger shares for validation and test (0 leaves a part out)")
        })?;
        if let SplitBy::Rows { salt, .. } | SplitBy::Group { salt, .. } = &mut self.by {
            *salt = fitted;
        }
        Ok(())
    }

    /// The parts of rows that have only these hashes to go by, `[n_rows]`, in the shares of this split. Of a split
    /// by time all rows train, as those without a time do.
    pub fn parts_of(&self, hashes: &[u64]) -> Vec<Part> {
        match &self.by {
            SplitBy::Rows { salt, .. } | SplitBy::Group { salt, .. } => {
                hashes.iter().map(|hash| self.part(*hash, *salt)).collect()
            }
            SplitBy::Time { .. } => vec![Part::Train; hashes.len()],
        }
    }

    fn part(&self, hash: u64, salt: u64) -> Part {
        let mixed = mix(hash ^ mix(self.seed ^ mix(salt)));
        // The upper 53 bits as a number in [0, 1).
        let u = (mixed >> 11) as f64 / (1u64 << 53) as f64;
        match u {
            u if u < self.p_test => Part::Test,
            u if u < self.p_test + self.p_valid => Part::Valid,
            _ => Part::Train,
        }
    }

    /// As [`row_hashes`](crate::row_hash::row_hashes), where whole numbers beyond 2^53 count as they do for this split.
    ///
    /// # Errors
    /// A schema error if a column is absent or has a type that cannot be read.
    pub fn row_hashes(&self, table: &Table, columns: &[String]) -> Result<Vec<u64>> {
        row_hashes_by(table, columns, self.whole_numbers)
    }

    fn hashes(&self, table: &Table) -> Result<Vec<u64>> {
        self.row_hashes(table, self.columns())
    }
}
