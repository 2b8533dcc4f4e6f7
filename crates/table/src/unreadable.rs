//! Cells that cannot be read as their column's kind, taken away and counted.
//!
//! A table of thousands of good rows may have a word where a number belongs, or the 31st of February. Whoever
//! asks for it gets such cells as missing ones, before anything else reads them.

use arrow::array::{Array, ArrayRef, BooleanArray};
use arrow::util::display::array_value_to_string;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::cell;
use crate::column::{ColumnSpec, Kind};
use crate::error::{Error, Result};
use crate::row_place::RowPlace;
use crate::table::Table;
use crate::threads::in_pool;

/// Cells that are read together: only where one of them cannot be read, each is read alone.
const FEW_ROWS: usize = 256;
/// Characters of a cell that are shown.
const MOST_SHOWN: usize = 80;

/// What becomes of a cell that cannot be read as its column's kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CellErrors {
    /// It is an error that names column, row and cell.
    #[default]
    Error,
    /// It counts as missing, and is counted.
    Missing,
}

/// A column with cells that cannot be read as its kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UnreadableColumn {
    /// The column.
    pub name: String,
    /// What its cells should be.
    pub kind: Kind,
    /// Cells that are not, and count as missing.
    pub n_unreadable: usize,
    /// Rows of the table.
    pub n_rows: usize,
    /// The first row with such a cell.
    #[serde(flatten)]
    pub row: RowPlace,
    /// That cell.
    pub example: String,
}

/// One line for people.
impl std::fmt::Display for UnreadableColumn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "column `{}`: {} of {} cells cannot be read as {} and count as missing, the first is `{}` in {}",
            self.name,
            self.n_unreadable,
            self.n_rows,
            match self.kind {
                Kind::Numeric => "a number",
                Kind::Timestamp => "a date or time",
                other => other.word(),
            },
            self.example,
            self.row
        )
    }
}

/// A table without cells that cannot be read.
#[derive(Debug, Clone)]
pub struct Readable {
    /// The table; cells that cannot be read are missing.
    pub table: Table,
    /// The columns that had some, in the order of their specifications.
    pub unreadable: Vec<UnreadableColumn>,
}

impl Readable {
    /// The table, and what was found in it before it was read in this way.
    #[must_use]
    pub fn after(self, mut found: Vec<UnreadableColumn>) -> Self {
        found.extend(self.unreadable);
        Readable { unreadable: found, ..self }
    }
}

impl CellErrors {
    /// The table as these columns can read it. Columns that it lacks, and its others, are passed over.
    ///
    /// Whole columns of a type that the kind has no reading for, such as times where numbers belong, are an
    /// error in any case: nothing of them could be used.
    ///
    /// # Errors
    /// A schema error for such a column. With [`CellErrors::Error`] there is none here: whoever reads the cells
    /// finds them.
    pub fn treat(self, specs: &[ColumnSpec], table: &Table) -> Result<Readable> {
        if self == CellErrors::Error {
            return Ok(Readable { table: table.clone(), unreadable: Vec::new() });
        }
        let find = |spec: &ColumnSpec| match table.has_column(&spec.name) {
            true => unreadable_cells(spec, table),
            false => Ok(None),
        };
        let found: Vec<Option<(UnreadableColumn, BooleanArray)>> =
            in_pool(|| specs.par_iter().map(find).collect::<Result<_>>())??;
        let (unreadable, cells): (Vec<_>, Vec<_>) = found.into_iter().flatten().unzip();
        if unreadable.is_empty() {
            return Ok(Readable { table: table.clone(), unreadable });
        }
        let cells = unreadable.iter().map(|column| column.name.as_str()).zip(&cells);
        let table = table.without_cells(cells)?;
        Ok(Readable { table, unreadable })
    }
}

/// The cells of a column that its reader refuses, if there are any.
fn unreadable_cells(spec: &ColumnSpec, table: &Table) -> Result<Option<(UnreadableColumn, BooleanArray)>> {
    let array = table.column(&spec.name)?;
    if can_be_read(spec, array)? {
        return Ok(None);
    }
    // A dictionary would be unpacked again for every few cells.
    let array = cell::plain(&spec.name, array)?.1;
    let mut is_unreadable = vec![false; array.len()];
    for (i, cells) in is_unreadable.chunks_mut(FEW_ROWS).enumerate() {
        let rows = array.slice(i * FEW_ROWS, cells.len());
        if can_be_read(spec, &rows)? {
            continue;
        }
        for (row, is_unreadable) in cells.iter_mut().enumerate() {
            *is_unreadable = !can_be_read(spec, &rows.slice(row, 1))?;
        }
    }
    let Some(row_idx) = is_unreadable.iter().position(|cell| *cell) else { return Ok(None) };
    let example = array_value_to_string(&array, row_idx)
        .map_err(|e| Error::value(format!("column `{}`, {}: {e}", spec.name, table.row_place(row_idx))))?;
    let column = UnreadableColumn {
        name: spec.name.clone(),
        kind: spec.kind,
        n_unreadable: is_unreadable.iter().filter(|cell| **cell).count(),
        n_rows: array.len(),
        row: table.row_place(row_idx),
        example: example.chars().take(MOST_SHOWN).collect(),
    };
    Ok(Some((column, BooleanArray::from(is_unreadable))))
}

/// Whether all cells can be read as the column's codec reads them.
fn can_be_read(spec: &ColumnSpec, array: &ArrayRef) -> Result<bool> {
    let read = match spec.kind {
        Kind::Numeric => cell::numbers(&spec.name, array).map(drop),
        Kind::Timestamp => cell::timestamps_us(&spec.name, array, spec.date_format()?).map(drop),
        // Any cell is a text; one that was never seen is an unseen category.
        Kind::Categorical | Kind::Boolean | Kind::Text => Ok(()),
    };
    match read {
        Ok(()) => Ok(true),
        Err(error) if error.is_value() => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Date64Array, DictionaryArray, Int64Array, StringArray};
    use arrow::datatypes::Int32Type;

    use super::*;
    use crate::dates::DateFormat;

    fn spec(name: &str, kind: Kind) -> ColumnSpec {
        let date_format = (kind == Kind::Timestamp).then_some(DateFormat::Typed);
        ColumnSpec { name: name.to_owned(), kind, reason: String::new(), date_format }
    }

    /// A thousand cells, so that good ones are read together and bad ones alone.
    fn cells(bad: &[(usize, &str)], good: &str) -> Vec<String> {
        let cell = |row: usize| bad.iter().find(|(at, _)| *at == row).map_or(good, |(_, text)| text);
        (0..1000).map(|row| cell(row).to_owned()).collect()
    }

    #[test]
    fn cells_that_cannot_be_read_become_missing_and_are_counted_with_the_first_of_them() {
        let numbers = cells(&[(300, "abc"), (301, ""), (999, "12 EUR")], "1.5");
        let dates: DictionaryArray<Int32Type> =
            cells(&[(0, "2024-02-31")], "2024-02-01").iter().map(|text| Some(text.as_str())).collect();
        let words = cells(&[(5, "maybe")], "yes");
        let table = Table::from_columns([
            ("number", Arc::new(StringArray::from(numbers)) as ArrayRef),
            ("date", Arc::new(dates)),
            ("word", Arc::new(StringArray::from(words))),
        ])
        .unwrap()
        .of_untyped_texts();
        let specs = [
            spec("number", Kind::Numeric),
            spec("absent", Kind::Numeric),
            spec("word", Kind::Boolean),
            spec("date", Kind::Timestamp),
        ];
        let Readable { table: read, unreadable } = CellErrors::Missing.treat(&specs, &table).unwrap();
        let told: Vec<_> = unreadable
            .iter()
            .map(|c| (c.name.as_str(), c.n_unreadable, c.row.row_idx, c.example.as_str()))
            .collect();
        assert_eq!(told, [("number", 2, 300, "abc"), ("date", 1, 0, "2024-02-31")]);
        assert_eq!(
            unreadable[0].to_string(),
            "column `number`: 2 of 1000 cells cannot be read as a number and count as missing, the first is `abc` \
             in row 300"
        );
        let found = cell::numbers("number", read.column("number").unwrap()).unwrap();
        assert_eq!((found.null_count(), found.value(302)), (3, 1.5));
        let found = cell::timestamps_us("date", read.column("date").unwrap(), &DateFormat::Typed).unwrap();
        assert_eq!((found.null_count(), found.is_null(0)), (1, true));
        assert_eq!(read.column("word").unwrap(), table.column("word").unwrap());
        assert!(read.is_untyped("number"), "it is read as the rest of its file");
        let left = CellErrors::Error.treat(&specs, &table).unwrap();
        assert!(
            left.unreadable.is_empty()
                && cell::numbers("number", left.table.column("number").unwrap()).is_err()
        );
    }

    #[test]
    fn a_typed_time_beyond_the_calendar_is_such_a_cell_and_a_column_of_times_is_no_number() {
        let far: ArrayRef = Arc::new(Date64Array::from(vec![0, i64::MAX]));
        let table = Table::from_columns([("t", far), ("n", Arc::new(Int64Array::from(vec![1, 2])))]).unwrap();
        let read = CellErrors::Missing.treat(&[spec("t", Kind::Timestamp)], &table).unwrap();
        assert_eq!((read.unreadable[0].n_unreadable, read.unreadable[0].row.row_idx), (1, 1));
        assert_eq!(read.table.column("t").unwrap().null_count(), 1);
        let error = CellErrors::Missing.treat(&[spec("t", Kind::Numeric)], &table).unwrap_err();
        assert!(error.is_schema() && error.to_string().contains("holds times"), "{error}");
    }
}
