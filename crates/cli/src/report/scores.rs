//! Scores and paired differences as text.

use tabgraft_model::compare::ColumnEffect;
use tabgraft_model::metric::{PairedDifference, Score, Verdict};
use tabgraft_model::predictor::{ChosenThreshold, Reliability};

use super::{Grid, line};

/// The scores of a fit on its test rows, or that there are none.
pub fn test_scores_text(scores: &[Score]) -> String {
    match scores.is_empty() {
        true => "not scored: there are no test rows\n".to_owned(),
        false => "scores on test rows, which nothing was learned from\n".to_owned() + &scores_text(scores),
    }
}

/// One line per metric: value, 95 % interval, rows; then what there is to know of the rows.
pub fn scores_text(scores: &[Score]) -> String {
    let mut grid = Grid::new(["metric", "value", "95 % interval", "rows"]);
    for s in scores {
        grid.row([
            s.metric.words().to_owned(),
            format!("{:.4}", s.value),
            format!("{:.4} to {:.4}", s.low, s.high),
            s.n.to_string(),
        ]);
    }
    let notes = scores.first().map(Score::notes).unwrap_or_default();
    grid.text() + &notes.iter().map(|note| line!("{note}")).collect::<String>()
}

/// A threshold, what it was chosen for and what that comes to.
pub fn threshold_text(chosen: &ChosenThreshold) -> String {
    format!(
        "{:.4}, chosen for {} on {} held-out rows: {:.4} there, {:.4} from 0.5",
        chosen.value,
        chosen.chosen_for.words(),
        chosen.n,
        chosen.reached,
        chosen.at_half
    )
}

/// What predictions claim of themselves, held against the truth.
pub fn reliability_text(reliability: &Reliability) -> String {
    match reliability {
        Reliability::Probabilities { bins, n_bins, ece, n } => {
            let mut grid = Grid::new(["probability", "rows", "predicted", "observed"]);
            for bin in bins {
                grid.row([
                    format!("{:.1} to {:.1}", bin.low, bin.high),
                    bin.n.to_string(),
                    format!("{:.4}", bin.predicted),
                    format!("{:.4}", bin.observed),
                ]);
            }
            let head = line!(
                "reliability: expected calibration error {ece:.4} ({n_bins} bins of equal width, {n} rows)"
            );
            head + &grid.text()
        }
        Reliability::Intervals { levels, n } => {
            let mut grid = Grid::new(["interval", "covered", "mean width"]);
            for level in levels {
                grid.row([
                    level.level.to_string(),
                    format!("{:.4}", level.covered),
                    format!("{:.6}", level.mean_width),
                ]);
            }
            line!("reliability: rows that intervals covered ({n} rows)") + &grid.text()
        }
    }
}

/// The verdict with its figures, in two lines, and a third where rows are copies of others.
pub fn difference_text(d: &PairedDifference) -> String {
    let verdict = match d.verdict {
        Verdict::Better => "the second one is better",
        Verdict::NoDifference => "no difference beyond chance",
        Verdict::Worse => "the second one is worse",
    };
    line!("  {}: {:.4}, then {:.4}", d.metric.words(), d.a, d.b)
        + &line!(
            "  improvement {:+.4}, 95 % interval {:+.4} to {:+.4}, p = {:.3}, {} rows: {verdict}",
            d.difference,
            d.low,
            d.high,
            d.p_value,
            d.n
        )
        + &d.note().map(|note| line!("  {note}")).unwrap_or_default()
}

/// What hiding each new column does to the second one's predictions, the most harmful column first.
pub fn effects_text(columns: &[ColumnEffect]) -> String {
    if columns.is_empty() {
        return String::new();
    }
    let mut grid = Grid::new(["new column", "gain when hidden", "95 % interval", ""]);
    for effect in columns {
        let d = &effect.hiding;
        let word = match d.verdict {
            Verdict::Better => "hurts",
            Verdict::NoDifference => "",
            Verdict::Worse => "helps",
        };
        grid.row([
            effect.column.clone(),
            format!("{:+.4}", d.difference),
            format!("{:+.4} to {:+.4}", d.low, d.high),
            word.to_owned(),
        ]);
    }
    grid.text()
}

/// What predicts: the learners of a fit on a line, and what came as the predictor grew on another.
pub fn learners_text(learners: &str) -> String {
    learners.split("; ").map(|learners| line!("  {learners}")).collect()
}
