//! Promises of the report: any text is safe, the page is well-formed, the plane is the right one.

#[path = "fixtures/well_formed.rs"]
mod well_formed;

use std::collections::BTreeMap;

use proptest::prelude::*;
use tabgraft_model::discover::remember::history;
use tabgraft_model::metric::{Drift, Metric, PairedDifference, Score, Verdict};
use tabgraft_model::report::{
    Check, Credit, Extension, Fact, FeatureSearch, FoundFeature, Node, Picture, Planted, PlantedEffect,
    Projection, Story, Version, Way, WayKind,
};
use tabgraft_model::space::Mode;
use tabgraft_model::train::{EpochInfo, TrainingInfo};

use well_formed::check_well_formed;

fn score(value: f64) -> Score {
    Score {
        metric: Metric::RocAuc,
        value,
        low: value - 0.05,
        high: value + 0.05,
        n: 200,
        n_copies: 0,
        n_unseen: 0,
    }
}

fn difference(difference: f64) -> PairedDifference {
    let (low, high) = (difference - 0.02, difference + 0.02);
    PairedDifference {
        metric: Metric::RocAuc,
        a: 0.7,
        b: 0.7 + difference,
        difference,
        low,
        high,
        p_value: 0.2,
        n: 200,
        n_copies: 0,
        verdict: Verdict::NoDifference,
    }
}

fn training(n_epochs: usize) -> TrainingInfo {
    let epoch = |i: usize| EpochInfo {
        epoch: i + 1,
        phase: if i < n_epochs / 2 { "new columns" } else { "all columns" }.to_owned(),
        train_loss: 0.9 / (i + 1) as f64,
        validation_loss: Some(0.95 / (i + 1) as f64),
        column_losses: BTreeMap::new(),
        seconds: 0.1,
    };
    TrainingInfo { epochs: (0..n_epochs).map(epoch).collect(), best_epoch: n_epochs, ..Default::default() }
}

/// A report in which every text is `text`.
fn report(text: &str, n_epochs: usize) -> Story {
    let text = || text.to_owned();
    let drift = Drift {
        mean_cosine_distance: 0.0,
        max_cosine_distance: 0.0,
        neighbour_overlap_at_10: 0.9,
        n_rows: 100,
    };
    let version = |differs: bool| Version {
        name: text(),
        what: text(),
        n_columns: 17,
        d_model: 128,
        scores: vec![score(0.7), Score { metric: Metric::LogLoss, ..score(0.5) }],
        difference: differs.then(|| difference(0.01)),
        drift: differs.then_some(drift),
        training: training(n_epochs),
        predictor_seconds: 3.2,
    };
    let way = |kind, seconds| Way {
        kind,
        n_epochs: 15,
        seconds,
        score: score(0.75),
        difference: Some(difference(-0.01)),
        drift: Some(drift),
    };
    let node = |weights: &str, parent: Option<&str>| Node {
        name: text(),
        weights: weights.to_owned(),
        parent_weights: parent.map(str::to_owned),
        mode: parent.map(|_| Mode::Frozen),
        columns_added: vec![text(), text()],
        n_columns: 2,
        d_model: 8,
    };
    let feature = |is_suggested, is_recommended| FoundFeature {
        name: text(),
        formula: text(),
        reason: text(),
        is_suggested,
        is_recommended,
        // One of them was left unjudged.
        judgement: is_suggested.then_some(history::FeatureJudgement {
            effect: 0.002,
            interval: [-0.001, 0.005],
            p_value: 0.3,
            p_adjusted: 0.4,
            verdict: if is_recommended {
                history::FeatureVerdict::Proven
            } else {
                history::FeatureVerdict::Unproven
            },
        }),
    };
    let values: Vec<f32> = (0..60).map(|i| (i * 37 % 11) as f32).collect();
    let search = || FeatureSearch {
        date: text(),
        target: text(),
        n_candidates: 90,
        n_judging_rows: 300,
        metric: text(),
        seconds: Some(4.0),
        features: vec![feature(true, false), feature(true, true), feature(false, false)],
    };
    Story {
        title: text(),
        story: vec![text(), text()],
        facts: vec![Fact { label: text(), value: text() }],
        versions: vec![version(false), version(true)],
        extensions: vec![Extension {
            version: text(),
            parent: text(),
            new_columns: vec![text()],
            ways: vec![
                way(WayKind::Frozen, 0.5),
                way(WayKind::FullRetraining, 6.0),
                way(WayKind::FromScratch, 0.0),
            ],
        }],
        lineage: vec![node("aa", None), node("bb", Some("aa")), node("cc", Some("gone"))],
        pictures: vec![
            Picture::of(&text(), (&values, 3), &text(), vec![text(), text()], &[0, 1].repeat(10))
                .expect("a picture"),
        ],
        discovery: Some(search()),
        planted: Some(Planted {
            table: text(),
            n_rows: 500,
            made: vec![text(), text()],
            effects: vec![
                PlantedEffect { what: text(), inputs: vec![text(), text()], found: vec![text()] },
                PlantedEffect { what: text(), inputs: vec![text()], found: Vec::new() },
            ],
            others: vec![text()],
            search: FeatureSearch { features: vec![feature(true, true)], ..search() },
        }),
        checks: vec![
            Check { promise: text(), found: text(), holds: true },
            Check { promise: text(), found: text(), holds: false },
        ],
        credits: vec![Credit { name: text(), source: text(), licence: text() }],
    }
}

#[test]
fn hostile_text_stays_text() {
    let long = "<b>\u{e9}\"'&".repeat(60);
    for text in [
        "<script>alert(1)</script>",
        "</title></style></svg><img src=x onerror=alert(1)>",
        "\" onload=\"alert(1)\" x=\"",
        "' onload='alert(1)",
        "{{ report }} {% raw %}",
        "a\u{0}b\u{1f}\nc",
        "\u{202e}\u{1f642} \u{4f60}\u{597d}",
        long.as_str(),
        "",
    ] {
        let html = report(text, 6).html();
        assert_eq!(check_well_formed(&html), Ok(()), "{text:?}");
        for bad in ["<script>alert", "<img", "<b>", "onload=\"", "onload='"] {
            assert!(!html.contains(bad), "{text:?} brought {bad}");
        }
        assert_eq!(html.matches("<script").count(), 1, "there is one script, ours");
    }
    assert!(check_well_formed("<p><b>x</p></b>").is_err(), "the check can fail");
    assert!(check_well_formed("<p class=x></p>").is_err(), "the check can fail");
}

#[test]
fn the_page_asks_for_nothing_and_is_the_same_every_time() {
    let report = report("name", 12);
    let html = report.html();
    for outside in ["http:", "https:", "src=\"", "url(", "@import"] {
        assert!(!html.contains(outside), "{outside}");
    }
    let links = html.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next());
    for link in links.filter(|link| *link != "data:,") {
        let place = link.strip_prefix('#').expect("a link within the page");
        assert!(html.contains(&format!(" id=\"{place}\"")), "nothing is called {place}");
    }
    assert!(!html.contains("NaN") && !html.contains("inf"), "a number is not one");
    assert_eq!(html, report.html());
    let json = serde_json::to_string(&report).unwrap();
    let again: Story = serde_json::from_str(&json).unwrap();
    assert_eq!(again, report);
    assert_eq!(again.html(), html);
}

#[test]
fn suggested_and_recommended_stand_apart() {
    let mut report = report("name", 3);
    let features = &mut report.discovery.as_mut().unwrap().features;
    features.truncate(1);
    features[0].name = "guessed".to_owned();
    let html = report.html();
    let (recommended, suggested) = html.split_once("Suggested: 1").expect("a count of suggested features");
    assert!(suggested.contains("guessed"));
    assert!(recommended.contains("Recommended: 0") && recommended.contains("No feature was proven"));
    assert!(!recommended.contains("guessed"));
}

#[test]
fn what_was_not_judged_has_no_figures() {
    let mut report = report("name", 3);
    let html = report.html();
    assert!(
        html.contains("2 of the best 3 were judged") && html.contains("<td class=\"short\">not judged</td>")
    );
    report.discovery.as_mut().unwrap().features.retain(|f| f.judgement.is_some());
    assert!(!report.html().contains("not judged"));
}

#[test]
fn what_a_graft_brought_cost_and_did_beside_retraining_comes_first() {
    let mut story = report("name", 3);
    story.extensions[0].version = "v2".to_owned();
    story.versions[1].name = "v2".to_owned();
    let html = story.html();
    let (first, _) = html.split_once("</div>").expect("a headline");
    assert!(
        first.contains("class=\"headline same\"") && first.contains("v2 has 1 more column (name)"),
        "{first}"
    );
    assert!(
        first.contains("+0.010 [\u{2212}0.010, +0.030] in ROC AUC") && first.contains("grafted in 0.50 s")
    );
    assert!(first.contains("Full retraining on the same columns takes 6.00 s, 12.0 times as long"));
    // Why an early epoch was kept is said in words.
    story.versions[0].training.best_epoch = 1;
    assert!(story.html().contains("The weights of epoch 1 of 3 were kept: no later epoch had a lower"));
}

#[test]
fn scores_are_in_the_table_with_their_intervals() {
    let html = report("name", 3).html();
    assert!(html.contains("0.700 <span class=\"ci\">[0.650, 0.750]</span>"), "{html}");
    assert!(html.contains("12.0\u{d7}"), "full retraining took twelve times as long");
    assert!(html.contains("\u{2212}0.010"), "a negative difference");
}

#[test]
fn empty_and_tiny_reports_have_a_page() {
    assert_eq!(check_well_formed(&Story::default().html()), Ok(()));
    for n_epochs in [0, 1, 2] {
        let mut report = report("name", n_epochs);
        for version in &mut report.versions {
            version.scores.truncate(n_epochs);
        }
        for epoch in report.versions.iter_mut().flat_map(|v| &mut v.training.epochs) {
            epoch.validation_loss = None;
        }
        report.extensions[0].ways.truncate(n_epochs);
        report.pictures =
            vec![Picture::of("one", (&[1.0, 2.0], 2), "y", vec!["a".to_owned()], &[0]).unwrap()];
        report.discovery = Some(FeatureSearch::default());
        let html = report.html();
        assert_eq!(check_well_formed(&html), Ok(()), "{n_epochs} epochs");
        assert!(!html.contains("NaN") && !html.contains("inf"), "{n_epochs} epochs");
    }
}

#[test]
fn numbers_that_are_none_draw_nothing() {
    let mut report = report("name", 4);
    report.versions[0].scores[0].value = f64::NAN;
    report.versions[1].scores[0].high = f64::INFINITY;
    report.versions[0].training.epochs[1].train_loss = f64::NEG_INFINITY;
    report.extensions[0].ways[1].seconds = f64::NAN;
    report.pictures[0].points[0].x = f64::NAN;
    report.pictures[0].points[1].y = f64::MAX;
    let html = report.html();
    assert_eq!(check_well_formed(&html), Ok(()));
    assert!(!html.contains("NaN") && !html.contains("inf"));
}

#[test]
fn a_picture_refuses_what_does_not_fit() {
    let groups = || vec!["a".to_owned()];
    assert!(Picture::of("p", (&[1.0, 2.0, 3.0], 2), "y", groups(), &[0]).unwrap_err().is_schema());
    assert!(Picture::of("p", (&[1.0, 2.0], 2), "y", groups(), &[0, 0]).unwrap_err().is_schema());
    assert!(Picture::of("p", (&[1.0, 2.0], 2), "y", groups(), &[1]).unwrap_err().is_schema());
    assert!(Picture::of("p", (&[1.0, f32::NAN], 2), "y", groups(), &[0]).unwrap_err().is_value());
    assert!(Projection::fit(&[], 0).unwrap_err().is_schema());
    assert_eq!(Projection::fit(&[], 3).unwrap().coordinates.len(), 0);
}

#[test]
fn the_plane_of_a_hand_made_case() {
    // Along (3, 4)/5 the values are -2, 2, 0, 0; along (-4, 3)/5 they are 0, 0, -1, 1; the third
    // coordinate is constant. Variances 8 : 2, so the shares are .8 and .2.
    let at = |a: f32, b: f32| [(3.0 * a - 4.0 * b) / 5.0 + 7.0, (4.0 * a + 3.0 * b) / 5.0, 5.0];
    let rows = [at(-2.0, 0.0), at(2.0, 0.0), at(0.0, -1.0), at(0.0, 1.0)].concat();
    let found = Projection::fit(&rows, 3).unwrap();
    assert!((found.explained[0] - 0.8).abs() < 1e-6 && (found.explained[1] - 0.2).abs() < 1e-6, "{found:?}");
    // The first axis points where its largest entry, 4/5, is positive; the second has -4/5 as its
    // largest entry and is turned round.
    let expected = [[-2.0, 0.0], [2.0, 0.0], [0.0, 1.0], [0.0, -1.0]];
    for (found, expected) in found.coordinates.iter().zip(expected) {
        assert!((0..2).all(|i| (found[i] - expected[i]).abs() < 1e-6), "{found:?} {expected:?}");
    }
    let line = Projection::fit(&[1.0, 2.0, 4.0], 1).unwrap();
    assert_eq!(line.explained, [1.0, 0.0]);
    let still = Projection::fit(&[0.5, 2.0, 0.5, 2.0], 2).unwrap();
    assert_eq!((still.explained, still.coordinates), ([0.0; 2], vec![[0.0; 2]; 2]));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// A hidden axis that dominates is found, and its share is that of a direct computation.
    #[test]
    fn a_dominant_axis_is_found(
        axis in prop::collection::vec(-1.0f32..1.0, 12).prop_filter("an axis", |a| a.iter().any(|v| v.abs() > 0.5)),
        along in prop::collection::vec(-20.0f32..20.0, 40).prop_filter("spread", |a| a[0] + 8.0 < a[1]),
        noise in prop::collection::vec(-0.1f32..0.1, 480),
    ) {
        let rows: Vec<f32> = noise.iter().enumerate().map(|(i, n)| n + axis[i % 12] * along[i / 12]).collect();
        let found = Projection::fit(&rows, 12).unwrap();
        let xs: Vec<f64> = found.coordinates.iter().map(|c| c[0]).collect();
        let truth: Vec<f64> = along.iter().map(|v| f64::from(*v)).collect();
        prop_assert!(correlation(&xs, &truth).abs() > 0.99);
        prop_assert!(found.explained[0] > 0.9 && found.explained[1] <= found.explained[0]);
        let total: f64 = (0..12).map(|j| variance(&rows.iter().skip(j).step_by(12).map(|v| f64::from(*v)).collect::<Vec<_>>())).sum();
        prop_assert!((variance(&xs) / total - found.explained[0]).abs() < 1e-9);
        let ys: Vec<f64> = found.coordinates.iter().map(|c| c[1]).collect();
        prop_assert!(correlation(&xs, &ys).abs() < 1e-5, "principal components are uncorrelated");
    }

    /// Rows in another order are the same points in that order.
    #[test]
    fn row_order_does_not_matter(
        rows in prop::collection::vec([-3.0f32..3.0, -2.0f32..2.0, -0.2f32..0.2, -0.2f32..0.2], 30)
            .prop_map(|rows| rows.into_iter().enumerate().map(|(i, mut r)| {
                // Two axes of clearly different spread, so that they have an order.
                r[0] += if i % 2 == 0 { 9.0 } else { -9.0 };
                r[1] += if i % 4 < 2 { 4.0 } else { -4.0 };
                r
            }).collect::<Vec<_>>()),
        shift in 1usize..29,
    ) {
        let turned: Vec<[f32; 4]> = rows.iter().cycle().skip(shift).take(30).copied().collect();
        let a = Projection::fit(&rows.concat(), 4).unwrap();
        let b = Projection::fit(&turned.concat(), 4).unwrap();
        for i in 0..30 {
            for axis in 0..2 {
                let (x, y) = (a.coordinates[(i + shift) % 30][axis], b.coordinates[i][axis]);
                prop_assert!((x - y).abs() < 1e-6, "{} {}", x, y);
            }
        }
    }
}

fn variance(x: &[f64]) -> f64 {
    let mean = x.iter().sum::<f64>() / x.len() as f64;
    x.iter().map(|v| (v - mean).powi(2)).sum()
}

fn correlation(x: &[f64], y: &[f64]) -> f64 {
    let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len() as f64;
    let (mx, my) = (mean(x), mean(y));
    let covariance: f64 = x.iter().zip(y).map(|(a, b)| (a - mx) * (b - my)).sum();
    covariance / (variance(x) * variance(y)).sqrt().max(f64::MIN_POSITIVE)
}
