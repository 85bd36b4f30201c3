//! The steps of the demo.

use pos_webhooks::catalogue::{Event, EventNamePlace, Provider};
use serde::Serialize;

/// A step with one provider, and its outcome.
#[derive(Serialize)]
pub struct Step {
    pub provider: &'static str,
    pub step: &'static str,
    /// The event, if the step is a delivery.
    pub event: Option<&'static str>,
    pub result: StepResult,
    pub detail: String,
    pub milliseconds: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum StepResult {
    Ok,
    Failed,
    Undocumented,
}

pub fn count(number: usize, of: &str) -> String {
    format!("{number} {of}{}", if number == 1 { "" } else { "s" })
}

/// Whether the deliveries of the event identify it.
pub fn tells_its_event(provider: &Provider, event: &Event) -> bool {
    provider.event_name != Some(EventNamePlace::Body) || !event.when.is_empty()
}
