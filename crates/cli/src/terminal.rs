//! The door at which text is cleaned: whatever names hold, a terminal is sent nothing but lines of
//! characters that can be seen.

use std::io::{self, Write};

use serde::Serialize;
use tabgraft_table::{is_hidden, visible};

/// Writes lines to stderr; if nobody can hear it, there is nobody to tell.
pub fn complain(text: &str) {
    let _ = io::stderr().lock().write_all(lines(text).as_bytes());
}

/// Writes a line of JSON to stderr.
pub fn complain_json(what: &impl Serialize) {
    if let Ok(json) = serde_json::to_string(what) {
        let _ = io::stderr().lock().write_all((escaped(&json) + "\n").as_bytes());
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
