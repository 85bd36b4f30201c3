//! Verifying.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::custom::CustomVerification;
use super::error::{ReceiverError, VerifyError};
use super::headers::Headers;
use super::key::{Secrets, SigningKey};
use super::scheme::{Scheme, described};
use super::time::within;
use crate::catalogue::{KeyPlace, Verification};
use crate::values::Secret;

/// Verifies deliveries as a description says. `Debug` does not show secrets.
#[derive(Clone)]
pub struct Verifier(Kind);

#[derive(Clone)]
enum Kind {
    Signed(Box<Signed>),
    Keys { places: &'static [KeyPlace], secrets: Secrets },
    Custom(Arc<dyn CustomVerification>),
}

#[derive(Clone)]
struct Signed {
    scheme: Scheme,
    keys: Vec<SigningKey>,
    window: Option<Duration>,
}

impl Verifier {
    /// A verifier for deliveries that prove their origin by the signature of this name, or by the default one.
    ///
    /// The URL is the one that was registered. It is needed where a provider signs it, and never taken from a request. What
    /// is signed is the URL that is requested, so a URL that HTTP clients rewrite is refused: write
    /// `https://shop.example/b` for `https://shop.example/a/../b`.
    ///
    /// Any of the secrets is enough: several registrations may share a URL, and while a secret is rotated, the old one and
    /// the new one are both in use.
    ///
    /// # Errors
    ///
    /// When there is no such signature, the URL is needed and not given or no delivery is signed for it as it is written, or
    /// a secret is missing, empty or malformed.
    pub fn new(
        verification: &Verification,
        name: Option<&str>,
        url: Option<&str>,
        secrets: impl IntoIterator<Item = impl Into<Secret>>,
    ) -> Result<Self, ReceiverError> {
        let secrets = secrets.into_iter().map(Into::into);
        if let Verification::Keys(keys) = verification {
            return Ok(Self(Kind::Keys { places: keys.places, secrets: Secrets::new(secrets)? }));
        }
        let signature = described(verification, name)?;
        let scheme = Scheme::new(signature, url)?;
        let key = |secret| SigningKey::new(signature.algorithm, signature.key, &secret);
        let keys: Vec<_> = secrets.map(key).collect::<Result<_, _>>()?;
        if keys.is_empty() {
            return Err(ReceiverError::NoSecret);
        }
        Ok(Self(Kind::Signed(Box::new(Signed { scheme, keys, window: signature.window() }))))
    }

    /// A verifier for deliveries whose verification no description can express.
    pub fn custom(verification: impl CustomVerification + 'static) -> Self {
        Self(Kind::Custom(Arc::new(verification)))
    }

    /// How far the signed time may lie before or after the clock. Where no time is signed, this changes nothing.
    #[must_use]
    pub fn replay_window(self, window: Duration) -> Self {
        self.within(Some(window))
    }

    /// Accepts deliveries however old they are: anyone who has ever seen one can send it again.
    ///
    /// This is for deliveries from a store of your own that are verified late.
    #[must_use]
    pub fn dangerously_without_replay_window(self) -> Self {
        self.within(None)
    }

    fn within(mut self, window: Option<Duration>) -> Self {
        if let Kind::Signed(signed) = &mut self.0 {
            signed.window = window;
            signed.scheme.reads_time |= signed.scheme.signature.signs_time();
        }
        self
    }

    /// Verifies a delivery: its headers, the bytes of its body as they were received, and the clock. The body is parsed only
    /// where members of it are signed.
    ///
    /// # Errors
    ///
    /// When the delivery does not come from the provider, was not signed with one of the secrets, or was signed outside of the
    /// replay window around `now`.
    pub fn verify<H: Headers + ?Sized>(&self, headers: &H, body: &[u8], now: Timestamp) -> Result<(), VerifyError> {
        match &self.0 {
            Kind::Signed(signed) => signed.verify(&headers, body, now),
            Kind::Keys { places, secrets } => verify_key(places, secrets, &headers),
            Kind::Custom(custom) => custom.verify(&headers, body, now),
        }
    }

    /// The text whose signature [`Verifier::verify`] looks for, to find out why a delivery is refused. No secret is in it.
    /// Where any of several texts may be signed, it is the first one. `None` where no text is signed.
    ///
    /// # Errors
    ///
    /// When something that is signed is missing or malformed.
    pub fn string_to_sign<H: Headers + ?Sized>(
        &self,
        headers: &H,
        body: &[u8],
    ) -> Result<Option<Vec<u8>>, VerifyError> {
        match &self.0 {
            Kind::Signed(signed) => signed.string_to_sign(&headers, body).map(Some),
            Kind::Keys { .. } => Ok(None),
            Kind::Custom(custom) => custom.string_to_sign(&headers, body),
        }
    }
}

impl Signed {
    fn verify(&self, headers: &dyn Headers, body: &[u8], now: Timestamp) -> Result<(), VerifyError> {
        let scheme = &self.scheme;
        let carried = scheme.carried(headers)?;
        let signatures = scheme.signatures(&carried)?;
        let sent_digest = scheme.sent_digest(headers)?;
        let delivered = scheme.delivered(headers, body, Some(&carried))?;
        let digest = match sent_digest {
            Some(sent) if sent.is_of(body) => Cow::Borrowed(sent.text),
            Some(_) => return Err(VerifyError::ContentHashMismatch),
            None => Cow::Owned(scheme.digest(body)),
        };
        let values = delivered.values(body, &digest);
        let any_key = |text| self.keys.iter().fold(false, |found, key| found | key.verify(text, &values, signatures));
        if !scheme.texts.iter().any(any_key) {
            return Err(VerifyError::SignatureMismatch);
        }
        match (delivered.signed_at, self.window) {
            (Some(signed_at), Some(window)) => within(signed_at, now, window),
            (_, _) => Ok(()),
        }
    }

    fn string_to_sign(&self, headers: &dyn Headers, body: &[u8]) -> Result<Vec<u8>, VerifyError> {
        let scheme = &self.scheme;
        let carried = if scheme.reads_time_of_form() { Some(scheme.carried(headers)?) } else { None };
        let delivered = scheme.delivered(headers, body, carried.as_ref())?;
        let digest = scheme.digest(body);
        let mut text = Vec::new();
        if let Some(template) = scheme.texts.first() {
            template.render(&delivered.values(body, &digest), |slice| text.extend_from_slice(slice));
        }
        Ok(text)
    }
}

fn verify_key(places: &[KeyPlace], secrets: &Secrets, headers: &dyn Headers) -> Result<(), VerifyError> {
    let mut sent = None;
    for place in places {
        // Every header is looked at, so that one that is there more than once is refused.
        let value = headers.optional(place.header)?;
        sent = sent.or(value.map(|value| (place, value)));
    }
    let Some((place, value)) = sent else {
        return Err(VerifyError::MissingHeader { name: places.first().map_or("", |place| place.header) });
    };
    let same = after(place.before, value).is_some_and(|sent| secrets.contain(sent));
    if same { Ok(()) } else { Err(VerifyError::KeyMismatch { name: place.header }) }
}

/// What is in a value after the name of a scheme, whose letters may be of either case and which any number of spaces may
/// follow.
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
            Kind::Signed(signed) => shown
                .field("headers", &signed.scheme.signature.headers)
                .field("secrets", &signed.keys.len())
                .field("window", &signed.window),
            Kind::Keys { places, secrets } => shown.field("places", places).field("secrets", &secrets.len()),
            Kind::Custom(_) => &mut shown,
        };
        shown.finish_non_exhaustive()
    }
}
