//! Two models of one kind, before and after: what came, what it cost, whether the second is better.

use serde::Serialize;
use tabgraft_table::Table;
use tabgraft_table::unreadable::CellErrors;

use super::model::{bare, of_table, only_progress, verified};
use super::rows::sampled;
use super::words::{counted, difference_words, few, grouped};
use super::{Report, ReportKind, ReportOptions, SampledTable};
use crate::compare::{Comparison, compare_predictors};
use crate::error::{Error, Result};
use crate::metric::{PairedDifference, Verdict};
use crate::space::{About, begins_with, descends_from};
use crate::train::{Event, Sink};
use crate::{CompareOptions, EmbeddingSpace, ModelFile, Predictor, PredictorOptions};

/// Names of columns that a sentence gives.
const MOST_NAMED: usize = 4;

/// What the second of two models is to the first.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Pair {
    /// How they are related.
    pub relation: Relation,
    /// Whether the vectors of the second begin with those of the first, bit for bit.
    pub keeps_vectors: bool,
    /// Columns that only the second uses.
    pub columns_added: Vec<String>,
    /// Columns that only the first uses.
    pub columns_removed: Vec<String>,
    /// Whether the second is better on the table; none without a table, or without a column to judge two spaces by.
    pub comparison: Option<Comparison>,
}

/// How two models are related.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Relation {
    /// The second comes from the first, in one step or in many; of predictors, their spaces do.
    Descendant,
    /// The first comes from the second.
    Ancestor,
    /// Both are one version.
    Same,
    /// Neither remembers the other.
    Unrelated,
}

pub(super) fn of(
    a: &ModelFile,
    b: &ModelFile,
    table: Option<&Table>,
    options: &ReportOptions,
    sink: &mut Sink<'_>,
) -> Result<Report> {
    let models = [bare(a)?, bare(b)?];
    let mut report = Report::new(ReportKind::Pair, format!("{} beside {}", b.name(), a.name()));
    let pair = match (a, b) {
        (ModelFile::Space(one), ModelFile::Space(two)) => {
            let mut pair = related(&one.about, &two.about, a.id() == b.id());
            pair.comparison = of_spaces(&mut report, [one, two], table, options, sink)?;
            pair
        }
        (ModelFile::Predictor(one), ModelFile::Predictor(two)) => {
            let mut pair = related(&one.about.space, &two.about.space, a.id() == b.id());
            pair.comparison = of_predictors(&mut report, [one, two], table, options)?;
            pair
        }
        _ => {
            return Err(Error::schema(format!(
                "`{}` and `{}` are a space and a predictor",
                a.name(),
                b.name()
            ))
            .with_hint("give two spaces, two predictors, or one of the two by itself"));
        }
    };
    let judged = pair.comparison.as_ref().map(|found| (found.target.clone(), found.difference));
    // A graft that was judged when it was made says so itself.
    let last = models[1].steps.last().filter(|_| pair.relation == Relation::Descendant);
    let recorded = last.and_then(|step| step.judgement.as_ref()).map(|j| (j.target.clone(), j.difference));
    report.headline.extend(
        judged.or(recorded).map(|(target, difference)| verdict(b.name(), a.name(), &target, &difference)),
    );
    report.headline.push(what_came(&pair, a.name(), b.name()));
    if let Some(step) = last {
        report.headline.push(step.sentence());
    }
    report.has_problems = models.iter().any(|model| !model.problems.is_empty());
    match report.has_problems {
        false => {
            report.headline.push("Both verify: their content bears out every hash that they give.".to_owned())
        }
        true => report.headline.extend(models.iter().map(|m| format!("{}: {}", m.card.name, verified(m)))),
    }
    report.models.extend(models);
    report.pair = Some(pair);
    Ok(report)
}

/// The verdict in a sentence.
fn verdict(second: &str, first: &str, target: &str, d: &PairedDifference) -> String {
    let word = match d.verdict {
        Verdict::Better => "is better than",
        Verdict::NoDifference => "cannot be told from",
        Verdict::Worse => "is worse than",
    };
    format!(
        "{second} {word} {first} at predicting {target}: {} on {} rows.",
        difference_words(d),
        grouped(d.n)
    )
}

/// What came and what it did to old vectors, in a sentence.
fn what_came(pair: &Pair, first: &str, second: &str) -> String {
    let columns = match (pair.columns_added.len(), pair.columns_removed.len()) {
        (0, 0) => "the same columns".to_owned(),
        (n, 0) => format!("{} ({})", counted(n, "more column"), few(&pair.columns_added, MOST_NAMED)),
        (0, n) => format!("{} fewer ({})", counted(n, "column"), few(&pair.columns_removed, MOST_NAMED)),
        (n, m) => format!("{} and {m} fewer", counted(n, "more column")),
    };
    let from = match pair.relation {
        Relation::Same => "is the same version as",
        Relation::Descendant => "comes from",
        Relation::Ancestor => "is an ancestor of",
        Relation::Unrelated => "does not come from",
    };
    let kept = match pair.keeps_vectors && pair.relation == Relation::Descendant {
        true => "; every old coordinate keeps its bits",
        false => "",
    };
    format!("{second} {from} {first} and has {columns}{kept}.")
}

fn related(a: &About, b: &About, is_same: bool) -> Pair {
    let names = |about: &About| -> Vec<String> { about.columns.iter().map(|c| c.name.clone()).collect() };
    let (of_a, of_b) = (names(a), names(b));
    let without = |all: &[String], others: &[String]| -> Vec<String> {
        all.iter().filter(|name| !others.contains(name)).cloned().collect()
    };
    let relation = match () {
        () if is_same => Relation::Same,
        // Predictors on one space: the second has all that the first has.
        () if a.hashes == b.hashes || descends_from(&b.extensions, &a.hashes) => Relation::Descendant,
        () if descends_from(&a.extensions, &b.hashes) => Relation::Ancestor,
        () => Relation::Unrelated,
    };
    Pair {
        relation,
        keeps_vectors: a.hashes == b.hashes || begins_with(&b.extensions, a.hashes.id().as_str()),
        columns_added: without(&of_b, &of_a),
        columns_removed: without(&of_a, &of_b),
        comparison: None,
    }
}

fn of_predictors(
    report: &mut Report,
    [a, b]: [&Predictor; 2],
    table: Option<&Table>,
    options: &ReportOptions,
) -> Result<Option<Comparison>> {
    let Some(table) = table else {
        report
            .notes
            .push("which of the two is better: give a table with the target to have it judged".to_owned());
        return Ok(None);
    };
    let looked_at =
        a.readable_to_compare(b, &sampled(table, options.max_rows, options.seed)?, CellErrors::Missing)?;
    report.table = Some(of_table(SampledTable::of(table, &looked_at), b.column_report(table)));
    let found = Predictor::fair_rows(&[a, b], &looked_at.table).and_then(|fair| {
        report.notes.extend(fair.warnings.into_iter().chain(fair.notes));
        compare_predictors(a, b, &fair.table)
    });
    report.try_to("which of the two is better", found)
}

fn of_spaces(
    report: &mut Report,
    [a, b]: [&EmbeddingSpace; 2],
    table: Option<&Table>,
    options: &ReportOptions,
    sink: &mut Sink<'_>,
) -> Result<Option<Comparison>> {
    let (Some(table), Some(target)) = (table, &options.target) else {
        report.notes.push(
            "which of the two is better: give a table and the column that the two shall be judged by"
                .to_owned(),
        );
        return Ok(None);
    };
    let looked_at =
        a.readable_to_compare(b, &sampled(table, options.max_rows, options.seed)?, CellErrors::Missing)?;
    report.table = Some(of_table(SampledTable::of(table, &looked_at), b.column_report(table)));
    let predictor = PredictorOptions { seed: options.seed, ..PredictorOptions::default() };
    let asked = CompareOptions { predictor, cross_fit: false };
    let passed_on = &mut |event: &Event| only_progress(event, sink);
    let found = a.compare(b, &looked_at.table, target, &asked, passed_on);
    report.try_to("which of the two is better", found)
}
