//! The recorded attempts to deliver events.

use std::time::Duration;

use serde::{Serialize, Serializer};

use super::fault::DeliveryFault;
use crate::Time;

/// One attempt to deliver an event to one registration.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Attempt {
    /// The number of the attempt among all attempts of the sandbox, counted from 1.
    pub number: u64,
    /// The provider's module.
    pub provider: &'static str,
    /// The name of the event.
    pub event: &'static str,
    /// The number of the delivery among all deliveries of the sandbox, counted from 1. All attempts at a delivery have it.
    pub delivery: u64,
    /// The id of the registration.
    pub registration: String,
    /// The URL to which the delivery was sent.
    pub url: String,
    /// The number of the attempt at this delivery, counted from 1.
    pub attempt: u32,
    /// The time of the attempt in UTC, in RFC 3339 form.
    pub at: Time,
    /// How long the attempt took.
    #[serde(rename = "milliseconds", serialize_with = "milliseconds")]
    pub duration: Duration,
    /// The status of the response; `None` if there is no response.
    pub status: Option<u16>,
    /// The reason why there is no response.
    pub error: Option<String>,
    /// How long the provider waits before the next attempt; `None` if it does not make another one.
    #[serde(rename = "retry_in_seconds", serialize_with = "seconds")]
    pub retry_in: Option<Duration>,
    /// The time of the next attempt in UTC, in RFC 3339 form; `None` if the sandbox does not make another one. With a
    /// [`time_scale`](super::Trigger::time_scale), it is earlier than `retry_in` after this attempt.
    pub next_at: Option<Time>,
    /// The faults that were applied to the attempt.
    pub faults: Vec<DeliveryFault>,
    /// The request that was sent, or was to be sent.
    pub request: Message,
    /// The response; `None` if there is none.
    pub answer: Option<Message>,
    /// That the filter of the subscription was not applied, and how the body of the response differs from the body that
    /// is documented for its status; `None` if there is neither. Only the status determines whether the delivery is
    /// acknowledged.
    pub note: Option<String>,
    /// Whether the body is the documented example, and not a payload of the caller.
    #[serde(skip)]
    pub(super) is_example: bool,
}

impl Attempt {
    /// Returns whether the receiver acknowledged the delivery.
    pub fn is_acknowledged(&self) -> bool {
        self.status.is_some_and(|status| (200..300).contains(&status))
    }
}

pub(super) fn milliseconds<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}

fn seconds<S: Serializer>(duration: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    duration.as_ref().map(Duration::as_secs).serialize(serializer)
}

/// Headers and body of a request or a response.
#[derive(Clone, Debug, Default, Serialize)]
#[non_exhaustive]
pub struct Message {
    /// The names and values of the headers, in the order in which they are sent.
    pub headers: Vec<(String, String)>,
    /// The body; of a response, its first 64 KiB.
    pub body: String,
    /// The number of bytes of the response body after the first 64 KiB, which are not kept.
    pub omitted_bytes: usize,
}
