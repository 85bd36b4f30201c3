//! An event that is stored, and its line of JSON.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hyper::body::Bytes;
use jiff::Timestamp;
use pos_webhooks::{DecodeError, Json};
use serde::Serialize;
use serde::ser::{SerializeMap as _, Serializer};
use serde_json::Value;

use crate::json_text;

/// The number of brackets from which a payload may be nested too deeply for some programs.
const NESTED: usize = 100;

/// A genuine event.
pub struct Event<'a> {
    pub received_at: Timestamp,
    pub route: &'a str,
    pub provider: &'a str,
    /// `None` if neither the delivery nor the registration names the event.
    pub event: Option<&'a str>,
    /// Whether the specification lists the event.
    pub known: bool,
    pub idempotency_key: Option<&'a str>,
    /// The headers that say how to read the body, and when the delivery was sent, but not those that prove its origin.
    pub headers: &'a [(&'a str, String)],
    /// The payload, if the body is JSON that every program can read.
    pub payload: Option<&'a Payload>,
    /// The bytes as they were sent.
    pub body: &'a Bytes,
    /// In which way the delivery is not as documented.
    pub error: Option<&'a str>,
}

impl Event<'_> {
    /// The key within all routes of a sink.
    pub fn key(&self) -> Option<String> {
        self.idempotency_key.map(|key| key_of(self.route, key))
    }

    /// The event as JSON on one line, with a newline at the end.
    pub fn line(&self) -> serde_json::Result<Vec<u8>> {
        let mut line = json_text::to_string(&self.members())?;
        line.push('\n');
        Ok(line.into_bytes())
    }

    /// The headers as an object of JSON.
    #[cfg(feature = "postgres")]
    pub fn headers(&self) -> serde_json::Result<String> {
        serde_json::to_string(&Headers(self.headers))
    }

    fn members(&self) -> EventLine<'_> {
        EventLine {
            received_at: self.received_at,
            route: self.route,
            provider: self.provider,
            event: self.event,
            known: self.known,
            idempotency_key: self.idempotency_key,
            headers: Headers(self.headers),
            payload: self.payload.map(|payload| &payload.json),
            body: self.payload.is_none_or(|payload| !payload.is_exact).then(|| BASE64.encode(self.body)),
            error: self.error,
        }
    }
}

/// The key of an event within all routes of a sink.
pub fn key_of(route: &str, key: &str) -> String {
    format!("{route} {key}")
}

#[derive(Serialize)]
struct EventLine<'a> {
    received_at: Timestamp,
    route: &'a str,
    provider: &'a str,
    event: Option<&'a str>,
    known: bool,
    idempotency_key: Option<&'a str>,
    headers: Headers<'a>,
    payload: Option<&'a Json>,
    /// The body in Base64, where the payload is not the same text.
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
}

struct Headers<'a>(&'a [(&'a str, String)]);

impl Serialize for Headers<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

/// A body that every program can read as JSON.
pub struct Payload {
    /// The body on one line.
    json: Json,
    /// Whether its text in a line is the body, byte for byte.
    is_exact: bool,
}

impl Payload {
    /// Reads a body. Line breaks between the tokens of JSON are replaced by spaces; inside strings there are none.
    pub fn read(body: &[u8]) -> Result<Self, Unreadable> {
        let payload = Json::try_from(body)?;
        let text = payload.as_str();
        // All are rare, and the check needs a tree of the whole payload.
        let half_characters = text.contains("\\ud") || text.contains("\\uD");
        let nested = text.bytes().filter(|byte| matches!(byte, b'[' | b'{')).count() > NESTED;
        // The payload is one level deeper in its line.
        if (half_characters || nested || has_huge_number(text))
            && serde_json::from_str::<Value>(&format!("[{text}]")).is_err()
        {
            return Err(Unreadable::BySome);
        }
        // Searching for bytes is several times faster than for characters.
        if [b'\n', b'\r'].iter().any(|end| text.as_bytes().contains(end)) {
            let json = Json::try_from(text.replace(['\n', '\r'], " ").as_bytes())?;
            return Ok(Self { json, is_exact: false });
        }
        let is_exact = text.as_bytes() == body && !json_text::has_raw(text);
        Ok(Self { json: payload, is_exact })
    }

    /// The body as JSON on one line.
    #[cfg(feature = "postgres")]
    pub fn text(&self) -> &str {
        self.json.as_str()
    }
}

/// Whether a number is too large for a double.
fn has_huge_number(json: &str) -> bool {
    let (mut is_text, mut is_escaped) = (false, false);
    let mut numbers = json.as_bytes().split(|byte| {
        let is_other = is_text || !matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => is_text = !is_text,
            _ => {}
        }
        is_other
    });
    let is_huge = |number: &str| number.parse().is_ok_and(f64::is_infinite);
    numbers.any(|number| std::str::from_utf8(number).is_ok_and(is_huge))
}

/// The reason why the payload of an event is not in its line.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    #[error(transparent)]
    NotJson(#[from] DecodeError),
    #[error(
        "the body is not JSON that every program can read: it contains a lone surrogate or a number that \
             is too large for a double, or is nested too deeply"
    )]
    BySome,
}
