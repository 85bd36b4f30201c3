//! What goes wrong on request.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::random::Random;
use crate::catalogue::Provider;

/// Something that goes wrong with answers to calls, or with deliveries.
///
/// Every matching call or delivery suffers it, unless [`probability`](Fault::probability) or [`times`](Fault::times) say
/// otherwise. Several faults can hit the same one. Which ones are hit repeats with the sandbox's seed.
///
/// ```
/// use std::time::Duration;
///
/// use pos_webhooks::sandbox::{AnswerFault, DeliveryFault, Fault};
///
/// // The next two answers to any client.
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

/// What can go wrong with the answer to a call of a client.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum AnswerFault {
    /// The call is executed and answered only after this time.
    Latency {
        /// How long the call waits.
        milliseconds: u64,
    },
    /// The call is not executed; the answer has this status and no body.
    Status {
        /// The status, from 200 to 599.
        status: u16,
        /// The value of `Retry-After`, if there is to be one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_after_seconds: Option<u64>,
    },
    /// The call is executed, and the connection is reset before anything of the answer is sent.
    Reset,
    /// The call is executed, and the connection closes in the middle of the answer's body, or of its head if it has none.
    Truncated,
    /// The call is executed, and its answer keeps the status but has another body.
    Garbage {
        /// The body; without one, the HTML page of a proxy.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        body: Option<String>,
        /// The body's media type; `text/html` without one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        media_type: Option<String>,
    },
}

/// What can go wrong with a delivery.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum DeliveryFault {
    /// The attempt is made only after this time.
    Latency {
        /// How long the attempt waits.
        milliseconds: u64,
    },
    /// Half of the body is sent, and the connection is reset.
    Reset,
    /// Half of the body is sent, and the connection is closed.
    Truncated,
    /// The body is not JSON; its signature is genuine.
    Garbage,
    /// The delivery comes once more after it was acknowledged.
    Duplicate,
    /// The delivery is held back until the next one to the same registration is done.
    Reordered,
    /// The delivery is signed genuinely, but an hour ago. Without effect where nothing that is signed or sent has a time.
    StaleDate,
    /// The delivery is signed with another secret.
    WrongSignature,
}

/// What a fault of deliveries hits each time.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// A delivery as a whole.
    Delivery,
    /// One attempt at a delivery.
    Attempt,
}

impl DeliveryFault {
    fn scope(&self) -> Scope {
        match self {
            Self::Duplicate | Self::Reordered => Scope::Delivery,
            Self::Latency { .. }
            | Self::Reset
            | Self::Truncated
            | Self::Garbage
            | Self::StaleDate
            | Self::WrongSignature => Scope::Attempt,
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

    /// Only with this provider.
    #[must_use]
    pub fn provider(mut self, name: &str) -> Self {
        self.provider = Some(name.to_owned());
        self
    }

    /// Only with calls of this operation, such as `list_webhooks`.
    #[must_use]
    pub fn operation(mut self, id: &str) -> Self {
        self.operation = Some(id.to_owned());
        self
    }

    /// Only with deliveries of this event.
    #[must_use]
    pub fn event(mut self, name: &str) -> Self {
        self.event = Some(name.to_owned());
        self
    }

    /// How likely it is for each, from 0 to 1.
    #[must_use]
    pub fn probability(mut self, probability: f64) -> Self {
        self.probability = probability;
        self
    }

    /// How often it happens at most.
    #[must_use]
    pub fn times(mut self, times: u64) -> Self {
        self.times = Some(times);
        self
    }

    /// Finds what would silently never happen.
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

/// Why a [`Fault`] is refused.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum FaultError {
    /// It says neither what goes wrong with answers nor what with deliveries, or both.
    #[error("a fault has either `answer` or `delivery`")]
    Kind,
    /// The probability is not from 0 to 1.
    #[error("the probability is not from 0 to 1")]
    Probability,
    /// A status that no answer can have.
    #[error("{0} is not a status from 200 to 599")]
    Status(u16),
    /// It is to hit an operation, but deliveries have none; or an event, but calls have none.
    #[error("`operation` goes with `answer`, and `event` with `delivery`")]
    Place,
    /// What it is to hit does not exist.
    #[error("there is no {what} `{name}`; there are: {}", known.join(", "))]
    Unknown {
        /// Provider, operation or event.
        what: &'static str,
        /// What was asked for.
        name: String,
        /// What there is.
        known: Vec<&'static str>,
    },
}

/// A fault that is in force.
pub(super) struct Armed {
    fault: Fault,
    random: Random,
}

impl Armed {
    pub fn new(fault: Fault, random: Random) -> Self {
        Self { fault, random }
    }

    pub fn has_more(&self) -> bool {
        self.fault.times != Some(0)
    }

    /// The fault with what is left of it.
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

    pub fn delivery(&mut self, provider: &str, event: &str, scope: Scope) -> Option<DeliveryFault> {
        let fault = self.fault.delivery.clone().filter(|fault| fault.scope() == scope)?;
        let wanted = self.fault.event.clone();
        self.hits(provider, (wanted.as_deref(), event)).then_some(fault)
    }
}

/// The waits among the faults, added up.
pub(super) fn latency(milliseconds: impl Iterator<Item = u64>) -> Duration {
    Duration::from_millis(milliseconds.fold(0, u64::saturating_add))
}
