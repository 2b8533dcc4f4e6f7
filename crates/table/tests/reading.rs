//! Promises of reading and writing tables: nothing lost, nothing guessed silently, no panic.

#![allow(clippy::unwrap_used, reason = "the helpers of tests fail by panic, as the tests do")]

use std::fs;
use std::io::{Cursor, Write};
use std::path::Path;
use std::sync::Arc;

use arrow::array::*;
use arrow::datatypes::{DataType, Field, Float64Type, Int32Type, i256};
use arrow::ipc::CompressionType;
use arrow::ipc::writer::{FileWriter, IpcWriteOptions, StreamWriter};
use flate2::{Compression, write::GzEncoder};
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;
use proptest::prelude::*;
use tabgraft_table::read::{
    Format, ReadOptions, open, read_csv_bytes, read_table, read_table_from, write_csv, write_parquet,
};
use tabgraft_table::{Result, Table};

/// Reads `bytes` as a file of this name in a fresh folder; messages then hold only the name.
fn read_bytes(name: &str, bytes: &[u8]) -> Result<Table> {
    read_table_from(Cursor::new(bytes.to_vec()), name, &ReadOptions::default())
}

fn text_column(table: &Table, name: &str) -> Vec<Option<String>> {
    let column = table.column(name).unwrap().as_string::<i32>();
    column.iter().map(|cell| cell.map(str::to_owned)).collect()
}

fn cells(values: &[&str]) -> Vec<Option<String>> {
    values.iter().map(|v| (!v.is_empty()).then(|| (*v).to_owned())).collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A batch of every type that tables keep as it is, with missing cells.
fn typed_batch(n_rows: i64) -> RecordBatch {
    let some = |i: i64| (i % 5 != 3).then_some(i);
    let rows = || (0..n_rows).map(some);
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("int8", Arc::new(rows().map(|v| v.map(|v| v as i8)).collect::<Int8Array>())),
        ("uint64", Arc::new(rows().map(|v| v.map(|v| v as u64 + (1 << 60))).collect::<UInt64Array>())),
        ("float32", Arc::new(rows().map(|v| v.map(|v| v as f32 / 3.0)).collect::<Float32Array>())),
        ("float64", Arc::new(rows().map(|v| v.map(|v| v as f64 / 7.0)).collect::<Float64Array>())),
        ("bool", Arc::new(rows().map(|v| v.map(|v| v % 2 == 0)).collect::<BooleanArray>())),
        ("text", Arc::new(rows().map(|v| v.map(|v| format!("käse, {v}"))).collect::<StringArray>())),
        ("date", Arc::new(rows().map(|v| v.map(|v| v as i32)).collect::<Date32Array>())),
        ("time", Arc::new(rows().collect::<TimestampMicrosecondArray>().with_timezone("+02:00"))),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, a)| (n, a, true))).unwrap()
}

fn parquet_bytes(batch: &RecordBatch) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
    writer.write(batch).unwrap();
    writer.close().unwrap();
    bytes
}

fn arrow_file_bytes(batches: &[RecordBatch], compression: Option<CompressionType>) -> Vec<u8> {
    let options = IpcWriteOptions::default().try_with_compression(compression).unwrap();
    let schema = batches[0].schema();
    let mut writer = FileWriter::try_new_with_options(Vec::new(), &schema, options).unwrap();
    batches.iter().for_each(|batch| writer.write(batch).unwrap());
    writer.finish().unwrap();
    writer.into_inner().unwrap()
}

fn arrow_stream_bytes(batches: &[RecordBatch], compression: Option<CompressionType>) -> Vec<u8> {
    let options = IpcWriteOptions::default().try_with_compression(compression).unwrap();
    let schema = batches[0].schema();
    let mut writer = StreamWriter::try_new_with_options(Vec::new(), &schema, options).unwrap();
    batches.iter().for_each(|batch| writer.write(batch).unwrap());
    writer.finish().unwrap();
    writer.into_inner().unwrap()
}

/// The binary formats, each with the same rows.
fn binary_files(n_rows: i64) -> [(&'static str, Vec<u8>); 6] {
    let batch = typed_batch(n_rows);
    let halves = [
        batch.slice(0, n_rows as usize / 2),
        batch.slice(n_rows as usize / 2, n_rows as usize - n_rows as usize / 2),
    ];
    [
        ("t.parquet", parquet_bytes(&batch)),
        ("t.arrow", arrow_file_bytes(&halves, None)),
        ("t.arrows", arrow_stream_bytes(&halves, None)),
        // As pandas writes Feather files.
        ("t.feather", arrow_file_bytes(&halves, Some(CompressionType::LZ4_FRAME))),
        ("zstd.arrow", arrow_file_bytes(&halves, Some(CompressionType::ZSTD))),
        ("zstd.arrows", arrow_stream_bytes(&halves, Some(CompressionType::ZSTD))),
    ]
}

#[test]
fn every_refusal_names_its_place_and_a_way_out() {
    let truncated = |bytes: Vec<u8>, n: usize| bytes[..bytes.len() - n].to_vec();
    let parquet = parquet_bytes(&typed_batch(9));
    let list: ArrayRef =
        Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(vec![Some(vec![Some(1)])]));
    let binary: ArrayRef = Arc::new(BinaryArray::from(vec![&b"x"[..]]));
    let nested = RecordBatch::try_from_iter([("l", list), ("b", binary)]).unwrap();
    let number = || Arc::new(Int32Array::from(vec![1])) as ArrayRef;
    let doubled = RecordBatch::try_from_iter([("x", number()), ("x", number())]).unwrap();
    let cases: Vec<(&str, Vec<u8>, &str, &str)> = vec![
        ("t.csv", b"".to_vec(), "`t.csv` is empty", "a table needs a header and at least one row"),
        (
            "t.csv",
            b"\xef\xbb\xbf".to_vec(),
            "`t.csv` is empty",
            "a table needs a header and at least one row",
        ),
        (
            "t.csv",
            b"\n\n".to_vec(),
            "`t.csv`, line 1: blank, where the header should be",
            "the first line must name the columns",
        ),
        ("t.csv", b"a,b\n".to_vec(), "`t.csv` has 2 column(s) but no rows", "a table needs at least one row"),
        (
            "t.csv",
            b"a,b,a\n1,2,3\n".to_vec(),
            "`t.csv`, line 1: the header names `a` twice, as columns 1 and 3",
            "rename one of the two",
        ),
        (
            "t.csv",
            b",b\n1,2\n".to_vec(),
            "`t.csv`, line 1: column 1 of 2 has no name in the header",
            "name it; an unnamed first column is often an index (pandas: `index=False`)",
        ),
        (
            "t.csv",
            b"a,b,c\n1,2,3\n1\n".to_vec(),
            "`t.csv`, line 3: 1 cell(s) between delimiters `,`, the header has 3; the first column without a cell is `b`",
            "write every delimiter, also around missing cells",
        ),
        (
            "t.csv",
            b"a;b\n1;2\n\"x\ny\";2\n1;2;3\n".to_vec(),
            "`t.csv`, line 5: 3 cell(s) between delimiters `;`, the header has 2",
            "put cells that hold `;` in double quotes, or give another delimiter",
        ),
        (
            "t.csv",
            b"a,b\n1,2\n\n3,4\n".to_vec(),
            "`t.csv`, line 3: blank, with rows below it",
            "remove the line, or write a delimiter between each two missing cells",
        ),
        (
            "t.csv",
            b"a,b\n1,2\n3,\"x\n5,6\n7,8\n".to_vec(),
            "`t.csv`, line 3, column `b`: the quote opened here is never closed",
            "close the quote, or double it if it belongs to the text",
        ),
        (
            "t.csv",
            format!("a,b\n1,2\n3,\"{}", "x\n".repeat(1 << 20)).into_bytes(),
            "`t.csv`, line 3: the quote opened in line 3 is not closed within 65536 bytes",
            "close the quote, or double it if it belongs to the text",
        ),
        (
            "t.csv",
            format!("a,b\n1,2\n3,{}", "x".repeat(1 << 20)).into_bytes(),
            "`t.csv`, line 3: the row is longer than 65536 bytes",
            "check that the file is a table with line ends, or raise `max_row_bytes`",
        ),
        (
            "t.csv",
            b"a,b\n\"p\nq\",\"x\"y\n".to_vec(),
            "`t.csv`, line 3, column `b`: found `y` after a closing quote",
            "close every quote at the end of its cell, and double quotes that belong to the text",
        ),
        (
            "t.csv",
            b"a,b\n3,\"x\n5,\"y\"\n".to_vec(),
            "`t.csv`, line 3, column `b`: found `y` after the quote that closes the one opened in line 2",
            "close every quote at the end of its cell, and double quotes that belong to the text",
        ),
        (
            "t.csv",
            b"a,b\n1,2\n\"p\nq\",caf\xe9\n".to_vec(),
            "`t.csv`, line 4, column `b`: byte 0xe9 at offset 17 is not UTF-8",
            "save the file as UTF-8; from Western European text: `iconv -f WINDOWS-1252 -t UTF-8`",
        ),
        (
            "t.csv",
            b"a,\xe9\n1,2\n".to_vec(),
            "`t.csv`, line 1, column 2: byte 0xe9 at offset 2 is not UTF-8",
            "save the file as UTF-8; from Western European text: `iconv -f WINDOWS-1252 -t UTF-8`",
        ),
        (
            "t.csv",
            b"a,b\n1,\0\n".to_vec(),
            "`t.csv`, line 2, column `b`: found a NUL byte",
            "the file is damaged, not text, or in UTF-16; save it as UTF-8 text",
        ),
        (
            "t.csv",
            b"a,b\r1,2\r".to_vec(),
            "`t.csv`, line 1, column 2: found a carriage return without a line feed",
            "end lines with a line feed, and put cells that hold carriage returns in double quotes",
        ),
        (
            "t.csv",
            b"\xff\xfea\0,\0".to_vec(),
            "`t.csv` is UTF-16 text, only UTF-8 can be read",
            "convert it: `iconv -f UTF-16 -t UTF-8`, or save it as \"CSV UTF-8\"",
        ),
        (
            "t.csv",
            b"\x89PNG\r\n\x1a\n".to_vec(),
            "`t.csv` is not a table but a PNG picture",
            "CSV, TSV and JSON lines (also gzipped), Parquet and Arrow files can be read",
        ),
        (
            "t.xlsx",
            b"PK\x03\x04\x14\0".to_vec(),
            "`t.xlsx` is not a table but a ZIP archive or an Excel workbook",
            "unpack it, or save the sheet as CSV",
        ),
        (
            "t.csv.gz",
            truncated(gzip(b"a,b\n1,2\n"), 3),
            "`t.csv.gz` is cut short: its compressed data ends too early",
            "copy or compress the file again",
        ),
        (
            "t.csv.gz",
            [gzip(b"a,b\n1,2\n"), b"junk after the gzip data".to_vec()].concat(),
            "`t.csv.gz` holds damaged compressed data: invalid gzip header",
            "copy or compress the file again",
        ),
        (
            "t.csv.gz",
            gzip(&gzip(b"a,b\n1,2\n")),
            "`t.csv.gz` is gzipped twice",
            "decompress it once: `gunzip`",
        ),
        (
            "t.parquet",
            truncated(parquet.clone(), 1),
            "`t.parquet` is damaged or cut short: Parquet error: Invalid Parquet file. Corrupt footer",
            "copy or write the file again",
        ),
        (
            "t.parquet.gz",
            gzip(&parquet),
            "`t.parquet.gz` is a gzipped Parquet file",
            "only text is read through gzip; decompress it first: `gunzip`",
        ),
        (
            "t.parquet",
            parquet_bytes(&typed_batch(0)),
            "`t.parquet` has 8 column(s) but no rows",
            "a table needs at least one row",
        ),
        (
            "t.parquet",
            parquet_bytes(&nested),
            "`t.parquet`: column `l` is a list, column `b` is binary",
            "write it as columns of numbers, text, booleans, dates or timestamps, or leave it out",
        ),
        (
            "t.arrow",
            arrow_file_bytes(&[doubled], None),
            "`t.arrow`: column `x` stands twice",
            "rename one of the two",
        ),
        (
            "t.arrow",
            truncated(arrow_file_bytes(&[typed_batch(3)], None), 1),
            "`t.arrow` is damaged or cut short: Parser error: Arrow file does not contain correct footer",
            "copy or write the file again",
        ),
        (
            "t.json",
            b"[{\"a\": 1}]".to_vec(),
            "`t.json` is a JSON array, not JSON lines",
            "write one object per line: `jq -c '.[]'`",
        ),
        (
            "t.json",
            b"{\n  \"a\": 1\n}".to_vec(),
            "`t.json`, line 1, byte 3: expected a key in double quotes, found the end of the line",
            "write one flat object per line: `{\"name\": value, ...}`",
        ),
        (
            "t.jsonl",
            b"{\"a\": 1}\n{\"a\": {\"b\": 2}}\n".to_vec(),
            "`t.jsonl`, line 2, byte 7, key `a`: found a nested object",
            "flatten it first: one key per inner value, each a number, a text, true, false or null",
        ),
        (
            "t.jsonl",
            b"{\"a\": [1]}\n".to_vec(),
            "`t.jsonl`, line 1, byte 7, key `a`: found an array",
            "flatten it first: one key per inner value, each a number, a text, true, false or null",
        ),
        (
            "t.jsonl",
            b"{\"a\": 1}\n\n{\"a\": 2}\n".to_vec(),
            "`t.jsonl`, line 2: blank, with objects below it",
            "remove the line; a row without values is `{}`",
        ),
        (
            "t.jsonl",
            b"{\"a\": NaN}\n".to_vec(),
            "`t.jsonl`, line 1, byte 7, key `a`: expected a value, found `NaN`",
            "write text in double quotes and a missing value as null",
        ),
        (
            "t.jsonl",
            b"{\"a\": 007}\n".to_vec(),
            "`t.jsonl`, line 1, byte 7, key `a`: the number `007` is not valid JSON or out of range",
            "write text in double quotes and a missing value as null",
        ),
        (
            "t.jsonl",
            b"{\"a\": 1, \"a\": 2}\n".to_vec(),
            "`t.jsonl`, line 1, byte 15, key `a`: the key stands twice in one object",
            "write each key once per object",
        ),
        (
            "t.jsonl",
            b"{\"a\": 1} {\"a\": 2}\n".to_vec(),
            "`t.jsonl`, line 1, byte 10: expected the end of the line, found `{`",
            "write one flat object per line: `{\"name\": value, ...}`",
        ),
        (
            "t.jsonl",
            b"{\"a\": \"x\n".to_vec(),
            "`t.jsonl`, line 1, byte 7, key `a`: found a text without closing quote",
            "write one flat object per line: `{\"name\": value, ...}`",
        ),
        (
            "t.jsonl",
            b"{\"a\": \"\\x\"}\n".to_vec(),
            "`t.jsonl`, line 1, byte 7, key `a`: found a text with a broken escape or a raw control character",
            "write one flat object per line: `{\"name\": value, ...}`",
        ),
        (
            "t.jsonl",
            b"{\"a\": \"\xe9\"}\n".to_vec(),
            "`t.jsonl`, line 1: byte 0xe9 at offset 7 is not UTF-8",
            "save the file as UTF-8",
        ),
        (
            "t.jsonl",
            b"{\"\": 1}\n".to_vec(),
            "`t.jsonl`, line 1, byte 6, key ``: the key is empty",
            "name every key",
        ),
        (
            "t.jsonl",
            b"{}\n".to_vec(),
            "`t.jsonl` has 1 object(s) but no keys",
            "write one flat object per line: `{\"name\": value, ...}`",
        ),
        (
            "t.jsonl",
            format!("{{\"a\": \"{}\"}}", "x".repeat(1 << 20)).into_bytes(),
            "`t.jsonl`, line 1: longer than 65536 bytes",
            "write one object per line, or raise `max_row_bytes`",
        ),
    ];
    let small = ReadOptions { max_row_bytes: 1 << 16, ..ReadOptions::default() };
    for (name, bytes, message, hint) in cases {
        let error = read_table_from(Cursor::new(bytes), name, &small).unwrap_err();
        assert_eq!((error.to_string().as_str(), error.hint()), (message, Some(hint)));
        assert!(error.is_malformed() || error.is_schema(), "{message}");
    }
}

#[test]
fn a_path_without_a_table_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let error = read_table(folder.path(), &ReadOptions::default()).unwrap_err();
    assert_eq!(error.to_string(), format!("`{}` is a directory, not a table", folder.path().display()));
    assert_eq!(error.hint(), Some("name one file"));
    let absent = folder.path().join("absent.csv");
    let error = read_table(&absent, &ReadOptions::default()).unwrap_err();
    assert!(error.is_io() && error.to_string().starts_with(&format!("cannot open `{}`: ", absent.display())));
    assert_eq!(error.hint(), Some("check the path; it is relative to the current directory"));
}

#[test]
fn the_built_in_fixture_reads_as_text() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/german_credit.csv");
    let table = read_table(&path, &ReadOptions::default()).unwrap();
    assert_eq!((table.n_rows(), table.n_columns()), (1000, 21));
    assert_eq!(table.column("checking_status").unwrap().data_type(), &DataType::Utf8);
    assert_eq!(text_column(&table, "checking_status")[0].as_deref(), Some("<0"));
    let bytes = fs::read(&path).unwrap();
    assert_eq!(read_csv_bytes(&bytes, "german", &ReadOptions::default()).unwrap().batch(), table.batch());
}

#[test]
fn csv_keeps_codes_and_understands_quotes_marks_and_line_ends() {
    let table =
        read_bytes("t.csv", b"\xef\xbb\xbfcode,\"no, \"\"te\"\"\"\r\n007,\"a\nb\"\r\n NA ,\"\"\r\nNone,x")
            .unwrap();
    assert_eq!(table.column_names(), ["code", "no, \"te\""]);
    assert_eq!(text_column(&table, "code"), cells(&["007", "", "None"]));
    assert_eq!(text_column(&table, "no, \"te\""), cells(&["a\nb", "", "x"]));
    let options = ReadOptions { missing_tokens: vec!["-1".to_owned()], ..ReadOptions::default() };
    let table = read_csv_bytes(b"a,b\n-1,\nNA,x\n", "t", &options).unwrap();
    assert_eq!(text_column(&table, "a"), cells(&["", "NA"]));
    assert_eq!(text_column(&table, "b"), vec![Some(String::new()), Some("x".to_owned())]);
}

#[test]
fn blank_lines_are_missing_cells_in_one_column_and_padding_at_the_end_of_more() {
    assert_eq!(text_column(&read_bytes("t.csv", b"a\n1\n\n2\n\n").unwrap(), "a"), cells(&["1", "", "2", ""]));
    assert_eq!(read_bytes("t.csv", b"a,b\n1,2\n\r\n\n").unwrap().n_rows(), 1);
}

#[test]
fn content_decides_the_format_whatever_the_suffix_says() {
    let folder = tempfile::tempdir().unwrap();
    let batch = typed_batch(3);
    let csv = |delimiter, gzip| Format::Csv { delimiter, gzip };
    let cases = [
        ("t.parquet", b"a;b\n1,5;2\n".to_vec(), csv(b';', false)),
        ("t.json", b"a,b\n1,2\n".to_vec(), csv(b',', false)),
        ("t.tsv", b"a,b\tc\n1,2\t3\n".to_vec(), csv(b'\t', false)),
        ("t.csv", gzip(b"a|b\n1|2\n"), csv(b'|', true)),
        ("t.csv", b" {\"a\": 1}\n".to_vec(), Format::JsonLines { gzip: false }),
        ("t", gzip(b"\xef\xbb\xbf{\"a\": 1}\n"), Format::JsonLines { gzip: true }),
        ("t.csv", parquet_bytes(&batch), Format::Parquet),
        ("t.csv", arrow_file_bytes(std::slice::from_ref(&batch), None), Format::ArrowFile),
        ("t.csv", arrow_stream_bytes(std::slice::from_ref(&batch), None), Format::ArrowStream),
    ];
    for (name, bytes, format) in cases {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        assert_eq!(open(&path, &ReadOptions::default()).unwrap().format(), format, "{name}");
    }
}

#[test]
fn rows_and_places_hold_beyond_the_first_window() {
    let mut bytes = b"id,text\n".to_vec();
    let mut expected = Vec::new();
    for i in 0..4000_usize {
        let n_repeats = if i == 2500 { 100_000 } else { i * 7919 % 40 };
        let text = format!("{i} \"quoted\", lines\r\nand käse\n{}", "ab\"c,".repeat(n_repeats));
        bytes.extend(format!("{i},\"{}\"\n", text.replace('"', "\"\"")).into_bytes());
        expected.push(Some(text));
    }
    let table = read_bytes("t.csv", &bytes).unwrap();
    assert!(text_column(&table, "text") == expected);
    let offset = bytes.len() + 3;
    let line = 1 + bytes.iter().filter(|&&b| b == b'\n').count();
    bytes.extend(b"id,\xff\n");
    let error = read_bytes("t.csv", &bytes).unwrap_err().to_string();
    assert_eq!(
        error,
        format!("`t.csv`, line {line}, column `text`: byte 0xff at offset {offset} is not UTF-8")
    );
}

#[test]
fn gzip_members_follow_each_other() {
    let bytes = [gzip(b"a,b\n1,2\n3"), gzip(b",4\n5,6\n")].concat();
    assert_eq!(text_column(&read_bytes("t.csv.gz", &bytes).unwrap(), "b"), cells(&["2", "4", "6"]));
}

#[test]
fn json_columns_take_the_narrowest_exact_type() {
    let lines = br#"{"i": 1, "f": 1, "mixed": 7.50, "b": true, "s": "x", "wide": 12345678901234567890}
{"f": 2.5e0, "i": "NA", "mixed": "007", "b": null, "none": null, "exact": 9007199254740993}
{"b": false, "i": -3, "mixed": true, "s": "\u00e9\n", "exact": 0.5, "wide": 1}
"#;
    let table = read_bytes("t.jsonl", lines).unwrap();
    let types: Vec<_> =
        table.batch().schema().fields().iter().map(|f| (f.name().clone(), f.data_type().clone())).collect();
    use DataType::*;
    let expected = [
        ("i", Int64),
        ("f", Float64),
        ("mixed", Utf8),
        ("b", Boolean),
        ("s", Utf8),
        ("wide", Utf8),
        ("none", Utf8),
        ("exact", Utf8),
    ];
    assert_eq!(types, expected.map(|(n, t)| (n.to_owned(), t)));
    assert_eq!(table.column("i").unwrap().as_ref(), &Int64Array::from(vec![Some(1), None, Some(-3)]));
    assert_eq!(table.column("f").unwrap().as_ref(), &Float64Array::from(vec![Some(1.0), Some(2.5), None]));
    assert_eq!(table.column("b").unwrap().as_ref(), &BooleanArray::from(vec![Some(true), None, Some(false)]));
    assert_eq!(text_column(&table, "mixed"), cells(&["7.50", "007", "true"]));
    assert_eq!(text_column(&table, "s"), cells(&["x", "", "é\n"]));
    assert_eq!(text_column(&table, "wide"), cells(&["12345678901234567890", "", "1"]));
    assert_eq!(text_column(&table, "exact"), cells(&["", "9007199254740993", "0.5"]));
}

#[test]
fn binary_formats_give_back_what_was_written() {
    for (name, bytes) in binary_files(40) {
        let table = read_bytes(name, &bytes).unwrap();
        assert_eq!(table.batch(), &typed_batch(40), "{name}");
    }
}

#[test]
fn typed_columns_are_normalised_and_missing_means_missing() {
    let dictionary: DictionaryArray<Int32Type> = vec![Some("x"), Some("NA"), None].into_iter().collect();
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("nan", Arc::new(Float64Array::from(vec![f64::NAN, f64::INFINITY, 1.0]))),
        ("large", Arc::new(LargeStringArray::from(vec!["?", "b", " null"]))),
        ("view", Arc::new(StringViewArray::from(vec!["a", "", "c"]))),
        ("dictionary", Arc::new(dictionary)),
        (
            "decimal",
            Arc::new(Decimal128Array::from(vec![150, -25, 0]).with_precision_and_scale(10, 2).unwrap()),
        ),
        (
            "wide_decimal",
            Arc::new(Decimal256Array::from(vec![i256::from(5); 3]).with_precision_and_scale(50, 1).unwrap()),
        ),
        (
            "half",
            Arc::new(
                arrow::compute::cast(&Float32Array::from(vec![0.5, f32::NAN, 2.0]), &DataType::Float16)
                    .unwrap(),
            ),
        ),
        ("clock", Arc::new(Time32SecondArray::from(vec![3661, 0, 1]))),
        ("lasting", Arc::new(DurationMillisecondArray::from(vec![5, 6, 7]))),
        ("nothing", Arc::new(NullArray::new(3))),
    ];
    let batch =
        RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, a)| (n, a, true))).unwrap();
    let parquet_columns: Vec<usize> =
        (0..batch.num_columns()).filter(|&i| batch.schema().field(i).name() != "lasting").collect();
    let files = [
        ("t.parquet", parquet_bytes(&batch.project(&parquet_columns).unwrap())),
        ("t.arrow", arrow_file_bytes(std::slice::from_ref(&batch), None)),
        ("t.arrows", arrow_stream_bytes(std::slice::from_ref(&batch), None)),
    ];
    for (name, bytes) in files {
        let table = read_bytes(name, &bytes).unwrap();
        let floats = |column: &str| {
            table.column(column).unwrap().as_primitive::<Float64Type>().iter().collect::<Vec<_>>()
        };
        assert_eq!(floats("nan"), [None, Some(f64::INFINITY), Some(1.0)], "{name}");
        assert_eq!(floats("decimal"), [Some(1.5), Some(-0.25), Some(0.0)], "{name}");
        assert_eq!(floats("wide_decimal"), [Some(0.5); 3], "{name}");
        assert_eq!(floats("half"), [Some(0.5), None, Some(2.0)], "{name}");
        assert_eq!(text_column(&table, "large"), cells(&["", "b", ""]), "{name}");
        assert_eq!(text_column(&table, "view"), cells(&["a", "", "c"]), "{name}");
        assert_eq!(text_column(&table, "dictionary"), cells(&["x", "", ""]), "{name}");
        assert_eq!(text_column(&table, "clock"), cells(&["01:01:01", "00:00:00", "00:00:01"]), "{name}");
        assert_eq!(table.column("nothing").unwrap().logical_null_count(), 3, "{name}");
        if name != "t.parquet" {
            assert_eq!(table.column("lasting").unwrap().as_ref(), &Int64Array::from(vec![5, 6, 7]));
        }
    }
}

#[test]
fn small_batches_join_to_the_whole() {
    let mut text = Vec::new();
    write_csv(&Table::new(typed_batch(1003)).unwrap(), &mut text).unwrap();
    let json: String = (0..1003).map(|i| format!("{{\"a\": {i}, \"b\": \"x{i}\"}}\n")).collect();
    let mut files = vec![("t.csv", text.clone()), ("t.csv.gz", gzip(&text)), ("t.jsonl", json.into_bytes())];
    files.extend(binary_files(1003));
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        let whole = read_table(&path, &ReadOptions::default()).unwrap();
        assert_eq!(whole.n_rows(), 1003, "{name}");
        for batch_rows in [1, 7, 1003] {
            let options = ReadOptions { batch_rows, ..ReadOptions::default() };
            let reader = open(&path, &options).unwrap();
            let schema = reader.schema();
            let batches: Vec<RecordBatch> = reader.map(Result::unwrap).collect();
            assert!(batches.iter().all(|b| b.num_rows() <= batch_rows), "{name}");
            assert_eq!(Table::from_batches(&schema, &batches).unwrap().batch(), whole.batch(), "{name}");
        }
    }
}

#[test]
fn a_file_cut_anywhere_is_an_error() {
    let csv: String = (0..300).map(|i| format!("{i},{}\n", i * 7919 % 1000)).collect();
    let mut files = binary_files(200).to_vec();
    files.push(("t.csv.gz", gzip(format!("a,b\n{csv}").as_bytes())));
    for (name, bytes) in files {
        assert!(read_bytes(name, &bytes).is_ok(), "{name}");
        let cuts = (0..50).map(|i| bytes.len() * i / 50).chain(bytes.len() - 12..bytes.len());
        for cut in cuts {
            assert!(read_bytes(name, &bytes[..cut]).is_err(), "{name} cut to {cut} of {} bytes", bytes.len());
        }
    }
}

#[test]
fn a_stream_cut_between_two_batches_is_an_error() {
    let batch = typed_batch(20);
    let whole = arrow_stream_bytes(&[batch.clone(), batch.clone()], None);
    let n_marker_bytes = 8;
    let one = arrow_stream_bytes(std::slice::from_ref(&batch), None).len() - n_marker_bytes;
    let error = read_bytes("t.arrows", &whole[..one]).unwrap_err();
    assert_eq!(error.to_string(), "`t.arrows` is an Arrow stream without end marker");
    assert!(read_bytes("t.arrows", &[whole.clone(), whole].concat()).is_err());
}

#[test]
fn a_flipped_bit_never_panics_and_a_claimed_size_is_not_believed() {
    for (name, bytes) in binary_files(60) {
        for i in 0..400 {
            let mut damaged = bytes.clone();
            let at = bytes.len() * i / 400;
            damaged[at] ^= 1 << (i % 8);
            let _ = read_bytes(name, &damaged);
            // High bytes of lengths: claims of exabytes.
            damaged[at] = 0x7f;
            let _ = read_bytes(name, &damaged);
        }
    }
    for (_, bytes) in binary_files(5) {
        let magic = &bytes[..8];
        for claim in [vec![0xff; 64], vec![0x7f; 64], [&[0xff; 4][..], &[0xff, 0xff, 0xff, 0x7f]].concat()] {
            assert!(read_bytes("t", &[magic, &claim].concat()).is_err());
        }
    }
}

/// Compressed buffers say how long they become. A reader that believes it is ended by the system.
#[test]
fn a_compressed_batch_that_claims_too_much_is_an_error() {
    let zeros: ArrayRef = Arc::new(Int64Array::from(vec![0; 10_000]));
    let batch = RecordBatch::try_from_iter([("x", zeros)]).unwrap();
    for codec in [CompressionType::LZ4_FRAME, CompressionType::ZSTD] {
        let files = [
            arrow_file_bytes(std::slice::from_ref(&batch), Some(codec)),
            arrow_stream_bytes(std::slice::from_ref(&batch), Some(codec)),
        ];
        for bytes in files {
            assert_eq!(read_bytes("t", &bytes).unwrap().n_rows(), 10_000);
            let length = 80_000_i64.to_le_bytes();
            let place = bytes.windows(8).rposition(|w| w == length).unwrap();
            for claim in [1_i64 << 31, 1 << 46, i64::MAX] {
                let mut hostile = bytes.clone();
                hostile[place..place + 8].copy_from_slice(&claim.to_le_bytes());
                let error = read_bytes("t", &hostile).unwrap_err();
                assert!(error.is_malformed() && error.to_string().contains("claims to hold"), "{error}");
            }
        }
    }
}

#[test]
fn parquet_is_read_with_every_usual_compression() {
    use parquet::basic::{BrotliLevel, Compression, GzipLevel, ZstdLevel};

    let batch = typed_batch(50);
    let level = (BrotliLevel::default(), GzipLevel::default(), ZstdLevel::default());
    for compression in [
        Compression::BROTLI(level.0),
        Compression::GZIP(level.1),
        Compression::LZ4_RAW,
        Compression::SNAPPY,
        Compression::ZSTD(level.2),
    ] {
        let properties = WriterProperties::builder().set_compression(compression).build();
        let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties)).unwrap();
        writer.write(&batch).unwrap();
        let bytes = writer.into_inner().unwrap();
        assert_eq!(read_bytes("t.parquet", &bytes).unwrap().batch(), &batch, "{compression}");
    }
}

/// A cell: missing, or text that is not blank and not a token of the test's options.
fn cell() -> impl Strategy<Value = Option<String>> {
    let text = "[a-c ,;|\t\"'\r\n{}\\[\\]é\u{feff}\u{1F600}0-9.-]{0,8}|\\PC{1,6}";
    prop_oneof![1 => Just(None), 6 => text.prop_map(|t| (!t.trim_ascii().is_empty()).then_some(t))]
}

fn text_table() -> impl Strategy<Value = Vec<(String, Vec<Option<String>>)>> {
    (1_usize..5, 1_usize..12).prop_flat_map(|(n_columns, n_rows)| {
        let names = proptest::collection::btree_set(
            "[a-c,;|\t\"\r\n{\\[é\u{feff}]{0,5}[a-z]|PAR1|ARROW1|PK",
            n_columns,
        );
        let names = names.prop_map(|names| names.into_iter().collect::<Vec<_>>()).prop_shuffle();
        names.prop_flat_map(move |names| {
            let columns = proptest::collection::vec(proptest::collection::vec(cell(), n_rows), names.len());
            columns.prop_map(move |columns| names.iter().cloned().zip(columns).collect())
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn csv_written_and_read_is_the_same_table(columns in text_table(), batch_rows in 1_usize..5) {
        let arrays = columns.iter().map(|(n, c)| (n.clone(), Arc::new(StringArray::from(c.clone())) as ArrayRef));
        let table = Table::from_columns(arrays).unwrap();
        let mut bytes = Vec::new();
        write_csv(&table, &mut bytes).unwrap();
        let options = ReadOptions { missing_tokens: vec![String::new()], batch_rows, ..ReadOptions::default() };
        let back = read_table_from(Cursor::new(bytes.clone()), "t", &options);
        let back = back.map_err(|e| TestCaseError::fail(format!("{e}: {:?}", String::from_utf8_lossy(&bytes))))?;
        prop_assert_eq!(back.batch(), table.batch(), "{:?}", String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn floats_are_written_with_the_digits_that_read_back(wide in any::<f64>(), narrow in any::<f32>()) {
        let wide_array: ArrayRef = Arc::new(Float64Array::from(vec![wide, 0.1]));
        let narrow_array: ArrayRef = Arc::new(Float32Array::from(vec![narrow, 0.1]));
        let table = Table::from_columns([("wide", wide_array), ("narrow", narrow_array)]).unwrap();
        let mut bytes = Vec::new();
        write_csv(&table, &mut bytes).unwrap();
        let back = read_bytes("t.csv", &bytes).unwrap();
        let (wide_text, narrow_text) = (text_column(&back, "wide"), text_column(&back, "narrow"));
        prop_assert_eq!((wide_text[1].as_deref(), narrow_text[1].as_deref()), (Some("0.1"), Some("0.1")));
        let parsed = wide_text[0].as_ref().map(|t| t.parse::<f64>().unwrap().to_bits());
        prop_assert_eq!(parsed, (!wide.is_nan()).then(|| wide.to_bits()));
        let parsed = narrow_text[0].as_ref().map(|t| t.parse::<f32>().unwrap().to_bits());
        prop_assert_eq!(parsed, (!narrow.is_nan()).then(|| narrow.to_bits()));
    }
}

#[test]
fn csv_writes_types_as_people_expect_and_refuses_what_it_cannot_hold() {
    let table = Table::new(typed_batch(2)).unwrap();
    let mut bytes = Vec::new();
    write_csv(&table, &mut bytes).unwrap();
    let expected = "int8,uint64,float32,float64,bool,text,date,time\n\
        0,1152921504606846976,0.0,0.0,true,\"käse, 0\",1970-01-01,1970-01-01T02:00:00+02:00\n\
        1,1152921504606846977,0.33333334,0.14285714285714285,false,\"käse, 1\",1970-01-02,1970-01-01T02:00:00.000001+02:00\n";
    assert_eq!(String::from_utf8(bytes).unwrap(), expected);
    let list: ArrayRef =
        Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(vec![Some(vec![Some(1)])]));
    let error = write_csv(&Table::from_columns([("l", list)]).unwrap(), Vec::new()).unwrap_err();
    assert!(error.is_schema() && error.to_string().starts_with("column `l` of type List"), "{error}");
    let nul: ArrayRef = Arc::new(StringArray::from(vec!["a\0b"]));
    let error = write_csv(&Table::from_columns([("n", nul)]).unwrap(), Vec::new()).unwrap_err();
    assert_eq!(error.to_string(), "column `n`, row 1: found a NUL byte");
}

#[test]
fn parquet_appears_whole_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.parquet");
    let table = Table::new(typed_batch(30)).unwrap();
    write_parquet(&table, &path).unwrap();
    write_parquet(&table.slice(0, 10), &path).unwrap();
    let written = fs::read(&path).unwrap();
    assert_eq!(read_table(&path, &ReadOptions::default()).unwrap().batch(), &typed_batch(30).slice(0, 10));
    let field = Arc::new(Field::new("i", DataType::Int32, true));
    let union_fields = arrow::datatypes::UnionFields::try_new(vec![0], vec![field.as_ref().clone()]).unwrap();
    let union =
        UnionArray::try_new(union_fields, vec![0_i8].into(), None, vec![Arc::new(Int32Array::from(vec![1]))])
            .unwrap();
    let refused = Table::from_columns([("u", Arc::new(union) as ArrayRef)]).unwrap();
    assert!(write_parquet(&refused, &path).is_err());
    assert_eq!(fs::read(&path).unwrap(), written);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no part is left behind");
    assert!(write_parquet(&table, &folder.path().join("absent/t.parquet")).unwrap_err().is_io());
}

#[test]
fn options_outside_their_range_are_refused() {
    let refused = [
        ReadOptions { batch_rows: 0, ..ReadOptions::default() },
        ReadOptions { max_row_bytes: 0, ..ReadOptions::default() },
        ReadOptions { max_row_bytes: usize::MAX, ..ReadOptions::default() },
        ReadOptions { delimiter: Some(b'"'), ..ReadOptions::default() },
        ReadOptions { delimiter: Some(0xc3), ..ReadOptions::default() },
    ];
    for options in refused {
        assert!(read_csv_bytes(b"a,b\n1,2\n", "t", &options).unwrap_err().is_option(), "{options:?}");
    }
}
