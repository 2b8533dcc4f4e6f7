//! By which options a table is read: those of a caller, a model, the file, the defaults.

use std::collections::BTreeSet;

use super::ReadOptions;
use crate::marks::DecimalMark;
use crate::origin::{KnownColumn, Origin, Reading};
use crate::visible::quoted;

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
        (options, notes)
    }
}

fn same_tokens(a: &[String], b: &[String]) -> bool {
    let sorted = |tokens: &[String]| -> BTreeSet<String> { tokens.iter().cloned().collect() };
    sorted(a) == sorted(b)
}

impl ReadOptions {
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
