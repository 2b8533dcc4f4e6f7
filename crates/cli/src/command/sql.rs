//! `sql`: features as a query of the engine that holds the table.

use std::io::Write;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde::Serialize;
use tabgraft_feature::sql::Dialect;
use tabgraft_table::write_whole;

use crate::answer::Answer;
use crate::arguments::{FeaturesArgs, ReadArgs};
use crate::console::Console;
use crate::failure::Failure;
use crate::output::check_out;
use crate::report::Report;

/// Write features as one SQL query over the table that they are for.
///
/// Formulas become expressions, bins a CASE, statistics of groups a joined table of constants. The query gives the
/// table's columns and one more per feature, as `apply` does. What an engine's SQL cannot say exactly is an error
/// that names the feature. A terminal is shown control characters, which queries may hold, as escapes: what shall be run
/// goes into a file.
///
/// Reads FEATURES, as `apply` does; writes to stdout or --out.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  tabgraft sql features.json --table loans > features.sql
  tabgraft sql v2.tabgraft --table loans --dialect snowflake --columns loans.parquet -o f.sql")]
pub struct SqlArgs {
    #[command(flatten)]
    features: FeaturesArgs,
    /// Whose SQL
    #[arg(long, value_enum, value_name = "ENGINE", default_value_t)]
    dialect: DialectFlag,
    /// The table's name in the engine
    #[arg(long, value_name = "NAME", default_value = "rows")]
    table: String,
    /// A table with the engine's columns, in its types; rows do not matter [default: each column is taken for what
    /// its features read it as]
    #[arg(long, value_name = "FILE")]
    columns: Option<PathBuf>,
    /// Write here and not to stdout
    #[arg(long, short, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    read: ReadArgs,
}

/// [`Dialect`] as a flag.
#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum DialectFlag {
    #[default]
    Duckdb,
    Postgres,
    Snowflake,
    Bigquery,
}

/// What `sql` reports.
#[derive(Debug, Serialize)]
struct SqlReport {
    dialect: &'static str,
    table: String,
    features: Vec<String>,
    sql: String,
}

impl SqlArgs {
    /// Loads, writes.
    pub fn run(&self, console: &Console) -> Result<Answer, Failure> {
        if let Some(out) = &self.out {
            let read = [Some(&self.features.features), self.columns.as_ref()];
            check_out(out, &read.into_iter().flatten().map(PathBuf::as_path).collect::<Vec<_>>())?;
        }
        let model = self.features.model()?;
        let recalled = self.features.engineer(model.as_ref())?;
        let engineer = recalled.engineer();
        let columns = match &self.columns {
            Some(path) => Some(self.read.original(path, None, console)?.1),
            None => None,
        };
        let dialect = match self.dialect {
            DialectFlag::Duckdb => Dialect::Duckdb,
            DialectFlag::Postgres => Dialect::Postgres,
            DialectFlag::Snowflake => Dialect::Snowflake,
            DialectFlag::Bigquery => Dialect::Bigquery,
        };
        let sql = engineer.sql(&self.table, dialect, columns.as_ref())?;
        if let Some(out) = &self.out {
            write_whole(out, |mut file| {
                file.write_all(sql.as_bytes()).map_err(|e| tabgraft_model::Error::io(out, "write", e))
            })?;
            return Ok(Answer::Yes);
        }
        let report =
            SqlReport { dialect: dialect.word(), table: self.table.clone(), features: engineer.names(), sql };
        console.program_text(&report)?;
        Ok(Answer::Yes)
    }
}

impl Report for SqlReport {
    fn text(&self) -> String {
        self.sql.clone()
    }
}
