//! `pos-webhooks demo`: the whole life cycle of a webhook on this machine.

mod calls;
mod step;
mod table;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use pos_webhooks::catalogue::{Event, Handshake, Part, Provider, Signature, Verification};
use pos_webhooks::client::{AccessToken, http_client};
use pos_webhooks::sandbox::{Attempt, Outcome, Received, Registration, Sandbox, Trigger};
use serde_json::Value;

use crate::console::{complain, print_to};
use crate::stop::Stop;
use crate::{json_text, options, providers};
use calls::{Calls, Miss, is_listed_as, is_managed};
use step::{Step, StepResult, count, tells_its_event};

/// Show the whole life cycle of a webhook with every provider, on this machine
///
/// Starts the sandbox and a receiver. For each provider, the demo requests a token, registers webhooks with the client,
/// subscribes them where that is a call of its own, lists them, has every documented event delivered, answers events that ask for
/// something, reports what became of an order, checks that a changed delivery is refused, moves a webhook to another URL,
/// deletes all webhooks, and checks that no event is delivered afterwards.
///
/// The demo does not need a network or credentials, and takes a few seconds.
#[derive(Args)]
#[command(after_long_help = "\
Steps (JSON has one object for each step, and for each event of `deliver`):
  token     The client requests the token for the other operations.
  register  The client registers webhooks for all events. Events that no documented
            operation registers are registered as in the back office of the provider.
  subscribe The client subscribes the webhook to every event of the account. Only for providers
            that document an operation for it.
  list      The client lists the webhooks.
  deliver   The event is signed as the provider signs it, sent over HTTP, verified, strictly
            validated, decoded, and acknowledged as documented.
  answer    If events ask for something, such as a menu, the response has a documented body.
  report    If the provider documents it, the client reports what became of an event.
  tamper    A changed delivery is refused, as far as the provider documents a proof of origin.
  update    A webhook is moved to another URL, which receives the next delivery.
  delete    All webhooks are deleted. No event is delivered afterwards.
A step for which the provider does not document an operation, or a proof of origin that can be checked, has the result
`undocumented`.

Exit status:
  0  Every step succeeded.
  1  A step failed; the output says which and why.
  2  Wrong usage, or the output could not be written.")]
pub struct Arguments {
    /// Format of the steps
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,

    #[arg(long, short, conflicts_with = "verbose", help = options::QUIET)]
    #[arg(long_help = format!("{}. The steps that failed are shown", options::QUIET))]
    quiet: bool,

    #[arg(long, short, help = options::VERBOSE)]
    #[arg(long_help = format!("{}. Each event has a row", options::VERBOSE))]
    verbose: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A table, with colours on a terminal
    Human,
    /// One JSON object per step, one per line
    Json,
}

pub fn run(arguments: &Arguments) -> Result<ExitCode, Stop> {
    if arguments.verbose && arguments.format == Format::Json {
        return Err(options::without_effect("--verbose", "--format json, which has every event"));
    }
    if providers::all().is_empty() {
        return Err(Stop::Input("there is no provider; add one with --spec".to_owned()));
    }
    let begun = Instant::now();
    let done = tokio::runtime::Runtime::new().map_err(|error| Miss::of(&error)).and_then(|runtime| {
        runtime.block_on(async {
            let sandbox = providers::sandbox().start().await?;
            let steps = all(&sandbox).await;
            Ok((sandbox.url().to_owned(), steps))
        })
    });
    let (sandbox, mut steps) = match done {
        Ok(done) => done,
        Err(Miss::Undocumented(why) | Miss::Failed(why)) => {
            complain(format_args!("the demo cannot begin: {why}"));
            return Ok(ExitCode::FAILURE);
        }
    };
    let status = if held(&steps) { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    if arguments.quiet {
        steps.retain(|step| step.result == StepResult::Failed);
    }
    let text = match arguments.format {
        Format::Human if arguments.quiet => table::failed(&steps),
        Format::Human => table::render(&sandbox, &steps, begun.elapsed(), arguments.verbose),
        Format::Json => steps.iter().filter_map(|step| Some(json_text::to_string(step).ok()? + "\n")).collect(),
    };
    Ok(print_to(anstream::stdout().lock(), &text, status)?)
}

/// Whether the provider has checked the URL before it registered it.
fn shaken(handshake: &Handshake, answered: usize) -> Result<((), String), Miss> {
    let method = handshake.method.as_str();
    ensure(answered > 0, || format!("the provider did not send the {method} with which it checks a URL"))?;
    Ok((
        (),
        format!(
            "answered {} {method} with which the provider checks a URL",
            if answered == 1 { "the" } else { "each" }
        ),
    ))
}

fn held(steps: &[Step]) -> bool {
    steps.iter().all(|step| step.result != StepResult::Failed)
}

/// Runs the steps with all providers.
async fn all(sandbox: &Sandbox) -> Vec<Step> {
    let (mut steps, mut received) = (Vec::new(), 0);
    for provider in providers::all().iter().copied() {
        let mut life = Life { sandbox, provider, received: &mut received, steps: &mut steps };
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

/// The webhooks of one provider, and their steps so far.
struct Life<'a> {
    sandbox: &'a Sandbox,
    provider: &'static Provider,
    /// The number of the last request to the inbox that was taken.
    received: &'a mut u64,
    steps: &'a mut Vec<Step>,
}

impl Life<'_> {
    /// Runs every step. Returns an error if no webhook could be registered.
    async fn run(&mut self, calls: &Calls<'_>) -> Result<(), Miss> {
        let begun = Instant::now();
        if self.provider.events.is_empty() {
            let nothing = Miss::Undocumented("no event is described, so nothing is delivered".to_owned());
            self.note::<()>("deliver", None, begun.elapsed(), Err(nothing));
            return Ok(());
        }
        let issued = calls.token().await;
        let issued = issued.map(|(operation, token)| ((), format!("`{operation}` issued a token{}", lifetime(&token))));
        self.note("token", None, begun.elapsed(), issued);
        let begun = Instant::now();
        let (mut webhooks, detail) = self.register(calls).await?;
        self.note("register", None, begun.elapsed(), Ok(((), detail)));
        if let Some(handshake) = &self.provider.handshake {
            let requests = self.take().await;
            let answered = requests.iter().filter(|received| received.outcome == Outcome::Handshake).count();
            let answered = shaken(handshake, answered);
            self.note("handshake", None, begun.elapsed(), answered);
        }
        if self.has_subscriptions() {
            let begun = Instant::now();
            let subscribed = self.subscribe(calls).await;
            let subscribed = subscribed.map(|(subscribed, detail)| (webhooks = subscribed, detail));
            self.note("subscribe", None, begun.elapsed(), subscribed);
        }
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
        if let Some(answered) = self.answered(&delivered) {
            self.note("answer", None, begun.elapsed(), answered);
        }
        for event in self.provider.events.iter().filter(|event| !event.follow_up.is_empty()) {
            let begun = Instant::now();
            let reported = calls.follow_up(event).await;
            let reported = reported.map(|operation| ((), format!("`{operation}` after {}", event.name)));
            self.note("report", None, begun.elapsed(), reported);
        }
        let begun = Instant::now();
        let refused = match delivered.first() {
            Some((_, attempt)) => self.tamper(attempt).await,
            None => Err(Miss::Failed("there is no delivery to change".to_owned())),
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
            Ok((value, detail)) => (Some(value), StepResult::Ok, detail),
            Err(Miss::Undocumented(why)) => (None, StepResult::Undocumented, why),
            Err(Miss::Failed(why)) => (None, StepResult::Failed, why),
        };
        let milliseconds = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        let (provider, event) = (self.provider.name, event.map(|event| event.name));
        self.steps.push(Step { provider, step, event, result, detail, milliseconds });
        value
    }

    /// Takes the requests to the inbox since the last call. A delivery was received once there is an attempt.
    async fn take(&mut self) -> Vec<Received> {
        let received = tokio::select! {
            biased;
            received = self.sandbox.received_after(*self.received) => received,
            () = std::future::ready(()) => Vec::new(),
        };
        *self.received = received.last().map_or(*self.received, |last| last.number);
        received
    }

    async fn register(&self, calls: &Calls<'_>) -> Result<(Vec<Registration>, String), Miss> {
        let webhooks = calls.register().await?;
        let events = webhooks.iter().map(|webhook| webhook.events.len()).sum();
        let event = |name: &String| self.provider.event(name);
        let by_call = |name: &String| {
            self.provider.registers(name) || event(name).is_some_and(|event| event.registered_by.is_some())
        };
        let others = webhooks.iter().filter(|webhook| !webhook.events.iter().all(by_call)).count();
        let place = match (self.provider.operations.is_empty(), others) {
            (true, _) => ", in the back office: no operation is documented".to_owned(),
            (false, 0) => String::new(),
            (false, others) => format!(", {others} of them in the back office: no operation registers their events"),
        };
        let detail = match self.has_subscriptions() {
            true if events == 0 => format!("{}, not subscribed to any event yet", count(webhooks.len(), "webhook")),
            _ => format!("{} for {}{place}", count(webhooks.len(), "webhook"), count(events, "event")),
        };
        let expected = if self.has_subscriptions() { 0 } else { self.provider.events.len() };
        ensure(events == expected, || detail.clone())?;
        Ok((webhooks, detail))
    }

    /// Whether events are chosen by operations on subscriptions.
    fn has_subscriptions(&self) -> bool {
        self.provider.registration.as_ref().is_some_and(|registration| registration.subscriptions.is_some())
    }

    async fn subscribe(&self, calls: &Calls<'_>) -> Result<(Vec<Registration>, String), Miss> {
        let webhooks = calls.subscribe().await?;
        let events = webhooks.iter().map(|webhook| webhook.events.len()).sum();
        let detail = format!("{} of the account's list", count(events, "event"));
        ensure(events == self.provider.events.len(), || detail.clone())?;
        Ok((webhooks, detail))
    }

    async fn list(&self, calls: &Calls<'_>, webhooks: &[Registration]) -> Result<((), String), Miss> {
        let listed = calls.list().await?;
        let webhooks: Vec<_> = webhooks.iter().filter(|webhook| is_managed(self.provider, webhook)).collect();
        let is_listed = |webhook: &&Registration| listed.iter().any(|listed| is_listed_as(webhook, listed));
        ensure(listed.len() == webhooks.len() && webhooks.iter().all(is_listed), || {
            let listed: Vec<_> = listed.iter().flat_map(|values| values.values()).map(Value::to_string).collect();
            format!("{} registered, but listed are: {}", count(webhooks.len(), "webhook"), listed.join(", "))
        })?;
        Ok(((), format!("{}, as registered", count(listed.len(), "webhook"))))
    }

    /// Has an event delivered, and compares the received delivery with the expected one.
    async fn deliver(&mut self, event: &'static Event) -> Result<(Attempt, String), Miss> {
        self.take().await;
        let attempts = self.sandbox.deliver(self.provider.name, Trigger::new(event.name).max_attempts(1)).await?;
        let received = self.take().await;
        let [attempt] = &attempts[..] else { return Err(times("sent", attempts.len())) };
        if let Some(error) = &attempt.error {
            return Err(Miss::Failed(error.clone()));
        }
        let [arrived] = &received[..] else {
            return Err(times("received", received.len()));
        };
        let Received { body, status, outcome, reason, .. } = arrived;
        ensure(!outcome.is_refusal(), || format!("refused with {status}: {reason}"))?;
        ensure(attempt.is_acknowledged(), || format!("{status} is not an acknowledgement to the sender"))?;
        let told = tells_its_event(self.provider, event);
        ensure((arrived.event.as_deref() == Some(event.name)) == told, || {
            format!("decoded as `{}`", arrived.event.as_deref().unwrap_or_default())
        })?;
        ensure(!told || event.idempotency_key.is_empty() || arrived.idempotency_key.is_some(), || {
            "decoded without the key that identifies redeliveries".to_owned()
        })?;
        self.provider.validate(event.name, body.as_bytes())?;
        let example = event.payload.example();
        let origin = example.map_or_else(|| "unknown".to_owned(), |example| example.origin.to_string());
        let kept = if told { "" } else { "; kept as received, because the payload does not identify its event" };
        Ok((attempt.clone(), format!("{origin} example of {} bytes{kept}", body.len())))
    }

    /// Checks the responses to the events that ask for a body; `None` if no event does.
    fn answered(&self, delivered: &[(&'static Event, Attempt)]) -> Option<Result<((), String), Miss>> {
        let asking = delivered.iter().filter_map(|(event, attempt)| Some((event, event.requested_body()?, attempt)));
        let asking: Vec<_> = asking.collect();
        if asking.is_empty() {
            return None;
        }
        if let Some((event, _, note)) =
            asking.iter().find_map(|(event, body, attempt)| Some((event, body, attempt.note.as_ref()?)))
        {
            return Some(Err(Miss::Failed(format!("{}: {note}", event.name))));
        }
        let answers = asking.iter().map(|(event, body, _)| format!("{} with a `{}`", event.name, body.schema));
        Some(Ok(((), answers.collect::<Vec<_>>().join(", "))))
    }

    /// Sends a delivery again with a change.
    async fn tamper(&mut self, attempt: &Attempt) -> Result<((), String), Miss> {
        let body = &attempt.request.body;
        let verification = self.provider.verification_of(Some(attempt.event));
        let signature = match verification {
            Some(Verification::Signatures(_)) => verification.and_then(|verification| verification.signature(None)),
            Some(Verification::Keys(keys)) => {
                let header = keys.places.first().map(|place| place.header);
                let what = "deliveries are not signed, so a changed body passes";
                return self.tamper_with_header(attempt, header, what).await;
            }
            Some(Verification::Custom(_)) => {
                let reason = "only code of the receiver can verify a delivery, so a changed one is not refused here";
                return Err(Miss::Undocumented(reason.to_owned()));
            }
            _ => None,
        };
        let Some(signature) = signature else {
            let refused = self.send(attempt, changed(body), None).await?.outcome.is_refusal();
            ensure(!refused, || "deliveries are not signed, but a changed body was refused".to_owned())?;
            return Err(Miss::Undocumented("deliveries are not signed, so a changed body passes".to_owned()));
        };
        let (what, changed) = match signed_member(signature) {
            None if signs_body(signature) => ("one character".to_owned(), changed(body)),
            None => {
                let header = signature.headers.first().copied();
                return self
                    .tamper_with_header(attempt, header, "the body is not signed, so a changed one passes")
                    .await;
            }
            Some(pointer) => {
                let changed = with_other_member(body, pointer);
                let missing = || Miss::Failed(format!("the body does not have `{pointer}`, which is signed"));
                (format!("the signed member `{pointer}`"), changed.ok_or_else(missing)?)
            }
        };
        let Received { outcome, reason, .. } = self.send(attempt, changed, None).await?;
        ensure(outcome.is_refusal(), || "changed, it was accepted".to_owned())?;
        ensure(outcome == Outcome::NotVerified, || format!("changed, it was not refused for its signature: {reason}"))?;
        Ok(((), format!("{what} changed, refused: {}", brief(&reason))))
    }

    /// Changes the body, which passes because of `what`, and then the header that proves the origin.
    async fn tamper_with_header(
        &mut self,
        attempt: &Attempt,
        header: Option<&str>,
        what: &str,
    ) -> Result<((), String), Miss> {
        let of_body = self.send(attempt, changed(&attempt.request.body), None).await?;
        ensure(!of_body.outcome.is_refusal(), || "the body is not signed, but a changed one was refused".to_owned())?;
        let name = header.unwrap_or_default();
        let Received { outcome, reason, .. } = self.send(attempt, attempt.request.body.clone(), header).await?;
        ensure(outcome.is_refusal(), || format!("with another `{name}`, it was accepted"))?;
        ensure(outcome == Outcome::NotVerified, || {
            format!("with another `{name}`, it was not refused for that: {reason}")
        })?;
        Ok(((), format!("{what}; another `{name}` is refused")))
    }

    /// Sends a delivery with this body, and optionally another value of a header, and returns what the receiver made
    /// of it.
    async fn send(&mut self, attempt: &Attempt, body: String, other: Option<&str>) -> Result<Received, Miss> {
        let client = http_client()?.no_proxy().build()?;
        let mut request = client.post(&attempt.url).body(body);
        for (name, value) in &attempt.request.headers {
            let is_other = other.is_some_and(|other| name.eq_ignore_ascii_case(other));
            request = request.header(name, if is_other { "another" } else { value });
        }
        request.send().await?;
        self.take().await.pop().ok_or_else(|| Miss::Failed("it did not arrive".to_owned()))
    }

    async fn update(&mut self, calls: &Calls<'_>, webhooks: &mut [Registration]) -> Result<((), String), Miss> {
        let Some(webhook) = webhooks.first_mut() else { return Err(Miss::Failed("there is no webhook".to_owned())) };
        let moved = format!("{}/moved", webhook.url);
        calls.update(webhook, &moved).await?;
        webhook.url.clone_from(&moved);
        let event = webhook.events.first().and_then(|name| self.provider.event(name));
        let event = event.ok_or_else(|| Miss::Failed("the webhook has no event".to_owned()))?;
        let (attempt, _) = self.deliver(event).await?;
        ensure(attempt.url == moved, || "the next delivery goes to the old URL".to_owned())?;
        Ok(((), "moved to another URL, where the next delivery arrives".to_owned()))
    }

    async fn delete(&mut self, calls: &Calls<'_>, webhooks: &[Registration]) -> Result<((), String), Miss> {
        let webhooks: Vec<_> = webhooks.iter().filter(|webhook| is_managed(self.provider, webhook)).collect();
        calls.delete(&webhooks).await?;
        self.take().await;
        for event in self.provider.events.iter().filter(|event| self.provider.registers(event.name)) {
            let attempts = self.sandbox.deliver(self.provider.name, Trigger::new(event.name).max_attempts(1)).await?;
            ensure(attempts.is_empty() && self.take().await.is_empty(), || {
                format!("{} is still delivered", event.name)
            })?;
        }
        let all = self.provider.events.iter().all(|event| self.provider.registers(event.name));
        let what = if all { "no event" } else { "none of their events" };
        Ok(((), format!("{}; {what} is delivered afterwards", count(webhooks.len(), "webhook"))))
    }
}

/// How long a token is valid, in whole minutes.
fn lifetime(token: &AccessToken) -> String {
    let minutes = token.expires_in.map(|left| left.as_secs().saturating_add(30) / 60);
    let minutes = minutes.and_then(|minutes| usize::try_from(minutes).ok());
    minutes.map_or(String::new(), |minutes| format!(", which is valid for {}", count(minutes, "minute")))
}

fn ensure(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), Miss> {
    if holds { Ok(()) } else { Err(Miss::Failed(otherwise())) }
}

fn times(what: &str, times: usize) -> Miss {
    Miss::Failed(format!("{what} {times} times instead of once"))
}

/// The error without the advice after it.
fn brief(error: &str) -> &str {
    error.split_once(';').map_or(error, |(error, _)| error)
}

/// Whether every text that may be signed has the whole body.
fn signs_body(signature: &Signature) -> bool {
    let is_of_body = |part: &Part| matches!(part, Part::Body | Part::BodyWithoutSpaces | Part::Digest);
    signature.signed.iter().all(|parts| parts.iter().any(is_of_body))
}

/// A signed member, if the whole body is not signed.
fn signed_member(signature: &Signature) -> Option<&'static str> {
    let parts = signature.signed.iter().copied().flatten().filter(|_| !signs_body(signature));
    parts.into_iter().find_map(|part| match part {
        Part::Member(pointer) => Some(*pointer),
        _ => None,
    })
}

/// The body with another text or number at the pointer; `None` if there is none.
fn with_other_member(body: &str, pointer: &str) -> Option<String> {
    let mut json: Value = serde_json::from_str(body).ok()?;
    let member = json.pointer_mut(pointer)?;
    *member = match &*member {
        Value::String(text) => changed(text).into(),
        Value::Number(number) => if number.as_u64() == Some(1) { 2 } else { 1 }.into(),
        _ => return None,
    };
    Some(json.to_string())
}

/// The body with its first digit changed; without a digit, with one more space.
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
        let steps = all(sandbox).await;
        let failed: Vec<_> = steps.iter().filter(|step| step.result == StepResult::Failed).collect();
        assert_eq!(held(&steps), failed.is_empty());
        let table = anstream::adapter::strip_str(&table::render("", &steps, Duration::ZERO, false)).to_string();
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
            for provider in providers::all().iter().copied() {
                let proven =
                    |event: &&Event| !matches!(provider.verification_of(Some(event.name)), Some(Verification::None(_)));
                let event = provider.events.iter().rfind(proven).unwrap().name;
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
        for provider in providers::all().iter().copied() {
            let Some(registration) = &provider.registration else { continue };
            let create = &registration.create.request;
            let names_events = create.contains_key(&Role::Events) || create.contains_key(&Role::Event);
            let subscriptions = registration.subscriptions.as_ref();
            let calls = [
                ("subscribe", subscriptions.and_then(|calls| calls.events.as_ref())),
                ("subscribe", subscriptions.map(|calls| &calls.create)),
                ("register", Some(&registration.create)),
                // This operation returns the events of a registration that does not name any.
                ("register", registration.get.as_ref().filter(|_| !names_events)),
                ("list", registration.list.as_ref()),
                ("update", registration.update.as_ref()),
                ("delete", registration.delete.as_ref()),
            ];
            let calls = calls.into_iter().filter_map(|(step, call)| Some((step, call?.operation)));
            let token = provider.grants().first();
            for (expected, operation) in calls.chain(token.map(|grant| ("token", grant.operation))) {
                let sandbox = Sandbox::start().await.unwrap();
                let fault = AnswerFault::Status { status: 418, retry_after_seconds: None };
                sandbox.fault(Fault::from(fault).provider(provider.name).operation(operation)).unwrap();
                let failures = failures(&sandbox).await;
                let (name, step, _, detail) = failures.first().unwrap();
                assert_eq!((*name, *step), (provider.name, expected));
                assert!(detail.contains("418"), "{detail}");
            }
        }
    }

    #[test]
    fn a_signed_member_changes_whether_it_is_a_text_or_a_number() {
        let body = r#"{"order":{"id":"A-7","total":1},"paid":true}"#;
        for (pointer, changed) in [
            ("/order/id", Some(r#"{"order":{"id":"A-1","total":1},"paid":true}"#)),
            ("/order/total", Some(r#"{"order":{"id":"A-7","total":2},"paid":true}"#)),
            ("/paid", None),
            ("/missing", None),
        ] {
            assert_eq!(with_other_member(body, pointer).as_deref(), changed, "{pointer}");
        }
    }

    #[test]
    fn a_change_keeps_the_body_json() {
        for body in providers::all().iter().flat_map(|provider| provider.events).map(|event| &event.payload) {
            for example in body.examples {
                let changed = changed(example.json);
                assert_ne!(changed, example.json);
                serde_json::from_str::<serde_json::Value>(&changed).unwrap();
            }
        }
    }
}
