//! Reads the bodies of requests, within limits of size, memory and time.

use std::time::Duration;

use http::StatusCode;
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Bytes, Incoming};
use tokio::time::error::Elapsed;
use tokio::time::timeout;

use super::memory::{NoMemory, Reserved};

/// The time limit for receiving a body.
const TIME: Duration = Duration::from_secs(10);

/// The memory that is reserved before the next part of a body is read.
const AHEAD: usize = 16 << 10;

/// The error of receiving a body.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    #[error("the body was not complete after {} s", TIME.as_secs())]
    Slow,
    #[error("the body is longer than the limit, {0} bytes")]
    TooLong(usize),
    #[error("the connection broke before the body was complete: {0}")]
    Broken(hyper::Error),
    #[error("the requests in flight need all the memory that they may")]
    NoMemory,
}

impl BodyError {
    /// A short name for metrics.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Slow => "slow_body",
            Self::TooLong(_) => "too_long",
            Self::Broken(_) => "broken_body",
            Self::NoMemory => "no_memory",
        }
    }

    pub fn status(&self) -> StatusCode {
        match self {
            Self::Slow => StatusCode::REQUEST_TIMEOUT,
            Self::TooLong(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Broken(_) => StatusCode::BAD_REQUEST,
            Self::NoMemory => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

impl From<NoMemory> for BodyError {
    fn from(NoMemory: NoMemory) -> Self {
        Self::NoMemory
    }
}

/// Reads a body. Its memory is reserved as it grows, before it is read: a length that is only announced does not cost
/// anything, and a request that waits for memory does not hold what it has not reserved.
pub async fn read(body: Incoming, max_bytes: usize, memory: &mut Reserved<'_>) -> Result<Bytes, BodyError> {
    match within(TIME, collect(body, max_bytes, memory)).await {
        Err(_) => Err(BodyError::Slow),
        Ok(read) => read,
    }
}

async fn collect(mut body: Incoming, max_bytes: usize, memory: &mut Reserved<'_>) -> Result<Bytes, BodyError> {
    let announced = body.size_hint().exact().and_then(|length| usize::try_from(length).ok());
    if announced.is_some_and(|length| length > max_bytes) {
        return Err(BodyError::TooLong(max_bytes));
    }
    let mut first = Bytes::new();
    let mut all = Vec::new();
    let (mut length, mut reserved) = (0, 0);
    while !body.is_end_stream() {
        if reserved == length {
            let more = announced.map_or(AHEAD, |announced| announced.saturating_sub(length).min(AHEAD));
            memory.grow(more).await?;
            reserved += more;
        }
        let Some(frame) = body.frame().await else { break };
        let Ok(data) = frame.map_err(BodyError::Broken)?.into_data() else { continue };
        length += data.len();
        if length > max_bytes {
            return Err(BodyError::TooLong(max_bytes));
        }
        if length > reserved {
            memory.grow(length - reserved).await?;
            reserved = length;
        }
        // Most bodies arrive in one piece, which is not copied.
        if length == data.len() {
            first = data;
        } else {
            if all.is_empty() {
                // Memory that is not written to is not used.
                all.reserve_exact(announced.unwrap_or_default().max(length));
                all.extend_from_slice(&std::mem::take(&mut first));
            }
            all.extend_from_slice(&data);
        }
    }
    Ok(if all.is_empty() { first } else { all.into() })
}

/// Like `timeout`, but without a timer if the future is ready as soon as the rest of the connection has been handled.
pub async fn within<F: Future>(limit: Duration, future: F) -> Result<F::Output, Elapsed> {
    let mut future = std::pin::pin!(future);
    tokio::select! {
        biased;
        done = future.as_mut() => Ok(done),
        () = tokio::task::yield_now() => timeout(limit, future).await,
    }
}
