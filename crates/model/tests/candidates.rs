//! Promises of the proposals: every kind is covered, everybody can read them, every one can be made.
#![allow(clippy::panic, clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BooleanArray, Date32Array, Float64Array, Int32Array, StringArray,
    TimestampMicrosecondArray,
};
use proptest::prelude::*;
use sqlparser::dialect::GenericDialect;
use sqlparser::parser::Parser;
use tabgraft_feature::{Definition, Feature, FeatureEngineer, Formula};
use tabgraft_model::discover::propose::{CandidateInputs, CandidateLimits, compose, propose};
use tabgraft_model::discover::rank::CandidateValues;
use tabgraft_table::Table;
use tabgraft_table::schema::{ColumnSpec, Kind, Schema};

const NAMES: [&str; 8] = ["amount", "drift", "rate", "purpose", "owner", "opened", "closed", "note"];

fn schema(columns: &[(&str, Kind)]) -> Schema {
    let spec = |(name, kind): &(&str, Kind)| ColumnSpec {
        name: (*name).into(),
        kind: *kind,
        reason: String::new(),
        date_format: None,
    };
    Schema { columns: columns.iter().map(spec).collect(), ..Schema::default() }
}

/// One table with every kind of column, under the given names.
fn odd_table(names: &[String]) -> (Table, Schema, CandidateInputs) {
    let n = 120;
    let gap = |i: usize, v: f64| if i.is_multiple_of(6) { None } else { Some(v) };
    let text =
        |f: &dyn Fn(usize) -> String| Arc::new(StringArray::from_iter_values((0..n).map(f))) as ArrayRef;
    let number =
        |f: &dyn Fn(usize) -> Option<f64>| Arc::new(Float64Array::from_iter((0..n).map(f))) as ArrayRef;
    let columns: [(Kind, ArrayRef); 8] = [
        (Kind::Numeric, number(&|i| Some((i as f64 / 9.0).exp()))),
        (Kind::Numeric, number(&|i| gap(i, i as f64 - 50.0))),
        (Kind::Numeric, number(&|i| gap(i + 1, 1.0 + (i % 17) as f64 / 7.0))),
        (Kind::Categorical, text(&|i| ["a", "b", "c"][i % 3].to_owned())),
        (Kind::Boolean, Arc::new(BooleanArray::from_iter((0..n).map(|i| Some(i % 4 == 0))))),
        (Kind::Timestamp, text(&|i| format!("2024-01-{:02}", i % 28 + 1))),
        (Kind::Timestamp, text(&|i| format!("2024-{:02}-15 {:02}:30", i % 7 + 3, i % 24))),
        (Kind::Text, text(&|i| format!("call {}{}", i % 40, if i % 3 == 0 { ", it's Urgent" } else { "" }))),
    ];
    let kinds: Vec<(&str, Kind)> =
        names.iter().map(String::as_str).zip(columns.iter().map(|c| c.0)).collect();
    let arrays = columns.into_iter().map(|c| c.1);
    let table = Table::from_columns(names.iter().map(String::as_str).zip(arrays)).unwrap();
    let schema = schema(&kinds);
    let inputs = CandidateInputs::fit(&table, &schema).unwrap();
    (table, schema, inputs)
}

fn names() -> Vec<String> {
    NAMES.map(String::from).to_vec()
}

fn formula_of<'a>(features: &'a [Feature], name: &str) -> &'a str {
    match features.iter().find(|f| f.name == name).map(|f| &f.definition) {
        Some(Definition::Formula { formula }) => formula,
        other => panic!("{name}: {other:?}"),
    }
}

/// Names are free and readable, formulas are SQL over the columns, and each feature can be made.
fn check(features: &[Feature], table: &Table, names: &[String]) {
    let mut seen: BTreeSet<&str> = names.iter().map(String::as_str).collect();
    for feature in features {
        assert!(seen.insert(&feature.name), "`{}` stands twice", feature.name);
        assert!(feature.name.chars().all(|c| c.is_alphanumeric() || c == '_'), "{}", feature.name);
        assert!(!feature.reason.is_empty());
        let reads = feature.inputs().unwrap();
        assert!(!reads.is_empty() && reads.iter().all(|r| names.contains(r)), "{feature:?} reads {reads:?}");
        if let Definition::Formula { formula } = &feature.definition {
            let dialect = GenericDialect {};
            let mut parser = Parser::new(&dialect).try_with_sql(formula).unwrap();
            parser.parse_expr().unwrap_or_else(|e| panic!("{formula}: {e}"));
            assert_eq!(parser.peek_token().token, sqlparser::tokenizer::Token::EOF, "{formula}");
        }
    }
    let made = FeatureEngineer::new(features.to_vec()).unwrap().fit_transform(table).unwrap();
    for feature in features {
        let column = made.column(&feature.name).unwrap();
        assert_eq!(CandidateValues::from_array(column).unwrap().n_rows(), table.n_rows());
        assert!(column.null_count() < table.n_rows(), "{feature:?} is missing in all rows");
    }
}

fn check_proposals(names: &[String]) {
    let (table, schema, inputs) = odd_table(names);
    let features = propose(&schema, &inputs, &CandidateLimits::default());
    check(&features, &table, names);
}

#[test]
fn words_of_sql_are_quoted_where_they_must_be() {
    for words in sqlparser::keywords::ALL_KEYWORDS.chunks_exact(8) {
        check_proposals(&words.iter().map(|w| w.to_lowercase()).collect::<Vec<_>>());
    }
}

#[test]
fn odd_column_names_are_quoted_in_every_proposal() {
    let sets = [
        ["select", "case", "a b", "say \"hi\"", "größe", "1st", "from", "to"],
        ["x--y", "/* z */", "it's", "a|b", "null", "日本", "'", "-"],
        ["a_b", "a b", "a-b", "A_B", "year", "concat", "a  b", "a.b"],
        [" ", "\"", "''", "`", "\\", ";", "  ", "\t"],
    ];
    for set in sets {
        check_proposals(&set.map(String::from));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(30))]

    #[test]
    fn any_column_names_are_quoted_in_every_proposal(names in prop::collection::btree_set("\\PC{1,8}", 8)) {
        check_proposals(&names.into_iter().collect::<Vec<_>>());
    }
}

#[test]
fn proposals_cover_the_kinds_and_read_like_a_person_wrote_them() {
    let (table, schema, inputs) = odd_table(&names());
    let features = propose(&schema, &inputs, &CandidateLimits::default());
    for (name, formula) in [
        ("amount_per_rate", "amount / rate"),
        ("amount_times_rate", "amount * rate"),
        ("ln_amount", "ln(amount)"),
        ("drift_is_missing", "drift IS NULL"),
        ("purpose_and_owner", "concat(purpose, '|', CAST(owner AS VARCHAR))"),
        ("purpose_and_drift_under_11", "concat(purpose, '|', CAST(drift < 11 AS VARCHAR))"),
        ("amount_where_owner", "CASE WHEN owner THEN amount ELSE 0 END"),
        ("drift_away_from_11", "abs(drift - 11)"),
        ("opened_weekday", "weekday(opened)"),
        ("opened_is_weekend", "weekday(opened) >= 6"),
        ("closed_hour", "hour(closed)"),
        ("closed_months_from_january", "least(month(closed) - 1, 13 - month(closed))"),
        ("days_since_opened", "days_between(opened, '2024-01-28')"),
        ("days_from_opened_to_closed", "days_between(opened, closed)"),
        ("note_length", "length(note)"),
        ("note_word_count", "word_count(note)"),
        ("note_digit_count", "digit_count(note)"),
        ("note_mentions_urgent", "has_word(note, 'urgent')"),
    ] {
        assert_eq!(formula_of(&features, name), formula);
    }
    assert_eq!(
        formula_of(&features, "drift_per_amount"),
        "drift / amount",
        "what changes its sign never divides"
    );
    assert_eq!(formula_of(&features, "missing_count").matches("CASE WHEN").count(), 2);
    let has = |name: &str| features.iter().any(|f| f.name == name);
    for name in [
        "amount_in_10_bins",
        "purpose_frequency",
        "mean_amount_by_purpose",
        "median_rate_by_owner",
        "amount_rank_in_purpose",
        "drift_deviation_in_owner",
    ] {
        assert!(has(name), "{name}");
    }
    assert!(!has("amount_minus_rate"), "a difference of scales that lie apart is only the larger column");
    assert!(!has("opened_year") && !has("opened_hour"), "what does not vary tells nothing");
    assert!(!has("note_mentions_call"), "all rows have that word");
    check(&features, &table, &names());
}

/// The kind of a column says what it means, not how its cells are stored.
#[test]
fn proposals_can_be_made_of_any_storage() {
    let n = 120i32;
    let whole = |f: &dyn Fn(i32) -> i32| Arc::new(Int32Array::from_iter_values((0..n).map(f))) as ArrayRef;
    let text = |f: &dyn Fn(i32) -> String| Arc::new(StringArray::from_iter_values((0..n).map(f))) as ArrayRef;
    let days = || (0..n).map(|i| 19_700 + i * 3);
    let columns: [(&str, Kind, ArrayRef); 10] = [
        ("written", Kind::Numeric, text(&|i| format!("{}.5", i % 19))),
        ("amount", Kind::Numeric, whole(&|i| i * i)),
        ("level", Kind::Categorical, whole(&|i| i % 4)),
        ("owner", Kind::Boolean, whole(&|i| i % 2)),
        ("tenant", Kind::Boolean, text(&|i| ["yes", "no", "no"][i as usize % 3].to_owned())),
        ("opened", Kind::Timestamp, Arc::new(Date32Array::from_iter_values(days()))),
        (
            "closed",
            Kind::Timestamp,
            Arc::new(TimestampMicrosecondArray::from_iter_values(
                days().map(|d| i64::from(d + 30) * 86_400_000_000),
            )),
        ),
        ("code", Kind::Timestamp, whole(&|i| 20_240_101 + i % 28)),
        ("slashed", Kind::Timestamp, text(&|i| format!("0{}/02/2024", i % 9 + 1))),
        ("serial", Kind::Text, whole(&|i| i * 7919)),
    ];
    let kinds: Vec<(&str, Kind)> = columns.iter().map(|c| (c.0, c.1)).collect();
    let schema = schema(&kinds);
    let table = Table::from_columns(columns.into_iter().map(|c| (c.0, c.2))).unwrap();
    let inputs = CandidateInputs::fit(&table, &schema).unwrap();
    let features = propose(&schema, &inputs, &CandidateLimits::default());
    let names: Vec<String> = table.column_names();
    check(&features, &table, &names);
    assert_eq!(
        formula_of(&features, "amount_where_owner"),
        "CASE WHEN CAST(owner AS BOOLEAN) THEN amount ELSE 0 END"
    );
    assert_eq!(formula_of(&features, "amount_where_tenant"), "CASE WHEN tenant THEN amount ELSE 0 END");
    assert_eq!(formula_of(&features, "serial_digit_count"), "digit_count(CAST(serial AS VARCHAR))");
    assert_eq!(formula_of(&features, "days_from_opened_to_closed"), "days_between(opened, closed)");
    let reads = |name: &str| features.iter().any(|f| f.inputs().unwrap().contains(&name.to_owned()));
    assert!(!reads("code") && !reads("slashed"), "dates that formulas cannot read");

    let inputs = inputs.with_features(&table, &features[..60]).unwrap();
    let taken = features.iter().map(|f| f.name.clone()).collect();
    check(&compose(&features[..60], &schema, &inputs, &CandidateLimits::default(), &taken), &table, &names);
}

#[test]
fn circles_meet_at_their_ends() {
    let (table, schema, inputs) = odd_table(&names());
    let features = propose(&schema, &inputs, &CandidateLimits::default());
    let year: Vec<String> = (1..=12).map(|m| format!("2024-{m:02}-01")).collect();
    let column: ArrayRef = Arc::new(StringArray::from_iter_values(year));
    let months = Table::from_columns([("closed", column)]).unwrap();
    let values = |name: &str| {
        let found = Formula::parse(formula_of(&features, name)).unwrap().evaluate(&months).unwrap();
        let CandidateValues::Number(values) = CandidateValues::from_array(&found).unwrap() else { panic!() };
        values.into_iter().map(|v| v.unwrap() as i64).collect::<Vec<_>>()
    };
    assert_eq!(values("closed_months_from_january"), [0, 1, 2, 3, 4, 5, 6, 5, 4, 3, 2, 1]);
    assert_eq!(values("closed_months_from_april"), [3, 2, 1, 0, 1, 2, 3, 4, 5, 6, 5, 4]);
    let closed = table.column("closed").unwrap();
    assert_eq!(closed.len(), inputs.n_rows);
}

#[test]
fn flags_stand_at_data_quantiles_written_as_a_person_would() {
    let flags = |values: Vec<f64>| {
        let table = Table::from_columns([("age", Arc::new(Float64Array::from(values)) as ArrayRef)]).unwrap();
        let schema = schema(&[("age", Kind::Numeric)]);
        let inputs = CandidateInputs::fit(&table, &schema).unwrap();
        let features = propose(&schema, &inputs, &CandidateLimits::default());
        let flags = features.into_iter().filter_map(|f| match f.definition {
            Definition::Formula { formula } if formula.contains(['<', '>']) => Some((f.name, formula)),
            _ => None,
        });
        flags.collect::<Vec<_>>()
    };
    let pair = |name: &str, formula: &str| (name.to_owned(), formula.to_owned());
    let ages = flags((0..101).map(|i| f64::from(i + 16)).collect());
    assert_eq!(ages.len(), 7);
    assert_eq!((&ages[1], &ages[6]), (&pair("age_under_26", "age < 26"), &pair("age_over_111", "age > 111")));
    let small = flags((0..101).map(|i| f64::from(i) / 300.0 - 0.3).collect());
    assert_eq!(small[0], pair("age_under_minus_0_283", "age < -0.283"));
    assert!(flags(vec![5.0; 50]).is_empty(), "one value has nothing below it");
    assert_eq!(flags((0..100).map(|i| f64::from(u8::from(i > 30))).collect()), [], "it is a flag itself");
    let ties = flags((0..100).map(|i| f64::from((i - 60).max(0))).collect());
    assert_eq!(ties[0], pair("age_over_14", "age > 14"), "nothing is below the lowest value");
}

#[test]
fn fewer_proposals_are_the_first_of_more_and_excluded_columns_are_not_read() {
    let (_, schema, inputs) = odd_table(&names());
    let propose = |limits: CandidateLimits| propose(&schema, &inputs, &limits);
    let all = propose(CandidateLimits::default());
    for max_candidates in [1, 7, 30, all.len() + 1] {
        let some = propose(CandidateLimits { max_candidates, ..Default::default() });
        assert_eq!(some, all[..max_candidates.min(all.len())]);
    }
    let without = propose(CandidateLimits { exclude: vec!["rate".into()], ..Default::default() });
    assert!(without.iter().all(|f| !f.inputs().unwrap().contains(&"rate".into())));
    assert!(CandidateLimits { max_candidates: 0, ..Default::default() }.check().unwrap_err().is_option());
}

#[test]
fn pairs_of_many_columns_leave_half_of_the_places_to_single_ones() {
    let n_columns = 60;
    let names: Vec<String> = (0..n_columns).map(|c| format!("x{c}")).collect();
    let column = |c: usize| {
        let values = (0..50).map(move |i| ((i * (c + 7)) % 53) as f64 + 1.0);
        Arc::new(Float64Array::from_iter_values(values)) as ArrayRef
    };
    let table = Table::from_columns(names.iter().enumerate().map(|(c, n)| (n.as_str(), column(c)))).unwrap();
    let kinds: Vec<(&str, Kind)> = names.iter().map(|n| (n.as_str(), Kind::Numeric)).collect();
    let schema = schema(&kinds);
    let inputs = CandidateInputs::fit(&table, &schema).unwrap();
    let limits = CandidateLimits { max_candidates: 400, ..Default::default() };
    let features = propose(&schema, &inputs, &limits);
    assert_eq!(features.len(), 400);
    let n_single = features.iter().filter(|f| f.inputs().unwrap().len() == 1).count();
    assert_eq!(n_single, 200);
}

#[test]
fn compositions_stand_alone_and_build_on_the_best() {
    let (table, schema, inputs) = odd_table(&names());
    let limits = CandidateLimits::default();
    let first = propose(&schema, &inputs, &limits);
    let pick = |name: &str| first.iter().find(|f| f.name == name).unwrap().clone();
    let best = [
        "amount_per_rate",
        "days_from_opened_to_closed",
        "drift_under_11",
        "amount_rank_in_purpose",
        "note_mentions_urgent",
        "purpose_and_owner",
    ]
    .map(pick);
    let inputs = inputs.with_features(&table, &best).unwrap();
    let taken: BTreeSet<String> = first.iter().map(|f| f.name.clone()).collect();
    let second = compose(&best, &schema, &inputs, &limits, &taken);
    check(&second, &table, &names());
    assert!(second.iter().all(|f| !taken.contains(&f.name)));
    for (name, formula) in [
        ("amount_per_rate_times_drift", "(amount / rate) * drift"),
        (
            "amount_per_rate_times_days_from_opened_to_closed",
            "(amount / rate) * (days_between(opened, closed))",
        ),
        ("drift_under_11_and_note_mentions_urgent", "(drift < 11) AND (has_word(note, 'urgent'))"),
        ("amount_where_drift_under_11", "CASE WHEN (drift < 11) THEN amount ELSE 0 END"),
        ("amount_per_rate_where_owner", "CASE WHEN owner THEN (amount / rate) ELSE 0 END"),
    ] {
        assert_eq!(formula_of(&second, name), formula);
    }
    let starts = |start: &str| second.iter().any(|f| f.name.starts_with(start));
    assert!(starts("amount_per_rate_under_") && starts("amount_per_rate_over_"), "flags of a found ratio");
    assert!(starts("purpose_and_amount_per_rate_under_"), "a category with the half of a found ratio");
    let undoes = |f: &Feature| f.inputs().unwrap() == ["amount", "rate"] && f.name.contains("_times_");
    assert!(!second.iter().any(undoes), "(amount / rate) * rate is amount");
    assert!(!starts("amount_rank_in_purpose"), "a rank has no formula that stands alone");

    for max_candidates in [1, 10, second.len()] {
        let limits = CandidateLimits { max_candidates, ..Default::default() };
        assert_eq!(compose(&best, &schema, &inputs, &limits, &taken), second[..max_candidates]);
    }
    assert!(compose(&[], &schema, &inputs, &limits, &taken).is_empty());
    let named_before: BTreeSet<String> = second.iter().map(|f| f.name.clone()).collect();
    let again = compose(&best, &schema, &inputs, &limits, &named_before);
    assert!(again.iter().all(|f| !named_before.contains(&f.name)), "the same under names that are free");
}

#[test]
fn compositions_of_compositions_end_at_the_limits_of_the_language() {
    let (table, schema, inputs) = odd_table(&names());
    let limits = CandidateLimits { max_candidates: 40, ..Default::default() };
    let ratios = ["amount / rate", "drift / amount", "rate * amount"];
    let mut best: Vec<Feature> =
        ratios.iter().enumerate().map(|(i, f)| Feature::formula(format!("r{i}"), *f, "")).collect();
    for round in 0..12 {
        let profiled = inputs.clone().with_features(&table, &best).unwrap();
        let taken = best.iter().map(|f| f.name.clone()).collect();
        let next = compose(&best, &schema, &profiled, &limits, &taken);
        FeatureEngineer::new(next.clone()).unwrap();
        let is_product = |f: &&Feature| {
            let others = ["per", "minus", "under", "over", "where", "ln", "root", "square"];
            !f.name.split('_').any(|word| others.contains(&word))
        };
        best = next.iter().filter(is_product).take(3).cloned().collect();
        if best.is_empty() {
            assert!(round > 2, "512 parts are more than two rounds fill");
            return;
        }
    }
    panic!("twelve doublings of five parts have more than 512");
}
