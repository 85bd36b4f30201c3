//! Receiving any event of any provider, which the typed receivers build on.

use std::borrow::Cow;

use jiff::Timestamp;

use crate::catalogue::{EventNamePlace, Provider, Verification};
use crate::events::{Acknowledgement, acknowledgement, idempotency_key, identify};
use crate::json::error::DecodeError;
use crate::signature::{Headers, ReceiverError, ToSign, Verifier, VerifyError};
use crate::values::Secret;

/// What a receiver has to know of the registration whose deliveries it receives.
#[derive(Clone, Copy, Debug, Default)]
pub struct Registered<'a> {
    /// The URL as it was registered, for providers that sign it.
    pub url: Option<&'a str>,
    /// The event that every delivery is, for providers whose deliveries do not say it, and for a URL of one event only.
    pub event: Option<&'a str>,
    /// The name of the signature, for providers that sign in several ways; the default one otherwise.
    pub signature: Option<&'a str>,
}

/// Receives the deliveries of a registration with any provider, without a Rust type for their payloads.
///
/// `Debug` does not show secrets.
#[derive(Clone, Debug)]
pub struct AnyReceiver {
    provider: &'static Provider,
    /// `None`: every delivery is taken for genuine.
    verifier: Option<Verifier>,
    event: Option<String>,
}

/// A delivery that is genuine and whose payload decodes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AnyEvent {
    /// The event's name; `None` where neither the delivery nor the registration says it.
    pub name: Option<String>,
    /// Whether the specification lists the event.
    pub known: bool,
    /// As `Event::idempotency_key` of the provider's module.
    pub idempotency_key: Option<String>,
    /// What the provider expects as answer.
    pub acknowledgement: Acknowledgement,
}

impl AnyReceiver {
    /// A receiver for a registration and its secrets, of which any is enough.
    ///
    /// # Errors
    ///
    /// Those of [`Verifier::new`], and when nothing says which event a delivery is.
    pub fn new(
        provider: &'static Provider,
        registered: Registered<'_>,
        secrets: impl IntoIterator<Item = impl Into<Secret>>,
    ) -> Result<Self, ReceiverError> {
        let verification = provider.verification.as_ref().ok_or(ReceiverError::NothingDelivered)?;
        let verifier = Verifier::new(verification, registered.signature, registered.url, secrets)?;
        Self::with_verifier(provider, verifier, registered.event)
    }

    /// A receiver with a verifier of your own, for a provider whose verification no description can express.
    ///
    /// # Errors
    ///
    /// When nothing says which event a delivery is.
    pub fn with_verifier(
        provider: &'static Provider,
        verifier: Verifier,
        event: Option<&str>,
    ) -> Result<Self, ReceiverError> {
        Self::checked(provider, Some(verifier), event)
    }

    /// A receiver that takes every delivery for genuine: anyone who knows the URL can send one.
    ///
    /// # Errors
    ///
    /// When every registration with the provider has a secret to verify with, or nothing says which event a delivery is.
    pub fn unverified(provider: &'static Provider, event: Option<&str>) -> Result<Self, ReceiverError> {
        match provider.verification.as_ref().map(Verification::optional) {
            Some(Some(_)) => Self::checked(provider, None, event),
            Some(None) => Err(ReceiverError::NoSecret),
            None => Err(ReceiverError::NothingDelivered),
        }
    }

    fn checked(
        provider: &'static Provider,
        verifier: Option<Verifier>,
        event: Option<&str>,
    ) -> Result<Self, ReceiverError> {
        if provider.event_name == Some(EventNamePlace::Route) && event.is_none() {
            return Err(ReceiverError::NoEvent);
        }
        Ok(Self::unchecked(provider, verifier, event))
    }

    pub(crate) fn unchecked(provider: &'static Provider, verifier: Option<Verifier>, event: Option<&str>) -> Self {
        Self { provider, verifier, event: event.map(str::to_owned) }
    }

    /// Takes every delivery for this event.
    #[must_use]
    pub fn for_event(mut self, event: &str) -> Self {
        self.event = Some(event.to_owned());
        self
    }

    /// Changes the verifier, for example its replay window.
    #[must_use]
    pub fn map_verifier(mut self, change: impl FnOnce(Verifier) -> Verifier) -> Self {
        self.verifier = self.verifier.map(change);
        self
    }

    /// Verifies a delivery, as [`Verifier::verify`] does.
    ///
    /// # Errors
    ///
    /// When the delivery is not genuine; never where every delivery is taken for genuine.
    pub fn verify<H: Headers + ?Sized>(&self, headers: &H, body: &[u8], now: Timestamp) -> Result<(), VerifyError> {
        self.verifier.as_ref().map_or(Ok(()), |verifier| verifier.verify(headers, body, now))
    }

    /// As [`Verifier::string_to_sign`].
    ///
    /// # Errors
    ///
    /// When something that is signed is missing or malformed.
    pub fn string_to_sign<H: Headers + ?Sized>(
        &self,
        headers: &H,
        body: &[u8],
    ) -> Result<Option<Vec<u8>>, VerifyError> {
        self.verifier.as_ref().map_or(Ok(None), |verifier| verifier.string_to_sign(headers, body))
    }

    /// The name of the event that a delivery is, from the registration, a header, the path of the request, or the payload.
    /// `None` where none of them says it.
    ///
    /// # Errors
    ///
    /// When only the payload says it, and it is not JSON or a member that identifies the event is there twice.
    pub fn event_name<'a, H: Headers + ?Sized>(
        &'a self,
        headers: &'a H,
        path: &'a str,
        body: &[u8],
    ) -> Result<Option<Cow<'a, str>>, DecodeError> {
        let name = match (&self.event, self.provider.event_name) {
            (Some(event), _) => Some(Cow::Borrowed(event.as_str())),
            (None, Some(EventNamePlace::Body)) => identify(self.provider, body)?,
            // The name is not signed, so a delivery without it is still genuine.
            (None, Some(EventNamePlace::Header(name))) => headers.required(name).ok().map(Cow::Borrowed),
            (None, Some(EventNamePlace::LastPathSegment)) => Some(Cow::Borrowed(last_segment(path))),
            (None, Some(EventNamePlace::Route) | None) => None,
        };
        Ok(name.filter(|name| !name.is_empty()))
    }

    /// The event of the registration, or else the last segment of a path.
    pub(crate) fn event_of_path<'a>(&'a self, path: &'a str) -> &'a str {
        self.event.as_deref().unwrap_or_else(|| last_segment(path))
    }

    /// Verifies a delivery against a clock, and decodes it.
    ///
    /// # Errors
    ///
    /// When the delivery is not genuine, or its payload does not decode.
    pub fn receive<B: AsRef<[u8]>>(
        &self,
        request: &http::Request<B>,
        now: Timestamp,
    ) -> Result<AnyEvent, ReceiveError> {
        self.receive_as(request, now, |name, body| self.provider.decode(name, body))
    }

    /// Verifies, and decodes by a function of the event's name (empty where nothing says it) and the body.
    pub(crate) fn receive_as<B: AsRef<[u8]>, E>(
        &self,
        request: &http::Request<B>,
        now: Timestamp,
        decode: impl FnOnce(&str, &[u8]) -> Result<E, DecodeError>,
    ) -> Result<E, ReceiveError> {
        let body = request.body().as_ref();
        self.verify(request.headers(), body, now)?;
        match self.event_name(request.headers(), request.uri().path(), body) {
            Ok(name) => {
                let name = name.as_deref().unwrap_or_default();
                decode(name, body).map_err(|error| self.undecodable(name, error))
            }
            Err(error) => Err(self.undecodable("", error)),
        }
    }

    fn undecodable(&self, event: &str, error: DecodeError) -> ReceiveError {
        ReceiveError::Decode(Box::new(Undecodable {
            event: Some(event).filter(|event| !event.is_empty()).map(str::to_owned),
            error,
            acknowledgement: acknowledgement(self.provider, event),
        }))
    }
}

impl Provider {
    /// The name of the event that a payload is, where payloads say it: by the members that the specification tells events
    /// apart by, or else the name that the payload gives itself, which may be one that the specification does not list.
    ///
    /// # Errors
    ///
    /// When the payload is not JSON, or a member that identifies the event is there twice.
    pub fn identify(&'static self, payload: &[u8]) -> Result<Option<Cow<'static, str>>, DecodeError> {
        match self.event_name {
            Some(EventNamePlace::Body) => identify(self, payload),
            _ => Ok(None),
        }
    }

    /// Decodes the payload of an event; the name is empty where nothing says it.
    ///
    /// # Errors
    ///
    /// When the payload is not JSON, or does not fit the Rust type that belongs to the event.
    pub fn decode(&'static self, event: &str, payload: &[u8]) -> Result<AnyEvent, DecodeError> {
        let known = self.event(event);
        match known.and_then(|event| self.schema(event.name).ok()) {
            Some(schema) => drop(schema.decode(payload)?),
            None => drop(crate::values::Json::try_from(payload)?),
        }
        Ok(AnyEvent {
            name: Some(event).filter(|name| !name.trim().is_empty()).map(str::to_owned),
            known: known.is_some(),
            idempotency_key: idempotency_key(self, event, payload),
            acknowledgement: acknowledgement(self, event),
        })
    }
}

/// The headers that prove where a delivery comes from.
pub(crate) fn sign(
    provider: &Provider,
    secret: &Secret,
    delivery: &ToSign<'_>,
) -> Result<Vec<(&'static str, String)>, ReceiverError> {
    let verification = provider.verification.as_ref().ok_or(ReceiverError::NothingDelivered)?;
    crate::signature::sign(verification, None, secret, delivery)
}

/// The last segment of a URL's path, without regard to slashes at the end.
fn last_segment(path: &str) -> &str {
    path.trim_end_matches('/').rsplit('/').next().unwrap_or_default()
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
