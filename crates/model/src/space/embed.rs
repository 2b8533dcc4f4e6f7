//! Rows to vectors.

use rayon::prelude::*;
use tabgraft_table::Table;
use tabgraft_table::encoded::EncodedTable;

use super::{ColumnReport, EmbeddingSpace, UnseenColumn, UnseenCounts};
use crate::embed::CellTable;
use crate::encoder::Network;
use crate::error::Result;
use crate::kernel::{Dropout, ROW_BLOCK};

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
}

impl Embeddings {
    /// One row's vector; empty if there is no such row.
    pub fn row(&self, i: usize) -> &[f32] {
        self.values.get(i * self.d_model..(i + 1) * self.d_model).unwrap_or(&[])
    }
}

impl EmbeddingSpace {
    /// Embeds each row of a table.
    ///
    /// A row's vector has the same bits alone, in any batch and in any order, on one machine and
    /// build: rows are computed in blocks of fixed height. Columns that the space does not know
    /// are listed in the report, columns that the table lacks count as missing.
    ///
    /// # Shapes
    /// - returns: `[n_rows, d_model]`
    ///
    /// # Errors
    /// A schema error with both sets of names if not one column of the table is known; a value error if a
    /// cell cannot be read as its column's kind.
    pub fn embed(&self, table: &Table) -> Result<Embeddings> {
        self.about.check_known(table)?;
        let mut values = vec![0.0; table.n_rows() * self.d_model()];
        let mut unseen = UnseenCounts::default();
        for (i, values) in values.chunks_mut(CHUNK_ROWS * self.d_model()).enumerate() {
            let chunk = table.slice(i * CHUNK_ROWS, CHUNK_ROWS);
            let encoded = self.encode(&chunk)?;
            unseen.update(&encoded);
            embed_into(&self.network, &encoded, values);
        }
        Ok(Embeddings {
            n_rows: table.n_rows(),
            d_model: self.d_model(),
            values,
            report: self.column_report(table),
            unseen: unseen.mostly(self.columns(), self.codecs(), table)?,
        })
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

/// Embeds encoded rows in blocks of [`ROW_BLOCK`], the last one padded, one tile of blocks after the
/// other through the whole network.
///
/// # Shapes
/// - `values`: `[n_rows, d_model]`
fn embed_into(network: &Network, table: &EncodedTable, values: &mut [f32]) {
    let groups = cell_tables(network, table);
    let rows: Vec<usize> = (0..table.n_rows).collect();
    values.par_chunks_mut(TILE_ROWS * network.d_model()).zip(rows.par_chunks(TILE_ROWS)).for_each(
        |(values, rows)| {
            let padded = rows.len().next_multiple_of(ROW_BLOCK);
            let cells: Vec<_> = groups.iter().map(|g| g.batch(rows, padded, None)).collect();
            let z = network.pieces(&cells, Dropout::OFF).whole().inner().into_data();
            if let Ok(z) = z.as_slice::<f32>() {
                values.copy_from_slice(&z[..values.len()]);
            }
        },
    );
}

/// The cells of each token group, in the order of the columns' arrival.
pub(crate) fn cell_tables(network: &Network, table: &EncodedTable) -> Vec<CellTable> {
    network
        .token_groups()
        .iter()
        .map(|g| CellTable::new(g.layout.clone(), &table.columns[g.columns.clone()], table.n_rows))
        .collect()
}
