//! Networks and trees in one predictor: who is in, in which share, and what a file keeps of it.

#![expect(clippy::unwrap_used, reason = "a test ends where its helpers fail")]

use std::ops::ControlFlow;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, StringArray};
use tabgraft_model::train::Event;
use tabgraft_model::{EmbeddingSpace, FitOptions, Predictor, PredictorOptions};
use tabgraft_table::Table;

const N_ROWS: usize = 1500;

fn go_on(_: &Event) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

/// A number in `[0, 1)` for a row and a purpose.
fn unit(row: usize, purpose: u64) -> f64 {
    let mut state =
        (row as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ purpose.wrapping_mul(0xd6e8_feb8_6659_fd93);
    for _ in 0..3 {
        state = (state ^ (state >> 31)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    }
    (state >> 11) as f64 / (1u64 << 53) as f64
}

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
    let mut options = FitOptions::default();
    options.infer.ignore = vec!["y".to_owned()];
    options.config.d_model = 16;
    options.config.training.n_epochs = Some(1);
    EmbeddingSpace::fit(table, None, &options, &mut go_on).unwrap()
}

#[test]
fn trees_alone_predict_where_networks_bring_nothing_and_the_file_says_so() {
    let table = steps(0.0);
    let options =
        PredictorOptions { n_epochs: 1, n_networks: Some(2), d_hidden: 8, ..PredictorOptions::default() };
    let predictor = Predictor::fit(&space_of(&table), &table, "y", &options, &mut go_on).unwrap();
    let info = predictor.fit_info();
    assert_eq!((info.share_of_trees, info.n_trees.len()), (1.0, 2), "{}", info.learners());
    assert_eq!(info.learners(), format!("2 forests of {} trees", info.n_trees.iter().sum::<usize>()));
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
fn both_learners_share_a_prediction_and_rows_keep_their_bits_in_any_batch() {
    let table = steps(0.4);
    let options = PredictorOptions { n_epochs: 40, n_networks: Some(2), ..PredictorOptions::default() };
    let predictor = Predictor::fit(&space_of(&table), &table, "y", &options, &mut go_on).unwrap();
    let info = predictor.fit_info();
    assert!(info.share_of_trees > 0.0 && info.share_of_trees < 1.0, "{}", info.learners());
    assert!(info.learners().starts_with("2 networks and 2 forests of "), "{}", info.learners());
    let all = predictor.predict(&table).unwrap();
    let few = predictor.predict(&table.take(&[1400, 3]).unwrap()).unwrap();
    assert_eq!(few.values, [&all.values[2800..2802], &all.values[6..8]].concat());
    let again = Predictor::from_bytes(&predictor.to_bytes().unwrap()).unwrap();
    assert_eq!(again.predict(&table).unwrap(), all);
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
