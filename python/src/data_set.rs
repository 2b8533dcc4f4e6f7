//! `FeatrixInputDataSet`: a frame, the columns to ignore, and how it was split.

use std::collections::BTreeMap;

use pyo3::prelude::*;
use tabgraft_table::Table;
use tabgraft_table::read::{GivenReading, ReadOptions};
use tabgraft_table::schema::{InferOptions, Schema};
use tabgraft_table::split::{Split, SplitKey, SplitOptions};

use crate::convert::{Names, Renames, infer_options, to_python};
use crate::error::Raised;
use crate::frame::{Given, given_reading};
use crate::html;

/// Rows for an embedding space, with the columns that it must not see.
///
/// Parameters
/// ----------
/// df : frame, array or path
///     A frame of pandas, polars, pyarrow or duckdb, a NumPy array, or the path of a file.
/// ignore_cols : list of str, optional
///     Columns that a space must not see, the target above all. Default: none.
/// kinds : dict, optional
///     Column to kind, as for `EmbeddingSpace.fit`.
/// date_formats, missing, decimal, thousands, delimiter, max_inflated_bytes, rename, max_categories
///     As for `EmbeddingSpace.fit`.
/// key : str, optional
///     Column that says which row is which, as for `EmbeddingSpace.fit`: `split` deals rows by it, and so does a
///     space that is built from the parts.
/// columns : list of str, optional
///     Names of an array's columns.
///
/// Examples
/// --------
/// >>> from featrix.neural.input_data_set import FeatrixInputDataSet
/// >>> data_set = FeatrixInputDataSet(credit, ignore_cols=["target"])
/// >>> data_set
/// FeatrixInputDataSet(1000 rows, 20 columns used, 1 left out)
#[pyclass(frozen, module = "featrix.neural.input_data_set")]
pub struct FeatrixInputDataSet {
    given: Given,
    /// Columns to ignore, and what the user knows of the others.
    infer: InferOptions,
    /// How the user says that the rows are read.
    reading: GivenReading,
    schema: Schema,
    /// The column that says which row is which.
    key: Option<String>,
    /// How the data set that this is a part of was split.
    split: Option<SplitOptions>,
}

impl FeatrixInputDataSet {
    /// The frame, read by these options.
    pub fn given(&self, py: Python<'_>, options: &ReadOptions) -> Raised<Given> {
        let max_inflated_bytes = self.reading.max_inflated_bytes.unwrap_or(options.max_inflated_bytes);
        let mut options = ReadOptions { max_inflated_bytes, ..options.clone() };
        for (old, new) in &self.reading.rename {
            options.renaming.remembered.insert(old.clone(), new.clone());
        }
        self.given.as_by(py, &options)
    }

    /// The rows.
    pub fn table(&self) -> &Table {
        &self.given.table
    }

    /// Columns to ignore, and what the user knows of the others.
    pub fn infer(&self) -> &InferOptions {
        &self.infer
    }

    /// The column that says which row is which.
    pub fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    /// The split that made both this and `other`, if it was one and the same.
    pub fn common_split(&self, other: &Self) -> Option<SplitOptions> {
        match (&self.split, &other.split) {
            (Some(a), Some(b)) if a == b && self.infer.ignore == other.infer.ignore => Some(a.clone()),
            _ => None,
        }
    }
}

#[pymethods]
impl FeatrixInputDataSet {
    // Documented with the class: Python does not show what stands at a constructor.
    #[new]
    #[pyo3(signature = (df, ignore_cols = None, *, kinds = None, date_formats = None, missing = None, decimal = None,
        thousands = None, delimiter = None, max_inflated_bytes = None, rename = None, max_categories = 50_000, key = None, columns = None))]
    #[allow(clippy::too_many_arguments)]
    fn new(
        py: Python<'_>,
        df: &Bound<'_, PyAny>,
        ignore_cols: Option<Names>,
        kinds: Option<BTreeMap<String, String>>,
        date_formats: Option<BTreeMap<String, String>>,
        missing: Option<Names>,
        decimal: Option<&str>,
        thousands: Option<char>,
        delimiter: Option<char>,
        max_inflated_bytes: Option<u64>,
        rename: Option<Renames>,
        max_categories: u64,
        key: Option<String>,
        columns: Option<Names>,
    ) -> Raised<Self> {
        let infer = InferOptions { max_categories, ..infer_options(ignore_cols, kinds, date_formats)? };
        let reading = given_reading(missing, decimal, thousands, delimiter, max_inflated_bytes, rename)?;
        let given = Given::read(df, columns, &ReadOptions { known: infer.known(), ..reading.options() })?;
        for column in infer.ignore.iter().filter(|name| given.table.origin().set_aside(name).is_none()) {
            given.table.column(column)?;
        }
        let schema = py.detach(|| tabgraft_table::schema::infer(&given.table, &infer))?;
        if let Some(key) = &key {
            given.table.column(key)?;
        }
        Ok(FeatrixInputDataSet { given, infer, reading, schema, key, split: None })
    }

    /// Two data sets, for training and validation: about `fraction` of the rows, at least 0 and
    /// below 1, validate.
    ///
    /// A row's part follows from a hash of its used cells, or of its `key`: it stays there when rows are reordered or,
    /// in a descendant of the space, columns are added.
    ///
    /// >>> train, valid = data_set.split(fraction=0.2)
    /// >>> len(train) + len(valid), 150 < len(valid) < 250
    /// (1000, True)
    #[pyo3(signature = (fraction = 0.2, *, seed = 0))]
    fn split(&self, py: Python<'_>, fraction: f64, seed: u64) -> Raised<(Self, Self)> {
        let mut options = SplitOptions::of_held_out(fraction, seed);
        if let Some(column) = &self.key {
            options.by = SplitKey::Key { column: column.clone() };
        }
        let [train, held_out] = py.detach(|| Split::in_two(&options, &self.given.table, &self.schema))?;
        let part = |rows: &[u32]| -> Raised<Self> {
            Ok(FeatrixInputDataSet {
                given: self.given.take(py, rows)?,
                infer: self.infer.clone(),
                reading: self.reading.clone(),
                schema: self.schema.clone(),
                key: self.key.clone(),
                split: Some(options.clone()),
            })
        };
        Ok((part(&train)?, part(&held_out)?))
    }

    /// The frame, in the type that it came in. Parts of a file or an array are `Frame`s.
    ///
    /// >>> data_set.df is credit
    /// True
    #[getter]
    fn df<'py>(&self, py: Python<'py>) -> Bound<'py, PyAny> {
        self.given.object(py)
    }

    /// Columns that a space must not see.
    ///
    /// >>> data_set.ignore_cols
    /// ['target']
    #[getter]
    fn ignore_cols(&self) -> Vec<String> {
        self.infer.ignore.clone()
    }

    /// Names of all columns, ignored ones among them.
    ///
    /// >>> data_set.columns == list(credit.columns)
    /// True
    #[getter]
    fn columns(&self) -> Vec<String> {
        self.given.table.column_names()
    }

    /// What each column means and why, which are left out, and notes.
    ///
    /// >>> data_set.schema["excluded"][0]["name"]
    /// 'target'
    #[getter]
    fn schema<'py>(&self, py: Python<'py>) -> Raised<Bound<'py, PyAny>> {
        Ok(to_python(py, &self.schema)?)
    }

    fn __len__(&self) -> usize {
        self.given.table.n_rows()
    }

    fn __repr__(&self) -> String {
        format!(
            "FeatrixInputDataSet({} rows, {} columns used, {} left out)",
            self.given.table.n_rows(),
            self.schema.columns.len(),
            self.schema.excluded.len()
        )
    }

    fn _repr_html_(&self) -> String {
        html::data_set(self.given.table.n_rows(), &self.schema)
    }
}
