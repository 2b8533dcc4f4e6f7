//! Text of unknown origin, such as a column's name, as a terminal, a log or a drawing may show it.

use std::borrow::Cow;
use std::fmt::Write;

/// The text as one line of characters that can be seen: whatever ends a line, moves a cursor, changes
/// the order of reading or takes no room is written as its escape, `\n` or `\u{1b}`.
///
/// Names come from files of strangers. A terminal must not obey them, and none may look like a line that
/// the program wrote. Nothing that XML forbids is left either.
pub fn visible(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut seen = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_hidden(c) {
            let _ = match c {
                '\n' | '\r' | '\t' => write!(seen, "{}", c.escape_default()),
                _ => write!(seen, "{}", c.escape_unicode()),
            };
        } else {
            seen.push(c);
        }
    }
    Cow::Owned(seen)
}

/// Whether a character shows itself in no place of its own. Joiners are kept: scripts and emoji need them.
pub fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            // Soft hyphen; marks of direction; spaces without width; ends of lines and paragraphs.
            '\u{ad}' | '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}' | '\u{2029}'
            // Embeddings, overrides and isolates, which turn the reading around; word joiner, byte order mark.
            | '\u{202a}'..='\u{202e}' | '\u{2060}' | '\u{2066}'..='\u{2069}' | '\u{feff}'
            // No characters at all; tags.
            | '\u{fffe}' | '\u{ffff}' | '\u{e0000}'..='\u{e007f}')
}

/// Names in backticks, joined by commas: `` `a`, `b` ``.
pub fn quoted<S: AsRef<str>>(names: &[S]) -> String {
    names.iter().map(|n| format!("`{}`", n.as_ref())).collect::<Vec<_>>().join(", ")
}

/// As [`quoted`], of a list that may be long: the first `most` of the names, and how many more there are.
pub fn quoted_some<S: AsRef<str>>(names: &[S], most: usize) -> String {
    match names.len().saturating_sub(most) {
        0 => quoted(names),
        more => format!("{} and {more} more", quoted(&names[..most])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lists_of_names_end_in_a_number() {
        assert_eq!(quoted_some(&["a", "b"], 2), "`a`, `b`");
        assert_eq!(quoted_some(&["a", "b", "c", "d"], 2), "`a`, `b` and 2 more");
    }

    #[test]
    fn what_a_terminal_would_obey_is_written_out() {
        assert_eq!(visible("\u{1b}[2J\u{9b}31m\u{7f}"), "\\u{1b}[2J\\u{9b}31m\\u{7f}");
        assert_eq!(visible("a\nok: all is well\r\t"), "a\\nok: all is well\\r\\t");
        assert_eq!(visible("gpj\u{202e}exe"), "gpj\\u{202e}exe");
    }

    #[test]
    fn what_can_be_seen_stays() {
        for text in ["größe, 文 (\"main\")", "می\u{200c}خواهم", "👩\u{200d}🔬", "a\\n", ""] {
            assert!(matches!(visible(text), Cow::Borrowed(same) if same == text), "{text}");
        }
    }
}
