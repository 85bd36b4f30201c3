//! HTTP dates and the replay window.

use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822::{DateTimeParser, DateTimePrinter};

use crate::verify::VerifyError;

/// The fixed form of an HTTP date: `Mon, 15 Apr 2019 07:50:54 GMT`.
pub(crate) fn http_date(text: &str) -> Option<Timestamp> {
    let at = DateTimeParser::new().parse_timestamp(text).ok()?;
    // RFC 2822 is wider: one digit for the day, no day of the week, other zones, any case, comments.
    (to_http_date(at)? == text).then_some(at)
}

/// The fixed form of an HTTP date.
pub(crate) fn to_http_date(at: Timestamp) -> Option<String> {
    DateTimePrinter::new().timestamp_to_rfc9110_string(&at).ok()
}

/// Whether a time lies in a window around another one, ends included.
pub(crate) fn within(signed_at: Timestamp, now: Timestamp, window: Duration) -> Result<(), VerifyError> {
    // The whole range of a timestamp fits a signed duration.
    let age = now.duration_since(signed_at);
    let distance = age.unsigned_abs();
    match distance.checked_sub(window) {
        None | Some(Duration::ZERO) => Ok(()),
        Some(by) if age.is_positive() => Err(VerifyError::Stale { by }),
        Some(by) => Err(VerifyError::Future { by }),
    }
}
