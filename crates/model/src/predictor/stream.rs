//! Predicting for a table that comes part by part.

use tabgraft_table::Table;
use tabgraft_table::unreadable::CellErrors;

use super::{Guardrail, Predictions, Predictor};
use crate::error::Result;
use crate::space::{TableRemarks, UnseenCounts};

/// Predicts for the parts of a table one after the other: each row gets what [`Predictor::predict`] of the whole
/// gives it, and memory is that of one part.
pub struct PredictionStream<'a> {
    predictor: &'a Predictor,
    errors: CellErrors,
    remarks: TableRemarks,
    unseen: UnseenCounts,
}

impl Predictor {
    /// Begins with a table that comes part by part; `errors` says what becomes of cells that cannot be read.
    pub fn stream(&self, errors: CellErrors) -> PredictionStream<'_> {
        PredictionStream {
            predictor: self,
            errors,
            remarks: TableRemarks::default(),
            unseen: UnseenCounts::default(),
        }
    }
}

impl PredictionStream<'_> {
    /// Predictions and guardrails of the next part. What there is to say of the table is said at the end.
    ///
    /// # Errors
    /// As [`Predictor::predict`] and [`Predictor::readable`]; rows are counted from the first part's first.
    pub fn predict(&mut self, part: &Table) -> Result<(Predictions, Vec<Guardrail>)> {
        let n_before = self.remarks.n_rows;
        let predictor = self.predictor;
        let readable = predictor.readable(part, self.errors)?;
        let made = predictor.about.space.complete(&readable.table)?;
        predictor.about.space.check_known(&made.table)?;
        if n_before == 0 {
            self.remarks.report = predictor.column_report(&readable.table);
        }
        let predictions = predictor.predict_counted(&made.table, &mut self.unseen)?;
        let mut guardrails = predictor.guardrails_of(&made.table)?;
        guardrails.iter_mut().for_each(|guardrail| guardrail.row_idx += n_before);
        self.remarks.add(&readable, made.differing);
        Ok((predictions, guardrails))
    }

    /// What there is to say of all parts.
    pub fn finish(self) -> TableRemarks {
        let space = &self.predictor.about.space;
        TableRemarks { unseen: self.unseen.mostly_of_parts(&space.columns, &space.codecs), ..self.remarks }
    }
}
