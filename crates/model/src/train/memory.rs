//! What a training needs of memory, estimated before it begins, and how it keeps within a limit.
//!
//! ```text
//! bytes = PROCESS + reading + coding + training
//! reading          the table once and a half, for what is read in pieces is joined; ROW bytes a row for its keys, its
//!                  part and its places; of what is not a first training also the cells as codecs make them
//! coding           the cells that batches are cut from: bins, positions, codes, classes, keys of all rows; twice more
//!                  those of the PIECE_CELLS that are coded at a time
//! training         weights + prefix + rows in flight
//! weights          4 bytes each; of those that train also gradient twice, two moments, two best epochs; of an anchored
//!                  graft those of its parent and its own before training
//! prefix           2 bytes a number that a frozen graft computes once (`prefix.rs`)
//! rows in flight   batch rows * step + anchored rows * (step + pass) + validation rows * pass, for an allocator does not
//!                  give all of the one to the other; where step = cells + kept + the larger of what its way back needs:
//!                            twice the logits, tokens, a block's 3 vectors and 3 inner ones
//!                        pass = cells + z + the larger of twice the logits and tokens with 3 vectors
//!                        cells: of a row as codecs make them, CELL_COPIES times
//!                        kept: tokens, of each block its vector and inner ones, of each norm two vectors, z twice
//!                        anchored rows: those of a batch that an anchored graft holds near its parent's
//! ```
//!
//! Reading and coding are over when training begins, but an allocator does not give all of their memory to it: of a wide
//! table the peak lies between the larger of the parts and their sum. `benches/memory.py --shapes` prints the estimate
//! beside what was measured, `crates/cli/tests/memory.rs` holds it.

use tabgraft_table::codec::PIECE_CELLS;

use super::anchor::Anchor;
use super::prefix::Prefix;
use super::step::VALIDATION_ROWS;
use super::{Event, Sink, TrainingData};
use crate::embed::D_TOKEN;
use crate::encoder::Network;
use crate::encoder::trunk::Block;
use crate::error::{Error, Result};
use crate::param::Params;

/// A process of up to four threads that trains next to nothing: code, threads, what the allocator keeps at hand. How many
/// there are has no say in it, or a limit would give other steps on another machine.
const PROCESS: u64 = 64 << 20;
/// Bytes of a row beside its cells while a training is prepared: its hashes, its part, its places, copies of it.
const ROW: u64 = 128;
/// How many times a piece is there while it is coded, beside its place among the cells: as columns of text and as what
/// codecs make of them.
const CODED_COPIES: u64 = 2;
/// Bytes of a number.
const NUMBER: u64 = 4;
/// Copies of a weight that trains: itself, gradient and what it is gathered from, two moments, the best epochs of two
/// phases.
const TRAINED_COPIES: u64 = 7;
/// Copies of a weight beside these where a parent is held near: the parent's, and the child's before training.
const ANCHOR_COPIES: u64 = 2;
/// How many times a row's cells are there while it is in flight: its bags grow by doubling.
const CELL_COPIES: u64 = 3;
/// Bytes of a table that are no matter.
const LEAST_TABLE: u64 = 1 << 20;
/// Fewest rows of a step.
const LEAST_BATCH: usize = 16;
/// Share of everything else that a prefix may add: a graft should need little more than its parent's
/// training did. How much of it is kept changes what is learned, so that a better estimate does not change it.
const PREFIX_SHARE: f64 = 0.15;
/// Copies of the weights in that everything else, as they were once estimated.
const BESIDE_COPIES: u64 = 6;

/// What a table is held in memory for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeldFor {
    /// To train or graft a space.
    Training,
    /// To fit a predictor: each of its learners has the cells in a form of its own.
    Fitting,
    /// To grow a predictor, by forests alone: with more columns than the fit, and all of its rows.
    Growing,
    /// To score predictions.
    Scoring,
}

/// Most bytes of cells that a table may have so that what it is held for keeps within `limit` bytes of memory,
/// table, process and all.
pub fn table_within(limit: u64, held_for: HeldFor) -> u64 {
    let copies = match held_for {
        // Texts and dates are four to six times as large in the cells as in the table.
        HeldFor::Training => 8,
        HeldFor::Fitting => 12,
        HeldFor::Growing | HeldFor::Scoring => 5,
    };
    // Of a small limit most is the process; what a training needs at least, it says itself.
    (limit.saturating_sub(2 * PROCESS).max(limit / 8) / copies).max(LEAST_TABLE)
}

/// Bytes of a training, by what asks for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Footprint {
    /// Everything but prefix and rows in flight: process, reading, coding and weights.
    fixed: u64,
    /// One copy of the weights.
    weights: u64,
    /// What a prefix may add a share of: bytes, and bytes of a row of a step.
    beside_prefix: [u64; 2],
    /// Rows that there are to train on, and to validate on.
    n_rows: [u64; 2],
    /// A row of a step.
    step: u64,
    /// A row of a pass without a gradient.
    pass: u64,
    /// Whether an anchor sends a part of each step's rows through parent and child once more.
    is_anchored: bool,
    /// A prefix with one way of hiding old cells, and what its validation rows add.
    prefix: Option<[u64; 2]>,
}

/// How a training goes about its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Allowance {
    /// Rows of a step.
    pub batch_size: usize,
    /// Rows that are computed at a time without a gradient.
    pub pass_rows: usize,
    /// Ways of hiding old cells that a frozen prefix is computed for; 0 for no prefix.
    pub n_variants: usize,
}

impl Allowance {
    /// Steps of so many rows, and no bound on memory but that nothing is kept.
    pub fn of_batches(batch_size: usize) -> Self {
        Allowance { batch_size, pass_rows: VALIDATION_ROWS, n_variants: 0 }
    }
}

impl Footprint {
    /// Of training all of these weights on this data, which was made from `n_rows` rows of
    /// `read_bytes` bytes: those of the table, and of encoded columns beside it.
    pub fn new(network: &Network, data: &TrainingData, read_bytes: usize, n_rows: usize) -> Self {
        let mut weights = 0;
        network.each("", &mut |_, param| {
            weights += NUMBER * param.shape().iter().product::<usize>() as u64;
        });
        let cells: u64 = data.groups.iter().map(|g| g.n_bytes()).sum::<u64>() + data.objective.n_bytes();
        let n_cells = data.objective.n_cells().max(1);
        let piece = cells * n_cells.min(PIECE_CELLS) as u64 / n_cells as u64;
        let reading = read_bytes as u64 * 3 / 2 + ROW * n_rows as u64;
        let coding = cells + CODED_COPIES * piece;
        let row = RowBytes::of(network, cells * data.objective.n_columns() as u64 / n_cells as u64);
        let prefix = Prefix::n_numbers(network, data).map(|n| n.map(|n| Prefix::NUMBER * n as u64));
        Footprint {
            fixed: PROCESS + reading + coding + TRAINED_COPIES * weights,
            weights,
            beside_prefix: [
                PROCESS + read_bytes as u64 + cells + BESIDE_COPIES * weights,
                beside_row(network),
            ],
            n_rows: [data.train_rows.len() as u64, data.watched_rows.len() as u64],
            step: row.step,
            pass: row.pass,
            is_anchored: false,
            prefix,
        }
    }

    /// Of a training that is held near a parent, or not.
    pub fn anchored(self, is_anchored: bool) -> Self {
        let fixed = if is_anchored { self.fixed + ANCHOR_COPIES * self.weights } else { self.fixed };
        Footprint { fixed, is_anchored, ..self }
    }

    /// Of a training that keeps nothing of what is frozen.
    pub fn without_prefix(self) -> Self {
        Footprint { prefix: None, ..self }
    }

    /// Bytes under an allowance.
    pub fn bytes(&self, allowance: &Allowance) -> u64 {
        self.fixed + self.in_flight(allowance, self.n_rows) + self.prefix(allowance.n_variants)
    }

    /// Bytes of the rows of a step and of a pass, of so many that there are to train and to validate on.
    fn in_flight(&self, allowance: &Allowance, [n_train, n_valid]: [u64; 2]) -> u64 {
        // Rows are shared out evenly among the steps of an epoch.
        let n_steps = n_train.div_ceil(allowance.batch_size as u64).max(1);
        let batch_size = n_train.div_ceil(n_steps);
        let held = if self.is_anchored { Anchor::n_rows(batch_size as usize) as u64 } else { 0 };
        let step = batch_size * self.step + held * (self.step + self.pass);
        step + n_valid.min(allowance.pass_rows as u64) * self.pass
    }

    /// Bytes of a prefix of so many ways of hiding old cells.
    fn prefix(&self, n_variants: usize) -> u64 {
        match self.prefix {
            Some([variant, valid]) if n_variants > 0 => variant * n_variants as u64 + valid,
            _ => 0,
        }
    }

    /// How to train with steps of `batch_size` rows, within `limit` bytes if there is one. A prefix
    /// that does not fit is left out, then steps are halved, each with a note.
    ///
    /// # Errors
    /// An option error with estimate and limit if even steps of [`LEAST_BATCH`] rows do not fit.
    pub fn within(&self, limit: Option<u64>, batch_size: usize, sink: &mut Sink<'_>) -> Result<Allowance> {
        let mut allowance = Allowance::of_batches(batch_size);
        let [beside, row] = self.beside_prefix;
        let beside = beside + row * batch_size.max(VALIDATION_ROWS / 2) as u64;
        let most = (beside as f64 * PREFIX_SHARE) as u64;
        allowance.n_variants = Prefix::VARIANTS
            .filter(|n| self.prefix(*n) <= most)
            .max()
            .filter(|_| self.prefix.is_some())
            .unwrap_or(0);
        let wanted = self.bytes(&allowance);
        let Some(limit) = limit else {
            let _ = sink(&Event::Memory { bytes: wanted });
            return Ok(allowance);
        };
        if wanted > limit && allowance.n_variants > 0 {
            allowance.n_variants = 0;
            note(sink, wanted, limit, "the parent's vectors are computed at every step, not kept".to_owned());
        }
        while self.bytes(&allowance) > limit && allowance.batch_size / 2 >= LEAST_BATCH {
            let needed = self.bytes(&allowance);
            allowance.batch_size /= 2;
            allowance.pass_rows = (allowance.pass_rows / 2).max(LEAST_BATCH);
            // A step has no more rows than there are.
            if (allowance.batch_size as u64) < self.n_rows[0] {
                note(sink, needed, limit, format!("the batch is halved to {} rows", allowance.batch_size));
            }
        }
        let least = self.bytes(&allowance);
        if least > limit {
            return Err(Error::option(format!(
                "option `memory_limit` is {}, but with a batch of {} rows the training needs about {}",
                megabytes(limit),
                allowance.batch_size,
                megabytes(least)
            ))
            .with_hint("raise the limit, or give fewer rows or columns"));
        }
        Ok(allowance)
    }
}

/// Bytes of a row in flight.
struct RowBytes {
    step: u64,
    pass: u64,
}

impl RowBytes {
    /// Of a network all of which trains, and so many bytes of a row's cells.
    fn of(network: &Network, cells: u64) -> Self {
        let sides = network.sides.iter().map(|side| (&side.trunk, vec![&side.tokens]));
        let parts = std::iter::once((&network.trunk, network.groups.iter().collect())).chain(sides);
        let (z, logits) = (network.d_model(), 2 * network.n_logits());
        let (mut kept, mut back, mut pass) = (2 * z, logits, logits);
        for (trunk, groups) in parts {
            let tokens = groups.iter().map(|g| g.layout.parts.len() * D_TOKEN).sum::<usize>();
            let inner = |block: &Block| block.b1.shape()[1];
            let widest = trunk.blocks.iter().map(inner).max().unwrap_or(0);
            kept += tokens + trunk.blocks.iter().map(|b| trunk.d() + inner(b)).sum::<usize>() + 2 * trunk.d();
            back = back.max(tokens).max(3 * (trunk.d() + widest));
            pass = pass.max(tokens + 3 * trunk.d());
        }
        let in_bytes = |numbers: usize| CELL_COPIES * cells + NUMBER * numbers as u64;
        RowBytes { step: in_bytes(kept + back), pass: in_bytes(z + pass) }
    }
}

/// Bytes of a row of a step as they were once estimated: what a prefix may add a share of.
fn beside_row(network: &Network) -> u64 {
    let tokens: usize = network.token_groups().iter().map(|g| g.layout.parts.len() * D_TOKEN).sum();
    let trunks = std::iter::once(&network.trunk).chain(network.sides.iter().map(|s| &s.trunk));
    let inner: usize =
        trunks.flat_map(|t| &t.blocks).map(|b| 5 * b.shift.shape()[1] + 4 * b.b1.shape()[1]).sum();
    NUMBER * (3 * tokens + inner + network.n_logits() * (3 * network.heads.len() + 2)) as u64
}

fn note(sink: &mut Sink<'_>, needed: u64, limit: u64, remedy: String) {
    let text = format!("memory: about {} needed, {} allowed: {remedy}", megabytes(needed), megabytes(limit));
    let _ = sink(&Event::Note { text });
}

/// Bytes as people read them.
fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FOOTPRINT: Footprint = Footprint {
        fixed: 1_000_000,
        weights: 0,
        beside_prefix: [1_000_000, 1000],
        n_rows: [100_000; 2],
        step: 1000,
        pass: 500,
        is_anchored: false,
        prefix: Some([50_000, 10_000]),
    };

    #[test]
    fn rows_that_there_are_not_are_not_in_flight() {
        let few = Footprint { n_rows: [100, 40], ..FOOTPRINT };
        assert_eq!(few.bytes(&Allowance::of_batches(256)), 1_000_000 + 100 * 1000 + 40 * 500);
    }

    fn within(limit: Option<u64>, batch_size: usize) -> (Result<Allowance>, Vec<String>) {
        let mut notes = Vec::new();
        let allowance = FOOTPRINT.within(limit, batch_size, &mut |event| {
            if let Event::Note { text } = event {
                notes.push(text.clone());
            }
            std::ops::ControlFlow::Continue(())
        });
        (allowance, notes)
    }

    #[test]
    fn an_anchor_sends_a_quarter_of_the_rows_through_both_networks() {
        let allowance = Allowance::of_batches(4096);
        let [plain, anchored] =
            [false, true].map(|is_anchored| FOOTPRINT.anchored(is_anchored).bytes(&allowance));
        assert_eq!(anchored - plain, 1000 * 1500);
    }

    #[test]
    fn without_a_limit_only_the_prefix_is_bounded() {
        let (allowance, notes) = within(None, 256);
        let allowance = allowance.expect("nothing is refused");
        assert!(notes.is_empty());
        assert_eq!((allowance.batch_size, allowance.n_variants), (256, 4));
        let large = Footprint { prefix: Some([200_000, 10_000]), ..FOOTPRINT };
        let allowance = large.within(None, 256, &mut |_| std::ops::ControlFlow::Continue(()));
        assert_eq!(allowance.expect("nothing is refused").n_variants, 0);
    }

    #[test]
    fn a_batch_beyond_the_rows_that_there_are_is_halved_without_a_word() {
        let few = Footprint { n_rows: [100, 40], prefix: None, ..FOOTPRINT };
        let mut notes = Vec::new();
        let allowance = few.within(Some(1_045_000), 512, &mut |event| {
            if let Event::Note { text } = event {
                notes.push(text.clone());
            }
            std::ops::ControlFlow::Continue(())
        });
        assert_eq!(allowance.map(|a| a.batch_size).ok(), Some(32));
        assert_eq!(notes.len(), 2, "{notes:?}");
        assert!(notes[0].contains("halved to 64 rows"), "{notes:?}");
    }

    #[test]
    fn a_limit_drops_the_prefix_then_halves_steps_then_refuses() {
        let (allowance, notes) = within(Some(1_800_000), 256);
        assert_eq!(allowance.map(|a| (a.batch_size, a.n_variants)).ok(), Some((256, 0)));
        assert_eq!(notes.len(), 1);
        let (allowance, notes) = within(Some(1_100_000), 256);
        let allowance = allowance.expect("smaller steps fit");
        assert!(allowance.batch_size < 256 && FOOTPRINT.bytes(&allowance) <= 1_100_000);
        assert!(notes.iter().skip(1).all(|n| n.contains("halved")) && notes.len() > 1, "{notes:?}");
        let error = within(Some(1_000_001), 256).0.expect_err("nothing fits");
        assert!(error.is_option() && error.to_string().contains("1.0 MB"), "{error}");
    }
}
