//! Columns to tokens: each part of a column becomes a vector of [`D_TOKEN`] numbers.

mod cells;
mod hold;
mod rows;

use std::ops::Range;
use std::sync::Arc;

use tabgraft_table::encoded::PartForm;

use crate::kernel::{Cells, Join, Layout, LookupTables, Tensor, linear, lookup, repeated};
use crate::param::start::Start;
use crate::param::{Param, params};

pub(crate) use cells::{CellState, CellTable, Masks};

/// Length of a token.
pub const D_TOKEN: usize = 16;

/// The lookup tables of a group of columns; shapes as in `kernel/lookup.rs`.
#[derive(Debug, Clone)]
pub(crate) struct Tables {
    pub piecewise: Param,
    pub code: Param,
    pub bag: Param,
    pub bias: Param,
    pub special: Param,
}

params!(Tables { piecewise, code, bag, bias, special });

impl Tables {
    /// Random tables for tokens. Scales keep a token's entries near 1 whatever the bin count.
    fn random(layout: &Layout, start: &mut impl Start) -> Self {
        let bins = layout.piecewise_rows as f32 / layout.n_piecewise.max(1) as f32;
        let rows = |n: usize| [n.max(1), D_TOKEN];
        Tables {
            piecewise: start.normal(0.0, 0.7 / (bins / 2.0).max(1.0).sqrt(), rows(layout.piecewise_rows)),
            code: start.normal(0.0, 0.7, rows(layout.code_rows)),
            bag: start.normal(0.0, 0.7, rows(layout.bag_rows)),
            bias: start.normal(0.0, 0.3, rows(layout.n_piecewise + layout.n_bag)),
            special: start.normal(0.0, 0.3, rows(2 * layout.parts.len())),
        }
    }

    /// Zero tables of any width, for a linear model that starts from nothing.
    pub fn zeros(layout: &Layout, width: usize, start: &mut impl Start) -> Self {
        let mut zeros = |n: usize| start.filled(0.0, [n.max(1), width]);
        Tables {
            piecewise: zeros(layout.piecewise_rows),
            code: zeros(layout.code_rows),
            bag: zeros(layout.bag_rows),
            bias: zeros(layout.n_piecewise + layout.n_bag),
            special: zeros(2 * layout.parts.len()),
        }
    }

    /// The tables as tensors, for [`lookup`].
    pub fn tensors(&self) -> LookupTables {
        LookupTables {
            piecewise: self.piecewise.tensor(),
            code: self.code.tensor(),
            bag: self.bag.tensor(),
            bias: self.bias.tensor(),
            special: self.special.tensor(),
        }
    }
}

/// A group of columns that entered the space together: tables, and the matrix into the trunk.
#[derive(Debug, Clone)]
pub(crate) struct TokenGroup {
    /// Which columns of the space, in the order of their arrival.
    pub columns: Range<usize>,
    /// How many parts each of them has.
    pub n_parts: Vec<usize>,
    /// Where their parts lie.
    pub layout: Arc<Layout>,
    pub tables: Tables,
    /// `[n_parts * D_TOKEN, d]`.
    pub mix: Param,
}

params!(TokenGroup { tables, mix });

impl TokenGroup {
    /// A group of random weights, or with a `mix` of zeros, which leaves the trunk's input as it is.
    pub fn new(
        columns: Range<usize>,
        forms: &[Vec<PartForm>],
        d: usize,
        zero_mix: bool,
        start: &mut impl Start,
    ) -> Self {
        let layout = Arc::new(Layout::new(forms.iter().flatten().copied()));
        let tables = Tables::random(&layout, start);
        let n_inputs = layout.parts.len() * D_TOKEN;
        let mix = if zero_mix {
            start.filled(0.0, [n_inputs, d])
        } else {
            start.normal(0.0, 1.0 / (n_inputs as f32).sqrt(), [n_inputs, d])
        };
        TokenGroup { columns, n_parts: forms.iter().map(Vec::len).collect(), layout, tables, mix }
    }

    /// The parts of the group's `nth` column.
    pub fn parts_of(&self, nth: usize) -> Range<usize> {
        let first: usize = self.n_parts[..nth].iter().sum();
        first..first + self.n_parts[nth]
    }

    /// The group's share of the trunk's input, added to `sum`; that alone where no column is left.
    ///
    /// # Shapes
    /// - `sum`: `[1, d]` or `[n_rows, d]`, returns `[n_rows, d]`
    pub fn forward(&self, cells: Arc<Cells>, sum: Tensor) -> Tensor {
        if self.layout.parts.is_empty() {
            return if sum.shape()[0] == 1 { repeated(sum, cells.n_rows) } else { sum };
        }
        // A part's rows of the mixing matrix and of the tables are held together.
        let trained = self.mix.trained_rows();
        let parts = trained.as_ref().map(|rows| rows.every(D_TOKEN));
        linear(lookup(self.tables.tensors(), cells, Join::Concat, parts), self.mix.tensor(), sum, trained)
    }
}
