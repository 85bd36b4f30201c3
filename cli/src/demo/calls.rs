//! The calls that manage registrations, made as the description says.

use std::error::Error;

use pos_webhooks::Secret;
use pos_webhooks::catalogue::{Operation, Provider, RegistrationCall, Role, SecretOrigin, Values};
use pos_webhooks::client::AnyClient;
use pos_webhooks::sandbox::Sandbox;
use serde_json::{Value, json};

/// A webhook as it is registered.
#[derive(Clone)]
pub struct Webhook {
    pub url: String,
    pub events: Vec<&'static str>,
    pub secret: Secret,
    values: Values,
}

/// Why a step was not done.
#[derive(Debug)]
pub enum Miss {
    /// The provider documents no such call.
    Undocumented,
    Failed(String),
}

impl Miss {
    pub fn of(error: &dyn Error) -> Self {
        let (mut text, mut cause) = (error.to_string(), error.source());
        while let Some(error) = cause {
            text += &format!(": {error}");
            cause = error.source();
        }
        Self::Failed(text)
    }
}

impl<E: Error> From<E> for Miss {
    fn from(error: E) -> Self {
        Self::of(&error)
    }
}

/// Chosen where a provider lets the caller choose. It is text, hexadecimal and Base64, whichever the key is made from.
const CHOSEN: &str = "c0ffee00c0ffee00c0ffee00c0ffee00";

/// What manages the webhooks of one provider in the sandbox.
pub struct Calls<'a> {
    provider: &'static Provider,
    sandbox: &'a Sandbox,
    client: AnyClient,
    /// Of an account whose secret no call reports.
    account_secret: Option<Secret>,
}

impl<'a> Calls<'a> {
    pub fn new(provider: &'static Provider, sandbox: &'a Sandbox) -> Result<Self, Miss> {
        let account_secret = sandbox.account(provider.name)?.credentials.get("secret").cloned();
        Ok(Self { provider, sandbox, client: sandbox.any_client(provider.name)?, account_secret })
    }

    /// Registers webhooks at or below a URL, so that every event goes to one of them.
    pub async fn register(&self, url: &str) -> Result<Vec<Webhook>, Miss> {
        let Some(registration) = &self.provider.registration else {
            let registered = self.sandbox.register(self.provider.name, url, &[])?;
            let events = self.provider.events.iter().map(|event| event.name).collect();
            let (url, secret) = (registered.url, registered.secret);
            return Ok(vec![Webhook { url, events, secret, values: Values::new() }]);
        };
        let create = &registration.create;
        let names: Vec<_> = self.provider.events.iter().map(|event| event.name).collect();
        let mut webhooks = Vec::new();
        if create.request.contains_key(&Role::Event) {
            for name in names {
                webhooks.push(self.create(create, &format!("{url}/{name}"), vec![name]).await?);
            }
        } else {
            webhooks.push(self.create(create, url, names).await?);
        }
        Ok(webhooks)
    }

    async fn create(
        &self,
        create: &'static RegistrationCall,
        url: &str,
        events: Vec<&'static str>,
    ) -> Result<Webhook, Miss> {
        let origin = self.provider.registration.as_ref().map(|registration| registration.secret);
        let mut values = Values::from([(Role::Url, json!(url)), (Role::Events, json!(events))]);
        values.extend(events.first().map(|event| (Role::Event, json!(event))));
        if origin == Some(SecretOrigin::Chosen) {
            values.insert(Role::Secret, json!(CHOSEN));
        }
        let answer = self.call(create, &values).await?;
        values.extend(create.answered(&answer).into_iter().flatten());
        let secret = match origin {
            Some(SecretOrigin::Account) => self.account_secret.clone(),
            _ => values.get(&Role::Secret).and_then(Value::as_str).map(Secret::from),
        };
        let secret = secret.ok_or_else(|| Miss::Failed("no answer has the secret".to_owned()))?;
        let mut webhook = Webhook { url: url.to_owned(), events, secret, values };
        if !create.request.contains_key(&Role::Events) && !create.request.contains_key(&Role::Event) {
            webhook.events = self.subscribed(&webhook).await?;
        }
        Ok(webhook)
    }

    /// The events that a registration gets which was created without naming any.
    async fn subscribed(&self, webhook: &Webhook) -> Result<Vec<&'static str>, Miss> {
        let get = self.documented(|registration| registration.get.as_ref())?;
        let answer = self.call(get, &webhook.values).await?;
        let events = get.answered(&answer).into_iter().find_map(|mut values| values.remove(&Role::Events));
        let names = self.provider.events.iter().map(|event| event.name);
        Ok(names.filter(|name| events.iter().any(|events| has(events, name))).collect())
    }

    /// The URLs that are registered.
    pub async fn list(&self) -> Result<Vec<String>, Miss> {
        let list = self.documented(|registration| registration.list.as_ref())?;
        let answer = self.call(list, &Values::new()).await?;
        let urls = list.answered(&answer).into_iter().filter_map(|mut values| values.remove(&Role::Url));
        Ok(urls.filter_map(|url| url.as_str().map(str::to_owned)).collect())
    }

    /// Moves a webhook to another URL.
    pub async fn update(&self, webhook: &Webhook, url: &str) -> Result<Webhook, Miss> {
        let update = self.documented(|registration| registration.update.as_ref())?;
        let mut webhook = webhook.clone();
        webhook.values.insert(Role::CurrentUrl, json!(webhook.url));
        webhook.values.insert(Role::Url, json!(url));
        self.call(update, &webhook.values).await?;
        webhook.url = url.to_owned();
        Ok(webhook)
    }

    pub async fn delete(&self, webhook: &Webhook) -> Result<(), Miss> {
        let delete = self.documented(|registration| registration.delete.as_ref())?;
        let mut values = webhook.values.clone();
        values.insert(Role::CurrentUrl, json!(webhook.url));
        self.call(delete, &values).await?;
        Ok(())
    }

    fn documented(
        &self,
        call: impl FnOnce(&'static pos_webhooks::catalogue::Registration) -> Option<&'static RegistrationCall>,
    ) -> Result<&'static RegistrationCall, Miss> {
        self.provider.registration.as_ref().and_then(call).ok_or(Miss::Undocumented)
    }

    async fn call(&self, call: &RegistrationCall, values: &Values) -> Result<Value, Miss> {
        let operation = self.provider.operation(call.operation).ok_or(Miss::Undocumented)?;
        let mut values = values.clone();
        if let Some(Value::Bool(active)) = values.get(&Role::Active).filter(|_| has_numbers(operation, call)) {
            values.insert(Role::Active, json!(u8::from(*active)));
        }
        let parameters = call.parameters(&values);
        let parameters: Vec<_> = parameters.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let body = call.body(&values).map(|body| body.to_string());
        let answer = self.client.call(operation, &parameters, body.as_deref()).await?;
        Ok(serde_json::from_slice(answer.body()).unwrap_or_default())
    }
}

/// Whether requests say with a number whether a registration is switched on, which answers may say with a boolean.
fn has_numbers(operation: &Operation, call: &RegistrationCall) -> bool {
    let examples = operation.request.iter().flat_map(|body| body.examples);
    let mut examples = examples.filter_map(|example| serde_json::from_str(example.json).ok());
    examples.any(|example| call.requested(&example).get(&Role::Active).is_some_and(Value::is_number))
}

fn has(events: &Value, name: &str) -> bool {
    events.as_array().into_iter().flatten().any(|event| event == name)
}
