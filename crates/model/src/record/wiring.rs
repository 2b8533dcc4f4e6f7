//! How the columns of a space enter its network.

use serde::{Deserialize, Serialize};

/// One token group of the network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "group", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Wiring {
    /// Into the root's trunk.
    Root { n_columns: usize },
    /// Through a side network that reads these pieces of z: 0 is the root's, `i` that of side `i`.
    Side { n_columns: usize, d_side: usize, reads: Vec<usize> },
}

impl Wiring {
    /// Columns of the group.
    pub fn n_columns(&self) -> usize {
        match self {
            Wiring::Root { n_columns } | Wiring::Side { n_columns, .. } => *n_columns,
        }
    }
}
