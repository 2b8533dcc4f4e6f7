//! Numbers in text, brought to the one spelling that the rest of the crate reads: which mark stands for
//! the decimals is decided for the whole table, by what all of its columns say together.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray, StringBuilder};
use arrow::datatypes::DataType;
use rayon::prelude::*;

use super::ReadOptions;
use crate::cell;
use crate::error::{Error, Result};
use crate::marks::{DecimalMark, Fit, canonical, is_spelled_otherwise, plain_decimals, split_sign};
use crate::names::{is_code, is_id};
use crate::origin::{KnownColumn, NumberStyle, Origin};
use crate::table::Table;
use crate::threads::in_pool;
use crate::visible::quoted;

/// What the cells of one text column say together.
#[derive(Debug, Clone)]
struct Evidence {
    /// Whether all are numbers with a decimal point, or with a decimal comma.
    point: bool,
    comma: bool,
    /// Whether one has a point or a comma.
    tells: bool,
    /// Whether one has a mark that only groups digits.
    grouped: bool,
    /// Whether one has two different marks.
    strong: bool,
    /// The sign around the first number.
    sign: Option<String>,
    /// A cell with a mark, the strongest.
    example: String,
}

impl Evidence {
    /// Looks at all cells; none where some are no numbers, unless the column is `declared`.
    fn of(texts: &StringArray, thousands: Option<char>, declared: bool) -> Option<Self> {
        let mut all = Evidence {
            point: true,
            comma: true,
            tells: false,
            grouped: false,
            strong: false,
            sign: None,
            example: String::new(),
        };
        for text in texts.iter().flatten().map(str::trim).filter(|text| !text.is_empty()) {
            let decimals = plain_decimals(text);
            // What is written plainly has no sign around it, and shows nothing of how others are written.
            let signed = (declared && decimals.is_none()).then(|| split_sign(text)).flatten();
            let fit = match decimals {
                Some(decimals) => Fit::of_plain(text, decimals, thousands),
                None => Fit::of(signed.as_ref().map_or(text, |(_, number)| number), thousands),
            };
            if let (None, Some((sign, _))) = (&all.sign, &signed) {
                all.sign = Some((*sign).to_owned());
            }
            all.point &= fit.point;
            all.comma &= fit.comma;
            let is_first = (fit.marked && all.example.is_empty()) || (fit.tells && !all.tells);
            let shows_more = fit.marked && !all.strong && decimals.is_none() && is_plain(&all.example);
            if is_first || shows_more || (fit.strong && !all.strong) {
                all.example = text.to_owned();
            }
            all.tells |= fit.tells;
            all.grouped |= fit.grouped;
            all.strong |= fit.strong;
            if !(all.point || all.comma || declared) {
                return None;
            }
        }
        Some(all)
    }

    /// What these cells and those of another part of the column say together.
    fn joined(self, other: Self) -> Self {
        let is_stronger = (other.tells && !self.tells) || (other.strong && !self.strong);
        Evidence {
            point: self.point && other.point,
            comma: self.comma && other.comma,
            tells: self.tells || other.tells,
            grouped: self.grouped || other.grouped,
            strong: self.strong || other.strong,
            sign: self.sign.or(other.sign),
            example: if is_stronger { other.example } else { self.example },
        }
    }

    /// The mark that it decides for, if it leaves no other.
    fn vote(&self) -> Option<DecimalMark> {
        match (self.point, self.comma) {
            (true, false) if self.tells => Some(DecimalMark::Point),
            (false, true) => Some(DecimalMark::Comma),
            _ => None,
        }
    }

    fn has(&self, decimal: DecimalMark) -> bool {
        match decimal {
            DecimalMark::Point => self.point,
            DecimalMark::Comma => self.comma,
        }
    }
}

/// A text column: name, cells, and what is known of it.
type Column<'a> = (&'a str, &'a ArrayRef, Option<&'a KnownColumn>);

/// Rewrites the numbers of text columns with a decimal point and without grouping, and writes down in
/// `origin` what they were taken for. `delimiter` is that of the file, if it has one.
///
/// # Errors
/// A value error that names column, row and cell if a column that is known to hold numbers holds one
/// that is written with the other decimal mark.
pub(super) fn settle(
    table: Table,
    origin: &mut Origin,
    options: &ReadOptions,
    delimiter: Option<u8>,
) -> Result<Table> {
    let schema = table.batch().schema();
    let columns: Vec<Column<'_>> = schema
        .fields()
        .iter()
        .zip(table.batch().columns())
        .filter(|(field, _)| field.data_type() == &DataType::Utf8)
        .map(|(field, array)| {
            // What is declared to be a name is none of numbers, unless somebody says so.
            let names = origin.declared_categories.contains(field.name()).then_some(&KnownColumn::AsWritten);
            (field.name().as_str(), array, options.known.get(field.name()).or(names))
        })
        .filter(|(.., known)| *known != Some(&KnownColumn::AsWritten))
        .collect();
    let seen = |(_, array, known): &Column<'_>| {
        Evidence::of(array.as_string::<i32>(), options.thousands, known.is_some())
    };
    let evidence: Vec<Option<Evidence>> = in_pool(|| columns.par_iter().map(seen).collect())?;
    let found = decide(&evidence, options, delimiter);
    let decimal = found.unwrap_or(DecimalMark::Point);
    let styles: Vec<Option<NumberStyle>> = columns
        .iter()
        .zip(&evidence)
        .map(|((name, _, known), evidence)| style(name, *known, evidence.as_ref(), decimal))
        .collect();
    let rewrite = |((name, array, known), style): (&Column<'_>, &Option<NumberStyle>)| match style {
        None => Ok(None),
        Some(style) => rewrite(name, array, style, decimal, options.thousands, known.is_some()),
    };
    let rewritten: Vec<Option<ArrayRef>> =
        in_pool(|| columns.par_iter().zip(&styles).map(rewrite).collect::<Result<_>>())??;
    origin.reading.decimal = found;
    origin.reading.thousands = options.thousands;
    origin.notes.extend(notes(&columns, &evidence, &styles, &rewritten, decimal, options));
    let mut settled = Vec::new();
    for (((name, ..), style), array) in columns.iter().zip(&styles).zip(rewritten) {
        if let Some(style) = style.as_ref().filter(|style| **style != NumberStyle::default()) {
            origin.reading.numbers.insert((*name).to_owned(), style.clone());
        }
        settled.extend(array.map(|array| ((*name).to_owned(), array)));
    }
    if settled.is_empty() {
        return Ok(table);
    }
    table.respelled(settled)
}

/// What the cells of a table that comes in parts say of its decimal mark, part by part.
#[derive(Default)]
pub(super) struct Votes {
    /// By column; none where a cell was no number.
    columns: BTreeMap<String, Option<Evidence>>,
}

impl Votes {
    /// Looks at another part.
    pub(super) fn update(&mut self, batch: &RecordBatch, options: &ReadOptions) {
        let schema = batch.schema();
        for (field, array) in schema.fields().iter().zip(batch.columns()) {
            let known = options.known.get(field.name());
            if field.data_type() != &DataType::Utf8 || known == Some(&KnownColumn::AsWritten) {
                continue;
            }
            let more = || Evidence::of(array.as_string::<i32>(), options.thousands, known.is_some());
            let joined = match self.columns.remove(field.name()) {
                None => more(),
                Some(before) => before.and_then(|before| Some(before.joined(more()?))),
            };
            self.columns.insert(field.name().clone(), joined);
        }
    }

    /// The mark of the whole table, as [`settle`] finds it of one that is there at once.
    pub(super) fn decide(self, options: &ReadOptions, delimiter: Option<u8>) -> Option<DecimalMark> {
        decide(&self.columns.into_values().collect::<Vec<_>>(), options, delimiter)
    }
}

/// The decimal mark of a table: what is given, else what cells with two marks say, else what the others
/// say. `None` if no cell says anything.
fn decide(
    evidence: &[Option<Evidence>],
    options: &ReadOptions,
    delimiter: Option<u8>,
) -> Option<DecimalMark> {
    let implied = options.thousands.and_then(|mark| match mark {
        '.' => Some(DecimalMark::Comma),
        ',' => Some(DecimalMark::Point),
        _ => None,
    });
    if let Some(given) = options.decimal.or(implied) {
        return Some(given);
    }
    let telling = || evidence.iter().flatten().filter(|e| e.tells);
    let most = |strong: bool| {
        let votes = telling().filter(|e| e.strong || !strong).filter_map(Evidence::vote);
        let (comma, point): (Vec<_>, Vec<_>) = votes.partition(|vote| *vote == DecimalMark::Comma);
        match comma.len().cmp(&point.len()) {
            _ if comma.is_empty() && point.is_empty() => None,
            // Where the comma marks decimals, another character has to stand between cells.
            _ if delimiter == Some(b';') && !comma.is_empty() => Some(DecimalMark::Comma),
            std::cmp::Ordering::Greater => Some(DecimalMark::Comma),
            _ => Some(DecimalMark::Point),
        }
    };
    most(true).or_else(|| most(false)).or_else(|| {
        let with_comma = telling().any(|e| e.example.contains(','));
        match telling().next() {
            None => None,
            Some(_) if delimiter == Some(b';') && with_comma => Some(DecimalMark::Comma),
            Some(_) => Some(DecimalMark::Point),
        }
    })
}

/// How the numbers of a column are written; `None` if it is left as it is.
fn style(
    name: &str,
    known: Option<&KnownColumn>,
    evidence: Option<&Evidence>,
    decimal: DecimalMark,
) -> Option<NumberStyle> {
    if let Some(KnownColumn::Number(style)) = known {
        return Some(style.clone());
    }
    let evidence = evidence?;
    let is_declared = known.is_some();
    // Digits in groups may be a number that only names something, such as that of a telephone.
    let is_name = !evidence.strong && evidence.point && evidence.comma && (is_code(name) || is_id(name));
    if !is_declared && (is_name || !(evidence.tells || evidence.grouped)) {
        return None;
    }
    let own = (!evidence.has(decimal) && evidence.has(decimal.other())).then(|| decimal.other());
    Some(NumberStyle { decimal: own, sign: evidence.sign.clone().filter(|_| is_declared) })
}

/// The column in the common spelling; `None` if it is written so already.
fn rewrite(
    name: &str,
    array: &ArrayRef,
    style: &NumberStyle,
    decimal: DecimalMark,
    thousands: Option<char>,
    is_known: bool,
) -> Result<Option<ArrayRef>> {
    let decimal = style.decimal.unwrap_or(decimal);
    let texts = array.as_string::<i32>();
    if decimal == DecimalMark::Point && texts.iter().flatten().all(|text| plain_decimals(text).is_some()) {
        return Ok(None);
    }
    let mut is_changed = false;
    let mut spell = |row: usize, text: &str| -> Result<Option<String>> {
        let bare = style.sign.as_ref().and_then(|sign| {
            let (found, number) = split_sign(text)?;
            (sign == found).then_some(number)
        });
        let number = bare.as_deref().unwrap_or(text);
        let is_plain = cell::parse_number(number).is_some();
        let settled = if decimal == DecimalMark::Point && is_plain {
            bare
        } else {
            match canonical(number, decimal, thousands) {
                None if is_known && is_plain && number.contains('.') => {
                    return Err(misfit(name, row, text, decimal));
                }
                None => bare,
                settled => settled.filter(|settled| settled != text),
            }
        };
        is_changed |= settled.is_some();
        Ok(settled)
    };
    let mut spelled = StringBuilder::with_capacity(texts.len(), texts.value_data().len());
    for (row, text) in texts.iter().enumerate() {
        match text {
            None => spelled.append_null(),
            Some(text) => spelled.append_value(spell(row, text)?.as_deref().unwrap_or(text)),
        }
    }
    let spelled = spelled.finish();
    Ok(is_changed.then(|| Arc::new(spelled) as ArrayRef))
}

/// Whether a cell is digits with no more than a minus and a decimal point.
fn is_plain(text: &str) -> bool {
    plain_decimals(text).is_some()
}

fn misfit(name: &str, row: usize, text: &str, decimal: DecimalMark) -> Error {
    let shown: String = text.trim().chars().take(80).collect();
    Error::value(format!(": `{shown}` is not a number with {}", decimal.words()))
        .in_row(format!("column `{name}`, "), row)
    .with_hint(format!(
        "numbers are read as in the rest of the table, or as the model was trained; if all are written with {}, \
         give `decimal` as `{}`",
        decimal.other().words(),
        decimal.other().mark()
    ))
}

/// What was decided without being told.
fn notes(
    columns: &[(&str, &ArrayRef, Option<&KnownColumn>)],
    evidence: &[Option<Evidence>],
    styles: &[Option<NumberStyle>],
    rewritten: &[Option<ArrayRef>],
    decimal: DecimalMark,
    options: &ReadOptions,
) -> Vec<String> {
    let mut notes = Vec::new();
    let found = || {
        let rows = columns.iter().zip(evidence).zip(styles).zip(rewritten);
        rows.filter_map(|((((name, _, known), evidence), style), array)| {
            let is_open = !matches!(known, Some(KnownColumn::Number(_)));
            Some((*name, evidence.as_ref()?, style.as_ref()?, array.is_some())).filter(|_| is_open)
        })
    };
    let other = decimal.other();
    let is_given = options.decimal.is_some() || options.thousands.is_some();
    for (name, evidence, ..) in
        found().filter(|(_, e, _, is_new)| *is_new && is_spelled_otherwise(&e.example))
    {
        notes.push(format!(
            "column `{name}`: `{}` and its like are read as numbers, digit by digit; if they are names, give it the kind \
             categorical",
            evidence.example
        ));
    }
    let alike = || {
        let is_alike = |(_, e, style, is_new): &(&str, &Evidence, &NumberStyle, bool)| {
            *is_new && style.decimal.is_none() && !is_spelled_otherwise(&e.example)
        };
        found().filter(is_alike)
    };
    let strongest = || alike().max_by_key(|(_, e, ..)| (e.vote().is_some(), e.strong));
    if let Some((name, evidence, ..)) = strongest().filter(|_| !is_given) {
        let names: Vec<&str> = alike().map(|(name, ..)| name).collect();
        let is_ledger = evidence.example.ends_with(['-', ')']);
        let what = match decimal {
            DecimalMark::Comma => "with a decimal comma",
            DecimalMark::Point if is_ledger => "with a minus behind them or in parentheses",
            DecimalMark::Point => "with a decimal point and grouped thousands",
        };
        notes.push(format!(
            "numbers are read {what}, as in `{}` of column `{name}`: {}; if that is wrong, give `decimal` as `{}`",
            evidence.example,
            quoted(&names),
            other.mark()
        ));
    }
    for (name, evidence, ..) in found().filter(|(_, _, style, _)| style.decimal.is_some()) {
        notes.push(format!(
            "column `{name}`: its numbers are read with {}, as in `{}`, and those of the rest with {}",
            other.words(),
            evidence.example,
            decimal.words()
        ));
    }
    let votes = |wanted| evidence.iter().flatten().any(|e| e.vote() == Some(wanted));
    let is_decided = is_given || votes(DecimalMark::Point) != votes(DecimalMark::Comma);
    let open = found().filter(|(_, e, ..)| e.tells && e.point && e.comma && e.vote().is_none());
    for (name, evidence, ..) in open.filter(|(_, _, _, is_new)| !is_decided && !is_new) {
        let as_other = canonical(&evidence.example, other, options.thousands).unwrap_or_default();
        notes.push(format!(
            "column `{name}`: `{}` could be {as_other} as well; it is read with {}. If that is wrong, give `decimal` \
             as `{}`.",
            evidence.example,
            decimal.words(),
            other.mark()
        ));
    }
    for (name, _, style, _) in found() {
        if let Some(sign) = &style.sign {
            notes.push(format!("column `{name}`: `{sign}` is taken away from its numbers"));
        }
    }
    notes
}
