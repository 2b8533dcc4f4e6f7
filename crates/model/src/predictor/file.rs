//! A predictor as one file.

use std::collections::BTreeMap;
use std::path::Path;

use super::head::{Head, MemberSizes, N_MEMBERS};
use super::interval::Distances;
use super::{Predictor, PredictorAbout, Target, derived, lines, to_current, trees};
use crate::error::{Error, Result};
use crate::param::start::Blank;
use crate::param::weights::{check_all_used, from_blobs, to_blobs};
use crate::space::{MOST_COLUMNS, check_about, check_filled, check_groups, n_weights, skeleton};
use crate::store::{self, Blob, Container, ContentHash, weights_hash};
use crate::tree::Forest;

/// The container's kind.
pub(crate) const KIND: &str = "predictor";

impl Predictor {
    /// Writes the predictor to one file, whole or not at all.
    ///
    /// # Errors
    /// An io error if the file cannot be written.
    pub fn save(&self, path: &Path) -> Result<()> {
        store::save(path, &self.to_container()?)?;
        Ok(())
    }

    /// Reads a predictor from its file.
    ///
    /// # Errors
    /// Malformed, version or verification errors that name the file; an io error.
    pub fn load(path: &Path) -> Result<Self> {
        let (container, _) = store::load(path)?;
        Self::from_container(container).map_err(|e| e.at(format_args!("`{}`", path.display())))
    }

    /// The bytes of the file that [`Predictor::save`] writes.
    ///
    /// # Errors
    /// A value error if a weight is not finite.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        store::to_bytes(&self.to_container()?)
    }

    /// Reads a predictor from such bytes.
    ///
    /// # Errors
    /// As [`Predictor::load`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        Self::from_container(store::from_bytes(bytes)?.0)
    }

    /// Names this predictor in lineages and registries. A new name or a new file does not change it.
    pub fn id(&self) -> ContentHash {
        self.about.id(&weights_hash(&self.tensors()))
    }

    pub(super) fn tensors(&self) -> BTreeMap<String, Blob> {
        let mut tensors = BTreeMap::new();
        for (i, head) in self.heads.iter().enumerate() {
            to_blobs(head, &format!("network.{i}"), &mut tensors);
        }
        for (i, forest) in self.forests.iter().enumerate() {
            forest.to_blobs(&format!("forest.{i}"), &mut tensors);
        }
        for (i, forest) in self.random_forests.iter().enumerate() {
            forest.to_blobs(&format!("random_forest.{i}"), &mut tensors);
        }
        lines::to_blobs(&self.lines, &mut tensors);
        self.grown_tensors(&mut tensors);
        tensors
    }

    fn to_container(&self) -> Result<Container> {
        let manifest = serde_json::to_value(&self.about).map_err(|e| {
            Error::value(format!("predictor `{}` cannot be written as JSON: {e}", self.name()))
        })?;
        let tensors = self.tensors();
        Ok(Container { kind: KIND.to_owned(), manifest, tensors })
    }

    pub(crate) fn from_container(mut container: Container) -> Result<Self> {
        let mut of_chain = Some(&container.manifest);
        while let Some(manifest) = of_chain {
            manifest.get("space").map_or(Ok(()), |space| check_groups(space, container.tensors.len()))?;
            of_chain = manifest.get("growth").and_then(|growth| growth.get("base"));
        }
        to_current(&mut container.manifest);
        let about: PredictorAbout = container.manifest_as(KIND)?;
        let Container { tensors, manifest, .. } = container;
        drop(manifest);
        Self::from_parts(about, tensors)
    }

    /// A predictor of what its manifest says and of all its tensors.
    ///
    /// # Errors
    /// A malformed error that says what contradicts what.
    pub(super) fn from_parts(about: PredictorAbout, mut tensors: BTreeMap<String, Blob>) -> Result<Self> {
        about.options.check()?;
        about.distances.as_ref().map_or(Ok(()), Distances::check)?;
        if about.threshold.is_some_and(|chosen| !(0.0..=1.0).contains(&chosen.value)) {
            return Err(Error::malformed("a threshold outside of 0 to 1"));
        }
        check_about(&about.space)?;
        about.rows.as_ref().map_or(Ok(()), |rows| rows.check(MOST_COLUMNS))?;
        if let Target::Classes { classes, .. } = &about.target
            && classes.len() < 2
        {
            return Err(Error::malformed(format!("a target of {} class(es)", classes.len())));
        }
        let sane = about.sharpness.is_finite() && about.sharpness > 0.0 && about.fit_info.has_shares();
        let number_sane = match &about.target {
            Target::Number { mean, deviation, .. } => {
                mean.is_finite() && deviation.is_finite() && *deviation > 0.0
            }
            Target::Classes { .. } => true,
        };
        if !sane || !number_sane {
            return Err(Error::malformed("the target's scale or calibration is no finite positive number"));
        }
        derived::check(&about.derived, &about.space.columns)?;
        if let Some(growth) = &about.growth {
            let grown = growth.read(&about, &mut tensors)?;
            check_all_used(&tensors)?;
            return Ok(Predictor::of_growth(about, grown));
        }
        let info = &about.fit_info;
        let n_networks = if info.share_of_networks() > 0.0 { info.best_epochs.len() } else { 0 };
        let n_forests = if info.share_of_trees > 0.0 { info.n_trees.len() } else { 0 };
        if (info.share_of_networks() > 0.0) != (n_networks > 0)
            || (info.share_of_trees > 0.0) != (n_forests > 0)
            || (info.share_of_random_forests > 0.0) == info.n_random_trees.is_empty()
            || (info.share_of_linear > 0.0 && !lines::has_blobs(&tensors))
        {
            return Err(Error::malformed(
                "a predictor without the networks, trees or linear models that it is said to have",
            ));
        }
        let n_members = n_members(&tensors, about.target.n_outputs());
        let mut heads = Vec::new();
        let mut blank = Blank::new(n_weights(&tensors));
        let space = (n_networks > 0).then(|| skeleton(&about.space, &mut blank)).transpose()?;
        for (i, space) in space.iter().flat_map(|space| (0..n_networks).map(move |i| (i, space))) {
            let name = format!("network.{i}");
            let (d_hidden, n_outputs) = (about.options.d_hidden, about.target.n_outputs());
            let mut head = Head::new(space, MemberSizes { n_members, d_hidden, n_outputs }, &mut blank);
            check_filled(&blank)?;
            from_blobs(&mut head, &name, &mut tensors)?;
            heads.push(head);
        }
        let codecs = derived::codecs(&about.space.codecs, &about.derived);
        let plan = trees::plan(&about.target, &codecs);
        let n_outputs = trees::loss(&about.target).n_outputs();
        let read = |i| Forest::from_blobs(plan.clone(), n_outputs, &format!("forest.{i}"), &mut tensors);
        let forests: Vec<Forest> = (0..n_forests).map(read).collect::<Result<_>>()?;
        if !forests.iter().map(Forest::n_trees).eq(about.fit_info.n_trees.iter().take(n_forests).copied()) {
            return Err(Error::malformed("its forests do not have as many trees as the manifest says"));
        }
        let random_forests = trees::read_random(
            &plan,
            n_outputs,
            "random_forest",
            &about.fit_info.n_random_trees,
            &mut tensors,
        )?;
        let lines = match about.fit_info.share_of_linear > 0.0 {
            true => lines::from_blobs(&codecs, n_outputs, &mut tensors)?,
            false => Vec::new(),
        };
        check_all_used(&tensors)?;
        Ok(Predictor::of_learners(about, heads, forests, random_forests, lines))
    }
}

/// Members of each network, as the tensors of the first have them: older files have more than [`N_MEMBERS`]. What the tensors
/// lack is found when they are read.
fn n_members(tensors: &BTreeMap<String, Blob>, n_outputs: usize) -> usize {
    // Of numbers that are there: a shape may claim any number of rows of no width.
    let n_members = tensors.get("network.0.members.b2").map(|blob| blob.data.len() / n_outputs.max(1));
    n_members.map_or(N_MEMBERS, |n_members| n_members.max(1))
}
