//! Second step: everything in a spec that progenitor or typify would panic on or get silently wrong, and everything that
//! the other steps do not understand, as findings that say what to write instead.
//!
//! The other steps rely on it: what passes here they need not check again.

mod event;
mod header;
mod operation;
mod redelivery;
mod registration;
mod schema;
mod signature;
mod text;

use std::collections::{BTreeMap, BTreeSet};

pub use super::load::Finding;
use super::load::{Document, Key, Node, join};
use super::names;

/// All findings in a document, in the order of its lines.
pub fn lint(document: &Document) -> Vec<Finding> {
    let root = At { node: &document.root, line: 1, column: 1, place: String::new() };
    let mut linter = Linter { file: &document.file, root, findings: Vec::new() };
    linter.document();
    let mut findings = linter.findings;
    let mut seen = BTreeSet::new();
    findings.retain(|finding| seen.insert(finding.to_string()));
    findings.sort_by_key(|finding| (finding.line, finding.column));
    findings
}

/// The keywords that the pipeline understands in one kind of mapping.
struct Level {
    name: &'static str,
    keys: &'static [&'static str],
}

const ROOT: Level = Level {
    name: "at the root",
    keys: &[
        "openapi",
        "info",
        "servers",
        "x-event-name",
        "x-signature",
        "x-registration",
        "x-redelivery",
        "security",
        "paths",
        "x-webhooks",
        "components",
    ],
};
const INFO: Level = Level { name: "in info", keys: &["title", "version", "description", "x-sources"] };
const SOURCE: Level = Level { name: "in a source", keys: &["key", "title", "url", "date", "read", "note"] };
const SERVER: Level = Level { name: "in a server", keys: &["url", "description", "x-name", "variables"] };
const VARIABLE: Level = Level { name: "in a server variable", keys: &["default", "description", "enum"] };
const COMPONENTS: Level =
    Level { name: "in components", keys: &["schemas", "parameters", "responses", "securitySchemes"] };
const HTTP_SCHEME: Level =
    Level { name: "in a security scheme", keys: &["type", "scheme", "bearerFormat", "description"] };
const KEY_SCHEME: Level = Level { name: "in a security scheme", keys: &["type", "in", "name", "description"] };

/// What the generated code takes from the prelude.
const PRELUDE: [&str; 24] = [
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

const DELIVERED: &str = "write `post`, the method of all deliveries";

/// What to write instead of keywords that OpenAPI has and the pipeline does not.
const INSTEAD: &[(&str, &str)] = &[
    ("additionalItems", "write one schema for all items"),
    ("callbacks", "describe deliveries under `x-webhooks`"),
    ("const", "write `enum` with one value"),
    ("discriminator", "give each delivery a schema of its own and distinguish the events with `x-event-when`"),
    ("encoding", "leave it out: form fields are sent as plain text"),
    ("example", "write `examples` at a media type, each with `x-origin`, or say it in the description"),
    ("examples", "write `examples` at a media type, each with `x-origin`, or say it in the description"),
    ("explode", "leave it out: parameters are single values"),
    ("externalDocs", "list the document under `info.x-sources`"),
    ("externalValue", "write the example under `value`"),
    ("delete", DELIVERED),
    ("get", DELIVERED),
    ("headers", "say it in the description of the response"),
    ("nullable", schema::IN_FULL),
    ("not", "describe what is allowed, with `enum` or `pattern`"),
    ("oneOf", "write one schema with optional members that covers all alternatives"),
    ("patch", DELIVERED),
    ("patternProperties", "write `additionalProperties`"),
    ("put", DELIVERED),
    ("readOnly", "write one schema for requests and one for answers"),
    ("security", "write it once, at the root"),
    ("style", "leave it out: parameters are single values"),
    ("tags", "leave it out: operations are not grouped"),
    ("title", "write a `description` (a schema's name is its key under `components.schemas`)"),
    ("webhooks", "write `x-webhooks`, its name in OpenAPI 3.0"),
    ("writeOnly", "write one schema for requests and one for answers"),
];

/// A node, and what a finding about it says: where its key stands and how one gets there.
#[derive(Clone)]
struct At<'a> {
    node: &'a Node,
    line: usize,
    column: usize,
    place: String,
}

impl<'a> At<'a> {
    fn get(&self, key: &str) -> Option<At<'a>> {
        self.node.entry(key).map(|(key, node)| self.member(key, node))
    }

    fn str(&self, key: &str) -> Option<&'a str> {
        self.node.get(key).and_then(Node::as_str)
    }

    /// The members of the mapping under a key; none if there is no such mapping.
    fn members(&self, key: &str) -> Vec<(&'a str, At<'a>)> {
        self.get(key).map(|at| at.entries()).unwrap_or_default()
    }

    fn entries(&self) -> Vec<(&'a str, At<'a>)> {
        self.node.entries().iter().map(|(key, node)| (key.text.as_str(), self.member(key, node))).collect()
    }

    fn items(&self) -> Vec<At<'a>> {
        let item = |(index, node): (usize, &'a Node)| At {
            node,
            line: node.line,
            column: node.column,
            place: join(&self.place, &format!("[{index}]")),
        };
        self.node.items().iter().enumerate().map(item).collect()
    }

    fn member(&self, key: &'a Key, node: &'a Node) -> At<'a> {
        At { node, line: key.line, column: key.column, place: join(&self.place, &key.text) }
    }
}

/// Identifiers of one Rust scope.
struct Scope {
    what: &'static str,
    help: &'static str,
    /// Who has an identifier, in words.
    taken: BTreeMap<String, String>,
}

impl Scope {
    fn new(what: &'static str, help: &'static str) -> Self {
        Scope { what, help, taken: BTreeMap::new() }
    }

    /// With an identifier that the generated code uses for itself.
    fn reserving(mut self, identifier: &str, owner: &str) -> Self {
        self.taken.insert(identifier.to_owned(), owner.to_owned());
        self
    }
}

struct Linter<'a> {
    file: &'a str,
    root: At<'a>,
    findings: Vec<Finding>,
}

impl<'a> Linter<'a> {
    fn document(&mut self) {
        let root = self.root.clone();
        if !self.level(&root, &ROOT) {
            return;
        }
        self.version(&root);
        self.info(&root);
        self.servers(&root);
        self.security(&root);
        self.paths(&root);
        self.webhooks(&root);
        self.registration(&root);
        self.components(&root);
        self.headers(&root);
        self.bodies(&root);
        self.unused(&root);
    }

    fn version(&mut self, root: &At<'a>) {
        let help = "write `openapi: 3.0.3`";
        match root.get("openapi") {
            None => self.report(root, "`openapi` is missing", help),
            Some(at) => {
                let patch = at.node.as_str().and_then(|version| version.strip_prefix("3.0."));
                if !patch.is_some_and(|patch| !patch.is_empty() && patch.chars().all(|c| c.is_ascii_digit())) {
                    self.report(&at, "this is not a version 3.0.x of OpenAPI, the only one progenitor reads", help);
                }
            }
        }
    }

    fn info(&mut self, root: &At<'a>) {
        let Some(info) = root.get("info") else {
            return self.report(root, "`info` is missing", "write it with title, version, description and x-sources");
        };
        if !self.level(&info, &INFO) {
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
                    if self.level(&source, &SOURCE) {
                        self.required_text(&source, "title", "write the title of the document");
                        self.source_date(&source);
                    }
                }
            }
            Some(at) => self.report(&at, "no source is listed", "list the documents this spec was written from"),
            None => self.report(&info, "`x-sources` is missing", "list the documents this spec was written from"),
        }
    }

    /// Which state of a document was read.
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
            None => return self.report(root, "`servers` is missing", help),
        };
        let mut scope = Scope::new("server", "rename one of the two");
        for taken in ["provider", "operations", "events", "schemas", "bundle"] {
            scope = scope.reserving(taken, "a static of every provider");
        }
        let has_operations = !root.members("paths").is_empty();
        for server in servers.items() {
            if !self.level(&server, &SERVER) {
                continue;
            }
            self.description(&server, "say what the server is for");
            if let Some(name) = self.required_text(&server, "x-name", "name it, such as `x-name: production`") {
                self.claim(
                    &mut scope,
                    &server.get("x-name").unwrap_or_else(|| server.clone()),
                    name,
                    names::snake(name),
                );
            }
            self.server_url(&server, has_operations);
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
            self.report(&at, "clients send no token over http://", "begin it with https://");
        }
        if has_operations && url.ends_with('/') {
            self.report(&at, "with the slash at the end, the URL of each operation has two", "leave it out");
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
            if self.level(&variable, &VARIABLE) {
                let default = self.required_text(&variable, "default", "write the value that the documentation gives");
                self.description(&variable, "say what the variable means");
                if let Some(values) = variable.get("enum") {
                    let texts: Vec<&str> = values.node.items().iter().filter_map(Node::as_str).collect();
                    if texts.is_empty() || texts.len() < values.node.items().len() {
                        self.report(&values, "this is not a list of texts", "write `[eu, us]`, or leave it out");
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

    /// The requirement at the root, which the client's credentials are made from.
    fn security(&mut self, root: &At<'a>) {
        let has_operations = !root.members("paths").is_empty();
        let Some(security) = root.get("security") else {
            if has_operations {
                let help = "write `security: [{NAME: []}]` with a name from components.securitySchemes";
                self.report(root, "`security` is missing, so the client has no credentials", help);
            }
            return;
        };
        self.requirements(&security);
        if !has_operations {
            let help = "write it at the deliveries that it is for";
            self.report(&security, "there are no operations that ask for a credential", help);
        }
        if has_operations && security.items().iter().any(|requirement| requirement.node.entries().is_empty()) {
            let help = "name the security scheme that the client is to use";
            self.report(&security, "calls without credentials are not understood", help);
        }
        if has_operations && security.node.items().len() > 1 {
            let help = "keep the one that the client is to use, and name the others in a comment";
            self.report(&security, "alternative credentials are not understood", help);
        }
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
                self.report(&requirement, "several credentials at once are not understood", help);
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
                    self.report(&scopes, "scopes are not understood", format!("write `{name}: []`"));
                }
            }
        }
    }

    fn components(&mut self, root: &At<'a>) {
        let Some(components) = root.get("components") else {
            return;
        };
        if !self.level(&components, &COMPONENTS) {
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
                        self.schema(&at, schema::Role::Named);
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
                if !at.str("scheme").is_some_and(|scheme| scheme.eq_ignore_ascii_case("bearer")) {
                    self.report(at, "of the HTTP schemes only bearer is understood", "write `scheme: bearer`");
                }
                &HTTP_SCHEME
            }
            Some("apiKey") => {
                if at.str("in") != Some("header") {
                    self.report(at, "API keys are understood in headers only", "write `in: header`");
                }
                if let Some(name) = self.required_text(at, "name", "write the name of the header") {
                    self.header_name(at, name);
                }
                &KEY_SCHEME
            }
            Some(_) | None => {
                let help = "write `type: http` with `scheme: bearer` (for OAuth and OpenID as well: the client is given \
                            the token), or `type: apiKey` with `in: header`";
                return self.report(at, "the type of security scheme is missing or not understood", help);
            }
        };
        self.level(at, level);
        self.description(at, "say what the token is and where it comes from");
    }

    /// What a client is given once beside its token: the constant headers.
    fn credentials(&mut self, root: &At<'a>) {
        let mut scope = Scope::new("credential", "give one of the two at each call (no `x-client-header`)")
            .reserving("token", "the token of the security scheme")
            .reserving("new", "the constructor")
            .reserving("connect", "a method of every client's credentials");
        let mut seen = BTreeSet::new();
        for parameter in operation::all_parameters(self, root) {
            let constant = parameter.node.get("x-client-header").and_then(Node::as_bool) == Some(true);
            if let (true, Some(name)) = (constant, parameter.str("name"))
                && seen.insert(name.to_ascii_lowercase())
            {
                self.claim(&mut scope, &parameter, name, names::snake(name));
            }
        }
    }

    /// Names of bodies and schemas, by which examples and strict validation find them.
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
                    // Two operations, or an event and a schema, are reported with their reason elsewhere.
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

    /// Components that nothing leads to from an operation, an event or the security requirement.
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
        let schemes: BTreeSet<&str> = requirements.iter().flat_map(At::entries).map(|(name, _)| name).collect();
        for (kind, group) in root.members("components") {
            for (name, at) in group.entries() {
                let is_used = match kind {
                    "securitySchemes" => schemes.contains(name),
                    _ => used.contains(format!("#/components/{kind}/{name}").as_str()),
                };
                if !is_used && COMPONENTS.keys.contains(&kind) {
                    self.report(&at, "nothing uses this component", "refer to it or leave it out");
                }
            }
        }
    }

    fn component_names(&self, kind: &str) -> Vec<&'a str> {
        let group = self.root.node.get_path(&["components", kind]);
        group.map(|group| group.entries().iter().map(|(key, _)| key.text.as_str()).collect()).unwrap_or_default()
    }

    /// What a `$ref` means; `None` where it leads nowhere.
    fn target(&self, reference: &str) -> Option<At<'a>> {
        let (kind, name) = reference.strip_prefix("#/components/")?.split_once('/')?;
        self.root.get("components")?.get(kind)?.get(name)
    }

    /// A component of this kind by `$ref`, or the node itself where it has none. Reports what is wrong with the `$ref`.
    fn follow(&mut self, at: &At<'a>, kind: &str) -> Option<At<'a>> {
        let Some(reference) = at.get("$ref") else {
            return Some(at.clone());
        };
        for (key, sibling) in at.entries().iter().filter(|(key, _)| *key != "$ref") {
            let help = match kind {
                "schemas" if *key == "nullable" => schema::IN_FULL,
                "schemas" => "write `allOf` with the `$ref` as its one element, and the keyword beside `allOf`",
                _ => "move it into the component, or write the whole of it here",
            };
            self.report(sibling, format!("`{key}` beside `$ref` has no effect"), help);
        }
        let form = format!("write `$ref: '#/components/{kind}/NAME'`");
        let Some(text) = reference.node.as_str() else {
            self.report(&reference, format!("the `$ref` is {}, not a string", reference.node.kind()), form);
            return None;
        };
        if !text.starts_with('#') {
            let help = format!("copy what is needed to components.{kind} of this file");
            self.report(&reference, format!("`{text}` is in another document"), help);
            return None;
        }
        let Some(name) = text.strip_prefix("#/components/").and_then(|rest| rest.strip_prefix(kind)?.strip_prefix('/'))
        else {
            self.report(&reference, format!("`{text}` is not among components.{kind}"), form);
            return None;
        };
        let target = self.target(text);
        if target.is_none() {
            let help = suggestion(name, &self.component_names(kind), &format!("describe it in components.{kind}"));
            self.report(&reference, format!("there is no `{name}` in components.{kind}"), help);
        }
        target
    }

    /// Checks that the node is a mapping of keywords of this level.
    fn level(&mut self, at: &At<'a>, level: &Level) -> bool {
        if !self.mapping(at) {
            return false;
        }
        for (key, member) in at.entries() {
            if !level.keys.contains(&key) {
                // An extension has none of OpenAPI's keywords.
                let instead = INSTEAD.iter().find(|(keyword, _)| *keyword == key && !level.name.contains("x-"));
                let help = match (instead, level.keys) {
                    (Some((_, instead)), _) => (*instead).to_owned(),
                    (None, [only]) => suggestion(key, level.keys, &format!("leave it out (only {only} is understood)")),
                    (None, keys) => {
                        suggestion(key, keys, &format!("leave it out (understood are {})", keys.join(", ")))
                    }
                };
                self.report(&member, format!("`{key}` is not understood {}", level.name), help);
            }
        }
        true
    }

    fn mapping(&mut self, at: &At<'a>) -> bool {
        let is_mapping = at.node.kind() == "a mapping";
        if !is_mapping {
            self.report(at, format!("here is {} instead of a mapping", at.node.kind()), "write `key: value` entries");
        }
        is_mapping
    }

    /// The text of a member that must be there.
    fn required_text(&mut self, at: &At<'a>, key: &str, help: &str) -> Option<&'a str> {
        let Some(member) = at.get(key) else {
            self.report(at, format!("`{key}` is missing"), help);
            return None;
        };
        match member.node.as_str() {
            Some(text) if !text.trim().is_empty() => return Some(text),
            Some(_) => self.report(&member, format!("`{key}` is empty"), help),
            None => self.report(&member, format!("`{key}` is {}, not a string", member.node.kind()), help),
        }
        None
    }

    /// A description that must be there.
    fn description(&mut self, at: &At<'a>, help: &str) {
        if self.required_text(at, "description", help).is_some() {
            self.documentation(at, "description");
        }
    }

    /// A text that becomes rustdoc, where it is there.
    fn documentation(&mut self, at: &At<'a>, key: &str) {
        let Some(member) = at.get(key) else { return };
        match member.node.as_str() {
            Some(text) => {
                text::faults(text).into_iter().for_each(|(message, help)| self.report(&member, message, help))
            }
            None => {
                self.report(&member, format!("`{key}` is {}, not a string", member.node.kind()), "put it in quotes")
            }
        }
    }

    fn boolean(&mut self, at: &At<'a>, key: &str) -> Option<bool> {
        let member = at.get(key)?;
        let value = member.node.as_bool();
        if value.is_none() {
            self.report(&member, format!("`{key}` is {}, not a boolean", member.node.kind()), "write true or false");
        }
        value
    }

    /// Takes an identifier in a scope.
    fn claim(&mut self, scope: &mut Scope, at: &At<'a>, name: &str, identifier: Option<String>) {
        let Some(identifier) = identifier else {
            let message = format!("the {} `{name}` has no letter or digit to make a Rust name from", scope.what);
            return self.report(at, message, scope.help);
        };
        if let Some(other) = scope.taken.get(&identifier) {
            if *other == format!("`{name}`") {
                return self.report(at, format!("there is another {} {other}", scope.what), scope.help);
            }
            let message = format!("the {} `{name}` becomes `{identifier}` in Rust, as does {other}", scope.what);
            return self.report(at, message, scope.help);
        }
        scope.taken.insert(identifier, format!("`{name}`"));
    }

    fn report(&mut self, at: &At<'a>, message: impl Into<String>, help: impl Into<String>) {
        self.findings.push(Finding {
            file: self.file.to_owned(),
            line: at.line,
            column: at.column,
            place: at.place.clone(),
            message: message.into(),
            help: help.into(),
        });
    }
}

/// Every `$ref` below a node, except in examples, which are data.
fn references<'a>(node: &'a Node, found: &mut Vec<&'a str>) {
    for (key, member) in node.entries() {
        match (key.text.as_str(), member.as_str()) {
            ("$ref", Some(reference)) => found.push(reference),
            ("examples", None) => {}
            (_, _) => references(member, found),
        }
    }
    node.items().iter().for_each(|item| references(item, found));
}

/// The names in braces; `None` where the braces do not match.
fn template_names(template: &str) -> Option<BTreeSet<&str>> {
    let mut parts = template.split('{');
    let mut found = BTreeSet::new();
    if parts.next().is_some_and(|constant| constant.contains('}')) {
        return None;
    }
    for part in parts {
        let (name, constant) = part.split_once('}')?;
        if name.is_empty() || name.contains('/') || constant.contains('}') {
            return None;
        }
        found.insert(name);
    }
    Some(found)
}

/// `a, b or c`.
fn one_of(names: &[&str]) -> String {
    match names.split_last() {
        Some((last, [])) => (*last).to_owned(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => String::new(),
    }
}

/// Whether HTTP takes the text as the name of a header.
fn is_token(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c))
}

/// "did you mean" where a known name is close, otherwise the general advice.
fn suggestion(name: &str, known: &[&str], general: &str) -> String {
    let distance = |candidate: &str| strsim::levenshtein(&name.to_lowercase(), &candidate.to_lowercase());
    let close = known.iter().map(|candidate| (distance(candidate), candidate)).min();
    match close {
        Some((distance, candidate)) if distance <= 2 && 2 * distance < candidate.len() => {
            format!("did you mean `{candidate}`?")
        }
        Some(_) | None => general.to_owned(),
    }
}
