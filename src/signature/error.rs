//! Why a delivery is refused, and why a receiver cannot be made.

use std::borrow::Cow;
use std::time::Duration;

use crate::json::error::DecodeError;

/// Why a delivery is not accepted as one of its provider. Nothing in it is secret or personal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// A header is missing.
    #[error("the header `{name}` is missing; look whether a proxy or framework removes it")]
    MissingHeader {
        /// The header's name.
        name: &'static str,
    },
    /// A header is there more than once.
    #[error("the header `{name}` is there more than once; look whether a proxy adds it")]
    RepeatedHeader {
        /// The header's name.
        name: &'static str,
    },
    /// A header is not of the documented form.
    #[error("the header `{name}` is not {expected}; look whether the request comes from the provider at all")]
    MalformedHeader {
        /// The header's name.
        name: &'static str,
        /// The documented form.
        expected: Cow<'static, str>,
    },
    /// Members of the body are signed, and the body is not JSON.
    #[error("members of the body are signed, and they cannot be read: {0}")]
    MalformedBody(DecodeError),
    /// A member of the body is signed, and the body does not have it in the documented form.
    #[error("the body does not have {expected} at `{pointer}`, which is signed; pass its bytes as they were received")]
    MissingMember {
        /// JSON pointer to the member.
        pointer: &'static str,
        /// The documented form.
        expected: &'static str,
    },
    /// The body is not the one that was signed.
    #[error(
        "the body is not the one that was signed; pass its bytes as they were received, before anything parses them"
    )]
    ContentHashMismatch,
    /// No secret gives the signature.
    #[error(
        "the signature does not match; look whether the secret is that of this registration, and whether all that is signed \
         is as the provider sent it"
    )]
    SignatureMismatch,
    /// The delivery was signed too long ago.
    #[error("the delivery was signed {} s before the window; look at this machine's clock, or it is a replay", by.as_secs())]
    Stale {
        /// How far outside the replay window.
        by: Duration,
    },
    /// The delivery was signed in the future.
    #[error("the delivery was signed {} s after the window; look at this machine's clock", by.as_secs())]
    Future {
        /// How far outside the replay window.
        by: Duration,
    },
    /// The key or token that was agreed on is another one.
    #[error("the key in the header `{name}` is not the one that was configured")]
    KeyMismatch {
        /// The header's name.
        name: &'static str,
    },
}

/// Why a receiver cannot be made, or a delivery cannot be signed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReceiverError {
    /// There is no secret at all.
    #[error("no secret is given, so nothing could be verified")]
    NoSecret,
    /// A secret is empty, or has nothing but white space.
    #[error("a secret is empty; look where it is read from")]
    EmptySecret,
    /// A secret is not written as the provider's secrets are.
    #[error("a secret is not {0}; look whether the whole of it was copied")]
    MalformedSecret(&'static str),
    /// No URL is given.
    #[error("the provider signs the URL that was registered, and no URL is given")]
    NoUrl,
    /// No delivery is signed for the URL as it is written.
    #[error("the URL cannot be used: {0}")]
    Url(&'static str),
    /// The time cannot be written as the provider writes it.
    #[error("the time cannot be written as {0}")]
    Time(&'static str),
    /// A value is signed that is not given.
    #[error("the header `{0}` is signed, and no value is given for it")]
    NoValue(&'static str),
    /// The value of a header could not be told apart from what is signed after it.
    #[error("the header `{name}` is signed, and it is not {expected}")]
    Value {
        /// The header's name.
        name: &'static str,
        /// What it has to be.
        expected: String,
    },
    /// What is signed cannot be read from the body.
    #[error("the body cannot be signed: {0}")]
    Body(Box<VerifyError>),
    /// The provider does not sign in a way of this name.
    #[error("there is no signature named `{name}`; there are: {}", known.join(", "))]
    UnknownSignature {
        /// The name that was asked for.
        name: String,
        /// The names that there are.
        known: Vec<&'static str>,
    },
    /// Nothing says which event a delivery is.
    #[error("a delivery does not say which event it is, and no event is given")]
    NoEvent,
    /// The specification describes no deliveries.
    #[error("the provider delivers nothing")]
    NothingDelivered,
    /// Nothing proves where the provider's deliveries come from.
    #[error("the provider signs nothing: {0}")]
    NothingSigned(&'static str),
    /// The description does not say how deliveries are verified.
    #[error("deliveries of this provider are verified by code that the program brings, and there is none")]
    Custom,
}
