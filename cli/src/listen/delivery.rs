//! Handles a delivery of a route: verifies it, decodes it, stores it, and responds.

use std::time::{Duration, Instant};

use http::header::ALLOW;
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use jiff::Timestamp;
use pos_webhooks::Acknowledgement;
use pos_webhooks::catalogue::{EventNamePlace, HandshakeMethod};
use pos_webhooks::validate::Invalid;
use pos_webhooks::verify::{HandshakeError, ReceiveError, VerifyError};
use sha2::{Digest as _, Sha256};

use super::body::{self, BodyError, within};
use super::memory::InFlight;
use super::metrics::Outcome;
use super::plan::Once;
use super::refused::{Refused, RefusedFile};
use super::route::Route;
use super::server::{Peer, Reply};
use super::sink::{Event, NotWritten, Payload, Written};
use super::terminal::Shown;
use crate::event_summary::EventSummary;
use crate::redaction;
use crate::refused_file::{self, BODY, HANDSHAKE, METHOD, SPECIFICATION};
use crate::verification::VerificationStep;

/// How long an event may wait to be written if the provider does not document how long it waits for a response.
const WRITE: Duration = Duration::from_secs(10);

/// The maximum length of a path in the log.
const SHOWN_PATH: usize = 200;

/// What handling a delivery needs beside its route.
pub struct Surroundings<'a> {
    pub peer: &'a Peer,
    pub memory: &'a InFlight,
    pub shown: &'a Shown,
    /// Where refused deliveries are kept.
    pub refused: Option<&'a RefusedFile>,
}

/// A genuine delivery, whether its payload was decoded or not.
struct Genuine {
    event: Option<String>,
    known: bool,
    idempotency_key: Option<String>,
    acknowledgement: Acknowledgement,
    payload: Option<Payload>,
    error: Option<String>,
}

/// The reason why a delivery is refused.
struct Refusal {
    reason: &'static str,
    status: StatusCode,
    /// The step that failed.
    step: &'static str,
    /// The event, if the delivery is genuine.
    event: Option<String>,
    why: String,
}

impl Refusal {
    fn new(reason: &'static str, status: StatusCode, step: &'static str, why: impl ToString) -> Self {
        Self { reason, status, step, event: None, why: why.to_string() }
    }

    fn undocumented(why: impl ToString) -> Self {
        Self::new("undocumented", StatusCode::BAD_REQUEST, SPECIFICATION, why)
    }

    fn not_json(why: impl ToString) -> Self {
        Self::new("not_json", StatusCode::BAD_REQUEST, SPECIFICATION, why)
    }
}

impl From<BodyError> for Refusal {
    fn from(error: BodyError) -> Self {
        Self::new(error.reason(), error.status(), BODY, error)
    }
}

impl From<VerifyError> for Refusal {
    fn from(error: VerifyError) -> Self {
        Self::new(reason(&error), StatusCode::UNAUTHORIZED, VerificationStep::of(&error).name(), error)
    }
}

fn other_method(method: &Method) -> Refusal {
    let why = format_args!("deliveries are sent with POST, not with {method}");
    Refusal::new("method", StatusCode::METHOD_NOT_ALLOWED, METHOD, why)
}

/// The path of a request as the log shows it.
pub fn shown_path(uri: &Uri) -> String {
    redaction::path(uri.path()).chars().take(SHOWN_PATH).collect()
}

pub fn empty(status: StatusCode) -> Reply {
    let mut reply = Reply::default();
    *reply.status_mut() = status;
    reply
}

impl Route {
    /// Responds to a request for this route.
    pub async fn answer(&self, request: Request<Incoming>, around: &Surroundings<'_>) -> Reply {
        let since = Instant::now();
        let (outcome, reply) = if request.method() == Method::POST {
            self.deliver(request, around, since).await
        } else {
            let request = request.map(|_| Bytes::new());
            match self.handshake(around.peer, &request) {
                Ok(Some(reply)) => (Outcome::Handshake, reply),
                Ok(None) => self.refused(&other_method(request.method()), around, &request),
                Err(refused) => self.refused(&refused, around, &request),
            }
        };
        self.metrics.count(&outcome, since);
        reply
    }

    async fn deliver(&self, request: Request<Incoming>, around: &Surroundings<'_>, since: Instant) -> (Outcome, Reply) {
        let peer = around.peer;
        let (head, body) = request.into_parts();
        let mut memory = around.memory.reserve();
        let (body, read) = match body::read(body, self.max_bytes.min(self.sink.most_bytes()), &mut memory).await {
            Ok(body) => (body, Ok(())),
            Err(error) => (Bytes::new(), Err(error.into())),
        };
        let request = Request::from_parts(head, body);
        match read.and_then(|()| self.handshake(peer, &request)) {
            Ok(None) => {}
            Ok(Some(reply)) => return (Outcome::Handshake, reply),
            Err(refused) => return self.refused(&refused, around, &request),
        }
        match self.take(&request) {
            Ok(genuine) => self.keep(genuine, &request, around, since).await,
            Err(refused) => self.refused(&refused, around, &request),
        }
    }

    /// The answer to the request with which the provider checks the URL; `None` for another request. Nothing is written.
    fn handshake(&self, peer: &Peer, request: &Request<Bytes>) -> Result<Option<Reply>, Refusal> {
        let receiver = &self.registration.receiver;
        let answer = receiver.handshake(request, Timestamp::now()).map_err(|error| match error {
            HandshakeError::Verify(error) => error.into(),
            error => Refusal::new("handshake", error.status(), HANDSHAKE, error),
        })?;
        if answer.is_some() {
            let path = shown_path(request.uri());
            let (route, method) = (&self.name, request.method());
            tracing::info!(route, %peer, %method, path, "answered the handshake of the provider");
        }
        Ok(answer.map(|answer| Response::<String>::from(answer).map(Full::from)))
    }

    /// The methods of deliveries and of the provider's handshake.
    fn allowed(&self) -> &'static str {
        match self.registration.provider.handshake.map(|handshake| handshake.method) {
            Some(HandshakeMethod::Get) => "GET, POST",
            Some(HandshakeMethod::Head) => "HEAD, POST",
            Some(_) | None => "POST",
        }
    }

    fn refused(&self, refused: &Refusal, around: &Surroundings<'_>, request: &Request<Bytes>) -> (Outcome, Reply) {
        let Refusal { reason, step, why, .. } = refused;
        let event = refused.event.clone().or_else(|| self.claimed_event(request));
        let path = shown_path(request.uri());
        tracing::warn!(route = self.name, reason, step, why, event, path, peer = %around.peer, "refused");
        self.keep_refused(refused, around, request, event, refused_file::Outcome::Refused);
        let mut reply = empty(refused.status);
        if refused.status == StatusCode::METHOD_NOT_ALLOWED {
            reply.headers_mut().insert(ALLOW, HeaderValue::from_static(self.allowed()));
        }
        (Outcome::Refused(refused.reason), reply)
    }

    /// Verifies and decodes a delivery.
    fn take(&self, request: &Request<Bytes>) -> Result<Genuine, Refusal> {
        let mut genuine = self.verify(request)?;
        let body = request.body();
        let payload = Payload::read(body);
        if self.strict {
            let checked = self.check(&genuine, body).and_then(|()| payload.as_ref().map_err(Refusal::not_json));
            if let Err(refused) = checked {
                return Err(Refusal { event: genuine.event, ..refused });
            }
        }
        genuine.error = genuine.error.or_else(|| payload.as_ref().err().map(ToString::to_string));
        genuine.payload = payload.ok();
        if let Some(error) = &genuine.error {
            let (route, event) = (&self.name, &genuine.event);
            tracing::warn!(route, event, error, "the delivery is genuine, but not as documented");
        }
        if genuine.idempotency_key.is_none() && self.once == Once::Body {
            // Two events may have the same body.
            let name = genuine.event.as_deref().unwrap_or_default();
            let digest = Sha256::new().chain_update(name).chain_update([0]).chain_update(body).finalize();
            genuine.idempotency_key = Some(hex::encode(digest));
        }
        Ok(genuine)
    }

    /// Stores an event unless it was stored before, shows it, and acknowledges it.
    async fn keep(
        &self,
        genuine: Genuine,
        request: &Request<Bytes>,
        around: &Surroundings<'_>,
        since: Instant,
    ) -> (Outcome, Reply) {
        let Genuine { event, idempotency_key, acknowledgement, payload, known, error } = genuine;
        let Route { name: route, registration, sink, .. } = self;
        let (event, idempotency_key) = (event.as_deref(), idempotency_key.as_deref());
        let limit = acknowledgement.within.unwrap_or(WRITE);
        let acknowledgement = registration.answers.complete(event, acknowledgement);
        let body = request.body();
        let summary = || {
            let provider = registration.provider;
            let summary = EventSummary {
                time: Timestamp::now(),
                route: Some(route.as_str()).filter(|route| *route != provider.name),
                provider: provider.name,
                specification: Some(provider),
                event,
                idempotency_key,
                body,
                after: Some(since.elapsed()),
            };
            summary.to_bytes()
        };
        let instead = (matches!(around.shown, Shown::Instead) && sink.is_output()).then(summary);
        let values = registration.kept.iter().filter_map(|name| Some((*name, request.headers().get(*name)?)));
        let headers: Vec<_> =
            values.map(|(name, value)| (name, String::from_utf8_lossy(value.as_bytes()).into_owned())).collect();
        let stored = Event {
            received_at: Timestamp::now(),
            route,
            provider: registration.provider.name,
            event,
            known,
            idempotency_key,
            headers: &headers,
            payload: payload.as_ref(),
            body,
            error: error.as_deref(),
        };
        let written = within(limit, sink.store(&stored, instead)).await.unwrap_or_else(|_| {
            sink.failed();
            Err(NotWritten)
        });
        match written {
            Ok(Written::New) => {
                tracing::debug!(route, event, milliseconds = since.elapsed().as_millis() as u64, "written");
                if let Shown::Beside(terminal) = around.shown {
                    terminal.show(&summary());
                }
                if let Some(error) = error {
                    let refused = Refusal { reason: "undecodable", ..Refusal::undocumented(error) };
                    let event = event.map(str::to_owned);
                    self.keep_refused(&refused, around, request, event, refused_file::Outcome::Stored);
                }
                (Outcome::Accepted, acknowledgement.into())
            }
            Ok(Written::Duplicate) => {
                tracing::info!(route, event, "acknowledged but not written: the event was written before");
                (Outcome::Duplicate, acknowledgement.into())
            }
            Err(NotWritten) => (Outcome::NotWritten, empty(StatusCode::SERVICE_UNAVAILABLE)),
        }
    }

    fn verify(&self, request: &Request<Bytes>) -> Result<Genuine, Refusal> {
        match self.registration.receiver.receive(request, Timestamp::now()) {
            Ok(arrived) => Ok(Genuine {
                event: arrived.name,
                known: arrived.known,
                idempotency_key: arrived.idempotency_key,
                acknowledgement: arrived.acknowledgement,
                payload: None,
                error: None,
            }),
            Err(ReceiveError::Decode(undecodable)) => Ok(Genuine {
                known: self
                    .registration
                    .provider
                    .events
                    .iter()
                    .any(|event| Some(event.name) == undecodable.event.as_deref()),
                event: undecodable.event,
                idempotency_key: None,
                acknowledgement: undecodable.acknowledgement,
                payload: None,
                error: Some(undecodable.error.to_string()),
            }),
            Err(ReceiveError::Verify(error)) => Err(error.into()),
            Err(error) => {
                Err(Refusal::new("not_genuine", StatusCode::UNAUTHORIZED, VerificationStep::Other.name(), error))
            }
        }
    }

    /// Validates a payload against the specification.
    fn check(&self, genuine: &Genuine, body: &Bytes) -> Result<(), Refusal> {
        if let Some(error) = &genuine.error {
            return Err(Refusal::undocumented(error));
        }
        match self.registration.provider.validate(genuine.event.as_deref().unwrap_or_default(), body) {
            // An unknown event does not have a schema.
            Ok(()) | Err(Invalid::UnknownName(_)) => Ok(()),
            Err(Invalid::Violations(found)) => {
                let first = found.first().map(ToString::to_string).unwrap_or_default();
                let more = match found.len() {
                    1 => String::new(),
                    count => format!("; {count} violations in all"),
                };
                Err(Refusal::undocumented(format_args!("{first}{more}")))
            }
            Err(invalid) => Err(Refusal::undocumented(invalid)),
        }
    }

    /// Keeps a delivery that was refused, or stored with an error, for people.
    fn keep_refused(
        &self,
        refused: &Refusal,
        around: &Surroundings<'_>,
        request: &Request<Bytes>,
        event: Option<String>,
        outcome: refused_file::Outcome,
    ) {
        let Some(file) = around.refused else { return };
        file.keep(Refused {
            provider: self.registration.provider,
            route: &self.name,
            peer: around.peer,
            request,
            has_body: !matches!(refused.step, BODY | METHOD),
            event,
            outcome,
            reason: refused.reason,
            step: refused.step,
            why: &refused.why,
            is_undecodable: refused.step == SPECIFICATION,
        });
    }

    /// The event that an unverified delivery claims to be.
    fn claimed_event(&self, request: &Request<Bytes>) -> Option<String> {
        if self.registration.event.is_some() {
            return self.registration.event.clone();
        }
        let claimed = match self.registration.provider.event_name? {
            EventNamePlace::Header(name) => request.headers().get(name)?.to_str().ok()?,
            EventNamePlace::LastPathSegment => request.uri().path().trim_end_matches('/').rsplit('/').next()?,
            _ => return None,
        };
        Some(claimed.chars().take(SHOWN_PATH).collect()).filter(|event: &String| !event.is_empty())
    }
}

/// A short name for metrics.
fn reason(error: &VerifyError) -> &'static str {
    match error {
        VerifyError::MissingHeader { .. } | VerifyError::MissingHeaders { .. } => "missing_header",
        VerifyError::RepeatedHeader { .. } => "repeated_header",
        VerifyError::MalformedHeader { .. } => "malformed_header",
        VerifyError::AmbiguousHeader { .. } => "ambiguous_header",
        VerifyError::MalformedBody(_) => "malformed_body",
        VerifyError::MissingMember { .. } => "missing_member",
        VerifyError::AmbiguousMember { .. } => "ambiguous_member",
        VerifyError::ContentHashMismatch => "content_hash_mismatch",
        VerifyError::SignatureMismatch => "signature_mismatch",
        VerifyError::Stale { .. } => "stale",
        VerifyError::Future { .. } => "future",
        VerifyError::KeyMismatch { .. } => "key_mismatch",
        _ => "not_genuine",
    }
}
