//! Signing, for tests of an endpoint and for the sandbox.

use jiff::Timestamp;

use super::error::{ReceiverError, VerifyError};
use super::form;
use super::key::{SigningKey, not_blank};
use super::scheme::{Carried, Scheme, described};
use crate::catalogue::{KeyPlace, Verification};
use crate::values::Secret;

/// A delivery that is to be signed.
#[derive(Clone, Copy, Debug)]
pub struct ToSign<'a> {
    /// The URL as it was registered, for providers that sign it.
    pub url: Option<&'a str>,
    /// The id of the delivery, for providers that have one in a header.
    pub id: Option<&'a str>,
    /// Other headers of the delivery, for providers that sign some of them. They are not among the headers that [`sign`] gives.
    pub headers: &'a [(&'a str, &'a str)],
    /// The body.
    pub body: &'a [u8],
    /// The time.
    pub at: Timestamp,
}

/// The headers that prove where a delivery comes from, by the signature of this name or the default one. Where the URL is
/// signed, `Host` is one of them.
///
/// # Errors
///
/// When there is no such signature, a value that is signed is not given, no delivery is signed for the URL as it is written,
/// the secret is empty or malformed, or the time cannot be written as the provider writes it.
pub fn sign(
    verification: &Verification,
    name: Option<&str>,
    secret: &Secret,
    delivery: &ToSign<'_>,
) -> Result<Vec<(&'static str, String)>, ReceiverError> {
    if let Verification::Keys(keys) = verification {
        let secret = not_blank(secret.expose())?;
        let header = |place: &KeyPlace| (place.header, format!("{}{secret}", place.before));
        return Ok(keys.places.iter().take(1).map(header).collect());
    }
    let signature = described(verification, name)?;
    let scheme = Scheme::new(signature, delivery.url)?;
    let key = SigningKey::new(signature.algorithm, signature.key, secret)?;

    let mut headers: Vec<(&'static str, String)> = Vec::new();
    headers.extend(scheme.host.clone().map(|host| ("Host", host)));
    let mut time_text = String::new();
    // A time of the body is what the body says.
    if let Some(time) = signature.time.filter(|time| time.member.is_none()) {
        let malformed = ReceiverError::Time(time.format.expected());
        time_text = time.format.write(delivery.at).ok_or_else(|| malformed.clone())?;
        if scheme.reads_time && time.format.read(&time_text).is_none() {
            return Err(malformed);
        }
        headers.extend(time.headers.first().map(|name| (*name, time_text.clone())));
    }
    let id = signature.id.and_then(|id| id.headers.first().copied()).zip(delivery.id);
    headers.extend(id.map(|(name, id)| (name, id.to_owned())));
    let digest = scheme.digest(delivery.body);
    headers.extend(signature.digest.and_then(|digest| digest.header).map(|name| (name, digest.clone())));

    let given = delivery.headers.iter().copied();
    let all: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).chain(given).collect();
    let carried = Carried { name: "", time: Some(&time_text), signatures: None };
    let delivered = scheme.delivered(&all, delivery.body, Some(&carried)).map_err(unsignable)?;
    let values = delivered.values(delivery.body, &digest);
    let text = scheme.texts.first().ok_or(ReceiverError::NothingSigned("its description names no text"))?;
    let written = signature.encoding.encode(key.sign(text, &values).as_slice());
    let value = form::write(signature.form, &time_text, &written);
    headers.extend(signature.headers.first().map(|name| (*name, value)));
    Ok(headers)
}

/// Why a delivery cannot be signed whose values are read as those of one that was received.
fn unsignable(error: VerifyError) -> ReceiverError {
    match error {
        VerifyError::MissingHeader { name } => ReceiverError::NoValue(name),
        VerifyError::MalformedHeader { name, expected } => {
            ReceiverError::Value { name, expected: expected.into_owned() }
        }
        error => ReceiverError::Body(Box::new(error)),
    }
}
