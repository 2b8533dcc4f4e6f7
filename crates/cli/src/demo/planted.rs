//! A table that is made up, so that what there is to find in it is known: invoices, some of which are disputed.
//!
//! Whether one is depends on the price of a unit, which is no column: there are the amount and the number of units, both
//! of which vary far more than the price does.

use std::f64::consts::TAU;
use std::io::Write;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array, StringArray};
use tabgraft_model::discover::remember::history::Suggestion;
use tabgraft_model::error::{Error, Result};
use tabgraft_model::report::{FeatureSearch, Planted, PlantedEffect};
use tabgraft_model::{DiscoverOptions, EmbeddingSpace, PredictorOptions, discover};
use tabgraft_table::read::write_csv;
use tabgraft_table::stats::hash::mix;
use tabgraft_table::{Table, write_whole};

use super::stage::Stage;
use super::text::seconds_text;

/// The table's file in the folder of the demo.
const FILE: &str = "made_up_invoices.csv";
const NAME: &str = "invoices";
const TARGET: &str = "disputed";
const N_ROWS: usize = 1500;
/// Features that are judged: as many as a demo has time for.
const N_JUDGED: usize = 10;
/// Longest search for features, seconds: far above what it takes.
const SEARCH_S: f64 = 300.0;

/// The usual price of a unit, and how far prices spread around it.
const PRICE: f64 = 10.0;
const SPREAD: f64 = 0.5;
/// Log-odds of a dispute for each spread that the price lies above the usual one, and those of the usual one.
const BY_PRICE: f64 = 2.0;
const USUAL: f64 = -1.0;
const CHANNELS: [&str; 4] = ["web", "phone", "letter", "shop"];
const REGIONS: [&str; 5] = ["north", "south", "east", "west", "abroad"];

/// What was planted, and the columns that it is made of.
const PLANTED: &str = "the price of a unit";
const INPUTS: [&str; 2] = ["amount", "units"];

/// Makes the table, searches features in it, and says what was found of what was planted.
pub fn search(stage: &mut Stage<'_>) -> Result<Planted> {
    let table = table(stage.seed)?;
    let path = stage.out.join(FILE);
    write_whole(&path, |mut file| {
        write_csv(&table, &mut file)?;
        file.flush().map_err(|e| Error::io(&path, "write", e))
    })?;
    stage.wrote(path, "the made-up table in which something was planted");
    let options = stage.fit_options(NAME, TARGET);
    let space = stage.step(NAME, |sink| EmbeddingSpace::fit(&table, None, &options, sink))?;
    let options = DiscoverOptions {
        budget_s: SEARCH_S,
        n_judged: N_JUDGED,
        seed: stage.seed,
        predictor: PredictorOptions {
            name: format!("{TARGET} on {NAME}"),
            seed: stage.seed,
            ..PredictorOptions::default()
        },
        ..DiscoverOptions::default()
    };
    let found = stage.step("planted search", |sink| discover(&space, &table, TARGET, &options, sink))?;
    let recommended: Vec<&Suggestion> = found.run.suggestions.iter().filter(|s| s.recommended).collect();
    let (found_of_it, others): (Vec<&Suggestion>, Vec<&Suggestion>) =
        recommended.into_iter().partition(|suggestion| is_of_inputs(suggestion));
    let names = |suggestions: &[&Suggestion]| suggestions.iter().map(|s| s.name.clone()).collect();
    let effect = PlantedEffect {
        what: PLANTED.to_owned(),
        inputs: INPUTS.map(str::to_owned).to_vec(),
        found: names(&found_of_it),
    };
    let planted = Planted {
        table: NAME.to_owned(),
        n_rows: table.n_rows(),
        made: made(),
        effects: vec![effect],
        others: names(&others),
        search: FeatureSearch::of(&found.run, Some(found.seconds)),
    };
    stage.say(&format!(
        "  {} candidates in {}; recommended, that is proven on other rows:",
        planted.search.n_candidates,
        seconds_text(found.seconds)
    ));
    for effect in &planted.effects {
        let names = if effect.found.is_empty() { "nothing".to_owned() } else { effect.found.join(", ") };
        stage.say(&format!("  of {} ({}): {names}", effect.what, effect.inputs.join(", ")));
    }
    stage.say(&format!("  of other columns: {}", planted.others.len()));
    Ok(planted)
}

/// Whether a feature is made of the planted columns, both of them and no other.
fn is_of_inputs(suggestion: &Suggestion) -> bool {
    let reads = |name: &&str| suggestion.inputs.iter().any(|input| input == name);
    suggestion.inputs.len() == INPUTS.len() && INPUTS.iter().all(reads)
}

/// How the table was made, in words.
fn made() -> Vec<String> {
    vec![
        format!(
            "This table is made up: {N_ROWS} invoices with their units, amount, channel, region, weight and years of the \
             customer, drawn at random. Whether one is disputed was drawn, too: the log-odds rise by {BY_PRICE} for each {SPREAD} \
             that the price of a unit lies above {PRICE}. Channel, region, weight and years have no part in it."
        ),
        "The price is no column. Units and amounts vary over a thousandfold, prices by a twentieth, so that neither column \
         tells what the two tell together."
            .to_owned(),
    ]
}

/// The table. Rows depend on the seed alone.
fn table(seed: u64) -> Result<Table> {
    let mut columns = Columns::default();
    for row in 0..N_ROWS as u64 {
        columns.add(&mut Draws { state: mix(mix(seed) ^ row) });
    }
    Table::from_columns(columns.named())
}

#[derive(Default)]
struct Columns {
    units: Vec<i64>,
    amount: Vec<f64>,
    channel: Vec<&'static str>,
    region: Vec<&'static str>,
    weight: Vec<f64>,
    years: Vec<i64>,
    disputed: Vec<&'static str>,
}

impl Columns {
    fn add(&mut self, draws: &mut Draws) {
        let units = (4.0 + 1.8 * draws.normal()).exp().ceil();
        let price = (PRICE + SPREAD * draws.normal()).clamp(8.0, 12.0);
        let log_odds = USUAL + BY_PRICE * (price - PRICE) / SPREAD;
        let is_disputed = draws.uniform() < 1.0 / (1.0 + (-log_odds).exp());
        self.units.push(units as i64);
        self.amount.push((100.0 * units * price).round() / 100.0);
        self.channel.push(draws.one_of(&CHANNELS));
        self.region.push(draws.one_of(&REGIONS));
        self.weight.push((10.0 * units * (0.5 * draws.normal()).exp()).round() / 10.0);
        self.years.push((12.0 * draws.uniform()) as i64);
        self.disputed.push(if is_disputed { "yes" } else { "no" });
    }

    fn named(self) -> [(&'static str, ArrayRef); 7] {
        [
            ("units", Arc::new(Int64Array::from(self.units))),
            ("amount", Arc::new(Float64Array::from(self.amount))),
            ("channel", Arc::new(StringArray::from(self.channel))),
            ("region", Arc::new(StringArray::from(self.region))),
            ("weight", Arc::new(Float64Array::from(self.weight))),
            ("customer_years", Arc::new(Int64Array::from(self.years))),
            (TARGET, Arc::new(StringArray::from(self.disputed))),
        ]
    }
}

/// Numbers of one row (SplitMix64).
struct Draws {
    state: u64,
}

impl Draws {
    /// From 0 on, below 1.
    fn uniform(&mut self) -> f64 {
        self.state = self.state.wrapping_add(1);
        (mix(self.state) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Box & Muller (1958).
    fn normal(&mut self) -> f64 {
        let (a, b) = (self.uniform(), self.uniform());
        (-2.0 * (1.0 - a).ln()).sqrt() * (TAU * b).cos()
    }

    fn one_of(&mut self, words: &[&'static str]) -> &'static str {
        let place = (words.len() as f64 * self.uniform()) as usize;
        words.get(place).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::AsArray;
    use arrow::datatypes::{Float64Type, Int64Type};

    use super::*;

    /// What the text says of the table is what was drawn.
    #[test]
    fn the_table_is_as_it_is_told() {
        let table = table(0).unwrap();
        assert_eq!(table.n_rows(), N_ROWS);
        let units = table.column("units").unwrap().as_primitive::<Int64Type>().values();
        let amount = table.column("amount").unwrap().as_primitive::<Float64Type>().values();
        let disputed = table.column(TARGET).unwrap().as_string::<i32>();
        let share = |is_in: &dyn Fn(usize) -> bool| {
            let rows: Vec<usize> = (0..N_ROWS).filter(|row| is_in(*row)).collect();
            assert!(rows.len() > 100);
            rows.iter().filter(|row| disputed.value(**row) == "yes").count() as f64 / rows.len() as f64
        };
        let price = |row: usize| amount[row] / units[row] as f64;
        assert!((0..N_ROWS).all(|row| (7.9..12.1).contains(&price(row))));
        assert!(share(&|row| price(row) > 10.4) > 0.2 + share(&|row| price(row) < 9.6));
        // Not by its size alone.
        let by_amount = share(&|row| amount[row] > 1000.0) - share(&|row| amount[row] < 300.0);
        assert!(by_amount.abs() < 0.15, "{by_amount}");
        assert!(units.iter().max() > Some(&(1000 * units.iter().min().unwrap())));
    }
}
