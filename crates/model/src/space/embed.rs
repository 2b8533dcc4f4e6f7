//! Rows to vectors.

use std::sync::Arc;

use arrow::array::{ArrayRef, FixedSizeListArray, Float32Array};
use arrow::datatypes::{DataType, Field};
use arrow::error::ArrowError;
use rayon::prelude::*;
use tabgraft_feature::Differing;
use tabgraft_table::Table;
use tabgraft_table::encoded::EncodedTable;
use tabgraft_table::threads::{in_pool, in_pool_or_alone};

use super::{ColumnReport, EmbeddingSpace, UnseenColumn, UnseenCounts};
use crate::embed::CellTable;
use crate::encoder::Network;
use crate::error::{Error, Result};
use crate::kernel::{Dropout, ROW_BLOCK, block_of};

/// Rows that are encoded and embedded at a time.
const CHUNK_ROWS: usize = 64 * ROW_BLOCK;

/// Rows that go through the network together: what they leave between two layers stays in the cache, and
/// a side's dozen operations are not called too often.
const TILE_ROWS: usize = 4 * ROW_BLOCK;

/// One vector per row.
#[derive(Debug, Clone, PartialEq)]
pub struct Embeddings {
    /// Number of rows.
    pub n_rows: usize,
    /// Length of a vector.
    pub d_model: usize,
    /// `[n_rows, d_model]`, row-major.
    pub values: Vec<f32>,
    /// What became of the table's columns.
    pub report: ColumnReport,
    /// Columns whose cells are all or mostly values that no training row had.
    pub unseen: Vec<UnseenColumn>,
    /// Features that the table had, with cells that are not what the feature gives.
    pub differing: Vec<Differing>,
}

impl Embeddings {
    /// One row's vector; empty if there is no such row.
    pub fn row(&self, i: usize) -> &[f32] {
        self.values.get(i * self.d_model..(i + 1) * self.d_model).unwrap_or(&[])
    }
}

/// Vectors as one column of Arrow, a list of fixed size in each row: what vector stores take.
///
/// # Shapes
/// - `values`: `[n_rows, d_model]`, row-major
///
/// # Errors
/// An option error if the vectors are longer than Arrow can say.
pub fn vector_column(values: Vec<f32>, d_model: usize) -> Result<ArrayRef> {
    // As others write it: tables of a store are appended to only where the types are the same.
    let item = Arc::new(Field::new_list_field(DataType::Float32, true));
    let column = i32::try_from(d_model).map_err(|_| ArrowError::InvalidArgumentError("too long".to_owned()));
    let column = column
        .and_then(|size| FixedSizeListArray::try_new(item, size, Arc::new(Float32Array::from(values)), None));
    let column = column.map_err(|_| {
        Error::option(format!("vectors of {d_model} coordinates cannot be a column of lists of fixed size"))
    })?;
    Ok(Arc::new(column))
}

impl EmbeddingSpace {
    /// Embeds each row of a table.
    ///
    /// A row's vector has the same bits alone, in any batch and in any order, on one machine and
    /// build: rows are computed in blocks of fixed height. Columns that the space does not know
    /// are listed in the report, columns that the table lacks count as missing. Features that it lacks are
    /// computed; those that it has are used, and listed where they are not what the feature gives.
    ///
    /// # Shapes
    /// - returns: `[n_rows, d_model]`
    ///
    /// # Errors
    /// A schema error with both sets of names if not one column of the table is known; a value error if a
    /// cell cannot be read as its column's kind, or if the weights are so large that a row has no finite
    /// vector.
    pub fn embed(&self, table: &Table) -> Result<Embeddings> {
        let report = self.column_report(table);
        let made = self.complete(table)?;
        let table = &*made.table;
        self.about.check_known(table)?;
        let mut unseen = UnseenCounts::default();
        let values = self.embed_rows(table, &mut |encoded, _| {
            unseen.update(encoded);
            Ok(())
        })?;
        Ok(Embeddings {
            n_rows: table.n_rows(),
            d_model: self.d_model(),
            values,
            report,
            differing: made.differing,
            unseen: unseen.mostly(self.columns(), self.codecs(), table)?,
        })
    }

    /// The vectors of a table that has all features, and so many rows before it. `counted` sees the cells of each
    /// chunk as they are embedded.
    ///
    /// # Errors
    /// As [`EmbeddingSpace::embed`].
    pub(super) fn embed_rows(
        &self,
        table: &Table,
        counted: &mut (dyn FnMut(&EncodedTable, &Table) -> Result<()> + Send),
    ) -> Result<Vec<f32>> {
        let mut values = vec![0.0; table.n_rows() * self.d_model()];
        in_pool(|| {
            for (i, values) in values.chunks_mut(CHUNK_ROWS * self.d_model()).enumerate() {
                let chunk = table.slice(i * CHUNK_ROWS, CHUNK_ROWS);
                let encoded = self.encode(&chunk)?;
                counted(&encoded, &chunk)?;
                embed_into(&self.network, &encoded, values);
                if let Some(at) = values.iter().position(|value| !value.is_finite()) {
                    let row = at / self.d_model();
                    return Err(self.no_vector(&encoded, row).in_rows_of(&chunk));
                }
            }
            Ok(())
        })??;
        Ok(values)
    }
}

impl EmbeddingSpace {
    /// Says that a row has no finite vector, and names the cell without which it would have one.
    fn no_vector(&self, encoded: &EncodedTable, row: usize) -> Error {
        let groups = cell_tables(&self.network, encoded);
        let is_finite_without = |(g, column): (usize, usize)| {
            let cells = groups.iter().enumerate().map(|(other, group)| {
                let mut group = group.clone();
                if other == g {
                    group.take_away(column);
                }
                group.batch(&[row], ROW_BLOCK, None)
            });
            let z = self.network.pieces(&cells.collect::<Vec<_>>(), Dropout::OFF).whole();
            z.here().flat()[..self.d_model()].iter().all(|value| value.is_finite())
        };
        let token_groups = self.network.token_groups();
        let culprit = token_groups.iter().enumerate().find_map(|(g, group)| {
            let column = (0..group.columns.len()).find(|column| is_finite_without((g, *column)))?;
            Some(&self.columns()[group.columns.start + column].name)
        });
        let cell = culprit.map(|name| format!(" for its cell of column `{name}`")).unwrap_or_default();
        let version = match self.name() {
            "" => format!("version {}", self.id()),
            name => format!("`{name}` (version {})", self.id()),
        };
        Error::value(format!(": the weights of {version} are too large{cell}: its vector is not finite"))
            .in_row("", row)
            .with_hint("train the version anew, or use an earlier one")
    }
}

/// Embeds encoded rows.
///
/// # Shapes
/// - returns: `[n_rows, d_model]`
pub(crate) fn embed_encoded(network: &Network, table: &EncodedTable) -> Vec<f32> {
    let mut values = vec![0.0; table.n_rows * network.d_model()];
    embed_into(network, table, &mut values);
    values
}

/// Embeds encoded rows in blocks of [`block_of`], the last one padded, one tile of blocks after the
/// other through the whole network.
///
/// # Shapes
/// - `values`: `[n_rows, d_model]`
fn embed_into(network: &Network, table: &EncodedTable, values: &mut [f32]) {
    let groups = cell_tables(network, table);
    let rows: Vec<usize> = (0..table.n_rows).collect();
    let block = block_of(table.n_rows, network.product_shapes());
    let embed = |(values, rows): (&mut [f32], &[usize])| {
        let padded = rows.len().next_multiple_of(block);
        let cells: Vec<_> = groups.iter().map(|g| g.batch(rows, padded, None)).collect();
        let z = network.pieces(&cells, Dropout::OFF).whole();
        values.copy_from_slice(&z.here().flat()[..values.len()]);
    };
    let tiles = values.par_chunks_mut(TILE_ROWS * network.d_model()).zip(rows.par_chunks(TILE_ROWS));
    in_pool_or_alone(|| tiles.for_each(embed));
}

/// The cells of each token group, in the order of the columns' arrival.
pub(crate) fn cell_tables(network: &Network, table: &EncodedTable) -> Vec<CellTable> {
    network
        .token_groups()
        .iter()
        .map(|g| CellTable::new(g.layout.clone(), &table.columns[g.columns.clone()], table.n_rows))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Float64Array, RecordBatch};

    use super::*;
    use crate::param::{Param, Params};
    use crate::space::{FitOptions, SpaceConfig};
    use crate::train::TrainingOptions;

    fn table() -> Table {
        let column = |factor: f64| -> ArrayRef {
            Arc::new(Float64Array::from_iter_values((0..100).map(|i| f64::from(i * 7 % 31) * factor)))
        };
        let batch = RecordBatch::try_from_iter([("a", column(1.0)), ("b", column(-3.0))]);
        Table::new(batch.expect("two columns")).expect("a table")
    }

    #[test]
    fn weights_that_are_too_large_are_an_error_that_names_version_row_and_column() {
        let table = table();
        let config =
            SpaceConfig { training: TrainingOptions::of_epochs(1), d_model: 16, ..SpaceConfig::default() };
        let options = FitOptions { config, ..FitOptions::default() };
        let space = EmbeddingSpace::fit(&table, None, &options, &mut |_| ControlFlow::Continue(()));
        let mut space = space.expect("a space");
        assert!(space.embed(&table).is_ok());
        // Finite weights of one column, beyond what a sum of squares can hold.
        space.network.groups[0].tables.each_mut("", &mut |name, table| {
            if name == "bias" {
                let mut values = table.values();
                values[..crate::embed::D_TOKEN].fill(1e30);
                *table = Param::new(values, table.shape());
            }
        });
        let error = space.embed(&table).expect_err("no vector").to_string();
        assert!(error.starts_with("row 0: ") && error.contains("column `a`"), "{error}");
        assert!(error.contains(&format!("the weights of version {} are too large", space.id())), "{error}");
        // Those that no cell chooses: none is to blame, and the values are no zeros either.
        let large = (0..16).map(|i| if i % 2 == 0 { 1e30 } else { -1e30 }).collect();
        space.network.trunk.bias = Param::new(large, [1, 16]);
        let error = space.embed(&table).expect_err("no vector");
        assert!(error.is_value() && !error.to_string().contains("column"), "{error}");
    }
}
