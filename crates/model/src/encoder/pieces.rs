//! The pieces of z while they grow: the root's vector, then each side's.

use burn::prelude::Tensor;

/// Pieces of z for some rows, one by one and side by side.
///
/// They are written into one matrix that is wide enough for all of them, of which readers get the first
/// columns without a copy: each side of a chain reads all pieces before it, and joining them anew for
/// each would cost more than many a side's own arithmetic.
#[derive(Debug)]
pub(crate) struct Pieces {
    each: Vec<Tensor<2>>,
    /// `[n_rows, room]`; columns behind the pieces are not written yet.
    room: Tensor<2>,
    /// Sum of the pieces' widths.
    width: usize,
}

impl Pieces {
    /// The root's piece, with room for as many numbers a row as the pieces to come will have with it.
    ///
    /// # Shapes
    /// - `root`: `[n_rows, d]`
    pub fn new(root: Tensor<2>, room: usize) -> Self {
        let [n_rows, width] = root.dims();
        let rows = match room > width {
            true => Tensor::zeros([n_rows, room], &root.device())
                .slice_assign([0..n_rows, 0..width], root.clone()),
            false => root.clone(),
        };
        Pieces { each: vec![root], room: rows, width }
    }

    /// Pieces of these widths that stand side by side already.
    ///
    /// # Shapes
    /// - `whole`: `[n_rows, sum of widths]`
    pub fn split(whole: Tensor<2>, widths: &[usize]) -> Self {
        let [n_rows, width] = whole.dims();
        let mut end = 0;
        let each = widths.iter().map(|width| {
            end += width;
            whole.clone().slice([0..n_rows, end - width..end])
        });
        Pieces { each: each.collect(), room: whole, width }
    }

    /// The next piece.
    ///
    /// # Shapes
    /// - `piece`: `[n_rows, d_side]`
    pub fn push(&mut self, piece: Tensor<2>) {
        let [n_rows, d] = piece.dims();
        let end = self.width + d;
        // The matrix is taken out: what nobody else holds is written in place.
        let rows = std::mem::replace(&mut self.room, piece.clone());
        self.room = match end <= rows.dims()[1] {
            true => rows.slice_assign([0..n_rows, self.width..end], piece.clone()),
            false => Tensor::cat(vec![rows, piece.clone()], 1),
        };
        self.width = end;
        self.each.push(piece);
    }

    /// How many there are, at least 1.
    pub fn len(&self) -> usize {
        self.each.len()
    }

    /// All side by side: z, once the last side has written. Its numbers can be taken without a copy.
    ///
    /// # Shapes
    /// - returns: `[n_rows, sum of widths]`
    pub fn whole(self) -> Tensor<2> {
        first_columns(self.room, self.width)
    }

    /// The wanted pieces side by side.
    pub fn read(&self, wanted: &[usize]) -> Tensor<2> {
        match wanted {
            [one] => self.each[*one].clone(),
            all if all.iter().copied().eq(0..self.len()) => first_columns(self.room.clone(), self.width),
            some => Tensor::cat(some.iter().map(|piece| self.each[*piece].clone()).collect(), 1),
        }
    }
}

fn first_columns(rows: Tensor<2>, width: usize) -> Tensor<2> {
    match rows.dims() {
        [_, all] if all == width => rows,
        [n_rows, _] => rows.slice([0..n_rows, 0..width]),
    }
}
