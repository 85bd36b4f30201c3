//! Reads a signed member of the body.

use std::borrow::Cow;

use super::error::VerifyError;
use crate::json::members::{MemberText, Places};

/// The content of a string, or a number as it is written.
pub(super) fn read<'a>(body: &'a [u8], pointer: &'static str) -> Result<Cow<'a, str>, VerifyError> {
    let mut places = Places::default();
    let place = places.add(pointer);
    let member = |members: &[MemberText<'a>]| place.and_then(|place| members.get(place).cloned().flatten());
    let json = places.read(body, member).map_err(VerifyError::MalformedBody)?;
    let value = json.and_then(|json| match json.as_bytes().first() {
        Some(b'"') => serde_json::from_str(&json).ok().map(Cow::Owned),
        Some(b'-' | b'0'..=b'9') => Some(json),
        _ => None,
    });
    value.ok_or(VerifyError::MissingMember { pointer, expected: "a text or a number" })
}
