//! One delivery to one registration.

use std::time::Duration;

use super::registration::Registration;
use super::turns::Turn;
use crate::catalogue::{Event, Provider};

/// One delivery to one registration.
#[derive(Clone)]
pub(super) struct Delivery {
    /// The number among all deliveries.
    pub(super) number: u64,
    pub(super) provider: &'static Provider,
    pub(super) registration: Registration,
    pub(super) event: &'static Event,
    /// The id of the delivery, if the provider sends one.
    pub(super) id: String,
    pub(super) body: String,
    /// Whether the body is the documented example, and not a payload of the caller, which is sent as it is.
    pub(super) is_example: bool,
    pub(super) pace: Pace,
    pub(super) max_attempts: Option<u32>,
    /// Holds back later deliveries about the same thing.
    #[expect(dead_code, reason = "it is dropped with the delivery")]
    pub(super) turn: Option<Turn>,
}

impl Delivery {
    /// Whether an attempt with this number is the last one that is asked for.
    pub(super) fn ends_with(&self, attempt: u32) -> bool {
        self.max_attempts.is_some_and(|most| attempt >= most)
    }
}

impl Pace {
    /// How long the sandbox waits for an attempt that the provider makes after this time.
    pub(super) fn waits(self, documented: Duration) -> Duration {
        match self {
            Self::Reported { scale } => {
                Duration::try_from_secs_f64(documented.as_secs_f64() / scale).unwrap_or(Duration::MAX)
            }
            Self::InBackground => documented,
        }
    }
}

/// When a delivery that failed is tried again.
#[derive(Clone, Copy)]
pub(super) enum Pace {
    /// While the caller waits, `scale` times as fast as documented.
    Reported { scale: f64 },
    /// In the background, at the documented pace.
    InBackground,
}
