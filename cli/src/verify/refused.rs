//! Reports why a delivery is refused, and what may explain it.

use std::fmt;

use pos_webhooks::Secret;
use pos_webhooks::capture::{Captured, SignedText, VerificationStep};
use pos_webhooks::verify::VerifyError;
use serde::{Serialize, Serializer};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::color::bad;
use crate::report::Plain;
use crate::verification;

/// A refused delivery, with what may explain the failure.
#[derive(Serialize)]
pub struct Refused<'a> {
    verified: bool,
    provider: &'a str,
    event: Option<&'a str>,
    step: &'static str,
    error: String,
    /// The time of the delivery, if it is malformed.
    received_time: Option<String>,
    #[serde(serialize_with = "as_text")]
    signed: SignedText,
    body: String,
    /// The names of the headers, if one is missing or malformed.
    received_headers: Option<Vec<&'a str>>,
    hints: Vec<String>,
    tried_without_success: Vec<String>,
}

fn as_text<S: Serializer>(signed: &SignedText, serializer: S) -> Result<S::Ok, S::Error> {
    signed.json().serialize(serializer)
}

impl<'a> Refused<'a> {
    pub fn new(delivery: &Captured<'a>, secrets: &[Secret], error: &VerifyError) -> Self {
        let step = VerificationStep::of(error);
        let names = || delivery.head.headers.iter().map(|(name, _)| name.as_str()).collect();
        let mut hints = Vec::new();
        if delivery.event.is_none() && delivery.is_signed_for_an_event() {
            hints.push("the signature depends on the event; give it with --event".to_owned());
        }
        let explanation = delivery.explain(secrets, error);
        hints.extend(explanation.compression);
        hints.extend(explanation.hints.into_iter().map(|mut hint| {
            if let Some(at) = hint.at {
                hint.change = format!("with --at {at}");
            }
            hint.to_string()
        }));
        Self {
            verified: false,
            provider: delivery.provider.name,
            event: delivery.event,
            step: step.name(),
            error: match error {
                VerifyError::SignatureMismatch => mismatch(delivery),
                _ => error.to_string(),
            },
            received_time: delivery.malformed_time(error),
            signed: delivery.signed(secrets),
            body: description(delivery.body),
            received_headers: (step == VerificationStep::Headers).then(names),
            hints,
            tried_without_success: explanation.tried,
        }
    }
}

impl fmt::Display for Refused<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\nfailed step: {}\nerror: {}", bad("refused"), self.step, self.error)?;
        if let Some(time) = &self.received_time {
            writeln!(f, "received time: {}", Plain(&Value::from(time.as_str()).to_string()))?;
        }
        writeln!(f, "signed string: {}body: {}", self.signed, self.body)?;
        if let Some(names) = &self.received_headers {
            writeln!(f, "received headers: {}", if names.is_empty() { "none".to_owned() } else { names.join(", ") })?;
        }
        self.hints.iter().try_for_each(|hint| writeln!(f, "hint: {hint}"))?;
        match self.tried_without_success.as_slice() {
            [] => Ok(()),
            tried => writeln!(f, "tried without success: {}", tried.join("; ")),
        }
    }
}

/// The message for a signature that does not match, which says what to check.
fn mismatch(delivery: &Captured<'_>) -> String {
    let url = verification::needs_url(delivery.provider, delivery.signature)
        .then_some("the URL is the registered one with its query");
    let (body, right) = if delivery.has_content_hash() {
        (None, ". The body is right: the hash in the headers is that of it")
    } else {
        (Some("the body is as it was received, byte for byte"), "")
    };
    let places: Vec<_> = [url, body].into_iter().flatten().collect();
    let places = places.join(", and whether ");
    format!(
        "the signature does not match; check whether the secret is that of this registration, and whether \
         {places}{right}"
    )
}

/// Describes the body without its content.
fn description(body: &[u8]) -> String {
    let mut text = format!("{} bytes, SHA-256 {}", body.len(), hex::encode(Sha256::digest(body)));
    let facts = [
        ("ends with a newline", body.ends_with(b"\n")),
        ("lines end in CR LF", body.windows(2).any(|pair| pair == b"\r\n")),
        ("begins with a byte order mark", body.starts_with("\u{feff}".as_bytes())),
        ("has several lines, as if it was formatted", body.trim_ascii().contains(&b'\n')),
        ("is not JSON", serde_json::from_slice::<serde::de::IgnoredAny>(body).is_err()),
    ];
    facts.iter().filter(|(_, holds)| *holds).for_each(|(fact, _)| text += &format!("; {fact}"));
    text
}
