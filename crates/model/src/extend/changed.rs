//! Old columns whose type has changed: what the parent learned of them cannot be copied.

use arrow::datatypes::DataType;
use tabgraft_table::Table;
use tabgraft_table::codec::encode;
use tabgraft_table::schema::Kind;
use tabgraft_table::table::quoted;

use crate::error::{Error, Result};
use crate::space::{EmbeddingSpace, UnseenCounts};
use crate::train::{Event, Sink};

/// Rows that tell whether a type has changed; a single bad cell behind them is an error of its own.
const MOST_ROWS: usize = 1000;
/// Rows among them that are tried by themselves where one cannot be read.
const N_TRIED: usize = 20;

impl EmbeddingSpace {
    /// Whether the table's old columns, but for those of `removed`, are still what the parent learned. Warns of
    /// those whose cells can be read and mean nothing to it.
    ///
    /// # Errors
    /// A schema error that names every column whose cells are of another type now.
    pub(super) fn check_types(&self, table: &Table, removed: &[String], sink: &mut Sink<'_>) -> Result<()> {
        let table = table.slice(0, table.n_rows().min(MOST_ROWS));
        let (mut changed, mut first) = (Vec::new(), None);
        let is_old = |name: &String| table.has_column(name) && !removed.contains(name);
        for (spec, codec) in self.columns().iter().zip(self.codecs()).filter(|(spec, _)| is_old(&spec.name)) {
            let (specs, codecs) = (std::slice::from_ref(spec), std::slice::from_ref(codec));
            let encoded = match encode(specs, codecs, &table) {
                Ok(encoded) => encoded,
                // One bad cell among good ones is an error of its own, which names its row.
                Err(error) => {
                    let n_tried = table.n_rows().min(N_TRIED);
                    let rows = (0..n_tried).map(|i| table.slice(i * table.n_rows() / n_tried, 1));
                    if 2 * rows.filter(|row| encode(specs, codecs, row).is_err()).count() >= n_tried {
                        changed.push(spec.name.as_str());
                        first.get_or_insert((spec.kind, error));
                    }
                    continue;
                }
            };
            let is_truth = *table.column(&spec.name)?.data_type() == DataType::Boolean;
            let why = match UnseenCounts::of(&encoded).mostly(specs, codecs, &table)?.first() {
                Some(unseen) if unseen.n_unseen == unseen.n_present => Some(unseen.to_string()),
                _ if is_truth && spec.kind == Kind::Numeric => Some(format!(
                    "column `{}`: true and false stand where the parent learned numbers",
                    spec.name
                )),
                _ => None,
            };
            if let Some(why) = why {
                let text = format!("could not copy what the parent learned of `{}`: {why}", spec.name);
                let _ = sink(&Event::Warning { text });
            }
        }
        let Some((kind, error)) = first else { return Ok(()) };
        Err(Error::schema(format!(
            "could not copy what the parent learned of {}: {} of another type now; `{}` was {}: {error}",
            quoted(&changed),
            if changed.len() == 1 { "it is" } else { "they are" },
            changed[0],
            kind.word()
        ))
        .with_hint(format!(
            "give what is new another name, such as `{}_new`, so that it is grafted as a new column, or bring the old \
             cells back",
            changed[0]
        )))
    }
}
