//! Making one space of several descendants of one ancestor.
//!
//! ```text
//!            ┌─ side a ─┐                 ┌─ side a
//! ancestor ──┤          ├──►  ancestor ──┤
//!            └─ side b ─┘                 └─ side b      z = [z_ancestor ; a ; b]
//! ```
//!
//! Where the descendants differ from the ancestor by frozen grafts alone, the merge is *exact*: each side
//! goes on reading the pieces of its own line, so every coordinate keeps its bits. Corrections of the
//! old columns' logits add up, which is right for pieces that tell of an old column independently (the
//! logarithms of their likelihood ratios add). Where old weights diverged, the first descendant
//! gets the others' columns, with their codecs and tokens, and is trained.
//!
//! A frozen refresh changes no old weight either: the rows of its new levels are put behind the ancestor's.
//!
//! Descendants are put in the order of their hashes first, so that the order of the arguments does not
//! matter.

mod ancestor;
mod conflict;
mod exact;
mod trained;

use std::cmp::Reverse;

use tabgraft_table::Table;
use tabgraft_table::table::quoted;

use super::ExtendOptions;
use super::prune::mean;
use crate::error::{Error, Result};
use crate::space::{
    EmbeddingSpace, ExtensionMetadata, Hashes, Mode, Operation, ParentRef, Wiring, step_from,
};
use crate::train::{Event, Sink, TrainingOptions};
use ancestor::common_ancestor;
use conflict::{check_apart, check_columns, most_levels_first, returning};

/// How to merge.
#[derive(Debug, Clone)]
pub struct MergeOptions {
    /// Name of the child. Default: the parents' names with `+` between them.
    pub name: Option<String>,
    /// How the first parent is extended by the others' columns where old weights diverged; an exact
    /// merge trains nothing. Default [`Mode::Joint`].
    pub mode: Mode,
    /// As for a graft, in mode [`Mode::Anchored`].
    pub drift_bound: Option<f64>,
    /// How a merge is trained that has to be, as for a graft onto the first parent.
    pub training: TrainingOptions,
}

impl Default for MergeOptions {
    fn default() -> Self {
        MergeOptions { name: None, mode: Mode::Joint, drift_bound: None, training: TrainingOptions::DEFAULT }
    }
}

impl MergeOptions {
    fn as_graft(&self) -> ExtendOptions {
        ExtendOptions {
            mode: self.mode,
            drift_bound: self.drift_bound,
            training: self.training,
            ..ExtendOptions::default()
        }
    }
}

impl EmbeddingSpace {
    /// Makes one space of two or more descendants of one ancestor, which may have different new columns.
    ///
    /// Exact where all differ from the ancestor by frozen grafts alone: the ancestor's coordinates stand
    /// first, the parents' extra coordinates behind them, all with their bits, and equal grafts
    /// once; levels that a frozen refresh brought come along. No table is needed then; with one, losses are measured. Where old weights diverged, the
    /// columns of the others are grafted onto the first parent and trained on `table`, which has all
    /// columns. The order of `spaces` does not matter; parents are ordered by their hashes. A column that was
    /// pruned from one and is in another is in the child, with a note.
    ///
    /// # Errors
    /// An option error for fewer than two spaces, equal ones, one that descends from another, spaces
    /// without a common ancestor or of different splits; a schema error for one column name with two
    /// definitions, or trained twice. Each names both sides. A training error if no gradient is finite.
    pub fn merge(
        spaces: &[&EmbeddingSpace],
        table: Option<&Table>,
        options: &MergeOptions,
        sink: &mut Sink<'_>,
    ) -> Result<Self> {
        options.as_graft().check()?;
        table.map_or(Ok(()), |table| table.check_all_here("merging"))?;
        let mut spaces = spaces.to_vec();
        // The longest line first: what it shares with others keeps the order that its later sides read.
        spaces.sort_by_key(|s| {
            let hashes = s.hashes();
            (Reverse(s.network.sides.len()), &hashes.weights, &hashes.schema, &hashes.data)
        });
        if spaces.len() < 2 {
            return Err(too_few(spaces.len()));
        }
        check_apart(&spaces)?;
        let ancestor = common_ancestor(&spaces)?;
        check_columns(&spaces)?;
        if ancestor.n_entries.is_none() {
            spaces = most_levels_first(&spaces)?;
        }
        let [first, others @ ..] = &spaces[..] else { return Err(too_few(0)) };
        for text in returning(&spaces) {
            let _ = sink(&Event::Note { text });
        }
        let mut whole = table.map(std::borrow::Cow::Borrowed);
        if let Some(table) = &mut whole {
            for space in &spaces {
                *table = std::borrow::Cow::Owned(space.completed(table, sink)?.into_owned());
            }
        }
        let table = whole.as_deref();
        let mut merged = match &ancestor.n_entries {
            Some(n_entries) => first.merged_exactly(others, n_entries, table)?,
            None => match table {
                Some(table) => first.merged_by_training(others, table, options, sink)?,
                None => {
                    return Err(Error::option(format!(
                        "old weights diverged between {}: not all of them are frozen grafts of their common \
                         ancestor (weights {})",
                        names(&spaces),
                        ancestor.hashes.weights
                    ))
                    .with_hint("give a table with all columns: the merge is then trained"));
                }
            },
        };
        let is_exact = ancestor.n_entries.is_some();
        let about = &mut merged.about;
        let joined: Vec<&str> = spaces.iter().map(|s| s.name()).collect();
        about.name = options.name.clone().unwrap_or_else(|| joined.join("+"));
        about.planned_epochs = spaces.iter().map(|s| s.about.planned_epochs).max().unwrap_or_default();
        for other in others {
            for excluded in &other.about.excluded {
                let known = about.columns.iter().any(|c| c.name == excluded.name)
                    || about.excluded.iter().any(|e| e.name == excluded.name);
                if !known {
                    about.excluded.push(excluded.clone());
                }
            }
            let notes: Vec<String> =
                other.notes().iter().filter(|note| !about.notes.contains(note)).cloned().collect();
            about.keep_notes(notes);
            about.join_reading(&other.about);
        }
        let columns = &about.columns;
        about.excluded.retain(|e| columns.iter().all(|c| c.name != e.name));
        let trained = (!is_exact).then(|| about.extensions.pop()).flatten();
        let step = trained.unwrap_or_else(|| ExtensionMetadata {
            parent_validation_loss: mean(first.training_info().final_column_losses.values().copied()),
            ..first.next_step(&about.created)
        });
        about.remember(ExtensionMetadata {
            operation: Operation::Merge,
            other_parents: others.iter().map(|other| parent_ref(other, &ancestor.hashes)).collect(),
            new_columns_added: about.columns[first.about.columns.len()..]
                .iter()
                .map(|c| c.name.clone())
                .collect(),
            extended_column_count: about.columns.len(),
            d_side: merged.network.d_model() - first.network.d_model(),
            data_hash: about.hashes.data.clone(),
            ..step
        });
        Ok(merged)
    }
}

/// A further parent, with its line since the ancestor.
fn parent_ref(space: &EmbeddingSpace, ancestor: &Hashes) -> ParentRef {
    let line = space.extensions();
    let is_ancestor = |hashes: &Hashes| hashes == ancestor;
    // The step that came from the ancestor, directly or through another parent of a merge.
    let first = line.iter().rposition(|e| step_from(std::slice::from_ref(e), &is_ancestor).is_some());
    ParentRef {
        name: space.name().to_owned(),
        hashes: space.hashes().clone(),
        line: line[first.unwrap_or(0)..].to_vec(),
    }
}

fn n_sides(wiring: &[Wiring]) -> usize {
    wiring.iter().filter(|entry| matches!(entry, Wiring::Side { .. })).count()
}

fn names(spaces: &[&EmbeddingSpace]) -> String {
    let names: Vec<&str> = spaces.iter().map(|s| s.name()).collect();
    quoted(&names)
}

fn too_few(n: usize) -> Error {
    Error::option(format!("{n} space(s) to merge, at least 2 are needed"))
        .with_hint("give two or more versions that were extended from one space")
}
