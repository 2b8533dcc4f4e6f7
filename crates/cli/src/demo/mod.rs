//! `demo`: the whole story on a built-in table. Train, graft late columns, search features and graft them, compare with
//! training anew, check the promises, search a table in which something was planted, leave files and a report.
//!
//! Every number and every verdict is measured on the spot; nothing is known beforehand.

mod planted;
mod stage;
mod story;
mod text;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use serde::Serialize;
use tabgraft_model::error::{Error, Result};
use tabgraft_model::report::Story;
use tabgraft_model::space::SoftwareVersion;
use tabgraft_model::train::Sink;
use tabgraft_table::{check_folder, write_whole};

use stage::Stage;

/// Show the whole story: 1,000 real loans, three runs, a made-up table, one report.
///
/// Trains an embedding space without three of the table's columns, grafts them as if they had been
/// delivered later, then searches features and grafts the suggested ones. Beside each
/// graft: other ways to the same columns, with their seconds and scores. All scores come from the
/// same held-out rows. The data is built in: German Credit, UCI, CC BY 4.0. A second table is made up, with an
/// effect planted in it, to show what a search for features does where there is something to find.
///
/// Reads nothing; writes spaces, predictors, feature files, demo.json and report.html into the
/// folder --out, over the files of an earlier demo. Prints the story and its tables.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Example:
  tabgraft demo --out tabgraft-demo
  tabgraft report tabgraft-demo/v1.tabgraft tabgraft-demo/v2.tabgraft -o graft.html")]
pub struct DemoArgs {
    /// The folder to write to; it is made if need be
    #[arg(long, value_name = "FOLDER", default_value = "tabgraft-demo")]
    pub out: PathBuf,
    /// Seed of the split, of weights and of the search
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
}

/// What the demo did and found; the content of `demo.json`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Demo {
    /// The software that ran it.
    pub software: SoftwareVersion,
    /// Seed of everything.
    pub seed: u64,
    /// The column that is predicted.
    pub target: String,
    /// Columns that were held back until the last run.
    pub late_columns: Vec<String>,
    /// Rows by their part, the same for every version.
    pub rows: Rows,
    /// Everything that the page shows.
    pub report: Story,
    /// Files that were written.
    pub files: Vec<WrittenFile>,
    /// Wall time of the demo, seconds.
    pub seconds: f64,
}

/// Numbers of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Rows {
    /// Learned from.
    pub n_train: usize,
    /// That decide when a space stops training; predictors learn from them too.
    pub n_valid: usize,
    /// That nothing learns from; all scores are of these.
    pub n_test: usize,
}

/// One file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WrittenFile {
    /// Where it is.
    pub path: PathBuf,
    /// What it holds.
    pub what: String,
}

/// Runs the demo. `say` gets the story, a line at a time and as it happens; `sink` gets events, and
/// may stop the demo.
///
/// # Errors
/// An io error if the folder cannot be written, an interrupted error if the sink said stop.
pub fn run(args: &DemoArgs, sink: &mut Sink<'_>, say: &mut dyn FnMut(&str)) -> Result<Demo> {
    let start = Instant::now();
    check_folder(&args.out)?;
    fs::create_dir_all(&args.out).map_err(|e| Error::io(&args.out, "create", e))?;
    let mut stage = Stage::new(args.seed, &args.out, sink, say);
    let told = story::tell(&mut stage)?;
    let mut files = stage.files;
    let mut demo = Demo {
        software: SoftwareVersion::current(),
        seed: args.seed,
        target: story::TARGET.to_owned(),
        late_columns: story::LATE.map(str::to_owned).to_vec(),
        rows: told.rows,
        report: told.report,
        files: Vec::new(),
        seconds: 0.0,
    };
    let (page, record) = (args.out.join("report.html"), args.out.join("demo.json"));
    write(&page, demo.report.html().as_bytes())?;
    files.push(WrittenFile { path: page, what: "the report; open it in a browser".to_owned() });
    files.push(WrittenFile { path: record.clone(), what: "every number of it".to_owned() });
    demo.files = files;
    demo.seconds = start.elapsed().as_secs_f64();
    let json = serde_json::to_vec_pretty(&demo)
        .map_err(|e| Error::value(format!("the demo cannot be written as JSON: {e}")))?;
    write(&record, &json)?;
    Ok(demo)
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    write_whole(path, |mut file| file.write_all(bytes).map_err(|e| Error::io(path, "write", e)))
}
