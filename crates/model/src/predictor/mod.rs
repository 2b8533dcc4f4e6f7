//! Predicting one target on top of an embedding space.
//!
//! A bag of networks, each a fine-tuned copy of the space with two members and a linear path
//! (`head.rs`), over inner splits of the rows (`bag.rs`), which predict by the mean of their weights where that is as
//! good as the mean of what they say (`as_one.rs`); and beside it bags of forests over the same parts, boosted and,
//! where rows are few, random (`trees.rs`) and a linear model (`lines.rs`), mixed with it in the shares that held-out rows ask for
//! (`blend.rs`). The space that the user gave never changes. Probabilities are the mean, with a temperature fitted on held-out rows.

mod ancestry;
mod as_one;
mod bag;
mod blend;
mod calibrate;
mod card;
mod class_weight;
mod derived;
mod evaluate;
mod explain;
mod fair;
mod file;
mod fit;
mod fit_info;
mod gain;
mod grow;
mod grown;
mod head;
mod held_out;
mod id;
mod inner;
mod interval;
mod kept;
mod label;
mod leaks;
mod lines;
mod loss;
mod migrate;
mod options;
mod predict;
mod predictions;
mod reading;
mod reliability;
mod search;
mod sight;
mod sizes;
mod stream;
mod target;
mod threshold;
mod together;
mod told;
mod trees;
mod vectors;

use std::sync::OnceLock;

use serde::{Deserialize, Serialize};
use tabgraft_table::codec::Codec;
use tabgraft_table::read::Reading;
use tabgraft_table::schema::ColumnSpec;

use crate::space::{About, KnownRows, SoftwareVersion};
use crate::tree::{Forest, RandomForest};
pub(crate) use calibrate::{LEAST_PROBABILITY, TINY};
pub use card::{GrowthCard, PredictorCard};
pub use class_weight::ClassWeight;
use derived::Derived;
pub(crate) use derived::{DAY, codecs as codecs_with_derived};
pub(crate) use evaluate::Assessed;
pub use explain::{
    ColumnGroup, ExplainOptions, Explanation, Importance, Method, Reason, ReasonsOfRow, Scale,
};
pub use fair::FairRows;
pub(crate) use file::KIND;
pub use fit::HeldOut;
pub use fit_info::{FitInfo, SecondsSpent};
pub use grow::GrowOptions;
pub(crate) use grown::LEAST_PROBABILITY as LEAST_BEFORE;
use grown::{Grown, Growth};
pub(crate) use head::Head;
use inner::InnerParts;
use interval::Distances;
pub use interval::Interval;
pub use kept::{Growing, JudgedOn, KeepGrown, RefusedGrowth};
pub use label::{LabelType, spelling_note};
pub(crate) use lines::{Lines, mean_line};
pub(crate) use migrate::to_current;
pub use options::{Effort, PredictorOptions};
pub use predictions::{Guardrail, Predictions};
pub use reliability::{Coverage, Reliability, ReliabilityBin};
pub use sizes::HeadSizes;
pub use stream::PredictionStream;
pub use target::{MOST_NUMBER, Target, TargetKind};
pub use threshold::{ChosenThreshold, ThresholdFor};
pub use together::Predicted;
pub(crate) use trees::loss;
pub(crate) use vectors::RowVectors;

/// A fitted predictor. Self-contained: it needs no other file.
#[derive(Debug, Clone)]
pub struct Predictor {
    pub(crate) about: PredictorAbout,
    pub(crate) heads: Vec<Head>,
    /// What stands for all of them, made when it is first asked for.
    pub(crate) thrifty_heads: OnceLock<Option<Vec<Head>>>,
    pub(crate) forests: Vec<Forest>,
    pub(crate) random_forests: Vec<RandomForest>,
    pub(crate) lines: Vec<Lines>,
    /// What it grew from and by; none where it was fitted from nothing, and then learners above.
    pub(crate) grown: Option<Grown>,
}

/// Everything about a predictor but its weights.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PredictorAbout {
    pub name: String,
    pub created: String,
    pub software: SoftwareVersion,
    pub options: PredictorOptions,
    pub target: Target,
    /// Exponent `1 / temperature` of the probabilities; 1 for numbers.
    pub sharpness: f64,
    /// The space that it was fitted on: columns, codecs, split, lineage, hashes.
    pub space: About,
    /// Columns that trees and the linear learner have beside the space's.
    pub derived: Vec<Derived>,
    /// Rows of the fit that the space does not know, if there are any and the space remembers its own.
    pub rows: Option<KnownRows>,
    /// Hash of `rows`, where there are any; no part of the id.
    pub rows_hash: Option<String>,
    /// How the table was read that it was fitted on.
    pub reading: Reading,
    pub fit_info: FitInfo,
    /// The threshold that was chosen on held-out rows, if one was asked for.
    pub threshold: Option<ChosenThreshold>,
    /// How far held-out rows were off. None for classes, and in a file of format 1.3 or earlier.
    pub distances: Option<Distances>,
    /// Inner parts of the rows that it was fitted on. None in one of format 1.3 or earlier.
    pub inner: Option<InnerParts>,
    /// The predictor that it grew from, and what came. None where it was fitted from nothing.
    pub growth: Option<Growth>,
    /// What grew from it and was not kept; no part of the id.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused_growths: Vec<RefusedGrowth>,
    /// Hash of what the file says of the predictor, without names, times and seconds. None in one of format
    /// 1.3 or earlier.
    pub claims: Option<String>,
}

impl Predictor {
    /// Of learners that were fitted from nothing.
    fn of_learners(
        about: PredictorAbout,
        heads: Vec<Head>,
        forests: Vec<Forest>,
        random_forests: Vec<RandomForest>,
        lines: Vec<Lines>,
    ) -> Self {
        Predictor {
            about,
            heads,
            thrifty_heads: OnceLock::new(),
            forests,
            random_forests,
            lines,
            grown: None,
        }
    }

    /// Of what it grew from and by.
    fn of_growth(about: PredictorAbout, grown: Grown) -> Self {
        let grown = Some(grown);
        Predictor { grown, ..Self::of_learners(about, Vec::new(), Vec::new(), Vec::new(), Vec::new()) }
    }

    /// The predictor's name.
    pub fn name(&self) -> &str {
        &self.about.name
    }

    /// The columns of its space, in the order of their arrival.
    pub fn columns(&self) -> &[ColumnSpec] {
        &self.about.space.columns
    }

    /// How the cells of these columns become numbers, one for each.
    pub fn codecs(&self) -> &[Codec] {
        &self.about.space.codecs
    }

    /// What is predicted.
    pub fn target(&self) -> &Target {
        &self.about.target
    }

    /// Rows, epochs, scores and seconds of the fit.
    pub fn fit_info(&self) -> &FitInfo {
        &self.about.fit_info
    }

    /// Probability from which on the second of two classes is predicted.
    pub fn threshold(&self) -> f64 {
        self.about.threshold.map_or(self.about.options.threshold, |chosen| chosen.value)
    }

    /// Name of the space that it was fitted on.
    pub fn space_name(&self) -> &str {
        &self.about.space.name
    }

    /// Hash of the weights of the space that it was fitted on.
    pub fn space_hash(&self) -> &str {
        &self.about.space.hashes.weights
    }
}
