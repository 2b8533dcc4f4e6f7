//! Small drawings in SVG: intervals, curves, points. Text is escaped, numbers that are not finite
//! are left out, and every drawing carries a title and a description for screen readers.

use std::fmt::Write;

use tabgraft_table::{is_hidden, visible};

use super::Point;

/// Width of every drawing, in its own units; the page scales it.
const WIDTH: f64 = 600.0;
/// Most characters of a label; the whole text is in the tables and in the tooltip.
const LONGEST_LABEL: usize = 26;
/// Most characters of an axis' name.
const LONGEST_AXIS: usize = 60;
/// Most marked values of an axis.
const MOST_TICKS: f64 = 6.0;
/// Number of colours of the page's style: `g0`, `g1`, ...
pub(super) const N_COLOURS: usize = 6;

/// A value and its interval.
pub(super) struct Interval<'a> {
    pub label: &'a str,
    pub value: f64,
    pub low: f64,
    pub high: f64,
}

/// A line through points `(x, y)`.
pub(super) struct Curve<'a> {
    pub label: &'a str,
    pub colour: usize,
    pub dashed: bool,
    pub points: Vec<(f64, f64)>,
}

/// A place on the x axis with a name.
pub(super) struct Mark<'a> {
    pub x: f64,
    pub label: &'a str,
}

/// What a drawing is, for readers who do not see it. The id is unique on the page.
#[derive(Clone, Copy)]
pub(super) struct Caption<'a> {
    pub id: &'a str,
    pub title: &'a str,
    pub description: &'a str,
}

/// Dots with whiskers, one row each, over one axis.
pub(super) fn intervals(caption: Caption<'_>, axis: &str, rows: &[Interval<'_>]) -> String {
    const ROW: f64 = 34.0;
    const LEFT: f64 = 218.0;
    let bottom = 12.0 + ROW * rows.len() as f64;
    let scale = Scale::over(rows.iter().flat_map(|r| [r.value, r.low, r.high]), LEFT, WIDTH - 70.0);
    let mut svg = Svg::new(caption, bottom + 42.0);
    svg.x_axis(&scale, axis, 8.0, bottom);
    for (i, row) in rows.iter().enumerate() {
        let y = 12.0 + ROW * (i as f64 + 0.5);
        svg.text((LEFT - 14.0, y + 5.0), "end", "", row.label);
        if !row.value.is_finite() {
            continue;
        }
        let x = scale.at(row.value);
        if row.low.is_finite() && row.high.is_finite() {
            let (low, high) = (scale.at(row.low), scale.at(row.high));
            svg.path("whisker", &format!("M{low:.1} {y:.1}H{high:.1}"));
            svg.path("whisker", &format!("M{low:.1} {:.1}v12M{high:.1} {:.1}v12", y - 6.0, y - 6.0));
        }
        let _ = write!(svg.body, r#"<circle class="dot" cx="{x:.1}" cy="{y:.1}" r="6"/>"#);
        svg.text((WIDTH - 56.0, y + 5.0), "start", "strong", &number(row.value, 3));
    }
    svg.finish()
}

/// Lines over two axes, with a legend and named places on the x axis.
pub(super) fn curves(
    caption: Caption<'_>,
    (x_axis, y_axis): (&str, &str),
    curves: &[Curve<'_>],
    marks: &[Mark<'_>],
) -> String {
    const LEFT: f64 = 64.0;
    const TOP: f64 = 40.0;
    const BOTTOM: f64 = 230.0;
    let points = || curves.iter().flat_map(|c| c.points.iter());
    let x = Scale::over(points().map(|p| p.0).chain(marks.iter().map(|m| m.x)), LEFT, WIDTH - 20.0);
    let y = Scale::over(points().map(|p| p.1), BOTTOM, TOP);
    let mut svg = Svg::new(caption, BOTTOM + 44.0);
    svg.x_axis(&x, x_axis, TOP, BOTTOM);
    svg.y_axis(&y, y_axis, LEFT, WIDTH - 20.0);
    for mark in marks.iter().filter(|m| m.x.is_finite()) {
        let at = x.at(mark.x);
        svg.path("mark", &format!("M{at:.1} {TOP}V{BOTTOM}"));
        let anchor = if at > WIDTH * 0.7 { "end" } else { "start" };
        let beside = if anchor == "end" { at - 5.0 } else { at + 5.0 };
        svg.text((beside, TOP + 14.0), anchor, "small", mark.label);
    }
    let mut legend = LEFT;
    for curve in curves {
        let dash = if curve.dashed { " dashed" } else { "" };
        let class = format!("curve g{}{dash}", curve.colour % N_COLOURS);
        let path = polyline(curve.points.iter().map(|(a, b)| (x.at(*a), y.at(*b))));
        svg.path(&class, &path);
        svg.path(&class, &format!("M{legend:.1} 14h28"));
        svg.text((legend + 34.0, 19.0), "start", "", curve.label);
        legend += 52.0 + 8.5 * curve.label.chars().count().min(LONGEST_LABEL) as f64;
    }
    svg.finish()
}

/// Points of the plane, coloured by group; small groups lie on top.
pub(super) fn scatter(caption: Caption<'_>, groups: &[String], points: &[Point]) -> String {
    const TOP: f64 = 40.0;
    const BOTTOM: f64 = 420.0;
    let x = Scale::over(points.iter().map(|p| p.x), 20.0, WIDTH - 20.0);
    let y = Scale::over(points.iter().map(|p| p.y), BOTTOM - 10.0, TOP + 10.0);
    let mut svg = Svg::new(caption, BOTTOM + 34.0);
    let _ = write!(
        svg.body,
        r#"<rect class="frame" x="8" y="{TOP}" width="{}" height="{}" rx="6"/>"#,
        WIDTH - 16.0,
        BOTTOM - TOP
    );
    let of = |group: usize| points.iter().filter(move |p| p.group_idx == group);
    let mut order: Vec<usize> = (0..groups.len()).collect();
    order.sort_by_key(|g| (std::cmp::Reverse(of(*g).count()), *g));
    for group in order {
        // A line of no length with round ends is a dot, at a fraction of a circle's text.
        let mut path = String::new();
        for p in of(group).filter(|p| p.x.is_finite() && p.y.is_finite()) {
            let _ = write!(path, "M{:.1} {:.1}h0", x.at(p.x), y.at(p.y));
        }
        svg.path(&format!("cloud g{}", group % N_COLOURS), &path);
    }
    let mut legend = 20.0;
    for (i, group) in groups.iter().enumerate() {
        svg.path(&format!("cloud legend g{}", i % N_COLOURS), &format!("M{legend:.1} 18h0"));
        let label = format!("{group} ({} rows)", of(i).count());
        svg.text((legend + 14.0, 23.0), "start", "", &label);
        legend += 44.0 + 8.5 * label.chars().count().min(LONGEST_LABEL) as f64;
    }
    let axes = "across: first principal component, up: second";
    svg.text_within((WIDTH / 2.0, BOTTOM + 24.0), "middle", "small", axes, LONGEST_AXIS);
    svg.finish()
}

/// A drawing that is being made.
pub(super) struct Svg {
    pub body: String,
}

impl Svg {
    pub fn new(caption: Caption<'_>, height: f64) -> Self {
        let Caption { id, title, description } = caption;
        let mut body = String::new();
        let _ = write!(
            body,
            r#"<svg viewBox="0 0 {WIDTH} {height:.0}" role="img" aria-labelledby="{id}-title {id}-text"><title id="{id}-title">{}</title><desc id="{id}-text">{}</desc>"#,
            escape(title),
            escape(description),
            id = escape(id),
        );
        Svg { body }
    }

    /// Text that is shortened where it is long, with the whole of it as tooltip.
    pub fn text(&mut self, (x, y): (f64, f64), anchor: &str, class: &str, text: &str) {
        self.text_within((x, y), anchor, class, text, LONGEST_LABEL);
    }

    /// As [`Svg::text`], with room for `most` characters.
    pub fn text_within(&mut self, (x, y): (f64, f64), anchor: &str, class: &str, text: &str, most: usize) {
        let short = shorten(text, most);
        let tooltip = if short == text { String::new() } else { format!("<title>{}</title>", escape(text)) };
        let _ = write!(
            self.body,
            r#"<text x="{x:.1}" y="{y:.1}" text-anchor="{anchor}" class="{class}">{tooltip}{}</text>"#,
            escape(&short)
        );
    }

    pub fn path(&mut self, class: &str, path: &str) {
        if !path.is_empty() {
            let _ = write!(self.body, r#"<path class="{class}" d="{path}"/>"#);
        }
    }

    fn x_axis(&mut self, scale: &Scale, label: &str, top: f64, bottom: f64) {
        for tick in scale.ticks() {
            let x = scale.at(tick);
            self.path("grid", &format!("M{x:.1} {top}V{bottom:.1}"));
            self.text((x, bottom + 17.0), "middle", "small", &scale.label(tick));
        }
        let middle = (scale.from + scale.to) / 2.0;
        self.text_within((middle, bottom + 36.0), "middle", "small", label, LONGEST_AXIS);
    }

    fn y_axis(&mut self, scale: &Scale, label: &str, left: f64, right: f64) {
        for tick in scale.ticks() {
            let y = scale.at(tick);
            self.path("grid", &format!("M{left} {y:.1}H{right}"));
            self.text((left - 6.0, y + 4.0), "end", "small", &scale.label(tick));
        }
        let middle = (scale.from + scale.to) / 2.0;
        let _ = write!(
            self.body,
            r#"<text class="small" text-anchor="middle" transform="translate(14 {middle:.1}) rotate(-90)">{}</text>"#,
            escape(&shorten(label, LONGEST_LABEL))
        );
    }

    pub fn finish(mut self) -> String {
        self.body.push_str("</svg>");
        self.body
    }
}

/// A number range laid over a length.
struct Scale {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
}

impl Scale {
    /// Over the finite ones of `values`, with a little room; 0 to 1 if there are none.
    fn over(values: impl Iterator<Item = f64>, from: f64, to: f64) -> Self {
        let (low, high) = values
            .filter(|v| v.is_finite())
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
        let (low, high) = if low > high {
            (0.0, 1.0)
        } else {
            let room = ((high - low) * 0.05).max(low.abs().max(high.abs()) * 1e-3).max(1e-9);
            (low - room, high + room)
        };
        Scale { low, high, from, to }
    }

    fn at(&self, value: f64) -> f64 {
        let share = value / (self.high - self.low) - self.low / (self.high - self.low);
        self.from + share.clamp(0.0, 1.0) * (self.to - self.from)
    }

    /// Distance between round values, 1, 2 or 5 times a power of ten.
    fn step(&self) -> f64 {
        let rough = (self.high - self.low) / MOST_TICKS;
        let power = 10_f64.powf(rough.log10().floor());
        let factor = [1.0, 2.0, 5.0, 10.0].into_iter().find(|f| f * power >= rough).unwrap_or(10.0);
        factor * power
    }

    fn ticks(&self) -> Vec<f64> {
        let step = self.step();
        if !step.is_normal() {
            return Vec::new();
        }
        let first = (self.low / step).ceil();
        let n = ((self.high / step).floor() - first).clamp(0.0, MOST_TICKS + 1.0) as usize;
        (0..=n).map(|i| (first + i as f64) * step).filter(|t| *t <= self.high).collect()
    }

    /// A value with as many decimals as the distance between ticks has.
    fn label(&self, value: f64) -> String {
        let step = self.step();
        if value != 0.0 && !(1e-4..1e6).contains(&value.abs()) {
            return format!("{value:.1e}");
        }
        number(value, (-step.log10().floor()).clamp(0.0, 6.0) as usize)
    }
}

/// A number as the page writes it: a true minus sign, no minus zero.
pub(super) fn number(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    match text.strip_prefix('-') {
        Some(rest) if rest.bytes().all(|b| matches!(b, b'0' | b'.')) => rest.to_owned(),
        Some(rest) => format!("\u{2212}{rest}"),
        None => text,
    }
}

/// The text for use between tags and in attributes. What cannot be seen, or what no page may
/// hold, is written as its escape.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c if is_hidden(c) => escaped.push_str(&visible(c.encode_utf8(&mut [0; 4]))),
            c => escaped.push(c),
        }
    }
    escaped
}

/// The text with at most `most` characters.
pub(crate) fn shorten(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most.saturating_sub(1)).chain(['\u{2026}']).collect()
}

/// A path through the finite ones of these points.
fn polyline(points: impl Iterator<Item = (f64, f64)>) -> String {
    let mut path = String::new();
    for (x, y) in points.filter(|(x, y)| x.is_finite() && y.is_finite()) {
        let _ = write!(path, "{}{x:.1} {y:.1}", if path.is_empty() { 'M' } else { 'L' });
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_few_and_inside() {
        for (low, high) in
            [(0.61, 0.83), (0.0, 1.0), (-3.0, 1e9), (5.0, 5.0), (1e-12, 2e-12), (0.0, f64::MAX)]
        {
            let scale = Scale::over([low, high].into_iter(), 0.0, 100.0);
            let ticks = scale.ticks();
            assert!(ticks.len() <= 8, "{low} to {high}: {ticks:?}");
            assert!(ticks.iter().all(|t| (scale.low..=scale.high).contains(t)), "{low} to {high}: {ticks:?}");
        }
        let ticks = Scale::over([0.61, 0.83].into_iter(), 0.0, 100.0).ticks();
        assert_eq!(ticks.len(), 5);
        assert!((ticks[1] - 0.65).abs() < 1e-12 && (ticks[4] - 0.8).abs() < 1e-12, "{ticks:?}");
    }

    #[test]
    fn a_number_has_no_minus_zero() {
        assert_eq!(number(-0.0004, 3), "0.000");
        assert_eq!(number(-0.0006, 3), "\u{2212}0.001");
    }
}
