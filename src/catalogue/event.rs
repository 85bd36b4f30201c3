//! What a provider delivers, and how events are told apart.

use serde::Deserialize;

use super::body::{Body, Response};
use super::call::{Credential, Parameter};
use crate::json::members::Paths;
use crate::leak;

/// Where a delivery says which event it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum EventNamePlace {
    /// In the payload, see [`Event::when`] and [`Provider::own_names`](super::Provider::own_names).
    Body,
    /// In the header of this name.
    Header(#[serde(deserialize_with = "leak::text")] &'static str),
    /// The last segment of the URL's path is the name.
    LastPathSegment,
    /// Nowhere: only the program that registered the webhook knows.
    Route,
}

/// Something a provider delivers.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub struct Event {
    /// The provider's name for it.
    #[serde(deserialize_with = "leak::text")]
    pub name: &'static str,
    /// One line on when it is sent.
    #[serde(deserialize_with = "leak::text")]
    pub summary: &'static str,
    /// What else there is to know; Markdown, empty where there is nothing.
    #[serde(deserialize_with = "leak::text")]
    pub description: &'static str,
    /// What identifies the event within its payload; all of it must hold. Empty where the payload does not say.
    #[serde(deserialize_with = "leak::slice")]
    pub when: &'static [Condition],
    /// JSON pointers whose values together identify an event across redeliveries, where none of them is missing, null or
    /// blank; the empty pointer is the whole payload. Empty where nothing identifies the event.
    #[serde(deserialize_with = "leak::pointers")]
    pub idempotency_key: &'static [&'static str],
    /// What the delivery carries as proof of its origin, where that is a key as it is. Signatures are
    /// [`headers`](Event::headers).
    pub credential: Option<Credential>,
    /// Headers of the delivery.
    #[serde(deserialize_with = "leak::slice")]
    pub headers: &'static [Parameter],
    /// What is delivered.
    pub payload: Body,
    /// What the provider expects as answer.
    #[serde(deserialize_with = "leak::slice")]
    pub answers: &'static [Response],
}

/// What a member of a payload must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Condition {
    /// The member at the JSON pointer has this JSON text as value.
    Equals(
        #[serde(deserialize_with = "leak::pointer")] &'static str,
        #[serde(deserialize_with = "leak::text")] &'static str,
    ),
    /// There is a member at the JSON pointer.
    Present(#[serde(deserialize_with = "leak::pointer")] &'static str),
    /// There is no member at the JSON pointer.
    Absent(#[serde(deserialize_with = "leak::pointer")] &'static str),
}

impl Condition {
    fn pointer(&self) -> &'static str {
        let (Self::Equals(pointer, _) | Self::Present(pointer) | Self::Absent(pointer)) = self;
        pointer
    }
}

/// The members that identify the events of a provider, prepared for reading.
pub(crate) struct Identification {
    /// Whatever conditions and own names point to.
    pub(crate) paths: Paths,
    /// Per event what each of its conditions is about, as index into the paths.
    pub(crate) conditions: Vec<Vec<usize>>,
    /// As index into the paths.
    pub(crate) own_names: Vec<usize>,
    /// Per event the members of [`Event::idempotency_key`], without the whole payload.
    pub(crate) keys: Vec<Paths>,
}

impl Identification {
    pub(crate) fn new(events: &'static [Event], own_names: &'static [&'static str]) -> Self {
        let mut pointers: Vec<&'static str> = Vec::new();
        let mut index = |pointer| {
            pointers.iter().position(|known| *known == pointer).unwrap_or_else(|| {
                pointers.push(pointer);
                pointers.len() - 1
            })
        };
        let own_names = own_names.iter().map(|pointer| index(pointer)).collect();
        let (mut conditions, mut keys) = (Vec::new(), Vec::new());
        for event in events {
            conditions.push(event.when.iter().map(|condition| index(condition.pointer())).collect());
            keys.push(Paths::new(event.idempotency_key.iter().copied().filter(|pointer| !pointer.is_empty())));
        }
        Self { paths: Paths::new(pointers), conditions, own_names, keys }
    }
}
