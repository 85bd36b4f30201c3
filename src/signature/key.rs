//! Secrets as keys, prepared once. A delivery passes with any of them, so that secrets can be rotated.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ctutils::{Choice, CtEq as _};
use hmac::digest::{CtOutput, Output};
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Sha256, Sha512};

use super::ed25519::{PrivateKey, PublicKey};
use super::encoding::Bytes;
use super::error::ReceiverError;
use super::text::{DeliveredValues, Template};
use crate::catalogue::{Algorithm, Encoding, Key, KeyEncoding};
use crate::values::Secret;

/// A key that verifies signatures.
#[allow(clippy::large_enum_variant, reason = "without Ed25519, its variant is empty")]
#[derive(Clone)]
pub(crate) enum VerificationKey {
    Hmac(HmacKey),
    Ed25519(PublicKey),
}

/// A key that signs.
#[allow(clippy::large_enum_variant, reason = "without Ed25519, its variant is empty")]
pub(super) enum SigningKey {
    Hmac(HmacKey),
    Ed25519(PrivateKey),
}

/// The key of an HMAC, which verifies and signs.
#[derive(Clone)]
pub(crate) enum HmacKey {
    Sha1(Hmac<Sha1>),
    Sha256(Hmac<Sha256>),
    Sha512(Hmac<Sha512>),
}

impl VerificationKey {
    pub(super) fn new(algorithm: Algorithm, key: Key, secret: &Secret) -> Result<Self, ReceiverError> {
        match HmacKey::new(algorithm, key, secret)? {
            Some(hmac) => Ok(Self::Hmac(hmac)),
            None => PublicKey::new(&key_bytes(key, secret.expose())?).map(Self::Ed25519),
        }
    }

    /// Whether one of the signatures is that of the text with this key. The time does not depend on which one matches.
    pub(super) fn verify(&self, text: &Template, values: &DeliveredValues<'_>, signatures: &Signatures) -> bool {
        match self {
            Self::Hmac(HmacKey::Sha1(key)) => verify(key, text, values, signatures),
            Self::Hmac(HmacKey::Sha256(key)) => verify(key, text, values, signatures),
            Self::Hmac(HmacKey::Sha512(key)) => verify(key, text, values, signatures),
            Self::Ed25519(key) => {
                let text = text.rendered(values);
                signatures.any(|signature| key.verify(&text, signature.as_slice()))
            }
        }
    }

    /// The encoded HMAC of a text; `None` for a public key.
    pub(crate) fn mac(&self, text: &[u8], encoding: Encoding) -> Option<String> {
        match self {
            Self::Hmac(key) => Some(encoding.encode(key.mac(|add| add(text)).as_slice())),
            Self::Ed25519(_) => None,
        }
    }
}

impl SigningKey {
    pub(super) fn new(algorithm: Algorithm, key: Key, secret: &Secret) -> Result<Self, ReceiverError> {
        if let Some(hmac) = HmacKey::new(algorithm, key, secret)? {
            return Ok(Self::Hmac(hmac));
        }
        // Private keys have a prefix of their own, such as `whsk_`. Neither encoding has an underscore.
        let text = secret.expose();
        let text = text.rsplit_once('_').map_or(text, |(_, key)| key);
        PrivateKey::new(&key_bytes(key, text)?).map(Self::Ed25519)
    }

    /// The signature of the text.
    pub(super) fn sign(&self, text: &Template, values: &DeliveredValues<'_>) -> Bytes {
        match self {
            Self::Hmac(key) => key.mac(|add| text.render(values, add)),
            Self::Ed25519(key) => Bytes::new::<64>(key.sign(&text.rendered(values))),
        }
    }
}

impl HmacKey {
    /// Returns `None` for an algorithm that is no HMAC.
    fn new(algorithm: Algorithm, key: Key, secret: &Secret) -> Result<Option<Self>, ReceiverError> {
        match algorithm {
            Algorithm::HmacSha1 => prepared(&mac_key(key, secret)?).map(|key| Some(Self::Sha1(key))),
            Algorithm::HmacSha256 => prepared(&mac_key(key, secret)?).map(|key| Some(Self::Sha256(key))),
            Algorithm::HmacSha512 => prepared(&mac_key(key, secret)?).map(|key| Some(Self::Sha512(key))),
            Algorithm::Ed25519 => Ok(None),
        }
    }

    /// The HMAC of a text, which `render` passes slice by slice.
    fn mac(&self, render: impl Fn(&mut dyn FnMut(&[u8]))) -> Bytes {
        match self {
            Self::Sha1(key) => Bytes::new::<20>(mac(key, render).finalize().into_bytes()),
            Self::Sha256(key) => Bytes::new::<32>(mac(key, render).finalize().into_bytes()),
            Self::Sha512(key) => Bytes::new::<64>(mac(key, render).finalize().into_bytes()),
        }
    }
}

/// The signatures of a delivery. Most deliveries have one, which does not need a list.
pub(super) struct Signatures {
    pub(super) first: Bytes,
    pub(super) more: Vec<Bytes>,
}

impl Signatures {
    /// Whether any signature is right. All of them are compared.
    fn any(&self, is_right: impl Fn(&Bytes) -> bool) -> bool {
        self.more.iter().fold(is_right(&self.first), |found, signature| found | is_right(signature))
    }
}

fn prepared<M: KeyInit>(key: &[u8]) -> Result<M, ReceiverError> {
    M::new_from_slice(key).map_err(|_| ReceiverError::EmptySecret)
}

/// The text is hashed once, however many signatures the sender gives.
fn verify<M: Mac + Clone>(key: &M, text: &Template, values: &DeliveredValues<'_>, signatures: &Signatures) -> bool {
    let mac = mac(key, |add| text.render(values, add)).finalize();
    signatures.any(|signature| is(&mac, signature))
}

/// Compares in constant time.
fn is<M: Mac>(mac: &CtOutput<M>, bytes: &Bytes) -> bool {
    Output::<M>::try_from(bytes.as_slice()).is_ok_and(|bytes| *mac == bytes.into())
}

fn mac<M: Mac + Clone>(key: &M, render: impl Fn(&mut dyn FnMut(&[u8]))) -> M {
    let mut mac = key.clone();
    render(&mut |slice| mac.update(slice));
    mac
}

/// The bytes that a text encodes, without its prefix.
fn decoded(key: Key, text: &str) -> Result<Vec<u8>, ReceiverError> {
    let text = not_blank(text)?;
    let text = not_blank(text.strip_prefix(key.prefix).unwrap_or(text))?;
    match key.encoding {
        KeyEncoding::Text => Ok(text.as_bytes().to_vec()),
        KeyEncoding::Hex => hex::decode(text).map_err(|_| ReceiverError::MalformedSecret("hexadecimal")),
        KeyEncoding::Base64 => STANDARD.decode(text).map_err(|_| ReceiverError::MalformedSecret("in standard Base64")),
    }
}

/// The bytes of a key of a fixed length; none for a text in another encoding, which is not a key either.
fn key_bytes(key: Key, text: &str) -> Result<Vec<u8>, ReceiverError> {
    decoded(key, text).or_else(|error| match error {
        ReceiverError::MalformedSecret(_) => Ok(Vec::new()),
        error => Err(error),
    })
}

/// The key of an HMAC.
fn mac_key(key: Key, secret: &Secret) -> Result<Vec<u8>, ReceiverError> {
    let bytes = decoded(key, secret.expose())?;
    // HMAC pads a key with zeros, so these are equal to the empty key.
    if bytes.iter().all(|byte| *byte == 0) {
        return Err(ReceiverError::EmptySecret);
    }
    Ok(match key.hash {
        Some(hash) => hash.of(&bytes).as_slice().to_vec(),
        None => bytes,
    })
}

/// Checks that a secret is not empty and does not only consist of white space.
fn not_blank(secret: &str) -> Result<&str, ReceiverError> {
    if secret.trim().is_empty() { Err(ReceiverError::EmptySecret) } else { Ok(secret) }
}

/// Checks that a secret is not empty, and that a header can carry it. White space around it is only a mistake in copying.
pub(super) fn sendable(secret: &Secret) -> Result<&str, ReceiverError> {
    let text = not_blank(secret.expose())?;
    let can_be_sent = text.trim().bytes().all(|byte| (b' '..=b'~').contains(&byte));
    if can_be_sent { Ok(text) } else { Err(ReceiverError::MalformedSecret("printable ASCII, as a header carries it")) }
}

/// Secrets that deliveries carry as they are.
#[derive(Clone)]
pub(crate) struct Secrets(Arc<[Secret]>);

impl fmt::Debug for Secrets {
    /// Does not show the secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secrets").finish_non_exhaustive()
    }
}

impl Secrets {
    pub(crate) fn new(secrets: impl IntoIterator<Item = Secret>) -> Result<Self, ReceiverError> {
        let secrets: Arc<[_]> = secrets.into_iter().collect();
        secrets.iter().try_for_each(|secret| sendable(secret).map(drop))?;
        if secrets.is_empty() { Err(ReceiverError::NoSecret) } else { Ok(Self(secrets)) }
    }

    /// Whether this is one of the secrets. The time depends on the lengths only.
    pub(crate) fn contain(&self, sent: &str) -> bool {
        let is_sent = |secret: &Secret| secret.expose().as_bytes().ct_eq(sent.as_bytes());
        self.0.iter().fold(Choice::FALSE, |found, secret| found | is_sent(secret)).into()
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}
