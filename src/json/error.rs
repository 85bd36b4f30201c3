//! Errors of decoding JSON. They say where the JSON is wrong in the terms of JSON, and never contain its values.

use std::marker::PhantomData;

use serde::de::{DeserializeSeed, IgnoredAny};
use serde_json::error::Category;

/// The error for JSON that does not fit a model.
///
/// The error has the place (JSON pointer, line and column) and what was expected. It never contains the value, which
/// may be a customer's data.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}{} (line {line}, column {column})", if pointer.is_empty() { String::new() } else { format!(" at {pointer}") })]
#[non_exhaustive]
pub struct DecodeError {
    /// The JSON pointer of the value that does not fit; empty for the root and if the text is not JSON. A name that the
    /// provider's specification does not describe is shown as `*`, because it may be a customer's data.
    pub pointer: String,
    /// The line of the text, counted from 1.
    pub line: usize,
    /// The column in bytes, counted from 1; 0 for the end of a line. A byte order mark counts as three bytes.
    pub column: usize,
    /// What was expected, and what kind of value was found.
    pub message: String,
}

const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// JSON text without the byte order mark that RFC 8259 allows a reader to ignore.
pub(crate) fn without_mark(json: &[u8]) -> &[u8] {
    json.strip_prefix(BYTE_ORDER_MARK).unwrap_or(json)
}

/// Converts a column in the text [`without_mark`] to the column in the text as received.
pub(crate) fn column(json: &[u8], line: usize, column: usize) -> usize {
    if line == 1 { column + json.len() - without_mark(json).len() } else { column }
}

/// Reads a whole text.
pub(crate) fn whole<'a, S: DeserializeSeed<'a>, R: serde_json::de::Read<'a>>(
    seed: S,
    mut json: serde_json::Deserializer<R>,
) -> serde_json::Result<S::Value> {
    let value = seed.deserialize(&mut json)?;
    json.end()?;
    Ok(value)
}

impl DecodeError {
    /// The error and its category. An error of the data is reported only if the whole text is JSON.
    pub(crate) fn at_root(json: &[u8], error: serde_json::Error) -> (Self, Category) {
        let is_json = || whole(PhantomData::<IgnoredAny>, serde_json::Deserializer::from_slice(without_mark(json)));
        let error = if error.is_data() { is_json().err().unwrap_or(error) } else { error };
        let (line, message) = (error.line(), message(&error));
        let column = column(json, line, error.column());
        (Self { pointer: String::new(), line, column, message }, error.classify())
    }
}

/// serde's message in the terms of JSON, without the quoted value and without Rust names.
pub(crate) fn message(error: &serde_json::Error) -> String {
    let message = error.to_string();
    let message = message.rsplit_once(" at line ").map_or(message.as_str(), |(message, _)| message);
    if error.classify() != Category::Data {
        return syntax(message);
    }
    if let Some((what @ ("missing" | "duplicate"), name)) =
        message.split_once(" field `").or_else(|| message.split_once(" member `"))
    {
        return format!("{what} member `{name}");
    }
    let Some((found, expected)) = message.rsplit_once(", expected ") else {
        return "the value does not fit".to_owned();
    };
    let expected = expectation(expected);
    match kind(found) {
        Some("a number") if expected.contains("number") || expected.contains("integer") => {
            format!("expected {expected}, found another number")
        }
        Some(kind) => format!("expected {expected}, found {kind}"),
        None => format!("expected {expected}"),
    }
}

pub(crate) const OUT_OF_RANGE: &str = "a number is too large or too small for a double";

/// The message for text that is not JSON, or that exceeds a limit of the parser.
fn syntax(message: &str) -> String {
    let what = match message {
        "number out of range" => return OUT_OF_RANGE.to_owned(),
        "recursion limit exceeded" => return "arrays and objects are nested too deeply".to_owned(),
        "EOF while parsing a value" => "it ends where a value is expected",
        "EOF while parsing a string" => "it ends within a string",
        "EOF while parsing an object" => "it ends within an object",
        "EOF while parsing a list" => "it ends within an array",
        "expected value" => "a value is expected",
        "expected ident" => "`true`, `false` or `null` is expected",
        "expected `:`" => "`:` is expected",
        "expected `,` or `}`" => "`,` or `}` is expected",
        "expected `,` or `]`" => "`,` or `]` is expected",
        "key must be a string" | "expected `\"`" => "the name of a member in double quotes is expected",
        "trailing comma" => "there is a comma after the last value",
        "trailing characters" => "there is more text after the value",
        "invalid number" => "a number is malformed",
        "invalid escape" | "unexpected end of hex escape" => "a string has a malformed escape",
        "lone leading surrogate in hex escape" => "a string has the escape of a lone surrogate",
        "invalid unicode code point" => "a string is not UTF-8",
        _ if message.starts_with("control character") => "a string has a control character that is not escaped",
        other => other,
    };
    format!("the text is not JSON: {what}")
}

/// Translates what serde expects, such as `struct Order with 11 elements`, `a sequence` or `u16`.
fn expectation(expected: &str) -> &str {
    let kinds = [
        ("struct ", "an object"),
        ("a map", "an object"),
        ("a sequence", "an array"),
        ("a tuple", "an array"),
        ("tuple ", "an array"),
        ("unit", "null"),
        ("i8", "an integer"),
        ("i16", "an integer"),
        ("i32", "an integer"),
        ("i64", "an integer"),
        ("isize", "an integer"),
        ("u8", "an integer"),
        ("u16", "an integer"),
        ("u32", "an integer"),
        ("u64", "an integer"),
        ("usize", "an integer"),
        ("f32", "a number"),
        ("f64", "a number"),
    ];
    kinds.iter().find(|(start, _)| expected.starts_with(start)).map_or(expected, |(_, kind)| kind)
}

/// A number that was found where an integer was expected.
pub(crate) const NOT_WHOLE: &str = "number that is not whole";
pub(crate) const TOO_LARGE: &str = "number that is too large";

/// The kind of value that serde quotes: `invalid type: string "Brenda"`.
fn kind(found: &str) -> Option<&'static str> {
    let kinds = [
        ("invalid length", "an array of another length"),
        ("unknown field", "a member of another name"),
        ("unknown variant", "another string"),
        ("string", "a string"),
        (NOT_WHOLE, "a number that is not whole"),
        (TOO_LARGE, "a number that is too large"),
        ("integer", "a number"),
        ("floating point", "a number"),
        ("number", "a number"),
        ("boolean", "a boolean"),
        ("null", "null"),
        ("map", "an object"),
        ("sequence", "an array"),
    ];
    let found = ["invalid type: ", "invalid value: "].iter().find_map(|it| found.strip_prefix(it)).unwrap_or(found);
    kinds.iter().find(|(start, _)| found.starts_with(start)).map(|(_, kind)| *kind)
}
