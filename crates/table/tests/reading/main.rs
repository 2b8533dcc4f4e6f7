//! Promises of reading and writing tables: nothing lost, nothing guessed silently, no panic.

#![allow(clippy::unwrap_used, reason = "the helpers of tests fail by panic, as the tests do")]

mod aside;
mod content;
mod countries;
mod damage;
mod refusals;
mod writing;

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
    DecimalMark, Format, KnownColumn, NumberStyle, ReadOptions, Wanted, open, read_csv_bytes, read_table,
    read_table_from, write_csv, write_parquet,
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
