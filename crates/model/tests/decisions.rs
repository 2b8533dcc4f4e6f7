//! What a predictor decides and claims: classes from a threshold, rare classes, probabilities, intervals.

#![expect(clippy::unwrap_used, reason = "a test ends where its helpers fail")]

#[path = "fixtures/unit.rs"]
mod unit;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, StringArray};
use tabgraft_model::predictor::{ClassWeight, Reliability, ThresholdFor};
use tabgraft_model::train::{Event, quiet};
use tabgraft_model::{EmbeddingSpace, FitOptions, Predictor, PredictorOptions};
use tabgraft_table::Table;
use tabgraft_table::schema::InferOptions;
use unit::unit;

const N_ROWS: usize = 1500;

/// One of twelve rows is `yes`, and no cell says so for certain; `n` is a number that is harder where it is large.
fn table() -> Table {
    let of = |purpose| -> ArrayRef {
        Arc::new(Float64Array::from_iter_values((0..N_ROWS).map(|r| unit(r, purpose))))
    };
    let is_yes = |r: usize| unit(r, 3) < 0.3 * unit(r, 1) * unit(r, 1) * (0.4 + unit(r, 2));
    let y: Vec<&str> = (0..N_ROWS).map(|r| if is_yes(r) { "yes" } else { "no" }).collect();
    let n = (0..N_ROWS).map(|r| 10.0 * unit(r, 1) + 4.0 * unit(r, 1) * (unit(r, 4) - 0.5));
    Table::from_columns([
        ("a", of(1)),
        ("b", of(2)),
        ("y", Arc::new(StringArray::from(y)) as ArrayRef),
        ("n", Arc::new(Float64Array::from_iter_values(n)) as ArrayRef),
    ])
    .unwrap()
}

fn space(table: &Table) -> EmbeddingSpace {
    let mut options = FitOptions::default();
    options.infer.ignore = ["y", "n"].map(str::to_owned).to_vec();
    options.config.d_model = 16;
    options.config.training.n_epochs = Some(1);
    EmbeddingSpace::fit(table, None, &options, &mut quiet).unwrap()
}

fn options() -> PredictorOptions {
    PredictorOptions { n_epochs: 6, n_networks: Some(2), d_hidden: 16, ..PredictorOptions::default() }
}

fn fitted(table: &Table, target: &str, options: &PredictorOptions) -> Predictor {
    Predictor::fit(&space(table), table, target, options, &mut quiet).unwrap()
}

fn score(predictor: &Predictor, metric: &str) -> f64 {
    predictor.fit_info().scores.iter().find(|s| s.metric.name() == metric).unwrap().value
}

fn n_yes(predictor: &Predictor, table: &Table) -> usize {
    predictor.predict(table).unwrap().class_idx.iter().sum()
}

#[test]
fn a_threshold_for_a_metric_is_stored_and_used_by_labels_and_scores() {
    let table = table();
    let plain = fitted(&table, "y", &options());
    assert!(n_yes(&plain, &table) < 20 && score(&plain, "f1") < 0.1);
    for (chosen_for, metric) in
        [(ThresholdFor::F1, "f1"), (ThresholdFor::BalancedAccuracy, "balanced_accuracy")]
    {
        let chosen = fitted(&table, "y", &PredictorOptions { threshold_for: Some(chosen_for), ..options() });
        assert!(chosen.threshold() < 0.3, "{}", chosen.threshold());
        assert_eq!(chosen.predict(&table).unwrap().values, plain.predict(&table).unwrap().values);
        assert!(score(&chosen, metric) > score(&plain, metric) + 0.05, "{metric}");
        assert!(n_yes(&chosen, &table) > N_ROWS / 20);
        let card = chosen.card().chosen_threshold.unwrap();
        assert!(card.reached > card.at_half && card.n == chosen.fit_info().n_rows);
        let again = Predictor::from_bytes(&chosen.to_bytes().unwrap()).unwrap();
        assert_eq!((again.threshold(), again.id()), (chosen.threshold(), chosen.id()));
        assert_ne!(chosen.id(), plain.id());
    }
}

/// Nothing can be learned of it: every row has the probability that the class has.
#[test]
fn a_predictor_that_would_predict_one_class_alone_says_so() {
    let chance: Vec<&str> = (0..N_ROWS).map(|r| if unit(r, 77) < 0.08 { "yes" } else { "no" }).collect();
    let table = table().with_columns([("y", Arc::new(StringArray::from(chance)) as ArrayRef)]).unwrap();
    let told = |options: PredictorOptions| {
        let mut told = Vec::new();
        let mut sink = |event: &Event| {
            if let Event::Warning { text } = event {
                told.push(text.clone());
            }
            ControlFlow::Continue(())
        };
        Predictor::fit(&space(&table), &table, "y", &options, &mut sink).unwrap();
        told.into_iter().filter(|text| text.contains("are predicted as `no`")).count()
    };
    assert_eq!(told(options()), 1);
    assert_eq!(
        told(PredictorOptions { threshold_for: Some(ThresholdFor::BalancedAccuracy), ..options() }),
        0
    );
}

#[test]
fn costs_of_mistakes_choose_the_threshold_and_a_number_has_none() {
    let table = table();
    let threshold_for = Some(ThresholdFor::Costs { cost_fp: 1.0, cost_fn: 9.0 });
    let chosen = fitted(&table, "y", &PredictorOptions { threshold_for, ..options() });
    assert_eq!(chosen.threshold(), 0.1);
    let card = chosen.card().chosen_threshold.unwrap();
    assert!(card.reached < card.at_half, "{card:?}");
    let options = PredictorOptions { threshold_for, ..options() };
    let error = Predictor::fit(&space(&table), &table, "n", &options, &mut quiet).unwrap_err().to_string();
    assert!(error.contains("two classes") && error.contains("regression"), "{error}");
}

#[test]
fn balanced_classes_count_alike_and_rare_ones_are_predicted() {
    let table = table();
    let plain = fitted(&table, "y", &options());
    let balanced =
        fitted(&table, "y", &PredictorOptions { class_weight: Some(ClassWeight::Balanced), ..options() });
    assert!(score(&balanced, "balanced_accuracy") > score(&plain, "balanced_accuracy") + 0.05);
    assert!(score(&balanced, "roc_auc") > score(&plain, "roc_auc") - 0.1);
    let heavy = ClassWeight::Of(BTreeMap::from([("yes".to_owned(), 30.0)]));
    let heavy = fitted(&table, "y", &PredictorOptions { class_weight: Some(heavy), ..options() });
    assert!(n_yes(&heavy, &table) > n_yes(&balanced, &table));
    // Equal weights are no weights.
    let equal = ClassWeight::Of(["yes", "no"].map(|class| (class.to_owned(), 3.0)).into());
    let equal = fitted(&table, "y", &PredictorOptions { class_weight: Some(equal), ..options() });
    assert_eq!(equal.predict(&table).unwrap().values, plain.predict(&table).unwrap().values);
    let unknown = ClassWeight::Of(BTreeMap::from([("perhaps".to_owned(), 30.0)]));
    let unknown = PredictorOptions { class_weight: Some(unknown), ..options() };
    let error = Predictor::fit(&space(&table), &table, "y", &unknown, &mut quiet).unwrap_err().to_string();
    assert!(error.contains("`perhaps`") && error.contains("`yes`"), "{error}");
}

#[test]
fn intervals_cover_new_rows_as_often_as_they_say_and_are_wider_where_numbers_are_harder() {
    let table = table();
    let predictor = fitted(&table, "n", &options());
    let made = predictor.with_interval(predictor.predict(&table).unwrap(), 0.9).unwrap();
    let ends = made.interval.as_ref().unwrap();
    assert_eq!(made.column_names(), ["prediction", "lower", "upper"]);
    let width = |low: f64, high: f64| -> f64 {
        let own: Vec<f64> = (0..N_ROWS)
            .filter(|r| made.values[*r] >= low && made.values[*r] < high)
            .map(|r| ends.upper[r] - ends.lower[r])
            .collect();
        own.iter().sum::<f64>() / own.len() as f64
    };
    assert!(width(7.0, 12.0) > 1.3 * width(-1.0, 3.0), "{} {}", width(7.0, 12.0), width(-1.0, 3.0));
    let parts = predictor.row_parts(&table).unwrap().parts;
    let test: Vec<u32> =
        (0..N_ROWS as u32).filter(|r| parts[*r as usize] == tabgraft_table::split::Part::Test).collect();
    let Some(Reliability::Intervals { levels, n }) =
        predictor.reliability(&table.take(&test).unwrap()).unwrap()
    else {
        panic!("no coverage")
    };
    assert_eq!((levels.len(), n), (4, test.len()));
    assert!(levels.iter().all(|l| (l.covered - l.level).abs() < 0.1), "{levels:?}");
    let again = Predictor::from_bytes(&predictor.to_bytes().unwrap()).unwrap();
    assert_eq!(again.with_interval(again.predict(&table).unwrap(), 0.9).unwrap(), made);
    let classes = fitted(&table, "y", &options());
    let error = classes.with_interval(classes.predict(&table).unwrap(), 0.9).unwrap_err().to_string();
    assert!(error.contains("`interval` is for numbers"), "{error}");
}

#[test]
fn probabilities_are_never_0_or_1_and_a_table_says_whether_they_are_true() {
    let certain: Vec<&str> = (0..N_ROWS).map(|r| if unit(r, 1) > 0.5 { "yes" } else { "no" }).collect();
    let certain = table().with_columns([("y", Arc::new(StringArray::from(certain)) as ArrayRef)]).unwrap();
    let predictor = fitted(&certain, "y", &PredictorOptions { n_epochs: 40, ..options() });
    let values = predictor.predict(&certain).unwrap().values;
    assert!(values.iter().all(|p| *p > 0.0 && *p < 1.0));
    let table = table();
    let Some(Reliability::Probabilities { bins, ece, n, .. }) =
        fitted(&table, "y", &options()).reliability(&table).unwrap()
    else {
        panic!("no reliability")
    };
    assert_eq!((bins.iter().map(|bin| bin.n).sum::<usize>(), n), (N_ROWS, N_ROWS));
    assert!(ece < 0.1, "{ece}");
}

/// A predictor that grows keeps what was asked of it: weights of classes, and a threshold chosen anew.
#[test]
fn a_grown_predictor_chooses_its_threshold_and_intervals_anew() {
    let table = table();
    let first = table.without(&["b".to_owned()]).unwrap();
    let v1 = space(&first);
    let v2 = v1
        .extend(
            &table,
            None,
            &tabgraft_model::ExtendOptions {
                training: tabgraft_model::TrainingOptions::of_epochs(1),
                infer: InferOptions { ignore: ["y", "n"].map(str::to_owned).to_vec(), ..Default::default() },
                ..Default::default()
            },
            &mut quiet,
        )
        .unwrap();
    let asked = PredictorOptions {
        threshold_for: Some(ThresholdFor::F1),
        class_weight: Some(ClassWeight::Balanced),
        ..options()
    };
    let old = Predictor::fit(&v1, &first, "y", &asked, &mut quiet).unwrap();
    let grown = old.extend(&v2, &table, None, &Default::default(), &mut quiet).unwrap().predictor;
    let chosen = grown.card().chosen_threshold.unwrap();
    assert!(chosen.chosen_for == ThresholdFor::F1 && chosen.n == grown.fit_info().n_rows);
    assert_eq!(grown.options().class_weight, Some(ClassWeight::Balanced));
    let old = Predictor::fit(&v1, &first, "n", &options(), &mut quiet).unwrap();
    let grown = old.extend(&v2, &table, None, &Default::default(), &mut quiet).unwrap().predictor;
    assert!(grown.with_interval(grown.predict(&table).unwrap(), 0.9).is_ok());
}
