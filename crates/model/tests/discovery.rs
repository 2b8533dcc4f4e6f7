//! Promises of searching and judging features: what is true is found and proven, what is not is not.

#![allow(clippy::unwrap_used)]

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arrow::array::{ArrayRef, Float64Array, StringArray};
use tabgraft_feature::{Definition, Feature, FeatureEngineer};
use tabgraft_model::discover::remember::Effectiveness;
use tabgraft_model::discover::remember::history::{self, FeatureVerdict, Guide, Origin, SuggestionHistory};
use tabgraft_model::discover::{Clock, discover_by, judge, judge_by};
use tabgraft_model::train::{Event, quiet};
use tabgraft_model::{DiscoverOptions, Discovery, EmbeddingSpace, FitOptions, PredictorOptions, discover};
use tabgraft_table::Table;

fn chance(row: usize, salt: u64) -> f64 {
    let mut x =
        (row as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ salt.wrapping_mul(0xd134_2543_de82_ef95);
    x = (x ^ (x >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 32)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((x ^ (x >> 29)) >> 11) as f64 / (1u64 << 53) as f64
}

fn number(n_rows: usize, f: impl Fn(usize) -> f64) -> ArrayRef {
    Arc::new(Float64Array::from_iter_values((0..n_rows).map(f)))
}

/// `income`, `debt` and noise; the chance of `yes` is `p` of income and debt, and of more chance.
fn loans(n_rows: usize, p: impl Fn(f64, f64) -> f64) -> Table {
    salted(n_rows, 0, p)
}

/// The same of other chance.
fn salted(n_rows: usize, salt: u64, p: impl Fn(f64, f64) -> f64) -> Table {
    let chance = |r: usize, column: u64| chance(r, salt + column);
    let income = |r: usize| 20.0 + 80.0 * chance(r, 1);
    let debt = |r: usize| 20.0 + 80.0 * chance(r, 2);
    let answer = |r: usize| if chance(r, 7) < p(income(r), debt(r)) { "yes" } else { "no" };
    let place = |r: usize| ["north", "south", "west"][(chance(r, 5) * 3.0) as usize];
    Table::from_columns([
        ("income", number(n_rows, income)),
        ("debt", number(n_rows, debt)),
        ("noise", number(n_rows, |r| chance(r, 3))),
        ("more_noise", number(n_rows, |r| chance(r, 4))),
        ("place", Arc::new(StringArray::from_iter_values((0..n_rows).map(place))) as ArrayRef),
        ("target", Arc::new(StringArray::from_iter_values((0..n_rows).map(answer))) as ArrayRef),
    ])
    .unwrap()
}

/// Neither column tells anything alone, their product does.
fn together(income: f64, debt: f64) -> f64 {
    if (income - 60.0) * (debt - 60.0) > 0.0 { 0.8 } else { 0.2 }
}

/// Stripes across both columns, finer than networks or trees can tell from so few rows.
fn in_stripes(income: f64, debt: f64) -> f64 {
    if ((income + debt) / 10.0).fract() < 0.5 { 0.8 } else { 0.2 }
}

/// What tells those stripes.
const STRIPE: &str = "(income + debt) / 10 - floor((income + debt) / 10) < 0.5";

fn space(table: &Table) -> EmbeddingSpace {
    let mut options = FitOptions::default();
    (options.config.d_model, options.config.training.n_epochs) = (16, Some(2));
    options.infer.ignore = vec!["target".into()];
    EmbeddingSpace::fit(table, None, &options, &mut quiet).unwrap()
}

fn linear() -> DiscoverOptions {
    DiscoverOptions { guide: Guide::Linear, n_suggested: 5, budget_s: 600.0, ..DiscoverOptions::default() }
}

fn names(features: Vec<Feature>) -> Vec<String> {
    features.into_iter().map(|f| f.name).collect()
}

/// What a run says of a feature.
fn of<'a>(found: &'a Discovery, name: &str) -> &'a history::Suggestion {
    found.run.suggestions.iter().find(|s| s.name == name).unwrap()
}

/// A clock that goes on by a second with every event, and the sink that drives it.
fn ticking() -> (Clock, impl FnMut(&Event) -> ControlFlow<()> + Send) {
    ticking_by(Duration::from_secs(1))
}

/// A clock that goes on by so much with every event, and the sink that drives it.
fn ticking_by(step: Duration) -> (Clock, impl FnMut(&Event) -> ControlFlow<()> + Send) {
    let n_events = Arc::new(AtomicU64::new(0));
    let told = Arc::clone(&n_events);
    let tick = move |_: &Event| {
        n_events.fetch_add(1, Ordering::Relaxed);
        ControlFlow::Continue(())
    };
    (Clock::by(move || step * told.load(Ordering::Relaxed) as u32), tick)
}

/// A small predictor: about fifteen events a fit.
fn small_predictor() -> PredictorOptions {
    PredictorOptions { n_epochs: 6, n_networks: Some(2), d_hidden: 8, ..Default::default() }
}

#[test]
fn what_two_columns_say_together_is_proven_for_a_linear_model_and_told_once() {
    let table = loans(1500, together);
    let found = discover(&space(&table), &table, "target", &linear(), &mut quiet).unwrap();
    let reads_truth = |s: &&history::Suggestion| {
        s.inputs.contains(&"income".to_owned()) && s.inputs.contains(&"debt".to_owned())
    };
    let recommended: Vec<_> = found.run.suggestions.iter().filter(|s| s.recommended).collect();
    assert!(!recommended.is_empty() && recommended.iter().all(reads_truth), "{:?}", found.run.suggestions);
    assert!(recommended.iter().all(|s| s.judgement.unwrap().interval[0] > 0.0 && s.suggested));
    // Several candidates see the same thing; those that add nothing say whom they repeat.
    let proven: Vec<_> = found.run.suggestions.iter().filter(|s| s.is_proven()).collect();
    assert!(proven.len() > recommended.len());
    for repeated in proven.iter().filter(|s| !s.recommended) {
        assert_eq!(repeated.redundant_with, names(found.recommended()));
    }
    let controls = found.run.controls.unwrap();
    assert!(controls.n_judged == 10 && controls.n_passed == 0, "{controls:?}");
    assert!(found.run.flagged.is_empty());

    // The same seed, the same run.
    let again = discover(&space(&table), &table, "target", &linear(), &mut quiet).unwrap();
    assert_eq!(again.run.suggestions, found.run.suggestions);
}

/// 40 tables of their own: at a false discovery rate of .05 about two of them would be expected to claim
/// something, and what is right in one table is none of the others' business.
#[test]
fn of_targets_that_nothing_predicts_hardly_ever_anything_is_recommended() {
    let space = space(&loans(400, |_, _| 0.5));
    let mut n_claims = 0;
    for seed in 0..40 {
        let table = salted(400, 1000 * (seed + 1), |_, _| 0.5);
        let found = discover(&space, &table, "target", &DiscoverOptions { seed, ..linear() }, &mut quiet);
        let found = found.unwrap();
        assert_eq!(found.suggested().len(), 5, "the best few are suggested, proven or not");
        n_claims += usize::from(!found.recommended().is_empty());
    }
    assert!(n_claims <= 5, "{n_claims} of 40 runs claim something");
}

#[test]
fn a_predictor_confirms_what_it_is_refitted_with() {
    let table = loans(1200, in_stripes);
    let predictor = PredictorOptions { n_epochs: 6, n_networks: Some(2), d_hidden: 8, ..Default::default() };
    let features = [Feature::formula("stripe", STRIPE, ""), Feature::formula("idle", "noise * 2", "")];
    let options = DiscoverOptions { predictor, budget_s: 600.0, ..DiscoverOptions::default() };
    let found = judge(&space(&table), &table, "target", &features, &options, &mut quiet).unwrap();
    let stripe = of(&found, "stripe");
    let refit = stripe.refit.unwrap();
    assert!(stripe.recommended && refit.interval[0] > 0.05 && refit.n_splits == 10, "{stripe:?}");
    let idle = of(&found, "idle");
    assert!(idle.refit.is_none() && !idle.recommended, "{idle:?}");
    assert_eq!(found.run.origin, Origin::Given);
    assert!(found.suggested().is_empty(), "a person's own features need no suggestion");

    let folder = tempfile::tempdir().unwrap();
    found.write(folder.path()).unwrap();
    let history = SuggestionHistory::load(folder.path().join("feature_suggestion_history.json")).unwrap();
    assert_eq!(history.runs, std::slice::from_ref(&found.run));
    let worth = Effectiveness::load_history(folder.path().join("feature_effectiveness.json")).unwrap();
    assert_eq!(worth.features[0].effect_points, refit.effect, "the refitted predictor has the last word");
    assert!(!folder.path().join("suggested_features.json").exists());
}

/// 30 machines, each with a usual reading of its own that lies far from those of others, and a small deviation from it,
/// which decides: learners of 1,500 rows can make little of the two columns.
fn machines() -> Table {
    let n_rows = 1500;
    let machine = |r: usize| (30.0 * chance(r, 21)) as usize;
    let deviation = |r: usize| (22..25).map(|salt| chance(r, salt)).sum::<f64>() - 1.5;
    let reading = |r: usize| 1000.0 * chance(machine(r), 31) + deviation(r);
    let answer =
        |r: usize| if chance(r, 25) < 1.0 / (1.0 + (-8.0 * deviation(r)).exp()) { "yes" } else { "no" };
    let text = |f: &dyn Fn(usize) -> String| Arc::new(StringArray::from_iter_values((0..n_rows).map(f)));
    Table::from_columns([
        ("reading", number(n_rows, reading)),
        ("machine", text(&|r| format!("m{:02}", machine(r))) as ArrayRef),
        ("noise", number(n_rows, |r| chance(r, 3))),
        ("place", text(&|r| format!("place {}", (4.0 * chance(r, 5)) as usize)) as ArrayRef),
        ("target", text(&|r| answer(r).to_owned()) as ArrayRef),
    ])
    .unwrap()
}

#[test]
fn what_learners_make_little_of_is_recommended_at_defaults_and_in_time() {
    let table = machines();
    let options = DiscoverOptions::default();
    let (clock, mut tick) = ticking_by(Duration::from_millis(20));
    let found = discover_by(&clock, &space(&table), &table, "target", &options, &mut tick).unwrap();
    assert!(found.run.baseline < 0.65, "the guide knows it by itself: {}", found.run.baseline);
    assert!(found.seconds <= options.budget_s, "{} s", found.seconds);
    let recommended: Vec<_> = found.run.suggestions.iter().filter(|s| s.recommended).collect();
    assert!(!recommended.is_empty(), "{:?}", found.run.suggestions);
    for s in recommended {
        let (judgement, refit) = (s.judgement.unwrap(), s.refit.unwrap());
        assert_eq!((s.suggested, s.inputs.contains(&"reading".to_owned())), (true, true), "{s:?}");
        assert!(s.inputs.contains(&"machine".to_owned()), "{s:?}");
        assert!(judgement.effect > 0.3 && judgement.p_adjusted < 1e-50, "{judgement:?}");
        assert!(refit.effect > 0.2 && refit.interval[0] > 0.12, "{refit:?}");
    }
    // Other rows chose those that are judged, and the refit has the last word.
    let (n_judged, n_tried) = (found.run.suggestions.len() as f64, found.run.n_candidates as f64);
    for judgement in found.run.suggestions.iter().filter_map(|s| s.judgement) {
        assert!(judgement.p_adjusted <= judgement.p_value * n_judged * 1.000_001, "{judgement:?}");
    }
    assert!(n_tried > 2.0 * n_judged);
}

/// Stripes that are told from chance, and whose worth to a predictor ten trials do not tell.
#[test]
fn what_is_left_open_is_asked_of_more_deals_of_the_rows() {
    let faint = |by: f64| move |income: f64, debt: f64| 0.5 + by * (in_stripes(income, debt) - 0.5);
    let features = [Feature::formula("stripe", STRIPE, "")];
    let n_splits: Vec<usize> = [0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 1.0]
        .into_iter()
        .filter_map(|by| {
            let table = loans(1200, faint(by));
            let options = DiscoverOptions {
                predictor: small_predictor(),
                budget_s: 5000.0,
                ..DiscoverOptions::default()
            };
            let (clock, mut tick) = ticking();
            let found = judge_by(&clock, &space(&table), &table, "target", &features, &options, &mut tick);
            let refit = of(&found.unwrap(), "stripe").refit?;
            let is_open = refit.effect > 0.0 && refit.interval[0] <= 0.0;
            assert!(!is_open || refit.n_splits == 20, "{refit:?}");
            Some(refit.n_splits)
        })
        .collect();
    assert!(n_splits.iter().any(|n| *n > 10) && n_splits.last() == Some(&10), "{n_splits:?}");
}

/// Both are begun in the same second, and the second file of the first one cannot be written.
#[test]
fn runs_of_one_second_are_all_kept_and_a_failed_write_is_made_up_for() {
    let table = loans(900, together);
    let space = space(&table);
    let features = [Feature::formula("agree", "(income - 60) * (debt - 60) > 0", "")];
    let run = || judge(&space, &table, "target", &features, &linear(), &mut quiet).unwrap();
    let [first, second, third] = [run(), run(), run()];
    let folder = tempfile::tempdir().unwrap();
    let effects = folder.path().join("feature_effectiveness.json");
    // No file can be written where a folder is.
    std::fs::create_dir(&effects).unwrap();
    assert!(first.write(folder.path()).is_err());
    std::fs::remove_dir(&effects).unwrap();
    second.write(folder.path()).unwrap();
    std::fs::remove_file(&effects).unwrap();
    std::fs::create_dir(&effects).unwrap();
    assert!(third.write(folder.path()).is_err());
    std::fs::remove_dir(&effects).unwrap();
    // Or the same run is written again.
    third.write(folder.path()).unwrap();
    let ids = [&first, &second, &third].map(|found| found.run.run_id.clone());
    let history = SuggestionHistory::load(folder.path().join("feature_suggestion_history.json")).unwrap();
    assert_eq!(history.runs.iter().map(|run| run.run_id.clone()).collect::<Vec<_>>(), ids);
    let worth = Effectiveness::load_history(&effects).unwrap();
    assert_eq!(worth.features[0].runs.iter().map(|run| run.run_id.clone()).collect::<Vec<_>>(), ids);
    let distinct: std::collections::BTreeSet<&String> = ids.iter().collect();
    assert_eq!(distinct.len(), 3);
}

#[test]
fn given_features_may_build_on_each_other_but_not_on_the_target() {
    let table = loans(900, together);
    let space = space(&table);
    let try_out = |features: &[Feature]| judge(&space, &table, "target", features, &linear(), &mut quiet);
    let chain = [
        Feature::formula("rich", "income > 60", ""),
        Feature::formula("agree", "rich = (debt > 60)", ""),
        Feature::formula("same_again", "CASE WHEN agree THEN 1 ELSE 0 END", ""),
    ];
    let found = try_out(&chain).unwrap();
    assert_eq!(names(found.recommended()), ["agree"]);
    assert_eq!(of(&found, "same_again").redundant_with, ["agree"]);
    assert_eq!(of(&found, "rich").judgement.unwrap().verdict, FeatureVerdict::Unproven);

    let cheat = try_out(&[Feature::formula("cheat", "CASE WHEN target = 'yes' THEN 1 ELSE 0 END", "")]);
    let error = cheat.unwrap_err();
    assert!(error.is_option() && error.to_string().contains("`cheat` reads the target `target`"), "{error}");
    let taken = try_out(&[Feature::formula("income", "debt + 1", "")]).unwrap_err();
    assert!(taken.to_string().contains("has a column `income` already"), "{taken}");
    assert!(try_out(&[]).unwrap_err().is_option());
    let absent = try_out(&[Feature::formula("x", "salary + 1", "")]).unwrap_err();
    assert!(absent.to_string().contains("salary"), "{absent}");
}

#[test]
fn what_gives_the_target_away_is_flagged_and_not_advised() {
    let table = loans(600, together);
    let target = table.column("target").unwrap().clone();
    let target: Vec<bool> =
        tabgraft_table::cell::texts("target", &target).unwrap().iter().map(|t| t == Some("yes")).collect();
    let leaky = table
        .with_column("paid_back", number(600, |r| f64::from(u8::from(target[r])) + 0.3 * chance(r, 9)))
        .unwrap();
    let found = discover(&space(&leaky), &leaky, "target", &linear(), &mut quiet).unwrap();
    let flagged: Vec<&str> = found.run.flagged.iter().map(|f| f.name.as_str()).collect();
    assert!(flagged.contains(&"paid_back") && !flagged.contains(&"income"), "{flagged:?}");
    assert!(found.run.flagged[0].reason.contains("ROC AUC 1.000"), "{:?}", found.run.flagged);
    for s in found.run.suggestions.iter().filter(|s| s.recommended || s.suggested) {
        assert!(!s.inputs.contains(&"paid_back".to_owned()) && !flagged.contains(&s.name.as_str()), "{s:?}");
    }
}

#[test]
fn a_number_that_another_column_is_in_other_words_is_flagged() {
    let table = loans(300, together).without(&["target".into()]).unwrap();
    let cost = number(300, |r| 3.0 * chance(r, 1) + chance(r, 8));
    let doubled = number(300, |r| (3.0 * chance(r, 1) + chance(r, 8)).exp());
    let table = table.with_column("target", cost).unwrap().with_column("doubled", doubled).unwrap();
    let found = discover(&space(&table), &table, "target", &linear(), &mut quiet).unwrap();
    assert!(found.run.flagged.iter().any(|f| f.name == "doubled"), "{:?}", found.run.flagged);
    assert!(found.run.flagged.iter().all(|f| f.name != "income"), "{:?}", found.run.flagged);
}

#[test]
fn time_is_kept_to_confirm_what_passes_and_what_lacks_it_is_unconfirmed() {
    let table = loans(1200, in_stripes);
    let space = space(&table);
    let features = [Feature::formula("stripe", STRIPE, "")];
    let run = |budget_s: f64| {
        let options =
            DiscoverOptions { predictor: small_predictor(), budget_s, ..DiscoverOptions::default() };
        let (clock, mut tick) = ticking();
        judge_by(&clock, &space, &table, "target", &features, &options, &mut tick).unwrap()
    };
    // Ten trials with and ten without take about three hundred seconds of this clock.
    let enough = run(2000.0);
    assert_eq!(of(&enough, "stripe").refit.unwrap().n_splits, 10);
    assert_eq!(run(2000.0).run.suggestions, enough.run.suggestions, "the same seed, the same run");
    let short = run(300.0);
    let stripe = of(&short, "stripe");
    assert!(stripe.recommended && (3..=10).contains(&stripe.refit.unwrap().n_splits), "{stripe:?}");
    assert!(short.run.unconfirmed().is_empty() && short.seconds <= 300.0, "{} s", short.seconds);
    // Three trials of five are the least: with less time nothing is said.
    let is_open = |found: &Discovery| found.run.unconfirmed() == ["stripe"];
    let budgets = [60.0, 50.0, 40.0, 35.0, 30.0, 25.0, 20.0];
    let (budget_s, shorter) =
        budgets.iter().map(|s| (*s, run(*s))).find(|(_, found)| is_open(found)).unwrap();
    let stripe = of(&shorter, "stripe");
    assert_eq!(stripe.judgement.unwrap().verdict, FeatureVerdict::Unconfirmed);
    assert!(stripe.refit.is_none() && !stripe.recommended && stripe.judgement.unwrap().interval[0] > 0.1);
    assert_eq!(shorter.run.unconfirmed(), ["stripe"]);
    assert!(
        shorter.seconds <= budget_s + 1.0,
        "{} s: the event that tells that time is up counts",
        shorter.seconds
    );

    let folder = tempfile::tempdir().unwrap();
    shorter.write(folder.path()).unwrap();
    let text = std::fs::read_to_string(folder.path().join("feature_suggestion_history.json")).unwrap();
    assert!(text.contains("\"verdict\": \"unconfirmed\""), "{text}");
    let worth = Effectiveness::load_history(folder.path().join("feature_effectiveness.json")).unwrap();
    let standings = worth.standings();
    assert_eq!(standings[0].course(), "unconfirmed in 1 run");
    assert!(!standings[0].recommended);
}

#[test]
fn a_budget_is_kept_by_every_guide() {
    let table = loans(800, together);
    let space = space(&table);
    for guide in [Guide::Linear, Guide::Predictor] {
        for budget_s in [12.0, 40.0, 100.0, 250.0] {
            let options = DiscoverOptions {
                guide,
                budget_s,
                max_candidates: 400,
                predictor: small_predictor(),
                ..DiscoverOptions::default()
            };
            let (clock, mut tick) = ticking();
            let found = discover_by(&clock, &space, &table, "target", &options, &mut tick).unwrap();
            // The names of the tasks are told when the time is over, too.
            let over = found.seconds - budget_s;
            assert!(over <= 5.0, "{guide:?}: {} s of {budget_s} s", found.seconds);
        }
    }
}

/// Such a table has so many products of cells that its linear models would take many times the budget.
#[test]
fn of_a_wide_table_so_many_rows_are_used_as_there_is_time_for() {
    let n_rows = 6000;
    let columns = (0..40).map(|c| (format!("x{c}"), number(n_rows, move |r| chance(r, c))));
    let target = number(n_rows, |r| chance(r, 3) * chance(r, 4));
    let table = Table::from_columns(columns).unwrap().with_column("target", target).unwrap();
    let options = DiscoverOptions { budget_s: 0.5, max_candidates: 50, ..linear() };
    let mut notes = Vec::new();
    let mut listen = |event: &Event| {
        if let Event::Note { text } = event {
            notes.push(text.clone());
        }
        ControlFlow::Continue(())
    };
    let found = discover(&space(&table), &table, "target", &options, &mut listen).unwrap();
    let n_used = found.run.n_discovery_rows + found.run.n_judging_rows;
    assert!((1000..3000).contains(&n_used), "{n_used} rows");
    assert!(notes.iter().any(|n| n.starts_with(&format!("{n_used} of "))), "{notes:?}");
}

#[test]
fn what_was_seen_to_hurt_is_not_suggested() {
    for salt in [1000, 2000, 3000] {
        let table = salted(300, salt, |_, _| 0.5);
        let found = discover(&space(&table), &table, "target", &linear(), &mut quiet).unwrap();
        assert_eq!(found.suggested().len(), 5);
        for s in found.run.suggestions.iter().filter(|s| s.suggested) {
            let judgement = s.judgement.unwrap();
            assert!(judgement.interval[1] >= 0.0 && judgement.verdict != FeatureVerdict::Harmful, "{s:?}");
        }
    }
}

#[test]
fn a_search_without_time_ends_with_the_best_so_far() {
    let table = loans(500, together);
    let predictor = PredictorOptions { n_epochs: 3, n_networks: Some(2), d_hidden: 8, ..Default::default() };
    let options = DiscoverOptions { budget_s: 1e-3, n_judged: 6, predictor, ..DiscoverOptions::default() };
    let found = discover(&space(&table), &table, "target", &options, &mut quiet).unwrap();
    assert_eq!((found.suggested().len(), found.run.suggestions.len()), (3, 6));
    assert!(found.run.suggestions[0].judgement.is_some());
    assert!(found.run.suggestions[1..].iter().all(|s| s.judgement.is_none()));
    assert!(found.recommended().is_empty(), "what is not confirmed is not recommended");

    // A user who says stop gets the same.
    let mut n_events = 0;
    let mut stop_soon = |_: &Event| {
        n_events += 1;
        if n_events > 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let options = DiscoverOptions { budget_s: 600.0, ..options };
    let found = discover(&space(&table), &table, "target", &options, &mut stop_soon).unwrap();
    assert!(found.run.suggestions.iter().all(|s| s.judgement.is_none()) && found.recommended().is_empty());
}

#[test]
fn fitted_features_are_judged_as_they_are_beside_others() {
    let table = loans(300, together);
    let bins = || Definition::Bins { column: "income".into(), n_bins: 4 };
    let mut elsewhere = FeatureEngineer::new(vec![Feature::new("of_elsewhere", bins(), "")]).unwrap();
    let shifted: ArrayRef = number(300, |r| 1000.0 + r as f64);
    elsewhere.fit(&Table::from_columns([("income", shifted)]).unwrap()).unwrap();
    let fitted = elsewhere.features()[0].clone();
    let features = [fitted.clone(), Feature::new("of_these_rows", bins(), "")];
    let found = judge(&space(&table), &table, "target", &features, &linear(), &mut quiet).unwrap();
    assert_eq!(of(&found, "of_elsewhere").state, fitted.state);
    assert!(of(&found, "of_these_rows").state.is_some());
}

#[test]
fn several_classes_and_numbers_are_judged_by_their_own_metrics() {
    let table = loans(900, together);
    let agree = |r: usize| (chance(r, 1) > 0.5) == (chance(r, 2) > 0.5);
    let features = [Feature::formula("agree", "(income - 60) * (debt - 60) > 0", "")];
    let class = |r: usize| match (agree(r), chance(r, 7) < 0.7) {
        (_, false) => "other",
        (true, true) => "same",
        (false, true) => "different",
    };
    let classes = Arc::new(StringArray::from_iter_values((0..900).map(class))) as ArrayRef;
    let numbers = number(900, |r| f64::from(u8::from(agree(r))) + chance(r, 7));
    for (target, metric) in [(classes, "log_loss"), (numbers, "rmse")] {
        let table = table.without(&["target".into()]).unwrap().with_column("target", target).unwrap();
        let found = judge(&space(&table), &table, "target", &features, &linear(), &mut quiet).unwrap();
        assert_eq!(found.run.metric, metric);
        assert!(found.run.baseline > 0.0 && found.run.suggestions[0].recommended, "{:?}", found.run);
    }
}
