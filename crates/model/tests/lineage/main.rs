//! What the lineage of a folder promises: content and not names, absent ancestors, every edit caught.

#![allow(clippy::unwrap_used)]

mod drawing;
mod family;
mod forgery;
mod truth;
