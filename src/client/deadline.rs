//! The deadline of a call.

use std::time::Duration;

use tokio::time::error::Elapsed;
use tokio::time::{Instant, timeout_at};

/// The deadline of a call with all of its tries.
#[derive(Clone, Copy)]
pub(super) struct Deadline {
    timeout: Duration,
    /// `None` if it is too far away to be represented.
    at: Option<Instant>,
}

impl Deadline {
    pub(super) fn new(timeout: Duration) -> Self {
        Self { timeout, at: Instant::now().checked_add(timeout) }
    }

    pub(super) fn time_left(self) -> Duration {
        self.at.map_or(self.timeout, |at| at.duration_since(Instant::now()))
    }

    pub(super) async fn limit<F: Future>(self, future: F) -> Result<F::Output, Elapsed> {
        match self.at {
            Some(at) => timeout_at(at, future).await,
            None => Ok(future.await),
        }
    }
}
