//! `prune`, `merge`, `consolidate` and `rank_columns`: versions made from versions.

use pyo3::prelude::*;
use tabgraft_model::space::Mode;
use tabgraft_model::train::{HeldFor, table_within};
use tabgraft_model::{ConsolidateOptions, MergeOptions, PruneOptions, RankColumnsOptions};
use tabgraft_table::read::ReadOptions;

use super::{Core, EmbeddingSpace, MODES, training_options};
use crate::convert::{Names, Renames, document, word};
use crate::error::Raised;
use crate::frame::Given;
use crate::run::{StopToken, run};

#[pymethods]
impl EmbeddingSpace {
    /// A space without some of its columns; this one stays as it is.
    ///
    /// Where all columns of a frozen graft go, and no later graft that stays reads it, the graft is cut off:
    /// everything else keeps its bits, and no data is needed. Any other column is masked, as if its cells
    /// were missing for ever, and a short healing run on `data` trains what read it. A removed column stays
    /// out of later grafts, unless `extend(regraft=...)` names it.
    ///
    /// Parameters
    /// ----------
    /// remove : str or list of str
    ///     The columns to remove.
    /// data : frame, array or path, optional
    ///     As for `fit`: the rows that the space was trained on, to heal and to measure. Default: none, which
    ///     suffices where grafts are cut off, or with `n_epochs=0`.
    /// n_epochs : int, optional; 0 to 10,000
    ///     Epochs of the healing run, 0 for none. Default: an eighth of the first training's, at least 4.
    /// auto_epochs : bool, default True
    ///     Whether `n_epochs` is a ceiling: it then ends before where the validation loss stops falling, unless
    ///     the first training had to run all its epochs.
    /// batch_size : int, optional; 1 to 65,536
    ///     Rows of a step. Default: the parent's.
    /// memory_limit : int, optional; at least 1
    ///     Most bytes that the healing run may take, as for `extend`: of a table in files that does not fit, rows are drawn.
    /// device : "cpu", "gpu" or "auto", default "cpu"
    ///     What trains the healing run, as for `fit`.
    /// name : str, optional
    ///     Name of the child. Default: the parent's and `_pruned`.
    /// seed : int, default 0; at least 0
    ///     Seed of order, masks and dropout of the healing run.
    /// rename, columns, progress
    ///     As for `fit`.
    ///
    /// Examples
    /// --------
    /// >>> back = child.prune(["checking_status", "credit_history", "savings_status"])
    /// >>> np.array_equal(back.embed(early), space.embed(early))
    /// True
    /// >>> young = space.prune("age", early, n_epochs=2)
    /// >>> sorted(young.extension_metadata["prune"])
    /// ['loss_before', 'loss_healed', 'loss_masked']
    #[pyo3(signature = (remove, data = None, *, n_epochs = None, auto_epochs = true, batch_size = None, memory_limit = None,
        device = "cpu", name = None, seed = 0, rename = None, columns = None, progress = None))]
    #[allow(clippy::too_many_arguments)]
    fn prune(
        &self,
        py: Python<'_>,
        remove: Names,
        data: Option<&Bound<'_, PyAny>>,
        n_epochs: Option<usize>,
        auto_epochs: bool,
        batch_size: Option<usize>,
        memory_limit: Option<u64>,
        device: &str,
        name: Option<String>,
        seed: u64,
        rename: Option<Renames>,
        columns: Option<Names>,
        progress: Option<bool>,
    ) -> Raised<Self> {
        let parent = self.core_trained()?;
        let remove = Vec::from(remove);
        let options = PruneOptions {
            training: training_options(n_epochs, auto_epochs, batch_size, memory_limit, device, seed)?,
            name,
        };
        let most_bytes = options.training.most_bytes();
        let how = ReadOptions { most_bytes, ..parent.read_options().with_names(rename) };
        let table = data.map(|data| Given::read(data, columns, &how)).transpose()?.map(|given| given.table);
        let space = run(py, "prune", progress, &StopToken::default(), |sink| {
            parent.prune(&remove, table.as_ref(), &options, sink)
        })?
        .whole()?;
        Ok(Self::trained(space))
    }

    /// One space of two or more descendants of one ancestor, with the columns of all.
    ///
    /// Where all of them differ from the ancestor by frozen grafts alone, the merge is exact: the ancestor's
    /// coordinates stand first, the extra coordinates of all behind them, with all their bits, and nothing is
    /// trained. Where old weights diverged, the columns of the others are grafted onto the first parent and
    /// trained on `data`. The order of `spaces` does not matter. Conflicts are errors that name both sides.
    ///
    /// Parameters
    /// ----------
    /// spaces : list of EmbeddingSpace
    ///     Two or more spaces that were extended from one.
    /// data : frame, array or path, optional
    ///     As for `fit`, with the columns of all: for a merge that has to be trained, and to measure losses.
    /// mode, drift_bound, n_epochs, auto_epochs, batch_size, memory_limit, device
    ///     As for `extend`, where the merge has to be trained; there `mode` is "joint" by default.
    /// name : str, optional
    ///     Name of the child. Default: the parents' names with `+` between them.
    /// seed : int, default 0; at least 0
    ///     Seed of a trained merge.
    /// rename, columns, progress
    ///     As for `fit`.
    ///
    /// Examples
    /// --------
    /// >>> bureau = space.extend(credit[[*early, "credit_history"]], n_epochs=2, name="bureau")
    /// >>> bank = space.extend(credit[[*early, "savings_status"]], n_epochs=2, name="bank")
    /// >>> both = tabgraft.EmbeddingSpace.merge([bank, bureau])
    /// >>> sorted(both.columns[-2:])
    /// ['credit_history', 'savings_status']
    /// >>> np.array_equal(both.embed(credit)[:, :32], space.embed(early))
    /// True
    #[staticmethod]
    #[pyo3(signature = (spaces, data = None, *, mode = "joint", drift_bound = None, n_epochs = None, auto_epochs = true,
        batch_size = None, memory_limit = None, device = "cpu", name = None, seed = 0, rename = None, columns = None, progress = None))]
    #[allow(clippy::too_many_arguments)]
    fn merge(
        py: Python<'_>,
        spaces: Vec<Bound<'_, EmbeddingSpace>>,
        data: Option<&Bound<'_, PyAny>>,
        mode: &str,
        drift_bound: Option<f64>,
        n_epochs: Option<usize>,
        auto_epochs: bool,
        batch_size: Option<usize>,
        memory_limit: Option<u64>,
        device: &str,
        name: Option<String>,
        seed: u64,
        rename: Option<Renames>,
        columns: Option<Names>,
        progress: Option<bool>,
    ) -> Raised<Self> {
        let cores = spaces.iter().map(|space| space.get().core_trained()).collect::<Raised<Vec<_>>>()?;
        let mode = word::<Mode>("mode", mode, MODES)?;
        let options = MergeOptions {
            name,
            mode,
            drift_bound,
            training: training_options(n_epochs, auto_epochs, batch_size, memory_limit, device, seed)?,
        };
        let how = Core::read_options_of(cores.iter().map(AsRef::as_ref)).with_names(rename);
        let how = ReadOptions { most_bytes: options.training.most_bytes(), ..how };
        let table = data.map(|data| Given::read(data, columns, &how)).transpose()?.map(|given| given.table);
        let merged = run(py, "merge", progress, &StopToken::default(), |sink| {
            let spaces: Vec<&Core> = cores.iter().map(|core| &**core).collect();
            Core::merge(&spaces, table.as_ref(), &options, sink)
        })?
        .whole()?;
        Ok(Self::trained(merged))
    }

    /// A plain space of all columns of this one, as a single training would give it: its vectors are as short
    /// and as fast. They are new ones, so what stands on the old vectors has to be fitted again.
    ///
    /// Parameters
    /// ----------
    /// data : frame, array or path
    ///     As for `fit`: rows with all columns.
    /// valid : frame, array or path, optional
    ///     Rows to validate on. Default: those that this space validates on.
    /// d_model : int, optional; 8 to 4,096 in steps of 8
    ///     Length of a row's vector. Default: that of the first training.
    /// n_epochs : int, optional; 1 to 10,000
    ///     Epochs. Default: those of the first training.
    /// auto_epochs, batch_size, memory_limit, device, seed, rename, columns, progress
    ///     As for `extend`.
    /// name : str, optional
    ///     Name of the child. Default: the parent's and `_consolidated`.
    ///
    /// Examples
    /// --------
    /// >>> plain = child.consolidate(credit, n_epochs=2)
    /// >>> child.d_model, plain.d_model, plain.columns == child.columns
    /// (128, 32, True)
    #[pyo3(signature = (data, *, valid = None, d_model = None, n_epochs = None, auto_epochs = true, batch_size = None,
        memory_limit = None, device = "cpu", name = None, seed = 0, rename = None, columns = None, progress = None))]
    #[allow(clippy::too_many_arguments)]
    fn consolidate(
        &self,
        py: Python<'_>,
        data: &Bound<'_, PyAny>,
        valid: Option<&Bound<'_, PyAny>>,
        d_model: Option<usize>,
        n_epochs: Option<usize>,
        auto_epochs: bool,
        batch_size: Option<usize>,
        memory_limit: Option<u64>,
        device: &str,
        name: Option<String>,
        seed: u64,
        rename: Option<Renames>,
        columns: Option<Names>,
        progress: Option<bool>,
    ) -> Raised<Self> {
        let parent = self.core_trained()?;
        let options = ConsolidateOptions {
            d_model,
            training: training_options(n_epochs, auto_epochs, batch_size, memory_limit, device, seed)?,
            name,
        };
        let most_bytes = options.training.most_bytes();
        let how =
            ReadOptions { most_bytes, ..parent.read_options().with_names(rename) }.shared(valid.is_some());
        let table = Given::read(data, columns.clone(), &how)?.table;
        let valid = valid.map(|v| Given::read(v, columns, &how)).transpose()?.map(|g| g.table);
        let space = run(py, "consolidation", progress, &StopToken::default(), |sink| {
            parent.consolidate(&table, valid.as_ref(), &options, sink)
        })?
        .whole()?;
        Ok(Self::trained(space))
    }

    /// The columns by what their removal costs, the cheapest first, in `columns` of a dictionary.
    ///
    /// Each column in turn counts as missing in all rows. `loss_rise` is the rise of the other columns' mean
    /// validation loss; with a target, `score_drop` is what a linear probe's score on test rows owes to the
    /// column: a paired `difference` with `low` and `high`, its 95 % interval. Nothing is trained but the
    /// probe. Two columns that say the same are cheap one by one and not together.
    ///
    /// Parameters
    /// ----------
    /// data : frame, array or path
    ///     As for `fit`: the rows that the space was trained on.
    /// target : str, optional
    ///     A column that the space has ignored, and that is predicted from its vectors.
    /// max_rows : int, default 2,000; at least 10
    ///     Most rows that are measured on.
    /// memory_limit : int, optional; at least 1
    ///     Most bytes that ranking may take where `data` is a path: of a table that does not fit, rows are drawn evenly.
    ///     Default: no limit.
    /// seed : int, default 0; at least 0
    ///     Seed of resampled intervals.
    /// columns, progress
    ///     As for `fit`.
    ///
    /// Examples
    /// --------
    /// >>> ranking = child.rank_columns(credit, "target")
    /// >>> worst = ranking["columns"][-1]
    /// >>> worst["name"], worst["score_drop"]["difference"] > 0
    /// ('checking_status', True)
    #[pyo3(signature = (data, target = None, *, max_rows = 2000, memory_limit = None, seed = 0, rename = None, columns = None,
        progress = None))]
    #[allow(clippy::too_many_arguments)]
    fn rank_columns<'py>(
        &self,
        py: Python<'py>,
        data: &Bound<'_, PyAny>,
        target: Option<&str>,
        max_rows: usize,
        memory_limit: Option<u64>,
        seed: u64,
        rename: Option<Renames>,
        columns: Option<Names>,
        progress: Option<bool>,
    ) -> Raised<Bound<'py, PyAny>> {
        let space = self.core_trained()?;
        let most_bytes = memory_limit.map(|limit| table_within(limit, HeldFor::Training));
        let how = ReadOptions { most_bytes, ..space.read_options().with_names(rename) };
        let table = Given::read(data, columns, &how)?.table;
        let options = RankColumnsOptions { max_rows, seed };
        let ranking = run(py, "ranking", progress, &StopToken::default(), |sink| {
            space.rank_columns(&table, target, &options, sink)
        })?
        .whole()?;
        Ok(document(py, &ranking)?)
    }
}
