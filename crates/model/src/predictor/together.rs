//! Predicting for several tables at once, each with an answer of its own.

use tabgraft_table::Table;
use tabgraft_table::encoded::EncodedTable;
use tabgraft_table::unreadable::CellErrors;

use super::{Guardrail, Predictions, Predictor};
use crate::error::Result;
use crate::space::{CellStates, Joined, TableRemarks, UnseenCounts, together};

/// What a predictor says of one of several tables.
#[derive(Debug, Clone, PartialEq)]
pub struct Predicted {
    /// A prediction for each row. What there is to say of the table is in `remarks`.
    pub predictions: Predictions,
    /// Cells that are unlike the training rows.
    pub guardrails: Vec<Guardrail>,
    /// By the columns of the predictor's space, in its order.
    pub cells: CellStates,
    /// What there is to say of the table.
    pub remarks: TableRemarks,
}

/// The cells of a predictor and of those that it grew from.
struct Cells(Vec<EncodedTable>);

impl Joined for Cells {
    fn n_rows(&self) -> usize {
        self.0.first().map_or(0, |cells| cells.n_rows)
    }

    fn joined(all: &[&Self]) -> Self {
        let n_predictors = all.first().map_or(0, |cells| cells.0.len());
        let of = |i: usize| EncodedTable::joined(all.iter().map(|cells| &cells.0[i]));
        Cells((0..n_predictors).map(of).collect())
    }
}

impl Predictor {
    /// The predictions for several tables, each as [`Predictor::stream`] gives them of that table alone, bit for bit.
    ///
    /// # Errors
    /// For each table those of [`Predictor::predict`] and [`Predictor::readable`].
    pub fn predict_together(&self, tables: &[Table], errors: CellErrors) -> Vec<Result<Predicted>> {
        let n_outputs = self.about.target.n_outputs();
        together(
            tables,
            |table| self.prepare(table, errors),
            |cells: &Cells| self.values(&cells.0),
            |prepared, values| {
                debug_assert!(values.len().is_multiple_of(n_outputs));
                Ok(Predicted { predictions: self.told(values, Default::default()), ..prepared })
            },
            |table| {
                let (cells, prepared) = self.prepare(table, errors)?;
                let values = self.values(&cells.0).map_err(|e| e.in_rows_of(table))?;
                Ok(Predicted { predictions: self.told(values, Default::default()), ..prepared })
            },
        )
    }

    /// A table as cells, and the answer but for its predictions.
    fn prepare(&self, table: &Table, errors: CellErrors) -> Result<(Cells, Predicted)> {
        let space = &self.about.space;
        let readable = self.readable(table, errors)?;
        let made = space.complete(&readable.table)?;
        space.check_known(&made.table)?;
        let mut unseen = UnseenCounts::default();
        let cells = self.cells(&made.table, &mut unseen)?;
        let guardrails = self.guardrails_of(&made.table)?;
        let mut remarks =
            TableRemarks { report: self.column_report(&readable.table), ..TableRemarks::default() };
        remarks.add(&readable, made.differing);
        remarks.unseen = unseen.mostly_of_parts(&space.columns, &space.codecs);
        let states = cells.first().map(|own| CellStates::of(own, space.columns.len())).unwrap_or_default();
        let predictions = self.told(Vec::new(), Default::default());
        Ok((Cells(cells), Predicted { predictions, guardrails, cells: states, remarks }))
    }
}
