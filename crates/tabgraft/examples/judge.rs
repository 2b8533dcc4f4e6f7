//! Features of your own, judged on other rows than those that they were thought up on.
//!
//! ```text
//! cargo run --release -p tabgraft --example judge
//! ```

#![allow(clippy::print_stdout)]

use std::path::Path;

use tabgraft::read::{ReadOptions, read_table};
use tabgraft::train::quiet;
use tabgraft::{DiscoverOptions, EmbeddingSpace, Feature, FitOptions, Result, TrainingOptions, judge};

const TABLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/german_credit.csv");
const TARGET: &str = "default";

fn main() -> Result<()> {
    let table = read_table(Path::new(TABLE), &ReadOptions::default())?;
    let mut options = FitOptions::default();
    options.infer.ignore = vec![TARGET.into()];
    options.config.training = TrainingOptions::of_epochs(5);
    let space = EmbeddingSpace::fit(&table, None, &options, &mut quiet)?;

    let features = [
        Feature::formula("monthly", "credit_amount / duration", "what is due each month"),
        Feature::formula("first_digit", "substr(credit_amount, 1, 1)", "cannot tell anything"),
    ];
    let judged = judge(&space, &table, TARGET, &features, &DiscoverOptions::default(), &mut quiet)?;
    for suggestion in &judged.run.suggestions {
        let Some(found) = &suggestion.judgement else { continue };
        println!(
            "{}: {} changes by {:+.4} [{:+.4}, {:+.4}], {}",
            suggestion.name,
            judged.run.metric,
            found.effect,
            found.interval[0],
            found.interval[1],
            if suggestion.recommended { "recommended" } else { "not proven" }
        );
    }
    assert_eq!(judged.run.suggestions.len(), features.len(), "each of them is judged");
    Ok(())
}
