//! Lints deliveries (`x-webhooks`), the identification of their events, and examples.

use std::collections::{BTreeMap, BTreeSet};

use super::super::dialect::{self, ACKNOWLEDGEMENT};
use super::super::load::{Node, Value};
use super::super::{names, pointer};
use super::body::BodyUse;
use super::linter::{At, Demand, Linter, Scope, is_token, suggestion};
use super::registration::content_schema;

/// The maximum number of pairs of events whose conditions are compared.
const MAX_COMPARISONS: usize = 2_000_000;

/// The name of the event's schema in findings.
pub(super) const PAYLOAD: &str = "the event";

/// A condition of `x-event-when` on one member.
enum Condition<'a> {
    Equals(&'a Value),
    Present(bool),
}

/// An event and the conditions that identify it.
struct EventConditions<'a> {
    name: &'a str,
    when: At<'a>,
    conditions: Vec<(&'a str, Condition<'a>)>,
}

/// The part of a schema that a JSON pointer points to.
pub(super) enum PointerTarget<'a> {
    Described(At<'a>),
    /// The schema is free-form at this place.
    Anything,
    Nothing,
}

impl<'a> EventConditions<'a> {
    fn excludes(&self, other: &EventConditions<'a>) -> bool {
        self.conditions.iter().any(|(pointer, condition)| {
            let same = other.conditions.iter().filter(|(candidate, _)| candidate == pointer);
            same.map(|(_, other)| other).any(|other| match (condition, other) {
                (Condition::Equals(a), Condition::Equals(b)) => !same_scalar(a, b),
                (Condition::Equals(_), Condition::Present(present)) => !present,
                (Condition::Present(present), Condition::Equals(_)) => !present,
                (Condition::Present(a), Condition::Present(b)) => a != b,
            })
        })
    }
}

impl<'a> EventConditions<'a> {
    /// The members that are compared with a value.
    fn compared(&self) -> impl Iterator<Item = &'a str> {
        let is_equality = |(pointer, condition): &(&'a str, Condition<'a>)| match condition {
            Condition::Equals(_) => Some(*pointer),
            Condition::Present(_) => None,
        };
        self.conditions.iter().filter_map(is_equality)
    }

    /// The value that a member is compared with, as a text that is the same for equal values.
    fn value_of(&self, member: &str) -> Option<String> {
        let (_, condition) = self.conditions.iter().find(|(pointer, _)| *pointer == member)?;
        match condition {
            Condition::Equals(Value::Number { text }) => Some(format!("{:?}", text.parse::<f64>().ok()? + 0.0)),
            Condition::Equals(value) => Some(format!("{value:?}")),
            Condition::Present(_) => None,
        }
    }
}

pub(super) fn payload_schema<'a>(delivery: &At<'a>) -> Option<At<'a>> {
    let (_, media_type) = delivery.get("requestBody")?.members("content").into_iter().next()?;
    media_type.get("schema")
}

/// The schemas of the payloads of all events.
pub(super) fn payload_schemas<'a>(webhooks: &At<'a>) -> Vec<At<'a>> {
    let posts = webhooks.entries().into_iter().filter_map(|(_, item)| item.get("post"));
    posts.filter_map(|post| payload_schema(&post)).collect()
}

fn same_scalar(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number { text: a }, Value::Number { text: b }) => a.parse::<f64>().ok() == b.parse::<f64>().ok(),
        (a, b) => a == b,
    }
}

impl<'a> Linter<'a> {
    pub(super) fn webhooks(&mut self, root: &At<'a>) {
        let Some(webhooks) = root.get("x-webhooks") else {
            // The events may be under a misspelt key, which is reported by itself.
            let is_misspelt = |key: &str| key == "webhooks" || strsim::levenshtein(key, "x-webhooks") <= 2;
            if root.entries().iter().any(|(key, _)| is_misspelt(key)) {
                return;
            }
            for (key, message) in [
                ("x-event-name", "there are no events to name"),
                ("x-signature", "there are no events to sign"),
                ("x-handshake", "there are no events to receive"),
                ("x-redelivery", "there are no events to deliver again"),
            ] {
                if let Some(at) = root.get(key) {
                    self.report(&at, message, "leave it out, or describe them under `x-webhooks`");
                }
            }
            return;
        };
        if !self.mapping(&webhooks) {
            return;
        }
        self.origin_of_deliveries(root, &webhooks);
        self.handshake(root);
        self.redelivery(root);
        let by_body = self.event_name(root, &webhooks) == Some("body");
        let place = root.get("x-event-name");
        let help = "leave one out: events that are not described are kept as they come";
        let mut scope = Scope::new("event", help).reserving("Unknown", "the variant for unknown events");
        let mut events = Vec::new();
        for (name, item) in webhooks.entries() {
            self.claim(&mut scope, &item, name, names::pascal(name));
            if let Some(place) = &place {
                self.named_where(place, name, &item);
            }
            if !self.level(&item, &dialect::EVENT) {
                continue;
            }
            match item.get("post") {
                None if !item.node.entries().is_empty() => {}
                None => self.report(&item, "the event has no `post`", "describe the delivery under `post`"),
                Some(post) => {
                    let conditions = self.delivery(&post, by_body);
                    if let Some(when) = post.get("x-event-when") {
                        events.push(EventConditions { name, when, conditions });
                    }
                }
            }
        }
        if by_body {
            self.exclusive(&events);
        }
        self.requested_bodies(&webhooks);
        self.other_responses(&webhooks);
    }

    /// Checks `x-event-name`, and returns the value of its `in`.
    fn event_name(&mut self, root: &At<'a>, webhooks: &At<'a>) -> Option<&'a str> {
        let help = "write `{in: body}`, with `pointers` to where a payload names its event if it does, `{header: NAME}`, \
                    `{path: last-segment}` or `{in: route}`";
        let Some(at) = root.get("x-event-name") else {
            self.report(webhooks, "`x-event-name` is missing at the root, so deliveries do not name their event", help);
            return None;
        };
        let understood = match at.entries().as_slice() {
            [("in", place)] => matches!(place.node.as_str(), Some("body" | "route")),
            [("in", place), ("pointers", list)] | [("pointers", list), ("in", place)] => {
                self.own_names(list, webhooks);
                place.node.as_str() == Some("body")
            }
            [("header", header)] => header.node.as_str().is_some_and(is_token),
            [("path", path)] => path.node.as_str() == Some("last-segment"),
            _ => false,
        };
        if !understood {
            self.report(&at, "this is not a supported place of the event's name", help);
        }
        at.str("in")
    }

    /// Checks that an event's schema has a string at each pointer to a payload's event name.
    fn own_names(&mut self, list: &At<'a>, webhooks: &At<'a>) {
        let schemas = payload_schemas(webhooks);
        for (at, pointer) in self.pointers(list) {
            let is_text = |schema: &At<'a>| match self.member(schema, pointer) {
                Some(PointerTarget::Described(member)) => {
                    self.resolve(&member).is_some_and(|at| at.str("type") == Some("string"))
                }
                _ => false,
            };
            if !schemas.iter().any(|schema| is_text(schema) && !self.leads_into_array(schema, pointer)) {
                let help = "point at a member of type `string` that an event's schema describes outside of arrays";
                self.report(&at, format!("no event's schema has a string at `{pointer}`"), help);
            }
        }
    }

    /// Checks that a delivery can carry the name at the place that `x-event-name` gives.
    fn named_where(&mut self, place: &At<'a>, name: &str, item: &At<'a>) {
        if place.node.get("path").is_some()
            && !name.chars().all(|c| c.is_ascii_alphanumeric() || "-._~!$&'()*+,;=:@".contains(c))
        {
            let help = "write the name as it is in the URL";
            self.report(item, format!("`{name}` cannot be the last segment of a path"), help);
        }
        let Some(header) = place.str("header") else { return };
        if !name.chars().all(|c| matches!(c, '!'..='~')) {
            self.report(item, format!("`{name}` cannot be sent in a header"), "write the name as it is sent");
        }
        let Some(post) = item.get("post") else { return };
        let describes = |at: &At<'a>| at.str("name").is_some_and(|name| name.eq_ignore_ascii_case(header));
        let required = |at: &At<'a>| at.node.get("required").and_then(Node::as_bool) == Some(true);
        if !self.followed(&post).iter().any(|at| describes(at) && required(at)) {
            let help = format!("add a parameter with `name: {header}`, `in: header` and `required: true`");
            self.report(&post, format!("the header `{header}` that names the event is not described"), help);
        }
    }

    fn delivery(&mut self, at: &At<'a>, by_body: bool) -> Vec<(&'a str, Condition<'a>)> {
        if !self.level(at, &dialect::DELIVERY) {
            return Vec::new();
        }
        self.summary(at);
        if let Some(security) = at.get("security") {
            self.requirements(&security);
            self.never_basic(&security);
            self.keys(&security);
        }
        self.parameters(at, true);
        match at.get("requestBody") {
            Some(body) => self.request_body(&body, BodyUse::Delivery),
            None => self.report(at, "the event has no payload schema", "describe the payload under `requestBody`"),
        }
        self.responses(at, true);
        let schema = payload_schema(at);
        self.idempotency_key(at, schema.as_ref());
        self.follow_up(at);
        self.registered_by(at);
        let Some(when) = at.get("x-event-when") else {
            // Without described members, no condition is possible, and only the program that registered the webhook
            // knows the event.
            let described =
                schema.and_then(|schema| self.resolve(&schema)).is_some_and(|at| !at.members("properties").is_empty());
            if by_body && described {
                let help = "write `x-event-when: {/member: value}` with a value that only this event has";
                self.report(at, "`x-event-when` is missing, so no payload is recognised as this event", help);
            }
            return Vec::new();
        };
        if !by_body {
            let help = "leave it out, or write `x-event-name: {in: body}` at the root";
            self.report(&when, "the events are not identified by their payload", help);
        }
        self.conditions(&when, schema.as_ref())
    }

    fn conditions(&mut self, when: &At<'a>, schema: Option<&At<'a>>) -> Vec<(&'a str, Condition<'a>)> {
        if !self.mapping(when) {
            return Vec::new();
        }
        if when.node.entries().is_empty() {
            self.report(when, "there is no condition", "write `/member: value`, or leave `x-event-when` out");
        }
        let mut conditions = Vec::new();
        for (pointer, at) in when.entries() {
            if schema.is_some_and(|schema| self.leads_into_array(schema, pointer)) {
                self.report(&at, format!("`{pointer}` points into an array"), "name a member outside of arrays");
            }
            let condition = match &at.node.value {
                Value::Mapping(_) => match (at.node.entries().len(), at.node.get("present").and_then(Node::as_bool)) {
                    (1, Some(present)) => Condition::Present(present),
                    (_, _) => {
                        self.report(&at, "the condition is not supported", "write a value, or `{present: true}`");
                        continue;
                    }
                },
                Value::Sequence(_) => {
                    self.report(&at, "a member is compared with one value", "write a value, or `{present: true}`");
                    continue;
                }
                scalar @ (Value::Null | Value::Bool(_) | Value::Number { .. } | Value::String(_)) => {
                    Condition::Equals(scalar)
                }
            };
            match condition {
                Condition::Present(false) => self.absent(&at, pointer, schema),
                Condition::Present(true) => drop(self.pointer(&at, pointer, schema, PAYLOAD)),
                Condition::Equals(value) => {
                    if let Some(PointerTarget::Described(member)) = self.pointer(&at, pointer, schema, PAYLOAD) {
                        self.possible(&at, value, &member);
                    }
                }
            }
            conditions.push((pointer, condition));
        }
        conditions
    }

    /// Checks that a member can be absent. The member need not be described.
    fn absent(&mut self, at: &At<'a>, pointer: &str, schema: Option<&At<'a>>) {
        let required = schema.and_then(|schema| self.resolve(schema)).and_then(|schema| schema.get("required"));
        let names = required.map(|required| required.items()).unwrap_or_default();
        if names.iter().any(|name| name.node.as_str().is_some_and(|name| pointer.strip_prefix('/') == Some(name))) {
            self.report(at, "the schema requires this member", "make it optional, or choose another member");
        }
    }

    /// Checks that a member can have a value.
    fn possible(&mut self, at: &At<'a>, value: &Value, member: &At<'a>) {
        let Some(schema) = self.resolve(member) else { return };
        let fits = match (schema.str("type"), value) {
            (Some("string"), Value::String(text)) => {
                let values = schema.node.get("enum").map_or(&[][..], Node::items);
                values.is_empty() || values.iter().any(|value| value.as_str() == Some(text))
            }
            (Some("integer" | "number"), Value::Number { .. }) | (Some("boolean"), Value::Bool(_)) | (None, _) => true,
            (Some(_), Value::Null) => {
                [member, &schema].iter().any(|at| at.node.get("nullable").and_then(Node::as_bool) == Some(true))
            }
            (Some(_), _) => false,
        };
        if !fits {
            self.report(at, "the schema does not allow this value", "write a value of the member's type or enum");
        }
    }

    fn idempotency_key(&mut self, at: &At<'a>, schema: Option<&At<'a>>) {
        let Some(key) = at.get("x-idempotency-key") else { return };
        let pointers = self.pointers(&key);
        if let [(item, "")] = pointers.as_slice() {
            let help = "list a required member as well, such as `[/id, '']`";
            self.report(item, "the whole payload alone does not identify an event", help);
        }
        for (item, pointer) in pointers.into_iter().filter(|(_, pointer)| !pointer.is_empty()) {
            if schema.is_some_and(|schema| self.leads_into_array(schema, pointer)) {
                self.report(&item, format!("`{pointer}` points into an array"), "name a member outside of arrays");
            }
            self.pointer(&item, pointer, schema, PAYLOAD);
        }
    }

    /// Checks that `x-follow-up` lists operations.
    fn follow_up(&mut self, at: &At<'a>) {
        let Some(list) = at.get("x-follow-up") else { return };
        let help = "write the `operationId` of each operation that reports what became of the event, or leave it out";
        if list.node.items().is_empty() {
            self.report(&list, "this is not a list of operations", help);
        }
        let mut seen = BTreeSet::new();
        for item in list.items() {
            match item.node.as_str() {
                Some(id) if self.operation_named(id).is_none() => {
                    let help = suggestion(id, &self.operation_names(), help);
                    self.report(&item, format!("there is no operation `{id}`"), help);
                }
                Some(id) if !seen.insert(id) => {
                    self.report(&item, format!("`{id}` is listed twice"), "leave one out");
                }
                Some(_) => {}
                None => self.report(&item, format!("expected an operation, found {}", item.node.kind()), help),
            }
        }
    }

    /// The JSON pointers in a list. Items that are not strings are reported.
    pub(super) fn pointers(&mut self, list: &At<'a>) -> Vec<(At<'a>, &'a str)> {
        if list.node.items().is_empty() {
            self.report(list, "this is not a list of JSON pointers", "write `[/id]`, or leave it out");
        }
        let mut pointers: Vec<(At<'a>, &'a str)> = Vec::new();
        let mut seen = BTreeSet::new();
        for item in list.items() {
            match item.node.as_str() {
                None => {
                    self.report(&item, format!("expected a JSON pointer, found {}", item.node.kind()), "write `/id`")
                }
                Some(pointer) if !seen.insert(pointer) => {
                    self.report(&item, format!("`{pointer}` is listed twice"), "leave one out");
                }
                Some(pointer) => pointers.push((item, pointer)),
            }
        }
        pointers
    }

    pub(super) fn leads_into_array(&self, schema: &At<'a>, pointer: &str) -> bool {
        let mut place = Some(schema.clone());
        pointer::names(pointer).any(|name| {
            let Some(schema) = place.take().and_then(|at| self.resolve(&at)) else { return false };
            if let PointerTarget::Described(next) = self.step(&schema, &name) {
                place = Some(next);
            }
            schema.str("type") == Some("array")
        })
    }

    /// Follows a JSON pointer in a schema. A pointer that does not point to a member is reported.
    pub(super) fn pointer(
        &mut self,
        at: &At<'a>,
        pointer: &str,
        schema: Option<&At<'a>>,
        whose: &str,
    ) -> Option<PointerTarget<'a>> {
        if pointer.is_empty() || !pointer::is_pointer(pointer) {
            let help = "begin with `/`, and write `~0` for `~` and `~1` for `/` inside a name";
            self.report(at, format!("`{pointer}` is not a JSON pointer"), help);
            return None;
        }
        let place = self.member(schema?, pointer)?;
        if let PointerTarget::Nothing = place {
            let help = "point at a member that the schema describes";
            self.report(at, format!("the schema of {whose} does not have a member `{pointer}`"), help);
        }
        Some(place)
    }

    pub(super) fn member(&self, schema: &At<'a>, pointer: &str) -> Option<PointerTarget<'a>> {
        let mut place = PointerTarget::Described(schema.clone());
        for name in pointer::names(pointer) {
            place = match place {
                PointerTarget::Described(schema) => self.step(&self.resolve(&schema)?, &name),
                PointerTarget::Anything => PointerTarget::Anything,
                PointerTarget::Nothing => PointerTarget::Nothing,
            };
        }
        Some(place)
    }

    fn step(&self, schema: &At<'a>, name: &str) -> PointerTarget<'a> {
        match schema.str("type") {
            Some("object") => {
                let property = schema.get("properties").and_then(|properties| properties.get(name));
                let additional = schema.get("additionalProperties");
                match (property, additional) {
                    (Some(property), _) => PointerTarget::Described(property),
                    (None, Some(additional)) if additional.node.kind() == "a mapping" => {
                        PointerTarget::Described(additional)
                    }
                    (None, None) if schema.members("properties").is_empty() => PointerTarget::Anything,
                    (None, Some(_) | None) => PointerTarget::Nothing,
                }
            }
            Some("array") if name.parse::<usize>().is_ok() => {
                schema.get("items").map_or(PointerTarget::Anything, PointerTarget::Described)
            }
            Some(_) => PointerTarget::Nothing,
            None => PointerTarget::Anything,
        }
    }

    /// Checks that no two events that ask for a body have the same payload schema: its model has one method `answer`.
    fn requested_bodies(&mut self, webhooks: &At<'a>) {
        let posts = webhooks.entries().into_iter().filter_map(|(name, item)| Some((name, item.get("post")?)));
        let posts: Vec<(&str, At<'a>)> = posts.collect();
        let payload = |post: &At<'a>| payload_schema(post).and_then(|schema| schema.str("$ref"));
        let mut with_payload: BTreeMap<Option<&str>, Vec<&str>> = BTreeMap::new();
        for (name, post) in &posts {
            with_payload.entry(payload(post)).or_default().push(name);
        }
        for (name, post) in posts.iter().filter(|(_, post)| self.requests_body(post)).collect::<Vec<_>>() {
            let same = with_payload.get(&payload(post)).into_iter().flatten();
            if let Some(other) = same.into_iter().find(|other| *other != name) {
                let message = format!("the event asks for a body, but `{other}` has the same payload schema");
                let help = "write another schema for this event, such as one that is `allOf` with the `$ref`: the model of the \
                            payload has the method that acknowledges the event";
                self.report(post, message, help);
            }
        }
    }

    /// Checks that the other responses to two events with the same payload schema have the same body: its model has one
    /// method for each status.
    fn other_responses(&mut self, webhooks: &At<'a>) {
        let mut known: BTreeMap<(&str, &str), (&str, Option<String>)> = BTreeMap::new();
        for (name, item) in webhooks.entries() {
            let Some(post) = item.get("post") else { continue };
            let Some(payload) = payload_schema(&post).and_then(|schema| schema.str("$ref")) else { continue };
            for (status, response) in post.members("responses") {
                let followed = response.str("$ref").and_then(|reference| self.target(reference));
                let schema = content_schema(&followed.unwrap_or_else(|| response.clone()));
                let body = schema.map(|schema| schema.node.to_json_text());
                let (other, same) = known.entry((payload, status)).or_insert_with(|| (name, body.clone()));
                if !status.starts_with('2') && *same != body {
                    let message = format!("`{other}` has the same payload schema, and another body for this status");
                    let help = "write another schema for the payload of this event, such as one that is `allOf` with the \
                                `$ref`: the model of the payload has the method that returns the response";
                    self.report(&response, message, help);
                }
            }
        }
    }

    /// Whether the success response has a body that is not marked as an acknowledgement.
    fn requests_body(&self, post: &At<'a>) -> bool {
        post.members("responses").iter().filter(|(status, _)| status.starts_with('2')).any(|(_, response)| {
            let reference = response.str("$ref");
            let response = reference.map_or_else(|| Some(response.clone()), |reference| self.target(reference));
            response.is_some_and(|at| at.node.get("content").is_some() && at.node.get(ACKNOWLEDGEMENT).is_none())
        })
    }

    /// Checks that no body can match the conditions of two events.
    fn exclusive(&mut self, events: &[EventConditions<'a>]) {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for pointer in events.iter().flat_map(EventConditions::compared) {
            *counts.entry(pointer).or_default() += 1;
        }
        // Only events with the same value of this member are compared with each other, and all others with all.
        let common = counts.into_iter().max_by_key(|(_, count)| *count).map_or("", |(pointer, _)| pointer);
        let mut earlier: BTreeMap<Option<String>, Vec<usize>> = BTreeMap::new();
        let mut comparisons = 0;
        for (index, event) in events.iter().enumerate() {
            let value = event.value_of(common);
            let mut others: Vec<usize> = match &value {
                Some(_) => {
                    [&value, &None].into_iter().filter_map(|value| earlier.get(value)).flatten().copied().collect()
                }
                None => (0..index).collect(),
            };
            others.sort_unstable();
            earlier.entry(value).or_default().push(index);
            comparisons += others.len();
            if comparisons > MAX_COMPARISONS {
                let message = "there are too many events with different conditions to compare";
                return self.report(&event.when, message, "give every event a condition on the same member");
            }
            let others = others.into_iter().filter_map(|other| events.get(other));
            let rivals = others.filter(|other| !event.excludes(other) && !other.conditions.is_empty());
            let rivals: Vec<String> = rivals.map(|other| format!("`{}`", other.name)).collect();
            if !rivals.is_empty() && !event.conditions.is_empty() {
                let message = format!("a payload can match this event and {}", rivals.join(", "));
                let help = "give both events a condition on one member, with different values, or `{present: true}` and `{present: false}`";
                self.report(&event.when, message, help);
            }
        }
    }

    /// Checks the examples of a body.
    pub(super) fn examples(&mut self, media_type: &At<'a>) {
        let help = "write `examples: {NAME: {summary, x-origin: {kind, source}, value}}`";
        let examples = match media_type.get("examples") {
            Some(at) if !at.node.entries().is_empty() => at,
            Some(at) => return self.report(&at, "there is no example", help),
            None if self.demand == Demand::Usable && !media_type.place.starts_with("x-webhooks") => return,
            None => return self.report(media_type, "the body has no example", help),
        };
        for (name, example) in examples.entries() {
            if names::snake(name).as_deref() != Some(name) {
                let help = names::snake(name)
                    .map_or("write a name in snake_case".to_owned(), |snake| format!("write `{snake}`"));
                self.report(&example, format!("the example's name `{name}` is not in snake_case"), help);
            }
            if !self.level(&example, &dialect::EXAMPLE) {
                continue;
            }
            self.origin(&example);
            match example.get("value") {
                Some(value) => self.contradiction(&value, media_type),
                None => self.report(&example, "the example has no `value`", "write the JSON as YAML under `value`"),
            }
        }
    }

    fn origin(&mut self, example: &At<'a>) {
        let help = "write `x-origin: {kind: documented, source: PAGE}`, with kind documented, observed or constructed";
        let Some(origin) = example.get("x-origin") else {
            // A document that lists its sources says of every example which of them it is from.
            if self.root.node.get_path(&["info", "x-sources"]).is_some() {
                self.report(example, "the origin of the example is missing", help);
            }
            return;
        };
        if !self.level(&origin, &dialect::ORIGIN) {
            return;
        }
        if !matches!(origin.str("kind"), Some("documented" | "observed" | "constructed")) {
            self.report(&origin, "the kind of origin is missing or not supported", help);
        }
        self.required_text(
            &origin,
            "source",
            "name the page or URL, or say why and from what the example was constructed",
        );
    }

    /// Checks the type and the required members of an example. Tests validate examples strictly.
    fn contradiction(&mut self, value: &At<'a>, media_type: &At<'a>) {
        let Some(schema) = media_type.get("schema").and_then(|schema| self.resolve(&schema)) else {
            return;
        };
        let Some(kind) = schema.kind_of_values() else { return };
        let nullable = schema.node.get("nullable").and_then(Node::as_bool) == Some(true);
        if value.node.kind() != kind && !(nullable && value.node.kind() == "nothing") {
            let message = format!("the example is {}, but its schema requires {kind}", value.node.kind());
            return self.report(value, message, "correct the example or the schema");
        }
        for name in schema.get("required").map(|required| required.items()).unwrap_or_default() {
            if let (Some(name), "object") = (name.node.as_str(), schema.str("type").unwrap_or_default())
                && value.node.get(name).is_none()
                && schema.node.get_path(&["properties", name]).is_some()
            {
                let help = "complete the example (and say so in x-origin), or make the member optional";
                self.report(value, format!("the example lacks the required member `{name}`"), help);
            }
        }
    }
}
