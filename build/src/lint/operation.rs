//! Paths, operations, their parameters, bodies and answers.

use std::collections::BTreeSet;

use super::event::Delivery;
use super::{At, Level, Linter, Scope, names, one_of, schema, template_names};

const PATH_ITEM: Level = Level { name: "in a path", keys: &["parameters", "get", "put", "post", "delete", "patch"] };
const METHODS: &[&str] = &["get", "put", "post", "delete", "patch"];
const OPERATION: Level = Level {
    name: "in an operation",
    keys: &["operationId", "summary", "description", "parameters", "requestBody", "responses"],
};
const PARAMETER: Level =
    Level { name: "in a parameter", keys: &["name", "in", "required", "description", "schema", "x-client-header"] };
const REQUEST_BODY: Level = Level { name: "in a request body", keys: &["required", "description", "content"] };
const RESPONSE: Level = Level { name: "in a response", keys: &["description", "content"] };
const MEDIA_TYPE: Level = Level { name: "in a media type", keys: &["schema", "examples"] };

const JSON: [&str; 2] = ["application/json", "application/jsonc"];
const FORM: &str = "application/x-www-form-urlencoded";

/// Where a body stands, which decides on its media types and the form of its schema.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Body {
    Request,
    Answer,
    Delivery,
}

impl Body {
    fn media_types(self) -> &'static [&'static str] {
        match self {
            Body::Request => &["application/json", "application/jsonc", FORM],
            Body::Answer => &["application/json", "application/problem+json"],
            Body::Delivery => &["application/json", "application/json; charset=utf-8"],
        }
    }
}

/// The parameters of all operations, `$ref`s followed.
pub(super) fn all_parameters<'a>(linter: &Linter<'a>, root: &At<'a>) -> Vec<At<'a>> {
    let mut found = Vec::new();
    for (_, path) in root.members("paths") {
        let operations = path.entries().into_iter().filter(|(key, _)| METHODS.contains(key)).map(|(_, at)| at);
        for holder in operations.chain([path.clone()]) {
            found.extend(linter.followed(&holder));
        }
    }
    found
}

/// In PascalCase, as operations are compared.
const METHODS_OF_CLIENTS: [&str; 13] = [
    "ApiVersion",
    "Baseurl",
    "Client",
    "Clone",
    "Exec",
    "Inner",
    "Into",
    "New",
    "NewWithClient",
    "Post",
    "Pre",
    "TryInto",
    "WithOptions",
];

impl<'a> Linter<'a> {
    pub(super) fn paths(&mut self, root: &At<'a>) {
        let Some(paths) = root.get("paths") else {
            return self.report(root, "`paths` is missing", "write `paths: {}` where there are no operations");
        };
        if !self.mapping(&paths) {
            return;
        }
        let mut templates: Vec<(String, &str)> = Vec::new();
        let mut operations = Scope::new("operation", "give each operation an operationId of its own");
        for taken in METHODS_OF_CLIENTS {
            operations = operations.reserving(taken, "a method that every client has");
        }
        for (path, item) in paths.entries() {
            let names = self.template(path, &item);
            let shape = path.split('{').map(|part| part.split_once('}').map_or(part, |(_, rest)| rest));
            let shape = shape.collect::<Vec<_>>().join("{}");
            match templates.iter().find(|(other, _)| *other == shape) {
                Some((_, other)) => {
                    self.report(
                        &item,
                        format!("this is the same path as `{other}`"),
                        "put all methods under one of them",
                    );
                }
                None => templates.push((shape, path)),
            }
            if !self.level(&item, &PATH_ITEM) {
                continue;
            }
            let shared = self.parameters(&item, false);
            for (_, operation) in item.entries().into_iter().filter(|(key, _)| METHODS.contains(key)) {
                self.operation(&operation, &mut operations, &names, &shared);
            }
        }
    }

    /// The names in a path's braces.
    fn template(&mut self, path: &'a str, item: &At<'a>) -> BTreeSet<&'a str> {
        if !path.starts_with('/')
            || path.contains("//")
            || path.contains(['?', '#'])
            || path.contains(char::is_whitespace)
        {
            let help = "write it as `/v1/webhooks/{id}`, with query parameters under `parameters`";
            self.report(item, "this is not a path", help);
        }
        let Some(names) = template_names(path) else {
            self.report(item, "the braces in the path do not match", "write each path parameter as `{name}`");
            return BTreeSet::new();
        };
        if path.matches('{').count() > names.len() {
            self.report(item, "a parameter is in the path twice", "give each place a name of its own");
        }
        names
    }

    fn operation(&mut self, at: &At<'a>, scope: &mut Scope, template: &BTreeSet<&str>, shared: &[At<'a>]) {
        if !self.level(at, &OPERATION) {
            return;
        }
        self.operation_id(at, scope);
        self.summary(at);
        let mut parameters = self.parameters(at, false);
        let own: BTreeSet<_> = parameters.iter().map(|at| (at.str("name"), at.str("in"))).collect();
        let inherited = shared.iter().filter(|at| !own.contains(&(at.str("name"), at.str("in"))));
        parameters.extend(inherited.cloned());
        self.arguments(at, &parameters);
        let is_path = |parameter: &&At<'a>| parameter.str("in") == Some("path");
        let declared: BTreeSet<&str> = parameters.iter().filter(is_path).filter_map(|at| at.str("name")).collect();
        for name in template.difference(&declared) {
            let help = format!("add a parameter with `name: {name}`, `in: path` and `required: true`");
            self.report(at, format!("the path has `{{{name}}}`, but there is no such parameter"), help);
        }
        for name in declared.difference(template) {
            let help = format!("write `{{{name}}}` into the path, or leave the parameter out");
            self.report(at, format!("the path parameter `{name}` is not in the path"), help);
        }
        if let Some(body) = at.get("requestBody") {
            self.request_body(&body, Body::Request);
        }
        self.responses(at);
    }

    fn operation_id(&mut self, at: &At<'a>, scope: &mut Scope) {
        let help = "name the Rust method in snake_case, such as `operationId: list_webhooks`";
        let Some(id) = self.required_text(at, "operationId", help) else {
            return;
        };
        let Some(member) = at.get("operationId") else { return };
        let snake = names::snake(id);
        if names::is_keyword(id) {
            self.report(&member, format!("`{id}` is a Rust keyword"), "choose another name");
        } else if snake.as_deref() != Some(id) {
            let help = snake.map_or(help.to_owned(), |snake| format!("write `{snake}`"));
            self.report(&member, format!("`{id}` is not a Rust identifier in snake_case"), help);
        }
        if let Some(identifier) = names::pascal(id) {
            self.claim(scope, &member, id, Some(identifier));
        }
    }

    /// The first line of the documentation.
    pub(super) fn summary(&mut self, at: &At<'a>) {
        if let Some(text) = self.required_text(at, "summary", "say in one line what it does") {
            if let (true, Some(member)) = (text.trim_end().contains('\n'), at.get("summary")) {
                self.report(&member, "the summary has several lines", "write one line, and the rest as description");
            }
            self.documentation(at, "summary");
        }
        self.documentation(at, "description");
    }

    /// The parameters of an operation, a path or a delivery, `$ref`s followed.
    pub(super) fn parameters(&mut self, holder: &At<'a>, of_delivery: bool) -> Vec<At<'a>> {
        let Some(list) = holder.get("parameters") else {
            return Vec::new();
        };
        if list.node.kind() != "a list" {
            self.report(&list, format!("here is {} instead of a list", list.node.kind()), "write `- name: …` items");
        }
        let mut found: Vec<At<'a>> = Vec::new();
        for item in list.items() {
            if item.node.get("$ref").is_none() {
                self.parameter(&item);
            }
            let Some(parameter) = self.follow(&item, "parameters") else {
                continue;
            };
            if of_delivery && parameter.str("in").is_some_and(|place| place != "header") {
                self.report(&item, "a delivery is described by its headers and its body", "leave this parameter out");
            }
            let key = |at: &At<'a>| (at.str("name").map(str::to_ascii_lowercase), at.str("in"));
            if found.iter().any(|other| key(other) == key(&parameter)) {
                self.report(&item, "this parameter is listed twice", "leave one out");
                continue;
            }
            found.push(parameter);
        }
        found
    }

    pub(super) fn parameter(&mut self, at: &At<'a>) {
        if !self.level(at, &PARAMETER) {
            return;
        }
        self.description(at, "say what the value means");
        let place = at.str("in");
        let required = self.boolean(at, "required");
        match place {
            Some("path") if required != Some(true) => {
                self.report(at, "a path parameter is always required", "write `required: true`");
            }
            Some("path" | "query" | "header") => {}
            Some("cookie") => {
                self.report(at, "cookie parameters are not supported", "use a header, if the provider reads one")
            }
            Some(_) | None => {
                self.report(at, "`in` is missing or not understood", "write `in: path`, `query` or `header`")
            }
        }
        if let Some(name) = self.required_text(at, "name", "write the parameter's name")
            && place == Some("header")
        {
            self.header_name(at, name);
        }
        if self.boolean(at, "x-client-header").is_some() && place != Some("header") {
            self.report(at, "`x-client-header` is for headers", "leave it out");
        }
        self.parameter_schema(at, place);
    }

    fn parameter_schema(&mut self, at: &At<'a>, place: Option<&str>) {
        let types: &[&str] = match place {
            Some("query") => &["string", "integer", "boolean"],
            Some(_) | None => &["string"],
        };
        let help = format!("write a schema of type {}", one_of(types));
        let Some(schema) = at.get("schema") else {
            return self.report(at, "`schema` is missing", help);
        };
        self.schema(&schema, schema::Role::Part);
        if let Some(nullable) = schema.get("nullable") {
            self.report(&nullable, "a parameter is never null", "leave it out, or make the parameter optional");
        }
        if let Some(inline) = schema.get("enum") {
            self.report(&inline, "the enum has no name", "give it one under components.schemas and refer to it");
        }
        if let Some(resolved) = self.resolve(&schema)
            && !resolved.str("type").is_some_and(|kind| types.contains(&kind))
        {
            self.report(&schema, "a parameter is a single value", help);
        }
        let constant = at.node.get("x-client-header").and_then(|node| node.as_bool()) == Some(true);
        if let (true, Some(named), Some(resolved)) = (constant, schema.get("$ref"), self.resolve(&schema))
            && resolved.node.get("format").is_some()
        {
            let help = "write the schema with its format here, without a name";
            self.report(&named, "the named schema of a client's header has a format", help);
        }
    }

    /// The arguments of the method that the operation becomes.
    fn arguments(&mut self, at: &At<'a>, parameters: &[At<'a>]) {
        let mut scope = Scope::new("parameter", "rename a path parameter, or leave an optional parameter out");
        for taken in ["operation", "session", "client", "answer", "header_map", "info"] {
            scope = scope.reserving(taken, "a variable of the generated method");
        }
        if at.node.get("requestBody").is_some() {
            scope = scope.reserving("body", "the request body");
        }
        for parameter in parameters {
            if let Some(name) = parameter.str("name") {
                self.claim(
                    &mut scope,
                    &At { place: format!("{}.parameters", at.place), ..parameter.clone() },
                    name,
                    names::snake(name),
                );
            }
        }
    }

    pub(super) fn request_body(&mut self, at: &At<'a>, body: Body) {
        if !self.level(at, &REQUEST_BODY) {
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

    pub(super) fn responses(&mut self, at: &At<'a>) {
        let help = "write `'200'`, or `'2XX'` where no status is documented";
        let Some(responses) = at.get("responses") else {
            return self.report(at, "`responses` is missing", help);
        };
        if !self.mapping(&responses) {
            return;
        }
        let mut successes: Vec<&str> = Vec::new();
        for (status, response) in responses.entries() {
            if status == "default" {
                let help = "write the statuses that it covers, such as `'4XX'` and `'5XX'`";
                self.report(&response, "`default` does not say which statuses it is for", help);
            } else if !is_status(status) {
                let help = "write three digits such as `'404'`, or a range such as `'4XX'`";
                self.report(&response, format!("`{status}` is not a status of an answer"), help);
            } else if status.starts_with('2') {
                successes.push(status);
            }
            if response.node.get("$ref").is_none() {
                self.response(&response);
            }
            let followed = self.follow(&response, "responses");
            if ["204", "205", "304"].contains(&status) && followed.is_some_and(|at| at.node.get("content").is_some()) {
                self.report(&response, format!("an answer with status {status} has no body"), "leave `content` out");
            }
        }
        match successes.as_slice() {
            [_] => {}
            [] => self.report(&responses, "no answer is a success", help),
            several => {
                let message = format!("there is more than one success: {}", several.join(", "));
                self.report(&responses, message, "keep one, since a method has one type for success");
            }
        }
    }

    pub(super) fn response(&mut self, at: &At<'a>) {
        if !self.level(at, &RESPONSE) {
            return;
        }
        self.description(at, "say when the provider answers this");
        if let Some(content) = at.get("content") {
            self.content(&content, Body::Answer);
        }
    }

    fn content(&mut self, at: &At<'a>, body: Body) {
        if !self.mapping(at) {
            return;
        }
        let understood = body.media_types();
        let entries = at.entries();
        match entries.as_slice() {
            [_] => {}
            [(_, first), others @ ..]
                if body == Body::Request && entries.iter().all(|(name, _)| JSON.contains(name)) =>
            {
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
            if !understood.contains(&name) {
                let help = format!("write {}", one_of(understood));
                self.report(&media_type, format!("the media type `{name}` is not understood here"), help);
            }
            self.media_type(&media_type, body, name == FORM);
        }
    }

    fn media_type(&mut self, at: &At<'a>, body: Body, form: bool) {
        if self.level(at, &MEDIA_TYPE) {
            self.body_schema(at, body, form);
            self.examples(at);
        }
    }

    /// The same JSON under several media types: clients send the first.
    fn names_of_json(&mut self, first: &At<'a>, others: &[(&'a str, At<'a>)]) {
        self.media_type(first, Body::Request, false);
        let reference = |at: &At<'a>| at.get("schema").and_then(|schema| schema.str("$ref"));
        for (name, other) in others {
            if !self.level(other, &MEDIA_TYPE) {
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

    fn body_schema(&mut self, media_type: &At<'a>, body: Body, form: bool) {
        let help = match body {
            Body::Request => "write `schema` with a `$ref` to a component",
            Body::Answer => "write `schema` with a `$ref`, a list (`type: array`) of a `$ref`, or `type: string`",
            Body::Delivery => "write `schema` with a `$ref` to the event's payload, free-form if nothing is documented",
        };
        let Some(schema) = media_type.get("schema") else {
            let message =
                if body == Body::Delivery { "the event has no payload schema" } else { "the body has no schema" };
            return self.report(media_type, message, help);
        };
        let has_reference = |at: &At<'a>| at.node.get("$ref").is_some();
        let is_list =
            schema.str("type") == Some("array") && schema.get("items").is_some_and(|items| has_reference(&items));
        let is_string = schema.str("type") == Some("string") && schema.node.get("enum").is_none();
        if !has_reference(&schema) && !(body == Body::Answer && (is_list || is_string)) {
            self.report(&schema, "the schema of the body has no name", help);
        }
        if !has_reference(&schema) && (is_list || is_string) {
            for (key, member) in schema.entries() {
                if !["type", "items", "description"].contains(&key) {
                    let help = "give the schema a name under components.schemas and refer to it";
                    self.report(&member, format!("`{key}` is not understood in a schema without a name"), help);
                }
            }
        }
        self.schema(&schema, schema::Role::Part);
        if form && let Some(resolved) = self.resolve(&schema) {
            self.form(&resolved);
        }
    }

    /// A form has flat fields; others fail at run time.
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
                self.report(&property, format!("a form has no null for the field `{name}`"), help);
            }
        }
    }

    pub(super) fn webhooks(&mut self, root: &At<'a>) {
        Delivery::lint_all(self, root);
    }
}

/// `404` or `4XX`; 1XX is never seen by a caller.
pub(super) fn is_status(text: &str) -> bool {
    let Some(rest) = text.strip_prefix(['2', '3', '4', '5']) else {
        return false;
    };
    rest == "XX" || (rest.len() == 2 && rest.chars().all(|c| c.is_ascii_digit()))
}
