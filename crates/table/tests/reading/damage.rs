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
