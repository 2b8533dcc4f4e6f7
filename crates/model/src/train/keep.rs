//! Which epoch's weights a training keeps.

use crate::encoder::Network;
use crate::param::Params;

/// The weights of one epoch.
pub(super) struct Kept {
    /// Its validation loss; `None` without one.
    pub loss: Option<f64>,
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
    /// What is kept so far, each with a name.
    pub fn named(&self) -> impl Iterator<Item = (&'static str, &Kept)> {
        let named = [("of_phase", &self.of_phase), ("before", &self.before), ("far", &self.far)];
        named.into_iter().filter_map(|(name, kept)| kept.as_ref().map(|kept| (name, kept)))
    }

    /// Puts back what [`Keeper::named`] gave; a name that it never gives is nothing.
    pub fn put_back(&mut self, name: &str, kept: Kept) {
        match name {
            "of_phase" => self.of_phase = Some(kept),
            "before" => self.before = Some(kept),
            "far" => self.far = Some(kept),
            _ => {}
        }
    }

    /// From now on the epochs of another phase are offered.
    pub fn begin_phase(&mut self) {
        let of_phase = self.of_phase.take();
        better(&mut self.before, of_phase);
        self.far = None;
    }

    /// Offers an epoch with its validation loss. Where there are no validation rows no epoch has one, and the
    /// last one is the best; an epoch whose loss is lost is worse than any that has one. `is_near` says
    /// whether an anchor lets it be kept. Returns whether it is the best of its phase so far.
    pub fn offer(&mut self, network: &Network, epoch: usize, loss: Option<f64>, is_near: bool) -> bool {
        let place = if is_near { &mut self.of_phase } else { &mut self.far };
        let is_best = match (loss, place.as_ref().and_then(|kept| kept.loss)) {
            (Some(loss), Some(least)) => loss < least,
            (loss, least) => loss.is_some() || least.is_none(),
        };
        if is_best {
            let mut network = network.clone();
            network.set_thawed(false);
            *place = Some(Kept { loss, epoch, network });
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
    let rank = |kept: &Kept| kept.loss.unwrap_or(f64::INFINITY);
    if let Some(other) = other
        && place.as_ref().is_none_or(|kept| rank(&other) < rank(kept))
    {
        *place = Some(other);
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_pcg::Pcg64Mcg;

    use super::*;
    use crate::encoder::network::Widths;
    use crate::param::Param;

    /// A network that can be told from others.
    fn network(mark: f32) -> Network {
        let widths = Widths { d: 8, n_blocks: 1, expansion: 1 };
        let mut network = Network::new(&[], widths, &mut Pcg64Mcg::seed_from_u64(0));
        network.trunk.bias = Param::filled(mark, [1, 8]);
        network
    }

    /// Offers epochs with these losses, 1, 2, ..; says which were the best so far, and which is kept.
    fn kept(losses: &[Option<f64>]) -> (Vec<bool>, Option<(usize, f32)>) {
        let mut keeper = Keeper::default();
        let offer =
            |(i, loss): (usize, &Option<f64>)| keeper.offer(&network(i as f32 + 1.0), i + 1, *loss, true);
        let best = losses.iter().enumerate().map(offer).collect();
        let kept = keeper.best(false).map(|kept| (kept.epoch, kept.network.trunk.bias.values()[0]));
        (best, kept)
    }

    #[test]
    fn the_epoch_with_the_least_loss_is_kept_not_the_last_one() {
        let (best, kept) = kept(&[Some(0.5), Some(0.3), Some(0.4)]);
        assert_eq!((best, kept), (vec![true, true, false], Some((2, 2.0))));
    }

    #[test]
    fn without_validation_rows_the_last_epoch_is_kept() {
        assert_eq!(kept(&[None, None, None]), (vec![true; 3], Some((3, 3.0))));
    }

    #[test]
    fn an_epoch_whose_loss_is_lost_is_worse_than_any_that_has_one() {
        assert_eq!(kept(&[Some(0.5), None, Some(0.6)]), (vec![true, false, false], Some((1, 1.0))));
        assert_eq!(kept(&[None, Some(9.0), None]), (vec![true, true, false], Some((2, 2.0))));
    }

    #[test]
    fn an_interrupted_phase_gives_way_to_a_better_one_before_it() {
        for (is_interrupted, epoch) in [(true, 1), (false, 2)] {
            let mut keeper = Keeper::default();
            keeper.offer(&network(1.0), 1, Some(0.3), true);
            keeper.begin_phase();
            keeper.offer(&network(2.0), 2, Some(0.4), true);
            keeper.offer(&network(3.0), 3, Some(0.2), false);
            assert_eq!(keeper.best(is_interrupted).map(|kept| kept.epoch), Some(epoch));
        }
    }

    #[test]
    fn what_is_named_is_put_back_where_it_was() {
        let mut keeper = Keeper::default();
        keeper.offer(&network(1.0), 1, Some(0.3), true);
        keeper.begin_phase();
        keeper.offer(&network(2.0), 2, Some(0.2), false);
        let put_back = |of: &Keeper| {
            let mut again = Keeper::default();
            for (name, kept) in of.named() {
                let Kept { loss, epoch, ref network } = *kept;
                again.put_back(name, Kept { loss, epoch, network: network.clone() });
            }
            again.put_back("of another version", Kept { loss: None, epoch: 9, network: network(9.0) });
            again
        };
        let epoch_of =
            |keeper: Keeper, is_interrupted: bool| keeper.best(is_interrupted).map(|kept| kept.epoch);
        assert_eq!(
            epoch_of(put_back(&keeper), false),
            Some(1),
            "an earlier phase's, and not one that is far"
        );
        keeper.offer(&network(3.0), 3, Some(0.4), true);
        assert_eq!(epoch_of(put_back(&keeper), false), Some(3));
        assert_eq!(epoch_of(put_back(&keeper), true), Some(1));
        let mut far = Keeper::default();
        far.offer(&network(4.0), 4, Some(0.1), false);
        assert_eq!(epoch_of(put_back(&far), false), Some(4));
        assert_eq!(epoch_of(put_back(&Keeper::default()), false), None);
    }
}
