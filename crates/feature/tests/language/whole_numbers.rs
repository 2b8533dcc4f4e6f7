//! Whole numbers beyond 2^53, which numbers of 64 bits round.

use arrow::array::{Decimal128Array, UInt64Array};

use super::*;

/// 2^53 + 1, which is rounded to 2^53.
const ID: i64 = 9_007_199_254_740_993;

/// One row: `id` beyond 2^53 and `before`, one less, in every container; `small` is 2, `half` 0.5.
fn rows() -> Vec<(&'static str, Table)> {
    let one = |id: ArrayRef, before: ArrayRef| {
        let rest = [
            ("small", text(&["2"])),
            ("half", text(&["0.5"])),
            ("float", Arc::new(Float64Array::from(vec![ID as f64])) as _),
        ];
        Table::from_columns([("id", id), ("before", before)].into_iter().chain(rest)).unwrap()
    };
    let decimal = |x: i64| -> ArrayRef {
        let cells = Decimal128Array::from_iter_values([i128::from(x) * 100]);
        Arc::new(cells.with_precision_and_scale(20, 2).unwrap())
    };
    vec![
        ("text", one(text(&["9007199254740993"]), text(&["9007199254740992"]))),
        ("text with a point", one(text(&["9007199254740993.0"]), text(&["9007199254740992.0"]))),
        ("i64", one(Arc::new(Int64Array::from(vec![ID])), Arc::new(Int64Array::from(vec![ID - 1])))),
        (
            "u64",
            one(
                Arc::new(UInt64Array::from(vec![ID as u64])),
                Arc::new(UInt64Array::from(vec![ID as u64 - 1])),
            ),
        ),
        ("decimal", one(decimal(ID), decimal(ID - 1))),
    ]
}

fn written(formula: &str, table: &Table) -> String {
    let array =
        Formula::parse(formula).and_then(|f| f.evaluate(table)).unwrap_or_else(|e| panic!("{formula}: {e}"));
    let texts = tabgraft_table::cell::texts("x", &array).unwrap();
    if texts.is_null(0) { "missing".to_owned() } else { texts.value(0).to_owned() }
}

#[test]
fn whole_numbers_beyond_2_to_53_compare_and_add_exactly_in_every_container() {
    for (container, table) in rows() {
        for (formula, expected) in [
            ("id + 0 = before + 0", "false"),
            ("id > before + 0", "true"),
            ("id - 1 = before + 0", "true"),
            ("id = 9007199254740993", "true"),
            ("id = 9007199254740992", "false"),
            ("id IN (9007199254740992, 5)", "false"),
            ("id IN (5, 9007199254740993)", "true"),
            ("id BETWEEN 9007199254740993 AND 9007199254740994", "true"),
            ("id - before", "1"),
            ("id + small", "9007199254740995"),
            ("id * small", "18014398509481986"),
            ("id % 10", "3"),
            ("-id", "-9007199254740993"),
            ("abs(-id)", "9007199254740993"),
            ("floor(id) - ceil(before) + round(id) - round(id, 2)", "1"),
            ("least(id, before + 0)", "9007199254740992"),
            ("greatest(id, before + 0)", "9007199254740993"),
            ("coalesce(NULL, id + 0)", "9007199254740993"),
            ("nullif(id + 0, before + 0)", "9007199254740993"),
            ("if(id > before + 0, id + 0, 0)", "9007199254740993"),
            ("CAST(id AS BIGINT)", "9007199254740993"),
            ("CAST(id + 0 AS VARCHAR)", "9007199254740993"),
            ("id / small * small = id", "false"),
        ] {
            assert_eq!(written(formula, &table), expected, "{formula} of {container}");
        }
    }
}

#[test]
fn what_is_no_whole_number_or_too_large_is_a_number_of_64_bits() {
    let (_, table) = &rows()[0];
    for (formula, expected) in [
        ("id + half - half", "9007199254740992"),
        ("CAST(id AS DOUBLE) + 0 = 9007199254740992", "true"),
        ("float = 9007199254740992", "true"),
        ("float + 1 = 9007199254740992", "true"),
        ("id > float", "true"),
        ("18446744073709551615 + 0", "18446744073709551615"),
        ("18446744073709551615 + 1 = power(2, 64)", "true"),
        ("-9223372036854775808 - 1 = -power(2, 63)", "true"),
        ("id * id = power(id, 2)", "true"),
        ("id % (id - id)", "missing"),
        ("3000000000 * 3000000001", "9000000003000000000"),
    ] {
        let found = written(formula, table);
        let found = found.strip_suffix(".0").unwrap_or(&found);
        assert_eq!(found, expected, "{formula}");
    }
}

#[test]
fn a_column_is_of_whole_numbers_where_some_are_large_and_none_has_a_fraction() {
    let types = |formula: &str, ids: &[&str]| {
        let table = csv(&[("id", ids)]);
        Formula::parse(formula).unwrap().evaluate(&table).unwrap().data_type().clone()
    };
    assert_eq!(types("id + 0", &["5", "", "7"]), DataType::Float64);
    assert_eq!(types("id + 0", &["5", "", "-9007199254740993"]), DataType::Int64);
    assert_eq!(types("id + 0", &["5", "18446744073709551615", ""]), DataType::UInt64);
    assert_eq!(types("id + 0", &["-5", "18446744073709551615", ""]), DataType::Float64);
    assert_eq!(types("id + 0", &["0.5", "9007199254740993", ""]), DataType::Float64);
    // Of many batches, of which one has a large one.
    let mut many = vec!["1"; 10_000];
    many[9_000] = "9007199254740993";
    let table = csv(&[("id", &many)]);
    let array = Formula::parse("id - 1").unwrap().evaluate(&table).unwrap();
    let found = array.as_primitive::<arrow::datatypes::Int64Type>();
    assert_eq!((found.value(9_000), found.value(0), found.len()), (ID - 1, 0, 10_000));
}

#[test]
fn groups_of_large_numbers_are_other_groups() {
    let ids: ArrayRef = Arc::new(Int64Array::from(vec![ID, ID - 1, ID]));
    let table = Table::from_columns([("id", ids), ("x", text(&["1", "10", "3"]))]).unwrap();
    let definition =
        Definition::Group { of: Some("x".into()), by: "id".into(), statistic: GroupStatistic::Mean };
    let mut engineer = FeatureEngineer::new(vec![Feature::new("mean x", definition, "why")]).unwrap();
    let found = engineer.fit_transform(&table).unwrap();
    assert_eq!(
        cells(found.column("mean x").unwrap()),
        [Some("2".into()), Some("10".into()), Some("2".into())]
    );
}
