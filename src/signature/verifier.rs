//! Verifies deliveries.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::custom::CustomVerification;
use super::error::{ReceiverError, VerifyError};
use super::headers::Headers;
use super::key::{Secrets, VerificationKey};
use super::prepared::{PreparedSignature, described};
use super::text::Template;
use super::time::within;
use crate::catalogue::{KeyPlace, Verification};
use crate::values::Secret;

/// Verifies deliveries according to a provider's description. `Debug` does not show secrets.
#[derive(Clone)]
pub struct Verifier(Method);

#[derive(Clone)]
enum Method {
    Signature(Arc<SignatureVerifier>),
    Keys { places: &'static [KeyPlace], check: KeyCheck },
    Custom(Arc<dyn CustomVerification>),
}

/// What decides whether a key or a token is accepted.
#[derive(Clone)]
enum KeyCheck {
    Secrets(Secrets),
    Program(Arc<dyn Fn(&str) -> bool + Send + Sync>),
}

#[derive(Clone)]
struct SignatureVerifier {
    prepared: PreparedSignature,
    keys: Vec<VerificationKey>,
    window: Option<Duration>,
}

impl Verifier {
    /// Constructs a verifier for deliveries that prove their origin by the signature of this name, or by the default
    /// one.
    ///
    /// `url` is the registered URL. It is required if the provider signs it, and is never taken from a request.
    /// Providers sign the URL that they request, so a URL that HTTP clients rewrite is refused: write
    /// `https://shop.example/b` instead of `https://shop.example/a/../b`.
    ///
    /// A delivery passes if one of the secrets verifies it: several registrations may share a URL, and while a secret
    /// is rotated, both the old one and the new one are in use. If the provider signs with
    /// [`Algorithm::Ed25519`](crate::catalogue::Algorithm::Ed25519), a secret is a public key of the provider.
    ///
    /// # Errors
    ///
    /// Returns an error if there is no such signature, if the URL is required and is missing or is rewritten by HTTP
    /// clients, if no secret is given, if a secret is empty or malformed, or if the provider signs with Ed25519 and the
    /// feature `ed25519` is off.
    pub fn new(
        verification: &Verification,
        name: Option<&str>,
        url: Option<&str>,
        secrets: impl IntoIterator<Item = impl Into<Secret>>,
    ) -> Result<Self, ReceiverError> {
        let secrets = secrets.into_iter().map(Into::into);
        if let Verification::Keys(keys) = verification {
            let check = KeyCheck::Secrets(Secrets::new(secrets)?);
            return Ok(Self(Method::Keys { places: keys.places, check }));
        }
        let signature = described(verification, name)?;
        let prepared = PreparedSignature::new(signature, url)?;
        let key = |secret| VerificationKey::new(signature.algorithm, signature.key, &secret);
        let keys: Vec<_> = secrets.map(key).collect::<Result<_, _>>()?;
        if keys.is_empty() {
            return Err(ReceiverError::NoSecret);
        }
        Ok(Self(Method::Signature(Arc::new(SignatureVerifier { prepared, keys, window: signature.window() }))))
    }

    /// Constructs a verifier for deliveries that carry a key or a token, which your own code accepts or refuses. Use this for
    /// tokens that your program issues and that expire. The function gets the key, or the token without the name of its
    /// authentication scheme. Compare secret values in constant time.
    ///
    /// # Errors
    ///
    /// Returns an error if the provider's deliveries do not carry a key or a token.
    pub fn key_check(
        verification: &Verification,
        check: impl Fn(&str) -> bool + Send + Sync + 'static,
    ) -> Result<Self, ReceiverError> {
        let Verification::Keys(keys) = verification else { return Err(ReceiverError::NoKey) };
        Ok(Self(Method::Keys { places: keys.places, check: KeyCheck::Program(Arc::new(check)) }))
    }

    /// Constructs a verifier that uses your own code, for deliveries whose verification cannot be described.
    pub fn custom(verification: impl CustomVerification + 'static) -> Self {
        Self(Method::Custom(Arc::new(verification)))
    }

    /// Sets the replay window: how far the signed time may be before or after the clock. If the signature does not
    /// cover a time, or your own code verifies deliveries, this has no effect.
    #[must_use]
    pub fn replay_window(self, window: Duration) -> Self {
        self.within(Some(window))
    }

    /// Accepts deliveries of any age: anyone who has ever seen one can send it again.
    ///
    /// Use this only to verify deliveries from your own storage after the replay window.
    #[must_use]
    pub fn dangerously_without_replay_window(self) -> Self {
        self.within(None)
    }

    fn within(mut self, window: Option<Duration>) -> Self {
        if let Method::Signature(signed) = &mut self.0 {
            let signed = Arc::make_mut(signed);
            signed.window = window;
            signed.prepared.reads_time |= signed.prepared.signature.signs_time();
        }
        self
    }

    /// Verifies a delivery by its headers, the bytes of its body as received, and the current time. The body is parsed
    /// only if members of it are signed, or if one of them is the time of the delivery.
    ///
    /// # Errors
    ///
    /// Returns an error if the proof of origin is missing or malformed, if it does not match with any of the secrets,
    /// if a signed value contains the text that follows it in the signed text, or if the delivery was signed outside of
    /// the replay window around `now`.
    pub fn verify<H: Headers + ?Sized>(&self, headers: &H, body: &[u8], now: Timestamp) -> Result<(), VerifyError> {
        match &self.0 {
            Method::Signature(signed) => signed.verify(&headers, body, now).map(drop),
            Method::Keys { places, check } => verify_key(places, check, &headers),
            Method::Custom(custom) => custom.verify(&headers, body, now),
        }
    }

    /// Verifies a request, and returns the key that verifies it; `None` if it is not a signature that proves the origin.
    pub(crate) fn verifying_key<H: Headers + ?Sized>(
        &self,
        headers: &H,
        body: &[u8],
        now: Timestamp,
    ) -> Result<Option<&VerificationKey>, VerifyError> {
        match &self.0 {
            Method::Signature(signed) => signed.verify(&headers, body, now).map(Some),
            Method::Keys { .. } | Method::Custom(_) => self.verify(headers, body, now).map(|()| None),
        }
    }

    /// The key of the first secret.
    pub(crate) fn first_key(&self) -> Option<&VerificationKey> {
        let Method::Signature(signed) = &self.0 else { return None };
        signed.keys.first()
    }

    /// Returns the text whose signature [`Verifier::verify`] expects, to find out why a delivery is refused. The text
    /// does not contain a secret. If one of several texts may be signed, it is the first one; `None` if no text is
    /// signed.
    ///
    /// # Errors
    ///
    /// Returns an error if a signed header or member is missing or malformed.
    pub fn string_to_sign<H: Headers + ?Sized>(
        &self,
        headers: &H,
        body: &[u8],
    ) -> Result<Option<Vec<u8>>, VerifyError> {
        match &self.0 {
            Method::Signature(signed) => signed.string_to_sign(&headers, body).map(Some),
            Method::Keys { .. } => Ok(None),
            Method::Custom(custom) => custom.string_to_sign(&headers, body),
        }
    }
}

impl SignatureVerifier {
    /// Returns the key that verifies the delivery.
    fn verify(&self, headers: &dyn Headers, body: &[u8], now: Timestamp) -> Result<&VerificationKey, VerifyError> {
        let prepared = &self.prepared;
        let carried = prepared.carried(headers)?;
        let signatures = prepared.signatures(&carried)?;
        let sent_digest = prepared.sent_digest(headers)?;
        let delivered = prepared.delivered(headers, body, Some(&carried))?;
        let signed_at = prepared.signed_at(&delivered)?;
        let digest = match sent_digest {
            Some(sent) => {
                sent.check(body)?;
                Cow::Borrowed(sent.text)
            }
            None => Cow::Owned(prepared.digest(body)),
        };
        let values = delivered.values(body, &digest);
        // Every key is tried, so that the time does not depend on which one matches.
        let of_text = |text| {
            let right = self.keys.iter().filter(|key| key.verify(text, &values, signatures));
            right.fold(None, |found, key| found.or(Some(key)))
        };
        let key = prepared.texts.iter().find_map(of_text).ok_or(VerifyError::SignatureMismatch)?;
        if let (Some(signed_at), Some(window)) = (signed_at, self.window) {
            within(signed_at, now, window)?;
        }
        Ok(key)
    }

    fn string_to_sign(&self, headers: &dyn Headers, body: &[u8]) -> Result<Vec<u8>, VerifyError> {
        let prepared = &self.prepared;
        let carried = if prepared.reads_time_of_form() { Some(prepared.carried(headers)?) } else { None };
        let delivered = prepared.delivered(headers, body, carried.as_ref())?;
        let digest = prepared.digest(body);
        let text = |template: &Template| template.rendered(&delivered.values(body, &digest));
        Ok(prepared.texts.first().map_or_else(Vec::new, text))
    }
}

fn verify_key(places: &[KeyPlace], check: &KeyCheck, headers: &dyn Headers) -> Result<(), VerifyError> {
    let mut sent = None;
    for place in places {
        // Every header is read, so that one that occurs more than once is refused.
        let value = headers.optional(place.header)?;
        sent = sent.or(value.map(|value| (place, value)));
    }
    let Some((place, value)) = sent else {
        return Err(VerifyError::missing(places.iter().map(|place| place.header)));
    };
    let is_accepted = after(place.before, value).is_some_and(|sent| match check {
        KeyCheck::Secrets(secrets) => secrets.contain(sent),
        KeyCheck::Program(check) => check(sent),
    });
    if is_accepted { Ok(()) } else { Err(VerifyError::KeyMismatch { name: place.header }) }
}

/// The part of a value after the name of an authentication scheme. The name is case-insensitive, and any number of
/// spaces may follow it.
fn after<'a>(before: &str, value: &'a str) -> Option<&'a str> {
    let (start, rest) = value.split_at_checked(before.len())?;
    if !start.eq_ignore_ascii_case(before) {
        return None;
    }
    Some(if before.ends_with(' ') { rest.trim_start_matches(' ') } else { rest })
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Verifier");
        match &self.0 {
            Method::Signature(signed) => shown
                .field("headers", &signed.prepared.signature.headers)
                .field("secrets", &signed.keys.len())
                .field("window", &signed.window),
            Method::Keys { places, check: KeyCheck::Secrets(secrets) } => {
                shown.field("places", places).field("secrets", &secrets.len())
            }
            Method::Keys { places, .. } => shown.field("places", places),
            Method::Custom(_) => &mut shown,
        };
        shown.finish_non_exhaustive()
    }
}
