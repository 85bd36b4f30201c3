//! A stored event.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hyper::body::Bytes;
use jiff::Timestamp;
use pos_webhooks::catalogue::Provider;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::listen::{Event, Payload};
use crate::providers;

/// Where an event is in its source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// The name of a file in the folder of the source, and the number of a line, which is not known if the lines before it were
    /// not read.
    Line { file: String, number: Option<u64> },
    /// The id of a row, or the sequence number of a message.
    #[cfg(any(feature = "nats", feature = "postgres"))]
    Number(u64),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line { file, number: Some(number) } => write!(f, "{file}:{number}"),
            Self::Line { file, number: None } => f.write_str(file),
            #[cfg(any(feature = "nats", feature = "postgres"))]
            Self::Number(number) => number.fmt(f),
        }
    }
}

/// An event as `listen` has stored it.
pub struct StoredEvent {
    pub place: Place,
    pub received_at: Timestamp,
    pub route: String,
    pub provider: String,
    pub event: Option<String>,
    /// Whether the specification lists the event.
    pub known: bool,
    pub idempotency_key: Option<String>,
    pub headers: BTreeMap<String, String>,
    /// The bytes as they were sent.
    pub body: Bytes,
    /// In which way the delivery is not as documented.
    pub error: Option<String>,
    /// The line of JSON without a newline, if the event is stored as one.
    pub line: Option<Vec<u8>>,
}

#[derive(Deserialize)]
struct Line {
    received_at: Timestamp,
    /// Missing in a line of a version without routes, where the route has the name of the provider.
    route: Option<String>,
    provider: String,
    event: Option<String>,
    #[serde(default)]
    known: bool,
    idempotency_key: Option<String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    payload: Option<Box<RawValue>>,
    body: Option<String>,
    error: Option<String>,
}

impl StoredEvent {
    /// Parses a line; `None` if it is not an event.
    pub fn parse(line: Vec<u8>, place: Place) -> Option<Self> {
        // serde would also accept an array.
        let parsed: Line = serde_json::from_slice(&line).ok().filter(|_| line.starts_with(b"{"))?;
        let Line { received_at, route, provider, event, known, idempotency_key, headers, payload, body, error } =
            parsed;
        let body = match (body, payload) {
            (Some(body), _) => BASE64.decode(body).ok()?,
            (None, Some(payload)) => payload.get().as_bytes().to_vec(),
            (None, None) => b"null".to_vec(),
        };
        Some(Self {
            place,
            received_at,
            route: route.unwrap_or_else(|| provider.clone()),
            provider,
            event,
            known,
            idempotency_key,
            headers,
            body: body.into(),
            error,
            line: Some(line),
        })
    }

    /// The event as one line of JSON with a newline: as it is stored, or else as a file would have it.
    pub fn into_line(self) -> serde_json::Result<Vec<u8>> {
        if let Some(mut line) = self.line {
            line.push(b'\n');
            return Ok(line);
        }
        let headers: Vec<_> = self.headers.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
        let payload = Payload::read(&self.body).ok();
        let event = Event {
            received_at: self.received_at,
            route: &self.route,
            provider: &self.provider,
            event: self.event.as_deref(),
            known: self.known,
            idempotency_key: self.idempotency_key.as_deref(),
            headers: &headers,
            payload: payload.as_ref(),
            body: &self.body,
            error: self.error.as_deref(),
        };
        event.line()
    }

    /// The provider, if its specification is known.
    pub fn known_provider(&self) -> Option<&'static Provider> {
        providers::all().iter().copied().find(|provider| provider.name == self.provider)
    }
}
