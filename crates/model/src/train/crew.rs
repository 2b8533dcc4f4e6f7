//! What the workers of one training exchange, or a training alone does without.
//!
//! ```text
//! every step    the weights of all cells (one number), then gradients, losses and counts: one array
//! every pass    sums and counts of the validation losses
//! every epoch   a hash of the weights, and whether somebody wants to stop
//! ```

use std::collections::BTreeMap;

use tabgraft_table::workers::Shard;

use super::TrainingData;
use crate::encoder::Network;
use crate::error::{Error, Result};
use crate::kernel::Tensor;
use crate::objective::splitmix;
use crate::param::weights::to_blobs;
use crate::store::{Blob, weights_hash};

/// The workers of a training, as one of them sees them.
pub(super) struct Crew<'a> {
    shard: Option<&'a Shard>,
    /// Training rows of all workers, and of the one that has the fewest.
    n_rows: [usize; 2],
    /// Training rows of each.
    of_each: Vec<usize>,
}

/// Figures of a step.
pub(super) struct Sums {
    /// Weighted loss, summed over cells.
    pub loss: f64,
    /// Distance to an anchor, summed over workers.
    pub distance: f64,
    /// Workers that want to stop.
    pub n_stops: usize,
    /// For each column the cells whose loss was not finite.
    pub contained: Vec<usize>,
}

impl<'a> Crew<'a> {
    /// Those that train on `data`.
    ///
    /// # Errors
    /// If a worker has no row to train on, or does not answer.
    pub fn of(data: &'a TrainingData) -> Result<Self> {
        let n_own = data.train_rows.len();
        let Some(shard) = &data.shard else {
            return Ok(Crew { shard: None, n_rows: [n_own; 2], of_each: vec![n_own] });
        };
        let mut counts = vec![0; shard.n_workers()];
        counts[shard.rank()] = n_own as u64;
        shard.sum_counts(&mut counts)?;
        let least = counts.iter().copied().min().unwrap_or_default();
        if let (0, Some(rank)) = (least, counts.iter().position(|count| *count == 0)) {
            return Err(Error::value(format!("worker {rank} has no row to train on"))
                .with_hint("give fewer workers, or deal the rows evenly"));
        }
        let of_each: Vec<usize> = counts.iter().map(|count| *count as usize).collect();
        Ok(Crew { shard: Some(shard), n_rows: [of_each.iter().sum(), least as usize], of_each })
    }

    /// Steps of an epoch: of `batch_size` rows of all workers together, and never so many that one has no row in some.
    pub fn n_steps(&self, batch_size: usize) -> usize {
        self.n_rows[0].div_ceil(batch_size).clamp(1, self.n_rows[1].max(1))
    }

    /// Training rows of each worker, of whom there are several; empty of one.
    pub fn rows_of_each(&self) -> Vec<usize> {
        if self.of_each.len() > 1 { self.of_each.clone() } else { Vec::new() }
    }

    /// What those exchange who share the training; `None` of a training alone.
    pub fn shard(&self) -> Option<&'a Shard> {
        self.shard
    }

    /// How many there are.
    pub fn n_workers(&self) -> usize {
        self.shard.map_or(1, Shard::n_workers)
    }

    /// Sets what each draws by itself apart; 0 for the first.
    pub fn salt(&self) -> u64 {
        self.shard.map_or(0, |shard| match shard.rank() {
            0 => 0,
            rank => splitmix(rank as u64),
        })
    }

    /// The sum of a number over all workers.
    ///
    /// # Errors
    /// If a worker does not answer.
    pub fn sum_of(&self, value: f32) -> Result<f32> {
        let mut values = [value];
        if let Some(shard) = self.shard {
            shard.sum(&mut values)?;
        }
        Ok(values[0])
    }

    /// Whether one of them says so.
    ///
    /// # Errors
    /// As [`Crew::sum_of`].
    pub fn any(&self, says: bool) -> Result<bool> {
        Ok(self.sum_of(f32::from(u8::from(says)))? > 0.0)
    }

    /// Puts the sums over all workers in the place of a step's gradients and figures.
    ///
    /// # Errors
    /// As [`Crew::sum_of`].
    pub fn sum_step(&self, found: &mut BTreeMap<String, Tensor>, sums: &mut Sums) -> Result<()> {
        let Some(shard) = self.shard else { return Ok(()) };
        let mut all = vec![sums.loss as f32, sums.distance as f32, sums.n_stops as f32];
        all.extend(sums.contained.iter().map(|count| *count as f32));
        for gradient in found.values() {
            all.extend(gradient.clone().read()?);
        }
        shard.sum(&mut all)?;
        let mut rest = &all[3 + sums.contained.len()..];
        sums.contained = all[3..].iter().take(sums.contained.len()).map(|count| *count as usize).collect();
        (sums.loss, sums.distance, sums.n_stops) = (all[0].into(), all[1].into(), all[2] as usize);
        for gradient in found.values_mut() {
            let shape = gradient.shape();
            let (own, later) = rest.split_at(shape[0] * shape[1]);
            (*gradient, rest) = (Tensor::new(own.to_vec(), shape, &gradient.place()), later);
        }
        Ok(())
    }

    /// Puts the sums over all workers in the place of those of each column's losses, and of how many they are of.
    ///
    /// # Errors
    /// As [`Crew::sum_of`].
    pub fn sum_losses(&self, sums: &mut [f64], counts: &mut [usize]) -> Result<()> {
        let Some(shard) = self.shard else { return Ok(()) };
        // What a 32-bit float leaves of a sum travels as a second one.
        let pieces = |sum: &f64| [*sum as f32, (sum - f64::from(*sum as f32)) as f32];
        let mut values: Vec<f32> = sums.iter().flat_map(pieces).collect();
        shard.sum(&mut values)?;
        for (sum, pieces) in sums.iter_mut().zip(values.chunks_exact(2)) {
            *sum = f64::from(pieces[0]) + f64::from(pieces[1]);
        }
        let mut whole: Vec<u64> = counts.iter().map(|count| *count as u64).collect();
        shard.sum_counts(&mut whole)?;
        counts.iter_mut().zip(whole).for_each(|(count, sum)| *count = sum as usize);
        Ok(())
    }

    /// Refuses to go on where workers have come to different weights.
    ///
    /// # Errors
    /// A training error that names a worker that differs.
    pub fn check_weights(&self, network: &Network) -> Result<()> {
        let Some(shard) = self.shard else { return Ok(()) };
        let mut weights = BTreeMap::<String, Blob>::new();
        to_blobs(network, "", &mut weights);
        shard.check_same("weights", weights_hash(&weights).as_str().as_bytes())
    }
}
