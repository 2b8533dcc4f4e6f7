//! What each column is worth to a space: what hiding all of its cells costs.
//!
//! Without a target the cost is the rise of the other columns' mean validation loss, on the same hidden
//! cells; with one it is also the fall of a linear probe's score on held-out rows, whose vectors are
//! computed as if the column were missing. Nothing is trained but the probe: one forward pass per
//! column on at most a few thousand rows.

use serde::Serialize;
use tabgraft_table::Table;
use tabgraft_table::encoded::EncodedTable;
use tabgraft_table::split::Part;

use super::prune::mean;
use crate::error::{Error, Result};
use crate::linear::Probe;
use crate::metric::{self, Clusters, PairedDifference, Prediction, Score, Task};
use crate::objective::{Role, splitmix};
use crate::predictor::{Target, TargetKind};
use crate::space::{EmbeddingSpace, Rows, clusters, embed_encoded, training_data};
use crate::train::{Event, Sink, validation_losses};

/// Fewest rows that a probe is fitted or scored on.
const LEAST_ROWS: usize = 10;

/// How to rank columns.
#[derive(Debug, Clone)]
pub struct RankColumnsOptions {
    /// Most rows that a loss or a score is measured on, and that the probe is fitted on, at least 10.
    /// Of more rows a sample by their cells is taken, whatever the table's order. Default 2,000.
    pub max_rows: usize,
    /// Seed of the sample and of resampled intervals. Default 0.
    pub seed: u64,
}

impl Default for RankColumnsOptions {
    fn default() -> Self {
        RankColumnsOptions { max_rows: 2000, seed: 0 }
    }
}

/// The columns of a space by what their removal costs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ColumnRanking {
    /// The space.
    pub space: String,
    /// Mean validation loss of all columns with nothing taken away; absent without validation rows.
    pub loss: Option<f64>,
    /// Rows that losses were measured on.
    pub n_rows_loss: usize,
    /// The probe on all columns, if there is a target.
    pub probe: Option<ProbeScore>,
    /// All columns, the cheapest to remove first: by the score where there is a target, else by the
    /// loss.
    pub columns: Vec<ColumnCost>,
}

/// How well a probe on all columns predicts the target.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ProbeScore {
    /// The column that is predicted.
    pub target: String,
    /// What kind of prediction.
    pub task: Task,
    /// Its score on held-out rows, by the metric that columns are compared by.
    pub score: Score,
}

/// What one column is worth.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ColumnCost {
    /// The column.
    pub name: String,
    /// Rise of the other columns' mean validation loss when this one is missing everywhere; absent
    /// without validation rows or other columns.
    pub loss_rise: Option<f64>,
    /// The probe without the column, then with it: `difference` is what the column is worth, with its
    /// interval. Absent without a target.
    pub score_drop: Option<PairedDifference>,
}

/// The target's rows, and the probe.
struct Judge {
    target: Target,
    probe: Probe,
    /// Held-out rows with a target.
    rows: Vec<usize>,
    values: Vec<f64>,
    clusters: Clusters,
    whole: Prediction,
}

impl EmbeddingSpace {
    /// Ranks the columns by what their removal costs, the cheapest first: [`EmbeddingSpace::prune`]
    /// removes them.
    ///
    /// Losses are taken on the table's validation rows, scores on its test rows, which neither the space
    /// nor the probe has seen (on validation rows where there are no test rows). The costs of
    /// columns that say the same are not added up: each alone may be cheap.
    ///
    /// # Errors
    /// An option error if `max_rows` is too small; a schema error if the space uses the target as a
    /// column or the table lacks it; a value error for too few rows with a target; an interrupted
    /// error if the sink says stop.
    pub fn rank_columns(
        &self,
        table: &Table,
        target: Option<&str>,
        options: &RankColumnsOptions,
        sink: &mut Sink<'_>,
    ) -> Result<ColumnRanking> {
        table.check_all_here("ranking columns")?;
        if options.max_rows < LEAST_ROWS {
            return Err(Error::option(format!(
                "option `max_rows` is {}, allowed is {LEAST_ROWS} or more",
                options.max_rows
            )));
        }
        let table = &*self.completed(table, sink)?;
        let (all, mut rows) = self.rows_of(table, None, sink)?;
        let encoded = self.encode(&all)?;
        let judge = target.map(|t| self.judge(&all, &encoded, &rows, t, options)).transpose()?;
        rows.valid = sampled(rows.valid, &rows.key, options);
        let n = self.columns().len();
        let mut data = training_data(self, &encoded, &rows, vec![Role::OLD; n], 0..n);
        let whole = validation_losses(&self.network, &data)?;
        let _ = sink(&Event::Task { name: "ranking".to_owned() });
        let mut columns = Vec::with_capacity(n);
        for c in 0..n {
            let group = self.network.token_groups().iter().position(|g| g.columns.contains(&c)).unwrap_or(0);
            let place = c - self.network.token_groups()[group].columns.start;
            let loss_rise = match &whole {
                None => None,
                Some(whole) => {
                    let cells = data.groups[group].clone();
                    data.groups[group].take_away(place);
                    let without = validation_losses(&self.network, &data)?;
                    data.groups[group] = cells;
                    let others = |losses: &[f64]| mean((0..n).filter(|o| *o != c).map(|o| losses[o]));
                    without.and_then(|without| Some(others(&without)? - others(whole)?))
                }
            };
            let score_drop =
                judge.as_ref().map(|judge| self.score_drop(judge, &encoded, c, options.seed)).transpose()?;
            columns.push(ColumnCost { name: self.columns()[c].name.clone(), loss_rise, score_drop });
            if sink(&Event::Progress { done: c + 1, total: n }).is_break() {
                return Err(Error::interrupted(format!("interrupted after {} of {n} columns", c + 1)));
            }
        }
        let cost = |c: &ColumnCost| c.score_drop.map(|d| d.difference).or(c.loss_rise).unwrap_or(0.0);
        columns.sort_by(|a, b| cost(a).total_cmp(&cost(b)));
        Ok(ColumnRanking {
            space: self.name().to_owned(),
            loss: whole.and_then(|losses| mean(losses.into_iter())),
            n_rows_loss: rows.valid.len(),
            probe: judge.map(|judge| judge.score(options.seed)).transpose()?,
            columns,
        })
    }

    fn judge(
        &self,
        all: &Table,
        encoded: &EncodedTable,
        rows: &Rows,
        target: &str,
        options: &RankColumnsOptions,
    ) -> Result<Judge> {
        if self.columns().iter().any(|c| c.name == target) {
            return Err(Error::schema(format!("the space uses the target `{target}` as a column"))
                .with_hint("rank without a target, or by a column that the space has ignored"));
        }
        let fitted = Target::fit(all, target, TargetKind::Auto)?;
        let values = fitted.values(all)?;
        let tests: Vec<usize> = (0..all.n_rows()).filter(|r| rows.parts[*r] == Part::Test).collect();
        let with_target = |rows: &[usize]| -> Vec<usize> {
            rows.iter().copied().filter(|r| values[*r].is_some()).collect()
        };
        let known = sampled(with_target(&rows.train), &rows.key, options);
        let held_out = with_target(if tests.is_empty() { &rows.valid } else { &tests });
        let held_out = sampled(held_out, &rows.key, options);
        for (what, n) in [("to fit a probe on", known.len()), ("to score it on", held_out.len())] {
            if n < LEAST_ROWS {
                return Err(Error::value(format!(
                    "{n} row(s) with a target `{target}` {what}, at least {LEAST_ROWS} are needed"
                ))
                .with_hint("give a table with more rows that have a target"));
            }
        }
        let of = |rows: &[usize]| -> Vec<f64> { rows.iter().filter_map(|r| values[*r]).collect() };
        let n_classes = (fitted.task() != Task::Regression).then(|| fitted.n_outputs());
        let z = embed_encoded(&self.network, &encoded.take(&known));
        let probe = Probe::fit(&z, self.d_model(), &of(&known), n_classes);
        let z = embed_encoded(&self.network, &encoded.take(&held_out));
        let whole = Prediction::new(probe.predict(&z), probe.n_outputs())?;
        let judged: Vec<u32> = held_out.iter().map(|r| *r as u32).collect();
        let clusters = clusters(&[&self.about], &all.take(&judged)?)?;
        Ok(Judge { values: of(&held_out), rows: held_out, target: fitted, probe, whole, clusters })
    }

    fn score_drop(
        &self,
        judge: &Judge,
        encoded: &EncodedTable,
        column: usize,
        seed: u64,
    ) -> Result<PairedDifference> {
        let mut sample = encoded.take(&judge.rows);
        sample.columns[column].missing.fill(true);
        let z = embed_encoded(&self.network, &sample);
        let without = Prediction::new(judge.probe.predict(&z), judge.probe.n_outputs())?;
        metric::compare(judge.target.task(), &judge.truth(), &without, &judge.whole, &judge.clusters, seed)
    }
}

/// The rows, or a sample by their cells where there are more than are wanted: the first ones of a table that
/// is sorted by class would be of one class.
fn sampled(mut rows: Vec<usize>, keys: &[u64], options: &RankColumnsOptions) -> Vec<usize> {
    if rows.len() > options.max_rows {
        rows.sort_by_key(|r| (splitmix(keys[*r] ^ splitmix(options.seed)), *r));
        rows.truncate(options.max_rows);
    }
    rows
}

impl Judge {
    fn truth(&self) -> metric::Truth {
        self.target.truth(&self.values)
    }

    fn score(&self, seed: u64) -> Result<ProbeScore> {
        let task = self.target.task();
        let scores = metric::scores(task, &self.truth(), &self.whole, &self.clusters, seed)?;
        let primary = scores.into_iter().find(|s| s.metric == task.primary_metric());
        let score = primary.ok_or_else(|| {
            Error::value(format!(
                "{} held-out rows do not define {} of `{}`",
                self.rows.len(),
                task.primary_metric().name(),
                self.target.column()
            ))
        })?;
        Ok(ProbeScore { target: self.target.column().to_owned(), task, score })
    }
}
