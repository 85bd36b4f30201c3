//! Ninth step: writes the content of the document as one JSON text. Beside the Rust types, the library only uses this
//! description of a provider.

use serde::Serialize;
use serde_json::Value;

use super::bundle::{Bundle, Definition, DefinitionKind};
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

/// Writes the description of the provider of that name.
pub fn describe(provider: &str, spec: &Spec, bundle: &Bundle) -> Result<String, String> {
    let schemas = bundle.definitions.iter().map(|(name, definition)| schema(name, definition)).collect();
    serde_json::to_string(&Description { name: provider, spec, schemas }).map_err(|error| error.to_string())
}

fn schema<'a>(name: &'a str, definition: &'a Definition) -> Schema<'a> {
    Schema {
        name,
        description: definition.schema.get("description").and_then(Value::as_str).unwrap_or_default(),
        kind: match definition.kind {
            DefinitionKind::Sent => "sent",
            DefinitionKind::Received | DefinitionKind::Both => "received",
            DefinitionKind::Response => "response",
            DefinitionKind::Event => "event",
        },
        schema: definition.schema.clone().into(),
    }
}
