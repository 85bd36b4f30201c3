//! Whether a delivery comes from its provider.
//!
//! Verification looks at the raw bytes of the body, at headers, and at the clock it is given. It returns nothing but
//! success or a [`VerifyError`], parses a body only where members of it are signed, and never trusts what the request says of
//! its own host.

/// The clock that a replay window is held against: `Timestamp::now()`.
pub use jiff::Timestamp;

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::catalogue::Provider;
pub use crate::signature::{CustomVerification, Headers, ReceiverError, ToSign, Verifier, VerifyError, sign};
use crate::{Acknowledgement, DecodeError, Secret};

/// Why a delivery was not received.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReceiveError {
    /// It is not taken to come from the provider. Answer 401.
    #[error(transparent)]
    Verify(#[from] VerifyError),
    /// The delivery comes from the provider, but its payload does not decode. Keep the bytes and the event's name, and send
    /// [`Undecodable::acknowledgement`]: the provider would only send the same again.
    #[error(transparent)]
    Decode(Box<Undecodable>),
}

/// A delivery that comes from its provider and whose payload does not decode.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{error}")]
#[non_exhaustive]
pub struct Undecodable {
    /// The name of the event, as far as the delivery or the receiver says it; `None` where only the payload would.
    pub event: Option<String>,
    /// What does not fit.
    #[source]
    pub error: DecodeError,
    /// What the provider expects as answer to this event.
    pub acknowledgement: Acknowledgement,
}

impl ReceiveError {
    pub(crate) fn undecodable(provider: &'static Provider, event: &str, error: DecodeError) -> Self {
        Self::Decode(Box::new(Undecodable {
            event: Some(event).filter(|event| !event.is_empty()).map(str::to_owned),
            error,
            acknowledgement: crate::events::acknowledgement(provider, event),
        }))
    }
}

/// The value of a header that may be missing.
pub(crate) fn optional<'a, H: Headers + ?Sized>(
    headers: &'a H,
    name: &'static str,
) -> Result<Option<&'a str>, VerifyError> {
    headers.optional(name)
}

/// The value of a header that has to be there.
pub(crate) fn required<'a, H: Headers + ?Sized>(headers: &'a H, name: &'static str) -> Result<&'a str, VerifyError> {
    headers.required(name)
}

/// Keys for HMAC-SHA256, prepared once. Any of them is enough, so that secrets can be rotated.
#[derive(Clone)]
pub(crate) struct Keys(Vec<Hmac<Sha256>>);

impl Keys {
    pub(crate) fn new(secrets: impl IntoIterator<Item = impl Into<Secret>>) -> Result<Self, ReceiverError> {
        let keys: Result<Vec<_>, _> = secrets.into_iter().map(|secret| Self::key(&secret.into())).collect();
        match keys? {
            keys if keys.is_empty() => Err(ReceiverError::NoSecret),
            keys => Ok(Self(keys)),
        }
    }

    /// The key is the text of the secret, with every provider.
    fn key(secret: &Secret) -> Result<Hmac<Sha256>, ReceiverError> {
        if secret.expose().is_empty() {
            return Err(ReceiverError::EmptySecret);
        }
        Hmac::new_from_slice(secret.expose().as_bytes()).map_err(|_| ReceiverError::EmptySecret)
    }

    /// Whether any key gives any of the signatures of the parts, in constant time per key and signature. The parts are
    /// hashed once per key, however many signatures a sender claims.
    pub(crate) fn verify(&self, parts: &[&[u8]], signatures: impl Iterator<Item = Signature> + Clone) -> bool {
        self.0.iter().fold(false, |found, key| {
            let mut mac = key.clone();
            parts.iter().for_each(|part| mac.update(part));
            signatures.clone().fold(found, |found, signature| found | mac.clone().verify_slice(&signature).is_ok())
        })
    }
}

/// An HMAC-SHA256.
pub(crate) type Signature = [u8; 32];

/// A signature in hexadecimal.
pub(crate) fn from_hex(text: &str) -> Option<Signature> {
    let mut signature = Signature::default();
    hex::decode_to_slice(text, &mut signature).ok().map(|()| signature)
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keys({})", self.0.len())
    }
}

/// The signature of the parts.
pub(crate) fn mac(secret: &Secret, parts: &[&[u8]]) -> Result<Signature, ReceiverError> {
    let mut mac = Keys::key(secret)?;
    parts.iter().for_each(|part| mac.update(part));
    Ok(mac.finalize().into_bytes().into())
}
