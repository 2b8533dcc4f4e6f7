//! From bytes, which may be anything, to a container.

use std::collections::BTreeMap;
use std::io::{self, Read};

use super::hash::WeightsHasher;
use super::header::{self, Envelope, Header};
use super::{Blob, Container, ContentHash, LoadLimits, hash, write};
use crate::error::{Error, Result};

/// Bytes read at a time.
const CHUNK_BYTES: usize = 1 << 16;

/// Bytes of the header's length in front of the header.
const LENGTH_BYTES: u64 = 8;

/// Beginnings of files that people take for models, with what they are.
const FOREIGN: [(&[u8], &str); 7] = [
    (&[0x80, 2], "a pickle"),
    (&[0x80, 3], "a pickle"),
    (&[0x80, 4], "a pickle"),
    (&[0x80, 5], "a pickle"),
    (b"PK\x03\x04", "a zip archive, as PyTorch writes"),
    (&[0x1f, 0x8b], "a gzip file"),
    (b"PAR1", "a Parquet file"),
];

/// A container with all that its header says.
pub(super) struct Loaded {
    pub(super) container: Container,
    pub(super) envelope: Envelope,
    pub(super) content_hash: ContentHash,
}

/// Reads a container under the default [`LoadLimits`].
///
/// # Errors
/// See [`from_bytes_within`].
pub fn from_bytes(bytes: &[u8]) -> Result<(Container, ContentHash)> {
    from_bytes_within(bytes, &LoadLimits::default())
}

/// Reads a container and verifies its hashes.
///
/// # Errors
/// A malformed error if the bytes are no file of ours, cut off or beyond `limits`; a version error
/// if they need a newer reader; a verification error if header, manifest or weights were changed;
/// a value error if a weight is not finite.
pub fn from_bytes_within(bytes: &[u8], limits: &LoadLimits) -> Result<(Container, ContentHash)> {
    let loaded = read(&mut &bytes[..], bytes.len() as u64, limits)?;
    Ok((loaded.container, loaded.content_hash))
}

/// Reads the header alone of a file of `n_bytes` bytes.
pub(super) fn read_header(source: &mut impl Read, n_bytes: u64, limits: &LoadLimits) -> Result<Header> {
    if n_bytes > limits.max_file_bytes {
        return Err(Error::malformed(format!(
            "found {n_bytes} bytes, at most {} are allowed",
            limits.max_file_bytes
        ))
        .with_hint("raise `max_file_bytes` if the file is yours"));
    }
    let header_bytes = header_length(source, n_bytes, limits)?;
    let mut bytes = vec![0; header_bytes as usize];
    source.read_exact(&mut bytes).map_err(cut_off)?;
    header::parse(&bytes, n_bytes - LENGTH_BYTES - header_bytes, limits)
}

/// Reads `n_bytes` bytes from `source`; allocates no more than that.
pub(super) fn read(source: &mut impl Read, n_bytes: u64, limits: &LoadLimits) -> Result<Loaded> {
    let Header { envelope, manifest, places } = read_header(source, n_bytes, limits)?;
    let mut hasher = WeightsHasher::new();
    let mut tensors = BTreeMap::new();
    let mut broken = None;
    for (name, place) in places {
        hasher.begin(&name, &place.shape);
        let n_values = ((place.data_offsets[1] - place.data_offsets[0]) / 4) as usize;
        let data = read_values(source, n_values, &mut hasher)?;
        if broken.is_none() {
            let idx = data.iter().position(|value| !value.is_finite());
            broken = idx.map(|idx| write::not_finite(&name, idx, data[idx]));
        }
        tensors.insert(name, Blob { shape: place.shape, data });
    }
    header::check_hash("weights", &envelope.weights_hash, &hasher.finish())?;
    // After the hash: a flipped bit that made a NaN is damage, not a training that diverged.
    if let Some(error) = broken {
        return Err(error);
    }
    let content_hash = hash::content_hash(&envelope.kind, &envelope.manifest_hash, &envelope.weights_hash);
    let container = Container { kind: envelope.kind.clone(), manifest, tensors };
    Ok(Loaded { container, envelope, content_hash })
}

fn header_length(source: &mut impl Read, n_bytes: u64, limits: &LoadLimits) -> Result<u64> {
    let mut length = [0; LENGTH_BYTES as usize];
    let start = n_bytes.min(LENGTH_BYTES) as usize;
    source.read_exact(&mut length[..start]).map_err(cut_off)?;
    if n_bytes == 0 {
        return Err(Error::malformed("the file is empty").with_hint("it was cut off; copy or save it again"));
    }
    let found = u64::from_le_bytes(length);
    let room = n_bytes.saturating_sub(LENGTH_BYTES);
    if n_bytes < LENGTH_BYTES || found > room {
        // Only now: a header of 640 bytes begins like a pickle.
        if let Some((_, what)) = FOREIGN.iter().find(|(begin, _)| length[..start].starts_with(begin)) {
            return Err(Error::malformed(format!("found {what}, not a tabgraft file")).with_hint(
                "tabgraft files are safetensors, whatever their suffix; loading one never runs code",
            ));
        }
        return Err(Error::malformed(format!(
            "not a tabgraft file, or cut off: it has {n_bytes} bytes, by its first 8 bytes the header \
             alone has {found}"
        ))
        .with_hint("give a file saved by tabgraft, or copy it again"));
    }
    if found > limits.max_header_bytes {
        return Err(Error::malformed(format!(
            "header has {found} bytes, at most {} are allowed",
            limits.max_header_bytes
        )));
    }
    Ok(found)
}

fn read_values(source: &mut impl Read, n_values: usize, hasher: &mut WeightsHasher) -> Result<Vec<f32>> {
    let mut data = Vec::with_capacity(n_values);
    let mut buffer = vec![0; CHUNK_BYTES.min(4 * n_values)];
    while data.len() < n_values {
        let n_bytes = buffer.len().min(4 * (n_values - data.len()));
        source.read_exact(&mut buffer[..n_bytes]).map_err(cut_off)?;
        hasher.bytes(&buffer[..n_bytes]);
        data.extend(buffer[..n_bytes].chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])));
    }
    Ok(data)
}

fn cut_off(source: io::Error) -> Error {
    Error::malformed(format!("the file ended or failed while it was read: {source}"))
        .with_hint("another program may be writing it; read it again")
        .with_source(source)
}
