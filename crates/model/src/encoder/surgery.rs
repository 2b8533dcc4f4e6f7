//! Taking a network apart and putting parts of networks together.
//!
//! What is left keeps its bits: matrices are copied whole, or by rows and columns. One thing is
//! computed: a removed column of a group that stays leaves what a missing cell of it adds to the
//! trunk's sum, in the trunk's bias. So the smaller network gives every row the vector that the
//! larger one gives to a row without that column's value, up to rounding.

use std::ops::Range;

use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;

use super::network::{ColumnShape, Head, Network, Side, Widths};
use crate::embed::{D_TOKEN, TokenGroup};
use crate::param::{Param, Params};
use crate::record::Wiring;

/// A side network with its two heads, as one network holds them.
pub(crate) struct SideParts<'a> {
    pub side: &'a Side,
    /// The head of the pieces that the side reads, for its own columns; then the head of the side
    /// itself, for all columns of its line.
    pub heads: [&'a Head; 2],
}

impl Network {
    /// The heads of each entry of the wiring: one of a root group, two of a side.
    fn heads_of(wiring: &[Wiring]) -> Vec<Range<usize>> {
        let mut end = 0;
        let n_heads = |entry: &Wiring| if matches!(entry, Wiring::Root { .. }) { 1 } else { 2 };
        wiring
            .iter()
            .map(|entry| {
                let first = end;
                end += n_heads(entry);
                first..end
            })
            .collect()
    }

    /// The network of the first `n_entries` entries of the wiring, as it was when they were all.
    pub fn first_entries(&self, wiring: &[Wiring], n_entries: usize) -> Network {
        let kept = &wiring[..n_entries];
        let n_columns: usize = kept.iter().map(Wiring::n_columns).sum();
        let n_sides = kept.iter().filter(|entry| matches!(entry, Wiring::Side { .. })).count();
        let mut network = self.clone();
        network.groups.truncate(n_entries - n_sides);
        network.sides.truncate(n_sides);
        network.heads.truncate(Self::heads_of(kept).last().map_or(0, |heads| heads.end));
        network.first_logit.truncate(n_columns + 1);
        network
    }

    /// The `side`-th side with its heads.
    pub fn side_parts(&self, wiring: &[Wiring], side: usize) -> Option<SideParts<'_>> {
        let mut sides =
            wiring.iter().zip(Self::heads_of(wiring)).filter(|(e, _)| matches!(e, Wiring::Side { .. }));
        let (_, heads) = sides.nth(side)?;
        let [first, second] = self.heads.get(heads)? else { return None };
        Some(SideParts { side: self.sides.get(side)?, heads: [first, second] })
    }

    /// Puts a side of another network behind the own ones. `reads` are the own pieces that stand for
    /// those that it read there; its second head has the logits in the order of the own columns.
    pub fn append_side(
        &mut self,
        parts: &SideParts<'_>,
        columns: &[ColumnShape],
        reads: Vec<usize>,
        rng: &mut impl Rng,
    ) {
        self.graft_frozen(columns, parts.side.trunk.d(), reads, rng);
        let [.., first, second] = &mut self.heads[..] else { return };
        for (head, from) in [first, second].into_iter().zip(parts.heads) {
            (head.w, head.b) = (from.w.clone(), from.b.clone());
        }
        if let Some(side) = self.sides.last_mut() {
            let columns = side.tokens.columns.clone();
            let reads = std::mem::take(&mut side.reads);
            *side = Side { reads, ..parts.side.clone() };
            side.tokens.columns = columns;
        }
    }

    /// A head with the logits that it writes in the order of their columns' keys, as a network of another
    /// order of columns has them. Its `writes` still are those of this network.
    pub fn head_by<K: Ord>(&self, head: &Head, key: impl Fn(usize) -> K) -> Head {
        let mut start = 0;
        let mut logits: Vec<(K, Range<usize>)> = Vec::new();
        for c in self.columns_written(head) {
            let end = start + self.first_logit[c + 1] - self.first_logit[c];
            logits.push((key(c), start..end));
            start = end;
        }
        logits.sort_by(|(a, _), (b, _)| a.cmp(b));
        let order: Vec<usize> = logits.into_iter().flat_map(|(_, range)| range).collect();
        let rows: Vec<usize> = (0..head.w.shape()[0]).collect();
        Head { w: picked(&head.w, &rows, &order), b: picked(&head.b, &[0], &order), ..head.clone() }
    }

    /// The columns whose logits a head writes, ascending.
    pub(super) fn columns_written(&self, head: &Head) -> Vec<usize> {
        let is_written = |c: &usize| head.writes.iter().any(|range| range.contains(&self.first_logit[*c]));
        (0..self.n_columns()).filter(is_written).collect()
    }

    /// The sides that nothing needs once these columns are gone: without columns, and read by no side
    /// that stays.
    ///
    /// # Shapes
    /// - `is_gone`: `[n_columns]`, returns `[n_sides]`
    pub fn idle_sides(&self, is_gone: &[bool]) -> Vec<bool> {
        let mut is_idle = vec![false; self.sides.len()];
        for i in (0..self.sides.len()).rev() {
            let is_empty = is_gone[self.sides[i].tokens.columns.clone()].iter().all(|gone| *gone);
            let readers = self.sides.iter().zip(&is_idle).filter(|(s, _)| s.reads.contains(&(i + 1)));
            is_idle[i] = is_empty && readers.clone().all(|(_, idle)| *idle);
        }
        is_idle
    }

    /// The network and its wiring without some columns and sides. The root keeps a column.
    ///
    /// # Shapes
    /// - `is_gone`: `[n_columns]`; `is_cut`: `[n_sides]`, of [`Network::idle_sides`]
    pub fn without(&self, wiring: &[Wiring], is_gone: &[bool], is_cut: &[bool]) -> (Network, Vec<Wiring>) {
        let mut network = self.clone();
        network.groups.clear();
        network.sides.clear();
        network.heads.clear();
        network.first_logit = vec![0];
        for c in (0..self.n_columns()).filter(|c| !is_gone[*c]) {
            let width = self.first_logit[c + 1] - self.first_logit[c];
            network.first_logit.push(network.n_logits() + width);
        }
        // Old pieces and columns by their new numbers.
        let mut piece = vec![Some(0)];
        for cut in is_cut {
            let next = piece.iter().flatten().count();
            piece.push((!cut).then_some(next));
        }
        let column = |c: usize| is_gone[..c].iter().filter(|gone| !**gone).count();
        let columns = |old: &Range<usize>| column(old.start)..column(old.end);
        let (mut kept, mut groups, mut sides) =
            (Vec::new(), self.groups.iter(), self.sides.iter().zip(is_cut));
        for (entry, heads) in wiring.iter().zip(Self::heads_of(wiring)) {
            let entry = match entry {
                Wiring::Root { .. } => {
                    let Some(group) = groups.next() else { continue };
                    let gone = &is_gone[group.columns.clone()];
                    network.trunk.bias = group.bias_without(gone, &network.trunk.bias);
                    let group = group.without(gone, columns(&group.columns));
                    let n_columns = group.columns.len();
                    if n_columns == 0 {
                        continue;
                    }
                    network.groups.push(group);
                    Wiring::Root { n_columns }
                }
                Wiring::Side { d_side, .. } => {
                    let Some((side, false)) = sides.next() else { continue };
                    let gone = &is_gone[side.tokens.columns.clone()];
                    let mut side = side.clone();
                    side.trunk.bias = side.tokens.bias_without(gone, &side.trunk.bias);
                    side.tokens = side.tokens.without(gone, columns(&side.tokens.columns));
                    side.reads = side.reads.iter().filter_map(|p| piece[*p]).collect();
                    let (n_columns, reads) = (side.tokens.columns.len(), side.reads.clone());
                    network.sides.push(side);
                    Wiring::Side { n_columns, d_side: *d_side, reads }
                }
            };
            kept.push(entry);
            for head in &self.heads[heads] {
                let head = self.head_without(head, &network, is_gone, &piece);
                network.heads.push(head);
            }
        }
        (network, kept)
    }

    /// A head without the rows of cut pieces and the logits of removed columns; `smaller` knows what
    /// logits are left.
    fn head_without(
        &self,
        head: &Head,
        smaller: &Network,
        is_gone: &[bool],
        piece: &[Option<usize>],
    ) -> Head {
        let mut kept_rows = Vec::new();
        let mut start = 0;
        for old in &head.reads {
            let width = self.piece_width(*old);
            if piece[*old].is_some() {
                kept_rows.extend(start..start + width);
            }
            start += width;
        }
        let (mut kept_logits, mut columns) = (Vec::new(), Vec::new());
        let mut start = 0;
        for c in self.columns_written(head) {
            let width = self.first_logit[c + 1] - self.first_logit[c];
            if !is_gone[c] {
                kept_logits.extend(start..start + width);
                columns.push(is_gone[..c].iter().filter(|gone| !**gone).count());
            }
            start += width;
        }
        Head {
            reads: head.reads.iter().filter_map(|old| piece[*old]).collect(),
            writes: smaller.logits_of(columns),
            w: picked(&head.w, &kept_rows, &kept_logits),
            b: picked(&head.b, &[0], &kept_logits),
        }
    }

    /// Gives the last columns, which arrived together, the tokens of these columns of other networks.
    pub fn take_tokens(&mut self, from: &[(&Network, usize)]) {
        let first = self.n_columns() - from.len();
        let sides = self.sides.iter_mut().map(|side| &mut side.tokens);
        let Some(group) = self.groups.iter_mut().chain(sides).find(|g| g.columns.start == first) else {
            return;
        };
        let sources: Vec<(&TokenGroup, Vec<usize>)> =
            from.iter().filter_map(|(network, column)| network.place_of(*column)).collect();
        let d = group.mix.shape()[1];
        let mut rng = Pcg64Mcg::seed_from_u64(0);
        group.tables = TokenGroup::gathered(group.columns.clone(), &sources, d, &mut rng).tables;
    }

    /// The group of a column, and the column's place in it.
    fn place_of(&self, column: usize) -> Option<(&TokenGroup, Vec<usize>)> {
        let group = self.token_groups().into_iter().find(|g| g.columns.contains(&column))?;
        Some((group, vec![column - group.columns.start]))
    }

    /// Thaws some pieces' networks, and every head that reads one of them.
    ///
    /// # Shapes
    /// - `is_wanted`: `[1 + n_sides]`
    pub fn thaw_pieces(&mut self, is_wanted: &[bool]) {
        if is_wanted[0] {
            self.groups.set_thawed(true);
            self.trunk.set_thawed(true);
        }
        for (side, _) in self.sides.iter_mut().zip(&is_wanted[1..]).filter(|(_, wanted)| **wanted) {
            side.set_thawed(true);
        }
        for head in self.heads.iter_mut().filter(|head| head.reads.iter().any(|p| is_wanted[*p])) {
            head.set_thawed(true);
        }
    }

    /// A root alone that reads all columns. Tokens are the own ones; where its width is the own root's,
    /// so are the trunk and what predicts the root's columns from it. The rest is random.
    pub fn consolidated(&self, columns: &[ColumnShape], widths: Widths, rng: &mut impl Rng) -> Network {
        let mut network = Network::new(columns, widths, rng);
        let d = network.trunk.d();
        let sources: Vec<(&TokenGroup, Vec<usize>)> = self
            .token_groups()
            .into_iter()
            .map(|group| (group, (0..group.columns.len()).collect()))
            .collect();
        network.groups = vec![TokenGroup::gathered(0..network.n_columns(), &sources, d, rng)];
        if self.trunk.d() == d {
            for head in self.heads.iter().filter(|head| head.reads == [0] && !head.writes.is_empty()) {
                let whole = &mut network.heads[0];
                let columns: Vec<usize> = head.writes.iter().cloned().flatten().collect();
                whole.w = with_columns(&whole.w, &columns, &head.w);
                whole.b = with_columns(&whole.b, &columns, &head.b);
            }
            network.trunk = self.trunk.clone();
        }
        network
    }
}

impl TokenGroup {
    /// The group without some of its columns; `columns` are the new numbers of the columns that stay.
    fn without(&self, is_gone: &[bool], columns: Range<usize>) -> TokenGroup {
        if is_gone.iter().all(|gone| !gone) {
            return TokenGroup { columns, ..self.clone() };
        }
        let kept: Vec<usize> = (0..is_gone.len()).filter(|c| !is_gone[*c]).collect();
        let d = self.mix.shape()[1];
        // Every row of the new matrices is a copy: nobody reads what the generator gives.
        TokenGroup::gathered(columns, &[(self, kept)], d, &mut Pcg64Mcg::seed_from_u64(0))
    }

    /// A trunk's bias that holds what missing cells of the removed columns add to its sum.
    fn bias_without(&self, is_gone: &[bool], bias: &Param) -> Param {
        let d = self.mix.shape()[1];
        let (special, mix) = (self.tables.special.values(), self.mix.values());
        let mut sum: Vec<f64> = bias.values().iter().map(|v| f64::from(*v)).collect();
        if is_gone.iter().all(|gone| !gone) {
            return bias.clone();
        }
        for part in (0..is_gone.len()).filter(|c| is_gone[*c]).flat_map(|c| self.parts_of(c)) {
            // The first of a part's two special rows is that of a missing cell.
            let token = &special[2 * part * D_TOKEN..(2 * part + 1) * D_TOKEN];
            let rows = &mix[part * D_TOKEN * d..(part + 1) * D_TOKEN * d];
            for (value, row) in token.iter().zip(rows.chunks_exact(d)) {
                sum.iter_mut().zip(row).for_each(|(s, w)| *s += f64::from(*value) * f64::from(*w));
            }
        }
        Param::new(sum.iter().map(|v| *v as f32).collect(), bias.shape())
    }
}

/// Some rows and columns of a matrix.
fn picked(matrix: &Param, rows: &[usize], columns: &[usize]) -> Param {
    let [n_rows, n_columns] = matrix.shape();
    if rows.iter().copied().eq(0..n_rows) && columns.iter().copied().eq(0..n_columns) {
        return matrix.clone();
    }
    let values = matrix.values();
    let row = |r: &usize| columns.iter().map(|c| values[r * n_columns + c]).collect::<Vec<f32>>();
    Param::new(rows.iter().flat_map(row).collect(), [rows.len(), columns.len()])
}

/// The matrix with some columns replaced by those of another one.
fn with_columns(matrix: &Param, columns: &[usize], others: &Param) -> Param {
    let ([_, width], other_width) = (matrix.shape(), columns.len());
    let (mut values, others) = (matrix.values(), others.values());
    for (row, other) in values.chunks_exact_mut(width).zip(others.chunks_exact(other_width)) {
        columns.iter().zip(other).for_each(|(c, v)| row[*c] = *v);
    }
    Param::new(values, matrix.shape())
}

#[cfg(test)]
mod tests {
    use tabgraft_table::encoded::PartForm;

    use super::*;

    #[test]
    fn logits_of_a_head_move_with_their_columns() {
        let shape = |n| ColumnShape { forms: vec![PartForm::Code { n_codes: n }], n_targets: n };
        let mut rng = Pcg64Mcg::seed_from_u64(3);
        let widths = Widths { d: 8, n_blocks: 1, expansion: 1 };
        let mut network = Network::new(&[shape(3), shape(2)], widths, &mut rng);
        network.graft_frozen(&[shape(4)], 8, vec![0], &mut rng);
        let head = &mut network.heads[2];
        head.w = Param::new((0..8 * 9).map(|i| i as f32).collect(), [8, 9]);
        head.b = Param::new((0..9).map(|i| i as f32).collect(), [1, 9]);
        let head = &network.heads[2];
        // The second column before the first, the third stays behind both.
        let moved = network.head_by(head, |c| [1, 0, 2][c]);
        let order = [3, 4, 0, 1, 2, 5, 6, 7, 8];
        assert_eq!(moved.b.values(), order.map(|i| i as f32));
        let row = |r: usize| order.map(|i| (9 * r + i) as f32);
        assert!(moved.w.values().chunks_exact(9).enumerate().all(|(r, values)| values == row(r)));
        assert_eq!(network.head_by(head, |c| c).w.values(), head.w.values());
    }
}
