//! `card`: what a model is, for people and for model hubs.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use tabgraft_model::ModelFile;
use tabgraft_model::card::ModelCard;
use tabgraft_table::write_whole;

use crate::answer::Answer;
use crate::console::{Console, Format};
use crate::failure::Failure;
use crate::output::check_out;
use crate::report::Report;

/// Write the card of a space or a predictor: data, columns, training, scores, lineage, limits.
///
/// Markdown with the metadata in front that model hubs read (`base_model` is what it came from); with `--format json`
/// all of it as JSON, whose schema is docs/schema/model_card.schema.json. Everything comes out of the file, and a card that
/// contradicts itself is refused.
///
/// Reads FILE; writes to stdout, or to --out.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  tabgraft card credit.tabgraft -o README.md --base-model acme/loans
  tabgraft card credit.tabgraft --format json")]
pub struct CardArgs {
    /// A space or a predictor
    file: PathBuf,
    /// Write here and not to stdout
    #[arg(long, short, value_name = "FILE")]
    out: Option<PathBuf>,
    /// What the hub calls the model that this one came from; may be repeated [default: its own name]
    #[arg(long, value_name = "NAME")]
    base_model: Vec<String>,
}

/// What `card` reports.
#[derive(Debug, Serialize)]
struct CardReport {
    #[serde(flatten)]
    card: ModelCard,
    #[serde(skip)]
    markdown: String,
}

impl CardArgs {
    /// Loads, writes.
    pub fn run(&self, console: &Console) -> Result<Answer, Failure> {
        if let Some(out) = &self.out {
            check_out(out, &[&self.file])?;
        }
        let card = ModelCard::of_model(&ModelFile::load(&self.file)?)?;
        let report = CardReport { markdown: card.markdown(&self.base_model), card };
        let Some(out) = &self.out else {
            console.report(&report)?;
            return Ok(Answer::Yes);
        };
        let text = match console.format() {
            Format::Text => report.markdown,
            Format::Json => serde_json::to_string_pretty(&report)? + "\n",
        };
        write_whole(out, |mut file| {
            file.write_all(text.as_bytes()).map_err(|e| tabgraft_model::Error::io(out, "write", e))
        })?;
        Ok(Answer::Yes)
    }
}

impl Report for CardReport {
    fn text(&self) -> String {
        self.markdown.clone()
    }
}
