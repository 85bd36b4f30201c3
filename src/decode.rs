//! JSON to models, with errors that say where and never what.

use std::collections::HashSet;
use std::sync::LazyLock;

use serde::de::{DeserializeOwned, DeserializeSeed};
use serde_json::Value;
use serde_json::error::Category;
use serde_path_to_error::{Path, Segment};

/// JSON that does not fit a model.
///
/// Says where (JSON pointer, line and column) and what was expected, never the value: it is a customer's data.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}{} (line {line}, column {column})", if pointer.is_empty() { String::new() } else { format!(" at {pointer}") })]
#[non_exhaustive]
pub struct DecodeError {
    /// JSON pointer of the value that does not fit; empty for the root and where the text is not JSON. Where a provider
    /// chooses names of members itself, such a name is `*`: it may be a customer's data.
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
        ..DecodeError::at_root(json, &error)
    })
}

/// As [`decode`], for what borrows from the text; an error is at the root.
pub(crate) fn decode_seed<'a, S: DeserializeSeed<'a>>(seed: S, json: &'a [u8]) -> Result<S::Value, DecodeError> {
    let decoded = match std::str::from_utf8(json) {
        Ok(text) => whole(seed, serde_json::Deserializer::from_str(text)),
        Err(_) => whole(seed, serde_json::Deserializer::from_slice(json)),
    };
    decoded.map_err(|error| DecodeError::at_root(json, &error))
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
    fn at_root(json: &[u8], error: &serde_json::Error) -> Self {
        Self { pointer: String::new(), line: error.line(), column: error.column(), message: message(json, error) }
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
            Segment::Map { key } => pointer.push_str(&format!("/{}", shown_token(&escaped_token(key)))),
            Segment::Seq { index } => pointer.push_str(&format!("/{index}")),
            Segment::Enum { .. } | Segment::Unknown => {}
        }
    }
    pointer
}

fn escaped_token(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// A token of a JSON pointer as it may be shown: the name of a member that no specification lists was chosen by whoever
/// wrote the JSON, and may be personal.
pub(crate) fn shown_token(token: &str) -> &str {
    if LISTED.contains(token) { token } else { "*" }
}

/// The names of all members that a specification lists, as tokens of a JSON pointer.
static LISTED: LazyLock<HashSet<String>> = LazyLock::new(|| {
    fn list(schema: &Value, listed: &mut HashSet<String>) {
        match schema {
            Value::Object(members) => {
                if let Some(Value::Object(properties)) = members.get("properties") {
                    listed.extend(properties.keys().map(|name| escaped_token(name)));
                }
                members.values().for_each(|value| list(value, listed));
            }
            Value::Array(items) => items.iter().for_each(|item| list(item, listed)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    let mut listed = HashSet::new();
    crate::PROVIDERS.iter().for_each(|provider| list(&provider.bundle, &mut listed));
    listed
});

/// serde's message without the value that it quotes.
pub(crate) fn message(json: &[u8], error: &serde_json::Error) -> String {
    if json.starts_with(b"\xef\xbb\xbf") {
        return "the text begins with a byte order mark, which JSON must not have".to_owned();
    }
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
        ("floating point", "a number with a fraction or an exponent"),
        ("boolean", "a boolean"),
        ("null", "null"),
        ("map", "an object"),
        ("sequence", "an array"),
    ];
    kinds.iter().find(|(start, _)| found.starts_with(start)).map(|(_, kind)| *kind)
}
