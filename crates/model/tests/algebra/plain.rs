//! What consolidating, ranking and limits of memory promise.

use tabgraft_model::extend::{ConsolidateOptions, MergeOptions, PruneOptions, RankColumnsOptions};
use tabgraft_model::space::{Operation, descends_from};
use tabgraft_model::{EmbeddingSpace, ExtendOptions, Mode, TrainingOptions};

use super::versions::{again, chain, columns, graft, later, prune, quiet, root, small, table};

#[test]
fn a_consolidated_chain_is_a_plain_space_with_its_lineage() {
    let table = table(200, 7);
    let last = chain(&root(&table, 7), &table, &[0..1, 1..3]).pop().unwrap();
    let options =
        ConsolidateOptions { training: TrainingOptions::of_epochs(3), ..ConsolidateOptions::default() };
    let plain = last.consolidate(&table, None, &options, &mut quiet).unwrap();
    assert_eq!(plain.d_model(), 16);
    assert_eq!(plain.columns(), last.columns());
    assert_eq!(plain.hashes().schema, last.hashes().schema);
    assert!(descends_from(plain.extensions(), last.hashes()));
    let same = last.consolidate(&table, None, &options, &mut quiet).unwrap();
    assert_eq!(plain.hashes(), same.hashes());
    let entry = again(&plain).extension_metadata().unwrap().clone();
    assert_eq!((entry.operation, entry.training_epochs_used), (Operation::Consolidate, 3));
    // A new line: it is grafted and pruned as any other space.
    let grown = graft(&plain, &table, &later(3..4), Mode::Frozen);
    assert_eq!(prune(&grown, &later(3..4)).hashes().differences(plain.hashes()), ["recipe", "claims"]);
    let wide = ConsolidateOptions { d_model: Some(24), ..options };
    assert_eq!(last.consolidate(&table, None, &wide, &mut quiet).unwrap().d_model(), 24);
    let error = last
        .consolidate(&table, None, &ConsolidateOptions { d_model: Some(12), ..wide }, &mut quiet)
        .unwrap_err();
    assert!(error.is_option() && error.to_string().contains("`d_model` is 12"), "{error}");
}

#[test]
fn columns_rank_by_what_hiding_them_costs() {
    let table = table(600, 11);
    // The target is `l1`, made of `size` and chance.
    let wide = table.select(&columns(&later(0..2))).unwrap();
    let mut options = small("v1");
    options.config.training.n_epochs = Some(20);
    options.infer.ignore = vec!["l1".into()];
    let space = EmbeddingSpace::fit(&wide, None, &options, &mut quiet).unwrap();
    let ranked = space.rank_columns(&wide, Some("l1"), &RankColumnsOptions::default(), &mut quiet).unwrap();
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
    let ranked = space.rank_columns(&wide, None, &RankColumnsOptions::default(), &mut quiet).unwrap();
    let rises: Vec<f64> = ranked.columns.iter().map(|c| c.loss_rise.unwrap()).collect();
    assert!(rises.is_sorted() && rises[3] > 0.01 && ranked.probe.is_none(), "{rises:?}");
    assert!(ranked.columns.iter().all(|c| c.score_drop.is_none()));
    let error =
        space.rank_columns(&wide, Some("size"), &RankColumnsOptions::default(), &mut quiet).unwrap_err();
    assert!(error.is_schema() && error.to_string().contains("uses the target `size`"), "{error}");
    let few = RankColumnsOptions { max_rows: 3, ..RankColumnsOptions::default() };
    let error = space.rank_columns(&wide, None, &few, &mut quiet).unwrap_err();
    assert!(error.is_option() && error.to_string().contains("`max_rows` is 3"), "{error}");
}

#[test]
fn a_limit_of_memory_holds_for_every_training() {
    let table = table(200, 14);
    let root = root(&table, 14);
    let last = chain(&root, &table, &[0..2, 2..3]).pop().unwrap();
    let [a, b] = [3, 4].map(|k| graft(&root, &table, &later(k..k + 1), Mode::Joint));
    let try_with = |memory_limit: Option<u64>| {
        let prune = PruneOptions {
            training: TrainingOptions { n_epochs: Some(1), memory_limit, ..TrainingOptions::default() },
            ..PruneOptions::default()
        };
        let merge = MergeOptions {
            training: TrainingOptions { n_epochs: Some(1), memory_limit, ..TrainingOptions::default() },
            ..MergeOptions::default()
        };
        let plain = ConsolidateOptions {
            training: TrainingOptions { n_epochs: Some(1), memory_limit, ..TrainingOptions::default() },
            ..ConsolidateOptions::default()
        };
        let extend = ExtendOptions {
            prune: later(0..1),
            training: TrainingOptions { n_epochs: Some(1), memory_limit, ..TrainingOptions::default() },
            ..Default::default()
        };
        [
            last.prune(&later(0..1), Some(&table), &prune, &mut quiet),
            EmbeddingSpace::merge(&[&a, &b], Some(&table), &merge, &mut quiet),
            last.consolidate(&table, None, &plain, &mut quiet),
            last.extend(&table, None, &extend, &mut quiet),
        ]
    };
    for child in try_with(Some(1 << 40)) {
        let child = child.unwrap();
        assert_eq!(child.extension_metadata().unwrap().batch_size, Some(child.batch_size()));
    }
    for refused in try_with(Some(1)) {
        let refused = refused.unwrap_err();
        assert!(refused.is_option() && refused.to_string().contains("a batch of 16 rows"), "{refused}");
    }
    for refused in try_with(Some(0)) {
        assert!(refused.unwrap_err().to_string().contains("`memory_limit` is 0 bytes"));
    }
    // What trains nothing needs no step.
    let cut = PruneOptions {
        training: TrainingOptions { memory_limit: Some(1), ..TrainingOptions::default() },
        ..PruneOptions::default()
    };
    let cut = last.prune(&later(2..3), Some(&table), &cut, &mut quiet).unwrap();
    assert_eq!(cut.extension_metadata().unwrap().batch_size, None);
}
