//! The events of a provider, and how the event of a delivery is identified.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use http::StatusCode;
use serde::Deserialize;

use super::body::{Body, Response};
use super::call::Parameter;
use super::registration::EventRegistration;
use super::signature::Verification;
use crate::json::members::Places;
use crate::leak;

/// Where a delivery names its event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum EventNamePlace {
    /// In the payload; see [`Event::when`] and [`Provider::own_names`](super::Provider::own_names).
    Body,
    /// In the header of this name.
    Header(#[serde(deserialize_with = "leak::text")] &'static str),
    /// In the last segment of the URL's path.
    LastPathSegment,
    /// Nowhere: only the program that registered the webhook knows the event.
    Route,
}

/// An event that a provider delivers.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub struct Event {
    /// The provider's name for the event.
    #[serde(deserialize_with = "leak::text")]
    pub name: &'static str,
    /// One line on when the event is sent.
    #[serde(deserialize_with = "leak::text")]
    pub summary: &'static str,
    /// Further details in Markdown; empty if there are none.
    #[serde(deserialize_with = "leak::text")]
    pub description: &'static str,
    /// The conditions by which a payload is recognised as this event. All of them must hold. Empty if the payload does
    /// not identify the event.
    #[serde(deserialize_with = "leak::slice")]
    pub when: &'static [Condition],
    /// JSON pointers whose values together identify an event across redeliveries, where none of them is missing, null or
    /// blank. The empty pointer is the whole payload. The list is empty if nothing identifies the event.
    #[serde(deserialize_with = "leak::pointers")]
    pub idempotency_key: &'static [&'static str],
    /// The headers of the delivery.
    #[serde(deserialize_with = "leak::slice")]
    pub headers: &'static [Parameter],
    /// The payload of the delivery.
    pub payload: Body,
    /// The responses of a receiver that the provider documents.
    #[serde(deserialize_with = "leak::slice")]
    pub responses: &'static [Response],
    /// How deliveries of the event prove their origin, if not as [`Provider::verification`](super::Provider::verification)
    /// says.
    pub verification: Option<Verification>,
    /// The ids of the operations with which the program reports what became of the event; usually there are none.
    #[serde(deserialize_with = "leak::texts")]
    pub follow_up: &'static [&'static str],
    /// The operation that registers a URL for the event, if it is not one of
    /// [`Provider::registration`](super::Provider::registration).
    pub registered_by: Option<EventRegistration>,
}

impl Event {
    /// Returns the response that is documented for a status, or else for the class of the status.
    pub fn response(&self, status: StatusCode) -> Option<&'static Response> {
        Response::find(self.responses, status)
    }

    /// Returns the first documented response that acknowledges a delivery.
    pub fn success(&self) -> Option<&'static Response> {
        self.responses.iter().find(|response| response.is_success())
    }

    /// Returns the body that the event asks for, which only the receiver knows; `None` for an event that only has to be
    /// acknowledged.
    pub fn requested_body(&self) -> Option<&'static Body> {
        self.success().filter(|success| success.acknowledgement.is_none())?.body.as_ref()
    }
}

/// A condition on a member of a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Condition {
    /// The member at the JSON pointer has the value of this JSON text.
    Equals(
        #[serde(deserialize_with = "leak::pointer")] &'static str,
        #[serde(deserialize_with = "leak::text")] &'static str,
    ),
    /// The payload has a member at the JSON pointer.
    Present(#[serde(deserialize_with = "leak::pointer")] &'static str),
    /// The payload does not have a member at the JSON pointer.
    Absent(#[serde(deserialize_with = "leak::pointer")] &'static str),
}

impl Condition {
    fn pointer(&self) -> &'static str {
        let (Self::Equals(pointer, _) | Self::Present(pointer) | Self::Absent(pointer)) = self;
        pointer
    }
}

/// The members that identify the events of a provider, prepared for reading. The other fields refer to them by index.
pub(crate) struct Identification {
    /// The places of all members that conditions and own names point to.
    pub(crate) places: Places,
    /// For each event, the index of the member of each of its conditions.
    pub(crate) conditions: Vec<Vec<Option<usize>>>,
    pub(crate) own_names: Vec<Option<usize>>,
    /// The names, in quotation marks, of the members that no event has whose payload is decoded at once.
    pub(crate) absent: OnceLock<Vec<String>>,
    /// For each event, the members of [`Event::idempotency_key`], without the pointer to the whole payload.
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
        Self { conditions, own_names, absent: OnceLock::new(), keys: events.iter().map(key).collect(), places }
    }

    /// The names, in quotation marks, of the members that all of the events with these names require to be absent.
    pub(crate) fn absent_from(events: &[Event], names: &[&str]) -> Vec<String> {
        let absent = |event: &Event| {
            let members = event.when.iter().filter_map(|condition| match condition {
                Condition::Absent(pointer) => pointer.strip_prefix('/').filter(|name| !name.contains(['/', '~'])),
                Condition::Equals(..) | Condition::Present(_) => None,
            });
            members.map(|name| format!("\"{name}\"")).collect::<BTreeSet<_>>()
        };
        let of_events = events.iter().filter(|event| names.contains(&event.name)).map(absent);
        of_events.reduce(|one, other| &one & &other).into_iter().flatten().collect()
    }
}
