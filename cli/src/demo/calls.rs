//! Calls the operations that manage registrations, according to the description.

use std::collections::BTreeMap;
use std::error::Error;

use pos_webhooks::Secret;
use pos_webhooks::catalogue::{
    Event, Operation, Provider, RegistrationCall, RegistrationCalls, Role, SecretOrigin, TokenGrant, Values,
};
use pos_webhooks::client::{AccessToken, AnyAnswer, AnyClient, Options, Token, http_client};
use pos_webhooks::sandbox::Sandbox;
use serde_json::{Value, json};

/// A registered webhook.
#[derive(Clone)]
pub struct Webhook {
    pub url: String,
    pub events: Vec<&'static str>,
    pub secret: Secret,
    /// Whether the operations of the provider list, change and delete it.
    pub managed: bool,
    /// Whether an operation registered it.
    pub by_call: bool,
    values: Values,
}

impl Webhook {
    /// Whether these are the values of this webhook in a list: its URL or, if the list does not have URLs, its id.
    pub fn is_listed_as(&self, listed: &Values) -> bool {
        match listed.get(&Role::Url) {
            Some(url) => *url == *self.url,
            None => listed.get(&Role::Id).is_some_and(|id| self.values.get(&Role::Id) == Some(id)),
        }
    }
}

/// The reason why a step did not succeed.
#[derive(Debug)]
pub enum Miss {
    /// The provider does not document what the step needs, for this reason.
    Undocumented(String),
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

/// The secret for providers that let the caller choose one. It is valid as text, hexadecimal and Base64.
const CHOSEN: &str = "c0ffee00c0ffee00c0ffee00c0ffee00";

/// Manages the webhooks of one provider in the sandbox.
pub struct Calls<'a> {
    provider: &'static Provider,
    sandbox: &'a Sandbox,
    client: AnyClient,
    /// The secret of the account, if no operation returns a secret.
    account_secret: Option<Secret>,
}

impl<'a> Calls<'a> {
    pub fn new(provider: &'static Provider, sandbox: &'a Sandbox) -> Result<Self, Miss> {
        let account_secret = sandbox.account(provider.name)?.credentials.get("secret").cloned();
        Ok(Self { provider, sandbox, client: client(provider, sandbox)?, account_secret })
    }

    /// The secret that is known before a registration: that of the account, or the chosen one.
    pub fn known_secret(&self) -> Option<Secret> {
        let chosen = self.provider.registration.as_ref().filter(|calls| calls.secret == SecretOrigin::Chosen);
        self.account_secret.clone().or_else(|| chosen.map(|_| CHOSEN.into()))
    }

    /// The token that the provider sends when it checks a URL.
    pub fn verify_token(&self) -> Result<Option<Secret>, Miss> {
        Ok(self.sandbox.account(self.provider.name)?.credentials.get("verify_token").cloned())
    }

    /// Requests the token for the other operations, and returns it with the operation that issued it.
    pub async fn token(&self) -> Result<(&'static str, AccessToken), Miss> {
        let grant = grant(self.provider).ok_or_else(without_operation)?;
        let token = self.client.access_token().await.map_err(|error| Miss::of(&*error))?;
        Ok((grant.operation, token))
    }

    /// Registers webhooks at or below a URL, so that every event is delivered to one of them.
    pub async fn register(&self, url: &str) -> Result<Vec<Webhook>, Miss> {
        let Some(registration) = &self.provider.registration else {
            let registered = self.sandbox.register(self.provider.name, url, &[]).await?;
            let events = self.provider.events.iter().map(|event| event.name).collect();
            let (url, secret) = (registered.url, registered.secret);
            return Ok(vec![Webhook { url, events, secret, managed: true, by_call: false, values: Values::new() }]);
        };
        let create = &registration.create;
        let names = self.provider.events.iter().map(|event| event.name);
        let (names, others): (Vec<_>, Vec<_>) = names.partition(|name| self.provider.registers(name));
        let mut webhooks = Vec::new();
        if create.request.contains_key(&Role::Event) {
            for name in names {
                webhooks.push(self.create(create, &format!("{url}/{name}"), vec![name]).await?);
            }
        } else {
            webhooks.push(self.create(create, url, names).await?);
        }
        for name in others {
            webhooks.push(self.register_separately(&format!("{url}/{name}"), name).await?);
        }
        Ok(webhooks)
    }

    /// Registers a URL for an event with the operation of that event or, without one, as in the back office.
    async fn register_separately(&self, url: &str, name: &'static str) -> Result<Webhook, Miss> {
        let by = self.provider.event(name).and_then(|event| event.registered_by.as_ref());
        let registered = match by {
            None => self.sandbox.register(self.provider.name, url, &[name]).await?,
            Some(by) => {
                let operation = self.provider.operation(by.operation).ok_or_else(without_operation)?;
                let body = by.example_body(self.provider, url).map(|body| body.to_string());
                self.send(operation, Vec::new(), body.as_deref()).await?;
                let registrations = self.sandbox.registrations(self.provider.name)?;
                let registered = registrations.into_iter().find(|registration| registration.url == url);
                registered.ok_or_else(|| Miss::Failed(format!("`{}` did not register its URL", by.operation)))?
            }
        };
        let (url, events, secret, by_call) = (registered.url, vec![name], registered.secret, by.is_some());
        Ok(Webhook { url, events, secret, managed: false, by_call, values: Values::new() })
    }

    async fn create(
        &self,
        create: &'static RegistrationCall,
        url: &str,
        events: Vec<&'static str>,
    ) -> Result<Webhook, Miss> {
        let origin = self.provider.registration.as_ref().map(|registration| registration.secret);
        let mut values =
            Values::from([(Role::Url, json!(url)), (Role::Events, json!(events)), (Role::Active, json!(true))]);
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
        let secret = secret.ok_or_else(|| Miss::Failed("no response contains the secret".to_owned()))?;
        let mut webhook = Webhook { url: url.to_owned(), events, secret, managed: true, by_call: true, values };
        if !webhook.values.contains_key(&Role::Id)
            && self.documented(|registration| registration.list.as_ref()).is_ok_and(has_ids_and_urls)
        {
            let listed = self.list().await?.into_iter().find(|listed| webhook.is_listed_as(listed));
            webhook.values.extend(listed.and_then(|mut listed| listed.remove_entry(&Role::Id)));
        }
        if !create.request.contains_key(&Role::Events) && !create.request.contains_key(&Role::Event) {
            self.read_events(&mut webhook).await?;
        }
        Ok(webhook)
    }

    /// Subscribes a webhook to every event of the account, and returns their number.
    pub async fn subscribe(&self, webhook: &mut Webhook) -> Result<usize, Miss> {
        let calls = self.provider.registration.as_ref().and_then(|registration| registration.subscriptions.as_ref());
        let calls = calls.ok_or_else(without_operation)?;
        let events = match &calls.events {
            Some(events) => events.answered(&self.call(events, &Values::new()).await?),
            None => self.provider.events.iter().map(|event| Values::from([(Role::Event, json!(event.name))])).collect(),
        };
        let registration = webhook.values.get(&Role::Id).cloned().unwrap_or_default();
        for event in &events {
            let mut values = event.clone();
            values.insert(Role::Registration, registration.clone());
            self.call(&calls.create, &values).await?;
        }
        self.read_events(webhook).await?;
        Ok(events.len())
    }

    /// Reads the events of a registration that was created without naming any, if an operation returns them.
    async fn read_events(&self, webhook: &mut Webhook) -> Result<(), Miss> {
        let registration = self.provider.registration.as_ref();
        let get = registration.and_then(|registration| registration.get.as_ref());
        let Some(get) = get.filter(|get| get.answer.contains_key(&Role::Events)) else { return Ok(()) };
        let answer = self.call(get, &webhook.values).await?;
        let events = get.answered(&answer).into_iter().find_map(|mut values| values.remove(&Role::Events));
        let names = self.provider.events.iter().map(|event| event.name);
        webhook.events = names.filter(|name| events.iter().any(|events| has(events, name))).collect();
        Ok(())
    }

    /// The values of the listed registrations.
    pub async fn list(&self) -> Result<Vec<Values>, Miss> {
        let list = self.documented(|registration| registration.list.as_ref())?;
        let answer = self.call(list, &Values::new()).await?;
        Ok(list.answered(&answer))
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

    /// Calls the first operation that reports what became of an event, with the example of its request.
    pub async fn follow_up(&self, event: &Event) -> Result<&'static str, Miss> {
        let operation = event.follow_up.first().and_then(|id| self.provider.operation(id));
        let operation = operation.ok_or_else(without_operation)?;
        let body = operation.request.as_ref().and_then(|body| body.examples.first());
        self.send(operation, Vec::new(), body.map(|example| example.json)).await?;
        Ok(operation.id)
    }

    fn documented(
        &self,
        call: impl FnOnce(&'static RegistrationCalls) -> Option<&'static RegistrationCall>,
    ) -> Result<&'static RegistrationCall, Miss> {
        self.provider.registration.as_ref().and_then(call).ok_or_else(without_operation)
    }

    async fn call(&self, call: &RegistrationCall, values: &Values) -> Result<Value, Miss> {
        let operation = self.provider.operation(call.operation).ok_or_else(without_operation)?;
        let body = call.example_body(self.provider, values).map(|body| body.to_string());
        let answer = self.send(operation, call.parameters(values), body.as_deref()).await?;
        Ok(serde_json::from_slice(answer.body()).unwrap_or_default())
    }

    /// Calls an operation with these parameters, and with made values for the other required ones.
    async fn send(
        &self,
        operation: &'static Operation,
        mut parameters: Vec<(&'static str, String)>,
        body: Option<&str>,
    ) -> Result<AnyAnswer, Miss> {
        for parameter in operation.parameters().filter(|parameter| parameter.required) {
            if !parameters.iter().any(|(name, _)| *name == parameter.name) {
                parameters.extend(parameter.example().map(|value| (parameter.name, value)));
            }
        }
        let parameters: Vec<_> = parameters.iter().map(|(name, value)| (*name, value.as_str())).collect();
        Ok(self.client.call(operation, &parameters, body).await?)
    }
}

/// The operation that issues tokens for the credentials of a client.
fn grant(provider: &'static Provider) -> Option<&'static TokenGrant> {
    provider.grants().first()
}

/// A client that requests its tokens, if an operation issues them.
fn client(provider: &'static Provider, sandbox: &Sandbox) -> Result<AnyClient, Miss> {
    let Some(grant) = grant(provider) else { return Ok(sandbox.any_client(provider.name)?) };
    let account = sandbox.account(provider.name)?;
    let credential = |name: &'static str| Some((name, account.credentials.get(name)?.clone()));
    let token = Token::from_client(grant.credentials.iter().filter_map(|it| credential(it.name)));
    let headers = provider.operations.iter().flat_map(|operation| operation.headers).filter(|header| header.constant);
    let headers: BTreeMap<_, _> = headers
        .filter_map(|header| Some((header.name, account.credentials.get(&header.credential_name())?.clone())))
        .collect();
    let options = Options::default().http_client(http_client()?.no_proxy().build()?);
    Ok(AnyClient::new(provider, &account.base_url, token, headers, options)?)
}

fn without_operation() -> Miss {
    Miss::Undocumented("no operation is documented".to_owned())
}

fn has_ids_and_urls(list: &RegistrationCall) -> bool {
    [Role::Id, Role::Url].iter().all(|role| list.answer.contains_key(role))
}

fn has(events: &Value, name: &str) -> bool {
    events.as_array().into_iter().flatten().any(|event| event == name)
}
