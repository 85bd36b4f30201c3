//! Between the lint and reading: rewrites what OpenAPI allows and this build does not support, in a document that the lint
//! refuses. Each part of the document is kept as far as it can be: keywords without effect are left out, schemas without a
//! name get one, schemas that cannot be described accept any value, and operations that cannot be called are left out.
//!
//! What OpenAPI does not allow either remains as it is, so that the lint reports it as an error. Only in a document without
//! extensions, whose author does not know this build, are missing schemas and parameters left open as well.

mod body;
mod names;
mod null;
mod operation;
mod schema;
mod security;
mod servers;
mod text;

use std::collections::{BTreeMap, BTreeSet};

use super::dialect::{self, Level};
use super::lint::{PRELUDE, references};
use super::load::{Document, Finding, Findings, Node, Severity, Value, join};
use super::names::pascal;
use super::spec::METHODS;

/// Keywords of OpenAPI and JSON Schema that have no effect here. A key that is none of them may be misspelt.
const WITHOUT_EFFECT: [&str; 69] = [
    "$anchor",
    "$comment",
    "$defs",
    "$id",
    "$schema",
    "additionalItems",
    "allowEmptyValue",
    "allowReserved",
    "anyOf",
    "callbacks",
    "const",
    "contact",
    "contains",
    "content",
    "contentEncoding",
    "contentMediaType",
    "contentSchema",
    "definitions",
    "dependencies",
    "dependentRequired",
    "dependentSchemas",
    "deprecated",
    "description",
    "discriminator",
    "else",
    "encoding",
    "example",
    "examples",
    "explode",
    "externalDocs",
    "externalValue",
    "flows",
    "head",
    "headers",
    "if",
    "in",
    "jsonSchemaDialect",
    "license",
    "links",
    "mapping",
    "maxContains",
    "minContains",
    "name",
    "not",
    "nullable",
    "oneOf",
    "openIdConnectUrl",
    "operationId",
    "options",
    "pathItems",
    "patternProperties",
    "prefixItems",
    "propertyName",
    "propertyNames",
    "readOnly",
    "requestBodies",
    "scheme",
    "schema",
    "style",
    "summary",
    "tags",
    "termsOfService",
    "then",
    "title",
    "trace",
    "unevaluatedItems",
    "unevaluatedProperties",
    "writeOnly",
    "xml",
];

/// The limit to what is copied, in nodes: more than any document needs.
const MAX_COPIED: usize = 1_000_000;

/// Rewrites a document, and returns what is left out and what accepts any value.
pub fn simplify(document: &mut Document) -> Vec<Finding> {
    let Document { file, root, warnings: _ } = document;
    let mut simplifier = Simplifier {
        file,
        is_plain: !has_extension(root),
        is_3_1: root.get("openapi").and_then(Node::as_str).is_some_and(|version| version.starts_with("3.1.")),
        place: Vec::new(),
        findings: Findings::default(),
        components: Node { line: 1, column: 1, value: Value::Null },
        index: BTreeMap::new(),
        nullable: BTreeSet::new(),
        taken: BTreeSet::new(),
        numbers: BTreeMap::new(),
        added: Vec::new(),
        scheme: None,
        keeps_security: false,
        public_by_default: false,
        of_root: Vec::new(),
        kinds: BTreeMap::new(),
        kind_steps: 0,
        default_server: None,
        renamed: BTreeMap::new(),
        open: Vec::new(),
        stack: Vec::new(),
        met: Vec::new(),
        copied: 0,
    };
    simplifier.root(root);
    simplifier.findings.sorted()
}

struct Simplifier<'a> {
    file: &'a str,
    /// Whether the document does not have extensions, so that its author does not know this build. What such a document refers
    /// to and lacks is left open.
    is_plain: bool,
    /// Whether keywords beside `$ref` have an effect.
    is_3_1: bool,
    /// The keys from the root to the node that is being rewritten.
    place: Vec<String>,
    findings: Findings,
    /// The components as they are written, but for their names.
    components: Node,
    /// The places of the components, by their kind and name.
    index: BTreeMap<String, BTreeMap<String, usize>>,
    /// The names of the schemas that allow null wherever they are used.
    nullable: BTreeSet<String>,
    /// The Rust names of the schemas.
    taken: BTreeSet<String>,
    /// The last number of a name of a schema.
    numbers: BTreeMap<String, usize>,
    /// Schemas that have got a name.
    added: Vec<(String, Node)>,
    /// The security scheme that clients use.
    scheme: Option<String>,
    /// Whether the security of operations stays as it is.
    keeps_security: bool,
    /// Whether an operation without `security` is called without a credential.
    public_by_default: bool,
    /// The schemes that the root requires at once.
    of_root: Vec<String>,
    /// The types of schemas, by name.
    kinds: BTreeMap<String, Option<String>>,
    /// The name of the first server of the document.
    default_server: Option<String>,
    /// How many references were followed to the type that is being looked up.
    kind_steps: usize,
    /// The operations that have another name now.
    renamed: BTreeMap<String, String>,
    /// The schemas whose members were joined to what is being rewritten.
    open: Vec<String>,
    /// The schemas that are being joined, outermost first, and all that have been on the way.
    stack: Vec<String>,
    met: Vec<String>,
    /// How much has been copied.
    copied: usize,
}

impl Simplifier<'_> {
    fn root(&mut self, root: &mut Node) {
        self.level(root, &dialect::ROOT);
        names::rename_schemas(root);
        self.info(root);
        self.components = root.get("components").cloned().unwrap_or_else(|| root.here(Value::Null));
        let names =
            |group: &Node| group.entries().iter().enumerate().map(|(at, (name, _))| (name.text.clone(), at)).collect();
        let kinds = self.components.entries().iter();
        self.index = kinds.map(|(kind, group)| (kind.text.clone(), names(group))).collect();
        self.nullable =
            self.component_entries("schemas").filter(|(_, node)| null::allows_null(node)).map(owned).collect();
        self.taken = self.component_entries("schemas").filter_map(|(name, _)| pascal(name)).collect();
        self.taken
            .extend(root.get("x-webhooks").iter().flat_map(|at| at.entries()).filter_map(|it| pascal(&it.0.text)));
        self.taken.extend(PRELUDE.map(str::to_owned));
        self.servers(root);
        self.security(root);
        self.within("paths", root, Self::paths);
        names::rename_operations(root, &std::mem::take(&mut self.renamed));
        if root.get("paths").is_none_or(|paths| paths.entries().is_empty()) {
            root.remove("security");
        }
        self.webhooks(root);
        self.within("components", root, Self::each_component);
        self.add_schemas(root);
        remove_unused(root);
    }

    fn info(&mut self, root: &mut Node) {
        let title = root.text_here("An API");
        self.within("info", root, |this, info| {
            this.level(info, &dialect::INFO);
            if info.get("title").is_none() {
                info.set("title", title);
            }
            this.documentation(info, "title");
            let title = info.get("title").and_then(Node::as_str).unwrap_or_default().to_owned();
            this.description(info, || format!("The API {title}."));
            let version = info.get("version").map(|node| (node.as_str().map(str::to_owned), node.to_json_text()));
            let plain = |text: &String| !text.trim().is_empty() && text.chars().all(|c| matches!(c, ' '..='~'));
            match version {
                Some((Some(text), _)) if plain(&text) => {}
                Some((None, number)) => info.set("version", info.text_here(number)),
                Some((Some(_), _)) | None => info.set("version", info.text_here("0")),
            }
        });
    }

    /// The events, which need to say how a delivery names its event and how it proves its origin.
    fn webhooks(&mut self, root: &mut Node) {
        let own = ["x-event-name", "x-signature", "x-registration", "x-handshake", "x-redelivery"];
        let Some(webhooks) = root.get("x-webhooks") else { return };
        let is_keyed = |(_, item): &(_, Node)| !self.is_plain && item.get_path(&["post", "security"]).is_some();
        if own.iter().all(|key| root.get(key).is_none()) && !webhooks.entries().iter().any(is_keyed) {
            self.place.push("x-webhooks".to_owned());
            self.note(webhooks, "the document does not say how a delivery names its event and proves its origin, so the events are left out",
                "write `x-event-name` and `x-signature` at the root");
            self.place.pop();
            root.remove("x-webhooks");
            return;
        }
        self.within("x-webhooks", root, |this, webhooks| {
            for (name, event) in webhooks.entries_mut() {
                this.place.push(name.text.clone());
                this.level(event, &dialect::EVENT);
                let name = name.text.clone();
                this.within("post", event, |this, delivery| this.delivery(&name, delivery));
                this.place.pop();
            }
        });
    }

    fn each_component(&mut self, components: &mut Node) {
        self.level(components, &dialect::COMPONENTS);
        self.within("schemas", components, |this, schemas| {
            this.each(schemas, |this, _, schema| this.named_schema(schema))
        });
        self.within("responses", components, |this, responses| {
            this.each(responses, |this, name, response| this.response(response, name));
        });
    }

    fn add_schemas(&mut self, root: &mut Node) {
        let added = std::mem::take(&mut self.added);
        if added.is_empty() {
            return;
        }
        for key in ["components", "schemas"] {
            let parent = if key == "components" { Some(&mut *root) } else { root.get_mut("components") };
            let Some(parent) = parent else { return };
            if parent.get(key).is_none() {
                let empty = parent.here(Value::Mapping(Vec::new()));
                parent.set(key, empty);
            }
        }
        let Some(schemas) = root.get_mut("components").and_then(|components| components.get_mut("schemas")) else {
            return;
        };
        added.into_iter().for_each(|(name, schema)| schemas.set(&name, schema));
    }

    /// Rewrites the value of a key, if there is one.
    fn within(&mut self, key: &str, node: &mut Node, rewrite: impl FnOnce(&mut Self, &mut Node)) {
        let Some(member) = node.get_mut(key) else { return };
        self.place.push(key.to_owned());
        rewrite(self, member);
        self.place.pop();
    }

    /// Rewrites the values of a mapping, each of which is given with its key.
    fn each(&mut self, node: &mut Node, mut rewrite: impl FnMut(&mut Self, &str, &mut Node)) {
        for (key, member) in node.entries_mut() {
            self.place.push(key.text.clone());
            rewrite(self, &key.text, member);
            self.place.pop();
        }
    }

    /// Removes the keys that have no effect at this level.
    fn level(&mut self, node: &mut Node, level: &Level) {
        let is_plain = self.is_plain;
        let is_kept = |key: &str| match key.strip_prefix("x-") {
            // The extension of another program, unless it is one of ours that is misspelt or misplaced.
            Some(own) => {
                !is_plain && dialect::is_extension(key)
                    || level.extensions().any(|known| is_meant(own, known, is_plain))
            }
            // `schema` in the place of `schemas` is misspelt.
            None => {
                let is_misspelt = key != "example" && level.names().any(|name| name.strip_suffix('s') == Some(key));
                !WITHOUT_EFFECT.contains(&key) || is_misspelt
            }
        };
        node.retain(|key, _| level.has(&key.text) || is_kept(&key.text));
    }

    /// Replaces a text that is not valid as documentation.
    fn documentation(&mut self, node: &mut Node, key: &str) {
        let Some(member) = node.get_mut(key) else { return };
        match member.as_str().and_then(text::corrected) {
            Some(corrected) => member.value = Value::String(corrected),
            None if matches!(member.value, Value::Null) => drop(node.remove(key)),
            None => {}
        }
    }

    /// Corrects a description, or writes one that says no more than the names.
    fn description(&mut self, node: &mut Node, default: impl FnOnce() -> String) {
        self.documentation(node, "description");
        if node.get("description").is_none_or(|text| text.as_str().is_some_and(|text| text.trim().is_empty())) {
            node.set("description", node.text_here(default()));
        }
    }

    /// Reports what is left out or accepts any value.
    fn note(&mut self, at: &Node, message: impl Into<String>, help: &str) {
        let Self { file, place, findings, .. } = self;
        findings.push(|| Finding {
            severity: Severity::Warning,
            file: (*file).to_owned(),
            line: at.line,
            column: at.column,
            place: place.iter().fold(String::new(), |place, step| join(&place, step)),
            message: message.into(),
            help: help.to_owned(),
        });
    }

    /// The components of one kind, as they are written.
    fn component_entries(&self, kind: &str) -> impl Iterator<Item = (&str, &Node)> {
        let group = self.components.get(kind).map_or(&[][..], Node::entries);
        group.iter().map(|(key, node)| (key.text.as_str(), node))
    }

    /// The component of this kind and name, as it is written.
    fn component(&self, kind: &str, name: &str) -> Option<&Node> {
        self.index.get(kind)?.get(name).and_then(|index| {
            let (_, node) = self.components.get(kind)?.entries().get(*index)?;
            Some(node)
        })
    }

    /// A copy of the component that a node refers to; `None` if it does not refer to one, or if so much was copied that a short
    /// document would become an endless one.
    fn copy(&mut self, node: &Node, kind: &str) -> Option<Node> {
        let target = self.target(node, kind).filter(|_| self.copied <= MAX_COPIED);
        let (weight, target) = target.map(|(_, target)| (weight(target), target.clone()))?;
        self.copied += weight;
        Some(target)
    }

    /// The component that a node refers to, as it is written.
    fn target(&self, node: &Node, kind: &str) -> Option<(&str, &Node)> {
        let name = reference_name(node, kind)?;
        let index = *self.index.get(kind)?.get(name)?;
        let (key, node) = self.components.get(kind)?.entries().get(index)?;
        Some((&key.text, node))
    }
}

/// Whether one of the extensions is anywhere in the document.
fn has_extension(node: &Node) -> bool {
    let is_own = |key: &str| key != "x-webhooks" && dialect::is_extension(key);
    let is_data = |key: &str| ["headers", "example", "examples", "default", "value", "enum"].contains(&key);
    let mut entries = node.entries().iter().filter(|(key, _)| !is_data(&key.text));
    entries.any(|(key, member)| match key.text.as_str() {
        // The keys are names of members.
        "properties" => member.entries().iter().any(|(_, property)| has_extension(property)),
        key => is_own(key) || has_extension(member),
    }) || node.items().iter().any(has_extension)
}

/// How much a copy of a node takes.
fn weight(node: &Node) -> usize {
    let own = node.as_str().map_or(1, |text| 1 + text.len() / 64);
    let entries: usize = node.entries().iter().map(|(_, node)| weight(node)).sum();
    own + entries + node.items().iter().map(weight).sum::<usize>()
}

fn owned((name, _): (&str, &Node)) -> String {
    name.to_owned()
}

/// `X` of `$ref: '#/components/KIND/X'`.
fn reference_name<'n>(node: &'n Node, kind: &str) -> Option<&'n str> {
    node.get("$ref")?.as_str()?.strip_prefix("#/components/")?.strip_prefix(kind)?.strip_prefix('/')
}

/// Whether an extension is one of the dialect that is misspelt: it is similar to it, or has one of its words. Both are given
/// without `x-`. In a document without extensions, only long names are similar.
fn is_meant(key: &str, known: &str, is_plain: bool) -> bool {
    // `enum` is a word of many extensions.
    let is_common = known == "enumDescriptions";
    let is_close = strsim::levenshtein(key, known) <= if known.len() >= 8 { 2 } else { 1 };
    if is_plain {
        return is_close && known.len() >= 8 && !is_common;
    }
    let mut words = key.split('-').filter(|word| word.len() >= 4);
    let of_known = |word: &str| known.split('-').any(|other| other.starts_with(word) || word.starts_with(other));
    is_close || !is_common && words.any(of_known)
}

/// Removes the examples of operations that the lint refuses, since they do not match their schemas. Returns whether there are
/// any.
pub fn remove_examples(root: &mut Node, errors: &[Finding]) -> bool {
    let is_example = |error: &&Finding| error.place.contains(".examples.") && !error.place.starts_with("x-webhooks.");
    let positions: BTreeSet<(usize, usize)> =
        errors.iter().filter(is_example).map(|error| (error.line, error.column)).collect();
    for key in ["paths", "components"] {
        if let Some(node) = root.get_mut(key).filter(|_| !positions.is_empty()) {
            without_examples(node, &positions);
        }
    }
    !positions.is_empty()
}

/// Removes the examples below a node in which one of these positions is.
fn without_examples(node: &mut Node, positions: &BTreeSet<(usize, usize)>) {
    let is_refused = |key: (usize, usize), example: &Node| {
        positions.contains(&key)
            || example.entry("value").is_some_and(|(key, _)| positions.contains(&(key.line, key.column)))
    };
    let is_media_type = node.get("schema").is_some();
    for (key, member) in node.entries_mut() {
        match key.text.as_str() {
            "examples" if is_media_type => member.retain(|key, example| !is_refused((key.line, key.column), example)),
            "schema" | "schemas" => {}
            _ => without_examples(member, positions),
        }
    }
    node.retain(|key, member| key.text != "examples" || !is_media_type || !member.entries().is_empty());
    node.items_mut().iter_mut().for_each(|item| without_examples(item, positions));
}

/// Removes the components that nothing refers to.
fn remove_unused(root: &mut Node) {
    let mut used: BTreeSet<String> = BTreeSet::new();
    let mut pending = Vec::new();
    let components: BTreeMap<String, &Node> = root
        .get("components")
        .map_or(&[][..], Node::entries)
        .iter()
        .flat_map(|(kind, group)| {
            group.entries().iter().map(move |(name, node)| (format!("#/components/{}/{}", kind.text, name.text), node))
        })
        .collect();
    for key in ["paths", "x-webhooks"] {
        root.get(key).iter().for_each(|node| references(node, &mut pending));
    }
    while let Some(reference) = pending.pop() {
        if used.insert(reference.to_owned())
            && let Some(node) = components.get(reference)
        {
            references(node, &mut pending);
        }
    }
    let mut schemes = Vec::new();
    let posts = root.get("x-webhooks").map_or(&[][..], Node::entries).iter().filter_map(|(_, item)| item.get("post"));
    let items = root.get("paths").map_or(&[][..], Node::entries).iter();
    let operations = items.flat_map(|(_, item)| METHODS.iter().filter_map(|method| item.get(method)));
    for holder in posts.chain(operations).chain([&*root]) {
        let requirements = holder.get("security").map_or(&[][..], Node::items);
        schemes.extend(requirements.iter().flat_map(Node::entries).map(|(name, _)| name.text.clone()));
    }
    let Some(components) = root.get_mut("components") else { return };
    for (kind, group) in components.entries_mut() {
        group.retain(|name, _| match kind.text.as_str() {
            "securitySchemes" => schemes.contains(&name.text),
            kind => used.contains(&format!("#/components/{kind}/{}", name.text)),
        });
    }
    components.retain(|_, group| !group.entries().is_empty());
    if components.entries().is_empty() {
        root.remove("components");
    }
}
