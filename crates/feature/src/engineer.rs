//! A list of features, fitted on training rows and applied to any later table.

use std::collections::HashSet;
use std::fs::File;
use std::io::Write;
use std::path::Path;

use arrow::array::ArrayRef;
use serde::{Deserialize, Serialize};

use super::definition::{Checked, Feature};
use super::differing::{Differing, differs, refuse_differing, sampled_rows};
use super::expr::Readings;
use super::fitted::FittedState;
use crate::error::{Error, Result};
use tabgraft_table::table::{Table, quoted};
use tabgraft_table::{read_whole, write_whole};

/// Version of the file of features that this code writes, and the only one that it reads.
pub const FORMAT_VERSION: u32 = 1;
/// Most features of one list.
pub const MAX_FEATURES: usize = 10_000;
/// Largest file of features.
pub const MAX_FILE_BYTES: u64 = 256 << 20;

/// How [`FeatureEngineer::transform_with`] treats tables that lack something, or have it already.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TransformOptions {
    /// Leave out, and list, features whose input columns are absent, instead of failing. Default: false.
    pub skip_missing: bool,
    /// What becomes of features that the table has a column of.
    pub present: Present,
}

/// What becomes of a feature whose name is a column of the table.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Present {
    /// That is an error: the column may be something else.
    #[default]
    Refuse,
    /// The column stays as it is. On a sample of the rows it is compared with what the feature gives, and
    /// [`Transformed::differing`] says where the two differ.
    Keep,
    /// As `Keep`, but columns that differ are an error.
    KeepEqual,
}

/// A feature that was left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Skipped {
    /// The feature's name.
    pub name: String,
    /// Why, in plain English.
    pub reason: String,
}

/// A table with features, and what is not in it.
#[derive(Debug, Clone)]
pub struct Transformed {
    /// The table with one more column per feature that could be computed.
    pub table: Table,
    /// The features that could not; empty unless [`TransformOptions::skip_missing`].
    pub skipped: Vec<Skipped>,
    /// Names of the features that the table had already; empty unless [`TransformOptions::present`] keeps them.
    pub already_there: Vec<String>,
    /// Those of them whose cells are not what the feature gives.
    pub differing: Vec<Differing>,
}

/// Features in order; a later one may use earlier ones.
///
/// Formulas see one row at a time. Bins and group statistics are learned by [`FeatureEngineer::fit`] and
/// looked up afterwards, so that a row's features do not depend on the rows beside it.
///
/// ```
/// use std::sync::Arc;
/// use tabgraft_table::Table;
/// use tabgraft_feature::{Feature, FeatureEngineer};
/// use arrow::array::{ArrayRef, StringArray};
///
/// let amount: ArrayRef = Arc::new(StringArray::from(vec![Some("1200"), None]));
/// let table = Table::from_columns([("amount", amount)])?;
/// let engineer = FeatureEngineer::new(vec![Feature::formula("monthly", "amount / 12", "paid per month")])?;
/// assert_eq!(engineer.transform(&table)?.column_names(), ["amount", "monthly"]);
/// # Ok::<(), tabgraft_table::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct FeatureEngineer {
    features: Vec<Feature>,
    checked: Vec<Checked>,
}

/// The file of features.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    format_version: u32,
    features: Vec<Feature>,
}

/// The one field that every version has.
#[derive(Deserialize)]
struct Version {
    format_version: u32,
}

impl FeatureEngineer {
    /// Takes definitions, fitted or not.
    ///
    /// # Errors
    /// An error that names the feature, if a name stands twice, a formula does not parse, an option
    /// or a state is outside its limits, or a feature uses itself or a later one.
    pub fn new(features: Vec<Feature>) -> Result<Self> {
        if features.len() > MAX_FEATURES {
            return Err(Error::option(format!(
                "there are {} features, at most {MAX_FEATURES} are allowed",
                features.len()
            )));
        }
        let mut position = std::collections::HashMap::new();
        for (i, feature) in features.iter().enumerate() {
            if position.insert(feature.name.as_str(), i).is_some() {
                return Err(Error::option(format!("feature `{}` stands twice", feature.name))
                    .with_hint("rename one of the two"));
            }
        }
        let mut checked = Vec::with_capacity(features.len());
        for (i, feature) in features.iter().enumerate() {
            let one = feature.check()?;
            for input in &one.inputs {
                let problem = match position.get(input.as_str()) {
                    Some(at) if *at == i => "uses itself".to_owned(),
                    Some(at) if *at > i => format!("uses `{input}`, which is defined later"),
                    _ => continue,
                };
                return Err(feature
                    .named(Error::option(problem))
                    .with_hint("a feature may use columns and the features before it; change the order"));
            }
            checked.push(one);
        }
        Ok(FeatureEngineer { features, checked })
    }

    /// Reads a file of definitions: `{"format_version": 1, "features": [...]}`, or a list as it is written by hand,
    /// `[{"name": ..., "formula": ...}]`, whose items [`Feature::from_suggestion`] takes.
    ///
    /// # Errors
    /// An io error, a malformed error with line and column, or any error of [`FeatureEngineer::new`].
    pub fn from_json(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(|e| Error::io(path, "read", e))?;
        let bytes = read_whole(path, file, MAX_FILE_BYTES)?;
        parse(&bytes).and_then(Self::new).map_err(|e| e.at(format_args!("`{}`", path.display())))
    }

    /// Writes definitions and states; a reader sees the old file or the whole new one.
    ///
    /// # Errors
    /// An io error, or an option error if the file would be too large to be read again.
    pub fn save(&self, path: &Path) -> Result<()> {
        let document = Document { format_version: FORMAT_VERSION, features: self.features.clone() };
        let mut bytes = serde_json::to_vec_pretty(&document)
            .map_err(|e| Error::malformed("features cannot be written as JSON").with_source(e))?;
        bytes.push(b'\n');
        if bytes.len() as u64 > MAX_FILE_BYTES {
            return Err(Error::option(format!(
                "the features need {} bytes, a file may have {MAX_FILE_BYTES}",
                bytes.len()
            ))
            .with_hint("group by columns with fewer values"));
        }
        write_whole(path, |mut file| file.write_all(&bytes).map_err(|e| Error::io(path, "write", e)))
    }

    /// Learns bins and group statistics from these rows, which should be training rows only.
    ///
    /// # Errors
    /// Any error of [`FeatureEngineer::transform`], or a value error if the rows do not suffice; the
    /// features stay as they were.
    pub fn fit(&mut self, table: &Table) -> Result<()> {
        self.fit_transform(table).map(drop)
    }

    /// As [`FeatureEngineer::fit`], but features that are fitted keep what they learned.
    ///
    /// # Errors
    /// As [`FeatureEngineer::fit`].
    pub fn fit_rest(&mut self, table: &Table) -> Result<()> {
        self.learn(table, true, &[]).map(drop)
    }

    /// The table with one more column per feature, in order.
    ///
    /// # Errors
    /// An error that names the feature: a schema error if inputs are absent or its name is a column,
    /// an option error if it is not fitted, a formula error if types do not fit, a value error for a
    /// cell that cannot be read.
    pub fn transform(&self, table: &Table) -> Result<Table> {
        self.transform_with(table, TransformOptions::default()).map(|t| t.table)
    }

    /// As [`FeatureEngineer::transform`], with options.
    ///
    /// # Errors
    /// As [`FeatureEngineer::transform`].
    pub fn transform_with(&self, table: &Table, options: TransformOptions) -> Result<Transformed> {
        let skipped = if options.skip_missing { self.lacking(table, options.present) } else { Vec::new() };
        let is_skipped: HashSet<&str> = skipped.iter().map(|s| s.name.as_str()).collect();
        let already_there = self.already_there(table, options.present);
        let differing = self.differing(table, &already_there)?;
        refuse_differing(&differing, options.present)?;
        let is_there: HashSet<&str> = already_there.iter().map(String::as_str).collect();
        let mut readings = Readings::new(table.clone());
        for (feature, checked) in self.features.iter().zip(&self.checked) {
            let name = feature.name.as_str();
            if is_skipped.contains(name) || is_there.contains(name) {
                continue;
            }
            let added = apply(feature, checked, &mut readings).and_then(|array| readings.add(name, array));
            added.map_err(|e| feature.named(e))?;
        }
        Ok(Transformed { table: readings.into_table()?, skipped, already_there, differing })
    }

    /// [`FeatureEngineer::fit`] on these rows and the same rows with their features.
    ///
    /// # Errors
    /// As [`FeatureEngineer::fit`].
    pub fn fit_transform(&mut self, table: &Table) -> Result<Table> {
        self.learn(table, false, &[])
    }

    /// Fits features, all or only those that are not fitted yet, and applies all of them but those that are
    /// there already. Of such a one, the state that gives the column stays: the one that it came with, or
    /// what these rows teach.
    fn learn(&mut self, table: &Table, only_unfitted: bool, already_there: &[String]) -> Result<Table> {
        let mut readings = Readings::new(table.clone());
        let mut features = self.features.clone();
        for (feature, checked) in features.iter_mut().zip(&self.checked) {
            let is_there = already_there.contains(&feature.name);
            if is_there && refuse_absent(checked, &readings).is_err() {
                continue;
            }
            if !(only_unfitted && feature.is_ready()) {
                let fitted = refuse_absent(checked, &readings)
                    .and_then(|()| FittedState::fit(&feature.definition, &mut readings));
                let earlier = match fitted {
                    Ok(state) => std::mem::replace(&mut feature.state, state),
                    Err(_) if is_there => continue,
                    Err(error) => return Err(feature.named(error)),
                };
                if is_there && earlier.is_some() && differs(feature, checked, &mut readings).is_some() {
                    let learned = std::mem::replace(&mut feature.state, earlier);
                    if differs(feature, checked, &mut readings).is_some() {
                        feature.state = learned;
                    }
                }
            }
            if !is_there {
                let added = apply(feature, checked, &mut readings)
                    .and_then(|array| readings.add(&feature.name, array));
                added.map_err(|e| feature.named(e))?;
            }
        }
        self.features = features;
        readings.into_table()
    }

    /// As [`FeatureEngineer::fit_transform`], with options. Features that are skipped are listed and
    /// leave the engineer, for there is nothing that they could be fitted on.
    ///
    /// # Errors
    /// As [`FeatureEngineer::fit`].
    pub fn fit_transform_with(&mut self, table: &Table, options: TransformOptions) -> Result<Transformed> {
        let skipped = if options.skip_missing { self.lacking(table, options.present) } else { Vec::new() };
        let is_skipped: HashSet<&str> = skipped.iter().map(|s| s.name.as_str()).collect();
        let left = self.features.iter().filter(|f| !is_skipped.contains(f.name.as_str()));
        let mut kept = Self::new(left.cloned().collect())?;
        let already_there = kept.already_there(table, options.present);
        let made = kept.learn(table, false, &already_there)?;
        let differing = kept.differing(table, &already_there)?;
        refuse_differing(&differing, options.present)?;
        *self = kept;
        Ok(Transformed { table: made, skipped, already_there, differing })
    }

    /// The features that a table has, where that is allowed.
    fn already_there(&self, table: &Table, present: Present) -> Vec<String> {
        let is_there = |f: &&Feature| present != Present::Refuse && table.has_column(&f.name);
        self.features.iter().filter(is_there).map(|f| f.name.clone()).collect()
    }

    /// Which of these columns of a table are not what their features give, by a sample of the rows. What
    /// cannot be computed, because an input is absent or it is not fitted, is not compared.
    fn differing(&self, table: &Table, names: &[String]) -> Result<Vec<Differing>> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let rows = sampled_rows(table.n_rows());
        let mut readings = Readings::new(table.take(&rows)?);
        let mut found = Vec::new();
        for (feature, checked) in self.features.iter().zip(&self.checked) {
            if !feature.is_ready() || checked.inputs.iter().any(|input| !readings.has_column(input)) {
                continue;
            }
            if names.contains(&feature.name) {
                found.extend(differs(feature, checked, &mut readings));
            } else if let Ok(array) = apply(feature, checked, &mut readings) {
                readings.add(&feature.name, array)?;
            }
        }
        Ok(found)
    }

    /// Of these features, those that compute a column of their name: every row is compared. Later ones
    /// are asked first. A feature that reads what is no column of the table computes nothing.
    ///
    /// # Errors
    /// None of a feature: what does not fit the table is passed over.
    pub fn makers(candidates: &[Feature], table: &Table) -> Vec<Feature> {
        let mut readings = Readings::new(table.clone());
        let mut makers: Vec<Feature> = Vec::new();
        for feature in candidates.iter().rev() {
            let is_settled = makers.iter().any(|maker| maker.name == feature.name);
            if is_settled || !feature.is_ready() || !table.has_column(&feature.name) {
                continue;
            }
            let Ok(checked) = feature.check() else { continue };
            let reads_itself = checked.inputs.contains(&feature.name);
            if !reads_itself && differs(feature, &checked, &mut readings).is_none() {
                makers.push(feature.clone());
            }
        }
        makers.reverse();
        makers
    }

    /// Adds a feature behind the others, which it may use.
    ///
    /// # Errors
    /// As [`FeatureEngineer::new`]; the features stay as they were.
    pub fn add(&mut self, feature: Feature) -> Result<()> {
        let mut features = self.features.clone();
        features.push(feature);
        *self = Self::new(features)?;
        Ok(())
    }

    /// The features in order, with their states.
    pub fn features(&self) -> &[Feature] {
        &self.features
    }

    /// The names of the features in order.
    pub fn names(&self) -> Vec<String> {
        self.features.iter().map(|f| f.name.clone()).collect()
    }

    /// The columns that a feature reads, each once.
    ///
    /// # Errors
    /// A formula error if its formula does not parse.
    pub fn inputs(feature: &Feature) -> Result<Vec<String>> {
        feature.inputs()
    }

    /// Whether every feature can be applied.
    pub fn is_fitted(&self) -> bool {
        self.features.iter().all(Feature::is_ready)
    }

    /// The features whose inputs neither the table nor a feature before them gives, and why.
    fn lacking(&self, table: &Table, present: Present) -> Vec<Skipped> {
        let mut skipped: Vec<Skipped> = Vec::new();
        let (mut made, mut unmade): (HashSet<&str>, HashSet<&str>) = Default::default();
        for (feature, checked) in self.features.iter().zip(&self.checked) {
            let names = checked.inputs.iter().map(String::as_str);
            let absent: Vec<&str> = names.filter(|n| !table.has_column(n) && !made.contains(n)).collect();
            if absent.is_empty() || (present != Present::Refuse && table.has_column(&feature.name)) {
                made.insert(&feature.name);
                continue;
            }
            let (features, columns): (Vec<&str>, Vec<&str>) =
                absent.into_iter().partition(|name| unmade.contains(name));
            let mut reasons = Vec::new();
            if !columns.is_empty() {
                reasons.push(format!("the table has no column {}", quoted(&columns)));
            }
            if !features.is_empty() {
                let noun = if features.len() == 1 { "a skipped feature" } else { "skipped features" };
                reasons.push(format!("it uses {noun}: {}", quoted(&features)));
            }
            unmade.insert(&feature.name);
            skipped.push(Skipped { name: feature.name.clone(), reason: reasons.join(", and ") });
        }
        skipped
    }
}

pub(super) fn apply(feature: &Feature, checked: &Checked, readings: &mut Readings) -> Result<ArrayRef> {
    match (&checked.formula, &feature.state) {
        (Some(formula), _) => formula.evaluate_on(readings),
        (None, Some(state)) => {
            refuse_absent(checked, readings)?;
            state.apply(&feature.definition, readings)
        }
        (None, None) => {
            Err(Error::option("it is not fitted").with_hint("call `fit` with the training rows first"))
        }
    }
}

fn refuse_absent(checked: &Checked, readings: &Readings) -> Result<()> {
    let names = checked.inputs.iter().map(String::as_str);
    let absent: Vec<&str> = names.filter(|c| !readings.has_column(c)).collect();
    // A formula's own check says the same and shows the place.
    if absent.is_empty() || checked.formula.is_some() {
        return Ok(());
    }
    let (message, hint) = readings.absence(&absent);
    Err(Error::schema(message).with_hint(hint))
}

/// Whether a file of JSON is a list, as people write features by hand.
pub fn is_list(bytes: &[u8]) -> bool {
    bytes.trim_ascii_start().starts_with(b"[")
}

fn parse(bytes: &[u8]) -> Result<Vec<Feature>> {
    let malformed = |e: serde_json::Error| Error::malformed(e.to_string()).with_source(e);
    if is_list(bytes) {
        let listed: Vec<serde_json::Value> = serde_json::from_slice(bytes).map_err(malformed)?;
        return listed.iter().map(Feature::from_suggestion).collect();
    }
    // The version comes first: a later version's file may have fields that this code does not know.
    let Version { format_version } = serde_json::from_slice(bytes).map_err(|e| {
        malformed(e).with_hint(
            "a file of features is `{\"format_version\": 1, \"features\": [...]}`, or `[{\"name\": ..., \"formula\": ...}]`",
        )
    })?;
    if format_version != FORMAT_VERSION {
        return Err(Error::malformed(format!(
            "the file has format version {format_version}, this tabgraft reads version {FORMAT_VERSION}"
        ))
        .with_hint("use the tabgraft that wrote it, or a newer one"));
    }
    let document: Document = serde_json::from_slice(bytes).map_err(malformed)?;
    Ok(document.features)
}
