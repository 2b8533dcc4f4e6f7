//! Drawings in SVG for pages: intervals, curves, points; and any text made safe for one.
//!
//! Colours come from the page's style by classes, so that a drawing follows light and dark. Numbers that are not finite
//! are left out, and every drawing carries a title and a description for screen readers.

mod chart;
mod svg;

pub(crate) use chart::{Curve, Dot, Interval, Mark, Priced, curves, intervals, priced, scatter};
pub use svg::escape;
pub(crate) use svg::{Svg, WIDTH, number, shorten};

/// What a drawing is, for readers who do not see it. The id is unique on the page.
#[derive(Clone, Copy)]
pub(crate) struct Caption<'a> {
    pub id: &'a str,
    pub title: &'a str,
    pub description: &'a str,
}
