//! What the program is built from: crates of the registry, under licences that permit, no more than was agreed;
//! and where its own code is `unsafe`.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Licences that a program of any licence may be built from.
const PERMISSIVE: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "ISC",
    "MIT",
    "MIT-0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// More than this is a decision, not an accident.
const MOST_PACKAGES: usize = 350;

/// The only files whose code is `unsafe`, and how many times: the handler of signals, the matrix product's call.
const UNSAFE: &[(&str, usize)] =
    &[("crates/cli/src/interrupt.rs", 3), ("crates/model/src/kernel/matrix.rs", 1)];

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// Every package that `Cargo.lock` names, as cargo sees it.
fn packages() -> Vec<Value> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--locked"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    metadata["packages"].as_array_mut().map(std::mem::take).unwrap()
}

/// Whether one may choose permissive licences for every part of an SPDX expression.
fn is_permitted(expression: &str) -> bool {
    // Crates of before SPDX write `/` for OR. No expression here mixes AND and OR but by parentheses.
    let expression = expression.replace('/', " OR ").replace(['(', ')'], "");
    expression
        .split(" AND ")
        .all(|part| part.split(" OR ").any(|licence| PERMISSIVE.contains(&licence.trim())))
}

#[test]
fn licences_are_read_as_they_are_written() {
    for good in ["MIT", "MIT/Apache-2.0", "(MIT OR GPL-3.0) AND Unicode-3.0", "MIT OR LGPL-2.1-or-later"] {
        assert!(is_permitted(good), "{good}");
    }
    for bad in ["GPL-3.0", "MIT AND GPL-3.0", "MPL-2.0", "(MIT OR Apache-2.0) AND AGPL-3.0", ""] {
        assert!(!is_permitted(bad), "{bad}");
    }
}

#[test]
fn every_dependency_is_of_the_registry_and_permissive() {
    let packages = packages();
    let mut wrong = Vec::new();
    for package in &packages {
        let name = package["name"].as_str().unwrap();
        let licence = package["license"].as_str().unwrap_or_default();
        if !is_permitted(licence) {
            wrong.push(format!("{name}: licence {licence:?}"));
        }
        let source = package["source"].as_str();
        let is_ours = name.starts_with("tabgraft") && source.is_none();
        let is_registered = source == Some("registry+https://github.com/rust-lang/crates.io-index");
        if !is_ours && !is_registered {
            wrong.push(format!("{name}: source {source:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(packages.len() <= MOST_PACKAGES, "{} packages, {MOST_PACKAGES} were agreed", packages.len());
}

#[test]
fn heavy_crates_are_there_once() {
    let mut versions = BTreeMap::<String, usize>::new();
    for package in packages() {
        *versions.entry(package["name"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    for heavy in [
        "arrow-array",
        "arrow-cast",
        "parquet",
        "sqlparser",
        "pyo3",
        "gemm-f32",
        "clap_builder",
        "blake3",
        "tokio",
        "ring",
    ] {
        assert_eq!(versions.get(heavy), Some(&1), "{heavy} is built as often as it has versions");
    }
}

/// Every file of Rust below a folder.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn unsafe_code_stands_where_it_was_agreed() {
    let mut found = Vec::new();
    for krate in fs::read_dir(root().join("crates")).unwrap() {
        sources(&krate.unwrap().path().join("src"), &mut found);
    }
    sources(&root().join("python/src"), &mut found);
    assert!(found.len() > 300, "only {} files were looked at", found.len());
    let n_unsafe = |path: &PathBuf| {
        let text = fs::read_to_string(path).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        let code = code.lines().filter(|line| !line.trim_start().starts_with("//"));
        code.flat_map(|line| line.split(|c: char| !c.is_alphanumeric() && c != '_'))
            .filter(|word| *word == "unsafe")
            .count()
    };
    let name = |path: &PathBuf| path.strip_prefix(root()).unwrap().to_string_lossy().replace('\\', "/");
    let mut places: Vec<(String, usize)> =
        found.iter().map(|path| (name(path), n_unsafe(path))).filter(|(_, n)| *n > 0).collect();
    places.sort();
    let agreed: Vec<(String, usize)> = UNSAFE.iter().map(|(path, n)| ((*path).to_owned(), *n)).collect();
    assert_eq!(places, agreed);
}
