//! A table of which other workers hold the other rows, and what these exchange.
//!
//! Whoever places the workers, a process each on machines of a cluster or a thread each, brings one operation, the sum
//! of arrays over all of them ([`Workers`]). All else is made of it: what one of them has to say to all, what each
//! has to say, sums of counts. Every worker makes the same exchanges in the same order. Whoever can keep bytes through a
//! failure brings that too, and a training goes on where it was ([`Workers::keep`]; in a file: [`StateFile`]).

use std::fmt::Debug;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Error, Result};
use crate::whole_file::{read_whole, write_whole};

/// Most workers: so many numbers of 16 bits have a sum that is exact in 32-bit floats.
pub const MOST_WORKERS: usize = 256;
/// Bits of a whole number that one value of an exchange carries.
const PIECE_BITS: u32 = 16;
/// Values of one exchange.
const CHUNK: usize = 1 << 20;
/// Most bytes of a state in a file: several times what the largest model has.
const MOST_STATE_BYTES: u64 = 64 << 30;

/// The workers of one job, as one of them sees them.
pub trait Workers: Debug + Send + Sync {
    /// Which one this is, below [`Workers::n_workers`].
    fn rank(&self) -> usize;

    /// How many there are.
    fn n_workers(&self) -> usize;

    /// Puts the sum over all workers in the place of each value; every worker gets the same bits, and calls with as
    /// many values.
    ///
    /// # Errors
    /// If another worker does not answer.
    fn all_reduce(&self, values: &mut [f32]) -> Result<()>;

    /// Whether the state of a training is kept, so that it goes on after a failure. Only worker 0 is asked, and only it
    /// keeps.
    fn keeps(&self) -> bool {
        false
    }

    /// Keeps the state of the running training in place of the one before it; `None`: the training has ended, and
    /// nothing is to be kept any longer.
    ///
    /// # Errors
    /// If it cannot be kept.
    fn keep(&self, _state: Option<&[u8]>) -> Result<()> {
        Ok(())
    }

    /// The state that is kept, as a worker left it whose training did not end.
    ///
    /// # Errors
    /// If it cannot be had.
    fn kept(&self) -> Result<Option<Vec<u8>>> {
        Ok(None)
    }
}

/// Says of a table that its rows are those of one worker.
#[derive(Debug, Clone)]
pub struct Shard(Arc<dyn Workers>);

impl Shard {
    /// The part of this worker.
    ///
    /// # Errors
    /// An option error if there are no workers or more than [`MOST_WORKERS`], or if the rank is not below their number.
    pub fn new(workers: Arc<dyn Workers>) -> Result<Self> {
        let (rank, n) = (workers.rank(), workers.n_workers());
        if !(1..=MOST_WORKERS).contains(&n) {
            return Err(Error::option(format!("there are {n} workers, allowed are 1 to {MOST_WORKERS}")));
        }
        if rank >= n {
            return Err(Error::option(format!("worker {rank} is not one of 0 to {}", n - 1)));
        }
        Ok(Shard(workers))
    }

    /// Which worker this is; 0 decides what is decided once.
    pub fn rank(&self) -> usize {
        self.0.rank()
    }

    /// How many workers there are.
    pub fn n_workers(&self) -> usize {
        self.0.n_workers()
    }

    /// The sum over all workers in the place of each value.
    ///
    /// # Errors
    /// As [`Workers::all_reduce`].
    pub fn sum(&self, values: &mut [f32]) -> Result<()> {
        self.0.all_reduce(values)
    }

    /// The exact sums of whole numbers.
    ///
    /// # Errors
    /// As [`Workers::all_reduce`].
    pub fn sum_counts(&self, counts: &mut [u64]) -> Result<()> {
        let pieces = u64::BITS / PIECE_BITS;
        let piece = |count: u64, i: u32| (count >> (i * PIECE_BITS)) & u64::from(u16::MAX);
        let mut values: Vec<f32> =
            counts.iter().flat_map(|count| (0..pieces).map(move |i| piece(*count, i) as f32)).collect();
        self.sum(&mut values)?;
        for (count, values) in counts.iter_mut().zip(values.chunks_exact(pieces as usize)) {
            let parts = (0..).zip(values).map(|(i, value)| (*value as u64).wrapping_shl(i * PIECE_BITS));
            *count = parts.fold(0, u64::wrapping_add);
        }
        Ok(())
    }

    /// What each worker has to say, in their order.
    ///
    /// # Errors
    /// As [`Workers::all_reduce`].
    pub fn gather(&self, own: &[u8]) -> Result<Vec<Vec<u8>>> {
        let mut lengths = vec![0; self.n_workers()];
        lengths[self.rank()] = own.len() as u64;
        self.sum_counts(&mut lengths)?;
        (0..).zip(lengths).map(|(rank, n_bytes)| self.heard_of(rank, own, n_bytes as usize)).collect()
    }

    /// What worker 0 has to say; nobody else's `own` is looked at.
    ///
    /// # Errors
    /// As [`Workers::all_reduce`].
    pub fn first(&self, own: &[u8]) -> Result<Vec<u8>> {
        let mut length = [if self.rank() == 0 { own.len() as u64 } else { 0 }];
        self.sum_counts(&mut length)?;
        self.heard_of(0, own, length[0] as usize)
    }

    /// As [`Shard::first`], of whatever has a form in JSON.
    ///
    /// # Errors
    /// As [`Workers::all_reduce`]; if worker 0 is of another version.
    pub fn first_of<T: Serialize + DeserializeOwned>(&self, own: &T) -> Result<T> {
        read(&self.first(&written(own)?)?)
    }

    /// As [`Shard::gather`], of whatever has a form in JSON.
    ///
    /// # Errors
    /// As [`Workers::all_reduce`]; if a worker is of another version.
    pub fn gather_of<T: Serialize + DeserializeOwned>(&self, own: &T) -> Result<Vec<T>> {
        self.gather(&written(own)?)?.iter().map(|bytes| read(bytes)).collect()
    }

    /// Whether worker 0 keeps states.
    ///
    /// # Errors
    /// As [`Workers::all_reduce`].
    pub fn keeps(&self) -> Result<bool> {
        self.first_of(&self.0.keeps())
    }

    /// Keeps the state that worker 0 makes, or none any longer.
    ///
    /// # Errors
    /// Those of `state`, and of [`Workers::keep`].
    pub fn keep(&self, state: Option<impl FnOnce() -> Result<Vec<u8>>>) -> Result<()> {
        match (self.rank(), state) {
            (0, Some(state)) => self.0.keep(Some(&state()?)),
            (0, None) => self.0.keep(None),
            _ => Ok(()),
        }
    }

    /// The state that worker 0 finds kept.
    ///
    /// # Errors
    /// As [`Workers::all_reduce`] and [`Workers::kept`].
    pub fn kept(&self) -> Result<Option<Vec<u8>>> {
        let own = if self.rank() == 0 { self.0.kept()? } else { None };
        // An empty text stands for none: no state is empty.
        let heard = self.first(&own.unwrap_or_default())?;
        Ok((!heard.is_empty()).then_some(heard))
    }

    /// What was counted of each column of the table, by all workers together: `merge` adds what a worker counted to what
    /// those before it did.
    ///
    /// # Errors
    /// As [`Shard::gather_of`], and those of `merge`.
    pub fn merged<T: Serialize + DeserializeOwned>(
        &self,
        own: &Vec<T>,
        mut merge: impl FnMut(&mut T, &T) -> Result<()>,
    ) -> Result<Vec<T>> {
        let mut all = self.gather_of(own)?.into_iter();
        let mut merged = all.next().unwrap_or_default();
        for other in all {
            merged.iter_mut().zip(&other).try_for_each(|(sum, other)| merge(sum, other))?;
        }
        Ok(merged)
    }

    /// Refuses to go on if a worker has another value of `what` than the others.
    ///
    /// # Errors
    /// A training error that names the first worker that differs from worker 0.
    pub fn check_same(&self, what: &str, own: &[u8]) -> Result<()> {
        let all = self.gather(own)?;
        match all.iter().position(|other| *other != all[0]) {
            None => Ok(()),
            Some(rank) => Err(Error::training(format!("worker {rank} has other {what} than worker 0"))
                .with_hint(
                    "run all workers on machines of one kind, with one version and one number of threads",
                )),
        }
    }

    /// The bytes that this worker has, which are as many as it says.
    fn heard_of(&self, rank: usize, own: &[u8], n_bytes: usize) -> Result<Vec<u8>> {
        let is_own = rank == self.rank();
        let mut bytes = Vec::new();
        while bytes.len() < n_bytes {
            let end = n_bytes.min(bytes.len() + 2 * CHUNK);
            let mut values = vec![0.0; (end - bytes.len()).div_ceil(2)];
            if is_own {
                for (value, pair) in values.iter_mut().zip(own[bytes.len()..end].chunks(2)) {
                    *value = f32::from(u16::from_le_bytes([pair[0], pair.get(1).copied().unwrap_or(0)]));
                }
            }
            self.sum(&mut values)?;
            bytes.extend(values.iter().flat_map(|value| (*value as u16).to_le_bytes()));
            bytes.truncate(end);
        }
        Ok(bytes)
    }
}

fn written(value: &impl Serialize) -> Result<Vec<u8>> {
    serde_json::to_vec(value).map_err(|e| Error::training(format!("cannot be told to other workers: {e}")))
}

fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    serde_json::from_slice(bytes).map_err(|e| {
        Error::training(format!("what another worker says cannot be read: {e}"))
            .with_hint("run one version of tabgraft on all workers")
    })
}

/// The state of a training in a file, which holds the old one or the new one, whole. Where the worker that goes on may run
/// on another machine, it has to be a place that both see.
#[derive(Debug, Clone)]
pub struct StateFile(PathBuf);

impl StateFile {
    /// At this place, where nothing has to be yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        StateFile(path.into())
    }

    /// As [`Workers::keep`].
    ///
    /// # Errors
    /// An io error.
    pub fn keep(&self, state: Option<&[u8]>) -> Result<()> {
        let io = |action, e: io::Error| Error::io(&self.0, action, e);
        match state {
            Some(state) => write_whole(&self.0, |mut file| file.write_all(state).map_err(|e| io("write", e))),
            None => match fs::remove_file(&self.0) {
                Err(e) if e.kind() != io::ErrorKind::NotFound => Err(io("remove", e)),
                _ => Ok(()),
            },
        }
    }

    /// As [`Workers::kept`].
    ///
    /// # Errors
    /// As [`read_whole`].
    pub fn kept(&self) -> Result<Option<Vec<u8>>> {
        match File::open(&self.0) {
            Ok(file) => read_whole(&self.0, file, MOST_STATE_BYTES).map(Some),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(Error::io(&self.0, "read", e)),
        }
    }
}

/// Workers that are threads of one process.
#[derive(Debug)]
pub struct Threads {
    rank: usize,
    n_workers: usize,
    round: Arc<(std::sync::Mutex<Round>, std::sync::Condvar)>,
}

/// One exchange among threads.
#[derive(Debug, Default)]
struct Round {
    /// What each has brought to the running exchange.
    brought: Vec<Option<Vec<f32>>>,
    /// What comes of it, and how many have yet to take it.
    sum: Option<(Arc<Vec<f32>>, usize)>,
    /// Whether a worker has gone.
    is_broken: bool,
}

impl Threads {
    /// That many workers of one job, one for each thread.
    pub fn group(n_workers: usize) -> Vec<Self> {
        let round = Arc::new((
            std::sync::Mutex::new(Round { brought: vec![None; n_workers], ..Round::default() }),
            std::sync::Condvar::new(),
        ));
        (0..n_workers).map(|rank| Threads { rank, n_workers, round: round.clone() }).collect()
    }
}

impl Workers for Threads {
    fn rank(&self) -> usize {
        self.rank
    }

    fn n_workers(&self) -> usize {
        self.n_workers
    }

    fn all_reduce(&self, values: &mut [f32]) -> Result<()> {
        let gone = || Error::training("another worker has ended before the training did");
        let (round, changed) = &*self.round;
        let wait = |guard| changed.wait(guard).unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut now = round.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        // The last exchange has to be taken by all before the next one begins.
        while now.sum.is_some() && !now.is_broken {
            now = wait(now);
        }
        if now.is_broken {
            return Err(gone());
        }
        now.brought[self.rank] = Some(values.to_vec());
        if now.brought.iter().all(Option::is_some) {
            let mut brought = now.brought.iter_mut().filter_map(Option::take);
            let mut sum = brought.next().unwrap_or_default();
            for other in brought {
                sum.iter_mut().zip(other).for_each(|(sum, value)| *sum += value);
            }
            now.sum = Some((Arc::new(sum), self.n_workers));
            changed.notify_all();
        }
        let sum = loop {
            if let Some((sum, n_left)) = &mut now.sum {
                *n_left -= 1;
                break (sum.clone(), *n_left);
            }
            if now.is_broken {
                return Err(gone());
            }
            now = wait(now);
        };
        if sum.1 == 0 {
            now.sum = None;
            changed.notify_all();
        }
        drop(now);
        if sum.0.len() != values.len() {
            return Err(Error::training(format!(
                "an exchange of {} values meets one of {}: the workers do not run the same job",
                values.len(),
                sum.0.len()
            )));
        }
        values.copy_from_slice(&sum.0);
        Ok(())
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        let (round, changed) = &*self.round;
        round.lock().unwrap_or_else(std::sync::PoisonError::into_inner).is_broken = true;
        changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What each of some workers gets.
    fn each<T: Send>(n: usize, work: impl Fn(Shard) -> Result<T> + Sync) -> Vec<Result<T>> {
        std::thread::scope(|scope| {
            let run = |threads| {
                let work = &work;
                scope.spawn(move || work(Shard::new(Arc::new(threads))?))
            };
            let running: Vec<_> = Threads::group(n).into_iter().map(run).collect();
            running.into_iter().map(|thread| thread.join().unwrap()).collect()
        })
    }

    #[test]
    fn everybody_hears_what_each_has_to_say_in_the_order_of_the_workers() {
        let says = |rank: usize| vec![rank as u8 ^ 0xff; 5 * rank + rank % 2];
        for n in [1, 2, 3] {
            let expected: Vec<Vec<u8>> = (0..n).map(says).collect();
            for heard in each(n, |shard| shard.gather(&says(shard.rank()))) {
                assert_eq!(heard.unwrap(), expected);
            }
        }
    }

    #[test]
    fn more_than_one_exchange_carries_arrives_whole() {
        let long: Vec<u8> = (0..2 * CHUNK + 77).map(|i| (i % 251) as u8).collect();
        for heard in each(2, |shard| shard.first(if shard.rank() == 0 { &long } else { b"" })) {
            assert!(heard.unwrap() == long);
        }
    }

    #[test]
    fn counts_are_exact_far_beyond_what_a_float_holds() {
        let own = [u64::from(u32::MAX) + 7, (1 << 53) + 1, 0];
        for counts in each(3, |shard| {
            let mut counts = own;
            shard.sum_counts(&mut counts)?;
            Ok(counts)
        }) {
            assert_eq!(counts.unwrap(), own.map(|count| 3 * count));
        }
    }

    #[test]
    fn a_worker_that_differs_is_named_and_one_that_ends_keeps_nobody_waiting() {
        let told = each(3, |shard| shard.check_same("weights", &[u8::from(shard.rank() == 2)]));
        for error in told {
            assert!(error.unwrap_err().to_string().contains("worker 2 has other weights than worker 0"));
        }
        let told = each(3, |shard| match shard.rank() {
            1 => Err(Error::training("a bad cell")),
            _ => shard.gather(b"still here").map(drop),
        });
        let errors: Vec<String> = told.into_iter().map(|e| e.unwrap_err().to_string()).collect();
        assert!(errors[0].contains("another worker") && errors[1] == "a bad cell", "{errors:?}");
    }

    #[test]
    fn a_state_in_a_file_is_the_last_one_and_goes_when_it_is_wanted_no_longer() {
        let folder = tempfile::tempdir().unwrap();
        let file = StateFile::new(folder.path().join("training.state"));
        assert_eq!(file.kept().unwrap(), None);
        file.keep(None).unwrap();
        for state in [b"first".as_slice(), b"second".as_slice()] {
            file.keep(Some(state)).unwrap();
            assert_eq!(file.kept().unwrap().unwrap(), state);
        }
        file.keep(None).unwrap();
        assert_eq!((file.kept().unwrap(), fs::read_dir(folder.path()).unwrap().count()), (None, 0));
        let nowhere = StateFile::new(folder.path().join("no folder/training.state"));
        let error = nowhere.keep(Some(b"state")).unwrap_err();
        assert!(error.is_io() && error.to_string().contains("there is no folder"), "{error}");
    }

    #[test]
    fn a_rank_behind_the_last_worker_is_refused() {
        #[derive(Debug)]
        struct Wrong(usize, usize);
        impl Workers for Wrong {
            fn rank(&self) -> usize {
                self.0
            }
            fn n_workers(&self) -> usize {
                self.1
            }
            fn all_reduce(&self, _: &mut [f32]) -> Result<()> {
                Ok(())
            }
        }
        for (wrong, part) in [
            (Wrong(2, 2), "worker 2 is not one of 0 to 1"),
            (Wrong(0, 0), "0 workers"),
            (Wrong(0, 300), "300"),
        ] {
            let error = Shard::new(Arc::new(wrong)).unwrap_err();
            assert!(error.is_option() && error.to_string().contains(part), "{error}");
        }
    }
}
