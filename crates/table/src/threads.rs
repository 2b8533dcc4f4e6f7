//! The threads that parallel work of the libraries is shared out to.
//!
//! Rayon's global pool is not used: its threads do not come along into a forked child (Python's
//! `multiprocessing`, a server that loads before it forks), where work that is handed to them would wait for
//! ever. The pool here belongs to one process; a child starts its own with its first work, and leaves its
//! parent's alone. No lock is waited for that another thread may have held while the process was forked.
//!
//! Work that begins in a thread of somebody else's pool stays there: it is shared out to that pool's threads.
//! Results never depend on how many there are.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, TryLockError};

use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::error::{Error, Result};

/// Most threads of the pool, whatever is asked for.
pub const MOST_THREADS: usize = 1024;
/// Most threads of the pool for each core: more only wait for each other, and a process that may not have much
/// memory would have nothing left for their work.
const MOST_PER_CORE: usize = 4;
/// How often a lock is tried before its holder is taken for lost in a fork. It is held for a few instructions.
const LOCK_ATTEMPTS: usize = 10_000;

/// The number that was asked for; 0 is one for each core.
static WANTED: AtomicUsize = AtomicUsize::new(0);
static POOL: Mutex<Option<Held>> = Mutex::new(None);

/// A pool, and whose it is.
struct Held {
    process: u32,
    pool: Arc<ThreadPool>,
}

/// Sets how many threads work from now on, at most [`MOST_THREADS`] and 4 for each core; 0, the default, is one for
/// each core.
pub fn set_threads(n: usize) {
    WANTED.store(n.min(MOST_THREADS), Ordering::Relaxed);
}

/// Runs work whose parallel parts are shared out to this process's pool, or to the one that the calling thread
/// belongs to.
///
/// # Errors
/// An option error if the threads cannot be started.
pub fn in_pool<R: Send>(work: impl FnOnce() -> R + Send) -> Result<R> {
    match rayon::current_thread_index() {
        Some(_) => Ok(work()),
        None => Ok(pool()?.install(work)),
    }
}

/// As [`in_pool`], for work that cannot fail: where no threads can be started, the calling one works alone.
pub fn in_pool_or_alone<R: Send>(work: impl FnOnce() -> R + Send) -> R {
    if rayon::current_thread_index().is_none() {
        match pool() {
            Ok(pool) => return pool.install(work),
            // From here on the calling thread is a pool of one, for as long as it lives.
            Err(_) => drop(ThreadPoolBuilder::new().num_threads(1).use_current_thread().build()),
        }
    }
    work()
}

/// How many threads there are, of so many that were asked for.
fn n_threads(wanted: usize) -> usize {
    let n_cores = std::thread::available_parallelism().map_or(1, usize::from);
    if wanted == 0 {
        n_cores.min(MOST_THREADS)
    } else {
        wanted.min(MOST_PER_CORE * n_cores).min(MOST_THREADS)
    }
}

fn pool() -> Result<Arc<ThreadPool>> {
    let process = std::process::id();
    let n = n_threads(WANTED.load(Ordering::Relaxed));
    let fits = |held: &&Held| held.process == process && held.pool.current_num_threads() == n;
    if let Some(held) = lock().as_deref().and_then(Option::as_ref).filter(fits) {
        return Ok(held.pool.clone());
    }
    let pool = ThreadPoolBuilder::new().num_threads(n).thread_name(|i| format!("tabgraft-{i}")).build();
    let pool = Arc::new(pool.map_err(|error| {
        Error::option(format!("{n} threads cannot be started: {error}"))
            .with_hint("ask for fewer, or allow the process more threads or memory")
    })?);
    let Some(mut place) = lock() else { return Ok(pool) };
    // Another thread may have been faster.
    if let Some(held) = place.as_ref().filter(fits) {
        return Ok(held.pool.clone());
    }
    let before = place.replace(Held { process, pool: pool.clone() });
    if let Some(before) = before.filter(|held| held.process != process) {
        // Its threads are the parent's: ending them from here would wait for them.
        std::mem::forget(before);
    }
    Ok(pool)
}

/// `None` if it cannot be had: then every call has a pool of its own, rather than none.
fn lock() -> Option<MutexGuard<'static, Option<Held>>> {
    for _ in 0..LOCK_ATTEMPTS {
        match POOL.try_lock() {
            Ok(place) => return Some(place),
            Err(TryLockError::Poisoned(place)) => return Some(place.into_inner()),
            Err(TryLockError::WouldBlock) => std::thread::yield_now(),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_threads_than_cores_can_use() {
        let n_cores = n_threads(0);
        assert_eq!((n_threads(1), n_threads(usize::MAX)), (1, (4 * n_cores).min(MOST_THREADS)));
    }

    #[test]
    fn work_stays_in_the_pool_that_it_began_in() {
        let name = || std::thread::current().name().map(str::to_owned);
        assert!(in_pool(name).unwrap().is_some_and(|name| name.starts_with("tabgraft-")));
        let nested = in_pool(|| (rayon::current_num_threads(), in_pool(rayon::current_num_threads).unwrap()));
        let (outer, inner) = nested.unwrap();
        assert_eq!(outer, inner);
        let others = ThreadPoolBuilder::new().num_threads(3).build().unwrap();
        assert_eq!(others.install(|| in_pool(rayon::current_num_threads).unwrap()), 3);
        assert_eq!(others.install(|| in_pool_or_alone(rayon::current_num_threads)), 3);
    }

    /// One test: they share the one place of the process.
    #[test]
    fn a_pool_of_another_process_is_left_alone_and_a_lost_lock_is_not_waited_for() {
        let parents = Arc::new(ThreadPoolBuilder::new().num_threads(1).build().unwrap());
        *lock().unwrap() = Some(Held { process: std::process::id() + 1, pool: parents.clone() });
        assert!(in_pool(|| ()).is_ok());
        assert_eq!(Arc::strong_count(&parents), 2, "nobody drops it here");
        // As if another thread had held it while the process was forked.
        let held = lock().unwrap();
        let n = std::thread::spawn(|| in_pool(rayon::current_num_threads).unwrap()).join().unwrap();
        assert!(n >= 1);
        drop(held);
    }
}
