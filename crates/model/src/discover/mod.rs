//! Finding features: propose many, rank them on some rows, judge the best on others.
//!
//! ```text
//! rows ──┬─ discovery ── guide's held-out errors ── rank all proposals ── the best few
//!        └─ judging ──── the guide with and without each of them, and with shuffled copies
//!                          └─ corrected for all tried ── one of each idea ── refitted predictor ── verdict
//! ```
//!
//! Two words are kept apart. *Suggested*: the best few of the ranking that were not seen to hurt, to be
//! tried. *Recommended*: better on the judging rows beyond chance, after Benjamini-Hochberg correction
//! over those that were judged, and confirmed; with a linear guide, which nothing confirms, over all proposals
//! that were tried. Often none. What passed and lacked the time to be confirmed is *unconfirmed*. Test rows of
//! the space are not looked at.
//!
//! A person's own features go to the same court by [`judge()`].

mod budget;
mod guide;
pub mod judge;
mod options;
pub mod prepare;
pub mod propose;
pub mod rank;
pub mod remember;
mod rows;
mod search;
mod single;

use std::hash::{BuildHasher, RandomState};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::discover::rank::CandidateValues;
use crate::discover::remember::effectiveness::Effectiveness;
use crate::discover::remember::history::{Flagged, Guide, Origin, Run, SuggestionHistory};
use arrow::array::ArrayRef;
use serde::Serialize;
use serde_json::json;
use tabgraft_feature::{Feature, FeatureEngineer, with_needs};
use tabgraft_table::table::quoted;
use tabgraft_table::{Table, check_place};

pub use budget::Clock;
pub use options::DiscoverOptions;

use crate::error::{Error, Result};
use crate::space::{EmbeddingSpace, now};
use crate::store::json_hash;
use crate::train::{Event, Flow, Sink};
use budget::Budget;
use guide::Guided;
use judge::court::{Court, trials};
use judge::leak::leak;
use judge::refit::Refitter;
use judge::verdict::{Case, Terms, judge_all};
use rows::Dealt;
use search::{Values, leaking_columns, search};

/// Name of the suggestion history that [`Discovery::write`] adds to.
pub const HISTORY_FILE: &str = "feature_suggestion_history.json";
/// Names of the other files that it writes.
const EFFECTIVENESS_FILE: &str = "feature_effectiveness.json";
const SUGGESTED_FILE: &str = "suggested_features.json";
/// Digits of a run's id.
const RUN_ID_DIGITS: usize = 16;

/// The result of one search.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Discovery {
    /// The best candidates, with figures where they were judged.
    pub run: Run,
    /// Wall time, seconds.
    pub seconds: f64,
    /// Whether the caller stopped it before its end.
    pub interrupted: bool,
}

impl Discovery {
    /// The best few of the ranking, fitted on the discovery rows; not necessarily proven.
    pub fn suggested(&self) -> Vec<Feature> {
        self.run.suggested()
    }

    /// The best few, behind the features of the space that they are made from: applied to a table that has
    /// none of them.
    pub fn suggested_whole(&self) -> Vec<Feature> {
        let suggested = self.suggested();
        let is_suggested = |name: &str| suggested.iter().any(|f| f.name == name);
        with_needs(&[&self.run.made_from[..], &suggested].concat(), is_suggested)
    }

    /// The proven ones.
    pub fn recommended(&self) -> Vec<Feature> {
        self.run.recommended()
    }

    /// Appends the run to the suggestion history and the effectiveness file of a folder, which is
    /// made if need be; after a search also writes the suggested features as a file that
    /// `FeatureEngineer` reads. The effectiveness file follows from the history: what a run that was
    /// broken off between the two left undone, the next one does, as does writing the same run again.
    /// What a search that was stopped suggests replaces no older file of features: it stands in the history.
    ///
    /// # Errors
    /// An io error, or a malformed error if a file of that name is no history.
    pub fn write(&self, dir: &Path) -> Result<()> {
        std::fs::create_dir_all(dir).map_err(|e| Error::io(dir, "create", e))?;
        let history = SuggestionHistory::append(dir.join(HISTORY_FILE), self.run.clone())?;
        Effectiveness::catch_up(dir.join(EFFECTIVENESS_FILE), &history)?;
        let suggested = dir.join(SUGGESTED_FILE);
        match self.run.origin {
            Origin::Search if self.interrupted && suggested.is_file() => Ok(()),
            Origin::Search => FeatureEngineer::new(self.suggested_whole())?.save(&suggested),
            Origin::Given => Ok(()),
        }
    }
}

/// Whether [`Discovery::write`] can write to `dir`, found out before the work and without changing anything.
///
/// # Errors
/// As [`tabgraft_table::check_folder`]; a malformed error if a file of the names that it adds to is no
/// history.
pub fn check_folder(dir: &Path) -> Result<()> {
    tabgraft_table::check_folder(dir)?;
    SuggestionHistory::load_or_default(dir.join(HISTORY_FILE))?;
    Effectiveness::load_or_default(dir.join(EFFECTIVENESS_FILE))?;
    [HISTORY_FILE, EFFECTIVENESS_FILE, SUGGESTED_FILE]
        .iter()
        .map(|name| dir.join(name))
        .filter(|path| path.symlink_metadata().is_ok())
        .try_for_each(|path| check_place(&path))
}

/// A sink that remembers in `stopped` whether the caller's said stop.
fn watched<'a>(sink: &'a mut Sink<'_>, stopped: &'a AtomicBool) -> impl FnMut(&Event) -> Flow + Send {
    move |event| {
        let flow = sink(event);
        stopped.fetch_or(flow.is_break(), Ordering::Relaxed);
        flow
    }
}

/// Searches features for `target` in the columns of a space.
///
/// # Errors
/// As [`crate::Predictor::fit`]; a value error if there are fewer than 60 rows to search in.
pub fn discover(
    space: &EmbeddingSpace,
    table: &Table,
    target: &str,
    options: &DiscoverOptions,
    sink: &mut Sink<'_>,
) -> Result<Discovery> {
    discover_by(&Clock::wall(), space, table, target, options, sink)
}

/// As [`discover`], by a clock of the caller's.
///
/// # Errors
/// As [`discover`].
pub fn discover_by(
    clock: &Clock,
    space: &EmbeddingSpace,
    table: &Table,
    target: &str,
    options: &DiscoverOptions,
    sink: &mut Sink<'_>,
) -> Result<Discovery> {
    table.check_all_here("discovery")?;
    let budget = Budget::start(clock, options)?;
    let interrupted = AtomicBool::new(false);
    let sink = &mut watched(sink, &interrupted);
    let table = &*space.completed(table, sink)?;
    let mut dealt = Dealt::new(space, table, target, &[], options.seed, sink)?;
    let rows = guided(space, &mut dealt, target, options, &budget, sink)?;
    let values = Values::new(space, &rows)?;
    let mut flagged = leaking_columns(&dealt.names, &values, &rows, options.seed)?;
    let ranked = search(space, &dealt.names, &rows, &values, options, &budget, sink)?;
    let discovery = rows.discovery();
    let mut cases = Vec::new();
    for scored in ranked.scored.into_iter().take(options.n_judged) {
        let mut engineer = FeatureEngineer::new(vec![Feature { state: None, ..scored.feature }])?;
        engineer.fit(&discovery)?;
        let feature = engineer.features()[0].clone();
        let array = engineer.transform(&rows.table)?.column(&feature.name)?.clone();
        flag(&feature.name, &array, &rows, &mut flagged, options.seed)?;
        let (inputs, gain, stands_for) = (scored.inputs, scored.score, scored.stands_for);
        cases.push(Case { feature, array, inputs, gain, stands_for });
    }
    let tried = Tried { origin: Origin::Search, n: ranked.n_tried, cases, flagged };
    let found = conclude(space, &dealt, &rows, tried, options, &budget, sink)?;
    Ok(Discovery { interrupted: interrupted.load(Ordering::Relaxed), ..found })
}

/// Judges a person's own features by the court that judges those of a search: the same rows, guide,
/// controls and correction, over as many candidates as are given. Nothing is suggested.
///
/// Features with a state are judged as they are, others are fitted on the discovery rows. A feature
/// may read those that stand before it.
///
/// # Errors
/// As [`discover`]; an option error for no feature, for one that reads the target or has the name of
/// a column; an error of a feature, by its name.
pub fn judge(
    space: &EmbeddingSpace,
    table: &Table,
    target: &str,
    features: &[Feature],
    options: &DiscoverOptions,
    sink: &mut Sink<'_>,
) -> Result<Discovery> {
    judge_by(&Clock::wall(), space, table, target, features, options, sink)
}

/// As [`judge()`], by a clock of the caller's.
///
/// # Errors
/// As [`judge()`].
pub fn judge_by(
    clock: &Clock,
    space: &EmbeddingSpace,
    table: &Table,
    target: &str,
    features: &[Feature],
    options: &DiscoverOptions,
    sink: &mut Sink<'_>,
) -> Result<Discovery> {
    let budget = Budget::start(clock, options)?;
    let interrupted = AtomicBool::new(false);
    let sink = &mut watched(sink, &interrupted);
    let mut engineer = FeatureEngineer::new(features.to_vec())?;
    let mut inputs = Vec::with_capacity(features.len());
    for feature in features {
        let reads = FeatureEngineer::inputs(feature)?;
        if reads.iter().any(|c| c == target) {
            return Err(Error::option(format!(
                "feature `{}` reads the target `{target}`: of course it predicts it",
                feature.name
            ))
            .with_hint("make it of other columns"));
        }
        inputs.push(reads);
    }
    if features.is_empty() {
        return Err(Error::option("no feature is given to judge").with_hint("give at least one feature"));
    }
    if let Some(taken) = features.iter().find(|f| space.columns().iter().any(|c| c.name == f.name)) {
        return Err(Error::option(format!("the space has a column `{}` already", taken.name))
            .with_hint("judge a feature before it is grafted, or give it another name"));
    }
    // A column of a feature's name would be in the way; what it holds is what the feature says.
    let table = &space.completed(table, sink)?.without(&engineer.names())?;
    let read: Vec<String> = inputs.iter().flatten().cloned().collect();
    let mut dealt = Dealt::new(space, table, target, &read, options.seed, sink)?;
    let rows = guided(space, &mut dealt, target, options, &budget, sink)?;
    let mut flagged = leaking_columns(&dealt.names, &Values::new(space, &rows)?, &rows, options.seed)?;
    engineer.fit_rest(&rows.discovery())?;
    let enriched = engineer.transform(&rows.table)?;
    let mut cases = Vec::new();
    for (feature, inputs) in engineer.features().iter().cloned().zip(inputs) {
        let array = enriched.column(&feature.name)?.clone();
        flag(&feature.name, &array, &rows, &mut flagged, options.seed)?;
        cases.push(Case { feature, array, inputs, gain: 0.0, stands_for: Vec::new() });
    }
    let tried = Tried { origin: Origin::Given, n: features.len(), cases, flagged };
    let found = conclude(space, &dealt, &rows, tried, options, &budget, sink)?;
    Ok(Discovery { interrupted: interrupted.load(Ordering::Relaxed), ..found })
}

/// What goes to court.
struct Tried {
    origin: Origin,
    /// Candidates that were tried in all.
    n: usize,
    cases: Vec<Case>,
    flagged: Vec<Flagged>,
}

/// The guide, fitted on the discovery rows.
fn guided(
    space: &EmbeddingSpace,
    dealt: &mut Dealt,
    target: &str,
    options: &DiscoverOptions,
    budget: &Budget,
    sink: &mut Sink<'_>,
) -> Result<Guided> {
    if let Some(text) = dealt.thin(target, options)? {
        let _ = sink(&Event::Note { text });
    }
    Guided::fit(options.guide, space, dealt, target, &options.predictor, budget, sink)
}

/// Flags a feature if its values tell the target by themselves.
fn flag(name: &str, array: &ArrayRef, rows: &Guided, flagged: &mut Vec<Flagged>, seed: u64) -> Result<()> {
    let values = CandidateValues::from_array(&array.slice(0, rows.n_discovery))?;
    if let Some(reason) = leak(&values, rows, seed) {
        flagged.push(Flagged { name: name.to_owned(), reason });
    }
    Ok(())
}

/// Judges the cases and writes the run down.
fn conclude(
    space: &EmbeddingSpace,
    dealt: &Dealt,
    rows: &Guided,
    tried: Tried,
    options: &DiscoverOptions,
    budget: &Budget,
    sink: &mut Sink<'_>,
) -> Result<Discovery> {
    if !tried.flagged.is_empty() {
        let names: Vec<&str> = tried.flagged.iter().map(|f| f.name.as_str()).collect();
        let text = format!(
            "{} tell(s) the target nearly alone; if known only after the fact, leave it out: {}",
            quoted(&names),
            tried.flagged[0].reason
        );
        let _ = sink(&Event::Warning { text });
    }
    let target = rows.target.column();
    let trials = trials(rows, dealt.n_repeats, options.seed);
    let court = Court::new(rows, &trials)?;
    let terms = Terms {
        n_tried: tried.n,
        level: options.level,
        n_suggested: if tried.origin == Origin::Search { options.n_suggested } else { 0 },
        budget,
        seed: options.seed,
        flagged: &tried.flagged,
    };
    let refitter = (options.guide == Guide::Predictor)
        .then(|| Refitter::new(rows, space, &trials, &options.predictor, budget));
    let (suggestions, controls) = judge_all(&court, rows, tried.cases, &terms, refitter, sink)?;
    let task = rows.target.task();
    let mut run = Run {
        run_id: String::new(),
        date: now(),
        target: target.to_owned(),
        task: task.name().to_owned(),
        metric: task.primary_metric().name().to_owned(),
        baseline: court.baseline(),
        data_hash: dealt.data_hash.clone(),
        split_hash: space.hashes().split.clone(),
        n_discovery_rows: rows.n_discovery,
        n_judging_rows: rows.table.n_rows() - rows.n_discovery,
        n_candidates: tried.n,
        input_columns: dealt.names.clone(),
        seed: options.seed,
        origin: tried.origin,
        guide: options.guide,
        level: options.level,
        controls: Some(controls),
        flagged: tried.flagged,
        made_from: with_needs(space.features(), |name| {
            suggestions.iter().any(|s| s.inputs.iter().any(|input| input == name))
        }),
        suggestions,
    };
    run.run_id = run_id(&run, options);
    run.check()?;
    Ok(Discovery { run, seconds: budget.elapsed().as_secs_f64(), interrupted: false })
}

/// Names a run by everything that it says, guide and formulas too, by its options, and by the moment and
/// chance: runs that start together, in one process or in many, differ in their names.
fn run_id(run: &Run, options: &DiscoverOptions) -> String {
    let moment = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos().to_string();
    let chance = RandomState::new().hash_one(std::process::id());
    let id = json_hash(&json!({ "run": run, "options": options, "moment": moment, "chance": chance }));
    id.as_str()[..RUN_ID_DIGITS].to_owned()
}
