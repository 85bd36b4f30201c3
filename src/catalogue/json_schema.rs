//! Self-contained JSON Schemas, and the examples of a schema.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::body::Example;
use super::provider::{Provider, UnknownName};
#[cfg(feature = "schemars")]
use super::schema::Generate;
use super::schema::Schema;
use crate::json::pointer;

/// The beginning of every reference.
const DEFINITIONS: &str = "#/definitions/";

impl Provider {
    /// Returns every example of a schema, as a whole body or as a part of another one, each JSON text once. The list is
    /// empty if no example contains a value of the schema.
    ///
    /// # Errors
    ///
    /// Returns an error if there is no schema of that name.
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

    /// Returns the JSON Schema (draft-07) of a named schema as a self-contained document.
    ///
    /// # Errors
    ///
    /// Returns an error if there is no schema of that name.
    pub fn json_schema(&'static self, name: &str) -> Result<Value, UnknownName> {
        let schema = self.schema(name)?;
        Ok(self.document(schema, |schema| schema.given_out().clone()))
    }

    /// Like [`Provider::json_schema`], but with the formats that only this crate validates.
    #[cfg(feature = "validate")]
    pub(crate) fn strict_schema(&'static self, schema: &'static Schema) -> Value {
        self.document(schema, Schema::strict)
    }

    /// The schema with every schema it refers to, each converted by `form`.
    fn document(&'static self, schema: &'static Schema, form: impl Fn(&'static Schema) -> Value) -> Value {
        let found = self.reached(schema.given_out());
        let mut document = Map::new();
        document.insert("$schema".to_owned(), json!("http://json-schema.org/draft-07/schema#"));
        document.insert("title".to_owned(), json!(schema.name));
        if let Value::Object(members) = form(schema) {
            document.extend(members);
        }
        // In draft-07, the keywords beside a reference are ignored.
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

    /// The names of all schemas that a schema refers to, directly or indirectly.
    fn reached(&'static self, schema: &'static Value) -> BTreeSet<&'static str> {
        let (mut found, mut pending) = (BTreeSet::new(), vec![schema]);
        while let Some(value) = pending.pop() {
            match value {
                Value::Object(members) => {
                    let target = members.get("$ref").and_then(Value::as_str);
                    let name = target.and_then(|target| target.strip_prefix(DEFINITIONS));
                    pending.extend(name.filter(|name| found.insert(*name)).map(|name| self.definition(name)));
                    pending.extend(members.values());
                }
                Value::Array(items) => pending.extend(items),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
            }
        }
        found
    }

    /// The JSON Schema of that name; null if there is none.
    fn definition(&'static self, name: &str) -> &'static Value {
        self.schema(name).map_or(&Value::Null, Schema::given_out)
    }

    /// Calls `report` with every part of a JSON text of the schema `name` that is of the schema `wanted`.
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

/// The schema of a model for `schemars`, with references made by the generator.
#[cfg(feature = "schemars")]
pub fn for_schemars(
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

/// Replaces every `{"$ref": …}` with the schema that `by` returns for its name.
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

/// The schema of the member that a pointer points to, in a self-contained document.
pub(crate) fn member_schema<'a>(document: &'a Value, pointer: &str) -> Option<&'a Value> {
    let own = resolved(document, document);
    pointer::names(pointer).try_fold(own, |schema, name| {
        let member = schema.get("properties").and_then(|properties| properties.get(&*name));
        Some(resolved(document, member?))
    })
}

/// The schema that a schema refers to.
fn resolved<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    let reference = schema.get("$ref").or_else(|| schema.pointer("/allOf/0/$ref")).and_then(Value::as_str);
    let target = reference.and_then(|target| document.pointer(target.strip_prefix('#')?));
    target.unwrap_or(schema)
}
