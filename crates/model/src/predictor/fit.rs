//! Fitting a predictor: rows, inner parts, bag, calibration, scores.

use std::time::Instant;

use tabgraft_table::Table;
use tabgraft_table::split::Part;

use super::as_one::Thrift;
use super::bag::{Bag, BagData, Others, fit_bag};
use super::blend::{mixed, shares};
use super::calibrate::calibrated;
use super::fair::rows_beside;
use super::inner::{InnerParts, inner_parts, n_inner_parts};
use super::interval::Distances;
use super::lines::fit_lines;
use super::loss::Labels;
use super::told::Told;
use super::trees::{self, TreeData, fit_grove, random_with_share, with_share};
use super::{FitInfo, Predictor, PredictorAbout, PredictorOptions, SecondsSpent, Target, derived, threshold};
use crate::error::{Error, Result};
use crate::space::{EmbeddingSpace, SoftwareVersion, UnseenCounts, cell_tables, clusters, now};
use crate::train::{Event, Sink, quiet};
use crate::tree::{BoostOptions, Forest, RandomForest};
use crate::weights::WeightedRows;

/// Fewest rows of a class, or of a regression, that a bag can be fitted on.
pub(super) const LEAST_ROWS: usize = 10;
/// Trees that speak for a random forest of the rows that it stops on.
const N_HELD_OUT_TREES: usize = 120;

/// Predictions of the rows that a predictor was fitted on, each by a network that did not learn
/// from it. Of one network alone, those that it stopped on.
#[derive(Debug, Clone)]
pub struct HeldOut {
    /// Rows of the table.
    pub rows_idx: Vec<usize>,
    /// `[rows_idx.len(), n_outputs]`: probabilities, or numbers in the target's unit.
    pub values: Vec<f64>,
    /// Class indices or numbers, one per row.
    pub targets: Vec<f64>,
}

impl HeldOut {
    fn in_order_of_the_table(self) -> Self {
        let n_outputs = self.values.len() / self.rows_idx.len().max(1);
        let mut order: Vec<usize> = (0..self.rows_idx.len()).collect();
        order.sort_by_key(|i| self.rows_idx[*i]);
        HeldOut {
            rows_idx: order.iter().map(|i| self.rows_idx[*i]).collect(),
            values: order
                .iter()
                .flat_map(|i| &self.values[i * n_outputs..(i + 1) * n_outputs])
                .copied()
                .collect(),
            targets: order.iter().map(|i| self.targets[*i]).collect(),
        }
    }
}

impl Predictor {
    /// Fits a predictor of `target` on a space.
    ///
    /// Features of the space that the table lacks are computed. Rows of the space's test part are left out
    /// and scored at the end. Columns of the table that
    /// the space does not know are named in a note and in [`FitInfo::columns`]. Classes that only test
    /// rows have are named too: those rows are scored as wrong. Rows that are equal in every column
    /// stay together in all inner parts, so that no network stops on a copy of what it learned.
    /// The order of the rows does not matter.
    ///
    /// # Errors
    /// A schema error if the target is absent, the space uses it as a column, or not one column is known; a
    /// value error if the target has no two classes or no spread, or too few rows.
    pub fn fit(
        space: &EmbeddingSpace,
        table: &Table,
        target: &str,
        options: &PredictorOptions,
        sink: &mut Sink<'_>,
    ) -> Result<Self> {
        Ok(Self::fit_with_held_out(space, table, target, options, sink)?.0)
    }

    /// As [`Predictor::fit`], with a weight for each row of the table: at least 0, and above 0 for
    /// some row that is learned from. A row of weight 0 is not there, and one of weight 2 counts as two: in
    /// the target's mean and deviation, in the losses that are minimised and stopped on, in the
    /// calibration. Scores count every row alike. See [`WeightedRows`].
    ///
    /// # Errors
    /// As [`Predictor::fit`]; a value error for weights that are negative, not finite, all zero, or
    /// not as many as rows.
    pub fn fit_weighted(
        space: &EmbeddingSpace,
        table: &Table,
        target: &str,
        row_weights: &[f64],
        options: &PredictorOptions,
        sink: &mut Sink<'_>,
    ) -> Result<Self> {
        let table = &*space.completed(table, sink)?;
        check(space, table, target, options)?;
        let is_test = test_rows(space, table, options, sink)?;
        let rows = WeightedRows::new(table, row_weights, |r| is_test[r])?;
        // What is wrong with a row is said of the caller's own, before they are put in order.
        space.encode(table)?;
        tell_of_target(table, target, options, |r| !is_test[r] && row_weights[r] > 0.0, sink)?;
        // They stand in another order now, and some twice.
        let is_test = test_rows(space, &rows.table, options, &mut quiet)?;
        let weights = rows.weights.as_deref();
        let (mut predictor, _) = fit(space, &rows.table, target, weights, &is_test, options, sink)?;
        predictor.about.fit_info.n_rows_without_weight = rows.n_without_weight;
        predictor.about.inner.iter_mut().for_each(|inner| inner.is_weighted = true);
        predictor.about.seal();
        Ok(predictor)
    }

    /// As [`Predictor::fit`], and gives the held-out predictions of the fitted rows.
    ///
    /// # Errors
    /// As [`Predictor::fit`].
    pub fn fit_with_held_out(
        space: &EmbeddingSpace,
        table: &Table,
        target: &str,
        options: &PredictorOptions,
        sink: &mut Sink<'_>,
    ) -> Result<(Self, HeldOut)> {
        table.check_all_here("fitting a predictor")?;
        let table = &*space.completed(table, sink)?;
        check(space, table, target, options)?;
        let is_test = test_rows(space, table, options, sink)?;
        tell_of_target(table, target, options, |r| !is_test[r], sink)?;
        fit(space, table, target, None, &is_test, options, sink)
    }
}

fn check(space: &EmbeddingSpace, table: &Table, target: &str, options: &PredictorOptions) -> Result<()> {
    options.check()?;
    if space.columns().iter().any(|c| c.name == target) {
        return Err(Error::schema(format!("the space uses the target `{target}` as a column"))
            .with_hint("train the space with the target ignored, or its scores mean nothing"));
    }
    space.about.check_known(table)
}

/// A hash of each row's cells in the space's columns and the target.
pub(super) fn cell_order(space: &EmbeddingSpace, table: &Table, target: &str) -> Result<Vec<u64>> {
    let columns = space.columns().iter().map(|c| c.name.clone()).filter(|c| table.has_column(c));
    space.split().row_hashes(table, &columns.chain([target.to_owned()]).collect::<Vec<_>>())
}

/// Which rows are scored and not learned from.
fn test_rows(
    space: &EmbeddingSpace,
    table: &Table,
    options: &PredictorOptions,
    sink: &mut Sink<'_>,
) -> Result<Vec<bool>> {
    match options.hold_out_test {
        true => Ok(space.told_parts(table, sink)?.into_iter().map(|part| part == Part::Test).collect()),
        false => Ok(vec![false; table.n_rows()]),
    }
}

/// Says what is odd about the target of the rows that are learned from, and how many have none.
fn tell_of_target(
    table: &Table,
    target: &str,
    options: &PredictorOptions,
    is_learned: impl Fn(usize) -> bool,
    sink: &mut Sink<'_>,
) -> Result<()> {
    let rows: Vec<usize> = (0..table.n_rows()).filter(|r| is_learned(*r)).collect();
    let fitted = Target::fit_rows(table, target, options.target_kind, &rows, None)?;
    for text in fitted.notes(table, &rows)? {
        let _ = sink(&Event::Warning { text });
    }
    let n_without = fitted.n_missing(table, &rows)?;
    if n_without > 0 {
        let text = format!("{n_without} of {} row(s) have no target `{target}` to learn from", rows.len());
        let _ = sink(&Event::Note { text });
    }
    Ok(())
}

fn fit(
    space: &EmbeddingSpace,
    table: &Table,
    target: &str,
    row_weights: Option<&[f64]>,
    is_test: &[bool],
    options: &PredictorOptions,
    sink: &mut Sink<'_>,
) -> Result<(Predictor, HeldOut)> {
    let start = Instant::now();
    let mut columns = space.column_report(table);
    columns.ignored_columns.retain(|c| c.name != target);
    let unknown: Vec<&str> =
        columns.ignored_columns.iter().filter(|c| c.unknown).map(|c| c.name.as_str()).collect();
    if !unknown.is_empty() {
        let text = format!(
            "{} column(s) are NOT used, the space has no codec for them: {}; extend the space first",
            unknown.len(),
            tabgraft_table::table::quoted(&unknown)
        );
        let _ = sink(&Event::Warning { text });
    }
    let (test_rows, mut fit_rows): (Vec<usize>, Vec<usize>) = (0..table.n_rows()).partition(|r| is_test[*r]);
    // What is learned does not depend on the order in which the rows came.
    let place = cell_order(space, table, target)?;
    fit_rows.sort_by_key(|r| (place[*r], *r));
    let fitted_target = Target::fit_rows(table, target, options.target_kind, &fit_rows, row_weights)?;
    let test_rows: Vec<u32> = test_rows.into_iter().map(|r| r as u32).collect();
    threshold::check_target(&fitted_target, options)?;
    let values = fitted_target.values(table)?;
    let rows: Vec<usize> = fit_rows.into_iter().filter(|r| values[*r].is_some()).collect();
    if rows.len() < LEAST_ROWS {
        return Err(Error::value(format!(
            "{} row(s) with a target are left to learn from, at least {LEAST_ROWS} are needed",
            rows.len()
        )));
    }
    let mut encoded = space.encode(table)?;
    for column in UnseenCounts::of(&encoded).mostly(space.columns(), space.codecs(), table)? {
        let _ = sink(&Event::Warning { text: column.to_string() });
    }
    let derived = derived::find(space, table, &rows)?;
    let n_parts = options.n_parts_for(rows.len());
    let n_networks = options.n_networks_for(rows.len());
    let keys = space.keys_of(table)?;
    let learned: Vec<u32> = rows.iter().map(|r| *r as u32).collect();
    let n_copies = clusters(&[&space.about], &table.take(&learned)?)?.n_copies();
    let n_rows_unseen = values.iter().flatten().filter(|v| fitted_target.is_unseen(**v)).count();
    tell(&fitted_target, &table.take(&test_rows)?, n_copies, rows.len(), sink)?;
    let units = space.split().units(table, &keys)?;
    let own_weights = relative_weights(row_weights, &rows, table.n_rows())?;
    let of_classes = options.class_weight.as_ref();
    let of_classes =
        of_classes.map(|w| w.of_rows(&fitted_target, &values, row_weights, &rows)).transpose()?;
    let row_weights = of_classes.as_deref().or(row_weights);
    let all_parts = n_inner_parts(n_parts);
    let data = BagData {
        groups: cell_tables(&space.network, &encoded),
        labels: labels(&fitted_target, &values),
        weights: relative_weights(row_weights, &rows, table.n_rows())?,
        fold: inner_parts(&rows, &units, &values, &fitted_target, all_parts),
        rows,
    };
    let inner = InnerParts::of(&data.rows, &units, &data.fold, all_parts, false);
    let held_out_rows: Vec<usize> = data.rows.iter().copied().filter(|r| data.fold[*r] < n_parts).collect();
    derived::add(&derived, space.columns(), table, &mut encoded)?;
    let codecs = derived::codecs(space.codecs(), &derived);
    let loss = trees::loss(&fitted_target);
    // The linear models, the forests, and the epochs of the networks. What is cheap comes first: networks learn only
    // while they add to it.
    let told = Told::new(sink, 2 * n_parts + n_networks * options.n_epochs);
    let mut spent = SecondsSpent::default();
    let begin = Instant::now();
    let ruled = fit_lines(loss, &codecs, &encoded, &data, &held_out_rows, n_parts, &told)?;
    spent.linear = begin.elapsed().as_secs_f64();
    let begin = Instant::now();
    let trees = TreeData {
        table: &encoded,
        units: &units,
        bag: &data,
        held_out_rows: &held_out_rows,
        n_forests: n_parts,
        boosts: &[BoostOptions { offsets: None, haste: 1.0 }],
        n_held_out: N_HELD_OUT_TREES,
        seed: options.seed,
    };
    let grove = match told.is_stopped() {
        true => None,
        false => fit_grove(&fitted_target, &codecs, &trees, &told)?,
    };
    spent.trees = begin.elapsed().as_secs_f64();
    let begin = Instant::now();
    let choose = |learners: &[&[f64]]| shares(learners, &data.labels, &held_out_rows, &data.weights);
    let (boosted, random) = grove.map_or((None, None), |grove| (Some(grove.boosted), grove.random));
    let cheap: Vec<&[f64]> = [
        ruled.as_ref().map(|ruled| &ruled.held_out[..]),
        boosted.as_ref().map(|boosted| &boosted.held_out[..]),
        random.as_ref().map(|random| &random.held_out[..]),
    ]
    .into_iter()
    .flatten()
    .collect();
    let of_cheap = (!cheap.is_empty()).then(|| mixed(&cheap, &choose(&cheap)));
    let others = of_cheap.as_ref().map(|held_out| Others { rows: &held_out_rows, held_out });
    // Where nothing else can learn, there have to be networks.
    let n_networks = if cheap.is_empty() { n_parts } else { n_networks };
    let bag = fit_bag(&space.network, &data, n_networks, others.as_ref(), &held_out_rows, options, &told)?;
    if n_networks > 0 {
        spent.networks = begin.elapsed().as_secs_f64();
    }
    let interrupted = told.is_stopped();
    if interrupted {
        told.end();
    }
    let has_networks = !bag.heads.is_empty();
    let mut learners = cheap.clone();
    if has_networks {
        learners.push(&bag.held_out);
    }
    let chosen = choose(&learners);
    let held_out = mixed(&learners, &chosen);
    let mut chosen = chosen.into_iter();
    let mut next = |is_there: bool| if is_there { chosen.next().unwrap_or(0.0) } else { 0.0 };
    let (share_of_linear, share_of_trees) = (next(ruled.is_some()), next(boosted.is_some()));
    let share_of_random_forests = next(random.is_some());
    let share_of_networks = next(has_networks);
    let Bag { heads, best_epochs, .. } = bag;
    let heads = if share_of_networks > 0.0 { heads } else { Vec::new() };
    let Thrift { networks_as_one, one_member } = Thrift::of(&heads, &data, share_of_networks);
    let lines = ruled.map(|ruled| ruled.lines).filter(|_| share_of_linear > 0.0).unwrap_or_default();
    let forests = with_share(boosted, share_of_trees);
    let random_forests = random_with_share(random, share_of_random_forests);
    let targets: Vec<f64> = held_out_rows.iter().map(|r| values[*r].unwrap_or_default()).collect();
    let weights: Vec<f32> = held_out_rows.iter().map(|r| data.weights[*r]).collect();
    let (sharpness, held_out) = calibrated(&fitted_target, held_out, &targets, &weights);
    let own_weights: Vec<f32> = held_out_rows.iter().map(|r| own_weights[*r]).collect();
    let threshold = threshold::chosen(&fitted_target, options, &held_out, &targets, &own_weights);
    if let Some(text) = threshold::collapse(&fitted_target, options, threshold, &held_out) {
        let _ = sink(&Event::Warning { text });
    }
    let about = PredictorAbout {
        name: options.name.clone(),
        created: now(),
        software: SoftwareVersion::current(),
        options: options.clone(),
        sharpness,
        rows: rows_beside(space, table, is_test)?,
        rows_hash: None,
        space: space.about.clone(),
        derived,
        reading: table.origin().reading.clone(),
        fit_info: FitInfo {
            n_rows: data.rows.len(),
            n_rows_without_target: values.iter().filter(|v| v.is_none()).count(),
            n_rows_infinite_target: fitted_target.n_infinite(table)?,
            n_rows_without_weight: 0,
            n_rows_test: test_rows.len(),
            n_rows_unseen,
            n_copies,
            best_epochs,
            n_trees: forests.iter().map(Forest::n_trees).collect(),
            n_random_trees: random_forests.iter().map(RandomForest::n_trees).collect(),
            share_of_trees,
            share_of_random_forests,
            share_of_linear,
            networks_as_one,
            one_member,
            seconds_spent: spent,
            scores: Vec::new(),
            columns,
            interrupted,
            seconds: 0.0,
        },
        threshold,
        distances: Distances::of_target(&fitted_target, &held_out, &targets),
        target: fitted_target,
        inner: Some(inner),
        growth: None,
        refused_growths: Vec::new(),
        claims: None,
    };
    let mut predictor = Predictor::of_learners(about, heads, forests, random_forests, lines);
    if test_rows.iter().filter(|r| values[**r as usize].is_some()).count() >= 2 {
        predictor.about.fit_info.scores = predictor.evaluate(&table.take(&test_rows)?)?;
    }
    predictor.tell_leaks(table, sink)?;
    predictor.about.fit_info.seconds = start.elapsed().as_secs_f64();
    predictor.about.seal();
    Ok((predictor, HeldOut { rows_idx: held_out_rows, values: held_out, targets }.in_order_of_the_table()))
}

/// Weights of the table's rows as numbers that are 1 on average over the rows learned from.
pub(super) fn relative_weights(
    row_weights: Option<&[f64]>,
    rows: &[usize],
    n_rows: usize,
) -> Result<Vec<f32>> {
    let Some(weights) = row_weights else { return Ok(vec![1.0; n_rows]) };
    let mean = rows.iter().map(|r| weights[*r]).sum::<f64>() / rows.len() as f64;
    if !(mean > 0.0 && mean.is_finite()) {
        return Err(Error::value("the weights of all rows with a target are zero, nothing can be learned"));
    }
    Ok(weights.iter().map(|w| (w / mean) as f32).collect())
}

pub(super) fn labels(target: &Target, values: &[Option<f64>]) -> Labels {
    match target {
        Target::Classes { classes, .. } => Labels::Classes {
            class: values.iter().map(|v| v.unwrap_or_default() as u16).collect(),
            n_classes: classes.len(),
        },
        Target::Number { mean, deviation, .. } => {
            Labels::Numbers(values.iter().map(|v| ((v.unwrap_or(*mean) - mean) / deviation) as f32).collect())
        }
    }
}

/// Tells of rows that cannot be predicted right, and of rows that are no evidence of their own.
fn tell(target: &Target, test: &Table, n_copies: usize, n_rows: usize, sink: &mut Sink<'_>) -> Result<()> {
    if let Some(unseen) = target.unseen_in_words(test)? {
        let _ = sink(&Event::Warning { text: format!("{unseen}; scored as wrong") });
    }
    if n_copies > 0 {
        let text = format!(
            "{n_copies} of {n_rows} rows repeat another row in every column of the space: copies stay in one \
             part and count once in intervals"
        );
        let _ = sink(&Event::Note { text });
    }
    Ok(())
}
