//! What cannot be read is refused with its place and a way out.

use super::*;

#[test]
fn a_table_without_rows_counts_all_of_its_columns() {
    let columns = Wanted::Only(["b".to_owned()].into());
    let options = ReadOptions { columns, ..ReadOptions::default() };
    for (name, bytes) in [("t.csv", b"a,b,c\n".to_vec()), ("t.tsv", b"a\tb\tc\n".to_vec())] {
        let error = read_table_from(Cursor::new(bytes), name, &options).unwrap_err().to_string();
        assert!(error.contains("has 3 column(s) but no rows"), "{error}");
    }
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
            b"a,,b\n1,2,3\n".to_vec(),
            "`t.csv`, line 1: column 2 of 3 has no name in the header",
            "name it; if the line is a title above the header, remove it",
        ),
        (
            "t.csv",
            b",,\n1,2,3\n".to_vec(),
            "`t.csv`, line 1: no column has a name",
            "the first line must name the columns",
        ),
        (
            "t.csv",
            b"Report 2024;;\na;b;c\n1;2;3\n4;5;6\n".to_vec(),
            "`t.csv`, line 2: 3 cell(s) between delimiters `;`, the header has 1",
            "the header ends in empty names, and the lines from here on have cells there: name these columns, or, if \
             line 1 is a title above the header, remove it",
        ),
        (
            "t.csv",
            b"Report 2024\n\na;b;c\n1;2,5;3\n4;5;6\n7;8,5;9\n".to_vec(),
            "`t.csv`, line 1: not a header of the lines from line 3 on, which `;` cuts into 3 cells each",
            "if a title stands above the header, remove the lines before line 3; if the file has one column, give `,` \
             as its delimiter",
        ),
        (
            "t.csv",
            b"Report, 2024\na,b,c,d\n1,2,3,4\n4,5,6,7\n".to_vec(),
            "`t.csv`, line 2: 4 cell(s) between delimiters `,`, the header has 2",
            "from here on every line has 4 cells: if line 1 is a title above the header, remove what stands above the \
             header",
        ),
        (
            "t.csv",
            b"sep=;\na;b\n1;2\n3;4\n".to_vec(),
            "`t.csv`, line 1 is a `sep=` line, which tells Excel what stands between cells, and no header",
            "remove the line; the delimiter is found without it",
        ),
        (
            "t.csv",
            b"a,b\n1,2,3\n2,3,4\n3,4,5\n".to_vec(),
            "`t.csv`, line 2: 3 cell(s) between delimiters `,`, the header has 2",
            "every row has one cell more than the header: if the first column is row names without a name of their \
             own, as R writes them, name it; if line 1 is a title above the header, remove it",
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
            "t.csv",
            b"\n<!DOCTYPE html>\n<html><body>404, not found</body></html>\n".to_vec(),
            "`t.csv` is not a table but a page of HTML",
            "if it was downloaded, look at it: it may say what went wrong; or export the table as CSV",
        ),
        (
            "t.csv",
            b"\xef\xbb\xbf<?xml version=\"1.0\"?>\n<rows><row a=\"1\"/></rows>\n".to_vec(),
            "`t.csv` is not a table but XML",
            "if it was downloaded, look at it: it may say what went wrong; or export the table as CSV",
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
            "`t.parquet` has no column that can be read: column `l` is a list, column `b` is binary",
            "write columns of numbers, text, booleans, dates or timestamps",
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
            "`t.jsonl` has no column that can be read: column `a` is an object, first in line 2",
            "write columns of numbers, text, booleans, dates or timestamps",
        ),
        (
            "t.jsonl",
            b"{\"a\": [1}\n".to_vec(),
            "`t.jsonl`, line 1, byte 7, key `a`: a list that is no valid JSON: expected `,` or `]` at line 1 column 3",
            "write one flat object per line: `{\"name\": value, ...}`",
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
    assert_eq!(error.to_string(), format!("the folder `{}` holds no file", folder.path().display()));
    assert!(error.hint().is_some_and(|hint| hint.starts_with("name a file, a folder of files")));
    let absent = folder.path().join("absent.csv");
    let error = read_table(&absent, &ReadOptions::default()).unwrap_err();
    assert!(error.is_io() && error.to_string().starts_with(&format!("cannot open `{}`: ", absent.display())));
    assert_eq!(error.hint(), Some("check the path; it is relative to the current directory"));
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
