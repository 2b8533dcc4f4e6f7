//! `explain`: what each column gave to the predictions of a table.

use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, StringArray};
use clap::{Args, ValueEnum};
use serde::Serialize;
use tabgraft_feature::Differing;
use tabgraft_model::Predictor;
use tabgraft_model::predictor::{
    ColumnGroup, ExplainOptions, Explanation, Importance, Method, ReasonsOfRow, Scale,
};
use tabgraft_model::space::ColumnReport;
use tabgraft_table::Table;
use tabgraft_table::read::ReadOptions;
use tabgraft_table::unreadable::{Readable, UnreadableColumn};

use crate::answer::Answer;
use crate::arguments::{ErrorsArgs, ReadArgs};
use crate::console::Console;
use crate::failure::Failure;
use crate::notes::{column_notes, differing_notes, unreadable_notes};
use crate::output::{check_out, table_file, write_parts};
use crate::report::{Grid, Report, line};

/// Columns of a row that text shows; the others are summed up.
const MOST_SHOWN: usize = 8;

/// Say what each column gave to each prediction of a table.
///
/// Contributions are Shapley values: with the base, the prediction of a row of which nothing is seen, they sum to the
/// prediction. A column is hidden, not replaced: no other rows are needed. With few columns they are exact; with more,
/// orders of the columns are drawn, and standard errors say how far off a contribution may be. What a computed feature
/// gives belongs to the columns that it is made of, unless --features-apart.
///
/// Reads PREDICTOR and TABLE; writes each column's importance (its mean contribution without sign, with its 95 %
/// interval) and the reasons of the first rows to stdout, and the contributions of all rows to --out.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  tabgraft explain credit.tabgraft applications.csv -o reasons.parquet --key application_id
  tabgraft explain credit.tabgraft one.csv --group money=income --group money=debt")]
pub struct ExplainArgs {
    /// The predictor
    predictor: PathBuf,
    /// The table with the rows; `-` reads it from standard input
    table: PathBuf,
    /// Write the contributions here, a line for each row and class: Parquet if the name ends in `.parquet`, else CSV,
    /// compressed if it ends in `.gz`
    #[arg(long, short, value_name = "FILE")]
    out: Option<PathBuf>,
    /// A column of the table to put in front of the contributions; may be repeated
    #[arg(long, value_name = "COLUMN")]
    key: Vec<String>,
    /// In what contributions count [default: log-odds of classes, the number of numbers]
    #[arg(long, value_enum)]
    scale: Option<ScaleArg>,
    /// The class whose prediction is explained [default: the second of two, each of more]
    #[arg(long, value_name = "CLASS")]
    class: Option<String>,
    /// A group and a column of it: columns of one group have one contribution; may be repeated
    #[arg(long, value_name = "GROUP=COLUMN", value_parser = parse_group)]
    group: Vec<(String, String)>,
    /// Give computed features contributions of their own
    #[arg(long)]
    features_apart: bool,
    /// Most predictions for each row [default: 512, or as many as two pairs of orders need]
    #[arg(long, value_name = "N")]
    evaluations: Option<usize>,
    /// Seed of the orders that are drawn
    #[arg(long, value_name = "N", default_value_t = ExplainOptions::default().seed)]
    seed: u64,
    /// Rows whose reasons are shown, from the first
    #[arg(long, value_name = "N", default_value_t = 3)]
    show: usize,
    #[command(flatten)]
    errors: ErrorsArgs,
    #[command(flatten)]
    read: ReadArgs,
}

/// The words of [`Scale`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ScaleArg {
    /// Natural logarithm of a class's odds
    LogOdds,
    /// Probability of a class
    Probability,
    /// The number, in the target's unit
    Number,
}

/// What `explain` reports.
#[derive(Debug, Serialize)]
struct ExplainReport {
    predictor: String,
    target: String,
    n_rows: usize,
    n_clusters: usize,
    scale: Scale,
    outputs: Vec<String>,
    base: Vec<f64>,
    #[serde(flatten)]
    method: Method,
    n_evaluations: usize,
    groups: Vec<ColumnGroup>,
    /// The greatest first.
    importance: Vec<Importance>,
    rows: Vec<ReasonsOfRow>,
    columns: ColumnReport,
    unreadable: Vec<UnreadableColumn>,
    differing: Vec<Differing>,
}

impl ExplainArgs {
    fn options(&self) -> ExplainOptions {
        let mut groups: Vec<ColumnGroup> = Vec::new();
        for (name, column) in &self.group {
            match groups.iter_mut().find(|group| group.name == *name) {
                Some(group) => group.columns.push(column.clone()),
                None => groups.push(ColumnGroup { name: name.clone(), columns: vec![column.clone()] }),
            }
        }
        ExplainOptions {
            scale: self.scale.map(|scale| match scale {
                ScaleArg::LogOdds => Scale::LogOdds,
                ScaleArg::Probability => Scale::Probability,
                ScaleArg::Number => Scale::Number,
            }),
            class: self.class.clone(),
            groups,
            features_apart: self.features_apart,
            n_evaluations: self.evaluations,
            seed: self.seed,
        }
    }

    /// Explains, writes, reports.
    pub fn run(&self, console: &Console) -> Result<Answer, Failure> {
        let to_stdout = self.out.is_some() && table_file(self.out.as_deref())?.is_none();
        if let Some(out) = table_file(self.out.as_deref())? {
            check_out(out, &[&self.predictor, &self.table])?;
        }
        let predictor = Predictor::load(&self.predictor)?;
        let how = predictor.read_options();
        let how = ReadOptions { columns: predictor.needs().and(&self.key), ..how };
        let table = self.read.table_like(&self.table, &how, console)?;
        let keys = self.keys(&table)?;
        let Readable { table, unreadable } = predictor.readable(&table, self.errors.errors())?;
        let mut progress = console.progress("reasons");
        let explanation = predictor.explain(&table, &self.options(), &mut |event| progress.on(event))?;
        drop(progress);
        if self.out.is_some() {
            let written = contributions(&explanation, keys)?;
            write_parts(table_file(self.out.as_deref())?, |write| write(&written))?;
        }
        column_notes(&explanation.report, console);
        unreadable_notes(&unreadable, console);
        differing_notes(&explanation.differing, console);
        let report = ExplainReport {
            predictor: predictor.name().to_owned(),
            target: predictor.target().column().to_owned(),
            n_rows: explanation.n_rows(),
            n_clusters: explanation.n_clusters,
            scale: explanation.scale,
            outputs: explanation.outputs.clone(),
            base: explanation.base.clone(),
            method: explanation.method,
            n_evaluations: explanation.n_evaluations,
            groups: self.options().groups,
            importance: explanation.order().into_iter().map(|i| explanation.importance[i].clone()).collect(),
            rows: explanation.reasons(0..self.show)?,
            columns: explanation.report,
            unreadable,
            differing: explanation.differing,
        };
        match to_stdout {
            true => console.side_report(&report)?,
            false => console.report(&report)?,
        }
        Ok(Answer::Yes)
    }

    fn keys(&self, table: &Table) -> Result<Vec<(String, ArrayRef)>, Failure> {
        self.key.iter().map(|name| Ok((name.clone(), table.column(name)?.clone()))).collect()
    }
}

/// A line for each row and output: keys, the output's name where there are several, and its numbers.
fn contributions(explanation: &Explanation, keys: Vec<(String, ArrayRef)>) -> Result<Table, Failure> {
    let (k, n_rows) = (explanation.outputs.len(), explanation.n_rows());
    let mut columns: Vec<(String, ArrayRef)> = Vec::new();
    if !keys.is_empty() {
        let rows: Vec<u32> = (0..n_rows as u32).flat_map(|row| vec![row; k]).collect();
        let keys = Table::from_columns(keys)?.take(&rows)?;
        for name in keys.column_names() {
            columns.push((name.clone(), keys.column(&name)?.clone()));
        }
    }
    if k > 1 {
        let outputs: Vec<&str> =
            (0..n_rows).flat_map(|_| explanation.outputs.iter().map(String::as_str)).collect();
        columns.push(("output".to_owned(), Arc::new(StringArray::from(outputs))));
    }
    let numbers = explanation.frame().into_iter();
    columns.extend(numbers.map(|(name, values)| (name, Arc::new(Float64Array::from(values)) as ArrayRef)));
    Ok(Table::from_columns(columns)?)
}

fn parse_group(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((group, column)) if !group.is_empty() && !column.is_empty() => {
            Ok((group.to_owned(), column.to_owned()))
        }
        _ => Err("a group and one of its columns are needed, as in `money=income`".to_owned()),
    }
}

impl Report for ExplainReport {
    fn text(&self) -> String {
        let of = |output: usize| match self.scale {
            Scale::Number => format!("`{}`", self.outputs[output]),
            Scale::Probability => format!("probability of `{}`", self.outputs[output]),
            Scale::LogOdds => format!("log-odds of `{}`", self.outputs[output]),
        };
        let how = match self.method {
            Method::Exact => "exact".to_owned(),
            Method::Orders { n } => format!("by {n} orders of the columns"),
        };
        let mut text = line!(
            "{} rows explained by `{}`, {how}, {} predictions a row",
            self.n_rows,
            self.predictor,
            self.n_evaluations
        );
        for (i, base) in self.base.iter().enumerate() {
            text += &line!("{}: {base:.4} where nothing is seen", of(i));
        }
        let mut grid = Grid::new(["column", "mean size of contribution", "95 % interval"]);
        for column in &self.importance {
            let interval = column.interval.map(|[low, high]| format!("{low:.4} to {high:.4}"));
            grid.row([
                column.column.clone(),
                format!("{:.4}", column.mean_absolute),
                interval.unwrap_or_else(|| "-".to_owned()),
            ]);
        }
        text += &grid.text();
        for row in &self.rows {
            text += &line!("row {}: {} is {:.4}", row.row, of(row.output), row.prediction[row.output]);
            text += &reasons_grid(row, self.method != Method::Exact).text();
        }
        text
    }
}

fn reasons_grid(row: &ReasonsOfRow, with_errors: bool) -> Grid {
    let mut grid = Grid::new(["column", "cell", "contribution"]);
    let (shown, others) = row.reasons.split_at(row.reasons.len().min(MOST_SHOWN));
    for reason in shown {
        let mut given = format!("{:+.4}", reason.contribution[row.output]);
        if with_errors {
            given += &format!(" ± {:.4}", reason.standard_error[row.output]);
        }
        grid.row([reason.column.clone(), reason.cell.clone().unwrap_or_else(|| "-".to_owned()), given]);
    }
    if !others.is_empty() {
        let sum: f64 = others.iter().map(|reason| reason.contribution[row.output]).sum();
        grid.row([format!("{} others", others.len()), String::new(), format!("{sum:+.4}")]);
    }
    grid
}
