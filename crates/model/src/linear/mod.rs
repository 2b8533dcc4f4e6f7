//! Penalised linear models: of frozen vectors, to see what they say of a target, and of columns, to see
//! what a few more of them change; and of encoded cells, beside the other learners of a predictor.

mod cells;
mod descent;
mod design;
mod probe;
mod regression;

pub(crate) use cells::{CellPlan, Source as CellSource, of_number};
pub(crate) use descent::Regression;
pub(crate) use design::{Design, MOST_LEVELS};
pub(crate) use probe::Probe;
pub(crate) use regression::{Fit, Loss, Problem, mean};
