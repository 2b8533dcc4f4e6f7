//! What each column gave to a prediction: bars to both sides of a line, which read as text, too.

use serde::Serialize;
use tabgraft_model::predictor::{Explanation, Method, Reason, Scale};

use crate::failure::Failure;

/// Columns that have a bar of their own.
const MOST_BARS: usize = 12;
/// Most characters of a cell that are shown.
const MOST_CHARS: usize = 80;

/// The reasons of one row.
#[derive(Debug, Serialize)]
pub(crate) struct Reasons {
    /// What is explained: a class, or the target.
    output: String,
    is_class: bool,
    base: String,
    prediction: String,
    /// The one that gave most in front.
    bars: Vec<ReasonBar>,
    /// How many columns have no bar, and what they gave together.
    others: Option<(usize, String)>,
    is_exact: bool,
}

/// One column.
#[derive(Debug, Serialize)]
struct ReasonBar {
    column: String,
    /// None where nothing stands there.
    cell: Option<String>,
    gave: String,
    /// None where it is exact.
    standard_error: Option<String>,
    /// In hundredths of the drawing: where it begins, and how long it is.
    begins: String,
    width: String,
    is_for: bool,
}

impl Reasons {
    /// The reasons of the first row, for its first output.
    ///
    /// # Errors
    /// Those of reading a cell.
    pub fn of(explanation: &Explanation) -> Result<Self, Failure> {
        let rows = explanation.reasons(0..1)?;
        let row = rows.first().ok_or_else(Failure::internal)?;
        let is_exact = explanation.method == Method::Exact;
        let first = |values: &[f64]| values.first().copied().unwrap_or_default();
        let most = row.reasons.iter().map(|reason| first(&reason.contribution).abs()).fold(0.0, f64::max);
        let (own, others) = row.reasons.split_at(row.reasons.len().min(MOST_BARS));
        let bar = |reason: &Reason| {
            let gave = first(&reason.contribution);
            let half = if most > 0.0 { 50.0 * gave.abs() / most } else { 0.0 };
            ReasonBar {
                column: reason.column.clone(),
                cell: reason.cell.as_deref().map(shortened),
                gave: signed(gave),
                standard_error: (!is_exact).then(|| number(first(&reason.standard_error))),
                begins: format!("{:.2}", if gave < 0.0 { 50.0 - half } else { 50.0 }),
                width: format!("{half:.2}"),
                is_for: gave >= 0.0,
            }
        };
        let rest: f64 = others.iter().map(|reason| first(&reason.contribution)).sum();
        Ok(Reasons {
            output: explanation.outputs.first().cloned().unwrap_or_default(),
            is_class: explanation.scale != Scale::Number,
            base: number(first(&explanation.base)),
            prediction: number(first(&row.prediction)),
            bars: own.iter().map(bar).collect(),
            others: (!others.is_empty()).then(|| (others.len(), signed(rest))),
            is_exact,
        })
    }
}

/// Four decimals, or of numbers of another size four digits.
fn number(value: f64) -> String {
    match value.abs() {
        0.0 | 0.001..1e4 => format!("{value:.4}"),
        _ => format!("{value:.3e}"),
    }
}

fn signed(value: f64) -> String {
    if value < 0.0 { number(value) } else { format!("+{}", number(value)) }
}

fn shortened(cell: &str) -> String {
    match cell.char_indices().nth(MOST_CHARS) {
        Some((end, _)) => format!("{}...", &cell[..end]),
        None => cell.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_four_digits_and_their_sign() {
        let all = [0.0, -1.5, 0.25, 123_456.0, -0.000_123_4].map(signed);
        assert_eq!(all, ["+0.0000", "-1.5000", "+0.2500", "+1.235e5", "-1.234e-4"]);
    }

    #[test]
    fn long_cells_are_cut_between_characters() {
        assert_eq!(shortened("short"), "short");
        assert_eq!(shortened(&"\u{e4}".repeat(100)).chars().count(), MOST_CHARS + 3);
    }
}
