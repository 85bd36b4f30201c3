//! `x-omitted` and `x-differences`: that their sources are listed, and that they still apply.

use super::super::dialect::{self, Level};
use super::super::load::Node;
use super::super::pointer;
use super::linter::{At, Linter, suggestion};

const POINTER: &str = "begin with `/`, and write `~0` for `~` and `~1` for `/` inside a key";

impl<'a> Linter<'a> {
    pub(super) fn fidelity(&mut self, root: &At<'a>) {
        let known = self.source_keys(root);
        for entry in
            self.entries(root, "x-omitted", &dialect::OMISSION, "write `[{what, sources, why}]`, or leave it out")
        {
            self.stated(&entry, "what", "say what of the sources the specification leaves out");
            self.stated(&entry, "why", "say why the specification leaves it out");
            self.cited(&entry, &known);
            self.applies(&entry);
        }
        let help = "write `[{at, sources, documents, specification}]`, or leave it out";
        for entry in self.entries(root, "x-differences", &dialect::DIFFERENCE, help) {
            self.places(&entry);
            self.stated(&entry, "documents", "say what the sources say");
            self.stated(&entry, "specification", "say what the specification does about it");
            self.cited(&entry, &known);
            self.applies(&entry);
        }
    }

    /// The keys of the sources, which have to differ.
    fn source_keys(&mut self, root: &At<'a>) -> Vec<&'a str> {
        let sources = root.get("info").and_then(|info| info.get("x-sources")).map(|at| at.items()).unwrap_or_default();
        let mut known = Vec::new();
        for at in sources.iter().filter_map(|source| source.get("key")) {
            match at.node.as_str() {
                Some(key) if known.contains(&key) => {
                    self.report(
                        &at,
                        format!("another source has the key `{key}`"),
                        "give each source a key of its own",
                    );
                }
                Some(key) if !key.trim().is_empty() => known.push(key),
                Some(_) | None => {
                    self.report(&at, "this is not the key of a source", "write a short name, such as `GUIDE`")
                }
            }
        }
        known
    }

    fn entries(&mut self, root: &At<'a>, key: &str, level: &Level, help: &str) -> Vec<At<'a>> {
        let Some(list) = root.get(key) else { return Vec::new() };
        if list.node.items().is_empty() {
            self.report(&list, "there is no entry", help);
        }
        list.items().into_iter().filter(|entry| self.level(entry, level)).collect()
    }

    /// A text that must be there.
    fn stated(&mut self, entry: &At<'a>, key: &str, help: &str) {
        if self.required_text(entry, key, help).is_some() {
            self.documentation(entry, key);
        }
    }

    fn cited(&mut self, entry: &At<'a>, known: &[&str]) {
        let help = "list the keys of the sources under `info.x-sources`, such as `sources: [GUIDE]`";
        let Some(list) = entry.get("sources") else {
            return self.report(entry, "`sources` is missing", help);
        };
        if list.node.items().is_empty() {
            self.report(&list, "this is not a list of sources", help);
        }
        let mut seen = Vec::new();
        for item in list.items() {
            match item.node.as_str() {
                None => self.report(&item, format!("here is {}, not the key of a source", item.node.kind()), help),
                Some(key) if !known.contains(&key) => {
                    let help = suggestion(key, known, "list it under `info.x-sources` with this `key`");
                    self.report(&item, format!("there is no source `{key}`"), help);
                }
                Some(key) if seen.contains(&key) => {
                    self.report(&item, format!("`{key}` is listed twice"), "leave one out")
                }
                Some(key) => seen.push(key),
            }
        }
    }

    /// What a difference is about has to be there.
    fn places(&mut self, entry: &At<'a>) {
        let help =
            "name an operation, an event or a schema, or write a JSON pointer into this document, or a list of these";
        let Some(at) = entry.get("at") else {
            return self.report(entry, "`at` is missing", help);
        };
        let places = if at.node.items().is_empty() { vec![at] } else { at.items() };
        for place in places {
            match place.node.as_str() {
                None => {
                    self.report(&place, format!("here is {}, not a name or a JSON pointer", place.node.kind()), help)
                }
                Some(text) if text.starts_with('/') => {
                    if self.pointed_at(&place, text).is_some_and(|found| found.is_none()) {
                        let help = "correct the pointer, or leave the entry out if it no longer applies";
                        self.report(&place, format!("there is nothing at `{text}`"), help);
                    }
                }
                Some(name) => {
                    let known = self.names();
                    if !known.contains(&name) {
                        let help = "correct the name, or leave the entry out if it no longer applies";
                        let message = format!("there is no operation, event or schema `{name}`");
                        self.report(&place, message, suggestion(name, &known, help));
                    }
                }
            }
        }
    }

    /// The names of operations, events and schemas.
    fn names(&self) -> Vec<&'a str> {
        let paths = self.root.members("paths").into_iter().flat_map(|(_, path)| path.entries());
        let mut names: Vec<&str> = paths.filter_map(|(_, operation)| operation.str("operationId")).collect();
        names.extend(self.root.members("x-webhooks").into_iter().map(|(name, _)| name));
        names.extend(self.component_names("schemas"));
        names
    }

    /// The conditions that an entry names hold, or else it no longer applies.
    fn applies(&mut self, entry: &At<'a>) {
        let Some(conditions) = entry.get("while") else { return };
        if !self.mapping(&conditions) {
            return;
        }
        if conditions.node.entries().is_empty() {
            let help = "write a JSON pointer into this document with its value, or leave `while` out";
            self.report(&conditions, "there is no condition", help);
        }
        for (pointer, at) in conditions.entries() {
            let Some(found) = self.pointed_at(&at, pointer) else { continue };
            let present = at.node.get("present").and_then(Node::as_bool).filter(|_| at.node.entries().len() == 1);
            let holds = match present {
                Some(present) => found.is_some() == present,
                None if at.node.kind() == "a mapping" => {
                    let help = "write a value that is not a mapping, or `{present: true}`";
                    self.report(&at, "the condition is not supported", help);
                    continue;
                }
                None => found.is_some_and(|found| found.to_json() == at.node.to_json()),
            };
            if !holds {
                let found = match found {
                    None => "is not there".to_owned(),
                    Some(node) if node.kind() == "a mapping" => "is there".to_owned(),
                    Some(node) => format!("is {}", node.to_json_text()),
                };
                let help = "correct the entry, or leave it out";
                self.report(&at, format!("this no longer applies: `{pointer}` {found}"), help);
            }
        }
    }

    /// What a JSON pointer into the document leads to; `None` where it is not one.
    fn pointed_at(&mut self, at: &At<'a>, text: &str) -> Option<Option<&'a Node>> {
        if !text.starts_with('/') || !pointer::is_pointer(text) {
            self.report(at, format!("`{text}` is not a JSON pointer"), POINTER);
            return None;
        }
        let step = |node: &'a Node, name: String| match node.items() {
            [] => node.get(&name),
            items => items.get(name.parse::<usize>().ok()?),
        };
        Some(pointer::names(text).try_fold(self.root.node, step))
    }
}
