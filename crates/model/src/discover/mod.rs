//! Finding features: propose many, rank them on some rows, judge the best on others.
//!
//! ```text
//! rows ──┬─ discovery ── predictor's held-out residuals ── rank all proposals ── the best few
//!        └─ judging ──── the predictor with and without each of them ── effect, interval, verdict
//! ```
//!
//! Two words are kept apart. *Suggested*: the best few of the ranking, always there to be tried.
//! *Recommended*: better on the judging rows beyond chance, after Benjamini-Hochberg correction
//! over all proposals that were tried; often none. Test rows of the space are not looked at.

mod judge;

use std::ops::ControlFlow;
use std::path::Path;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tabgraft_table::Table;
use tabgraft_table::feature::candidate::{CandidateLimits, propose};
use tabgraft_table::feature::effectiveness::Effectiveness;
use tabgraft_table::feature::gain::{CandidateValues, Scored, rank};
use tabgraft_table::feature::history::{
    Guide, Judgement, Origin, Run, Suggestion, SuggestionHistory, Verdict,
};
use tabgraft_table::feature::judging::benjamini_hochberg;
use tabgraft_table::feature::profile::CandidateInputs;
use tabgraft_table::feature::residuals::Residuals;
use tabgraft_table::feature::{Feature, FeatureEngineer};
use tabgraft_table::schema::Schema;
use tabgraft_table::split::{Part, row_hashes};

use crate::error::{Error, Result};
use crate::metric::Task;
use crate::objective::{splitmix, unit};
use crate::predictor::{HeldOut, Predictor, PredictorOptions};
use crate::space::{EmbeddingSpace, now};
use crate::train::{Event, Sink};
use judge::Court;

/// Share of the rows that choose; the others judge.
const DISCOVERY_SHARE: f32 = 0.6;
/// Most discovery rows; more cost time and change no ranking.
const MOST_DISCOVERY_ROWS: usize = 20_000;
/// Fewest rows that discovery is tried on.
const LEAST_ROWS: usize = 60;
/// Name of the suggestion history that [`Discovery::write`] adds to.
pub const HISTORY_FILE: &str = "feature_suggestion_history.json";
/// Names of the other files that it writes.
const EFFECTIVENESS_FILE: &str = "feature_effectiveness.json";
const SUGGESTED_FILE: &str = "suggested_features.json";

/// How to search.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DiscoverOptions {
    /// Candidates that are suggested, proven or not. Default 3; at least 1.
    pub n_suggested: usize,
    /// Candidates that are judged, the best of the ranking. Default 20; at least `n_suggested`.
    pub n_judged: usize,
    /// Most candidates that are proposed. Default 2000.
    pub max_candidates: usize,
    /// Time for judging, seconds: when it is spent, the other candidates stay without judgement.
    /// Default 10. Results depend on the seed alone while it is not reached.
    pub budget_s: f64,
    /// Largest false discovery rate of a recommendation. Default .05.
    pub level: f64,
    /// Seed of rows, folds and networks. Default 0.
    pub seed: u64,
    /// The predictor whose residuals guide the search.
    pub predictor: PredictorOptions,
}

impl Default for DiscoverOptions {
    fn default() -> Self {
        DiscoverOptions {
            n_suggested: 3,
            n_judged: 20,
            max_candidates: 2000,
            budget_s: 10.0,
            level: 0.05,
            seed: 0,
            predictor: PredictorOptions::default(),
        }
    }
}

impl DiscoverOptions {
    fn check(&self) -> Result<()> {
        if self.n_suggested == 0 || self.n_judged < self.n_suggested {
            return Err(Error::option(format!(
                "options `n_suggested` and `n_judged` are {} and {}, allowed is 1 <= n_suggested <= n_judged",
                self.n_suggested, self.n_judged
            )));
        }
        if self.max_candidates == 0 {
            return Err(Error::option("option `max_candidates` is 0, allowed is 1 or more"));
        }
        if !(self.level > 0.0 && self.level < 1.0) {
            return Err(Error::option(format!(
                "option `level` is {}, allowed is above 0 below 1",
                self.level
            )));
        }
        if self.budget_s.is_nan() || self.budget_s <= 0.0 {
            return Err(Error::option(format!("option `budget_s` is {}, allowed is above 0", self.budget_s)));
        }
        self.predictor.check()
    }
}

/// The result of one search.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Discovery {
    /// The best candidates, with figures where they were judged.
    pub run: Run,
    /// Wall time, seconds.
    pub seconds: f64,
}

impl Discovery {
    /// The best few of the ranking, fitted on the discovery rows; not necessarily proven.
    pub fn suggested(&self) -> Vec<Feature> {
        self.run.suggested()
    }

    /// The proven ones.
    pub fn recommended(&self) -> Vec<Feature> {
        self.run.recommended()
    }

    /// Appends the run to the suggestion history and the effectiveness file of a folder, which is
    /// made if need be, and writes the suggested features as a file that `FeatureEngineer` reads.
    ///
    /// # Errors
    /// An io error, or a malformed error if a file of that name is no history.
    pub fn write(&self, dir: &Path) -> Result<()> {
        std::fs::create_dir_all(dir).map_err(|e| Error::io(dir, "create", e))?;
        SuggestionHistory::append(dir.join(HISTORY_FILE), self.run.clone())?;
        Effectiveness::record(dir.join(EFFECTIVENESS_FILE), &self.run)?;
        FeatureEngineer::new(self.suggested())?.save(&dir.join(SUGGESTED_FILE))
    }
}

/// Searches features for `target` in the columns of a space.
///
/// # Errors
/// As [`Predictor::fit`]; a value error if there are fewer than 60 rows to search in.
pub fn discover(
    space: &EmbeddingSpace,
    table: &Table,
    target: &str,
    options: &DiscoverOptions,
    sink: &mut Sink<'_>,
) -> Result<Discovery> {
    let start = Instant::now();
    options.check()?;
    let schema = Schema {
        columns: space.columns().iter().filter(|c| table.has_column(&c.name)).cloned().collect(),
        ..Schema::default()
    };
    let names = schema.names();
    // Other columns of the table are none of the search's business, and a candidate may have the name
    // of one: a feature of an earlier run that this space does not know.
    let table = &table.select(&searched(&names, target, space.split().columns(), table))?;
    let keys = row_hashes(table, &names)?;
    let (discovery_rows, judging_rows) = deal(space, table, &keys, options.seed)?;
    let discovery = table.take(&discovery_rows)?;
    let judging = table.take(&judging_rows)?;

    let _ = sink(&Event::Task { name: "predictor that guides the search".to_owned() });
    // The guide learns from discovery rows alone, so judging rows stay untouched by the search.
    let guide_options = PredictorOptions { hold_out_test: false, ..options.predictor.clone() };
    let (guide, held_out) = Predictor::fit_with_held_out(space, &discovery, target, &guide_options, sink)?;
    let task = guide.target().task();
    let rows: Vec<u32> = held_out.rows_idx.iter().map(|r| *r as u32).collect();
    let search_table = discovery.take(&rows)?;
    let residuals = residuals(&guide, &held_out)?;
    let limits = CandidateLimits {
        max_candidates: options.max_candidates,
        exclude: vec![target.to_owned()],
        ..CandidateLimits::default()
    };
    let candidates = propose(&schema, &CandidateInputs::fit(&search_table, &schema)?, &limits);
    let _ = sink(&Event::Note { text: format!("{} candidate features proposed", candidates.len()) });
    let values = |feature: &Feature| {
        let mut engineer = FeatureEngineer::new(vec![renamed(feature, &names)])?;
        let enriched = engineer.fit_transform(&search_table)?;
        CandidateValues::from_array(enriched.column(&engineer.names()[0])?)
    };
    let mut ranked = rank(&candidates, values, &residuals, options.seed)?;
    ranked.truncate(options.n_judged);

    let _ = sink(&Event::Task { name: "judging".to_owned() });
    let court = Court::new(&guide, &search_table, &held_out, &judging, options.seed)?;
    let deadline = Instant::now() + Duration::from_secs_f64(options.budget_s.min(1e9));
    let suggestions = judge_all(&court, &ranked, &search_table, candidates.len(), options, deadline, sink)?;
    let date = now();
    let mut data = blake3::Hasher::new();
    keys.iter().for_each(|k| {
        data.update(&k.to_le_bytes());
    });
    let data_hash = data.finalize().to_hex().to_string();
    let run_id = blake3::hash(format!("{date} {data_hash} {target} {}", options.seed).as_bytes());
    let run = Run {
        run_id: run_id.to_hex()[..16].to_owned(),
        date,
        target: target.to_owned(),
        task: task.name().to_owned(),
        metric: task.primary_metric().name().to_owned(),
        baseline: court.baseline(),
        data_hash,
        split_hash: space.hashes().split.clone(),
        n_discovery_rows: discovery_rows.len(),
        n_judging_rows: judging_rows.len(),
        n_candidates: candidates.len(),
        input_columns: names,
        seed: options.seed,
        origin: Origin::Search,
        guide: Guide::Predictor,
        level: options.level,
        controls: None,
        flagged: Vec::new(),
        suggestions,
    };
    run.check()?;
    Ok(Discovery { run, seconds: start.elapsed().as_secs_f64() })
}

/// The columns that a search looks at: those of the space, the target, and what the split reads.
fn searched(names: &[String], target: &str, split: &[String], table: &Table) -> Vec<String> {
    let wanted = |name: &String| names.contains(name) || name == target || split.contains(name);
    table.column_names().into_iter().filter(wanted).collect()
}

/// Deals the rows that are not for testing into discovery and judging, by a hash of their cells.
fn deal(space: &EmbeddingSpace, table: &Table, keys: &[u64], seed: u64) -> Result<(Vec<u32>, Vec<u32>)> {
    let parts = space.split().assign(table)?;
    let (mut discovery, mut judging) = (Vec::new(), Vec::new());
    for (r, part) in parts.iter().enumerate() {
        if *part == Part::Test {
            continue;
        }
        let chooses = unit(splitmix(keys[r] ^ splitmix(seed))) < DISCOVERY_SHARE;
        if chooses && discovery.len() < MOST_DISCOVERY_ROWS {
            discovery.push(r as u32);
        } else if !chooses {
            judging.push(r as u32);
        }
    }
    if discovery.len() + judging.len() < LEAST_ROWS || judging.len() < LEAST_ROWS / 3 {
        return Err(Error::value(format!(
            "{} discovery and {} judging rows, at least {LEAST_ROWS} in all are needed to search features",
            discovery.len(),
            judging.len()
        )));
    }
    Ok((discovery, judging))
}

fn residuals(guide: &Predictor, held_out: &HeldOut) -> Result<Residuals> {
    let n_outputs = guide.target().n_outputs();
    Ok(match guide.target().task() {
        Task::Binary => {
            let p: Vec<f64> = held_out.values.iter().skip(1).step_by(2).copied().collect();
            let y: Vec<bool> = held_out.targets.iter().map(|v| *v == 1.0).collect();
            Residuals::log_loss(&p, &y)?
        }
        Task::Multiclass => {
            let class: Vec<usize> = held_out.targets.iter().map(|v| *v as usize).collect();
            Residuals::multiclass(&held_out.values, &class, n_outputs)?
        }
        Task::Regression => Residuals::squared_error(&held_out.values, &held_out.targets)?,
    })
}

/// The feature under a name that no column has: the ranking also asks for single columns.
fn renamed(feature: &Feature, names: &[String]) -> Feature {
    if !names.contains(&feature.name) {
        return feature.clone();
    }
    Feature { name: format!("{} as candidate", feature.name), ..feature.clone() }
}

/// Judges the ranked candidates in parallel until the deadline, and corrects for all that were
/// tried.
fn judge_all(
    court: &Court,
    ranked: &[Scored],
    search_table: &Table,
    n_candidates: usize,
    options: &DiscoverOptions,
    deadline: Instant,
    sink: &mut Sink<'_>,
) -> Result<Vec<Suggestion>> {
    let mut judged = Vec::new();
    for (i, scored) in ranked.iter().enumerate() {
        let mut engineer = FeatureEngineer::new(vec![Feature { state: None, ..scored.feature.clone() }])?;
        engineer.fit(search_table)?;
        let stopped = sink(&Event::Progress { done: i, total: ranked.len() }) == ControlFlow::Break(());
        let outcome =
            if stopped || Instant::now() >= deadline { None } else { Some(court.judge(&engineer)?) };
        judged.push((scored, engineer, outcome));
    }
    // Candidates that were ranked but not judged count as tried in the correction.
    let mut p_values: Vec<f64> =
        judged.iter().map(|(_, _, o)| o.as_ref().map_or(1.0, |t| t.p_value)).collect();
    p_values.resize(n_candidates.max(p_values.len()), 1.0);
    let adjusted = benjamini_hochberg(&p_values);
    Ok(judged
        .into_iter()
        .enumerate()
        .map(|(i, (scored, engineer, outcome))| {
            let judgement = outcome.map(|test| Judgement {
                effect: test.mean,
                interval: test.interval,
                p_value: test.p_value,
                p_adjusted: adjusted[i],
                verdict: Verdict::of(test.mean, adjusted[i], options.level),
            });
            let feature = engineer.features()[0].clone();
            Suggestion {
                name: feature.name,
                definition: feature.definition,
                inputs: scored.inputs.clone(),
                reason: feature.reason,
                state: feature.state,
                gain: scored.score,
                stands_for: scored.stands_for.clone(),
                refit: None,
                redundant_with: Vec::new(),
                judgement,
                suggested: i < options.n_suggested,
                recommended: judgement.is_some_and(|j| j.verdict == Verdict::Proven && j.interval[0] > 0.0),
            }
        })
        .collect())
}
