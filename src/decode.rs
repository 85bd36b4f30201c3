//! Decodes JSON to models. Errors say where the JSON is wrong, and never contain its values.

use serde::de::DeserializeOwned;
use serde_json::error::Category;
use serde_path_to_error::{Path, Segment};

use crate::catalogue::{JsonSchemaOfModel, Model, Provider, RustType, Schema};
use crate::json::error::{DecodeError, without_mark};
use crate::json::pointer;
use crate::values::Json;

/// A type that is decoded from JSON, and the names of members that an error may show.
pub trait FromJson: DeserializeOwned {
    /// Whether the specification describes a member of that name. Other names were chosen by the sender, and may be
    /// personal data.
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
    /// Decodes JSON into the Rust type of the schema, without naming the type. The schemas of a description that was
    /// read at run time do not have Rust types; for those, the value is the JSON itself.
    ///
    /// # Errors
    ///
    /// Returns an error if the JSON does not fit the type. Decoding is tolerant: it accepts more than the schema does.
    pub fn decode(&self, json: &[u8]) -> Result<Box<dyn Model>, DecodeError> {
        match self.rust_type() {
            Some(rust_type) => (rust_type.decode)(json),
            None => decode_model::<Json>(json),
        }
    }
}

impl RustType {
    /// The model of a schema.
    pub const fn of_model<T: FromJson + JsonSchemaOfModel + Model + 'static>(schema: &'static str) -> Self {
        Self {
            schema,
            decode: decode_model::<T>,
            #[cfg(feature = "schemars")]
            generate: Some(T::json_schema),
        }
    }

    /// The type of a body that does not have a model of its own.
    pub const fn of_body<T: FromJson + Model + 'static>(schema: &'static str) -> Self {
        Self {
            schema,
            decode: decode_model::<T>,
            #[cfg(feature = "schemars")]
            generate: None,
        }
    }
}

/// Decodes for [`Schema::decode`].
fn decode_model<T: FromJson + Model + 'static>(json: &[u8]) -> Result<Box<dyn Model>, DecodeError> {
    decode::<T>(json).map(|model| Box::new(model) as Box<dyn Model>)
}

/// Decodes a whole text.
pub(crate) fn decode<T: FromJson>(json: &[u8]) -> Result<T, DecodeError> {
    decode_as(json, |value: T| value)
}

/// Decodes a whole text, and converts the value. A large value is moved only once.
pub fn decode_as<T: FromJson, E>(json: &[u8], make: impl FnOnce(T) -> E) -> Result<E, DecodeError> {
    let text = without_mark(json);
    // If the whole text is UTF-8, its strings need not be checked one by one.
    let Ok(utf8) = std::str::from_utf8(text) else {
        return with_path(text).map(make).map_err(|error| located::<T>(json, error.into_inner()));
    };
    let mut deserializer = serde_json::Deserializer::from_str(utf8);
    let error = match T::deserialize(&mut deserializer) {
        Ok(value) => match deserializer.end() {
            Ok(()) => return Ok(make(value)),
            Err(error) => error,
        },
        Err(error) => error,
    };
    Err(located::<T>(json, error))
}

/// The example of a model in the specification: the first documented one or, if there is none, the first observed or
/// constructed one.
pub fn example<T: FromJson>(provider: &'static Provider, model: &str) -> Option<T> {
    let examples = provider.examples(model).unwrap_or_default();
    let example = examples.iter().min_by_key(|example| example.origin)?;
    decode(example.json.as_bytes()).ok()
}

/// The error, with its place.
#[cold]
fn located<T: FromJson>(json: &[u8], error: serde_json::Error) -> DecodeError {
    let (error, category) = DecodeError::at_root(json, error);
    // Finding the pointer takes time, so it is done only for an error. If the text is not JSON, the pointer would end
    // in a name that is not in any specification.
    let pointer = if category == Category::Data { pointer_of_error::<T>(without_mark(json)) } else { String::new() };
    DecodeError { pointer, ..error }
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
