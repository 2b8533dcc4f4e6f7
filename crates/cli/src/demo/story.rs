//! The three runs.

use tabgraft_feature::{Feature, FeatureEngineer};
use tabgraft_model::discover::remember::history::{self, FeatureJudgement};
use tabgraft_model::error::{Error, Result};
use tabgraft_model::metric::Score;
use tabgraft_model::report::{
    Check, Credit, Extension, Fact, FeatureSearch, FoundFeature, Node, Picture, Story, Version, Way, WayKind,
};
use tabgraft_model::{DiscoverOptions, EmbeddingSpace, Mode, discover};
use tabgraft_table::Table;
use tabgraft_table::cell::texts;
use tabgraft_table::read::{ReadOptions, read_csv_bytes};
use tabgraft_table::split::Part;
use tabgraft_table::table::quoted;

use super::stage::{Model, Parted, Stage};
use super::text::{difference_text, score_text, seconds_text};
use super::{Rows, planted};

/// The column that is predicted; no space sees it.
pub const TARGET: &str = "default";
/// Columns that arrive after the first training.
pub const LATE: [&str; 3] = ["checking_status", "savings_status", "credit_history"];

/// Statlog (German Credit Data), its codes written out as words.
const CSV: &[u8] = include_bytes!("../../../../fixtures/german_credit.csv");
/// Longest search for features, seconds: far above what it takes, so that results depend on the
/// seed and not on the machine.
const SEARCH_S: f64 = 60.0;

/// What a search leaves in its folder.
const SEARCH_FILES: [(&str, &str); 3] = [
    ("suggested_features.json", "the suggested features, as `apply` reads them"),
    ("feature_suggestion_history.json", "the best features of the search, judged or not"),
    ("feature_effectiveness.json", "what features were worth, over all runs in this folder"),
];

/// The end of the story.
pub struct Told {
    pub rows: Rows,
    pub report: Story,
}

/// Tells it.
pub fn tell(stage: &mut Stage<'_>) -> Result<Told> {
    let full = read_csv_bytes(CSV, "german_credit.csv", &ReadOptions::default())?;
    let early = full.without(&LATE.map(str::to_owned))?;
    let credit = credit();
    stage.say(&format!(
        "{}: {} rows, {} columns and the target `{TARGET}`.",
        credit.name,
        full.n_rows(),
        full.n_columns() - 1
    ));
    stage.say(&format!("{}. Licence: {}.", credit.source, credit.licence));

    stage.say(&format!("\nRun 1: a space without {}, as if they were delivered later.", quoted(&LATE)));
    let space = stage.first("v1", &early)?;
    let parts = space.split().assign(&early)?;
    let table = Parted::new(early.clone(), &parts)?;
    let rows =
        Rows { n_train: table.train.n_rows(), n_valid: table.valid.n_rows(), n_test: table.test.n_rows() };
    stage.say(&format!(
        "Rows by a hash of their cells, the same in every version: {} to train, {} to validate, {} held out.",
        rows.n_train, rows.n_valid, rows.n_test
    ));
    let v1 = stage.predicting(space, &table.all, &table)?;
    let mut report = Story { credits: vec![credit], ..Story::default() };
    let what = format!("first training, {} columns", v1.space.columns().len());
    tell_version(stage, &mut report, &v1, None, &table, what)?;

    stage.say(&format!("\nRun 2: {} arrive and are grafted onto v1.", quoted(&LATE)));
    drop(table);
    let what = format!("v1 and the late columns {}", LATE.join(", "));
    let (v2, table) = extend(stage, &mut report, (&v1, "v2", what), full.clone(), &[], &parts)?;

    stage.say("\nRun 3: search for features in the columns of v2, then graft the suggested ones.");
    let (features, search) = search(stage, &v2.space, &table)?;
    let engineer = FeatureEngineer::new(features)?;
    let n_proven = search.features.iter().filter(|f| f.is_suggested && f.is_recommended).count();
    report.discovery = Some(search);
    let what = format!("v2 and {} suggested features, {n_proven} of them proven", engineer.features().len());
    drop(table);
    let (v3, table) = extend(
        stage,
        &mut report,
        (&v2, "v3", what),
        engineer.transform(&full)?,
        engineer.features(),
        &parts,
    )?;

    stage.say("\nChecks:");
    check_promises(stage, &mut report, [&v1, &v2, &v3], &table)?;
    stage.say("\nA made-up table: what does the search find where there is something to find?");
    report.planted = Some(planted::search(stage)?);
    for model in [&v1, &v2] {
        report.pictures.push(picture(model, &table.all)?);
    }
    introduce(&mut report, &table.all, rows, stage.seed);
    Ok(Told { rows, report })
}

/// Searches features, writes what was found, and gives the suggested ones.
fn search(
    stage: &mut Stage<'_>,
    space: &EmbeddingSpace,
    table: &Parted,
) -> Result<(Vec<Feature>, FeatureSearch)> {
    let options = DiscoverOptions {
        budget_s: SEARCH_S,
        seed: stage.seed,
        predictor: stage.predictor_options(space.name()),
        ..DiscoverOptions::default()
    };
    let found = stage.step("feature search", |sink| discover(space, &table.all, TARGET, &options, sink))?;
    found.write(&stage.out)?;
    for (name, what) in SEARCH_FILES {
        stage.wrote(stage.out.join(name), what);
    }
    let search = FeatureSearch::of(&found.run, Some(found.seconds));
    let n_recommended = search.features.iter().filter(|f| f.is_recommended).count();
    stage.say(&format!(
        "  {} candidates, {} of the best {} judged on {} other rows, {}",
        search.n_candidates,
        search.features.iter().filter(|f| f.judgement.is_some()).count(),
        search.features.len(),
        search.n_judging_rows,
        seconds_text(found.seconds)
    ));
    for f in search.features.iter().filter(|f| f.is_suggested) {
        let standing = match f.judgement.map(|j| j.verdict) {
            _ if f.is_recommended => "proven",
            Some(history::FeatureVerdict::Unconfirmed) => "not confirmed for lack of time",
            _ => "not proven, nothing is claimed for it",
        };
        let effect = match f.judgement {
            Some(FeatureJudgement { effect, interval: [low, high], .. }) => {
                format!("effect {effect:+.4} [{low:+.4}, {high:+.4}]")
            }
            None => "not judged".to_owned(),
        };
        stage.say(&format!("  suggested: {} = {}\n             {effect}, {standing}", f.name, f.formula));
    }
    let harmful: Vec<&str> = search.features.iter().filter(|f| hurts(f)).map(|f| f.name.as_str()).collect();
    if !harmful.is_empty() {
        stage.say(&format!("  seen to hurt, so not suggested: {}", quoted(&harmful)));
    }
    stage.say(&format!("  recommended, that is proven: {n_recommended}"));
    Ok((found.suggested(), search))
}

/// Whether the judging rows say that a feature hurts.
fn hurts(feature: &FoundFeature) -> bool {
    feature.judgement.is_some_and(|j| j.verdict == history::FeatureVerdict::Harmful || j.interval[1] < 0.0)
}

/// Grafts the table's new columns, frozen, and goes the other ways to the same columns.
fn extend(
    stage: &mut Stage<'_>,
    report: &mut Story,
    (parent, name, what): (&Model, &str, String),
    table: Table,
    features: &[Feature],
    parts: &[Part],
) -> Result<(Model, Parted)> {
    let table = Parted::new(table, parts)?;
    let frozen = stage.graft(&parent.space, name, Mode::Frozen, &table, features)?;
    tell_version(stage, report, &frozen, Some(parent), &table, what)?;
    let joint = stage.graft(&parent.space, &format!("{name}_joint"), Mode::Joint, &table, features)?;
    report.lineage.push(Node::of(&joint.space));
    let full = stage.anew(&format!("{name}_full"), &table, None)?;
    let n_epochs = frozen.space.training_info().epochs.len();
    let scratch = stage.anew(&format!("{name}_scratch"), &table, Some(n_epochs))?;
    let mut ways = vec![way(WayKind::Frozen, &frozen, None, &table)?];
    for (kind, model) in
        [(WayKind::Joint, joint), (WayKind::FullRetraining, full), (WayKind::FromScratch, scratch)]
    {
        ways.push(way(kind, &model, Some(&frozen), &table)?);
    }
    for way in &ways {
        stage.say(&format!(
            "  {:<26} {:>3} epochs {:>8}  {}{}",
            way.kind.label(),
            way.n_epochs,
            seconds_text(way.seconds),
            score_text(&way.score),
            way.difference.map(|d| format!(", against frozen {}", difference_text(&d))).unwrap_or_default()
        ));
    }
    let new_columns = match frozen.space.extension_metadata() {
        Some(graft) => graft.new_columns_added.clone(),
        None => Vec::new(),
    };
    report.extensions.push(Extension {
        version: name.to_owned(),
        parent: parent.space.name().to_owned(),
        new_columns,
        ways,
    });
    Ok((frozen, table))
}

fn way(kind: WayKind, model: &Model, graft: Option<&Model>, table: &Parted) -> Result<Way> {
    let training = model.space.training_info();
    Ok(Way {
        kind,
        n_epochs: training.epochs.len(),
        seconds: training.seconds,
        score: primary(model)?,
        difference: graft.map(|g| g.predictor.compare(&model.predictor, &table.test)).transpose()?,
        drift: model.space.extension_metadata().and_then(|g| g.drift),
    })
}

/// Adds a version to the report and says what it reaches.
fn tell_version(
    stage: &mut Stage<'_>,
    report: &mut Story,
    model: &Model,
    before: Option<&Model>,
    table: &Parted,
    what: String,
) -> Result<()> {
    let space = &model.space;
    let training = space.training_info();
    let difference = before.map(|b| b.predictor.compare(&model.predictor, &table.test)).transpose()?;
    stage.say(&format!(
        "  {}: {what}; {} coordinates, {} epochs in {}, predictor in {}",
        space.name(),
        space.d_model(),
        training.epochs.len(),
        seconds_text(training.seconds),
        seconds_text(model.predictor.fit_info().seconds)
    ));
    stage.say(&format!("  {} on {} held-out rows", score_text(&primary(model)?), table.test.n_rows()));
    if let (Some(difference), Some(before)) = (&difference, before) {
        stage.say(&format!("  against {}: {}", before.space.name(), difference_text(difference)));
    }
    report.lineage.push(Node::of(space));
    report.versions.push(Version {
        name: space.name().to_owned(),
        what,
        n_columns: space.columns().len(),
        d_model: space.d_model(),
        scores: model.scores.clone(),
        difference,
        drift: space.extension_metadata().and_then(|g| g.drift),
        training: training.clone(),
        predictor_seconds: model.predictor.fit_info().seconds,
    });
    Ok(())
}

fn primary(model: &Model) -> Result<Score> {
    let score = model.scores.first().copied();
    score.ok_or_else(|| Error::value(format!("the predictor on `{}` has no score", model.space.name())))
}

/// Compares bytes, and reads back what was written.
fn check_promises(
    stage: &mut Stage<'_>,
    report: &mut Story,
    models: [&Model; 3],
    table: &Parted,
) -> Result<()> {
    for pair in models.windows(2) {
        let (parent, child) = (&pair[0].space, &pair[1].space);
        let (before, after) = (parent.embed(&table.all)?, child.embed(&table.all)?);
        let bits = |row: &[f32]| row.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        let n_same = (0..before.n_rows)
            .filter(|r| after.row(*r).get(..before.d_model).map(bits) == Some(bits(before.row(*r))))
            .count();
        report.checks.push(Check {
            promise: format!("{} keeps every vector of {} byte for byte", child.name(), parent.name()),
            found: format!("{n_same} of {} rows, {} coordinates each", before.n_rows, before.d_model),
            holds: n_same == before.n_rows,
        });
    }
    let [.., last] = models;
    let together = last.space.embed(&table.all)?;
    let mut n_same = 0;
    let sample: Vec<usize> = (0..table.all.n_rows()).step_by(100).collect();
    for r in &sample {
        let alone = last.space.embed(&table.all.slice(*r, 1))?;
        n_same += usize::from(alone.row(0) == together.row(*r));
    }
    report.checks.push(Check {
        promise: "a row has the same vector alone and among all rows".to_owned(),
        found: format!("{n_same} of {} rows that were tried", sample.len()),
        holds: n_same == sample.len(),
    });
    let mut n_whole = 0;
    for model in models {
        n_whole += usize::from(stage.save(model, table)?);
    }
    report.checks.push(Check {
        promise: "saved files match their hashes and give the same vectors and predictions".to_owned(),
        found: format!("{n_whole} of {} pairs of files", models.len()),
        holds: n_whole == models.len(),
    });
    for check in &report.checks {
        let word = if check.holds { "holds" } else { "BROKEN" };
        stage.say(&format!("  {word}: {} ({})", check.promise, check.found));
    }
    Ok(())
}

/// The rows that have a target, in the plane of their vectors.
fn picture(model: &Model, table: &Table) -> Result<Picture> {
    let classes = model.predictor.target().classes();
    let target = texts(TARGET, table.column(TARGET)?)?;
    let class = |value: Option<&str>| classes.iter().position(|c| Some(c.as_str()) == value);
    let (rows, groups): (Vec<u32>, Vec<usize>) =
        (0_u32..).zip(target.iter()).filter_map(|(row, value)| Some((row, class(value)?))).unzip();
    let vectors = model.space.embed(&table.take(&rows)?)?;
    let labels = classes.iter().map(|c| format!("{TARGET} = {c}")).collect();
    Picture::of(model.space.name(), (&vectors.values, vectors.d_model), TARGET, labels, &groups)
}

/// Title, story and facts, once everything is known.
fn introduce(report: &mut Story, table: &Table, rows: Rows, seed: u64) {
    report.title = "An embedding space that grows: German Credit".to_owned();
    report.story.push(format!(
        "Three runs on {} loans. v1 learned one vector per loan without the columns {}, as if a credit bureau delivered \
         them later. v2 grafts the late columns onto v1. v3 grafts the features that a search in the columns of v2 \
         suggested, proven or not. No space has seen the target {TARGET}; a predictor of it stands on each of them.",
        table.n_rows(),
        LATE.join(", ")
    ));
    let fact = |label: &str, value: String| Fact { label: label.to_owned(), value };
    report.facts = vec![
        fact("Rows to train on", rows.n_train.to_string()),
        fact("Rows to validate on", rows.n_valid.to_string()),
        fact("Held-out rows", rows.n_test.to_string()),
        fact("Target", TARGET.to_owned()),
        fact("Seed", seed.to_string()),
        fact("Software", format!("tabgraft {}", env!("CARGO_PKG_VERSION"))),
    ];
}

fn credit() -> Credit {
    Credit {
        name: "Statlog (German Credit Data)".to_owned(),
        source: "Hofmann, H. (1994), UCI Machine Learning Repository, doi.org/10.24432/C5NC77; \
                 codes written out as words"
            .to_owned(),
        licence: "CC BY 4.0".to_owned(),
    }
}
