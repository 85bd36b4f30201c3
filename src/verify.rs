//! Whether a delivery comes from its provider: what the schemes of all providers share.
//!
//! Verification looks at the raw bytes of the body, at headers, and at the clock it is given. It returns nothing but
//! success or a [`VerifyError`], parses no body, and never trusts what the request says of its own host.

use std::fmt;
use std::time::Duration;

/// The clock that a replay window is held against: `Timestamp::now()`.
pub use jiff::Timestamp;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::catalogue::Provider;
use crate::{Acknowledgement, DecodeError, Secret};

/// The headers of a delivery: an [`http::HeaderMap`], or names and values as a list for frameworks with types of their
/// own. Names are compared without regard to case.
pub trait Headers: sealed::Lookup {}

impl Headers for http::HeaderMap {}
impl<N: AsRef<str>, V: AsRef<[u8]>> Headers for [(N, V)] {}
impl<N: AsRef<str>, V: AsRef<[u8]>, const LENGTH: usize> Headers for [(N, V); LENGTH] {}
impl<N: AsRef<str>, V: AsRef<[u8]>> Headers for Vec<(N, V)> {}

mod sealed {
    /// The values of a header.
    pub enum Found<'a> {
        None,
        One(&'a [u8]),
        Several,
    }

    pub trait Lookup {
        fn lookup(&self, name: &str) -> Found<'_>;
    }

    fn only<'a>(mut values: impl Iterator<Item = &'a [u8]>) -> Found<'a> {
        match (values.next(), values.next()) {
            (None, _) => Found::None,
            (Some(value), None) => Found::One(value),
            (Some(_), Some(_)) => Found::Several,
        }
    }

    impl Lookup for http::HeaderMap {
        fn lookup(&self, name: &str) -> Found<'_> {
            only(self.get_all(name).iter().map(http::HeaderValue::as_bytes))
        }
    }

    impl<N: AsRef<str>, V: AsRef<[u8]>> Lookup for [(N, V)] {
        fn lookup(&self, name: &str) -> Found<'_> {
            let same = |(candidate, _): &&(N, V)| candidate.as_ref().eq_ignore_ascii_case(name);
            only(self.iter().filter(same).map(|(_, value)| value.as_ref()))
        }
    }

    impl<N: AsRef<str>, V: AsRef<[u8]>, const LENGTH: usize> Lookup for [(N, V); LENGTH] {
        fn lookup(&self, name: &str) -> Found<'_> {
            self.as_slice().lookup(name)
        }
    }

    impl<N: AsRef<str>, V: AsRef<[u8]>> Lookup for Vec<(N, V)> {
        fn lookup(&self, name: &str) -> Found<'_> {
            self.as_slice().lookup(name)
        }
    }
}

/// The value of a header that may be missing. A repeated header is refused: which value counts would be a guess.
pub(crate) fn optional<'a, H: Headers + ?Sized>(
    headers: &'a H,
    name: &'static str,
) -> Result<Option<&'a str>, VerifyError> {
    match headers.lookup(name) {
        sealed::Found::None => Ok(None),
        sealed::Found::Several => Err(VerifyError::RepeatedHeader { name }),
        sealed::Found::One(value) => {
            // Without an early end, which would forbid the compiler to look at many bytes at once.
            let printable = value.iter().fold(true, |all, byte| all & (b' '..=b'~').contains(byte));
            let text = std::str::from_utf8(value).ok().filter(|_| printable);
            text.map(Some).ok_or(VerifyError::MalformedHeader { name, expected: "printable ASCII" })
        }
    }
}

/// The value of a header that has to be there.
pub(crate) fn required<'a, H: Headers + ?Sized>(headers: &'a H, name: &'static str) -> Result<&'a str, VerifyError> {
    optional(headers, name)?.ok_or(VerifyError::MissingHeader { name })
}

/// Why a delivery is not taken to come from its provider. Nothing in it is secret or personal.
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

/// Why a receiver could not be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReceiverError {
    /// There is no secret at all.
    #[error("no secret is given, so nothing could be verified")]
    NoSecret,
    /// A secret is empty.
    #[error("a secret is empty; look where it is read from")]
    EmptySecret,
    /// No delivery is signed for the URL as it is written.
    #[error("the URL cannot be used: {0}")]
    Url(&'static str),
    /// The time cannot be written as an HTTP date.
    #[error("the time cannot be written as an HTTP date")]
    Time,
}

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
pub(crate) fn sign(secret: &Secret, parts: &[&[u8]]) -> Result<Signature, ReceiverError> {
    let mut mac = Keys::key(secret)?;
    parts.iter().for_each(|part| mac.update(part));
    Ok(mac.finalize().into_bytes().into())
}
