//! Who may ask: bearer tokens, of which only hashes are kept.

use std::fmt;

use blake3::Hash;
use tabgraft_model::{Error, Result};

/// Fewest characters of a token: one that can be guessed is none.
const FEWEST_CHARS: usize = 16;

/// The tokens that open the server; with none, it is open.
#[derive(Clone, Default, PartialEq)]
pub struct Tokens(Vec<Hash>);

/// Who asks, by the number of its token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct TokenNumber(usize);

impl Tokens {
    /// The tokens of a text: one a line, or apart by blanks. What begins with `#` goes to the line's end.
    ///
    /// # Errors
    /// A value error that names the place of a token that is shorter than 16 characters or not of visible ASCII,
    /// without showing it; one if there is no token.
    pub fn parse(text: &str) -> Result<Self> {
        let mut hashes = Vec::new();
        for (i, line) in text.lines().enumerate() {
            let line = line.split('#').next().unwrap_or_default();
            for token in line.split_ascii_whitespace() {
                let is_visible = token.bytes().all(|byte| byte.is_ascii_graphic());
                if token.len() < FEWEST_CHARS || !is_visible {
                    return Err(Error::value(format!(
                        "the token in line {} has {} characters, at least {FEWEST_CHARS} of visible ASCII are needed",
                        i + 1,
                        token.chars().count()
                    ))
                    .with_hint("`openssl rand -hex 32` makes a good one"));
                }
                hashes.push(blake3::hash(token.as_bytes()));
            }
        }
        match hashes.is_empty() {
            true => Err(Error::value("there is no token").with_hint("write one a line")),
            false => Ok(Tokens(hashes)),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Which of the tokens this is. The time that it takes depends on the length of what is offered alone: hashes are
    /// compared, whole, in constant time, and all of them.
    pub(crate) fn find(&self, offered: &str) -> Option<TokenNumber> {
        let offered = blake3::hash(offered.as_bytes());
        self.0.iter().enumerate().fold(None, |found, (i, hash)| match *hash == offered {
            true => Some(TokenNumber(i)),
            false => found,
        })
    }
}

/// Not even the hashes.
impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tokens({})", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_found_by_what_they_are() {
        let tokens = Tokens::parse("# ours\n0123456789abcdef theirs-0123456789\n\n").unwrap();
        assert_eq!(tokens.find("0123456789abcdef"), Some(TokenNumber(0)));
        assert_eq!(tokens.find("theirs-0123456789"), Some(TokenNumber(1)));
        for wrong in ["", "0123456789abcde", "0123456789abcdef ", "0123456789ABCDEF"] {
            assert_eq!(tokens.find(wrong), None, "{wrong}");
        }
        assert!(!format!("{tokens:?}").contains("0123"));
    }

    #[test]
    fn a_short_token_is_refused_and_not_shown() {
        let error = Tokens::parse("0123456789abcdef\nhunter2").unwrap_err().to_string();
        assert!(error.contains("line 2 has 7 characters") && !error.contains("hunter2"), "{error}");
        assert!(Tokens::parse("\n# nothing\n").is_err());
        assert!(Tokens::parse("0123456789abcd\u{e9}f").is_err());
    }
}
