//! What a formula gives, by function and type.

use super::*;

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
        ("word_count('two-part words, 3 of 5!')", "6"),
        ("word_count(word) + word_count(' - ')", "2"),
        ("word_count(none)", "missing"),
        ("digit_count('12 of 300')", "5"),
        ("digit_count(word) + digit_count('none')", "1"),
        ("has_word(word, 'STRASSE')", "false"),
        ("has_word(word, 'straße') AND has_word(word, '5')", "true"),
        ("has_word('a cat, in-side', 'In')", "true"),
        ("has_word('scary', 'car')", "false"),
        ("has_word(none, 'car')", "missing"),
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

/// `log` is natural, as in Python and R; `substr` counts from 1, as in SQL.
#[test]
fn spellings_of_other_languages_are_understood() {
    expect(&[
        ("log(exp(a))", "7"),
        ("log(zero)", "missing"),
        ("log(8) / log(2)", "3"),
        ("pow(b, 10)", "1024"),
        ("if(a > 3, 'many', 'few')", "many"),
        ("IF(none > 1, 1, 2)", "2"),
        ("if(a > 10, 1, NULL)", "missing"),
        ("if(flag, a, b) + if(a > b, if(b > a, 1, 2), 3)", "9"),
        ("substr(word, 1, 3)", "Str"),
        ("substr(word, 5)", "ße 5"),
        ("substring(word, -1)", "5"),
        ("substr(word, -3, 2)", "e "),
        ("substr(word, -20, 13)", "S"),
        ("substr(word, 20)", ""),
        ("substr(word, 3, 0)", ""),
        ("substr(word, 0, 2)", "missing"),
        ("substr(word, 2, -1)", "missing"),
        ("substr(word, none)", "missing"),
        ("substr(none, 1)", "missing"),
    ]);
}

/// A column of true and false, or of 0 and 1, is a boolean to the space, and so it is in a formula.
#[test]
fn booleans_are_numbers_and_conditions_as_the_space_sees_them() {
    let table = Table::from_columns([
        ("truth", Arc::new(BooleanArray::from(vec![Some(true), Some(false), None])) as ArrayRef),
        ("bit", Arc::new(Int64Array::from(vec![Some(1), Some(0), None]))),
        ("real", Arc::new(Float64Array::from(vec![Some(1.0), Some(0.0), None]))),
        ("many", Arc::new(Int64Array::from(vec![Some(1), Some(2), None]))),
    ])
    .unwrap();
    let all = |formula: &str| cells(&Formula::parse(formula).unwrap().evaluate(&table).unwrap());
    let row = |first: &str, second: &str| vec![Some(first.to_owned()), Some(second.to_owned()), None];
    for column in ["truth", "bit", "real"] {
        assert_eq!(all(&format!("{column} * 10")), row("10", "0"), "{column}");
        assert_eq!(all(&format!("NOT {column}")), row("false", "true"), "{column}");
        assert_eq!(all(&format!("if({column}, 'in', 'out')"))[..2], row("in", "out")[..2], "{column}");
        assert_eq!(all(&format!("{column} = TRUE")), row("true", "false"), "{column}");
        assert_eq!(all(&format!("{column} = 1")), row("true", "false"), "{column}");
    }
    assert_eq!(all("truth = 'yes'"), row("true", "false"));
    let error = failure("if(many, 1, 0)", &table);
    assert!(
        error.to_string().contains("column `many`") && error.to_string().contains("yes or no"),
        "{error}"
    );
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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn numbers_follow_the_formula(a in -1e3..1e3f64, b in -1e3..1e3f64, c in 1e-3..1e3f64) {
        let array = |x: f64| Arc::new(Float64Array::from(vec![x])) as ArrayRef;
        let table = Table::from_columns([("a", array(a)), ("b", array(b)), ("c", array(c))]).unwrap();
        let found = Formula::parse("(a - b) / c + sqrt(c) * -abs(a) - power(c, 2)").unwrap().evaluate(&table).unwrap();
        // A power that the compiler sees it would make a product, which may round to another last bit.
        let expected = (a - b) / c + c.sqrt() * -a.abs() - c.powf(std::hint::black_box(2.0));
        prop_assert_eq!(found.as_primitive::<Float64Type>().value(0), expected);
    }
}
