//! Cards of models of every kind: they bear themselves out, and names are text in them.

#![expect(clippy::unwrap_used, reason = "a test ends where its helpers fail")]

mod fixtures;

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, StringArray};
use serde_json::Value;
use tabgraft_feature::{Feature, FeatureEngineer};
use tabgraft_model::card::ModelCard;
use tabgraft_model::predictor::GrowOptions;
use tabgraft_model::space::Mode;
use tabgraft_model::{
    ConsolidateOptions, EmbeddingSpace, ExtendOptions, MergeOptions, Predictor, PredictorOptions,
    PruneOptions, TrainingOptions,
};
use tabgraft_table::Table;
use tabgraft_table::split::SplitOptions;

use fixtures::{quiet, small_space};

const HOSTILE: &str = "a: [b]\n--- # | <b>\"'\u{1b}\u{2028}";

fn table() -> Table {
    let n = 400;
    let number = |step: usize| -> ArrayRef {
        Arc::new(Float64Array::from_iter_values((0..n).map(|r| (r * step % 101) as f64)))
    };
    let text = |step: usize| -> ArrayRef {
        Arc::new(StringArray::from_iter_values((0..n).map(|r| format!("k{}", r * step % 4))))
    };
    let y: ArrayRef = Arc::new(StringArray::from_iter_values(
        (0..n).map(|r| if r * 37 % 101 > 50 { "yes" } else { HOSTILE }),
    ));
    let constant: ArrayRef = Arc::new(StringArray::from(vec!["same"; n]));
    Table::from_columns([
        ("x", number(37)),
        (HOSTILE, number(11)),
        ("kind", text(3)),
        ("late", number(7)),
        ("later", text(7)),
        ("constant", constant),
        ("y", y),
        ("n", number(37)),
    ])
    .unwrap()
}

fn without(table: &Table, names: &[&str]) -> Table {
    table.without(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap()
}

fn grafted(space: &EmbeddingSpace, table: &Table, mode: Mode, features: &[Feature]) -> EmbeddingSpace {
    let options = ExtendOptions {
        mode,
        training: TrainingOptions::of_epochs(2),
        features: features.to_vec(),
        ..ExtendOptions::default()
    };
    space.extend(table, None, &options, &mut quiet).unwrap()
}

/// The metadata in front of a card, line by line.
fn front(markdown: &str) -> Vec<&str> {
    let rest = markdown.strip_prefix("---\n").unwrap();
    rest[..rest.find("\n---\n").unwrap()].lines().collect()
}

#[test]
fn cards_of_every_kind_add_up_and_say_what_a_model_comes_from() {
    let table = table();
    let inputs = without(&table, &["y", "n"]);
    let first = small_space(&without(&inputs, &["late", "later"]), &[], 2, SplitOptions::default());
    let mut engineer =
        FeatureEngineer::new(vec![Feature::formula("ratio", "x / (late + 1)", "a share")]).unwrap();
    let enriched = engineer.fit_transform(&inputs).unwrap();
    let frozen = grafted(&first, &without(&enriched, &["later"]), Mode::Frozen, engineer.features());
    let joint = grafted(&first, &without(&inputs, &["later"]), Mode::Joint, &[]);
    let sister = grafted(&first, &without(&inputs, &["late"]), Mode::Frozen, &[]);
    let merged = EmbeddingSpace::merge(&[&frozen, &sister], None, &MergeOptions::default(), &mut quiet);
    let pruned = frozen.prune(&["late".to_owned()], None, &PruneOptions::default(), &mut quiet);
    let options = ConsolidateOptions { training: TrainingOptions::of_epochs(2), ..Default::default() };
    let plain = frozen.consolidate(&enriched, None, &options, &mut quiet);
    for (space, operation, relation) in [
        (&first, None, None),
        (&frozen, Some("graft"), Some("adapter")),
        (&joint, Some("graft"), Some("finetune")),
        (&merged.unwrap(), Some("merge"), Some("merge")),
        (&pruned.unwrap(), Some("prune"), Some("finetune")),
        (&plain.unwrap(), Some("consolidate"), Some("finetune")),
    ] {
        let card = ModelCard::of_space(space).unwrap();
        assert_eq!(card.id, space.id().to_string());
        assert_eq!(card.lineage.last().map(|step| step.operation), operation);
        assert_eq!(card.parents.first().map(|parent| parent.relation), relation);
        if let Some(parent) = card.parents.first() {
            let wanted = space.extensions().last().unwrap().parent.id().to_string();
            assert_eq!(parent.id, wanted);
        }
        let markdown = card.markdown(&[]);
        let front = front(&markdown);
        assert!(
            front.contains(&"library_name: tabgraft") && front.contains(&"pipeline_tag: feature-extraction")
        );
        assert_eq!(front.contains(&"base_model:"), relation.is_some());
        assert!(!markdown.contains('\u{1b}') && !markdown.contains("<b>"), "{markdown}");
        assert!(markdown.contains("constant") && markdown.contains("left out"), "{markdown}");
    }
    let card = ModelCard::of_space(&frozen).unwrap();
    assert_eq!(card.data.features[0].definition, "x / (late + 1)");
    assert_eq!(card.lineage[0].drift.unwrap().mean_cosine_distance, 0.0);
    assert_eq!((card.data.n_columns.used, card.data.n_columns.numeric), (5, 4));
}

#[test]
fn a_predictors_card_has_its_scores_and_what_it_grew_from() {
    let table = table();
    let first = small_space(&without(&table, &["late", "later", "y", "n"]), &[], 2, SplitOptions::default());
    let options =
        PredictorOptions { n_epochs: 2, n_networks: Some(2), d_hidden: 8, ..PredictorOptions::default() };
    let fit = |target: &str| Predictor::fit(&first, &table, target, &options, &mut quiet).unwrap();
    let (classes, number) = (fit("y"), fit("n"));
    let child = grafted(&first, &without(&table, &["y", "n"]), Mode::Frozen, &[]);
    let grown = classes.extend(&child, &table, None, &GrowOptions::default(), &mut quiet).unwrap().predictor;
    for (predictor, pipeline, n_parents) in
        [(&classes, "classification", 1), (&number, "regression", 1), (&grown, "classification", 2)]
    {
        let card = ModelCard::of_predictor(predictor).unwrap();
        assert_eq!(card.parents.len(), n_parents);
        assert_eq!(card.scores, predictor.fit_info().scores);
        let markdown = card.markdown(&["acme/loans".to_owned()]);
        let front = front(&markdown);
        assert!(front.contains(&format!("pipeline_tag: tabular-{pipeline}").as_str()), "{front:?}");
        let at = front.iter().position(|line| *line == "base_model:").unwrap();
        assert_eq!((front[at + 1], front[at + 2]), ("- \"acme/loans\"", "base_model_relation: finetune"));
        for score in &card.scores {
            assert!(front.contains(&format!("- {}", score.metric.name()).as_str()));
            assert!(front.contains(&format!("      value: {:.6}", score.value).as_str()), "{front:?}");
        }
        let json: Value = serde_json::to_value(&card).unwrap();
        assert_eq!((&json["kind"], &json["format_version"]), (&"predictor".into(), &1.into()));
    }
    let card = ModelCard::of_predictor(&classes).unwrap();
    let task = card.task.unwrap();
    assert_eq!((task.classes.len(), task.threshold), (2, Some(0.5)));
    assert!(task.classes.contains(&HOSTILE.to_owned()), "JSON has names as they are");
}
