//! What grafts promise by mode and option, from outside.

#![allow(clippy::unwrap_used)]

use std::ops::ControlFlow;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, StringArray};
use tabgraft_model::train::{Event, StopReason, Watch};
use tabgraft_model::{EmbeddingSpace, ExtendOptions, FitOptions, Mode};
use tabgraft_table::Table;

fn unit(i: usize, salt: u64) -> f64 {
    let mut x = (i as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ salt.wrapping_mul(0xd134_2543_de82_ef95);
    x ^= x >> 29;
    x = x.wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x ^= x >> 32;
    (x >> 11) as f64 / (1u64 << 53) as f64
}

/// `late` tells of `size`; the last column comes after training.
fn table(n_rows: usize) -> Table {
    let size = |i: usize| unit(i, 1) * 100.0;
    let number = |f: &dyn Fn(usize) -> f64| -> ArrayRef {
        Arc::new(Float64Array::from_iter_values((0..n_rows).map(f)))
    };
    let color = |i: usize| ["red", "green", "blue"][(size(i) / 34.0) as usize];
    Table::from_columns([
        ("size", number(&size)),
        ("weight", number(&|i| size(i) * 2.0 + unit(i, 2) * 20.0)),
        ("color", Arc::new(StringArray::from_iter_values((0..n_rows).map(color))) as ArrayRef),
        ("late", number(&|i| size(i).sqrt() + unit(i, 4))),
    ])
    .unwrap()
}

fn go_on(_: &Event) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

fn parent(table: &Table) -> EmbeddingSpace {
    let mut options = FitOptions { name: "v1".into(), ..FitOptions::default() };
    options.config.d_model = 32;
    options.config.n_epochs = Some(4);
    EmbeddingSpace::fit(&table.without(&["late".into()]).unwrap(), None, &options, &mut go_on).unwrap()
}

fn anchored(drift_bound: f64) -> ExtendOptions {
    ExtendOptions {
        mode: Mode::Anchored,
        drift_bound: Some(drift_bound),
        n_epochs: Some(6),
        ..ExtendOptions::default()
    }
}

#[test]
fn an_anchored_graft_holds_any_bound_and_says_how() {
    let table = table(500);
    let parent = parent(&table);
    for bound in [0.5, 0.01, 1e-4, 1e-9] {
        let child = parent.extend(&table, None, &anchored(bound), &mut go_on).unwrap();
        let entry = child.extension_metadata().unwrap();
        let (drift, anchor) = (entry.drift.unwrap(), entry.anchor.unwrap());
        assert_eq!(anchor.drift_bound, bound);
        assert!((0.0..=1.0).contains(&anchor.kept_share), "{anchor:?}");
        assert!(drift.mean_cosine_distance <= bound, "bound {bound}: {drift:?}, {anchor:?}");
        if bound >= 0.01 {
            assert!(drift.mean_cosine_distance > 0.0 && anchor.kept_share == 1.0, "{drift:?}, {anchor:?}");
        }
    }
}

#[test]
fn a_bound_out_of_range_or_of_another_mode_is_refused() {
    let table = table(100);
    let parent = parent(&table);
    for bound in [0.0, -1.0, 2.5, f64::NAN] {
        let error = parent.extend(&table, None, &anchored(bound), &mut go_on).unwrap_err();
        assert!(error.is_option() && error.to_string().contains("allowed is above 0 up to 2"), "{error}");
    }
    for mode in [Mode::Joint, Mode::Frozen] {
        let options = ExtendOptions { mode, ..anchored(0.1) };
        let error = parent.extend(&table, None, &options, &mut go_on).unwrap_err();
        assert!(error.to_string().contains("has no bound") && error.hint().is_some(), "{error}");
    }
}

#[test]
fn the_lineage_says_how_long_each_phase_ran_and_why_it_ended() {
    let table = table(500);
    let parent = parent(&table);
    // Chance alone: nothing is left to learn of it long before the last epoch.
    let chance = Float64Array::from_iter_values((0..500).map(|i| unit(i, 9)));
    let noisy = table.without(&["late".into()]).unwrap().with_column("chance", Arc::new(chance)).unwrap();
    let mut options = ExtendOptions { mode: Mode::Joint, n_epochs: Some(200), ..ExtendOptions::default() };
    let child = parent.extend(&noisy, None, &options, &mut go_on).unwrap();
    let entry = child.extension_metadata().unwrap();
    let [new, all] = &entry.phases[..] else { panic!("{:?}", entry.phases) };
    assert_eq!((new.name.as_str(), new.watched), ("new columns", Watch::NewColumns));
    assert_eq!((all.name.as_str(), all.watched), ("all columns", Watch::AllColumns));
    assert_eq!((new.n_epochs_planned, all.n_epochs_planned), (100, 100));
    assert_eq!(new.n_epochs + all.n_epochs, entry.training_epochs_used);
    assert_eq!(new.stop_reason, StopReason::NoImprovement, "{new:?}");
    for phase in [new, all] {
        let is_early = phase.n_epochs < phase.n_epochs_planned;
        assert_eq!(is_early, phase.stop_reason == StopReason::NoImprovement, "{phase:?}");
    }
    assert_eq!(child.training_info().phases, entry.phases);

    options.auto_epochs = false;
    options.n_epochs = Some(7);
    let child = parent.extend(&table, None, &options, &mut go_on).unwrap();
    let phases = &child.extension_metadata().unwrap().phases;
    assert_eq!(phases.iter().map(|p| p.n_epochs).collect::<Vec<_>>(), [3, 4]);
    assert!(phases.iter().all(|p| p.stop_reason == StopReason::AllEpochs && p.patience.is_none()));
}
