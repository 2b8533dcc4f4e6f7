//! Rows as they are sent: JSON objects, JSON lines or CSV, read as the version reads its tables.

use std::borrow::Cow;
use std::fmt;
use std::io::Cursor;

use axum::http::StatusCode;
use serde::de::{DeserializeOwned, Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use tabgraft_table::Table;
use tabgraft_table::read::{ReadOptions, read_csv_bytes, read_table_from};
use tabgraft_table::unreadable::CellErrors;

use crate::failure::Failure;
use crate::query::pairs;
use crate::served::Version;

/// What stands for the rows in messages.
const NAME: &str = "rows.jsonl";
const CSV_NAME: &str = "rows.csv";
/// Most members of a body besides what is in them.
const MOST_MEMBERS: usize = 32;
/// How compressed bytes begin.
const GZIP: &[u8] = &[0x1f, 0x8b];

/// A table as it was asked about.
#[derive(Debug)]
pub(crate) struct Asked<A> {
    pub table: Table,
    /// What becomes of cells that cannot be read.
    pub errors: CellErrors,
    /// What else was asked.
    pub options: A,
}

/// The forms in which rows come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Form {
    /// `{"rows": [{...}, ...]}`, with options beside the rows.
    Json,
    /// One object a line; options stand in the address, behind the `?`.
    JsonLines { query: String },
    /// A header, and a row a line; options as for JSON lines.
    Csv { query: String },
}

/// The rows of a body, and the options in it.
///
/// # Errors
/// 400 for a body that is not of its form, or without rows; 413 for too many rows; 422 for rows that the version
/// cannot read.
pub(crate) fn asked<A: DeserializeOwned>(
    form: &Form,
    body: &[u8],
    version: &Version,
    most_rows: usize,
) -> Result<Asked<A>, Failure> {
    let (table, query) = match form {
        Form::Json => return of_json(body, version, most_rows),
        Form::JsonLines { query } => (of_json_lines(body, version, most_rows)?, query),
        Form::Csv { query } => (of_csv(body, version, most_rows)?, query),
    };
    let (errors, options) = of_query(query)?;
    Ok(Asked { table, errors, options })
}

/// What is asked besides the rows, where these are the whole body.
fn of_query<A: DeserializeOwned>(query: &str) -> Result<(CellErrors, A), Failure> {
    let wrong =
        |error: serde_json::Error| Failure::bad_request(format!("the query is not as it should be: {error}"));
    let mut options = serde_json::Map::new();
    let mut errors = CellErrors::default();
    for (name, value) in pairs(query) {
        match name.as_str() {
            "errors" => errors = serde_json::from_value(value.into()).map_err(wrong)?,
            // A number is one, a word needs no quotes.
            _ => drop(options.insert(name, serde_json::from_str(&value).unwrap_or(value.into()))),
        }
    }
    Ok((errors, serde_json::from_value(options.into()).map_err(wrong)?))
}

fn of_json<A: DeserializeOwned>(
    body: &[u8],
    version: &Version,
    most_rows: usize,
) -> Result<Asked<A>, Failure> {
    let Members(members) = parse(body)?;
    let (mut rows, mut errors, mut others) = (None, CellErrors::default(), String::new());
    for (key, value) in members {
        match &*key {
            "rows" => rows = Some(parse::<Vec<&RawValue>>(value.get().as_bytes())?),
            "errors" => errors = parse(value.get().as_bytes())?,
            key => {
                let key = serde_json::Value::from(key);
                others += &format!("{}{key}:{}", if others.is_empty() { "" } else { "," }, value.get());
            }
        }
    }
    let options = parse(format!("{{{others}}}").as_bytes())?;
    let rows = rows.ok_or_else(|| {
        Failure::bad_request("the body has no `rows`")
            .with_hint("send {\"rows\": [{\"column\": value, ...}, ...]}")
    })?;
    check_rows(rows.len(), most_rows)?;
    let mut lines = Vec::with_capacity(body.len());
    for (i, row) in rows.iter().enumerate() {
        let row = row.get();
        if !row.starts_with('{') {
            return Err(Failure::bad_request(format!("row {i} is no object")).with_hint(
                "a row is an object of column names and values: {\"age\": 41, \"job\": \"cook\"}",
            ));
        }
        // Line ends stand between values alone: in a string they are escaped.
        lines.extend(row.bytes().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { byte }));
        lines.push(b'\n');
    }
    if rows.iter().all(|row| row.get().trim_start_matches('{').trim_start().starts_with('}')) {
        return Err(Failure::unprocessable("no row has a column").with_hint(columns_hint(version)));
    }
    let table = read_table_from(Cursor::new(lines), NAME, &how(version, body.len()))?;
    // A row has a number in the request, and no line.
    let table = Table::new(table.batch().clone())?.with_origin(table.origin().clone());
    Ok(Asked { table, errors, options })
}

/// The members of an object, as they are written; one that stands twice is refused.
struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OfMap;
        impl<'de> Visitor<'de> for OfMap {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
                let mut members: Vec<(Cow<'de, str>, &'de RawValue)> = Vec::new();
                while let Some(Key(key)) = map.next_key()? {
                    if members.iter().any(|(other, _)| *other == key) {
                        return Err(M::Error::custom(format!("`{key}` stands twice")));
                    }
                    // Bounds what looking for doubled names costs.
                    if members.len() == MOST_MEMBERS {
                        return Err(M::Error::custom(format!("more than {MOST_MEMBERS} members")));
                    }
                    members.push((key, map.next_value()?));
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(OfMap)
    }
}

/// A name, without a copy where none of it is escaped.
#[derive(Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

/// The rows of a body of CSV.
///
/// # Errors
/// As [`asked`].
fn of_csv(body: &[u8], version: &Version, most_rows: usize) -> Result<Table, Failure> {
    // What it would become is not bounded by the body's limit.
    if body.starts_with(GZIP) {
        return Err(Failure::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "the body is compressed")
            .with_hint("send it as it is"));
    }
    let table = read_csv_bytes(body, CSV_NAME, &how(version, body.len()))?;
    check_rows(table.n_rows(), most_rows)?;
    Ok(table)
}

/// The rows of a body of JSON lines.
///
/// # Errors
/// As [`asked`].
fn of_json_lines(body: &[u8], version: &Version, most_rows: usize) -> Result<Table, Failure> {
    if !body.trim_ascii_start().starts_with(b"{") {
        return Err(Failure::bad_request("the body is no JSON lines").with_hint("one object a line"));
    }
    let table = read_table_from(Cursor::new(body.to_vec()), NAME, &how(version, body.len()))?;
    check_rows(table.n_rows(), most_rows)?;
    Ok(table)
}

/// Parses JSON.
///
/// # Errors
/// 400 that says where what is wrong.
pub(crate) fn parse<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Failure> {
    serde_json::from_slice(body).map_err(|error| {
        let failure = Failure::bad_request(format!("the body is not as it should be: {error}"));
        failure.with_hint("`/openapi.json` describes what is asked and answered")
    })
}

pub(crate) fn check_rows(n_rows: usize, most: usize) -> Result<(), Failure> {
    match n_rows {
        0 => Err(Failure::bad_request("there are no rows").with_hint("send one or more")),
        n if n > most => Err(Failure::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("{n} rows, at most {most} are answered at once"),
        )
        .with_hint("send them in parts")),
        _ => Ok(()),
    }
}

fn columns_hint(version: &Version) -> String {
    let names: Vec<&str> = version.inputs.iter().map(|input| input.name.as_str()).collect();
    format!("the columns of `{}` are {}", version.name, tabgraft_table::table::quoted(&names))
}

/// What a body becomes is not much longer than itself.
fn how(version: &Version, n_bytes: usize) -> ReadOptions {
    ReadOptions { max_row_bytes: n_bytes.clamp(1, 1 << 30), ..version.how.clone() }
}
