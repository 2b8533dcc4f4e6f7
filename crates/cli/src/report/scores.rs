//! Scores and paired differences as text.

use tabgraft_model::compare::ColumnEffect;
use tabgraft_model::metric::{PairedDifference, Score, Verdict};

use super::{Grid, line};

/// One line per metric: value, 95 % interval, rows; then what there is to know of the rows.
pub fn scores_text(scores: &[Score]) -> String {
    let mut grid = Grid::new(["metric", "value", "95 % interval", "rows"]);
    for s in scores {
        grid.row([
            s.metric.name().to_owned(),
            format!("{:.4}", s.value),
            format!("{:.4} to {:.4}", s.low, s.high),
            s.n.to_string(),
        ]);
    }
    let notes = scores.first().map(Score::notes).unwrap_or_default();
    grid.text() + &notes.iter().map(|note| line!("{note}")).collect::<String>()
}

/// The verdict with its figures, in two lines, and a third where rows are copies of others.
pub fn difference_text(d: &PairedDifference) -> String {
    let verdict = match d.verdict {
        Verdict::Better => "the second one is better",
        Verdict::NoDifference => "no difference beyond chance",
        Verdict::Worse => "the second one is worse",
    };
    line!("  {}: {:.4}, then {:.4}", d.metric.name(), d.a, d.b)
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
