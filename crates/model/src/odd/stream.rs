//! Scoring a table that comes part by part.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{Array, UInt32Array};
use arrow::compute::take;
use tabgraft_table::Table;
use tabgraft_table::cell;
use tabgraft_table::codec::Codec;
use tabgraft_table::encoded::{EncodedTable, NO_TARGET};
use tabgraft_table::threads::in_pool;

use super::expected::expected;
use super::{OddCell, OddRows, Oddity, SurpriseOptions};
use crate::EmbeddingSpace;
use crate::embed::CellState;
use crate::error::{Error, Result};
use crate::space::{
    Odds, Surprises, TableRemarks, UnseenCounts, cell_tables, class_nats, each_hidden, probabilities,
    row_score,
};

/// Rows that are numbers at a time.
const CHUNK_ROWS: usize = 4096;
/// Most characters of a cell that are told.
const MOST_SHOWN: usize = 80;

/// Scores the parts of a table one after the other: each row as in the whole, with the memory of one part.
pub struct SurpriseStream<'a> {
    space: &'a EmbeddingSpace,
    options: SurpriseOptions,
    /// `[n_columns]`.
    odds: Vec<Odds>,
    remarks: TableRemarks,
    unseen: UnseenCounts,
}

/// What is kept of one cell until the odd ones are known.
#[derive(Debug, Clone, Copy, Default)]
struct Said {
    nats: f32,
    low: u16,
    high: u16,
    p_expected: f32,
}

impl EmbeddingSpace {
    /// Begins with a table that comes part by part.
    ///
    /// # Errors
    /// An option error if an option is out of range, or the profile to hold rows against is none of this space.
    pub fn surprise_stream(&self, options: SurpriseOptions) -> Result<SurpriseStream<'_>> {
        options.check()?;
        if let Some(against) = &options.against {
            against.check(self.columns().len()).map_err(|e| Error::option(format!("`against`: {e}")))?;
        }
        let profile = options.against.as_ref().or(self.profile());
        let n_train = self.training_info().n_rows_train;
        let odds = |(c, codec)| match profile {
            Some(profile) => Odds::new(&profile.columns[c], codec),
            None => Odds::unknown(n_train, codec),
        };
        Ok(SurpriseStream {
            space: self,
            odds: self.codecs().iter().enumerate().map(odds).collect(),
            options,
            remarks: TableRemarks::default(),
            unseen: UnseenCounts::default(),
        })
    }
}

impl SurpriseStream<'_> {
    /// How odd the rows of the next part are.
    ///
    /// # Errors
    /// As [`EmbeddingSpace::surprise`]; rows are counted from the first part's first.
    pub fn score(&mut self, part: &Table) -> Result<OddRows> {
        let (space, n_before) = (self.space, self.remarks.n_rows);
        let readable = space.readable(part, self.options.errors)?;
        let made = space.complete(&readable.table)?;
        space.about.check_known(&made.table)?;
        if n_before == 0 {
            self.remarks.report = space.column_report(&readable.table);
        }
        let mut odd = OddRows::default();
        in_pool(|| {
            for first in (0..made.table.n_rows()).step_by(CHUNK_ROWS) {
                let chunk = made.table.slice(first, CHUNK_ROWS);
                let encoded = space.encode(&chunk)?;
                self.unseen.update_part(space.columns(), &encoded, &chunk)?;
                self.score_chunk(&chunk, &encoded, &mut odd)?;
            }
            Ok::<_, Error>(())
        })??;
        self.remarks.add(&readable, made.differing);
        Ok(odd)
    }

    /// What there is to say of all parts.
    pub fn finish(self) -> TableRemarks {
        let unseen = self.unseen.mostly_of_parts(self.space.columns(), self.space.codecs());
        TableRemarks { unseen, ..self.remarks }
    }

    /// What rows are held against; none where the file does not say it.
    pub fn surprises(&self) -> Option<&Surprises> {
        self.options.against.as_ref().or(self.space.profile())?.surprises.as_ref()
    }

    fn score_chunk(&self, chunk: &Table, encoded: &EncodedTable, odd: &mut OddRows) -> Result<()> {
        let (space, network) = (self.space, &self.space.network);
        let n_columns = space.columns().len();
        let groups = cell_tables(network, encoded);
        let places = space.places();
        let is_there: Vec<bool> = space.columns().iter().map(|c| chunk.has_column(&c.name)).collect();
        let rows: Vec<usize> = (0..encoded.n_rows).collect();
        let wants_reasons = self.options.n_reasons > 0;
        let said = each_hidden(network, &groups, &rows, |row, column, logits| {
            if !is_there[column] {
                return Said { nats: f32::NAN, ..Said::default() };
            }
            let class = encoded.columns[column].target[row];
            let nats = (class != NO_TARGET).then(|| class_nats(logits, class));
            let nats = self.odds[column].nats(places.state(&groups, row, column), nats);
            if !wants_reasons {
                return Said { nats, ..Said::default() };
            }
            let mut p = Vec::new();
            probabilities(logits, &mut p);
            let (low, high, p_expected) = expected(&space.codecs()[column], &p);
            Said { nats, low, high, p_expected }
        });
        let usual = self.surprises();
        let mean = |column: usize| usual.map_or(0.0, |usual| usual.cells[column][0]);
        // The cells that are told, by column, to read each column once.
        let mut told: Vec<Vec<u32>> = vec![Vec::new(); n_columns];
        let mut chosen: Vec<Vec<usize>> = Vec::with_capacity(rows.len());
        for (row, said) in said.chunks_exact(n_columns).enumerate() {
            let nats: Vec<f32> = said.iter().map(|said| said.nats).collect();
            let score = row_score(&nats, usual.map(|usual| &usual.cells[..])).unwrap_or(f64::NAN);
            odd.scores.push(score);
            odd.shares.extend(usual.map(|usual| usual.share_below(score)));
            let excess = |column: usize| f64::from(nats[column]) - mean(column);
            let mut columns: Vec<usize> = (0..n_columns).filter(|c| excess(*c) > 0.0).collect();
            columns.sort_by(|a, b| excess(*b).total_cmp(&excess(*a)));
            columns.truncate(self.options.n_reasons);
            columns.iter().for_each(|c| told[*c].push(row as u32));
            chosen.push(columns);
            odd.cells.extend(nats);
        }
        let mut found: HashMap<(usize, usize), Option<String>> = HashMap::new();
        for (column, rows) in told.into_iter().enumerate().filter(|(_, rows)| !rows.is_empty()) {
            let name = &space.columns()[column].name;
            let cells = take(chunk.column(name)?, &UInt32Array::from(rows.clone()), None)
                .map_err(|e| Error::value(format!("cannot take rows: {e}")))?;
            let texts = Arc::new(cell::texts(name, &cells)?);
            for (i, row) in rows.into_iter().enumerate() {
                let text = texts.is_valid(i).then(|| shortened(texts.value(i)));
                found.insert((row as usize, column), text);
            }
        }
        odd.reasons.extend(chosen.into_iter().enumerate().map(|(row, columns)| {
            let cell = |column: usize| {
                let Said { nats, low, high, p_expected } = said[row * n_columns + column];
                let codec = &space.codecs()[column];
                let found = found.remove(&(row, column)).flatten();
                OddCell {
                    column: space.columns()[column].name.clone(),
                    expected: expected_text(codec, low, high, found.as_deref()),
                    found,
                    oddity: match places.state(&groups, row, column) {
                        CellState::Missing => Oddity::Missing,
                        CellState::Unseen => Oddity::Unseen,
                        CellState::Beyond(_) => Oddity::OutOfRange,
                        CellState::Usual => Oddity::Value,
                    },
                    p_found: f64::from(-nats).exp(),
                    p_expected: f64::from(p_expected),
                    surprise: f64::from(nats),
                }
            };
            columns.into_iter().map(cell).collect()
        }));
        Ok(())
    }
}

/// The expected classes in words. A file knows yes and no alone, which are written here as the cell that stands there is.
fn expected_text(codec: &Codec, low: u16, high: u16, found: Option<&str>) -> String {
    let text = codec.inverse_range(low, high);
    match codec {
        Codec::Categorical(codec) if codec.is_boolean() => {
            let like = found.zip(cell::parse_truth(&text));
            like.and_then(|(found, truth)| cell::truth_like(truth, found)).unwrap_or(text)
        }
        _ => text,
    }
}

/// A cell as a report shows it.
fn shortened(text: &str) -> String {
    match text.chars().count() > MOST_SHOWN {
        true => text.chars().take(MOST_SHOWN).chain("...".chars()).collect(),
        false => text.to_owned(),
    }
}
