//! Penalised linear models: of frozen vectors, to see what they say of a target, and of columns, to see
//! what a few more of them change.

mod design;
mod probe;
mod regression;

pub(crate) use design::{Design, MOST_LEVELS};
pub(crate) use probe::Probe;
pub(crate) use regression::{Fit, Loss, Problem, mean, sigmoid, softplus};
