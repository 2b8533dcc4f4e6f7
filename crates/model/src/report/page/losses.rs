//! How a training went: losses by epoch, and which of them was kept.

use super::html::{Cell, HtmlTable, Page};
use crate::draw::{Caption, Curve, Mark, curves};
use crate::report::words::{counted, fixed, seconds};
use crate::report::{EpochLoss, ModelReport};

pub(super) fn training(page: &mut Page, prefix: &str, model: &ModelReport) {
    let card = &model.card.training;
    let Some(best) = card.best_epoch else {
        page.paragraph("Nothing was trained in the last step: its weights are those of its parents.");
        return;
    };
    for sentence in training_words(model, best) {
        page.paragraph(sentence);
    }
    let words = format!(
        "Losses of the last training, {} in {}. 1 is a uniform guess of a hidden cell; lower is better.",
        counted(card.n_epochs, "epoch"),
        seconds(card.seconds)
    );
    losses(page, &format!("{prefix}training-plot"), "Losses", &words, &model.epochs);
}

/// How the training ended and which epoch was kept, in words.
fn training_words(model: &ModelReport, best: usize) -> Vec<String> {
    let card = &model.card.training;
    let loss = |epoch: usize| model.epochs.iter().find(|e| e.epoch == epoch).and_then(|e| e.validation_loss);
    let mut said = vec![kept_words(best, card.n_epochs, [loss(best), loss(card.n_epochs)])];
    said.push(
        match card.stop_reason {
            Some("no_improvement") => "It ended because the validation loss no longer fell.",
            Some("interrupted") => "It was stopped early: these are the best weights until then.",
            _ => "All planned epochs were run.",
        }
        .to_owned(),
    );
    let of_old =
        card.validation_loss.map(|loss| format!("{} for columns that were there before", fixed(loss, 4)));
    let of_new =
        card.new_columns_validation_loss.map(|loss| format!("{} for those that came", fixed(loss, 4)));
    let losses: Vec<String> = of_old.into_iter().chain(of_new).collect();
    if !losses.is_empty() {
        said.push(format!("Validation loss of the kept weights: {}.", losses.join(", ")));
    }
    said
}

/// Which epoch was kept, and why not the last one; with the validation losses of both.
pub(super) fn kept_words(best: usize, n_epochs: usize, [kept, last]: [Option<f64>; 2]) -> String {
    match (kept, last) {
        (Some(kept), Some(last)) if best < n_epochs => format!(
            "The weights of epoch {best} of {n_epochs} were kept: no later epoch had a lower validation loss ({} then, \
             {} at the end).",
            fixed(kept, 4),
            fixed(last, 4)
        ),
        _ if best < n_epochs => format!("The weights of epoch {best} of {n_epochs} were kept."),
        _ => format!("The weights of the last of {} were kept.", counted(n_epochs, "epoch")),
    }
}

/// Losses by epoch, as a drawing with the figures beside it; where a phase begins and what was kept is marked.
pub(super) fn losses(page: &mut Page, id: &str, title: &str, words: &str, epochs: &[EpochLoss]) {
    let lines = [
        Curve {
            label: "training",
            colour: 1,
            dashed: true,
            points: epochs.iter().map(|e| (e.epoch as f64, e.train_loss)).collect(),
        },
        Curve {
            label: "validation",
            colour: 0,
            dashed: false,
            points: epochs.iter().filter_map(|e| Some((e.epoch as f64, e.validation_loss?))).collect(),
        },
    ];
    let mut marks: Vec<Mark<'_>> = epochs
        .windows(2)
        .filter(|pair| pair[0].phase != pair[1].phase)
        .map(|pair| Mark { x: pair[1].epoch as f64, label: &pair[1].phase })
        .collect();
    marks.extend(epochs.iter().filter(|e| e.is_kept).map(|e| Mark { x: e.epoch as f64, label: "kept" }));
    let caption = Caption {
        id,
        title,
        description: "Training and validation loss of each epoch; a mark where weights were kept.",
    };
    let rows = epochs.iter().map(|e| {
        vec![
            Cell::count(e.epoch),
            Cell::text(&e.phase),
            Cell::fixed(e.train_loss, 4),
            Cell::optional(e.validation_loss, |v| fixed(v, 4)),
            Cell::text(if e.is_kept { "kept" } else { "" }),
        ]
    });
    let table = HtmlTable {
        caption: format!("{title}, epoch by epoch"),
        head: vec!["epoch", "phase", "training loss", "validation loss", "weights"],
        rows: rows.collect(),
    };
    page.figure(&curves(caption, ("epoch", "loss, 1 = uniform guess"), &lines, &marks), words, Some(table));
}
