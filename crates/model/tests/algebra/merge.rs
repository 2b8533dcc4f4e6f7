//! What merges promise.

use std::collections::BTreeSet;

use proptest::prelude::*;
use tabgraft_model::extend::MergeOptions;
use tabgraft_model::space::{Operation, descends_from};
use tabgraft_model::store;
use tabgraft_model::train::Event;
use tabgraft_model::{EmbeddingSpace, ExtendOptions, Mode, TrainingOptions};
use tabgraft_table::Table;
use tabgraft_table::schema::InferOptions;

use super::versions::{
    again, bits, chain, columns, coordinate, graft, grafts, later, merge, prune, quiet, root, small, table,
};

fn coordinates(space: &EmbeddingSpace, table: &Table) -> BTreeSet<Vec<u32>> {
    (0..space.d_model()).map(|k| coordinate(space, table, k)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, ..ProptestConfig::default() })]

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
    let found = coordinates(&all, &table);
    assert!(coordinates(&reader, &table).union(&coordinates(&long, &table)).eq(&found));
    // What it holds is known again, whatever stands before it.
    let next = graft(&reader, &table, &later(5..6), Mode::Frozen);
    assert_eq!(again(&merge(&[&all, &next])).d_model(), 16 + 6 * 8);
}

/// What one line adds behind a graft that all have may read what the other line holds at another place.
#[test]
fn a_graft_reads_the_same_sides_wherever_the_merge_put_them() {
    let table = table(90, 7);
    let shared = graft(&root(&table, 7), &table, &later(0..1), Mode::Frozen);
    let [a, b, c] = [1, 2, 3].map(|k| graft(&shared, &table, &later(k..k + 1), Mode::Frozen));
    let pair = merge(&[&b, &c]);
    let second = if pair.columns()[5].name == "l2" { &b } else { &c };
    let reader = graft(&merge(&[&a, second]), &table, &later(4..5), Mode::Frozen);
    // The longest line stands first in a merge, so that the other's sides get new places.
    let longest =
        graft(&graft(&pair, &table, &later(5..6), Mode::Frozen), &table, &later(6..7), Mode::Frozen);
    let all = again(&merge(&[&reader, &longest]));
    assert_eq!(all.d_model(), 16 + 7 * 8);
    let found = coordinates(&all, &table);
    assert!(coordinates(&reader, &table).union(&coordinates(&longest, &table)).eq(&found));
}

#[test]
fn conflicts_name_both_sides() {
    let table = table(120, 4);
    let root = root(&table, 4);
    let a = graft(&root, &table, &later(0..1), Mode::Frozen);
    let b = graft(&root, &table, &later(1..2), Mode::Frozen);
    let refused = |spaces: &[&EmbeddingSpace], what: &str| {
        let error = EmbeddingSpace::merge(spaces, None, &MergeOptions::default(), &mut quiet).unwrap_err();
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
    let other_split = EmbeddingSpace::fit(&table, None, &small("stranger"), &mut quiet).unwrap();
    refused(&[&a, &other_split], "split their rows differently");
    let early = table.select(&columns(&[])).unwrap();
    let stranger = EmbeddingSpace::fit(&early, None, &small("stranger"), &mut quiet).unwrap();
    refused(&[&a, &stranger], "have no common ancestor");
    // The same column, trained twice.
    let options = ExtendOptions {
        training: TrainingOptions { n_epochs: Some(2), seed: 9, ..TrainingOptions::default() },
        name: Some("twice".into()),
        ..Default::default()
    };
    let twice =
        root.extend(&table.select(&columns(&later(0..1))).unwrap(), None, &options, &mut quiet).unwrap();
    refused(&[&a, &twice], "`l0` was grafted twice");
    // The same name for other values.
    let renamed = table.column("l4").unwrap().clone();
    let other = table.select(&columns(&[])).unwrap().with_column("l0", renamed).unwrap();
    let other = root
        .extend(
            &other,
            None,
            &ExtendOptions { training: TrainingOptions { seed: 1, ..options.training }, ..options.clone() },
            &mut quiet,
        )
        .unwrap();
    refused(&[&a, &other], "`l0` is fitted on different values");
    // Ignored by one, used by the other.
    let infer = InferOptions { ignore: later(0..1), ..InferOptions::default() };
    let ignoring = ExtendOptions { infer, name: Some("ignoring".into()), ..options };
    let ignoring = root.extend(&table.select(&columns(&later(0..2))).unwrap(), None, &ignoring, &mut quiet);
    refused(&[&a, &ignoring.unwrap()], "is ignored by `ignoring` and used by");
    // Old weights diverged.
    let joint = graft(&root, &table, &later(2..3), Mode::Joint);
    refused(&[&b, &joint], "old weights diverged between");
}

#[test]
fn diverged_versions_are_merged_by_training() {
    let table = table(200, 6);
    let root = root(&table, 6);
    let a = graft(&root, &table, &later(0..2), Mode::Joint);
    let b = graft(&root, &table, &later(2..3), Mode::Anchored);
    let training = TrainingOptions { seed: 3, batch_size: Some(32), ..TrainingOptions::of_epochs(4) };
    let options = MergeOptions { training, ..MergeOptions::default() };
    let merged = EmbeddingSpace::merge(&[&a, &b], Some(&table), &options, &mut quiet).unwrap();
    let other = EmbeddingSpace::merge(&[&b, &a], Some(&table), &options, &mut quiet).unwrap();
    assert_eq!(merged.hashes(), other.hashes());
    assert_eq!((merged.d_model(), merged.columns().len()), (16, 6));
    let entry = again(&merged).extension_metadata().unwrap().clone();
    assert_eq!((entry.operation, entry.mode, entry.other_parents.len()), (Operation::Merge, Mode::Joint, 1));
    assert!(entry.drift.is_some() && entry.training_epochs_used > 0);
    assert_eq!((entry.seed, entry.batch_size), (3, Some(merged.batch_size())));
    assert_eq!(merged.extensions().len(), 2);
    let narrow = table.select(&columns(&[])).unwrap();
    let error = EmbeddingSpace::merge(&[&a, &b], Some(&narrow), &options, &mut quiet).unwrap_err();
    assert!(error.is_schema() && error.to_string().contains("the table lacks"), "{error}");
}

#[test]
fn a_merge_leaves_out_what_any_of_its_parents_left_out() {
    let table = table(90, 16);
    let root = root(&table, 16);
    // Each grafts a column, and leaves out one of its own and one that both leave out.
    let [a, b] = [(0, 2), (1, 3)].map(|(new, ignored)| {
        let ignore = later([ignored, 4]);
        let table = table.select(&columns(&later([new, ignored, 4]))).unwrap();
        let options = ExtendOptions {
            infer: InferOptions { ignore, ..InferOptions::default() },
            training: TrainingOptions::of_epochs(1),
            mode: Mode::Frozen,
            name: Some(format!("l{new}")),
            ..ExtendOptions::default()
        };
        root.extend(&table, None, &options, &mut quiet).unwrap()
    });
    let b = graft(&b, &table, &later(5..6), Mode::Frozen);
    for parents in [[&a, &b], [&b, &a]] {
        let merged = merge(&parents);
        let mut left_out: Vec<&str> = merged.excluded().iter().map(|column| &*column.name).collect();
        left_out.sort_unstable();
        assert_eq!(left_out, later(2..5));
        let entry = merged.extension_metadata().unwrap();
        let first = parents.iter().find(|parent| parent.name() == entry.extended_from_es_name).unwrap();
        assert_eq!(entry.d_side, merged.d_model() - first.d_model());
        assert_eq!(entry.data_hash, merged.hashes().data);
        // All were trained on the rows of one table, so that the merge is.
        assert_eq!(merged.hashes().data, a.hashes().data);
        let losses = first.training_info().final_column_losses.values();
        let mean = losses.clone().sum::<f64>() / losses.len() as f64;
        assert!((entry.parent_validation_loss.unwrap() - mean).abs() < 1e-12, "{entry:?}");
        // The line of the other one, since their common ancestor.
        let [other] = &entry.other_parents[..] else { panic!("{:?}", entry.other_parents) };
        let from = parents.iter().find(|parent| parent.name() == other.name).unwrap();
        assert_eq!(other.line.len(), from.extensions().len());
    }
}

#[test]
fn a_merge_says_that_a_pruned_column_comes_back() {
    let table = table(90, 15);
    let shared = graft(&root(&table, 15), &table, &later(0..1), Mode::Frozen);
    // The longer line stands first in the merge; who has the column is the other one.
    let a = chain(&prune(&shared, &later(0..1)), &table, &[1..2, 3..4, 4..5]).pop().unwrap();
    let b = graft(&shared, &table, &later(2..3), Mode::Frozen);
    let mut notes = Vec::new();
    let merged = EmbeddingSpace::merge(&[&a, &b], None, &MergeOptions::default(), &mut |event| {
        if let Event::Note { text } = event {
            notes.push(text.clone());
        }
        quiet(event)
    })
    .unwrap();
    assert!(merged.columns().iter().any(|c| c.name == "l0") && merged.excluded().is_empty());
    let [note] = &notes[..] else { panic!("{notes:?}") };
    let [pruned, holder] = [format!("pruned from `{}`", a.name()), format!("`{}` has it", b.name())];
    assert!(note.contains("`l0`") && note.contains(&pruned) && note.contains(&holder), "{note}");
}

#[test]
fn a_merge_keeps_the_lines_since_the_common_ancestor_and_counts_its_weights() {
    let table = table(90, 17);
    let shared = graft(&root(&table, 17), &table, &later(0..1), Mode::Frozen);
    let long = chain(&shared, &table, &[1..2, 2..3, 3..4]).pop().unwrap();
    let short = chain(&shared, &table, &[4..5, 5..6]).pop().unwrap();
    let merged = merge(&[&short, &long]);
    let [other] = &merged.extension_metadata().unwrap().other_parents[..] else { panic!("two parents") };
    assert_eq!(other.name, short.name());
    assert_eq!(other.line, short.extensions()[1..], "what came before the ancestor is in the first line");
    for space in [&shared, &merged, &prune(&merged, &later(1..4))] {
        let tensors = store::from_bytes(&space.to_bytes().unwrap()).unwrap().0.tensors;
        let n_stored: usize = tensors.values().map(|blob| blob.data.len()).sum();
        assert_eq!(space.training_info().n_weights, n_stored, "{}", space.name());
    }
}

#[test]
fn a_trained_merge_holds_its_bound_and_any_merge_looks_at_its_options() {
    let table = table(200, 18);
    let root = root(&table, 18);
    let a = graft(&root, &table, &later(0..2), Mode::Joint);
    let b = graft(&root, &table, &later(2..3), Mode::Anchored);
    let options = MergeOptions {
        mode: Mode::Anchored,
        drift_bound: Some(0.003),
        training: TrainingOptions::of_epochs(2),
        ..MergeOptions::default()
    };
    let merged = EmbeddingSpace::merge(&[&a, &b], Some(&table), &options, &mut quiet).unwrap();
    let entry = merged.extension_metadata().unwrap();
    assert_eq!(entry.anchor.unwrap().drift_bound, 0.003);
    assert!(entry.drift.unwrap().mean_cosine_distance <= 0.003, "{:?}", entry.drift);
    // Where nothing is trained, too.
    let c = graft(&root, &table, &later(3..4), Mode::Frozen);
    let d = graft(&root, &table, &later(4..5), Mode::Frozen);
    let training = TrainingOptions { batch_size: Some(0), ..TrainingOptions::default() };
    let options = MergeOptions { training, ..MergeOptions::default() };
    let error = EmbeddingSpace::merge(&[&c, &d], None, &options, &mut quiet).unwrap_err();
    assert!(error.is_option() && error.to_string().contains("`batch_size` is 0"), "{error}");
}
