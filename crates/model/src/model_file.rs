//! A file that is an embedding space or a predictor; which one, the file says itself.

use std::path::Path;

use serde::{Deserialize, Serialize};

use tabgraft_feature::Feature;
use tabgraft_table::read::{ReadOptions, Wanted};

use crate::error::{Error, Result};
use crate::store::{self, Container, ContentHash};
use crate::{EmbeddingSpace, Predictor, index, predictor, space};

/// What a model is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModelKind {
    /// One vector per row.
    EmbeddingSpace,
    /// One target, predicted on top of a space.
    Predictor,
}

impl ModelKind {
    /// The kind's name in files and reports.
    pub fn name(self) -> &'static str {
        match self {
            ModelKind::EmbeddingSpace => space::KIND,
            ModelKind::Predictor => predictor::KIND,
        }
    }
}

/// A model of either kind.
#[derive(Debug, Clone)]
pub enum ModelFile {
    /// A space: one vector per row.
    Space(Box<EmbeddingSpace>),
    /// A predictor of one target.
    Predictor(Box<Predictor>),
}

impl ModelFile {
    /// Where the model does not bear out its own hashes, or its lineage contradicts itself. Hashes that do not
    /// follow from the file, those of training rows and of a predictor's space, are taken as they are.
    pub(crate) fn contradictions(&self) -> Vec<String> {
        match self {
            ModelFile::Space(space) => space.about.contradictions(),
            ModelFile::Predictor(predictor) => predictor.contradictions(),
        }
    }

    /// Reads a file of either kind. Runs no code of the file, and believes no size in it.
    ///
    /// # Errors
    /// Malformed, version or verification errors that name the file; a schema error if it holds
    /// something else; an io error.
    pub fn load(path: &Path) -> Result<Self> {
        let (container, _) = store::load(path)?;
        Self::from_container(container).map_err(|e| e.at(format_args!("`{}`", path.display())))
    }

    /// Whether a path is that of a regular file that begins as a model does. Reads nothing of pipes, whose bytes
    /// come once.
    pub fn is_at(path: &Path) -> bool {
        path.is_file() && store::resembles(path).unwrap_or(false)
    }

    /// Reads such a file's bytes.
    ///
    /// # Errors
    /// As [`ModelFile::load`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        Self::from_container(store::from_bytes(bytes)?.0)
    }

    pub(crate) fn from_container(container: Container) -> Result<Self> {
        match container.kind.as_str() {
            space::KIND => Ok(ModelFile::Space(Box::new(EmbeddingSpace::from_container(container)?))),
            predictor::KIND => Ok(ModelFile::Predictor(Box::new(Predictor::from_container(container)?))),
            index::KIND => Err(Error::schema("it holds an index of rows, which is no model")
                .with_hint("give it to `tabgraft neighbours`, or `RowIndex::load`")),
            other => Err(Error::schema(format!("it holds a `{other}`"))
                .with_hint("give the file of an embedding space or of a predictor")),
        }
    }

    /// What it is.
    pub fn kind(&self) -> ModelKind {
        match self {
            ModelFile::Space(_) => ModelKind::EmbeddingSpace,
            ModelFile::Predictor(_) => ModelKind::Predictor,
        }
    }

    /// The features that it computes by itself.
    pub fn features(&self) -> &[Feature] {
        match self {
            ModelFile::Space(space) => space.features(),
            ModelFile::Predictor(predictor) => predictor.features(),
        }
    }

    /// Options that read a table as the one that it was trained on.
    pub fn read_options(&self) -> ReadOptions {
        match self {
            ModelFile::Space(space) => space.read_options(),
            ModelFile::Predictor(predictor) => predictor.read_options(),
        }
    }

    /// The columns that it needs of a table: to embed it, or to predict it.
    pub fn needs(&self) -> Wanted {
        match self {
            ModelFile::Space(space) => space.needs(),
            ModelFile::Predictor(predictor) => predictor.needs(),
        }
    }

    /// The name that it was trained under.
    pub fn name(&self) -> &str {
        match self {
            ModelFile::Space(space) => space.name(),
            ModelFile::Predictor(predictor) => predictor.name(),
        }
    }

    /// Names this version in lineages and registries.
    pub fn id(&self) -> ContentHash {
        match self {
            ModelFile::Space(space) => space.id(),
            ModelFile::Predictor(predictor) => predictor.id(),
        }
    }
}
