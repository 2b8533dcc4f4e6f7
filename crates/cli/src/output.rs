//! Tables to stdout or to a file that appears whole or not at all.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use tabgraft_table::Table;
use tabgraft_table::read::{write_csv, write_parquet};

use crate::failure::Failure;

/// Writes a table: CSV to stdout, or to `out` as Parquet if its name ends in `.parquet`, else CSV.
pub fn write_table(table: &Table, out: Option<&Path>) -> Result<(), Failure> {
    match out {
        None => Ok(write_csv(table, io::stdout().lock())?),
        Some(path) if path.extension().is_some_and(|e| e.eq_ignore_ascii_case("parquet")) => {
            Ok(write_parquet(table, path)?)
        }
        Some(path) => write_whole(path, |file| Ok(write_csv(table, file)?)),
    }
}

/// Writes a file beside `path` and renames it, so that a kill in the middle leaves the old one.
pub fn write_whole(path: &Path, write: impl FnOnce(&File) -> Result<(), Failure>) -> Result<(), Failure> {
    let Some(name) = path.file_name() else {
        return Err(Failure::new(format!("`{}` names no file", path.display()))
            .with_hint("end the path with a file name"));
    };
    let part = path.with_file_name(format!(".{}.{}.part", name.to_string_lossy(), std::process::id()));
    let written = File::create(&part).map_err(|e| Failure::io(path, "write", e)).and_then(|file| {
        write(&file)?;
        file.sync_all().and_then(|()| fs::rename(&part, path)).map_err(|e| Failure::io(path, "write", e))
    });
    if written.is_err() {
        // The first error is the one to tell.
        let _ = fs::remove_file(&part);
    }
    written
}

/// Refuses to write over one of the files that are being read.
pub fn check_out(out: &Path, inputs: &[&Path]) -> Result<(), Failure> {
    let place = |path: &Path| fs::canonicalize(path).unwrap_or_else(|_| PathBuf::from(path));
    match inputs.iter().find(|input| place(input) == place(out)) {
        Some(input) => {
            Err(Failure::new(format!("the output `{}` is the input `{}`", out.display(), input.display()))
                .with_hint("give the output another name; the input is kept as it is"))
        }
        None => Ok(()),
    }
}
