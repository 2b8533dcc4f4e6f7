//! Every target over its corpus and mutations of it: no panic, no hang, no more memory than is promised.
//!
//! `just fuzz TARGET SECONDS` runs one for longer. What it finds is kept below cargo's folder for tests, and belongs into
//! the target's corpus, or beside the code that was mended as a test of its own.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "helpers of tests are tests")]

#[path = "../../cli/tests/hostile_files/meter.rs"]
mod meter;

use std::fs;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tabgraft_fuzz::mutate::{MOST_BYTES, Random, mutated};
use tabgraft_fuzz::{TARGETS, Target};

/// Most seconds for one input, on a machine that is busy with other tests.
const MOST_SECONDS: f64 = 5.0;
/// After so many seconds one input is called a hang, and the process ends.
const HANG_SECONDS: u64 = 60;
/// Accepted mutations that are mutated again.
const MOST_KEPT: usize = 300;

/// One target at a time: the meter counts the whole process.
fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The inputs that a target starts from, in the order of their names.
fn corpus(target: &Target) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target.name);
    let mut paths: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

/// What runs now, for the guard against hangs.
static RUNNING: Mutex<Option<(Instant, &str, Vec<u8>)>> = Mutex::new(None);

/// Ends the process, and keeps the input, where one takes too long to be waited for.
fn watch_for_hangs() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        std::thread::spawn(|| {
            loop {
                std::thread::sleep(Duration::from_secs(1));
                let running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some((since, name, bytes)) = &*running
                    && since.elapsed() > Duration::from_secs(HANG_SECONDS)
                {
                    let kept = keep(name, bytes);
                    let _ = writeln!(std::io::stderr(), "{name}: a hang; its input is {}", kept.display());
                    std::process::abort();
                }
            }
        });
    });
}

/// Keeps an input that broke a promise.
fn keep(name: &str, bytes: &[u8]) -> PathBuf {
    let hash = bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(*b)).wrapping_mul(0x0100_0000_01b3));
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("found-{name}-{hash:016x}"));
    fs::write(&path, bytes).unwrap();
    path
}

/// Runs a target on one input, and checks what is promised.
fn hold(target: &Target, bytes: &[u8]) -> bool {
    let start = Instant::now();
    *RUNNING.lock().unwrap() = Some((start, target.name, bytes.to_vec()));
    let (outcome, peak) = meter::peak(|| catch_unwind(AssertUnwindSafe(|| (target.run)(bytes))));
    *RUNNING.lock().unwrap() = None;
    let seconds = start.elapsed().as_secs_f64();
    let told =
        |what: &str| format!("{}: {what}; its input is {}", target.name, keep(target.name, bytes).display());
    let is_read = outcome.unwrap_or_else(|panic| {
        println!("{}", told("a panic"));
        resume_unwind(panic)
    });
    let most = target.most_memory(bytes.len());
    assert!(peak <= most, "{}", told(&format!("{peak} bytes at once, {most} are promised")));
    assert!(seconds < MOST_SECONDS, "{}", told(&format!("{seconds} s")));
    is_read
}

/// Runs mutations until `is_over` says so of the number of those before.
fn run(target: &Target, seed: u64, is_over: impl Fn(usize) -> bool) {
    watch_for_hangs();
    let mut pool = corpus(target);
    let n_seeds = pool.len();
    let n_seeds_read = pool.iter().filter(|bytes| hold(target, bytes)).count();
    assert!(n_seeds_read > 0, "{}: none of the corpus is read", target.name);
    let mut random = Random(seed);
    let (mut n, mut n_read) = (0, 0);
    let start = Instant::now();
    while !is_over(n) {
        let (base, other) = (&pool[random.below(pool.len())], &pool[random.below(pool.len())]);
        let bytes = mutated(base, other, target.words, &mut random);
        n += 1;
        if hold(target, &bytes) {
            n_read += 1;
            // What is still read leads on to what is farther from the corpus.
            if pool.len() < n_seeds + MOST_KEPT {
                pool.push(bytes);
            } else {
                let place = n_seeds + random.below(MOST_KEPT);
                pool[place] = bytes;
            }
        }
    }
    println!(
        "{:14} {n_seeds:>3} of the corpus, {n_seeds_read:>3} read; {n:>7} mutations, {n_read:>7} read, {:6.1} s",
        target.name,
        start.elapsed().as_secs_f64()
    );
    let is_seen = n_read > 0 || !target.reads_mutations;
    assert!(is_seen, "{}: no mutation is read, so that nothing behind the door was seen", target.name);
}

#[test]
fn targets_hold_on_their_corpus_and_mutations_of_it() {
    let _turn = alone();
    for target in TARGETS {
        run(target, 1, |n| n >= target.n_mutations);
    }
}

#[test]
fn a_corpus_is_small_and_belongs_to_a_target() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let mut n_bytes = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        assert!(TARGETS.iter().any(|target| target.name == name), "`{name}` is the corpus of no target");
        for input in fs::read_dir(path).unwrap() {
            let size = input.unwrap().metadata().unwrap().len();
            assert!(size <= MOST_BYTES as u64, "{name}: an input of {size} bytes");
            n_bytes += size;
        }
    }
    assert!(n_bytes < 200_000, "{n_bytes} bytes in all");
}

/// The targets that libFuzzer is given are these.
#[test]
fn libfuzzer_is_given_every_target() {
    let manifest =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/Cargo.toml")).unwrap();
    let given: Vec<&str> =
        manifest.split("[[bin]]").skip(1).map(|bin| bin.split('"').nth(1).unwrap()).collect();
    assert_eq!(given, names());
}

fn names() -> Vec<&'static str> {
    TARGETS.iter().map(|target| target.name).collect()
}

#[test]
#[ignore = "runs for as long as it is told; `just fuzz TARGET SECONDS`"]
fn longer() {
    let _turn = alone();
    let wanted = |name: &str| std::env::var(name).ok();
    let name = wanted("TABGRAFT_FUZZ_TARGET");
    let seconds = wanted("TABGRAFT_FUZZ_SECONDS").map_or(10.0, |text| text.parse().unwrap());
    let seed = wanted("TABGRAFT_FUZZ_SEED").map_or_else(
        || std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs(),
        |text| text.parse().unwrap(),
    );
    let chosen: Vec<&Target> = TARGETS
        .iter()
        .filter(|target| name.as_deref().is_none_or(|name| name == target.name || name == "all"))
        .collect();
    assert!(!chosen.is_empty(), "there are the targets {:?}", names());
    println!("seed {seed}");
    for target in chosen {
        let start = Instant::now();
        run(target, seed, |_| start.elapsed().as_secs_f64() >= seconds);
    }
}

/// Inputs of binary formats, which nobody writes by hand. `TABGRAFT_FUZZ_SEED` has no part in them.
#[test]
#[ignore = "writes the corpus of binary formats anew"]
fn writes_the_corpus_of_binary_formats() {
    use std::sync::Arc;

    use arrow::array::TimestampMicrosecondArray;
    use arrow::array::{
        ArrayRef, BooleanArray, DictionaryArray, Float64Array, Int64Array, RecordBatch, StringArray,
    };
    use arrow::datatypes::Int32Type;
    use arrow::ipc::CompressionType;
    use arrow::ipc::writer::{FileWriter, IpcWriteOptions, StreamWriter};
    use parquet::arrow::ArrowWriter;
    use parquet::basic::Compression;
    use parquet::file::properties::WriterProperties;

    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let write = |target: &str, name: &str, bytes: &[u8]| {
        fs::create_dir_all(folder.join(target)).unwrap();
        fs::write(folder.join(target).join(name), bytes).unwrap();
    };
    let words = ["red", "blue", "red", "green"];
    let columns: [(&str, ArrayRef); 6] = [
        ("n", Arc::new(Int64Array::from(vec![Some(1), None, Some(-3), Some(i64::MAX)]))),
        ("x", Arc::new(Float64Array::from(vec![0.5, f64::NAN, 1e300, -0.0]))),
        ("word", Arc::new(StringArray::from(words.to_vec()))),
        ("kind", Arc::new(words.into_iter().collect::<DictionaryArray<Int32Type>>())),
        ("is", Arc::new(BooleanArray::from(vec![Some(true), Some(false), None, Some(true)]))),
        ("day", Arc::new(TimestampMicrosecondArray::from(vec![Some(0), None, Some(-1), Some(1 << 50)]))),
    ];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    for (name, compression) in
        [("plain", None), ("lz4", Some(CompressionType::LZ4_FRAME)), ("zstd", Some(CompressionType::ZSTD))]
    {
        let options = IpcWriteOptions::default().try_with_compression(compression).unwrap();
        let mut file =
            FileWriter::try_new_with_options(Vec::new(), &batch.schema(), options.clone()).unwrap();
        file.write(&batch).unwrap();
        file.finish().unwrap();
        write("arrow", &format!("{name}.arrow"), &file.into_inner().unwrap());
        let mut stream = StreamWriter::try_new_with_options(Vec::new(), &batch.schema(), options).unwrap();
        stream.write(&batch).unwrap();
        stream.finish().unwrap();
        write("arrow", &format!("{name}.arrows"), &stream.into_inner().unwrap());
    }
    for (name, compression) in [
        ("plain", Compression::UNCOMPRESSED),
        ("snappy", Compression::SNAPPY),
        ("zstd", Compression::ZSTD(Default::default())),
    ] {
        let mut bytes = Vec::new();
        let properties = WriterProperties::builder().set_compression(compression).build();
        let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties)).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        write("parquet", name, &bytes);
    }
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("../model/tests/formats");
    write("model_file", "space_1_0", &fs::read(kept.join("1.0/v2.tabgraft")).unwrap());
    let small = tabgraft_model::store::Container {
        kind: "other".to_owned(),
        manifest: serde_json::json!({"a": [1, 2.5, null, "x"]}),
        tensors: [("w".to_owned(), tabgraft_model::store::Blob { shape: vec![2, 2], data: vec![1.0; 4] })]
            .into(),
    };
    write("model_file", "small", &tabgraft_model::store::to_bytes(&small).unwrap());
    // No change, and one of each kind, of every model.
    for (target, n_models) in [("space", 5), ("predictor", 1), ("index", 1)] {
        for model in 0..n_models {
            let head: Vec<u8> = if target == "space" { vec![model] } else { Vec::new() };
            write(target, &format!("{model}-as-it-is"), &head);
            if target == "space" {
                write("graft", &format!("{model}-as-it-is"), &head);
            }
            for op in 0..12u8 {
                let script = [head.clone(), vec![op, op * 7 + model, op + 1, 255, 3, 9, op, 255]].concat();
                write(target, &format!("{model}-{op:02}"), &script);
            }
        }
    }
}
