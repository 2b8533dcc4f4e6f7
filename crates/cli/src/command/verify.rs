//! `verify`: does a file hold what its hashes say?

use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;
use tabgraft_model::EmbeddingSpace;
use tabgraft_model::space::{ExtensionMetadata, Hashes};
use tabgraft_model::store::{VerifyReport, verify};

use crate::answer::Answer;
use crate::console::Console;
use crate::failure::Failure;
use crate::model_file::ModelFile;
use crate::report::Report;

/// Check that the file of a space or a predictor is undamaged.
///
/// Recomputes every hash, loads the model, and follows the lineage: each graft must start from as
/// many columns as the one before ended with. With --parent also checks that the file descends from
/// that space, weight for weight.
///
/// Reads FILE; prints what was found. Exits with 0 if all is well, with 1 if the file is damaged or
/// does not descend from the parent, with 2 if it cannot be read or is of a later version.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  tabgraft verify v2.tabgraft --parent v1.tabgraft")]
pub struct VerifyArgs {
    /// A space or a predictor
    file: PathBuf,
    /// The space that it was extended from or fitted on
    #[arg(long, value_name = "SPACE")]
    parent: Option<PathBuf>,
}

/// What `verify` reports.
#[derive(Debug, Serialize)]
struct VerifyAnswer<'a> {
    file: &'a Path,
    ok: bool,
    /// What is wrong; none if all is well.
    problem: Option<String>,
    /// What the file holds; none if it is damaged.
    found: Option<VerifyReport>,
}

impl VerifyArgs {
    /// Verifies, reports.
    pub fn run(&self, console: &Console) -> Result<Answer, Failure> {
        let found = match verify(&self.file) {
            Ok(found) => found,
            Err(error) if error.is_verification() || error.is_malformed() => {
                return self.answer(None, Some(error.to_string()), console);
            }
            Err(error) => return Err(error.into()),
        };
        // The hashes match, so a file that does not load was written like this.
        let problem = match ModelFile::load(&self.file) {
            Ok(model) => self.lineage_problem(&model)?,
            Err(failure) => Some(failure.message),
        };
        self.answer(Some(found), problem, console)
    }

    fn lineage_problem(&self, model: &ModelFile) -> Result<Option<String>, Failure> {
        let (extensions, n_columns) = match model {
            ModelFile::Space(space) => (space.extensions().to_vec(), space.columns().len()),
            ModelFile::Predictor(predictor) => {
                (predictor.extensions().to_vec(), predictor.card().space.columns.len())
            }
        };
        if let Some(problem) = broken_chain(&extensions, n_columns) {
            return Ok(Some(problem));
        }
        let Some(path) = &self.parent else { return Ok(None) };
        let parent = EmbeddingSpace::load(path)?;
        let wanted = parent.hashes();
        let (descends, found) = match model {
            ModelFile::Space(space) => match space.extension_metadata() {
                Some(graft) => {
                    (graft.parent == *wanted && starts_with(&extensions, &parent), graft.parent.clone())
                }
                None => (false, Hashes::default()),
            },
            ModelFile::Predictor(predictor) => {
                let found = predictor.card().space.hashes;
                (found == *wanted, found)
            }
        };
        Ok((!descends).then(|| match found.weights.is_empty() {
            true => format!("`{}` was extended from nothing", self.file.display()),
            false => format!(
                "`{}` comes from a space with weights {}, `{}` has {}",
                self.file.display(),
                found.weights,
                path.display(),
                wanted.weights
            ),
        }))
    }

    fn answer(
        &self,
        found: Option<VerifyReport>,
        problem: Option<String>,
        console: &Console,
    ) -> Result<Answer, Failure> {
        let ok = problem.is_none();
        console.report(&VerifyAnswer { file: &self.file, ok, problem, found })?;
        Ok(if ok { Answer::Yes } else { Answer::No })
    }
}

/// Whether a chain of grafts is the parent's chain and one more.
fn starts_with(extensions: &[ExtensionMetadata], parent: &EmbeddingSpace) -> bool {
    extensions.len() == parent.extensions().len() + 1 && extensions.starts_with(parent.extensions())
}

/// The first step that does not start where the one before ended.
fn broken_chain(extensions: &[ExtensionMetadata], n_columns: usize) -> Option<String> {
    let starts = extensions.iter().skip(1).map(|graft| graft.original_column_count).chain([n_columns]);
    extensions.iter().zip(starts).enumerate().find_map(|(i, (graft, next))| {
        let sum = graft.original_column_count + graft.new_columns_added.len();
        let left = sum.checked_sub(graft.columns_removed.len());
        (graft.extended_column_count != next || left != Some(next)).then(|| {
            format!(
                "{} {} says that {} columns, {} new ones and {} removed made {}, but {next} came after",
                graft.operation.name(),
                i + 1,
                graft.original_column_count,
                graft.new_columns_added.len(),
                graft.columns_removed.len(),
                graft.extended_column_count
            )
        })
    })
}

impl Report for VerifyAnswer<'_> {
    fn text(&self) -> String {
        let file = self.file.display();
        match (&self.problem, &self.found) {
            (Some(problem), _) => format!("not ok: {problem}\n"),
            (None, Some(found)) => format!(
                "ok: `{file}` is a `{}` of format {}, written by {}\n  {} tensors, {} weights, {} bytes\n  content {}\n",
                found.kind,
                found.format_version,
                found.written_by,
                found.n_tensors,
                found.n_weights,
                found.file_bytes,
                found.content_hash
            ),
            (None, None) => format!("ok: `{file}`\n"),
        }
    }
}
