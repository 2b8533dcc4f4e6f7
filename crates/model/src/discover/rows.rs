//! Which rows choose and which judge.

use arrow::array::Array;
use tabgraft_table::Table;
use tabgraft_table::cell::texts;
use tabgraft_table::split::Part;

use super::DiscoverOptions;
use super::judge::court::{N_FOLDS, N_REPEATS};
use super::remember::history::Guide;
use crate::error::{Error, Result};
use crate::objective::{splitmix, unit};
use crate::predictor::Target;
use crate::space::EmbeddingSpace;
use crate::train::Sink;

/// Share of the rows that choose; the others judge.
const DISCOVERY_SHARE: f32 = 0.6;
/// Most rows of either; more cost time and change little.
const MOST_ROWS: usize = 20_000;
/// Products of two cells that the fits of linear models may take for each second of the budget. So many rows
/// are used as that leaves: counted and not measured, so that the rows do not depend on the machine.
const PRODUCTS_PER_SECOND: f64 = 2.5e8;
/// Newton steps of a fit, about.
const N_STEPS: f64 = 12.0;
/// Fewest rows that are left when rows are left out for lack of time.
const LEAST_LEFT: usize = 1000;
/// Judging rows from which on they are dealt once.
const MANY_ROWS: usize = 5000;
/// Fewest rows that discovery is tried on.
const LEAST_ROWS: usize = 60;

/// The rows of a table that are not for testing, in two parts.
pub(super) struct Dealt {
    pub discovery: Table,
    pub judging: Table,
    /// The space's columns that the table has.
    pub names: Vec<String>,
    /// Hash of all of the table's rows.
    pub data_hash: String,
    /// How often the judging rows are dealt into parts anew.
    pub n_repeats: usize,
}

impl Dealt {
    /// Deals the rows that have a target by a hash of their cells; equal rows, and those that the split keeps together, go to
    /// one side. Of more rows than a side takes, a sample by the same hash: neither depends on the
    /// table's order. Only the space's columns, the target, what the split reads and `others` are kept:
    /// a candidate may have the name of another column.
    ///
    /// # Errors
    /// A schema error if a column is absent; a value error for fewer than 60 rows.
    pub fn new(
        space: &EmbeddingSpace,
        table: &Table,
        target: &str,
        others: &[String],
        seed: u64,
        sink: &mut Sink<'_>,
    ) -> Result<Self> {
        let names: Vec<String> =
            space.columns().iter().map(|c| c.name.clone()).filter(|c| table.has_column(c)).collect();
        let is_wanted = |name: &String| {
            name == target || [&names[..], others, space.split().columns()].iter().any(|l| l.contains(name))
        };
        let wanted: Vec<String> = table.column_names().into_iter().filter(is_wanted).collect();
        // Before columns go: rows may be known by any of them.
        let parts = space.told_parts(table, sink)?;
        let table = table.select(&wanted)?;
        let keys = space.split().row_hashes(&table, &names)?;
        let units = space.split().units(&table, &keys)?;
        let whole = space.split().row_hashes(&table, &wanted)?;
        // A sample by the rows' cells, in an order of its own: the table's may be by class or by time.
        let targets = texts(target, table.column(target)?)?;
        let is_wanted = |r: &usize| parts[*r] != Part::Test && targets.is_valid(*r);
        let mut order: Vec<usize> = (0..table.n_rows()).filter(is_wanted).collect();
        order.sort_by_cached_key(|r| (splitmix(keys[*r] ^ splitmix(!seed)), keys[*r], whole[*r]));
        let (mut discovery, mut judging) = (Vec::new(), Vec::new());
        for r in order {
            let chooses = unit(splitmix(units[r] ^ splitmix(seed))) < DISCOVERY_SHARE;
            let part = if chooses { &mut discovery } else { &mut judging };
            if part.len() < MOST_ROWS {
                part.push(r as u32);
            }
        }
        if discovery.len() + judging.len() < LEAST_ROWS || judging.len() < LEAST_ROWS / 3 {
            return Err(Error::value(format!(
                "{} discovery and {} judging rows, at least {LEAST_ROWS} in all are needed to search features",
                discovery.len(),
                judging.len()
            )));
        }
        let mut data = blake3::Hasher::new();
        keys.iter().for_each(|k| {
            data.update(&k.to_le_bytes());
        });
        Ok(Dealt {
            discovery: table.take(&discovery)?,
            judging: table.take(&judging)?,
            names,
            data_hash: data.finalize().to_hex().to_string(),
            // Of many rows one deal tells as much, in a fourth of the time.
            n_repeats: if judging.len() < MANY_ROWS { N_REPEATS } else { 1 },
        })
    }

    /// Leaves out rows where the linear models of a wide table would take more than their share of the
    /// budget; where they judge, the rows are dealt once first. Says so.
    ///
    /// # Errors
    /// As [`Target::fit`].
    pub fn thin(&mut self, target: &str, options: &DiscoverOptions) -> Result<Option<String>> {
        let n_outputs = match Target::fit(&self.discovery, target, options.predictor.target_kind)?.n_outputs()
        {
            2 => 1,
            n => n,
        };
        let n_cells = (self.names.len() + 1) as f64;
        let per_row = n_cells * n_cells / 2.0 * N_STEPS * n_outputs as f64 * N_FOLDS as f64;
        let n_rows = self.discovery.n_rows() + self.judging.n_rows();
        // What a linear guide leaves of the discovery rows is asked for in any case.
        let takes = |n_repeats: usize| match options.guide {
            Guide::Linear => per_row * (self.discovery.n_rows() + n_repeats * n_rows) as f64,
            Guide::Predictor => per_row * self.discovery.n_rows() as f64,
        };
        let most = PRODUCTS_PER_SECOND * options.budget_s;
        if takes(self.n_repeats) <= most {
            return Ok(None);
        }
        if options.guide == Guide::Linear {
            self.n_repeats = 1;
        }
        let share = (most / takes(self.n_repeats)).max(LEAST_LEFT as f64 / n_rows as f64);
        if share >= 1.0 {
            return Ok(None);
        }
        // They stand in an order that chance chose.
        let first = |table: &Table| table.slice(0, (table.n_rows() as f64 * share).ceil() as usize);
        (self.discovery, self.judging) = (first(&self.discovery), first(&self.judging));
        Ok(Some(format!(
            "{} of {n_rows} rows are used: {} columns and a budget of {} s leave time for no more",
            self.discovery.n_rows() + self.judging.n_rows(),
            self.names.len(),
            options.budget_s
        )))
    }
}
