//! Fourth step: converts the OpenAPI schemas to one strict JSON Schema (draft-07). Strict validation, the published
//! JSON Schemas and the models are derived from it.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::Ident;
use serde_json::{Map, Value, json};

use super::draft_07::draft_07;
use super::load::{self, MappingKey, Node};
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
    /// The names of the properties, in the order of the document. `schema` has them in that of the alphabet.
    pub order: Vec<String>,
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
            .filter_map(|(name, schema)| Some((name.clone(), schema.get("description")?.to_json())))
            .collect(),
        values: BTreeMap::new(),
        orders: BTreeMap::new(),
    };
    for (name, schema) in named {
        let schema = hoist.members(&|| name.clone(), schema);
        hoist.schemas.insert(name.clone(), schema);
    }
    let Hoist { schemas, mut values, mut orders, .. } = hoist;

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
            let order = orders.remove(&name).unwrap_or_default();
            (name, Definition { schema, kind, values, order })
        })
        .collect();
    let unnamed_as = |schema, kind| Definition { schema, kind, values: BTreeMap::new(), order: Vec::new() };
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
    /// The names of the properties of each schema, in their order.
    orders: BTreeMap<Name, Vec<String>>,
}

impl Hoist {
    /// Rewrites a schema that stays in its place, while its members may be hoisted. `name` is the name that the schema would
    /// get, which few schemas need.
    fn members(&mut self, name: &dyn Fn() -> Name, schema: &Node) -> Value {
        let load::Value::Mapping(entries) = &schema.value else { return schema.to_json() };
        let mut out = Map::new();
        for (key, node) in entries {
            let value = match key.text.as_str() {
                "$ref" => json!(node.as_str().unwrap_or_default().replace("#/components/schemas/", "#/definitions/")),
                "properties" => {
                    let order = node.entries().iter().map(|(property, _)| property.text.clone());
                    self.orders.insert(name(), order.collect());
                    let properties = node.entries().iter().map(|(property, schema)| {
                        let inner = || match names::pascal(&property.text) {
                            Some(suffix) => name().followed_by(&suffix),
                            None => name(),
                        };
                        (property.text.clone(), self.property(&inner, schema))
                    });
                    Value::Object(properties.collect())
                }
                "items" => self.inline(&|| name().followed_by("Item"), node),
                "additionalProperties" => self.inline(&|| name().followed_by("Value"), node),
                "allOf" | "anyOf" => node.items().iter().map(|item| self.members(name, item)).collect(),
                "x-enumDescriptions" => {
                    let text = |(value, text): &(MappingKey, Node)| {
                        Some((value.text.clone(), text.as_str()?.trim().to_owned()))
                    };
                    self.values.insert(name(), node.entries().iter().filter_map(text).collect());
                    continue;
                }
                extension if extension.starts_with("x-") => continue,
                _ => node.to_json(),
            };
            out.insert(key.text.clone(), value);
        }
        Value::Object(draft_07(out))
    }

    /// Rewrites the schema of a property. One that is only a `$ref` gets the description of the schema it refers to.
    fn property(&mut self, name: &dyn Fn() -> Name, schema: &Node) -> Value {
        let schema = self.inline(name, schema);
        match schema.get("$ref").and_then(|target| self.descriptions.get(definition_name(target.as_str()?)?)) {
            Some(description) => json!({ "description": description, "allOf": [schema] }),
            None => schema,
        }
    }

    fn inline(&mut self, name: &dyn Fn() -> Name, schema: &Node) -> Value {
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
        let mut schema = schema.clone();
        let nullable = schema.remove("nullable").is_some_and(|nullable| nullable.as_bool() == Some(true));
        if let Some(load::Value::Sequence(values)) = schema.get_mut("enum").map(|values| &mut values.value) {
            values.retain(|value| value.value != load::Value::Null);
        }
        let mut place = Map::new();
        for key in ["description", "default", "deprecated"] {
            place.extend(schema.get(key).map(|value| (key.to_owned(), value.to_json())));
        }
        let hoisted = self.members(&|| free.clone(), &schema);
        self.schemas.insert(free.clone(), hoisted);
        place.insert("allOf".to_owned(), json!([reference(&free)]));
        if nullable {
            place.insert("nullable".to_owned(), Value::Bool(true));
        }
        Value::Object(draft_07(place))
    }
}
