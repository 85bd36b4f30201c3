//! A provider as a whole.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::OnceLock;

use serde::Deserialize;
use serde_json::Value;

use super::body::Body;
use super::call::{Credential, Operation, Server};
use super::event::{Event, EventNamePlace, Identification};
use super::redelivery::Redelivery;
use super::registration::Registration;
use super::schema::Schema;
use super::signature::Verification;
use crate::leak;

/// Everything one specification says.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub struct Provider {
    /// The module's name, such as `vipps`.
    #[serde(deserialize_with = "leak::text")]
    pub name: &'static str,
    /// Title of the specification.
    #[serde(deserialize_with = "leak::text")]
    pub title: &'static str,
    /// Version that the provider gives its interface.
    #[serde(deserialize_with = "leak::text")]
    pub version: &'static str,
    /// What the provider delivers, and what holds for all of it; Markdown.
    #[serde(deserialize_with = "leak::text")]
    pub description: &'static str,
    /// The specification itself: OpenAPI 3.0 in YAML. Empty where the provider was made from a description alone.
    #[serde(skip)]
    pub spec: &'static str,
    /// The documents that the specification was written from.
    #[serde(deserialize_with = "leak::slice")]
    pub sources: &'static [Source],
    /// Documented servers.
    #[serde(deserialize_with = "leak::slice")]
    pub servers: &'static [Server],
    /// What every operation asks a client for; `None` where there are no operations.
    pub credential: Option<Credential>,
    /// Calls that a client can make.
    #[serde(deserialize_with = "leak::slice")]
    pub operations: &'static [Operation],
    /// Where a delivery says which event it is; `None` where nothing is delivered.
    pub event_name: Option<EventNamePlace>,
    /// JSON pointers to where a payload may name its event, which need not be a listed one; for [`EventNamePlace::Body`].
    #[serde(deserialize_with = "leak::pointers")]
    pub own_names: &'static [&'static str],
    /// How a delivery proves where it comes from; `None` where nothing is delivered.
    pub verification: Option<Verification>,
    /// How registrations are managed; `None` where no operation does.
    pub registration: Option<Registration>,
    /// When the provider delivers an event again; `None` where nothing is said of it.
    pub redelivery: Option<Redelivery>,
    /// What the provider delivers.
    #[serde(deserialize_with = "leak::slice")]
    pub events: &'static [Event],
    /// Named schemas: models, answers without a model of their own, and event payloads.
    #[serde(deserialize_with = "leak::slice")]
    pub schemas: &'static [Schema],
    /// The names of all members that the schemas list.
    #[serde(skip)]
    members: OnceLock<BTreeSet<&'static str>>,
    #[serde(skip)]
    identification: OnceLock<Identification>,
}

impl Provider {
    /// Looks a schema up by the name of a model (`Order`), an answer (`list_webhooks.200`) or an event (`ORDER`).
    ///
    /// # Errors
    ///
    /// When there is none of that name; the error lists those there are.
    pub fn schema(&'static self, name: &str) -> Result<&'static Schema, UnknownName> {
        self.schemas.iter().find(|schema| schema.name == name).ok_or_else(|| UnknownName {
            provider: self.name,
            name: name.to_owned(),
            known: self.schemas.iter().map(|schema| schema.name).collect(),
        })
    }

    /// The operation with an `operationId`.
    pub fn operation(&'static self, id: &str) -> Option<&'static Operation> {
        self.operations.iter().find(|operation| operation.id == id)
    }

    /// The event of that name.
    pub fn event(&'static self, name: &str) -> Option<&'static Event> {
        self.events.iter().find(|event| event.name == name)
    }

    /// Every body that the specification describes: requests, answers, payloads and the answers to deliveries.
    pub fn bodies(&'static self) -> impl Iterator<Item = &'static Body> {
        let sent = self.operations.iter().flat_map(|operation| operation.request.iter());
        let answered =
            self.operations.iter().flat_map(|operation| operation.answers).filter_map(|answer| answer.body.as_ref());
        let delivered = self.events.iter().map(|event| &event.payload);
        let acknowledged = self.events.iter().flat_map(|event| event.answers).filter_map(|answer| answer.body.as_ref());
        sent.chain(answered).chain(delivered).chain(acknowledged)
    }

    /// Whether any schema lists a member of that name. Every other name was chosen by a sender, and may be personal.
    pub(crate) fn lists(&self, member: &str) -> bool {
        self.members.get_or_init(|| members(self.schemas)).contains(member)
    }

    pub(crate) fn identification(&self) -> &Identification {
        self.identification.get_or_init(|| Identification::new(self.events, self.own_names))
    }
}

/// The names of all members that the schemas list.
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

/// A name that a provider's specification does not have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{provider} has no event or schema `{name}`; it has: {}", known.join(", "))]
#[non_exhaustive]
pub struct UnknownName {
    /// The provider's name.
    pub provider: &'static str,
    /// What was asked for.
    pub name: String,
    /// What there is.
    pub known: Vec<&'static str>,
}

/// A document that a specification was written from.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub struct Source {
    /// Its title.
    #[serde(deserialize_with = "leak::text")]
    pub title: &'static str,
    /// Where it stands.
    #[serde(deserialize_with = "leak::optional_text")]
    pub url: Option<&'static str>,
    /// Its own date as year, month or day (`2023`, `2023-07`, `2023-07-19`); `None` where it has none.
    #[serde(deserialize_with = "leak::optional_text")]
    pub date: Option<&'static str>,
    /// The day on which it was read, where it has no date of its own.
    #[serde(deserialize_with = "leak::optional_text")]
    pub read: Option<&'static str>,
    /// What was taken from it; Markdown, empty where there is nothing to say.
    #[serde(deserialize_with = "leak::text")]
    pub note: &'static str,
}
