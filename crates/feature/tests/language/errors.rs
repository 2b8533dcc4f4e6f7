//! What a formula may not say, and what it is told then.

use super::*;

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
            "a ** b",
            "expected a column, a value or `(`, found `*` at character 4\n  a ** b\n     ^\nhint: write `power(x, y)` for `x ** y`",
        ),
        (
            "a // b",
            "expected an operator or the end of the formula, found `//` at character 3\n  a // b\n    ^^\nhint: write `floor(x / y)` for `x // y`",
        ),
        (
            "a > 1 && b > 1",
            "expected an operator or the end of the formula, found `&&` at character 7\n  a > 1 && b > 1\n        ^^\nhint: write `x AND y`",
        ),
        (
            "a if a > 1 else b",
            "expected an operator or the end of the formula, found `if` at character 3\n  a if a > 1 else b\n    ^^\nhint: write `if(condition, x, y)`",
        ),
        (
            "log(a, 2)",
            "`log` takes 1 argument, 2 found at character 1\n  log(a, 2)\n  ^^^^^^^^^\nhint: `log(x)` is natural; to another base write `log(x) / log(base)`",
        ),
        (
            "if(a > 1, 2)",
            "`if` takes 3 arguments, 2 found at character 1\n  if(a > 1, 2)\n  ^^^^^^^^^^^^\nhint: write `if(condition, x, y)`, with `NULL` where there is no value",
        ),
        (
            "where(a > 1, 2, 3)",
            "there is no function `where` at character 1\n  where(a > 1, 2, 3)\n  ^^^^^\nhint: write `if(condition, x, y)`",
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
            "there is no function `flor` at character 1\n  flor(a)\n  ^^^^\nhint: did you mean `floor`, `log`?",
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
        let works = ["a", "a, b", "flag, a, b", "day", "day, late"]
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
        "feature `f`: column `x`, row 2: `abc` is not a number\nhint: in a formula, `CAST(x AS DOUBLE)` makes such cells missing"
    );
    let error = failure("year(d)", &table);
    assert_eq!(error.to_string(), "column `d`, row 2: day and month of `03/04/2024` could be swapped");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn any_text_parses_or_gives_an_error(formula in "[a-z0-9 ()'\"+*/,.<=>-]{0,40}|(\\PC{0,20})") {
        if let Err(error) = Formula::parse(&formula).and_then(|f| f.evaluate(&row())) {
            prop_assert!(error.is_formula() || error.is_schema() || error.is_value());
        }
    }
}
