//! When a provider delivers an event again.

use std::time::Duration;

use http::StatusCode;
use serde::Deserialize;
use serde::de::{Deserializer, Error};

use crate::leak;

/// When a provider delivers an event again.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub struct Redelivery {
    /// How long the provider waits for the response to a delivery; `None` if it does not document a limit.
    #[serde(deserialize_with = "seconds")]
    pub answer_within: Option<Duration>,
    /// When the provider delivers again, how often and for how long, and how another attempt differs.
    #[serde(deserialize_with = "leak::text")]
    pub description: &'static str,
    /// The failures after which the provider delivers again; empty if it never does.
    #[serde(deserialize_with = "leak::slice")]
    pub failures: &'static [Failure],
    /// The attempts after the first one, in order.
    #[serde(deserialize_with = "leak::slice")]
    pub schedule: &'static [Attempts],
    /// How long after the first attempt the provider gives up; `None` if the schedule ends by itself.
    #[serde(deserialize_with = "seconds")]
    pub give_up_after: Option<Duration>,
    /// JSON pointers into a payload: until an event is acknowledged or given up, the provider holds back later events for
    /// the same registration with the same values at all of these pointers. Empty if it does not document that.
    #[serde(deserialize_with = "leak::pointers")]
    pub holds_back: &'static [&'static str],
    /// How long a receiver does not respond before the provider removes its registration; `None` if the provider does not
    /// document that.
    #[serde(deserialize_with = "seconds")]
    pub removed_after: Option<Duration>,
    /// Whether the schedule is an assumption of the sandbox, because the provider does not document one.
    pub assumed: bool,
}

impl Redelivery {
    /// Returns whether the provider delivers again after this response. `None` means that no response came in time.
    pub fn is_failure(&self, answer: Option<StatusCode>) -> bool {
        self.failures.iter().any(|failure| failure.includes(answer))
    }

    /// Returns how long after an attempt the next one follows, or `None` if no other attempt follows. Attempts are
    /// counted from 1; `passed` is the time between the first attempt and this one.
    pub fn wait(&self, attempt: u64, passed: Duration) -> Option<Duration> {
        let mut before = 0_u64;
        let step = self.schedule.iter().find(|step| match step.attempts {
            None => true,
            Some(attempts) => {
                before = before.saturating_add(attempts);
                attempt <= before
            }
        })?;
        Some(step.every).filter(|wait| self.give_up_after.is_none_or(|limit| passed.saturating_add(*wait) <= limit))
    }
}

/// Consecutive attempts with the same interval.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub struct Attempts {
    /// The number of attempts; `None` if they go on until the provider gives up.
    pub attempts: Option<u64>,
    /// The interval between two attempts.
    #[serde(deserialize_with = "some_seconds")]
    pub every: Duration,
}

/// A failed delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Failure {
    /// No response comes in time.
    NoAnswer,
    /// The response has this status.
    Status(StatusCode),
    /// The response has a status of this class, such as 5 for 500 to 599.
    Class(u16),
}

impl Failure {
    fn includes(self, answer: Option<StatusCode>) -> bool {
        match (self, answer) {
            (Self::NoAnswer, None) => true,
            (Self::Status(status), Some(answer)) => status == answer,
            (Self::Class(class), Some(answer)) => answer.as_u16() / 100 == class,
            (Self::NoAnswer, Some(_)) | (Self::Status(_) | Self::Class(_), None) => false,
        }
    }
}

impl<'de> Deserialize<'de> for Failure {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let class =
            text.strip_suffix("XX").and_then(|class| class.parse().ok()).filter(|class| (1..=5).contains(class));
        match (text.as_str(), class, text.parse()) {
            ("none", _, _) => Ok(Self::NoAnswer),
            (_, Some(class), _) => Ok(Self::Class(class)),
            (_, None, Ok(status)) => Ok(Self::Status(status)),
            (_, None, Err(_)) => {
                Err(D::Error::custom(format_args!("`{text}` is neither a status nor a class of them")))
            }
        }
    }
}

fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    Ok(Option::deserialize(deserializer)?.map(Duration::from_secs))
}

fn some_seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    u64::deserialize(deserializer).map(Duration::from_secs)
}
