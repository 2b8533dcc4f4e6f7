//! The network on top of a space: members that share one hidden layer, and a linear path.
//!
//! Members differ by element-wise scalings around the shared layer (TabM, Gorishniy et al. 2025,
//! arXiv:2410.24210, section 3.3). The wide path is a linear model of the encoded cells, added to
//! every member (Cheng et al. 2016, arXiv:1606.07792).

use std::sync::Arc;

use crate::embed::Tables;
use crate::encoder::Network;
use crate::kernel::{
    Cells, Dropout, Join, MemberWeights, Tensor, add_to_members, gelu, linear, lookup, member_outputs,
    member_products, scaled,
};
use crate::param::start::Start;
use crate::param::{Param, params};

/// Members of a network that is fitted: of more, one alone says what all say (docs/decisions/0037).
pub(super) const N_MEMBERS: usize = 2;
/// Spread of the members' scalings around 1: what makes members differ.
const SCALING_SPREAD: f32 = 0.5;

/// How large the members are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MemberSizes {
    pub n_members: usize,
    pub d_hidden: usize,
    pub n_outputs: usize,
}

/// Members on top of z.
#[derive(Debug, Clone)]
pub(crate) struct Members {
    /// `[n_members, d]`, scales z.
    pub scale_in: Param,
    /// `[d, d_hidden]`.
    pub w1: Param,
    /// `[1, d_hidden]`.
    pub b1: Param,
    /// `[n_members, d_hidden]`, scales the hidden layer.
    pub scale_out: Param,
    /// `[n_members * d_hidden, n_outputs]`.
    pub w2: Param,
    /// `[n_members, n_outputs]`.
    pub b2: Param,
}

params!(Members { scale_in, w1, b1, scale_out, w2, b2 });

impl Members {
    fn new(d: usize, sizes: MemberSizes, start: &mut impl Start) -> Self {
        let MemberSizes { n_members, d_hidden, n_outputs } = sizes;
        let bound = 1.0 / (d as f32).sqrt();
        Members {
            scale_in: start.normal(1.0, SCALING_SPREAD, [n_members, d]),
            w1: start.uniform(bound, [d, d_hidden]),
            b1: start.uniform(bound, [1, d_hidden]),
            scale_out: start.normal(1.0, SCALING_SPREAD, [n_members, d_hidden]),
            w2: start.normal(0.0, 0.3 / (d_hidden as f32).sqrt(), [n_members * d_hidden, n_outputs]),
            b2: start.filled(0.0, [n_members, n_outputs]),
        }
    }

    /// # Shapes
    /// - `z`: `[n_rows, d]`, returns `[n_members * n_rows, n_outputs]`, member by member
    fn forward(&self, z: Tensor, dropout: Dropout) -> Tensor {
        let scaled_z = scaled(z, self.scale_in.tensor(), true);
        let hidden = gelu(linear(scaled_z, self.w1.tensor(), self.b1.tensor(), None), dropout);
        let hidden = scaled(hidden, self.scale_out.tensor(), false);
        member_products(hidden, self.w2.tensor(), self.b2.tensor())
    }
}

impl Members {
    /// How many they are.
    pub fn n_members(&self) -> usize {
        self.scale_in.shape()[0]
    }

    /// As [`Members::forward`] of one block of rows, without dropout and without a way back.
    ///
    /// # Shapes
    /// - `z`: `[n_rows, d]`, returns `[n_members * n_rows, n_outputs]`, member by member
    fn outputs(&self, z: &[f32]) -> Vec<f32> {
        let weights = [&self.scale_in, &self.w1, &self.b1, &self.scale_out, &self.w2, &self.b2];
        let [scale_in, w1, b1, scale_out, w2, b2] = weights.map(Param::tensor);
        let [scale_in, w1, b1, scale_out, w2, b2] =
            [&scale_in, &w1, &b1, &scale_out, &w2, &b2].map(|weights| weights.here().flat());
        let weights =
            MemberWeights { scale_in: &scale_in, w1: &w1, b1: &b1, scale_out: &scale_out, w2: &w2, b2: &b2 };
        member_outputs(z, weights)
    }
}

/// One network of a bag: its own copy of the space's network, members and wide path.
#[derive(Debug, Clone)]
pub(crate) struct Head {
    pub space: Network,
    pub members: Members,
    /// One set of tables per token group, `n_outputs` wide.
    pub wide: Vec<Tables>,
}

params!(Head { space, members, wide });

/// Shares of entries dropped in training.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HeadDropout {
    pub space: Dropout,
    pub members: Dropout,
}

impl Head {
    /// A head on a copy of the space's network; the wide path starts at zero.
    pub fn new(space: &Network, sizes: MemberSizes, start: &mut impl Start) -> Self {
        let groups = space.token_groups();
        let wide = groups.iter().map(|g| Tables::zeros(&g.layout, sizes.n_outputs, start)).collect();
        Head { space: space.clone(), members: Members::new(space.d_model(), sizes, start), wide }
    }

    /// Outputs of every member: logits, or the standardised number.
    ///
    /// # Shapes
    /// - returns: `[n_members * n_rows, n_outputs]`, member by member
    pub fn forward(&self, cells: &[Arc<Cells>], dropout: HeadDropout) -> Tensor {
        let z = self.space.pieces(cells, dropout.space).whole();
        let mut sum = self.members.forward(z, dropout.members);
        for (tables, cells) in self.wide.iter().zip(cells) {
            sum = add_to_members(sum, lookup(tables.tensors(), cells.clone(), Join::Sum, None));
        }
        sum
    }

    /// The network with its first member alone.
    pub fn of_first_member(&self) -> Self {
        let own = &self.members;
        let first = |param: &Param| {
            let [n_rows, width] = param.shape();
            let n_rows = n_rows / own.n_members();
            Param::new(param.values()[..n_rows * width].to_vec(), [n_rows, width])
        };
        let members = Members {
            scale_in: first(&own.scale_in),
            scale_out: first(&own.scale_out),
            w2: first(&own.w2),
            b2: first(&own.b2),
            ..own.clone()
        };
        Head { members, ..self.clone() }
    }

    /// Rows and columns of the matrices that a row is multiplied by on its way to the outputs.
    pub fn product_shapes(&self) -> Vec<[usize; 2]> {
        let mut shapes = self.space.product_shapes();
        let [_, n_outputs] = self.members.w2.shape();
        shapes.extend([self.members.w1.shape(), [self.members.w1.shape()[1], n_outputs]]);
        shapes
    }

    /// As [`Head::forward`] of one block of rows, without dropout and without a way back.
    ///
    /// # Shapes
    /// - `cells`: of at most [`ROW_BLOCK`](crate::kernel::ROW_BLOCK) rows; returns `[n_members * n_rows, n_outputs]`,
    ///   member by member
    pub fn outputs(&self, cells: &[Arc<Cells>]) -> Vec<f32> {
        let z = self.space.pieces(cells, Dropout::OFF).whole();
        let mut outputs = self.members.outputs(&z.here().flat());
        for (tables, cells) in self.wide.iter().zip(cells) {
            let part = lookup(tables.tensors(), cells.clone(), Join::Sum, None);
            let part = part.here().flat();
            for member in outputs.chunks_exact_mut(part.len().max(1)) {
                member.iter_mut().zip(&*part).for_each(|(sum, part)| *sum += part);
            }
        }
        outputs
    }
}

#[cfg(test)]
pub(super) mod tests {
    use rand::SeedableRng;
    use rand_pcg::Pcg64Mcg;
    use tabgraft_table::encoded::{EncodedColumn, EncodedTable, PartForm, PartValues};

    use super::*;
    use crate::embed::CellTable;
    use crate::encoder::network::{ColumnShape, Widths};
    use crate::kernel::ROW_BLOCK;
    use crate::param::Params;
    use crate::space::cell_tables;

    /// A head for three classes on two columns of categories, and a block of rows.
    pub fn example(seed: u64) -> (Head, Vec<CellTable>, usize) {
        let mut rng = Pcg64Mcg::seed_from_u64(seed);
        let shape = ColumnShape { forms: vec![PartForm::Code { n_codes: 5 }], n_targets: 5 };
        let widths = Widths { d: 24, n_blocks: 1, expansion: 2 };
        let network = Network::new(&[shape.clone(), shape], widths, &mut rng);
        let column = |step: usize| EncodedColumn {
            missing: (0..ROW_BLOCK).map(|r| r % 11 == 0).collect(),
            parts: vec![PartValues::Code { code: (0..ROW_BLOCK).map(|r| (r * step % 5) as u32).collect() }],
            target: Vec::new(),
        };
        let table = EncodedTable { n_rows: ROW_BLOCK, columns: vec![column(1), column(3)] };
        let head = Head::new(&network, MemberSizes { n_members: 4, d_hidden: 40, n_outputs: 3 }, &mut rng);
        let groups = cell_tables(&head.space, &table);
        (head, groups, ROW_BLOCK)
    }

    /// The head with a wide path that says something.
    fn filled(mut head: Head) -> Head {
        head.wide.each_mut("", &mut |_, param| {
            let values = (0..param.values().len()).map(|i| (i as f32 * 0.37).sin()).collect();
            *param = Param::new(values, param.shape());
        });
        head
    }

    #[test]
    fn outputs_without_a_way_back_have_the_bits_of_the_pass_with_one() {
        let (head, groups, n_rows) = example(3);
        let head = filled(head);
        let rows: Vec<usize> = (0..n_rows).collect();
        let cells: Vec<_> = groups.iter().map(|g| g.batch(&rows, n_rows, None)).collect();
        let wanted = head.forward(&cells, HeadDropout { space: Dropout::OFF, members: Dropout::OFF });
        let wanted: Vec<u32> = wanted.here().flat().iter().map(|v| v.to_bits()).collect();
        let found: Vec<u32> = head.outputs(&cells).iter().map(|v| v.to_bits()).collect();
        assert_eq!(found, wanted);
        assert!(found.iter().any(|bits| *bits != found[0]));
    }

    #[test]
    fn the_first_member_alone_says_what_it_says_among_all() {
        let (head, groups, n_rows) = example(3);
        let head = filled(head);
        let rows: Vec<usize> = (0..n_rows).collect();
        let cells: Vec<_> = groups.iter().map(|g| g.batch(&rows, n_rows, None)).collect();
        let (all, first) = (head.outputs(&cells), head.of_first_member().outputs(&cells));
        assert_eq!(all.len(), 4 * first.len());
        assert!(first.iter().zip(&all).all(|(a, b)| a.to_bits() == b.to_bits()));
    }
}
