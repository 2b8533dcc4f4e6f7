//! Small drawings in SVG: intervals, curves, points. Text is escaped, numbers that are not finite
//! are left out, and every drawing carries a title and a description for screen readers.

use std::fmt::Write;

use super::Caption;
use super::svg::{LONGEST_AXIS, LONGEST_LABEL, Scale, Svg, WIDTH, number, polyline};

/// Number of colours of the page's style: `g0`, `g1`, ...
pub(crate) const N_COLOURS: usize = 6;
/// Room that a character of a legend takes, and the room beside its text.
const LETTER: f64 = 7.9;
const BESIDE: f64 = 30.0;

/// A value and its interval.
pub(crate) struct Interval<'a> {
    pub label: &'a str,
    pub value: f64,
    pub low: f64,
    pub high: f64,
}

/// A line through points `(x, y)`.
pub(crate) struct Curve<'a> {
    pub label: &'a str,
    pub colour: usize,
    pub dashed: bool,
    pub points: Vec<(f64, f64)>,
}

/// A place on the x axis with a name.
pub(crate) struct Mark<'a> {
    pub x: f64,
    pub label: &'a str,
}

/// Dots with whiskers, one row each, over one axis.
pub(crate) fn intervals(caption: Caption<'_>, axis: &str, rows: &[Interval<'_>]) -> String {
    const ROW: f64 = 30.0;
    const LEFT: f64 = 178.0;
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
pub(crate) fn curves(
    caption: Caption<'_>,
    (x_axis, y_axis): (&str, &str),
    curves: &[Curve<'_>],
    marks: &[Mark<'_>],
) -> String {
    const LEFT: f64 = 62.0;
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
        legend += 34.0 + BESIDE / 2.0 + LETTER * curve.label.chars().count().min(LONGEST_LABEL) as f64;
    }
    svg.finish()
}

/// A way that has a cost and a worth, with the interval of the worth.
pub(crate) struct Priced<'a> {
    pub label: &'a str,
    pub cost: f64,
    pub value: f64,
    pub low: f64,
    pub high: f64,
}

/// Dots with whiskers over what they cost: the good ones are on the left. Each has a number, which the legend tells.
pub(crate) fn priced(caption: Caption<'_>, (x_axis, y_axis): (&str, &str), ways: &[Priced<'_>]) -> String {
    const LEFT: f64 = 62.0;
    const LINE: f64 = 20.0;
    let top = 12.0 + LINE * ways.len() as f64;
    let bottom = top + 200.0;
    let x = Scale::over(ways.iter().map(|w| w.cost).chain([0.0]), LEFT, WIDTH - 24.0);
    let y = Scale::over(ways.iter().flat_map(|w| [w.value, w.low, w.high]), bottom, top);
    let mut svg = Svg::new(caption, bottom + 44.0);
    svg.x_axis(&x, x_axis, top, bottom);
    svg.y_axis(&y, y_axis, LEFT, WIDTH - 20.0);
    let known = |way: &Priced<'_>| way.cost.is_finite() && way.value.is_finite();
    let dots: Vec<(f64, f64)> =
        ways.iter().filter(|way| known(way)).map(|way| (x.at(way.cost), y.at(way.value))).collect();
    let mut numbers: Vec<(f64, f64)> = Vec::new();
    for (i, way) in ways.iter().enumerate() {
        let line = 12.0 + LINE * i as f64;
        let class = if i == 0 { "strong" } else { "" };
        svg.text_within(
            (LEFT, line + 4.0),
            "start",
            class,
            &format!("{}: {}", i + 1, way.label),
            LONGEST_AXIS,
        );
        if !known(way) {
            continue;
        }
        let (at, level) = (x.at(way.cost), y.at(way.value));
        if way.low.is_finite() && way.high.is_finite() {
            svg.path("whisker", &format!("M{at:.1} {:.1}V{:.1}", y.at(way.low), y.at(way.high)));
        }
        let class = if i == 0 { "dot root" } else { "dot" };
        let _ = write!(svg.body, r#"<circle class="{class}" cx="{at:.1}" cy="{level:.1}" r="6"/>"#);
        let number = place_of_number((at, level), &dots, &numbers);
        svg.text((number.0, number.1 + 4.0), "middle", "strong", &(i + 1).to_string());
        numbers.push(number);
    }
    svg.finish()
}

/// Where the number of a dot stands: the first place around it that neither another dot nor another number has.
fn place_of_number((x, y): (f64, f64), dots: &[(f64, f64)], numbers: &[(f64, f64)]) -> (f64, f64) {
    const AROUND: [(f64, f64); 6] =
        [(13.0, 0.0), (-13.0, 0.0), (12.0, -15.0), (-12.0, -15.0), (12.0, 15.0), (-12.0, 15.0)];
    let is_free = |place: &(f64, f64)| {
        let near = |other: &(f64, f64), room: f64| (place.0 - other.0).hypot(place.1 - other.1) < room;
        !dots.iter().any(|dot| near(dot, 11.0)) && !numbers.iter().any(|number| near(number, 13.0))
    };
    let places = AROUND.map(|(right, down)| (x + right, y + down));
    places.into_iter().find(is_free).unwrap_or(places[0])
}

/// A point of the plane and the group that it belongs to.
pub(crate) struct Dot {
    pub x: f64,
    pub y: f64,
    pub group_idx: usize,
}

/// Points of the plane, coloured by group; small groups lie on top.
pub(crate) fn scatter(caption: Caption<'_>, groups: &[String], points: &[Dot]) -> String {
    const LINE: f64 = 22.0;
    const HEIGHT: f64 = 330.0;
    let of = |group: usize| points.iter().filter(move |p| p.group_idx == group);
    // The legend takes as many lines as it needs.
    let mut legend = Vec::new();
    let (mut left, mut line) = (16.0, 0.0);
    for (i, group) in groups.iter().enumerate() {
        let label = format!("{group}: {}", of(i).count());
        let room = BESIDE + LETTER * label.chars().count().min(LONGEST_LABEL) as f64;
        if left + room > WIDTH && left > 16.0 {
            (left, line) = (16.0, line + 1.0);
        }
        legend.push((left, 14.0 + LINE * line, label));
        left += room;
    }
    let top = 14.0 + LINE * (line + 0.7);
    let bottom = top + HEIGHT;
    let x = Scale::over(points.iter().map(|p| p.x), 16.0, WIDTH - 16.0);
    let y = Scale::over(points.iter().map(|p| p.y), bottom - 8.0, top + 8.0);
    let mut svg = Svg::new(caption, bottom + 28.0);
    let _ = write!(
        svg.body,
        r#"<rect class="frame" x="6" y="{top}" width="{}" height="{HEIGHT}" rx="6"/>"#,
        WIDTH - 12.0,
    );
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
    for (i, (left, y, label)) in legend.iter().enumerate() {
        svg.path(&format!("cloud legend g{}", i % N_COLOURS), &format!("M{left:.1} {y:.1}h0"));
        svg.text((left + 11.0, y + 5.0), "start", "", label);
    }
    let axes = "across: first principal component, up: second";
    svg.text_within((WIDTH / 2.0, bottom + 20.0), "middle", "small", axes, LONGEST_AXIS);
    svg.finish()
}
