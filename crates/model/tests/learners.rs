//! Networks, trees and a linear model in one predictor: who is in, in which share, and what a file keeps of it.

#![expect(clippy::unwrap_used, reason = "a test ends where its helpers fail")]

mod fixtures;
#[path = "fixtures/unit.rs"]
mod unit;

use std::ops::ControlFlow;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, StringArray};
use chrono::{Days, NaiveDate};
use tabgraft_model::predictor::{Effort, FitInfo};
use tabgraft_model::train::Event;
use tabgraft_model::{EmbeddingSpace, FitOptions, Predictor, PredictorOptions};
use tabgraft_table::Table;
use tabgraft_table::schema::Kind;
use tabgraft_table::split::SplitOptions;

use fixtures::{quiet, small_space};
use unit::unit;

const N_ROWS: usize = 1500;
const DATE: NaiveDate = NaiveDate::from_ymd_opt(2020, 1, 1).unwrap();

/// Steps in two numbers, which trees find at once; so many of the answers are chance.
fn steps(p_chance: f64) -> Table {
    let number = |purpose| (0..N_ROWS).map(|r| unit(r, purpose)).collect::<Vec<f64>>();
    let (a, b) = (number(1), number(2));
    let is_yes = |r: usize| ((a[r] > 0.37) == (b[r] > 0.61)) != (unit(r, 3) < p_chance / 2.0);
    let y: Vec<&str> = (0..N_ROWS).map(|r| if is_yes(r) { "yes" } else { "no" }).collect();
    let numbers = |values: Vec<f64>| -> ArrayRef { Arc::new(Float64Array::from(values)) };
    let y: ArrayRef = Arc::new(StringArray::from(y));
    Table::from_columns([("a", numbers(a)), ("b", numbers(b)), ("y", y)]).unwrap()
}

fn space_of(table: &Table) -> EmbeddingSpace {
    small_space(table, &["y"], 1, SplitOptions::default())
}

#[test]
fn trees_alone_predict_where_networks_bring_nothing_and_the_file_says_so() {
    let table = steps(0.0);
    let options =
        PredictorOptions { n_epochs: 1, n_networks: Some(2), d_hidden: 8, ..PredictorOptions::default() };
    let predictor = Predictor::fit(&space_of(&table), &table, "y", &options, &mut quiet).unwrap();
    let info = predictor.fit_info();
    assert_eq!((info.share_of_networks(), info.n_trees.len()), (0.0, 2), "{}", info.learners());
    assert_eq!(info.n_random_trees.len(), 2, "{}", info.learners());
    let said = format!("2 forests of {} trees (share ", info.n_trees.iter().sum::<usize>());
    assert!(info.learners().starts_with(&said) && info.learners().contains(", 2 random forests of 80 trees"));
    let auc = info.scores.iter().find(|s| s.metric.name() == "roc_auc").unwrap();
    assert!(auc.value > 0.98, "{auc:?}");
    let bytes = predictor.to_bytes().unwrap();
    let names = |name: &[u8]| bytes.windows(name.len()).any(|w| w == name);
    assert!(names(b"forest.1.leaves") && !names(b"network."), "networks cost nothing");
    let again = Predictor::from_bytes(&bytes).unwrap();
    assert_eq!(again.id(), predictor.id());
    assert_eq!(again.predict(&table).unwrap(), predictor.predict(&table).unwrap());
}

#[test]
fn where_the_first_network_adds_too_little_there_are_no_others() {
    let table = steps(0.0);
    let space = space_of(&table);
    let fitted = |effort| {
        let options = PredictorOptions {
            effort,
            n_epochs: 2,
            n_networks: Some(3),
            d_hidden: 8,
            ..PredictorOptions::default()
        };
        let mut progress = Vec::new();
        let mut watch = |event: &Event| {
            if let Event::Progress { done, total } = event {
                progress.push((*done, *total));
            }
            ControlFlow::Continue(())
        };
        let predictor = Predictor::fit(&space, &table, "y", &options, &mut watch).unwrap();
        (predictor.fit_info().clone(), progress)
    };
    let (first_alone, progress) = fitted(Effort::Default);
    assert!(first_alone.best_epochs.is_empty() && first_alone.share_of_networks() == 0.0);
    assert!(first_alone.seconds_spent.networks > 0.0, "the first was fitted");
    assert!(progress.is_sorted() && progress.last().is_some_and(|(done, total)| done == total));
    let (all, _) = fitted(Effort::Best);
    assert_eq!(all.best_epochs.len(), 3, "all of them are fitted, and then left out");
    assert_eq!(all.share_of_networks(), 0.0, "{}", all.learners());
}

#[test]
fn learners_share_a_prediction_and_rows_keep_their_bits_in_any_batch() {
    let table = sums(600, 2.5);
    let options = PredictorOptions { n_epochs: 12, n_networks: Some(2), ..PredictorOptions::default() };
    let predictor = Predictor::fit(&space_of(&table), &table, "y", &options, &mut quiet).unwrap();
    let info = predictor.fit_info();
    let shares =
        [info.share_of_networks(), info.share_of_trees, info.share_of_random_forests, info.share_of_linear];
    assert!(shares.iter().filter(|share| **share > 0.0).count() > 1, "{}", info.learners());
    assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-12);
    assert!(info.learners().contains(" (share 0."), "{}", info.learners());
    let all = predictor.predict(&table).unwrap();
    let few = predictor.predict(&table.take(&[500, 3]).unwrap()).unwrap();
    assert_eq!(few.values, [all.values[500], all.values[3]]);
    let again = Predictor::from_bytes(&predictor.to_bytes().unwrap()).unwrap();
    assert_eq!(again.predict(&table).unwrap(), all);
}

#[test]
fn networks_that_agree_predict_as_one_and_the_file_says_so() {
    let table = sums(600, 2.5);
    let options = PredictorOptions { n_epochs: 12, n_networks: Some(2), ..PredictorOptions::default() };
    let fit = |options| Predictor::fit(&space_of(&table), &table, "y", &options, &mut quiet).unwrap();
    let predictor = fit(options.clone());
    let info = predictor.fit_info();
    assert!(
        info.networks_as_one && info.learners().contains("2 networks as one (share"),
        "{}",
        info.learners()
    );
    assert!(info.one_member, "members of a network say nearly the same");
    let bytes = predictor.to_bytes().unwrap();
    let again = Predictor::from_bytes(&bytes).unwrap();
    assert_eq!(again.predict(&table).unwrap(), predictor.predict(&table).unwrap());
    let has = |name: &[u8]| bytes.windows(name.len()).any(|w| w == name);
    assert!(
        has(b"network.0.") && has(b"network.1."),
        "a predictor that grows asks the one that did not learn from a row"
    );
    let single = fit(PredictorOptions { n_networks: Some(1), ..options });
    assert!(!single.fit_info().networks_as_one, "{}", single.fit_info().learners());
}

#[test]
fn shares_without_networks_leave_nothing_to_rounding() {
    for i in 1..100_u32 {
        let share = |i: u32| f64::from(i) * 0.01;
        let info =
            FitInfo { share_of_trees: share(i), share_of_linear: share(100 - i), ..FitInfo::default() };
        assert_eq!(info.share_of_networks(), 0.0, "{i}");
    }
}

/// A sum of many numbers, and a step in one of them: a part for lines, and one for trees.
fn sums(n_rows: usize, step: f64) -> Table {
    let number = |purpose| -> Vec<f64> { (0..n_rows).map(|r| unit(r, purpose)).collect() };
    let columns: Vec<Vec<f64>> = (10..30).map(number).collect();
    let weight = |c: usize| if c.is_multiple_of(2) { 1.0 } else { -0.7 };
    let y: Vec<f64> = (0..n_rows)
        .map(|r| {
            let sum: f64 = columns.iter().enumerate().map(|(c, column)| weight(c) * column[r]).sum();
            let is_between = columns[0][r] > 0.4 && columns[0][r] < 0.6;
            sum + unit(r, 99) + if is_between { step } else { 0.0 }
        })
        .collect();
    let named = columns.into_iter().enumerate().map(|(c, column)| (format!("x{c}"), column));
    let all = named.chain([("y".to_owned(), y)]);
    Table::from_columns(all.map(|(name, values)| (name, Arc::new(Float64Array::from(values)) as ArrayRef)))
        .unwrap()
}

#[test]
fn a_linear_model_predicts_sums_and_comes_back_from_its_file() {
    let table = sums(240, 0.0);
    let options = PredictorOptions { effort: Effort::Quick, ..PredictorOptions::default() };
    let predictor = Predictor::fit(&space_of(&table), &table, "y", &options, &mut quiet).unwrap();
    let info = predictor.fit_info();
    assert!(info.share_of_linear > 0.8, "{}", info.learners());
    assert!(info.learners().contains("a linear model"), "{}", info.learners());
    let r2 = info.scores.iter().find(|s| s.metric.name() == "r2").unwrap();
    assert!(r2.value > 0.8, "{r2:?}");
    let all = predictor.predict(&table).unwrap();
    let few = predictor.predict(&table.take(&[200, 3]).unwrap()).unwrap();
    assert_eq!(few.values, [all.values[200], all.values[3]]);
    let again = Predictor::from_bytes(&predictor.to_bytes().unwrap()).unwrap();
    assert_eq!((again.id(), again.predict(&table).unwrap()), (predictor.id(), all));
}

#[test]
fn quick_has_no_networks_and_best_has_ten_of_each() {
    let table = steps(0.4);
    let space = space_of(&table);
    let fitted = |effort| {
        let options = PredictorOptions { effort, n_epochs: 1, d_hidden: 8, ..PredictorOptions::default() };
        Predictor::fit(&space, &table, "y", &options, &mut quiet).unwrap().fit_info().clone()
    };
    let quick = fitted(Effort::Quick);
    assert_eq!((quick.share_of_networks(), quick.best_epochs.len(), quick.n_trees.len()), (0.0, 0, 3));
    assert!(quick.seconds_spent.trees > 0.0 && quick.seconds_spent.linear > 0.0);
    assert_eq!(quick.seconds_spent.networks, 0.0);
    let best = fitted(Effort::Best);
    assert_eq!((best.best_epochs.len(), best.n_trees.len()), (10, 10));
    assert!(best.seconds_spent.networks > 0.0);
}

/// Names of two words that come again, each with a rate of its own that its words do not say.
fn names() -> Table {
    let rate = |name: usize| if unit(name, 5) < 0.5 { 0.1 } else { 0.9 };
    let name = |r: usize| (unit(r, 6) * 150.0) as usize;
    let words =
        |name: usize| format!("{} {} ({})", name % 12, name / 12, "a long name that is no word of a few");
    let texts: Vec<String> = (0..N_ROWS).map(|r| words(name(r))).collect();
    let y: Vec<&str> = (0..N_ROWS).map(|r| if unit(r, 7) < rate(name(r)) { "yes" } else { "no" }).collect();
    let a: Vec<f64> = (0..N_ROWS).map(|r| unit(r, 8)).collect();
    let columns: [(&str, ArrayRef); 3] = [
        ("name", Arc::new(StringArray::from(texts))),
        ("a", Arc::new(Float64Array::from(a))),
        ("y", Arc::new(StringArray::from(y))),
    ];
    Table::from_columns(columns).unwrap()
}

#[test]
fn a_text_that_comes_again_is_known_as_a_whole() {
    let table = names();
    let mut options = FitOptions::default();
    options.infer.ignore = vec!["y".to_owned()];
    options.infer.kinds = [("name".to_owned(), Kind::Text)].into_iter().collect();
    options.config.d_model = 16;
    options.config.training.n_epochs = Some(1);
    let space = EmbeddingSpace::fit(&table, None, &options, &mut quiet).unwrap();
    let options = PredictorOptions { effort: Effort::Quick, ..PredictorOptions::default() };
    let predictor = Predictor::fit(&space, &table, "y", &options, &mut quiet).unwrap();
    let auc = predictor.fit_info().scores.iter().find(|s| s.metric.name() == "roc_auc").unwrap();
    assert!(auc.value > 0.8, "{auc:?}");
    let again = Predictor::from_bytes(&predictor.to_bytes().unwrap()).unwrap();
    assert_eq!(again.predict(&table).unwrap(), predictor.predict(&table).unwrap());
    // A name that nobody knows, and none at all, are predicted too.
    let odd: [(&str, ArrayRef); 1] = [("name", Arc::new(StringArray::from(vec![Some("nobody"), None])))];
    let odd = again.predict(&Table::from_columns(odd).unwrap()).unwrap();
    assert!(odd.values.iter().all(|p| *p > 0.0 && *p < 1.0), "{:?}", odd.values);
}

#[test]
fn the_days_between_two_dates_are_learned() {
    let day = |d: usize| {
        let date = DATE.checked_add_days(Days::new(d as u64)).unwrap();
        date.format("%Y-%m-%d").to_string()
    };
    let from: Vec<usize> = (0..N_ROWS).map(|r| (unit(r, 1) * 1500.0) as usize).collect();
    let delay: Vec<usize> = (0..N_ROWS).map(|r| (unit(r, 2) * 40.0) as usize).collect();
    let y: Vec<&str> = delay.iter().map(|d| if *d > 14 { "late" } else { "soon" }).collect();
    let dates = |days: Vec<usize>| -> ArrayRef {
        Arc::new(StringArray::from(days.into_iter().map(day).collect::<Vec<String>>()))
    };
    let to = from.iter().zip(&delay).map(|(a, b)| a + b).collect();
    let y: ArrayRef = Arc::new(StringArray::from(y));
    let table = Table::from_columns([("from", dates(from)), ("to", dates(to)), ("y", y)]).unwrap();
    let options = PredictorOptions { effort: Effort::Quick, ..PredictorOptions::default() };
    let predictor = Predictor::fit(&space_of(&table), &table, "y", &options, &mut quiet).unwrap();
    let auc = predictor.fit_info().scores.iter().find(|s| s.metric.name() == "roc_auc").unwrap();
    assert!(auc.value > 0.99, "{auc:?}");
}

#[test]
fn progress_of_a_fit_rises_to_its_total_once() {
    let table = steps(0.4);
    let options = PredictorOptions { n_epochs: 20, n_networks: Some(3), d_hidden: 8, ..Default::default() };
    let mut told = Vec::new();
    let mut sink = |event: &Event| {
        if let Event::Progress { done, total } = event {
            told.push((*done, *total));
        }
        ControlFlow::Continue(())
    };
    Predictor::fit(&space_of(&table), &table, "y", &options, &mut sink).unwrap();
    assert!(told.iter().all(|(done, total)| done <= total && *total == told[0].1), "{told:?}");
    assert!(told.windows(2).all(|w| w[0].0 <= w[1].0), "{told:?}");
    assert_eq!(told.iter().filter(|(done, total)| done == total).count(), 1, "{told:?}");
    assert_eq!(told.last().unwrap().0, told[0].1);
}
