//! Models that are served, and a server of them.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex};

use arrow::array::{ArrayRef, BooleanArray, Float64Array, StringArray};
use serde_json::{Value, json};
use tabgraft_model::predictor::Effort;
use tabgraft_model::space::SpaceConfig;
use tabgraft_model::train::{TrainingOptions, quiet};
use tabgraft_model::{
    EmbeddingSpace, ExtendOptions, FitOptions, ModelFile, Predictor, PredictorOptions, RowIndex,
};
use tabgraft_serve::{Event, ServeOptions, ServedModel, Server};
use tabgraft_table::Table;
use tabgraft_table::schema::InferOptions;

pub const N_ROWS: usize = 400;

fn text(i: usize) -> String {
    ["red", "green", "blue", "a \"quoted\", one"][i * 7 % 4].to_owned()
}

/// The rows that everything is learned from.
fn table(with_late: bool) -> Table {
    let number = |f: &dyn Fn(usize) -> f64| -> ArrayRef {
        Arc::new(Float64Array::from_iter((0..N_ROWS).map(|i| (i % 11 != 3).then(|| f(i)))))
    };
    let mut columns: Vec<(&str, ArrayRef)> = vec![
        ("size", number(&|i| (i * 331 % 997) as f64 / 8.0)),
        ("count", number(&|i| (i * 89 % 23) as f64)),
        ("colour", Arc::new(StringArray::from_iter_values((0..N_ROWS).map(text)))),
        ("is_new", Arc::new(BooleanArray::from_iter((0..N_ROWS).map(|i| Some(i.is_multiple_of(3)))))),
        ("outcome", Arc::new(StringArray::from_iter_values((0..N_ROWS).map(outcome)))),
        ("amount", number(&|i| (i * 331 % 997) as f64 + (i * 89 % 23) as f64)),
    ];
    if with_late {
        columns.push(("late", number(&|i| (i * 613 % 97) as f64)));
    }
    Table::from_columns(columns).unwrap()
}

fn outcome(i: usize) -> &'static str {
    if (i * 331 % 997) + 40 * (i * 7 % 4) > 520 { "yes" } else { "no" }
}

/// Row `i` as a client sends it.
pub fn row(i: usize) -> Value {
    let number = |value: f64| if i % 11 == 3 { Value::Null } else { json!(value) };
    json!({
        "size": number((i * 331 % 997) as f64 / 8.0),
        "count": number((i * 89 % 23) as f64),
        "colour": text(i),
        "is_new": i.is_multiple_of(3),
    })
}

/// The files, made once.
pub struct Files {
    dir: tempfile::TempDir,
}

impl Files {
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(format!("{name}.tabgraft"))
    }

    pub fn space(&self, name: &str) -> EmbeddingSpace {
        EmbeddingSpace::load(&self.path(name)).unwrap()
    }

    pub fn predictor(&self, name: &str) -> Predictor {
        Predictor::load(&self.path(name)).unwrap()
    }
}

pub static FILES: LazyLock<Files> = LazyLock::new(|| {
    let files = Files { dir: tempfile::tempdir().unwrap() };
    let training = TrainingOptions::of_epochs(2);
    let options = FitOptions {
        name: "v1".into(),
        config: SpaceConfig { training, d_model: 16, ..SpaceConfig::default() },
        infer: InferOptions { ignore: vec!["outcome".into(), "amount".into()], ..InferOptions::default() },
        ..FitOptions::default()
    };
    let v1 = EmbeddingSpace::fit(&table(false), None, &options, &mut quiet).unwrap();
    let graft = ExtendOptions {
        training: TrainingOptions::of_epochs(1),
        name: Some("v2".into()),
        ..ExtendOptions::default()
    };
    let v2 = v1.extend(&table(true), None, &graft, &mut quiet).unwrap();
    let vectors = v1.embed(&table(false)).unwrap().values;
    let keys = (0..N_ROWS).map(|i| format!("row {i}")).collect();
    RowIndex::new(&v1, keys, &vectors).unwrap().save(&files.path("index")).unwrap();
    v1.save(&files.path("v1")).unwrap();
    v2.save(&files.path("v2")).unwrap();
    for (name, space, target, with_late) in [
        ("yes_no", &v1, "outcome", false),
        ("yes_no_late", &v2, "outcome", true),
        ("how_much", &v1, "amount", false),
    ] {
        let options =
            PredictorOptions { name: name.into(), effort: Effort::Quick, ..PredictorOptions::default() };
        let predictor = Predictor::fit(space, &table(with_late), target, &options, &mut quiet).unwrap();
        predictor.save(&files.path(name)).unwrap();
    }
    files
});

/// A server, and what it told.
pub struct Running {
    pub server: Option<Server>,
    pub address: SocketAddr,
    pub told: Arc<Mutex<Vec<Event>>>,
}

pub fn served(name: &str) -> ServedModel {
    ServedModel { name: name.to_owned(), path: FILES.path(name) }
}

/// A server of these files on any free port.
pub fn serve(names: &[&str], options: ServeOptions) -> Running {
    let models = names.iter().map(|name| served(name)).collect();
    start(ServeOptions { models, ..options })
}

pub fn start(options: ServeOptions) -> Running {
    let told = Arc::new(Mutex::new(Vec::new()));
    let heard = told.clone();
    let options = ServeOptions { address: SocketAddr::from(([127, 0, 0, 1], 0)), ..options };
    let server = Server::start(options, Arc::new(move |event| heard.lock().unwrap().push(event.clone())));
    let server = server.unwrap();
    Running { address: server.address(), server: Some(server), told }
}

impl Running {
    pub fn stop(&mut self) -> usize {
        self.server.take().unwrap().stop()
    }
}

/// The table that rows are as a file of JSON lines, read as the model reads its tables.
pub fn read_like(model: &ModelFile, rows: &[Value]) -> Table {
    let lines: String = rows.iter().map(|row| format!("{row}\n")).collect();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("rows.jsonl");
    fs::write(&path, lines).unwrap();
    tabgraft_table::read::read_table(&path, &model.read_options()).unwrap()
}

/// What a model's file says of rows when it is asked alone, by the library.
pub fn load(path: &Path) -> ModelFile {
    ModelFile::load(path).unwrap()
}
