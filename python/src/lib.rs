//! The Python door: native classes over the two libraries. No algorithm lives here.
//!
//! ```text
//! frame in ─► Table ─► run (own thread; events ─► bar, logging, Ctrl-C) ─► class ─► numpy or frame out
//! ```

// Docstrings are Python's: a line under `>>>` is what an example shows, not a quote that goes on.
#![allow(clippy::doc_lazy_continuation)]

mod card;
mod comparison;
mod convert;
mod data_set;
mod discovery;
mod effectiveness;
mod error;
mod explanation;
mod feature;
mod filled;
mod frame;
mod html;
mod lineage;
mod listing;
mod odd;
mod predictions;
mod predictor;
mod progress;
mod registry;
mod relay;
mod report;
mod row_index;
mod run;
mod simple_mlp;
mod single_predictor;
mod space;
mod warnings;
mod watched;
mod workers;

use pyo3::prelude::*;
use tabgraft_table::threads::set_threads;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Grow a trained tabular embedding space by grafting new columns onto it.
#[pymodule(gil_used = true)]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    // What programs that share work out with rayon go by; the core reads no environment.
    let n_threads = std::env::var("RAYON_NUM_THREADS").ok().and_then(|n| n.parse().ok());
    set_threads(n_threads.unwrap_or(0));
    error::add_exceptions(module)?;
    module.add_class::<space::EmbeddingSpace>()?;
    module.add_class::<predictor::Predictor>()?;
    module.add_class::<predictions::Predictions>()?;
    module.add_class::<explanation::Explanation>()?;
    module.add_class::<comparison::Comparison>()?;
    module.add_class::<feature::FeatureEngineer>()?;
    module.add_class::<effectiveness::FeatureEffectivenessTracker>()?;
    module.add_class::<discovery::Discovery>()?;
    module.add_class::<frame::Frame>()?;
    module.add_class::<data_set::FeatrixInputDataSet>()?;
    module.add_class::<simple_mlp::SimpleMLP>()?;
    module.add_class::<single_predictor::SinglePredictor>()?;
    module.add_class::<run::StopToken>()?;
    module.add_class::<lineage::Lineage>()?;
    module.add_class::<registry::Registry>()?;
    module.add_class::<row_index::RowIndex>()?;
    module.add_class::<row_index::Neighbours>()?;
    module.add_class::<odd::Surprise>()?;
    module.add_class::<filled::Filled>()?;
    module.add_class::<watched::Watched>()?;
    module.add_class::<report::Report>()?;
    module.add_function(wrap_pyfunction!(discovery::discover, module)?)?;
    // For the estimators alone: no part of what the module exports.
    module.setattr("_n_weighted_rows", wrap_pyfunction!(predictor::n_weighted_rows, module)?)?;
    for (name, function) in [
        ("_scores_text", wrap_pyfunction!(html::_scores_text, module)?),
        ("_scores_html", wrap_pyfunction!(html::_scores_html, module)?),
        ("_document_html", wrap_pyfunction!(html::_document_html, module)?),
        ("_metric_words", wrap_pyfunction!(html::_metric_words, module)?),
    ] {
        module.setattr(name, function)?;
    }
    module.setattr("_relay", wrap_pyfunction!(relay::_relay, module)?)?;
    module.setattr("_spelling_note", wrap_pyfunction!(predictor::spelling_note, module)?)?;
    module.add_function(wrap_pyfunction!(frame::read_table_as, module)?)?;
    module.add_function(wrap_pyfunction!(space::verify, module)?)?;
    module.add_function(wrap_pyfunction!(lineage::lineage, module)?)?;
    Ok(())
}
