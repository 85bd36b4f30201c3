//! Receives any event of any provider. The typed receivers are built on this.

use std::borrow::Cow;
use std::sync::Arc;

use jiff::Timestamp;

use crate::catalogue::{EventNamePlace, Provider, Verification};
use crate::events::{Acknowledgement, acknowledgement, idempotency_key, identify};
use crate::handshake::{Asked, HandshakeAnswer, HandshakeError, is_challenge};
use crate::json::error::DecodeError;
use crate::provider_event::ProviderEvent;
use crate::signature::{Headers, ReceiverError, Secrets, ToSign, Verifier, VerifyError};
use crate::values::Secret;

/// What a receiver has to know about the registration whose deliveries it receives.
#[derive(Clone, Copy, Debug, Default)]
pub struct Registered<'a> {
    /// The registered URL, for providers that sign it.
    pub url: Option<&'a str>,
    /// The event of every delivery, for providers whose deliveries do not name their event, and for a URL that receives
    /// only one event. If payloads or a header identify the event, this is the event of those deliveries that do not.
    pub event: Option<&'a str>,
    /// The name of the signature, for providers that sign in several ways. `None` means the default signature.
    pub signature: Option<&'a str>,
}

/// Receives the deliveries of a registration with any provider, without a Rust type for their payloads.
///
/// It is cheap to clone. `Debug` does not show secrets.
#[derive(Clone, Debug)]
pub struct AnyReceiver {
    provider: &'static Provider,
    /// `None` if every delivery is accepted as genuine.
    verifier: Option<Verifier>,
    event: Option<Arc<str>>,
    /// The token that a handshake has to contain.
    verify_token: Option<Secrets>,
}

/// A verified delivery whose payload was decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AnyEvent {
    /// The event's name; `None` if neither the delivery nor the registration names it.
    pub name: Option<String>,
    /// Whether the specification lists the event.
    pub known: bool,
    /// The same key as that of `Event::idempotency_key` of the provider's module.
    pub idempotency_key: Option<String>,
    /// The response that the provider expects.
    pub acknowledgement: Acknowledgement,
}

impl AnyReceiver {
    /// Constructs a receiver for a registration and its secrets. A delivery passes if one of the secrets verifies it.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`Verifier::new`], and an error if nothing identifies the event of a delivery.
    pub fn new(
        provider: &'static Provider,
        registered: Registered<'_>,
        secrets: impl IntoIterator<Item = impl Into<Secret>>,
    ) -> Result<Self, ReceiverError> {
        let verification = provider.verification_of(registered.event).ok_or(ReceiverError::NothingDelivered)?;
        let verifier = Verifier::new(verification, registered.signature, registered.url, secrets)?;
        Self::with_verifier(provider, verifier, registered.event)
    }

    /// Constructs a receiver for deliveries that carry a key or a token, which your own code accepts or refuses; see
    /// [`Verifier::key_check`].
    ///
    /// # Errors
    ///
    /// Returns an error if deliveries do not carry a key or a token, or if nothing identifies the event of a delivery.
    pub fn with_key_check(
        provider: &'static Provider,
        event: Option<&str>,
        check: impl Fn(&str) -> bool + Send + Sync + 'static,
    ) -> Result<Self, ReceiverError> {
        let verification = provider.verification_of(event).ok_or(ReceiverError::NothingDelivered)?;
        Self::with_verifier(provider, Verifier::key_check(verification, check)?, event)
    }

    /// Constructs a receiver with your own verifier, for a provider whose verification cannot be described.
    ///
    /// # Errors
    ///
    /// Returns an error if nothing identifies the event of a delivery.
    pub fn with_verifier(
        provider: &'static Provider,
        verifier: Verifier,
        event: Option<&str>,
    ) -> Result<Self, ReceiverError> {
        Self::checked(provider, Some(verifier), event)
    }

    /// Constructs a receiver that accepts every delivery as genuine: anyone who knows the URL can send one.
    ///
    /// # Errors
    ///
    /// Returns an error if every registration has a secret, or if nothing identifies the event of a delivery.
    pub fn unverified(provider: &'static Provider, event: Option<&str>) -> Result<Self, ReceiverError> {
        match provider.verification_of(event).map(Verification::optional) {
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

    #[doc(hidden)]
    pub fn unchecked(provider: &'static Provider, verifier: Option<Verifier>, event: Option<&str>) -> Self {
        Self { provider, verifier, event: event.map(Arc::from), verify_token: None }
    }

    /// Returns the provider whose deliveries are received.
    pub fn provider(&self) -> &'static Provider {
        self.provider
    }

    /// Treats every delivery as this event, except those whose payload or header identifies another one. Deliveries are
    /// verified as before. This has no effect if the receiver was constructed for the event of a registration, because verification
    /// may depend on that event.
    #[must_use]
    pub fn for_event(mut self, event: &str) -> Self {
        if self.provider.event_name != Some(EventNamePlace::Route) {
            self.event = Some(event.into());
        }
        self
    }

    /// Changes the verifier, for example its replay window.
    #[must_use]
    pub fn map_verifier(mut self, change: impl FnOnce(Verifier) -> Verifier) -> Self {
        self.verifier = self.verifier.map(change);
        self
    }

    /// Sets the token that the provider sends in a handshake ([`Handshake::token`](crate::catalogue::Handshake::token)), which
    /// was entered at the provider together with the URL.
    ///
    /// # Errors
    ///
    /// Returns an error if the token is empty, or is not printable ASCII.
    pub fn with_verify_token(mut self, token: impl Into<Secret>) -> Result<Self, ReceiverError> {
        self.verify_token = Some(Secrets::new([token.into()])?);
        Ok(self)
    }

    /// Returns the answer to the request with which the provider checks the URL before it registers it
    /// ([`Provider::handshake`]); `None` if the request is another one, such as a delivery. Call this before
    /// [`AnyReceiver::receive`]. A handshake is not an event, and is not to be stored.
    ///
    /// A handshake that is recognised by its body is verified like a delivery. If the answer contains an HMAC, its key is the
    /// secret that verifies the request or, if the request is not signed, the first secret.
    ///
    /// # Errors
    ///
    /// Returns an error if the handshake is not genuine, if the receiver lacks the token or the secret, or if the request lacks
    /// a value that the answer repeats. [`HandshakeError::status`] is the status to respond with.
    pub fn handshake<B: AsRef<[u8]>>(
        &self,
        request: &http::Request<B>,
        now: Timestamp,
    ) -> Result<Option<HandshakeAnswer>, HandshakeError> {
        let Some(handshake) = &self.provider.handshake else { return Ok(None) };
        let body = request.body().as_ref();
        let asked = Asked { method: request.method(), query: request.uri().query().unwrap_or_default(), body };
        if !asked.is(handshake) {
            return Ok(None);
        }
        if let Some(name) = handshake.token {
            let known = self.verify_token.as_ref().ok_or(HandshakeError::NoToken(name))?;
            if !asked.parameter(name).is_some_and(|sent| known.contain(&sent)) {
                return Err(HandshakeError::WrongToken(name));
            }
        }
        let key = match &self.verifier {
            Some(verifier) if handshake.is_verified() => verifier.verifying_key(request.headers(), body, now)?,
            Some(verifier) => verifier.first_key(),
            None => None,
        };
        let mac = match handshake.mac {
            None => String::new(),
            Some(mac) if !handshake.is_verified() && !asked.has_challenges(mac.of) => {
                return Err(HandshakeError::NotAChallenge);
            }
            Some(mac) => {
                let key = key.ok_or(HandshakeError::NoSecret)?;
                key.mac(asked.text(mac.of, "")?.as_bytes(), mac.encoding).ok_or(HandshakeError::NoSecret)?
            }
        };
        asked.answer(handshake, &mac).map(Some)
    }

    /// Verifies a delivery, as [`Verifier::verify`] does. If the answer to the provider's handshake contains an HMAC of a value that
    /// anyone can send, a body that could be such a value is refused as well, because anyone can have it signed.
    ///
    /// # Errors
    ///
    /// Returns an error if the delivery is not genuine. A receiver that accepts every delivery as genuine never fails.
    pub fn verify<H: Headers + ?Sized>(&self, headers: &H, body: &[u8], now: Timestamp) -> Result<(), VerifyError> {
        let Some(verifier) = &self.verifier else { return Ok(()) };
        verifier.verify(headers, body, now)?;
        match self.provider.handshake {
            Some(handshake) if handshake.mac.is_some() && !handshake.is_verified() && is_challenge(body) => {
                Err(VerifyError::SignatureMismatch)
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Returns the string to sign of a delivery; see [`Verifier::string_to_sign`].
    ///
    /// # Errors
    ///
    /// Returns an error if a signed header or member is missing or malformed.
    pub fn string_to_sign<H: Headers + ?Sized>(
        &self,
        headers: &H,
        body: &[u8],
    ) -> Result<Option<Vec<u8>>, VerifyError> {
        self.verifier.as_ref().map_or(Ok(None), |verifier| verifier.string_to_sign(headers, body))
    }

    /// Returns the name of a delivery's event, from the payload, a header, the registration, or the path of the request;
    /// `None` if none of them names it.
    ///
    /// # Errors
    ///
    /// Returns an error if the payload is needed to identify the event, and is not JSON or has a duplicate of a member
    /// that identifies the event.
    pub fn event_name<'a, H: Headers + ?Sized>(
        &'a self,
        headers: &'a H,
        path: &'a str,
        body: &[u8],
    ) -> Result<Option<Cow<'a, str>>, DecodeError> {
        let registered = self.event.as_deref();
        let name = match self.provider.event_name {
            Some(EventNamePlace::Body) => Some(self.event_of_payload(body)?),
            // The name is not signed, so a delivery without a name is still genuine.
            Some(EventNamePlace::Header(name)) => headers.required(name).ok().or(registered).map(Cow::Borrowed),
            Some(EventNamePlace::LastPathSegment) => Some(Cow::Borrowed(self.event_of_path(path))),
            Some(EventNamePlace::Route) | None => registered.map(Cow::Borrowed),
        };
        Ok(name.filter(|name| !name.is_empty()))
    }

    /// The event that the payload identifies, or else that of the registration; empty if there is none.
    #[doc(hidden)]
    pub fn event_of_payload(&self, body: &[u8]) -> Result<Cow<'_, str>, DecodeError> {
        let identified = identify(self.provider, body)?;
        Ok(identified.unwrap_or_else(|| Cow::Borrowed(self.event.as_deref().unwrap_or_default())))
    }

    /// The event of the registration; without one, the last segment of a path.
    #[doc(hidden)]
    pub fn event_of_path<'a>(&'a self, path: &'a str) -> &'a str {
        self.event.as_deref().unwrap_or_else(|| last_segment(path))
    }

    /// Verifies a delivery at the time `now`, and decodes it.
    ///
    /// # Errors
    ///
    /// Returns an error if the delivery is not genuine, or if its payload cannot be decoded.
    pub fn receive<B: AsRef<[u8]>>(
        &self,
        request: &http::Request<B>,
        now: Timestamp,
    ) -> Result<AnyEvent, ReceiveError> {
        self.receive_as(request, now, |_| None, |name, body| self.provider.decode(name, body))
    }

    /// Verifies a delivery, and decodes it: with a function of the body that may not be able to, or else with a function of the
    /// event's name (empty if it is not known) and the body.
    #[doc(hidden)]
    pub fn receive_as<B: AsRef<[u8]>, E: ProviderEvent>(
        &self,
        request: &http::Request<B>,
        now: Timestamp,
        at_once: impl FnOnce(&[u8]) -> Option<E>,
        decode: impl FnOnce(&str, &[u8]) -> Result<E, DecodeError>,
    ) -> Result<E, ReceiveError> {
        let received = self.received(request, now, at_once, decode);
        #[cfg(feature = "tracing")]
        self.trace(&received, request.body().as_ref());
        received
    }

    fn received<B: AsRef<[u8]>, E>(
        &self,
        request: &http::Request<B>,
        now: Timestamp,
        at_once: impl FnOnce(&[u8]) -> Option<E>,
        decode: impl FnOnce(&str, &[u8]) -> Result<E, DecodeError>,
    ) -> Result<E, ReceiveError> {
        let body = request.body().as_ref();
        self.verify(request.headers(), body, now)?;
        if let Some(event) = at_once(body) {
            return Ok(event);
        }
        match self.event_name(request.headers(), request.uri().path(), body) {
            Ok(name) => {
                let name = name.as_deref().unwrap_or_default();
                decode(name, body).map_err(|error| self.undecodable(name, error))
            }
            Err(error) => Err(self.undecodable(self.event.as_deref().unwrap_or_default(), error)),
        }
    }

    /// Logs a delivery, without anything of its payload.
    #[cfg(feature = "tracing")]
    fn trace<E: ProviderEvent>(&self, received: &Result<E, ReceiveError>, body: &[u8]) {
        let provider = self.provider.name;
        let key = |event: Option<&str>| idempotency_key(self.provider, event.unwrap_or_default(), body);
        match received {
            Ok(event) if tracing::enabled!(tracing::Level::INFO) => {
                let event = event.event_name();
                let key = key(event.as_deref());
                tracing::info!(provider, event = event.as_deref(), key = key.as_deref(), "received a delivery");
            }
            Ok(_) => {}
            Err(ReceiveError::Verify(error)) => tracing::warn!(provider, %error, "refused a delivery"),
            Err(ReceiveError::Decode(undecodable)) => {
                let event = undecodable.event.as_deref();
                let (key, error) = (key(event), &undecodable.error);
                tracing::error!(provider, event, key = key.as_deref(), %error, "received a delivery that cannot be decoded");
            }
        }
    }

    #[cold]
    fn undecodable(&self, event: &str, error: DecodeError) -> ReceiveError {
        ReceiveError::Decode(Box::new(Undecodable {
            event: Some(event).filter(|event| !event.is_empty()).map(str::to_owned),
            error,
            acknowledgement: acknowledgement(self.provider, event),
        }))
    }
}

impl AsRef<AnyReceiver> for AnyReceiver {
    fn as_ref(&self) -> &AnyReceiver {
        self
    }
}

impl Provider {
    /// Identifies the event of a payload by the conditions in the specification. If none holds, the result is the name
    /// in the payload, which may be one that the specification does not list. Returns `None` if the payload does not
    /// identify its event.
    ///
    /// # Errors
    ///
    /// Returns an error if the payload is not JSON, or has a duplicate of a member that identifies the event.
    pub fn identify(&'static self, payload: &[u8]) -> Result<Option<Cow<'static, str>>, DecodeError> {
        match self.event_name {
            Some(EventNamePlace::Body) => identify(self, payload),
            _ => Ok(None),
        }
    }

    /// Decodes the payload of an event. `event` is empty if the name is not known.
    ///
    /// # Errors
    ///
    /// Returns an error if the payload is not JSON, or does not fit the event's Rust type.
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

/// The headers that prove the origin of a delivery of an event, by the signature of this name or the default one.
pub fn sign(
    provider: &Provider,
    event: Option<&str>,
    signature: Option<&str>,
    secret: &Secret,
    delivery: &ToSign<'_>,
) -> Result<Vec<(&'static str, String)>, ReceiverError> {
    let verification = provider.verification_of(event).ok_or(ReceiverError::NothingDelivered)?;
    crate::signature::sign(verification, signature, secret, delivery)
}

/// The last segment of a URL's path, ignoring slashes at the end.
fn last_segment(path: &str) -> &str {
    path.trim_end_matches('/').rsplit('/').next().unwrap_or_default()
}

/// The error of receiving a delivery.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReceiveError {
    /// The delivery is not accepted as genuine. Respond with status 401.
    #[error(transparent)]
    Verify(#[from] VerifyError),
    /// The delivery is genuine, but its payload cannot be decoded. Store the bytes and the event's name, and respond
    /// with [`Undecodable::acknowledgement`]: the provider would only send the same payload again.
    #[error(transparent)]
    Decode(Box<Undecodable>),
}

/// A genuine delivery whose payload cannot be decoded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{error}")]
#[non_exhaustive]
pub struct Undecodable {
    /// The event's name. `None` if neither the delivery nor the receiver names it, or if the payload has to name it and
    /// cannot be read.
    pub event: Option<String>,
    /// What is wrong with the payload.
    #[source]
    pub error: DecodeError,
    /// The response that the provider expects to this event.
    pub acknowledgement: Acknowledgement,
}
