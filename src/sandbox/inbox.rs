//! A receiver in the sandbox itself, for those who do not have one yet.
//!
//! It verifies with the receiver of this crate, validates strictly, decodes, and answers as documented.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Path, Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode, request};
use axum::response::{IntoResponse as _, Response};
use jiff::Timestamp;
use reqwest::Url;
use serde::Serialize;

use super::attempt::milliseconds;
use super::management::MAX_BODY;
use super::registration::Registration;
use super::state::Inner;
use crate::catalogue::{EventNamePlace, Provider, Verification};
use crate::events::acknowledgement;
use crate::receiver::{AnyReceiver, Registered};
use crate::validate::Invalid;
use crate::verify::{CustomVerification, Headers, ReceiveError, ReceiverError, Verifier, VerifyError};
use crate::wire::url::is_loopback;
use crate::{Secret, Time};

/// The maximum number of requests that are kept.
const KEPT: usize = 200;

/// The maximum number of bytes of the bodies that are kept.
const KEPT_BYTES: usize = 4 * 1024 * 1024;

/// The maximum number of violations in a response.
const MAX_VIOLATIONS: usize = 20;

/// The last requests that were received, oldest first.
#[derive(Default)]
pub(super) struct Inbox {
    received: VecDeque<Received>,
    bytes: usize,
    /// The number of requests so far.
    count: u64,
}

/// A request to the inbox, and what the receiver made of it.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Received {
    /// The number of the request among all requests, counted from 1.
    pub number: u64,
    /// The provider's module.
    pub provider: &'static str,
    /// The time of the request in UTC, in RFC 3339 form.
    pub at: Time,
    /// How long the receiver took.
    #[serde(rename = "milliseconds", serialize_with = "milliseconds")]
    pub duration: Duration,
    /// The path of the request.
    pub path: String,
    /// The name of the event, as far as it is known.
    pub event: Option<String>,
    /// The idempotency key of the event, if it has one and was accepted.
    pub idempotency_key: Option<String>,
    /// What the receiver made of the request.
    pub outcome: Outcome,
    /// The reason of a refusal; empty if there is none.
    pub reason: String,
    /// The status of the response.
    pub status: u16,
    /// The body of the request.
    pub body: String,
}

/// What the receiver of the inbox made of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Outcome {
    /// The delivery was verified, validated and decoded.
    Accepted,
    /// The delivery was validated and decoded. It does not have a proof of origin that could be verified.
    Unsigned,
    /// The request was a handshake, which was answered.
    Handshake,
    /// No registration has the URL.
    NotRegistered,
    /// The delivery is not genuine, or the handshake is not.
    NotVerified,
    /// The payload does not match the specification.
    NotValid,
}

impl Outcome {
    /// Returns whether the receiver refused the request.
    pub fn is_refusal(self) -> bool {
        !matches!(self, Self::Accepted | Self::Unsigned | Self::Handshake)
    }
}

impl Inbox {
    fn keep(&mut self, mut received: Received) {
        self.count += 1;
        received.number = self.count;
        self.bytes += received.body.len();
        self.received.push_back(received);
        while self.received.len() > KEPT || self.bytes > KEPT_BYTES {
            let Some(oldest) = self.received.pop_front() else { return };
            self.bytes -= oldest.body.len();
        }
    }

    /// The kept requests after the one of this number, oldest first.
    pub fn after(&self, number: u64) -> Vec<Received> {
        self.received.iter().filter(|received| received.number > number).cloned().collect()
    }

    /// The kept requests, newest first.
    pub fn newest(&self) -> impl Iterator<Item = &Received> {
        self.received.iter().rev()
    }
}

/// Takes the place of the code that a program has to provide.
struct Unverified;

impl CustomVerification for Unverified {
    fn verify(&self, _: &dyn Headers, _: &[u8], _: Timestamp) -> Result<(), VerifyError> {
        Ok(())
    }

    fn sign(&self, _: &[u8], _: Timestamp) -> Result<Vec<(&'static str, String)>, ReceiverError> {
        Err(ReceiverError::Custom)
    }
}

/// What the receiver answers, and why.
struct Reply {
    event: Option<String>,
    idempotency_key: Option<String>,
    outcome: Outcome,
    reason: String,
    response: Response,
}

impl Reply {
    fn refusal(event: Option<&str>, outcome: Outcome, status: StatusCode, reason: String) -> Self {
        let response = (status, reason.clone()).into_response();
        Self { event: event.map(str::to_owned), idempotency_key: None, outcome, reason, response }
    }
}

/// Whether a URL is that of an inbox of a sandbox.
pub(super) fn is_inbox(url: &str) -> bool {
    Url::parse(url).is_ok_and(|url| {
        let mut segments = url.path_segments().into_iter().flatten();
        is_loopback(url.as_str()) && segments.next() == Some("_sandbox") && segments.nth(1) == Some("inbox")
    })
}

impl Inner {
    /// The URL of the inbox of a provider.
    pub(super) fn inbox_url(&self, provider: &Provider) -> String {
        format!("{}/_sandbox/{}/inbox", self.url, provider.name)
    }

    /// Whether a registration is for the inbox of its provider.
    pub(super) fn is_inbox(&self, provider: &Provider, url: &str) -> bool {
        let rest = url.strip_prefix(&self.inbox_url(provider));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// The secret that deliveries of this event to a registration are signed with.
    pub(super) fn secret(
        &self,
        provider: &'static Provider,
        registration: &Registration,
        event: Option<&str>,
    ) -> Secret {
        let named = provider.verification_of(event).and_then(|it| it.signature(None)?.credential);
        let account = named.and_then(|name| self.account(provider.name).ok()?.credentials.get(name));
        account.unwrap_or(&registration.secret).clone()
    }

    /// The receiver of a registration, for deliveries of this event.
    pub(super) fn receiver(
        &self,
        provider: &'static Provider,
        registration: &Registration,
        event: Option<&str>,
    ) -> Result<AnyReceiver, ReceiverError> {
        let credentials = self.account(provider.name).map(|account| &account.credentials).ok();
        let verification = provider.verification_of(event);
        let secret = self.secret(provider, registration, event);
        let is_optional = verification.is_some_and(|it| it.optional().is_some());
        let receiver = match verification {
            Some(Verification::None(_)) => AnyReceiver::unverified(provider, event),
            Some(Verification::Custom(_)) => AnyReceiver::with_verifier(provider, Verifier::custom(Unverified), event),
            _ if secret.expose().is_empty() && is_optional => AnyReceiver::unverified(provider, event),
            _ => {
                let registered = Registered { url: Some(&registration.url), event, signature: None };
                AnyReceiver::new(provider, registered, [secret])
            }
        }?;
        match credentials.and_then(|credentials| credentials.get("verify_token")) {
            Some(token) => receiver.with_verify_token(Secret::clone(token)),
            None => Ok(receiver),
        }
    }

    /// The event that a receiver of a registration is for: the only one, or one that proves its origin in its own way.
    pub(super) fn received_event(
        provider: &'static Provider,
        registration: &Registration,
        headers: &HeaderMap,
        path: &str,
        body: &[u8],
    ) -> Option<String> {
        if let [event] = registration.events.as_slice() {
            return Some(event.clone());
        }
        let any = AnyReceiver::unchecked(provider, None, None);
        let named = any.event_name(headers, path, body).ok().flatten()?;
        let has_own = provider.event(&named).is_some_and(|event| event.verification.is_some());
        has_own.then(|| named.into_owned())
    }

    /// The registrations whose deliveries have this path, stored or not yet.
    fn addressed(&self, provider: &'static Provider, path: &str) -> Vec<Registration> {
        let mut state = self.state();
        let Ok(backend) = state.backends.find(provider) else { return Vec::new() };
        let known = backend.all_registrations();
        let at = |path: &str| -> Vec<Registration> {
            let is_at = |it: &&Registration| Url::parse(&it.url).is_ok_and(|url| url.path() == path);
            known.iter().filter(is_at).cloned().collect()
        };
        let found = at(path);
        match path.rsplit_once('/') {
            Some((parent, _)) if found.is_empty() && provider.event_name == Some(EventNamePlace::LastPathSegment) => {
                at(parent)
            }
            _ => found,
        }
    }

    /// What the receiver of the inbox answers.
    fn receive(&self, provider: &'static Provider, head: &request::Parts, body: &Bytes) -> Reply {
        let path = head.uri.path();
        let mut reply = Reply::refusal(
            None,
            Outcome::NotRegistered,
            StatusCode::NOT_FOUND,
            format!("no registration with {} has this URL", provider.name),
        );
        let request = axum::http::Request::from_parts(head.clone(), body.clone());
        for registration in self.addressed(provider, path) {
            let event = Self::received_event(provider, &registration, &head.headers, path, body);
            reply = match self.receiver(provider, &registration, event.as_deref()) {
                Ok(receiver) => match receive_with(provider, &receiver, &request) {
                    reply
                        if reply.outcome == Outcome::Accepted
                            && !is_proven(provider, &registration, event.as_deref()) =>
                    {
                        Reply { outcome: Outcome::Unsigned, ..reply }
                    }
                    reply => reply,
                },
                Err(error) => Reply::refusal(
                    event.as_deref(),
                    Outcome::NotVerified,
                    StatusCode::INTERNAL_SERVER_ERROR,
                    error.to_string(),
                ),
            };
            if reply.outcome != Outcome::NotVerified {
                break;
            }
        }
        reply
    }
}

/// Whether the deliveries of a registration have a proof of origin that the inbox verifies.
fn is_proven(provider: &'static Provider, registration: &Registration, event: Option<&str>) -> bool {
    match provider.verification_of(event) {
        None | Some(Verification::None(_) | Verification::Custom(_)) => false,
        Some(verification) => verification.optional().is_none() || !registration.secret.expose().is_empty(),
    }
}

fn receive_with(provider: &'static Provider, receiver: &AnyReceiver, request: &axum::http::Request<Bytes>) -> Reply {
    let now = Timestamp::now();
    match receiver.handshake(request, now) {
        Ok(None) => {}
        Ok(Some(answer)) => {
            let response = axum::http::Response::<String>::from(answer).map(Body::from);
            let (outcome, reason) = (Outcome::Handshake, String::new());
            return Reply { event: None, idempotency_key: None, outcome, reason, response };
        }
        Err(error) => return Reply::refusal(None, Outcome::NotVerified, error.status(), error.to_string()),
    }
    let body = request.body();
    match receiver.receive(request, now) {
        Err(ReceiveError::Verify(error)) => {
            Reply::refusal(None, Outcome::NotVerified, StatusCode::UNAUTHORIZED, error.to_string())
        }
        Err(ReceiveError::Decode(undecodable)) => {
            let event = undecodable.event.as_deref();
            let reason = event.and_then(|event| violations(provider, event, body));
            let reason = reason.unwrap_or_else(|| undecodable.error.to_string());
            Reply::refusal(event, Outcome::NotValid, StatusCode::BAD_REQUEST, reason)
        }
        Ok(arrived) => {
            let event = arrived.name.as_deref().and_then(|name| provider.event(name));
            if let Some(reason) = event.and_then(|event| violations(provider, event.name, body)) {
                let event = arrived.name.as_deref();
                return Reply::refusal(event, Outcome::NotValid, StatusCode::BAD_REQUEST, reason);
            }
            let mut answer = acknowledgement(provider, event.map_or("", |event| event.name));
            let asked = event.and_then(|event| event.requested_body());
            if let Some((asked, example)) = asked.and_then(|asked| Some((asked, asked.examples.first()?))) {
                answer.content_type = Some(asked.media_type);
                answer.body = example.json.into();
            }
            let (outcome, reason) = (Outcome::Accepted, String::new());
            let response = axum::http::Response::<Body>::from(answer);
            Reply { event: arrived.name, idempotency_key: arrived.idempotency_key, outcome, reason, response }
        }
    }
}

/// The violations of the specification, one a line; `None` if there are none.
pub(super) fn violations(provider: &'static Provider, event: &str, body: &[u8]) -> Option<String> {
    match provider.validate(event, body).err()? {
        Invalid::Violations(found) => {
            let lines: Vec<_> = found.iter().take(MAX_VIOLATIONS).map(ToString::to_string).collect();
            Some(lines.join("\n"))
        }
        other => Some(other.to_string()),
    }
}

/// Receives a request at a URL of the inbox.
pub(super) async fn receive(
    State(inner): State<Arc<Inner>>,
    Path(parameters): Path<Vec<(String, String)>>,
    request: Request,
) -> Response {
    let name = parameters.first().map_or("", |(_, name)| name);
    let provider = match inner.provider(name) {
        Ok(provider) => provider,
        Err(error) => return (StatusCode::NOT_FOUND, error.to_string()).into_response(),
    };
    let (head, body) = request.into_parts();
    let Ok(body) = to_bytes(body, MAX_BODY).await else {
        return (StatusCode::PAYLOAD_TOO_LARGE, format!("the body is longer than {MAX_BODY} bytes")).into_response();
    };
    let begun = Instant::now();
    let Reply { event, idempotency_key, outcome, reason, mut response } = inner.receive(provider, &head, &body);
    // The reason of a refusal quotes what was sent, and is not a page.
    if outcome.is_refusal() {
        let text = axum::http::HeaderValue::from_static("text/plain; charset=utf-8");
        response.headers_mut().insert(CONTENT_TYPE, text);
    }
    inner.state().inbox.keep(Received {
        number: 0,
        provider: provider.name,
        at: format!("{:.3}", Timestamp::now()).into(),
        duration: begun.elapsed(),
        path: head.uri.path().to_owned(),
        event,
        idempotency_key,
        outcome,
        reason,
        status: response.status().as_u16(),
        body: String::from_utf8_lossy(&body).into_owned(),
    });
    inner.changed();
    response
}
