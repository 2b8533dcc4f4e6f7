//! What stands against a merge, found before anything is done.

use tabgraft_table::schema::Exclusion;

use super::names;
use crate::error::{Error, Result};
use crate::space::EmbeddingSpace;

/// Refuses spaces of which one is or contains the other, and spaces of different splits.
pub(super) fn check_apart(spaces: &[&EmbeddingSpace]) -> Result<()> {
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

/// Columns that one space pruned and another one has, in words: a merge takes what any of them has.
pub(super) fn returning(spaces: &[&EmbeddingSpace]) -> Vec<String> {
    let mut notes = Vec::new();
    for a in spaces {
        for pruned in a.excluded().iter().filter(|e| e.exclusion == Exclusion::Pruned) {
            let holder = spaces.iter().find(|b| b.columns().iter().any(|c| c.name == pruned.name));
            notes.extend(holder.map(|b| {
                format!(
                    "column `{}`, pruned from `{}`, comes back with the merge: `{}` has it; prune it from the child to \
                     leave it out",
                    pruned.name,
                    a.name(),
                    b.name()
                )
            }));
        }
    }
    notes
}

/// Of spaces of which one gets the others' columns: the one that knows every level that another knows of a column of
/// both first, the order kept otherwise.
///
/// # Errors
/// A schema error that names a column whose levels no such space knows all.
pub(super) fn most_levels_first<'s>(spaces: &[&'s EmbeddingSpace]) -> Result<Vec<&'s EmbeddingSpace>> {
    let lacks = |a: &EmbeddingSpace, b: &EmbeddingSpace| {
        let pairs = b.columns().iter().zip(b.codecs());
        let shared = pairs.filter_map(|(column, codec)| {
            let place = a.columns().iter().position(|c| c.name == column.name)?;
            Some((&column.name, a.codecs()[place].begins_with(codec)))
        });
        shared.filter(|(_, knows)| !knows).map(|(name, _)| name.clone()).next()
    };
    let lacking = |a: &EmbeddingSpace| spaces.iter().find_map(|b| Some((*b, lacks(a, b)?)));
    let Some(first) = spaces.iter().position(|a| lacking(a).is_none()) else {
        let (other, column) = lacking(spaces[0]).unwrap_or((spaces[0], String::new()));
        return Err(Error::schema(format!(
            "`{}` knows levels of column `{column}` that a merge onto `{}` would lose, and none of {} knows all levels",
            other.name(),
            spaces[0].name(),
            names(spaces)
        ))
        .with_hint("merge without the refreshed versions, and refresh the child"));
    };
    let mut ordered = spaces.to_vec();
    ordered[..=first].rotate_right(1);
    Ok(ordered)
}

/// Refuses one name with two meanings.
pub(super) fn check_columns(spaces: &[&EmbeddingSpace]) -> Result<()> {
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
                    if !codec.begins_with(other_codec) && !other_codec.begins_with(codec) {
                        let is_refreshed = codec.is_refreshed() && other_codec.is_refreshed();
                        let what = if is_refreshed {
                            "refreshed with different levels"
                        } else {
                            "fitted on different values"
                        };
                        return conflict(&column.name, what);
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
