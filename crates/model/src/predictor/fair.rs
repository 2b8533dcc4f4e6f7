//! Which rows of a table it is fair to score a predictor on: those that it has not learned from.

use tabgraft_table::Table;
use tabgraft_table::split::Part;

use super::{Predictor, PredictorAbout};
use crate::error::{Error, Result};
use crate::space::{EmbeddingSpace, Known, KnownRows, RowParts};

/// The rows of a table that all of some predictors may be scored on.
#[derive(Debug, Clone)]
pub struct FairRows {
    /// These rows, in the table's order.
    pub table: Table,
    /// Rows of the whole table.
    pub n_rows: usize,
    /// Rows that one of the predictors has learned from.
    pub n_learned: usize,
    /// Rows that none of the predictors knows; none where one of them remembers no rows.
    pub n_new: Option<usize>,
    /// Why these rows: what a user should read beside the scores.
    pub notes: Vec<String>,
    /// The same, where the scores may be too good.
    pub warnings: Vec<String>,
}

impl Predictor {
    /// The part of each row of a table for this predictor, as [`EmbeddingSpace::row_parts`]; rows of its fit that its
    /// space does not know are known, too.
    ///
    /// # Errors
    /// As [`EmbeddingSpace::row_parts`].
    pub fn row_parts(&self, table: &Table) -> Result<RowParts> {
        self.about.row_parts(table)
    }

    /// The rows of `table` that it is fair to score all of `predictors` on: their test rows, and rows that they do
    /// not know. Where a predictor remembers no rows, only test rows by the rule of its split are taken.
    ///
    /// # Errors
    /// As [`EmbeddingSpace::row_parts`]; a value error for fewer than two such rows.
    pub fn fair_rows(predictors: &[&Predictor], table: &Table) -> Result<FairRows> {
        let n_rows = table.n_rows();
        let mut is_learned = vec![false; n_rows];
        let mut is_new = Some(vec![true; n_rows]);
        let (mut notes, mut warnings) = (Vec::new(), Vec::new());
        for predictor in predictors {
            let rows = predictor.row_parts(table)?;
            let was_learned = |row: usize| {
                let is_known = rows.known.as_ref().is_none_or(|known| known[row] != Known::New);
                is_known && rows.parts[row] != Part::Test
            };
            is_learned.iter_mut().enumerate().for_each(|(row, learned)| *learned |= was_learned(row));
            match (&mut is_new, &rows.known) {
                (Some(new), Some(known)) => {
                    new.iter_mut().zip(known).for_each(|(new, known)| *new &= *known == Known::New);
                }
                _ => is_new = None,
            }
            if let Some([n_whole, n_changed, n_new]) = rows.counts() {
                let (why, is_loud) = why(predictor.name(), &rows, [n_whole, n_changed, n_new]);
                let told = if is_loud { &mut warnings } else { &mut notes };
                told.extend(why.into_iter().filter(|text| !told.contains(text)).collect::<Vec<_>>());
            } else {
                notes.push(format!(
                    "`{}` remembers no rows: scored are those that its split tests on, by their cells as they are \
                     now; in a table that it was never trained on all rows may be scored",
                    predictor.name()
                ));
            }
        }
        let fair: Vec<u32> = (0..n_rows).filter(|row| !is_learned[*row]).map(|row| row as u32).collect();
        if fair.len() < 2 {
            return Err(Error::value(format!(
                "{} of {n_rows} rows are test rows or new to all that is scored, at least 2 are needed: the others \
                 were learned from",
                fair.len()
            ))
            .with_hint("score a table with rows that were never trained on"));
        }
        Ok(FairRows {
            n_rows,
            n_learned: n_rows - fair.len(),
            n_new: is_new.map(|new| new.into_iter().filter(|new| *new).count()),
            table: table.take(&fair)?,
            notes,
            warnings,
        })
    }
}

impl PredictorAbout {
    /// As [`Predictor::row_parts`].
    pub(super) fn row_parts(&self, table: &Table) -> Result<RowParts> {
        let mut rows = self.space.row_parts(table)?;
        if let (Some(own), Some(known)) = (&self.rows, &mut rows.known) {
            let made = self.space.complete(table)?;
            for ((known, part), own) in known.iter_mut().zip(&mut rows.parts).zip(own.find(&made.table)?) {
                if let (Known::New, Some(had)) = (*known, own.part()) {
                    (*known, *part) = (own, had);
                }
            }
        }
        Ok(rows)
    }
}

/// What there is to say of rows that are not all known as they are, and whether it is a warning.
fn why(name: &str, rows: &RowParts, [n_whole, n_changed, n_new]: [usize; 3]) -> (Option<String>, bool) {
    let n_rows = rows.parts.len();
    let changed = (n_changed > 0).then(|| rows.changes(name, n_changed));
    match (n_whole + n_changed, n_new, &rows.identity) {
        (_, 0, _) => (changed.map(|text| format!("{text}; those that were learned from are left out")), true),
        (0, _, Some(key)) => {
            let text = format!("all {n_rows} rows are new to `{name}`, by their `{key}`: all are scored");
            (Some(text), false)
        }
        (0, _, None) => (
            Some(format!(
                "none of the {n_rows} rows is known to `{name}`: all are scored, for it has not learned from them. \
                 If they are rows that it was trained on, of which cells were changed since (spelling, rounding, \
                 units), these scores are too good; a space that is trained with a key column knows for certain"
            )),
            true,
        ),
        (n_known, ..) => {
            let n_test = (0..n_rows)
                .filter(|row| rows.parts[*row] == Part::Test)
                .filter(|row| rows.known.as_ref().is_some_and(|known| known[*row] != Known::New))
                .count();
            let text = format!(
                "{n_known} of {n_rows} rows are known to `{name}`: of these the {n_test} test rows are scored, and \
                 the {n_new} new rows beside them"
            );
            let few = n_known < n_new && rows.identity.is_none();
            (Some(changed.map_or(text.clone(), |changed| format!("{text}; {changed}"))), few || n_changed > 0)
        }
    }
}

/// Rows of a fit that the space does not know, if there are any. Where the space remembers no rows, neither does
/// its predictor.
///
/// # Errors
/// A schema error for a column of a type that cannot be read.
pub(super) fn rows_beside(
    space: &EmbeddingSpace,
    table: &Table,
    is_test: &[bool],
) -> Result<Option<KnownRows>> {
    let Some(remembered) = &space.about.rows else { return Ok(None) };
    let known = remembered.find(table)?;
    let mut own = remembered.emptied();
    let parts: Vec<Part> =
        is_test.iter().map(|is_test| if *is_test { Part::Test } else { Part::Train }).collect();
    own.add(table, &parts, |row| known[row] == Known::New)?;
    Ok((!own.is_empty()).then_some(own))
}
