//! The search: proposals, ranked by what they explain of the guide's errors.

use std::time::Instant;

use tabgraft_table::Table;
use tabgraft_table::feature::candidate::{CandidateLimits, propose};
use tabgraft_table::feature::history::{Flagged, Guide};
use tabgraft_table::feature::profile::CandidateInputs;
use tabgraft_table::feature::{
    CandidateValues, Feature, FeatureEngineer, RankOptions, Ranked, Shape, quoted_column, rank,
};
use tabgraft_table::schema::Schema;

use super::DiscoverOptions;
use super::guide::Guided;
use super::leak::leak;
use crate::error::Result;
use crate::space::EmbeddingSpace;
use crate::train::{Event, Sink};

/// Proposals for each candidate that is computed: the pairs to compute are chosen from so many.
const POOL_FACTOR: usize = 8;

/// The values of features in the discovery rows.
pub(super) struct Values {
    table: Table,
}

impl Values {
    pub fn new(rows: &Guided) -> Self {
        Values { table: rows.discovery() }
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

/// Proposes and ranks until `deadline`.
///
/// # Errors
/// As [`rank`].
pub(super) fn search(
    space: &EmbeddingSpace,
    names: &[String],
    rows: &Guided,
    values: &Values,
    options: &DiscoverOptions,
    deadline: Instant,
    sink: &mut Sink<'_>,
) -> Result<Ranked> {
    let _ = sink(&Event::Task { name: "searching".to_owned() });
    let schema = Schema {
        columns: space.columns().iter().filter(|c| names.contains(&c.name)).cloned().collect(),
        ..Schema::default()
    };
    let limits = CandidateLimits {
        max_candidates: options.max_candidates.saturating_mul(POOL_FACTOR),
        exclude: vec![rows.target.column().to_owned()],
        ..CandidateLimits::default()
    };
    let candidates = propose(&schema, &CandidateInputs::fit(&values.table, &schema)?, &limits);
    let _ = sink(&Event::Note { text: format!("{} candidate features proposed", candidates.len()) });
    let keep_going = || Instant::now() < deadline;
    let ranking = RankOptions {
        shape: match rows.guide {
            Guide::Predictor => Shape::Steps,
            Guide::Linear => Shape::Line,
        },
        max_scored: options.max_candidates,
        n_diverse: options.n_judged,
        keep_going: &keep_going,
        ..RankOptions::new(options.seed)
    };
    rank(&candidates, |feature| values.of(feature), &rows.residuals, &ranking)
}
