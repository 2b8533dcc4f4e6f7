//! A file that is an embedding space or a predictor; which one, the file says itself.

pub use tabgraft_model::ModelFile;
