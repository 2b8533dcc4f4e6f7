//! Cards of models as text.

use tabgraft_model::Result;
use tabgraft_model::card::ModelCard;

use crate::convert::{Names, word};
use crate::error::{Raise, Raised};

/// How a card is written.
#[derive(serde::Deserialize)]
#[serde(rename_all = "snake_case")]
enum CardFormat {
    Markdown,
    Json,
}

/// A card in one of its forms.
pub fn card(
    made: impl FnOnce() -> Result<ModelCard>,
    format: &str,
    base_model: Option<Names>,
) -> Raised<String> {
    let format: CardFormat = word("format", format, "`markdown` or `json`")?;
    let base_model: Vec<String> = base_model.map(Vec::from).unwrap_or_default();
    let card = made()?;
    match format {
        CardFormat::Markdown => Ok(card.markdown(&base_model)),
        CardFormat::Json => serde_json::to_string_pretty(&card).map_err(|e| {
            Raise::Core(tabgraft_model::Error::value(format!("the card cannot be written as JSON: {e}")))
        }),
    }
}
