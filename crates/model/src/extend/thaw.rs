//! Which weights of a grafted network train in a phase.
//!
//! A frozen matrix is no part of the graph: it costs no gradient and no optimizer state. A column
//! whose neighbours in a matrix train is held by its rows: they keep their bits, and their gradient
//! is thrown away.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::embed::{TokenGroup, rows_of_parts};
use crate::encoder::Network;
use crate::encoder::param::Params;
use crate::space::{EmbeddingSpace, Freeze, Mode};

/// Old weights by what they do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Parts {
    pub tokens: bool,
    pub trunk: bool,
    pub heads: bool,
}

impl Parts {
    pub const NONE: Parts = Parts { tokens: false, trunk: false, heads: false };

    /// What is left when the user's parts stay frozen.
    pub fn without(self, freeze: &Freeze) -> Self {
        Parts {
            tokens: self.tokens && !freeze.tokens,
            trunk: self.trunk && !freeze.trunk,
            heads: self.heads && !freeze.heads,
        }
    }

    /// Whether an old matrix of this name trains.
    fn contains(self, name: &str) -> bool {
        if name.starts_with("heads.") {
            self.heads
        } else if name.starts_with("groups.") || name.contains(".tokens.") {
            self.tokens
        } else {
            self.trunk
        }
    }
}

/// What the parent brought along, as far as thawing needs it.
pub(super) struct OldWeights {
    /// For each column of the child: whether its tokens stay frozen.
    is_held: Vec<bool>,
    /// For each column of the child: its parts.
    n_parts: Vec<usize>,
}

impl OldWeights {
    pub fn new(freeze: &Freeze, parent: &EmbeddingSpace, n_parts: Vec<usize>) -> Self {
        let mut is_held: Vec<bool> =
            parent.columns().iter().map(|c| freeze.columns.contains(&c.name)).collect();
        is_held.resize(n_parts.len(), false);
        OldWeights { is_held, n_parts }
    }

    /// Thaws what the last graft added, and these parts of the parent. Everything is frozen before.
    pub fn thaw(&self, network: &mut Network, mode: Mode, parts: Parts) {
        match mode {
            Mode::Frozen => {
                if let Some(side) = network.sides.last_mut() {
                    side.set_thawed(true);
                }
                for head in network.heads.iter_mut().rev().take(2) {
                    head.set_thawed(true);
                }
            }
            Mode::Joint | Mode::Anchored => self.thaw_joint(network, parts),
        }
    }

    fn thaw_joint(&self, network: &mut Network, parts: Parts) {
        let mut held = BTreeMap::new();
        for (i, group) in network.groups.iter().enumerate() {
            self.hold(group, &format!("groups.{i}"), &mut held);
        }
        for (i, side) in network.sides.iter().enumerate() {
            self.hold(&side.tokens, &format!("sides.{i}.tokens"), &mut held);
        }
        let new_group = format!("groups.{}.", network.groups.len() - 1);
        let new_head = format!("heads.{}.", network.heads.len() - 1);
        network.each_mut("", &mut |name, param| {
            let is_new = name.starts_with(&new_group) || name.starts_with(&new_head);
            let rows = held.remove(&name);
            let is_whole = rows.as_ref().is_some_and(|rows: &Arc<[bool]>| rows.iter().all(|held| *held));
            if is_new || (parts.contains(&name) && !is_whole) {
                param.thaw();
                param.hold_rows(rows);
            }
        });
    }

    /// The rows that belong to held columns, for each matrix of a group that has any.
    fn hold(&self, group: &TokenGroup, prefix: &str, held: &mut BTreeMap<String, Arc<[bool]>>) {
        let columns = group.columns.clone();
        if !self.is_held[columns.clone()].iter().any(|held| *held) {
            return;
        }
        let part_held: Vec<bool> =
            columns.flat_map(|c| std::iter::repeat_n(self.is_held[c], self.n_parts[c])).collect();
        for (name, n_rows, rows) in rows_of_parts(&group.layout) {
            // A table without rows has one of padding, which nobody reads: it may count as held.
            let mut mask = vec![n_rows == 0; n_rows.max(1)];
            for (part, held) in part_held.iter().enumerate() {
                if let Some(rows) = rows(part) {
                    mask[rows].fill(*held);
                }
            }
            held.insert(format!("{prefix}.{name}"), mask.into());
        }
    }
}
