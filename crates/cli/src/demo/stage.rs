//! What every step of the story needs: the seed, the folder, the listener, and ways to a model.

use std::path::{Path, PathBuf};

use tabgraft_feature::Feature;
use tabgraft_model::error::{Error, Result};
use tabgraft_model::metric::Score;
use tabgraft_model::store::verify;
use tabgraft_model::train::{Event, Sink};
use tabgraft_model::{
    EmbeddingSpace, ExtendOptions, FitOptions, Mode, Predictor, PredictorOptions, SpaceConfig,
    TrainingOptions,
};
use tabgraft_table::Table;
use tabgraft_table::schema::InferOptions;
use tabgraft_table::split::{Part, SplitOptions};

use super::WrittenFile;
use super::story::TARGET;

/// Share of rows that all scores come from.
const P_TEST: f64 = 0.25;
/// Share of rows that decide when a space stops training.
const P_VALID: f64 = 0.15;

/// Where the story plays.
pub struct Stage<'a> {
    pub seed: u64,
    pub out: PathBuf,
    pub files: Vec<WrittenFile>,
    sink: &'a mut Sink<'a>,
    say: &'a mut dyn FnMut(&str),
    is_stopped: bool,
}

/// A space, a predictor on it, and the predictor's scores on the test rows.
pub struct Model {
    pub space: EmbeddingSpace,
    pub predictor: Predictor,
    pub scores: Vec<Score>,
}

/// The rows of one table by their part; the parts are those of the first space.
pub struct Parted {
    /// All rows.
    pub all: Table,
    pub train: Table,
    pub valid: Table,
    /// Training and validation rows in the order of the table: all that a predictor may learn from.
    pub learn: Table,
    pub test: Table,
}

impl Parted {
    /// Deals a table's rows; `parts` has one part per row.
    pub fn new(all: Table, parts: &[Part]) -> Result<Self> {
        let of = |wanted: &[Part]| {
            let rows = (0_u32..).zip(parts).filter(|(_, p)| wanted.contains(p));
            all.take(&rows.map(|(row, _)| row).collect::<Vec<_>>())
        };
        Ok(Parted {
            train: of(&[Part::Train])?,
            valid: of(&[Part::Valid])?,
            learn: of(&[Part::Train, Part::Valid])?,
            test: of(&[Part::Test])?,
            all,
        })
    }
}

impl<'a> Stage<'a> {
    /// A stage that writes to `out`.
    pub fn new(seed: u64, out: &Path, sink: &'a mut Sink<'a>, say: &'a mut dyn FnMut(&str)) -> Self {
        Stage { seed, out: out.to_owned(), files: Vec::new(), sink, say, is_stopped: false }
    }

    /// Tells a line of the story.
    pub fn say(&mut self, line: &str) {
        (self.say)(line);
    }

    /// Does a piece of work with a name. A sink that says stop ends the demo: half-trained models
    /// would tell a wrong story.
    pub fn step<T>(&mut self, name: &str, work: impl FnOnce(&mut Sink<'_>) -> Result<T>) -> Result<T> {
        let Stage { sink, is_stopped, .. } = self;
        let mut watched = |event: &Event| {
            let flow = sink(event);
            *is_stopped |= flow.is_break();
            flow
        };
        let _ = watched(&Event::Task { name: name.to_owned() });
        let made = work(&mut watched)?;
        if self.is_stopped {
            return Err(Error::interrupted("the demo was stopped before its end")
                .with_hint("it tells its story only as a whole; run it again"));
        }
        Ok(made)
    }

    /// The first training. The space itself splits the rows.
    pub fn first(&mut self, name: &str, table: &Table) -> Result<EmbeddingSpace> {
        let split = SplitOptions { p_valid: P_VALID, p_test: P_TEST, seed: self.seed, ..Default::default() };
        let options = FitOptions { split, ..self.fit_options(name, TARGET) };
        self.step(name, |sink| EmbeddingSpace::fit(table, None, &options, sink))
    }

    /// A graft of the columns that the table has and the parent lacks.
    pub fn graft(
        &mut self,
        parent: &EmbeddingSpace,
        name: &str,
        mode: Mode,
        table: &Parted,
        features: &[Feature],
    ) -> Result<Model> {
        let options = ExtendOptions {
            mode,
            name: Some(name.to_owned()),
            features: features.to_vec(),
            training: TrainingOptions { seed: self.seed, ..TrainingOptions::default() },
            ..Default::default()
        };
        let space = self.step(name, |sink| parent.extend(&table.all, None, &options, sink))?;
        self.predicting(space, &table.all, table)
    }

    /// A first training on the same rows and columns as a graft; exactly `n_epochs` if given, else
    /// by the plan of every first training. Its own split has no test rows, so it gets none.
    pub fn anew(&mut self, name: &str, table: &Parted, n_epochs: Option<usize>) -> Result<Model> {
        let mut options = self.fit_options(name, TARGET);
        // The rows are dealt already: a hash of more columns would deal them differently.
        options.split = SplitOptions { p_valid: 0.0, p_test: 0.0, ..Default::default() };
        options.config.training.n_epochs = n_epochs;
        options.config.training.auto_epochs = n_epochs.is_none();
        let space =
            self.step(name, |sink| EmbeddingSpace::fit(&table.train, Some(&table.valid), &options, sink))?;
        self.predicting(space, &table.learn, table)
    }

    /// Puts a predictor on a space. Rows of `rows` that the space has for testing are left out; every
    /// predictor learns from the same rows, and is scored on the same test rows.
    pub fn predicting(&mut self, space: EmbeddingSpace, rows: &Table, table: &Parted) -> Result<Model> {
        let options = self.predictor_options(space.name());
        let name = format!("predictor on {}", space.name());
        let predictor = self.step(&name, |sink| Predictor::fit(&space, rows, TARGET, &options, sink))?;
        let mut scores = predictor.evaluate(&table.test)?;
        let primary = predictor.target().task().primary_metric();
        scores.sort_by_key(|s| s.metric != primary);
        Ok(Model { space, predictor, scores })
    }

    /// The options of every predictor.
    pub fn predictor_options(&self, space_name: &str) -> PredictorOptions {
        PredictorOptions { name: format!("{TARGET} on {space_name}"), seed: self.seed, ..Default::default() }
    }

    /// Writes a model's two files and reads them back. Whether every hash matches and the reloaded
    /// predictor gives the same bits.
    pub fn save(&mut self, model: &Model, table: &Parted) -> Result<bool> {
        let name = model.space.name().to_owned();
        let space = self.out.join(format!("{name}.tabgraft"));
        let predictor = self.out.join(format!("{name}-predictor.tabgraft"));
        model.space.save(&space)?;
        model.predictor.save(&predictor)?;
        let hashes_match = verify(&space).is_ok() && verify(&predictor).is_ok();
        let vectors_match = EmbeddingSpace::load(&space)?.embed(&table.test)?.values
            == model.space.embed(&table.test)?.values;
        let bits = |p: &Predictor| -> Result<Vec<u64>> {
            Ok(p.predict(&table.test)?.values.iter().map(|v| v.to_bits()).collect())
        };
        let predictions_match = bits(&Predictor::load(&predictor)?)? == bits(&model.predictor)?;
        self.wrote(space, format!("the space {name}"));
        self.wrote(predictor, format!("the predictor on {name}"));
        Ok(hashes_match && vectors_match && predictions_match)
    }

    /// Remembers a file that was written.
    pub fn wrote(&mut self, path: PathBuf, what: impl Into<String>) {
        self.files.push(WrittenFile { path, what: what.into() });
    }

    /// The options of every first training, which does not see the target.
    pub fn fit_options(&self, name: &str, target: &str) -> FitOptions {
        FitOptions {
            name: name.to_owned(),
            config: SpaceConfig {
                training: TrainingOptions { seed: self.seed, ..TrainingOptions::default() },
                ..Default::default()
            },
            infer: InferOptions { ignore: vec![target.to_owned()], ..Default::default() },
            ..Default::default()
        }
    }
}
