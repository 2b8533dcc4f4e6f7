//! Containers on disk.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, ErrorKind, Read, Write};
use std::path::Path;

use tabgraft_table::write_whole;

use super::read::{self, Loaded};
use super::write::Prepared;
use super::{Container, ContentHash, Head, LoadLimits, VerifyReport, hash, header};
use crate::error::{Error, Result};

/// Bytes gathered before they go to the disk.
const BUFFER_BYTES: usize = 1 << 20;

/// Saves a container by [`write_whole`]: `path` holds the old file or the new one, whole, whatever happens.
///
/// Returns the container's content hash.
///
/// # Errors
/// As [`super::to_bytes`] and [`write_whole`].
pub fn save(path: &Path, container: &Container) -> Result<ContentHash> {
    let prepared = Prepared::new(container).map_err(|e| e.at(path.display()))?;
    write_whole(path, |file| {
        let mut out = BufWriter::with_capacity(BUFFER_BYTES, file);
        prepared.write(&mut out).and_then(|()| out.flush()).map_err(|e| Error::io(path, "save", e))?;
        Ok(prepared.content_hash)
    })
}

/// Loads a container under the default [`LoadLimits`].
///
/// # Errors
/// See [`load_within`].
pub fn load(path: &Path) -> Result<(Container, ContentHash)> {
    load_within(path, &LoadLimits::default())
}

/// Loads a container and verifies its hashes. The path may have any suffix.
///
/// # Errors
/// As [`super::from_bytes_within`], with the path in front; an I/O error if the file cannot be
/// read or is no ordinary file.
pub fn load_within(path: &Path, limits: &LoadLimits) -> Result<(Container, ContentHash)> {
    let (loaded, _) = open(path, limits)?;
    Ok((loaded.container, loaded.content_hash))
}

/// Recomputes every hash of a file and reports what it holds.
///
/// # Errors
/// As [`load`]: a file that differs from its hashes is a verification error.
pub fn verify(path: &Path) -> Result<VerifyReport> {
    let (Loaded { container, envelope, content_hash }, file_bytes) = open(path, &LoadLimits::default())?;
    Ok(VerifyReport {
        kind: envelope.kind,
        format_version: envelope.format_version,
        written_by: envelope.written_by,
        content_hash,
        manifest_hash: envelope.manifest_hash,
        weights_hash: envelope.weights_hash,
        n_tensors: container.tensors.len(),
        n_weights: container.tensors.values().map(|blob| blob.data.len()).sum(),
        file_bytes,
    })
}

/// Reads what a file's header says, which takes as long for large weights as for small ones.
///
/// Header and manifest are checked against their hashes, and the file's size against the header. The
/// weights are not looked at: [`verify`] does that.
///
/// # Errors
/// As [`load`], but for errors of the weights.
pub fn head(path: &Path) -> Result<Head> {
    let (mut source, file_bytes) = source(path)?;
    let limits = LoadLimits::default();
    let parsed = read::read_header(&mut source, file_bytes, &limits).map_err(|e| e.at(path.display()))?;
    let envelope = parsed.envelope;
    let content_hash = hash::content_hash(&envelope.kind, &envelope.manifest_hash, &envelope.weights_hash);
    Ok(Head {
        kind: envelope.kind,
        manifest: parsed.manifest,
        content_hash,
        weights_hash: envelope.weights_hash,
        file_bytes,
    })
}

/// Whether a file begins as tabgraft's files do, up to a flipped byte or two.
///
/// # Errors
/// An I/O error if it cannot be read.
pub fn resembles(path: &Path) -> Result<bool> {
    let io = |e: io::Error| Error::io(path, "read", e);
    let mut start = Vec::new();
    File::open(path).map_err(io)?.take(header::START_BYTES).read_to_end(&mut start).map_err(io)?;
    Ok(header::resembles(&start))
}

fn open(path: &Path, limits: &LoadLimits) -> Result<(Loaded, u64)> {
    let (mut source, n_bytes) = source(path)?;
    let loaded = read::read(&mut source, n_bytes, limits).map_err(|e| e.at(path.display()))?;
    Ok((loaded, n_bytes))
}

fn source(path: &Path) -> Result<(BufReader<File>, u64)> {
    // Looked at before it is opened: opening a named pipe would wait for a writer.
    let metadata = fs::metadata(path).map_err(|e| Error::io(path, "read", e))?;
    if !metadata.is_file() {
        let what = if metadata.is_dir() { "a folder" } else { "no ordinary file" };
        let error = io::Error::new(ErrorKind::InvalidInput, format!("it is {what}"));
        return Err(Error::io(path, "read", error).with_hint("give the path of a file saved by tabgraft"));
    }
    let file = File::open(path).map_err(|e| Error::io(path, "read", e))?;
    let n_bytes = file.metadata().map_err(|e| Error::io(path, "read", e))?.len();
    Ok((BufReader::new(file), n_bytes))
}
