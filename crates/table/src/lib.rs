//! Rows to numbers: everything that happens to a table before a tensor exists.
//!
//! ```text
//! read -> Table -> schema -> split -> codec -> EncodedTable
//! ```
//!
//! This crate knows Arrow, files, column kinds and fitted codecs. It does not know
//! tensors, networks or losses, and it never prints, exits or reads the environment.
//!
//! Three words are kept apart everywhere: a cell is **missing** (no value), **unseen** (a value
//! that is not in the fitted vocabulary) or **non-finite** (a number that is not one).

pub mod cell;
pub mod codec;
mod column;
mod dates;
pub mod deal;
pub mod encoded;
pub mod error;
pub mod grid;
pub mod ledger;
mod marks;
mod names;
mod origin;
pub mod read;
pub mod row_filter;
pub mod row_hash;
mod row_place;
pub mod schema;
mod spelling;
pub mod split;
pub mod stats;
pub mod table;
pub mod threads;
pub mod unreadable;
mod visible;
mod whole_file;
pub mod workers;

pub use error::{Error, Result};
pub use row_place::{RowPlace, Rows};
pub use table::Table;
pub use visible::{is_hidden, visible};
pub use whole_file::{Waiting, check_folder, check_place, read_whole, write_beside, write_whole};
