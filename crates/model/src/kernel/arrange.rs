//! Columns of matrices taken apart and put together.
//!
//! Nothing is computed here but sums; who nobody else looks at is written in place.

use std::ops::Range;

use crate::tape::{Matrix, Parents, Variable};

/// As [`super::columns`].
pub(super) fn columns(x: Variable, columns: Range<usize>) -> Variable {
    let parents = Parents::of([&x]);
    let (shape, first) = (x.shape(), columns.start);
    Variable::recorded(x.into_value().columns(columns), parents, move |dy, [for_x], flow| {
        flow.give_columns(&for_x, shape, first, &dy);
    })
}

/// As [`super::with_columns`].
pub(super) fn with_columns(x: Variable, first: usize, new: Variable) -> Variable {
    let parents = Parents::of([&x, &new]);
    let (mut y, new) = (x.into_value(), new.into_value());
    y.write_columns(first, &new);
    let places = first..first + new.shape()[1];
    Variable::recorded(y, parents, move |dy, [for_x, for_new], flow| {
        flow.give(&for_new, || dy.columns(places.clone()));
        flow.give(&for_x, || {
            let mut dx = dy;
            dx.write_columns(places.start, &Matrix::zeros([dx.shape()[0], places.len()]));
            dx
        });
    })
}

/// As [`super::side_by_side`].
pub(super) fn side_by_side(left: Variable, right: Variable) -> Variable {
    let parents = Parents::of([&left, &right]);
    let (left, right) = (left.into_value(), right.into_value());
    let ([n_rows, n_left], [_, n_right]) = (left.shape(), right.shape());
    let mut both = Matrix::zeros([n_rows, n_left + n_right]);
    both.write_columns(0, &left);
    both.write_columns(n_left, &right);
    Variable::recorded(both, parents, move |dy, [for_left, for_right], flow| {
        flow.give(&for_left, || dy.columns(0..n_left));
        flow.give(&for_right, || dy.columns(n_left..n_left + n_right));
    })
}

/// As [`super::add_at`].
pub(super) fn add_at(sum: Variable, part: Variable, places: Vec<Range<usize>>) -> Variable {
    let parents = Parents::of([&sum, &part]);
    let (mut sum, part) = (sum.into_value(), part.into_value());
    let mut taken = 0;
    for place in &places {
        sum.add_columns(place.start, &part.columns(taken..taken + place.len()));
        taken += place.len();
    }
    let shape = part.shape();
    Variable::recorded(sum, parents, move |dy, [for_sum, for_part], flow| {
        flow.give(&for_part, || match &places[..] {
            [one] => dy.columns(one.clone()),
            _ => {
                let (mut part, mut taken) = (Matrix::zeros(shape), 0);
                for place in &places {
                    part.write_columns(taken, &dy.columns(place.clone()));
                    taken += place.len();
                }
                part
            }
        });
        flow.give(&for_sum, || dy);
    })
}

/// As [`super::repeated`].
pub(super) fn repeated(row: Variable, n_rows: usize) -> Variable {
    let parents = Parents::of([&row]);
    let n = row.shape()[1];
    let rows = Matrix::new(row.value().flat().repeat(n_rows), [n_rows, n]);
    Variable::recorded(rows, parents, move |dy, [for_row], flow| {
        flow.give(&for_row, || Matrix::new(super::matrix::column_sums(&dy.flat(), n), [1, n]));
    })
}
