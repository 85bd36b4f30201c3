//! Ninth step: everything that the document says, as one JSON text. The library reads it, and it is all that the library knows
//! of a provider beside the Rust types.

use serde::Serialize;
use serde_json::Value;

use super::bundle::{Bundle, Definition, Kind};
use super::draft_07::GivenOut;
use super::spec::Spec;

#[derive(Serialize)]
struct Description<'a> {
    name: &'a str,
    #[serde(flatten)]
    spec: &'a Spec,
    schemas: Vec<Schema<'a>>,
}

#[derive(Serialize)]
struct Schema<'a> {
    name: &'a str,
    description: &'a str,
    kind: &'static str,
    #[serde(flatten)]
    schema: GivenOut,
}

/// The description of the provider of that name.
pub fn describe(provider: &str, spec: &Spec, bundle: &Bundle) -> Result<String, String> {
    let schemas = bundle.definitions.iter().map(|(name, definition)| schema(name, definition)).collect();
    serde_json::to_string(&Description { name: provider, spec, schemas }).map_err(|error| error.to_string())
}

fn schema<'a>(name: &'a str, definition: &'a Definition) -> Schema<'a> {
    Schema {
        name,
        description: definition.schema.get("description").and_then(Value::as_str).unwrap_or_default(),
        kind: match definition.kind {
            Kind::Sent => "sent",
            Kind::Received | Kind::Both => "received",
            Kind::Answer => "answer",
            Kind::Event => "event",
        },
        schema: definition.schema.clone().into(),
    }
}
