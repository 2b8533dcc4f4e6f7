//! The networks of a bag as one, whose weights are the mean of theirs (Wortsman et al. 2022, arXiv:2203.05482), and the
//! members of a network by the first of them.
//!
//! Networks that start from the same weights and learn from nearly the same rows end in one valley of the loss, so that
//! the mean of their weights predicts about as the mean of their predictions does, at the price of one of them. Members
//! share nearly all of their weights. Both is looked at, not taken for granted.

use super::bag::{BagData, NotFinite, predict};
use super::head::Head;
use crate::param::{Param, Params};

/// Most rows that both ways to predict are compared on, about.
const MOST_ROWS: usize = 2048;
/// Most that what predicts may be away from the mean of all predictions, as a share of what the networks are away from it;
/// mean squares.
const MOST_AWAY: f64 = 0.15;
/// Share of the networks in a prediction from which on that holds. What they are away moves a prediction by as much times
/// their share, so that those of less may be further away.
const SHARE_OF_ALL: f64 = 0.5;

/// The network whose weights are the mean of those of `heads`; none of none.
pub(super) fn mean(heads: &[Head]) -> Option<Head> {
    let mut sums: Vec<Vec<f64>> = Vec::new();
    for head in heads {
        let mut nth = 0;
        head.each("", &mut |_, param| {
            let value = param.tensor();
            let values = value.here().flat();
            if nth == sums.len() {
                sums.push(vec![0.0; values.len()]);
            }
            sums[nth].iter_mut().zip(&*values).for_each(|(sum, value)| *sum += f64::from(*value));
            nth += 1;
        });
    }
    let mut mean = heads.first()?.clone();
    let mut sums = sums.into_iter();
    mean.each_mut("", &mut |_, param| {
        if let Some(sums) = sums.next() {
            let values = sums.into_iter().map(|sum| (sum / heads.len() as f64) as f32).collect();
            *param = Param::new(values, param.shape());
        }
    });
    Some(mean)
}

/// What predicts in the place of all networks with all of their members.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Thrift {
    /// One network, whose weights are the mean of theirs.
    pub networks_as_one: bool,
    /// The first member of each network.
    pub one_member: bool,
}

impl Thrift {
    /// The networks that predict, where not all of `heads` do.
    pub fn heads(self, heads: &[Head]) -> Option<Vec<Head>> {
        let one = self.networks_as_one.then(|| mean(heads)).flatten();
        let heads = one.as_ref().map_or(heads, std::slice::from_ref);
        match self.one_member {
            true => Some(heads.iter().map(Head::of_first_member).collect()),
            false => one.map(|one| vec![one]),
        }
    }

    /// The cheapest way that says about what all members of all networks say, where networks have `share` of a prediction.
    ///
    /// What is held against each other are predictions, not losses: nearly all of the networks learned from each of the rows,
    /// and the one remembers less of single rows than they do.
    pub fn of(heads: &[Head], data: &BagData, share: f64) -> Thrift {
        if heads.len() < 2 {
            return Thrift::default();
        }
        let step = data.rows.len().div_ceil(MOST_ROWS).max(1);
        let rows: Vec<usize> = data.rows.iter().copied().step_by(step).collect();
        let of = |heads: &[Head]| -> Result<Vec<Vec<f64>>, NotFinite> {
            heads.iter().map(|head| predict(head, data, &rows)).collect()
        };
        let Ok(each) = of(heads) else { return Thrift::default() };
        let all = mean_of(&each);
        let away = |values: &[f64]| -> f64 { values.iter().zip(&all).map(|(a, b)| (a - b).powi(2)).sum() };
        let spread = each.iter().map(|values| away(values)).sum::<f64>() / heads.len() as f64;
        let most = MOST_AWAY * spread * (SHARE_OF_ALL / share).powi(2).max(1.0);
        let is_near = |way: &Thrift| {
            let heads = way.heads(heads);
            heads.is_some_and(|heads| of(&heads).is_ok_and(|each| away(&mean_of(&each)) <= most))
        };
        let mut found = Thrift { networks_as_one: true, one_member: false };
        found.networks_as_one = is_near(&found);
        let fewer = Thrift { one_member: true, ..found };
        if is_near(&fewer) { fewer } else { found }
    }
}

fn mean_of(each: &[Vec<f64>]) -> Vec<f64> {
    let mut mean = vec![0.0; each.first().map_or(0, Vec::len)];
    for values in each {
        mean.iter_mut().zip(values).for_each(|(sum, v)| *sum += v / each.len() as f64);
    }
    mean
}

#[cfg(test)]
mod tests {
    use super::super::head::tests::example;
    use super::super::loss::Labels;
    use super::*;

    fn data() -> BagData {
        let (_, groups, n_rows) = example(1);
        BagData {
            groups,
            labels: Labels::Classes { class: vec![0; n_rows], n_classes: 3 },
            weights: vec![1.0; n_rows],
            rows: (0..n_rows).collect(),
            fold: vec![0; n_rows],
        }
    }

    /// The example with all of its weights moved a little, each in a direction of its own.
    fn moved(by: f32) -> Head {
        let (mut head, ..) = example(1);
        head.each_mut("", &mut |_, param| {
            let values = param.values().into_iter().enumerate().map(|(i, v)| v + by * (i as f32 * 1.7).sin());
            *param = Param::new(values.collect(), param.shape());
        });
        head
    }

    fn bits(head: &Head) -> Vec<u32> {
        let mut bits = Vec::new();
        head.each("", &mut |_, param| bits.extend(param.values().iter().map(|v| v.to_bits())));
        bits
    }

    #[test]
    fn the_mean_of_one_is_itself_and_of_two_lies_between() {
        assert!(mean(&[]).is_none());
        let (one, ..) = example(1);
        assert_eq!(bits(&mean(std::slice::from_ref(&one)).unwrap()), bits(&one));
        let middle = bits(&mean(&[moved(0.25), moved(-0.25)]).unwrap());
        for (found, wanted) in middle.iter().zip(bits(&one)) {
            assert!((f32::from_bits(*found) - f32::from_bits(wanted)).abs() < 1e-6);
        }
    }

    #[test]
    fn networks_of_one_valley_are_as_good_as_one_and_those_of_two_are_not() {
        let way = |heads: &[Head], share| Thrift::of(heads, &data(), share);
        let one = Thrift { networks_as_one: true, one_member: false };
        assert_eq!(
            way(&[moved(0.01), moved(-0.01)], 1.0),
            one,
            "members differ far more than these networks"
        );
        assert!(!way(&[moved(2.0), moved(-2.0)], 1.0).networks_as_one);
        assert_eq!(way(&[moved(0.01)], 1.0), Thrift::default(), "one network is no mean");
    }

    #[test]
    fn networks_of_a_small_share_may_be_further_away() {
        let heads = [moved(2.0), moved(-2.0)];
        let cheapest = Thrift { networks_as_one: true, one_member: true };
        assert_eq!(Thrift::of(&heads, &data(), 0.01), cheapest);
        let predicting = cheapest.heads(&heads).unwrap();
        assert_eq!(predicting.iter().map(|head| head.members.n_members()).collect::<Vec<_>>(), [1]);
        assert!(Thrift::default().heads(&heads).is_none(), "they themselves predict");
    }
}
