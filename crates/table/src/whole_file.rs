//! Files that appear whole or not at all, and files that are read whole or not at all.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::path::Path;

use crate::error::{Error, Result};

/// Characters of the file's name in the temporary name, which must not outgrow the file system.
const N_NAME_CHARS: usize = 40;

/// Writes a file so that `path` holds the old one or the new one, whole, whatever happens.
///
/// What `write` writes goes to a temporary sibling, `.NAME.RANDOM.tmp`, which is flushed to the disk
/// and renamed over `path`; then the folder is flushed. The sibling is removed on failure; only a
/// killed process leaves one, which disturbs nothing. A symbolic link at `path` is replaced, not followed.
///
/// # Errors
/// Those of `write`; an option error if `path` names no file; an io error if the folder cannot be
/// written to.
pub fn write_whole<T>(path: &Path, write: impl FnOnce(&File) -> Result<T>) -> Result<T> {
    let io = |e: io::Error| Error::io(path, "write", e);
    let unnamed = |what: &str| {
        Error::option(format!("cannot write `{}`: it {what}", path.display())).with_hint("add a file name")
    };
    if path.is_dir() {
        return Err(unnamed("is a folder"));
    }
    let (Some(name), Some(folder)) = (path.file_name(), path.parent()) else {
        return Err(unnamed("names no file"));
    };
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let name: String = name.to_string_lossy().chars().take(N_NAME_CHARS).collect();
    let temporary = tempfile::Builder::new()
        .prefix(&format!(".{name}."))
        .suffix(".tmp")
        // Opened here, for the files that the library opens are closed to everybody but their owner.
        .make_in(folder, |sibling| OpenOptions::new().write(true).create_new(true).open(sibling))
        .map_err(|e| match e.kind() {
            io::ErrorKind::NotFound => {
                io(e).with_hint(format!("make the folder `{}` first", folder.display()))
            }
            _ => io(e),
        })?;
    let written = write(temporary.as_file())?;
    temporary.as_file().sync_all().map_err(io)?;
    temporary.persist(path).map_err(|e| io(e.error))?;
    flush_folder(folder).map_err(|e| Error::io(folder, "flush", e))?;
    Ok(written)
}

/// The bytes of an open file that may have `most_bytes`; `path` is for messages.
///
/// A larger file is refused by its length, before any of it is read; what has no length, such as a
/// pipe, is read up to the limit.
///
/// # Errors
/// An io error, or a malformed error with both sizes.
pub fn read_whole(path: &Path, file: File, most_bytes: u64) -> Result<Vec<u8>> {
    let io = |e: io::Error| Error::io(path, "read", e);
    let too_large = |found: &str| {
        Error::malformed(format!("`{}` has {found} bytes, at most {most_bytes} are allowed", path.display()))
    };
    let n_bytes = file.metadata().map_err(io)?.len();
    if n_bytes > most_bytes {
        return Err(too_large(&n_bytes.to_string()));
    }
    let mut bytes = Vec::new();
    file.take(most_bytes + 1).read_to_end(&mut bytes).map_err(io)?;
    if bytes.len() as u64 > most_bytes {
        Err(too_large(&format!("more than {most_bytes}")))
    } else {
        Ok(bytes)
    }
}

/// Makes the rename last through a power cut, where folders can be flushed.
#[cfg(unix)]
fn flush_folder(folder: &Path) -> io::Result<()> {
    match File::open(folder)?.sync_all() {
        // Some network file systems do not know the call.
        Err(e) if matches!(e.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) => Ok(()),
        result => result,
    }
}

#[cfg(not(unix))]
fn flush_folder(_folder: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn write_text(path: &Path, text: &str) -> Result<()> {
        write_whole(path, |mut file| file.write_all(text.as_bytes()).map_err(|e| Error::io(path, "write", e)))
    }

    #[test]
    fn a_failure_leaves_the_old_file_and_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        write_text(&path, "old").unwrap();
        let error = write_whole(&path, |mut file| {
            file.write_all(b"half").unwrap();
            Err::<(), _>(Error::value("no more"))
        });
        assert_eq!(error.unwrap_err().to_string(), "no more");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "old");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_is_read_up_to_its_limit_and_a_larger_one_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        write_text(&path, "old").unwrap();
        let read = |path: &Path, most| read_whole(path, File::open(path).unwrap(), most);
        assert_eq!(read(&path, 3).unwrap(), b"old");
        let error = read(&path, 2).unwrap_err();
        assert!(error.is_malformed() && error.to_string().ends_with("has 3 bytes, at most 2 are allowed"));
    }

    #[test]
    fn long_names_are_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("é".repeat(120));
        write_text(&path, "new").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "new");
    }

    #[test]
    fn places_that_take_no_file_are_errors_with_hints() {
        let folder = tempfile::tempdir().unwrap();
        for (place, is_io) in [(folder.path().to_owned(), false), (folder.path().join("no/a"), true)] {
            let error = write_text(&place, "new").unwrap_err();
            assert!(error.is_io() == is_io && error.is_option() != is_io, "{error}");
            assert!(error.hint().is_some());
        }
        assert!(write_text(Path::new(".."), "new").unwrap_err().is_option());
    }

    /// As any file that the user makes: the umask decides who may read it, not the temporary file.
    #[cfg(unix)]
    #[test]
    fn everybody_whom_the_umask_lets_may_read_it() {
        use std::os::unix::fs::PermissionsExt;

        let folder = tempfile::tempdir().unwrap();
        let mode = |name: &str| folder.path().join(name).metadata().unwrap().permissions().mode();
        std::fs::write(folder.path().join("plain"), "").unwrap();
        write_text(&folder.path().join("whole"), "").unwrap();
        assert_eq!(mode("whole"), mode("plain"));
    }
}
