//! The parts that every lint uses: places in the document, the keywords of a mapping, and findings.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::super::dialect::Level;
use super::super::load::{Finding, Findings, MappingKey, Node, Severity, join};
use super::text;

/// What to write for a `$ref` that allows null as well.
pub(super) const NULL_BESIDE: &str =
    "write `allOf` with the `$ref` as its one element, and `nullable: true` beside `allOf`";

pub(super) const DELIVERED: &str = "write `post`, the method of all deliveries";

/// What to write instead of OpenAPI keywords that are not supported.
pub(super) const INSTEAD: &[(&str, &str)] = &[
    ("additionalItems", "write one schema for all items"),
    ("callbacks", "describe deliveries under `x-webhooks`"),
    ("const", "write `enum` with one value"),
    ("discriminator", "give each delivery a schema of its own and distinguish the events with `x-event-when`"),
    ("encoding", "leave it out: form fields are sent as plain text"),
    ("example", "write `examples` at a media type, each with `x-origin`, or describe it in the description"),
    ("examples", "write `examples` at a media type, each with `x-origin`, or describe it in the description"),
    ("explode", "leave it out: parameters are single values"),
    ("externalDocs", "list the document under `info.x-sources`"),
    ("externalValue", "write the example under `value`"),
    ("delete", DELIVERED),
    ("get", DELIVERED),
    ("headers", "describe the headers in the description of the response"),
    ("not", "describe what is allowed, with `enum` or `pattern`"),
    ("oneOf", "write one schema with optional members that covers all alternatives"),
    ("patch", DELIVERED),
    ("patternProperties", "write `additionalProperties`"),
    ("put", DELIVERED),
    ("readOnly", "write one schema for requests and one for responses"),
    ("security", "write it at the root, or at an operation that is called with another credential"),
    ("style", "leave it out: parameters are single values"),
    ("tags", "leave it out: operations are not grouped"),
    ("title", "write a `description` (a schema's name is its key under `components.schemas`)"),
    ("webhooks", "write `x-webhooks`, its name in OpenAPI 3.0"),
    ("writeOnly", "write one schema for requests and one for responses"),
];

/// A node with its place for findings: the position of its key, and the path from the root.
#[derive(Clone)]
pub(super) struct At<'a> {
    pub(super) node: &'a Node,
    pub(super) line: usize,
    pub(super) column: usize,
    pub(super) place: String,
}

impl<'a> At<'a> {
    pub(super) fn get(&self, key: &str) -> Option<At<'a>> {
        self.node.entry(key).map(|(key, node)| self.member(key, node))
    }

    pub(super) fn str(&self, key: &str) -> Option<&'a str> {
        self.node.get(key).and_then(Node::as_str)
    }

    /// The kind of node that the type of this schema requires, in the words of [`Node::kind`].
    pub(super) fn kind_of_values(&self) -> Option<&'static str> {
        Some(match self.str("type")? {
            "object" => "a mapping",
            "array" => "a list",
            "string" => "a string",
            "boolean" => "a boolean",
            "integer" | "number" => "a number",
            _ => return None,
        })
    }

    /// The members of the mapping under a key; empty if there is no such mapping.
    pub(super) fn members(&self, key: &str) -> Vec<(&'a str, At<'a>)> {
        self.get(key).map(|at| at.entries()).unwrap_or_default()
    }

    pub(super) fn entries(&self) -> Vec<(&'a str, At<'a>)> {
        self.node.entries().iter().map(|(key, node)| (key.text.as_str(), self.member(key, node))).collect()
    }

    pub(super) fn items(&self) -> Vec<At<'a>> {
        let item = |(index, node): (usize, &'a Node)| At {
            node,
            line: node.line,
            column: node.column,
            place: join(&self.place, &format!("[{index}]")),
        };
        self.node.items().iter().enumerate().map(item).collect()
    }

    pub(super) fn member(&self, key: &'a MappingKey, node: &'a Node) -> At<'a> {
        At { node, line: key.line, column: key.column, place: join(&self.place, &key.text) }
    }
}

/// The identifiers of one Rust scope.
pub(super) struct Scope {
    pub(super) what: &'static str,
    pub(super) help: &'static str,
    /// The owner of each identifier, as a phrase.
    pub(super) taken: BTreeMap<String, String>,
}

impl Scope {
    pub(super) fn new(what: &'static str, help: &'static str) -> Self {
        Scope { what, help, taken: BTreeMap::new() }
    }

    /// Adds an identifier that the generated code uses itself.
    pub(super) fn reserving(mut self, identifier: &str, owner: &str) -> Self {
        self.taken.insert(identifier.to_owned(), owner.to_owned());
        self
    }
}

/// What a document has to have.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Demand {
    /// All that is supported, so that whatever is generated is documented and has examples.
    Complete,
    /// What the other steps need.
    Usable,
}

pub(super) struct Linter<'a> {
    pub(super) file: &'a str,
    pub(super) demand: Demand,
    pub(super) root: At<'a>,
    pub(super) findings: Findings,
    /// The components by their kind and name.
    components: HashMap<(&'a str, &'a str), (&'a MappingKey, &'a Node)>,
    /// The operations by their `operationId`, each with its path. The first one of several is found.
    operations: HashMap<&'a str, (At<'a>, At<'a>)>,
}

impl<'a> Linter<'a> {
    pub(super) fn new(file: &'a str, root: &'a Node, demand: Demand) -> Self {
        let kinds = root.get("components").map_or(&[][..], Node::entries).iter();
        let components = kinds.flat_map(|(kind, group)| {
            group.entries().iter().map(|(name, node)| ((kind.text.as_str(), name.text.as_str()), (name, node)))
        });
        let components = components.collect();
        let root = At { node: root, line: 1, column: 1, place: String::new() };
        let mut operations = HashMap::new();
        for (_, path) in root.members("paths") {
            for (_, operation) in path.entries() {
                if let Some(id) = operation.str("operationId") {
                    operations.entry(id).or_insert_with(|| (path.clone(), operation));
                }
            }
        }
        Self { file, demand, root, findings: Findings::default(), components, operations }
    }

    /// The operation with this `operationId`, with its path.
    pub(super) fn operation_named(&self, id: &str) -> Option<(At<'a>, At<'a>)> {
        self.operations.get(id).cloned()
    }

    /// The names of all operations.
    pub(super) fn operation_names(&self) -> Vec<&'a str> {
        let mut names: Vec<&str> = self.operations.keys().copied().collect();
        names.sort_unstable();
        names
    }

    pub(super) fn component_names(&self, kind: &str) -> Vec<&'a str> {
        let group = self.root.node.get_path(&["components", kind]);
        group.map(|group| group.entries().iter().map(|(key, _)| key.text.as_str()).collect()).unwrap_or_default()
    }

    /// The target of a `$ref`; `None` if there is none.
    pub(super) fn target(&self, reference: &str) -> Option<At<'a>> {
        let (kind, name) = reference.strip_prefix("#/components/")?.split_once('/')?;
        let (key, node) = *self.components.get(&(kind, name))?;
        let (line, column) = (key.line, key.column);
        Some(At { node, line, column, place: join(&join("components", kind), name) })
    }

    /// The component that the node's `$ref` refers to, or the node itself without a `$ref`. An invalid `$ref` is
    /// reported.
    pub(super) fn follow(&mut self, at: &At<'a>, kind: &str) -> Option<At<'a>> {
        let Some(reference) = at.get("$ref") else {
            return Some(at.clone());
        };
        for (key, sibling) in at.entries().iter().filter(|(key, _)| *key != "$ref") {
            let help = match kind {
                "schemas" if *key == "nullable" => NULL_BESIDE,
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
    pub(super) fn level(&mut self, at: &At<'a>, level: &Level) -> bool {
        if !self.mapping(at) {
            return false;
        }
        for (key, member) in at.entries() {
            if !level.has(key) {
                // Extensions do not use the keywords of OpenAPI.
                let instead = INSTEAD.iter().find(|(keyword, _)| *keyword == key && !level.name.contains("x-"));
                let keys: Vec<&str> = level.names().collect();
                let help = match (instead, keys.as_slice()) {
                    (Some((_, instead)), _) => (*instead).to_owned(),
                    (None, [only]) => suggestion(key, &keys, &format!("leave it out (only `{only}` is supported)")),
                    (None, keys) => suggestion(key, keys, &format!("leave it out (supported: {})", keys.join(", "))),
                };
                self.report(&member, format!("`{key}` is not supported {}", level.name), help);
            }
        }
        true
    }

    pub(super) fn mapping(&mut self, at: &At<'a>) -> bool {
        let is_mapping = at.node.kind() == "a mapping";
        if !is_mapping {
            self.report(at, format!("expected a mapping, found {}", at.node.kind()), "write `key: value` entries");
        }
        is_mapping
    }

    /// The text of a required member.
    pub(super) fn required_text(&mut self, at: &At<'a>, key: &str, help: &str) -> Option<&'a str> {
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

    /// Checks a required description.
    pub(super) fn description(&mut self, at: &At<'a>, help: &str) {
        if self.required_text(at, "description", help).is_some() {
            self.documentation(at, "description");
        }
    }

    /// Checks an optional text that becomes rustdoc.
    pub(super) fn documentation(&mut self, at: &At<'a>, key: &str) {
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

    pub(super) fn boolean(&mut self, at: &At<'a>, key: &str) -> Option<bool> {
        let member = at.get(key)?;
        let value = member.node.as_bool();
        if value.is_none() {
            self.report(&member, format!("`{key}` is {}, not a boolean", member.node.kind()), "write true or false");
        }
        value
    }

    /// Claims an identifier in a scope.
    pub(super) fn claim(&mut self, scope: &mut Scope, at: &At<'a>, name: &str, identifier: Option<String>) {
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

    pub(super) fn report(&mut self, at: &At<'a>, message: impl Into<String>, help: impl Into<String>) {
        self.findings.push(|| Finding {
            severity: Severity::Error,
            file: self.file.to_owned(),
            line: at.line,
            column: at.column,
            place: at.place.clone(),
            message: message.into(),
            help: help.into(),
        });
    }
}

/// The names in braces; `None` if the braces do not match.
pub(super) fn template_names(template: &str) -> Option<BTreeSet<&str>> {
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
pub(super) fn one_of(names: &[&str]) -> String {
    match names.split_last() {
        Some((last, [])) => (*last).to_owned(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => String::new(),
    }
}

/// Whether the text is a valid header name in HTTP.
pub(crate) fn is_token(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c))
}

/// "did you mean" if a known name is similar, otherwise the general advice.
pub(super) fn suggestion(name: &str, known: &[&str], general: &str) -> String {
    // Comparing many names takes long.
    let known = if name.len() <= 100 { known.get(..1000).unwrap_or(known) } else { &[] };
    let distance = |candidate: &str| strsim::levenshtein(&name.to_lowercase(), &candidate.to_lowercase());
    let close = known.iter().map(|candidate| (distance(candidate), candidate)).min();
    match close {
        Some((distance, candidate)) if distance <= 2 && 2 * distance < candidate.len() => {
            format!("did you mean `{candidate}`?")
        }
        Some(_) | None => general.to_owned(),
    }
}
