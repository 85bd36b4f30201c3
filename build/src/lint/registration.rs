//! Lints `x-registration`: its operations, parameters and members have to exist and be sufficient to make the calls.

use super::super::dialect;
use super::super::registration::SECRETS;
use super::super::signature::ED25519;
use super::event::PointerTarget;
use super::linter::{At, Linter, one_of, suggestion};

/// The roles that identify a registration.
const ADDRESS: [&str; 2] = ["id", "current-url"];
const CHANGED: [&str; 5] = ["url", "events", "event", "secret", "active"];
const ANSWERED: [&str; 6] = ["id", "url", "events", "event", "secret", "active"];

/// The roles that say what is subscribed to which event.
const SUBSCRIBED: [&str; 4] = ["registration", "event-id", "event", "filter"];
/// The roles of a subscription; the last three belong to its registration.
const SUBSCRIPTION: [&str; 8] = ["id", "registration", "event-id", "event", "filter", "url", "secret", "active"];
const EVENT: [&str; 2] = ["event-id", "event"];

impl<'a> Linter<'a> {
    pub(super) fn registration(&mut self, root: &At<'a>) {
        let Some(at) = root.get("x-registration") else { return };
        if !self.level(&at, &dialect::REGISTRATION) {
            return;
        }
        self.choice(&at, "secret", SECRETS);
        if at.node.get("create").is_none() {
            let help = "write `create: {operation: …, request: {url: /url}}`, or leave `x-registration` out";
            self.report(&at, "`create` is missing", help);
        }
        let update: Vec<&str> = ADDRESS.into_iter().chain(CHANGED).collect();
        for (key, addressed, sent, answered) in [
            ("create", &[][..], &CHANGED[..], &ANSWERED[..]),
            ("list", &[], &[], &ANSWERED),
            ("get", &ADDRESS, &ADDRESS, &ANSWERED),
            ("update", &ADDRESS, &update, &ANSWERED),
            ("delete", &ADDRESS, &ADDRESS, &[]),
        ] {
            if let Some(call) = at.get(key)
                && self.level(&call, &dialect::CALL)
            {
                self.call(&call, key, addressed, sent, answered);
            }
        }
        self.secret(&at);
        self.address(&at);
        self.subscriptions(&at);
    }

    fn subscriptions(&mut self, registration: &At<'a>) {
        let Some(at) = registration.get("subscriptions") else { return };
        if !self.level(&at, &dialect::SUBSCRIPTIONS) {
            return;
        }
        let Some(create) = at.get("create") else {
            let help = "write `create: {operation: …, request: {registration: /webhook_id, event-id: /event_id}}`, or leave \
            `subscriptions` out";
            return self.report(&at, "`create` is missing", help);
        };
        for (key, addressed, sent, answered) in [
            ("events", &[][..], &[][..], &EVENT[..]),
            ("create", &["registration", "event-id", "event"], &SUBSCRIBED, &SUBSCRIPTION),
            ("list", &[], &[], &SUBSCRIPTION),
            ("get", &["id"], &["id"], &SUBSCRIPTION),
            ("update", &["id"], &["id", "filter"], &SUBSCRIPTION),
            ("delete", &["id"], &["id"], &[]),
            ("test", &["id"], &["id"], &["event", "url"]),
        ] {
            let Some(call) = at.get(key) else { continue };
            if !self.level(&call, &dialect::CALL) {
                continue;
            }
            self.call(&call, key, addressed, sent, answered);
            let addresses = ["parameters", "request"].iter().any(|part| call.node.get_path(&[part, "id"]).is_some());
            if ["get", "update", "delete", "test"].contains(&key) && !addresses {
                let help = "write `id` under `parameters` or `request`";
                self.report(&call, "the call does not identify a subscription", help);
            }
        }
        let has = |call: &At<'a>, key: &str, role: &str| call.node.get_path(&[key, role]).is_some();
        let sends = |role| has(&create, "parameters", role) || has(&create, "request", role);
        if !sends("registration") {
            let help = "write `registration` under `parameters` or `request`";
            self.report(&create, "the place of the registration's id is missing", help);
        }
        if !sends("event-id") && !sends("event") {
            let help = "write `event-id` or `event` under `parameters` or `request`";
            self.report(&create, "the place of the event is missing", help);
        }
        match at.get("events") {
            Some(events) => {
                for role in EVENT.into_iter().filter(|role| *role == "event" || sends("event-id")) {
                    if !has(&events, "answer", role) {
                        let help = format!("write `{role}` under `answer` with the JSON pointer to it");
                        self.report(&events, format!("`{role}` of the listed events is missing"), &help);
                    }
                }
            }
            None if sends("event-id") => {
                let help = "write `events: {operation: …, items: /events, answer: {event-id: /id, event: /name}}`";
                self.report(&at, "no response contains the ids of the events", help);
            }
            None => {}
        }
        let answers = |key: &str| at.get(key).is_some_and(|call| has(&call, "answer", "id"));
        let by_id = ["get", "update", "delete", "test"].into_iter().find_map(|key| at.get(key));
        if let (Some(call), false) = (by_id, answers("create") || answers("list")) {
            let help = "write `id` under `answer` of `create` or `list`";
            self.report(&call, "no response contains the id of a subscription", help);
        }
        let registered = registration.get("create").into_iter().chain(registration.get("list"));
        if !registered.into_iter().any(|call| has(&call, "answer", "id")) {
            let help = "write `id` under `answer` of the registration's `create` or `list`";
            self.report(&at, "no response contains the id of a registration", help);
        }
        for key in ["create", "update"] {
            for role in ["events", "event"] {
                let place = [key, "request", role].iter().try_fold(registration.clone(), |at, key| at.get(key));
                if let Some(place) = place {
                    let help = "leave it out, or leave `subscriptions` out";
                    self.report(&place, "the events of a registration are its subscriptions", help);
                }
            }
        }
    }

    fn call(&mut self, call: &At<'a>, key: &str, addressed: &[&str], sent: &[&str], answered: &[&str]) {
        let Some((path, operation)) = self.operation_of(call) else { return };
        self.method(call, key, &path, &operation);
        self.path_parameters(call, &[&path, &operation], addressed);
        let request = operation.get("requestBody").and_then(|body| content_schema(&body));
        self.members_of(call, "request", request.as_ref(), sent);
        let answer = self.success(&operation).and_then(|answer| content_schema(&answer));
        let is_list = ["list", "events"].contains(&key);
        if let Some(page) = call.get("page") {
            self.page(&page, is_list, &[&path, &operation]);
        }
        let answer = match call.get("items") {
            Some(items) if is_list => match self.item(&items, answer) {
                None => return,
                item => item,
            },
            Some(items) => {
                self.report(&items, "`items` is for `list` and `events`", "leave it out");
                answer
            }
            None if is_list => {
                let help = "write the JSON pointer to the list in the response, such as `items: /webhooks`, \
                or `items: ''` if the response is the list itself";
                return self.report(call, "`items` is missing", help);
            }
            None => answer,
        };
        self.members_of(call, "answer", answer.as_ref(), answered);
    }

    /// Checks that the method of the operation can do what the call is for.
    fn method(&mut self, call: &At<'a>, key: &str, path: &At<'a>, operation: &At<'a>) {
        let allowed: &[&str] = match key {
            "create" => &["post", "put"],
            "update" => &["put", "patch", "post"],
            "delete" => &["delete", "post"],
            "test" => &["post"],
            _ => &["get"],
        };
        let id = operation.str("operationId");
        let method = path.entries().into_iter().find(|(_, other)| other.str("operationId") == id);
        if let Some((method, _)) = method.filter(|(method, _)| !allowed.contains(method)) {
            let at = call.get("operation").unwrap_or_else(|| call.clone());
            let help = format!("name an operation with the method {}", one_of(allowed));
            let id = id.unwrap_or_default();
            self.report(&at, format!("`{id}` has the method {method}, which is not for `{key}`"), help);
        }
    }

    /// Checks the query parameter with the number of the page.
    fn page(&mut self, page: &At<'a>, is_list: bool, holders: &[&At<'a>]) {
        let Some(name) = page.node.as_str() else {
            return self.report(page, "this is not the name of a parameter", "write `page: page`");
        };
        if !is_list {
            return self.report(page, "`page` is for `list` and `events`", "leave it out");
        }
        let known = self.parameters_in("query", holders);
        if !known.contains(&name) {
            let help = suggestion(name, &known, "name a query parameter of the operation");
            self.report(page, format!("the operation has no query parameter `{name}`"), help);
        }
    }

    /// The names of the parameters in the path or in the query.
    fn parameters_in(&self, place: &str, holders: &[&At<'a>]) -> Vec<&'a str> {
        let parameters = holders.iter().flat_map(|holder| self.followed(holder));
        parameters.filter(|at| at.str("in") == Some(place)).filter_map(|at| at.str("name")).collect()
    }

    /// All operations, each with its path.
    pub(super) fn operations(&self) -> Vec<(At<'a>, At<'a>)> {
        let paths = self.root.members("paths").into_iter();
        let operations = paths.flat_map(|(_, path)| {
            let methods = path.entries().into_iter().filter(|(_, method)| method.str("operationId").is_some());
            methods.map(move |(_, method)| (path.clone(), method)).collect::<Vec<_>>()
        });
        operations.collect()
    }

    /// The operation that a call names, with its path.
    pub(super) fn operation_of(&mut self, call: &At<'a>) -> Option<(At<'a>, At<'a>)> {
        let id = self.required_text(call, "operation", "name an operation by its operationId")?;
        let found = self.operation_named(id);
        if found.is_none() {
            let member = call.get("operation").unwrap_or_else(|| call.clone());
            let help = suggestion(id, &self.operation_names(), "describe it under `paths`");
            self.report(&member, format!("there is no operation `{id}`"), help);
        }
        found
    }

    fn path_parameters(&mut self, call: &At<'a>, holders: &[&At<'a>], roles: &[&str]) {
        let known = self.parameters_in("path", holders);
        for (_, at, name) in self.roles(call, "parameters", roles) {
            if !known.contains(&name) {
                let help = suggestion(name, &known, "name a path parameter of the operation");
                self.report(&at, format!("the operation has no path parameter `{name}`"), help);
            }
        }
    }

    /// Checks the pointers into a request or a response.
    fn members_of(&mut self, call: &At<'a>, key: &str, schema: Option<&At<'a>>, roles: &[&str]) {
        let whose = format!("the {key}");
        for (role, at, pointer) in self.roles(call, key, roles) {
            let Some(schema) = schema else {
                self.report(
                    &at,
                    format!("the operation does not describe JSON or a form in its {key}"),
                    "leave this out",
                );
                continue;
            };
            let is_starred = pointer.split('/').any(|token| token == "*");
            if is_starred && role != "events" {
                self.report(&at, "`*` is only for `events`", "point at one member");
                continue;
            }
            let first = pointer.replace("/*", "/0");
            let Some(PointerTarget::Described(member)) = self.pointer(&at, &first, Some(schema), &whose) else {
                continue;
            };
            let Some(member) = self.resolve(&member) else { continue };
            let (member, is_list) = match member.get("items").filter(|_| member.str("type") == Some("array")) {
                Some(item) => (self.resolve(&item).unwrap_or(item), true),
                None => (member, false),
            };
            let (types, listed): (&[&str], bool) = match role {
                "active" => (&["boolean", "integer"], false),
                "id" | "registration" | "event-id" => (&["string", "integer"], false),
                "events" => (&["string"], !is_starred),
                // A form has JSON as text.
                "filter" => (&["object", "string"], false),
                _ => (&["string"], false),
            };
            if is_list != listed || !member.str("type").is_none_or(|kind| types.contains(&kind)) {
                let what = if listed { "an array of type" } else { "a member of type" };
                let help = format!("point at {what} {}", one_of(types));
                self.report(&at, format!("`{pointer}` is of another type than `{role}`"), help);
            }
        }
        if let (Some(_), Some(event)) =
            (call.node.get_path(&[key, "events"]), call.get(key).and_then(|at| at.get("event")))
        {
            self.report(&event, "`events` is beside it", "keep `event` for one name, or `events` for several");
        }
    }

    /// The roles under a key, each with its text.
    fn roles(&mut self, call: &At<'a>, key: &str, known: &[&str]) -> Vec<(&'a str, At<'a>, &'a str)> {
        let Some(group) = call.get(key) else { return Vec::new() };
        if !self.mapping(&group) {
            return Vec::new();
        }
        let mut roles = Vec::new();
        for (role, at) in group.entries() {
            if !known.contains(&role) {
                let general = match known {
                    [] => format!("leave `{key}` out"),
                    known => format!("write {}", one_of(known)),
                };
                self.report(&at, format!("`{role}` is not a role here"), suggestion(role, known, &general));
            } else if let Some(text) = at.node.as_str() {
                roles.push((role, at, text));
            } else {
                let help = if key == "parameters" { "write the parameter's name" } else { "write a JSON pointer" };
                self.report(&at, format!("`{role}` is {}, not a string", at.node.kind()), help);
            }
        }
        roles
    }

    /// The schema of one registration in a list.
    fn item(&mut self, items: &At<'a>, answer: Option<At<'a>>) -> Option<At<'a>> {
        let Some(pointer) = items.node.as_str() else {
            self.report(items, "this is not a JSON pointer", "write `/webhooks`, or `''` for the whole response");
            return None;
        };
        let Some(answer) = answer else {
            self.report(items, "the operation does not describe JSON in its response", "leave `list` out");
            return None;
        };
        let list = match pointer {
            "" => answer,
            pointer => match self.pointer(items, pointer, Some(&answer), "the response")? {
                PointerTarget::Described(list) => list,
                PointerTarget::Anything | PointerTarget::Nothing => return None,
            },
        };
        let item = self.resolve(&list).and_then(|list| list.get("items"));
        if item.is_none() {
            self.report(items, "this is not a list in the response", "point at a member of type array");
        }
        item
    }

    /// The documented success response.
    pub(super) fn success(&self, operation: &At<'a>) -> Option<At<'a>> {
        let (_, response) = operation.members("responses").into_iter().find(|(status, _)| status.starts_with('2'))?;
        match response.str("$ref") {
            Some(reference) => self.target(reference),
            None => Some(response),
        }
    }

    /// Checks that the calls have the secret at the place that `secret` implies.
    fn secret(&mut self, at: &At<'a>) {
        let place = |keys: &[&str]| keys.iter().try_fold(at.clone(), |at, key| at.get(key));
        let (sent, answered) = (place(&["create", "request", "secret"]), place(&["create", "answer", "secret"]));
        let Some(create) = at.get("create") else { return };
        let signature = self.root.get("x-signature");
        let of_client = signature.as_ref().is_some_and(|at| at.node.get("credential").is_some());
        let default =
            signature.and_then(|at| if at.node.items().is_empty() { Some(at) } else { at.items().into_iter().next() });
        let is_public = default.is_some_and(|at| at.str("algorithm") == Some(ED25519));
        match (at.str("secret"), sent, answered) {
            (Some("chosen"), _, _) if is_public => {
                let help = "write `secret: answered` if the response has the public key, or `secret: account`";
                let secret = place(&["secret"]).unwrap_or(create);
                self.report(
                    &secret,
                    "only the provider has the private key, so a caller cannot choose the secret",
                    help,
                );
            }
            (Some("answered"), Some(sent), _) => {
                self.report(
                    &sent,
                    "the secret is in the response, not in the request",
                    "leave it out, or write `secret: chosen`",
                );
            }
            (Some("answered"), None, None) => {
                let help = "write `secret` under `answer` with the JSON pointer to the secret, or another origin of the secret";
                self.report(&create, "the place of the secret in the response is missing", help);
            }
            (Some("chosen"), None, _) => {
                let help = "write `secret` under `request` with the JSON pointer to the secret, or another origin of the secret";
                self.report(&create, "the place of the secret in the request is missing", help);
            }
            (Some("answered" | "chosen"), _, _) if of_client => {
                let help = "write `secret: account`, or leave `credential` of `x-signature` out";
                let secret = place(&["secret"]).unwrap_or(create);
                self.report(&secret, "`x-signature` says that the secret is a credential of a client", help);
            }
            (Some("account"), Some(place), _) | (Some("account"), None, Some(place)) => {
                let help = "leave it out, or write `secret: chosen` or `secret: answered`";
                self.report(&place, "the secret belongs to the account, so registrations do not have one", help);
            }
            (_, _, _) => {}
        }
    }

    /// Checks that each call identifies its registration with values that a caller has.
    fn address(&mut self, at: &At<'a>) {
        let has = |call: &At<'a>, key: &str, role: &str| call.node.get_path(&[key, role]).is_some();
        let mut by_id = None;
        for key in ["get", "update", "delete"] {
            let Some(call) = at.get(key).filter(|call| call.node.kind() == "a mapping") else { continue };
            let addresses = |role| has(&call, "parameters", role) || has(&call, "request", role);
            if !ADDRESS.into_iter().any(addresses) {
                let help = "write `id` or `current-url` under `parameters` or `request`";
                self.report(&call, "the call does not identify a registration", help);
            }
            if addresses("id") {
                by_id = Some(call.clone());
            }
        }
        let is_by_id = by_id.is_some();
        let answers =
            |role| ["create", "list"].into_iter().filter_map(|key| at.get(key)).any(|call| has(&call, "answer", role));
        if let (Some(call), false) = (by_id, answers("id")) {
            let help = "write `id` under `answer` of `create` or `list`, or address registrations by `current-url`";
            self.report(&call, "no response contains the id of a registration", help);
        }
        let list = at.get("list").filter(|list| list.node.kind() == "a mapping");
        if let Some(list) = list.filter(|_| is_by_id)
            && has(&list, "answer", "id")
            && !has(&list, "answer", "url")
            && !at.get("create").is_some_and(|create| has(&create, "answer", "id"))
        {
            let help = "write `id` under `answer` of `create`, or `url` under `answer` of `list`";
            self.report(&list, "nothing says which of the listed ids is that of a new registration", help);
        }
        if let Some(create) = at.get("create").filter(|create| !has(create, "request", "url")) {
            let help = "write `url` under `request` with the JSON pointer to the URL";
            self.report(&create, "the place of the URL in the request is missing", help);
        }
        if let Some(list) = at.get("list").filter(|list| !has(list, "answer", "id") && !has(list, "answer", "url")) {
            let help = "write `id` or `url` under `answer` with the JSON pointer to it";
            self.report(&list, "the listed registrations cannot be distinguished", help);
        }
    }
}

/// The schema of the first media type of a body.
pub(super) fn content_schema<'a>(body: &At<'a>) -> Option<At<'a>> {
    body.members("content").into_iter().next()?.1.get("schema")
}
