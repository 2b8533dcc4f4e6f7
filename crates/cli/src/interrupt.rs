//! Ctrl-C, SIGTERM and SIGHUP: the first asks the running training to stop, a second one ends the process.
//!
//! A signal that the process was started to ignore stays ignored: `nohup` must outlive its terminal. One
//! exception: shells start jobs in the background of a script with SIGINT ignored, so that Ctrl-C at the
//! terminal does not reach them. Whoever sends SIGINT to such a job by `kill` means it, and is heard.
//!
//! A second SIGHUP ends nothing: a closing terminal sends it twice.

use std::sync::Once;
use std::sync::atomic::{AtomicI32, Ordering};

/// The number of the first signal; 0 before it.
static REQUESTED: AtomicI32 = AtomicI32::new(0);
static LISTENING: Once = Once::new();

/// From now on a signal only asks. Called when training begins: before that there is nothing to lose, and
/// it ends the process as usual.
pub fn listen() {
    LISTENING.call_once(system::listen);
}

/// The signal by which the user has asked to stop, if so.
pub fn requested() -> Option<&'static str> {
    match REQUESTED.load(Ordering::SeqCst) {
        0 => None,
        signal => Some(system::name(signal)),
    }
}

#[cfg(unix)]
mod system {
    use std::ffi::c_int;
    use std::sync::atomic::{AtomicBool, Ordering};

    use nix::libc::{self, c_void, siginfo_t};
    use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};

    use super::REQUESTED;

    /// Whether the process was started with SIGINT ignored.
    static IS_IN_BACKGROUND: AtomicBool = AtomicBool::new(false);

    pub(super) fn listen() {
        for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
            let flags = SaFlags::SA_SIGINFO | SaFlags::SA_RESTART;
            let action = SigAction::new(SigHandler::SigAction(on_signal), flags, SigSet::empty());
            // SAFETY: `on_signal` does only what a handler may do: it uses atomics and `_exit`. An action
            // that was there before is put back unchanged.
            #[expect(unsafe_code, reason = "the system has no other way to set a handler")]
            unsafe {
                // Without a handler a signal ends the process at once, which is no worse than before.
                let Ok(before) = sigaction(signal, &action) else { continue };
                if matches!(before.handler(), SigHandler::SigIgn) {
                    if signal == Signal::SIGINT {
                        IS_IN_BACKGROUND.store(true, Ordering::SeqCst);
                    } else {
                        let _ = sigaction(signal, &before);
                    }
                }
            }
        }
    }

    extern "C" fn on_signal(signal: c_int, info: *mut siginfo_t, _context: *mut c_void) {
        if signal == libc::SIGINT && IS_IN_BACKGROUND.load(Ordering::SeqCst) {
            // SAFETY: with SA_SIGINFO the system passes a valid pointer.
            #[expect(unsafe_code, reason = "the system gives a pointer")]
            let code = unsafe { (*info).si_code };
            // What a process sent has a code of 0 or below; the terminal's own signal does not.
            if code > 0 {
                return;
            }
        }
        let is_second = REQUESTED.compare_exchange(0, signal, Ordering::SeqCst, Ordering::SeqCst).is_err();
        if is_second && signal != libc::SIGHUP {
            // SAFETY: the one way to end a process that a handler may take.
            #[expect(unsafe_code, reason = "the user asked twice; nothing may hold the process up")]
            unsafe {
                libc::_exit(128 + signal);
            }
        }
    }

    pub(super) fn name(signal: c_int) -> &'static str {
        Signal::try_from(signal).map_or("a signal", Signal::as_str)
    }
}

#[cfg(not(unix))]
mod system {
    use std::sync::atomic::Ordering;

    use super::REQUESTED;

    /// The number of Ctrl-C, here as elsewhere.
    const INTERRUPT: i32 = 2;

    pub(super) fn listen() {
        let _ = ctrlc::set_handler(|| {
            if REQUESTED.swap(INTERRUPT, Ordering::SeqCst) != 0 {
                #[expect(clippy::exit, reason = "the user asked twice; nothing may hold the process up")]
                std::process::exit(128 + INTERRUPT);
            }
        });
    }

    pub(super) fn name(_signal: i32) -> &'static str {
        "Ctrl-C"
    }
}
