//! What a predictor promises of its target: labels, weights of rows, numbers that are none, known columns.

#![allow(clippy::unwrap_used)]

mod fixtures;

use std::ops::ControlFlow;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Float64Array, Int64Array, StringArray};
use tabgraft_model::predictor::{LabelType, TargetKind};
use tabgraft_model::train::{Event, Sink};
use tabgraft_model::{
    EmbeddingSpace, ExtendOptions, FitOptions, Predictor, PredictorOptions, TrainingOptions,
};
use tabgraft_table::Table;
use tabgraft_table::read::{ReadOptions, read_csv_bytes};
use tabgraft_table::split::SplitOptions;

use fixtures::{quiet, small_space};

/// Numbers between 0 and 1 that look random.
fn unit(i: usize) -> f64 {
    (i as f64 * 0.618_033_988_749_895).fract()
}

fn numbers(values: impl IntoIterator<Item = f64>) -> ArrayRef {
    Arc::new(Float64Array::from_iter_values(values))
}

fn rows(n_rows: usize) -> Table {
    let kind: ArrayRef = Arc::new(StringArray::from_iter_values((0..n_rows).map(|i| ["x", "y", "z"][i % 3])));
    Table::from_columns([("a", numbers((0..n_rows).map(unit))), ("kind", kind)]).unwrap()
}

fn space_of(table: &Table) -> EmbeddingSpace {
    small_space(table, &[], 2, no_split())
}

fn no_split() -> SplitOptions {
    SplitOptions { p_valid: 0.0, p_test: 0.0, ..SplitOptions::default() }
}

fn quick() -> PredictorOptions {
    PredictorOptions { n_epochs: 4, n_networks: Some(2), d_hidden: 16, ..Default::default() }
}

/// What is told while `work` runs.
fn told<T>(work: impl FnOnce(&mut Sink<'_>) -> T) -> (T, Vec<String>) {
    let mut texts = Vec::new();
    let made = work(&mut |event| {
        if let Event::Note { text } | Event::Warning { text } = event {
            texts.push(text.clone());
        }
        ControlFlow::Continue(())
    });
    (made, texts)
}

fn with_target(table: &Table, target: ArrayRef) -> Table {
    table.with_column("y", target).unwrap()
}

/// The table as a CSV file would give it, its target spelled by `spell`.
fn as_csv(table: &Table, spell: impl Fn(usize) -> String) -> Table {
    let mut text = String::from("a,kind,y\n");
    for i in 0..table.n_rows() {
        text += &format!("{},{},{}\n", unit(i), ["x", "y", "z"][i % 3], spell(i));
    }
    read_csv_bytes(text.as_bytes(), "rows.csv", &ReadOptions::default()).unwrap()
}

#[test]
fn a_predictor_of_a_csv_file_and_one_of_a_frame_agree_on_labels() {
    let table = rows(60);
    let space = space_of(&table);
    let is_high = |i: usize| unit(i) > 0.5;
    let truths = with_target(&table, Arc::new(BooleanArray::from_iter((0..60).map(|i| Some(is_high(i))))));
    let whole =
        with_target(&table, Arc::new(Int64Array::from_iter_values((0..60).map(|i| is_high(i) as i64))));
    let floats = with_target(&table, numbers((0..60).map(|i| f64::from(u8::from(is_high(i))))));
    let words = as_csv(&table, |i| if is_high(i) { "True" } else { "False" }.to_owned());
    let digits = as_csv(&table, |i| u8::from(is_high(i)).to_string());
    let points = as_csv(&table, |i| format!("{}.0", u8::from(is_high(i))));
    let sides =
        [(&truths, &words), (&whole, &digits), (&floats, &points), (&whole, &points), (&floats, &digits)];
    let options = PredictorOptions { target_kind: TargetKind::Set, ..quick() };
    for (frame, csv) in sides {
        let of_frame = Predictor::fit(&space, frame, "y", &options, &mut quiet).unwrap();
        let of_csv = Predictor::fit(&space, csv, "y", &options, &mut quiet).unwrap();
        for predictor in [&of_frame, &of_csv] {
            let classes = predictor.target().classes();
            assert_eq!(
                predictor.evaluate(frame).unwrap(),
                predictor.evaluate(csv).unwrap(),
                "classes {classes:?}"
            );
        }
        assert_eq!(of_frame.compare(&of_csv, csv).unwrap().difference, 0.0);
        assert_eq!(of_frame.predict(frame).unwrap().values, of_csv.predict(frame).unwrap().values);
    }
    let typed = |table| Predictor::fit(&space, table, "y", &options, &mut quiet).unwrap();
    for (table, label_type, classes) in [
        (&truths, LabelType::Boolean, ["false", "true"]),
        (&words, LabelType::Boolean, ["False", "True"]),
        (&whole, LabelType::Integer, ["0", "1"]),
        (&digits, LabelType::Integer, ["0", "1"]),
        (&floats, LabelType::Float, ["0", "1"]),
        (&points, LabelType::Float, ["0.0", "1.0"]),
    ] {
        let predictor = typed(table);
        assert_eq!(predictor.target().label_type(), Some(label_type));
        assert_eq!(predictor.target().classes(), classes);
        let again = Predictor::from_bytes(&predictor.to_bytes().unwrap()).unwrap();
        assert_eq!((again.target(), again.id()), (predictor.target(), predictor.id()));
    }
}

#[test]
fn classes_spelled_almost_alike_stay_apart_and_are_told() {
    let table = rows(60);
    let space = space_of(&table);
    let spelled = as_csv(&table, |i| ["yes", "Yes", "no"][i % 3].to_owned());
    let (predictor, texts) = told(|sink| Predictor::fit(&space, &spelled, "y", &quick(), sink).unwrap());
    assert_eq!(predictor.target().classes(), ["Yes", "no", "yes"]);
    assert!(texts.iter().any(|t| t.contains("`Yes` (20 rows) and `yes` (20 rows)")), "{texts:?}");
    let plain = as_csv(&table, |i| ["01", "1"][i % 2].to_owned());
    let (predictor, texts) = told(|sink| Predictor::fit(&space, &plain, "y", &quick(), sink).unwrap());
    assert_eq!(predictor.target().classes(), ["01", "1"]);
    assert_eq!(texts, Vec::<String>::new());
}

#[test]
fn whole_numbers_that_are_equal_as_floats_are_two_classes() {
    let table = rows(60);
    let big = 1i64 << 53;
    let wide = Int64Array::from_iter_values((0..60).map(|i| -big - i64::from(unit(i) > 0.5)));
    let table = with_target(&table, Arc::new(wide));
    let options = PredictorOptions { target_kind: TargetKind::Set, ..quick() };
    let space = space_of(&rows(60));
    let predictor = Predictor::fit(&space, &table, "y", &options, &mut quiet).unwrap();
    assert_eq!(predictor.target().classes(), [(-big - 1).to_string(), (-big).to_string()]);
}

#[test]
fn rows_of_weight_0_are_not_there() {
    let (n, bad) = (80, 20);
    let clean = rows(n);
    let target = |i: usize| 10.0 * unit(i);
    let clean_rows = with_target(&clean, numbers((0..n).map(target)));
    let garbage = numbers((0..n + bad).map(|i| if i < n { unit(i) } else { 1e6 * unit(i) }));
    let dirty = with_target(
        &rows(n + bad).with_column("a", garbage).unwrap(),
        numbers((0..n + bad).map(|i| if i < n { target(i) } else { 1e90 })),
    );
    let weights: Vec<f64> = (0..n + bad).map(|i| if i < n { 1.0 } else { 0.0 }).collect();
    let mut options = FitOptions { split: no_split(), ..FitOptions::default() };
    options.config.d_model = 16;
    options.config.training.n_epochs = Some(2);
    options.infer.ignore = vec!["y".to_owned()];
    let fit = |table: &Table, weights: &[f64]| -> (Vec<f64>, Predictor) {
        let space = EmbeddingSpace::fit_weighted(table, weights, None, &options, &mut quiet).unwrap();
        let predictor = Predictor::fit_weighted(&space, table, "y", weights, &quick(), &mut quiet).unwrap();
        (predictor.predict(&clean).unwrap().values, predictor)
    };
    let (expected, _) = fit(&clean_rows, &vec![1.0; n]);
    let (found, predictor) = fit(&dirty, &weights);
    assert_eq!(found, expected);
    assert_eq!((predictor.fit_info().n_rows, predictor.fit_info().n_rows_without_weight), (n, bad));
    // A third of the weight is that of a third of the rows: mean and deviation follow.
    let fractions: Vec<f64> = (0..n).map(|i| if i < n / 2 { 0.01 } else { 1.0 }).collect();
    let shifted = with_target(&clean, numbers((0..n).map(|i| if i < n / 2 { 1000.0 } else { target(i) })));
    let (_, weighted) = fit(&shifted, &fractions);
    let tabgraft_model::predictor::Target::Number { mean, .. } = weighted.target() else { unreachable!() };
    assert!(*mean < 20.0, "{mean}");
}

#[test]
fn whole_weights_give_the_bits_of_repeated_rows_in_any_order() {
    let n = 40;
    let table = with_target(&rows(n), numbers((0..n).map(|i| unit(i * 7))));
    let space = space_of(&rows(n));
    let weights: Vec<f64> = (0..n).map(|i| (i % 4) as f64).collect();
    let mut repeated: Vec<u32> = (0..n as u32).flat_map(|i| std::iter::repeat_n(i, i as usize % 4)).collect();
    repeated.reverse();
    let repeated = table.take(&repeated).unwrap();
    let ones = vec![1.0; repeated.n_rows()];
    let weighted = Predictor::fit_weighted(&space, &table, "y", &weights, &quick(), &mut quiet).unwrap();
    let plain = Predictor::fit_weighted(&space, &repeated, "y", &ones, &quick(), &mut quiet).unwrap();
    assert_eq!(weighted.predict(&table).unwrap().values, plain.predict(&table).unwrap().values);
    let without = Predictor::fit(&space, &repeated, "y", &quick(), &mut quiet).unwrap();
    assert_eq!(without.predict(&table).unwrap().values, plain.predict(&table).unwrap().values);
    let half = vec![0.5; repeated.n_rows()];
    let half = Predictor::fit_weighted(&space, &repeated, "y", &half, &quick(), &mut quiet).unwrap();
    assert_eq!(half.predict(&table).unwrap().values, plain.predict(&table).unwrap().values);
}

#[test]
fn numbers_that_cannot_be_learned_are_told_or_refused_by_row() {
    let n = 60;
    let space = space_of(&rows(n));
    let with = |row: usize, value: f64| {
        with_target(&rows(n), numbers((0..n).map(|i| if i == row { value } else { unit(i * 7) })))
    };
    let fit = |table: &Table| told(|sink| Predictor::fit(&space, table, "y", &quick(), sink));
    let (predictor, texts) = fit(&with(3, f64::INFINITY));
    let info = predictor.unwrap().fit_info().clone();
    assert_eq!((info.n_rows, info.n_rows_without_target, info.n_rows_infinite_target), (n - 1, 1, 1));
    assert!(texts.iter().any(|t| t.contains("infinite in 1 row(s), the first of them row 3")), "{texts:?}");
    let (predictor, texts) = fit(&with(5, f64::NAN));
    assert_eq!(predictor.unwrap().fit_info().n_rows_without_target, 1);
    assert!(texts.iter().any(|t| t.contains("1 of 60 row(s) have no target `y`")), "{texts:?}");
    let (refused, _) = fit(&with_target(&rows(n), numbers((0..n).map(|_| f64::INFINITY))));
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains("target `y` is infinite (`inf`) in every row to learn from"), "{refused}");
    let (refused, _) = fit(&with(7, -1e300));
    assert!(refused.unwrap_err().to_string().contains("target `y`, row 7: -1e300 is beyond 1e100"));
    let (predictor, texts) = fit(&with(9, 1e30));
    assert!(texts.iter().any(|t| t.contains("target `y`, row 9: ")), "{texts:?}");
    let evaluated = predictor.unwrap().evaluate(&with(7, -1e300)).unwrap_err();
    assert!(evaluated.is_value() && evaluated.to_string().contains("row 7"));
}

#[test]
fn a_table_without_one_known_column_is_an_error_with_both_sets_of_names() {
    let table = with_target(&rows(60), numbers((0..60).map(|i| unit(i * 7))));
    let space = space_of(&rows(60));
    let predictor = Predictor::fit(&space, &table, "y", &quick(), &mut quiet).unwrap();
    let renamed = |a: &str, kind: &str| {
        let of = |name: &str| table.column(name).unwrap().clone();
        Table::from_columns([(a, of("a")), (kind, of("kind")), ("y", of("y"))]).unwrap()
    };
    let capitals = renamed("A", " kind");
    let other = renamed("x0", "x1");
    let extend = ExtendOptions { training: TrainingOptions::of_epochs(1), ..Default::default() };
    for (table, hint) in [(&capitals, "did you mean `A` for `a`"), (&other, "give the columns the names")] {
        let errors = [
            space.embed(table).unwrap_err(),
            predictor.predict(table).unwrap_err(),
            predictor.evaluate(table).unwrap_err(),
            Predictor::fit(&space, table, "y", &quick(), &mut quiet).unwrap_err(),
            space.extend(table, None, &extend, &mut quiet).unwrap_err(),
        ];
        for error in errors {
            let text = error.to_string();
            assert!(error.is_schema(), "{text}");
            assert!(text.contains("the space has `a`, `kind`") && text.contains("the table has `"), "{text}");
            assert!(error.hint().unwrap_or_default().contains(hint), "{:?}", error.hint());
        }
    }
    // One known column is enough: what is missing is told.
    assert_eq!(space.embed(&renamed("a", "x1")).unwrap().report.missing_columns, ["kind"]);
}
