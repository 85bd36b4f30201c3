//! Deliveries: signed, sent, retried and recorded.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use reqwest::Url;
use serde::{Deserialize, Serialize, Serializer};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use super::backends::{Backend, Outgoing, Registration};
use super::fault::{DeliveryFault, Scope, latency};
use super::{Inner, UnknownProvider};
use crate::catalogue::{Event, EventNamePlace, Provider, Redelivery, UnknownName};
use crate::client::is_loopback;
use crate::{Json, Time};

/// How long an answer is awaited where the provider documents no limit.
const TIME_LIMIT: Duration = Duration::from_secs(30);

/// How much of an answer's body is kept.
const MAX_ANSWER: usize = 64 * 1024;

/// How old a stale delivery is: older than any replay window.
const STALE: Duration = Duration::from_secs(3600);

/// A body that is not JSON.
const GARBAGE: &str = "<!doctype html><title>Not what was documented</title>";

/// What is to be delivered, and how.
///
/// The name of an event alone is one, too: its documented example is delivered then.
///
/// ```
/// use pos_webhooks::sandbox::Delivery;
///
/// let delivery = Delivery::new("paymentCreated").time_scale(3600.0);
/// # let _ = delivery;
/// ```
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Delivery {
    event: String,
    #[serde(default)]
    payload: Option<Json>,
    #[serde(default)]
    time_scale: Option<f64>,
    #[serde(default)]
    max_attempts: Option<u32>,
}

impl Delivery {
    /// A delivery of an event's documented example.
    pub fn new(event: impl Into<String>) -> Self {
        Self { event: event.into(), payload: None, time_scale: None, max_attempts: None }
    }

    /// Delivers this payload, to the letter. It is not held against the specification.
    #[must_use]
    pub fn payload(mut self, payload: Json) -> Self {
        self.payload = Some(payload);
        self
    }

    /// How much faster than documented a failed delivery is retried: with 3600 an hour takes a second.
    ///
    /// Then the report waits until the provider would give up. With neither a scale nor
    /// [`max_attempts`](Self::max_attempts), it has the first attempt at each registration, and retries go on in the
    /// background at the documented pace; [`Sandbox::log`](super::Sandbox::log) has them.
    #[must_use]
    pub fn time_scale(mut self, scale: f64) -> Self {
        self.time_scale = Some(scale);
        self
    }

    /// How often the same registration is tried at most; the documented number without it.
    ///
    /// The report waits for all of these attempts and has each of them. Without a [`time_scale`](Self::time_scale) they
    /// come at the documented pace.
    #[must_use]
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.max_attempts = Some(attempts);
        self
    }
}

impl From<&str> for Delivery {
    fn from(event: &str) -> Self {
        Self::new(event)
    }
}

impl From<String> for Delivery {
    fn from(event: String) -> Self {
        Self::new(event)
    }
}

/// Why nothing could be delivered.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum DeliverError {
    /// The sandbox has no such provider.
    #[error(transparent)]
    Provider(#[from] UnknownProvider),
    /// The provider has no such event.
    #[error("{} has no event `{}`; it has: {}", .0.provider, .0.name, .0.known.join(", "))]
    Event(UnknownName),
    /// The time scale is not a positive number.
    #[error("the time scale is not a number above 0")]
    TimeScale,
    /// No attempt at all is allowed.
    #[error("at least one attempt has to be allowed")]
    NoAttempt,
}

/// One attempt to deliver an event to one registration.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Attempt {
    /// Counts the attempts of the sandbox, from 1.
    pub number: u64,
    /// The provider's module.
    pub provider: &'static str,
    /// Name of the event.
    pub event: &'static str,
    /// Id of the registration.
    pub registration: String,
    /// Where it went.
    pub url: String,
    /// Which attempt at this delivery it is, from 1.
    pub attempt: u32,
    /// When it was made, in RFC 3339 form.
    pub at: Time,
    /// How long it took.
    #[serde(rename = "milliseconds", serialize_with = "milliseconds")]
    pub duration: Duration,
    /// The status of the answer.
    pub status: Option<u16>,
    /// Why there is no answer.
    pub error: Option<String>,
    /// After how long the provider tries again; `None` where it does not.
    #[serde(rename = "retry_in_seconds", serialize_with = "seconds")]
    pub retry_in: Option<Duration>,
    /// What went wrong on request.
    pub faults: Vec<DeliveryFault>,
    /// What was sent, or was to be sent.
    pub request: Message,
    /// What was answered.
    pub answer: Option<Message>,
}

impl Attempt {
    /// Whether the receiver confirmed the delivery.
    pub fn is_acknowledged(&self) -> bool {
        self.status.is_some_and(|status| (200..300).contains(&status))
    }
}

fn milliseconds<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}

fn seconds<S: Serializer>(duration: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    duration.as_ref().map(Duration::as_secs).serialize(serializer)
}

/// Headers and body of a request or an answer.
#[derive(Clone, Debug, Default, Serialize)]
#[non_exhaustive]
pub struct Message {
    /// Names and values, in the order in which they are sent.
    pub headers: Vec<(String, String)>,
    /// The body; of an answer, its first 64 KiB.
    pub body: String,
    /// How many bytes of the answer's body were longer than that, and are not kept.
    pub omitted_bytes: usize,
}

/// One delivery to one registration.
#[derive(Clone)]
pub(super) struct Job {
    pub provider: &'static Provider,
    pub registration: Registration,
    event: &'static Event,
    /// What identifies the delivery, where the provider says it.
    id: String,
    body: String,
    pace: Pace,
    max_attempts: Option<u32>,
}

/// When a delivery that failed is tried again.
#[derive(Clone, Copy)]
enum Pace {
    /// Before the report is complete, this many times as fast as documented.
    Reported { scale: f64 },
    /// In the background, as documented.
    InBackground,
}

impl Inner {
    /// Delivers to every matching registration, one after the other.
    pub async fn deliver(self: &Arc<Self>, provider: &str, delivery: Delivery) -> Result<Vec<Attempt>, DeliverError> {
        let provider = self.provider(provider)?;
        let Delivery { event, payload, time_scale, max_attempts } = delivery;
        let event = provider.event(&event).ok_or_else(|| {
            let known = provider.events.iter().map(|event| event.name).collect();
            DeliverError::Event(UnknownName { provider: provider.name, name: event, known })
        })?;
        if time_scale.is_some_and(|scale| !(scale.is_finite() && scale > 0.0)) {
            return Err(DeliverError::TimeScale);
        }
        if max_attempts == Some(0) {
            return Err(DeliverError::NoAttempt);
        }
        let example = || event.payload.examples.iter().min_by_key(|example| example.origin);
        let pace = match (time_scale, max_attempts) {
            (Some(scale), _) => Pace::Reported { scale },
            (None, Some(_)) => Pace::Reported { scale: 1.0 },
            (None, None) => Pace::InBackground,
        };
        let body = match payload {
            Some(payload) => payload.as_str().to_owned(),
            None => example().map_or_else(String::new, |example| example.json.to_owned()),
        };
        let mut attempts = Vec::new();
        for registration in self.registrations(provider) {
            if !registration.active || !registration.events.iter().any(|name| name == event.name) {
                continue;
            }
            let (id, body) = (self.delivery_id(provider), body.clone());
            let job = Job { provider, registration, event, id, body, pace, max_attempts };
            let faults = self.state().delivery_faults(provider.name, event.name, Scope::Delivery);
            if faults.contains(&DeliveryFault::Reordered) {
                self.state().held.push((job, faults));
                continue;
            }
            let held = self.state().take_held(&job);
            for (job, faults) in [(job, faults)].into_iter().chain(held) {
                self.run(job, &faults, &mut attempts).await;
            }
        }
        Ok(attempts)
    }

    fn delivery_id(&self, provider: &'static Provider) -> String {
        self.state().backends.find(provider).map(Backend::delivery_id).unwrap_or_default()
    }

    async fn run(self: &Arc<Self>, job: Job, faults: &[DeliveryFault], attempts: &mut Vec<Attempt>) {
        let again = faults.contains(&DeliveryFault::Duplicate).then(|| job.clone());
        for (index, job) in [Some(job), again].into_iter().flatten().enumerate() {
            let first = attempts.len();
            let faults = if index == 0 { &[][..] } else { &[DeliveryFault::Duplicate] };
            self.run_from(1, Duration::ZERO, job, faults, attempts).await;
            if !attempts.get(first..).is_some_and(|made| made.iter().any(Attempt::is_acknowledged)) {
                break;
            }
        }
    }

    /// Attempts until one is acknowledged or the provider gives up; the first one has this number.
    async fn run_from(
        self: &Arc<Self>,
        mut number: u32,
        mut passed: Duration,
        job: Job,
        faults: &[DeliveryFault],
        attempts: &mut Vec<Attempt>,
    ) {
        loop {
            let attempt = self.attempt(&job, number, passed, faults).await;
            let wait = attempt.retry_in.filter(|_| job.max_attempts.is_none_or(|most| number < most));
            attempts.push(attempt);
            let Some(wait) = wait else { return };
            (number, passed) = (number + 1, passed + wait);
            match job.pace {
                Pace::Reported { scale } => {
                    let wait = Duration::try_from_secs_f64(wait.as_secs_f64() / scale);
                    tokio::time::sleep(wait.unwrap_or(Duration::MAX)).await;
                }
                Pace::InBackground => return self.go_on(number, passed, wait, job),
            }
        }
    }

    /// Retries in the background at the documented pace, until the sandbox ends.
    fn go_on(self: &Arc<Self>, number: u32, passed: Duration, wait: Duration, job: Job) {
        let inner = Arc::clone(self);
        let mut over = self.over.subscribe();
        tokio::spawn(async move {
            let retries = async {
                tokio::time::sleep(wait).await;
                let job = Job { pace: Pace::Reported { scale: 1.0 }, ..job };
                inner.run_from(number, passed, job, &[], &mut Vec::new()).await;
            };
            tokio::select! {
                () = retries => {}
                _ = over.wait_for(|over| *over) => {}
            }
        });
    }

    async fn attempt(&self, job: &Job, number: u32, passed: Duration, faults: &[DeliveryFault]) -> Attempt {
        let Job { provider, registration, event, .. } = job;
        let mut faults = faults.to_vec();
        faults.extend(self.state().delivery_faults(provider.name, event.name, Scope::Attempt));
        tokio::time::sleep(latency(faults.iter().filter_map(|fault| match fault {
            DeliveryFault::Latency { milliseconds } => Some(*milliseconds),
            _ => None,
        })))
        .await;
        let limit = provider.redelivery.as_ref().and_then(|it| it.answer_within).unwrap_or(TIME_LIMIT);
        let begun = Instant::now();
        let at = jiff::Timestamp::now();
        let prepared = self.prepare(job, &faults, at);
        let (url, request, outcome) = match prepared {
            Ok(Prepared { url, headers, body }) => {
                let request = Message { headers: shown(&headers), body: body.clone(), omitted_bytes: 0 };
                let outcome = match faults.iter().find_map(|fault| match fault {
                    DeliveryFault::Reset => Some(Ending::Reset),
                    DeliveryFault::Truncated => Some(Ending::Closed),
                    _ => None,
                }) {
                    Some(ending) => Err(broken_off(&url, &request, ending).await),
                    None => self.send(url.clone(), headers, body, limit).await,
                };
                (url.to_string(), request, outcome)
            }
            Err(reason) => (registration.url.clone(), Message::default(), Err(Failure { reason, sent: false })),
        };
        let status = outcome.as_ref().ok().map(|(status, _)| *status);
        let sent = outcome.as_ref().err().is_none_or(|failure| failure.sent);
        let attempt = Attempt {
            number: 0,
            provider: provider.name,
            event: event.name,
            registration: registration.id.clone(),
            url,
            attempt: number,
            at: format!("{at:.3}").into(),
            duration: begun.elapsed(),
            status: status.map(|status| status.as_u16()),
            retry_in: provider.redelivery.as_ref().filter(|_| sent).and_then(|it| retry_in(it, status, number, passed)),
            faults,
            request,
            error: outcome.as_ref().err().map(|failure| failure.reason.clone()),
            answer: outcome.ok().map(|(_, answer)| answer),
        };
        self.record(attempt)
    }

    fn prepare(&self, job: &Job, faults: &[DeliveryFault], at: jiff::Timestamp) -> Result<Prepared, String> {
        let Job { provider, registration, event, id, body, .. } = job;
        let mut url = target(&registration.url)?;
        if !self.anywhere && !is_loopback(&registration.url) {
            return Err(format!(
                "not sent: {} is not this machine, and the sandbox delivers to loopback only, so that no test reaches \
                 anybody else's server; `deliver_anywhere` allows it",
                url.host_str().unwrap_or("the host")
            ));
        }
        if provider.event_name == Some(EventNamePlace::LastPathSegment)
            && let Ok(mut segments) = url.path_segments_mut()
        {
            segments.pop_if_empty().push(event.name);
        }
        let body = if faults.contains(&DeliveryFault::Garbage) { GARBAGE } else { body };
        let at = if faults.contains(&DeliveryFault::StaleDate) { at - STALE } else { at };
        let described = {
            let mut state = self.state();
            let backend = state.backends.find(provider).map_err(|broken| broken.0)?;
            let wrong = faults.contains(&DeliveryFault::WrongSignature).then(|| backend.wrong_secret());
            let secret = wrong.as_ref().unwrap_or(&registration.secret);
            let (url, body) = (url.as_str(), body.as_bytes());
            backend.headers(&Outgoing { registration, event, id, url, secret, body, at })
        };
        let mut headers = HeaderMap::new();
        for (name, value) in described.map_err(|error| error.to_string())? {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|error| error.to_string())?;
            headers.insert(name, HeaderValue::from_str(&value).map_err(|error| error.to_string())?);
        }
        Ok(Prepared { url, headers, body: body.to_owned() })
    }

    async fn send(
        &self,
        url: Url,
        headers: HeaderMap,
        body: String,
        limit: Duration,
    ) -> Result<(StatusCode, Message), Failure> {
        let failure = |error: reqwest::Error| Failure { reason: reason(&error.without_url(), limit), sent: true };
        let request = self.http.post(url).headers(headers).timeout(limit).body(body);
        let mut response = request.send().await.map_err(failure)?;
        let (status, headers) = (response.status(), shown(response.headers()));
        let (mut body, mut length) = (Vec::new(), 0);
        while let Some(chunk) = response.chunk().await.map_err(failure)? {
            length += chunk.len();
            body.extend(chunk.iter().take(MAX_ANSWER.saturating_sub(body.len())));
        }
        let omitted_bytes = length - body.len();
        Ok((status, Message { headers, body: String::from_utf8_lossy(&body).into_owned(), omitted_bytes }))
    }
}

fn retry_in(redelivery: &Redelivery, answer: Option<StatusCode>, attempt: u32, passed: Duration) -> Option<Duration> {
    redelivery.is_failure(answer).then(|| redelivery.wait(attempt.into(), passed)).flatten()
}

struct Prepared {
    url: Url,
    headers: HeaderMap,
    body: String,
}

/// Why there is no answer.
struct Failure {
    reason: String,
    /// Whether anything was sent at all; if not, a retry would not either.
    sent: bool,
}

fn reason(error: &reqwest::Error, limit: Duration) -> String {
    if error.is_timeout() {
        return format!("no answer within {} s", limit.as_secs());
    }
    let mut innermost: &dyn std::error::Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    format!("no answer: {innermost}")
}

fn shown(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect()
}

/// How a connection ends in the middle of the body.
#[derive(Clone, Copy)]
enum Ending {
    Reset,
    Closed,
}

/// Sends half of the body, then ends the connection.
async fn broken_off(url: &Url, request: &Message, ending: Ending) -> Failure {
    let how = match ending {
        Ending::Reset => "reset",
        Ending::Closed => "closed",
    };
    let reason = match send_half(url, request, ending).await {
        Ok(()) => format!("{how} in the middle of the body, on request"),
        Err(error) => format!("no answer: {error}"),
    };
    Failure { reason, sent: true }
}

async fn send_half(url: &Url, request: &Message, ending: Ending) -> io::Result<()> {
    let (Some(host), Some(port), "http") = (url.host_str(), url.port_or_known_default(), url.scheme()) else {
        return Err(io::Error::new(io::ErrorKind::Unsupported, "only http can be broken off"));
    };
    let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
    let length = request.body.len();
    let mut head = format!("POST {}{query} HTTP/1.1\r\ncontent-length: {length}\r\n", url.path());
    if !request.headers.iter().any(|(name, _)| name == "host") {
        head.push_str(&format!("host: {host}:{port}\r\n"));
    }
    for (name, value) in &request.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    let mut stream = TcpStream::connect((host.trim_matches(['[', ']']), port)).await?;
    stream.write_all(head.as_bytes()).await?;
    let half = request.body.as_bytes().get(..length / 2).unwrap_or_default();
    stream.write_all(half).await?;
    match ending {
        Ending::Reset => stream.set_zero_linger(),
        Ending::Closed => stream.shutdown().await,
    }
}

/// A registered URL as it is requested, or why nothing could ever be delivered to it.
pub(super) fn target(url: &str) -> Result<Url, &'static str> {
    // What a client would silently repair.
    if url.contains(|c: char| c.is_control() || c == ' ') {
        return Err("it has white space; write `%20` for a space");
    }
    let (_, rest) = url.split_once("://").ok_or("it is not absolute; begin with `https://` and the host")?;
    if rest.is_empty() || rest.starts_with(['/', '\\', '?', '#']) {
        return Err("it has no host");
    }
    // The parser leaves out an empty one.
    if rest.split(['/', '\\', '?', '#']).next().is_some_and(|authority| authority.contains('@')) {
        return Err("it names a user; leave out what is before the `@`");
    }
    let url = Url::parse(url).map_err(|_| "its host or port does not parse")?;
    crate::urls::on_the_wire(url.as_str())?;
    Ok(url)
}
