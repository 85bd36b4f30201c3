//! Deliveries that were captured: what was signed, and what may explain that one is refused.
//!
//! Requires the feature `sandbox`.

mod changes;
mod explain;

use std::fmt;
use std::time::Duration;

use jiff::SignedDuration;
use serde_json::Value;

use crate::Secret;
use crate::catalogue::{Part, Provider, Signature};
use crate::verify::{ReceiverError, Timestamp, Verifier, VerifyError};

pub use self::explain::{Explanation, Hint};

/// The head of a captured delivery.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Head {
    /// The path and query of the request line, if there is one.
    pub target: Option<String>,
    /// The names and the values of the headers, in the order in which they were received.
    pub headers: Vec<(String, Vec<u8>)>,
}

impl Head {
    /// Returns the values of a header.
    pub fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        let same = move |(candidate, _): &&(String, _)| candidate.eq_ignore_ascii_case(name);
        self.headers.iter().filter(same).map(|(_, value)| value.as_slice())
    }

    /// Returns the head with the headers of CGI variables, such as `x-ms-date` for `HTTP_X_MS_DATE`.
    #[must_use]
    pub fn with_cgi(&self) -> Self {
        let mut head = self.clone();
        for (name, value) in &self.headers {
            let name = name.strip_prefix("http_").unwrap_or(name).replace('_', "-");
            match std::str::from_utf8(value) {
                Ok(target) if name == "request-uri" => head.target = Some(target.to_owned()),
                _ if head.values(&name).next().is_none() => head.headers.push((name, value.clone())),
                _ => {}
            }
        }
        head
    }
}

/// A captured delivery, and the values for its verification beside the secrets.
#[derive(Clone, Copy)]
pub struct Captured<'a> {
    /// The provider.
    pub provider: &'static Provider,
    /// The event of the registration, if one was given.
    pub event: Option<&'a str>,
    /// The name of the signature; `None` for the default one.
    pub signature: Option<&'static str>,
    /// The registered URL.
    pub url: Option<&'a str>,
    /// The request line and the headers.
    pub head: &'a Head,
    /// The body as it was received.
    pub body: &'a [u8],
    /// The time of verification.
    pub at: Timestamp,
}

/// The reason why a delivery was not verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotVerified {
    /// What is given besides the delivery is not sufficient to verify it.
    Receiver(ReceiverError),
    /// The delivery is not genuine.
    Refused(VerifyError),
}

impl Captured<'_> {
    /// Returns the index of the secret that verifies the delivery.
    ///
    /// # Errors
    ///
    /// Returns the error with the secret that passed the most steps.
    pub fn verify(&self, secrets: &[Secret]) -> Result<usize, NotVerified> {
        let mut farthest = NotVerified::Receiver(ReceiverError::NoSecret);
        for (index, secret) in secrets.iter().enumerate() {
            match (self.verify_with(secret), &farthest) {
                (Ok(()), _) => return Ok(index),
                (Err(NotVerified::Refused(error)), NotVerified::Refused(before))
                    if VerificationStep::of(&error) <= VerificationStep::of(before) => {}
                (Err(not_verified), _) => farthest = not_verified,
            }
        }
        Err(farthest)
    }

    fn verify_with(&self, secret: &Secret) -> Result<(), NotVerified> {
        let verifier = self.verifier(secret).map_err(NotVerified::Receiver)?;
        verifier.verify(&self.head.headers, self.body, self.at).map_err(NotVerified::Refused)
    }

    /// Returns how long before the time of verification the delivery was signed; `None` if its time is not signed, or if it does not
    /// pass with the secret.
    pub fn age(&self, secret: &Secret) -> Option<SignedDuration> {
        self.description().filter(|signature| signature.signs_time())?;
        // Without a window, the error says how far the time is away.
        let verifier = self.verifier(secret).ok()?.replay_window(Duration::ZERO);
        match verifier.verify(&self.head.headers, self.body, self.at) {
            Ok(()) => Some(SignedDuration::ZERO),
            Err(VerifyError::Stale { by }) => SignedDuration::try_from(by).ok(),
            Err(VerifyError::Future { by }) => SignedDuration::try_from(by).ok().map(|by| -by),
            Err(_) => None,
        }
    }

    /// Returns the replay window, if there is one.
    pub fn window(&self) -> Option<Duration> {
        self.description()?.window()
    }

    fn verifier(&self, secret: &Secret) -> Result<Verifier, ReceiverError> {
        let verification = self.provider.verification_of(self.event).ok_or(ReceiverError::NothingDelivered)?;
        Verifier::new(verification, self.signature, self.url, [secret.clone()])
    }

    fn description(&self) -> Option<&'static Signature> {
        self.provider.verification_of(self.event)?.signature(self.signature)
    }

    /// Whether the delivery has a header of another signature, which that of this delivery does not use.
    fn has_header_of(&self, other: &str) -> bool {
        let own = self.description().map_or(&[][..], |signature| signature.headers);
        let others = self.provider.verification_of(self.event).and_then(|it| it.signature(Some(other)));
        let others = others.map_or(&[][..], |signature| signature.headers);
        others.iter().any(|name| !own.contains(name) && self.head.values(name).next().is_some())
    }

    /// Returns whether there is a header of a signature that only some events have.
    pub fn is_signed_for_an_event(&self) -> bool {
        let own = self.provider.events.iter().filter_map(|event| event.verification.as_ref()?.signature(None));
        own.flat_map(|signature| signature.headers).any(|name| self.head.values(name).next().is_some())
    }

    /// Returns whether a header has the hash of the body, so that another body fails before the signature is checked.
    pub fn has_content_hash(&self) -> bool {
        self.description().and_then(|signature| signature.digest).is_some_and(|digest| digest.header.is_some())
    }

    /// Returns the signed text, in which `<the body>` stands for the body. The text does not depend on the secrets, but they are needed to construct a verifier.
    pub fn signed(&self, secrets: &[Secret]) -> SignedText {
        let Some(signature) = self.description() else { return SignedText::Nothing };
        let is_body = |part: &Part| matches!(part, Part::Body | Part::BodyWithoutSpaces);
        let mut parts = signature.signed.iter().flat_map(|parts| parts.iter());
        if parts.clone().all(is_body) {
            return SignedText::Body;
        }
        // The body is a customer's data, and is not shown.
        let hidden = String::from_utf8_lossy(self.body);
        let hidden = Some(&*hidden).filter(|body| parts.any(is_body) && !body.is_empty());
        let Some(verifier) = secrets.iter().find_map(|secret| self.verifier(secret).ok()) else {
            return SignedText::Nothing;
        };
        match verifier.string_to_sign(&self.head.headers, self.body) {
            Ok(text) => {
                let text = String::from_utf8_lossy(&text.unwrap_or_default()).into_owned();
                SignedText::Text(hidden.map_or_else(|| text.clone(), |body| text.replace(body, "<the body>")))
            }
            Err(error) => SignedText::Unknown(match error {
                VerifyError::MissingHeader { name } => format!("the header `{name}` is missing"),
                VerifyError::RepeatedHeader { name } => format!("the header `{name}` occurs more than once"),
                VerifyError::MalformedHeader { name, expected } => format!("the header `{name}` is not {expected}"),
                VerifyError::MissingMember { pointer, expected } => match self.member(pointer) {
                    None => format!("`{pointer}` is missing"),
                    Some(_) => format!("`{pointer}` is not {expected}"),
                },
                VerifyError::MalformedBody(_) => "the body is not a JSON object".to_owned(),
                error => error.to_string(),
            }),
        }
    }

    fn member(&self, pointer: &str) -> Option<Value> {
        serde_json::from_slice::<Value>(self.body).ok()?.pointer(pointer).cloned()
    }

    /// Returns the time of the delivery, if this error is about its form. A time is not secret.
    pub fn malformed_time(&self, error: &VerifyError) -> Option<String> {
        let time = self.description()?.time?;
        match error {
            VerifyError::MalformedHeader { name, .. } if time.headers.contains(name) => {
                self.head.values(name).next().map(|value| String::from_utf8_lossy(value).into_owned())
            }
            VerifyError::MissingMember { pointer, .. } if time.member == Some(pointer) => {
                let member = self.member(pointer)?;
                Some(member.as_str().map_or_else(|| member.to_string(), str::to_owned))
            }
            _ => None,
        }
    }
}

/// The signed text of a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SignedText {
    /// The body as it is.
    Body,
    /// A text.
    Text(String),
    /// Nothing is signed, and only a key is compared.
    Nothing,
    /// The text cannot be determined, for this reason.
    Unknown(String),
}

impl SignedText {
    /// Returns the text for a program, in which `<the body>` stands for the body; `None` if no text is signed, or it is not known.
    pub fn json(&self) -> Option<&str> {
        match self {
            Self::Body => Some("<the body>"),
            Self::Text(text) => Some(text),
            Self::Nothing | Self::Unknown(_) => None,
        }
    }
}

impl fmt::Display for SignedText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Body => f.write_str("the body as it is, with nothing before or after it\n"),
            Self::Nothing => f.write_str("none; only the key is compared\n"),
            Self::Unknown(why) => writeln!(f, "not known, because {why}"),
            Self::Text(signed) => {
                f.write_str("these lines, with escapes\n")?;
                signed.split_inclusive('\n').try_for_each(|line| writeln!(f, "  {line:?}"))
            }
        }
    }
}

/// The steps of verification, in order. A delivery that fails at a later step is closer to a genuine one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum VerificationStep {
    /// The headers of the signature occur once each, in the documented form.
    Headers,
    /// The body has the signed members.
    Members,
    /// The hash in the headers is that of the body.
    ContentHash,
    /// The signature matches with a secret.
    Signature,
    /// The key in the delivery is one of the secrets.
    Key,
    /// The signed time is close to the time of verification.
    ReplayWindow,
    /// A step that a [`VerifyError`] is not about, such as an answer to a handshake.
    Other,
}

impl VerificationStep {
    /// Returns the step that failed with this error.
    pub fn of(error: &VerifyError) -> Self {
        match error {
            VerifyError::MissingHeader { .. }
            | VerifyError::MissingHeaders { .. }
            | VerifyError::AmbiguousHeader { .. }
            | VerifyError::RepeatedHeader { .. }
            | VerifyError::MalformedHeader { .. } => Self::Headers,
            VerifyError::MalformedBody(_) | VerifyError::MissingMember { .. } | VerifyError::AmbiguousMember { .. } => {
                Self::Members
            }
            VerifyError::ContentHashMismatch => Self::ContentHash,
            VerifyError::SignatureMismatch => Self::Signature,
            VerifyError::KeyMismatch { .. } => Self::Key,
            VerifyError::Stale { .. } | VerifyError::Future { .. } => Self::ReplayWindow,
        }
    }

    /// Returns the name of the step.
    pub fn name(self) -> &'static str {
        match self {
            Self::Headers => "headers",
            Self::Members => "members",
            Self::ContentHash => "content hash",
            Self::Signature => "signature",
            Self::Key => "key",
            Self::ReplayWindow => "replay window",
            Self::Other => "another",
        }
    }
}
