//! Two teams graft their columns onto one space, each without the other: the merge has both, and every bit of each.
//!
//! ```text
//! cargo run --release -p tabgraft --example merge
//! ```

#![allow(clippy::print_stdout)]

use std::path::Path;

use tabgraft::read::{ReadOptions, read_table};
use tabgraft::train::quiet;
use tabgraft::{
    EmbeddingSpace, ExtendOptions, FitOptions, MergeOptions, PruneOptions, Result, Table, TrainingOptions,
};

const TABLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/german_credit.csv");

fn main() -> Result<()> {
    let table = read_table(Path::new(TABLE), &ReadOptions::default())?;
    let without = |names: &[&str]| table.without(&names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>());

    let mut options = FitOptions { name: "root".into(), ..FitOptions::default() };
    options.infer.ignore = vec!["default".into()];
    options.config.training = TrainingOptions::of_epochs(5);
    let root = EmbeddingSpace::fit(&without(&["checking_status", "purpose"])?, None, &options, &mut quiet)?;

    let graft = |name: &str, table: &Table| {
        let options = ExtendOptions { name: Some(name.into()), ..ExtendOptions::default() };
        root.extend(table, None, &options, &mut quiet)
    };
    let accounts = graft("accounts", &without(&["purpose"])?)?;
    let purposes = graft("purposes", &without(&["checking_status"])?)?;

    let both = EmbeddingSpace::merge(&[&accounts, &purposes], None, &MergeOptions::default(), &mut quiet)?;
    println!(
        "`{}` has {} columns and {} coordinates, by {} steps from `{}`",
        both.name(),
        both.columns().len(),
        both.d_model(),
        both.extensions().len(),
        root.name()
    );

    // Cut off again, the other team's columns leave no trace.
    let back = both.prune(&["purpose".into()], None, &PruneOptions::default(), &mut quiet)?;
    let (alone, cut) = (accounts.embed(&table)?, back.embed(&table)?);
    assert_eq!(alone.values, cut.values, "a graft that is cut off leaves no trace");
    println!("without `purpose` it is `accounts` again, bit for bit");
    Ok(())
}
