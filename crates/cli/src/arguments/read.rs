//! Flags of [`ReadOptions`].

use std::path::Path;

use clap::Args;
use tabgraft_table::Table;
use tabgraft_table::read::{Original, ReadOptions, read_table};

use super::compute::parse_bytes;
use crate::failure::Failure;

/// How tables are read.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Reading tables")]
pub struct ReadArgs {
    /// Text that stands for a missing cell; may be repeated, and then replaces the default list
    #[arg(
        long = "missing-token",
        value_name = "TEXT",
        allow_hyphen_values = true,
        default_values_t = ReadOptions::default().missing_tokens
    )]
    missing_tokens: Vec<String>,
    /// The character between two cells of a CSV file, `\t` for a tab [default: found in the file]
    #[arg(long, value_name = "CHAR", value_parser = parse_delimiter)]
    delimiter: Option<u8>,
    /// Most that a compressed table may become, such as 4GB; 64 times its own size is allowed in any case
    /// [default: 1 GiB]
    #[arg(long, value_name = "BYTES", value_parser = parse_bytes)]
    max_inflated_bytes: Option<u64>,
}

impl ReadArgs {
    /// As the core takes them.
    pub fn options(&self) -> ReadOptions {
        let default = ReadOptions::default();
        ReadOptions {
            missing_tokens: self.missing_tokens.clone(),
            delimiter: self.delimiter,
            max_inflated_bytes: self.max_inflated_bytes.unwrap_or(default.max_inflated_bytes),
            ..default
        }
    }

    /// Reads a table and keeps hold of its file, to be written again with more columns.
    pub fn original(&self, path: &Path) -> Result<(Original, Table), Failure> {
        Ok(Original::open(path, &self.options())?)
    }

    /// Reads a table.
    pub fn table(&self, path: &Path) -> Result<Table, Failure> {
        Ok(read_table(path, &self.options())?)
    }
}

fn parse_delimiter(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        b"\\t" | b"tab" => Ok(b'\t'),
        [byte] => Ok(*byte),
        _ => Err("one ASCII character, or `\\t`, is needed".to_owned()),
    }
}
