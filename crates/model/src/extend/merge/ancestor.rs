//! What the spaces of a merge have in common.

use std::collections::BTreeMap;

use tabgraft_table::codec::Codec;
use tabgraft_table::schema::ColumnSpec;

use super::names;
use crate::encoder::network::ColumnShape;
use crate::error::{Error, Result};
use crate::param::weights::to_blobs;
use crate::space::{EmbeddingSpace, ExtensionMetadata, Hashes, Wiring, column_shape};
use crate::store::weights_hash;

/// What all descendants have in common.
pub(super) struct Ancestor {
    pub hashes: Hashes,
    /// For each descendant the entries of its wiring that were the ancestor's; `None` if one of them
    /// has other weights in that place.
    pub n_entries: Option<Vec<usize>>,
}

/// The latest version that all spaces come from; the latest one that leaves nothing to train, if there
/// is one.
pub(super) fn common_ancestor(spaces: &[&EmbeddingSpace]) -> Result<Ancestor> {
    let versions: Vec<Vec<&Hashes>> = spaces.iter().map(|s| s.versions()).collect();
    let common: Vec<&Hashes> =
        versions[0].iter().copied().filter(|v| versions.iter().all(|all| all.contains(v))).collect();
    let Some(latest) = common.first() else {
        return Err(Error::option(format!("{} have no common ancestor", names(spaces)))
            .with_hint("only versions that were extended from one space can be merged"));
    };
    for ancestor in &common {
        let n_entries: Option<Vec<usize>> =
            spaces.iter().map(|s| s.entries_of(ancestor, &s.first_shapes(spaces))).collect();
        if n_entries.is_some() {
            return Ok(Ancestor { hashes: (*ancestor).clone(), n_entries });
        }
    }
    Ok(Ancestor { hashes: (*latest).clone(), n_entries: None })
}

impl EmbeddingSpace {
    /// The entries of the wiring that were a version of these hashes, if its weights are still there and
    /// everything else is a side. Rows of codes that came with a refresh are passed over: `shapes` are those of before.
    fn entries_of(&self, ancestor: &Hashes, shapes: &[ColumnShape]) -> Option<usize> {
        let wiring = &self.about.wiring;
        let network = self.network.resized(shapes);
        (1..=wiring.len()).rev().find(|n| {
            let is_behind_sides = wiring[*n..].iter().all(|entry| matches!(entry, Wiring::Side { .. }));
            is_behind_sides && {
                let mut blobs = BTreeMap::new();
                to_blobs(&network.first_entries(wiring, *n), "", &mut blobs);
                weights_hash(&blobs).as_str() == ancestor.weights
            }
        })
    }

    /// The shapes of the columns as the space has them that knows the fewest levels of each.
    fn first_shapes(&self, spaces: &[&EmbeddingSpace]) -> Vec<ColumnShape> {
        let first = |(column, own): (&ColumnSpec, &Codec)| {
            let of_all = spaces.iter().filter_map(|space| {
                let place = space.columns().iter().position(|c| c.name == column.name)?;
                Some(&space.codecs()[place])
            });
            let first = of_all.fold(own, |first, codec| if first.begins_with(codec) { codec } else { first });
            column_shape(first)
        };
        self.columns().iter().zip(self.codecs()).map(first).collect()
    }

    /// This version and all before it, the latest first.
    pub(super) fn versions(&self) -> Vec<&Hashes> {
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
