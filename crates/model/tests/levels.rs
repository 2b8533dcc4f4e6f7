//! Columns of many categories: each with rows enough has a vector of its own, and what was never seen is told.

#![allow(clippy::unwrap_used)]

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, StringArray};
use tabgraft_model::train::{Event, quiet};
use tabgraft_model::{
    EmbeddingSpace, ExtendOptions, FitOptions, Mode, Predictor, PredictorOptions, TrainingOptions,
};
use tabgraft_table::Table;

const N_STORES: usize = 600;

fn text(n_rows: usize, cell: impl Fn(usize) -> String) -> ArrayRef {
    Arc::new(StringArray::from_iter_values((0..n_rows).map(cell)))
}

/// Every store has as many rows; the answer is a function of the store alone.
fn stores(n_rows: usize) -> Table {
    let amount = |r: usize| (r * 7919 % 9973) as f64 / 100.0;
    Table::from_columns([
        ("amount", Arc::new(Float64Array::from_iter_values((0..n_rows).map(amount))) as ArrayRef),
        ("kind", text(n_rows, |r| ["a", "b", "c"][r * 31 % 97 % 3].to_owned())),
        ("store", text(n_rows, |r| format!("store-{:03}", r % N_STORES))),
        ("y", text(n_rows, |r| ((r % N_STORES * 7919) % 1000 > 500).to_string())),
    ])
    .unwrap()
}

fn fit(table: &Table, ignore: &[&str]) -> EmbeddingSpace {
    let mut options = FitOptions::default();
    (options.config.d_model, options.config.training.n_epochs) = (16, Some(2));
    options.infer.ignore = ignore.iter().map(|c| (*c).to_owned()).collect();
    EmbeddingSpace::fit(table, None, &options, &mut quiet).unwrap()
}

/// Different vectors of the stores, in the rows of one amount and kind.
fn n_vectors(space: &EmbeddingSpace) -> usize {
    let rows = Table::from_columns([
        ("amount", Arc::new(Float64Array::from(vec![5.0; N_STORES])) as ArrayRef),
        ("kind", text(N_STORES, |_| "a".to_owned())),
        ("store", text(N_STORES, |r| format!("store-{r:03}"))),
    ]);
    let z = space.embed(&rows.unwrap()).unwrap();
    assert!(z.unseen.is_empty());
    (0..N_STORES)
        .map(|r| z.row(r).iter().map(|v| v.to_bits()).collect::<Vec<_>>())
        .collect::<HashSet<_>>()
        .len()
}

fn roc_auc(space: &EmbeddingSpace, table: &Table) -> f64 {
    let options =
        PredictorOptions { n_epochs: 30, n_networks: Some(2), d_hidden: 32, ..PredictorOptions::default() };
    let predictor = Predictor::fit(space, table, "y", &options, &mut quiet).unwrap();
    predictor.fit_info().scores[0].value
}

#[test]
fn six_hundred_stores_have_vectors_of_their_own_and_tell_what_they_tell() {
    let table = stores(20 * N_STORES);
    let space = fit(&table, &["y"]);
    assert_eq!(n_vectors(&space), N_STORES);
    let found = roc_auc(&space, &table);
    assert!(found > 0.99, "{found}");
    let again = EmbeddingSpace::from_bytes(&space.to_bytes().unwrap()).unwrap();
    assert_eq!(n_vectors(&again), N_STORES);
}

#[test]
fn so_have_stores_that_are_grafted_in_any_mode() {
    let table = stores(20 * N_STORES);
    let parent = fit(&table.without(&["store".into()]).unwrap(), &["y"]);
    for mode in [Mode::Frozen, Mode::Joint] {
        let options = ExtendOptions {
            mode,
            training: TrainingOptions::of_epochs(2),
            d_side: (mode == Mode::Frozen).then_some(16),
            ..Default::default()
        };
        let child = parent.extend(&table, None, &options, &mut quiet).unwrap();
        assert_eq!(n_vectors(&child), N_STORES, "{mode:?}");
        let found = roc_auc(&child, &table);
        assert!(found > 0.99, "{mode:?}: {found}");
    }
}

#[test]
fn categories_that_share_a_code_are_told_with_the_option_that_changes_it() {
    let n_rows = 2000;
    // 300 stores of 5 rows and 500 of one.
    let store = |r: usize| if r < 1500 { format!("often-{}", r % 300) } else { format!("once-{r}") };
    let amount = Arc::new(Float64Array::from_iter_values((0..n_rows).map(|r| (r % 77) as f64)));
    let columns = [("amount", amount as ArrayRef), ("store", text(n_rows, store))];
    let space = fit(&Table::from_columns(columns).unwrap(), &[]);
    let [note] = space.notes() else { panic!("one note: {:?}", space.notes()) };
    for part in ["`store`", "share one code", "`min_category_rows`"] {
        assert!(note.contains(part), "{note}");
    }
}

#[test]
fn a_column_whose_cells_are_mostly_unseen_is_told_by_embed_and_predict() {
    let n_rows = 300;
    let zip = |r: usize| ["01067", "04109", "80331"][r % 3].to_owned();
    let of = |zip: &dyn Fn(usize) -> String| {
        Table::from_columns([
            ("zip", text(n_rows, zip)),
            ("kind", text(n_rows, |r| ["x", "y"][r % 2].to_owned())),
            ("y", text(n_rows, |r| (r % 3 == 0).to_string())),
        ])
        .unwrap()
    };
    let table = of(&zip);
    let space = fit(&table, &["y"]);
    assert!(space.embed(&table).unwrap().unseen.is_empty());
    // Read as numbers they lose their zeros.
    let lost = of(&|r| zip(r).trim_start_matches('0').to_owned());
    let unseen = space.embed(&lost).unwrap().unseen;
    let [column] = &unseen[..] else { panic!("one column: {unseen:?}") };
    assert_eq!((column.name.as_str(), column.n_unseen, column.n_present), ("zip", 200, 300));
    let said = column.to_string();
    for part in
        ["column `zip`: 200 of 300 cells", "`1067` in row 0", "`01067`", "zeros in front that are lost"]
    {
        assert!(said.contains(part), "{said}");
    }
    let options = PredictorOptions { n_epochs: 1, n_networks: Some(2), d_hidden: 8, ..Default::default() };
    let mut warnings = Vec::new();
    let predictor = Predictor::fit(&space, &lost, "y", &options, &mut |event| {
        if let Event::Warning { text } = event {
            warnings.push(text.clone());
        }
        ControlFlow::Continue(())
    });
    assert!(warnings.iter().any(|text| text.contains("column `zip`: 200 of 300 cells")), "{warnings:?}");
    assert_eq!(predictor.unwrap().predict(&lost).unwrap().unseen, unseen);
    // One new store among many is what guardrails are for.
    let few = of(&|r| if r < 3 { "99999".to_owned() } else { zip(r) });
    assert!(space.embed(&few).unwrap().unseen.is_empty());
}

#[test]
fn what_made_known_cells_unseen_is_told() {
    let n_rows = 240;
    let known = ["Car loan", "TV set", "New kitchen", "old debts"];
    let codes = ["010", "020", "1.5", "abc"];
    let of = |name: &dyn Fn(usize) -> String, code: &dyn Fn(usize) -> String| {
        let cells = |cell: &dyn Fn(usize) -> String| text(n_rows, cell);
        // Rows that differ: equal ones would be one to the split.
        let n = Float64Array::from_iter_values((0..n_rows).map(|r| (r * 7 % 241) as f64 / 3.0));
        Table::from_columns([("name", cells(name)), ("code", cells(code)), ("n", Arc::new(n))]).unwrap()
    };
    let name = |r: usize| known[r % 4].to_owned();
    let code = |r: usize| codes[r % 4].to_owned();
    let space = fit(&of(&name, &code), &[]);
    let cause = |name: &dyn Fn(usize) -> String, code: &dyn Fn(usize) -> String| {
        let unseen = space.embed(&of(name, code)).unwrap().unseen;
        let json = serde_json::to_value(&unseen).unwrap();
        json.as_array()
            .unwrap()
            .iter()
            .map(|c| c["cause"].as_str().unwrap_or("none").to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(cause(&|r| name(r).to_uppercase(), &code), ["case"]);
    assert_eq!(cause(&|r| name(r).replace(' ', "\u{a0}"), &code), ["spaces"]);
    assert_eq!(cause(&|r| name(r).to_uppercase().replace(' ', ""), &code), ["case_and_spaces"]);
    assert_eq!(cause(&|r| (r % 4).to_string(), &code), ["codes"]);
    assert_eq!(cause(&|r| format!("something else {}", r % 4), &code), ["none"]);
    assert_eq!(cause(&name, &|r| code(r).trim_start_matches('0').to_owned()), ["leading_zeros"]);
    assert_eq!(cause(&name, &|_| "1.50".to_owned()), ["number_spelling"]);
}

#[test]
fn a_column_that_is_the_target_in_other_words_is_told_by_the_fit() {
    let n_rows = 200;
    let answer = |r: usize| r * 7919 % 97 > 50;
    let columns = |with_leak: bool| {
        let mut columns = vec![
            (
                "amount",
                Arc::new(Float64Array::from_iter_values((0..n_rows).map(|r| (r % 77) as f64))) as ArrayRef,
            ),
            ("y", text(n_rows, |r| usize::from(answer(r)).to_string())),
        ];
        if with_leak {
            columns.push(("is_y", text(n_rows, |r| if answer(r) { "bad" } else { "good" }.to_owned())));
        }
        Table::from_columns(columns).unwrap()
    };
    let warnings = |table: &Table| {
        let space = fit(table, &["y"]);
        let options =
            PredictorOptions { n_epochs: 2, n_networks: Some(2), d_hidden: 8, ..Default::default() };
        let mut warnings = Vec::new();
        Predictor::fit(&space, table, "y", &options, &mut |event| {
            if let Event::Warning { text } = event {
                warnings.push(text.clone());
            }
            ControlFlow::Continue(())
        })
        .unwrap();
        warnings
    };
    let told = warnings(&columns(true));
    let [warning] = &told[..] else { panic!("one warning: {told:?}") };
    assert!(warning.contains("`is_y` says what `y` says in all 200 rows"), "{warning}");
    // A target of chance may be told to be one class for all rows, which is another thing.
    let told = warnings(&columns(false));
    assert!(told.iter().all(|warning| !warning.contains("says what `y` says")), "{told:?}");
}
