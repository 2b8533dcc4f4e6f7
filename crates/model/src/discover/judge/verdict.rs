//! From judgements to verdicts: correction for all that was tried, shuffled controls, one of each
//! idea, and the refitted predictor's last word.

use std::collections::BTreeMap;

use crate::discover::judge::corrected::benjamini_hochberg;
use crate::discover::remember::history::{
    Controls, FeatureJudgement, FeatureVerdict, Flagged, Guide, Suggestion,
};
use arrow::array::ArrayRef;
use tabgraft_feature::Feature;

use super::court::{Court, Finding};
use super::refit::{Outcome, Refitter};
use crate::discover::budget::Budget;
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
}

/// What the court has to go by.
pub(in crate::discover) struct Terms<'a> {
    /// Candidates that were tried in all.
    pub n_tried: usize,
    /// Largest false discovery rate.
    pub level: f64,
    /// Candidates that are suggested at most.
    pub n_suggested: usize,
    pub budget: &'a Budget,
    pub seed: u64,
    /// What tells the target by itself: columns, and features among the cases.
    pub flagged: &'a [Flagged],
}

/// Judges the cases in their order as long as there is time, and gives a verdict on each. Time is kept for
/// the refits once something is there that they could confirm.
///
/// # Errors
/// As [`Court::judge`] and [`Refitter::refit`].
pub(in crate::discover) fn judge_all(
    court: &Court<'_>,
    rows: &Guided,
    cases: Vec<Case>,
    terms: &Terms<'_>,
    refitter: Option<Refitter<'_>>,
    sink: &mut Sink<'_>,
) -> Result<(Vec<Suggestion>, Controls)> {
    let _ = sink(&Event::Task { name: "judging".to_owned() });
    let shuffled = shuffled_rows(rows, terms.seed);
    // Other rows chose what is judged: what was tried there and left out is no chance to be wrong here. Where no refit has
    // the last word, it counts all the same; so it does for shuffled copies.
    let n_counted = if refitter.is_some() { cases.len() } else { terms.n_tried };
    let mut designs: Vec<Option<Design>> = Vec::with_capacity(cases.len());
    let mut findings: Vec<Option<Finding>> = Vec::with_capacity(cases.len());
    let mut controls: Vec<Finding> = Vec::new();
    let is_flagged = |case: &Case| {
        terms.flagged.iter().any(|f| f.name == case.feature.name || case.inputs.contains(&f.name))
    };
    let mut stopped = false;
    let mut steps = terms.budget.steps();
    let mut to_confirm = false;
    for (i, case) in cases.iter().enumerate() {
        stopped = stopped || sink(&Event::Progress { done: i, total: cases.len() }).is_break();
        let end = if to_confirm { terms.budget.judging_end() } else { terms.budget.end() };
        stopped |= !steps.fits(end) && i > 0;
        let design = if stopped { None } else { court.design_of(&case.feature.name, &case.array)? };
        findings.push(design.as_ref().map(|design| court.judge(design)).transpose()?);
        if let Some(design) = design.as_ref().filter(|_| controls.len() < N_CONTROLS) {
            controls.push(court.judge(&design.reordered(&shuffled))?);
        }
        designs.push(design);
        to_confirm |= !is_flagged(case) && {
            let p_values: Vec<f64> = findings.iter().map(|f| f.as_ref().map_or(1.0, |f| f.p_value)).collect();
            let found = findings[i].is_some_and(|f| f.is_better());
            found && adjusted(&p_values, n_counted)[i] <= terms.level
        };
    }
    let p_values: Vec<f64> = findings.iter().map(|f| f.as_ref().map_or(1.0, |f| f.p_value)).collect();
    let adjusted = adjusted(&p_values, n_counted);
    let controls = count(&controls, &p_values, terms);

    let passes = |i: usize| {
        let better = findings[i].is_some_and(|f| f.is_better() && adjusted[i] <= terms.level);
        better && controls.n_passed == 0 && !is_flagged(&cases[i])
    };
    let mut passed: Vec<usize> = (0..cases.len()).filter(|i| passes(*i)).collect();
    passed.sort_by(|a, b| p_values[*a].total_cmp(&p_values[*b]).then(a.cmp(b)));
    let Selected { selected, redundant, left } = select(court, &passed, &designs, terms)?;

    let mut outcomes: Vec<Option<Outcome>> = vec![None; cases.len()];
    if let Some(refitter) = &refitter {
        let asked: Vec<usize> = selected.iter().copied().take(MOST_REFITS).collect();
        let features: Vec<_> = asked.iter().map(|i| (&*cases[*i].feature.name, &cases[*i].array)).collect();
        for (i, outcome) in asked.iter().zip(refitter.confirm(&features, sink)?) {
            outcomes[*i] = Some(outcome);
        }
    }
    let is_confirmed = |i: &usize| match outcomes[*i] {
        Some(Outcome::Refitted { refit, .. }) => refit.interval[0] > 0.0,
        Some(Outcome::Useless | Outcome::NoTime) => false,
        None => rows.guide == Guide::Linear,
    };
    // What passed and was not refitted, or on so few rows that they do not tell.
    let lacks_time = |i: &usize| match outcomes[*i] {
        Some(Outcome::NoTime) => true,
        Some(Outcome::Refitted { refit, is_whole: false }) => {
            refit.interval[0] <= 0.0 && refit.interval[1] > 0.0
        }
        Some(Outcome::Refitted { .. } | Outcome::Useless) => false,
        None => rows.guide == Guide::Predictor,
    };
    let recommended: Vec<usize> = selected.iter().copied().filter(is_confirmed).collect();
    let mut unconfirmed: Vec<usize> = selected.iter().copied().filter(lacks_time).collect();
    // What repeats others stands and falls with them.
    if recommended.is_empty() && !unconfirmed.is_empty() {
        unconfirmed.extend(&redundant);
    }
    unconfirmed.extend(left);
    let harm = harm_adjusted(&findings);
    let verdicts: Vec<Option<FeatureVerdict>> = (0..cases.len())
        .map(|i| {
            let finding = findings[i]?;
            let is_redundant = redundant.contains(&i) && !recommended.is_empty();
            let hurt_when_refitted = matches!(outcomes[i],
                Some(Outcome::Refitted { refit, .. }) if refit.interval[1] < 0.0);
            Some(match () {
                () if hurt_when_refitted => FeatureVerdict::Harmful,
                () if recommended.contains(&i) || is_redundant => FeatureVerdict::Proven,
                () if unconfirmed.contains(&i) => FeatureVerdict::Unconfirmed,
                () if finding.is_worse() && harm[i] <= terms.level => FeatureVerdict::Harmful,
                () => FeatureVerdict::Unproven,
            })
        })
        .collect();
    let suggested = suggested(&findings, &verdicts, &recommended, &unconfirmed, |i| !is_flagged(&cases[i]));
    let suggested = &suggested[..suggested.len().min(terms.n_suggested)];
    let names: Vec<String> = recommended.iter().map(|i| cases[*i].feature.name.clone()).collect();
    let suggestions = cases.into_iter().enumerate().map(|(i, case)| {
        let is_recommended = recommended.contains(&i);
        // Others tell the same, so it was not refitted and need not be.
        let is_redundant = redundant.contains(&i) && !recommended.is_empty();
        let judgement = findings[i].zip(verdicts[i]).map(|(finding, verdict)| FeatureJudgement {
            effect: finding.effect.mean,
            interval: finding.effect.interval,
            p_value: finding.p_value,
            p_adjusted: adjusted[i],
            verdict,
        });
        let refit = match outcomes[i] {
            Some(Outcome::Refitted { refit, .. }) => Some(refit),
            _ => None,
        };
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
            refit,
            redundant_with: if is_redundant { names.clone() } else { Vec::new() },
            suggested: suggested.contains(&i),
            recommended: is_recommended,
        }
    });
    Ok((suggestions.collect(), controls))
}

/// The cases in the order in which they are worth a try: recommended ones, those that lacked time to be
/// confirmed, the others as they were ranked, those last that the judging rows spoke against. What was seen to hurt is
/// not among them, nor what is not `allowed`.
fn suggested(
    findings: &[Option<Finding>],
    verdicts: &[Option<FeatureVerdict>],
    recommended: &[usize],
    unconfirmed: &[usize],
    allowed: impl Fn(usize) -> bool,
) -> Vec<usize> {
    let hurts = |i: usize| {
        verdicts[i] == Some(FeatureVerdict::Harmful)
            || findings[i].is_some_and(|f| f.effect.interval[1] < 0.0)
    };
    let is_against = |i: &usize| findings[*i].is_some_and(|f| f.effect.mean < 0.0);
    let (against, others): (Vec<usize>, Vec<usize>) = (0..findings.len()).partition(is_against);
    let first = recommended.iter().chain(unconfirmed).copied();
    let mut order: Vec<usize> = Vec::with_capacity(findings.len());
    for i in first.chain(others).chain(against) {
        if allowed(i) && !hurts(i) && !order.contains(&i) {
            order.push(i);
        }
    }
    order
}

/// What `select` finds.
struct Selected {
    /// Better beside those before them.
    selected: Vec<usize>,
    /// Telling what others tell.
    redundant: Vec<usize>,
    /// Which of the two, there was no time to say.
    left: Vec<usize>,
}

/// One of each idea: in the order given, a feature is selected if it is still better beside those
/// selected before it.
fn select(
    court: &Court<'_>,
    passed: &[usize],
    designs: &[Option<Design>],
    terms: &Terms<'_>,
) -> Result<Selected> {
    let mut found = Selected { selected: Vec::new(), redundant: Vec::new(), left: Vec::new() };
    let mut with_selected: Option<Court<'_>> = None;
    let mut steps = terms.budget.steps();
    for i in passed {
        let Some(design) = &designs[*i] else { continue };
        let in_time = found.left.is_empty() && steps.fits(terms.budget.judging_end());
        let adds = match &with_selected {
            None => true,
            Some(_) if !in_time => {
                found.left.push(*i);
                continue;
            }
            Some(court) => {
                let finding = court.judge(design)?;
                finding.is_better() && finding.p_value <= terms.level
            }
        };
        if adds {
            with_selected = Some(with_selected.as_ref().unwrap_or(court).with(design)?);
            found.selected.push(*i);
        } else {
            found.redundant.push(*i);
        }
    }
    Ok(found)
}

/// P-values of the metric's fall, corrected for those that were judged: the ranking chose them for what they
/// gain, so that nothing tried before makes one look harmful.
fn harm_adjusted(findings: &[Option<Finding>]) -> Vec<f64> {
    let p_values: Vec<f64> = findings
        .iter()
        .map(|f| f.as_ref().filter(|f| f.effect.interval[1] < 0.0).map_or(1.0, |f| f.effect.p_value))
        .collect();
    benjamini_hochberg(&p_values)
}

/// P-values corrected for so many candidates; those not judged count as 1.
fn adjusted(p_values: &[f64], n_counted: usize) -> Vec<f64> {
    let mut all = p_values.to_vec();
    all.resize(n_counted.max(p_values.len()), 1.0);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discover::judge::corrected::CorrectedTest;

    /// Of an effect whose interval reaches .02 to both sides.
    fn finding(effect: f64, p_value: f64) -> Option<Finding> {
        let interval = [effect - 0.02, effect + 0.02];
        let effect = CorrectedTest { mean: effect, standard_error: 0.01, p_value, interval };
        Some(Finding { effect, loss_gain: effect.mean, p_value })
    }

    #[test]
    fn no_harm_is_suggested_while_something_better_is_passed_over() {
        let findings =
            [finding(-0.05, 1e-4), finding(0.001, 0.9), None, finding(-0.03, 0.04), finding(0.1, 0.0)];
        let verdicts = [
            Some(FeatureVerdict::Harmful),
            Some(FeatureVerdict::Unproven),
            None,
            Some(FeatureVerdict::Unproven),
            Some(FeatureVerdict::Proven),
        ];
        assert_eq!(suggested(&findings, &verdicts, &[4], &[], |_| true), [4, 1, 2]);
        // What lacked time comes behind what is proven, and before what tells nothing.
        assert_eq!(suggested(&findings, &verdicts, &[4], &[2], |_| true), [4, 2, 1]);
        assert_eq!(suggested(&findings, &verdicts, &[], &[], |i| i != 1), [2, 4]);
    }

    #[test]
    fn what_the_judging_rows_spoke_against_is_suggested_last() {
        let findings = [finding(-0.01, 0.5), None, finding(0.001, 0.9), finding(-0.001, 0.9)];
        let verdicts = [Some(FeatureVerdict::Unproven); 4];
        assert_eq!(suggested(&findings, &verdicts, &[], &[], |_| true), [1, 2, 0, 3]);
    }

    #[test]
    fn harm_is_corrected_for_what_was_judged() {
        let mut findings = vec![finding(-0.05, 0.004), finding(0.05, 0.004), None];
        assert!(harm_adjusted(&findings)[0] <= 0.05, "one of three");
        assert_eq!(harm_adjusted(&findings)[1], 1.0, "what helps is no harm");
        findings.extend(vec![finding(0.0, 0.5); 20]);
        assert!(harm_adjusted(&findings)[0] > 0.05, "one of 23 is chance");
    }
}
