//! Fourth step: converts the OpenAPI schemas to one strict JSON Schema (draft-07). Strict validation, the published
//! JSON Schemas and the models are derived from it.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::Ident;
use serde_json::{Map, Value, json};

use super::draft_07::draft_07;
use super::names::{self, Name};
use super::pointer;
use super::spec::{Body, Condition, Event, Shape, Spec};

/// Every schema of a provider, by name.
#[derive(Debug)]
pub struct Bundle {
    pub definitions: BTreeMap<Name, Definition>,
}

#[derive(Debug)]
pub struct Definition {
    pub schema: Value,
    pub kind: DefinitionKind,
    /// The descriptions of the values of an enum, as far as the document has them.
    pub values: BTreeMap<String, String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DefinitionKind {
    /// A named or inline schema of the document that only users of the library send.
    Sent,
    /// A named or inline schema that only the provider sends.
    Received,
    /// A named or inline schema that both send.
    Both,
    /// A response whose schema does not have a name, such as a bare array.
    Response,
    /// The payload of an event, narrowed to that event.
    Event,
}

impl DefinitionKind {
    /// Whether there is a Rust type of that name.
    pub fn is_model(self) -> bool {
        matches!(self, DefinitionKind::Sent | DefinitionKind::Received | DefinitionKind::Both)
    }
}

impl Bundle {
    /// The schemas that a schema refers to directly.
    pub fn references(&self, schema: &Value) -> impl Iterator<Item = &Name> {
        references(schema).into_iter().filter_map(|name| Some(self.definitions.get_key_value(name.as_str())?.0))
    }
}

/// Makes the bundle of a document that does not have lint findings.
pub fn bundle(spec: &Spec) -> Bundle {
    let named = &spec.schemas;
    let mut hoist = Hoist {
        schemas: named.iter().map(|(name, _)| (name.clone(), Value::Null)).collect(),
        taken: named
            .iter()
            .map(|(name, _)| name)
            .chain(spec.events.iter().map(|event| &event.name))
            .map(Name::pascal)
            .collect(),
        descriptions: named
            .iter()
            .filter_map(|(name, schema)| Some((name.clone(), schema.get("description")?.clone())))
            .collect(),
        values: BTreeMap::new(),
    };
    for (name, schema) in named {
        let schema = hoist.members(&|| name.clone(), schema.clone());
        hoist.schemas.insert(name.clone(), schema);
    }
    let Hoist { schemas, mut values, .. } = hoist;

    let received = reached(&schemas, spec.responses().chain(spec.events.iter().map(|event| &event.payload)));
    let requests = spec.operations.iter().filter_map(|operation| operation.request.as_ref());
    let sent = reached(&schemas, requests.chain(spec.acknowledgements()));

    let mut definitions: BTreeMap<Name, Definition> = schemas
        .into_iter()
        .map(|(name, schema)| {
            let kind = match (received.contains(&*name), sent.contains(&*name)) {
                (true, true) => DefinitionKind::Both,
                (true, false) => DefinitionKind::Received,
                (false, _) => DefinitionKind::Sent,
            };
            let values = values.remove(&name).unwrap_or_default();
            (name, Definition { schema, kind, values })
        })
        .collect();
    let unnamed_as = |schema, kind| Definition { schema, kind, values: BTreeMap::new() };
    for body in spec.responses().chain(spec.acknowledgements()) {
        if let Some(schema) = unnamed(body) {
            definitions.insert(body.definition.clone(), unnamed_as(schema, DefinitionKind::Response));
        }
    }
    for event in &spec.events {
        definitions.insert(event.name.clone(), unnamed_as(narrowed(event), DefinitionKind::Event));
    }
    Bundle { definitions }
}

/// The names of all schemas that bodies refer to, directly or indirectly.
fn reached<'a>(schemas: &BTreeMap<Name, Value>, bodies: impl Iterator<Item = &'a Body>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let names = bodies.filter_map(|body| match &body.shape {
        Shape::Named(name) | Shape::ListOf(name) => Some(name.to_string()),
        Shape::Text => None,
    });
    let mut pending: Vec<String> = names.collect();
    while let Some(name) = pending.pop() {
        let schema = schemas.get(name.as_str());
        if found.insert(name) {
            pending.extend(schema.into_iter().flat_map(references));
        }
    }
    found
}

/// The names that a schema refers to directly.
fn references(schema: &Value) -> BTreeSet<String> {
    match schema {
        Value::Object(members) => members
            .iter()
            .flat_map(|(key, value)| match (key.as_str(), value) {
                ("$ref", Value::String(target)) => definition_name(target).map(str::to_owned).into_iter().collect(),
                _ => references(value),
            })
            .collect(),
        Value::Array(items) => items.iter().flat_map(references).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => BTreeSet::new(),
    }
}

/// `X` of `#/definitions/X`.
fn definition_name(reference: &str) -> Option<&str> {
    reference.strip_prefix("#/definitions/")
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/definitions/{name}") })
}

fn of_shape(shape: &Shape) -> Value {
    match shape {
        Shape::Named(name) => reference(name),
        Shape::ListOf(name) => json!({ "type": "array", "items": reference(name) }),
        Shape::Text => json!({ "type": "string" }),
    }
}

fn unnamed(body: &Body) -> Option<Value> {
    if matches!(body.shape, Shape::Named(_)) {
        return None;
    }
    let mut schema = of_shape(&body.shape);
    schema["description"] = json!(body.description);
    Some(schema)
}

/// The schema of an event's payload: its model, with the conditions of `x-event-when`.
fn narrowed(event: &Event) -> Value {
    let mut all = vec![of_shape(&event.payload.shape)];
    all.extend(event.when.iter().map(|condition| {
        let names: Vec<String> = pointer::names(condition.pointer()).collect();
        at(&names, condition)
    }));
    json!({ "description": event.summary, "allOf": all })
}

/// The schema of a condition. It has `type` and `properties` beside each `required`, which some validators need.
fn at(tokens: &[String], condition: &Condition) -> Value {
    let Some((member, rest)) = tokens.split_first() else {
        return Value::Bool(true);
    };
    let required = |inner| json!({ "type": "object", "properties": { member: inner }, "required": [member] });
    match condition {
        Condition::Equals(_, text) if rest.is_empty() => {
            required(json!({ "const": serde_json::from_str::<Value>(text).unwrap_or_default() }))
        }
        Condition::Equals(..) | Condition::Present(_) => required(at(rest, condition)),
        Condition::Absent(pointer) => json!({ "not": at(tokens, &Condition::Present(pointer.clone())) }),
    }
}

/// Rewrites OpenAPI keywords, and moves inline objects and enums to definitions of their own.
struct Hoist {
    schemas: BTreeMap<Name, Value>,
    /// Rust names that a hoisted schema must not get.
    taken: BTreeSet<Ident>,
    /// The descriptions of the schemas that have a name in the document.
    descriptions: BTreeMap<Name, Value>,
    /// The descriptions of the values of enums, by the name of the schema.
    values: BTreeMap<Name, BTreeMap<String, String>>,
}

impl Hoist {
    /// Rewrites a schema that stays in its place, while its members may be hoisted. `name` is the name that the schema would
    /// get, which few schemas need.
    fn members(&mut self, name: &dyn Fn() -> Name, schema: Value) -> Value {
        let Value::Object(members) = schema else { return schema };
        let mut out = Map::new();
        for (key, value) in members {
            let value = match key.as_str() {
                "$ref" => {
                    Value::String(value.as_str().unwrap_or_default().replace("#/components/schemas/", "#/definitions/"))
                }
                "properties" => match value {
                    Value::Object(properties) => Value::Object(
                        properties
                            .into_iter()
                            .map(|(property, schema)| {
                                let schema = self.described(schema);
                                let inner = || match names::pascal(&property) {
                                    Some(suffix) => name().followed_by(&suffix),
                                    None => name(),
                                };
                                let schema = self.inline(&inner, schema);
                                (property, schema)
                            })
                            .collect(),
                    ),
                    other => other,
                },
                "items" => self.inline(&|| name().followed_by("Item"), value),
                "additionalProperties" => self.inline(&|| name().followed_by("Value"), value),
                "allOf" | "anyOf" => match value {
                    Value::Array(items) => {
                        Value::Array(items.into_iter().map(|item| self.members(name, item)).collect())
                    }
                    other => other,
                },
                "x-enumDescriptions" => {
                    let text =
                        |(value, text): (&String, &Value)| Some((value.clone(), text.as_str()?.trim().to_owned()));
                    self.values.insert(name(), value.as_object().into_iter().flatten().filter_map(text).collect());
                    continue;
                }
                extension if extension.starts_with("x-") => continue,
                _ => value,
            };
            out.insert(key, value);
        }
        Value::Object(draft_07(out))
    }

    /// A property that is only a `$ref`, with the description of the schema it refers to.
    fn described(&self, schema: Value) -> Value {
        let target = schema.get("$ref").and_then(Value::as_str);
        match target.and_then(|target| self.descriptions.get(target.rsplit('/').next()?)) {
            Some(description) => json!({ "description": description, "allOf": [schema] }),
            None => schema,
        }
    }

    fn inline(&mut self, name: &dyn Fn() -> Name, schema: Value) -> Value {
        let has_own_type = schema.get("enum").is_some() || schema.get("properties").is_some();
        if !has_own_type {
            return self.members(name, schema);
        }
        let name = name();
        let (mut free, mut number) = (name.clone(), 1);
        while !self.taken.insert(free.pascal()) {
            number += 1;
            free = name.followed_by(&number.to_string());
        }
        // Whether null is allowed depends on the property, not on the type.
        let mut schema = schema;
        let nullable = schema.as_object_mut().and_then(|members| members.remove("nullable")) == Some(Value::Bool(true));
        if let Some(Value::Array(values)) = schema.get_mut("enum") {
            values.retain(|value| !value.is_null());
        }
        let mut place = Map::new();
        for key in ["description", "default", "deprecated"] {
            place.extend(schema.get(key).map(|value| (key.to_owned(), value.clone())));
        }
        let hoisted = self.members(&|| free.clone(), schema);
        self.schemas.insert(free.clone(), hoisted);
        place.insert("allOf".to_owned(), json!([reference(&free)]));
        if nullable {
            place.insert("nullable".to_owned(), Value::Bool(true));
        }
        Value::Object(draft_07(place))
    }
}
