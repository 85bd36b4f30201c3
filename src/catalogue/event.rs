//! What a provider delivers, and how events are told apart.

use serde::Deserialize;

use super::body::{Body, Response};
use super::call::Parameter;
use crate::json::members::Places;
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

/// The members that identify the events of a provider, prepared for reading; each by its index.
pub(crate) struct Identification {
    /// Whatever conditions and own names point to.
    pub(crate) places: Places,
    /// Per event, of each of its conditions.
    pub(crate) conditions: Vec<Vec<Option<usize>>>,
    pub(crate) own_names: Vec<Option<usize>>,
    /// Per event the members of [`Event::idempotency_key`], without the whole payload.
    pub(crate) keys: Vec<(Places, Vec<usize>)>,
}

impl Identification {
    pub(crate) fn new(events: &[Event], own_names: &[&str]) -> Self {
        let mut places = Places::default();
        let conditions = |event: &Event| event.when.iter().map(|condition| places.add(condition.pointer())).collect();
        let conditions = events.iter().map(conditions).collect();
        let own_names = own_names.iter().map(|pointer| places.add(pointer)).collect();
        let key = |event: &Event| {
            let mut places = Places::default();
            let members = event.idempotency_key.iter().filter_map(|pointer| places.add(pointer)).collect();
            (places, members)
        };
        Self { conditions, own_names, keys: events.iter().map(key).collect(), places }
    }
}
