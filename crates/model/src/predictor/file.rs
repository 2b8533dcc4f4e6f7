//! A predictor as one file.

use std::collections::BTreeMap;
use std::path::Path;

use super::head::Head;
use super::{Predictor, PredictorAbout, Target, to_current};
use crate::encoder::start::Blank;
use crate::encoder::weights::{check_all_used, from_blobs, to_blobs};
use crate::error::{Error, Result};
use crate::space::{MOST_COLUMNS, check_filled, check_groups, n_weights, skeleton};
use crate::store::{self, Blob, Container, ContentHash, weights_hash};

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

    fn tensors(&self) -> BTreeMap<String, Blob> {
        let mut tensors = BTreeMap::new();
        for (i, head) in self.heads.iter().enumerate() {
            to_blobs(head, &format!("network.{i}"), &mut tensors);
        }
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
        if let Some(space) = container.manifest.get("space") {
            check_groups(space, container.tensors.len())?;
        }
        to_current(&mut container.manifest);
        let about: PredictorAbout = container.manifest_as(KIND)?;
        about.options.check()?;
        about.rows.as_ref().map_or(Ok(()), |rows| rows.check(MOST_COLUMNS))?;
        if let Target::Classes { classes, .. } = &about.target
            && classes.len() < 2
        {
            return Err(Error::malformed(format!("a target of {} class(es)", classes.len())));
        }
        let sane = about.sharpness.is_finite() && about.sharpness > 0.0;
        let number_sane = match &about.target {
            Target::Number { mean, deviation, .. } => {
                mean.is_finite() && deviation.is_finite() && *deviation > 0.0
            }
            Target::Classes { .. } => true,
        };
        if !sane || !number_sane {
            return Err(Error::malformed("the target's scale or calibration is no finite positive number"));
        }
        let Container { mut tensors, manifest, .. } = container;
        drop(manifest);
        let mut blank = Blank::new(n_weights(&tensors));
        let space = skeleton(&about.space, &mut blank)?;
        let n_networks = about.fit_info.best_epochs.len();
        let mut heads = Vec::new();
        for i in 0..n_networks {
            let mut head = Head::new(&space, about.options.d_hidden, about.target.n_outputs(), &mut blank);
            check_filled(&blank)?;
            from_blobs(&mut head, &format!("network.{i}"), &mut tensors)?;
            heads.push(head);
        }
        check_all_used(&tensors)?;
        if heads.is_empty() {
            return Err(Error::malformed("a predictor without a network"));
        }
        Ok(Predictor { about, heads })
    }
}
