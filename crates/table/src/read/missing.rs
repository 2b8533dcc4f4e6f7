//! Which texts stand for a missing cell.

/// Words that files write in upper and lower case alike.
const ANY_CASE: [&str; 4] = ["NA", "N/A", "null", "NaN"];

/// The missing tokens, ready for one comparison a cell.
#[derive(Debug, Clone)]
pub(super) struct MissingTokens {
    /// Each token and whether upper and lower case are the same in it.
    tokens: Vec<(String, bool)>,
    max_bytes: usize,
}

impl MissingTokens {
    pub(super) fn new(tokens: &[String]) -> Self {
        let tokens: Vec<(String, bool)> = tokens
            .iter()
            .map(|token| token.trim_ascii())
            .map(|token| (token.to_owned(), ANY_CASE.iter().any(|word| word.eq_ignore_ascii_case(token))))
            .collect();
        let max_bytes = tokens.iter().map(|(token, _)| token.len()).max().unwrap_or(0);
        MissingTokens { tokens, max_bytes }
    }

    /// Whether a cell of this text has no value.
    pub(super) fn contains(&self, text: &str) -> bool {
        let text = text.trim_ascii();
        text.len() <= self.max_bytes
            && self
                .tokens
                .iter()
                .any(|(token, any_case)| token == text || (*any_case && token.eq_ignore_ascii_case(text)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::ReadOptions;

    #[test]
    fn case_matters_only_in_tokens_of_ones_own() {
        let default = MissingTokens::new(&ReadOptions::default().missing_tokens);
        for text in ["", "  ", "na", "NA", " n/a\t", "NULL", "nan", "?"] {
            assert!(default.contains(text), "{text:?}");
        }
        for text in ["0", "none", "-", "N A", "nana", "\u{a0}"] {
            assert!(!default.contains(text), "{text:?}");
        }
        let own = MissingTokens::new(&["None".to_owned()]);
        assert!(own.contains("None") && !own.contains("none") && !own.contains(""));
        assert!(!MissingTokens::new(&[]).contains(""));
    }
}
