//! Which epoch's weights a training keeps.

use crate::encoder::Network;
use crate::encoder::param::Params;

/// The weights of one epoch.
pub(super) struct Kept {
    pub loss: f64,
    pub epoch: usize,
    pub network: Network,
}

/// The best epochs so far: of the running phase, of the phases before it, and of those that moved
/// too far from an anchor.
#[derive(Default)]
pub(super) struct Keeper {
    of_phase: Option<Kept>,
    before: Option<Kept>,
    far: Option<Kept>,
}

impl Keeper {
    /// From now on the epochs of another phase are offered.
    pub fn begin_phase(&mut self) {
        let of_phase = self.of_phase.take();
        better(&mut self.before, of_phase);
        self.far = None;
    }

    /// Offers an epoch with its validation loss, absent without validation rows: then the last one is
    /// the best. `is_near` says whether an anchor lets it be kept. Returns whether it is the
    /// best of its phase so far.
    pub fn offer(&mut self, network: &Network, epoch: usize, loss: Option<f64>, is_near: bool) -> bool {
        let place = if is_near { &mut self.of_phase } else { &mut self.far };
        let is_best = match (loss, place.as_ref()) {
            (Some(loss), Some(kept)) => loss < kept.loss,
            _ => true,
        };
        if is_best {
            let mut network = network.clone();
            network.set_thawed(false);
            *place = Some(Kept { loss: loss.unwrap_or(f64::INFINITY), epoch, network });
        }
        is_best && is_near
    }

    /// The epoch to keep: the best of the last phase, unless the training was interrupted and an
    /// earlier phase had a better one. An epoch that an anchor refused only if there is no other.
    pub fn best(mut self, is_interrupted: bool) -> Option<Kept> {
        if is_interrupted || self.of_phase.is_none() {
            let before = self.before.take();
            better(&mut self.of_phase, before);
        }
        self.of_phase.or(self.far)
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
