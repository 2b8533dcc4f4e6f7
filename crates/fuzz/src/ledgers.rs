//! Histories of searches, what features were worth, and registries.

use std::hint::black_box;

use tabgraft_model::Registry;
use tabgraft_model::discover::remember::{Effectiveness, FeatureFile, Standing, SuggestionHistory};

use crate::{Target, table, with_file};

pub const HISTORY: Target =
    Target { name: "history", run: history, words: JSON, reads_mutations: true, n_mutations: 6000 };
pub const EFFECTIVENESS: Target = Target {
    name: "effectiveness",
    run: effectiveness,
    words: JSON,
    reads_mutations: true,
    n_mutations: 10_000,
};
pub const REGISTRY: Target =
    Target { name: "registry", run: registry, words: JSON, reads_mutations: true, n_mutations: 10_000 };

const JSON: &[&[u8]] = &[
    b"null",
    b"true",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"\"\"",
    b"\\u0000",
    b"\\ud800",
    b"1e999",
    b"-1",
    b"0.5",
    b"18446744073709551615",
    b"\"format_version\": 1",
    b"\"runs\": [",
    b"\"proven\"",
    b"\"harmful\"",
    b"\"roc_auc\"",
    b"\"rmse\"",
    b"\"promote\"",
    b"\"rollback\"",
    b"\"add\"",
    b"\"current\": null",
    b"\"../x\"",
];

fn history(bytes: &[u8]) -> bool {
    with_file("history.json", bytes, |path| {
        black_box(FeatureFile::load(path).is_ok_and(|file| {
            let columns = table().column_names();
            file.choose(&columns, Some("outcome"), false).is_ok() | file.choose_for_any(None, true).is_ok()
        }));
        let Ok(history) = SuggestionHistory::load(path) else { return false };
        with_file("caught_up.json", b"", |path| {
            let _ = std::fs::remove_file(path);
            black_box(Effectiveness::catch_up(path, &history).is_ok());
        });
        true
    })
}

fn effectiveness(bytes: &[u8]) -> bool {
    with_file("effectiveness.json", bytes, |path| {
        let Ok(found) = Effectiveness::load_history(path) else { return false };
        let standings = found.standings();
        black_box(Standing::table(&standings));
        black_box(standings.iter().map(Standing::course).count());
        for metric in ["roc_auc", "rmse", "nonsense"] {
            black_box(found.get_recommended_features(metric, 1.0).is_ok());
        }
        black_box(found.for_target("outcome"));
        true
    })
}

fn registry(bytes: &[u8]) -> bool {
    with_file("registry.json", bytes, |path| {
        let Some(folder) = path.parent() else { return false };
        let Ok(registry) = Registry::open(folder) else { return false };
        let Ok(versions) = registry.versions() else { return false };
        black_box((registry.history().is_ok(), registry.current().is_ok()));
        for version in versions.iter().take(4) {
            let place = registry.path(version);
            assert!(place.starts_with(folder), "{} is outside of the registry", place.display());
            black_box((registry.find(&version.name).is_ok(), registry.load(version).is_ok()));
            black_box(registry.promote(version.id.as_str(), "").is_ok());
        }
        black_box(registry.rollback("").is_ok());
        true
    })
}
