//! The search: proposals, ranked by what they explain of the guide's errors.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::discover::propose::CandidateInputs;
use crate::discover::propose::compose;
use crate::discover::propose::{CandidateLimits, propose};
use crate::discover::rank::{CandidateValues, RankOptions, Ranked, Scored, Shape, rank};
use crate::discover::remember::history::{Flagged, Guide};
use tabgraft_feature::{Feature, FeatureEngineer, quoted_column};
use tabgraft_table::Table;
use tabgraft_table::cell::numbers;
use tabgraft_table::schema::{Kind, Schema};

use super::DiscoverOptions;
use super::budget::Budget;
use super::guide::Guided;
use super::judge::leak::leak;
use crate::error::Result;
use crate::space::EmbeddingSpace;
use crate::train::{Event, Sink};

/// Proposals for each candidate that is computed: the pairs to compute are chosen from so many.
const POOL_FACTOR: usize = 8;
/// About so many candidates are ranked between two looks at the clock.
const RANKED_BETWEEN: usize = 16;
/// First steps that second ones are built on.
const MOST_BUILT_ON: usize = 10;
/// Second steps are at most this part of all candidates.
const SECOND_SHARE: usize = 4;
/// A second step must bring this many times what a first step brings that reads no other columns.
const SURPASSES: f64 = 1.25;

/// The values of features in the discovery rows.
pub(super) struct Values {
    table: Table,
}

impl Values {
    /// Numbers are read once, not once for each candidate: in a table from a text file they are text.
    ///
    /// # Errors
    /// A value error for a cell that is not of its column's kind.
    pub fn new(space: &EmbeddingSpace, rows: &Guided) -> Result<Self> {
        let discovery = rows.discovery();
        let columns = discovery.column_names().into_iter().map(|name| {
            let array = discovery.column(&name)?;
            let is_number = space.columns().iter().any(|c| c.name == name && c.kind == Kind::Numeric);
            let array = if is_number { Arc::new(numbers(&name, array)?) } else { array.clone() };
            Ok((name, array))
        });
        Ok(Values { table: Table::from_columns(columns.collect::<Result<Vec<_>>>()?)? })
    }

    /// Of one feature, fitted on these rows.
    ///
    /// # Errors
    /// An error of the feature.
    pub fn of(&self, feature: &Feature) -> Result<CandidateValues> {
        // The ranking also asks for single columns, by their own names.
        let name = match self.table.has_column(&feature.name) {
            true => format!("{} as candidate", feature.name),
            false => feature.name.clone(),
        };
        let feature = Feature { name: name.clone(), state: None, ..feature.clone() };
        let enriched = FeatureEngineer::new(vec![feature])?.fit_transform(&self.table)?;
        CandidateValues::from_array(enriched.column(&name)?)
    }
}

/// Columns that tell the target nearly by themselves.
///
/// # Errors
/// A schema or value error for a column that cannot be read.
pub(super) fn leaking_columns(
    names: &[String],
    values: &Values,
    rows: &Guided,
    seed: u64,
) -> Result<Vec<Flagged>> {
    let mut flagged = Vec::new();
    for name in names {
        let values = values.of(&Feature::formula(name, quoted_column(name), ""))?;
        if let Some(reason) = leak(&values, rows, seed) {
            flagged.push(Flagged { name: name.clone(), reason });
        }
    }
    Ok(flagged)
}

/// Proposes and ranks until the search's share of the time is spent.
///
/// # Errors
/// As [`rank`].
pub(super) fn search(
    space: &EmbeddingSpace,
    names: &[String],
    rows: &Guided,
    values: &Values,
    options: &DiscoverOptions,
    budget: &Budget,
    sink: &mut Sink<'_>,
) -> Result<Ranked> {
    let _ = sink(&Event::Task { name: "searching".to_owned() });
    let deadline: Duration = budget.search_end();
    let schema = Schema {
        columns: space.columns().iter().filter(|c| names.contains(&c.name)).cloned().collect(),
        ..Schema::default()
    };
    let limits = CandidateLimits {
        max_candidates: options.max_candidates.saturating_mul(POOL_FACTOR),
        exclude: vec![rows.target.column().to_owned()],
        known: space.features().iter().map(|feature| feature.definition.clone()).collect(),
        ..CandidateLimits::default()
    };
    let inputs = CandidateInputs::fit(&values.table, &schema)?;
    let candidates = propose(&schema, &inputs, &limits);
    let _ = sink(&Event::Note { text: format!("{} candidate features proposed", candidates.len()) });
    // The ranking asks from time to time; so the user can stop it and sees how far it is.
    let asked = Mutex::new((sink, 0, candidates.len()));
    let keep_going = || {
        let Ok(mut asked) = asked.lock() else { return false };
        let (sink, n_asked, total) = &mut *asked;
        *n_asked += 1;
        // The second steps come on top: only the end is the end.
        let done = (*n_asked * RANKED_BETWEEN).min(total.saturating_sub(1));
        !budget.is_past(deadline) && sink(&Event::Progress { done, total: *total }).is_continue()
    };
    let ranking = RankOptions {
        shape: match rows.guide {
            Guide::Predictor => Shape::Steps,
            Guide::Linear => Shape::Line,
        },
        units: Some(&rows.units[..rows.n_discovery]),
        max_scored: options.max_candidates,
        n_diverse: 0,
        keep_going: &keep_going,
        ..RankOptions::new(options.seed)
    };
    let of = |feature: &Feature| values.of(feature);
    let first = rank(&candidates, of, &rows.residuals, &ranking)?;
    let mut n_tried = first.n_tried;
    let mut found: Vec<Scored> = first.scored.iter().take(2 * options.n_judged).cloned().collect();
    if keep_going() {
        // Second steps: what the best of the first make together and with columns.
        let best: Vec<Feature> = first
            .scored
            .iter()
            .filter(|s| s.score > 0.0)
            .take(MOST_BUILT_ON)
            .map(|s| s.feature.clone())
            .collect();
        let mut taken: BTreeSet<String> = candidates.iter().map(|c| c.name.clone()).collect();
        taken.extend(names.iter().cloned());
        let limits = CandidateLimits { max_candidates: options.max_candidates / SECOND_SHARE, ..limits };
        let inputs = inputs.with_features(&values.table, &best)?;
        let composed = compose(&best, &schema, &inputs, &limits, &taken);
        let second = rank(&composed, of, &rows.residuals, &ranking)?;
        n_tried += second.n_tried;
        let surpassing = second.scored.into_iter().filter(|s| surpasses(s, &first.scored));
        found.extend(surpassing.take(options.n_judged));
    }
    // The few that are left, without a clock: near-copies fall away, and the first places add to each other.
    let last = RankOptions { n_diverse: options.n_judged, keep_going: &|| true, ..ranking };
    let features: Vec<Feature> = found.iter().map(|s| s.feature.clone()).collect();
    let mut scored = rank(&features, of, &rows.residuals, &last)?.scored;
    for last in &mut scored {
        let before = found.iter().find(|s| s.feature.name == last.feature.name);
        last.stands_for.extend(before.into_iter().flat_map(|s| s.stands_for.iter().cloned()));
    }
    Ok(Ranked { scored, n_tried })
}

/// Whether a second step brings clearly more than every first step that it contains: a good ratio
/// multiplied by noise is still nearly as good.
fn surpasses(second: &Scored, first: &[Scored]) -> bool {
    let contained = first.iter().filter(|f| f.inputs.iter().all(|c| second.inputs.contains(c)));
    contained.into_iter().all(|f| second.score > SURPASSES * f.score)
}
