//! `SimpleMLP`: the sizes of a predictor's head.

use pyo3::prelude::*;
use pyo3::types::PyTuple;
use tabgraft_model::Error;

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
    /// Length of a row's vector: the space's `d_model`.
    ///
    /// >>> head.d_in
    /// 32
    #[pyo3(get)]
    pub d_in: usize,
    /// Classes, or 1 for a number.
    ///
    /// >>> head.d_out
    /// 2
    #[pyo3(get)]
    pub d_out: usize,
    /// Width of the hidden layer.
    ///
    /// >>> head.d_hidden
    /// 128
    #[pyo3(get)]
    pub d_hidden: usize,
    /// Share of activations dropped in training.
    ///
    /// >>> round(head.dropout, 3)
    /// 0.2
    #[pyo3(get)]
    pub dropout: f32,
}

#[pymethods]
impl SimpleMLP {
    #[new]
    #[pyo3(signature = (d_in, d_out, d_hidden = 128, dropout = 0.2))]
    fn new(d_in: usize, d_out: usize, d_hidden: usize, dropout: f32) -> Raised<Self> {
        if !(8..=4096).contains(&d_hidden) {
            let message = format!("option `d_hidden` is {d_hidden}, allowed is 8 to 4096");
            return Err(Raise::Core(Error::option(message)));
        }
        if !(0.0..0.9).contains(&dropout) {
            return Err(Raise::Core(Error::option(format!(
                "option `dropout` is {dropout}, allowed is 0 up to 0.9"
            ))));
        }
        Ok(SimpleMLP { d_in, d_out, d_hidden, dropout })
    }

    /// As the constructor.
    ///
    /// >>> SimpleMLP.from_config(d_in=32, d_out=1).d_out
    /// 1
    #[staticmethod]
    #[pyo3(signature = (d_in, d_out, d_hidden = 128, dropout = 0.2))]
    fn from_config(d_in: usize, d_out: usize, d_hidden: usize, dropout: f32) -> Raised<Self> {
        Self::new(d_in, d_out, d_hidden, dropout)
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyTuple>> {
        let this = slf.get();
        let sizes = (this.d_in, this.d_out, this.d_hidden, this.dropout).into_pyobject(slf.py())?;
        (slf.get_type(), sizes).into_pyobject(slf.py())
    }

    fn __repr__(&self) -> String {
        format!(
            "SimpleMLP(d_in={}, d_out={}, d_hidden={}, dropout={})",
            self.d_in, self.d_out, self.d_hidden, self.dropout
        )
    }
}
