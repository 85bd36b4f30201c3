//! What a provider's specification says, as data: servers, operations, events, schemas and examples.
//!
//! Each provider module has one static [`Provider`]. Tests, the command line and validation walk it, so that none of
//! them repeats what is in the specification.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::LazyLock;
use std::time::Duration;

use serde_json::Value;

use crate::DecodeError;
pub use crate::signature::description::{
    Algorithm, Custom, Digest, Encoding, FormPart, Hash, Id, Key, KeyEncoding, KeyPlace, Keys, Part, Signature, Time,
    TimeFormat, Verification,
};

/// Everything one specification says.
#[non_exhaustive]
pub struct Provider {
    /// The module's name, such as `vipps`.
    pub name: &'static str,
    /// Title of the specification.
    pub title: &'static str,
    /// Version that the provider gives its interface.
    pub version: &'static str,
    /// What the provider delivers, and what holds for all of it; Markdown.
    pub description: &'static str,
    /// The specification itself: OpenAPI 3.0 in YAML.
    pub spec: &'static str,
    /// The documents that the specification was written from.
    pub sources: &'static [Source],
    /// Documented servers.
    pub servers: &'static [Server],
    /// What every operation asks a client for; `None` where there are no operations.
    pub credential: Option<Credential>,
    /// Calls that a client can make.
    pub operations: &'static [Operation],
    /// Where a delivery says which event it is; `None` where nothing is delivered.
    pub event_name: Option<EventNamePlace>,
    /// JSON pointers to where a payload may name its event, which need not be a listed one; for [`EventNamePlace::Body`].
    pub own_names: &'static [&'static str],
    /// When the provider delivers an event again; `None` where nothing is said of it.
    pub redelivery: Option<Redelivery>,
    /// What the provider delivers.
    pub events: &'static [Event],
    /// Named schemas: models, answers without a model of their own, and event payloads.
    pub schemas: &'static [Schema],
    pub(crate) bundle: LazyLock<Value>,
    /// The names of all members that the specification lists.
    pub(crate) members: LazyLock<BTreeSet<String>>,
}

impl Provider {
    /// Looks a schema up by the name of a model (`Order`), an answer (`list_webhooks.200`) or an event (`ORDER`).
    ///
    /// # Errors
    ///
    /// When there is none of that name; the error lists those there are.
    pub fn schema(&'static self, name: &str) -> Result<&'static Schema, UnknownName> {
        self.schemas.iter().find(|schema| schema.name == name).ok_or_else(|| UnknownName {
            provider: self.name,
            name: name.to_owned(),
            known: self.schemas.iter().map(|schema| schema.name).collect(),
        })
    }

    /// The operation with an `operationId`.
    pub fn operation(&'static self, id: &str) -> Option<&'static Operation> {
        self.operations.iter().find(|operation| operation.id == id)
    }

    /// Every body that the specification describes: requests, answers, payloads and the answers to deliveries.
    pub fn bodies(&'static self) -> impl Iterator<Item = &'static Body> {
        let sent = self.operations.iter().flat_map(|operation| operation.request.iter());
        let answered =
            self.operations.iter().flat_map(|operation| operation.answers).filter_map(|answer| answer.body.as_ref());
        let delivered = self.events.iter().map(|event| &event.payload);
        let acknowledged = self.events.iter().flat_map(|event| event.answers).filter_map(|answer| answer.body.as_ref());
        sent.chain(answered).chain(delivered).chain(acknowledged)
    }

    /// Every example of a schema, as a body of its own and inside of others, each JSON text once. Empty where none of the
    /// examples contains any.
    ///
    /// # Errors
    ///
    /// When there is no schema of that name.
    pub fn examples(&'static self, name: &str) -> Result<Vec<Example>, UnknownName> {
        let wanted = self.schema(name)?.name;
        let mut found: Vec<Example> = Vec::new();
        for body in self.bodies() {
            for example in body.examples {
                crate::json_schema::instances(&self.bundle, body.schema, wanted, example.json, &mut |json| {
                    if !found.iter().any(|known| known.json == json) {
                        found.push(Example { json, ..*example });
                    }
                });
            }
        }
        Ok(found)
    }

    /// The JSON Schema (draft-07) of a named schema as a document of its own: it refers to nothing outside itself.
    ///
    /// # Errors
    ///
    /// When there is none of that name.
    pub fn json_schema(&'static self, name: &str) -> Result<Value, UnknownName> {
        let schema = self.schema(name)?;
        Ok(crate::json_schema::document(&self.bundle, schema.name))
    }
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Provider").field("name", &self.name).field("version", &self.version).finish_non_exhaustive()
    }
}

/// A name that a provider's specification does not have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{provider} has no event or schema `{name}`; it has: {}", known.join(", "))]
#[non_exhaustive]
pub struct UnknownName {
    /// The provider's module.
    pub provider: &'static str,
    /// What was asked for.
    pub name: String,
    /// What there is.
    pub known: Vec<&'static str>,
}

/// A document that a specification was written from.
#[derive(Debug)]
#[non_exhaustive]
pub struct Source {
    /// Its title.
    pub title: &'static str,
    /// Where it stands.
    pub url: Option<&'static str>,
    /// Its own date as year, month or day (`2023`, `2023-07`, `2023-07-19`); `None` where it has none.
    pub date: Option<&'static str>,
    /// The day on which it was read, where it has no date of its own.
    pub read: Option<&'static str>,
    /// What was taken from it; Markdown, empty where there is nothing to say.
    pub note: &'static str,
}

/// A documented base URL.
#[derive(Debug)]
#[non_exhaustive]
pub struct Server {
    /// `production`, `test` or `sandbox`.
    pub name: &'static str,
    /// The URL; `{variables}` are to be replaced.
    pub url: &'static str,
    /// What the specification says of it.
    pub description: &'static str,
    /// The variables of the URL.
    pub variables: &'static [Variable],
}

/// A variable in the URL of a server.
#[derive(Debug)]
#[non_exhaustive]
pub struct Variable {
    /// Its name, in braces in the URL.
    pub name: &'static str,
    /// The value in the provider's documentation.
    pub default: &'static str,
    /// What it means.
    pub description: &'static str,
    /// The values that are allowed; empty where any is.
    pub values: &'static [&'static str],
}

/// What proves who calls.
#[derive(Debug)]
#[non_exhaustive]
pub struct Credential {
    /// Where it is sent.
    pub scheme: Scheme,
    /// Whether every call needs it.
    pub required: bool,
    /// What it is and where it comes from.
    pub description: &'static str,
}

/// Where a credential is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Scheme {
    /// In `Authorization`, after `Bearer`.
    Bearer,
    /// In the header of this name, as it is.
    Header(&'static str),
}

/// A call that a client can make.
#[derive(Debug)]
#[non_exhaustive]
pub struct Operation {
    /// The `operationId`, and the name of the client's method.
    pub id: &'static str,
    /// HTTP method.
    pub method: &'static str,
    /// Path below the server's URL; `{parameters}` are to be replaced.
    pub path: &'static str,
    /// One line on what it does.
    pub summary: &'static str,
    /// What else there is to know; Markdown, empty where there is nothing.
    pub description: &'static str,
    /// The parameters in the path.
    pub path_parameters: &'static [Parameter],
    /// The parameters in the query.
    pub query_parameters: &'static [Parameter],
    /// Documented headers, without those that follow from [`Provider::credential`] and [`Body::media_type`].
    pub headers: &'static [Parameter],
    /// The body of the request; `None` where it has none.
    pub request: Option<Body>,
    /// Every documented answer.
    pub answers: &'static [Answer],
}

/// A documented answer to a call or a delivery.
#[derive(Debug)]
#[non_exhaustive]
pub struct Answer {
    /// `201`, or `2XX` where the provider documents no status.
    pub status: &'static str,
    /// What it means.
    pub description: &'static str,
    /// Its body; `None` where it has none.
    pub body: Option<Body>,
}

/// A documented body.
#[derive(Debug)]
#[non_exhaustive]
pub struct Body {
    /// Media type as documented.
    pub media_type: &'static str,
    /// The name of its schema, for [`Provider::schema`].
    pub schema: &'static str,
    /// Its examples.
    pub examples: &'static [Example],
}

/// An example of a body.
#[derive(Debug)]
#[non_exhaustive]
pub struct Example {
    /// Its name in the specification.
    pub name: &'static str,
    /// One line on what it shows.
    pub summary: &'static str,
    /// Whether the provider wrote it.
    pub origin: Origin,
    /// The document it is in, or why it was constructed.
    pub source: &'static str,
    /// The JSON text; of a form, an object of its fields.
    pub json: &'static str,
}

/// Where an example comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Origin {
    /// It is in a document of the provider.
    Documented,
    /// It was captured from the provider.
    Observed,
    /// It was made for this crate in the documented form.
    Constructed,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Documented => "documented",
            Self::Observed => "observed",
            Self::Constructed => "constructed",
        })
    }
}

/// Where a delivery says which event it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EventNamePlace {
    /// In the payload, see [`Event::when`] and [`Provider::own_names`].
    Body,
    /// In the header of this name.
    Header(&'static str),
    /// The last segment of the URL's path is the name.
    LastPathSegment,
    /// Nowhere: only the program that registered the webhook knows.
    Route,
}

/// When a provider delivers an event again.
#[derive(Debug)]
#[non_exhaustive]
pub struct Redelivery {
    /// How long the provider waits for the answer to a delivery; `None` where it documents no limit.
    pub answer_within: Option<Duration>,
    /// What makes it deliver again, how often and for how long, and what then differs.
    pub description: &'static str,
}

/// Something a provider delivers.
#[derive(Debug)]
#[non_exhaustive]
pub struct Event {
    /// The provider's name for it.
    pub name: &'static str,
    /// One line on when it is sent.
    pub summary: &'static str,
    /// What else there is to know; Markdown, empty where there is nothing.
    pub description: &'static str,
    /// What identifies the event within its payload; all of it must hold. Empty where the payload does not say.
    pub when: &'static [Condition],
    /// JSON pointers whose values together identify an event across redeliveries, where none of them is missing, null or
    /// blank; the empty pointer is the whole payload. Empty where nothing identifies the event.
    pub idempotency_key: &'static [&'static str],
    /// What the delivery carries as proof of its origin, where that is a key as it is. Signatures are
    /// [`headers`](Event::headers).
    pub credential: Option<Credential>,
    /// Headers of the delivery.
    pub headers: &'static [Parameter],
    /// What is delivered.
    pub payload: Body,
    /// What the provider expects as answer.
    pub answers: &'static [Answer],
}

/// A single value in the path, the query or the headers of a call, or in the headers of a delivery.
#[derive(Debug)]
#[non_exhaustive]
pub struct Parameter {
    /// Its name. Names of headers are compared without regard to case.
    pub name: &'static str,
    /// Whether it is always there.
    pub required: bool,
    /// Whether it is the same for every call of a client, which then takes it with the credentials.
    pub constant: bool,
    /// What it says.
    pub description: &'static str,
    /// JSON Schema (draft-07) of the value, of type string, integer or boolean. It refers to nothing outside itself.
    pub schema: &'static str,
}

/// What a member of a payload must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Condition {
    /// The member at the JSON pointer has this JSON text as value.
    Equals(&'static str, &'static str),
    /// There is a member at the JSON pointer.
    Present(&'static str),
    /// There is no member at the JSON pointer.
    Absent(&'static str),
}

/// A named schema.
#[non_exhaustive]
pub struct Schema {
    /// Its name.
    pub name: &'static str,
    /// What it describes.
    pub description: &'static str,
    /// What it is the schema of.
    pub kind: SchemaKind,
    pub(crate) decode: Decode,
    #[cfg(feature = "schemars")]
    pub(crate) generate: Option<crate::json_schema::Generate>,
    #[cfg(feature = "validate")]
    pub(crate) validators: std::sync::OnceLock<crate::validate::Validators>,
}

impl Schema {
    /// Decodes JSON into the Rust type that belongs to the schema, without naming the type.
    ///
    /// # Errors
    ///
    /// When the JSON does not fit the type. Decoding is tolerant: it accepts more than the schema does.
    pub fn decode(&self, json: &[u8]) -> Result<Box<dyn Model>, DecodeError> {
        (self.decode)(json)
    }

    /// The schema that the model's `schemars::JsonSchema` gives; `None` where no model belongs to the schema alone.
    #[cfg(feature = "schemars")]
    pub fn generate(&self, generator: &mut schemars::SchemaGenerator) -> Option<schemars::Schema> {
        self.generate.map(|generate| generate(generator))
    }
}

impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Schema").field("name", &self.name).field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// How [`Schema::decode`] comes by the Rust type.
pub(crate) type Decode = fn(&[u8]) -> Result<Box<dyn Model>, DecodeError>;

/// What a schema describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

/// Decodes for [`Schema::decode`].
pub(crate) fn decode_model<T>(json: &[u8]) -> Result<Box<dyn Model>, DecodeError>
where
    T: crate::decode::FromJson + Model + 'static,
{
    crate::decode::decode::<T>(json).map(|model| Box::new(model) as Box<dyn Model>)
}

/// The bundle's text as value. It was written by the build from a value, so it parses.
pub(crate) fn parse_bundle(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_default()
}

/// The names of all members in a bundle.
pub(crate) fn members(bundle: &Value) -> BTreeSet<String> {
    fn list(schema: &Value, names: &mut BTreeSet<String>) {
        match schema {
            Value::Object(keywords) => {
                if let Some(Value::Object(properties)) = keywords.get("properties") {
                    names.extend(properties.keys().cloned());
                }
                keywords.values().for_each(|value| list(value, names));
            }
            Value::Array(items) => items.iter().for_each(|item| list(item, names)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    let mut names = BTreeSet::new();
    list(bundle, &mut names);
    names
}
