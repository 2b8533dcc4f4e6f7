//! An index as one file.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use super::{About, RowIndex};
use crate::error::{Error, Result};
use crate::kernel::LANES;
use crate::store::{self, Blob, Container};

/// The container's kind.
pub(crate) const KIND: &str = "row_index";
/// The only tensor: `[n_rows, d_model]`.
const VECTORS: &str = "vectors";

impl RowIndex {
    /// Writes the index to one file, whole or not at all.
    ///
    /// # Errors
    /// An io error if the file cannot be written.
    pub fn save(&self, path: &Path) -> Result<()> {
        store::save(path, &self.to_container()?)?;
        Ok(())
    }

    /// Reads an index from its file. Runs no code of the file, and believes no size in it.
    ///
    /// # Errors
    /// Malformed, version or verification errors that name the file; an io error.
    pub fn load(path: &Path) -> Result<Self> {
        let (container, _) = store::load(path)?;
        Self::from_container(container).map_err(|e| e.at(format_args!("`{}`", path.display())))
    }

    /// The bytes of the file that [`RowIndex::save`] writes.
    ///
    /// # Errors
    /// A value error if the index has more rows than a file may hold.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        store::to_bytes(&self.to_container()?)
    }

    /// Reads an index from such bytes.
    ///
    /// # Errors
    /// As [`RowIndex::load`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        Self::from_container(store::from_bytes(bytes)?.0)
    }

    fn to_container(&self) -> Result<Container> {
        let manifest = serde_json::to_value(&self.about)
            .map_err(|e| Error::value(format!("the index cannot be written as JSON: {e}")))?;
        let (n, d) = (self.n_rows(), self.d_model());
        let vectors = Blob { shape: vec![n, d], data: self.vectors() };
        let tensors = BTreeMap::from([(VECTORS.to_owned(), vectors)]);
        Ok(Container { kind: KIND.to_owned(), manifest, tensors })
    }

    fn from_container(mut container: Container) -> Result<Self> {
        let mut about: About = container.manifest_as(KIND)?;
        let vectors = container.tensors.remove(VECTORS);
        let keys = std::mem::take(&mut about.keys);
        let (n, d) = (keys.len(), about.d_model);
        let vectors = match vectors {
            Some(vectors) if d > 0 && vectors.shape == [n, d] && container.tensors.is_empty() => vectors,
            _ => {
                return Err(Error::malformed(format!(
                    "an index of {n} keys in {d} coordinates has the one tensor `{VECTORS}`, of shape [{n}, {d}], \
                     and at least one coordinate"
                )));
            }
        };
        let mut index = RowIndex {
            about,
            panels: Vec::with_capacity(n.div_ceil(LANES) * d),
            inverse_lengths: Vec::with_capacity(n.div_ceil(LANES)),
            row_of: HashMap::with_capacity(n),
        };
        for (key, vector) in keys.into_iter().zip(vectors.data.chunks_exact(d)) {
            if index.row_of.contains_key(&key) {
                return Err(Error::malformed(format!("the key `{key}` is there twice")));
            }
            index.push(key, vector.iter().copied());
        }
        Ok(index)
    }
}
