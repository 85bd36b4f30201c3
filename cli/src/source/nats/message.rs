//! A message of a stream, as the server returns it.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::listen::nats;
use crate::source::{Place, StoredEvent};

/// All subjects.
pub const ANY: &str = ">";

/// Asks for the first message from a sequence number on that has a subject.
#[derive(Serialize)]
pub struct GetMessage<'a> {
    #[serde(rename = "seq")]
    pub sequence: u64,
    #[serde(rename = "next_by_subj")]
    pub subject: &'a str,
}

#[derive(Deserialize)]
pub struct Got {
    pub message: Message,
}

#[derive(Deserialize)]
pub struct Message {
    subject: String,
    #[serde(rename = "seq")]
    pub sequence: u64,
    /// When the server has stored it.
    pub time: Timestamp,
    /// In Base64, as the body.
    #[serde(default, rename = "hdrs")]
    headers: String,
    #[serde(default, rename = "data")]
    body: String,
}

impl Message {
    /// The event that the message is, or why it is none; `None` if its subject does not begin with these tokens.
    pub fn event(&self, beginning: &str) -> Option<Result<StoredEvent, &'static str>> {
        let tokens = self.subject.strip_prefix(beginning)?.strip_prefix('.')?;
        let read = || {
            let headers = BASE64.decode(&self.headers).map_err(|_| "its headers are not in Base64")?;
            let headers = String::from_utf8(headers).map_err(|_| "its headers are not UTF-8")?;
            let headers: BTreeMap<String, String> = headers
                .lines()
                .filter_map(|line| line.split_once(':'))
                .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
                .collect();
            let body = BASE64.decode(&self.body).map_err(|_| "its body is not in Base64")?;
            nats::parse(Place::Number(self.sequence), tokens, &headers, body.into())
        };
        Some(read())
    }
}
