//! Writes an example of a model as the Rust expression that constructs it.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::json::Json;
use crate::bundle::{Bundle, Definition, DefinitionKind};
use crate::models;
use crate::names::{self, Name};

/// Returns an expression of the type that [`models`](crate::models) generates for the name, with a line for each field. `None`
/// for a model that users cannot construct, or whose type is not that simple.
pub fn of_model(bundle: &Bundle, name: &str, value: &Json) -> Option<String> {
    let (name, definition) = bundle.definitions.get_key_value(name)?;
    let Json::Object(values) = value else { return of_text(name, definition, value) };
    let schema = definition.schema.as_object()?;
    let properties = schema.get("properties")?.as_object().filter(|properties| !properties.is_empty())?;
    if definition.kind == DefinitionKind::Received || values.iter().any(|(name, _)| !properties.contains_key(name)) {
        return None;
    }
    let required = |name: &str| {
        let names = schema.get("required").and_then(Value::as_array).into_iter().flatten();
        names.filter_map(Value::as_str).any(|required| required == name)
    };
    let writer = Literal { bundle, loosened: definition.kind != DefinitionKind::Sent };
    let mut fields = Vec::new();
    for (member, value) in values {
        let value = writer.member(properties.get(member)?.as_object()?, required(member), value)?;
        fields.push(format!("{}: {value},", names::snake(member)?));
    }
    // In a fixed order, whatever the map's is.
    let others: BTreeSet<&String> =
        properties.keys().filter(|name| !values.iter().any(|(other, _)| other == *name)).collect();
    if !others.is_empty() && !properties.keys().any(|name| required(name)) {
        fields.push("..Default::default()".to_owned());
    } else {
        for member in others {
            let value = absent(properties.get(member)?.as_object()?);
            fields.push(format!("{}: {value},", names::snake(member)?));
        }
    }
    Some(format!("models::{} {{\n{}\n}}", name.pascal(), indented(&fields.join("\n"))))
}

/// A value of an enum, or of a string with a type of its own.
fn of_text(name: &Name, definition: &Definition, value: &Json) -> Option<String> {
    let Json::String(text) = value else { return None };
    let schema = definition.schema.as_object()?;
    match schema.get("enum").and_then(Value::as_array) {
        Some(values) if values.iter().any(|value| value.as_str() == Some(text)) => {
            Some(format!("models::{}::{}", name.pascal(), Name::new(text)?.pascal()))
        }
        Some(_) => Some(format!("{text:?}.into()")),
        None if is_plain_string(schema) => Some(format!("{text:?}.parse()?")),
        None => None,
    }
}

/// Writes the values of one model.
struct Literal<'a> {
    bundle: &'a Bundle,
    /// Whether the constraints of the model's texts are left out.
    loosened: bool,
}

impl Literal<'_> {
    /// The value of a field.
    fn member(&self, schema: &Map<String, Value>, required: bool, value: &Json) -> Option<String> {
        let is_option = is_nullable(schema) || !required && !is_collection(schema);
        match value {
            Json::Scalar(text) if text == "null" => is_option.then(|| "None".to_owned()),
            value if is_option => self.value(schema, value).map(|value| format!("Some({value})")),
            value => self.value(schema, value),
        }
    }

    fn value(&self, schema: &Map<String, Value>, value: &Json) -> Option<String> {
        if let Some(reference) = reference(schema) {
            return of_model(self.bundle, reference, value);
        }
        match (kind(schema), value) {
            (Some("string"), Json::String(text)) if self.has_own_type(schema) => Some(format!("{text:?}.parse()?")),
            (Some("string"), Json::String(text)) => Some(format!("{text:?}.into()")),
            (Some("number"), Json::Scalar(text)) => match text.parse::<i64>() {
                Ok(number) if number.to_string() == *text => Some(format!("{text}.into()")),
                _ => Some(format!("{text:?}.parse()?")),
            },
            (Some("integer" | "boolean"), Json::Scalar(text)) => Some(text.clone()),
            (Some("array"), Json::Array(items)) => {
                let schema = schema.get("items")?.as_object()?;
                let items: Vec<String> =
                    items.iter().map(|item| self.member(schema, true, item)).collect::<Option<_>>()?;
                let line = format!("vec![{}]", items.join(", "));
                Some(if line.len() <= 80 && !line.contains('\n') {
                    line
                } else {
                    let items: String = items.iter().map(|item| format!("\n{},", indented(item))).collect();
                    format!("vec![{items}\n]")
                })
            }
            _ => None,
        }
    }

    /// Whether typify generates a type for a text in place.
    fn has_own_type(&self, schema: &Map<String, Value>) -> bool {
        let schema = models::string(schema, self.loosened);
        ["pattern", "minLength", "maxLength"].iter().any(|key| schema.contains_key(*key))
    }
}

/// The value of a field whose member is missing.
fn absent(schema: &Map<String, Value>) -> &'static str {
    match kind(schema) {
        Some("array") if !is_nullable(schema) => "Vec::new()",
        Some("object") if is_collection(schema) && !is_nullable(schema) => "Default::default()",
        _ => "None",
    }
}

/// Whether a field is a list or a map, which is empty if the member is missing.
fn is_collection(schema: &Map<String, Value>) -> bool {
    match kind(schema) {
        Some("array") => true,
        Some("object") => schema.get("additionalProperties").is_some_and(Value::is_object),
        _ => false,
    }
}

fn is_plain_string(schema: &Map<String, Value>) -> bool {
    kind(schema) == Some("string") && !models::string(schema, true).contains_key("format")
}

fn is_nullable(schema: &Map<String, Value>) -> bool {
    schema.get("type").is_some_and(Value::is_array)
        || schema
            .get("anyOf")
            .and_then(Value::as_array)
            .is_some_and(|parts| parts.iter().any(|part| part["type"] == "null"))
}

/// The type of a schema other than null.
fn kind(schema: &Map<String, Value>) -> Option<&str> {
    match schema.get("type")? {
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null"),
        kind => kind.as_str(),
    }
}

/// The name of the definition that a schema stands for.
fn reference(schema: &Map<String, Value>) -> Option<&str> {
    let part = ["allOf", "anyOf"].iter().find_map(|key| schema.get(*key)?.as_array()?.first()?.as_object());
    part.unwrap_or(schema).get("$ref")?.as_str()?.strip_prefix("#/definitions/")
}

pub fn indented(text: &str) -> String {
    text.lines().map(|line| format!("    {line}")).collect::<Vec<_>>().join("\n")
}
