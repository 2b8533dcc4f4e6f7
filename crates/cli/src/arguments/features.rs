//! Arguments of the commands that take features from a file.

use std::path::PathBuf;

use clap::Args;
use tabgraft_model::ModelFile;
use tabgraft_model::discover::remember::{FeatureFile, RecalledEngineer, SuggestionHistory};

use crate::failure::Failure;
use crate::report::names;

/// Where features come from.
#[derive(Debug, Args)]
pub struct FeaturesArgs {
    /// A file of features, a suggestion history, or a model that carries features
    pub features: PathBuf,
    /// The target whose newest run is taken from a history [default: the only one in it]
    #[arg(long, value_name = "COLUMN")]
    target: Option<String>,
    /// Take only recommended features from a history; often there are none
    #[arg(long)]
    pub recommended: bool,
}

impl FeaturesArgs {
    /// The model at FEATURES, if that is one.
    pub fn model(&self) -> Result<Option<ModelFile>, Failure> {
        Ok(match ModelFile::is_at(&self.features) {
            true => Some(ModelFile::load(&self.features)?),
            false => None,
        })
    }

    /// What applies the features of the file, or of the model.
    pub fn engineer(&self, model: Option<&ModelFile>) -> Result<RecalledEngineer, Failure> {
        let file = match model {
            Some(model) => FeatureFile::of_model(model)?,
            None => FeatureFile::load(&self.features)?,
        };
        let target = match &file {
            FeatureFile::List(_) => None,
            FeatureFile::History(history) => Some(self.target_of(history)?),
        };
        Ok(RecalledEngineer::new(file, target, self.recommended)?)
    }

    fn target_of(&self, history: &SuggestionHistory) -> Result<String, Failure> {
        let mut targets: Vec<&str> = history.runs.iter().map(|run| run.target.as_str()).collect();
        targets.sort_unstable();
        targets.dedup();
        match (&self.target, targets.as_slice()) {
            (Some(target), _) => Ok(target.clone()),
            (None, [only]) => Ok((*only).to_owned()),
            (None, _) => Err(Failure::new(format!("the history has runs for {}", names(&targets)))
                .with_hint("choose one with `--target`")),
        }
    }
}
