//! The header: where each tensor lies, and the envelope of manifest, versions and hashes.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::de::{self, DeserializeSeed};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::raw_header::HeaderVisitor;
use super::raw_header::sizes;
use super::{ContentHash, FORMAT_VERSION, LoadLimits, json, json_hash};
use crate::error::{Error, Result};

/// Key of the safetensors header under which string metadata lies.
pub(super) const METADATA_KEY: &str = "__metadata__";

/// Key of the metadata under which the envelope lies, as JSON text.
pub(super) const ENVELOPE_KEY: &str = "tabgraft";

/// Oldest reader of the files that this crate writes.
const OLDEST_READER: &str = "1.4";

/// Oldest format that this crate reads.
const OLDEST_READABLE: &str = "1.0";

/// Feature flags that a file may require of this crate.
const KNOWN_FEATURES: [&str; 0] = [];

/// Values of an envelope beside those of the manifest: itself, and its other keys.
pub(super) const N_OTHER_VALUES: u64 = ENVELOPE_FIELDS.len() as u64;

/// The header's length is a multiple of this, by spaces at its end.
const ALIGNMENT_BYTES: usize = 8;

/// Begin of every header, behind its length of 8 bytes.
const START: &[u8] = br#"{"__metadata__":{"tabgraft":""#;

/// Bytes of a file that [`resembles`] looks at.
pub(super) const START_BYTES: u64 = 8 + START.len() as u64;

/// Bytes of [`START`] that may differ in a file that was damaged.
const MOST_DAMAGED: usize = 2;

/// What the header says beside the tensors' places and the manifest.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct Envelope {
    pub(super) kind: String,
    pub(super) format_version: String,
    pub(super) oldest_reader: String,
    pub(super) written_by: String,
    pub(super) required: Vec<String>,
    pub(super) weights_hash: ContentHash,
    pub(super) manifest_hash: ContentHash,
    /// Hash of all other keys but the manifest, which has its own.
    pub(super) header_hash: ContentHash,
}

/// Keys of the envelope in their order: those of [`Envelope`] and the manifest.
const ENVELOPE_FIELDS: [&str; 9] = [
    "kind",
    "format_version",
    "oldest_reader",
    "written_by",
    "required",
    "weights_hash",
    "manifest_hash",
    "header_hash",
    "manifest",
];

/// One tensor's place, as it stands in the header.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Place {
    pub(super) dtype: String,
    #[serde(deserialize_with = "sizes")]
    pub(super) shape: Vec<usize>,
    /// First byte and the byte after the last, counted from the end of the header.
    pub(super) data_offsets: [u64; 2],
}

/// A parsed and checked header.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) envelope: Envelope,
    pub(super) manifest: Value,
    pub(super) places: BTreeMap<String, Place>,
}

/// Header bytes without the length in front, for tensors in the order of their names.
pub(super) fn write(
    kind: &str,
    manifest: &Value,
    [manifest_hash, weights_hash]: [ContentHash; 2],
    places: &BTreeMap<String, Place>,
) -> Result<Vec<u8>> {
    let mut envelope = Map::new();
    let written_by = concat!("tabgraft-model ", env!("CARGO_PKG_VERSION"));
    let head: [(&str, Value); 7] = [
        ("kind", kind.into()),
        ("format_version", FORMAT_VERSION.into()),
        ("oldest_reader", OLDEST_READER.into()),
        ("written_by", written_by.into()),
        ("required", Value::Array(Vec::new())),
        ("weights_hash", weights_hash.as_str().into()),
        ("manifest_hash", manifest_hash.as_str().into()),
    ];
    envelope.extend(head.map(|(key, value)| (key.to_owned(), value)));
    let header_hash = header_hash(&envelope);
    envelope.insert("header_hash".into(), header_hash.as_str().into());
    envelope.insert("manifest".into(), manifest.clone());
    let spell = |e: io::Error| Error::malformed(format!("the header: {e}")).with_source(e);
    let mut header = Vec::new();
    let text = serde_json::to_string(&envelope).map_err(|e| spell(e.into()))?;
    drop(envelope);
    write_canonical(&mut header, &text, places).map_err(spell)?;
    let n_bytes = header.len().next_multiple_of(ALIGNMENT_BYTES);
    header.resize(n_bytes, b' ');
    Ok(header)
}

/// Parses a header and checks everything that can be known without the tensors' bytes.
///
/// `data_bytes` is what the file holds behind the header.
pub(super) fn parse(bytes: &[u8], data_bytes: u64, limits: &LoadLimits) -> Result<Header> {
    let text = std::str::from_utf8(bytes)
        .map_err(|e| Error::malformed(format!("header is not UTF-8: {e}")).with_source(e))?;
    let refuse = |e: serde_json::Error| {
        Error::malformed(format!("header is not a safetensors header: {e}")).with_source(e)
    };
    let mut source = serde_json::Deserializer::from_str(text);
    let raw = HeaderVisitor { limits }.deserialize(&mut source).map_err(refuse)?;
    source.end().map_err(refuse)?;
    // It keeps a copy of the longest text that it took apart, which is nearly all there is.
    drop(source);
    let Some(envelope_text) = raw.envelope else {
        return Err(Error::malformed("a safetensors file that tabgraft did not write").with_hint(format!(
            "its header has no `{METADATA_KEY}.{ENVELOPE_KEY}`; give a file saved by tabgraft"
        )));
    };
    let file_bytes = data_bytes.saturating_add(bytes.len() as u64);
    json::check_number(&format!("`{ENVELOPE_KEY}` metadata"), &envelope_text, limits.values_of(file_bytes))?;
    let fields: Map<String, Value> = serde_json::from_str(&envelope_text).map_err(|e| {
        Error::malformed(format!("`{ENVELOPE_KEY}` metadata is not a JSON object: {e}")).with_source(e)
    })?;
    check_versions(&fields)?;
    // The bytes are compared, so that spaces, escapes, doubled keys and other key orders, which
    // the parsed form no longer shows, cannot make two files of one content.
    let mut is_canonical =
        json::is_spelled(envelope_text.as_bytes(), |out| Ok(serde_json::to_writer(out, &fields)?));
    let (envelope, manifest, in_order) = check_envelope(fields, limits)?;
    check_places(&raw.places, data_bytes, limits)?;
    let content = text.trim_end_matches(' ');
    let n_bytes = content.len().next_multiple_of(ALIGNMENT_BYTES);
    is_canonical &= in_order
        && bytes.len() == n_bytes
        && json::is_spelled(content.as_bytes(), |out| write_canonical(out, &envelope_text, &raw.places));
    if !is_canonical {
        return Err(Error::malformed(
            "header is not in canonical form: its bytes were changed after writing",
        )
        .with_hint("restore the file from a copy, or save the model again"));
    }
    Ok(Header { envelope, manifest, places: raw.places })
}

/// Whether a file that begins with `bytes` was one of ours, whatever befell it.
pub(super) fn resembles(bytes: &[u8]) -> bool {
    let Some(start) = bytes.get(8..).filter(|start| start.len() >= START.len()) else { return false };
    start.iter().zip(START).filter(|(a, b)| a != b).count() <= MOST_DAMAGED
}

/// Nesting of objects and lists, counted no further than `limit + 1`.
pub(super) fn depth(value: &Value, limit: usize) -> usize {
    let children: Box<dyn Iterator<Item = &Value>> = match value {
        Value::Object(map) => Box::new(map.values()),
        Value::Array(items) => Box::new(items.iter()),
        _ => return 0,
    };
    if limit == 0 {
        return 1;
    }
    1 + children.map(|child| depth(child, limit - 1)).max().unwrap_or(0)
}

/// Refuses a manifest nested more deeply than `limits` allow.
pub(super) fn check_depth(manifest: &Value, limits: &LoadLimits) -> Result<()> {
    if depth(manifest, limits.max_manifest_depth) > limits.max_manifest_depth {
        return Err(Error::malformed(format!(
            "manifest is nested more than {} levels deep",
            limits.max_manifest_depth
        )));
    }
    Ok(())
}

fn check_versions(fields: &Map<String, Value>) -> Result<()> {
    let text = |key: &str| {
        fields
            .get(key)
            .and_then(Value::as_str)
            .ok_or_else(|| Error::malformed(format!("`{ENVELOPE_KEY}` metadata lacks the text `{key}`")))
    };
    let (format, oldest_reader) = (text("format_version")?, text("oldest_reader")?);
    let written_by = fields.get("written_by").and_then(Value::as_str).unwrap_or("an unknown version");
    if version(oldest_reader)? > version(FORMAT_VERSION)? {
        return Err(Error::version(format!(
            "format {format} needs a reader of format {oldest_reader} or newer, this one reads up to \
             {FORMAT_VERSION}"
        ))
        .with_hint(format!("upgrade tabgraft; the file was written by {written_by}")));
    }
    if version(format)? < version(OLDEST_READABLE)? {
        return Err(Error::version(format!(
            "format {format} is no longer read, the oldest is {OLDEST_READABLE}"
        ))
        .with_hint("load and save it with an older tabgraft first"));
    }
    let required = fields.get("required").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let known = |flag: &Value| flag.as_str().is_some_and(|flag| KNOWN_FEATURES.contains(&flag));
    let unknown: Vec<String> =
        required.iter().filter(|f| !known(f)).map(|f| format!("`{}`", f.as_str().unwrap_or("?"))).collect();
    if !unknown.is_empty() {
        return Err(Error::version(format!(
            "format {format} file requires {}, which this reader of format {FORMAT_VERSION} does not know",
            unknown.join(", ")
        ))
        .with_hint(format!("upgrade tabgraft; the file was written by {written_by}")));
    }
    Ok(())
}

/// The envelope, the manifest, and whether the keys stand in their one order.
fn check_envelope(mut fields: Map<String, Value>, limits: &LoadLimits) -> Result<(Envelope, Value, bool)> {
    let refuse =
        |e: serde_json::Error| Error::malformed(format!("`{ENVELOPE_KEY}` metadata: {e}")).with_source(e);
    let keys: Vec<String> = fields.keys().cloned().collect();
    let manifest = fields.shift_remove("manifest");
    let envelope: Envelope = serde_json::from_value(Value::Object(fields.clone())).map_err(refuse)?;
    let manifest = manifest.ok_or_else(|| refuse(de::Error::missing_field("manifest")))?;
    // A newer format may add keys that older readers can do without; this one has none to add.
    let in_order = match keys.iter().find(|key| !ENVELOPE_FIELDS.contains(&key.as_str())) {
        None => keys.iter().eq(&ENVELOPE_FIELDS),
        Some(_) if version(&envelope.format_version)? > version(FORMAT_VERSION)? => true,
        Some(key) => {
            return Err(Error::malformed(format!("`{ENVELOPE_KEY}` metadata has the unknown key `{key}`")));
        }
    };
    check_depth(&manifest, limits)?;
    fields.shift_remove("header_hash");
    check_hash("header", &envelope.header_hash, &header_hash(&fields))?;
    check_hash("manifest", &envelope.manifest_hash, &json_hash(&manifest))?;
    Ok((envelope, manifest, in_order))
}

/// Refuses content whose hash is not the recorded one.
pub(super) fn check_hash(what: &str, recorded: &ContentHash, found: &ContentHash) -> Result<()> {
    if recorded == found {
        return Ok(());
    }
    Err(Error::verification(format!(
        "{what} hash is {}, the file records {}: bytes were changed after writing",
        found.short(),
        recorded.short()
    ))
    .with_hint("restore the file from a copy, or save the model again"))
}

fn header_hash(fields: &Map<String, Value>) -> ContentHash {
    json_hash(&Value::Object(fields.clone()))
}

fn version(text: &str) -> Result<(u32, u32)> {
    let number = |part: &str| part.parse::<u32>().ok().filter(|n| n.to_string() == part);
    text.split_once('.')
        .and_then(|(major, minor)| Some((number(major)?, number(minor)?)))
        .ok_or_else(|| Error::malformed(format!("`{text}` is no format version, which looks like `1.0`")))
}

fn check_places(places: &BTreeMap<String, Place>, data_bytes: u64, limits: &LoadLimits) -> Result<()> {
    if places.len() > limits.max_tensors {
        return Err(Error::malformed(format!(
            "header names {} tensors, at most {} are allowed",
            places.len(),
            limits.max_tensors
        )));
    }
    let mut end = 0;
    for (name, place) in places {
        if place.dtype != "F32" {
            return Err(Error::malformed(format!(
                "tensor `{name}` has dtype `{}`, only `F32` is allowed",
                place.dtype
            )));
        }
        let bytes = place_bytes(name, &place.shape, limits)?;
        let [first, last] = place.data_offsets;
        if first != end || last.checked_sub(first) != Some(bytes) {
            return Err(Error::malformed(format!(
                "tensor `{name}` of shape {:?} lies at bytes {first} to {last}, expected {end} to {}",
                place.shape,
                u128::from(end) + u128::from(bytes)
            ))
            .with_hint("tensors lie in the order of their names, without gaps or overlaps"));
        }
        end = last;
    }
    if end != data_bytes {
        let hint = if data_bytes < end { "the file was cut off" } else { "something was added to the file" };
        return Err(Error::malformed(format!(
            "tensors take {end} bytes by the header, the file has {data_bytes} bytes for them"
        ))
        .with_hint(format!("{hint}; copy or save it again")));
    }
    Ok(())
}

/// Bytes of a tensor of this shape, checked for overflow.
pub(super) fn place_bytes(name: &str, shape: &[usize], limits: &LoadLimits) -> Result<u64> {
    if shape.len() > limits.max_rank {
        return Err(Error::malformed(format!(
            "tensor `{name}` has {} dimensions, at most {} are allowed",
            shape.len(),
            limits.max_rank
        )));
    }
    let bytes = shape.iter().try_fold(4u64, |bytes, &size| bytes.checked_mul(size as u64));
    bytes.filter(|&bytes| bytes <= limits.max_file_bytes).ok_or_else(|| {
        Error::malformed(format!(
            "tensor `{name}` of shape {shape:?} is larger than the {} bytes allowed for a file",
            limits.max_file_bytes
        ))
    })
}

/// The one spelling of a header, without the spaces at its end.
fn write_canonical(mut out: impl Write, envelope: &str, places: &BTreeMap<String, Place>) -> io::Result<()> {
    write!(out, r#"{{"{METADATA_KEY}":{{"{ENVELOPE_KEY}":"#)?;
    serde_json::to_writer(&mut out, envelope)?;
    out.write_all(b"}")?;
    for (name, place) in places {
        out.write_all(b",")?;
        serde_json::to_writer(&mut out, name)?;
        out.write_all(b":")?;
        serde_json::to_writer(&mut out, place)?;
    }
    out.write_all(b"}")
}
