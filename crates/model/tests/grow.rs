//! Predictors that grow with their space: what stays, what comes, what is refused.

#![expect(clippy::unwrap_used, reason = "a test ends where its helpers fail")]

#[path = "fixtures/unit.rs"]
mod unit;

use std::ops::ControlFlow;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Float64Array, StringArray, TimestampSecondArray};
use arrow::datatypes::Float64Type;
use tabgraft_model::lineage::{Lineage, Step, verify};
use tabgraft_model::predictor::{GrowOptions, JudgedOn, KeepGrown};
use tabgraft_model::space::Mode;
use tabgraft_model::store;
use tabgraft_model::train::{Event, TrainingOptions, quiet};
use tabgraft_model::{
    EmbeddingSpace, ExtendOptions, FitOptions, MergeOptions, Predictor, PredictorOptions, PruneOptions,
};
use tabgraft_table::Table;
use tabgraft_table::unreadable::CellErrors;
use unit::unit;

const N_ROWS: usize = 1200;

fn numbers(values: impl IntoIterator<Item = f64>) -> ArrayRef {
    Arc::new(Float64Array::from_iter_values(values))
}

/// Rows `first..first + n` of the world: `a` and `b` say something of `y` and of `n`, `c` and `d` say more.
fn rows(first: usize, n: usize) -> Table {
    let of = |purpose| numbers((first..first + n).map(move |r| unit(r, purpose)));
    let worth = |r: usize| unit(r, 1) + 0.5 * unit(r, 2) + 2.0 * unit(r, 3) * unit(r, 4);
    let noisy = |r: usize| worth(r) + 0.4 * unit(r, 5);
    let y: Vec<&str> = (first..first + n).map(|r| if noisy(r) > 1.4 { "yes" } else { "no" }).collect();
    let many: Vec<&str> = (first..first + n)
        .map(|r| ["low", "middle", "high"][usize::from(noisy(r) > 1.1) + usize::from(noisy(r) > 1.7)])
        .collect();
    Table::from_columns([
        ("a", of(1)),
        ("b", of(2)),
        ("c", of(3)),
        ("d", of(4)),
        ("y", Arc::new(StringArray::from(y)) as ArrayRef),
        ("many", Arc::new(StringArray::from(many)) as ArrayRef),
        ("n", numbers((first..first + n).map(noisy))),
    ])
    .unwrap()
}

fn without(table: &Table, names: &[&str]) -> Table {
    table.without(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap()
}

fn first_space(table: &Table) -> EmbeddingSpace {
    let mut options = FitOptions::default();
    options.infer.ignore = ["y", "many", "n"].map(str::to_owned).to_vec();
    options.config.d_model = 16;
    options.config.training.n_epochs = Some(2);
    EmbeddingSpace::fit(&without(table, &["c", "d"]), None, &options, &mut quiet).unwrap()
}

fn grafted(space: &EmbeddingSpace, table: &Table, mode: Mode) -> EmbeddingSpace {
    let options = ExtendOptions { mode, training: TrainingOptions::of_epochs(2), ..Default::default() };
    space.extend(table, None, &options, &mut quiet).unwrap()
}

fn small() -> PredictorOptions {
    PredictorOptions { n_epochs: 6, n_networks: Some(3), d_hidden: 16, ..PredictorOptions::default() }
}

fn fitted(space: &EmbeddingSpace, table: &Table, target: &str) -> Predictor {
    Predictor::fit(space, table, target, &small(), &mut quiet).unwrap()
}

fn grown(old: &Predictor, child: &EmbeddingSpace, table: &Table) -> Predictor {
    let made = old.extend(child, table, None, &GrowOptions::default(), &mut quiet).unwrap();
    assert!(made.kept);
    made.predictor
}

fn value(predictor: &Predictor, metric: &str) -> f64 {
    predictor.fit_info().scores.iter().find(|s| s.metric.name() == metric).unwrap().value
}

fn refusal(old: &Predictor, child: &EmbeddingSpace, table: &Table) -> String {
    old.extend(child, table, None, &GrowOptions::default(), &mut quiet).unwrap_err().to_string()
}

#[test]
fn old_members_keep_their_bits_in_every_mode_and_what_came_makes_the_prediction_better() {
    let table = rows(0, N_ROWS);
    let v1 = first_space(&table);
    let old = fitted(&v1, &table, "y");
    let said = old.predict(&table).unwrap().values;
    for mode in [Mode::Frozen, Mode::Anchored, Mode::Joint] {
        let v2 = grafted(&v1, &table, mode);
        let new = grown(&old, &v2, &table);
        assert_eq!(new.base().unwrap().predict(&table).unwrap().values, said, "{mode:?}");
        assert_eq!(new.base().unwrap().id(), old.id());
        assert_eq!(new.space_hash(), v2.card().hashes.weights);
        assert!(value(&new, "roc_auc") > value(&old, "roc_auc") + 0.05, "{mode:?}: {}", new.learners());
    }
}

#[test]
fn a_grown_predictor_is_one_file_and_rows_keep_their_bits_in_any_batch() {
    let table = rows(0, N_ROWS);
    let v1 = first_space(&table);
    let v2 = grafted(&v1, &table, Mode::Frozen);
    for target in ["y", "many", "n"] {
        let new = grown(&fitted(&v1, &table, target), &v2, &table);
        let again = Predictor::from_bytes(&new.to_bytes().unwrap()).unwrap();
        let all = new.predict(&table).unwrap();
        assert_eq!(again.predict(&table).unwrap(), all, "{target}");
        assert_eq!(again.id(), new.id());
        assert_eq!(again.to_bytes().unwrap(), new.to_bytes().unwrap());
        let few = new.predict(&table.take(&[900, 3]).unwrap()).unwrap();
        let n = all.n_outputs;
        assert_eq!(few.values, [&all.values[900 * n..901 * n], &all.values[3 * n..4 * n]].concat());
    }
}

/// The world's rows, and a target that hangs on which of many small squares of `a` and `c` a row is in.
fn in_squares() -> Table {
    let table = rows(0, N_ROWS);
    let square = |r: usize, purpose| (unit(r, purpose) * 18.0) as usize;
    let worth = |r: usize| unit(100 * square(r, 1) + square(r, 3), 50) + 0.05 * unit(r, 5);
    table.with_column("n", numbers((0..N_ROWS).map(worth))).unwrap()
}

#[test]
fn random_forests_come_where_they_say_more_than_boosted_ones() {
    let table = in_squares();
    let v1 = first_space(&table);
    let v2 = grafted(&v1, &table, Mode::Frozen);
    let old = fitted(&v1, &table, "n");
    let new = grown(&old, &v2, &table);
    let came = new.card().growth.unwrap();
    assert!(new.learners().contains("random forests of"), "{}", new.learners());
    assert!(came.shares[4] > 0.2 && (came.shares.iter().sum::<f64>() - 1.0).abs() < 1e-9, "{came:?}");
    assert!(came.n_random_trees.len() > 2 && came.n_random_trees.iter().all(|n| *n == 40), "{came:?}");
    let gain = value(&new, "r2") - value(&old, "r2");
    assert!(gain > 0.05, "{gain}: {}", new.learners());
    let again = Predictor::from_bytes(&new.to_bytes().unwrap()).unwrap();
    assert_eq!(again.predict(&table).unwrap(), new.predict(&table).unwrap());
    // They go on with the chain: held-out rows of the next step are predicted without the part that saw them.
    let chance = numbers((0..N_ROWS).map(|r| unit(r, 90)));
    let more = table.with_column("e", chance).unwrap();
    let next = grown(&new, &grafted(&v2, &more, Mode::Frozen), &more);
    assert_eq!(next.base().unwrap().id(), new.id());
    assert!(value(&next, "r2") > value(&new, "r2") - 0.03, "{}", next.learners());
}

#[test]
fn growing_twice_gives_the_same_predictor_and_the_order_of_rows_does_not_matter() {
    let table = rows(0, N_ROWS);
    let v1 = first_space(&table);
    let (old, v2) = (fitted(&v1, &table, "y"), grafted(&v1, &table, Mode::Frozen));
    let reversed = table.take(&(0..N_ROWS as u32).rev().collect::<Vec<_>>()).unwrap();
    let (a, b) = (grown(&old, &v2, &table), grown(&old, &v2, &reversed));
    assert_eq!(a.predict(&table).unwrap().values, b.predict(&table).unwrap().values);
    assert_eq!(grown(&old, &v2, &table).id(), a.id());
}

/// Would the old learners' own rows be learned from by what they say of them, the new ones would trust them too
/// much: the old predictor's training error is far below its error elsewhere.
#[test]
fn what_new_members_learn_from_is_what_old_ones_say_of_rows_that_they_did_not_learn_from() {
    let table = rows(0, N_ROWS);
    let v1 = first_space(&table);
    // Nothing can be learned of this target: whatever old members say beyond chance, they learned by heart.
    let chance: Vec<&str> = (0..N_ROWS).map(|r| if unit(r, 77) < 0.5 { "no" } else { "yes" }).collect();
    let table = table.with_columns([("y", Arc::new(StringArray::from(chance)) as ArrayRef)]).unwrap();
    let options = PredictorOptions { n_epochs: 60, patience: 60, ..small() };
    let old = Predictor::fit(&v1, &table, "y", &options, &mut quiet).unwrap();
    let new = grown(&old, &grafted(&v1, &table, Mode::Frozen), &table);
    let auc = value(&new, "roc_auc");
    assert!((auc - 0.5).abs() < 0.12, "{auc}");
    let confident = new.predict(&table).unwrap().values.iter().filter(|p| **p > 0.9).count();
    assert!(confident < N_ROWS / 50, "{confident} rows of pure chance are predicted with confidence");
}

#[test]
fn a_chain_of_grafts_grows_step_by_step_and_over_several_steps() {
    let table = rows(0, N_ROWS);
    let v1 = first_space(&table);
    let v2 = grafted(&v1, &without(&table, &["d"]), Mode::Frozen);
    let v3 = grafted(&v2, &table, Mode::Frozen);
    let old = fitted(&v1, &table, "y");
    let p2 = grown(&old, &v2, &table);
    let p3 = grown(&p2, &v3, &table);
    assert_eq!(p3.base().unwrap().base().unwrap().id(), old.id());
    assert!(value(&p3, "roc_auc") > value(&old, "roc_auc") + 0.05);
    // All rows were told again at every step.
    assert_eq!(p3.fit_info().n_rows, old.fit_info().n_rows);
    let over = grown(&old, &v3, &table);
    assert!((value(&over, "roc_auc") - value(&p3, "roc_auc")).abs() < 0.05);
    let card = p3.card().growth.unwrap();
    assert_eq!((card.base_id.as_str(), card.columns_added), (p2.id().as_str(), vec!["d".to_owned()]));
    // Named as children of spaces are.
    assert_eq!((p2.name(), p3.name()), ("predictor_extended", "predictor_extended_extended"));
}

#[test]
fn a_merged_space_takes_a_predictor_of_any_of_its_parents() {
    let table = rows(0, N_ROWS);
    let v1 = first_space(&table);
    let [with_c, with_d] = ["d", "c"].map(|lost| grafted(&v1, &without(&table, &[lost]), Mode::Frozen));
    let merged =
        EmbeddingSpace::merge(&[&with_c, &with_d], None, &MergeOptions::default(), &mut quiet).unwrap();
    for parent in [&with_c, &with_d, &v1] {
        let old = fitted(parent, &table, "y");
        let new = grown(&old, &merged, &table);
        assert_eq!(new.base().unwrap().predict(&table).unwrap().values, old.predict(&table).unwrap().values);
    }
}

#[test]
fn columns_that_the_child_lost_are_missing_cells_to_old_members() {
    let table = rows(0, N_ROWS);
    let v1 = first_space(&table);
    let old = fitted(&v1, &table, "y");
    let prune = PruneOptions { training: TrainingOptions::of_epochs(1), ..Default::default() };
    let pruned = v1.prune(&["b".to_owned()], Some(&table), &prune, &mut quiet).unwrap();
    let v3 = grafted(&pruned, &table, Mode::Frozen);
    let new = grown(&old, &v3, &table);
    assert_eq!(new.card().growth.unwrap().columns_removed, ["b"]);
    // Whatever stands there.
    let odd = table.with_columns([("b", numbers((0..N_ROWS).map(|_| 7e6)))]).unwrap();
    let said = new.predict(&table).unwrap().values;
    assert_eq!(new.predict(&odd).unwrap().values, said);
    assert_eq!(new.predict(&without(&table, &["b"])).unwrap().values, said);
}

#[test]
fn a_predictor_of_another_space_is_refused_and_so_is_its_own() {
    let table = rows(0, N_ROWS);
    let v1 = first_space(&table);
    let v2 = grafted(&v1, &table, Mode::Frozen);
    let old = fitted(&v1, &table, "y");
    let other = first_space(&rows(5000, N_ROWS));
    let text = refusal(&fitted(&other, &table, "y"), &v2, &table);
    assert!(text.contains("does not come from"), "{text}");
    let text = refusal(&old, &v1, &table);
    assert!(text.contains("is on `") && text.contains("already"), "{text}");
    let text = refusal(&fitted(&v2, &table, "y"), &v1, &table);
    assert!(text.contains("does not come from"), "{text}");
}

#[test]
fn a_table_of_other_rows_is_refused_and_new_rows_beside_the_old_ones_are_learned_from() {
    let table = rows(0, N_ROWS);
    let v1 = first_space(&table);
    let (old, v2) = (fitted(&v1, &table, "y"), grafted(&v1, &table, Mode::Frozen));
    let text = refusal(&old, &v2, &table.slice(0, 400));
    assert!(text.contains("row(s) are left to learn from"), "{text}");
    let more = grown(&old, &v2, &rows(0, N_ROWS + 500));
    assert!(more.fit_info().n_rows > old.fit_info().n_rows + 300, "{}", more.fit_info().n_rows);
    let parts = |p: &Predictor| p.row_parts(&table).unwrap().parts;
    assert_eq!(parts(&old), parts(&more));
}

/// Rows that came after 600 others: each has half of its cells from one of these, or repeats one.
fn with_rows_that_look_like_old_ones(repeat: bool) -> Table {
    let n_old = 600;
    let source = |r: usize, column: usize| match r.checked_sub(n_old) {
        Some(late) if repeat && late < 40 => 3 * late,
        Some(late) if !repeat && late < 40 && [0, 1 + late % 3].contains(&column) => 3 * late,
        _ => r,
    };
    let cell = move |r: usize, column: usize| unit(source(r, column), column as u64 + 1);
    let of = |column: usize| numbers((0..n_old + 300).map(move |r| cell(r, column)));
    let y = (0..n_old + 300).map(|r| cell(r, 0) + 0.5 * cell(r, 1) + cell(r, 4) + 0.3 * unit(r, 9));
    let columns = ["a", "b", "e", "f", "c"].map(str::to_owned).into_iter().enumerate();
    let columns = columns.map(|(column, name)| (name, of(column)));
    Table::from_columns(columns.chain([("n".to_owned(), numbers(y))])).unwrap()
}

fn space_of_all_but_n(table: &Table) -> EmbeddingSpace {
    let mut options = FitOptions::default();
    options.infer.ignore = vec!["n".to_owned()];
    (options.config.d_model, options.config.training.n_epochs) = (16, Some(2));
    EmbeddingSpace::fit(table, None, &options, &mut quiet).unwrap()
}

#[test]
fn rows_that_look_like_those_of_the_fit_do_not_hide_which_ones_it_had() {
    for repeat in [false, true] {
        let table = with_rows_that_look_like_old_ones(repeat);
        let early = without(&table.slice(0, 600), &["c"]);
        let v1 = space_of_all_but_n(&early);
        let counts = v1.row_parts(&table).unwrap().counts().unwrap();
        // Rows are known by two halves of the four columns; of three ways to halve them one is right.
        let expected = if repeat { [640, 0, 260] } else { [600, 13, 287] };
        assert_eq!(counts, expected);
        let (old, v2) = (fitted(&v1, &early, "n"), grafted(&v1, &table, Mode::Frozen));
        let mut warnings = Vec::new();
        let made = old.extend(&v2, &table, None, &GrowOptions::default(), &mut |event| {
            if let Event::Warning { text } = event {
                warnings.push(text.clone());
            }
            ControlFlow::Continue(())
        });
        assert_eq!(warnings, [""; 0]);
        let n_new = made.unwrap().predictor.fit_info().n_rows - old.fit_info().n_rows;
        assert!((200..300).contains(&n_new), "{n_new}");
    }
}

#[test]
fn rows_of_the_fit_that_are_known_by_half_of_their_cells_alone_are_not_taken_for_new_ones() {
    let early = without(&with_rows_that_look_like_old_ones(true).slice(0, 600), &["c"]);
    let v1 = space_of_all_but_n(&early);
    let old = fitted(&v1, &early, "n");
    // `a` is written in another unit in every row, so that only the half of the columns without it knows one.
    let a = early.column("a").unwrap().as_primitive::<Float64Type>();
    let table = with_rows_that_look_like_old_ones(true).slice(0, 600);
    let table =
        without(&table, &["a"]).with_column("a", numbers(a.values().iter().map(|v| 3.0 * v))).unwrap();
    assert_eq!(v1.row_parts(&table).unwrap().counts().unwrap(), [0, 600, 0]);
    let text = refusal(&old, &grafted(&v1, &table, Mode::Frozen), &table);
    assert!(text.contains("0 row(s) are left to learn from"), "{text}");
}

#[test]
fn a_grown_predictor_that_is_worse_is_not_kept_where_that_is_asked_for() {
    let table = rows(0, N_ROWS);
    let v1 = first_space(&table);
    let (old, v2) = (fitted(&v1, &table, "y"), grafted(&v1, &table, Mode::Frozen));
    let keep = GrowOptions { keep: KeepGrown::IfNotWorse, name: Some("p2".to_owned()), seed: None };
    let made = old.extend(&v2, &table, None, &keep, &mut quiet).unwrap();
    assert!(made.kept && made.judged_on == JudgedOn::TestRows && made.predictor.name() == "p2");
    assert!(made.difference.unwrap().difference > 0.0);
    // What came says the opposite of what it says in the rows that are learned from.
    let is_test: Vec<bool> = old
        .row_parts(&table)
        .unwrap()
        .parts
        .iter()
        .map(|p| *p == tabgraft_table::split::Part::Test)
        .collect();
    let turned = |purpose| {
        numbers((0..N_ROWS).map(|r| if is_test[r] { 1.0 - unit(r, purpose) } else { unit(r, purpose) }))
    };
    let turned = table.with_columns([("c", turned(3)), ("d", turned(4))]).unwrap();
    let mut told = Vec::new();
    let made = old
        .extend(&v2, &turned, None, &keep, &mut |event| {
            if let Event::Warning { text } = event {
                told.push(text.clone());
            }
            ControlFlow::Continue(())
        })
        .unwrap();
    assert!(!made.kept, "{:?}", made.difference);
    // The old one, with a record of what was refused, which is no part of its id and goes into its file.
    assert_eq!(made.predictor.id(), old.id());
    assert_eq!(made.predictor.predict(&table).unwrap(), old.predict(&table).unwrap());
    let again = Predictor::from_bytes(&made.predictor.to_bytes().unwrap()).unwrap();
    let [refused] = again.refused_growths() else { panic!("{:?}", again.refused_growths()) };
    assert_eq!((refused.name.as_str(), refused.space_id.as_str()), ("p2", v2.id().as_str()));
    assert_eq!(
        (refused.columns_added.as_slice(), refused.judged_on),
        (&["c".to_owned(), "d".to_owned()][..], JudgedOn::TestRows)
    );
    assert!(Some(refused.difference) == made.difference && refused.difference.high < 0.0);
    assert_eq!(again.id(), old.id());
    assert!(told.iter().any(|text| text.contains("which is kept") && text.contains("`c`, `d`")), "{told:?}");
    // It is the old one's record alone.
    assert!(grown(&again, &v2, &table).refused_growths().is_empty());
    let made = old.extend(&v2, &turned, None, &GrowOptions::default(), &mut quiet).unwrap();
    assert!(made.kept, "always");
}

/// A target that is the sum of some columns and of how long it took between two dates that came: forests need many steps
/// for a straight line, and neither date alone says anything.
#[test]
fn a_linear_model_and_the_days_between_dates_come_with_new_columns() {
    let table = rows(0, N_ROWS);
    let delay = |r: usize| (unit(r, 9) * 60.0) as usize;
    let dates = |days: &dyn Fn(usize) -> usize| -> ArrayRef {
        let seconds = (0..N_ROWS).map(|r| 86_400 * (15_000 + (r * 37) % 1000 + days(r)) as i64);
        Arc::new(TimestampSecondArray::from_iter_values(seconds))
    };
    let (from, to) = (dates(&|_| 0), dates(&delay));
    let n = numbers((0..N_ROWS).map(|r| unit(r, 1) + unit(r, 3) + unit(r, 4) + delay(r) as f64 / 15.0));
    let table = table.with_columns([("from", from), ("to", to), ("n", n)]).unwrap();
    let v1 = first_space(&without(&table, &["from", "to"]));
    let old = fitted(&v1, &without(&table, &["from", "to"]), "n");
    let new = grown(&old, &grafted(&v1, &table, Mode::Frozen), &table);
    let shares = new.card().growth.unwrap().shares;
    assert!(shares[3] > 0.3 && (shares.iter().sum::<f64>() - 1.0).abs() < 1e-9, "{}", new.learners());
    assert!(new.learners().contains("a linear model"), "{}", new.learners());
    assert!(value(&new, "r2") > 0.95, "{} {}", value(&old, "r2"), value(&new, "r2"));
    let again = Predictor::from_bytes(&new.to_bytes().unwrap()).unwrap();
    assert_eq!(again.predict(&table).unwrap(), new.predict(&table).unwrap());
    assert_eq!(again.id(), new.id());
}

#[test]
fn weights_of_rows_go_on_and_are_asked_for() {
    let table = rows(0, N_ROWS);
    let v1 = first_space(&table);
    let v2 = grafted(&v1, &table, Mode::Frozen);
    let weights: Vec<f64> = (0..N_ROWS).map(|r| [0.0, 0.5, 1.5, 2.0][r % 4]).collect();
    let old = Predictor::fit_weighted(&v1, &table, "y", &weights, &small(), &mut quiet).unwrap();
    let text = refusal(&old, &v2, &table);
    assert!(text.contains("fitted with weights of rows"), "{text}");
    let options = GrowOptions::default();
    let new = old.extend(&v2, &table, Some(&weights), &options, &mut quiet).unwrap().predictor;
    assert_eq!(new.fit_info().n_rows, old.fit_info().n_rows);
    let plain = fitted(&v1, &table, "y");
    let error = plain.extend(&v2, &table, Some(&weights), &options, &mut quiet).unwrap_err().to_string();
    assert!(error.contains("fitted without weights"), "{error}");
}

#[test]
fn lineage_and_verify_know_what_a_predictor_grew_from_and_find_another_one_in_its_place() {
    let table = rows(0, N_ROWS);
    let v1 = first_space(&table);
    let (old, v2) = (fitted(&v1, &table, "y"), grafted(&v1, &table, Mode::Frozen));
    let new = grown(&old, &v2, &table);
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name);
    v1.save(&place("v1.tabgraft")).unwrap();
    v2.save(&place("v2.tabgraft")).unwrap();
    new.save(&place("p2.tabgraft")).unwrap();
    assert!(verify(folder.path()).unwrap().ok);
    let lineage = Lineage::read(folder.path()).unwrap();
    let steps: Vec<Step> = lineage.parents(&new.id()).map(|edge| edge.step).collect();
    assert_eq!(steps.len(), 2);
    assert!(steps.contains(&Step::Grow) && steps.contains(&Step::Fit));
    assert!(lineage.node(&old.id()).unwrap().is_absent());
    let row = lineage.predictors().into_iter().find(|row| row.id == new.id()).unwrap();
    assert_eq!(row.space_id, v2.id());
    old.save(&place("p1.tabgraft")).unwrap();
    assert!(verify(folder.path()).unwrap().ok);
    assert!(!Lineage::read(folder.path()).unwrap().node(&old.id()).unwrap().is_absent());

    // The old predictor inside is held against its id.
    let (mut container, _) = store::load(&place("p2.tabgraft")).unwrap();
    let name =
        container.tensors.keys().find(|name| name.starts_with("base.forest.0.leaves")).unwrap().clone();
    container.tensors.get_mut(&name).unwrap().data[0] += 1.0;
    store::save(&place("p2.tabgraft"), &container).unwrap();
    let found = verify(folder.path()).unwrap();
    let problems: Vec<String> = found.files.into_iter().flat_map(|file| file.problems).collect();
    assert!(problems.iter().any(|p| p.contains("and holds another one")), "{problems:?}");
}

#[test]
fn tables_that_are_asked_about_together_get_the_answers_that_each_gets_alone() {
    let table = rows(0, N_ROWS);
    let v1 = first_space(&table);
    let v2 = grafted(&v1, &table, Mode::Frozen);
    let wrong = Table::from_columns([
        ("a", Arc::new(StringArray::from(vec!["0.5", "word"])) as ArrayRef),
        ("d", numbers([0.1, 0.2])),
    ])
    .unwrap();
    let unknown = Table::from_columns([("other", numbers([1.0]))]).unwrap();
    let tables =
        [table.slice(0, 1), wrong, without(&table.slice(1, 70), &["c"]), unknown, table.slice(500, 3)];
    let new = grown(&fitted(&v1, &table, "y"), &v2, &table);
    for errors in [CellErrors::Error, CellErrors::Missing] {
        let together = new.predict_together(&tables, errors);
        for (table, answer) in tables.iter().zip(together) {
            let mut stream = new.stream(errors);
            match stream.predict(table) {
                Ok((predictions, guardrails)) => {
                    let answer = answer.unwrap();
                    assert_eq!(answer.predictions.values, predictions.values);
                    assert_eq!(answer.predictions.class_idx, predictions.class_idx);
                    assert_eq!((answer.guardrails, answer.remarks), (guardrails, stream.finish()));
                    assert_eq!(answer.cells.missing.len(), table.n_rows() * v2.columns().len());
                }
                Err(error) => assert_eq!(answer.unwrap_err().to_string(), error.to_string()),
            }
        }
        for (table, answer) in tables.iter().zip(v2.embed_together(&tables, errors)) {
            let mut stream = v2.stream(errors);
            match stream.embed(table) {
                Ok(values) => {
                    let answer = answer.unwrap();
                    assert_eq!((answer.values, answer.remarks), (values, stream.finish()));
                }
                Err(error) => assert_eq!(answer.unwrap_err().to_string(), error.to_string()),
            }
        }
    }
}
