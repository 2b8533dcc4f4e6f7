//! Which models lie in a folder: by their headers, whatever their names.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::ModelFile;
use crate::error::{Error, Result};
use crate::predictor::{self, PredictorAbout};
use crate::space::{self, About, check_steps, to_current};
use crate::store::{self, ContentHash, Head};

/// Suffix of files that are ours by their name, even if nothing else says so.
const SUFFIX: &str = "tabgraft";

/// A file that looks like a model's and cannot be read as one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unreadable {
    /// Where it lies, from the folder that was read.
    pub path: PathBuf,
    /// Why it cannot be read.
    pub reason: String,
}

/// What a file's header says of its model.
pub(super) enum Manifest {
    Space(Box<About>),
    Predictor(Box<PredictorAbout>),
}

impl Manifest {
    /// The space, or the space that the predictor was fitted on.
    pub(super) fn space(&self) -> &About {
        match self {
            Manifest::Space(about) => about,
            Manifest::Predictor(about) => &about.space,
        }
    }

    /// Names the version, if the weights are what the header says.
    pub(super) fn id(&self, weights: &ContentHash) -> ContentHash {
        match self {
            Manifest::Space(about) => about.hashes.id(),
            Manifest::Predictor(about) => about.id(weights),
        }
    }
}

/// A model's file, its weights unseen.
pub(super) struct Found {
    /// Where it lies, from the folder that was read.
    pub(super) path: PathBuf,
    pub(super) id: ContentHash,
    pub(super) manifest: Manifest,
}

impl Found {
    /// A model that is at hand, as if its file lay nowhere.
    pub(super) fn of_model(model: &ModelFile) -> Self {
        let manifest = match model {
            ModelFile::Space(space) => Manifest::Space(Box::new(space.about.clone())),
            ModelFile::Predictor(predictor) => Manifest::Predictor(Box::new(predictor.about.clone())),
        };
        Found { path: PathBuf::new(), id: model.id(), manifest }
    }
}

/// Reads the headers of all models in a folder, or of the one file at `path`.
///
/// Hidden files and folders are passed over, links to folders are not followed.
///
/// # Errors
/// An I/O error if there is nothing at `path`. What is wrong with single files does not stop the rest.
pub(super) fn read(path: &Path, with_subfolders: bool) -> Result<(Vec<Found>, Vec<Unreadable>)> {
    let metadata = fs::metadata(path).map_err(|e| Error::io(path, "read", e))?;
    let (mut found, mut unreadable) = (Vec::new(), Vec::new());
    if !metadata.is_dir() {
        let name = PathBuf::from(path.file_name().unwrap_or(path.as_os_str()));
        found.push(read_file(path, name)?);
        return Ok((found, unreadable));
    }
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        let entries = match entries(&path.join(&folder)) {
            Ok(entries) => entries,
            Err(error) => {
                unreadable.push(Unreadable { path: folder, reason: error.to_string() });
                continue;
            }
        };
        for (name, is_folder) in entries {
            let place = folder.join(name);
            if is_folder {
                if with_subfolders {
                    folders.push(place);
                }
            } else if is_ours(&path.join(&place)) {
                match read_file(&path.join(&place), place.clone()) {
                    Ok(file) => found.push(file),
                    Err(error) => unreadable.push(Unreadable { path: place, reason: error.to_string() }),
                }
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    unreadable.sort_by(|a, b| a.path.cmp(&b.path));
    Ok((found, unreadable))
}

/// Names of a folder's files and folders, and which is what.
fn entries(folder: &Path) -> Result<Vec<(PathBuf, bool)>> {
    let io = |e| Error::io(folder, "read", e);
    let mut entries = Vec::new();
    for entry in fs::read_dir(folder).map_err(io)? {
        let entry = entry.map_err(io)?;
        let name = PathBuf::from(entry.file_name());
        let kind = entry.file_type().map_err(io)?;
        let is_file = kind.is_file() || kind.is_symlink() && entry.path().is_file();
        if !name.to_string_lossy().starts_with('.') && (is_file || kind.is_dir()) {
            entries.push((name, kind.is_dir()));
        }
    }
    Ok(entries)
}

/// Whether a file is worth a word: by its name, or by how it begins.
fn is_ours(path: &Path) -> bool {
    // A file that cannot be opened says nothing of itself but by its name.
    path.extension().is_some_and(|e| e == SUFFIX) || store::resembles(path).unwrap_or(false)
}

fn read_file(path: &Path, place: PathBuf) -> Result<Found> {
    let head = store::head(path)?;
    let weights = head.weights_hash.clone();
    let at_path = |e: Error| e.at(format_args!("`{}`", path.display()));
    let manifest = manifest(head).map_err(at_path)?;
    check_steps(&manifest.space().extensions).map_err(at_path)?;
    Ok(Found { path: place, id: manifest.id(&weights), manifest })
}

fn manifest(mut head: Head) -> Result<Manifest> {
    match head.kind.as_str() {
        space::KIND => {
            to_current(&mut head.manifest);
            let about: About = store::manifest_as(&head.manifest, &head.kind)?;
            let (recorded, found) = (&about.hashes.weights, head.weights_hash.as_str());
            if recorded != found {
                return Err(Error::verification(format!(
                    "the header says that the weights hash to {found}, the manifest says {recorded}"
                )));
            }
            Ok(Manifest::Space(Box::new(about)))
        }
        predictor::KIND => {
            predictor::to_current(&mut head.manifest);
            Ok(Manifest::Predictor(Box::new(store::manifest_as(&head.manifest, &head.kind)?)))
        }
        other => Err(Error::schema(format!("it holds a `{other}`"))
            .with_hint("give the file of an embedding space or of a predictor")),
    }
}
