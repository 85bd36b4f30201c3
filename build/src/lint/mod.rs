//! Second step: reports everything in a document that the other steps do not support, or for which progenitor or typify
//! would panic or generate wrong code. Each finding says what to write instead.
//!
//! The other steps rely on these checks and do not repeat them.

pub(crate) mod body;
mod event;
mod fidelity;
mod handshake;
pub(crate) mod header;
pub(crate) mod linter;
pub(crate) mod operation;
mod pattern;
mod redelivery;
mod registration;
pub(crate) mod schema;
mod signature;
mod signed;
pub(crate) mod text;
mod token;

use std::collections::{BTreeMap, BTreeSet};

pub use self::linter::Demand;
use self::linter::{At, Linter, Scope, suggestion, template_names};
use super::dialect;
use super::load::{Document, Finding, Node};
use super::names;
use super::spec::DEFAULT_SERVER;

/// Returns all findings in a document, in the order of the lines.
pub fn lint(document: &Document, demand: Demand) -> Vec<Finding> {
    let mut linter = Linter::new(&document.file, &document.root, demand);
    linter.document();
    linter.findings.sorted()
}

/// The names from the prelude that the generated code uses.
pub(super) const PRELUDE: [&str; 24] = [
    "AsRef",
    "Box",
    "Clone",
    "Copy",
    "Debug",
    "Default",
    "Eq",
    "Err",
    "From",
    "Hash",
    "Into",
    "Iterator",
    "None",
    "Ok",
    "Option",
    "Ord",
    "PartialEq",
    "PartialOrd",
    "Result",
    "Some",
    "String",
    "ToString",
    "TryFrom",
    "Vec",
];

impl<'a> Linter<'a> {
    fn document(&mut self) {
        let root = self.root.clone();
        if !self.level(&root, &dialect::ROOT) {
            return;
        }
        self.version(&root);
        self.info(&root);
        self.fidelity(&root);
        self.servers(&root);
        self.security(&root);
        self.paths(&root);
        self.webhooks(&root);
        self.registration(&root);
        self.components(&root);
        self.headers(&root);
        self.bodies(&root);
        if self.demand == Demand::Complete {
            self.unused(&root);
        }
    }

    fn version(&mut self, root: &At<'a>) {
        let help = "write `openapi: 3.0.3`, or `openapi: 3.1.0` if the document is written so";
        match root.get("openapi") {
            None if root.node.get("swagger").is_some() => {
                let help = "convert it to OpenAPI 3, for example with https://converter.swagger.io";
                self.report(root, "this is a document of Swagger 2.0", help);
            }
            None => self.report(root, "`openapi` is missing", help),
            Some(at) => {
                let version = at.node.as_str();
                let patch = version.and_then(|version| version.strip_prefix("3.0.").or(version.strip_prefix("3.1.")));
                if !patch.is_some_and(|patch| !patch.is_empty() && patch.chars().all(|c| c.is_ascii_digit())) {
                    self.report(&at, "this is neither version 3.0.x nor version 3.1.x of OpenAPI", help);
                }
            }
        }
    }

    fn info(&mut self, root: &At<'a>) {
        let Some(info) = root.get("info") else {
            return self.report(root, "`info` is missing", "write it with title, version and description");
        };
        if !self.level(&info, &dialect::INFO) {
            return;
        }
        if self.required_text(&info, "title", "name the provider's API").is_some() {
            self.documentation(&info, "title");
        }
        self.description(&info, "say what the provider delivers");
        let help = "write a version in ASCII and in quotes, such as `version: \"1.0.0\"`";
        match info.get("version") {
            None => self.report(&info, "`version` is missing", help),
            Some(at) => match at.node.as_str() {
                None => self.report(&at, format!("the version is {}, not a string", at.node.kind()), help),
                Some(text) if text.trim().is_empty() => self.report(&at, "the version is empty", help),
                Some(text) if !text.chars().all(|c| matches!(c, ' '..='~')) => {
                    self.report(&at, "the version has characters that are not printable ASCII", help);
                }
                Some(_) => {}
            },
        }
        match info.get("x-sources") {
            Some(sources) if !sources.node.items().is_empty() => {
                for source in sources.items() {
                    if self.level(&source, &dialect::SOURCE) {
                        self.required_text(&source, "title", "write the title of the document");
                        self.source_date(&source);
                    }
                }
            }
            Some(at) => self.report(&at, "no source is listed", "list the documents this spec was written from"),
            None => {}
        }
    }

    /// Checks the date of a source.
    fn source_date(&mut self, source: &At<'a>) {
        let help = "write the document's own `date: '2023-07-19'` (or month, or year), or `read: '2026-11-21'`, the day \
                    on which it was read, where it has none";
        let dates: Vec<At<'a>> = ["date", "read"].iter().filter_map(|key| source.get(key)).collect();
        if dates.is_empty() {
            self.report(source, "the source has no date", help);
        }
        for at in dates {
            let digits = |part: &str, count| part.len() == count && part.bytes().all(|byte| byte.is_ascii_digit());
            let parts: Vec<&str> = at.node.as_str().unwrap_or_default().split('-').collect();
            let lengths = parts.iter().zip([4, 2, 2]);
            if parts.len() > 3 || !lengths.clone().all(|(part, count)| digits(part, count)) {
                self.report(&at, "this is not a date", help);
            }
        }
    }

    fn servers(&mut self, root: &At<'a>) {
        let help = "list the provider's servers, each with url, description and x-name";
        let servers = match root.get("servers") {
            Some(at) if !at.node.items().is_empty() => at,
            Some(at) => return self.report(&at, "no server is listed", help),
            None if self.demand == Demand::Usable => return,
            None => return self.report(root, "`servers` is missing", help),
        };
        let has_operations = !root.members("paths").is_empty();
        self.server_list(&servers, has_operations, true);
        let is_default = |(index, server): (usize, &At<'a>)| match server.get("x-name") {
            Some(name) => name.node.as_str() == Some(DEFAULT_SERVER),
            None => index == 0,
        };
        let demands = has_operations && self.demand == Demand::Complete;
        if demands && !servers.items().iter().enumerate().any(is_default) {
            let help = "write `x-name: production` at the server that the commands call by default";
            self.report(&servers, "no server is named `production`", help);
        }
    }

    fn server_list(&mut self, servers: &At<'a>, has_operations: bool, of_document: bool) {
        let mut scope = Scope::new("server", "rename one of the two");
        for taken in ["provider", "operations", "events", "schemas", "bundle"] {
            scope = scope.reserving(taken, "a static of every provider");
        }
        for (index, server) in servers.items().into_iter().enumerate() {
            if !self.level(&server, &dialect::SERVER) {
                continue;
            }
            self.description(&server, "say what the server is for");
            let name = match server.get("x-name") {
                None if of_document && index == 0 => Some(DEFAULT_SERVER),
                Some(_) | None => self.required_text(&server, "x-name", "name it, such as `x-name: test`"),
            };
            if let Some(name) = name {
                let at = server.get("x-name").unwrap_or_else(|| server.clone());
                self.claim(&mut scope, &at, name, names::snake(name));
            }
            self.server_url(&server, has_operations);
        }
    }

    /// Checks the servers of a path or an operation. Each belongs to the server of the document with the same name.
    fn own_servers(&mut self, holder: &At<'a>) {
        let Some(servers) = holder.get("servers") else { return };
        if servers.node.items().is_empty() {
            return self.report(&servers, "no server is listed", "list them as at the root, or leave `servers` out");
        }
        self.server_list(&servers, true, false);
        let of_document = self.root.get("servers").map(|servers| servers.items()).unwrap_or_default();
        let name = |(index, server): (usize, &At<'a>)| {
            server.str("x-name").or((index == 0 && server.get("x-name").is_none()).then_some(DEFAULT_SERVER))
        };
        let known: Vec<&str> = of_document.iter().enumerate().filter_map(name).collect();
        for server in servers.items() {
            if let (Some(name), Some(at)) = (server.str("x-name"), server.get("x-name"))
                && !known.contains(&name)
            {
                let help = suggestion(name, &known, "name the server of the root that it belongs to");
                self.report(&at, format!("the root does not have a server `{name}`"), help);
            }
        }
        let help = "write the addresses without variables, here and at the root";
        for server in of_document.iter().chain(&servers.items()).filter_map(|server| server.get("variables")) {
            let message = "servers with variables are not supported if an operation has its own servers";
            self.report(&server, message, help);
        }
    }

    fn server_url(&mut self, server: &At<'a>, has_operations: bool) {
        let Some(url) = self.required_text(server, "url", "write the address, such as `https://api.example.com`")
        else {
            return;
        };
        let Some(at) = server.get("url") else { return };
        if !url.starts_with("https://") && !url.starts_with("http://") {
            self.report(&at, "the server's address is not absolute", "begin it with https://");
        }
        if has_operations && url.starts_with("http://") {
            self.report(&at, "clients do not send tokens over http://", "begin it with https://");
        }
        if has_operations && url.ends_with('/') {
            self.report(
                &at,
                "the address ends with a slash, so the URL of each operation would have two",
                "remove the slash",
            );
        }
        let Some(used) = template_names(url) else {
            return self.report(&at, "the braces in the address do not match", "write each variable as `{name}`");
        };
        let filled = used.iter().fold(url.to_owned(), |url, name| url.replace(&format!("{{{name}}}"), "x"));
        if filled.contains(['?', '#']) || filled.parse::<http::Uri>().is_err() {
            self.report(&at, "this is not the address of a server", "write host and path, without query or spaces");
        }
        let mut scope = Scope::new("variable", "rename one of the two");
        let variables = server.members("variables");
        for name in used.iter().filter(|name| !variables.iter().any(|(key, _)| key == *name)) {
            let help = format!("add `{name}` with a default and a description under variables");
            self.report(&at, format!("the variable `{{{name}}}` is not described"), help);
        }
        for (name, variable) in variables {
            self.claim(&mut scope, &variable, name, names::snake(name));
            if !used.contains(name) {
                self.report(&variable, format!("the address has no `{{{name}}}`"), "add it there or leave it out here");
            }
            if self.level(&variable, &dialect::VARIABLE) {
                let default = self.required_text(&variable, "default", "write the value that the documentation gives");
                self.description(&variable, "say what the variable means");
                if let Some(values) = variable.get("enum") {
                    let texts: Vec<&str> = values.node.items().iter().filter_map(Node::as_str).collect();
                    if texts.is_empty() || texts.len() < values.node.items().len() {
                        self.report(&values, "this is not a list of strings", "write `[eu, us]`, or leave it out");
                    } else if default.is_some_and(|default| !texts.contains(&default)) {
                        self.report(
                            &values,
                            "the default is not among the values",
                            "list it, or write another default",
                        );
                    }
                }
            }
        }
    }

    /// Checks the requirement at the root, from which the client's credentials are generated.
    fn security(&mut self, root: &At<'a>) {
        let has_operations = !root.members("paths").is_empty();
        let Some(security) = root.get("security") else {
            if has_operations && self.demand == Demand::Complete {
                let help = "write `security: [{NAME: []}]` with a name from components.securitySchemes";
                self.report(root, "`security` is missing, so the client does not have credentials", help);
            }
            return;
        };
        self.requirements(&security);
        if !has_operations {
            let help = "write `security` at the deliveries that it is for";
            self.report(&security, "there are no operations that need a credential", help);
        }
        if has_operations && security.items().iter().any(|requirement| requirement.node.entries().is_empty()) {
            let help = "name the security scheme that the client is to use";
            self.report(&security, "operations without credentials are not supported", help);
        }
        if has_operations && security.node.items().len() > 1 {
            let help = "keep the one that the client is to use, and name the others in a comment";
            self.report(&security, "alternative credentials are not supported", help);
        }
        self.never_basic(&security);
    }

    /// The scheme Basic is for the operations that `x-token` is about, not for clients and deliveries.
    fn never_basic(&mut self, security: &At<'a>) {
        for (name, at) in security.items().iter().flat_map(At::entries) {
            if self.is_basic(name) {
                let help = "name a scheme with a token or an API key";
                self.report(&at, "the scheme Basic is supported only at operations", help);
            }
        }
    }

    fn is_basic(&self, scheme: &str) -> bool {
        let scheme = self.target(&format!("#/components/securitySchemes/{scheme}"));
        scheme.and_then(|at| at.str("scheme")).is_some_and(|scheme| scheme.eq_ignore_ascii_case("basic"))
    }

    /// The scheme of the first requirement.
    fn scheme(&self, security: Option<At<'a>>) -> Option<&'a str> {
        security?.items().first()?.entries().first().map(|(name, _)| *name)
    }

    /// Checks the requirement of an operation: none, that of the root, or the scheme Basic.
    fn own_security(&mut self, operation: &At<'a>) {
        let Some(security) = operation.get("security") else { return };
        let requirements = security.items();
        if security.node.kind() == "a list" && requirements.is_empty() {
            return;
        }
        self.requirements(&security);
        if requirements.len() > 1 {
            let help = "keep the one that the client is to use, and name the others in a comment";
            self.report(&security, "alternative credentials are not supported", help);
        }
        if requirements.iter().any(|requirement| requirement.node.entries().is_empty()) {
            let help = "write `security: []` if the operation does not require credentials";
            self.report(&security, "optional credentials are not supported", help);
        }
        let of_root = self.scheme(self.root.get("security"));
        for (name, at) in requirements.iter().flat_map(At::entries) {
            let is_known = self.target(&format!("#/components/securitySchemes/{name}")).is_some();
            if self.is_basic(name) {
                if self.token_scheme().is_none() {
                    let help = "write `x-token` at the scheme that `security` of the root names";
                    self.report(
                        &at,
                        "the scheme Basic requires `x-token`, which lists the credentials of a client",
                        help,
                    );
                }
            } else if is_known && Some(name) != of_root {
                let help = "write the scheme of the root, one with `scheme: basic`, or `security: []`";
                self.report(&at, "clients do not have a credential for this scheme", help);
            }
        }
    }

    /// The scheme that the client's credentials are made from, and its `x-token`.
    fn token_scheme(&self) -> Option<(&'a str, At<'a>)> {
        let name = self.scheme(self.root.get("security"))?;
        Some((name, self.target(&format!("#/components/securitySchemes/{name}"))?.get("x-token")?))
    }

    /// The ways to request a token.
    fn grants(&self) -> Vec<At<'a>> {
        let Some((_, token)) = self.token_scheme() else { return Vec::new() };
        if token.node.items().is_empty() { vec![token] } else { token.items() }
    }

    fn requirements(&mut self, security: &At<'a>) {
        if security.node.items().is_empty() {
            return self.report(security, "there is no security requirement", "write `[{NAME: []}]`, or leave it out");
        }
        let known: Vec<&str> = self.component_names("securitySchemes");
        for requirement in security.items() {
            if !self.mapping(&requirement) {
                continue;
            }
            if requirement.entries().len() > 1 {
                let help = "keep the one that the client is to use, and send the other as a header parameter";
                self.report(&requirement, "several credentials at once are not supported", help);
            }
            for (name, scopes) in requirement.entries() {
                if !known.contains(&name) {
                    let message = format!("there is no security scheme `{name}`");
                    self.report(
                        &scopes,
                        message,
                        suggestion(name, &known, "describe it in components.securitySchemes"),
                    );
                }
                if scopes.node.kind() != "a list" || !scopes.node.items().is_empty() {
                    self.report(&scopes, "scopes are not supported", format!("write `{name}: []`"));
                }
            }
        }
    }

    fn components(&mut self, root: &At<'a>) {
        let Some(components) = root.get("components") else {
            return;
        };
        if !self.level(&components, &dialect::COMPONENTS) {
            return;
        }
        let events: BTreeSet<&str> = root.members("x-webhooks").iter().map(|(name, _)| *name).collect();
        let mut models = Scope::new("schema", "rename one of the two");
        for name in PRELUDE {
            models = models.reserving(name, "a name of Rust's prelude");
        }
        for (kind, group) in components.entries() {
            if !self.mapping(&group) {
                continue;
            }
            for (name, at) in group.entries() {
                if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')) {
                    self.report(
                        &at,
                        format!("`{name}` cannot be referred to"),
                        "use letters, digits, `.`, `_` and `-` only",
                    );
                }
                match kind {
                    "schemas" => {
                        self.claim(&mut models, &at, name, names::pascal(name));
                        if events.contains(name) {
                            let message = format!("`{name}` is the name of an event as well");
                            self.report(&at, message, format!("rename the schema, for instance to `{name}Payload`"));
                        }
                        self.schema(&at, schema::SchemaUse::Named);
                    }
                    "parameters" => self.parameter(&at),
                    "responses" => self.response(&at),
                    "securitySchemes" => self.security_scheme(&at),
                    _ => {}
                }
            }
        }
        self.credentials(root);
    }

    fn security_scheme(&mut self, at: &At<'a>) {
        let level = match at.str("type") {
            Some("http") => {
                let scheme = at.str("scheme").unwrap_or_default().to_ascii_lowercase();
                if !["bearer", "basic"].contains(&scheme.as_str()) {
                    self.report(at, "the only supported HTTP schemes are bearer and basic", "write `scheme: bearer`");
                }
                if scheme == "basic" { &dialect::BASIC_SCHEME } else { &dialect::BEARER_SCHEME }
            }
            Some("apiKey") => {
                if at.str("in") != Some("header") {
                    self.report(at, "API keys are only supported in headers", "write `in: header`");
                }
                if let Some(name) = self.required_text(at, "name", "write the name of the header") {
                    self.header_name(at, name);
                }
                &dialect::KEY_SCHEME
            }
            Some(_) | None => {
                let help = "write `type: http` with `scheme: bearer` (for OAuth and OpenID as well: the client is given \
                            the token), or `type: apiKey` with `in: header`";
                return self.report(at, "the type of security scheme is missing or not supported", help);
            }
        };
        self.level(at, level);
        self.description(at, "say what the token is and where it comes from");
        self.token(at);
    }

    /// Checks the constant headers, which a client takes beside its token.
    fn credentials(&mut self, root: &At<'a>) {
        let mut scope = Scope::new("credential", "give one of the two at each call (no `x-client-header`)")
            .reserving("token", "the token of the security scheme")
            .reserving("new", "the constructor")
            .reserving("from_client", "the constructor")
            .reserving("connect", "a method of every client's credentials");
        for name in self.grants().iter().filter_map(|grant| names::snake(grant.str("name")?)) {
            scope = scope.reserving(&format!("from_client_{name}"), "the constructor");
        }
        let mut seen = BTreeSet::new();
        for parameter in operation::all_parameters(self, root) {
            let constant = parameter.node.get("x-client-header").and_then(Node::as_bool) == Some(true);
            if let (true, Some(name)) = (constant, parameter.str("name"))
                && seen.insert(name.to_ascii_lowercase())
            {
                self.claim(&mut scope, &parameter, name, names::snake(name));
            }
        }
        // Several grants may have a credential in common.
        let mut seen = BTreeSet::new();
        for (name, at) in self.grants().iter().flat_map(|grant| grant.members("credentials")) {
            if seen.insert(name) {
                self.claim(&mut scope, &at, name, names::snake(name));
            }
        }
    }

    /// Checks the names of bodies and schemas, by which examples and strict validation find them.
    fn bodies(&mut self, root: &At<'a>) {
        let mut taken: BTreeMap<String, String> = BTreeMap::new();
        for name in self.component_names("schemas") {
            taken.insert(name.to_owned(), format!("components.schemas.{name}"));
        }
        let operations = root.members("paths").into_iter().flat_map(|(_, path)| path.entries());
        let operations = operations.filter_map(|(_, at)| Some((at.str("operationId")?, at)));
        let events = root.members("x-webhooks").into_iter().filter_map(|(name, at)| Some((name, at.get("post")?)));
        for (name, at) in operations.chain(events) {
            let answers = at.members("responses").into_iter().map(|(status, at)| (format!("{name}.{status}"), at));
            let is_operation = at.place.starts_with("paths.");
            for (body, at) in [(name.to_owned(), at.clone())].into_iter().chain(answers) {
                match taken.get(&body) {
                    // Conflicts of two operations, or of an event and a schema, are reported elsewhere.
                    Some(other) if body == name && is_operation == other.starts_with("paths.") => break,
                    Some(other) => {
                        let message = format!("`{body}` is the name of this body and of {other}");
                        self.report(&at, message, "rename one of the two");
                    }
                    None => drop(taken.insert(body, at.place.clone())),
                }
            }
        }
    }

    /// Checks for components that no operation, event or security requirement uses.
    fn unused(&mut self, root: &At<'a>) {
        let mut used = BTreeSet::new();
        let mut pending = Vec::new();
        for key in ["paths", "x-webhooks"] {
            if let Some(at) = root.get(key) {
                references(at.node, &mut pending);
            }
        }
        while let Some(reference) = pending.pop() {
            if used.insert(reference)
                && let Some(target) = self.target(reference)
            {
                references(target.node, &mut pending);
            }
        }
        let mut requirements: Vec<At<'a>> = root.get("security").map(|at| at.items()).unwrap_or_default();
        for (_, event) in root.members("x-webhooks") {
            requirements.extend(
                event.get("post").and_then(|post| post.get("security")).map(|at| at.items()).unwrap_or_default(),
            );
        }
        for (_, operation) in self.operations() {
            requirements.extend(operation.get("security").map(|at| at.items()).unwrap_or_default());
        }
        let schemes: BTreeSet<&str> = requirements.iter().flat_map(At::entries).map(|(name, _)| name).collect();
        for (kind, group) in root.members("components") {
            for (name, at) in group.entries() {
                let is_used = match kind {
                    "securitySchemes" => schemes.contains(name),
                    _ => used.contains(format!("#/components/{kind}/{name}").as_str()),
                };
                if !is_used && dialect::COMPONENTS.has(kind) {
                    self.report(&at, "nothing uses this component", "refer to it or leave it out");
                }
            }
        }
    }
}

/// Collects every `$ref` below a node, except in examples, which are data.
pub(super) fn references<'a>(node: &'a Node, found: &mut Vec<&'a str>) {
    for (key, member) in node.entries() {
        match (key.text.as_str(), member.as_str()) {
            ("$ref", Some(reference)) => found.push(reference),
            ("examples", None) => {}
            // The keys are names of members.
            ("properties", None) => member.entries().iter().for_each(|(_, property)| references(property, found)),
            (_, _) => references(member, found),
        }
    }
    node.items().iter().for_each(|item| references(item, found));
}
