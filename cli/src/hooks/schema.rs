//! Reads the JSON Schema of a body: types, choices, bounds and secrets of its parts.

use std::ops::RangeInclusive;

use pos_webhooks::catalogue::Provider;
use serde_json::Value;

/// The schema of one body, with the schemas that it refers to.
pub struct Schema(Value);

/// One place in a body: its schema and the schemas that it refers to, nearest first.
pub struct SchemaPlace<'a> {
    document: &'a Value,
    parts: Vec<&'a Value>,
}

impl Schema {
    pub fn of(provider: &'static Provider, name: &str) -> Option<Self> {
        provider.json_schema(name).ok().map(Self)
    }

    /// A place whose schema is not known.
    pub fn unknown() -> Self {
        Self(Value::Bool(true))
    }

    pub fn root(&self) -> SchemaPlace<'_> {
        SchemaPlace::new(&self.0, [&self.0])
    }

    /// Whether the body may contain a secret.
    pub fn has_secret(&self) -> bool {
        fn found(value: &Value) -> bool {
            match value {
                Value::Object(members) => is_secret(value) || members.values().any(found),
                Value::Array(items) => items.iter().any(found),
                _ => false,
            }
        }
        found(&self.0)
    }
}

impl<'a> SchemaPlace<'a> {
    fn new(document: &'a Value, schemas: impl IntoIterator<Item = &'a Value>) -> Self {
        let mut parts: Vec<&Value> = schemas.into_iter().collect();
        let mut next = 0;
        while let Some(part) = parts.get(next).copied() {
            next += 1;
            let reference = part.get("$ref").and_then(Value::as_str).and_then(|target| target.strip_prefix('#'));
            let referred = reference.and_then(|pointer| document.pointer(pointer));
            let members = ["allOf", "anyOf", "oneOf"].into_iter().filter_map(|key| part.get(key)?.as_array()).flatten();
            for further in referred.into_iter().chain(members) {
                if !parts.iter().any(|known| std::ptr::eq(*known, further)) {
                    parts.push(further);
                }
            }
        }
        Self { document, parts }
    }

    fn keyword(&self, name: &str) -> impl Iterator<Item = &'a Value> {
        self.parts.iter().filter_map(move |part| part.get(name))
    }

    pub fn description(&self) -> &'a str {
        self.keyword("description").find_map(Value::as_str).unwrap_or_default()
    }

    /// Whether the place has this type, apart from null.
    pub fn is_of_type(&self, name: &str) -> bool {
        self.keyword("type").any(|kind| match kind {
            Value::Array(kinds) => kinds.iter().any(|kind| kind == name),
            kind => kind == name,
        })
    }

    pub fn is_secret(&self) -> bool {
        self.parts.iter().any(|part| is_secret(part))
    }

    /// The allowed values; empty if every value is allowed.
    pub fn choices(&self) -> Vec<&'a str> {
        self.keyword("enum").filter_map(Value::as_array).flatten().filter_map(Value::as_str).collect()
    }

    /// The value that the provider assumes if none is given.
    pub fn default(&self) -> Option<&'a Value> {
        self.keyword("default").next()
    }

    /// The range of allowed integers.
    pub fn bounds(&self) -> RangeInclusive<i64> {
        let bound = |name| self.keyword(name).find_map(Value::as_i64);
        bound("minimum").unwrap_or(i64::MIN)..=bound("maximum").unwrap_or(i64::MAX)
    }

    pub fn requires(&self, name: &str) -> bool {
        self.keyword("required").filter_map(Value::as_array).flatten().any(|required| required == name)
    }

    pub fn properties(&self) -> impl Iterator<Item = &'a String> {
        self.keyword("properties").filter_map(Value::as_object).flat_map(|members| members.keys())
    }

    pub fn member(&self, name: &str) -> Self {
        let mut named: Vec<_> = self.keyword("properties").filter_map(|properties| properties.get(name)).collect();
        if named.is_empty() {
            named.extend(self.keyword("additionalProperties"));
        }
        Self::new(self.document, named)
    }

    pub fn items(&self) -> Self {
        Self::new(self.document, self.keyword("items"))
    }
}

fn is_secret(schema: &Value) -> bool {
    schema.get("format").is_some_and(|format| format == "password")
}
