//! HTTP dates and the replay window.

use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822::{DateTimeParser, DateTimePrinter};

use crate::verify::VerifyError;

/// The fixed form of an HTTP date: `Mon, 15 Apr 2019 07:50:54 GMT`. It is the only one that may be sent, so that the time of
/// a signature has no other; what `Retry-After` may be is wider.
pub(crate) fn http_date(text: &str) -> Option<Timestamp> {
    // RFC 2822 is wider: one digit for the day, no day of the week, other zones, any case, comments.
    const FORM: &[u8] = b"Aaa, 00 Aaa 0000 00:00:00 GMT";
    let fits = |(byte, form): (u8, &u8)| match form {
        b'0' => byte.is_ascii_digit(),
        b'a' => byte.is_ascii_lowercase(),
        b'A' => byte.is_ascii_uppercase(),
        _ => byte == *form,
    };
    let fixed = text.len() == FORM.len() && text.bytes().zip(FORM).all(fits);
    fixed.then(|| DateTimeParser::new().parse_timestamp(text).ok()).flatten()
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
