//! The bag's forests, boosted and random: as its networks, each is held to its own inner part and learns from the others.

use std::collections::BTreeMap;
use std::ops::Range;

use rayon::prelude::*;
use tabgraft_table::codec::Codec;
use tabgraft_table::encoded::{EncodedTable, PartForm};
use tabgraft_table::threads::in_pool;

use super::Target;
use super::bag::{BagData, in_order_of};
use super::sight::Sight;
use super::told::Told;
use crate::error::{Error, Result};
use crate::objective::splitmix;
use crate::store::Blob;
use crate::tree::{BoostOptions, Forest, Learned, Loss, N_TREES, Plan, RandomForest, TreeRows, boost};

/// Rows that are predicted at a time: their columns stay in the cache, and memory does not grow with the table.
const BLOCK_ROWS: usize = 4096;
/// Most rows to learn from that random forests are fitted on: beyond, boosted trees leave them nothing to say, and they
/// are large.
const FEW_ROWS: usize = 20_000;
/// Share of the predictions from which on a random forest keeps all of its trees, and how many it keeps at any share.
const SHARE_OF_ALL_TREES: f64 = 0.2;
const FEWEST_TREES: usize = 5;
/// Most columns that a question of a tree can name.
const MOST_COLUMNS: usize = 1 << 16;

/// The loss that trees of a target minimise.
pub(crate) fn loss(target: &Target) -> Loss {
    match target {
        Target::Classes { classes, .. } if classes.len() == 2 => Loss::Logistic,
        Target::Classes { classes, .. } => Loss::Softmax { n_classes: classes.len() },
        Target::Number { .. } => Loss::Squared,
    }
}

/// The columns that trees of a target on these codecs have.
pub(super) fn plan(target: &Target, codecs: &[Codec]) -> Plan {
    let parts: Vec<Vec<PartForm>> = codecs.iter().map(Codec::parts).collect();
    loss(target).plan(&parts)
}

/// Rows of a fit, as the networks have them.
pub(super) struct TreeData<'a> {
    pub table: &'a EncodedTable,
    /// `[n_rows]` of the table: rows of one unit do not see each other's target.
    pub units: &'a [u64],
    pub bag: &'a BagData,
    /// Rows of the inner parts that forests stop on, in the order of [`Grove::held_out`].
    pub held_out_rows: &'a [usize],
    /// Each stops on the inner part of its number.
    pub n_forests: usize,
    /// Ways to fit boosted forests, one or more: the one that gives the first inner part's rows the least loss is taken.
    pub boosts: &'a [BoostOptions<'a>],
    /// Trees that speak for a random forest of the rows that it stops on.
    pub n_held_out: usize,
    pub seed: u64,
}

/// A fitted bag of forests.
pub(super) struct Grove {
    pub boosted: Fitted<Forest>,
    /// Which of [`TreeData::boosts`] was taken.
    pub boost: usize,
    /// None where rows are many.
    pub random: Option<Fitted<RandomForest>>,
}

/// Forests of one kind.
pub(super) struct Fitted<F> {
    pub forests: Vec<F>,
    /// As [`super::bag::Bag::held_out`].
    pub held_out: Vec<f64>,
}

/// The forests of one inner part, each with what it says of the rows that it was held to.
struct FittedPart {
    stop_rows: Vec<usize>,
    /// Of each way that was tried.
    boosted: Vec<(Forest, Vec<f64>)>,
    random: Option<(RandomForest, Vec<f64>)>,
}

impl FittedPart {
    /// Keeps the boosted forest that gives the part's rows the least loss; which one it is.
    fn keep_best(&mut self, bag: &BagData) -> usize {
        let loss_of = |(_, said): &(Forest, Vec<f64>)| {
            bag.labels.held_out_loss(said, &self.stop_rows, &bag.weights).unwrap_or(0.0)
        };
        let losses: Vec<f64> = self.boosted.iter().map(loss_of).collect();
        let best = (0..losses.len()).min_by(|a, b| losses[*a].total_cmp(&losses[*b])).unwrap_or(0);
        self.boosted = self.boosted.drain(..).skip(best).take(1).collect();
        best
    }
}

/// Fits the forests, in parallel; none where nothing can be asked, or the user stops.
pub(super) fn fit_grove(
    target: &Target,
    codecs: &[Codec],
    data: &TreeData<'_>,
    told: &Told<'_, '_>,
) -> Result<Option<Grove>> {
    let (loss, plan) = (loss(target), plan(target, codecs));
    if plan.n_columns() == 0 || plan.n_columns() > MOST_COLUMNS {
        return Ok(None);
    }
    let targets = data.bag.labels.as_numbers();
    let with_random = data.bag.rows.len() <= FEW_ROWS;
    let (taken, fitted): (usize, Vec<FittedPart>) = in_pool(|| {
        let fit = |i: usize, boosts: &[BoostOptions<'_>]| {
            let (stop_rows, learn_rows) = data.bag.stop_and_learn(i);
            let rows = TreeRows {
                table: data.table,
                plan: &plan,
                loss,
                targets: &targets,
                weights: &data.bag.weights,
                units: data.units,
                learn_rows: &learn_rows,
                stop_rows: &stop_rows,
                seed: splitmix(data.seed ^ splitmix(i as u64)),
            };
            let learned = Learned::new(&rows);
            let is_stopped = || !told.goes_on_after(0);
            let of_options = |options| {
                let (boosted, margins) = boost(&rows, &learned, options, &is_stopped);
                (boosted, of_rows(loss, &margins, Loss::predict))
            };
            let boosted = boosts.par_iter().map(of_options).collect();
            let random = with_random.then(|| {
                let (random, means) = RandomForest::fit(&rows, &learned, data.n_held_out, &is_stopped);
                (random, of_rows(loss, &means, Loss::of_means))
            });
            told.goes_on_after(1);
            FittedPart { stop_rows, boosted, random }
        };
        let of_parts = |parts: Range<usize>, boosts: &[BoostOptions<'_>]| -> Vec<FittedPart> {
            parts.into_par_iter().map(|i| fit(i, boosts)).collect()
        };
        if data.boosts.len() == 1 {
            return (0, of_parts(0..data.n_forests, data.boosts));
        }
        let mut first = fit(0, data.boosts);
        let chosen = first.keep_best(data.bag);
        let rest = of_parts(1..data.n_forests, &data.boosts[chosen..chosen + 1]);
        (chosen, [first].into_iter().chain(rest).collect())
    })?;
    if told.is_stopped() {
        return Ok(None);
    }
    let n_outputs = data.bag.labels.n_outputs();
    let (mut boosted, mut random) = (Said::new(), Said::new());
    for part in fitted {
        random.extend(part.random.map(|(forest, values)| (forest, part.stop_rows.clone(), values)));
        boosted.extend(
            part.boosted.into_iter().map(|(forest, values)| (forest, part.stop_rows.clone(), values)),
        );
    }
    Ok(Some(Grove {
        boosted: Fitted::of(boosted, data.held_out_rows, n_outputs),
        boost: taken,
        random: with_random.then(|| Fitted::of(random, data.held_out_rows, n_outputs)),
    }))
}

/// Forests of one kind, each with the rows that it was held to and what it says of them.
type Said<F> = Vec<(F, Vec<usize>, Vec<f64>)>;

impl<F> Fitted<F> {
    /// What each forest says of its own rows, in the order of the held-out ones.
    fn of(said: Said<F>, held_out_rows: &[usize], n_outputs: usize) -> Self {
        let (forests, said): (Vec<F>, Vec<_>) =
            said.into_iter().map(|(forest, rows, values)| (forest, (rows, values))).unzip();
        Fitted { forests, held_out: in_order_of(held_out_rows, &said, n_outputs) }
    }
}

/// Random forests of these numbers of trees from their tensors, which are taken out.
///
/// # Errors
/// A malformed error that says what is absent or contradicts itself.
pub(super) fn read_random(
    plan: &Plan,
    n_outputs: usize,
    name: &str,
    n_trees: &[usize],
    tensors: &mut BTreeMap<String, Blob>,
) -> Result<Vec<RandomForest>> {
    let read = |i| RandomForest::from_blobs(plan.clone(), n_outputs, &format!("{name}.{i}"), tensors);
    let forests: Vec<RandomForest> = (0..n_trees.len()).map(read).collect::<Result<_>>()?;
    match forests.iter().map(RandomForest::n_trees).eq(n_trees.iter().copied()) {
        true => Ok(forests),
        false => Err(Error::malformed("its random forests do not have as many trees as the manifest says")),
    }
}

/// The forests, where they have a share of the predictions.
pub(super) fn with_share<F>(fitted: Option<Fitted<F>>, share: f64) -> Vec<F> {
    fitted.filter(|_| share > 0.0).map(|fitted| fitted.forests).unwrap_or_default()
}

/// The random forests, where they have a share of the predictions, each of as many trees as the share asks for: what the
/// drawing of trees adds to the variance of a prediction goes with the share's square, and falls with their number.
pub(super) fn random_with_share(fitted: Option<Fitted<RandomForest>>, share: f64) -> Vec<RandomForest> {
    let mut forests = with_share(fitted, share);
    let n_trees = (N_TREES as f64 * (share / SHARE_OF_ALL_TREES).powi(2)).ceil() as usize;
    forests.iter_mut().for_each(|forest| forest.keep(n_trees.max(FEWEST_TREES)));
    forests
}

/// Mean of random forests: probabilities, or the standardised number.
///
/// # Shapes
/// - returns: `[rows.len(), n_outputs]`
pub(super) fn predict_random(forests: &[RandomForest], loss: Loss, sight: Sight<'_>) -> Vec<f64> {
    let of_block = |block: Sight<'_>| {
        let said = RandomForest::means_of_all(forests, block.cells, block.rows, block.hidden);
        mean(said.iter().map(|means| of_rows(loss, means, Loss::of_means)), forests.len())
    };
    sight.blocks(BLOCK_ROWS).map(of_block).collect::<Vec<_>>().concat()
}

/// What a forest's numbers of each row predict.
fn of_rows(loss: Loss, numbers: &[f32], read: fn(Loss, &[f32], &mut Vec<f64>)) -> Vec<f64> {
    let mut values = Vec::new();
    numbers.chunks_exact(loss.n_outputs()).for_each(|row| read(loss, row, &mut values));
    values
}

/// The mean of what `n` forests say.
fn mean(each: impl Iterator<Item = Vec<f64>>, n: usize) -> Vec<f64> {
    let mut mean: Vec<f64> = Vec::new();
    for values in each {
        mean.resize(values.len(), 0.0);
        mean.iter_mut().zip(values).for_each(|(m, v)| *m += v / n as f64);
    }
    mean
}

/// Mean of the forests: probabilities, or the standardised number.
///
/// # Shapes
/// - returns: `[rows.len(), n_outputs]`
pub(super) fn predict(forests: &[Forest], loss: Loss, sight: Sight<'_>) -> Vec<f64> {
    mean_of_forests(forests, loss, sight, None)
}

/// As [`predict`], of forests that start from margins of each row.
///
/// # Shapes
/// - `before`: `[rows.len(), outputs of the loss]`
pub(super) fn predict_from(forests: &[Forest], loss: Loss, before: &[f32], sight: Sight<'_>) -> Vec<f64> {
    mean_of_forests(forests, loss, sight, Some(before))
}

fn mean_of_forests(forests: &[Forest], loss: Loss, sight: Sight<'_>, before: Option<&[f32]>) -> Vec<f64> {
    let n_outputs = loss.n_outputs();
    let of_block = |(i, block): (usize, Sight<'_>)| {
        let said = Forest::margins_of_all(forests, block.cells, block.rows, block.hidden);
        let read = |mut margins: Vec<f32>| {
            if let Some(before) = before {
                let before = &before[i * BLOCK_ROWS * n_outputs..];
                margins.iter_mut().zip(before).for_each(|(sum, before)| *sum += before);
            }
            of_rows(loss, &margins, Loss::predict)
        };
        mean(said.into_iter().map(read), forests.len())
    };
    sight.blocks(BLOCK_ROWS).enumerate().map(of_block).collect::<Vec<_>>().concat()
}
