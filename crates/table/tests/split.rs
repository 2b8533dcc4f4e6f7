//! Rows stay in their parts.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float32Array, Float64Array, Int64Array,
    StringArray, UInt64Array,
};
use proptest::prelude::*;
use tabgraft_table::Table;
use tabgraft_table::row_hash::{WholeNumbers, n_nearly_equal, row_hashes};
use tabgraft_table::schema::{InferOptions, Schema, infer};
use tabgraft_table::split::{Part, Split, SplitBy, SplitKey, SplitOptions, Stretch};

const PARTS: [Part; 3] = [Part::Train, Part::Valid, Part::Test];

fn text(cells: impl IntoIterator<Item = String>) -> ArrayRef {
    Arc::new(cells.into_iter().map(|c| Some(c).filter(|c| !c.is_empty())).collect::<StringArray>())
}

fn numbers(n: usize) -> Table {
    let x = text((0..n).map(|i| (i * 7919 % 10_007).to_string()));
    let g = text((0..n).map(|i| format!("group {}", i % 40)));
    let day = text((0..n).map(|i| format!("2024-{:02}-{:02}", i * 11 % 12 + 1, i * 5 % 28 + 1)));
    Table::from_columns([("x", x), ("g", g), ("day", day)]).unwrap()
}

fn schema(table: &Table) -> Schema {
    infer(table, &InferOptions::default()).unwrap()
}

fn fit(table: &Table, options: &SplitOptions) -> Split {
    Split::fit(options, table, &schema(table)).unwrap()
}

fn count(parts: &[Part], part: Part) -> usize {
    parts.iter().filter(|p| **p == part).count()
}

#[test]
fn rows_keep_their_part_when_rows_move_and_columns_come() {
    let table = numbers(400);
    let split = fit(&table, &SplitOptions::default());
    let parts = split.assign(&table).unwrap();
    let order: Vec<u32> = (0..400).map(|i| i * 123 % 400).collect();
    let moved = split.assign(&table.take(&order).unwrap()).unwrap();
    assert!(order.iter().zip(&moved).all(|(i, part)| parts[*i as usize] == *part));
    let wider = table.with_column("new", Arc::new(Int64Array::from_iter_values(0..400))).unwrap();
    assert_eq!(split.assign(&wider).unwrap(), parts);
    assert_eq!(split.assign(&table.slice(10, 20)).unwrap(), parts[10..30]);
    let stored: Split = serde_json::from_str(&serde_json::to_string(&split).unwrap()).unwrap();
    stored.check().unwrap();
    assert_eq!(stored.assign(&table).unwrap(), parts);
    let error = split.assign(&table.without(&["g".into()]).unwrap()).unwrap_err();
    assert!(error.is_schema() && error.to_string().contains("train, validate and test"), "{error}");
}

#[test]
fn shares_are_near_and_seeds_differ() {
    let table = numbers(2000);
    let options = SplitOptions { p_valid: 0.1, p_test: 0.3, ..Default::default() };
    let parts = fit(&table, &options).assign(&table).unwrap();
    assert!((count(&parts, Part::Valid) as f64 - 200.0).abs() <= 14.0);
    assert!((count(&parts, Part::Test) as f64 - 600.0).abs() <= 21.0);
    let other = fit(&table, &SplitOptions { seed: 1, ..options }).assign(&table).unwrap();
    let n_test_in_both =
        parts.iter().zip(&other).filter(|(a, b)| **a == Part::Test && **b == Part::Test).count();
    assert!((120..=240).contains(&n_test_in_both), "{n_test_in_both} of 180 expected by chance");
}

#[test]
fn duplicates_go_together() {
    let half = numbers(100);
    let rows: Vec<u32> = (0..100).chain(0..100).collect();
    let table = half.take(&rows).unwrap();
    let parts = fit(&table, &SplitOptions::default()).assign(&table).unwrap();
    assert_eq!(parts[..100], parts[100..]);
}

#[test]
fn groups_stay_whole() {
    let table = numbers(400);
    let by = SplitKey::Group { column: "g".into() };
    let parts = fit(&table, &SplitOptions { by, ..Default::default() }).assign(&table).unwrap();
    assert!((0..400).all(|i| parts[i] == parts[i % 40]));
    assert!(PARTS.iter().all(|part| count(&parts, *part) > 0));
    let by = SplitKey::Group { column: "g".into() };
    let two = table.take(&[0, 1, 40, 41]).unwrap();
    let error = Split::fit(&SplitOptions { by, ..Default::default() }, &two, &schema(&table)).unwrap_err();
    let told = "2 groups in `g` cannot be split into parts of 0.650, 0.150 and 0.200 without an empty one";
    assert_eq!(error.to_string(), told);
}

#[test]
fn the_latest_rows_test_and_those_before_validate() {
    let table = numbers(400);
    let by = SplitKey::Time { column: "day".into() };
    let split = fit(&table, &SplitOptions { by, p_valid: 0.2, p_test: 0.25, seed: 0 });
    let parts = split.assign(&table).unwrap();
    // ISO dates order as text.
    let days = table.column("day").unwrap();
    let days = days.as_any().downcast_ref::<StringArray>().unwrap();
    let range = |part: Part| {
        let of_part =
            || parts.iter().zip(days.iter()).filter(move |(p, _)| **p == part).map(|(_, d)| d.unwrap());
        (of_part().min().unwrap(), of_part().max().unwrap())
    };
    assert!(range(Part::Train).1 < range(Part::Valid).0);
    assert!(range(Part::Valid).1 < range(Part::Test).0);
    assert!((count(&parts, Part::Test) as f64 - 100.0).abs() < 8.0);
    assert!((count(&parts, Part::Valid) as f64 - 80.0).abs() < 8.0);
}

#[test]
fn times_are_cut_where_the_shares_say() {
    let time = text([7, 0, 3, 9, 1, 8, 2, 6, 4, 5].map(|t: i32| t.to_string()));
    let table = Table::from_columns([("t", time)]).unwrap();
    let cut = |p_valid: f64, p_test: f64| {
        let by = SplitKey::Time { column: "t".into() };
        let split =
            Split::fit(&SplitOptions { by, p_valid, p_test, seed: 0 }, &table, &Schema::default()).unwrap();
        let SplitBy::Time { valid_from, test_from, .. } = split.by else { panic!("{split:?}") };
        (valid_from, test_from)
    };
    assert_eq!(cut(0.2, 0.3), (Some(5.0), Some(7.0)));
    assert_eq!(cut(0.1, 0.1), (Some(8.0), Some(9.0)));
    assert_eq!(cut(0.5, 0.4), (Some(1.0), Some(6.0)));
    assert_eq!(cut(0.0, 0.4), (None, Some(6.0)));
    assert_eq!(cut(0.4, 0.0), (Some(6.0), None));
    assert_eq!(cut(0.0, 0.0), (None, None));
    // So late that nothing is left to test: one row is.
    assert_eq!(cut(0.0, 0.001), (None, Some(9.0)));
    // So early that nothing is left to train on: one row is, and one to validate.
    assert_eq!(cut(0.3, 0.69), (Some(1.0), Some(3.0)));
    assert_eq!(cut(0.001, 0.998), (Some(1.0), Some(2.0)));
}

#[test]
fn rows_in_two_are_those_that_train_and_the_others() {
    let table = numbers(400);
    let options = SplitOptions::of_held_out(0.3, 5);
    assert_eq!((options.p_valid, options.p_test, options.seed), (0.15, 0.15, 5));
    assert_eq!(options.by, SplitKey::Rows);
    let parts = fit(&table, &options).assign(&table).unwrap();
    let [train, held_out] = Split::in_two(&options, &table, &schema(&table)).unwrap();
    let rows = |trains: bool| {
        (0..400_u32).filter(|row| (parts[*row as usize] == Part::Train) == trains).collect::<Vec<_>>()
    };
    assert_eq!((&train, &held_out), (&rows(true), &rows(false)));
    assert!((held_out.len() as f64 - 120.0).abs() < 20.0 && train.len() + held_out.len() == 400);
}

#[test]
fn later_times_have_parts_of_their_own_and_earlier_ones_keep_theirs() {
    let days = |range: std::ops::Range<i64>| -> Table {
        Table::from_columns([("t", Arc::new(Int64Array::from_iter_values(range)) as ArrayRef)]).unwrap()
    };
    let by = SplitKey::Time { column: "t".into() };
    let options = SplitOptions { by, p_valid: 0.2, p_test: 0.1, seed: 0 };
    let first = Split::fit(&options, &days(0..100), &Schema::default()).unwrap();
    let all = days(0..400);
    let parts = first.assign(&all).unwrap();
    assert!(parts[90..].iter().all(|part| *part == Part::Test), "without more all that is later tests");
    // Rows of before, in whatever number, change nothing.
    assert_eq!(first.continued(&days(50..100)).unwrap(), None);
    let second = first.continued(&days(50..200)).unwrap().unwrap();
    let third = second.continued(&days(200..300)).unwrap().unwrap();
    for (split, n_before, n) in [(&second, 100, 200), (&third, 200, 300)] {
        split.check().unwrap();
        let own = split.assign(&all).unwrap();
        assert_eq!(own[..n - 100], parts_before(&first, &second, &all)[..n - 100]);
        let of = |part: Part| own[n_before..n].iter().filter(|p| **p == part).count();
        assert_eq!([of(Part::Train), of(Part::Valid), of(Part::Test)], [70, 20, 10]);
        assert!(own[n_before..n].is_sorted() && own[n..].iter().all(|part| *part == Part::Test));
        let stored: Split = serde_json::from_str(&serde_json::to_string(split).unwrap()).unwrap();
        assert_eq!(&stored, split);
    }
    assert_eq!(third.with_earlier(), [third.clone(), second, first.clone()]);
    assert_eq!(first.with_earlier(), std::slice::from_ref(&first));
    // Two times cannot be three parts; without the column, or by rows, nothing goes on.
    let error = first.continued(&days(0..102)).unwrap_err();
    assert!(error.is_value() && error.to_string().contains("after the last time"), "{error}");
    assert_eq!(first.continued(&numbers(20)).unwrap(), None);
    let table = numbers(400);
    assert_eq!(fit(&table, &SplitOptions::default()).continued(&table).unwrap(), None);
    // A split of before the last time was kept does not know what is later.
    let mut old = first;
    if let SplitBy::Time { last, .. } = &mut old.by {
        *last = None;
    }
    assert_eq!(old.continued(&all).unwrap(), None);
}

/// Parts by the first split up to its last time, and by the second behind it.
fn parts_before(first: &Split, second: &Split, all: &Table) -> Vec<Part> {
    [&first.assign(all).unwrap()[..100], &second.assign(all).unwrap()[100..]].concat()
}

#[test]
fn times_that_repeat_never_stand_on_both_sides() {
    let time = text((0..50).map(|i| if i < 45 { 2000 } else { 2001 + i % 2 }.to_string()));
    let table = Table::from_columns([("t", time)]).unwrap();
    let by = SplitKey::Time { column: "t".into() };
    let parts = fit(&table, &SplitOptions { by: by.clone(), ..Default::default() }).assign(&table).unwrap();
    assert_eq!(PARTS.map(|part| count(&parts, part)), [45, 2, 3]);
    let two = table.slice(0, 45).with_column("t", text((0..45).map(|i| (i % 2).to_string()))).unwrap();
    let error = Split::fit(&SplitOptions { by, ..Default::default() }, &two, &Schema::default()).unwrap_err();
    assert!(error.is_value() && error.hint().is_some(), "{error}");
}

#[test]
fn small_tables_have_no_empty_part_and_too_small_ones_say_so() {
    for n in [20, 25, 40] {
        for seed in 0..20 {
            let table = numbers(n);
            let options = SplitOptions { p_valid: 0.1, p_test: 0.1, seed, ..Default::default() };
            let parts = fit(&table, &options).assign(&table).unwrap();
            assert!(PARTS.iter().all(|part| count(&parts, *part) > 0), "{n} rows, seed {seed}");
        }
    }
    let same = numbers(1).take(&[0; 50]).unwrap();
    let mut one_row = schema(&numbers(9));
    one_row.columns.retain(|c| c.name == "x");
    let error = Split::fit(&SplitOptions::default(), &same, &one_row).unwrap_err();
    assert!(error.to_string().starts_with("1 different rows cannot be split"), "{error}");
    let options = SplitOptions { p_valid: 0.6, p_test: 0.5, ..Default::default() };
    assert!(Split::fit(&options, &numbers(50), &one_row).unwrap_err().is_option());
    let none = SplitOptions { p_valid: 0.0, p_test: 0.0, ..Default::default() };
    assert!(fit(&numbers(30), &none).assign(&numbers(30)).unwrap().iter().all(|p| *p == Part::Train));
}

#[test]
fn csv_text_and_typed_columns_hash_alike() {
    let hashes = |name: &str, array: ArrayRef| {
        row_hashes(&Table::from_columns([(name, array)]).unwrap(), &[name.to_owned()]).unwrap()
    };
    let csv = |cells: &[&str]| text(cells.iter().map(|c| (*c).to_owned()));
    let pairs: [(ArrayRef, ArrayRef); 5] = [
        (csv(&["1", "-20", ""]), Arc::new(Int64Array::from(vec![Some(1), Some(-20), None]))),
        (csv(&["1.50", "1e3", "-0"]), Arc::new(Float64Array::from(vec![1.5, 1000.0, 0.0]))),
        (csv(&["0.1", "", "2"]), Arc::new(Float32Array::from(vec![Some(0.1), None, Some(2.0)]))),
        (csv(&["True", "false"]), Arc::new(BooleanArray::from(vec![true, false]))),
        (csv(&["2024-01-01", "1970-01-01"]), Arc::new(Date32Array::from(vec![19_723, 0]))),
    ];
    for (text, typed) in pairs {
        assert_eq!(hashes("a", text.clone()), hashes("a", typed.clone()), "{typed:?}");
        assert_ne!(hashes("a", text), hashes("b", typed), "the name enters the hash");
    }
    let codes = hashes("a", csv(&["007", "7", "", "m", "07"]));
    let distinct: std::collections::HashSet<u64> = codes.iter().copied().collect();
    assert_eq!(distinct.len(), 5, "codes with leading zeros are text, missing is no text");
    let table = numbers(50);
    let forward = row_hashes(&table, &["x".into(), "g".into()]).unwrap();
    assert_eq!(row_hashes(&table, &["g".into(), "x".into()]).unwrap(), forward);
    assert_ne!(row_hashes(&table, &["g".into()]).unwrap(), forward);
}

/// Files name seeds and salts, never parts: a row's part follows from them for ever. These figures were
/// computed by another program (BLAKE3 of the documented bytes, SplitMix64).
#[test]
fn a_rows_hash_and_part_are_these_for_ever() {
    let table = Table::from_columns([
        ("a", text(["1", "-2.5", ""].map(String::from))),
        ("town", text(["Ulm", "007", "True"].map(String::from))),
        ("when", text(["2024-01-01", "", "1970-01-01"].map(String::from))),
    ])
    .unwrap();
    let hashes = row_hashes(&table, &table.column_names()).unwrap();
    assert_eq!(hashes, [0xe594_7281_0120_4ad2, 0x130d_22e1_d10e_c39e, 0xd3e3_b0e3_7329_3b95]);

    let table =
        Table::from_columns([("x", Arc::new(Int64Array::from_iter_values(0..40)) as ArrayRef)]).unwrap();
    for (seed, salt, wanted) in [
        (0, 0, "LLLTLVLLVVLLLLLLLTLTLLLLLVLTLLLTLVTLLTVT"),
        (7, 0, "LVLLTTTLTTVVTVLLLTLTTLLLLLLLLLVLTTVTLLVL"),
        (0, 3, "LLLTLLVLLLTLLVTVLTLLVLLLVLVLLLTLLLLLLLLL"),
    ] {
        let by = SplitBy::Rows { columns: vec!["x".into()], salt };
        let split = Split { by, p_valid: 0.2, p_test: 0.2, seed, whole_numbers: WholeNumbers::Exact };
        let letter = |part: &Part| match part {
            Part::Train => 'L',
            Part::Valid => 'V',
            Part::Test => 'T',
        };
        let parts: String = split.assign(&table).unwrap().iter().map(letter).collect();
        assert_eq!(parts, wanted, "seed {seed}, salt {salt}");
    }
}

/// Whole numbers beyond 2^53 that a number of 64 bits, IEEE 754, cannot tell apart.
const LARGE: [i64; 3] = [9_007_199_254_740_992, 9_007_199_254_740_993, -9_007_199_254_740_993];

#[test]
fn whole_numbers_beyond_2_to_53_are_other_rows_from_every_container() {
    let hashes = |array: ArrayRef| {
        row_hashes(&Table::from_columns([("id", array)]).unwrap(), &["id".to_owned()]).unwrap()
    };
    let typed = hashes(Arc::new(Int64Array::from(LARGE.to_vec())));
    let distinct: std::collections::HashSet<u64> = typed.iter().copied().collect();
    assert_eq!(distinct.len(), 3);
    let decimals = Decimal128Array::from_iter_values(LARGE.map(|x| i128::from(x) * 100));
    assert_eq!(hashes(Arc::new(decimals.with_precision_and_scale(20, 2).unwrap())), typed);
    for written in [
        LARGE.map(|x| x.to_string()),
        LARGE.map(|x| format!(" {x}.0 ")),
        ["9007199254740992", "+9007199254740993", "-9007199254740993.00"].map(String::from),
    ] {
        assert_eq!(hashes(text(written.clone())), typed, "{written:?}");
    }
    let unsigned = UInt64Array::from(vec![u64::MAX, u64::MAX - 1, 5]);
    let written = [u64::MAX, u64::MAX - 1, 5].map(|x| x.to_string());
    assert_eq!(hashes(Arc::new(unsigned)), hashes(text(written)));
    let longer =
        hashes(text(["123456789012345678901234567890", "123456789012345678901234567891"].map(String::from)));
    assert_ne!(longer[0], longer[1], "numbers of any length");
    // What a number of 64 bits holds is that number, however it is written.
    let same =
        hashes(text(["36028797018963968", "3.6028797018963968e16", "36028797018963968.0"].map(String::from)));
    assert_eq!(same, hashes(Arc::new(Float64Array::from(vec![36_028_797_018_963_968.0; 3]))));
}

/// As above: computed by another program.
#[test]
fn the_hash_of_a_large_whole_number_is_this_for_ever() {
    let ids: ArrayRef = Arc::new(Int64Array::from(LARGE.to_vec()));
    let table = Table::from_columns([("id", ids)]).unwrap();
    let columns = ["id".to_owned()];
    let exact = [0x2156_fcfb_480e_8384, 0x504c_54ad_675c_96ad, 0xbd1e_f346_0940_d4a3];
    assert_eq!(row_hashes(&table, &columns).unwrap(), exact);
    let by = SplitBy::Group { column: "id".into(), salt: 0 };
    let split = |whole_numbers| Split { by: by.clone(), p_valid: 0.2, p_test: 0.2, seed: 0, whole_numbers };
    let rounded = split(WholeNumbers::Rounded).row_hashes(&table, &columns).unwrap();
    assert_eq!(rounded, [0x2156_fcfb_480e_8384, 0x2156_fcfb_480e_8384, 0x6f8d_969b_f1dc_e3ba]);
    assert_eq!(split(WholeNumbers::Exact).row_hashes(&table, &columns).unwrap(), exact);
}

#[test]
fn a_split_from_before_1_4_rounds_and_is_spelled_as_it_was() {
    let before = r#"{"by":{"by":"group","column":"id","salt":3},"p_valid":0.15,"p_test":0.2,"seed":1}"#;
    let old: Split = serde_json::from_str(before).unwrap();
    assert_eq!(old.whole_numbers, WholeNumbers::Rounded);
    assert_eq!(serde_json::to_string(&old).unwrap(), before, "its hash is part of ids");
    let ids: ArrayRef = Arc::new(Int64Array::from_iter_values((0..400).map(|i| LARGE[0] + i)));
    let table = Table::from_columns([("id", ids)]).unwrap();
    let parts = old.assign(&table).unwrap();
    assert!((0..398).step_by(4).all(|i| parts[i] == parts[i + 1]), "neighbours are one number to it");
    let by = SplitKey::Group { column: "id".into() };
    let new = fit(&table, &SplitOptions { by, ..Default::default() });
    let stored = serde_json::to_value(&new).unwrap();
    assert_eq!(stored["whole_numbers"], "exact");
    let parts = new.assign(&table).unwrap();
    assert!((0..398).step_by(4).any(|i| parts[i] != parts[i + 1]));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..Default::default() })]
    #[test]
    fn a_rows_hash_depends_on_that_row_alone(cells in prop::collection::vec("\\PC{0,6}", 1..20), at in 0usize..20) {
        let table = Table::from_columns([("a", text(cells.clone()))]).unwrap();
        let hashes = row_hashes(&table, &["a".to_owned()]).unwrap();
        let at = at % cells.len();
        prop_assert_eq!(row_hashes(&table.slice(at, 1), &["a".to_owned()]).unwrap(), &hashes[at..=at]);
    }
}

#[test]
fn rows_are_split_by_one_column_at_most() {
    let given = |name: &str, wanted: &[&str]| wanted.contains(&name).then(|| format!("{name}_column"));
    let of =
        |wanted: &[&str]| SplitKey::of(given("key", wanted), given("group", wanted), given("time", wanted));
    assert_eq!(of(&[]).unwrap(), SplitKey::Rows);
    assert_eq!(of(&["key"]).unwrap(), SplitKey::Key { column: "key_column".into() });
    assert_eq!(of(&["group"]).unwrap(), SplitKey::Group { column: "group_column".into() });
    assert_eq!(of(&["time"]).unwrap(), SplitKey::Time { column: "time_column".into() });
    let columns =
        [&["key"][..], &["group"], &["time"], &[]].map(|wanted| of(wanted).unwrap().column().cloned());
    let expected = ["key_column", "group_column", "time_column"].map(|name| Some(name.to_owned()));
    assert_eq!((&columns[..3], &columns[3]), (&expected[..], &None));
    let error = of(&["key", "time"]).unwrap_err();
    assert!(error.is_option() && error.to_string().contains("options `key`, `time` are given"), "{error}");
}

#[test]
fn whole_numbers_that_differ_are_no_copies_of_each_other() {
    let near = |cells: &[&str]| {
        let column: ArrayRef = Arc::new(StringArray::from(cells.to_vec()));
        let table = Table::from_columns([("x", column)]).unwrap();
        let names = table.column_names();
        n_nearly_equal(&table, &names, &row_hashes(&table, &names).unwrap()).unwrap()
    };
    assert_eq!(near(&["1577836800", "1577836801", "1577836802"]), 0);
    assert_eq!(near(&["18446744073709551615", "18446744073709551614"]), 0);
    assert_eq!(near(&["1.25", "1.31", "0.4", "0.3"]), 0);
    assert_eq!(near(&["1234567", "1234567.2", "0.12345671", "0.12345672", "Good ", "good"]), 3);
}

#[test]
fn shares_that_leave_nothing_to_train_on_are_refused() {
    let table = numbers(50);
    let refused = |p_valid: f64, p_test: f64| {
        let options = SplitOptions { p_valid, p_test, ..SplitOptions::default() };
        Split::fit(&options, &table, &schema(&table)).is_err_and(|error| error.is_option())
    };
    assert!(
        refused(0.5, 0.5)
            && refused(0.0, 1.0)
            && refused(0.75, 0.5)
            && refused(-0.25, 0.5)
            && refused(0.5, -0.25)
    );
    assert!(!refused(0.5, 0.25) && !refused(0.0, 0.0));
    let stored = |p_valid: f64, p_test: f64| -> Split {
        let by = serde_json::json!({"by": "rows", "columns": ["x"], "salt": 0});
        serde_json::from_value(serde_json::json!({"by": by, "p_valid": p_valid, "p_test": p_test, "seed": 1}))
            .unwrap()
    };
    assert!(stored(0.5, 0.25).check().is_ok() && stored(0.0, 0.0).check().is_ok());
    for [p_valid, p_test] in [[0.5, 0.5], [0.0, 1.0], [0.75, 0.5], [-0.25, 0.5], [0.5, -0.25]] {
        assert!(stored(p_valid, p_test).check().unwrap_err().is_malformed(), "{p_valid} {p_test}");
    }
}

#[test]
fn times_of_a_stored_split_are_in_order() {
    let stored = |valid_from: Option<f64>, test_from: Option<f64>| {
        let by = SplitBy::Time {
            column: "day".into(),
            date_format: None,
            valid_from,
            test_from,
            last: None,
            later: Vec::new(),
        };
        let mut split = fit(&numbers(50), &SplitOptions::default());
        split.by = by;
        split.check()
    };
    for (valid, test) in [(Some(1.0), Some(2.0)), (None, Some(2.0)), (Some(1.0), None), (None, None)] {
        assert!(stored(valid, test).is_ok(), "{valid:?} {test:?}");
    }
    let infinite = Some(f64::INFINITY);
    for (valid, test) in [
        (Some(2.0), Some(2.0)),
        (Some(3.0), Some(2.0)),
        (Some(1.0), infinite),
        (infinite, None),
        (Some(f64::NAN), None),
    ] {
        assert!(stored(valid, test).unwrap_err().is_malformed(), "{valid:?} {test:?}");
    }
    let stretched = |last: Option<f64>, stretches: &[(f64, f64, f64)]| {
        let later = stretches.iter().map(|(valid, test, last)| Stretch {
            valid_from: Some(*valid),
            test_from: Some(*test),
            last: *last,
        });
        let mut split = fit(&numbers(50), &SplitOptions::default());
        let (valid_from, test_from) = (Some(1.0), Some(2.0));
        let later = later.collect();
        split.by =
            SplitBy::Time { column: "day".into(), date_format: None, valid_from, test_from, last, later };
        split.check()
    };
    for (last, stretches) in [
        (Some(2.0), &[][..]),
        (Some(3.0), &[(4.0, 5.0, 5.0)]),
        (Some(3.0), &[(4.0, 5.0, 6.0), (7.0, 8.0, 9.0)]),
    ] {
        assert!(stretched(last, stretches).is_ok(), "{last:?} {stretches:?}");
    }
    for (last, stretches) in [
        (Some(1.5), &[][..]),
        (Some(f64::INFINITY), &[]),
        (None, &[(4.0, 5.0, 6.0)]),
        (Some(3.0), &[(3.0, 5.0, 6.0)]),
        (Some(3.0), &[(5.0, 4.0, 6.0)]),
        (Some(3.0), &[(4.0, 7.0, 6.0)]),
        (Some(3.0), &[(4.0, 5.0, f64::NAN)]),
        (Some(3.0), &[(4.0, 5.0, 6.0), (5.5, 6.5, 7.0)]),
        (Some(3.0), &[(4.0, 5.0, 9.0), (10.0, 11.0, 8.0)]),
    ] {
        assert!(stretched(last, stretches).unwrap_err().is_malformed(), "{last:?} {stretches:?}");
    }
}

/// One of the salts that are tried gives it, unless a table is small: a deviation beyond one standard deviation of chance
/// is as frequent as none for each part.
#[test]
fn a_salt_is_taken_that_gives_each_part_its_share() {
    let table = numbers(400);
    for seed in 0..20 {
        for (p_valid, p_test) in [(0.15, 0.2), (0.3, 0.1)] {
            let options = SplitOptions { p_valid, p_test, seed, ..SplitOptions::default() };
            let parts = fit(&table, &options).assign(&table).unwrap();
            for (part, p) in PARTS.into_iter().zip([1.0 - p_valid - p_test, p_valid, p_test]) {
                let off = (count(&parts, part) as f64 - 400.0 * p).abs();
                assert!(off <= (400.0 * p * (1.0 - p)).sqrt(), "seed {seed}: {part:?} is off by {off}");
            }
        }
    }
}

#[test]
fn parts_have_the_words_that_files_and_messages_write() {
    assert_eq!(PARTS.map(Part::word), ["train", "valid", "test"]);
}
