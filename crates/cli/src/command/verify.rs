//! `verify`: does a file hold what its hashes say, and do the links of a family hold?

use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;
use tabgraft_model::lineage::{self, Verification, verify_file};
use tabgraft_model::store::VerifyReport;

use crate::answer::Answer;
use crate::console::Console;
use crate::failure::Failure;
use crate::report::{Report, line};

/// Check that the file of a space or a predictor is undamaged, or a whole family of them.
///
/// Recomputes every hash, loads the model, and follows the lineage: each step must start from as
/// many columns as the one before ended with. With --parent also checks that the file comes from that
/// space, in one step or in many: columns and codecs, and weight for weight where all steps froze them.
///
/// With --deep PATH may be a folder, and every model below it is checked, whatever the files are
/// called. Where parent and child are both there, the one is held against what the other remembers of
/// it: lineage, columns and codecs, features, split and, after a frozen graft, every weight, bit by bit.
/// Of a file, the ancestors are looked for in its folder, and not below.
///
/// Reads PATH; prints what was found. Exits with 0 if all is well, with 1 if a file is damaged or
/// does not descend from its parent, with 2 if it cannot be read or is of a later version.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  tabgraft verify v2.tabgraft --parent v1.tabgraft
  tabgraft verify --deep models")]
pub struct VerifyArgs {
    /// A space or a predictor; with --deep also a folder
    #[arg(value_name = "PATH")]
    file: PathBuf,
    /// A space that it comes from: its parent, or an ancestor further back
    #[arg(long, value_name = "SPACE", conflicts_with = "deep")]
    parent: Option<PathBuf>,
    /// Check the links between parents and children as well
    #[arg(long)]
    deep: bool,
}

/// What `verify` reports.
#[derive(Debug, Serialize)]
struct VerifyAnswer<'a> {
    file: &'a Path,
    ok: bool,
    /// The ancestor that it was held against, if one was given.
    parent: Option<&'a Path>,
    /// What is wrong; none if all is well.
    problem: Option<String>,
    /// What the file holds; none if something is wrong.
    found: Option<VerifyReport>,
}

impl VerifyArgs {
    /// Verifies, reports.
    pub fn run(&self, console: &Console) -> Result<Answer, Failure> {
        if self.deep {
            let found = lineage::verify(&self.file)?;
            console.report(&found)?;
            return Ok(if found.ok { Answer::Yes } else { Answer::No });
        }
        let (found, problem) = match verify_file(&self.file, self.parent.as_deref()) {
            Ok(found) => (Some(found), None),
            Err(error) if error.is_verification() || error.is_malformed() => (None, Some(error.to_string())),
            Err(error) => return Err(error.into()),
        };
        let ok = problem.is_none();
        console.report(&VerifyAnswer {
            file: &self.file,
            ok,
            parent: self.parent.as_deref(),
            problem,
            found,
        })?;
        Ok(if ok { Answer::Yes } else { Answer::No })
    }
}

impl Report for VerifyAnswer<'_> {
    fn text(&self) -> String {
        let file = self.file.display();
        match (&self.problem, &self.found) {
            (Some(problem), _) => line!("not ok: {problem}"),
            (None, Some(found)) => {
                let (kind, version, by) = (&found.kind, &found.format_version, &found.written_by);
                let kind = match kind.as_str() {
                    "embedding_space" => "an embedding space",
                    "predictor" => "a predictor",
                    other => other,
                };
                let comes = self.parent.map(|parent| line!("  it comes from `{}`", parent.display()));
                line!("ok: `{file}` is {kind} of format {version}, written by {by}")
                    + &comes.unwrap_or_default()
                    + &line!(
                        "  {} tensors, {} weights, {} bytes",
                        found.n_tensors,
                        found.n_weights,
                        found.file_bytes
                    )
                    + &line!("  content {}", found.content_hash)
            }
            (None, None) => line!("ok: `{file}`"),
        }
    }
}

impl Report for Verification {
    fn text(&self) -> String {
        let mut text = String::new();
        let problems = self.files.iter().flat_map(|f| &f.problems);
        for problem in problems.chain(self.links.iter().flat_map(|l| &l.problems)) {
            text += &line!("not ok: {problem}");
        }
        let n_checked = self.links.iter().filter(|link| link.is_checked).count();
        let n_whole = self.files.iter().filter(|file| file.problems.is_empty()).count();
        text += &line!(
            "{}{n_whole} of {} files are whole, {n_checked} of {} links were checked",
            if self.ok { "ok: " } else { "" },
            self.files.len(),
            self.links.len()
        );
        for link in &self.links {
            let what = match (&link.parent_path, link.is_checked) {
                (_, true) if link.problems.is_empty() => "holds",
                (_, true) => "does not hold",
                (Some(_), false) => "not checked, a file is damaged",
                (None, false) => "not checked, the parent's file is not here",
            };
            // Names may be the same: the child's file says which one it is.
            text += &line!(
                "  {} -> {} ({}, `{}`): {what}",
                link.parent,
                link.child,
                link.step.name(),
                link.child_path.display()
            );
        }
        text
    }
}
