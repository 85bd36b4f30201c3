//! The formats of times, and the replay window.
//!
//! No time is the beginning of another one of its format, so the end of a time in a signed text is always clear.

use std::time::Duration;

use jiff::Timestamp;

use super::error::VerifyError;
use crate::catalogue::TimeFormat;
use crate::wire::date::{has_form, http_date, to_http_date};

impl TimeFormat {
    pub(crate) fn read(self, text: &str) -> Option<Timestamp> {
        match self {
            Self::Seconds => Timestamp::from_second(number(text, b"0000000000")?).ok(),
            Self::Milliseconds => Timestamp::from_millisecond(number(text, b"0000000000000")?).ok(),
            Self::HttpDate => http_date(text),
            Self::Iso8601 => iso8601(text),
        }
    }

    pub(crate) fn write(self, at: Timestamp) -> Option<String> {
        match self {
            Self::Seconds => Some(at.as_second().to_string()),
            Self::Milliseconds => Some(at.as_millisecond().to_string()),
            Self::HttpDate => to_http_date(at),
            // Always as long, so that a body that has it is as long too.
            Self::Iso8601 => Some(format!("{at:.3}")),
        }
    }

    pub(super) fn expected(self) -> &'static str {
        match self {
            Self::Seconds => "a time of 10 digits, in seconds since 1970",
            Self::Milliseconds => "a time of 13 digits, in milliseconds since 1970",
            Self::HttpDate => "an HTTP date such as `Thu, 30 Mar 2023 08:38:32 GMT`",
            Self::Iso8601 => "a time with an offset, such as `2023-03-30T08:38:32Z`",
        }
    }

    /// The placeholder for a time in a form that is shown.
    pub(super) fn placeholder(self) -> &'static str {
        match self {
            Self::Seconds => "SECONDS",
            Self::Milliseconds => "MILLISECONDS",
            Self::HttpDate => "DATE",
            Self::Iso8601 => "TIME",
        }
    }
}

/// Parses a number with as many digits as the form. Another number of digits would mean another unit.
fn number<const LENGTH: usize>(text: &str, form: &[u8; LENGTH]) -> Option<i64> {
    if has_form(text, form) { text.parse().ok() } else { None }
}

fn iso8601(text: &str) -> Option<Timestamp> {
    let (date_time, rest) = text.split_at_checked("2023-03-30T08:38:32".len())?;
    let offset = match rest.strip_prefix('.') {
        Some(fraction) => fraction.trim_start_matches(|digit: char| digit.is_ascii_digit()),
        None => rest,
    };
    let has_offset = offset == "Z" || has_form(offset, b"+00:00") || has_form(offset, b"-00:00");
    if has_offset && has_form(date_time, b"0000-00-00T00:00:00") { text.parse().ok() } else { None }
}

/// Checks that a time is within a window around another one, including its ends.
pub(super) fn within(signed_at: Timestamp, now: Timestamp, window: Duration) -> Result<(), VerifyError> {
    // The difference of any two timestamps fits a signed duration.
    let age = now.duration_since(signed_at);
    let distance = age.unsigned_abs();
    match distance.checked_sub(window) {
        None | Some(Duration::ZERO) => Ok(()),
        Some(by) if age.is_positive() => Err(VerifyError::Stale { by }),
        Some(by) => Err(VerifyError::Future { by }),
    }
}
