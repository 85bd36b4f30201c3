//! Deliveries (`x-webhooks`), how they are told apart, and examples.

use super::super::load::{Node, Value};
use super::operation::Body;
use super::{At, Level, Linter, Scope, is_token, names};

const PATH_ITEM: Level = Level { name: "in an event", keys: &["post"] };
const DELIVERY: Level = Level {
    name: "in a delivery",
    keys: &[
        "summary",
        "description",
        "x-event-when",
        "x-idempotency-key",
        "security",
        "parameters",
        "requestBody",
        "responses",
    ],
};
const EXAMPLE: Level = Level { name: "in an example", keys: &["summary", "description", "x-origin", "value"] };
const ORIGIN: Level = Level { name: "in x-origin", keys: &["kind", "source"] };

/// Whose schema most pointers lead into.
pub(super) const PAYLOAD: &str = "the event";

/// What `x-event-when` says about one member.
enum Condition<'a> {
    Equals(&'a Value),
    Present(bool),
}

/// An event and the conditions that tell it from others.
pub(super) struct Delivery<'a> {
    name: &'a str,
    when: At<'a>,
    conditions: Vec<(&'a str, Condition<'a>)>,
}

/// What a JSON pointer leads to in a schema.
pub(super) enum Member<'a> {
    Described(At<'a>),
    /// The schema is free-form there.
    Anything,
    Nothing,
}

impl<'a> Delivery<'a> {
    pub(super) fn lint_all(linter: &mut Linter<'a>, root: &At<'a>) {
        let Some(webhooks) = root.get("x-webhooks") else {
            for (key, message) in [
                ("x-event-name", "there are no events to name"),
                ("x-signature", "there are no events to sign"),
                ("x-redelivery", "there are no events to deliver again"),
            ] {
                if let Some(at) = root.get(key) {
                    linter.report(&at, message, "leave it out, or describe them under `x-webhooks`");
                }
            }
            return;
        };
        if !linter.mapping(&webhooks) {
            return;
        }
        linter.origin_of_deliveries(root, &webhooks);
        linter.redelivery(root);
        let by_body = linter.event_name(root, &webhooks) == Some("body");
        let place = root.get("x-event-name");
        let help = "leave one out: events that are not described are kept as they come";
        let mut scope = Scope::new("event", help).reserving("Unknown", "the variant for events that are not known");
        let mut deliveries = Vec::new();
        for (name, item) in webhooks.entries() {
            linter.claim(&mut scope, &item, name, names::pascal(name));
            if let Some(place) = &place {
                linter.named_where(place, name, &item);
            }
            if !linter.level(&item, &PATH_ITEM) {
                continue;
            }
            match item.get("post") {
                None if !item.node.entries().is_empty() => {}
                None => linter.report(&item, "the event has no `post`", "describe the delivery under `post`"),
                Some(post) => {
                    let conditions = linter.delivery(&post, by_body);
                    if let Some(when) = post.get("x-event-when") {
                        deliveries.push(Delivery { name, when, conditions });
                    }
                }
            }
        }
        if by_body {
            linter.exclusive(&deliveries);
        }
    }

    fn excludes(&self, other: &Delivery<'a>) -> bool {
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

pub(super) fn payload_schema<'a>(delivery: &At<'a>) -> Option<At<'a>> {
    let (_, media_type) = delivery.get("requestBody")?.members("content").into_iter().next()?;
    media_type.get("schema")
}

/// A part of a JSON pointer as the member's name.
fn unescaped(token: &str) -> String {
    token.replace("~1", "/").replace("~0", "~")
}

fn same_scalar(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number { text: a }, Value::Number { text: b }) => a.parse::<f64>().ok() == b.parse::<f64>().ok(),
        (a, b) => a == b,
    }
}

impl<'a> Linter<'a> {
    /// Checks `x-event-name`; the value of its `in`.
    fn event_name(&mut self, root: &At<'a>, webhooks: &At<'a>) -> Option<&'a str> {
        let help = "write `{in: body}`, with `pointers` to where a payload names its event if it does, `{header: NAME}`, \
                    `{path: last-segment}` or `{in: route}`";
        let Some(at) = root.get("x-event-name") else {
            self.report(webhooks, "`x-event-name` is missing at the root, so no delivery says which event it is", help);
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
            self.report(&at, "this is not understood as a place of the event's name", help);
        }
        at.str("in")
    }

    /// Whether an event's schema has a text where the payload is to name its event.
    fn own_names(&mut self, list: &At<'a>, webhooks: &At<'a>) {
        let posts = webhooks.entries().into_iter().filter_map(|(_, item)| item.get("post"));
        let schemas: Vec<At<'a>> = posts.filter_map(|post| payload_schema(&post)).collect();
        for (at, pointer) in self.pointers(list) {
            let is_text = |schema: &At<'a>| match self.member(schema, pointer) {
                Some(Member::Described(member)) => {
                    self.resolve(&member).is_some_and(|at| at.str("type") == Some("string"))
                }
                _ => false,
            };
            if !schemas.iter().any(|schema| is_text(schema) && !self.leads_into_array(schema, pointer)) {
                let help = "point at a member of type `string` that an event's schema describes outside of arrays";
                self.report(&at, format!("no event's schema has a text at `{pointer}`"), help);
            }
        }
    }

    /// Whether a delivery of that name can say it where `x-event-name` says.
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
        if !self.level(at, &DELIVERY) {
            return Vec::new();
        }
        self.summary(at);
        if let Some(security) = at.get("security") {
            self.requirements(&security);
            self.keys(&security);
        }
        self.parameters(at, true);
        match at.get("requestBody") {
            Some(body) => self.request_body(&body, Body::Delivery),
            None => self.report(at, "the event has no payload schema", "describe the payload under `requestBody`"),
        }
        self.responses(at);
        let schema = payload_schema(at);
        self.idempotency_key(at, schema.as_ref());
        let Some(when) = at.get("x-event-when") else {
            // Without any described member nothing could be written: such an event is known only to who registered it.
            let described =
                schema.and_then(|schema| self.resolve(&schema)).is_some_and(|at| !at.members("properties").is_empty());
            if by_body && described {
                let help = "write `x-event-when: {/member: value}` with what only this event has";
                self.report(at, "`x-event-when` is missing, so no body is this event", help);
            }
            return Vec::new();
        };
        if !by_body {
            let help = "leave it out, or write `x-event-name: {in: body}` at the root";
            self.report(&when, "the events are not told apart by their body", help);
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
                self.report(&at, format!("`{pointer}` leads into an array"), "name a member outside of arrays");
            }
            let condition = match &at.node.value {
                Value::Mapping(_) => match (at.node.entries().len(), at.node.get("present").and_then(Node::as_bool)) {
                    (1, Some(present)) => Condition::Present(present),
                    (_, _) => {
                        self.report(&at, "the condition is not understood", "write a value, or `{present: true}`");
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
                    if let Some(Member::Described(member)) = self.pointer(&at, pointer, schema, PAYLOAD) {
                        self.possible(&at, value, &member);
                    }
                }
            }
            conditions.push((pointer, condition));
        }
        conditions
    }

    /// Whether a member can be absent; it need not be described.
    fn absent(&mut self, at: &At<'a>, pointer: &str, schema: Option<&At<'a>>) {
        let required = schema.and_then(|schema| self.resolve(schema)).and_then(|schema| schema.get("required"));
        let names = required.map(|required| required.items()).unwrap_or_default();
        if names.iter().any(|name| name.node.as_str().is_some_and(|name| pointer.strip_prefix('/') == Some(name))) {
            self.report(at, "the schema requires this member", "make it optional, or choose another member");
        }
    }

    /// Whether a member can have a value.
    fn possible(&mut self, at: &At<'a>, value: &Value, member: &At<'a>) {
        let Some(schema) = self.resolve(member) else { return };
        let fits = match (schema.str("type"), value) {
            (Some("string"), Value::String(text)) => {
                let values = schema.get("enum").map(|values| values.items()).unwrap_or_default();
                values.is_empty() || values.iter().any(|value| value.node.as_str() == Some(text))
            }
            (Some("integer" | "number"), Value::Number { .. }) | (Some("boolean"), Value::Bool(_)) | (None, _) => true,
            (Some(_), Value::Null) => {
                [member, &schema].iter().any(|at| at.node.get("nullable").and_then(Node::as_bool) == Some(true))
            }
            (Some(_), _) => false,
        };
        if !fits {
            self.report(at, "the schema does not admit this value", "write a value of the member's type or enum");
        }
    }

    fn idempotency_key(&mut self, at: &At<'a>, schema: Option<&At<'a>>) {
        let Some(key) = at.get("x-idempotency-key") else { return };
        let pointers = self.pointers(&key);
        if let [(item, "")] = pointers.as_slice() {
            let help = "list a member that has to be there as well, such as `[/id, '']`";
            self.report(item, "the whole payload alone does not say that it identifies an event", help);
        }
        for (item, pointer) in pointers.into_iter().filter(|(_, pointer)| !pointer.is_empty()) {
            if schema.is_some_and(|schema| self.leads_into_array(schema, pointer)) {
                self.report(&item, format!("`{pointer}` leads into an array"), "name a member outside of arrays");
            }
            self.pointer(&item, pointer, schema, PAYLOAD);
        }
    }

    /// The texts in a list of JSON pointers; what else is in it is reported.
    fn pointers(&mut self, list: &At<'a>) -> Vec<(At<'a>, &'a str)> {
        if list.node.items().is_empty() {
            self.report(list, "this is not a list of JSON pointers", "write `[/id]`, or leave it out");
        }
        let mut pointers: Vec<(At<'a>, &'a str)> = Vec::new();
        for item in list.items() {
            match item.node.as_str() {
                None => self.report(&item, format!("here is {}, not a JSON pointer", item.node.kind()), "write `/id`"),
                Some(pointer) if pointers.iter().any(|(_, other)| *other == pointer) => {
                    self.report(&item, format!("`{pointer}` is listed twice"), "leave one out");
                }
                Some(pointer) => pointers.push((item, pointer)),
            }
        }
        pointers
    }

    pub(super) fn leads_into_array(&self, schema: &At<'a>, pointer: &str) -> bool {
        let mut place = Some(schema.clone());
        pointer.split('/').skip(1).any(|token| {
            let Some(schema) = place.take().and_then(|at| self.resolve(&at)) else { return false };
            if let Member::Described(next) = self.step(&schema, &unescaped(token)) {
                place = Some(next);
            }
            schema.str("type") == Some("array")
        })
    }

    /// Follows a JSON pointer in a schema, and reports where it does not lead to a member.
    pub(super) fn pointer(
        &mut self,
        at: &At<'a>,
        pointer: &str,
        schema: Option<&At<'a>>,
        whose: &str,
    ) -> Option<Member<'a>> {
        let escapes = pointer.split('~').skip(1).all(|part| part.starts_with(['0', '1']));
        if !pointer.starts_with('/') || !escapes {
            let help = "begin with `/`, and write `~0` for `~` and `~1` for `/` inside a name";
            self.report(at, format!("`{pointer}` is not a JSON pointer"), help);
            return None;
        }
        let place = self.member(schema?, pointer)?;
        if let Member::Nothing = place {
            let help = "point at a member that the schema describes";
            self.report(at, format!("the schema of {whose} has no member `{pointer}`"), help);
        }
        Some(place)
    }

    fn member(&self, schema: &At<'a>, pointer: &str) -> Option<Member<'a>> {
        let mut place = Member::Described(schema.clone());
        for token in pointer.split('/').skip(1) {
            place = match place {
                Member::Described(schema) => self.step(&self.resolve(&schema)?, &unescaped(token)),
                Member::Anything => Member::Anything,
                Member::Nothing => Member::Nothing,
            };
        }
        Some(place)
    }

    fn step(&self, schema: &At<'a>, name: &str) -> Member<'a> {
        match schema.str("type") {
            Some("object") => {
                let property = schema.get("properties").and_then(|properties| properties.get(name));
                let additional = schema.get("additionalProperties");
                match (property, additional) {
                    (Some(property), _) => Member::Described(property),
                    (None, Some(additional)) if additional.node.kind() == "a mapping" => Member::Described(additional),
                    (None, None) if schema.members("properties").is_empty() => Member::Anything,
                    (None, Some(_) | None) => Member::Nothing,
                }
            }
            Some("array") if name.parse::<usize>().is_ok() => {
                schema.get("items").map_or(Member::Anything, Member::Described)
            }
            Some(_) => Member::Nothing,
            None => Member::Anything,
        }
    }

    /// Events told apart by their body: no body may be two of them.
    fn exclusive(&mut self, deliveries: &[Delivery<'a>]) {
        for (index, delivery) in deliveries.iter().enumerate() {
            let rivals =
                deliveries.iter().take(index).filter(|other| !delivery.excludes(other) && !other.conditions.is_empty());
            let rivals: Vec<String> = rivals.map(|other| format!("`{}`", other.name)).collect();
            if !rivals.is_empty() && !delivery.conditions.is_empty() {
                let message = format!("one body can be this event and {}", rivals.join(", "));
                let help = "let both name a member with different values, or one that is present here and absent there";
                self.report(&delivery.when, message, help);
            }
        }
    }

    /// The examples of a body.
    pub(super) fn examples(&mut self, media_type: &At<'a>) {
        let help = "write `examples: {NAME: {summary, x-origin: {kind, source}, value}}`";
        let examples = match media_type.get("examples") {
            Some(at) if !at.node.entries().is_empty() => at,
            Some(at) => return self.report(&at, "there is no example", help),
            None => return self.report(media_type, "the body has no example", help),
        };
        for (name, example) in examples.entries() {
            if names::snake(name).as_deref() != Some(name) {
                let help = names::snake(name)
                    .map_or("write a name in snake_case".to_owned(), |snake| format!("write `{snake}`"));
                self.report(&example, format!("the example's name `{name}` is not in snake_case"), help);
            }
            if !self.level(&example, &EXAMPLE) {
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
            return self.report(example, "the example does not say where it comes from", help);
        };
        if !self.level(&origin, &ORIGIN) {
            return;
        }
        if !matches!(origin.str("kind"), Some("documented" | "observed" | "constructed")) {
            self.report(&origin, "the kind of origin is missing or not understood", help);
        }
        self.required_text(&origin, "source", "name the page or URL, or say why and from what it was constructed");
    }

    /// What is wrong with an example at first sight; strict validation is a test of its own.
    fn contradiction(&mut self, value: &At<'a>, media_type: &At<'a>) {
        let Some(schema) = media_type.get("schema").and_then(|schema| self.resolve(&schema)) else {
            return;
        };
        let kind = match schema.str("type") {
            Some("object") => "a mapping",
            Some("array") => "a list",
            Some("string") => "a string",
            Some("boolean") => "a boolean",
            Some("integer" | "number") => "a number",
            Some(_) | None => return,
        };
        let nullable = schema.node.get("nullable").and_then(Node::as_bool) == Some(true);
        if value.node.kind() != kind && !(nullable && value.node.kind() == "nothing") {
            let message = format!("the example is {}, but its schema asks for {kind}", value.node.kind());
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
