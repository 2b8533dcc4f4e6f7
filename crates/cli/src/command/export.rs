//! `export`: a model as a file that other programs run.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde::Serialize;
use tabgraft_model::ModelFile;
use tabgraft_model::export::{OnnxOptions, OnnxSummary, Rare, Texts};

use crate::answer::Answer;
use crate::console::Console;
use crate::failure::Failure;
use crate::output::check_out;
use crate::report::{Report, line, names};

/// Write a space or a predictor as one file that other programs run.
///
/// The graph of ONNX is given raw columns and computes features, vectors and predictions, without tabgraft.
/// Texts come as strings, numbers as float64, times as seconds since 1970 in UTC; a missing cell is the empty
/// string or NaN. What ONNX cannot compute is an error that names the column or the feature.
///
/// Reads FILE; writes to --onnx, and a report to stdout.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  tabgraft export churn.tabgraft --onnx churn.onnx")]
pub struct ExportArgs {
    /// A space or a predictor
    file: PathBuf,
    /// The file of ONNX to write to
    #[arg(long, value_name = "FILE")]
    onnx: PathBuf,
    /// What becomes of text columns, whose words ONNX cannot hash
    #[arg(long, value_enum, value_name = "WHAT", default_value_t)]
    texts: TextsFlag,
    /// What becomes of categories that share one code, of which the model keeps hashes
    #[arg(long, value_enum, value_name = "WHAT", default_value_t)]
    rare: RareFlag,
}

/// [`Texts`] as a flag.
#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum TextsFlag {
    /// They are an error that names them.
    #[default]
    Error,
    /// Their cells count as missing.
    Missing,
}

/// [`Rare`] as a flag.
#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum RareFlag {
    /// They are an error that names their columns.
    #[default]
    Error,
    /// They count as unseen.
    Unseen,
}

/// What `export` reports.
#[derive(Debug, Serialize)]
struct ExportReport {
    file: PathBuf,
    #[serde(flatten)]
    summary: OnnxSummary,
}

impl ExportArgs {
    /// Loads, writes, reports.
    pub fn run(&self, console: &Console) -> Result<Answer, Failure> {
        check_out(&self.onnx, &[&self.file])?;
        let options = OnnxOptions {
            texts: match self.texts {
                TextsFlag::Error => Texts::Error,
                TextsFlag::Missing => Texts::Missing,
            },
            rare: match self.rare {
                RareFlag::Error => Rare::Error,
                RareFlag::Unseen => Rare::Unseen,
            },
        };
        let summary = match ModelFile::load(&self.file)? {
            ModelFile::Space(space) => space.to_onnx(&self.onnx, &options)?,
            ModelFile::Predictor(predictor) => predictor.to_onnx(&self.onnx, &options)?,
        };
        console.report(&ExportReport { file: self.onnx.clone(), summary })?;
        Ok(Answer::Yes)
    }
}

impl Report for ExportReport {
    fn text(&self) -> String {
        let summary = &self.summary;
        let inputs: Vec<&str> = summary.inputs.iter().map(|input| input.name.as_str()).collect();
        let outputs: Vec<&str> = summary.outputs.iter().map(|output| output.name.as_str()).collect();
        let mut text = line!(
            "`{}` is in `{}`: {} bytes, opset {}, ai.onnx.ml {}",
            summary.name,
            self.file.display(),
            summary.n_bytes,
            summary.opset,
            summary.ml_opset
        );
        text += &line!("in:  {}", names(&inputs));
        text += &line!("out: {}", names(&outputs));
        summary.notes.iter().for_each(|note| text += &line!("note: {note}"));
        text
    }
}
