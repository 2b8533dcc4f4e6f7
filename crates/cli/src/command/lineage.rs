//! `lineage`: the family of a folder of models.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use tabgraft_model::Lineage;
use tabgraft_model::lineage::PredictorRow;
use tabgraft_table::write_whole;

use crate::answer::Answer;
use crate::console::Console;
use crate::failure::Failure;
use crate::output::check_out;
use crate::report::{Grid, Report, names};

/// Draw the family of a folder of models: which version came from which, and how.
///
/// Reads the headers of all spaces and predictors below PATH, or of the one file there. Versions are
/// told by their content, so files may be renamed, moved and copied; ancestors whose files are
/// elsewhere are shown as far as their descendants remember them.
///
/// Prints a tree: name, how the version came about, the first digits of its id, its files. With
/// `--format json`: nodes and edges. With --predictors: which predictor was trained on which version of
/// a space, with which engineered columns.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  tabgraft lineage models
  tabgraft lineage models --svg family.svg
  tabgraft lineage models --predictors")]
pub struct LineageArgs {
    /// A folder of models, or one file
    path: PathBuf,
    /// Show the predictors as a table: on which space, with which features, how good
    #[arg(long)]
    predictors: bool,
    /// Also draw the family into this file
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

/// What `lineage --predictors` reports.
#[derive(Debug, Serialize)]
struct PredictorsReport {
    predictors: Vec<PredictorRow>,
}

impl LineageArgs {
    /// Reads, reports, draws.
    pub fn run(&self, console: &Console) -> Result<Answer, Failure> {
        let lineage = Lineage::read(&self.path)?;
        if let Some(path) = &self.svg {
            let folder =
                if self.path.is_dir() { &self.path } else { self.path.parent().unwrap_or(&self.path) };
            let read = lineage.nodes.iter().flat_map(|node| &node.paths).map(|file| folder.join(file));
            let read: Vec<PathBuf> = read.collect();
            check_out(path, &read.iter().map(PathBuf::as_path).collect::<Vec<_>>())?;
        }
        let drawn = self.svg.as_ref().map_or(Ok(()), |path| {
            write_whole(path, |mut file| {
                file.write_all(lineage.svg().as_bytes())
                    .map_err(|e| tabgraft_model::Error::io(path, "write", e))
            })
        });
        if self.predictors {
            for file in &lineage.unreadable {
                console.note(&format!("not read: {}", file.reason));
            }
            console.report(&PredictorsReport { predictors: lineage.predictors() })?;
        } else {
            console.report(&lineage)?;
        }
        drawn?;
        Ok(Answer::Yes)
    }
}

impl Report for Lineage {
    fn text(&self) -> String {
        match self.nodes.is_empty() && self.unreadable.is_empty() {
            true => "no models here\n".to_owned(),
            false => self.tree(),
        }
    }
}

impl Report for PredictorsReport {
    fn text(&self) -> String {
        if self.predictors.is_empty() {
            return "no predictors here\n".to_owned();
        }
        let mut grid =
            Grid::new(["predictor", "target", "space", "version", "columns", "features", "score", "file"]);
        for row in &self.predictors {
            let score = row.score.map(|s| format!("{} {:.4}", s.metric.words(), s.value));
            grid.row([
                row.name.clone(),
                row.target.clone(),
                row.space.clone(),
                row.space_id.short().to_owned(),
                row.n_columns.to_string(),
                names(&row.features),
                score.unwrap_or_else(|| "-".to_owned()),
                row.paths.iter().map(|p| p.display().to_string()).collect::<Vec<_>>().join(", "),
            ]);
        }
        grid.text()
    }
}
