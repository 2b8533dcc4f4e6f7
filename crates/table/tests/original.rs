//! A table that leaves with more columns: everything else as it came.

#![expect(clippy::unwrap_used, reason = "a test ends where its helpers fail")]

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Decimal128Array, DictionaryArray, Float64Array, Int64Array, RecordBatch,
    StringArray, Time32SecondArray,
};
use arrow::datatypes::{DataType, Float64Type, Int8Type};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use tabgraft_table::Table;
use tabgraft_table::read::{Original, ReadOptions, read_table};

fn options() -> ReadOptions {
    ReadOptions::default()
}

fn written(folder: &tempfile::TempDir, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    path
}

/// A number and a text beside each row; the second number is missing.
fn added(n_rows: usize) -> Table {
    let numbers = Float64Array::from_iter((0..n_rows).map(|i| (i != 1).then_some(i as f64 + 0.5)));
    let texts = StringArray::from_iter_values((0..n_rows).map(|i| ["x", "y;\"z\"", ""][i % 3]));
    let columns = [("n, new", Arc::new(numbers) as ArrayRef), ("t", Arc::new(texts) as ArrayRef)];
    Table::from_columns(columns).unwrap()
}

/// What `text` becomes with these columns beside its rows.
fn with_more(text: &[u8]) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let (original, table) = Original::open(&written(&folder, "a.csv", text), &options()).unwrap();
    let mut out = Vec::new();
    original.write_csv_with(&added(table.n_rows()), &mut out).unwrap();
    out
}

#[test]
fn what_no_csv_can_hold_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (original, _) = Original::open(&written(&folder, "a.csv", "a\n1\n"), &options()).unwrap();
    for (name, cell, told) in [
        ("t\0", "x", "column `t\0`, in its name: found a NUL byte"),
        ("t", "x\0", "column `t`, row 0: found a NUL byte"),
    ] {
        let cells: ArrayRef = Arc::new(StringArray::from(vec![cell]));
        let more = Table::from_columns([(name, cells)]).unwrap();
        assert_eq!(original.write_csv_with(&more, Vec::new()).unwrap_err().to_string(), told);
    }
}

#[test]
fn a_csv_file_keeps_every_byte() {
    let plain = b"id,v,when\nNA,12345678901234567.89,03/04/2021\n 7 ,?,null\n\"8\",1e5,\"\"\n";
    let expected = b"id,v,when,\"n, new\",t\nNA,12345678901234567.89,03/04/2021,0.5,x\n \
        7 ,?,null,,\"y;\"\"z\"\"\"\n\"8\",1e5,\"\",2.5,\"\"\n";
    assert_eq!(String::from_utf8(with_more(plain)).unwrap(), String::from_utf8_lossy(expected));
    // Byte order mark, semicolons, line ends of another system, quotes within, no end of the last line.
    let foreign = b"\xef\xbb\xbfa;b\r\n\"1\r\n\"\"2\"\"\";N/A\r\n3;\"4\"";
    let expected =
        b"\xef\xbb\xbfa;b;\"n, new\";t\r\n\"1\r\n\"\"2\"\"\";N/A;0.5;x\r\n3;\"4\";;\"y;\"\"z\"\"\"";
    assert_eq!(String::from_utf8(with_more(foreign)).unwrap(), String::from_utf8_lossy(expected));
    // Blank lines: rows of a table with one column, nothing behind one of two.
    assert_eq!(with_more(b"a\n1\n\n2\n"), b"a,\"n, new\",t\n1,0.5,x\n,,\"y;\"\"z\"\"\"\n2,2.5,\"\"\n");
    assert_eq!(with_more(b"a,b\n1,2\n\n\n"), b"a,b,\"n, new\",t\n1,2,0.5,x\n\n\n");
}

#[test]
fn nothing_to_add_is_a_copy() {
    let folder = tempfile::tempdir().unwrap();
    let text = b"\xef\xbb\xbfa\tb\r\n 1\tNA\r\n";
    let (original, table) = Original::open(&written(&folder, "a.tsv", text), &options()).unwrap();
    let mut out = Vec::new();
    original.write_csv_with(&table.without(&table.column_names()).unwrap(), &mut out).unwrap();
    assert_eq!(out, text);
}

#[test]
fn cells_of_a_csv_file_are_parquet_text_as_they_are_spelled() {
    let folder = tempfile::tempdir().unwrap();
    let text = "a,b\nNA,0012.50\n,\"say \"\"no\"\"\"\n";
    let (original, _) = Original::open(&written(&folder, "a.csv", text), &options()).unwrap();
    let out = folder.path().join("b.parquet");
    original.write_parquet_with(&added(2), &out).unwrap();
    let batch = parquet(&out);
    let texts = |i: usize| {
        batch.column(i).as_string::<i32>().iter().map(|t| t.map(str::to_owned)).collect::<Vec<_>>()
    };
    assert_eq!(texts(0), [Some("NA".to_owned()), None]);
    assert_eq!(texts(1), [Some("0012.50".to_owned()), Some("say \"no\"".to_owned())]);
    assert_eq!(batch.column(2).as_primitive::<Float64Type>().value(0), 0.5);
}

fn parquet(path: &Path) -> RecordBatch {
    let mut reader =
        ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap().build().unwrap();
    reader.next().unwrap().unwrap()
}

/// Types that a table holds in another form, and values that it takes for missing.
#[test]
fn a_file_with_types_keeps_types_and_values() {
    let folder = tempfile::tempdir().unwrap();
    let digits =
        Decimal128Array::from(vec![1_234_567_890_123_456_789, -1]).with_precision_and_scale(30, 2).unwrap();
    let levels: DictionaryArray<Int8Type> = vec!["NA", "b"].into_iter().collect();
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("digits", Arc::new(digits)),
        ("level", Arc::new(levels)),
        ("text", Arc::new(StringArray::from(vec!["null", "?"]))),
        ("time", Arc::new(Time32SecondArray::from(vec![3600, 61]))),
        ("float", Arc::new(Float64Array::from(vec![f64::NAN, 1.0]))),
        ("whole", Arc::new(Int64Array::from(vec![None, Some(i64::MAX)]))),
    ];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let [a, b, c, d] = ["a.parquet", "b.parquet", "c.arrow", "d.arrows"].map(|name| folder.path().join(name));
    let mut writer = ArrowWriter::try_new(File::create(&a).unwrap(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    let mut writer =
        arrow::ipc::writer::FileWriter::try_new(File::create(&c).unwrap(), &batch.schema()).unwrap();
    writer.write(&batch).unwrap();
    writer.finish().unwrap();
    let mut writer =
        arrow::ipc::writer::StreamWriter::try_new(File::create(&d).unwrap(), &batch.schema()).unwrap();
    writer.write(&batch).unwrap();
    writer.finish().unwrap();
    for source in [&a, &c, &d] {
        let (original, table) = Original::open(source, &options()).unwrap();
        assert_eq!(table.column("level").unwrap().data_type(), &DataType::Utf8);
        original.write_parquet_with(&added(2), &b).unwrap();
        let found = parquet(&b);
        for (i, column) in batch.columns().iter().enumerate() {
            assert_eq!(found.column(i).data_type(), column.data_type(), "{source:?}");
            // NaN equals nothing, itself included.
            assert_eq!(format!("{:?}", found.column(i)), format!("{column:?}"), "{source:?}");
        }
        assert_eq!(found.num_columns(), 8);
        let mut out = Vec::new();
        original.write_csv_with(&added(2), &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.lines().nth(1).unwrap().starts_with("12345678901234567.89,NA,null,01:00:00,"), "{text}");
    }
}

#[test]
fn json_lines_keep_their_texts() {
    let folder = tempfile::tempdir().unwrap();
    let text = "{\"a\": \"NA\", \"b\": 12345678901234567.89}\n{\"a\": \"\", \"b\": null}\n";
    let (original, _) = Original::open(&written(&folder, "a.jsonl", text), &options()).unwrap();
    let mut out = Vec::new();
    original.write_csv_with(&added(2), &mut out).unwrap();
    let (piped, _) = Original::open_from(text.as_bytes(), "a.jsonl", &options()).unwrap();
    let mut again = Vec::new();
    piped.write_csv_with(&added(2), &mut again).unwrap();
    assert_eq!(again, out);
    let text = String::from_utf8(out).unwrap();
    assert!(text.contains("\nNA,12345678901234567.89,0.5,x\n\"\",,,"), "{text}");
}

#[test]
fn a_file_that_changed_meanwhile_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = written(&folder, "a.csv", "a,b\n1,2\n3,4\n");
    let (original, table) = Original::open(&path, &options()).unwrap();
    for text in ["a,b\n1,2\n", "a,b\n1,2\n3,4\n5,6\n"] {
        fs::write(&path, text).unwrap();
        let error = original.write_csv_with(&added(table.n_rows()), Vec::new()).unwrap_err();
        assert!(error.to_string().ends_with("changed while it was read"), "{error}");
    }
    assert_eq!(read_table(&path, &options()).unwrap().n_rows(), 3);
}

#[test]
fn new_numbers_are_written_as_those_of_the_file() {
    let comma = b"p;q\n1,5;a\n2,25;b\n3,5;c\n";
    let expected = "p;q;\"n, new\";t\n1,5;a;0,5;x\n2,25;b;;\"y;\"\"z\"\"\"\n3,5;c;2,5;\"\"\n";
    assert_eq!(String::from_utf8(with_more(comma)).unwrap(), expected);
    // Where the comma divides cells, a number with one stands in quotes, as the file's own.
    let quoted = b"p,q\n\"1,5\",a\n\"2,25\",b\n\"3,5\",c\n";
    let lines = String::from_utf8(with_more(quoted)).unwrap();
    assert_eq!(lines.lines().nth(1), Some("\"1,5\",a,\"0,5\",x"));
    // Read again, old and new numbers mean what they meant.
    let folder = tempfile::tempdir().unwrap();
    let tiny = [1.5e-12, -1234.125, 1e21];
    let numbers: ArrayRef = Arc::new(Float64Array::from(tiny.to_vec()));
    let (original, _) = Original::open(&written(&folder, "a.csv", comma), &options()).unwrap();
    let mut out = Vec::new();
    original.write_csv_with(&Table::from_columns([("n", numbers)]).unwrap(), &mut out).unwrap();
    let again = read_table(&written(&folder, "b.csv", &out), &options()).unwrap();
    let values = |name: &str| -> Vec<Option<f64>> {
        tabgraft_table::cell::numbers(name, again.column(name).unwrap()).unwrap().iter().collect()
    };
    assert_eq!(values("n"), tiny.map(Some));
    assert_eq!(values("p"), [1.5, 2.25, 3.5].map(Some));
}
