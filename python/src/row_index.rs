//! `RowIndex`: the vectors of known rows, and `Neighbours`, what is found among them.

use std::sync::Arc;

use numpy::{PyArray1, PyArrayMethods};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use tabgraft_model::index::{Keys, Neighbour, SearchOptions, Similarity};
use tabgraft_table::Table;
use tabgraft_table::read::ReadOptions;

use crate::convert::{Names, Renames, path, word};
use crate::error::Raised;
use crate::frame::Given;
use crate::listing::{self, Listing};
use crate::space::{EmbeddingSpace, vectors};

/// The words of [`Similarity`].
const SIMILARITIES: &str = "`cosine` or `dot`";
/// Rows that a printed result shows.
const SHOWN: usize = 10;

/// The vectors of known rows by their keys, to find the rows that are most similar to others. Made by
/// `EmbeddingSpace.index`; never changes.
///
/// It belongs to the version of the space that made it. A `frozen` graft keeps that version's coordinates bit for bit, so
/// that its descendants search in the index, too; any other version is refused.
///
/// Examples
/// --------
/// >>> rows = early.assign(id=[f"loan {i}" for i in range(len(early))])
/// >>> index = space.index(rows, key="id")
/// >>> index
/// RowIndex(1000 rows, d_model=32, space="v1")
/// >>> found = index.search(space, early.head(2), k=3)
/// >>> found.keys[0][0], round(float(found.similarities[0, 0]), 3)
/// ('loan 0', 1.0)
#[pyclass(frozen, module = "tabgraft")]
pub struct RowIndex {
    pub core: Arc<tabgraft_model::RowIndex>,
}

impl RowIndex {
    pub fn of(core: tabgraft_model::RowIndex) -> Self {
        RowIndex { core: Arc::new(core) }
    }
}

/// The keys of a table's rows: the cells of a column, or numbers from `first` on.
pub fn keys(key: Option<&str>, first: usize, table: &Table) -> Raised<Vec<String>> {
    Ok(key.map_or(Keys::NumbersFrom(first), Keys::Column).of(table)?)
}

#[pymethods]
impl RowIndex {
    /// The rows that are most similar to each row of `data`, the most similar first. Every row of the index is looked at.
    ///
    /// Parameters
    /// ----------
    /// space : EmbeddingSpace
    ///     The version that made the index, or one that came from it by `frozen` grafts alone.
    /// data : frame, array or path
    /// k : int, default 10; 1 or more
    ///     Most rows to find for each.
    /// similarity : str, default "cosine"
    ///     "cosine" of the angle between two vectors, -1 to 1, or "dot", their dot product.
    /// among : list of str, optional
    ///     Keys of the only rows that may be found.
    /// errors, rename, columns
    ///     As for `EmbeddingSpace.embed`.
    ///
    /// >>> index = space.index(early)
    /// >>> index.search(space, early.head(1), k=2, among=["7", "8"]).similarities.shape
    /// (1, 2)
    #[pyo3(signature = (space, data, k = 10, *, similarity = "cosine", among = None, errors = "error", rename = None,
        columns = None))]
    #[expect(clippy::too_many_arguments, reason = "keywords of Python")]
    fn search(
        &self,
        py: Python<'_>,
        space: &Bound<'_, EmbeddingSpace>,
        data: &Bound<'_, PyAny>,
        k: usize,
        similarity: &str,
        among: Option<Names>,
        errors: &str,
        rename: Option<Renames>,
        columns: Option<Names>,
    ) -> Raised<Neighbours> {
        let space = space.get().core_trained()?;
        let similarity: Similarity = word("similarity", similarity, SIMILARITIES)?;
        let options = SearchOptions { k, similarity, among: among.map(Vec::from) };
        // Seen before the work.
        self.core.search(&space, &[], &options)?;
        let how = ReadOptions { columns: space.needs(), ..space.read_options().with_names(rename) };
        let table = Given::read(data, columns, &how)?.table;
        let vectors = vectors(py, &space, table, errors)?.values;
        let found = py.detach(|| self.core.search(&space, &vectors, &options))?;
        Ok(Neighbours { index: self.core.clone(), found })
    }

    /// An index with the rows of `data`, too; those whose key is known already are replaced.
    ///
    /// Parameters are those of `EmbeddingSpace.index`. Without a `key` the rows are numbered on.
    ///
    /// >>> index = space.index(early.head(100))
    /// >>> len(index.with_rows(space, early.tail(20)))
    /// 120
    #[pyo3(signature = (space, data, *, key = None, errors = "error", rename = None, columns = None))]
    #[expect(clippy::too_many_arguments, reason = "keywords of Python")]
    fn with_rows(
        &self,
        py: Python<'_>,
        space: &Bound<'_, EmbeddingSpace>,
        data: &Bound<'_, PyAny>,
        key: Option<&str>,
        errors: &str,
        rename: Option<Renames>,
        columns: Option<Names>,
    ) -> Raised<Self> {
        let space = space.get().core_trained()?;
        self.core.check_space(&space)?;
        let table = Given::read(data, columns, &space.read_options().with_names(rename))?.table;
        let keys = keys(key, self.core.n_rows(), &table)?;
        let vectors = vectors(py, &space, table, errors)?.values;
        Ok(RowIndex::of(py.detach(|| self.core.with(&space, keys, &vectors))?))
    }

    /// An index without the rows with these keys.
    ///
    /// >>> len(space.index(early).without(["0", "1"]))
    /// 998
    fn without(&self, py: Python<'_>, keys: Vec<String>) -> Raised<Self> {
        Ok(RowIndex::of(py.detach(|| self.core.without(&keys))?))
    }

    /// The keys, in the order of the rows.
    ///
    /// >>> space.index(early).keys[:2]
    /// ['0', '1']
    #[getter]
    fn keys(&self) -> Vec<String> {
        self.core.keys().to_vec()
    }

    /// `[n_rows, d_model]`, float32: the vectors, in the order of `keys`.
    ///
    /// >>> bool((space.index(early).vectors == space.embed(early)).all())
    /// True
    #[getter]
    fn vectors<'py>(&self, py: Python<'py>) -> Raised<Bound<'py, PyAny>> {
        let shape = [self.core.n_rows(), self.core.d_model()];
        Ok(PyArray1::from_vec(py, self.core.vectors()).reshape(shape)?.into_any())
    }

    /// Coordinates of a vector.
    ///
    /// >>> space.index(early).d_model
    /// 32
    #[getter]
    fn d_model(&self) -> usize {
        self.core.d_model()
    }

    /// Id of the version whose vectors it holds.
    ///
    /// >>> space.index(early).version == space.id
    /// True
    #[getter]
    fn version(&self) -> &str {
        self.core.version()
    }

    /// Writes the index to one file, whole or not at all.
    ///
    /// >>> space.index(early).save("loans.index")
    /// >>> len(tabgraft.RowIndex.load("loans.index"))
    /// 1000
    fn save(&self, py: Python<'_>, path: &Bound<'_, PyAny>) -> Raised<()> {
        let path = crate::convert::path(path)?;
        Ok(py.detach(|| self.core.save(&path))?)
    }

    /// Reads an index from its file. Runs no code of the file.
    ///
    /// >>> space.index(early.head(5)).save("five.index")
    /// >>> tabgraft.RowIndex.load("five.index")
    /// RowIndex(5 rows, d_model=32, space="v1")
    #[staticmethod]
    fn load(py: Python<'_>, file: &Bound<'_, PyAny>) -> Raised<Self> {
        let file = path(file)?;
        Ok(RowIndex::of(py.detach(|| tabgraft_model::RowIndex::load(&file))?))
    }

    fn __len__(&self) -> usize {
        self.core.n_rows()
    }

    fn __repr__(&self) -> String {
        let index = &self.core;
        format!(
            "RowIndex({} rows, d_model={}, space={:?})",
            index.n_rows(),
            index.d_model(),
            index.space_name()
        )
    }
}

/// The rows of an index that were found for the rows of some data.
///
/// >>> found = space.index(early).search(space, early.head(2), k=2)
/// >>> len(found), found.to_pandas().columns.tolist()
/// (2, ['row', 'rank', 'neighbour', 'similarity'])
#[pyclass(frozen, module = "tabgraft")]
pub struct Neighbours {
    index: Arc<tabgraft_model::RowIndex>,
    found: Vec<Vec<Neighbour>>,
}

impl Neighbours {
    /// What was found, row by row: the row's number, the rank from 1, the neighbour.
    fn all(&self) -> impl Iterator<Item = (usize, usize, &Neighbour)> {
        self.found
            .iter()
            .enumerate()
            .flat_map(|(row, found)| found.iter().enumerate().map(move |(i, n)| (row, i + 1, n)))
    }

    fn columns<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let columns = PyDict::new(py);
        columns.set_item("row", PyArray1::from_iter(py, self.all().map(|(row, _, _)| row as i64)))?;
        columns.set_item("rank", PyArray1::from_iter(py, self.all().map(|(_, rank, _)| rank as i64)))?;
        let keys: Vec<&String> = self.all().map(|(_, _, n)| &self.index.keys()[n.row]).collect();
        columns.set_item("neighbour", keys)?;
        columns.set_item("similarity", PyArray1::from_iter(py, self.all().map(|(_, _, n)| n.similarity)))?;
        Ok(columns)
    }

    fn listing(&self) -> Listing<'static> {
        let cells = |(row, rank, n): (usize, usize, &Neighbour)| {
            let key = self.index.keys()[n.row].clone();
            vec![row.to_string(), rank.to_string(), key, format!("{:.4}", n.similarity)]
        };
        let rows = self.all().take(SHOWN).map(cells).collect();
        let more = listing::more(self.all().count(), SHOWN, "more");
        Listing { title: self.title(), head: &HEAD, rows, more }
    }

    fn title(&self) -> String {
        format!("Neighbours({} rows, {} found)", self.found.len(), self.all().count())
    }
}

/// What the columns of [`Neighbours`] are called.
const HEAD: [&str; 4] = ["row", "rank", "neighbour", "similarity"];

#[pymethods]
impl Neighbours {
    /// One list of keys for each row, the most similar first.
    ///
    /// >>> space.index(early).search(space, early.head(1), k=1).keys
    /// [['0']]
    #[getter]
    fn keys(&self) -> Vec<Vec<String>> {
        let keys = |found: &Vec<Neighbour>| found.iter().map(|n| self.index.keys()[n.row].clone()).collect();
        self.found.iter().map(keys).collect()
    }

    /// `[n_rows, k]`, float32, the most similar first.
    ///
    /// >>> space.index(early).search(space, early.head(2), k=3).similarities.shape
    /// (2, 3)
    #[getter]
    fn similarities<'py>(&self, py: Python<'py>) -> Raised<Bound<'py, PyAny>> {
        let k = self.found.first().map_or(0, Vec::len);
        let values = PyArray1::from_iter(py, self.all().map(|(_, _, n)| n.similarity));
        Ok(values.reshape([self.found.len(), k])?.into_any())
    }

    /// A pandas frame with a line for each row that was found: `row`, from 0, `rank`, from 1, `neighbour`, its key, and
    /// `similarity`.
    ///
    /// >>> space.index(early).search(space, early.head(2), k=3).to_pandas().shape
    /// (6, 4)
    fn to_pandas<'py>(&self, py: Python<'py>) -> Raised<Bound<'py, PyAny>> {
        listing::pandas(py, self.columns(py)?)
    }

    /// The same as a polars frame.
    ///
    /// >>> space.index(early).search(space, early.head(2), k=3).to_polars().columns
    /// ['row', 'rank', 'neighbour', 'similarity']
    fn to_polars<'py>(&self, py: Python<'py>) -> Raised<Bound<'py, PyAny>> {
        listing::polars(py, self.columns(py)?)
    }

    fn __len__(&self) -> usize {
        self.found.len()
    }

    fn __repr__(&self) -> String {
        self.title()
    }

    fn __str__(&self) -> String {
        self.listing().text()
    }

    fn _repr_html_(&self) -> String {
        self.listing().html()
    }
}
