//! Requests to deliver an event.

use serde::Deserialize;

use crate::Json;

/// A request to deliver an event.
///
/// The name of an event converts into a `Trigger` of the event's documented example.
///
/// ```
/// use pos_webhooks::sandbox::Trigger;
///
/// let trigger = Trigger::new("paymentCreated").time_scale(3600.0);
/// # let _ = trigger;
/// ```
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trigger {
    pub(super) event: String,
    #[serde(default)]
    pub(super) payload: Option<Json>,
    #[serde(default)]
    pub(super) time_scale: Option<f64>,
    #[serde(default)]
    pub(super) max_attempts: Option<u32>,
}

impl Trigger {
    /// Delivers the documented example of an event.
    pub fn new(event: impl Into<String>) -> Self {
        Self { event: event.into(), payload: None, time_scale: None, max_attempts: None }
    }

    /// Delivers this payload exactly as it is written. It is not validated against the specification.
    #[must_use]
    pub fn payload(mut self, payload: Json) -> Self {
        self.payload = Some(payload);
        self
    }

    /// Sets how much faster than documented a failed delivery is retried: with 3600, an hour takes a second.
    ///
    /// With a scale, [`Sandbox::deliver`](super::Sandbox::deliver) waits until the provider would give up, and returns
    /// every attempt. With neither a scale nor [`max_attempts`](Self::max_attempts), it returns the first attempt at
    /// each registration. Retries then go on in the background at the documented pace, and are in
    /// [`Sandbox::log`](super::Sandbox::log).
    #[must_use]
    pub fn time_scale(mut self, scale: f64) -> Self {
        self.time_scale = Some(scale);
        self
    }

    /// Sets the maximum number of attempts at each registration; the documented number otherwise.
    ///
    /// [`Sandbox::deliver`](super::Sandbox::deliver) waits for all of these attempts and returns each of them. Without
    /// a [`time_scale`](Self::time_scale), they are made at the documented pace.
    #[must_use]
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.max_attempts = Some(attempts);
        self
    }
}

impl From<&str> for Trigger {
    fn from(event: &str) -> Self {
        Self::new(event)
    }
}

impl From<String> for Trigger {
    fn from(event: String) -> Self {
        Self::new(event)
    }
}
