//! One file per model: named 32-bit tensors and a JSON manifest, in the safetensors layout.
//!
//! ```text
//! save: Container -> header (manifest, hashes) -> temporary sibling -> fsync -> rename
//! load: limits -> header -> version -> tensors -> hashes -> Container
//! ```
//!
//! This module knows nothing of networks: callers give a manifest and tensors, and get them back.
//! Three invariants hold. A file that loads is canonical: saving what was loaded gives the same
//! bytes. Every byte is covered by a hash or by the canonical form, so no change goes unnoticed.
//! No length field is believed before the file's size bears it out. `docs/format.md` specifies the bytes.

mod file;
mod hash;
mod header;
mod json;
mod raw_header;
mod read;
mod write;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

pub use file::{head, load, load_within, resembles, save, verify};
pub(crate) use hash::blob_hash;
pub use hash::{ContentHash, json_hash, weights_hash};
pub use read::{from_bytes, from_bytes_within};
pub use write::to_bytes;

/// Version of the format that this crate writes.
pub const FORMAT_VERSION: &str = "1.4";

/// A named tensor's content.
#[derive(Debug, Clone, PartialEq)]
pub struct Blob {
    /// Sizes, outermost first; empty for a scalar.
    pub shape: Vec<usize>,
    /// Finite values in row-major order, as many as the product of `shape`.
    pub data: Vec<f32>,
}

/// What one file holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Container {
    /// What the manifest describes, such as `embedding_space` or `predictor`.
    pub kind: String,
    /// Everything but the weights; the order of keys is kept.
    pub manifest: serde_json::Value,
    /// The weights by name.
    pub tensors: BTreeMap<String, Blob>,
}

impl Container {
    /// Hash of what the file means: kind, manifest and weights. Two files with equal hashes hold
    /// the same model, whichever version of this crate wrote them.
    pub fn content_hash(&self) -> ContentHash {
        hash::content_hash(&self.kind, &json_hash(&self.manifest), &weights_hash(&self.tensors))
    }

    /// Gives the manifest as the type it was made from.
    ///
    /// # Errors
    /// A schema error if the file is of another kind, a malformed error that says where the
    /// manifest departs from the type.
    pub fn manifest_as<T: serde::de::DeserializeOwned>(&self, kind: &str) -> Result<T> {
        if self.kind != kind {
            return Err(Error::schema(format!("found a file of kind `{}`, expected `{kind}`", self.kind))
                .with_hint(format!("give the path of a saved `{kind}`")));
        }
        manifest_as(&self.manifest, kind)
    }
}

/// A manifest as the type that it was made from.
pub(crate) fn manifest_as<T: serde::de::DeserializeOwned>(
    manifest: &serde_json::Value,
    kind: &str,
) -> Result<T> {
    T::deserialize(manifest)
        .map_err(|e| Error::malformed(format!("manifest of kind `{kind}`: {e}")).with_source(e))
}

/// Sizes beyond which a file is refused before anything is allocated for it.
///
/// The defaults are what [`save`] refuses to exceed, so every saved file loads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoadLimits {
    /// Whole file, in bytes.
    pub max_file_bytes: u64,
    /// Header, in bytes; other safetensors readers stop at 100,000,000.
    pub max_header_bytes: u64,
    /// Number of tensors.
    pub max_tensors: usize,
    /// Number of sizes in a tensor's shape.
    pub max_rank: usize,
    /// Nesting of objects and lists in the manifest.
    pub max_manifest_depth: usize,
    /// Values of the manifest: numbers, texts, lists, objects and so on, each a value, also within others.
    /// For each [`BYTES_PER_VALUE`] bytes of the file one more is allowed.
    pub max_manifest_values: u64,
}

/// Bytes of a file that allow one more value of its manifest. A value takes 80 to 200 bytes of memory
/// and as few as two of the file.
pub const BYTES_PER_VALUE: u64 = 64;

impl LoadLimits {
    /// Most values of the manifest in a file of this size.
    pub(crate) fn values_of(&self, file_bytes: u64) -> u64 {
        self.max_manifest_values.saturating_add(file_bytes / BYTES_PER_VALUE)
    }
}

impl Default for LoadLimits {
    fn default() -> Self {
        LoadLimits {
            max_file_bytes: 16 << 30,
            max_header_bytes: 100_000_000,
            max_tensors: 100_000,
            max_rank: 8,
            max_manifest_depth: 100,
            max_manifest_values: 400_000,
        }
    }
}

/// What [`head`] found in a file, its weights unseen.
#[derive(Debug, Clone, PartialEq)]
pub struct Head {
    /// The container's kind.
    pub kind: String,
    /// Everything but the weights.
    pub manifest: serde_json::Value,
    /// Hash of kind, manifest and weights, if the weights are what the header says.
    pub content_hash: ContentHash,
    /// Hash of the weights, as the header has it.
    pub weights_hash: ContentHash,
    /// Size of the file.
    pub file_bytes: u64,
}

/// What [`verify`] found in a file whose every hash matches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VerifyReport {
    /// The container's kind.
    pub kind: String,
    /// Format version that the file was written in.
    pub format_version: String,
    /// Crate and version that wrote the file.
    pub written_by: String,
    /// Hash of kind, manifest and weights.
    pub content_hash: ContentHash,
    /// Hash of the manifest.
    pub manifest_hash: ContentHash,
    /// Hash of the tensors.
    pub weights_hash: ContentHash,
    /// Number of tensors.
    pub n_tensors: usize,
    /// Number of values in all tensors.
    pub n_weights: usize,
    /// Size of the file.
    pub file_bytes: u64,
}
