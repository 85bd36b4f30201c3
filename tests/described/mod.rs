//! Registers, calls and receives with any provider of a sandbox, according to its description.

#![allow(dead_code, reason = "no test needs all of this")]

use std::collections::BTreeMap;

use pos_webhooks::catalogue::{
    EventNamePlace, Operation, Parameter, Provider, RegistrationCall, Role, Security, SubscriptionCalls, TokenGrant,
    TokenPlace, Values, Verification,
};
use pos_webhooks::client::{AnyClient, Error, ErrorResponse, Options};
use pos_webhooks::sandbox::{Account, Attempt, Registration, Sandbox};
use pos_webhooks::verify::{ReceiveError, Timestamp};
use pos_webhooks::{AnyEvent, AnyReceiver, Registered, Secret};
use serde_json::{Value, json};

/// An id that is valid for every provider, and that the sandbox never generates.
pub const UNKNOWN_ID: &str = "6217960c-2a2e-4188-9025-af11abf47d5e";

/// The secret to choose if a provider lets the caller choose one. The text is also hexadecimal and Base64.
pub const CHOSEN: &str = "c0ffee00c0ffee00c0ffee00c0ffee00";

/// A client for an account of the sandbox.
pub fn client(sandbox: &Sandbox, provider: &'static Provider, options: Options) -> AnyClient {
    let account = sandbox.account(provider.name).unwrap();
    let value = |name: &str| account.credentials.get(&name.to_lowercase().replace('-', "_")).cloned();
    let headers = provider.operations.iter().flat_map(|operation| operation.headers).filter(|header| header.constant);
    let headers: BTreeMap<_, _> = headers.filter_map(|header| Some((header.name, value(header.name)?))).collect();
    let token = account.credentials.get("token").cloned().unwrap_or_else(|| Secret::from(""));
    AnyClient::new(provider, &account.base_url, token, headers, options).unwrap()
}

/// Registers a URL for every event. If a registration is for a single event, each URL ends in the event's name.
pub async fn register(sandbox: &Sandbox, provider: &'static Provider, url: &str) {
    let names = provider.events.iter().map(|event| event.name);
    let (names, others): (Vec<_>, Vec<_>) = names.partition(|name| provider.registers(name));
    let Some(documented) = &provider.registration else {
        sandbox.register(provider.name, url, &[]).await.unwrap();
        return;
    };
    let create = &documented.create;
    let by_event = create.request.contains_key(&Role::Event);
    for names in names.chunks(if by_event { 1 } else { names.len() }) {
        let url = if by_event { format!("{url}&{}", names[0]) } else { url.to_owned() };
        let values = Values::from([
            (Role::Url, json!(url)),
            (Role::Events, json!(names)),
            (Role::Event, json!(names[0])),
            (Role::Secret, json!(CHOSEN)),
            (Role::Active, json!(true)),
        ]);
        let client = sandbox.any_client(provider.name).unwrap();
        let created = answered(&client, provider, create, &values).await;
        if let Some(calls) = &documented.subscriptions {
            for event in answered(&client, provider, calls.events.as_ref().unwrap(), &Values::new()).await {
                subscribe(&client, provider, calls, &created[0][&Role::Id], event).await;
            }
        }
    }
    if !others.is_empty() {
        sandbox.register(provider.name, url, &others).await.unwrap();
    }
}

/// Calls an operation with these values, and returns those of its response.
async fn answered(
    client: &AnyClient,
    provider: &'static Provider,
    call: &RegistrationCall,
    values: &Values,
) -> Vec<Values> {
    let (mut parameters, body) =
        (call.parameters(values), call.example_body(provider, values).map(|body| body.to_string()));
    let operation = provider.operation(call.operation).unwrap();
    let required = operation.parameters().filter(|parameter| parameter.required);
    let missing: Vec<_> = required.filter(|it| !parameters.iter().any(|(name, _)| *name == it.name)).collect();
    parameters.extend(missing.into_iter().map(|parameter| (parameter.name, value(parameter))));
    let parameters: Vec<_> = parameters.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let answer = client.call(operation, &parameters, body.as_deref()).await.unwrap();
    call.read_response(&serde_json::from_slice(answer.body()).unwrap_or_default())
}

/// Subscribes a registration to an event of the account.
pub async fn subscribe(
    client: &AnyClient,
    provider: &'static Provider,
    calls: &SubscriptionCalls,
    registration: &Value,
    mut event: Values,
) {
    event.insert(Role::Registration, registration.clone());
    answered(client, provider, &calls.create, &event).await;
}

/// Verifies and decodes a request with the URL and the secret of the registration of an attempt.
pub fn receive(
    sandbox: &Sandbox,
    provider: &'static Provider,
    attempt: &Attempt,
    request: &http::Request<Vec<u8>>,
) -> Result<AnyEvent, ReceiveError> {
    let registrations = sandbox.registrations(provider.name).unwrap();
    let registration = registrations.into_iter().find(|it| it.id == attempt.registration).unwrap();
    let event = (provider.event_name == Some(EventNamePlace::Route)).then_some(attempt.event);
    let registered = Registered { url: Some(&registration.url), event, signature: None };
    let receiver = match provider.verification_of(event) {
        Some(Verification::None(_)) => AnyReceiver::unverified(provider, event),
        verification => {
            let signature = verification.and_then(|verification| verification.signature(None));
            let account = sandbox.account(provider.name).unwrap();
            let credential = signature.and_then(|signature| account.credentials.get(signature.credential?));
            AnyReceiver::new(provider, registered, [credential.cloned().unwrap_or(registration.secret)])
        }
    };
    receiver.unwrap().receive(request, Timestamp::now())
}

/// The operations that manage registrations.
fn registration_calls(provider: &'static Provider) -> impl Iterator<Item = &'static RegistrationCall> {
    let documented = provider.registration.iter();
    documented
        .flat_map(|it| [Some(&it.create), it.list.as_ref(), it.get.as_ref(), it.update.as_ref(), it.delete.as_ref()])
        .flatten()
}

/// A value that is valid for a parameter of an operation.
fn value(parameter: &Parameter) -> String {
    parameter.example().unwrap_or_else(|| panic!("no value for `{}` is known", parameter.name))
}

/// The path of an operation. If the path identifies a registration, it is the given one, or an unknown one for `None`.
pub fn path(provider: &'static Provider, operation: &Operation, registration: Option<&Registration>) -> String {
    let parameters = path_parameters(provider, operation, registration);
    parameters
        .into_iter()
        .fold(operation.path.to_owned(), |path, (name, value)| path.replace(&format!("{{{name}}}"), &value))
}

fn path_parameters(
    provider: &'static Provider,
    operation: &Operation,
    registration: Option<&Registration>,
) -> Vec<(&'static str, String)> {
    let documented = registration_calls(provider).find(|call| call.operation == operation.id);
    let of_registration = |name: &str| match (documented?.parameters.iter().find(|it| *it.1 == name)?.0, registration) {
        (Role::Id, Some(registration)) => Some(registration.id.clone()),
        (Role::CurrentUrl, Some(registration)) => Some(registration.url.clone()),
        (Role::Id, None) => Some(UNKNOWN_ID.to_owned()),
        _ => None,
    };
    let given = |parameter: &Parameter| of_registration(parameter.name).unwrap_or_else(|| value(parameter));
    operation.path_parameters.iter().map(|parameter| (parameter.name, given(parameter))).collect()
}

/// What proves who asks for a token, by the places that the operation has it in.
fn token_places(account: &Account, provider: &Provider, operation: &Operation) -> Vec<(TokenPlace, String)> {
    let value = |name: &str| account.credentials[name].expose().to_owned();
    let refresh =
        provider.grants().iter().filter_map(|it| it.refresh.as_ref()).filter(|it| it.operation == operation.id);
    let refreshed = refresh.flat_map(|refresh| {
        let placed = refresh.credentials.iter().map(|it| (it.place, value(it.name)));
        placed.chain([(refresh.refresh_token, value("token"))])
    });
    let refreshed: Vec<_> = refreshed.collect();
    if !refreshed.is_empty() {
        return refreshed;
    }
    let granted =
        |grant: &TokenGrant| -> Vec<_> { grant.credentials.iter().map(|it| (it.place, value(it.name))).collect() };
    if let Some(grant) = provider.grants().iter().find(|grant| grant.operation == operation.id) {
        return granted(grant);
    }
    // Elsewhere they are a user and a password.
    let values = provider.grants().first().map(granted).unwrap_or_default();
    let values: Vec<String> = values.into_iter().map(|(_, value)| value).collect();
    let [user, password, ..] = values.as_slice() else { return Vec::new() };
    vec![(TokenPlace::User, user.clone()), (TokenPlace::Password, password.clone())]
}

/// The subscriptions of a registration.
async fn subscriptions(
    client: &AnyClient,
    provider: &'static Provider,
    calls: &SubscriptionCalls,
    registration: &Registration,
) -> Vec<Values> {
    let mut all = answered(client, provider, calls.list.as_ref().unwrap(), &Values::new()).await;
    all.retain(|it| it[&Role::Registration] == registration.id.as_str());
    all
}

/// Calls an operation so that it succeeds: with the first example of its request, for an existing registration.
pub async fn call(
    client: &AnyClient,
    account: &Account,
    provider: &'static Provider,
    operation: &'static Operation,
    registration: Option<&Registration>,
) -> Result<(), Error<ErrorResponse>> {
    let mut body =
        operation.request.as_ref().map(|body| -> Value { serde_json::from_str(body.examples[0].json).unwrap() });
    let documented = registration_calls(provider).find(|call| call.operation == operation.id);
    let current_url = documented.and_then(|documented| documented.request.get(&Role::CurrentUrl));
    if let (Some(body), Some(pointer), Some(registration)) = (&mut body, current_url, registration) {
        *body.pointer_mut(pointer).unwrap() = json!(registration.url);
    }
    let others = operation.query_parameters.iter().chain(operation.headers).filter(|it| it.required && !it.constant);
    let mut parameters = path_parameters(provider, operation, registration);
    let calls = provider.registration.as_ref().and_then(|it| it.subscriptions.as_ref());
    if let (Some(calls), Some(registration)) = (calls, registration) {
        let call = calls.all().find(|call| call.operation == operation.id);
        if let Some(name) = call.and_then(|call| call.parameters.get(&Role::Id)) {
            let id = subscriptions(client, provider, calls, registration).await[0][&Role::Id].clone();
            parameters.retain(|(known, _)| known != name);
            parameters.push((name, id.as_str().unwrap().to_owned()));
        }
        if calls.create.operation == operation.id {
            // It is subscribed to every event, so one subscription has to end first.
            let mut ended = subscriptions(client, provider, calls, registration).await.swap_remove(0);
            answered(client, provider, calls.delete.as_ref().unwrap(), &ended).await;
            let events = answered(client, provider, calls.events.as_ref().unwrap(), &Values::new()).await;
            let event = events.into_iter().find(|it| it[&Role::Event] == ended[&Role::Event]);
            ended.extend(event.unwrap());
            body = calls.create.body(&ended);
        }
    }
    parameters.extend(others.map(|parameter| (parameter.name, value(parameter))));
    if operation.security != Security::Credential
        || body.as_ref().is_some_and(|body| body.get("refresh_token").is_some())
    {
        for (place, value) in token_places(account, provider, operation) {
            match place {
                TokenPlace::Header(name) => parameters.retain(|(known, _)| *known != name),
                TokenPlace::Member(pointer) => {
                    *body.as_mut().unwrap().pointer_mut(pointer).unwrap() = json!(value);
                    continue;
                }
                _ => {}
            }
            let name = match place {
                TokenPlace::Header(name) => name,
                TokenPlace::User => "username",
                _ => "password",
            };
            parameters.push((name, value));
        }
    }
    let parameters: Vec<_> = parameters.iter().map(|(name, value)| (*name, value.as_str())).collect();
    client.call(operation, &parameters, body.map(|body| body.to_string()).as_deref()).await.map(drop)
}
