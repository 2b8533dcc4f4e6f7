//! `Report`: what there is to know of a model, as a page or as facts.

use pyo3::prelude::*;
use tabgraft_model::report::ReportOptions;
use tabgraft_model::{Error, ModelFile};
use tabgraft_table::write_whole;

use crate::convert::{Names, Renames, document};
use crate::error::Raised;
use crate::frame::{Given, say};
use crate::predictor::Predictor;
use crate::run::{StopToken, run};
use crate::space::EmbeddingSpace;

/// What there is to know of a model on one page that needs no other file and no network: what
/// `EmbeddingSpace.report` and `Predictor.report` give. In a notebook it shows itself.
///
/// >>> page = child.report()
/// >>> page.headline[0]
/// 'v2 is an embedding space of 20 columns: one vector of ... numbers per row.'
#[pyclass(frozen, module = "tabgraft")]
pub struct Report {
    report: tabgraft_model::report::Report,
}

#[pymethods]
impl Report {
    /// A report of a folder or registry of models: who comes from whom, which version is current, whether all verify.
    ///
    /// >>> space.save("v1.tabgraft")
    /// >>> tabgraft.Report.of_folder(folder).headline[0].startswith("The folder ")
    /// True
    #[staticmethod]
    fn of_folder(py: Python<'_>, path: &Bound<'_, PyAny>) -> Raised<Self> {
        let path = crate::convert::path(path)?;
        Ok(Report { report: py.detach(|| tabgraft_model::report::Report::of_folder(&path))? })
    }

    /// A report of what searches for features found: of the folder that `Discovery.write` fills, or one of its files.
    ///
    /// >>> found.write(folder)
    /// >>> tabgraft.Report.of_features(folder / "feature_suggestion_history.json").headline[0]
    /// 'The newest search, for target, ...'
    #[staticmethod]
    fn of_features(py: Python<'_>, path: &Bound<'_, PyAny>) -> Raised<Self> {
        let path = crate::convert::path(path)?;
        Ok(Report { report: py.detach(|| tabgraft_model::report::Report::of_features(&path))? })
    }

    /// The page: one file of HTML with its style, its script and its drawings.
    ///
    /// >>> child.report().html.startswith("<!DOCTYPE html>")
    /// True
    #[getter]
    fn html(&self) -> String {
        self.report.html()
    }

    /// What there is to know first, a sentence each.
    ///
    /// >>> child.report().headline[-1]
    /// 'It verifies: its content bears out every hash that it gives of itself.'
    #[getter]
    fn headline(&self) -> Vec<String> {
        self.report.headline.clone()
    }

    /// Writes the page to a file, whole or not at all; the path may end in anything.
    ///
    /// >>> predictor.report(early).save("report.html")
    fn save(&self, py: Python<'_>, path: &Bound<'_, PyAny>) -> Raised<()> {
        let path = crate::convert::path(path)?;
        Ok(py.detach(|| {
            write_whole(&path, |mut file| {
                std::io::Write::write_all(&mut file, self.report.html().as_bytes())
                    .map_err(|e| Error::io(&path, "write", e))
            })
        })?)
    }

    /// The facts of the page as a dictionary, whose schema is `docs/schema/report.schema.json`.
    ///
    /// >>> child.report().to_dict()["models"][0]["steps"][0]["columns_added"]
    /// ['checking_status', 'credit_history', 'savings_status']
    fn to_dict<'py>(&self, py: Python<'py>) -> Raised<Bound<'py, PyAny>> {
        Ok(document(py, &self.report)?)
    }

    /// The same as JSON, as `tabgraft report --format json` writes it.
    ///
    /// >>> import json
    /// >>> json.loads(child.report().to_json())["kind"]
    /// 'embedding_space'
    fn to_json(&self) -> Raised<String> {
        Ok(self.report.json()?)
    }

    /// The page in a frame of its own, so that its style stays there.
    fn _repr_html_(&self) -> String {
        let page = self.report.html().replace('&', "&amp;").replace('"', "&quot;");
        format!(
            "<iframe title=\"Report\" sandbox=\"allow-scripts\" srcdoc=\"{page}\" \
             style=\"width:100%;height:40rem;border:0\"></iframe>"
        )
    }

    fn __repr__(&self) -> String {
        format!("Report({})", self.report.headline.join(" "))
    }
}

/// What is asked for, of one model or of two.
struct Asked<'a, 'py> {
    before: Option<ModelFile>,
    own: ModelFile,
    data: Option<&'a Bound<'py, PyAny>>,
    columns: Option<Names>,
    rename: Option<Renames>,
    options: ReportOptions,
    progress: Option<bool>,
}

impl Asked<'_, '_> {
    fn report(self, py: Python<'_>) -> Raised<Report> {
        let Asked { before, own, data, columns, rename, options, progress } = self;
        let how = match &before {
            None => own.read_options(),
            Some(before) => {
                let (how, notes) = before.read_options().joined(&own.read_options());
                say(py, &notes)?;
                how
            }
        };
        let how = how.with_names(rename);
        let table = data.map(|data| Given::read(data, columns, &how)).transpose()?.map(|given| given.table);
        let report = run(py, "report", progress, &StopToken::default(), |sink| match &before {
            Some(before) => {
                tabgraft_model::report::Report::of_pair(before, &own, table.as_ref(), &options, sink)
            }
            None => tabgraft_model::report::Report::of_model(&own, table.as_ref(), &options, sink),
        })?
        .whole()?;
        Ok(Report { report })
    }
}

#[pymethods]
impl EmbeddingSpace {
    /// What there is to know of the space on one page: columns and why others are left out, training, lineage, limits.
    /// With `data`, also what each column is worth to the others, or to `target`, a column that the space has ignored, and
    /// a map of the rows by their vectors, coloured by `colour_by` (by default `target`, or a column of few values). Of more than `max_rows` rows a sample is looked at, and the page
    /// says so. `seed` is that of the sample, of orders and of resampled intervals; `rename` as for `embed`.
    ///
    /// With `before`, another space, such as the parent, the page is of both: what came, what it cost, and with `data`
    /// and `target` which one is better, by predictors fitted alike on both.
    ///
    /// >>> page = child.report(credit, colour_by="target")
    /// >>> page.to_dict()["models"][0]["map"]["coloured_by"]
    /// 'target'
    /// >>> child.report(before=space).headline[0]
    /// 'v2 comes from v1 and has 3 more columns (checking_status, credit_history, savings_status); every old ...'
    #[pyo3(signature = (data = None, *, before = None, target = None, colour_by = None, max_rows = 20_000, seed = 0,
        rename = None, columns = None, progress = None))]
    #[allow(clippy::too_many_arguments)]
    fn report(
        &self,
        py: Python<'_>,
        data: Option<&Bound<'_, PyAny>>,
        before: Option<&Bound<'_, EmbeddingSpace>>,
        target: Option<String>,
        colour_by: Option<String>,
        max_rows: usize,
        seed: u64,
        rename: Option<Renames>,
        columns: Option<Names>,
        progress: Option<bool>,
    ) -> Raised<Report> {
        let model = |space: &EmbeddingSpace| -> Raised<ModelFile> {
            Ok(ModelFile::Space(Box::new((*space.core_trained()?).clone())))
        };
        let before = before.map(|before| model(before.get())).transpose()?;
        let options = ReportOptions { colour_by, target, max_rows, seed };
        Asked { before, own: model(self)?, data, columns, rename, options, progress }.report(py)
    }
}

#[pymethods]
impl Predictor {
    /// What there is to know of the predictor on one page: scores, columns, lineage, limits. With `data` that has the
    /// target, also scores, calibration and thresholds on rows that it has not learned from, and what each column gave to
    /// its predictions. `max_rows`, `seed` and `rename` as for `EmbeddingSpace.report`.
    ///
    /// With `before`, another predictor of the same target, the page is of both, and says which one is better on `data`.
    ///
    /// >>> page = predictor.report(early)
    /// >>> page.headline[0].startswith("predictor predicts target: ROC AUC 0.")
    /// True
    #[pyo3(signature = (data = None, *, before = None, max_rows = 20_000, seed = 0, rename = None, columns = None,
        progress = None))]
    #[allow(clippy::too_many_arguments)]
    fn report(
        &self,
        py: Python<'_>,
        data: Option<&Bound<'_, PyAny>>,
        before: Option<&Bound<'_, Predictor>>,
        max_rows: usize,
        seed: u64,
        rename: Option<Renames>,
        columns: Option<Names>,
        progress: Option<bool>,
    ) -> Raised<Report> {
        let model = |predictor: &Predictor| ModelFile::Predictor(Box::new((*predictor.core).clone()));
        let options = ReportOptions { max_rows, seed, ..ReportOptions::default() };
        let before = before.map(|before| model(before.get()));
        Asked { before, own: model(self), data, columns, rename, options, progress }.report(py)
    }
}
