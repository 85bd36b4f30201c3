//! Schemas: keywords that do not apply, parts that are joined, and alternatives that become one schema.

use std::collections::{BTreeSet, HashMap};

use super::super::dialect;
use super::super::lint::schema::{APPLIES, INTEGER_FORMATS, PatternProblem, STRING_FORMATS, TYPES, pattern_problem};
use super::super::load::{MappingKey, Node, Value};
use super::super::names::{pascal, snake};
use super::null::{allows_null, is_null, is_nullable, refuse_null};
use super::{Simplifier, reference_name};

/// The maximum number of references from one schema to the next while parts are joined.
const MAX_STEPS: usize = 32;

/// What to write instead of a schema that is not supported.
const ONE_SCHEMA: &str = "write one schema with optional members that covers all alternatives";

/// The members of a schema whose parts are joined.
#[derive(Default)]
struct Object {
    properties: Vec<(MappingKey, Node)>,
    required: BTreeSet<String>,
    description: Option<Node>,
    nullable: bool,
}

/// How parts become one schema.
#[derive(Clone, Copy, PartialEq)]
enum Join {
    /// A value has the members of all parts.
    All,
    /// A value has the members of one of the parts.
    One,
}

impl Simplifier<'_> {
    /// Rewrites a schema under `components.schemas`. Where it is used, a reference says that it allows null.
    pub(super) fn named_schema(&mut self, schema: &mut Node) {
        if reference_name(schema, "schemas").is_some() {
            let target = schema.here(Value::Mapping(Vec::new()));
            let alias = std::mem::replace(schema, target);
            schema.set("allOf", schema.here(Value::Sequence(vec![alias])));
        }
        let own = self.place.last().cloned().unwrap_or_default();
        self.open.push(own.clone());
        self.schema(schema);
        self.description(schema, || format!("The schema `{own}`."));
        self.open.pop();
        refuse_null(schema);
    }

    /// Rewrites a schema.
    pub(super) fn schema(&mut self, schema: &mut Node) {
        match &schema.value {
            Value::Mapping(_) => {}
            Value::Bool(true) => return schema.value = Value::Mapping(Vec::new()),
            Value::Null | Value::Bool(false) | Value::Number { .. } | Value::String(_) | Value::Sequence(_) => return,
        }
        let opened = self.open.len();
        self.alternatives(schema, "oneOf");
        self.alternatives(schema, "anyOf");
        if self.parts(schema) {
            self.open.truncate(opened);
            return;
        }
        let is_open = schema.get("patternProperties").is_some();
        self.level(schema, &dialect::SCHEMA);
        if is_open {
            allow_more(schema);
        }
        self.documentation(schema, "description");
        self.kind(schema);
        match schema.get("type").and_then(Node::as_str).map(str::to_owned) {
            None => APPLIES.iter().for_each(|(keyword, _)| drop(schema.remove(keyword))),
            Some(kind) => {
                for (keyword, _) in APPLIES.iter().filter(|(_, types)| !types.contains(&kind.as_str())) {
                    schema.remove(keyword);
                }
                match kind.as_str() {
                    "object" => self.object(schema),
                    "array" => self.array(schema),
                    "string" => self.string(schema),
                    _ => {}
                }
                limits(schema, &kind);
                default(schema);
            }
        }
        self.open.truncate(opened);
    }

    /// The type that the keywords imply, if none is written.
    fn kind(&mut self, schema: &mut Node) {
        if is_null(schema) {
            self.any(schema, "only null is documented");
        }
        if let Some(kinds) = schema.get("type").map(Node::items).filter(|kinds| !kinds.is_empty()) {
            match kinds {
                [only] => schema.set("type", only.clone()),
                _ => self.any(schema, "a value may be of several types"),
            }
        }
        if schema.get("type").is_none() {
            let has = |key: &str| schema.get(key).is_some();
            let values = schema.get("enum").map_or(&[][..], Node::items);
            let is_text = |value: &Node| value.as_str().is_some() || matches!(value.value, Value::Null);
            let format = schema.get("format").and_then(Node::as_str);
            let kind = if has("properties") || has("required") || has("additionalProperties") {
                Some("object")
            } else if has("items") {
                Some("array")
            } else if !values.is_empty() && values.iter().all(is_text)
                || has("pattern")
                || has("minLength")
                || has("maxLength")
                || format.is_some_and(|format| STRING_FORMATS.contains(&format))
            {
                Some("string")
            } else if has("minimum") || has("maximum") || has("multipleOf") {
                Some("number")
            } else {
                None
            };
            match kind {
                Some(kind) => schema.set("type", schema.text_here(kind)),
                None => drop(schema.remove("nullable")),
            }
        }
    }

    fn object(&mut self, schema: &mut Node) {
        // A member that only one side sends cannot be required of both.
        let mut of_one_direction = BTreeSet::new();
        let mut is_complete = true;
        if let Some(properties) = schema.get_mut("properties") {
            self.place.push("properties".to_owned());
            let mut seen = BTreeSet::new();
            properties.retain(|name, property| {
                self.place.push(name.text.clone());
                if self.is_of_one_direction(property) {
                    of_one_direction.insert(name.text.clone());
                }
                let is_kept = snake(&name.text).is_some_and(|snake| seen.insert(snake));
                if is_kept {
                    self.schema(property);
                    if property.get("$ref").is_none() {
                        self.description(property, || format!("The member `{}`.", name.text));
                    }
                } else {
                    let message =
                        format!("another member has the Rust name of `{}`, so the member is left out", name.text);
                    self.note(property, message, "describe one of the two");
                    is_complete = false;
                }
                self.place.pop();
                is_kept
            });
            self.place.pop();
        }
        if !is_complete {
            allow_more(schema);
        }
        let known: BTreeSet<&str> =
            schema.get("properties").map_or(&[][..], Node::entries).iter().map(|it| it.0.text.as_str()).collect();
        if let Some(required) = schema.get("required") {
            let mut seen = BTreeSet::new();
            let keep = |name: &&Node| {
                name.as_str().is_none_or(|name| {
                    known.contains(name) && !of_one_direction.contains(name) && seen.insert(name.to_owned())
                })
            };
            let names: Vec<Node> = required.items().iter().filter(keep).cloned().collect();
            match names.as_slice() {
                [] if matches!(required.value, Value::Sequence(_)) => drop(schema.remove("required")),
                _ => schema.set("required", required.here(Value::Sequence(names))),
            }
        }
        let has_members = schema.get("properties").is_some_and(|properties| !properties.entries().is_empty());
        match schema.get("additionalProperties") {
            Some(additional) if has_members && additional.as_bool().is_none() => {
                drop(schema.remove("additionalProperties"))
            }
            Some(additional) if additional.as_bool().is_none() => {
                self.within("additionalProperties", schema, Self::schema);
            }
            Some(_) | None => {}
        }
    }

    fn array(&mut self, schema: &mut Node) {
        match schema.get("items") {
            Some(items) if matches!(items.value, Value::Mapping(_) | Value::Bool(true)) => {
                self.within("items", schema, Self::schema)
            }
            Some(_) | None => schema.set("items", schema.here(Value::Mapping(Vec::new()))),
        }
    }

    fn string(&mut self, schema: &mut Node) {
        let format = schema.get("format").and_then(Node::as_str);
        if format.is_some_and(|format| !STRING_FORMATS.contains(&format)) {
            schema.remove("format");
        }
        let pattern = schema.get("pattern").and_then(Node::as_str);
        let is_refused = match pattern.and_then(pattern_problem) {
            Some(PatternProblem::Unsupported(..)) => true,
            Some(PatternProblem::Invalid(_)) => self.is_plain,
            None => false,
        };
        if is_refused {
            schema.remove("pattern");
        }
        let nullable = is_nullable(schema);
        let Some(values) = schema.get_mut("enum") else { return };
        let Value::Sequence(items) = &mut values.value else { return };
        let before = items.len();
        items.retain(|value| !matches!(value.value, Value::Null));
        let has_null = items.len() < before;
        let mut seen = BTreeSet::new();
        for value in items.iter_mut() {
            if let Value::Number { text } = &value.value {
                value.value = Value::String(text.clone());
            }
        }
        items.retain(|value| value.as_str().is_none_or(|text| seen.insert(text.to_owned())));
        let mut identifiers = BTreeSet::from(["Unknown".to_owned()]);
        let mut is_named = |value: &Node| value.as_str().and_then(pascal).is_some_and(|name| identifiers.insert(name));
        if items.is_empty() || !items.iter().all(&mut is_named) {
            let at = values.clone();
            self.note(
                &at,
                "the values have no distinct names, so any text is accepted",
                "leave out those that are not needed",
            );
            schema.remove("enum");
        } else if has_null || nullable {
            let null = values.here(Value::Null);
            if let Value::Sequence(items) = &mut values.value {
                items.push(null);
            }
        }
        if has_null && !nullable {
            schema.set("nullable", schema.here(Value::Bool(true)));
        }
    }

    /// Makes one schema of alternatives.
    fn alternatives(&mut self, schema: &mut Node, key: &str) {
        let Some(alternatives) = schema.get(key) else { return };
        let is_format = |item: &Node| item.entries().len() == 1 && item.get("format").is_some();
        let items = alternatives.items().to_vec();
        if key == "anyOf" && schema.get("type").is_some() && items.iter().all(is_format) {
            return;
        }
        schema.remove(key);
        let (nulls, others): (Vec<Node>, Vec<Node>) = items.into_iter().partition(is_null);
        if !nulls.is_empty() {
            schema.set("nullable", schema.here(Value::Bool(true)));
        }
        let only_required = |item: &Node| {
            item.entries()
                .iter()
                .all(|(key, _)| ["required", "title", "description", "not"].contains(&key.text.as_str()))
        };
        if others.len() == 1 {
            return others.into_iter().for_each(|other| add_part(schema, other));
        }
        if others.iter().all(only_required) {
            return;
        }
        if others.iter().any(allows_null) {
            schema.set("nullable", schema.here(Value::Bool(true)));
        }
        if others.iter().all(|other| self.is_text(other, 0)) {
            return schema.set("type", schema.text_here("string"));
        }
        let objects: Option<Vec<Object>> = others.iter().map(|other| self.joined(other)).collect();
        match objects.map(|objects| joined(objects, Join::One)) {
            Some(object) if !object.properties.is_empty() => add_part(schema, object.into_schema(schema)),
            Some(_) | None => self.any(schema, "a value has one of several forms"),
        }
    }

    /// Joins the parts of `allOf`, or follows a reference. Returns whether a reference is what is left.
    fn parts(&mut self, schema: &mut Node) -> bool {
        let members = ["properties", "required", "additionalProperties"];
        if self.is_3_1 && schema.get("$ref").is_some() && members.iter().any(|key| schema.get(key).is_some()) {
            let mut reference = schema.here(Value::Mapping(Vec::new()));
            if let Some(target) = schema.remove("$ref") {
                reference.set("$ref", target);
            }
            schema.set("allOf", schema.here(Value::Sequence(vec![reference])));
        }
        if schema.get("$ref").is_some() {
            self.reference(schema);
            return true;
        }
        let Some(parts) = schema.get("allOf") else { return false };
        let items = parts.items().to_vec();
        let references: Vec<&Node> = items.iter().filter(|item| item.get("$ref").is_some()).collect();
        let has_more = |node: &Node| {
            let beside = |key: &str| dialect::ALL_OF.has(key) || !dialect::SCHEMA.has(key);
            node.entries().iter().any(|(key, _)| !beside(&key.text))
                || node.get("type").is_some_and(|kind| kind.as_str() != Some("object"))
        };
        if let ([only], [_]) = (items.as_slice(), references.as_slice())
            && !has_more(schema)
        {
            let only = only.clone();
            self.sole_reference(schema, &only);
            return schema.get("allOf").is_some();
        }
        let one_reference = match references.as_slice() {
            [only] => Some((*only).clone()),
            _ => None,
        };
        let object = self.joined(schema);
        match (object, one_reference) {
            (Some(object), _) => {
                let joined = object.into_schema(schema);
                schema.value = joined.value;
                false
            }
            (None, Some(reference)) => {
                // Most other parts only restrict what the reference describes.
                if items.iter().any(|item| item.get("properties").is_some()) || schema.get("properties").is_some() {
                    let at = schema.clone();
                    let message =
                        "the schema contains itself, so the members that it adds to the reference are left out";
                    self.note(&at, message, "write one schema with the members of all parts");
                }
                self.sole_reference(schema, &reference);
                schema.get("allOf").is_some()
            }
            (None, None) => {
                let kind = |item: &Node| item.get("type").map(|kind| kind.to_json());
                let is_one_kind =
                    references.is_empty() && items.iter().all(|item| kind(item) == items.first().and_then(kind));
                if is_one_kind && !items.is_empty() {
                    schema.remove("allOf");
                    for item in items {
                        for (key, node) in item.entries() {
                            if schema.get(&key.text).is_none() {
                                schema.set(&key.text, node.clone());
                            }
                        }
                    }
                } else {
                    self.any(schema, "the parts of the schema cannot be joined");
                }
                false
            }
        }
    }

    /// `allOf` with one reference, and what may be beside it.
    fn sole_reference(&mut self, schema: &mut Node, reference: &Node) {
        let Some((name, _)) = self.target(reference, "schemas") else {
            return self.unknown(schema, reference);
        };
        let name = name.to_owned();
        schema.retain(|key, _| dialect::ALL_OF.has(&key.text) && key.text != "default");
        self.documentation(schema, "description");
        let mut only = reference.here(Value::Mapping(Vec::new()));
        only.value = super::names::reference(reference, &name);
        schema.set("allOf", schema.here(Value::Sequence(vec![only])));
        if self.nullable.contains(&name) {
            schema.set("nullable", schema.here(Value::Bool(true)));
        }
    }

    /// A reference, with what is beside it in `allOf`.
    fn reference(&mut self, schema: &mut Node) {
        let Some((name, _)) = self.target(schema, "schemas") else {
            let reference = schema.clone();
            return self.unknown(schema, &reference);
        };
        let name = name.to_owned();
        let is_beside = |key: &str| ["description", "deprecated", "nullable"].contains(&key);
        schema.retain(|key, _| key.text == "$ref" || is_beside(&key.text));
        if schema.entries().len() > 1 || self.nullable.contains(&name) {
            let reference = schema.clone();
            schema.remove("$ref");
            self.sole_reference(schema, &reference);
        }
    }

    /// A reference to something that is not a schema of the document.
    fn unknown(&mut self, schema: &mut Node, reference: &Node) {
        let text = reference.get("$ref").and_then(Node::as_str).unwrap_or_default();
        // A misspelt name is an error.
        if text.starts_with("#/components/schemas/") && !self.is_plain {
            return;
        }
        self.any(schema, &format!("`{}` is not a schema of this document", text.chars().take(100).collect::<String>()));
    }

    /// Makes a schema accept any value.
    fn any(&mut self, schema: &mut Node, reason: &str) {
        let at = schema.clone();
        self.note(&at, format!("{reason}, so any value is accepted"), ONE_SCHEMA);
        schema.retain(|key, _| key.text == "description");
    }

    /// Whether only the provider or only the client sends a member.
    fn is_of_one_direction(&self, property: &Node) -> bool {
        let target = self.target(property, "schemas").map(|(_, target)| target);
        let is = |key: &str| {
            [Some(property), target].iter().flatten().any(|it| it.get(key).and_then(Node::as_bool) == Some(true))
        };
        is("readOnly") || is("writeOnly")
    }

    /// The type of a rewritten schema, behind its references; `None` if it is any value.
    ///
    /// # Errors
    ///
    /// Returns an error if there are too many references, or nothing behind them.
    pub(super) fn kind_behind(&mut self, schema: &Node) -> Result<Option<String>, ()> {
        let sole = schema.get("allOf").and_then(|parts| parts.items().first()).unwrap_or(schema);
        let Some(name) = reference_name(sole, "schemas").map(str::to_owned) else {
            return Ok(schema.get("type").and_then(Node::as_str).map(str::to_owned));
        };
        if let Some(known) = self.kinds.get(&name) {
            return Ok(known.clone());
        }
        if self.kind_steps > MAX_STEPS {
            return Err(());
        }
        let mut target = self.copy(sole, "schemas").ok_or(())?;
        self.schema(&mut target);
        self.kind_steps += 1;
        let kind = self.kind_behind(&target);
        self.kind_steps -= 1;
        self.kinds.insert(name, kind.clone()?);
        kind
    }

    /// Whether every value of a schema is a text.
    fn is_text(&self, schema: &Node, steps: usize) -> bool {
        match self.target(schema, "schemas") {
            Some((_, target)) => steps < MAX_STEPS && self.is_text(target, steps + 1),
            None => schema.get("type").and_then(Node::as_str) == Some("string"),
        }
    }

    /// The object that a schema describes. What it refers to is not joined again within its members.
    fn joined(&mut self, schema: &Node) -> Option<Object> {
        let object = self.object_of(schema, Join::All, 0);
        let met = std::mem::take(&mut self.met);
        if object.is_some() {
            self.open.extend(met);
        }
        object
    }

    /// The members of an object, with those of its parts; `None` if it is not an object, or contains itself. A part of `allOf`
    /// may be an annotation.
    fn object_of(&mut self, schema: &Node, join: Join, steps: usize) -> Option<Object> {
        if steps > MAX_STEPS {
            return None;
        }
        if let Some((name, _)) = self.target(schema, "schemas") {
            if self.open.iter().chain(&self.stack).any(|open| open == name) {
                return None;
            }
            let name = name.to_owned();
            let target = self.copy(schema, "schemas")?;
            let is_nullable = self.nullable.contains(&name);
            self.stack.push(name.clone());
            let object = self.object_of(&target, join, steps + 1);
            self.stack.pop();
            self.met.push(name);
            let object = object?;
            return Some(Object { nullable: object.nullable || is_nullable, ..object });
        }
        if schema.get("$ref").is_some() || schema.get("type").is_some_and(|kind| kind.as_str() != Some("object")) {
            return None;
        }
        let of_objects = ["type", "properties", "required", "additionalProperties", "allOf", "oneOf", "anyOf"];
        let is_described = steps > 0 && schema.entries().iter().all(|(key, _)| is_annotation(&key.text));
        let is_part = of_objects.iter().any(|key| schema.get(key).is_some()) || is_described && join == Join::All;
        let is_of_value =
            |(keyword, types): &&(&str, &[&str])| !types.contains(&"object") && schema.get(keyword).is_some();
        if !is_part || APPLIES.iter().filter(|(keyword, _)| *keyword != "anyOf").any(|it| is_of_value(&it)) {
            return None;
        }
        let mut is_nullable_part = false;
        let mut objects = Vec::new();
        for (key, join) in [("allOf", Join::All), ("oneOf", Join::One), ("anyOf", Join::One)] {
            let Some(items) = schema.get(key).map(Node::items) else { continue };
            let parts = items.iter().filter(|part| !is_null(part));
            let parts: Vec<Object> = parts.map(|part| self.object_of(part, join, steps + 1)).collect::<Option<_>>()?;
            let is_alone = join == Join::One || items.len() == 1;
            is_nullable_part |= items.iter().any(is_null) || is_alone && parts.iter().any(|part| part.nullable);
            objects.push(joined(parts, join));
        }
        objects.push(Object {
            properties: schema.get("properties").map_or(&[][..], Node::entries).to_vec(),
            required: schema
                .get("required")
                .map(Node::texts)
                .unwrap_or_default()
                .into_iter()
                .map(str::to_owned)
                .collect(),
            description: schema.get("description").cloned(),
            nullable: is_nullable(schema),
        });
        let own = objects.pop()?;
        let (description, nullable) = (own.description.clone(), own.nullable || is_nullable_part);
        objects.push(own);
        let all = joined(objects, Join::All);
        Some(Object { description: description.or(all.description), nullable, ..all })
    }
}

impl Object {
    fn into_schema(self, at: &Node) -> Node {
        let Self { properties, required, description, nullable } = self;
        let mut schema = at.here(Value::Mapping(Vec::new()));
        schema.set("type", at.text_here("object"));
        if let Some(description) = description {
            schema.set("description", description);
        }
        schema.set("properties", at.here(Value::Mapping(properties)));
        if !required.is_empty() {
            let names = required.into_iter().map(|name| at.text_here(name)).collect();
            schema.set("required", at.here(Value::Sequence(names)));
        }
        if nullable {
            schema.set("nullable", at.here(Value::Bool(true)));
        }
        schema
    }
}

/// The object whose values have the members of all parts, or of one of them.
fn joined(objects: Vec<Object>, join: Join) -> Object {
    let mut all = Object::default();
    let mut places: HashMap<String, usize> = HashMap::new();
    for (index, object) in objects.into_iter().enumerate() {
        for (key, property) in object.properties {
            let place = *places.entry(key.text.clone()).or_insert(all.properties.len());
            match all.properties.get_mut(place) {
                None => all.properties.push((key, property)),
                Some((_, known)) => join_members(known, property, join),
            }
        }
        match join {
            Join::All => all.required.extend(object.required),
            Join::One if index == 0 => all.required = object.required,
            Join::One => all.required.retain(|name| object.required.contains(name)),
        }
        all.description = all.description.or(object.description);
        all.nullable |= object.nullable && join == Join::One;
    }
    all
}

/// Joins a member of two parts.
fn join_members(known: &mut Node, other: Node, join: Join) {
    let bare = |node: &Node| {
        let mut bare = node.clone();
        bare.retain(|key, _| !is_annotation(&key.text));
        bare.to_json()
    };
    let only_annotations = |node: &Node| node.entries().iter().all(|(key, _)| is_annotation(&key.text));
    let description = known.get("description").or(other.get("description")).cloned();
    if bare(known) == bare(&other) || join == Join::All && only_annotations(&other) {
        if let Some(description) = description {
            known.set("description", description);
        }
        return;
    }
    if join == Join::All {
        let parts = if only_annotations(known) { vec![other] } else { vec![known.clone(), other] };
        match <[Node; 1]>::try_from(parts) {
            Ok([only]) => known.value = only.value,
            Err(parts) => {
                let parts = known.here(Value::Sequence(parts));
                known.value = Value::Mapping(Vec::new());
                known.set("allOf", parts);
            }
        }
    } else {
        let is_text = |node: &Node| node.get("type").and_then(Node::as_str) == Some("string");
        let (is_string, is_nullable) = (is_text(known) && is_text(&other), allows_null(known) || allows_null(&other));
        known.value = Value::Mapping(Vec::new());
        if is_string {
            known.set("type", known.text_here("string"));
            if is_nullable {
                known.set("nullable", known.here(Value::Bool(true)));
            }
        }
    }
    if let Some(description) = description {
        known.set("description", description);
    }
}

/// Whether a keyword says nothing about the values.
fn is_annotation(key: &str) -> bool {
    ["description", "title", "example", "examples", "deprecated", "externalDocs"].contains(&key)
        || key.starts_with("x-")
}

/// Allows members that are not described.
fn allow_more(schema: &mut Node) {
    if schema.get("additionalProperties").and_then(Node::as_bool) == Some(false) {
        schema.remove("additionalProperties");
    }
}

/// Adds what a part says to the schema, unless the schema says it itself.
fn add_part(schema: &mut Node, part: Node) {
    let is_described =
        |key: &str| ["description", "title", "example", "nullable", "deprecated", "default"].contains(&key);
    let is_alone = schema.entries().iter().all(|(key, _)| is_described(&key.text) || key.text.starts_with("x-"));
    if is_alone {
        if let Value::Mapping(entries) = part.value {
            for (key, node) in entries {
                if schema.get(&key.text).is_none() {
                    schema.set(&key.text, node);
                }
            }
        }
        return;
    }
    let mut parts = schema.remove("allOf").map(|parts| parts.items().to_vec()).unwrap_or_default();
    parts.push(part);
    schema.set("allOf", schema.here(Value::Sequence(parts)));
}

/// Removes limits that are not those of the type.
fn limits(schema: &mut Node, kind: &str) {
    let format = schema.get("format").and_then(Node::as_str);
    let is_number = ["integer", "number"].contains(&kind);
    if is_number && format.is_some_and(|format| kind == "number" || !INTEGER_FORMATS.contains(&format)) {
        schema.remove("format");
    }
    for (exclusive, bound) in [("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")] {
        if schema.get(exclusive).is_some_and(|it| it.as_bool().is_some()) && schema.get(bound).is_none() {
            schema.remove(exclusive);
        }
    }
    if !TYPES.contains(&kind) {
        return;
    }
    for key in ["minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"] {
        // A limit beyond what a program counts to is none.
        if schema.get(key).is_some_and(|limit| limit.as_number().is_some() && limit.as_u64().is_none()) {
            schema.remove(key);
        }
    }
}

/// Removes a default that the schema does not allow.
fn default(schema: &mut Node) {
    let Some(default) = schema.get("default") else { return };
    let kind = schema.get("type").and_then(Node::as_str).unwrap_or_default();
    let fits = match &default.value {
        Value::Mapping(_) => kind == "object",
        Value::Sequence(_) => kind == "array",
        Value::Bool(_) => kind == "boolean",
        Value::Number { .. } => ["integer", "number"].contains(&kind),
        Value::String(text) => {
            let values = schema.get("enum").map_or(&[][..], Node::items);
            kind == "string" && (values.is_empty() || values.iter().any(|value| value.as_str() == Some(text)))
        }
        Value::Null => false,
    };
    if !fits {
        schema.remove("default");
    }
}
