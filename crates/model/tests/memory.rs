//! A limit of memory holds as measured: by an allocator that counts, not by the estimate that chose the steps.

#![allow(clippy::unwrap_used, unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow::array::{ArrayRef, Float64Array, RecordBatch};
use tabgraft_model::train::quiet;
use tabgraft_model::{EmbeddingSpace, ExtendOptions, FitOptions, Mode, SpaceConfig, TrainingOptions};
use tabgraft_table::Table;

/// Bytes that are held, and the most that were.
static HELD: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

struct Counting;

// SAFETY: every call goes to the system's allocator as it came; beside it numbers are counted.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let held = HELD.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK.fetch_max(held, Ordering::Relaxed);
        // SAFETY: as asked.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as asked.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What the estimate sets aside for a process that trains nothing: code and threads, which no allocator sees.
const PROCESS: usize = 64 << 20;
const N_ROWS: usize = 12_000;
const BATCH: usize = 8192;
const LATE: [&str; 2] = ["x10", "x11"];

fn table() -> Table {
    let column = |c: usize| -> (String, ArrayRef) {
        let values = (0..N_ROWS).map(|r| ((r * (2 * c + 3) + r / 7) % 1009) as f64);
        (format!("x{c}"), Arc::new(Float64Array::from_iter_values(values)))
    };
    Table::new(RecordBatch::try_from_iter((0..12).map(column)).unwrap()).unwrap()
}

/// What some work made, and the most bytes that were held for it at a time.
fn measured<R>(work: impl FnOnce() -> R) -> (R, usize) {
    let before = HELD.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    let made = work();
    (made, PEAK.load(Ordering::Relaxed) - before)
}

fn parent(table: &Table, memory_limit: Option<u64>) -> (EmbeddingSpace, usize) {
    let config = SpaceConfig {
        training: TrainingOptions {
            n_epochs: Some(1),
            batch_size: Some(BATCH),
            memory_limit,
            ..TrainingOptions::default()
        },
        ..SpaceConfig::default()
    };
    let options = FitOptions { config, ..FitOptions::default() };
    measured(|| EmbeddingSpace::fit(table, None, &options, &mut quiet).unwrap())
}

#[test]
fn a_training_holds_no_more_than_its_limit() {
    let whole = table();
    let (_, free) = parent(&whole, None);
    for share in [0.8, 0.5, 0.3] {
        let limit = PROCESS + (free as f64 * share) as usize;
        let (_, peak) = parent(&whole, Some(limit as u64));
        println!("training: {} of {} kB", peak >> 10, (limit - PROCESS) >> 10);
        assert!(peak <= limit - PROCESS, "{peak} bytes held, {} allowed", limit - PROCESS);
    }
    let early = whole.without(&LATE.map(str::to_owned)).unwrap();
    let (parent, _) = parent(&early, None);
    for mode in [Mode::Frozen, Mode::Joint, Mode::Anchored] {
        let graft = |memory_limit: Option<u64>| {
            let options = ExtendOptions {
                mode,
                training: TrainingOptions { n_epochs: Some(1), memory_limit, ..TrainingOptions::default() },
                ..ExtendOptions::default()
            };
            measured(|| parent.extend(&whole, None, &options, &mut quiet).unwrap()).1
        };
        let free = graft(None);
        for share in [0.8, 0.5] {
            let limit = PROCESS + (free as f64 * share) as usize;
            let peak = graft(Some(limit as u64));
            println!("{mode:?}: {} of {} kB", peak >> 10, (limit - PROCESS) >> 10);
            assert!(peak <= limit - PROCESS, "{mode:?}: {peak} bytes held, {} allowed", limit - PROCESS);
        }
    }
}
