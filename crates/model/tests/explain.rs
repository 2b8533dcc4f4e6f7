//! Reasons: contributions against Shapley values that are computed here, what they sum to, and who gets nothing.

#![expect(clippy::unwrap_used, reason = "a test ends where its helpers fail")]

mod fixtures;
#[path = "fixtures/unit.rs"]
mod unit;

use std::ops::ControlFlow;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, StringArray};
use tabgraft_feature::{Feature, FeatureEngineer};
use tabgraft_model::predictor::{
    ColumnGroup, Effort, ExplainOptions, Explanation, GrowOptions, Method, Scale,
};
use tabgraft_model::train::Event;
use tabgraft_model::{EmbeddingSpace, ExtendOptions, Predictor, PredictorOptions, TrainingOptions};
use tabgraft_table::Table;
use tabgraft_table::split::SplitOptions;

use fixtures::{quiet, small_space};
use unit::unit;

const NAMES: [&str; 8] = ["a", "b", "c", "d", "kind", "city", "from", "to"];
const N_ROWS: usize = 600;

/// Eight columns: numbers, categories and two dates, whose days apart are a column of trees; some cells are missing.
fn table() -> Table {
    let number = |purpose: u64| -> ArrayRef {
        Arc::new(Float64Array::from_iter(
            (0..N_ROWS).map(|r| (r % 13 != purpose as usize).then(|| unit(r, purpose))),
        ))
    };
    let level = |r: usize, purpose: u64, n: f64| (unit(r, purpose) * n) as usize;
    let text = |f: &dyn Fn(usize) -> Option<String>| -> ArrayRef {
        Arc::new(StringArray::from_iter((0..N_ROWS).map(f)))
    };
    let day = |d: usize| format!("2024-{:02}-{:02}", 1 + d / 28 % 12, 1 + d % 28);
    let from = |r: usize| level(r, 7, 200.0);
    let score = |r: usize| {
        let steps = f64::from(u8::from(unit(r, 1) > 0.4)) * unit(r, 2);
        let kinds = [0.0, 0.6, -0.3, 0.2][level(r, 5, 4.0)];
        let late = f64::from(u8::from(level(r, 8, 40.0) > 20)) * 0.4;
        steps + unit(r, 3) + kinds + late + 0.3 * unit(r, 99)
    };
    let y = |r: usize| Some(if score(r) > 1.2 { "yes" } else { "no" }.to_owned());
    let three = |r: usize| {
        Some(["low", "middle", "high"][usize::from(score(r) > 0.9) + usize::from(score(r) > 1.4)].to_owned())
    };
    Table::from_columns([
        ("a", number(1)),
        ("b", number(2)),
        ("c", number(3)),
        ("d", number(4)),
        ("kind", text(&|r| (r % 11 != 0).then(|| format!("k{}", level(r, 5, 4.0))))),
        ("city", text(&|r| Some(format!("city {}", level(r, 6, 30.0))))),
        ("from", text(&|r| Some(day(from(r))))),
        ("to", text(&|r| Some(day(from(r) + level(r, 8, 40.0))))),
        ("y", text(&y)),
        ("three", text(&three)),
        (
            "n",
            Arc::new(Float64Array::from_iter_values((0..N_ROWS).map(|r| 100.0 + 20.0 * score(r))))
                as ArrayRef,
        ),
    ])
    .unwrap()
}

fn space(table: &Table) -> EmbeddingSpace {
    small_space(table, &["y", "three", "n"], 2, SplitOptions::default())
}

fn fitted(space: &EmbeddingSpace, table: &Table, target: &str) -> Predictor {
    let options =
        PredictorOptions { n_epochs: 8, n_networks: Some(2), d_hidden: 16, ..PredictorOptions::default() };
    Predictor::fit(space, table, target, &options, &mut quiet).unwrap()
}

fn explained(predictor: &Predictor, table: &Table, options: &ExplainOptions) -> Explanation {
    predictor.explain(table, options, &mut quiet).unwrap()
}

fn log_odds(p: &[f64], class: usize) -> f64 {
    let others: f64 = p.iter().enumerate().filter(|(i, _)| *i != class).map(|(_, p)| p).sum();
    p[class].ln() - others.ln()
}

/// Shapley values by the definition, with the worth of each coalition from [`Predictor::predict_hiding`].
fn brute_force(
    predictor: &Predictor,
    table: &Table,
    names: &[&str],
    worth: &dyn Fn(&[f64]) -> f64,
) -> Vec<Vec<f64>> {
    let n = names.len();
    let k = predictor.target().classes().len().max(1);
    let worth_of: Vec<Vec<f64>> = (0..1usize << n)
        .map(|seen| {
            let hidden: Vec<String> =
                (0..n).filter(|p| seen >> p & 1 == 0).map(|p| names[p].to_owned()).collect();
            predictor.predict_hiding(table, &hidden).unwrap().chunks(k).map(worth).collect()
        })
        .collect();
    let factorial = |n: usize| (1..=n).map(|i| i as f64).product::<f64>();
    (0..table.n_rows())
        .map(|row| {
            (0..n)
                .map(|player| {
                    let others = (0..1usize << n).filter(|seen| seen >> player & 1 == 0);
                    others
                        .map(|seen| {
                            let size = seen.count_ones() as usize;
                            factorial(size) * factorial(n - size - 1) / factorial(n)
                                * (worth_of[seen | 1 << player][row] - worth_of[seen][row])
                        })
                        .sum()
                })
                .collect()
        })
        .collect()
}

fn assert_sums(explanation: &Explanation) {
    for row in 0..explanation.n_rows() {
        for output in 0..explanation.outputs.len() {
            let base = explanation.base[output];
            let sum = explanation.of_row(row, output).fold(base, |sum, own| sum + own);
            let prediction = explanation.predictions[row * explanation.outputs.len() + output];
            let largest = explanation.of_row(row, output).fold(base.abs(), |most, own| most.max(own.abs()));
            assert!(
                (sum - prediction).abs() <= 2.0 * f64::EPSILON * largest,
                "row {row}: {sum}, not {prediction}"
            );
        }
    }
}

#[test]
fn contributions_are_the_shapley_values_of_predictions_with_columns_hidden() {
    let table = table();
    let predictor = fitted(&space(&table), &table, "y");
    let info = predictor.fit_info();
    let shares =
        [info.share_of_networks(), info.share_of_trees, info.share_of_random_forests, info.share_of_linear];
    assert!(shares.iter().filter(|share| **share > 0.0).count() > 1, "{}", info.learners());
    let rows = table.take(&[0, 1, 2, 13, 22, 44]).unwrap();
    let exact = explained(&predictor, &rows, &ExplainOptions::default());
    assert_eq!((exact.method, exact.n_evaluations), (Method::Exact, 256));
    assert_eq!(exact.columns.iter().map(|c| c.name.as_str()).collect::<Vec<_>>(), NAMES);
    assert_eq!((&exact.outputs[..], exact.scale), (&["yes".to_owned()][..], Scale::LogOdds));
    let predicted = predictor.predict(&rows).unwrap();
    for (row, p) in predicted.values.chunks(2).enumerate() {
        assert_eq!(exact.predictions[row], log_odds(p, 1), "with all columns it is the prediction");
    }
    let wanted = brute_force(&predictor, &rows, &NAMES, &|p| log_odds(p, 1));
    for (row, wanted) in wanted.iter().enumerate() {
        for (found, wanted) in exact.of_row(row, 0).zip(wanted) {
            assert!((found - wanted).abs() < 1e-12, "{found}, not {wanted}");
        }
    }
    assert!(
        exact.contributions.iter().all(|given| *given != 0.0)
            && exact.standard_errors.iter().all(|e| *e == 0.0)
    );
    assert_sums(&exact);

    // Drawn orders come as near as their standard errors say.
    let options = ExplainOptions { n_evaluations: Some(142), seed: 5, ..ExplainOptions::default() };
    let drawn = explained(&predictor, &rows, &options);
    assert_eq!((drawn.method, drawn.n_evaluations), (Method::Orders { n: 20 }, 142));
    assert_sums(&drawn);
    let errors = drawn.contributions.iter().zip(&exact.contributions).zip(&drawn.standard_errors);
    let z: Vec<f64> = errors.map(|((found, exact), error)| (found - exact).abs() / error.max(1e-9)).collect();
    let within = z.iter().filter(|z| **z < 2.0).count();
    assert!(within * 10 >= z.len() * 8 && z.iter().all(|z| *z < 6.0), "{z:?}");
    let other = explained(&predictor, &rows, &ExplainOptions { seed: 6, ..options.clone() });
    assert_ne!(other.contributions, drawn.contributions);
    assert_eq!(explained(&predictor, &rows, &options).contributions, drawn.contributions);
}

#[test]
fn classes_and_numbers_are_explained_in_their_scales() {
    let table = table();
    let space = space(&table);
    let rows = table.take(&[3, 26]).unwrap();
    let three = fitted(&space, &table, "three");
    let options = ExplainOptions { scale: Some(Scale::Probability), ..ExplainOptions::default() };
    let found = explained(&three, &rows, &options);
    assert_eq!(found.outputs, three.target().classes());
    assert_eq!(found.predictions, three.predict(&rows).unwrap().values);
    for row in 0..2 {
        let sums: Vec<f64> =
            (0..8).map(|c| (0..3).map(|k| found.of_row(row, k).nth(c).unwrap()).sum()).collect();
        assert!(sums.iter().all(|sum: &f64| sum.abs() < 1e-12), "probabilities sum to 1: {sums:?}");
    }
    assert_sums(&found);
    let high = ExplainOptions { class: Some("high".into()), ..options };
    let high = explained(&three, &rows, &high);
    let place = three.target().classes().iter().position(|class| class == "high").unwrap();
    assert_eq!(high.of_row(1, 0).collect::<Vec<_>>(), found.of_row(1, place).collect::<Vec<_>>());

    let number = fitted(&space, &table, "n");
    let found = explained(&number, &rows, &ExplainOptions::default());
    assert_eq!((found.scale, &found.outputs[..]), (Scale::Number, &["n".to_owned()][..]));
    assert_eq!(found.predictions, number.predict(&rows).unwrap().values);
    let wanted = brute_force(&number, &rows, &NAMES, &|values| values[0]);
    let close = |(found, wanted): (f64, &f64)| (found - wanted).abs() < 1e-9;
    assert!((0..2).all(|row| found.of_row(row, 0).zip(&wanted[row]).all(close)));
}

#[test]
fn a_row_has_the_same_bits_alone_in_any_order_and_missing_and_unseen_cells_are_explained() {
    let table = table();
    let predictor = fitted(&space(&table), &table, "y");
    let options = ExplainOptions { n_evaluations: Some(60), ..ExplainOptions::default() };
    let odd: [(&str, ArrayRef); 3] = [
        ("a", Arc::new(Float64Array::from(vec![None, Some(1e30), Some(0.5)]))),
        ("kind", Arc::new(StringArray::from(vec![Some("never seen"), None, Some("k1")]))),
        ("unknown", Arc::new(Float64Array::from(vec![1.0, 2.0, 3.0]))),
    ];
    let odd = Table::from_columns(odd).unwrap();
    for rows in [table.take(&(0..70).collect::<Vec<_>>()).unwrap(), odd] {
        let all = explained(&predictor, &rows, &options);
        assert_sums(&all);
        assert_eq!(
            all.base,
            [log_odds(&predictor.predict_hiding(&rows, &NAMES.map(str::to_owned)).unwrap()[..2], 1)]
        );
        for order in [vec![2, 0, 1], vec![1]] {
            let few = explained(&predictor, &rows.take(&order).unwrap(), &options);
            let wanted: Vec<f64> =
                order.iter().flat_map(|row| all.of_row(*row as usize, 0).collect::<Vec<_>>()).collect();
            assert_eq!(few.contributions, wanted);
        }
    }
}

#[test]
fn a_column_that_nobody_reads_gets_nothing() {
    // Trees alone, which do not read words.
    let n = 1500;
    let number = |purpose| -> Vec<f64> { (0..n).map(|r| unit(r, purpose)).collect() };
    let (a, b) = (number(1), number(2));
    let y = (0..n).map(|r| if (a[r] > 0.37) == (b[r] > 0.61) { "yes" } else { "no" });
    let words = (0..n).map(|r| {
        let word = |i: u64| format!("w{}", (unit(r, 20 + i) * 400.0) as usize);
        (0..9).map(word).collect::<Vec<String>>().join(" ")
    });
    let columns: [(&str, ArrayRef); 4] = [
        ("a", Arc::new(Float64Array::from(a.clone()))),
        ("words", Arc::new(StringArray::from_iter_values(words))),
        ("b", Arc::new(Float64Array::from(b.clone()))),
        ("y", Arc::new(StringArray::from_iter_values(y))),
    ];
    let table = Table::from_columns(columns).unwrap();
    let space = small_space(&table, &["y"], 1, SplitOptions::default());
    let options = PredictorOptions { effort: Effort::Quick, ..PredictorOptions::default() };
    let predictor = Predictor::fit(&space, &table, "y", &options, &mut quiet).unwrap();
    let info = predictor.fit_info();
    let read_no_words = info.share_of_trees + info.share_of_random_forests;
    assert!((read_no_words - 1.0).abs() < 1e-9, "{}", info.learners());
    let found = explained(&predictor, &table, &ExplainOptions::default());
    let of =
        |column: usize| -> Vec<f64> { (0..n).map(|row| found.of_row(row, 0).nth(column).unwrap()).collect() };
    assert!(of(1).iter().all(|given| *given == 0.0));
    assert!(of(0).iter().all(|given| *given != 0.0) && of(2).iter().all(|given| *given != 0.0));
    assert_sums(&found);
    // Where a column says nothing by itself, both share what they say together.
    assert!(found.importance[0].mean_absolute > 1.0 && found.importance[2].mean_absolute > 1.0);
    assert_eq!(found.importance[1].mean_absolute, 0.0);
    let [low, high] = found.importance[0].interval.unwrap();
    assert!(
        low < found.importance[0].mean_absolute
            && found.importance[0].mean_absolute < high
            && high - low < 0.5
    );
    assert_eq!(found.order()[2], 1);
}

#[test]
fn copies_of_rows_do_not_narrow_the_interval_of_importance() {
    let table = table();
    let predictor = fitted(&space(&table), &table, "y");
    let rows: Vec<u32> = (0..30).collect();
    let once = explained(&predictor, &table.take(&rows).unwrap(), &ExplainOptions::default());
    let copied: Vec<u32> = rows.iter().flat_map(|r| [*r; 10]).collect();
    let copied = explained(&predictor, &table.take(&copied).unwrap(), &ExplainOptions::default());
    assert_eq!((once.n_clusters, copied.n_clusters, copied.n_rows()), (30, 30, 300));
    for (a, b) in once.importance.iter().zip(&copied.importance) {
        let ([a_low, a_high], [b_low, b_high]) = (a.interval.unwrap(), b.interval.unwrap());
        assert!((a_low - b_low).abs() < 1e-9 && (a_high - b_high).abs() < 1e-9, "{a:?}, {b:?}");
    }
}

#[test]
fn groups_are_hidden_together_and_what_cannot_be_is_refused() {
    let table = table();
    let predictor = fitted(&space(&table), &table, "y");
    let rows = table.take(&[5, 8]).unwrap();
    let group = |name: &str, columns: &[&str]| ColumnGroup {
        name: name.to_owned(),
        columns: columns.iter().map(|c| (*c).to_owned()).collect(),
    };
    let with = |groups: Vec<ColumnGroup>| ExplainOptions { groups, ..ExplainOptions::default() };
    let two = vec![group("times", &["from", "to"]), group("rest", &["a", "b", "c", "d", "kind", "city"])];
    let found = explained(&predictor, &rows, &with(two));
    assert_eq!(found.columns.iter().map(|c| c.name.as_str()).collect::<Vec<_>>(), ["rest", "times"]);
    let worth = |hidden: &[&str]| -> Vec<f64> {
        let hidden: Vec<String> = hidden.iter().map(|c| (*c).to_owned()).collect();
        predictor.predict_hiding(&rows, &hidden).unwrap().chunks(2).map(|p| log_odds(p, 1)).collect()
    };
    let (all, none) = (worth(&[]), worth(&NAMES));
    let (rest, times) = (worth(&["from", "to"]), worth(&["a", "b", "c", "d", "kind", "city"]));
    for row in 0..2 {
        let wanted = (rest[row] - none[row] + all[row] - times[row]) / 2.0;
        assert!((found.of_row(row, 0).next().unwrap() - wanted).abs() < 1e-12);
    }
    let refused = |options: &ExplainOptions, words: &[&str]| {
        let error = predictor.explain(&rows, options, &mut quiet).unwrap_err().to_string();
        assert!(words.iter().all(|word| error.contains(word)), "{error}");
    };
    refused(&with(vec![group("g", &["a", "absent"])]), &["`absent`", "`city`"]);
    refused(&with(vec![group("g", &[])]), &["`g`", "no columns"]);
    refused(&with(vec![group("g", &["a"]), group("h", &["b", "a"])]), &["`a`", "twice"]);
    refused(&with(vec![group("g", &["a"]), group("g", &["b"])]), &["`g`", "another group"]);
    refused(&with(vec![group("b", &["a"])]), &["`b`", "does not hold"]);
    let class = |class: &str| ExplainOptions { class: Some(class.into()), ..ExplainOptions::default() };
    refused(&class("maybe"), &["`maybe`", "`yes`"]);
    refused(
        &ExplainOptions { scale: Some(Scale::Number), ..Default::default() },
        &["`number`", "`log_odds`"],
    );
    refused(&ExplainOptions { n_evaluations: Some(29), ..Default::default() }, &["29", "at least 30"]);
    let stop = &mut |_: &Event| ControlFlow::Break(());
    let error = predictor.explain(&rows, &ExplainOptions::default(), stop).unwrap_err();
    assert!(error.is_interrupted(), "{error}");
    let empty = table.take(&[]).unwrap();
    let error = predictor.explain(&empty, &ExplainOptions::default(), &mut quiet).unwrap_err();
    assert!(error.to_string().contains("no rows"), "{error}");
    let error = predictor.predict_hiding(&rows, &["absent".to_owned()]).unwrap_err();
    assert!(error.to_string().contains("`absent`"), "{error}");
}

#[test]
fn a_wide_table_is_explained_within_the_budget() {
    let (n, width) = (200, 160);
    let column = |c: usize| -> ArrayRef {
        Arc::new(Float64Array::from_iter_values((0..n).map(|r| unit(r, c as u64))))
    };
    let y: ArrayRef = Arc::new(Float64Array::from_iter_values((0..n).map(|r| unit(r, 0) + 2.0 * unit(r, 7))));
    let columns = (0..width).map(|c| (format!("x{c}"), column(c))).chain([("y".to_owned(), y)]);
    let table = Table::from_columns(columns).unwrap();
    let space = small_space(&table, &["y"], 1, SplitOptions::default());
    let options = PredictorOptions { effort: Effort::Quick, ..PredictorOptions::default() };
    let predictor = Predictor::fit(&space, &table, "y", &options, &mut quiet).unwrap();
    let rows = table.take(&(0..20).collect::<Vec<_>>()).unwrap();
    for budget in [2 + 2 * 2 * (width - 1), 2000] {
        let options = ExplainOptions { n_evaluations: Some(budget), ..ExplainOptions::default() };
        let found = explained(&predictor, &rows, &options);
        assert!(
            found.n_evaluations <= budget && found.n_evaluations > budget - 2 * width,
            "{}",
            found.n_evaluations
        );
        assert_eq!(found.columns[found.order()[0]].name, "x7");
        assert_sums(&found);
    }
}

#[test]
fn what_a_feature_gives_belongs_to_the_columns_that_it_is_made_of() {
    let table = table();
    let first = space(&table.without(&["d".to_owned()]).unwrap());
    let features =
        vec![Feature::formula("ratio", "a / (b + 0.1)", ""), Feature::formula("more", "ratio * d", "")];
    let mut engineer = FeatureEngineer::new(features).unwrap();
    let enriched = engineer.fit_transform(&table).unwrap();
    let options = ExtendOptions {
        training: TrainingOptions::of_epochs(2),
        features: engineer.features().to_vec(),
        ..ExtendOptions::default()
    };
    let enriched = enriched.without(&["d", "y", "three"].map(str::to_owned)).unwrap();
    let child = first.extend(&enriched, None, &options, &mut quiet).unwrap();
    assert!(
        child.columns().iter().any(|c| c.name == "more") && child.columns().iter().all(|c| c.name != "d")
    );
    let predictor = fitted(&child, &table, "y");
    let rows = table.take(&[4, 9]).unwrap();
    let found = explained(&predictor, &rows, &ExplainOptions::default());
    let names: Vec<&str> = found.columns.iter().map(|c| c.name.as_str()).collect();
    assert_eq!(names, ["a", "b", "c", "kind", "city", "from", "to", "d"], "`d` is read by a feature alone");
    let wanted = brute_force(&predictor, &rows, &names, &|p| log_odds(p, 1));
    let close = |(found, wanted): (f64, &f64)| (found - wanted).abs() < 1e-12;
    assert!((0..2).all(|row| found.of_row(row, 0).zip(&wanted[row]).all(close)));
    let shown: f64 = found.cells(7).unwrap()[1].as_deref().unwrap().parse().unwrap();
    assert!((shown - unit(9, 4)).abs() < 1e-9, "{shown}");
    let hide = |columns: &[&str]| {
        predictor.predict_hiding(&rows, &columns.iter().map(|c| (*c).to_owned()).collect::<Vec<_>>()).unwrap()
    };
    assert_eq!(hide(&["a"]), hide(&["a", "ratio", "more"]), "a feature is hidden with what it is made of");
    assert_ne!(hide(&["a"]), hide(&["ratio"]), "and may be hidden alone");
    // The feature in the table or computed from it is one and the same.
    let whole = explained(&predictor, &engineer.transform(&rows).unwrap(), &ExplainOptions::default());
    assert_eq!(whole.contributions, found.contributions);
    let apart = ExplainOptions { features_apart: true, ..ExplainOptions::default() };
    let apart = explained(&predictor, &rows, &apart);
    let names: Vec<&str> = apart.columns.iter().map(|c| c.name.as_str()).collect();
    assert_eq!(names, ["a", "b", "c", "kind", "city", "from", "to", "ratio", "more"]);
    assert_sums(&apart);
}

#[test]
fn a_predictor_that_grew_is_explained_through_the_one_that_it_grew_from() {
    let table = table();
    let early = table.without(&["d", "to"].map(str::to_owned)).unwrap();
    let first = space(&early);
    let old = fitted(&first, &early, "y");
    let options = ExtendOptions { training: TrainingOptions::of_epochs(2), ..ExtendOptions::default() };
    let late = table.without(&["y", "three", "n"].map(str::to_owned)).unwrap();
    let child = first.extend(&late, None, &options, &mut quiet).unwrap();
    let grown = old.extend(&child, &table, None, &GrowOptions::default(), &mut quiet).unwrap().predictor;
    let grown = Predictor::from_bytes(&grown.to_bytes().unwrap()).unwrap();
    assert!(grown.card().growth.is_some());
    let rows = table.take(&[1, 6]).unwrap();
    let found = explained(&grown, &rows, &ExplainOptions::default());
    assert_eq!(found.columns.len(), 8);
    for (row, p) in grown.predict(&rows).unwrap().values.chunks(2).enumerate() {
        assert_eq!(found.predictions[row], log_odds(p, 1));
    }
    let names: Vec<&str> = found.columns.iter().map(|c| c.name.as_str()).collect();
    let wanted = brute_force(&grown, &rows, &names, &|p| log_odds(p, 1));
    let close = |(found, wanted): (f64, &f64)| (found - wanted).abs() < 1e-12;
    assert!((0..2).all(|row| found.of_row(row, 0).zip(&wanted[row]).all(close)));
    assert_sums(&found);
    let given = |name: &str| found.of_row(0, 0).nth(names.iter().position(|n| *n == name).unwrap()).unwrap();
    assert!(given("a") != 0.0 && given("from") != 0.0);
}
