//! A folder or registry of models: who comes from whom, which one is current, whether all verify.

use std::path::Path;

use serde::Serialize;

use super::words::counted;
use super::{Report, ReportKind};
use crate::error::{Error, Result};
use crate::lineage::{self, Lineage};
use crate::registry::{Event, Registry};
use crate::store::ContentHash;

/// The models of a folder.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Family {
    /// All versions that are known, and what made one from another.
    pub lineage: Lineage,
    /// The version that is current; none before the first promotion, and for a folder that is no registry.
    pub current: Option<ContentHash>,
    /// What was done in the registry, oldest first; empty for a folder that is none.
    pub history: Vec<Event>,
    /// What does not verify, each with its file.
    pub problems: Vec<String>,
}

pub(super) fn of(path: &Path) -> Result<Report> {
    let lineage = Lineage::read(path)?;
    if lineage.nodes.is_empty() && lineage.unreadable.is_empty() {
        return Err(Error::value(format!("there is no model below `{}`", path.display()))
            .with_hint("give the folder of the models' files, or a registry"));
    }
    let verification = lineage::verify(path)?;
    let files = verification.files.iter().flat_map(|file| &file.problems);
    let problems: Vec<String> =
        files.chain(verification.links.iter().flat_map(|link| &link.problems)).cloned().collect();
    // A folder without a record of a registry is none.
    let registry = path.join("registry.json").is_file().then(|| Registry::open(path)).transpose()?;
    let current = registry.as_ref().map(Registry::current).transpose()?.flatten();
    let history = registry.as_ref().map(Registry::history).transpose()?.unwrap_or_default();
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    let is_registry = registry.is_some();
    let what = if is_registry { "registry" } else { "folder" };
    let n_predictors = lineage.nodes.iter().filter(|node| node.prediction.is_some()).count();
    let mut report = Report::new(ReportKind::Family, format!("Models of {name}"));
    report.headline.push(format!(
        "The {what} {name} knows {} and {}.",
        counted(lineage.nodes.len() - n_predictors, "space"),
        counted(n_predictors, "predictor")
    ));
    report.headline.extend(match &current {
        Some(version) => Some(format!("{} ({}) is current.", version.name, version.id.short())),
        None => is_registry.then(|| "No version is current: none was promoted.".to_owned()),
    });
    report.headline.push(match problems.len() {
        0 => format!(
            "{} and {} verify.",
            counted(verification.files.len(), "file"),
            counted(verification.links.iter().filter(|link| link.is_checked).count(), "link")
        ),
        n => format!("{} found where hashes were held against contents.", counted(n, "problem")),
    });
    report.has_problems = !problems.is_empty();
    report.family = Some(Family { lineage, current: current.map(|version| version.id), history, problems });
    Ok(report)
}
