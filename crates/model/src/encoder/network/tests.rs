//! Gradients of a whole network against finite differences, and what frozen parts cost.

use std::collections::BTreeMap;

use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;

use super::*;
use crate::embed::D_TOKEN;
use crate::kernel::{ColumnTargets, Layout, MASKED, MISSING, PRESENT, column_loss, total};

fn columns() -> Vec<ColumnShape> {
    vec![
        ColumnShape { forms: vec![PartForm::Piecewise { n_bins: 3 }], n_targets: 3 },
        ColumnShape { forms: vec![PartForm::Code { n_codes: 4 }], n_targets: 3 },
        ColumnShape {
            forms: vec![PartForm::Piecewise { n_bins: 2 }, PartForm::Bag { n_slots: 5 }],
            n_targets: 2,
        },
    ]
}

fn cells(layout: Arc<Layout>, n_rows: usize, salt: usize) -> Arc<Cells> {
    let at = |i: usize, n: usize| (i * 7 + salt * 3 + i / 5) % n;
    let n_parts = layout.parts.len();
    let states = [PRESENT, PRESENT, MISSING, PRESENT, MASKED, PRESENT, PRESENT];
    let mut cells = Cells {
        n_rows,
        state: (0..n_rows * n_parts).map(|i| states[at(i, 7)]).collect(),
        bin: (0..n_rows * layout.n_piecewise).map(|i| at(i, 2) as u16).collect(),
        position: (0..n_rows * layout.n_piecewise).map(|i| at(i, 9) as f32 / 5.0 - 0.4).collect(),
        code: (0..n_rows * layout.n_code).map(|i| at(i, 4) as u32).collect(),
        bag_start: vec![0],
        bag_slot: Vec::new(),
        bag_value: Vec::new(),
        layout: layout.clone(),
    };
    for i in 0..n_rows * layout.n_bag {
        for e in 0..at(i, 4) {
            cells.bag_slot.push(at(i + e, 5) as u32);
            cells.bag_value.push(0.3 + e as f32 / 3.0);
        }
        cells.bag_start.push(cells.bag_slot.len() as u32);
    }
    Arc::new(cells)
}

/// A network with a joint and a frozen graft on top of its root, heads filled at random.
fn grown() -> Network {
    let mut rng = Pcg64Mcg::seed_from_u64(5);
    let widths = Widths { d: 16, n_blocks: 2, expansion: 2 };
    let mut network = Network::new(&columns(), widths, &mut rng);
    network.graft_joint(&columns()[..2], &mut rng);
    network.graft_frozen(&columns()[1..], 8, vec![0], &mut rng);
    // Another line: it reads the root, not the side before it. Of codes, whose tokens have no kink
    // that a finite step could cross.
    network.graft_frozen(&columns()[1..2], 8, vec![0], &mut rng);
    network.graft_frozen(&columns()[1..2], 8, vec![0, 2], &mut rng);
    network.each_mut("", &mut |_, param| {
        let values = param.values();
        if values.iter().all(|v| *v == 0.0) {
            *param = Param::normal(&mut rng, 0.2, param.shape());
        }
    });
    network
}

fn batch(network: &Network, n_rows: usize) -> Vec<Arc<Cells>> {
    network.token_groups().iter().enumerate().map(|(i, g)| cells(g.layout.clone(), n_rows, i)).collect()
}

fn loss(network: &Network, cells: &[Arc<Cells>], targets: &Arc<ColumnTargets>, dropout: Dropout) -> Tensor {
    let pieces = network.pieces(cells, dropout);
    total([(column_loss(network.logits(&pieces), targets.clone()), 1.0)])
}

fn value(loss: Tensor) -> f64 {
    f64::from(loss.read().unwrap()[0])
}

#[test]
fn gradients_of_every_weight_are_derivatives() {
    let mut network = grown();
    let n_rows = 67;
    let cells = batch(&network, n_rows);
    let n_columns = network.n_columns();
    let widths: Vec<usize> = network.first_logit.windows(2).map(|w| w[1] - w[0]).collect();
    let targets = Arc::new(ColumnTargets {
        first: network.first_logit.clone(),
        class: (0..n_rows * n_columns).map(|i| ((i * 5 + i / 7) % widths[i % n_columns]) as u16).collect(),
        weight: (0..n_rows * n_columns).map(|i| 0.02 * (1 + i % 3) as f32).collect(),
        scale: vec![1.0; n_columns],
    });
    let dropout = Dropout { p_drop: 0.2, seed: 9 };
    network.set_thawed(true);
    let mut gradients = loss(&network, &cells, &targets, dropout).backward();
    let mut found = Vec::new();
    network.each("", &mut |name, param| {
        let gradient = param.take_gradient(&mut gradients);
        found.push((name, gradient.map(|g| g.read().unwrap())));
    });
    for (name, gradient) in found {
        let gradient = gradient.unwrap_or_else(|| panic!("`{name}` was not reached"));
        // A step along the gradient itself: every entry takes part, noise does not.
        let norm = gradient.iter().map(|g| f64::from(*g).powi(2)).sum::<f64>().sqrt();
        if norm < 1e-5 {
            continue;
        }
        let step = 2e-2 / norm;
        let moved = |sign: f64| {
            let mut copy = network.clone();
            copy.each_mut("", &mut |other, param| {
                if other == name {
                    let values = param.values();
                    let moved = values.iter().zip(&gradient);
                    let moved = moved.map(|(v, g)| v + (sign * step * f64::from(*g)) as f32).collect();
                    *param = Param::new(moved, param.shape());
                    param.thaw();
                }
            });
            value(loss(&copy, &cells, &targets, dropout))
        };
        let numeric = (moved(1.0) - moved(-1.0)) / (2.0 * step);
        let wanted = norm * norm;
        assert!((numeric / wanted - 1.0).abs() < 0.03, "`{name}`: {numeric} instead of {wanted}");
    }
}

#[test]
fn held_parts_get_no_gradient_and_the_others_the_same_one() {
    let mut network = grown();
    let cells = batch(&network, 64);
    let n_columns = network.n_columns();
    let targets = Arc::new(ColumnTargets {
        first: network.first_logit.clone(),
        class: vec![1; 64 * n_columns],
        weight: vec![1.0; 64 * n_columns],
        scale: vec![1.0; n_columns],
    });
    network.set_thawed(true);
    let gradients_of = |network: &Network| -> BTreeMap<String, Vec<f32>> {
        let mut gradients = loss(network, &cells, &targets, Dropout::OFF).backward();
        let mut found = BTreeMap::new();
        network.each("", &mut |name, param| {
            let gradient = param.take_gradient(&mut gradients).unwrap();
            found.insert(name, gradient.read().unwrap());
        });
        found
    };
    let all = gradients_of(&network);
    // The code and the bag; what trains are the two numbers.
    network.groups[0].hold_parts(&[false, true, false, true]);
    let trained: BTreeMap<String, Vec<bool>> = {
        let mut found = BTreeMap::new();
        network.each("", &mut |name, param| {
            let rows = param.trained_rows();
            let trains = |row| rows.as_ref().is_none_or(|rows| rows.contains(row));
            found.insert(name, (0..param.shape()[0]).map(trains).collect());
        });
        found
    };
    let some = gradients_of(&network);
    assert_eq!(trained["groups.0.mix"].iter().filter(|trains| **trains).count(), 2 * D_TOKEN);
    assert!(trained["groups.0.tables.code"].iter().all(|trains| !trains));
    for (name, rows) in trained {
        let width = all[&name].len() / rows.len();
        for (row, trains) in rows.into_iter().enumerate() {
            let range = row * width..(row + 1) * width;
            for (whole, part) in all[&name][range.clone()].iter().zip(&some[&name][range]) {
                let wanted = if trains { *whole } else { 0.0 };
                assert!((wanted - part).abs() <= 1e-5 * wanted.abs().max(1.0), "`{name}` row {row}");
            }
        }
    }
}

#[test]
fn frozen_weights_get_no_gradient() {
    let mut network = grown();
    let cells = batch(&network, 64);
    let n_columns = network.n_columns();
    let targets = Arc::new(ColumnTargets {
        first: network.first_logit.clone(),
        class: vec![0; 64 * n_columns],
        weight: vec![1.0; 64 * n_columns],
        scale: vec![1.0; n_columns],
    });
    network.sides[0].set_thawed(true);
    let mut gradients = loss(&network, &cells, &targets, Dropout::OFF).backward();
    let mut reached = Vec::new();
    network.each("", &mut |name, param| {
        if param.take_gradient(&mut gradients).is_some() {
            reached.push(name);
        }
    });
    assert!(!reached.is_empty() && reached.iter().all(|n| n.starts_with("sides.0")), "{reached:?}");
}

#[test]
fn a_side_starts_with_its_own_columns_alone() {
    let mut rng = Pcg64Mcg::seed_from_u64(6);
    let mut network = Network::new(&columns(), Widths { d: 16, n_blocks: 2, expansion: 2 }, &mut rng);
    network.graft_frozen(&columns()[1..2], 8, vec![0], &mut rng);
    let shown = batch(&network, 6);
    let others = vec![cells(network.token_groups()[0].layout.clone(), 6, 9), shown[1].clone()];
    let piece = |cells: &[Arc<Cells>], which: usize| {
        network.pieces(cells, Dropout::OFF).read(&[which]).read().unwrap()
    };
    assert_ne!(piece(&shown, 0), piece(&others, 0));
    assert_eq!(piece(&shown, 1), piece(&others, 1));
}
