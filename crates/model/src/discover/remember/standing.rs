//! Where each feature stands over all runs: proven in one and not in the next is shown so.

use std::collections::BTreeSet;

use serde::Serialize;

use super::effectiveness::{Effectiveness, FeatureEffect};
use super::history::FeatureVerdict;
use crate::metric::metric_words;
use tabgraft_feature::definition::Definition;
use tabgraft_table::grid::Grid;
use tabgraft_table::visible;

/// Most verdicts of a course that are spelled out, the newest ones.
const MAX_SHOWN_RUNS: usize = 6;

/// A feature's record for one target and metric, pooled over its runs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Standing {
    /// The feature's name.
    pub name: String,
    /// How it is made.
    pub definition: Definition,
    /// The column that was predicted.
    pub target: String,
    /// The metric of effects.
    pub metric: String,
    /// Pooled improvement in points of the metric, above 0 is better.
    pub effect_points: f64,
    /// Its 95 % interval, lower end first.
    pub interval_points: [f64; 2],
    /// Pooled improvement in percent of the baseline; none if that is 0.
    pub effect_percent: Option<f64>,
    /// The verdicts of its runs, oldest first; at least one.
    pub verdicts: Vec<FeatureVerdict>,
    /// What they come to.
    pub record: Record,
    /// Whether it is advised: proven in some run, harmful in none, pooled interval above 0.
    pub recommended: bool,
}

/// What the verdicts of all runs come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Record {
    /// Proven in every run.
    Proven,
    /// Proven in some runs and not in others.
    Mixed,
    /// Proven in no run, harmful in none; in some it passed and lacked the time to be confirmed.
    Unconfirmed,
    /// None of these in any run.
    Unproven,
    /// Harmful in some run, proven in none.
    Harmful,
}

impl Record {
    /// The record as messages write it.
    pub fn word(self) -> &'static str {
        match self {
            Record::Proven => "proven",
            Record::Mixed => "mixed",
            Record::Unconfirmed => "unconfirmed",
            Record::Unproven => "unproven",
            Record::Harmful => "harmful",
        }
    }

    fn of(verdicts: &[FeatureVerdict]) -> Self {
        let has = |verdict| verdicts.contains(&verdict);
        match () {
            () if verdicts.iter().all(|v| *v == FeatureVerdict::Proven) => Record::Proven,
            () if has(FeatureVerdict::Proven) => Record::Mixed,
            () if has(FeatureVerdict::Harmful) => Record::Harmful,
            () if has(FeatureVerdict::Unconfirmed) => Record::Unconfirmed,
            () => Record::Unproven,
        }
    }
}

impl Standing {
    fn of(feature: &FeatureEffect) -> Self {
        let verdicts: Vec<FeatureVerdict> = feature.runs.iter().map(|run| run.verdict).collect();
        Standing {
            name: feature.name.clone(),
            definition: feature.definition.clone(),
            target: feature.target.clone(),
            metric: feature.metric.clone(),
            effect_points: feature.effect_points,
            interval_points: feature.interval_points,
            effect_percent: feature.effect_percent,
            record: Record::of(&verdicts),
            verdicts,
            recommended: feature.is_proven(),
        }
    }

    /// The record and how it came about: `mixed: proven, unproven, proven`.
    pub fn course(&self) -> String {
        let words =
            |verdicts: &[FeatureVerdict]| verdicts.iter().map(|v| v.word()).collect::<Vec<_>>().join(", ");
        let n = self.verdicts.len();
        match self.record {
            Record::Mixed if n <= MAX_SHOWN_RUNS => format!("mixed: {}", words(&self.verdicts)),
            Record::Mixed => {
                let n_proven = self.verdicts.iter().filter(|v| **v == FeatureVerdict::Proven).count();
                let newest = words(&self.verdicts[n - MAX_SHOWN_RUNS..]);
                format!("mixed: proven in {n_proven} of {n} runs, lately {newest}")
            }
            record if n == 1 => format!("{} in 1 run", record.word()),
            Record::Harmful => {
                let n_harmful = self.verdicts.iter().filter(|v| **v == FeatureVerdict::Harmful).count();
                format!("harmful in {n_harmful} of {n} runs")
            }
            Record::Unconfirmed => {
                let n_passed = self.verdicts.iter().filter(|v| **v == FeatureVerdict::Unconfirmed).count();
                format!("unconfirmed in {n_passed} of {n} runs")
            }
            record => format!("{} in {n} runs", record.word()),
        }
    }

    /// The standings as text: of each target and metric a line that names them and a table, in the order in which
    /// they first come.
    pub fn table(standings: &[Self]) -> String {
        let mut of_what: Vec<[&str; 2]> = standings.iter().map(|s| [&*s.target, &*s.metric]).collect();
        let mut seen = BTreeSet::new();
        of_what.retain(|what| seen.insert(*what));
        let mut text = String::new();
        for [target, metric] in of_what {
            text += &format!("{} of `{}`\n", visible(metric_words(metric)), visible(target));
            let mut grid = Grid::new(["feature", "points", "95 % interval", "percent", "runs", ""]);
            for s in standings.iter().filter(|s| s.target == target && s.metric == metric) {
                let [low, high] = s.interval_points;
                grid.row([
                    s.name.clone(),
                    format!("{:+.4}", s.effect_points),
                    format!("{low:+.4} to {high:+.4}"),
                    s.effect_percent.map_or("-".to_owned(), |p| format!("{p:+.2} %")),
                    s.course(),
                    if s.recommended { "recommended" } else { "" }.to_owned(),
                ]);
            }
            text += &grid.text();
        }
        text
    }
}

impl Effectiveness {
    /// Every feature's record: recommended ones first, then by falling effect in percent.
    pub fn standings(&self) -> Vec<Standing> {
        let mut standings: Vec<Standing> = self.features.iter().map(Standing::of).collect();
        let percent = |s: &Standing| s.effect_percent.unwrap_or(0.0);
        standings.sort_by(|a, b| b.recommended.cmp(&a.recommended).then(percent(b).total_cmp(&percent(a))));
        standings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdicts_come_to_a_record() {
        use FeatureVerdict::{Harmful, Proven, Unconfirmed, Unproven};
        for (verdicts, record) in [
            (vec![Proven, Proven], Record::Proven),
            (vec![Proven, Unproven], Record::Mixed),
            (vec![Unproven, Harmful, Proven], Record::Mixed),
            (vec![Unproven, Harmful], Record::Harmful),
            (vec![Unproven], Record::Unproven),
            (vec![Proven, Unconfirmed], Record::Mixed),
            (vec![Unconfirmed, Unproven], Record::Unconfirmed),
        ] {
            assert_eq!(Record::of(&verdicts), record, "{verdicts:?}");
        }
    }

    #[test]
    fn a_table_says_target_and_metric_once() {
        let of = |name: &str, target: &str| Standing {
            name: name.to_owned(),
            definition: Definition::Formula { formula: "a + b".to_owned() },
            target: target.to_owned(),
            metric: "roc_auc".to_owned(),
            effect_points: 0.02,
            interval_points: [0.01, 0.03],
            effect_percent: Some(2.5),
            verdicts: vec![FeatureVerdict::Proven],
            record: Record::Proven,
            recommended: true,
        };
        let text = Standing::table(&[of("one", "y"), of("other", "w"), of("two", "y")]);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "ROC AUC of `y`");
        assert_eq!(lines[4], "ROC AUC of `w`");
        assert!(lines[2].contains("one") && lines[3].contains("two") && lines[6].contains("other"), "{text}");
        assert!(lines.iter().all(|line| line.chars().count() <= 80), "{text}");
    }
}
