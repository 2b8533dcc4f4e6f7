//! The pieces of z while they grow: the root's vector, then each side's.

use burn::prelude::Tensor;

/// Pieces of z for some rows, one by one and side by side. What is side by side grows with them: a
/// chain of sides, each of which reads all before it, would join the same pieces again and again.
#[derive(Debug, Clone)]
pub(crate) struct Pieces {
    each: Vec<Tensor<2>>,
    whole: Tensor<2>,
}

impl Pieces {
    /// The root's piece.
    ///
    /// # Shapes
    /// - `root`: `[n_rows, d]`
    pub fn new(root: Tensor<2>) -> Self {
        Pieces { each: vec![root.clone()], whole: root }
    }

    /// Pieces of these widths that stand side by side already.
    ///
    /// # Shapes
    /// - `whole`: `[n_rows, sum of widths]`
    pub fn split(whole: Tensor<2>, widths: &[usize]) -> Self {
        let [n_rows, _] = whole.dims();
        let mut end = 0;
        let each = widths.iter().map(|width| {
            end += width;
            whole.clone().slice([0..n_rows, end - width..end])
        });
        Pieces { each: each.collect(), whole }
    }

    /// The next piece.
    ///
    /// # Shapes
    /// - `piece`: `[n_rows, d_side]`
    pub fn push(&mut self, piece: Tensor<2>) {
        self.whole = Tensor::cat(vec![self.whole.clone(), piece.clone()], 1);
        self.each.push(piece);
    }

    /// How many there are, at least 1.
    pub fn len(&self) -> usize {
        self.each.len()
    }

    /// All side by side: z, once the last side has written.
    ///
    /// # Shapes
    /// - returns: `[n_rows, sum of widths]`
    pub fn whole(&self) -> Tensor<2> {
        self.whole.clone()
    }

    /// The wanted pieces side by side.
    pub fn read(&self, wanted: &[usize]) -> Tensor<2> {
        match wanted {
            [one] => self.each[*one].clone(),
            all if all.iter().copied().eq(0..self.len()) => self.whole(),
            some => Tensor::cat(some.iter().map(|piece| self.each[*piece].clone()).collect(), 1),
        }
    }
}
