//! Every operation of every provider sends the request that its specification describes, and the typed and the untyped
//! client send the same bytes.

#![cfg(feature = "client")]

use std::collections::BTreeMap;
use std::fmt::Debug;

use pos_webhooks::catalogue::{CredentialPlace, Operation, Parameter, Provider, Security};
use pos_webhooks::client::{AnyClient, ErrorKind, Options, Retries};
use pos_webhooks::{PROVIDERS, Secret};
use serde_json::Value;
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

const TOKEN: &str = "PLpC1CqVE9CYXolbGNBPqz0NYy8asFzG95XcToDsMP";

/// A value in a path, and as it is sent.
const SEGMENT: &str = "a b/c%?d";
const ENCODED: &str = "a%20b%2Fc%25%3Fd";

/// A value of any parameter, as text or as number.
const VALUE: &str = "123456";

/// Of the scheme Basic, with [`VALUE`] as password.
const USER: &str = "client";

fn once() -> Options {
    Options::default().retries(Retries::off())
}

/// Calls a method that has a body, and gives the body as JSON.
#[allow(unused_macros, reason = "providers that are not compiled in")]
macro_rules! with_body {
    ($client:ident.$method:ident($($argument:expr),*), $json:ident) => {{
        let body = serde_json::from_str($json.unwrap()).unwrap();
        drop($client.$method($($argument,)* &body).await);
        Some(serde_json::to_string(&body).unwrap())
    }};
}

/// Calls a method that has none.
#[allow(unused_macros, reason = "providers that are not compiled in")]
macro_rules! without_body {
    ($client:ident.$method:ident($($argument:expr),*)) => {{
        drop($client.$method($($argument),*).await);
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
        "list_orders" => without_body!(client.list_orders(SEGMENT)),
        "accept_order" => with_body!(client.accept_order(), json),
        "deny_order" => with_body!(client.deny_order(), json),
        "search_orders" => with_body!(client.search_orders(), json),
        "upload_menu" => with_body!(client.upload_menu(), json),
        "send_market_order" => with_body!(client.send_market_order(), json),
        "set_logistics_webhook" => with_body!(client.set_logistics_webhook(), json),
        "list_logistics_integrations" => without_body!(client.list_logistics_integrations()),
        "switch_logistics_integration" => with_body!(client.switch_logistics_integration(), json),
        "set_delivery_status_webhook" => with_body!(client.set_delivery_status_webhook(), json),
        "set_delivery_location_webhook" => with_body!(client.set_delivery_location_webhook(), json),
        "estimate_delivery" => with_body!(client.estimate_delivery(), json),
        "request_delivery" => with_body!(client.request_delivery(), json),
        "request_token" => with_body!(client.request_token(), json),
        "refresh_token" => with_body!(client.refresh_token(), json),
        other => panic!("the typed call of `{other}` is not in the table"),
    }
}

#[cfg(feature = "mypos")]
async fn mypos(server: &str, operation: &str, json: Option<&str>) -> Option<String> {
    use pos_webhooks::mypos::{Client, Credentials};
    let client = Client::with_options(server, Credentials::new(TOKEN), once()).unwrap();
    match operation {
        "create_webhook" => with_body!(client.create_webhook(), json),
        "list_webhooks" => without_body!(client.list_webhooks(Some(VALUE), Some(VALUE))),
        "get_webhook" => without_body!(client.get_webhook(SEGMENT)),
        "update_webhook" => with_body!(client.update_webhook(SEGMENT), json),
        "delete_webhook" => without_body!(client.delete_webhook(SEGMENT)),
        "list_events" => without_body!(client.list_events(Some(VALUE), Some(VALUE))),
        "create_subscription" => with_body!(client.create_subscription(), json),
        "list_subscriptions" => without_body!(client.list_subscriptions(Some(VALUE), Some(VALUE))),
        "get_subscription" => without_body!(client.get_subscription(SEGMENT)),
        "update_subscription" => with_body!(client.update_subscription(SEGMENT), json),
        "delete_subscription" => without_body!(client.delete_subscription(SEGMENT)),
        "fake_notification" => without_body!(client.fake_notification(SEGMENT)),
        "list_notifications" => without_body!(client.list_notifications(Some(VALUE), Some(VALUE))),
        "request_token" => with_body!(client.request_token(USER, VALUE), json),
        "revoke_token" => with_body!(client.revoke_token(USER, VALUE), json),
        other => panic!("the typed call of `{other}` is not in the table"),
    }
}

#[cfg(feature = "vipps")]
async fn vipps(server: &str, operation: &str, json: Option<&str>) -> Option<String> {
    use pos_webhooks::vipps::{Client, Credentials};
    let credentials = Credentials::new(TOKEN)
        .ocp_apim_subscription_key(VALUE)
        .merchant_serial_number(VALUE.parse().unwrap())
        .psp_id(VALUE)
        .vipps_system_name(VALUE)
        .vipps_system_version(VALUE)
        .vipps_system_plugin_name(VALUE)
        .vipps_system_plugin_version(VALUE);
    let client = Client::with_options(server, credentials, once()).unwrap();
    match operation {
        "list_webhooks" => without_body!(client.list_webhooks()),
        "register_webhook" => with_body!(client.register_webhook(), json),
        "delete_webhook" => without_body!(client.delete_webhook(SEGMENT)),
        "get_access_token" => without_body!(client.get_access_token(VALUE, VALUE)),
        "get_donations_token" => with_body!(client.get_donations_token(USER, VALUE), json),
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
    let basic = [("username", USER.to_owned()), ("password", VALUE.to_owned())].into_iter();
    let basic = basic.filter(|_| operation.security == Security::Basic);
    let parameters: Vec<_> = in_path.chain(others).chain(basic).collect();
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

/// Checks that the request has exactly what the specification describes.
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
    let token = match provider.credential.as_ref().map(|credential| credential.place) {
        Some(CredentialPlace::Header(name)) => (name, TOKEN.to_owned()),
        _ => ("authorization", format!("Bearer {TOKEN}")),
    };
    let (name, credential) = match operation.security {
        Security::Credential => (token.0, Some(token.1)),
        // `client:123456`
        Security::Basic => ("authorization", Some("Basic Y2xpZW50OjEyMzQ1Ng==".to_owned())),
        _ => (token.0, None),
    };
    assert_eq!(sent(name), credential.as_deref(), "{place}");
    for header in operation.headers {
        assert_eq!(sent(header.name), Some(value(header, VALUE).as_str()), "{place}: {}", header.name);
    }
    let media_type = operation.request.as_ref().map(|body| body.media_type);
    assert_eq!(sent("content-type"), media_type, "{place}");
    let accepted = sent("accept").unwrap_or_default();
    for body in operation.responses.iter().filter_map(|answer| answer.body.as_ref()) {
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

#[tokio::test]
async fn a_call_without_a_required_parameter_or_with_an_unknown_one_is_an_error_and_not_sent() {
    let server = MockServer::start().await;
    for provider in PROVIDERS.iter() {
        let client = AnyClient::new(provider, &server.uri(), TOKEN, [], once()).unwrap();
        for operation in provider.operations {
            let required = operation.parameters().filter(|it| it.required).map(|it| (it.name, value(it, VALUE)));
            let required: Vec<_> = required.collect();
            let all: Vec<_> = required.iter().map(|(name, value)| (*name, value.as_str())).collect();
            let mut wrong = vec![("unheard-of", [&all[..], &[("unheard-of", "x")]].concat())];
            for (name, _) in &all {
                wrong.push((name, all.iter().filter(|(other, _)| other != name).copied().collect()));
            }
            for (name, parameters) in wrong {
                let error = client.call(operation, &parameters, Some("{}")).await.unwrap_err();
                assert!(matches!(error.kind(), ErrorKind::Request(_)), "{error}");
                let text = error.to_string();
                assert!(text.contains(operation.id) && text.contains(&format!("`{name}`")), "{text}");
            }
        }
    }
    assert_eq!(server.received_requests().await.unwrap().len(), 0);
}
