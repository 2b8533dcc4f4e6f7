//! Which weights of a grafted network train in a phase.
//!
//! A frozen matrix is no part of the graph: it costs no gradient and no optimizer state. A column
//! whose neighbours in a matrix train is held by its rows: they keep their bits, and no gradient is
//! computed for them.

use crate::embed::TokenGroup;
use crate::encoder::Network;
use crate::param::Params;
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
        let whole: Vec<String> = token_groups(network)
            .filter(|(_, group)| self.is_held[group.columns.clone()].iter().all(|held| *held))
            .map(|(prefix, _)| prefix)
            .collect();
        let new_group = format!("groups.{}.", network.groups.len() - 1);
        let new_head = format!("heads.{}.", network.heads.len() - 1);
        network.each_mut("", &mut |name, param| {
            let is_new = name.starts_with(&new_group) || name.starts_with(&new_head);
            let is_held = whole.iter().any(|prefix| name.starts_with(prefix));
            if is_new || (parts.contains(&name) && !is_held) {
                param.thaw();
            }
        });
        let sides = network.sides.iter_mut().map(|side| &mut side.tokens);
        for group in network.groups.iter_mut().chain(sides) {
            let parts =
                group.columns.clone().flat_map(|c| std::iter::repeat_n(self.is_held[c], self.n_parts[c]));
            group.hold_parts(&parts.collect::<Vec<_>>());
        }
    }
}

/// The token groups, each with what the names of its matrices begin with.
fn token_groups(network: &Network) -> impl Iterator<Item = (String, &TokenGroup)> {
    let groups = network.groups.iter().enumerate().map(|(i, group)| (format!("groups.{i}."), group));
    let sides = network.sides.iter().enumerate();
    groups.chain(sides.map(|(i, side)| (format!("sides.{i}.tokens."), &side.tokens)))
}
