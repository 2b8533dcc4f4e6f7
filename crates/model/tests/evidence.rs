//! Promises about rows as evidence: copies of a row are one row, and a class that nothing was learned
//! from is wrong, counted and told.

#![allow(clippy::unwrap_used)]

mod fixtures;

use std::ops::ControlFlow;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, StringArray};
use tabgraft_feature::Feature;
use tabgraft_model::discover::judge::corrected::benjamini_hochberg;
use tabgraft_model::discover::remember::history::Guide;
use tabgraft_model::metric::{Metric, Score};
use tabgraft_model::train::Event;
use tabgraft_model::{
    CompareOptions, DiscoverOptions, EmbeddingSpace, FitOptions, Predictor, PredictorOptions,
    RankColumnsOptions, SpaceConfig, discover,
};
use tabgraft_table::Table;
use tabgraft_table::split::{Part, SplitKey, SplitOptions};

use fixtures::{quiet, small_space};

fn chance(row: usize, salt: u64) -> f64 {
    let mut x =
        (row as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ salt.wrapping_mul(0xd134_2543_de82_ef95);
    x = (x ^ (x >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 32)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((x ^ (x >> 29)) >> 11) as f64 / (1u64 << 53) as f64
}

fn texts(n_rows: usize, f: impl Fn(usize) -> String) -> ArrayRef {
    Arc::new(StringArray::from_iter_values((0..n_rows).map(f)))
}

fn numbers(n_rows: usize, f: impl Fn(usize) -> f64) -> ArrayRef {
    Arc::new(Float64Array::from_iter_values((0..n_rows).map(f)))
}

/// Two numbers, a category and a target by name.
fn table(n_rows: usize, target: impl Fn(usize) -> String) -> Table {
    Table::from_columns([
        ("x", numbers(n_rows, |r| chance(r, 1))),
        ("w", numbers(n_rows, |r| chance(r, 2))),
        ("c", texts(n_rows, |r| ["a", "b", "c"][(chance(r, 3) * 3.0) as usize].into())),
        ("y", texts(n_rows, target)),
    ])
    .unwrap()
}

/// Each row `n` times, in an order that puts copies apart.
fn copied(table: &Table, n: u32) -> Table {
    let rows = table.n_rows() as u32;
    table.take(&(0..rows * n).map(|i| i % rows).collect::<Vec<_>>()).unwrap()
}

fn space_of(table: &Table, split: SplitOptions) -> EmbeddingSpace {
    small_space(table, &["y", "g"], 2, split)
}

fn space(table: &Table) -> EmbeddingSpace {
    space_of(table, SplitOptions::default())
}

fn quick() -> PredictorOptions {
    PredictorOptions { n_epochs: 12, n_networks: Some(2), d_hidden: 16, ..PredictorOptions::default() }
}

fn linear(seed: u64) -> DiscoverOptions {
    DiscoverOptions { guide: Guide::Linear, budget_s: 600.0, seed, ..DiscoverOptions::default() }
}

fn of(scores: &[Score], metric: Metric) -> Score {
    *scores.iter().find(|s| s.metric == metric).unwrap()
}

/// Half the rows `no`, half `yes`, but for the test rows among the first `n`, which have classes of their own.
fn with_classes_of_test_rows(n_rows: usize, n: usize) -> (Table, EmbeddingSpace, usize) {
    let plain = table(n_rows, |r| if chance(r, 1) + chance(r, 7) > 1.0 { "yes" } else { "no" }.into());
    let space = space(&plain);
    let parts = space.split().assign(&plain).unwrap();
    let rare = |r: usize| parts[r] == Part::Test && r < n;
    let y = texts(n_rows, |r| match (rare(r), chance(r, 1) + chance(r, 7) > 1.0) {
        (true, _) => format!("rare {r}"),
        (_, true) => "yes".into(),
        _ => "no".into(),
    });
    let n_rare = (0..n_rows).filter(|r| rare(*r)).count();
    (plain.with_column("y", y).unwrap(), space, n_rare)
}

#[test]
fn a_class_that_only_test_rows_have_is_wrong_counted_and_told() {
    let (table, space, n_rare) = with_classes_of_test_rows(400, 60);
    assert!(n_rare > 3);
    let mut warnings = Vec::new();
    let mut listen = |event: &Event| {
        if let Event::Warning { text } = event {
            warnings.push(text.clone());
        }
        ControlFlow::Continue(())
    };
    let fitted = Predictor::fit(&space, &table, "y", &quick(), &mut listen).unwrap();
    assert_eq!(fitted.target().classes(), ["no", "yes"]);
    assert_eq!(fitted.fit_info().n_rows_unseen, n_rare);
    let told = format!("{n_rare} row(s) have a class of `y` that no row to learn from has: `rare ");
    assert!(warnings.iter().any(|w| w.contains(&told)), "{warnings:?}");
    let scores = &fitted.fit_info().scores;
    assert!(scores.iter().all(|s| s.n_unseen == n_rare && s.n == fitted.fit_info().n_rows_test));
    let seen: Vec<u32> = {
        let parts = space.split().assign(&table).unwrap();
        let y = table.column("y").unwrap();
        let y = y.as_any().downcast_ref::<StringArray>().unwrap();
        (0..400u32).filter(|r| parts[*r as usize] == Part::Test && y.value(*r as usize).len() < 4).collect()
    };
    let of_seen = fitted.evaluate(&table.take(&seen).unwrap()).unwrap();
    let right = of(&of_seen, Metric::Accuracy).value * seen.len() as f64;
    let accuracy = right / (seen.len() + n_rare) as f64;
    assert!((of(scores, Metric::Accuracy).value - accuracy).abs() < 1e-12, "unseen rows are wrong");
    assert!(of(scores, Metric::LogLoss).value > of(&of_seen, Metric::LogLoss).value + 1.0);
}

/// With so many rare classes, nearly every split has some on one side only.
#[test]
fn thirty_classes_of_one_row_each_end_no_fit_no_comparison_and_no_search() {
    let table = table(600, |r| match r {
        0..30 => format!("rare {r}"),
        _ => ["no", "yes", "perhaps"][(chance(r, 1) * 2.9) as usize].into(),
    });
    let first = space(&table);
    let fitted = Predictor::fit(&first, &table, "y", &quick(), &mut quiet).unwrap();
    let info = fitted.fit_info();
    assert!(info.n_rows_unseen > 0 && fitted.target().classes().len() == 33 - info.n_rows_unseen);
    for cross_fit in [false, true] {
        let options = CompareOptions { predictor: quick(), cross_fit };
        let found = first.compare(&space(&table), &table, "y", &options, &mut quiet).unwrap();
        assert_eq!(found.n_rows, if cross_fit { 600 } else { info.n_rows_test });
        let accuracy = of(&found.a.scores, Metric::Accuracy);
        // The rare classes of the judged rows are unseen, each by the fold that judges it.
        assert_eq!(accuracy.n_unseen, if cross_fit { 30 } else { info.n_rows_unseen });
        let most = 1.0 - accuracy.n_unseen as f64 / accuracy.n as f64;
        assert!(accuracy.value > 0.4 && accuracy.value <= most + 1e-12, "{accuracy:?}");
    }
    for guide in [Guide::Linear, Guide::Predictor] {
        let options = DiscoverOptions { guide, predictor: quick(), ..linear(0) };
        let features = [Feature::formula("double", "x * 2", "")];
        let mut told = 0;
        let mut listen = |event: &Event| {
            told += usize::from(matches!(event, Event::Warning { text } if text.contains("judge none")));
            ControlFlow::Continue(())
        };
        let found = discover::judge(&first, &table, "y", &features, &options, &mut listen).unwrap();
        let [n_discovery, n_judging] = [found.run.n_discovery_rows, found.run.n_judging_rows];
        assert!(n_discovery + n_judging < 600 - info.n_rows_test && told == 1, "{n_discovery} {n_judging}");
    }
}

/// A target of pure chance: whoever sees a copy of a held-out row knows it, everybody else does not.
#[test]
fn no_network_stops_or_is_calibrated_on_a_copy_of_what_it_learned() {
    let table = copied(&table(100, |r| if chance(r, 9) > 0.5 { "up" } else { "down" }.into()), 10);
    let options = PredictorOptions { hold_out_test: false, n_epochs: 60, n_networks: Some(5), ..quick() };
    let (fitted, held_out) =
        Predictor::fit_with_held_out(&space(&table), &table, "y", &options, &mut quiet).unwrap();
    let p: Vec<f64> = held_out.values.iter().skip(1).step_by(2).copied().collect();
    let y: Vec<bool> = held_out.targets.iter().map(|t| *t == 1.0).collect();
    let auc = tabgraft_model::metric::roc_auc(&y, &p).unwrap();
    assert!(auc < 0.7, "held-out predictions of chance have a ROC AUC of {auc}");
    assert_eq!((fitted.fit_info().n_rows, fitted.fit_info().n_copies), (1000, 900));
    let log_loss =
        -p.iter().zip(&y).map(|(p, y)| if *y { p.ln() } else { (1.0 - p).ln() }).sum::<f64>() / 1000.0;
    assert!(log_loss < 0.75, "probabilities of chance are near a half, their log-loss near .693: {log_loss}");
}

#[test]
fn rows_of_a_group_or_of_a_time_stay_together_inside_a_fit_too() {
    // The target is a property of the group alone, by chance; `x` tells the groups apart.
    let n = 600;
    let group = |r: usize| r / 10;
    let table = Table::from_columns([
        ("x", numbers(n, |r| chance(group(r), 1) + 1e-4 * chance(r, 5))),
        ("w", numbers(n, |r| chance(r, 2))),
        ("g", numbers(n, |r| group(r) as f64)),
        ("y", texts(n, |r| if chance(group(r), 9) > 0.5 { "up" } else { "down" }.into())),
    ])
    .unwrap();
    for by in [SplitKey::Group { column: "g".into() }, SplitKey::Time { column: "g".into() }] {
        let space = space_of(&table, SplitOptions { by: by.clone(), ..SplitOptions::default() });
        let options = PredictorOptions { n_epochs: 60, n_networks: Some(5), ..quick() };
        let (_, held_out) = Predictor::fit_with_held_out(&space, &table, "y", &options, &mut quiet).unwrap();
        let p: Vec<f64> = held_out.values.iter().skip(1).step_by(2).copied().collect();
        let y: Vec<bool> = held_out.targets.iter().map(|t| *t == 1.0).collect();
        let auc = tabgraft_model::metric::roc_auc(&y, &p).unwrap();
        assert!(auc < 0.75, "{by:?}: held-out predictions of chance have a ROC AUC of {auc}");
    }
}

/// Copies that are no copies by the hash of their cells: the split puts them apart.
#[test]
fn rows_that_differ_by_rounding_or_case_alone_are_told() {
    let notes_of = |table: &Table| {
        let mut told = Vec::new();
        let options =
            FitOptions { config: SpaceConfig { d_model: 8, ..Default::default() }, ..Default::default() };
        let mut config = options.config.clone();
        config.training.n_epochs = Some(1);
        EmbeddingSpace::fit(table, None, &FitOptions { config, ..options }, &mut |event| {
            if let Event::Warning { text } = event {
                told.push(text.clone());
            }
            ControlFlow::Continue(())
        })
        .unwrap();
        told.into_iter().filter(|text| text.contains("last digits")).collect::<Vec<_>>()
    };
    let plain = table(100, |r| (chance(r, 4) > 0.5).to_string());
    let ten = copied(&plain, 10);
    assert!(notes_of(&plain).is_empty() && notes_of(&ten).is_empty(), "copies are told of otherwise");
    let noisy =
        ten.with_column("x", numbers(1000, |r| chance(r % 100, 1) * (1.0 + 1e-9 * chance(r, 9)))).unwrap();
    let told = notes_of(&noisy);
    assert!(told.len() == 1 && told[0].starts_with("900 of 1000 rows differ"), "{told:?}");
    let spelled = texts(1000, |r| {
        let name = ["a", "b", "c"][(chance(r % 100, 3) * 3.0) as usize];
        if chance(r, 8) > 0.5 { name.to_uppercase() } else { format!(" {name}") }
    });
    let told = notes_of(&ten.with_column("c", spelled).unwrap());
    assert!(told.len() == 1 && told[0].contains("upper case or blanks"), "{told:?}");
}

#[test]
fn a_table_scored_with_copies_is_as_sure_as_without() {
    let once = table(300, |r| if chance(r, 1) + chance(r, 7) > 1.0 { "yes" } else { "no" }.into());
    let fitted = Predictor::fit(&space(&once), &once, "y", &quick(), &mut quiet).unwrap();
    let other =
        Predictor::fit(&space(&once), &once, "y", &PredictorOptions { n_epochs: 2, ..quick() }, &mut quiet)
            .unwrap();
    let many = copied(&once, 7);
    let (rows, copies) = (fitted.evaluate(&once).unwrap(), fitted.evaluate(&many).unwrap());
    for (row, copy) in rows.iter().zip(&copies) {
        assert_eq!((row.n, row.n_copies, copy.n, copy.n_copies), (300, 0, 2100, 1800));
        let near = |a: f64, b: f64| (a - b).abs() < 0.002;
        assert!(near(row.low, copy.low) && near(row.high, copy.high), "{row:?} {copy:?}");
    }
    let (rows, copies) = (fitted.compare(&other, &once).unwrap(), fitted.compare(&other, &many).unwrap());
    assert!((rows.low - copies.low).abs() < 1e-9 && (rows.p_value - copies.p_value).abs() < 1e-9);
    assert_eq!((rows.n_copies, copies.n_copies), (0, 1800));
}

/// 60 targets by chance, each with one feature to judge: at a level of .05 about 3 are taken for proven, and
/// with copies no more. (Copies on both sides would make it most of them.)
#[test]
fn copies_prove_no_feature() {
    let plain = table(150, |_| "?".into());
    let space = space(&copied(&plain, 10));
    let feature = [Feature::formula("which", "x * w", "")];
    let mut p_values = Vec::new();
    for seed in 0..60 {
        let y = texts(150, |r| if chance(r, 100 + seed) > 0.5 { "up" } else { "down" }.into());
        let table = copied(&plain.with_column("y", y).unwrap(), 10);
        let found = discover::judge(&space, &table, "y", &feature, &linear(seed), &mut quiet).unwrap();
        p_values.push(found.run.suggestions[0].judgement.unwrap().p_value);
    }
    assert_eq!(benjamini_hochberg(&p_values).iter().filter(|p| **p <= 0.05).count(), 0, "{p_values:?}");
    let n = p_values.iter().filter(|p| **p <= 0.05).count();
    assert!(n <= 8, "{n} of 60 features of chance have a p-value below .05: {p_values:?}");
}

#[test]
fn a_search_does_not_depend_on_the_order_of_the_table() {
    let label = |r: usize| if chance(r, 1) > chance(r, 7) { "yes" } else { "no" };
    let table = table(500, |r| label(r).into());
    let mut sorted: Vec<u32> = (0..500).collect();
    sorted.sort_by_key(|r| label(*r as usize));
    let space = space(&table);
    let run = |table: &Table| discover(&space, table, "y", &linear(3), &mut quiet).unwrap().run;
    assert_eq!(run(&table).suggestions, run(&table.take(&sorted).unwrap()).suggestions);
}

#[test]
fn columns_are_ranked_on_the_same_sample_whatever_the_order_of_the_table() {
    let label = |r: usize| if chance(r, 1) + chance(r, 7) > 1.0 { "yes" } else { "no" };
    let table = table(800, |r| label(r).into());
    let mut sorted: Vec<u32> = (0..800).collect();
    sorted.sort_by_key(|r| label(*r as usize));
    let space = space(&table);
    let options = RankColumnsOptions { max_rows: 60, seed: 5 };
    let rank = |table: &Table| space.rank_columns(table, Some("y"), &options, &mut quiet).unwrap();
    assert_eq!(rank(&table.take(&sorted).unwrap()), rank(&table));
}

#[test]
fn a_large_table_sorted_by_class_or_time_is_searched_in_all_its_rows() {
    // `x` rises with the row, and so does the class: the first rows of any part would be of one class.
    let n = 80_000;
    let table = Table::from_columns([
        ("x", numbers(n, |r| r as f64 / n as f64)),
        ("w", numbers(n, |r| chance(r, 2))),
        ("y", texts(n, |r| if r < n / 2 { "early" } else { "late" }.into())),
    ])
    .unwrap();
    let sample: Vec<u32> = (0..n as u32).step_by(200).collect();
    let space = space(&table.take(&sample).unwrap());
    let features = [Feature::formula("is_high", "w > 0.5", "")];
    let found = discover::judge(&space, &table, "y", &features, &linear(0), &mut quiet).unwrap();
    assert_eq!((found.run.n_discovery_rows, found.run.n_judging_rows), (20_000, 20_000));
    assert!(found.run.baseline > 0.99, "{}", found.run.baseline);
}
