//! Which columns of a table are new to a space, and what a user should hear of them.

use std::collections::{HashMap, HashSet};

use tabgraft_table::Table;
use tabgraft_table::cell;
use tabgraft_table::schema::{
    ColumnSpec, DateFormat, ExcludedColumn, Exclusion, InferOptions, Schema, infer,
};
use tabgraft_table::table::{quoted, quoted_some};

use super::ExtendOptions;
use crate::error::{Error, Result};
use crate::space::{EmbeddingSpace, pattern, says_the_same};
use crate::train::{Event, Sink};

/// Columns that a message names of each list.
const MOST_NAMED: usize = 20;

/// Rows by which columns are found that may say the same; all rows then have the last word.
const SAMPLE_ROWS: usize = 2_000;

impl EmbeddingSpace {
    /// The schema of the columns that the table has and this space has never heard of, or shall take
    /// back.
    pub(super) fn new_schema(&self, table: &Table, options: &ExtendOptions) -> Result<Schema> {
        let used: HashSet<&str> = self.about.columns.iter().map(|c| c.name.as_str()).collect();
        let out = self.about.excluded.iter().filter(|e| stays_out(e));
        let out: HashSet<&str> = out.map(|e| e.name.as_str()).collect();
        let names: Vec<String> = table
            .column_names()
            .into_iter()
            .filter(|n| !used.contains(n.as_str()))
            .filter(|n| !out.contains(n.as_str()) || options.regraft.contains(n))
            .collect();
        let target = options.keep.target().map(str::to_owned);
        let mut options = self.options_of_new_columns(options)?;
        options.ignore.extend(target.filter(|t| !options.ignore.contains(t)));
        // What the parent left out already needs no second word.
        options.ignore.retain(|name| !out.contains(name.as_str()));
        let mut schema =
            if names.is_empty() { Schema::default() } else { infer(&table.select(&names)?, &options)? };
        schema.excluded.retain(|e| !used.contains(e.name.as_str()));
        if !schema.columns.is_empty() {
            schema.notes.extend(self.repeated(table, &schema)?);
            return Ok(schema);
        }
        let known: Vec<String> = self.about.columns.iter().map(|c| c.name.clone()).collect();
        let excluded = self.about.excluded.iter().chain(&schema.excluded);
        let left_out: Vec<_> = excluded.filter(|e| table.has_column(&e.name)).collect();
        let mut message = format!(
            "no new columns found: the space has {}; the table has {}",
            quoted_some(&known, MOST_NAMED),
            quoted_some(&table.column_names(), MOST_NAMED)
        );
        if !left_out.is_empty() {
            let named = left_out.iter().take(MOST_NAMED).map(|e| format!("`{}` ({})", e.name, e.reason));
            message += &format!("; left out: {}", named.collect::<Vec<_>>().join(", "));
            if let Some(more) = left_out.len().checked_sub(MOST_NAMED).filter(|more| *more > 0) {
                message += &format!(" and {more} more");
            }
        }
        Err(Error::no_new_columns(message)
            .with_hint("apply the features to the table before extending, or add the new source's columns"))
    }

    /// The options that are about new columns: what is said of old ones must be what they are.
    ///
    /// # Errors
    /// A schema error for another kind or date format than an old column has, for an old column that is to be
    /// ignored, and for a column that was left out and is not taken back.
    fn options_of_new_columns(&self, options: &ExtendOptions) -> Result<InferOptions> {
        let mut infer = options.infer.clone();
        let old = |name: &str| self.about.columns.iter().find(|c| c.name == name);
        for (name, kind) in &options.infer.kinds {
            if let Some(column) = old(name).filter(|column| column.kind != *kind) {
                return Err(changes_old("kinds", column, kind.word()));
            }
        }
        for (name, format) in &options.infer.date_formats {
            let same = Some(DateFormat::given(format));
            if let Some(column) = old(name).filter(|column| column.date_format != same) {
                return Err(changes_old("date_formats", column, format));
            }
        }
        if let Some(name) = options.infer.ignore.iter().find(|name| old(name).is_some()) {
            return Err(Error::schema(format!(
                "option `ignore` names column `{name}`, which `{}` uses",
                self.name()
            ))
            .with_hint("a graft keeps old columns; `prune` removes one"));
        }
        for name in infer.kinds.keys().chain(infer.date_formats.keys()) {
            let left_out = self.about.excluded.iter().find(|e| e.name == *name && stays_out(e));
            if let Some(left_out) = left_out.filter(|_| !options.regraft.contains(name)) {
                return Err(Error::schema(format!(
                    "column `{name}` has a kind or a date format, but was left out of `{}`: {}",
                    self.name(),
                    left_out.reason
                ))
                .with_hint(match left_out.exclusion {
                    Exclusion::Pruned => "name it in `regraft` to take it back, or say nothing of it",
                    _ => "what a space left out stays out; give the column another name to use it",
                }));
            }
        }
        infer.kinds.retain(|name, _| old(name).is_none());
        infer.date_formats.retain(|name, _| old(name).is_none());
        Ok(infer)
    }

    /// Old columns that the table lacks, or that have no value in any of its rows.
    pub(super) fn retired(&self, table: &Table) -> Result<Vec<String>> {
        let mut retired = Vec::new();
        for column in &self.about.columns {
            let name = &column.name;
            if !table.has_column(name) || !cell::has_value(name, table.column(name)?)? {
                retired.push(name.clone());
            }
        }
        Ok(retired)
    }

    /// Warns of old columns that the table lacks, or that have no value in any of its rows.
    pub(super) fn tell_absent(&self, table: &Table, sink: &mut Sink<'_>) -> Result<()> {
        let (absent, empty): (Vec<String>, Vec<String>) =
            self.retired(table)?.into_iter().partition(|name| !table.has_column(name));
        for (columns, what) in [(absent, "the table lacks"), (empty, "no row of the table has a value in")] {
            if !columns.is_empty() {
                let text = format!(
                    "{what} {} of the parent's columns ({}); their cells count as missing",
                    columns.len(),
                    quoted(&columns)
                );
                let _ = sink(&Event::Warning { text });
            }
        }
        Ok(())
    }

    /// Notes on new columns that say what another column of the table says: an old one, one that the space
    /// ignores, which may be a target, or a new one before it.
    fn repeated(&self, table: &Table, schema: &Schema) -> Result<Vec<String>> {
        let sample = table.slice(0, SAMPLE_ROWS);
        let is_ignored = |e: &&ExcludedColumn| e.exclusion == Exclusion::Ignored;
        let ignored = self.about.excluded.iter().chain(&schema.excluded).filter(is_ignored).map(|e| &e.name);
        let old = self.about.columns.iter().map(|c| &c.name);
        let mut known: HashMap<blake3::Hash, (&str, bool)> = HashMap::new();
        let others = old.map(|name| (name, false)).chain(ignored.map(|name| (name, true)));
        for (name, is_ignored) in others.filter(|(name, _)| table.has_column(name)) {
            // What cannot be read, such as a list that the space ignores, is like nothing.
            if let Ok(pattern) = pattern(&sample, name) {
                known.entry(pattern).or_insert((name, is_ignored));
            }
        }
        let mut notes = Vec::new();
        for column in &schema.columns {
            let pattern = pattern(&sample, &column.name)?;
            match known.get(&pattern) {
                Some((other, is_ignored)) => {
                    notes.extend(says_the_same(table, &column.name, other)?.map(|same| {
                        let then = match is_ignored {
                            true => {
                                ", which the space ignores: if that is a target, this column gives it away"
                            }
                            false => "; it is used, but adds nothing",
                        };
                        same + then
                    }));
                }
                None => drop(known.insert(pattern, (&column.name, false))),
            }
        }
        Ok(notes)
    }
}

/// Whether descendants leave a column out because this version did. How a column was stored says
/// nothing of the next table.
fn stays_out(column: &ExcludedColumn) -> bool {
    !matches!(column.exclusion, Exclusion::Index | Exclusion::Unreadable)
}

fn changes_old(option: &str, column: &ColumnSpec, wanted: &str) -> Error {
    let is = match &column.date_format {
        Some(DateFormat::Typed) => "a timestamp, typed as such".to_owned(),
        Some(format) => format!("a timestamp, written `{}`", format.text()),
        None => column.kind.word().to_owned(),
    };
    Error::schema(format!("option `{option}` says `{wanted}` of column `{}`, which is {is}", column.name))
        .with_hint("a graft keeps old columns as they are: leave it out, or train a new space")
}
