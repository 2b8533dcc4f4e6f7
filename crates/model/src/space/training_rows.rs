//! Rows of a training by their parts, which of them are looked at, and how they are remembered.

use tabgraft_table::Table;
use tabgraft_table::codec::encode_in_pieces;
use tabgraft_table::encoded::EncodedTable;
use tabgraft_table::split::{Part, Split};
use tabgraft_table::workers::Shard;

use super::embed::cell_tables;
use super::{About, EmbeddingSpace, Known};
use crate::embed::CellTable;
use crate::error::{Error, Result};
use crate::objective::{Objective, Role};
use crate::train::{Allowance, Event, Purpose, Sink, TrainingData, VALIDATION_MOST, drawn};

/// The rows of a table by their part, and a key of each row.
pub(crate) struct Rows {
    pub train: Vec<usize>,
    pub valid: Vec<usize>,
    /// The part of each row.
    pub parts: Vec<Part>,
    /// A hash of each row's original cells.
    pub key: Vec<u64>,
    /// The worker whose rows these are, if others have the other rows.
    pub shard: Option<Shard>,
    /// Training and validation rows, of all workers.
    pub n_rows: [usize; 2],
}

impl EmbeddingSpace {
    /// The rows of `table`, and of `valid` behind them, by their part; with a warning where few are known.
    ///
    /// # Errors
    /// As [`EmbeddingSpace::row_parts`]; a schema error if the two tables differ in their columns, a value error
    /// if no row is left to train on.
    pub(crate) fn rows_of(
        &self,
        table: &Table,
        valid: Option<&Table>,
        sink: &mut Sink<'_>,
    ) -> Result<(Table, Rows)> {
        let parts = |table: &Table| self.told_parts(table, sink);
        rows_of_parts(table, valid, parts, &self.first_columns(), self.split())
    }
}

impl About {
    /// Remembers the rows of another version, where both remember theirs.
    pub(crate) fn join_rows(&mut self, other: &Self) {
        if let (Some(rows), Some(others)) = (&mut self.rows, &other.rows) {
            rows.join(others);
        }
    }

    /// Remembers the rows that this version was trained on and its parent does not know as they are. A child of a
    /// version that could not yet remember any says that it does not either.
    ///
    /// # Errors
    /// A schema error for a column of a type that cannot be read.
    pub(crate) fn remember_rows(&mut self, table: &Table, parts: &[Part], sink: &mut Sink<'_>) -> Result<()> {
        let Some(rows) = &mut self.rows else {
            // The hashes are the parent's until those of this version are computed.
            if self.hashes.claims.is_none() {
                let text = "the parent comes from format 1.3 or earlier and remembers no rows, and neither does this \
                            version: rows of which cells are changed later are not recognised; train anew to have \
                            them remembered"
                    .to_owned();
                let _ = sink(&Event::Note { text: text.clone() });
                self.keep_notes([text]);
            }
            return Ok(());
        };
        let known = rows.find(table)?;
        rows.add(table, parts, |row| !matches!(known[row], Known::Whole(_)))?;
        rows.join_workers(table.shard())
    }
}

/// The rows of `table`, and of `valid` behind them, by the parts that `assign` gives them, told apart by the hashes of
/// `split`.
///
/// # Errors
/// A schema error if the two tables differ in their columns, a value error if no row is left to
/// train on.
pub(super) fn rows_of_parts(
    table: &Table,
    valid: Option<&Table>,
    mut assign: impl FnMut(&Table) -> Result<Vec<Part>>,
    key_columns: &[String],
    split: &Split,
) -> Result<(Table, Rows)> {
    let (all, parts) = match valid {
        None => (table.clone(), assign(table)?),
        Some(valid) => {
            let all = table.append(valid).map_err(|e| e.at("validation table"))?;
            // The split's test rows stay out even here; its validation rows are no longer needed.
            let mut settled = |table: &Table, part: Part| -> Result<Vec<Part>> {
                let parts = assign(table)?;
                Ok(parts.into_iter().map(|p| if p == Part::Test { p } else { part }).collect())
            };
            let mut parts = settled(table, Part::Train)?;
            parts.extend(settled(valid, Part::Valid)?);
            (all, parts)
        }
    };
    let of = |wanted: Part| {
        parts.iter().enumerate().filter(|(_, p)| **p == wanted).map(|(i, _)| i).collect::<Vec<_>>()
    };
    let present: Vec<String> = key_columns.iter().filter(|c| all.has_column(c)).cloned().collect();
    let (train, valid) = (of(Part::Train), of(Part::Valid));
    let shard = all.shard().cloned();
    let mut n_rows = [train.len(), valid.len()].map(|n| n as u64);
    if let Some(shard) = &shard {
        shard.sum_counts(&mut n_rows)?;
    }
    let (key, n_rows) = (split.row_hashes(&all, &present)?, n_rows.map(|n| n as usize));
    let rows = Rows { train, valid, key, parts, shard, n_rows };
    if rows.train.is_empty() {
        return Err(Error::value(format!("none of the {} rows is left to train on", all.n_rows()))
            .with_hint("lower the shares of validation and test rows, or give more rows"));
    }
    Ok((all, rows))
}

/// The rows that a training looks at, the only ones whose cells become numbers.
pub(crate) struct LookedAt {
    /// Their places in the table, ascending.
    pub rows_idx: Vec<usize>,
    /// The same rows by their places among these.
    pub rows: Rows,
    /// Those of the validation rows that every epoch is measured on.
    pub watched: Vec<usize>,
}

impl Rows {
    /// Rows to train and to measure losses on, of one worker alone, of which nobody asks the parts.
    pub fn alone(train: Vec<usize>, valid: Vec<usize>, key: Vec<u64>) -> Self {
        let n_rows = [train.len(), valid.len()];
        Rows { train, valid, parts: Vec::new(), key, shard: None, n_rows }
    }

    /// This worker's share of so many rows of all workers.
    pub fn share(&self, n_rows: usize) -> usize {
        self.shard.as_ref().map_or(n_rows, |shard| n_rows.div_ceil(shard.n_workers()))
    }

    /// What a training on these training rows looks at: them, and the validation rows that losses are measured on,
    /// of which each epoch watches at most so many.
    pub fn looked_at(&self, train: Vec<usize>, most_watched: usize) -> LookedAt {
        let measured = drawn(&self.valid, &self.key, self.share(VALIDATION_MOST), Purpose::Validation);
        let watched = drawn(&measured, &self.key, self.share(most_watched), Purpose::Validation);
        let mut rows_idx = [&train[..], &measured].concat();
        rows_idx.sort_unstable();
        rows_idx.dedup();
        let mut place = vec![0; self.key.len()];
        rows_idx.iter().enumerate().for_each(|(i, row)| place[*row] = i);
        let placed = |rows: &[usize]| rows.iter().map(|row| place[*row]).collect::<Vec<_>>();
        LookedAt {
            rows: Rows {
                train: placed(&train),
                valid: placed(&measured),
                parts: Vec::new(),
                key: rows_idx.iter().map(|row| self.key[*row]).collect(),
                shard: self.shard.clone(),
                n_rows: self.n_rows,
            },
            watched: placed(&watched),
            rows_idx,
        }
    }
}

impl LookedAt {
    /// As [`training_data`], of these rows.
    pub fn training_data(
        &self,
        space: &EmbeddingSpace,
        encoded: &EncodedTable,
        roles: Vec<Role>,
        old_columns: std::ops::Range<usize>,
    ) -> TrainingData {
        TrainingData {
            watched_rows: self.watched.clone(),
            ..training_data(space, encoded, &self.rows, roles, old_columns)
        }
    }
}

impl LookedAt {
    /// As [`LookedAt::training_data`], of the cells of `table`, of which never more than a piece are numbers
    /// besides.
    ///
    /// # Errors
    /// A value error for a cell that cannot be read, in any row of the table.
    pub fn coded(
        &self,
        space: &EmbeddingSpace,
        table: &Table,
        roles: Vec<Role>,
        old_columns: std::ops::Range<usize>,
    ) -> Result<TrainingData> {
        let (network, about) = (&space.network, &space.about);
        let tokens = network.token_groups();
        let n_rows = self.rows_idx.len();
        let mut groups: Vec<CellTable> =
            tokens.iter().map(|g| CellTable::with_room(g.layout.clone(), &g.n_parts, n_rows)).collect();
        let mut objective = Objective::with_room(&network.first_logit, roles, self.rows.key.clone())
            .with_column_keys(&about.mask_keys);
        encode_in_pieces(&about.columns, &about.codecs, table, &self.rows_idx, &mut |piece| {
            for (group, tokens) in groups.iter_mut().zip(&tokens) {
                group.push(&piece.columns[tokens.columns.clone()], piece.n_rows);
            }
            objective.push(piece);
        })?;
        let data = data_of(space, groups, objective, &self.rows, old_columns);
        Ok(TrainingData { watched_rows: self.watched.clone(), ..data })
    }
}

/// What the training loop needs, for a space whose network and codecs stand.
pub(crate) fn training_data(
    space: &EmbeddingSpace,
    encoded: &EncodedTable,
    rows: &Rows,
    roles: Vec<Role>,
    old_columns: std::ops::Range<usize>,
) -> TrainingData {
    let objective = Objective::new(encoded, &space.network.first_logit, roles, rows.key.clone())
        .with_column_keys(&space.about.mask_keys);
    data_of(space, cell_tables(&space.network, encoded), objective, rows, old_columns)
}

fn data_of(
    space: &EmbeddingSpace,
    groups: Vec<CellTable>,
    objective: Objective,
    rows: &Rows,
    old_columns: std::ops::Range<usize>,
) -> TrainingData {
    TrainingData {
        groups,
        objective,
        train_rows: rows.train.clone(),
        valid_rows: rows.valid.clone(),
        watched_rows: rows.valid.clone(),
        n_rows: rows.n_rows,
        column_names: space.about.columns.iter().map(|c| c.name.clone()).collect(),
        old_columns,
        allowance: Allowance::of_batches(space.about.batch_size),
        shard: rows.shard.clone(),
    }
}
