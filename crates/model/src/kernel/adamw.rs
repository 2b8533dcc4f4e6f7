//! One step of AdamW in place (Loshchilov & Hutter 2019, arXiv:1711.05101, algorithm 2).

use rayon::prelude::*;

use super::simd::vectorised;

pub(super) const BETA_1: f32 = 0.9;
pub(super) const BETA_2: f32 = 0.999;
pub(super) const EPSILON: f32 = 1e-8;
/// Numbers that one task updates.
const CHUNK: usize = 1 << 14;

/// What one step needs beside the numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdamStep {
    /// Learning rate of this step.
    pub learning_rate: f32,
    /// Decoupled weight decay, as a share of the learning rate.
    pub weight_decay: f32,
    /// Factor on the gradient (global-norm clipping).
    pub gradient_scale: f32,
    /// Steps that this parameter has made, this one included; at least 1.
    pub n_steps: i32,
}

impl AdamStep {
    /// Factors on the weight, on the first moment and on the second, bias corrections included.
    pub fn factors(&self) -> (f32, f32, f32) {
        let decay = 1.0 - self.learning_rate * self.weight_decay;
        let first = self.learning_rate / (1.0 - BETA_1.powi(self.n_steps));
        (decay, first, 1.0 / (1.0 - BETA_2.powi(self.n_steps)))
    }
}

/// Updates weights and both moments.
///
/// # Shapes
/// - all slices: one length
pub fn update(weights: &mut [f32], gradient: &[f32], first: &mut [f32], second: &mut [f32], step: AdamStep) {
    let (decay, correct_1, correct_2) = step.factors();
    weights
        .par_chunks_mut(CHUNK)
        .zip(gradient.par_chunks(CHUNK))
        .zip(first.par_chunks_mut(CHUNK).zip(second.par_chunks_mut(CHUNK)))
        .for_each(|((w, g), (m, v))| {
            vectorised(
                #[inline(always)]
                || {
                    for ((w, &g), (m, v)) in w.iter_mut().zip(g).zip(m.iter_mut().zip(v.iter_mut())) {
                        let g = g * step.gradient_scale;
                        *m = BETA_1 * *m + (1.0 - BETA_1) * g;
                        *v = BETA_2 * *v + (1.0 - BETA_2) * g * g;
                        *w = *w * decay - correct_1 * *m / ((*v * correct_2).sqrt() + EPSILON);
                    }
                },
            );
        });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_step_moves_by_the_learning_rate_against_the_gradients_sign() {
        let (mut w, mut m, mut v) = (vec![1.0, 1.0, 1.0], vec![0.0; 3], vec![0.0; 3]);
        let step = AdamStep { learning_rate: 0.1, weight_decay: 0.0, gradient_scale: 1.0, n_steps: 1 };
        update(&mut w, &[5.0, -0.01, 0.0], &mut m, &mut v, step);
        assert!((w[0] - 0.9).abs() < 1e-5 && (w[1] - 1.1).abs() < 1e-5 && w[2] == 1.0);
    }

    #[test]
    fn decay_is_decoupled_from_the_gradient() {
        let (mut w, mut m, mut v) = (vec![2.0], vec![0.0], vec![0.0]);
        let step = AdamStep { learning_rate: 0.1, weight_decay: 0.5, gradient_scale: 1.0, n_steps: 1 };
        update(&mut w, &[0.0], &mut m, &mut v, step);
        assert!((w[0] - 1.9).abs() < 1e-6);
    }
}
