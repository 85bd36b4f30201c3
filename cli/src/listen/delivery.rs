//! A delivery: verified, decoded, written as a line, and answered.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::header::{ALLOW, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::{Bytes, Incoming};
use jiff::Timestamp;
use pos_webhooks::{Acknowledgement, AnyReceiver};
use pos_webhooks::catalogue::{EventNamePlace, Provider};
use pos_webhooks::validate::Invalid;
use pos_webhooks::verify::{ReceiveError, VerifyError};
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::time::error::Elapsed;
use tokio::time::timeout;

use super::journal::{Journal, Written};
use super::log::Dropped;
use super::metrics::{self, Metrics, Outcome};
use super::server::{Malformed, Serve};
use crate::verify::Step;

/// How long a body may take.
const BODY: Duration = Duration::from_secs(10);

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
    payload: Option<&'a RawValue>,
    /// The bytes in Base64, where they are not a payload that every program can read.
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
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
}

impl From<VerifyError> for Refused {
    fn from(error: VerifyError) -> Self {
        Self::new(reason(&error), StatusCode::UNAUTHORIZED, Step::of(&error).name(), error)
    }
}

type Answer = Response<Full<Bytes>>;

fn empty(status: StatusCode) -> Answer {
    let mut answer = Answer::default();
    *answer.status_mut() = status;
    answer
}

impl Serve for Receiver {
    async fn answer(&self, peer: SocketAddr, request: Request<Incoming>) -> Answer {
        match (request.method(), request.uri().path()) {
            (&Method::GET | &Method::HEAD, "/healthz") => empty(match self.is_healthy() {
                true => StatusCode::OK,
                false => StatusCode::SERVICE_UNAVAILABLE,
            }),
            (&Method::GET, "/metrics") => {
                let mut answer = Response::new(Full::from(self.metrics.text(self.log_dropped.count())));
                answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(metrics::CONTENT_TYPE));
                answer
            }
            (&Method::POST, _) => {
                let since = Instant::now();
                let (outcome, answer) = self.deliver(peer, request).await;
                self.metrics.count(&outcome, since);
                answer
            }
            (method, path) => {
                let why = format_args!("deliveries come by POST, not by {method}");
                let refused = Refused::new("method", StatusCode::METHOD_NOT_ALLOWED, "method", why);
                self.log_refused(&refused, peer, path, None);
                self.metrics.count(&Outcome::Refused(refused.reason), Instant::now());
                let mut answer = empty(refused.status);
                answer.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
                answer
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

    async fn deliver(&self, peer: SocketAddr, request: Request<Incoming>) -> (Outcome, Answer) {
        let (head, body) = request.into_parts();
        let body = read(body, self.max_bytes).await;
        let request = Request::from_parts(head, body.as_ref().map_or_else(|_| Bytes::new(), Clone::clone));
        let genuine = body.and_then(|_| self.verify(&request));
        let taken = genuine.and_then(|genuine| match self.line(&genuine, request.body()) {
            Ok(line) => Ok((genuine, line)),
            Err(refused) => Err(Refused { event: genuine.event, ..refused }),
        });
        let (genuine, line) = match taken {
            Ok(taken) => taken,
            Err(refused) => {
                self.log_refused(&refused, peer, request.uri().path(), self.claimed_event(&request));
                return (Outcome::Refused(refused.reason), empty(refused.status));
            }
        };
        let Genuine { event, idempotency_key, acknowledgement, .. } = genuine;
        let event = event.as_deref();
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
        if self.strict {
            self.check(genuine, body)?;
        }
        let readable = payload(body);
        if let (Err(error), true) = (&readable, self.strict) {
            return Err(Refused::new("not_json", StatusCode::BAD_REQUEST, "specification", error));
        }
        let error = genuine.error.clone().or_else(|| readable.as_ref().err().map(ToString::to_string));
        if let Some(error) = &error {
            tracing::warn!(event = genuine.event, error, "genuine, but not what is documented");
        }
        let line = Line {
            received_at: Timestamp::now(),
            provider: self.provider.name,
            event: genuine.event.as_deref(),
            known: genuine.known,
            idempotency_key: genuine.idempotency_key.as_deref(),
            payload: readable.as_deref().ok(),
            body: readable.is_err().then(|| BASE64.encode(body)),
            error,
        };
        // What is around a payload fits.
        let mut bytes = Vec::with_capacity(body.len() + 512);
        serde_json::to_writer(&mut bytes, &line)
            .map_err(|error| Refused::new("not_json", StatusCode::BAD_REQUEST, "specification", error))?;
        let mut bytes = on_one_line(bytes);
        bytes.push(b'\n');
        Ok(bytes)
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

async fn read(body: Incoming, max_bytes: usize) -> Result<Bytes, Refused> {
    match within(BODY, Limited::new(body, max_bytes).collect()).await {
        Err(_) => {
            let why = format_args!("it was not complete after {} s", BODY.as_secs());
            Err(Refused::new("slow_body", StatusCode::REQUEST_TIMEOUT, "body", why))
        }
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            let why = format_args!("it is longer than --max-bytes, {max_bytes} bytes");
            Err(Refused::new("too_long", StatusCode::PAYLOAD_TOO_LARGE, "body", why))
        }
        Ok(Err(error)) => {
            let why = format_args!("the connection broke before it was complete: {error}");
            Err(Refused::new("broken_body", StatusCode::BAD_REQUEST, "body", why))
        }
        Ok(Ok(body)) => Ok(body.to_bytes()),
    }
}

/// As `timeout`, without a timer for what is ready by the time that the rest of the connection has been looked after.
async fn within<F: Future>(limit: Duration, future: F) -> Result<F::Output, Elapsed> {
    let mut future = std::pin::pin!(future);
    tokio::select! {
        biased;
        done = future.as_mut() => Ok(done),
        () = tokio::task::yield_now() => timeout(limit, future).await,
    }
}

/// A body that every program can read, on one line. Between the parts of JSON a line break is as good as a space, and inside
/// of texts there is none.
fn payload(body: &[u8]) -> Result<Cow<'_, RawValue>, Unreadable> {
    let body = body.strip_prefix("\u{feff}".as_bytes()).unwrap_or(body);
    let payload: &RawValue = serde_json::from_slice(body)?;
    let text = payload.get();
    // Both are rare, and checking costs a tree.
    let half_characters = text.contains("\\ud") || text.contains("\\uD");
    let nested = text.bytes().filter(|byte| matches!(byte, b'[' | b'{')).count() > NESTED;
    if half_characters || nested {
        // It is one level deeper in its line.
        serde_json::from_str::<Value>(&format!("[{text}]"))?;
    }
    match text.contains(['\n', '\r']) {
        true => Ok(Cow::Owned(RawValue::from_string(text.replace(['\n', '\r'], " "))?)),
        false => Ok(Cow::Borrowed(payload)),
    }
}

/// Why a body is kept as bytes.
#[derive(Debug, thiserror::Error)]
#[error("the body is not JSON that every program can read: {0}")]
struct Unreadable(#[from] serde_json::Error);

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
        VerifyError::ContentHashMismatch => "content_hash_mismatch",
        VerifyError::SignatureMismatch => "signature_mismatch",
        VerifyError::Stale { .. } => "stale",
        VerifyError::Future { .. } => "future",
        VerifyError::KeyMismatch { .. } => "key_mismatch",
        _ => "not_genuine",
    }
}
