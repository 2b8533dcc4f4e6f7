//! Numbers to vectors and predictions.

mod kernel;
