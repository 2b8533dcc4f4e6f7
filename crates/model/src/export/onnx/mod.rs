//! ONNX: the file format, as little of it as models need.

pub(super) mod graph;
mod operators;
mod proto;
