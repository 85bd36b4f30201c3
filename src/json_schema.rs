//! The bundle's schemas as documents of their own.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

/// `#/definitions/`, in front of every reference of a bundle.
const DEFINITIONS: &str = "#/definitions/";

/// The schema of that name with all it refers to.
pub(crate) fn document(bundle: &Value, name: &str) -> Value {
    let definitions = &bundle["definitions"];
    let mut found = BTreeSet::new();
    reach(definitions, &definitions[name], &mut found);
    let mut document =
        Map::from_iter([("$schema".to_owned(), bundle["$schema"].clone()), ("title".to_owned(), json!(name))]);
    if let Value::Object(members) = &definitions[name] {
        document.extend(members.clone());
    }
    // A reference makes draft-07 ignore what stands beside it.
    if let Some(reference) = document.remove("$ref") {
        document.insert("allOf".to_owned(), json!([{ "$ref": reference }]));
    }
    if !found.is_empty() {
        let definitions = found.into_iter().map(|name| (name.to_owned(), definitions[name].clone())).collect();
        document.insert("definitions".to_owned(), Value::Object(definitions));
    }
    Value::Object(document)
}

fn reach<'a>(definitions: &'a Value, schema: &'a Value, found: &mut BTreeSet<&'a str>) {
    match schema {
        Value::Object(members) => {
            for (key, value) in members {
                match (key.as_str(), value) {
                    ("$ref", Value::String(target)) => {
                        if let Some(name) = target.strip_prefix(DEFINITIONS)
                            && found.insert(name)
                        {
                            reach(definitions, &definitions[name], found);
                        }
                    }
                    _ => reach(definitions, value, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| reach(definitions, item, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Tells every part of a JSON text of schema `name` that is of the schema `wanted`.
pub(crate) fn instances(
    bundle: &Value,
    name: &str,
    wanted: &str,
    json: &'static str,
    tell: &mut impl FnMut(&'static str),
) {
    if name == wanted {
        tell(json);
    }
    within(bundle, &bundle["definitions"][name], wanted, json, tell);
}

fn within(bundle: &Value, schema: &Value, wanted: &str, json: &'static str, tell: &mut impl FnMut(&'static str)) {
    if let Some(name) = schema["$ref"].as_str().and_then(|target| target.strip_prefix(DEFINITIONS))
        && json != "null"
    {
        instances(bundle, name, wanted, json, tell);
    }
    for keyword in ["allOf", "anyOf"] {
        for part in schema[keyword].as_array().into_iter().flatten() {
            within(bundle, part, wanted, json, tell);
        }
    }
    if let Ok(members) = serde_json::from_str::<BTreeMap<Cow<'static, str>, &'static RawValue>>(json) {
        for (name, member) in members {
            let schema = schema["properties"].get(name.as_ref()).unwrap_or(&schema["additionalProperties"]);
            within(bundle, schema, wanted, member.get(), tell);
        }
    } else if let Ok(items) = serde_json::from_str::<Vec<&'static RawValue>>(json) {
        items.iter().for_each(|item| within(bundle, &schema["items"], wanted, item.get(), tell));
    }
}

/// How `schemars` comes by a schema.
#[cfg(feature = "schemars")]
pub(crate) type Generate = fn(&mut schemars::SchemaGenerator) -> schemars::Schema;

/// The schema of a model for `schemars`, its references made by the generator.
#[cfg(feature = "schemars")]
pub(crate) fn for_schemars(
    bundle: &Value,
    name: &str,
    generator: &mut schemars::SchemaGenerator,
    references: &[(&str, Generate)],
) -> schemars::Schema {
    let mut schema = bundle["definitions"][name].clone();
    resolve(&mut schema, &mut |target| {
        let (_, subschema) = references.iter().find(|(name, _)| *name == target)?;
        Some(subschema(generator).to_value())
    });
    schemars::Schema::try_from(schema).unwrap_or_default()
}

/// Replaces every `{"$ref": …}` by what `by` makes of its name.
#[cfg(feature = "schemars")]
fn resolve(schema: &mut Value, by: &mut dyn FnMut(&str) -> Option<Value>) {
    let target = schema.get("$ref").and_then(Value::as_str).and_then(|target| target.strip_prefix(DEFINITIONS));
    if let Some(replacement) = target.and_then(&mut *by) {
        *schema = replacement;
        return;
    }
    match schema {
        Value::Object(members) => members.values_mut().for_each(|value| resolve(value, by)),
        Value::Array(items) => items.iter_mut().for_each(|item| resolve(item, by)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
