//! One weight matrix, its freezing and its optimizer state.

pub(crate) mod start;
pub(crate) mod weights;

use rand::{Rng, RngExt};

use crate::error::Result;
use crate::kernel::{AdamStep, Gradients, Place, Tensor, TrainedRows, adamw};

/// A weight matrix `[n_rows, n_columns]` (a vector is one row).
///
/// Frozen by default: it then takes no part in the tape. Thawed, it is a leaf of it and carries AdamW's
/// moments until it is frozen again. Cloning shares the numbers.
#[derive(Debug, Clone)]
pub(crate) struct Param {
    value: Tensor,
    moments: Option<[Tensor; 2]>,
    n_steps: i32,
    thawed: bool,
    /// Rows that train, if others are held.
    trained: Option<TrainedRows>,
}

impl Param {
    /// A frozen matrix of these numbers, row-major.
    pub fn new(values: Vec<f32>, shape: [usize; 2]) -> Self {
        let value = Tensor::new(values, shape, &Place::Processor);
        Param { value, moments: None, n_steps: 0, thawed: false, trained: None }
    }

    /// All entries equal.
    pub fn filled(value: f32, shape: [usize; 2]) -> Self {
        Self::new(vec![value; shape[0] * shape[1]], shape)
    }

    /// Normal entries with mean 0.
    pub fn normal(rng: &mut impl Rng, deviation: f32, shape: [usize; 2]) -> Self {
        let mut values = Vec::with_capacity(shape[0] * shape[1] + 1);
        while values.len() < shape[0] * shape[1] {
            // Box-Muller: two normals from two uniforms; 1 - u keeps the logarithm finite.
            let (u, v): (f32, f32) = (1.0 - rng.random::<f32>(), rng.random());
            let radius = deviation * (-2.0 * u.ln()).sqrt();
            let (sin, cos) = (std::f32::consts::TAU * v).sin_cos();
            values.extend([radius * cos, radius * sin]);
        }
        values.truncate(shape[0] * shape[1]);
        Self::new(values, shape)
    }

    /// Uniform entries in `±bound`.
    pub fn uniform(rng: &mut impl Rng, bound: f32, shape: [usize; 2]) -> Self {
        let values = (0..shape[0] * shape[1]).map(|_| (rng.random::<f32>() * 2.0 - 1.0) * bound).collect();
        Self::new(values, shape)
    }

    /// The matrix, for the forward pass.
    pub fn tensor(&self) -> Tensor {
        self.value.clone()
    }

    /// `[n_rows, n_columns]`.
    pub fn shape(&self) -> [usize; 2] {
        self.value.shape()
    }

    /// A copy of the numbers, row-major.
    ///
    /// # Panics
    /// As [`Tensor::here`].
    pub fn values(&self) -> Vec<f32> {
        self.value.here().flat().into_owned()
    }

    /// Moves `numbers` so much of the way to the matrix's own.
    ///
    /// # Panics
    /// As [`Tensor::here`].
    pub fn draw_near(&self, numbers: &mut [f32], share: f32) {
        let value = self.value.here();
        numbers.iter_mut().zip(&*value.flat()).for_each(|(to, own)| *to += share * (own - *to));
    }

    /// Whether training may change it.
    pub fn is_thawed(&self) -> bool {
        self.thawed
    }

    /// Lets training change it from now on.
    pub fn thaw(&mut self) {
        if !self.thawed {
            self.value = self.value.clone().into_leaf();
            self.thawed = true;
        }
    }

    /// Fixes it and forgets the optimizer's state.
    pub fn freeze(&mut self) {
        if self.thawed {
            self.value = self.value.clone().detached();
            self.thawed = false;
        }
        self.moments = None;
        self.n_steps = 0;
        self.trained = None;
    }

    /// Holds these rows until the matrix is frozen: `[n_rows]`. They keep their bits while the others
    /// train, and cost neither gradient nor optimizer work.
    pub fn hold_rows(&mut self, held: &[bool]) {
        self.trained = held.contains(&true).then(|| TrainedRows::beside(held));
    }

    /// The rows that train; `None` if no row is held.
    pub fn trained_rows(&self) -> Option<TrainedRows> {
        self.trained.clone()
    }

    /// Takes this matrix's gradient out of a backward pass; `None` if it was not reached.
    pub fn take_gradient(&self, gradients: &mut Gradients) -> Option<Tensor> {
        self.thawed.then(|| gradients.take(&self.value, self.trained.as_ref())).flatten()
    }

    /// Where its numbers are.
    pub fn place(&self) -> Place {
        self.value.place()
    }

    /// Freezes it and takes its numbers to a device.
    ///
    /// # Errors
    /// As [`Tensor::read`].
    pub fn move_to(&mut self, place: &Place) -> Result<()> {
        self.freeze();
        self.value = self.value.clone().moved_to(place)?;
        Ok(())
    }

    /// The optimizer's moments, and how many steps they are of; `None` before the first step.
    ///
    /// # Errors
    /// As [`Tensor::read`].
    pub fn moments(&self) -> Result<Option<([Vec<f32>; 2], i32)>> {
        let Some([first, second]) = &self.moments else { return Ok(None) };
        Ok(Some(([first.clone().read()?, second.clone().read()?], self.n_steps)))
    }

    /// Goes on from such moments; each has as many numbers as the matrix.
    pub fn set_moments(&mut self, moments: [Vec<f32>; 2], n_steps: i32) {
        let (shape, place) = (self.shape(), self.place());
        self.moments = Some(moments.map(|numbers| Tensor::new(numbers, shape, &place)));
        self.n_steps = n_steps;
    }

    /// One AdamW step; `step.n_steps` is filled in here.
    pub fn update(&mut self, gradient: Tensor, step: AdamStep) {
        let zeros = || Tensor::zeros(self.value.shape(), &self.value.place());
        let mut moments = self.moments.take().unwrap_or_else(|| [zeros(), zeros()]);
        self.n_steps += 1;
        let step = AdamStep { n_steps: self.n_steps, ..step };
        adamw(&mut self.value, gradient, &mut moments, step, self.trained.as_ref());
        self.moments = Some(moments);
    }
}

/// Walks a structure's weight matrices by name.
pub(crate) trait Params {
    /// Calls `f` with each matrix under `prefix.name`.
    fn each(&self, prefix: &str, f: &mut dyn FnMut(String, &Param));

    /// As [`Params::each`], for changing them.
    fn each_mut(&mut self, prefix: &str, f: &mut dyn FnMut(String, &mut Param));

    /// Thaws or freezes all of them.
    fn set_thawed(&mut self, thawed: bool) {
        self.each_mut("", &mut |_, param| if thawed { param.thaw() } else { param.freeze() });
    }

    /// Freezes every matrix and takes its numbers to a device.
    ///
    /// # Errors
    /// As [`Tensor::read`].
    fn move_to(&mut self, place: &Place) -> Result<()> {
        let mut result = Ok(());
        self.each_mut("", &mut |_, param| {
            if result.is_ok() {
                result = param.move_to(place);
            }
        });
        result
    }

    /// Number of weights.
    fn n_weights(&self) -> usize {
        let mut n = 0;
        self.each("", &mut |_, param| n += param.shape().iter().product::<usize>());
        n
    }
}

impl Params for Param {
    fn each(&self, prefix: &str, f: &mut dyn FnMut(String, &Param)) {
        f(prefix.to_owned(), self);
    }

    fn each_mut(&mut self, prefix: &str, f: &mut dyn FnMut(String, &mut Param)) {
        f(prefix.to_owned(), self);
    }
}

impl<P: Params> Params for Vec<P> {
    fn each(&self, prefix: &str, f: &mut dyn FnMut(String, &Param)) {
        for (i, item) in self.iter().enumerate() {
            item.each(&format!("{prefix}.{i}"), f);
        }
    }

    fn each_mut(&mut self, prefix: &str, f: &mut dyn FnMut(String, &mut Param)) {
        for (i, item) in self.iter_mut().enumerate() {
            item.each_mut(&format!("{prefix}.{i}"), f);
        }
    }
}

/// Implements [`Params`] for a struct by its fields.
macro_rules! params {
    ($type:ty { $($field:ident),+ $(,)? }) => {
        impl $crate::param::Params for $type {
            fn each(&self, prefix: &str, f: &mut dyn FnMut(String, &$crate::param::Param)) {
                let dot = if prefix.is_empty() { "" } else { "." };
                $(self.$field.each(&format!("{prefix}{dot}{}", stringify!($field)), f);)+
            }

            fn each_mut(&mut self, prefix: &str, f: &mut dyn FnMut(String, &mut $crate::param::Param)) {
                let dot = if prefix.is_empty() { "" } else { "." };
                $(self.$field.each_mut(&format!("{prefix}{dot}{}", stringify!($field)), f);)+
            }
        }
    };
}
pub(crate) use params;
