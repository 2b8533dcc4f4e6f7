//! The composed operations say what the fused ones say, values and gradients, on the processor's backend.

use std::sync::Arc;

use burn::prelude::{Device, Tensor};
use burn::tensor::Gradients;
use rand::{Rng, RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use tabgraft_table::encoded::{NO_TARGET, PartForm};

use super::super::{
    AdamStep, BlockTensors, Cells, Dropout, Join, Layout, LookupTables, MASKED, MISSING, PRESENT, Targets,
    TrainedRows,
};
use super::*;
use crate::kernel;

const FORMS: [PartForm; 6] = [
    PartForm::Code { n_codes: 5 },
    PartForm::Piecewise { n_bins: 4 },
    PartForm::Bag { n_slots: 8 },
    PartForm::Piecewise { n_bins: 7 },
    PartForm::Code { n_codes: 3 },
    PartForm::Bag { n_slots: 3 },
];
const N_ROWS: usize = 33;
const WIDTH: usize = 6;

fn random(rng: &mut impl Rng, shape: [usize; 2]) -> Tensor<2> {
    let values = (0..shape[0] * shape[1]).map(|_| rng.random::<f32>() * 2.0 - 1.0).collect();
    numbers(values, shape, &Device::flex())
}

/// Leaves of a graph, so that their gradients can be asked for.
fn leaves(tensors: &[Tensor<2>]) -> Vec<Tensor<2>> {
    tensors.iter().map(|t| Tensor::from_inner(t.clone()).require_grad()).collect()
}

fn values(tensor: Tensor<2>) -> Vec<f32> {
    tensor.inner().into_data().try_into_vec().unwrap_or_default()
}

fn close(a: &[f32], b: &[f32], what: &str) {
    assert_eq!(a.len(), b.len(), "{what}");
    for (i, (a, b)) in a.iter().zip(b).enumerate() {
        assert!((a - b).abs() <= 2e-5 * (1.0 + a.abs()), "{what}, entry {i}: {a} and {b}");
    }
}

/// Runs both on the same inputs, and holds their outputs and the gradients of all inputs against each other.
fn agree(
    inputs: &[Tensor<2>],
    fused: impl Fn(&[Tensor<2>]) -> Tensor<2>,
    composed: impl Fn(&[Tensor<2>]) -> Tensor<2>,
) {
    let run = |f: &dyn Fn(&[Tensor<2>]) -> Tensor<2>| -> (Vec<f32>, Vec<Option<Vec<f32>>>) {
        let leaves = leaves(inputs);
        let out = f(&leaves);
        // Every entry pulls with another weight.
        let shape = out.dims();
        let pull = random(&mut Pcg64Mcg::seed_from_u64(9), shape);
        let mut gradients: Gradients = (out.clone() * pull).sum().backward();
        (values(out), leaves.iter().map(|leaf| leaf.grad_remove(&mut gradients).map(values)).collect())
    };
    let (a, b) = (run(&fused), run(&composed));
    close(&a.0, &b.0, "value");
    for (i, (a, b)) in a.1.iter().zip(&b.1).enumerate() {
        let zeros = vec![0.0; inputs[i].dims().iter().product()];
        close(a.as_ref().unwrap_or(&zeros), b.as_ref().unwrap_or(&zeros), &format!("gradient of input {i}"));
    }
}

fn cells(rng: &mut impl Rng) -> Arc<Cells> {
    let layout = Arc::new(Layout::new(FORMS));
    let mut cells = Cells {
        n_rows: N_ROWS,
        state: (0..N_ROWS * FORMS.len())
            .map(|_| [PRESENT, PRESENT, PRESENT, MISSING, MASKED][rng.random_range(0..5)])
            .collect(),
        bin: Vec::new(),
        position: Vec::new(),
        code: Vec::new(),
        bag_start: vec![0],
        bag_slot: Vec::new(),
        bag_value: Vec::new(),
        layout,
    };
    for _ in 0..N_ROWS {
        for form in FORMS {
            match form {
                PartForm::Piecewise { n_bins } => {
                    cells.bin.push(rng.random_range(0..n_bins) as u16);
                    // Beyond the edges numbers go on in a straight line.
                    cells.position.push(rng.random::<f32>() * 3.0 - 1.0);
                }
                PartForm::Code { n_codes } => cells.code.push(rng.random_range(0..n_codes) as u32),
                PartForm::Bag { n_slots } => {
                    for _ in 0..rng.random_range(0..4) {
                        cells.bag_slot.push(rng.random_range(0..n_slots) as u32);
                        cells.bag_value.push(rng.random());
                    }
                    cells.bag_start.push(cells.bag_slot.len() as u32);
                }
            }
        }
    }
    Arc::new(cells)
}

/// The two lookups of the same tables, in both ways of joining parts.
fn lookups_agree(rng: &mut impl Rng, cells: &Arc<Cells>) {
    let layout = &cells.layout;
    let rows = [layout.piecewise_rows, layout.code_rows, layout.bag_rows, 4, 2 * FORMS.len()];
    let inputs = rows.map(|n| random(rng, [n, WIDTH]));
    let tables = |t: &[Tensor<2>]| {
        let [piecewise, code, bag, bias, special] = [0, 1, 2, 3, 4].map(|i: usize| t[i].clone());
        LookupTables { piecewise, code, bag, bias, special }
    };
    for join in [Join::Concat, Join::Sum] {
        agree(
            &inputs,
            |t| kernel::lookup(tables(t), cells.clone(), join, None),
            |t| lookup(tables(t), cells, join),
        );
    }
}

#[test]
fn lookups_of_all_forms_and_states() {
    let mut rng = Pcg64Mcg::seed_from_u64(1);
    let cells = cells(&mut rng);
    lookups_agree(&mut rng, &cells);
}

#[test]
fn lookups_where_no_bag_has_an_entry() {
    let mut rng = Pcg64Mcg::seed_from_u64(2);
    let mut cells = Arc::unwrap_or_clone(cells(&mut rng));
    cells.bag_start.fill(0);
    cells.bag_slot.clear();
    cells.bag_value.clear();
    lookups_agree(&mut rng, &Arc::new(cells));
}

#[test]
fn maps_norms_and_activations() {
    let mut rng = Pcg64Mcg::seed_from_u64(3);
    let dropout = Dropout { p_drop: 0.25, seed: 5 };
    for bias_rows in [1, N_ROWS] {
        let inputs = [[N_ROWS, 10], [10, 8], [bias_rows, 8]].map(|shape| random(&mut rng, shape));
        let [x, w, b] = [0, 1, 2];
        agree(
            &inputs,
            |t| kernel::linear(t[x].clone(), t[w].clone(), t[b].clone(), None),
            |t| linear(t[x].clone(), t[w].clone(), t[b].clone()),
        );
    }
    let inputs = [[N_ROWS, 8], [1, 8], [1, 8]].map(|shape| random(&mut rng, shape) * 3.0);
    agree(
        &inputs,
        |t| kernel::norm(t[0].clone(), t[1].clone(), t[2].clone()),
        |t| norm(t[0].clone(), t[1].clone(), t[2].clone()),
    );
    for dropout in [Dropout::OFF, dropout] {
        agree(&inputs[..1], |t| kernel::gelu(t[0].clone(), dropout), |t| gelu(t[0].clone(), dropout));
    }
}

#[test]
fn blocks_drop_the_same_entries() {
    let mut rng = Pcg64Mcg::seed_from_u64(4);
    let (d, m) = (8, 16);
    let shapes = [[N_ROWS, d], [1, d], [1, d], [d, m], [1, m], [m, d], [1, d]];
    let inputs = shapes.map(|shape| random(&mut rng, shape));
    let weights = |t: &[Tensor<2>]| BlockTensors {
        gain: t[1].clone(),
        shift: t[2].clone(),
        w1: t[3].clone(),
        b1: t[4].clone(),
        w2: t[5].clone(),
        b2: t[6].clone(),
    };
    for dropout in [Dropout::OFF, Dropout { p_drop: 0.3, seed: 11 }] {
        agree(
            &inputs,
            |t| kernel::block(t[0].clone(), weights(t), dropout),
            |t| block(t[0].clone(), weights(t), dropout),
        );
    }
}

fn targets(rng: &mut impl Rng) -> Targets {
    let first = vec![0, 3, 5, 8, 10];
    let classes: Vec<usize> = first.windows(2).map(|w| w[1] - w[0]).collect();
    let n = N_ROWS * classes.len();
    Targets {
        class: (0..n)
            .map(|i| match rng.random_range(0..4) {
                0 => NO_TARGET,
                _ => rng.random_range(0..classes[i % classes.len()]) as u16,
            })
            .collect(),
        weight: (0..n).map(|_| [0.0, 0.3, 1.0][rng.random_range(0..3)]).collect(),
        scale: classes.iter().map(|k| 1.0 / (*k as f32).ln()).collect(),
        first,
    }
}

#[test]
fn losses_of_columns_with_different_numbers_of_classes() {
    let mut rng = Pcg64Mcg::seed_from_u64(6);
    let targets = Arc::new(targets(&mut rng));
    let logits = random(&mut rng, [N_ROWS, 10]) * 4.0;
    let losses = |t: Tensor<2>| t.slice([0..1, 0..4]);
    agree(
        &[logits],
        |t| losses(kernel::column_loss(t[0].clone(), targets.clone())),
        |t| losses(column_loss(t[0].clone(), &targets)),
    );
}

#[test]
fn a_broken_cell_is_left_out_and_counted() {
    let mut rng = Pcg64Mcg::seed_from_u64(7);
    let whole = targets(&mut rng);
    let n = whole.class.len();
    let targets = Targets { class: vec![0; n], weight: vec![1.0; n], ..whole };
    let mut cells = values(random(&mut rng, [N_ROWS, 10]));
    cells[1] = f32::NAN;
    cells[10 + 9] = f32::INFINITY;
    let logits = Tensor::from_inner(numbers(cells, [N_ROWS, 10], &Device::flex())).require_grad();
    let out = column_loss(logits.clone(), &targets);
    let mut gradients = out.clone().slice([0..1, 0..4]).sum().backward();
    assert_eq!(values(out)[4..], [1.0, 0.0, 0.0, 1.0]);
    let gradient = logits.grad_remove(&mut gradients).map(values).unwrap_or_default();
    assert!(gradient.len() == N_ROWS * 10 && gradient.iter().all(|g| g.is_finite()));
    assert_eq!((&gradient[..3], &gradient[18..20]), (&[0.0; 3][..], &[0.0; 2][..]));
}

#[test]
fn steps_move_trained_rows_alone() {
    let mut rng = Pcg64Mcg::seed_from_u64(8);
    let shape = [5, 3];
    let held = TrainedRows::beside(&[false, true, false, true, true]);
    let step = AdamStep { learning_rate: 0.1, weight_decay: 0.2, gradient_scale: 0.5, n_steps: 3 };
    let (w, g) = (random(&mut rng, shape), random(&mut rng, shape));
    let moments =
        || (Tensor::zeros(shape, &Device::flex()) + 0.1, Tensor::zeros(shape, &Device::flex()) + 0.2);
    for trained in [None, Some(&held)] {
        let (fused, _) = kernel::adamw(w.clone(), g.clone(), moments(), step, trained);
        let (composed, _) = adamw(w.clone(), g.clone(), moments(), step, trained);
        close(&values(fused), &values(composed.clone()), "weights");
        let row = |t: Tensor<2>| values(t)[3..6].to_vec();
        assert_eq!(row(composed) == row(w.clone()), trained.is_some());
    }
    let masked = values(gradient_of_rows(g.clone(), &held));
    assert_eq!((&masked[..3], &masked[3..6]), (&values(g.clone())[..3], &[0.0; 3][..]));
    let all = [g.clone(), w];
    let squares: f64 = all.iter().flat_map(|t| values(t.clone())).map(|v| f64::from(v).powi(2)).sum();
    assert!((square_sum(all.to_vec()) - squares).abs() < 1e-4);
}
