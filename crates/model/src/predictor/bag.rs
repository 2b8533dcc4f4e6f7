//! Fitting a bag: several networks over inner splits of the same rows.
//!
//! Every network stops on its own share of the rows and learns from the others, so the bag as a
//! whole has seen every row, and each row has a prediction by a network that did not learn from it.

use std::collections::HashMap;
use std::sync::Arc;

use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;
use rayon::prelude::*;
use tabgraft_table::threads::in_pool;

use super::blend::mixed;
use super::gain::Gain;
use super::head::{Head, HeadDropout, MemberSizes, N_MEMBERS};
use super::loss::Labels;
use super::told::Told;
use super::{Effort, PredictorOptions};
use crate::embed::{CellTable, Masks};
use crate::encoder::Network;
use crate::error::{Error, Result};
use crate::kernel::{Cells, Dropout, block_of};
use crate::objective::{splitmix, unit};
use crate::param::{Param, Params};
use crate::train::{shuffled, step_params};

/// Epochs over which the learning rate rises to its plan; then it stays.
const WARM_UP_EPOCHS: usize = 2;
/// Smallest improvement of the held-out loss that counts, as a share of it.
const LEAST_IMPROVEMENT: f64 = 1e-3;
/// Most steps between two looks at the held-out rows: an epoch of a large table is a part of it.
const MOST_STEPS: usize = 256;
/// Rows of an inner part that a network looks at; more say the same.
const MOST_STOP_ROWS: usize = 8192;
/// Epochs that the weights which predict are a mean over, about.
const AVERAGED_EPOCHS: f64 = 1.0;
/// Steps between two looks at the weights for their mean.
const STEPS_PER_LOOK: usize = 4;
/// Shares of the other learners that a network is looked at with.
const SHARES: [f64; 4] = [0.0, 0.3, 0.6, 0.85];

/// Rows and labels of a fit.
pub(crate) struct BagData {
    pub groups: Vec<CellTable>,
    pub labels: Labels,
    /// `[n_rows]` of the tables: how much a row counts, 1 on average over the rows learned from.
    pub weights: Vec<f32>,
    /// Rows that have a label and may be learned from.
    pub rows: Vec<usize>,
    /// `[n_rows]` of the tables: which inner part a row belongs to.
    pub fold: Vec<usize>,
}

impl BagData {
    /// The rows of inner part `i`, which its learner stops on, and the others, which it learns from.
    pub fn stop_and_learn(&self, i: usize) -> (Vec<usize>, Vec<usize>) {
        self.rows.iter().partition(|r| self.fold[**r] == i)
    }

    fn cells(&self, network: &Network, rows: &[usize], masks: Option<&Masks>) -> Vec<Arc<Cells>> {
        self.groups
            .iter()
            .zip(network.token_groups())
            .map(|(table, group)| table.batch(rows, 0, masks.map(|m| (m, group.columns.start))))
            .collect()
    }
}

/// A fitted bag.
pub(crate) struct Bag {
    /// None where networks add too little to the other learners.
    pub heads: Vec<Head>,
    /// One entry for each held-out row, `n_outputs` numbers each: the prediction of the network that stopped on
    /// that row.
    pub held_out: Vec<f64>,
    pub best_epochs: Vec<usize>,
}

/// What the other learners of a predictor say of the held-out rows.
pub(super) struct Others<'a> {
    pub rows: &'a [usize],
    /// `[rows.len(), n_outputs]`, mixed.
    pub held_out: &'a [f64],
}

impl Others<'_> {
    /// Of some of the rows.
    fn of(&self, rows: &[usize], n_outputs: usize) -> Vec<f64> {
        let place: HashMap<usize, usize> = self.rows.iter().enumerate().map(|(i, r)| (*r, i)).collect();
        rows.iter().flat_map(|r| &self.held_out[place[r] * n_outputs..][..n_outputs]).copied().collect()
    }
}

/// Fits `n_networks` heads, in parallel, each on all inner parts but its own. Each stops where the best mixture
/// with the other learners gets no better. No learner costs more: the first is looked at before the others are fitted, and
/// where it adds too little, or no more than chance may, there are none. `Effort::Best` fits all.
pub(crate) fn fit_bag(
    space: &Network,
    data: &BagData,
    n_networks: usize,
    others: Option<&Others<'_>>,
    held_out_rows: &[usize],
    options: &PredictorOptions,
    told: &Told<'_, '_>,
) -> Result<Bag> {
    // The calling thread waits for no message: it takes part, so that a full pool comes to an end as well.
    let results: Vec<Result<Fitted>> = in_pool(|| {
        let fit = |i| fit_head(space, data, i, others, options, told);
        if n_networks < 2 || others.is_none() || options.effort == Effort::Best {
            return (0..n_networks).into_par_iter().map(fit).collect();
        }
        let first = fit(0);
        let adds_too_little = |first: &Fitted| first.gain.is_some_and(|gain| !gain.is_worth_it());
        if first.as_ref().is_ok_and(adds_too_little) {
            // What is not fitted counts as done.
            told.count((n_networks - 1) * options.n_epochs);
            return Vec::new();
        }
        let mut all = vec![first];
        all.par_extend((1..n_networks).into_par_iter().map(fit));
        all
    })?;
    let n_outputs = data.labels.n_outputs();
    let (mut heads, mut best_epochs, mut predicted) = (Vec::new(), Vec::new(), Vec::new());
    for fitted in results {
        let fitted = fitted?;
        predicted.push((fitted.stop_rows, fitted.predictions));
        heads.push(fitted.head);
        best_epochs.push(fitted.best_epoch);
    }
    let held_out = in_order_of(held_out_rows, &predicted, n_outputs);
    Ok(Bag { heads, held_out, best_epochs })
}

/// Predictions of the learners for the rows that each stopped on, `n_outputs` numbers a row, in the order of `rows`.
pub(super) fn in_order_of(
    rows: &[usize],
    predicted: &[(Vec<usize>, Vec<f64>)],
    n_outputs: usize,
) -> Vec<f64> {
    let place: HashMap<usize, usize> = rows.iter().enumerate().map(|(i, r)| (*r, i)).collect();
    let mut held_out = vec![0.0; rows.len() * n_outputs];
    for (stop_rows, predictions) in predicted {
        for (r, prediction) in stop_rows.iter().zip(predictions.chunks_exact(n_outputs)) {
            held_out[place[r] * n_outputs..][..n_outputs].copy_from_slice(prediction);
        }
    }
    held_out
}

struct Fitted {
    head: Head,
    stop_rows: Vec<usize>,
    /// Of the stop rows.
    predictions: Vec<f64>,
    best_epoch: usize,
    /// None without other learners, or rows that count.
    gain: Option<Gain>,
}

/// The best state of a network so far.
struct Best {
    /// Of the rows that it is looked at on; none if no row counts.
    loss: Option<f64>,
    /// Predictions of the mixture that has this loss.
    mixture: Vec<f64>,
    head: Head,
    epoch: usize,
}

/// The mean of a network's weights over its last steps: what held-out rows say of it is not the chance of one step.
struct Averaged {
    values: Vec<Vec<f32>>,
    n_looks: usize,
    /// Looks that the mean is over, about.
    span: f64,
}

impl Averaged {
    fn new(head: &Head, n_steps: usize) -> Self {
        let mut values = Vec::new();
        head.each("", &mut |_, param| values.push(param.values()));
        let span = AVERAGED_EPOCHS * n_steps as f64 / STEPS_PER_LOOK as f64;
        Averaged { values, n_looks: 0, span: span.max(2.0) }
    }

    fn look(&mut self, head: &Head) {
        self.n_looks += 1;
        // The first looks, while little is known, count for more.
        let share = (1.0 / self.span.min((1 + self.n_looks) as f64 / 2.0)) as f32;
        let mut place = self.values.iter_mut();
        head.each("", &mut |_, param| {
            if let Some(own) = place.next() {
                param.draw_near(own, share);
            }
        });
    }

    /// The network with these weights, frozen.
    fn head(&self, head: &Head) -> Head {
        let mut averaged = head.clone();
        averaged.set_thawed(false);
        let mut place = self.values.iter();
        averaged.each_mut("", &mut |_, param| {
            if let Some(own) = place.next() {
                *param = Param::new(own.clone(), param.shape());
            }
        });
        averaged
    }
}

fn fit_head(
    space: &Network,
    data: &BagData,
    i: usize,
    others: Option<&Others<'_>>,
    options: &PredictorOptions,
    told: &Told<'_, '_>,
) -> Result<Fitted> {
    let seed = splitmix(options.seed ^ (i as u64 + 1));
    let n_outputs = data.labels.n_outputs();
    // All start alike and see the rows in orders of their own: so their weights have a mean that predicts.
    let mut start = Pcg64Mcg::seed_from_u64(options.seed);
    let sizes = MemberSizes { n_members: N_MEMBERS, d_hidden: options.d_hidden, n_outputs };
    let mut head = Head::new(space, sizes, &mut start);
    head.set_thawed(true);
    head.space.heads.iter_mut().for_each(|h| h.set_thawed(false));
    let (stop_rows, learn_rows) = data.stop_and_learn(i);
    let looked_at: Vec<usize> =
        stop_rows.iter().copied().step_by(stop_rows.len().div_ceil(MOST_STOP_ROWS).max(1)).collect();
    let of_others = others.map(|others| others.of(&looked_at, n_outputs));
    let batch_size = options.batch_size_for(learn_rows.len());
    let steps_of_pass = (learn_rows.len() / batch_size).max(1);
    let n_steps = steps_of_pass.min(MOST_STEPS);
    let mut averaged = Averaged::new(&head, n_steps);
    let mut best: Option<Best> = None;
    let mut worse = 0;
    let mut order = Vec::new();
    for epoch in 0..options.n_epochs {
        for step in epoch * n_steps..(epoch + 1) * n_steps {
            let (pass, at) = (step / steps_of_pass, step % steps_of_pass);
            if at == 0 {
                order = shuffled(&learn_rows, seed, pass);
            }
            let end = if at + 1 == steps_of_pass { order.len() } else { (at + 1) * batch_size };
            let warm = (step + 1) as f32 / (WARM_UP_EPOCHS * n_steps) as f32;
            let own_seed = splitmix(seed ^ (step as u64) << 16);
            run_step(&mut head, data, &order[at * batch_size..end], options, own_seed, warm.min(1.0))?;
            if step % STEPS_PER_LOOK == 0 {
                averaged.look(&head);
            }
        }
        let diverged = || {
            let text = format!("network {} of the bag diverged in epoch {}", i + 1, epoch + 1);
            Error::training(text).with_hint("lower the learning rate")
        };
        let now = averaged.head(&head);
        let predictions = predict(&now, data, &looked_at).map_err(|_| diverged())?;
        let loss_of = |values: &[f64]| data.labels.held_out_loss(values, &looked_at, &data.weights);
        let mixtures = match &of_others {
            None => vec![predictions],
            Some(of_others) => {
                Vec::from(SHARES.map(|share| mixed(&[&predictions, of_others], &[1.0 - share, share])))
            }
        };
        let judged = mixtures.into_iter().map(|mixture| (loss_of(&mixture), mixture));
        let by_loss = |(a, _): &(Option<f64>, _), (b, _): &(Option<f64>, _)| {
            a.unwrap_or_default().total_cmp(&b.unwrap_or_default())
        };
        let (loss, mixture) = judged.min_by(by_loss).unwrap_or_default();
        if loss.is_some_and(|loss| !loss.is_finite()) {
            return Err(diverged());
        }
        // Without a row to stop on the last epoch is the best.
        let is_better = |least: Option<f64>, by: f64| match (loss, least) {
            (Some(loss), Some(least)) => loss < least - by * least.abs(),
            _ => true,
        };
        match &best {
            Some(best) if !is_better(best.loss, LEAST_IMPROVEMENT) => worse += 1,
            _ => worse = 0,
        }
        if best.as_ref().is_none_or(|best| is_better(best.loss, 0.0)) {
            best = Some(Best { loss, mixture, head: now, epoch: epoch + 1 });
        }
        told.count(1);
        if worse >= options.patience_for_effort() || told.is_stopped() {
            // What early stopping saves counts as done, so that the bar reaches its end.
            told.count(options.n_epochs - epoch - 1);
            break;
        }
    }
    let Some(Best { mixture, head, epoch: best_epoch, .. }) = best else {
        return Err(Error::option("option `n_epochs` is 0, allowed is 1 or more"));
    };
    let predictions = predict(&head, data, &stop_rows).map_err(|NotFinite(_)| {
        Error::training(format!("network {} of the bag has no finite prediction", i + 1))
            .with_hint("lower the learning rate")
    })?;
    let gain = of_others.and_then(|of_others| Gain::of(data, &looked_at, &mixture, &of_others));
    Ok(Fitted { head, stop_rows, predictions, best_epoch, gain })
}

fn run_step(
    head: &mut Head,
    data: &BagData,
    rows: &[usize],
    options: &PredictorOptions,
    seed: u64,
    warm: f32,
) -> Result<()> {
    let n_columns = head.space.n_columns();
    let hidden =
        (0..rows.len() * n_columns).map(|i| unit(splitmix(seed ^ i as u64)) < options.p_mask).collect();
    let masks = Masks { n_columns, hidden };
    let cells = data.cells(&head.space, rows, Some(&masks));
    let dropout = HeadDropout {
        space: Dropout { p_drop: options.p_drop_space, seed: seed as u32 },
        members: Dropout { p_drop: options.p_drop, seed: (seed >> 32) as u32 },
    };
    let loss = data.labels.loss(head.forward(&cells, dropout), rows, &data.weights);
    let gradients = loss.backward();
    step_params(head, gradients, |name| {
        let (rate, decay) = if name.starts_with("wide") {
            (options.learning_rate_wide, options.weight_decay_wide)
        } else if name.starts_with("space") {
            (options.learning_rate_space, options.weight_decay)
        } else {
            (options.learning_rate, options.weight_decay)
        };
        (rate * warm, decay)
    })?;
    Ok(())
}

/// Mean of the members of a frozen network: probabilities, or the standardised number.
///
/// # Shapes
/// - returns: `[rows.len(), n_outputs]`
///
/// # Errors
/// As [`predict_cells`].
pub(super) fn predict(head: &Head, data: &BagData, rows: &[usize]) -> Result<Vec<f64>, NotFinite> {
    predict_cells(head, &data.groups, rows, None, matches!(data.labels, Labels::Classes { .. }))
}

/// A row whose prediction is not a finite number, by its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotFinite(pub usize);

/// As [`predict`], for any cells, some of which may be hidden; in blocks of [`block_of`], so that a row keeps its bits.
///
/// # Shapes
/// - `masks`: of `rows`
///
/// # Errors
/// The first row whose prediction is not finite: somewhere on the way a sum of finite numbers was none.
pub(crate) fn predict_cells(
    head: &Head,
    groups: &[CellTable],
    rows: &[usize],
    masks: Option<&Masks>,
    classes: bool,
) -> Result<Vec<f64>, NotFinite> {
    let block = block_of(rows.len(), head.product_shapes());
    let blocks: Vec<Vec<f64>> = rows
        .par_chunks(block)
        .enumerate()
        .map(|(i, rows)| {
            let masks = masks.map(|masks| masks.of_rows(i * block, rows.len()));
            let cells: Vec<_> = groups
                .iter()
                .zip(head.space.token_groups())
                .map(|(table, group)| {
                    let masks = masks.as_ref().map(|masks| (masks, group.columns.start));
                    table.batch(rows, block, masks)
                })
                .collect();
            let outputs = head.outputs(&cells);
            let n_members = head.members.n_members();
            mean_of_members(&outputs, [n_members, rows.len(), outputs.len() / (n_members * block)], classes)
        })
        .collect();
    let means = blocks.concat();
    match means.iter().position(|mean| !mean.is_finite()) {
        Some(at) => Err(NotFinite(at / (means.len() / rows.len()))),
        None => Ok(means),
    }
}

/// Of `[n_members, n_rows, n_outputs]`, where each member may have said more rows.
fn mean_of_members(values: &[f32], shape: [usize; 3], classes: bool) -> Vec<f64> {
    let [n_members, n_rows, n_outputs] = shape;
    let mut mean = vec![0.0; n_rows * n_outputs];
    let mut exps = vec![0.0; n_outputs];
    for member in values.chunks_exact(values.len() / n_members) {
        for (row, out) in member.chunks_exact(n_outputs).zip(mean.chunks_exact_mut(n_outputs)) {
            let highest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            for (e, v) in exps.iter_mut().zip(row) {
                *e = if classes { f64::from(v - highest).exp() } else { f64::from(*v) };
            }
            let total = if classes { exps.iter().sum::<f64>() } else { 1.0 };
            for (o, e) in out.iter_mut().zip(&exps) {
                *o += e / total / n_members as f64;
            }
        }
    }
    mean
}

#[cfg(test)]
mod tests {
    use super::super::head::tests::example;
    use super::*;

    #[test]
    fn a_few_rows_have_the_bits_that_they_have_among_many() {
        let (head, groups, n_rows) = example(5);
        let rows: Vec<usize> = (0..n_rows).collect();
        let bits = |rows: &[usize]| -> Vec<u64> {
            let values = predict_cells(&head, &groups, rows, None, true).expect("finite");
            values.iter().map(|v| v.to_bits()).collect()
        };
        let all = bits(&rows);
        let n_outputs = all.len() / n_rows;
        for few in [1, 2, 5, 6, 7] {
            assert_eq!(bits(&rows[11..11 + few]), all[11 * n_outputs..(11 + few) * n_outputs], "{few} rows");
        }
    }
}
