//! Results to stdout or to files: checked before the work, written whole or not at all.

use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use tabgraft_table::error::Error;
use tabgraft_table::read::{Original, TableWriter};
use tabgraft_table::{Table, check_place, write_whole};

use crate::failure::Failure;

/// What stands for stdout in place of a file's name.
const STDOUT: &str = "-";

/// Endings of files that tables are not written as, however they are read.
const OTHER_FORMATS: [&str; 16] = [
    "json", "jsonl", "ndjson", "arrow", "feather", "ipc", "xlsx", "xls", "ods", "zip", "zst", "bz2", "xz",
    "lz4", "avro", "orc",
];

/// The file that a table goes to; none, which is stdout, also where `-` stands for that.
///
/// # Errors
/// If its name ends in what promises another format than it would hold.
pub fn table_file(out: Option<&Path>) -> Result<Option<&Path>, Failure> {
    let Some(path) = out.filter(|path| *path != Path::new(STDOUT)) else { return Ok(None) };
    let within = path.file_stem().map(Path::new).filter(|_| has_ending(path, "gz"));
    let format =
        if within.is_some_and(|name| has_ending(name, "parquet")) { Some("parquet.gz") } else { None };
    let other = OTHER_FORMATS.into_iter().find(|ending| has_ending(within.unwrap_or(path), ending));
    match format.or(other) {
        None => Ok(Some(path)),
        Some(ending) => {
            Err(Failure::new(format!("`{}`: tables are not written as `.{ending}`", path.display()))
                .with_hint("end the name in `.csv`, `.csv.gz` or `.parquet`"))
        }
    }
}

/// Whether a table that goes to `out` is written as Parquet.
pub fn is_parquet(out: Option<&Path>) -> bool {
    out.is_some_and(|path| has_ending(path, "parquet"))
}

/// Takes the next part of a table that is being written.
pub type PartSink<'a> = dyn FnMut(&Table) -> Result<(), Failure> + 'a;

/// Writes a table that `produce` gives part by part: CSV to stdout, or to `out` as Parquet if its name ends in
/// `.parquet`, else CSV, compressed if it ends in `.gz`. A file appears whole or not at all.
pub fn write_parts(
    out: Option<&Path>,
    produce: impl FnOnce(&mut PartSink<'_>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let Some(path) = out else {
        let mut writer = TableWriter::csv(io::stdout());
        produce(&mut |part| writer.write(part).map_err(Failure::of_stdout))?;
        return writer.finish().map_err(Failure::of_stdout);
    };
    // What stopped the work is not what the file's writer knows of.
    let mut stopped = None;
    let written = write_whole(path, |file| {
        let done = if is_parquet(Some(path)) {
            write_all(TableWriter::parquet(file, path), produce)
        } else if has_ending(path, "gz") {
            let mut encoder = GzEncoder::new(BufWriter::new(file), Compression::default());
            write_all(TableWriter::csv(&mut encoder), produce).and_then(|()| {
                let flushed = encoder.finish().and_then(|mut file| file.flush());
                flushed.map_err(|e| Failure::io(path, "write", e))
            })
        } else {
            write_all(TableWriter::csv(file), produce)
        };
        done.map_err(|failure| {
            stopped = Some(failure);
            Error::interrupted("nothing was written")
        })
    });
    match stopped {
        Some(failure) => Err(failure),
        None => Ok(written?),
    }
}

fn write_all<W: Write + Send>(
    mut writer: TableWriter<W>,
    produce: impl FnOnce(&mut PartSink<'_>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    produce(&mut |part| Ok(writer.write(part)?))?;
    Ok(writer.finish()?)
}

/// Writes a file's table with columns added: as [`write_parts`], but the file's own columns as they came.
pub fn write_original(original: &Original, added: &Table, out: Option<&Path>) -> Result<(), Failure> {
    match out {
        None => original.write_csv_with(added, io::stdout().lock()).map_err(Failure::of_stdout),
        Some(path) if is_parquet(Some(path)) => Ok(original.write_parquet_with(added, path)?),
        Some(path) => write_text(path, |out| original.write_csv_with(added, out)),
    }
}

/// Writes a file of text, compressed where its name says so.
fn write_text(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> tabgraft_table::error::Result<()>,
) -> Result<(), Failure> {
    let written = write_whole(path, |mut file| {
        if !has_ending(path, "gz") {
            return write(&mut file);
        }
        let mut encoder = GzEncoder::new(BufWriter::new(file), Compression::default());
        write(&mut encoder)?;
        encoder.finish().and_then(|mut file| file.flush()).map_err(|e| Error::io(path, "write", e))
    });
    Ok(written?)
}

/// Whether a file's name ends so, in any case.
fn has_ending(path: &Path, ending: &str) -> bool {
    path.extension().is_some_and(|found| found.eq_ignore_ascii_case(ending))
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
