//! Running a loop with the widest vector instructions that the processor has.

use pulp::{Arch, Simd, WithSimd};

struct Vectorised<F>(F);

impl<R, F: FnMut() -> R> WithSimd for Vectorised<F> {
    type Output = R;

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, _: S) -> R {
        (self.0)()
    }
}

/// Runs `f` compiled for the widest instruction set that the processor has.
///
/// `f` must be written `#[inline(always)] || ...`, and what it calls must be inlined too: code that
/// is not inlined here is compiled without those instructions, and every fused multiply-add in it
/// becomes a call. (A closure that is called by `FnOnce` goes through a shim that is not inlined,
/// hence `FnMut`.)
#[inline(always)]
pub(crate) fn vectorised<R>(f: impl FnMut() -> R) -> R {
    Arch::new().dispatch(Vectorised(f))
}
