//! What each column means: its kind, why that kind, and which columns are left out and why.

mod forms;
mod infer;
mod kind_of_cells;
pub mod profile;
mod remarks;
mod spellings;

pub use crate::column::{ColumnSpec, ExcludedColumn, Exclusion, Kind, Schema};
pub use crate::dates::DateFormat;
pub use infer::{InferOptions, infer};
