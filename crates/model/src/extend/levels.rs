//! Levels of categories that later rows have and a space does not know, and what a user should hear of later rows.

use tabgraft_table::Table;
use tabgraft_table::codec::{Codec, CodecConfig, LaterLevels};
use tabgraft_table::encoded::{EncodedTable, PartForm, PartValues};
use tabgraft_table::split::Part;
use tabgraft_table::stats::ColumnStats;
use tabgraft_table::table::{quoted, quoted_some};

use crate::error::Result;
use crate::space::{EmbeddingSpace, Mode, Rows};

/// Levels that a note names of each column.
const MOST_NAMED: usize = 5;
/// Share of a column's values beyond its bins from which on it is told.
const FAR_SHARE: f64 = 0.01;

/// The codecs of a space with codes for the levels that training rows bring.
pub(super) struct NewLevels {
    /// `[n_columns]`.
    pub codecs: Vec<Codec>,
    /// The same with a class for every later level, to learn by: `[n_columns]`.
    pub by_class: Vec<Codec>,
    /// What came of each column, `[n_columns]`.
    pub found: Vec<LaterLevels>,
    /// Which rows of the table have one of the new levels, `[n_rows]`.
    pub has_new: Vec<bool>,
}

impl NewLevels {
    /// The columns with new levels.
    pub fn columns(&self) -> Vec<usize> {
        (0..self.found.len()).filter(|c| !self.found[*c].new.is_empty()).collect()
    }

    /// These rows, those alone with a new level or those alone without one.
    pub fn rows(&self, rows: &[usize], has_new: bool) -> Vec<usize> {
        rows.iter().copied().filter(|row| self.has_new[*row] == has_new).collect()
    }
}

impl EmbeddingSpace {
    /// The levels that the training rows of `table` bring. In a mode that trains the heads they become classes too.
    pub(super) fn new_levels(&self, table: &Table, rows: &Rows, mode: Mode) -> Result<NewLevels> {
        let mut levels = NewLevels {
            codecs: self.codecs().to_vec(),
            by_class: self.codecs().to_vec(),
            found: vec![LaterLevels::default(); self.codecs().len()],
            has_new: vec![false; table.n_rows()],
        };
        let train_rows: Vec<u32> = rows.train.iter().map(|row| *row as u32).collect();
        let are_classes = mode != Mode::Frozen;
        for (c, (spec, codec)) in self.columns().iter().zip(self.codecs()).enumerate() {
            if !matches!(codec, Codec::Categorical(_)) || !table.has_column(&spec.name) {
                continue;
            }
            let trained = table.select(std::slice::from_ref(&spec.name))?.take(&train_rows)?;
            let mut stats = ColumnStats::new(spec.kind);
            stats.update(spec, trained.column(&spec.name)?).map_err(|e| e.in_rows_of(&trained))?;
            let config = &self.config().codec;
            let (later, found) = codec.with_later(&stats, config, are_classes);
            let no_limit = CodecConfig { max_categories: usize::MAX, ..config.clone() };
            levels.by_class[c] = codec.with_later(&stats, &no_limit, true).0;
            if let (false, [PartForm::Code { n_codes }]) = (found.new.is_empty(), &codec.parts()[..]) {
                let encoded = later.apply(&spec.name, table.column(&spec.name)?)?;
                for part in &encoded.parts {
                    let PartValues::Code { code } = part else { continue };
                    let is_new = code.iter().map(|code| *code as usize >= *n_codes);
                    levels.has_new.iter_mut().zip(is_new).for_each(|(has, is_new)| *has |= is_new);
                }
            }
            (levels.codecs[c], levels.found[c]) = (later, found);
        }
        Ok(levels)
    }

    /// Which new levels got codes, which did not, and which are no classes.
    pub(super) fn notes_on_levels(&self, levels: &NewLevels, mode: Mode) -> Vec<String> {
        let min_rows = self.config().codec.min_category_rows();
        let note = |(spec, found): (&tabgraft_table::schema::ColumnSpec, &LaterLevels)| {
            let left = match found.n_left {
                0 => String::new(),
                n => format!(
                    "{n} level(s) stay unseen, in fewer than {min_rows} training rows each (`min_category_rows`)"
                ),
            };
            if found.new.is_empty() {
                return (found.n_left > 0).then(|| format!("column `{}`: {left}", spec.name));
            }
            let named = quoted_some(&found.new, MOST_NAMED);
            let classes = match found.n_without_class {
                0 => String::new(),
                _ if mode == Mode::Frozen => {
                    "; no head learns to predict them, for mode `frozen` leaves heads alone".to_owned()
                }
                n => {
                    format!("; {n} of the later levels are no class of its head, which has `max_categories`")
                }
            };
            let left = if left.is_empty() { left } else { format!("; {left}") };
            let n = found.new.len();
            Some(format!(
                "column `{}`: {n} new level(s) have codes of their own: {named}{left}{classes}",
                spec.name
            ))
        };
        self.columns().iter().zip(&levels.found).filter_map(note).collect()
    }

    /// Columns of numbers and times with values beyond the range that their bins were made for.
    pub(super) fn note_on_ranges(&self, encoded: &EncodedTable) -> Option<String> {
        let mut far = Vec::new();
        for ((spec, codec), column) in self.columns().iter().zip(self.codecs()).zip(&encoded.columns) {
            let (Some(edges), Some(PartValues::Piecewise { bin, position })) =
                (codec.edges(), column.parts.first())
            else {
                continue;
            };
            let last = edges.len().saturating_sub(2);
            let is_beyond = |row: &usize| {
                position[*row] < 0.0 && bin[*row] == 0
                    || position[*row] > 1.0 && usize::from(bin[*row]) == last
            };
            let present: Vec<usize> = (0..bin.len()).filter(|row| !column.missing[*row]).collect();
            let share =
                present.iter().filter(|row| is_beyond(row)).count() as f64 / present.len().max(1) as f64;
            if share >= FAR_SHARE {
                far.push(format!("`{}` {:.0} %", spec.name, 100.0 * share));
            }
        }
        (!far.is_empty()).then(|| {
            format!(
                "values beyond the range that the columns' bins were made for, which stay as they are: {}; `watch` tells \
                 more of what has changed",
                far.join(", ")
            )
        })
    }

    /// That its split by time goes on, and how.
    pub(super) fn note_on_time(&self, rows: &Rows) -> String {
        let n = |wanted: Part| rows.parts.iter().filter(|part| **part == wanted).count();
        format!(
            "`{}` goes on after the last time so far: earlier rows keep their parts, and of later ones the last test; now \
             {} rows train, {} validate, {} test",
            self.split().columns().join(", "),
            n(Part::Train),
            n(Part::Valid),
            n(Part::Test)
        )
    }

    /// Columns of the table that the space has never heard of.
    pub(super) fn note_on_new_columns(&self, table: &Table, target: Option<&str>) -> Option<String> {
        let unknown = self.column_report(table).ignored_columns.into_iter().filter(|column| column.unknown);
        let new: Vec<String> =
            unknown.map(|column| column.name).filter(|name| target != Some(name.as_str())).collect();
        (!new.is_empty())
            .then(|| format!("the table has {}, new columns: `extend` grafts them", quoted(&new)))
    }
}
