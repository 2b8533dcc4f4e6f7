//! A space's ancestors as text.

use tabgraft_model::space::{ExtensionMetadata, Hashes};
use tabgraft_model::train::{PhaseInfo, StopReason, Watch};

use super::{difference_text, effects_text, line, names, number};

/// Digits of a hash that people compare.
const SHORT: usize = 12;

/// One paragraph per version, oldest first, the last one being the space itself.
pub fn lineage_text(name: &str, hashes: &Hashes, extensions: &[ExtensionMetadata]) -> String {
    let mut text = String::from("lineage, oldest first\n");
    for (i, graft) in extensions.iter().enumerate() {
        text += &line!("  {} (weights {})", graft.extended_from_es_name, short(&graft.parent.weights));
        text += &line!(
            "    {} {} on {}: {}, +{} coordinates, {} epochs in {:.1} s, seed {}",
            graft.operation.name(),
            i + 1,
            graft.extension_date,
            graft.mode.name(),
            graft.d_side,
            graft.training_epochs_used,
            graft.seconds,
            graft.seed
        );
        text += &phases_text(&graft.phases, "    ");
        for other in &graft.other_parents {
            text += &line!("    with {} (weights {})", other.name, short(&other.hashes.weights));
        }
        text += &line!(
            "    {} columns + {}: {}",
            graft.original_column_count,
            graft.new_columns_added.len(),
            names(&graft.new_columns_added)
        );
        if !graft.columns_retired.is_empty() {
            text += &line!("    its table had no values in {}", names(&graft.columns_retired));
        }
        if let Some(prune) = &graft.prune {
            text += &line!(
                "    - {}: {}; loss of the others {} before, {} without, {} healed",
                graft.columns_removed.len(),
                names(&graft.columns_removed),
                number(prune.loss_before),
                number(prune.loss_masked),
                number(prune.loss_healed)
            );
        }
        if let Some(drift) = &graft.drift {
            text += &line!(
                "    drift: cosine distance mean {:.6}, max {:.6}; {:.1} % of 10 neighbours kept ({} rows)",
                drift.mean_cosine_distance,
                drift.max_cosine_distance,
                100.0 * drift.neighbour_overlap_at_10,
                drift.n_rows
            );
        }
        text += &line!("    loss of the old columns before: {}", number(graft.parent_validation_loss));
    }
    text + &line!("  {name} (weights {}), this one", short(&hashes.weights))
}

/// One line per phase: how many epochs it ran, and why it ended.
pub fn phases_text(phases: &[PhaseInfo], indent: &str) -> String {
    let line = |phase: &PhaseInfo| {
        let why = match (phase.stop_reason, phase.watched) {
            (StopReason::AllEpochs, _) => "all that were planned",
            (StopReason::NoImprovement, Watch::NewColumns) => "the loss of new columns stopped falling",
            (StopReason::NoImprovement, Watch::AllColumns) => "the loss of all columns stopped falling",
            (StopReason::Interrupted, _) => "interrupted",
        };
        let (done, planned) = (phase.n_epochs, phase.n_epochs_planned);
        line!("{indent}phase `{}`: {done} of {planned} epochs, {why}", phase.name)
    };
    phases.iter().map(line).collect()
}

/// How a step that may have to prove itself went: its phases, how far `moved` did, and whether the child is kept.
pub fn outcome_text(step: &ExtensionMetadata, moved: &str, kept: bool) -> String {
    let mut text = phases_text(&step.phases, "");
    if let Some(drift) = &step.drift {
        let bound = match &step.anchor {
            Some(anchor) => format!(", at most {} allowed", anchor.drift_bound),
            None => String::new(),
        };
        text += &line!(
            "{moved} moved by a cosine distance of {:.6}{bound} (largest {:.6}, {} rows)",
            drift.mean_cosine_distance,
            drift.max_cosine_distance,
            drift.n_rows
        );
    }
    if let Some(judgement) = &step.judgement {
        text += &line!("`{}` predicted from parent and child", judgement.target);
        text += &difference_text(&judgement.difference);
        text += &effects_text(&judgement.new_columns);
    }
    if !kept {
        text += "the child is worse and was not kept: the file holds the parent, with a record of this\n";
    }
    text
}

fn short(hash: &str) -> &str {
    hash.get(..SHORT).unwrap_or(hash)
}
