//! What is served: models by name, their versions, and indices of rows.

mod model;
mod version;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tabgraft_model::{EmbeddingSpace, Error, Result, RowIndex};

use crate::event::{Event, Sink};

pub(crate) use model::Model;
pub(crate) use version::{Input, Version};

/// Most characters of a model's name.
const MOST_NAME_CHARS: usize = 100;

/// A file or a registry, and the name that it is served under.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServedModel {
    /// What stands in addresses: letters, digits, `.`, `_` and `-`.
    pub name: String,
    /// The file of a space or predictor, or the folder of a registry.
    pub path: PathBuf,
}

impl ServedModel {
    /// What `PATH` or `NAME=PATH` says; without a name, that of the file or folder.
    ///
    /// # Errors
    /// An option error if the name cannot stand in an address.
    pub fn parse(text: &str) -> Result<Self> {
        let (name, path) = match text.split_once('=') {
            Some((name, path)) if !name.contains(['/', '\\']) => (name.to_owned(), PathBuf::from(path)),
            _ => (name_of(Path::new(text)), PathBuf::from(text)),
        };
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if name.is_empty()
            || name.len() > MOST_NAME_CHARS
            || !name.chars().all(is_plain)
            || name.starts_with('.')
        {
            return Err(Error::option(format!("`{name}` cannot be the name of a model in an address"))
                .with_hint("give one of letters, digits, `_` and `-` in front of the path: NAME=PATH"));
        }
        Ok(ServedModel { name, path })
    }
}

/// The name of a file without its suffix, or of a folder.
fn name_of(path: &Path) -> String {
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let name = if path.is_dir() { path.file_name() } else { path.file_stem() };
    name.map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// All that is served.
pub(crate) struct Served {
    /// In the order in which they were given.
    pub models: Vec<Model>,
    pub indices: Vec<Arc<RowIndex>>,
}

impl Served {
    /// Loads everything.
    ///
    /// # Errors
    /// As [`Model::open`] and [`RowIndex::load`]; an option error if nothing is given, or two have one name.
    pub fn open(models: &[ServedModel], indices: &[PathBuf], sink: &Sink) -> Result<Self> {
        if models.is_empty() {
            return Err(Error::option("nothing to serve").with_hint("give a file or a registry's folder"));
        }
        for (i, model) in models.iter().enumerate() {
            if let Some(other) = models[..i].iter().find(|other| other.name == model.name) {
                return Err(Error::option(format!(
                    "`{}` and `{}` would both be served as `{}`",
                    other.path.display(),
                    model.path.display(),
                    model.name
                ))
                .with_hint("give one another name: NAME=PATH"));
            }
        }
        let opened = models.iter().map(|model| Model::open(model.name.clone(), &model.path, sink));
        let models = opened.collect::<Result<Vec<_>>>()?;
        let load = |path: &PathBuf| {
            let index = RowIndex::load(path)?;
            sink(&Event::Index {
                file: path.display().to_string(),
                n_rows: index.n_rows(),
                version: index.version().to_owned(),
            });
            Ok(Arc::new(index))
        };
        let indices = indices.iter().map(load).collect::<Result<Vec<_>>>()?;
        Ok(Served { models, indices })
    }

    pub fn model(&self, name: &str) -> Option<&Model> {
        self.models.iter().find(|model| model.name == name)
    }

    /// The index whose vectors a space's can be held against.
    ///
    /// # Errors
    /// As [`RowIndex::check_space`] of the last index; a value error if none is served.
    pub fn index_for(&self, space: &EmbeddingSpace) -> Result<Arc<RowIndex>> {
        let mut problem =
            Error::value("no index is served").with_hint("give one to the server: --index FILE");
        for index in &self.indices {
            match index.check_space(space) {
                Ok(()) => return Ok(index.clone()),
                Err(error) => problem = error,
            }
        }
        Err(problem)
    }

    /// Whether every model can answer.
    pub fn is_ready(&self) -> bool {
        self.models.iter().all(|model| model.current().is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_from_the_path_or_stand_in_front() {
        let served = |text: &str| ServedModel::parse(text).map(|m| (m.name, m.path.display().to_string()));
        assert_eq!(served("a/b.tabgraft").unwrap(), ("b".into(), "a/b.tabgraft".into()));
        assert_eq!(served("risk=a/b.tabgraft").unwrap(), ("risk".into(), "a/b.tabgraft".into()));
        assert_eq!(served("a=b/c.tabgraft").unwrap().0, "a");
        assert_eq!(
            served("a/x=y.tabgraft").unwrap_err().to_string(),
            "`x=y` cannot be the name of a model in an address"
        );
        for bad in ["=x", "a b=x", "ä=x", "..=x", ".hidden=x", "a/mo del.tabgraft"] {
            assert!(served(bad).unwrap_err().is_option(), "{bad}");
        }
    }
}
