//! Promises of the page of a model: it is whole and says what is known, any name is text, its size is bounded.

#![expect(clippy::unwrap_used, reason = "a test ends where its helpers fail")]

mod fixtures;
#[path = "fixtures/well_formed.rs"]
mod well_formed;

use std::fs;
use std::ops::ControlFlow;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use arrow::array::{ArrayRef, Float64Array, StringArray};
use serde_json::Value;
use tabgraft_model::extend::Keep;
use tabgraft_model::metric::Verdict;
use tabgraft_model::report::{Relation, Report, ReportKind, ReportOptions, Values, WorthBy};
use tabgraft_model::space::Mode;
use tabgraft_model::{
    EmbeddingSpace, ExtendOptions, ModelFile, Predictor, PredictorOptions, Registry, TrainingOptions,
};
use tabgraft_table::Table;
use tabgraft_table::split::SplitOptions;

use fixtures::{quiet, small_space};
use well_formed::check_well_formed;

/// Names that would like to be more than text.
const HOSTILE: [&str; 5] = [
    "<script>alert(1)</script>",
    "\"' onload='alert(1)' x=\"",
    "</style></svg></table><img src=x onerror=alert(1)>",
    "\u{202e}\u{5d0}\u{5d1} right to left\u{0007}\u{2028}",
    "`{{ name }}` &amp; \u{1b}[31m",
];

fn number(n: usize, of: impl Fn(usize) -> f64) -> ArrayRef {
    Arc::new(Float64Array::from_iter_values((0..n).map(of)))
}

fn unit(i: usize, salt: usize) -> f64 {
    let mut x = (i as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)
        ^ (salt as u64).wrapping_mul(0xd134_2543_de82_ef95);
    x = (x ^ (x >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    ((x ^ (x >> 32)) >> 11) as f64 / (1u64 << 53) as f64
}

fn words(n: usize, of: impl Fn(usize) -> String) -> ArrayRef {
    Arc::new(StringArray::from_iter_values((0..n).map(of)))
}

/// Columns called `names`, of which the first and the last tell of `y`; `y` itself has the classes `no` and `yes`.
fn table(n: usize, names: [&str; 4], y: &str, [no, yes]: [&str; 2]) -> Table {
    let is_yes = |i: usize| unit(i, 1) + 0.7 * unit(i, 4) > 0.9;
    Table::from_columns([
        (names[0].to_owned(), number(n, |i| unit(i, 1))),
        (names[1].to_owned(), number(n, |i| unit(i, 2))),
        (names[2].to_owned(), words(n, |i| format!("{no}{}", i % 3))),
        (names[3].to_owned(), number(n, |i| unit(i, 4))),
        ("same".to_owned(), words(n, |_| "one".to_owned())),
        (y.to_owned(), words(n, |i| if is_yes(i) { yes } else { no }.to_owned())),
    ])
    .unwrap()
}

fn split() -> SplitOptions {
    SplitOptions { p_valid: 0.2, p_test: 0.3, ..SplitOptions::default() }
}

fn quick() -> PredictorOptions {
    PredictorOptions { n_epochs: 3, n_networks: Some(2), d_hidden: 8, ..PredictorOptions::default() }
}

/// A space without the last column, its graft, and a predictor on each.
struct Family {
    table: Table,
    spaces: [EmbeddingSpace; 2],
    predictors: [Predictor; 2],
}

fn family_of(names: [&str; 4], y: &str, classes: [&str; 2]) -> Family {
    let table = table(900, names, y, classes);
    let early = table.without(&[names[3].to_owned()]).unwrap();
    let first = small_space(&early, &[y], 4, split());
    let options = ExtendOptions {
        mode: Mode::Frozen,
        name: Some(names[0].to_owned()),
        training: TrainingOptions::of_epochs(3),
        keep: Keep::of(true, Some(y.to_owned()), false, 0).unwrap(),
        ..ExtendOptions::default()
    };
    let second = first.extend(&table, None, &options, &mut quiet).unwrap();
    let on = |space: &EmbeddingSpace| Predictor::fit(space, &table, y, &quick(), &mut quiet).unwrap();
    let predictors = [on(&first), on(&second)];
    Family { table, spaces: [first, second], predictors }
}

fn family() -> &'static Family {
    static FAMILY: OnceLock<Family> = OnceLock::new();
    FAMILY.get_or_init(|| family_of(["v2", "b", "c", "late"], "y", ["no", "yes"]))
}

fn of(model: &ModelFile, table: Option<&Table>) -> Report {
    Report::of_model(model, table, &ReportOptions::default(), &mut quiet).unwrap()
}

fn space(space: &EmbeddingSpace) -> ModelFile {
    ModelFile::Space(Box::new(space.clone()))
}

fn predictor(predictor: &Predictor) -> ModelFile {
    ModelFile::Predictor(Box::new(predictor.clone()))
}

/// Sound, asks for nothing from outside, and the same each time.
fn check(report: &Report) -> String {
    let html = report.html();
    assert_eq!(check_well_formed(&html), Ok(()), "{}", report.title);
    let own = html.replace("xmlns=\"http://www.w3.org/2000/svg\"", "").replace("href=\"data:,\"", "");
    for outside in ["http:", "https:", "src=\"", "url(", "@import"] {
        assert!(!own.contains(outside), "{}: {outside}", report.title);
    }
    for place in own.match_indices("href=\"") {
        assert!(own[place.0 + 6..].starts_with('#'), "a link leads away");
    }
    let ids: Vec<&str> = own.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    for link in own.split("href=\"#").skip(1).filter_map(|rest| rest.split('"').next()) {
        assert!(ids.contains(&link), "{}: nothing is called {link}", report.title);
    }
    assert!(!html.contains("NaN") && !html.contains(">inf"), "a number is none");
    assert!(html.len() < 1_000_000, "{} bytes", html.len());
    assert_eq!(html, report.html());
    let json: Value = serde_json::from_str(&report.json().unwrap()).unwrap();
    assert_eq!(json["format_version"], 1);
    html
}

#[test]
fn a_space_without_and_with_a_table() {
    let family = family();
    let bare = of(&space(&family.spaces[1]), None);
    let html = check(&bare);
    assert_eq!((bare.kind, bare.has_problems, bare.models.len()), (ReportKind::EmbeddingSpace, false, 1));
    for said in ["It verifies", "1 more column (late)", "every bit", "Left out", " in all ", "3 epochs"] {
        assert!(html.contains(said), "{said}");
    }
    assert!(!html.contains("Map of the rows") && bare.models[0].worth.is_none());
    let told = of(&space(&family.spaces[1]), Some(&family.table));
    let html = check(&told);
    let model = &told.models[0];
    let worth = model.worth.as_ref().unwrap();
    assert_eq!((worth.by, worth.columns.len()), (WorthBy::LossOfOthers, 4));
    let map = model.map.as_ref().unwrap();
    // The ignored target has few values and tells most.
    assert_eq!((map.coloured_by.as_str(), map.points.len()), ("y", 900));
    assert!(html.contains("all 900 rows were looked at") && html.contains("coloured by y"));
    assert_eq!(told.table.unwrap().unused.len(), 2);
    let step = &model.steps[0];
    assert_eq!(
        (step.operation, step.mode, step.id.as_str()),
        ("graft", "frozen", family.spaces[1].id().as_str())
    );
    assert!(step.judgement.is_some() && html.contains("Judged by y"));
}

/// Every kind of column, with cells that are missing: what is told of them follows from the table.
#[test]
fn values_lie_as_they_do_in_the_table() {
    let n = 600;
    let missing = |i: usize| i.is_multiple_of(10);
    let group = |i: usize| (unit(i, 3) * 4.0) as usize;
    let some = |of: &dyn Fn(usize) -> String| -> ArrayRef {
        Arc::new(StringArray::from_iter((0..n).map(|i| (!missing(i)).then(|| of(i)))))
    };
    let numbers: ArrayRef =
        Arc::new(Float64Array::from_iter((0..n).map(|i| (!missing(i)).then(|| unit(i, 2) * 50.0 - 10.0))));
    let table = Table::from_columns([
        ("number".to_owned(), numbers),
        ("group".to_owned(), some(&|i| format!("g{}", group(i)))),
        ("twin".to_owned(), some(&|i| format!("twin of {}", group(i)))),
        ("day".to_owned(), some(&|i| format!("2024-{:02}-{:02}", 1 + i % 12, 1 + i % 28))),
        ("truth".to_owned(), some(&|i| if unit(i, 5) > 0.3 { "yes" } else { "no" }.to_owned())),
        (
            "note".to_owned(),
            some(&|i| format!("the {i}th note of some words that nobody else wrote {}", i * 7)),
        ),
    ])
    .unwrap();
    let model = small_space(&table, &[], 2, split());
    let report = of(&space(&model), Some(&table));
    let found = report.models[0].distributions.as_ref().unwrap();
    assert_eq!(found.n_rows, n);
    let of = |name: &str| found.columns.iter().find(|c| c.column == name).unwrap();
    assert!(found.columns.iter().all(|column| column.n_missing == n / 10), "{found:?}");
    let Values::Numbers { low, median, high, counts } = &of("number").values else { panic!("no numbers") };
    let mut sorted: Vec<f64> = (0..n).filter(|i| !missing(*i)).map(|i| unit(i, 2) * 50.0 - 10.0).collect();
    sorted.sort_by(f64::total_cmp);
    assert_eq!((*low, *median, *high), (sorted[0], sorted[(n - n / 10 - 1) / 2], sorted[n - n / 10 - 1]));
    assert_eq!(counts.iter().sum::<usize>(), n - n / 10);
    let Values::Levels { n_levels, most } = &of("group").values else { panic!("no levels") };
    let count = |g: usize| (0..n).filter(|i| !missing(*i) && group(*i) == g).count();
    assert_eq!(*n_levels, 4);
    assert!(most.iter().all(|(level, rows)| *rows == count(level[1..].parse().unwrap())), "{most:?}");
    assert!(most.windows(2).all(|pair| pair[0].1 >= pair[1].1));
    let Values::Times { low, high, .. } = &of("day").values else { panic!("no times") };
    assert_eq!((low.as_str(), high.as_str()), ("2024-01-01", "2024-12-28"));
    assert_eq!(of("note").values, Values::Texts { n_distinct: n - n / 10 });
    // The twins tell each other; whatever else is named rests on chance and is weak.
    let first = &found.associations[0];
    assert_eq!(first.columns, ["group", "twin"]);
    assert!((first.value - 1.0).abs() < 1e-9 && first.n == n - n / 10);
    assert!(found.associations[1..].iter().all(|pair| pair.value < 0.9), "{:?}", found.associations);
    let html = check(&report);
    assert!(
        html.contains("How values lie") && html.contains("class=\"bars\"") && !html.contains("th note of")
    );
}

#[test]
fn a_predictor_is_scored_on_rows_that_it_has_not_learned_from() {
    let family = family();
    let bare = of(&predictor(&family.predictors[0]), None);
    let html = check(&bare);
    assert!(html.contains("Scores that the file remembers") && html.contains("give a table with the target"));
    let told = of(&predictor(&family.predictors[0]), Some(&family.table));
    let html = check(&told);
    let found = told.models[0].evaluation.as_ref().unwrap();
    let fair = Predictor::fair_rows(&[&family.predictors[0]], &family.table).unwrap();
    assert_eq!(found.n_rows, fair.table.n_rows());
    assert!(found.n_rows < 600, "all rows were scored");
    assert_eq!(found.scores, family.predictors[0].evaluate(&fair.table).unwrap());
    assert_eq!(found.reliability, family.predictors[0].reliability(&fair.table).unwrap());
    let confusion = found.confusion.as_ref().unwrap();
    let n: usize = confusion.counts.iter().flatten().sum();
    assert_eq!((n, confusion.n_unseen), (found.n_rows, 0));
    // Accuracy is what stands on the diagonal.
    let accuracy = found.scores.iter().find(|s| s.metric.name() == "accuracy").unwrap().value;
    let right = confusion.counts[0][0] + confusion.counts[1][1];
    assert!((right as f64 / n as f64 - accuracy).abs() < 1e-12);
    let curve = found.thresholds.as_ref().unwrap();
    let own = curve.points.iter().find(|p| (p.threshold - curve.chosen).abs() < 1e-12).unwrap();
    let f1 = found.scores.iter().find(|s| s.metric.name() == "f1").unwrap().value;
    assert!((own.f1 - f1).abs() < 1e-12, "{} and {f1}", own.f1);
    assert!(curve.points.windows(2).all(|p| p[0].threshold < p[1].threshold && p[0].recall >= p[1].recall));
    // What tells of the target is worth most.
    assert_eq!(told.models[0].worth.as_ref().unwrap().columns[0].column, "v2");
    for said in ["Calibration", "Thresholds", "Which class for which", "It rests most on v2", "ROC AUC"] {
        assert!(html.contains(said), "{said}");
    }
    let without = family.table.without(&["y".to_owned()]).unwrap();
    let told = of(&predictor(&family.predictors[0]), Some(&without));
    assert!(told.models[0].evaluation.is_none() && told.models[0].worth.is_some());
    assert!(check(&told).contains("it has no column y"));
}

#[test]
fn a_pair_tells_what_came_and_whether_it_is_better() {
    let Family { table, spaces: [a, b], predictors: [p, q] } = family();
    let options = ReportOptions { target: Some("y".to_owned()), ..ReportOptions::default() };
    let usual = ReportOptions::default();
    let of = |a: &ModelFile, b: &ModelFile, table: Option<&Table>, options: &ReportOptions| {
        Report::of_pair(a, b, table, options, &mut quiet).unwrap()
    };
    let bare = of(&space(a), &space(b), None, &usual);
    let pair = bare.pair.as_ref().unwrap();
    assert_eq!((pair.relation, pair.keeps_vectors), (Relation::Descendant, true));
    assert_eq!((&pair.columns_added, pair.columns_removed.len()), (&vec!["late".to_owned()], 0));
    assert!(pair.comparison.is_none());
    let html = check(&bare);
    assert!(
        html.contains("give a table and the column") && html.contains("every old coordinate keeps its bits")
    );
    // The graft was judged when it was made: the verdict is the first that is read.
    assert!(bare.headline[0].contains("at predicting y"), "{:?}", bare.headline);
    let judged = of(&space(a), &space(b), Some(table), &options);
    let html = check(&judged);
    let found = judged.pair.as_ref().unwrap().comparison.as_ref().unwrap();
    assert!(found.spaces.is_some() && html.contains("ten nearest neighbours"));
    let judged = of(&predictor(p), &predictor(q), Some(table), &usual);
    let found = judged.pair.as_ref().unwrap().comparison.as_ref().unwrap();
    let fair = Predictor::fair_rows(&[p, q], table).unwrap();
    assert_eq!(found.difference, p.compare(q, &fair.table).unwrap());
    assert_eq!(
        found.difference.verdict,
        Verdict::Better,
        "the late column tells of y: {:?}",
        found.difference
    );
    let html = check(&judged);
    assert!(html.contains("class=\"headline better\"") && html.contains("is better than"));
    let back = of(&predictor(q), &predictor(p), Some(table), &usual);
    assert_eq!(back.pair.as_ref().unwrap().relation, Relation::Ancestor);
    assert!(check(&back).contains("class=\"headline worse\""));
    let error = Report::of_pair(&space(a), &predictor(q), None, &options, &mut quiet).unwrap_err();
    assert!(error.is_schema() && error.hint().is_some(), "{error}");
}

#[test]
fn a_folder_and_a_registry_show_who_comes_from_whom() {
    let folder = tempfile::tempdir().unwrap();
    let Family { spaces: [a, b], predictors: [p, _], .. } = family();
    a.save(&folder.path().join("first.tabgraft")).unwrap();
    b.save(&folder.path().join("second.tabgraft")).unwrap();
    p.save(&folder.path().join("p.tabgraft")).unwrap();
    let report = Report::of_folder(folder.path()).unwrap();
    let html = check(&report);
    assert!(
        report.headline.iter().any(|said| said.contains("2 spaces and 1 predictor")),
        "{:?}",
        report.headline
    );
    assert!(
        report.headline.iter().any(|said| said.contains("3 files and 2 links verify")),
        "{:?}",
        report.headline
    );
    assert!(html.contains("graft (frozen) from") && html.contains("+ late"));
    // A byte that was changed is named, first of all.
    let path = folder.path().join("first.tabgraft");
    let mut bytes = fs::read(&path).unwrap();
    let last = bytes.len() - 3;
    bytes[last] ^= 1;
    fs::write(&path, bytes).unwrap();
    let report = Report::of_folder(folder.path()).unwrap();
    assert!(report.has_problems && check(&report).contains("What does not verify"));
    let place = tempfile::tempdir().unwrap();
    let registry = Registry::create(place.path()).unwrap();
    let file = |space: &EmbeddingSpace, name: &str| {
        let path = folder.path().join(name);
        space.save(&path).unwrap();
        registry.add(&path, "").unwrap()
    };
    file(a, "first.tabgraft");
    let added = file(b, "second.tabgraft");
    registry.promote(added.version.id.as_str(), "the <second> one").unwrap();
    let report = Report::of_folder(place.path()).unwrap();
    let html = check(&report);
    assert_eq!(report.family.as_ref().unwrap().current, Some(b.id()));
    assert!(html.contains("v2 (current)") && html.contains("the &lt;second&gt; one"));
    assert!(Report::of_folder(tempfile::tempdir().unwrap().path()).unwrap_err().is_value());
    assert!(Report::of_folder(&place.path().join("absent")).unwrap_err().is_io());
}

#[test]
fn names_are_text_whatever_they_hold() {
    let [a, b, c, d, e] = HOSTILE;
    let Family { table, spaces: [first, second], predictors: [p, q] } = family_of([a, b, c, d], e, [b, a]);
    let options = ReportOptions { colour_by: Some(c.to_owned()), ..ReportOptions::default() };
    let reports = [
        Report::of_space(&second, Some(&table), &options, &mut quiet).unwrap(),
        of(&predictor(&p), Some(&table)),
        Report::of_pair(&space(&first), &space(&second), None, &options, &mut quiet).unwrap(),
        Report::of_pair(&predictor(&p), &predictor(&q), Some(&table), &options, &mut quiet).unwrap(),
    ];
    for report in &reports {
        let html = check(report);
        for bad in
            ["<script>alert", "<img", "onload='", "onload=\"", "\u{202e}", "\u{7}", "\u{1b}", "\u{2028}"]
        {
            assert!(!html.contains(bad), "{}: {bad:?}", report.title);
        }
        assert!(html.contains("&lt;script&gt;alert(1)&lt;/script&gt;"), "{}", report.title);
        assert_eq!(html.matches("<script>").count(), 1, "there is one script, ours");
    }
}

#[test]
fn what_cannot_be_shown_is_said_and_what_makes_no_sense_is_refused() {
    let family = family();
    let model = space(&family.spaces[0]);
    let with = |options: ReportOptions| Report::of_model(&model, Some(&family.table), &options, &mut quiet);
    let error = with(ReportOptions { max_rows: 9, ..Default::default() }).unwrap_err();
    assert!(error.is_option() && error.to_string().contains("10 or more"), "{error}");
    let error = with(ReportOptions { colour_by: Some("lat".to_owned()), ..Default::default() }).unwrap_err();
    assert!(error.is_schema(), "{error}");
    let foreign = Table::from_columns([("other", number(20, |i| i as f64))]).unwrap();
    let error = Report::of_model(&model, Some(&foreign), &ReportOptions::default(), &mut quiet).unwrap_err();
    assert!(error.is_schema(), "{error}");
    // Too few rows to measure on: the page stands, and says what is not on it.
    let few = family.table.slice(0, 12);
    let report = of(&predictor(&family.predictors[0]), Some(&few));
    check(&report);
    let mut stopped = |_: &tabgraft_model::train::Event| ControlFlow::Break(());
    let error = Report::of_model(
        &predictor(&family.predictors[0]),
        Some(&family.table),
        &ReportOptions::default(),
        &mut stopped,
    );
    assert!(error.unwrap_err().is_interrupted());
}

#[test]
fn a_wide_and_long_table_is_sampled_and_the_page_stays_small() {
    const N_COLUMNS: usize = 100;
    let wide = |n: usize| {
        let columns = (0..N_COLUMNS).map(|c| (format!("column {c}"), number(n, move |i| unit(i, c))));
        let y = words(n, |i| if unit(i, 0) > 0.5 { "yes" } else { "no" }.to_owned());
        Table::from_columns(columns.chain([("y".to_owned(), y)])).unwrap()
    };
    let learned = wide(600);
    let first = small_space(&learned, &["y"], 1, split());
    let fitted = Predictor::fit(&first, &learned, "y", &quick(), &mut quiet).unwrap();
    let long = wide(100_000);
    for model in [space(&first), predictor(&fitted)] {
        let start = Instant::now();
        let report = of(&model, Some(&long));
        let seconds = start.elapsed().as_secs_f64();
        let html = check(&report);
        let table = report.table.unwrap();
        assert_eq!((table.n_rows, table.n_rows_looked_at), (100_000, 20_000));
        assert!(
            html.contains("20,000 of 100,000 rows were looked at"),
            "it does not say that it is a sample"
        );
        assert!(report.models[0].worth.as_ref().unwrap().columns.len() == N_COLUMNS, "{:?}", report.notes);
        // Two seconds are wanted (`benches/report.py`); a test's machine may be busy, and counts overflows.
        assert!(seconds < 30.0, "{seconds} s");
    }
}
