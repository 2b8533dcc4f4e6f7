//! Intervals of pandas (`pandas.cut`) in Arrow and Parquet: structs of two ends, read as categories by their text.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StringArray, StructArray};
use arrow::compute::{cast, take};
use arrow::datatypes::{DataType, Field, Float64Type};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use serde_json::Value;

use super::guard::guarded;

/// What pandas calls its intervals in the metadata of a field, and where it says which ends belong to them.
const NAME: (&str, &str) = ("ARROW:extension:name", "pandas.interval");
const ABOUT: &str = "ARROW:extension:metadata";

/// Which ends belong to an interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Closed {
    left: bool,
    right: bool,
}

/// Which ends belong to the intervals of a column, if it has intervals. A dictionary of them, which is what
/// `pandas.cut` makes, does not say it in Arrow: the right one does by default.
pub(super) fn intervals(field: &Field) -> Option<Closed> {
    let (ends, is_told) = match field.data_type() {
        DataType::Dictionary(_, values) => (values.as_ref(), true),
        other => (other, field.metadata().get(NAME.0).is_some_and(|name| name == NAME.1)),
    };
    let DataType::Struct(ends) = ends else { return None };
    let [left, right] = &ends[..] else { return None };
    if !is_told || (left.name().as_str(), right.name().as_str()) != ("left", "right") {
        return None;
    }
    let about = field.metadata().get(ABOUT).and_then(|json| serde_json::from_str::<Value>(json).ok());
    let closed = about.as_ref().and_then(|about| about["closed"].as_str()).unwrap_or("right");
    Some(Closed { left: matches!(closed, "left" | "both"), right: matches!(closed, "right" | "both") })
}

impl Closed {
    /// The intervals as pandas writes them: `(0, 10]`.
    ///
    /// # Errors
    /// What the Arrow crate says of ends that cannot be read.
    pub(super) fn texts(self, array: &ArrayRef) -> Result<ArrayRef, String> {
        if let Some(dictionary) = array.as_any_dictionary_opt() {
            let texts = self.texts(dictionary.values())?;
            return guarded(|| take(&texts, dictionary.keys(), None));
        }
        let ends: &StructArray = array.as_struct_opt().ok_or("no struct of two ends")?;
        let [left, right] = ends.columns() else { return Err("no struct of two ends".to_owned()) };
        let (left, right) = (end_texts(left)?, end_texts(right)?);
        let (open, close) = (if self.left { '[' } else { '(' }, if self.right { ']' } else { ')' });
        let text = |row: usize| {
            let is_there = ends.is_valid(row) && left.is_valid(row) && right.is_valid(row);
            is_there.then(|| format!("{open}{}, {}{close}", left.value(row), right.value(row)))
        };
        Ok(Arc::new((0..ends.len()).map(text).collect::<StringArray>()))
    }
}

/// Ends as Python writes them: floats with a point.
fn end_texts(ends: &ArrayRef) -> Result<StringArray, String> {
    if ends.data_type().is_floating() {
        let ends = guarded(|| cast(ends, &DataType::Float64))?;
        // pandas writes an end that it does not know as a missing interval.
        let text = |end: Option<f64>| end.filter(|end| !end.is_nan()).map(|end| format!("{end:?}"));
        return Ok(ends.as_primitive::<Float64Type>().iter().map(text).collect());
    }
    let options = FormatOptions::new().with_timestamp_format(Some("%Y-%m-%d %H:%M:%S"));
    let formatter = ArrayFormatter::try_new(ends.as_ref(), &options).map_err(|e| e.to_string())?;
    let text = |row: usize| match ends.is_valid(row) {
        true => formatter.value(row).try_to_string().map(Some).map_err(|e| e.to_string()),
        false => Ok(None),
    };
    (0..ends.len()).map(text).collect()
}
