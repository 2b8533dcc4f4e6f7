//! What there is to know of one model: its card, whether it verifies, its training and steps, and with a table its
//! scores, the worth of its columns and a map of its vectors.

use serde::Serialize;
use tabgraft_table::Table;
use tabgraft_table::unreadable::CellErrors;

use super::rows::sampled;
use super::words::{counted, difference_words, few, grouped, score_words, seconds};
use super::{
    Distributions, Evaluation, Picture, Report, ReportKind, ReportOptions, SampledTable, Worth, distribution,
    evaluation, picture, worth,
};
use crate::card::ModelCard;
use crate::error::Result;
use crate::lineage::Lineage;
use crate::metric::{Drift, Verdict};
use crate::space::{
    ColumnReport, ExtensionMetadata, GraftJudgement, Mode, Operation, RefusedExtension, SpaceCard,
};
use crate::train::{EpochInfo, Event, Sink, TrainingInfo};
use crate::{EmbeddingSpace, ModelFile, Predictor};

/// Names of columns that a sentence gives.
const MOST_NAMED: usize = 4;

/// What there is to know of a model.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ModelReport {
    /// Its card.
    pub card: ModelCard,
    /// What does not verify: hashes that the content does not bear out, a lineage that contradicts itself. None where
    /// all does.
    pub problems: Vec<String>,
    /// Losses of the space's last training, epoch by epoch.
    pub epochs: Vec<EpochLoss>,
    /// Loss of each column on validation rows, of the kept weights: 1 is a uniform guess.
    pub column_losses: Vec<(String, f64)>,
    /// What made the space, oldest first, the last one from its parent.
    pub steps: Vec<StepReport>,
    /// Grafts onto the space that were judged worse than it, and so were refused.
    pub refused: Vec<RefusedStep>,
    /// The model and all that it comes from, as far as it remembers.
    pub lineage: Lineage,
    /// Scores on the table's rows; none without a table, and for a space.
    pub evaluation: Option<Evaluation>,
    /// What its columns are worth; none without a table.
    pub worth: Option<Worth>,
    /// How the values of its columns lie in the table, and which go together; none without a table.
    pub distributions: Option<Distributions>,
    /// The table's rows by their vectors, of a predictor by those of its network; none without a table, and for a
    /// predictor without networks.
    pub map: Option<Picture>,
}

/// The losses of one epoch: 1 is a uniform guess.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EpochLoss {
    /// From 1, through all phases.
    pub epoch: usize,
    /// Its phase.
    pub phase: String,
    /// Mean training loss.
    pub train_loss: f64,
    /// Mean validation loss; none without validation rows.
    pub validation_loss: Option<f64>,
    /// Whether its weights were kept.
    pub is_kept: bool,
}

/// One step of a lineage: what came, what it cost, what it did.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StepReport {
    /// The id of the version that it made; empty where that was not kept.
    pub id: String,
    /// `graft`, `prune`, `merge`, `consolidate` or `refresh`.
    pub operation: &'static str,
    /// How old weights were treated: `frozen`, `anchored` or `joint`.
    pub mode: &'static str,
    /// When: RFC 3339, UTC.
    pub date: String,
    /// Names of what it started from; of a merge, several.
    pub parents: Vec<String>,
    /// Columns that came.
    pub columns_added: Vec<String>,
    /// Columns that left.
    pub columns_removed: Vec<String>,
    /// Columns that stayed, and that the step's table lacked or had no value in.
    pub columns_retired: Vec<String>,
    /// Columns after it.
    pub n_columns: usize,
    /// Epochs that it was trained for.
    pub n_epochs: usize,
    /// Wall time of its training, seconds.
    pub seconds: f64,
    /// How far old vectors moved on validation rows; none where it was not measured.
    pub drift: Option<Drift>,
    /// How far they were allowed to, on average; none but for an anchored graft.
    pub drift_bound: Option<f64>,
    /// How it was judged against its parent; none where it was not.
    pub judgement: Option<GraftJudgement>,
}

/// A graft that was not kept.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RefusedStep {
    /// The name of what it made.
    pub name: String,
    /// What it would have been.
    pub step: StepReport,
}

impl EpochLoss {
    /// The epochs of a training.
    pub(super) fn all(training: &TrainingInfo) -> Vec<Self> {
        let epoch = |epoch: &EpochInfo| EpochLoss {
            is_kept: epoch.epoch == training.best_epoch,
            epoch: epoch.epoch,
            phase: epoch.phase.clone(),
            train_loss: epoch.train_loss,
            validation_loss: epoch.validation_loss,
        };
        training.epochs.iter().map(epoch).collect()
    }
}

impl StepReport {
    fn of(step: &ExtensionMetadata, id: String) -> Self {
        let step = step.shown();
        let others = step.other_parents.iter().map(|parent| parent.name.clone());
        StepReport {
            id,
            operation: step.operation.name(),
            mode: step.mode.name(),
            date: step.extension_date.clone(),
            parents: std::iter::once(step.extended_from_es_name.clone()).chain(others).collect(),
            columns_added: step.new_columns_added,
            columns_removed: step.columns_removed,
            columns_retired: step.columns_retired,
            n_columns: step.extended_column_count,
            n_epochs: step.training_epochs_used,
            seconds: step.seconds,
            drift: step.drift,
            drift_bound: step.anchor.map(|anchor| anchor.drift_bound),
            judgement: step.judgement,
        }
    }

    /// What was done to old vectors, in words.
    pub(super) fn kept_words(&self) -> String {
        let is_frozen = self.mode == Mode::Frozen.name();
        match (&self.drift, self.drift_bound) {
            _ if self.operation == Operation::Consolidate.name() => "a new line begins".to_owned(),
            _ if is_frozen && self.operation == Operation::Refresh.name() => {
                "vectors of rows without a new level keep every bit".to_owned()
            }
            (_, _) if is_frozen => "old vectors keep every bit".to_owned(),
            (Some(drift), Some(bound)) => {
                format!("old vectors moved by {:.4} (allowed: {bound})", drift.mean_cosine_distance)
            }
            (Some(drift), None) => format!("old vectors moved by {:.4}", drift.mean_cosine_distance),
            (None, _) => "how far old vectors moved was not measured".to_owned(),
        }
    }

    /// The step in one sentence: what came, what it cost, what it did, how it was judged.
    pub(super) fn sentence(&self) -> String {
        let what = match (self.columns_added.len(), self.columns_removed.len()) {
            (0, 0) => format!("A {} of {}", self.operation, self.parents.join(", ")),
            (n, 0) => format!(
                "{} with {} ({})",
                self.parents.join(" and "),
                counted(n, "more column"),
                few(&self.columns_added, MOST_NAMED)
            ),
            (0, n) => format!(
                "{} without {} ({})",
                self.parents.join(" and "),
                counted(n, "column"),
                few(&self.columns_removed, MOST_NAMED)
            ),
            (n, m) => format!("{}: {} came, {m} left", self.parents.join(" and "), counted(n, "column")),
        };
        let cost = match self.n_epochs {
            0 => "nothing was trained".to_owned(),
            n => format!("{} in {}", counted(n, "epoch"), seconds(self.seconds)),
        };
        let judged = self.judgement.as_ref().map(|judgement| {
            let word = match judgement.difference.verdict {
                Verdict::Better => "better than its parent",
                Verdict::NoDifference => "no worse than its parent",
                Verdict::Worse => "worse than its parent",
            };
            format!(" Judged by {}: {word}, {}.", judgement.target, difference_words(&judgement.difference))
        });
        format!("{what}: {cost}; {}.{}", self.kept_words(), judged.unwrap_or_default())
    }
}

pub(super) fn of_space(
    space: &EmbeddingSpace,
    table: Option<&Table>,
    options: &ReportOptions,
    sink: &mut Sink<'_>,
) -> Result<Report> {
    let (model, mut report) = begin(&ModelFile::Space(Box::new(space.clone())))?;
    let mut model = model;
    if let Some(table) = table {
        let columns = space.column_report(table);
        let looked_at = sampled(table, options.max_rows, options.seed)?;
        let looked_at = space.readable_to_split(&looked_at, CellErrors::Missing)?;
        space.about.check_known(&space.complete(&looked_at.table)?.table)?;
        report.table = Some(of_table(SampledTable::of(table, &looked_at), columns));
        let table = &looked_at.table;
        let silent = &mut |event: &Event| only_progress(event, sink);
        let found = worth::of_space(space, table, options, silent);
        model.worth = report.try_to("what columns are worth", found)?;
        let found = distribution::of(space.columns(), table, options);
        model.distributions = report.try_to("how values lie", found)?;
        model.map = picture::of(space, table, options)?;
    }
    report.headline.push(format!(
        "{} is an embedding space of {}: one vector of {} numbers per row.",
        model.card.name,
        counted(model.card.data.n_columns.used, "column"),
        model.card.training.d_model
    ));
    if let Some(last) = model.steps.last() {
        report.headline.push(last.sentence());
    }
    report.headline.push(verified(&model));
    report.has_problems = !model.problems.is_empty();
    report.models.push(model);
    Ok(report)
}

pub(super) fn of_predictor(
    predictor: &Predictor,
    table: Option<&Table>,
    options: &ReportOptions,
    sink: &mut Sink<'_>,
) -> Result<Report> {
    let (mut model, mut report) = begin(&ModelFile::Predictor(Box::new(predictor.clone())))?;
    let target = predictor.target().column();
    if let Some(table) = table {
        let columns = predictor.column_report(table);
        let looked_at = sampled(table, options.max_rows, options.seed)?;
        let looked_at = match looked_at.has_column(target) {
            true => predictor.readable_to_score(&looked_at, CellErrors::Missing)?,
            false => predictor.readable_to_split(&looked_at, CellErrors::Missing)?,
        };
        let space = &predictor.about.space;
        space.check_known(&space.complete(&looked_at.table)?.table)?;
        report.table = Some(of_table(SampledTable::of(table, &looked_at), columns));
        let table = &looked_at.table;
        if table.has_column(target) {
            let found = evaluation::of(predictor, table, options);
            if let Some((found, notes)) = report.try_to("scores on the table", found)? {
                model.evaluation = Some(found);
                report.notes.extend(notes);
            }
        } else {
            report.notes.push(format!(
                "scores on the table: not shown, because it has no column {target} to compare predictions with"
            ));
        }
        if let Some(column) = &options.colour_by {
            table.column(column)?;
        }
        let silent = &mut |event: &Event| only_progress(event, sink);
        let found = worth::explained(predictor, table, options, silent);
        let explained = report.try_to("what columns are worth", found)?;
        model.worth = explained.as_ref().map(|found| worth::of_predictor(predictor, &found.explanation));
        let found = picture::of_predictor(predictor, table, explained.as_ref(), options);
        model.map = report.try_to("a map of the rows", found)?.flatten();
        let found = distribution::of(predictor.columns(), table, options);
        model.distributions = report.try_to("how values lie", found)?;
    }
    let first = model.evaluation.as_ref().map(|found| (&found.scores, found.rows.clone()));
    let recorded = || (&model.card.scores, "rows held out of its fit".to_owned());
    let (scores, rows) = first.unwrap_or_else(recorded);
    report.headline.push(match scores.first() {
        Some(score) => format!(
            "{} predicts {target}: {} on {}.",
            model.card.name,
            score_words(score),
            if model.evaluation.is_some() { rows } else { format!("{} {rows}", grouped(score.n)) }
        ),
        None => format!("{} predicts {target}. It was not scored: no rows were held out.", model.card.name),
    });
    if let Some(best) = model.worth.as_ref().filter(|worth| worth.columns.iter().any(|c| c.value > 0.0)) {
        let names: Vec<String> = best.columns.iter().take(3).map(|column| column.column.clone()).collect();
        report.headline.push(format!("It rests most on {}.", names.join(", ")));
    }
    report.headline.push(verified(&model));
    report.has_problems = !model.problems.is_empty();
    report.models.push(model);
    Ok(report)
}

/// A model as it is known without any table.
pub(super) fn bare(model: &ModelFile) -> Result<ModelReport> {
    let card = ModelCard::of_model(model)?;
    let problems = model.contradictions();
    let lineage = Lineage::of_model(model);
    let space = match model {
        ModelFile::Space(space) => space.card(),
        ModelFile::Predictor(predictor) => predictor.card().space,
    };
    let SpaceCard { training_info, extensions, refused_extensions, hashes, .. } = space;
    let epochs = EpochLoss::all(&training_info);
    let refused = |refused: RefusedExtension| RefusedStep {
        name: refused.name,
        step: StepReport::of(&refused.extension, String::new()),
    };
    // A step made what the next one started from, the last one the space itself.
    let made = extensions.iter().skip(1).map(|next| next.parent.id()).chain([hashes.id()]);
    let steps = extensions.iter().zip(made).map(|(step, id)| StepReport::of(step, id.to_string()));
    Ok(ModelReport {
        card,
        problems,
        epochs,
        column_losses: training_info.final_column_losses.into_iter().collect(),
        steps: steps.collect(),
        refused: refused_extensions.into_iter().map(refused).collect(),
        lineage,
        evaluation: None,
        worth: None,
        distributions: None,
        map: None,
    })
}

fn begin(model: &ModelFile) -> Result<(ModelReport, Report)> {
    let kind = match model {
        ModelFile::Space(_) => ReportKind::EmbeddingSpace,
        ModelFile::Predictor(_) => ReportKind::Predictor,
    };
    let known = bare(model)?;
    let report = Report::new(kind, known.card.name.clone());
    Ok((known, report))
}

/// Whether a model is what its hashes say, in a sentence.
pub(super) fn verified(model: &ModelReport) -> String {
    match model.problems.len() {
        0 => "It verifies: its content bears out every hash that it gives of itself.".to_owned(),
        n => format!("It does not verify: {}.", counted(n, "problem")),
    }
}

/// What becomes of a table's columns.
pub(super) fn of_table(mut table: SampledTable, columns: ColumnReport) -> SampledTable {
    table.unused = columns.ignored_columns.into_iter().map(|column| (column.name, column.reason)).collect();
    table.missing = columns.missing_columns;
    table
}

/// Passes on how far the work is and whether it shall stop; what is noted on the way stands on the page.
pub(super) fn only_progress(event: &Event, sink: &mut Sink<'_>) -> crate::train::Flow {
    match event {
        Event::Note { .. } | Event::Warning { .. } => std::ops::ControlFlow::Continue(()),
        event => sink(event),
    }
}
