//! Damaged and hostile files are errors: no panic, no half table, no huge allocation.

use super::*;

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

/// `/dev/zero` and its like never end, and need not be read to their end to be refused.
#[test]
fn what_begins_as_no_table_is_not_read_to_its_end() {
    struct Endless(usize, &'static [u8]);
    impl std::io::Read for Endless {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            assert!(self.0 < 1 << 20, "read on after {} bytes", self.0);
            for byte in &mut *buffer {
                *byte = self.1[self.0 % self.1.len()];
                self.0 += 1;
            }
            Ok(buffer.len())
        }
    }
    for (bytes, told) in [
        (&b"\0"[..], "line 1, column 1: found a NUL byte"),
        (b"a,b\n1,\x002\n", "line 2, column `b`: found a NUL byte"),
        (b"\xff\xfea\0", "is UTF-16 text"),
        (b"{\"a\": \0}\n", "line 1"),
    ] {
        let error = read_table_from(Endless(0, bytes), "pipe", &ReadOptions::default()).unwrap_err();
        assert!(error.to_string().contains(told), "{error}");
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

/// A column of text whose bytes are Latin-1, as other programs write them. The file is made with a text of
/// as many ASCII bytes, which are then replaced: compression would hide them.
#[test]
fn text_that_is_not_utf8_is_named_with_column_and_row() {
    let cities = ["Bonn", "CafX", "Rom", "CafX"];
    let plain: ArrayRef = Arc::new(StringArray::from(cities.to_vec()));
    let large: ArrayRef = Arc::new(LargeStringArray::from(cities.to_vec()));
    let views: ArrayRef = Arc::new(StringViewArray::from(cities.to_vec()));
    let dictionary: ArrayRef = Arc::new(cities.into_iter().collect::<DictionaryArray<Int32Type>>());
    let number: ArrayRef = Arc::new(Int64Array::from(vec![1, 2, 3, 4]));
    for text in [plain, large, views, dictionary] {
        let kind = text.data_type().clone();
        let batch = RecordBatch::try_from_iter([("n", number.clone()), ("city", text)]).unwrap();
        let two = [batch.slice(0, 1), batch.slice(1, 3)];
        for (name, bytes) in [
            ("t.parquet", parquet_bytes(&batch)),
            ("t.arrow", arrow_file_bytes(&two, None)),
            ("t.arrows", arrow_stream_bytes(&two, None)),
        ] {
            let mut latin = bytes.clone();
            let places: Vec<usize> = (0..bytes.len() - 4).filter(|i| &bytes[*i..i + 4] == b"CafX").collect();
            assert!(!places.is_empty(), "{name} of {kind}");
            // Statistics of Parquet hold texts too.
            places.iter().for_each(|place| latin[place + 3] = 0xe9);
            let error = read_bytes(name, &latin).unwrap_err();
            let wanted = format!("`{name}`, column `city`, row 1: `Caf\\xe9` is not UTF-8 text");
            assert!(error.is_value() && error.to_string().starts_with(&wanted), "{kind}: {error}");
            assert!(error.hint().is_some_and(|hint| hint.contains("UTF-8")));
        }
    }
}

#[test]
fn what_a_compressed_file_may_become_is_bounded() {
    let options = ReadOptions { max_inflated_bytes: 1_000_000, ..ReadOptions::default() };
    let bounded = |name: &str, bytes: &[u8]| read_table_from(Cursor::new(bytes.to_vec()), name, &options);
    let n_rows = 400_000;
    let csv = format!("a,b\n{}", "0,0\n".repeat(n_rows));
    let json = r#"{"a":0}"#.to_owned() + "\n";
    let zeros: ArrayRef = Arc::new(Int64Array::from(vec![0; n_rows]));
    let batch = RecordBatch::try_from_iter([("a", zeros)]).unwrap();
    // One long text that a dictionary repeats.
    let long = "x".repeat(10_000);
    let repeated: ArrayRef =
        Arc::new(vec![long.as_str(); 1000].into_iter().collect::<DictionaryArray<Int32Type>>());
    let repeated = RecordBatch::try_from_iter([("a", repeated)]).unwrap();
    for (name, bytes) in [
        ("t.csv.gz", gzip(csv.as_bytes())),
        ("t.jsonl.gz", gzip(json.repeat(n_rows).as_bytes())),
        ("t.parquet", parquet_bytes(&batch)),
        ("repeated.parquet", parquet_bytes(&repeated)),
        ("t.arrow", arrow_file_bytes(std::slice::from_ref(&batch), Some(CompressionType::ZSTD))),
        ("t.arrows", arrow_stream_bytes(&[batch], Some(CompressionType::LZ4_FRAME))),
        ("repeated.arrow", arrow_file_bytes(&[repeated], None)),
    ] {
        assert!(bytes.len() < 15_500, "{name} has {} bytes", bytes.len());
        let error = bounded(name, &bytes).unwrap_err();
        let wanted = format!("`{name}` has {} bytes and claims to hold more than 1000000", bytes.len());
        assert!(error.is_malformed() && error.to_string() == wanted, "{error}");
        assert!(error.hint().is_some_and(|hint| hint.contains("max_inflated_bytes")));
        assert!(read_bytes(name, &bytes).is_ok(), "{name} is below the default");
    }
    // An honest file is allowed many times its size, however small the option.
    let random = |i: u64| i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
    let honest: String = (0..200_000).map(|i| format!("{},{}\n", random(i), i % 10)).collect();
    let honest = gzip(format!("a,b\n{honest}").as_bytes());
    assert!(read_table_from(Cursor::new(honest), "t.csv.gz", &options).is_ok());
}
