//! Formulas that are made to exhaust time or memory: refused at once, with the limit.

use std::time::Instant;

use tabgraft_feature::engineer::MAX_FEATURES;
use tabgraft_feature::expr::MAX_PATTERN_CHARS;

use super::*;

/// Longest that a refusal may take, in milliseconds, on a machine that is busy with other tests.
const MOST_MS: u128 = 100;
/// Largest message of a refusal, in bytes: a bomb must not come back as a message.
const MAX_MESSAGE_BYTES: usize = 1_000;

/// The error of `attempt`, the quickest of three in time, and of a readable length.
fn refused<T>(what: &str, attempt: impl Fn() -> Result<T, Error>) -> String {
    let mut quickest = u128::MAX;
    let mut message = String::new();
    for _ in 0..3 {
        let start = Instant::now();
        let Err(error) = attempt() else { panic!("{what} was accepted") };
        quickest = quickest.min(start.elapsed().as_millis());
        message = shown(&error);
    }
    assert!(quickest <= MOST_MS, "{what} was refused in {quickest} ms");
    assert!(message.len() <= MAX_MESSAGE_BYTES, "{what}: a message of {} bytes", message.len());
    message
}

#[test]
fn formulas_beyond_a_limit_are_refused_in_milliseconds() {
    let nested = |open: &str, inner: &str, close: &str, n: usize| {
        format!("{}{inner}{}", open.repeat(n), close.repeat(n))
    };
    let (bytes, parts, depth) = (
        format!("at most {MAX_FORMULA_BYTES}"),
        format!("more than {MAX_PARTS} parts"),
        "deeper than 32 levels",
    );
    assert_eq!(MAX_DEPTH, 32);
    let pattern = format!("at most {MAX_PATTERN_CHARS} are allowed");
    let table = row();
    for (what, formula, limit) in [
        ("10,000 terms", vec!["a"; 10_000].join(" + "), bytes.as_str()),
        ("8,000 terms", vec!["a"; 8_000].join("+"), &parts),
        ("10,000 parentheses", nested("(", "a", ")", 10_000), &bytes),
        ("5,000 parentheses", nested("(", "a", ")", 5_000), depth),
        ("1,500 calls", nested("floor(", "a", ")", 1_500), depth),
        ("2,000 calls without an end", "floor(".repeat(2_000), depth),
        ("upper of concat of upper", nested("upper(concat(", "word", ",word))", 500), depth),
        ("CASE in CASE", nested("CASE WHEN TRUE THEN ", "a", " END", 600), depth),
        ("a text of a million characters", format!("length('{}')", "x".repeat(1_000_000)), &bytes),
        ("concat of 3,000 texts", format!("concat({})", vec!["'xy'"; 3_000].join(",")), &parts),
        ("a list of 5,000 members", format!("a IN ({})", vec!["1"; 5_000].join(",")), &parts),
        ("a pattern of 8,000 parts", format!("word LIKE '{}'", "%a".repeat(8_000)), &pattern),
        ("a number of 16,000 digits", format!("a + {}", "9".repeat(16_000)), "out of range"),
        (
            "a function with a name of 16,000 letters",
            format!("{}(a)", "f".repeat(16_000)),
            "no function `fff",
        ),
        ("a word too much of 16,000 letters", format!("a {}", "b".repeat(16_000)), "expected an operator"),
        (
            "a date of 16,000 letters",
            format!("day(CAST(day AS TIMESTAMP)) + day('{}')", "1".repeat(16_000)),
            "no date",
        ),
    ] {
        let message = refused(what, || Formula::parse(&formula).and_then(|f| f.evaluate(&table)));
        assert!(message.contains(limit), "{what}: {message}");
    }
}

#[test]
fn texts_that_grow_are_refused_at_the_first_row_that_is_too_long() {
    let long = csv(&[("t", &[&"x".repeat(40_000)]), ("greek", &[&"\u{390}".repeat(20_000)])]);
    let limit = "at most 65536 are allowed";
    for (what, formula) in [
        ("concat", "concat(t, t)".to_owned()),
        ("||", "t || upper(t)".to_owned()),
        ("concat of 500 long texts", format!("concat({})", vec!["t"; 500].join(","))),
        // A letter of two bytes that becomes three letters of six bytes together.
        ("upper", "upper(greek)".to_owned()),
    ] {
        let evaluate = || Formula::parse(&formula).and_then(|f| f.evaluate(&long));
        let message = refused(what, evaluate);
        assert!(message.contains(limit), "{what}: {message}");
    }
}

#[test]
fn lists_of_features_are_limited_too() {
    let many = || (0..=MAX_FEATURES).map(|i| Feature::formula(format!("f{i}"), "a", "")).collect();
    let message = refused("10,001 features", || FeatureEngineer::new(many()));
    assert!(message.contains(&format!("at most {MAX_FEATURES} are allowed")), "{message}");
}
