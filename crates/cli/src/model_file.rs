//! A file that is an embedding space or a predictor; which one, the file says itself.

use std::path::Path;

use tabgraft_model::{EmbeddingSpace, Predictor, store};

use crate::failure::Failure;

/// A loaded model of either kind.
pub enum ModelFile {
    /// From `train` or `extend`.
    Space(Box<EmbeddingSpace>),
    /// From `predictor`.
    Predictor(Box<Predictor>),
}

impl ModelFile {
    /// Loads a file of either kind.
    pub fn load(path: &Path) -> Result<Self, Failure> {
        match store::verify(path)?.kind.as_str() {
            "embedding_space" => Ok(ModelFile::Space(Box::new(EmbeddingSpace::load(path)?))),
            "predictor" => Ok(ModelFile::Predictor(Box::new(Predictor::load(path)?))),
            other => Err(Failure::new(format!("`{}` holds a `{other}`", path.display()))
                .with_hint("give the file of an embedding space or of a predictor")),
        }
    }
}
