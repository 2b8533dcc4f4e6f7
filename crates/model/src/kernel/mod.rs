//! The operations that networks are made of, with hand-written gradients.
//!
//! Five fused ones do nearly all of the arithmetic. Each is a plain function over slices in its own file, with
//! its gradient beside it; `fused.rs` puts them on the tape (`crate::tape`). On a GPU the same operations are
//! composed of Burn's tensor operations (`composed/`, the feature `wgpu`, `docs/decisions/0017-gpu.md`).
//!
//! | operation | what |
//! |---|---|
//! | [`lookup()`] | encoded cells to tokens, or to a linear model's output |
//! | [`linear`] | `x w + b` |
//! | [`block()`] | one pre-norm residual block |
//! | [`norm`] | layer normalisation |
//! | [`column_loss`] | cross-entropy of all columns |
//!
//! The others take matrices apart and put them together (`arrange.rs`), serve the members of a predictor's head
//! (`members.rs`), or make a loss one number (`scalar.rs`).

mod adamw;
mod arrange;
mod block;
#[cfg(feature = "wgpu")]
mod composed;
mod dots;
mod elementwise;
mod fused;
mod lookup;
mod loss;
mod matrix;
mod members;
mod scalar;
mod simd;
mod tensor;
mod trained;

use std::ops::Range;
use std::sync::Arc;

pub(crate) use adamw::AdamStep;
pub(crate) use dots::{LANES, LEFT, dots};
pub(crate) use elementwise::{Dropout, NORM_EPSILON};
pub(crate) use lookup::{Cells, Join, Layout, MASKED, MISSING, PRESENT, PartSlot};
pub(crate) use loss::ColumnTargets;
pub(crate) use matrix::{ROW_BLOCK, block_of};
pub(crate) use members::{MemberWeights, member_outputs};
pub(crate) use simd::vectorised;
use tensor::Inputs;
pub(crate) use tensor::{Gradients, Place, Tensor, is_gpu_failure};
pub(crate) use trained::TrainedRows;

/// The weight tables of one [`lookup()`]; shapes as in `lookup.rs`.
pub(crate) struct LookupTables {
    pub piecewise: Tensor,
    pub code: Tensor,
    pub bag: Tensor,
    pub bias: Tensor,
    pub special: Tensor,
}

/// The weights of one [`block()`]; shapes as in `block.rs`, vectors as `[1, n]`.
pub(crate) struct BlockTensors {
    pub gain: Tensor,
    pub shift: Tensor,
    pub w1: Tensor,
    pub b1: Tensor,
    pub w2: Tensor,
    pub b2: Tensor,
}

/// Vectors of encoded cells. With `trained` only these parts get a gradient, and no work is done for
/// that of the others.
///
/// # Shapes
/// - returns: `[n_rows, n_parts * width]` tokens or `[n_rows, width]` sums, by `join`
pub(crate) fn lookup(
    tables: LookupTables,
    cells: Arc<Cells>,
    join: Join,
    trained: Option<TrainedRows>,
) -> Tensor {
    let LookupTables { piecewise, code, bag, bias, special } = tables;
    match Inputs::together([piecewise, code, bag, bias, special]) {
        Inputs::Here(tables) => fused::lookup(tables, cells, join, trained).into(),
        #[cfg(feature = "wgpu")]
        Inputs::There(tables) => composed::lookup(tables, &cells, join).into(),
    }
}

/// `x w + b`, in place of `b` where it has as many rows and is not shared. With `trained` only these rows
/// of `w`, and the columns of `x` that meet them, get a gradient, and no work is done for that of the
/// others.
///
/// # Shapes
/// - `x`: `[n_rows, k]`, `w`: `[k, n]`, `b`: `[1, n]` or `[n_rows, n]`, returns `[n_rows, n]`
pub(crate) fn linear(x: Tensor, w: Tensor, b: Tensor, trained: Option<TrainedRows>) -> Tensor {
    match Inputs::together([x, w, b]) {
        Inputs::Here([x, w, b]) => fused::linear(x, w, b, trained).into(),
        #[cfg(feature = "wgpu")]
        Inputs::There([x, w, b]) => composed::linear(x, w, b).into(),
    }
}

/// GELU, then dropout; any shape.
pub(crate) fn gelu(x: Tensor, dropout: Dropout) -> Tensor {
    match Inputs::together([x]) {
        Inputs::Here([x]) => fused::gelu(x, dropout).into(),
        #[cfg(feature = "wgpu")]
        Inputs::There([x]) => composed::gelu(x, dropout).into(),
    }
}

/// One residual block.
///
/// # Shapes
/// - `x`, returned: `[n_rows, d]`
pub(crate) fn block(x: Tensor, w: BlockTensors, dropout: Dropout) -> Tensor {
    let BlockTensors { gain, shift, w1, b1, w2, b2 } = w;
    match Inputs::together([x, gain, shift, w1, b1, w2, b2]) {
        Inputs::Here([x, weights @ ..]) => fused::block(x, weights, dropout).into(),
        #[cfg(feature = "wgpu")]
        Inputs::There([x, weights @ ..]) => composed::block(x, weights, dropout).into(),
    }
}

/// Layer normalisation of each row.
///
/// # Shapes
/// - `x`, returned: `[n_rows, d]`; `gain`, `shift`: `[1, d]`
pub(crate) fn norm(x: Tensor, gain: Tensor, shift: Tensor) -> Tensor {
    match Inputs::together([x, gain, shift]) {
        Inputs::Here([x, gain, shift]) => fused::norm(x, gain, shift).into(),
        #[cfg(feature = "wgpu")]
        Inputs::There([x, gain, shift]) => composed::norm(x, gain, shift).into(),
    }
}

/// Weighted loss of each column summed over rows, and the number of contained cells.
///
/// # Shapes
/// - `logits`: `[n_rows, n_logits]`, returns `[2, n_columns]`; only row 0 has a gradient
pub(crate) fn column_loss(logits: Tensor, targets: Arc<ColumnTargets>) -> Tensor {
    match Inputs::together([logits]) {
        Inputs::Here([logits]) => fused::column_loss(logits, targets).into(),
        #[cfg(feature = "wgpu")]
        Inputs::There([logits]) => composed::column_loss(logits, &targets).into(),
    }
}

/// Some columns; on the processor without a copy.
///
/// # Shapes
/// - `x`: `[n_rows, d]`, returns `[n_rows, wanted.len()]`
pub(crate) fn columns(x: Tensor, wanted: Range<usize>) -> Tensor {
    match Inputs::together([x]) {
        Inputs::Here([x]) => arrange::columns(x, wanted).into(),
        #[cfg(feature = "wgpu")]
        Inputs::There([x]) => composed::columns(x, wanted).into(),
    }
}

/// A matrix with other columns from `first` on; in place where it is not shared.
///
/// # Shapes
/// - `x`, returned: `[n_rows, d]`; `new`: `[n_rows, n]`
pub(crate) fn with_columns(x: Tensor, first: usize, new: Tensor) -> Tensor {
    match Inputs::together([x, new]) {
        Inputs::Here([x, new]) => arrange::with_columns(x, first, new).into(),
        #[cfg(feature = "wgpu")]
        Inputs::There([x, new]) => composed::with_columns(x, first, new).into(),
    }
}

/// The columns of two matrices.
///
/// # Shapes
/// - `left`: `[n_rows, n]`, `right`: `[n_rows, m]`, returns `[n_rows, n + m]`
pub(crate) fn side_by_side(left: Tensor, right: Tensor) -> Tensor {
    match Inputs::together([left, right]) {
        Inputs::Here([left, right]) => arrange::side_by_side(left, right).into(),
        #[cfg(feature = "wgpu")]
        Inputs::There([left, right]) => composed::side_by_side(left, right).into(),
    }
}

/// A sum to whose columns at `places` the columns of `part` are added; in place where it is not shared.
///
/// # Shapes
/// - `sum`, returned: `[n_rows, n]`; `part`: `[n_rows, sum of places]`; `places`: within `n`, apart
pub(crate) fn add_at(sum: Tensor, part: Tensor, places: &[Range<usize>]) -> Tensor {
    match Inputs::together([sum, part]) {
        Inputs::Here([sum, part]) => arrange::add_at(sum, part, places.to_vec()).into(),
        #[cfg(feature = "wgpu")]
        Inputs::There([sum, part]) => composed::add_at(sum, part, places).into(),
    }
}

/// One row, `n_rows` times.
///
/// # Shapes
/// - `row`: `[1, d]`, returns `[n_rows, d]`
pub(crate) fn repeated(row: Tensor, n_rows: usize) -> Tensor {
    match Inputs::together([row]) {
        Inputs::Here([row]) => arrange::repeated(row, n_rows).into(),
        #[cfg(feature = "wgpu")]
        Inputs::There([row]) => composed::repeated(row, n_rows).into(),
    }
}

/// Each member's rows times its row of `scale`. All members have the same rows where `x` is shared.
///
/// # Shapes
/// - `x`: `[n_members * n_rows, d]`, or `[n_rows, d]` if it is shared; `scale`: `[n_members, d]`; returns
///   `[n_members * n_rows, d]`
pub(crate) fn scaled(x: Tensor, scale: Tensor, is_shared: bool) -> Tensor {
    match Inputs::together([x, scale]) {
        Inputs::Here([x, scale]) => members::scaled(x, scale, is_shared).into(),
        #[cfg(feature = "wgpu")]
        Inputs::There([x, scale]) => composed::scaled(x, scale, is_shared).into(),
    }
}

/// `x w + b` of each member.
///
/// # Shapes
/// - `x`: `[n_members * n_rows, k]`, `w`: `[n_members * k, n]`, `b`: `[n_members, n]`, returns
///   `[n_members * n_rows, n]`
pub(crate) fn member_products(x: Tensor, w: Tensor, b: Tensor) -> Tensor {
    match Inputs::together([x, w, b]) {
        Inputs::Here([x, w, b]) => members::member_products(x, w, b).into(),
        #[cfg(feature = "wgpu")]
        Inputs::There([x, w, b]) => composed::member_products(x, w, b).into(),
    }
}

/// Adds the same rows to those of every member.
///
/// # Shapes
/// - `x`, returned: `[n_members * n_rows, n]`; `part`: `[n_rows, n]`
pub(crate) fn add_to_members(x: Tensor, part: Tensor) -> Tensor {
    match Inputs::together([x, part]) {
        Inputs::Here([x, part]) => members::add_to_members(x, part).into(),
        #[cfg(feature = "wgpu")]
        Inputs::There([x, part]) => composed::add_to_members(x, part).into(),
    }
}

/// The sum of the terms' first rows, each times its factor: a loss to go back from.
///
/// # Shapes
/// - returns: `[1, 1]`
pub(crate) fn total<const N: usize>(terms: [(Tensor, f64); N]) -> Tensor {
    let factors = terms.each_ref().map(|(_, factor)| *factor as f32);
    match Inputs::together(terms.map(|(tensor, _)| tensor)) {
        Inputs::Here(terms) => scalar::total(terms, factors).into(),
        #[cfg(feature = "wgpu")]
        Inputs::There(terms) => composed::total(terms, factors).into(),
    }
}

/// The weighted sum of squared differences.
///
/// # Shapes
/// - `x`: any, `wanted` and `weights` of as many numbers; returns `[1, 1]`
pub(crate) fn squared_error(x: Tensor, wanted: Vec<f32>, weights: Vec<f32>) -> Tensor {
    match Inputs::together([x]) {
        Inputs::Here([x]) => scalar::squared_error(x, wanted, weights).into(),
        #[cfg(feature = "wgpu")]
        Inputs::There([x]) => composed::squared_error(x, wanted, weights).into(),
    }
}

/// Mean over rows of 1 - cosine; `others` are taken as they are, without a gradient.
///
/// # Shapes
/// - `x`, `others`: `[n_rows, d]`, returns `[1, 1]`
pub(crate) fn cosine_distance(x: Tensor, others: Tensor) -> Tensor {
    match Inputs::together([x, others]) {
        Inputs::Here([x, others]) => scalar::cosine_distance(x, others).into(),
        #[cfg(feature = "wgpu")]
        Inputs::There([x, others]) => composed::cosine_distance(x, others).into(),
    }
}

/// One AdamW step on the trained rows of a leaf and of both moments, which are updated in place where nobody
/// else holds them.
pub(crate) fn adamw(
    weights: &mut Tensor,
    gradient: Tensor,
    moments: &mut [Tensor; 2],
    step: AdamStep,
    trained: Option<&TrainedRows>,
) {
    match (weights, gradient, moments) {
        (Tensor::Here(weights), Tensor::Here(gradient), [Tensor::Here(first), Tensor::Here(second)]) => {
            let [n_rows, n_columns] = weights.shape();
            let all = TrainedRows::all(n_rows);
            let gradient = gradient.value().flat();
            let [w, m, v] = [weights, first, second].map(|x| x.value_mut().numbers_mut());
            for rows in trained.unwrap_or(&all).ranges() {
                let range = rows.start * n_columns..rows.end * n_columns;
                let (w, g) = (&mut w[range.clone()], &gradient[range.clone()]);
                adamw::update(w, g, &mut m[range.clone()], &mut v[range], step);
            }
        }
        #[cfg(feature = "wgpu")]
        (weights, gradient, moments) => composed::adamw(weights, gradient, moments, step, trained),
    }
}

/// The sum of the squares of all gradients of one step.
///
/// # Errors
/// As [`Tensor::read`].
pub(crate) fn square_sum<'a>(gradients: impl Iterator<Item = &'a Tensor>) -> crate::error::Result<f64> {
    let mut sum = 0.0;
    #[cfg(feature = "wgpu")]
    let mut there = Vec::new();
    for gradient in gradients {
        match gradient {
            Tensor::Here(gradient) => sum += elementwise::square_sum(&gradient.value().flat()),
            #[cfg(feature = "wgpu")]
            Tensor::There(gradient) => there.push((**gradient).clone()),
        }
    }
    #[cfg(feature = "wgpu")]
    if !there.is_empty() {
        sum += composed::square_sum(there)?;
    }
    Ok(sum)
}

#[cfg(test)]
mod tests;
