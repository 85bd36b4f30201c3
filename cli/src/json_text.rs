//! JSON text for a terminal.

use std::fmt::Write as _;

pub use pos_webhooks::private::json_text::{compact, indented};
use serde::Serialize;

use crate::report::is_control;

/// A value as JSON on one line, in which characters that control a terminal are escapes.
pub fn to_string<T: Serialize + ?Sized>(value: &T) -> serde_json::Result<String> {
    serde_json::to_string(value).map(escaped)
}

/// Whether JSON contains characters that control a terminal or end a line, and that JSON itself does not escape.
pub fn has_raw(json: &str) -> bool {
    // Of ASCII, there is only one, and it is faster to look for it than for all of them.
    (!json.is_ascii() || json.as_bytes().contains(&0x7f)) && json.contains(is_raw)
}

fn is_raw(character: char) -> bool {
    is_control(character) && !matches!(character, '\n' | '\t' | '\r')
}

/// JSON in which the characters that control a terminal are escapes. JSON itself escapes some of them only.
pub fn escaped(json: String) -> String {
    if !has_raw(&json) {
        return json;
    }
    let mut text = String::with_capacity(json.len());
    for character in json.chars() {
        if is_raw(character) {
            let _ = write!(text, "\\u{:04x}", u32::from(character));
        } else {
            text.push(character);
        }
    }
    text
}
