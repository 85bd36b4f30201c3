//! Keywords of OpenAPI 3.0 as those of JSON Schema (draft-07).

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::formats::FORMATS;

/// The schema of a parameter, whose value is a single one.
pub fn of_parameter(schema: Value) -> Value {
    match schema {
        Value::Object(mut members) => {
            members.retain(|key, _| !key.starts_with("x-"));
            Value::Object(draft_07(members))
        }
        other => other,
    }
}

/// A schema as it is given out, with patterns in the place of formats that no other validator knows: some would ignore them,
/// others refuse the schema.
#[derive(Serialize)]
pub struct GivenOut {
    schema: Value,
    /// With these formats, where it has any.
    strict: Option<Value>,
}

impl From<Value> for GivenOut {
    fn from(strict: Value) -> Self {
        let mut schema = strict.clone();
        replace_formats(&mut schema);
        Self { strict: (schema != strict).then_some(strict), schema }
    }
}

fn replace_formats(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            let format = members.get("format").and_then(Value::as_str);
            if let Some((_, pattern)) = FORMATS.iter().find(|(own, _)| Some(*own) == format) {
                members.remove("format");
                members.insert("pattern".to_owned(), json!(pattern));
            }
            members.values_mut().for_each(replace_formats);
        }
        Value::Array(items) => items.iter_mut().for_each(replace_formats),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Keywords that OpenAPI 3.0 spells differently.
pub fn draft_07(mut schema: Map<String, Value>) -> Map<String, Value> {
    for (exclusive, bound) in [("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")] {
        match schema.remove(exclusive) {
            Some(Value::Bool(true)) => {
                if let Some(limit) = schema.remove(bound) {
                    schema.insert(exclusive.to_owned(), limit);
                }
            }
            Some(Value::Bool(false)) | None => {}
            Some(other) => {
                schema.insert(exclusive.to_owned(), other);
            }
        }
    }
    // JSON Schema knows no formats of integers.
    let bounds = match schema.get("format").and_then(Value::as_str) {
        Some("int32") => Some((i64::from(i32::MIN), i64::from(i32::MAX))),
        Some("int64") => Some((i64::MIN, i64::MAX)),
        _ => None,
    };
    if let Some((least, most)) = bounds {
        if !schema.contains_key("exclusiveMinimum") {
            schema.entry("minimum").or_insert(json!(least));
        }
        if !schema.contains_key("exclusiveMaximum") {
            schema.entry("maximum").or_insert(json!(most));
        }
    }
    if schema.remove("nullable") == Some(Value::Bool(true)) {
        if let Some(kind) = schema.remove("type") {
            schema.insert("type".to_owned(), json!([kind, "null"]));
        } else if let Some(Value::Array(mut one)) = schema.remove("allOf") {
            one.push(json!({ "type": "null" }));
            schema.insert("anyOf".to_owned(), Value::Array(one));
        }
    }
    schema
}
