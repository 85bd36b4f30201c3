//! Security: one credential of clients.

use std::collections::BTreeSet;

use super::super::dialect;
use super::super::load::{Node, Value};
use super::Simplifier;

impl Simplifier<'_> {
    /// Chooses the security scheme of clients, and writes it as a bearer token or a header.
    pub(super) fn security(&mut self, root: &mut Node) {
        let has_operations = root.get("paths").is_some_and(|paths| !paths.entries().is_empty());
        let has_tokens = self.component_entries("securitySchemes").any(|(_, scheme)| scheme.get("x-token").is_some());
        self.schemes(root, has_tokens);
        if !has_operations {
            root.remove("security");
        }
        if !has_operations || has_tokens {
            self.keeps_security = true;
            return;
        }
        let of_root = requirements(root);
        // A misspelt name is an error.
        let is_known = |name: &String| root.get_path(&["components", "securitySchemes", name]).is_some();
        if !of_root.iter().flatten().all(is_known) {
            self.keeps_security = true;
            return;
        }
        let items = root.get("paths").map_or(&[][..], Node::entries).iter();
        let operations = items.flat_map(|(_, item)| item.entries()).map(|(_, operation)| operation);
        let mut seen = BTreeSet::new();
        let of_operations = operations.flat_map(requirements).filter(|names| seen.insert(names.clone()));
        let of_operations: Vec<Vec<String>> = of_operations.collect();
        let usable = |name: &&String| self.usable_scheme(root, name);
        let chosen = of_root.iter().chain(&of_operations).flatten().find(usable).cloned();
        self.public_by_default =
            !chosen.as_ref().is_some_and(|chosen| of_root.iter().any(|names| names.contains(chosen)));
        let list = root.get("security").unwrap_or(root).clone();
        match &chosen {
            Some(name) => {
                let mut requirement = list.here(Value::Mapping(Vec::new()));
                requirement.set(name, list.here(Value::Sequence(Vec::new())));
                root.set("security", list.here(Value::Sequence(vec![requirement])));
                self.of_root = of_root.iter().find(|names| names.contains(name)).cloned().unwrap_or_default();
            }
            None => drop(root.remove("security")),
        }
        if of_root.iter().any(|names| !names.is_empty()) && self.public_by_default {
            let message = "clients do not have a credential for these schemes, so operations that do not name another one are \
                called without one";
            self.note(&list, message, "name a bearer token, OAuth 2.0, Basic or an API key in a header");
        }
        self.scheme = chosen;
    }

    /// Rewrites the schemes.
    fn schemes(&mut self, root: &mut Node, has_tokens: bool) {
        let Some(schemes) = root.get_mut("components").and_then(|components| components.get_mut("securitySchemes"))
        else {
            return;
        };
        for (name, scheme) in schemes.entries_mut() {
            let name = name.text.clone();
            self.description(scheme, || format!("The credential for the security scheme `{name}`."));
            let text = |key: &str| scheme.get(key).and_then(Node::as_str).unwrap_or_default().to_ascii_lowercase();
            match (text("type").as_str(), text("scheme").as_str()) {
                ("oauth2" | "openidconnect", _) => {
                    scheme.set("type", scheme.text_here("http"));
                    scheme.set("scheme", scheme.text_here("bearer"));
                    self.level(scheme, &dialect::BEARER_SCHEME);
                    scheme.remove("in");
                    scheme.remove("name");
                }
                ("http", "basic") if !has_tokens => {
                    let own = scheme.get("description").and_then(Node::as_str).unwrap_or_default().to_owned();
                    let text =
                        format!("{own}\n\nThe value is `Basic `, followed by user, colon and password in Base64.");
                    let at = scheme.clone();
                    scheme.value = Value::Mapping(Vec::new());
                    for (key, value) in [
                        ("type", "apiKey"),
                        ("in", "header"),
                        ("name", "Authorization"),
                        ("description", text.trim_start()),
                    ] {
                        scheme.set(key, at.text_here(value));
                    }
                }
                ("http", "bearer") => self.level(scheme, &dialect::BEARER_SCHEME),
                ("apikey", _) => self.level(scheme, &dialect::KEY_SCHEME),
                _ => {}
            }
        }
    }

    /// Whether a client can have the credential of a scheme.
    fn usable_scheme(&self, root: &Node, name: &str) -> bool {
        let Some(scheme) = root.get_path(&["components", "securitySchemes", name]) else { return false };
        let text = |key: &str| scheme.get(key).and_then(Node::as_str).unwrap_or_default();
        match text("type") {
            "http" => text("scheme").eq_ignore_ascii_case("bearer"),
            "apiKey" => text("in") == "header",
            _ => false,
        }
    }

    /// The security of an operation: that of the root, or none. Returns the headers of further API keys that it requires.
    pub(super) fn own_security(&mut self, operation: &mut Node) -> Vec<(String, Node)> {
        if self.keeps_security {
            return Vec::new();
        }
        let own = operation.get("security").map(|_| requirements(operation));
        let is_known = |name: &String| self.component("securitySchemes", name).is_some();
        if !own.iter().flatten().flatten().all(is_known) {
            return Vec::new();
        }
        let at = operation.get("security").unwrap_or(operation).clone();
        let of_root = self.of_root.clone();
        let names = match (&self.scheme, &own) {
            (None, _) => None,
            (Some(_), None) => Some(of_root).filter(|_| !self.public_by_default),
            (Some(scheme), Some(own)) => own.iter().find(|names| names.contains(scheme)).cloned(),
        };
        let Some(names) = names else {
            if own.as_ref().is_some_and(|own| own.iter().any(|names| !names.is_empty())) {
                let message =
                    "clients do not have a credential for these schemes, so the operation is called without one";
                self.note(&at, message, "name the scheme of the root");
            }
            operation.set("security", at.here(Value::Sequence(Vec::new())));
            return Vec::new();
        };
        operation.remove("security");
        let mut headers = Vec::new();
        let own = self.scheme.clone();
        for name in names.iter().filter(|name| Some(*name) != own.as_ref()) {
            let scheme = self.component("securitySchemes", name).cloned();
            let header = scheme.as_ref().filter(|scheme| scheme.get("in").and_then(Node::as_str) == Some("header"));
            match header.and_then(|scheme| Some((scheme.get("name")?.as_str()?.to_owned(), scheme.clone()))) {
                Some(header) => headers.push(header),
                None => {
                    let message = format!("the operation also requires `{name}`, which clients do not send");
                    self.note(&at, message, "describe it as a header parameter");
                }
            }
        }
        headers
    }
}

/// The alternatives that a document or an operation names, each with the schemes that it requires at once.
fn requirements(holder: &Node) -> Vec<Vec<String>> {
    let alternatives = holder.get("security").map_or(&[][..], Node::items);
    let names = |node: &Node| node.entries().iter().map(|(name, _)| name.text.clone()).collect();
    alternatives.iter().map(names).collect()
}
