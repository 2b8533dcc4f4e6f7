//! Rows of a table that a space is held against: their parts, which it knows, and what they say of another space.

use pyo3::prelude::*;
use tabgraft_model::predictor::TargetKind;
use tabgraft_model::space::RowParts;
use tabgraft_model::train::{HeldFor, table_within};
use tabgraft_model::{CompareOptions, PredictorOptions};
use tabgraft_table::read::ReadOptions;
use tabgraft_table::unreadable::Readable;

use super::EmbeddingSpace;
use crate::comparison::Comparison;
use crate::convert::{Names, Renames, TARGET_KINDS, fitting_options, word};
use crate::error::Raised;
use crate::frame::{Given, say};
use crate::run::{StopToken, run};
use crate::warnings::{cell_errors, warn_of_unreadable};

impl EmbeddingSpace {
    fn row_parts(
        &self,
        py: Python<'_>,
        data: &Bound<'_, PyAny>,
        errors: &str,
        rename: Option<Renames>,
        columns: Option<Names>,
    ) -> Raised<RowParts> {
        let space = self.core();
        let errors = cell_errors(errors)?;
        let how = ReadOptions { columns: space.needs_to_split(), ..space.read_options().with_names(rename) };
        let table = Given::read(data, columns, &how)?.table;
        let Readable { table, unreadable } = py.detach(|| space.readable_to_split(&table, errors))?;
        warn_of_unreadable(py, space.name(), &unreadable)?;
        Ok(py.detach(|| space.row_parts(&table))?)
    }
}

#[pymethods]
impl EmbeddingSpace {
    /// Whether `other`, usually a child of this space, is better: predictors of `target` fitted alike on both
    /// (`target_kind`, `n_epochs`, `n_networks` and `seed` as for `Predictor.fit`; `errors` and `rename` as for `embed`;
    /// `predictor_options` is a dictionary of further options of `Predictor.fit`, `memory_limit` as there), compared on rows that
    /// neither space was trained on.
    ///
    /// Where fewer than 20 such rows are left that is an error. With `cross_fit` all rows are judged on, each by
    /// predictors that did not learn from it; the spaces have seen them, without the target.
    /// `to_dict()["spaces"]` has losses, drift, neighbours, time and size, and what each new column does.
    ///
    /// >>> found = space.compare(child, credit, "target", n_epochs=5)
    /// >>> found.verdict in {"better", "no_difference", "worse"}
    /// True
    /// >>> space.compare(child, credit, "target", n_epochs=2, n_networks=2, cross_fit=True).n_rows
    /// 1000
    #[pyo3(signature = (other, data, target, *, target_kind = "auto", n_epochs = 100, n_networks = None, seed = 0,
        cross_fit = false, predictor_options = None, errors = "error", memory_limit = None, rename = None, columns = None,
        progress = None))]
    #[allow(clippy::too_many_arguments)]
    fn compare(
        &self,
        py: Python<'_>,
        other: &Bound<'_, EmbeddingSpace>,
        data: &Bound<'_, PyAny>,
        target: &str,
        target_kind: &str,
        n_epochs: usize,
        n_networks: Option<usize>,
        seed: u64,
        cross_fit: bool,
        predictor_options: Option<&Bound<'_, PyAny>>,
        errors: &str,
        memory_limit: Option<u64>,
        rename: Option<Renames>,
        columns: Option<Names>,
        progress: Option<bool>,
    ) -> Raised<Comparison> {
        let (a, b) = (self.core_trained()?, other.get().core_trained()?);
        let (how, notes) = a.read_options().joined(&b.read_options());
        say(py, &notes)?;
        let most_bytes = memory_limit.map(|limit| table_within(limit, HeldFor::Fitting));
        let table = Given::read(data, columns, &ReadOptions { most_bytes, ..how.with_names(rename) })?.table;
        let target_kind = word::<TargetKind>("target_kind", target_kind, TARGET_KINDS)?;
        let predictor = fitting_options(
            predictor_options,
            PredictorOptions { target_kind, n_epochs, n_networks, seed, ..Default::default() },
            &["target_kind", "n_epochs", "n_networks", "seed"],
        )?;
        let errors = cell_errors(errors)?;
        let Readable { table, unreadable } = py.detach(|| a.readable_to_compare(&b, &table, errors))?;
        warn_of_unreadable(py, a.name(), &unreadable)?;
        let options = CompareOptions { predictor, cross_fit };
        let found = run(py, "compare", progress, &StopToken::default(), |sink| {
            a.compare(&b, &table, target, &options, sink)
        })?
        .whole()?;
        Ok(Comparison { found })
    }

    /// The part of each row, `[n_rows]`: `train`, `valid` or `test`. A row of which cells were changed since keeps
    /// its part as long as the space remembers half of its columns; `known_rows` says which rows it has seen.
    /// `errors` and `rename` as for `embed`.
    ///
    /// >>> parts = space.split(early)
    /// >>> parts.shape, sorted(set(parts.tolist()))
    /// ((1000,), ['test', 'train', 'valid'])
    /// >>> held_out = early[space.split(early) == "test"]
    #[pyo3(signature = (data, *, errors = "error", rename = None, columns = None))]
    fn split<'py>(
        &self,
        py: Python<'py>,
        data: &Bound<'py, PyAny>,
        errors: &str,
        rename: Option<Renames>,
        columns: Option<Names>,
    ) -> Raised<Bound<'py, PyAny>> {
        let rows = self.row_parts(py, data, errors, rename, columns)?;
        text_array(py, rows.parts.iter().map(|part| part.word()))
    }

    /// How the space knows each row, `[n_rows]`: `whole`, `changed` (half of its columns are as they were) or `new`.
    /// Where the space remembers no rows, that is an error. `errors` and `rename` as for `embed`.
    ///
    /// >>> shouted = early.assign(purpose=early["purpose"].str.upper())
    /// >>> set(space.known_rows(early).tolist()), set(space.known_rows(shouted).tolist())
    /// ({'whole'}, {'changed'})
    #[pyo3(signature = (data, *, errors = "error", rename = None, columns = None))]
    fn known_rows<'py>(
        &self,
        py: Python<'py>,
        data: &Bound<'py, PyAny>,
        errors: &str,
        rename: Option<Renames>,
        columns: Option<Names>,
    ) -> Raised<Bound<'py, PyAny>> {
        let rows = self.row_parts(py, data, errors, rename, columns)?;
        text_array(py, rows.known_or_none(self.core().name())?.iter().map(|known| known.word()))
    }
}

/// An array of text.
fn text_array<'py, 't>(py: Python<'py>, words: impl Iterator<Item = &'t str>) -> Raised<Bound<'py, PyAny>> {
    Ok(py.import("numpy")?.call_method1("array", (words.collect::<Vec<_>>(),))?)
}
