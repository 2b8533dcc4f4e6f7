//! Work is shared out to the libraries' own threads, or to those of the pool that it began in; never to
//! rayon's global pool, which does not survive a fork.

#![allow(clippy::panic, clippy::unwrap_used)]

use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray};
use tabgraft_model::train::quiet;
use tabgraft_model::{
    DiscoverOptions, EmbeddingSpace, ExtendOptions, FitOptions, Mode, Predictor, PredictorOptions,
    SpaceConfig, TrainingOptions, discover,
};
use tabgraft_table::Table;

/// Longer than any of this takes: what is not done by then waits for ever.
const PATIENCE: Duration = Duration::from_secs(240);

fn table() -> Table {
    let n = 400;
    let number = |factor: usize| -> ArrayRef {
        Arc::new(Float64Array::from_iter_values((0..n).map(|i| ((i * factor) % 97) as f64)))
    };
    let kind: ArrayRef =
        Arc::new(StringArray::from_iter_values((0..n).map(|i| ["red", "green", "blue"][i * 31 % 7 % 3])));
    let target: ArrayRef = Arc::new(StringArray::from_iter_values(
        (0..n).map(|i| if (i * 7) % 97 + (i * 13) % 97 > 96 { "yes" } else { "no" }),
    ));
    let columns = [("a", number(7)), ("b", number(13)), ("kind", kind), ("target", target)];
    Table::new(RecordBatch::try_from_iter(columns).unwrap()).unwrap()
}

/// Everything that shares work out, once.
fn work(table: &Table) -> Vec<f64> {
    let options = FitOptions {
        config: SpaceConfig {
            training: TrainingOptions::of_epochs(2),
            d_model: 16,
            ..SpaceConfig::default()
        },
        ..FitOptions::default()
    };
    let early = table.select(&["a".to_owned(), "kind".to_owned()]).unwrap();
    let parent = EmbeddingSpace::fit(&early, None, &options, &mut quiet).unwrap();
    let without_target = table.without(&["target".to_owned()]).unwrap();
    let graft = ExtendOptions {
        mode: Mode::Anchored,
        training: TrainingOptions::of_epochs(2),
        ..ExtendOptions::default()
    };
    let child = parent.extend(&without_target, None, &graft, &mut quiet).unwrap();
    let vectors = child.embed(table).unwrap().values;
    let options = PredictorOptions { n_epochs: 2, n_networks: Some(3), ..PredictorOptions::default() };
    let predictor = Predictor::fit(&child, table, "target", &options, &mut quiet).unwrap();
    let predictions = predictor.predict(table).unwrap().values;
    let score = predictor.evaluate(table).unwrap();
    let options =
        DiscoverOptions { n_judged: 3, max_candidates: 40, predictor: options, ..Default::default() };
    let found = discover(&child, table, "target", &options, &mut quiet);
    assert!(found.is_ok(), "{:?}", found.err());
    assert!(!score.is_empty());
    vectors.into_iter().map(f64::from).chain(predictions).collect()
}

/// Runs work in a thread of its own; a panic if it does not come to an end.
fn with_patience<R: Send + 'static>(what: &str, work: impl FnOnce() -> R + Send + 'static) -> R {
    let (sender, receiver) = channel();
    std::thread::spawn(move || sender.send(work()));
    receiver.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("{what} does not come to an end"))
}

#[test]
fn nothing_is_handed_to_the_global_pool_and_nested_work_has_the_same_bits() {
    // Whoever used this pool would wait for ever: its one thread sleeps.
    rayon::ThreadPoolBuilder::new().num_threads(1).build_global().unwrap();
    rayon::spawn(|| {
        loop {
            std::thread::park();
        }
    });
    let alone = with_patience("work", || work(&table()));
    // A pool of one thread, which is full: whoever waited in it for a task of another would wait for ever.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let nested = with_patience("work in a full pool", move || pool.install(|| work(&table())));
    assert!(alone.iter().zip(&nested).all(|(a, b)| a.to_bits() == b.to_bits()));
}
