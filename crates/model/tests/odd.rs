//! Odd rows: what surprises, what it is held against, and that batches, grafts and files change none of it.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, StringArray};
use tabgraft_model::odd::{Oddity, SurpriseOptions};
use tabgraft_model::space::{Mode, SpaceConfig};
use tabgraft_model::train::{TrainingOptions, quiet};
use tabgraft_model::{EmbeddingSpace, ExtendOptions, FitOptions, MergeOptions, PruneOptions};
use tabgraft_table::Table;

fn mixed(i: usize) -> usize {
    (i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33) % 1_000_003
}

/// `price` is ten times `size`, `word` tells which half `size` is in; `free` stands alone, `late` is like `size`.
fn rows(first: usize, n: usize, names: &[&str]) -> Table {
    let size = |i: usize| (mixed(i) % 100) as f64;
    let number = |of: &dyn Fn(usize) -> f64| -> ArrayRef {
        Arc::new(Float64Array::from_iter_values((first..first + n).map(of)))
    };
    let text = |of: &dyn Fn(usize) -> &'static str| -> ArrayRef {
        Arc::new(StringArray::from_iter_values((first..first + n).map(of)))
    };
    let column = |name: &str| -> ArrayRef {
        match name {
            "size" => number(&size),
            "price" => number(&|i| 10.0 * size(i) + (mixed(i + 7) % 5) as f64),
            "late" => number(&|i| 3.0 * size(i) - 50.0),
            "word" => text(&|i| if size(i) < 50.0 { "small" } else { "large" }),
            _ => text(&|i| ["red", "green", "blue"][mixed(i + 99) % 3]),
        }
    };
    Table::from_columns(names.iter().map(|name| (*name, column(name)))).unwrap()
}

const EARLY: [&str; 4] = ["size", "price", "word", "free"];
const LATE: [&str; 5] = ["size", "price", "word", "free", "late"];

fn space() -> EmbeddingSpace {
    let config =
        SpaceConfig { training: TrainingOptions::of_epochs(12), d_model: 48, ..SpaceConfig::default() };
    let options = FitOptions { config, name: "v1".into(), ..FitOptions::default() };
    EmbeddingSpace::fit(&rows(0, 1500, &EARLY), None, &options, &mut quiet).unwrap()
}

/// The table with one cell replaced.
fn with_text(table: &Table, column: &str, row: usize, text: Option<&str>) -> Table {
    let cells = tabgraft_table::cell::texts(column, table.column(column).unwrap()).unwrap();
    let cells: StringArray =
        cells.iter().enumerate().map(|(i, cell)| if i == row { text } else { cell }).collect();
    let columns = table.all_column_names().into_iter().map(|name| {
        let array =
            if name == column { Arc::new(cells.clone()) } else { table.column(&name).unwrap().clone() };
        (name, array as ArrayRef)
    });
    Table::from_columns(columns.collect::<Vec<_>>()).unwrap()
}

#[test]
fn values_that_do_not_go_together_surprise_and_are_named() {
    let space = space();
    let new = rows(5000, 300, &EARLY);
    let options = SurpriseOptions::default();
    let usual = space.surprise(&new, &options).unwrap().0;
    let mean = usual.shares.iter().sum::<f64>() / 300.0;
    assert!((0.35..0.65).contains(&mean), "rows like those of the training are as odd as those: {mean}");
    // A usual word in the wrong half, a price of another size, a category that nobody knows, a price beyond all.
    let word =
        if tabgraft_table::cell::texts("word", new.column("word").unwrap()).unwrap().value(0) == "small" {
            "large"
        } else {
            "small"
        };
    for (column, row, text, oddity) in [
        ("word", 0, Some(word), Oddity::Value),
        ("free", 1, Some("mauve"), Oddity::Unseen),
        ("free", 2, None, Oddity::Missing),
        ("price", 3, Some("5000"), Oddity::OutOfRange),
    ] {
        let odd = space.surprise(&with_text(&new, column, row, text), &options).unwrap().0;
        assert!(odd.scores[row] > usual.scores[row] + 2.0, "{column}: {:?}", odd.reasons[row]);
        assert!(odd.shares[row] > 0.9, "{column}: {}", odd.shares[row]);
        let first = &odd.reasons[row][0];
        if column != "word" {
            assert_eq!((first.column.as_str(), first.oddity), (column, oddity), "{:?}", odd.reasons[row]);
            assert_eq!(first.found.as_deref(), text);
        }
        // Of two columns that contradict each other either may be called the odd one.
        let cell = odd.reasons[row].iter().find(|cell| cell.column == column).unwrap();
        assert!(cell.p_found < 0.1 && cell.p_found < cell.p_expected, "{cell:?}");
        assert!((cell.p_found - (-cell.surprise).exp()).abs() < 1e-9);
        if column == "word" {
            assert!(["small", "large"].contains(&cell.expected.as_str()) && cell.expected != word);
        }
        // What did not change is as odd as before.
        assert_eq!(odd.scores[10..], usual.scores[10..]);
    }
}

#[test]
fn yes_is_expected_as_the_cell_that_stands_there_says_no() {
    let answers = |words: [&'static str; 2]| {
        let answer = |i: usize| words[usize::from(mixed(i) % 100 < 50)];
        let answers: StringArray = (0..1000).map(|i| Some(answer(i))).collect();
        rows(0, 1000, &["size", "price"]).with_column("paid", Arc::new(answers)).unwrap()
    };
    let config =
        SpaceConfig { training: TrainingOptions::of_epochs(12), d_model: 32, ..SpaceConfig::default() };
    let options = FitOptions { config, name: "v1".into(), ..FitOptions::default() };
    let space = EmbeddingSpace::fit(&answers(["No", "Yes"]), None, &options, &mut quiet).unwrap();
    // Each cell is the opposite of what its row lets expect.
    for words in [["Yes", "No"], ["Y", "N"], ["true", "false"]] {
        let options = SurpriseOptions { n_reasons: 3, ..SurpriseOptions::default() };
        let odd = space.surprise(&answers(words).slice(0, 50), &options).unwrap().0;
        let cells = odd.reasons.iter().flatten().filter(|cell| cell.column == "paid");
        let mut n = 0;
        for cell in cells.filter(|cell| cell.p_expected > 0.8) {
            let found = cell.found.as_deref().unwrap();
            assert!(words.contains(&cell.expected.as_str()) && cell.expected != found, "{cell:?}");
            n += 1;
        }
        assert!(n > 20, "{n} of 50 rows were seen through: {:?}", odd.reasons);
    }
}

#[test]
fn a_row_has_the_same_bits_alone_and_in_any_batch() {
    let space = space();
    let new = rows(7000, 150, &EARLY);
    let options = SurpriseOptions { n_reasons: 4, ..SurpriseOptions::default() };
    let whole = space.surprise(&new, &options).unwrap().0;
    for row in [0, 77, 149] {
        let alone = space.surprise(&new.slice(row, 1), &options).unwrap().0;
        assert_eq!(alone.cells, whole.cells[4 * row..4 * row + 4]);
        assert_eq!((alone.scores[0], &alone.reasons[0]), (whole.scores[row], &whole.reasons[row]));
    }
    let mut stream = space.surprise_stream(options).unwrap();
    let mut scores = stream.score(&new.slice(0, 64)).unwrap().scores;
    scores.extend(stream.score(&new.slice(64, 86)).unwrap().scores);
    assert_eq!(scores, whole.scores);
    assert_eq!(stream.finish().n_rows, 150);
}

#[test]
fn a_profile_comes_with_every_step_and_is_covered_by_the_id() {
    let space = space();
    let profile = space.profile().unwrap();
    let surprises = profile.surprises.as_ref().unwrap();
    assert!(surprises.held_out && surprises.n_rows >= 64, "{surprises:?}");
    assert_eq!(profile.columns.len(), 4);
    let n: u64 = profile.columns[3].counts.iter().sum();
    assert_eq!(n as usize, space.training_info().n_rows_train + space.training_info().n_rows_valid);
    let bytes = serde_json::to_vec(profile).unwrap().len();
    assert!(bytes < 200 * 4 + 1500, "{bytes} bytes");

    let again = EmbeddingSpace::from_bytes(&space.to_bytes().unwrap()).unwrap();
    assert_eq!((again.profile(), again.id()), (space.profile(), space.id()));

    let late = rows(0, 1500, &LATE);
    let graft = |mode| {
        let options =
            ExtendOptions { mode, training: TrainingOptions::of_epochs(2), ..ExtendOptions::default() };
        space.extend(&late, None, &options, &mut quiet).unwrap()
    };
    for mode in [Mode::Frozen, Mode::Joint] {
        let child = graft(mode);
        let found = child.profile().unwrap();
        assert_eq!((found.columns.len(), found.surprises.as_ref().unwrap().cells.len()), (5, 5), "{mode:?}");
        let pruned =
            child.prune(&["late".into()], Some(&late), &PruneOptions::default(), &mut quiet).unwrap();
        assert_eq!(pruned.profile().unwrap().surprises.as_ref().unwrap().cells.len(), 4);
    }
    // Without a table nothing can be hidden: counts stay, and nothing is calibrated.
    let child = graft(Mode::Frozen);
    let cut = child.prune(&["late".into()], None, &PruneOptions::default(), &mut quiet).unwrap();
    let left = cut.profile().unwrap();
    assert_eq!((left.columns.len(), &left.surprises), (4, &None));
    assert_eq!(left.columns, child.profile().unwrap().columns[..4]);
    let odd = cut.surprise(&rows(9000, 20, &EARLY), &SurpriseOptions::default()).unwrap().0;
    assert!(odd.shares.is_empty() && odd.scores.iter().all(|score| score.is_finite()));
    let against = Some(cut.profile_of(&rows(3000, 200, &EARLY)).unwrap());
    let options = SurpriseOptions { against, ..SurpriseOptions::default() };
    let odd = cut.surprise(&rows(9000, 20, &EARLY), &options).unwrap().0;
    assert_eq!(odd.shares.len(), 20);

    let table = rows(0, 1500, &["size", "price", "word", "free", "other"]);
    let options = ExtendOptions { training: TrainingOptions::of_epochs(1), ..ExtendOptions::default() };
    let other = space.extend(&table, None, &options, &mut quiet).unwrap();
    let merged =
        EmbeddingSpace::merge(&[&child, &other], None, &MergeOptions::default(), &mut quiet).unwrap();
    let left = merged.profile().unwrap();
    assert_eq!((left.columns.len(), &left.surprises), (6, &None));
    let all = rows(0, 1500, &["size", "price", "word", "free", "late", "other"]);
    let merged =
        EmbeddingSpace::merge(&[&child, &other], Some(&all), &MergeOptions::default(), &mut quiet).unwrap();
    assert_eq!(merged.profile().unwrap().surprises.as_ref().unwrap().cells.len(), 6);
}

#[test]
fn what_a_table_lacks_says_nothing_and_options_are_checked() {
    let space = space();
    let fewer = rows(5000, 30, &["size", "price", "free"]);
    let (odd, remarks) = space.surprise(&fewer, &SurpriseOptions::default()).unwrap();
    assert_eq!(remarks.report.missing_columns, ["word"]);
    assert!(odd.cells.chunks(4).all(|cells| cells[2].is_nan() && cells[0].is_finite()));
    assert!(odd.reasons.iter().flatten().all(|cell| cell.column != "word"));
    let many = SurpriseOptions { n_reasons: 101, ..SurpriseOptions::default() };
    let error = space.surprise(&fewer, &many).unwrap_err();
    assert!(error.is_option() && error.to_string().contains("`n_reasons` is 101"), "{error}");
    let other = rows(0, 600, &["free", "late"]);
    let options = FitOptions {
        config: SpaceConfig { training: TrainingOptions::of_epochs(1), ..SpaceConfig::default() },
        ..FitOptions::default()
    };
    let foreign = EmbeddingSpace::fit(&other, None, &options, &mut quiet).unwrap();
    let against = SurpriseOptions { against: foreign.profile().cloned(), ..SurpriseOptions::default() };
    assert!(space.surprise(&fewer, &against).unwrap_err().to_string().contains("`against`"));
    assert!(space.surprise(&rows(0, 3, &["late"]), &SurpriseOptions::default()).unwrap_err().is_schema());
    let none = space.surprise(&fewer.slice(0, 0), &SurpriseOptions::default()).unwrap().0;
    assert!(none.scores.is_empty() && none.reasons.is_empty());
}
