//! The whole network of an embedding space: root, grafted sides, heads.
//!
//! ```text
//! tokens of all root columns ─ mix ─┐
//!                          bias ────┴─ blocks ─ norm ─ z0 ──┬──────────────┬── z = [z0 ; s1 ; ..]
//! tokens of a frozen graft ─ mix ─┐                         │ up           │
//!                        bias ────┴──────────────────────── + ─ block ─ s1 ┘
//! heads: each column's logits are sums of linear maps of pieces of z
//! ```
//!
//! A *joint* graft adds a token group to the root; a *frozen* graft adds a side. Columns and
//! logits are numbered in the order of their arrival, so older ones never move. After a merge
//! sides of several lines stand beside each other: each reads the pieces of its own line alone, and
//! its heads speak of the columns of that line.

use std::ops::Range;
use std::sync::Arc;

use tabgraft_table::encoded::PartForm;

use super::Pieces;
use super::trunk::Trunk;
use crate::embed::TokenGroup;
use crate::kernel::{Cells, Dropout, Place, Tensor, add_at, linear};
use crate::param::start::Start;
use crate::param::{Param, Params, params};

/// Blocks of a side's trunk: one is enough beside the parent's vector.
const SIDE_BLOCKS: usize = 1;

/// A frozen graft: reads new tokens and the parent's vector, writes extra coordinates.
#[derive(Debug, Clone)]
pub(crate) struct Side {
    pub tokens: TokenGroup,
    /// The pieces of z that it reads: the root's, 0, then those of earlier sides; ascending, but for lines
    /// that a merge has put in another order.
    pub reads: Vec<usize>,
    /// `[d_read, d_side]`, from those pieces into the side's sum.
    pub up: Param,
    pub trunk: Trunk,
}

params!(Side { tokens, up, trunk });

/// A linear map from pieces of z to logits.
#[derive(Debug, Clone)]
pub(crate) struct Head {
    /// The pieces of z that it reads, as a side does.
    pub reads: Vec<usize>,
    /// Logits that it adds to, ascending, with gaps between the ranges.
    pub writes: Vec<Range<usize>>,
    /// `[coordinates read, logits written]`.
    pub w: Param,
    /// `[1, logits written]`.
    pub b: Param,
}

params!(Head { w, b });

impl Head {
    pub(super) fn new(
        (reads, d_read): (Vec<usize>, usize),
        writes: Vec<Range<usize>>,
        deviation: f32,
        start: &mut impl Start,
    ) -> Self {
        let n_logits = writes.iter().map(Range::len).sum();
        Head {
            w: start.normal(0.0, deviation, [d_read, n_logits]),
            b: start.filled(0.0, [1, n_logits]),
            reads,
            writes,
        }
    }
}

/// Root, sides and heads.
#[derive(Debug, Clone)]
pub(crate) struct Network {
    /// The root's columns: those of the first training, then one group for each joint graft.
    pub groups: Vec<TokenGroup>,
    pub trunk: Trunk,
    pub sides: Vec<Side>,
    pub heads: Vec<Head>,
    /// `[n_columns + 1]`: column `c` owns the logits `first_logit[c]..first_logit[c + 1]`.
    pub first_logit: Vec<usize>,
}

params!(Network { groups, trunk, sides, heads });

/// Widths of a new network.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Widths {
    pub d: usize,
    pub n_blocks: usize,
    pub expansion: usize,
}

/// What a new column needs from the network: the forms of its parts and its number of classes.
#[derive(Debug, Clone)]
pub(crate) struct ColumnShape {
    pub forms: Vec<PartForm>,
    pub n_targets: usize,
}

impl Network {
    /// A root of random weights.
    pub fn new(columns: &[ColumnShape], widths: Widths, start: &mut impl Start) -> Self {
        let forms: Vec<_> = columns.iter().map(|c| c.forms.clone()).collect();
        let group = TokenGroup::new(0..columns.len(), &forms, widths.d, false, start);
        let mut network = Network {
            groups: vec![group],
            trunk: Trunk::new(widths.d, widths.n_blocks, widths.expansion, start),
            sides: Vec::new(),
            heads: Vec::new(),
            first_logit: vec![0],
        };
        network.number_logits(columns);
        let all = network.logits_of(0..columns.len());
        network.heads = vec![Head::new((vec![0], widths.d), all, head_deviation(widths.d), start)];
        network
    }

    /// Adds columns to the root without changing any old row's vector: their rows of the mixing
    /// matrix are zero until they are trained.
    pub fn graft_joint(&mut self, columns: &[ColumnShape], start: &mut impl Start) {
        let forms: Vec<_> = columns.iter().map(|c| c.forms.clone()).collect();
        let (first, d) = (self.n_columns(), self.d_model());
        self.groups.push(TokenGroup::new(first..first + columns.len(), &forms, self.trunk.d(), true, start));
        self.number_logits(columns);
        let reads = (0..=self.sides.len()).collect();
        let new = self.logits_of(first..self.n_columns());
        self.heads.push(Head::new((reads, d), new, head_deviation(d), start));
    }

    /// Adds columns through a side network of `d_side` extra coordinates that reads these pieces of z.
    ///
    /// Its heads start at zero for old columns, so that predictions of them start where the parent
    /// left them; so does its matrix from those pieces: it starts as a function of the new columns alone,
    /// whose coordinates would else be filled with what the parent says already.
    pub fn graft_frozen(
        &mut self,
        columns: &[ColumnShape],
        d_side: usize,
        reads: Vec<usize>,
        start: &mut impl Start,
    ) {
        let forms: Vec<_> = columns.iter().map(|c| c.forms.clone()).collect();
        let first = self.n_columns();
        let d: usize = reads.iter().map(|piece| self.piece_width(*piece)).sum();
        let own_line = self.columns_of_line(&reads);
        self.sides.push(Side {
            tokens: TokenGroup::new(first..first + columns.len(), &forms, d_side, false, start),
            up: start.filled(0.0, [d, d_side]),
            trunk: Trunk::new(d_side, SIDE_BLOCKS, 2, start),
            reads: reads.clone(),
        });
        self.number_logits(columns);
        let new = first..self.n_columns();
        let line = self.logits_of(own_line.into_iter().chain(new.clone()));
        self.heads.push(Head::new((reads, d), self.logits_of(new), 0.0, start));
        self.heads.push(Head::new((vec![self.sides.len()], d_side), line, 0.0, start));
    }

    /// The columns that a side knows of which reads these pieces: the root's and those of the
    /// sides that it reads.
    fn columns_of_line(&self, reads: &[usize]) -> Vec<usize> {
        let roots = self.groups.iter().map(|group| group.columns.clone());
        let sides =
            reads.iter().filter(|piece| **piece > 0).map(|p| self.sides[p - 1].tokens.columns.clone());
        let mut columns: Vec<usize> = roots.chain(sides).flatten().collect();
        columns.sort_unstable();
        columns
    }

    /// The logits of these columns, ascending, neighbours in one range.
    pub(super) fn logits_of(&self, columns: impl IntoIterator<Item = usize>) -> Vec<Range<usize>> {
        let mut ranges: Vec<Range<usize>> = Vec::new();
        for column in columns {
            let logits = self.first_logit[column]..self.first_logit[column + 1];
            match ranges.last_mut() {
                Some(last) if last.end == logits.start => last.end = logits.end,
                _ => ranges.push(logits),
            }
        }
        ranges
    }

    pub(super) fn number_logits(&mut self, columns: &[ColumnShape]) {
        for column in columns {
            self.first_logit.push(self.n_logits() + column.n_targets);
        }
    }

    /// Where its numbers are.
    pub fn place(&self) -> Place {
        self.trunk.bias.place()
    }

    /// Length of z.
    pub fn d_model(&self) -> usize {
        self.trunk.d() + self.sides.iter().map(|s| s.trunk.d()).sum::<usize>()
    }

    /// Number of columns.
    pub fn n_columns(&self) -> usize {
        self.first_logit.len() - 1
    }

    /// Number of logits.
    pub fn n_logits(&self) -> usize {
        self.first_logit.last().copied().unwrap_or(0)
    }

    /// The token groups in the order of their columns' arrival.
    pub fn token_groups(&self) -> Vec<&TokenGroup> {
        let mut groups: Vec<_> = self.groups.iter().chain(self.sides.iter().map(|s| &s.tokens)).collect();
        groups.sort_by_key(|g| g.columns.start);
        groups
    }

    /// Rows and columns of the matrices that a row's vector is multiplied by.
    pub fn product_shapes(&self) -> Vec<[usize; 2]> {
        let mut shapes = Vec::new();
        self.each("", &mut |name, param| {
            if matches!(name.rsplit('.').next(), Some("mix" | "w1" | "w2" | "up")) {
                shapes.push(param.shape());
            }
        });
        shapes
    }

    /// The pieces of z one by one: the root's vector, then each side's.
    ///
    /// `cells` holds the batch of each group, in the order of [`Network::token_groups`].
    pub fn pieces(&self, cells: &[Arc<Cells>], dropout: Dropout) -> Pieces {
        self.pieces_until(cells, 1 + self.sides.len(), dropout)
    }

    /// The first `n_pieces` pieces of z.
    pub fn pieces_until(&self, cells: &[Arc<Cells>], n_pieces: usize, dropout: Dropout) -> Pieces {
        // A graft's zero matrix adds exact zeros.
        let mut h = self.trunk.bias.tensor();
        for group in &self.groups {
            h = group.forward(self.cells_of(group, cells), h);
        }
        let room = (0..n_pieces).map(|piece| self.piece_width(piece)).sum();
        self.continue_pieces(Pieces::new(self.trunk.forward(h, dropout), room), cells, n_pieces, dropout)
    }

    /// Adds the pieces of further sides to those that are known, up to `n_pieces`.
    pub fn continue_pieces(
        &self,
        mut pieces: Pieces,
        cells: &[Arc<Cells>],
        n_pieces: usize,
        dropout: Dropout,
    ) -> Pieces {
        while pieces.len() < n_pieces {
            let i = pieces.len() - 1;
            let side = &self.sides[i];
            let sum = side.tokens.forward(self.cells_of(&side.tokens, cells), side.trunk.bias.tensor());
            let sum = linear(pieces.read(&side.reads), side.up.tensor(), sum, None);
            pieces.push(side.trunk.forward(sum, dropout.fork(1000 + i as u32)));
        }
        pieces
    }

    /// Widths of the pieces before the last side, if that side is there and nothing before it
    /// trains.
    pub fn frozen_widths(&self) -> Option<Vec<usize>> {
        let (_, before) = self.sides.split_last()?;
        let mut any = false;
        let mut look = |_: String, param: &Param| any |= param.is_thawed();
        self.groups.each("", &mut look);
        self.trunk.each("", &mut look);
        before.iter().for_each(|side| side.each("", &mut look));
        let widths = std::iter::once(self.trunk.d()).chain(before.iter().map(|s| s.trunk.d()));
        (!any).then(|| widths.collect())
    }

    fn cells_of(&self, group: &TokenGroup, cells: &[Arc<Cells>]) -> Arc<Cells> {
        let place = self.token_groups().iter().position(|g| g.columns == group.columns);
        cells[place.unwrap_or(0)].clone()
    }

    /// Logits of all columns.
    ///
    /// # Shapes
    /// - `pieces`: of [`Network::pieces`]; returns `[n_rows, n_logits]`
    pub fn logits(&self, pieces: &Pieces) -> Tensor {
        let mut sum = Tensor::zeros([pieces.n_rows(), self.n_logits()], &self.place());
        // A side that has lost all its columns has a head that writes nothing.
        for head in self.heads.iter().filter(|head| !head.writes.is_empty()) {
            let part = linear(pieces.read(&head.reads), head.w.tensor(), head.b.tensor(), None);
            sum = match &head.writes[..] {
                [all] if self.heads.len() == 1 && *all == (0..self.n_logits()) => part,
                places => add_at(sum, part, places),
            };
        }
        sum
    }

    /// Width of a piece of z.
    pub(super) fn piece_width(&self, piece: usize) -> usize {
        match piece {
            0 => self.trunk.d(),
            side => self.sides[side - 1].trunk.d(),
        }
    }
}

pub(super) fn head_deviation(d: usize) -> f32 {
    1.0 / (d as f32).sqrt()
}

#[cfg(test)]
mod tests;
