//! Panics of the format crates, turned into errors without a word on stderr.

use std::any::Any;
use std::cell::Cell;
use std::fmt::Display;
use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::sync::Once;

use crate::error::{Error, Result};

thread_local! {
    /// Whether a panic of this thread is being waited for.
    static AWAITED: Cell<bool> = const { Cell::new(false) };
}

/// Runs code of another crate on data that it may not expect; its panic becomes the error.
///
/// The Arrow and Parquet crates answer most damage with an error but some with a panic (a failed
/// assertion on a header field, a type not implemented); to the user both mean the same. Callers do not use
/// a decoder or encoder again after an error, so a state half changed cannot show.
///
/// The process's panic hook is not called for such a panic, on this thread alone: other panics, of other
/// threads at the same time too, are reported as before. `run` must not wait for work of other threads
/// that may panic.
///
/// # Errors
/// The panic's text.
pub fn without_panic<T>(run: impl FnOnce() -> T) -> Result<T, String> {
    quieten_hook();
    let outer = AWAITED.replace(true);
    let outcome = catch_unwind(AssertUnwindSafe(run));
    AWAITED.set(outer);
    outcome.map_err(|panic| panic_text(panic.as_ref()))
}

/// As [`without_panic`], for code that answers with errors too.
pub(super) fn guarded<T, E: Display>(run: impl FnOnce() -> Result<T, E>) -> Result<T, String> {
    without_panic(run)?.map_err(|e| e.to_string())
}

/// As [`guarded`], for a decoder of this file.
pub(super) fn decoded<T, E: Display>(file: &str, decode: impl FnOnce() -> Result<T, E>) -> Result<T> {
    guarded(decode).map_err(|found| damaged(file, &found))
}

/// The error of a file that its decoder refused.
pub(super) fn damaged(file: &str, found: &str) -> Error {
    let (state, hint) = match found.contains("encrypt") {
        true => ("is encrypted", "write it again without encryption"),
        false => ("is damaged or cut short", "copy or write the file again"),
    };
    Error::malformed(format!("`{file}` {state}: {found}")).with_hint(hint)
}

/// Puts a hook before the process's own, once, that lets every panic through but the awaited ones. A hook
/// is the only place where the report of a panic can be held back, and there is one for all threads.
fn quieten_hook() {
    static ONCE: Once = Once::new();
    // A thread that unwinds may not change the hook; another call will.
    if std::thread::panicking() {
        return;
    }
    ONCE.call_once(|| {
        let loud = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            if !AWAITED.try_with(Cell::get).unwrap_or(false) {
                loud(panic);
            }
        }));
    });
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("the format crate failed").to_owned()
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    /// Runs in a process of its own, whose stderr the next test reads.
    #[test]
    #[ignore = "started by the next test"]
    #[allow(clippy::panic)]
    fn panics_of_two_threads() {
        let awaited = std::thread::spawn(|| {
            for i in 0..100 {
                let found = without_panic(|| {
                    if i >= 0 {
                        panic!("awaited {i}")
                    }
                });
                assert_eq!(found, Err(format!("awaited {i}")));
            }
            // An inner guard does not end the outer one.
            let found = without_panic(|| {
                assert!(without_panic(|| panic!("awaited inside")).is_err());
                panic!("awaited outside")
            });
            assert_eq!(found, Err::<(), _>("awaited outside".to_owned()));
        });
        let loud = std::thread::spawn(|| panic!("a real fault"));
        awaited.join().unwrap();
        assert!(loud.join().is_err());
        let after = std::thread::spawn(|| {
            let _ = without_panic(|| 1);
            panic!("a fault after a guard")
        });
        assert!(after.join().is_err());
    }

    #[test]
    fn only_awaited_panics_are_silent() {
        let myself = std::env::current_exe().unwrap();
        let arguments = ["--ignored", "--nocapture", "--exact", "read::guard::tests::panics_of_two_threads"];
        let ran = Command::new(myself).args(arguments).output().unwrap();
        let stderr = String::from_utf8(ran.stderr).unwrap();
        assert!(ran.status.success(), "{stderr}");
        assert!(!stderr.contains("awaited"), "{stderr}");
        assert!(stderr.contains("a real fault") && stderr.contains("a fault after a guard"), "{stderr}");
    }
}
