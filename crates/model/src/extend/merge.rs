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
//! Descendants are put in the order of their hashes first, so that the order of the arguments does not
//! matter.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;
use tabgraft_table::Table;
use tabgraft_table::codec::Codec;
use tabgraft_table::schema::{ColumnSpec, Exclusion};
use tabgraft_table::table::quoted;

use super::graft::Graft;
use super::prune::mean;
use crate::encoder::Network;
use crate::encoder::network::ColumnShape;
use crate::encoder::param::Params;
use crate::encoder::surgery::SideParts;
use crate::encoder::weights::to_blobs;
use crate::error::{Error, Result};
use crate::objective::Role;
use crate::space::{
    EmbeddingSpace, ExtensionMetadata, Freeze, Hashes, Mode, Operation, ParentRef, SoftwareVersion, Wiring,
    column_shape, now, rows_of_parts, step_from, training_data,
};
use crate::store::{json_hash, weights_hash};
use crate::train::{Event, Sink, TrainingInfo, validation_losses};

use super::ExtendOptions;

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
    /// Epochs of a trained merge. Default: as for a graft.
    pub n_epochs: Option<usize>,
    /// As for a graft.
    pub auto_epochs: bool,
    /// Rows of a step. Default: the first parent's.
    pub batch_size: Option<usize>,
    /// Seed of a trained merge. Default 0.
    pub seed: u64,
}

impl Default for MergeOptions {
    fn default() -> Self {
        MergeOptions {
            name: None,
            mode: Mode::Joint,
            drift_bound: None,
            n_epochs: None,
            auto_epochs: true,
            batch_size: None,
            seed: 0,
        }
    }
}

impl MergeOptions {
    fn as_graft(&self) -> ExtendOptions {
        ExtendOptions {
            mode: self.mode,
            drift_bound: self.drift_bound,
            n_epochs: self.n_epochs,
            auto_epochs: self.auto_epochs,
            batch_size: self.batch_size,
            seed: self.seed,
            ..ExtendOptions::default()
        }
    }
}

/// What all descendants have in common.
struct Ancestor {
    hashes: Hashes,
    /// For each descendant the entries of its wiring that were the ancestor's; `None` if one of them
    /// has other weights in that place.
    n_entries: Option<Vec<usize>>,
}

impl EmbeddingSpace {
    /// Makes one space of two or more descendants of one ancestor, which may have different new columns.
    ///
    /// Exact where all differ from the ancestor by frozen grafts alone: the ancestor's coordinates stand
    /// first, the parents' extra coordinates behind them, all with their bits, and equal grafts
    /// once. No table is needed then; with one, losses are measured. Where old weights diverged, the
    /// columns of the others are grafted onto the first parent and trained on `table`, which has all
    /// columns. The order of `spaces` does not matter; parents are ordered by their hashes.
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
        let mut spaces = spaces.to_vec();
        // The longest line first: what it shares with others keeps the order that its later sides read.
        spaces.sort_by_key(|s| {
            let hashes = s.hashes();
            (Reverse(s.network.sides.len()), &hashes.weights, &hashes.schema, &hashes.data)
        });
        let [first, others @ ..] = &spaces[..] else { return Err(too_few(0)) };
        if others.is_empty() {
            return Err(too_few(1));
        }
        check_apart(&spaces)?;
        let ancestor = common_ancestor(&spaces)?;
        check_columns(&spaces)?;
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
            about.notes.extend(notes);
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

    /// The own line, and behind it the sides of the others that it has not.
    fn merged_exactly(
        &self,
        others: &[&EmbeddingSpace],
        n_entries: &[usize],
        table: Option<&Table>,
    ) -> Result<Self> {
        let mut merged = self.clone();
        let mut rng = Pcg64Mcg::seed_from_u64(0);
        let n_common = n_entries[0];
        let n_common_sides = n_sides(&self.about.wiring[..n_common]);
        // The pieces of the merged space by what they are.
        let mut known: BTreeMap<String, usize> = self
            .side_keys(n_common)?
            .into_iter()
            .enumerate()
            .map(|(i, key)| (key, 1 + n_common_sides + i))
            .collect();
        for (other, n_entries) in others.iter().zip(&n_entries[1..]) {
            // The other's pieces and columns by their numbers in the merged space.
            let mut piece: Vec<usize> = (0..=n_common_sides).collect();
            let n_common_columns: usize =
                other.about.wiring[..*n_entries].iter().map(Wiring::n_columns).sum();
            let mut column: Vec<usize> = (0..n_common_columns).collect();
            for (i, key) in other.side_keys(*n_entries)?.into_iter().enumerate() {
                if let Some(place) = known.get(&key) {
                    piece.push(*place);
                    column.extend(merged.network.sides[place - 1].tokens.columns.clone());
                    continue;
                }
                let side = n_common_sides + i;
                let Some(parts) = other.network.side_parts(&other.about.wiring, side) else { continue };
                let reads: Vec<usize> = parts.side.reads.iter().map(|p| piece[*p]).collect();
                let [first, second] = parts.heads;
                // Its own columns stand last, here as there.
                let second =
                    other.network.head_by(second, |c| (column.get(c).copied().unwrap_or(usize::MAX), c));
                let parts = SideParts { side: parts.side, heads: [first, &second] };
                let columns = parts.side.tokens.columns.clone();
                let twice = |c: &&ColumnSpec| merged.columns().iter().any(|known| known.name == c.name);
                if let Some(column) = other.about.columns[columns.clone()].iter().find(twice) {
                    return Err(Error::schema(format!(
                        "column `{}` was grafted twice, with different weights, in {}",
                        column.name,
                        names(&[&[self], others].concat())
                    ))
                    .with_hint("prune it from all but one of them"));
                }
                let codecs = &other.about.codecs[columns.clone()];
                let shapes: Vec<ColumnShape> = codecs.iter().map(column_shape).collect();
                merged.network.append_side(&parts, &shapes, reads.clone(), &mut rng);
                let d_side = parts.side.trunk.d();
                merged.about.wiring.push(Wiring::Side { n_columns: columns.len(), d_side, reads });
                merged.about.columns.extend_from_slice(&other.about.columns[columns]);
                merged.about.codecs.extend_from_slice(codecs);
                piece.push(merged.network.sides.len());
                column.extend(merged.network.sides[merged.network.sides.len() - 1].tokens.columns.clone());
                known.insert(key, merged.network.sides.len());
            }
            add_features(&mut merged, other);
        }
        merged.about.created = now();
        merged.about.software = SoftwareVersion::current();
        let mut info = TrainingInfo { n_weights: merged.network.n_weights(), ..TrainingInfo::default() };
        let data = match table {
            Some(table) => {
                let (all, rows) = rows_of_parts(table, None, &merged.about.split, &merged.first_columns())?;
                let n = merged.about.columns.len();
                let encoded = merged.encode(&all)?;
                let data = training_data(&merged, &encoded, &rows, vec![Role::OLD; n], 0..n);
                if let Some(losses) = validation_losses(&merged.network, &data) {
                    let n_old = self.about.columns.len();
                    info.final_validation_loss = mean(losses[..n_old].iter().copied());
                    info.new_columns_validation_loss = mean(losses[n_old..].iter().copied());
                    let pairs = data.column_names.iter().cloned().zip(losses);
                    info.final_column_losses = pairs.filter(|(_, loss)| loss.is_finite()).collect();
                }
                (info.n_rows_train, info.n_rows_valid) = (rows.train.len(), rows.valid.len());
                merged.compute_hashes(&rows.key).data
            }
            None => {
                let mut data: Vec<&str> = others.iter().map(|s| s.hashes().data.as_str()).collect();
                data.push(&self.hashes().data);
                data.sort_unstable();
                data.dedup();
                match data[..] {
                    [one] => one.to_owned(),
                    _ => blake3::hash(data.concat().as_bytes()).to_hex().to_string(),
                }
            }
        };
        merged.about.training_info = info;
        merged.about.hashes = merged.hashes_with(data);
        Ok(merged)
    }

    /// A graft of the others' columns onto this space, with their codecs and tokens.
    fn merged_by_training(
        &self,
        others: &[&EmbeddingSpace],
        table: &Table,
        options: &MergeOptions,
        sink: &mut Sink<'_>,
    ) -> Result<Self> {
        let mut columns: Vec<(ColumnSpec, Codec)> = Vec::new();
        let mut tokens: Vec<(&Network, usize)> = Vec::new();
        for other in others {
            let pairs = other.about.columns.iter().zip(&other.about.codecs);
            for (c, (column, codec)) in pairs.enumerate() {
                let is_known = self.columns().iter().chain(columns.iter().map(|(c, _)| c));
                if is_known.clone().all(|known| known.name != column.name) {
                    columns.push((column.clone(), codec.clone()));
                    tokens.push((&other.network, c));
                }
            }
        }
        if columns.is_empty() {
            return Err(Error::option(format!(
                "{} hold the same columns, and their weights diverged",
                names(&[&[self], others].concat())
            ))
            .with_hint("there is nothing to merge: keep the better one, `compare` says which"));
        }
        let absent: Vec<&str> = columns
            .iter()
            .map(|(column, _)| column.name.as_str())
            .filter(|name| !table.has_column(name))
            .collect();
        if !absent.is_empty() {
            return Err(Error::schema(format!(
                "the table lacks {}, which the merge trains",
                quoted(&absent)
            ))
            .with_hint("give a table with the columns of all spaces"));
        }
        let graft_options = options.as_graft();
        let n_epochs = self.graft_epochs(&graft_options, sink);
        let (all, rows) = rows_of_parts(table, None, &self.about.split, &self.first_columns())?;
        let mut rng = Pcg64Mcg::seed_from_u64(options.seed ^ 0x6d65_7267_6521);
        let shapes: Vec<ColumnShape> = columns.iter().map(|(_, codec)| column_shape(codec)).collect();
        let mut child = self.clone();
        child.append_columns(&shapes, &graft_options, &mut rng)?;
        child.network.take_tokens(&tokens);
        let names: Vec<String> = columns.iter().map(|(column, _)| column.name.clone()).collect();
        let about = &mut child.about;
        about.created = now();
        about.software = SoftwareVersion::current();
        about.batch_size = options.batch_size.unwrap_or(self.batch_size());
        for (column, codec) in columns {
            about.columns.push(column);
            about.codecs.push(codec);
        }
        about.extensions.push(ExtensionMetadata {
            mode: options.mode,
            seed: options.seed,
            new_columns_added: names,
            ..self.next_step(&about.created)
        });
        for other in others {
            add_features(&mut child, other);
        }
        let hashes = child.compute_hashes(&rows.key);
        child.about.hashes = hashes;
        let graft = Graft {
            child,
            parent: self.clone(),
            all,
            rows,
            mode: options.mode,
            freeze: Freeze::default(),
            bound: graft_options.bound(),
            n_epochs,
            auto_epochs: options.auto_epochs,
            memory_limit: graft_options.memory_limit,
            seed: options.seed,
        };
        let _ = sink(&Event::Note { text: "old weights diverged: the merge is trained".to_owned() });
        graft.train(sink)
    }

    /// What each side behind the first entries of the wiring is: its weights and heads, columns, codecs,
    /// and what the sides are that it reads; the same in whatever order the sides before it stand.
    fn side_keys(&self, n_entries: usize) -> Result<Vec<String>> {
        let first = n_sides(&self.about.wiring[..n_entries]);
        let mut keys: Vec<String> = Vec::new();
        for (i, side) in self.network.sides.iter().enumerate().skip(first) {
            let mut blobs = BTreeMap::new();
            to_blobs(side, "side", &mut blobs);
            if let Some(parts) = self.network.side_parts(&self.about.wiring, i) {
                for (h, head) in parts.heads.into_iter().enumerate() {
                    let head = self.network.head_by(head, |c| &self.about.columns[c].name);
                    to_blobs(&head, &format!("head.{h}"), &mut blobs);
                }
            }
            let reads: Vec<String> = side
                .reads
                .iter()
                .map(|piece| match piece.checked_sub(1 + first) {
                    Some(own) => keys[own].clone(),
                    None => piece.to_string(),
                })
                .collect();
            let columns = side.tokens.columns.clone();
            let what = (
                weights_hash(&blobs).as_str().to_owned(),
                &self.about.columns[columns.clone()],
                &self.about.codecs[columns],
                reads,
            );
            let value = serde_json::to_value(what).map_err(|e| {
                Error::value(format!("a graft of `{}` cannot be written as JSON: {e}", self.name()))
            })?;
            keys.push(json_hash(&value).as_str().to_owned());
        }
        Ok(keys)
    }

    /// The entries of the wiring that were a version of these hashes, if its weights are still there and
    /// everything else is a side.
    fn entries_of(&self, ancestor: &Hashes) -> Option<usize> {
        let wiring = &self.about.wiring;
        (1..=wiring.len()).rev().find(|n| {
            let is_behind_sides = wiring[*n..].iter().all(|entry| matches!(entry, Wiring::Side { .. }));
            is_behind_sides && {
                let mut blobs = BTreeMap::new();
                to_blobs(&self.network.first_entries(wiring, *n), "", &mut blobs);
                weights_hash(&blobs).as_str() == ancestor.weights
            }
        })
    }

    /// This version and all before it, the latest first.
    fn versions(&self) -> Vec<&Hashes> {
        fn collect<'a>(lineage: &'a [ExtensionMetadata], into: &mut Vec<&'a Hashes>) {
            for entry in lineage.iter().rev() {
                into.push(&entry.parent);
                for other in &entry.other_parents {
                    into.push(&other.hashes);
                    collect(&other.line, into);
                }
            }
        }
        let mut versions = vec![self.hashes()];
        collect(self.extensions(), &mut versions);
        versions
    }
}

/// The latest version that all spaces come from; the latest one that leaves nothing to train, if there
/// is one.
fn common_ancestor(spaces: &[&EmbeddingSpace]) -> Result<Ancestor> {
    let versions: Vec<Vec<&Hashes>> = spaces.iter().map(|s| s.versions()).collect();
    let common: Vec<&Hashes> =
        versions[0].iter().copied().filter(|v| versions.iter().all(|all| all.contains(v))).collect();
    let Some(latest) = common.first() else {
        return Err(Error::option(format!("{} have no common ancestor", names(spaces)))
            .with_hint("only versions that were extended from one space can be merged"));
    };
    for ancestor in &common {
        let n_entries: Option<Vec<usize>> = spaces.iter().map(|s| s.entries_of(ancestor)).collect();
        if n_entries.is_some() {
            return Ok(Ancestor { hashes: (*ancestor).clone(), n_entries });
        }
    }
    Ok(Ancestor { hashes: (*latest).clone(), n_entries: None })
}

/// Refuses spaces of which one is or contains the other, and spaces of different splits.
fn check_apart(spaces: &[&EmbeddingSpace]) -> Result<()> {
    for (i, a) in spaces.iter().enumerate() {
        for b in &spaces[i + 1..] {
            if a.hashes() == b.hashes() {
                return Err(Error::option(format!("{} are the same version", names(&[a, b])))
                    .with_hint("give versions with different new columns"));
            }
            for (older, younger) in [(a, b), (b, a)] {
                if younger.versions()[1..].contains(&older.hashes()) {
                    return Err(Error::option(format!(
                        "`{}` descends from `{}`: there is nothing to merge",
                        younger.name(),
                        older.name()
                    ))
                    .with_hint("give versions of which none comes from another"));
                }
            }
            if a.hashes().split != b.hashes().split {
                return Err(Error::option(format!(
                    "{} split their rows differently, what tests one trains the other",
                    names(&[a, b])
                ))
                .with_hint("only versions that were extended from one space can be merged"));
            }
        }
    }
    Ok(())
}

/// Refuses one name with two meanings.
fn check_columns(spaces: &[&EmbeddingSpace]) -> Result<()> {
    for (i, a) in spaces.iter().enumerate() {
        for b in &spaces[i + 1..] {
            let conflict = |name: &str, what: &str| {
                Err(Error::schema(format!("column `{name}` is {what} in {}", names(&[a, b])))
                    .with_hint("prune it from one of them, or rename it there and graft it again"))
            };
            for (column, codec) in a.columns().iter().zip(a.codecs()) {
                let feature =
                    |s: &EmbeddingSpace| s.features().iter().find(|f| f.name == column.name).cloned();
                if let Some((other, other_codec)) =
                    b.columns().iter().zip(b.codecs()).find(|(c, _)| c.name == column.name)
                {
                    if column.kind != other.kind {
                        return conflict(&column.name, "of different kinds");
                    }
                    if feature(a) != feature(b) {
                        return conflict(&column.name, "a feature of different definitions");
                    }
                    if codec != other_codec {
                        return conflict(&column.name, "fitted on different values");
                    }
                }
            }
            for (one, other) in [(a, b), (b, a)] {
                let ignored = one.excluded().iter().filter(|e| e.exclusion == Exclusion::Ignored);
                for excluded in ignored {
                    if other.columns().iter().any(|c| c.name == excluded.name) {
                        return Err(Error::schema(format!(
                            "column `{}` is ignored by `{}` and used by `{}`",
                            excluded.name,
                            one.name(),
                            other.name()
                        ))
                        .with_hint("what a space ignored stays ignored: prune it from the other one"));
                    }
                }
            }
        }
    }
    Ok(())
}

/// The features of `other` that `space` has not.
fn add_features(space: &mut EmbeddingSpace, other: &EmbeddingSpace) {
    for feature in other.features() {
        if space.about.features.iter().all(|f| f.name != feature.name) {
            space.about.features.push(feature.clone());
        }
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
