//! Promises of the model file: what is saved comes back bit by bit, and whatever else the bytes
//! are, reading them gives an error that says so: no panic, no silent damage, no half file.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod numbers;
mod random;
mod saving;

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use tabgraft_model::store::{
    Blob, Container, LoadLimits, from_bytes, from_bytes_within, json_hash, load, save, to_bytes, verify,
    weights_hash,
};
use tempfile::tempdir;

fn blob(shape: &[usize], first: f32) -> Blob {
    let n: usize = shape.iter().product();
    Blob { shape: shape.to_vec(), data: (0..n).map(|i| first + i as f32 / 3.0).collect() }
}

fn small() -> Container {
    Container {
        kind: "embedding_space".into(),
        manifest: json!({"z": 1, "a": {"name": "größe \"x\"", "edges": [0.1, -2.5e-7, 3]}, "none": null}),
        tensors: BTreeMap::from([
            ("trunk.w".into(), blob(&[2, 3], -1.0)),
            ("bias".into(), blob(&[3], 0.5)),
            ("scalar".into(), blob(&[], 7.0)),
            ("empty".into(), blob(&[0, 4], 0.0)),
        ]),
    }
}

/// The JSON of a file's header and the bytes behind it.
fn open(bytes: &[u8]) -> (Map<String, Value>, Vec<u8>) {
    let n = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    (serde_json::from_slice(&bytes[8..8 + n]).unwrap(), bytes[8 + n..].to_vec())
}

fn close(header: &Map<String, Value>, data: &[u8]) -> Vec<u8> {
    close_text(&Value::Object(header.clone()).to_string(), data)
}

fn close_text(header: &str, data: &[u8]) -> Vec<u8> {
    let mut text = header.as_bytes().to_vec();
    text.resize(text.len().next_multiple_of(8), b' ');
    [&(text.len() as u64).to_le_bytes()[..], &text, data].concat()
}

/// A file whose envelope was changed by someone who also mends the header's hash.
fn with_envelope(change: impl FnOnce(&mut Map<String, Value>)) -> Vec<u8> {
    let (mut header, data) = open(&to_bytes(&small()).unwrap());
    let text = header["__metadata__"]["tabgraft"].as_str().unwrap();
    let mut envelope: Map<String, Value> = serde_json::from_str(text).unwrap();
    change(&mut envelope);
    let mut hashed = envelope.clone();
    hashed.shift_remove("manifest");
    hashed.shift_remove("header_hash");
    envelope["header_hash"] = json_hash(&Value::Object(hashed)).as_str().into();
    header["__metadata__"]["tabgraft"] = Value::Object(envelope).to_string().into();
    close(&header, &data)
}

fn with_header(change: impl FnOnce(&mut Map<String, Value>)) -> Vec<u8> {
    let (mut header, data) = open(&to_bytes(&small()).unwrap());
    change(&mut header);
    close(&header, &data)
}

fn refused(bytes: &[u8], part: &str) -> tabgraft_model::Error {
    let error = from_bytes(bytes).unwrap_err();
    assert!(error.to_string().contains(part), "`{error}` lacks `{part}`");
    error
}

#[test]
fn a_saved_container_comes_back_and_saves_to_the_same_bytes() {
    let folder = tempdir().unwrap();
    let (first, second) = (folder.path().join("es.pkl"), folder.path().join("again.tabgraft"));
    let hash = save(&first, &small()).unwrap();
    let (loaded, loaded_hash) = load(&first).unwrap();
    assert_eq!((&loaded, &loaded_hash), (&small(), &hash));
    assert_eq!(hash, small().content_hash());
    assert_eq!(loaded.manifest.to_string(), small().manifest.to_string(), "key order");
    save(&second, &loaded).unwrap();
    assert_eq!(std::fs::read(&first).unwrap(), std::fs::read(&second).unwrap());
    assert_eq!(std::fs::read(&first).unwrap(), to_bytes(&small()).unwrap());
}

/// An independent reader and writer of the layout agree with ours.
#[test]
fn the_file_is_what_the_safetensors_crate_reads_and_writes() {
    use safetensors::tensor::{Dtype, SafeTensors, TensorView, serialize};
    let bytes = to_bytes(&small()).unwrap();
    let theirs = SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(theirs.len(), 4);
    let w = theirs.tensor("trunk.w").unwrap();
    assert_eq!((w.dtype(), w.shape()), (Dtype::F32, &[2, 3][..]));
    assert_eq!(w.data()[..4], (-1.0f32).to_le_bytes());

    let (_, metadata) = SafeTensors::read_metadata(&bytes).unwrap();
    let views: Vec<(String, TensorView)> = theirs.tensors();
    assert_eq!(serialize(views, metadata.metadata().clone()).unwrap(), bytes);
}

#[test]
fn every_flipped_byte_is_found() {
    let bytes = to_bytes(&small()).unwrap();
    for place in 0..bytes.len() {
        for flip in [0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0xff] {
            let mut broken = bytes.clone();
            broken[place] ^= flip;
            assert!(
                from_bytes(&broken).is_err(),
                "byte {place} ^ {flip:#x} of {} went unnoticed",
                bytes.len()
            );
        }
    }
}

#[test]
fn every_truncation_and_every_addition_is_found() {
    let bytes = to_bytes(&small()).unwrap();
    for end in 0..bytes.len() {
        let error = from_bytes(&bytes[..end]).unwrap_err();
        assert!(error.is_malformed() && error.hint().is_some(), "{end}: {error}");
    }
    refused(&[&bytes[..], &[0]].concat(), "bytes for them");
}

#[test]
fn a_weight_or_manifest_that_was_changed_is_a_verification_error() {
    let bytes = to_bytes(&small()).unwrap();
    let mut weights = bytes.clone();
    *weights.last_mut().unwrap() ^= 1;
    let error = refused(&weights, "weights hash is");
    assert!(error.is_verification());

    let error = refused(&with_envelope(|e| e["manifest"]["z"] = 2.into()), "manifest hash");
    assert!(error.is_verification() && error.hint().is_some());
    let error = refused(&with_envelope(|e| e["manifest"]["z"] = "1".into()), "manifest hash");
    assert!(error.is_verification());
}

#[test]
fn a_file_from_the_future_names_both_versions() {
    let error = refused(
        &with_envelope(|e| {
            e["format_version"] = "2.3".into();
            e["oldest_reader"] = "2.0".into();
            e["written_by"] = "tabgraft-model 4.5.6".into();
        }),
        "format 2.3 needs a reader of format 2.0 or newer, this one reads up to 1.4",
    );
    assert!(error.is_version());
    assert!(error.hint().unwrap().contains("tabgraft-model 4.5.6"));

    let error = refused(
        &with_envelope(|e| e["required"] = json!(["half_precision", "sharded"])),
        "requires `half_precision`, `sharded`",
    );
    assert!(error.is_version());
    assert!(refused(&with_envelope(|e| e["format_version"] = "0.9".into()), "0.9").is_version());
    refused(&with_envelope(|e| e["oldest_reader"] = "1".into()), "looks like `1.0`");
    refused(&with_envelope(|e| e["oldest_reader"] = 1.into()), "lacks the text `oldest_reader`");
}

#[test]
fn a_newer_file_that_old_readers_may_read_is_read() {
    let bytes = with_envelope(|e| {
        e["format_version"] = "1.7".into();
        e.insert("comment".into(), "new in 1.7".into());
    });
    assert_eq!(from_bytes(&bytes).unwrap().0, small());
    refused(
        &with_envelope(|e| {
            e.insert("comment".into(), "x".into());
        }),
        "unknown key `comment`",
    );
}

#[test]
fn headers_that_lie_are_refused_by_name() {
    let place = |h: &mut Map<String, Value>, name: &str, key: &str, value: Value| h[name][key] = value;
    for (bytes, part) in [
        (with_header(|h| place(h, "bias", "dtype", "F16".into())), "tensor `bias` has dtype `F16`"),
        (with_header(|h| place(h, "bias", "shape", json!([4]))), "tensor `bias` of shape [4]"),
        (with_header(|h| place(h, "bias", "shape", json!([1u64 << 40, 1u64 << 40]))), "larger than"),
        (with_header(|h| place(h, "bias", "shape", json!(vec![1; 9]))), "9 dimensions, at most 8"),
        (with_header(|h| place(h, "bias", "shape", json!([-3]))), "not a safetensors header"),
        (with_header(|h| place(h, "trunk.w", "data_offsets", json!([8, 32]))), "tensor `trunk.w`"),
        (with_header(|h| place(h, "trunk.w", "data_offsets", json!([16, 99]))), "tensor `trunk.w`"),
        (with_header(|h| place(h, "trunk.w", "data_offsets", json!([u64::MAX, 0]))), "tensor `trunk.w`"),
        (with_header(|h| place(h, "bias", "extra", json!(1))), "unknown field `extra`"),
        (with_header(|h| drop(h.shift_remove("trunk.w"))), "bytes for them"),
        (
            with_header(|h| {
                h.shift_remove("__metadata__");
            }),
            "tabgraft did not write",
        ),
    ] {
        let error = refused(&bytes, part);
        assert!(error.is_malformed(), "{error}");
    }
}

#[test]
fn doubled_names_and_other_spellings_of_one_header_are_refused() {
    let bytes = to_bytes(&small()).unwrap();
    let (header, data) = open(&bytes);
    let text = Value::Object(header.clone()).to_string();
    assert_eq!(close_text(&text, &data), bytes);
    let bias = format!("\"bias\":{}", header["bias"]);
    let doubled = text.replacen(&bias, &format!("{bias},{bias}"), 1);
    refused(&close_text(&doubled, &data), "`bias` stands twice");
    let spaced = text.replacen("\"bias\":", "\"bias\": ", 1);
    refused(&close_text(&spaced, &data), "canonical form");
    let escaped = text.replacen("\"bias\":", "\"\\u0062ias\":", 1);
    refused(&close_text(&escaped, &data), "canonical form");
    // Key order, and a doubled key, inside the envelope: the hashes do not see them.
    let doubled = text.replacen("{\\\"kind\\\":", "{\\\"kind\\\":\\\"x\\\",\\\"kind\\\":", 1);
    assert_ne!(doubled, text);
    refused(&close_text(&doubled, &data), "canonical form");
    let moved = with_envelope(|e| {
        let kind = e.shift_remove("kind").unwrap();
        e.insert("kind".into(), kind);
    });
    refused(&moved, "canonical form");
}

#[test]
fn deep_nesting_and_bad_text_are_refused() {
    let deep = "[".repeat(100_000);
    refused(&close_text(&deep, &[]), "header");
    let envelope = format!("{{\"kind\":{}", "[".repeat(100_000));
    let header = json!({"__metadata__": {"tabgraft": envelope}});
    refused(&close_text(&header.to_string(), &[]), "recursion limit");
    refused(&[&8u64.to_le_bytes()[..], &[0xff; 8]].concat(), "not UTF-8");

    let mut nested = json!(1);
    (0..110).for_each(|_| nested = json!([nested.take()]));
    let container = Container { manifest: nested, ..small() };
    assert!(to_bytes(&container).unwrap_err().to_string().contains("100 levels"));
}

#[test]
fn files_of_other_programs_are_named() {
    let pickle = b"\x80\x04\x95\x10\x00\x00\x00\x00\x00\x00\x00}\x94.";
    assert!(refused(pickle, "a pickle").hint().unwrap().contains("never runs code"));
    refused(b"PK\x03\x04aaaaaaaaaaaaaaaaaaaa", "a zip archive");
    refused(b"", "empty");
    refused(b"age,income\n1,2\n", "not a tabgraft file");
    refused(&[&u64::MAX.to_le_bytes()[..], b"{}"].concat(), "18446744073709551615");
    let foreign = json!({"__metadata__": {"format": "pt"}, "w": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}});
    refused(&close_text(&foreign.to_string(), &[]), "a safetensors file that tabgraft did not write");
}

/// Every header length, so also those whose bytes are how a pickle or a gzip file begins.
#[test]
fn no_header_length_is_taken_for_another_programs_file() {
    for n in 0..1200 {
        let container = Container { kind: "k".repeat(n), ..small() };
        assert_eq!(from_bytes(&to_bytes(&container).unwrap()).unwrap().0, container);
    }
}

#[test]
fn limits_hold_before_anything_is_read() {
    let bytes = to_bytes(&small()).unwrap();
    let limits = LoadLimits::default();
    for (limits, part) in [
        (LoadLimits { max_file_bytes: 100, ..limits }, "at most 100"),
        (LoadLimits { max_header_bytes: 64, ..limits }, "at most 64"),
        (LoadLimits { max_tensors: 3, ..limits }, "names 4 tensors, at most 3"),
        (LoadLimits { max_rank: 1, ..limits }, "2 dimensions, at most 1"),
        (LoadLimits { max_manifest_depth: 2, ..limits }, "2 levels"),
    ] {
        let error = from_bytes_within(&bytes, &limits).unwrap_err();
        assert!(error.to_string().contains(part), "`{error}` lacks `{part}`");
    }
}

#[test]
fn weights_that_are_not_finite_are_neither_saved_nor_loaded() {
    let mut container = small();
    container.tensors.get_mut("bias").unwrap().data[1] = f32::NAN;
    let error = to_bytes(&container).unwrap_err();
    assert!(error.is_value() && error.to_string().contains("tensor `bias` has NaN at index 1"), "{error}");

    // A foreign writer that records the right hash of such weights.
    let (mut header, mut data) = open(&to_bytes(&small()).unwrap());
    data[4..8].copy_from_slice(&f32::NAN.to_le_bytes());
    let mended = with_envelope(|e| e["weights_hash"] = weights_hash(&container.tensors).as_str().into());
    header["__metadata__"] = open(&mended).0["__metadata__"].clone();
    let error = refused(&close(&header, &data), "tensor `bias` has NaN at index 1");
    assert!(error.is_value());
}

#[test]
fn verify_reports_what_the_file_holds() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("es");
    let hash = save(&path, &small()).unwrap();
    let report = verify(&path).unwrap();
    assert_eq!((&report.content_hash, report.kind.as_str()), (&hash, "embedding_space"));
    assert_eq!((report.n_tensors, report.n_weights), (4, 10));
    assert_eq!(report.weights_hash, weights_hash(&small().tensors));
    assert_eq!(report.manifest_hash, json_hash(&small().manifest));
    assert_eq!(report.file_bytes, std::fs::metadata(&path).unwrap().len());
    let mut bytes = std::fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 0x40;
    std::fs::write(&path, bytes).unwrap();
    assert!(verify(&path).unwrap_err().is_verification());
}

#[test]
fn the_content_hash_is_of_the_content_and_not_of_the_writer() {
    let by_another = with_envelope(|e| e["written_by"] = "tabgraft-model 0.0.9".into());
    let (container, hash) = from_bytes(&by_another).unwrap();
    assert_eq!(hash, small().content_hash());
    let other = Container { kind: "predictor".into(), ..container };
    assert_ne!(hash, other.content_hash());
}

#[test]
fn a_manifest_comes_back_as_its_type() {
    #[derive(serde::Deserialize, Debug)]
    #[serde(deny_unknown_fields)]
    struct Manifest {
        n: u32,
    }
    let container = Container { manifest: json!({"n": 3}), ..small() };
    assert_eq!(container.manifest_as::<Manifest>("embedding_space").unwrap().n, 3);
    let error = container.manifest_as::<Manifest>("predictor").unwrap_err();
    assert!(error.to_string().contains("found a file of kind `embedding_space`, expected `predictor`"));
    let container = Container { manifest: json!({"n": 3, "m": 1}), ..small() };
    assert!(container.manifest_as::<Manifest>("embedding_space").unwrap_err().to_string().contains("`m`"));
}
