//! The form: a field for each column that a version reads, and what was written into it.

use serde::Serialize;
use serde_json::Value;
use tabgraft_table::codec::Codec;
use tabgraft_table::schema::Kind;

use crate::query::pairs;
use crate::served::{Input, Version};

/// In front of a column's name in the name of its field.
const CELL: &str = "c:";
/// The field of a whole row.
const PASTED: &str = "pasted";
/// Most categories that are offered; of more, one is written.
const MOST_OPTIONS: usize = 60;

/// What a form held.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Form {
    cells: Vec<(String, String)>,
    pub pasted: String,
}

/// One field.
#[derive(Debug, Serialize)]
pub(super) struct Field {
    name: String,
    value: String,
    is_number: bool,
    options: Vec<String>,
}

impl Form {
    /// The form in a body.
    pub fn parse(body: &str) -> Self {
        let mut form = Form::default();
        for (name, value) in pairs(body) {
            match name.strip_prefix(CELL) {
                Some(column) => form.cells.push((column.to_owned(), value)),
                None if name == PASTED => form.pasted = value,
                None => {}
            }
        }
        form
    }

    /// The row that the cells are, as an object of JSON; empty cells are not in it.
    pub fn row(&self) -> String {
        let mut row = serde_json::Map::new();
        for (name, value) in self.cells.iter().filter(|(_, value)| !value.trim().is_empty()) {
            // A number is sent as one: the marks of the training table are for texts.
            let number =
                value.trim().parse().ok().filter(|number: &serde_json::Number| number.as_f64().is_some());
            row.insert(name.clone(), number.map_or_else(|| Value::from(value.as_str()), Value::from));
        }
        Value::from(row).to_string()
    }

    /// The fields of a version, with what was written.
    pub(super) fn fields(&self, version: &Version) -> Vec<Field> {
        let field = |input: &Input| {
            let written = self.cells.iter().find(|(name, _)| *name == input.name);
            Field {
                name: input.name.clone(),
                value: written.map(|(_, value)| value.clone()).unwrap_or_default(),
                is_number: input.kind == Some(Kind::Numeric),
                options: options(version, input),
            }
        };
        version.inputs.iter().map(field).collect()
    }
}

/// The categories that a field offers; none where one is written.
fn options(version: &Version, input: &Input) -> Vec<String> {
    let place = version.columns().iter().position(|column| column.name == input.name);
    match place.and_then(|place| version.codecs().get(place)) {
        Some(Codec::Categorical(codec)) if codec.levels().count() <= MOST_OPTIONS => {
            codec.levels().map(|(text, _)| text.to_owned()).collect()
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_become_a_row_and_empty_ones_are_missing() {
        let form =
            Form::parse("c:age=41&c:job=a+%22cook%22&c:empty=+&c:%3Cb%3E=1e3&pasted=&other=1&c:zip=007");
        let row = r#"{"age":41,"job":"a \"cook\"","<b>":1e3,"zip":"007"}"#;
        assert_eq!(form.row().replace("1000.0", "1e3"), row);
    }
}
