//! The guide: the model whose errors a search starts from, fitted without the judging rows.

use crate::discover::rank::Residuals;
use crate::discover::remember::history::Guide;
use tabgraft_table::Table;
use tabgraft_table::deal::deal_rows;

use super::budget::Budget;
use super::judge::court::{logit, values};
use super::judge::plan::Pace;
use super::rows::Dealt;
use crate::error::{Error, Result};
use crate::linear::{Design, MOST_LEVELS};
use crate::linear::{Loss, Problem};
use crate::metric::{Clusters, Task};
use crate::objective::splitmix;
use crate::predictor::{Predictor, PredictorOptions, Target};
use crate::space::{EmbeddingSpace, clusters};
use crate::train::{Event, Flow, Sink};

/// Parts of the discovery rows that a linear guide leaves out in turn.
const N_FOLDS: usize = 5;
/// How much a gain on what a linear model leaves counts beside one on what the predictor leaves. It
/// orders candidates that the predictor has learned by itself: what no simple model sees comes first.
const LINE_WEIGHT: f64 = 0.5;
/// Coefficients that a linear model has at most, but for two of each column: levels are limited first.
const MOST_COEFFICIENTS: usize = 600;

/// All rows of a search, with what the guide makes of them.
pub(super) struct Guided {
    pub guide: Guide,
    pub target: Target,
    /// Discovery rows first, then judging rows; all have a target whose class, if it is one, the
    /// discovery rows have.
    pub table: Table,
    pub n_discovery: usize,
    /// `[n_rows]` class indices or numbers.
    pub targets: Vec<f64>,
    /// For each modelled output the 0 and 1 of its class, or the number: `[n_rows]`. Of two classes the
    /// second is modelled.
    pub wanted: Vec<Vec<f64>>,
    /// For each modelled output the logit or number that the judged model starts from: `[n_rows]`.
    pub offsets: Vec<Vec<f64>>,
    /// `[n_rows]` rows of an equal number stay together wherever rows are dealt.
    pub units: Vec<u64>,
    /// Which of the judging rows are one piece of evidence.
    pub clusters: Clusters,
    /// Columns of the judged model.
    pub design: Design,
    /// Columns by which the offsets are calibrated first, for a predictor's.
    pub calibration: Option<Design>,
    /// What the guide leaves unexplained of the discovery rows, held out; with a predictor also what a
    /// linear model leaves.
    pub residuals: Residuals,
    /// What a predictor's training took.
    pub pace: Option<Pace>,
}

impl Guided {
    /// Fits the guide on the discovery rows and predicts all rows. A predictor's training ends when its share of the
    /// budget is spent, with a warning.
    ///
    /// # Errors
    /// As [`Predictor::fit`]; a value error if a linear guide's equations cannot be solved.
    pub fn fit(
        guide: Guide,
        space: &EmbeddingSpace,
        dealt: &Dealt,
        target: &str,
        options: &PredictorOptions,
        budget: &Budget,
        sink: &mut Sink<'_>,
    ) -> Result<Self> {
        let (discovery, judging) = (&dealt.discovery, &dealt.judging);
        match guide {
            Guide::Predictor => Self::by_predictor(space, discovery, judging, target, options, budget, sink),
            Guide::Linear => Self::by_line(space, discovery, judging, target, options, sink),
        }
    }

    fn by_predictor(
        space: &EmbeddingSpace,
        discovery: &Table,
        judging: &Table,
        target: &str,
        options: &PredictorOptions,
        budget: &Budget,
        sink: &mut Sink<'_>,
    ) -> Result<Self> {
        let _ = sink(&Event::Task { name: "predictor that guides the search".to_owned() });
        let options = PredictorOptions { hold_out_test: false, ..options.clone() };
        let start = budget.elapsed();
        let mut timed = Timed { budget, n_epochs: 0.0, was_late: false };
        let (predictor, held_out) =
            Predictor::fit_with_held_out(space, discovery, target, &options, &mut |event| {
                timed.on(event, options.n_epochs, sink)
            })?;
        let took = budget.elapsed().saturating_sub(start);
        let n_epochs = timed.was_late.then_some(timed.n_epochs);
        // A refit has fewer networks, the pace is told anew by the first of them.
        let pace = Pace::of_guide(took, held_out.rows_idx.len(), n_epochs);
        if timed.was_late {
            let text = format!(
                "the guide's training was cut short after its share of the budget, {:.1} s; a larger one gives better \
                 guidance",
                budget.guide_end().as_secs_f64()
            );
            let _ = sink(&Event::Warning { text });
        }
        let fitted = predictor.target().clone();
        let rows: Vec<u32> = held_out.rows_idx.iter().map(|r| *r as u32).collect();
        let (judging, mut judging_targets) = judging_rows(&fitted, judging, sink)?;
        let table = discovery.take(&rows)?.append(&judging)?;
        let (units, clusters) = evidence(space, &table, rows.len())?;
        let mut targets = held_out.targets;
        targets.append(&mut judging_targets);
        let wanted = wanted(&fitted, &targets);
        let design = linear_design(space, &table, rows.len())?;
        let known = &targets[..rows.len()];
        let units_known = &units[..rows.len()];
        let line =
            Line { target: &fitted, design: &design, wanted: &wanted, targets: known, units: units_known };
        let residuals = residuals(&fitted, &held_out.values, known)?
            .beside(line.residuals(options.seed)?, LINE_WEIGHT)?;
        let mut values = held_out.values;
        values.extend(predictor.predict(&judging)?.values);
        let n_outputs = fitted.n_outputs();
        let offsets: Vec<Vec<f64>> = modelled(&fitted)
            .map(|output| {
                let values = values.iter().skip(output).step_by(n_outputs);
                match fitted.task() {
                    Task::Regression => values.copied().collect(),
                    _ => values.map(|p| logit(*p)).collect(),
                }
            })
            .collect();
        Ok(Guided {
            guide: Guide::Predictor,
            wanted,
            target: fitted,
            n_discovery: rows.len(),
            units,
            clusters,
            design: Design::constant(table.n_rows()),
            calibration: Some(Design::of_offsets(&offsets, rows.len())),
            table,
            targets,
            offsets,
            residuals,
            pace: Some(pace),
        })
    }

    fn by_line(
        space: &EmbeddingSpace,
        discovery: &Table,
        judging: &Table,
        target: &str,
        options: &PredictorOptions,
        sink: &mut Sink<'_>,
    ) -> Result<Self> {
        let fitted = Target::fit(discovery, target, options.target_kind)?;
        let (discovery, mut targets) = with_target(&fitted, discovery)?;
        let (judging, mut judging_targets) = judging_rows(&fitted, judging, sink)?;
        targets.append(&mut judging_targets);
        let (n_discovery, table) = (discovery.n_rows(), discovery.append(&judging)?);
        let (units, clusters) = evidence(space, &table, n_discovery)?;
        let design = linear_design(space, &table, n_discovery)?;
        let wanted = wanted(&fitted, &targets);
        let line = Line {
            target: &fitted,
            design: &design,
            wanted: &wanted,
            targets: &targets[..n_discovery],
            units: &units[..n_discovery],
        };
        let residuals = line.residuals(options.seed)?;
        Ok(Guided {
            guide: Guide::Linear,
            target: fitted,
            n_discovery,
            offsets: vec![vec![0.0; table.n_rows()]; wanted.len()],
            table,
            targets,
            units,
            clusters,
            wanted,
            design,
            calibration: None,
            residuals,
            pace: None,
        })
    }

    /// What the judged model minimises.
    pub fn loss(&self) -> Loss {
        loss(&self.target)
    }

    /// A model of one output.
    pub fn problem<'a>(
        &'a self,
        output: usize,
        design: &'a Design,
        offset: &'a [f64],
        learn: &'a [usize],
    ) -> Problem<'a> {
        Problem { design, offset, y: &self.wanted[output], learn, loss: self.loss() }
    }

    /// The discovery rows.
    pub fn discovery(&self) -> Table {
        self.table.slice(0, self.n_discovery)
    }
}

/// Ends a guide's training in time, and counts its epochs.
struct Timed<'a> {
    budget: &'a Budget,
    /// Epochs of each network that were done in time.
    n_epochs: f64,
    was_late: bool,
}

impl Timed<'_> {
    fn on(&mut self, event: &Event, most_epochs: usize, sink: &mut Sink<'_>) -> Flow {
        self.was_late |= self.budget.is_past(self.budget.guide_end());
        if self.was_late {
            return Flow::Break(());
        }
        if let Event::Progress { done, total } = event {
            self.n_epochs = (done * most_epochs) as f64 / (*total).max(1) as f64;
        }
        sink(event)
    }
}

/// A linear model of the discovery rows.
struct Line<'a> {
    target: &'a Target,
    design: &'a Design,
    wanted: &'a [Vec<f64>],
    /// Of the discovery rows.
    targets: &'a [f64],
    /// Of the discovery rows: which of them stay together.
    units: &'a [u64],
}

impl Line<'_> {
    /// What linear models leave that were fitted without the row and its copies.
    fn residuals(&self, seed: u64) -> Result<Residuals> {
        let n = self.targets.len();
        let classes: Vec<u32> = self.targets.iter().map(|t| self.target.stratum(*t)).collect();
        let fold = deal_rows(self.units, &classes, N_FOLDS, splitmix(seed));
        let offset = vec![0.0; self.design.n_rows()];
        let held_out = self.wanted.iter().map(|wanted| {
            let mut held_out = vec![0.0; n];
            for k in 0..N_FOLDS {
                let (test, learn): (Vec<usize>, Vec<usize>) = (0..n).partition(|r| fold[*r] == k);
                let problem = Problem {
                    design: self.design,
                    offset: &offset,
                    y: wanted,
                    learn: &learn,
                    loss: loss(self.target),
                };
                let fit = problem.fit().ok_or_else(|| {
                    Error::value(
                        "a linear model of the columns cannot be fitted: its equations have no solution",
                    )
                    .with_hint("look for columns with huge numbers")
                })?;
                test.into_iter().for_each(|r| held_out[r] = fit.eta[r]);
            }
            Ok(held_out)
        });
        let held_out = held_out.collect::<Result<Vec<_>>>()?;
        residuals(self.target, &values(&held_out, loss(self.target)), self.targets)
    }
}

/// The space's columns as a linear model takes them, after a constant.
fn linear_design(space: &EmbeddingSpace, table: &Table, n_fit: usize) -> Result<Design> {
    let columns: Vec<_> = space.columns().iter().filter(|c| table.has_column(&c.name)).collect();
    let most_levels = (MOST_COEFFICIENTS / columns.len().max(1)).clamp(2, MOST_LEVELS);
    let mut designs = vec![Design::constant(table.n_rows())];
    for spec in columns {
        designs.push(Design::linear(spec, table.column(&spec.name)?, n_fit, most_levels)?);
    }
    Ok(Design::beside(&designs.iter().collect::<Vec<_>>()))
}

fn loss(target: &Target) -> Loss {
    match target.task() {
        Task::Regression => Loss::Square,
        Task::Binary | Task::Multiclass => Loss::Logistic,
    }
}

/// The rows that have a target of the classes that the guide knows, and its values. Rows of other classes
/// are wrong with and without any feature, so they judge none; how many there are is told.
fn judging_rows(target: &Target, table: &Table, sink: &mut Sink<'_>) -> Result<(Table, Vec<f64>)> {
    let (table, values) = with_target(target, table)?;
    if let Some(unseen) = target.unseen_in_words(&table)? {
        let text = format!("{unseen}; wrong with every feature and without, they judge none");
        let _ = sink(&Event::Warning { text });
    }
    let known: Vec<u32> =
        (0..table.n_rows()).filter(|r| !target.is_unseen(values[*r])).map(|r| r as u32).collect();
    let values = known.iter().map(|r| values[*r as usize]).collect();
    Ok((table.take(&known)?, values))
}

/// Which rows stay together, and which of the judging rows, behind the first `n_discovery`, are one piece
/// of evidence.
fn evidence(space: &EmbeddingSpace, table: &Table, n_discovery: usize) -> Result<(Vec<u64>, Clusters)> {
    let names: Vec<String> =
        space.columns().iter().map(|c| c.name.clone()).filter(|c| table.has_column(c)).collect();
    let units = space.split().units(table, &space.split().row_hashes(table, &names)?)?;
    let judging = table.slice(n_discovery, table.n_rows() - n_discovery);
    Ok((units, clusters(&[&space.about], &judging)?))
}

/// The rows that have a target, and its values.
fn with_target(target: &Target, table: &Table) -> Result<(Table, Vec<f64>)> {
    let values = target.values(table)?;
    let rows: Vec<u32> = (0..table.n_rows()).filter(|r| values[*r].is_some()).map(|r| r as u32).collect();
    Ok((table.take(&rows)?, values.into_iter().flatten().collect()))
}

/// The outputs that are modelled: of two classes the second says all.
fn modelled(target: &Target) -> std::ops::Range<usize> {
    match target.task() {
        Task::Binary => 1..2,
        Task::Multiclass | Task::Regression => 0..target.n_outputs(),
    }
}

fn wanted(target: &Target, targets: &[f64]) -> Vec<Vec<f64>> {
    match target.task() {
        Task::Regression => vec![targets.to_vec()],
        _ => modelled(target)
            .map(|class| targets.iter().map(|t| f64::from(u8::from(*t as usize == class))).collect())
            .collect(),
    }
}

fn residuals(target: &Target, values: &[f64], targets: &[f64]) -> Result<Residuals> {
    match target.task() {
        Task::Binary => {
            let p: Vec<f64> = values.iter().skip(1).step_by(2).copied().collect();
            let y: Vec<bool> = targets.iter().map(|v| *v == 1.0).collect();
            Residuals::log_loss(&p, &y)
        }
        Task::Multiclass => {
            let class: Vec<usize> = targets.iter().map(|v| *v as usize).collect();
            Residuals::multiclass(values, &class, target.n_outputs())
        }
        Task::Regression => Residuals::squared_error(values, targets),
    }
}
