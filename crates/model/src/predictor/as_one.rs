//! The networks of a bag as one, whose weights are the mean of theirs (Wortsman et al. 2022, arXiv:2203.05482).
//!
//! Networks that start from the same weights and learn from nearly the same rows end in one valley of the loss, so that
//! the mean of their weights predicts about as the mean of their predictions does, at the price of one of them. That is
//! looked at, not taken for granted.

use super::bag::{BagData, predict};
use super::head::Head;
use crate::param::{Param, Params};

/// Most rows that both ways to predict are compared on, about.
const MOST_ROWS: usize = 2048;
/// Most that the one network may be away from the mean of all predictions, as a share of what the networks are away
/// from it; mean squares.
const MOST_AWAY: f64 = 0.15;

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

/// Whether one network of mean weights says about what the mean of all predictions is.
///
/// What is held against each other are predictions, not losses: nearly all of the networks learned from each of the rows,
/// and the one remembers less of single rows than they do.
pub(super) fn is_as_good(heads: &[Head], data: &BagData) -> bool {
    let (Some(one), true) = (mean(heads), heads.len() > 1) else { return false };
    let step = data.rows.len().div_ceil(MOST_ROWS).max(1);
    let rows: Vec<usize> = data.rows.iter().copied().step_by(step).collect();
    let of = |head: &Head| predict(head, data, &rows);
    let (Ok(one), Ok(each)) = (of(&one), heads.iter().map(of).collect::<Result<Vec<_>, _>>()) else {
        return false;
    };
    let mut all = vec![0.0; one.len()];
    for values in &each {
        all.iter_mut().zip(values).for_each(|(sum, v)| *sum += v / heads.len() as f64);
    }
    let away = |values: &[f64]| -> f64 { values.iter().zip(&all).map(|(a, b)| (a - b).powi(2)).sum() };
    let spread = each.iter().map(|values| away(values)).sum::<f64>() / heads.len() as f64;
    away(&one) <= MOST_AWAY * spread
}

#[cfg(test)]
mod tests {
    use super::super::bag::Labels;
    use super::super::head::tests::example;
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
        assert!(is_as_good(&[moved(0.01), moved(-0.01)], &data()));
        assert!(!is_as_good(&[moved(2.0), moved(-2.0)], &data()));
        assert!(!is_as_good(&[moved(0.01)], &data()), "one network is no mean");
    }
}
