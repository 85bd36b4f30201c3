//! A provider's response to a call, as received.

use std::time::{Duration, SystemTime};

use http::header::{CONTENT_TYPE, DATE, RETRY_AFTER};
use http::{HeaderMap, HeaderName, StatusCode};

/// Status, headers and body of a response.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) content_type: Option<String>,
    pub(super) retry_after: Option<Duration>,
    /// When the response was sent, by the provider's clock.
    pub(super) date: Option<SystemTime>,
    /// The part of the body that was read.
    pub(super) body: Vec<u8>,
    #[cfg(feature = "sandbox")]
    pub(super) headers: HeaderMap,
}

impl Answer {
    /// A response whose body has not been read yet.
    pub(super) fn new(status: StatusCode, headers: &HeaderMap) -> Self {
        let header = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
        Self {
            status,
            content_type: header(CONTENT_TYPE).map(str::to_owned),
            retry_after: header(RETRY_AFTER).and_then(delay),
            date: header(DATE).and_then(|text| httpdate::parse_http_date(text).ok()),
            body: Vec::new(),
            #[cfg(feature = "sandbox")]
            headers: headers.clone(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.body.trim_ascii().is_empty()
    }

    /// Whether the status means that the same call may succeed later.
    pub(super) fn is_passing(&self) -> bool {
        matches!(self.status.as_u16(), 408 | 429 | 502 | 503 | 504)
    }

    /// Whether a call that failed with this status may have been executed: a gateway may have responded for the
    /// provider.
    pub(super) fn is_in_doubt(&self) -> bool {
        self.status.is_success() || self.status.is_server_error()
    }
}

/// The delay in `Retry-After`: a number of seconds, possibly too large for the type, or an HTTP date in any of its
/// three forms.
fn delay(text: &str) -> Option<Duration> {
    let text = text.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
    }
    let until = httpdate::parse_http_date(text).ok()?;
    // A time in the past needs no delay.
    Some(until.duration_since(SystemTime::now()).unwrap_or_default())
}
