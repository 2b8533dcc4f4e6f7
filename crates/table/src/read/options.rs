//! By which options a table is read: those of a caller, a model, the file, the defaults.

use std::collections::{BTreeMap, BTreeSet};

use super::renaming::Renaming;
use crate::error::{Error, Result};
use crate::marks::{DecimalMark, can_group};
use crate::origin::{KnownColumn, MISSING_TOKENS, Origin, Reading, Wanted};
use crate::visible::quoted;

/// Upper end of [`ReadOptions::max_row_bytes`]: a batch and one more row stay below the 2 GiB that
/// an Arrow text column takes.
const MAX_ROW_BYTES: usize = 1 << 30;

/// How to read a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadOptions {
    /// Text that stands for a missing cell, compared after trimming ASCII space. `NA`, `N/A`,
    /// `null` and `NaN` match in upper and lower case, every other token exactly as given.
    /// Default: the empty text, `NA`, `N/A`, `null`, `NaN`, `?`.
    pub missing_tokens: Vec<String>,
    /// The byte between two cells of a CSV file: any ASCII character but a quote, a line end or
    /// NUL. Default `None`: the one of `,` tab `;` `|` that cuts the first rows into equally many cells.
    pub delimiter: Option<u8>,
    /// What marks the decimals of numbers in text. Default `None`: found from all columns together.
    pub decimal: Option<DecimalMark>,
    /// The only mark that may group the digits of numbers in text: `.`, `,`, `'`, `’`, `_` or a blank,
    /// and not the decimal one. Default `None`: any of them.
    pub thousands: Option<char>,
    /// Columns that get other names before anything else: all other options speak of the new ones. Default: none.
    pub renaming: Renaming,
    /// Which columns are read. Default: all.
    pub columns: Wanted,
    /// What is known of columns before they are read. Default: nothing.
    pub known: BTreeMap<String, KnownColumn>,
    /// Rows in a batch, at least 1. Default 8192. Batches of long texts end earlier.
    pub batch_rows: usize,
    /// Longest row of a text file in bytes, 1 to 1 GiB. Default 64 MiB. Bounds what an unclosed
    /// quote or a file without line ends can cost.
    pub max_row_bytes: usize,
    /// Most bytes that a compressed file (gzip, Parquet, compressed Arrow) may become, at least 1; one of
    /// which this is not 64 times its own size may become that. Default 1 GiB. Bounds what a small
    /// hostile file can cost.
    pub max_inflated_bytes: u64,
    /// Most bytes of cells that a table of files may have in memory; of more rows some are drawn evenly, with a note,
    /// and [`Table::whole`](crate::Table::whole) is the way to the others. Default none: all rows are read.
    pub most_bytes: Option<u64>,
}

impl Default for ReadOptions {
    fn default() -> Self {
        ReadOptions {
            missing_tokens: MISSING_TOKENS.map(String::from).to_vec(),
            delimiter: None,
            decimal: None,
            thousands: None,
            renaming: Renaming::default(),
            columns: Wanted::All,
            known: BTreeMap::new(),
            batch_rows: 8192,
            max_row_bytes: 64 << 20,
            max_inflated_bytes: 1 << 30,
            most_bytes: None,
        }
    }
}

impl ReadOptions {
    /// Validates the ranges.
    ///
    /// # Errors
    /// An option error that names the option, the value and the range.
    pub fn check(&self) -> Result<()> {
        let (rows, bytes) = (self.batch_rows as u64, self.max_row_bytes as u64);
        for (name, value) in
            [("batch_rows", rows), ("max_row_bytes", bytes), ("max_inflated_bytes", self.max_inflated_bytes)]
        {
            if value == 0 {
                return Err(Error::option(format!("`{name}` must be at least 1, found 0")));
            }
        }
        if self.max_row_bytes > MAX_ROW_BYTES {
            return Err(Error::option(format!(
                "`max_row_bytes` must be at most {MAX_ROW_BYTES}, found {}",
                self.max_row_bytes
            )));
        }
        if let Some(mark) = self.thousands {
            let refused = |what: String, hint: &str| Err(Error::option(what).with_hint(hint));
            if !can_group(mark) {
                return refused(
                    format!("`thousands` is `{mark}`, which groups no digits"),
                    "allowed are `.`, `,`, `'`, `’`, `_` and a blank",
                );
            }
            if self.decimal.is_some_and(|decimal| decimal.mark() == mark) {
                return refused(
                    format!("`decimal` and `thousands` are both `{mark}`"),
                    "one mark cannot be both; leave one of the two out",
                );
            }
        }
        match self.delimiter {
            Some(byte) if !byte.is_ascii() || matches!(byte, b'"' | b'\n' | b'\r' | 0) => {
                Err(Error::option(format!(
                    "`delimiter` must be an ASCII character that is not a quote, a line end or NUL, found byte {byte:#04x}"
                ))
                .with_hint("common delimiters are `,`, `;`, `|` and tab"))
            }
            _ => Ok(()),
        }
    }
}

/// What a caller says about how a table is read. What it leaves open follows from a model, if there is
/// one, else from the file, else it is the default.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GivenReading {
    /// As [`ReadOptions::missing_tokens`].
    pub missing_tokens: Option<Vec<String>>,
    /// As [`ReadOptions::delimiter`].
    pub delimiter: Option<u8>,
    /// As [`ReadOptions::decimal`].
    pub decimal: Option<DecimalMark>,
    /// As [`ReadOptions::thousands`].
    pub thousands: Option<char>,
    /// As [`ReadOptions::max_inflated_bytes`].
    pub max_inflated_bytes: Option<u64>,
    /// Columns that get other names, old name to new one; see [`Renaming::given`].
    pub rename: BTreeMap<String, String>,
}

impl GivenReading {
    /// The options without a model.
    pub fn options(&self) -> ReadOptions {
        let default = ReadOptions::default();
        ReadOptions {
            missing_tokens: self.missing_tokens.clone().unwrap_or(default.missing_tokens),
            delimiter: self.delimiter,
            decimal: self.decimal,
            thousands: self.thousands,
            max_inflated_bytes: self.max_inflated_bytes.unwrap_or(default.max_inflated_bytes),
            renaming: Renaming { given: self.rename.clone(), ..Renaming::default() },
            ..ReadOptions::default()
        }
    }

    /// The options of a model where the caller leaves them open, and a note for each that the caller
    /// says otherwise.
    pub fn options_like(&self, model: &ReadOptions) -> (ReadOptions, Vec<String>) {
        let (mut options, mut notes) = (model.clone(), Vec::new());
        let mut overruled = |here: String, there: String| {
            notes.push(format!("the model was trained with {there}, and this table is read with {here}"));
        };
        let named = |tokens: &[String]| format!("the missing tokens {}", quoted(tokens));
        options.delimiter = self.delimiter.or(model.delimiter);
        if let Some(tokens) = self.missing_tokens.as_ref().filter(|t| !same_tokens(t, &model.missing_tokens))
        {
            overruled(named(tokens), named(&model.missing_tokens));
            options.missing_tokens.clone_from(tokens);
        }
        if let Some(decimal) = self.decimal.filter(|decimal| model.decimal != Some(*decimal)) {
            if let Some(there) = model.decimal {
                overruled(decimal.words().to_owned(), there.words().to_owned());
            }
            options.decimal = Some(decimal);
            for known in options.known.values_mut() {
                if let KnownColumn::Number(style) = known {
                    style.decimal = None;
                }
            }
        }
        options.thousands = self.thousands.or(model.thousands);
        options.max_inflated_bytes = self.max_inflated_bytes.unwrap_or(model.max_inflated_bytes);
        options.renaming.given.clone_from(&self.rename);
        (options, notes)
    }
}

fn same_tokens(a: &[String], b: &[String]) -> bool {
    let sorted = |tokens: &[String]| -> BTreeSet<String> { tokens.iter().cloned().collect() };
    sorted(a) == sorted(b)
}

impl ReadOptions {
    /// The same, and these columns get other names, old name to new one; see [`Renaming::given`].
    #[must_use]
    pub fn with_names(mut self, rename: Option<BTreeMap<String, String>>) -> Self {
        self.renaming.given.extend(rename.unwrap_or_default());
        self
    }

    /// The same, for each of two tables that are in memory together where `are_two` says so.
    #[must_use]
    pub fn shared(mut self, are_two: bool) -> Self {
        self.most_bytes = self.most_bytes.map(|bytes| if are_two { bytes / 2 } else { bytes });
        self
    }

    /// Whether a table that was read so would be read alike by these options.
    pub fn would_read_as(&self, reading: &Reading) -> bool {
        let decimal =
            self.decimal.is_none_or(|decimal| reading.decimal.is_none_or(|theirs| theirs == decimal));
        decimal && same_tokens(&self.missing_tokens, &reading.missing_tokens)
    }

    /// The options that read a further table of the same kind as the one that came from `origin`.
    #[must_use]
    pub fn continued(&self, origin: &Origin) -> Self {
        let mut options = self.clone();
        options.decimal = options.decimal.or(origin.reading.decimal);
        options.renaming = options.renaming.continued();
        for (name, style) in &origin.reading.numbers {
            options.known.insert(name.clone(), KnownColumn::Number(style.clone()));
        }
        options
    }

    /// The options of two models together, those of this one where they differ, and notes of that.
    #[must_use]
    pub fn joined(mut self, other: &Self) -> (Self, Vec<String>) {
        let mut notes = Vec::new();
        if !same_tokens(&self.missing_tokens, &other.missing_tokens) {
            notes.push(format!(
                "the models were trained with different missing tokens, {} and {}; the table is read with the first",
                quoted(&self.missing_tokens),
                quoted(&other.missing_tokens)
            ));
        }
        for (old, new) in &other.renaming.remembered {
            self.renaming.remembered.entry(old.clone()).or_insert_with(|| new.clone());
        }
        let (mine, theirs) = (self.decimal, other.decimal);
        self.decimal = mine.or(theirs);
        for (name, known) in &other.known {
            let mut known = known.clone();
            if let KnownColumn::Number(style) = &mut known {
                style.decimal = style.decimal.or(theirs).filter(|decimal| self.decimal != Some(*decimal));
            }
            self.known.entry(name.clone()).or_insert(known);
        }
        (self, notes)
    }
}
