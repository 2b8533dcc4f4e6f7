//! Has the world changed? Later rows beside those of the training, of which the file remembers a profile.
//!
//! ```text
//!              ┌ counts by class ─── PSI, Jensen-Shannon, chi-square ─┐
//! later rows ──┼ missing, unseen ─── Fisher's exact test ─────────────┼─ Holm ─► changed or not, column by column
//!              └ surprise of hidden cells ─ Welch's t, one-sided ─────┘
//! ```
//!
//! The first two see each column by itself. The third sees what no column shows alone: that cells no longer go together
//! as they did. See `docs/decisions/0041-watch.md`.

mod tests_of_columns;

use serde::Serialize;
use tabgraft_table::Table;
use tabgraft_table::encoded::NO_TARGET;
use tabgraft_table::unreadable::{CellErrors, UnreadableColumn};

use crate::EmbeddingSpace;
use crate::embed::CellState;
use crate::error::{Error, Result};
use crate::numbers::holm;
use crate::space::{
    ColumnReport, Odds, Profile, UnseenColumn, cell_tables, class_nats, each_hidden, evidence, group_of,
};
use crate::train::{Purpose, drawn};
use tests_of_columns::{Counted, Sample, jensen_shannon, psi};

/// Most rows whose cells are hidden, drawn by the rows' cells.
const MOST_ROWS: usize = 2000;
/// Rows that are numbers at a time.
const CHUNK_ROWS: usize = 65_536;
/// Fewest rows, of those that stand for themselves, whose surprises have a mean to speak of.
const FEWEST_ROWS: f64 = 20.0;

/// When to call rows changed.
#[derive(Debug, Clone, PartialEq)]
pub struct WatchOptions {
    /// Probability of calling anything changed where nothing has, above 0 and below 1; default 0.01. It is kept over all
    /// tests of all columns.
    pub alpha: f64,
    /// Least population stability index of a change in a column's values, missing or unseen cells that is called one, at
    /// least 0; default 0.005. Of many rows even changes that nobody minds are certain.
    pub min_psi: f64,
    /// What becomes of cells that cannot be read; default an error.
    pub errors: CellErrors,
    /// The rows to compare with ([`EmbeddingSpace::profile_of`]); default: those of the training, as the file has them.
    pub against: Option<Profile>,
}

impl Default for WatchOptions {
    fn default() -> Self {
        WatchOptions { alpha: 0.01, min_psi: 0.005, errors: CellErrors::default(), against: None }
    }
}

impl WatchOptions {
    /// Checks every range.
    ///
    /// # Errors
    /// An option error that names the option, its value and its range.
    pub fn check(&self) -> Result<()> {
        if !(self.alpha > 0.0 && self.alpha < 1.0) {
            return Err(Error::option(format!("`alpha` is {}", self.alpha))
                .with_hint("above 0 and below 1 is allowed, such as 0.01"));
        }
        match self.min_psi >= 0.0 && self.min_psi.is_finite() {
            true => Ok(()),
            false => Err(Error::option(format!("`min_psi` is {}", self.min_psi)).with_hint(
                "0 or more is allowed; 0.1 is often called a change worth a look, 0.25 a large one",
            )),
        }
    }
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Watched {
    /// Whether anything has changed.
    pub changed: bool,
    /// Columns that have, with their words: `values`, `missing`, `unseen`, `surprise`.
    pub changes: Vec<Change>,
    /// Probability of calling anything changed where nothing has.
    pub alpha: f64,
    /// Least population stability index that is called a change.
    pub min_psi: f64,
    /// Rows of the table.
    pub n_rows: usize,
    /// As many different rows would tell as much: copies tell nothing new.
    pub n_effective: f64,
    /// Rows whose cells were hidden.
    pub n_rows_hidden: usize,
    /// Tests that were made; p-values are corrected for their number.
    pub n_tests: usize,
    /// Each column of the space, in its order.
    pub columns: Vec<WatchedColumn>,
    /// What became of the table's columns.
    pub report: ColumnReport,
    /// Columns with cells that cannot be read and count as missing.
    pub unreadable: Vec<UnreadableColumn>,
    /// Columns whose cells are mostly values that training has not seen.
    pub unseen: Vec<UnseenColumn>,
}

/// One thing that changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// The column.
    pub column: String,
    /// What of it.
    pub what: What,
}

/// What of a column was tested.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// How often each of its values occurs.
    Values,
    /// The share of rows without a value.
    Missing,
    /// The share of values that no training row has.
    Unseen,
    /// How well the rest of a row tells its cell.
    Surprise,
}

impl What {
    /// The word in reports.
    pub fn name(self) -> &'static str {
        match self {
            What::Values => "values",
            What::Missing => "missing",
            What::Unseen => "unseen",
            What::Surprise => "surprise",
        }
    }
}

/// One column, before and now.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WatchedColumn {
    /// The column.
    pub column: String,
    /// Population stability index of its values: the sum of `(now - before) ln(now / before)` over up to 16 groups of
    /// classes. None where there are no values to compare.
    pub psi: Option<f64>,
    /// Jensen-Shannon divergence of the same shares, in bits, 0 to 1.
    pub jensen_shannon: Option<f64>,
    /// Of the values: chi-square test.
    pub values: Option<Tested>,
    /// Share of rows without a value: Fisher's exact test, two-sided.
    pub missing: Option<Shift>,
    /// Share of values that no training row has, against that of the validation rows: Fisher's exact test of a rise.
    pub unseen: Option<Shift>,
    /// Mean surprise of its cells, in nats, each hidden: Welch's test of a rise. None where too few rows tell it, or the
    /// profile does not say what it was.
    pub surprise: Option<Shift>,
}

/// What a test says.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Tested {
    /// P-value, corrected for the number of tests (Holm).
    pub p_value: f64,
    /// Whether it is called changed.
    pub changed: bool,
}

/// A number before and now, and what the test says.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Shift {
    /// In the rows of the training.
    pub before: f64,
    /// In these.
    pub now: f64,
    /// The test.
    #[serde(flatten)]
    pub test: Tested,
}

/// A test before its p-value is corrected.
struct Raw {
    column: usize,
    what: What,
    before: f64,
    now: f64,
    p_value: f64,
    /// Whether a certain change would be large enough.
    is_enough: bool,
}

impl EmbeddingSpace {
    /// Whether the rows of a table are other than those of the training, column by column and in how columns go together.
    ///
    /// # Errors
    /// As [`EmbeddingSpace::embed`]; an option error if an option is out of range; a schema error if the file has no
    /// profile and none is given; a value error if the table has no row.
    pub fn watch(&self, table: &Table, options: &WatchOptions) -> Result<Watched> {
        options.check()?;
        let profile = self.profile_to_watch(options)?;
        let readable = self.readable(table, options.errors)?;
        let report = self.column_report(&readable.table);
        let made = self.complete(&readable.table)?;
        let table = &*made.table;
        self.about.check_known(table)?;
        if table.n_rows() == 0 {
            return Err(Error::value("the table to watch has no row"));
        }
        let keys = self.keys_of(table)?;
        let share = evidence(keys.iter().copied());
        let mut unseen = crate::space::UnseenCounts::default();
        let counted = self.counted(table, &mut unseen)?;
        let (n_rows_hidden, surprises) = self.surprises_of(table, &keys, profile)?;
        let mut raw = Vec::new();
        let mut columns = Vec::new();
        for (c, (now, spec)) in counted.iter().zip(self.columns()).enumerate() {
            let before = Counted::of_profile(&profile.columns[c]);
            let shares = before.compared(now);
            columns.push(WatchedColumn {
                column: spec.name.clone(),
                psi: shares.as_ref().map(|(p, q)| psi(p, q)),
                jensen_shannon: shares.as_ref().map(|(p, q)| jensen_shannon(p, q)),
                values: None,
                missing: None,
                unseen: None,
                surprise: None,
            });
            let mut test = |what, found: Option<(f64, f64, f64, f64)>| {
                raw.extend(found.map(|(before, now, p_value, effect)| Raw {
                    column: c,
                    what,
                    before,
                    now,
                    p_value,
                    is_enough: what == What::Surprise || effect >= options.min_psi,
                }));
            };
            let evidence = (profile.evidence, share);
            test(What::Values, before.test_of_values(now, evidence));
            test(What::Missing, before.test_of_missing(now, evidence));
            test(What::Unseen, before.test_of_unseen(now, evidence));
            let known = profile.surprises.as_ref().map(|s| Sample::of_profile(s, c, profile.evidence));
            let found = surprises[c].as_ref().map(|sample| sample.counting(share));
            let enough = |sample: &Sample| sample.n >= FEWEST_ROWS;
            if let (Some(known), Some(found)) = (known.filter(enough), found.filter(enough)) {
                test(What::Surprise, Some((known.mean, found.mean, found.p_of_rise(&known), 0.0)));
            }
        }
        let corrected = holm(&raw.iter().map(|test| test.p_value).collect::<Vec<_>>());
        let mut changes = Vec::new();
        for (test, p_value) in raw.iter().zip(corrected) {
            let changed = p_value <= options.alpha && test.is_enough;
            let tested = Tested { p_value, changed };
            let shift = Some(Shift { before: test.before, now: test.now, test: tested });
            let column = &mut columns[test.column];
            match test.what {
                What::Values => column.values = Some(tested),
                What::Missing => column.missing = shift,
                What::Unseen => column.unseen = shift,
                What::Surprise => column.surprise = shift,
            }
            if changed {
                changes.push(Change { column: column.column.clone(), what: test.what });
            }
        }
        Ok(Watched {
            changed: !changes.is_empty(),
            changes,
            alpha: options.alpha,
            min_psi: options.min_psi,
            n_rows: table.n_rows(),
            n_effective: share * table.n_rows() as f64,
            n_rows_hidden,
            n_tests: raw.len(),
            columns,
            report,
            unreadable: readable.unreadable,
            unseen: unseen.mostly_of_parts(self.columns(), self.codecs()),
        })
    }

    fn profile_to_watch<'a>(&'a self, options: &'a WatchOptions) -> Result<&'a Profile> {
        let given = options.against.as_ref();
        if let Some(given) = given {
            given.check(self.columns().len()).map_err(|e| Error::option(format!("`against`: {e}")))?;
        }
        given.or(self.profile()).ok_or_else(|| {
            Error::schema(format!(
                "`{}` does not remember what the rows of its training were like",
                self.name()
            ))
            .with_hint("the file is from before profiles: give usual rows with `against`, or train it anew")
        })
    }

    /// The cells of each column of a table, counted.
    fn counted(&self, table: &Table, unseen: &mut crate::space::UnseenCounts) -> Result<Vec<Counted>> {
        let mut counted: Vec<Counted> = self.codecs().iter().map(Counted::none).collect();
        let places = self.places();
        for first in (0..table.n_rows()).step_by(CHUNK_ROWS) {
            let chunk = table.slice(first, CHUNK_ROWS);
            let encoded = self.encode(&chunk)?;
            unseen.update_part(self.columns(), &encoded, &chunk)?;
            let groups = cell_tables(&self.network, &encoded);
            for (c, counted) in counted.iter_mut().enumerate() {
                for (row, class) in encoded.columns[c].target.iter().enumerate() {
                    match *class {
                        NO_TARGET if places.state(&groups, row, c) == CellState::Missing => {
                            counted.n_missing += 1.0
                        }
                        NO_TARGET => counted.n_unseen += 1.0,
                        class => counted.by_group[group_of(&self.codecs()[c], class)] += 1.0,
                    }
                }
            }
        }
        Ok(counted)
    }

    /// How surprising the cells of each column are on rows drawn from a table; none of columns that it lacks.
    fn surprises_of(
        &self,
        table: &Table,
        keys: &[u64],
        profile: &Profile,
    ) -> Result<(usize, Vec<Option<Sample>>)> {
        let rows: Vec<usize> = (0..table.n_rows()).collect();
        let rows = drawn(&rows, keys, MOST_ROWS, Purpose::Validation);
        let encoded = self.encode_rows(table, &rows)?;
        let groups = cell_tables(&self.network, &encoded);
        let (places, n_columns) = (self.places(), self.columns().len());
        let odds: Vec<Odds> = profile
            .columns
            .iter()
            .zip(self.codecs())
            .map(|(column, codec)| Odds::new(column, codec))
            .collect();
        let all: Vec<usize> = (0..encoded.n_rows).collect();
        let nats = each_hidden(&self.network, &groups, &all, |row, column, logits| {
            let class = encoded.columns[column].target[row];
            let nats = (class != NO_TARGET).then(|| class_nats(logits, class));
            odds[column].nats(places.state(&groups, row, column), nats)
        });
        let sample = |(c, spec): (usize, &tabgraft_table::schema::ColumnSpec)| {
            table.has_column(&spec.name).then(|| Sample::of(nats[c..].iter().step_by(n_columns)))
        };
        Ok((rows.len(), self.columns().iter().enumerate().map(sample).collect()))
    }
}

impl Watched {
    /// What the cells of [`Watched::rows`] are.
    pub const HEAD: [&'static str; 6] = ["column", "changed", "PSI", "missing", "unseen", "surprise"];

    /// The verdict in words.
    pub fn verdict(&self) -> String {
        let n = self
            .columns
            .iter()
            .filter(|column| self.changes.iter().any(|c| c.column == column.column))
            .count();
        match n {
            0 => format!("{} rows: nothing has changed", self.n_rows),
            n => format!("{} rows: {n} of {} columns have changed", self.n_rows, self.columns.len()),
        }
    }

    /// One line of text for each column, before and now.
    pub fn rows(&self) -> Vec<Vec<String>> {
        let row = |column: &WatchedColumn| {
            let words: Vec<&str> =
                self.changes.iter().filter(|c| c.column == column.column).map(|c| c.what.name()).collect();
            let percent = |shift: &Option<Shift>| {
                shift.map_or("-".to_owned(), |s| {
                    format!("{:.2} % -> {:.2} %", 100.0 * s.before, 100.0 * s.now)
                })
            };
            vec![
                column.column.clone(),
                if words.is_empty() { "-".to_owned() } else { words.join(", ") },
                column.psi.map_or("-".to_owned(), |psi| format!("{psi:.4}")),
                percent(&column.missing),
                percent(&column.unseen),
                column.surprise.map_or("-".to_owned(), |s| format!("{:.3} -> {:.3}", s.before, s.now)),
            ]
        };
        self.columns.iter().map(row).collect()
    }
}
