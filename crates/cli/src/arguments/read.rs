//! Flags of [`ReadOptions`], and the tables that they read.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::Args;
use tabgraft_table::Table;
use tabgraft_table::read::{
    DecimalMark, GivenReading, Original, ReadOptions, TableParts, open_parts, open_parts_from, read_table,
    read_table_from,
};

use super::schema::{once_each, parse_pair};
use super::training::parse_bytes;
use crate::console::Console;
use crate::failure::Failure;

/// Stands for standard input wherever a table is named.
const STDIN: &str = "-";
/// What messages call it.
const STDIN_NAME: &str = "standard input";

/// Standard input holds one table.
static STDIN_IS_TAKEN: AtomicBool = AtomicBool::new(false);

/// How tables are read. A model remembers how its table was read, and later tables are read alike; what
/// is given here is taken in place of that, and told.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Reading tables")]
pub struct ReadArgs {
    /// Text that stands for a missing cell; may be repeated, and then replaces the list [default: the
    /// model's, else empty, NA, N/A, null, NaN and ?]
    #[arg(
        long = "missing-token",
        visible_alias = "missing",
        value_name = "TEXT",
        allow_hyphen_values = true,
        hide_default_value = true
    )]
    missing_tokens: Option<Vec<String>>,
    /// The character between two cells of a CSV file, `\t` for a tab [default: found in the file]
    #[arg(long, value_name = "CHAR", value_parser = parse_delimiter)]
    delimiter: Option<u8>,
    /// Most that a compressed table may become, such as 4GB; 64 times its own size is allowed in any case
    /// [default: 1 GiB]
    #[arg(long, value_name = "BYTES", value_parser = parse_bytes)]
    max_inflated_bytes: Option<u64>,
    /// What marks the decimals of numbers in text, `.` or `,` [default: the model's, else found in the
    /// table, and told]
    #[arg(long, value_name = "MARK")]
    decimal: Option<DecimalMark>,
    /// The only character that may group the digits of numbers in text, such as `.` in 1.250,00
    /// [default: any that does]
    #[arg(long, value_name = "MARK")]
    thousands: Option<char>,
    /// Give a column another name before anything else: every other option, formula and the model speak of NEW;
    /// may be repeated. A model that is trained so does it by itself with later tables
    #[arg(long, value_name = "OLD=NEW", value_parser = parse_pair)]
    rename: Vec<(String, String)>,
}

impl ReadArgs {
    /// As the core takes them.
    pub fn given(&self) -> Result<GivenReading, Failure> {
        Ok(GivenReading {
            missing_tokens: self.missing_tokens.clone(),
            delimiter: self.delimiter,
            decimal: self.decimal,
            thousands: self.thousands,
            max_inflated_bytes: self.max_inflated_bytes,
            rename: once_each("rename", &self.rename)?,
        })
    }

    /// Reads a table, as that of a model if there is one, and keeps hold of its file, to be written again with more
    /// columns.
    pub fn original(
        &self,
        path: &Path,
        model: Option<&ReadOptions>,
        console: &Console,
    ) -> Result<(Original, Table), Failure> {
        let options = self.options(model, console)?;
        let (original, table) = match is_stdin(path)? {
            true => Original::open_from(std::io::stdin(), STDIN_NAME, &options)?,
            false => Original::open(path, &options)?,
        };
        table.origin().notes.iter().for_each(|note| console.note(note));
        Ok((original, table))
    }

    /// As the core takes them beside those of a model, if there is one; says what the two differ in.
    pub fn options(&self, model: Option<&ReadOptions>, console: &Console) -> Result<ReadOptions, Failure> {
        let Some(model) = model else { return Ok(self.given()?.options()) };
        let (options, notes) = self.given()?.options_like(model);
        notes.iter().for_each(|note| console.note(note));
        Ok(options)
    }

    /// Reads a table as that of a model.
    pub fn table_like(&self, path: &Path, model: &ReadOptions, console: &Console) -> Result<Table, Failure> {
        table(path, &self.options(Some(model), console)?, console)
    }

    /// Reads a table as that of a model, part by part. What is found out about it comes with the parts.
    pub fn parts_like(
        &self,
        path: &Path,
        model: &ReadOptions,
        console: &Console,
    ) -> Result<TableParts, Failure> {
        let options = self.options(Some(model), console)?;
        Ok(match is_stdin(path)? {
            true => open_parts_from(std::io::stdin(), STDIN_NAME, &options)?,
            false => open_parts(path, &options)?,
        })
    }
}

/// Reads a table, and says what was found out about it. Standard input is held as a whole.
pub fn table(path: &Path, options: &ReadOptions, console: &Console) -> Result<Table, Failure> {
    let table = match is_stdin(path)? {
        true => read_table_from(std::io::stdin(), STDIN_NAME, options)?,
        false => read_table(path, options)?,
    };
    table.origin().notes.iter().for_each(|note| console.note(note));
    Ok(table)
}

/// Whether the path means standard input, which can be read once.
fn is_stdin(path: &Path) -> Result<bool, Failure> {
    let is_stdin = path.as_os_str() == STDIN;
    match is_stdin && STDIN_IS_TAKEN.swap(true, Ordering::Relaxed) {
        true => Err(Failure::new("`-` stands twice, and standard input holds one table")
            .with_hint("name a file for one of the two")),
        false => Ok(is_stdin),
    }
}

fn parse_delimiter(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        b"\\t" | b"tab" => Ok(b'\t'),
        [byte] => Ok(*byte),
        _ => Err("one ASCII character, or `\\t`, is needed".to_owned()),
    }
}
