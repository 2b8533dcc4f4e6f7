//! A run of searching or judging features as text.

use std::path::Path;

use serde::Serialize;
use tabgraft_feature::Feature;
use tabgraft_model::Discovery;
use tabgraft_model::discover::remember::history::{FeatureVerdict, Origin, Run, Suggestion};
use tabgraft_model::metric::metric_words;

use super::{Grid, Report, line, names};

/// What `discover` and `judge` report.
#[derive(Debug, Serialize)]
pub struct RunReport<'a> {
    /// Where the run was written to.
    pub folder: Option<&'a Path>,
    suggested: Vec<String>,
    recommended: Vec<String>,
    unconfirmed: Vec<String>,
    seconds: f64,
    run: &'a Run,
}

impl<'a> RunReport<'a> {
    /// Of what was found, and written to `folder`.
    pub fn new(found: &'a Discovery, folder: Option<&'a Path>) -> Self {
        let names = |features: Vec<Feature>| features.into_iter().map(|f| f.name).collect();
        RunReport {
            folder,
            suggested: names(found.suggested()),
            recommended: names(found.recommended()),
            unconfirmed: found.run.unconfirmed(),
            seconds: found.seconds,
            run: &found.run,
        }
    }
}

impl Report for RunReport<'_> {
    fn text(&self) -> String {
        let run = self.run;
        let mut grid = Grid::new([
            "feature",
            metric_words(&run.metric),
            "95 % interval",
            "p adjusted",
            "refitted",
            "verdict",
            "",
        ]);
        for s in &run.suggestions {
            let [effect, interval, p_adjusted] = match s.judgement {
                Some(j) => [
                    format!("{:+.4}", j.effect),
                    format!("{:+.4} to {:+.4}", j.interval[0], j.interval[1]),
                    format!("{:.3}", j.p_adjusted),
                ],
                None => ["-", "-", "-"].map(str::to_owned),
            };
            let refitted = s.refit.map_or_else(
                || "-".to_owned(),
                |r| format!("{:+.4} ({:+.4} to {:+.4})", r.effect, r.interval[0], r.interval[1]),
            );
            let standing = match (s.recommended, s.suggested) {
                (true, _) => "recommended",
                (_, true) => "suggested",
                _ => "",
            };
            grid.row([
                s.name.clone(),
                effect,
                interval,
                p_adjusted,
                refitted,
                verdict_text(s),
                standing.to_owned(),
            ]);
        }
        let n_judged = run.suggestions.iter().filter(|s| s.judgement.is_some()).count();
        let head = match run.origin {
            Origin::Search => format!(
                "{} features for `{}` tried on {} rows, {n_judged} of the best {} judged on {} other rows",
                run.n_candidates,
                run.target,
                run.n_discovery_rows,
                run.suggestions.len(),
                run.n_judging_rows
            ),
            Origin::Given => format!(
                "{n_judged} of {} given features for `{}` judged on {} rows, after {} others",
                run.suggestions.len(),
                run.target,
                run.n_judging_rows,
                run.n_discovery_rows
            ),
        };
        let mut text = line!("{head}, guide {}, in {:.1} s", run.guide.name(), self.seconds) + &grid.text();
        if let Some(c) = run.controls {
            text += &line!(
                "controls: {} shuffled copies judged, {} below level {} before correction, {} passed",
                c.n_judged,
                c.n_below_level,
                run.level,
                c.n_passed
            );
        }
        for flagged in &run.flagged {
            text += &line!("flagged: `{}`: {}", flagged.name, flagged.reason);
        }
        if run.origin == Origin::Search {
            text += &line!("suggested: {}", names(&self.suggested));
        }
        text += &line!("recommended: {}", names(&self.recommended));
        if !self.unconfirmed.is_empty() {
            text += &line!("unconfirmed, for lack of time: {}", names(&self.unconfirmed));
        }
        if let Some(folder) = self.folder {
            text += &line!("written to `{}`", folder.display());
        }
        text
    }
}

fn verdict_text(s: &Suggestion) -> String {
    let Some(judgement) = s.judgement else { return "not judged".to_owned() };
    match judgement.verdict {
        FeatureVerdict::Proven if s.redundant_with.is_empty() => "proven".to_owned(),
        FeatureVerdict::Proven => format!("proven, but tells the same as {}", names(&s.redundant_with)),
        FeatureVerdict::Unproven if s.refit.is_some() => "unproven, the refit does not confirm it".to_owned(),
        verdict => verdict.word().to_owned(),
    }
}
