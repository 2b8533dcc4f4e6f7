//! What is in a file comes out of it, whatever its format.

use super::*;

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
