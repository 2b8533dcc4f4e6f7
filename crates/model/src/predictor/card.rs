//! What there is to say about a predictor, and about the space that it was fitted on.

use serde::Serialize;
use tabgraft_feature::Feature;
use tabgraft_table::split::Split;

use super::{FitInfo, Predictor, PredictorOptions, Target};
use crate::space::{ExtensionMetadata, SpaceCard};

/// What `inspect` shows of a predictor.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PredictorCard {
    /// Name of the predictor.
    pub name: String,
    /// When it was fitted: RFC 3339, UTC.
    pub created: String,
    /// Software that fitted it.
    pub software: String,
    /// What is predicted.
    pub target: Target,
    /// How it was fitted.
    pub options: PredictorOptions,
    /// Rows, epochs, scores and seconds of the fit.
    pub fit_info: FitInfo,
    /// The space that it was fitted on, as it was then.
    pub space: SpaceCard,
}

impl Predictor {
    /// What there is to say about the predictor.
    pub fn card(&self) -> PredictorCard {
        PredictorCard {
            name: self.about.name.clone(),
            created: self.about.created.clone(),
            software: self.about.software.version.clone(),
            target: self.about.target.clone(),
            options: self.about.options.clone(),
            fit_info: self.about.fit_info.clone(),
            space: self.about.space.card(),
        }
    }

    /// The options that it was fitted with.
    pub fn options(&self) -> &PredictorOptions {
        &self.about.options
    }

    /// The rule that gives rows to training, validation and test; the space's own.
    pub fn split(&self) -> &Split {
        &self.about.space.split
    }

    /// Engineered columns among the space's, with their fitted state.
    pub fn features(&self) -> &[Feature] {
        &self.about.space.features
    }

    /// All grafts of the space, oldest first.
    pub fn extensions(&self) -> &[ExtensionMetadata] {
        &self.about.space.extensions
    }
}
