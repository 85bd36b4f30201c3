//! Reports why a delivery is refused, and what may explain it.

use std::fmt;

use http::header::CONTENT_ENCODING;
use pos_webhooks::Secret;
use pos_webhooks::verify::VerifyError;
use serde::{Serialize, Serializer};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::verify;
use crate::changes::changes;
use crate::color::bad;
use crate::report::Plain;
use crate::verification::{self, Captured, Change, NotVerified, SignedText, VerificationStep, With};

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
        if of_body(step, delivery) {
            hints.extend(compressed(delivery));
        }
        let mut changes = changes(delivery, secrets, error);
        changes.retain(|change| explains(error, delivery, &change.with));
        let (passing, tried) = try_changes(delivery, secrets, step, changes);
        hints.extend(passing);
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
            tried_without_success: tried,
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

/// Whether the step could pass with another body.
fn of_body(step: VerificationStep, delivery: &Captured<'_>) -> bool {
    matches!(step, VerificationStep::ContentHash | VerificationStep::Members)
        || step == VerificationStep::Signature && !delivery.has_content_hash()
}

/// A hint about compression, which cannot be tried here.
fn compressed(delivery: &Captured<'_>) -> Option<String> {
    let format = match delivery.body {
        [0x1f, 0x8b, ..] => Some("gzip"),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Some("zstd"),
        [0x78, 0x01 | 0x5e | 0x9c | 0xda, ..] => Some("zlib"),
        _ => None,
    };
    if let Some(format) = format {
        return Some(format!("the body is compressed ({format}); decompress it, and verify that"));
    }
    let encodings =
        delivery.head.values(CONTENT_ENCODING.as_str()).filter(|value| !value.eq_ignore_ascii_case(b"identity"));
    (encodings.count() > 0).then(|| {
        "the headers have `content-encoding`, and the body is not compressed; verify it as it was received, before anything \
         decompresses it"
            .to_owned()
    })
}

/// Whether such a change could explain the error.
fn explains(error: &VerifyError, delivery: &Captured<'_>, with: &With) -> bool {
    let step = VerificationStep::of(error);
    match with {
        With::Head(_) => step == VerificationStep::Headers,
        With::Body(body) if step == VerificationStep::Members => has_other_members(body, delivery.body),
        With::Body(_) => of_body(step, delivery),
        With::Signature(name) => {
            step == VerificationStep::Signature || step == VerificationStep::Headers && delivery.has_header_of(name)
        }
        With::Url(_) => step == VerificationStep::Signature,
        With::Secrets(_) => matches!(step, VerificationStep::Signature | VerificationStep::Key),
        With::At(_) => step == VerificationStep::ReplayWindow,
    }
}

/// Whether a body is JSON that differs from another one in more than its white space and its escapes.
fn has_other_members(one: &[u8], other: &[u8]) -> bool {
    let value = |body| serde_json::from_slice::<Value>(body).ok();
    value(one).is_some_and(|one| Some(one) != value(other))
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

/// Verifies again with possible changes in transit. Returns those with which the delivery passes more steps or, if there are
/// none, those that were tried.
fn try_changes(
    delivery: &Captured<'_>,
    secrets: &[Secret],
    step: VerificationStep,
    changes: Vec<Change>,
) -> (Vec<String>, Vec<String>) {
    let (mut hints, mut in_vain) = (Vec::new(), Vec::new());
    for Change { what, with } in changes {
        let (mut changed, mut tried) = (*delivery, secrets);
        match &with {
            With::Signature(name) => changed.signature = Some(name),
            With::Head(head) => changed.head = head,
            With::Body(body) => changed.body = body,
            With::Url(url) => changed.url = Some(url),
            With::At(at) => changed.at = *at,
            With::Secrets(secrets) => tried = secrets,
        }
        match verify(&changed, tried) {
            Ok(_) => hints.push(format!("{what}, it passes")),
            Err(NotVerified::Refused(next)) if VerificationStep::of(&next) > step => {
                let next = VerificationStep::of(&next).name();
                hints.push(format!("{what}, it passes this step and then fails at: {next}"));
            }
            Err(_) => in_vain.push(what),
        }
    }
    if !hints.is_empty() {
        in_vain.clear();
    }
    (hints, in_vain)
}
