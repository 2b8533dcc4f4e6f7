//! Columns that are no part of the data, that cannot be read, or that nobody wants.

use std::collections::HashMap;

use arrow::datatypes::Schema;
use tabgraft_table::read::reread;
use tabgraft_table::schema::{Exclusion, InferOptions, Kind, infer};

use super::*;

/// A frame of pandas as its files hold it, with an index of this name.
fn with_index(name: &str) -> RecordBatch {
    let number = |scale: i32| Arc::new((0..50).map(|i| i * scale % 17).collect::<Int32Array>()) as ArrayRef;
    let about = format!(r#"{{"index_columns": ["{name}"], "columns": []}}"#);
    let metadata = HashMap::from([("pandas".to_owned(), about)]);
    let fields = ["a", name].map(|name| Field::new(name, DataType::Int32, true)).to_vec();
    RecordBatch::try_new(Arc::new(Schema::new_with_metadata(fields, metadata)), vec![number(5), number(7)])
        .unwrap()
}

fn nested() -> RecordBatch {
    let lists: ArrayRef = Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(vec![
        Some(vec![Some(1)]),
        None,
        Some(vec![Some(2), Some(3)]),
    ]));
    let numbers: ArrayRef = Arc::new(Int32Array::from(vec![1, 2, 3]));
    RecordBatch::try_from_iter([("tags", lists), ("n", numbers)]).unwrap()
}

#[test]
fn a_stored_index_is_left_out_by_the_files_own_word_unless_it_is_given_a_kind() {
    for name in ["__index_level_0__", "Zeile"] {
        let batch = with_index(name);
        for (file, bytes) in [
            ("t.parquet", parquet_bytes(&batch)),
            ("t.arrow", arrow_file_bytes(std::slice::from_ref(&batch), None)),
        ] {
            let table = read_bytes(file, &bytes).unwrap();
            assert!(table.origin().notes[0].contains(&format!("`{name}`")), "{:?}", table.origin().notes);
            let schema = infer(&table, &InferOptions::default()).unwrap();
            assert_eq!(schema.names(), ["a"], "{file}");
            assert_eq!(schema.excluded[0].exclusion, Exclusion::Index);
            let kinds = [(name.to_owned(), Kind::Numeric)].into();
            let schema = infer(&table, &InferOptions { kinds, ..Default::default() }).unwrap();
            assert_eq!(schema.names(), ["a", name], "{file}");
        }
    }
}

#[test]
fn an_unnamed_first_column_of_a_csv_file_is_left_out() {
    for header in ["", "Unnamed: 0", "Unnamed: 0.1"] {
        let table = read_bytes("t.csv", format!("{header},a\n7,x\n7,y\n3,x\n").as_bytes()).unwrap();
        let schema = infer(&table, &InferOptions::default()).unwrap();
        assert_eq!(schema.names(), ["a"], "`{header}`");
        assert_eq!(schema.excluded[0].exclusion, Exclusion::Index, "`{header}`");
        assert!(table.origin().notes[0].contains("give it a kind to use it"), "`{header}`");
    }
}

#[test]
fn a_column_of_lists_is_left_out_with_its_reason_or_ignored() {
    let json = b"{\"tags\": [1], \"n\": 1}\n{\"n\": 2}\n{\"tags\": {\"a\": \"]}\"}, \"n\": 3}\n".to_vec();
    let files = [
        ("t.jsonl", json),
        ("t.parquet", parquet_bytes(&nested())),
        ("t.arrow", arrow_file_bytes(&[nested()], None)),
    ];
    for (file, bytes) in files {
        let table = read_bytes(file, &bytes).unwrap();
        assert_eq!((table.column_names(), table.n_rows()), (vec!["n".to_owned()], 3), "{file}");
        assert!(table.origin().notes[0].contains("`tags` (a list"), "{:?}", table.origin().notes);
        assert!(
            table.column("tags").unwrap_err().to_string().contains("cannot be read: it is a list"),
            "{file}"
        );
        let schema = infer(&table, &InferOptions::default()).unwrap();
        assert_eq!(schema.excluded[0].exclusion, Exclusion::Unreadable, "{file}");
        let ignore = InferOptions { ignore: vec!["tags".to_owned()], ..Default::default() };
        assert_eq!(infer(&table, &ignore).unwrap().excluded[0].exclusion, Exclusion::Ignored, "{file}");
        let unread = ReadOptions { columns: ignore.wants(None::<&str>), ..ReadOptions::default() };
        let again = infer(&reread(&table, &unread).unwrap(), &ignore).unwrap();
        assert_eq!(again.excluded[0].exclusion, Exclusion::Ignored, "{file}, read once more");
        let table = read_table_from(Cursor::new(bytes), file, &unread).unwrap();
        assert!(table.origin().notes.is_empty() && table.origin().set_aside.is_empty(), "{file}");
        assert_eq!(table.all_column_names(), ["n", "tags"], "{file}");
        assert_eq!(infer(&table, &ignore).unwrap().excluded[0].exclusion, Exclusion::Ignored, "{file}");
    }
}

#[test]
fn what_is_not_wanted_is_not_looked_at() {
    let wanted = Wanted::Only(["n".to_owned(), "absent".to_owned()].into());
    let options = ReadOptions { columns: wanted, ..ReadOptions::default() };
    // Latin-1 in a column that nobody asks for.
    let table = read_csv_bytes(b"n,note\n1,caf\xe9\n2,th\xe9\n", "t.csv", &options).unwrap();
    assert_eq!(table.column_names(), ["n"]);
    assert_eq!(table.all_column_names(), ["n", "note"]);
    let error = read_csv_bytes(b"n,note\n1,caf\xe9\n", "t.csv", &ReadOptions::default()).unwrap_err();
    assert!(
        error.to_string().contains("line 2, column `note`: byte 0xe9 at offset 12 is not UTF-8"),
        "{error}"
    );
    // None of them is there: rows without columns.
    let none = ReadOptions { columns: Wanted::Only(["absent".to_owned()].into()), ..ReadOptions::default() };
    for (file, bytes) in [
        ("t.csv", b"a,b\n1,2\n3,4\n5,6\n".to_vec()),
        ("t.jsonl", b"{\"a\": 1}\n{\"a\": 2}\n{\"a\": [3]}\n".to_vec()),
        ("t.parquet", parquet_bytes(&nested())),
        ("t.arrow", arrow_file_bytes(&[nested()], None)),
    ] {
        let table = read_table_from(Cursor::new(bytes), file, &none).unwrap();
        assert_eq!((table.n_columns(), table.n_rows()), (0, 3), "{file}");
    }
}

#[test]
fn delimiters_at_line_ends_make_no_column() {
    for text in ["a|b|\n1|x|\n2|y|\n", "a|b\n1|x|\n2|y|\n", "a|b|\n1|x\n2|y\n", "a|b||\n1|x||\n2|y||\n"] {
        let table = read_bytes("t.csv", text.as_bytes()).unwrap();
        assert_eq!(table.column_names(), ["a", "b"], "{text}");
        assert_eq!(text_column(&table, "b"), cells(&["x", "y"]), "{text}");
        let notes = &table.origin().notes;
        assert!(notes.len() == 1 && notes[0].contains("in the delimiter `|`"), "{notes:?}");
    }
    let error = read_bytes("t.csv", b"a|b|\n1|x|\n2|y|z\n3|y|z\n4|y|z\n").unwrap_err();
    assert!(error.hint().unwrap().contains("name these columns"), "{error}: {:?}", error.hint());
}
