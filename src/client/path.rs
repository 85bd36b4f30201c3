//! Encodes values in the path of a request.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::error::{Error, ErrorKind};
use crate::catalogue::Operation;

/// Checks that the value can be a segment of a path: `.`, `..` and the empty string would make it another path.
pub fn segment<'a, E>(operation: &'static Operation, name: &str, value: &'a str) -> Result<&'a str, Error<E>> {
    match value {
        "" | "." | ".." => Err(Error::new(
            operation,
            ErrorKind::Request(format!("the path parameter `{name}` must not be empty, `.` or `..`")),
        )),
        _ => Ok(value),
    }
}

/// Encodes a value as a segment of a path: everything but the unreserved characters of RFC 3986, so that no part of the
/// value can be mistaken for a part of the path's structure.
pub fn encode_path(value: &str) -> String {
    const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
    utf8_percent_encode(value, RESERVED).to_string()
}
