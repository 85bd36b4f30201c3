//! JSON to models, with errors that say where and never what.

use serde::de::DeserializeOwned;
use serde_json::error::Category;
use serde_path_to_error::{Path, Segment};

use crate::catalogue::{Model, Schema};
use crate::json::error::{DecodeError, without_mark};
use crate::json::pointer;
use crate::values::Json;

/// What is decoded from JSON, and which names of members an error may show.
pub(crate) trait FromJson: DeserializeOwned {
    /// Whether the specification lists a member of that name. Every other name was chosen by the sender, and may be
    /// personal.
    fn lists(name: &str) -> bool;
}

impl<T: FromJson> FromJson for Vec<T> {
    fn lists(name: &str) -> bool {
        T::lists(name)
    }
}

impl FromJson for String {
    fn lists(_: &str) -> bool {
        false
    }
}

impl FromJson for Json {
    fn lists(_: &str) -> bool {
        false
    }
}

/// Keeps the text of a payload, without the byte order mark that it may begin with.
impl TryFrom<&[u8]> for Json {
    type Error = DecodeError;

    fn try_from(json: &[u8]) -> Result<Self, DecodeError> {
        decode(json)
    }
}

impl Schema {
    /// Decodes JSON into the Rust type that belongs to the schema, without naming the type. A schema of a description that
    /// was read at run time has none, and gives the JSON itself.
    ///
    /// # Errors
    ///
    /// When the JSON does not fit the type. Decoding is tolerant: it accepts more than the schema does.
    pub fn decode(&self, json: &[u8]) -> Result<Box<dyn Model>, DecodeError> {
        match self.rust_type() {
            Some(rust_type) => (rust_type.decode)(json),
            None => decode_model::<Json>(json),
        }
    }
}

/// Decodes for [`Schema::decode`].
pub(crate) fn decode_model<T: FromJson + Model + 'static>(json: &[u8]) -> Result<Box<dyn Model>, DecodeError> {
    decode::<T>(json).map(|model| Box::new(model) as Box<dyn Model>)
}

/// Decodes a whole text.
pub(crate) fn decode<T: FromJson>(json: &[u8]) -> Result<T, DecodeError> {
    let text = without_mark(json);
    // Strings are not checked one by one where the whole text is UTF-8.
    let decoded = match std::str::from_utf8(text) {
        Ok(text) => serde_json::from_str(text),
        Err(_) => with_path(text).map_err(serde_path_to_error::Error::into_inner),
    };
    decoded.map_err(|error| {
        let (error, category) = DecodeError::at_root(json, error);
        // The pointer costs time, so it is looked for only once it is needed. Where the text is not JSON it would end
        // in a name that no specification has.
        let pointer = if category == Category::Data { pointer_of_error::<T>(text) } else { String::new() };
        DecodeError { pointer, ..error }
    })
}

fn pointer_of_error<T: FromJson>(json: &[u8]) -> String {
    with_path::<T>(json).err().map_or_else(String::new, |error| json_pointer(error.path(), T::lists))
}

fn with_path<T: DeserializeOwned>(json: &[u8]) -> Result<T, serde_path_to_error::Error<serde_json::Error>> {
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    let mut track = serde_path_to_error::Track::new();
    let value = T::deserialize(serde_path_to_error::Deserializer::new(&mut deserializer, &mut track));
    value
        .and_then(|value| deserializer.end().map(|()| value))
        .map_err(|error| serde_path_to_error::Error::new(track.path(), error))
}

fn json_pointer(path: &Path, lists: fn(&str) -> bool) -> String {
    let mut pointer = String::new();
    for segment in path {
        match segment {
            Segment::Map { key } if lists(key) => pointer.push_str(&format!("/{}", pointer::token(key))),
            Segment::Map { .. } => pointer.push_str("/*"),
            Segment::Seq { index } => pointer.push_str(&format!("/{index}")),
            Segment::Enum { .. } | Segment::Unknown => {}
        }
    }
    pointer
}
