//! Panics of the format crates, turned into errors.

use std::any::Any;
use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::error::{Error, Result};

/// Runs code of the Arrow and Parquet crates on data that they may not expect.
///
/// They answer most damage with an error but some with a panic (a failed assertion on a header
/// field, a type not implemented); to the user both mean the same. Callers do not use a decoder or
/// encoder again after an error, so a state half changed cannot show.
pub(super) fn guarded<T, E: Display>(run: impl FnOnce() -> Result<T, E>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(outcome) => outcome.map_err(|e| e.to_string()),
        Err(panic) => Err(panic_text(panic.as_ref())),
    }
}

/// As [`guarded`], for a decoder of this file.
pub(super) fn decoded<T, E: Display>(file: &str, decode: impl FnOnce() -> Result<T, E>) -> Result<T> {
    guarded(decode).map_err(|found| {
        let (state, hint) = match found.contains("encrypt") {
            true => ("is encrypted", "write it again without encryption"),
            false => ("is damaged or cut short", "copy or write the file again"),
        };
        Error::malformed(format!("`{file}` {state}: {found}")).with_hint(hint)
    })
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("the format crate failed").to_owned()
}
