use std::collections::BTreeMap;

use tabgraft_table::encoded::{EncodedColumn, EncodedTable, PartForm, PartValues};

use super::columns::{Columns, Targets};
use super::*;
use crate::objective::{splitmix, unit};

/// A number in `[0, 1)` for a row and a purpose.
fn chance(row: usize, purpose: u64) -> f32 {
    unit(splitmix(splitmix(purpose) ^ row as u64))
}

fn number(values: Vec<f32>, missing: Vec<bool>) -> EncodedColumn {
    let n_rows = values.len();
    let part = PartValues::Piecewise { bin: vec![0; n_rows], position: values };
    EncodedColumn { parts: vec![part], missing, target: vec![0; n_rows] }
}

fn category(code: Vec<u32>) -> EncodedColumn {
    let n_rows = code.len();
    EncodedColumn {
        parts: vec![PartValues::Code { code }],
        missing: vec![false; n_rows],
        target: vec![0; n_rows],
    }
}

/// Two numbers, a fifth of the second missing, and a category of 12.
fn table(n_rows: usize) -> EncodedTable {
    let draw = |purpose| (0..n_rows).map(|r| chance(r, purpose)).collect::<Vec<f32>>();
    let missing = (0..n_rows).map(|r| r % 5 == 0).collect();
    let code = (0..n_rows).map(|r| 1 + (chance(r, 3) * 12.0) as u32).collect();
    let columns = vec![number(draw(1), vec![false; n_rows]), number(draw(2), missing), category(code)];
    EncodedTable { n_rows, columns }
}

fn forms() -> Vec<Vec<PartForm>> {
    vec![
        vec![PartForm::Piecewise { n_bins: 1 }],
        vec![PartForm::Piecewise { n_bins: 1 }],
        vec![PartForm::Code { n_codes: 13 }],
    ]
}

fn all_rows(table: &EncodedTable) -> Vec<usize> {
    (0..table.n_rows).collect()
}

/// Rows of a table of which a third is held out.
fn two_thirds<'a>(
    table: &'a EncodedTable,
    plan: &'a Plan,
    loss: Loss,
    [targets, weights]: [&'a [f32]; 2],
    units: &'a [u64],
    [stop_rows, learn_rows]: [&'a [usize]; 2],
) -> TreeRows<'a> {
    TreeRows { table, plan, loss, targets, weights, units, learn_rows, stop_rows, seed: 7 }
}

/// A random forest that learns from two thirds of the rows, and its mean loss on the others.
fn random(table: &EncodedTable, loss: Loss, targets: &[f32], forms: &[Vec<PartForm>]) -> (RandomForest, f64) {
    let units: Vec<u64> = (0..table.n_rows as u64).collect();
    let (stop_rows, learn_rows): (Vec<usize>, Vec<usize>) = (0..table.n_rows).partition(|r| r % 3 == 0);
    let (plan, weights) = (loss.plan(forms), vec![1.0; table.n_rows]);
    let data = two_thirds(table, &plan, loss, [targets, &weights], &units, [&stop_rows, &learn_rows]);
    let (forest, said) = RandomForest::fit(&data, &Learned::new(&data), 120, &|| false);
    let mut predicted = Vec::new();
    said.chunks_exact(loss.n_outputs()).for_each(|row| loss.of_means(row, &mut predicted));
    let n_values = predicted.len() / stop_rows.len();
    let of_row = |(i, r): (usize, &usize)| match loss {
        Loss::Squared => (predicted[i] - f64::from(targets[*r])).powi(2),
        _ => -predicted[i * n_values + targets[*r] as usize].max(1e-3).ln(),
    };
    (forest, stop_rows.iter().enumerate().map(of_row).sum::<f64>() / stop_rows.len() as f64)
}

/// A forest that learns from two thirds of the rows, and its mean loss on the others.
fn fitted(table: &EncodedTable, loss: Loss, targets: &[f32], weights: &[f32]) -> (Forest, f64) {
    let units: Vec<u64> = (0..table.n_rows as u64).collect();
    let (stop_rows, learn_rows): (Vec<usize>, Vec<usize>) = (0..table.n_rows).partition(|r| r % 3 == 0);
    let plan = loss.plan(&forms());
    let data = two_thirds(table, &plan, loss, [targets, weights], &units, [&stop_rows, &learn_rows]);
    let options = BoostOptions { offsets: None, haste: 1.0 };
    let (forest, margins) = boost(&data, &Learned::new(&data), &options, &|| false);
    let n = loss.n_outputs();
    assert_eq!(
        margins,
        forest.margins(table, &stop_rows),
        "what a fit says of its stop rows is what the forest predicts"
    );
    let mut predicted = Vec::new();
    margins.chunks_exact(n).for_each(|row| loss.predict(row, &mut predicted));
    let n_values = predicted.len() / stop_rows.len();
    let of_row = |(i, r): (usize, &usize)| match loss {
        Loss::Squared => (predicted[i] - f64::from(targets[*r])).powi(2),
        _ => -predicted[i * n_values + targets[*r] as usize].ln(),
    };
    let mean = stop_rows.iter().enumerate().map(of_row).sum::<f64>() / stop_rows.len() as f64;
    (forest, mean)
}

#[test]
fn an_interaction_a_missing_cell_and_a_category_are_learned() {
    let table = table(3000);
    let high = |c: usize, r: usize| match &table.columns[c].parts[0] {
        PartValues::Piecewise { position, .. } => position[r] > 0.5,
        PartValues::Code { code } => code[r] % 2 == 0,
        PartValues::Bag { .. } => false,
    };
    let sign = |is: bool| if is { 1.0 } else { -1.0 };
    // What a missing cell hides is not known: it says something of its own.
    let second = |r: usize| if r.is_multiple_of(5) { 2.0 } else { sign(high(1, r)) };
    let numbers: Vec<f32> = (0..3000).map(|r| sign(high(0, r)) * second(r) + sign(high(2, r))).collect();
    let (forest, error) = fitted(&table, Loss::Squared, &numbers, &[1.0; 3000]);
    assert!(error < 0.06 && forest.n_trees() > 20, "{error}, {} trees", forest.n_trees());
    let two: Vec<f32> = numbers.iter().map(|n| f32::from(u8::from(*n > 0.5))).collect();
    let (_, loss) = fitted(&table, Loss::Logistic, &two, &[1.0; 3000]);
    assert!(loss < 0.06, "{loss}");
    let three: Vec<f32> =
        numbers.iter().map(|n| if *n < -0.5 { 0.0 } else { 1.0 + f32::from(u8::from(*n > 1.5)) }).collect();
    let (_, loss) = fitted(&table, Loss::Softmax { n_classes: 3 }, &three, &[1.0; 3000]);
    assert!(loss < 0.1, "{loss}");
}

#[test]
fn of_a_target_that_nothing_tells_hardly_a_tree_is_kept() {
    for seed in 0..10 {
        let mut table = table(900);
        // A category for every three rows: their own targets would tell them apart.
        table.columns[2] = category((0..900).map(|r| 1 + (chance(r, 40 + seed) * 300.0) as u32).collect());
        let mut forms = forms();
        forms[2] = vec![PartForm::Code { n_codes: 301 }];
        let targets: Vec<f32> = (0..900).map(|r| f32::from(u8::from(chance(r, 50 + seed) < 0.3))).collect();
        let plan = Loss::Logistic.plan(&forms);
        let (stop_rows, learn_rows): (Vec<usize>, Vec<usize>) = (0..900).partition(|r| r % 3 == 0);
        let units: Vec<u64> = (0..900).collect();
        let data = TreeRows {
            table: &table,
            plan: &plan,
            loss: Loss::Logistic,
            targets: &targets,
            weights: &[1.0; 900],
            units: &units,
            learn_rows: &learn_rows,
            stop_rows: &stop_rows,
            seed,
        };
        let options = BoostOptions { offsets: None, haste: 1.0 };
        let (forest, _) = boost(&data, &Learned::new(&data), &options, &|| false);
        assert!(forest.n_trees() < 30, "seed {seed}: {} trees", forest.n_trees());
    }
}

#[test]
fn a_cell_that_no_learned_row_misses_counts_as_the_median_where_it_is_missing() {
    let mut table = table(600);
    let targets: Vec<f32> = (0..600).map(|r| chance(r, 1)).collect();
    let (forest, _) = fitted(&table, Loss::Squared, &targets, &[1.0; 600]);
    table.columns[0].missing = vec![true; 600];
    let without = forest.margins(&table, &all_rows(&table));
    let mean = without.iter().sum::<f32>() / 600.0;
    assert!((mean - 0.5).abs() < 0.06, "the lowest would give 0, the highest 1: {mean}");
}

#[test]
fn a_row_has_the_same_bits_alone_and_among_others() {
    let table = table(600);
    let targets: Vec<f32> = (0..600).map(|r| chance(r, 1) + chance(r, 2)).collect();
    let (forest, _) = fitted(&table, Loss::Squared, &targets, &[1.0; 600]);
    let all = forest.margins(&table, &all_rows(&table));
    for rows in [vec![599, 3, 250], vec![17]] {
        assert_eq!(
            forest.margins(&table.take(&rows), &[0, 1, 2][..rows.len()]),
            forest.margins(&table, &rows)
        );
        let alone = forest.margins(&table, &rows);
        assert_eq!(alone, rows.iter().map(|r| all[*r]).collect::<Vec<_>>());
    }
}

#[test]
fn rows_of_weight_zero_leave_no_trace() {
    let table = table(600);
    let clean: Vec<f32> = (0..600).map(|r| chance(r, 1)).collect();
    let weights: Vec<f32> = (0..600).map(|r| f32::from(u8::from(r % 7 != 1))).collect();
    let spoilt: Vec<f32> =
        clean.iter().zip(&weights).map(|(value, w)| if *w > 0.0 { *value } else { 1e6 }).collect();
    let (a, b) =
        (fitted(&table, Loss::Squared, &clean, &weights), fitted(&table, Loss::Squared, &spoilt, &weights));
    assert_eq!(a.0, b.0);
}

#[test]
fn a_row_never_sees_the_target_of_its_own_unit() {
    let table =
        EncodedTable { n_rows: 400, columns: vec![category((0..400).map(|r| 1 + r / 2 % 5).collect())] };
    let plan = Loss::Squared.plan(&[vec![PartForm::Code { n_codes: 6 }]]);
    let rows: Vec<usize> = (0..400).collect();
    let units: Vec<u64> = (0..400).map(|r| r / 2).collect();
    let values: Vec<f32> = (0..400).map(|r| chance(r, 1)).collect();
    let columns = |values: &[f32]| {
        let targets = Targets { values, n: 1, weights: &[1.0; 400] };
        Columns::to_learn_from(&plan, &table, &rows, &units, &targets, 3).0
    };
    let before = columns(&values);
    let mut changed = values.clone();
    // Both together, so that the mean of all rows stays.
    (changed[10], changed[11]) = (values[10] + 0.5, values[11] - 0.5);
    let after = columns(&changed);
    assert_eq!((before[1][10], before[1][11]), (after[1][10], after[1][11]));
    assert_eq!(before[1][10], before[1][11], "copies look alike");
}

#[test]
fn a_forest_comes_back_from_its_tensors_and_damaged_ones_are_refused() {
    let table = table(600);
    let targets: Vec<f32> = (0..600).map(|r| f32::from(u8::from(chance(r, 1) > 0.4))).collect();
    let (forest, _) = fitted(&table, Loss::Logistic, &targets, &[1.0; 600]);
    let mut blobs = BTreeMap::new();
    forest.to_blobs("forest.0", &mut blobs);
    let read = |change: &dyn Fn(&mut BTreeMap<String, Blob>)| {
        let mut blobs = blobs.clone();
        change(&mut blobs);
        Forest::from_blobs(Loss::Logistic.plan(&forms()), 1, "forest.0", &mut blobs).map(|f| (f, blobs.len()))
    };
    assert_eq!(read(&|_| ()).unwrap(), (forest, 0));
    type Damage = fn(&mut Blob);
    let damages: [(&str, Damage); 9] = [
        ("questions", |b| b.data[0] = 4.0),
        ("questions", |b| b.data[1] = 0.5),
        ("questions", |b| b.data[1] = -1.0),
        ("leaves", |b| b.shape[0] -= 1),
        ("borders", |b| b.data.reverse()),
        ("border_ends", |b| b.data[0] = 1e9),
        ("missing", |b| b.data[0] = 250.0),
        ("start", |b| b.data.push(0.0)),
        ("statistics", |b| b.data.truncate(3)),
    ];
    for (name, damage) in damages {
        let error = read(&|blobs| damage(blobs.get_mut(&format!("forest.0.{name}")).unwrap())).unwrap_err();
        assert!(error.to_string().contains("forest.0"), "{name}: {error}");
        assert!(read(&|blobs| drop(blobs.remove(&format!("forest.0.{name}")))).is_err(), "{name}");
    }
}

#[test]
fn a_random_forest_learns_an_interaction_and_a_category_and_nothing_of_a_target_that_nothing_tells() {
    let mut table = table(3000);
    let position = |c: usize, r: usize| match &table.columns[c].parts[0] {
        PartValues::Piecewise { position, .. } => position[r] > 0.5,
        PartValues::Code { code } => code[r] % 2 == 0,
        PartValues::Bag { .. } => false,
    };
    let is = |r: usize| (position(0, r) != position(2, r)) || r.is_multiple_of(5);
    let two: Vec<f32> = (0..3000).map(|r| f32::from(u8::from(is(r)))).collect();
    let (forest, loss) = random(&table, Loss::Logistic, &two, &forms());
    assert!(loss < 0.25 && forest.n_trees() == 40, "{loss}, {} trees", forest.n_trees());
    let (_, loss) = random(&table, Loss::Softmax { n_classes: 2 }, &two, &forms());
    assert!(loss < 0.25, "{loss}: the mean alone has .67");
    let (_, error) = random(&table, Loss::Squared, &two, &forms());
    assert!(error < 0.08, "{error}: the mean alone has .24");
    // A category for every three rows: statistics of a row's own target would tell it.
    table.columns[2] = category((0..3000).map(|r| 1 + (chance(r, 40) * 1000.0) as u32).collect());
    let mut forms = forms();
    forms[2] = vec![PartForm::Code { n_codes: 1001 }];
    let noise: Vec<f32> = (0..3000).map(|r| f32::from(u8::from(chance(r, 50) < 0.5))).collect();
    let (_, loss) = random(&table, Loss::Logistic, &noise, &forms);
    assert!(loss < 0.76, "{loss}: a coin has .693");
}

#[test]
fn a_random_forest_says_the_same_of_a_row_in_any_batch_and_its_mean_of_one_that_is_hidden() {
    let table = table(900);
    let targets: Vec<f32> = (0..900).map(|r| chance(r, 1) + chance(r, 60) / 4.0).collect();
    let (forest, _) = random(&table, Loss::Squared, &targets, &forms());
    let forests = std::slice::from_ref(&forest);
    let all = RandomForest::means_of_all(forests, &table, &all_rows(&table), None).remove(0);
    assert_eq!(RandomForest::means_of_all(forests, &table, &[700, 3], None).remove(0), [all[700], all[3]]);
    let seen =
        |hidden: [bool; 3]| RandomForest::means_of_all(forests, &table, &[700], Some(&hidden)).remove(0)[0];
    assert!((seen([false; 3]) - all[700]).abs() < 1e-5);
    let mean = targets.iter().sum::<f32>() / 900.0;
    assert!((seen([true; 3]) - mean).abs() < 0.03, "{} of {mean}", seen([true; 3]));
    assert!((seen([true, false, false]) - mean).abs() < 0.2, "what the first column says is not seen");
}

#[test]
fn a_random_forest_comes_back_from_its_tensors_and_damaged_ones_are_refused() {
    let table = table(600);
    let targets: Vec<f32> = (0..600).map(|r| f32::from(u8::from(chance(r, 1) > 0.4))).collect();
    let (forest, _) = random(&table, Loss::Logistic, &targets, &forms());
    let mut blobs = BTreeMap::new();
    forest.to_blobs("random_forest.0", &mut blobs);
    let read = |change: &dyn Fn(&mut BTreeMap<String, Blob>)| {
        let mut blobs = blobs.clone();
        change(&mut blobs);
        RandomForest::from_blobs(Loss::Logistic.plan(&forms()), 1, "random_forest.0", &mut blobs)
            .map(|forest| (forest, blobs.len()))
    };
    assert_eq!(read(&|_| ()).unwrap(), (forest, 0));
    type Damage = fn(&mut Blob);
    let damages: [(&str, Damage); 12] = [
        ("nodes", |b| b.data[0] = 256.0 * 4.0),
        ("nodes", |b| b.data[0] = 0.5),
        ("nodes", |b| b.data[0] = -2.0),
        ("nodes", |b| b.data[0] = -1.0),
        ("nodes", |b| b.data.push(-1.0)),
        ("tree_ends", |b| b.data[0] += 1.0),
        ("tree_ends", |b| b.data[0] = 1e9),
        ("tree_ends", |b| b.data.truncate(3)),
        ("leaves", |b| b.shape[0] -= 1),
        ("covers", |b| b.data[0] = -1.0),
        ("covers", |b| b.shape[0] -= 1),
        ("statistics", |b| b.data.truncate(3)),
    ];
    for (name, damage) in damages {
        let error =
            read(&|blobs| damage(blobs.get_mut(&format!("random_forest.0.{name}")).unwrap())).unwrap_err();
        assert!(error.to_string().contains("random_forest.0"), "{name}: {error}");
        assert!(read(&|blobs| drop(blobs.remove(&format!("random_forest.0.{name}")))).is_err(), "{name}");
    }
}
