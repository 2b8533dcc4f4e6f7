//! The frozen part of a network, computed once instead of at every step.
//!
//! While only the last side trains, everything before it is a function of the row and of which of
//! its cells are hidden. So the hidden cells of old columns are drawn from a few variants, and the
//! pieces of z before the side are computed once per row and variant. New columns are hidden afresh
//! at every epoch. The numbers are kept in 16 bits, whose rounding is far below what dropout does: a
//! graft should need little more memory than its parent's training did.

use std::collections::HashMap;
use std::ops::RangeInclusive;

use super::TrainingData;
use crate::embed::Masks;
use crate::encoder::{Network, Pieces};
use crate::error::Result;
use crate::kernel::{Dropout, Place, Tensor};

/// The pieces of z before the last side, for some rows and variants of hidden old cells.
pub(super) struct Prefix {
    /// Widths of the pieces.
    widths: Vec<usize>,
    n_variants: usize,
    row_place: HashMap<usize, usize>,
    /// `[n_rows, n_variants, sum of widths]`, as [`half`] has them.
    values: Vec<u16>,
    /// Where batches of it are wanted.
    place: Place,
}

impl Prefix {
    /// Bytes of a number.
    pub const NUMBER: u64 = 2;
    /// In how many ways a row's old cells may be hidden; with fewer it is not worth it, and the frozen
    /// part is computed at every step.
    pub const VARIANTS: RangeInclusive<usize> = 2..=4;

    /// Numbers that are kept for the training rows and one variant, and for the validation rows;
    /// `None` if there is no side.
    pub fn n_numbers(network: &Network, data: &TrainingData) -> Option<[usize; 2]> {
        let d = network.d_model() - network.sides.last()?.trunk.d();
        Some([data.train_rows.len() * d, data.watched_rows.len() * d])
    }

    /// Of the training rows; `None` if something before the last side trains, or there is no room.
    ///
    /// # Errors
    /// As [`Tensor::read`].
    pub fn of_training(network: &Network, data: &TrainingData, seed: u64) -> Result<Option<Self>> {
        let masks = |rows: &[usize], variant: usize| data.objective.training_masks(rows, seed, variant);
        Self::compute(network, data, &data.train_rows, data.allowance.n_variants, &masks)
    }

    /// Of the validation rows, whose hidden cells never change.
    ///
    /// # Errors
    /// As [`Tensor::read`].
    pub fn of_validation(network: &Network, data: &TrainingData, seed: u64) -> Result<Option<Self>> {
        let masks = |rows: &[usize], _| data.objective.validation_masks(rows, seed);
        Self::compute(network, data, &data.watched_rows, data.allowance.n_variants.min(1), &masks)
    }

    fn compute(
        network: &Network,
        data: &TrainingData,
        rows: &[usize],
        n_variants: usize,
        masks: &dyn Fn(&[usize], usize) -> Masks,
    ) -> Result<Option<Self>> {
        let Some(widths) = network.frozen_widths().filter(|_| !rows.is_empty() && n_variants > 0) else {
            return Ok(None);
        };
        let d: usize = widths.iter().sum();
        let pass_rows = data.allowance.pass_rows;
        let mut values = vec![0; rows.len() * n_variants * d];
        for variant in 0..n_variants {
            for (chunk, part) in rows.chunks(pass_rows).enumerate() {
                let cells = data.cells(network, part, Some(&masks(part, variant)), 0);
                let pieces = network.pieces_until(&cells, widths.len(), Dropout::OFF);
                let whole = pieces.whole().read()?;
                for (i, row) in whole.chunks_exact(d).enumerate() {
                    let at = ((chunk * pass_rows + i) * n_variants + variant) * d;
                    values[at..at + d].iter_mut().zip(row).for_each(|(kept, v)| *kept = half(*v));
                }
            }
        }
        let row_place = rows.iter().enumerate().map(|(i, r)| (*r, i)).collect();
        Ok(Some(Prefix { widths, n_variants, row_place, values, place: network.place() }))
    }

    /// The variant of an epoch: whose hidden old cells a batch must show.
    pub fn variant(&self, epoch: usize) -> usize {
        epoch % self.n_variants
    }

    /// The pieces of a batch.
    pub fn pieces(&self, rows: &[usize], variant: usize) -> Pieces {
        let d: usize = self.widths.iter().sum();
        let mut values = Vec::with_capacity(rows.len() * d);
        for r in rows {
            let at = (self.row_place[r] * self.n_variants + variant) * d;
            values.extend(self.values[at..at + d].iter().map(|kept| whole(*kept)));
        }
        let whole = Tensor::new(values, [rows.len(), d], &self.place);
        Pieces::split(whole, &self.widths)
    }
}

/// The upper half of a finite number's bits, rounded to the nearest (bfloat16).
fn half(v: f32) -> u16 {
    let bits = v.to_bits();
    ((bits + 0x7fff + ((bits >> 16) & 1)) >> 16) as u16
}

/// The number that stands for [`half`] of a number.
fn whole(half: u16) -> f32 {
    f32::from_bits(u32::from(half) << 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sixteen_bits_keep_a_number_to_a_quarter_of_a_percent() {
        for v in [0.0, 1.0, -1.0, 0.3, -2.25, 3.1e-5, 1.0e20, 0.999_999] {
            let kept = whole(half(v));
            assert!((kept - v).abs() <= v.abs() / 256.0, "{v}: {kept}");
        }
        assert_eq!((whole(half(-2.5)), whole(half(1.0 + 1.0 / 512.0))), (-2.5, 1.0));
    }
}
