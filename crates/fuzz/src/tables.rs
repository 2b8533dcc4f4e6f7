//! Tables of every format.

use std::hint::black_box;
use std::io::Cursor;

use tabgraft_table::read::{ReadOptions, read_table_from, write_csv};
use tabgraft_table::schema::{InferOptions, infer};

use crate::Target;

const MARKS: &[&[u8]] = &[
    b",",
    b";",
    b"\t",
    b"\"",
    b"\"\"",
    b"\n",
    b"\r\n",
    b"\r",
    b"\0",
    b"\xef\xbb\xbf",
    b"\xff\xfe",
    b"NA",
    b"1,5",
    b"1.000,5",
    b"1e5",
    b"2024-02-30",
    b"29.02.2024",
    b"12:61",
    b"true",
    b"\xe9",
    "é".as_bytes(),
    "\u{a0}".as_bytes(),
    "٣".as_bytes(),
    b"99999999999999999999",
    b"0x1f",
    b"-0",
    b"inf",
];
const JSON: &[&[u8]] = &[
    b"{\"",
    b"\":",
    b"}\n",
    b",",
    b"null",
    b"true",
    b"[",
    b"]",
    b"{}",
    b"\\u0000",
    b"\\ud83d\\ude00",
    b"\\ud800",
    b"1e400",
    b"18446744073709551616",
    b"-0",
    b"\"a\":",
    b"\n\n",
    b"\"2024-02-29\"",
    b"\xff",
];
const BINARY: &[&[u8]] = &[
    b"PAR1",
    b"ARROW1\0\0",
    b"\xff\xff\xff\xff",
    b"\0\0\0\0",
    b"\x01\0\0\0",
    b"\xff\xff\xff\x7f",
    b"\x10\0\0\0",
    b"\x28\xb5\x2f\xfd",
    b"\x04\x22\x4d\x18",
    b"\x15\x00",
    b"\x19\x1c",
];

pub const CSV: Target = Target {
    name: "csv",
    run: |b| read("t.csv", b),
    words: MARKS,
    reads_mutations: true,
    n_mutations: 12_000,
};
pub const TSV: Target =
    Target { name: "tsv", run: |b| read("t.tsv", b), words: MARKS, reads_mutations: true, n_mutations: 3000 };
pub const JSON_LINES: Target = Target {
    name: "json_lines",
    run: |b| read("t.jsonl", b),
    words: JSON,
    reads_mutations: true,
    n_mutations: 12_000,
};
pub const ARROW: Target = Target {
    name: "arrow",
    run: |b| read("t", b),
    words: BINARY,
    reads_mutations: true,
    n_mutations: 12_000,
};
pub const PARQUET: Target = Target {
    name: "parquet",
    run: |b| read("t.parquet", b),
    words: BINARY,
    reads_mutations: true,
    n_mutations: 12_000,
};

/// What a compressed table may become. By default it may become a gigabyte, which says nothing of what is not compressed.
const MOST_INFLATED: u64 = 8 << 20;

fn read(name: &str, bytes: &[u8]) -> bool {
    let options = ReadOptions { max_inflated_bytes: MOST_INFLATED, ..ReadOptions::default() };
    let Ok(table) = read_table_from(Cursor::new(bytes.to_vec()), name, &options) else { return false };
    black_box(infer(&table, &InferOptions::default()).is_ok());
    // What it says as text is read again, as many rows of as many columns.
    let mut csv = Vec::new();
    if write_csv(&table, &mut csv).is_ok() && table.n_rows() > 0 {
        black_box(read_table_from(Cursor::new(csv), "again.csv", &options).is_ok());
    }
    true
}
