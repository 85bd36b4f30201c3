//! The schemas as documents of their own, and their examples.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::body::Example;
use super::provider::{Provider, UnknownName};
#[cfg(feature = "schemars")]
use super::schema::Generate;
use super::schema::Schema;

/// In front of every reference.
const DEFINITIONS: &str = "#/definitions/";

impl Provider {
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
                self.instances(body.schema, wanted, example.json, &mut |json| {
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
        Ok(self.document(schema, |schema| schema.given_out().clone()))
    }

    /// As [`Provider::json_schema`], in full strength: with formats that no other validator knows.
    #[cfg(feature = "validate")]
    pub(crate) fn strict_schema(&'static self, schema: &'static Schema) -> Value {
        self.document(schema, Schema::strict)
    }

    /// The schema with all it refers to, each made by `form`.
    fn document(&'static self, schema: &'static Schema, form: impl Fn(&'static Schema) -> Value) -> Value {
        let mut found = BTreeSet::new();
        self.reach(schema.given_out(), &mut found);
        let mut document = Map::new();
        document.insert("$schema".to_owned(), json!("http://json-schema.org/draft-07/schema#"));
        document.insert("title".to_owned(), json!(schema.name));
        if let Value::Object(members) = form(schema) {
            document.extend(members);
        }
        // A reference makes draft-07 ignore what stands beside it.
        if let Some(reference) = document.remove("$ref") {
            document.insert("allOf".to_owned(), json!([{ "$ref": reference }]));
        }
        if !found.is_empty() {
            let used = self.schemas.iter().filter(|schema| found.contains(schema.name));
            let definitions = used.map(|schema| (schema.name.to_owned(), form(schema))).collect();
            document.insert("definitions".to_owned(), Value::Object(definitions));
        }
        Value::Object(document)
    }

    /// Finds the names of all schemas that a schema refers to.
    fn reach<'a>(&'static self, schema: &'a Value, found: &mut BTreeSet<&'a str>) {
        match schema {
            Value::Object(members) => {
                for (key, value) in members {
                    match (key.as_str(), value) {
                        ("$ref", Value::String(target)) => {
                            if let Some(name) = target.strip_prefix(DEFINITIONS)
                                && found.insert(name)
                            {
                                self.reach(self.definition(name), found);
                            }
                        }
                        _ => self.reach(value, found),
                    }
                }
            }
            Value::Array(items) => items.iter().for_each(|item| self.reach(item, found)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    /// The JSON Schema of that name; null where there is none.
    fn definition(&'static self, name: &str) -> &'static Value {
        self.schema(name).map_or(&Value::Null, Schema::given_out)
    }

    /// Reports every part of a JSON text of the schema `name` that is of the schema `wanted`.
    fn instances(&'static self, name: &str, wanted: &str, json: &'static str, report: &mut impl FnMut(&'static str)) {
        if name == wanted {
            report(json);
        }
        self.within(self.definition(name), wanted, json, report);
    }

    fn within(&'static self, schema: &Value, wanted: &str, json: &'static str, report: &mut impl FnMut(&'static str)) {
        if let Some(name) = schema["$ref"].as_str().and_then(|target| target.strip_prefix(DEFINITIONS))
            && json != "null"
        {
            self.instances(name, wanted, json, report);
        }
        for keyword in ["allOf", "anyOf"] {
            for part in schema[keyword].as_array().into_iter().flatten() {
                self.within(part, wanted, json, report);
            }
        }
        if let Ok(members) = serde_json::from_str::<BTreeMap<Cow<'static, str>, &'static RawValue>>(json) {
            for (name, member) in members {
                let schema = schema["properties"].get(name.as_ref()).unwrap_or(&schema["additionalProperties"]);
                self.within(schema, wanted, member.get(), report);
            }
        } else if let Ok(items) = serde_json::from_str::<Vec<&'static RawValue>>(json) {
            items.iter().for_each(|item| self.within(&schema["items"], wanted, item.get(), report));
        }
    }
}

/// The schema of a model for `schemars`, its references made by the generator.
#[cfg(feature = "schemars")]
pub(crate) fn for_schemars(
    provider: &'static Provider,
    name: &str,
    generator: &mut schemars::SchemaGenerator,
    references: &[(&str, Generate)],
) -> schemars::Schema {
    let mut schema = provider.definition(name).clone();
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
