//! What grafts promise by mode and option, from outside.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, StringArray};
use tabgraft_model::store::{Blob, load};
use tabgraft_model::train::{Event, StopReason, Watch, quiet};
use tabgraft_model::{EmbeddingSpace, ExtendOptions, FitOptions, Freeze, Mode, Schedule, TrainingOptions};
use tabgraft_table::Table;
use tabgraft_table::schema::Kind;

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

fn parent(table: &Table) -> EmbeddingSpace {
    let mut options = FitOptions { name: "v1".into(), ..FitOptions::default() };
    options.config.d_model = 32;
    options.config.training.n_epochs = Some(4);
    EmbeddingSpace::fit(&table.without(&["late".into()]).unwrap(), None, &options, &mut quiet).unwrap()
}

fn anchored(drift_bound: f64) -> ExtendOptions {
    ExtendOptions {
        mode: Mode::Anchored,
        drift_bound: Some(drift_bound),
        training: TrainingOptions::of_epochs(6),
        ..ExtendOptions::default()
    }
}

#[test]
fn an_anchored_graft_holds_any_bound_and_says_how() {
    let table = table(500);
    let parent = parent(&table);
    for bound in [0.5, 0.01, 1e-4, 1e-9] {
        let child = parent.extend(&table, None, &anchored(bound), &mut quiet).unwrap();
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
        let error = parent.extend(&table, None, &anchored(bound), &mut quiet).unwrap_err();
        assert!(error.is_option() && error.to_string().contains("allowed is above 0 up to 2"), "{error}");
    }
    for mode in [Mode::Joint, Mode::Frozen] {
        let options = ExtendOptions { mode, ..anchored(0.1) };
        let error = parent.extend(&table, None, &options, &mut quiet).unwrap_err();
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
    let mut options = ExtendOptions {
        mode: Mode::Joint,
        training: TrainingOptions::of_epochs(200),
        ..ExtendOptions::default()
    };
    let child = parent.extend(&noisy, None, &options, &mut quiet).unwrap();
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

    options.training.auto_epochs = false;
    options.training.n_epochs = Some(7);
    let child = parent.extend(&table, None, &options, &mut quiet).unwrap();
    let phases = &child.extension_metadata().unwrap().phases;
    assert_eq!(phases.iter().map(|p| p.n_epochs).collect::<Vec<_>>(), [3, 4]);
    assert!(phases.iter().all(|p| p.stop_reason == StopReason::AllEpochs && p.patience.is_none()));
}

fn tensors(space: &EmbeddingSpace) -> BTreeMap<String, Blob> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("space.tabgraft");
    space.save(&path).unwrap();
    load(&path).unwrap().0.tensors
}

fn joint(freeze: Freeze) -> ExtendOptions {
    ExtendOptions {
        mode: Mode::Joint,
        freeze,
        training: TrainingOptions { n_epochs: Some(6), auto_epochs: false, ..TrainingOptions::default() },
        ..Default::default()
    }
}

#[test]
fn what_is_frozen_keeps_its_bits_and_the_rest_moves() {
    let table = table(300);
    let parent = parent(&table);
    let before = tensors(&parent);
    let part_of = |name: &str| match name.split('.').next() {
        Some("groups") => "tokens",
        Some("heads") => "heads",
        _ => "trunk",
    };
    for schedule in [Schedule::AtOnce, Schedule::ByEpoch, Schedule::WhenFlat] {
        for frozen in [&[][..], &["tokens"], &["trunk"], &["heads"], &["tokens", "trunk", "heads"]] {
            let freeze = Freeze {
                tokens: frozen.contains(&"tokens"),
                trunk: frozen.contains(&"trunk"),
                heads: frozen.contains(&"heads"),
                schedule,
                ..Freeze::default()
            };
            let child = parent.extend(&table, None, &joint(freeze.clone()), &mut quiet).unwrap();
            assert_eq!(child.extension_metadata().unwrap().freeze, freeze);
            let after = tensors(&child);
            // A table without rows has one of padding, which never moves.
            let used = before.iter().filter(|(name, _)| !name.ends_with("tables.bag"));
            for (name, old) in used {
                let is_frozen = frozen.contains(&part_of(name));
                assert_eq!(*old == after[name], is_frozen, "{name}, frozen {frozen:?}, {schedule:?}");
            }
        }
    }
}

#[test]
fn a_frozen_column_keeps_its_tokens_while_its_neighbours_move() {
    let table = table(300);
    let parent = parent(&table);
    let before = tensors(&parent);
    let freeze = Freeze { columns: vec!["weight".into()], ..Freeze::default() };
    let after = tensors(&parent.extend(&table, None, &joint(freeze), &mut quiet).unwrap());
    // Columns in order: `size`, `weight`, `color`, one part each, 16 rows of the mix.
    let row = |blobs: &BTreeMap<String, Blob>, name: &str, r: usize| {
        let d = blobs[name].shape[1];
        blobs[name].data[r * d..(r + 1) * d].to_vec()
    };
    for r in 0..48 {
        let is_same = row(&before, "groups.0.mix", r) == row(&after, "groups.0.mix", r);
        assert_eq!(is_same, (16..32).contains(&r), "row {r} of the mix");
    }
    for r in 0..6 {
        let name = "groups.0.tables.special";
        assert!(row(&before, name, r) == row(&after, name, r) || !(2..4).contains(&r), "special row {r}");
    }
    let name = "groups.0.tables.piecewise";
    let n_same =
        (0..before[name].shape[0]).filter(|r| row(&before, name, *r) == row(&after, name, *r)).count();
    assert_eq!(2 * n_same, before[name].shape[0], "half of the bins are those of `weight`");
    assert_ne!(before["groups.0.tables.code"], after["groups.0.tables.code"]);
}

#[test]
fn gradual_thawing_has_three_phases() {
    let table = table(300);
    let freeze = Freeze { schedule: Schedule::ByEpoch, ..Freeze::default() };
    let child = parent(&table).extend(&table, None, &joint(freeze), &mut quiet).unwrap();
    let phases: Vec<_> =
        child.extension_metadata().unwrap().phases.iter().map(|p| (p.name.clone(), p.n_epochs)).collect();
    let wanted = [("new columns", 2), ("trunk", 2), ("all columns", 2)];
    assert_eq!(phases, wanted.map(|(name, n)| (name.to_owned(), n)));
}

#[test]
fn freezing_what_is_not_there_is_refused() {
    let table = table(100);
    let parent = parent(&table);
    let unknown = joint(Freeze { columns: vec!["wieght".into()], ..Freeze::default() });
    let error = parent.extend(&table, None, &unknown, &mut quiet).unwrap_err();
    assert!(error.is_option() && error.to_string().contains("`wieght`, the parent has `size`"), "{error}");
    let frozen = ExtendOptions { mode: Mode::Frozen, ..joint(Freeze { trunk: true, ..Freeze::default() }) };
    let error = parent.extend(&table, None, &frozen, &mut quiet).unwrap_err();
    assert!(error.is_option() && error.hint().is_some(), "{error}");
}

#[test]
fn what_is_said_of_an_old_column_must_be_what_it_is() {
    let table = table(80);
    let parent = parent(&table);
    let graft = |kinds: &[(&str, Kind)], ignore: &[&str]| {
        let mut options =
            ExtendOptions { training: TrainingOptions::of_epochs(1), ..ExtendOptions::default() };
        options.infer.kinds = kinds.iter().map(|(name, kind)| ((*name).to_owned(), *kind)).collect();
        options.infer.ignore = ignore.iter().map(|name| (*name).to_owned()).collect();
        parent.extend(&table, None, &options, &mut quiet)
    };
    let child = graft(&[("color", Kind::Categorical), ("size", Kind::Numeric), ("late", Kind::Numeric)], &[]);
    assert_eq!(child.unwrap().extension_metadata().unwrap().new_columns_added, ["late"]);
    let error = graft(&[("size", Kind::Categorical)], &[]).unwrap_err();
    assert!(error.is_schema(), "{error}");
    assert_eq!(error.to_string(), "option `kinds` says `categorical` of column `size`, which is numeric");
    let error = graft(&[], &["size"]).unwrap_err();
    assert!(error.to_string().contains("option `ignore` names column `size`, which `v1` uses"), "{error}");

    let mut options = ExtendOptions::default();
    options.infer.date_formats.insert("color".into(), "%Y".into());
    let error = parent.extend(&table, None, &options, &mut quiet).unwrap_err();
    assert_eq!(error.to_string(), "option `date_formats` says `%Y` of column `color`, which is categorical");
}

#[test]
fn new_columns_that_repeat_others_are_told_and_those_without_content_are_left_out() {
    let table = table(80);
    let column = |cell: &dyn Fn(usize) -> Option<String>| -> ArrayRef {
        Arc::new((0..80).map(cell).collect::<StringArray>())
    };
    let answer = |r: usize| ["0", "1"][usize::from(unit(r, 9) > 0.5)];
    let more = Table::from_columns([
        ("size", table.column("size").unwrap().clone()),
        ("weight", table.column("weight").unwrap().clone()),
        ("color", table.column("color").unwrap().clone()),
        ("target", column(&|r| Some(answer(r).to_owned()))),
        ("score", column(&|r| Some(format!("{:.3}", unit(r, 11))))),
        ("said_again", column(&|r| Some(if answer(r) == "0" { "good" } else { "bad" }.to_owned()))),
        ("size_again", table.column("size").unwrap().clone()),
        ("empty", column(&|_| None)),
        ("same", column(&|_| Some("7".to_owned()))),
    ])
    .unwrap();
    let mut options = FitOptions { name: "v1".into(), ..FitOptions::default() };
    (options.config.d_model, options.config.training.n_epochs) = (16, Some(1));
    options.infer.ignore = vec!["target".into()];
    let first = more.select(&["size", "weight", "color", "target"].map(str::to_owned)).unwrap();
    let parent = EmbeddingSpace::fit(&first, None, &options, &mut quiet).unwrap();
    let told = |table: &Table| {
        let mut told = Vec::new();
        let options = ExtendOptions { training: TrainingOptions::of_epochs(1), ..ExtendOptions::default() };
        let child = parent.extend(table, None, &options, &mut |event| {
            if let Event::Note { text } | Event::Warning { text } = event
                && text.contains("column")
            {
                told.push(text.clone());
            }
            ControlFlow::Continue(())
        });
        (child, told)
    };
    let (child, notes) = told(&more);
    let child = child.unwrap();
    assert_eq!(child.extension_metadata().unwrap().new_columns_added, ["score", "said_again", "size_again"]);
    assert_eq!(notes.len(), 2, "{notes:?}");
    assert!(notes[0].contains("`said_again` says what `target` says"), "{notes:?}");
    assert!(notes[0].contains("ignores") && notes[1].contains("`size_again` equals `size`"), "{notes:?}");
    let left_out = child.column_report(&more).ignored_columns;
    let reasons: Vec<(&str, &str)> = left_out.iter().map(|c| (c.name.as_str(), c.reason.as_str())).collect();
    assert_eq!(
        reasons,
        [
            ("target", "ignored when the space was trained"),
            ("empty", "no value in 80 rows"),
            ("same", "the value `7` in all 80 rows"),
        ]
    );
    // So few columns leave no half to know rows by: that none is known is said, and what retired.
    let (child, notes) = told(&more.without(&["weight".into()]).unwrap());
    assert_eq!(child.unwrap().extension_metadata().unwrap().columns_retired, ["weight"]);
    assert!(
        notes.iter().any(|note| note.contains("the table lacks 1 of the parent's columns (`weight`)")),
        "{notes:?}"
    );
}

/// Each column of a wide table is looked up by its name, not compared with every other: with 100,000 columns
/// that were left out before, pairs alone would be 10,000 million.
#[test]
fn a_wide_table_is_grafted_in_a_time_that_grows_with_its_columns() {
    let n_rows = 60;
    let constant: ArrayRef = Arc::new(Float64Array::from(vec![1.0; n_rows]));
    let narrow = table(n_rows);
    let wide = |names: &[&str]| {
        let own = names.iter().map(|name| ((*name).to_owned(), narrow.column(name).unwrap().clone()));
        let others = (0..100_000).map(|i| (format!("measured value {i}"), constant.clone()));
        Table::from_columns(own.chain(others)).unwrap()
    };
    let mut options = FitOptions::default();
    (options.config.d_model, options.config.training.n_epochs) = (16, Some(1));
    let parent = EmbeddingSpace::fit(&wide(&["size", "color"]), None, &options, &mut quiet).unwrap();
    let enriched = wide(&["size", "color", "late"]);
    let options = ExtendOptions { training: TrainingOptions::of_epochs(1), ..ExtendOptions::default() };
    let start = std::time::Instant::now();
    let child = parent.graft(&enriched, None, &options, &mut quiet).unwrap();
    let seconds = start.elapsed().as_secs_f64();
    assert_eq!(child.untrained().excluded().len(), 100_000);
    assert!(seconds < 15.0, "{seconds} s");
}

#[test]
fn a_graft_of_which_nothing_is_said_takes_a_sample_of_the_rows_and_says_so() {
    let table = table(9000);
    let parent = parent(&table);
    let graft = |options: &ExtendOptions| parent.extend(&table, None, options, &mut quiet).unwrap();
    let child = graft(&ExtendOptions::default());
    let (info, step) = (child.training_info(), child.extension_metadata().unwrap());
    let sample = step.sample.expect("a sample");
    assert_eq!((sample.n_train, sample.n_valid), (3072, 1024));
    assert_eq!((info.n_rows_epoch, info.n_rows_watched), (3072, 1024));
    assert!(info.n_rows_train > 5000 && info.n_rows_measured == info.n_rows_valid, "{info:?}");
    assert!(info.stages.coding > 0.0 && info.stages.parent > 0.0 && info.stages.training > 0.0);
    // It has learned the new column, and the parent's coordinates keep their bits.
    assert!(info.new_columns_validation_loss.unwrap() < 0.95, "{:?}", info.new_columns_validation_loss);
    let (old, new) = (parent.embed(&table).unwrap(), child.embed(&table).unwrap());
    assert!((0..table.n_rows()).all(|row| new.row(row)[..32] == *old.row(row)));
    // The same rows whatever the order of the table, and the same bits in the same order.
    assert_eq!(graft(&ExtendOptions::default()).id(), child.id());
    // Whoever says how many epochs there are gets all rows.
    let fixed = graft(&ExtendOptions { training: TrainingOptions::of_epochs(2), ..ExtendOptions::default() });
    let info = fixed.training_info();
    assert_eq!((fixed.extension_metadata().unwrap().sample, info.n_rows_epoch), (None, info.n_rows_train));
    // So does whoever wants no end before the last epoch: a quarter of the parent's, at least ten.
    let training = TrainingOptions { auto_epochs: false, ..TrainingOptions::DEFAULT };
    let exact = graft(&ExtendOptions { training, ..ExtendOptions::default() });
    assert_eq!(exact.extension_metadata().unwrap().training_epochs_used, 10);
    assert_eq!(exact.training_info().n_rows_epoch, info.n_rows_train);
}

#[test]
fn a_cell_that_cannot_be_read_is_an_error_in_a_row_that_no_epoch_takes_too() {
    let table = table(6000);
    let parent = parent(&table);
    let mut sizes: Vec<String> = (0..6000).map(|i| format!("{:.3}", unit(i, 1) * 100.0)).collect();
    sizes[5999] = "abc".to_owned();
    let broken = table.with_column("size", Arc::new(StringArray::from(sizes))).unwrap();
    let error = parent.extend(&broken, None, &ExtendOptions::default(), &mut quiet).unwrap_err();
    assert!(error.to_string().contains("column `size`, row 5999: `abc`"), "{error}");
    let error = parent.embed(&broken).unwrap_err();
    assert!(error.to_string().contains("column `size`, row 5999: `abc`"), "{error}");
}
