//! Faults that tests can inject into responses and deliveries.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::random::Random;
use crate::catalogue::Provider;

/// A fault of responses to calls, or of deliveries.
///
/// The fault applies to every matching call or delivery, unless [`probability`](Fault::probability) or
/// [`times`](Fault::times) restrict it. Several faults can apply to the same call or delivery. With the same seed of
/// the sandbox, the choice is the same.
///
/// ```
/// use std::time::Duration;
///
/// use pos_webhooks::sandbox::{AnswerFault, DeliveryFault, Fault};
///
/// // The next two responses to any client.
/// let down = Fault::from(AnswerFault::Status { status: 503, retry_after_seconds: Some(1) }).times(2);
/// // Half of all deliveries of one provider.
/// let twice = Fault::from(DeliveryFault::Duplicate).provider("vipps").probability(0.5);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    answer: Option<AnswerFault>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    delivery: Option<DeliveryFault>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    provider: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    operation: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    event: Option<String>,
    #[serde(default = "always", skip_serializing_if = "is_always")]
    probability: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    times: Option<u64>,
}

fn always() -> f64 {
    1.0
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_always(probability: &f64) -> bool {
    *probability >= 1.0
}

/// A fault of the response to a call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum AnswerFault {
    /// The call is executed, and the response sent, only after this time.
    Latency {
        /// The delay in milliseconds.
        milliseconds: u64,
    },
    /// The call is not executed. The response has this status and does not have a body.
    Status {
        /// The status, from 200 to 599.
        status: u16,
        /// The value of the header `Retry-After` in seconds; without one, the header is not sent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_after_seconds: Option<u64>,
    },
    /// The call is executed, and the connection is reset before any part of the response is sent.
    Reset,
    /// The call is executed, and the connection is closed in the middle of the response body, or in the middle of the
    /// head if there is no body.
    Truncated,
    /// The call is executed, and the response keeps its status but has another body.
    Garbage {
        /// The body; by default the HTML page of a proxy.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        body: Option<String>,
        /// The media type of the body; by default `text/html`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        media_type: Option<String>,
    },
}

/// A fault of a delivery.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum DeliveryFault {
    /// The attempt is made only after this time.
    Latency {
        /// The delay in milliseconds.
        milliseconds: u64,
    },
    /// Half of the body is sent, and the connection is reset.
    Reset,
    /// Half of the body is sent, and the connection is closed.
    Truncated,
    /// The body is not JSON. Its signature is genuine.
    Garbage,
    /// The delivery is sent once more after it was acknowledged.
    Duplicate,
    /// The delivery is held back until the next delivery to the same registration is done.
    Reordered,
    /// The delivery has a genuine signature of an hour ago. This has no effect if the provider does not sign or send a
    /// time.
    StaleDate,
    /// The delivery is signed with another secret.
    WrongSignature,
}

/// What a fault of deliveries applies to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum FaultScope {
    /// A delivery as a whole.
    Delivery,
    /// One attempt at a delivery.
    Attempt,
}

impl DeliveryFault {
    fn scope(&self) -> FaultScope {
        match self {
            Self::Duplicate | Self::Reordered => FaultScope::Delivery,
            Self::Latency { .. }
            | Self::Reset
            | Self::Truncated
            | Self::Garbage
            | Self::StaleDate
            | Self::WrongSignature => FaultScope::Attempt,
        }
    }
}

impl From<AnswerFault> for Fault {
    fn from(answer: AnswerFault) -> Self {
        Self { answer: Some(answer), ..Self::nothing() }
    }
}

impl From<DeliveryFault> for Fault {
    fn from(delivery: DeliveryFault) -> Self {
        Self { delivery: Some(delivery), ..Self::nothing() }
    }
}

impl Fault {
    fn nothing() -> Self {
        Self {
            answer: None,
            delivery: None,
            provider: None,
            operation: None,
            event: None,
            probability: 1.0,
            times: None,
        }
    }

    /// Restricts the fault to this provider.
    #[must_use]
    pub fn provider(mut self, name: &str) -> Self {
        self.provider = Some(name.to_owned());
        self
    }

    /// Restricts the fault to calls of this operation, such as `list_webhooks`.
    #[must_use]
    pub fn operation(mut self, id: &str) -> Self {
        self.operation = Some(id.to_owned());
        self
    }

    /// Restricts the fault to deliveries of this event.
    #[must_use]
    pub fn event(mut self, name: &str) -> Self {
        self.event = Some(name.to_owned());
        self
    }

    /// Sets the probability that the fault applies to a call or delivery, from 0 to 1.
    #[must_use]
    pub fn probability(mut self, probability: f64) -> Self {
        self.probability = probability;
        self
    }

    /// Sets how many times the fault applies at most.
    #[must_use]
    pub fn times(mut self, times: u64) -> Self {
        self.times = Some(times);
        self
    }

    /// Checks the fault, so that it is not one that never applies.
    pub(super) fn check(&self, simulated: &[&'static Provider]) -> Result<(), FaultError> {
        if self.answer.is_some() == self.delivery.is_some() {
            return Err(FaultError::Kind);
        }
        if !(0.0..=1.0).contains(&self.probability) {
            return Err(FaultError::Probability);
        }
        if let Some(AnswerFault::Status { status, .. }) = self.answer
            && !(200..600).contains(&status)
        {
            return Err(FaultError::Status(status));
        }
        let providers = || {
            let named = |name: &str| self.provider.as_deref().is_none_or(|provider| provider == name);
            simulated.iter().copied().filter(move |provider| named(provider.name))
        };
        let unknown = |what, name: &String, known: Vec<&'static str>| {
            if known.contains(&name.as_str()) {
                return Ok(());
            }
            Err(FaultError::Unknown { what, name: name.clone(), known })
        };
        if let Some(name) = &self.provider {
            unknown("provider", name, simulated.iter().map(|provider| provider.name).collect())?;
        }
        match (&self.operation, &self.event) {
            (Some(_), _) if self.answer.is_none() => Err(FaultError::Place),
            (_, Some(_)) if self.delivery.is_none() => Err(FaultError::Place),
            (Some(id), _) => {
                let known = providers().flat_map(|provider| provider.operations).map(|operation| operation.id);
                unknown("operation", id, known.collect())
            }
            (_, Some(name)) => {
                let known = providers().flat_map(|provider| provider.events).map(|event| event.name);
                unknown("event", name, known.collect())
            }
            (None, None) => Ok(()),
        }
    }
}

/// The error for a [`Fault`] that could never apply.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum FaultError {
    /// The fault has neither a fault of responses nor one of deliveries, or has both.
    #[error("a fault has either `answer` or `delivery`")]
    Kind,
    /// The probability is not between 0 and 1.
    #[error("the probability is not between 0 and 1")]
    Probability,
    /// The status is not one that a response can have.
    #[error("{0} is not a status from 200 to 599")]
    Status(u16),
    /// A fault of deliveries is restricted to an operation, or a fault of responses to an event.
    #[error("`operation` goes with `answer`, and `event` with `delivery`")]
    Place,
    /// The provider, operation or event that the fault is restricted to does not exist.
    #[error("there is no {what} `{name}`; there are: {}", known.join(", "))]
    Unknown {
        /// The kind of the unknown name: provider, operation or event.
        what: &'static str,
        /// The unknown name.
        name: String,
        /// The known names.
        known: Vec<&'static str>,
    },
}

/// A fault that is active.
pub(super) struct Armed {
    /// Counted from 1.
    pub id: u64,
    fault: Fault,
    random: Random,
}

impl Armed {
    pub fn new(id: u64, fault: Fault, random: Random) -> Self {
        Self { id, fault, random }
    }

    pub fn has_more(&self) -> bool {
        self.fault.times != Some(0)
    }

    /// The fault with the number of times that are left.
    pub fn fault(&self) -> &Fault {
        &self.fault
    }

    fn hits(&mut self, provider: &str, what: (Option<&str>, &str)) -> bool {
        let (wanted, name) = what;
        let Fault { provider: only, probability, times, .. } = &mut self.fault;
        if only.as_deref().is_some_and(|only| only != provider) || wanted.is_some_and(|wanted| wanted != name) {
            return false;
        }
        if *times == Some(0) || !self.random.happens(*probability) {
            return false;
        }
        *times = times.map(|times| times - 1);
        true
    }

    pub fn answer(&mut self, provider: &str, operation: &str) -> Option<AnswerFault> {
        let fault = self.fault.answer.clone()?;
        let wanted = self.fault.operation.clone();
        self.hits(provider, (wanted.as_deref(), operation)).then_some(fault)
    }

    pub fn delivery(&mut self, provider: &str, event: &str, scope: FaultScope) -> Option<DeliveryFault> {
        let fault = self.fault.delivery.clone().filter(|fault| fault.scope() == scope)?;
        let wanted = self.fault.event.clone();
        self.hits(provider, (wanted.as_deref(), event)).then_some(fault)
    }
}

/// The sum of the delays among the faults.
pub(super) fn latency(milliseconds: impl Iterator<Item = u64>) -> Duration {
    Duration::from_millis(milliseconds.fold(0, u64::saturating_add))
}
