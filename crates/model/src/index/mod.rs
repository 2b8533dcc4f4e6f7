//! Similar rows: the vectors of known rows, and exact search among them.
//!
//! ```text
//! RowIndex::new(space, keys, vectors) ─► vectors by key ─ search(space, vectors) ─► the nearest rows of each
//!                                      with / without rows; one file, bound to a version of a space
//! ```
//!
//! An index belongs to the version whose vectors it holds. A version that kept that one's coordinates bit for bit, as a
//! `frozen` graft does, may use it too: its own coordinates begin with those of the index (see
//! [`RowIndex::check_space`]).

mod file;
mod search;

use std::collections::{HashMap, HashSet};

use arrow::array::Array;
use serde::{Deserialize, Serialize};
use tabgraft_table::Table;
use tabgraft_table::cell;

use crate::EmbeddingSpace;
use crate::error::{Error, Result, near_names};
use crate::kernel::LANES;
use crate::space::{begins_with, now};

pub(crate) use file::KIND;
pub use search::{Neighbour, SearchOptions, Similarity};

/// The vectors of rows by their keys. Never changes; adding rows makes a new one.
#[derive(Debug, Clone, PartialEq)]
pub struct RowIndex {
    about: About,
    /// `[panels, d_model, LANES]`: a row's vector is a lane of a panel; zeros where there are no more rows. So a search
    /// takes a number of many rows at once.
    panels: Vec<[f32; LANES]>,
    /// `[panels, LANES]`: one over each vector's length; 0 for a vector of zeros.
    inverse_lengths: Vec<[f32; LANES]>,
    row_of: HashMap<String, usize>,
}

/// Everything but the vectors; what the file's manifest holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct About {
    /// RFC 3339, UTC.
    created: String,
    /// Id of the version whose vectors it holds.
    version: String,
    /// That version's name.
    space: String,
    /// Coordinates of a vector.
    d_model: usize,
    /// One key per row, each once.
    keys: Vec<String>,
}

/// Which rows of a table are which.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keys<'a> {
    /// By the cells of a column, as texts.
    Column(&'a str),
    /// By numbers from this one on.
    NumbersFrom(usize),
}

impl RowIndex {
    /// The rows with these keys and the vectors that a space gave them.
    ///
    /// # Shapes
    /// - `vectors`: `[keys, space.d_model()]`
    ///
    /// # Errors
    /// A value error if there are not as many vectors as keys, if a vector is not finite or a key is there twice.
    pub fn new(space: &EmbeddingSpace, keys: Vec<String>, vectors: &[f32]) -> Result<Self> {
        let empty = RowIndex::empty(space.id().as_str(), space.name(), space.d_model());
        empty.merged(space.d_model(), keys, vectors)
    }

    /// With these rows, too; those whose keys are known already are replaced.
    ///
    /// # Shapes
    /// - `vectors`: `[keys, space.d_model()]`
    ///
    /// # Errors
    /// As [`RowIndex::new`] and [`RowIndex::check_space`].
    pub fn with(&self, space: &EmbeddingSpace, keys: Vec<String>, vectors: &[f32]) -> Result<Self> {
        self.check_space(space)?;
        let mut index = self.clone();
        index.about.created = now();
        index.merged(space.d_model(), keys, vectors)
    }

    /// Without some rows.
    ///
    /// # Errors
    /// A value error that names the first key that is not known.
    pub fn without<S: AsRef<str>>(&self, keys: &[S]) -> Result<Self> {
        let mut stays = vec![true; self.n_rows()];
        for key in keys {
            stays[self.row(key.as_ref())?] = false;
        }
        let mut left = RowIndex::empty(&self.about.version, &self.about.space, self.about.d_model);
        for (row, key) in self.keys().iter().enumerate().filter(|(row, _)| stays[*row]) {
            left.push(key.clone(), self.row_vector(row));
        }
        Ok(left)
    }

    /// Whether the vectors of a space can be held against those here: it is the version that made them, or kept their
    /// coordinates bit for bit in all its steps since (frozen grafts, prunes of later columns alone).
    ///
    /// # Errors
    /// A schema error that names both versions.
    pub fn check_space(&self, space: &EmbeddingSpace) -> Result<()> {
        let id = space.id();
        if id.as_str() == self.about.version || begins_with(&space.about.extensions, &self.about.version) {
            return Ok(());
        }
        let short = self.about.version.get(..12).unwrap_or(&self.about.version);
        Err(Error::schema(format!(
            "the index holds vectors of `{}` (version {short}), which are none of `{}` (version {})",
            self.about.space,
            space.name(),
            id.short()
        ))
        .with_hint(
            "give the version that made the index, or one that came from it by frozen grafts alone; else make the \
             index anew",
        ))
    }

    /// Number of rows.
    pub fn n_rows(&self) -> usize {
        self.about.keys.len()
    }

    /// Coordinates of a vector.
    pub fn d_model(&self) -> usize {
        self.about.d_model
    }

    /// The keys, in the order of the rows.
    pub fn keys(&self) -> &[String] {
        &self.about.keys
    }

    /// Name of the space whose vectors it holds.
    pub fn space_name(&self) -> &str {
        &self.about.space
    }

    /// Id of the version whose vectors it holds.
    pub fn version(&self) -> &str {
        &self.about.version
    }

    /// The vector of the row with a key.
    ///
    /// # Errors
    /// A value error if no row has the key.
    pub fn vector(&self, key: &str) -> Result<Vec<f32>> {
        Ok(self.row_vector(self.row(key)?).collect())
    }

    /// The vectors, in the order of the keys.
    ///
    /// # Shapes
    /// - returns: `[n_rows, d_model]`
    pub fn vectors(&self) -> Vec<f32> {
        (0..self.n_rows()).flat_map(|row| self.row_vector(row)).collect()
    }

    /// The coordinates of a row.
    fn row_vector(&self, row: usize) -> impl ExactSizeIterator<Item = f32> + Clone {
        let d = self.about.d_model;
        self.panels[row / LANES * d..][..d].iter().map(move |numbers| numbers[row % LANES])
    }

    fn row(&self, key: &str) -> Result<usize> {
        self.row_of.get(key).copied().ok_or_else(|| {
            let near = near_names(key, self.about.keys.iter().map(String::as_str));
            let error = Error::value(format!("no row of the index has the key `{key}`"));
            match near.first() {
                Some(near) => error.with_hint(format!("did you mean `{near}`?")),
                None => error.with_hint("keys are compared as texts, upper and lower case apart"),
            }
        })
    }

    /// An index without a row, of a version with this id.
    fn empty(version: &str, space: &str, d_model: usize) -> Self {
        let (version, space) = (version.to_owned(), space.to_owned());
        let about = About { created: now(), version, space, d_model, keys: Vec::new() };
        RowIndex { about, panels: Vec::new(), inverse_lengths: Vec::new(), row_of: HashMap::new() }
    }

    /// Puts vectors of `d` coordinates, of which the first are meant, in the places of their keys.
    fn merged(mut self, d: usize, keys: Vec<String>, vectors: &[f32]) -> Result<Self> {
        check_vectors(vectors, d)?;
        if vectors.len() != keys.len() * d {
            return Err(Error::value(format!("{} keys for {} vectors", keys.len(), vectors.len() / d)));
        }
        let mut own = HashSet::with_capacity(keys.len());
        if let Some(twice) = keys.iter().find(|key| !own.insert(*key)) {
            return Err(Error::value(format!("the key `{twice}` is there twice"))
                .with_hint("each row needs a key of its own"));
        }
        let d_model = self.about.d_model;
        for (key, vector) in keys.into_iter().zip(vectors.chunks_exact(d)) {
            self.push(key, vector[..d_model].iter().copied());
        }
        Ok(self)
    }

    /// Adds a row, or replaces the one with this key.
    fn push(&mut self, key: String, vector: impl ExactSizeIterator<Item = f32> + Clone) {
        let d = self.about.d_model;
        let row = match self.row_of.get(&key) {
            Some(&row) => row,
            None => {
                let row = self.n_rows();
                self.row_of.insert(key.clone(), row);
                self.about.keys.push(key);
                if row.is_multiple_of(LANES) {
                    self.panels.resize((row / LANES + 1) * d, [0.0; LANES]);
                    self.inverse_lengths.push([0.0; LANES]);
                }
                row
            }
        };
        let (panel, lane) = (row / LANES, row % LANES);
        let length = vector.clone().map(|v| f64::from(v) * f64::from(v)).sum::<f64>().sqrt();
        self.inverse_lengths[panel][lane] = if length > 0.0 { (1.0 / length) as f32 } else { 0.0 };
        self.panels[panel * d..][..d].iter_mut().zip(vector).for_each(|(numbers, v)| numbers[lane] = v);
    }
}

impl Keys<'_> {
    /// The key of each row of a table.
    ///
    /// # Errors
    /// A schema error if the table lacks the column; a value error that names the row if a key is missing or another
    /// row's.
    pub fn of(self, table: &Table) -> Result<Vec<String>> {
        let name = match self {
            Keys::NumbersFrom(first) => {
                return Ok((first..first + table.n_rows()).map(|i| i.to_string()).collect());
            }
            Keys::Column(name) => name,
        };
        let texts = cell::texts(name, table.column(name)?)?;
        let mut first = HashMap::with_capacity(texts.len());
        for (i, text) in texts.iter().enumerate() {
            let Some(text) = text else {
                return Err(Error::value(": its key is missing")
                    .in_row(format!("column `{name}`, "), i)
                    .in_rows_of(table)
                    .with_hint("leave the row out, or give a column in which each row has a value"));
            };
            if let Some(before) = first.insert(text, i) {
                return Err(Error::value(format!(": its key `{text}` is that of row {before}, too"))
                    .in_row(format!("column `{name}`, "), i)
                    .in_rows_of(table)
                    .with_hint("each row needs a key of its own"));
            }
        }
        Ok(texts.iter().flatten().map(str::to_owned).collect())
    }
}

/// Refuses vectors of `d` coordinates that are not whole or not finite.
fn check_vectors(vectors: &[f32], d: usize) -> Result<()> {
    if d == 0 || !vectors.len().is_multiple_of(d) {
        return Err(Error::value(format!("{} numbers are no vectors of {d} coordinates", vectors.len())));
    }
    match vectors.iter().position(|v| !v.is_finite()) {
        Some(at) => Err(Error::value(format!("vector {} is not finite", at / d))),
        None => Ok(()),
    }
}
