//! Numbers to vectors and predictions.
