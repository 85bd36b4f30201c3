//! Converts keywords of OpenAPI 3.0 to those of JSON Schema (draft-07).

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::formats::{FORMATS, TIME_TEXT};

/// The schema of a parameter, which is always a single value.
pub fn of_parameter(schema: Value) -> Value {
    match schema {
        Value::Object(mut members) => {
            // The parameter has a description of its own, and a long one would be repeated for every parameter.
            members.retain(|key, _| !key.starts_with("x-") && key != "description");
            Value::Object(draft_07(members))
        }
        other => other,
    }
}

/// A schema for other validators, with patterns instead of the formats that they do not know: some would ignore such a
/// format, others would refuse the schema.
#[derive(Serialize)]
pub struct GivenOut {
    schema: Value,
    /// The same schema with these formats, if it has any.
    strict: Option<Value>,
}

impl GivenOut {
    /// The schema for other validators.
    pub fn schema(&self) -> &Value {
        &self.schema
    }
}

impl From<Value> for GivenOut {
    fn from(mut strict: Value) -> Self {
        replace_formats(&mut strict, &[(TIME_TEXT, None)]);
        let mut schema = strict.clone();
        replace_formats(&mut schema, &FORMATS.map(|(own, pattern)| (own, Some(pattern))));
        Self { strict: (schema != strict).then_some(strict), schema }
    }
}

/// Replaces each of these formats with its pattern, if it has one.
fn replace_formats(schema: &mut Value, formats: &[(&str, Option<&str>)]) {
    match schema {
        Value::Object(members) => {
            let format = members.get("format").and_then(Value::as_str);
            if let Some((_, pattern)) = formats.iter().find(|(own, _)| Some(*own) == format) {
                members.remove("format");
                members.extend(pattern.map(|pattern| ("pattern".to_owned(), json!(pattern))));
            }
            members.values_mut().for_each(|member| replace_formats(member, formats));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| replace_formats(item, formats)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Converts keywords that OpenAPI 3.0 spells differently.
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
    // JSON Schema does not have formats of integers.
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
