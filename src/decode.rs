//! JSON to models, with errors that say where and never what.

use serde::de::DeserializeOwned;
use serde_json::error::Category;
use serde_path_to_error::{Path, Segment};

/// JSON that does not fit a model.
///
/// Says where (JSON pointer, line and column) and what was expected, never the value: it is a customer's data.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}{} (line {line}, column {column})", if pointer.is_empty() { String::new() } else { format!(" at {pointer}") })]
#[non_exhaustive]
pub struct DecodeError {
    /// JSON pointer of the value that does not fit; empty for the root and where the text is not JSON.
    pub pointer: String,
    /// Line of the text, counted from 1.
    pub line: usize,
    /// Column in bytes, counted from 1; 0 at the very end of a line.
    pub column: usize,
    /// What was expected.
    pub message: String,
}

/// Decodes a whole text.
pub(crate) fn decode<T: DeserializeOwned>(json: &[u8]) -> Result<T, DecodeError> {
    serde_json::from_slice(json).map_err(|error| DecodeError {
        // The pointer costs time, so it is looked for only once it is needed. Where the text is not JSON it would end
        // in a name that no specification has.
        pointer: match error.classify() {
            Category::Data => pointer_of_error::<T>(json),
            Category::Io | Category::Syntax | Category::Eof => String::new(),
        },
        ..DecodeError::at_root(&error)
    })
}

/// As [`decode`], for types that borrow from the text and take any JSON.
pub(crate) fn decode_borrowed<'a, T: serde::Deserialize<'a>>(json: &'a [u8]) -> Result<T, DecodeError> {
    serde_json::from_slice(json).map_err(|error| DecodeError::at_root(&error))
}

impl DecodeError {
    fn at_root(error: &serde_json::Error) -> Self {
        Self { pointer: String::new(), line: error.line(), column: error.column(), message: without_value(error) }
    }
}

fn pointer_of_error<T: DeserializeOwned>(json: &[u8]) -> String {
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    match serde_path_to_error::deserialize::<_, T>(&mut deserializer) {
        Err(error) => json_pointer(error.path()),
        Ok(_) => String::new(),
    }
}

fn json_pointer(path: &Path) -> String {
    let mut pointer = String::new();
    for segment in path {
        match segment {
            Segment::Map { key } => {
                pointer.push('/');
                pointer.push_str(&key.replace('~', "~0").replace('/', "~1"));
            }
            Segment::Seq { index } => pointer.push_str(&format!("/{index}")),
            Segment::Enum { .. } | Segment::Unknown => {}
        }
    }
    pointer
}

/// serde's message without the value that it quotes.
pub(crate) fn without_value(error: &serde_json::Error) -> String {
    let message = error.to_string();
    let message = message.rsplit_once(" at line ").map_or(message.as_str(), |(message, _)| message);
    match error.classify() {
        Category::Io | Category::Syntax | Category::Eof => message.to_owned(),
        Category::Data if message.starts_with("missing field `") || message.starts_with("duplicate field `") => {
            message.to_owned()
        }
        Category::Data => match message.rsplit_once(", expected ") {
            Some((found, expected)) => match kind(found) {
                Some(kind) => format!("found {kind}, expected {expected}"),
                None => format!("expected {expected}"),
            },
            None => "the value does not fit".to_owned(),
        },
    }
}

/// The kind of value that serde quotes: `invalid type: string "Brenda"`.
fn kind(found: &str) -> Option<&'static str> {
    let found = found.strip_prefix("invalid type: ").or_else(|| found.strip_prefix("invalid value: "))?;
    let kinds = [
        ("string", "a string"),
        ("integer", "an integer"),
        ("floating point", "a number with a fraction"),
        ("boolean", "a boolean"),
        ("null", "null"),
        ("map", "an object"),
        ("sequence", "an array"),
    ];
    kinds.iter().find(|(start, _)| found.starts_with(start)).map(|(_, kind)| *kind)
}
