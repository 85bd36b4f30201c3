//! Lints paths, operations, their parameters and responses.

use std::collections::{BTreeMap, BTreeSet};

use super::super::dialect::{self, ACKNOWLEDGEMENT};
use super::super::names;
use super::super::spec::METHODS;
use super::body::BodyUse;
use super::linter::{At, Demand, Linter, Scope, one_of, template_names};
use super::schema::SchemaUse;

/// The parameters of all operations, with `$ref`s followed.
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

/// The methods of clients, in PascalCase, in which operations are compared.
pub(crate) const METHODS_OF_CLIENTS: [&str; 17] = [
    "AccessToken",
    "ApiVersion",
    "Baseurl",
    "Client",
    "Clone",
    "Exec",
    "FinishRotation",
    "Inner",
    "Into",
    "New",
    "NewWithClient",
    "Post",
    "Pre",
    "RestartRotation",
    "Rotate",
    "TryInto",
    "WithOptions",
];

/// The variables of generated methods, which no parameter can have the name of.
pub(crate) const VARIABLES_OF_METHODS: [&str; 8] =
    ["operation", "transport", "server", "session", "client", "answer", "header_map", "info"];

impl<'a> Linter<'a> {
    pub(super) fn paths(&mut self, root: &At<'a>) {
        let Some(paths) = root.get("paths") else {
            if self.demand == Demand::Usable {
                return;
            }
            return self.report(root, "`paths` is missing", "write `paths: {}` where there are no operations");
        };
        if !self.mapping(&paths) {
            return;
        }
        let mut templates: BTreeMap<String, &str> = BTreeMap::new();
        let mut operations = Scope::new("operation", "give each operation an operationId of its own");
        for taken in METHODS_OF_CLIENTS {
            operations = operations.reserving(taken, "a method of the client");
        }
        for (path, item) in paths.entries() {
            let names = self.template(path, &item);
            let shape = path.split('{').map(|part| part.split_once('}').map_or(part, |(_, rest)| rest));
            let shape = shape.collect::<Vec<_>>().join("{}");
            match templates.get(&shape) {
                Some(other) => {
                    self.report(
                        &item,
                        format!("this is the same path as `{other}`"),
                        "put all methods under one of the two paths",
                    );
                }
                None => drop(templates.insert(shape, path)),
            }
            if !self.level(&item, &dialect::PATH_ITEM) {
                continue;
            }
            self.own_servers(&item);
            let shared = self.parameters(&item, false);
            for (_, operation) in item.entries().into_iter().filter(|(key, _)| METHODS.contains(key)) {
                self.operation(&operation, &mut operations, &names, &shared);
            }
        }
    }

    /// The names in the braces of a path.
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
        if !self.level(at, &dialect::OPERATION) {
            return;
        }
        self.operation_id(at, scope);
        self.summary(at);
        self.own_servers(at);
        self.own_security(at);
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
            self.request_body(&body, BodyUse::Request);
        }
        self.responses(at, false);
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

    /// Checks the summary, which is the first line of the documentation.
    pub(super) fn summary(&mut self, at: &At<'a>) {
        if let Some(text) =
            self.required_text(at, "summary", "say in one line what the operation does, or when the event is sent")
        {
            if let (true, Some(member)) = (text.trim_end().contains('\n'), at.get("summary")) {
                self.report(&member, "the summary has several lines", "write one line, and the rest as description");
            }
            self.documentation(at, "summary");
        }
        self.documentation(at, "description");
    }

    /// Checks the parameters of an operation, a path or a delivery, and returns them with `$ref`s followed.
    pub(super) fn parameters(&mut self, holder: &At<'a>, of_delivery: bool) -> Vec<At<'a>> {
        let Some(list) = holder.get("parameters") else {
            return Vec::new();
        };
        if list.node.kind() != "a list" {
            self.report(&list, format!("expected a list, found {}", list.node.kind()), "write `- name: …` items");
        }
        let mut found: Vec<At<'a>> = Vec::new();
        let mut seen = BTreeSet::new();
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
            if !seen.insert((parameter.str("name").map(str::to_ascii_lowercase), parameter.str("in"))) {
                self.report(&item, "this parameter is listed twice", "leave one out");
                continue;
            }
            found.push(parameter);
        }
        found
    }

    pub(super) fn parameter(&mut self, at: &At<'a>) {
        if !self.level(at, &dialect::PARAMETER) {
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
                self.report(at, "`in` is missing or not supported", "write `in: path`, `query` or `header`")
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
        self.schema(&schema, SchemaUse::Part);
        if let Some(nullable) = schema.get("nullable") {
            self.report(&nullable, "a parameter cannot be null", "leave it out, or make the parameter optional");
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

    /// Checks the arguments of the generated method.
    fn arguments(&mut self, at: &At<'a>, parameters: &[At<'a>]) {
        let mut scope = Scope::new("parameter", "rename a path parameter, or leave an optional parameter out");
        for taken in VARIABLES_OF_METHODS {
            scope = scope.reserving(taken, "a variable of the generated method");
        }
        if at.node.get("requestBody").is_some() {
            scope = scope.reserving("body", "the request body");
        }
        if self.scheme(at.get("security")).is_some_and(|scheme| self.is_basic(scheme)) {
            for taken in ["username", "password"] {
                scope = scope.reserving(taken, "a part of the credential");
            }
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

    pub(super) fn responses(&mut self, at: &At<'a>, of_delivery: bool) {
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
                self.report(&response, format!("`{status}` is not the status of a response"), help);
            } else if status.starts_with('2') {
                successes.push(status);
            }
            if response.node.get("$ref").is_none() {
                self.response(&response);
            }
            let Some(followed) = self.follow(&response, "responses") else { continue };
            if ["204", "205", "304"].contains(&status) && followed.node.get("content").is_some() {
                self.report(
                    &response,
                    format!("a response with status {status} does not have a body"),
                    "leave `content` out",
                );
            }
            if followed.node.get(ACKNOWLEDGEMENT).is_some() && !(of_delivery && status.starts_with('2')) {
                let message = format!("`{ACKNOWLEDGEMENT}` is for the success response to a delivery");
                self.report(&response, message, "leave it out, or describe this response separately");
            }
        }
        match successes.as_slice() {
            [_] => {}
            [] => self.report(&responses, "no response is a success", help),
            several => {
                let message = format!("there is more than one success: {}", several.join(", "));
                self.report(&responses, message, "keep one, since a method has one type for success");
            }
        }
    }

    pub(super) fn response(&mut self, at: &At<'a>) {
        if !self.level(at, &dialect::RESPONSE) {
            return;
        }
        self.description(at, "say when the provider sends this response");
        let content = at.get("content");
        if let Some(content) = &content {
            self.content(content, BodyUse::Response);
        }
        if let Some(acknowledgement) = at.get(ACKNOWLEDGEMENT) {
            let media_types = content.map(|content| content.entries()).unwrap_or_default();
            let examples = media_types.iter().flat_map(|(_, media_type)| media_type.members("examples"));
            let names: Vec<&str> = examples.map(|(name, _)| name).collect();
            if !acknowledgement.node.as_str().is_some_and(|name| names.contains(&name)) {
                let help = "write the name of the example that only confirms the receipt of the event";
                self.report(&acknowledgement, "this is not the name of an example of the response", help);
            }
        }
    }
}

/// Whether the text is a status such as `404` or `4XX`. Callers never see 1XX.
pub(crate) fn is_status(text: &str) -> bool {
    let Some(rest) = text.strip_prefix(['2', '3', '4', '5']) else {
        return false;
    };
    rest == "XX" || (rest.len() == 2 && rest.chars().all(|c| c.is_ascii_digit()))
}
