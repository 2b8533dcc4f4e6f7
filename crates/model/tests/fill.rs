//! Fill: what is told of missing cells, and that nothing else is touched.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, Int64Array, StringArray};
use arrow::datatypes::{DataType, Float64Type, Int64Type};
use tabgraft_model::fill::FillOptions;
use tabgraft_model::space::SpaceConfig;
use tabgraft_model::train::{TrainingOptions, quiet};
use tabgraft_model::{EmbeddingSpace, FitOptions};
use tabgraft_table::Table;
use tabgraft_table::schema::Kind;

fn mixed(i: usize) -> usize {
    (i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33) % 1_000_003
}

fn size(i: usize) -> i64 {
    (mixed(i) % 100) as i64
}

fn word(i: usize) -> &'static str {
    if size(i) < 50 { "small" } else { "large" }
}

/// `price` and `word` follow from `size`; every `gap`-th cell of these two is missing, none where it is 0.
fn rows(first: usize, n: usize, gap: usize) -> Table {
    let all = first..first + n;
    let is_there = |i: usize| gap == 0 || !i.is_multiple_of(gap);
    let price = |i: usize| is_there(i).then(|| 10.5 * size(i) as f64);
    let words = all.clone().map(|i| is_there(i + 1).then(|| word(i)));
    let columns: [(&str, ArrayRef); 4] = [
        ("size", Arc::new(Int64Array::from_iter_values(all.clone().map(size)))),
        ("price", Arc::new(all.clone().map(price).collect::<Float64Array>())),
        ("word", Arc::new(words.collect::<StringArray>())),
        ("free", Arc::new(all.map(|i| Some(["x", "y"][mixed(i + 9) % 2])).collect::<StringArray>())),
    ];
    Table::from_columns(columns).unwrap()
}

fn space() -> EmbeddingSpace {
    let config =
        SpaceConfig { training: TrainingOptions::of_epochs(20), d_model: 48, ..SpaceConfig::default() };
    let options = FitOptions { config, name: "v1".into(), ..FitOptions::default() };
    EmbeddingSpace::fit(&rows(0, 2000, 0), None, &options, &mut quiet).unwrap()
}

#[test]
fn missing_cells_get_what_the_rest_of_their_row_tells() {
    let space = space();
    let table = rows(5000, 200, 10);
    let filled = space.fill(&table, &FillOptions::default()).unwrap();
    assert_eq!(filled.added.column_names(), ["price_filled", "price_p", "word_filled", "word_p"]);
    assert_eq!((filled.cells.len(), filled.left.len()), (40, 0));
    let (old, new) = (table.column("price").unwrap(), filled.added.column("price_filled").unwrap());
    assert_eq!(new.null_count(), 0);
    let p = filled.added.column("price_p").unwrap();
    for i in 0..200 {
        assert_eq!(p.is_valid(i), old.is_null(i), "only what was filled has a probability");
        if old.is_valid(i) {
            let [old, new] = [old, new].map(|column| column.as_primitive::<Float64Type>().value(i));
            assert_eq!(old, new);
        }
    }
    let mut square = 0.0;
    let mut right = 0;
    for cell in &filled.cells {
        let i = 5000 + cell.row;
        assert!(cell.p > 0.0 && cell.p <= 1.0);
        if cell.column == "word" {
            right += usize::from(cell.value == word(i));
            continue;
        }
        let (value, truth) = (cell.value.parse::<f64>().unwrap(), 10.5 * size(i) as f64);
        square += (value - truth).powi(2) / 20.0;
        let [low, high] = [&cell.low, &cell.high].map(|end| end.as_ref().unwrap().parse::<f64>().unwrap());
        assert!(low <= high, "{cell:?}");
    }
    // The deviation of the price is about 300.
    assert!(square.sqrt() < 100.0 && right >= 17, "off by {}, {right} of 20 words", square.sqrt());
}

#[test]
fn a_row_is_filled_alike_alone_and_in_any_batch_and_types_stay() {
    let space = space();
    let table = rows(7000, 90, 5);
    let options = FillOptions { fill: vec!["price".into()], ..FillOptions::default() };
    let whole = space.fill(&table, &options).unwrap();
    assert_eq!(whole.added.column_names(), ["price_filled", "price_p"]);
    for cell in whole.cells.iter().take(4) {
        let alone = space.fill(&table.slice(cell.row, 1), &options).unwrap();
        assert_eq!((&alone.cells[0].value, alone.cells[0].p), (&cell.value, cell.p));
    }
    let gaps: Int64Array = (0..50).map(|i| (i % 7 > 0).then(|| size(i))).collect();
    let columns: Vec<(String, ArrayRef)> = ["price", "word"]
        .map(|name| (name.to_owned(), rows(0, 50, 0).column(name).unwrap().clone()))
        .into_iter()
        .chain([("size".to_owned(), Arc::new(gaps) as ArrayRef)])
        .collect();
    let filled = space.fill(&Table::from_columns(columns).unwrap(), &FillOptions::default()).unwrap();
    let sizes = filled.added.column("size_filled").unwrap();
    assert_eq!((sizes.data_type(), sizes.null_count()), (&DataType::Int64, 0));
    assert!(sizes.as_primitive::<Int64Type>().values().iter().all(|size| (0..100).contains(size)));
    assert_eq!(filled.remarks.report.missing_columns, ["free"]);
}

#[test]
fn what_is_not_sure_stays_missing_and_options_are_checked() {
    let space = space();
    let table = rows(5000, 60, 10);
    let filled = space.fill(&table, &FillOptions { min_p: 1.0, ..FillOptions::default() }).unwrap();
    assert!(filled.cells.is_empty() && filled.added.n_columns() == 0 && filled.added.n_rows() == 60);
    assert_eq!(filled.left.iter().map(|left| left.n_missing).sum::<usize>(), 12);
    let refused = |options: FillOptions, text: &str| {
        let error = space.fill(&table, &options).unwrap_err();
        assert!(error.is_option() && error.to_string().contains(text), "{error}");
    };
    refused(FillOptions { min_p: 1.5, ..FillOptions::default() }, "`min_p` is 1.5");
    refused(FillOptions { fill: vec!["prise".into()], ..FillOptions::default() }, "`prise`");
    let twice = space.fill(&table, &FillOptions::default()).unwrap();
    let both = table.beside(&twice.added).unwrap();
    let error = space.fill(&both, &FillOptions::default()).unwrap_err();
    assert!(error.to_string().contains("a column `price_filled` already"), "{error}");
}

#[test]
fn a_text_is_left_missing_and_the_reason_is_told() {
    let words = |i: usize| ["broad", "quiet", "green", "sudden", "wooden", "plain", "heavy"][mixed(i) % 7];
    let text = |i: usize| format!("{} {} {} {}", words(i), words(i + 3), words(i + 11), words(i + 17));
    let table = rows(0, 400, 0)
        .with_column("text", Arc::new((0..400).map(|i| Some(text(i))).collect::<StringArray>()))
        .unwrap();
    let mut options = FitOptions { name: "v1".into(), ..FitOptions::default() };
    options.config.training = TrainingOptions::of_epochs(1);
    options.config.d_model = 16;
    options.infer.kinds.insert("text".into(), Kind::Text);
    let space = EmbeddingSpace::fit(&table, None, &options, &mut quiet).unwrap();
    let gaps = (0..400).map(|i| (i % 4 > 0).then(|| text(i))).collect::<StringArray>();
    let gaps = rows(0, 400, 10).with_column("text", Arc::new(gaps)).unwrap();
    for wanted in [vec![], vec!["text".to_owned()]] {
        let filled = space.fill(&gaps, &FillOptions { fill: wanted, ..FillOptions::default() }).unwrap();
        assert!(!filled.added.has_column("text_filled"));
        let [left] = &filled.left[..] else { unreachable!("one column is left: {:?}", filled.left) };
        assert_eq!((left.column.as_str(), left.n_missing), ("text", 100));
        assert_eq!(left.reason, "of a text only single words can be told");
    }
}
