//! Is a child what its lineage says that it made of an ancestor?
//!
//! The ancestor's record in the child is held against the ancestor itself: its lineage, its columns with their
//! codecs, its features, its split, and, where old weights were frozen, each of its weight matrices bit by
//! bit.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use tabgraft_feature::{Feature, dependents};

use super::verify::{Whole, read_whole};
use crate::ModelKind;
use crate::error::{Error, Result};
use crate::space::{About, ExtensionMetadata, Hashes, Mode, Operation};
use crate::store::ContentHash;

/// Whether the model in one file comes from the space in another, in one step or in many: what speaks
/// against it.
///
/// # Errors
/// What is wrong with one of the files; a schema error if the ancestor's is no space.
pub fn check_ancestor(child: &Path, ancestor: &Path) -> Result<Vec<String>> {
    let (child_read, ancestor_read) = (read_whole(child)?, read_whole(ancestor)?);
    if ancestor_read.kind != ModelKind::EmbeddingSpace {
        return Err(Error::schema(format!("`{}` is no embedding space", ancestor.display()))
            .with_hint("give the space that it was extended from or fitted on"));
    }
    let place = format!("`{}`", child.display());
    let (wanted, steps) = (&ancestor_read.about.hashes, &child_read.about.extensions[..]);
    let is_fit = child_read.kind == ModelKind::Predictor;
    let problems = match way(steps, wanted) {
        _ if is_fit && child_read.about.hashes == *wanted => {
            other_rows(&child_read.about.hashes, &ancestor_read.about).into_iter().collect()
        }
        None => {
            let own = is_fit.then_some((child_read.about.name.as_str(), &child_read.about.hashes));
            let known: Vec<String> = own
                .into_iter()
                .chain(ancestors(steps))
                .map(|(name, hashes)| format!("`{name}` ({})", hashes.id().short()))
                .collect();
            return Ok(vec![format!(
                "{place} does not come from `{}` ({}), its lineage names {}",
                ancestor.display(),
                wanted.id().short(),
                if known.is_empty() { "no ancestor".to_owned() } else { known.join(", ") }
            )]);
        }
        Some(way) => match way.steps[..] {
            [step] if !is_fit => compare(step, &ancestor_read, &child_read),
            _ => compare_far(&way, &ancestor_read, &child_read),
        },
    };
    Ok(problems.into_iter().map(|problem| format!("{place}: {problem}")).collect())
}

/// Hashes of weight matrices by their names.
type Tensors = BTreeMap<String, ContentHash>;

/// The steps that lead from an ancestor to a version.
struct Way<'l> {
    /// What the version remembers from before the ancestor; of a further parent of a merge only what came
    /// since the ancestor of the merge.
    before: &'l [ExtensionMetadata],
    /// Oldest first.
    steps: Vec<&'l ExtensionMetadata>,
    /// Whether every step froze what came from the ancestor.
    is_frozen: bool,
}

/// The way from the latest version with these hashes along a lineage, through any parent of a merge.
fn way<'l>(lineage: &'l [ExtensionMetadata], ancestor: &Hashes) -> Option<Way<'l>> {
    lineage.iter().enumerate().rev().find_map(|(i, step)| {
        let (mut way, is_first) = if step.parent == *ancestor {
            (Way { before: &lineage[..i], steps: Vec::new(), is_frozen: true }, true)
        } else {
            let further = step.other_parents.iter().find_map(|other| {
                let is_it = other.hashes == *ancestor;
                let own = is_it.then(|| Way { before: &other.line, steps: Vec::new(), is_frozen: true });
                own.or_else(|| way(&other.line, ancestor))
            })?;
            (further, false)
        };
        // The other parents of a trained merge give their tokens alone.
        way.is_frozen &= is_first || step.training_epochs_used == 0;
        way.is_frozen &=
            lineage[i..].iter().all(|s| s.mode == Mode::Frozen && s.operation != Operation::Consolidate);
        way.steps.extend(&lineage[i..]);
        Some(way)
    })
}

/// All versions of a lineage by name, the latest first.
fn ancestors(lineage: &[ExtensionMetadata]) -> Vec<(&str, &Hashes)> {
    let mut found = Vec::new();
    for step in lineage.iter().rev() {
        found.push((step.extended_from_es_name.as_str(), &step.parent));
        for other in &step.other_parents {
            found.push((other.name.as_str(), &other.hashes));
            found.extend(ancestors(&other.line));
        }
    }
    found
}

/// Where a version departs from what an ancestor is, several steps back.
fn compare_far(way: &Way<'_>, ancestor: &Whole, child: &Whole) -> Vec<String> {
    let mut problems = Vec::new();
    let (old, new) = (&ancestor.about, &child.about);
    if !is_end_of(&old.extensions, way.before) {
        problems.push(format!("its lineage is not that of `{}` up to there", old.name));
    }
    let removed: BTreeSet<&String> = way.steps.iter().flat_map(|step| &step.columns_removed).collect();
    let keeps_wiring = |s: &&ExtensionMetadata| matches!(s.operation, Operation::Graft | Operation::Refresh);
    if let (true, Some(step)) = (way.steps.iter().all(keeps_wiring), way.steps.first()) {
        problems.extend(rewired(step, old, new));
    }
    problems.extend(forgotten(old, new));
    problems.extend(recorded(&new.extensions, &old.hashes).and_then(|hashes| other_rows(hashes, old)));
    problems.extend(way.steps.first().and_then(|step| misquoted(step, old)));
    problems.extend(lost(&removed, &way.steps, old, new));
    let is_whole = old.columns.iter().all(|c| !removed.contains(&c.name));
    // The weights of a predictor are its own.
    if way.is_frozen && is_whole && child.kind == ModelKind::EmbeddingSpace {
        let kept = child.tensors_before(old);
        problems.extend(foreign(&ancestor.tensors, &kept).map(|name| not_frozen(name, old)));
    }
    problems
}

/// Where a child departs from what its parent is, although its last step says that it came from it.
pub(super) fn compare(step: &ExtensionMetadata, parent: &Whole, child: &Whole) -> Vec<String> {
    let mut problems = Vec::new();
    let (old, new) = (&parent.about, &child.about);
    if !remembers(step, old, new) {
        problems.push(format!("its lineage before the last step is not that of `{}`", old.name));
    }
    problems.extend(rewired(step, old, new));
    problems.extend(forgotten(old, new));
    problems.extend(recorded(&new.extensions, &old.hashes).and_then(|hashes| other_rows(hashes, old)));
    problems.extend(misquoted(step, old));
    let removed: BTreeSet<&String> = step.columns_removed.iter().collect();
    problems.extend(lost(&removed, &[step], old, new));
    if step.mode == Mode::Frozen {
        problems.extend(thawed(step, parent, child).map(|name| not_frozen(&name, old)));
    }
    problems
}

fn not_frozen(matrix: &str, ancestor: &About) -> String {
    format!("weight matrix `{matrix}` should be frozen and is not as in `{}`", ancestor.name)
}

/// Rows that an ancestor remembers and that are not those of what a version came from.
pub(super) fn other_rows(recorded: &Hashes, ancestor: &About) -> Option<String> {
    recorded
        .remembers_other_rows(&ancestor.hashes)
        .then(|| format!("the rows that `{}` remembers are not those that it remembered then", ancestor.name))
}

/// The hashes of an ancestor, as a version's lineage has them.
fn recorded<'l>(lineage: &'l [ExtensionMetadata], ancestor: &Hashes) -> Option<&'l Hashes> {
    ancestors(lineage).into_iter().map(|(_, hashes)| hashes).find(|hashes| *hashes == ancestor)
}

/// Token groups of a parent that a graft wires otherwise: which pieces of z a side reads, and in which order, is
/// decided when it comes.
fn rewired(step: &ExtensionMetadata, old: &About, new: &About) -> Option<String> {
    let is_kept = match step.operation {
        Operation::Graft => new.wiring.starts_with(&old.wiring),
        Operation::Refresh if new.extensions.last() == Some(step) => new.wiring == old.wiring,
        Operation::Refresh => new.wiring.starts_with(&old.wiring),
        Operation::Prune | Operation::Merge | Operation::Consolidate => true,
    };
    (!is_kept).then(|| format!("its token groups are not wired as in `{}`", old.name))
}

/// The first column that an ancestor left out and a version neither leaves out nor has taken up since.
fn forgotten(old: &About, new: &About) -> Option<String> {
    let is_known = |name: &String| {
        new.excluded.iter().any(|e| e.name == *name) || new.columns.iter().any(|c| c.name == *name)
    };
    let column = old.excluded.iter().find(|e| !is_known(&e.name))?;
    Some(format!("column `{}`, which `{}` leaves out, is not named", column.name, old.name))
}

/// A loss of the parent that the step tells otherwise than the parent does.
fn misquoted(step: &ExtensionMetadata, parent: &About) -> Option<String> {
    let is_first = step.parent == parent.hashes;
    let quotes = is_first && matches!(step.operation, Operation::Graft | Operation::Consolidate);
    let (told, own) = (step.parent_validation_loss, parent.training_info.final_validation_loss);
    let shown = |loss: Option<f64>| loss.map_or("none".to_owned(), |loss| loss.to_string());
    (quotes && told.is_some() && told != own).then(|| {
        format!(
            "it tells a validation loss of `{}` of {}, which says {}",
            parent.name,
            shown(told),
            shown(own)
        )
    })
}

/// Columns and features of an ancestor, but for those that were removed, that a version lacks or holds
/// differently. A new line may fit its codecs anew, a refresh may add levels.
fn lost(removed: &BTreeSet<&String>, steps: &[&ExtensionMetadata], old: &About, new: &About) -> Vec<String> {
    let is_new_line = steps.iter().any(|step| step.operation == Operation::Consolidate);
    // What is merged may have been refreshed before, on any of its lines.
    let is_merged = steps.iter().any(|step| step.operation == Operation::Merge);
    let is_refreshed = steps.iter().any(|step| step.operation == Operation::Refresh)
        || is_merged && new.extensions.iter().any(has_refresh);
    let mut problems = Vec::new();
    let places: HashMap<&str, usize> =
        new.columns.iter().enumerate().rev().map(|(i, c)| (c.name.as_str(), i)).collect();
    for (spec, codec) in old.columns.iter().zip(&old.codecs).filter(|(spec, _)| !removed.contains(&spec.name))
    {
        let place = places.get(spec.name.as_str()).copied();
        let is_same = |i: usize| {
            is_new_line || new.codecs[i] == *codec || (is_refreshed && new.codecs[i].begins_with(codec))
        };
        match place {
            None => problems.push(format!("column `{}` of `{}` is lost", spec.name, old.name)),
            Some(i) if new.columns[i].kind != spec.kind || !is_same(i) => {
                problems.push(format!("column `{}` is not coded as in `{}`", spec.name, old.name));
            }
            Some(_) => {}
        }
    }
    // A feature that no column bears goes with the columns that it reads.
    let gone: Vec<String> = removed.iter().map(|name| (*name).clone()).collect();
    let lost = dependents(&old.features, &gone).unwrap_or_default();
    let is_due = |f: &&Feature| !removed.contains(&f.name) && !lost.contains(&f.name);
    let features: HashMap<&str, &Feature> = new.features.iter().map(|f| (f.name.as_str(), f)).collect();
    for feature in old.features.iter().filter(is_due) {
        if !features.get(feature.name.as_str()).is_some_and(|own| *own == feature) {
            problems.push(format!("feature `{}` is not that of `{}`", feature.name, old.name));
        }
    }
    problems
}

/// Whether a step is a refresh, or led to by one through another parent of a merge.
fn has_refresh(step: &ExtensionMetadata) -> bool {
    step.operation == Operation::Refresh
        || step.other_parents.iter().any(|other| other.line.iter().any(has_refresh))
}

/// Whether a child's lineage goes on from the parent's.
fn remembers(step: &ExtensionMetadata, parent: &About, child: &About) -> bool {
    if step.parent == parent.hashes {
        return child.extensions.split_last().is_some_and(|(_, before)| {
            before.len() == parent.extensions.len() && is_end_of(&parent.extensions, before)
        });
    }
    let line = step.other_parents.iter().find(|other| other.hashes == parent.hashes).map(|other| &other.line);
    line.is_some_and(|line| is_end_of(&parent.extensions, line))
}

/// Whether a lineage ends with these steps, as far as they make it what it is: the same steps that are taken
/// again on another day give the same version.
fn is_end_of(lineage: &[ExtensionMetadata], steps: &[ExtensionMetadata]) -> bool {
    let same = |(a, b): (&ExtensionMetadata, &ExtensionMetadata)| essence(a) == essence(b);
    lineage.len() >= steps.len() && lineage.iter().rev().zip(steps.iter().rev()).all(same)
}

/// A step without names and times, and without what people say and think of it.
fn essence(step: &ExtensionMetadata) -> ExtensionMetadata {
    let mut step = step.clone();
    step.extended_from_es_name.clear();
    step.extension_date.clear();
    step.seconds = 0.0;
    step.feature_metadata = None;
    step.judgement = None;
    for other in &mut step.other_parents {
        other.name.clear();
        other.line = other.line.iter().map(essence).collect();
    }
    step
}

/// A weight matrix whose bits changed although the step froze it, by its name in the version that has it.
fn thawed(step: &ExtensionMetadata, parent: &Whole, child: &Whole) -> Option<String> {
    let is_first = step.parent == parent.about.hashes;
    let kept = child.tensors_before(&parent.about);
    let changed = match step.operation {
        Operation::Graft | Operation::Refresh => {
            let changed = |(name, hash): &(&String, &ContentHash)| kept.get(*name) != Some(*hash);
            parent.tensors.iter().find(changed).map(|(name, _)| name)
        }
        // Sides are numbered anew, and heads speak of other columns.
        Operation::Merge if is_first || step.training_epochs_used == 0 => foreign(&parent.tensors, &kept),
        Operation::Prune => foreign(&child.tensors, &parent.tensors),
        // The first parent was trained on, or a new line begins.
        Operation::Merge | Operation::Consolidate => None,
    };
    changed.cloned()
}

/// The first of a version's matrices, heads apart, whose bits are nowhere in another version.
fn foreign<'w>(version: &'w Tensors, other: &Tensors) -> Option<&'w String> {
    let known: BTreeSet<&ContentHash> = other.values().collect();
    let is_foreign =
        |(name, hash): &(&String, &ContentHash)| !name.starts_with("heads.") && !known.contains(hash);
    version.iter().find(is_foreign).map(|(name, _)| name)
}
