//! Are files what their hashes say, and links what they claim?
//!
//! Every file is read in full and every hash is computed again, but that of the training rows, which are
//! not in the file. Links whose two files are there are held against each other (`link.rs`).

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use serde::Serialize;
use tabgraft_table::codec::Codec;
use tabgraft_table::schema::ColumnSpec;

use super::folder::{self, Found, Unreadable};
use super::link::{check_ancestor, compare, other_rows};
use super::{Edge, Lineage, Node, Step, graph};
use crate::encoder::Network;
use crate::error::{Error, Result};
use crate::param::weights::to_blobs;
use crate::space::{About, column_shape};
use crate::store::{self, ContentHash, VerifyReport, blob_hash};
use crate::{ModelFile, ModelKind};

/// What [`verify`] found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Verification {
    /// Whether no file and no link has a problem.
    pub ok: bool,
    /// The files that were read.
    pub files: Vec<FileCheck>,
    /// The links of versions whose files were read.
    pub links: Vec<LinkCheck>,
}

/// One file.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FileCheck {
    /// Where it lies, from the folder that was read.
    pub path: PathBuf,
    /// Its model's name; none if that cannot be read.
    pub name: Option<String>,
    /// Its version; none if that cannot be read.
    pub id: Option<ContentHash>,
    /// What is wrong with it.
    pub problems: Vec<String>,
}

/// One step from a parent to a child.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LinkCheck {
    /// The child's name.
    pub child: String,
    /// A file of the child.
    pub child_path: PathBuf,
    /// The parent's name.
    pub parent: String,
    /// A file of the parent; none if it is elsewhere, and then the link cannot be checked.
    pub parent_path: Option<PathBuf>,
    /// What made the child.
    pub step: Step,
    /// Whether the two files were held against each other: both are there and whole.
    pub is_checked: bool,
    /// What is wrong with it.
    pub problems: Vec<String>,
}

/// A file that was read in full.
pub(super) struct Whole {
    pub(super) kind: ModelKind,
    /// The space, or the space that the predictor was fitted on.
    pub(super) about: About,
    /// What in it contradicts itself.
    problems: Vec<String>,
    /// Hash of each weight matrix, by its name.
    pub(super) tensors: BTreeMap<String, ContentHash>,
    /// The network of a space.
    network: Option<Network>,
}

impl Whole {
    /// Hash of each weight matrix, by its name, as they were before levels came that an ancestor does not know.
    pub(super) fn tensors_before(&self, ancestor: &About) -> BTreeMap<String, ContentHash> {
        let places: HashMap<&str, usize> =
            ancestor.columns.iter().enumerate().map(|(i, c)| (c.name.as_str(), i)).collect();
        let shape = |(column, own): (&ColumnSpec, &Codec)| {
            let old = places.get(column.name.as_str()).map(|i| &ancestor.codecs[*i]);
            column_shape(old.filter(|old| own.begins_with(old)).unwrap_or(own))
        };
        let is_refreshed = self.about.codecs.iter().any(Codec::is_refreshed);
        let Some(network) = self.network.as_ref().filter(|_| is_refreshed) else {
            return self.tensors.clone();
        };
        let shapes: Vec<_> = self.about.columns.iter().zip(&self.about.codecs).map(shape).collect();
        let mut blobs = BTreeMap::new();
        to_blobs(&network.resized(&shapes), "", &mut blobs);
        blobs.iter().map(|(name, blob)| (name.clone(), blob_hash(blob))).collect()
    }

    /// What in it contradicts itself, each with the file's path.
    fn problems(&self, path: &Path) -> Vec<String> {
        self.problems.iter().map(|problem| format!("`{}`: {problem}", path.display())).collect()
    }
}

/// Verifies all models below a folder and the links between them; of a single file, that file and those
/// of its ancestors that lie in its folder.
///
/// # Errors
/// An I/O error if there is nothing at `path`, a value error if it is a folder without models, a version
/// error if it is a file of a later format. What is wrong with files and links is in the result.
pub fn verify(path: &Path) -> Result<Verification> {
    if path.is_dir() {
        let (found, unreadable) = folder::read(path, true)?;
        if found.is_empty() && unreadable.is_empty() {
            return Err(Error::value(format!("there is no model to verify below `{}`", path.display()))
                .with_hint("give the folder of the models' files, or one of them"));
        }
        return Ok(check_all(path, found, unreadable));
    }
    let wanted = match folder::read(path, false) {
        Ok((files, _)) => files,
        Err(error) if error.is_io() || error.is_version() => return Err(error),
        Err(error) => {
            let name = PathBuf::from(path.file_name().unwrap_or(path.as_os_str()));
            let broken = Unreadable { path: name, reason: error.to_string() };
            return Ok(check_all(path, Vec::new(), vec![broken]));
        }
    };
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let (mut found, _) = folder::read(folder, false)?;
    found.retain(|file| wanted.iter().all(|wanted| wanted.path != file.path));
    found.extend(wanted);
    let lineage = graph::build(&found, Vec::new());
    let family = found.last().map(|file| lineage.ancestors(&file.id)).unwrap_or_default();
    found.retain(|file| family.contains(&file.id));
    Ok(check_all(folder, found, Vec::new()))
}

/// Verifies these files, which lie in `root`, and the links between them.
fn check_all(root: &Path, found: Vec<Found>, unreadable: Vec<Unreadable>) -> Verification {
    let lineage = graph::build(&found, Vec::new());
    let mut files: Vec<FileCheck> = unreadable
        .into_iter()
        .map(|file| FileCheck { path: file.path, name: None, id: None, problems: vec![file.reason] })
        .collect();
    let mut whole: BTreeMap<ContentHash, (PathBuf, Whole)> = BTreeMap::new();
    for file in found {
        let node = lineage.node(&file.id);
        let place = root.join(&file.path);
        let problems = match read_whole(&place) {
            Ok(read) => {
                let problems = read.problems(&place);
                if problems.is_empty() {
                    whole.entry(file.id.clone()).or_insert_with(|| (file.path.clone(), read));
                }
                problems
            }
            Err(error) => vec![error.to_string()],
        };
        files.push(FileCheck {
            path: file.path,
            name: node.map(|node| node.name.clone()),
            id: Some(file.id),
            problems,
        });
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    let links: Vec<LinkCheck> =
        lineage.edges.iter().filter_map(|edge| check_link(&lineage, edge, &whole)).collect();
    let ok = files.iter().all(|f| f.problems.is_empty()) && links.iter().all(|l| l.problems.is_empty());
    Verification { ok, files, links }
}

/// Verifies one file, of either kind, and with an ancestor that it comes from that space, in one step or in
/// many.
///
/// # Errors
/// A verification error with everything that is wrong: damage, hashes that the content does not bear out, a
/// lineage that contradicts itself or names no such ancestor; a malformed, version or I/O error if a file
/// cannot be read; a schema error if the ancestor's is no space.
pub fn verify_file(path: &Path, ancestor: Option<&Path>) -> Result<VerifyReport> {
    let report = store::verify(path)?;
    let mut problems = check_file(path)?;
    if let (Some(ancestor), true) = (ancestor, problems.is_empty()) {
        problems = check_ancestor(path, ancestor)?;
    }
    if problems.is_empty() { Ok(report) } else { Err(Error::verification(problems.join("; "))) }
}

/// What is wrong with one file, of either kind: damage, hashes that its content does not bear out, a
/// lineage that contradicts itself.
///
/// # Errors
/// An I/O error if it cannot be read, a version error if it is of a later format.
pub fn check_file(path: &Path) -> Result<Vec<String>> {
    match read_whole(path) {
        Ok(whole) => Ok(whole.problems(path)),
        Err(error) if error.is_io() || error.is_version() => Err(error),
        Err(error) => Ok(vec![error.to_string()]),
    }
}

/// Reads a file in full.
pub(super) fn read_whole(path: &Path) -> Result<Whole> {
    let (container, _) = store::load(path)?;
    let tensors = container.tensors.iter().map(|(name, blob)| (name.clone(), blob_hash(blob))).collect();
    let model =
        ModelFile::from_container(container).map_err(|e| e.at(format_args!("`{}`", path.display())))?;
    let (kind, problems) = (model.kind(), model.contradictions());
    let (about, network) = match model {
        ModelFile::Space(space) => (space.about, Some(space.network)),
        ModelFile::Predictor(predictor) => (predictor.about.space, None),
    };
    Ok(Whole { kind, about, problems, tensors, network })
}

/// Checks a link if the child's file is there.
fn check_link(
    lineage: &Lineage,
    edge: &Edge,
    whole: &BTreeMap<ContentHash, (PathBuf, Whole)>,
) -> Option<LinkCheck> {
    let (child, parent) = (lineage.node(&edge.child)?, lineage.node(&edge.parent)?);
    let mut check = LinkCheck {
        child: child.name.clone(),
        child_path: child.paths.first()?.clone(),
        parent: parent.name.clone(),
        parent_path: parent.paths.first().cloned(),
        step: edge.step,
        is_checked: false,
        problems: Vec::new(),
    };
    let is_fit = matches!(edge.step, Step::Fit | Step::Grow);
    if parent.is_absent() && edge.step == Step::Grow {
        // The child holds it whole, and its own file is held against that.
    } else if parent.is_absent() {
        check.problems.extend(lookalike(lineage, child, parent));
    } else if let (Some((_, parent)), Some((path, child))) = (whole.get(&parent.id), whole.get(&child.id)) {
        check.is_checked = true;
        let step = child.about.extensions.last().filter(|_| !is_fit);
        let problems = match step {
            Some(step) => compare(step, parent, child),
            None => other_rows(&child.about.hashes, &parent.about).into_iter().collect(),
        };
        check.problems = problems.into_iter().map(|p| format!("`{}`: {p}", path.display())).collect();
    }
    Some(check)
}

/// A file that was made as an absent parent was, from the same rows, and is another: that parent, changed.
fn lookalike(lineage: &Lineage, child: &Node, parent: &Node) -> Option<String> {
    lineage.nodes.iter().filter(|n| n.kind == parent.kind && n.name == parent.name).find_map(|node| {
        let path = node.paths.first()?;
        let differences = node.hashes.differences(&parent.hashes);
        let is_alike = !["recipe", "data", "split"].iter().any(|same| differences.contains(same));
        (is_alike && !differences.is_empty()).then(|| {
            format!(
                "`{}` was made from a `{}` that is not here: `{}` was made in the same way from the same \
                 rows, but differs in its {}",
                child.name,
                parent.name,
                path.display(),
                differences.join(" and ")
            )
        })
    })
}
