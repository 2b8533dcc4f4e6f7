//! The index of a frame that was stored as a column: it counts rows, and is no part of the data.

use std::collections::HashMap;

use serde_json::Value;

use crate::column::{ExcludedColumn, Exclusion};
use crate::origin::Origin;

/// Where pandas, and what writes as it does, says which columns are the index.
const PANDAS_KEY: &str = "pandas";

/// What pandas calls a column without a name in the header: that of the index that it wrote there.
pub(super) const UNNAMED: &str = "Unnamed: 0";

/// The columns among `names` that the metadata of a Parquet or Arrow file calls the index of its frame.
pub(super) fn stored_indexes(
    metadata: &HashMap<String, String>,
    names: impl Iterator<Item = impl AsRef<str>>,
) -> Vec<ExcludedColumn> {
    let Some(about) = metadata.get(PANDAS_KEY).and_then(|json| serde_json::from_str::<Value>(json).ok())
    else {
        return Vec::new();
    };
    // An even count of rows is described, not stored; it is an object here, and no column.
    let indexes: Vec<&str> =
        about["index_columns"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let is_index = |name: &str| indexes.contains(&name);
    names
        .filter(|name| is_index(name.as_ref()))
        .map(|name| set_aside(name.as_ref(), "the index of the frame that the file was written from"))
        .collect()
}

/// The first column of a CSV file, if it is an index that pandas wrote, once or several times.
pub(super) fn written_index(first: &str) -> Option<ExcludedColumn> {
    let is_index =
        first.strip_prefix(UNNAMED).is_some_and(|rest| rest.split(".1").all(|between| between.is_empty()));
    is_index
        .then(|| set_aside(first, "a first column without a name, the index of the frame that was written"))
}

fn set_aside(name: &str, reason: &str) -> ExcludedColumn {
    ExcludedColumn { name: name.to_owned(), exclusion: Exclusion::Index, reason: reason.to_owned() }
}

/// What is said of columns that are set aside as an index, though they were wanted.
pub(super) fn note(origin: &Origin) -> Option<String> {
    let is_told = |c: &&ExcludedColumn| c.exclusion == Exclusion::Index && !origin.unread.contains(&c.name);
    let names: Vec<&str> = origin.set_aside.iter().filter(is_told).map(|c| c.name.as_str()).collect();
    (!names.is_empty()).then(|| {
        format!(
            "left out as the index of a frame: {}; give it a kind to use it as a column",
            crate::visible::quoted(&names)
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_metadata_says_which_column_is_the_index() {
        let names = || ["a", "row", "b"].into_iter();
        let found = |json: &str| {
            stored_indexes(&HashMap::from([(PANDAS_KEY.to_owned(), json.to_owned())]), names())
                .into_iter()
                .map(|column| column.name)
                .collect::<Vec<_>>()
        };
        assert_eq!(found(r#"{"index_columns": ["row"], "columns": []}"#), ["row"]);
        assert!(found(r#"{"index_columns": [{"kind": "range", "name": "a"}]}"#).is_empty());
        assert!(found("no JSON").is_empty() && found("[]").is_empty() && found("{}").is_empty());
        assert!(stored_indexes(&HashMap::new(), names()).is_empty());
    }

    #[test]
    fn an_index_that_was_written_again_and_again_is_told_by_its_name() {
        for name in ["Unnamed: 0", "Unnamed: 0.1", "Unnamed: 0.1.1"] {
            assert!(written_index(name).is_some(), "{name}");
        }
        for name in ["Unnamed: 1", "Unnamed: 01", "Unnamed", "Unnamed: 0.2", ""] {
            assert!(written_index(name).is_none(), "{name}");
        }
    }
}
