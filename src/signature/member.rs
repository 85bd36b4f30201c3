//! A member of the body that is signed.

use std::borrow::Cow;

use super::error::VerifyError;
use crate::events::members;

/// The content of a string, or a number as it is written.
pub(super) fn read<'a>(body: &'a [u8], pointer: &'static str) -> Result<Cow<'a, str>, VerifyError> {
    let tokens: Vec<String> =
        pointer.split('/').skip(1).map(|token| token.replace("~1", "/").replace("~0", "~")).collect();
    let path: Vec<&str> = tokens.iter().map(String::as_str).collect();
    let [json] = members(body, [&path], |_| true).map_err(VerifyError::MalformedBody)?;
    let value = json.and_then(|json| match json.as_bytes().first() {
        Some(b'"') => serde_json::from_str(&json).ok().map(Cow::Owned),
        Some(b'-' | b'0'..=b'9') => Some(json),
        _ => None,
    });
    value.ok_or(VerifyError::MissingMember { pointer, expected: "a text or a number" })
}
