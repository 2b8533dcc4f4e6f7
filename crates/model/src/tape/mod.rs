//! A small tape for gradients: matrices on the processor, and the steps that lead back from a loss to what
//! it was computed from.
//!
//! ```text
//! Matrix      numbers, shared until somebody writes
//! Variable    a matrix, and the node that made it if a leaf that trains is behind it
//! Node        a leaf, or one step back: the gradient of a value in, those of its parents out
//! Gradients   what backward() found at the leaves
//! ```
//!
//! An operation is a function from variables to a variable ([`Variable::recorded`]). Its step is run at most
//! once, in the reverse order of creation, so that every value's gradient is whole before it is handed on;
//! what it kept of the forward pass is freed at once. A step computes nothing for a parent that wants no
//! gradient, and where no parent does nothing is kept: frozen weights cost nothing. Nothing here can fail.

mod graph;
mod matrix;

pub(crate) use graph::{Gradients, Parents, Variable};
pub(crate) use matrix::Matrix;
