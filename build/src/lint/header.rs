//! Lints the names of headers: of credentials, operations and deliveries.

use std::collections::{BTreeMap, BTreeSet};

use super::super::names;
use super::linter::{At, Linter, Scope, is_token};
use super::operation;

/// OpenAPI ignores parameters of these names.
const OF_OPENAPI: [&str; 3] = ["accept", "authorization", "content-type"];
/// HTTP implementations set these headers.
const OF_HTTP: [&str; 7] = ["connection", "content-length", "host", "te", "trailer", "transfer-encoding", "upgrade"];

/// Whether a header of this name is never described as a parameter.
pub(crate) fn is_left_out(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    OF_OPENAPI.contains(&lower.as_str()) || OF_HTTP.contains(&lower.as_str())
}

impl<'a> Linter<'a> {
    pub(super) fn header_name(&mut self, at: &At<'a>, name: &str) {
        if !is_token(name) {
            self.report(at, format!("`{name}` is not a header name"), "use letters, digits and `-`");
        }
        let lower = name.to_ascii_lowercase();
        if OF_HTTP.contains(&lower.as_str()) {
            self.report(at, format!("HTTP implementations set the header `{name}`"), "leave it out");
        }
        let is_credential = at.node.get("type").is_some();
        if OF_OPENAPI.contains(&lower.as_str()) && !(is_credential && lower == "authorization") {
            let help = "leave it out: it follows from securitySchemes and from the media types";
            self.report(at, format!("the header `{name}` is not a parameter"), help);
        }
    }

    /// Checks headers that are described in more than one place.
    pub(super) fn headers(&mut self, root: &At<'a>) {
        let calls: Vec<At<'a>> =
            operation::all_parameters(self, root).into_iter().filter(|at| at.str("in") == Some("header")).collect();
        self.client_headers(&calls);
        self.besides_key(root, &calls);
        let help = "write its name the same everywhere, or leave one out";
        let mut constants = Scope::new("header of deliveries", help);
        let mut seen = BTreeSet::new();
        for (_, event) in root.members("x-webhooks") {
            let Some(post) = event.get("post") else { continue };
            let parameters = self.followed(&post);
            self.besides_key(&post, &parameters);
            for at in parameters.into_iter().chain(self.api_keys(&post)) {
                if let Some(name) = at.str("name").filter(|name| seen.insert(*name)) {
                    self.claim(&mut constants, &at, name, names::snake(name).map(|name| name.to_ascii_uppercase()));
                }
            }
        }
    }

    /// A client takes the value of a header once, so the header must have the same meaning in every operation.
    fn client_headers(&mut self, calls: &[At<'a>]) {
        let named = |at: &At<'a>| at.str("name").map(str::to_ascii_lowercase);
        let constant = |at: &At<'a>| at.node.get("x-client-header").and_then(|node| node.as_bool()) == Some(true);
        let schema = |at: &At<'a>| at.node.get("schema").map(|schema| schema.to_json_text());
        let mut first: BTreeMap<Option<String>, &At<'a>> = BTreeMap::new();
        for at in calls {
            let other = *first.entry(named(at)).or_insert(at);
            if (constant(at) || constant(other)) && (constant(at) != constant(other) || schema(at) != schema(other)) {
                let message = format!("this client header is described differently at {}", other.place);
                self.report(at, message, "describe it once, under components.parameters");
            }
        }
    }

    /// Checks for parameters that repeat the credential's header.
    fn besides_key(&mut self, holder: &At<'a>, parameters: &[At<'a>]) {
        for name in self.api_keys(holder).iter().filter_map(|key| key.str("name")) {
            let is_key = |at: &&At<'a>| at.str("name").is_some_and(|other| other.eq_ignore_ascii_case(name));
            for at in parameters.iter().filter(is_key) {
                let help = "leave the parameter out: the header follows from securitySchemes";
                self.report(at, format!("the header `{name}` is that of the credential"), help);
            }
        }
    }

    /// The API keys in `security` of the root or of a delivery.
    fn api_keys(&self, holder: &At<'a>) -> Vec<At<'a>> {
        let requirements = holder.get("security").map(|security| security.items()).unwrap_or_default();
        let schemes = requirements.iter().flat_map(At::entries);
        let schemes = schemes.filter_map(|(name, _)| self.target(&format!("#/components/securitySchemes/{name}")));
        schemes.filter(|at| at.str("type") == Some("apiKey")).collect()
    }

    /// The parameters of an operation, a path or a delivery. Valid `$ref`s are followed.
    pub(super) fn followed(&self, holder: &At<'a>) -> Vec<At<'a>> {
        let items = holder.get("parameters").map(|at| at.items()).unwrap_or_default();
        let follow = |at: At<'a>| match at.str("$ref") {
            Some(reference) => self.target(reference),
            None => Some(at),
        };
        items.into_iter().filter_map(follow).collect()
    }
}
