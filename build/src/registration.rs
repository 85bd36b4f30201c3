//! Reads `x-registration`: the operations that create, list, get, change and delete a registration and that subscribe it to
//! events, and where they have its values.

use std::collections::BTreeMap;

use serde::Serialize;

use super::load::Node;
use super::signature::text;
use super::token::{Constant, constants};

/// Where the secret comes from: a response of the provider, the caller, or the account.
pub const SECRETS: &[&str] = &["answered", "chosen", "account"];

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct RegistrationCalls {
    pub secret: String,
    pub create: RegistrationCall,
    pub list: Option<RegistrationCall>,
    pub get: Option<RegistrationCall>,
    pub update: Option<RegistrationCall>,
    pub delete: Option<RegistrationCall>,
    pub subscriptions: Option<SubscriptionCalls>,
}

/// The operations that subscribe registrations to events.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct SubscriptionCalls {
    pub events: Option<RegistrationCall>,
    pub create: RegistrationCall,
    pub list: Option<RegistrationCall>,
    pub get: Option<RegistrationCall>,
    pub update: Option<RegistrationCall>,
    pub delete: Option<RegistrationCall>,
    pub test: Option<RegistrationCall>,
}

/// An operation, and where it has the values of the roles.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct RegistrationCall {
    pub operation: String,
    /// Path parameters.
    pub parameters: BTreeMap<String, String>,
    /// JSON pointers into the body of the request.
    pub request: BTreeMap<String, String>,
    /// The JSON pointer to the list in the response.
    pub items: Option<String>,
    /// The query parameter with the number of the page, for a list that is returned in pages.
    pub page: Option<String>,
    /// JSON pointers into the response, or into each item of the list.
    pub answer: BTreeMap<String, String>,
}

impl RegistrationCalls {
    /// Whether a registration can be replaced by a new one with another secret: the library's `AnyClient::rotate` has the
    /// same conditions.
    pub fn can_rotate(&self) -> bool {
        let (create, Some(list), Some(delete)) = (&self.create, &self.list, &self.delete) else { return false };
        let has = |call: &RegistrationCall, role: &str| call.answer.contains_key(role);
        let is_sent = |role: &str| create.request.contains_key(role);
        let is_listed = create.request.keys().all(|role| has(list, role) || role == "active");
        let identifies = has(create, "id") && has(list, "id");
        let by_id = delete.parameters.contains_key("id") || delete.request.contains_key("id");
        let subscribes = is_sent("url") && (is_sent("events") || is_sent("event"));
        let is_whole = list.page.is_none();
        self.secret == "answered" && is_listed && is_whole && identifies && by_id && subscribes && has(create, "secret")
    }
}

/// The operation that registers a URL for one event, beside those of [`RegistrationCalls`].
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct EventRegistration {
    pub operation: String,
    /// The JSON pointer to the URL in the request.
    pub url: String,
    /// The members of the request that select the event.
    pub request: Vec<Constant>,
}

/// Reads `x-registered-by`. Returns `None` for a value that the lint reports.
pub fn of_event(node: &Node) -> Option<EventRegistration> {
    Some(EventRegistration { operation: text(node, "operation")?, url: text(node, "url")?, request: constants(node) })
}

/// Reads `x-registration`. Returns `None` for a value that the lint reports.
pub fn read(node: &Node) -> Option<RegistrationCalls> {
    Some(RegistrationCalls {
        secret: node.get("secret")?.as_str()?.to_owned(),
        create: call(node.get("create")?)?,
        list: optional(node, "list")?,
        get: optional(node, "get")?,
        update: optional(node, "update")?,
        delete: optional(node, "delete")?,
        subscriptions: match node.get("subscriptions") {
            None => None,
            Some(node) => Some(SubscriptionCalls {
                events: optional(node, "events")?,
                create: call(node.get("create")?)?,
                list: optional(node, "list")?,
                get: optional(node, "get")?,
                update: optional(node, "update")?,
                delete: optional(node, "delete")?,
                test: optional(node, "test")?,
            }),
        },
    })
}

fn optional(node: &Node, key: &str) -> Option<Option<RegistrationCall>> {
    match node.get(key) {
        None => Some(None),
        Some(node) => call(node).map(Some),
    }
}

fn call(node: &Node) -> Option<RegistrationCall> {
    let roles = |key| {
        let entries = node.get(key).map_or(&[][..], Node::entries).iter();
        entries.map(|(role, place)| Some((role.text.clone(), place.as_str()?.to_owned()))).collect::<Option<_>>()
    };
    Some(RegistrationCall {
        operation: node.get("operation")?.as_str()?.to_owned(),
        parameters: roles("parameters")?,
        request: roles("request")?,
        items: node.get("items").and_then(Node::as_str).map(str::to_owned),
        page: node.get("page").and_then(Node::as_str).map(str::to_owned),
        answer: roles("answer")?,
    })
}
