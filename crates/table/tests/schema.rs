//! What columns are taken for, and what is said about it.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Date32Array, Float64Array, Int64Array, StringArray};
use proptest::prelude::*;
use tabgraft_table::codec::{encode, fit_codecs};
use tabgraft_table::encoded::PartValues;
use tabgraft_table::read::Origin;
use tabgraft_table::schema::profile::ColumnProfile;
use tabgraft_table::schema::{DateFormat, Exclusion, InferOptions, Kind, Schema, infer};
use tabgraft_table::{Error, Table};

/// A column as a CSV reader gives it: text, empty cells missing.
fn text<S: AsRef<str>>(cells: impl IntoIterator<Item = S>) -> ArrayRef {
    let cells = cells.into_iter().map(|c| Some(c.as_ref().to_owned()).filter(|c| !c.is_empty()));
    Arc::new(cells.collect::<StringArray>())
}

fn cycle(values: &[&str], n_rows: usize) -> ArrayRef {
    text(values.iter().cycle().take(n_rows))
}

fn table(columns: Vec<(&str, ArrayRef)>) -> Table {
    Table::from_columns(columns).unwrap()
}

fn one(name: &str, column: ArrayRef) -> Schema {
    infer(&table(vec![(name, column)]), &InferOptions::default()).unwrap()
}

fn kind(name: &str, column: ArrayRef) -> Kind {
    let schema = one(name, column);
    schema.column(name).unwrap_or_else(|| panic!("`{name}` is left out: {:?}", schema.excluded)).kind
}

fn exclusion(name: &str, column: ArrayRef) -> Option<Exclusion> {
    one(name, column).excluded.first().map(|e| e.exclusion)
}

fn with(name: &str, column: ArrayRef, options: &InferOptions) -> Result<Schema, Error> {
    infer(&table(vec![(name, column)]), options)
}

fn of_kind(name: &str, kind: Kind) -> InferOptions {
    InferOptions { kinds: [(name.to_owned(), kind)].into(), ..Default::default() }
}

#[test]
fn a_credit_table_reads_as_its_owner_would() {
    let n = 200;
    let table = table(vec![
        ("row", text((1..=n).map(|i| i.to_string()))),
        ("checking_status", cycle(&["<0", "0<=X<200", "no checking", ">=200"], n)),
        ("duration", text((0..n).map(|i| (6 + i % 33).to_string()))),
        ("credit_amount", text((0..n).map(|i| (250 + i * 7919 % 18_000).to_string()))),
        ("installment_commitment", cycle(&["4", "2", "3", "1"], n)),
        ("num_dependents", cycle(&["1", "2", "1"], n)),
        ("foreign_worker", cycle(&["yes", "no", "yes"], n)),
        ("own_telephone", cycle(&["yes", "none"], n)),
        ("currency", cycle(&["DM"], n)),
        ("comment", cycle(&[""], n)),
    ]);
    let options = InferOptions { ignore: vec!["duration".into()], ..Default::default() };
    let schema = infer(&table, &options).unwrap();
    let kinds: Vec<(&str, Kind)> = schema.columns.iter().map(|c| (c.name.as_str(), c.kind)).collect();
    assert_eq!(
        kinds,
        [
            ("checking_status", Kind::Categorical),
            ("credit_amount", Kind::Numeric),
            ("installment_commitment", Kind::Numeric),
            ("num_dependents", Kind::Numeric),
            ("foreign_worker", Kind::Boolean),
            ("own_telephone", Kind::Categorical),
        ]
    );
    let excluded: Vec<(&str, Exclusion)> =
        schema.excluded.iter().map(|e| (e.name.as_str(), e.exclusion)).collect();
    assert_eq!(
        excluded,
        [
            ("row", Exclusion::Id),
            ("duration", Exclusion::Ignored),
            ("currency", Exclusion::Constant),
            ("comment", Exclusion::AllMissing),
        ]
    );
    assert_eq!(schema.column("checking_status").unwrap().reason, "4 distinct texts in 200 rows");
    assert_eq!(schema.excluded[2].reason, "the value `DM` in all 200 rows");
    let json = serde_json::to_string(&schema).unwrap();
    assert_eq!(serde_json::from_str::<Schema>(&json).unwrap(), schema);
}

#[test]
fn digits_that_are_codes_are_not_numbers() {
    assert_eq!(kind("area", cycle(&["007", "010", "123", "999"], 40)), Kind::Categorical);
    assert_eq!(kind("call", cycle(&["+4915112345678", "+4915187654321"], 40)), Kind::Categorical);
    assert_eq!(kind("card", cycle(&["4111111111111111", "5500000000000004"], 40)), Kind::Categorical);
    assert_eq!(kind("zip_code", cycle(&["10115", "80331", "20095"], 40)), Kind::Categorical);
    assert_eq!(kind("store_id", cycle(&["17", "4", "9"], 40)), Kind::Categorical);
    assert_eq!(kind("ratio", cycle(&["0.5", "0.25", "-0.125", "0"], 40)), Kind::Numeric);
    assert_eq!(kind("amount", cycle(&["10115", "80331", "20095"], 40)), Kind::Numeric);
}

#[test]
fn yes_and_no_in_any_spelling_are_booleans() {
    for pair in [["yes", "no"], ["TRUE", "False"], ["t", "f"], ["Y", "N"], ["1", "0"], ["1.0", "0.0"]] {
        assert_eq!(kind("flag", cycle(&pair, 30)), Kind::Boolean, "{pair:?}");
    }
    assert_eq!(kind("flag", cycle(&["t", "n"], 30)), Kind::Categorical, "not one pair");
    assert_eq!(kind("flag", cycle(&["1", "2"], 30)), Kind::Numeric);
    assert_eq!(kind("flag", Arc::new(BooleanArray::from(vec![true, false]))), Kind::Boolean);
    assert_eq!(kind("flag", Arc::new(Int64Array::from(vec![Some(0), Some(1), None]))), Kind::Boolean);
}

#[test]
fn ids_are_left_out_but_unique_measures_are_not() {
    let n = 60u64;
    let scattered = |i: u64| i * 7919 % 100_003;
    assert_eq!(exclusion("n", text((1..=n).map(|i| i.to_string()))), Some(Exclusion::Id));
    let backwards: ArrayRef =
        Arc::new(Int64Array::from_iter_values((0..n as i64).rev().map(|i| 500 + 10 * i)));
    assert_eq!(exclusion("n", backwards), Some(Exclusion::Id));
    assert_eq!(exclusion("ref", text((0..n).map(|i| format!("A{:x}", scattered(i))))), Some(Exclusion::Id));
    let uuid = |i: u64| format!("{i:08x}-0000-4000-8000-{i:012x}");
    assert_eq!(exclusion("u", text((0..5).map(uuid))), Some(Exclusion::Id));
    assert_eq!(exclusion("user_id", text((0..n).map(|i| scattered(i).to_string()))), Some(Exclusion::Id));
    for (name, column) in [
        ("amount", text((0..n).map(|i| scattered(i).to_string()))),
        ("share", text((0..n).map(|i| (i as f64 / 7.0).to_string()))),
        ("even floats", Arc::new(Float64Array::from_iter_values((0..n).map(|i| i as f64 / 2.0))) as ArrayRef),
        ("year", text((0..n).map(|i| (1960 + i).to_string()))),
        ("few", text((1..=10).map(|i| i.to_string()))),
    ] {
        assert_eq!(kind(name, column), Kind::Numeric, "{name}");
    }
    // A gap or a repetition is no numbering.
    let gap = (1..=n).filter(|i| *i != 7).map(|i| i.to_string());
    assert_eq!(kind("n", text(gap)), Kind::Numeric);
    let twice = (1..=n).map(|i| if i == 8 { 7 } else { i }.to_string());
    assert_eq!(kind("n", text(twice)), Kind::Numeric);
    assert_eq!(kind("city", cycle(&["Bern", "Genf", "Basel", "Chur"], 4)), Kind::Categorical);
}

#[test]
fn names_of_few_rows_each_are_categories_and_numbers_of_things_are_told() {
    let customers = text((0..12_000).map(|i| format!("C{}", i * 7 % 4_000)));
    assert_eq!(kind("customer", customers), Kind::Categorical);
    let often_once =
        text((0..3_000).map(|i| if i < 1_000 { format!("t{}", i % 300) } else { format!("u{i}") }));
    assert_eq!(kind("ticket", often_once), Kind::Text);
    let stores: ArrayRef = Arc::new(Int64Array::from_iter_values((0..6_000).map(|i| 1_000 + i * 7 % 300)));
    let note = one("store", stores.clone()).notes.join(" ");
    assert!(note.contains("300 whole numbers without a gap") && note.contains("kind categorical"), "{note}");
    assert!(one("minute of the day", stores).notes.is_empty());
    let ages: ArrayRef = Arc::new(Int64Array::from_iter_values((0..6_000).map(|i| 18 + i * 7 % 70)));
    assert!(one("age", ages).notes.is_empty());
    let amounts: ArrayRef =
        Arc::new(Int64Array::from_iter_values((0..6_000).map(|i| i % 150 * (i % 149) / 20)));
    assert!(one("amount", amounts).notes.is_empty());
}

#[test]
fn categories_and_text_differ_by_repetition_and_words() {
    assert_eq!(kind("job", cycle(&["nurse", "head nurse", "roofer"], 50)), Kind::Categorical);
    let sentences = (0..50).map(|i| format!("patient {i} came in with a cough and left without one"));
    assert_eq!(kind("note", text(sentences)), Kind::Text);
    assert_eq!(kind("mail", text((0..50).map(|i| format!("u{i}@example.com")))), Kind::Text);
    let towns = |n: usize| text((0..4000).map(move |i| format!("town {}", i % n)));
    assert_eq!(kind("town", towns(700)), Kind::Categorical);
    assert_eq!(kind("town", towns(1500)), Kind::Text);
    // The number of texts alone says nothing.
    let products = |n: usize| text((0..6 * n).map(move |i| format!("product number {}", i % n)));
    assert_eq!(kind("product", products(3000)), Kind::Categorical);
    let ids = |n: usize| Arc::new(Int64Array::from_iter_values((0..6 * n).map(|i| (i * 7919 % n) as i64)));
    assert_eq!(kind("merchant_id", ids(3000)), Kind::Categorical);
    // Few have most of the rows, many have one: 4.6 rows each on average, so that words decide.
    let skewed = || (0..500).flat_map(|i| std::iter::repeat_n(i, 1 + 300 / (1 + i)));
    assert_eq!(kind("merchant", text(skewed().map(|i| format!("m{i:03}")))), Kind::Categorical);
    assert_eq!(kind("title", text(skewed().map(|i| format!("head of section {i:03}")))), Kind::Text);
    // An answer that everybody gives does not make names of the others.
    let answers = (0..8000).map(|i| if i % 8 == 0 { format!("came late on day {i}") } else { "none".into() });
    assert_eq!(kind("comment", text(answers)), Kind::Text);
    let options = InferOptions { max_categories: 100, ..Default::default() };
    assert_eq!(with("town", towns(700), &options).unwrap().columns[0].kind, Kind::Text);
}

#[test]
fn dates_have_one_format_and_doubt_is_told() {
    let schema = one("day", cycle(&["31/12/2024", "01/02/2024"], 20));
    let spec = schema.column("day").unwrap();
    assert_eq!(spec.kind, Kind::Timestamp);
    assert_eq!(spec.date_format, Some(DateFormat::Text("%d/%m/%Y".into())));
    assert!(schema.notes.is_empty());

    let doubtful = cycle(&["03/04/2024", "05/06/2024"], 20);
    let schema = one("day", doubtful.clone());
    assert_eq!(schema.columns[0].date_format, Some(DateFormat::Text("%m/%d/%Y".into())));
    let note = &schema.notes[0];
    for part in ["`day`", "`03/04/2024`", "`%m/%d/%Y`", "`%d/%m/%Y`"] {
        assert!(note.contains(part), "{note}");
    }
    let mut options = InferOptions::default();
    options.date_formats.insert("day".into(), "%d/%m/%Y".into());
    let schema = with("day", doubtful, &options).unwrap();
    assert_eq!(schema.columns[0].date_format, Some(DateFormat::Text("%d/%m/%Y".into())));
    assert!(schema.notes.is_empty());

    assert_eq!(kind("day", cycle(&["20241231", "20250101"], 20)), Kind::Timestamp);
    assert_eq!(kind("day", Arc::new(Int64Array::from(vec![20_241_231, 20_250_101]))), Kind::Timestamp);
    assert_eq!(kind("amount", cycle(&["20241231", "20251301"], 20)), Kind::Numeric);
    assert_eq!(kind("day", Arc::new(Date32Array::from(vec![1, 2]))), Kind::Timestamp);
}

#[test]
fn open_ends_are_dates_and_leave_the_ordinary_ones_apart() {
    let days = |i: i64| format!("20{}-0{}-{:02}", 15 + i % 8, 1 + i % 9, 1 + i % 28);
    for (low, high) in [("0001-01-01", "9999-12-31"), ("1900-01-01", "2099-12-31")] {
        let cells = (0..200).map(|i| match i {
            i if i % 4 == 0 => high.to_owned(),
            i if i % 50 == 1 => low.to_owned(),
            i => days(i),
        });
        let column = text(cells);
        let schema = one("valid_to", column.clone());
        let spec = schema.column("valid_to").unwrap();
        assert_eq!(spec.date_format, Some(DateFormat::Text("%Y-%m-%d".into())), "{high}");
        let table = table(vec![("valid_to", column)]);
        let codecs = fit_codecs(&schema, &table, &Default::default()).unwrap();
        let asked = text(["2017-06-01", "2017-06-20", "2022-06-01", high, low]);
        let encoded = codecs[0].apply("valid_to", &asked).unwrap();
        let PartValues::Piecewise { bin, position } = &encoded.parts[0] else { panic!("no bins") };
        let places: Vec<f64> = bin.iter().zip(position).map(|(b, p)| f64::from(*b) + f64::from(*p)).collect();
        assert!(places[4] < places[0] - 1.0 && places[3] > places[2] + 1.0, "{high}: {places:?}");
        assert!(places[1] - places[0] > 0.01 && places[2] - places[1] > 5.0, "{high}: {places:?}");
    }
}

#[test]
fn the_same_instant_has_the_same_place_in_every_unit() {
    use arrow::array::{
        Date64Array, TimestampMicrosecondArray, TimestampMillisecondArray, TimestampSecondArray,
    };
    // 9999-12-31, 0001-01-01 and an ordinary day.
    let days = [2_932_896_i64, -719_162, 19_723];
    let forms: Vec<ArrayRef> = vec![
        Arc::new(Date32Array::from_iter_values(days.map(|d| d as i32))),
        Arc::new(Date64Array::from_iter_values(days.map(|d| d * 86_400_000))),
        Arc::new(TimestampSecondArray::from_iter_values(days.map(|d| d * 86_400))),
        Arc::new(
            TimestampMillisecondArray::from_iter_values(days.map(|d| d * 86_400_000)).with_timezone("UTC"),
        ),
        Arc::new(TimestampMicrosecondArray::from_iter_values(days.map(|d| d * 86_400_000_000))),
        text(["9999-12-31", "0001-01-01", "2024-01-01"]),
    ];
    let schema = one("day", forms[0].clone());
    let codecs = fit_codecs(&schema, &table(vec![("day", forms[0].clone())]), &Default::default()).unwrap();
    let places: Vec<_> = forms.iter().map(|form| codecs[0].apply("day", form).unwrap()).collect();
    assert!(places.iter().all(|place| *place == places[0]), "{places:?}");
}

#[test]
fn dates_in_two_spellings_are_timestamps() {
    let mixed = cycle(&["2023-08-07", "2023-01-28 12:00:00", "28.02.2023", "2023-08-09T01:02:03Z"], 40);
    let schema = one("due", mixed.clone());
    let spec = schema.column("due").unwrap();
    assert_eq!(spec.kind, Kind::Timestamp);
    let Some(DateFormat::AnyOf(formats)) = &spec.date_format else { panic!("{:?}", spec.date_format) };
    assert_eq!(formats.len(), 4);
    assert!(schema.notes.is_empty(), "{:?}", schema.notes);
    let declared = with("due", mixed, &of_kind("due", Kind::Timestamp)).unwrap();
    assert_eq!(declared.columns[0].date_format, spec.date_format);
    // Several formats can be given too.
    let mut options = InferOptions::default();
    options.date_formats.insert("due".into(), "%d.%m.%Y | %Y-%m-%d".into());
    let given = with("due", text(["28.01.2023", "2023-08-07"]), &options).unwrap();
    let formats = ["%d.%m.%Y", "%Y-%m-%d"].map(str::to_owned).to_vec();
    assert_eq!(given.columns[0].date_format, Some(DateFormat::AnyOf(formats)));
}

#[test]
fn dates_that_some_cells_spoil_are_told_with_the_way_out() {
    let spoiled = text((0..60).map(|i| match i % 20 {
        7 => "unbekannt".to_owned(),
        _ => format!("{:02}.{:02}.2023", 1 + i % 28, 1 + i % 12),
    }));
    let schema = one("due", spoiled.clone());
    assert_ne!(schema.column("due").unwrap().kind, Kind::Timestamp);
    let note = schema.notes.join(" ");
    for part in ["57 of 60 values are dates", "`%d.%m.%Y`", "`unbekannt` in row 7", "missing tokens"] {
        assert!(note.contains(part), "{note}");
    }
    let error = with("due", spoiled, &of_kind("due", Kind::Timestamp)).unwrap_err();
    assert!(error.to_string().contains("column `due`, row 7: `unbekannt` is no date"), "{error}");
}

#[test]
fn a_day_that_was_taken_for_a_month_is_refused_with_the_other_format() {
    let schema = one("when", cycle(&["03/04/2024", "05/06/2024"], 20));
    let codecs = fit_codecs(
        &schema,
        &table(vec![("when", cycle(&["03/04/2024", "05/06/2024"], 20))]),
        &Default::default(),
    );
    let error = codecs.unwrap()[0].apply("when", &text(["01/02/2024", "25/04/2024"])).unwrap_err();
    assert_eq!(error.to_string(), "column `when`, row 1: `25/04/2024` is not a date of the form `%m/%d/%Y`");
    assert!(error.hint().unwrap().contains("train with `%d/%m/%Y` as its date format"));
}

#[test]
fn numbers_that_some_cells_spoil_are_told_with_the_way_out() {
    let spoiled =
        text((0..80).map(|i| if i % 20 == 3 { "k. A.".to_owned() } else { (i * 37 % 1009).to_string() }));
    let schema = one("income", spoiled);
    let note = schema.notes.join(" ");
    for part in ["76 of 80 values are numbers", "`k. A.` in row 3", "missing tokens"] {
        assert!(note.contains(part), "{note}");
    }
    let signed = text((0..80).map(|i| format!("{},5 %", i * 37 % 1009)));
    let note = one("share", signed).notes.join(" ");
    assert!(note.contains("`%` around them") && note.contains("kind numeric"), "{note}");
    let ways = text((0..80).map(|i| if i % 2 == 0 { format!("{i}.5") } else { format!("{i},25") }));
    let note = one("x", ways).notes.join(" ");
    assert!(note.contains("more than one way"), "{note}");
    assert!(one("dependents", cycle(&["0", "1", "2", "3+"], 80)).notes.is_empty());
    // A row of units below the header, a sum below the table: whatever the column becomes by that.
    let with = |row: usize, text_there: &str, value: fn(usize) -> String| {
        let cells = (0..61).map(|i| if i == row { text_there.to_owned() } else { value(i) });
        one("weight", text(cells)).notes.join(" ")
    };
    let few = |i: usize| (i % 10).to_string();
    let unique = |i: usize| format!("{i}.25");
    for (row, cell, value, hint) in [
        (0, "kg", few as fn(usize) -> String, "holds units or names"),
        (0, "kg", unique, "holds units or names"),
        (60, "Total", few, "sums up the others"),
        (30, "n/v", few, "missing tokens"),
    ] {
        let note = with(row, cell, value);
        let place = "60 of 61 values are numbers";
        assert!(note.contains(place) && note.contains(hint) && note.contains(cell), "{note}");
    }
    assert!(one("code", cycle(&["007", "012"], 80)).notes.is_empty());
}

#[test]
fn units_parentheses_and_times_of_day_are_told_with_the_way_out() {
    let notes = |cells: &dyn Fn(usize) -> String| one("x", text((0..80).map(cells))).notes.join(" ");
    let note = notes(&|i| format!("{} cm", i * 37 % 1009));
    assert!(note.contains("numbers with `cm` around them") && note.contains("kind numeric"), "{note}");
    let note = notes(&|i| format!("{} {}", i * 37 % 1009, if i % 3 == 0 { "m" } else { "cm" }));
    assert!(note.contains("different units (`m`, `cm`)") && note.contains("one unit"), "{note}");
    let note = notes(&|i| if i % 4 == 0 { format!("({i})") } else { i.to_string() });
    assert!(note.contains("more than one way (`(0)` is one)"), "{note}");
    let note = notes(&|i| format!("{}:{:02}", i % 24, i % 60));
    assert!(note.contains("times without a day (as in `0:00`)"), "{note}");
    let note = notes(&|i| format!("{}:{:02} {}", 1 + i % 12, i % 60, ["am", "PM"][i % 2]));
    assert!(note.contains("times without a day (as in `1:00 am`)"), "{note}");
    // Names that end in letters are none of it.
    assert_eq!(notes(&|i| format!("{}{}", i % 40, ["", "a", "b"][i % 3])), "");
    assert_eq!(notes(&|i| format!("{}:{}", i % 24, i % 60)), "");
}

#[test]
fn a_row_of_totals_is_told_where_it_makes_an_id_of_texts() {
    let with_total = text((0..80).map(|i| if i == 79 { "Total".to_owned() } else { i.to_string() }));
    let note = one("no", with_total).notes.join(" ");
    assert!(note.contains("`Total` in row 79 is not") && note.contains("sums up the others"), "{note}");
}

#[test]
fn one_value_with_missing_cells_stays() {
    assert_eq!(kind("promo", cycle(&["summer", ""], 20)), Kind::Categorical);
    assert_eq!(kind("rate", cycle(&["3.5", ""], 20)), Kind::Numeric);
}

#[test]
fn the_users_word_wins() {
    assert_eq!(
        with("n", cycle(&["4"], 9), &of_kind("n", Kind::Categorical)).unwrap().columns[0].reason,
        "set by the user"
    );
    let numbered = text((1..=50).map(|i| i.to_string()));
    assert_eq!(with("id", numbered, &of_kind("id", Kind::Numeric)).unwrap().columns[0].kind, Kind::Numeric);
    let error = with("n", text(["1", "abc"]), &of_kind("n", Kind::Numeric)).unwrap_err();
    assert_eq!(error.to_string(), "column `n`, row 1: `abc` is not a number");
    let error = with("n", text(["yes", "2"]), &of_kind("n", Kind::Boolean)).unwrap_err();
    assert_eq!(error.to_string(), "column `n`, row 1: `2` is not yes or no");
    assert!(with("n", text(["1.1.2024", "soon"]), &of_kind("n", Kind::Timestamp)).unwrap_err().is_value());
}

#[test]
fn unknown_and_contradicting_options_are_errors() {
    let column = || cycle(&["1", "2"], 9);
    let ignore = |name: &str| InferOptions { ignore: vec![name.into()], ..Default::default() };
    let error = with("age", column(), &ignore("agee")).unwrap_err();
    assert_eq!(error.to_string(), "option `ignore`: there is no column `agee`");
    assert_eq!(error.hint(), Some("did you mean `age`?"));
    assert!(with("age", column(), &of_kind("ag", Kind::Text)).unwrap_err().is_schema());
    let mut both = ignore("age");
    both.kinds.insert("age".into(), Kind::Text);
    assert!(with("age", column(), &both).unwrap_err().to_string().contains("both ignored and given a kind"));
    assert!(with("age", text::<&str>([]), &InferOptions::default()).unwrap_err().is_value());
}

#[test]
fn merged_profiles_decide_as_the_whole() {
    let column = text((0..100).map(|i| (3 * i).to_string()));
    let mut whole = ColumnProfile::of("n", &column).unwrap();
    let mut parts = ColumnProfile::of("n", &column.slice(70, 30)).unwrap();
    parts.merge(&ColumnProfile::of("n", &column.slice(0, 70)).unwrap());
    assert_eq!(parts.even_step(), Some(3));
    assert_eq!(parts.even_step(), whole.even_step());
    assert_eq!((parts.n_rows, parts.n_distinct(), parts.is_unique()), (100, 100, true));
    whole.merge(&parts);
    assert_eq!(whole.even_step(), None, "every value is there twice");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..Default::default() })]

    #[test]
    fn whatever_is_inferred_can_be_fitted_and_every_column_is_listed(
        columns in prop::collection::vec(prop::collection::vec(any_cell(), 30), 1..5),
        pools in prop::collection::vec(1usize..6, 5),
    ) {
        // A column draws from few of its cells, or hardly any would be of one kind.
        let draw = |(i, cells): (usize, Vec<String>)| {
            let cells = (0..30).map(|row| cells[row * row % pools[i]].clone());
            let floats = || cells.clone().map(|c| c.parse().ok()).collect::<Float64Array>();
            (format!("c{i}"), if i % 2 == 0 { text(cells.clone()) } else { Arc::new(floats()) as ArrayRef })
        };
        let table = Table::from_columns(columns.into_iter().enumerate().map(draw)).unwrap();
        let schema = infer(&table, &InferOptions::default()).unwrap();
        let mut listed = schema.names();
        listed.extend(schema.excluded.iter().map(|e| e.name.clone()));
        listed.sort();
        prop_assert_eq!(listed, table.column_names());
        let codecs = fit_codecs(&schema, &table, &Default::default()).unwrap();
        encode(&schema.columns, &codecs, &table).unwrap();
    }
}

fn any_cell() -> impl Strategy<Value = String> {
    let cells = [
        "",
        " ",
        "0",
        "1",
        "0.0",
        "1.0",
        "-3.5",
        "1e5",
        "inf",
        "nan",
        "007",
        "+4915112345678",
        "12345678901234567890",
        "$1,200",
        "yes",
        "No",
        "t",
        "f",
        "abc",
        "a b c d e f",
        "a@example.com",
        "2024-01-31",
        "2024-01-31 10:00:00",
        "31/12/2024",
        "01/02/2024",
        "20240131",
        "Dec 31, 2024",
    ];
    prop_oneof![9 => prop::sample::select(cells.to_vec()).prop_map(str::to_owned), 1 => "\\PC{0,8}"]
}

#[test]
fn what_the_data_declare_as_categories_is_categories_unless_the_user_or_the_values_say_otherwise() {
    let n = 60;
    let floors: ArrayRef = Arc::new(Int64Array::from_iter_values((0..n).map(|i| 10 * (i % 4))));
    let own: ArrayRef = Arc::new(Float64Array::from_iter_values((0..n).map(|i| (i * i) as f64 + 0.5)));
    let flags: ArrayRef = Arc::new(BooleanArray::from_iter((0..n).map(|i| Some(i % 2 == 0))));
    let table = table(vec![("floor", floors.clone()), ("own", own), ("flag", flags)]);
    let names = ["floor", "own", "flag"].map(str::to_owned);
    let declared = Origin { declared_categories: names.into(), ..Origin::default() };
    let table = table.with_origin(declared);
    let schema = infer(&table, &InferOptions::default()).unwrap();
    let floor = schema.column("floor").unwrap();
    let found = (floor.kind, floor.reason.as_str());
    assert_eq!(found, (Kind::Categorical, "declared as categories, 4 distinct in 60 rows"));
    assert_eq!(schema.column("own").unwrap().kind, Kind::Numeric);
    assert_eq!(schema.column("flag").unwrap().kind, Kind::Boolean);
    let [note] = &schema.notes[..] else { panic!("one note: {:?}", schema.notes) };
    assert!(note.contains("`own` is declared as categories, but has 60 of them in 60 rows"), "{note}");

    let given = infer(&table, &of_kind("floor", Kind::Numeric)).unwrap();
    assert_eq!(given.column("floor").unwrap().kind, Kind::Numeric);
    let few = InferOptions { max_categories: 3, ..InferOptions::default() };
    assert_eq!(infer(&table, &few).unwrap().column("floor").unwrap().kind, Kind::Numeric);
    // The declaration was of the cells that were there.
    let replaced = table.with_column("floor", floors).unwrap();
    let replaced = infer(&replaced, &InferOptions::default()).unwrap();
    assert_eq!(replaced.column("floor").unwrap().kind, Kind::Numeric);
}

#[test]
fn a_word_for_no_value_among_few_numbers_is_told() {
    for word in ["-", "\\N", "<NA>", "#N/A", "None", "?", "#DIV/0!"] {
        let schema = one("size", cycle(&[word, "5", "6.5", "7"], 100));
        assert_eq!(schema.column("size").map(|c| c.kind), Some(Kind::Categorical));
        let note = schema.notes.iter().find(|note| note.contains("missing tokens"));
        assert!(
            note.is_some_and(|note| note.contains(&format!("`{word}` in row 0 is not"))),
            "{:?}",
            schema.notes
        );
    }
    // A name among numbers of few values is one of the names.
    assert!(one("size", cycle(&["one", "5", "6.5", "7"], 100)).notes.is_empty());
}

#[test]
fn a_number_of_nines_far_from_all_others_is_told_as_one_that_may_stand_for_none() {
    let ages = |odd: &'static str, every: usize| {
        text(
            (0..300)
                .map(move |i| if i % every == 0 { odd.to_owned() } else { (18 + i * 7 % 60).to_string() }),
        )
    };
    for odd in ["-999", "999", "9999", "-99", "-999.0"] {
        let schema = one("age", ages(odd, 4));
        assert_eq!(schema.column("age").map(|c| c.kind), Some(Kind::Numeric));
        let note = schema
            .notes
            .iter()
            .find(|note| note.contains("missing token"))
            .unwrap_or_else(|| panic!("{odd}"));
        assert!(note.contains("stands in 75 of 300 rows, far from all others (19 to 77)"), "{note}");
    }
    // One is no habit, 9 is a number, and so is what lies among others or is no row of nines.
    for (odd, every) in [("-999", 300), ("9", 4), ("99", 4), ("-1000", 4)] {
        let notes = one("age", ages(odd, every)).notes;
        assert!(notes.iter().all(|note| !note.contains("missing token")), "{odd}: {notes:?}");
    }
}
