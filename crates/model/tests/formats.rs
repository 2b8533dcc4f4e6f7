//! Files of every released or once used format version stay readable.
//!
//! `formats/VERSION/` holds a file that was written in that version, rows, and the vectors that its
//! writer gave for them. They are never made anew.

#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};

use tabgraft_model::EmbeddingSpace;
use tabgraft_table::Table;
use tabgraft_table::read::{ReadOptions, read_table};

fn folder(version: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/formats").join(version)
}

fn read(path: &Path) -> Table {
    read_table(path, &ReadOptions::default()).unwrap()
}

#[test]
fn a_file_of_format_1_0_loads_embeds_and_saves_in_the_current_one() {
    let folder = folder("1.0");
    let space = EmbeddingSpace::load(&folder.join("v2.tabgraft")).unwrap();
    let found = space.embed(&read(&folder.join("rows.csv"))).unwrap();
    let text = std::fs::read_to_string(folder.join("vectors.csv")).unwrap();
    let wanted: Vec<f32> =
        text.lines().skip(1).flat_map(|l| l.split(',').map(|v| v.parse().unwrap())).collect();
    assert_eq!(found.values.len(), wanted.len());
    for (a, b) in found.values.iter().zip(&wanted) {
        assert!((a - b).abs() < 1e-5, "{a} instead of {b}");
    }
    let entry = space.extension_metadata().unwrap();
    assert_eq!((entry.new_columns_added.len(), entry.anchor), (1, None));
    let out = tempfile::tempdir().unwrap();
    let path = out.path().join("again.tabgraft");
    space.save(&path).unwrap();
    let again = EmbeddingSpace::load(&path).unwrap();
    assert_eq!(again.card(), space.card());
}
