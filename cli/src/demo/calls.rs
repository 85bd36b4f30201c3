//! Calls the operations that manage registrations, according to the description.

use std::collections::BTreeMap;
use std::error::Error;

use pos_webhooks::catalogue::{
    Event, Operation, Provider, RegistrationCall, RegistrationCalls, Role, SecretOrigin, TokenGrant, Values,
};
use pos_webhooks::client::{AccessToken, AnyAnswer, AnyClient, Options, Token, http_client};
use pos_webhooks::sandbox::{Registration, Sandbox};
use serde_json::{Value, json};

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
}

impl<'a> Calls<'a> {
    pub fn new(provider: &'static Provider, sandbox: &'a Sandbox) -> Result<Self, Miss> {
        Ok(Self { provider, sandbox, client: client(provider, sandbox)? })
    }

    /// Requests the token for the other operations, and returns it with the operation that issued it.
    pub async fn token(&self) -> Result<(&'static str, AccessToken), Miss> {
        let grant = grant(self.provider).ok_or_else(without_operation)?;
        let token = self.client.access_token().await.map_err(|error| Miss::of(&*error))?;
        Ok((grant.operation, token))
    }

    /// Registers the inbox of the sandbox for every event. If events are chosen by subscriptions, it is not subscribed to any
    /// event yet.
    pub async fn register(&self) -> Result<Vec<Registration>, Miss> {
        let registration = self.provider.registration.as_ref();
        if let Some(calls) = registration.filter(|calls| calls.subscriptions.is_some()) {
            let url = format!("{}/_sandbox/{}/inbox", self.sandbox.url(), self.provider.name);
            let mut values = Values::from([(Role::Url, json!(url)), (Role::Active, json!(true))]);
            if calls.secret == SecretOrigin::Chosen {
                values.insert(Role::Secret, json!(CHOSEN));
            }
            self.call(&calls.create, &values).await?;
            return self.as_read(self.sandbox.registrations(self.provider.name)?).await;
        }
        self.subscribe().await
    }

    /// Subscribes the inbox of the sandbox to every event that it does not receive yet.
    pub async fn subscribe(&self) -> Result<Vec<Registration>, Miss> {
        self.as_read(self.sandbox.receive_here(self.provider.name).await?).await
    }

    /// The registrations with the events that an operation returns, if a registration is created without naming any.
    async fn as_read(&self, mut registered: Vec<Registration>) -> Result<Vec<Registration>, Miss> {
        let calls = self.provider.registration.as_ref();
        let names_none = |calls: &&RegistrationCalls| {
            ![Role::Events, Role::Event].iter().any(|role| calls.create.request.contains_key(role))
        };
        let get = calls.filter(names_none).and_then(|calls| calls.get.as_ref());
        let Some(get) = get.filter(|get| get.answer.contains_key(&Role::Events)) else { return Ok(registered) };
        for webhook in registered.iter_mut().filter(|webhook| is_managed(self.provider, webhook)) {
            let answer = self.call(get, &values(webhook)).await?;
            let events = get.read_response(&answer).into_iter().find_map(|mut values| values.remove(&Role::Events));
            let has = |name: &&str| events.iter().filter_map(Value::as_array).flatten().any(|event| event == name);
            let names = self.provider.events.iter().map(|event| event.name);
            webhook.events = names.filter(has).map(str::to_owned).collect();
        }
        Ok(registered)
    }

    /// The values of the listed registrations.
    pub async fn list(&self) -> Result<Vec<Values>, Miss> {
        let list = self.documented(|registration| registration.list.as_ref())?;
        let answer = self.call(list, &Values::new()).await?;
        Ok(list.read_response(&answer))
    }

    /// Moves a webhook to another URL.
    pub async fn update(&self, webhook: &Registration, url: &str) -> Result<(), Miss> {
        let update = self.documented(|registration| registration.update.as_ref())?;
        let mut values = values(webhook);
        values.insert(Role::Url, json!(url));
        self.call(update, &values).await?;
        Ok(())
    }

    /// Deletes webhooks.
    pub async fn delete(&self, webhooks: &[&Registration]) -> Result<(), Miss> {
        let delete = self.documented(|registration| registration.delete.as_ref())?;
        for webhook in webhooks {
            self.call(delete, &values(webhook)).await?;
        }
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

/// Whether the operations of the provider list, change and delete a registration.
pub fn is_managed(provider: &'static Provider, webhook: &Registration) -> bool {
    provider.registration.is_some() && webhook.events.iter().all(|event| provider.registers(event))
}

/// Whether these are the values of a registration in a list: its URL or, if the list does not have URLs, its id.
pub fn is_listed_as(webhook: &Registration, listed: &Values) -> bool {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match listed.get(&Role::Url) {
        Some(url) => *url == *webhook.url,
        None => listed.get(&Role::Id).is_some_and(|id| text(id) == webhook.id),
    }
}

/// What the calls about a registration are made with.
fn values(webhook: &Registration) -> Values {
    let mut values = Values::from([
        (Role::Id, json!(webhook.id)),
        (Role::Url, json!(webhook.url)),
        (Role::CurrentUrl, json!(webhook.url)),
        (Role::Events, json!(webhook.events)),
        (Role::Active, json!(webhook.active)),
        (Role::Secret, json!(webhook.secret.expose())),
    ]);
    values.extend(webhook.events.first().map(|event| (Role::Event, json!(event))));
    values
}
