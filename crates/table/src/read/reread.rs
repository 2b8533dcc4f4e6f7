//! A table that is in memory already, read by other options.

use super::normalize::unreadable_note;
use super::{DecimalMark, GivenReading, KnownColumn, Renaming, table_from_batches};
use super::{NumberStyle, Origin, ReadOptions, Reading};
use crate::error::Result;
use crate::table::Table;

/// A table that was read before, as `options` would have read it where that is still to be told: missing
/// tokens become missing cells, columns that are not wanted go. Numbers that are in the common spelling
/// already stay as they are.
///
/// # Errors
/// As `table_from_batches`.
pub fn reread(table: &Table, options: &ReadOptions) -> Result<Table> {
    let before = table.origin();
    let is_settled = before.reading.decimal.is_some();
    let mut how = options.clone();
    how.renaming = options.renaming.beyond(&before.reading.renamed);
    if is_settled {
        how.decimal = Some(DecimalMark::Point);
        for known in how.known.values_mut() {
            if let KnownColumn::Number(style) = known {
                *style = NumberStyle::default();
            }
        }
    }
    // Their texts were left as they are written, and still are names.
    for name in &before.declared_categories {
        how.known.entry(name.clone()).or_insert(KnownColumn::AsWritten);
    }
    let batch = table.batch();
    let read = table_from_batches("the frame", &batch.schema(), std::slice::from_ref(batch), &how)?;
    let mut origin = read.origin().clone();
    let renamed = std::mem::take(&mut origin.reading.renamed);
    if is_settled {
        origin.reading = Reading { missing_tokens: origin.reading.missing_tokens, ..before.reading.clone() };
    }
    origin.reading.renamed = before.reading.renamed.clone().into_iter().chain(renamed).collect();
    let (set_aside, unwanted): (Vec<_>, Vec<_>) =
        before.set_aside.iter().cloned().partition(|column| options.columns.has(&column.name));
    origin.notes.extend(before.notes.iter().cloned());
    origin.notes.extend(unreadable_note(&set_aside).filter(|note| !before.notes.contains(note)));
    origin.set_aside.extend(set_aside);
    let declared = before.declared_categories.iter().filter(|name| read.has_column(name));
    origin.declared_categories.extend(declared.cloned());
    origin.unread.extend(before.unread.iter().cloned());
    origin.unread.extend(unwanted.into_iter().map(|column| column.name));
    if before.reading.decimal.zip(options.decimal).is_some_and(|(here, there)| here != there) {
        origin.notes.extend(differences(before, options));
    }
    Ok(read.with_origin(origin))
}

/// A table that the caller had read in a way of his own, under the names that `options` give its columns, with
/// notes of where a model would have read it otherwise.
///
/// # Errors
/// A schema error if a column to be renamed is absent, or if two meet under one name.
pub fn as_given(table: &Table, options: &ReadOptions) -> Result<Table> {
    let origin = table.origin();
    let is_of_model = !options.known.is_empty();
    let notes = if is_of_model { differences(origin, options) } else { origin.notes.clone() };
    let old = table.column_names();
    let new = options.renaming.beyond(&origin.reading.renamed).names("the frame", &old)?;
    Ok(table.renamed(&new, Renaming::changed(&old, &new))?.with_notes(notes))
}

/// Where a table was read otherwise than by these options.
fn differences(origin: &Origin, options: &ReadOptions) -> Vec<String> {
    let given = GivenReading {
        missing_tokens: Some(origin.reading.missing_tokens.clone()),
        decimal: origin.reading.decimal,
        ..GivenReading::default()
    };
    given.options_like(options).1
}
