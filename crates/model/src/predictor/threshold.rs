//! From which probability on the second of two classes is predicted: chosen on rows that were not learned from, for
//! a metric or for what mistakes cost.

use serde::{Deserialize, Serialize};

use super::{PredictorOptions, Target};
use crate::error::{Error, Result};
use crate::metric::{Metric, Task};

/// What a threshold is chosen for.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ThresholdFor {
    /// The highest F1 of the second class.
    F1,
    /// The highest mean share of each class that is predicted right.
    BalancedAccuracy,
    /// The highest share of rows that are predicted right.
    Accuracy,
    /// The lowest costs.
    Costs {
        /// What a row costs that is predicted as the second class and is of the first.
        cost_fp: f64,
        /// What a row costs that is predicted as the first class and is of the second.
        cost_fn: f64,
    },
}

/// A threshold that was chosen on held-out rows.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChosenThreshold {
    /// Probability from which on the second class is predicted, 0 to 1.
    pub value: f64,
    /// What it was chosen for.
    pub chosen_for: ThresholdFor,
    /// What it comes to on the held-out rows: the metric, or the mean costs of a row.
    pub reached: f64,
    /// What 0.5 would have come to.
    pub at_half: f64,
    /// Held-out rows.
    pub n: usize,
}

impl ThresholdFor {
    /// # Errors
    /// An option error for costs that are no finite numbers of at least 0, or both 0.
    pub(super) fn check(&self) -> Result<()> {
        let ThresholdFor::Costs { cost_fp, cost_fn } = *self else { return Ok(()) };
        for (name, cost) in [("cost_fp", cost_fp), ("cost_fn", cost_fn)] {
            if !(cost.is_finite() && cost >= 0.0) {
                return Err(Error::option(format!(
                    "option `{name}` is {cost}, allowed is a finite number of at least 0"
                )));
            }
        }
        match cost_fp + cost_fn > 0.0 {
            true => Ok(()),
            false => {
                Err(Error::option("options `cost_fp` and `cost_fn` are both 0: no mistake costs anything")
                    .with_hint("give what each kind of mistake costs, in any unit"))
            }
        }
    }

    /// What it is chosen for, in words.
    pub fn words(&self) -> String {
        match self {
            ThresholdFor::F1 => Metric::F1.name().to_owned(),
            ThresholdFor::BalancedAccuracy => Metric::BalancedAccuracy.name().to_owned(),
            ThresholdFor::Accuracy => Metric::Accuracy.name().to_owned(),
            ThresholdFor::Costs { cost_fp, cost_fn } => {
                format!("costs of {cost_fp} for a false positive and {cost_fn} for a false negative")
            }
        }
    }

    /// Chooses the threshold on rows that were not learned from.
    ///
    /// Costs of calibrated probabilities ask for `cost_fp / (cost_fp + cost_fn)` (Elkan 2001), which the costs that the
    /// held-out rows have at other thresholds may move, by no more than what is there to be seen. Metrics have no such
    /// rule. The best thresholds lie on a plateau, of which the middle is taken: few rows say little of its ends.
    ///
    /// # Shapes
    /// - `p`: `[n]`, probability of the second class; `is_positive`, `weights`: `[n]`
    pub(super) fn choose(&self, p: &[f64], is_positive: &[bool], weights: &[f32]) -> ChosenThreshold {
        let mut order: Vec<usize> = (0..p.len()).collect();
        order.sort_by(|a, b| p[*b].total_cmp(&p[*a]));
        let mut counts = Counts::default();
        for r in 0..p.len() {
            *(if is_positive[r] { &mut counts.missed } else { &mut counts.rejected }) +=
                f64::from(weights[r]);
        }
        // Thresholds between neighbours: above all of them first.
        let mut tried = vec![(1.0, self.worth(&counts))];
        let mut i = 0;
        while i < order.len() {
            let here = p[order[i]];
            while i < order.len() && p[order[i]] == here {
                counts.accept(is_positive[order[i]], f64::from(weights[order[i]]));
                i += 1;
            }
            let next = order.get(i).map_or(0.0, |r| p[*r]);
            tried.push(((here + next) / 2.0, self.worth(&counts)));
        }
        let at = |threshold: f64| {
            let mut counts = Counts::default();
            for r in 0..p.len() {
                let weight = f64::from(weights[r]);
                match (is_positive[r], p[r] >= threshold) {
                    (true, true) => counts.hit += weight,
                    (true, false) => counts.missed += weight,
                    (false, true) => counts.alarm += weight,
                    (false, false) => counts.rejected += weight,
                }
            }
            self.worth(&counts)
        };
        let best = tried.iter().map(|(_, worth)| *worth).fold(f64::NEG_INFINITY, f64::max);
        let value = match self {
            ThresholdFor::Costs { cost_fp, cost_fn } => cost_fp / (cost_fp + cost_fn),
            _ => {
                let is_near = |worth: f64| worth >= best - PLATEAU * spread(best, p.len());
                // The run of good thresholds around the best one.
                let top = tried.iter().position(|(_, worth)| *worth == best).unwrap_or(0);
                let first = (0..=top).rev().take_while(|i| is_near(tried[*i].1)).last().unwrap_or(top);
                let last = (top..tried.len()).take_while(|i| is_near(tried[*i].1)).last().unwrap_or(top);
                (tried[first].0 + tried[last].0) / 2.0
            }
        };
        let sign = if matches!(self, ThresholdFor::Costs { .. }) { -1.0 } else { 1.0 };
        ChosenThreshold {
            value,
            chosen_for: *self,
            reached: sign * at(value),
            at_half: sign * at(0.5),
            n: p.len(),
        }
    }

    /// The larger the better.
    fn worth(&self, counts: &Counts) -> f64 {
        let Counts { hit, missed, alarm, rejected } = *counts;
        let share = |part: f64, whole: f64| if whole > 0.0 { part / whole } else { 0.0 };
        match self {
            ThresholdFor::F1 => share(2.0 * hit, 2.0 * hit + alarm + missed),
            ThresholdFor::BalancedAccuracy => {
                (share(hit, hit + missed) + share(rejected, rejected + alarm)) / 2.0
            }
            ThresholdFor::Accuracy => share(hit + rejected, hit + missed + alarm + rejected),
            ThresholdFor::Costs { cost_fp, cost_fn } => {
                -share(cost_fp * alarm + cost_fn * missed, hit + missed + alarm + rejected)
            }
        }
    }
}

/// Refuses to choose a threshold where there is none.
///
/// # Errors
/// An option error for a target that has not two classes.
pub(super) fn check_target(target: &Target, options: &PredictorOptions) -> Result<()> {
    match options.threshold_for {
        Some(_) if target.task() != Task::Binary => Err(Error::option(format!(
            "a threshold is for two classes, the task of `{}` is {}",
            target.column(),
            target.task().name()
        ))
        .with_hint("leave `threshold_for`, `cost_fp` and `cost_fn` out")),
        _ => Ok(()),
    }
}

/// The threshold that the options ask for, if they ask for one.
///
/// # Shapes
/// - `held_out`: `[n, 2]`, probabilities of rows by learners that did not learn from them; `targets`, `weights`: `[n]`
pub(super) fn chosen(
    target: &Target,
    options: &PredictorOptions,
    held_out: &[f64],
    targets: &[f64],
    weights: &[f32],
) -> Option<ChosenThreshold> {
    let chosen_for = options.threshold_for.filter(|_| target.task() == Task::Binary)?;
    let p: Vec<f64> = held_out.iter().skip(1).step_by(2).copied().collect();
    let is_positive: Vec<bool> = targets.iter().map(|class| *class as usize == 1).collect();
    Some(chosen_for.choose(&p, &is_positive, weights))
}

/// What there is to say where no held-out row would be predicted as the one of two classes.
pub(super) fn collapse(
    target: &Target,
    options: &PredictorOptions,
    chosen: Option<ChosenThreshold>,
    held_out: &[f64],
) -> Option<String> {
    let [first, second] = target.classes() else { return None };
    let threshold = chosen.map_or(options.threshold, |chosen| chosen.value);
    let accepted = held_out.iter().skip(1).step_by(2).filter(|p| **p >= threshold).count();
    let n = held_out.len() / 2;
    let only = match accepted {
        _ if n == 0 => return None,
        0 => first,
        all if all == n => second,
        _ => return None,
    };
    Some(format!(
        "all {n} held-out rows are predicted as `{only}` from a threshold of {threshold}: the probabilities rank them, \
         the classes do not tell them apart; option `threshold_for` chooses a threshold for a metric, `cost_fp` and \
         `cost_fn` for what mistakes cost"
    ))
}

/// Width of the plateau in standard errors of a share.
const PLATEAU: f64 = 0.1;

fn spread(share: f64, n: usize) -> f64 {
    (share.clamp(0.0, 1.0) * (1.0 - share.clamp(0.0, 1.0)) / n.max(1) as f64).sqrt()
}

/// Weights of rows by truth and prediction.
#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    hit: f64,
    missed: f64,
    alarm: f64,
    rejected: f64,
}

impl Counts {
    /// A row is predicted as the second class that was not.
    fn accept(&mut self, is_positive: bool, weight: f64) {
        if is_positive {
            self.hit += weight;
            self.missed -= weight;
        } else {
            self.alarm += weight;
            self.rejected -= weight;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 1,000 rows whose probability is true: of those with `p`, `p` are positive.
    fn rows() -> (Vec<f64>, Vec<bool>, Vec<f32>) {
        let p: Vec<f64> = (0..1000).map(|i| (f64::from(i % 100) + 0.5) / 250.0).collect();
        let truth = (0..1000)
            .map(|i| f64::from((i * 7919 + i / 100 * 131) % 1000) / 1000.0 < p[i as usize])
            .collect();
        (p, truth, vec![1.0; 1000])
    }

    #[test]
    fn costs_ask_for_their_ratio_and_cost_less_than_a_half() {
        let (p, truth, weights) = rows();
        let chosen = ThresholdFor::Costs { cost_fp: 1.0, cost_fn: 4.0 }.choose(&p, &truth, &weights);
        assert_eq!(chosen.value, 0.2);
        assert!(chosen.reached < chosen.at_half, "{chosen:?}");
        assert_eq!(chosen.n, 1000);
    }

    #[test]
    fn a_threshold_for_a_metric_is_far_better_than_a_half_where_a_class_is_rare() {
        let (p, truth, weights) = rows();
        for chosen_for in [ThresholdFor::F1, ThresholdFor::BalancedAccuracy] {
            let chosen = chosen_for.choose(&p, &truth, &weights);
            assert!(chosen.reached > chosen.at_half + 0.1, "{chosen:?}");
            assert!(chosen.value > 0.05 && chosen.value < 0.35, "{chosen:?}");
        }
        // No probability reaches a half: nothing is positive there.
        assert_eq!(ThresholdFor::F1.choose(&p, &truth, &weights).at_half, 0.0);
    }

    #[test]
    fn thresholds_separate_what_can_be_separated_and_lie_in_the_middle_of_the_gap() {
        let p = [0.01, 0.02, 0.03, 0.2, 0.3];
        let truth = [false, false, false, true, true];
        let chosen = ThresholdFor::F1.choose(&p, &truth, &[1.0; 5]);
        assert!((chosen.value - 0.115).abs() < 1e-9 && chosen.reached == 1.0, "{chosen:?}");
    }

    #[test]
    fn costs_that_are_none_are_refused() {
        for (cost_fp, cost_fn) in [(0.0, 0.0), (-1.0, 1.0), (1.0, f64::NAN)] {
            assert!(ThresholdFor::Costs { cost_fp, cost_fn }.check().is_err());
        }
        assert!(ThresholdFor::Costs { cost_fp: 0.0, cost_fn: 1.0 }.check().is_ok());
    }
}
