//! What several workers, each with its own rows, make together: one space, whatever the cut.

#![allow(clippy::unwrap_used)]

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use arrow::array::{ArrayRef, Float64Array, Int64Array, StringArray};
use tabgraft_model::lineage::verify_file;
use tabgraft_model::train::{Event, Sink, StopReason, quiet};
use tabgraft_model::{EmbeddingSpace, ExtendOptions, FitOptions, Mode, PredictorOptions, TrainingOptions};
use tabgraft_table::workers::{Shard, Threads, Workers};
use tabgraft_table::{Error, Table};

const N_ROWS: usize = 1200;
/// What comes after the first training.
const LATE: &str = "late";

fn unit(i: usize, salt: u64) -> f64 {
    let mut x = (i as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ salt.wrapping_mul(0xd134_2543_de82_ef95);
    x ^= x >> 29;
    x = x.wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x ^= x >> 32;
    (x >> 11) as f64 / (1u64 << 53) as f64
}

/// Numbers, categories of which some are rare, dates, yes and no, texts; each tells of `size`.
fn table() -> Table {
    let size = |i: usize| unit(i, 1) * 100.0;
    let texts = |f: &dyn Fn(usize) -> String| -> ArrayRef {
        Arc::new(StringArray::from_iter_values((0..N_ROWS).map(f)))
    };
    let number = |f: &dyn Fn(usize) -> Option<f64>| -> ArrayRef {
        Arc::new((0..N_ROWS).map(f).collect::<Float64Array>())
    };
    Table::from_columns([
        ("size", number(&|i| Some(size(i)))),
        ("weight", number(&|i| (unit(i, 5) > 0.1).then(|| size(i) * 2.0 + unit(i, 2) * 20.0))),
        ("color", texts(&|i| ["red", "green", "blue"][(size(i) / 34.0) as usize].to_owned())),
        ("shop", texts(&|i| format!("shop {}", (unit(i, 3).powi(3) * 90.0) as usize))),
        ("day", texts(&|i| format!("2024-{:02}-{:02}", 1 + (size(i) / 8.4) as usize, 1 + i % 28))),
        ("count", Arc::new(Int64Array::from_iter_values((0..N_ROWS).map(|i| (size(i) / 5.0) as i64)))),
        (
            "note",
            texts(&|i| {
                let many = if size(i) > 50.0 { "large heavy parcel" } else { "small light letter" };
                format!("{many} number {i} sent by road")
            }),
        ),
        (LATE, number(&|i| Some(size(i).sqrt() + unit(i, 4)))),
    ])
    .unwrap()
}

fn early(table: &Table) -> Table {
    table.without(&[LATE.into()]).unwrap()
}

/// What each of `n` workers makes of its rows: every n-th one.
fn together<T: Send>(
    table: &Table,
    n: usize,
    work: impl Fn(&Table, usize) -> Result<T, Error> + Sync,
) -> Vec<Result<T, Error>> {
    placed(table, n, |threads| Arc::new(threads), work)
}

/// The same, of workers that are more than threads.
fn placed<T: Send>(
    table: &Table,
    n: usize,
    place: impl Fn(Threads) -> Arc<dyn Workers>,
    work: impl Fn(&Table, usize) -> Result<T, Error> + Sync,
) -> Vec<Result<T, Error>> {
    let rows_of = |rank: usize| (0..table.n_rows() as u32).filter(move |row| *row as usize % n == rank);
    std::thread::scope(|scope| {
        let start = |(rank, threads): (usize, Threads)| {
            let workers = place(threads);
            let (work, rows) = (&work, table.take(&rows_of(rank).collect::<Vec<_>>()).unwrap());
            scope.spawn(move || {
                // A pool of its own: a worker that waits for the others must not take their threads.
                let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
                let shard = rows.as_shard(Shard::new(workers).unwrap());
                pool.install(|| work(&shard, rank))
            })
        };
        let running: Vec<_> = Threads::group(n).into_iter().enumerate().map(start).collect();
        running.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

/// Workers whose states are kept, and of whom the last one fails at an exchange.
#[derive(Debug, Default)]
struct Keeping {
    state: Mutex<Option<Vec<u8>>>,
    n_kept: AtomicUsize,
    n_exchanges: AtomicUsize,
    /// The exchange that fails, from 1; 0 for none.
    fails_at: usize,
}

#[derive(Debug)]
struct OneOfKeeping(Threads, Arc<Keeping>);

impl Workers for OneOfKeeping {
    fn rank(&self) -> usize {
        self.0.rank()
    }

    fn n_workers(&self) -> usize {
        self.0.n_workers()
    }

    fn all_reduce(&self, values: &mut [f32]) -> Result<(), Error> {
        if self.rank() + 1 == self.n_workers()
            && self.1.n_exchanges.fetch_add(1, Ordering::Relaxed) + 1 == self.1.fails_at
        {
            return Err(Error::training("killed"));
        }
        self.0.all_reduce(values)
    }

    fn keeps(&self) -> bool {
        self.rank() == 0
    }

    fn keep(&self, state: Option<&[u8]>) -> Result<(), Error> {
        self.1.n_kept.fetch_add(usize::from(state.is_some()), Ordering::Relaxed);
        *self.1.state.lock().unwrap() = state.map(<[u8]>::to_vec);
        Ok(())
    }

    fn kept(&self) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.1.state.lock().unwrap().clone())
    }
}

/// What a training came to, what it told and the epochs that it ran, of every worker.
type Told = Vec<Result<(EmbeddingSpace, Vec<String>, usize), Error>>;

/// A training whose states are kept.
fn kept_training(
    table: &Table,
    n: usize,
    keeping: &Arc<Keeping>,
    train: impl Fn(&Table, &mut Sink<'_>) -> Result<EmbeddingSpace, Error> + Sync,
) -> Told {
    placed(
        table,
        n,
        |threads| Arc::new(OneOfKeeping(threads, keeping.clone())),
        |shard, _| {
            let (mut texts, mut n_epochs) = (Vec::new(), 0);
            let space = train(shard, &mut |event| {
                match event {
                    Event::Note { text } | Event::Warning { text } => texts.push(text.clone()),
                    Event::Epoch { .. } => n_epochs += 1,
                    _ => {}
                }
                ControlFlow::Continue(())
            })?;
            Ok((space, texts, n_epochs))
        },
    )
}

fn options() -> FitOptions {
    let mut options = FitOptions { name: "v1".into(), ..FitOptions::default() };
    options.config.d_model = 32;
    options.config.training.n_epochs = Some(8);
    options
}

fn fitted(table: &Table, n: usize) -> Vec<EmbeddingSpace> {
    let work = |shard: &Table, _| EmbeddingSpace::fit(shard, None, &options(), &mut quiet);
    together(table, n, work).into_iter().map(Result::unwrap).collect()
}

#[test]
fn columns_codecs_split_and_remembered_rows_have_the_same_bits_whatever_the_cut() {
    let table = early(&table());
    let whole = EmbeddingSpace::untrained(&table, None, &options(), &mut quiet).unwrap();
    for n in [1, 2, 3] {
        let work = |shard: &Table, _| EmbeddingSpace::untrained(shard, None, &options(), &mut quiet);
        for space in together(&table, n, work) {
            let space = space.unwrap();
            assert_eq!(space.columns(), whole.columns(), "{n}");
            assert_eq!(space.hashes().schema, whole.hashes().schema, "{n}");
            assert_eq!(space.hashes().split, whole.hashes().split, "{n}");
            assert_eq!(space.hashes().weights, whole.hashes().weights, "{n}");
            assert_eq!(space.row_parts(&table).unwrap(), whole.row_parts(&table).unwrap(), "{n}");
        }
    }
}

#[test]
fn workers_come_to_one_space_as_good_as_that_of_one_and_to_the_same_bits_again() {
    let table = early(&table());
    let alone = EmbeddingSpace::fit(&table, None, &options(), &mut quiet).unwrap();
    let loss = |space: &EmbeddingSpace| space.training_info().final_validation_loss.unwrap();
    let untrained = EmbeddingSpace::untrained(&table, None, &options(), &mut quiet).unwrap();
    let before = untrained.column_losses(&table).unwrap().values().sum::<f64>() / 7.0;
    for n in [2, 3] {
        let spaces = fitted(&table, n);
        for space in &spaces {
            assert_eq!(space.hashes().weights, spaces[0].hashes().weights);
            assert_eq!(space.hashes().data, spaces[0].hashes().data);
            assert_eq!(space.training_info().n_rows_train, alone.training_info().n_rows_train);
        }
        // Within a tenth of what training wins.
        let (found, wanted) = (loss(&spaces[0]), loss(&alone));
        assert!(
            (found - wanted).abs() < 0.1 * (before - wanted),
            "{n}: {found} and {wanted}, before {before}"
        );
        assert_eq!(fitted(&table, n)[0].hashes().weights, spaces[0].hashes().weights);
        assert_ne!(spaces[0].hashes().weights, alone.hashes().weights);
    }
}

#[test]
fn one_worker_has_the_bits_of_a_training_alone() {
    let table = early(&table());
    let alone = EmbeddingSpace::fit(&table, None, &options(), &mut quiet).unwrap();
    let one = &fitted(&table, 1)[0];
    assert_eq!(one.hashes().weights, alone.hashes().weights);
}

#[test]
fn grafts_of_every_mode_are_trained_together_and_keep_their_promises() {
    let table = table();
    let parent = EmbeddingSpace::fit(&early(&table), None, &options(), &mut quiet).unwrap();
    let before = parent.embed(&early(&table)).unwrap();
    for (mode, bound) in [(Mode::Frozen, None), (Mode::Anchored, Some(0.02)), (Mode::Joint, None)] {
        let options = ExtendOptions {
            mode,
            drift_bound: bound,
            training: TrainingOptions::of_epochs(4),
            ..ExtendOptions::default()
        };
        let work = |shard: &Table, _| parent.extend(shard, None, &options, &mut quiet);
        let children: Vec<EmbeddingSpace> =
            together(&table, 2, work).into_iter().map(Result::unwrap).collect();
        assert_eq!(children[0].hashes().weights, children[1].hashes().weights, "{mode:?}");
        assert!(children[0].columns().iter().any(|column| column.name == LATE));
        let folder = tempfile::tempdir().unwrap();
        let [v1, v2] = ["v1.tabgraft", "v2.tabgraft"].map(|name| folder.path().join(name));
        parent.save(&v1).unwrap();
        children[0].save(&v2).unwrap();
        verify_file(&v2, Some(&v1)).unwrap();
        let entry = children[0].extension_metadata().unwrap();
        if let Some(bound) = bound {
            assert!(entry.drift.unwrap().mean_cosine_distance <= bound, "{entry:?}");
        }
        if mode == Mode::Frozen {
            let after = children[0].embed(&table).unwrap();
            for (old, new) in before.values.chunks_exact(32).zip(after.values.chunks_exact(after.d_model)) {
                assert_eq!(old, &new[..32]);
            }
        }
    }
}

#[test]
fn whoever_asks_to_stop_stops_all_after_the_same_step() {
    let table = early(&table());
    let work = |shard: &Table, rank: usize| {
        let mut n_epochs = 0;
        EmbeddingSpace::fit(shard, None, &options(), &mut |event: &Event| {
            n_epochs += usize::from(matches!(event, Event::Epoch { .. }));
            if rank == 1 && n_epochs == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
    };
    let spaces: Vec<EmbeddingSpace> = together(&table, 3, work).into_iter().map(Result::unwrap).collect();
    for space in &spaces {
        assert_eq!(space.training_info().stop_reason, StopReason::Interrupted);
        assert_eq!(space.training_info().epochs.len(), 2);
        assert_eq!(space.hashes().weights, spaces[0].hashes().weights);
    }
}

#[test]
fn a_worker_that_fails_says_why_and_ends_the_others() {
    let table = early(&table());
    let work = |shard: &Table, rank: usize| {
        let shard = match rank {
            1 => shard.without(&["color".into()])?,
            _ => shard.clone(),
        };
        EmbeddingSpace::fit(&shard, None, &options(), &mut quiet).map(drop)
    };
    for error in together(&table, 2, work) {
        assert!(error.unwrap_err().to_string().contains("worker 1 has other columns than worker 0"));
    }
    let refuse = |shard: &Table, rank: usize| match rank {
        0 => Err(Error::value("the disk is gone")),
        _ => EmbeddingSpace::fit(shard, None, &options(), &mut quiet).map(drop),
    };
    let errors = together(&table, 2, refuse);
    assert!(errors[1].as_ref().unwrap_err().to_string().contains("another worker has ended"));
}

#[test]
fn what_needs_all_rows_in_one_place_refuses_those_of_one_worker() {
    let table = table();
    let space = EmbeddingSpace::fit(&early(&table), None, &options(), &mut quiet).unwrap();
    let work = |shard: &Table, _| {
        let refused = [
            tabgraft_model::Predictor::fit(&space, shard, "color", &PredictorOptions::default(), &mut quiet)
                .map(drop),
            space.prune(&["size".into()], Some(shard), &Default::default(), &mut quiet).map(drop),
            space.consolidate(shard, None, &Default::default(), &mut quiet).map(drop),
            space.rank_columns(shard, None, &Default::default(), &mut quiet).map(drop),
        ];
        Ok(refused.map(|result| result.unwrap_err().to_string()))
    };
    for told in together(&table, 1, work) {
        for text in told.unwrap() {
            assert!(text.contains("rows of one worker"), "{text}");
        }
    }
}

/// The curve of a training, without the seconds.
fn curve(space: &EmbeddingSpace) -> Vec<(usize, String, f64, Option<f64>)> {
    let epochs = space.training_info().epochs.iter();
    epochs.map(|e| (e.epoch, e.phase.clone(), e.train_loss, e.validation_loss)).collect()
}

#[test]
fn a_training_that_failed_goes_on_with_the_bits_of_one_that_nothing_interrupted() {
    let whole = table();
    let before = early(&whole);
    let parent = EmbeddingSpace::fit(&before, None, &options(), &mut quiet).unwrap();
    let graft = |mode, bound| ExtendOptions {
        mode,
        drift_bound: bound,
        training: TrainingOptions { auto_epochs: false, ..TrainingOptions::of_epochs(6) },
        ..ExtendOptions::default()
    };
    let grafts = [graft(Mode::Frozen, None), graft(Mode::Anchored, Some(0.02)), graft(Mode::Joint, None)];
    for (which, n) in [(None, 1), (None, 2), (None, 3), (Some(0), 2), (Some(1), 2), (Some(2), 2)] {
        let train = |shard: &Table, sink: &mut Sink<'_>| match which {
            None => EmbeddingSpace::fit(shard, None, &options(), sink),
            Some(nth) => parent.extend(shard, None, &grafts[nth], sink),
        };
        let table = if which.is_none() { &before } else { &whole };
        let counted = Arc::new(Keeping::default());
        let expected = kept_training(table, n, &counted, train).remove(0).unwrap();
        let (n_exchanges, n_kept) =
            (counted.n_exchanges.load(Ordering::Relaxed), counted.n_kept.load(Ordering::Relaxed));
        assert!(n_kept >= 4 && counted.state.lock().unwrap().is_none(), "{n_kept}");
        let mut n_resumed = 0;
        for tenths in [2, 5, 8] {
            let failing = Arc::new(Keeping { fails_at: n_exchanges * tenths / 10, ..Keeping::default() });
            assert!(kept_training(table, n, &failing, train).iter().all(Result::is_err));
            let was_kept = failing.n_kept.load(Ordering::Relaxed);
            let again = Arc::new(Keeping {
                state: Mutex::new(failing.state.lock().unwrap().take()),
                ..Keeping::default()
            });
            let ended: Vec<_> =
                kept_training(table, n, &again, train).into_iter().map(Result::unwrap).collect();
            for (space, texts, n_epochs) in &ended {
                assert_eq!(space.hashes().weights, expected.0.hashes().weights, "{which:?} {n} {tenths}");
                assert_eq!(curve(space), curve(&expected.0));
                assert_eq!(space.training_info().best_epoch, expected.0.training_info().best_epoch);
                assert_eq!(space.training_info().phases, expected.0.training_info().phases);
                // It went on: what was done is not done again, but for the last epoch of a phase.
                let goes_on = texts.iter().any(|text| text.starts_with("goes on after epoch "));
                assert_eq!(goes_on, was_kept > 0, "{texts:?}");
                assert!(n_epochs + was_kept <= expected.2 + 1, "{n_epochs} {was_kept}");
            }
            assert!(again.state.lock().unwrap().is_none());
            n_resumed += usize::from(was_kept > 0);
        }
        assert!(n_resumed >= 2, "{which:?} {n}: {n_resumed}");
    }
}

#[test]
fn a_state_of_another_training_is_left_alone_and_a_damaged_one_is_an_error() {
    let table = early(&table());
    let fit = |options: FitOptions| {
        move |shard: &Table, sink: &mut Sink<'_>| EmbeddingSpace::fit(shard, None, &options, sink)
    };
    let state_of = |table: &Table, n: usize, options: FitOptions| {
        let counted = Arc::new(Keeping::default());
        assert!(kept_training(table, n, &counted, fit(options.clone())).iter().all(Result::is_ok));
        let fails_at = counted.n_exchanges.load(Ordering::Relaxed) * 3 / 4;
        let failing = Arc::new(Keeping { fails_at, ..Keeping::default() });
        assert!(kept_training(table, n, &failing, fit(options)).iter().all(Result::is_err));
        let state = failing.state.lock().unwrap().take();
        state.unwrap()
    };
    let mut other = options();
    other.config.learning_rate *= 2.0;
    let fewer = table.slice(0, N_ROWS - 3);
    let expected = fitted(&table, 2).remove(0);
    for state in [state_of(&table, 2, other), state_of(&fewer, 2, options()), state_of(&table, 3, options())]
    {
        let keeping = Arc::new(Keeping { state: Mutex::new(Some(state)), ..Keeping::default() });
        let (space, texts, _) = kept_training(&table, 2, &keeping, fit(options())).remove(0).unwrap();
        assert!(texts.iter().any(|text| text.contains("of another training")), "{texts:?}");
        assert_eq!(space.hashes().weights, expected.hashes().weights);
    }
    let whole = state_of(&table, 2, options());
    let mut flipped = whole.clone();
    *flipped.last_mut().unwrap() ^= 1;
    for damaged in [whole[..whole.len() / 2].to_vec(), flipped, b"no state".to_vec()] {
        let keeping = Arc::new(Keeping { state: Mutex::new(Some(damaged)), ..Keeping::default() });
        for told in kept_training(&table, 2, &keeping, fit(options())) {
            let error = told.err().unwrap();
            assert!(error.to_string().contains("the kept state of the training"), "{error}");
        }
    }
}

#[test]
fn a_training_says_which_workers_had_how_many_rows() {
    let table = early(&table());
    let rows = fitted(&table, 3)[0].training_info().worker_rows.clone();
    assert_eq!(rows.len(), 3);
    assert_eq!(rows.iter().sum::<usize>(), fitted(&table, 1)[0].training_info().n_rows_train);
    assert!(fitted(&table, 1)[0].training_info().worker_rows.is_empty());
}
