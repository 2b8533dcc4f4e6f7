//! Two hundred mutations of each kind of file, through the binary: an answer or an error, never a panic, a
//! hang or a word of another program on stderr.

use std::fs;
use std::path::Path;

use arrow::ipc::CompressionType;
use serde_json::Value;
use tabgraft_model::Registry;
use tabgraft_table::read::{read_csv_bytes, write_csv};

use super::models::{models, table};
use super::tables::{arrow_file, gzip, parquet};
use super::{Random, alone, folder, run};

const N_MUTATIONS: u64 = 200;

/// What breaks a text rather than a binary file.
const MARKS: &[u8] = b"0919\"'[]{},;\n\\-eE\t\xe9";

/// One to three changes: flipped bits, other bytes, cuts, holes, doubled pieces, large numbers.
fn mutated(bytes: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..=random.below(3) {
        let at = random.below(bytes.len());
        let length = (1 + random.below(16)).min(bytes.len() - at);
        match random.below(7) {
            0 => bytes.get_mut(at).into_iter().for_each(|byte| *byte ^= 1 << (at % 8)),
            1 => bytes[at..at + length].iter_mut().for_each(|byte| *byte = random.next() as u8),
            2 => bytes[at..at + length].fill([0xff, 0x7f, 0][random.below(3)]),
            3 => bytes.truncate(at),
            4 => drop(bytes.drain(at..at + length)),
            5 => {
                let piece = bytes[at..at + length].to_vec();
                drop(bytes.splice(at..at, piece));
            }
            _ => {
                bytes.insert(at, MARKS[random.below(MARKS.len())]);
            }
        }
        if bytes.is_empty() {
            break;
        }
    }
    bytes
}

/// Runs a command on mutations of a file at `path`.
fn survives(folder: &Path, kind: &str, path: &str, bytes: &[u8], commands: &[&[&str]]) {
    let mut random = Random(kind.bytes().map(u64::from).sum());
    let mut n_read = 0;
    for i in 0..N_MUTATIONS {
        let bytes = mutated(bytes, &mut random);
        fs::write(folder.join(path), &bytes).unwrap();
        let command = commands[i as usize % commands.len()];
        let ran = run(folder, command);
        let stderr = String::from_utf8_lossy(&ran.stderr).into_owned();
        let place = format!("{kind}, mutation {i}, `{}`", command.join(" "));
        let code = ran.status.code();
        assert!(matches!(code, Some(0..=2)), "{place}: {code:?}: {stderr}");
        assert!(!stderr.contains("panicked"), "{place}: {stderr}");
        for line in stderr.lines() {
            let message: Result<Value, _> = serde_json::from_str(line);
            assert!(message.is_ok_and(|m| m.is_object()), "{place}: stderr says {line}");
        }
        assert!(code != Some(2) || !stderr.is_empty(), "{place}: failed without a word");
        n_read += usize::from(code == Some(0));
    }
    println!("{kind:16} {N_MUTATIONS} mutations, {n_read} read");
}

#[test]
fn mutated_tables_are_answers_or_errors() {
    let _turn = alone();
    let folder = folder("mutated_tables");
    let table = table();
    let batch = table.batch().slice(0, 60);
    let halves = [batch.slice(0, 30), batch.slice(30, 30)];
    let csv_path = folder.join("whole.csv");
    write_csv(&tabgraft_table::Table::new(batch.clone()).unwrap(), fs::File::create(&csv_path).unwrap())
        .unwrap();
    let csv = fs::read(&csv_path).unwrap();
    let text = String::from_utf8(csv.clone()).unwrap();
    let json: String = text
        .lines()
        .skip(1)
        .map(|line| {
            let [size, color, target]: [&str; 3] = line.split(',').collect::<Vec<_>>().try_into().unwrap();
            format!(r#"{{"size":{size},"color":"{color}","target":{target}.5}}"#) + "\n"
        })
        .collect();
    assert!(read_csv_bytes(&csv, "t.csv", &Default::default()).is_ok());
    fs::write(
        folder.join("features.json"),
        r#"{"format_version":1,"features":[{"name":"made","definition":{"kind":"formula","formula":"1 + 1"},"reason":"x"}]}"#,
    )
    .unwrap();
    for (kind, bytes) in [
        ("t.csv", csv.clone()),
        ("t.tsv", text.replace(',', "\t").into_bytes()),
        ("t.csv.gz", gzip(&csv)),
        ("t.jsonl", json.into_bytes()),
        ("t.parquet", parquet(&halves)),
        ("t.arrow", arrow_file(&halves, None)),
        ("t.feather", arrow_file(&halves, Some(CompressionType::LZ4_FRAME))),
    ] {
        survives(&folder, kind, kind, &bytes, &[&["apply", "features.json", kind, "-o", "out.csv"]]);
    }
}

#[test]
fn mutated_models_are_answers_or_errors() {
    let _turn = alone();
    let folder = folder("mutated_models");
    let table = table();
    write_csv(&table, fs::File::create(folder.join("t.csv")).unwrap()).unwrap();
    let (space, predictor) = models();
    let (space, predictor) = (space.to_bytes().unwrap(), predictor.to_bytes().unwrap());
    survives(
        &folder,
        "space",
        "space",
        &space,
        &[&["inspect", "space"], &["verify", "space"], &["embed", "space", "t.csv", "-o", "z.csv"]],
    );
    survives(
        &folder,
        "predictor",
        "predictor",
        &predictor,
        &[
            &["inspect", "predictor"],
            &["lineage", "predictor"],
            &["predict", "predictor", "t.csv", "-o", "p.csv"],
        ],
    );
    let registry = Registry::create(folder.join("registry")).unwrap();
    registry.add_bytes(&space, "first").unwrap();
    registry.promote("v1", "").unwrap();
    let path = "registry/registry.json";
    let bytes = fs::read(folder.join(path)).unwrap();
    survives(
        &folder,
        "registry",
        path,
        &bytes,
        &[
            &["registry", "registry", "list"],
            &["registry", "registry", "history"],
            &["registry", "registry", "current"],
        ],
    );
}

#[test]
fn mutated_files_of_features_are_answers_or_errors() {
    let _turn = alone();
    let folder = folder("mutated_features");
    write_csv(&table(), fs::File::create(folder.join("t.csv")).unwrap()).unwrap();
    let made = run(
        &folder,
        &["train", "t.csv", "--ignore", "target", "-o", "space", "--epochs", "1", "--d-model", "8"],
    );
    assert_eq!(made.status.code(), Some(0), "{}", String::from_utf8_lossy(&made.stderr));
    let made = run(&folder, &["discover", "space", "t.csv", "--target", "target", "--out-dir", "found"]);
    assert_eq!(made.status.code(), Some(0), "{}", String::from_utf8_lossy(&made.stderr));
    let features = r#"{"format_version":1,"features":[{"name":"twice","definition":{"kind":"formula","formula":"size * 2 + length(color)"},"reason":"x"},{"name":"late","definition":{"kind":"formula","formula":"case when twice > 3 then 'a' else 'b' end"},"reason":"y"}]}"#;
    survives(
        &folder,
        "features.json",
        "features.json",
        features.as_bytes(),
        &[&["apply", "features.json", "t.csv", "-o", "out.csv"]],
    );
    for (name, command) in [
        (
            "feature_suggestion_history.json",
            &["apply", "found/feature_suggestion_history.json", "t.csv", "-o", "out.csv"][..],
        ),
        ("feature_effectiveness.json", &["effectiveness", "found/feature_effectiveness.json"][..]),
    ] {
        let path = format!("found/{name}");
        let bytes = fs::read(folder.join(&path)).unwrap();
        survives(&folder, name, &path, &bytes, &[command]);
    }
}
