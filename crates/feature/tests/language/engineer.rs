//! Lists of features: fitted once, applied to any table, saved, checked.

use super::*;

const FORMULAS: [&str; 9] = [
    "x / y",
    "CASE WHEN x > y THEN 'up' WHEN x < 0 THEN w END",
    "x > 1 AND (y < 1 OR w = 'a')",
    "coalesce(x, y, 0) - least(x, y)",
    "concat(upper(w), CAST(round(x, 1) AS VARCHAR))",
    "w IN ('a', 'b') OR x BETWEEN -1 AND 1",
    "length(w) % 2 + sign(y)",
    "power(abs(x), 0.5) + ln(y)",
    "f0 * 2 + coalesce(length(f1), 0)",
];

fn engineer() -> FeatureEngineer {
    let group =
        |of: Option<&str>, statistic| Definition::Group { of: of.map(Into::into), by: "w".into(), statistic };
    let formulas = FORMULAS.iter().enumerate().map(|(i, f)| Feature::formula(format!("f{i}"), *f, ""));
    let fitted = [
        ("bins", Definition::Bins { column: "x".into(), n_bins: 3 }),
        ("mean", group(Some("x"), GroupStatistic::Mean)),
        ("median", group(Some("y"), GroupStatistic::Median)),
        ("rank", group(Some("x"), GroupStatistic::Rank)),
        ("deviation", group(Some("f0"), GroupStatistic::Deviation)),
        ("frequency", group(None, GroupStatistic::Frequency)),
        ("of_bins", Definition::Group { of: None, by: "bins".into(), statistic: GroupStatistic::Frequency }),
    ];
    let fitted = fitted.into_iter().map(|(name, definition)| Feature::new(name, definition, "why"));
    FeatureEngineer::new(formulas.chain(fitted).collect()).unwrap()
}

fn training() -> Table {
    csv(&[
        ("x", &["1", "2", "3", "4", "", "10"]),
        ("y", &["2", "0", "1.5", "-1", "5", ""]),
        ("w", &["a", "a", "b", "b", "a", ""]),
    ])
}

fn number_cell() -> impl Strategy<Value = String> {
    prop_oneof![Just(String::new()), (-30i32..30).prop_map(|x| (f64::from(x) / 4.0).to_string())]
}

fn rows(n: std::ops::Range<usize>) -> impl Strategy<Value = Table> {
    prop::collection::vec((number_cell(), number_cell(), "[abcd]?"), n).prop_map(|rows| {
        let column =
            |pick: fn(&(String, String, String)) -> &str| text(&rows.iter().map(pick).collect::<Vec<_>>());
        Table::from_columns([("x", column(|r| &r.0)), ("y", column(|r| &r.1)), ("w", column(|r| &r.2))])
            .unwrap()
    })
}

fn all_cells(table: &Table) -> Vec<(String, Cells)> {
    table.column_names().into_iter().map(|n| (n.clone(), cells(table.column(&n).unwrap()))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn a_row_has_the_same_features_alone_and_among_others(table in rows(1..20)) {
        let mut engineer = engineer();
        engineer.fit(&training()).unwrap();
        let whole = all_cells(&engineer.transform(&table).unwrap());
        for i in 0..table.n_rows() {
            let alone = all_cells(&engineer.transform(&table.slice(i, 1)).unwrap());
            for ((name, all), (_, one)) in whole.iter().zip(&alone) {
                prop_assert_eq!(&all[i], &one[0], "{} of row {}", name, i);
            }
        }
    }
}

/// What a fitted definition gives for a row, by its words: `train` are the rows `(x, w)` of the training.
/// A new kind of definition does not compile here, nor without an entry in [`engineer`].
fn by_hand(
    definition: &Definition,
    train: &[(Option<f64>, String)],
    row: &(Option<f64>, String),
) -> Option<f64> {
    let of_group = |w: &str| train.iter().filter(|r| r.1 == w).filter_map(|r| r.0).collect::<Vec<f64>>();
    let (x, mut group) = (row.0, of_group(&row.1));
    group.sort_by(f64::total_cmp);
    let n = group.len() as f64;
    match definition {
        Definition::Formula { .. } | Definition::Bins { .. } => unreachable!("only groups are asked for"),
        Definition::Group { statistic: GroupStatistic::Frequency, .. } => {
            let n_same = train.iter().filter(|r| r.1 == row.1).count() as f64;
            let n_rows = train.len() as f64;
            (!row.1.is_empty() && n_same > 0.0).then(|| n_same / n_rows)
        }
        Definition::Group { .. } if group.is_empty() || row.1.is_empty() => None,
        Definition::Group { statistic: GroupStatistic::Mean, .. } => Some(group.iter().sum::<f64>() / n),
        Definition::Group { statistic: GroupStatistic::Median, .. } => {
            Some((group[(group.len() - 1) / 2] + group[group.len() / 2]) / 2.0)
        }
        Definition::Group { statistic: GroupStatistic::Rank, .. } => {
            x.map(|x| group.iter().filter(|v| **v <= x).count() as f64 / n)
        }
        Definition::Group { statistic: GroupStatistic::Deviation, .. } => {
            x.map(|x| x - group.iter().sum::<f64>() / n)
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn statistics_are_those_of_the_training_rows_whatever_rows_come_later(
        train in rows(2..20), later in rows(1..20),
    ) {
        let statistics = [
            GroupStatistic::Mean,
            GroupStatistic::Median,
            GroupStatistic::Rank,
            GroupStatistic::Deviation,
            GroupStatistic::Frequency,
        ];
        let features = statistics.map(|statistic| {
            let of = (statistic != GroupStatistic::Frequency).then(|| "x".to_owned());
            Feature::new(statistic.word(), Definition::Group { of, by: "w".into(), statistic }, "")
        });
        let read = |table: &Table| -> Vec<(Option<f64>, String)> {
            let (x, w) = (cells(table.column("x").unwrap()), cells(table.column("w").unwrap()));
            let x = x.into_iter().map(|x| x.and_then(|x| x.parse().ok()));
            x.zip(w.into_iter().map(Option::unwrap_or_default)).collect()
        };
        let (train_rows, later_rows) = (read(&train), read(&later));
        // Nothing can be learned from rows of which none has a group and a value.
        prop_assume!(train_rows.iter().any(|(x, w)| x.is_some() && !w.is_empty()));
        let mut engineer = FeatureEngineer::new(features.to_vec()).unwrap();
        engineer.fit(&train).unwrap();
        let made = engineer.transform(&later).unwrap();
        for feature in engineer.features() {
            let found = made.column(&feature.name).unwrap().as_primitive::<Float64Type>().clone();
            for (i, row) in later_rows.iter().enumerate() {
                let found = found.is_valid(i).then(|| found.value(i));
                let expected = by_hand(&feature.definition, &train_rows, row);
                let is_near = match (found, expected) {
                    (Some(a), Some(b)) => (a - b).abs() < 1e-9,
                    (a, b) => a == b,
                };
                prop_assert!(is_near, "{}: {:?} is not {:?}", feature.name, found, expected);
            }
        }
    }
}

#[test]
fn batches_meet_without_a_seam() {
    let n = 10_000;
    let x: ArrayRef = Arc::new(Float64Array::from_iter_values((0..n).map(f64::from)));
    let table = Table::from_columns([("x", x)]).unwrap();
    let found = Formula::parse("x * 2").unwrap().evaluate(&table).unwrap();
    let found = found.as_primitive::<Float64Type>();
    assert_eq!(found.len(), 10_000);
    assert!((0..n).all(|i| found.value(i as usize) == f64::from(i) * 2.0));
}

#[test]
fn group_statistics_come_from_the_fitted_rows_only() {
    let mut engineer = engineer();
    engineer.fit(&training()).unwrap();
    let later =
        csv(&[("x", &["100", "2", "1", ""]), ("y", &["1", "1", "1", "1"]), ("w", &["a", "b", "new", "a"])]);
    let table = engineer.transform(&later).unwrap();
    let column = |name: &str| cells(table.column(name).unwrap());
    let some = |values: [&str; 4]| values.map(|v| (!v.is_empty()).then(|| v.to_owned())).to_vec();
    assert_eq!(column("mean"), some(["1.5", "3.5", "", "1.5"]));
    assert_eq!(column("median"), some(["2", "0.25", "", "2"]));
    assert_eq!(column("rank"), some(["1", "0", "", ""]));
    assert_eq!(column("frequency"), some(["0.5", "0.3333333333333333", "", "0.5"]));
    assert_eq!(column("deviation"), some(["99.5", "3", "", ""]), "f0 = x / y; its means are 0.5 and -1");
    assert_eq!(column("bins"), some(["q3", "q2", "q1", ""]), "edges 2 and 4 of 1, 2, 3, 4, 10");
}

#[test]
fn fitting_on_other_rows_changes_the_state_and_transforming_never_does() {
    let mut engineer = engineer();
    engineer.fit(&training()).unwrap();
    let before = engineer.features().to_vec();
    engineer.transform(&training().take(&[5, 5, 5]).unwrap()).unwrap();
    assert_eq!(engineer.features(), before);
    engineer.fit(&training().take(&[1, 2, 3]).unwrap()).unwrap();
    assert_ne!(engineer.features(), before);
}

#[test]
fn a_fit_that_fails_leaves_the_features_as_they_were() {
    let mut engineer = engineer();
    engineer.fit(&training()).unwrap();
    let before = engineer.features().to_vec();
    let constant = csv(&[("x", &["1", "1"]), ("y", &["1", "2"]), ("w", &["a", "b"])]);
    let error = engineer.fit(&constant).unwrap_err();
    assert_eq!(
        error.to_string(),
        "feature `bins`: column `x` has one distinct value in the rows to fit, bins need two"
    );
    assert_eq!(engineer.features(), before);
}

#[test]
fn a_saved_engineer_applies_identically() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("features.json");
    let mut engineer = engineer();
    let fitted = engineer.fit_transform(&training()).unwrap();
    engineer.save(&path).unwrap();
    let first = std::fs::read(&path).unwrap();
    let loaded = FeatureEngineer::from_json(&path).unwrap();
    assert_eq!(loaded.features(), engineer.features());
    assert_eq!(all_cells(&loaded.transform(&training()).unwrap()), all_cells(&fitted));
    loaded.save(&path).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), first, "saved again it has the same bytes");
    let files: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|f| f.unwrap().file_name()).collect();
    assert_eq!(files, ["features.json"], "no temporary file stays");
}

#[test]
fn files_that_are_not_sound_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("features.json");
    let load = |text: &str| {
        std::fs::write(&path, text).unwrap();
        FeatureEngineer::from_json(&path)
    };
    let with_state = |state: &str| {
        format!(
            r#"{{"format_version":1,"features":[{{"name":"b","definition":{{"kind":"bins","column":"x","n_bins":4}},"state":{state}}}]}}"#
        )
    };
    assert!(load(&with_state(r#"{"kind":"bins","edges":[1.0,2.0]}"#)).is_ok());
    let refused = [
        (with_state(r#"{"kind":"bins","edges":[2.0,1.0]}"#), "out of order"),
        (with_state(r#"{"kind":"bins","edges":[]}"#), "out of order"),
        (with_state(r#"{"kind":"bins","edges":[null]}"#), "line 1"),
        (with_state(r#"{"kind":"groups","values":{}}"#), "another kind"),
        (with_state(r#"{"kind":"groups"}"#), "missing field `values`"),
        (r#"{"format_version":2,"features":[],"more":1}"#.into(), "format version 2, this tabgraft reads version 1"),
        (r#"{"format_version":1,"features":[],"more":1}"#.into(), "unknown field `more`"),
        (r#"{"features":[]}"#.into(), "missing field `format_version`"),
        (r#"{"format_version":1,"features":[{"name":"f","definition":{"kind":"formula","formula":"a +"}}]}"#.into(), "feature `f`: expected"),
        (r#"{"format_version":1,"features":[{"name":"f","definition":{"kind":"formula","formula":"a","x":1}}]}"#.into(), "unknown field `x`"),
        (r#"{"format_version":1,"features":[{"name":"f","definition":{"kind":"python"}}]}"#.into(), "unknown variant `python`"),
        ("{\"format_version\":1,\n\"features\":".into(), "line 2"),
        (String::new(), "EOF"),
    ];
    for (document, expected) in refused {
        let error = load(&document).unwrap_err().to_string();
        assert!(error.contains(expected) && error.contains("features.json"), "{document}\n{error}");
    }
    assert!(FeatureEngineer::from_json(&folder.path().join("absent.json")).unwrap_err().is_io());
}

#[test]
fn definitions_are_checked_before_any_row_is_seen() {
    let refused = |features: Vec<Feature>| shown(&FeatureEngineer::new(features).unwrap_err());
    let formula = |name: &str, text: &str| Feature::formula(name, text, "");
    let group = |of: Option<&str>, statistic| {
        Feature::new("g", Definition::Group { of: of.map(Into::into), by: "w".into(), statistic }, "")
    };
    assert!(refused(vec![formula("f", "a"), formula("f", "b")]).contains("feature `f` stands twice"));
    assert!(
        refused(vec![formula("f", "g + 1"), formula("g", "a")])
            .starts_with("feature `f`: uses `g`, which is defined later\nhint: ")
    );
    assert!(refused(vec![formula("f", "f + 1")]).contains("feature `f`: uses itself"));
    assert!(refused(vec![formula("", "a")]).contains("name has 0 bytes"));
    assert!(
        refused(vec![formula("f", "flor(a)")])
            .starts_with("feature `f`: there is no function `flor` at character 1")
    );
    assert!(
        refused(vec![Feature::new("b", Definition::Bins { column: "x".into(), n_bins: 1 }, "")])
            .contains("`n_bins` is 1")
    );
    assert!(refused(vec![group(None, GroupStatistic::Mean)]).contains("a group's mean needs a column `of`"));
    assert!(refused(vec![group(Some("x"), GroupStatistic::Frequency)]).contains("`frequency` counts rows"));
    let mut wrong = group(Some("x"), GroupStatistic::Rank);
    wrong.state = Some(FittedState::Groups { values: Default::default() });
    assert!(refused(vec![wrong]).contains("another kind of feature"));
}

#[test]
fn what_a_table_lacks_is_an_error_or_a_listed_skip() {
    let mut engineer = engineer();
    let error = engineer.transform(&training()).unwrap_err();
    assert!(error.is_option());
    assert_eq!(error.to_string(), "feature `bins`: it is not fitted");
    engineer.fit(&training()).unwrap();

    let without = training().without(&["y".into()]).unwrap();
    let error = engineer.transform(&without).unwrap_err();
    assert!(
        error.is_schema()
            && error.to_string().starts_with("feature `f0`: there is no column `y` at character 5")
    );
    let done = engineer
        .transform_with(&without, TransformOptions { skip_missing: true, ..TransformOptions::default() })
        .unwrap();
    let skipped: Vec<(&str, &str)> =
        done.skipped.iter().map(|s| (s.name.as_str(), s.reason.as_str())).collect();
    assert_eq!(skipped[0], ("f0", "the table has no column `y`"));
    assert!(skipped.contains(&("f8", "it uses skipped features: `f0`, `f1`")), "{skipped:?}");
    assert!(skipped.contains(&("deviation", "it uses a skipped feature: `f0`")));
    assert_eq!(done.table.n_columns() + skipped.len(), 2 + engineer.names().len());

    let nothing = csv(&[("v", &["1"]), ("w2", &["1"])]);
    let only_bins = FeatureEngineer::new(vec![Feature::new(
        "g",
        Definition::Group { of: Some("x".into()), by: "w".into(), statistic: GroupStatistic::Mean },
        "",
    )]);
    let error = only_bins.unwrap().fit(&nothing).unwrap_err();
    assert_eq!(error.to_string(), "feature `g`: there are no columns `x`, `w`");

    let taken = training().with_column("f0", text(&["1", "1", "1", "1", "1", "1"])).unwrap();
    let error = engineer.transform(&taken).unwrap_err();
    assert_eq!(error.to_string(), "feature `f0`: the table already has a column `f0`");
}

#[test]
fn bins_of_a_column_that_is_mostly_one_value_still_split_it() {
    let table = csv(&[("x", &["0", "0", "0", "0", "0", "0", "0", "9"])]);
    let bins = Feature::new("b", Definition::Bins { column: "x".into(), n_bins: 4 }, "");
    let mut engineer = FeatureEngineer::new(vec![bins]).unwrap();
    let found = cells(engineer.fit_transform(&table).unwrap().column("b").unwrap());
    assert_eq!((found[0].as_deref(), found[7].as_deref()), (Some("q1"), Some("q2")));
}

#[test]
fn raw_half_and_enriched_tables_become_one_and_nothing_is_computed_twice() {
    let raw = training();
    let mut engineer = engineer();
    let whole = engineer.fit_transform(&raw).unwrap();
    let keep = TransformOptions { present: Present::Keep, ..TransformOptions::default() };
    let names = engineer.names();
    for n_there in 0..=names.len() {
        let gone: Vec<String> = names[n_there..].to_vec();
        let table = whole.without(&gone).unwrap();
        let made = engineer.transform_with(&table, keep).unwrap();
        assert_eq!(made.already_there, names[..n_there]);
        assert_eq!(made.differing, []);
        assert_eq!(made.table.batch(), whole.batch());
        // A fit on it teaches what the raw rows teach.
        let mut anew = FeatureEngineer::new(
            engineer.features().iter().map(|f| Feature { state: None, ..f.clone() }).collect(),
        )
        .unwrap();
        let fitted = anew.fit_transform_with(&table, keep).unwrap();
        assert_eq!(fitted.table.batch(), whole.batch());
        assert_eq!(anew.features(), engineer.features());
    }
    assert!(engineer.transform(&whole).unwrap_err().is_schema(), "by default a column is in the way");
}

#[test]
fn a_fit_keeps_the_state_that_gives_the_column_that_is_there() {
    let rows = |n: u32| (0..n).collect::<Vec<_>>();
    let raw = table_of_numbers(200);
    let bins = Definition::Bins { column: "a".into(), n_bins: 5 };
    let mut early = FeatureEngineer::new(vec![Feature::new("band", bins, "")]).unwrap();
    early.fit(&raw.take(&rows(50)).unwrap()).unwrap();
    let whole = early.transform(&raw).unwrap();
    let keep = TransformOptions { present: Present::Keep, ..TransformOptions::default() };
    let mut again = early.clone();
    let made = again.fit_transform_with(&whole, keep).unwrap();
    assert_eq!((made.differing.len(), again.features()), (0, early.features()));
    // Where neither gives it, that is told, and the rows at hand are what is learned from.
    let mut anew =
        FeatureEngineer::new(early.features().iter().map(|f| Feature { state: None, ..f.clone() }).collect())
            .unwrap();
    let made = anew.fit_transform_with(&whole, keep).unwrap();
    assert_eq!(made.differing[0].name, "band");
    assert_eq!(made.table.column("band").unwrap(), whole.column("band").unwrap());
    let equal = TransformOptions { present: Present::KeepEqual, ..TransformOptions::default() };
    let error = anew.transform_with(&whole, equal).unwrap_err();
    assert!(error.is_schema() && error.to_string().contains("already has a column of this name"), "{error}");
    let row = made.differing[0].row.row_idx;
    let cells =
        |t: &Table| arrow::util::display::array_value_to_string(t.column("band").unwrap(), row).unwrap();
    assert_eq!(made.differing[0].found, Some(cells(&whole)));
    assert_eq!(made.differing[0].computed, Some(cells(&anew.transform(&raw).unwrap())));
}

fn table_of_numbers(n_rows: usize) -> Table {
    let values = (0..n_rows).map(|i| ((i * i) % 101) as f64 + i as f64 / 7.0);
    let array: ArrayRef = Arc::new(Float64Array::from_iter_values(values));
    Table::from_columns([("a", array)]).unwrap()
}
