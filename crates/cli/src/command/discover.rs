//! `discover`: search features that help to predict a target.

use std::path::{Path, PathBuf};

use clap::Args;
use tabgraft_model::discover::{check_folder, discover};
use tabgraft_model::{DiscoverOptions, Discovery, EmbeddingSpace};

use crate::answer::Answer;
use crate::arguments::{CourtArgs, ReadArgs};
use crate::console::Console;
use crate::failure::Failure;
use crate::report::RunReport;

/// Search features, new columns made from old ones, that help to predict a target.
///
/// Ratios, differences, bins, crosses, group statistics and the like are proposed and ranked on
/// some rows by what the guide leaves unexplained; the best are judged on others. *Suggested* are
/// the best few that were not seen to hurt, so that you can try them. *Recommended* are those that proved better on the
/// judging rows after correction for all that were judged, that add to each other, and that the
/// refitted predictor confirms; with the guide `linear`, which nothing confirms, after correction for all that
/// were tried. Often there are none. *Unconfirmed* are those that passed but for
/// which the budget left no time to be confirmed. Shuffled copies are judged beside them and
/// must not pass. What tells the target by itself is flagged. The space's test rows are not looked at.
///
/// Reads SPACE and TABLE; into the folder --out-dir writes suggested_features.json, which `apply`
/// and `extend` read, and adds the run to feature_suggestion_history.json and
/// feature_effectiveness.json. Prints what was judged. Ctrl-C or SIGTERM ends the search: what was found until
/// then is written, but replaces no older suggested_features.json, and the exit code is 3.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  tabgraft discover v1.tabgraft german_credit.csv --target default --out-dir features
  tabgraft apply features/suggested_features.json german_credit.csv > enriched.csv")]
pub struct DiscoverArgs {
    /// The embedding space
    space: PathBuf,
    /// The table with the target
    table: PathBuf,
    /// The column to predict
    #[arg(long, value_name = "COLUMN")]
    target: String,
    /// The folder to write to; it is made if need be
    #[arg(long, value_name = "FOLDER")]
    out_dir: PathBuf,
    /// Candidates that are suggested, proven or not, at least 1
    #[arg(long, value_name = "N", default_value_t = DiscoverOptions::default().n_suggested)]
    n_suggested: usize,
    /// Candidates that are judged, the best of the ranking
    #[arg(long, value_name = "N", default_value_t = DiscoverOptions::default().n_judged)]
    n_judged: usize,
    /// Most candidates that are proposed
    #[arg(long, value_name = "N", default_value_t = DiscoverOptions::default().max_candidates)]
    max_candidates: usize,
    #[command(flatten)]
    court: CourtArgs,
    #[command(flatten)]
    read: ReadArgs,
}

impl DiscoverArgs {
    /// As the core takes them.
    fn options(&self) -> DiscoverOptions {
        DiscoverOptions {
            n_suggested: self.n_suggested,
            n_judged: self.n_judged,
            max_candidates: self.max_candidates,
            ..self.court.options()
        }
    }

    /// Searches, writes, reports.
    pub fn run(&self, console: &Console) -> Result<Answer, Failure> {
        check_folder(&self.out_dir)?;
        let space = EmbeddingSpace::load(&self.space)?;
        let table = self.read.table_like(&self.table, &space.read_options(), console)?;
        let mut progress = console.progress("discovery");
        let found = discover(&space, &table, &self.target, &self.options(), &mut |event| progress.on(event))?;
        drop(progress);
        conclude(&found, Some(&self.out_dir), self.court.budget, Answer::Yes, console)
    }
}

/// Writes a run to `folder`, reports it and answers. The report comes even where the run cannot be written.
pub fn conclude(
    found: &Discovery,
    folder: Option<&Path>,
    budget: f64,
    finished: Answer,
    console: &Console,
) -> Result<Answer, Failure> {
    let written = folder.map_or(Ok(()), |folder| found.write(folder));
    let n_left = found.run.suggestions.iter().filter(|s| s.judgement.is_none()).count();
    let why = match found.interrupted {
        true => "interrupted".to_owned(),
        false => format!("the budget of {budget} s is spent; give a larger `--budget`"),
    };
    if n_left > 0 {
        console.note(&format!("{n_left} candidate(s) not judged: {why}"));
    }
    let n_unconfirmed = found.run.unconfirmed().len();
    if n_unconfirmed > 0 {
        console.note(&format!("{n_unconfirmed} candidate(s) unconfirmed: {why}"));
    }
    let told = console.report(&RunReport::new(found, folder.filter(|_| written.is_ok())));
    written?;
    told.map(|()| if found.interrupted { Answer::Interrupted } else { finished })
}
