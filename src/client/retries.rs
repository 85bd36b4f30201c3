//! When and how often a call is retried.

use std::time::Duration;

use backon::ExponentialBuilder;

use super::answer::Answer;
use super::answered_call::AnsweredCall;
use super::error::{Error, ErrorKind};
use crate::catalogue::Operation;

/// When and how often a call is retried.
///
/// A call is retried only if the failure may be temporary and executing the operation twice does no harm. An operation
/// with an idempotent method (`GET`, `PUT`, `DELETE`) is retried after a failed connection and after a response with
/// status 408, 429, 502, 503 or 504. A `POST` is retried only if no connection could be made, because it cannot have
/// been executed then. If the first response to a `DELETE` is lost, the second try may report that nothing was found;
/// [`Error::may_have_been_executed`] then returns true.
///
/// The delay is at least the provider's `Retry-After`. If [`Options::timeout`](super::Options::timeout) does not leave
/// time for another try, the call returns the error of the last one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retries {
    tries: usize,
    first_delay: Duration,
    longest_delay: Duration,
}

impl Default for Retries {
    /// At most 3 tries. The delay is 200 milliseconds before the second try and doubles for each further one, up to 5
    /// seconds, plus a random part of up to the same length.
    fn default() -> Self {
        Self { tries: 3, first_delay: Duration::from_millis(200), longest_delay: Duration::from_secs(5) }
    }
}

impl Retries {
    /// Sends every call once.
    pub fn off() -> Self {
        Self::default().tries(1)
    }

    /// Sets the maximum number of tries, including the first one; 0 is treated as 1.
    #[must_use]
    pub fn tries(mut self, tries: usize) -> Self {
        self.tries = tries;
        self
    }

    /// Sets the delay before the second try and the maximum delay. A random part of up to the same length is added to
    /// each delay. More than an hour is treated as an hour.
    #[must_use]
    pub fn delays(mut self, first: Duration, longest: Duration) -> Self {
        const HOUR: Duration = Duration::from_secs(3600);
        self.first_delay = first.min(longest).min(HOUR);
        self.longest_delay = longest.min(HOUR);
        self
    }

    pub(super) fn backoff(&self) -> ExponentialBuilder {
        ExponentialBuilder::new()
            .with_jitter()
            .with_min_delay(self.first_delay)
            .with_max_delay(self.longest_delay)
            .with_max_times(self.tries.saturating_sub(1))
    }
}

/// The end of a try after which another one may be made.
pub(super) enum Unfinished<E> {
    Answered(AnsweredCall),
    Error(Error<E>),
}

impl<E> Unfinished<E> {
    pub(super) fn may_be_repeated(&self, operation: &Operation) -> bool {
        let idempotent = matches!(operation.method, "GET" | "HEAD" | "OPTIONS" | "PUT" | "DELETE");
        match self {
            Self::Answered(_) => idempotent,
            Self::Error(error) => match &error.kind {
                // Without a connection, nothing was executed.
                ErrorKind::Connection(error) => idempotent || error.is_connect(),
                _ => idempotent && error.answer_is(Answer::is_passing),
            },
        }
    }

    pub(super) fn is_in_doubt(&self) -> bool {
        match self {
            Self::Answered(call) => call.answer.is_in_doubt(),
            Self::Error(error) => error.is_in_doubt(),
        }
    }

    pub(super) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Answered(call) => call.answer.retry_after,
            Self::Error(error) => error.retry_after(),
        }
    }
}
