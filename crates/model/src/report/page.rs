//! A report as one HTML page.

use minijinja::value::ValueKind;
use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value, context, escape_formatter};
use tabgraft_table::visible;

use super::chart::{Caption, Curve, Interval, Mark, curves, intervals, number, scatter};
use super::tree::lineage;
use super::{Report, Version, WayKind};
use crate::error::{Error, Result};
use crate::metric::Metric;

const TEMPLATE: &str = include_str!("report.html.j2");
/// What stands where there is no number.
const NOTHING: &str = "\u{2013}";

/// Draws the page: HTML with its style and drawings inside, no script, no other file, no network.
///
/// The same report gives the same bytes. Names and texts are escaped, so they may hold anything; what
/// cannot be seen, or what no page may hold, is written out.
///
/// # Errors
/// A value error if the template fails, which no report should cause.
pub fn to_html(report: &Report) -> Result<String> {
    let mut env = Environment::new();
    env.set_auto_escape_callback(|_| AutoEscape::Html);
    env.set_formatter(|out, state, value| match value.as_str() {
        Some(text) if !value.is_safe() => {
            escape_formatter(out, state, &Value::from(visible(text).into_owned()))
        }
        _ => escape_formatter(out, state, value),
    });
    env.set_undefined_behavior(UndefinedBehavior::SemiStrict);
    env.set_trim_blocks(true);
    env.set_lstrip_blocks(true);
    env.add_filter("fixed", fixed);
    env.add_filter("signed", signed);
    env.add_filter("percent", percent);
    env.add_filter("p_value", p_value);
    env.add_filter("seconds", seconds);
    env.add_filter("metric", |name: &str| metric_words(name).to_owned());
    env.add_filter("words", |name: &str| name.replace('_', " "));
    let drawn =
        |e: minijinja::Error| Error::value(format!("the report cannot be drawn: {e:#}")).with_source(e);
    env.add_template("report.html", TEMPLATE).map_err(drawn)?;
    let safe = |svgs: Vec<String>| svgs.into_iter().map(Value::from_safe_string).collect::<Vec<_>>();
    let scored = report.versions.first().map(|v| v.scores.as_slice()).unwrap_or_default();
    env.get_template("report.html")
        .and_then(|page| {
            page.render(context! {
                report => report,
                metrics => scored.iter().map(|s| s.metric).collect::<Vec<_>>(),
                score_plot => safe(score_plot(report).into_iter().collect()),
                extensions => extension_rows(report),
                extension_plots => safe(extension_plots(report)),
                loss_plots => safe(report.versions.iter().enumerate().map(loss_plot).collect()),
                tree => safe(lineage_plot(report).into_iter().collect()),
                pictures => safe(pictures(report)),
            })
        })
        .map_err(drawn)
}

/// The versions' most important scores.
fn score_plot(report: &Report) -> Option<String> {
    let metric = report.versions.first()?.scores.first()?.metric;
    let rows: Vec<Interval<'_>> = report
        .versions
        .iter()
        .filter_map(|v| Some((v, v.scores.iter().find(|s| s.metric == metric)?)))
        .map(|(v, s)| Interval { label: &v.name, value: s.value, low: s.low, high: s.high })
        .collect();
    let caption = Caption {
        id: "scores",
        title: "Score of each version",
        description: "A dot per version with its 95 % interval; the table below has the numbers.",
    };
    Some(intervals(caption, &axis(metric), &rows))
}

fn axis(metric: Metric) -> String {
    let direction = if metric.higher_is_better() { "higher is better" } else { "lower is better" };
    format!("{}, 95 % interval ({direction})", metric_words(metric.name()))
}

fn extension_plots(report: &Report) -> Vec<String> {
    let plot = |(i, extension): (usize, &super::Extension)| {
        let rows: Vec<Interval<'_>> = extension
            .ways
            .iter()
            .map(|w| Interval {
                label: w.kind.label(),
                value: w.score.value,
                low: w.score.low,
                high: w.score.high,
            })
            .collect();
        let caption = Caption {
            id: &format!("extension-{i}"),
            title: &format!("Ways to the columns of {}", extension.version),
            description: "A dot per way with its 95 % interval; the table below has the numbers.",
        };
        extension.ways.first().map(|w| intervals(caption, &axis(w.score.metric), &rows)).unwrap_or_default()
    };
    report.extensions.iter().enumerate().map(plot).collect()
}

/// For each way: its name, and how many times longer it takes than the first way.
fn extension_rows(report: &Report) -> Vec<Vec<Value>> {
    let rows = |extension: &super::Extension| {
        let graft_seconds = extension.ways.first().map_or(0.0, |w| w.seconds);
        extension
            .ways
            .iter()
            .map(|way| {
                let ratio = way.seconds / graft_seconds;
                context! {
                    label => way.kind.label(),
                    is_retraining => matches!(way.kind, WayKind::FullRetraining | WayKind::FromScratch),
                    ratio => ratio.is_finite().then(|| format!("{}\u{d7}", number(ratio, 1))),
                }
            })
            .collect()
    };
    report.extensions.iter().map(rows).collect()
}

fn loss_plot((i, version): (usize, &Version)) -> String {
    let epochs = &version.training.epochs;
    let validation = epochs.iter().filter_map(|e| Some((e.epoch as f64, e.validation_loss?)));
    let lines = [
        Curve {
            label: "training",
            colour: 1,
            dashed: true,
            points: epochs.iter().map(|e| (e.epoch as f64, e.train_loss)).collect(),
        },
        Curve { label: "validation", colour: 0, dashed: false, points: validation.collect() },
    ];
    let mut marks: Vec<Mark<'_>> = epochs
        .windows(2)
        .filter(|pair| pair[0].phase != pair[1].phase)
        .map(|pair| Mark { x: pair[1].epoch as f64, label: &pair[1].phase })
        .collect();
    if version.training.best_epoch > 0 {
        marks.push(Mark { x: version.training.best_epoch as f64, label: "kept" });
    }
    let caption = Caption {
        id: &format!("loss-{i}"),
        title: &format!("Losses of {}", version.name),
        description: &format!(
            "Training and validation loss over {} epochs; the weights of epoch {} were kept.",
            epochs.len(),
            version.training.best_epoch
        ),
    };
    curves(caption, ("epoch", "loss, 1 = uniform guess"), &lines, &marks)
}

fn lineage_plot(report: &Report) -> Option<String> {
    let caption = Caption {
        id: "lineage",
        title: "Lineage",
        description: "Every space below the one that it was grafted on.",
    };
    (!report.lineage.is_empty()).then(|| lineage(caption, &report.lineage))
}

fn pictures(report: &Report) -> Vec<String> {
    let draw = |(i, picture): (usize, &super::Picture)| {
        let caption = Caption {
            id: &format!("picture-{i}"),
            title: &format!("Rows as {} sees them", picture.name),
            description: &format!(
                "{} rows in the plane of their first two principal components, coloured by {}.",
                picture.points.len(),
                picture.coloured_by
            ),
        };
        scatter(caption, &picture.groups, &picture.points)
    };
    report.pictures.iter().enumerate().map(draw).collect()
}

/// The metric as people write it.
fn metric_words(name: &str) -> &str {
    match name {
        "roc_auc" => "ROC AUC",
        "pr_auc" => "PR AUC",
        "log_loss" => "log loss",
        "accuracy" => "accuracy",
        "balanced_accuracy" => "balanced accuracy",
        "f1" => "F1",
        "brier" => "Brier score",
        "rmse" => "RMSE",
        "mae" => "MAE",
        "r2" => "R\u{b2}",
        other => other,
    }
}

/// The number of a template's value, if it is one.
fn finite(value: &Value) -> Option<f64> {
    (value.kind() == ValueKind::Number).then(|| f64::try_from(value.clone()).ok())?.filter(|v| v.is_finite())
}

fn fixed(value: Value, decimals: usize) -> String {
    finite(&value).map_or(NOTHING.to_owned(), |v| number(v, decimals))
}

/// As [`fixed`], with a plus sign where there is no minus.
fn signed(value: Value, decimals: usize) -> String {
    match finite(&value) {
        None => NOTHING.to_owned(),
        Some(v) => {
            let text = number(v, decimals);
            if text.starts_with('\u{2212}') { text } else { format!("+{text}") }
        }
    }
}

fn p_value(value: Value) -> String {
    match finite(&value) {
        Some(p) if p < 0.001 => "< 0.001".to_owned(),
        _ => fixed(value, 3),
    }
}

fn percent(value: Value, decimals: usize) -> String {
    finite(&value).map_or(NOTHING.to_owned(), |v| format!("{} %", number(100.0 * v, decimals)))
}

fn seconds(value: Value) -> String {
    match finite(&value) {
        None => NOTHING.to_owned(),
        Some(v) if v < 10.0 => format!("{} s", number(v, 2)),
        Some(v) if v < 120.0 => format!("{} s", number(v, 1)),
        Some(v) => format!("{} min", number(v / 60.0, 1)),
    }
}
