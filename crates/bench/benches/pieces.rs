//! The pieces that a training, a reading and an answer for one row are made of, each by itself. Numbers of `ratio` are of
//! one run: the share of the processor's limit, as a large product of f32 matrices reaches it, that a step's products make.

#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

use std::sync::LazyLock;
use std::time::Instant;

use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use tabgraft_bench::{space, table};
use tabgraft_model::index::SearchOptions;
use tabgraft_model::timed::{TimedProduct, TimedTraining};
use tabgraft_model::{EmbeddingSpace, RowIndex};
use tabgraft_table::Table;
use tabgraft_table::codec::{CodecConfig, fit_codecs};
use tabgraft_table::read::{ReadOptions, read_csv_bytes, write_csv};
use tabgraft_table::schema::{InferOptions, infer};
use tabgraft_table::threads::set_threads;

const ROWS: usize = 8_192;
const BATCH: usize = 256;

static TABLE: LazyLock<Table> = LazyLock::new(|| table(ROWS).unwrap());
static SPACE: LazyLock<EmbeddingSpace> = LazyLock::new(|| space(&TABLE).unwrap());

fn main() {
    // All on one thread: what a machine shares out is not what is measured.
    set_threads(1);
    divan::main();
    ratio();
}

/// Seconds of the fastest of some calls.
fn fastest<T>(n: usize, mut call: impl FnMut() -> T) -> f64 {
    let mut seconds = || {
        let start = Instant::now();
        divan::black_box(call());
        start.elapsed().as_secs_f64()
    };
    (0..n).map(|_| seconds()).fold(f64::INFINITY, f64::min)
}

fn ratio() {
    let (mut training, product) =
        (TimedTraining::new(&SPACE, &TABLE, BATCH).unwrap(), TimedProduct::new(768));
    let limit = product.n_operations() / fastest(20, || product.multiply().unwrap());
    let step = training.n_operations() / fastest(60, || training.step().unwrap());
    println!(
        "ratio: products of a step {:.1} GFlop/s of {:.1} that a product alone reaches, {:.0} %",
        step / 1e9,
        limit / 1e9,
        100.0 * step / limit
    );
}

#[divan::bench]
fn step(bencher: Bencher<'_, '_>) {
    let mut training = TimedTraining::new(&SPACE, &TABLE, BATCH).unwrap();
    bencher.counter(ItemsCount::new(BATCH)).bench_local(|| training.step().unwrap());
}

#[divan::bench]
fn lookup(bencher: Bencher<'_, '_>) {
    let training = TimedTraining::new(&SPACE, &TABLE, BATCH).unwrap();
    bencher.counter(ItemsCount::new(BATCH)).bench_local(|| training.lookup().unwrap());
}

#[divan::bench]
fn loss(bencher: Bencher<'_, '_>) {
    let training = TimedTraining::new(&SPACE, &TABLE, BATCH).unwrap();
    bencher.counter(ItemsCount::new(BATCH)).bench_local(|| training.loss().unwrap());
}

/// Profiles of all columns, from which kinds are told.
#[divan::bench]
fn sketch_kinds(bencher: Bencher<'_, '_>) {
    let counted = bencher.counter(ItemsCount::new(ROWS));
    counted.bench_local(|| infer(&TABLE, &InferOptions::default()).unwrap());
}

/// Statistics of all columns, and the codecs that follow from them.
#[divan::bench]
fn sketch_codecs(bencher: Bencher<'_, '_>) {
    let schema = infer(&TABLE, &InferOptions::default()).unwrap();
    let counted = bencher.counter(ItemsCount::new(ROWS));
    counted.bench_local(|| fit_codecs(&schema, &TABLE, &CodecConfig::default()).unwrap());
}

#[divan::bench]
fn csv(bencher: Bencher<'_, '_>) {
    let mut text = Vec::new();
    write_csv(&TABLE, &mut text).unwrap();
    let counted = bencher.counter(BytesCount::new(text.len()));
    counted.bench_local(|| read_csv_bytes(&text, "t.csv", &ReadOptions::default()).unwrap());
}

/// The vector of one row, by a space that is loaded.
#[divan::bench]
fn one_row(bencher: Bencher<'_, '_>) {
    let row = TABLE.slice(17, 1);
    bencher.bench_local(|| SPACE.embed(&row).unwrap());
}

/// As `one_row`, the space read from its bytes first.
#[divan::bench]
fn load_and_one_row(bencher: Bencher<'_, '_>) {
    let (row, bytes) = (TABLE.slice(17, 1), SPACE.to_bytes().unwrap());
    bencher.bench_local(|| EmbeddingSpace::from_bytes(&bytes).unwrap().embed(&row).unwrap());
}

/// Rows of the index that is searched.
const INDEXED: usize = 100_000;

/// 100,000 vectors in the 128 coordinates that a space has by default, some numbers between -1 and 1.
static INDEX: LazyLock<RowIndex> = LazyLock::new(|| {
    let numbers = (0u32..).map(|i| (f64::from(i) * 0.737).sin() as f32);
    let vectors: Vec<f32> = numbers.take(INDEXED * SPACE.d_model()).collect();
    let keys = (0..INDEXED).map(|i| i.to_string()).collect();
    RowIndex::new(&SPACE, keys, &vectors).unwrap()
});

/// The ten nearest of 100,000 rows, for one vector and for 1,000 at once.
#[divan::bench(args = [1, 1000])]
fn nearest(bencher: Bencher<'_, '_>, n: usize) {
    let vectors: Vec<f32> = (0..n * SPACE.d_model()).map(|i| (i as f64 * 0.311).cos() as f32).collect();
    let search = || INDEX.search(&SPACE, &vectors, &SearchOptions::default()).unwrap();
    bencher.counter(ItemsCount::new(n)).bench_local(search);
}
