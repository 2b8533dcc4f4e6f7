//! Watch: nothing is called changed that has not, what has is named, copies and few rows make nothing certain.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, StringArray};
use tabgraft_model::predictor::Effort;
use tabgraft_model::space::SpaceConfig;
use tabgraft_model::train::{TrainingOptions, quiet};
use tabgraft_model::watch::{WatchOptions, Watched, What};
use tabgraft_model::{EmbeddingSpace, FitOptions, Predictor, PredictorOptions};
use tabgraft_table::Table;
use tabgraft_table::unreadable::CellErrors;

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

/// Rows that came in many small tables are what they are in one.
#[test]
fn rows_that_were_coded_as_they_came_are_watched_as_one_table() {
    let space = space();
    let usual = Made { missing: 2, ..Made::default() };
    for made in [usual, Made { shift: 20.0, ..usual }, Made { broken: true, ..usual }] {
        let table = rows(40_000, 1000, made);
        let mut later = space.later_rows(&table.slice(0, 1), CellErrors::Error).unwrap();
        let mut first = 1;
        for n in [1, 2, 3, 250].into_iter().cycle() {
            let part = table.slice(first, n);
            later.push(&space.later_rows(&part, CellErrors::Error).unwrap(), 1000).unwrap();
            first += n;
            if first >= 1000 {
                break;
            }
        }
        assert_eq!(later.n_rows(), 1000);
        let found = space.watch_later(&later, &WatchOptions::default()).unwrap();
        let whole = watched(&space, &table);
        assert_eq!((found.changed, &found.changes), (whole.changed, &whole.changes));
        assert_eq!((found.n_effective, found.n_rows_hidden), (whole.n_effective, whole.n_rows_hidden));
        assert_eq!(found.columns, whole.columns);
    }
}

#[test]
fn the_last_rows_stay_and_those_of_another_version_are_refused() {
    let space = space();
    let code = |table: &Table| space.later_rows(table, CellErrors::Error).unwrap();
    let usual = Made { missing: 2, ..Made::default() };
    let mut later = code(&rows(0, 100, usual));
    let mut most_rows = 0;
    for i in 1..100 {
        later.push(&code(&rows(100 * i, 100, usual)), 300).unwrap();
        most_rows = most_rows.max(later.n_rows());
    }
    assert!(most_rows <= 600, "{most_rows} rows are kept");
    assert_eq!(later.last(250), code(&rows(9750, 250, usual)));
    assert!(later.n_bytes() < 600 * 100);
    // A missing cell that is left out is one that is sent, and a column that nobody sends is missing.
    let bare = rows(0, 50, usual).without(&["kind".to_owned()]).unwrap();
    let nulls = bare.with_column("kind", Arc::new(StringArray::new_null(50))).unwrap();
    let mut both = code(&bare);
    both.push(&code(&nulls), 1000).unwrap();
    let found = space.watch_later(&both, &WatchOptions::default()).unwrap();
    assert!((found.n_effective - 50.0).abs() < 1e-6 && says(&found, "kind", What::Missing));
    assert!(found.report.missing_columns.is_empty());
    let found = space.watch_later(&code(&bare), &WatchOptions::default()).unwrap();
    assert_eq!(found.report.missing_columns, ["kind"]);

    let options = FitOptions { name: "other".into(), ..FitOptions::default() };
    let other = EmbeddingSpace::untrained(&rows(0, 300, usual), None, &options, &mut quiet).unwrap();
    let error = other.watch_later(&later, &WatchOptions::default()).unwrap_err();
    assert!(error.is_schema(), "{error}");
    let error = later.push(&other.later_rows(&bare, CellErrors::Error).unwrap(), 10).unwrap_err();
    assert!(error.is_option() && error.to_string().contains("another version"), "{error}");
    let none = later.last(0);
    assert!(space.watch_later(&none, &WatchOptions::default()).unwrap_err().is_value());
}

/// A predictor sees its columns, its space what only both together show.
#[test]
fn a_predictor_watches_columns_and_its_space_hidden_cells_too() {
    let space = space();
    let usual = Made { missing: 2, ..Made::default() };
    let with_target = |table: &Table| {
        let target = (0..table.n_rows()).map(|i| if i % 2 == 0 { "even" } else { "odd" });
        table.with_column("target", Arc::new(target.map(Some).collect::<StringArray>()) as ArrayRef).unwrap()
    };
    let options = PredictorOptions { effort: Effort::Quick, n_epochs: 1, ..PredictorOptions::default() };
    let table = with_target(&rows(0, 500, usual));
    let predictor = Predictor::fit(&space, &table, "target", &options, &mut quiet).unwrap();
    let code = |made| predictor.later_rows(&rows(40_000, 1000, made), CellErrors::Error).unwrap();
    let options = WatchOptions::default();
    assert!(!predictor.watch_later(&code(usual), &options).unwrap().changed);
    let found = predictor.watch_later(&code(Made { shift: 20.0, ..usual }), &options).unwrap();
    assert!(says(&found, "size", What::Values) && found.n_rows_hidden == 0);
    assert!(found.columns.iter().all(|column| column.surprise.is_none()));
    let broken = code(Made { broken: true, ..usual });
    assert!(!predictor.watch_later(&broken, &options).unwrap().changed);
    assert!(broken.are_of(&space));
    let found = space.watch_later(&broken, &options).unwrap();
    assert!(says(&found, "price", What::Surprise));

    // A table at once is what its rows are one by one, with what there is to say of its columns.
    for made in [usual, Made { shift: 20.0, ..usual }, Made { unheard: 4, ..usual }] {
        let table = with_target(&rows(40_000, 1000, made));
        let whole = predictor.watch(&table, &options).unwrap();
        let coded = predictor.watch_later(&code(made), &options).unwrap();
        assert_eq!((&whole.columns, whole.n_effective), (&coded.columns, coded.n_effective));
        assert!(whole.report.ignored_columns.is_empty(), "the target is no column to speak of");
        assert!(whole.verdict().ends_with("columns taken one by one"), "{}", whole.verdict());
        // By themselves columns are what they are to the space.
        let of_space = space.watch(&table, &options).unwrap();
        let values =
            |found: &Watched| found.columns.iter().map(|c| (c.psi, c.jensen_shannon)).collect::<Vec<_>>();
        assert_eq!(values(&whole), values(&of_space));
        assert!(!of_space.verdict().contains("one by one"));
    }
    // Other rows to hold them against are counted as the space counts them.
    let table = rows(40_000, 1000, Made { unheard: 4, shift: 20.0, ..usual });
    let (own, of_space) = (predictor.profile_of(&table).unwrap(), space.profile_of(&table).unwrap());
    assert_eq!((own.columns, own.evidence), (of_space.columns, of_space.evidence));
    let against = Some(predictor.profile_of(&table).unwrap());
    let options = WatchOptions { against, ..options };
    assert!(!predictor.watch(&table, &options).unwrap().changed);
    assert!(predictor.watch(&rows(0, 500, usual), &options).unwrap().changed);
    let none = table.slice(0, 0);
    assert!(predictor.watch(&none, &options).unwrap_err().is_value());
    assert!(predictor.profile_of(&none).unwrap_err().is_value());
}
