//! Tables of a bounded number of bytes: where not all rows fit, some are drawn evenly, and the others can be gone
//! through again.
//!
//! ```text
//! parts ─ rows whose drawn number is at most `most` ─► pieces ─ too many bytes? halve `most` ─► one table
//! ```
//!
//! A row's number is a hash of its place in the whole, so which rows are drawn depends neither on where files and
//! parts are cut nor on what the cells hold, copies of one row are drawn as often as they stand there, and what is
//! drawn for less memory, or of the same rows with more columns, is a part of what is drawn for more.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::datatypes::DataType;

use super::reader::{check_text, text_bytes};
use super::{DecimalMark, ReadOptions, Wanted, open_parts};
use crate::error::{Error, Result};
use crate::origin::Origin;
use crate::stats::hash::mix;
use crate::table::{Table, Whole};

/// Starts the numbers of rows.
const SALT: u64 = 0x6472_6177_6e20_726f;
/// Pieces that are joined once there are so many of them: of each part few rows may be drawn.
const MOST_PIECES: usize = 64;

/// The rows of files, of which no more than [`ReadOptions::most_bytes`] are held.
///
/// # Errors
/// As [`super::read_table`].
pub(super) fn draw_table(path: &Path, options: &ReadOptions) -> Result<Table> {
    let (mut parts, mut notes) = (open_parts(path, options)?, Vec::new());
    let mut drawing = Drawing::new(options.most_bytes.unwrap_or(u64::MAX), parts.n_files() > 1);
    while let Some(part) = parts.next().transpose()? {
        notes.extend(part.origin().notes.iter().cloned());
        drawing.add(&part)?;
    }
    let (n_rows, drawn) = (drawing.n_rows, drawing.finish(&path.display().to_string())?);
    let is_whole = drawn.n_rows() as u64 == n_rows;
    if !is_whole {
        notes.push(format!(
            "{} of {n_rows} rows are drawn, evenly, for all do not fit into the limit of memory: kinds of columns and \
             codecs are of all rows, everything else is learned from, scored on and remembered of these",
            drawn.n_rows()
        ));
    }
    let drawn = drawn.clone().with_origin(Origin { notes, ..drawn.origin().clone() });
    if is_whole {
        return Ok(drawn);
    }
    // Where no cell told the mark of decimals, none will.
    let mut options = options.continued(drawn.origin());
    options.decimal.get_or_insert(DecimalMark::Point);
    Ok(drawn.drawn_from(Arc::new(Files { path: path.to_owned(), options, n_rows })))
}

/// Files that rows were drawn from.
#[derive(Debug)]
struct Files {
    path: PathBuf,
    options: ReadOptions,
    n_rows: u64,
}

impl Whole for Files {
    fn n_rows(&self) -> u64 {
        self.n_rows
    }

    fn each_part(&self, columns: &[String], work: &mut dyn FnMut(&Table) -> Result<()>) -> Result<()> {
        let columns = Wanted::Only(columns.iter().cloned().collect());
        let mut parts = open_parts(&self.path, &ReadOptions { columns, ..self.options.clone() })?;
        while let Some(part) = parts.next().transpose()? {
            work(&part).map_err(|e| match parts.file() {
                Some(file) => e.at(format!("`{file}`")),
                None => e,
            })?;
        }
        Ok(())
    }
}

/// The rows that are drawn so far.
struct Drawing {
    most_bytes: u64,
    /// Whether rows are counted over several files.
    is_of_files: bool,
    /// Rows of this number or less are drawn.
    most: u64,
    /// The drawn rows, each piece with their numbers.
    pieces: Vec<(Table, Vec<u64>)>,
    n_bytes: u64,
    n_rows: u64,
}

impl Drawing {
    fn new(most_bytes: u64, is_of_files: bool) -> Self {
        Drawing { most_bytes, is_of_files, most: u64::MAX, pieces: Vec::new(), n_bytes: 0, n_rows: 0 }
    }

    /// Draws from the next part.
    fn add(&mut self, part: &Table) -> Result<()> {
        let first = self.n_rows;
        self.n_rows += part.n_rows() as u64;
        let numbers: Vec<u64> = (first..self.n_rows).map(|row| mix(row ^ SALT)).collect();
        let place = |row: u64| u32::try_from(row).unwrap_or(u32::MAX);
        let part = match self.is_of_files {
            true => &part.clone().at_rows(&(first..self.n_rows).map(place).collect::<Vec<_>>()),
            false => part,
        };
        if let Some(piece) = chosen(part, &numbers, self.most)? {
            self.n_bytes += n_bytes(&piece.0);
            self.pieces.push(piece);
        }
        while self.n_bytes > self.most_bytes && self.most > 1 {
            self.most /= 2;
            let mut left = Vec::with_capacity(self.pieces.len());
            for (table, numbers) in std::mem::take(&mut self.pieces) {
                left.extend(chosen(&table, &numbers, self.most)?);
            }
            self.n_bytes = left.iter().map(|(table, _)| n_bytes(table)).sum();
            self.pieces = left;
        }
        // Whole parts stay as they are until the end.
        let n_small =
            self.pieces.iter().rev().take_while(|(piece, _)| piece.n_rows() < part.n_rows().max(1)).count();
        if n_small >= MOST_PIECES && self.most < u64::MAX {
            let small = self.pieces.split_off(self.pieces.len() - n_small);
            let (tables, numbers): (Vec<Table>, Vec<Vec<u64>>) = small.into_iter().unzip();
            self.pieces.push((Table::joined(tables)?, numbers.concat()));
        }
        Ok(())
    }

    fn finish(self, name: &str) -> Result<Table> {
        let pieces: Vec<Table> = self.pieces.into_iter().map(|(piece, _)| piece).collect();
        let Some(first) = pieces.first() else {
            return Err(Error::option(format!(
                "the limit of memory leaves room for no row of `{name}`, which has {}",
                self.n_rows
            ))
            .with_hint("raise the limit"));
        };
        let schema = first.batch().schema();
        check_text(name, &schema, pieces.iter().filter(|p| p.batch().schema() == schema).map(Table::batch))?;
        Table::joined(pieces)
    }
}

/// The rows of these numbers up to `most`, with their numbers; none if there is no such row.
fn chosen(table: &Table, numbers: &[u64], most: u64) -> Result<Option<(Table, Vec<u64>)>> {
    let rows: Vec<u32> = (0_u32..).zip(numbers).filter(|(_, n)| **n <= most).map(|(row, _)| row).collect();
    Ok(match rows.len() {
        0 => None,
        n if n == numbers.len() => Some((table.clone(), numbers.to_vec())),
        _ => Some((table.take(&rows)?, rows.iter().map(|row| numbers[*row as usize]).collect())),
    })
}

/// Bytes of the cells, wherever they are cut: eight each, and the text. Of smaller ones too, for what is made of them
/// is as large.
fn n_bytes(table: &Table) -> u64 {
    let columns = table.batch().columns().iter().map(|column| match column.data_type() {
        DataType::Utf8 => text_bytes(column) + 8 * column.len(),
        _ => 8 * column.len(),
    });
    // A row's number, and where it stands.
    (columns.sum::<usize>() + 12 * table.n_rows()) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{CodecConfig, fit_codecs_to_rows, fit_codecs_to_whole};
    use crate::schema::{InferOptions, infer};

    const N_ROWS: usize = 5_000;

    /// Rows of a number, a category, a date and a code that few rows share, in files of so many rows.
    fn files(folder: &Path, rows_per_file: usize) {
        for (file, first) in (0..N_ROWS).step_by(rows_per_file).enumerate() {
            let rows = first..(first + rows_per_file).min(N_ROWS);
            let line = |r: usize| {
                let (day, code) = (1 + r % 28, r.wrapping_mul(2_654_435_761) % 900);
                format!("{},{},2024-03-{day:02},store {code}\n", r * r % 1009, ["a", "b", "c"][r % 3])
            };
            let text = format!("x,kind,day,code\n{}", rows.map(line).collect::<String>());
            std::fs::write(folder.join(format!("part-{file:03}.csv")), text).unwrap();
        }
    }

    fn at_most(n_bytes: u64) -> ReadOptions {
        ReadOptions { most_bytes: Some(n_bytes), ..ReadOptions::default() }
    }

    /// A table of them, and their folder, which it may go back to.
    fn drawn(rows_per_file: usize, batch_rows: usize, most_bytes: Option<u64>) -> (Table, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        files(folder.path(), rows_per_file);
        let options = ReadOptions { batch_rows, most_bytes, ..ReadOptions::default() };
        (draw_table(folder.path(), &options).unwrap(), folder)
    }

    #[test]
    fn where_parts_are_cut_changes_neither_the_drawn_rows_nor_what_is_said_of_them() {
        let some = Some(60_000);
        let ((one, _a), (many, _b)) = (drawn(N_ROWS, 8192, some), drawn(333, 7, some));
        assert!(one.n_rows() > 400 && one.n_rows() < N_ROWS / 2, "{}", one.n_rows());
        assert_eq!(one.batch().columns(), many.batch().columns());
        let [of_one, of_many] = [&one, &many].map(|table| infer(table, &InferOptions::default()).unwrap());
        assert_eq!(of_one, of_many);
        assert!(one.origin().notes.iter().any(|note| note.contains("5000 rows are drawn")));
    }

    #[test]
    fn what_is_drawn_for_less_memory_is_a_part_of_what_is_drawn_for_more() {
        let rows = |most_bytes: u64| -> Vec<usize> {
            let (table, _) = drawn(N_ROWS, 8192, Some(most_bytes));
            (0..table.n_rows()).map(|row| table.row_place(row).row_idx).collect()
        };
        let (few, more) = (rows(30_000), rows(120_000));
        assert!(few.len() * 2 < more.len() && few.iter().all(|row| more.contains(row)));
    }

    #[test]
    fn schema_and_codecs_of_drawn_rows_are_those_of_all_rows() {
        let (all, _a) = drawn(N_ROWS, 8192, None);
        assert!(all.whole().is_none() && all.n_rows() == N_ROWS);
        let (some, _b) = drawn(777, 100, Some(60_000));
        let (schema, of_some) =
            (infer(&all, &InferOptions::default()).unwrap(), infer(&some, &InferOptions::default()).unwrap());
        assert_eq!(schema, of_some);
        assert!(
            schema.notes.is_empty(),
            "what texts are like is remarked by the drawn ones: {:?}",
            schema.notes
        );
        // Of a code of 5 rows few of the drawn rows know the frequency.
        assert!(schema.column("code").is_some_and(|column| column.kind == crate::schema::Kind::Categorical));
        let config = CodecConfig::default();
        let trains = |table: &Table| -> Result<Vec<bool>> {
            let numbers = crate::cell::numbers("x", table.column("x")?)?;
            Ok(numbers.iter().map(|x| x.is_some_and(|x| x < 500.0)).collect())
        };
        let rows: Vec<u32> =
            (0..).zip(trains(&all).unwrap()).filter(|(_, is)| *is).map(|(row, _)| row).collect();
        let expected = fit_codecs_to_rows(&schema, &all, &rows, &config).unwrap();
        let whole = some.whole().unwrap().clone();
        let found = fit_codecs_to_whole(&schema, &some, &[], &config, &*whole, &[], &mut |part| trains(part))
            .unwrap();
        assert_eq!(found, expected);
    }

    #[test]
    fn choices_of_drawn_rows_do_not_stand_for_the_whole() {
        let (some, _folder) = drawn(N_ROWS, 8192, Some(60_000));
        assert_eq!(some.whole().map(|whole| whole.n_rows()), Some(N_ROWS as u64));
        assert!(some.select(&["x".into()]).unwrap().whole().is_some());
        assert!(some.take(&[0]).unwrap().whole().is_none() && some.slice(0, 9).whole().is_none());
        let replaced = some.with_column("x", some.column("kind").unwrap().clone()).unwrap();
        assert!(replaced.whole().is_none() && some.append(&some).unwrap().whole().is_none());
    }

    #[test]
    fn a_limit_that_leaves_no_row_is_an_error_that_says_so() {
        let folder = tempfile::tempdir().unwrap();
        files(folder.path(), N_ROWS);
        let error = draw_table(folder.path(), &at_most(1)).unwrap_err();
        assert!(error.is_option() && error.to_string().contains("room for no row"), "{error}");
    }

    #[test]
    fn an_error_in_a_row_that_was_not_drawn_names_file_and_line() {
        let folder = tempfile::tempdir().unwrap();
        files(folder.path(), 1000);
        let table = draw_table(folder.path(), &at_most(60_000)).unwrap();
        let file = folder.path().join("part-003.csv");
        let text = std::fs::read_to_string(&file).unwrap().replacen("\n", "\nmany,a,2024-03-01,store 1\n", 1);
        std::fs::write(&file, text).unwrap();
        let options =
            InferOptions { kinds: [("x".into(), crate::schema::Kind::Numeric)].into(), ..Default::default() };
        let schema = infer(&table, &options).unwrap();
        let whole = table.whole().unwrap().clone();
        let all = &mut |part: &Table| Ok(vec![true; part.n_rows()]);
        let error = fit_codecs_to_whole(&schema, &table, &[], &CodecConfig::default(), &*whole, &[], all)
            .unwrap_err();
        let text = error.to_string();
        assert!(text.contains("part-003.csv") && text.contains("line 2") && text.contains("many"), "{text}");
    }
}
