//! The door at which text is cleaned: whatever names hold, a terminal is sent nothing but lines of
//! characters that can be seen. A terminal also gets lines that fit into it, and a few colours.

use std::io::{self, Write};

use ::console::{Style, Term};
use serde::Serialize;
use tabgraft_table::{is_hidden, visible};

/// Writes lines to stderr; if nobody can hear it, there is nobody to tell.
pub fn complain(text: &str) {
    let _ = io::stderr().lock().write_all(shown(text, &Term::stderr()).as_bytes());
}

/// Writes a line of JSON to stderr.
pub fn complain_json(what: &impl Serialize) {
    if let Ok(json) = serde_json::to_string(what) {
        let _ = io::stderr().lock().write_all((escaped(&json) + "\n").as_bytes());
    }
}

/// Least room that is worth an indent of its own, in characters.
const LEAST_ROOM: usize = 24;
/// Words and how they are painted.
type Painted = (&'static str, fn(Style) -> Style);
/// What a line may begin with, and what it may end with, and its colour there; the words say the same without it.
const BEGINNINGS: [Painted; 6] = [
    ("error:", |s| s.red().bold()),
    ("warning:", |s| s.yellow().bold()),
    ("hint:", |s| s.cyan().bold()),
    ("note:", |s| s.bold()),
    ("ok:", |s| s.green()),
    ("not ok:", |s| s.red().bold()),
];
const ENDINGS: [Painted; 5] = [
    ("the second one is better", Style::green),
    ("the second one is worse", Style::red),
    ("  helps", Style::green),
    ("  hurts", Style::red),
    ("  recommended", Style::green),
];

/// Lines as `term` shows them: on a terminal folded to its width and coloured, elsewhere as they are.
pub fn shown(text: &str, term: &Term) -> String {
    let text = lines(text);
    let features = term.features();
    if !features.is_attended() {
        return text;
    }
    let width = term.size_checked().map_or(usize::MAX, |(_, width)| usize::from(width));
    let mut folded = text.split('\n').map(|line| folded(line, width)).collect::<Vec<_>>().join("\n");
    if features.colors_supported() {
        folded = folded.split('\n').map(painted).collect::<Vec<_>>().join("\n");
    }
    folded
}

/// A line in pieces of at most `width` characters, as far as spaces allow: what does not fit goes on below the last
/// cell of a table that leaves room there, or a little to the right of where the line begins.
fn folded(line: &str, width: usize) -> String {
    let n_chars = |text: &str| text.chars().count();
    if n_chars(line) <= width {
        return line.to_owned();
    }
    let begins = line.len() - line.trim_start().len();
    let is_cell = |at: &usize| *at > begins && !line[*at..].starts_with(' ');
    let cells = line.rmatch_indices("  ").map(|(at, _)| at + 2).filter(is_cell);
    let below = cells.map(|at| n_chars(&line[..at])).find(|at| at + LEAST_ROOM <= width);
    let below = below.unwrap_or(begins + 2);
    let mut pieces = vec![line[..begins].to_owned()];
    // Spaces within a piece are kept: they line cells up.
    for word in line[begins..].split_inclusive(' ') {
        let fits = pieces.last().is_some_and(|piece| n_chars(piece) + n_chars(word.trim_end()) <= width);
        let is_empty = pieces.last().is_none_or(|piece| piece.trim().is_empty());
        match pieces.last_mut() {
            Some(piece) if fits || is_empty => piece.push_str(word),
            // What is as long as a hash stands better at the left than cut.
            _ if below + n_chars(word.trim_end()) > width => pieces.push(" ".repeat(begins + 2) + word),
            _ => pieces.push(" ".repeat(below) + word),
        }
    }
    pieces.iter().map(|piece| piece.trim_end()).collect::<Vec<_>>().join("\n")
}

fn painted(line: &str) -> String {
    if let Some((word, paint)) = BEGINNINGS.iter().find(|(word, _)| line.trim_start().starts_with(word)) {
        return line.replacen(word, &paint(Style::new()).apply_to(word).to_string(), 1);
    }
    match ENDINGS.iter().find(|(words, _)| line.ends_with(words)) {
        Some((words, paint)) => {
            format!("{}{}", &line[..line.len() - words.len()], paint(Style::new()).apply_to(words))
        }
        None => line.to_owned(),
    }
}

/// Text of several lines in which only the ends of lines are not to be seen.
pub fn lines(text: &str) -> String {
    text.split('\n').map(visible).collect::<Vec<_>>().join("\n")
}

/// JSON that means the same, without what can be shown but not seen: it can stand in strings alone, where an
/// escape stands for it.
pub fn escaped(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        if c != '\n' && is_hidden(c) {
            let mut units = [0; 2];
            text.extend(c.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")));
        } else {
            text.push(c);
        }
    }
    text
}
