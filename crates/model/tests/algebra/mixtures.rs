//! What frozen grafts, prunes and merges promise in any mixture, on random tables.

use std::collections::BTreeMap;

use proptest::prelude::*;
use tabgraft_model::extend::{MergeOptions, PruneOptions};
use tabgraft_model::space::{Operation, descends_from};
use tabgraft_model::{EmbeddingSpace, Mode, Predictor, PredictorOptions, TrainingOptions};
use tabgraft_table::Table;
use tabgraft_table::codec::Codec;

use super::versions::{ROOT, again, bits, coordinate, graft, later, prune, quiet, root, table};

/// One step from versions that are there; numbers count modulo what there is to choose from.
#[derive(Debug, Clone)]
enum Step {
    /// One or two columns that the version has not.
    Graft {
        from: usize,
        first: usize,
        n_columns: usize,
    },
    /// One grafted column, healed by nothing.
    Prune {
        from: usize,
        place: usize,
    },
    Merge {
        a: usize,
        b: usize,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let number = 0..64usize;
    prop_oneof![
        4 => (number.clone(), number.clone(), 1..=2usize)
            .prop_map(|(from, first, n_columns)| Step::Graft { from, first, n_columns }),
        2 => (number.clone(), number.clone()).prop_map(|(from, place)| Step::Prune { from, place }),
        3 => (number.clone(), number).prop_map(|(a, b)| Step::Merge { a, b }),
    ]
}

/// The child of a step and the versions that it was made from; none if the step is not possible there.
fn take(step: &Step, versions: &[EmbeddingSpace], table: &Table) -> Option<(EmbeddingSpace, Vec<usize>)> {
    let n = versions.len();
    match step {
        Step::Graft { from, first, n_columns } => {
            let parent = &versions[from % n];
            let is_new = |name: &String| {
                parent.columns().iter().all(|c| c.name != *name)
                    && parent.excluded().iter().all(|e| e.name != *name)
            };
            let new: Vec<String> =
                later((0..8).map(|k| (first + k) % 8)).into_iter().filter(is_new).collect();
            let new = &new[..new.len().min(*n_columns)];
            (!new.is_empty()).then(|| (graft(parent, table, new, Mode::Frozen), vec![from % n]))
        }
        Step::Prune { from, place } => {
            let parent = &versions[from % n];
            let grafted: Vec<String> =
                parent.columns()[ROOT.len()..].iter().map(|c| c.name.clone()).collect();
            let name = grafted.get(place % grafted.len().max(1))?.clone();
            let options = PruneOptions { training: TrainingOptions::of_epochs(0), ..PruneOptions::default() };
            Some((parent.prune(&[name], None, &options, &mut quiet).unwrap(), vec![from % n]))
        }
        Step::Merge { a, b } => {
            let (a, b) = (a % n, b % n);
            let pair = |x: usize, y: usize| {
                EmbeddingSpace::merge(
                    &[&versions[x], &versions[y]],
                    None,
                    &MergeOptions::default(),
                    &mut quiet,
                )
            };
            match (pair(a, b), pair(b, a)) {
                (Ok(merged), Ok(other)) => {
                    assert_eq!(merged.hashes(), other.hashes(), "the order of a merge does not matter");
                    assert_eq!(merged.columns(), other.columns());
                    Some((merged, vec![a, b]))
                }
                (Err(one), Err(other)) => {
                    // One version twice, an ancestor and its descendant, a column that was grafted twice.
                    assert!((one.is_option() || one.is_schema()) && one.hint().is_some(), "{one}");
                    assert_eq!(one.is_schema(), other.is_schema(), "{one}; {other}");
                    None
                }
                (one, other) => {
                    unreachable!("one order merges: {:?}, {:?}", one.map(|_| ()), other.map(|_| ()))
                }
            }
        }
    }
}

/// How often each coordinate's bits occur among those behind the root's.
fn extra(space: &EmbeddingSpace, table: &Table, d: usize) -> BTreeMap<Vec<u32>, usize> {
    let mut found = BTreeMap::new();
    for k in d..space.d_model() {
        *found.entry(coordinate(space, table, k)).or_default() += 1;
    }
    found
}

/// A readout that was fitted on the root's coordinates and knows of no others.
fn readout(space: &EmbeddingSpace, table: &Table, d: usize) -> Vec<u64> {
    let z = space.embed(table).unwrap();
    let score = |r: usize| -> f64 {
        z.row(r)[..d].iter().enumerate().map(|(k, v)| f64::from(*v) * (k as f64 + 0.5).sin()).sum()
    };
    (0..z.n_rows).map(|r| score(r).to_bits()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, ..ProptestConfig::default() })]

    #[test]
    fn no_mixture_of_frozen_grafts_prunes_and_merges_moves_a_bit_of_what_it_does_not_touch(
        salt in 0..1000u64, n_rows in 60..120usize, steps in prop::collection::vec(step(), 3..=9)
    ) {
        let table = table(n_rows, salt);
        let first = root(&table, salt);
        let d = first.d_model();
        let original = bits(&first, &table, 0..d);
        let scores = readout(&first, &table, d);
        let options =
            PredictorOptions { n_epochs: 1, n_networks: Some(2), d_hidden: 8, ..PredictorOptions::default() };
        let predictor = Predictor::fit(&first, &table, "l1", &options, &mut quiet).unwrap();
        let narrow = table.select(&ROOT.map(str::to_owned)).unwrap();
        let predicted = predictor.predict(&narrow).unwrap().values;
        let mut versions = vec![first];
        for step in &steps {
            let Some((child, parents)) = take(step, &versions, &table) else { continue };
            let child = again(&child);
            prop_assert_eq!(&bits(&child, &table, 0..d), &original, "{:?} moved the root", step);
            prop_assert_eq!(&readout(&child, &table, d), &scores);
            // What was fitted on the root reads the child's table, and says the same of it.
            let wide: Vec<String> = child.columns().iter().map(|c| c.name.clone()).collect();
            let through = predictor.predict(&table.select(&wide).unwrap()).unwrap().values;
            prop_assert_eq!(&through, &predicted);
            let found = extra(&child, &table, d);
            let entry = child.extension_metadata().unwrap();
            for parent in parents.iter().map(|p| &versions[*p]) {
                prop_assert!(descends_from(child.extensions(), parent.hashes()));
                let old = extra(parent, &table, d);
                match entry.operation {
                    Operation::Graft => {
                        let width = parent.d_model();
                        prop_assert_eq!(bits(&child, &table, 0..width), bits(parent, &table, 0..width));
                    }
                    Operation::Merge => {
                        prop_assert!(old.iter().all(|(bits, n)| found.get(bits) >= Some(n)), "{step:?}");
                    }
                    // Cut off; masked columns leave a side that counts them as missing.
                    Operation::Prune if entry.mode == Mode::Frozen => {
                        prop_assert!(found.iter().all(|(bits, n)| old.get(bits) >= Some(n)), "{step:?}");
                    }
                    Operation::Prune => prop_assert_eq!(parent.d_model(), child.d_model()),
                    Operation::Consolidate | Operation::Refresh => unreachable!("no step does so"),
                }
            }
            if entry.operation == Operation::Merge {
                prop_assert_eq!(entry.other_parents.len(), 1);
                let either: BTreeMap<_, _> =
                    parents.iter().flat_map(|p| extra(&versions[*p], &table, d)).collect();
                prop_assert!(found.keys().all(|bits| either.contains_key(bits)), "a coordinate of neither");
            }
            versions.push(child);
        }
        // Without everything that was grafted each of them is the root again.
        for version in &versions[1..] {
            let grafted: Vec<String> = version.columns()[ROOT.len()..].iter().map(|c| c.name.clone()).collect();
            if grafted.is_empty() {
                prop_assert_eq!(&version.hashes().weights, &versions[0].hashes().weights);
                continue;
            }
            let back = again(&prune(version, &grafted));
            prop_assert_eq!(back.hashes().differences(versions[0].hashes()), ["recipe", "claims"]);
        }
    }
}

#[test]
fn the_random_tables_have_columns_of_every_kind() {
    let table = table(90, 3);
    let space = graft(&root(&table, 3), &table, &later(0..4), Mode::Frozen);
    let is_of =
        |wanted: fn(&Codec) -> bool| space.codecs()[ROOT.len()..].iter().filter(|c| wanted(c)).count();
    assert_eq!(is_of(|c| matches!(c, Codec::Numeric(_))), 1);
    assert_eq!(is_of(|c| matches!(c, Codec::Categorical(_))), 1);
    assert_eq!(is_of(|c| matches!(c, Codec::Timestamp(_))), 1);
    assert_eq!(is_of(|c| matches!(c, Codec::Text(_))), 1);
}
