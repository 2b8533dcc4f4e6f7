//! Ctrl-C, SIGTERM and SIGHUP: the first asks the running training to stop, a second one ends the process.
//!
//! A signal that the process was started to ignore stays ignored: `nohup` must outlive its terminal. One
//! exception: shells start jobs in the background of a script with SIGINT ignored, so that Ctrl-C at the
//! terminal does not reach them. Whoever sends SIGINT to such a job by `kill` means it, and is heard.
//!
//! A second SIGHUP ends nothing: a closing terminal sends it twice.
//!
//! Where the system does not tell what is ignored (macOS), SIGHUP is left as it was, so that a closing terminal ends a
//! training that was not started by `nohup`.

/// From now on a signal only asks. Called when training begins: before that there is nothing to lose, and
/// it ends the process as usual.
pub use system::listen;
/// The signal by which the user has asked to stop, if so.
pub use system::requested;

#[cfg(unix)]
mod system {
    use std::ffi::c_int;
    use std::fs;
    use std::io;
    use std::sync::atomic::AtomicBool;
    use std::sync::{Arc, Mutex, OnceLock, PoisonError};

    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    use signal_hook::flag;
    use signal_hook::iterator::SignalsInfo;
    use signal_hook::iterator::exfiltrator::raw::WithRawSiginfo;
    use signal_hook::low_level::signal_name;

    /// What is heard.
    struct Heard {
        signals: SignalsInfo<WithRawSiginfo>,
        /// Whether the process was started with SIGINT ignored.
        is_in_background: bool,
        first: Option<&'static str>,
    }

    /// Empty before anybody listens; none where the system refuses it: there a signal ends the process at once.
    static HEARD: OnceLock<Option<Mutex<Heard>>> = OnceLock::new();

    pub fn listen() {
        HEARD.get_or_init(|| heard().ok().map(Mutex::new));
    }

    pub fn requested() -> Option<&'static str> {
        let mut heard = HEARD.get()?.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner);
        let Heard { signals, is_in_background, first } = &mut *heard;
        for signal in signals.pending() {
            // What a process sent has a code of 0 or below; the terminal's own signal does not.
            if first.is_none() && (!*is_in_background || signal.si_signo != SIGINT || signal.si_code <= 0) {
                *first = Some(signal_name(signal.si_signo).unwrap_or("a signal"));
            }
        }
        *first
    }

    fn heard() -> io::Result<Heard> {
        let ignored = ignored();
        let is_ignored = |signal: c_int| ignored.is_some_and(|mask| mask >> (signal - 1) & 1 == 1);
        let is_in_background = is_ignored(SIGINT);
        let mut wanted = vec![SIGINT];
        wanted.extend(Some(SIGTERM).filter(|signal| !is_ignored(*signal)));
        // Where it cannot be known whether it is ignored, it is left alone, for `nohup`.
        wanted.extend(Some(SIGHUP).filter(|signal| ignored.is_some() && !is_ignored(*signal)));
        let signals = SignalsInfo::new(&wanted)?;
        let is_second = Arc::new(AtomicBool::new(false));
        for signal in wanted {
            if signal == SIGINT && is_in_background {
                continue;
            }
            // The second ends the process wherever it is, even in a step that never ends.
            if signal != SIGHUP {
                flag::register_conditional_shutdown(signal, 128 + signal, is_second.clone())?;
            }
            flag::register(signal, is_second.clone())?;
        }
        Ok(Heard { signals, is_in_background, first: None })
    }

    /// The signals that the process was started to ignore, a bit each; none where the system does not tell, which
    /// only Linux does without `unsafe`.
    fn ignored() -> Option<u64> {
        let status = fs::read_to_string("/proc/self/status").ok()?;
        let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"))?;
        u64::from_str_radix(mask.trim(), 16).ok()
    }
}

#[cfg(not(unix))]
mod system {
    use std::sync::Once;
    use std::sync::atomic::{AtomicBool, Ordering};

    /// The exit code of Ctrl-C, here as elsewhere.
    const INTERRUPTED: i32 = 130;

    static IS_REQUESTED: AtomicBool = AtomicBool::new(false);
    static LISTENING: Once = Once::new();

    pub fn listen() {
        LISTENING.call_once(|| {
            let _ = ctrlc::set_handler(|| {
                if IS_REQUESTED.swap(true, Ordering::SeqCst) {
                    #[expect(clippy::exit, reason = "the user asked twice; nothing may hold the process up")]
                    std::process::exit(INTERRUPTED);
                }
            });
        });
    }

    pub fn requested() -> Option<&'static str> {
        IS_REQUESTED.load(Ordering::SeqCst).then_some("Ctrl-C")
    }
}
