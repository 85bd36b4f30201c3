//! HTTP dates.

use jiff::Timestamp;
use jiff::fmt::rfc2822::{DateTimeParser, DateTimePrinter};

/// Parses the fixed form of an HTTP date: `Mon, 15 Apr 2019 07:50:54 GMT`. Senders have to use this form, so it is the
/// only one for the time of a signature. `Retry-After` may have the obsolete forms as well.
pub(crate) fn http_date(text: &str) -> Option<Timestamp> {
    // RFC 2822 also allows one digit for the day, no day of the week, other zones, any case, and comments.
    let fixed = has_form(text, b"Aaa, 00 Aaa 0000 00:00:00 GMT");
    fixed.then(|| DateTimeParser::new().parse_timestamp(text).ok()).flatten()
}

/// Whether a text matches the form, in which `0` stands for any digit, and `a` and `A` for any letter of that case.
#[inline]
pub(crate) fn has_form<const LENGTH: usize>(text: &str, form: &[u8; LENGTH]) -> bool {
    let Ok(text) = <&[u8; LENGTH]>::try_from(text.as_bytes()) else { return false };
    let fits = |(byte, form): (&u8, &u8)| match form {
        b'0' => byte.is_ascii_digit(),
        b'a' => byte.is_ascii_lowercase(),
        b'A' => byte.is_ascii_uppercase(),
        _ => byte == form,
    };
    // An early return would prevent the compiler from checking many bytes at once.
    text.iter().zip(form).fold(true, |all, pair| all & fits(pair))
}

/// Formats a time as an HTTP date in its fixed form.
pub(crate) fn to_http_date(at: Timestamp) -> Option<String> {
    DateTimePrinter::new().timestamp_to_rfc9110_string(&at).ok()
}
