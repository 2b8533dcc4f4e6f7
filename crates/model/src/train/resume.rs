//! The state of a training between two epochs, kept by whoever placed its workers, and gone on from after a failure with
//! the bits of a training that nothing interrupted.
//!
//! ```text
//! every epoch   weights, moments, the kept epochs, the curve ─► bytes, as a model's file has them ─► worker 0 keeps them
//! once begun    bytes of this very training ─► every worker goes on after that epoch; of another one ─► a warning
//! ```
//!
//! Random numbers have no place in it: each is drawn from the seed, the epoch, and the step or row. Nor has the end of a
//! phase, whose last epoch is then run again.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::json;
use tabgraft_table::stats::hash::mix;
use tabgraft_table::workers::Shard;

use super::course::Course;
use super::crew::Crew;
use super::keep::{Keeper, Kept};
use super::{Computer, Event, Phase, Sink, TrainingData, TrainingInfo, TrainingPlan};
use crate::encoder::Network;
use crate::error::{Error, Result};
use crate::param::Params;
use crate::param::weights::{check_all_used, from_blobs, to_blobs};
use crate::store::{Blob, Container, ContentHash, from_bytes, json_hash, to_bytes, weights_hash};

/// What the bytes say that they are.
const KIND: &str = "training_state";
/// What the names of weights and of both moments begin with.
const NETWORK: &str = "network";
const FIRST: &str = "first";
const SECOND: &str = "second";

/// How far a training has come.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Standing {
    /// Which phase is running, from 0.
    pub phase: usize,
    /// Epochs of it that are done; at least one is left.
    pub n_epochs: usize,
    pub course: Course,
    /// The weight of the distance to an anchor, if there is one.
    pub anchor_weight: Option<f64>,
    pub rows_seen: usize,
    /// Wall time so far, seconds.
    pub seconds: f64,
    pub info: TrainingInfo,
}

/// The manifest of a state.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct About {
    /// Which training it is of.
    of: ContentHash,
    standing: Standing,
    /// Loss and number of each epoch that is kept, by its name.
    kept: BTreeMap<String, (Option<f64>, usize)>,
    /// Steps that each matrix has made whose moments are there.
    n_steps: BTreeMap<String, i32>,
}

/// A training whose states are kept.
pub(super) struct Resumable<'a> {
    shard: &'a Shard,
    of: ContentHash,
    /// Epochs planned for each phase.
    n_epochs: Vec<usize>,
}

/// What a training goes on from. The network has its weights already; the moments are put back once the phase has thawed
/// what it trains.
pub(super) struct Resumed {
    pub standing: Standing,
    pub keeper: Keeper,
    moments: BTreeMap<String, ([Vec<f32>; 2], i32)>,
}

impl<'a> Resumable<'a> {
    /// The training of `network` that begins; `None` where nobody keeps its states.
    ///
    /// # Errors
    /// If another worker does not answer.
    pub fn of(
        network: &Network,
        data: &TrainingData,
        (plan, computer): (&TrainingPlan, &Computer),
        phases: &[Phase<'_>],
        bound: Option<f64>,
        crew: &Crew<'a>,
    ) -> Result<Option<Self>> {
        let Some(shard) = crew.shard() else { return Ok(None) };
        if !shard.keeps()? {
            return Ok(None);
        }
        let mut weights = BTreeMap::new();
        to_blobs(network, "", &mut weights);
        let n_epochs = phases.iter().map(|phase| phase.n_epochs).collect();
        let phases: Vec<_> = phases
            .iter()
            .map(|p| {
                json!([p.name, p.n_epochs, p.learning_rate, p.weight_decay, p.p_drop, p.watch, p.ending])
            })
            .collect();
        let cells: Vec<u64> = data.groups.iter().map(|group| group.fingerprint()).collect();
        let rows = [&data.train_rows, &data.valid_rows, &data.watched_rows]
            .map(|rows| rows.iter().fold(rows.len() as u64, |sum, row| mix(sum ^ *row as u64)));
        let own = json!({
            "version": env!("CARGO_PKG_VERSION"),
            "weights": weights_hash(&weights),
            "seed": plan.seed(),
            "device": computer.name,
            "bound": bound,
            "phases": phases,
            "allowance": [data.allowance.batch_size, data.allowance.pass_rows, data.allowance.n_variants],
            "cells": cells,
            "rows": rows,
        });
        // What each worker has, in their order: with other shards it is another training.
        let all = shard.gather_of(&json_hash(&own))?;
        Ok(Some(Resumable { shard, of: json_hash(&json!(all)), n_epochs }))
    }

    /// Keeps the state after an epoch in place of the one before.
    ///
    /// # Errors
    /// A value error if a weight is not finite; those of whoever keeps it.
    pub fn keep(&self, standing: Standing, network: &Network, keeper: &Keeper) -> Result<()> {
        self.shard.keep(Some(|| to_bytes(&self.container(standing, network, keeper)?)))
    }

    /// Says that the training has ended: nothing is kept any longer.
    ///
    /// # Errors
    /// Those of whoever keeps states.
    pub fn end(&self) -> Result<()> {
        self.shard.keep(None::<fn() -> Result<Vec<u8>>>)
    }

    /// What is kept of this training, its weights already put into `network`. Of another training nothing is taken, and a
    /// warning says so.
    ///
    /// # Errors
    /// A malformed error if the bytes are damaged; as [`Workers::kept`](tabgraft_table::workers::Workers::kept).
    pub fn kept(&self, network: &mut Network, sink: &mut Sink<'_>) -> Result<Option<Resumed>> {
        let Some(bytes) = self.shard.kept()? else { return Ok(None) };
        let told = |e: Error| {
            e.at("the kept state of the training").with_hint("take it away, and the training begins anew")
        };
        let (container, _) = from_bytes(&bytes).map_err(told)?;
        drop(bytes);
        let about: About = container.manifest_as(KIND).map_err(told)?;
        if about.of != self.of {
            let text = "the kept state is of another training, of other rows, options, workers or version: this one \
                        begins anew";
            let _ = sink(&Event::Warning { text: text.to_owned() });
            return Ok(None);
        }
        let Standing { phase, n_epochs, info, .. } = &about.standing;
        let is_there = self.n_epochs.get(*phase).is_some_and(|planned| n_epochs < planned);
        if !is_there || *n_epochs > info.epochs.len() {
            return Err(told(Error::malformed(format!(
                "no epoch follows epoch {n_epochs} of phase {phase}"
            ))));
        }
        Resumed::new(about, container.tensors, network).map(Some).map_err(told)
    }

    fn container(&self, standing: Standing, network: &Network, keeper: &Keeper) -> Result<Container> {
        let (mut tensors, mut n_steps, mut kept) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        to_blobs(network, NETWORK, &mut tensors);
        let mut moments = Vec::new();
        network.each("", &mut |name, param| moments.push((name, param.shape(), param.moments())));
        for (name, shape, found) in moments {
            if let Some(([first, second], n)) = found? {
                for (which, data) in [(FIRST, first), (SECOND, second)] {
                    tensors.insert(format!("{which}.{name}"), Blob { shape: shape.to_vec(), data });
                }
                n_steps.insert(name, n);
            }
        }
        for (name, epoch) in keeper.named() {
            to_blobs(&epoch.network, &format!("kept.{name}"), &mut tensors);
            kept.insert(name.to_owned(), (epoch.loss, epoch.epoch));
        }
        let about = About { of: self.of.clone(), standing, kept, n_steps };
        let manifest = serde_json::to_value(&about)
            .map_err(|e| Error::training(format!("the state of the training cannot be written: {e}")))?;
        Ok(Container { kind: KIND.to_owned(), manifest, tensors })
    }
}

impl Resumed {
    fn new(about: About, mut tensors: BTreeMap<String, Blob>, network: &mut Network) -> Result<Self> {
        let mut place = None;
        network.each("", &mut |_, param| {
            place.get_or_insert(param.place());
        });
        let place = place.unwrap_or_default();
        from_blobs(network, NETWORK, &mut tensors)?;
        network.move_to(&place)?;
        let mut keeper = Keeper::default();
        for (name, (loss, epoch)) in about.kept {
            let mut kept = Kept { loss, epoch, network: network.clone() };
            from_blobs(&mut kept.network, &format!("kept.{name}"), &mut tensors)?;
            kept.network.move_to(&place)?;
            keeper.put_back(&name, kept);
        }
        let mut shapes = BTreeMap::new();
        network.each("", &mut |name, param| {
            shapes.insert(name, param.shape());
        });
        let mut moments = BTreeMap::new();
        for (name, n_steps) in about.n_steps {
            let mut take = |which: &str| {
                let blob = tensors.remove(&format!("{which}.{name}"));
                let fits = |blob: &Blob| shapes.get(&name).is_some_and(|shape| blob.shape == shape);
                let wrong = || format!("the {which} moments of `{name}` are absent or of another shape");
                blob.filter(fits).ok_or_else(|| Error::malformed(wrong()))
            };
            let pair = [take(FIRST)?.data, take(SECOND)?.data];
            moments.insert(name, (pair, n_steps));
        }
        check_all_used(&tensors)?;
        Ok(Resumed { standing: about.standing, keeper, moments })
    }

    /// Puts the optimizer's moments back into what is thawed.
    pub fn restore_moments(&mut self, network: &mut Network) {
        network.each_mut("", &mut |name, param| {
            if let Some((moments, n_steps)) = self.moments.remove(&name) {
                param.set_moments(moments, n_steps);
            }
        });
    }
}
