//! Named schemas, and the Rust types of their values.

use std::fmt;
use std::sync::OnceLock;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::json::error::DecodeError;
use crate::leak;

/// A named schema.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub struct Schema {
    /// The schema's name.
    #[serde(deserialize_with = "leak::text")]
    pub name: &'static str,
    /// What a value of the schema means.
    #[serde(deserialize_with = "leak::text")]
    pub description: &'static str,
    /// What the schema describes.
    pub kind: SchemaKind,
    #[serde(rename = "schema", deserialize_with = "leak::object")]
    text: &'static str,
    /// The strict schema, if it has formats that only this crate validates.
    #[cfg_attr(not(feature = "validate"), allow(dead_code, reason = "only validation is strict"))]
    #[serde(rename = "strict", deserialize_with = "leak::optional_object")]
    strict_text: Option<&'static str>,
    #[serde(skip)]
    value: OnceLock<Value>,
    #[serde(skip)]
    rust_type: OnceLock<&'static RustType>,
    /// The validators that strict validation prepares at first use.
    #[cfg(feature = "validate")]
    #[serde(skip)]
    pub(crate) prepared: OnceLock<Box<dyn std::any::Any + Send + Sync>>,
}

impl Schema {
    /// The JSON Schema for other validators. It refers to other schemas of the provider.
    pub(crate) fn given_out(&self) -> &Value {
        self.value.get_or_init(|| parse(self.text))
    }

    /// The JSON Schema with the formats that only this crate validates.
    #[cfg(feature = "validate")]
    pub(crate) fn strict(&self) -> Value {
        self.strict_text.map_or_else(|| self.given_out().clone(), parse)
    }

    pub(crate) fn rust_type(&self) -> Option<&'static RustType> {
        self.rust_type.get().copied()
    }

    pub(crate) fn set_rust_type(&self, rust_type: &'static RustType) {
        self.rust_type.get_or_init(|| rust_type);
    }

    /// Returns the schema of the model's `schemars::JsonSchema`, or `None` if the schema does not have a model of its
    /// own. Requires the feature `schemars`.
    #[cfg(feature = "schemars")]
    pub fn generate(&self, generator: &mut schemars::SchemaGenerator) -> Option<schemars::Schema> {
        self.rust_type()?.generate.map(|generate| generate(generator))
    }
}

impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Schema").field("name", &self.name).field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// Parses a schema. A schema that is nested too deeply to be parsed becomes one that no value matches.
fn parse(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| json!({ "not": {} }))
}

/// The Rust type of a schema's values.
pub struct RustType {
    /// The schema's name.
    pub(crate) schema: &'static str,
    pub(crate) decode: Decode,
    /// `None` if the schema does not have a model of its own.
    #[cfg(feature = "schemars")]
    pub(crate) generate: Option<Generate>,
}

/// What a model implements: `schemars::JsonSchema`, if this crate has that feature.
#[cfg(feature = "schemars")]
pub trait JsonSchemaOfModel: schemars::JsonSchema {}

#[cfg(feature = "schemars")]
impl<T: schemars::JsonSchema> JsonSchemaOfModel for T {}

/// What a model implements: nothing, since this crate does not have the feature `schemars`.
#[cfg(not(feature = "schemars"))]
pub trait JsonSchemaOfModel {}

#[cfg(not(feature = "schemars"))]
impl<T> JsonSchemaOfModel for T {}

type Decode = fn(&[u8]) -> Result<Box<dyn Model>, DecodeError>;

/// A function that generates a schema for `schemars`.
#[cfg(feature = "schemars")]
pub type Generate = fn(&mut schemars::SchemaGenerator) -> schemars::Schema;

/// What a schema describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum SchemaKind {
    /// A model that users of this crate send.
    Sent,
    /// A model that the provider sends.
    Received,
    /// A response that does not have a model of its own, such as a bare array.
    Response,
    /// The payload of an event: its model, narrowed to that event.
    Event,
}

impl fmt::Display for SchemaKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sent => "sent",
            Self::Received => "received",
            Self::Response => "response",
            Self::Event => "event",
        })
    }
}

/// A decoded value whose type is not known at compile time.
pub trait Model: fmt::Debug + Send + Sync {
    /// Returns the value as JSON text.
    ///
    /// # Errors
    ///
    /// Never fails for the models of this crate. The signature is that of `serde_json`.
    fn to_json(&self) -> Result<String, serde_json::Error>;
}

impl<T: fmt::Debug + Send + Sync + serde::Serialize> Model for T {
    fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }
}
