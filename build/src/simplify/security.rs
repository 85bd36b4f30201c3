//! Security: one credential of clients.

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
        if of_root.iter().any(|name| root.get_path(&["components", "securitySchemes", name]).is_none()) {
            self.keeps_security = true;
            return;
        }
        let items = root.get("paths").map_or(&[][..], Node::entries).iter();
        let operations = items.flat_map(|(_, item)| item.entries()).map(|(_, operation)| operation);
        let of_operations: Vec<String> = operations.flat_map(requirements).collect();
        let usable = |name: &&String| self.usable_scheme(root, name);
        let chosen = of_root.iter().chain(&of_operations).find(usable).cloned();
        let is_default = root.get("security").is_some();
        match &chosen {
            Some(name) => {
                let list = root.get("security").unwrap_or(root).clone();
                let mut requirement = list.here(Value::Mapping(Vec::new()));
                requirement.set(name, list.here(Value::Sequence(Vec::new())));
                root.set("security", list.here(Value::Sequence(vec![requirement])));
            }
            None => drop(root.remove("security")),
        }
        self.scheme = chosen;
        self.public_by_default = !is_default || of_root.is_empty();
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

    /// The security of an operation: that of the root, or none.
    pub(super) fn own_security(&mut self, operation: &mut Node) {
        if self.keeps_security {
            return;
        }
        let own = operation.get("security").map(|_| requirements(operation));
        let is_known = |name: &String| self.component_entries("securitySchemes").any(|(known, _)| known == name);
        if own.iter().flatten().any(|name| !is_known(name)) {
            return;
        }
        let needs_credential = match (&self.scheme, &own) {
            (None, _) => false,
            (Some(_), None) => !self.public_by_default,
            (Some(scheme), Some(own)) => own.contains(scheme),
        };
        if needs_credential {
            operation.remove("security");
        } else {
            if own.as_ref().is_some_and(|own| !own.is_empty()) {
                let at = operation.get("security").unwrap_or(operation).clone();
                self.note(
                    &at,
                    "clients do not have a credential for these schemes, so the operation is called without one",
                    "name the scheme of the root",
                );
            }
            operation.set("security", operation.get("security").unwrap_or(operation).here(Value::Sequence(Vec::new())));
        }
    }
}

/// The schemes that a document or an operation names, in their order.
fn requirements(holder: &Node) -> Vec<String> {
    let alternatives = holder.get("security").map_or(&[][..], Node::items);
    alternatives.iter().flat_map(Node::entries).map(|(name, _)| name.text.clone()).collect()
}
