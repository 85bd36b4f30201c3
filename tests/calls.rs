//! What a call puts on the wire: for every operation of every provider what its specification says, and the same bytes whether
//! the typed client makes the call or the untyped one.

#![cfg(feature = "client")]

use std::collections::BTreeMap;
use std::fmt::Debug;

use pos_webhooks::catalogue::{CredentialPlace, Operation, Parameter, Provider};
use pos_webhooks::client::{AnyClient, Options, Retries};
use pos_webhooks::{PROVIDERS, Secret};
use serde_json::Value;
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

const TOKEN: &str = "PLpC1CqVE9CYXolbGNBPqz0NYy8asFzG95XcToDsMP";

/// A value in a path, and as it is sent.
const SEGMENT: &str = "a b/c%?d";
const ENCODED: &str = "a%20b%2Fc%25%3Fd";

/// A value of any parameter, as text or as number.
const VALUE: &str = "123456";

fn once() -> Options {
    Options::default().retries(Retries::off())
}

/// Calls a method that has a body, and gives the body as JSON.
#[allow(unused_macros, reason = "providers that are not compiled in")]
macro_rules! with_body {
    ($client:ident.$method:ident($($id:expr)?), $json:ident) => {{
        let body = serde_json::from_str($json.unwrap()).unwrap();
        drop($client.$method($($id,)? &body).await);
        Some(serde_json::to_string(&body).unwrap())
    }};
}

/// Calls a method that has none.
#[allow(unused_macros, reason = "providers that are not compiled in")]
macro_rules! without_body {
    ($client:ident.$method:ident($($id:expr)?)) => {{
        drop($client.$method($($id)?).await);
        None
    }};
}

/// The call of a typed client, and its body as JSON. `None` where this test does not know the provider's client.
async fn typed(
    provider: &'static Provider,
    server: &str,
    operation: &str,
    json: Option<&str>,
) -> Option<Option<String>> {
    let _ = (server, operation, json);
    match provider.name {
        #[cfg(feature = "mipos")]
        "mipos" => Some(mipos(server, operation, json).await),
        #[cfg(feature = "mypos")]
        "mypos" => Some(mypos(server, operation, json).await),
        #[cfg(feature = "vipps")]
        "vipps" => Some(vipps(server, operation, json).await),
        _ => None,
    }
}

#[cfg(feature = "mipos")]
async fn mipos(server: &str, operation: &str, json: Option<&str>) -> Option<String> {
    use pos_webhooks::mipos::{Client, Credentials};
    let client = Client::with_options(server, Credentials::new(TOKEN), once()).unwrap();
    match operation {
        "create_webhook" => with_body!(client.create_webhook(), json),
        "update_webhook" => with_body!(client.update_webhook(), json),
        "delete_webhook" => with_body!(client.delete_webhook(), json),
        "list_webhooks" => without_body!(client.list_webhooks()),
        other => panic!("the typed call of `{other}` is not in the table"),
    }
}

#[cfg(feature = "mypos")]
async fn mypos(server: &str, operation: &str, json: Option<&str>) -> Option<String> {
    use pos_webhooks::mypos::{Client, Credentials};
    let client = Client::with_options(server, Credentials::new(TOKEN), once()).unwrap();
    match operation {
        "create_webhook" => with_body!(client.create_webhook(), json),
        "list_webhooks" => without_body!(client.list_webhooks()),
        "get_webhook" => without_body!(client.get_webhook(SEGMENT)),
        "update_webhook" => with_body!(client.update_webhook(SEGMENT), json),
        "delete_webhook" => without_body!(client.delete_webhook(SEGMENT)),
        other => panic!("the typed call of `{other}` is not in the table"),
    }
}

#[cfg(feature = "vipps")]
async fn vipps(server: &str, operation: &str, json: Option<&str>) -> Option<String> {
    use pos_webhooks::vipps::{Client, Credentials};
    let credentials = Credentials::new(TOKEN)
        .ocp_apim_subscription_key(VALUE)
        .merchant_serial_number(VALUE.parse().unwrap())
        .vipps_system_name(VALUE)
        .vipps_system_version(VALUE)
        .vipps_system_plugin_name(VALUE)
        .vipps_system_plugin_version(VALUE);
    let client = Client::with_options(server, credentials, once()).unwrap();
    match operation {
        "list_webhooks" => without_body!(client.list_webhooks()),
        "register_webhook" => with_body!(client.register_webhook(), json),
        "delete_webhook" => without_body!(client.delete_webhook(SEGMENT)),
        other => panic!("the typed call of `{other}` is not in the table"),
    }
}

/// A value of a parameter's type.
fn value(parameter: &Parameter, text: &'static str) -> String {
    let schema: Value = serde_json::from_str(parameter.schema).unwrap();
    match (&schema["enum"][0], schema["type"].as_str()) {
        (Value::String(value), _) => value.clone(),
        (_, Some("boolean")) => "true".to_owned(),
        (_, Some("integer")) => VALUE.to_owned(),
        (_, _) => text.to_owned(),
    }
}

/// The call of the untyped client.
async fn untyped(provider: &'static Provider, server: &str, operation: &'static Operation, json: Option<&str>) {
    let (constant, others): (Vec<_>, Vec<_>) = operation.headers.iter().partition(|header| header.constant);
    let constant = constant.into_iter().map(|header| (header.name, Secret::from(value(header, VALUE))));
    let in_path = operation.path_parameters.iter().map(|parameter| (parameter.name, value(parameter, SEGMENT)));
    let others =
        operation.query_parameters.iter().chain(others).map(|parameter| (parameter.name, value(parameter, VALUE)));
    let parameters: Vec<_> = in_path.chain(others).collect();
    let parameters: Vec<_> = parameters.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let client = AnyClient::new(provider, server, TOKEN, constant, once()).unwrap();
    drop(client.call(operation, &parameters, json).await);
}

/// Everything of a request: method, target, headers and body.
fn bytes(request: &Request) -> impl PartialEq + Debug {
    let headers = request.headers.iter().map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()));
    let mut headers: Vec<_> = headers.collect();
    headers.sort();
    (request.method.to_string(), request.url.to_string(), headers, request.body.clone())
}

fn fields(request: &Request) -> BTreeMap<String, String> {
    let mut url = request.url.clone();
    url.set_query(Some(std::str::from_utf8(&request.body).unwrap()));
    url.query_pairs().into_owned().collect()
}

/// What is sent is what the specification says, and nothing else.
fn assert_described(provider: &Provider, operation: &Operation, json: Option<&str>, request: &Request) {
    let place = format!("{} {}", provider.name, operation.id);
    assert_eq!(request.method.as_str(), operation.method, "{place}");
    let path = operation.path_parameters.iter().fold(operation.path.to_owned(), |path, parameter| {
        let sent = value(parameter, SEGMENT);
        path.replace(&format!("{{{}}}", parameter.name), if sent == SEGMENT { ENCODED } else { &sent })
    });
    assert_eq!(request.url.path(), path, "{place}");
    let query: Vec<_> = request.url.query_pairs().into_owned().collect();
    let expected = operation.query_parameters.iter().map(|it| (it.name.to_owned(), value(it, VALUE)));
    assert_eq!(query, expected.collect::<Vec<_>>(), "{place}");

    let sent = |name: &str| request.headers.get(name).map(|value| value.to_str().unwrap());
    let (name, credential) = match provider.credential.as_ref().map(|credential| credential.place) {
        Some(CredentialPlace::Header(name)) => (name, TOKEN.to_owned()),
        _ => ("authorization", format!("Bearer {TOKEN}")),
    };
    assert_eq!(sent(name), Some(credential.as_str()), "{place}");
    for header in operation.headers {
        assert_eq!(sent(header.name), Some(value(header, VALUE).as_str()), "{place}: {}", header.name);
    }
    let media_type = operation.request.as_ref().map(|body| body.media_type);
    assert_eq!(sent("content-type"), media_type, "{place}");
    let accepted = sent("accept").unwrap_or_default();
    for body in operation.answers.iter().filter_map(|answer| answer.body.as_ref()) {
        assert!(accepted.split(", ").any(|accepted| accepted == body.media_type), "{place}: {accepted}");
    }
    let known = [name, "content-type", "accept", "content-length", "host", "user-agent"];
    let known: Vec<&str> = known.into_iter().chain(operation.headers.iter().map(|header| header.name)).collect();
    for name in request.headers.keys() {
        assert!(known.iter().any(|known| known.eq_ignore_ascii_case(name.as_str())), "{place} sends `{name}`");
    }

    let Some(json) = json else {
        assert!(request.body.is_empty(), "{place}");
        return;
    };
    if media_type == Some("application/x-www-form-urlencoded") {
        let members: BTreeMap<String, Value> = serde_json::from_str(json).unwrap();
        let text = |value: Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let expected: BTreeMap<String, String> = members.into_iter().map(|(name, value)| (name, text(value))).collect();
        assert_eq!(fields(request), expected, "{place}");
    } else {
        assert_eq!(String::from_utf8_lossy(&request.body), json, "{place}");
    }
}

/// The only request that was sent.
async fn only_request(server: &MockServer) -> Request {
    let mut requests = server.received_requests().await.unwrap();
    assert_eq!(requests.len(), 1);
    server.reset().await;
    requests.remove(0)
}

#[tokio::test]
async fn typed_and_untyped_calls_are_the_same_bytes_and_what_is_described() {
    for provider in PROVIDERS.iter() {
        let server = MockServer::start().await;
        for operation in provider.operations {
            let examples = operation.request.iter().flat_map(|body| body.examples).map(|example| Some(example.json));
            let examples: Vec<Option<&str>> = examples.collect();
            let examples = if operation.request.is_none() { vec![None] } else { examples };
            assert!(!examples.is_empty(), "{} {}", provider.name, operation.id);
            for json in examples {
                let answer = || Mock::given(wiremock::matchers::any()).respond_with(ResponseTemplate::new(500));
                answer().mount(&server).await;
                let typed = typed(provider, &server.uri(), operation.id, json).await;
                let (json, sent) = match typed {
                    Some(body) => {
                        let value = |json: &str| serde_json::from_str::<Value>(json).unwrap();
                        assert_eq!(body.as_deref().map(value), json.map(value), "{} {}", provider.name, operation.id);
                        (body, Some(only_request(&server).await))
                    }
                    None => (json.map(str::to_owned), None),
                };
                answer().mount(&server).await;
                untyped(provider, &server.uri(), operation, json.as_deref()).await;
                let request = only_request(&server).await;
                assert_described(provider, operation, json.as_deref(), &request);
                if let Some(sent) = sent {
                    assert_eq!(bytes(&sent), bytes(&request), "{} {}", provider.name, operation.id);
                }
            }
        }
    }
}
