//! Reads the bodies of requests, within limits of size, memory and time.

use std::time::Duration;

use http::StatusCode;
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Bytes, Incoming};
use tokio::time::error::Elapsed;
use tokio::time::timeout;

use super::memory::{NoMemory, Reserved, SHORT};

/// The time limit for receiving a body.
const TIME: Duration = Duration::from_secs(10);

/// The size of the pieces of a body.
const PIECE: usize = 16 << 10;

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

/// Reads a body. Memory for a short body is reserved before it is read, and memory for the announced length, or else for the
/// longest body, once it is longer: to announce a length costs its sender nothing, and has to cost others nothing.
pub async fn read(body: Incoming, max_bytes: usize, memory: &mut Reserved<'_>) -> Result<Bytes, BodyError> {
    let announced = body.size_hint().exact().map(|length| usize::try_from(length).unwrap_or(usize::MAX));
    if announced.is_some_and(|length| length > max_bytes) {
        return Err(BodyError::TooLong(max_bytes));
    }
    let whole = announced.unwrap_or(max_bytes);
    memory.body(whole.min(SHORT)).await?;
    match within(TIME, collect(body, max_bytes, memory, whole)).await {
        Err(_) => Err(BodyError::Slow),
        Ok(read) => read,
    }
}

async fn collect(
    mut body: Incoming,
    max_bytes: usize,
    memory: &mut Reserved<'_>,
    whole: usize,
) -> Result<Bytes, BodyError> {
    let (mut first, mut rest) = (Bytes::new(), Chunks::default());
    let (mut length, mut reserved) = (0, whole.min(SHORT));
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(BodyError::Broken)?.into_data() else { continue };
        length += data.len();
        if length > max_bytes {
            return Err(BodyError::TooLong(max_bytes));
        }
        if length > reserved {
            memory.body(whole).await?;
            reserved = whole;
        }
        // Most bodies arrive in one piece, which is not copied.
        match length == data.len() {
            true => first = data,
            false => rest.extend(&data),
        }
    }
    if rest.0.is_empty() {
        return Ok(first);
    }
    let mut whole = Vec::with_capacity(length);
    whole.extend_from_slice(&first);
    rest.0.iter().for_each(|chunk| whole.extend_from_slice(chunk));
    Ok(whole.into())
}

/// Bytes in pieces of one size, which are put together at the end: memory for a body that never ends would not be used, and
/// a body of very short parts does not need more.
#[derive(Default)]
struct Chunks(Vec<Vec<u8>>);

impl Chunks {
    fn extend(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            match self.0.last_mut() {
                Some(chunk) if chunk.len() < PIECE => {
                    let (now, later) = bytes.split_at(bytes.len().min(PIECE - chunk.len()));
                    chunk.extend_from_slice(now);
                    bytes = later;
                }
                _ => self.0.push(Vec::with_capacity(PIECE)),
            }
        }
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
