//! The whole life of a webhook on this machine: `pos-webhooks demo`.

mod calls;
mod inbox;
mod table;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use pos_webhooks::PROVIDERS;
use pos_webhooks::catalogue::{Event, EventNamePlace, Provider, Verification};
use pos_webhooks::sandbox::{Attempt, Delivery, Sandbox};
use pos_webhooks::verify::{ReceiveError, VerifyError};
use serde::Serialize;

use crate::{Stop, complain, print_to};
use calls::{Calls, Miss, Webhook};
use inbox::{Inbox, Received};

/// See the whole life of a webhook, with every provider, on this machine
///
/// Starts the sandbox and a receiver. Then, for each provider: registers webhooks with the generated client and lists
/// them, has every documented event delivered, shows that a changed delivery is refused and why, moves a webhook to
/// another URL, deletes all of them, and looks that nothing is delivered any more.
///
/// It needs no network and no credentials, and takes a few seconds.
#[derive(Args)]
#[command(after_long_help = "\
Steps; JSON has one object for each, and one per event of `deliver`:
  register  The generated client registers webhooks for all events.
  list      It lists them.
  deliver   The event is signed as the provider signs, sent over HTTP, verified, held strictly
            against the specification, decoded, and acknowledged as documented.
  tamper    A delivery with one character changed is refused, where the provider signs the body.
  update    A webhook is moved to another URL, and the next delivery goes there.
  delete    All are deleted. No event is delivered any more.
What a provider documents no call for has the result `undocumented`.

Exit status:
  0  All of it held.
  1  A step failed; the output says which and why.
  2  Wrong usage, or the output could not be written.")]
pub struct Arguments {
    /// How to show the steps
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,

    /// Show a row for each event
    #[arg(long, short)]
    verbose: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A table, in colour on a terminal
    Human,
    /// One JSON object per step and line
    Json,
}

/// What was done with one provider, and whether it held.
#[derive(Serialize)]
struct Step {
    provider: &'static str,
    step: &'static str,
    /// Of a delivery.
    event: Option<&'static str>,
    result: Outcome,
    detail: String,
    milliseconds: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Outcome {
    Ok,
    Failed,
    Undocumented,
}

pub fn run(arguments: &Arguments) -> Result<ExitCode, Stop> {
    if arguments.verbose && arguments.format == Format::Json {
        return Err(Stop::Usage("--verbose makes no difference with --format json, which has every event".to_owned()));
    }
    if PROVIDERS.is_empty() {
        return Err(Stop::Input("no provider is compiled in".to_owned()));
    }
    let begun = Instant::now();
    let done = tokio::runtime::Runtime::new().map_err(|error| Miss::of(&error)).and_then(|runtime| {
        runtime.block_on(async {
            let (sandbox, inbox) = (Sandbox::start().await?, Inbox::start().await?);
            let steps = all(&sandbox, &inbox).await;
            Ok((sandbox.url().to_owned(), inbox.url, steps))
        })
    });
    let (sandbox, inbox, steps) = match done {
        Ok(done) => done,
        Err(Miss::Undocumented) => return Ok(ExitCode::FAILURE),
        Err(Miss::Failed(why)) => {
            complain(format_args!("the demo cannot begin: {why}"));
            return Ok(ExitCode::FAILURE);
        }
    };
    let text = match arguments.format {
        Format::Human => table::render(&sandbox, &inbox, &steps, begun.elapsed(), arguments.verbose),
        Format::Json => steps.iter().filter_map(|step| Some(serde_json::to_string(step).ok()? + "\n")).collect(),
    };
    let status = if held(&steps) { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    Ok(print_to(anstream::stdout().lock(), &text, status)?)
}

fn held(steps: &[Step]) -> bool {
    steps.iter().all(|step| step.result != Outcome::Failed)
}

/// The lives of all webhooks.
async fn all(sandbox: &Sandbox, inbox: &Inbox) -> Vec<Step> {
    let mut steps = Vec::new();
    for provider in PROVIDERS.iter().copied() {
        let mut life = Life { sandbox, inbox, provider, steps: &mut steps };
        let begun = Instant::now();
        let lived = match Calls::new(provider, sandbox) {
            Ok(calls) => life.run(&calls).await,
            Err(miss) => Err(miss),
        };
        if let Err(miss) = lived {
            life.note::<()>("register", None, begun.elapsed(), Err(miss));
        }
    }
    steps
}

/// The life of one provider's webhooks.
struct Life<'a> {
    sandbox: &'a Sandbox,
    inbox: &'a Inbox,
    provider: &'static Provider,
    steps: &'a mut Vec<Step>,
}

impl Life<'_> {
    /// Every step; an error where nothing could be registered.
    async fn run(&mut self, calls: &Calls<'_>) -> Result<(), Miss> {
        let begun = Instant::now();
        let (mut webhooks, detail) = self.register(calls).await?;
        self.note("register", None, begun.elapsed(), Ok(((), detail)));
        let begun = Instant::now();
        let listed = self.list(calls, &webhooks).await;
        self.note("list", None, begun.elapsed(), listed);
        let mut delivered = Vec::new();
        for event in self.provider.events {
            let begun = Instant::now();
            let attempt = self.deliver(event).await;
            delivered
                .extend(self.note("deliver", Some(event), begun.elapsed(), attempt).map(|attempt| (event, attempt)));
        }
        let begun = Instant::now();
        let refused = match delivered.first() {
            Some((_, attempt)) => self.tamper(attempt).await,
            None => Err(Miss::Failed("nothing was delivered that could be changed".to_owned())),
        };
        self.note("tamper", None, begun.elapsed(), refused);
        let begun = Instant::now();
        let updated = self.update(calls, &mut webhooks).await;
        self.note("update", None, begun.elapsed(), updated);
        let begun = Instant::now();
        let deleted = self.delete(calls, &webhooks).await;
        self.note("delete", None, begun.elapsed(), deleted);
        Ok(())
    }

    fn note<T>(
        &mut self,
        step: &'static str,
        event: Option<&Event>,
        took: Duration,
        done: Result<(T, String), Miss>,
    ) -> Option<T> {
        let (value, result, detail) = match done {
            Ok((value, detail)) => (Some(value), Outcome::Ok, detail),
            Err(Miss::Undocumented) => (None, Outcome::Undocumented, "no call is documented".to_owned()),
            Err(Miss::Failed(why)) => (None, Outcome::Failed, why),
        };
        let milliseconds = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        let (provider, event) = (self.provider.name, event.map(|event| event.name));
        self.steps.push(Step { provider, step, event, result, detail, milliseconds });
        value
    }

    async fn register(&self, calls: &Calls<'_>) -> Result<(Vec<Webhook>, String), Miss> {
        let webhooks = calls.register(&format!("{}/{}", self.inbox.url, self.provider.name)).await?;
        self.inbox.receive_for(self.provider, &webhooks)?;
        let events = webhooks.iter().map(|webhook| webhook.events.len()).sum();
        let place =
            if self.provider.operations.is_empty() { ", in the back office: no call is documented" } else { "" };
        let detail = format!("{} for {}{place}", count(webhooks.len(), "webhook"), count(events, "event"));
        ensure(events == self.provider.events.len(), || detail.clone())?;
        Ok((webhooks, detail))
    }

    async fn list(&self, calls: &Calls<'_>, webhooks: &[Webhook]) -> Result<((), String), Miss> {
        let listed = calls.list().await?;
        let is_listed = |webhook: &Webhook| listed.contains(&webhook.url);
        ensure(listed.len() == webhooks.len() && webhooks.iter().all(is_listed), || {
            format!("{} registered, but listed are: {}", count(webhooks.len(), "webhook"), listed.join(", "))
        })?;
        Ok(((), format!("{}, as registered", count(listed.len(), "webhook"))))
    }

    /// Has an event delivered, and holds what arrived against what was to arrive.
    async fn deliver(&self, event: &'static Event) -> Result<(Attempt, String), Miss> {
        self.inbox.take();
        let attempts = self.sandbox.deliver(self.provider.name, Delivery::new(event.name).max_attempts(1)).await?;
        let received = self.inbox.take();
        let [attempt] = &attempts[..] else { return Err(times("sent", attempts.len())) };
        if let Some(error) = &attempt.error {
            return Err(Miss::Failed(error.clone()));
        }
        let [Received { body, status, outcome, .. }] = &received[..] else {
            return Err(times("received", received.len()));
        };
        let arrived = match outcome {
            Some(Ok(arrived)) => arrived,
            Some(Err(error)) => return Err(Miss::Failed(format!("refused with {status}: {error}"))),
            None => return Err(Miss::Failed("sent to a URL that was not registered".to_owned())),
        };
        ensure(attempt.is_acknowledged(), || format!("{status} is not an acknowledgement to the sender"))?;
        let told = tells_its_event(self.provider, event);
        ensure(arrived.known == told && (arrived.name.as_deref() == Some(event.name)) == told, || {
            format!("decoded as `{}`", arrived.name.as_deref().unwrap_or_default())
        })?;
        ensure(!told || event.idempotency_key.is_empty() || arrived.idempotency_key.is_some(), || {
            "decoded without the key that identifies redeliveries".to_owned()
        })?;
        self.provider.validate(event.name, body)?;
        let example = event.payload.examples.iter().find(|example| example.json.as_bytes() == body);
        let origin = example.map_or_else(|| "unknown".to_owned(), |example| example.origin.to_string());
        let kept = if told { "" } else { "; kept as it came, since the payload does not say which event it is" };
        Ok((attempt.clone(), format!("{origin} example of {} bytes{kept}", body.len())))
    }

    /// Sends a delivery again with a change.
    async fn tamper(&self, attempt: &Attempt) -> Result<((), String), Miss> {
        let changed = changed(&attempt.request.body);
        let of_body = self.send(attempt, changed, None).await?;
        let Some(Verification::Keys(keys)) = &self.provider.verification else {
            return match of_body {
                Err(ReceiveError::Verify(error)) => {
                    Ok(((), format!("one character changed, refused: {}", brief(&error.to_string()))))
                }
                Err(error) => Err(Miss::Failed(format!("changed, it was not refused for its signature: {error}"))),
                Ok(()) => Err(Miss::Failed("changed, it was accepted".to_owned())),
            };
        };
        let header = keys.places.first().map(|place| place.header);
        ensure(of_body.is_ok(), || "nothing is signed, but a changed body was refused".to_owned())?;
        match self.send(attempt, attempt.request.body.clone(), header).await? {
            Err(ReceiveError::Verify(VerifyError::KeyMismatch { name })) => {
                Ok(((), format!("nothing is signed, so a changed body passes; another `{name}` is refused")))
            }
            Err(error) => Err(Miss::Failed(format!("with another key, it was not refused for that: {error}"))),
            Ok(()) => Err(Miss::Failed("with another key, it was accepted".to_owned())),
        }
    }

    /// What the receiver makes of a delivery with this body, and perhaps with another value of a header.
    async fn send(
        &self,
        attempt: &Attempt,
        body: String,
        other: Option<&str>,
    ) -> Result<Result<(), ReceiveError>, Miss> {
        let client = reqwest::Client::builder().no_proxy().build()?;
        let mut request = client.post(&attempt.url).body(body);
        for (name, value) in &attempt.request.headers {
            let is_other = other.is_some_and(|other| name.eq_ignore_ascii_case(other));
            request = request.header(name, if is_other { "another" } else { value });
        }
        request.send().await?;
        match self.inbox.take().pop() {
            Some(Received { outcome: Some(outcome), .. }) => Ok(outcome.map(|_| ())),
            _ => Err(Miss::Failed("it did not arrive".to_owned())),
        }
    }

    async fn update(&self, calls: &Calls<'_>, webhooks: &mut [Webhook]) -> Result<((), String), Miss> {
        let Some(webhook) = webhooks.first_mut() else { return Err(Miss::Failed("there is no webhook".to_owned())) };
        let moved = format!("{}/{}/moved", self.inbox.url, self.provider.name);
        *webhook = calls.update(webhook, &moved).await?;
        let name = webhook.events.first().copied().unwrap_or_default();
        self.inbox.receive_for(self.provider, webhooks)?;
        let event = self.provider.events.iter().find(|event| event.name == name);
        let event = event.ok_or_else(|| Miss::Failed("the webhook has no event".to_owned()))?;
        let (attempt, _) = self.deliver(event).await?;
        ensure(attempt.url == moved, || "the next delivery goes to the old URL".to_owned())?;
        Ok(((), "moved to another URL, where the next delivery arrives".to_owned()))
    }

    async fn delete(&self, calls: &Calls<'_>, webhooks: &[Webhook]) -> Result<((), String), Miss> {
        for webhook in webhooks {
            calls.delete(webhook).await?;
        }
        self.inbox.take();
        for event in self.provider.events {
            let attempts = self.sandbox.deliver(self.provider.name, Delivery::new(event.name).max_attempts(1)).await?;
            ensure(attempts.is_empty() && self.inbox.take().is_empty(), || {
                format!("{} is still delivered", event.name)
            })?;
        }
        Ok(((), format!("{}; no event is delivered any more", count(webhooks.len(), "webhook"))))
    }
}

fn ensure(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), Miss> {
    if holds { Ok(()) } else { Err(Miss::Failed(otherwise())) }
}

fn times(what: &str, times: usize) -> Miss {
    Miss::Failed(format!("{what} {times} times instead of once"))
}

fn count(number: usize, of: &str) -> String {
    format!("{number} {of}{}", if number == 1 { "" } else { "s" })
}

/// Whether its deliveries say which event they are.
fn tells_its_event(provider: &Provider, event: &Event) -> bool {
    provider.event_name != Some(EventNamePlace::Body) || !event.when.is_empty()
}

/// The error without the advice after it.
fn brief(error: &str) -> &str {
    error.split_once(';').map_or(error, |(error, _)| error)
}

/// Another digit in the place of the first one; where there is none, a space more.
fn changed(body: &str) -> String {
    match body.find(|character: char| character.is_ascii_digit()) {
        Some(place) => {
            let (before, after) = body.split_at(place);
            let digit = if after.starts_with('1') { '2' } else { '1' };
            format!("{before}{digit}{}", after.get(1..).unwrap_or_default())
        }
        None => format!("{body} "),
    }
}

#[cfg(test)]
mod tests {
    use pos_webhooks::catalogue::Role;
    use pos_webhooks::sandbox::{AnswerFault, DeliveryFault, Fault};

    use super::*;

    /// The provider, step, event and detail of what failed.
    async fn failures(sandbox: &Sandbox) -> Vec<(&'static str, &'static str, Option<&'static str>, String)> {
        let steps = all(sandbox, &Inbox::start().await.unwrap()).await;
        let failed: Vec<_> = steps.iter().filter(|step| step.result == Outcome::Failed).collect();
        assert_eq!(held(&steps), failed.is_empty());
        let table = anstream::adapter::strip_str(&table::render("", "", &steps, Duration::ZERO, false)).to_string();
        for step in &failed {
            let told = |line: &str| line.contains("FAILED") && line.contains(step.step) && line.contains(&step.detail);
            assert!(table.lines().any(told), "{table}");
        }
        failed.into_iter().map(|step| (step.provider, step.step, step.event, step.detail.clone())).collect()
    }

    #[tokio::test]
    async fn nothing_fails_without_a_fault() {
        assert_eq!(failures(&Sandbox::start().await.unwrap()).await, []);
    }

    #[tokio::test]
    async fn a_delivery_that_goes_wrong_is_a_failed_step() {
        for (fault, reason) in [
            (DeliveryFault::WrongSignature, "401"),
            (DeliveryFault::Garbage, "400"),
            (DeliveryFault::Duplicate, "2 times"),
            (DeliveryFault::Reordered, "0 times"),
            (DeliveryFault::Reset, "reset"),
        ] {
            for provider in PROVIDERS.iter().copied() {
                let event = provider.events.last().unwrap().name;
                let sandbox = Sandbox::start().await.unwrap();
                sandbox.fault(Fault::from(fault.clone()).provider(provider.name).event(event).times(1)).unwrap();
                let failures = failures(&sandbox).await;
                let (name, step, failed, detail) = failures.first().unwrap();
                assert_eq!((*name, *step, *failed), (provider.name, "deliver", Some(event)), "{fault:?}: {detail}");
                assert!(detail.contains(reason), "{fault:?}: {detail}");
            }
        }
    }

    #[tokio::test]
    async fn a_call_that_goes_wrong_is_a_failed_step() {
        for provider in PROVIDERS.iter().copied() {
            let Some(registration) = &provider.registration else { continue };
            let create = &registration.create.request;
            let names_events = create.contains_key(&Role::Events) || create.contains_key(&Role::Event);
            let calls = [
                ("register", Some(&registration.create)),
                // It is asked for the events that a registration gets without naming any.
                ("register", registration.get.as_ref().filter(|_| !names_events)),
                ("list", registration.list.as_ref()),
                ("update", registration.update.as_ref()),
                ("delete", registration.delete.as_ref()),
            ];
            for (expected, call) in calls.into_iter().filter_map(|(step, call)| Some((step, call?))) {
                let sandbox = Sandbox::start().await.unwrap();
                let fault = AnswerFault::Status { status: 418, retry_after_seconds: None };
                sandbox.fault(Fault::from(fault).provider(provider.name).operation(call.operation)).unwrap();
                let failures = failures(&sandbox).await;
                let (name, step, _, detail) = failures.first().unwrap();
                assert_eq!((*name, *step), (provider.name, expected));
                assert!(detail.contains("418"), "{detail}");
            }
        }
    }

    #[test]
    fn a_change_keeps_the_body_json() {
        for body in PROVIDERS.iter().flat_map(|provider| provider.events).map(|event| &event.payload) {
            for example in body.examples {
                let changed = changed(example.json);
                assert_ne!(changed, example.json);
                serde_json::from_str::<serde_json::Value>(&changed).unwrap();
            }
        }
    }
}
