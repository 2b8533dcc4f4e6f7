//! Numbers as other countries write them: all columns of a file say together what its marks mean.

use tabgraft_table::schema::{InferOptions, Kind, infer};

use super::*;

fn read(text: &str, options: &ReadOptions) -> Table {
    read_csv_bytes(text.as_bytes(), "t.csv", options).unwrap()
}

fn found(text: &str) -> Table {
    read(text, &ReadOptions::default())
}

fn column(table: &Table, name: &str) -> Vec<String> {
    text_column(table, name).into_iter().flatten().collect()
}

fn notes(table: &Table) -> String {
    table.origin().notes.join("\n")
}

#[test]
fn a_point_groups_thousands_beside_decimal_commas() {
    let table = found("menge;preis;rabatt\n1.250;1.299,99;12,5\n980;37,56;13,0\n");
    assert_eq!(column(&table, "menge"), ["1250", "980"]);
    assert_eq!(column(&table, "preis"), ["1299.99", "37.56"]);
    assert_eq!(column(&table, "rabatt"), ["12.5", "13.0"]);
    assert_eq!(table.origin().reading.decimal, Some(DecimalMark::Comma));
    let notes = notes(&table);
    for part in ["`1.299,99`", "`preis`", "`menge`", "give `decimal` as `.`"] {
        assert!(notes.contains(part), "{notes}");
    }
}

#[test]
fn what_no_cell_decides_is_told_with_the_way_out() {
    let table = found("menge,x\n1.250,a\n980,b\n");
    assert_eq!(column(&table, "menge"), ["1.250", "980"]);
    assert!(notes(&table).contains("`1.250` could be 1250 as well"), "{}", notes(&table));
    let comma = ReadOptions { decimal: Some(DecimalMark::Comma), ..ReadOptions::default() };
    let table = read("menge,x\n1.250,a\n980,b\n", &comma);
    assert_eq!(column(&table, "menge"), ["1250", "980"]);
    assert!(table.origin().notes.is_empty(), "{}", notes(&table));
    let thousands = ReadOptions { thousands: Some('.'), ..ReadOptions::default() };
    assert_eq!(column(&read("menge,x\n1.250,a\n980,b\n", &thousands), "menge"), ["1250", "980"]);
    // A cell of another column decides.
    let table = found("menge,x\n1.250,0.5\n980,1.75\n");
    assert_eq!(column(&table, "menge"), ["1.250", "980"]);
    assert!(table.origin().notes.is_empty(), "{}", notes(&table));
}

#[test]
fn digits_of_other_scripts_make_numbers_and_are_told() {
    for (cells, expected) in [("٣\n٤٫٥", ["3", "4.5"]), ("۱۲\n۷", ["12", "7"]), ("１２\n7", ["12", "7"])]
    {
        let table = found(&format!("menge\n{cells}\n"));
        assert_eq!(column(&table, "menge"), expected);
        assert!(notes(&table).contains("column `menge`: `"), "{}", notes(&table));
        assert!(notes(&table).contains("digit by digit"), "{}", notes(&table));
    }
    // What names things stays as it is written.
    assert_eq!(column(&found("zip,id\n٣٤,٥\n٤٥,٦\n"), "zip"), ["٣٤", "٤٥"]);
    let known = [("menge".to_owned(), KnownColumn::AsWritten)].into();
    assert_eq!(column(&read("menge\n٣\n", &ReadOptions { known, ..ReadOptions::default() }), "menge"), ["٣"]);
}

#[test]
fn blanks_apostrophes_and_commas_group_thousands() {
    for (cell, number) in [("1 299,99", "1299.99"), ("1\u{202f}299,99", "1299.99"), ("1'299.99", "1299.99")] {
        let table = found(&format!("a;b\n{cell};x\n12;y\n"));
        assert_eq!(column(&table, "a"), [number, "12"], "{cell}");
        assert!(notes(&table).contains("numbers are read"), "{cell}: {}", notes(&table));
    }
    let table = found("a,b\n\"1,250\",0.5\n980,1.5\n");
    assert_eq!(column(&table, "a"), ["1250", "980"]);
    assert!(notes(&table).contains("grouped thousands"), "{}", notes(&table));
}

#[test]
fn marks_that_only_group_digits_make_numbers_without_a_decimal_mark() {
    for mark in ["'", "’", "\u{a0}", "\u{202f}"] {
        let table = found(&format!("menge,x\n1{mark}813,0.5\n980,1.5\n"));
        assert_eq!(column(&table, "menge"), ["1813", "980"], "{mark}");
        assert!(notes(&table).contains(&format!("`1{mark}813` of column `menge`")), "{}", notes(&table));
        let table = found(&format!("menge;x\n1{mark}813;0,5\n980;1,5\n"));
        assert_eq!(column(&table, "menge"), ["1813", "980"], "{mark}");
    }
    // A blank groups the digits of a telephone number as well; what is said to be a number names its cell.
    let known = [("menge".to_owned(), KnownColumn::DeclaredNumber)].into();
    let table = read("menge,x\n1 813,a\n980,b\n", &ReadOptions { known, ..ReadOptions::default() });
    assert_eq!(column(&table, "menge"), ["1813", "980"]);
    assert!(notes(&table).contains("`1 813` of column `menge`"), "{}", notes(&table));
}

#[test]
fn ledgers_and_units_are_numbers_where_the_user_says_so() {
    let known = || ["profit", "len"].map(|name| (name.to_owned(), KnownColumn::DeclaredNumber)).into();
    let options = ReadOptions { known: known(), ..ReadOptions::default() };
    let table = read("profit,len\n(12.5),9 cm\n7,10.5 cm\n", &options);
    assert_eq!(column(&table, "profit"), ["-12.5", "7"]);
    assert_eq!(column(&table, "len"), ["9", "10.5"]);
    assert!(notes(&table).contains("`cm` is taken away"), "{}", notes(&table));
    // Another unit stays, and is refused as no number where it is read as one.
    let later = options.continued(table.origin());
    assert_eq!(column(&read("profit,len\n1,9 m\n", &later), "len"), ["9 m"]);
}

#[test]
fn a_column_with_the_other_mark_is_read_by_its_own_and_told() {
    let table = found("lat;preis;menge\n48.1371;1.299,99;1.250\n53.55;12,50;7\n");
    assert_eq!(column(&table, "lat"), ["48.1371", "53.55"]);
    assert_eq!(column(&table, "preis"), ["1299.99", "12.50"]);
    assert_eq!(column(&table, "menge"), ["1250", "7"]);
    assert!(
        notes(&table).contains("column `lat`: its numbers are read with a decimal point"),
        "{}",
        notes(&table)
    );
    let style = NumberStyle { decimal: Some(DecimalMark::Point), sign: None };
    assert_eq!(table.origin().reading.numbers["lat"], style);
}

#[test]
fn what_is_no_number_stays_as_it_is_written() {
    let text = "ip;date;version;phone;code;word\n\
                192.168.1.1;28.01.2023;1.2.3;555 123;1,5;12,5\n10.0.0.1;03.04.2023;1.10.0;555 124;A;unknown\n";
    let table = found(text);
    for (name, first) in [
        ("ip", "192.168.1.1"),
        ("date", "28.01.2023"),
        ("version", "1.2.3"),
        ("phone", "555 123"),
        ("code", "1,5"),
        ("word", "12,5"),
    ] {
        assert_eq!(column(&table, name)[0], first, "{name}");
    }
    assert_eq!(table.origin().reading.decimal, None);
}

#[test]
fn a_sign_is_taken_away_from_a_column_that_the_user_calls_numbers() {
    let known = [("share".to_owned(), KnownColumn::DeclaredNumber)].into();
    let options = ReadOptions { known, ..ReadOptions::default() };
    let table = read("share;x\n38,0 %;1,5\n7,25 %;2,5\n", &options);
    assert_eq!(column(&table, "share"), ["38.0", "7.25"]);
    assert!(notes(&table).contains("`%` is taken away"), "{}", notes(&table));
    assert_eq!(table.origin().reading.numbers["share"].sign.as_deref(), Some("%"));
    // Later tables are read so, and only so.
    let later = options.continued(table.origin());
    assert_eq!(column(&read("share;x\n1,5 %;1,5\n", &later), "share"), ["1.5"]);
    assert_eq!(column(&read("share;x\n1,5 $;1,5\n", &later), "share"), ["1,5 $"]);
}

#[test]
fn a_later_table_of_the_other_mark_is_refused_with_the_cell() {
    let known = [("preis".to_owned(), KnownColumn::Number(NumberStyle::default()))].into();
    let options = ReadOptions { decimal: Some(DecimalMark::Comma), known, ..ReadOptions::default() };
    assert_eq!(column(&read("preis;x\n1.250;a\n", &options), "preis"), ["1250"]);
    let error = read_csv_bytes(b"preis;x\n1.250;a\n12.5;b\n", "t.csv", &options).unwrap_err();
    assert!(error.is_value());
    assert!(
        error.to_string().contains("column `preis`, line 3: `12.5` is not a number with a decimal comma"),
        "{error}"
    );
    assert!(error.hint().unwrap().contains("give `decimal` as `.`"));
}

#[test]
fn an_option_that_contradicts_itself_is_refused() {
    for options in [
        ReadOptions { thousands: Some('x'), ..ReadOptions::default() },
        ReadOptions { thousands: Some(','), decimal: Some(DecimalMark::Comma), ..ReadOptions::default() },
    ] {
        assert!(read_csv_bytes(b"a,b\n1,2\n", "t", &options).unwrap_err().is_option(), "{options:?}");
    }
}

#[test]
fn lines_are_named_where_numbers_were_rewritten_too() {
    let table = found("preis;alter\n1,5;12\n2,5;x\n");
    assert_eq!(column(&table, "preis"), ["1.5", "2.5"]);
    let kinds = [("alter".to_owned(), Kind::Numeric)].into();
    let error = infer(&table, &InferOptions { kinds, ..InferOptions::default() }).unwrap_err();
    assert_eq!(error.to_string(), "column `alter`, line 3: `x` is not a number");
}

#[test]
fn what_is_told_of_numbers_shows_a_cell_that_is_written_so() {
    let table = found("saldo,x\n40.5,a\n(12.25),b\n7,a\n");
    assert_eq!(column(&table, "saldo"), ["40.5", "-12.25", "7"]);
    assert!(
        notes(&table).contains("with a minus behind them or in parentheses, as in `(12.25)`"),
        "{}",
        notes(&table)
    );
}
