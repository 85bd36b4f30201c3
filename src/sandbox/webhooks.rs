//! Registers, subscribes and deletes webhooks for a person or a test: with the provider's own operations where they are
//! documented, and as in its back office otherwise.

use reqwest::Url;
use serde_json::{Value, json};

use super::error::{ClientError, RegisterError};
use super::management::NOTE;
use super::registration::Registration;
use super::state::Inner;
use super::target::target;
use crate::Secret;
use crate::catalogue::{
    EventNamePlace, EventRegistration, Operation, Provider, RegistrationCall, Role, SecretOrigin, UnknownName, Values,
};
use crate::client::{AnyClient, Options};

/// The maximum length in bytes of the part of a response that an error quotes.
const MAX_QUOTED: usize = 500;

impl Inner {
    pub(super) fn any_client(&self, provider: &str) -> Result<AnyClient, ClientError> {
        let (account, provider) = (self.account(provider)?, self.provider(provider)?);
        let headers = provider.constant_headers().into_iter();
        let headers = headers.filter_map(|header| Some((header.name, account.header(header.name)?)));
        Ok(AnyClient::new(provider, &account.base_url, account.token(), headers, self.options())?)
    }

    /// Options that do not use the proxy that the environment may name.
    pub(super) fn options(&self) -> Options {
        Options::default().http_client(self.http.clone())
    }

    /// Registers the inbox for every event that it does not receive yet.
    pub(super) async fn receive_here(&self, name: &str) -> Result<Vec<Registration>, RegisterError> {
        let provider = self.provider(name)?;
        let at_inbox = || -> Vec<Registration> {
            let known = self.registrations(provider).into_iter();
            known.filter(|known| known.active && self.is_inbox(provider, &known.url)).collect()
        };
        let known = at_inbox();
        let is_missing = |name: &&str| !known.iter().any(|it| it.events.iter().any(|event| event == name));
        let missing = provider.events.iter().map(|event| event.name).filter(is_missing);
        let (registrable, others): (Vec<_>, Vec<_>) = missing.partition(|name| provider.registers(name));
        let base = self.inbox_url(provider);
        let subscribed = known.iter().find(|known| is_subscribed(provider) && self.is_by_call(provider, &known.id));
        match subscribed {
            Some(subscribed) => {
                self.subscribe(provider.name, &subscribed.id, &registrable).await?;
                self.register_below(provider, &base, &[], &others).await?;
            }
            None => self.register_below(provider, &base, &registrable, &others).await?,
        }
        Ok(at_inbox())
    }

    /// Registers a URL, and those below it where a registration is for one event, for events that the operation for registrations
    /// registers and for others.
    async fn register_below(
        &self,
        provider: &'static Provider,
        base: &str,
        registrable: &[&'static str],
        others: &[&'static str],
    ) -> Result<(), RegisterError> {
        if takes_one_event(provider) {
            for event in registrable {
                self.create(provider, &below(base, event), &[event], None).await?;
            }
        } else if !registrable.is_empty() {
            self.create(provider, base, registrable, None).await?;
        }
        let is_route = provider.event_name == Some(EventNamePlace::Route);
        if provider.registration.is_none() && !is_route && !others.is_empty() {
            self.register(provider.name, base, others).await?;
        } else {
            for event in others {
                self.register_others(provider, &below(base, event), &[event]).await?;
            }
        }
        Ok(())
    }

    /// Registers a URL for all events.
    pub(super) async fn register_for_all(&self, name: &str, url: &str) -> Result<Vec<Registration>, RegisterError> {
        let provider = self.provider(name)?;
        target(url).map_err(RegisterError::Url)?;
        let events = provider.events.iter().map(|event| event.name);
        let (registrable, others): (Vec<_>, Vec<_>) = events.partition(|name| provider.registers(name));
        self.register_below(provider, url, &registrable, &others).await?;
        let is_for = |known: &Registration| known.events.iter().any(|event| known.url == below(url, event));
        let registered = self.registrations(provider).into_iter();
        Ok(registered.filter(|known| known.url == url || is_for(known)).collect())
    }

    /// Registers a URL for these events; for all events if there are none. A secret that the caller chooses is a new one
    /// without `secret`.
    pub(super) async fn register_by_calls(
        &self,
        name: &str,
        url: &str,
        events: &[&str],
        secret: Option<&Secret>,
    ) -> Result<(), RegisterError> {
        let provider = self.provider(name)?;
        let known: Vec<_> = provider.events.iter().map(|event| event.name).collect();
        if let Some(unknown) = events.iter().find(|name| !known.contains(name)) {
            let unknown = UnknownName { provider: provider.name, name: (*unknown).to_owned(), known };
            return Err(RegisterError::Event(unknown));
        }
        let events = known.into_iter().filter(|name| events.is_empty() || events.contains(name));
        let (registrable, others): (Vec<_>, Vec<_>) = events.partition(|name| provider.registers(name));
        if takes_one_event(provider) {
            for event in registrable {
                self.create(provider, url, &[event], secret).await?;
            }
        } else if !registrable.is_empty() {
            self.create(provider, url, &registrable, secret).await?;
        }
        self.register_others(provider, url, &others).await
    }

    /// Subscribes a registration to these events, except those that it is subscribed to.
    pub(super) async fn subscribe(&self, name: &str, id: &str, events: &[&str]) -> Result<(), RegisterError> {
        let provider = self.provider(name)?;
        let calls = provider.registration.as_ref().and_then(|registration| registration.subscriptions.as_ref());
        let Some(calls) = calls else { return Ok(()) };
        let registration = self.registrations(provider).into_iter().find(|known| known.id == id);
        let registration = registration.ok_or_else(|| RegisterError::Registration(id.to_owned()))?;
        let offered = match &calls.events {
            Some(list) => self.list(provider, list).await?,
            None => events.iter().map(|event| Values::from([(Role::Event, json!(event))])).collect(),
        };
        for mut values in offered {
            let Some(event) = values.get(&Role::Event).and_then(Value::as_str) else { continue };
            if events.contains(&event) && !registration.events.iter().any(|known| known == event) {
                values.insert(Role::Registration, json!(id));
                self.call(provider, &calls.create, &values).await?;
            }
        }
        Ok(())
    }

    /// Deletes a registration.
    pub(super) async fn unregister(&self, name: &str, id: &str) -> Result<(), RegisterError> {
        let provider = self.provider(name)?;
        let registration = self.registrations(provider).into_iter().find(|known| known.id == id);
        let Registration { id, url, .. } = registration.ok_or_else(|| RegisterError::Registration(id.to_owned()))?;
        let delete = provider.registration.as_ref().and_then(|registration| registration.delete.as_ref());
        match delete {
            Some(delete) if self.is_by_call(provider, &id) => {
                let values = Values::from([(Role::Id, json!(id)), (Role::CurrentUrl, json!(url))]);
                self.call(provider, delete, &values).await?;
            }
            _ => {
                if let Ok(backend) = self.state().backends.find(provider) {
                    backend.remove(&id);
                }
                self.changed();
            }
        }
        Ok(())
    }

    fn is_by_call(&self, provider: &'static Provider, id: &str) -> bool {
        self.state().backends.find(provider).is_ok_and(|backend| backend.is_by_call(id))
    }

    /// Creates a registration with the provider's operation, and subscribes it to the events. A secret that the caller
    /// chooses is a new one without `secret`.
    async fn create(
        &self,
        provider: &'static Provider,
        url: &str,
        events: &[&str],
        secret: Option<&Secret>,
    ) -> Result<(), RegisterError> {
        let Some(calls) = &provider.registration else { return Ok(()) };
        let mut values =
            Values::from([(Role::Url, json!(url)), (Role::Events, json!(events)), (Role::Active, json!(true))]);
        values.extend(events.first().map(|event| (Role::Event, json!(event))));
        if calls.secret == SecretOrigin::Chosen {
            let new = || self.state().backends.find(provider).ok().map(|backend| backend.chosen_secret());
            let secret = secret.cloned().or_else(new);
            values.extend(secret.map(|secret| (Role::Secret, json!(secret.expose()))));
        }
        let answer = self.call(provider, &calls.create, &values).await?;
        if calls.subscriptions.is_some() {
            let answered =
                calls.create.read_response(&answer).into_iter().find_map(|mut values| values.remove(&Role::Id));
            let id = answered.and_then(|id| id.as_str().map(str::to_owned));
            let newest = || self.registrations(provider).into_iter().rev().find(|known| known.url == url);
            if let Some(id) = id.or_else(|| newest().map(|known| known.id)) {
                self.subscribe(provider.name, &id, events).await?;
            }
        }
        Ok(())
    }

    /// Registers a URL for events that the operation for registrations does not register.
    async fn register_others(
        &self,
        provider: &'static Provider,
        url: &str,
        events: &[&'static str],
    ) -> Result<(), RegisterError> {
        let mut in_back_office = Vec::new();
        for name in events {
            match provider.event(name).and_then(|event| event.registered_by.as_ref()) {
                Some(by) => self.register_for_event(provider, by, url).await?,
                None => in_back_office.push(*name),
            }
        }
        if !in_back_office.is_empty() {
            self.register(provider.name, url, &in_back_office).await?;
        }
        Ok(())
    }

    async fn register_for_event(
        &self,
        provider: &'static Provider,
        by: &EventRegistration,
        url: &str,
    ) -> Result<(), RegisterError> {
        let Some(operation) = provider.operation(by.operation) else { return Ok(()) };
        let body = by.example_body(provider, url).map(|body| body.to_string());
        self.send_call(provider, operation, Vec::new(), body.as_deref()).await?;
        Ok(())
    }

    /// The values in a list, with all its pages.
    async fn list(&self, provider: &'static Provider, list: &RegistrationCall) -> Result<Vec<Values>, RegisterError> {
        let Some(operation) = provider.operation(list.operation) else { return Ok(Vec::new()) };
        let mut found: Vec<Values> = Vec::new();
        for page in 1..=MAX_PAGES {
            let parameters = list.page.map(|name| (name, page.to_string())).into_iter().collect();
            let answer = self.send_call(provider, operation, parameters, None).await?;
            let listed = list.read_response(&answer);
            let is_last = list.page.is_none() || listed.is_empty() || listed.first() == found.first();
            if !(listed.first() == found.first() && page > 1) {
                found.extend(listed);
            }
            if is_last {
                break;
            }
        }
        Ok(found)
    }

    async fn call(
        &self,
        provider: &'static Provider,
        call: &RegistrationCall,
        values: &Values,
    ) -> Result<Value, RegisterError> {
        let Some(operation) = provider.operation(call.operation) else { return Ok(Value::Null) };
        let body = call.example_body(provider, values).map(|body| body.to_string());
        self.send_call(provider, operation, call.parameters(values), body.as_deref()).await
    }

    /// Calls an operation with these parameters, and with made values for the other required ones.
    async fn send_call(
        &self,
        provider: &'static Provider,
        operation: &'static Operation,
        mut parameters: Vec<(&'static str, String)>,
        body: Option<&str>,
    ) -> Result<Value, RegisterError> {
        let refused = |reason: String| RegisterError::Call { operation: operation.id, reason };
        let client = self.any_client(provider.name).map_err(|error| refused(error.to_string()))?;
        for parameter in operation.parameters().filter(|parameter| parameter.required) {
            if !parameters.iter().any(|(name, _)| *name == parameter.name) {
                parameters.extend(parameter.example().map(|value| (parameter.name, value)));
            }
        }
        let parameters: Vec<_> = parameters.iter().map(|(name, value)| (*name, value.as_str())).collect();
        match client.call(operation, &parameters, body).await {
            Ok(answer) => Ok(serde_json::from_slice(answer.body()).unwrap_or_default()),
            Err(error) => {
                if let (Some(status), Some(note)) = (error.status(), error.header(NOTE)) {
                    return Err(refused(format!("{status}: {note}")));
                }
                let quoted = error.body().get(..MAX_QUOTED).unwrap_or_else(|| error.body());
                let quoted = String::from_utf8_lossy(quoted);
                let cause = std::error::Error::source(&error).map_or_else(String::new, |cause| format!(": {cause}"));
                Err(refused(format!("{error}{cause} {quoted}").trim_end().to_owned()))
            }
        }
    }
}

/// The maximum number of pages of a list that are read.
const MAX_PAGES: usize = 100;

/// Whether a registration is for one event, which the request names.
pub(super) fn takes_one_event(provider: &Provider) -> bool {
    provider.registration.as_ref().is_some_and(|calls| calls.create.request.contains_key(&Role::Event))
}

/// Whether registrations are subscribed to events one at a time.
pub(super) fn is_subscribed(provider: &Provider) -> bool {
    provider.registration.as_ref().is_some_and(|calls| calls.subscriptions.is_some())
}

/// A URL with one more segment.
fn below(url: &str, segment: &str) -> String {
    let Ok(mut below) = Url::parse(url) else { return format!("{url}/{segment}") };
    if let Ok(mut segments) = below.path_segments_mut() {
        segments.push(segment);
    }
    below.into()
}
