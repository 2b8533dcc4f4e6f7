//! `refresh`: the same columns, new rows.

use pyo3::prelude::*;
use tabgraft_model::RefreshOptions;
use tabgraft_model::space::Mode;

use super::{EmbeddingSpace, keep_option, training_options};
use crate::convert::{Names, Renames, word};
use crate::error::Raised;
use crate::frame::Given;
use crate::run::{StopToken, run};

#[pymethods]
impl EmbeddingSpace {
    /// A space that has learned from new rows of the same columns; this one stays as it is.
    ///
    /// Levels of categories that this space takes for unseen get codes of their own, behind the old ones, if enough training
    /// rows have them. Bins of numbers and dates stay as they are, and new columns are left alone, for `extend`. Rows
    /// that this space knows keep their part, new ones are dealt by its split.
    ///
    /// Parameters
    /// ----------
    /// data : frame, array or path
    ///     As for `fit`: new rows, or old and new ones where what was learned of the old ones shall stay.
    /// valid : frame, array or path, optional
    ///     Rows to validate on. Default: those that this space validates on, and new ones by its split.
    /// mode : "anchored" or "frozen", default "anchored"
    ///     "anchored": all weights go on learning, and vectors of rows without a new level stay within `drift_bound`.
    ///     "frozen": new levels alone learn; a row without one keeps every bit of its vector.
    /// drift_bound : float, optional; above 0 up to 2
    ///     Mode "anchored" only: most that vectors of rows without a new level may move, as their mean cosine distance
    ///     on validation rows. Default: 0.05.
    /// n_epochs : int, optional; 1 to 10,000
    ///     Epochs of all rows. Default: as many, of a sample of the rows, as there is to learn.
    /// auto_epochs, batch_size, memory_limit, device, keep, target, cross_fit, seed, rename, columns, progress
    ///     As for `extend`.
    /// name : str, optional
    ///     Name of the child. Default: the parent's and `_refreshed`.
    ///
    /// Examples
    /// --------
    /// >>> others = early[early["purpose"] != "education"]
    /// >>> first = tabgraft.EmbeddingSpace.fit(others, ignore=["target"], n_epochs=2, d_model=16)
    /// >>> later = first.refresh(early, mode="frozen", n_epochs=2)
    /// >>> later.extension_metadata["operation"], later.columns == first.columns
    /// ('refresh', True)
    /// >>> np.array_equal(later.embed(others), first.embed(others))
    /// True
    #[pyo3(signature = (data, *, valid = None, mode = "anchored", drift_bound = None, n_epochs = None, auto_epochs = true,
        batch_size = None, memory_limit = None, device = "cpu", name = None, keep = "always", target = None, cross_fit = false,
        seed = 0, rename = None, columns = None, progress = None))]
    #[allow(clippy::too_many_arguments)]
    fn refresh(
        &self,
        py: Python<'_>,
        data: &Bound<'_, PyAny>,
        valid: Option<&Bound<'_, PyAny>>,
        mode: &str,
        drift_bound: Option<f64>,
        n_epochs: Option<usize>,
        auto_epochs: bool,
        batch_size: Option<usize>,
        memory_limit: Option<u64>,
        device: &str,
        name: Option<String>,
        keep: &str,
        target: Option<String>,
        cross_fit: bool,
        seed: u64,
        rename: Option<Renames>,
        columns: Option<Names>,
        progress: Option<bool>,
    ) -> Raised<Self> {
        let parent = self.core_trained()?;
        let options = RefreshOptions {
            mode: word::<Mode>("mode", mode, "`anchored` or `frozen`")?,
            drift_bound,
            training: training_options(n_epochs, auto_epochs, batch_size, memory_limit, device, seed)?,
            name,
            keep: keep_option(keep, target, cross_fit, seed)?,
        };
        let mut how = options.read_options(&parent).shared(valid.is_some()).with_names(rename);
        let table = Given::read(data, columns.clone(), &how)?.table;
        how = how.continued(table.origin());
        let valid = valid.map(|v| Given::read(v, columns, &how)).transpose()?.map(|g| g.table);
        let space = run(py, "refresh", progress, &StopToken::default(), |sink| {
            parent.refresh(&table, valid.as_ref(), &options, sink)
        })?
        .whole()?;
        Ok(Self::trained(space))
    }
}
