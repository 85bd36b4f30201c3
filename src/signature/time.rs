//! Times as providers write them, and the replay window.
//!
//! No text of a form is the beginning of another one, so that a time can always be told apart from what is signed after it.

use std::time::Duration;

use jiff::Timestamp;

use super::error::VerifyError;
use crate::catalogue::TimeFormat;
use crate::times::{has_form, http_date, to_http_date};

impl TimeFormat {
    pub(super) fn read(self, text: &str) -> Option<Timestamp> {
        match self {
            Self::Seconds => Timestamp::from_second(number(text, "0000000000")?).ok(),
            Self::Milliseconds => Timestamp::from_millisecond(number(text, "0000000000000")?).ok(),
            Self::HttpDate => http_date(text),
            Self::Iso8601 => iso8601(text),
        }
    }

    pub(super) fn write(self, at: Timestamp) -> Option<String> {
        match self {
            Self::Seconds => Some(at.as_second().to_string()),
            Self::Milliseconds => Some(at.as_millisecond().to_string()),
            Self::HttpDate => to_http_date(at),
            Self::Iso8601 => Some(at.to_string()),
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

    /// What stands for a time where a form is shown.
    pub(super) fn placeholder(self) -> &'static str {
        match self {
            Self::Seconds => "SECONDS",
            Self::Milliseconds => "MILLISECONDS",
            Self::HttpDate => "DATE",
            Self::Iso8601 => "TIME",
        }
    }
}

/// A number of so many digits. Another number of digits would be another unit.
fn number(text: &str, form: &str) -> Option<i64> {
    if has_form(text, form) { text.parse().ok() } else { None }
}

fn iso8601(text: &str) -> Option<Timestamp> {
    let (date_time, rest) = text.split_at_checked("2023-03-30T08:38:32".len())?;
    let offset = match rest.strip_prefix('.') {
        Some(fraction) => fraction.trim_start_matches(|digit: char| digit.is_ascii_digit()),
        None => rest,
    };
    let has_offset = offset == "Z" || has_form(offset, "+00:00") || has_form(offset, "-00:00");
    if has_offset && has_form(date_time, "0000-00-00T00:00:00") { text.parse().ok() } else { None }
}

/// Whether a time lies in a window around another one, ends included.
pub(super) fn within(signed_at: Timestamp, now: Timestamp, window: Duration) -> Result<(), VerifyError> {
    // The whole range of a timestamp fits a signed duration.
    let age = now.duration_since(signed_at);
    let distance = age.unsigned_abs();
    match distance.checked_sub(window) {
        None | Some(Duration::ZERO) => Ok(()),
        Some(by) if age.is_positive() => Err(VerifyError::Stale { by }),
        Some(by) => Err(VerifyError::Future { by }),
    }
}
