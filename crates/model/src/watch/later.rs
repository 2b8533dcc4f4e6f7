//! Rows of many tables, kept as codes until somebody asks whether they have changed.
//!
//! A server is asked about a few rows at a time. What a watch needs of them is kept: codes, and a hash of each row; no
//! text of a cell. A number of rows bounds what that takes.

use arrow::array::new_null_array;
use arrow::datatypes::DataType;
use tabgraft_table::Table;
use tabgraft_table::codec::encode;
use tabgraft_table::encoded::EncodedTable;
use tabgraft_table::unreadable::CellErrors;

use super::tests_of_columns::Counted;
use super::verdict::{Now, verdict};
use super::{WatchOptions, Watched, rows_to_hide};
use crate::error::{Error, Result};
use crate::space::{About, ColumnReport, evidence};
use crate::{EmbeddingSpace, Predictor};

/// Rows beyond those that are to be kept, at least, before the oldest are let go: so that it seldom has to be done.
const FEWEST_TOO_MANY: usize = 256;

/// Rows as a space codes them.
#[derive(Debug, Clone, PartialEq)]
pub struct LaterRows {
    /// The id of the space whose codes they are.
    space: String,
    cells: EncodedTable,
    /// What tells the rows apart.
    keys: Vec<u64>,
    /// `[n_columns]`: whether any of the tables had the column.
    has: Vec<bool>,
}

impl LaterRows {
    /// Number of rows.
    pub fn n_rows(&self) -> usize {
        self.keys.len()
    }

    /// Bytes of the codes.
    pub fn n_bytes(&self) -> usize {
        self.cells.n_bytes() + 8 * self.keys.len()
    }

    /// Puts further rows behind these, and lets the oldest go where they are far more than `most`: never more than twice
    /// as many stay, or 256 beyond.
    ///
    /// # Errors
    /// An option error if they are codes of another space.
    pub fn push(&mut self, more: &LaterRows, most: usize) -> Result<()> {
        self.check_space(&more.space)?;
        self.cells.append(&more.cells);
        self.keys.extend_from_slice(&more.keys);
        self.has.iter_mut().zip(&more.has).for_each(|(has, more)| *has |= more);
        if self.n_rows() > most + most.max(FEWEST_TOO_MANY) {
            *self = self.last(most);
        }
        Ok(())
    }

    /// The last rows, so many at most.
    #[must_use]
    pub fn last(&self, most: usize) -> Self {
        let first = self.n_rows().saturating_sub(most);
        let rows: Vec<usize> = (first..self.n_rows()).collect();
        LaterRows {
            space: self.space.clone(),
            cells: self.cells.take(&rows),
            keys: self.keys[first..].to_vec(),
            has: self.has.clone(),
        }
    }

    /// # Errors
    /// An option error if they are codes of another space.
    fn check_space(&self, id: &str) -> Result<()> {
        match self.space == id {
            true => Ok(()),
            false => Err(Error::option("the rows are codes of another version")
                .with_hint("code them by the version that is to watch them")),
        }
    }

    /// Whether they are codes of this space.
    pub fn are_of(&self, space: &EmbeddingSpace) -> bool {
        self.space == space.id().as_str()
    }

    fn of(about: &About, table: &Table) -> Result<Self> {
        let made = about.complete(table)?;
        let table = &*made.table;
        about.check_known(table)?;
        // Equal rows have equal keys, whether a missing cell was sent or left out.
        let absent = about.key_columns.iter().filter(|name| !table.has_column(name));
        let nulls = absent.map(|name| (name.clone(), new_null_array(&DataType::Null, table.n_rows())));
        let keys = about.split.row_hashes(&table.with_columns(nulls)?, &about.key_columns)?;
        Ok(LaterRows {
            space: about.hashes.id().as_str().to_owned(),
            cells: encode(&about.columns, &about.codecs, table)?,
            keys,
            has: about.columns.iter().map(|column| table.has_column(&column.name)).collect(),
        })
    }

    /// What is tested of them but for the surprise of hidden cells.
    fn now(&self, about: &About) -> Now {
        let mut counted: Vec<Counted> = about.codecs.iter().map(Counted::none).collect();
        counted
            .iter_mut()
            .zip(&about.codecs)
            .zip(&self.cells.columns)
            .for_each(|((counted, codec), column)| counted.add(codec, column));
        Now {
            n_rows: self.n_rows(),
            evidence: evidence(self.keys.iter().copied()),
            counted,
            n_rows_hidden: 0,
            surprises: vec![None; about.columns.len()],
        }
    }

    fn told(&self, about: &About, watched: Watched) -> Watched {
        let absent = about.columns.iter().zip(&self.has).filter(|(_, has)| !**has);
        let missing_columns = absent.map(|(column, _)| column.name.clone()).collect();
        Watched { report: ColumnReport { missing_columns, ..ColumnReport::default() }, ..watched }
    }

    /// # Errors
    /// A value error if there is no row.
    fn check_rows(&self) -> Result<()> {
        match self.n_rows() {
            0 => Err(Error::value("there are no rows to watch")),
            _ => Ok(()),
        }
    }
}

impl EmbeddingSpace {
    /// The rows of a table as [`EmbeddingSpace::watch_later`] takes them.
    ///
    /// # Errors
    /// As [`EmbeddingSpace::embed`].
    pub fn later_rows(&self, table: &Table, errors: CellErrors) -> Result<LaterRows> {
        LaterRows::of(&self.about, &self.readable(table, errors)?.table)
    }

    /// As [`EmbeddingSpace::watch`], of rows that were coded before: those of this space, or of a predictor on it. Of
    /// cells that could not be read and of columns that were not used nothing is said.
    ///
    /// # Errors
    /// As [`EmbeddingSpace::watch`]; an option error if they are codes of another version.
    pub fn watch_later(&self, rows: &LaterRows, options: &WatchOptions) -> Result<Watched> {
        options.check()?;
        let profile = options.profile(self.profile(), self.columns().len(), self.name())?;
        rows.check_space(self.id().as_str())?;
        rows.check_rows()?;
        let hidden = rows_to_hide(&rows.keys);
        let surprises = self.surprises_of(&rows.cells.take(&hidden), profile, |column| rows.has[column]);
        let now = Now { n_rows_hidden: hidden.len(), surprises, ..rows.now(&self.about) };
        Ok(rows.told(&self.about, verdict(self.columns(), profile, &now, options)))
    }
}

impl Predictor {
    /// The rows of a table as [`Predictor::watch_later`] takes them, and the space that it was fitted on.
    ///
    /// # Errors
    /// As [`Predictor::predict`].
    pub fn later_rows(&self, table: &Table, errors: CellErrors) -> Result<LaterRows> {
        LaterRows::of(&self.about.space, &self.readable(table, errors)?.table)
    }

    /// Whether these rows are other than those that its space was trained on, column by column. What no column shows
    /// alone is not seen: a predictor does not tell hidden cells, its space does ([`EmbeddingSpace::watch_later`]).
    ///
    /// # Errors
    /// An option error if an option is out of range, or the rows are codes of another version; a schema error if the
    /// file has no profile; a value error if there is no row.
    pub fn watch_later(&self, rows: &LaterRows, options: &WatchOptions) -> Result<Watched> {
        options.check()?;
        let about = &self.about.space;
        let profile = options.profile(about.profile.as_ref(), about.columns.len(), self.name())?;
        rows.check_space(about.hashes.id().as_str())?;
        rows.check_rows()?;
        Ok(rows.told(about, verdict(&about.columns, profile, &rows.now(about), options)))
    }
}
