//! The court: what a feature adds to a predictor, on rows that did not choose it.
//!
//! The predictor's own output is the offset of a small penalised model (logistic per class, or
//! least squares) of the feature's encoded values. It learns from the discovery rows, where the
//! offset is held out, and from four fifths of the judging rows, and is scored on the last fifth,
//! in turn and repeatedly. The differences to the offset alone go through the corrected resampled
//! t-test of Nadeau & Bengio (2003).

use rayon::prelude::*;
use tabgraft_table::Table;
use tabgraft_table::codec::{Codec, CodecConfig};
use tabgraft_table::encoded::{EncodedColumn, PartForm, PartValues};
use tabgraft_table::feature::FeatureEngineer;
use tabgraft_table::feature::judging::{CorrectedTest, nadeau_bengio};
use tabgraft_table::schema::{InferOptions, infer};

use crate::error::{Error, Result};
use crate::metric::{self, Task};
use crate::objective::splitmix;
use crate::predictor::{HeldOut, Predictor, Target};

/// Parts of the judging rows that are scored in turn, and how often they are dealt anew.
const N_FOLDS: usize = 5;
const N_REPEATS: usize = 4;
/// Ridge penalty on the adjustment's coefficients, in units of rows.
const PENALTY: f64 = 10.0;
/// Newton steps of the logistic adjustment.
const N_STEPS: usize = 6;
/// Bins of a numeric feature: an adjustment of few pieces.
const N_BINS: usize = 6;
const TINY: f64 = 1e-6;

/// A predictor, its predictions, and the rows to judge on.
pub(super) struct Court {
    target: Target,
    /// Discovery rows first, then judging rows.
    table: Table,
    n_discovery: usize,
    /// `[n_rows, n_outputs]`.
    base: Vec<f64>,
    targets: Vec<f64>,
    /// For each repeat the fold of each judging row.
    folds: Vec<Vec<usize>>,
    baseline: f64,
}

impl Court {
    /// `discovery` are the rows of `held_out`, in its order.
    pub fn new(
        guide: &Predictor,
        discovery: &Table,
        held_out: &HeldOut,
        judging: &Table,
        seed: u64,
    ) -> Result<Self> {
        let values = guide.target().values(judging)?;
        let rows: Vec<u32> =
            (0..judging.n_rows()).filter(|r| values[*r].is_some()).map(|r| r as u32).collect();
        let judging = judging.take(&rows)?;
        let table = Table::from_batches(
            &discovery.batch().schema(),
            &[discovery.batch().clone(), judging.batch().clone()],
        )?;
        let mut base = held_out.values.clone();
        base.extend(guide.predict(&judging)?.values);
        let mut targets = held_out.targets.clone();
        targets.extend(values.into_iter().flatten());
        let n_judging = judging.n_rows();
        let folds = (0..N_REPEATS)
            .map(|repeat| {
                let mut order: Vec<usize> = (0..n_judging).collect();
                order.sort_by_key(|r| splitmix(seed ^ splitmix((repeat as u64) << 32 | *r as u64)));
                let mut fold = vec![0; n_judging];
                order.into_iter().enumerate().for_each(|(i, r)| fold[r] = i % N_FOLDS);
                fold
            })
            .collect();
        let mut court = Court {
            target: guide.target().clone(),
            n_discovery: discovery.n_rows(),
            table,
            base,
            targets,
            folds,
            baseline: 0.0,
        };
        let all: Vec<usize> = (court.n_discovery..court.targets.len()).collect();
        court.baseline = court.score(&all, &court.base_of(&all)).ok_or_else(|| {
            Error::value("the judging rows hold one class only").with_hint("give more rows, or another seed")
        })?;
        Ok(court)
    }

    /// The predictor's metric on the judging rows.
    pub fn baseline(&self) -> f64 {
        self.baseline
    }

    /// What one fitted feature adds: mean difference of the metric, positive is better.
    pub fn judge(&self, engineer: &FeatureEngineer) -> Result<CorrectedTest> {
        let name = &engineer.names()[0];
        let enriched = engineer.transform(&self.table)?;
        let column = enriched.select(std::slice::from_ref(name))?;
        let schema = infer(&column, &InferOptions::default())?;
        let Some(spec) = schema.column(name) else {
            return nadeau_bengio(&[0.0, 0.0], 1.0);
        };
        let config = CodecConfig { n_bins: N_BINS, ..CodecConfig::default() };
        let array = column.column(name)?;
        let codec = Codec::fit(spec, &array.slice(0, self.n_discovery), &config)?;
        let encoded = codec.apply(name, array)?;
        let design = Design::new(&codec, &encoded);
        let jobs: Vec<(usize, usize)> =
            (0..N_REPEATS).flat_map(|r| (0..N_FOLDS).map(move |f| (r, f))).collect();
        let differences: Vec<Option<f64>> =
            jobs.par_iter().map(|(repeat, fold)| self.difference(&design, *repeat, *fold)).collect();
        let differences: Vec<f64> = differences.into_iter().flatten().collect();
        if differences.len() < 2 {
            return nadeau_bengio(&[0.0, 0.0], 1.0);
        }
        let n_judging = self.targets.len() - self.n_discovery;
        let n_test = n_judging as f64 / N_FOLDS as f64;
        nadeau_bengio(&differences, n_test / (self.targets.len() as f64 - n_test))
    }

    /// The metric with the adjustment minus without, on one fold; `None` if it is not defined.
    fn difference(&self, design: &Design, repeat: usize, fold: usize) -> Option<f64> {
        let is_test = |r: usize| r >= self.n_discovery && self.folds[repeat][r - self.n_discovery] == fold;
        let (test, learn): (Vec<usize>, Vec<usize>) = (0..self.targets.len()).partition(|r| is_test(*r));
        let adjusted = self.adjust(design, &learn, &test)?;
        let metric = self.target.task().primary_metric();
        let (with, without) = (self.score(&test, &adjusted)?, self.score(&test, &self.base_of(&test))?);
        Some(if metric.higher_is_better() { with - without } else { without - with })
    }

    fn base_of(&self, rows: &[usize]) -> Vec<f64> {
        let n = self.target.n_outputs();
        rows.iter().flat_map(|r| self.base[r * n..(r + 1) * n].iter().copied()).collect()
    }

    fn score(&self, rows: &[usize], values: &[f64]) -> Option<f64> {
        let y: Vec<f64> = rows.iter().map(|r| self.targets[*r]).collect();
        match self.target.task() {
            Task::Binary => {
                let p: Vec<f64> = values.iter().skip(1).step_by(2).copied().collect();
                let y: Vec<bool> = y.iter().map(|v| *v == 1.0).collect();
                metric::roc_auc(&y, &p)
            }
            Task::Multiclass => {
                let n = self.target.n_outputs();
                let losses = y.iter().enumerate().map(|(i, c)| -values[i * n + *c as usize].max(TINY).ln());
                Some(losses.sum::<f64>() / y.len() as f64)
            }
            Task::Regression => {
                let square: f64 = y.iter().zip(values).map(|(y, v)| (y - v).powi(2)).sum();
                Some((square / y.len() as f64).sqrt())
            }
        }
    }

    /// Predictions of `test` with an adjustment learned on `learn`.
    fn adjust(&self, design: &Design, learn: &[usize], test: &[usize]) -> Option<Vec<f64>> {
        let n = self.target.n_outputs();
        if self.target.task() == Task::Regression {
            let offset: Vec<f64> = learn.iter().map(|r| self.base[*r]).collect();
            let y: Vec<f64> = learn.iter().map(|r| self.targets[*r]).collect();
            let coefficients = least_squares(design, learn, &offset, &y)?;
            return Some(test.iter().map(|r| self.base[*r] + design.product(*r, &coefficients)).collect());
        }
        let outputs = if n == 2 { 1..2 } else { 0..n };
        let mut adjusted = self.base_of(test);
        for class in outputs {
            let logit = |r: usize| {
                let p = self.base[r * n + class].clamp(TINY, 1.0 - TINY);
                (p / (1.0 - p)).ln()
            };
            let offset: Vec<f64> = learn.iter().map(|r| logit(*r)).collect();
            let y: Vec<f64> =
                learn.iter().map(|r| f64::from(u8::from(self.targets[*r] as usize == class))).collect();
            let coefficients = logistic(design, learn, &offset, &y)?;
            for (i, r) in test.iter().enumerate() {
                adjusted[i * n + class] = sigmoid(logit(*r) + design.product(*r, &coefficients));
            }
        }
        for row in adjusted.chunks_exact_mut(n) {
            if n == 2 {
                row[0] = 1.0 - row[1];
            } else {
                let total: f64 = row.iter().sum();
                row.iter_mut().for_each(|v| *v /= total);
            }
        }
        Some(adjusted)
    }
}

/// Encoded values of a feature as sparse rows: `(column, value)`, column 0 is the constant.
struct Design {
    n_columns: usize,
    rows: Vec<Vec<(usize, f64)>>,
}

impl Design {
    fn new(codec: &Codec, encoded: &EncodedColumn) -> Self {
        let n_rows = encoded.missing.len();
        let mut rows: Vec<Vec<(usize, f64)>> = vec![vec![(0, 1.0)]; n_rows];
        // Column 1: the cell is missing.
        let mut first = 2;
        for (form, values) in codec.parts().iter().zip(&encoded.parts) {
            for (r, row) in rows.iter_mut().enumerate() {
                if encoded.missing[r] {
                    continue;
                }
                match values {
                    PartValues::Piecewise { bin, position } => {
                        row.extend((0..usize::from(bin[r])).map(|b| (first + b, 1.0)));
                        row.push((first + usize::from(bin[r]), f64::from(position[r])));
                    }
                    PartValues::Code { code } => row.push((first + code[r] as usize, 1.0)),
                    PartValues::Bag { offsets, slots, values } => {
                        let entries = offsets[r] as usize..offsets[r + 1] as usize;
                        row.extend(entries.map(|e| (first + slots[e] as usize, f64::from(values[e]))));
                    }
                }
            }
            first += match form {
                PartForm::Piecewise { n_bins } => *n_bins,
                PartForm::Code { n_codes } => *n_codes,
                PartForm::Bag { n_slots } => *n_slots,
            };
        }
        for (row, missing) in rows.iter_mut().zip(&encoded.missing) {
            if *missing {
                row.push((1, 1.0));
            }
        }
        Design { n_columns: first, rows }
    }

    fn product(&self, r: usize, coefficients: &[f64]) -> f64 {
        self.rows[r].iter().map(|(c, v)| coefficients[*c] * v).sum()
    }

    /// `Xᵀ W X + penalty`, the constant unpenalised, and `Xᵀ g`.
    fn normal_equations(&self, rows: &[usize], weight: &[f64], gradient: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let n = self.n_columns;
        let (mut matrix, mut vector) = (vec![0.0; n * n], vec![0.0; n]);
        for ((r, w), g) in rows.iter().zip(weight).zip(gradient) {
            for (a, va) in &self.rows[*r] {
                vector[*a] += g * va;
                for (b, vb) in &self.rows[*r] {
                    matrix[a * n + b] += w * va * vb;
                }
            }
        }
        for i in 0..n {
            matrix[i * n + i] += if i == 0 { TINY } else { PENALTY * mean(weight) };
        }
        (matrix, vector)
    }
}

/// Newton's method for the penalised logistic adjustment.
fn logistic(design: &Design, rows: &[usize], offset: &[f64], y: &[f64]) -> Option<Vec<f64>> {
    let mut coefficients = vec![0.0; design.n_columns];
    for _ in 0..N_STEPS {
        let p: Vec<f64> =
            rows.iter().zip(offset).map(|(r, o)| sigmoid(o + design.product(*r, &coefficients))).collect();
        let weight: Vec<f64> = p.iter().map(|p| (p * (1.0 - p)).max(TINY)).collect();
        let gradient: Vec<f64> = y.iter().zip(&p).map(|(y, p)| y - p).collect();
        let (matrix, mut vector) = design.normal_equations(rows, &weight, &gradient);
        let penalty = PENALTY * mean(&weight);
        for (v, c) in vector.iter_mut().zip(&coefficients).skip(1) {
            *v -= penalty * c;
        }
        for (c, step) in coefficients.iter_mut().zip(solve(matrix, vector)?) {
            *c += step;
        }
    }
    coefficients.iter().all(|c| c.is_finite()).then_some(coefficients)
}

fn least_squares(design: &Design, rows: &[usize], offset: &[f64], y: &[f64]) -> Option<Vec<f64>> {
    let gradient: Vec<f64> = y.iter().zip(offset).map(|(y, o)| y - o).collect();
    let (matrix, vector) = design.normal_equations(rows, &vec![1.0; rows.len()], &gradient);
    solve(matrix, vector)
}

/// Solves a symmetric positive definite system by Cholesky's decomposition.
fn solve(mut a: Vec<f64>, mut b: Vec<f64>) -> Option<Vec<f64>> {
    let n = b.len();
    for i in 0..n {
        for j in 0..=i {
            let sum: f64 = (0..j).map(|k| a[i * n + k] * a[j * n + k]).sum();
            let rest = a[i * n + j] - sum;
            if i == j {
                if rest.is_nan() || rest <= 0.0 {
                    return None;
                }
                a[i * n + i] = rest.sqrt();
            } else {
                a[i * n + j] = rest / a[j * n + j];
            }
        }
    }
    for i in 0..n {
        let sum: f64 = (0..i).map(|k| a[i * n + k] * b[k]).sum();
        b[i] = (b[i] - sum) / a[i * n + i];
    }
    for i in (0..n).rev() {
        let sum: f64 = (i + 1..n).map(|k| a[k * n + i] * b[k]).sum();
        b[i] = (b[i] - sum) / a[i * n + i];
    }
    Some(b)
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cholesky_solves_a_hand_made_system() {
        // [[4, 2], [2, 3]] x = [2, 5] has the solution [-0.5, 2].
        let x = solve(vec![4.0, 2.0, 2.0, 3.0], vec![2.0, 5.0]).unwrap();
        assert!((x[0] + 0.5).abs() < 1e-12 && (x[1] - 2.0).abs() < 1e-12);
        assert!(solve(vec![1.0, 2.0, 2.0, 1.0], vec![1.0, 1.0]).is_none());
    }
}
