//! Lints bodies: their media types and schemas.

use super::super::dialect;
use super::linter::{At, Linter, one_of};
use super::schema::SchemaUse;

pub(crate) const FORM: &str = "application/x-www-form-urlencoded";

/// The place of a body, which determines its media types and the form of its schema.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum BodyUse {
    Request,
    Response,
    Delivery,
}

/// Whether the media type is JSON, with or without parameters: `application/json; charset=utf-8`, `application/problem+json`.
pub(crate) fn is_json(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or_default().trim_end().to_ascii_lowercase();
    let Some(subtype) = essence.strip_prefix("application/") else { return false };
    let is_name = |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || ".-_".contains(c));
    let is_sendable = media_type.chars().all(|c| matches!(c, ' '..='~'));
    is_sendable && (["json", "jsonc"].contains(&subtype) || subtype.strip_suffix("+json").is_some_and(is_name))
}

impl BodyUse {
    /// The media types to write, for the help.
    fn media_types(self) -> &'static [&'static str] {
        match self {
            BodyUse::Request => &["application/json", FORM],
            BodyUse::Response => &["application/json", "application/problem+json"],
            BodyUse::Delivery => &["application/json"],
        }
    }
}

impl<'a> Linter<'a> {
    pub(super) fn request_body(&mut self, at: &At<'a>, body: BodyUse) {
        if !self.level(at, &dialect::REQUEST_BODY) {
            return;
        }
        self.documentation(at, "description");
        if self.boolean(at, "required") != Some(true) {
            self.report(at, "an optional body would be generated as a required one", "write `required: true`");
        }
        match at.get("content") {
            Some(content) => self.content(&content, body),
            None => self.report(at, "`content` is missing", "write a media type with its schema"),
        }
    }

    pub(super) fn content(&mut self, at: &At<'a>, body: BodyUse) {
        if !self.mapping(at) {
            return;
        }
        let understood = body.media_types();
        let entries = at.entries();
        match entries.as_slice() {
            [_] => {}
            [(_, first), others @ ..] if body == BodyUse::Request && entries.iter().all(|(name, _)| is_json(name)) => {
                return self.names_of_json(first, others);
            }
            [] => {
                self.report(at, "no media type is listed", "write one, or leave `content` out where there is no body")
            }
            several => {
                let listed: Vec<&str> = several.iter().map(|(media_type, _)| *media_type).collect();
                let message = format!("there is more than one media type: {}", listed.join(", "));
                self.report(at, message, "keep the one that the client is to use");
            }
        }
        for (name, media_type) in entries {
            if !is_json(name) && !understood.contains(&name) {
                let help = format!("write {}", one_of(understood));
                self.report(&media_type, format!("the media type `{name}` is not supported here"), help);
            }
            self.media_type(&media_type, body, name == FORM);
        }
    }

    fn media_type(&mut self, at: &At<'a>, body: BodyUse, form: bool) {
        if self.level(at, &dialect::MEDIA_TYPE) {
            self.body_schema(at, body, form);
            self.examples(at);
        }
    }

    /// Checks JSON under several media types, of which clients send the first.
    fn names_of_json(&mut self, first: &At<'a>, others: &[(&'a str, At<'a>)]) {
        self.media_type(first, BodyUse::Request, false);
        let reference = |at: &At<'a>| at.get("schema").and_then(|schema| schema.str("$ref"));
        for (name, other) in others {
            if !self.level(other, &dialect::MEDIA_TYPE) {
                continue;
            }
            if reference(other) != reference(first) {
                let message = format!("the media type `{name}` has another schema than the first");
                self.report(other, message, "refer to the same schema, since clients send one body");
            }
            if let Some(examples) = other.get("examples") {
                self.report(&examples, "the examples are those of the first media type", "leave these out");
            }
        }
    }

    fn body_schema(&mut self, media_type: &At<'a>, body: BodyUse, form: bool) {
        let help = match body {
            BodyUse::Request => "write `schema` with a `$ref` to a component",
            BodyUse::Response => "write `schema` with a `$ref`, a list (`type: array`) of a `$ref`, or `type: string`",
            BodyUse::Delivery => {
                "write `schema` with a `$ref` to the event's payload, free-form if nothing is documented"
            }
        };
        let Some(schema) = media_type.get("schema") else {
            let message =
                if body == BodyUse::Delivery { "the event has no payload schema" } else { "the body has no schema" };
            return self.report(media_type, message, help);
        };
        let has_reference = |at: &At<'a>| at.node.get("$ref").is_some();
        let is_list =
            schema.str("type") == Some("array") && schema.get("items").is_some_and(|items| has_reference(&items));
        let is_string = schema.str("type") == Some("string") && schema.node.get("enum").is_none();
        if !has_reference(&schema) && !(body == BodyUse::Response && (is_list || is_string)) {
            self.report(&schema, "the schema of the body has no name", help);
        }
        if !has_reference(&schema) && (is_list || is_string) {
            for (key, member) in schema.entries() {
                if !["type", "items", "description"].contains(&key) {
                    let help = "give the schema a name under components.schemas and refer to it";
                    self.report(&member, format!("`{key}` is not supported in a schema without a name"), help);
                }
            }
        }
        self.schema(&schema, SchemaUse::Part);
        if form && let Some(resolved) = self.resolve(&schema) {
            self.form(&resolved);
        }
    }

    /// Checks that the fields of a form are flat, because others fail at run time.
    fn form(&mut self, schema: &At<'a>) {
        if schema.str("type") != Some("object") || schema.members("properties").is_empty() {
            self.report(schema, "a form is an object of fields", "write `type: object` with the fields as properties");
        }
        for (name, property) in schema.members("properties") {
            let Some(resolved) = self.resolve(&property) else {
                continue;
            };
            match resolved.str("type") {
                Some("string" | "integer" | "boolean") => {}
                Some("number") => {
                    let help = "write it as a string with a pattern, so that its digits are sent as they are given";
                    self.report(&property, format!("the form field `{name}` is a number"), help);
                }
                Some(_) | None => {
                    let help = "write a field of type string, integer or boolean, with the encoding in its description";
                    self.report(&property, format!("the form field `{name}` is not a single value"), help);
                }
            }
            if property.node.get("nullable").is_some() {
                let help = "make the field optional, or describe the text that means null";
                self.report(&property, format!("a form cannot represent null for the field `{name}`"), help);
            }
        }
    }
}
