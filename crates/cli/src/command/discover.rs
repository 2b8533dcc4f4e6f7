//! `discover`: search features that help to predict a target.

use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;
use tabgraft_model::{DiscoverOptions, EmbeddingSpace, discover};
use tabgraft_table::feature::history::{Guide, Run, Verdict};

use crate::answer::Answer;
use crate::arguments::{PredictorArgs, ReadArgs};
use crate::console::Console;
use crate::failure::Failure;
use crate::interrupt;
use crate::report::{Grid, Report, names};

/// Search features, new columns made from old ones, that help to predict a target.
///
/// Ratios, differences, bins, crosses, group statistics and the like are proposed and ranked on
/// some rows; the best are judged on others. *Suggested* are always the best few, so that you can
/// try them. *Recommended* are those that proved better on the judging rows after correction for
/// all that were tried; often there are none. The space's test rows are not looked at.
///
/// Reads SPACE and TABLE; into the folder --out-dir writes suggested_features.json, which `apply`
/// and `extend` read, and adds the run to feature_suggestion_history.json and
/// feature_effectiveness.json. Prints what was judged.
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
    /// Seconds for judging; candidates not reached stay unjudged
    #[arg(long, value_name = "SECONDS", default_value_t = DiscoverOptions::default().budget_s)]
    budget: f64,
    /// Largest false discovery rate of a recommendation, above 0 below 1
    #[arg(long, value_name = "RATE", default_value_t = DiscoverOptions::default().level)]
    level: f64,
    #[command(flatten)]
    predictor: PredictorArgs,
    #[command(flatten)]
    read: ReadArgs,
}

/// What `discover` reports.
#[derive(Debug, Serialize)]
struct DiscoverReport<'a> {
    folder: &'a Path,
    suggested: Vec<String>,
    recommended: Vec<String>,
    seconds: f64,
    run: &'a Run,
}

impl DiscoverArgs {
    /// As the core takes them; the seed is the predictor's.
    fn options(&self) -> DiscoverOptions {
        let predictor = self.predictor.options();
        DiscoverOptions {
            n_suggested: self.n_suggested,
            n_judged: self.n_judged,
            max_candidates: self.max_candidates,
            budget_s: self.budget,
            level: self.level,
            guide: Guide::Predictor,
            seed: predictor.seed,
            predictor,
        }
    }

    /// Searches, writes, reports.
    pub fn run(&self, console: &Console) -> Result<Answer, Failure> {
        let space = EmbeddingSpace::load(&self.space)?;
        let table = self.read.table(&self.table)?;
        let mut progress = console.progress("discovery");
        let found = discover(&space, &table, &self.target, &self.options(), &mut |event| progress.on(event))?;
        drop(progress);
        found.write(&self.out_dir)?;
        let n_left = found.run.suggestions.iter().filter(|s| s.judgement.is_none()).count();
        if n_left > 0 {
            let why = match interrupt::requested() {
                true => "interrupted".to_owned(),
                false => format!("the budget of {} s is spent; give a larger `--budget`", self.budget),
            };
            console.note(&format!("{n_left} candidate(s) not judged: {why}"));
        }
        let names = |features: Vec<tabgraft_table::feature::Feature>| {
            features.into_iter().map(|f| f.name).collect::<Vec<_>>()
        };
        console.report(&DiscoverReport {
            folder: &self.out_dir,
            suggested: names(found.suggested()),
            recommended: names(found.recommended()),
            seconds: found.seconds,
            run: &found.run,
        })?;
        Ok(Answer::Yes)
    }
}

impl Report for DiscoverReport<'_> {
    fn text(&self) -> String {
        let run = self.run;
        let mut grid = Grid::new(["feature", &run.metric, "95 % interval", "p adjusted", "verdict", ""]);
        for s in &run.suggestions {
            let figures = match s.judgement {
                Some(j) => [
                    format!("{:+.4}", j.effect),
                    format!("{:+.4} to {:+.4}", j.interval[0], j.interval[1]),
                    format!("{:.3}", j.p_adjusted),
                    verdict_text(j.verdict).to_owned(),
                ],
                None => ["-", "-", "-", "not judged"].map(str::to_owned),
            };
            let [effect, interval, p_adjusted, verdict] = figures;
            grid.row([
                s.name.clone(),
                effect,
                interval,
                p_adjusted,
                verdict,
                if s.suggested { "suggested" } else { "" }.to_owned(),
            ]);
        }
        format!(
            "{} features for `{}` tried on {} rows, {} of the best {} judged on {} other rows in {:.1} s\n{}\
             suggested: {}\nrecommended: {}\nwritten to `{}`\n",
            run.n_candidates,
            run.target,
            run.n_discovery_rows,
            run.suggestions.iter().filter(|s| s.judgement.is_some()).count(),
            run.suggestions.len(),
            run.n_judging_rows,
            self.seconds,
            grid.text(),
            names(&self.suggested),
            names(&self.recommended),
            self.folder.display()
        )
    }
}

fn verdict_text(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Proven => "proven",
        Verdict::Unproven => "unproven",
        Verdict::Harmful => "harmful",
    }
}
