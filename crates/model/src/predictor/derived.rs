//! Columns that trees and the linear learner have beside those of the space: what a text is as a whole, and the
//! time between two dates.
//!
//! The space reads a text by its words, and every date by itself. A name or an id that comes again says more as a
//! whole, and what a delay tells is in no date alone.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array};
use serde::{Deserialize, Serialize};
use tabgraft_table::Table;
use tabgraft_table::cell::{categories, seconds, timestamps_us};
use tabgraft_table::codec::{Codec, CodecConfig};
use tabgraft_table::encoded::EncodedTable;
use tabgraft_table::schema::{ColumnSpec, Kind};

use crate::error::{Error, Result};
use crate::space::EmbeddingSpace;

/// Share of a text's cells that have to repeat another one.
const LEAST_REPEATED: f64 = 0.3;
/// Dates of which the times between any two are columns; of more, between neighbours.
const MOST_DATES: usize = 4;
/// Seconds of a day.
pub(crate) const DAY: f64 = 86_400.0;

/// A column that follows from one or two of the space's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Derived {
    /// Columns of the space that it follows from, by their places: a text, or two dates.
    pub of: Vec<usize>,
    /// How its cells become numbers.
    pub codec: Codec,
}

/// The derived columns that a table's rows call for. Of a private space they are as private.
///
/// # Errors
/// A value error for a cell that cannot be read.
pub(super) fn find(space: &EmbeddingSpace, table: &Table, rows: &[usize]) -> Result<Vec<Derived>> {
    let columns = space.columns();
    let config = match &space.config().codec {
        CodecConfig { private: true, min_category_rows, .. } => {
            CodecConfig { private: true, min_category_rows: *min_category_rows, ..CodecConfig::default() }
        }
        _ => CodecConfig::default(),
    };
    let rows: Vec<u32> = rows.iter().map(|r| *r as u32).collect();
    let table = table.take(&rows)?;
    let of_kind = |kind: Kind| -> Vec<usize> {
        (0..columns.len())
            .filter(|c| columns[*c].kind == kind && table.has_column(&columns[*c].name))
            .collect()
    };
    let mut candidates: Vec<Vec<usize>> = Vec::new();
    for text in of_kind(Kind::Text) {
        if repeats(&columns[text], &table)? {
            candidates.push(vec![text]);
        }
    }
    let dates = of_kind(Kind::Timestamp);
    for (i, a) in dates.iter().enumerate() {
        let most = if dates.len() > MOST_DATES { 1 } else { dates.len() };
        candidates.extend(dates[i + 1..].iter().take(most).map(|b| vec![*a, *b]));
    }
    let mut derived = Vec::new();
    for of in candidates {
        let (spec, array) = cells(columns, &of, &table)?;
        derived.push(Derived { codec: Codec::fit(&spec, &array, &config)?, of });
    }
    Ok(derived)
}

/// Puts the derived columns of a table beside its encoded ones.
///
/// # Errors
/// As [`find`].
pub(super) fn add(
    derived: &[Derived],
    columns: &[ColumnSpec],
    table: &Table,
    encoded: &mut EncodedTable,
) -> Result<()> {
    for column in derived {
        let (spec, array) = cells(columns, &column.of, table)?;
        encoded.columns.push(column.codec.apply(&spec.name, &array)?);
    }
    Ok(())
}

/// How the cells of all columns that trees and the linear learner have become numbers: those of the space, then these.
pub(crate) fn codecs(of_space: &[Codec], derived: &[Derived]) -> Vec<Codec> {
    of_space.iter().chain(derived.iter().map(|d| &d.codec)).cloned().collect()
}

/// Checks what a file says.
///
/// # Errors
/// Malformed content: a place without a column, a codec that does not fit.
pub(super) fn check(derived: &[Derived], columns: &[ColumnSpec]) -> Result<()> {
    for column in derived {
        let kinds: Option<Vec<Kind>> = column.of.iter().map(|c| columns.get(*c).map(|c| c.kind)).collect();
        let fits = matches!(
            (kinds.as_deref(), &column.codec),
            (Some([Kind::Text]), Codec::Categorical(_))
                | (Some([Kind::Timestamp, Kind::Timestamp]), Codec::Numeric(_))
        );
        if !fits {
            return Err(Error::malformed(format!(
                "a derived column of the columns {:?} of the space",
                column.of
            )));
        }
        column.codec.check()?;
    }
    Ok(())
}

fn repeats(spec: &ColumnSpec, table: &Table) -> Result<bool> {
    let cells = categories(&spec.name, table.column(&spec.name)?)?;
    let mut values: Vec<&str> = cells.iter().flatten().collect();
    values.sort_unstable();
    let n_repeated: usize = values.chunk_by(|a, b| a == b).map(<[&str]>::len).filter(|n| *n > 1).sum();
    Ok(n_repeated as f64 > LEAST_REPEATED * values.len() as f64)
}

/// The cells of a derived column, and what they are.
fn cells(columns: &[ColumnSpec], of: &[usize], table: &Table) -> Result<(ColumnSpec, ArrayRef)> {
    let spec = |name: String, kind| ColumnSpec { name, kind, reason: String::new(), date_format: None };
    let cells_of = |column: &ColumnSpec| -> Result<ArrayRef> {
        match table.has_column(&column.name) {
            true => Ok(table.column(&column.name)?.clone()),
            false => Ok(arrow::array::new_null_array(&arrow::datatypes::DataType::Utf8, table.n_rows())),
        }
    };
    match *of {
        [a, b] => {
            let times = |column: &ColumnSpec| -> Result<Vec<Option<f64>>> {
                let array = cells_of(column)?;
                let times = timestamps_us(&column.name, &array, column.date_format()?)?;
                Ok(times.iter().map(|us| us.map(seconds)).collect())
            };
            let (from, to) = (times(&columns[a])?, times(&columns[b])?);
            let days: Float64Array =
                from.iter().zip(&to).map(|(a, b)| Some((b.as_ref()? - a.as_ref()?) / DAY)).collect();
            let name = format!("days from `{}` to `{}`", columns[a].name, columns[b].name);
            Ok((spec(name, Kind::Numeric), Arc::new(days)))
        }
        _ => {
            let column = &columns[of[0]];
            Ok((spec(column.name.clone(), Kind::Categorical), cells_of(column)?))
        }
    }
}
