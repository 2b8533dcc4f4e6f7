//! The composed operations, on Burn's backend for the processor, say what the fused ones say, values and
//! gradients.

use std::sync::Arc;

use burn_tensor::Device;
use rand::{Rng, RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use tabgraft_table::encoded::{NO_TARGET, PartForm};

use super::super::{
    AdamStep, BlockTensors, Cells, ColumnTargets, Dropout, Join, Layout, LookupTables, MASKED, MISSING,
    PRESENT, Place, Tensor, TrainedRows,
};
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

fn random(rng: &mut impl Rng, shape: [usize; 2]) -> (Vec<f32>, [usize; 2]) {
    ((0..shape[0] * shape[1]).map(|_| rng.random::<f32>() * 2.0 - 1.0).collect(), shape)
}

fn here() -> Place {
    Place::Processor
}

fn there() -> Place {
    Place::Gpu(Device::flex())
}

fn values(tensor: Tensor) -> Vec<f32> {
    tensor.read().expect("numbers")
}

fn close(a: &[f32], b: &[f32], what: &str) {
    assert_eq!(a.len(), b.len(), "{what}");
    for (i, (a, b)) in a.iter().zip(b).enumerate() {
        assert!((a - b).abs() <= 2e-5 * (1.0 + a.abs()), "{what}, entry {i}: {a} and {b}");
    }
}

/// Runs an operation here and there on the same inputs, and holds outputs and the gradients of all inputs
/// against each other.
fn agree(inputs: &[(Vec<f32>, [usize; 2])], operation: impl Fn(&[Tensor]) -> Tensor) {
    let run = |place: Place| -> (Vec<f32>, Vec<Option<Vec<f32>>>) {
        let leaf = |(numbers, shape): &(Vec<f32>, [usize; 2])| {
            Tensor::new(numbers.clone(), *shape, &place).into_leaf()
        };
        let leaves: Vec<Tensor> = inputs.iter().map(leaf).collect();
        let out = operation(&leaves);
        assert_eq!(out.place(), place);
        // Every entry pulls with another weight.
        let (pull, shape) = random(&mut Pcg64Mcg::seed_from_u64(9), out.shape());
        let n = shape[0] * shape[1];
        let mut gradients = kernel::squared_error(out.clone(), pull, vec![0.5; n]).backward();
        (values(out), leaves.iter().map(|leaf| gradients.take(leaf, None).map(values)).collect())
    };
    let (a, b) = (run(here()), run(there()));
    close(&a.0, &b.0, "value");
    for (i, (a, b)) in a.1.iter().zip(&b.1).enumerate() {
        let zeros = vec![0.0; inputs[i].0.len()];
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
    let tables = |t: &[Tensor]| {
        let [piecewise, code, bag, bias, special] = [0, 1, 2, 3, 4].map(|i: usize| t[i].clone());
        LookupTables { piecewise, code, bag, bias, special }
    };
    for join in [Join::Concat, Join::Sum] {
        agree(&inputs, |t| kernel::lookup(tables(t), cells.clone(), join, None));
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
        agree(&inputs, |t| kernel::linear(t[0].clone(), t[1].clone(), t[2].clone(), None));
    }
    let mut inputs = [[N_ROWS, 8], [1, 8], [1, 8]].map(|shape| random(&mut rng, shape));
    inputs[0].0.iter_mut().for_each(|x| *x *= 3.0);
    agree(&inputs, |t| kernel::norm(t[0].clone(), t[1].clone(), t[2].clone()));
    for dropout in [Dropout::OFF, dropout] {
        agree(&inputs[..1], |t| kernel::gelu(t[0].clone(), dropout));
    }
}

#[test]
fn blocks_drop_the_same_entries() {
    let mut rng = Pcg64Mcg::seed_from_u64(4);
    let (d, m) = (8, 16);
    let shapes = [[N_ROWS, d], [1, d], [1, d], [d, m], [1, m], [m, d], [1, d]];
    let inputs = shapes.map(|shape| random(&mut rng, shape));
    let weights = |t: &[Tensor]| BlockTensors {
        gain: t[1].clone(),
        shift: t[2].clone(),
        w1: t[3].clone(),
        b1: t[4].clone(),
        w2: t[5].clone(),
        b2: t[6].clone(),
    };
    for dropout in [Dropout::OFF, Dropout { p_drop: 0.3, seed: 11 }] {
        agree(&inputs, |t| kernel::block(t[0].clone(), weights(t), dropout));
    }
}

#[test]
fn columns_members_and_distances() {
    let mut rng = Pcg64Mcg::seed_from_u64(5);
    let wide = |rng: &mut Pcg64Mcg, shapes: &[[usize; 2]]| -> Vec<_> {
        shapes.iter().map(|shape| random(rng, *shape)).collect()
    };
    agree(&wide(&mut rng, &[[6, 5]]), |t| kernel::columns(t[0].clone(), 1..4));
    agree(&wide(&mut rng, &[[6, 5], [6, 2]]), |t| kernel::with_columns(t[0].clone(), 2, t[1].clone()));
    agree(&wide(&mut rng, &[[6, 5], [6, 2]]), |t| kernel::side_by_side(t[0].clone(), t[1].clone()));
    let places = [0..1, 3..5];
    agree(&wide(&mut rng, &[[6, 5], [6, 3]]), |t| kernel::add_at(t[0].clone(), t[1].clone(), &places));
    agree(&wide(&mut rng, &[[1, 5]]), |t| kernel::repeated(t[0].clone(), 6));
    agree(&wide(&mut rng, &[[6, 5], [4, 5]]), |t| kernel::scaled(t[0].clone(), t[1].clone(), true));
    agree(&wide(&mut rng, &[[8, 5], [4, 5]]), |t| kernel::scaled(t[0].clone(), t[1].clone(), false));
    let products = wide(&mut rng, &[[8, 5], [20, 3], [4, 3]]);
    agree(&products, |t| kernel::member_products(t[0].clone(), t[1].clone(), t[2].clone()));
    agree(&wide(&mut rng, &[[8, 3], [2, 3]]), |t| kernel::add_to_members(t[0].clone(), t[1].clone()));
    agree(&wide(&mut rng, &[[2, 3], [1, 1]]), |t| kernel::total([(t[0].clone(), 0.5), (t[1].clone(), 2.0)]));
    let others = random(&mut rng, [6, 5]);
    agree(&wide(&mut rng, &[[6, 5]]), |t| {
        kernel::cosine_distance(t[0].clone(), Tensor::new(others.0.clone(), others.1, &t[0].place()))
    });
}

fn targets(rng: &mut impl Rng) -> ColumnTargets {
    let first = vec![0, 3, 5, 8, 10];
    let classes: Vec<usize> = first.windows(2).map(|w| w[1] - w[0]).collect();
    let n = N_ROWS * classes.len();
    ColumnTargets {
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
    let (logits, shape) = random(&mut rng, [N_ROWS, 10]);
    let logits = (logits.into_iter().map(|v| v * 4.0).collect(), shape);
    agree(&[logits], |t| kernel::total([(kernel::column_loss(t[0].clone(), targets.clone()), 1.0)]));
}

#[test]
fn a_broken_cell_is_left_out_and_counted() {
    let mut rng = Pcg64Mcg::seed_from_u64(7);
    let whole = targets(&mut rng);
    let n = whole.class.len();
    let targets = Arc::new(ColumnTargets { class: vec![0; n], weight: vec![1.0; n], ..whole });
    let (mut cells, shape) = random(&mut rng, [N_ROWS, 10]);
    cells[1] = f32::NAN;
    cells[10 + 9] = f32::INFINITY;
    let logits = Tensor::new(cells, shape, &there()).into_leaf();
    let out = kernel::column_loss(logits.clone(), targets);
    let mut gradients = kernel::total([(out.clone(), 1.0)]).backward();
    assert_eq!(values(out)[4..], [1.0, 0.0, 0.0, 1.0]);
    let gradient = gradients.take(&logits, None).map(values).unwrap_or_default();
    assert!(gradient.len() == N_ROWS * 10 && gradient.iter().all(|g| g.is_finite()));
    assert_eq!((&gradient[..3], &gradient[18..20]), (&[0.0; 3][..], &[0.0; 2][..]));
}

#[test]
fn steps_move_trained_rows_alone() {
    let mut rng = Pcg64Mcg::seed_from_u64(8);
    let held = TrainedRows::beside(&[false, true, false, true, true]);
    let step = AdamStep { learning_rate: 0.1, weight_decay: 0.2, gradient_scale: 0.5, n_steps: 3 };
    let ((w, shape), (g, _)) = (random(&mut rng, [5, 3]), random(&mut rng, [5, 3]));
    for trained in [None, Some(&held)] {
        let [fused, composed] = [here(), there()].map(|place| {
            let tensor = |numbers: &[f32]| Tensor::new(numbers.to_vec(), shape, &place);
            let (mut weights, mut moments) =
                (tensor(&w).into_leaf(), [tensor(&[0.1; 15]), tensor(&[0.2; 15])]);
            kernel::adamw(&mut weights, tensor(&g), &mut moments, step, trained);
            values(weights)
        });
        close(&fused, &composed, "weights");
        assert_eq!(composed[3..6] == w[3..6], trained.is_some());
    }
    let squares: f64 = w.iter().chain(&g).map(|v| f64::from(*v).powi(2)).sum();
    for place in [here(), there()] {
        let all = [&w, &g].map(|numbers| Tensor::new(numbers.clone(), shape, &place));
        assert!((kernel::square_sum(all.iter()).expect("a number") - squares).abs() < 1e-4);
    }
}
