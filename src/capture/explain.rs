//! Verifies a refused delivery again, with the changes that may have happened to it in transit.

use std::fmt;

use http::header::CONTENT_ENCODING;
use serde_json::Value;

use super::changes::{Change, With, changes};
use super::{Captured, NotVerified, VerificationStep};
use crate::Secret;
use crate::verify::{Timestamp, VerifyError};

/// What may explain that a delivery is refused.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Explanation {
    /// How the body is compressed, or that it was decompressed, which cannot be tried.
    pub compression: Option<String>,
    /// The changes with which the delivery passes more steps.
    pub hints: Vec<Hint>,
    /// The changes that were tried without success, if there are no hints.
    pub tried: Vec<String>,
}

/// A change with which a refused delivery passes more steps.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Hint {
    /// The change, such as `without the newline at the end of the body`.
    pub change: String,
    /// The time of verification, if that is the change.
    pub at: Option<Timestamp>,
    /// The next step, if the delivery fails at it; `None` if it passes.
    pub next: Option<VerificationStep>,
}

impl fmt::Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.next {
            None => write!(f, "{}, it passes", self.change),
            Some(next) => write!(f, "{}, it passes this step and then fails at: {}", self.change, next.name()),
        }
    }
}

impl Captured<'_> {
    /// Returns what may explain that the delivery is refused with this error: it is verified again with common changes in
    /// transit, such as another end of the body.
    pub fn explain(&self, secrets: &[Secret], error: &VerifyError) -> Explanation {
        let step = VerificationStep::of(error);
        let mut explanation = Explanation::default();
        if of_body(step, self) {
            explanation.compression = compressed(self);
        }
        let changes = changes(self, secrets, error).into_iter().filter(|change| explains(error, self, &change.with));
        for Change { what, with } in changes {
            let (mut changed, mut tried, mut time) = (*self, secrets, None);
            match &with {
                With::Signature(name) => changed.signature = Some(name),
                With::Head(head) => changed.head = head,
                With::Body(body) => changed.body = body,
                With::Url(url) => changed.url = Some(url),
                With::At(at) => (changed.at, time) = (*at, Some(*at)),
                With::Secrets(secrets) => tried = secrets,
            }
            let next = match changed.verify(tried) {
                Ok(_) => None,
                Err(NotVerified::Refused(next)) if VerificationStep::of(&next) > step => {
                    Some(VerificationStep::of(&next))
                }
                Err(_) => {
                    explanation.tried.push(what);
                    continue;
                }
            };
            explanation.hints.push(Hint { change: what, at: time, next });
        }
        if !explanation.hints.is_empty() {
            explanation.tried.clear();
        }
        explanation
    }
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
