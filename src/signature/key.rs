//! Secrets as keys, prepared once. Any of them is enough, so that secrets can be rotated.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Sha256, Sha512};

use super::encoding::Bytes;
use super::error::ReceiverError;
use super::text::{Template, Values};
use crate::catalogue::{Algorithm, Key, KeyEncoding};
use crate::values::Secret;

/// A key of a signature.
#[derive(Clone)]
pub(super) enum SigningKey {
    Sha1(Hmac<Sha1>),
    Sha256(Hmac<Sha256>),
    Sha512(Hmac<Sha512>),
}

impl SigningKey {
    pub(super) fn new(algorithm: Algorithm, key: Key, secret: &Secret) -> Result<Self, ReceiverError> {
        let key = key_bytes(key, secret)?;
        match algorithm {
            Algorithm::HmacSha1 => prepared(&key).map(Self::Sha1),
            Algorithm::HmacSha256 => prepared(&key).map(Self::Sha256),
            Algorithm::HmacSha512 => prepared(&key).map(Self::Sha512),
        }
    }

    /// Whether the key gives any of the signatures of the text. It takes the same time whichever that is.
    pub(super) fn verify(&self, text: &Template, values: &Values<'_>, signatures: &Signatures) -> bool {
        match self {
            Self::Sha1(key) => verify(key, text, values, signatures),
            Self::Sha256(key) => verify(key, text, values, signatures),
            Self::Sha512(key) => verify(key, text, values, signatures),
        }
    }

    /// The signature of the text.
    pub(super) fn sign(&self, text: &Template, values: &Values<'_>) -> Bytes {
        match self {
            Self::Sha1(key) => Bytes::new::<20>(mac(key, text, values).finalize().into_bytes()),
            Self::Sha256(key) => Bytes::new::<32>(mac(key, text, values).finalize().into_bytes()),
            Self::Sha512(key) => Bytes::new::<64>(mac(key, text, values).finalize().into_bytes()),
        }
    }
}

/// The signatures of a delivery. Most have one, which needs no list.
pub(super) struct Signatures {
    pub(super) first: Bytes,
    pub(super) more: Vec<Bytes>,
}

fn prepared<M: KeyInit>(key: &[u8]) -> Result<M, ReceiverError> {
    M::new_from_slice(key).map_err(|_| ReceiverError::EmptySecret)
}

/// The text is hashed once, however many signatures a sender claims.
fn verify<M: Mac + Clone>(key: &M, text: &Template, values: &Values<'_>, signatures: &Signatures) -> bool {
    let mac = mac(key, text, values);
    let same = |found, signature: &Bytes| found | mac.clone().verify_slice(signature.as_slice()).is_ok();
    signatures.more.iter().fold(same(false, &signatures.first), same)
}

fn mac<M: Mac + Clone>(key: &M, text: &Template, values: &Values<'_>) -> M {
    let mut mac = key.clone();
    text.render(values, |slice| mac.update(slice));
    mac
}

fn key_bytes(key: Key, secret: &Secret) -> Result<Vec<u8>, ReceiverError> {
    let text = not_blank(secret.expose())?;
    let text = not_blank(text.strip_prefix(key.prefix).unwrap_or(text))?;
    let bytes = match key.encoding {
        KeyEncoding::Text => text.as_bytes().to_vec(),
        KeyEncoding::Hex => hex::decode(text).map_err(|_| ReceiverError::MalformedSecret("hexadecimal"))?,
        KeyEncoding::Base64 => {
            STANDARD.decode(text).map_err(|_| ReceiverError::MalformedSecret("in standard Base64"))?
        }
    };
    // HMAC fills a key up with zeros, so that these are the key of the empty secret.
    if bytes.iter().all(|byte| *byte == 0) {
        return Err(ReceiverError::EmptySecret);
    }
    Ok(match key.hash {
        Some(hash) => hash.of(&bytes).as_slice().to_vec(),
        None => bytes,
    })
}

/// A secret that is not empty, and not only white space.
pub(super) fn not_blank(secret: &str) -> Result<&str, ReceiverError> {
    if secret.trim().is_empty() { Err(ReceiverError::EmptySecret) } else { Ok(secret) }
}

/// Secrets that are sent as they are.
#[derive(Clone)]
pub(super) struct Secrets {
    /// MACs by one key are compared in place of the texts: they take the same time whatever was sent.
    key: Hmac<Sha256>,
    macs: Vec<Bytes>,
}

impl Secrets {
    pub(super) fn new(secrets: impl IntoIterator<Item = Secret>) -> Result<Self, ReceiverError> {
        let key: Hmac<Sha256> = prepared(b"compared")?;
        let mac = |secret: Secret| {
            let mac = key.clone().chain_update(not_blank(secret.expose())?);
            Ok(Bytes::new::<32>(mac.finalize().into_bytes()))
        };
        let macs = secrets.into_iter().map(mac).collect::<Result<Vec<_>, _>>()?;
        if macs.is_empty() { Err(ReceiverError::NoSecret) } else { Ok(Self { key, macs }) }
    }

    /// Whether this is one of the secrets.
    pub(super) fn contain(&self, sent: &str) -> bool {
        let sent = self.key.clone().chain_update(sent);
        self.macs.iter().fold(false, |found, mac| found | sent.clone().verify_slice(mac.as_slice()).is_ok())
    }

    pub(super) fn len(&self) -> usize {
        self.macs.len()
    }
}
