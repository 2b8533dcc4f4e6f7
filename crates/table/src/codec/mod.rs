//! Codecs: columns to numbers and back, fitted on training rows, without learned weights.
//!
//! | kind | parts | target |
//! |---|---|---|
//! | numeric | piecewise linear | quantile class |
//! | categorical, boolean | code (0 is *unseen*) | code - 1; of many codes a class for several |
//! | timestamp | piecewise linear, cycles of the calendar | quantile class |
//! | text | bag of hashed words | frequent word |
//!
//! In every codec a missing cell sets `missing`, has zeros or nothing in its parts and no target;
//! an unseen category has no target either; an infinite number is capped. A row's numbers depend
//! on that row alone.

pub mod bins;
mod categorical;
mod later;
mod numeric;
mod text;
mod timestamp;

use arrow::array::{ArrayRef, BooleanArray, UInt32Array, new_null_array};
use arrow::compute::{filter, take};
use arrow::datatypes::DataType;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::cell::{self, Storage};
use crate::column::{ColumnSpec, Kind, Schema};
use crate::encoded::{EncodedColumn, EncodedTable, PartForm};
use crate::error::{Error, Result};
use crate::stats::{ColumnStats, ValueStats};
use crate::table::{Table, Whole};
use crate::threads::in_pool;
pub use categorical::{CategoricalCodec, MIN_CATEGORY_ROWS, PRIVATE_ROWS, UNSEEN};
pub use later::LaterLevels;
pub use numeric::NumericCodec;
pub use text::TextCodec;
pub use timestamp::TimestampCodec;

/// Cells that are numbers at a time while a table is coded in pieces.
pub const PIECE_CELLS: usize = 131_072;
/// Rows that a piece has at least.
const LEAST_PIECE_ROWS: usize = 512;

/// Sizes of codecs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CodecConfig {
    /// Bins of a number or time, 1 to 4096; default 24. Fewer where values repeat.
    pub n_bins: usize,
    /// Classes of the target of a number, time or text, 2 to 4096; default 16.
    pub n_targets: usize,
    /// Categories of a column that have a code of their own however rare they are, and most classes that
    /// a hidden one is predicted as, 2 to 60,000; default 256.
    pub max_categories: usize,
    /// Training rows that give a category a code of its own where a column has more than
    /// `max_categories`, at least 1; default 2. Categories with fewer share one code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_category_rows: Option<u64>,
    /// Features of a text, 8 to 65,536; default 128.
    pub text_slots: usize,
    /// Whether categories and words that fewer than [`PRIVATE_ROWS`] training rows have, or fewer than
    /// `min_category_rows` where that is more, leave nothing behind, neither their text nor its hash: such categories
    /// are taken for unseen ones, in columns of few categories, too. Default false.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub private: bool,
}

impl Default for CodecConfig {
    fn default() -> Self {
        CodecConfig {
            n_bins: 24,
            n_targets: 16,
            max_categories: 256,
            min_category_rows: None,
            text_slots: 128,
            private: false,
        }
    }
}

impl CodecConfig {
    /// The same sizes with so many rows for a category's own code; the default leaves no trace.
    pub fn with_min_category_rows(self, n_rows: u64) -> Self {
        CodecConfig { min_category_rows: (n_rows != MIN_CATEGORY_ROWS).then_some(n_rows), ..self }
    }

    /// Training rows that give a category a code of its own: where a column has more than `max_categories`, and in any
    /// column with `private`.
    pub fn min_category_rows(&self) -> u64 {
        let least = if self.private { PRIVATE_ROWS } else { 1 };
        self.min_category_rows.unwrap_or(MIN_CATEGORY_ROWS).max(least)
    }

    /// Validates the sizes.
    ///
    /// # Errors
    /// An option error that names the size and its range.
    pub fn check(&self) -> Result<()> {
        for (name, value, allowed) in [
            ("n_bins", self.n_bins, 1..=bins::MAX_BINS),
            ("n_targets", self.n_targets, 2..=bins::MAX_BINS),
            ("max_categories", self.max_categories, categorical::MAX_CATEGORIES),
            ("text_slots", self.text_slots, text::SLOTS),
        ] {
            if !allowed.contains(&value) {
                return Err(Error::option(format!("`{name}` is {value}")).with_hint(format!(
                    "{} to {} are allowed",
                    allowed.start(),
                    allowed.end()
                )));
            }
        }
        match self.min_category_rows {
            Some(0) => Err(Error::option("`min_category_rows` is 0").with_hint("1 or more is allowed")),
            _ => Ok(()),
        }
    }
}

/// A fitted codec.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "codec", rename_all = "snake_case")]
pub enum Codec {
    /// Of [`Kind::Numeric`].
    Numeric(NumericCodec),
    /// Of [`Kind::Categorical`] and [`Kind::Boolean`].
    Categorical(CategoricalCodec),
    /// Of [`Kind::Timestamp`].
    Timestamp(TimestampCodec),
    /// Of [`Kind::Text`].
    Text(TextCodec),
}

/// What is unusual about a cell, compared with the training rows.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "flag", rename_all = "snake_case", deny_unknown_fields)]
pub enum CellFlag {
    /// Nothing.
    None,
    /// The cell has no value.
    Missing,
    /// The category was not in the training rows.
    Unseen,
    /// The number is infinite.
    NonFinite,
    /// The value lies outside the range of the training rows, but is no outlier.
    OutOfRange,
    /// The number lies `z >= 3` standard deviations from the mean of the training rows.
    Outlier {
        /// Distance in standard deviations.
        z: f32,
    },
}

/// How far a number lies from the training rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// From 3 standard deviations: unusual.
    Outlier,
    /// From 4: the network has hardly seen the like.
    Extrapolation,
    /// From 20: the prediction rests on a cap.
    Severe,
    /// From 100, and infinities: very likely a wrong unit or a broken value.
    Error,
}

impl CellFlag {
    /// What to call it in a report: an outlier and an infinity by how bad they are, anything else by what it is.
    pub fn word(&self) -> &'static str {
        match (self.severity(), self) {
            (Some(Severity::Outlier), _) => "outlier",
            (Some(Severity::Extrapolation), _) => "extrapolation",
            (Some(Severity::Severe), _) => "severe",
            (Some(Severity::Error), _) => "error",
            (None, CellFlag::Unseen) => "unseen",
            (None, CellFlag::Missing) => "missing",
            (None, CellFlag::OutOfRange) => "out_of_range",
            (None, _) => "usual",
        }
    }

    /// How bad it is; only outliers and infinities have a severity.
    pub fn severity(&self) -> Option<Severity> {
        match *self {
            CellFlag::NonFinite => Some(Severity::Error),
            CellFlag::Outlier { z } if z >= 100.0 => Some(Severity::Error),
            CellFlag::Outlier { z } if z >= 20.0 => Some(Severity::Severe),
            CellFlag::Outlier { z } if z >= 4.0 => Some(Severity::Extrapolation),
            CellFlag::Outlier { .. } => Some(Severity::Outlier),
            _ => None,
        }
    }
}

impl Codec {
    /// Fits the codec of the column's kind to training rows. Their order does not matter.
    ///
    /// # Errors
    /// A value error that names the row of a cell that does not fit the kind; an option error if
    /// the configuration is out of range.
    pub fn fit(spec: &ColumnSpec, array: &ArrayRef, config: &CodecConfig) -> Result<Self> {
        let mut stats = ColumnStats::new(spec.kind);
        stats.update(spec, array)?;
        Self::fit_from_stats(spec, &stats, config)
    }

    /// Fits the codec to statistics, which may have been merged from many batches.
    ///
    /// # Errors
    /// An option error if the configuration is out of range; a schema error if a timestamp column
    /// has no date format or the statistics are of another kind.
    pub fn fit_from_stats(spec: &ColumnSpec, stats: &ColumnStats, config: &CodecConfig) -> Result<Self> {
        config.check()?;
        Ok(match (spec.kind, &stats.values) {
            (Kind::Numeric, ValueStats::Numeric { quantiles }) => {
                Codec::Numeric(NumericCodec::fit(quantiles, config))
            }
            (Kind::Categorical, ValueStats::Categorical { counts }) => {
                Codec::Categorical(CategoricalCodec::fit(counts, false, config))
            }
            (Kind::Boolean, ValueStats::Boolean { counts }) => {
                Codec::Categorical(CategoricalCodec::fit(counts, true, config))
            }
            (Kind::Timestamp, ValueStats::Timestamp { quantiles, calendar }) => {
                Codec::Timestamp(TimestampCodec::fit(quantiles, calendar, spec.date_format()?, config))
            }
            (Kind::Text, ValueStats::Text { counts }) => Codec::Text(TextCodec::fit(counts, config)),
            _ => {
                return Err(Error::schema(format!(
                    "the statistics of column `{}` are not those of its kind",
                    spec.name
                )));
            }
        })
    }

    /// The forms of the parts, in order; fixed for the codec's life.
    pub fn parts(&self) -> Vec<PartForm> {
        match self {
            Codec::Numeric(codec) => codec.parts(),
            Codec::Categorical(codec) => codec.parts(),
            Codec::Timestamp(codec) => codec.parts(),
            Codec::Text(codec) => codec.parts(),
        }
    }

    /// Edges of the bins of the piecewise-linear part, rising, at least 2; none without such a part.
    pub fn edges(&self) -> Option<&[f64]> {
        match self {
            Codec::Numeric(codec) => Some(codec.edges()),
            Codec::Timestamp(codec) => Some(codec.edges()),
            Codec::Categorical(_) | Codec::Text(_) => None,
        }
    }

    /// Number of classes of the target, at least 1. With 1 there is nothing to predict.
    pub fn n_targets(&self) -> usize {
        match self {
            Codec::Numeric(codec) => codec.n_targets(),
            Codec::Categorical(codec) => codec.n_targets(),
            Codec::Timestamp(codec) => codec.n_targets(),
            Codec::Text(codec) => codec.n_targets(),
        }
    }

    /// Encodes cells. The result of a row depends on that row alone.
    ///
    /// # Errors
    /// A value error that names column, row and value if a cell cannot be read as the column's
    /// kind; a schema error if the column's Arrow type cannot.
    pub fn apply(&self, column: &str, array: &ArrayRef) -> Result<EncodedColumn> {
        match self {
            Codec::Numeric(codec) => codec.apply(column, array),
            Codec::Categorical(codec) => codec.apply(column, array),
            Codec::Timestamp(codec) => codec.apply(column, array),
            Codec::Text(codec) => codec.apply(column, array),
        }
    }

    /// A class of the target in words: `[23.5, 31)`, a category, a word.
    pub fn inverse_target(&self, target: u16) -> String {
        match self {
            Codec::Numeric(codec) => codec.inverse_target(target),
            Codec::Categorical(codec) => codec.inverse_target(target),
            Codec::Timestamp(codec) => codec.inverse_target(target),
            Codec::Text(codec) => codec.inverse_target(target),
        }
    }

    /// Neighbouring classes of the target in words, the lowest and the highest given: `[23.5, 45)`. Classes of
    /// categories and texts have no order: of those the lowest is told.
    pub fn inverse_range(&self, low: u16, high: u16) -> String {
        match self {
            Codec::Numeric(codec) => codec.inverse_range(low, high),
            Codec::Timestamp(codec) => codec.inverse_range(low, high),
            Codec::Categorical(_) | Codec::Text(_) => self.inverse_target(low),
        }
    }

    /// What is unusual about each cell, `[n_rows]`.
    ///
    /// # Errors
    /// As [`Codec::apply`].
    pub fn flags(&self, column: &str, array: &ArrayRef) -> Result<Vec<CellFlag>> {
        match self {
            Codec::Numeric(codec) => codec.flags(column, array),
            Codec::Categorical(codec) => codec.flags(column, array),
            Codec::Timestamp(codec) => codec.flags(column, array),
            Codec::Text(codec) => codec.flags(column, array),
        }
    }

    /// Validates a codec that came from a file; no other method may be called before.
    ///
    /// # Errors
    /// Malformed content: edges that do not rise, sizes out of range, doubled categories.
    pub fn check(&self) -> Result<()> {
        match self {
            Codec::Numeric(codec) => codec.check(),
            Codec::Categorical(codec) => codec.check(),
            Codec::Timestamp(codec) => codec.check(),
            Codec::Text(codec) => codec.check(),
        }
    }
}

/// Fits the codec of every used column to training rows, `[schema.columns.len()]`.
///
/// # Errors
/// As [`Codec::fit`]; a schema error if a column is absent.
pub fn fit_codecs(schema: &Schema, table: &Table, config: &CodecConfig) -> Result<Vec<Codec>> {
    let fit = |spec: &ColumnSpec| {
        Codec::fit(spec, table.column(&spec.name)?, config).map_err(|e| e.in_rows_of(table))
    };
    in_pool(|| schema.columns.par_iter().map(fit).collect())?
}

/// As [`fit_codecs`], to the rows at `rows_idx` alone. They are copied one column at a time. Of the rows of several
/// workers, to those of all of them.
///
/// # Errors
/// As [`fit_codecs`]; a value error for an index behind the last row.
pub fn fit_codecs_to_rows(
    schema: &Schema,
    table: &Table,
    rows_idx: &[u32],
    config: &CodecConfig,
) -> Result<Vec<Codec>> {
    let count = |spec: &ColumnSpec| {
        let column = table.select(std::slice::from_ref(&spec.name))?.take(rows_idx)?;
        let mut stats = ColumnStats::new(spec.kind);
        stats.update(spec, column.column(&spec.name)?)?;
        Ok(stats)
    };
    let Some(shard) = table.shard() else {
        let fit = |spec: &ColumnSpec| Codec::fit_from_stats(spec, &count(spec)?, config);
        return in_pool(|| schema.columns.par_iter().map(fit).collect())?;
    };
    let own = in_pool(|| schema.columns.par_iter().map(count).collect::<Result<Vec<_>>>())??;
    let merged = shard.merged(&own, ColumnStats::merge)?;
    schema
        .columns
        .iter()
        .zip(&merged)
        .map(|(spec, stats)| Codec::fit_from_stats(spec, stats, config))
        .collect()
}

/// As [`fit_codecs_to_rows`]; of a table of rows that were drawn, to all training rows of the whole that it was drawn
/// from, part by part: `trains` says which rows of a part train. Columns that are computed from others are fitted to the
/// drawn rows.
///
/// # Errors
/// As [`fit_codecs_to_rows`], and those of `trains` and of reading.
pub fn fit_codecs_to_whole(
    schema: &Schema,
    table: &Table,
    rows_idx: &[u32],
    config: &CodecConfig,
    whole: &dyn Whole,
    needed: &[String],
    trains: &mut dyn FnMut(&Table) -> Result<Vec<bool>>,
) -> Result<Vec<Codec>> {
    let mut stats: Vec<Option<ColumnStats>> = vec![None; schema.columns.len()];
    let names: Vec<String> = schema.names().into_iter().chain(needed.iter().cloned()).collect();
    whole.each_part(&names, &mut |part| {
        let trains = BooleanArray::from(trains(part)?);
        let count = |(spec, stats): (&ColumnSpec, &mut Option<ColumnStats>)| {
            if !part.has_column(&spec.name) {
                return Ok(());
            }
            check_cells(spec, part.column(&spec.name)?).map_err(|e| e.in_rows_of(part))?;
            let cells = filter(part.column(&spec.name)?, &trains);
            let cells = cells.map_err(|e| Error::value(format!("cannot take rows: {e}")))?;
            stats.get_or_insert_with(|| ColumnStats::new(spec.kind)).update(spec, &cells)
        };
        in_pool(|| schema.columns.par_iter().zip(&mut stats).try_for_each(count))?
    })?;
    let fit = |(spec, stats): (&ColumnSpec, &Option<ColumnStats>)| match stats {
        Some(stats) => Codec::fit_from_stats(spec, stats, config),
        None => {
            let column = table.select(std::slice::from_ref(&spec.name))?.take(rows_idx)?;
            Codec::fit(spec, column.column(&spec.name)?, config)
        }
    };
    in_pool(|| schema.columns.par_iter().zip(&stats).map(fit).collect())?
}

/// What the user should hear of fitted codecs: which categories share a code.
pub fn notes(specs: &[ColumnSpec], codecs: &[Codec], config: &CodecConfig) -> Vec<String> {
    let note = |(spec, codec): (&ColumnSpec, &Codec)| match codec {
        Codec::Categorical(codec) => codec.note(&spec.name, config),
        _ => None,
    };
    specs.iter().zip(codecs).filter_map(note).collect()
}

/// Encodes a table with the codecs of these columns, in their order.
///
/// A column that the table lacks is missing in every row; other columns of the table are passed
/// over. Callers report both.
///
/// # Errors
/// As [`Codec::apply`]; a schema error if there are not as many codecs as columns.
pub fn encode(specs: &[ColumnSpec], codecs: &[Codec], table: &Table) -> Result<EncodedTable> {
    encode_columns(specs, codecs, table, table.n_rows(), |_, array| Ok(array.clone()))
}

/// As [`encode`], of the rows at `rows_idx` alone, copied one column at a time. A cell that cannot be read is an
/// error wherever it stands.
///
/// # Errors
/// As [`encode`].
pub fn encode_rows(
    specs: &[ColumnSpec],
    codecs: &[Codec],
    table: &Table,
    rows_idx: &[usize],
) -> Result<EncodedTable> {
    if rows_idx.len() == table.n_rows() && rows_idx.is_sorted() {
        return encode(specs, codecs, table);
    }
    let rows = UInt32Array::from_iter_values(rows_idx.iter().map(|row| *row as u32));
    encode_columns(specs, codecs, table, rows_idx.len(), |spec, array| {
        check_cells(spec, array)?;
        take(array, &rows, None).map_err(|e| Error::value(format!("cannot take rows: {e}")))
    })
}

/// As [`encode_rows`], some rows at a time, so that never more than about [`PIECE_CELLS`] cells are numbers: `work` sees
/// the pieces in their order.
///
/// # Errors
/// As [`encode_rows`].
pub fn encode_in_pieces(
    specs: &[ColumnSpec],
    codecs: &[Codec],
    table: &Table,
    rows_idx: &[usize],
    work: &mut dyn FnMut(&EncodedTable),
) -> Result<()> {
    if rows_idx.len() < table.n_rows() {
        let check = |spec: &ColumnSpec| match table.column(&spec.name) {
            Ok(array) => check_cells(spec, array).map_err(|e| e.in_rows_of(table)),
            // The pieces say what becomes of it.
            Err(_) => Ok(()),
        };
        in_pool(|| specs.par_iter().try_for_each(check))??;
    }
    for rows in rows_idx.chunks((PIECE_CELLS / specs.len().max(1)).max(LEAST_PIECE_ROWS)) {
        let rows: Vec<u32> = rows.iter().map(|row| *row as u32).collect();
        work(&encode(specs, codecs, &table.take(&rows)?)?);
    }
    Ok(())
}

fn encode_columns(
    specs: &[ColumnSpec],
    codecs: &[Codec],
    table: &Table,
    n_rows: usize,
    choose: impl Fn(&ColumnSpec, &ArrayRef) -> Result<ArrayRef> + Sync,
) -> Result<EncodedTable> {
    if specs.len() != codecs.len() {
        return Err(Error::schema(format!("{} columns cannot have {} codecs", specs.len(), codecs.len())));
    }
    let apply = |(spec, codec): (&ColumnSpec, &Codec)| match table.column(&spec.name) {
        Ok(array) => codec.apply(&spec.name, &choose(spec, array)?).map_err(|e| e.in_rows_of(table)),
        // A column that is there and cannot be read is not a missing one.
        Err(error) if table.origin().set_aside(&spec.name).is_some() => Err(error),
        Err(_) => codec.apply(&spec.name, &new_null_array(&DataType::Utf8, n_rows)),
    };
    let columns = in_pool(|| specs.par_iter().zip(codecs).map(apply).collect::<Result<_>>())??;
    Ok(EncodedTable { n_rows, columns })
}

/// Whether every cell can be read as the column's kind.
fn check_cells(spec: &ColumnSpec, array: &ArrayRef) -> Result<()> {
    let name = spec.name.as_str();
    cell::each_piece(array, |piece| match spec.kind {
        Kind::Numeric => cell::numbers(name, piece).map(drop),
        Kind::Boolean => cell::truths(name, piece).map(drop),
        Kind::Timestamp => cell::timestamps_us(name, piece, spec.date_format()?).map(drop),
        // Any text is one.
        Kind::Categorical | Kind::Text => Storage::of(name, piece.data_type()).map(drop),
    })
}
