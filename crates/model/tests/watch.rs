//! Watch: nothing is called changed that has not, what has is named, copies and few rows make nothing certain.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, StringArray};
use tabgraft_model::space::SpaceConfig;
use tabgraft_model::train::{TrainingOptions, quiet};
use tabgraft_model::watch::{WatchOptions, Watched, What};
use tabgraft_model::{EmbeddingSpace, FitOptions};
use tabgraft_table::Table;

fn mixed(i: usize) -> usize {
    (i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33) % 1_000_003
}

/// What a later table does to its rows.
#[derive(Clone, Copy, Default)]
struct Made {
    /// Added to `size`, and to what follows from it.
    shift: f64,
    /// How many in a hundred `kind` are one that nobody knows, and how many have none.
    unheard: usize,
    missing: usize,
    /// Whether `price` is that of another row.
    broken: bool,
}

/// `price` is ten times `size`; `kind` stands alone.
fn rows(first: usize, n: usize, made: Made) -> Table {
    let size = |i: usize| (mixed(i) % 1000) as f64 / 10.0 + made.shift;
    let price = |i: usize| 10.0 * size(if made.broken { i + 500_000 } else { i }) + (mixed(i + 7) % 5) as f64;
    let kind = |i: usize| match mixed(i + 31) % 100 {
        at if at < made.missing => None,
        at if at < made.missing + made.unheard => Some("unheard"),
        at => Some(["red", "green", "blue"][at % 3]),
    };
    let all = first..first + n;
    let columns: [(&str, ArrayRef); 3] = [
        ("size", Arc::new(Float64Array::from_iter_values(all.clone().map(size)))),
        ("price", Arc::new(Float64Array::from_iter_values(all.clone().map(price)))),
        ("kind", Arc::new(all.map(kind).collect::<StringArray>())),
    ];
    Table::from_columns(columns).unwrap()
}

fn space() -> EmbeddingSpace {
    let config =
        SpaceConfig { training: TrainingOptions::of_epochs(12), d_model: 48, ..SpaceConfig::default() };
    let options = FitOptions { config, name: "v1".into(), ..FitOptions::default() };
    let usual = Made { missing: 2, ..Made::default() };
    EmbeddingSpace::fit(&rows(0, 3000, usual), None, &options, &mut quiet).unwrap()
}

fn watched(space: &EmbeddingSpace, table: &Table) -> Watched {
    space.watch(table, &WatchOptions::default()).unwrap()
}

fn says(found: &Watched, column: &str, what: What) -> bool {
    found.changes.iter().any(|change| change.column == column && change.what == what)
}

#[test]
fn what_has_changed_is_named_and_what_has_not_is_not() {
    let space = space();
    let usual = Made { missing: 2, ..Made::default() };
    let alarms = (0..20).filter(|i| watched(&space, &rows(10_000 + 1000 * i, 1000, usual)).changed).count();
    assert!(alarms <= 1, "{alarms} of 20 samples of the same distribution are called changed");
    let found = watched(&space, &rows(40_000, 1000, Made { shift: 20.0, ..usual }));
    assert!(says(&found, "size", What::Values) && !says(&found, "kind", What::Values), "{:?}", found.changes);
    let size = &found.columns[0];
    assert!(size.psi.unwrap() > 0.1 && size.jensen_shannon.unwrap() < 1.0, "{size:?}");
    let found = watched(&space, &rows(40_000, 1000, Made { unheard: 4, ..usual }));
    assert!(says(&found, "kind", What::Unseen), "{:?}", found.columns[2]);
    let found = watched(&space, &rows(40_000, 1000, Made { missing: 8, ..usual }));
    assert!(says(&found, "kind", What::Missing), "{:?}", found.columns[2]);
    // Each column is as it was; only that they go together is over.
    let found = watched(&space, &rows(40_000, 1000, Made { broken: true, ..usual }));
    assert!(says(&found, "price", What::Surprise) && says(&found, "size", What::Surprise));
    assert!(found.changes.iter().all(|change| change.what == What::Surprise), "{:?}", found.changes);
    assert!(!says(&found, "kind", What::Surprise));
}

#[test]
fn copies_and_few_rows_make_nothing_certain() {
    let space = space();
    let few = rows(50_000, 12, Made { missing: 2, ..Made::default() });
    let found = watched(&space, &few);
    assert!(!found.changed && found.columns.iter().all(|column| column.surprise.is_none()));
    let copies = few.take(&(0..12_u32).cycle().take(3600).collect::<Vec<_>>()).unwrap();
    let found = watched(&space, &copies);
    assert_eq!(found.n_rows, 3600);
    assert!((found.n_effective - 12.0).abs() < 1e-6);
    assert!(!found.changed, "{:?}", found.changes);
}

#[test]
fn a_table_is_the_same_in_any_order() {
    let space = space();
    let table = rows(60_000, 2500, Made { missing: 2, ..Made::default() });
    let turned = table.take(&(0..2500_u32).rev().collect::<Vec<_>>()).unwrap();
    let (found, again) = (watched(&space, &table), watched(&space, &turned));
    assert_eq!(found.n_rows_hidden, 2000);
    for (a, b) in found.columns.iter().zip(&again.columns) {
        assert_eq!((a.psi, a.missing, a.unseen), (b.psi, b.missing, b.unseen));
        let [a, b] = [a.surprise.unwrap(), b.surprise.unwrap()];
        assert!((a.now - b.now).abs() < 1e-9 && (a.test.p_value - b.test.p_value).abs() < 1e-9);
    }
}

#[test]
fn a_file_without_a_profile_asks_for_rows_to_compare_with() {
    let usual = Made { missing: 2, ..Made::default() };
    let table = rows(0, 600, usual);
    let options = FitOptions { name: "bare".into(), ..FitOptions::default() };
    let bare = EmbeddingSpace::untrained(&table, None, &options, &mut quiet).unwrap();
    let error = bare.watch(&table, &WatchOptions::default()).unwrap_err();
    assert!(error.is_schema() && error.to_string().contains("`bare` does not remember"), "{error}");
    let against = Some(bare.profile_of(&table).unwrap());
    let found = bare.watch(&rows(3000, 600, usual), &WatchOptions { against, ..WatchOptions::default() });
    assert_eq!(found.unwrap().columns.len(), 3);
    let error = bare.watch(&table, &WatchOptions { alpha: 1.0, ..WatchOptions::default() }).unwrap_err();
    assert!(error.to_string().contains("`alpha` is 1"), "{error}");
}
