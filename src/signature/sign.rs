//! Signs deliveries, for tests of an endpoint and for the sandbox.

use jiff::Timestamp;

use super::error::{ReceiverError, VerifyError, ambiguous};
use super::form;
use super::key::{SigningKey, sendable};
use super::prepared::{Carried, PreparedSignature, described};
use crate::catalogue::{KeyPlace, Verification};
use crate::values::Secret;

/// A delivery to sign.
#[derive(Clone, Copy, Debug)]
pub struct ToSign<'a> {
    /// The registered URL, for providers that sign it.
    pub url: Option<&'a str>,
    /// The id of the delivery, for providers that send one in a header.
    pub id: Option<&'a str>,
    /// Other headers of the delivery, for providers that sign some of them. [`sign`] does not return them.
    pub headers: &'a [(&'a str, &'a str)],
    /// The body.
    pub body: &'a [u8],
    /// The time at which the delivery is signed.
    pub at: Timestamp,
}

/// Returns the headers that prove the origin of a delivery, by the signature of this name or the default one. If the
/// URL is signed, `Host` is one of them.
///
/// For [`Algorithm::Ed25519`](crate::catalogue::Algorithm::Ed25519), the secret is a private key of 64 bytes, the seed and
/// then the public key, in the encoding of public keys. A prefix that ends in `_` is ignored.
///
/// # Errors
///
/// Returns an error if there is no such signature, if a signed value is not given, if HTTP clients rewrite the URL, if
/// the secret is empty or malformed, or if the time cannot be written in the provider's format.
pub fn sign(
    verification: &Verification,
    name: Option<&str>,
    secret: &Secret,
    delivery: &ToSign<'_>,
) -> Result<Vec<(&'static str, String)>, ReceiverError> {
    if let Verification::Keys(keys) = verification {
        let secret = sendable(secret)?;
        let header = |place: &KeyPlace| (place.header, format!("{}{secret}", place.before));
        return Ok(keys.places.iter().take(1).map(header).collect());
    }
    let signature = described(verification, name)?;
    let prepared = PreparedSignature::new(signature, delivery.url)?;
    let key = SigningKey::new(signature.algorithm, signature.key, secret)?;

    let mut headers: Vec<(&'static str, String)> = Vec::new();
    headers.extend(prepared.host.clone().map(|host| ("Host", host)));
    let mut time_text = String::new();
    // A time in the body is taken from the body.
    if let Some(time) = signature.time.filter(|time| time.member.is_none()) {
        let malformed = ReceiverError::Time(time.format.expected());
        time_text = time.format.write(delivery.at).ok_or_else(|| malformed.clone())?;
        if prepared.reads_time && time.format.read(&time_text).is_none() {
            return Err(malformed);
        }
        headers.extend(time.headers.first().map(|name| (*name, time_text.clone())));
    }
    let id = signature.id.and_then(|id| id.headers.first().copied()).zip(delivery.id);
    headers.extend(id.map(|(name, id)| (name, id.to_owned())));
    let digest = prepared.digest(delivery.body);
    headers.extend(signature.digest.and_then(|digest| digest.header).map(|name| (name, digest.clone())));

    let given = delivery.headers.iter().copied();
    let all: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).chain(given).collect();
    let carried = Carried { name: "", time: Some(&time_text), signatures: None };
    let delivered = prepared.delivered(&all, delivery.body, Some(&carried)).map_err(unsignable)?;
    prepared.signed_at(&delivered).map_err(unsignable)?;
    let values = delivered.values(delivery.body, &digest);
    let text = prepared.texts.first().ok_or(ReceiverError::NothingSigned("its description names no text"))?;
    let written = signature.encoding.encode(key.sign(text, &values).as_slice());
    let value = form::write(signature.form, &time_text, &written);
    headers.extend(signature.headers.first().map(|name| (*name, value)));
    Ok(headers)
}

/// Converts the error of reading the values of a delivery, which are read as for a received one.
fn unsignable(error: VerifyError) -> ReceiverError {
    match error {
        VerifyError::MissingHeader { name } => ReceiverError::NoValue(name),
        VerifyError::MissingHeaders { names } => ReceiverError::NoValue(names.first().copied().unwrap_or_default()),
        VerifyError::MalformedHeader { name, expected } => {
            ReceiverError::Value { name, problem: format!("is not {expected}") }
        }
        VerifyError::AmbiguousHeader { name, text } => ReceiverError::Value { name, problem: ambiguous(text) },
        error => ReceiverError::Body(Box::new(error)),
    }
}
