//! What goes onto a card, from the records of a model.

use tabgraft_table::schema::{ColumnSpec, Kind};

use super::{
    ColumnCounts, DataCard, FORMAT_VERSION, FeatureCard, ModelCard, ParentCard, StepCard, TaskCard,
    TrainingCard,
};
use crate::metric::Task;
use crate::model_file::ModelKind;
use crate::predictor::Target;
use crate::space::{ExtensionMetadata, Mode, Operation, SpaceCard};
use crate::train::StopReason;
use crate::{EmbeddingSpace, Predictor};

pub(super) fn of_space(space: &EmbeddingSpace) -> ModelCard {
    let card = space.card();
    let mut limits = Vec::new();
    limits.push("It knows the columns above alone: others are passed over, and those that a table lacks count as missing."
        .to_owned());
    limits.extend(limits_of(&card));
    ModelCard {
        format_version: FORMAT_VERSION,
        kind: ModelKind::EmbeddingSpace.name(),
        name: card.name.clone(),
        id: space.id().to_string(),
        created: card.created.clone(),
        software: card.software.clone(),
        task: None,
        data: data(&card, space.features()),
        training: training(&card),
        lineage: card.extensions.iter().map(step).collect(),
        parents: card.extensions.last().map(parents).unwrap_or_default(),
        scores: Vec::new(),
        guardrails: vec![
            "Columns of a table whose cells are mostly values that training has not seen are named as it is embedded."
                .to_owned(),
        ],
        limits,
    }
}

pub(super) fn of_predictor(predictor: &Predictor) -> ModelCard {
    let card = predictor.card();
    let info = &card.fit_info;
    let target = &card.target;
    let space = ParentCard {
        name: card.space.name.clone(),
        id: card.space.hashes.id().to_string(),
        relation: "finetune",
    };
    let grown = card.growth.as_ref();
    let grown = grown.map(|growth| ParentCard {
        name: growth.base.clone(),
        id: growth.base_id.clone(),
        relation: "finetune",
    });
    ModelCard {
        format_version: FORMAT_VERSION,
        kind: ModelKind::Predictor.name(),
        name: card.name.clone(),
        id: predictor.id().to_string(),
        created: card.created.clone(),
        software: card.software.clone(),
        task: Some(TaskCard {
            task: target.task().name(),
            target: target.column().to_owned(),
            classes: target.classes().to_vec(),
            threshold: card.threshold,
            learners: card.learners(),
            n_rows: info.n_rows,
            n_rows_test: info.n_rows_test,
            n_rows_left_out: info.n_rows_without_target + info.n_rows_without_weight,
            seconds: info.seconds,
            interrupted: info.interrupted,
        }),
        data: data(&card.space, predictor.features()),
        training: training(&card.space),
        lineage: card.space.extensions.iter().map(step).collect(),
        parents: std::iter::once(space).chain(grown).collect(),
        scores: info.scores.clone(),
        guardrails: vec![
            "Categories that no training row had are named, row by row (`unseen`).".to_owned(),
            "Numbers away from the training mean are named, row by row: `outlier` from 3 standard deviations, \
             `extrapolation` from 4, `severe` from 20, `error` from 100 and where they are infinite."
                .to_owned(),
            "Columns whose cells are mostly unseen, columns that are not used and columns that are not there are named \
             with each table."
                .to_owned(),
        ],
        limits: limits_of_predictor(predictor, target),
    }
}

fn limits_of_predictor(predictor: &Predictor, target: &Target) -> Vec<String> {
    let card = predictor.card();
    let info = &card.fit_info;
    let mut limits = Vec::new();
    match target.task() {
        Task::Regression => limits.push(
            "It was fitted on the range of numbers that its training rows have; beyond it predictions are guesses."
                .to_owned(),
        ),
        _ => limits.push(format!(
            "It gives every row one of the {} classes that it was fitted on, also a row of none of them.",
            target.classes().len()
        )),
    }
    limits.push(match (info.scores.first(), card.options.hold_out_test) {
        (Some(score), _) => format!(
            "The scores are those of {} rows of the same table, drawn by the rule of the split: of rows from elsewhere or \
             from another time they say nothing.",
            score.n
        ),
        (None, true) => "It was not scored: there were no test rows.".to_owned(),
        (None, false) => "It was not scored: it was fitted on every row, test rows too.".to_owned(),
    });
    if info.n_rows_unseen > 0 {
        limits.push(format!(
            "{} test rows have a class that no row to learn from had; they are scored as wrong.",
            info.n_rows_unseen
        ));
    }
    if info.n_copies > 0 {
        limits.push(format!(
            "{} of the {} rows learned from repeat another one in every column.",
            info.n_copies, info.n_rows
        ));
    }
    if info.interrupted {
        limits.push("Its fit was stopped early: it is the best state until then.".to_owned());
    }
    limits.extend(limits_of(&card.space));
    limits
}

fn limits_of(card: &SpaceCard) -> Vec<String> {
    let mut limits = Vec::new();
    if card.training_info.stop_reason == StopReason::Interrupted {
        limits
            .push("The training of the space was stopped early: it is the best state until then.".to_owned());
    }
    if card.n_rows_remembered.is_none() {
        limits.push(
            "It does not remember which rows it was trained on, so that it cannot tell them from new ones."
                .to_owned(),
        );
    }
    let texts = card.columns.iter().filter(|column| column.kind == Kind::Text).count();
    if texts > 0 {
        limits.push(format!("{texts} column(s) of text are read by their words, not by their meaning."));
    }
    limits
}

fn data(card: &SpaceCard, features: &[tabgraft_feature::Feature]) -> DataCard {
    let feature = |feature: &tabgraft_feature::Feature| FeatureCard {
        name: feature.name.clone(),
        definition: feature.definition.to_string(),
        reason: feature.reason.clone(),
    };
    DataCard {
        n_rows_train: card.training_info.n_rows_train,
        n_rows_valid: card.training_info.n_rows_valid,
        n_rows_remembered: card.n_rows_remembered,
        data_hash: card.hashes.data.clone(),
        columns: card.columns.clone(),
        n_columns: counts(&card.columns, card.excluded.len()),
        left_out: card.excluded.clone(),
        features: features.iter().map(feature).collect(),
        notes: card.notes.clone(),
    }
}

fn counts(columns: &[ColumnSpec], left_out: usize) -> ColumnCounts {
    let of = |kind: Kind| columns.iter().filter(|column| column.kind == kind).count();
    ColumnCounts {
        used: columns.len(),
        numeric: of(Kind::Numeric),
        categorical: of(Kind::Categorical),
        boolean: of(Kind::Boolean),
        timestamp: of(Kind::Timestamp),
        text: of(Kind::Text),
        left_out,
    }
}

fn training(card: &SpaceCard) -> TrainingCard {
    let info = &card.training_info;
    let was_trained = !info.epochs.is_empty();
    TrainingCard {
        d_model: card.d_model,
        n_weights: card.n_weights,
        n_epochs: info.epochs.len(),
        best_epoch: was_trained.then_some(info.best_epoch),
        stop_reason: was_trained.then_some(match info.stop_reason {
            StopReason::AllEpochs => "all_epochs",
            StopReason::NoImprovement => "no_improvement",
            StopReason::Interrupted => "interrupted",
        }),
        validation_loss: info.final_validation_loss,
        new_columns_validation_loss: info.new_columns_validation_loss,
        device: (!info.device.is_empty()).then(|| info.device.clone()),
        seconds: info.seconds,
    }
}

/// The parents of a step, and what its child is to them: a graft that leaves all old weights alone adds to its
/// parent as adapters do.
fn parents(step: &ExtensionMetadata) -> Vec<ParentCard> {
    let relation = match (step.operation, step.mode) {
        (Operation::Merge, _) => "merge",
        (Operation::Graft, Mode::Frozen) => "adapter",
        _ => "finetune",
    };
    let first =
        ParentCard { name: step.extended_from_es_name.clone(), id: step.parent.id().to_string(), relation };
    let others = step.other_parents.iter();
    let others = others.map(|p| ParentCard { name: p.name.clone(), id: p.hashes.id().to_string(), relation });
    std::iter::once(first).chain(others).collect()
}

fn step(step: &ExtensionMetadata) -> StepCard {
    let step = step.shown();
    StepCard {
        operation: step.operation.name(),
        date: step.extension_date.clone(),
        parents: parents(&step),
        mode: step.mode.name(),
        columns_added: step.new_columns_added.clone(),
        columns_removed: step.columns_removed.clone(),
        n_columns_before: step.original_column_count,
        n_columns_after: step.extended_column_count,
        n_epochs: step.training_epochs_used,
        drift: step.drift,
    }
}
