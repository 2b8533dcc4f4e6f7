//! Tables to stdout or to a file that appears whole or not at all.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use tabgraft_table::read::{write_csv, write_parquet};
use tabgraft_table::{Table, write_whole};

use crate::failure::Failure;

/// Writes a table: CSV to stdout, or to `out` as Parquet if its name ends in `.parquet`, else CSV.
pub fn write_table(table: &Table, out: Option<&Path>) -> Result<(), Failure> {
    match out {
        None => Ok(write_csv(table, io::stdout().lock())?),
        Some(path) if path.extension().is_some_and(|e| e.eq_ignore_ascii_case("parquet")) => {
            Ok(write_parquet(table, path)?)
        }
        Some(path) => Ok(write_whole(path, |file| write_csv(table, file))?),
    }
}

/// Refuses to write over one of the files that are being read, or into a folder that is not there: better
/// before the work than after it.
pub fn check_out(out: &Path, inputs: &[&Path]) -> Result<(), Failure> {
    let place = |path: &Path| fs::canonicalize(path).unwrap_or_else(|_| PathBuf::from(path));
    match inputs.iter().find(|input| place(input) == place(out)) {
        Some(input) => {
            Err(Failure::new(format!("the output `{}` is the input `{}`", out.display(), input.display()))
                .with_hint("give the output another name; the input is kept as it is"))
        }
        None => match out.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.is_dir()) {
            Some(folder) => Err(Failure::new(format!(
                "cannot write `{}`: there is no folder `{}`",
                out.display(),
                folder.display()
            ))
            .with_hint("make the folder first")),
            None => Ok(()),
        },
    }
}
