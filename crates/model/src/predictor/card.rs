//! What there is to say about a predictor, and about the space that it was fitted on.

use serde::Serialize;
use tabgraft_feature::Feature;
use tabgraft_table::split::Split;

use super::interval::Distances;
use super::{ChosenThreshold, FitInfo, Predictor, PredictorAbout, PredictorOptions, RefusedGrowth, Target};
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
    /// Probability from which on the second of two classes is predicted; none for others.
    pub threshold: Option<f64>,
    /// How it was chosen, if it was.
    pub chosen_threshold: Option<ChosenThreshold>,
    /// Held-out rows that intervals around numbers rest on; none for classes and in files of format 1.3 or earlier.
    pub n_rows_of_intervals: Option<usize>,
    /// What it grew from; none where it was fitted from nothing.
    pub growth: Option<GrowthCard>,
    /// What grew from it and was judged worse than it, oldest first.
    pub refused_growths: Vec<RefusedGrowth>,
    /// The space that it was fitted on, as it was then.
    pub space: SpaceCard,
}

/// What a predictor grew from, and by.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GrowthCard {
    /// Name of the old predictor.
    pub base: String,
    /// Its id.
    pub base_id: String,
    /// Name of the space that the old one is on.
    pub base_space: String,
    /// What predicts in the old one, in words.
    pub base_learners: String,
    /// Columns that the space has and that of the old one had not.
    pub columns_added: Vec<String>,
    /// Columns that the space of the old one had and this one has not.
    pub columns_removed: Vec<String>,
    /// Trees of each forest that starts from what the old predictor says.
    pub n_trees_onward: Vec<usize>,
    /// Trees of each forest that starts from nothing.
    pub n_trees_anew: Vec<usize>,
    /// Trees of each random forest that came.
    pub n_random_trees: Vec<usize>,
    /// Shares in a prediction of the old predictor, of the forests that start from it, of those that start from
    /// nothing, of the linear model and of the random forests that came; they sum to 1.
    pub shares: [f64; 5],
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
            threshold: (self.about.target.classes().len() == 2).then(|| self.threshold()),
            chosen_threshold: self.about.threshold,
            n_rows_of_intervals: self.about.distances.as_ref().map(Distances::n_rows),
            growth: self.about.growth_card(),
            refused_growths: self.about.refused_growths.clone(),
            space: self.about.space.card(),
        }
    }

    /// What predicts, in words.
    pub fn learners(&self) -> String {
        self.about.learners()
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

impl PredictorAbout {
    /// What predicts, in words.
    pub(super) fn learners(&self) -> String {
        match &self.growth {
            None => self.fit_info.learners(),
            Some(growth) => format!("{}; {}", growth.base.learners(), growth.learners()),
        }
    }

    /// Columns that its space has and that of the predictor that it grew from had not.
    pub(super) fn columns_added(&self) -> Vec<String> {
        let Some(growth) = &self.growth else { return Vec::new() };
        let is_old = |name: &String| growth.base.space.columns.iter().any(|c| c.name == *name);
        self.space.columns.iter().map(|c| c.name.clone()).filter(|name| !is_old(name)).collect()
    }

    fn growth_card(&self) -> Option<GrowthCard> {
        let growth = self.growth.as_ref()?;
        Some(GrowthCard {
            base: growth.base.name.clone(),
            base_id: growth.base_id.clone(),
            base_space: growth.base.space.name.clone(),
            base_learners: growth.base.learners(),
            columns_added: self.columns_added(),
            columns_removed: growth.base.lost_columns(&self.space),
            n_trees_onward: growth.n_trees_onward.clone(),
            n_trees_anew: growth.n_trees_anew.clone(),
            n_random_trees: growth.n_random_trees.clone(),
            shares: growth.all_shares(),
        })
    }
}

impl PredictorCard {
    /// What predicts, in words.
    pub fn learners(&self) -> String {
        match &self.growth {
            None => self.fit_info.learners(),
            Some(growth) => {
                let n_trees = [&growth.n_trees_onward, &growth.n_trees_anew, &growth.n_random_trees];
                let came = learners_of(n_trees.map(|n| &n[..]), growth.shares);
                format!("{}; {came}", growth.base_learners)
            }
        }
    }
}

/// What came to a predictor, in words: trees of its forests onward, anew and random, and all shares.
pub(super) fn learners_of([onward, anew, random]: [&[usize]; 3], shares: [f64; 5]) -> String {
    let [_, of_onward, of_anew, of_linear, of_random] = shares;
    let words = |n_trees: &[usize], kind: &str, how: &str, share: f64| {
        (share > 0.0).then(|| {
            let sum: usize = n_trees.iter().sum();
            format!("{} {kind}forests of {sum} trees{how} (share {share:.2})", n_trees.len())
        })
    };
    let linear = (of_linear > 0.0).then(|| format!("a linear model (share {of_linear:.2})"));
    let came = [
        words(onward, "", " onward", of_onward),
        words(anew, "", " anew", of_anew),
        words(random, "random ", "", of_random),
        linear,
    ];
    match came.into_iter().flatten().collect::<Vec<_>>() {
        none if none.is_empty() => "nothing came, for it brought nothing".to_owned(),
        some => format!("since then {}", some.join(", ")),
    }
}
