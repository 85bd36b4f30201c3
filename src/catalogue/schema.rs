//! Named schemas, and the Rust types that belong to them.

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
    /// Its name.
    #[serde(deserialize_with = "leak::text")]
    pub name: &'static str,
    /// What it describes.
    #[serde(deserialize_with = "leak::text")]
    pub description: &'static str,
    /// What it is the schema of.
    pub kind: SchemaKind,
    #[serde(rename = "schema", deserialize_with = "leak::object")]
    text: &'static str,
    /// The same in full strength, where it has formats that no other validator knows.
    #[cfg_attr(not(feature = "validate"), allow(dead_code, reason = "only validation is strict"))]
    #[serde(rename = "strict", deserialize_with = "leak::optional_object")]
    strict_text: Option<&'static str>,
    #[serde(skip)]
    value: OnceLock<Value>,
    #[serde(skip)]
    rust_type: OnceLock<&'static RustType>,
    /// What strict validation makes of the schema at first use.
    #[cfg(feature = "validate")]
    #[serde(skip)]
    pub(crate) prepared: OnceLock<Box<dyn std::any::Any + Send + Sync>>,
}

impl Schema {
    /// The JSON Schema as it is given out. It refers to other schemas of the provider.
    pub(crate) fn given_out(&self) -> &Value {
        self.value.get_or_init(|| parse(self.text))
    }

    /// The JSON Schema in full strength.
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

    /// The schema that the model's `schemars::JsonSchema` gives; `None` where no model belongs to the schema alone.
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

/// The text of a schema as value. What is nested too deeply for that allows nothing.
fn parse(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| json!({ "not": {} }))
}

/// The Rust type that belongs to a schema.
pub(crate) struct RustType {
    /// The schema's name.
    pub(crate) schema: &'static str,
    pub(crate) decode: Decode,
    /// Where the schema is that of a model alone.
    #[cfg(feature = "schemars")]
    pub(crate) generate: Option<Generate>,
}

type Decode = fn(&[u8]) -> Result<Box<dyn Model>, DecodeError>;

/// How `schemars` comes by a schema.
#[cfg(feature = "schemars")]
pub(crate) type Generate = fn(&mut schemars::SchemaGenerator) -> schemars::Schema;

/// What a schema describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum SchemaKind {
    /// A model that users of this crate send.
    Sent,
    /// A model that the provider sends.
    Received,
    /// An answer that has no model of its own, such as a bare array.
    Answer,
    /// The payload of an event: its model, narrowed to that event.
    Event,
}

impl fmt::Display for SchemaKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sent => "sent",
            Self::Received => "received",
            Self::Answer => "answer",
            Self::Event => "event",
        })
    }
}

/// A decoded value of a type that is not named.
pub trait Model: fmt::Debug + Send + Sync {
    /// The value as JSON text.
    ///
    /// # Errors
    ///
    /// None for the models of this crate; the signature is that of `serde_json`.
    fn to_json(&self) -> Result<String, serde_json::Error>;
}

impl<T: fmt::Debug + Send + Sync + serde::Serialize> Model for T {
    fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }
}
