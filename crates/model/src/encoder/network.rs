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

use burn::prelude::Tensor;
use rand::Rng;
use tabgraft_table::encoded::PartForm;

use super::Pieces;
use super::param::{Param, Params, params};
use super::trunk::Trunk;
use crate::embed::TokenGroup;
use crate::kernel::{Cells, Dropout, linear};

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
    fn new(
        (reads, d_read): (Vec<usize>, usize),
        writes: Vec<Range<usize>>,
        deviation: f32,
        rng: &mut impl Rng,
    ) -> Self {
        let n_logits = writes.iter().map(Range::len).sum();
        Head {
            w: Param::normal(rng, deviation, [d_read, n_logits]),
            b: Param::filled(0.0, [1, n_logits]),
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
    pub fn new(columns: &[ColumnShape], widths: Widths, rng: &mut impl Rng) -> Self {
        let forms: Vec<_> = columns.iter().map(|c| c.forms.clone()).collect();
        let group = TokenGroup::new(0..columns.len(), &forms, widths.d, false, rng);
        let mut network = Network {
            groups: vec![group],
            trunk: Trunk::new(widths.d, widths.n_blocks, widths.expansion, rng),
            sides: Vec::new(),
            heads: Vec::new(),
            first_logit: vec![0],
        };
        network.number_logits(columns);
        let all = network.logits_of(0..columns.len());
        network.heads = vec![Head::new((vec![0], widths.d), all, head_deviation(widths.d), rng)];
        network
    }

    /// Adds columns to the root without changing any old row's vector: their rows of the mixing
    /// matrix are zero until they are trained.
    pub fn graft_joint(&mut self, columns: &[ColumnShape], rng: &mut impl Rng) {
        let forms: Vec<_> = columns.iter().map(|c| c.forms.clone()).collect();
        let (first, d) = (self.n_columns(), self.d_model());
        self.groups.push(TokenGroup::new(first..first + columns.len(), &forms, self.trunk.d(), true, rng));
        self.number_logits(columns);
        let reads = (0..=self.sides.len()).collect();
        let new = self.logits_of(first..self.n_columns());
        self.heads.push(Head::new((reads, d), new, head_deviation(d), rng));
    }

    /// Adds columns through a side network of `d_side` extra coordinates that reads these pieces of z.
    ///
    /// Its heads start at zero for old columns, so that predictions of them start where the parent
    /// left them.
    pub fn graft_frozen(
        &mut self,
        columns: &[ColumnShape],
        d_side: usize,
        reads: Vec<usize>,
        rng: &mut impl Rng,
    ) {
        let forms: Vec<_> = columns.iter().map(|c| c.forms.clone()).collect();
        let first = self.n_columns();
        let d: usize = reads.iter().map(|piece| self.piece_width(*piece)).sum();
        let own_line = self.columns_of_line(&reads);
        self.sides.push(Side {
            tokens: TokenGroup::new(first..first + columns.len(), &forms, d_side, false, rng),
            up: Param::uniform(rng, 1.0 / (d as f32).sqrt(), [d, d_side]),
            trunk: Trunk::new(d_side, SIDE_BLOCKS, 2, rng),
            reads: reads.clone(),
        });
        self.number_logits(columns);
        let new = first..self.n_columns();
        let line = self.logits_of(own_line.into_iter().chain(new.clone()));
        self.heads.push(Head::new((reads, d), self.logits_of(new), 0.0, rng));
        self.heads.push(Head::new((vec![self.sides.len()], d_side), line, 0.0, rng));
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

    /// The pieces of z one by one: the root's vector, then each side's.
    ///
    /// `cells` holds the batch of each group, in the order of [`Network::token_groups`].
    pub fn pieces(&self, cells: &[Arc<Cells>], dropout: Dropout) -> Pieces {
        self.pieces_until(cells, 1 + self.sides.len(), dropout)
    }

    /// The first `n_pieces` pieces of z.
    pub fn pieces_until(&self, cells: &[Arc<Cells>], n_pieces: usize, dropout: Dropout) -> Pieces {
        // The first group carries the bias; a graft's zero matrix then adds exact zeros.
        let mut h = self.groups[0].forward(self.cells_of(&self.groups[0], cells), self.trunk.bias.tensor());
        for group in &self.groups[1..] {
            let zero = self.trunk.bias.tensor().zeros_like().inner();
            h = h + group.forward(self.cells_of(group, cells), zero);
        }
        self.continue_pieces(Pieces::new(self.trunk.forward(h, dropout)), cells, n_pieces, dropout)
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
            let zero = side.trunk.bias.tensor().zeros_like().inner();
            let sum = sum + linear(pieces.read(&side.reads), side.up.tensor(), zero, None);
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
    pub fn logits(&self, pieces: &Pieces) -> Tensor<2> {
        let total = self.n_logits();
        let mut sum: Option<Tensor<2>> = None;
        // A side that has lost all its columns has a head that writes nothing.
        for head in self.heads.iter().filter(|head| !head.writes.is_empty()) {
            let part = linear(pieces.read(&head.reads), head.w.tensor(), head.b.tensor(), None);
            let end = head.writes.last().map_or(0, |range| range.end);
            sum = Some(match sum {
                None => spread(part, &head.writes, end),
                // Columns that came later append their logits.
                Some(sum) if matches!(&head.writes[..], [range] if range.start == sum.dims()[1]) => {
                    Tensor::cat(vec![sum, part], 1)
                }
                Some(sum) => {
                    let whole = sum.dims()[1].max(end);
                    padded(sum, whole) + spread(part, &head.writes, whole)
                }
            });
        }
        match sum {
            Some(sum) => padded(sum, total),
            None => {
                let z = pieces.whole();
                Tensor::zeros([z.dims()[0], total], &z.device())
            }
        }
    }

    /// Width of a piece of z.
    pub(super) fn piece_width(&self, piece: usize) -> usize {
        match piece {
            0 => self.trunk.d(),
            side => self.sides[side - 1].trunk.d(),
        }
    }
}

fn head_deviation(d: usize) -> f32 {
    1.0 / (d as f32).sqrt()
}

/// `x` and columns of zeros behind it, `total` in all.
fn padded(x: Tensor<2>, total: usize) -> Tensor<2> {
    match x.dims() {
        [_, width] if width == total => x,
        [_, width] => spread(x, std::slice::from_ref(&(0..width)), total),
    }
}

/// The columns of `x` at their places among `total`, zeros between them.
fn spread(x: Tensor<2>, places: &[Range<usize>], total: usize) -> Tensor<2> {
    let [n_rows, _] = x.dims();
    let device = x.device();
    let mut parts = Vec::with_capacity(2 * places.len() + 1);
    let (mut end, mut taken) = (0, 0);
    for place in places {
        if place.start > end {
            parts.push(Tensor::zeros([n_rows, place.start - end], &device));
        }
        parts.push(match places.len() {
            1 => x.clone(),
            _ => x.clone().slice([0..n_rows, taken..taken + place.len()]),
        });
        taken += place.len();
        end = place.end;
    }
    if total > end {
        parts.push(Tensor::zeros([n_rows, total - end], &device));
    }
    match <[_; 1]>::try_from(parts) {
        Ok([one]) => one,
        Err(many) => Tensor::cat(many, 1),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use rand::SeedableRng;
    use rand_pcg::Pcg64Mcg;

    use super::*;
    use crate::embed::D_TOKEN;
    use crate::kernel::{Layout, MASKED, MISSING, PRESENT, Targets, column_loss};

    fn columns() -> Vec<ColumnShape> {
        vec![
            ColumnShape { forms: vec![PartForm::Piecewise { n_bins: 3 }], n_targets: 3 },
            ColumnShape { forms: vec![PartForm::Code { n_codes: 4 }], n_targets: 3 },
            ColumnShape {
                forms: vec![PartForm::Piecewise { n_bins: 2 }, PartForm::Bag { n_slots: 5 }],
                n_targets: 2,
            },
        ]
    }

    fn cells(layout: Arc<Layout>, n_rows: usize, salt: usize) -> Arc<Cells> {
        let at = |i: usize, n: usize| (i * 7 + salt * 3 + i / 5) % n;
        let n_parts = layout.parts.len();
        let states = [PRESENT, PRESENT, MISSING, PRESENT, MASKED, PRESENT, PRESENT];
        let mut cells = Cells {
            n_rows,
            state: (0..n_rows * n_parts).map(|i| states[at(i, 7)]).collect(),
            bin: (0..n_rows * layout.n_piecewise).map(|i| at(i, 2) as u16).collect(),
            position: (0..n_rows * layout.n_piecewise).map(|i| at(i, 9) as f32 / 5.0 - 0.4).collect(),
            code: (0..n_rows * layout.n_code).map(|i| at(i, 4) as u32).collect(),
            bag_start: vec![0],
            bag_slot: Vec::new(),
            bag_value: Vec::new(),
            layout: layout.clone(),
        };
        for i in 0..n_rows * layout.n_bag {
            for e in 0..at(i, 4) {
                cells.bag_slot.push(at(i + e, 5) as u32);
                cells.bag_value.push(0.3 + e as f32 / 3.0);
            }
            cells.bag_start.push(cells.bag_slot.len() as u32);
        }
        Arc::new(cells)
    }

    /// A network with a joint and a frozen graft on top of its root, heads filled at random.
    fn grown() -> Network {
        let mut rng = Pcg64Mcg::seed_from_u64(5);
        let widths = Widths { d: 16, n_blocks: 2, expansion: 2 };
        let mut network = Network::new(&columns(), widths, &mut rng);
        network.graft_joint(&columns()[..2], &mut rng);
        network.graft_frozen(&columns()[1..], 8, vec![0], &mut rng);
        // Another line: it reads the root, not the side before it. Of codes, whose tokens have no kink
        // that a finite step could cross.
        network.graft_frozen(&columns()[1..2], 8, vec![0], &mut rng);
        network.graft_frozen(&columns()[1..2], 8, vec![0, 2], &mut rng);
        network.each_mut("", &mut |_, param| {
            let values = param.values();
            if values.iter().all(|v| *v == 0.0) {
                *param = Param::normal(&mut rng, 0.2, param.shape());
            }
        });
        network
    }

    fn batch(network: &Network, n_rows: usize) -> Vec<Arc<Cells>> {
        network.token_groups().iter().enumerate().map(|(i, g)| cells(g.layout.clone(), n_rows, i)).collect()
    }

    fn loss(network: &Network, cells: &[Arc<Cells>], targets: &Arc<Targets>, dropout: Dropout) -> Tensor<1> {
        let n_columns = network.n_columns();
        let pieces = network.pieces(cells, dropout);
        column_loss(network.logits(&pieces), targets.clone()).slice([0..1, 0..n_columns]).sum()
    }

    fn value(loss: Tensor<1>) -> f64 {
        f64::from(loss.inner().into_data().try_into_vec::<f32>().unwrap()[0])
    }

    #[test]
    fn gradients_of_every_weight_are_derivatives() {
        let mut network = grown();
        let n_rows = 67;
        let cells = batch(&network, n_rows);
        let n_columns = network.n_columns();
        let widths: Vec<usize> = network.first_logit.windows(2).map(|w| w[1] - w[0]).collect();
        let targets = Arc::new(Targets {
            first: network.first_logit.clone(),
            class: (0..n_rows * n_columns)
                .map(|i| ((i * 5 + i / 7) % widths[i % n_columns]) as u16)
                .collect(),
            weight: (0..n_rows * n_columns).map(|i| 0.02 * (1 + i % 3) as f32).collect(),
            scale: vec![1.0; n_columns],
        });
        let dropout = Dropout { p_drop: 0.2, seed: 9 };
        network.set_thawed(true);
        let mut gradients = loss(&network, &cells, &targets, dropout).backward();
        let mut found = Vec::new();
        network.each("", &mut |name, param| {
            let gradient = param.take_gradient(&mut gradients);
            found.push((name, gradient.map(|g| g.into_data().try_into_vec::<f32>().unwrap())));
        });
        for (name, gradient) in found {
            let gradient = gradient.unwrap_or_else(|| panic!("`{name}` was not reached"));
            // A step along the gradient itself: every entry takes part, noise does not.
            let norm = gradient.iter().map(|g| f64::from(*g).powi(2)).sum::<f64>().sqrt();
            if norm < 1e-5 {
                continue;
            }
            let step = 2e-2 / norm;
            let moved = |sign: f64| {
                let mut copy = network.clone();
                copy.each_mut("", &mut |other, param| {
                    if other == name {
                        let values = param.values();
                        let moved = values.iter().zip(&gradient);
                        let moved = moved.map(|(v, g)| v + (sign * step * f64::from(*g)) as f32).collect();
                        *param = Param::new(moved, param.shape());
                        param.thaw();
                    }
                });
                value(loss(&copy, &cells, &targets, dropout))
            };
            let numeric = (moved(1.0) - moved(-1.0)) / (2.0 * step);
            let wanted = norm * norm;
            assert!((numeric / wanted - 1.0).abs() < 0.03, "`{name}`: {numeric} instead of {wanted}");
        }
    }

    #[test]
    fn held_parts_get_no_gradient_and_the_others_the_same_one() {
        let mut network = grown();
        let cells = batch(&network, 64);
        let n_columns = network.n_columns();
        let targets = Arc::new(Targets {
            first: network.first_logit.clone(),
            class: vec![1; 64 * n_columns],
            weight: vec![1.0; 64 * n_columns],
            scale: vec![1.0; n_columns],
        });
        network.set_thawed(true);
        let gradients_of = |network: &Network| -> BTreeMap<String, Vec<f32>> {
            let mut gradients = loss(network, &cells, &targets, Dropout::OFF).backward();
            let mut found = BTreeMap::new();
            network.each("", &mut |name, param| {
                let gradient = param.take_gradient(&mut gradients).unwrap();
                found.insert(name, gradient.into_data().try_into_vec::<f32>().unwrap());
            });
            found
        };
        let all = gradients_of(&network);
        // The code and the bag; what trains are the two numbers.
        network.groups[0].hold_parts(&[false, true, false, true]);
        let trained: BTreeMap<String, Vec<bool>> = {
            let mut found = BTreeMap::new();
            network.each("", &mut |name, param| {
                let rows = param.trained_rows();
                let trains = |row| rows.as_ref().is_none_or(|rows| rows.contains(row));
                found.insert(name, (0..param.shape()[0]).map(trains).collect());
            });
            found
        };
        let some = gradients_of(&network);
        assert_eq!(trained["groups.0.mix"].iter().filter(|trains| **trains).count(), 2 * D_TOKEN);
        assert!(trained["groups.0.tables.code"].iter().all(|trains| !trains));
        for (name, rows) in trained {
            let width = all[&name].len() / rows.len();
            for (row, trains) in rows.into_iter().enumerate() {
                let range = row * width..(row + 1) * width;
                for (whole, part) in all[&name][range.clone()].iter().zip(&some[&name][range]) {
                    let wanted = if trains { *whole } else { 0.0 };
                    assert!((wanted - part).abs() <= 1e-5 * wanted.abs().max(1.0), "`{name}` row {row}");
                }
            }
        }
    }

    #[test]
    fn frozen_weights_get_no_gradient() {
        let mut network = grown();
        let cells = batch(&network, 64);
        let n_columns = network.n_columns();
        let targets = Arc::new(Targets {
            first: network.first_logit.clone(),
            class: vec![0; 64 * n_columns],
            weight: vec![1.0; 64 * n_columns],
            scale: vec![1.0; n_columns],
        });
        network.sides[0].set_thawed(true);
        let mut gradients = loss(&network, &cells, &targets, Dropout::OFF).backward();
        let mut reached = Vec::new();
        network.each("", &mut |name, param| {
            if param.take_gradient(&mut gradients).is_some() {
                reached.push(name);
            }
        });
        assert!(!reached.is_empty() && reached.iter().all(|n| n.starts_with("sides.0")), "{reached:?}");
    }
}
