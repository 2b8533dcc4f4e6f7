//! `EmbeddingSpace`: trained in one call (`one_step.rs`) or in two, as described (`two_steps.rs`);
//! versions made from versions (`algebra.rs`).

mod algebra;
mod file;
mod odd;
mod one_step;
mod options;
mod refresh;
mod rows;
mod two_steps;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};

use arrow::array::ArrayRef;
use numpy::{PyArray1, PyArrayMethods};
use pyo3::prelude::*;
use tabgraft_model::space::{Embeddings, vector_column as vectors_of_arrow};
use tabgraft_model::{Error, ExtendOptions, FitOptions};
use tabgraft_table::Table;
use tabgraft_table::read::ReadOptions;
use tabgraft_table::unreadable::Readable;

use crate::convert::{Names, Renames, document, to_python};
use crate::error::{Raise, Raised};
use crate::feature::FeatureEngineer;
use crate::frame::{Frame, Given};
use crate::html;
use crate::row_index::{RowIndex, keys};
use crate::warnings::{cell_errors, warn_of_columns, warn_of_differing, warn_of_unreadable, warn_of_unseen};
pub use file::verify;
use options::space_config;
pub use options::{freeze_option, keep_option, training_options};

/// The core's space; this module's class wraps it.
pub type Core = tabgraft_model::EmbeddingSpace;

/// The words of [`tabgraft_model::Mode`].
pub const MODES: &str = "`frozen`, `anchored` or `joint`";

/// What may compute a training.
pub const DEVICES: &str = "`cpu`, `gpu` or `auto`";

/// One vector per row of a table, learned without a target.
///
/// `EmbeddingSpace.fit(data)` trains a space in one call. The constructor takes the parts of a
/// `FeatrixInputDataSet` and leaves the training to `train`.
///
/// Parameters
/// ----------
/// train_data : FeatrixInputDataSet
///     Rows to train on.
/// val_data : FeatrixInputDataSet, optional
///     Rows to validate on. Where both parts come from one `split`, half of the validation rows decide
///     which epoch is kept; the other half is looked at by no training and scores predictors. Of parts
///     from elsewhere, a tenth of all rows is kept for scores. Default: 15 % of `train_data`
///     validate, 20 % are kept for scores.
/// n_epochs : int, default 50; 1 to 10,000
///     Epochs, exactly.
/// name : str, default "embedding_space"
///     Goes into the lineage of descendants.
/// d_model, n_blocks, expansion, p_drop, learning_rate, weight_decay, batch_size, memory_limit, private, seed
///     As for `fit`.
/// codec_bins, codec_targets, codec_categories, codec_text_slots, min_category_rows
///     As for `fit`.
/// key : str, optional
///     Column that says which row is which, as for `fit`; rows are then dealt by it anew, whichever of the two parts
///     they stand in, unless the data set has it as its `key` already. Default: that of `train_data`.
/// output_dir : path, optional
///     Folder that `train` saves to, as `NAME.tabgraft`.
///
/// Examples
/// --------
/// Here and elsewhere `credit` is German Credit, a table whose target is named `target`, and `early` is
/// the same table without three columns that come later.
///
/// >>> space = tabgraft.EmbeddingSpace.fit(early, ignore=["target"], name="v1", n_epochs=6, d_model=32)
/// >>> space
/// EmbeddingSpace(name="v1", columns=17, d_model=32, trained)
/// >>> space.embed(early).shape
/// (1000, 32)
#[pyclass(frozen, module = "tabgraft")]
pub struct EmbeddingSpace {
    state: Mutex<State>,
}

struct State {
    space: Arc<Core>,
    /// What `train` starts from; none for a space that was loaded, fitted or extended in one call.
    source: Option<Arc<Source>>,
    is_trained: bool,
    /// Where `train` saves to, besides.
    output_dir: Option<PathBuf>,
}

/// What `train` trains; `told` are notes and warnings of the preparation, which are not said twice.
enum Source {
    First {
        table: Table,
        valid: Option<Table>,
        options: Box<FitOptions>,
        told: Vec<String>,
    },
    Graft {
        parent: Arc<Core>,
        table: Table,
        valid: Option<Table>,
        options: Box<ExtendOptions>,
        told: Vec<String>,
    },
}

impl EmbeddingSpace {
    /// A trained space.
    pub fn trained(space: Core) -> Self {
        EmbeddingSpace {
            state: Mutex::new(State {
                space: Arc::new(space),
                source: None,
                is_trained: true,
                output_dir: None,
            }),
        }
    }

    /// The core's space, trained or not.
    pub fn core(&self) -> Arc<Core> {
        self.lock().space.clone()
    }

    /// The core's space, if it is trained.
    pub fn core_trained(&self) -> Raised<Arc<Core>> {
        let state = self.lock();
        if state.is_trained {
            return Ok(state.space.clone());
        }
        Err(Raise::Core(
            Error::option(format!("embedding space `{}` is not trained yet", state.space.name()))
                .with_hint("call `train()` first"),
        ))
    }

    // No Python code runs while the lock is held, so it cannot deadlock with the interpreter's.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// The vectors of a table's rows, with a warning for everything that is odd about the table.
pub fn vectors(py: Python<'_>, space: &Core, table: Table, errors: &str) -> Raised<Embeddings> {
    let errors = cell_errors(errors)?;
    let Readable { table, unreadable } = py.detach(|| space.readable(&table, errors))?;
    let embeddings = py.detach(|| space.embed(&table))?;
    warn_of_unreadable(py, space.name(), &unreadable)?;
    warn_of_columns(py, space.name(), &embeddings.report)?;
    warn_of_unseen(py, space.name(), &embeddings.unseen)?;
    warn_of_differing(py, space.name(), &embeddings.differing)?;
    Ok(embeddings)
}

#[pymethods]
impl EmbeddingSpace {
    /// One vector per row: a float32 array `[n_rows, d_model]`. A row's vector has the same bits alone and in
    /// any batch. Features of the space that the data lacks are computed. Columns that the space does not know are
    /// named in a warning of the logger `tabgraft`, as are columns whose cells are mostly values that training has
    /// not seen, and features of the data that hold something else than the space would compute; columns that the
    /// data lacks count as missing cells. `columns` names the columns of an array; `rename` gives columns the names
    /// that the space knows, before anything else.
    ///
    /// >>> np.array_equal(space.embed(early.rename(columns={"age": "years"}), rename={"years": "age"}), space.embed(early))
    /// True
    ///
    /// A table that is written otherwise than the one that the space was trained on (other missing tokens, a decimal
    /// comma) is read by `read_table`; else the space reads it as that one.
    ///
    /// >>> vectors = space.embed(early)
    /// >>> vectors.shape, vectors.dtype
    /// ((1000, 32), dtype('float32'))
    /// >>> np.array_equal(space.embed(early.tail(1)), vectors[-1:])
    /// True
    ///
    /// Vector stores take vectors as one column. With `vector_column`, its name, the result is a `Frame` with a list of
    /// fixed size in each row, behind the columns of `data` that `key` names.
    ///
    /// >>> import pyarrow as pa
    /// >>> frame = space.embed(early.assign(id=early.index), key="id", vector_column="vector")
    /// >>> frame.columns, pa.table(frame).schema.field("vector").type
    /// (['id', 'vector'], FixedSizeListType(fixed_size_list<item: float>[32]))
    ///
    /// A cell that cannot be read as its column's kind, such as a word among numbers, is an error; with
    /// `errors="missing"` it counts as missing, and each such column is told in a warning, with how many and the
    /// first of them.
    ///
    /// >>> odd = early.assign(age=["old", *early["age"].tolist()[1:]])
    /// >>> np.array_equal(space.embed(odd, errors="missing")[1:], vectors[1:])
    /// True
    #[pyo3(signature = (data, *, errors = "error", rename = None, columns = None, key = None, vector_column = None))]
    #[expect(clippy::too_many_arguments, reason = "keywords of Python")]
    fn embed<'py>(
        &self,
        py: Python<'py>,
        data: &Bound<'py, PyAny>,
        errors: &str,
        rename: Option<Renames>,
        columns: Option<Names>,
        key: Option<Names>,
        vector_column: Option<String>,
    ) -> Raised<Bound<'py, PyAny>> {
        let space = self.core_trained()?;
        let key: Vec<String> = key.map(Vec::from).unwrap_or_default();
        if !key.is_empty() && vector_column.is_none() {
            return Err(Raise::Core(
                Error::option(
                    "option `key` is given without `vector_column`: an array has no place for keys",
                )
                .with_hint("name the column of the vectors, such as `vector_column=\"vector\"`"),
            ));
        }
        let wanted = space.needs().and(&key);
        let how = ReadOptions { columns: wanted, ..space.read_options().with_names(rename) };
        let table = Given::read(data, columns, &how)?.table;
        let keys = key.into_iter().map(|name| Ok((name.clone(), table.column(&name)?.clone())));
        let mut made = keys.collect::<Result<Vec<(String, ArrayRef)>, Error>>()?;
        let embeddings = vectors(py, &space, table, errors)?;
        if let Some(name) = vector_column {
            made.push((name, vectors_of_arrow(embeddings.values, embeddings.d_model)?));
            return Ok(Bound::new(py, Frame::of(Table::from_columns(made)?))?.into_any());
        }
        let values = PyArray1::from_vec(py, embeddings.values);
        Ok(values.reshape([embeddings.n_rows, embeddings.d_model])?.into_any())
    }

    /// The vectors of the rows of `data`, to find similar rows with: see `RowIndex.search`.
    ///
    /// Parameters
    /// ----------
    /// data : frame, array or path
    /// key : str, optional
    ///     Column that says which row is which; each row needs a key of its own. Keys are texts, whatever the column
    ///     holds. Default: the row's number, from 0.
    /// errors, rename, columns
    ///     As for `embed`.
    ///
    /// >>> len(space.index(early))
    /// 1000
    #[pyo3(signature = (data, *, key = None, errors = "error", rename = None, columns = None))]
    fn index(
        &self,
        py: Python<'_>,
        data: &Bound<'_, PyAny>,
        key: Option<&str>,
        errors: &str,
        rename: Option<Renames>,
        columns: Option<Names>,
    ) -> Raised<RowIndex> {
        let space = self.core_trained()?;
        let table = Given::read(data, columns, &space.read_options().with_names(rename))?.table;
        let keys = keys(key, 0, &table)?;
        let vectors = vectors(py, &space, table, errors)?.values;
        Ok(RowIndex::of(py.detach(|| tabgraft_model::RowIndex::new(&space, keys, &vectors))?))
    }

    /// What becomes of the columns of a table: `ignored_columns`, each with its reason and whether it is
    /// `unknown`, `missing_columns`, and, if there are any, `computed_columns`: features that the table lacks.
    ///
    /// >>> report = space.column_report(credit.drop(columns="age"))
    /// >>> [column["name"] for column in report["ignored_columns"] if column["unknown"]]
    /// ['checking_status', 'credit_history', 'savings_status']
    /// >>> report["missing_columns"]
    /// ['age']
    #[pyo3(signature = (data, *, rename = None, columns = None))]
    fn column_report<'py>(
        &self,
        py: Python<'py>,
        data: &Bound<'py, PyAny>,
        rename: Option<Renames>,
        columns: Option<Names>,
    ) -> Raised<Bound<'py, PyAny>> {
        let space = self.core();
        let how = ReadOptions { columns: space.needs(), ..space.read_options().with_names(rename) };
        let table = Given::read(data, columns, &how)?.table;
        Ok(to_python(py, &space.column_report(&table))?)
    }

    /// Everything there is to say about the space: columns with kinds and reasons, hashes, losses,
    /// lineage.
    ///
    /// >>> column = space.inspect()["columns"][0]
    /// >>> column["name"], column["kind"]
    /// ('duration', 'numeric')
    fn inspect<'py>(&self, py: Python<'py>) -> Raised<Bound<'py, PyAny>> {
        Ok(to_python(py, &self.core().card())?)
    }

    /// Name of the space.
    ///
    /// >>> space.name
    /// 'v1'
    #[getter]
    fn name(&self) -> String {
        self.core().name().to_owned()
    }

    /// Length of a row's vector. A frozen graft adds to it.
    ///
    /// >>> space.d_model
    /// 32
    #[getter]
    fn d_model(&self) -> usize {
        self.core().d_model()
    }

    /// Rows of a training step.
    ///
    /// >>> space.batch_size
    /// 128
    #[getter]
    fn batch_size(&self) -> usize {
        self.core().batch_size()
    }

    /// Whether it can embed.
    ///
    /// >>> space.is_trained
    /// True
    #[getter]
    fn is_trained(&self) -> bool {
        self.lock().is_trained
    }

    /// Names of the used columns, in the order of their arrival.
    ///
    /// >>> child.columns[0], child.columns[-1]
    /// ('duration', 'savings_status')
    #[getter]
    fn columns(&self) -> Vec<String> {
        self.core().columns().iter().map(|c| c.name.clone()).collect()
    }

    /// An engineer with the features that the space carries, and those that they are made from, as they were
    /// fitted: what `embed` computes for a table that lacks them.
    ///
    /// >>> monthly = tabgraft.FeatureEngineer([{"name": "monthly", "formula": "credit_amount / duration"}])
    /// >>> grafted = space.extend(monthly.fit_transform(early), n_epochs=2, features=monthly)
    /// >>> grafted.engineer().names
    /// ['monthly']
    /// >>> np.array_equal(grafted.embed(early), grafted.embed(monthly.transform(early)))
    /// True
    fn engineer(&self) -> Raised<FeatureEngineer> {
        FeatureEngineer::of_model(self.core().features())
    }

    /// Things to hear about the data; often none.
    ///
    /// >>> space.notes
    /// []
    #[getter]
    fn notes(&self) -> Vec<String> {
        self.core().notes().to_vec()
    }

    /// The record of the last training: losses by epoch and column, `final_validation_loss`, the best
    /// epoch, seconds.
    ///
    /// >>> len(space.training_info["epochs"]), space.training_info["stop_reason"]
    /// (6, 'all_epochs')
    #[getter]
    fn training_info<'py>(&self, py: Python<'py>) -> Raised<Bound<'py, PyAny>> {
        Ok(to_python(py, self.core().training_info())?)
    }

    /// The last graft: parent, new columns, epochs, hashes, drift. None for a first training.
    ///
    /// >>> child.extension_metadata["extended_from_es_name"], child.extension_metadata["mode"]
    /// ('v1', 'frozen')
    /// >>> space.extension_metadata is None
    /// True
    #[getter]
    fn extension_metadata<'py>(&self, py: Python<'py>) -> Raised<Bound<'py, PyAny>> {
        Ok(document(py, &self.core().extension_metadata().map(|step| step.shown()))?)
    }

    /// All grafts, oldest first.
    ///
    /// >>> [graft["extended_from_es_name"] for graft in child.lineage]
    /// ['v1']
    #[getter]
    fn lineage<'py>(&self, py: Python<'py>) -> Raised<Bound<'py, PyAny>> {
        let steps: Vec<_> = self.core().extensions().iter().map(|step| step.shown()).collect();
        Ok(to_python(py, &steps)?)
    }

    /// Grafts onto this space that `extend` refused with `keep="if_not_worse"`, oldest first: name and hash of
    /// the child, and what its lineage would have said, its judgement included.
    ///
    /// >>> space.refused_extensions
    /// []
    #[getter]
    fn refused_extensions<'py>(&self, py: Python<'py>) -> Raised<Bound<'py, PyAny>> {
        Ok(to_python(py, &self.core().refused_extensions())?)
    }

    /// Content hashes of weights, schema, data, split, features, recipe (how it came about), wiring and claims.
    ///
    /// >>> child.hashes["split"] == space.hashes["split"]
    /// True
    #[getter]
    fn hashes<'py>(&self, py: Python<'py>) -> Raised<Bound<'py, PyAny>> {
        Ok(to_python(py, self.core().hashes())?)
    }

    /// Names this version in lineages and registries. A new name or a new file does not change it.
    ///
    /// >>> len(space.id), space.id == child.id
    /// (64, False)
    #[getter]
    fn id(&self) -> String {
        self.core().id().as_str().to_owned()
    }

    fn __repr__(&self) -> String {
        let (space, is_trained) = {
            let state = self.lock();
            (state.space.clone(), state.is_trained)
        };
        format!(
            "EmbeddingSpace(name={:?}, columns={}, d_model={}, {})",
            space.name(),
            space.columns().len(),
            space.d_model(),
            if is_trained { "trained" } else { "not trained" }
        )
    }

    fn _repr_html_(&self) -> String {
        let state = self.lock();
        html::space(&state.space.card(), state.space.config(), state.is_trained)
    }
}
