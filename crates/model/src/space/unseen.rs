//! Columns whose cells the space has mostly never seen: rarely a new world, mostly another spelling.

use std::collections::HashSet;

use serde::Serialize;
use tabgraft_table::codec::{CategoricalCodec, Codec, UNSEEN};
use tabgraft_table::encoded::{EncodedTable, PartValues};
use tabgraft_table::schema::ColumnSpec;
use tabgraft_table::{RowPlace, Table, cell};

use crate::error::Result;

/// Share of a column's cells with a value from which on unseen ones are told.
const MOSTLY: f64 = 0.5;
/// Known categories that are shown beside an unseen one.
const N_KNOWN: usize = 3;
/// Rows from the first unseen cell on in which its cause is looked for.
const N_LOOKED_AT: usize = 1000;
/// Share of the unseen cells there that a cause has to explain.
const EXPLAINED: f64 = 0.5;
/// Most characters of a cell that are shown.
const MOST_SHOWN: usize = 80;

/// A spelling of a text in which what a cause changes is no longer seen; none of texts that it does not change.
type Spelled<'a> = &'a dyn Fn(&str) -> Option<String>;

/// What most likely made known values unseen ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum UnseenCause {
    /// Capitals and small letters.
    Case,
    /// Spaces within the text, or other blanks than a space.
    Spaces,
    /// Both.
    CaseAndSpaces,
    /// The known values have zeros in front that are gone: a code was read as a number.
    LeadingZeros,
    /// Zeros behind the point, or another spelling of the same number.
    NumberSpelling,
    /// The known values are texts, and these are numbers.
    Codes,
}

impl UnseenCause {
    /// The cause as a sentence goes on after a semicolon.
    pub fn words(self) -> &'static str {
        match self {
            UnseenCause::Case => "only case sets them apart from known values",
            UnseenCause::Spaces => "only spaces set them apart from known values",
            UnseenCause::CaseAndSpaces => "only case and spaces set them apart from known values",
            UnseenCause::LeadingZeros => {
                "known values have zeros in front that are lost here: read the column as text, not as numbers"
            }
            UnseenCause::NumberSpelling => {
                "they are known numbers in another spelling, such as `3.50` for `3.5`: write them as the training \
                 table did"
            }
            UnseenCause::Codes => {
                "they are numbers where training had texts: the texts were probably turned into codes"
            }
        }
    }

    /// The cause that explains the most of these cells, if it explains half of them.
    fn of(cells: &[&str], codec: &CategoricalCodec) -> Option<Self> {
        let vocabulary: Vec<&str> = codec.levels().map(|(text, _)| text).collect();
        let explained = |spelled: Spelled<'_>| {
            let known: HashSet<String> = vocabulary.iter().filter_map(|text| spelled(text)).collect();
            cells.iter().filter(|cell| spelled(cell).is_some_and(|cell| known.contains(&cell))).count()
        };
        let is_number = |text: &str| cell::parse_number(text).is_some();
        let causes: [(UnseenCause, Spelled<'_>); 5] = [
            (UnseenCause::Case, &|text| Some(text.to_lowercase())),
            (UnseenCause::Spaces, &|text| Some(without_blanks(text))),
            (UnseenCause::LeadingZeros, &without_zeros),
            (UnseenCause::NumberSpelling, &|text| is_number(text).then(|| cell::canonical(text))),
            (UnseenCause::CaseAndSpaces, &|text| Some(without_blanks(text).to_lowercase())),
        ];
        let is_enough = |n: usize| n as f64 >= EXPLAINED * cells.len() as f64;
        let found = causes.into_iter().map(|(cause, spelled)| (cause, explained(spelled)));
        // Of equal ones the first, which says the least.
        let best = found.reduce(|best, next| if next.1 > best.1 { next } else { best });
        let best = best.filter(|(_, n)| *n > 0 && is_enough(*n)).map(|(cause, _)| cause);
        let are_codes = || {
            let n_known = vocabulary.iter().filter(|text| is_number(text)).count();
            2 * n_known < vocabulary.len() && is_enough(cells.iter().filter(|cell| is_number(cell)).count())
        };
        best.or_else(|| (!vocabulary.is_empty() && are_codes()).then_some(UnseenCause::Codes))
    }
}

fn without_blanks(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace() && *c != '\u{feff}' && *c != '\u{200b}').collect()
}

/// Digits without the zeros in front; nothing of other texts.
fn without_zeros(text: &str) -> Option<String> {
    let is_code = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_code.then(|| text.trim_start_matches('0').to_owned())
}

/// A column of categories of which most cells were in no training row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UnseenColumn {
    /// The column.
    pub name: String,
    /// Cells whose value no training row had.
    pub n_unseen: usize,
    /// Cells with a value.
    pub n_present: usize,
    /// The first row with such a cell.
    #[serde(flatten)]
    pub row: RowPlace,
    /// That cell.
    pub example: String,
    /// The most frequent categories of the training rows.
    pub known: Vec<String>,
    /// What most likely made them unseen; none if that cannot be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<UnseenCause>,
}

/// One line for people.
impl std::fmt::Display for UnseenColumn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let known: Vec<String> = self.known.iter().map(|text| format!("`{text}`")).collect();
        write!(
            f,
            "column `{}`: {} of {} cells hold values that training has not seen, such as `{}` in {}; it knows {}",
            self.name,
            self.n_unseen,
            self.n_present,
            self.example,
            self.row,
            if known.is_empty() { "none".to_owned() } else { known.join(", ") }
        )?;
        match self.cause {
            Some(cause) => write!(f, "; {}", cause.words()),
            None => Ok(()),
        }
    }
}

/// The first unseen cell of a column, and cells from there on in which a cause is looked for.
#[derive(Debug, Clone)]
struct Example {
    row: RowPlace,
    cells: Vec<String>,
}

/// Counts unseen cells over the chunks of a table.
#[derive(Debug, Default)]
pub(crate) struct UnseenCounts {
    /// For each column cells with a value, unseen ones, and the first row with one.
    columns: Vec<(usize, usize, Option<usize>)>,
    /// For each column the first unseen cell, as far as it was asked for.
    examples: Vec<Option<Example>>,
    n_rows: usize,
}

impl UnseenCounts {
    /// Of one whole table.
    pub fn of(encoded: &EncodedTable) -> Self {
        let mut counts = UnseenCounts::default();
        counts.update(encoded);
        counts
    }

    /// Counts the next rows.
    pub fn update(&mut self, encoded: &EncodedTable) {
        self.columns.resize(encoded.columns.len(), (0, 0, None));
        for ((n_present, n_unseen, first), column) in self.columns.iter_mut().zip(&encoded.columns) {
            let [PartValues::Code { code }] = &column.parts[..] else { continue };
            for (r, code) in code.iter().enumerate().filter(|(r, _)| !column.missing[*r]) {
                *n_present += 1;
                if *code == UNSEEN {
                    *n_unseen += 1;
                    first.get_or_insert(self.n_rows + r);
                }
            }
        }
        self.n_rows += encoded.n_rows;
    }

    /// Counts the next part of a table, of which only the counts are kept.
    ///
    /// # Errors
    /// None that encoding the part has not shown before.
    pub fn update_part(&mut self, specs: &[ColumnSpec], encoded: &EncodedTable, part: &Table) -> Result<()> {
        let n_before = self.n_rows;
        self.update(encoded);
        self.remember_examples(specs, part, n_before)
    }

    /// Keeps the first unseen cell of each column, of those in the rows of `part`.
    fn remember_examples(&mut self, specs: &[ColumnSpec], part: &Table, n_before: usize) -> Result<()> {
        self.examples.resize(self.columns.len(), None);
        for ((spec, example), (.., first)) in specs.iter().zip(&mut self.examples).zip(&self.columns) {
            if let (Some(row_idx), None) = (first, &example) {
                let start = row_idx - n_before;
                let n_looked_at = N_LOOKED_AT.min(part.n_rows() - start);
                let cells = part.column(&spec.name)?.slice(start, n_looked_at);
                let cells = cell::categories(&spec.name, &cells)?;
                let cells = cells.iter().flatten().map(str::to_owned).collect();
                *example = Some(Example { row: part.row_place(start), cells });
            }
        }
        Ok(())
    }

    /// The columns whose cells are mostly unseen; `table` is the one that was counted.
    ///
    /// # Errors
    /// None that encoding the table has not shown before.
    pub fn mostly(
        mut self,
        specs: &[ColumnSpec],
        codecs: &[Codec],
        table: &Table,
    ) -> Result<Vec<UnseenColumn>> {
        self.remember_examples(specs, table, 0)?;
        Ok(self.mostly_of_parts(specs, codecs))
    }

    /// The same of a table that was counted part by part.
    pub fn mostly_of_parts(self, specs: &[ColumnSpec], codecs: &[Codec]) -> Vec<UnseenColumn> {
        let mut found = Vec::new();
        let counted = self.columns.into_iter().zip(self.examples);
        for ((spec, codec), ((n_present, n_unseen, first), example)) in specs.iter().zip(codecs).zip(counted)
        {
            let (Codec::Categorical(codec), Some(row_idx)) = (codec, first) else { continue };
            let Example { row, cells } =
                example.unwrap_or(Example { row: RowPlace::row(row_idx), cells: Vec::new() });
            if (n_unseen as f64) < MOSTLY * n_present as f64 {
                continue;
            }
            let known: HashSet<&str> = codec.levels().map(|(text, _)| text).collect();
            let unseen: Vec<&str> =
                cells.iter().map(String::as_str).filter(|cell| !known.contains(cell)).collect();
            found.push(UnseenColumn {
                name: spec.name.clone(),
                n_unseen,
                n_present,
                row,
                example: cells
                    .first()
                    .map_or_else(String::new, |text| text.chars().take(MOST_SHOWN).collect()),
                known: codec.levels().take(N_KNOWN).map(|(text, _)| text.to_owned()).collect(),
                cause: UnseenCause::of(&unseen, codec),
            });
        }
        found
    }
}
