//! What a space loses on rows that it was not trained on.

use std::collections::BTreeMap;

use tabgraft_table::Table;

use super::{EmbeddingSpace, Rows, training_data};
use crate::error::Result;
use crate::objective::Role;
use crate::train::losses;

impl EmbeddingSpace {
    /// The loss of each column on hidden cells of these rows, as a training's validation measures it:
    /// cross-entropy over `ln(classes)`. Columns without a cell that could be hidden are absent.
    ///
    /// A row's cells are hidden alike in a space and in its descendants.
    ///
    /// # Errors
    /// A value error if a cell cannot be read as its column's kind.
    pub fn column_losses(&self, table: &Table) -> Result<BTreeMap<String, f64>> {
        let made = self.complete(table)?;
        let table = &*made.table;
        let rows = Rows::alone(Vec::new(), (0..table.n_rows()).collect(), self.keys_of(table)?);
        let n_columns = self.columns().len();
        let encoded = self.encode(table)?;
        let data = training_data(self, &encoded, &rows, vec![Role::OLD; n_columns], 0..n_columns);
        losses(&self.network, &data)
    }
}
