//! Columns come late: they are grafted onto a space that was trained without them, and are judged.
//!
//! ```text
//! cargo run --release -p tabgraft --example grow
//! ```

#![allow(clippy::print_stdout)]

use std::ops::ControlFlow;
use std::path::Path;

use tabgraft::metric::Verdict;
use tabgraft::read::{ReadOptions, read_table};
use tabgraft::train::Event;
use tabgraft::{CompareOptions, EmbeddingSpace, ExtendOptions, FitOptions, Result};

const TABLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/german_credit.csv");
const TARGET: &str = "default";
const LATE: [&str; 3] = ["checking_status", "savings_status", "credit_history"];

fn main() -> Result<()> {
    let mut hear = |event: &Event| {
        if let Event::Warning { text } = event {
            println!("warning: {text}");
        }
        ControlFlow::Continue(())
    };
    let table = read_table(Path::new(TABLE), &ReadOptions::default())?;
    let before = table.without(&LATE.map(String::from))?;

    let mut options = FitOptions { name: "v1".into(), ..FitOptions::default() };
    options.infer.ignore = vec![TARGET.into()];
    let v1 = EmbeddingSpace::fit(&before, None, &options, &mut hear)?;
    let v2 = v1.extend(&table, None, &ExtendOptions::default(), &mut hear)?;

    let (old, new) = (v1.embed(&before)?, v2.embed(&table)?);
    let is_kept = (0..old.n_rows).all(|row| old.row(row) == &new.row(row)[..v1.d_model()]);
    println!("{} of {} coordinates are those of v1: {is_kept}", v1.d_model(), v2.d_model());
    assert!(is_kept, "a frozen graft keeps every bit");

    let compared = v1.compare(&v2, &table, TARGET, &CompareOptions::default(), &mut hear)?;
    let found = compared.difference;
    println!(
        "{} {:.3} -> {:.3} on {} test rows: {:+.3} [{:+.3}, {:+.3}]",
        found.metric.name(),
        found.a,
        found.b,
        found.n,
        found.difference,
        found.low,
        found.high
    );
    println!(
        "{}",
        match found.verdict {
            Verdict::Better => "the new columns earn their keep",
            Verdict::NoDifference => "so few rows cannot tell whether the new columns help",
            Verdict::Worse => "the new columns hurt",
        }
    );
    Ok(())
}
