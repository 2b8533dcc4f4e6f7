//! The demo in words and tables, for a terminal.

use tabgraft_model::metric::{PairedDifference, Score, Verdict};

use super::Demo;
use crate::report::{Grid, Report};

/// Where there is no number.
const NOTHING: &str = "-";

impl Report for Demo {
    /// The tables at the end of the story.
    fn text(&self) -> String {
        let report = &self.report;
        let metric =
            report.versions.first().and_then(|v| v.scores.first()).map_or("score", |s| s.metric.words());
        let mut versions = Grid::new([
            "version",
            "columns",
            metric,
            "95 % interval",
            "against before",
            "95 % interval",
            "verdict",
            "space",
            "predictor",
        ]);
        for v in &report.versions {
            let score = v.scores.first();
            versions.row([
                v.name.clone(),
                v.n_columns.to_string(),
                score.map_or(NOTHING.to_owned(), |s| format!("{:.3}", s.value)),
                score.map_or(NOTHING.to_owned(), |s| format!("{:.3} to {:.3}", s.low, s.high)),
                v.difference.map_or(NOTHING.to_owned(), |d| format!("{:+.3}", d.difference)),
                v.difference.map_or(NOTHING.to_owned(), |d| format!("{:+.3} to {:+.3}", d.low, d.high)),
                v.difference.map_or(NOTHING, |d| verdict_text(d.verdict)).to_owned(),
                seconds_text(v.training.seconds),
                seconds_text(v.predictor_seconds),
            ]);
        }
        let mut ways = Grid::new([
            "to",
            "way",
            "epochs",
            "space",
            "time",
            metric,
            "95 % interval",
            "against frozen",
            "verdict",
            "drift",
            "neighbours kept",
        ]);
        for extension in &report.extensions {
            let graft_seconds = extension.ways.first().map_or(f64::NAN, |w| w.seconds);
            for way in &extension.ways {
                ways.row([
                    extension.version.clone(),
                    way.kind.label().to_owned(),
                    way.n_epochs.to_string(),
                    seconds_text(way.seconds),
                    format!("{:.1}x", way.seconds / graft_seconds),
                    format!("{:.3}", way.score.value),
                    format!("{:.3} to {:.3}", way.score.low, way.score.high),
                    way.difference.map_or(NOTHING.to_owned(), |d| format!("{:+.3}", d.difference)),
                    way.difference.map_or(NOTHING, |d| verdict_text(d.verdict)).to_owned(),
                    way.drift.map_or(NOTHING.to_owned(), |d| format!("{:.4}", d.mean_cosine_distance)),
                    way.drift.map_or(NOTHING.to_owned(), |d| {
                        format!("{:.0} %", 100.0 * d.neighbour_overlap_at_10)
                    }),
                ]);
            }
        }
        let mut files = Grid::default();
        for file in &self.files {
            files.row([file.path.display().to_string(), file.what.clone()]);
        }
        format!(
            "\nVersions, scored on the same {} held-out rows; verdicts by the paired difference\n{}\n\
             Ways to the same columns; `space` is the time of the space alone, `time` in multiples of the graft's\n{}\n\
             Files\n{}\nDone in {}.\n",
            self.rows.n_test,
            versions.text(),
            ways.text(),
            files.text(),
            seconds_text(self.seconds)
        )
    }
}

/// A score with its interval.
pub fn score_text(score: &Score) -> String {
    format!("{} {:.3} [{:.3}, {:.3}]", score.metric.words(), score.value, score.low, score.high)
}

/// A paired difference with its interval and verdict.
pub fn difference_text(d: &PairedDifference) -> String {
    format!("{:+.3} [{:+.3}, {:+.3}], {}", d.difference, d.low, d.high, verdict_text(d.verdict))
}

/// A duration.
pub fn seconds_text(seconds: f64) -> String {
    if seconds < 10.0 { format!("{seconds:.2} s") } else { format!("{seconds:.1} s") }
}

fn verdict_text(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Better => "better",
        Verdict::NoDifference => "no difference",
        Verdict::Worse => "worse",
    }
}
