//! `x-registration`: the operations that create, list, get, change and delete a registration, and where they have what it
//! consists of.

use std::collections::BTreeMap;

use serde::Serialize;

use super::load::Node;

/// Where the secret comes from: an answer of the provider, the caller, or the account.
pub const SECRETS: &[&str] = &["answered", "chosen", "account"];

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Registration {
    pub secret: String,
    pub create: Call,
    pub list: Option<Call>,
    pub get: Option<Call>,
    pub update: Option<Call>,
    pub delete: Option<Call>,
}

/// An operation, and where it has what the roles stand for.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Call {
    pub operation: String,
    /// Path parameters.
    pub parameters: BTreeMap<String, String>,
    /// JSON pointers into the request's body.
    pub request: BTreeMap<String, String>,
    /// The JSON pointer to the list of registrations in the answer.
    pub items: Option<String>,
    /// JSON pointers into the answer, or into each item.
    pub answer: BTreeMap<String, String>,
}

/// Reads `x-registration`; `None` where the lint would have found something.
pub fn read(node: &Node) -> Option<Registration> {
    let optional = |key| match node.get(key) {
        None => Some(None),
        Some(node) => call(node).map(Some),
    };
    Some(Registration {
        secret: node.get("secret")?.as_str()?.to_owned(),
        create: call(node.get("create")?)?,
        list: optional("list")?,
        get: optional("get")?,
        update: optional("update")?,
        delete: optional("delete")?,
    })
}

fn call(node: &Node) -> Option<Call> {
    let roles = |key| {
        let entries = node.get(key).map_or(&[][..], Node::entries).iter();
        entries.map(|(role, place)| Some((role.text.clone(), place.as_str()?.to_owned()))).collect::<Option<_>>()
    };
    Some(Call {
        operation: node.get("operation")?.as_str()?.to_owned(),
        parameters: roles("parameters")?,
        request: roles("request")?,
        items: node.get("items").and_then(Node::as_str).map(str::to_owned),
        answer: roles("answer")?,
    })
}
