//! Whether a card bears itself out: numbers add up, and nothing is absent where it is known.

use super::ModelCard;
use crate::error::{Error, Result};

impl ModelCard {
    /// The card, if nothing on it contradicts anything else on it.
    pub(super) fn checked(self) -> Result<Self> {
        let problems = self.problems();
        match problems.is_empty() {
            true => Ok(self),
            false => Err(Error::verification(format!(
                "the card of `{}` contradicts itself: {}",
                self.name,
                problems.join("; ")
            ))
            .with_hint("`tabgraft verify` says whether the file is as it was written")),
        }
    }

    fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let mut hold = |holds: bool, what: String| {
            if !holds {
                problems.push(what);
            }
        };
        let n = &self.data.n_columns;
        let of_kinds = n.numeric + n.categorical + n.boolean + n.timestamp + n.text;
        hold(n.used == of_kinds, format!("{} columns are used, {of_kinds} have a kind", n.used));
        hold(n.used == self.data.columns.len() && n.used > 0, format!("{} columns are used", n.used));
        for column in &self.data.left_out {
            let is_used = self.data.columns.iter().any(|used| used.name == column.name);
            hold(!is_used, format!("column `{}` is used and left out", column.name));
            hold(!column.reason.is_empty(), format!("column `{}` is left out for no reason", column.name));
        }
        for names in self.lineage.windows(2).map(|w| (&w[0], &w[1])) {
            let (before, after) = (names.0.n_columns_after, names.1.n_columns_before);
            hold(
                before == after,
                format!("a step ends with {before} columns, and the next begins with {after}"),
            );
        }
        for step in &self.lineage {
            hold(!step.parents.is_empty(), format!("a {} comes from nothing", step.operation));
        }
        if let Some(last) = self.lineage.last() {
            let used = self.data.columns.len();
            hold(
                last.n_columns_after == used,
                format!("{} columns after the last step, {used} here", last.n_columns_after),
            );
            hold(!self.parents.is_empty(), "it has a lineage and no parent".to_owned());
        }
        let training = &self.training;
        if let Some(best) = training.best_epoch {
            hold(best <= training.n_epochs, format!("epoch {best} of {} was kept", training.n_epochs));
        }
        if let Some(task) = &self.task {
            let is_number = task.task == "regression";
            hold(
                is_number == task.classes.is_empty(),
                format!("a {} of {} classes", task.task, task.classes.len()),
            );
            hold(
                task.threshold.is_some() == (task.classes.len() == 2),
                "a threshold of other than two classes".to_owned(),
            );
            for score in &self.scores {
                let name = score.metric.name();
                hold(
                    score.n <= task.n_rows_test,
                    format!("{name} is of {} rows, {} are to test", score.n, task.n_rows_test),
                );
                let is_within = score.low <= score.value && score.value <= score.high;
                hold(is_within, format!("{name} is not within its interval"));
            }
        } else {
            hold(self.scores.is_empty(), "a space with scores".to_owned());
        }
        for (what, text) in [("id", &self.id), ("hash of data", &self.data.data_hash)] {
            hold(!text.is_empty(), format!("no {what}"));
        }
        hold(!self.limits.is_empty() && !self.guardrails.is_empty(), "no limits or no guardrails".to_owned());
        problems
    }
}
