//! A JSON file that several writers add to: versioned, bounded, replaced as a whole under a lock.
//!
//! A writer locks the sibling `NAME.lock`, reads, changes and replaces the file as a whole. So a
//! reader sees an old or a new file, never a half one, and no writer's addition is lost. The lock is
//! the operating system's: it ends with its process, however that ends. The empty lock file stays,
//! for removing it would let two writers lock two files of the same name.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::whole_file::{read_whole, write_whole};

/// Largest file, in bytes.
const MAX_FILE_BYTES: u64 = 64 << 20;
/// How often, and how long apart in milliseconds, a lock is tried: 30 s in all.
const LOCK_TRIES: usize = 1500;
const LOCK_PAUSE_MS: u64 = 20;

/// What such a file holds: an object with `format_version` and more.
pub trait Ledger: Serialize + DeserializeOwned + Default {
    /// The version that is written, and the newest that is read.
    const FORMAT_VERSION: u32;
    /// What a user does when the file is full. Nothing that it holds may be lost by that.
    const TOO_LARGE_HINT: &str =
        "give it another name, under which it stays readable; the next run starts a new one";

    /// Whether the content keeps its promises.
    ///
    /// # Errors
    /// An error that names the broken promise.
    fn check(&self) -> Result<()>;
}

#[derive(Deserialize)]
struct Version {
    format_version: u32,
}

/// The content of the file at `path`; none if there is no file.
///
/// # Errors
/// An I/O error if the file cannot be read or is no ordinary file; a malformed error if it is truncated, larger
/// than 64 MiB, of a later format version, has unknown fields or does not pass [`Ledger::check`].
pub fn read<L: Ledger>(path: &Path) -> Result<Option<L>> {
    // To open a pipe is to wait for somebody who writes into it, and nobody may.
    if fs::metadata(path).is_ok_and(|found| !found.is_file() && !found.is_dir()) {
        return Err(no_file(path));
    }
    let file = match File::open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(Error::io(path, "open", e)),
    };
    let bytes = read_whole(path, file, MAX_FILE_BYTES).map_err(|e| match e.is_malformed() {
        true => e.with_hint(L::TOO_LARGE_HINT),
        false => e,
    })?;
    parse(&bytes).map(Some).map_err(|e| e.at(format!("`{}`", path.display())))
}

/// Changes the content of the file at `path`, or of an empty one, and gives what it became. If
/// anything fails, the file stays as it was. No other writer is at work while `change` runs.
///
/// # Errors
/// As [`read`]; those of `change` and of [`Ledger::check`]; an I/O error if the file cannot be
/// written or stays locked for 30 s.
pub fn update<L: Ledger>(path: &Path, change: impl FnOnce(&mut L) -> Result<()>) -> Result<L> {
    // Whoever comes by a link waits for those who come by the file's own name, for it is the file that is replaced.
    let _lock = lock(&lock_path(&fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())))?;
    let mut ledger: L = read(path)?.unwrap_or_default();
    change(&mut ledger)?;
    ledger.check().map_err(|e| e.at(format!("`{}`", path.display())))?;
    let mut bytes = serde_json::to_vec_pretty(&ledger)
        .map_err(|e| Error::value(format!("cannot be written as JSON: {e}")).with_source(e))?;
    bytes.push(b'\n');
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(too_large(path, bytes.len() as u64).with_hint(L::TOO_LARGE_HINT));
    }
    write_whole(path, |mut file| file.write_all(&bytes).map_err(|e| Error::io(path, "write", e)))?;
    Ok(ledger)
}

fn parse<L: Ledger>(bytes: &[u8]) -> Result<L> {
    let broken =
        |e: serde_json::Error| Error::malformed(format!("not a file of this kind: {e}")).with_source(e);
    let Version { format_version } = serde_json::from_slice(bytes).map_err(broken)?;
    if format_version == 0 || format_version > L::FORMAT_VERSION {
        return Err(Error::malformed(format!(
            "format version {format_version} found, versions 1 to {} are read",
            L::FORMAT_VERSION
        ))
        .with_hint("read it with the release that wrote it, or a later one"));
    }
    let ledger: L = serde_json::from_slice(bytes).map_err(broken)?;
    ledger.check().map_err(|e| Error::malformed(e.to_string()))?;
    Ok(ledger)
}

fn lock(path: &Path) -> Result<File> {
    let mut how = OpenOptions::new();
    how.create(true).truncate(false).write(true);
    // Folders may come from strangers: a link there makes no file elsewhere, and a pipe is not waited for.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut how, libc::O_NOFOLLOW | libc::O_NONBLOCK);
    let file = how.open(path).map_err(|e| Error::io(path, "open", e))?;
    if !file.metadata().is_ok_and(|found| found.is_file()) {
        return Err(no_file(path));
    }
    for _ in 0..LOCK_TRIES {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(LOCK_PAUSE_MS)),
            Err(TryLockError::Error(e)) => return Err(Error::io(path, "lock", e)),
        }
    }
    let held = std::io::Error::new(ErrorKind::TimedOut, "another process has held it for 30 s");
    Err(Error::io(path, "lock", held).with_hint("wait for the other process, or end it"))
}

fn lock_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    PathBuf::from(name)
}

fn no_file(path: &Path) -> Error {
    Error::io(path, "open", std::io::Error::new(ErrorKind::InvalidInput, "it is no ordinary file"))
        .with_hint("move what is there away; a file is made in its place")
}

fn too_large(path: &Path, n_bytes: u64) -> Error {
    let message =
        format!("`{}` would have {n_bytes} bytes, at most {MAX_FILE_BYTES} are allowed", path.display());
    Error::malformed(message)
}
