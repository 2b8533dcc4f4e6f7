//! The same columns, new rows: what keeps its bits, what moves how far, what later steps make of it.

#![expect(clippy::unwrap_used, reason = "a test ends where its helpers fail")]

#[path = "fixtures/unit.rs"]
mod unit;

use std::ops::ControlFlow;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray, Float64Array, StringArray};
use tabgraft_model::lineage::{Lineage, Step, verify, verify_file};
use tabgraft_model::predictor::GrowOptions;
use tabgraft_model::space::{Mode, Operation};
use tabgraft_model::store;
use tabgraft_model::train::{Event, TrainingOptions, quiet};
use tabgraft_model::{
    ConsolidateOptions, EmbeddingSpace, ExtendOptions, FitOptions, Keep, MergeOptions, Predictor,
    PredictorOptions, PruneOptions, RefreshOptions,
};
use tabgraft_table::Table;
use tabgraft_table::codec::Codec;
use tabgraft_table::split::{Part, SplitKey};
use unit::unit;

const N_EARLY: usize = 600;
const N_ALL: usize = 1200;
/// Stores of the early rows; later ones have as many more.
const N_STORES: usize = 5;

/// The store of a row: half of the later rows are of stores that the early ones do not know, one is a slip.
fn store_of(row: usize) -> usize {
    let n = if row < N_EARLY { N_STORES } else { 2 * N_STORES };
    (unit(row, 1) * n as f64) as usize
}

/// What a store is worth: `price` and `y` follow it.
fn worth(row: usize) -> f64 {
    unit(store_of(row), 7) + 0.2 * unit(row, 2)
}

/// Rows of the world, the early ones first.
fn rows(range: std::ops::Range<usize>) -> Table {
    let texts = |text: &dyn Fn(usize) -> String| -> ArrayRef {
        Arc::new(StringArray::from(range.clone().map(text).collect::<Vec<_>>()))
    };
    let numbers = |number: &dyn Fn(usize) -> f64| -> ArrayRef {
        Arc::new(Float64Array::from_iter_values(range.clone().map(number)))
    };
    Table::from_columns([
        ("store", texts(&|r| if r == N_ALL - 7 { "slip".into() } else { format!("s{}", store_of(r)) })),
        ("price", numbers(&worth)),
        ("size", numbers(&|r| unit(r, 3) + if r < N_EARLY { 0.0 } else { 0.3 })),
        ("shelf", texts(&|r| ["a", "b", "c"][(unit(r, 4) * 3.0) as usize].into())),
        ("extra", numbers(&|r| unit(r, 5))),
        ("city", texts(&|r| ["x", "y"][(unit(r, 6) * 2.0) as usize].into())),
        ("y", texts(&|r| if worth(r) + 0.2 * unit(r, 8) > 0.7 { "yes" } else { "no" }.into())),
    ])
    .unwrap()
}

fn without(table: &Table, names: &[&str]) -> Table {
    table.without(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap()
}

fn narrow(range: std::ops::Range<usize>) -> Table {
    without(&rows(range), &["extra", "city"])
}

fn first_space() -> EmbeddingSpace {
    let mut options = FitOptions::default();
    options.infer.ignore = vec!["y".to_owned()];
    options.config.d_model = 16;
    options.config.training.n_epochs = Some(3);
    EmbeddingSpace::fit(&narrow(0..N_EARLY), None, &options, &mut quiet).unwrap()
}

fn options(mode: Mode) -> RefreshOptions {
    RefreshOptions { mode, training: TrainingOptions::of_epochs(3), ..RefreshOptions::default() }
}

fn refreshed(space: &EmbeddingSpace, mode: Mode) -> EmbeddingSpace {
    space.refresh(&narrow(N_EARLY..N_ALL), None, &options(mode), &mut quiet).unwrap()
}

fn grafted(space: &EmbeddingSpace, column: &str, mode: Mode) -> EmbeddingSpace {
    let drop: Vec<&str> = ["extra", "city"].into_iter().filter(|name| *name != column).collect();
    let table = without(&rows(0..N_EARLY), &drop);
    let drop: Vec<&str> =
        drop.into_iter().filter(|name| space.columns().iter().all(|c| c.name != *name)).collect();
    let table = if drop.len() == 1 { table } else { rows(0..N_EARLY) };
    grafted_with(space, &table, mode)
}

fn grafted_with(space: &EmbeddingSpace, table: &Table, mode: Mode) -> EmbeddingSpace {
    let options = ExtendOptions { mode, training: TrainingOptions::of_epochs(2), ..Default::default() };
    space.extend(table, None, &options, &mut quiet).unwrap()
}

/// Rows whose store only the later rows have, or that no space knows.
fn is_new(table: &Table) -> Vec<bool> {
    let stores = table.column("store").unwrap();
    let stores = stores.as_any().downcast_ref::<StringArray>().unwrap();
    let early: Vec<String> = (0..N_STORES).map(|store| format!("s{store}")).collect();
    stores.iter().map(|store| !early.iter().any(|known| Some(known.as_str()) == store)).collect()
}

/// The bits of each row's first coordinates.
fn bits(space: &EmbeddingSpace, table: &Table, d: usize) -> Vec<Vec<u32>> {
    let embedded = space.embed(table).unwrap();
    embedded
        .values
        .chunks_exact(embedded.d_model)
        .map(|row| row[..d].iter().map(|v| v.to_bits()).collect())
        .collect()
}

/// Which rows have other bits now.
fn moved(before: &EmbeddingSpace, after: &EmbeddingSpace, table: &Table) -> Vec<bool> {
    let d = before.d_model();
    bits(before, table, d).iter().zip(&bits(after, table, d)).map(|(a, b)| a != b).collect()
}

fn told(space: &EmbeddingSpace, table: &Table, options: &RefreshOptions) -> Vec<String> {
    let mut told = Vec::new();
    let sink = &mut |event: &Event| {
        if let Event::Note { text } = event {
            told.push(text.clone());
        }
        ControlFlow::Continue(())
    };
    space.refresh(table, None, options, sink).unwrap();
    told
}

fn stores_of(space: &EmbeddingSpace) -> Vec<(String, u32)> {
    let place = space.columns().iter().position(|c| c.name == "store").unwrap();
    let Codec::Categorical(codec) = &space.codecs()[place] else { unreachable!("stores are categories") };
    codec.levels().map(|(text, code)| (text.to_owned(), code)).collect()
}

#[test]
fn a_frozen_refresh_moves_rows_with_new_levels_alone_and_changes_nothing_but_their_tokens() {
    let space = first_space();
    let child = refreshed(&space, Mode::Frozen);
    let all = rows(0..N_ALL);
    let wanted: Vec<bool> = is_new(&all);
    let slip = N_ALL - 7;
    let moved = moved(&space, &child, &all);
    assert!(!moved[slip], "what stands in one row stays unseen");
    let differs = (0..N_ALL).filter(|r| *r != slip).find(|r| moved[*r] != wanted[*r]);
    assert_eq!(differs, None, "a row moved that must not, or the other way round");
    // Old codes keep their numbers.
    let (old, new) = (stores_of(&space), stores_of(&child));
    assert_eq!((old.len(), new.len()), (N_STORES, 2 * N_STORES));
    assert_eq!(new[..N_STORES], old);
    // Every old weight is there with its bits; what came are rows of tables of codes.
    let tensors = |space: &EmbeddingSpace| store::from_bytes(&space.to_bytes().unwrap()).unwrap().0.tensors;
    let (before, after) = (tensors(&space), tensors(&child));
    assert!(before.keys().eq(after.keys()));
    for (name, blob) in &before {
        match name.ends_with("tables.code") {
            true => assert_eq!(after[name].shape[0], blob.shape[0] + N_STORES, "{name}"),
            false => assert_eq!(after[name].data, blob.data, "{name}"),
        }
    }
    let step = child.extension_metadata().unwrap();
    assert_eq!((step.operation, step.mode), (Operation::Refresh, Mode::Frozen));
    assert_eq!(step.drift.map(|drift| drift.max_cosine_distance), Some(0.0));
    // And again: levels that the first refresh brought are old ones to the next.
    let later = narrow(N_ALL..N_ALL + 300);
    let renamed: Vec<String> = (0..300).map(|i| format!("t{}", i % 3)).collect();
    let later = later.with_column("store", Arc::new(StringArray::from(renamed))).unwrap();
    let third = child.refresh(&later, None, &options(Mode::Frozen), &mut quiet).unwrap();
    assert!(!self::moved(&child, &third, &all).contains(&true));
    assert_eq!(stores_of(&third)[..2 * N_STORES], new);
}

#[test]
fn an_anchored_refresh_learns_from_new_rows_within_its_bound() {
    let space = first_space();
    for bound in [0.002, 0.2] {
        let options = RefreshOptions { drift_bound: Some(bound), ..options(Mode::Anchored) };
        let child = space.refresh(&narrow(0..N_ALL), None, &options, &mut quiet).unwrap();
        let step = child.extension_metadata().unwrap();
        let (drift, anchor) = (step.drift.unwrap(), step.anchor.unwrap());
        assert_eq!(anchor.drift_bound, bound);
        assert!(drift.mean_cosine_distance > 0.0 && drift.mean_cosine_distance <= bound, "{drift:?}");
        // The heads speak of the new stores: a hidden one is filled.
        let hidden = narrow(N_EARLY..N_ALL);
        let codec = child.codecs().iter().find(|codec| codec.is_refreshed()).unwrap();
        assert_eq!(codec.n_targets(), 2 * N_STORES);
        assert_eq!(codec.inverse_target(N_STORES as u16), stores_of(&child)[N_STORES].0);
        let of = |space: &EmbeddingSpace| space.profile().unwrap().columns[0].n_unseen;
        assert!(of(&child) <= 1, "only the slip is unseen");
        assert!(child.surprise(&hidden, &Default::default()).is_ok());
        assert!(step.parent_validation_loss.unwrap() > child.training_info().final_validation_loss.unwrap());
    }
}

#[test]
fn rows_are_joined_and_keep_their_parts() {
    let space = first_space();
    let all = narrow(0..N_ALL);
    let early = space.row_parts(&narrow(0..N_EARLY)).unwrap().parts;
    for mode in [Mode::Frozen, Mode::Anchored] {
        let child = refreshed(&space, mode);
        let found = child.row_parts(&all).unwrap();
        assert_eq!(found.parts[..N_EARLY], early);
        assert_eq!(found.counts(), Some([N_ALL, 0, 0]), "old rows and new ones are known");
        assert_eq!(
            found.parts,
            space.row_parts(&all).unwrap().parts,
            "new rows are dealt as the parent deals"
        );
        assert!(found.parts[N_EARLY..].contains(&Part::Test));
    }
}

#[test]
fn what_a_user_should_hear_is_told() {
    let space = first_space();
    let table = rows(N_EARLY..N_ALL);
    let told = told(&space, &table, &options(Mode::Frozen)).join("\n");
    for wanted in [
        "column `store`: 5 new level(s) have codes of their own: `s",
        "1 level(s) stay unseen, in fewer than 2 training rows each (`min_category_rows`)",
        "no head learns to predict them",
        "values beyond the range that the columns' bins were made for, which stay as they are: `size`",
        "the table has `extra`, `city`, new columns: `extend` grafts them",
    ] {
        assert!(told.contains(wanted), "{wanted}\n--\n{told}");
    }
    let child = space.refresh(&table, None, &options(Mode::Frozen), &mut quiet).unwrap();
    assert_eq!(child.columns().len(), space.columns().len());
    assert!(child.notes().iter().any(|note| note.contains("new level(s)")));
    let error = |table: &Table, options: &RefreshOptions| {
        space.refresh(table, None, options, &mut quiet).unwrap_err().to_string()
    };
    let nothing = error(&narrow(0..N_EARLY), &options(Mode::Frozen));
    assert!(nothing.contains("no category has a new level"), "{nothing}");
    assert!(error(&table, &options(Mode::Joint)).contains("`anchored` or `frozen`"));
    let bounded = RefreshOptions { drift_bound: Some(0.1), ..options(Mode::Frozen) };
    assert!(error(&table, &bounded).contains("`drift_bound`"));
    let other = without(&table, &["store", "price", "size", "shelf"]);
    assert!(error(&other, &options(Mode::Anchored)).contains("known to"));
}

#[test]
fn files_and_links_are_verified_and_an_edit_of_an_old_token_is_caught() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(format!("{name}.tabgraft"));
    let space = first_space();
    let frozen = refreshed(&space, Mode::Frozen);
    let anchored = refreshed(&space, Mode::Anchored);
    let last = grafted(&frozen, "extra", Mode::Frozen);
    for (name, space) in [("v1", &space), ("frozen", &frozen), ("anchored", &anchored), ("last", &last)] {
        space.save(&path(name)).unwrap();
        assert_eq!(EmbeddingSpace::load(&path(name)).unwrap().id(), space.id());
    }
    for (child, parent) in [("frozen", "v1"), ("anchored", "v1"), ("last", "frozen"), ("last", "v1")] {
        verify_file(&path(child), Some(&path(parent))).unwrap();
    }
    let found = verify(folder.path()).unwrap();
    assert!(found.ok, "{found:?}");
    assert_eq!(found.links.iter().filter(|link| link.step == Step::Refresh && link.is_checked).count(), 2);
    let lineage = Lineage::read(folder.path()).unwrap();
    assert!(lineage.edges.iter().any(|edge| edge.step == Step::Refresh && edge.mode == Some(Mode::Frozen)));
    // The first token of the codes is that of an old level.
    for name in ["frozen", "last"] {
        let (mut container, _) = store::load(&path(name)).unwrap();
        let table = container.tensors.get_mut("groups.0.tables.code").unwrap();
        table.data[20] += 1.0;
        let weights = store::weights_hash(&container.tensors);
        container.manifest["hashes"]["weights"] = serde_json::json!(weights);
        let edited = folder.path().join("edited.tabgraft");
        store::save(&edited, &container).unwrap();
        let error = verify_file(&edited, Some(&path("v1"))).unwrap_err().to_string();
        assert!(error.contains("groups.0.tables.code"), "{name}: {error}");
    }
}

#[test]
fn later_steps_go_on_from_a_refreshed_space() {
    let space = first_space();
    let all = rows(0..N_ALL);
    for mode in [Mode::Frozen, Mode::Anchored] {
        let child = refreshed(&space, mode);
        let d = child.d_model();
        let wide = grafted(&child, "extra", Mode::Frozen);
        assert_eq!(bits(&wide, &all, d), bits(&child, &all, d), "a graft keeps every vector");
        let back = wide.prune(&["extra".to_owned()], None, &PruneOptions::default(), &mut quiet).unwrap();
        assert_eq!(back.hashes().weights, child.hashes().weights);
        let once_more = refreshed_again(&wide);
        assert_eq!(once_more.d_model(), wide.d_model());
        let plain = ConsolidateOptions { training: TrainingOptions::of_epochs(1), ..Default::default() };
        let plain = wide.consolidate(&all, None, &plain, &mut quiet).unwrap();
        assert_eq!(stores_of(&plain), stores_of(&child));
        let pruned = PruneOptions { training: TrainingOptions::of_epochs(1), ..Default::default() };
        let pruned = child.prune(&["shelf".to_owned()], Some(&all), &pruned, &mut quiet).unwrap();
        assert_eq!(stores_of(&pruned), stores_of(&child));
    }
}

fn refreshed_again(space: &EmbeddingSpace) -> EmbeddingSpace {
    space.refresh(&rows(N_EARLY..N_ALL), None, &options(Mode::Anchored), &mut quiet).unwrap()
}

#[test]
fn siblings_merge_exactly_where_only_tokens_of_new_levels_came() {
    let space = first_space();
    let all = rows(0..N_ALL);
    let frozen = refreshed(&space, Mode::Frozen);
    let (extra, city) = (grafted(&space, "extra", Mode::Frozen), grafted(&space, "city", Mode::Frozen));
    let merge = |spaces: &[&EmbeddingSpace], table: Option<&Table>| {
        let options = MergeOptions { training: TrainingOptions::of_epochs(2), ..Default::default() };
        EmbeddingSpace::merge(spaces, table, &options, &mut quiet)
    };
    let merged = merge(&[&extra, &frozen, &city], None).unwrap();
    assert_eq!(merged.id(), merge(&[&frozen, &city, &extra], None).unwrap().id());
    assert_eq!(stores_of(&merged), stores_of(&frozen));
    let d = space.d_model();
    assert_eq!(
        bits(&merged, &all, d),
        bits(&frozen, &all, d),
        "the root's coordinates are the refreshed ones"
    );
    let new = is_new(&all);
    let of_side = |space: &EmbeddingSpace, from: usize| {
        let rows = bits(space, &all, space.d_model());
        rows.into_iter()
            .zip(&new)
            .filter(|(_, new)| !**new)
            .map(|(row, _)| row[from..].to_vec())
            .collect::<Vec<_>>()
    };
    for side in [&extra, &city] {
        let wanted = of_side(side, d);
        let width = side.d_model() - d;
        let found = (d..merged.d_model()).step_by(width).any(|from| {
            of_side(&merged, from).iter().zip(&wanted).all(|(row, side)| row[..width] == side[..])
        });
        assert!(found, "rows without new levels have the bits of both sides");
    }
    let folder = tempfile::tempdir().unwrap();
    for (name, space) in [("v1", &space), ("f", &frozen), ("e", &extra), ("c", &city), ("m", &merged)] {
        space.save(&folder.path().join(format!("{name}.tabgraft"))).unwrap();
    }
    let found = verify(folder.path()).unwrap();
    assert!(found.ok, "{found:#?}");
    // Old weights that moved need a table, and the space that knows all levels comes first.
    let anchored = refreshed(&space, Mode::Anchored);
    assert!(merge(&[&extra, &anchored], None).is_err());
    let table = without(&all, &["city"]);
    let trained = merge(&[&extra, &anchored], Some(&table)).unwrap();
    assert_eq!(stores_of(&trained), stores_of(&anchored));
    assert!(trained.columns().iter().any(|c| c.name == "extra"));
    // Levels of two refreshes cannot have one order.
    let renamed: Vec<String> = (0..300).map(|i| format!("t{}", i % 3)).collect();
    let other = narrow(0..300).with_column("store", Arc::new(StringArray::from(renamed))).unwrap();
    let other = space.refresh(&other, None, &options(Mode::Frozen), &mut quiet).unwrap();
    let error = merge(&[&frozen, &other], None).unwrap_err().to_string();
    assert!(error.contains("column `store` is refreshed with different levels"), "{error}");
}

#[test]
fn a_predictor_grows_onto_a_refreshed_space_and_its_old_learners_see_what_they_saw() {
    let space = first_space();
    let (early, all) = (narrow(0..N_EARLY), narrow(0..N_ALL));
    let small =
        PredictorOptions { n_epochs: 6, n_networks: Some(2), d_hidden: 16, ..PredictorOptions::default() };
    let old = Predictor::fit(&space, &early, "y", &small, &mut quiet).unwrap();
    for mode in [Mode::Frozen, Mode::Anchored] {
        let child = refreshed(&space, mode);
        let grown = old.extend(&child, &all, None, &GrowOptions::default(), &mut quiet).unwrap();
        let grown = grown.predictor;
        assert_eq!(grown.base().unwrap().predict(&all).unwrap().values, old.predict(&all).unwrap().values);
        assert_eq!(grown.predict(&all).unwrap().values.len(), old.predict(&all).unwrap().values.len());
        let path = tempfile::tempdir().unwrap();
        let path = path.path().join("grown.tabgraft");
        grown.save(&path).unwrap();
        verify_file(&path, None).unwrap();
    }
}

#[test]
fn a_refresh_can_be_judged_and_repeats_itself() {
    let space = first_space();
    let table = narrow(0..N_ALL);
    let keep = Keep::of(true, Some("y".to_owned()), false, 0).unwrap();
    let judged = RefreshOptions { keep, ..options(Mode::Anchored) };
    let child = space.refresh(&table, None, &judged, &mut quiet).unwrap();
    let judgement = match child.refused_extensions() {
        [] => child.extension_metadata().unwrap().judgement.clone(),
        [refused, ..] => refused.extension.judgement.clone(),
    };
    assert!(judgement.unwrap().new_columns.is_empty());
    for mode in [Mode::Frozen, Mode::Anchored] {
        assert_eq!(refreshed(&space, mode).id(), refreshed(&space, mode).id());
    }
}

#[test]
fn a_boolean_that_was_always_true_learns_its_other_value() {
    let flags = |n: usize, both: bool| -> ArrayRef {
        Arc::new((0..n).map(|r| Some(!both || r % 3 > 0)).collect::<BooleanArray>())
    };
    let table = |range: std::ops::Range<usize>, both| {
        let rows = narrow(range);
        let n = rows.n_rows();
        rows.with_column("open", flags(n, both)).unwrap()
    };
    let mut options = FitOptions::default();
    options.infer.ignore = vec!["y".to_owned()];
    options.infer.kinds.insert("open".to_owned(), tabgraft_table::schema::Kind::Boolean);
    options.config.d_model = 16;
    options.config.training.n_epochs = Some(1);
    let space = EmbeddingSpace::fit(&table(0..N_EARLY, false), None, &options, &mut quiet).unwrap();
    let place = space.columns().iter().position(|c| c.name == "open").unwrap();
    let child = space
        .refresh(&table(N_EARLY..N_ALL, true), None, &self::options(Mode::Anchored), &mut quiet)
        .unwrap();
    let Codec::Categorical(codec) = &child.codecs()[place] else { unreachable!("a boolean is a category") };
    assert_eq!(codec.levels().collect::<Vec<_>>(), [("true", 1), ("false", 2)]);
    assert_eq!(child.codecs()[place].n_targets(), 2);
    assert_eq!(table(0..5, true).column("open").unwrap().len(), 5);
}

#[test]
fn new_levels_learn_first_for_as_many_epochs_as_where_they_learn_alone() {
    let space = first_space();
    let phases = |rows: std::ops::Range<usize>, mode: Mode| {
        let options = RefreshOptions { mode, ..RefreshOptions::default() };
        let child = space.refresh(&narrow(rows), None, &options, &mut quiet).unwrap();
        let step = child.extension_metadata().unwrap();
        assert!(step.drift.as_ref().unwrap().mean_cosine_distance <= 0.05, "{:?}", step.drift);
        step.phases.iter().map(|p| (p.name.clone(), p.n_epochs_planned, p.n_epochs)).collect::<Vec<_>>()
    };
    let frozen = phases(N_EARLY..N_ALL, Mode::Frozen);
    let anchored = phases(N_EARLY..N_ALL, Mode::Anchored);
    // Few rows are shown 60 times, all of these; then all weights learn from all rows.
    assert_eq!(frozen, [("new levels".to_owned(), 60, 60)]);
    assert_eq!(anchored[0], frozen[0]);
    assert_eq!((anchored.len(), anchored[1].0.as_str(), anchored[1].1), (2, "all weights", 10));
    // Without a new level there is nothing to learn first.
    let old = phases(0..N_EARLY, Mode::Anchored);
    assert_eq!((old.len(), old[0].0.as_str()), (1, "all weights"));
}

/// Days as numbers: the early rows first.
fn dated(range: std::ops::Range<usize>) -> Table {
    let days = Float64Array::from_iter_values(range.clone().map(|row| row as f64));
    narrow(range).with_column("day", Arc::new(days) as ArrayRef).unwrap()
}

fn space_by_time(private: bool) -> EmbeddingSpace {
    let mut options = FitOptions::default();
    options.infer.ignore = vec!["y".to_owned()];
    options.split.by = SplitKey::Time { column: "day".into() };
    options.config.d_model = 16;
    options.config.training.n_epochs = Some(2);
    options.config.codec.private = private;
    EmbeddingSpace::fit(&dated(0..N_EARLY), None, &options, &mut quiet).unwrap()
}

#[test]
fn a_split_by_time_goes_on_and_earlier_rows_keep_their_parts() {
    let all = dated(0..N_ALL);
    for private in [false, true] {
        let space = space_by_time(private);
        let before = space.row_parts(&all).unwrap().parts;
        assert!(before[N_EARLY..].iter().all(|part| *part == Part::Test));
        for mode in [Mode::Anchored, Mode::Frozen] {
            let told = told(&space, &dated(N_EARLY..900), &options(mode));
            assert!(told.iter().any(|note| note.contains("`day` goes on")), "{told:?}");
            let child = space.refresh(&dated(N_EARLY..900), None, &options(mode), &mut quiet).unwrap();
            let parts = child.row_parts(&all).unwrap().parts;
            assert_eq!(parts[..N_EARLY], before[..N_EARLY]);
            let n = |wanted: Part| parts[N_EARLY..900].iter().filter(|part| **part == wanted).count();
            assert_eq!([n(Part::Train), n(Part::Valid), n(Part::Test)], [195, 45, 60]);
            assert!(parts[900..].iter().all(|part| *part == Part::Test));
            // Old rows beside new ones change nothing of it.
            let both = space.refresh(&dated(300..900), None, &options(mode), &mut quiet).unwrap();
            assert_eq!(both.row_parts(&all).unwrap().parts, parts);
            // The next one goes on from there; the chain is a lineage, as files and links.
            let next = child.refresh(&dated(900..N_ALL), None, &options(Mode::Anchored), &mut quiet).unwrap();
            let later = next.row_parts(&all).unwrap().parts;
            assert_eq!(later[..900], parts[..900]);
            assert_eq!([later[900], later[N_ALL - 1]], [Part::Train, Part::Test]);
            let dir = tempfile::tempdir().unwrap();
            for (name, version) in [("v1", &space), ("v2", &child), ("v3", &next)] {
                version.save(&dir.path().join(format!("{name}.tabgraft"))).unwrap();
            }
            let found = verify(dir.path()).unwrap();
            assert!(found.ok && found.links.iter().all(|link| link.is_checked), "{mode:?}: {found:?}");
            verify_file(&dir.path().join("v3.tabgraft"), Some(&dir.path().join("v1.tabgraft"))).unwrap();
            let again = EmbeddingSpace::load(&dir.path().join("v3.tabgraft")).unwrap();
            assert_eq!(again.row_parts(&all).unwrap().parts, later);
        }
        // Rows that tested before, and nothing later: still nothing to train on.
        let error =
            space.refresh(&dated(550..N_EARLY), None, &options(Mode::Anchored), &mut quiet).unwrap_err();
        assert!(error.is_value() && error.to_string().contains("tested before"), "{error}");
        let error = space.refresh(&dated(N_EARLY..N_EARLY + 2), None, &options(Mode::Anchored), &mut quiet);
        assert!(
            error.unwrap_err().to_string().contains("after the last time"),
            "two times are no three parts"
        );
    }
}

#[test]
fn a_merge_keeps_the_levels_of_its_first_parent_and_every_note_once() {
    let space = first_space();
    let frozen = refreshed(&space, Mode::Frozen);
    // The longest line stands first: it knows more levels than the other.
    let long = grafted(&grafted(&frozen, "extra", Mode::Frozen), "city", Mode::Frozen);
    let more: ArrayRef = Arc::new(Float64Array::from_iter_values((0..N_EARLY).map(|r| unit(r, 9))));
    let table = narrow(0..N_EARLY).with_column("more", more).unwrap();
    let short = grafted_with(&space, &table, Mode::Frozen);
    let merge = |spaces: &[&EmbeddingSpace]| {
        EmbeddingSpace::merge(spaces, None, &MergeOptions::default(), &mut quiet).unwrap()
    };
    let merged = merge(&[&short, &long]);
    assert_eq!(merged.id(), merge(&[&long, &short]).id());
    assert_eq!(stores_of(&merged), stores_of(&frozen));
    let all = rows(0..N_ALL);
    assert_eq!(bits(&merged, &all, space.d_model()), bits(&frozen, &all, space.d_model()));
    // What is said of the levels is said by two parents, or by the later one alone.
    assert!(!frozen.notes().is_empty());
    assert_eq!(merged.notes(), frozen.notes());
    assert_eq!(merge(&[&long, &grafted_with(&frozen, &table, Mode::Frozen)]).notes(), frozen.notes());
    assert_eq!(merge(&[&short, &frozen]).notes(), frozen.notes());
}

#[test]
fn a_prune_gives_back_the_rows_of_a_version_only_where_that_version_is_back() {
    let space = first_space();
    // Of fewer rows, so that one version's rows are not the other's.
    let wide = grafted_with(&space, &without(&rows(0..N_EARLY - 60), &["city"]), Mode::Frozen);
    assert_ne!(wide.hashes().data, space.hashes().data);
    let few = without(&rows(0..N_EARLY / 2), &["city"]);
    let moved = wide.refresh(&few, None, &options(Mode::Anchored), &mut quiet).unwrap();
    let gone = ["extra".to_owned()];
    let prune =
        |space: &EmbeddingSpace| space.prune(&gone, None, &PruneOptions::default(), &mut quiet).unwrap();
    let back = prune(&wide);
    assert_eq!(
        (&back.hashes().weights, &back.hashes().data),
        (&space.hashes().weights, &space.hashes().data)
    );
    // The same columns, and no version that ever was: it is of the rows that moved it.
    let other = prune(&moved);
    assert_eq!(other.hashes().schema, space.hashes().schema);
    assert_ne!(other.hashes().weights, space.hashes().weights);
    assert_eq!(other.hashes().data, moved.hashes().data);
    assert_ne!(other.hashes().data, space.hashes().data);
    // What is cut off exactly learns nothing of the rows that it is measured on.
    let all = without(&rows(0..N_EARLY), &["city"]);
    let measured = moved.prune(&gone, Some(&all), &PruneOptions::default(), &mut quiet).unwrap();
    assert_eq!(measured.hashes().weights, other.hashes().weights);
    assert_eq!(measured.hashes().data, moved.hashes().data);
}
