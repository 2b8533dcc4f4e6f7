//! Fuzz targets: functions that take any bytes, and must neither panic nor hang nor take more memory than is promised
//! (`docs/promises.md`).
//!
//! ```text
//! corpus/NAME/* ─ mutate ─► bytes ─► target ─► was it read?
//! ```
//!
//! They run on the stable toolchain over the corpus and mutations of it (`tests/fuzz.rs`), and under libFuzzer where
//! there is a nightly one and cargo-fuzz (`fuzz/Cargo.toml` at the root). Why as they are:
//! `docs/decisions/0052-fuzzed-and-starved.md`.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a target panics where a promise is broken, and helpers fail loudly"
)]

mod edit;
mod ledgers;
mod models;
pub mod mutate;
mod requests;
mod tables;
mod texts;

use std::path::Path;

use tabgraft_table::Table;
use tabgraft_table::read::{ReadOptions, read_csv_bytes};

/// What is fed with bytes.
#[derive(Clone, Copy)]
pub struct Target {
    /// Its name, and that of its folder in `corpus`.
    pub name: &'static str,
    /// Takes any bytes. Says whether they were read, for a target that refuses all of them has seen nothing.
    pub run: fn(&[u8]) -> bool,
    /// What such input is made of, for mutations: words, marks, numbers.
    pub words: &'static [&'static [u8]],
    /// Whether mutations are read now and then. Of a model's file every byte is covered by a hash.
    pub reads_mutations: bool,
    /// Mutations of its corpus that are part of the tests: what takes a second or two.
    pub n_mutations: usize,
}

impl Target {
    /// Most bytes of memory for an input of this size (`docs/promises.md`). Not promised is the page of a Parquet file
    /// that claims 2 GiB.
    pub fn most_memory(&self, n_bytes: usize) -> usize {
        let claimed = if self.name == tables::PARQUET.name { 2 << 30 } else { 0 };
        4 * n_bytes + (64 << 20) + claimed
    }
}

/// Every target.
pub const TARGETS: &[Target] = &[
    models::FILE,
    models::SPACE,
    models::GRAFT,
    models::PREDICTOR,
    models::INDEX,
    texts::FORMULA,
    texts::FEATURES,
    ledgers::HISTORY,
    ledgers::EFFECTIVENESS,
    ledgers::REGISTRY,
    tables::CSV,
    tables::TSV,
    tables::JSON_LINES,
    tables::ARROW,
    tables::PARQUET,
    requests::REQUEST,
];

/// Runs the target of this name, as libFuzzer asks for it.
///
/// # Panics
/// If there is none, or a promise is broken.
pub fn run(name: &str, bytes: &[u8]) {
    let target = TARGETS.iter().find(|target| target.name == name);
    (target.unwrap_or_else(|| panic!("no target is called `{name}`")).run)(bytes);
}

/// A table of each kind of column, with missing cells, that formulas and features are computed on.
fn table() -> Table {
    let csv = "size,count,color,day,note,is_new\n\
               1.5,3,red,2024-02-29,\"an old, small one\",true\n\
               -2,,blue,1969-12-31T23:59:59Z,,false\n\
               1e300,9007199254740993,,2021-03-04 05:06:07,straße 😀,true\n\
               0,-1,red,,wide,\n";
    read_csv_bytes(csv.as_bytes(), "t.csv", &ReadOptions::default()).unwrap()
}

/// Gives `work` a file that holds these bytes, in a folder of this thread's own.
fn with_file<T>(name: &str, bytes: &[u8], work: impl FnOnce(&Path) -> T) -> T {
    thread_local! {
        // In memory, where the system has such a folder: a disk would be most of what a target waits for.
        static FOLDER: tempfile::TempDir =
            tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    }
    FOLDER.with(|folder| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        work(&path)
    })
}
