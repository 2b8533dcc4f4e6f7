//! Containers on disk.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use super::read::{self, Loaded};
use super::write::Prepared;
use super::{Container, ContentHash, LoadLimits, VerifyReport};
use crate::error::{Error, Result};

/// Bytes gathered before they go to the disk.
const BUFFER_BYTES: usize = 1 << 20;

/// Names tried for the temporary file before giving up.
const N_NAMES: usize = 1000;

/// Characters of the file's name in the temporary name, which must not outgrow the file system.
const N_NAME_CHARS: usize = 40;

/// Tells apart the temporary files of one process.
static COUNTER: AtomicU64 = AtomicU64::new(0);

/// Saves a container so that `path` holds the old file or the new one, whole, whatever happens.
///
/// Writes a temporary sibling, `.NAME.PROCESS-NUMBER.tmp`, flushes it to the disk, renames it over
/// `path` and flushes the folder. The sibling is removed on failure; only a killed process leaves
/// one, which disturbs nothing. A symbolic link at `path` is replaced, not followed.
///
/// Returns the container's content hash.
///
/// # Errors
/// As [`super::to_bytes`], and an I/O error if the folder cannot be written to.
pub fn save(path: &Path, container: &Container) -> Result<ContentHash> {
    let prepared = Prepared::new(container).map_err(|e| e.at(path.display()))?;
    if path.is_dir() {
        return Err(Error::option(format!("cannot save to `{}`: it is a folder", path.display()))
            .with_hint("add a file name"));
    }
    let (Some(name), Some(folder)) = (path.file_name(), path.parent()) else {
        return Err(Error::option(format!("cannot save to `{}`: it names no file", path.display()))
            .with_hint("add a file name"));
    };
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let in_folder = |e: io::Error| match e.kind() {
        ErrorKind::NotFound => {
            Error::io(path, "save", e).with_hint(format!("make the folder `{}` first", folder.display()))
        }
        _ => Error::io(path, "save", e),
    };
    let (temporary, file) = Temporary::create(folder, &name.to_string_lossy()).map_err(in_folder)?;
    let mut out = BufWriter::with_capacity(BUFFER_BYTES, file);
    prepared
        .write(&mut out)
        .and_then(|()| out.flush())
        .and_then(|()| out.get_ref().sync_all())
        .map_err(|e| Error::io(path, "save", e))?;
    drop(out);
    temporary.rename(path).map_err(|e| Error::io(path, "save", e))?;
    flush_folder(folder).map_err(|e| Error::io(folder, "flush", e))?;
    Ok(prepared.content_hash)
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

fn open(path: &Path, limits: &LoadLimits) -> Result<(Loaded, u64)> {
    // Looked at before it is opened: opening a named pipe would wait for a writer.
    let metadata = fs::metadata(path).map_err(|e| Error::io(path, "read", e))?;
    if !metadata.is_file() {
        let what = if metadata.is_dir() { "a folder" } else { "no ordinary file" };
        let error = io::Error::new(ErrorKind::InvalidInput, format!("it is {what}"));
        return Err(Error::io(path, "read", error).with_hint("give the path of a file saved by tabgraft"));
    }
    let file = File::open(path).map_err(|e| Error::io(path, "read", e))?;
    let n_bytes = file.metadata().map_err(|e| Error::io(path, "read", e))?.len();
    let mut source = BufReader::new(file);
    let loaded = read::read(&mut source, n_bytes, limits).map_err(|e| e.at(path.display()))?;
    Ok((loaded, n_bytes))
}

/// A temporary file that is removed when dropped, unless it was renamed.
struct Temporary {
    path: PathBuf,
    renamed: bool,
}

impl Temporary {
    /// Creates a file of a name that nobody uses; one left by a killed process is passed over.
    fn create(folder: &Path, name: &str) -> io::Result<(Self, File)> {
        let process = std::process::id();
        let name: String = name.chars().take(N_NAME_CHARS).collect();
        for _ in 0..N_NAMES {
            let number = COUNTER.fetch_add(1, Ordering::Relaxed);
            let path = folder.join(format!(".{name}.{process}-{number}.tmp"));
            match OpenOptions::new().write(true).create_new(true).open(&path) {
                Ok(file) => return Ok((Temporary { path, renamed: false }, file)),
                Err(e) if e.kind() == ErrorKind::AlreadyExists => {}
                Err(e) => return Err(e),
            }
        }
        Err(io::Error::new(ErrorKind::AlreadyExists, "too many temporary files beside it"))
    }

    fn rename(mut self, path: &Path) -> io::Result<()> {
        fs::rename(&self.path, path)?;
        self.renamed = true;
        Ok(())
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.renamed {
            // Nothing can be done about a failure here, and the first error is the one to tell.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Makes the rename last through a power cut, where folders can be flushed.
#[cfg(unix)]
fn flush_folder(folder: &Path) -> io::Result<()> {
    match File::open(folder)?.sync_all() {
        // Some network file systems do not know the call.
        Err(e) if matches!(e.kind(), ErrorKind::InvalidInput | ErrorKind::Unsupported) => Ok(()),
        result => result,
    }
}

#[cfg(not(unix))]
fn flush_folder(_folder: &Path) -> io::Result<()> {
    Ok(())
}
