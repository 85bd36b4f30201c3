//! The errors of verifying a delivery, and of constructing a receiver.

use std::borrow::Cow;
use std::time::Duration;

use crate::json::error::DecodeError;

/// The error for a delivery that is not accepted as genuine. It does not contain secrets or personal data.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// A header is missing.
    #[error("the header `{name}` is missing; check whether a proxy or framework removes it")]
    MissingHeader {
        /// The header's name.
        name: &'static str,
    },
    /// None of the headers is present, of which one is enough.
    #[error("the header {} is missing; check whether a proxy or framework removes it", alternatives(names))]
    MissingHeaders {
        /// The headers' names.
        names: Vec<&'static str>,
    },
    /// A header occurs more than once.
    #[error("the header `{name}` occurs more than once; check whether a proxy adds it")]
    RepeatedHeader {
        /// The header's name.
        name: &'static str,
    },
    /// A header does not have the documented form.
    #[error("the header `{name}` is not {expected}; check whether the request comes from the provider")]
    MalformedHeader {
        /// The header's name.
        name: &'static str,
        /// The documented form.
        expected: Cow<'static, str>,
    },
    /// A signed header contains the text that follows it in the signed text, so the signature could be that of other
    /// values.
    #[error("the header `{name}` {}; check whether the request comes from the provider", ambiguous(text))]
    AmbiguousHeader {
        /// The header's name.
        name: &'static str,
        /// The text that follows the header in the signed text.
        text: &'static str,
    },
    /// Members of the body are signed, but the body is not JSON.
    #[error("members of the body are signed, but the body cannot be read: {0}")]
    MalformedBody(DecodeError),
    /// A signed member of the body is missing, or does not have the documented form.
    #[error("the body does not have {expected} at `{pointer}`, which is signed; pass its bytes as they were received")]
    MissingMember {
        /// The JSON pointer to the member.
        pointer: &'static str,
        /// The documented form.
        expected: &'static str,
    },
    /// A signed member contains the text that follows it in the signed text, so the signature could be that of other
    /// values.
    #[error(
        "the member `{pointer}` of the body {}; check whether the request comes from the provider",
        ambiguous(text)
    )]
    AmbiguousMember {
        /// The JSON pointer to the member.
        pointer: &'static str,
        /// The text that follows the member in the signed text.
        text: &'static str,
    },
    /// The body is not the one that was signed.
    #[error(
        "the body is not the one that was signed; pass its bytes as they were received, before anything parses them"
    )]
    ContentHashMismatch,
    /// The signature does not match with any of the secrets.
    #[error(
        "the signature does not match; check whether the secret is that of this registration, and whether all that is signed \
         is as the provider sent it"
    )]
    SignatureMismatch,
    /// The delivery was signed too long ago.
    #[error("the delivery was signed {} before the replay window; it is a replay, or this machine's clock is wrong", span(*by))]
    Stale {
        /// How far the time is outside of the replay window.
        by: Duration,
    },
    /// The delivery was signed in the future.
    #[error("the delivery was signed {} after the replay window; check this machine's clock", span(*by))]
    Future {
        /// How far the time is outside of the replay window.
        by: Duration,
    },
    /// The delivery carries another key or token than the configured one, or one that the program refuses.
    #[error("the key in the header `{name}` is not one that the receiver accepts")]
    KeyMismatch {
        /// The header's name.
        name: &'static str,
    },
}

/// The error of constructing a receiver, or of signing a delivery.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReceiverError {
    /// No secret is given.
    #[error("no secret is given, so deliveries cannot be verified")]
    NoSecret,
    /// A secret is empty or consists of white space.
    #[error("a secret is empty; check where the secret is read from")]
    EmptySecret,
    /// A secret does not have the form of the provider's secrets.
    #[error("a secret is not {0}; check whether the whole of it was copied")]
    MalformedSecret(&'static str),
    /// The provider signs with Ed25519, and the feature `ed25519` of this crate is off.
    #[error(
        "the provider signs with Ed25519, which this build cannot do; enable the feature `ed25519` of pos-webhooks"
    )]
    NoEd25519,
    /// The provider signs the registered URL, and no URL is given.
    #[error("the provider signs the registered URL, and no URL is given")]
    NoUrl,
    /// The URL is not one that a provider can sign, because it is invalid or HTTP clients rewrite it.
    #[error("the URL cannot be used: {0}")]
    Url(&'static str),
    /// The time cannot be written in the provider's format.
    #[error("the time cannot be written as {0}")]
    Time(&'static str),
    /// A header is signed, and its value is not given.
    #[error("the header `{0}` is signed, and its value is not given")]
    NoValue(&'static str),
    /// A header is signed, and its value cannot be: it is not printable ASCII, or contains the text that follows it in
    /// the signed text.
    #[error("the header `{name}` is signed, and its value {problem}")]
    Value {
        /// The header's name.
        name: &'static str,
        /// What is wrong with the value, as a phrase such as "is not printable ASCII".
        problem: String,
    },
    /// A signed member cannot be read from the body, or is ambiguous.
    #[error("the body cannot be signed: {0}")]
    Body(Box<VerifyError>),
    /// The provider does not have a signature of this name.
    #[error("there is no signature with the name `{name}`; {}", known_names(known))]
    UnknownSignature {
        /// The unknown name.
        name: String,
        /// The known names.
        known: Vec<&'static str>,
    },
    /// Nothing identifies the event of a delivery.
    #[error("deliveries do not name their event, and no event is given")]
    NoEvent,
    /// The specification does not describe deliveries.
    #[error("the provider does not deliver events")]
    NothingDelivered,
    /// The provider's deliveries do not prove their origin by a signature.
    #[error("the provider does not sign deliveries: {0}")]
    NothingSigned(&'static str),
    /// The provider's deliveries do not carry a key or a token.
    #[error("deliveries of this provider do not carry a key or a token that a program can check")]
    NoKey,
    /// The deliveries have to be verified by the program's own code, and none is given.
    #[error("deliveries of this provider have to be verified by the program's own code, and none is given")]
    Custom,
}

impl VerifyError {
    /// The error for headers of which one has to be present.
    pub(super) fn missing(names: impl IntoIterator<Item = &'static str>) -> Self {
        let names: Vec<_> = names.into_iter().collect();
        match names[..] {
            [name] => Self::MissingHeader { name },
            _ => Self::MissingHeaders { names },
        }
    }
}

fn alternatives(names: &[&str]) -> String {
    let quoted: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(" or ")
}

/// What is wrong with a value that this text follows.
pub(super) fn ambiguous(text: &str) -> String {
    format!("contains `{}`, which follows it in the signed text", text.escape_debug())
}

fn known_names(known: &[&str]) -> String {
    match known {
        [] => "the signature of this provider does not have a name".to_owned(),
        names => format!("there are: {}", names.join(", ")),
    }
}

/// A span of time in the unit in which it is read most easily, rounded down.
fn span(by: Duration) -> String {
    const MINUTE: u64 = 60;
    const HOUR: u64 = 60 * MINUTE;
    const DAY: u64 = 24 * HOUR;
    match by.as_secs() {
        0 => "less than 1 s".to_owned(),
        seconds if seconds < 2 * MINUTE => format!("{seconds} s"),
        seconds if seconds < 2 * HOUR => format!("{} min", seconds / MINUTE),
        seconds if seconds < 2 * DAY => format!("{} h", seconds / HOUR),
        seconds => format!("{} days", seconds / DAY),
    }
}
