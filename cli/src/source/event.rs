//! A stored event.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use jiff::Timestamp;
use pos_webhooks::catalogue::Provider;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::providers;

/// Where an event is in its source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// The name of a file in the folder of the source, and the number of a line, which is not known if the lines before it were
    /// not read.
    Line { file: String, number: Option<u64> },
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line { file, number: Some(number) } => write!(f, "{file}:{number}"),
            Self::Line { file, number: None } => f.write_str(file),
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
    pub idempotency_key: Option<String>,
    pub headers: BTreeMap<String, String>,
    /// The bytes as they were sent.
    pub body: Vec<u8>,
    /// The line of JSON, without a newline.
    pub line: Vec<u8>,
}

#[derive(Deserialize)]
struct Line {
    received_at: Timestamp,
    /// Missing in a line of a version without routes, where the route has the name of the provider.
    route: Option<String>,
    provider: String,
    event: Option<String>,
    idempotency_key: Option<String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    payload: Option<Box<RawValue>>,
    body: Option<String>,
}

impl StoredEvent {
    /// Parses a line; `None` if it is not an event.
    pub fn parse(line: Vec<u8>, place: Place) -> Option<Self> {
        // serde would also accept an array.
        let parsed: Line = serde_json::from_slice(&line).ok().filter(|_| line.starts_with(b"{"))?;
        let Line { received_at, route, provider, event, idempotency_key, headers, payload, body } = parsed;
        let body = match (body, payload) {
            (Some(body), _) => BASE64.decode(body).ok()?,
            (None, Some(payload)) => payload.get().as_bytes().to_vec(),
            (None, None) => b"null".to_vec(),
        };
        let route = route.unwrap_or_else(|| provider.clone());
        Some(Self { place, received_at, route, provider, event, idempotency_key, headers, body, line })
    }

    /// The provider, if its specification is known.
    pub fn known_provider(&self) -> Option<&'static Provider> {
        providers::all().iter().copied().find(|provider| provider.name == self.provider)
    }
}
