//! `inspect`: what a file holds.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use tabgraft_feature::Feature;
use tabgraft_feature::engineer::FORMAT_VERSION;
use tabgraft_model::EmbeddingSpace;
use tabgraft_model::Predictor;
use tabgraft_model::predictor::PredictorCard;
use tabgraft_model::space::{ExtensionMetadata, Hashes, SpaceCard};
use tabgraft_model::train::StopReason;
use tabgraft_table::schema::{ColumnSpec, ExcludedColumn};

use crate::answer::Answer;
use crate::console::Console;
use crate::failure::Failure;
use crate::report::{Grid, Report, SchemaReport, line, lineage_text, number, scores_text, threshold_text};
use tabgraft_model::ModelFile;

/// Show what the file of a space or a predictor holds.
///
/// Without a flag: a card with sizes, losses, times and, for a predictor, its scores. With
/// `--format json` the card is complete, every epoch included.
///
/// Reads FILE; writes to stdout. Of a predictor, schema, lineage and features are those of the space
/// that it was fitted on.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  tabgraft inspect v2.tabgraft --lineage
  tabgraft inspect v2.tabgraft --features --format json > features.json   # `apply` reads it")]
pub struct InspectArgs {
    /// A space or a predictor
    file: PathBuf,
    /// Show the columns: used ones with kind and reason, those left out
    #[arg(long, group = "what")]
    schema: bool,
    /// Show the ancestors: grafts, hashes, drift
    #[arg(long, group = "what")]
    lineage: bool,
    /// Show the engineered columns
    #[arg(long, group = "what")]
    features: bool,
}

/// What `inspect --lineage` reports.
#[derive(Debug, Serialize)]
struct LineageReport {
    name: String,
    hashes: Hashes,
    extensions: Vec<ExtensionMetadata>,
}

/// What `inspect --features` reports: a file of features.
#[derive(Debug, Serialize)]
struct FeaturesReport<'a> {
    format_version: u32,
    features: &'a [Feature],
}

impl InspectArgs {
    /// Loads, reports.
    pub fn run(&self, console: &Console) -> Result<Answer, Failure> {
        match ModelFile::load(&self.file)? {
            ModelFile::Space(space) => self.space(&space, console)?,
            ModelFile::Predictor(predictor) => self.predictor(&predictor, console)?,
        }
        Ok(Answer::Yes)
    }

    fn space(&self, space: &EmbeddingSpace, console: &Console) -> Result<(), Failure> {
        if self.schema || self.lineage || self.features {
            self.part(space.card(), space.features(), console)
        } else {
            console.report(&space.card())
        }
    }

    fn predictor(&self, predictor: &Predictor, console: &Console) -> Result<(), Failure> {
        if self.schema || self.lineage || self.features {
            self.part(predictor.card().space, predictor.features(), console)
        } else {
            console.report(&predictor.card())
        }
    }

    fn part(&self, card: SpaceCard, features: &[Feature], console: &Console) -> Result<(), Failure> {
        if self.schema {
            let SpaceCard { columns, excluded, notes, .. } = card;
            console.report(&SchemaReport { columns, excluded, notes })
        } else if self.lineage {
            let SpaceCard { name, hashes, extensions, .. } = card;
            console.report(&LineageReport { name, hashes, extensions })
        } else {
            console.report(&FeaturesReport { format_version: FORMAT_VERSION, features })
        }
    }
}

/// Classes of a target that are shown by name.
const MOST_CLASSES: usize = 12;

impl Report for SpaceCard {
    fn text(&self) -> String {
        let info = &self.training_info;
        let mut grid = Grid::new(["embedding space", &self.name]);
        let mut line = |name: &str, value: String| grid.row([name.to_owned(), value]);
        line("trained", format!("{} by tabgraft {}", self.created, self.software));
        line("coordinates", self.d_model.to_string());
        line("columns", used_and_left_out(&self.columns, &self.excluded));
        line("engineered columns", self.features.len().to_string());
        line("grafts", self.extensions.len().to_string());
        if !self.refused_extensions.is_empty() {
            let refused: Vec<&str> = self.refused_extensions.iter().map(|r| r.name.as_str()).collect();
            line("refused, as worse", refused.join(", "));
        }
        line("rows", format!("{} learned from, {} to validate", info.n_rows_train, info.n_rows_valid));
        line("epochs", format!("{}, the best was {}", info.epochs.len(), info.best_epoch));
        if info.stop_reason == StopReason::Interrupted {
            line("stopped early", "by a signal or Ctrl-C: this is the best state until then".to_owned());
        }
        line("validation loss", number(info.final_validation_loss));
        line("of new columns", number(info.new_columns_validation_loss));
        line("seconds", format!("{:.1}", info.seconds));
        line("weights", self.n_weights.to_string());
        line("weights hash", self.hashes.weights.clone());
        line("id", self.hashes.id().to_string());
        let mut text = grid.text();
        for note in &self.notes {
            text += &line!("  note: {note}");
        }
        text
    }
}

impl Report for PredictorCard {
    fn text(&self) -> String {
        let mut grid = Grid::new(["predictor", &self.name]);
        let mut line = |name: &str, value: String| grid.row([name.to_owned(), value]);
        line("fitted", format!("{} by tabgraft {}", self.created, self.software));
        line("target", format!("{} ({})", self.target.column(), self.target.task().name()));
        if !self.target.classes().is_empty() {
            let classes = self.target.classes();
            let more = classes.len().saturating_sub(MOST_CLASSES);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            line("classes", classes[..classes.len().min(MOST_CLASSES)].join(", ") + &more);
        }
        line("space", self.space.name.clone());
        line("space's weights hash", self.space.hashes.weights.clone());
        line("space's id", self.space.hashes.id().to_string());
        line("columns", used_and_left_out(&self.space.columns, &self.space.excluded));
        for (i, learners) in self.learners().split("; ").enumerate() {
            line(if i == 0 { "learners" } else { "" }, learners.to_owned());
        }
        if let Some(growth) = &self.growth {
            line("grew from", format!("{} on {}", growth.base, growth.base_space));
            line("its id", growth.base_id.clone());
        }
        if !self.refused_growths.is_empty() {
            let refused: Vec<&str> = self.refused_growths.iter().map(|r| r.name.as_str()).collect();
            line("refused, as worse", refused.join(", "));
        }
        match &self.chosen_threshold {
            Some(chosen) => line("threshold", threshold_text(chosen)),
            None => self.threshold.iter().for_each(|at| line("threshold", at.to_string())),
        }
        if let Some(n) = self.n_rows_of_intervals {
            line("intervals", format!("by {n} held-out rows"));
        }
        line("rows", format!("{} learned from, {} to test", self.fit_info.n_rows, self.fit_info.n_rows_test));
        if self.fit_info.interrupted {
            line("stopped early", "by a signal or Ctrl-C: this is the best state until then".to_owned());
        }
        line("seconds", format!("{:.1}", self.fit_info.seconds));
        grid.text() + &scores_text(&self.fit_info.scores)
    }
}

fn used_and_left_out(columns: &[ColumnSpec], excluded: &[ExcludedColumn]) -> String {
    format!("{} used, {} left out", columns.len(), excluded.len())
}

impl Report for SchemaReport {
    fn text(&self) -> String {
        let mut text = SchemaReport::text(self);
        for note in &self.notes {
            text += &line!("note: {note}");
        }
        text
    }
}

impl Report for LineageReport {
    fn text(&self) -> String {
        lineage_text(&self.name, &self.hashes, &self.extensions)
    }
}

impl Report for FeaturesReport<'_> {
    fn text(&self) -> String {
        if self.features.is_empty() {
            return "no engineered columns\n".to_owned();
        }
        let mut grid = Grid::new(["feature", "made by", "because"]);
        for feature in self.features {
            let made_by = feature.definition.to_string();
            grid.row([feature.name.clone(), made_by, feature.reason.clone()]);
        }
        grid.text()
    }
}
