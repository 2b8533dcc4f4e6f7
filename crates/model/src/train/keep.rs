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
    /// Least watched loss of the running phase, near the anchor or not.
    least: Option<f64>,
    worse_epochs: usize,
}

impl Keeper {
    /// From now on the epochs of another phase are offered.
    pub fn begin_phase(&mut self) {
        let of_phase = self.of_phase.take();
        better(&mut self.before, of_phase);
        self.far = None;
        self.least = None;
        self.worse_epochs = 0;
    }

    /// Offers an epoch with its validation loss and the one that the phase watches, absent without validation rows: then the last one
    /// is the best. `is_near` says whether an anchor lets it be kept. Returns whether it is the
    /// best of its phase so far.
    pub fn offer(
        &mut self,
        network: &Network,
        epoch: usize,
        [loss, watched]: [Option<f64>; 2],
        is_near: bool,
    ) -> bool {
        let least = self.least;
        let improves = |loss: Option<f64>, than: Option<f64>| match (loss, than) {
            (Some(loss), Some(than)) => loss < than,
            _ => true,
        };
        if improves(watched, least) {
            self.least = watched;
            self.worse_epochs = 0;
        } else {
            self.worse_epochs += 1;
        }
        let place = if is_near { &mut self.of_phase } else { &mut self.far };
        let is_best = improves(loss, place.as_ref().map(|kept| kept.loss));
        if is_best {
            let mut network = network.clone();
            network.set_thawed(false);
            *place = Some(Kept { loss: loss.unwrap_or(f64::INFINITY), epoch, network });
        }
        is_best && is_near
    }

    /// Epochs of this phase since the loss that it watches last fell.
    pub fn worse_epochs(&self) -> usize {
        self.worse_epochs
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
