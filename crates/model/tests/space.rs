//! What an embedding space promises, from outside.

#![allow(clippy::unwrap_used)]

use std::ops::ControlFlow;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, StringArray};
use tabgraft_model::train::{Event, StopReason, quiet};
use tabgraft_model::{
    EmbeddingSpace, ExtendOptions, FitOptions, Mode, Predictor, PredictorOptions, TrainingOptions,
};
use tabgraft_table::Table;
use tabgraft_table::schema::Kind;
use tabgraft_table::split::{Part, SplitKey, SplitOptions};

fn unit(i: usize, salt: u64) -> f64 {
    let mut x = (i as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ salt.wrapping_mul(0xd134_2543_de82_ef95);
    x ^= x >> 29;
    x = x.wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x ^= x >> 32;
    (x >> 11) as f64 / (1u64 << 53) as f64
}

/// A table of related columns with missing cells; `late` and `later` come after training.
fn table(n_rows: usize) -> Table {
    let size: Vec<f64> = (0..n_rows).map(|i| unit(i, 1) * 100.0).collect();
    let number = |f: &dyn Fn(usize) -> f64, salt: u64| -> ArrayRef {
        Arc::new(Float64Array::from_iter((0..n_rows).map(|i| (unit(i, salt) > 0.05).then(|| f(i)))))
    };
    let text = |f: &dyn Fn(usize) -> &'static str| -> ArrayRef {
        Arc::new(StringArray::from_iter((0..n_rows).map(|i| (unit(i, 77) > 0.03).then(|| f(i)))))
    };
    let color =
        |i: usize| ["red", "green", "blue"][((size[i] / 34.0) as usize + usize::from(unit(i, 5) > 0.9)) % 3];
    Table::from_columns([
        ("size", number(&|i| size[i], 11)),
        ("weight", number(&|i| size[i] * 2.0 + unit(i, 2) * 20.0, 12)),
        ("noise", number(&|i| unit(i, 3), 13)),
        ("color", text(&color)),
        ("late", number(&|i| size[i].sqrt() + unit(i, 4), 14)),
        ("later", text(&|i| if unit(i, 6) > 0.5 { "yes" } else { "no" })),
        ("target", text(&|i| if size[i] + 60.0 * unit(i, 7) > 80.0 { "good" } else { "bad" })),
    ])
    .unwrap()
}

fn options() -> FitOptions {
    let mut options = FitOptions { name: "v1".into(), ..FitOptions::default() };
    options.config.d_model = 32;
    options.config.training.n_epochs = Some(4);
    options.infer.ignore = vec!["target".into()];
    options
}

fn early(table: &Table) -> Table {
    table.without(&["late".into(), "later".into()]).unwrap()
}

fn parent(table: &Table) -> EmbeddingSpace {
    EmbeddingSpace::fit(&early(table), None, &options(), &mut quiet).unwrap()
}

fn extend(parent: &EmbeddingSpace, table: &Table, mode: Mode) -> EmbeddingSpace {
    let options = ExtendOptions { mode, training: TrainingOptions::of_epochs(3), ..ExtendOptions::default() };
    parent.extend(table, None, &options, &mut quiet).unwrap()
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|v| v.to_bits()).collect()
}

#[test]
fn a_rows_embedding_has_the_same_bits_alone_in_any_batch_and_in_any_order() {
    let table = table(300);
    let space = extend(
        &extend(&parent(&table), &table.without(&["later".into()]).unwrap(), Mode::Joint),
        &table,
        Mode::Frozen,
    );
    let whole = space.embed(&table).unwrap();
    for i in [0, 1, 63, 64, 150, 299] {
        let alone = space.embed(&table.slice(i, 1)).unwrap();
        assert_eq!(bits(alone.row(0)), bits(whole.row(i)), "row {i} alone");
    }
    for n in [2, 65, 129] {
        let part = space.embed(&table.slice(7, n)).unwrap();
        assert_eq!(bits(&part.values), bits(&whole.values[7 * whole.d_model..(7 + n) * whole.d_model]));
    }
    let mut order: Vec<u32> = (0..300).collect();
    order.sort_by_key(|i| (i * 7919) % 301);
    let shuffled = space.embed(&table.take(&order).unwrap()).unwrap();
    for (place, i) in order.iter().enumerate() {
        assert_eq!(bits(shuffled.row(place)), bits(whole.row(*i as usize)), "row {i} at place {place}");
    }
}

#[test]
fn an_untrained_graft_changes_no_bit_of_an_old_row() {
    let table = table(200);
    let parent = parent(&table);
    let before = parent.embed(&table).unwrap();
    for mode in [Mode::Joint, Mode::Anchored, Mode::Frozen] {
        let options =
            ExtendOptions { mode, training: TrainingOptions::of_epochs(3), ..ExtendOptions::default() };
        let graft = parent.graft(&table, None, &options, &mut quiet).unwrap();
        // With the new columns and without them.
        for rows in [&table, &early(&table)] {
            let after = graft.untrained().embed(rows).unwrap();
            for i in 0..200 {
                assert_eq!(bits(&after.row(i)[..before.d_model]), bits(before.row(i)), "{mode:?}, row {i}");
            }
        }
    }
}

#[test]
fn frozen_grafts_keep_the_parents_coordinates_over_a_chain() {
    let table = table(200);
    let v1 = parent(&table);
    let v2 = extend(&v1, &table.without(&["later".into()]).unwrap(), Mode::Frozen);
    let v3 = extend(&v2, &table, Mode::Frozen);
    let (z1, z2, z3) = (v1.embed(&table).unwrap(), v2.embed(&table).unwrap(), v3.embed(&table).unwrap());
    assert!(z1.d_model < z2.d_model && z2.d_model < z3.d_model);
    for i in 0..200 {
        assert_eq!(bits(&z2.row(i)[..z1.d_model]), bits(z1.row(i)));
        assert_eq!(bits(&z3.row(i)[..z2.d_model]), bits(z2.row(i)));
    }
    let drift = v3.extension_metadata().unwrap().drift.unwrap();
    assert_eq!((drift.mean_cosine_distance, drift.max_cosine_distance), (0.0, 0.0));
    // The lineage holds the whole chain, linked by hashes.
    let chain = v3.extensions();
    assert_eq!(chain.len(), 2);
    assert_eq!(chain[0].new_columns_added, ["late"]);
    assert_eq!(chain[1].new_columns_added, ["later"]);
    assert_eq!(chain[0].parent.weights, v1.hashes().weights);
    assert_eq!(chain[1].parent.weights, v2.hashes().weights);
    assert_eq!((chain[1].original_column_count, chain[1].extended_column_count), (5, 6));
    assert_eq!(chain[1].training_epochs_used, 3);
    assert_eq!(v2.name(), "v1_extended");
}

#[test]
fn a_joint_graft_moves_old_rows_and_says_how_far() {
    let table = table(200);
    let v1 = parent(&table);
    let v2 = extend(&v1, &table, Mode::Joint);
    assert_eq!(v1.d_model(), v2.d_model());
    let drift = v2.extension_metadata().unwrap().drift.unwrap();
    assert!(drift.mean_cosine_distance > 0.0 && drift.mean_cosine_distance <= drift.max_cosine_distance);
    let phases: Vec<&str> = v2.training_info().epochs.iter().map(|e| e.phase.as_str()).collect();
    assert_eq!(phases, ["new columns", "all columns", "all columns"]);
}

#[test]
fn the_same_seed_gives_the_same_bits_with_any_number_of_threads() {
    let table = table(200);
    let train = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let space = extend(&parent(&table), &table, Mode::Joint);
            bits(&space.embed(&table).unwrap().values)
        })
    };
    let one = train(1);
    assert_eq!(one, train(2));
    assert_eq!(one, train(3));
    let mut other = options();
    other.config.training.seed = 1;
    let other = EmbeddingSpace::fit(&early(&table), None, &other, &mut quiet).unwrap();
    assert_ne!(
        bits(&parent(&table).embed(&table).unwrap().values),
        bits(&other.embed(&table).unwrap().values)
    );
}

#[test]
fn saved_and_loaded_it_gives_the_same_bits_and_the_same_file() {
    let dir = tempfile::tempdir().unwrap();
    let table = table(200);
    let space = extend(
        &extend(&parent(&table), &table.without(&["later".into()]).unwrap(), Mode::Joint),
        &table,
        Mode::Frozen,
    );
    let (first, second) = (dir.path().join("a.pkl"), dir.path().join("b.tabgraft"));
    space.save(&first).unwrap();
    let loaded = EmbeddingSpace::load(&first).unwrap();
    loaded.save(&second).unwrap();
    assert_eq!(std::fs::read(&first).unwrap(), std::fs::read(&second).unwrap());
    assert_eq!(bits(&space.embed(&table).unwrap().values), bits(&loaded.embed(&table).unwrap().values));
    assert_eq!(space.card(), loaded.card());

    let quick = PredictorOptions { n_epochs: 2, n_networks: Some(2), ..PredictorOptions::default() };
    let predictor = Predictor::fit(&space, &table, "target", &quick, &mut quiet).unwrap();
    let path = dir.path().join("p.tabgraft");
    predictor.save(&path).unwrap();
    let again = Predictor::load(&path).unwrap();
    let (a, b) = (predictor.predict(&table).unwrap(), again.predict(&table).unwrap());
    assert_eq!(a, b);
    assert_eq!(
        again.predict(&table.slice(17, 1)).unwrap().values,
        a.values[17 * a.n_outputs..18 * a.n_outputs]
    );
    assert!(EmbeddingSpace::load(&path).unwrap_err().to_string().contains("predictor"));
}

#[test]
fn nothing_new_is_an_error_that_lists_both_sides() {
    let table = table(120);
    let space = parent(&table);
    let error = space.extend(&early(&table), None, &ExtendOptions::default(), &mut quiet).unwrap_err();
    assert!(error.is_no_new_columns());
    let text = error.to_string();
    assert!(text.starts_with("no new columns found: the space has `size`"), "{text}");
    assert!(text.contains("the table has `size`") && text.contains("`target`"), "{text}");
    assert!(error.hint().is_some());
}

#[test]
fn what_the_parent_ignored_stays_ignored_in_every_descendant() {
    let table = table(160);
    let v2 = extend(&parent(&table), &table.without(&["later".into()]).unwrap(), Mode::Frozen);
    let v3 = extend(&v2, &table, Mode::Joint);
    for space in [&v2, &v3] {
        assert!(space.columns().iter().all(|c| c.name != "target"));
        let report = space.column_report(&table);
        assert!(report.ignored_columns.iter().any(|c| c.name == "target" && !c.unknown));
    }
}

#[test]
fn unknown_and_missing_columns_are_reported_never_silent() {
    let table = table(160);
    let space = parent(&table);
    let report = space.embed(&table.without(&["size".into()]).unwrap()).unwrap().report;
    assert_eq!(report.missing_columns, ["size"]);
    let unknown: Vec<&str> =
        report.ignored_columns.iter().filter(|c| c.unknown).map(|c| c.name.as_str()).collect();
    assert_eq!(unknown, ["late", "later"]);

    let mut notes = Vec::new();
    let quick = PredictorOptions { n_epochs: 1, n_networks: Some(2), ..PredictorOptions::default() };
    Predictor::fit(&space, &table, "target", &quick, &mut |event| {
        if let Event::Warning { text } = event {
            notes.push(text.clone());
        }
        ControlFlow::Continue(())
    })
    .unwrap();
    assert!(notes.iter().any(|n| n.contains("NOT used") && n.contains("`late`, `later`")), "{notes:?}");
}

#[test]
fn a_space_before_training_has_its_final_shape_and_bytes_carry_it() {
    let table = table(160);
    let untrained = EmbeddingSpace::untrained(&early(&table), None, &options(), &mut quiet).unwrap();
    let trained = parent(&table);
    assert_eq!((untrained.d_model(), untrained.columns()), (trained.d_model(), trained.columns()));
    assert_eq!(untrained.hashes().schema, trained.hashes().schema);
    assert_ne!(untrained.hashes().weights, trained.hashes().weights);
    assert!(untrained.training_info().epochs.is_empty());

    let bytes = trained.to_bytes().unwrap();
    let again = EmbeddingSpace::from_bytes(&bytes).unwrap();
    assert_eq!(again.to_bytes().unwrap(), bytes);
    assert_eq!(bits(&again.embed(&table).unwrap().values), bits(&trained.embed(&table).unwrap().values));
    assert!(EmbeddingSpace::from_bytes(&bytes[..bytes.len() - 1]).unwrap_err().is_malformed());
}

#[test]
fn test_rows_stay_out_of_both_tables_of_a_first_training() {
    let table = early(&table(300));
    let (first, second) = (table.slice(0, 200), table.slice(200, 100));
    let space = EmbeddingSpace::fit(&first, Some(&second), &options(), &mut quiet).unwrap();
    let is_test =
        |rows: &Table| space.split().assign(rows).unwrap().iter().filter(|p| **p == Part::Test).count();
    let info = space.training_info();
    assert!(is_test(&first) > 0 && is_test(&second) > 0);
    assert_eq!(info.n_rows_train, 200 - is_test(&first));
    assert_eq!(info.n_rows_valid, 100 - is_test(&second));
}

#[test]
fn only_what_a_column_is_is_told_from_test_rows() {
    let n_rows = 400;
    let keys: ArrayRef = Arc::new(StringArray::from_iter_values((0..n_rows).map(|i| format!("row {i}"))));
    let keyed =
        table(n_rows).select(&["size".into(), "color".into()]).unwrap().with_column("key", keys).unwrap();
    let options = FitOptions {
        split: SplitOptions { by: SplitKey::Key { column: "key".into() }, ..SplitOptions::default() },
        ..FitOptions { infer: Default::default(), ..options() }
    };
    let fit = |table: &Table| EmbeddingSpace::fit(table, None, &options, &mut quiet).unwrap();
    let space = fit(&keyed);
    let parts = space.split().assign(&keyed).unwrap();
    let is_test = |row: usize| parts[row] == Part::Test;
    assert!((0..n_rows).filter(|row| is_test(*row)).count() > 20);
    // Numbers of another size in the test rows teach nothing: same bins, same weights.
    let sizes = |of: &dyn Fn(usize) -> f64| Arc::new(Float64Array::from_iter_values((0..n_rows).map(of)));
    let plain = fit(&keyed.with_column("size", sizes(&|row| unit(row, 1))).unwrap());
    let shifted = |row: usize| unit(row, 1) + if is_test(row) { 1e6 } else { 0.0 };
    let shifted = fit(&keyed.with_column("size", sizes(&shifted)).unwrap());
    assert_eq!(shifted.codecs(), plain.codecs());
    assert_eq!(shifted.hashes().weights, plain.hashes().weights);
    // What a column is, they have a say in: one that holds a word there is no number anywhere.
    let words = (0..n_rows).map(|row| match is_test(row) && row % 2 == 0 {
        true => "unknown".to_owned(),
        false => format!("{}", unit(row, 1)),
    });
    let worded = fit(&keyed.with_column("size", Arc::new(StringArray::from_iter_values(words))).unwrap());
    let kind = |space: &EmbeddingSpace| space.columns().iter().find(|c| c.name == "size").map(|c| c.kind);
    assert_eq!(kind(&plain), Some(Kind::Numeric));
    assert_eq!(kind(&worded), Some(Kind::Text));
}

#[test]
fn a_target_inside_the_space_is_refused() {
    let table = table(160);
    let error = Predictor::fit(&parent(&table), &table, "color", &PredictorOptions::default(), &mut quiet)
        .unwrap_err();
    assert!(error.is_schema() && error.to_string().contains("uses the target `color`"), "{error}");
}

#[test]
fn stopping_keeps_the_best_state_so_far() {
    let table = table(400);
    let mut options = options();
    options.config.training.n_epochs = Some(500);
    options.config.training.auto_epochs = false;
    let mut n_epochs = 0;
    let space = EmbeddingSpace::fit(&early(&table), None, &options, &mut |event| match event {
        Event::Epoch { .. } => {
            n_epochs += 1;
            if n_epochs == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        }
        _ => ControlFlow::Continue(()),
    })
    .unwrap();
    let info = space.training_info();
    assert_eq!(info.stop_reason, StopReason::Interrupted);
    assert_eq!(info.epochs.len(), 2);
    assert!(space.embed(&table).unwrap().values.iter().all(|v| v.is_finite()));
}

#[test]
fn it_learns_columns_from_each_other_and_a_target_from_them() {
    let table = table(1200);
    let mut options = options();
    options.config.training.n_epochs = Some(30);
    let space = EmbeddingSpace::fit(&table, None, &options, &mut quiet).unwrap();
    let losses = &space.training_info().final_column_losses;
    // A uniform guess costs 1. `size`, `weight` and `late` tell of each other; `noise` of nothing.
    assert!(losses["size"] < 0.8 && losses["weight"] < 0.85, "{losses:?}");
    assert!(losses["noise"] > 0.95, "{losses:?}");
    let options = PredictorOptions { n_epochs: 20, ..PredictorOptions::default() };
    let predictor = Predictor::fit(&space, &table, "target", &options, &mut quiet).unwrap();
    let auc = predictor.fit_info().scores[0];
    assert_eq!(auc.metric.name(), "roc_auc");
    assert!(auc.value > 0.85 && auc.low < auc.value && auc.value < auc.high, "{auc:?}");
}
