//! What the formula language and the feature engineer promise.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "clippy knows tests by their attribute, not their helpers"
)]

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Date32Array, Float64Array, Int64Array, NullArray, StringArray,
    TimestampSecondArray,
};
use arrow::datatypes::{DataType, Float64Type};
use proptest::prelude::*;
use tabgraft_table::feature::expr::function::function_names;
use tabgraft_table::feature::expr::{MAX_DEPTH, MAX_FORMULA_BYTES, MAX_PARTS};
use tabgraft_table::feature::{
    Definition, Feature, FeatureEngineer, FittedState, Formula, GroupStatistic, TransformOptions,
    quoted_column,
};
use tabgraft_table::{Error, Table};

type Cells = Vec<Option<String>>;

fn text(cells: &[&str]) -> ArrayRef {
    Arc::new(cells.iter().map(|c| (!c.is_empty()).then_some(*c)).collect::<StringArray>())
}

/// As from a CSV file: everything is text, empty cells are missing.
fn csv(columns: &[(&str, &[&str])]) -> Table {
    Table::from_columns(columns.iter().map(|(name, cells)| (*name, text(cells)))).unwrap()
}

/// One row: numbers a = 7, b = 2, zero, huge; a missing one; texts, a truth, days.
fn row() -> Table {
    csv(&[
        ("a", &["7"]),
        ("b", &["2"]),
        ("zero", &["0"]),
        ("huge", &["1e308"]),
        ("none", &[""]),
        ("word", &["Straße 5"]),
        ("flag", &["yes"]),
        ("day", &["2024-02-29"]),
        ("late", &["2024-03-01 12:00"]),
    ])
}

fn cells(array: &ArrayRef) -> Cells {
    let show = |i: usize| match array.data_type() {
        DataType::Float64 => array.as_primitive::<Float64Type>().value(i).to_string(),
        DataType::Boolean => array.as_boolean().value(i).to_string(),
        DataType::Utf8 => array.as_string::<i32>().value(i).to_owned(),
        other => panic!("a feature of type {other}"),
    };
    (0..array.len()).map(|i| array.is_valid(i).then(|| show(i))).collect()
}

fn value(formula: &str, table: &Table) -> Option<String> {
    let array = Formula::parse(formula).and_then(|f| f.evaluate(table));
    cells(&array.unwrap_or_else(|e| panic!("{formula}: {e}"))).remove(0)
}

fn failure(formula: &str, table: &Table) -> Error {
    match Formula::parse(formula).and_then(|f| f.evaluate(table)) {
        Ok(array) => panic!("{formula} gives {:?}", cells(&array)),
        Err(error) => error,
    }
}

/// Message and hint as a user sees them.
fn shown(error: &Error) -> String {
    error.hint().map_or(error.to_string(), |hint| format!("{error}\nhint: {hint}"))
}

fn expect(cases: &[(&str, &str)]) {
    for (formula, expected) in cases {
        let found = value(formula, &row()).unwrap_or_else(|| "missing".to_owned());
        assert_eq!(found, *expected, "{formula}");
    }
}

#[test]
fn arithmetic_is_real_and_missing_where_it_has_no_finite_value() {
    expect(&[
        ("a + b * 2", "11"),
        ("(a + b) * 2", "18"),
        ("a - b - 1", "4"),
        ("a / b", "3.5"),
        ("1 / 2", "0.5"),
        ("a % b", "1"),
        ("-a % 4", "-3"),
        ("- -a", "7"),
        ("-a * b", "-14"),
        ("a / zero", "missing"),
        ("a % zero", "missing"),
        ("zero / zero", "missing"),
        ("huge * 10", "missing"),
        ("huge + huge - huge", "missing"),
        ("a + none", "missing"),
        ("none * 0", "missing"),
        ("a + NULL", "missing"),
        ("1.5e-1 + .5", "0.65"),
    ]);
}

#[test]
fn functions_of_numbers_keep_to_their_domain() {
    expect(&[
        ("ln(exp(a))", "7"),
        ("LN(zero)", "missing"),
        ("ln(-a)", "missing"),
        ("log10(1000)", "3"),
        ("exp(a * 1000)", "missing"),
        ("sqrt(a + b)", "3"),
        ("sqrt(-a)", "missing"),
        ("power(b, 10)", "1024"),
        ("power(none, 0)", "missing"),
        ("power(-a, 0.5)", "missing"),
        ("abs(b - a)", "5"),
        ("sign(b - a) + sign(zero)", "-1"),
        ("floor(-3.5)", "-4"),
        ("ceil(-3.5)", "-3"),
        ("round(2.5) + round(-2.5)", "0"),
        ("round(a / 3, 2)", "2.33"),
        ("round(1234, -2)", "1200"),
        ("round(a, 400)", "7"),
        ("round(a, -400)", "0"),
        ("least(a, b, 3)", "2"),
        ("greatest(a, b, 3)", "7"),
        ("least(a, none)", "missing"),
        ("coalesce(none, NULL, a) + 1", "8"),
        ("nullif(a, 7)", "missing"),
        ("nullif(a, 8)", "7"),
        ("nullif(a, none) * 2", "14"),
    ]);
}

#[test]
fn comparison_and_logic_are_three_valued() {
    expect(&[
        ("a > b", "true"),
        ("a <= b", "false"),
        ("a = 7.0", "true"),
        ("a <> 7", "false"),
        ("a != none", "missing"),
        ("none = none", "missing"),
        ("a > 10 AND none > 1", "false"),
        ("a < 10 AND none > 1", "missing"),
        ("a < 10 OR none > 1", "true"),
        ("a > 10 OR none > 1", "missing"),
        ("NOT none > 1", "missing"),
        ("NOT a > 10", "true"),
        ("none IS NULL AND a IS NOT NULL", "true"),
        ("a / zero IS NULL", "true"),
        ("a BETWEEN 7 AND 9", "true"),
        ("a NOT BETWEEN 7 AND 9", "false"),
        ("a BETWEEN none AND 3", "false"),
        ("a BETWEEN none AND 9", "missing"),
        ("a IN (1, -2, 7)", "true"),
        ("a NOT IN (1, 7)", "false"),
        ("none IN (1, 2)", "missing"),
        ("word IN ('x', 'Straße 5')", "true"),
        ("flag AND NOT flag", "false"),
        ("flag = TRUE", "true"),
        ("TRUE OR FALSE AND FALSE", "true"),
        ("a + b IS NULL OR a - 1 > b * 2", "true"),
    ]);
}

#[test]
fn case_takes_a_missing_condition_for_false() {
    expect(&[
        ("CASE WHEN none > 1 THEN 1 WHEN a > 1 THEN 2 ELSE 3 END", "2"),
        ("CASE WHEN none > 1 THEN 1 END", "missing"),
        ("CASE WHEN none > 1 THEN 1 ELSE 3 END", "3"),
        ("CASE WHEN a > 1 THEN none ELSE 3 END", "missing"),
        ("CASE a WHEN 1 THEN 'one' WHEN 7 THEN 'seven' ELSE 'many' END", "seven"),
        ("CASE none WHEN NULL THEN 'x' ELSE 'y' END", "y"),
        ("case word when 'Straße 5' then a else b end + 1", "8"),
        ("CASE WHEN a > 1 THEN CASE WHEN b > 5 THEN 'p' ELSE 'q' END ELSE 'r' END", "q"),
    ]);
}

#[test]
fn text_functions_count_characters_and_know_case() {
    expect(&[
        ("length(word)", "8"),
        ("upper(word)", "STRASSE 5"),
        ("lower('ÄB')", "äb"),
        ("trim('  x ')", "x"),
        ("contains(word, 'aße')", "true"),
        ("starts_with(word, 'str')", "false"),
        ("ends_with(word, '5')", "true"),
        ("word LIKE 'Str%_5'", "true"),
        ("word NOT LIKE '%6'", "true"),
        ("none LIKE '%'", "missing"),
        ("length(none)", "missing"),
        ("concat(word, '-', b)", "Straße 5-2"),
        ("word || '!' || none", "missing"),
        ("'it''s'", "it's"),
        ("word < 'Z'", "true"),
    ]);
}

#[test]
fn dates_have_parts_and_distances() {
    expect(&[
        ("year(day) * 10000 + month(day) * 100 + day(day)", "20240229"),
        ("weekday(day)", "4"),
        ("hour(late) + hour(day)", "12"),
        ("days_between(day, late)", "1.5"),
        ("days_between(late, '2024-03-01')", "-0.5"),
        ("day(none)", "missing"),
        ("CAST(day AS TIMESTAMP) < '2024-03-01'", "true"),
        ("CAST(word AS TIMESTAMP) IS NULL", "true"),
        ("CAST(CAST('31.12.2023' AS TIMESTAMP) AS VARCHAR)", "2023-12-31"),
    ]);
    let typed = Table::from_columns([("d", Arc::new(Date32Array::from(vec![19_782])) as ArrayRef)]).unwrap();
    assert_eq!(
        value("d = '2024-02-29' AND d IN ('2024-02-29') AND weekday(d) = 4", &typed),
        Some("true".into())
    );
}

#[test]
fn cast_makes_what_does_not_fit_missing() {
    expect(&[
        ("CAST(word AS DOUBLE)", "missing"),
        ("CAST(a AS DOUBLE) / 2", "3.5"),
        ("CAST(-7.9 AS BIGINT)", "-7"),
        ("CAST(a / 2 AS VARCHAR)", "3.5"),
        ("CAST(0 * -1 AS VARCHAR)", "0"),
        ("CAST(flag AS BOOLEAN)", "true"),
        ("CAST(word AS BOOLEAN)", "missing"),
        ("CAST(a > b AS DOUBLE)", "1"),
        ("CAST(zero * 1 AS BOOLEAN)", "false"),
        ("CAST(none AS VARCHAR)", "missing"),
    ]);
}

#[test]
fn a_text_column_is_read_as_its_place_needs() {
    let table = csv(&[("x", &["10", "9", "010"]), ("y", &["9", "9.0", "10"])]);
    let all = |formula: &str| cells(&Formula::parse(formula).unwrap().evaluate(&table).unwrap());
    let truths = |values: [bool; 3]| values.map(|v| Some(v.to_string())).to_vec();
    assert_eq!(all("x > y"), truths([true, false, false]), "order compares numbers");
    assert_eq!(all("x = y"), truths([false, false, false]), "equality compares what is written");
    assert_eq!(all("x = 10"), truths([true, false, true]), "a number beside it makes it a number");
    assert_eq!(all("x = '10'"), truths([true, false, false]), "a text beside it makes it a text");
    assert_eq!(all("x = y * 1"), truths([false, true, true]));
    assert_eq!(all("coalesce(x, y)"), [Some("10".into()), Some("9".into()), Some("010".into())]);
}

#[test]
fn typed_columns_need_no_reading() {
    let table = Table::from_columns([
        ("i", Arc::new(Int64Array::from(vec![Some(3), None])) as ArrayRef),
        ("f", Arc::new(Float64Array::from(vec![f64::INFINITY, 2.0]))),
        ("b", Arc::new(BooleanArray::from(vec![Some(true), None]))),
        ("n", Arc::new(NullArray::new(2))),
    ])
    .unwrap();
    let all = |formula: &str| cells(&Formula::parse(formula).unwrap().evaluate(&table).unwrap());
    assert_eq!(all("i / 2"), [Some("1.5".into()), None]);
    assert_eq!(all("f"), [None, Some("2".into())], "a non-finite number counts as missing");
    assert_eq!(all("b AND TRUE"), [Some("true".into()), None]);
    assert_eq!(all("coalesce(n, i)"), [Some("3".into()), None]);
    assert_eq!(all("n + 1"), [None, None]);
    assert_eq!(all("n IS NULL"), [Some("true".into()), Some("true".into())]);
}

#[test]
fn times_with_a_zone_are_read_in_utc() {
    let noon_utc = TimestampSecondArray::from(vec![1_706_702_400]).with_timezone("+02:00");
    let table = Table::from_columns([
        ("typed", Arc::new(noon_utc) as ArrayRef),
        ("text", text(&["2024-01-31T14:00:00+02:00"])),
        ("without", text(&["2024-01-31 12:00"])),
    ])
    .unwrap();
    for column in ["typed", "text", "without"] {
        assert_eq!(value(&format!("hour({column})"), &table), Some("12".into()), "{column}");
    }
    assert_eq!(value("typed = text", &table), Some("true".into()), "a time beside it makes it a time");
}

#[test]
fn results_have_the_three_arrow_types() {
    for (formula, expected) in [
        ("a + 1", DataType::Float64),
        ("a > 1", DataType::Boolean),
        ("a", DataType::Utf8),
        ("NULL", DataType::Utf8),
    ] {
        let array = Formula::parse(formula).unwrap().evaluate(&row()).unwrap();
        assert_eq!(array.data_type(), &expected, "{formula}");
    }
}

#[test]
fn a_table_without_rows_gives_columns_without_rows() {
    let empty = row().slice(0, 0);
    for formula in ["a + 1", "word", "a > 1", "CASE WHEN a > 1 THEN 'x' END", "1"] {
        assert_eq!(Formula::parse(formula).unwrap().evaluate(&empty).unwrap().len(), 0, "{formula}");
    }
}

#[test]
fn any_column_name_can_be_written() {
    let names =
        ["größe in €", "select", "case", "日本 語", "the \"best\"", "a.b", "year", "back`tick", "1st"];
    for name in names {
        let table = csv(&[(name, &["4"])]);
        let formula = format!("{} * 2", quoted_column(name));
        assert_eq!(value(&formula, &table), Some("8".into()), "{formula}");
        assert_eq!(Formula::parse(&formula).unwrap().inputs(), [name]);
    }
    let table = csv(&[("größe", &["4"]), ("year", &["2024-01-31"]), ("a b", &["1"])]);
    assert_eq!(value("größe + year(year) + `a b`", &table), Some("2029".into()));
    assert!(failure("GRÖSSE + 1", &table).is_schema(), "case matters");
}

#[test]
fn inputs_are_named_once_and_in_order() {
    let formula = Formula::parse("b + a * b - CASE WHEN \"c c\" > 1 THEN a ELSE 0 END").unwrap();
    assert_eq!(formula.inputs(), ["b", "a", "c c"]);
}

#[test]
fn errors_point_at_the_place_and_say_what_may_stand_there() {
    let cases = [
        ("a +", "expected a column, a value or `(`, found the end at character 4\n  a +\n     ^"),
        ("a + * b", "expected a column, a value or `(`, found `*` at character 5\n  a + * b\n      ^"),
        ("(a + b", "expected `)`, found the end at character 7\n  (a + b\n        ^"),
        ("a b", "expected an operator or the end of the formula, found `b` at character 3\n  a b\n    ^"),
        (
            "a == b",
            "expected an operator or the end of the formula, found `==` at character 3\n  a == b\n    ^^\nhint: equality is written `=`",
        ),
        (
            "a;b",
            "expected an operator or the end of the formula, found `;` at character 2\n  a;b\n   ^\nhint: a formula is one expression",
        ),
        (
            "a + agee",
            "there is no column `agee` at character 5\n  a + agee\n      ^^^^\nhint: the columns are `a`, ",
        ),
        (
            "flor(a)",
            "there is no function `flor` at character 1\n  flor(a)\n  ^^^^\nhint: did you mean `floor`?",
        ),
        (
            "mean(a)",
            "there is no function `mean` at character 1\n  mean(a)\n  ^^^^\nhint: formulas see one row; for statistics over rows use a feature of kind `group`, for the smallest or largest of several columns `least` or `greatest`",
        ),
        (
            "round(a, 1, 2)",
            "`round` takes 1 or 2 arguments, 3 found at character 1\n  round(a, 1, 2)\n  ^^^^^^^^^^^^^^",
        ),
        (
            "CAST(a AS DOBLE)",
            "expected one of the types `DOUBLE`, `BIGINT`, `VARCHAR`, `BOOLEAN`, `TIMESTAMP`, found `DOBLE` at character 11\n  CAST(a AS DOBLE)\n            ^^^^^\nhint: did you mean `DOUBLE`?",
        ),
        (
            "a--1",
            "found a comment at character 2\n  a--1\n   ^^^\nhint: formulas have no comments; write `a - -1` with a space",
        ),
        (
            "'abc",
            "found text that is not closed at character 1\n  'abc\n  ^\nhint: close it with `'`; write `''` for a quote inside",
        ),
        (
            "a IN (1, 'x')",
            "a list of `IN` mixes types: found another one at character 10\n  a IN (1, 'x')\n           ^^^\nhint: write numbers bare and texts in `'`",
        ),
        (
            "t.a",
            "found a name with a dot outside quotes at character 1\n  t.a\n  ^^\nhint: columns have no table in front; a name that contains a dot is written in `\"`",
        ),
        (
            "lower(word) + 1",
            "arithmetic needs a number, found text at character 1\n  lower(word) + 1\n  ^^^^^^^^^^^\nhint: `CAST(x AS DOUBLE)` makes a number of it, missing where it is none",
        ),
        (
            "lower(word) = 1",
            "a comparison needs one type, found text and a number at character 1\n  lower(word) = 1\n  ^^^^^^^^^^^   ^\nhint: `CAST(x AS VARCHAR)` makes a text of it",
        ),
        ("CASE WHEN a THEN 1 ELSE 'x' END", "`CASE` needs one type, found a number and text at character 18"),
        ("1 < a < 3", "a comparison needs one type, found a boolean and a number at character 1"),
        (
            "NOT a + 1",
            "`NOT` needs a boolean, found a number at character 5\n  NOT a + 1\n      ^^^^^\nhint: compare it, as in `x <> 0`",
        ),
        (
            "a +\n  ü + \"b",
            "found a column name that is not closed at line 2, character 7\n    ü + \"b\n        ^\nhint: close it with the quote that opens it",
        ),
        (
            "CAST(day AS TIMESTAMP) - 1",
            "arithmetic needs a number, found a time at character 1\n  CAST(day AS TIMESTAMP) - 1\n  ^^^^^^^^^^^^^^^^^^^^^^\nhint: use `year`, `month`, `day`, `weekday`, `hour` or `days_between(from, to)`",
        ),
        (
            "day > CAST('soon' AS TIMESTAMP) OR CAST(day AS TIMESTAMP) = 'soon'",
            "`soon` is no date or time at character 61",
        ),
    ];
    for (formula, expected) in cases {
        let found = shown(&failure(formula, &row()));
        assert!(found.starts_with(expected), "{formula}\nfound:\n{found}\nexpected:\n{expected}");
    }
}

#[test]
fn absent_columns_are_listed_together_with_their_neighbours() {
    let table = csv(&[("age", &["1"]), ("amount", &["2"])]);
    let error = failure("agee + amont * agee + age", &table);
    assert!(error.is_schema());
    assert_eq!(
        shown(&error),
        "there are no columns `agee`, `amont` at character 1\n  agee + amont * agee + age\n  ^^^^   ^^^^^   ^^^^\n\
         hint: did you mean `age`, `amount`?"
    );
}

#[test]
fn nothing_outside_the_language_parses() {
    for formula in [
        "",
        " ",
        "SELECT 1",
        "(SELECT a FROM t)",
        "a FROM t",
        "now()",
        "random()",
        "current_date",
        "count(*)",
        "a IN (SELECT 1)",
        "a IN ()",
        "a IN (b)",
        "a IN (NULL)",
        "a::int",
        "a ^ b",
        "a & b",
        "a -> b",
        "a[1]",
        "{a}",
        "$1",
        "?",
        "a, b",
        "a := 1",
        "x'ff'",
        "INTERVAL '1' DAY",
        "a IS TRUE",
        "CASE END",
        "CASE a END",
        "floor(a, b)",
        "a BETWEEN 1",
        "EXTRACT(year FROM a)",
        "a LIKE b",
        "a NOT b",
        "1e999",
        "row_number() OVER ()",
        "\u{0}",
        "and",
        "a /* x */",
        "sum(a) FILTER (WHERE a > 1)",
        "@a",
        "DATE '2024-01-01'",
        "a ILIKE 'b'",
        "1 2",
        "a.b.c",
        "coalesce(a)",
    ] {
        let error = failure(formula, &row());
        assert!(
            error.is_formula() || (error.is_schema() && error.to_string().contains("no column")),
            "{formula}: {error}"
        );
    }
}

#[test]
fn the_limits_stop_a_formula_where_they_are_reached() {
    let table = row();
    let sum = |n: usize| vec!["a"; n].join("+");
    assert_eq!(value(&sum(MAX_PARTS / 2), &table), Some((7 * MAX_PARTS / 2).to_string()));
    // The part beyond the limit is the 257th term, whatever follows.
    for n in [257, 8_000] {
        let error = failure(&sum(n), &table);
        let expected = format!("more than {MAX_PARTS} parts at character {}", 2 * (MAX_PARTS / 2) + 1);
        assert!(error.is_formula() && error.to_string().contains(&expected), "{error}");
    }
    let error = failure(&sum(10_000), &table);
    assert!(
        error.is_formula() && error.to_string().contains(&format!("at most {MAX_FORMULA_BYTES}")),
        "{error}"
    );
    let listed = format!("a IN ({})", vec!["1"; 2_000].join(","));
    assert!(failure(&listed, &table).to_string().contains("parts"));

    let deep = |open: &str, close: &str, n: usize| format!("{}a{}", open.repeat(n), close.repeat(n));
    for (open, close) in
        [("(", ")"), ("floor(", ")"), ("-", ""), ("CASE WHEN TRUE THEN ", " END"), ("CAST(", " AS DOUBLE)")]
    {
        let spaced = if open == "-" { "- " } else { open };
        assert!(value(&deep(spaced, close, MAX_DEPTH), &table).is_some());
        // Also unclosed, where parsers that try again double their work with each level.
        for formula in [deep(spaced, close, MAX_DEPTH + 1), deep(spaced, "", 400), spaced.repeat(400)] {
            let error = failure(&formula, &table);
            let at = spaced.chars().count() * (MAX_DEPTH + 1);
            let place: usize =
                error.to_string().lines().next().unwrap().rsplit(' ').next().unwrap().parse().unwrap();
            assert!(error.to_string().contains("nests deeper") && place <= at + 1, "{error}");
        }
    }
    assert!(failure(&"NOT ".repeat(4_000), &table).to_string().contains("nests deeper"));
}

#[test]
fn features_that_double_each_other_are_stopped() {
    let doubled = |i: usize| Feature::formula(format!("f{}", i + 1), format!("f{i} || f{i}"), "");
    let features = [Feature::formula("f0", "concat(word, word)", "")].into_iter().chain((0..60).map(doubled));
    let error = FeatureEngineer::new(features.collect()).unwrap().transform(&row()).unwrap_err();
    // `word` has 9 bytes: 9 * 2^12 fit into 64 KiB, 9 * 2^13 do not.
    assert_eq!(
        error.to_string(),
        "feature `f12`: `concat` gives a text of 73728 bytes, at most 65536 are allowed"
    );
}

#[test]
fn every_function_can_be_called() {
    for name in function_names() {
        let works = ["a", "a, b", "day", "day, late"]
            .iter()
            .any(|args| Formula::parse(&format!("{name}({args})")).and_then(|f| f.evaluate(&row())).is_ok());
        assert!(works, "{name}");
    }
}

#[test]
fn a_cell_that_cannot_be_read_is_named() {
    let table = csv(&[("x", &["1", "", "abc"]), ("d", &["2024-01-01", "", "03/04/2024"])]);
    let mut engineer = FeatureEngineer::new(vec![Feature::formula("f", "x + 1", "")]).unwrap();
    let error = engineer.fit(&table).unwrap_err();
    assert!(error.is_value());
    assert_eq!(
        shown(&error),
        "feature `f`: column `x`, row 3: `abc` is not a number\nhint: in a formula, `CAST(x AS DOUBLE)` makes such cells missing"
    );
    let error = failure("year(d)", &table);
    assert_eq!(error.to_string(), "column `d`, row 3: day and month of `03/04/2024` could be swapped");
}

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

    #[test]
    fn any_text_parses_or_gives_an_error(formula in "[a-z0-9 ()'\"+*/,.<=>-]{0,40}|(\\PC{0,20})") {
        if let Err(error) = Formula::parse(&formula).and_then(|f| f.evaluate(&row())) {
            prop_assert!(error.is_formula() || error.is_schema() || error.is_value());
        }
    }

    #[test]
    fn numbers_follow_the_formula(a in -1e3..1e3f64, b in -1e3..1e3f64, c in 1e-3..1e3f64) {
        let array = |x: f64| Arc::new(Float64Array::from(vec![x])) as ArrayRef;
        let table = Table::from_columns([("a", array(a)), ("b", array(b)), ("c", array(c))]).unwrap();
        let found = Formula::parse("(a - b) / c + sqrt(c) * -abs(a) - power(c, 2)").unwrap().evaluate(&table).unwrap();
        let expected = (a - b) / c + c.sqrt() * -a.abs() - c.powf(2.0);
        prop_assert_eq!(found.as_primitive::<Float64Type>().value(0), expected);
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
    let done = engineer.transform_with(&without, TransformOptions { skip_missing: true }).unwrap();
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
