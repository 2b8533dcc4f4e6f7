//! The rules that give each column its kind, or leave it out.
//!
//! Rules look at a [`ColumnProfile`] and, where values leave two readings open, at the name. Every
//! decision carries its figures. The user's word wins over all of them.

use std::collections::BTreeMap;

use arrow::array::{ArrayRef, AsArray};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::kind_of_cells::{exclude, infer_column, keep, spellings_note, told_format};
use super::profile::ColumnProfile;
use super::spellings::Spellings;
use super::{ColumnSpec, DateFormat, ExcludedColumn, Exclusion, Kind, Schema};
use crate::cell::{self, Storage};
use crate::error::{Error, Result};
use crate::origin::{KnownColumn, Wanted};
use crate::stats::counts::MAX_VALUES;
use crate::table::Table;
use crate::threads::in_pool;
use crate::visible::quoted;
use crate::workers::Shard;

/// What the user knows better.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct InferOptions {
    /// Kinds of columns by name; they win over every rule.
    pub kinds: BTreeMap<String, Kind>,
    /// `chrono` date formats of columns by name, such as `%d/%m/%Y`, or several with `|` between them; such
    /// a column is a timestamp.
    pub date_formats: BTreeMap<String, String>,
    /// Columns to leave out.
    pub ignore: Vec<String>,
    /// Most distinct texts, or whole numbers named like codes, that are still categories; default 50,000.
    /// Fewer are text, too, where they do not repeat or are read like prose.
    pub max_categories: u64,
}

impl Default for InferOptions {
    fn default() -> Self {
        InferOptions {
            kinds: BTreeMap::new(),
            date_formats: BTreeMap::new(),
            ignore: Vec::new(),
            max_categories: MAX_VALUES as u64,
        }
    }
}

impl InferOptions {
    /// What the user's words say of columns before the table is read.
    pub fn known(&self) -> BTreeMap<String, KnownColumn> {
        let known = |(name, kind): (&String, &Kind)| {
            let is_number = *kind == Kind::Numeric;
            (name.clone(), if is_number { KnownColumn::DeclaredNumber } else { KnownColumn::AsWritten })
        };
        let dates = self.date_formats.keys().map(|name| (name.clone(), KnownColumn::AsWritten));
        self.kinds.iter().map(known).chain(dates).collect()
    }

    /// The columns that have to be read: all but those to leave out, unless they are `needed` for
    /// something else.
    pub fn wants<S: AsRef<str>>(&self, needed: impl IntoIterator<Item = S>) -> Wanted {
        Wanted::AllBut(self.ignore.iter().cloned().collect()).and(needed)
    }
}

/// What was decided about one column.
pub(super) enum Decision {
    Use { kind: Kind, reason: String, date_format: Option<DateFormat>, notes: Vec<String> },
    Exclude { exclusion: Exclusion, reason: String, notes: Vec<String> },
}

/// Says what each column of a table means, from all of its rows; of rows that were drawn, by the profiles of all rows,
/// beside which only what is remarked of texts, and dates of several forms, goes by the drawn ones. Of the rows of
/// several workers it is by the profiles of all rows what worker 0 says, beside which those go by its own.
///
/// # Errors
/// A schema error if an option names a column that is not there, contradicts another, or if a
/// column has a type that cannot be read; a value error that names the row if a column's cells do
/// not fit the kind that the user gave it, or if the table has no rows.
pub fn infer(table: &Table, options: &InferOptions) -> Result<Schema> {
    check_options(table, options)?;
    if table.n_rows() == 0 {
        return Err(Error::value("the table has no rows").with_hint("a schema is inferred from rows"));
    }
    let names = table.column_names();
    let profiles = profiles_of_whole(table, options)?;
    let decide = |name: &String| {
        decide_column(table, name, profiles.get(name), options).map_err(|e| e.in_rows_of(table))
    };
    let decisions = in_pool(|| names.par_iter().map(decide).collect::<Result<Vec<_>>>())??;
    let mut schema = Schema::default();
    for (name, decision) in names.into_iter().zip(decisions) {
        match decision {
            Decision::Use { kind, reason, date_format, notes } => {
                schema.columns.push(ColumnSpec { name, kind, reason, date_format });
                schema.notes.extend(notes);
            }
            Decision::Exclude { exclusion, reason, notes } => {
                schema.notes.extend(notes);
                schema.excluded.push(ExcludedColumn { name, exclusion, reason });
            }
        }
    }
    let origin = table.origin();
    for name in origin.unread.iter().filter(|name| options.ignore.contains(name)) {
        schema.excluded.push(ignored(name));
    }
    let is_absent = |name: &String| !table.has_column(name) && !origin.unread.contains(name);
    for column in origin.set_aside.iter().filter(|column| is_absent(&column.name)) {
        let is_ignored = options.ignore.contains(&column.name);
        schema.excluded.push(if is_ignored { ignored(&column.name) } else { column.clone() });
    }
    table.shard().map_or(Ok(schema.clone()), |shard| shard.first_of(&schema))
}

fn ignored(name: &str) -> ExcludedColumn {
    let reason = "ignored by the user".to_owned();
    ExcludedColumn { name: name.to_owned(), exclusion: Exclusion::Ignored, reason }
}

fn check_options(table: &Table, options: &InferOptions) -> Result<()> {
    let named = options.kinds.keys().map(|name| ("kinds", name));
    let named = named.chain(options.date_formats.keys().map(|name| ("date_formats", name)));
    let named = named.chain(options.ignore.iter().map(|name| ("ignore", name)));
    let origin = table.origin();
    let is_out = |name: &String| origin.unread.contains(name) || origin.set_aside(name).is_some();
    for (option, name) in named {
        if option == "ignore" && is_out(name) {
            continue;
        }
        table.column(name).map_err(|e| e.at(format!("option `{option}`")))?;
    }
    for name in &options.ignore {
        if options.kinds.contains_key(name) || options.date_formats.contains_key(name) {
            return Err(Error::schema(format!("column `{name}` is both ignored and given a kind"))
                .with_hint("remove it from one of the two"));
        }
    }
    for name in options.date_formats.keys() {
        if options.kinds.get(name).is_some_and(|kind| *kind != Kind::Timestamp) {
            return Err(Error::schema(format!("column `{name}` has a date format but is no timestamp"))
                .with_hint("remove its kind or its date format"));
        }
    }
    Ok(())
}

/// The profiles of all rows that a table was drawn from, or that the workers have together, by column; none where it
/// has all of them.
fn profiles_of_whole(table: &Table, options: &InferOptions) -> Result<BTreeMap<String, ColumnProfile>> {
    let mut names = table.column_names();
    names.retain(|name| !options.ignore.contains(name));
    if let Some(shard) = table.shard() {
        return profiles_of_workers(table, names, shard);
    }
    let Some(whole) = table.whole() else { return Ok(BTreeMap::new()) };
    let mut profiles: Vec<Option<ColumnProfile>> = vec![None; names.len()];
    whole.each_part(&names, &mut |part| {
        let count = |(name, profile): (&String, &mut Option<ColumnProfile>)| {
            // What is computed from other columns is not there.
            if !part.has_column(name) {
                return Ok(());
            }
            let array = part.column(name)?;
            let storage = Storage::of(name, array.data_type())?;
            match profile {
                Some(profile) if profile.storage == storage => profile.update(name, array),
                Some(profile) => {
                    profile.merge(&ColumnProfile::of(name, array)?);
                    Ok(())
                }
                None => {
                    *profile = Some(ColumnProfile::of(name, array)?);
                    Ok(())
                }
            }
        };
        in_pool(|| names.par_iter().zip(&mut profiles).try_for_each(count))?
    })?;
    Ok(names.into_iter().zip(profiles).filter_map(|(name, profile)| Some((name, profile?))).collect())
}

/// The profiles of the rows of all workers, whose tables have the same columns.
fn profiles_of_workers(
    table: &Table,
    names: Vec<String>,
    shard: &Shard,
) -> Result<BTreeMap<String, ColumnProfile>> {
    shard.check_same("columns", format!("{names:?}").as_bytes())?;
    let profile =
        |name: &String| ColumnProfile::of(name, table.column(name)?).map_err(|e| e.in_rows_of(table));
    let own = in_pool(|| names.par_iter().map(profile).collect::<Result<Vec<_>>>())??;
    let merged = shard.merged(&own, |profile, other| {
        profile.merge(other);
        Ok(())
    })?;
    Ok(names.into_iter().zip(merged).collect())
}

fn decide_column(
    table: &Table,
    name: &str,
    of_whole: Option<&ColumnProfile>,
    options: &InferOptions,
) -> Result<Decision> {
    if options.ignore.iter().any(|ignored| ignored == name) {
        let ExcludedColumn { exclusion, reason, .. } = ignored(name);
        return Ok(exclude(exclusion, reason));
    }
    let array = table.column(name)?;
    let given_format = options.date_formats.get(name);
    let kind = options.kinds.get(name).copied().or(given_format.map(|_| Kind::Timestamp));
    let Some(kind) = kind else {
        if let Some(ExcludedColumn { exclusion, reason, .. }) = table.origin().set_aside(name) {
            return Ok(exclude(*exclusion, reason.clone()));
        }
        let profile =
            of_whole.map_or_else(|| ColumnProfile::of(name, array), |profile| Ok(profile.clone()))?;
        return Ok(match table.origin().declared_categories.contains(name) {
            true => infer_declared(table, name, array, &profile, options),
            false => infer_column(table, name, array, &profile, options),
        });
    };
    let mut notes = Vec::new();
    let mut date_format = None;
    match kind {
        Kind::Numeric => cell::numbers(name, array).map(drop)?,
        Kind::Boolean => cell::truths(name, array).map(drop)?,
        Kind::Categorical | Kind::Text => cell::texts(name, array).map(drop)?,
        Kind::Timestamp => {
            let profile = ColumnProfile::of(name, array)?;
            let (format, note) = match given_format {
                Some(format) => (DateFormat::given(format), None),
                None => known_format(name, array, &profile)?,
            };
            cell::timestamps_us(name, array, &format)?;
            date_format = Some(if profile.storage == Storage::Time { DateFormat::Typed } else { format });
            notes.extend(note);
        }
    }
    Ok(Decision::Use { kind, reason: "set by the user".to_owned(), date_format, notes })
}

/// The format of a column that the user calls a timestamp.
fn known_format(
    name: &str,
    array: &ArrayRef,
    profile: &ColumnProfile,
) -> Result<(DateFormat, Option<String>)> {
    if profile.storage == Storage::Time || profile.n_present() == 0 {
        return Ok((DateFormat::Typed, None));
    }
    if let Some(found) = profile.date_format() {
        let (format, note) = told_format(name, array, profile, found);
        return Ok((DateFormat::Text(format), note));
    }
    let spellings = spellings_of(array, profile);
    match spellings.as_ref() {
        Some(found) if found.misfit.is_none() => {
            Ok((DateFormat::of(&found.formats), spellings_note(name, profile, found)))
        }
        Some(Spellings { formats, n_dates, misfit: Some((row, text)), .. }) => Err(Error::value(format!(
            ": `{text}` is no date, as {n_dates} of {} values are ({})",
            profile.n_present(),
            quoted(formats)
        ))
        .in_row(format!("column `{name}`, "), *row)
        .with_hint(
            "correct the cell, leave it empty, give it as a missing token, or give the column's date format",
        )),
        _ => Err(Error::value(format!(
            "column `{name}` is no timestamp: no known date format fits half of its values"
        ))
        .with_hint("give its date format, for example `%d.%m.%Y %H:%M`, and the misfit will be named")),
    }
}

/// The date formats of a column of text, if half of its values are dates.
pub(super) fn spellings_of(array: &ArrayRef, profile: &ColumnProfile) -> Option<Spellings> {
    (profile.storage == Storage::Text).then(|| Spellings::of(array.as_string_opt::<i32>()?)).flatten()
}

/// A column that the data declare as categories: so it is used, unless that says nothing, as where a library
/// keeps texts in a dictionary that has one value for each row.
fn infer_declared(
    table: &Table,
    name: &str,
    array: &ArrayRef,
    profile: &ColumnProfile,
    options: &InferOptions,
) -> Decision {
    let mut decision = infer_column(table, name, array, profile, options);
    let (n_present, n_distinct) = (profile.n_present(), profile.n_distinct());
    let is_constant = n_distinct == 1 && profile.n_missing == 0;
    // Truths and times have categories of their own.
    let has_names = matches!(profile.storage, Storage::Text | Storage::Integer | Storage::Float);
    if n_present == 0 || is_constant || !has_names {
        return decision;
    }
    let is_unique = profile.is_unique() && n_present > 1;
    if !is_unique && n_distinct <= options.max_categories {
        return keep(
            Kind::Categorical,
            format!("declared as categories, {n_distinct} distinct in {n_present} rows"),
        );
    }
    if let Decision::Use { kind: Kind::Categorical, .. } = decision {
        return decision;
    }
    let note = format!(
        "column `{name}` is declared as categories, but has {n_distinct} of them in {n_present} rows, so its values \
         decide what it is used as; give it the kind categorical to use it as categories"
    );
    match &mut decision {
        Decision::Use { notes, .. } | Decision::Exclude { notes, .. } => notes.push(note),
    }
    decision
}
