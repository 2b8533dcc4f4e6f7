//! What prunes promise.

use proptest::prelude::*;
use tabgraft_model::extend::{ConsolidateOptions, PruneOptions, RankColumnsOptions};
use tabgraft_model::space::Operation;
use tabgraft_model::store;
use tabgraft_model::{EmbeddingSpace, ExtendOptions, Mode, Predictor, PredictorOptions, TrainingOptions};
use tabgraft_table::schema::Exclusion;

use super::versions::{
    ROOT, again, bits, chain, columns, graft, grafts, later, prune, quiet, root, small, table,
};

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
            prop_assert_eq!(back.hashes().differences(ancestor.hashes()), ["recipe", "claims"]);
            prop_assert_eq!(back.codecs(), ancestor.codecs());
            prop_assert_eq!(back.columns(), ancestor.columns());
            let entry = back.extension_metadata().unwrap();
            prop_assert_eq!((entry.operation, entry.mode), (Operation::Prune, Mode::Frozen));
            prop_assert_eq!(&entry.columns_removed, &gone);
            prop_assert!(back.excluded().iter().filter(|e| e.exclusion == Exclusion::Pruned).count() == gone.len());
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
        let options = PruneOptions { training: TrainingOptions::of_epochs(0), ..PruneOptions::default() };
        let unread = last.prune(std::slice::from_ref(&name), None, &options, &mut quiet).unwrap();
        let pruned = again(&unread);
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
        // A space that never was a file is pruned as one that was.
        let next = [pruned.columns()[(place + 1) % pruned.columns().len()].name.clone()];
        let twice = unread.prune(&next, None, &options, &mut quiet).unwrap();
        let read_between = pruned.prune(&next, None, &options, &mut quiet).unwrap();
        prop_assert_eq!(twice.hashes(), read_between.hashes());
    }
}

#[test]
fn healing_is_measured_and_never_makes_it_worse() {
    let table = table(300, 3);
    let last = chain(&root(&table, 3), &table, &[0..2, 2..3]).pop().unwrap();
    let d_before = 16 + 8;
    // `l1` leaves the first side: the root keeps its bits, what reads the side is healed.
    let options = PruneOptions { training: TrainingOptions::of_epochs(4), ..PruneOptions::default() };
    let pruned = last.prune(&later(1..2), Some(&table), &options, &mut quiet).unwrap();
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
    let pruned = last.prune(&["weight".into()], Some(&table), &options, &mut quiet).unwrap();
    assert_eq!(pruned.hashes().split, last.hashes().split);
    assert_eq!(again(&pruned).columns().len(), last.columns().len() - 1);
    // Exact prunes measure too, and move nothing.
    let cut = last.prune(&later(2..3), Some(&table), &options, &mut quiet).unwrap();
    let entry = cut.extension_metadata().unwrap();
    assert_eq!((entry.drift.unwrap().mean_cosine_distance, entry.training_epochs_used), (0.0, 0));
    assert!(entry.prune.unwrap().loss_masked.is_some() && entry.prune.unwrap().loss_healed.is_none());
}

#[test]
fn the_entry_of_a_prune_says_how_it_was_healed() {
    let table = table(300, 3);
    let last = chain(&root(&table, 3), &table, &[0..2, 2..3]).pop().unwrap();
    let training = TrainingOptions { batch_size: Some(64), ..TrainingOptions::of_epochs(4) };
    let options = PruneOptions { training, ..PruneOptions::default() };
    let narrow = table.select(&columns(&later(0..2))).unwrap();
    let pruned = last.prune(&later(1..2), Some(&narrow), &options, &mut quiet).unwrap();
    let (entry, info) = (pruned.extension_metadata().unwrap(), pruned.training_info());
    assert_eq!(entry.columns_retired, later(2..3), "the table lacks it, and it stays");
    assert_eq!((entry.batch_size, pruned.batch_size()), (Some(64), 64));
    assert_eq!((entry.phases.len(), &entry.phases), (1, &info.phases));
    assert_eq!((entry.training_epochs_used, entry.seconds), (info.epochs.len(), info.seconds));
    assert!(entry.seconds > 0.0 && entry.data_hash == pruned.hashes().data);
    // It lowered the loss, or else it would have been taken back.
    let losses = entry.prune.unwrap();
    assert!(losses.loss_healed < losses.loss_masked && info.best_epoch > 0, "{losses:?}");
    assert_eq!(info.final_validation_loss, losses.loss_healed);
    // What is cut off leaves nothing to heal.
    let cut = last.prune(&later(2..3), Some(&table), &options, &mut quiet).unwrap();
    let entry = cut.extension_metadata().unwrap();
    assert_eq!((entry.batch_size, entry.phases.len(), entry.columns_retired.len()), (None, 0, 0));
}

/// A first step of Adam moves a weight by the learning rate, whatever its gradient is.
#[test]
fn healing_goes_on_at_half_the_rate_for_an_eighth_of_the_epochs() {
    let table = table(200, 19);
    let mut options = small("root");
    options.config.training.n_epochs = Some(40);
    options.config.training.auto_epochs = false;
    let early = table.select(&columns(&[])).unwrap();
    let parent = EmbeddingSpace::fit(&early, None, &options, &mut quiet).unwrap();
    let pruned = |training: TrainingOptions| {
        let options = PruneOptions { training, ..PruneOptions::default() };
        parent.prune(&["weight".into()], Some(&early), &options, &mut quiet).unwrap()
    };
    let healed = pruned(TrainingOptions::default());
    assert_eq!(healed.training_info().phases[0].n_epochs_planned, 5);
    let weights = |space: &EmbeddingSpace| store::from_bytes(&space.to_bytes().unwrap()).unwrap().0.tensors;
    let one_step = TrainingOptions { batch_size: Some(256), ..TrainingOptions::of_epochs(1) };
    let (before, after) = (weights(&pruned(TrainingOptions::of_epochs(0))), weights(&pruned(one_step)));
    let moves = before.iter().flat_map(|(name, blob)| blob.data.iter().zip(&after[name].data));
    let longest = moves.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    let rate = parent.config().learning_rate / 2.0;
    assert!((longest / rate - 1.0).abs() < 0.05, "{longest} at a rate of {rate}");
}

#[test]
fn a_healing_run_may_have_to_run_all_its_epochs() {
    let table = table(200, 5);
    let parent = root(&table, 5);
    let patience = |auto_epochs: bool| {
        let training = TrainingOptions { auto_epochs, seed: 9, ..TrainingOptions::of_epochs(5) };
        let options = PruneOptions { training, ..PruneOptions::default() };
        let pruned = parent.prune(&["weight".into()], Some(&table), &options, &mut quiet).unwrap();
        let entry = pruned.extension_metadata().unwrap();
        assert_eq!(entry.seed, 9);
        assert_eq!(entry.parent_validation_loss, entry.prune.unwrap().loss_before);
        let phase = pruned.training_info().phases[0].clone();
        (phase.patience, phase.n_epochs)
    };
    assert_eq!(patience(false), (None, 5));
    assert_eq!(patience(true).0, Some(3));
}

#[test]
fn a_pruned_column_comes_back_only_by_name() {
    let table = table(120, 8);
    let parent = graft(&root(&table, 8), &table, &later(0..1), Mode::Frozen);
    let wide = table.select(&columns(&later(0..2))).unwrap();
    let options = ExtendOptions {
        prune: later(0..1),
        training: TrainingOptions::of_epochs(2),
        ..ExtendOptions::default()
    };
    let child = parent.extend(&wide, None, &options, &mut quiet).unwrap();
    let operations: Vec<Operation> = child.extensions().iter().map(|e| e.operation).collect();
    assert_eq!(operations, [Operation::Graft, Operation::Prune, Operation::Graft]);
    let names = |s: &EmbeddingSpace| s.columns().iter().map(|c| c.name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&child), columns(&later(1..2)));
    let error = child.extend(&wide, None, &ExtendOptions::default(), &mut quiet).unwrap_err();
    assert!(error.is_no_new_columns() && error.to_string().contains("`l0` (pruned from"), "{error}");
    let back = ExtendOptions {
        regraft: later(0..1),
        training: TrainingOptions::of_epochs(2),
        ..ExtendOptions::default()
    };
    let grown = child.extend(&wide, None, &back, &mut quiet).unwrap();
    assert_eq!(names(&grown), columns(&["l1".to_owned(), "l0".to_owned()]));
    assert!(grown.excluded().is_empty());
    let error = parent.extend(&wide, None, &back, &mut quiet).unwrap_err();
    assert!(error.is_option() && error.to_string().contains("no column was pruned"), "{error}");
}

#[test]
fn what_cannot_be_pruned_is_refused() {
    let table = table(80, 2);
    let space = graft(&root(&table, 2), &table, &later(0..2), Mode::Frozen);
    let refused = |columns: &[&str], what: &str| {
        let columns: Vec<String> = columns.iter().map(|c| (*c).to_owned()).collect();
        let error = space.prune(&columns, None, &PruneOptions::default(), &mut quiet).unwrap_err();
        assert!(error.is_option() && error.to_string().contains(what) && error.hint().is_some(), "{error}");
    };
    refused(&[], "names no column");
    refused(&["wieght"], "`wieght`, which the space does not use");
    refused(&ROOT, "all columns of the root");
    refused(&["l0"], "has to be healed");
    // Options are looked at where nothing is trained, too.
    let training = TrainingOptions { batch_size: Some(0), ..TrainingOptions::default() };
    let options = PruneOptions { training, ..PruneOptions::default() };
    let error = space.prune(&later(0..2), None, &options, &mut quiet).unwrap_err();
    assert!(error.is_option() && error.to_string().contains("`batch_size` is 0"), "{error}");
}

#[test]
fn a_side_that_lost_all_columns_stands_in_everything_that_follows() {
    let table = table(150, 12);
    let last = chain(&root(&table, 12), &table, &[0..1, 1..2]).pop().unwrap();
    let options = PruneOptions { training: TrainingOptions::of_epochs(1), ..PruneOptions::default() };
    let pruned = again(&last.prune(&later(0..1), Some(&table), &options, &mut quiet).unwrap());
    assert_eq!((pruned.d_model(), pruned.columns().len()), (last.d_model(), 4));
    for mode in [Mode::Frozen, Mode::Joint, Mode::Anchored] {
        let grown = again(&graft(&pruned, &table, &later(2..3), mode));
        assert_eq!(grown.columns().len(), 5);
        if mode == Mode::Frozen {
            assert_eq!(bits(&grown, &table, 0..32), bits(&pruned, &table, 0..32));
        }
    }
    let fit = PredictorOptions { n_epochs: 1, n_networks: Some(2), ..PredictorOptions::default() };
    let predictor = Predictor::fit(&pruned, &table, "l5", &fit, &mut quiet).unwrap();
    let read = Predictor::from_bytes(&predictor.to_bytes().unwrap()).unwrap();
    assert_eq!(read.predict(&table).unwrap().values, predictor.predict(&table).unwrap().values);
    let ranked = pruned.rank_columns(&table, Some("l5"), &RankColumnsOptions::default(), &mut quiet).unwrap();
    assert_eq!(ranked.columns.len(), 4);
    let options =
        ConsolidateOptions { training: TrainingOptions::of_epochs(1), ..ConsolidateOptions::default() };
    assert_eq!(pruned.consolidate(&table, None, &options, &mut quiet).unwrap().d_model(), 16);
    // Once nothing reads it, it goes with its reader.
    assert_eq!(prune(&pruned, &later(1..2)).d_model(), 16);
}
