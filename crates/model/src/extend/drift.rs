//! How far old vectors moved: the rows that it is measured on, and the parent's vectors of them.

use tabgraft_table::encoded::EncodedTable;
use tabgraft_table::workers::Shard;

use crate::encoder::Network;
use crate::error::Result;
use crate::metric::{Drift, drift, mean_cosine_distance};
use crate::space::{Rows, embed_encoded};
use crate::train::{Purpose, drawn};

/// Most validation rows that drift is measured on: its mean is of enough of them, and each is compared with every
/// other for its neighbours.
const DRIFT_ROWS: usize = 500;

/// The rows that drift is measured on.
pub(super) fn drift_rows(rows: &Rows) -> Vec<usize> {
    let from = if rows.valid.len() > 1 { &rows.valid } else { &rows.train };
    drawn(from, &rows.key, DRIFT_ROWS, Purpose::Validation)
}

/// Validation rows (training rows where there are not two of them) and the parent's vectors.
pub(super) struct DriftSample {
    rows: EncodedTable,
    before: Vec<f32>,
    d_before: usize,
    seed: u64,
    /// The worker that this is, if there are others: drift is what worker 0 measures.
    shard: Option<Shard>,
}

impl DriftSample {
    /// Of the network that vectors were computed by before, whose columns are the first ones of `encoded`.
    pub fn new(before: &Network, encoded: &EncodedTable, rows: &Rows, seed: u64) -> Self {
        let sample = encoded.take(&drift_rows(rows));
        let d_before = before.d_model();
        let before = embed_encoded(before, &sample);
        DriftSample { rows: sample, before, d_before, seed, shard: rows.shard.clone() }
    }

    /// Mean cosine distance of a network's vectors to the parent's: what [`DriftSample::drift`]
    /// reports as such.
    ///
    /// # Errors
    /// If there are other workers, and one does not answer.
    pub fn distance(&self, network: &Network) -> Result<f64> {
        let after = embed_encoded(network, &self.rows);
        let own = mean_cosine_distance(&self.before, &after, self.d_before, network.d_model());
        self.shard.as_ref().map_or(Ok(own), |shard| shard.first_of(&own))
    }

    /// The whole measure; `None` for fewer than two rows.
    ///
    /// # Errors
    /// A value error for a coordinate that is not finite.
    pub fn drift(&self, network: &Network) -> Result<Option<Drift>> {
        let own = match self.rows.n_rows {
            0 | 1 => None,
            _ => {
                let after = embed_encoded(network, &self.rows);
                Some(drift(&self.before, &after, self.d_before, network.d_model(), self.seed)?)
            }
        };
        self.shard.as_ref().map_or(Ok(own), |shard| shard.first_of(&own))
    }
}
