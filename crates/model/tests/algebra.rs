//! What prunes, merges and consolidations promise, on random tables and chains.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::ops::{ControlFlow, Range};
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, StringArray};
use proptest::prelude::*;
use tabgraft_model::extend::{ConsolidateOptions, MergeOptions, PruneOptions, RankOptions};
use tabgraft_model::space::{Operation, descends_from};
use tabgraft_model::train::Event;
use tabgraft_model::{EmbeddingSpace, ExtendOptions, FitOptions, Mode, Predictor, PredictorOptions};
use tabgraft_table::Table;
use tabgraft_table::schema::{Exclusion, InferOptions};

fn unit(i: usize, salt: u64) -> f64 {
    let mut x = (i as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ salt.wrapping_mul(0xd134_2543_de82_ef95);
    x ^= x >> 29;
    x = x.wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x ^= x >> 32;
    (x >> 11) as f64 / (1u64 << 53) as f64
}

const ROOT: [&str; 3] = ["size", "weight", "color"];

/// Three columns of the root and eight that come later, `l0` to `l7`, numbers and categories.
fn table(n_rows: usize, salt: u64) -> Table {
    let size = |i: usize| unit(i, salt) * 100.0;
    let number = |f: &dyn Fn(usize) -> f64| -> ArrayRef {
        Arc::new(Float64Array::from_iter_values((0..n_rows).map(f)))
    };
    let text = |f: &dyn Fn(usize) -> &'static str| -> ArrayRef {
        Arc::new(StringArray::from_iter_values((0..n_rows).map(f)))
    };
    let mut columns = vec![
        ("size".to_owned(), number(&size)),
        ("weight".to_owned(), number(&|i| size(i) * 2.0 + unit(i, salt + 1) * 20.0)),
        ("color".to_owned(), text(&|i| ["red", "green", "blue"][(size(i) / 34.0) as usize])),
    ];
    for k in 0..8 {
        let own = |i: usize| unit(i, salt + 10 + k);
        let column = match k % 2 {
            0 => number(&|i| size(i) * (1.0 + k as f64) + 30.0 * own(i)),
            _ => text(&|i| ["low", "middle", "high"][((own(i) + size(i) / 100.0) * 1.5) as usize]),
        };
        columns.push((format!("l{k}"), column));
    }
    Table::from_columns(columns).unwrap()
}

fn go_on(_: &Event) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

fn columns(names: &[String]) -> Vec<String> {
    ROOT.iter().map(|c| (*c).to_owned()).chain(names.iter().cloned()).collect()
}

fn later(places: impl IntoIterator<Item = usize>) -> Vec<String> {
    places.into_iter().map(|k| format!("l{k}")).collect()
}

fn root(table: &Table, seed: u64) -> EmbeddingSpace {
    let mut options = FitOptions { name: "root".into(), ..FitOptions::default() };
    options.config.d_model = 16;
    options.config.n_epochs = Some(2);
    options.config.seed = seed;
    EmbeddingSpace::fit(&table.select(&columns(&[])).unwrap(), None, &options, &mut go_on).unwrap()
}

fn graft(parent: &EmbeddingSpace, table: &Table, new: &[String], mode: Mode) -> EmbeddingSpace {
    let known: Vec<String> = parent.columns().iter().map(|c| c.name.clone()).collect();
    let table = table.select(&[known, new.to_vec()].concat()).unwrap();
    let options = ExtendOptions {
        mode,
        n_epochs: Some(2),
        d_side: (mode == Mode::Frozen).then_some(8),
        name: Some(format!("{}+{}", parent.name(), new.join("+"))),
        ..ExtendOptions::default()
    };
    parent.extend(&table, None, &options, &mut go_on).unwrap()
}

/// The versions of a chain, the root first; one graft for each range of late columns.
fn chain(root: &EmbeddingSpace, table: &Table, grafts: &[Range<usize>]) -> Vec<EmbeddingSpace> {
    let mut versions = vec![root.clone()];
    for graft_of in grafts {
        let parent = &versions[versions.len() - 1];
        let child = graft(parent, table, &later(graft_of.clone()), Mode::Frozen);
        versions.push(child);
    }
    versions
}

fn prune(space: &EmbeddingSpace, columns: &[String]) -> EmbeddingSpace {
    space.prune(columns, None, &PruneOptions::default(), &mut go_on).unwrap()
}

fn merge(spaces: &[&EmbeddingSpace]) -> EmbeddingSpace {
    EmbeddingSpace::merge(spaces, None, &MergeOptions::default(), &mut go_on).unwrap()
}

/// Bits of one coordinate of all rows.
fn coordinate(space: &EmbeddingSpace, table: &Table, d: usize) -> Vec<u32> {
    let z = space.embed(table).unwrap();
    (0..z.n_rows).map(|r| z.row(r)[d].to_bits()).collect()
}

fn bits(space: &EmbeddingSpace, table: &Table, kept: Range<usize>) -> Vec<u32> {
    let z = space.embed(table).unwrap();
    (0..z.n_rows)
        .flat_map(|r| z.row(r)[kept.clone()].iter().map(|v| v.to_bits()).collect::<Vec<_>>())
        .collect()
}

fn again(space: &EmbeddingSpace) -> EmbeddingSpace {
    let read = EmbeddingSpace::from_bytes(&space.to_bytes().unwrap()).unwrap();
    assert_eq!(read.card(), space.card());
    read
}

/// Grafts of one or two columns each, out of the columns `from..to`.
fn grafts(from: usize, to: usize, most: usize) -> impl Strategy<Value = Vec<Range<usize>>> {
    prop::collection::vec(1..=2usize, 1..=most).prop_map(move |sizes| {
        let mut start = from;
        let ranges = sizes.into_iter().map(|n| {
            let range = start..(start + n).min(to);
            start = range.end;
            range
        });
        ranges.filter(|range| !range.is_empty()).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, ..ProptestConfig::default() })]

    #[test]
    fn a_chain_keeps_every_ancestors_bits_and_gives_each_back(
        salt in 0..1000u64, n_rows in 60..140usize, grafts in grafts(0, 8, 5)
    ) {
        let table = table(n_rows, salt);
        let versions = chain(&root(&table, salt), &table, &grafts);
        let last = &versions[grafts.len()];
        for (i, ancestor) in versions.iter().enumerate() {
            let d = ancestor.d_model();
            prop_assert_eq!(bits(last, &table, 0..d), bits(ancestor, &table, 0..d));
            if i == grafts.len() {
                continue;
            }
            let gone = later(grafts[i].start..grafts[grafts.len() - 1].end);
            let back = again(&prune(last, &gone));
            // All but how it came about.
            prop_assert_eq!(back.hashes().differences(ancestor.hashes()), ["recipe"]);
            prop_assert_eq!(back.codecs(), ancestor.codecs());
            prop_assert_eq!(back.columns(), ancestor.columns());
            let entry = back.extension_metadata().unwrap();
            prop_assert_eq!((entry.operation, entry.mode), (Operation::Prune, Mode::Frozen));
            prop_assert_eq!(&entry.columns_removed, &gone);
            prop_assert!(back.excluded().iter().filter(|e| e.exclusion == Exclusion::Pruned).count() == gone.len());
        }
    }

    #[test]
    fn merges_do_not_depend_on_order_and_keep_all_bits(
        salt in 0..1000u64, common in grafts(0, 2, 1), a in grafts(2, 4, 2), b in grafts(4, 6, 2),
        c in grafts(6, 8, 2), order in Just([0usize, 1, 2]).prop_shuffle()
    ) {
        let table = table(90, salt);
        let shared = chain(&root(&table, salt), &table, &common);
        let ancestor = &shared[common.len()];
        let lines: Vec<EmbeddingSpace> =
            [&a, &b, &c].map(|grafts| chain(ancestor, &table, grafts).pop().unwrap()).into();
        let shuffled: Vec<&EmbeddingSpace> = order.iter().map(|i| &lines[*i]).collect();
        let merged = merge(&[&lines[0], &lines[1], &lines[2]]);
        let other = merge(&shuffled);
        prop_assert_eq!(&merged.hashes(), &other.hashes());
        prop_assert_eq!(merged.columns(), other.columns());
        let merged = again(&merged);
        let d = ancestor.d_model();
        prop_assert_eq!(bits(&merged, &table, 0..d), bits(ancestor, &table, 0..d));
        // The extra coordinates are those of the parents, no more and no fewer.
        let extra = |space: &EmbeddingSpace| -> Vec<Vec<u32>> {
            (d..space.d_model()).map(|k| coordinate(space, &table, k)).collect()
        };
        let mut wanted: Vec<Vec<u32>> = lines.iter().flat_map(extra).collect();
        let mut found = extra(&merged);
        wanted.sort();
        found.sort();
        prop_assert_eq!(found, wanted);
        let entry = merged.extension_metadata().unwrap();
        prop_assert_eq!((entry.operation, entry.other_parents.len()), (Operation::Merge, 2));
        for version in lines.iter().chain([ancestor]) {
            prop_assert!(descends_from(merged.extensions(), version.hashes()));
        }
        // Without two of the lines the third is back, up to the order of nothing.
        for (kept, line) in lines.iter().enumerate() {
            let gone: Vec<String> = (0..3)
                .filter(|i| *i != kept)
                .flat_map(|i| [&a, &b, &c][i].iter().cloned().flatten().map(|k| format!("l{k}")))
                .collect();
            let back = prune(&merged, &gone);
            prop_assert_eq!(&back.hashes().weights, &line.hashes().weights);
            prop_assert_eq!(&back.hashes().schema, &line.hashes().schema);
        }
    }

    #[test]
    fn a_pruned_column_counts_as_missing_for_ever(
        salt in 0..1000u64, grafts in grafts(0, 8, 4), place in 0..11usize
    ) {
        let table = table(80, salt);
        let last = chain(&root(&table, salt), &table, &grafts).pop().unwrap();
        let name = last.columns()[place % last.columns().len()].name.clone();
        let is_side_cut = last.columns().len() - 1 == place % last.columns().len()
            && grafts[grafts.len() - 1].len() == 1;
        let options = PruneOptions { n_epochs: Some(0), ..PruneOptions::default() };
        let pruned = again(&last.prune(std::slice::from_ref(&name), None, &options, &mut go_on).unwrap());
        let without = table.without(std::slice::from_ref(&name)).unwrap();
        let (before, after) = (last.embed(&without).unwrap(), pruned.embed(&table).unwrap());
        prop_assert_eq!(before.d_model, after.d_model + if is_side_cut { 8 } else { 0 });
        for r in 0..80 {
            for (a, b) in before.row(r).iter().zip(after.row(r)) {
                prop_assert!((a - b).abs() < 1e-4, "row {}: {} instead of {}", r, b, a);
            }
        }
        prop_assert!(pruned.columns().iter().all(|c| c.name != name));
        prop_assert_eq!(pruned.columns().len(), pruned.codecs().len());
    }
}

#[test]
fn a_merged_space_goes_on_being_grafted_and_merged() {
    let table = table(90, 5);
    let root = root(&table, 5);
    let (a, b) =
        (graft(&root, &table, &later(0..1), Mode::Frozen), graft(&root, &table, &later(1..2), Mode::Frozen));
    let merged = merge(&[&a, &b]);
    let x = graft(&merged, &table, &later(2..4), Mode::Frozen);
    assert_eq!(bits(&x, &table, 0..merged.d_model()), bits(&merged, &table, 0..merged.d_model()));
    // The common graft is merged once, whichever way it came.
    let y = graft(&b, &table, &later(4..5), Mode::Frozen);
    let all = again(&merge(&[&x, &y]));
    assert_eq!(all.d_model(), 16 + 5 * 8 - 8);
    let mut names: Vec<&str> = all.columns().iter().map(|c| c.name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["color", "l0", "l1", "l2", "l3", "l4", "size", "weight"]);
    let trained = graft(&all, &table, &later(5..6), Mode::Joint);
    assert_eq!(again(&trained).d_model(), all.d_model());
}

#[test]
fn lines_that_hold_the_same_grafts_in_another_order_merge() {
    let table = table(90, 6);
    let root = root(&table, 6);
    let (a, b) =
        (graft(&root, &table, &later(0..1), Mode::Frozen), graft(&root, &table, &later(1..2), Mode::Frozen));
    let short = merge(&[&a, &b]);
    let reader = graft(&short, &table, &later(2..3), Mode::Frozen);
    // The line of what stands second there grows, so that it stands first in the merge.
    let [first, second] = if short.columns()[3].name == "l0" { [&a, &b] } else { [&b, &a] };
    let grown = graft(&graft(second, &table, &later(3..4), Mode::Frozen), &table, &later(4..5), Mode::Frozen);
    let long = merge(&[first, &grown]);
    assert_eq!(long.columns()[3].name, second.columns()[3].name);
    let all = again(&merge(&[&reader, &long]));
    assert_eq!(all.hashes(), merge(&[&long, &reader]).hashes());
    assert_eq!(all.d_model(), 16 + 5 * 8);
    let coordinates = |space: &EmbeddingSpace| -> BTreeSet<Vec<u32>> {
        (0..space.d_model()).map(|k| coordinate(space, &table, k)).collect()
    };
    let found = coordinates(&all);
    assert!(coordinates(&reader).union(&coordinates(&long)).eq(&found));
    // What it holds is known again, whatever stands before it.
    let next = graft(&reader, &table, &later(5..6), Mode::Frozen);
    assert_eq!(again(&merge(&[&all, &next])).d_model(), 16 + 6 * 8);
}

#[test]
fn healing_is_measured_and_never_makes_it_worse() {
    let table = table(300, 3);
    let last = chain(&root(&table, 3), &table, &[0..2, 2..3]).pop().unwrap();
    let d_before = 16 + 8;
    // `l1` leaves the first side: the root keeps its bits, what reads the side is healed.
    let options = PruneOptions { n_epochs: Some(4), ..PruneOptions::default() };
    let pruned = last.prune(&later(1..2), Some(&table), &options, &mut go_on).unwrap();
    assert_eq!(bits(&pruned, &table, 0..16), bits(&last, &table, 0..16));
    assert_ne!(bits(&pruned, &table, 16..d_before), bits(&last, &table, 16..d_before));
    let entry = pruned.extension_metadata().unwrap();
    let info = entry.prune.unwrap();
    assert!(
        info.loss_before.is_some() && info.loss_masked.is_some() && info.loss_healed.is_some(),
        "{info:?}"
    );
    let kept = pruned.training_info().final_validation_loss.unwrap();
    assert!(kept <= info.loss_masked.unwrap(), "{kept}, {info:?}");
    assert_eq!(entry.mode, Mode::Joint);
    assert!(entry.drift.unwrap().mean_cosine_distance > 0.0);
    // A root column: everything is healed, and the split goes on by the original cells.
    let pruned = last.prune(&["weight".into()], Some(&table), &options, &mut go_on).unwrap();
    assert_eq!(pruned.hashes().split, last.hashes().split);
    assert_eq!(again(&pruned).columns().len(), last.columns().len() - 1);
    // Exact prunes measure too, and move nothing.
    let cut = last.prune(&later(2..3), Some(&table), &options, &mut go_on).unwrap();
    let entry = cut.extension_metadata().unwrap();
    assert_eq!((entry.drift.unwrap().mean_cosine_distance, entry.training_epochs_used), (0.0, 0));
    assert!(entry.prune.unwrap().loss_masked.is_some() && entry.prune.unwrap().loss_healed.is_none());
}

#[test]
fn a_pruned_column_comes_back_only_by_name() {
    let table = table(120, 8);
    let parent = graft(&root(&table, 8), &table, &later(0..1), Mode::Frozen);
    let wide = table.select(&columns(&later(0..2))).unwrap();
    let options = ExtendOptions { prune: later(0..1), n_epochs: Some(2), ..ExtendOptions::default() };
    let child = parent.extend(&wide, None, &options, &mut go_on).unwrap();
    let operations: Vec<Operation> = child.extensions().iter().map(|e| e.operation).collect();
    assert_eq!(operations, [Operation::Graft, Operation::Prune, Operation::Graft]);
    let names = |s: &EmbeddingSpace| s.columns().iter().map(|c| c.name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&child), columns(&later(1..2)));
    let error = child.extend(&wide, None, &ExtendOptions::default(), &mut go_on).unwrap_err();
    assert!(error.is_no_new_columns() && error.to_string().contains("`l0` (pruned from"), "{error}");
    let back = ExtendOptions { regraft: later(0..1), n_epochs: Some(2), ..ExtendOptions::default() };
    let grown = child.extend(&wide, None, &back, &mut go_on).unwrap();
    assert_eq!(names(&grown), columns(&["l1".to_owned(), "l0".to_owned()]));
    assert!(grown.excluded().is_empty());
    let error = parent.extend(&wide, None, &back, &mut go_on).unwrap_err();
    assert!(error.is_option() && error.to_string().contains("no column was pruned"), "{error}");
}

#[test]
fn what_cannot_be_pruned_is_refused() {
    let table = table(80, 2);
    let space = graft(&root(&table, 2), &table, &later(0..2), Mode::Frozen);
    let refused = |columns: &[&str], what: &str| {
        let columns: Vec<String> = columns.iter().map(|c| (*c).to_owned()).collect();
        let error = space.prune(&columns, None, &PruneOptions::default(), &mut go_on).unwrap_err();
        assert!(error.is_option() && error.to_string().contains(what) && error.hint().is_some(), "{error}");
    };
    refused(&[], "names no column");
    refused(&["wieght"], "`wieght`, which the space does not use");
    refused(&ROOT, "all columns of the root");
    refused(&["l0"], "has to be healed");
}

#[test]
fn conflicts_name_both_sides() {
    let table = table(120, 4);
    let root = root(&table, 4);
    let a = graft(&root, &table, &later(0..1), Mode::Frozen);
    let b = graft(&root, &table, &later(1..2), Mode::Frozen);
    let refused = |spaces: &[&EmbeddingSpace], what: &str| {
        let error = EmbeddingSpace::merge(spaces, None, &MergeOptions::default(), &mut go_on).unwrap_err();
        let text = error.to_string();
        assert!(text.contains(what) && error.hint().is_some(), "{text}");
        assert!(
            spaces.iter().all(|s| text.contains(&format!("`{}`", s.name()))) || spaces.len() < 2,
            "{text}"
        );
    };
    refused(&[&a], "at least 2 are needed");
    refused(&[&a, &a.clone()], "are the same version");
    refused(&[&a, &root], "descends from `root`");
    let other_split = EmbeddingSpace::fit(&table, None, &small("stranger"), &mut go_on).unwrap();
    refused(&[&a, &other_split], "split their rows differently");
    let early = table.select(&columns(&[])).unwrap();
    let stranger = EmbeddingSpace::fit(&early, None, &small("stranger"), &mut go_on).unwrap();
    refused(&[&a, &stranger], "have no common ancestor");
    // The same column, trained twice.
    let options =
        ExtendOptions { n_epochs: Some(2), seed: 9, name: Some("twice".into()), ..Default::default() };
    let twice =
        root.extend(&table.select(&columns(&later(0..1))).unwrap(), None, &options, &mut go_on).unwrap();
    refused(&[&a, &twice], "`l0` was grafted twice");
    // The same name for other values.
    let renamed = table.column("l2").unwrap().clone();
    let other = table.select(&columns(&[])).unwrap().with_column("l0", renamed).unwrap();
    let other = root.extend(&other, None, &ExtendOptions { seed: 1, ..options.clone() }, &mut go_on).unwrap();
    refused(&[&a, &other], "`l0` is fitted on different values");
    // Ignored by one, used by the other.
    let infer = InferOptions { ignore: later(0..1), ..InferOptions::default() };
    let ignoring = ExtendOptions { infer, name: Some("ignoring".into()), ..options };
    let ignoring = root.extend(&table.select(&columns(&later(0..2))).unwrap(), None, &ignoring, &mut go_on);
    refused(&[&a, &ignoring.unwrap()], "is ignored by `ignoring` and used by");
    // Old weights diverged.
    let joint = graft(&root, &table, &later(2..3), Mode::Joint);
    refused(&[&b, &joint], "old weights diverged between");
}

fn small(name: &str) -> FitOptions {
    let mut options = FitOptions { name: name.into(), ..FitOptions::default() };
    options.config.d_model = 16;
    options.config.n_epochs = Some(2);
    options
}

#[test]
fn diverged_versions_are_merged_by_training() {
    let table = table(200, 6);
    let root = root(&table, 6);
    let a = graft(&root, &table, &later(0..2), Mode::Joint);
    let b = graft(&root, &table, &later(2..3), Mode::Anchored);
    let options = MergeOptions { n_epochs: Some(4), ..MergeOptions::default() };
    let merged = EmbeddingSpace::merge(&[&a, &b], Some(&table), &options, &mut go_on).unwrap();
    let other = EmbeddingSpace::merge(&[&b, &a], Some(&table), &options, &mut go_on).unwrap();
    assert_eq!(merged.hashes(), other.hashes());
    assert_eq!((merged.d_model(), merged.columns().len()), (16, 6));
    let entry = again(&merged).extension_metadata().unwrap().clone();
    assert_eq!((entry.operation, entry.mode, entry.other_parents.len()), (Operation::Merge, Mode::Joint, 1));
    assert!(entry.drift.is_some() && entry.training_epochs_used > 0);
    assert_eq!(merged.extensions().len(), 2);
    let narrow = table.select(&columns(&[])).unwrap();
    let error = EmbeddingSpace::merge(&[&a, &b], Some(&narrow), &options, &mut go_on).unwrap_err();
    assert!(error.is_schema() && error.to_string().contains("the table lacks"), "{error}");
}

#[test]
fn a_consolidated_chain_is_a_plain_space_with_its_lineage() {
    let table = table(200, 7);
    let last = chain(&root(&table, 7), &table, &[0..1, 1..3]).pop().unwrap();
    let options = ConsolidateOptions { n_epochs: Some(3), ..ConsolidateOptions::default() };
    let plain = last.consolidate(&table, None, &options, &mut go_on).unwrap();
    assert_eq!(plain.d_model(), 16);
    assert_eq!(plain.columns(), last.columns());
    assert_eq!(plain.hashes().schema, last.hashes().schema);
    assert!(descends_from(plain.extensions(), last.hashes()));
    let same = last.consolidate(&table, None, &options, &mut go_on).unwrap();
    assert_eq!(plain.hashes(), same.hashes());
    let entry = again(&plain).extension_metadata().unwrap().clone();
    assert_eq!((entry.operation, entry.training_epochs_used), (Operation::Consolidate, 3));
    // A new line: it is grafted and pruned as any other space.
    let grown = graft(&plain, &table, &later(3..4), Mode::Frozen);
    assert_eq!(prune(&grown, &later(3..4)).hashes().differences(plain.hashes()), ["recipe"]);
    let wide = ConsolidateOptions { d_model: Some(24), ..options };
    assert_eq!(last.consolidate(&table, None, &wide, &mut go_on).unwrap().d_model(), 24);
    let error = last
        .consolidate(&table, None, &ConsolidateOptions { d_model: Some(12), ..wide }, &mut go_on)
        .unwrap_err();
    assert!(error.is_option() && error.to_string().contains("`d_model` is 12"), "{error}");
}

#[test]
fn columns_rank_by_what_hiding_them_costs() {
    let table = table(600, 11);
    // The target is `l3`, made of `size` and chance.
    let wide = table.select(&columns(&["l3".to_owned(), "l2".to_owned()])).unwrap();
    let mut options = small("v1");
    options.config.n_epochs = Some(20);
    options.infer.ignore = vec!["l3".into()];
    let space = EmbeddingSpace::fit(&wide, None, &options, &mut go_on).unwrap();
    let ranked = space.rank_columns(&wide, Some("l3"), &RankOptions::default(), &mut go_on).unwrap();
    assert_eq!(ranked.columns.len(), 4);
    let drops: Vec<f64> = ranked.columns.iter().map(|c| c.score_drop.unwrap().difference).collect();
    assert!(drops.is_sorted(), "{drops:?}");
    for column in &ranked.columns {
        let drop = column.score_drop.unwrap();
        assert!(drop.low <= drop.difference && drop.difference <= drop.high && drop.n > 50, "{drop:?}");
    }
    let probe = ranked.probe.unwrap();
    assert!(probe.score.value < 1.0, "log-loss of three classes by chance is 1.1: {probe:?}");
    // Four columns tell of each other: hiding any of them costs the others something.
    let ranked = space.rank_columns(&wide, None, &RankOptions::default(), &mut go_on).unwrap();
    let rises: Vec<f64> = ranked.columns.iter().map(|c| c.loss_rise.unwrap()).collect();
    assert!(rises.is_sorted() && rises[3] > 0.01 && ranked.probe.is_none(), "{rises:?}");
    assert!(ranked.columns.iter().all(|c| c.score_drop.is_none()));
    let error = space.rank_columns(&wide, Some("size"), &RankOptions::default(), &mut go_on).unwrap_err();
    assert!(error.is_schema() && error.to_string().contains("uses the target `size`"), "{error}");
    let few = RankOptions { max_rows: 3, ..RankOptions::default() };
    let error = space.rank_columns(&wide, None, &few, &mut go_on).unwrap_err();
    assert!(error.is_option() && error.to_string().contains("`max_rows` is 3"), "{error}");
}

#[test]
fn a_side_that_lost_all_columns_stands_in_everything_that_follows() {
    let table = table(150, 12);
    let last = chain(&root(&table, 12), &table, &[0..1, 1..2]).pop().unwrap();
    let options = PruneOptions { n_epochs: Some(1), ..PruneOptions::default() };
    let pruned = again(&last.prune(&later(0..1), Some(&table), &options, &mut go_on).unwrap());
    assert_eq!((pruned.d_model(), pruned.columns().len()), (last.d_model(), 4));
    for mode in [Mode::Frozen, Mode::Joint, Mode::Anchored] {
        let grown = again(&graft(&pruned, &table, &later(2..3), mode));
        assert_eq!(grown.columns().len(), 5);
        if mode == Mode::Frozen {
            assert_eq!(bits(&grown, &table, 0..32), bits(&pruned, &table, 0..32));
        }
    }
    let fit = PredictorOptions { n_epochs: 1, n_networks: Some(2), ..PredictorOptions::default() };
    let predictor = Predictor::fit(&pruned, &table, "l3", &fit, &mut go_on).unwrap();
    let read = Predictor::from_bytes(&predictor.to_bytes().unwrap()).unwrap();
    assert_eq!(read.predict(&table).unwrap().values, predictor.predict(&table).unwrap().values);
    let ranked = pruned.rank_columns(&table, Some("l3"), &RankOptions::default(), &mut go_on).unwrap();
    assert_eq!(ranked.columns.len(), 4);
    let options = ConsolidateOptions { n_epochs: Some(1), ..ConsolidateOptions::default() };
    assert_eq!(pruned.consolidate(&table, None, &options, &mut go_on).unwrap().d_model(), 16);
    // Once nothing reads it, it goes with its reader.
    assert_eq!(prune(&pruned, &later(1..2)).d_model(), 16);
}
