//! Which epoch's weights a training keeps.

use crate::encoder::Network;
use crate::encoder::param::Params;

/// The weights of one epoch.
pub(super) struct Kept {
    pub loss: f64,
    pub epoch: usize,
    pub network: Network,
}

/// The best epochs so far, of the running phase and of the phases before it.
#[derive(Default)]
pub(super) struct Keeper {
    of_phase: Option<Kept>,
    before: Option<Kept>,
    worse_epochs: usize,
}

impl Keeper {
    /// From now on the epochs of another phase are offered.
    pub fn begin_phase(&mut self) {
        let of_phase = self.of_phase.take();
        better(&mut self.before, of_phase);
        self.worse_epochs = 0;
    }

    /// Offers an epoch with its validation loss, absent without validation rows: then the last one
    /// is the best. Returns whether it is the best of its phase so far.
    pub fn offer(&mut self, network: &Network, epoch: usize, loss: Option<f64>) -> bool {
        let is_best = match (&self.of_phase, loss) {
            (Some(kept), Some(loss)) => loss < kept.loss,
            _ => true,
        };
        self.worse_epochs = if is_best { 0 } else { self.worse_epochs + 1 };
        if is_best {
            let mut network = network.clone();
            network.set_thawed(false);
            self.of_phase = Some(Kept { loss: loss.unwrap_or(f64::INFINITY), epoch, network });
        }
        is_best
    }

    /// Epochs of this phase since its loss last fell.
    pub fn worse_epochs(&self) -> usize {
        self.worse_epochs
    }

    /// The epoch to keep: the best of the last phase, unless the training was interrupted and an
    /// earlier phase had a better one.
    pub fn best(mut self, is_interrupted: bool) -> Option<Kept> {
        if is_interrupted || self.of_phase.is_none() {
            let before = self.before.take();
            better(&mut self.of_phase, before);
        }
        self.of_phase
    }
}

/// Puts `other` in place if it is better.
fn better(place: &mut Option<Kept>, other: Option<Kept>) {
    if let Some(other) = other
        && place.as_ref().is_none_or(|kept| other.loss < kept.loss)
    {
        *place = Some(other);
    }
}
