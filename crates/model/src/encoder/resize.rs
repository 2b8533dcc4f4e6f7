//! A network whose columns have more codes or classes than before, or fewer again.
//!
//! Codes and classes of one column stand in order, and later ones behind: a table of codes gets rows at the end of the
//! column's own, a head gets logits there. What was there keeps its bits. A new code starts as the *unseen* one, which
//! its rows had until now, so that no row's vector changes; a new class starts with zeros.

use std::sync::Arc;

use rand::Rng;
use tabgraft_table::encoded::PartForm;

use super::network::{ColumnShape, Head, Network, head_deviation};
use crate::embed::{D_TOKEN, TokenGroup};
use crate::kernel::Layout;
use crate::param::Param;

impl Network {
    /// The network for its columns as they are now: `[n_columns]`, of the same kinds.
    pub fn resized(&self, columns: &[ColumnShape]) -> Network {
        let mut network = self.clone();
        network.first_logit = vec![0];
        network.number_logits(columns);
        network.heads = self.heads.iter().map(|head| self.head_resized(head, &network)).collect();
        for group in token_groups(&mut network) {
            let forms = columns[group.columns.clone()].iter().flat_map(|c| c.forms.iter().copied());
            *group = group.resized(Layout::new(forms));
        }
        network
    }

    /// Gives a column's codes the tokens that another network has, which has the column in the same place and as many
    /// codes of it.
    pub fn take_codes(&mut self, column: usize, from: &Network) {
        let Some(source) = from.token_groups().into_iter().find(|group| group.columns.contains(&column))
        else {
            return;
        };
        for group in token_groups(self).filter(|group| group.columns.contains(&column)) {
            let mut code = group.tables.code.values();
            let from = source.tables.code.values();
            for part in group.parts_of(column - group.columns.start) {
                let (to, source) = (group.layout.parts[part], source.layout.parts[part]);
                if let PartForm::Code { n_codes } = to.form {
                    let n = n_codes * D_TOKEN;
                    let (to, start) = (to.first_row * D_TOKEN, source.first_row * D_TOKEN);
                    code[to..to + n].copy_from_slice(&from[start..start + n]);
                }
            }
            group.tables.code = Param::new(code, group.tables.code.shape());
        }
    }

    /// Adds a head of random weights that corrects what these columns are predicted as, from the whole vector.
    pub fn add_head(&mut self, columns: impl IntoIterator<Item = usize>, rng: &mut impl Rng) {
        let (reads, d) = ((0..=self.sides.len()).collect(), self.d_model());
        self.heads.push(Head::new((reads, d), self.logits_of(columns), head_deviation(d), rng));
    }

    /// Thaws the tables of codes, and there alone the rows of codes that `before` does not have: `[n_columns]`.
    pub fn thaw_codes_since(&mut self, before: &[ColumnShape]) {
        for group in token_groups(self) {
            let old = before[group.columns.clone()].iter().flat_map(|c| &c.forms);
            let mut held = vec![true; group.tables.code.shape()[0]];
            for (part, old) in group.layout.parts.iter().zip(old) {
                if let (PartForm::Code { n_codes }, PartForm::Code { n_codes: n_old }) = (part.form, old) {
                    held[part.first_row + n_old..part.first_row + n_codes].fill(false);
                }
            }
            if held.contains(&false) {
                group.tables.code.thaw();
                group.tables.code.hold_rows(&held);
            }
        }
    }

    /// A head whose logits are numbered as those of `resized`.
    fn head_resized(&self, head: &Head, resized: &Network) -> Head {
        let written = self.columns_written(head);
        let widths: Vec<[usize; 2]> = written
            .iter()
            .map(|c| [self, resized].map(|network| network.first_logit[c + 1] - network.first_logit[*c]))
            .collect();
        let mut head = head.clone();
        if widths.iter().any(|[old, new]| old != new) {
            head.w = with_widths(&head.w, &widths);
            head.b = with_widths(&head.b, &widths);
        }
        head.writes = resized.logits_of(written);
        head
    }
}

impl TokenGroup {
    fn resized(&self, layout: Layout) -> TokenGroup {
        if layout == *self.layout {
            return self.clone();
        }
        let old = self.tables.code.values();
        let mut code = Vec::with_capacity(layout.code_rows.max(1) * D_TOKEN);
        for (before, now) in self.layout.parts.iter().zip(&layout.parts) {
            let (PartForm::Code { n_codes: n_old }, PartForm::Code { n_codes }) = (before.form, now.form)
            else {
                continue;
            };
            let row =
                |nth: usize| &old[(before.first_row + nth) * D_TOKEN..(before.first_row + nth + 1) * D_TOKEN];
            // A code that was not there starts as the unseen one, the first.
            (0..n_codes).for_each(|nth| code.extend_from_slice(row(if nth < n_old { nth } else { 0 })));
        }
        let mut group = self.clone();
        group.tables.code = Param::new(code, [layout.code_rows, D_TOKEN]);
        group.layout = Arc::new(layout);
        group
    }
}

/// The token groups of root and sides.
fn token_groups(network: &mut Network) -> impl Iterator<Item = &mut TokenGroup> {
    network.groups.iter_mut().chain(network.sides.iter_mut().map(|side| &mut side.tokens))
}

/// A matrix whose columns stand in pieces of these widths, before and now: what comes is 0.
fn with_widths(matrix: &Param, widths: &[[usize; 2]]) -> Param {
    let [n_rows, n_columns] = matrix.shape();
    let n_now: usize = widths.iter().map(|[_, now]| now).sum();
    let values = matrix.values();
    let mut resized = Vec::with_capacity(n_rows * n_now);
    for row in values.chunks_exact(n_columns) {
        let mut start = 0;
        for [before, now] in widths {
            let kept = *before.min(now);
            resized.extend_from_slice(&row[start..start + kept]);
            resized.resize(resized.len() + now - kept, 0.0);
            start += before;
        }
    }
    Param::new(resized, [n_rows, n_now])
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_pcg::Pcg64Mcg;
    use tabgraft_table::encoded::{EncodedColumn, EncodedTable, PartValues};

    use super::super::network::Widths;
    use super::*;
    use crate::space::embed_encoded;

    fn shapes(n_codes: [usize; 2], n_targets: [usize; 2]) -> Vec<ColumnShape> {
        let shape = |(n_codes, n_targets)| ColumnShape { forms: vec![PartForm::Code { n_codes }], n_targets };
        n_codes.into_iter().zip(n_targets).map(shape).collect()
    }

    fn cells(codes: [u32; 2]) -> EncodedTable {
        let column = |code| EncodedColumn {
            parts: vec![PartValues::Code { code: vec![code] }],
            missing: vec![false],
            target: vec![0],
        };
        EncodedTable { n_rows: 1, columns: codes.map(column).to_vec() }
    }

    #[test]
    fn a_new_code_is_the_unseen_one_until_it_is_trained_and_old_ones_keep_their_bits() {
        let mut rng = Pcg64Mcg::seed_from_u64(1);
        let (before, after) = (shapes([4, 3], [3, 2]), shapes([6, 3], [5, 2]));
        let mut network = Network::new(&before, Widths { d: 16, n_blocks: 1, expansion: 2 }, &mut rng);
        network.graft_frozen(&shapes([3, 4], [2, 3])[..1], 8, vec![0], &mut rng);
        let side = |shapes: &[ColumnShape]| [shapes, &self::shapes([3, 4], [2, 3])[..1]].concat();
        let grown = network.resized(&side(&after));
        let vector = |network: &Network, codes: [u32; 2]| {
            let mut cells = cells(codes);
            cells.columns.push(cells.columns[1].clone());
            embed_encoded(network, &cells)
        };
        for old in 0..4 {
            assert_eq!(vector(&grown, [old, 2]), vector(&network, [old, 2]));
        }
        for new in 4..6 {
            assert_eq!(vector(&grown, [new, 2]), vector(&network, [0, 2]));
        }
        assert_eq!((network.n_logits(), grown.n_logits()), (7, 9));
        // And back: the weights of before.
        let back = grown.resized(&side(&before));
        let all = |network: &Network| {
            let mut found = Vec::new();
            crate::param::Params::each(network, "", &mut |name, param| found.push((name, param.values())));
            found
        };
        assert_eq!(all(&back), all(&network));
    }
}
