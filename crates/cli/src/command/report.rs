//! `report`: what there is to know of models, on one page.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;
use tabgraft_model::report::{Report as Page, ReportOptions};
use tabgraft_model::{Error, ModelFile};
use tabgraft_table::Table;
use tabgraft_table::read::ReadOptions;
use tabgraft_table::write_whole;

use crate::answer::Answer;
use crate::arguments::ReadArgs;
use crate::console::{Console, Format};
use crate::failure::Failure;
use crate::output::check_out;
use crate::report::Report;

/// What `discover` leaves in its folder, by which such a folder is known.
const SEARCH_FILES: [&str; 2] = ["feature_suggestion_history.json", "feature_effectiveness.json"];
/// What a registry is known by.
const REGISTRY_FILE: &str = "registry.json";

/// Show what there is to know of models on one page of HTML that needs no other file and no network.
///
/// FILES are one space or predictor; two spaces or two predictors, before and after; a folder or registry of models; or
/// what `discover` writes. What they are is told by their content. A table may come last: with it the page has scores,
/// calibration, what each column is worth and a map of the rows, on rows that the models have not learned from. Of large
/// tables a sample is looked at, and the page says so. With --target the columns of a space are judged by what they tell of
/// it, and two spaces by predictors of it, fitted alike on both.
///
/// Reads FILES; writes the page to stdout, or to --out; with `--format json` the same facts as JSON, whose schema is
/// docs/schema/report.schema.json. Exits with 1 if something does not verify.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  tabgraft report credit_v2.tabgraft german_credit.csv -o report.html
  tabgraft report v1.tabgraft v2.tabgraft german_credit.csv --target default -o graft.html
  tabgraft report models/ -o family.html")]
pub struct ReportArgs {
    /// Models, a folder, a registry or features, and behind them a table if there is one
    #[arg(required = true, num_args = 1..=3, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Write here and not to stdout
    #[arg(long, short, value_name = "FILE")]
    out: Option<PathBuf>,
    /// The column of the table that the columns of a space, or two spaces, are judged by
    #[arg(long, value_name = "COLUMN")]
    target: Option<String>,
    /// The column of the table that colours the map of the rows [default: a predictor's target, or else its predictions;
    /// of a space one of few values]
    #[arg(long, value_name = "COLUMN")]
    colour_by: Option<String>,
    /// Most rows of the table that are looked at, at least 10
    #[arg(long, value_name = "N", default_value_t = ReportOptions::default().max_rows)]
    max_rows: usize,
    /// Seed of the sample, of orders and of resampled intervals
    #[arg(long, value_name = "N", default_value_t = ReportOptions::default().seed)]
    seed: u64,
    #[command(flatten)]
    read: ReadArgs,
}

/// What `report` writes: a page, or its facts.
#[derive(Debug, Serialize)]
#[serde(transparent)]
struct PageReport(Page);

impl Report for PageReport {
    fn text(&self) -> String {
        self.0.html()
    }
}

/// What the paths name.
enum Given<'a> {
    Models { models: Vec<ModelFile>, table: Option<&'a Path> },
    Folder(&'a Path),
    Features(&'a Path),
}

impl ReportArgs {
    /// Loads, looks, writes.
    pub fn run(&self, console: &Console) -> Result<Answer, Failure> {
        if let Some(out) = &self.out {
            check_out(out, &self.files.iter().map(PathBuf::as_path).collect::<Vec<_>>())?;
        }
        let page = match self.given()? {
            Given::Folder(path) => Page::of_folder(path)?,
            Given::Features(path) => Page::of_features(path)?,
            Given::Models { models, table } => self.of_models(&models, table, console)?,
        };
        let report = PageReport(page);
        match &self.out {
            None => console.report(&report)?,
            Some(out) => {
                let text = match console.format() {
                    Format::Text => report.text(),
                    Format::Json => report.0.json()? + "\n",
                };
                write_whole(out, |mut file| {
                    file.write_all(text.as_bytes()).map_err(|e| Error::io(out, "write", e))
                })?;
            }
        }
        Ok(if report.0.has_problems { Answer::No } else { Answer::Yes })
    }

    fn of_models(
        &self,
        models: &[ModelFile],
        table: Option<&Path>,
        console: &Console,
    ) -> Result<Page, Failure> {
        let options = ReportOptions {
            colour_by: self.colour_by.clone(),
            target: self.target.clone(),
            max_rows: self.max_rows,
            seed: self.seed,
        };
        let mut progress = console.progress("report");
        let mut sink = |event: &tabgraft_model::train::Event| progress.on(event);
        Ok(match models {
            [only] => {
                if let (ModelFile::Predictor(predictor), Some(_)) = (only, &self.target) {
                    return Err(Failure::new(format!(
                        "`--target` is for spaces, and `{}` is a predictor of `{}`",
                        predictor.name(),
                        predictor.target().column()
                    ))
                    .with_hint("leave it out"));
                }
                let table = table.map(|path| self.table(path, only, None, console)).transpose()?;
                Page::of_model(only, table.as_ref(), &options, &mut sink)?
            }
            [a, b] => {
                let table = table.map(|path| self.table(path, a, Some(b), console)).transpose()?;
                Page::of_pair(a, b, table.as_ref(), &options, &mut sink)?
            }
            _ => {
                return Err(Failure::new(format!(
                    "{} models are given, a report is of one or of two",
                    models.len()
                ))
                .with_hint("`tabgraft report FOLDER` shows all models of a folder"));
            }
        })
    }

    /// Reads the table as that of the models; of one model only what it needs of it.
    fn table(
        &self,
        path: &Path,
        a: &ModelFile,
        b: Option<&ModelFile>,
        console: &Console,
    ) -> Result<Table, Failure> {
        let how = match (a, b) {
            (_, Some(b)) => {
                let (how, notes) = a.read_options().joined(&b.read_options());
                notes.iter().for_each(|note| console.note(note));
                how
            }
            (ModelFile::Predictor(predictor), None) => {
                ReadOptions { columns: predictor.needs_to_score(), ..predictor.read_options() }
            }
            (ModelFile::Space(space), None) => space.read_options(),
        };
        self.read.table_like(path, &how, console)
    }

    /// Tells by their content what the paths are.
    fn given(&self) -> Result<Given<'_>, Failure> {
        let paths: Vec<&Path> = self.files.iter().map(PathBuf::as_path).collect();
        if let [only] = paths[..] {
            let has = |name: &&str| only.join(name).is_file();
            if only.is_dir() {
                let is_search = SEARCH_FILES.iter().any(has) && !has(&REGISTRY_FILE);
                return Ok(if is_search { Given::Features(only) } else { Given::Folder(only) });
            }
            if !ModelFile::is_at(only) && only.extension().is_some_and(|e| e.eq_ignore_ascii_case("json")) {
                return Ok(Given::Features(only));
            }
        }
        let is_model = |path: &&Path| ModelFile::is_at(path);
        let n_models = paths.iter().take_while(|path| is_model(path)).count();
        let n_models = n_models.max(1);
        let rest = &paths[n_models..];
        if rest.len() > 1 {
            return Err(Failure::new(format!("`{}` is no model", rest[0].display()))
                .with_hint("give one or two models, and behind them at most one table"));
        }
        let models = paths[..n_models].iter().map(|path| ModelFile::load(path));
        Ok(Given::Models { models: models.collect::<Result<_, _>>()?, table: rest.first().copied() })
    }
}
