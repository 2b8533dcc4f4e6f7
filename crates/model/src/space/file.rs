//! An embedding space as one file, and its hashes.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use serde::Serialize;
use tabgraft_table::read::Reading;
use tabgraft_table::split::Split;

use super::{
    About, EmbeddingSpace, Era, ExtensionMetadata, Hashes, KnownRows, Rows, TrainingInfo, Wiring,
    column_shape, recipe, to_current,
};
use crate::encoder::Network;
use crate::encoder::network::Widths;
use crate::error::{Error, Result};
use crate::param::start::Blank;
use crate::param::weights::{check_all_used, from_blobs, to_blobs};
use crate::store::{self, Blob, Container, json_hash, weights_hash};
use crate::train::{check_batch_size, check_epochs};

/// The container's kind.
pub(crate) const KIND: &str = "embedding_space";
/// Most columns of a file; more would be a hostile manifest.
pub(crate) const MOST_COLUMNS: usize = 100_000;
/// Widest network of a file.
const WIDEST: usize = 1 << 16;
/// Most steps of a file's lineage, other parents of merges and their own steps among them.
const MOST_STEPS: usize = 1000;

/// Refuses a lineage of more steps than a model has.
///
/// # Errors
/// A malformed error that says how many there are.
pub(crate) fn check_steps(steps: &[ExtensionMetadata]) -> Result<()> {
    match n_steps(steps) {
        0..=MOST_STEPS => Ok(()),
        n => Err(Error::malformed(format!("its lineage has {n} steps, at most {MOST_STEPS} are read"))),
    }
}

fn n_steps(steps: &[ExtensionMetadata]) -> usize {
    let others = steps.iter().flat_map(|step| &step.other_parents);
    steps.len() + others.map(|other| 1 + n_steps(&other.line)).sum::<usize>()
}

/// What `inspect` shows of a space.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SpaceCard {
    /// Name of the space.
    pub name: String,
    /// When it was trained: RFC 3339, UTC.
    pub created: String,
    /// Software that trained it.
    pub software: String,
    /// Length of a row's vector.
    pub d_model: usize,
    /// Numbers in all weight matrices.
    pub n_weights: usize,
    /// Used columns: name, kind, reason.
    pub columns: Vec<tabgraft_table::schema::ColumnSpec>,
    /// Columns left out, with reasons.
    pub excluded: Vec<tabgraft_table::schema::ExcludedColumn>,
    /// Engineered columns.
    pub features: Vec<String>,
    /// Notes about the data.
    pub notes: Vec<String>,
    /// How the table was read.
    pub reading: Reading,
    /// Different rows that it remembers to have been trained on; none where it remembers none.
    pub n_rows_remembered: Option<u64>,
    /// Whether it keeps nothing of single rows.
    pub private: bool,
    /// Content hashes.
    pub hashes: Hashes,
    /// The record of the last training.
    pub training_info: TrainingInfo,
    /// All steps of the lineage, oldest first.
    pub extensions: Vec<ExtensionMetadata>,
    /// Grafts that were judged worse than this space, oldest first.
    pub refused_extensions: Vec<super::RefusedExtension>,
}

impl EmbeddingSpace {
    /// Writes the space to one file, whole or not at all. The path may end in anything.
    ///
    /// # Errors
    /// An io error if the file cannot be written.
    pub fn save(&self, path: &Path) -> Result<()> {
        store::save(path, &self.to_container()?)?;
        Ok(())
    }

    /// Reads a space from its file. Runs no code of the file, and believes no size in it.
    ///
    /// # Errors
    /// Malformed, version or verification errors that name the file; an io error.
    pub fn load(path: &Path) -> Result<Self> {
        let (container, _) = store::load(path)?;
        Self::from_container(container).map_err(|e| e.at(format_args!("`{}`", path.display())))
    }

    /// The bytes of the file that [`EmbeddingSpace::save`] writes.
    ///
    /// # Errors
    /// A value error if a weight is not finite.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        store::to_bytes(&self.to_container()?)
    }

    /// Reads a space from such bytes.
    ///
    /// # Errors
    /// As [`EmbeddingSpace::load`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        Self::from_container(store::from_bytes(bytes)?.0)
    }

    /// What there is to say about the space.
    pub fn card(&self) -> SpaceCard {
        self.about.card()
    }

    fn to_container(&self) -> Result<Container> {
        let manifest = serde_json::to_value(&self.about).map_err(|e| {
            Error::value(format!("space `{}` cannot be written as JSON: {e}", self.about.name))
        })?;
        let mut tensors = BTreeMap::new();
        to_blobs(&self.network, "", &mut tensors);
        Ok(Container { kind: KIND.to_owned(), manifest, tensors })
    }

    pub(crate) fn from_container(mut container: Container) -> Result<Self> {
        check_groups(&container.manifest, container.tensors.len())?;
        to_current(&mut container.manifest);
        let about: About = container.manifest_as(KIND)?;
        let Container { mut tensors, manifest, .. } = container;
        // The largest part of it is in `about`, too.
        drop(manifest);
        let found = weights_hash(&tensors);
        if found.as_str() != about.hashes.weights {
            return Err(Error::verification(format!(
                "the weights hash to {}, the manifest says {}",
                found.short(),
                about.hashes.weights
            )));
        }
        let mut blank = Blank::new(n_weights(&tensors));
        check_about(&about)?;
        let mut network = skeleton(&about, &mut blank)?;
        from_blobs(&mut network, "", &mut tensors)?;
        check_all_used(&tensors)?;
        Ok(EmbeddingSpace { about, network })
    }

    /// The hashes of this space, trained on these rows. Computed last, when training record and lineage entry
    /// are complete.
    ///
    /// # Errors
    /// If there are other workers, and one does not answer.
    pub(crate) fn compute_hashes(&self, rows: &Rows) -> Result<Hashes> {
        let mut data = blake3::Hasher::new();
        rows.key.iter().for_each(|k| {
            data.update(&k.to_le_bytes());
        });
        let mut data = data.finalize();
        if let Some(shard) = &rows.shard {
            data = blake3::hash(&shard.gather(data.as_bytes())?.concat());
        }
        Ok(self.hashes_with(data.to_hex().to_string()))
    }

    /// The hashes of this space, trained on a table of this data hash.
    pub(crate) fn hashes_with(&self, data: String) -> Hashes {
        let mut tensors = BTreeMap::<String, Blob>::new();
        to_blobs(&self.network, "", &mut tensors);
        Hashes {
            weights: weights_hash(&tensors).as_str().to_owned(),
            data,
            ..self.about.compute_hashes(Era::Eight)
        }
    }
}

impl About {
    /// Numbers for columns that come behind the others.
    pub(crate) fn add_mask_keys(&mut self, n_columns: usize) {
        let next = self.mask_keys.iter().max().map_or(0, |last| last.saturating_add(1));
        self.mask_keys.extend((0..n_columns as u64).map(|i| next.saturating_add(i)));
    }

    /// Adds a step to the lineage, after which this version is what the step made. The last thing to
    /// do: what the step's training left behind is part of what is hashed.
    pub(crate) fn remember(&mut self, step: ExtensionMetadata) {
        self.extensions.push(step);
        // What was refused says nothing of a descendant.
        self.refused_extensions.clear();
        self.seal();
    }

    /// Computes those hashes anew that follow from the manifest.
    pub(crate) fn seal(&mut self) {
        let Hashes { weights, data, .. } = std::mem::take(&mut self.hashes);
        self.hashes = Hashes { weights, data, ..self.compute_hashes(Era::Eight) };
    }

    /// The hashes that follow from the manifest: all but those of weights and data, which stay empty.
    pub(crate) fn compute_hashes(&self, era: Era) -> Hashes {
        let json = |value: serde_json::Result<serde_json::Value>| {
            json_hash(&value.unwrap_or(serde_json::Value::Null)).as_str().to_owned()
        };
        let is_new = era == Era::Eight;
        Hashes {
            weights: String::new(),
            schema: json(serde_json::to_value((&self.columns, &self.codecs))),
            data: String::new(),
            split: split_hash(&self.split),
            features: json(serde_json::to_value(&self.features)),
            recipe: recipe(&self.software, &self.config, self.extensions.last(), era),
            wiring: is_new.then(|| json(serde_json::to_value(&self.wiring))),
            claims: is_new.then(|| self.claims().as_str().to_owned()),
            rows: self.rows.as_ref().map(|rows| rows.hash().as_str().to_owned()),
        }
    }

    /// What there is to say about the space.
    pub(crate) fn card(&self) -> SpaceCard {
        let about = self;
        SpaceCard {
            name: about.name.clone(),
            created: about.created.clone(),
            software: about.software.version.clone(),
            d_model: about.d_model(),
            n_weights: about.training_info.n_weights,
            columns: about.columns.clone(),
            excluded: about.excluded.clone(),
            features: about.features.iter().map(|f| f.name.clone()).collect(),
            notes: about.notes.clone(),
            reading: about.reading.clone(),
            n_rows_remembered: about.rows.as_ref().map(KnownRows::n_rows),
            private: about.is_private(),
            hashes: about.hashes.clone(),
            training_info: about.training_info.clone(),
            extensions: about.extensions.clone(),
            refused_extensions: about.refused_extensions.clone(),
        }
    }

    /// Length of a row's vector: the root's width and that of every side.
    pub(crate) fn d_model(&self) -> usize {
        let side = |group: &Wiring| match group {
            Wiring::Root { .. } => 0,
            Wiring::Side { d_side, .. } => *d_side,
        };
        self.config.d_model + self.wiring.iter().map(side).sum::<usize>()
    }
}

/// Refuses a space's manifest that describes more token groups than the file has matrices, of which each
/// group needs several. As many as a lineage may have steps cost next to nothing: a predictor of trees alone
/// describes them without having them.
pub(crate) fn check_groups(manifest: &serde_json::Value, n_matrices: usize) -> Result<()> {
    let n_groups = manifest.get("wiring").and_then(serde_json::Value::as_array).map_or(0, Vec::len);
    match n_groups > n_matrices.max(MOST_STEPS + 1) {
        true => Err(Error::malformed(format!(
            "the manifest describes {n_groups} token groups, the file has {n_matrices} weight matrices"
        ))),
        false => Ok(()),
    }
}

/// Says which rule gives rows to their parts.
pub(crate) fn split_hash(split: &Split) -> String {
    json_hash(&serde_json::to_value(split).unwrap_or(serde_json::Value::Null)).as_str().to_owned()
}

/// Weights in these matrices.
pub(crate) fn n_weights(tensors: &BTreeMap<String, Blob>) -> usize {
    tensors.values().map(|blob| blob.data.len()).sum()
}

/// Refuses a manifest whose network outgrows its file.
pub(crate) fn check_filled(blank: &Blank) -> Result<()> {
    match blank.exceeded() {
        None => Ok(()),
        Some(most) => Err(Error::malformed(format!(
            "the manifest describes a network of more weights than the {most} that the file holds"
        ))
        .with_hint("the file was made by hand or damaged; restore it from a copy, or train the model again")),
    }
}

/// Whether a manifest can be true: what holds of it without a weight.
///
/// # Errors
/// A malformed error that says what contradicts what.
pub(crate) fn check_about(about: &About) -> Result<()> {
    let n_columns = about.columns.len();
    let refuse = |text: String| Err(Error::malformed(text));
    if n_columns != about.codecs.len() || n_columns > MOST_COLUMNS {
        return refuse(format!("{n_columns} columns and {} codecs", about.codecs.len()));
    }
    about.config.check()?;
    about.split.check()?;
    // They are a descendant's defaults: a later step would take their word for it.
    for (name, checked) in [
        ("planned_epochs", check_epochs(Some(about.planned_epochs), 1)),
        ("batch_size", check_batch_size(Some(about.batch_size))),
    ] {
        checked.map_err(|e| Error::malformed(format!("`{name}` of the manifest: {e}")))?;
    }
    check_steps(&about.extensions)?;
    about.rows.as_ref().map_or(Ok(()), |rows| rows.check(MOST_COLUMNS))?;
    about.profile.as_ref().map_or(Ok(()), |profile| profile.check(n_columns))?;
    let mut names = HashSet::new();
    if let Some(twice) = about.columns.iter().find(|column| !names.insert(column.name.as_str())) {
        return refuse(format!("two columns have the name `{}`", twice.name));
    }
    let keys: HashSet<u64> = about.mask_keys.iter().copied().collect();
    if about.mask_keys.len() != n_columns || keys.len() != n_columns || about.key_columns.len() > MOST_COLUMNS
    {
        return refuse(format!(
            "{} mask keys, {} of them different, and {} key columns for {n_columns} columns",
            about.mask_keys.len(),
            keys.len(),
            about.key_columns.len()
        ));
    }
    let mut names = HashSet::new();
    for feature in &about.features {
        if !names.insert(feature.name.as_str()) {
            return refuse(format!("two features have the name `{}`", feature.name));
        }
        feature.inputs().map_err(|e| Error::malformed(e.to_string()))?;
    }
    for (column, codec) in about.columns.iter().zip(&about.codecs) {
        codec.check().map_err(|e| e.at(format_args!("column `{}`", column.name)))?;
    }
    Ok(())
}

/// A network of the shape that the manifest describes, its weights to be filled in. No more is allocated than
/// the file has weights. The manifest has passed [`check_about`].
///
/// # Errors
/// A malformed error if its wiring contradicts itself or the file.
pub(crate) fn skeleton(about: &About, blank: &mut Blank) -> Result<Network> {
    let n_columns = about.columns.len();
    let refuse = |text: String| Err(Error::malformed(text));
    let shapes: Vec<_> = about.codecs.iter().map(column_shape).collect();
    let config = &about.config;
    let mut network: Option<Network> = None;
    let mut start = 0_usize;
    for group in &about.wiring {
        let n = group.n_columns();
        let Some(columns) = start.checked_add(n).and_then(|end| shapes.get(start..end)) else {
            return refuse(format!("the wiring asks for more than {n_columns} columns"));
        };
        if columns.is_empty() && matches!(group, Wiring::Root { .. }) {
            return refuse("a group of the root has no column".to_owned());
        }
        match (&mut network, group) {
            (None, Wiring::Root { .. }) => {
                let widths =
                    Widths { d: config.d_model, n_blocks: config.n_blocks, expansion: config.expansion };
                network = Some(Network::new(columns, widths, blank));
            }
            (Some(network), Wiring::Root { .. }) => network.graft_joint(columns, blank),
            (Some(network), Wiring::Side { d_side, reads, .. }) => {
                if !(1..=WIDEST).contains(d_side) || network.d_model() + d_side > WIDEST {
                    return refuse(format!("a side network of width {d_side}"));
                }
                let n_pieces = 1 + network.sides.len();
                let mut distinct = reads.clone();
                distinct.sort_unstable();
                distinct.dedup();
                let is_sane = reads.first() == Some(&0) && distinct.len() == reads.len();
                if !is_sane || distinct.last().is_none_or(|last| *last >= n_pieces) {
                    return refuse(format!("a side network that reads {reads:?} of {n_pieces} pieces"));
                }
                network.graft_frozen(columns, *d_side, reads.clone(), blank);
            }
            (None, Wiring::Side { .. }) => return refuse("the wiring begins with a side network".to_owned()),
        }
        check_filled(blank)?;
        start += n;
    }
    match network {
        Some(network) if start == n_columns => Ok(network),
        _ => refuse(format!("the wiring covers {start} of {n_columns} columns")),
    }
}
