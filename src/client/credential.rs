//! Checks that a credential can be sent.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::error::SetupError;
use crate::Secret;

/// Removes the byte order mark that editors put at the start of files, and checks that the rest can be a credential.
/// The error says what is wrong with it.
pub(super) fn credential(text: &str) -> Result<&str, &'static str> {
    const QUOTES: [char; 12] = ['"', '\'', '`', '´', '“', '”', '„', '‘', '’', '‚', '«', '»'];
    let text = text.trim_start_matches('\u{feff}');
    if text.trim().is_empty() {
        return Err("is empty");
    }
    if HeaderValue::from_str(text).is_err() {
        return Err("has characters that a header cannot carry");
    }
    if text.trim() != text {
        return Err("has white space at its beginning or end");
    }
    if text.starts_with(QUOTES) || text.ends_with(QUOTES) {
        return Err("is in quotation marks, which are not part of it");
    }
    Ok(text)
}

/// Like [`credential`], but the value is sent in a body or encoded, and can be any text on one line.
pub(super) fn not_in_header(text: &str) -> Result<&str, &'static str> {
    let text = text.trim_start_matches('\u{feff}');
    if text.trim().is_empty() {
        return Err("is empty");
    }
    if text.contains(char::is_control) {
        return Err("has a line break or another control character in it");
    }
    Ok(text)
}

/// Like [`credential`], but a token is a single word, and must not include the scheme.
pub(super) fn checked_token(token: &str) -> Result<&str, &'static str> {
    let token = credential(token)?;
    match token.split_once(|character: char| character.is_whitespace()) {
        None if token.is_ascii() => Ok(token),
        None => Err("has characters that no token has"),
        Some((scheme, _)) if scheme.eq_ignore_ascii_case("bearer") => {
            Err("begins with `Bearer`, which is added when it is sent: give the token alone")
        }
        Some(_) => Err("has white space in it"),
    }
}

/// A header that is the same for every request.
pub struct ConstantHeader<'a> {
    /// The header.
    pub name: &'a str,
    /// Its value; `None` if it is not sent.
    pub value: Option<Secret>,
}

/// The headers that have a value.
pub(super) fn constant_headers<'a>(
    constant: impl IntoIterator<Item = ConstantHeader<'a>>,
) -> Result<HeaderMap, SetupError> {
    let mut headers = HeaderMap::new();
    for ConstantHeader { name, value } in constant {
        let (Some(value), Ok(name)) = (value, HeaderName::from_bytes(name.as_bytes())) else {
            continue;
        };
        let value = credential(value.expose()).and_then(sensitive);
        let value = value.map_err(|reason| SetupError::Header(name.clone(), reason))?;
        headers.insert(name, value);
    }
    Ok(headers)
}

/// The value of `Authorization` with the scheme Basic.
pub(super) fn basic(user: &str, password: &str) -> Result<HeaderValue, &'static str> {
    if user.contains(':') {
        return Err("the user has a colon, which the scheme Basic has no way to send");
    }
    if user.is_empty() || password.is_empty() {
        return Err("the user or the password is empty");
    }
    sensitive(&format!("Basic {}", BASE64.encode(format!("{user}:{password}"))))
}

pub(super) fn sensitive(text: &str) -> Result<HeaderValue, &'static str> {
    let mut value = HeaderValue::from_str(text).map_err(|_| "has characters that a header cannot carry")?;
    value.set_sensitive(true);
    Ok(value)
}
