//! Ctrl-C: the first asks the running training to stop, the second ends the process.

use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

/// Exit code of a process that the second Ctrl-C ended: 128 + SIGINT, as shells have it.
const EXIT_INTERRUPTED: i32 = 130;

static REQUESTED: AtomicBool = AtomicBool::new(false);
static LISTENING: Once = Once::new();

/// From now on Ctrl-C only asks. Called when training begins: before that it ends the process as
/// usual.
pub fn listen() {
    LISTENING.call_once(|| {
        // Without a handler Ctrl-C ends the process at once, which is no worse than before.
        let _ = ctrlc::set_handler(|| {
            if REQUESTED.swap(true, Ordering::SeqCst) {
                #[expect(clippy::exit, reason = "the user asked twice; nothing may hold the process up")]
                std::process::exit(EXIT_INTERRUPTED);
            }
        });
    });
}

/// Whether the user has asked to stop.
pub fn requested() -> bool {
    REQUESTED.load(Ordering::SeqCst)
}
