//! A delivery: verified, decoded, written as a line, and answered.

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
use pos_webhooks::catalogue::{EventNamePlace, Provider};
use pos_webhooks::validate::Invalid;
use pos_webhooks::verify::{ReceiveError, VerifyError};
use pos_webhooks::{Acknowledgement, AnyReceiver, DecodeError, Json};
use serde::Serialize;
use serde_json::Value;

use super::body::{self, BodyError, within};
use super::journal::{Journal, Written};
use super::log::Dropped;
use super::metrics::{self, Metrics, Outcome};
use super::server::{Malformed, Reply, Serve};
use crate::verify::Step;

/// How long an event may wait to be written where the provider does not say how long it waits.
const WRITE: Duration = Duration::from_secs(10);

/// How long after a failure to write GET /healthz reports it.
const UNHEALTHY: Duration = Duration::from_secs(10);

/// How much of a path the log shows.
const SHOWN_PATH: usize = 200;

/// Brackets from which on a payload may be nested deeper than programs read.
const NESTED: usize = 100;

/// Receives the deliveries of one registration.
pub struct Receiver {
    pub provider: &'static Provider,
    pub receiver: AnyReceiver,
    /// The event that was registered for, where that was given.
    pub event: Option<String>,
    pub journal: Journal,
    pub metrics: Metrics,
    pub log_dropped: Dropped,
    pub max_bytes: usize,
    pub strict: bool,
    /// When an event could not be written for the last time.
    pub failed: Mutex<Option<Instant>>,
}

/// An event, as it is written.
#[derive(Serialize)]
struct Line<'a> {
    received_at: Timestamp,
    provider: &'a str,
    event: Option<&'a str>,
    known: bool,
    idempotency_key: Option<&'a str>,
    payload: Option<&'a Json>,
    /// The bytes in Base64, where they are not a payload that every program can read.
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

impl Line<'_> {
    /// As JSON on one line, newline included.
    fn to_bytes(&self, capacity: usize) -> serde_json::Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(capacity);
        serde_json::to_writer(&mut bytes, self)?;
        let mut bytes = on_one_line(bytes);
        bytes.push(b'\n');
        Ok(bytes)
    }
}

/// A delivery that is genuine, decoded or not.
struct Genuine {
    event: Option<String>,
    known: bool,
    idempotency_key: Option<String>,
    acknowledgement: Acknowledgement,
    error: Option<String>,
}

/// Why a delivery is not taken.
struct Refused {
    reason: &'static str,
    status: StatusCode,
    /// What failed.
    step: &'static str,
    /// The event, where the delivery is genuine.
    event: Option<String>,
    why: String,
}

impl Refused {
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

impl From<BodyError> for Refused {
    fn from(error: BodyError) -> Self {
        Self::new(error.reason(), error.status(), "body", error)
    }
}

impl From<VerifyError> for Refused {
    fn from(error: VerifyError) -> Self {
        Self::new(reason(&error), StatusCode::UNAUTHORIZED, Step::of(&error).name(), error)
    }
}

fn empty(status: StatusCode) -> Reply {
    let mut reply = Reply::default();
    *reply.status_mut() = status;
    reply
}

impl Serve for Receiver {
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
                let (outcome, reply) = self.deliver(peer, request).await;
                self.metrics.count(&outcome, since);
                reply
            }
            (method, path) => {
                let why = format_args!("deliveries come by POST, not by {method}");
                let refused = Refused::new("method", StatusCode::METHOD_NOT_ALLOWED, "method", why);
                self.log_refused(&refused, peer, path, None);
                self.metrics.count(&Outcome::Refused(refused.reason), Instant::now());
                let mut reply = empty(refused.status);
                reply.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
                reply
            }
        }
    }

    fn malformed(&self, peer: SocketAddr, what: Malformed) {
        let (reason, why) = what.reason();
        self.metrics.count_malformed(reason);
        tracing::warn!(%peer, reason, "not a request: {why}");
    }
}

impl Receiver {
    /// Not for ever: where no provider sends any more, it would never be found out that events can be written again.
    fn is_healthy(&self) -> bool {
        let failed = *self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        failed.is_none_or(|failed| failed.elapsed() > UNHEALTHY)
    }

    async fn deliver(&self, peer: SocketAddr, request: Request<Incoming>) -> (Outcome, Reply) {
        let (head, body) = request.into_parts();
        let (body, read) = match body::read(body, self.max_bytes).await {
            Ok(body) => (body, Ok(())),
            Err(error) => (Bytes::new(), Err(error.into())),
        };
        let request = Request::from_parts(head, body);
        match read.and_then(|()| self.take(&request)) {
            Ok((genuine, line)) => self.keep(genuine, line).await,
            Err(refused) => {
                self.log_refused(&refused, peer, request.uri().path(), self.claimed_event(&request));
                (Outcome::Refused(refused.reason), empty(refused.status))
            }
        }
    }

    /// A delivery that is genuine, and what is written of it.
    fn take(&self, request: &Request<Bytes>) -> Result<(Genuine, Vec<u8>), Refused> {
        let genuine = self.verify(request)?;
        match self.line(&genuine, request.body()) {
            Ok(line) => Ok((genuine, line)),
            Err(refused) => Err(Refused { event: genuine.event, ..refused }),
        }
    }

    /// Acknowledges what is written, or was written before.
    async fn keep(&self, genuine: Genuine, line: Vec<u8>) -> (Outcome, Reply) {
        let Genuine { event, idempotency_key, acknowledgement, .. } = genuine;
        let limit = acknowledgement.within.unwrap_or(WRITE);
        match within(limit, self.journal.write(idempotency_key, line)).await {
            Ok(Ok(Written::New)) => (Outcome::Accepted, acknowledgement.into()),
            Ok(Ok(Written::Duplicate)) => {
                tracing::info!(event, "acknowledged and not written: the event was written before");
                (Outcome::Duplicate, acknowledgement.into())
            }
            Ok(Err(_)) | Err(_) => {
                *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
                (Outcome::NotWritten, empty(StatusCode::SERVICE_UNAVAILABLE))
            }
        }
    }

    fn verify(&self, request: &Request<Bytes>) -> Result<Genuine, Refused> {
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
            Err(error) => Err(Refused::new("not_genuine", StatusCode::UNAUTHORIZED, Step::Other.name(), error)),
        }
    }

    /// What is written of an event, newline included.
    fn line(&self, genuine: &Genuine, body: &Bytes) -> Result<Vec<u8>, Refused> {
        let payload = payload(body);
        if self.strict {
            self.check(genuine, body)?;
            payload.as_ref().map_err(Refused::not_json)?;
        }
        let error = genuine.error.clone().or_else(|| payload.as_ref().err().map(ToString::to_string));
        if let Some(error) = &error {
            tracing::warn!(event = genuine.event, error, "genuine, but not what is documented");
        }
        let line = Line {
            received_at: Timestamp::now(),
            provider: self.provider.name,
            event: genuine.event.as_deref(),
            known: genuine.known,
            idempotency_key: genuine.idempotency_key.as_deref(),
            payload: payload.as_ref().ok(),
            body: payload.is_err().then(|| BASE64.encode(body)),
            error,
        };
        // What is around a payload fits.
        line.to_bytes(body.len() + 512).map_err(Refused::not_json)
    }

    /// Holds a payload against the specification.
    fn check(&self, genuine: &Genuine, body: &Bytes) -> Result<(), Refused> {
        if let Some(error) = &genuine.error {
            return Err(Refused::undocumented(error));
        }
        match self.provider.validate(genuine.event.as_deref().unwrap_or_default(), body) {
            // There is nothing to hold an unknown event against.
            Ok(()) | Err(Invalid::UnknownName(_)) => Ok(()),
            Err(Invalid::Violations(found)) => {
                let first = found.first().map(ToString::to_string).unwrap_or_default();
                let more = match found.len() {
                    1 => String::new(),
                    count => format!("; {count} violations in all"),
                };
                Err(Refused::undocumented(format_args!("{first}{more}")))
            }
            Err(invalid) => Err(Refused::undocumented(invalid)),
        }
    }

    fn log_refused(&self, refused: &Refused, peer: SocketAddr, path: &str, claimed: Option<String>) {
        let Refused { reason, step, why, event, .. } = refused;
        let path: String = path.chars().take(SHOWN_PATH).collect();
        tracing::warn!(reason, step, why, event = event.clone().or(claimed), path, %peer, "refused");
    }

    /// The event that a delivery claims to be, which proves nothing.
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

/// A body that every program can read, on one line. Between the parts of JSON a line break is as good as a space, and inside
/// of texts there is none.
fn payload(body: &[u8]) -> Result<Json, Unreadable> {
    let payload = Json::try_from(body)?;
    let text = payload.as_str();
    // Both are rare, and checking costs a tree.
    let half_characters = text.contains("\\ud") || text.contains("\\uD");
    let nested = text.bytes().filter(|byte| matches!(byte, b'[' | b'{')).count() > NESTED;
    // It is one level deeper in its line.
    if (half_characters || nested) && serde_json::from_str::<Value>(&format!("[{text}]")).is_err() {
        return Err(Unreadable::BySome);
    }
    match text.contains(['\n', '\r']) {
        true => Ok(Json::try_from(text.replace(['\n', '\r'], " ").as_bytes())?),
        false => Ok(payload),
    }
}

/// Why a body is kept as bytes.
#[derive(Debug, thiserror::Error)]
enum Unreadable {
    #[error(transparent)]
    NotJson(#[from] DecodeError),
    #[error(
        "the body is not JSON that every program can read: it has half of a surrogate pair, or is nested too deeply"
    )]
    BySome,
}

/// Escapes what some programs take for the end of a line; in JSON, it can only be in a text.
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

/// A short name for figures.
fn reason(error: &VerifyError) -> &'static str {
    match error {
        VerifyError::MissingHeader { .. } => "missing_header",
        VerifyError::RepeatedHeader { .. } => "repeated_header",
        VerifyError::MalformedHeader { .. } => "malformed_header",
        VerifyError::MalformedBody(_) => "malformed_body",
        VerifyError::MissingMember { .. } => "missing_member",
        VerifyError::ContentHashMismatch => "content_hash_mismatch",
        VerifyError::SignatureMismatch => "signature_mismatch",
        VerifyError::Stale { .. } => "stale",
        VerifyError::Future { .. } => "future",
        VerifyError::KeyMismatch { .. } => "key_mismatch",
        _ => "not_genuine",
    }
}
