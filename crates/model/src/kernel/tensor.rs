//! Tensors wherever a training computes: on the processor, or, with the feature `wgpu`, on a GPU.

#[cfg(feature = "wgpu")]
use burn_tensor::TensorData;

use super::trained::TrainedRows;
#[cfg(feature = "wgpu")]
use crate::error::Error;
use crate::error::Result;
use crate::tape::{self, Matrix, Variable};

/// Where numbers are.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) enum Place {
    /// In the processor's memory.
    #[default]
    Processor,
    /// In a graphics card's.
    #[cfg(feature = "wgpu")]
    Gpu(burn_tensor::Device),
}

/// A matrix of f32 that may have leaves behind it whose gradients are wanted.
#[derive(Debug, Clone)]
pub(crate) enum Tensor {
    /// On the processor, and on our own tape.
    Here(Variable),
    /// On a GPU, and on Burn's tape.
    #[cfg(feature = "wgpu")]
    There(Box<burn_tensor::Tensor<2>>),
}

impl From<Variable> for Tensor {
    fn from(variable: Variable) -> Self {
        Tensor::Here(variable)
    }
}

#[cfg(feature = "wgpu")]
impl From<burn_tensor::Tensor<2>> for Tensor {
    fn from(tensor: burn_tensor::Tensor<2>) -> Self {
        Tensor::There(Box::new(tensor))
    }
}

impl Tensor {
    /// Numbers row by row that no gradient is wanted of.
    ///
    /// # Shapes
    /// - `numbers`: `[shape[0] * shape[1]]`
    pub fn new(numbers: Vec<f32>, shape: [usize; 2], place: &Place) -> Self {
        match place {
            Place::Processor => Variable::constant(Matrix::new(numbers, shape)).into(),
            #[cfg(feature = "wgpu")]
            Place::Gpu(device) => {
                burn_tensor::Tensor::from_data(TensorData::new(numbers, shape), device).into()
            }
        }
    }

    /// All entries 0.
    pub fn zeros(shape: [usize; 2], place: &Place) -> Self {
        match place {
            Place::Processor => Variable::constant(Matrix::zeros(shape)).into(),
            #[cfg(feature = "wgpu")]
            Place::Gpu(device) => burn_tensor::Tensor::zeros(shape, device).into(),
        }
    }

    /// `[n_rows, n_columns]`.
    pub fn shape(&self) -> [usize; 2] {
        match self {
            Tensor::Here(variable) => variable.shape(),
            #[cfg(feature = "wgpu")]
            Tensor::There(tensor) => tensor.dims(),
        }
    }

    /// Where its numbers are.
    pub fn place(&self) -> Place {
        match self {
            Tensor::Here(_) => Place::Processor,
            #[cfg(feature = "wgpu")]
            Tensor::There(tensor) => Place::Gpu(tensor.device().inner()),
        }
    }

    /// The matrix of a tensor that is on the processor.
    ///
    /// # Panics
    /// If it is on a GPU. Trainings alone are there, and what they need of it they [`Tensor::read`].
    pub fn here(&self) -> &Matrix {
        match self {
            Tensor::Here(variable) => variable.value(),
            #[cfg(feature = "wgpu")]
            Tensor::There(_) => unreachable!("only a training looks at a GPU, and it reads"),
        }
    }

    /// The same numbers as a leaf, whose gradient is wanted.
    pub fn into_leaf(self) -> Self {
        match self {
            Tensor::Here(variable) => Variable::leaf(variable.into_value()).into(),
            #[cfg(feature = "wgpu")]
            Tensor::There(tensor) => tensor.inner().autodiff().require_grad().into(),
        }
    }

    /// The same numbers without what is behind them.
    pub fn detached(self) -> Self {
        match self {
            Tensor::Here(variable) => Variable::constant(variable.into_value()).into(),
            #[cfg(feature = "wgpu")]
            Tensor::There(tensor) => tensor.inner().into(),
        }
    }

    /// The gradients of the sum of its entries at all leaves behind it, whose ways back are used up.
    pub fn backward(self) -> Gradients {
        match self {
            Tensor::Here(variable) => Gradients::Here(variable.backward()),
            #[cfg(feature = "wgpu")]
            Tensor::There(tensor) => Gradients::There(Box::new(tensor.backward())),
        }
    }

    /// The numbers row by row; on the processor without a copy where nobody else holds them.
    ///
    /// # Errors
    /// A training error if a GPU cannot give them ([`is_gpu_failure`]). On the processor this cannot fail.
    pub fn read(self) -> Result<Vec<f32>> {
        match self {
            Tensor::Here(variable) => Ok(variable.into_value().into_numbers()),
            #[cfg(feature = "wgpu")]
            Tensor::There(tensor) => tensor.inner().try_into_vec_as().map_err(|error| {
                Error::training(format!("the GPU's numbers cannot be read: {error}")).with_source(error)
            }),
        }
    }

    /// The numbers on a device, outside any graph.
    ///
    /// # Errors
    /// As [`Tensor::read`].
    pub fn moved_to(self, place: &Place) -> Result<Self> {
        if self.place() == *place {
            return Ok(self.detached());
        }
        let shape = self.shape();
        Ok(Tensor::new(self.read()?, shape, place))
    }
}

/// Whether an error is one of a GPU whose numbers could not be read.
pub(crate) fn is_gpu_failure(error: &crate::error::Error) -> bool {
    #[cfg(feature = "wgpu")]
    return std::error::Error::source(error).is_some_and(|cause| cause.is::<burn_tensor::TensorReadError>());
    #[cfg(not(feature = "wgpu"))]
    return {
        let _ = error;
        false
    };
}

/// What a backward pass found.
pub(crate) enum Gradients {
    Here(tape::Gradients),
    #[cfg(feature = "wgpu")]
    There(Box<burn_tensor::Gradients>),
}

impl Gradients {
    /// Takes a leaf's gradient out; `None` if the pass did not reach it. Rows beside the `trained` ones are 0:
    /// the fused operations leave them out from the start.
    pub fn take(&mut self, leaf: &Tensor, trained: Option<&TrainedRows>) -> Option<Tensor> {
        match (self, leaf, trained) {
            (Gradients::Here(gradients), Tensor::Here(leaf), _) => {
                gradients.take(leaf).map(|gradient| Variable::constant(gradient).into())
            }
            #[cfg(feature = "wgpu")]
            (Gradients::There(gradients), Tensor::There(leaf), trained) => {
                let gradient = leaf.grad_remove(gradients)?;
                let gradient = match trained {
                    Some(trained) => super::composed::gradient_of_rows(gradient, trained),
                    None => gradient,
                };
                Some(gradient.into())
            }
            #[cfg(feature = "wgpu")]
            _ => None,
        }
    }
}

/// The inputs of one operation, all in one place.
#[cfg_attr(feature = "wgpu", allow(clippy::large_enum_variant))]
pub(super) enum Inputs<const N: usize> {
    Here([Variable; N]),
    #[cfg(feature = "wgpu")]
    There([burn_tensor::Tensor<2>; N]),
}

impl<const N: usize> Inputs<N> {
    /// Takes them to the GPU if one of them is there.
    pub fn together(tensors: [Tensor; N]) -> Self {
        #[cfg(feature = "wgpu")]
        if let Some(Place::Gpu(device)) = tensors.iter().map(Tensor::place).find(|p| *p != Place::Processor) {
            return Inputs::There(tensors.map(|tensor| match tensor {
                Tensor::There(tensor) => *tensor,
                Tensor::Here(variable) => {
                    let shape = variable.shape();
                    let data = TensorData::new(variable.into_value().into_numbers(), shape);
                    burn_tensor::Tensor::from_data(data, &device)
                }
            }));
        }
        Inputs::Here(tensors.map(|tensor| match tensor {
            Tensor::Here(variable) => variable,
            #[cfg(feature = "wgpu")]
            Tensor::There(_) => unreachable!("one that is on a GPU was looked for"),
        }))
    }
}
