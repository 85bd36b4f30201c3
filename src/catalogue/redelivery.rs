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
    /// How long the provider waits for the answer to a delivery; `None` where it documents no limit.
    #[serde(deserialize_with = "seconds")]
    pub answer_within: Option<Duration>,
    /// What makes it deliver again, how often and for how long, and what then differs.
    #[serde(deserialize_with = "leak::text")]
    pub description: &'static str,
    /// What is delivered again; empty where nothing is.
    #[serde(deserialize_with = "leak::slice")]
    pub failures: &'static [Failure],
    /// The attempts after the first one, in order.
    #[serde(deserialize_with = "leak::slice")]
    pub schedule: &'static [Attempts],
    /// How long after the first attempt the provider gives up; `None` where the schedule ends by itself.
    #[serde(deserialize_with = "seconds")]
    pub give_up_after: Option<Duration>,
    /// Whether the provider documents nothing of the schedule, so that it is only what the sandbox does.
    pub assumed: bool,
}

impl Redelivery {
    /// Whether this answer, or `None` where there is none in time, is a failure that is delivered again.
    pub fn is_failure(&self, answer: Option<StatusCode>) -> bool {
        self.failures.iter().any(|failure| failure.includes(answer))
    }

    /// How long after an attempt the next one follows. Attempts are counted from 1; `passed` is the time between the first one
    /// and this one. `None` where no other attempt follows.
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

/// Attempts that each follow the one before after the same time.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub struct Attempts {
    /// How many; `None` where there are more until the provider gives up.
    pub attempts: Option<u64>,
    /// The time between two attempts.
    #[serde(deserialize_with = "some_seconds")]
    pub every: Duration,
}

/// What counts as failure of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Failure {
    /// There is no answer in time.
    NoAnswer,
    /// The answer has this status.
    Status(StatusCode),
    /// The answer has a status of this class, such as 5 for 500 to 599.
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
