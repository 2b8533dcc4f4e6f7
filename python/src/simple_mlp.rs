//! `SimpleMLP`: the sizes of a predictor's head.

use pyo3::prelude::*;
use pyo3::types::PyTuple;
use tabgraft_model::Error;
use tabgraft_model::predictor::HeadSizes;

use crate::error::{Raise, Raised};

/// The sizes of a predictor's head.
///
/// Parameters
/// ----------
/// d_in : int
///     Length of a row's vector: the space's `d_model`.
/// d_out : int
///     Classes, or 1 for a number.
/// d_hidden : int, default 128; 8 to 4,096
///     Width of the hidden layer.
/// dropout : float, default 0.2; 0 to 0.9
///     Share of activations dropped in training.
///
/// Examples
/// --------
/// >>> from featrix.neural.simple_mlp import SimpleMLP
/// >>> head = SimpleMLP(d_in=space.d_model, d_out=2)
/// >>> head
/// SimpleMLP(d_in=32, d_out=2, d_hidden=128, dropout=0.2)
#[pyclass(frozen, module = "featrix.neural.simple_mlp")]
pub struct SimpleMLP {
    pub sizes: HeadSizes,
}

#[pymethods]
impl SimpleMLP {
    #[new]
    #[pyo3(signature = (d_in, d_out, d_hidden = 128, dropout = 0.2))]
    fn new(d_in: i64, d_out: i64, d_hidden: i64, dropout: f32) -> Raised<Self> {
        // What is below 0 is refused as 0 is, by its own value.
        let size = |option: &str, value: i64| {
            usize::try_from(value).map_err(|_| {
                Raise::Core(Error::option(format!("option `{option}` is {value}, allowed is 1 or more")))
            })
        };
        let (d_in, d_out) = (size("d_in", d_in)?, size("d_out", d_out)?);
        let sizes = HeadSizes { d_in, d_out, d_hidden: size("d_hidden", d_hidden)?, dropout };
        sizes.check()?;
        Ok(SimpleMLP { sizes })
    }

    /// Length of a row's vector: the space's `d_model`.
    ///
    /// >>> head.d_in
    /// 32
    #[getter]
    fn d_in(&self) -> usize {
        self.sizes.d_in
    }

    /// Classes, or 1 for a number.
    ///
    /// >>> head.d_out
    /// 2
    #[getter]
    fn d_out(&self) -> usize {
        self.sizes.d_out
    }

    /// Width of the hidden layer.
    ///
    /// >>> head.d_hidden
    /// 128
    #[getter]
    fn d_hidden(&self) -> usize {
        self.sizes.d_hidden
    }

    /// Share of activations dropped in training.
    ///
    /// >>> round(head.dropout, 3)
    /// 0.2
    #[getter]
    fn dropout(&self) -> f32 {
        self.sizes.dropout
    }

    /// As the constructor.
    ///
    /// >>> SimpleMLP.from_config(d_in=32, d_out=1).d_out
    /// 1
    #[staticmethod]
    #[pyo3(signature = (d_in, d_out, d_hidden = 128, dropout = 0.2))]
    fn from_config(d_in: i64, d_out: i64, d_hidden: i64, dropout: f32) -> Raised<Self> {
        Self::new(d_in, d_out, d_hidden, dropout)
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyTuple>> {
        let HeadSizes { d_in, d_out, d_hidden, dropout } = slf.get().sizes;
        let sizes = (d_in, d_out, d_hidden, dropout).into_pyobject(slf.py())?;
        (slf.get_type(), sizes).into_pyobject(slf.py())
    }

    fn __repr__(&self) -> String {
        let HeadSizes { d_in, d_out, d_hidden, dropout } = self.sizes;
        format!("SimpleMLP(d_in={d_in}, d_out={d_out}, d_hidden={d_hidden}, dropout={dropout})")
    }
}
