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

mod found;
mod later;
mod tests_of_columns;
mod verdict;

use tabgraft_table::Table;
use tabgraft_table::codec::encode;
use tabgraft_table::encoded::{EncodedTable, NO_TARGET};
use tabgraft_table::unreadable::CellErrors;

use crate::error::{Error, Result};
use crate::space::{About, Odds, Profile, UnseenCounts, cell_tables, class_nats, each_hidden, evidence};
use crate::train::{Purpose, drawn};
use crate::{EmbeddingSpace, Predictor};
pub use found::{Change, Shift, Tested, Watched, WatchedColumn, What};
pub use later::LaterRows;
use tests_of_columns::{Counted, Sample};
use verdict::{Now, verdict};

/// Most rows whose cells are hidden, drawn by the rows' cells.
const MOST_ROWS: usize = 2000;
/// Rows that are numbers at a time.
const CHUNK_ROWS: usize = 65_536;

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

impl EmbeddingSpace {
    /// Whether the rows of a table are other than those of the training, column by column and in how columns go together.
    ///
    /// # Errors
    /// As [`EmbeddingSpace::embed`]; an option error if an option is out of range; a schema error if the file has no
    /// profile and none is given; a value error if the table has no row.
    pub fn watch(&self, table: &Table, options: &WatchOptions) -> Result<Watched> {
        options.check()?;
        let profile = options.profile(self.profile(), self.columns().len(), self.name())?;
        let readable = self.readable(table, options.errors)?;
        let report = self.column_report(&readable.table);
        let hidden = |table: &Table, keys: &[u64]| {
            let rows = rows_to_hide(keys);
            let has = |column: usize| table.has_column(&self.columns()[column].name);
            Ok((rows.len(), self.surprises_of(&self.encode_rows(table, &rows)?, profile, has)))
        };
        let watched = self.about.watched(&readable.table, profile, hidden, options)?;
        Ok(Watched { report, unreadable: readable.unreadable, ..watched })
    }

    /// How surprising the cells of each column are, each hidden; none of columns that are not there.
    fn surprises_of(
        &self,
        encoded: &EncodedTable,
        profile: &Profile,
        has: impl Fn(usize) -> bool,
    ) -> Vec<Option<Sample>> {
        let groups = cell_tables(&self.network, encoded);
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
        let sample = |c: usize| has(c).then(|| Sample::of(nats[c..].iter().step_by(n_columns)));
        (0..n_columns).map(sample).collect()
    }
}

impl Predictor {
    /// Whether the rows of a table are other than those that its space was trained on, column by column. What no column
    /// shows alone is not seen: a predictor does not tell hidden cells, its space does ([`EmbeddingSpace::watch`]).
    ///
    /// # Errors
    /// As [`EmbeddingSpace::watch`].
    pub fn watch(&self, table: &Table, options: &WatchOptions) -> Result<Watched> {
        options.check()?;
        let about = &self.about.space;
        let profile = options.profile(about.profile.as_ref(), about.columns.len(), self.name())?;
        let readable = self.readable(table, options.errors)?;
        let report = self.column_report(&readable.table);
        let hidden = |_: &Table, _: &[u64]| Ok((0, vec![None; about.columns.len()]));
        let watched = about.watched(&readable.table, profile, hidden, options)?;
        Ok(Watched { report, unreadable: readable.unreadable, ..watched })
    }

    /// The profile of other rows, to hold later ones against, column by column.
    ///
    /// # Errors
    /// As [`EmbeddingSpace::profile_of`].
    pub fn profile_of(&self, table: &Table) -> Result<Profile> {
        let about = &self.about.space;
        let made = about.complete(table)?;
        let table = &*made.table;
        about.check_known(table)?;
        if table.n_rows() == 0 {
            return Err(Error::value("the table to hold rows against has no row"));
        }
        let counted = about.counted(table, &mut UnseenCounts::default())?;
        Ok(Profile {
            columns: counted.iter().map(|column| column.profiled()).collect(),
            evidence: evidence(about.keys_of(table)?.into_iter()),
            surprises: None,
        })
    }
}

impl About {
    /// What is found of the rows of a table that can be read; `hidden` says of how many rows the cells were hidden, and how
    /// surprising those of each column are.
    fn watched(
        &self,
        table: &Table,
        profile: &Profile,
        hidden: impl FnOnce(&Table, &[u64]) -> Result<(usize, Vec<Option<Sample>>)>,
        options: &WatchOptions,
    ) -> Result<Watched> {
        let made = self.complete(table)?;
        let table = &*made.table;
        self.check_known(table)?;
        if table.n_rows() == 0 {
            return Err(Error::value("the table to watch has no row"));
        }
        let keys = self.keys_of(table)?;
        let mut unseen = UnseenCounts::default();
        let counted = self.counted(table, &mut unseen)?;
        let (n_rows_hidden, surprises) = hidden(table, &keys)?;
        let evidence = evidence(keys.iter().copied());
        let now = Now { n_rows: table.n_rows(), evidence, counted, n_rows_hidden, surprises };
        let unseen = unseen.mostly_of_parts(&self.columns, &self.codecs);
        Ok(Watched { unseen, ..verdict(&self.columns, profile, &now, options) })
    }

    /// The cells of each column of a table, counted.
    fn counted(&self, table: &Table, unseen: &mut UnseenCounts) -> Result<Vec<Counted>> {
        let mut counted: Vec<Counted> = self.codecs.iter().map(Counted::none).collect();
        for first in (0..table.n_rows()).step_by(CHUNK_ROWS) {
            let chunk = table.slice(first, CHUNK_ROWS);
            let encoded = encode(&self.columns, &self.codecs, &chunk)?;
            unseen.update_part(&self.columns, &encoded, &chunk)?;
            let columns = counted.iter_mut().zip(&self.codecs).zip(&encoded.columns);
            columns.for_each(|((counted, codec), column)| counted.add(codec, column));
        }
        Ok(counted)
    }
}

/// The rows whose cells are hidden.
fn rows_to_hide(keys: &[u64]) -> Vec<usize> {
    let rows: Vec<usize> = (0..keys.len()).collect();
    drawn(&rows, keys, MOST_ROWS, Purpose::Validation)
}

impl WatchOptions {
    /// The profile that rows are held against: the one that was given, or else the one of the file.
    fn profile<'a>(&'a self, own: Option<&'a Profile>, n_columns: usize, name: &str) -> Result<&'a Profile> {
        let given = self.against.as_ref();
        if let Some(given) = given {
            given.check(n_columns).map_err(|e| Error::option(format!("`against`: {e}")))?;
        }
        given.or(own).ok_or_else(|| {
            Error::schema(format!("`{name}` does not remember what the rows of its training were like"))
                .with_hint(
                    "the file is from before profiles: give usual rows with `against`, or train it anew",
                )
        })
    }
}
