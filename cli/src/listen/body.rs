//! Reads the bodies of requests, within limits of size and time.

use std::error::Error;
use std::time::Duration;

use http::StatusCode;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::{Bytes, Incoming};
use tokio::time::error::Elapsed;
use tokio::time::timeout;

/// The time limit for receiving a body.
const TIME: Duration = Duration::from_secs(10);

/// The error of receiving a body.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    #[error("the body was not complete after {} s", TIME.as_secs())]
    Slow,
    #[error("the body is longer than --max-bytes, {0} bytes")]
    TooLong(usize),
    #[error("the connection broke before the body was complete: {0}")]
    Broken(Box<dyn Error + Send + Sync>),
}

impl BodyError {
    /// A short name for metrics.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Slow => "slow_body",
            Self::TooLong(_) => "too_long",
            Self::Broken(_) => "broken_body",
        }
    }

    pub fn status(&self) -> StatusCode {
        match self {
            Self::Slow => StatusCode::REQUEST_TIMEOUT,
            Self::TooLong(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Broken(_) => StatusCode::BAD_REQUEST,
        }
    }
}

pub async fn read(body: Incoming, max_bytes: usize) -> Result<Bytes, BodyError> {
    match within(TIME, Limited::new(body, max_bytes).collect()).await {
        Err(_) => Err(BodyError::Slow),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(BodyError::TooLong(max_bytes)),
        Ok(Err(error)) => Err(BodyError::Broken(error)),
        Ok(Ok(body)) => Ok(body.to_bytes()),
    }
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
