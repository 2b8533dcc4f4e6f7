//! Where a file can be written, and what stands there already.

use std::fs::{self, Metadata, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use super::sibling;
use crate::error::{Error, Result};

/// Symbolic links that are followed, as many as Linux follows.
const MOST_LINKS: usize = 40;

/// Whether [`crate::write_whole`] can write to `path`, found out without changing anything: for callers who
/// work for long before they write.
///
/// A file that nobody may write to is no place, although it could be replaced. What cannot be known
/// beforehand is whether the disk has room.
///
/// # Errors
/// An option error if `path` names no file, or a folder, a socket or a block device; an io error if a
/// folder is not there or cannot be written to, a name is too long, or a file is read-only.
pub fn check_place(path: &Path) -> Result<()> {
    match Place::of(path)? {
        // To open a pipe would wait for its reader.
        Place::Stream => Ok(()),
        Place::File { target, folder, old } => {
            if old.is_some() {
                OpenOptions::new().write(true).open(&target).map_err(|e| {
                    Error::io(path, "write", e).with_hint("it is read-only; give another name")
                })?;
            }
            sibling(path, &target, &folder, None).map(drop)
        }
    }
}

/// Whether files can be written into the folder `path`, which need not be there yet, found out without
/// changing anything.
///
/// # Errors
/// An option error if it is no folder, or cannot be made because a file is in its way; an io error if it
/// or the folder that it would be made in cannot be written to.
pub fn check_folder(path: &Path) -> Result<()> {
    for folder in path.ancestors() {
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        match fs::metadata(folder) {
            Ok(found) if found.is_dir() => return sibling(path, path, folder, None).map(drop),
            Ok(_) => {
                let what =
                    format!("cannot write into `{}`: `{}` is no folder", path.display(), folder.display());
                return Err(Error::option(what).with_hint("give the name of a folder, or of one to be made"));
            }
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(e) => return Err(Error::io(path, "write into", e)),
        }
    }
    Ok(())
}

/// What stands at a path, links followed.
pub(super) enum Place {
    /// A file or nothing yet: `target` is renamed over, a file in `folder`.
    File { target: PathBuf, folder: PathBuf, old: Option<Box<Metadata>> },
    /// Something that takes bytes and is never replaced.
    Stream,
}

impl Place {
    pub(super) fn of(path: &Path) -> Result<Self> {
        let unfit = |what: &str, hint: &str| {
            Error::option(format!("cannot write `{}`: it {what}", path.display())).with_hint(hint)
        };
        let old = match fs::metadata(path) {
            Ok(found) if found.is_dir() => return Err(unfit("is a folder", "add a file name")),
            Ok(found) if found.is_file() => Some(Box::new(found)),
            Ok(found) => {
                return match unwritable(&found) {
                    Some(what) => Err(unfit(what, "give a file, a named pipe or a device like /dev/null")),
                    None => Ok(Place::Stream),
                };
            }
            Err(e) if e.kind() == io::ErrorKind::NotFound => None,
            Err(e) => return Err(Error::io(path, "write", e)),
        };
        let Some(target) = end_of_links(path).map_err(|e| Error::io(path, "write", e))? else {
            return Ok(Place::Stream);
        };
        let (Some(_), Some(folder)) = (target.file_name(), target.parent()) else {
            return Err(unfit("names no file", "add a file name"));
        };
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder }.to_owned();
        // `a.csv/` is the name of a folder, and a path forgets the stroke.
        if path.as_os_str().as_encoded_bytes().last().is_some_and(|b| std::path::is_separator(*b as char)) {
            return Err(unfit("names a folder", "add a file name"));
        }
        Ok(Place::File { target, folder, old })
    }
}

/// Where the symbolic links at `path` end, whether or not anything is there. None if that is a file which
/// a process holds open, such as `/dev/stdout`: what is written there stands behind what is there already.
fn end_of_links(path: &Path) -> io::Result<Option<PathBuf>> {
    let mut path = path.to_owned();
    for _ in 0..MOST_LINKS {
        match fs::symlink_metadata(&path) {
            Ok(found) if found.is_symlink() => {
                let folder = path.parent().unwrap_or(Path::new("")).to_owned();
                if is_of_descriptors(&folder) {
                    return Ok(None);
                }
                path = folder.join(fs::read_link(&path)?);
            }
            Ok(_) => return Ok(Some(path)),
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Some(path)),
            Err(e) => return Err(e),
        }
    }
    Err(io::Error::other("too many symbolic links"))
}

/// Whether a folder holds a process's open files, as `/dev/fd` and `/proc/self/fd` do.
fn is_of_descriptors(folder: &Path) -> bool {
    fs::canonicalize(folder).is_ok_and(|folder| {
        folder.ends_with("fd") && (folder.starts_with("/proc") || folder.starts_with("/dev"))
    })
}

/// What something is that takes no stream of bytes.
#[cfg(unix)]
fn unwritable(found: &Metadata) -> Option<&'static str> {
    use std::os::unix::fs::FileTypeExt;

    let kind = found.file_type();
    if kind.is_block_device() {
        Some("is a block device, whose content would be lost")
    } else if kind.is_socket() {
        Some("is a socket")
    } else {
        None
    }
}

#[cfg(not(unix))]
fn unwritable(_found: &Metadata) -> Option<&'static str> {
    Some("is no ordinary file")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::write_whole;

    #[test]
    fn a_place_is_checked_without_a_trace() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("old"), "old").unwrap();
        check_place(&at("old")).unwrap();
        check_place(&at("new")).unwrap();
        check_folder(folder.path()).unwrap();
        check_folder(&at("a/b/c")).unwrap();
        for wrong in [at(""), at("no/a"), at(&"n".repeat(300)), at("old/a"), at("new/"), at("..")] {
            let error = check_place(&wrong).unwrap_err();
            assert!(error.to_string().starts_with("cannot write `"), "{error}");
            assert!(write_whole(&wrong, |_| Ok(())).is_err());
        }
        for wrong in [at("old"), at("old/a")] {
            let error = check_folder(&wrong).unwrap_err().to_string();
            assert!(error.contains("old` is no folder") || error.contains("ot a directory"), "{error}");
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        assert_eq!(fs::read_to_string(at("old")).unwrap(), "old");
    }
}
