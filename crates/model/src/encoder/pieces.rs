//! The pieces of z while they grow: the root's vector, then each side's.

use crate::kernel::{Tensor, columns, side_by_side, with_columns};

/// Pieces of z for some rows, one by one and side by side.
///
/// They are written into one matrix that is wide enough for all of them, of which readers get the first
/// columns without a copy: each side of a chain reads all pieces before it, and joining them anew for
/// each would cost more than many a side's own arithmetic.
#[derive(Debug)]
pub(crate) struct Pieces {
    each: Vec<Tensor>,
    /// `[n_rows, room]`; columns behind the pieces are not written yet.
    room: Tensor,
    /// Sum of the pieces' widths.
    width: usize,
}

impl Pieces {
    /// The root's piece, with room for as many numbers a row as the pieces to come will have with it.
    ///
    /// # Shapes
    /// - `root`: `[n_rows, d]`
    pub fn new(root: Tensor, room: usize) -> Self {
        let [n_rows, width] = root.shape();
        let rows = match room > width {
            true => with_columns(Tensor::zeros([n_rows, room], &root.place()), 0, root.clone()),
            false => root.clone(),
        };
        Pieces { each: vec![root], room: rows, width }
    }

    /// Pieces of these widths that stand side by side already.
    ///
    /// # Shapes
    /// - `whole`: `[n_rows, sum of widths]`
    pub fn split(whole: Tensor, widths: &[usize]) -> Self {
        let width = whole.shape()[1];
        let mut end = 0;
        let each = widths.iter().map(|width| {
            end += width;
            columns(whole.clone(), end - width..end)
        });
        Pieces { each: each.collect(), room: whole, width }
    }

    /// The next piece.
    ///
    /// # Shapes
    /// - `piece`: `[n_rows, d_side]`
    pub fn push(&mut self, piece: Tensor) {
        let end = self.width + piece.shape()[1];
        // The matrix is taken out: what nobody else holds is written in place.
        let rows = std::mem::replace(&mut self.room, piece.clone());
        self.room = match end <= rows.shape()[1] {
            true => with_columns(rows, self.width, piece.clone()),
            false => side_by_side(rows, piece.clone()),
        };
        self.width = end;
        self.each.push(piece);
    }

    /// How many there are, at least 1.
    pub fn len(&self) -> usize {
        self.each.len()
    }

    /// Rows of each.
    pub fn n_rows(&self) -> usize {
        self.room.shape()[0]
    }

    /// All side by side: z, once the last side has written. Its numbers can be taken without a copy.
    ///
    /// # Shapes
    /// - returns: `[n_rows, sum of widths]`
    pub fn whole(self) -> Tensor {
        first_columns(self.room, self.width)
    }

    /// The wanted pieces side by side.
    pub fn read(&self, wanted: &[usize]) -> Tensor {
        match wanted {
            [one] => self.each[*one].clone(),
            all if all.iter().copied().eq(0..self.len()) => first_columns(self.room.clone(), self.width),
            [first, others @ ..] => {
                let piece = |nth: &usize| self.each[*nth].clone();
                others.iter().fold(piece(first), |left, nth| side_by_side(left, piece(nth)))
            }
            [] => columns(self.room.clone(), 0..0),
        }
    }
}

fn first_columns(rows: Tensor, width: usize) -> Tensor {
    match rows.shape()[1] == width {
        true => rows,
        false => columns(rows, 0..width),
    }
}
