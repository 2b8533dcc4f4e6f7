//! One version of a model, loaded.

use std::sync::Arc;

use tabgraft_model::{EmbeddingSpace, ModelFile, Predictor};
use tabgraft_table::codec::Codec;
use tabgraft_table::read::{ReadOptions, Wanted};
use tabgraft_table::schema::{ColumnSpec, Kind};

/// A version that answers. Never changes.
#[derive(Debug)]
pub(crate) struct Version {
    /// Its id, whole.
    pub id: String,
    /// The name that it was trained under.
    pub name: String,
    pub model: ModelFile,
    /// How its rows are read.
    pub how: ReadOptions,
    /// The columns that it reads, those that its features are made from among them, in the order of their arrival.
    pub inputs: Vec<Input>,
}

/// A column that a version reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Input {
    pub name: String,
    /// None where only features read it.
    pub kind: Option<Kind>,
}

impl Version {
    pub fn new(model: ModelFile) -> Arc<Self> {
        let (columns, needs) = match &model {
            ModelFile::Space(space) => (space.columns().to_vec(), space.needs()),
            ModelFile::Predictor(predictor) => (predictor.columns().to_vec(), predictor.needs()),
        };
        let inputs = inputs(&columns, &needs, |name| model.features().iter().any(|f| f.name == name));
        let how = ReadOptions { columns: needs, ..model.read_options() };
        let (id, name) = (model.id().as_str().to_owned(), model.name().to_owned());
        Arc::new(Version { id, name, model, how, inputs })
    }

    /// The columns of the model, in the order of its cells.
    pub fn columns(&self) -> &[ColumnSpec] {
        match &self.model {
            ModelFile::Space(space) => space.columns(),
            ModelFile::Predictor(predictor) => predictor.columns(),
        }
    }

    /// How the cells of these columns become numbers, one for each.
    pub fn codecs(&self) -> &[Codec] {
        match &self.model {
            ModelFile::Space(space) => space.codecs(),
            ModelFile::Predictor(predictor) => predictor.codecs(),
        }
    }

    pub fn space(&self) -> Option<&EmbeddingSpace> {
        match &self.model {
            ModelFile::Space(space) => Some(space),
            ModelFile::Predictor(_) => None,
        }
    }

    pub fn predictor(&self) -> Option<&Predictor> {
        match &self.model {
            ModelFile::Space(_) => None,
            ModelFile::Predictor(predictor) => Some(predictor),
        }
    }
}

/// The columns that a table has to bring: those of the model that it does not compute, and what features are made of.
fn inputs(columns: &[ColumnSpec], needs: &Wanted, is_computed: impl Fn(&str) -> bool) -> Vec<Input> {
    let own = columns.iter().filter(|column| !is_computed(&column.name));
    let mut inputs: Vec<Input> =
        own.map(|column| Input { name: column.name.clone(), kind: Some(column.kind) }).collect();
    if let Wanted::Only(names) = needs {
        let is_known = |name: &String| columns.iter().any(|column| column.name == *name) || is_computed(name);
        inputs.extend(
            names.iter().filter(|name| !is_known(name)).map(|name| Input { name: name.clone(), kind: None }),
        );
    }
    inputs
}
