//! What several workers, each with its own rows, make together: one space, whatever the cut.

#![allow(clippy::unwrap_used)]

use std::ops::ControlFlow;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array, StringArray};
use tabgraft_model::lineage::verify_file;
use tabgraft_model::train::{Event, StopReason, quiet};
use tabgraft_model::{EmbeddingSpace, ExtendOptions, FitOptions, Mode, PredictorOptions, TrainingOptions};
use tabgraft_table::workers::{Shard, Threads};
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
    let rows_of = |rank: usize| (0..table.n_rows() as u32).filter(move |row| *row as usize % n == rank);
    std::thread::scope(|scope| {
        let start = |(rank, threads): (usize, Threads)| {
            let (work, rows) = (&work, table.take(&rows_of(rank).collect::<Vec<_>>()).unwrap());
            scope.spawn(move || {
                // A pool of its own: a worker that waits for the others must not take their threads.
                let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
                let shard = rows.as_shard(Shard::new(Arc::new(threads)).unwrap());
                pool.install(|| work(&shard, rank))
            })
        };
        let running: Vec<_> = Threads::group(n).into_iter().enumerate().map(start).collect();
        running.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
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
