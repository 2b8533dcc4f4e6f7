//! The network on top of a space: members that share one hidden layer, and a linear path.
//!
//! Members differ by element-wise scalings around the shared layer (TabM, Gorishniy et al. 2025,
//! arXiv:2410.24210, section 3.3). The wide path is a linear model of the encoded cells, added to
//! every member (Cheng et al. 2016, arXiv:1606.07792).

use std::sync::Arc;

use crate::embed::Tables;
use crate::encoder::Network;
use crate::kernel::{
    Cells, Dropout, Join, Tensor, add_to_members, gelu, linear, lookup, member_products, scaled,
};
use crate::param::start::Start;
use crate::param::{Param, params};

/// Members of a head.
pub(crate) const N_MEMBERS: usize = 8;
/// Spread of the members' scalings around 1: what makes members differ.
const SCALING_SPREAD: f32 = 0.5;

/// Members on top of z.
#[derive(Debug, Clone)]
pub(crate) struct Members {
    /// `[N_MEMBERS, d]`, scales z.
    pub scale_in: Param,
    /// `[d, d_hidden]`.
    pub w1: Param,
    /// `[1, d_hidden]`.
    pub b1: Param,
    /// `[N_MEMBERS, d_hidden]`, scales the hidden layer.
    pub scale_out: Param,
    /// `[N_MEMBERS * d_hidden, n_outputs]`.
    pub w2: Param,
    /// `[N_MEMBERS, n_outputs]`.
    pub b2: Param,
}

params!(Members { scale_in, w1, b1, scale_out, w2, b2 });

impl Members {
    fn new(d: usize, d_hidden: usize, n_outputs: usize, start: &mut impl Start) -> Self {
        let bound = 1.0 / (d as f32).sqrt();
        Members {
            scale_in: start.normal(1.0, SCALING_SPREAD, [N_MEMBERS, d]),
            w1: start.uniform(bound, [d, d_hidden]),
            b1: start.uniform(bound, [1, d_hidden]),
            scale_out: start.normal(1.0, SCALING_SPREAD, [N_MEMBERS, d_hidden]),
            w2: start.normal(0.0, 0.3 / (d_hidden as f32).sqrt(), [N_MEMBERS * d_hidden, n_outputs]),
            b2: start.filled(0.0, [N_MEMBERS, n_outputs]),
        }
    }

    /// # Shapes
    /// - `z`: `[n_rows, d]`, returns `[N_MEMBERS * n_rows, n_outputs]`, member by member
    fn forward(&self, z: Tensor, dropout: Dropout) -> Tensor {
        let scaled_z = scaled(z, self.scale_in.tensor(), true);
        let hidden = gelu(linear(scaled_z, self.w1.tensor(), self.b1.tensor(), None), dropout);
        let hidden = scaled(hidden, self.scale_out.tensor(), false);
        member_products(hidden, self.w2.tensor(), self.b2.tensor())
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

impl HeadDropout {
    /// No dropping.
    pub const OFF: HeadDropout = HeadDropout { space: Dropout::OFF, members: Dropout::OFF };
}

impl Head {
    /// A head on a copy of the space's network; the wide path starts at zero.
    pub fn new(space: &Network, d_hidden: usize, n_outputs: usize, start: &mut impl Start) -> Self {
        let groups = space.token_groups();
        let wide = groups.iter().map(|g| Tables::zeros(&g.layout, n_outputs, start)).collect();
        Head {
            space: space.clone(),
            members: Members::new(space.d_model(), d_hidden, n_outputs, start),
            wide,
        }
    }

    /// Outputs of every member: logits, or the standardised number.
    ///
    /// # Shapes
    /// - returns: `[N_MEMBERS * n_rows, n_outputs]`, member by member
    pub fn forward(&self, cells: &[Arc<Cells>], dropout: HeadDropout) -> Tensor {
        let z = self.space.pieces(cells, dropout.space).whole();
        let mut sum = self.members.forward(z, dropout.members);
        for (tables, cells) in self.wide.iter().zip(cells) {
            sum = add_to_members(sum, lookup(tables.tensors(), cells.clone(), Join::Sum, None));
        }
        sum
    }
}
