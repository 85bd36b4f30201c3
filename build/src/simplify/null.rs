//! Null as a value of a schema.

use super::super::load::{Node, Value};

pub(super) fn is_nullable(schema: &Node) -> bool {
    schema.get("nullable").and_then(Node::as_bool) == Some(true)
}

/// Whether only null is a value of a schema.
pub(super) fn is_null(schema: &Node) -> bool {
    let values = schema.get("enum").map_or(&[][..], Node::items);
    schema.get("type").is_some_and(|kind| kind.as_str() == Some("null") || matches!(kind.value, Value::Null))
        || matches!(values, [only] if matches!(only.value, Value::Null))
        || schema.entries().len() == 1 && is_nullable(schema)
}

/// Whether a schema allows null, before it is rewritten.
pub(super) fn allows_null(schema: &Node) -> bool {
    let is_null_value = |value: &Node| matches!(value.value, Value::Null) || value.as_str() == Some("null");
    let has_null = |key: &str| schema.get(key).is_some_and(|values| values.items().iter().any(is_null_value));
    let alternatives = ["oneOf", "anyOf"].iter().flat_map(|key| schema.get(key).map_or(&[][..], Node::items));
    let mut parts = schema.get("allOf").map_or(&[][..], Node::items).iter();
    is_nullable(schema)
        || has_null("type")
        || schema
            .get("enum")
            .is_some_and(|values| values.items().iter().any(|value| matches!(value.value, Value::Null)))
        || alternatives.into_iter().any(|part| is_null(part) || allows_null(part))
        || parts.len() == 1 && parts.any(allows_null)
}

/// Makes a schema refuse null.
pub(super) fn refuse_null(schema: &mut Node) {
    schema.remove("nullable");
    if let Some(Value::Sequence(values)) = schema.get_mut("enum").map(|values| &mut values.value) {
        values.retain(|value| !matches!(value.value, Value::Null));
    }
}
