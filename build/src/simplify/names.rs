//! The names of schemas, and the references to them.

use std::collections::{BTreeMap, BTreeSet};

use super::super::lint::PRELUDE;
use super::super::load::{Node, Value};
use super::super::names::{pascal, snake};
use super::Simplifier;
use super::null::refuse_null;

impl Simplifier<'_> {
    /// A name for a schema that does not have one.
    fn free_name(&mut self, name: &str) -> String {
        let base = pascal(name).unwrap_or_else(|| "Body".to_owned());
        let mut free = base.clone();
        while !self.taken.insert(free.clone()) {
            let number = self.numbers.entry(base.clone()).or_insert(1);
            *number += 1;
            free = format!("{base}{number}");
        }
        free
    }

    /// Gives a schema a name, and puts a reference in its place.
    pub(super) fn name_schema(&mut self, schema: &mut Node, name: &str) {
        let name = self.free_name(name);
        let mut named = schema.clone();
        refuse_null(&mut named);
        self.description(&mut named, || format!("The schema `{name}`."));
        self.added.push((name.clone(), named));
        schema.value = reference(schema, &name);
    }
}

/// `$ref` to a schema, at the position of a node.
pub(super) fn reference(at: &Node, name: &str) -> Value {
    let mut node = at.here(Value::Mapping(Vec::new()));
    node.set("$ref", at.text_here(format!("#/components/schemas/{name}")));
    node.value
}

/// Renames the schemas whose names have no identifier of their own, and corrects the references to all components.
pub(super) fn rename_schemas(root: &mut Node) {
    let events = root.get("x-webhooks").map_or(&[][..], Node::entries);
    let mut taken: BTreeSet<String> = PRELUDE.iter().map(|name| (*name).to_owned()).collect();
    taken.extend(events.iter().filter_map(|(name, _)| pascal(&name.text)));
    let mut renamed: BTreeMap<String, String> = BTreeMap::new();
    let mut numbers: BTreeMap<String, usize> = BTreeMap::new();
    let schemas = root.get_path(&["components", "schemas"]).map_or(&[][..], Node::entries);
    for (key, _) in schemas {
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        let base: String = key.text.chars().map(|c| if is_allowed(c) { c } else { '-' }).collect();
        let base = if pascal(&base).is_some() { base } else { "Schema".to_owned() };
        let mut name = base.clone();
        while !pascal(&name).is_some_and(|pascal| taken.insert(pascal)) {
            let number = numbers.entry(base.clone()).or_insert(0);
            *number += 1;
            name = format!("{base}Model{}", if *number == 1 { String::new() } else { number.to_string() });
        }
        if name != key.text {
            renamed.insert(key.text.clone(), name);
        }
    }
    if let Some(schemas) = root.get_mut("components").and_then(|components| components.get_mut("schemas")) {
        for (key, _) in schemas.entries_mut() {
            if let Some(name) = renamed.get(&key.text) {
                key.text.clone_from(name);
            }
        }
    }
    correct(root, &renamed);
}

/// Corrects the references below a node, except those in examples, which are data.
fn correct(node: &mut Node, renamed: &BTreeMap<String, String>) {
    for (key, member) in node.entries_mut() {
        match (key.text.as_str(), &mut member.value) {
            ("$ref", Value::String(reference)) => {
                if reference.contains(['~', '%']) {
                    *reference = decoded(reference);
                }
                let name = reference.strip_prefix("#/components/schemas/").and_then(|name| renamed.get(name));
                if let Some(name) = name {
                    *reference = format!("#/components/schemas/{name}");
                }
            }
            ("example" | "default" | "enum" | "value", _) => {}
            // The keys are names of members.
            ("properties" | "schemas", Value::Mapping(members)) => {
                members.iter_mut().for_each(|(_, member)| correct(member, renamed));
            }
            _ => correct(member, renamed),
        }
    }
    node.items_mut().iter_mut().for_each(|item| correct(item, renamed));
}

/// Corrects the names of operations in the extensions.
pub(super) fn rename_operations(root: &mut Node, renamed: &BTreeMap<String, String>) {
    if renamed.is_empty() {
        return;
    }
    for (key, member) in root.entries_mut() {
        if key.text.starts_with("x-") || key.text == "components" {
            rename_within(member, renamed);
        }
    }
}

fn rename_within(node: &mut Node, renamed: &BTreeMap<String, String>) {
    let correct = |node: &mut Node| {
        let name = node.as_str().and_then(|name| renamed.get(name)).cloned();
        node.value = name.map_or_else(|| node.value.clone(), Value::String);
    };
    for (key, member) in node.entries_mut() {
        match key.text.as_str() {
            "operation" | "at" => correct(member),
            "x-follow-up" => member.items_mut().iter_mut().for_each(correct),
            "example" | "examples" | "schemas" => {}
            _ => rename_within(member, renamed),
        }
    }
    node.items_mut().iter_mut().for_each(|item| rename_within(item, renamed));
}

/// A reference without the escapes of JSON pointers and URLs.
fn decoded(reference: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = reference.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let digits = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let byte = digits.filter(|_| *first == b'%').and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { after.get(2..).unwrap_or_default() } else { after };
    }
    String::from_utf8_lossy(&bytes).replace("~1", "/").replace("~0", "~")
}

/// Names in snake_case, each of which is given once.
#[derive(Default)]
pub(super) struct Names {
    taken: BTreeSet<String>,
    /// The last number of a name.
    numbers: BTreeMap<String, usize>,
}

impl Names {
    /// Reserves a name.
    pub(super) fn take(&mut self, name: &str) {
        self.taken.insert(name.to_owned());
    }

    /// Returns the name in snake_case, or else a default one, with a number if it is taken.
    pub(super) fn give(&mut self, name: &str, default: &str) -> String {
        let base = snake(name).unwrap_or_else(|| default.to_owned());
        let mut free = base.clone();
        while !self.taken.insert(free.clone()) {
            let number = self.numbers.entry(base.clone()).or_insert(1);
            *number += 1;
            free = format!("{base}_{number}");
        }
        free
    }
}
