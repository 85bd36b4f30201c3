//! Signs, sends, retries and records deliveries.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use reqwest::Url;
use serde_json::Value;

use super::attempt::{Attempt, Message};
use super::backends::{Backend, Outgoing};
use super::call::Test;
use super::delivery::{Delivery, Pace};
use super::error::DeliverError;
use super::fault::{DeliveryFault, FaultScope, latency};
use super::half_sent::{Ending, broken_off};
use super::registration::Registration;
use super::state::Inner;
use super::target::target;
use super::trigger::Trigger;
use super::turns::Line;
use crate::Secret;
use crate::catalogue::{Event, EventNamePlace, Provider, Redelivery, UnknownName};
use crate::delivery::{sent_at, sent_signatures};

/// How long to wait for a response if the provider does not document a limit.
const TIME_LIMIT: Duration = Duration::from_secs(30);

/// How many bytes of a response body are kept.
const MAX_ANSWER: usize = 64 * 1024;

/// How many bytes of a response body are validated.
const MAX_VALIDATED: usize = 4 * 1024 * 1024;

/// How many violations of the specification a note lists.
const MAX_VIOLATIONS: usize = 5;

/// The note on a delivery for a subscription with a filter. No description says which payloads a filter selects.
const UNFILTERED: &str =
    "the filter of the subscription was not applied: the sandbox delivers every occurrence of an event";

/// The age of a stale delivery, which is longer than any replay window.
const STALE: Duration = Duration::from_secs(3600);

/// A body that is not JSON.
const GARBAGE: &str = "<!doctype html><title>Not what was documented</title>";

impl Inner {
    /// Delivers an event to every matching registration, one after the other.
    pub async fn deliver(self: &Arc<Self>, provider: &str, trigger: Trigger) -> Result<Vec<Attempt>, DeliverError> {
        let provider = self.provider(provider)?;
        let event = wanted(provider, &trigger)?;
        let payload = trigger.payload.as_ref();
        let given: Option<Value> = payload.and_then(|payload| serde_json::from_str(payload.as_str()).ok());
        let addressees =
            self.state().backends.find(provider).map(|backend| backend.addressees(event.name, given.as_ref()));
        Ok(self.deliver_to(provider, event, &trigger, addressees.unwrap_or_default()).await)
    }

    /// Delivers an event to a URL that is not registered.
    pub async fn deliver_unregistered(
        self: &Arc<Self>,
        provider: &str,
        url: &str,
        secret: Secret,
        trigger: Trigger,
    ) -> Result<Vec<Attempt>, DeliverError> {
        let provider = self.provider(provider)?;
        let event = wanted(provider, &trigger)?;
        let id = self.state().backends.find(provider).map(|backend| backend.delivery_id()).unwrap_or_default();
        let (url, events) = (url.to_owned(), vec![event.name.to_owned()]);
        let registration = Registration { id, url, events, active: true, secret };
        Ok(self.deliver_to(provider, event, &trigger, vec![registration]).await)
    }

    async fn deliver_to(
        self: &Arc<Self>,
        provider: &'static Provider,
        event: &'static Event,
        trigger: &Trigger,
        addressees: Vec<Registration>,
    ) -> Vec<Attempt> {
        let Trigger { event: _, payload, time_scale, max_attempts } = trigger;
        let pace = match (time_scale, max_attempts) {
            (Some(scale), _) => Pace::Reported { scale: *scale },
            (None, Some(_)) => Pace::Reported { scale: 1.0 },
            (None, None) => Pace::InBackground,
        };
        let body = payload.as_ref().map_or_else(|| example_of(event), |payload| payload.as_str().to_owned());
        let mut attempts = Vec::new();
        for registration in addressees {
            let delivery = self.new_delivery(provider, registration, event, body.clone(), payload.is_none());
            self.dispatch(Delivery { pace, max_attempts: *max_attempts, ..delivery }, &mut attempts).await;
        }
        attempts
    }

    /// Delivers what an attempt delivered to the same registration once more. `None` if the log does not have such an
    /// attempt, or if the registration was deleted.
    pub async fn deliver_again(self: &Arc<Self>, number: u64) -> Option<Vec<Attempt>> {
        let attempt = self.state().log.iter().find(|attempt| attempt.number == number).cloned()?;
        let provider = self.provider(attempt.provider).ok()?;
        let registered = self.registrations(provider);
        let registration = registered.into_iter().find(|known| known.id == attempt.registration)?;
        let event = provider.event(attempt.event)?;
        let body = if attempt.is_example { example_of(event) } else { attempt.request.body };
        let delivery = self.new_delivery(provider, registration, event, body, attempt.is_example);
        let mut attempts = Vec::new();
        self.dispatch(delivery, &mut attempts).await;
        Some(attempts)
    }

    /// Delivers the example of an event to one registration, once.
    pub async fn test(self: &Arc<Self>, provider: &'static Provider, test: Test) -> Vec<Attempt> {
        let Test { registration, event } = test;
        let mut attempts = Vec::new();
        if registration.active {
            let delivery = self.new_delivery(provider, registration, event, example_of(event), true);
            let delivery = Delivery { pace: Pace::Reported { scale: 1.0 }, max_attempts: Some(1), ..delivery };
            self.dispatch(delivery, &mut attempts).await;
        }
        attempts
    }

    /// Sends a delivery, or holds it back, and those that were held back for the same registration.
    async fn dispatch(self: &Arc<Self>, delivery: Delivery, attempts: &mut Vec<Attempt>) {
        let faults = self.state().delivery_faults(delivery.provider.name, delivery.event.name, FaultScope::Delivery);
        let held = self.state().take_held(&delivery);
        // A delivery that follows one that was held back is not held back, so that both are delivered.
        if held.is_empty() && faults.contains(&DeliveryFault::Reordered) {
            self.state().held.push((delivery, faults));
            return;
        }
        for (delivery, faults) in [(delivery, faults)].into_iter().chain(held) {
            self.run_in_turn(delivery, faults, attempts).await;
        }
    }

    /// Delivers an event once no earlier event holds it back. If that is to happen in the background, there is no
    /// attempt yet.
    async fn run_in_turn(
        self: &Arc<Self>,
        delivery: Delivery,
        faults: Vec<DeliveryFault>,
        attempts: &mut Vec<Attempt>,
    ) {
        let turn = match self.line(&delivery) {
            None => None,
            Some(line) => match (Arc::clone(&line).try_lock_owned(), delivery.pace) {
                (Ok(turn), _) => Some(turn),
                (Err(_), Pace::Reported { .. }) => Some(line.lock_owned().await),
                (Err(_), Pace::InBackground) => return self.run_later(line, delivery, faults),
            },
        };
        self.run(Delivery { turn: turn.map(Arc::new), ..delivery }, &faults, attempts).await;
    }

    /// Delivers an event in the background, once no earlier event holds it back.
    fn run_later(self: &Arc<Self>, line: Line, delivery: Delivery, faults: Vec<DeliveryFault>) {
        let inner = Arc::clone(self);
        self.spawn(async move {
            let turn = Some(Arc::new(line.lock_owned().await));
            inner.run(Delivery { turn, ..delivery }, &faults, &mut Vec::new()).await;
        });
    }

    /// Runs a task until the sandbox ends.
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut over = self.over.subscribe();
        tokio::spawn(async move {
            tokio::select! {
                () = task => {}
                _ = over.wait_for(|over| *over) => {}
            }
        });
    }

    /// Takes note of a delivery, which is retried in the background.
    fn new_delivery(
        &self,
        provider: &'static Provider,
        registration: Registration,
        event: &'static Event,
        body: String,
        is_example: bool,
    ) -> Delivery {
        let note = |backend: &mut Backend| {
            backend.delivered(event.name, &body);
            backend.delivery_id()
        };
        let mut state = self.state();
        state.deliveries += 1;
        let number = state.deliveries;
        let id = state.backends.find(provider).map(note).unwrap_or_default();
        let (pace, max_attempts, turn) = (Pace::InBackground, None, None);
        Delivery { number, provider, registration, event, id, body, is_example, pace, max_attempts, turn }
    }

    async fn run(self: &Arc<Self>, delivery: Delivery, faults: &[DeliveryFault], attempts: &mut Vec<Attempt>) {
        let again = faults.contains(&DeliveryFault::Duplicate).then(|| delivery.clone());
        for (index, delivery) in [Some(delivery), again].into_iter().flatten().enumerate() {
            let first = attempts.len();
            let faults = if index == 0 { &[][..] } else { &[DeliveryFault::Duplicate] };
            self.run_from(1, Duration::ZERO, delivery, faults, attempts).await;
            if !attempts.get(first..).is_some_and(|made| made.iter().any(Attempt::is_acknowledged)) {
                break;
            }
        }
    }

    /// Makes attempts, counted from this number, until one is acknowledged or the provider gives up.
    async fn run_from(
        self: &Arc<Self>,
        mut number: u32,
        mut passed: Duration,
        delivery: Delivery,
        faults: &[DeliveryFault],
        attempts: &mut Vec<Attempt>,
    ) {
        loop {
            let attempt = self.attempt(&delivery, number, passed, faults).await;
            let wait = attempt.retry_in.filter(|_| !delivery.ends_with(number));
            attempts.push(attempt);
            let Some(wait) = wait else { return };
            (number, passed) = (number + 1, passed + wait);
            match delivery.pace {
                Pace::Reported { .. } => self.wait(&delivery, wait).await,
                Pace::InBackground => return self.go_on(number, passed, wait, delivery),
            }
            if self.is_removed(&delivery) {
                return;
            }
        }
    }

    /// Retries in the background at the documented pace, until the sandbox ends.
    fn go_on(self: &Arc<Self>, number: u32, passed: Duration, wait: Duration, delivery: Delivery) {
        let inner = Arc::clone(self);
        self.spawn(async move {
            tokio::time::sleep(wait).await;
            let delivery = Delivery { pace: Pace::Reported { scale: 1.0 }, ..delivery };
            if !inner.is_removed(&delivery) {
                inner.run_from(number, passed, delivery, &[], &mut Vec::new()).await;
            }
        });
    }

    async fn attempt(&self, delivery: &Delivery, number: u32, passed: Duration, faults: &[DeliveryFault]) -> Attempt {
        let Delivery { provider, registration, event, .. } = delivery;
        let mut faults = faults.to_vec();
        faults.extend(self.state().delivery_faults(provider.name, event.name, FaultScope::Attempt));
        tokio::time::sleep(latency(faults.iter().filter_map(|fault| match fault {
            DeliveryFault::Latency { milliseconds } => Some(*milliseconds),
            _ => None,
        })))
        .await;
        let limit = provider.redelivery.as_ref().and_then(|it| it.answer_within).unwrap_or(TIME_LIMIT);
        let begun = Instant::now();
        let at = jiff::Timestamp::now();
        let prepared = self.prepare(delivery, &faults, at);
        let (url, request, outcome) = match prepared {
            Ok(Prepared { url, headers, body }) => {
                let request = Message { headers: shown(&headers), body: body.clone(), omitted_bytes: 0 };
                let outcome = match faults.iter().find_map(|fault| match fault {
                    DeliveryFault::Reset => Some(Ending::Reset),
                    DeliveryFault::Truncated => Some(Ending::Closed),
                    _ => None,
                }) {
                    Some(ending) => Err(NoAnswer { reason: broken_off(&url, &request, ending).await, sent: true }),
                    None => self.send(url.clone(), headers, body, limit).await,
                };
                (url.to_string(), request, outcome)
            }
            Err(reason) => (registration.url.clone(), Message::default(), Err(NoAnswer { reason, sent: false })),
        };
        let status = outcome.as_ref().ok().map(|(status, ..)| *status);
        let filtered =
            self.state().backends.find(provider).is_ok_and(|backend| backend.has_filter(&registration.id, event.name));
        let difference = outcome.as_ref().ok().and_then(|(status, _, body)| body.difference(provider, event, *status));
        let notes = filtered.then(|| UNFILTERED.to_owned()).into_iter().chain(difference);
        let sent = outcome.as_ref().err().is_none_or(|failure| failure.sent);
        let is_over = !sent || self.removes(delivery, status);
        let retry_in =
            provider.redelivery.as_ref().filter(|_| !is_over).and_then(|it| retry_in(it, status, number, passed));
        let wait = retry_in.filter(|_| !delivery.ends_with(number)).map(|wait| delivery.pace.waits(wait));
        let next_at = wait.and_then(|wait| jiff::Timestamp::now().checked_add(wait).ok());
        let attempt = Attempt {
            number: 0,
            delivery: delivery.number,
            provider: provider.name,
            event: event.name,
            registration: registration.id.clone(),
            url,
            attempt: number,
            at: format!("{at:.3}").into(),
            duration: begun.elapsed(),
            status: status.map(|status| status.as_u16()),
            retry_in,
            next_at: next_at.map(|at| format!("{at:.3}").into()),
            faults,
            request,
            error: outcome.as_ref().err().map(|failure| failure.reason.clone()),
            answer: outcome.ok().map(|(_, headers, body)| body.into_message(&headers)),
            note: notes.reduce(|notes, note| format!("{notes}; {note}")),
            is_example: delivery.is_example,
        };
        self.record(attempt)
    }

    fn prepare(&self, delivery: &Delivery, faults: &[DeliveryFault], at: jiff::Timestamp) -> Result<Prepared, String> {
        let Delivery { provider, registration, event, id, body, is_example, .. } = delivery;
        let mut url = target(&registration.url)?;
        if !self.may_reach(&url) {
            return Err(format!(
                "not sent: {} is another machine, and the sandbox delivers to loopback only, so that no test reaches \
                another party's server; `pos-webhooks sandbox --deliver-anywhere` allows it, and so does \
                `Builder::deliver_anywhere` of the library",
                url.host_str().unwrap_or("the host")
            ));
        }
        if provider.event_name == Some(EventNamePlace::LastPathSegment)
            && let Ok(mut segments) = url.path_segments_mut()
        {
            segments.pop_if_empty().push(event.name);
        }
        let at = if faults.contains(&DeliveryFault::StaleDate) { at - STALE } else { at };
        let verification = provider.verification_of(Some(event.name)).filter(|_| *is_example);
        let sent = verification.map(|verification| sent_signatures(verification, event.headers));
        let documented_body = &sent_at(body.clone(), &sent.unwrap_or_default(), at);
        let body = if faults.contains(&DeliveryFault::Garbage) { GARBAGE } else { documented_body };
        let described = {
            let mut state = self.state();
            let backend = state.backends.find(provider).map_err(|broken| broken.0)?;
            let wrong = faults.contains(&DeliveryFault::WrongSignature).then(|| backend.wrong_secret());
            let (url, body, documented_body) = (url.as_str(), body.as_bytes(), documented_body.as_bytes());
            let wrong_secret = wrong.as_ref();
            backend.headers(&Outgoing { registration, event, id, url, wrong_secret, body, documented_body, at })
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
    ) -> Result<(StatusCode, HeaderMap, ResponseBody), NoAnswer> {
        let failure = |error: reqwest::Error| NoAnswer { reason: reason(&error.without_url(), limit), sent: true };
        let request = self.http.post(url).headers(headers).timeout(limit).body(body);
        let mut response = request.send().await.map_err(failure)?;
        let (status, headers) = (response.status(), response.headers().clone());
        let mut body = ResponseBody::default();
        while let Some(chunk) = response.chunk().await.map_err(failure)? {
            body.length += chunk.len();
            body.read.extend(chunk.iter().take(MAX_VALIDATED.saturating_sub(body.read.len())));
        }
        Ok((status, headers, body))
    }
}

/// The event of a trigger whose settings are valid.
fn wanted(provider: &'static Provider, trigger: &Trigger) -> Result<&'static Event, DeliverError> {
    let event = provider.event(&trigger.event).ok_or_else(|| {
        let known = provider.events.iter().map(|event| event.name).collect();
        DeliverError::Event(UnknownName { provider: provider.name, name: trigger.event.clone(), known })
    })?;
    if trigger.time_scale.is_some_and(|scale| !(scale.is_finite() && scale > 0.0)) {
        return Err(DeliverError::TimeScale);
    }
    if trigger.max_attempts == Some(0) {
        return Err(DeliverError::NoAttempt);
    }
    Ok(event)
}

#[derive(Default)]
struct ResponseBody {
    /// The first bytes.
    read: Vec<u8>,
    /// The number of all bytes.
    length: usize,
}

impl ResponseBody {
    fn into_message(self, headers: &HeaderMap) -> Message {
        let kept = self.read.get(..MAX_ANSWER).unwrap_or(&self.read);
        let body = String::from_utf8_lossy(kept).into_owned();
        Message { headers: shown(headers), body, omitted_bytes: self.length - kept.len() }
    }

    /// Describes how the body differs from the body that is documented for the event and the status.
    fn difference(&self, provider: &'static Provider, event: &Event, status: StatusCode) -> Option<String> {
        let schema = event.response(status)?.body.as_ref()?.schema;
        if self.length == 0 {
            return Some(format!("the response does not have a body, but `{schema}` is documented"));
        }
        if self.length > self.read.len() {
            return Some(format!("the response is not validated, because it is longer than {MAX_VALIDATED} bytes"));
        }
        let invalid = provider.validate(schema, &self.read).err()?.to_string();
        let violations: Vec<&str> = invalid.lines().take(MAX_VIOLATIONS).collect();
        Some(format!("the response does not match the documented `{schema}`: {}", violations.join("; ")))
    }
}

/// The body of the event's documented example.
pub(super) fn example_of(event: &Event) -> String {
    event.payload.example().map_or_else(String::new, |example| example.json.to_owned())
}

fn retry_in(redelivery: &Redelivery, answer: Option<StatusCode>, attempt: u32, passed: Duration) -> Option<Duration> {
    redelivery.is_failure(answer).then(|| redelivery.wait(attempt.into(), passed)).flatten()
}

struct Prepared {
    url: Url,
    headers: HeaderMap,
    body: String,
}

/// The reason why there is no response.
struct NoAnswer {
    reason: String,
    /// Whether anything was sent. If not, a retry would not send anything either.
    sent: bool,
}

fn reason(error: &reqwest::Error, limit: Duration) -> String {
    if error.is_timeout() {
        return format!("no response within {} s", limit.as_secs());
    }
    let mut innermost: &dyn std::error::Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    format!("no response: {innermost}")
}

fn shown(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect()
}
