//! From a container to bytes.

use std::collections::BTreeMap;
use std::io::{self, Write};

use super::header::{self, Place};
use super::{Blob, Container, ContentHash, LoadLimits, hash, json, json_hash, weights_hash};
use crate::error::{Error, Result};

/// A container that was checked and whose header is ready.
pub(super) struct Prepared<'a> {
    header: Vec<u8>,
    tensors: &'a BTreeMap<String, Blob>,
    pub(super) content_hash: ContentHash,
    pub(super) n_bytes: u64,
}

/// The bytes of a file; the same container always gives the same bytes.
///
/// # Errors
/// A value error if a weight is not finite; a malformed error if a tensor's data does not fill its
/// shape or the container exceeds the default [`LoadLimits`].
pub fn to_bytes(container: &Container) -> Result<Vec<u8>> {
    let prepared = Prepared::new(container)?;
    let mut bytes = Vec::with_capacity(prepared.n_bytes as usize);
    prepared
        .write(&mut bytes)
        .map_err(|e| Error::malformed(format!("cannot write to memory: {e}")).with_source(e))?;
    Ok(bytes)
}

impl<'a> Prepared<'a> {
    /// Checks whatever [`super::from_bytes`] would refuse, before a byte is written.
    pub(super) fn new(container: &'a Container) -> Result<Self> {
        let limits = LoadLimits::default();
        header::check_depth(&container.manifest, &limits)?;
        let places = places(&container.tensors, &limits)?;
        let data_bytes = places.values().last().map_or(0, |place| place.data_offsets[1]);
        let hashes = [json_hash(&container.manifest), weights_hash(&container.tensors)];
        let content_hash = hash::content_hash(&container.kind, &hashes[0], &hashes[1]);
        let header = header::write(&container.kind, &container.manifest, hashes, &places)?;
        let n_bytes = 8 + header.len() as u64 + data_bytes;
        for (what, found, allowed) in [
            ("header", header.len() as u64, limits.max_header_bytes),
            ("file", n_bytes, limits.max_file_bytes),
            ("number of tensors", places.len() as u64, limits.max_tensors as u64),
        ] {
            if found > allowed {
                return Err(Error::malformed(format!(
                    "{what} would be {found}, at most {allowed} is allowed"
                )));
            }
        }
        let most = limits.values_of(n_bytes - 8);
        if json::n_values(&container.manifest) + header::N_OTHER_VALUES > most {
            return Err(json::too_many("the manifest", most));
        }
        Ok(Prepared { header, tensors: &container.tensors, content_hash, n_bytes })
    }

    pub(super) fn write(&self, out: &mut impl Write) -> io::Result<()> {
        out.write_all(&(self.header.len() as u64).to_le_bytes())?;
        out.write_all(&self.header)?;
        for blob in self.tensors.values() {
            for bytes in hash::little_endian_chunks(&blob.data) {
                out.write_all(&bytes)?;
            }
        }
        Ok(())
    }
}

fn places(tensors: &BTreeMap<String, Blob>, limits: &LoadLimits) -> Result<BTreeMap<String, Place>> {
    let mut end = 0u64;
    let mut places = BTreeMap::new();
    for (name, blob) in tensors {
        if name == "__metadata__" {
            return Err(Error::schema("a tensor cannot be named `__metadata__`, the format uses that name"));
        }
        let bytes = header::place_bytes(name, &blob.shape, limits)?;
        if bytes != 4 * blob.data.len() as u64 {
            return Err(Error::malformed(format!(
                "tensor `{name}` of shape {:?} has {} values",
                blob.shape,
                blob.data.len()
            )));
        }
        if let Some(idx) = blob.data.iter().position(|value| !value.is_finite()) {
            return Err(not_finite(name, idx, blob.data[idx]));
        }
        let place = Place {
            dtype: "F32".into(),
            shape: blob.shape.clone(),
            data_offsets: [end, end.saturating_add(bytes)],
        };
        end = place.data_offsets[1];
        places.insert(name.clone(), place);
    }
    Ok(places)
}

/// A weight that is NaN or infinite.
pub(super) fn not_finite(name: &str, idx: usize, value: f32) -> Error {
    Error::value(format!("tensor `{name}` has {value} at index {idx}, all weights must be finite"))
        .with_hint("the training diverged; train again with a lower learning rate")
}
