//! HTTP dates.

use jiff::Timestamp;
use jiff::fmt::rfc2822::{DateTimeParser, DateTimePrinter};

/// The fixed form of an HTTP date: `Mon, 15 Apr 2019 07:50:54 GMT`. It is the only one that may be sent, so that the time of
/// a signature has no other; what `Retry-After` may be is wider.
pub(crate) fn http_date(text: &str) -> Option<Timestamp> {
    // RFC 2822 is wider: one digit for the day, no day of the week, other zones, any case, comments.
    let fixed = has_form(text, "Aaa, 00 Aaa 0000 00:00:00 GMT");
    fixed.then(|| DateTimeParser::new().parse_timestamp(text).ok()).flatten()
}

/// Whether a text is like the form, in which `0` stands for any digit, and `a` and `A` for any letter of that case.
pub(crate) fn has_form(text: &str, form: &str) -> bool {
    let fits = |(byte, form): (u8, u8)| match form {
        b'0' => byte.is_ascii_digit(),
        b'a' => byte.is_ascii_lowercase(),
        b'A' => byte.is_ascii_uppercase(),
        _ => byte == form,
    };
    text.len() == form.len() && text.bytes().zip(form.bytes()).all(fits)
}

/// The fixed form of an HTTP date.
pub(crate) fn to_http_date(at: Timestamp) -> Option<String> {
    DateTimePrinter::new().timestamp_to_rfc9110_string(&at).ok()
}
