//! Places in a formula, and messages that point at them.

use crate::error::Error;

/// Most characters of a line that a message shows.
const WINDOW: usize = 96;
/// Most characters of a token that a message quotes.
const MAX_QUOTED_CHARS: usize = 80;

/// Characters `start..end` of a formula, counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: usize,
    pub(super) end: usize,
}

impl Span {
    /// From the start of `self` to the end of `other`.
    pub(super) fn to(self, other: Span) -> Span {
        Span { start: self.start, end: other.end }
    }
}

/// A formula error that says where and shows the line with carets under `spans` (at least one).
///
/// Characters and lines are counted from 1.
pub(super) fn error_at(text: &str, spans: &[Span], message: &str) -> Error {
    Error::formula(pointed(text, spans, message))
}

/// The beginning of a token, for a message that quotes it.
pub(super) fn shortened(token: impl Iterator<Item = char>) -> String {
    let mut shown: String = token.take(MAX_QUOTED_CHARS + 1).collect();
    if shown.chars().count() > MAX_QUOTED_CHARS {
        shown.pop();
        shown += "...";
    }
    shown
}

/// `message` with the place of the first span and the line that it stands on.
pub(super) fn pointed(text: &str, spans: &[Span], message: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let first = spans.first().map_or(chars.len(), |s| s.start.min(chars.len()));
    let line_no = chars[..first].iter().filter(|c| **c == '\n').count() + 1;
    let line_start = chars[..first].iter().rposition(|c| *c == '\n').map_or(0, |i| i + 1);
    let line_end = chars[first..].iter().position(|c| *c == '\n').map_or(chars.len(), |i| first + i);

    let from = if line_end - line_start <= WINDOW {
        line_start
    } else {
        line_start.max(first.saturating_sub(WINDOW / 2))
    };
    let to = line_end.min(from + WINDOW);
    let shown: String = chars[from..to].iter().map(|c| if c.is_control() { ' ' } else { *c }).collect();
    let mut carets = vec![' '; to - from + 1];
    for span in spans {
        let end = span.end.max(span.start + 1).min(to.max(first + 1));
        for i in span.start.max(from)..end {
            if let Some(mark) = carets.get_mut(i - from) {
                *mark = '^';
            }
        }
    }
    let carets: String = carets.into_iter().collect();
    let place = match (line_no, text.contains('\n')) {
        (1, false) => format!("character {}", first + 1),
        _ => format!("line {line_no}, character {}", first - line_start + 1),
    };
    format!("{message} at {place}\n  {shown}\n  {}", carets.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn carets_stand_under_the_span_also_in_long_and_multiline_formulas() {
        assert_eq!(
            pointed("a + bb", &[Span { start: 4, end: 6 }], "no"),
            "no at character 5\n  a + bb\n      ^^"
        );
        assert_eq!(
            pointed("ä +\n é", &[Span { start: 5, end: 6 }], "no"),
            "no at line 2, character 2\n   é\n   ^"
        );
        assert_eq!(pointed("a +", &[Span { start: 3, end: 3 }], "no"), "no at character 4\n  a +\n     ^");
        let long = format!("{}zz{}", "x".repeat(500), "y".repeat(500));
        let message = pointed(&long, &[Span { start: 500, end: 502 }], "no");
        let lines: Vec<&str> = message.lines().collect();
        assert_eq!(lines[1].find("zz"), lines[2].find("^^"));
        assert!(lines[1].len() < 100, "{}", lines[1].len());
    }
}
