//! Random tables, and versions of spaces made from them: what tests of the algebra begin with.

use std::ops::Range;
use std::sync::Arc;
pub use tabgraft_model::train::quiet;

use arrow::array::{ArrayRef, Float64Array, StringArray};
use proptest::prelude::*;
use tabgraft_model::extend::{MergeOptions, PruneOptions};
use tabgraft_model::{EmbeddingSpace, ExtendOptions, FitOptions, Mode, TrainingOptions};
use tabgraft_table::Table;

pub fn unit(i: usize, salt: u64) -> f64 {
    let mut x = (i as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ salt.wrapping_mul(0xd134_2543_de82_ef95);
    x ^= x >> 29;
    x = x.wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x ^= x >> 32;
    (x >> 11) as f64 / (1u64 << 53) as f64
}

pub const ROOT: [&str; 3] = ["size", "weight", "color"];

/// Three columns of the root and eight that come later, `l0` to `l7`: numbers, categories, dates and
/// sentences, each with missing cells.
pub fn table(n_rows: usize, salt: u64) -> Table {
    let size = |i: usize| unit(i, salt) * 100.0;
    let number = |f: &dyn Fn(usize) -> Option<f64>| -> ArrayRef {
        Arc::new((0..n_rows).map(f).collect::<Float64Array>())
    };
    let text = |f: &dyn Fn(usize) -> Option<String>| -> ArrayRef {
        Arc::new((0..n_rows).map(f).collect::<StringArray>())
    };
    let color = |i: usize| ["red", "green", "blue"][(size(i) / 34.0) as usize].to_owned();
    let mut columns = vec![
        ("size".to_owned(), number(&|i| Some(size(i)))),
        ("weight".to_owned(), number(&|i| Some(size(i) * 2.0 + unit(i, salt + 1) * 20.0))),
        ("color".to_owned(), text(&|i| Some(color(i)))),
    ];
    for k in 0..8 {
        let own = |i: usize| unit(i, salt + 10 + k);
        let is_there = |i: usize| unit(i, salt + 40 + k) > 0.1;
        let column = match k % 4 {
            0 => number(&|i| is_there(i).then(|| size(i) * (1.0 + k as f64) + 30.0 * own(i))),
            1 => text(&|i| {
                let level =
                    ["low", "middle", "h\u{f6}ch\u{17f}t"][((own(i) + size(i) / 100.0) * 1.5) as usize];
                is_there(i).then(|| level.to_owned())
            }),
            2 => text(&|i| {
                let (month, day) = (1.0 + size(i) / 9.0, 1.0 + own(i) * 27.0);
                is_there(i).then(|| format!("2024-{:02}-{:02}", month as u8, day as u8))
            }),
            _ => text(&|i| {
                let n = (own(i) * 50.0) as usize;
                is_there(i).then(|| format!("a {} thing, number {n}, of size {:.0}", color(i), size(i)))
            }),
        };
        columns.push((format!("l{k}"), column));
    }
    Table::from_columns(columns).unwrap()
}

pub fn columns(names: &[String]) -> Vec<String> {
    ROOT.iter().map(|c| (*c).to_owned()).chain(names.iter().cloned()).collect()
}

pub fn later(places: impl IntoIterator<Item = usize>) -> Vec<String> {
    places.into_iter().map(|k| format!("l{k}")).collect()
}

pub fn root(table: &Table, seed: u64) -> EmbeddingSpace {
    let mut options = small("root");
    options.config.training.seed = seed;
    EmbeddingSpace::fit(&table.select(&columns(&[])).unwrap(), None, &options, &mut quiet).unwrap()
}

pub fn graft(parent: &EmbeddingSpace, table: &Table, new: &[String], mode: Mode) -> EmbeddingSpace {
    let known: Vec<String> = parent.columns().iter().map(|c| c.name.clone()).collect();
    let table = table.select(&[known, new.to_vec()].concat()).unwrap();
    let options = ExtendOptions {
        mode,
        training: TrainingOptions::of_epochs(2),
        d_side: (mode == Mode::Frozen).then_some(8),
        name: Some(format!("{}+{}", parent.name(), new.join("+"))),
        ..ExtendOptions::default()
    };
    parent.extend(&table, None, &options, &mut quiet).unwrap()
}

/// The versions of a chain, the root first; one graft for each range of late columns.
pub fn chain(root: &EmbeddingSpace, table: &Table, grafts: &[Range<usize>]) -> Vec<EmbeddingSpace> {
    let mut versions = vec![root.clone()];
    for graft_of in grafts {
        let parent = &versions[versions.len() - 1];
        let child = graft(parent, table, &later(graft_of.clone()), Mode::Frozen);
        versions.push(child);
    }
    versions
}

pub fn prune(space: &EmbeddingSpace, columns: &[String]) -> EmbeddingSpace {
    space.prune(columns, None, &PruneOptions::default(), &mut quiet).unwrap()
}

pub fn merge(spaces: &[&EmbeddingSpace]) -> EmbeddingSpace {
    EmbeddingSpace::merge(spaces, None, &MergeOptions::default(), &mut quiet).unwrap()
}

/// Bits of one coordinate of all rows.
pub fn coordinate(space: &EmbeddingSpace, table: &Table, d: usize) -> Vec<u32> {
    let z = space.embed(table).unwrap();
    (0..z.n_rows).map(|r| z.row(r)[d].to_bits()).collect()
}

pub fn bits(space: &EmbeddingSpace, table: &Table, kept: Range<usize>) -> Vec<u32> {
    let z = space.embed(table).unwrap();
    (0..z.n_rows)
        .flat_map(|r| z.row(r)[kept.clone()].iter().map(|v| v.to_bits()).collect::<Vec<_>>())
        .collect()
}

pub fn again(space: &EmbeddingSpace) -> EmbeddingSpace {
    let read = EmbeddingSpace::from_bytes(&space.to_bytes().unwrap()).unwrap();
    assert_eq!(read.card(), space.card());
    read
}

/// Grafts of one or two columns each, out of the columns `from..to`.
pub fn grafts(from: usize, to: usize, most: usize) -> impl Strategy<Value = Vec<Range<usize>>> {
    prop::collection::vec(1..=2usize, 1..=most).prop_map(move |sizes| {
        let mut start = from;
        let ranges = sizes.into_iter().map(|n| {
            let range = start..(start + n).min(to);
            start = range.end;
            range
        });
        ranges.filter(|range| !range.is_empty()).collect()
    })
}

/// Options of a small and quick first training.
pub fn small(name: &str) -> FitOptions {
    let mut options = FitOptions { name: name.into(), ..FitOptions::default() };
    options.config.d_model = 16;
    options.config.training.n_epochs = Some(2);
    options
}
