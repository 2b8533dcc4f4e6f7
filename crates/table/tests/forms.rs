//! Dates and numbers as people and programs write them: read, or told with a way to have them read.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, StringArray};
use tabgraft_table::cell::timestamps_us;
use tabgraft_table::read::{ReadOptions, read_csv_bytes};
use tabgraft_table::schema::{DateFormat, InferOptions, Kind, Schema, infer};
use tabgraft_table::{Error, Table};

/// A column: its name, and its cell in a row.
type Named = (&'static str, fn(usize) -> String);

const N_ROWS: usize = 300;
const MONTHS: [&str; 12] = [
    "Januar",
    "Februar",
    "März",
    "April",
    "Mai",
    "Juni",
    "Juli",
    "August",
    "September",
    "Oktober",
    "November",
    "Dezember",
];

/// Numbers without an order, each below `n`.
fn any(row: usize, n: usize) -> usize {
    (row * 7919 + row / 3 * 104_729 + 31) % n
}

/// A file of one column of such cells, and another that says which row is which.
fn file(name: &str, cell: impl Fn(usize) -> String) -> Table {
    let mut text = format!("x;{name}\n");
    for row in 0..N_ROWS {
        text += &format!("{};{}\n", any(row, 97), cell(row));
    }
    read_csv_bytes(text.as_bytes(), "sales.csv", &ReadOptions::default()).unwrap()
}

fn schema(table: &Table, options: &InferOptions) -> Result<Schema, Error> {
    infer(table, options)
}

/// What a column of these cells is taken for, and what is said of it as it is read and used.
fn said(name: &str, cell: impl Fn(usize) -> String) -> (Option<Kind>, String) {
    let table = file(name, cell);
    let found = schema(&table, &InferOptions::default()).unwrap();
    let notes: Vec<String> = table.origin().notes.iter().chain(&found.notes).cloned().collect();
    (found.column(name).map(|column| column.kind), notes.join(" "))
}

#[test]
fn dates_of_other_languages_weeks_quarters_and_logs_are_times() {
    let cells: [Named; 9] = [
        ("german", |r| format!("{}. {} {}", 1 + any(r, 28), MONTHS[any(r, 12)], 2020 + any(r, 5))),
        ("short", |r| format!("{:02}. {:.3}. {}", 1 + any(r, 28), MONTHS[any(r, 12)], 2020 + any(r, 5))),
        ("spanish", |r| format!("{} de marzo de {}", 1 + any(r, 28), 2020 + any(r, 5))),
        ("english", |r| format!("January {}th, {}", 4 + any(r, 15), 2020 + any(r, 5))),
        ("week", |r| format!("{}-W{:02}", 2020 + any(r, 5), 1 + any(r, 52))),
        ("quarter", |r| format!("{}-Q{}", 1990 + any(r, 30), 1 + any(r, 4))),
        ("browser", |r| format!("{}.{}.{}, {}:30", 13 + any(r, 15), 1 + any(r, 12), 2024, any(r, 24))),
        ("um", |r| format!("{}.{}.{} um {}:30", 13 + any(r, 15), 1 + any(r, 12), 2024, any(r, 24))),
        ("log", |r| format!("{:02}/Jul/2020:09:{:02}:00 +0000", 1 + any(r, 28), any(r, 60))),
    ];
    for (name, cell) in cells {
        assert_eq!(said(name, cell), (Some(Kind::Timestamp), String::new()), "{name}: {}", cell(0));
    }
}

#[test]
fn a_year_of_two_digits_is_found_where_fewer_years_than_days_are_there() {
    let (kind, notes) =
        said("due", |r| format!("{}-{:02}-{:02}", 20 + any(r, 5), 1 + any(r / 5, 12), 1 + any(r, 28)));
    assert_eq!(kind, Some(Kind::Timestamp));
    assert!(
        notes.contains("read as `%y-%m-%d`") && notes.contains("set the column's date format to `%d-%m-%y`"),
        "{notes}"
    );
    let days_first = |r: usize| format!("{:02}-{:02}-{}", 1 + any(r, 28), 1 + any(r / 5, 12), 20 + any(r, 5));
    assert_eq!(said("due", days_first), (Some(Kind::Timestamp), String::new()));
}

#[test]
fn what_may_be_a_date_is_told_with_a_format_that_reads_it() {
    let cell = |r: usize| format!("{}-{:03}", 2020 + any(r, 5), 1 + any(r, 365));
    let (kind, notes) = said("when", cell);
    assert_eq!(kind, Some(Kind::Text));
    assert!(notes.contains("years in them") && notes.contains("date format `%Y-%j`"), "{notes}");
    let options =
        InferOptions { date_formats: [("when".into(), "%Y-%j".into())].into(), ..Default::default() };
    assert_eq!(schema(&file("when", cell), &options).unwrap().column("when").unwrap().kind, Kind::Timestamp);
    let zoned = |r: usize| {
        format!("2024-01-{:02}T{:02}:00:{:02}[Europe/Berlin]", 1 + any(r, 28), any(r, 24), any(r, 60))
    };
    assert!(said("when", zoned).1.contains("write them as YYYY-MM-DD"), "{}", said("when", zoned).1);
    // Numbers of files and of models have years in them, too.
    assert_eq!(said("no", |r| format!("INV-{}-{:04}", 2020 + any(r, 5), any(r, 200))).1, "");
}

#[test]
fn days_that_a_spreadsheet_counts_are_told_and_read_on_demand() {
    let cell = |r: usize| (43_831 + any(r, 1500)).to_string();
    let (kind, notes) = said("Datum", cell);
    assert_eq!(kind, Some(Kind::Numeric));
    assert!(
        notes.contains("days as spreadsheets count them, from 2020-01-") && notes.contains("`excel`"),
        "{notes}"
    );
    let (_, notes) = said("created_at", |r| (1_577_836_800 + 86_400 * any(r, 1500)).to_string());
    assert!(notes.contains("seconds since 1970, from 2020-01-") && notes.contains("`%s`"), "{notes}");
    let (_, notes) = said("created_at", |r| format!("{}000", 1_577_836_800 + 86_400 * any(r, 1500)));
    assert!(notes.contains("milliseconds since 1970") && notes.contains("`unix_ms`"), "{notes}");
    assert_eq!(said("income", cell).1, "");
    // From text and from whole numbers alike.
    let excel = DateFormat::given("excel");
    let whole: ArrayRef = Arc::new(Int64Array::from(vec![43_831]));
    let text: ArrayRef = Arc::new(StringArray::from(vec!["43831.0"]));
    let date: ArrayRef = Arc::new(StringArray::from(vec!["2020-01-01"]));
    let expected = timestamps_us("d", &date, &DateFormat::given("%Y-%m-%d")).unwrap();
    for days in [whole, text] {
        assert_eq!(timestamps_us("d", &days, &excel).unwrap(), expected);
    }
    let options =
        InferOptions { date_formats: [("Datum".into(), "excel".into())].into(), ..Default::default() };
    assert_eq!(
        schema(&file("Datum", cell), &options).unwrap().column("Datum").unwrap().kind,
        Kind::Timestamp
    );
}

#[test]
fn days_in_six_digits_are_told_and_read_on_demand() {
    let cell = |r: usize| format!("{}{:02}{:02}", 20 + any(r, 5), 1 + any(r / 5, 12), 1 + any(r, 28));
    let (kind, notes) = said("order_date", cell);
    assert_eq!(kind, Some(Kind::Numeric));
    assert!(notes.contains("days in six digits, from 2020-") && notes.contains("`%y%m%d`"), "{notes}");
    let options =
        InferOptions { date_formats: [("order_date".into(), "%y%m%d".into())].into(), ..Default::default() };
    assert_eq!(
        schema(&file("order_date", cell), &options).unwrap().column("order_date").unwrap().kind,
        Kind::Timestamp
    );
    // One value that is no day, or a name that speaks of none.
    let amounts = |r: usize| if r == 7 { "219940".to_owned() } else { cell(r) };
    assert_eq!(said("order_date", amounts).1, "");
    assert_eq!(said("order_value", cell).1, "");
}

#[test]
fn numbers_of_fortran_are_numbers_and_those_of_base_16_on_demand() {
    let (kind, notes) = said("flux", |r| format!("{}.{:02}D+{:02}", 1 + any(r, 9), any(r, 97), any(r, 5)));
    assert_eq!(kind, Some(Kind::Numeric));
    assert!(notes.contains("and its like are read as numbers"), "{notes}");
    // Seats, rooms and parts are no numbers.
    assert_eq!(said("seat", |r| format!("{}D{}", 1 + any(r, 40), any(r, 3))).1, "");
    let hex = |r: usize| format!("{:#x}", any(r, 50_000));
    assert!(said("mask", hex).1.contains("`0x` around them"), "{}", said("mask", hex).1);
    let mut options = ReadOptions::default();
    options.known.insert("mask".into(), tabgraft_table::read::KnownColumn::DeclaredNumber);
    let table = read_csv_bytes(b"mask,y\n0x1f,a\n0xFF,b\n", "m.csv", &options).unwrap();
    let numbers = tabgraft_table::cell::numbers("mask", table.column("mask").unwrap()).unwrap();
    assert_eq!(numbers.values().to_vec(), [31.0, 255.0]);
}

#[test]
fn numbers_in_a_form_of_their_own_are_told_and_names_are_not() {
    let told: [Named; 9] = [
        ("duration", |r| format!("{}h {}m", any(r, 9), any(r, 60))),
        ("iso", |r| format!("PT{}H{}M", any(r, 9), any(r, 60))),
        ("size", |r| format!("{}.{}{}", any(r, 90), any(r, 10), if any(r, 2) == 0 { "k" } else { "M" })),
        ("range", |r| format!("{}-{}", any(r, 80), any(r, 80) + 5)),
        ("pressure", |r| format!("{}/{}", 100 + any(r, 80), 60 + any(r, 40))),
        ("place", |r| format!("4{}.{:03}, {}.{:03}", any(r, 9), any(r, 997), any(r, 9), any(r, 991))),
        ("power", |r| format!("{}.{}×10^{}", 1 + any(r, 9), any(r, 100), any(r, 5))),
        ("mark", |r| format!("'{}", any(r, 5000))),
        ("share", |r| format!("{} of 100", any(r, 100))),
    ];
    for (name, cell) in told {
        let notes = said(name, cell).1;
        assert!(
            notes.contains("in a form of their own") && notes.contains(&format!("`{}`", cell(0))),
            "{name}: {notes}"
        );
    }
    let names: [Named; 8] = [
        ("store", |r| format!("store-{:03}", any(r, 80))),
        ("shop", |r| format!("store {}", any(r, 80))),
        ("level", |r| format!("Level {}, left", any(r, 9))),
        ("house", |r| format!("{}{}", any(r, 40), ["a", "b"][r % 2])),
        ("phone", |r| format!("555-{:04}", any(r, 5000))),
        ("zip", |r| format!("{:05}-{:04}", any(r, 99_000), any(r, 9000))),
        ("version", |r| format!("{}.{}.{}", any(r, 4), any(r, 9), any(r, 10))),
        ("ip", |r| format!("10.0.{}.{}", any(r, 9), any(r, 250))),
    ];
    for (name, cell) in names {
        assert_eq!(said(name, cell).1, "", "{name}: {}", cell(0));
    }
}
