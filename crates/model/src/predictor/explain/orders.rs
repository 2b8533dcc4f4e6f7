//! Which coalitions are asked about, and what their worth says of each player.

use serde::Serialize;

use crate::error::{Error, Result};
use crate::train::shuffled;

/// Predictions for each row where nobody says how many.
const USUAL_EVALUATIONS: usize = 512;
/// Fewest pairs of orders: of one no standard error is known.
const FEWEST_PAIRS: usize = 2;

/// How contributions were found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "method", rename_all = "snake_case")]
pub enum Method {
    /// By all coalitions.
    Exact,
    /// By orders that were drawn, each with its reverse.
    Orders {
        /// Orders, reversed ones too.
        n: usize,
    },
}

/// The coalitions that are asked about.
pub(super) enum Orders {
    /// All of them: those whose bit is set are seen.
    Exact { n: usize },
    /// Orders in which players are seen, each followed by its reverse.
    Drawn { orders: Vec<Vec<usize>> },
}

/// What the players gave to one row.
pub(super) struct Given {
    /// `[n_outputs]`.
    pub prediction: Vec<f64>,
    /// `[n_players, n_outputs]`.
    pub contributions: Vec<f64>,
    /// `[n_players, n_outputs]`.
    pub standard_errors: Vec<f64>,
}

impl Orders {
    /// For so many players and at most so many predictions a row.
    ///
    /// # Errors
    /// An option error for fewer predictions than two pairs of orders need.
    pub fn new(n: usize, n_evaluations: Option<usize>, seed: u64) -> Result<Self> {
        let of_pairs = |pairs: usize| 2 + pairs * 2 * n.saturating_sub(1);
        let most = n_evaluations.unwrap_or_else(|| USUAL_EVALUATIONS.max(of_pairs(FEWEST_PAIRS)));
        if n < usize::BITS as usize && 1 << n <= most {
            return Ok(Orders::Exact { n });
        }
        let least = of_pairs(FEWEST_PAIRS).min(1 << n.min(usize::BITS as usize - 1));
        if most < least {
            return Err(Error::option(format!(
                "option `n_evaluations` is {most}, but {n} columns need at least {least} predictions a row"
            ))
            .with_hint("allow more, or put columns that belong together into groups"));
        }
        let n_pairs = (most - 2) / (2 * (n - 1));
        let players: Vec<usize> = (0..n).collect();
        let pair = |i: usize| {
            let order = shuffled(&players, seed, i);
            let reverse = order.iter().rev().copied().collect();
            [order, reverse]
        };
        Ok(Orders::Drawn { orders: (0..n_pairs).flat_map(pair).collect() })
    }

    /// How contributions are found.
    pub fn method(&self) -> Method {
        match self {
            Orders::Exact { .. } => Method::Exact,
            Orders::Drawn { orders } => Method::Orders { n: orders.len() },
        }
    }

    /// Of each coalition which players are hidden: first those where nobody is seen and where all are, where orders are
    /// drawn.
    pub fn hidden(&self) -> Vec<Vec<bool>> {
        match self {
            Orders::Exact { n } => {
                (0..1usize << n).map(|seen| (0..*n).map(|p| seen >> p & 1 == 0).collect()).collect()
            }
            Orders::Drawn { orders } => {
                let n = orders[0].len();
                let mut all = vec![vec![true; n], vec![false; n]];
                for order in orders {
                    let mut hidden = vec![true; n];
                    for player in &order[..n - 1] {
                        hidden[*player] = false;
                        all.push(hidden.clone());
                    }
                }
                all
            }
        }
    }

    /// What each player gave, by the worth of the coalitions.
    ///
    /// # Shapes
    /// - `worth`: `[n_coalitions, n_outputs]`
    pub fn contributions(&self, worth: &[f64], n_outputs: usize) -> Given {
        let n_coalitions = worth.len() / n_outputs;
        let (empty, full) = match self {
            Orders::Exact { .. } => (0, n_coalitions - 1),
            Orders::Drawn { .. } => (0, 1),
        };
        let n = match self {
            Orders::Exact { n } => *n,
            Orders::Drawn { orders } => orders[0].len(),
        };
        let mut given = Given {
            prediction: worth[full * n_outputs..][..n_outputs].to_vec(),
            contributions: vec![0.0; n * n_outputs],
            standard_errors: vec![0.0; n * n_outputs],
        };
        for k in 0..n_outputs {
            let of = |coalition: usize| worth[coalition * n_outputs + k];
            let (mut own, errors) = match self {
                Orders::Exact { .. } => (exact(n, &of), vec![0.0; n]),
                Orders::Drawn { orders } => drawn(orders, &of),
            };
            close(of(empty), of(full), &mut own);
            for (player, (own, error)) in own.into_iter().zip(errors).enumerate() {
                given.contributions[player * n_outputs + k] = own;
                given.standard_errors[player * n_outputs + k] = error;
            }
        }
        given
    }
}

/// Shapley values: `sum over S without i of |S|! (n - |S| - 1)! / n! * (v(S + i) - v(S))`.
fn exact(n: usize, worth: &impl Fn(usize) -> f64) -> Vec<f64> {
    // 1 / (n * (n - 1 over |S|)).
    let mut weights = Vec::with_capacity(n);
    let mut choices = 1.0;
    for size in 0..n {
        weights.push(1.0 / (n as f64 * choices));
        choices *= (n - 1 - size) as f64 / (size + 1) as f64;
    }
    let of_player = |player: usize| -> f64 {
        let without = (0..1usize << n).filter(|seen| seen >> player & 1 == 0);
        without
            .map(|seen| weights[seen.count_ones() as usize] * (worth(seen | 1 << player) - worth(seen)))
            .sum()
    };
    (0..n).map(of_player).collect()
}

/// Means over pairs of an order and its reverse, and their standard errors.
fn drawn(orders: &[Vec<usize>], worth: &impl Fn(usize) -> f64) -> (Vec<f64>, Vec<f64>) {
    let n = orders[0].len();
    let n_pairs = orders.len() / 2;
    let mut of_pairs = vec![0.0; n_pairs * n];
    for (i, order) in orders.iter().enumerate() {
        let first = 2 + i * (n - 1);
        let mut before = worth(0);
        for (place, player) in order.iter().enumerate() {
            let with = if place + 1 == n { worth(1) } else { worth(first + place) };
            of_pairs[i / 2 * n + player] += (with - before) / 2.0;
            before = with;
        }
    }
    let of_player = |player: usize| of_pairs.iter().skip(player).step_by(n);
    let means: Vec<f64> = (0..n).map(|p| of_player(p).sum::<f64>() / n_pairs as f64).collect();
    let error = |p: usize| {
        let squares: f64 = of_player(p).map(|given| (given - means[p]).powi(2)).sum();
        (squares / (n_pairs * (n_pairs - 1)) as f64).sqrt()
    };
    let errors = (0..n).map(error).collect();
    (means, errors)
}

/// Gives what rounding left over to the last contribution that is not 0: added to the base from the first to the last,
/// they then come to the prediction, to the last bit where a sum of 64-bit numbers can.
fn close(base: f64, prediction: f64, contributions: &mut [f64]) {
    let Some(last) = contributions.iter().rposition(|own| *own != 0.0) else { return };
    let before = contributions[..last].iter().fold(base, |sum, own| sum + own);
    contributions[last] = prediction - before;
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A game of five or more: products of two and of three players, and others who do nothing.
    fn worth(hidden: &[bool]) -> f64 {
        let seen = |p: usize| f64::from(u8::from(!hidden[p]));
        1.5 + 2.0 * seen(0) - seen(1) + 4.0 * seen(0) * seen(2) + 3.0 * seen(0) * seen(1) * seen(2)
    }

    fn given(orders: &Orders) -> Given {
        let values: Vec<f64> = orders.hidden().iter().map(|hidden| worth(hidden)).collect();
        orders.contributions(&values, 1)
    }

    #[test]
    fn products_are_shared_evenly_and_who_does_nothing_gets_nothing() {
        let exact = given(&Orders::new(5, None, 0).unwrap());
        let wanted = [2.0 + 2.0 + 1.0, -1.0 + 1.0, 2.0 + 1.0, 0.0, 0.0];
        for (found, wanted) in exact.contributions.iter().zip(wanted) {
            assert!((found - wanted).abs() < 1e-12, "{:?}", exact.contributions);
        }
        assert_eq!(exact.contributions[3..], [0.0, 0.0]);
        assert_eq!(exact.prediction, [worth(&[false; 5])]);
    }

    #[test]
    fn drawn_orders_sum_to_the_prediction_and_say_how_far_off_they_are() {
        // Pairs of orders give products of two exactly, those of three to chance.
        let orders = Orders::new(5, Some(2 + 8 * 3), 9).unwrap();
        assert_eq!((orders.method(), orders.hidden().len()), (Method::Orders { n: 6 }, 26));
        let found = given(&orders);
        let sum = found.contributions.iter().fold(worth(&[true; 5]), |sum, own| sum + own);
        assert_eq!(sum, found.prediction[0]);
        assert_eq!(found.contributions[3..], [0.0, 0.0]);
        assert_eq!(found.standard_errors[3..], [0.0, 0.0]);
        // With nine who do nothing: too many for all coalitions, and pairs enough to tell the spread.
        let many = given(&Orders::new(12, Some(1000), 9).unwrap());
        for (player, wanted) in [(0, 5.0), (1, 0.0), (2, 3.0)] {
            let (own, error) = (many.contributions[player], many.standard_errors[player]);
            assert!((own - wanted).abs() <= 4.0 * error + 1e-12, "{own} ± {error}, not {wanted}");
        }
    }

    #[test]
    fn a_budget_that_two_pairs_of_orders_do_not_fit_into_is_refused() {
        let error = Orders::new(40, Some(157), 0).err().unwrap();
        assert!(error.to_string().contains("at least 158"), "{error}");
        assert!(matches!(Orders::new(40, Some(158), 0), Ok(Orders::Drawn { orders }) if orders.len() == 4));
        // A wide table needs more than the usual budget.
        assert!(matches!(Orders::new(1000, None, 0), Ok(Orders::Drawn { orders }) if orders.len() == 4));
        assert!(matches!(Orders::new(1, Some(2), 0), Ok(Orders::Exact { n: 1 })));
        assert!(Orders::new(1, Some(1), 0).is_err());
    }
}
