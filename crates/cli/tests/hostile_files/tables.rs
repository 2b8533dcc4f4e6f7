//! Tables that unpack to more than they are, or have more columns than anybody has.

use std::io::{Cursor, Write};
use std::sync::Arc;

use arrow::array::{ArrayRef, DictionaryArray, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::Int32Type;
use arrow::ipc::CompressionType;
use arrow::ipc::writer::{FileWriter, IpcWriteOptions};
use flate2::{Compression, write::GzEncoder};
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;
use tabgraft_feature::{Feature, FeatureEngineer};
use tabgraft_table::Table;
use tabgraft_table::read::{ReadOptions, read_csv_bytes, read_table_from};
use tabgraft_table::schema::{InferOptions, infer};

use super::{alone, refused};

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub fn parquet(batches: &[RecordBatch]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let zstd = parquet::basic::Compression::ZSTD(Default::default());
    let properties = WriterProperties::builder().set_compression(zstd).build();
    let mut writer = ArrowWriter::try_new(&mut bytes, batches[0].schema(), Some(properties)).unwrap();
    batches.iter().for_each(|batch| writer.write(batch).unwrap());
    writer.close().unwrap();
    bytes
}

pub fn arrow_file(batches: &[RecordBatch], compression: Option<CompressionType>) -> Vec<u8> {
    let options = IpcWriteOptions::default().try_with_compression(compression).unwrap();
    let mut writer = FileWriter::try_new_with_options(Vec::new(), &batches[0].schema(), options).unwrap();
    batches.iter().for_each(|batch| writer.write(batch).unwrap());
    writer.finish().unwrap();
    writer.into_inner().unwrap()
}

/// What may be unpacked in these tests; a bound of a gigabyte would take them long.
const MOST: u64 = 8 << 20;

#[test]
fn a_small_file_does_not_unpack_to_gigabytes() {
    let _turn = alone();
    let options = ReadOptions { max_inflated_bytes: MOST, ..ReadOptions::default() };
    // Members of gzip follow each other: 64 MiB in each, from one compression.
    let member = gzip(&b"0,0\n".repeat(16 << 20));
    let bomb = [gzip(b"a,b\n"), member].concat();
    let json = gzip(&b"{\"a\":0}\n".repeat(8 << 20));
    let zeros: ArrayRef = Arc::new(Int64Array::from(vec![0; 1 << 20]));
    let zeros = vec![RecordBatch::try_from_iter([("a", zeros)]).unwrap(); 16];
    let text = "x".repeat(1 << 20);
    let plain: ArrayRef = Arc::new(StringArray::from(vec![text.as_str(); 64]));
    let plain = [RecordBatch::try_from_iter([("a", plain)]).unwrap()];
    let keyed: ArrayRef =
        Arc::new(vec![text.as_str(); 64].into_iter().collect::<DictionaryArray<Int32Type>>());
    let keyed = [RecordBatch::try_from_iter([("a", keyed)]).unwrap()];
    for (name, bytes) in [
        ("bomb.csv.gz", bomb),
        ("bomb.jsonl.gz", json),
        ("zeros.parquet", parquet(&zeros)),
        ("texts.parquet", parquet(&plain)),
        ("keyed.parquet", parquet(&keyed)),
        ("zeros.arrow", arrow_file(&zeros, Some(CompressionType::ZSTD))),
        ("texts.arrow", arrow_file(&plain, Some(CompressionType::LZ4_FRAME))),
        ("keyed.arrow", arrow_file(&keyed, Some(CompressionType::ZSTD))),
    ] {
        let size = bytes.len();
        assert!(size < 2 << 20, "{name} has {size} bytes");
        refused(name, size, "claims to hold more than", || {
            read_table_from(Cursor::new(bytes), name, &options)
        });
    }
}

/// Columns are looked up by name: with a search each time, this table took hours.
#[test]
fn a_hundred_thousand_columns_are_read_in_seconds() {
    let _turn = alone();
    let n_columns = 100_000;
    let line = |cell: &dyn Fn(usize) -> String| (0..n_columns).map(cell).collect::<Vec<_>>().join(",") + "\n";
    let mut csv = line(&|i| format!("c{i}"));
    (0..3).for_each(|row| csv += &line(&|i| (i * 7 + row * 13 % 97).to_string()));
    let start = std::time::Instant::now();
    let table = read_csv_bytes(csv.as_bytes(), "wide.csv", &ReadOptions::default()).unwrap();
    let schema = infer(&table, &InferOptions::default()).unwrap();
    assert_eq!(schema.columns.len() + schema.excluded.len(), n_columns);
    let names = table.column_names();
    let (left, right) = names.split_at(n_columns / 2);
    assert_eq!(table.without(left).unwrap().column_names(), right);
    assert_eq!(table.append(&table).unwrap().n_rows(), 6);
    let seconds = start.elapsed().as_secs_f64();
    assert!(seconds < 20.0, "{seconds} s");
}

#[test]
fn five_thousand_features_are_added_in_a_second() {
    let _turn = alone();
    let column: ArrayRef = Arc::new(Int64Array::from(vec![1, 2, 3]));
    let table = Table::from_columns([("x", column)]).unwrap();
    let features = (0..5000).map(|i| Feature::formula(format!("f{i}"), format!("x + {i}"), "made"));
    let start = std::time::Instant::now();
    let engineer = FeatureEngineer::new(features.collect()).unwrap();
    let made = engineer.transform(&table).unwrap();
    assert_eq!((made.n_columns(), made.column_names()[5000].as_str()), (5001, "f4999"));
    let seconds = start.elapsed().as_secs_f64();
    assert!(seconds < 3.0, "{seconds} s");
}
