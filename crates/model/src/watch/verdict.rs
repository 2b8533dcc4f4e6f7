//! Four tests of each column, corrected together.

use tabgraft_table::schema::ColumnSpec;

use super::tests_of_columns::{Counted, Sample, jensen_shannon, psi};
use super::{Change, Shift, Tested, WatchOptions, Watched, WatchedColumn, What};
use crate::numbers::holm;
use crate::space::{ColumnReport, Profile};

/// Fewest rows, of those that stand for themselves, whose surprises have a mean to speak of.
const FEWEST_ROWS: f64 = 20.0;

/// Later rows, as far as they are tested.
pub(super) struct Now {
    pub n_rows: usize,
    /// The share of them that stands for itself.
    pub evidence: f64,
    /// The cells of each column.
    pub counted: Vec<Counted>,
    pub n_rows_hidden: usize,
    /// How surprising the cells of each column are; none where nothing says it.
    pub surprises: Vec<Option<Sample>>,
}

/// A test before its p-value is corrected.
struct Raw {
    column: usize,
    what: What,
    before: f64,
    now: f64,
    p_value: f64,
    /// Whether a certain change would be large enough.
    is_enough: bool,
}

/// What the tests say. Of the table's columns and cells that cannot be read nothing is said.
pub(super) fn verdict(specs: &[ColumnSpec], profile: &Profile, now: &Now, options: &WatchOptions) -> Watched {
    let mut raw = Vec::new();
    let mut columns = Vec::new();
    let evidence = (profile.evidence, now.evidence);
    for (c, (counted, spec)) in now.counted.iter().zip(specs).enumerate() {
        let before = Counted::of_profile(&profile.columns[c]);
        let shares = before.compared(counted);
        columns.push(WatchedColumn {
            column: spec.name.clone(),
            psi: shares.as_ref().map(|(p, q)| psi(p, q)),
            jensen_shannon: shares.as_ref().map(|(p, q)| jensen_shannon(p, q)),
            values: None,
            missing: None,
            unseen: None,
            surprise: None,
        });
        let mut test = |what, found: Option<(f64, f64, f64, f64)>| {
            raw.extend(found.map(|(before, now, p_value, effect)| Raw {
                column: c,
                what,
                before,
                now,
                p_value,
                is_enough: what == What::Surprise || effect >= options.min_psi,
            }));
        };
        test(What::Values, before.test_of_values(counted, evidence));
        test(What::Missing, before.test_of_missing(counted, evidence));
        test(What::Unseen, before.test_of_unseen(counted, evidence));
        let known = profile.surprises.as_ref().map(|s| Sample::of_profile(s, c, profile.evidence));
        let found = now.surprises[c].as_ref().map(|sample| sample.counting(now.evidence));
        let enough = |sample: &Sample| sample.n >= FEWEST_ROWS;
        if let (Some(known), Some(found)) = (known.filter(enough), found.filter(enough)) {
            test(What::Surprise, Some((known.mean, found.mean, found.p_of_rise(&known), 0.0)));
        }
    }
    let corrected = holm(&raw.iter().map(|test| test.p_value).collect::<Vec<_>>());
    let mut changes = Vec::new();
    for (test, p_value) in raw.iter().zip(corrected) {
        let changed = p_value <= options.alpha && test.is_enough;
        let tested = Tested { p_value, changed };
        let shift = Some(Shift { before: test.before, now: test.now, test: tested });
        let column = &mut columns[test.column];
        match test.what {
            What::Values => column.values = Some(tested),
            What::Missing => column.missing = shift,
            What::Unseen => column.unseen = shift,
            What::Surprise => column.surprise = shift,
        }
        if changed {
            changes.push(Change { column: column.column.clone(), what: test.what });
        }
    }
    Watched {
        changed: !changes.is_empty(),
        changes,
        alpha: options.alpha,
        min_psi: options.min_psi,
        n_rows: now.n_rows,
        n_effective: now.evidence * now.n_rows as f64,
        n_rows_hidden: now.n_rows_hidden,
        n_tests: raw.len(),
        columns,
        report: ColumnReport::default(),
        unreadable: Vec::new(),
        unseen: Vec::new(),
    }
}
