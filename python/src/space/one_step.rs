//! `fit` and `extend`: a trained space in one call.

use std::collections::BTreeMap;

use pyo3::prelude::*;
use pyo3::types::PyType;
use tabgraft_model::space::Mode;
use tabgraft_model::weights::WeightedRows;
use tabgraft_model::{ExtendOptions, FitOptions};
use tabgraft_table::schema::InferOptions;
use tabgraft_table::split::{SplitKey, SplitOptions};

use super::{Core, EmbeddingSpace, MODES, freeze_option, keep_option, space_config, training_options};
use crate::convert::{Names, Renames, from_python, infer_options, weights, word};
use crate::error::Raised;
use crate::feature::FeatureEngineer;
use crate::frame::{Given, given_reading, say};
use crate::run::{StopToken, run};
use crate::workers::shard_of;

#[pymethods]
impl EmbeddingSpace {
    /// Trains a space on a table in one call. The same rows, options and seed give the same bits.
    ///
    /// Parameters
    /// ----------
    /// data : frame, array or path
    ///     A frame of pandas, polars, pyarrow, duckdb or any library with the Arrow PyCapsule interface; a
    ///     two-dimensional NumPy array; or the path of a file of CSV, TSV, JSON lines, Parquet or Arrow.
    /// valid : frame, array or path, optional
    ///     Rows to validate on, with the columns of `data`. All rows but the split's test rows are then
    ///     trained and validated on. Default: `p_valid` of the rows of `data`.
    /// ignore : list of str, optional
    ///     Columns that the space must not see, the target above all. Default: none.
    /// kinds : dict, optional
    ///     Column to kind: "numeric", "categorical", "boolean", "timestamp" or "text". Default: by name and
    ///     values of the column; `inspect` gives the reason.
    /// date_formats : dict, optional
    ///     Column to the format of its dates, such as "%d/%m/%Y", or several with "|" between them; such a
    ///     column is a timestamp. Default: found in its values.
    /// missing : list of str, optional
    ///     Texts that stand for a missing cell. The space remembers them, and how numbers and dates are
    ///     written: later tables are read alike. Default: empty, "NA", "N/A", "null", "NaN" and "?".
    /// decimal : "." or ",", optional
    ///     What marks the decimals of numbers in text. Default: found in the table, and told.
    /// thousands : str, optional
    ///     The only character that may group the digits of numbers in text. Default: any that does.
    /// delimiter : str, optional
    ///     The character between two cells of a CSV file. Default: found in the file.
    /// max_inflated_bytes : int, optional; at least 1
    ///     Most that a compressed file may become; 64 times its own size is allowed in any case. Default: 1 GiB.
    /// rename : dict, optional
    ///     Column to the name that it gets before anything else; all other options speak of the new name. The space
    ///     remembers it: later tables that have the old name and not the new one are renamed alike. Default: none.
    /// max_categories : int, default 50,000
    ///     Most distinct texts of a column that are still categories; fewer are text, too, where they do not
    ///     repeat or are read like prose.
    /// min_category_rows : int, default 2; at least 1
    ///     Training rows that give a category a code of its own where a column has more than 256 of them.
    ///     Those with fewer share one code, and a note says how many.
    /// name : str, default "embedding_space"
    ///     Goes into the lineage of descendants.
    /// n_epochs : int, optional; 1 to 10,000
    ///     Epochs. Default: as many as make about 1,500 steps of 128 rows, 4 to 60, fewer where more than
    ///     2 million rows would be shown.
    /// auto_epochs : bool, default True
    ///     Whether `n_epochs` is a ceiling: training then stops when the validation loss has not fallen for
    ///     a fifth of it, at least 3 epochs.
    /// batch_size : int, optional; 1 to 65,536
    ///     Rows of a step. Default: 128 below 8,000 training rows, 256 below 100,000, else 512.
    /// memory_limit : int, optional; at least 1
    ///     Most bytes that the training may take. Where `data` is a path and its table does not fit, rows are drawn evenly,
    ///     and a note says how many; what columns are and codecs are told from all rows. By an estimate, steps are
    ///     halved to keep within it, down to 16 rows, with notes; then it is an error. Default: no limit.
    /// device : "cpu", "gpu" or "auto", default "cpu"
    ///     What trains. "gpu" is an error where this build has no backend for one or none answers; "auto"
    ///     takes a GPU if one answers and holds out to the end, else the processor. Vectors and predictions
    ///     are computed on the processor in any case.
    /// d_model : int, default 128; 8 to 4,096 in steps of 8
    ///     Length of a row's vector.
    /// learning_rate : float, default 0.002; above 0, at most 1
    ///     Peak learning rate.
    /// weight_decay : float, default 0.0001; 0 to 1
    ///     Decoupled weight decay.
    /// p_drop : float, default 0.1; 0 up to 0.9
    ///     Share of activations dropped in training.
    /// n_blocks : int, default 2; 1 to 8
    ///     Residual blocks of the trunk.
    /// expansion : int, default 2; 1 to 8
    ///     Width inside a block in multiples of `d_model`.
    /// codec_bins : int, default 24; 1 to 4,096
    ///     Bins of a number or time.
    /// codec_targets : int, default 16; 2 to 4,096
    ///     Classes that a hidden number, time or text is predicted as.
    /// codec_categories : int, default 256; 2 to 60,000
    ///     Categories of a column that have a code of their own in any case, and most classes that a hidden one is
    ///     predicted as.
    /// codec_text_slots : int, default 128; 8 to 65,536
    ///     Hashed features of a text.
    /// p_valid, p_test : float, default 0.15 and 0.2; at least 0, together below 1
    ///     Shares of the rows that decide which epoch is kept, and that nothing is learned from: predictors are
    ///     scored on these. Only kinds of columns and formats of dates are told from all rows. A row keeps its
    ///     part in every later version.
    /// key : str, optional
    ///     Column that says which row is which, such as the number of a customer: rows are split by it, and keep
    ///     their parts whatever happens to their other cells, in every later version. It is no feature.
    /// group : str, optional
    ///     Column whose rows of equal value stay in one part.
    /// time : str, optional
    ///     Column of times or numbers: the latest rows test, those before them validate. Not with `key` or
    ///     `group`, of which there is one, too. Default: a row's part follows from a hash of its cells.
    /// private : bool, default False
    ///     Whether the space, and all that comes of it, keeps nothing of single rows: no row by a hash, no category or
    ///     word of fewer than 10 training rows, no notes. Rare categories are then unseen ones, rows that are changed
    ///     later are not recognised, and tables need every column that the split goes by.
    /// split_seed : int, default 0; at least 0
    ///     Another one gives another split.
    /// seed : int, default 0; at least 0
    ///     Seed of weights, order, masks and dropout. It moves no row to another part.
    /// sample_weight : list or array of float, optional
    ///     One weight per row, at least 0: a row of weight 0 is not there. Whole weights, up to 4 on average,
    ///     repeat their rows; others count alike. Default: all rows alike.
    /// workers : object, optional
    ///     The workers that train together, each on its rows, and each of which calls this: `rank`, `n_workers`, and
    ///     `all_reduce(array)`, which gives the sum of a float32 array over all of them. `tabgraft.ray` places them.
    ///     Each gets the same space. Where it has `states`, a path or an object with `keep(bytes or None)` and `kept()`,
    ///     worker 0 keeps the state of the training there after every epoch, and one that failed goes on from it, with
    ///     the bits of a training that nothing interrupted. Default: this process has all rows.
    /// columns : list of str, optional
    ///     Names of an array's columns. Default: `x0`, `x1` and so on. A frame has its own.
    /// progress : bool, optional
    ///     Whether a bar is drawn on standard error. Default: on a terminal and in a notebook.
    ///
    /// Examples
    /// --------
    /// >>> made = tabgraft.EmbeddingSpace.fit("credit.csv", ignore=["target"], n_epochs=2, d_model=16)
    /// >>> made.embed("credit.csv").shape
    /// (1000, 16)
    #[classmethod]
    #[pyo3(signature = (data, *, valid = None, ignore = None, kinds = None, date_formats = None, missing = None,
        decimal = None, thousands = None, delimiter = None, max_inflated_bytes = None, rename = None, max_categories = 50_000,
        min_category_rows = 2, name = "embedding_space", n_epochs = None, auto_epochs = true, batch_size = None,
        memory_limit = None, device = "cpu", d_model = 128, learning_rate = 2e-3, weight_decay = 1e-4, p_drop = 0.1,
        n_blocks = 2, expansion = 2, codec_bins = 24, codec_targets = 16, codec_categories = 256,
        codec_text_slots = 128, p_valid = 0.15, p_test = 0.2, key = None, group = None,
        time = None, private = false, split_seed = 0, seed = 0, sample_weight = None, workers = None,
        columns = None, progress = None))]
    #[allow(clippy::too_many_arguments)]
    fn fit(
        _class: &Bound<'_, PyType>,
        py: Python<'_>,
        data: &Bound<'_, PyAny>,
        valid: Option<&Bound<'_, PyAny>>,
        ignore: Option<Names>,
        kinds: Option<BTreeMap<String, String>>,
        date_formats: Option<BTreeMap<String, String>>,
        missing: Option<Names>,
        decimal: Option<&str>,
        thousands: Option<char>,
        delimiter: Option<char>,
        max_inflated_bytes: Option<u64>,
        rename: Option<Renames>,
        max_categories: u64,
        min_category_rows: u64,
        name: &str,
        n_epochs: Option<usize>,
        auto_epochs: bool,
        batch_size: Option<usize>,
        memory_limit: Option<u64>,
        device: &str,
        d_model: usize,
        learning_rate: f32,
        weight_decay: f32,
        p_drop: f32,
        n_blocks: usize,
        expansion: usize,
        codec_bins: usize,
        codec_targets: usize,
        codec_categories: usize,
        codec_text_slots: usize,
        p_valid: f64,
        p_test: f64,
        key: Option<String>,
        group: Option<String>,
        time: Option<String>,
        private: bool,
        split_seed: u64,
        seed: u64,
        sample_weight: Option<&Bound<'_, PyAny>>,
        workers: Option<&Bound<'_, PyAny>>,
        columns: Option<Names>,
        progress: Option<bool>,
    ) -> Raised<Self> {
        let by = SplitKey::of(key, group, time)?;
        let infer = InferOptions { max_categories, ..infer_options(ignore, kinds, date_formats)? };
        let options = FitOptions {
            name: name.to_owned(),
            config: space_config(
                [d_model, n_blocks, expansion],
                p_drop,
                [learning_rate, weight_decay],
                [codec_bins, codec_targets, codec_categories, codec_text_slots],
                min_category_rows,
                training_options(n_epochs, auto_epochs, batch_size, memory_limit, device, seed)?,
            ),
            infer,
            split: SplitOptions { by, p_valid, p_test, seed: split_seed },
            features: Vec::new(),
            private,
        };
        let given = given_reading(missing, decimal, thousands, delimiter, max_inflated_bytes, rename)?;
        let how = options.read_options(&given).shared(valid.is_some());
        let table = Given::read(data, columns.clone(), &how)?.table;
        let alike = how.continued(table.origin());
        let valid = valid.map(|v| Given::read(v, columns, &alike)).transpose()?.map(|g| g.table);
        let table = shard_of(table, workers)?;
        let sample_weight = sample_weight.map(weights).transpose()?;
        let space = run(py, name, progress, &StopToken::default(), |sink| match &sample_weight {
            None => Core::fit(&table, valid.as_ref(), &options, sink),
            Some(weights) => Core::fit_weighted(&table, weights, valid.as_ref(), &options, sink),
        })?
        .whole()?;
        Ok(Self::trained(space))
    }

    /// Grafts the new columns of a table onto this space and trains them; this space stays as it is.
    ///
    /// New are the columns that this space neither uses nor left out: what it ignored stays ignored.
    ///
    /// Parameters
    /// ----------
    /// data : frame, array or path
    ///     As for `fit`: old and new columns. Old ones that it lacks count as missing cells.
    /// valid : frame, array or path, optional
    ///     Rows to validate on. Default: those that this space validates on.
    /// mode : "frozen", "anchored" or "joint", default "frozen"
    ///     "frozen": old weights never change, and new coordinates stand behind the old ones, which keep
    ///     their bits. "joint": new weights train for half of the epochs, then all of them; the number of
    ///     coordinates stays, they drift, and the drift is measured. "anchored": as "joint", but the drift
    ///     stays below `drift_bound`.
    /// drift_bound : float, optional; above 0 up to 2
    ///     Mode "anchored" only: most that old vectors may move, as their mean cosine distance on validation
    ///     rows. Default: 0.05.
    /// freeze : dict, optional
    ///     Modes "joint" and "anchored" only: which old weights stay frozen. `tokens`, `trunk`, `heads`: bool;
    ///     `columns`: names of old columns; `schedule`: when the others are thawed, "at_once", "by_epoch" or
    ///     "when_flat". Default: none stays frozen, all are thawed at once after half of the epochs.
    /// n_epochs : int, optional; 1 to 10,000
    ///     Epochs of all rows. Default: as many, of a sample of the rows, as the new columns need; with
    ///     `auto_epochs=False` a quarter of the parent's, at least 10.
    /// auto_epochs : bool, default True
    ///     Whether `n_epochs` is a ceiling: once the validation loss falls by less than 2 % within an epoch,
    ///     the next phase begins; the last one then ends within three tenths of its planned epochs, in which
    ///     the learning rate falls to 0.
    /// batch_size : int, optional; 1 to 65,536
    ///     Rows of a step. Default: the parent's.
    /// memory_limit : int, optional; at least 1
    ///     As for `fit`; before steps are halved, a frozen graft computes the parent's vectors at every step.
    /// device : "cpu", "gpu" or "auto", default "cpu"
    ///     As for `fit`.
    /// name : str, optional
    ///     Name of the child. Default: the parent's and `_extended`.
    /// d_side : int, optional; 8 to 1,024 in steps of 8
    ///     New coordinates of a frozen graft; a joint one has none. Default: 32 per new column, 32 to 96.
    /// prune : list of str, optional
    ///     Columns of this space to remove first, as `prune` does by its defaults. Default: none.
    /// regraft : list of str, optional
    ///     Pruned columns to take back; other new columns come by themselves. Default: none.
    /// ignore : list of str, optional
    ///     New columns to leave out. Default: none.
    /// kinds : dict, optional
    ///     New column to kind, as for `fit`.
    /// date_formats : dict, optional
    ///     New column to the format of its dates, as for `fit`.
    /// missing, decimal, thousands, delimiter, max_inflated_bytes, rename
    ///     As for `fit`, of all columns. Default: the table is read as that of this space; what is given here is
    ///     taken in place of that, and told.
    /// max_categories : int, default 50,000
    ///     As for `fit`, of new columns.
    /// features : FeatureEngineer, optional
    ///     The engineer that made some of the new columns: the child remembers them with their fitted state.
    /// feature_metadata : optional
    ///     What there is to say about the new columns, anything that JSON can hold; kept in the lineage.
    /// keep : "always" or "if_not_worse", default "always"
    ///     "if_not_worse": `target` is predicted from this space and from the child, as `compare` does it, and
    ///     if the child does worse, this space is returned instead, with the child's record at the end of
    ///     `refused_extensions`, and a warning that names the new columns that hurt.
    /// target : str, optional
    ///     The column to predict if `keep` is "if_not_worse". It never becomes a column of the child.
    /// cross_fit : bool, default False
    ///     Whether the two are judged on all rows, as for `compare`.
    /// seed : int, default 0; at least 0
    ///     Seed of new weights, order, masks and dropout.
    /// sample_weight, workers, columns, progress
    ///     As for `fit`.
    ///
    /// Examples
    /// --------
    /// >>> child = space.extend(credit, n_epochs=10, name="v2")
    /// >>> child.extension_metadata["new_columns_added"]
    /// ['checking_status', 'credit_history', 'savings_status']
    /// >>> np.array_equal(child.embed(credit)[:, :32], space.embed(early))
    /// True
    /// >>> judged = space.extend(credit, n_epochs=10, keep="if_not_worse", target="target")
    /// >>> judged.extension_metadata["judgement"]["difference"]["verdict"] in {"better", "no_difference"}
    /// True
    #[pyo3(signature = (data, *, valid = None, mode = "frozen", drift_bound = None, freeze = None, n_epochs = None, auto_epochs = true, batch_size = None,
        memory_limit = None, device = "cpu", name = None, d_side = None, prune = None, regraft = None, ignore = None, kinds = None,
        date_formats = None, missing = None, decimal = None, thousands = None, delimiter = None,
        max_inflated_bytes = None, rename = None, max_categories = 50_000, features = None, feature_metadata = None, keep = "always", target = None, cross_fit = false, seed = 0,
        sample_weight = None, workers = None, columns = None, progress = None))]
    #[allow(clippy::too_many_arguments)]
    fn extend(
        &self,
        py: Python<'_>,
        data: &Bound<'_, PyAny>,
        valid: Option<&Bound<'_, PyAny>>,
        mode: &str,
        drift_bound: Option<f64>,
        freeze: Option<&Bound<'_, PyAny>>,
        n_epochs: Option<usize>,
        auto_epochs: bool,
        batch_size: Option<usize>,
        memory_limit: Option<u64>,
        device: &str,
        name: Option<String>,
        d_side: Option<usize>,
        prune: Option<Names>,
        regraft: Option<Names>,
        ignore: Option<Names>,
        kinds: Option<BTreeMap<String, String>>,
        date_formats: Option<BTreeMap<String, String>>,
        missing: Option<Names>,
        decimal: Option<&str>,
        thousands: Option<char>,
        delimiter: Option<char>,
        max_inflated_bytes: Option<u64>,
        rename: Option<Renames>,
        max_categories: u64,
        features: Option<&Bound<'_, FeatureEngineer>>,
        feature_metadata: Option<&Bound<'_, PyAny>>,
        keep: &str,
        target: Option<String>,
        cross_fit: bool,
        seed: u64,
        sample_weight: Option<&Bound<'_, PyAny>>,
        workers: Option<&Bound<'_, PyAny>>,
        columns: Option<Names>,
        progress: Option<bool>,
    ) -> Raised<Self> {
        let parent = self.core_trained()?;
        let options = ExtendOptions {
            mode: word::<Mode>("mode", mode, MODES)?,
            drift_bound,
            freeze: freeze.map(freeze_option).transpose()?.unwrap_or_default(),
            training: training_options(n_epochs, auto_epochs, batch_size, memory_limit, device, seed)?,
            name,
            d_side,
            prune: prune.map(Vec::from).unwrap_or_default(),
            regraft: regraft.map(Vec::from).unwrap_or_default(),
            infer: InferOptions { max_categories, ..infer_options(ignore, kinds, date_formats)? },
            features: features.map(|f| f.get().features()).unwrap_or_default(),
            candidates: FeatureEngineer::applied(),
            feature_metadata: feature_metadata.map(from_python).transpose()?,
            keep: keep_option(keep, target, cross_fit, seed)?,
        };
        let given = given_reading(missing, decimal, thousands, delimiter, max_inflated_bytes, rename)?;
        let (mut how, notes) = given.options_like(&options.read_options(&parent).shared(valid.is_some()));
        say(py, &notes)?;
        let table = Given::read(data, columns.clone(), &how)?.table;
        how = how.continued(table.origin());
        let valid = valid.map(|v| Given::read(v, columns, &how)).transpose()?.map(|g| g.table);
        let table = shard_of(table, workers)?;
        let sample_weight = sample_weight.map(weights).transpose()?;
        let table = match sample_weight {
            None => table,
            Some(weights) => WeightedRows::new(&table, &weights, |_| false)?.table,
        };
        let space = run(py, "graft", progress, &StopToken::default(), |sink| {
            parent.extend(&table, valid.as_ref(), &options, sink)
        })?
        .whole()?;
        Ok(Self::trained(space))
    }
}
