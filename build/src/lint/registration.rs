//! `x-registration`: that its operations, parameters and members are there, and that its calls can be made from it.

use super::super::registration::SECRETS;
use super::event::Member;
use super::{At, Level, Linter, one_of, suggestion};

const REGISTRATION: Level =
    Level { name: "in x-registration", keys: &["secret", "create", "list", "get", "update", "delete"] };
const CALL: Level =
    Level { name: "in a call of x-registration", keys: &["operation", "parameters", "request", "items", "answer"] };

/// What says which registration is meant.
const ADDRESS: [&str; 2] = ["id", "current-url"];
const CHANGED: [&str; 5] = ["url", "events", "event", "secret", "active"];
const ANSWERED: [&str; 6] = ["id", "url", "events", "event", "secret", "active"];

impl<'a> Linter<'a> {
    pub(super) fn registration(&mut self, root: &At<'a>) {
        let Some(at) = root.get("x-registration") else { return };
        if !self.level(&at, &REGISTRATION) {
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
                && self.level(&call, &CALL)
            {
                self.call(&call, key, addressed, sent, answered);
            }
        }
        self.secret(&at);
        self.address(&at);
    }

    fn call(&mut self, call: &At<'a>, key: &str, addressed: &[&str], sent: &[&str], answered: &[&str]) {
        let help = "name an operation by its operationId";
        let Some(id) = self.required_text(call, "operation", help) else { return };
        let operations = self.root.members("paths").into_iter().flat_map(|(_, path)| {
            let methods = path.entries().into_iter().filter(|(_, method)| method.str("operationId").is_some());
            methods.map(move |(_, method)| (path.clone(), method))
        });
        let operations: Vec<(At<'a>, At<'a>)> = operations.collect();
        let Some((path, operation)) = operations.iter().find(|(_, method)| method.str("operationId") == Some(id))
        else {
            let known: Vec<&str> = operations.iter().filter_map(|(_, method)| method.str("operationId")).collect();
            let member = call.get("operation").unwrap_or_else(|| call.clone());
            let help = suggestion(id, &known, "describe it under `paths`");
            return self.report(&member, format!("there is no operation `{id}`"), help);
        };
        self.path_parameters(call, &[path, operation], addressed);
        let request = operation.get("requestBody").and_then(|body| content_schema(&body));
        self.members_of(call, "request", request.as_ref(), sent);
        let answer = self.success(operation).and_then(|answer| content_schema(&answer));
        let answer = match (call.get("items"), key) {
            (Some(items), "list") => match self.item(&items, answer) {
                None => return,
                item => item,
            },
            (Some(items), _) => {
                self.report(&items, "`items` is for `list`", "leave it out");
                answer
            }
            (None, "list") => {
                let help = "write the JSON pointer to the list of registrations in the answer, such as `items: /webhooks`, \
                            or `items: ''` where the answer is the list itself";
                return self.report(call, "`items` is missing", help);
            }
            (None, _) => answer,
        };
        self.members_of(call, "answer", answer.as_ref(), answered);
    }

    fn path_parameters(&mut self, call: &At<'a>, holders: &[&At<'a>], roles: &[&str]) {
        let parameters = holders.iter().flat_map(|holder| self.followed(holder));
        let known: Vec<&str> =
            parameters.filter(|at| at.str("in") == Some("path")).filter_map(|at| at.str("name")).collect();
        for (_, at, name) in self.roles(call, "parameters", roles) {
            if !known.contains(&name) {
                let help = suggestion(name, &known, "name a path parameter of the operation");
                self.report(&at, format!("the operation has no path parameter `{name}`"), help);
            }
        }
    }

    /// Pointers into a request or an answer.
    fn members_of(&mut self, call: &At<'a>, key: &str, schema: Option<&At<'a>>, roles: &[&str]) {
        let whose = format!("the {key}");
        for (role, at, pointer) in self.roles(call, key, roles) {
            let Some(schema) = schema else {
                self.report(&at, format!("the operation describes no JSON or form in its {key}"), "leave this out");
                continue;
            };
            let is_starred = pointer.split('/').any(|token| token == "*");
            if is_starred && role != "events" {
                self.report(&at, "`*` is for `events`, which are several", "point at one member");
                continue;
            }
            let first = pointer.replace("/*", "/0");
            let Some(Member::Described(member)) = self.pointer(&at, &first, Some(schema), &whose) else { continue };
            let Some(member) = self.resolve(&member) else { continue };
            let (member, is_list) = match member.get("items").filter(|_| member.str("type") == Some("array")) {
                Some(item) => (self.resolve(&item).unwrap_or(item), true),
                None => (member, false),
            };
            let (types, listed): (&[&str], bool) = match role {
                "active" => (&["boolean", "integer"], false),
                "events" => (&["string"], !is_starred),
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

    /// The schema of one registration of a list.
    fn item(&mut self, items: &At<'a>, answer: Option<At<'a>>) -> Option<At<'a>> {
        let Some(pointer) = items.node.as_str() else {
            self.report(items, "this is not a JSON pointer", "write `/webhooks`, or `''` for the whole answer");
            return None;
        };
        let Some(answer) = answer else {
            self.report(items, "the operation describes no JSON in its answer", "leave `list` out");
            return None;
        };
        let list = match pointer {
            "" => answer,
            pointer => match self.pointer(items, pointer, Some(&answer), "the answer")? {
                Member::Described(list) => list,
                Member::Anything | Member::Nothing => return None,
            },
        };
        let item = self.resolve(&list).and_then(|list| list.get("items"));
        if item.is_none() {
            self.report(items, "this is not a list in the answer", "point at a member of type array");
        }
        item
    }

    /// The one documented success.
    fn success(&self, operation: &At<'a>) -> Option<At<'a>> {
        let (_, response) = operation.members("responses").into_iter().find(|(status, _)| status.starts_with('2'))?;
        match response.str("$ref") {
            Some(reference) => self.target(reference),
            None => Some(response),
        }
    }

    /// Whether the calls have the secret where `secret` says that it comes from.
    fn secret(&mut self, at: &At<'a>) {
        let place = |keys: &[&str]| keys.iter().try_fold(at.clone(), |at, key| at.get(key));
        let (sent, answered) = (place(&["create", "request", "secret"]), place(&["create", "answer", "secret"]));
        let Some(create) = at.get("create") else { return };
        match (at.str("secret"), sent, answered) {
            (Some("answered"), Some(sent), _) => {
                self.report(&sent, "the secret is answered, not sent", "leave it out, or write `secret: chosen`");
            }
            (Some("answered"), None, None) => {
                let help = "write `secret` under `answer` with the JSON pointer to it, or another origin of the secret";
                self.report(&create, "nothing says where the answer has the secret", help);
            }
            (Some("chosen"), None, _) => {
                let help =
                    "write `secret` under `request` with the JSON pointer to it, or another origin of the secret";
                self.report(&create, "nothing says where the request has the secret", help);
            }
            (Some("account"), Some(place), _) | (Some("account"), None, Some(place)) => {
                let help = "leave it out, or write `secret: chosen` or `secret: answered`";
                self.report(&place, "the secret is that of the account, so no registration has one", help);
            }
            (_, _, _) => {}
        }
    }

    /// Whether each call says which registration it means, and what a caller knows of one.
    fn address(&mut self, at: &At<'a>) {
        let has = |call: &At<'a>, key: &str, role: &str| call.node.get_path(&[key, role]).is_some();
        let mut by_id = None;
        for key in ["get", "update", "delete"] {
            let Some(call) = at.get(key).filter(|call| call.node.kind() == "a mapping") else { continue };
            let addresses = |role| has(&call, "parameters", role) || has(&call, "request", role);
            if !ADDRESS.into_iter().any(addresses) {
                let help = "write `id` or `current-url` under `parameters` or `request`";
                self.report(&call, "nothing says which registration is meant", help);
            }
            if addresses("id") {
                by_id = Some(call.clone());
            }
        }
        let answers =
            |role| ["create", "list"].into_iter().filter_map(|key| at.get(key)).any(|call| has(&call, "answer", role));
        if let (Some(call), false) = (by_id, answers("id")) {
            let help = "write `id` under `answer` of `create` or `list`, or address registrations by `current-url`";
            self.report(&call, "no answer gives the id of a registration", help);
        }
        if let Some(create) = at.get("create").filter(|create| !has(create, "request", "url")) {
            let help = "write `url` under `request` with the JSON pointer to it";
            self.report(&create, "nothing says where the request has the URL", help);
        }
        if let Some(list) = at.get("list").filter(|list| !has(list, "answer", "id") && !has(list, "answer", "url")) {
            let help = "write `id` or `url` under `answer` with the JSON pointer to it";
            self.report(&list, "nothing tells the listed registrations apart", help);
        }
    }
}

/// The schema of the first media type of a body.
fn content_schema<'a>(body: &At<'a>) -> Option<At<'a>> {
    body.members("content").into_iter().next()?.1.get("schema")
}
