//! The way from a table to a predictor and back: preparing, weighing rows, comparing.

#![allow(clippy::unwrap_used)]

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, StringArray};
use tabgraft_model::compare::compare_predictors;
use tabgraft_model::discover::prepare::prepare;
use tabgraft_model::train::{Event, quiet};
use tabgraft_model::{
    CompareOptions, DiscoverOptions, EmbeddingSpace, ExtendOptions, FitOptions, Predictor, PredictorOptions,
    TrainingOptions, discover,
};
use tabgraft_table::Table;
use tabgraft_table::split::Part;

/// `late` tells most of the target; `early` tells a little.
fn table(n_rows: usize) -> Table {
    let noise = |i: usize, salt: u64| {
        let mut x =
            (i as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ salt.wrapping_mul(0xd134_2543_de82_ef95);
        x = (x ^ (x >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        ((x ^ (x >> 32)) >> 11) as f64 / (1u64 << 53) as f64
    };
    let number = |f: &dyn Fn(usize) -> f64| -> ArrayRef {
        Arc::new(Float64Array::from_iter((0..n_rows).map(|i| Some(f(i)))))
    };
    let is_good = |i: usize| noise(i, 1) + 0.3 * noise(i, 2) > 0.6;
    Table::from_columns([
        ("early", number(&|i| noise(i, 2))),
        ("other", number(&|i| noise(i, 3))),
        ("late", number(&|i| noise(i, 1))),
        (
            "target",
            Arc::new(StringArray::from_iter(
                (0..n_rows).map(|i| Some(if is_good(i) { "good" } else { "bad" })),
            )),
        ),
    ])
    .unwrap()
}

fn space(table: &Table) -> EmbeddingSpace {
    let mut options = FitOptions { name: "v1".into(), ..FitOptions::default() };
    options.config.d_model = 16;
    options.config.training.n_epochs = Some(4);
    options.infer.ignore = vec!["target".into()];
    EmbeddingSpace::fit(&table.without(&["late".into()]).unwrap(), None, &options, &mut quiet).unwrap()
}

fn quick() -> PredictorOptions {
    PredictorOptions { n_epochs: 10, n_networks: Some(2), d_hidden: 16, ..PredictorOptions::default() }
}

#[test]
fn preparing_gives_every_row_a_part_and_warns_of_columns_without_a_codec() {
    let table = table(300);
    let space = space(&table);
    let mut warnings = Vec::new();
    let prepared = prepare(&space, &table, "target", None, "graft them", &mut |event| {
        if let Event::Warning { text } = event {
            warnings.push(text.clone());
        }
        ControlFlow::Continue(())
    })
    .unwrap();
    assert_eq!(prepared.learn_rows.len() + prepared.held_out_rows.len(), 300);
    let parts = space.split().assign(&table).unwrap();
    assert!(prepared.held_out_rows.iter().all(|r| parts[*r as usize] == Part::Test));
    assert!(warnings.len() == 1 && warnings[0].contains("NOT be used: `late`"), "{warnings:?}");
    assert!(prepared.loaded.is_none() && prepared.features.is_empty());
    assert!(prepare(&space, &table, "absent", None, "graft them", &mut quiet).unwrap_err().is_schema());
}

#[test]
fn preparing_applies_what_an_earlier_run_suggests_and_refuses_what_does_not_fit() {
    let folder = tempfile::tempdir().unwrap();
    let history = folder.path().join("feature_suggestion_history.json");
    let table = table(400);
    let space = space(&table);
    let absent = prepare(&space, &table, "target", Some(&history), "graft them", &mut quiet).unwrap();
    assert!(absent.loaded.is_none(), "no file, nothing to load");

    let options =
        DiscoverOptions { budget_s: 0.5, n_judged: 3, predictor: quick(), ..DiscoverOptions::default() };
    let found = discover(&space, &table, "target", &options, &mut quiet).unwrap();
    found.write(folder.path()).unwrap();
    let prepared = prepare(&space, &table, "target", Some(&history), "graft them", &mut quiet).unwrap();
    let loaded = prepared.loaded.as_ref().unwrap();
    let suggested: Vec<String> = found.suggested().into_iter().map(|f| f.name).collect();
    assert_eq!(loaded.applied_features, suggested);
    assert_eq!(loaded.metadata()["applied_features"], serde_json::json!(suggested));
    assert!(suggested.iter().all(|name| prepared.table.has_column(name)));
    assert!(prepared.features.iter().all(|f| f.is_ready()));

    // The enriched table again: nothing is applied twice.
    let again = prepare(&space, &prepared.table, "target", Some(&history), "graft them", &mut quiet).unwrap();
    assert_eq!(again.loaded.unwrap().already_there, suggested);
    assert_eq!(again.table.column_names(), prepared.table.column_names());

    let refused = |target: &str, path: &Path| {
        let prepared = prepare(&space, &table, target, Some(path), "graft them", &mut quiet).unwrap();
        assert_eq!(prepared.table.column_names(), table.column_names());
        prepared.loaded.unwrap().refused.unwrap()
    };
    assert!(refused("other", &history).contains("no run for the target `other`"));
    std::fs::write(&history, "{").unwrap();
    assert!(refused("target", &history).contains("feature_suggestion_history.json"));
}

#[test]
fn a_row_of_more_weight_counts_more_and_the_unit_of_weights_does_not_matter() {
    let table = table(400);
    let space = space(&table);
    let is_good: Vec<f64> = {
        let fitted = Predictor::fit(&space, &table, "target", &quick(), &mut quiet).unwrap();
        fitted.target().values(&table).unwrap().into_iter().flatten().collect()
    };
    let mean = |weights: &[f64]| {
        let fitted =
            Predictor::fit_weighted(&space, &table, "target", weights, &quick(), &mut quiet).unwrap();
        let p = fitted.predict(&table).unwrap();
        p.values.iter().skip(1).step_by(2).sum::<f64>() / p.n_rows() as f64
    };
    let even = mean(&[1.0; 400]);
    assert_eq!(even, mean(&[5.0; 400]));
    let heavy: Vec<f64> = is_good.iter().map(|good| 1.0 + 9.0 * good).collect();
    assert!(mean(&heavy) > even + 0.1);

    let refused = |weights: &[f64]| {
        Predictor::fit_weighted(&space, &table, "target", weights, &quick(), &mut quiet)
            .unwrap_err()
            .is_value()
    };
    assert!(refused(&[1.0; 3]) && refused(&[-1.0; 400]) && refused(&[f64::NAN; 400]) && refused(&[0.0; 400]));
}

#[test]
fn a_child_with_telling_columns_is_better_than_its_parent_on_rows_that_neither_has_seen() {
    let table = table(1200);
    let parent = space(&table);
    let options = ExtendOptions { training: TrainingOptions::of_epochs(6), ..ExtendOptions::default() };
    let child = parent.extend(&table, None, &options, &mut quiet).unwrap();
    let options = CompareOptions { predictor: quick(), cross_fit: false };
    let found = parent.compare(&child, &table, "target", &options, &mut quiet).unwrap();
    assert!(found.difference.low > 0.0, "{found:?}");
    let fitted = Predictor::fit(&parent, &table, "target", &quick(), &mut quiet).unwrap();
    let fair = Predictor::fair_rows(&[&fitted], &table).unwrap();
    assert!(fair.notes.is_empty() && fair.warnings.is_empty(), "{fair:?}");
    let unseen = fair.table;
    assert_eq!(found.n_rows, unseen.n_rows());
    let spaces = found.spaces.unwrap();
    assert_eq!(spaces.n_common_columns, 2);
    assert_eq!(spaces.drift.unwrap().max_cosine_distance, 0.0);

    let same = compare_predictors(&fitted, &fitted, &unseen).unwrap();
    assert_eq!((same.difference.difference, same.a.scores), (0.0, same.b.scores));

    let stopped =
        parent.compare(&child, &table, "target", &options, &mut |_| ControlFlow::Break(())).unwrap_err();
    assert!(stopped.is_interrupted());
    let train = table
        .take(
            &(0..1200)
                .filter(|r| parent.split().assign(&table).unwrap()[*r as usize] == Part::Train)
                .take(20)
                .collect::<Vec<_>>(),
        )
        .unwrap();
    assert!(Predictor::fair_rows(&[&fitted], &train).unwrap_err().is_value());
}
