//! Model files: any bytes, and files whose content was changed by somebody who mends every hash of the file.

use std::hint::black_box;
use std::sync::{Arc, LazyLock};

use arrow::array::{ArrayRef, Int64Array};
use tabgraft_model::card::ModelCard;
use tabgraft_model::export::OnnxOptions;
use tabgraft_model::extend::{ConsolidateOptions, MergeOptions, PruneOptions};
use tabgraft_model::fill::FillOptions;
use tabgraft_model::index::SearchOptions;
use tabgraft_model::odd::SurpriseOptions;
use tabgraft_model::predictor::ExplainOptions;
use tabgraft_model::store::{self, Container};
use tabgraft_model::train::quiet;
use tabgraft_model::watch::WatchOptions;
use tabgraft_model::{
    EmbeddingSpace, Error, ExtendOptions, Mode, ModelFile, Predictor, RowIndex, TrainingOptions, lineage,
};
use tabgraft_table::Table;
use tabgraft_table::read::read_csv_bytes;

use crate::edit::edit;
use crate::{Target, with_file};

pub const FILE: Target = Target {
    name: "model_file",
    run: file,
    words: &[
        b"__metadata__",
        b"tabgraft",
        b"dtype",
        b"F32",
        b"F64",
        b"shape",
        b"data_offsets",
        b"kind",
        b"manifest",
        b"format_version",
        b"reads_from",
        b"[0,0]",
        b"{\"",
        b"\":",
        b"\\u0000",
        b"\\\"",
    ],
    reads_mutations: false,
    n_mutations: 3000,
};
pub const SPACE: Target =
    Target { name: "space", run: space, words: EDITS, reads_mutations: true, n_mutations: 600 };
pub const GRAFT: Target =
    Target { name: "graft", run: graft, words: EDITS, reads_mutations: true, n_mutations: 60 };
pub const PREDICTOR: Target =
    Target { name: "predictor", run: predictor, words: EDITS, reads_mutations: true, n_mutations: 250 };
pub const INDEX: Target =
    Target { name: "index", run: index, words: EDITS, reads_mutations: true, n_mutations: 6000 };

/// Beginnings of edits (see [`edit`]): an operation, and a way down.
const EDITS: &[&[u8]] = &[
    &[0, 0],
    &[1, 4, 0],
    &[2, 5, 255],
    &[3, 6, 255],
    &[4, 8, 255],
    &[5, 255],
    &[6, 2],
    &[7, 3],
    &[8, 1, 255, 2, 255],
    &[9, 0, 4],
    &[10, 1, 0],
    &[11, 2, 3],
    &[255],
];

/// What the tests of formats keep: small models of every version, and rows for each.
macro_rules! kept {
    ($version:literal, $name:literal) => {
        include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../model/tests/formats/", $version, "/", $name))
    };
}

/// The models that are edited, each with rows.
static SPACES: LazyLock<Vec<(Container, Table)>> = LazyLock::new(|| {
    let files: [(&[u8], &[u8]); 5] = [
        (kept!("1.4", "v2.tabgraft"), kept!("1.4", "rows.csv")),
        (kept!("1.3", "v3.tabgraft"), kept!("1.3", "rows.csv")),
        (kept!("1.2", "v5.tabgraft"), kept!("1.2", "rows.csv")),
        (kept!("1.1", "v4.tabgraft"), kept!("1.1", "rows.csv")),
        (kept!("1.0", "v2.tabgraft"), kept!("1.0", "rows.csv")),
    ];
    files
        .into_iter()
        .map(|(model, rows)| {
            let space = EmbeddingSpace::from_bytes(model).unwrap();
            let rows = read_csv_bytes(rows, "rows.csv", &space.read_options()).unwrap();
            (store::from_bytes(&space.to_bytes().unwrap()).unwrap().0, rows)
        })
        .collect()
});

static PREDICTORS: LazyLock<(Container, Table)> = LazyLock::new(|| {
    let container = store::from_bytes(kept!("1.4", "q2.tabgraft")).unwrap().0;
    (container, SPACES[0].1.clone())
});

/// An index of the rows of the first space.
static INDEX_OF: LazyLock<(Container, EmbeddingSpace, Vec<f32>)> = LazyLock::new(|| {
    let (space, rows) = &SPACES[0];
    let space = EmbeddingSpace::from_bytes(&store::to_bytes(space).unwrap()).unwrap();
    let vectors = space.embed(rows).unwrap().values;
    let keys = (0..rows.n_rows()).map(|row| format!("row {row}")).collect();
    let index = RowIndex::new(&space, keys, &vectors).unwrap();
    (store::from_bytes(&index.to_bytes().unwrap()).unwrap().0, space, vectors)
});

/// The bytes of the first space, the predictor and the index, for those who serve them.
pub fn served() -> [(&'static str, Vec<u8>); 3] {
    let index = store::to_bytes(&INDEX_OF.0).unwrap();
    [
        ("space", kept!("1.4", "v2.tabgraft").to_vec()),
        ("predictor", kept!("1.4", "q2.tabgraft").to_vec()),
        ("index", index),
    ]
}

fn file(bytes: &[u8]) -> bool {
    let container = store::from_bytes(bytes);
    // What loads is canonical: there is one file of a content.
    if let Ok((container, _)) = &container
        && let Ok(again) = store::to_bytes(container)
    {
        assert!(store::from_bytes(&again).is_ok(), "what was loaded and saved does not load");
    }
    let model = ModelFile::from_bytes(bytes);
    let index = RowIndex::from_bytes(bytes);
    with_file("m.tabgraft", bytes, |path| {
        black_box((
            lineage::check_file(path).is_ok(),
            store::verify(path).is_ok(),
            lineage::Lineage::read(path).is_ok(),
        ));
    });
    model.is_ok() || index.is_ok() || container.is_ok()
}

/// The sealed file of a container with these edits; none if it cannot be one.
fn sealed(container: &Container, script: &[u8]) -> Option<Vec<u8>> {
    let mut edited = container.clone();
    edit(&mut edited, script);
    store::to_bytes(&edited).ok()
}

fn space(bytes: &[u8]) -> bool {
    let (which, script) = bytes.split_first().map_or((0, bytes), |(first, rest)| (usize::from(*first), rest));
    let (container, rows) = &SPACES[which % SPACES.len()];
    let Some(bytes) = sealed(container, script) else { return false };
    let Ok(space) = EmbeddingSpace::from_bytes(&bytes) else { return false };
    use_space(&space, rows);
    if let Ok(again) = space.to_bytes() {
        assert!(
            EmbeddingSpace::from_bytes(&again).is_ok(),
            "a space that was loaded and saved does not load"
        );
    }
    look_at(&ModelFile::Space(Box::new(space)), &bytes);
    true
}

/// Everything that may be asked of a space.
fn use_space(space: &EmbeddingSpace, rows: &Table) {
    if let Ok(found) = space.embed(rows) {
        assert_eq!(found.values.len(), rows.n_rows() * space.d_model(), "a vector for each row");
    }
    black_box(space.surprise(rows, &SurpriseOptions::default()).is_ok());
    black_box(space.fill(rows, &FillOptions::default()).is_ok());
    black_box(space.watch(rows, &WatchOptions::default()).is_ok());
    black_box(space.row_parts(rows).is_ok());
    black_box(space.column_losses(rows).is_ok());
    black_box(space.to_onnx_bytes(&OnnxOptions::default()).is_ok());
}

/// What shows a model, and what doubts it.
fn look_at(model: &ModelFile, bytes: &[u8]) {
    if let Ok(card) = ModelCard::of_model(model) {
        black_box(card.markdown(&[]));
    }
    with_file("m.tabgraft", bytes, |path| {
        black_box(lineage::check_file(path).is_ok());
        if let Ok(lineage) = lineage::Lineage::read(path) {
            black_box((lineage.tree(), lineage.svg()));
        }
    });
}

/// What is made of an edited space: a child by each way there is.
fn graft(bytes: &[u8]) -> bool {
    let (which, script) = bytes.split_first().map_or((0, bytes), |(first, rest)| (usize::from(*first), rest));
    let (container, rows) = &SPACES[which % SPACES.len()];
    let Some(bytes) = sealed(container, script) else { return false };
    let Ok(space) = EmbeddingSpace::from_bytes(&bytes) else { return false };
    let hear = &mut quiet;
    let training = TrainingOptions::of_epochs(1);
    // Enough rows for a training, and a column that is new.
    let mut more = rows.clone();
    while more.n_rows() < 64 {
        more = more.append(&more).unwrap();
    }
    let new: ArrayRef =
        Arc::new(Int64Array::from_iter_values((0..more.n_rows() as i64).map(|i| i * 37 % 11)));
    let more = more.with_column("a new one", new).unwrap();
    let mut n_made = 0;
    let mut made = |child: Result<EmbeddingSpace, Error>| {
        let Ok(child) = child else { return };
        n_made += 1;
        // What was made can be kept.
        assert!(EmbeddingSpace::from_bytes(&child.to_bytes().unwrap()).is_ok(), "a child does not load");
        black_box(child.embed(&more).is_ok());
    };
    for mode in [Mode::Frozen, Mode::Joint] {
        let options = ExtendOptions { mode, training, ..ExtendOptions::default() };
        made(space.extend(&more, None, &options, hear));
    }
    let first = space.columns().iter().map(|column| column.name.clone()).take(1).collect::<Vec<_>>();
    made(space.prune(&first, None, &PruneOptions::default(), hear));
    let options = ConsolidateOptions { training, ..ConsolidateOptions::default() };
    made(space.consolidate(&more, None, &options, hear));
    if let Ok(whole) = store::to_bytes(container).and_then(|bytes| EmbeddingSpace::from_bytes(&bytes)) {
        made(EmbeddingSpace::merge(&[&space, &whole], Some(&more), &MergeOptions::default(), hear));
    }
    n_made > 0
}

fn predictor(script: &[u8]) -> bool {
    let (container, rows) = &*PREDICTORS;
    let Some(bytes) = sealed(container, script) else { return false };
    let Ok(predictor) = Predictor::from_bytes(&bytes) else { return false };
    if let Ok(found) = predictor.predict(rows) {
        black_box(predictor.with_interval(found, 0.9).is_ok());
    }
    black_box(predictor.guardrails(rows).is_ok());
    black_box(predictor.evaluate(rows).is_ok());
    black_box(predictor.reliability(rows).is_ok());
    let options = ExplainOptions { n_evaluations: Some(64), ..ExplainOptions::default() };
    black_box(predictor.explain(&rows.slice(0, 2), &options, &mut quiet).is_ok());
    black_box(predictor.to_onnx_bytes(&OnnxOptions::default()).is_ok());
    if let Ok(again) = predictor.to_bytes() {
        assert!(Predictor::from_bytes(&again).is_ok(), "a predictor that was loaded and saved does not load");
    }
    look_at(&ModelFile::Predictor(Box::new(predictor)), &bytes);
    true
}

fn index(script: &[u8]) -> bool {
    let (container, space, vectors) = &*INDEX_OF;
    let Some(bytes) = sealed(container, script) else { return false };
    let Ok(index) = RowIndex::from_bytes(&bytes) else { return false };
    black_box(index.search(space, vectors, &SearchOptions::default()).is_ok());
    black_box(index.with(space, vec!["another".to_owned()], &vectors[..space.d_model()]).is_ok());
    black_box(index.without(&["row 1"]).is_ok());
    true
}
