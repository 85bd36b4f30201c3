//! Bodies of requests, responses and deliveries: one media type, and a schema with a name.

use super::super::dialect;
use super::super::lint::body::{BodyUse, FORM, is_json};
use super::super::load::{Node, Value};
use super::super::names::snake;
use super::names::Names;
use super::null::refuse_null;
use super::{Simplifier, reference_name};

/// Why a form is left out that has nothing to send.
pub(super) const NO_FIELDS: &str = "the form has no fields";

impl Simplifier<'_> {
    /// Keeps the media type that is supported best. `name` is that of a schema without a name.
    ///
    /// # Errors
    ///
    /// Returns why no media type is supported.
    pub(super) fn content(&mut self, content: &mut Node, usage: BodyUse, name: &str) -> Result<(), String> {
        let rank = |media_type: &str| match media_type {
            "application/json" => 0,
            other if is_json(other) => 1,
            FORM if usage == BodyUse::Request => 2,
            "*/*" | "application/*" => 3,
            _ => 4,
        };
        let best = content.entries().iter().min_by_key(|(media_type, _)| rank(&media_type.text)).cloned();
        let Some((mut media_type, mut node)) = best else { return Err("no media type is documented".to_owned()) };
        match rank(&media_type.text) {
            4 => return Err(format!("the media type is `{}`", media_type.text)),
            3 => media_type.text = "application/json".to_owned(),
            _ => {}
        }
        self.place.push("content".to_owned());
        self.place.push(media_type.text.clone());
        let is_form = media_type.text == FORM;
        self.examples(&mut node);
        self.level(&mut node, &dialect::MEDIA_TYPE);
        if node.get("schema").is_none() {
            node.set("schema", node.here(Value::Mapping(Vec::new())));
        }
        let mut form = Ok(());
        if let Some(schema) = node.get_mut("schema") {
            self.place.push("schema".to_owned());
            if is_form {
                form = self.form(schema);
            }
            self.body_schema(schema, usage, name);
            self.place.pop();
        }
        self.place.pop();
        self.place.pop();
        content.value = Value::Mapping(vec![(media_type, node)]);
        form
    }

    /// The examples that are values of the document, with names in snake_case.
    fn examples(&mut self, media_type: &mut Node) {
        let Some(examples) = media_type.get_mut("examples") else { return };
        let mut names = Names::default();
        let is_good = |name: &str| snake(name).as_deref() == Some(name);
        examples.entries().iter().filter(|(name, _)| is_good(&name.text)).for_each(|(name, _)| names.take(&name.text));
        examples.retain(|name, example| {
            if reference_name(example, "examples").is_some() {
                match self.copy(example, "examples") {
                    Some(target) => *example = target,
                    None => return false,
                }
            }
            example.retain(|key, _| dialect::EXAMPLE.has(&key.text));
            if !is_good(&name.text) {
                name.text = names.give(&name.text, "example");
            }
            example.get("value").is_some()
        });
        if examples.entries().is_empty() {
            media_type.remove("examples");
        }
    }

    /// Gives the schema of a body a name, if it needs one.
    fn body_schema(&mut self, schema: &mut Node, usage: BodyUse, name: &str) {
        self.schema(schema);
        if schema.get("$ref").is_some() {
            return;
        }
        // A body is never null, so a reference with null beside it is the reference.
        let sole = schema.get("allOf").and_then(|parts| parts.items().first()).cloned();
        if let Some(reference) = sole {
            *schema = reference;
            return;
        }
        let kind = schema.get("type").and_then(Node::as_str).unwrap_or_default().to_owned();
        if usage == BodyUse::Response && kind == "array" {
            if let Some(items) = schema.get_mut("items")
                && items.get("$ref").is_none()
            {
                self.name_schema(items, &format!("{name} item"));
            }
            schema.retain(|key, _| ["type", "items", "description"].contains(&key.text.as_str()));
        } else if usage == BodyUse::Response && kind == "string" && schema.get("enum").is_none() {
            schema.retain(|key, _| ["type", "description"].contains(&key.text.as_str()));
        } else {
            self.name_schema(schema, name);
        }
    }

    /// Makes a form of single values.
    fn form(&mut self, schema: &mut Node) -> Result<(), String> {
        if schema.get("$ref").is_some() {
            *schema = self.copy(schema, "schemas").ok_or("the schema of the form cannot be used")?;
        }
        self.schema(schema);
        let required: Vec<String> =
            schema.get("required").map(Node::texts).unwrap_or_default().into_iter().map(str::to_owned).collect();
        if schema.get("properties").is_none_or(|properties| properties.entries().is_empty()) {
            return Err(NO_FIELDS.to_owned());
        }
        let mut lost = None;
        if let Some(properties) = schema.get_mut("properties") {
            properties.retain(|name, property| {
                let kind = self.kind_behind(property).unwrap_or_default();
                refuse_null(property);
                match kind.as_deref() {
                    Some("string" | "integer" | "boolean") => true,
                    // Its digits are sent as they are given.
                    Some("number") => {
                        let description = property.get("description").cloned();
                        property.value = Value::Mapping(Vec::new());
                        property.set("type", property.text_here("string"));
                        if let Some(description) = description {
                            property.set("description", description);
                        }
                        true
                    }
                    Some(_) | None => {
                        let at = property.clone();
                        self.note(
                            &at,
                            format!("the form field `{}` is not a single value, so it is left out", name.text),
                            "write a field of type string, with the encoding in its description",
                        );
                        if required.contains(&name.text) {
                            lost = Some(name.text.clone());
                        }
                        false
                    }
                }
            });
        }
        if let Some(name) = lost {
            return Err(format!("the form needs the field `{name}`, which is not a single value"));
        }
        match schema.get("properties") {
            Some(properties) if !properties.entries().is_empty() => Ok(()),
            Some(_) | None => Err("the form has no field that is a single value".to_owned()),
        }
    }
}
