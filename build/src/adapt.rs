//! Between the first and the second step: rewrites what OpenAPI 3.1 writes in another form than OpenAPI 3.0. All else that is
//! new in 3.1 remains as it is, and the lint reports it.

use super::load::{Document, MappingKey, Node, Value};

/// The keywords that may be beside a `$ref` in 3.1, and beside `allOf` in this build.
const BESIDE_REFERENCE: [&str; 3] = ["description", "default", "deprecated"];

/// Rewrites a document of OpenAPI 3.1: `webhooks`, types with null, `const`, numbers as exclusive bounds, and keywords beside
/// `$ref`. Other documents are not changed.
pub fn adapt(document: &mut Document) {
    let root = &mut document.root;
    if !root.get("openapi").and_then(Node::as_str).is_some_and(|version| version.starts_with("3.1.")) {
        return;
    }
    if root.get("x-webhooks").is_none() {
        rename(root, "webhooks", "x-webhooks");
    }
    within(root);
}

/// Rewrites the schemas within a part of the document that is not a schema.
fn within(node: &mut Node) {
    match &mut node.value {
        Value::Mapping(entries) => {
            for (key, value) in entries {
                match key.text.as_str() {
                    "example" | "examples" => {}
                    "schema" => schema(value),
                    "schemas" => members(value),
                    "x-webhooks" => within(value),
                    extension if extension.starts_with("x-") => {}
                    _ => within(value),
                }
            }
        }
        Value::Sequence(items) => items.iter_mut().for_each(within),
        Value::Null | Value::Bool(_) | Value::Number { .. } | Value::String(_) => {}
    }
}

/// Rewrites the schemas that are the values of a mapping.
fn members(node: &mut Node) {
    if let Value::Mapping(entries) = &mut node.value {
        entries.iter_mut().for_each(|(_, value)| schema(value));
    }
}

fn schema(node: &mut Node) {
    nullable(node);
    constant(node);
    for (exclusive, bound) in [("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")] {
        exclusive_bound(node, exclusive, bound);
    }
    beside_reference(node);
    let Value::Mapping(entries) = &mut node.value else { return };
    for (key, value) in entries {
        match key.text.as_str() {
            "properties" => members(value),
            "items" | "additionalProperties" => schema(value),
            "allOf" | "anyOf" | "oneOf" => {
                if let Value::Sequence(parts) = &mut value.value {
                    parts.iter_mut().for_each(schema);
                }
            }
            _ => {}
        }
    }
}

/// `type: [string, 'null']` becomes `type: string` with `nullable: true`.
fn nullable(node: &mut Node) {
    let Some(kinds) = node.get("type").map(Node::items) else { return };
    let (nulls, others): (Vec<&Node>, Vec<&Node>) = kinds.iter().partition(|kind| kind.as_str() == Some("null"));
    if let ([_], [kind]) = (nulls.as_slice(), others.as_slice()) {
        let kind = (*kind).clone();
        replace(node, "type", "type", kind.value);
        if let Value::Mapping(entries) = &mut node.value {
            entries.retain(|(key, _)| key.text != "nullable");
        }
        add(node, "type", "nullable", Value::Bool(true));
    }
}

/// `const: paid` becomes `enum: [paid]`.
fn constant(node: &mut Node) {
    let Some(value) = node.get("const").cloned() else { return };
    if node.get("enum").is_some() {
        return;
    }
    if node.get("type").is_none() && value.as_str().is_some() {
        add(node, "const", "type", Value::String("string".to_owned()));
    }
    replace(node, "const", "enum", Value::Sequence(vec![value]));
}

/// `exclusiveMinimum: 5` becomes `minimum: 5` with `exclusiveMinimum: true`.
fn exclusive_bound(node: &mut Node, exclusive: &str, bound: &str) {
    let Some(limit) = node.get(exclusive).filter(|limit| limit.as_number().is_some()).cloned() else { return };
    if node.get(bound).is_none() {
        add(node, exclusive, bound, limit.value);
        replace(node, exclusive, exclusive, Value::Bool(true));
    }
}

/// A `$ref` with a description beside it becomes `allOf` with the `$ref`.
fn beside_reference(node: &mut Node) {
    let others = node.entries().iter().filter(|(key, _)| key.text != "$ref");
    let mut others = others.map(|(key, _)| key.text.as_str()).peekable();
    if others.peek().is_none() || !others.all(|key| BESIDE_REFERENCE.contains(&key)) {
        return;
    }
    let Some((key, target)) = node.entry("$ref").cloned() else { return };
    let (line, column) = (key.line, key.column);
    let reference = Node { line, column, value: Value::Mapping(vec![(key, target)]) };
    replace(node, "$ref", "allOf", Value::Sequence(vec![reference]));
}

/// Gives the entry of a key another key.
fn rename(node: &mut Node, from: &str, to: &str) {
    let Value::Mapping(entries) = &mut node.value else { return };
    if let Some((key, _)) = entries.iter_mut().find(|(key, _)| key.text == from) {
        to.clone_into(&mut key.text);
    }
}

/// Replaces the value of a key, and renames the key.
fn replace(node: &mut Node, key: &str, name: &str, value: Value) {
    let Value::Mapping(entries) = &mut node.value else { return };
    if let Some((key, node)) = entries.iter_mut().find(|(known, _)| known.text == key) {
        name.clone_into(&mut key.text);
        node.value = value;
    }
}

/// Adds an entry at the position of another one.
fn add(node: &mut Node, beside: &str, name: &str, value: Value) {
    let Value::Mapping(entries) = &mut node.value else { return };
    if let Some((line, column)) =
        entries.iter().find(|(key, _)| key.text == beside).map(|(key, _)| (key.line, key.column))
    {
        let key = MappingKey { text: name.to_owned(), line, column };
        entries.push((key, Node { line, column, value }));
    }
}
