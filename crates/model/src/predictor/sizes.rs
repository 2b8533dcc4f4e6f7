//! The sizes of a predictor's head, given as an object of their own.

use super::{PredictorOptions, Target};
use crate::error::{Error, Result};
use crate::metric::Task;
use crate::space::EmbeddingSpace;

/// The sizes of a predictor's head.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HeadSizes {
    /// Length of a row's vector: the space's `d_model`.
    pub d_in: usize,
    /// Classes, or 1 for a number or for two classes.
    pub d_out: usize,
    /// As [`PredictorOptions::d_hidden`].
    pub d_hidden: usize,
    /// As [`PredictorOptions::p_drop`].
    pub dropout: f32,
}

impl HeadSizes {
    /// Checks the ranges.
    ///
    /// # Errors
    /// An option error that names the option, its value and its range.
    pub fn check(&self) -> Result<()> {
        if self.d_in == 0 {
            return Err(Error::option("option `d_in` is 0, allowed is 1 or more")
                .with_hint("it is the length of a row's vector: the space's `d_model`"));
        }
        if self.d_out == 0 {
            return Err(Error::option("option `d_out` is 0, allowed is 1 or more")
                .with_hint("it is the number of classes, or 1 for a number"));
        }
        if !(0.0..=0.9).contains(&self.dropout) {
            return Err(Error::option(format!("option `dropout` is {}, allowed is 0 to 0.9", self.dropout)));
        }
        self.within(PredictorOptions::default()).check()
    }

    /// Checks that vectors of the space can be its input.
    ///
    /// # Errors
    /// An option error with both lengths.
    pub fn check_space(&self, space: &EmbeddingSpace) -> Result<()> {
        if self.d_in == space.d_model() {
            return Ok(());
        }
        Err(Error::option(format!(
            "the predictor's `d_in` is {}, vectors of the space have {} coordinates",
            self.d_in,
            space.d_model()
        ))
        .with_hint("build it with `d_in` equal to the space's `d_model`"))
    }

    /// Checks that its outputs are those of a target.
    ///
    /// # Errors
    /// An option error with both numbers.
    pub fn check_target(&self, target: &Target) -> Result<()> {
        // One output is the usual way to say "two classes" as well.
        if self.d_out == target.n_outputs() || (self.d_out == 1 && target.task() == Task::Binary) {
            return Ok(());
        }
        Err(Error::option(format!(
            "the predictor's `d_out` is {}, target `{}` needs {}",
            self.d_out,
            target.column(),
            target.n_outputs()
        ))
        .with_hint("d_out is the number of classes, or 1 for a number"))
    }

    /// Options with these sizes.
    #[must_use]
    pub fn within(&self, options: PredictorOptions) -> PredictorOptions {
        PredictorOptions { d_hidden: self.d_hidden, p_drop: self.dropout, ..options }
    }
}
