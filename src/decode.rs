//! JSON to models, with errors that say where and never what.

use serde::de::{DeserializeOwned, DeserializeSeed};
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
    // Strings are not checked one by one where the whole text is UTF-8.
    let decoded = match std::str::from_utf8(json) {
        Ok(text) => serde_json::from_str(text),
        Err(_) => with_path(json).map_err(serde_path_to_error::Error::into_inner),
    };
    decoded.map_err(|error| DecodeError {
        // The pointer costs time, so it is looked for only once it is needed. Where the text is not JSON it would end
        // in a name that no specification has.
        pointer: match error.classify() {
            Category::Data => pointer_of_error::<T>(json),
            Category::Io | Category::Syntax | Category::Eof => String::new(),
        },
        ..DecodeError::at_root(&error)
    })
}

/// As [`decode`], for what borrows from the text; an error is at the root.
pub(crate) fn decode_seed<'a, S: DeserializeSeed<'a>>(seed: S, json: &'a [u8]) -> Result<S::Value, DecodeError> {
    let decoded = match std::str::from_utf8(json) {
        Ok(text) => whole(seed, serde_json::Deserializer::from_str(text)),
        Err(_) => whole(seed, serde_json::Deserializer::from_slice(json)),
    };
    decoded.map_err(|error| DecodeError::at_root(&error))
}

fn whole<'a, S: DeserializeSeed<'a>, R: serde_json::de::Read<'a>>(
    seed: S,
    mut json: serde_json::Deserializer<R>,
) -> serde_json::Result<S::Value> {
    let value = seed.deserialize(&mut json)?;
    json.end()?;
    Ok(value)
}

impl DecodeError {
    fn at_root(error: &serde_json::Error) -> Self {
        Self { pointer: String::new(), line: error.line(), column: error.column(), message: without_value(error) }
    }
}

fn pointer_of_error<T: DeserializeOwned>(json: &[u8]) -> String {
    with_path::<T>(json).err().map_or_else(String::new, |error| json_pointer(error.path()))
}

fn with_path<T: DeserializeOwned>(json: &[u8]) -> Result<T, serde_path_to_error::Error<serde_json::Error>> {
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    let mut track = serde_path_to_error::Track::new();
    let value = T::deserialize(serde_path_to_error::Deserializer::new(&mut deserializer, &mut track));
    value
        .and_then(|value| deserializer.end().map(|()| value))
        .map_err(|error| serde_path_to_error::Error::new(track.path(), error))
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
