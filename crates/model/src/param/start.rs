//! The first weights of a new network: random ones, or blanks that a file's weights will replace.

use rand::Rng;

use super::Param;

/// Where a new network's weights come from.
pub(crate) trait Start {
    /// Normal entries.
    fn normal(&mut self, mean: f32, deviation: f32, shape: [usize; 2]) -> Param;

    /// Uniform entries in `±bound`.
    fn uniform(&mut self, bound: f32, shape: [usize; 2]) -> Param;

    /// All entries equal.
    fn filled(&mut self, value: f32, shape: [usize; 2]) -> Param;
}

impl<R: Rng> Start for R {
    fn normal(&mut self, mean: f32, deviation: f32, shape: [usize; 2]) -> Param {
        let noise = Param::normal(self, deviation, shape);
        if mean == 0.0 {
            return noise;
        }
        Param::new(noise.values().iter().map(|v| mean + v).collect(), shape)
    }

    fn uniform(&mut self, bound: f32, shape: [usize; 2]) -> Param {
        Param::uniform(self, bound, shape)
    }

    fn filled(&mut self, value: f32, shape: [usize; 2]) -> Param {
        Param::filled(value, shape)
    }
}

/// Zeros, as many as a file has weights. A manifest of a few kilobytes can describe a network of gigabytes:
/// what the file cannot fill is not allocated.
#[derive(Debug)]
pub(crate) struct Blank {
    /// Weights of the file.
    most: usize,
    left: usize,
    is_exceeded: bool,
}

/// Weights beyond those of the file that are allowed: a small network that lacks some is told which.
const SLACK: usize = 1 << 16;

impl Blank {
    /// For a file of this many weights.
    pub fn new(n_weights: usize) -> Self {
        Blank { most: n_weights, left: n_weights.saturating_add(SLACK), is_exceeded: false }
    }

    /// The number of the file's weights, if more were asked for; a network made since then is worthless.
    pub fn exceeded(&self) -> Option<usize> {
        self.is_exceeded.then_some(self.most)
    }
}

impl Start for Blank {
    fn normal(&mut self, _: f32, _: f32, shape: [usize; 2]) -> Param {
        self.filled(0.0, shape)
    }

    fn uniform(&mut self, _: f32, shape: [usize; 2]) -> Param {
        self.filled(0.0, shape)
    }

    fn filled(&mut self, _: f32, shape: [usize; 2]) -> Param {
        let left = shape[0].checked_mul(shape[1]).and_then(|n| self.left.checked_sub(n));
        match left {
            Some(left) if !self.is_exceeded => {
                self.left = left;
                // Zeros are not touched before they are replaced: they cost no memory.
                Param::filled(0.0, shape)
            }
            _ => {
                self.is_exceeded = true;
                Param::filled(0.0, [1, 1])
            }
        }
    }
}
