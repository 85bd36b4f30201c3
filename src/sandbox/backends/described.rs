//! A provider as its description says: registrations, credentials and deliveries.

use std::collections::BTreeMap;
use std::iter;

use serde::Serialize;
use serde_json::Value;

use super::Special;
use super::account::{constant_headers, credential_name, made_secret, value_of};
use crate::Secret;
use crate::catalogue::{
    Event, EventNamePlace, Part, Provider, RegistrationCall, Role, SecretOrigin, Values, Verification,
};
use crate::sandbox::call::{Answer, Broken, Call, Problem, Reason};
use crate::sandbox::delivery::target;
use crate::sandbox::random::Random;
use crate::verify::{ReceiverError, ToSign, sign};

/// A webhook that is registered with the sandbox.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Registration {
    /// Its id; the URL where the provider knows no id.
    pub id: String,
    /// Where it delivers to, as it was registered.
    pub url: String,
    /// The names of the events that it gets.
    pub events: Vec<String>,
    /// Whether it is switched on.
    pub active: bool,
    /// What its deliveries are signed with; empty where the caller chose none, so that they are not signed.
    pub secret: Secret,
}

/// A registration as it is kept.
pub(in crate::sandbox) struct Stored {
    pub registration: Registration,
    /// What [`Special::keep`] gave for it.
    pub kept: Option<String>,
}

/// A delivery before it has headers.
pub(in crate::sandbox) struct Outgoing<'a> {
    pub registration: &'a Registration,
    pub event: &'static Event,
    /// The same for every attempt at the delivery.
    pub id: &'a str,
    /// As it is requested.
    pub url: &'a str,
    pub secret: &'a Secret,
    pub body: &'a [u8],
    pub at: jiff::Timestamp,
}

/// One simulated provider.
pub(in crate::sandbox) struct Backend {
    pub provider: &'static Provider,
    special: Box<dyn Special>,
    /// What a client or a receiver needs, by name.
    pub credentials: BTreeMap<String, Secret>,
    stored: Vec<Stored>,
    random: Random,
    /// For deliveries, which do not change what calls get.
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
    pub fn new(provider: &'static Provider, special: Box<dyn Special>, seed: u64) -> Self {
        let mut random = Random::new(seed, provider.name);
        let mut credentials = BTreeMap::new();
        if provider.credential.is_some() {
            credentials.insert("token".to_owned(), random.token());
        }
        for header in constant_headers(provider) {
            let name = credential_name(header.name);
            let own = special.constants().iter().find(|(known, _)| *known == name);
            let value = own.map(|(_, value)| Secret::from(*value)).or_else(|| value_of(header, &mut random));
            credentials.extend(value.map(|value| (name, value)));
        }
        let is_of_account = match &provider.registration {
            Some(registration) => registration.secret == SecretOrigin::Account,
            None => matches!(provider.verification, Some(Verification::Keys(_))),
        };
        if is_of_account {
            credentials.insert(SECRET.to_owned(), made_secret(provider, &mut random));
        }
        let delivered = Random::new(seed, &format!("deliveries of {}", provider.name));
        Self { provider, special, credentials, stored: Vec::new(), random, delivered }
    }

    pub fn registrations(&self) -> Vec<Registration> {
        self.stored.iter().map(|stored| stored.registration.clone()).collect()
    }

    /// Registers as in the back office of a provider that documents no operation for it.
    pub fn register(&mut self, url: String, events: Vec<String>) -> Registration {
        let secret = self.credentials.get(SECRET).cloned();
        let secret = secret.unwrap_or_else(|| made_secret(self.provider, &mut self.random));
        let registration = Registration { id: self.random.id(), url, events, active: true, secret };
        self.stored.push(Stored { registration: registration.clone(), kept: None });
        registration
    }

    /// The refusal of a call, with a note that says why.
    pub fn refuse(&mut self, call: &Call<'_>, reason: Reason<'_>) -> Result<Answer, Broken> {
        let answer = self.special.refuse(call, reason, &mut self.random)?;
        Ok(answer.noted(&reason.to_string()))
    }

    /// Executes a call that is authenticated and keeps to the specification.
    pub fn handle(&mut self, call: &Call<'_>) -> Result<Answer, Broken> {
        let Some((task, documented)) = self.task(call) else { return call.answer_as_documented() };
        let asked = asked(call, documented);
        let problems = self.objections(call, task, documented, &asked);
        if !problems.is_empty() {
            return self.refuse(call, Reason::Invalid(&problems));
        }
        let position = match task {
            Task::List => {
                let shown: Vec<_> = self.stored.iter().filter(|it| self.special.concerns(call, it)).collect();
                return self.answer(call, documented, &shown);
            }
            Task::Create if self.is_taken(&asked) => return self.refuse(call, Reason::Taken),
            Task::Create => self.create(call, documented, &asked),
            Task::Get | Task::Update | Task::Delete => match self.position(call, &asked) {
                Some(position) => position,
                None => return self.refuse(call, Reason::Unknown),
            },
        };
        match task {
            Task::Update if self.is_taken(&asked) => return self.refuse(call, Reason::Taken),
            Task::Update => self.update(position, &asked),
            _ => {}
        }
        let shown: Vec<_> = self.stored.get(position).into_iter().collect();
        let answer = self.answer(call, documented, &shown);
        if matches!(task, Task::Delete) {
            self.stored.remove(position);
        }
        answer
    }

    /// What the call's operation does with registrations, and where it has what.
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

    /// Why nothing could ever be delivered or verified by what is asked for, and what the provider itself objects to.
    fn objections(&self, call: &Call<'_>, task: Task, documented: &RegistrationCall, asked: &Values) -> Vec<Problem> {
        let problem = |pointer: &str, missing, reason: &str| Problem {
            in_body: true,
            name: pointer.trim_start_matches('/').to_owned(),
            missing,
            reason: reason.to_owned(),
        };
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

    /// Where the provider knows no ids, a URL is registered once.
    fn is_taken(&self, asked: &Values) -> bool {
        let url = text(asked, Role::Url);
        !self.has_ids() && self.stored.iter().any(|stored| Some(stored.registration.url.as_str()) == url)
    }

    /// Whether any call names or reports an id.
    fn has_ids(&self) -> bool {
        let Some(documented) = &self.provider.registration else { return true };
        let others = [&documented.list, &documented.get, &documented.update, &documented.delete];
        let calls = iter::once(&documented.create).chain(others.into_iter().flatten());
        calls.into_iter().any(|call| {
            let mut roles = call.parameters.keys().chain(call.request.keys()).chain(call.answer.keys());
            roles.any(|role| *role == Role::Id)
        })
    }

    fn create(&mut self, call: &Call<'_>, documented: &RegistrationCall, asked: &Values) -> usize {
        let url = text(asked, Role::Url).unwrap_or_default().to_owned();
        let chosen = text(asked, Role::Secret).map(Secret::from);
        let secret = match self.provider.registration.as_ref().map(|documented| documented.secret) {
            Some(SecretOrigin::Answered) => made_secret(self.provider, &mut self.random),
            Some(SecretOrigin::Account) => self.credentials.get(SECRET).cloned().unwrap_or_else(|| "".into()),
            Some(SecretOrigin::Chosen) | None => chosen.unwrap_or_else(|| "".into()),
        };
        let events = events(asked).or_else(|| self.default_event(call, documented)).unwrap_or_else(|| {
            // Where no call chooses them, they are chosen elsewhere.
            self.provider.events.iter().map(|event| event.name.to_owned()).collect()
        });
        let id = if self.has_ids() { self.random.id() } else { url.clone() };
        let active = asked.get(&Role::Active).is_none_or(is_on);
        let kept = self.special.keep(call);
        self.stored.push(Stored { registration: Registration { id, url, events, active, secret }, kept });
        self.stored.len() - 1
    }

    /// The event of a registration that names none, by the schema of the request.
    fn default_event(&self, call: &Call<'_>, documented: &RegistrationCall) -> Option<Vec<String>> {
        let pointer = documented.request.get(&Role::Event)?;
        let schema = self.provider.json_schema(call.operation.request.as_ref()?.schema).ok()?;
        let mut member = resolved(&schema, &schema);
        for token in pointer.split('/').skip(1) {
            member = resolved(&schema, member.get("properties")?.get(token)?);
        }
        Some(vec![member.get("default")?.as_str()?.to_owned()])
    }

    fn position(&self, call: &Call<'_>, asked: &Values) -> Option<usize> {
        let is_asked = |known: &Registration| match (text(asked, Role::Id), text(asked, Role::CurrentUrl)) {
            // Ids are UUIDs, in which case does not count.
            (Some(id), _) => known.id.eq_ignore_ascii_case(id),
            (None, Some(url)) => known.url == url,
            (None, None) => false,
        };
        self.stored.iter().position(|it| self.special.concerns(call, it) && is_asked(&it.registration))
    }

    /// Changes what is asked for, and leaves the rest.
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

    /// The documented success, with the values of these registrations in its example.
    fn answer(&self, call: &Call<'_>, documented: &RegistrationCall, shown: &[&Stored]) -> Result<Answer, Broken> {
        let mut answer = call.answer_as_documented()?;
        if documented.answer.is_empty() {
            return Ok(answer);
        }
        let mut body: Value = serde_json::from_str(&answer.body)?;
        let is_number = |values: &Values| values.get(&Role::Active).is_some_and(Value::is_number);
        let in_numbers = documented.answered(&body).first().is_some_and(is_number);
        let values: Vec<_> = shown.iter().map(|stored| values(&stored.registration, in_numbers)).collect();
        documented.answer(&mut body, &values);
        self.special.complete(call, shown, &mut body);
        answer.body = body.to_string();
        Ok(answer)
    }

    /// What identifies a new delivery, where the provider says it.
    pub fn delivery_id(&mut self) -> String {
        self.delivered.id()
    }

    /// A secret that is not the one of any registration.
    pub fn wrong_secret(&mut self) -> Secret {
        made_secret(self.provider, &mut self.delivered)
    }

    /// The headers of a delivery. Without a secret, or where the description says no proof, it has none.
    pub fn headers(&mut self, delivery: &Outgoing<'_>) -> Result<Vec<(&'static str, String)>, ReceiverError> {
        let Outgoing { registration, event, id, url, secret, body, at } = *delivery;
        let mut headers = vec![("Content-Type", event.payload.media_type.to_owned())];
        if let Some(EventNamePlace::Header(name)) = self.provider.event_name {
            headers.push((name, event.name.to_owned()));
        }
        let verification = self.provider.verification.filter(|it| {
            matches!(it, Verification::Signatures(_) | Verification::Keys(_))
                && !registration.secret.expose().is_empty()
        });
        if let Some(verification) = verification {
            for name in signed_headers(&verification) {
                if !headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name)) {
                    let described = event.headers.iter().find(|it| it.name.eq_ignore_ascii_case(name));
                    let value = described.and_then(|header| value_of(header, &mut self.delivered));
                    let value = value.unwrap_or_else(|| self.delivered.token());
                    headers.push((name, value.expose().to_owned()));
                }
            }
            let given: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
            let delivery = ToSign { url: Some(url), id: Some(id), headers: &given, body, at };
            headers.extend(sign(&verification, None, secret, &delivery)?);
        }
        headers.extend(self.special.headers(registration, &headers));
        Ok(headers)
    }
}

/// The name of the account's secret, where registrations have none of their own.
const SECRET: &str = "secret";

/// The headers that are signed beside those that belong to the signature.
fn signed_headers(verification: &Verification) -> Vec<&'static str> {
    let signed = verification.signature(None).and_then(|signature| signature.signed.first()).copied();
    let header = |part: &Part| match part {
        Part::Header(name) => Some(*name),
        _ => None,
    };
    signed.unwrap_or_default().iter().filter_map(header).collect()
}

/// What a call says of a registration, in its path and its body.
fn asked(call: &Call<'_>, documented: &RegistrationCall) -> Values {
    let body = serde_json::from_str(call.body.trim_start_matches('\u{feff}')).unwrap_or_default();
    let mut asked = documented.requested(&body);
    for (role, name) in &documented.parameters {
        asked.extend(call.parameters.get(*name).map(|value| (*role, Value::from(value.as_str()))));
    }
    asked
}

fn text(values: &Values, role: Role) -> Option<&str> {
    values.get(&role).and_then(Value::as_str)
}

fn events(asked: &Values) -> Option<Vec<String>> {
    if let Some(event) = text(asked, Role::Event) {
        return Some(vec![event.to_owned()]);
    }
    let events = asked.get(&Role::Events)?.as_array()?;
    Some(events.iter().filter_map(Value::as_str).map(str::to_owned).collect())
}

fn is_on(active: &Value) -> bool {
    !matches!(active, Value::Bool(false)) && active.as_f64() != Some(0.0)
}

/// What answers say of a registration; some have numbers for truth values.
fn values(registration: &Registration, in_numbers: bool) -> Values {
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

/// The schema that a schema refers to.
fn resolved<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    let reference = schema.get("$ref").or_else(|| schema.pointer("/allOf/0/$ref")).and_then(Value::as_str);
    let target = reference.and_then(|target| document.pointer(target.strip_prefix('#')?));
    target.unwrap_or(schema)
}

/// White space, and characters that take no place.
fn is_invisible(character: char) -> bool {
    character.is_whitespace() || matches!(character, '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}')
}
