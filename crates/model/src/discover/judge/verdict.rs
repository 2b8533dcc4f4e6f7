//! From judgements to verdicts: correction for all that was tried, shuffled controls, one of each
//! idea, and the refitted predictor's last word.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::Instant;

use crate::discover::judge::corrected::benjamini_hochberg;
use crate::discover::remember::history::{Controls, Flagged, Guide, Judgement, Refit, Suggestion, Verdict};
use arrow::array::ArrayRef;
use tabgraft_feature::Feature;

use super::court::{Court, Finding};
use super::refit::Refitter;
use crate::discover::guide::Guided;
use crate::error::Result;
use crate::linear::Design;
use crate::objective::splitmix;
use crate::train::{Event, Sink};

/// Candidates of which a shuffled copy is judged too.
const N_CONTROLS: usize = 10;
/// Features that are refitted at most; the best of those that passed.
const MOST_REFITS: usize = 5;

/// A candidate that is to be judged.
pub(in crate::discover) struct Case {
    /// Fitted on the discovery rows, if it needs a fit.
    pub feature: Feature,
    /// Its values in all rows.
    pub array: ArrayRef,
    /// The columns and features that it reads.
    pub inputs: Vec<String>,
    /// Score of the ranking; 0 for a feature that a person gave.
    pub gain: f64,
    pub stands_for: Vec<String>,
    pub suggested: bool,
}

/// What the court has to go by.
pub(in crate::discover) struct Terms<'a> {
    /// Candidates that were tried in all; those not judged count as failures.
    pub n_tried: usize,
    /// Largest false discovery rate.
    pub level: f64,
    pub deadline: Instant,
    pub seed: u64,
    /// What tells the target by itself: columns, and features among the cases.
    pub flagged: &'a [Flagged],
}

/// Judges the cases in their order until the deadline, and gives a verdict on each.
///
/// # Errors
/// As [`Court::judge`] and [`Refitter::refit`].
pub(in crate::discover) fn judge_all(
    court: &Court<'_>,
    rows: &Guided,
    cases: Vec<Case>,
    terms: &Terms<'_>,
    mut refitter: Option<Refitter<'_>>,
    sink: &mut Sink<'_>,
) -> Result<(Vec<Suggestion>, Controls)> {
    let _ = sink(&Event::Task { name: "judging".to_owned() });
    let shuffled = shuffled_rows(rows, terms.seed);
    let mut designs: Vec<Option<Design>> = Vec::with_capacity(cases.len());
    let mut findings: Vec<Option<Finding>> = Vec::with_capacity(cases.len());
    let mut controls: Vec<Finding> = Vec::new();
    let mut stopped = false;
    for (i, case) in cases.iter().enumerate() {
        stopped |= sink(&Event::Progress { done: i, total: cases.len() }) == ControlFlow::Break(());
        stopped |= i > 0 && Instant::now() >= terms.deadline;
        let design = if stopped { None } else { court.design_of(&case.feature.name, &case.array)? };
        findings.push(design.as_ref().map(|design| court.judge(design)).transpose()?);
        if let Some(design) = design.as_ref().filter(|_| controls.len() < N_CONTROLS) {
            controls.push(court.judge(&design.reordered(&shuffled))?);
        }
        designs.push(design);
    }
    let p_values: Vec<f64> = findings.iter().map(|f| f.as_ref().map_or(1.0, |f| f.p_value)).collect();
    let adjusted = adjusted(&p_values, terms.n_tried);
    let controls = count(&controls, &p_values, terms);

    let is_flagged = |case: &Case| {
        terms.flagged.iter().any(|f| f.name == case.feature.name || case.inputs.contains(&f.name))
    };
    let passes = |i: usize| {
        let better = findings[i].is_some_and(|f| f.is_better() && adjusted[i] <= terms.level);
        better && controls.n_passed == 0 && !is_flagged(&cases[i])
    };
    let mut passed: Vec<usize> = (0..cases.len()).filter(|i| passes(*i)).collect();
    passed.sort_by(|a, b| p_values[*a].total_cmp(&p_values[*b]).then(a.cmp(b)));
    let (selected, redundant) = select(court, &passed, &designs, terms)?;

    let mut refits: Vec<Option<Refit>> = vec![None; cases.len()];
    if let Some(refitter) = &mut refitter {
        for i in selected.iter().take(MOST_REFITS) {
            if Instant::now() < terms.deadline {
                refits[*i] = refitter.refit(&cases[*i].feature.name, &cases[*i].array, sink)?;
            }
        }
    }
    let is_confirmed = |i: &usize| match refits[*i] {
        Some(refit) => refit.interval[0] > 0.0,
        None => rows.guide == Guide::Linear,
    };
    let recommended: Vec<usize> = selected.into_iter().filter(is_confirmed).collect();
    let names: Vec<String> = recommended.iter().map(|i| cases[*i].feature.name.clone()).collect();
    let suggestions = cases.into_iter().enumerate().map(|(i, case)| {
        let is_recommended = recommended.contains(&i);
        // Others tell the same, so it was not refitted and need not be.
        let is_redundant = redundant.contains(&i) && !recommended.is_empty();
        let judgement = findings[i].map(|finding| Judgement {
            effect: finding.effect.mean,
            interval: finding.effect.interval,
            p_value: finding.p_value,
            p_adjusted: adjusted[i],
            verdict: match adjusted[i] <= terms.level {
                true if finding.is_worse() => Verdict::Harmful,
                true if is_recommended || is_redundant => Verdict::Proven,
                _ => Verdict::Unproven,
            },
        });
        let feature = case.feature;
        Suggestion {
            name: feature.name,
            definition: feature.definition,
            inputs: case.inputs,
            reason: feature.reason,
            state: feature.state,
            gain: case.gain,
            stands_for: case.stands_for,
            judgement,
            refit: refits[i],
            redundant_with: if is_redundant { names.clone() } else { Vec::new() },
            suggested: case.suggested,
            recommended: is_recommended,
        }
    });
    Ok((suggestions.collect(), controls))
}

/// One of each idea: in the order given, a feature is selected if it is still better beside those
/// selected before it. Gives those selected and the redundant ones; what the deadline leaves is neither.
fn select(
    court: &Court<'_>,
    passed: &[usize],
    designs: &[Option<Design>],
    terms: &Terms<'_>,
) -> Result<(Vec<usize>, Vec<usize>)> {
    let (mut selected, mut redundant) = (Vec::new(), Vec::new());
    let mut with_selected: Option<Court<'_>> = None;
    for i in passed {
        let Some(design) = &designs[*i] else { continue };
        if with_selected.is_some() && Instant::now() >= terms.deadline {
            break;
        }
        let adds = match &with_selected {
            None => true,
            Some(court) => {
                let finding = court.judge(design)?;
                finding.is_better() && finding.p_value <= terms.level
            }
        };
        if adds {
            with_selected = Some(with_selected.as_ref().unwrap_or(court).with(design)?);
            selected.push(*i);
        } else {
            redundant.push(*i);
        }
    }
    Ok((selected, redundant))
}

/// P-values corrected for all candidates that were tried; those not judged count as 1.
fn adjusted(p_values: &[f64], n_tried: usize) -> Vec<f64> {
    let mut all = p_values.to_vec();
    all.resize(n_tried.max(p_values.len()), 1.0);
    benjamini_hochberg(&all)
}

/// How the controls fared: each stands in line with the candidates, as if it were one.
fn count(controls: &[Finding], p_values: &[f64], terms: &Terms<'_>) -> Controls {
    let is_better = |f: &&Finding| f.loss_gain > 0.0 && f.p_value <= terms.level;
    let would_pass = |f: &&Finding| {
        let line: Vec<f64> = std::iter::once(f.p_value).chain(p_values.iter().copied()).collect();
        f.is_better() && adjusted(&line, terms.n_tried + 1)[0] <= terms.level
    };
    Controls {
        n_judged: controls.len(),
        n_below_level: controls.iter().filter(is_better).count(),
        n_passed: controls.iter().filter(would_pass).count(),
    }
}

/// Another row for each row: discovery and judging rows are shuffled among themselves, copies together,
/// for a feature has one value in all copies of a row.
fn shuffled_rows(rows: &Guided, seed: u64) -> Vec<usize> {
    let mut order = Vec::with_capacity(rows.units.len());
    for side in [0..rows.n_discovery, rows.n_discovery..rows.units.len()] {
        let mut of_unit: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
        side.clone().for_each(|r| of_unit.entry(rows.units[r]).or_default().push(r));
        let units: Vec<u64> = of_unit.keys().copied().collect();
        let mut givers = units.clone();
        givers.sort_by_key(|unit| splitmix(seed ^ splitmix(!unit)));
        let mut given: Vec<(usize, usize)> = Vec::with_capacity(side.len());
        for (unit, giver) in units.iter().zip(&givers) {
            let from = of_unit[giver].iter().cycle();
            given.extend(of_unit[unit].iter().copied().zip(from.copied()));
        }
        given.sort_unstable();
        order.extend(given.into_iter().map(|(_, from)| from));
    }
    order
}
