//! Formulas, and files of features.

use std::hint::black_box;
use std::sync::LazyLock;

use tabgraft_feature::sql::Dialect;
use tabgraft_feature::{Feature, FeatureEngineer, FeatureSummary, Formula, TransformOptions};
use tabgraft_table::Table;

use crate::{Target, table, with_file};

pub const FORMULA: Target = Target {
    name: "formula",
    run: formula,
    words: &[
        b" AND ",
        b" OR ",
        b" NOT ",
        b" IN (",
        b" BETWEEN ",
        b" LIKE '%",
        b" IS NULL",
        b"CASE WHEN ",
        b" THEN ",
        b" ELSE ",
        b" END",
        b"CAST(",
        b" AS TIMESTAMP)",
        b" AS DOUBLE)",
        b" AS VARCHAR)",
        b"concat(",
        b"upper(",
        b"length(",
        b"substr(",
        b"day(",
        b"year(",
        b"coalesce(",
        b"nullif(",
        b"round(",
        b"power(",
        b"exp(",
        b"ln(",
        b"greatest(",
        b"date_diff('day', ",
        b"(",
        b")",
        b",",
        b" || ",
        b" / ",
        b" % ",
        b"''",
        b"\"size\"",
        b"color",
        b"day",
        b"note",
        b"is_new",
        b"count",
        b"1e308",
        b"9223372036854775807",
        b"0.1",
        b"-",
        b"'2024-02-29'",
        b"--",
        b"/*",
        b"\xff",
        "é".as_bytes(),
    ],
    reads_mutations: true,
    n_mutations: 40_000,
};

pub const FEATURES: Target = Target {
    name: "features",
    run: features,
    words: &[
        b"\"format_version\":",
        b"\"features\":[",
        b"\"name\":",
        b"\"definition\":",
        b"\"kind\":",
        b"\"formula\"",
        b"\"bins\"",
        b"\"group\"",
        b"\"state\":",
        b"\"reason\":",
        b"\"column\":",
        b"\"by\":[",
        b"\"statistic\":",
        b"\"mean\"",
        b"null",
        b"{",
        b"}",
        b"[",
        b"]",
        b",",
        b"\\u0000",
        b"1e999",
        b"-1",
        b"18446744073709551615",
    ],
    reads_mutations: true,
    n_mutations: 15_000,
};

static TABLE: LazyLock<Table> = LazyLock::new(table);

fn formula(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let Ok(parsed) = Formula::parse(text) else { return false };
    black_box(parsed.inputs());
    let evaluated = parsed.evaluate(&TABLE);
    if let Ok(column) = &evaluated {
        assert_eq!(column.len(), TABLE.n_rows(), "a cell for each row");
    }
    if let Ok(engineer) = FeatureEngineer::new(vec![Feature::formula("made", text, "")]) {
        for dialect in [Dialect::Duckdb, Dialect::Postgres, Dialect::Snowflake, Dialect::Bigquery] {
            black_box(engineer.sql("t", dialect, Some(&TABLE)).is_ok());
        }
    }
    evaluated.is_ok()
}

fn features(bytes: &[u8]) -> bool {
    let Ok(mut engineer) = with_file("features.json", bytes, FeatureEngineer::from_json) else {
        return false;
    };
    if let Ok(made) = engineer.transform_with(&TABLE, TransformOptions::default()) {
        black_box(FeatureSummary::of(engineer.features(), &made).is_ok());
    }
    for dialect in [Dialect::Duckdb, Dialect::Postgres, Dialect::Snowflake, Dialect::Bigquery] {
        black_box(engineer.sql("t", dialect, Some(&TABLE)).is_ok());
    }
    black_box(engineer.fit_rest(&TABLE).is_ok() && engineer.transform(&TABLE).is_ok());
    // What can be kept can be read.
    with_file("again.json", b"", |path| {
        if engineer.save(path).is_ok() {
            FeatureEngineer::from_json(path).unwrap();
        }
    });
    true
}
