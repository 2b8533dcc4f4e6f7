//! A model computes the features that it was grafted with: raw, half and fully enriched tables are one table
//! to it, whatever it is asked.

#![allow(clippy::unwrap_used)]

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};

use arrow::array::{Array, ArrayRef, Float64Array, StringArray};
use tabgraft_feature::{Definition, Feature, FeatureEngineer, GroupStatistic};
use tabgraft_model::discover::remember::history::Guide;
use tabgraft_model::extend::PruneOptions;
use tabgraft_model::train::{Event, quiet};
use tabgraft_model::{
    CompareOptions, ConsolidateOptions, DiscoverOptions, EmbeddingSpace, ExtendOptions, FitOptions,
    MergeOptions, Mode, Predictor, PredictorOptions, RankColumnsOptions, TrainingOptions, discover, lineage,
};
use tabgraft_table::Table;

const N_ROWS: usize = 240;

fn noise(i: usize, salt: u64) -> f64 {
    let mut x = (i as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ salt.wrapping_mul(0xd134_2543_de82_ef95);
    x = (x ^ (x >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    ((x ^ (x >> 32)) >> 11) as f64 / (1u64 << 53) as f64
}

fn raw() -> Table {
    let number = |f: &dyn Fn(usize) -> f64| -> ArrayRef {
        Arc::new(Float64Array::from_iter((0..N_ROWS).map(|i| (i % 17 != 3).then(|| f(i)))))
    };
    let text = |f: &dyn Fn(usize) -> &'static str| -> ArrayRef {
        Arc::new(StringArray::from_iter_values((0..N_ROWS).map(f)))
    };
    Table::from_columns([
        ("amount", number(&|i| 100.0 + 900.0 * noise(i, 1))),
        ("months", number(&|i| 1.0 + (40.0 * noise(i, 2)).floor())),
        ("city", text(&|i| ["bern", "rome", "oslo"][i % 3])),
        ("target", text(&|i| if noise(i, 1) / (0.2 + noise(i, 2)) > 0.8 { "bad" } else { "good" })),
    ])
    .unwrap()
}

/// Features of the first graft, of the second, which reads them, and of the third, which reads those.
fn generations() -> [Vec<Feature>; 3] {
    let bins = Definition::Bins { column: "amount".into(), n_bins: 4 };
    let mean =
        Definition::Group { of: Some("monthly".into()), by: "band".into(), statistic: GroupStatistic::Mean };
    [
        vec![Feature::formula("monthly", "amount / months", ""), Feature::new("band", bins, "")],
        vec![Feature::new("usual", mean, ""), Feature::formula("is_high", "monthly > usual", "")],
        vec![Feature::formula("excess", "CASE WHEN is_high THEN monthly - usual ELSE 0 END", "")],
    ]
}

fn fitted(features: &[Feature], table: &Table) -> (FeatureEngineer, Table) {
    let mut engineer = FeatureEngineer::new(features.to_vec()).unwrap();
    let enriched = engineer.fit_transform(table).unwrap();
    (engineer, enriched)
}

fn first(table: &Table) -> EmbeddingSpace {
    let mut options = FitOptions { name: "v1".into(), ..FitOptions::default() };
    options.config.d_model = 16;
    options.config.training.n_epochs = Some(3);
    options.infer.ignore = vec!["target".into()];
    EmbeddingSpace::fit(table, None, &options, &mut quiet).unwrap()
}

fn options(features: &FeatureEngineer, mode: Mode) -> ExtendOptions {
    ExtendOptions {
        mode,
        training: TrainingOptions::of_epochs(2),
        d_side: (mode == Mode::Frozen).then_some(8),
        features: features.features().to_vec(),
        ..ExtendOptions::default()
    }
}

/// A space with three generations of features, the raw table, one with some features, and one with all.
struct Family {
    spaces: Vec<EmbeddingSpace>,
    tables: [Table; 3],
    engineers: Vec<FeatureEngineer>,
}

fn family(mode: Mode) -> Family {
    let raw = raw();
    let mut spaces = vec![first(&raw)];
    let mut tables = vec![raw.clone()];
    let mut engineers = Vec::new();
    for features in generations() {
        let (engineer, enriched) = fitted(&features, tables.last().unwrap());
        let parent = spaces.last().unwrap();
        spaces.push(parent.extend(&enriched, None, &options(&engineer, mode), &mut quiet).unwrap());
        tables.push(enriched);
        engineers.push(engineer);
    }
    let half = tables[3].without(&["band".into(), "usual".into(), "excess".into()]).unwrap();
    Family { spaces, tables: [raw, half, tables[3].clone()], engineers }
}

fn quick() -> PredictorOptions {
    PredictorOptions { n_epochs: 4, n_networks: Some(2), d_hidden: 16, ..PredictorOptions::default() }
}

fn json(value: &impl serde::Serialize) -> serde_json::Value {
    serde_json::to_value(value).unwrap()
}

/// JSON without what differs from one moment to the next.
fn without_times(mut value: serde_json::Value) -> serde_json::Value {
    fn strip(value: &mut serde_json::Value) {
        if let Some(object) = value.as_object_mut() {
            for key in ["seconds", "rows_per_second", "stages", "date", "run_id"] {
                object.remove(key);
            }
            object.values_mut().for_each(strip);
        } else if let Some(list) = value.as_array_mut() {
            list.iter_mut().for_each(strip);
        }
    }
    strip(&mut value);
    value
}

#[test]
fn every_question_to_a_space_has_one_answer_for_raw_half_and_enriched_tables() {
    for mode in [Mode::Frozen, Mode::Joint] {
        let Family { spaces, tables, .. } = family(mode);
        let [.., before, last] = &spaces[..] else { unreachable!() };
        let answers = tables.each_ref().map(|table| {
            let mut warnings = Vec::new();
            let mut sink = |event: &Event| {
                // What a search finds may tell the target too well; that is no word about the table.
                if let Event::Warning { text } = event
                    && !text.contains("the target nearly alone")
                {
                    warnings.push(text.clone());
                }
                ControlFlow::Continue(())
            };
            let embeddings = last.embed(table).unwrap();
            let bits: Vec<u32> = embeddings.values.iter().map(|v| v.to_bits()).collect();
            assert!(embeddings.differing.is_empty() && embeddings.report.missing_columns.is_empty());
            let rank = RankColumnsOptions { max_rows: 1_000, ..Default::default() };
            let ranking = last.rank_columns(table, Some("target"), &rank, &mut sink).unwrap();
            let unhealed =
                PruneOptions { training: TrainingOptions::of_epochs(1), ..PruneOptions::default() };
            let pruned = last.prune(&["city".into()], Some(table), &unhealed, &mut sink).unwrap();
            let plain = ConsolidateOptions { training: TrainingOptions::of_epochs(1), ..Default::default() };
            let plain = last.consolidate(table, None, &plain, &mut sink).unwrap();
            let compare = CompareOptions { predictor: quick(), cross_fit: false };
            let compared = before.compare(last, table, "target", &compare, &mut sink).unwrap();
            let mut search = DiscoverOptions { budget_s: 600.0, n_judged: 3, ..Default::default() };
            search.guide = Guide::Linear;
            let found = discover(last, table, "target", &search, &mut sink).unwrap();
            assert_eq!(warnings, Vec::<String>::new());
            (
                bits,
                json(&last.column_losses(table).unwrap()),
                json(&ranking.columns),
                pruned.hashes().clone(),
                plain.hashes().weights.clone(),
                without_times(json(&compared)),
                without_times(json(&found.run)),
            )
        });
        assert!(answers[0] == answers[2], "{mode:?}: raw and enriched");
        assert!(answers[1] == answers[2], "{mode:?}: half and enriched");
    }
}

#[test]
fn every_question_to_a_predictor_has_one_answer_for_raw_half_and_enriched_tables() {
    let Family { spaces, tables, .. } = family(Mode::Frozen);
    let fits = tables.each_ref().map(|table| {
        let weights = vec![1.0; N_ROWS];
        let fitted = Predictor::fit(&spaces[3], table, "target", &quick(), &mut quiet).unwrap();
        let weighted =
            Predictor::fit_weighted(&spaces[3], table, "target", &weights, &quick(), &mut quiet).unwrap();
        (fitted, weighted)
    });
    let other = Predictor::fit(&spaces[2], &tables[0], "target", &quick(), &mut quiet).unwrap();
    let [(first, _), ..] = &fits;
    let read = Predictor::from_bytes(&first.to_bytes().unwrap()).unwrap();
    let answers = tables.each_ref().map(|table| {
        let predictions = read.predict(table).unwrap();
        assert!(predictions.report.missing_columns.is_empty() && predictions.differing.is_empty());
        (
            predictions.values.iter().map(|v| v.to_bits()).collect::<Vec<_>>(),
            json(&read.evaluate(table).unwrap()),
            json(&read.guardrails(table).unwrap()),
            json(&other.compare(&read, table).unwrap()),
            read.unseen_columns(table).unwrap(),
        )
    });
    assert!(answers[0] == answers[2] && answers[1] == answers[2]);
    assert!(fits.iter().all(|(fitted, _)| fitted.id() == first.id()), "a fit does not depend on it either");
    assert!(fits.iter().all(|(_, weighted)| weighted.id() == fits[0].1.id()));
}

#[test]
fn a_row_alone_has_the_features_that_it_has_among_others() {
    let Family { spaces, tables, .. } = family(Mode::Frozen);
    let all = spaces[3].embed(&tables[2]).unwrap();
    for row in [0_u32, 3, 77] {
        let alone = spaces[3].embed(&tables[0].take(&[row]).unwrap()).unwrap();
        assert_eq!(alone.row(0), all.row(row as usize), "row {row}");
        assert_eq!(alone.report.computed_columns, ["monthly", "band", "usual", "is_high", "excess"]);
    }
}

#[test]
fn grafts_of_raw_tables_are_those_of_enriched_ones_and_every_feature_is_recorded() {
    let Family { spaces, tables, engineers } = family(Mode::Joint);
    // The parent's features are missing, and those of the graft too.
    let from_raw =
        spaces[2].extend(&tables[0], None, &options(&engineers[2], Mode::Joint), &mut quiet).unwrap();
    assert_eq!(from_raw.hashes(), spaces[3].hashes());
    let names: Vec<&str> = spaces[3].features().iter().map(|f| f.name.as_str()).collect();
    assert_eq!(names, ["monthly", "band", "usual", "is_high", "excess"]);
    // Training rows enriched, validation rows raw.
    let rows = |of: std::ops::Range<u32>| of.collect::<Vec<_>>();
    let (train, valid) = (tables[2].take(&rows(0..180)).unwrap(), tables[0].take(&rows(180..240)).unwrap());
    let mixed =
        spaces[2].extend(&train, Some(&valid), &options(&engineers[2], Mode::Joint), &mut quiet).unwrap();
    let whole_valid = tables[2].take(&rows(180..240)).unwrap();
    let whole = spaces[2]
        .extend(&train, Some(&whole_valid), &options(&engineers[2], Mode::Joint), &mut quiet)
        .unwrap();
    assert_eq!(mixed.hashes(), whole.hashes());
}

#[test]
fn what_a_feature_is_made_from_is_carried_even_where_it_is_no_column() {
    let raw = raw();
    let v1 = first(&raw);
    let (engineer, enriched) = fitted(
        &[
            Feature::formula("always", "CASE WHEN amount > 0 THEN 1 ELSE 1 END", ""),
            Feature::formula("more", "months + always", ""),
            Feature::formula("unused", "months * 3", ""),
        ],
        &raw,
    );
    let mut options = options(&engineer, Mode::Frozen);
    options.infer.ignore = vec!["unused".into()];
    let v2 = v1.extend(&enriched, None, &options, &mut quiet).unwrap();
    assert!(v2.columns().iter().all(|c| c.name != "always"), "a constant is no column");
    let names: Vec<&str> = v2.features().iter().map(|f| f.name.as_str()).collect();
    assert_eq!(names, ["always", "more"]);
    assert_eq!(v2.embed(&raw).unwrap().values, v2.embed(&enriched).unwrap().values);
    let read = EmbeddingSpace::from_bytes(&v2.to_bytes().unwrap()).unwrap();
    assert_eq!(read.embed(&raw).unwrap().values, v2.embed(&enriched).unwrap().values);
}

#[test]
fn candidates_are_recorded_if_they_give_what_every_row_holds() {
    let raw = raw();
    let v1 = first(&raw);
    let bins = |n_bins| Feature::new("band", Definition::Bins { column: "amount".into(), n_bins }, "");
    let (right, enriched) = fitted(&[bins(4), Feature::formula("monthly", "amount / months", "")], &raw);
    let (wrong, _) = fitted(&[bins(5), Feature::formula("monthly", "amount / (months + 1)", "")], &raw);
    let candidates = [right.features(), wrong.features()].concat();
    let options = ExtendOptions {
        candidates: candidates.clone(),
        ..options(&FeatureEngineer::new(vec![]).unwrap(), Mode::Frozen)
    };
    let child = v1.extend(&enriched, None, &options, &mut quiet).unwrap();
    assert_eq!(child.features(), right.features(), "the later ones do not give the columns");
    // One row that differs, the last one.
    let monthly = enriched.column("monthly").unwrap();
    let values: Vec<Option<f64>> = monthly.as_any().downcast_ref::<Float64Array>().unwrap().iter().collect();
    let mut changed = values.clone();
    *changed.last_mut().unwrap() = Some(1e6);
    let changed = enriched.with_column("monthly", Arc::new(Float64Array::from(changed))).unwrap();
    let child = v1.extend(&changed, None, &options, &mut quiet).unwrap();
    let names: Vec<&str> = child.features().iter().map(|f| f.name.as_str()).collect();
    assert_eq!(names, ["band"]);
}

#[test]
fn a_table_whose_features_are_others_is_used_as_it_is_with_a_loud_warning() {
    let Family { spaces, tables, engineers } = family(Mode::Frozen);
    let monthly: ArrayRef = Arc::new(Float64Array::from_iter((0..N_ROWS).map(|i| Some(i as f64))));
    let changed = tables[2].with_column("monthly", monthly.clone()).unwrap();
    let embeddings = spaces[3].embed(&changed).unwrap();
    assert_ne!(embeddings.values, spaces[3].embed(&tables[2]).unwrap().values);
    let text = embeddings.differing[0].to_string();
    assert!(
        text.starts_with("column `monthly` is not what its feature gives: ")
            && text.contains("such as row 0:"),
        "{text}"
    );
    let predictor = Predictor::fit(&spaces[3], &tables[0], "target", &quick(), &mut quiet).unwrap();
    assert_eq!(predictor.differing_columns(&changed).unwrap(), embeddings.differing);
    assert_eq!(predictor.predict(&changed).unwrap().differing, embeddings.differing);
    let told = Mutex::new(Vec::new());
    let mut sink = |event: &Event| {
        if let Event::Warning { text } = event {
            told.lock().unwrap().push(text.clone());
        }
        ControlFlow::Continue(())
    };
    Predictor::fit(&spaces[3], &changed, "target", &quick(), &mut sink).unwrap();
    assert!(told.lock().unwrap().iter().any(|t| t.contains("column `monthly` is not what")));
    // To be remembered, a feature has to give what its column holds.
    let error = spaces[0].extend(
        &raw().with_column("monthly", monthly).unwrap(),
        None,
        &options(&engineers[0], Mode::Frozen),
        &mut quiet,
    );
    let error = error.unwrap_err();
    assert!(error.is_schema() && error.to_string().contains("column `monthly`"), "{error}");
    // Seven digits are enough, as a file may have them.
    let single: ArrayRef = arrow::compute::cast(
        &arrow::compute::cast(tables[2].column("monthly").unwrap(), &arrow::datatypes::DataType::Float32)
            .unwrap(),
        &arrow::datatypes::DataType::Float64,
    )
    .unwrap();
    let rounded = tables[2].with_column("monthly", single).unwrap();
    assert!(spaces[3].embed(&rounded).unwrap().differing.is_empty());
}

#[test]
fn features_without_their_inputs_are_missing_as_columns_are() {
    let Family { spaces, tables, engineers } = family(Mode::Frozen);
    let table = tables[0].without(&["months".into()]).unwrap();
    let embeddings = spaces[3].embed(&table).unwrap();
    assert_eq!(embeddings.report.computed_columns, ["band"]);
    assert_eq!(embeddings.report.missing_columns, ["months", "monthly", "usual", "is_high", "excess"]);
    // What a graft is to remember has to be there.
    let error =
        spaces[0].extend(&table, None, &options(&engineers[0], Mode::Frozen), &mut quiet).unwrap_err();
    assert!(
        error.to_string().contains("feature `monthly` of option `features` cannot be computed"),
        "{error}"
    );
    assert!(error.to_string().contains("no column `months`"), "{error}");
    let unfitted = FeatureEngineer::new(generations()[0].clone()).unwrap();
    let error = spaces[0].extend(&raw(), None, &options(&unfitted, Mode::Frozen), &mut quiet).unwrap_err();
    assert!(
        error.to_string().contains("feature `band`") && error.to_string().contains("not fitted"),
        "{error}"
    );
}

#[test]
fn a_prune_drops_the_feature_and_a_merge_unites_them() {
    let Family { spaces, tables, .. } = family(Mode::Frozen);
    let unhealed = PruneOptions { training: TrainingOptions::of_epochs(0), ..PruneOptions::default() };
    let pruned = spaces[3].prune(&["excess".into()], None, &unhealed, &mut quiet).unwrap();
    let names: Vec<&str> = pruned.features().iter().map(|f| f.name.as_str()).collect();
    assert_eq!(names, ["monthly", "band", "usual", "is_high"]);
    assert_eq!(pruned.embed(&tables[0]).unwrap().values, spaces[2].embed(&tables[2]).unwrap().values);
    // What it left out it does not compute, and it does not come back.
    assert!(!pruned.embed(&tables[0]).unwrap().report.computed_columns.contains(&"excess".to_owned()));

    let raw = raw();
    let [one, two, _] = generations();
    let (one, with_one) = fitted(&one, &raw);
    let (other, with_other) = fitted(&[Feature::formula("half", "months / 2", "")], &raw);
    let a = spaces[0].extend(&with_one, None, &options(&one, Mode::Frozen), &mut quiet).unwrap();
    let (two, with_two) = fitted(&two, &with_one);
    let a = a.extend(&with_two, None, &options(&two, Mode::Frozen), &mut quiet).unwrap();
    for mode in [Mode::Frozen, Mode::Joint] {
        let b = spaces[0].extend(&with_other, None, &options(&other, mode), &mut quiet).unwrap();
        let merge = MergeOptions { training: TrainingOptions::of_epochs(1), ..MergeOptions::default() };
        let merged = EmbeddingSpace::merge(&[&a, &b], Some(&raw), &merge, &mut quiet).unwrap();
        let mut names: Vec<&str> = merged.features().iter().map(|f| f.name.as_str()).collect();
        names.sort_unstable();
        assert_eq!(names, ["band", "half", "is_high", "monthly", "usual"], "{mode:?}");
        let whole = other.transform(&with_two).unwrap();
        assert_eq!(merged.embed(&raw).unwrap().values, merged.embed(&whole).unwrap().values, "{mode:?}");
    }
}

#[test]
fn a_merge_holds_a_feature_against_the_one_of_its_name() {
    let raw = raw();
    let v1 = first(&raw);
    let grown = |parent: &EmbeddingSpace, table: &Table, name: &str, formula: &str| {
        let (engineer, enriched) = fitted(&[Feature::formula(name, formula, "")], table);
        let named = ExtendOptions { name: Some(formula.to_owned()), ..options(&engineer, Mode::Frozen) };
        (parent.extend(&enriched, None, &named, &mut quiet).unwrap(), enriched)
    };
    let merge = |spaces: &[&EmbeddingSpace]| {
        EmbeddingSpace::merge(spaces, None, &MergeOptions::default(), &mut quiet)
    };
    let (shared, enriched) = grown(&v1, &raw, "monthly", "amount / months");
    let (other, _) = grown(&v1, &raw, "monthly", "amount / (months + 1)");
    let error = merge(&[&shared, &other]).unwrap_err().to_string();
    assert!(error.contains("column `monthly` is a feature of different definitions in "), "{error}");
    assert!([shared.name(), other.name()].iter().all(|name| error.contains(&format!("`{name}`"))), "{error}");
    // Features that stand beside it in one parent alone do not matter.
    let (a, _) = grown(&shared, &enriched, "half", "months / 2");
    let (b, _) = grown(&shared, &enriched, "twice", "months * 2");
    let mut names: Vec<String> =
        merge(&[&a, &b]).unwrap().features().iter().map(|f| f.name.clone()).collect();
    names.sort_unstable();
    assert_eq!(names, ["half", "monthly", "twice"]);
}

#[test]
fn a_prune_takes_the_features_that_are_made_of_a_column_and_says_so() {
    let raw = raw();
    let (engineer, enriched) = fitted(
        &[
            Feature::formula("always", "CASE WHEN months > 0 THEN 1 ELSE 1 END", ""),
            Feature::formula("more", "months + always", ""),
            Feature::formula("share", "amount / 1000", ""),
        ],
        &raw,
    );
    let space = first(&raw).extend(&enriched, None, &options(&engineer, Mode::Frozen), &mut quiet).unwrap();
    assert!(space.columns().iter().all(|c| c.name != "always"), "a constant is no column");
    let unhealed = PruneOptions { training: TrainingOptions::of_epochs(0), ..PruneOptions::default() };
    let pruned = |columns: &[&str]| {
        let columns: Vec<String> = columns.iter().map(|c| (*c).to_owned()).collect();
        let mut notes = Vec::new();
        let mut sink = |event: &Event| {
            if let Event::Note { text } = event {
                notes.push(text.clone());
            }
            ControlFlow::Continue(())
        };
        let child = space.prune(&columns, None, &unhealed, &mut sink).unwrap();
        assert_eq!(child.features().iter().map(|f| &*f.name).collect::<Vec<_>>(), ["share"]);
        assert_eq!(child.extension_metadata().unwrap().columns_removed, ["months", "more"]);
        notes
    };
    let always = "feature `always` is pruned too: it is made of `months`";
    let more = "feature `more` is pruned too: it is made of `months`, `always`";
    assert_eq!(pruned(&["months"]), [always, more]);
    assert_eq!(pruned(&["months", "more"]), [always], "what is asked for needs no word");
}

#[test]
fn features_are_under_the_id_and_hold_against_the_parent() {
    let Family { spaces, .. } = family(Mode::Frozen);
    let folder = tempfile::tempdir().unwrap();
    let paths: Vec<_> = (0..4).map(|i| folder.path().join(format!("v{i}.tabgraft"))).collect();
    for (space, path) in spaces.iter().zip(&paths) {
        space.save(path).unwrap();
    }
    lineage::verify_file(&paths[3], Some(&paths[1])).unwrap();
    let found = lineage::verify(folder.path()).unwrap();
    assert!(found.ok && found.links.len() == 3, "{found:?}");
    // Another state of a feature gives other vectors: it is another version.
    let bins = |n_bins| Feature::new("band", Definition::Bins { column: "amount".into(), n_bins }, "");
    let ids = [3, 6].map(|n_bins| {
        let (engineer, enriched) = fitted(&[bins(n_bins)], &raw());
        let child = spaces[0].extend(&enriched, None, &options(&engineer, Mode::Frozen), &mut quiet);
        child.unwrap().hashes().features.clone()
    });
    assert_ne!(ids[0], ids[1]);
}

#[test]
fn a_search_on_a_grafted_space_suggests_what_can_be_applied_to_a_raw_table() {
    let Family { spaces, tables, .. } = family(Mode::Frozen);
    let mut search = DiscoverOptions { budget_s: 600.0, n_judged: 3, ..Default::default() };
    search.guide = Guide::Linear;
    let found = discover(&spaces[3], &tables[0], "target", &search, &mut quiet).unwrap();
    assert!(
        ["monthly", "band", "usual", "excess"]
            .iter()
            .all(|f| found.run.input_columns.contains(&(*f).to_owned()))
    );
    let whole = FeatureEngineer::new(found.suggested_whole()).unwrap();
    let enriched = whole.transform(&raw()).unwrap();
    assert!(found.suggested().iter().all(|f| enriched.has_column(&f.name)));
}

/// The second run of a loop once proposed what the first one had grafted, under a name of its own.
#[test]
fn a_search_on_a_grafted_space_does_not_propose_what_it_has() {
    let raw = raw();
    let space = family(Mode::Frozen).spaces[0].clone();
    let mut search = DiscoverOptions {
        budget_s: 600.0,
        n_judged: 40,
        n_suggested: 40,
        guide: Guide::Linear,
        ..Default::default()
    };
    search.max_candidates = 60;
    let first = discover(&space, &raw, "target", &search, &mut quiet).unwrap();
    let mut engineer = FeatureEngineer::new(first.suggested_whole()).unwrap();
    engineer.fit_rest(&raw).unwrap();
    assert!(!engineer.features().is_empty());
    let training = TrainingOptions { n_epochs: Some(1), ..TrainingOptions::default() };
    let options =
        ExtendOptions { training, features: engineer.features().to_vec(), ..ExtendOptions::default() };
    let child = space.extend(&raw, None, &options, &mut quiet).unwrap();
    let second = discover(&child, &raw, "target", &search, &mut quiet).unwrap();
    let known: Vec<_> = child.features().iter().map(|f| &f.definition).collect();
    let again: Vec<_> = second.run.suggestions.iter().filter(|s| known.contains(&&s.definition)).collect();
    assert!(!second.run.suggestions.is_empty() && again.is_empty(), "{again:?}");
}
