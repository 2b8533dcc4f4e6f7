//! A drawing that is being made: text that is safe, axes with round marks, paths.

use std::fmt::Write;

use tabgraft_table::{is_hidden, visible};

use super::Caption;

/// Width of every drawing, in its own units: about that of a phone, so that its letters can be read there. The page
/// scales it.
pub(crate) const WIDTH: f64 = 460.0;
/// Most characters of a label; the whole text is in the tables and in the tooltip.
pub(super) const LONGEST_LABEL: usize = 20;
/// Most characters of an axis' name.
pub(super) const LONGEST_AXIS: usize = 56;
const LONGEST_Y_AXIS: usize = 28;
/// Room of a marked value of an axis, and most of them.
const TICK_ROOM: f64 = 46.0;
const MOST_TICKS: f64 = 6.0;

/// A drawing that is being made.
pub(crate) struct Svg {
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

    pub(super) fn x_axis(&mut self, scale: &Scale, label: &str, top: f64, bottom: f64) {
        for tick in scale.ticks() {
            let x = scale.at(tick);
            self.path("grid", &format!("M{x:.1} {top}V{bottom:.1}"));
            self.text((x, bottom + 17.0), "middle", "small", &scale.label(tick));
        }
        let middle = (scale.from + scale.to) / 2.0;
        self.text_within((middle, bottom + 36.0), "middle", "small", label, LONGEST_AXIS);
    }

    pub(super) fn y_axis(&mut self, scale: &Scale, label: &str, left: f64, right: f64) {
        for tick in scale.ticks() {
            let y = scale.at(tick);
            self.path("grid", &format!("M{left} {y:.1}H{right}"));
            self.text((left - 6.0, y + 4.0), "end", "small", &scale.label(tick));
        }
        let middle = (scale.from + scale.to) / 2.0;
        let _ = write!(
            self.body,
            r#"<text class="small" text-anchor="middle" transform="translate(14 {middle:.1}) rotate(-90)">{}</text>"#,
            escape(&shorten(label, LONGEST_Y_AXIS))
        );
    }

    pub fn finish(mut self) -> String {
        self.body.push_str("</svg>");
        self.body
    }
}

/// A number range laid over a length.
pub(super) struct Scale {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
}

impl Scale {
    /// Over the finite ones of `values`, with a little room; 0 to 1 if there are none.
    pub(super) fn over(values: impl Iterator<Item = f64>, from: f64, to: f64) -> Self {
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

    pub(super) fn at(&self, value: f64) -> f64 {
        let share = value / (self.high - self.low) - self.low / (self.high - self.low);
        self.from + share.clamp(0.0, 1.0) * (self.to - self.from)
    }

    /// Distance between round values, 1, 2 or 5 times a power of ten.
    fn step(&self) -> f64 {
        let most = ((self.to - self.from).abs() / TICK_ROOM).floor().clamp(2.0, MOST_TICKS);
        let rough = (self.high - self.low) / most;
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
pub(crate) fn number(value: f64, decimals: usize) -> String {
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
pub(super) fn polyline(points: impl Iterator<Item = (f64, f64)>) -> String {
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
            let scale = Scale::over([low, high].into_iter(), 0.0, 400.0);
            let ticks = scale.ticks();
            assert!(ticks.len() <= 8, "{low} to {high}: {ticks:?}");
            assert!(ticks.iter().all(|t| (scale.low..=scale.high).contains(t)), "{low} to {high}: {ticks:?}");
        }
        let ticks = Scale::over([0.61, 0.83].into_iter(), 0.0, 400.0).ticks();
        assert_eq!(ticks.len(), 5);
        assert!((ticks[1] - 0.65).abs() < 1e-12 && (ticks[4] - 0.8).abs() < 1e-12, "{ticks:?}");
    }

    #[test]
    fn a_number_has_no_minus_zero() {
        assert_eq!(number(-0.0004, 3), "0.000");
        assert_eq!(number(-0.0006, 3), "\u{2212}0.001");
    }
}
