//! What the page shows of a model's version.

use minijinja::Value;
use serde::Serialize;
use tabgraft_model::lineage::Node;
use tabgraft_model::metric::{Metric, Score};
use tabgraft_model::registry::Event;
use tabgraft_model::{Lineage, ModelKind};
use tabgraft_table::schema::{ColumnSpec, ExcludedColumn};

use super::answer::{Answered, Told};
use super::drift::DriftView;
use super::form::{Field, Form};
use crate::failure::Failure;
use crate::served::{Model, Served, Version};

/// Digits of an id that are shown.
const SHORT: usize = 12;
/// Entries of a registry's history that are shown, the last ones.
const MOST_EVENTS: usize = 20;

/// A page.
#[derive(Debug, Default, Serialize)]
pub(crate) struct View {
    title: String,
    models: Vec<Nav>,
    model: String,
    error: Option<Told>,
    #[serde(flatten)]
    of_model: Option<ModelView>,
}

/// A model in the list of all.
#[derive(Debug, Serialize)]
struct Nav {
    name: String,
    kind: &'static str,
    version: String,
    id: String,
}

/// What is shown of a version.
#[derive(Debug, Serialize)]
pub(crate) struct ModelView {
    version: Facts,
    verb: &'static str,
    fields: Vec<Field>,
    pasted: String,
    answer: Option<Answered>,
    drift: Option<DriftView>,
    scores: Vec<ScoreRow>,
    lineage: Option<Value>,
    versions: Vec<VersionRow>,
    events: Vec<EventRow>,
    columns: Vec<ColumnSpec>,
    excluded: Vec<ExcludedColumn>,
}

#[derive(Debug, Serialize)]
struct Facts {
    what: String,
    name: String,
    short: String,
    id: String,
    is_current: bool,
    facts: Vec<(&'static str, String)>,
}

#[derive(Debug, Serialize)]
struct ScoreRow {
    metric: &'static str,
    value: String,
    low: String,
    high: String,
    n: usize,
    /// Left end, dot and width of the interval in hundredths, of a metric from 0 to 1.
    place: Option<[String; 3]>,
}

#[derive(Debug, Serialize)]
struct VersionRow {
    name: String,
    short: String,
    kind: &'static str,
    added: String,
    is_current: bool,
    id: String,
}

#[derive(Debug, Serialize)]
struct EventRow {
    date: String,
    action: &'static str,
    name: String,
    note: String,
}

impl View {
    /// The list of models.
    pub fn of_all(served: &Served) -> Self {
        View { title: "Models".to_owned(), models: navigation(served), ..View::default() }
    }

    /// A model's page.
    pub fn of_model(served: &Served, model: &Model, view: ModelView) -> Self {
        View {
            title: model.name.clone(),
            models: navigation(served),
            model: model.name.clone(),
            error: None,
            of_model: Some(view),
        }
    }

    /// That there is none.
    pub fn failed(served: &Served, failure: &Failure) -> Self {
        View {
            title: "Nothing to show".to_owned(),
            models: navigation(served),
            error: Some(failure.into()),
            ..View::default()
        }
    }
}

impl ModelView {
    /// Reads what there is to show; the files of the lineage among it.
    ///
    /// # Errors
    /// Those of reading a registry's record.
    pub fn new(
        served: &Served,
        model: &Model,
        version: &Version,
        form: &Form,
        answer: Option<Answered>,
        drift: Option<DriftView>,
    ) -> Result<Self, Failure> {
        let is_current = model.current().is_some_and(|current| current.id == version.id);
        let card = match (version.space(), version.predictor()) {
            (Some(space), _) => Some(space.card()),
            (None, Some(predictor)) => Some(predictor.card().space),
            (None, None) => None,
        };
        let (columns, excluded) = card.map(|card| (card.columns, card.excluded)).unwrap_or_default();
        let scores = version.predictor().map(|predictor| predictor.fit_info().scores.clone());
        let (versions, events) = registry(model)?;
        let lineage = Lineage::read(model.path()).ok();
        let drawing = lineage.filter(|lineage| !lineage.nodes.is_empty());
        Ok(ModelView {
            version: facts(version, is_current),
            verb: if version.predictor().is_some() { "Predict" } else { "Embed" },
            fields: form.fields(version),
            pasted: form.pasted.clone(),
            answer,
            drift,
            scores: scores.unwrap_or_default().iter().map(score_row).collect(),
            lineage: drawing.map(|lineage| {
                // It escapes what stands in it.
                Value::from_safe_string(
                    lineage.svg_with_links(&|node| address(served, model, &versions, node)),
                )
            }),
            versions,
            events,
            columns,
            excluded,
        })
    }
}

fn navigation(served: &Served) -> Vec<Nav> {
    let one = |model: &Model| {
        let current = model.current();
        let version = current.as_deref();
        Nav {
            name: model.name.clone(),
            kind: version.map_or("", |version| kind_words(version.model.kind())),
            version: version.map_or_else(|| "none yet".to_owned(), |version| version.name.clone()),
            id: version.map(|version| short(&version.id).to_owned()).unwrap_or_default(),
        }
    };
    served.models.iter().map(one).collect()
}

fn kind_words(kind: ModelKind) -> &'static str {
    match kind {
        ModelKind::EmbeddingSpace => "embedding space",
        ModelKind::Predictor => "predictor",
    }
}

fn short(id: &str) -> &str {
    id.get(..SHORT).unwrap_or(id)
}

fn facts(version: &Version, is_current: bool) -> Facts {
    let mut facts = Vec::new();
    let what = match (version.space(), version.predictor()) {
        (Some(space), _) => {
            let card = space.card();
            facts.push(("trained", card.created));
            facts.push(("software", card.software));
            facts.push(("coordinates of a vector", card.d_model.to_string()));
            facts.push(("weights", card.n_weights.to_string()));
            "An embedding space".to_owned()
        }
        (None, Some(predictor)) => {
            let card = predictor.card();
            facts.push(("fitted", card.created.clone()));
            facts.push(("software", card.software.clone()));
            facts.push(("predicts by", card.learners()));
            facts.push(("rows learned from", card.fit_info.n_rows.to_string()));
            facts.push(("on the space", card.space.name.clone()));
            format!("A predictor of {}", predictor.target().column())
        }
        (None, None) => String::new(),
    };
    facts.push(("columns", version.columns().len().to_string()));
    let (name, id) = (version.name.clone(), version.id.clone());
    Facts { what, name, short: short(&id).to_owned(), id, is_current, facts }
}

fn score_row(score: &Score) -> ScoreRow {
    let is_share = matches!(
        score.metric,
        Metric::RocAuc | Metric::PrAuc | Metric::Accuracy | Metric::BalancedAccuracy | Metric::F1
    );
    let hundredths = |value: f64| format!("{:.2}", 100.0 * value.clamp(0.0, 1.0));
    ScoreRow {
        metric: score.metric.words(),
        value: format!("{:.4}", score.value),
        low: format!("{:.4}", score.low),
        high: format!("{:.4}", score.high),
        n: score.n,
        place: is_share
            .then(|| [hundredths(score.low), hundredths(score.value), hundredths(score.high - score.low)]),
    }
}

fn registry(model: &Model) -> Result<(Vec<VersionRow>, Vec<EventRow>), Failure> {
    let Some(registry) = model.registry() else { return Ok((Vec::new(), Vec::new())) };
    let current = registry.current()?;
    let versions = registry.versions()?;
    let events = registry.history()?;
    let event = |event: &Event| EventRow {
        date: event.date.clone(),
        action: event.action.name(),
        name: versions.iter().find(|v| v.id == event.to).map(|v| v.name.clone()).unwrap_or_default(),
        note: event.note.clone(),
    };
    let events = events.iter().rev().take(MOST_EVENTS).map(event).collect();
    let row = |version: &tabgraft_model::registry::Version| VersionRow {
        name: version.name.clone(),
        short: version.id.short().to_owned(),
        kind: kind_words(version.kind),
        added: version.added.clone(),
        is_current: current.as_ref().is_some_and(|current| current.id == version.id),
        id: version.id.as_str().to_owned(),
    };
    Ok((versions.iter().map(row).collect(), events))
}

/// Where a version of the drawing can be looked at.
fn address(served: &Served, model: &Model, versions: &[VersionRow], node: &Node) -> Option<String> {
    let id = node.id.as_str();
    if versions.iter().any(|version| version.id == id) {
        return Some(format!("/page/{}/versions/{id}", model.name));
    }
    let is_current = |other: &&Model| other.current().is_some_and(|current| current.id == id);
    let other = served.models.iter().find(is_current)?;
    (other.name != model.name).then(|| format!("/page/{}", other.name))
}
