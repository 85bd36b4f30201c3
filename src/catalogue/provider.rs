//! The description of a whole provider.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::OnceLock;

use serde::Deserialize;
use serde_json::Value;

use super::body::Body;
use super::call::{Credential, Operation, Parameter, Server};
use super::event::{Event, EventNamePlace, Identification};
use super::fidelity::{Difference, Omission};
use super::handshake::Handshake;
use super::redelivery::Redelivery;
use super::registration::RegistrationCalls;
use super::schema::Schema;
use super::signature::Verification;
use super::token::TokenGrant;
use crate::leak;

/// The content of one provider's specification.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub struct Provider {
    /// The module's name, such as `vipps`.
    #[serde(deserialize_with = "leak::text")]
    pub name: &'static str,
    /// The title of the specification.
    #[serde(deserialize_with = "leak::text")]
    pub title: &'static str,
    /// The version of the provider's interface, as the provider gives it.
    #[serde(deserialize_with = "leak::text")]
    pub version: &'static str,
    /// What the provider delivers, and what applies to all deliveries; Markdown.
    #[serde(deserialize_with = "leak::text")]
    pub description: &'static str,
    /// The specification: an OpenAPI 3.0 document in YAML. Empty if the provider was read from a description alone.
    #[serde(skip)]
    pub spec: &'static str,
    /// The documents that the specification was written from.
    #[serde(deserialize_with = "leak::slice")]
    pub sources: &'static [Source],
    /// What the specification leaves out of these documents.
    #[serde(deserialize_with = "leak::slice")]
    pub omitted: &'static [Omission],
    /// Where the specification differs from these documents, or where they contradict themselves or each other.
    #[serde(deserialize_with = "leak::slice")]
    pub differences: &'static [Difference],
    /// The documented servers.
    #[serde(deserialize_with = "leak::slice")]
    pub servers: &'static [Server],
    /// The credential that the operations use; `None` if there are no operations.
    pub credential: Option<Credential>,
    /// The operations that a client can call.
    #[serde(deserialize_with = "leak::slice")]
    pub operations: &'static [Operation],
    /// Where a delivery names its event; `None` if the provider does not deliver events.
    pub event_name: Option<EventNamePlace>,
    /// JSON pointers to the members in which a payload may name its event, which need not be a listed one; for
    /// [`EventNamePlace::Body`].
    #[serde(deserialize_with = "leak::pointers")]
    pub own_names: &'static [&'static str],
    /// How a delivery proves its origin, unless its event says otherwise; `None` if the provider does not deliver events.
    /// See [`Provider::verification_of`].
    pub verification: Option<Verification>,
    /// How registrations are managed; `None` if no operation manages them.
    pub registration: Option<RegistrationCalls>,
    /// What the provider asks of a receiver before it registers a URL; `None` if it asks nothing.
    pub handshake: Option<Handshake>,
    /// When the provider delivers an event again; `None` if the specification does not say.
    pub redelivery: Option<Redelivery>,
    /// The events that the provider delivers.
    #[serde(deserialize_with = "leak::slice")]
    pub events: &'static [Event],
    /// The named schemas: models, responses that do not have a model of their own, and event payloads.
    #[serde(deserialize_with = "leak::slice")]
    pub schemas: &'static [Schema],
    /// The schemas by the length of their name, which takes less time to compare, and by their name.
    #[serde(skip)]
    schemas_by_name: OnceLock<BTreeMap<(usize, &'static str), &'static Schema>>,
    /// The names of all members that the schemas describe.
    #[serde(skip)]
    members: OnceLock<BTreeSet<&'static str>>,
    #[serde(skip)]
    identification: OnceLock<Identification>,
}

impl Provider {
    /// Looks up a schema by the name of a model (`Order`), a response (`list_webhooks.200`) or an event (`ORDER`).
    ///
    /// # Errors
    ///
    /// Returns an error that lists the known names if there is no schema of that name.
    pub fn schema(&'static self, name: &str) -> Result<&'static Schema, UnknownName> {
        let by_name = || self.schemas.iter().rev().map(|schema| ((schema.name.len(), schema.name), schema)).collect();
        self.schemas_by_name.get_or_init(by_name).get(&(name.len(), name)).copied().ok_or_else(|| UnknownName {
            provider: self.name,
            name: name.to_owned(),
            known: self.schemas.iter().map(|schema| schema.name).collect(),
        })
    }

    /// Returns the operation with an `operationId`.
    pub fn operation(&'static self, id: &str) -> Option<&'static Operation> {
        self.operations.iter().find(|operation| operation.id == id)
    }

    /// Returns how a client requests an access token; empty if no operation issues one. The first one is the default.
    pub fn grants(&self) -> &'static [TokenGrant] {
        self.credential.as_ref().map_or(&[], |credential| credential.grants)
    }

    /// Returns the headers that a client takes with its credentials, because they are the same for every request. Each
    /// is listed once, and is required if any operation requires it.
    pub fn constant_headers(&'static self) -> Vec<&'static Parameter> {
        let mut found: Vec<&Parameter> = Vec::new();
        for header in self.operations.iter().flat_map(|operation| operation.headers).filter(|it| it.constant) {
            match found.iter_mut().find(|known| known.name.eq_ignore_ascii_case(header.name)) {
                Some(known) if header.required => *known = header,
                Some(_) => {}
                None => found.push(header),
            }
        }
        found
    }

    /// Returns the event of that name.
    pub fn event(&'static self, name: &str) -> Option<&'static Event> {
        self.events.iter().find(|event| event.name == name)
    }

    /// Returns how the deliveries of an event prove their origin. `None` as the event means the events that do not have a
    /// [`verification`](Event::verification) of their own.
    pub fn verification_of(&self, event: Option<&str>) -> Option<&Verification> {
        let known = event.and_then(|name| self.events.iter().find(|event| event.name == name));
        known.and_then(|event| event.verification.as_ref()).or(self.verification.as_ref())
    }

    /// Returns every body that the specification describes: of requests, responses, deliveries and responses to
    /// deliveries.
    pub fn bodies(&'static self) -> impl Iterator<Item = &'static Body> {
        let sent = self.operations.iter().flat_map(|operation| operation.request.iter());
        let answered = self
            .operations
            .iter()
            .flat_map(|operation| operation.responses)
            .filter_map(|response| response.body.as_ref());
        let delivered = self.events.iter().map(|event| &event.payload);
        let acknowledged =
            self.events.iter().flat_map(|event| event.responses).filter_map(|response| response.body.as_ref());
        sent.chain(answered).chain(delivered).chain(acknowledged)
    }

    /// Whether any schema describes a member of that name. Other names were chosen by a sender, and may be personal
    /// data.
    #[doc(hidden)]
    pub fn lists(&self, member: &str) -> bool {
        self.members.get_or_init(|| members(self.schemas)).contains(member)
    }

    pub(crate) fn identification(&self) -> &Identification {
        self.identification.get_or_init(|| Identification::new(self.events, self.own_names))
    }
}

/// The names of all members that the schemas describe.
fn members(schemas: &'static [Schema]) -> BTreeSet<&'static str> {
    fn list<'a>(schema: &'a Value, names: &mut BTreeSet<&'a str>) {
        match schema {
            Value::Object(keywords) => {
                if let Some(Value::Object(properties)) = keywords.get("properties") {
                    names.extend(properties.keys().map(String::as_str));
                }
                keywords.values().for_each(|value| list(value, names));
            }
            Value::Array(items) => items.iter().for_each(|item| list(item, names)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    let mut names = BTreeSet::new();
    schemas.iter().for_each(|schema| list(schema.given_out(), &mut names));
    names
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Provider").field("name", &self.name).field("version", &self.version).finish_non_exhaustive()
    }
}

/// The error for a name that is not in a provider's specification.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{provider} has no event or schema `{name}`; it has: {}", known.join(", "))]
#[non_exhaustive]
pub struct UnknownName {
    /// The provider's name.
    pub provider: &'static str,
    /// The unknown name.
    pub name: String,
    /// The known names.
    pub known: Vec<&'static str>,
}

/// A document that a specification was written from.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub struct Source {
    /// The short name by which [`Difference`] and [`Omission`] refer to the document; `None` if nothing refers to it.
    #[serde(deserialize_with = "leak::optional_text")]
    pub key: Option<&'static str>,
    /// The document's title.
    #[serde(deserialize_with = "leak::text")]
    pub title: &'static str,
    /// The document's URL; `None` if it is not public.
    #[serde(deserialize_with = "leak::optional_text")]
    pub url: Option<&'static str>,
    /// The document's own date as year, month or day (`2023`, `2023-07`, `2023-07-19`); `None` if it is undated.
    #[serde(deserialize_with = "leak::optional_text")]
    pub date: Option<&'static str>,
    /// The day on which the document was read, if it is undated.
    #[serde(deserialize_with = "leak::optional_text")]
    pub read: Option<&'static str>,
    /// What was taken from the document; Markdown, possibly empty.
    #[serde(deserialize_with = "leak::text")]
    pub note: &'static str,
}
