//! Weight matrices by name: out of a network for a file, and back into one of the same shape.

use std::collections::BTreeMap;

use super::{Param, Params};
use crate::error::{Error, Result};
use crate::store::Blob;

/// All matrices under `prefix`, by name.
pub(crate) fn to_blobs(params: &impl Params, prefix: &str, blobs: &mut BTreeMap<String, Blob>) {
    params.each(prefix, &mut |name, param| {
        blobs.insert(name, Blob { shape: param.shape().to_vec(), data: param.values() });
    });
}

/// Fills all matrices under `prefix` from a file's, and takes them out of `blobs`.
///
/// # Errors
/// A malformed error that names a matrix that is absent or of another shape.
pub(crate) fn from_blobs(
    params: &mut impl Params,
    prefix: &str,
    blobs: &mut BTreeMap<String, Blob>,
) -> Result<()> {
    let mut failure = None;
    params.each_mut(prefix, &mut |name, param| match blobs.remove(&name) {
        Some(blob) if blob.shape == param.shape() => *param = Param::new(blob.data, param.shape()),
        Some(blob) => {
            failure.get_or_insert_with(|| {
                Error::malformed(format!(
                    "weight matrix `{name}` has shape {:?}, the manifest asks for {:?}",
                    blob.shape,
                    param.shape()
                ))
            });
        }
        None => {
            failure.get_or_insert_with(|| Error::malformed(format!("weight matrix `{name}` is absent")));
        }
    });
    failure.map_or(Ok(()), Err)
}

/// Refuses matrices that nothing asked for.
///
/// # Errors
/// A malformed error that names one of them.
pub(crate) fn check_all_used(blobs: &BTreeMap<String, Blob>) -> Result<()> {
    match blobs.keys().next() {
        None => Ok(()),
        Some(name) => {
            Err(Error::malformed(format!("weight matrix `{name}` belongs to nothing in the manifest")))
        }
    }
}
