//! A matrix of f32 in memory, shared until somebody writes.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

/// A row-major matrix. Cloning shares its numbers, as does taking some of its columns; whoever writes gets
/// its own copy first, unless nobody else holds them.
#[derive(Debug, Clone)]
pub(crate) struct Matrix {
    numbers: Arc<Vec<f32>>,
    /// Place of the first number.
    start: usize,
    /// How far apart rows begin; more than a row's length where only some columns are lent.
    stride: usize,
    shape: [usize; 2],
}

impl Matrix {
    /// A matrix of these numbers, row by row.
    ///
    /// # Shapes
    /// - `numbers`: `[shape[0] * shape[1]]`
    ///
    /// # Panics
    /// If their number is another one: a defect of the caller.
    pub fn new(numbers: Vec<f32>, shape: [usize; 2]) -> Self {
        assert_eq!(numbers.len(), shape[0] * shape[1], "numbers of a matrix of shape {shape:?}");
        Matrix { numbers: Arc::new(numbers), start: 0, stride: shape[1], shape }
    }

    /// All entries 0.
    pub fn zeros(shape: [usize; 2]) -> Self {
        Matrix::new(vec![0.0; shape[0] * shape[1]], shape)
    }

    /// `[n_rows, n_columns]`.
    pub fn shape(&self) -> [usize; 2] {
        self.shape
    }

    /// Some of its columns, without a copy.
    ///
    /// # Panics
    /// If there are not so many.
    pub fn columns(&self, columns: Range<usize>) -> Self {
        let [n_rows, n_columns] = self.shape;
        assert!(
            columns.start <= columns.end && columns.end <= n_columns,
            "{columns:?} of {n_columns} columns"
        );
        Matrix { start: self.start + columns.start, shape: [n_rows, columns.len()], ..self.clone() }
    }

    /// The numbers from the first row's first to the last row's last, and how far apart rows begin.
    pub fn rows(&self) -> (&[f32], usize) {
        let [n_rows, n_columns] = self.shape;
        let end = match n_rows {
            0 => self.start,
            n => self.start + (n - 1) * self.stride + n_columns,
        };
        (&self.numbers[self.start..end], self.stride)
    }

    /// The numbers row by row; a copy where columns stand between the rows.
    pub fn flat(&self) -> Cow<'_, [f32]> {
        let [n_rows, n_columns] = self.shape;
        let (numbers, stride) = self.rows();
        if stride == n_columns || n_rows < 2 {
            return Cow::Borrowed(numbers);
        }
        let mut flat = Vec::with_capacity(n_rows * n_columns);
        (0..n_rows).for_each(|r| flat.extend_from_slice(&numbers[r * stride..r * stride + n_columns]));
        Cow::Owned(flat)
    }

    /// The numbers row by row; a copy only where somebody else holds them too, or columns stand between.
    pub fn into_numbers(self) -> Vec<f32> {
        match self.is_all() {
            true => Arc::unwrap_or_clone(self.numbers),
            false => self.flat().into_owned(),
        }
    }

    /// The numbers row by row, to be changed where they are; in a copy where somebody else holds them too.
    pub fn numbers_mut(&mut self) -> &mut [f32] {
        if !self.is_all() {
            *self = Matrix::new(self.flat().into_owned(), self.shape);
        }
        Arc::<Vec<f32>>::make_mut(&mut self.numbers)
    }

    /// Writes a matrix of as many rows over the columns from `first` on.
    pub fn write_columns(&mut self, first: usize, columns: &Matrix) {
        self.each_row_from(first, columns, |row, new| row.copy_from_slice(new));
    }

    /// Adds a matrix of as many rows to the columns from `first` on.
    pub fn add_columns(&mut self, first: usize, columns: &Matrix) {
        self.each_row_from(first, columns, |row, more| row.iter_mut().zip(more).for_each(|(x, y)| *x += y));
    }

    fn each_row_from(&mut self, first: usize, columns: &Matrix, change: impl Fn(&mut [f32], &[f32])) {
        let ([n_rows, width], [n_given, n_new]) = (self.shape, columns.shape);
        assert!(
            n_given == n_rows && first + n_new <= width,
            "{:?} at {first} of {:?}",
            columns.shape,
            self.shape
        );
        if n_new == 0 {
            return;
        }
        let (new, stride) = columns.rows();
        let rows = self.numbers_mut().chunks_exact_mut(width);
        for (row, new) in rows.zip(new.chunks(stride)) {
            change(&mut row[first..first + n_new], &new[..n_new]);
        }
    }

    /// Whether the numbers are this matrix and nothing else.
    fn is_all(&self) -> bool {
        self.start == 0 && self.stride == self.shape[1] && self.numbers.len() == self.shape[0] * self.shape[1]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counting(shape: [usize; 2]) -> Matrix {
        Matrix::new((0..shape[0] * shape[1]).map(|i| i as f32).collect(), shape)
    }

    #[test]
    fn columns_are_lent_without_a_copy() {
        let whole = counting([3, 4]);
        let part = whole.columns(1..3);
        assert!(Arc::ptr_eq(&part.numbers, &whole.numbers));
        assert_eq!(part.rows(), (&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0][..], 4));
        assert_eq!(*part.flat(), [1.0, 2.0, 5.0, 6.0, 9.0, 10.0]);
        assert_eq!(*part.columns(1..2).flat(), [2.0, 6.0, 10.0]);
        assert_eq!(whole.columns(2..2).shape(), [3, 0]);
    }

    #[test]
    fn who_writes_gets_its_own_copy_only_where_numbers_are_shared() {
        let mut alone = counting([2, 2]);
        let place = alone.flat().as_ptr();
        alone.numbers_mut()[0] = 9.0;
        assert_eq!((alone.flat().as_ptr(), alone.flat()[0]), (place, 9.0));
        let kept = alone.clone();
        alone.numbers_mut()[0] = 1.0;
        assert_eq!((kept.flat()[0], alone.flat()[0]), (9.0, 1.0));
        let kept = kept.into_numbers();
        assert_eq!(kept.as_ptr(), place);
        let mut part = counting([2, 3]).columns(1..2);
        part.numbers_mut()[1] = 7.0;
        assert_eq!(part.into_numbers(), [1.0, 7.0]);
    }

    #[test]
    fn columns_are_written_and_added_at_their_place() {
        let mut matrix = counting([2, 4]);
        matrix.write_columns(1, &counting([2, 3]).columns(1..3));
        assert_eq!(*matrix.flat(), [0.0, 1.0, 2.0, 3.0, 4.0, 4.0, 5.0, 7.0]);
        matrix.add_columns(3, &counting([2, 1]));
        assert_eq!(*matrix.flat(), [0.0, 1.0, 2.0, 3.0, 4.0, 4.0, 5.0, 8.0]);
        matrix.add_columns(4, &Matrix::zeros([2, 0]));
    }

    #[test]
    fn a_matrix_may_have_no_rows_or_no_columns() {
        for shape in [[0, 3], [3, 0], [0, 0]] {
            let matrix = Matrix::zeros(shape);
            assert!(matrix.flat().is_empty() && matrix.columns(0..shape[1]).into_numbers().is_empty());
        }
    }
}
