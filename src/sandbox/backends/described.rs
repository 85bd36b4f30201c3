//! Simulates a provider by its description: registrations, credentials and deliveries.

use std::collections::BTreeMap;
use std::iter;
use std::time::Duration;

use axum::http::HeaderMap;
use serde_json::Value;

use super::account::{MadeSecret, made_secret, value_of};
use super::handshake::VERIFY_TOKEN;
use super::pending::Pending;
use super::special::{Shown, Special, Stored};
use super::tokens::Tokens;
use crate::Secret;
use crate::catalogue::{
    Event, EventNamePlace, Provider, RegistrationCall, Role, SecretOrigin, Signature, Values, Verification, is_on,
};
use crate::delivery::{add_signed_headers, by_each, sent_signatures};
use crate::json::pointer::remove;
use crate::sandbox::call::{Answer, Broken, Call, Problem, RefusalReason};
use crate::sandbox::random::Random;
use crate::sandbox::registration::Registration;
use crate::sandbox::target::target;
use crate::verify::{ReceiverError, ToSign, sign};

/// A delivery before it has headers.
pub(in crate::sandbox) struct Outgoing<'a> {
    pub registration: &'a Registration,
    pub event: &'static Event,
    /// The same for every attempt at the delivery.
    pub id: &'a str,
    /// The URL as it is requested.
    pub url: &'a str,
    /// The secret in place of the right one.
    pub wrong_secret: Option<&'a Secret>,
    pub body: &'a [u8],
    /// The body that is signed if `body` does not have the signed members.
    pub documented_body: &'a [u8],
    pub at: jiff::Timestamp,
}

/// One simulated provider.
pub(in crate::sandbox) struct Backend {
    pub provider: &'static Provider,
    pub(super) special: Box<dyn Special>,
    /// The credentials for clients and receivers, by name.
    pub credentials: BTreeMap<String, Secret>,
    /// The private keys that deliveries are signed with, by the public keys that receivers have.
    private_keys: BTreeMap<String, Secret>,
    tokens: Tokens,
    pub(super) stored: Vec<Stored>,
    /// New registrations that are not stored yet.
    pub(super) pending: Vec<Pending>,
    pub(super) random: Random,
    /// The random values of deliveries, separate so that deliveries do not change the values that calls get.
    delivered: Random,
}

/// What an operation does with registrations.
#[derive(Clone, Copy)]
enum Task {
    Create,
    List,
    Get,
    Update,
    Delete,
}

impl Backend {
    pub(super) fn new(
        provider: &'static Provider,
        special: Box<dyn Special>,
        seed: u64,
        token_lifetime: Duration,
    ) -> Self {
        let mut random = Random::new(seed, provider.name);
        let mut credentials = BTreeMap::new();
        if provider.credential.is_some() {
            credentials.insert(TOKEN.to_owned(), random.token());
        }
        for header in provider.constant_headers() {
            let name = header.credential_name();
            let own = special.constants().iter().find(|(known, _)| *known == name);
            let value = own.map(|(_, value)| Secret::from(*value)).or_else(|| value_of(header, &mut random));
            credentials.extend(value.map(|value| (name, value)));
        }
        let is_of_account = match &provider.registration {
            Some(registration) => registration.secret == SecretOrigin::Account,
            None => matches!(provider.verification, Some(Verification::Keys(_))) || needs_secret(provider),
        };
        let mut private_keys = BTreeMap::new();
        if is_of_account {
            let made = made_secret(provider, &mut random);
            credentials.insert(SECRET.to_owned(), kept(&mut private_keys, made));
        }
        if provider.handshake.is_some_and(|handshake| handshake.token.is_some()) {
            credentials.insert(VERIFY_TOKEN.to_owned(), random.token());
        }
        let tokens = Tokens::new(provider, seed, token_lifetime);
        credentials.extend(tokens.credentials());
        let delivered = Random::new(seed, &format!("deliveries of {}", provider.name));
        Self {
            provider,
            special,
            credentials,
            private_keys,
            tokens,
            stored: Vec::new(),
            pending: Vec::new(),
            random,
            delivered,
        }
    }

    /// Whether this is the token of the account, or an issued token that has not expired.
    pub fn is_token(&self, token: &str) -> bool {
        self.credentials.get(TOKEN).is_some_and(|fixed| fixed.expose() == token) || self.tokens.is_valid(token)
    }

    /// Whether user and password are those of the account.
    pub fn is_basic(&self, headers: &HeaderMap) -> bool {
        self.tokens.is_basic(headers)
    }

    pub fn registrations(&self) -> Vec<Registration> {
        self.stored.iter().map(|stored| stored.registration.clone()).collect()
    }

    /// Registers a webhook as in the back office of a provider, for events that its operations for registrations do not
    /// register.
    pub fn register(&mut self, url: String, events: Vec<String>) -> Registration {
        let secret = self.secret_of_all(&events).or_else(|| self.credentials.get(SECRET)).cloned();
        let secret = secret.unwrap_or_else(|| self.make_secret());
        let registration = Registration { id: self.make_id(), url, events, active: true, secret };
        let (stored, kept, subscriptions) = (registration.clone(), None, Vec::new());
        self.stored.push(Stored { registration: stored, kept, subscriptions, by_call: false });
        registration
    }

    /// A new id, which is a number if the documented ones are.
    fn make_id(&mut self) -> String {
        let calls = self.provider.registration.iter().flat_map(|it| [Some(&it.create), it.list.as_ref()]).flatten();
        if calls.into_iter().any(|call| call.has_numbers(self.provider)) {
            self.random.number()
        } else {
            self.random.id()
        }
    }

    /// A new secret for a receiver.
    fn make_secret(&mut self) -> Secret {
        kept(&mut self.private_keys, made_secret(self.provider, &mut self.random))
    }

    /// The credential of the client that deliveries are signed with, if it is the same for all of these events.
    fn secret_of_all(&self, events: &[String]) -> Option<&Secret> {
        let credential = |event: &String| self.provider.verification_of(Some(event))?.signature(None)?.credential;
        let first = events.first().and_then(credential)?;
        self.credentials.get(first).filter(|_| events.iter().all(|event| credential(event) == Some(first)))
    }

    /// What a delivery is signed with: a credential of the client, the secret of the registration, or the private key that
    /// belongs to it.
    pub(super) fn secret<'a>(&'a self, registration: &'a Registration, signature: Option<&Signature>) -> &'a Secret {
        let credential = signature.and_then(|signature| signature.credential);
        let secret = credential.and_then(|name| self.credentials.get(name)).unwrap_or(&registration.secret);
        self.private_keys.get(secret.expose()).unwrap_or(secret)
    }

    /// The registrations that an event is delivered for. `payload` is that of the trigger; `None` for the documented example.
    pub fn addressees(&self, event: &str, payload: Option<&Value>) -> Vec<Registration> {
        let subscribed = |stored: &&Stored| {
            stored.registration.active && stored.registration.events.iter().any(|name| name == event)
        };
        let stored = self.stored.iter().filter(subscribed);
        let stored = stored.filter(|stored| self.special.delivers(stored, event, payload, &self.stored));
        stored.map(|stored| stored.registration.clone()).collect()
    }

    /// Whether an operation of the provider that manages registrations created this one.
    pub fn is_by_call(&self, id: &str) -> bool {
        self.stored.iter().any(|stored| stored.by_call && stored.registration.id == id)
    }

    /// A secret that a caller could choose.
    pub fn chosen_secret(&mut self) -> Secret {
        self.make_secret()
    }

    /// Replaces the secret of a registration. Returns whether it could be: there is such a registration, and its deliveries
    /// are signed neither with a credential of the client nor with a private key.
    pub fn set_secret(&mut self, id: &str, secret: Secret) -> bool {
        let Some(position) = self.stored.iter().position(|stored| stored.registration.id == id) else { return false };
        let Some(stored) = self.stored.get(position) else { return false };
        let known = &stored.registration.secret;
        if self.private_keys.contains_key(known.expose()) || self.secret_of_all(&stored.registration.events).is_some() {
            return false;
        }
        self.stored.get_mut(position).map(|stored| stored.registration.secret = secret).is_some()
    }

    /// The access tokens that were issued and have not expired, with the time that is left.
    pub fn issued_tokens(&self) -> impl Iterator<Item = (&Secret, Option<Duration>)> {
        self.tokens.valid()
    }

    /// Removes a registration, as the provider does of its own accord.
    pub fn remove(&mut self, id: &str) {
        self.stored.retain(|stored| stored.registration.id != id);
    }

    /// The error response to a call, with a note that says why it was refused.
    pub fn refuse(&mut self, call: &Call<'_>, reason: RefusalReason<'_>) -> Result<Answer, Broken> {
        let answer = match self.special.refuse(call, reason, &mut self.random) {
            // Another specification need not document the provider's form of errors.
            Err(_) if !crate::PROVIDERS.iter().any(|compiled| std::ptr::eq(*compiled, self.provider)) => {
                call.refuse_as_documented(reason.statuses())
            }
            answer => answer?,
        };
        Ok(answer.noted(&reason.to_string()))
    }

    /// Executes a call that is authenticated and matches the specification.
    pub fn handle(&mut self, call: &Call<'_>) -> Result<Answer, Broken> {
        if let Some(token) = self.special.revoked(call) {
            self.tokens.revoke(&token);
        }
        match self.tokens.answer(call, self.credentials.get(TOKEN)) {
            Some(Ok(answer)) => return Ok(answer),
            Some(Err(None)) => return self.refuse(call, RefusalReason::UnknownClient),
            Some(Err(Some(broken))) => return Err(broken),
            None => {}
        }
        if let Some(answer) = self.subscriptions(call) {
            return answer;
        }
        let withheld = match self.register_for_event(call) {
            Some(Err(refused)) => return refused,
            Some(Ok(withheld)) => Some(withheld),
            None => None,
        };
        let Some((task, documented)) = self.task(call) else {
            match self.special.answer(call) {
                Some(Ok(answer)) => return answer,
                Some(Err(reason)) => return self.refuse(call, reason),
                None => {}
            }
            let mut answer = call.answer_as_documented()?;
            if let Some(deliveries) = self.special.deliveries(call) {
                answer.body = deliveries.to_string();
            }
            answer.handshake = withheld;
            return Ok(answer);
        };
        let asked = asked(call, documented);
        let problems = self.objections(call, task, documented, &asked);
        if !problems.is_empty() {
            return self.refuse(call, RefusalReason::Invalid(&problems));
        }
        let position = match task {
            Task::List => {
                let shown: Vec<_> = self.stored.iter().filter(|it| self.concerns(call, it)).collect();
                return self.answer(call, documented, &shown);
            }
            Task::Create if self.is_taken(&asked) => return self.refuse(call, RefusalReason::Taken),
            Task::Create => self.create(call, &asked),
            Task::Get | Task::Update | Task::Delete => match self.position(call, &asked) {
                Some(position) => position,
                None => return self.refuse(call, RefusalReason::Unknown),
            },
        };
        let before = self.stored.get(position).cloned();
        match task {
            Task::Update if self.is_taken(&asked) => return self.refuse(call, RefusalReason::Taken),
            Task::Update => self.update(position, &asked),
            _ => {}
        }
        let shown: Vec<_> = self.stored.get(position).into_iter().collect();
        let mut answer = self.answer(call, documented, &shown)?;
        match task {
            Task::Create => answer.handshake = self.withhold_new(),
            Task::Update => answer.handshake = before.and_then(|before| self.withhold_change(position, before)),
            Task::Delete => drop(self.stored.remove(position)),
            Task::List | Task::Get => {}
        }
        Ok(answer)
    }

    /// Registers the URL in a call whose operation is for one event, or replaces that of an earlier call. Returns the
    /// registration if its receiver has to answer the handshake first, and a refusal if nothing can be delivered to the URL.
    fn register_for_event(&mut self, call: &Call<'_>) -> Option<Result<Registration, Result<Answer, Broken>>> {
        let mut body: Value = serde_json::from_str(call.body.trim_start_matches('\u{feff}')).ok()?;
        let (event, by) = self.provider.events.iter().find_map(|event| {
            let by = event.registered_by.as_ref()?;
            (by.operation == call.operation.id && by.is_asked(&body)).then_some((event.name, by))
        })?;
        let url = body.pointer(by.url)?.as_str()?.to_owned();
        if let Err(reason) = target(&url) {
            let problems = [problem(by.url, false, reason)];
            return Some(Err(self.refuse(call, RefusalReason::Invalid(&problems))));
        }
        remove(&mut body, by.url);
        let kept = Some(body.to_string());
        let position = self.stored.iter().position(|it| it.kept == kept && it.registration.events == [event]);
        let withheld = match position {
            Some(position) => {
                let before = self.stored.get(position)?.clone();
                self.stored.get_mut(position)?.registration.url = url;
                self.withhold_change(position, before)
            }
            None => {
                self.register(url, vec![event.to_owned()]);
                self.stored.last_mut()?.kept = kept;
                self.withhold_new()
            }
        };
        withheld.map(Ok)
    }

    /// What the call's operation does with registrations, and where it has their values.
    fn task(&self, call: &Call<'_>) -> Option<(Task, &'static RegistrationCall)> {
        let documented = self.provider.registration.as_ref()?;
        let tasks = [
            (Task::Create, Some(&documented.create)),
            (Task::List, documented.list.as_ref()),
            (Task::Get, documented.get.as_ref()),
            (Task::Update, documented.update.as_ref()),
            (Task::Delete, documented.delete.as_ref()),
        ];
        let tasks = tasks.into_iter().filter_map(|(task, documented)| Some((task, documented?)));
        tasks.into_iter().find(|(_, documented)| documented.operation == call.operation.id)
    }

    /// The reasons to refuse a registration: deliveries could never arrive or be verified, or the provider objects.
    fn objections(&self, call: &Call<'_>, task: Task, documented: &RegistrationCall, asked: &Values) -> Vec<Problem> {
        let mut problems = Vec::new();
        for (role, pointer) in &documented.request {
            let text = asked.get(role).and_then(Value::as_str);
            let reason = match (role, text) {
                (Role::Url, Some(url)) => target(url).err(),
                (Role::Url, None) if matches!(task, Task::Create) => Some("it is missing"),
                (Role::Secret, Some(secret)) if secret.chars().all(is_invisible) => Some("it is blank"),
                _ => None,
            };
            problems.extend(reason.map(|reason| problem(pointer, text.is_none(), reason)));
        }
        if matches!(task, Task::Create | Task::Update) && problems.is_empty() {
            problems.extend(self.special.objections(call, asked, &self.stored));
        }
        problems
    }

    /// Whether the URL is registered already, at a provider that does not use ids.
    fn is_taken(&self, asked: &Values) -> bool {
        let url = text(asked, Role::Url);
        !self.has_ids() && self.stored.iter().any(|stored| Some(stored.registration.url.as_str()) == url)
    }

    /// Whether any operation takes or returns an id.
    fn has_ids(&self) -> bool {
        let Some(documented) = &self.provider.registration else { return true };
        let others = [&documented.list, &documented.get, &documented.update, &documented.delete];
        let calls = iter::once(&documented.create).chain(others.into_iter().flatten());
        calls.into_iter().any(|call| {
            let mut roles = call.parameters.keys().chain(call.request.keys()).chain(call.answer.keys());
            roles.any(|role| *role == Role::Id)
        })
    }

    fn create(&mut self, call: &Call<'_>, asked: &Values) -> usize {
        let url = text(asked, Role::Url).unwrap_or_default().to_owned();
        let chosen = text(asked, Role::Secret).map(Secret::from);
        let secret = match self.provider.registration.as_ref().map(|documented| documented.secret) {
            Some(SecretOrigin::Answered) => self.make_secret(),
            Some(SecretOrigin::Account) => self.credentials.get(SECRET).cloned().unwrap_or_else(|| "".into()),
            Some(SecretOrigin::Chosen) | None => chosen.unwrap_or_else(|| "".into()),
        };
        let is_subscribed = self.provider.registration.as_ref().is_some_and(|it| it.subscriptions.is_some());
        let events = match events(asked).or_else(|| self.default_event()) {
            Some(events) => events,
            None if is_subscribed => Vec::new(),
            // If no operation chooses the events, they are chosen outside of these calls.
            None => self.provider.events.iter().map(|event| event.name.to_owned()).collect(),
        };
        let id = if self.has_ids() { self.make_id() } else { url.clone() };
        let active = asked.get(&Role::Active).is_none_or(is_on);
        let kept = self.special.keep(call);
        let registration = Registration { id, url, events, active, secret };
        self.stored.push(Stored { registration, kept, subscriptions: Vec::new(), by_call: true });
        self.stored.len() - 1
    }

    /// The default event of a registration that does not name one, from the schema of the request.
    fn default_event(&self) -> Option<Vec<String>> {
        Some(vec![self.provider.registered_event()?.get("default")?.as_str()?.to_owned()])
    }

    fn position(&self, call: &Call<'_>, asked: &Values) -> Option<usize> {
        let is_asked = |known: &Registration| match (text(asked, Role::Id), text(asked, Role::CurrentUrl)) {
            // Ids are UUIDs, which are case-insensitive.
            (Some(id), _) => known.id.eq_ignore_ascii_case(id),
            (None, Some(url)) => known.url == url,
            (None, None) => false,
        };
        self.stored.iter().position(|it| self.concerns(call, it) && is_asked(&it.registration))
    }

    /// Whether a registration belongs to those that a call is about.
    fn concerns(&self, call: &Call<'_>, stored: &Stored) -> bool {
        stored.by_call && self.special.concerns(call, stored)
    }

    /// Changes the requested values, and leaves the others.
    fn update(&mut self, position: usize, asked: &Values) {
        let has_ids = self.has_ids();
        let Some(Stored { registration, .. }) = self.stored.get_mut(position) else { return };
        if let Some(url) = text(asked, Role::Url) {
            registration.url = url.to_owned();
            if !has_ids {
                registration.id = url.to_owned();
            }
        }
        if let Some(events) = events(asked) {
            registration.events = events;
        }
        if let Some(secret) = text(asked, Role::Secret) {
            registration.secret = secret.into();
        }
        if let Some(active) = asked.get(&Role::Active) {
            registration.active = is_on(active);
        }
    }

    /// The documented success response: its example with the values of these registrations.
    fn answer(&self, call: &Call<'_>, documented: &RegistrationCall, shown: &[&Stored]) -> Result<Answer, Broken> {
        let in_numbers = in_numbers(call, documented);
        let values: Vec<_> = shown.iter().map(|stored| values(&stored.registration, in_numbers)).collect();
        let shown: Vec<_> = shown.iter().map(|stored| Shown { stored, subscription: None }).collect();
        self.answer_with(call, documented, &values, &shown)
    }

    /// The documented success response: its example with these values.
    pub(super) fn answer_with(
        &self,
        call: &Call<'_>,
        documented: &RegistrationCall,
        values: &[Values],
        shown: &[Shown<'_>],
    ) -> Result<Answer, Broken> {
        let mut answer = call.answer_as_documented()?;
        if documented.answer.is_empty() {
            return Ok(answer);
        }
        let mut body: Value = serde_json::from_str(&answer.body)?;
        documented.write_response(&mut body, values);
        self.special.complete(call, shown, &mut body);
        answer.body = body.to_string();
        Ok(answer)
    }

    /// Takes note of an event that is delivered.
    pub fn delivered(&mut self, event: &str, body: &str) {
        self.special.delivered(event, body);
    }

    /// The id of a new delivery, if the provider sends one.
    pub fn delivery_id(&mut self) -> String {
        self.delivered.id()
    }

    /// What a delivery is signed with that does not belong to any registration.
    pub fn wrong_secret(&mut self) -> Secret {
        let made = made_secret(self.provider, &mut self.delivered);
        made.private.unwrap_or(made.secret)
    }

    /// The headers of a delivery. Without a secret, or if the description does not say how to sign, there is no proof of
    /// origin among them.
    pub fn headers(&mut self, delivery: &Outgoing<'_>) -> Result<Vec<(&'static str, String)>, ReceiverError> {
        let Outgoing { registration, event, id, url, wrong_secret, body, documented_body, at } = *delivery;
        let mut headers = vec![("Content-Type", event.payload.media_type.to_owned())];
        if let Some(EventNamePlace::Header(name)) = self.provider.event_name {
            headers.push((name, event.name.to_owned()));
        }
        let verification = self.provider.verification_of(Some(event.name)).copied().filter(|it| {
            matches!(it, Verification::Signatures(_) | Verification::Keys(_))
                && !self.secret(registration, it.signature(None)).expose().is_empty()
        });
        if let Some(verification) = verification {
            let sent = sent_signatures(&verification, event.headers);
            let random = &mut self.delivered;
            add_signed_headers(&mut headers, &sent, event.headers, |header| {
                let value = header.and_then(|header| value_of(header, random));
                value.unwrap_or_else(|| random.token()).expose().to_owned()
            });
            let given: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
            let delivery = ToSign { url: Some(url), id: Some(id), headers: &given, body, at };
            let signed = by_each(&sent, |name| {
                let secret = wrong_secret.unwrap_or_else(|| self.secret(registration, verification.signature(name)));
                sign(&verification, name, secret, &delivery).or_else(|error| match error {
                    ReceiverError::Body(_) => {
                        sign(&verification, name, secret, &ToSign { body: documented_body, ..delivery })
                    }
                    error => Err(error),
                })
            })?;
            headers.extend(signed);
        }
        let others = self.special.headers(registration, &headers).into_iter();
        let is_new = |name: &str| !headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name));
        let others: Vec<_> = others.filter(|(name, _)| is_new(name)).collect();
        headers.extend(others);
        Ok(headers)
    }
}

/// Whether a receiver needs the secret for the handshake, so that it exists before any registration.
fn needs_secret(provider: &Provider) -> bool {
    let is_signed = matches!(provider.verification, Some(Verification::Signatures(_)));
    provider.handshake.is_some_and(|handshake| is_signed && handshake.is_verified() || handshake.mac.is_some())
}

/// The secret of a receiver. Its private key is added to the others.
fn kept(private_keys: &mut BTreeMap<String, Secret>, made: MadeSecret) -> Secret {
    let MadeSecret { secret, private } = made;
    private_keys.extend(private.map(|private| (secret.expose().to_owned(), private)));
    secret
}

/// The name of the account's token, which does not expire.
const TOKEN: &str = "token";

/// The name of the account's secret, at a provider whose registrations do not have secrets of their own.
const SECRET: &str = "secret";

/// The values of a registration in the path and the body of a call.
pub(super) fn asked(call: &Call<'_>, documented: &RegistrationCall) -> Values {
    let body = serde_json::from_str(call.body.trim_start_matches('\u{feff}')).unwrap_or_default();
    let mut asked = documented.read_request(&body);
    for (role, name) in &documented.parameters {
        asked.extend(call.parameters.get(*name).map(|value| (*role, Value::from(value.as_str()))));
    }
    asked
}

/// A problem of a member of the body.
pub(super) fn problem(pointer: &str, missing: bool, reason: &str) -> Problem {
    let name = pointer.trim_start_matches('/').to_owned();
    Problem { in_body: true, name, missing, reason: reason.to_owned() }
}

pub(super) fn text(values: &Values, role: Role) -> Option<&str> {
    values.get(&role).and_then(Value::as_str)
}

fn events(asked: &Values) -> Option<Vec<String>> {
    if let Some(event) = text(asked, Role::Event) {
        return Some(vec![event.to_owned()]);
    }
    let events = asked.get(&Role::Events)?.as_array()?;
    Some(events.iter().filter_map(Value::as_str).map(str::to_owned).collect())
}

/// Whether the documented response has a number for the active state of a registration.
pub(super) fn in_numbers(call: &Call<'_>, documented: &RegistrationCall) -> bool {
    let example = call.operation.success().and_then(|it| it.body.as_ref()?.examples.first());
    let example: Option<Value> = example.and_then(|example| serde_json::from_str(example.json).ok());
    let first = example.and_then(|example| documented.read_response(&example).into_iter().next());
    first.is_some_and(|values| values.get(&Role::Active).is_some_and(Value::is_number))
}

/// The values of a registration in responses, some of which have numbers instead of booleans.
pub(super) fn values(registration: &Registration, in_numbers: bool) -> Values {
    let Registration { id, url, events, active, secret } = registration;
    let active = if in_numbers { u8::from(*active).into() } else { (*active).into() };
    let mut values = Values::from([
        (Role::Id, id.as_str().into()),
        (Role::Url, url.as_str().into()),
        (Role::Events, events.as_slice().into()),
        (Role::Secret, secret.expose().into()),
        (Role::Active, active),
    ]);
    values.extend(events.first().map(|event| (Role::Event, event.as_str().into())));
    values
}

/// Whether a character is white space or has no width.
fn is_invisible(character: char) -> bool {
    character.is_whitespace() || matches!(character, '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}')
}
