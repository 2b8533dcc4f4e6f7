//! Files that appear whole or not at all, and files that are read whole or not at all.
//!
//! Why a place is written to as it is: `docs/decisions/0020-where-bytes-go.md`.

mod place;

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use place::Place;

pub use place::{check_folder, check_place};

/// Characters of the file's name in the temporary name, which must not outgrow the file system.
const N_NAME_CHARS: usize = 40;

/// Writes a file so that `path` holds the old one or the new one, whole, whatever happens.
///
/// What `write` writes goes to a temporary sibling, `.NAME.RANDOM.tmp`, which is flushed to the disk
/// and renamed over the file; then the folder is flushed. The sibling is removed on failure; only a
/// killed process leaves one, which disturbs nothing. The new file has the old one's mode and, where the
/// system lets it, owner and group. A symbolic link stays: the file that it leads to is replaced. Other
/// hard links of the old file keep the old bytes.
///
/// A named pipe, a terminal or another device for characters is no file to be replaced: the bytes are
/// written into it as they come.
///
/// # Errors
/// Those of `write` and of [`check_place`].
pub fn write_whole<T>(path: &Path, write: impl FnOnce(&File) -> Result<T>) -> Result<T> {
    let io = |e: io::Error| Error::io(path, "write", e);
    match Place::of(path)? {
        Place::Stream => {
            // Not made if it is gone by now, and not cut off: a descriptor's file may hold other output.
            let file = OpenOptions::new().append(true).open(path).map_err(io)?;
            write(&file)
        }
        Place::File { target, folder, old } => {
            let (written, waiting) = beside(path, (target, folder, old.as_deref()), write)?;
            waiting.take_place()?;
            Ok(written)
        }
    }
}

/// A whole file that waits beside its place.
#[derive(Debug)]
pub struct Waiting {
    temporary: tempfile::NamedTempFile,
    target: PathBuf,
    folder: PathBuf,
}

/// The first half of [`write_whole`], for a place that only a file may take: what takes long. Until it
/// [takes its place](Waiting::take_place) nothing has changed, and if it is dropped nothing will.
///
/// # Errors
/// As [`write_whole`]; an option error for a place that no file may take.
pub fn write_beside<T>(path: &Path, write: impl FnOnce(&File) -> Result<T>) -> Result<(T, Waiting)> {
    match Place::of(path)? {
        Place::Stream => Err(Error::option(format!("`{}` is no ordinary file", path.display()))),
        Place::File { target, folder, old } => beside(path, (target, folder, old.as_deref()), write),
    }
}

impl Waiting {
    /// Renames the file over what was there, and makes that last.
    ///
    /// # Errors
    /// An io error.
    pub fn take_place(self) -> Result<()> {
        let Waiting { temporary, target, folder } = self;
        // Renamed by the standard library, as all else here is done: tests fail and stop each of its calls.
        let (_file, mut sibling) = temporary.into_parts();
        fs::rename(&sibling, &target).map_err(|e| Error::io(&target, "write", e))?;
        sibling.disable_cleanup(true);
        flush_folder(&folder).map_err(|e| Error::io(&folder, "flush", e))
    }
}

fn beside<T>(
    path: &Path,
    (target, folder, old): (PathBuf, PathBuf, Option<&Metadata>),
    write: impl FnOnce(&File) -> Result<T>,
) -> Result<(T, Waiting)> {
    let temporary = sibling(path, &target, &folder, old)?;
    let written = write(temporary.as_file())?;
    temporary.as_file().sync_all().map_err(|e| Error::io(path, "write", e))?;
    Ok((written, Waiting { temporary, target, folder }))
}

/// A new temporary file in `folder` that may take the place of `target`; `path` is for messages.
fn sibling(
    path: &Path,
    target: &Path,
    folder: &Path,
    old: Option<&Metadata>,
) -> Result<tempfile::NamedTempFile> {
    let name = target.file_name().unwrap_or_default();
    let name: String = name.to_string_lossy().chars().take(N_NAME_CHARS).collect();
    let temporary = tempfile::Builder::new()
        .prefix(&format!(".{name}."))
        .suffix(".tmp")
        // Opened here, for the files that the library opens are closed to everybody but their owner.
        .make_in(folder, |sibling| create(sibling, old.is_some()))
        .map_err(|e| match e.kind() {
            // A folder of a system that takes no new files, such as `/proc`, says the same.
            io::ErrorKind::NotFound if folder.is_dir() => Error::io(path, "write", e)
                .with_hint(format!("the folder `{}` takes no new files; choose another", folder.display())),
            io::ErrorKind::NotFound => {
                let absent = format!("there is no folder `{}`", folder.display());
                Error::io(path, "write", io::Error::new(e.kind(), absent)).with_hint("make the folder first")
            }
            io::ErrorKind::PermissionDenied => Error::io(path, "write", e)
                .with_hint(format!("check who may write into the folder `{}`", folder.display())),
            _ => Error::io(path, "write", e),
        })?;
    if let Some(old) = old {
        take_after(temporary.as_file(), old).map_err(|e| Error::io(path, "write", e))?;
    }
    Ok(temporary)
}

/// Makes a file as any program does, by the umask; one that will get another's mode is private until then.
#[cfg(unix)]
fn create(path: &Path, is_private: bool) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;

    let mode = if is_private { 0o600 } else { 0o666 };
    OpenOptions::new().write(true).create_new(true).mode(mode).open(path)
}

#[cfg(not(unix))]
fn create(path: &Path, _is_private: bool) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).open(path)
}

/// Gives a file the owner, group and mode of `old`. Not everybody may give a file away: then it stays
/// the writer's, and a group that the old file did not have gets no more than everybody.
#[cfg(unix)]
fn take_after(file: &File, old: &Metadata) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};

    let new = file.metadata()?;
    let is_given = |is_same: bool, uid, gid| is_same || fchown(file, uid, gid).is_ok();
    let has_group = is_given(new.gid() == old.gid(), None, Some(old.gid()));
    let has_owner = is_given(new.uid() == old.uid(), Some(old.uid()), None);
    let mut mode = old.mode() & 0o7777;
    if !has_group {
        mode &= 0o0707 | (mode & 0o007) << 3;
    }
    if !has_owner {
        mode &= 0o0777;
    }
    file.set_permissions(fs::Permissions::from_mode(mode))
}

#[cfg(not(unix))]
fn take_after(_file: &File, _old: &Metadata) -> io::Result<()> {
    Ok(())
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
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
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
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
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

    /// Nodes of one's own: nothing here touches those of the machine.
    #[cfg(unix)]
    fn node(path: &Path, arguments: &[&str]) -> bool {
        std::process::Command::new(arguments[0])
            .arg(path)
            .args(&arguments[1..])
            .stderr(std::process::Stdio::null())
            .status()
            .unwrap()
            .success()
    }

    #[cfg(unix)]
    #[test]
    fn a_pipe_and_a_device_take_the_bytes_and_stay() {
        use std::os::unix::fs::FileTypeExt;

        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        assert!(node(&pipe, &["mkfifo"]));
        check_place(&pipe).unwrap();
        let reader = std::thread::spawn({
            let pipe = pipe.clone();
            move || fs::read_to_string(pipe).unwrap()
        });
        write_text(&pipe, "through").unwrap();
        assert_eq!(reader.join().unwrap(), "through");
        assert!(fs::symlink_metadata(&pipe).unwrap().file_type().is_fifo());
        // A device of one's own takes a right that not every machine gives.
        let null = folder.path().join("null");
        if node(&null, &["mknod", "c", "1", "3"]) && File::create(&null).is_ok() {
            check_place(&null).unwrap();
            write_text(&null, "nowhere").unwrap();
            assert!(fs::symlink_metadata(&null).unwrap().file_type().is_char_device());
        }
        let disk = folder.path().join("disk");
        if node(&disk, &["mknod", "b", "7", "200"]) {
            assert!(check_place(&disk).unwrap_err().is_option());
            assert!(write_text(&disk, "lost").unwrap_err().to_string().contains("block device"));
        }
        let socket = folder.path().join("socket");
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        let error = write_text(&socket, "new").unwrap_err();
        assert!(error.is_option() && error.to_string().ends_with("is a socket"), "{error}");
        let left = fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name());
        assert!(left.into_iter().all(|name| !name.to_string_lossy().ends_with(".tmp")));
    }

    #[cfg(unix)]
    #[test]
    fn a_link_stays_and_its_target_holds_the_new_bytes() {
        use std::os::unix::fs::symlink;

        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("deep")).unwrap();
        write_text(&at("deep/real"), "old").unwrap();
        symlink("deep/hop", at("link")).unwrap();
        symlink("real", at("deep/hop")).unwrap();
        symlink("later", at("dangling")).unwrap();
        symlink("round", at("round")).unwrap();
        write_text(&at("link"), "new").unwrap();
        write_text(&at("dangling"), "new").unwrap();
        for (link, target) in [("link", "deep/real"), ("dangling", "later")] {
            assert!(fs::symlink_metadata(at(link)).unwrap().is_symlink());
            assert!(fs::symlink_metadata(at(target)).unwrap().is_file());
            assert_eq!(fs::read_to_string(at(target)).unwrap(), "new");
        }
        assert!(check_place(&at("round")).unwrap_err().is_io());
    }

    #[cfg(unix)]
    #[test]
    fn a_private_file_stays_private() {
        use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        for mode in [0o600, 0o640, 0o755] {
            write_text(&path, "old").unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let is_given = chown(&path, Some(12_345), Some(12_345)).is_ok();
            write_whole(&path, |file| {
                let made = file.metadata().unwrap();
                assert_eq!(made.mode() & 0o777, mode, "while it is written, too");
                assert_eq!(made.uid() == 12_345, is_given);
                Ok(())
            })
            .unwrap();
            let found = path.metadata().unwrap();
            assert_eq!(found.mode() & 0o7777, mode);
            assert_eq!((found.uid() == 12_345, found.gid() == 12_345), (is_given, is_given));
        }
    }

    /// As any file that the user makes: the umask decides who may read it, not the temporary file.
    #[cfg(unix)]
    #[test]
    fn everybody_whom_the_umask_lets_may_read_it() {
        use std::os::unix::fs::PermissionsExt;

        let folder = tempfile::tempdir().unwrap();
        let mode = |name: &str| folder.path().join(name).metadata().unwrap().permissions().mode();
        fs::write(folder.path().join("plain"), "").unwrap();
        write_text(&folder.path().join("whole"), "").unwrap();
        assert_eq!(mode("whole"), mode("plain"));
    }
}
