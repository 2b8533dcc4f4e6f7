//! The part of a network that mixes columns: residual blocks and a last normalisation.

use crate::kernel::{BlockTensors, Dropout, Tensor, block, norm};
use crate::param::start::Start;
use crate::param::{Param, params};

/// One pre-norm residual block; shapes as in `kernel/block.rs`.
#[derive(Debug, Clone)]
pub(crate) struct Block {
    pub gain: Param,
    pub shift: Param,
    pub w1: Param,
    pub b1: Param,
    pub w2: Param,
    pub b2: Param,
}

params!(Block { gain, shift, w1, b1, w2, b2 });

impl Block {
    fn new(d: usize, d_inner: usize, start: &mut impl Start) -> Self {
        // Uniform in ± 1 / sqrt(inputs), for weights and biases alike.
        let (inner, outer) = (1.0 / (d as f32).sqrt(), 1.0 / (d_inner as f32).sqrt());
        Block {
            gain: start.filled(1.0, [1, d]),
            shift: start.filled(0.0, [1, d]),
            w1: start.uniform(inner, [d, d_inner]),
            b1: start.uniform(inner, [1, d_inner]),
            w2: start.uniform(outer, [d_inner, d]),
            b2: start.uniform(outer, [1, d]),
        }
    }

    fn forward(&self, h: Tensor, dropout: Dropout) -> Tensor {
        let weights = BlockTensors {
            gain: self.gain.tensor(),
            shift: self.shift.tensor(),
            w1: self.w1.tensor(),
            b1: self.b1.tensor(),
            w2: self.w2.tensor(),
            b2: self.b2.tensor(),
        };
        block(h, weights, dropout)
    }
}

/// Blocks and a last normalisation; `bias` starts the sum of the tokens before them.
#[derive(Debug, Clone)]
pub(crate) struct Trunk {
    /// `[1, d]`, added to the mixed tokens.
    pub bias: Param,
    pub blocks: Vec<Block>,
    /// `[1, d]`, gain of the last normalisation.
    pub gain: Param,
    /// `[1, d]`, shift of the last normalisation.
    pub shift: Param,
}

params!(Trunk { bias, blocks, gain, shift });

impl Trunk {
    /// Random blocks of width `d`, each `expansion` times as wide inside.
    pub fn new(d: usize, n_blocks: usize, expansion: usize, start: &mut impl Start) -> Self {
        Trunk {
            bias: start.filled(0.0, [1, d]),
            blocks: (0..n_blocks).map(|_| Block::new(d, d * expansion, start)).collect(),
            gain: start.filled(1.0, [1, d]),
            shift: start.filled(0.0, [1, d]),
        }
    }

    /// Width.
    pub fn d(&self) -> usize {
        self.bias.shape()[1]
    }

    /// Mixed tokens to the trunk's vector. Drops activations only while the trunk is trained.
    ///
    /// # Shapes
    /// - `h`, returned: `[n_rows, d]`
    pub fn forward(&self, mut h: Tensor, dropout: Dropout) -> Tensor {
        let dropout = if self.gain.is_thawed() { dropout } else { Dropout::OFF };
        for (i, block) in self.blocks.iter().enumerate() {
            h = block.forward(h, dropout.fork(2 * i as u32 + 2));
        }
        norm(h, self.gain.tensor(), self.shift.tensor())
    }
}
