//! How good predictions are, drawn: scores, calibration, which class for which, other thresholds.

use super::html::{Cell, HtmlTable, Page};
use crate::draw::{Caption, Curve, Interval, Mark, curves, intervals};
use crate::metric::{Metric, Score};
use crate::predictor::Reliability;
use crate::report::words::{counted, fixed, grouped, percent};
use crate::report::{Confusion, Evaluation, ThresholdCurve};

/// Whether a metric is a share of 1, so that it has a place on one axis with others.
fn is_share(metric: Metric) -> bool {
    matches!(
        metric,
        Metric::RocAuc
            | Metric::PrAuc
            | Metric::Accuracy
            | Metric::BalancedAccuracy
            | Metric::F1
            | Metric::R2
    )
}

/// Scores as a table, those that share an axis also as a drawing.
pub(super) fn scores(page: &mut Page, id: &str, title: &str, scores: &[Score]) {
    let drawn: Vec<Interval<'_>> = scores
        .iter()
        .filter(|s| is_share(s.metric))
        .map(|s| Interval { label: s.metric.words(), value: s.value, low: s.low, high: s.high })
        .collect();
    let rows = scores.iter().map(|s| {
        vec![
            Cell::text(s.metric.words()),
            Cell::interval(s.value, [s.low, s.high], |v| fixed(v, 3)),
            Cell::text(if s.metric.higher_is_better() { "higher" } else { "lower" }),
            Cell::count(s.n),
        ]
    });
    let table = HtmlTable {
        caption: title.to_owned(),
        head: vec!["metric", "value [95 %]", "better is", "rows"],
        rows: rows.collect(),
    };
    page.beside(|page| {
        page.table(table);
        if !drawn.is_empty() {
            let caption = Caption { id, title, description: "A dot per metric with its 95 % interval." };
            page.figure(&intervals(caption, "95 % interval, higher is better", &drawn), title, None);
        }
    });
    for note in scores.first().map(Score::notes).unwrap_or_default() {
        page.paragraph(note);
    }
}

/// Everything about the predictions of one table.
pub(super) fn evaluation(page: &mut Page, prefix: &str, found: &Evaluation) {
    scores(page, &format!("{prefix}score-plot"), &format!("Scores on {}", found.rows), &found.scores);
    page.beside(|page| {
        if let Some(reliability) = &found.reliability {
            calibration(page, prefix, reliability);
        }
        if let Some(curve) = &found.thresholds {
            thresholds(page, prefix, curve);
        }
    });
    if let Some(found) = &found.confusion {
        confusion(page, found);
    }
}

fn calibration(page: &mut Page, prefix: &str, reliability: &Reliability) {
    let id = format!("{prefix}calibration-plot");
    match reliability {
        Reliability::Probabilities { bins, ece, n, .. } => {
            let lines = [
                Curve {
                    label: "as it should be",
                    colour: 4,
                    dashed: true,
                    points: vec![(0.0, 0.0), (1.0, 1.0)],
                },
                Curve {
                    label: "as it was",
                    colour: 0,
                    dashed: false,
                    points: bins.iter().map(|bin| (bin.predicted, bin.observed)).collect(),
                },
            ];
            let caption = Caption {
                id: &id,
                title: "Calibration",
                description: "Of rows that got a probability, the share that was so; on the diagonal both are the same.",
            };
            let rows = bins.iter().map(|bin| {
                vec![
                    Cell::number(format!("{} to {}", fixed(bin.low, 1), fixed(bin.high, 1)), bin.low),
                    Cell::count(bin.n),
                    Cell::fixed(bin.predicted, 3),
                    Cell::fixed(bin.observed, 3),
                ]
            });
            let table = HtmlTable {
                caption: "Calibration".to_owned(),
                head: vec!["probability", "rows", "said, mean", "was so, share"],
                rows: rows.collect(),
            };
            let words = format!(
                "Calibration: what is said and what is so lie {} apart on average (expected calibration error, {}).",
                fixed(*ece, 3),
                counted(*n, "row")
            );
            let axes = ("probability that was said", "share that was so");
            page.figure(&curves(caption, axes, &lines, &[]), &words, Some(table));
        }
        Reliability::Intervals { levels, n } => {
            let lines = [
                Curve {
                    label: "as it should be",
                    colour: 4,
                    dashed: true,
                    points: vec![(0.5, 0.5), (1.0, 1.0)],
                },
                Curve {
                    label: "as it was",
                    colour: 0,
                    dashed: false,
                    points: levels.iter().map(|level| (level.level, level.covered)).collect(),
                },
            ];
            let caption = Caption {
                id: &id,
                title: "Coverage of intervals",
                description: "For each level the share of rows whose number lay inside its interval.",
            };
            let rows = levels.iter().map(|level| {
                vec![
                    Cell::number(percent(level.level, 0), level.level),
                    Cell::number(percent(level.covered, 1), level.covered),
                    Cell::fixed(level.mean_width, 3),
                ]
            });
            let table = HtmlTable {
                caption: "Coverage of intervals".to_owned(),
                head: vec!["level", "covered", "mean width"],
                rows: rows.collect(),
            };
            let words =
                format!("Intervals around numbers: how many of {} each level covered.", counted(*n, "row"));
            let axes = ("level of the interval", "share of rows inside");
            page.figure(&curves(caption, axes, &lines, &[]), &words, Some(table));
        }
    }
}

fn thresholds(page: &mut Page, prefix: &str, curve: &ThresholdCurve) {
    let line = |label, colour, dashed, of: &dyn Fn(&crate::report::ThresholdPoint) -> Option<f64>| Curve {
        label,
        colour,
        dashed,
        points: curve.points.iter().filter_map(|p| Some((p.threshold, of(p)?))).collect(),
    };
    let lines = [
        line("precision", 0, false, &|p| p.precision),
        line("recall", 1, true, &|p| Some(p.recall)),
        line("F1", 2, false, &|p| Some(p.f1)),
    ];
    let caption = Caption {
        id: &format!("{prefix}threshold-plot"),
        title: "Thresholds",
        description: "Precision, recall and F1 of the second class by the probability from which on it is predicted.",
    };
    let marks = [Mark { x: curve.chosen, label: "in use" }];
    let rows = curve.points.iter().map(|p| {
        let mut cells = vec![
            Cell::fixed(p.threshold, 3),
            Cell::number(percent(p.share, 1), p.share),
            Cell::optional(p.precision, |v| fixed(v, 3)),
            Cell::fixed(p.recall, 3),
            Cell::fixed(p.f1, 3),
            Cell::fixed(p.balanced_accuracy, 3),
        ];
        cells.extend(p.cost.map(|cost| Cell::fixed(cost, 4)));
        cells
    });
    let mut head = vec!["threshold", "rows that get it", "precision", "recall", "F1", "balanced accuracy"];
    head.extend(curve.costs.map(|_| "cost of a row"));
    let table = HtmlTable { caption: "Thresholds".to_owned(), head, rows: rows.collect() };
    let words = format!(
        "Thresholds: {} is predicted from a probability of {} on. Other thresholds catch more of it, or are right more \
         often.",
        curve.class,
        fixed(curve.chosen, 3)
    );
    page.figure(&curves(caption, ("threshold", "share"), &lines, &marks), &words, Some(table));
    if let Some([of_alarm, of_missed]) = curve.costs {
        let cost = [line("cost", 0, false, &|p| p.cost)];
        let caption = Caption {
            id: &format!("{prefix}cost-plot"),
            title: "Costs",
            description: "Mean cost of a row by the threshold.",
        };
        let words = format!(
            "Costs: a false positive costs {of_alarm}, a false negative {of_missed}; the mean over all rows."
        );
        page.figure(&curves(caption, ("threshold", "cost of a row"), &cost, &marks), &words, None);
    }
}

fn confusion(page: &mut Page, found: &Confusion) {
    page.heading("Which class for which");
    let head = ["class", "true rows"].into_iter();
    let rows = found.counts.iter().enumerate().map(|(i, row)| {
        let n: usize = row.iter().sum();
        let share = |count: usize| if n > 0 { count as f64 / n as f64 } else { 0.0 };
        let own = [Cell::text(&found.classes[i]), Cell::count(n)].into_iter();
        own.chain(row.iter().map(|count| Cell::shaded(*count, share(*count)))).collect()
    });
    // A class may be called anything, so it stands in a row of its own and not in the head.
    const PLACES: [&str; 12] =
        ["1st", "2nd", "3rd", "4th", "5th", "6th", "7th", "8th", "9th", "10th", "11th", "12th"];
    let columns: Vec<String> =
        PLACES.iter().zip(&found.classes).map(|(place, class)| format!("{place}: {class}")).collect();
    page.table(HtmlTable {
        caption: format!(
            "Rows of each class (down) by the class that was predicted (across, {})",
            columns.join(", ")
        ),
        head: head.chain(PLACES.into_iter().take(found.classes.len())).collect(),
        rows: rows.collect(),
    });
    if found.n_unseen > 0 {
        page.paragraph(format!(
            "{} more are of a class that was not seen in training; scores count them as wrong.",
            grouped(found.n_unseen)
        ));
    }
}
