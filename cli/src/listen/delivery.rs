//! Handles a delivery: verifies it, decodes it, writes it as a line, and responds.

use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::header::{ALLOW, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use jiff::Timestamp;
use pos_webhooks::catalogue::{EventNamePlace, HandshakeMethod, Provider};
use pos_webhooks::validate::Invalid;
use pos_webhooks::verify::{HandshakeError, ReceiveError, VerifyError};
use pos_webhooks::{Acknowledgement, AnyReceiver, DecodeError, Json};
use serde::Serialize;
use serde_json::Value;

use super::answer::Answers;
use super::body::{self, BodyError, within};
use super::journal::{Journal, Written};
use super::log::Dropped;
use super::metrics::{self, Metrics, Outcome};
use super::server::{Malformed, Reply, Serve};
use super::terminal::{EventSummary, Shown};
use crate::verification::VerificationStep;

/// How long an event may wait to be written if the provider does not document how long it waits for a response.
const WRITE: Duration = Duration::from_secs(10);

/// How long GET /healthz reports a failure to write.
const UNHEALTHY: Duration = Duration::from_secs(10);

/// The maximum length of a path in the log.
const SHOWN_PATH: usize = 200;

/// The number of brackets from which a payload may be nested too deeply for some programs.
const NESTED: usize = 100;

/// Receives the deliveries of one registration.
pub struct Listener {
    pub provider: &'static Provider,
    pub receiver: AnyReceiver,
    /// The event of the registration, if one was given.
    pub event: Option<String>,
    pub answers: Answers,
    pub journal: Journal,
    pub metrics: Metrics,
    pub log_dropped: Dropped,
    pub max_bytes: usize,
    pub strict: bool,
    pub shown: Shown,
    /// The last time at which an event could not be written.
    pub failed: Mutex<Option<Instant>>,
}

/// A line of the output.
#[derive(Serialize)]
struct EventLine<'a> {
    received_at: Timestamp,
    provider: &'a str,
    event: Option<&'a str>,
    known: bool,
    idempotency_key: Option<&'a str>,
    payload: Option<&'a Json>,
    /// The body in Base64, if some programs could not read it as JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

impl EventLine<'_> {
    /// JSON on one line, with a newline at the end.
    fn to_bytes(&self, capacity: usize) -> serde_json::Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(capacity);
        serde_json::to_writer(&mut bytes, self)?;
        let mut bytes = on_one_line(bytes);
        bytes.push(b'\n');
        Ok(bytes)
    }
}

/// A genuine delivery, whether its payload was decoded or not.
struct Genuine {
    event: Option<String>,
    known: bool,
    idempotency_key: Option<String>,
    acknowledgement: Acknowledgement,
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
        Self::new("undocumented", StatusCode::BAD_REQUEST, "specification", why)
    }

    fn not_json(why: impl ToString) -> Self {
        Self::new("not_json", StatusCode::BAD_REQUEST, "specification", why)
    }
}

impl From<BodyError> for Refusal {
    fn from(error: BodyError) -> Self {
        Self::new(error.reason(), error.status(), "body", error)
    }
}

impl From<VerifyError> for Refusal {
    fn from(error: VerifyError) -> Self {
        Self::new(reason(&error), StatusCode::UNAUTHORIZED, VerificationStep::of(&error).name(), error)
    }
}

fn other_method(method: &Method) -> Refusal {
    let why = format_args!("deliveries are sent with POST, not with {method}");
    Refusal::new("method", StatusCode::METHOD_NOT_ALLOWED, "method", why)
}

fn empty(status: StatusCode) -> Reply {
    let mut reply = Reply::default();
    *reply.status_mut() = status;
    reply
}

impl Serve for Listener {
    async fn answer(&self, peer: SocketAddr, request: Request<Incoming>) -> Reply {
        match (request.method(), request.uri().path()) {
            (&Method::GET | &Method::HEAD, "/healthz") => empty(match self.is_healthy() {
                true => StatusCode::OK,
                false => StatusCode::SERVICE_UNAVAILABLE,
            }),
            (&Method::GET, "/metrics") => {
                let mut reply = Response::new(Full::from(self.metrics.text(self.log_dropped.count())));
                reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(metrics::CONTENT_TYPE));
                reply
            }
            (&Method::POST, _) => {
                let since = Instant::now();
                let (outcome, reply) = self.deliver(peer, request, since).await;
                self.metrics.count(&outcome, since);
                reply
            }
            (_, _) => {
                let request = request.map(|_| Bytes::new());
                let (outcome, reply) = match self.handshake(peer, &request) {
                    Ok(Some(reply)) => (Outcome::Handshake, reply),
                    Ok(None) => self.refused(&other_method(request.method()), peer, &request),
                    Err(refused) => self.refused(&refused, peer, &request),
                };
                self.metrics.count(&outcome, Instant::now());
                reply
            }
        }
    }

    fn malformed(&self, peer: SocketAddr, what: Malformed) {
        let (reason, why) = what.reason();
        self.metrics.count_malformed(reason);
        tracing::warn!(%peer, reason, "received {why}");
    }
}

impl Listener {
    /// Failures count only for some time: if no provider sends deliveries, a recovery could not be noticed.
    fn is_healthy(&self) -> bool {
        let failed = *self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        failed.is_none_or(|failed| failed.elapsed() > UNHEALTHY)
    }

    async fn deliver(&self, peer: SocketAddr, request: Request<Incoming>, since: Instant) -> (Outcome, Reply) {
        let (head, body) = request.into_parts();
        let (body, read) = match body::read(body, self.max_bytes).await {
            Ok(body) => (body, Ok(())),
            Err(error) => (Bytes::new(), Err(error.into())),
        };
        let request = Request::from_parts(head, body);
        match read.and_then(|()| self.handshake(peer, &request)) {
            Ok(None) => {}
            Ok(Some(reply)) => return (Outcome::Handshake, reply),
            Err(refused) => return self.refused(&refused, peer, &request),
        }
        match self.take(&request) {
            Ok((genuine, line)) => self.keep(genuine, line, request.body(), since).await,
            Err(refused) => self.refused(&refused, peer, &request),
        }
    }

    /// The answer to the request with which the provider checks the URL; `None` for another request. Nothing is written.
    fn handshake(&self, peer: SocketAddr, request: &Request<Bytes>) -> Result<Option<Reply>, Refusal> {
        let answer = self.receiver.handshake(request, Timestamp::now()).map_err(|error| match error {
            HandshakeError::Verify(error) => error.into(),
            error => Refusal::new("handshake", error.status(), "handshake", error),
        })?;
        if answer.is_some() {
            let path = request.uri().path();
            tracing::info!(%peer, method = %request.method(), path, "answered the handshake of the provider");
        }
        Ok(answer.map(|answer| Response::<String>::from(answer).map(Full::from)))
    }

    /// The methods of deliveries and of the provider's handshake.
    fn allowed(&self) -> &'static str {
        match self.provider.handshake.map(|handshake| handshake.method) {
            Some(HandshakeMethod::Get) => "GET, POST",
            Some(HandshakeMethod::Head) => "HEAD, POST",
            Some(_) | None => "POST",
        }
    }

    fn refused(&self, refused: &Refusal, peer: SocketAddr, request: &Request<Bytes>) -> (Outcome, Reply) {
        self.log_refused(refused, peer, request.uri().path(), self.claimed_event(request));
        let mut reply = empty(refused.status);
        if refused.status == StatusCode::METHOD_NOT_ALLOWED {
            reply.headers_mut().insert(ALLOW, HeaderValue::from_static(self.allowed()));
        }
        (Outcome::Refused(refused.reason), reply)
    }

    /// Verifies and decodes a delivery, and returns it with the line to write.
    fn take(&self, request: &Request<Bytes>) -> Result<(Genuine, Vec<u8>), Refusal> {
        let genuine = self.verify(request)?;
        match self.line(&genuine, request.body()) {
            Ok(line) => Ok((genuine, line)),
            Err(refused) => Err(Refusal { event: genuine.event, ..refused }),
        }
    }

    /// Writes an event unless it was written before, shows it, and acknowledges it.
    async fn keep(&self, genuine: Genuine, line: Vec<u8>, body: &[u8], since: Instant) -> (Outcome, Reply) {
        let Genuine { event, idempotency_key, acknowledgement, .. } = genuine;
        let limit = acknowledgement.within.unwrap_or(WRITE);
        let acknowledgement = self.answers.complete(event.as_deref(), acknowledgement);
        let summary = |key: Option<&str>| {
            EventSummary {
                provider: self.provider,
                event: event.as_deref(),
                idempotency_key: key,
                body,
                after: since.elapsed(),
            }
            .to_bytes()
        };
        let line = match self.shown {
            Shown::Instead => summary(idempotency_key.as_deref()),
            Shown::No | Shown::Beside(_) => line,
        };
        match within(limit, self.journal.write(idempotency_key.clone(), line)).await {
            Ok(Ok(Written::New)) => {
                tracing::debug!(event, milliseconds = since.elapsed().as_millis() as u64, "written");
                if let Shown::Beside(terminal) = &self.shown {
                    terminal.show(&summary(idempotency_key.as_deref()));
                }
                (Outcome::Accepted, acknowledgement.into())
            }
            Ok(Ok(Written::Duplicate)) => {
                tracing::info!(event, "acknowledged but not written: the event was written before");
                (Outcome::Duplicate, acknowledgement.into())
            }
            Ok(Err(_)) | Err(_) => {
                *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
                (Outcome::NotWritten, empty(StatusCode::SERVICE_UNAVAILABLE))
            }
        }
    }

    fn verify(&self, request: &Request<Bytes>) -> Result<Genuine, Refusal> {
        match self.receiver.receive(request, Timestamp::now()) {
            Ok(arrived) => Ok(Genuine {
                event: arrived.name,
                known: arrived.known,
                idempotency_key: arrived.idempotency_key,
                acknowledgement: arrived.acknowledgement,
                error: None,
            }),
            Err(ReceiveError::Decode(undecodable)) => Ok(Genuine {
                known: self.provider.events.iter().any(|event| Some(event.name) == undecodable.event.as_deref()),
                event: undecodable.event,
                idempotency_key: None,
                acknowledgement: undecodable.acknowledgement,
                error: Some(undecodable.error.to_string()),
            }),
            Err(ReceiveError::Verify(error)) => Err(error.into()),
            Err(error) => {
                Err(Refusal::new("not_genuine", StatusCode::UNAUTHORIZED, VerificationStep::Other.name(), error))
            }
        }
    }

    /// The line of an event, with a newline at the end.
    fn line(&self, genuine: &Genuine, body: &Bytes) -> Result<Vec<u8>, Refusal> {
        let payload = payload(body);
        if self.strict {
            self.check(genuine, body)?;
            payload.as_ref().map_err(Refusal::not_json)?;
        }
        let error = genuine.error.clone().or_else(|| payload.as_ref().err().map(ToString::to_string));
        if let Some(error) = &error {
            tracing::warn!(event = genuine.event, error, "the delivery is genuine, but not as documented");
        }
        let line = EventLine {
            received_at: Timestamp::now(),
            provider: self.provider.name,
            event: genuine.event.as_deref(),
            known: genuine.known,
            idempotency_key: genuine.idempotency_key.as_deref(),
            payload: payload.as_ref().ok(),
            body: payload.is_err().then(|| BASE64.encode(body)),
            error,
        };
        // The capacity includes the other members of the line.
        line.to_bytes(body.len() + 512).map_err(Refusal::not_json)
    }

    /// Validates a payload against the specification.
    fn check(&self, genuine: &Genuine, body: &Bytes) -> Result<(), Refusal> {
        if let Some(error) = &genuine.error {
            return Err(Refusal::undocumented(error));
        }
        match self.provider.validate(genuine.event.as_deref().unwrap_or_default(), body) {
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

    fn log_refused(&self, refused: &Refusal, peer: SocketAddr, path: &str, claimed: Option<String>) {
        let Refusal { reason, step, why, event, .. } = refused;
        let path: String = path.chars().take(SHOWN_PATH).collect();
        tracing::warn!(reason, step, why, event = event.clone().or(claimed), path, %peer, "refused");
    }

    /// The event that an unverified delivery claims to be.
    fn claimed_event(&self, request: &Request<Bytes>) -> Option<String> {
        if self.event.is_some() {
            return self.event.clone();
        }
        let claimed = match self.provider.event_name? {
            EventNamePlace::Header(name) => request.headers().get(name)?.to_str().ok()?,
            EventNamePlace::LastPathSegment => request.uri().path().trim_end_matches('/').rsplit('/').next()?,
            _ => return None,
        };
        Some(claimed.chars().take(SHOWN_PATH).collect()).filter(|event: &String| !event.is_empty())
    }
}

/// A body that every program can read, on one line. Line breaks between the tokens of JSON are replaced by spaces;
/// inside strings there are none.
fn payload(body: &[u8]) -> Result<Json, Unreadable> {
    let payload = Json::try_from(body)?;
    let text = payload.as_str();
    // Both are rare, and the check needs a tree of the whole payload.
    let half_characters = text.contains("\\ud") || text.contains("\\uD");
    let nested = text.bytes().filter(|byte| matches!(byte, b'[' | b'{')).count() > NESTED;
    // The payload is one level deeper in its line.
    if (half_characters || nested) && serde_json::from_str::<Value>(&format!("[{text}]")).is_err() {
        return Err(Unreadable::BySome);
    }
    match text.contains(['\n', '\r']) {
        true => Ok(Json::try_from(text.replace(['\n', '\r'], " ").as_bytes())?),
        false => Ok(payload),
    }
}

/// The reason why a body is written as bytes.
#[derive(Debug, thiserror::Error)]
enum Unreadable {
    #[error(transparent)]
    NotJson(#[from] DecodeError),
    #[error("the body is not JSON that every program can read: it contains a lone surrogate, or is nested too deeply")]
    BySome,
}

/// Escapes characters that some programs treat as the end of a line. In JSON, they can only be in strings.
fn on_one_line(line: Vec<u8>) -> Vec<u8> {
    if line.is_ascii() {
        return line;
    }
    let ends = [("\u{85}", "\\u0085"), ("\u{2028}", "\\u2028"), ("\u{2029}", "\\u2029")];
    match String::from_utf8(line) {
        Ok(text) if ends.iter().any(|(end, _)| text.contains(end)) => {
            ends.iter().fold(text, |text, (end, escaped)| text.replace(end, escaped)).into_bytes()
        }
        Ok(text) => text.into_bytes(),
        Err(bytes) => bytes.into_bytes(),
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
