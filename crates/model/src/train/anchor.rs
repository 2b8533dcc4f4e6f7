//! Holding a graft near its parent.
//!
//! The training loss gets `weight * mean cosine distance` to the parent's vectors of the same rows,
//! taken on a part of each batch with nothing hidden. The weight is the multiplier of the
//! constraint "distance <= bound": it rises while the distance is above the bound and falls while it
//! is below, in steps of its logarithm (Platt & Barr 1988, "Constrained differential optimization";
//! differs from the paper: the step is multiplicative, because the weight's scale is unknown).
//! What the penalty leaves undone [`Anchor::hold`] does, so that the bound holds in any case.

use super::TrainingData;
use crate::encoder::Network;
use crate::error::Result;
use crate::kernel::{Dropout, Place, Tensor, cosine_distance};
use crate::param::{Param, Params};

/// Share of a batch's rows that the distance is taken on, and the least number of them.
const PENALTY_SHARE: usize = 4;
const LEAST_ROWS: usize = 32;
/// Share of the bound that training aims at: validation rows move a little more than those that
/// are trained on.
const AIM: f64 = 0.8;
/// The first weight, times the bound: about what the loss can win by moving.
const FIRST_WEIGHT: f64 = 0.1;
/// Step of the weight's logarithm for a distance that is off by the whole bound.
const DUAL_RATE: f64 = 0.05;
/// Range of the weight, times the bound.
const WEIGHT_RANGE: (f64, f64) = (1e-3, 1e3);
/// Most that one step may take the distance for, in bounds above it.
const MOST_EXCESS: f64 = 4.0;
/// Halvings of the interval in which [`Anchor::hold`] searches.
const N_HALVINGS: usize = 12;

/// A bound on how far old vectors may move.
pub(crate) struct Anchor<'a> {
    /// Most mean cosine distance.
    pub bound: f64,
    /// The parent's network, whose columns are the first ones.
    parent: Network,
    /// The child before training: no vector of it has moved.
    pub origin: &'a Network,
    /// Which rows of the training are to stay near, `[n_rows]`; all where none is named.
    pub near: Option<Vec<bool>>,
    /// The mean cosine distance of a network's vectors to the parent's, as it is reported.
    pub measure: &'a (dyn Fn(&Network) -> Result<f64> + Sync),
    /// Weight of the distance in the loss.
    pub weight: f64,
    /// Share of the way from `origin` to the trained weights that was kept.
    pub kept_share: f32,
}

impl<'a> Anchor<'a> {
    /// Holds children of `parent` that begin at `origin` within `bound`, which is above 0.
    pub fn new(
        bound: f64,
        parent: &Network,
        origin: &'a Network,
        measure: &'a (dyn Fn(&Network) -> Result<f64> + Sync),
    ) -> Self {
        Anchor {
            bound,
            parent: parent.clone(),
            origin,
            near: None,
            measure,
            weight: FIRST_WEIGHT / bound,
            kept_share: 1.0,
        }
    }

    /// Begins a training on a device.
    ///
    /// # Errors
    /// As [`Tensor::read`].
    pub fn begin(&mut self, place: &Place) -> Result<()> {
        self.weight = FIRST_WEIGHT / self.bound;
        self.parent.move_to(place)
    }

    /// Whether a network meets the bound, by vectors as they are computed everywhere else: on the
    /// processor.
    ///
    /// # Errors
    /// As [`Tensor::read`].
    pub fn is_near(&self, network: &Network) -> Result<bool> {
        let mut here = network.clone();
        here.move_to(&Place::Processor)?;
        Ok((self.measure)(&here)? <= self.bound)
    }

    /// Rows of a batch that the distance is taken on.
    pub fn n_rows(batch_size: usize) -> usize {
        (batch_size / PENALTY_SHARE).max(LEAST_ROWS).min(batch_size)
    }

    /// The mean cosine distance to the parent on a part of a batch, for the loss. Of a batch without a row that is to
    /// stay near, on any of its rows.
    pub fn distance(&self, network: &Network, data: &TrainingData, rows: &[usize]) -> Tensor {
        let n_rows = Self::n_rows(rows.len());
        let is_near = |row: &usize| self.near.as_ref().is_none_or(|near| near[*row]);
        let near: Vec<usize> = rows.iter().copied().filter(is_near).take(n_rows).collect();
        let rows = if near.is_empty() { &rows[..n_rows] } else { &near[..] };
        let cells = data.cells(network, rows, None, 0);
        let old = self.parent.pieces(&cells, Dropout::OFF).whole();
        let new = network.pieces(&cells, Dropout::OFF).whole();
        cosine_distance(new, old)
    }

    /// Adapts the weight to the distance that a step had.
    pub fn adapt(&mut self, distance: f64) {
        if distance.is_finite() {
            let aim = AIM * self.bound;
            let excess = (distance / aim - 1.0).min(MOST_EXCESS);
            let (low, high) = WEIGHT_RANGE;
            self.weight =
                (self.weight * (DUAL_RATE * excess).exp()).clamp(low / self.bound, high / self.bound);
        }
    }

    /// Takes a network that is too far back towards the origin, by the least share that a search
    /// finds. Heads that came with the child, which no vector depends on, stay. The network is on the processor.
    ///
    /// # Errors
    /// If there are other workers, and one does not answer.
    pub fn hold(&mut self, network: &mut Network) -> Result<()> {
        if self.is_near(network)? {
            return Ok(());
        }
        let (mut low, mut high) = (0.0f32, 1.0f32);
        for _ in 0..N_HALVINGS {
            let middle = 0.5 * (low + high);
            if self.is_near(&self.between(network, middle))? {
                low = middle;
            } else {
                high = middle;
            }
        }
        *network = self.between(network, low);
        self.kept_share = low;
        Ok(())
    }

    /// The network at `share` of the way from the origin to `network`; at 0 the origin's bits.
    fn between(&self, network: &Network, share: f32) -> Network {
        let new_heads: Vec<String> =
            (self.parent.heads.len()..network.heads.len()).map(|head| format!("heads.{head}.")).collect();
        let mut old = std::collections::BTreeMap::new();
        self.origin.each("", &mut |name, param| {
            old.insert(name, param.values());
        });
        let mut moved = network.clone();
        moved.each_mut("", &mut |name, param| {
            let is_new = new_heads.iter().any(|head| name.starts_with(head));
            if let Some(old) = old.get(&name).filter(|_| !is_new) {
                let values = old.iter().zip(param.values()).map(|(o, n)| o + share * (n - o)).collect();
                *param = Param::new(values, param.shape());
            }
        });
        moved
    }
}
