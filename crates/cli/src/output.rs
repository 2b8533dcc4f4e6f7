//! Results to stdout or to files: checked before the work, written whole or not at all.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use tabgraft_table::read::{Original, write_csv, write_parquet};
use tabgraft_table::{Table, check_place, write_whole};

use crate::failure::Failure;

/// What stands for stdout in place of a file's name.
const STDOUT: &str = "-";

/// The file that a table goes to; none, which is stdout, also where `-` stands for that.
pub fn table_file(out: Option<&Path>) -> Option<&Path> {
    out.filter(|path| *path != Path::new(STDOUT))
}

/// Writes a table: CSV to stdout, or to `out` as Parquet if its name ends in `.parquet`, else CSV.
pub fn write_table(table: &Table, out: Option<&Path>) -> Result<(), Failure> {
    match out {
        None => write_csv(table, io::stdout().lock()).map_err(Failure::of_stdout),
        Some(path) if is_parquet(path) => Ok(write_parquet(table, path)?),
        Some(path) => Ok(write_whole(path, |file| write_csv(table, file))?),
    }
}

/// Writes a file's table with columns added: as [`write_table`], but the file's own columns as they came.
pub fn write_original(original: &Original, added: &Table, out: Option<&Path>) -> Result<(), Failure> {
    match out {
        None => original.write_csv_with(added, io::stdout().lock()).map_err(Failure::of_stdout),
        Some(path) if is_parquet(path) => Ok(original.write_parquet_with(added, path)?),
        Some(path) => Ok(write_whole(path, |file| original.write_csv_with(added, file))?),
    }
}

/// Whether a table goes to `path` as Parquet.
fn is_parquet(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("parquet"))
}

/// Whether two paths name one file, which need not be there yet.
pub fn is_one_file(a: &Path, b: &Path) -> bool {
    let place = |path: &Path| {
        fs::canonicalize(path).unwrap_or_else(|_| {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            let folder = fs::canonicalize(folder.unwrap_or(Path::new(".")));
            match (folder, path.file_name()) {
                (Ok(folder), Some(name)) => folder.join(name),
                _ => PathBuf::from(path),
            }
        })
    };
    place(a) == place(b)
}

/// Refuses to write over one of the files that are being read, or where nothing can be written: better
/// before the work than after it.
pub fn check_out(out: &Path, inputs: &[&Path]) -> Result<(), Failure> {
    if out == Path::new(STDOUT) {
        return Err(Failure::new("`-` stands for stdout, where only tables can go")
            .with_hint("give a file's name; `./-` is a file that is called so"));
    }
    if let Some(input) = inputs.iter().find(|input| is_one_file(input, out)) {
        return Err(Failure::new(format!(
            "the output `{}` is the input `{}`",
            out.display(),
            input.display()
        ))
        .with_hint("give the output another name; the input is kept as it is"));
    }
    Ok(check_place(out)?)
}
