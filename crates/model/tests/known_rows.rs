//! A space remembers its rows: they keep their parts when cells change, columns retire or months go by.

#![allow(clippy::unwrap_used)]

use std::ops::ControlFlow;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Float64Array, Int64Array, StringArray, new_null_array};
use tabgraft_model::space::Known;
use tabgraft_model::train::{Event, Sink, TrainingOptions};
use tabgraft_model::{EmbeddingSpace, ExtendOptions, FitOptions, Predictor, PredictorOptions, PruneOptions};
use tabgraft_table::Table;
use tabgraft_table::cell;
use tabgraft_table::schema::Exclusion;
use tabgraft_table::split::{Part, SplitKey};
use tabgraft_table::stats::hash::mix;

fn noise(i: usize, salt: u64) -> f64 {
    (mix(i as u64 ^ mix(salt)) >> 11) as f64 / (1u64 << 53) as f64
}

/// Two numbers and two texts of many values each, a new column, a number per customer, and a target. Rows from `from` on.
fn rows(from: usize, n_rows: usize) -> Table {
    let all = || from..from + n_rows;
    let number = |salt| -> ArrayRef {
        Arc::new(Float64Array::from_iter(all().map(|i| Some((1e4 * noise(i, salt)).round() / 10.0))))
    };
    let text = |salt: u64, n: f64| -> ArrayRef {
        let word = |i| format!("w{}", (n * noise(i, salt)) as u64);
        Arc::new(StringArray::from_iter_values(all().map(word)))
    };
    let class = |i| if noise(i, 1) + 0.5 * noise(i, 7) > 0.7 { "good" } else { "bad" };
    Table::from_columns([
        (
            "customer",
            Arc::new(Int64Array::from_iter_values(all().map(|i| 7_000_000 + 37 * i as i64))) as ArrayRef,
        ),
        ("amount", number(1)),
        ("rate", number(2)),
        ("city", text(3, 400.0)),
        ("street", text(4, 500.0)),
        ("late", number(7)),
        ("target", Arc::new(StringArray::from_iter_values(all().map(class)))),
    ])
    .unwrap()
}

fn options(key: bool, private: bool) -> FitOptions {
    let mut options = FitOptions { name: "v1".into(), private, ..FitOptions::default() };
    options.config.d_model = 16;
    options.config.training.n_epochs = Some(2);
    options.infer.ignore = vec!["target".into(), "late".into()];
    match key {
        true => options.split.by = SplitKey::Key { column: "customer".into() },
        false => options.infer.ignore.push("customer".into()),
    }
    options
}

fn quiet(_: &Event) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

fn space(table: &Table, key: bool) -> EmbeddingSpace {
    EmbeddingSpace::fit(table, None, &options(key, false), &mut quiet).unwrap()
}

fn one_epoch() -> TrainingOptions {
    TrainingOptions { n_epochs: Some(1), ..TrainingOptions::default() }
}

fn quick() -> PredictorOptions {
    PredictorOptions { n_epochs: 4, n_networks: Some(2), d_hidden: 16, ..PredictorOptions::default() }
}

/// The table with a column in place of that of this name.
fn with(table: &Table, name: &str, column: ArrayRef) -> Table {
    let columns = table.column_names().into_iter().map(|n| {
        let same = table.column(&n).unwrap().clone();
        (n.clone(), if n == name { column.clone() } else { same })
    });
    Table::from_columns(columns.collect::<Vec<_>>()).unwrap()
}

fn upper(table: &Table, name: &str) -> Table {
    let cells = cell::texts(name, table.column(name).unwrap()).unwrap();
    with(table, name, Arc::new(cells.iter().map(|c| c.map(str::to_uppercase)).collect::<StringArray>()))
}

fn rounded(table: &Table, name: &str) -> Table {
    let cells = cell::numbers(name, table.column(name).unwrap()).unwrap();
    with(table, name, Arc::new(cells.iter().map(|c| c.map(f64::round)).collect::<Float64Array>()))
}

fn warnings(work: impl FnOnce(&mut Sink<'_>)) -> Vec<String> {
    let mut told = Vec::new();
    work(&mut |event| {
        if let Event::Warning { text } = event {
            told.push(text.clone());
        }
        ControlFlow::Continue(())
    });
    told
}

#[test]
fn rows_of_which_cells_were_changed_keep_their_parts_and_are_told() {
    let table = rows(0, 1500);
    let space = space(&table, false);
    let parts = space.row_parts(&table).unwrap();
    assert_eq!(parts.counts(), Some([1500, 0, 0]));
    assert_eq!(parts.parts, space.split().assign(&table).unwrap());
    assert_eq!(parts.warning("v1"), None);
    for changed in [
        upper(&table, "city"),
        upper(&upper(&table, "city"), "street"),
        rounded(&rounded(&table, "amount"), "rate"),
        table.without(&["street".into()]).unwrap(),
        with(&table, "rate", new_null_array(table.column("rate").unwrap().data_type(), 1500)),
    ] {
        let found = space.row_parts(&changed).unwrap();
        let [n_whole, n_changed, n_new] = found.counts().unwrap();
        assert!(n_new == 0 && n_changed > 1450, "{n_whole} {n_changed} {n_new}");
        let n_same = found.parts.iter().zip(&parts.parts).filter(|(a, b)| a == b).count();
        assert!(n_same > 1480, "{n_same}");
        assert!(found.warning("v1").unwrap().contains("keep their parts"), "{:?}", found.warning("v1"));
    }
}

#[test]
fn new_rows_are_new_and_only_those_that_were_learned_from_are_kept_out_of_scores() {
    let (table, next) = (rows(0, 1200), rows(50_000, 300));
    let space = space(&table, false);
    let [n_whole, _, n_new] = space.row_parts(&next).unwrap().counts().unwrap();
    assert!(n_whole == 0 && n_new >= 290, "{n_new}");

    let predictor = Predictor::fit(&space, &table, "target", &quick(), &mut quiet).unwrap();
    let own = Predictor::fair_rows(&[&predictor], &table).unwrap();
    let n_test = space.row_parts(&table).unwrap().parts.iter().filter(|p| **p == Part::Test).count();
    assert_eq!((own.table.n_rows(), own.n_new), (n_test, Some(0)));
    assert!(own.notes.is_empty() && own.warnings.is_empty());

    let fresh = Predictor::fair_rows(&[&predictor], &next).unwrap();
    assert!(fresh.table.n_rows() >= 295 && fresh.n_new >= Some(290), "{fresh:?}");
    assert!(
        fresh.warnings[0].contains("new rows") || fresh.warnings[0].contains("none of the 300 rows is known")
    );

    let both = table.append(&next).unwrap();
    let both = Predictor::fair_rows(&[&predictor], &both).unwrap();
    assert_eq!(both.table.n_rows(), own.table.n_rows() + fresh.table.n_rows());
    assert!(both.notes.iter().chain(&both.warnings).any(|text| text.contains("new rows")), "{both:?}");

    // What was learned from is found out though a column of it was damaged.
    let damaged = Predictor::fair_rows(&[&predictor], &upper(&table, "city")).unwrap();
    assert!(damaged.table.n_rows().abs_diff(n_test) <= 20, "{} {n_test}", damaged.table.n_rows());
    assert!(damaged.warnings[0].contains("left out"), "{:?}", damaged.warnings);
}

#[test]
fn a_predictor_remembers_rows_that_its_space_does_not_know() {
    let (table, next) = (rows(0, 800), rows(50_000, 400));
    let space = space(&table, true);
    let predictor = Predictor::fit(&space, &next, "target", &quick(), &mut quiet).unwrap();
    let fair = Predictor::fair_rows(&[&predictor], &next).unwrap();
    let n_test = predictor.fit_info().n_rows_test;
    assert_eq!((fair.table.n_rows(), fair.n_new), (n_test, Some(0)));
    let loaded = Predictor::from_bytes(&predictor.to_bytes().unwrap()).unwrap();
    assert_eq!(Predictor::fair_rows(&[&loaded], &next).unwrap().table.n_rows(), n_test);
}

#[test]
fn what_rests_on_parts_warns_where_no_row_is_known() {
    let (table, other) = (rows(0, 600), rows(90_000, 600));
    let space = space(&table, false);
    let extend = ExtendOptions { training: one_epoch(), ..ExtendOptions::default() };
    let told = |table: &Table| {
        let extended = warnings(|sink| drop(space.extend(table, None, &extend, sink).unwrap()));
        let fitted = warnings(|sink| {
            drop(Predictor::fit(&space, table, "target", &quick(), sink).unwrap());
        });
        [extended, fitted]
            .map(|all| all.iter().any(|text| text.contains("known to `v1`: the others are new")))
    };
    // `late` is left out of the parent: a copy of it under a new name is new.
    let graft = |table: &Table| {
        let mut columns: Vec<(String, ArrayRef)> = table
            .column_names()
            .into_iter()
            .map(|n| (n.clone(), table.column(&n).unwrap().clone()))
            .collect();
        columns.push(("later".into(), table.column("late").unwrap().clone()));
        Table::from_columns(columns).unwrap()
    };
    assert_eq!(told(&graft(&other)), [true, true]);
    assert_eq!(told(&graft(&table)), [false, false]);
}

#[test]
fn a_key_is_no_feature_and_keeps_every_row_in_its_part_whatever_happens_to_it() {
    let table = rows(0, 600);
    let space = space(&table, true);
    let key = space.excluded().iter().find(|c| c.name == "customer").unwrap();
    assert_eq!(key.exclusion, Exclusion::Key);
    assert!(space.columns().iter().all(|c| c.name != "customer"));
    let parts = space.row_parts(&table).unwrap();
    let noisy = rounded(&rounded(&upper(&upper(&table, "city"), "street"), "amount"), "rate");
    let found = space.row_parts(&noisy.without(&["rate".into()]).unwrap()).unwrap();
    assert_eq!((&found.parts, found.counts()), (&parts.parts, Some([600, 0, 0])));

    let extend = ExtendOptions { training: one_epoch(), ..ExtendOptions::default() };
    let columns =
        [("later", table.column("late").unwrap().clone()), ("rate", table.column("rate").unwrap().clone())];
    let more = Table::from_columns(
        columns
            .into_iter()
            .chain([("customer", table.column("customer").unwrap().clone())])
            .collect::<Vec<_>>(),
    )
    .unwrap();
    let child = space.extend(&more, None, &extend, &mut quiet).unwrap();
    assert!(child.columns().iter().all(|c| c.name != "customer"));
    assert!(child.excluded().iter().any(|c| c.exclusion == Exclusion::Key));
    assert_eq!(child.row_parts(&noisy).unwrap().parts, parts.parts);

    // Next month's customers are new, whatever their cells: nobody has to be warned of cells that were changed.
    let next = rows(50_000, 300);
    let predictor = Predictor::fit(&space, &table, "target", &quick(), &mut quiet).unwrap();
    let fair = Predictor::fair_rows(&[&predictor], &next).unwrap();
    assert_eq!(
        (fair.table.n_rows(), fair.n_new, fair.warnings.len()),
        (300, Some(300), 0),
        "{:?}",
        fair.warnings
    );
    assert_eq!(fair.notes, ["all 300 rows are new to `predictor`, by their `customer`: all are scored"]);
    let told = warnings(|sink| drop(Predictor::fit(&space, &next, "target", &quick(), sink).unwrap()));
    assert!(told.iter().all(|text| !text.contains("changed since")), "{told:?}");

    // Without the key its rows are known by their cells.
    let retired = space.row_parts(&table.without(&["customer".into()]).unwrap()).unwrap();
    let n_same = retired.parts.iter().zip(&parts.parts).filter(|(a, b)| a == b).count();
    assert!(n_same > 590, "{n_same}");
}

#[test]
fn a_column_that_looks_like_an_identifier_is_recommended_as_the_key() {
    let mut options = options(false, false);
    options.infer.ignore.retain(|name| name != "customer");
    let told = EmbeddingSpace::fit(&rows(0, 300), None, &options, &mut quiet).unwrap().notes().join("\n");
    assert!(told.contains("column `customer` looks like an identifier") && told.contains("key"), "{told}");
}

#[test]
fn a_table_without_a_column_of_the_first_training_is_extended_pruned_predicted_and_judged() {
    let table = rows(0, 1000);
    for key in [true, false] {
        let space = space(&table, key);
        let columns = table.column_names().into_iter().filter(|n| n != "street").map(|n| {
            let new = if n == "late" { "later".to_owned() } else { n.clone() };
            (new, table.column(&n).unwrap().clone())
        });
        let lacking = Table::from_columns(columns.collect::<Vec<_>>()).unwrap();
        let extend = ExtendOptions { training: one_epoch(), ..ExtendOptions::default() };
        let child = space.extend(&lacking, None, &extend, &mut quiet).unwrap();
        assert_eq!(child.extensions()[0].columns_retired, ["street"]);
        let prune = PruneOptions { training: one_epoch(), ..PruneOptions::default() };
        let pruned = child.prune(&["street".into()], Some(&lacking), &prune, &mut quiet).unwrap();
        let predictor = Predictor::fit(&pruned, &lacking, "target", &quick(), &mut quiet).unwrap();
        let before = space.row_parts(&table).unwrap().parts;
        let n_test = before.iter().filter(|p| **p == Part::Test).count();
        assert!(predictor.fit_info().n_rows_test.abs_diff(n_test) <= 5);
        let found = space.compare(&child, &lacking, "target", &Default::default(), &mut quiet).unwrap();
        assert!(found.n_rows.abs_diff(n_test) <= 5, "{} {n_test}", found.n_rows);
    }
}

#[test]
fn a_private_space_remembers_no_rows() {
    let table = rows(0, 400);
    let space = space(&table, false);
    let mut told = Vec::new();
    let private = EmbeddingSpace::fit(&table, None, &options(false, true), &mut |event| {
        if let Event::Note { text } = event {
            told.push(text.clone());
        }
        ControlFlow::Continue(())
    })
    .unwrap();
    assert_eq!(private.hashes().data, space.hashes().data);
    assert!(told.iter().any(|text| text.starts_with("private: ")), "{told:?}");
    assert_eq!(private.card().n_rows_remembered, None);
    assert_eq!(space.card().n_rows_remembered, Some(400));
    assert!(private.to_bytes().unwrap().len() + 400 * 6 < space.to_bytes().unwrap().len());
    assert_eq!(private.row_parts(&table).unwrap().parts, space.row_parts(&table).unwrap().parts);
    let error = private.row_parts(&table.without(&["street".into()]).unwrap()).unwrap_err();
    assert!(error.is_schema() && error.to_string().contains("remembers no rows"), "{error}");
    let predictor = Predictor::fit(&private, &table, "target", &quick(), &mut quiet).unwrap();
    let fair = Predictor::fair_rows(&[&predictor], &rows(9000, 200)).unwrap();
    assert!(fair.n_new.is_none() && fair.notes[0].contains("remembers no rows"), "{fair:?}");
    let graft = space.extend(
        &table.without(&["customer".into()]).unwrap(),
        None,
        &ExtendOptions::default(),
        &mut quiet,
    );
    assert!(graft.unwrap_err().is_no_new_columns());
}

#[test]
fn a_child_knows_the_rows_of_its_parent_and_its_own() {
    let (table, next) = (rows(0, 600), rows(50_000, 200));
    let space = space(&table, true);
    let columns: Vec<(String, ArrayRef)> = next
        .column_names()
        .into_iter()
        .map(|n| (if n == "late" { "later".to_owned() } else { n.clone() }, next.column(&n).unwrap().clone()))
        .collect();
    let extend = ExtendOptions { training: one_epoch(), ..ExtendOptions::default() };
    let child = space.extend(&Table::from_columns(columns).unwrap(), None, &extend, &mut quiet).unwrap();
    let known = |space: &EmbeddingSpace, table: &Table| {
        let rows = space.row_parts(table).unwrap();
        rows.known.unwrap().iter().filter(|k| matches!(k, Known::Whole(_))).count()
    };
    assert_eq!((known(&child, &table), known(&child, &next), known(&space, &next)), (600, 200, 0));
    let loaded = EmbeddingSpace::from_bytes(&child.to_bytes().unwrap()).unwrap();
    assert_eq!(known(&loaded, &next), 200);
}

/// The figures of `docs/decisions/0028-known-rows.md`.
#[test]
#[ignore = "makes a table of a million rows"]
fn a_million_rows_take_nine_bytes_each() {
    const N_ROWS: usize = 1_000_000;
    let many = |from: usize, n_rows: usize| {
        let word = |i| format!("w{}", (2e6 * noise(i, 3)) as u64);
        let cells = (from..from + n_rows).map(word);
        with(&rows(from, n_rows), "city", Arc::new(StringArray::from_iter_values(cells)))
    };
    let table = many(0, N_ROWS);
    let n_bytes = |private| {
        let mut options = options(false, private);
        options.config.d_model = 8;
        let space = EmbeddingSpace::untrained(&table, None, &options, &mut quiet).unwrap();
        space.to_bytes().unwrap()
    };
    let (with, without) = (n_bytes(false), n_bytes(true));
    let growth = (with.len() - without.len()) as f64 / N_ROWS as f64;
    println!("{} bytes with, {} without: {growth:.2} a row", with.len(), without.len());
    assert!((5.0..9.0).contains(&growth), "{growth}");
    let start = std::time::Instant::now();
    let space = EmbeddingSpace::from_bytes(&with).unwrap();
    println!("loaded in {:.2} s", start.elapsed().as_secs_f64());
    let start = std::time::Instant::now();
    let found = space.row_parts(&upper(&table, "city")).unwrap();
    println!("{:?} in {:.2} s", found.counts(), start.elapsed().as_secs_f64());
    let new = space.row_parts(&many(5_000_000, 200_000)).unwrap().counts().unwrap();
    println!("{new:?} of new rows");
}
