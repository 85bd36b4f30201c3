//! Paths, operations, their parameters and responses.

use std::collections::{BTreeMap, BTreeSet};

use super::super::dialect;
use super::super::lint::body::{BodyUse, is_json};
use super::super::lint::header::is_left_out;
use super::super::lint::linter::is_token;
use super::super::lint::operation::{METHODS_OF_CLIENTS, VARIABLES_OF_METHODS, is_status};
use super::super::load::{LEFT_OUT, Node, Value};
use super::super::names::{is_keyword, pascal, snake};
use super::super::spec::METHODS;
use super::body::NO_FIELDS;
use super::null::refuse_null;
use super::{MAX_COPIED, Simplifier};

/// The maximum length of a summary that is made of a description, in characters.
const MAX_SUMMARY: usize = 120;

/// Why a parameter is left out.
enum Unsupported {
    /// OpenAPI ignores it.
    Ignored,
    Because(String),
}

impl Simplifier<'_> {
    pub(super) fn paths(&mut self, paths: &mut Node) {
        let is_kept = |id: &str| snake(id).as_deref() == Some(id) && !is_keyword(id);
        let operations =
            paths.entries().iter().flat_map(|(_, item)| METHODS.iter().filter_map(|method| item.get(method)));
        let ids = operations.filter_map(|operation| operation.get("operationId")?.as_str());
        let mut ids: BTreeMap<String, usize> =
            ids.filter(|id| is_kept(id)).filter_map(pascal).map(|id| (id, 0)).collect();
        ids.extend(METHODS_OF_CLIENTS.iter().map(|name| ((*name).to_owned(), 1)));
        // The body of an operation has the operation's name.
        ids.extend(
            self.component_entries("schemas")
                .filter(|(name, _)| is_kept(name))
                .filter_map(|(name, _)| Some((pascal(name)?, 1))),
        );
        let mut shapes = BTreeSet::new();
        paths.retain(|path, item| {
            if path.text.starts_with("x-") {
                return false;
            }
            let shape = path.text.split('{').map(|part| part.split_once('}').map_or(part, |(_, rest)| rest));
            let is_path =
                path.text.starts_with('/') && !path.text.contains("//") && !path.text.contains(char::is_whitespace);
            let problem = if path.text.contains(['?', '#']) || !is_path && self.is_plain {
                Some("the path has a query, or is not one")
            } else if !shapes.insert(shape.collect::<Vec<_>>().join("{}")) {
                Some("another path differs only in the names of its parameters")
            } else if item.get("$ref").is_some() {
                Some("the path is described in another place")
            } else {
                None
            };
            self.place.push(path.text.clone());
            if let Some(problem) = problem {
                self.note(
                    item,
                    format!("{problem}, so its operations are left out"),
                    "describe them under a path of their own",
                );
            } else {
                self.path_item(&path.text, item, &mut ids);
            }
            self.place.pop();
            problem.is_none() && METHODS.iter().any(|method| item.get(method).is_some())
        });
    }

    fn path_item(&mut self, path: &str, item: &mut Node, ids: &mut BTreeMap<String, usize>) {
        self.level(item, &dialect::PATH_ITEM);
        let of_path = self.own_servers(item);
        let shared = item.remove("parameters").map(|parameters| parameters.items().to_vec()).unwrap_or_default();
        for method in METHODS {
            let mut left_out = None;
            self.within(method, item, |this, operation| {
                let of_operation = of_path.clone().and_then(|()| this.own_servers(operation));
                let of_operation = of_operation.and_then(|()| this.operation(path, method, operation, &shared, ids));
                left_out = of_operation.err();
                if let Some(reason) = &left_out {
                    this.note(
                        operation,
                        format!("{reason}, {LEFT_OUT}"),
                        "describe what a client sends and receives, or leave the operation out",
                    );
                }
            });
            if left_out.is_some() {
                item.remove(method);
            }
        }
    }

    /// Rewrites an operation.
    ///
    /// # Errors
    ///
    /// Returns why it cannot be called.
    fn operation(
        &mut self,
        path: &str,
        method: &str,
        operation: &mut Node,
        shared: &[Node],
        ids: &mut BTreeMap<String, usize>,
    ) -> Result<(), String> {
        let is_deprecated = operation.get("deprecated").and_then(Node::as_bool) == Some(true);
        self.level(operation, &dialect::OPERATION);
        let id = operation_id(path, method, operation, ids);
        if let Some(own) = operation.get("operationId").and_then(Node::as_str).filter(|own| *own != id) {
            self.renamed.entry(own.to_owned()).or_insert_with(|| id.clone());
        }
        operation.set("operationId", operation.get("operationId").unwrap_or(operation).text_here(&id));
        self.summary(operation, &format!("`{} {path}`", method.to_ascii_uppercase()));
        if is_deprecated {
            let text = operation.get("description").and_then(Node::as_str).unwrap_or_default();
            let text = format!("{text}\n\nDeprecated by the provider.").trim_start().to_owned();
            operation.set("description", operation.text_here(text));
        }
        let keys = self.own_security(operation);
        self.request_body(operation, method, &id)?;
        self.parameters(path, operation, shared, &id)?;
        add_keys(operation, keys);
        self.responses(operation, &id)
    }

    /// A summary of one line.
    pub(super) fn summary(&mut self, node: &mut Node, default: &str) {
        for key in ["summary", "description"] {
            self.documentation(node, key);
        }
        let summary = node.get("summary").and_then(Node::as_str).map(str::trim).filter(|text| !text.is_empty());
        let described = || {
            let line = node.get("description")?.as_str()?.lines().map(str::trim).find(|line| !line.is_empty())?;
            let is_short = line.chars().nth(MAX_SUMMARY).is_none() && !line.starts_with(['#', '-', '*', '|', '>', '`']);
            is_short.then(|| line.to_owned())
        };
        let text = match summary {
            Some(text) if !text.contains('\n') => return,
            Some(text) => text.split_whitespace().collect::<Vec<_>>().join(" "),
            None => described().unwrap_or_else(|| default.to_owned()),
        };
        node.set("summary", node.get("summary").unwrap_or(node).text_here(text));
        self.documentation(node, "summary");
    }

    fn parameters(&mut self, path: &str, operation: &mut Node, shared: &[Node], id: &str) -> Result<(), String> {
        let own = operation.get("parameters").map_or(&[][..], Node::items).to_vec();
        if operation.get("parameters").is_some_and(|list| !matches!(list.value, Value::Sequence(_))) {
            return Ok(());
        }
        let mut given = Vec::new();
        let count = own.len();
        for (index, parameter) in own.into_iter().chain(shared.iter().cloned()).enumerate() {
            let is_reference = parameter.get("$ref").is_some();
            match self.copy(&parameter, "parameters") {
                Some(target) => given.push((index, target)),
                // A misspelt name is an error.
                None if is_reference && !self.is_plain && self.copied <= MAX_COPIED => given.push((index, parameter)),
                None if is_reference => return Err("a parameter is described in another place".to_owned()),
                None => given.push((index, parameter)),
            }
        }
        let key =
            |parameter: &Node| ["name", "in"].map(|key| parameter.get(key).and_then(Node::as_str).map(str::to_owned));
        let overridden: BTreeSet<_> = given.iter().filter(|(index, _)| *index < count).map(|(_, it)| key(it)).collect();
        given.retain(|(index, parameter)| *index < count || !overridden.contains(&key(parameter)));
        // A required parameter takes its name first.
        let is_required = |parameter: &Node| {
            let is_path = parameter.get("in").and_then(Node::as_str) == Some("path");
            is_path || parameter.get("required").and_then(Node::as_bool) == Some(true)
        };
        given.sort_by_key(|(index, parameter)| (!is_required(parameter), *index));
        let mut kept: Vec<(usize, Node)> = Vec::new();
        let mut names: BTreeSet<String> = VARIABLES_OF_METHODS.iter().map(|name| (*name).to_owned()).collect();
        names.extend(operation.get("requestBody").map(|_| "body".to_owned()));
        self.place.push("parameters".to_owned());
        for (index, mut parameter) in given {
            let name = parameter.get("name").and_then(Node::as_str).unwrap_or_default().to_owned();
            let required = is_required(&parameter);
            let result = match self.parameter(&mut parameter, id) {
                Ok(()) if !name.is_empty() && !snake(&name).is_some_and(|name| names.insert(name)) => {
                    Err(Unsupported::Because(format!("no argument can have the name `{name}`")))
                }
                other => other,
            };
            match result {
                Ok(()) => kept.push((index, parameter)),
                Err(Unsupported::Ignored) => {}
                Err(Unsupported::Because(reason)) if required => {
                    self.place.pop();
                    return Err(format!("the parameter `{name}` is required, and {reason}"));
                }
                Err(Unsupported::Because(reason)) => {
                    let message = format!("{reason}, so the parameter `{name}` is left out");
                    self.note(&parameter, message, "describe a single value in path, query or header");
                }
            }
        }
        self.place.pop();
        kept.sort_by_key(|(index, _)| *index);
        let mut kept: Vec<Node> = kept.into_iter().map(|(_, parameter)| parameter).collect();
        if self.is_plain {
            let is_there = |name: &str| kept.iter().any(|it| it.get("name").and_then(Node::as_str) == Some(name));
            let missing =
                path.split('{').skip(1).filter_map(|part| part.split('}').next()).filter(|name| !is_there(name));
            let missing: Vec<Node> = missing.map(|name| path_parameter(operation, name)).collect();
            kept.extend(missing);
        }
        match kept.as_slice() {
            [] => drop(operation.remove("parameters")),
            _ => operation.set("parameters", operation.here(Value::Sequence(kept))),
        }
        Ok(())
    }

    fn parameter(&mut self, parameter: &mut Node, id: &str) -> Result<(), Unsupported> {
        let because = |reason: &str| Err(Unsupported::Because(reason.to_owned()));
        let text = |key: &str| parameter.get(key).and_then(Node::as_str).unwrap_or_default().to_owned();
        let (name, place, style) = (text("name"), text("in"), text("style"));
        match place.as_str() {
            "header" if is_left_out(&name) => return Err(Unsupported::Ignored),
            "header" if !is_token(&name) => return because("it is not the name of a header"),
            "cookie" => return because("cookies are not supported"),
            "path" => parameter.set("required", parameter.here(Value::Bool(true))),
            _ => {}
        }
        let usual: &[&str] = if place == "query" { &["", "form"] } else { &["", "simple"] };
        if !usual.contains(&style.as_str()) {
            return Err(Unsupported::Because(format!("the style `{style}` is not supported")));
        }
        if parameter.get("schema").is_none() && parameter.get("content").is_some() {
            return because("it is encoded in a media type");
        }
        self.level(parameter, &dialect::PARAMETER);
        self.description(parameter, || format!("The parameter `{name}`."));
        let Some(mut schema) = parameter.remove("schema") else { return Ok(()) };
        self.schema(&mut schema);
        match self.kind_behind(&schema).as_ref().map(Option::as_deref) {
            Ok(Some("string")) => {}
            Ok(Some("integer" | "boolean")) if place == "query" => {}
            // Every value is a text there.
            Ok(Some("integer" | "boolean" | "number") | None) => {
                let description = schema.get("description").cloned();
                schema.value = Value::Mapping(Vec::new());
                schema.set("type", schema.text_here("string"));
                if let Some(description) = description {
                    schema.set("description", description);
                }
            }
            Ok(Some(_)) | Err(()) => return because("it is not a single value"),
        }
        refuse_null(&mut schema);
        if schema.get("enum").is_some() {
            self.name_schema(&mut schema, &format!("{id} {name}"));
        }
        parameter.set("schema", schema);
        Ok(())
    }

    fn request_body(&mut self, operation: &mut Node, method: &str, id: &str) -> Result<(), String> {
        let Some(mut body) = operation.take("requestBody") else { return Ok(()) };
        if body.get("$ref").is_some() {
            body = self.copy(&body, "requestBodies").ok_or("the body is described in another place")?;
        }
        let required = body.get("required").and_then(Node::as_bool) == Some(true);
        // Few servers read the body of such a request.
        if !required && ["get", "delete"].contains(&method) {
            operation.remove("requestBody");
            self.note(
                &body,
                "the body of this method is optional, so it is left out",
                "write `required: true` if the provider reads it",
            );
            return Ok(());
        }
        self.place.push("requestBody".to_owned());
        let result = self.request(&mut body, BodyUse::Request, &format!("{id} request"));
        self.place.pop();
        match result {
            Ok(()) => operation.set("requestBody", body),
            // The document says that there is nothing to send.
            Err(reason) if !required && reason == NO_FIELDS => drop(operation.remove("requestBody")),
            Err(reason) => return Err(reason),
        }
        Ok(())
    }

    fn request(&mut self, body: &mut Node, usage: BodyUse, name: &str) -> Result<(), String> {
        self.level(body, &dialect::REQUEST_BODY);
        self.documentation(body, "description");
        body.set("required", body.here(Value::Bool(true)));
        let Some(content) = body.get_mut("content") else { return Err("no media type is documented".to_owned()) };
        self.content(content, usage, name)
    }

    fn responses(&mut self, operation: &mut Node, id: &str) -> Result<(), String> {
        let mut responses = operation.take("responses").unwrap_or_else(|| operation.here(Value::Mapping(Vec::new())));
        self.statuses(&mut responses);
        self.place.push("responses".to_owned());
        let mut result = Ok(());
        let mut statuses = Vec::new();
        for (status, response) in responses.entries_mut() {
            self.place.push(status.text.clone());
            let is_success = status.text.starts_with('2');
            let name = if is_success { format!("{id} response") } else { format!("{id} response {}", status.text) };
            let is_lost =
                response.get("$ref").is_some() && self.target(response, "responses").is_none() && self.is_plain;
            if let Some(media_type) = self.foreign_media_type(response).filter(|_| is_success) {
                result = Err(format!("the response is `{media_type}`"));
            } else if is_lost && is_success {
                result = Err("the response is described in another place".to_owned());
            } else if is_lost {
                response.value = Value::Mapping(Vec::new());
            } else if ["204", "205", "304"].contains(&status.text.as_str()) {
                if let Some((_, target)) = self.target(response, "responses") {
                    let description = target.get("description").cloned();
                    response.value = Value::Mapping(Vec::new());
                    if let Some(description) = description {
                        response.set("description", description);
                    }
                }
                response.remove("content");
            }
            if response.get("$ref").is_none() {
                self.response(response, &name);
            }
            statuses.push((status.text.clone(), response.get("content").is_some() || response.get("$ref").is_some()));
            self.place.pop();
        }
        self.place.pop();
        // A method has one type for success.
        let successes = statuses.iter().filter(|(status, _)| status.starts_with('2'));
        let kept =
            successes.min_by_key(|(status, has_body)| (!has_body, status.clone())).map(|(status, _)| status.clone());
        responses.retain(|status, _| !status.text.starts_with('2') || Some(&status.text) == kept.as_ref());
        operation.set("responses", responses);
        result
    }

    /// Rewrites a response. A body that is not JSON is left out.
    pub(super) fn response(&mut self, response: &mut Node, name: &str) {
        self.level(response, &dialect::RESPONSE);
        self.description(response, || "A response.".to_owned());
        let Some(content) = response.get_mut("content") else { return };
        if self.content(content, BodyUse::Response, name).is_err() {
            response.remove("content");
        }
    }

    /// The media type of a response that has a body, and none that is JSON.
    fn foreign_media_type(&self, response: &Node) -> Option<String> {
        let response = self.target(response, "responses").map_or(response, |(_, target)| target);
        let names: Vec<&str> = response.get("content")?.entries().iter().map(|(name, _)| name.text.as_str()).collect();
        let is_known = |name: &&str| is_json(name) || ["*/*", "application/*"].contains(name);
        if names.iter().any(is_known) { None } else { names.first().map(|name| (*name).to_owned()) }
    }

    /// The statuses, with ranges in place of `default`.
    fn statuses(&mut self, responses: &mut Node) {
        responses.retain(|status, _| !status.text.starts_with("x-") && !status.text.starts_with('1'));
        for (status, _) in responses.entries_mut() {
            let upper = status.text.to_ascii_uppercase();
            if is_status(&upper) {
                status.text = upper;
            }
        }
        let has = |responses: &Node, class: char| {
            responses.entries().iter().any(|(status, _)| status.text.starts_with(class))
        };
        if let Some(default) = responses.remove("default") {
            if !has(responses, '2') {
                responses.set("2XX", default);
            } else {
                for range in
                    ["4XX", "5XX"].into_iter().filter(|range| responses.get(range).is_none()).collect::<Vec<_>>()
                {
                    responses.set(range, default.clone());
                }
            }
        }
        if !has(responses, '2') {
            let mut success = responses.here(Value::Mapping(Vec::new()));
            success.set("description", responses.text_here("A success."));
            responses.set("2XX", success);
        }
    }

    pub(super) fn delivery(&mut self, event: &str, delivery: &mut Node) {
        self.level(delivery, &dialect::DELIVERY);
        self.summary(delivery, &format!("`{event}`"));
        if let Some(Value::Sequence(parameters)) = delivery.get_mut("parameters").map(|list| &mut list.value) {
            for parameter in parameters.iter_mut().filter(|parameter| parameter.get("$ref").is_none()) {
                _ = self.parameter(parameter, event);
            }
        }
        if let Some(target) = delivery.get("requestBody").cloned().and_then(|body| self.copy(&body, "requestBodies")) {
            delivery.set("requestBody", target);
        }
        self.within("requestBody", delivery, |this, body| {
            _ = this.request(body, BodyUse::Delivery, &format!("{event} payload"))
        });
        self.within("responses", delivery, |this, responses| {
            this.statuses(responses);
            this.each(responses, |this, status, response| {
                if response.get("$ref").is_none() {
                    this.response(response, &format!("{event} response {status}"));
                }
            });
        });
    }
}

/// Adds headers that are the same for every request of a client.
fn add_keys(operation: &mut Node, keys: Vec<(String, Node)>) {
    if keys.is_empty() {
        return;
    }
    let at = operation.clone();
    let mut parameters = operation.get("parameters").map_or(&[][..], Node::items).to_vec();
    for (name, scheme) in keys {
        let mut schema = at.here(Value::Mapping(Vec::new()));
        schema.set("type", at.text_here("string"));
        schema.set("format", at.text_here("password"));
        let mut parameter = at.here(Value::Mapping(Vec::new()));
        parameter.set("name", at.text_here(&name));
        parameter.set("in", at.text_here("header"));
        parameter.set("required", at.here(Value::Bool(true)));
        parameter.set("x-client-header", at.here(Value::Bool(true)));
        let default = || at.text_here(format!("The API key `{name}`."));
        parameter.set("description", scheme.get("description").cloned().unwrap_or_else(default));
        parameter.set("schema", schema);
        let is_same = |other: &Node| {
            other.get("in").and_then(Node::as_str) == Some("header")
                && other.get("name").and_then(Node::as_str).is_some_and(|other| other.eq_ignore_ascii_case(&name))
        };
        parameters.retain(|other| !is_same(other));
        parameters.push(parameter);
    }
    operation.set("parameters", at.here(Value::Sequence(parameters)));
}

/// A parameter of the path that the document does not describe.
fn path_parameter(at: &Node, name: &str) -> Node {
    let mut schema = at.here(Value::Mapping(Vec::new()));
    schema.set("type", at.text_here("string"));
    let mut parameter = at.here(Value::Mapping(Vec::new()));
    parameter.set("name", at.text_here(name));
    parameter.set("in", at.text_here("path"));
    parameter.set("required", at.here(Value::Bool(true)));
    parameter.set("description", at.text_here(format!("The parameter `{name}`.")));
    parameter.set("schema", schema);
    parameter
}

/// The name of the operation in snake_case, which no other operation has.
fn operation_id(path: &str, method: &str, operation: &Node, ids: &mut BTreeMap<String, usize>) -> String {
    let own = operation.get("operationId").and_then(Node::as_str).unwrap_or_default();
    let by_path = format!("{method} {path}");
    let is_free = |ids: &BTreeMap<String, usize>, id: &str| pascal(id).is_some_and(|id| !ids.contains_key(&id));
    // The first operation with a name in snake_case keeps it.
    if let Some(uses @ 0) = pascal(own).and_then(|id| ids.get_mut(&id))
        && snake(own).as_deref() == Some(own)
    {
        *uses = 1;
        return own.to_owned();
    }
    let base =
        snake(own).filter(|id| is_free(ids, id)).or_else(|| snake(&by_path)).unwrap_or_else(|| "call".to_owned());
    let mut id = base.clone();
    while !is_free(ids, &id) {
        let number = ids.entry(format!("number of {base}")).or_insert(1);
        *number += 1;
        id = format!("{base}_{number}");
    }
    ids.extend(pascal(&id).map(|id| (id, 1)));
    id
}
