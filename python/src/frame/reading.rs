//! How data is read, where the caller says it.

use pyo3::prelude::*;
use tabgraft_model::Error;
use tabgraft_table::read::GivenReading;

use super::{Frame, Given};
use crate::convert::{Names, Renames};
use crate::error::{Raise, Raised};

/// Reads a table, so that the caller says how and no model does.
///
/// What takes data reads it by itself: a new space by what the cells say, and a model as the table that it
/// was trained on. This is for tables that are written otherwise.
///
/// Parameters
/// ----------
/// data : frame, array or path
///     As for `EmbeddingSpace.fit`.
/// missing : list of str, optional
///     Texts that stand for a missing cell. Default: empty, "NA", "N/A", "null", "NaN" and "?".
/// decimal : "." or ",", optional
///     What marks the decimals of numbers in text. Default: found in the table.
/// thousands : str, optional
///     The only character that may group the digits of numbers in text. Default: any that does.
/// delimiter : str, optional
///     The character between two cells of a CSV file. Default: found in the file.
/// max_inflated_bytes : int, optional; at least 1
///     Most that a compressed file may become; 64 times its own size is allowed in any case. Default: 1 GiB.
/// rename : dict, optional
///     Column to the name that it gets before anything else. Default: none.
/// columns : list of str, optional
///     Names of an array's columns.
///
/// Examples
/// --------
/// >>> tabgraft.read_table("credit.csv", missing=["", "-999"])
/// Frame(1000 rows, 21 columns)
#[pyfunction]
#[pyo3(name = "read_table", signature = (data, *, missing = None, decimal = None, thousands = None, delimiter = None,
    max_inflated_bytes = None, rename = None, columns = None))]
#[allow(clippy::too_many_arguments)]
pub fn read_table_as(
    data: &Bound<'_, PyAny>,
    missing: Option<Names>,
    decimal: Option<&str>,
    thousands: Option<char>,
    delimiter: Option<char>,
    max_inflated_bytes: Option<u64>,
    rename: Option<Renames>,
    columns: Option<Names>,
) -> Raised<Frame> {
    let given = given_reading(missing, decimal, thousands, delimiter, max_inflated_bytes, rename)?;
    let options = given.options();
    Ok(Frame { table: Given::read(data, columns, &options)?.table, is_as_read: true })
}

/// The options of reading, as Python gives them.
pub fn given_reading(
    missing_tokens: Option<Names>,
    decimal: Option<&str>,
    thousands: Option<char>,
    delimiter: Option<char>,
    max_inflated_bytes: Option<u64>,
    rename: Option<Renames>,
) -> Raised<GivenReading> {
    let refused = |what: String| Raise::Core(Error::option(what));
    let decimal =
        decimal.map(str::parse).transpose().map_err(|e| refused(format!("option `decimal`: {e}")))?;
    let delimiter = delimiter.map(u8::try_from).transpose().map_err(|_| {
        refused("option `delimiter` must be an ASCII character that is not a quote or a line end".to_owned())
    })?;
    if max_inflated_bytes == Some(0) {
        return Err(refused("option `max_inflated_bytes` is 0, allowed is 1 or more".to_owned()));
    }
    let rename = rename.unwrap_or_default();
    let missing_tokens = missing_tokens.map(Vec::from);
    Ok(GivenReading { missing_tokens, delimiter, decimal, thousands, max_inflated_bytes, rename })
}
