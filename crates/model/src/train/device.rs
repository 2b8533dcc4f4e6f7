//! Where a training computes: on the processor, or on a graphics card (GPU).
//!
//! Only trainings go there. Vectors and predictions are computed on the processor in any case, so that
//! a row's bits do not depend on where the weights were trained.

use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::{Deserialize, Serialize};

use super::{Event, Sink};
use crate::encoder::Network;
use crate::error::{Error, Result};
use crate::kernel::{Place, is_gpu_failure};

/// The device that a user asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Device {
    /// The processor, whose results are the same bits for a seed.
    #[default]
    Cpu,
    /// The first GPU that answers; an error if none does.
    Gpu,
    /// A GPU if one answers and holds out to the end, else the processor; a note says which.
    Auto,
}

impl Device {
    /// Finds the device, and says so if it is not the one that anybody expects.
    ///
    /// # Errors
    /// An option error if a GPU is asked for and none answers.
    pub(crate) fn find(self, sink: &mut Sink<'_>) -> Result<Computer> {
        let gpu = match self {
            Device::Cpu => return Ok(Computer::default()),
            Device::Gpu | Device::Auto => gpus().into_iter().next(),
        };
        match gpu {
            Some((name, place)) => {
                let _ = sink(&Event::Note { text: format!("training on {name}") });
                Ok(Computer { place, name, may_fall_back: self == Device::Auto })
            }
            None if self == Device::Auto => {
                let text = format!("training on the processor: {}", why_no_gpu());
                let _ = sink(&Event::Note { text });
                Ok(Computer::default())
            }
            None => Err(Error::option(format!("option `device` is `gpu`, but {}", why_no_gpu()))
                .with_hint("choose `cpu`, or `auto` to take a GPU where there is one")),
        }
    }
}

fn why_no_gpu() -> &'static str {
    match cfg!(feature = "wgpu") {
        true => "no GPU answers through Vulkan, Metal or DirectX 12",
        false => "this build has no backend for GPUs (the feature `wgpu` adds it)",
    }
}

/// A device that was found.
#[derive(Debug, Clone)]
pub(crate) struct Computer {
    pub place: Place,
    /// As the training's record names it.
    pub name: String,
    /// Whether the processor takes over if it fails.
    pub may_fall_back: bool,
}

impl Default for Computer {
    fn default() -> Self {
        Computer { place: Place::Processor, name: PROCESSOR.to_owned(), may_fall_back: false }
    }
}

/// Name of the processor in a training's record.
const PROCESSOR: &str = "cpu";

impl Computer {
    /// Runs a training here. `None` if this is a GPU that failed and the processor may take over: the
    /// network is then as it was.
    ///
    /// Where nothing is read, Burn has no other way than a panic to say that a GPU is out of memory or gone.
    /// On the processor a panic is a defect of ours, and passes.
    pub fn attempt<T>(
        &self,
        network: &mut Network,
        sink: &mut Sink<'_>,
        training: impl FnOnce(&mut Network, &mut Sink<'_>) -> Result<T>,
    ) -> Option<Result<T>> {
        if self.name == PROCESSOR {
            return Some(training(network, sink));
        }
        let before = network.clone();
        let cause = match catch_unwind(AssertUnwindSafe(|| training(network, sink))) {
            Ok(Err(error)) if is_gpu_failure(&error) => error.to_string(),
            Ok(result) => return Some(result),
            Err(cause) => match (cause.downcast_ref::<String>(), cause.downcast_ref::<&str>()) {
                (Some(text), _) => text.clone(),
                (None, Some(text)) => (*text).to_owned(),
                (None, None) => "it gave no reason".to_owned(),
            },
        };
        let failed = format!("{} failed: {cause}", self.name);
        if self.may_fall_back {
            let _ = sink(&Event::Warning { text: format!("{failed}; training anew on the processor") });
            *network = before;
            return None;
        }
        Some(Err(Error::training(failed)
            .with_hint("lower `batch_size` if its memory is full, or choose device `auto` or `cpu`")))
    }
}

/// The GPUs that answer, with their names. A software renderer is none: the processor's own backend is faster.
#[cfg(feature = "wgpu")]
fn gpus() -> Vec<(String, Place)> {
    let places = burn_tensor::Device::enumerate(burn_tensor::DeviceType::Wgpu).into_vec().into_iter();
    let card = |device: burn_tensor::Device| {
        let identity = device.identity().filter(|identity| identity.physical.is_some())?;
        Some((identity.name, Place::Gpu(device)))
    };
    places.filter_map(card).collect()
}

#[cfg(not(feature = "wgpu"))]
fn gpus() -> Vec<(String, Place)> {
    Vec::new()
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use rand::SeedableRng;
    use rand_pcg::Pcg64Mcg;

    use super::*;
    use crate::encoder::network::Widths;
    use crate::param::Param;

    /// What was said beside the result.
    fn heard<T>(work: impl FnOnce(&mut Sink<'_>) -> T) -> (T, Vec<String>) {
        let mut texts = Vec::new();
        let result = work(&mut |event| {
            if let Event::Note { text } | Event::Warning { text } = event {
                texts.push(text.clone());
            }
            ControlFlow::Continue(())
        });
        (result, texts)
    }

    #[test]
    fn where_no_gpu_answers_one_is_refused_or_done_without() {
        let (cpu, said) = heard(|sink| Device::Cpu.find(sink));
        assert!(said.is_empty() && cpu.is_ok_and(|c| c.name == PROCESSOR));
        if !gpus().is_empty() {
            return;
        }
        let (auto, said) = heard(|sink| Device::Auto.find(sink));
        assert!(auto.is_ok_and(|c| c.name == PROCESSOR && c.place == Place::Processor));
        assert!(said.len() == 1 && said[0].starts_with("training on the processor: "), "{said:?}");
        let error = heard(|sink| Device::Gpu.find(sink)).0.expect_err("there is none");
        assert!(error.is_option() && error.to_string().contains("option `device` is `gpu`, but "), "{error}");
    }

    #[test]
    fn a_gpu_that_fails_is_named_or_replaced() {
        let card =
            |may_fall_back| Computer { name: "a card".to_owned(), may_fall_back, ..Default::default() };
        let root =
            Network::new(&[], Widths { d: 8, n_blocks: 1, expansion: 1 }, &mut Pcg64Mcg::seed_from_u64(0));
        let failing = |computer: Computer| {
            let mut network = root.clone();
            let (result, said) = heard(|sink| {
                computer.attempt(&mut network, sink, |network, _| -> Result<u8> {
                    network.trunk.bias = Param::filled(1.0, [1, 8]);
                    std::panic::panic_any("out of memory")
                })
            });
            (result, said, network.trunk.bias.values())
        };
        let (result, said, _) = failing(card(false));
        let error = result.and_then(Result::err).expect("it failed");
        assert!(said.is_empty() && error.to_string().contains("a card failed: out of memory"), "{error}");
        let (result, said, bias) = failing(card(true));
        assert!(result.is_none() && said.len() == 1 && said[0].contains("a card failed"), "{said:?}");
        assert_eq!(bias, [0.0; 8]);
        let whole = card(true).attempt(&mut root.clone(), &mut |_| ControlFlow::Continue(()), |_, _| Ok(3));
        assert!(matches!(whole, Some(Ok(3))));
    }
}
