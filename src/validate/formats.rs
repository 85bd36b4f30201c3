//! The formats of strings that the validator does not have, or that it reads too tolerantly.

use std::ops::Range;
use std::sync::LazyLock;

use jiff::civil::{Date, DateTime};
use jsonschema::{Draft, EmailOptions, Validator};
use serde_json::{Value, json};

use crate::wire::date::{has_form, http_date};

type Format = (&'static str, fn(&str) -> bool);

/// The formats by name.
pub(super) const FORMATS: [Format; 7] = [
    ("date", is_date),
    ("date-time", is_date_time),
    ("email", is_email),
    ("http-date", is_http_date),
    ("local-date-time", is_local_date_time),
    ("time", is_time),
    ("uuid", is_uuid),
];

/// Whether a text is a date of RFC 3339, such as `2023-03-30`.
fn is_date(text: &str) -> bool {
    if !has_form(text, b"0000-00-00") {
        return false;
    }
    let (year, month, day) = (number(text, 0..4), number(text, 5..7), number(text, 8..10));
    let (Some(year), Some(month), Some(day)) = (year, month, day) else { return false };
    i8::try_from(month).is_ok_and(|month| i8::try_from(day).is_ok_and(|day| Date::new(year, month, day).is_ok()))
}

/// The number that these digits are.
fn number(text: &str, digits: Range<usize>) -> Option<i16> {
    text.get(digits)?.parse().ok()
}

/// Whether a text is a date and a time of RFC 3339, with an offset.
fn is_date_time(text: &str) -> bool {
    let Some((date, time)) = text.split_at_checked("2023-03-30".len()) else { return false };
    is_date(date) && time.strip_prefix(['T', 't']).is_some_and(is_time)
}

/// Whether a text is a time of RFC 3339, with an offset. A leap second is the last second of a day in UTC.
fn is_time(text: &str) -> bool {
    let Some((time, rest)) = text.split_at_checked("08:38:32".len()) else { return false };
    let offset = match rest.strip_prefix('.') {
        Some(fraction) => {
            let offset = fraction.trim_start_matches(|digit: char| digit.is_ascii_digit());
            if offset.len() == fraction.len() {
                return false;
            }
            offset
        }
        None => rest,
    };
    let offset = match offset {
        "Z" | "z" => Some(0),
        _ if has_form(offset, b"+00:00") => minutes(offset.trim_start_matches('+')),
        _ if has_form(offset, b"-00:00") => minutes(offset.trim_start_matches('-')).map(|minutes| -minutes),
        _ => None,
    };
    let (Some(offset), true) = (offset, has_form(time, b"00:00:00")) else { return false };
    let (hour_and_minute, second) = time.rsplit_once(':').unwrap_or_default();
    let is_last_minute = |minutes: i32| (minutes - offset).rem_euclid(24 * 60) == 24 * 60 - 1;
    match minutes(hour_and_minute) {
        Some(minutes) => second < "60" || second == "60" && is_last_minute(minutes),
        None => false,
    }
}

/// The minutes since midnight of a text of the form `08:38`; `None` if there is no such time.
fn minutes(text: &str) -> Option<i32> {
    let (hours, minutes) = text.split_once(':')?;
    let (hours, minutes) = (hours.parse::<i32>().ok()?, minutes.parse::<i32>().ok()?);
    (hours < 24 && minutes < 60).then_some(hours * 60 + minutes)
}

/// Whether a text is an address without a display name, such as `a@b.test`.
fn is_email(text: &str) -> bool {
    static EMAIL: LazyLock<Option<Validator>> = LazyLock::new(|| {
        let options = jsonschema::options().with_draft(Draft::Draft7).should_validate_formats(true);
        let email = EmailOptions::default().without_display_text();
        options.with_email_options(email).build(&json!({ "format": "email" })).ok()
    });
    // The validator takes `<a@b.test>` even so, and domains in lower case only.
    let ends_as_domain = text.ends_with(|last: char| last.is_ascii_alphanumeric() || last == ']');
    ends_as_domain && EMAIL.as_ref().is_some_and(|email| email.is_valid(&Value::from(text.to_ascii_lowercase())))
}

/// Whether a text is an HTTP date in its fixed form.
fn is_http_date(text: &str) -> bool {
    // The last days of the year 9999 are not timestamps. A calendar repeats after 400 years.
    http_date(text).is_some() || text.contains(" 9999 ") && http_date(&text.replacen(" 9999 ", " 9599 ", 1)).is_some()
}

/// Whether a text is a UUID in RFC 4122's form with hyphens, a format that draft-07 does not define.
fn is_uuid(text: &str) -> bool {
    text.len() == 36 && uuid::Uuid::try_parse(text).is_ok()
}

/// Whether a text is like `2020-07-31T10:30:00`, with or without a fraction of a second.
fn is_local_date_time(text: &str) -> bool {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    // jiff accepts more of ISO 8601: no seconds, no separators, years of six digits, zones.
    whole.len() == 19
        && whole.parse::<DateTime>().is_ok_and(|time| time.to_string() == whole)
        && !fraction.is_empty()
        && fraction.bytes().all(|digit| digit.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::{is_date_time, is_http_date};

    #[test]
    fn dates_and_times_are_those_of_rfc_3339() {
        for text in [
            "2023-08-14T12:48:46.260Z",
            "2023-08-14t12:48:46z",
            "0000-02-29T00:00:00-23:59",
            "9999-12-31T23:59:59+00:00",
            "2016-12-31T23:59:60Z",
            "2017-01-01T01:29:60.5+01:30",
        ] {
            assert!(is_date_time(text), "{text}");
        }
        for text in [
            "2023-08-14",
            "2023-08-14 12:48:46Z",
            "2023-08-14T12:48:46",
            "2023-08-14T12:48Z",
            "2023-08-14T12:48:46.Z",
            "2023-02-29T12:48:46Z",
            "2023-08-14T24:00:00Z",
            "2023-08-14T12:60:00Z",
            "2023-08-14T12:48:61Z",
            "2023-08-14T12:48:60Z",
            "2023-08-14T12:48:46+24:00",
            "2023-08-14T12:48:46+01:60",
            "2023-08-14T12:48:46+0100",
            // The characters beside the digits.
            "2023-08-1/T12:48:46Z",
            "20.3-08-14T12:48:46Z",
            "2023-08-14T12:48:4,.260Z",
            "2023-08-14T12:48:46+0.:00",
            "2023-08-14T1:48:460Z",
            "２023-08-14T12:48:46Z",
            "2023-08-14T12:48:46Zä",
        ] {
            assert!(!is_date_time(text), "{text}");
        }
    }

    #[test]
    fn http_dates_last_until_the_end_of_the_year_9999() {
        for text in ["Thu, 30 Mar 2023 08:38:32 GMT", "Fri, 31 Dec 9999 23:59:59 GMT"] {
            assert!(is_http_date(text), "{text}");
        }
        for text in ["Wed, 30 Mar 2023 08:38:32 GMT", "Thu, 31 Dec 9999 23:59:59 GMT", "Fri, 32 Dec 9999 23:59:59 GMT"]
        {
            assert!(!is_http_date(text), "{text}");
        }
    }
}
