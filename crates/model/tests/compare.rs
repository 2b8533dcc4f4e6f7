//! Comparing spaces on rows that neither has seen, and keeping a graft only if it is no worse.

#![allow(clippy::unwrap_used)]

use std::ops::ControlFlow;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, StringArray};
use tabgraft_model::compare::{ColumnEffect, Evidence};
use tabgraft_model::extend::{ConsolidateOptions, PruneOptions};
use tabgraft_model::lineage::check_file;
use tabgraft_model::metric::{Metric, PairedDifference, Verdict};
use tabgraft_model::space::GraftJudgement;
use tabgraft_model::train::{Event, StopReason, quiet};
use tabgraft_model::{
    CompareOptions, EmbeddingSpace, ExtendOptions, FitOptions, Keep, Mode, PredictorOptions, TrainingOptions,
};
use tabgraft_table::Table;
use tabgraft_table::split::{Part, SplitKey, SplitOptions};

fn unit(i: usize, salt: u64) -> f64 {
    let mut x = (i as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ salt.wrapping_mul(0xd134_2543_de82_ef95);
    x = (x ^ (x >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    ((x ^ (x >> 32)) >> 11) as f64 / (1u64 << 53) as f64
}

fn is_good(i: usize) -> bool {
    unit(i, 1) + 0.3 * unit(i, 2) > 0.6
}

fn number(n_rows: usize, f: impl Fn(usize) -> f64) -> ArrayRef {
    Arc::new(Float64Array::from_iter_values((0..n_rows).map(f)))
}

/// `early` and `other` tell of the target, `noise` does not.
fn table(n_rows: usize) -> Table {
    let target = StringArray::from_iter_values((0..n_rows).map(|i| if is_good(i) { "good" } else { "bad" }));
    Table::from_columns([
        ("early", number(n_rows, |i| unit(i, 1) + 0.5 * unit(i, 5))),
        ("other", number(n_rows, |i| unit(i, 2))),
        ("noise", number(n_rows, |i| unit(i, 3))),
        ("target", Arc::new(target) as ArrayRef),
    ])
    .unwrap()
}

fn space(table: &Table, name: &str, ignore: &[&str], split: SplitOptions) -> EmbeddingSpace {
    let mut options = FitOptions { name: name.into(), split, ..FitOptions::default() };
    options.config.d_model = 16;
    options.config.training.n_epochs = Some(3);
    options.infer.ignore = ignore.iter().map(|c| (*c).to_owned()).collect();
    EmbeddingSpace::fit(table, None, &options, &mut quiet).unwrap()
}

fn quick(cross_fit: bool) -> CompareOptions {
    let predictor =
        PredictorOptions { n_epochs: 12, n_networks: Some(2), d_hidden: 16, ..PredictorOptions::default() };
    CompareOptions { predictor, cross_fit }
}

fn judged() -> ExtendOptions {
    let keep = Keep::IfNotWorse { target: "target".into(), compare: quick(false) };
    ExtendOptions { training: TrainingOptions::of_epochs(5), keep, ..ExtendOptions::default() }
}

#[test]
fn spaces_of_different_splits_are_judged_on_rows_that_test_both() {
    let table = table(1500);
    let a = space(&table, "a", &["target", "noise"], SplitOptions::default());
    let b = space(&table, "b", &["target", "other"], SplitOptions::default());
    let test = |space: &EmbeddingSpace| -> Vec<bool> {
        space.split().assign(&table).unwrap().into_iter().map(|p| p == Part::Test).collect()
    };
    let both = test(&a).into_iter().zip(test(&b)).filter(|(a, b)| *a && *b).count();
    assert!(both > 20 && both < 100, "{both}");
    let found = a.compare(&b, &table, "target", &quick(false), &mut quiet).unwrap();
    assert_eq!((found.n_rows, found.difference.n), (both, both));
    let spaces = found.spaces.unwrap();
    assert_eq!(spaces.evidence, Evidence::HeldOut);
    assert_eq!((spaces.n_common_columns, spaces.drift), (1, None));
    assert!((0.0..1.0).contains(&spaces.neighbour_overlap_at_10));
    assert!(spaces.cost_a.seconds > 0.0 && spaces.cost_a.file_bytes > 4 * spaces.cost_a.n_weights);
    assert_eq!(spaces.new_columns.iter().map(|c| c.column.as_str()).collect::<Vec<_>>(), ["noise"]);
    let json = serde_json::to_value(spaces.evidence).unwrap();
    assert_eq!(json["evidence"], "held_out");
}

/// A split by time puts a row that stands twice into two parts.
#[test]
fn a_test_row_whose_cells_were_learned_from_is_not_judged() {
    let n_rows = 800;
    // Of the last rows every second one is an earlier row again, on a later day.
    let rows: Vec<u32> = (0..n_rows).map(|i| if i >= 600 && i % 2 == 0 { i - 600 } else { i }).collect();
    let day = number(n_rows as usize, |i| i as f64);
    let table = table(n_rows as usize).take(&rows).unwrap().with_column("day", day).unwrap();
    let by = SplitKey::Time { column: "day".into() };
    let split = SplitOptions { by, p_test: 0.25, ..SplitOptions::default() };
    let a = space(&table, "a", &["target", "day", "noise"], split.clone());
    let b = space(&table, "b", &["target", "day"], split);
    let is_test: Vec<bool> = a.split().assign(&table).unwrap().into_iter().map(|p| p == Part::Test).collect();
    assert_eq!(is_test.iter().filter(|t| **t).count(), 200);
    let found = a.compare(&b, &table, "target", &quick(false), &mut quiet).unwrap();
    assert_eq!((found.n_rows, found.difference.n), (100, 100));
}

#[test]
fn without_unseen_rows_a_comparison_is_refused_and_cross_fitting_judges_every_row() {
    let table = table(400);
    let all = SplitOptions { p_test: 0.0, ..SplitOptions::default() };
    let a = space(&table, "a", &["target", "other"], all.clone());
    let b = space(&table, "b", &["target"], all);
    let refused = a.compare(&b, &table, "target", &quick(false), &mut quiet).unwrap_err();
    assert!(refused.is_value() && refused.to_string().contains("0 of 400 rows"), "{refused}");
    assert!(refused.hint().unwrap().contains("cross_fit"));

    let found = a.compare(&b, &table, "target", &quick(true), &mut quiet).unwrap();
    assert_eq!((found.n_rows, found.difference.n), (400, 400));
    let spaces = found.spaces.unwrap();
    assert_eq!(spaces.evidence, Evidence::CrossFitted { n_folds: 5 });
    assert!(spaces.explanation.contains("the spaces have seen"));
    // A label that follows no cell cannot be predicted by predictors that did not learn from the row.
    let coin = StringArray::from_iter_values((0..400).map(|i| if unit(i, 77) > 0.5 { "up" } else { "down" }));
    let table = table.with_column("target", Arc::new(coin)).unwrap();
    let chance = a.compare(&b, &table, "target", &quick(true), &mut quiet).unwrap();
    for side in [&chance.a, &chance.b] {
        let auc = side.scores.iter().find(|s| s.metric.name() == "roc_auc").unwrap();
        assert!(auc.low < 0.5 && auc.value < 0.6, "{auc:?}");
    }
}

#[test]
fn old_vectors_have_a_drift_where_the_second_space_continues_the_first() {
    let table = table(600);
    let early = table.without(&["noise".into()]).unwrap();
    let parent = space(&early, "v1", &["target"], SplitOptions::default());
    let graft = |mode: Mode| {
        let options =
            ExtendOptions { mode, training: TrainingOptions::of_epochs(2), ..ExtendOptions::default() };
        parent.extend(&table, None, &options, &mut quiet).unwrap()
    };
    let prune = |space: &EmbeddingSpace, column: &str| {
        space.prune(&[column.to_owned()], Some(&table), &PruneOptions::default(), &mut quiet).unwrap()
    };
    let drift = |a: &EmbeddingSpace, b: &EmbeddingSpace| {
        let found = a.compare(b, &table, "target", &quick(false), &mut quiet).unwrap();
        found.spaces.unwrap().drift.map(|drift| drift.mean_cosine_distance)
    };
    let (frozen, joint) = (graft(Mode::Frozen), graft(Mode::Joint));
    assert_eq!(drift(&parent, &frozen), Some(0.0));
    assert!(drift(&parent, &joint).unwrap() > 0.0);
    assert_eq!(drift(&joint, &parent), None);
    assert_eq!(drift(&frozen, &joint), None);
    // Its own late column may go, one of the parent's may not.
    assert!(drift(&parent, &prune(&joint, "noise")).unwrap() > 0.0);
    assert_eq!(drift(&parent, &prune(&joint, "other")), None);
    let options =
        ConsolidateOptions { training: TrainingOptions::of_epochs(1), ..ConsolidateOptions::default() };
    let plain = frozen.consolidate(&table, None, &options, &mut quiet).unwrap();
    assert_eq!(drift(&parent, &plain), None);
}

/// What `verify` says of its file.
fn problems(space: &EmbeddingSpace) -> Vec<String> {
    let dir = tempfile::tempdir().unwrap();
    space.save(&dir.path().join("space")).unwrap();
    check_file(&dir.path().join("space")).unwrap()
}

#[test]
fn a_graft_that_helps_is_kept_with_its_judgement() {
    let table = table(900);
    let parent =
        space(&table.without(&["early".into()]).unwrap(), "v1", &["target"], SplitOptions::default());
    let child = parent.extend(&table, None, &judged(), &mut quiet).unwrap();
    assert_eq!(child.columns().len(), 3);
    assert!(child.refused_extensions().is_empty());
    let judgement = child.extension_metadata().unwrap().judgement.clone().unwrap();
    assert_eq!((judgement.target.as_str(), judgement.difference.verdict), ("target", Verdict::Better));
    let [early] = &judgement.new_columns[..] else { panic!("{judgement:?}") };
    assert!(early.column == "early" && early.hiding.verdict == Verdict::Worse, "{early:?}");
    let again = EmbeddingSpace::from_bytes(&child.to_bytes().unwrap()).unwrap();
    assert_eq!(again.extension_metadata(), child.extension_metadata());
    assert_eq!(problems(&child), Vec::<String>::new(), "the judgement is among its claims");
}

#[test]
fn a_graft_that_hurts_is_refused_names_the_column_and_leaves_the_parent_as_it_was() {
    let table = table(900);
    let parent = space(&table, "v1", &["target"], SplitOptions::default());
    // Tells the target of the rows that are learned from, and its opposite of the others.
    let parts = parent.split().assign(&table).unwrap();
    let trap = number(900, |i| {
        let tells = parts[i] != Part::Test;
        f64::from(u8::from(is_good(i) == tells)) + 0.2 * unit(i, 9)
    });
    let harmless = number(900, |i| unit(i, 12));
    let enriched = table.with_column("trap", trap).unwrap().with_column("harmless", harmless).unwrap();
    let mut warnings = Vec::new();
    let kept = parent
        .extend(&enriched, None, &judged(), &mut |event| {
            if let Event::Warning { text } = event {
                warnings.push(text.clone());
            }
            ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(kept.hashes(), parent.hashes());
    assert_eq!(problems(&kept), Vec::<String>::new(), "what was tried on it is no claim of its own");
    assert_eq!(kept.embed(&table).unwrap().values, parent.embed(&table).unwrap().values);
    assert!(warnings.iter().any(|w| w.contains("worse") && w.contains("hurt: `trap`")), "{warnings:?}");
    let [refused] = kept.refused_extensions() else { panic!("{:?}", kept.refused_extensions()) };
    assert_ne!(refused.weights, parent.hashes().weights);
    assert_eq!(refused.extension.new_columns_added, ["trap", "harmless"]);
    let judgement = refused.extension.judgement.as_ref().unwrap();
    assert_eq!(judgement.difference.verdict, Verdict::Worse);
    assert_eq!(judgement.culprits().iter().map(|c| c.column.as_str()).collect::<Vec<_>>(), ["trap"]);

    let file = tempfile::tempdir().unwrap();
    let path = file.path().join("kept.tabgraft");
    kept.save(&path).unwrap();
    let again = EmbeddingSpace::load(&path).unwrap();
    assert_eq!(again.refused_extensions(), kept.refused_extensions());
    // A descendant does not inherit what was refused.
    let mut options = judged();
    options.keep = Keep::Always;
    options.infer.ignore = vec!["trap".into()];
    let child = again.extend(&enriched, None, &options, &mut quiet).unwrap();
    assert!(child.refused_extensions().is_empty() && child.extension_metadata().unwrap().judgement.is_none());
    let unhealed = PruneOptions { training: TrainingOptions::of_epochs(0), ..PruneOptions::default() };
    let column = again.columns()[0].name.clone();
    let pruned = again.prune(&[column], None, &unhealed, &mut quiet).unwrap();
    let plain =
        ConsolidateOptions { training: TrainingOptions::of_epochs(1), ..ConsolidateOptions::default() };
    let plain = again.consolidate(&enriched, None, &plain, &mut quiet).unwrap();
    assert!(pruned.refused_extensions().is_empty() && plain.refused_extensions().is_empty());
}

#[test]
fn columns_that_are_proven_to_hurt_are_to_blame_and_else_those_that_hurt_by_their_mean() {
    let difference = |difference: f64, verdict: Verdict| PairedDifference {
        metric: Metric::RocAuc,
        a: 0.5,
        b: 0.5 + difference,
        difference,
        low: difference - 0.1,
        high: difference + 0.1,
        p_value: 0.5,
        n: 100,
        n_copies: 0,
        verdict,
    };
    let culprits = |effects: &[(&str, f64, Verdict)]| {
        let new_columns = effects.iter().map(|(column, by, verdict)| ColumnEffect {
            column: (*column).to_owned(),
            hiding: difference(*by, *verdict),
        });
        let judgement = GraftJudgement {
            target: "y".to_owned(),
            difference: difference(-0.2, Verdict::Worse),
            evidence: Evidence::HeldOut,
            new_columns: new_columns.collect(),
        };
        judgement.culprits().iter().map(|effect| effect.column.clone()).collect::<Vec<_>>()
    };
    let unproven = [("a", 0.01, Verdict::NoDifference), ("b", 0.0, Verdict::NoDifference)];
    let helps = ("c", -0.01, Verdict::NoDifference);
    assert_eq!(culprits(&[unproven[0], unproven[1], helps]), ["a"]);
    assert_eq!(culprits(&[("d", 0.2, Verdict::Better), unproven[0]]), ["d"]);
    assert_eq!(culprits(&[helps]), [""; 0]);
}

#[test]
fn there_must_be_something_to_judge_by_before_anything_is_trained() {
    let table = table(300);
    let parent =
        space(&table.without(&["early".into()]).unwrap(), "v1", &["target"], SplitOptions::default());
    let mut trained = false;
    let mut refused = |keep: Keep, table: &Table| {
        parent
            .extend(table, None, &ExtendOptions { keep, ..judged() }, &mut |event| {
                trained |= matches!(event, Event::Started { .. });
                ControlFlow::Continue(())
            })
            .unwrap_err()
    };
    let on = |target: &str| Keep::IfNotWorse { target: target.into(), compare: quick(false) };
    assert!(refused(on("absent"), &table).is_schema());
    assert!(refused(on("other"), &table).to_string().contains("uses the target"));
    let few = table.take(&(0..40).collect::<Vec<_>>()).unwrap();
    assert!(refused(on("target"), &few).to_string().contains("at least 20"));
    assert!(!trained);
    // What was stopped before it could be judged is not thrown away, and says so.
    let stopped = parent.extend(&table, None, &judged(), &mut |_| ControlFlow::Break(())).unwrap();
    assert_eq!(problems(&stopped), Vec::<String>::new());
    assert!(stopped.extension_metadata().unwrap().judgement.is_none());
    assert_eq!(stopped.training_info().stop_reason, StopReason::Interrupted);
    assert!(stopped.notes().last().unwrap().contains("interrupted before it was judged by `target`"));
}

#[test]
fn a_graft_that_is_stopped_while_it_trains_or_is_judged_is_kept_unjudged() {
    let table = table(300);
    let parent =
        space(&table.without(&["early".into()]).unwrap(), "v1", &["target"], SplitOptions::default());
    // Once in its training; and from the first predictor on.
    for stops_in_training in [true, false] {
        let (mut is_stopped, mut n_predictors) = (false, 0);
        let child = parent
            .extend(&table, None, &judged(), &mut |event| {
                let is_predictor = matches!(event, Event::Task { name } if name.starts_with("predictor on"));
                n_predictors += usize::from(is_predictor);
                let stops = match stops_in_training {
                    true => matches!(event, Event::Epoch { .. }) && !is_stopped,
                    false => is_predictor || is_stopped,
                };
                is_stopped |= stops;
                if stops { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            })
            .unwrap();
        assert_eq!(n_predictors == 0, stops_in_training, "what was not trained to its end is not judged");
        let reason = child.training_info().stop_reason;
        assert_eq!(reason == StopReason::Interrupted, stops_in_training, "{reason:?}");
        assert_eq!(child.columns().len(), 3);
        let entry = child.extension_metadata().unwrap();
        assert!(entry.judgement.is_none() && child.refused_extensions().is_empty());
        assert!(child.notes().last().unwrap().contains("interrupted before it was judged by `target`"));
    }
}

#[test]
fn a_target_that_the_parent_has_never_heard_of_is_no_new_column() {
    let whole = table(900);
    let early = whole.without(&["early".into(), "target".into()]).unwrap();
    let parent = space(&early, "v1", &[], SplitOptions::default());
    let child = parent.extend(&whole, None, &judged(), &mut quiet).unwrap();
    assert_eq!(child.extension_metadata().unwrap().new_columns_added, ["early"]);
    assert!(child.excluded().iter().any(|e| e.name == "target"));
}

#[test]
fn a_limit_of_memory_halves_steps_with_notes_and_refuses_what_cannot_fit() {
    let table = table(600);
    let parent =
        space(&table.without(&["early".into()]).unwrap(), "v1", &["target"], SplitOptions::default());
    let extend = |memory_limit: Option<u64>| {
        let mut notes = Vec::new();
        let options = ExtendOptions {
            mode: Mode::Joint,
            training: TrainingOptions {
                n_epochs: Some(3),
                batch_size: Some(4096),
                memory_limit,
                ..TrainingOptions::default()
            },
            ..ExtendOptions::default()
        };
        let child = parent.extend(&table, None, &options, &mut |event| {
            if let Event::Note { text } = event {
                notes.extend(text.starts_with("memory:").then(|| text.clone()));
            }
            ControlFlow::Continue(())
        });
        (child, notes)
    };
    let (child, notes) = extend(None);
    assert_eq!((child.unwrap().batch_size(), notes.len()), (4096, 0));
    // What all rows in one step need is in the first note of a limit that nothing meets.
    let (refused, notes) = extend(Some(1));
    let refused = refused.unwrap_err();
    assert!(refused.is_option() && refused.to_string().contains("a batch of 16 rows"), "{refused}");
    let needed: f64 = notes[0].split_whitespace().nth(2).unwrap().parse().unwrap();
    // A step has no more rows than there are to train on, fewer than 512: only the halves below are told.
    let (child, notes) = extend(Some((needed * 1e6) as u64 - 300_000));
    let batch_size = child.unwrap().batch_size();
    assert_eq!(batch_size, 512 >> notes.len());
    assert!((1..5).contains(&notes.len()) && notes[0].contains("halved to 256 rows"), "{notes:?}");
    let (refused, _) = extend(Some(0));
    assert!(refused.unwrap_err().to_string().contains("`memory_limit` is 0 bytes"));
}

#[test]
fn what_every_nested_fit_would_warn_of_is_said_once() {
    let zips = |lost: bool| -> ArrayRef {
        let zip =
            |i: usize| ["01067", "04109", "06886"][i % 3].trim_start_matches(if lost { "0" } else { "" });
        Arc::new(StringArray::from_iter_values((0..400).map(zip)))
    };
    let trained = table(400).with_column("zip", zips(false)).unwrap();
    let a = space(&trained, "a", &["target"], SplitOptions::default());
    let b = space(&trained, "b", &["target", "noise"], SplitOptions::default());
    let lost = table(400).with_column("zip", zips(true)).unwrap();
    let mut told = Vec::new();
    let mut sink = |event: &Event| {
        if let Event::Warning { text } | Event::Note { text } = event {
            told.push(text.clone());
        }
        ControlFlow::Continue(())
    };
    a.compare(&b, &lost, "target", &quick(true), &mut sink).unwrap();
    let n = told.iter().filter(|text| text.contains("column `zip`")).count();
    assert_eq!(n, 1, "{told:#?}");
}
