//! Tables that are read part by part, so that they need not fit into memory: one file, or several in a row.

use std::collections::VecDeque;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::numbers::Votes;
use super::source::Source;
use super::{Format, ReadOptions, TableReader, open_source, settled};
use crate::error::{Error, Result};
use crate::table::Table;

/// The rows of a table, part by part, each a table that is read as the whole would be. Ends after the first error.
///
/// What marks the decimals of numbers in text is found from all rows first, unless `options` say it: such files
/// are read twice.
pub struct TableParts {
    sources: VecDeque<Source>,
    n_files: usize,
    reader: Option<TableReader>,
    options: ReadOptions,
    /// Columns of the first file: those of the others are the same.
    columns: Option<(String, Vec<String>)>,
    /// Notes that were given with a part already.
    told: Vec<String>,
    /// Rows of the file that is read, before the next part.
    n_in_file: usize,
}

/// Opens a file, a folder of files, or files by a pattern such as `part-*.parquet`, to be read part by part.
///
/// # Errors
/// As [`super::open`] and [`table_files`]. What is wrong with a later file is an error when its turn comes.
pub fn open_parts(path: &Path, options: &ReadOptions) -> Result<TableParts> {
    options.check()?;
    let sources = table_files(path)?
        .iter()
        .map(|file| Ok(Source::from_path(file)?.within(options)))
        .collect::<Result<VecDeque<_>>>()?;
    TableParts::new(sources, options)
}

/// As [`open_parts`], from a stream of bytes, which is taken into memory first; `name` stands for it in messages.
///
/// # Errors
/// As [`super::read_table_from`].
pub fn open_parts_from(
    reader: impl Read + Send + 'static,
    name: &str,
    options: &ReadOptions,
) -> Result<TableParts> {
    options.check()?;
    TableParts::new([Source::from_reader(reader, name)?.within(options)].into(), options)
}

impl TableParts {
    fn new(sources: VecDeque<Source>, options: &ReadOptions) -> Result<Self> {
        let mut options = options.clone();
        if options.decimal.is_none() {
            options.decimal = decimal_of(&sources, &options)?;
        }
        let n_files = sources.len();
        let mut parts = TableParts {
            sources,
            n_files,
            reader: None,
            options,
            columns: None,
            told: Vec::new(),
            n_in_file: 0,
        };
        parts.open_next()?;
        Ok(parts)
    }

    /// The file that the last part came from, where there are several: rows and lines are counted in it.
    pub fn file(&self) -> Option<&str> {
        self.reader.as_ref().filter(|_| self.n_files > 1).map(|reader| reader.file.as_str())
    }

    /// Files that the parts come from.
    pub(super) fn n_files(&self) -> usize {
        self.n_files
    }

    /// Opens the next file, if there is one.
    fn open_next(&mut self) -> Result<()> {
        self.n_in_file = 0;
        self.reader = match self.sources.pop_front() {
            None => None,
            Some(source) => Some(open_source(&source, &self.options)?),
        };
        let Some(reader) = &self.reader else { return Ok(()) };
        let names: Vec<String> = reader.schema().fields().iter().map(|field| field.name().clone()).collect();
        let Some((first, expected)) = &self.columns else {
            self.columns = Some((reader.file.clone(), names));
            return Ok(());
        };
        let lacking = |from: &[String], of: &[String]| from.iter().find(|name| !of.contains(name)).cloned();
        let (lacks, brings) = (lacking(expected, &names), lacking(&names, expected));
        match (lacks, brings) {
            (None, None) => Ok(()),
            (Some(name), _) => {
                Err(Error::schema(format!("`{}` lacks column `{name}`, which `{first}` has", reader.file)))
            }
            (None, Some(name)) => {
                Err(Error::schema(format!("`{}` has column `{name}`, which `{first}` lacks", reader.file)))
            }
        }
        .map_err(|e| e.with_hint("the files of one table have the same columns"))
    }

    fn read_part(&mut self) -> Result<Option<Table>> {
        while let Some(reader) = &mut self.reader {
            let Some(batch) = reader.next().transpose()? else {
                self.open_next()?;
                continue;
            };
            let n_rows = batch.num_rows();
            let is_untyped = matches!(reader.format, Format::Csv { .. });
            let mut origin = reader.origin.clone();
            let remark = reader.remark.get();
            origin.notes.extend(remark.map(|remark| format!("`{}`: {remark}", reader.file)));
            let table = Table::new(batch)?.of_part(reader.lines.clone(), self.n_in_file);
            let table = settled(&reader.file, table, origin, &self.options, reader.format.delimiter())?;
            let mut origin = table.origin().clone();
            origin.notes.retain(|note| !self.told.contains(note));
            self.told.extend(origin.notes.iter().cloned());
            self.options = self.options.continued(&origin);
            self.n_in_file += n_rows;
            let table = table.with_origin(origin);
            return Ok(Some(if is_untyped { table.of_untyped_texts() } else { table }));
        }
        Ok(None)
    }
}

impl Iterator for TableParts {
    type Item = Result<Table>;

    fn next(&mut self) -> Option<Self::Item> {
        let part = self.read_part();
        if part.is_err() {
            (self.reader, self.sources) = (None, VecDeque::new());
        }
        part.transpose()
    }
}

/// What marks the decimals of these files, by all of their rows.
fn decimal_of(sources: &VecDeque<Source>, options: &ReadOptions) -> Result<Option<super::DecimalMark>> {
    let (mut votes, mut delimiter) = (Votes::default(), None);
    for source in sources {
        let reader = open_source(source, options)?;
        delimiter = reader.format.delimiter();
        let has_text =
            |field: &arrow::datatypes::FieldRef| field.data_type() == &arrow::datatypes::DataType::Utf8;
        if !reader.schema().fields().iter().any(has_text) {
            continue;
        }
        for batch in reader {
            votes.update(&batch?, options);
        }
    }
    Ok(votes.decide(options, delimiter))
}

/// The files that a path names: itself; those of a folder, but for hidden ones, by name; or those whose name fits a
/// pattern with `*` for any characters and `?` for one, by name.
///
/// # Errors
/// An io error if a folder cannot be read, a malformed error if it holds no file or none fits.
pub fn table_files(path: &Path) -> Result<Vec<PathBuf>> {
    if !is_several(path) {
        return Ok(vec![path.to_owned()]);
    }
    let is_pattern = !path.is_dir();
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let folder = match is_pattern {
        false => path,
        true => path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new(".")),
    };
    let io = |e| Error::io(folder, "read", e);
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(io)? {
        let file = entry.map_err(io)?.path();
        let own = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let is_wanted = !own.starts_with(['.', '_']) && (!is_pattern || fits(&name, &own));
        if is_wanted && file.is_file() {
            files.push(file);
        }
    }
    files.sort();
    match files.is_empty() {
        false => Ok(files),
        true => Err(Error::malformed(match is_pattern {
            true => format!("no file fits `{}`", path.display()),
            false => format!("the folder `{}` holds no file", path.display()),
        })
        .with_hint("name a file, a folder of files, or files by a pattern such as `part-*.parquet`")),
    }
}

/// Whether a path names a folder or a pattern, and not one file.
pub fn is_several(path: &Path) -> bool {
    let is_pattern = || path.file_name().is_some_and(|name| name.to_string_lossy().contains(['*', '?']));
    path.is_dir() || (!path.exists() && is_pattern())
}

/// Whether a name fits a pattern.
fn fits(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    // Whether the first so many characters of the pattern fit the first so many of the name.
    let mut fit = vec![false; name.len() + 1];
    fit[0] = true;
    for wanted in pattern {
        let before = fit.clone();
        for end in 0..=name.len() {
            fit[end] = match wanted {
                '*' => before[..=end].contains(&true),
                '?' => end > 0 && before[end - 1],
                own => end > 0 && before[end - 1] && name[end - 1] == own,
            };
        }
    }
    fit[name.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::read_table;

    fn few_at_a_time() -> ReadOptions {
        ReadOptions { batch_rows: 3, ..ReadOptions::default() }
    }

    #[test]
    fn patterns_fit_whole_names() {
        assert!(fits("part-*.csv", "part-01.csv") && fits("*", "x") && fits("a?c", "abc") && fits("a*", "a"));
        assert!(!fits("part-*.csv", "part-01.csv.gz") && !fits("a?c", "ac") && !fits("b*", "abc"));
    }

    #[test]
    fn parts_say_together_what_the_table_says_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("t.csv");
        // The last rows alone tell that the comma marks decimals.
        let rows: Vec<String> = (0..10).map(|i| format!("{i}.250;{}", ["a", "b"][i % 2])).collect();
        std::fs::write(&file, format!("n;t\n{}\n1.299,99;c\n", rows.join("\n"))).unwrap();
        let whole = read_table(&file, &few_at_a_time()).unwrap();
        let parts: Vec<Table> = open_parts(&file, &few_at_a_time()).unwrap().collect::<Result<_>>().unwrap();
        assert!(parts.len() > 2 && parts.iter().all(|part| part.is_untyped("n")));
        let (first, rest) = parts.split_first().unwrap();
        let joined = rest.iter().fold(first.clone(), |sum, part| sum.append(part).unwrap());
        assert_eq!(joined.batch().columns(), whole.batch().columns());
    }

    #[test]
    fn a_folder_and_a_pattern_are_the_files_by_name_and_must_have_the_same_columns() {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [("b.csv", "x,y\n3,c\n"), ("a.csv", "x,y\n1,a\n2,b\n"), (".hidden", "no table")] {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let cells = |path: &Path| -> Vec<String> {
            let parts = open_parts(path, &few_at_a_time()).unwrap().map(|part| part.unwrap());
            parts
                .flat_map(|part| {
                    let texts = crate::cell::texts("y", part.column("y").unwrap()).unwrap();
                    texts.iter().flatten().map(str::to_owned).collect::<Vec<_>>()
                })
                .collect()
        };
        assert_eq!(cells(folder.path()), ["a", "b", "c"]);
        assert_eq!(cells(&folder.path().join("?.csv")), ["a", "b", "c"]);
        std::fs::write(folder.path().join("c.csv"), "x\n1\n").unwrap();
        let mut parts = open_parts(folder.path(), &few_at_a_time()).unwrap();
        let error = parts.find_map(Result::err).expect("a file without a column").to_string();
        assert!(error.contains("c.csv` lacks column `y`") && error.contains("a.csv` has"), "{error}");
        let none = open_parts(&folder.path().join("*.parquet"), &few_at_a_time()).err().unwrap();
        assert!(none.to_string().contains("no file fits"), "{none}");
    }

    #[test]
    fn a_cell_of_a_later_part_is_named_by_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("t.csv");
        std::fs::write(&file, "n\n1\n2\n3\n4\nabc\n").unwrap();
        let error = open_parts(&file, &few_at_a_time()).unwrap().find_map(|part| {
            let part = part.unwrap();
            let read = crate::cell::numbers("n", part.column("n").unwrap());
            read.err().map(|e| e.in_rows_of(&part))
        });
        assert_eq!(error.unwrap().to_string(), "column `n`, line 6: `abc` is not a number");
    }
}
