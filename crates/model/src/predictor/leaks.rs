//! What looks too good in a fit: columns that are the target in other words, and perfect scores.

use tabgraft_table::Table;

use super::Predictor;
use crate::error::Result;
use crate::space::{pattern, says_the_same};
use crate::train::{Event, Sink};

/// Rows by which columns are found that may say what the target says; all rows then have the last word.
const SAMPLE_ROWS: usize = 10_000;
/// A score of this or more looks like 1.0000 in a report.
const PERFECT: f64 = 0.99995;

impl Predictor {
    /// Warns of columns of the table that say what the target says, or else of a perfect score.
    pub(super) fn tell_leaks(&self, table: &Table, sink: &mut Sink<'_>) -> Result<()> {
        let target = self.target().column();
        let sample = table.slice(0, SAMPLE_ROWS);
        let wanted = pattern(&sample, target)?;
        let mut is_told = false;
        for column in self.about.space.columns.iter().filter(|c| table.has_column(&c.name)) {
            if pattern(&sample, &column.name)? == wanted
                && let Some(same) = says_the_same(table, &column.name, target)?
            {
                is_told = true;
                let text = format!("{same}, the target: if it is known only after the fact, leave it out");
                let _ = sink(&Event::Warning { text });
            }
        }
        let best = self.fit_info().scores.iter().find(|s| s.metric.higher_is_better());
        if let (Some(score), false) = (best.filter(|s| s.value >= PERFECT), is_told) {
            let text = format!(
                "{} {:.4} on {} test rows is rarely earned: look for a column that is known only after \
                 the target; a search for features flags those that tell it nearly alone",
                score.metric.name(),
                score.value,
                score.n
            );
            let _ = sink(&Event::Warning { text });
        }
        Ok(())
    }
}
