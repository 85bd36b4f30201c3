//! Deliveries as arguments of axum's handlers. Requires the feature `axum`.
//!
//! [`Verified`] is an extractor: the handler runs for genuine deliveries only, and other requests are refused before it. The
//! receiver is the router's state, or a part of it by [`FromRef`], which axum derives.
//!
//! ```
//! # #[cfg(feature = "vipps")] {
//! use axum::Router;
//! use axum::routing::post;
//! use pos_webhooks::Acknowledgement;
//! use pos_webhooks::axum::Verified;
//! use pos_webhooks::vipps::{Event, Receiver};
//!
//! async fn deliver(Verified { event, receipt }: Verified<Event>) -> Acknowledgement {
//!     println!("{}, with the key {:?}", event.name(), receipt.idempotency_key);
//!     receipt.acknowledgement
//! }
//!
//! let receiver = Receiver::new("https://shop.example/hooks", ["secret"])?;
//! let router: Router = Router::new().route("/hooks", post(deliver)).with_state(receiver);
//! # }
//! # Ok::<(), pos_webhooks::verify::ReceiverError>(())
//! ```
//!
//! # What is refused
//!
//! A request that is not a genuine delivery is answered with a status and without a body, which would help its sender to forge
//! one; see [`Refusal::status`]. To answer in another way, or to count the refusals, take
//! `Result<Verified<Event>, Refusal>` as the argument instead:
//!
//! ```
//! # #[cfg(feature = "vipps")] {
//! # use pos_webhooks::{Acknowledgement, vipps::Event};
//! use pos_webhooks::axum::{Refusal, Verified};
//!
//! async fn deliver(delivery: Result<Verified<Event>, Refusal>) -> Result<Acknowledgement, Refusal> {
//!     let delivery = delivery.inspect_err(|refusal| eprintln!("refused with {}: {refusal}", refusal.status()))?;
//!     Ok(delivery.receipt.acknowledgement)
//! }
//! # }
//! ```
//!
//! # Deliveries that cannot be decoded
//!
//! A provider may change its payloads. A genuine delivery that does not decode must not be lost, so [`Verified`] refuses it with
//! status 500: a provider that delivers again keeps the event, which leaves time for an update of your program. Whether and for
//! how long a provider does so is in [`Provider::redelivery`](crate::catalogue::Provider::redelivery).
//!
//! A program that stores the bodies of deliveries does not depend on that. Its handler takes
//! `Verified<Result<Event, Undecodable>>`, with [`Undecodable`]: it gets every genuine delivery with its receipt, stores
//! `receipt.body`, and acknowledges the delivery.
//!
//! # Acting on an event once
//!
//! A provider may deliver an event again, also while your program still works on it. Insert [`Receipt::idempotency_key`] into a
//! table where the provider and the key are unique, in the transaction that acts on the event, and act on it only if the row is
//! new. Acknowledge it after the commit. The example `postgres` does so with `INSERT ... ON CONFLICT DO NOTHING`, which waits
//! for another transaction with the same key. An event without a key is always new.
//!
//! # Large bodies
//!
//! The body is read before anything is verified, up to axum's limit of bodies: that of
//! [`DefaultBodyLimit`](axum_core::extract::DefaultBodyLimit), which is 2 MB by default. Documented deliveries are far smaller
//! than 64 KiB. A router without that limit lets everyone fill the memory.
//!
//! # Handshakes
//!
//! If the provider checks the URL before it registers it ([`Provider::handshake`](crate::catalogue::Provider::handshake)), the
//! extractor answers that request by itself. Some of these requests use the method GET or HEAD, for which the route needs
//! `get(deliver).post(deliver)`.

use std::fmt;
use std::mem;

use axum_core::body::Body;
use axum_core::extract::rejection::BytesRejection;
use axum_core::extract::{FromRef, FromRequest, Request};
use axum_core::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::ALLOW;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use jiff::Timestamp;

use crate::events::{Acknowledgement, acknowledgement, idempotency_key};
use crate::provider_event::ProviderEvent;
use crate::receiver::{ReceiveError, Undecodable};
use crate::verify::{HandshakeAnswer, HandshakeError, VerifyError};

/// Extracts a genuine delivery: a handler with an argument of this type runs for no other request. See the
/// [module](self) for what happens to the others.
///
/// The event is the `Event` of a provider's module, [`AnyEvent`](crate::AnyEvent) or, for a handler that gets what does not
/// decode too, a `Result` of one of them and [`Undecodable`]. The receiver is the `Receiver` of the same module, or
/// [`AnyReceiver`](crate::AnyReceiver). Every request clones it, which is cheap: it does not need an `Arc`.
#[derive(Clone, Debug)]
pub struct Verified<E> {
    /// The decoded event.
    pub event: E,
    /// What was received, and how to answer it.
    pub receipt: Receipt,
}

/// What a genuine delivery consists of beside the decoded event, for storing it.
///
/// `Debug` does not show the headers and the body, which contain customers' data and, if the provider sends one, a key.
#[derive(Clone)]
#[non_exhaustive]
pub struct Receipt {
    /// The provider's name.
    pub provider: &'static str,
    /// The event's name. `None` if neither the delivery nor the receiver names it.
    pub event: Option<String>,
    /// A key that is equal for all deliveries of one event, as `Event::idempotency_key` returns it; `None` if the event does not
    /// have one. It does not depend on whether the payload decodes. Two providers, or two accounts at one provider, may have
    /// events of the same key.
    pub idempotency_key: Option<String>,
    /// The body, as received.
    pub body: Bytes,
    /// The time at which the delivery was verified, by the clock of this machine.
    pub received_at: Timestamp,
    /// The headers of the request. If the provider proves its origin by a key, they contain the key.
    pub headers: HeaderMap,
    /// The response that the provider expects. Send it once the event is stored safely.
    pub acknowledgement: Acknowledgement,
}

/// Why a request does not reach the handler. As a response, it has a [status](Refusal::status) and no body, unless it answers a
/// handshake. The text of the error is for your own logs.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The request is the provider's handshake, which is genuine, and this is the answer.
    #[error("the request is a handshake, which is answered, and not a delivery")]
    Handshake(HandshakeAnswer),
    /// The request is a handshake that is not answered.
    #[error(transparent)]
    HandshakeRefused(#[from] HandshakeError),
    /// The method is not POST.
    #[error("the method is {0}, and deliveries have the method POST")]
    Method(Method),
    /// The body is too large, or the sender did not send all of it.
    #[error("the body was not received: {0}")]
    Body(#[from] BytesRejection),
    /// The delivery is not accepted as genuine.
    #[error(transparent)]
    Verify(#[from] VerifyError),
    /// The delivery is genuine, but its payload cannot be decoded.
    #[error(transparent)]
    Decode(Box<Undecodable>),
}

impl Receipt {
    /// Returns a span for what you do with the delivery, with the fields `provider`, `event` and `key`.
    /// Requires the feature `tracing`.
    #[cfg(feature = "tracing")]
    pub fn span(&self) -> tracing::Span {
        let (event, key) = (self.event.as_deref(), self.idempotency_key.as_deref());
        tracing::info_span!("delivery", provider = self.provider, event, key)
    }
}

impl Refusal {
    /// Returns the status to respond with: 401 for what is not genuine, 405 for another method, 413 for a body over the limit,
    /// 400 for one that ended early, 500 for a payload that cannot be decoded, and the status that a handshake asks for.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Handshake(answer) => answer.status,
            Self::HandshakeRefused(error) => error.status(),
            Self::Method(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::Body(rejection) => rejection.status(),
            Self::Verify(_) => StatusCode::UNAUTHORIZED,
            Self::Decode(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = self.status();
        match self {
            Self::Handshake(answer) => answer.into_response(),
            Self::Method(_) => (status, [(ALLOW, HeaderValue::from_static("POST"))]).into_response(),
            _ => status.into_response(),
        }
    }
}

impl IntoResponse for Acknowledgement {
    fn into_response(self) -> Response {
        http::Response::<Body>::from(self)
    }
}

impl IntoResponse for HandshakeAnswer {
    fn into_response(self) -> Response {
        http::Response::<Body>::from(self)
    }
}

impl<S, E> FromRequest<S> for Verified<E>
where
    S: Send + Sync,
    E: ProviderEvent,
    E::Receiver: FromRef<S> + Send + Sync,
{
    type Rejection = Refusal;

    async fn from_request(mut request: Request, state: &S) -> Result<Self, Refusal> {
        let receiver = E::Receiver::from_ref(state);
        let provider = receiver.as_ref().provider();
        let (method, uri) = (request.method().clone(), request.uri().clone());
        let is_delivery = method == Method::POST;
        if !is_delivery && provider.handshake.is_none_or(|handshake| method != handshake.method.as_str()) {
            return Err(Refusal::Method(method));
        }
        let headers = mem::take(request.headers_mut());
        let mut request = http::Request::new(Bytes::from_request(request, state).await?);
        (*request.method_mut(), *request.uri_mut(), *request.headers_mut()) = (method, uri, headers);

        let received_at = Timestamp::now();
        if let Some(answer) = receiver.as_ref().handshake(&request, received_at)? {
            return Err(Refusal::Handshake(answer));
        }
        if !is_delivery {
            return Err(Refusal::Method(request.method().clone()));
        }
        let event = E::receive(&receiver, &request, received_at).map_err(|error| match error {
            ReceiveError::Verify(error) => Refusal::Verify(error),
            ReceiveError::Decode(undecodable) => Refusal::Decode(undecodable),
        })?;
        let name = event.event_name();
        let known = name.as_deref().unwrap_or_default();
        let (parts, body) = request.into_parts();
        let receipt = Receipt {
            provider: provider.name,
            idempotency_key: idempotency_key(provider, known, &body),
            acknowledgement: acknowledgement(provider, known),
            event: name,
            body,
            received_at,
            headers: parts.headers,
        };
        Ok(Self { event, receipt })
    }
}

impl fmt::Debug for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receipt")
            .field("provider", &self.provider)
            .field("event", &self.event)
            .field("idempotency_key", &self.idempotency_key)
            .field("received_at", &self.received_at)
            .finish_non_exhaustive()
    }
}
