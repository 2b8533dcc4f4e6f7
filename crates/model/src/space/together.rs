//! Several tables at once, each with an answer of its own.
//!
//! Who is asked by many at the same time computes in blocks that hold the rows of all: a row has the same bits in any
//! batch. What there is to say of a table, and what is wrong with it, is that table's alone.

use rayon::prelude::*;
use tabgraft_table::Table;
use tabgraft_table::codec::UNSEEN;
use tabgraft_table::encoded::{EncodedTable, PartValues};
use tabgraft_table::threads::in_pool;
use tabgraft_table::unreadable::CellErrors;

use super::{EmbeddingSpace, TableRemarks, UnseenCounts, embed_encoded};
use crate::error::{Error, Result};

/// Which cells of a table have no value, and which hold a category that no training row had.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CellStates {
    /// `[n_rows, n_columns]`, row-major.
    pub missing: Vec<bool>,
    /// `[n_rows, n_columns]`, row-major.
    pub unseen: Vec<bool>,
}

impl CellStates {
    /// Of the first `n_columns` of a table's columns.
    pub(crate) fn of(table: &EncodedTable, n_columns: usize) -> Self {
        let mut states = CellStates::default();
        for row in 0..table.n_rows {
            for column in table.columns.iter().take(n_columns) {
                let code = match &column.parts[..] {
                    [PartValues::Code { code }] => Some(code[row]),
                    _ => None,
                };
                states.missing.push(column.missing[row]);
                states.unseen.push(!column.missing[row] && code == Some(UNSEEN));
            }
        }
        states
    }
}

/// The vectors of one of several tables.
#[derive(Debug, Clone, PartialEq)]
pub struct Embedded {
    /// `[n_rows, d_model]`, row-major.
    pub values: Vec<f32>,
    /// By the columns of the space, in its order.
    pub cells: CellStates,
    /// What there is to say of the table.
    pub remarks: TableRemarks,
}

impl EmbeddingSpace {
    /// The vectors of several tables, each as [`EmbeddingSpace::stream`] gives them of that table alone, bit for bit.
    ///
    /// # Errors
    /// For each table those of [`EmbeddingSpace::embed`] and [`EmbeddingSpace::readable`].
    pub fn embed_together(&self, tables: &[Table], errors: CellErrors) -> Vec<Result<Embedded>> {
        together(
            tables,
            |table| self.prepare(table, errors),
            |cells| {
                let values = embed_encoded(&self.network, cells);
                match values.iter().all(|value| value.is_finite()) {
                    true => Ok(values),
                    false => Err(Error::value("a vector is not finite")),
                }
            },
            |prepared, values| Ok(Embedded { values, ..prepared }),
            // Says which row it is, and which cell.
            |table| {
                let mut stream = self.stream(errors);
                let values = stream.embed(table)?;
                let cells = self.prepare(table, errors)?.1.cells;
                Ok(Embedded { values, cells, remarks: stream.finish() })
            },
        )
    }

    /// A table as cells, and the answer but for its vectors.
    fn prepare(&self, table: &Table, errors: CellErrors) -> Result<(EncodedTable, Embedded)> {
        let readable = self.readable(table, errors)?;
        let made = self.complete(&readable.table)?;
        self.about.check_known(&made.table)?;
        let encoded = self.encode(&made.table)?;
        let mut unseen = UnseenCounts::default();
        unseen.update_part(self.columns(), &encoded, &made.table)?;
        let mut remarks =
            TableRemarks { report: self.column_report(&readable.table), ..TableRemarks::default() };
        remarks.add(&readable, made.differing);
        remarks.unseen = unseen.mostly_of_parts(self.columns(), self.codecs());
        let cells = CellStates::of(&encoded, encoded.columns.len());
        Ok((encoded, Embedded { values: Vec::new(), cells, remarks }))
    }
}

/// Cells that rows of several tables can be put into, one after the other.
pub(crate) trait Joined: Sized {
    /// Number of rows.
    fn n_rows(&self) -> usize;
    /// The rows of all, in their order.
    fn joined(all: &[&Self]) -> Self;
}

impl Joined for EncodedTable {
    fn n_rows(&self) -> usize {
        self.n_rows
    }

    fn joined(all: &[&Self]) -> Self {
        EncodedTable::joined(all.iter().copied())
    }
}

/// Prepares each table, computes the rows of all that can be prepared as one, and finishes each with its own numbers.
/// If the computation of all fails, each is answered `alone`, so that the failure is told of the right one.
pub(crate) fn together<C, P, V, A>(
    tables: &[Table],
    prepare: impl Fn(&Table) -> Result<(C, P)> + Sync,
    compute: impl FnOnce(&C) -> Result<Vec<V>> + Send,
    finish: impl Fn(P, Vec<V>) -> Result<A>,
    alone: impl Fn(&Table) -> Result<A>,
) -> Vec<Result<A>>
where
    C: Joined + Send + Sync,
    P: Send,
    V: Clone + Send,
{
    let prepared: Result<Vec<Result<(C, P)>>> = in_pool(|| tables.par_iter().map(&prepare).collect());
    let prepared = match prepared {
        Ok(prepared) => prepared,
        // No thread could be started for any of them.
        Err(_) => return tables.iter().map(alone).collect(),
    };
    let cells: Vec<&C> = prepared.iter().flatten().map(|(cells, _)| cells).collect();
    let n_rows: usize = cells.iter().map(|cells| cells.n_rows()).sum();
    let values = match cells[..] {
        [] => Ok(Ok(Vec::new())),
        [one] => in_pool(|| compute(one)),
        _ => {
            let all = C::joined(&cells);
            in_pool(|| compute(&all))
        }
    };
    let Ok(Ok(values)) = values else {
        let answers = prepared.into_iter().zip(tables);
        return answers.map(|(prepared, table)| prepared.and_then(|_| alone(table))).collect();
    };
    let width = values.len().checked_div(n_rows).unwrap_or(0);
    let mut rest = &values[..];
    let answer = |prepared: Result<(C, P)>| {
        let (cells, prepared) = prepared?;
        let (own, others) = rest.split_at(cells.n_rows() * width);
        rest = others;
        finish(prepared, own.to_vec())
    };
    prepared.into_iter().map(answer).collect()
}
