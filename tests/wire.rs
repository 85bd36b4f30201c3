//! The bytes that every operation sends, and the result of every documented response and of some undocumented ones.

#![cfg(all(feature = "client", any(feature = "mipos", feature = "mypos", feature = "vipps")))]

use std::fmt::{Debug, Write as _};

use pos_webhooks::catalogue::{Body, Operation, Parameter, Provider, Response, Security};
use pos_webhooks::client::{AnyClient, Error, ErrorResponse, Options, Retries};
use serde::de::DeserializeOwned;
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

/// The token of the providers' own samples.
const TOKEN: &str = "PLpC1CqVE9CYXolbGNBPqz0NYy8asFzG95XcToDsMP";

/// A text in every response body that is not documented. No error may show it.
const MARKER: &str = "NOT-FOR-LOGS";

/// Every request on the wire is one that the operation describes.
fn once() -> Options {
    Options::default().retries(Retries::off())
}

/// The body of an operation's request, from the named example.
fn request<T: DeserializeOwned>(provider: &'static Provider, operation: &str, example: &str) -> T {
    let examples = provider.operation(operation).unwrap().request.as_ref().unwrap().examples;
    let example = examples.iter().find(|candidate| candidate.name == example).unwrap();
    serde_json::from_str(example.json).unwrap()
}

/// The result of a call as text; `show` is the caller's one `match` on what the operation documents.
fn outcome<T: Debug, E>(result: Result<T, Error<E>>, show: impl Fn(&E) -> String) -> String {
    let error = match result {
        Ok(value) => return format!("Ok({value:?})"),
        Err(error) => error,
    };
    let public = format!("{error} {error:?} {:?}", error.kind());
    assert!(!public.contains(TOKEN) && !public.contains(MARKER), "{public}");
    let kind = match error.documented() {
        Some(answer) => {
            let shown = show(answer);
            for text in shown.split('"').filter(|text| text.len() > 12) {
                assert!(!public.contains(text), "{public} shows {text}");
            }
            shown
        }
        None => format!("{:?}", error.kind()),
    };
    let retry = if error.is_retryable() { ", retryable" } else { "" };
    format!("Err({kind}{retry}): {error}")
}

/// A response of the server, and its title in the snapshot.
struct Scripted {
    title: String,
    template: ResponseTemplate,
}

fn scripted(title: impl Into<String>, status: u16, media_type: &str, body: &str) -> Scripted {
    let template = ResponseTemplate::new(status).set_body_raw(body.as_bytes().to_vec(), media_type);
    Scripted { title: title.into(), template }
}

fn status(answer: &Response) -> u16 {
    answer.status.replace("XX", "00").parse().unwrap()
}

/// Every documented response with each of its examples, and responses of proxies and during outages.
fn script(operation: &'static Operation) -> Vec<Scripted> {
    let mut script = Vec::new();
    for answer in operation.responses {
        match &answer.body {
            None => {
                script.push(Scripted {
                    title: format!("{} without body", answer.status),
                    template: ResponseTemplate::new(status(answer)),
                });
                // With 204 HTTP itself does not let a body through.
                if status(answer) != 204 {
                    let body = format!(r#"{{"error":"{MARKER}"}}"#);
                    script.push(scripted(
                        format!("{} with a body", answer.status),
                        status(answer),
                        "application/json",
                        &body,
                    ));
                }
            }
            Some(Body { media_type, examples, .. }) => script.extend(examples.iter().map(|example| {
                scripted(format!("{} {}", answer.status, example.name), status(answer), media_type, example.json)
            })),
        }
    }
    let html = format!("<html>{MARKER}</html>");
    for answer in operation.responses.iter().filter(|answer| answer.body.is_some()) {
        script.push(scripted(format!("{} as HTML", answer.status), status(answer), "text/html", &html));
        script.push(scripted(format!("{} with an empty body", answer.status), status(answer), "application/json", ""));
        let truncated = format!(r#"{{"{MARKER}": "#);
        script.push(scripted(format!("{} truncated", answer.status), status(answer), "application/json", &truncated));
        let other = format!(r#"{{"unexpected": "{MARKER}"}}"#);
        script.push(scripted(format!("{} of another form", answer.status), status(answer), "application/json", &other));
    }
    for undocumented in [302, 418, 503] {
        let mut answer = scripted(format!("{undocumented}, undocumented"), undocumented, "text/html", &html);
        answer.template = answer.template.insert_header("location", "/elsewhere");
        script.push(answer);
    }
    script
}

/// The request as it arrived; what depends on the run or on the version is left out.
fn sent(request: &Request) -> String {
    let mut text = format!("{} {}", request.method, request.url.path());
    if let Some(query) = request.url.query() {
        let _ = write!(text, "?{query}");
    }
    let mut headers: Vec<String> = request
        .headers
        .iter()
        .filter(|(name, _)| !matches!(name.as_str(), "host" | "user-agent"))
        .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
        .collect();
    headers.sort();
    let _ = write!(text, "\n{}\n\n{}\n", headers.join("\n"), String::from_utf8_lossy(&request.body));
    text
}

/// Checks that `AnyClient` classifies responses as the typed client does. `calls.rs` checks that both send the same.
async fn check_any(provider: &'static Provider, operation: &'static Operation, answers: &[Seen]) {
    let parameters = operation.parameters().filter(|it| it.required).map(|it| (it.name, "id"));
    let basic = [("username", "client"), ("password", "NOT-FOR-LOGS")].into_iter();
    let parameters: Vec<_> = parameters.chain(basic.filter(|_| operation.security == Security::Basic)).collect();
    let body = operation.request.as_ref().map(|body| body.examples[0].json);
    for Seen { scripted, outcome } in answers {
        let server = MockServer::start().await;
        Mock::given(wiremock::matchers::any()).respond_with(scripted.template.clone()).mount(&server).await;
        let client = AnyClient::new(provider, &server.uri(), TOKEN, [], once()).unwrap();
        let result = client.call(operation, &parameters, body).await;
        let same = match &result {
            Ok(_) => outcome.starts_with("Ok("),
            Err(error) => outcome.ends_with(&format!("): {error}")),
        };
        assert!(same, "{}: {}: {outcome} {:?}", operation.id, scripted.title, result.map(drop));
    }
}

/// A response, and the outcome of the typed client.
struct Seen {
    scripted: Scripted,
    outcome: String,
}

#[tokio::test]
async fn any_client_refuses_what_the_typed_ones_do() {
    for provider in pos_webhooks::PROVIDERS.iter() {
        let client = |server| AnyClient::new(provider, server, "", [], once());
        client("http://shop.example").unwrap_err();
        let client = client("https://shop.example").unwrap();
        for operation in provider.operations.iter().filter(|it| it.security == Security::Credential) {
            let required = operation.parameters().filter(|it| it.required);
            let is_in_path = |it: &Parameter| operation.path_parameters.iter().any(|other| other.name == it.name);
            let given: Vec<_> = required.map(|it| (it.name, if is_in_path(it) { "" } else { "1" })).collect();
            let error: Error<ErrorResponse> = client.call(operation, &given, Some("{}")).await.unwrap_err();
            let parameter = !operation.path_parameters.is_empty();
            let expected = if parameter { "must not be empty" } else { "the token is empty" };
            assert!(error.to_string().contains(expected), "{error}");
        }
    }
}

/// Calls an operation once per scripted response, and compares the request and all outcomes with a snapshot.
async fn check(provider: &'static Provider, id: &str, call: impl AsyncFn(&str) -> String) {
    let operation = provider.operation(id).unwrap();
    let mut text = String::new();
    let mut seen = Vec::new();
    for scripted in script(operation) {
        let server = MockServer::start().await;
        Mock::given(wiremock::matchers::any()).respond_with(scripted.template.clone()).mount(&server).await;
        let outcome = call(&server.uri()).await;
        let requests = server.received_requests().await.unwrap();
        assert_eq!(requests.len(), 1, "{id}: one call is one request, and redirects are not followed");
        if text.is_empty() {
            text = sent(&requests[0]);
        }
        assert!(text.starts_with(&sent(&requests[0])), "{id}: every call sends the same");
        let _ = write!(text, "\n# {}\n{outcome}\n", scripted.title);
        seen.push(Seen { scripted, outcome });
    }
    check_any(provider, operation, &seen).await;
    insta::with_settings!({ description => operation.summary }, {
        insta::assert_snapshot!(format!("{}.{id}", provider.name), text);
    });
}

/// The operations that a provider's test has called are all there are.
fn assert_all(provider: &'static Provider, called: &[&str]) {
    let documented: Vec<&str> = provider.operations.iter().map(|operation| operation.id).collect();
    assert_eq!(called, documented);
}

#[cfg(feature = "mipos")]
mod mipos {
    use super::{TOKEN, assert_all, check, outcome, request};
    use pos_webhooks::mipos::*;

    fn client(server: &str) -> Client {
        Client::with_options(server, Credentials::new(TOKEN), super::once()).unwrap()
    }

    /// Bare string, list of reasons or errors by field: told apart by status, in one `match`.
    macro_rules! show {
        ($error:ident) => {
            show!($error, Unauthorized, Conflict, UnprocessableEntity)
        };
        ($error:ident, $($variant:ident),*) => {
            |error: &$error| match error {
                $($error::$variant(body) => format!("{} {:?}", stringify!($variant), show!(@$variant body)),)*
                _ => unreachable!(),
            }
        };
        (@Unauthorized $body:ident) => { $body };
        (@Conflict $body:ident) => { $body.message };
        (@UnprocessableEntity $body:ident) => { $body.0 };
        (@ClientError $body:ident) => { $body.messages };
    }

    #[tokio::test]
    async fn operations() {
        check(&PROVIDER, "create_webhook", async |server| {
            let body = request(&PROVIDER, "create_webhook", "menu");
            outcome(client(server).create_webhook(&body).await, show!(CreateWebhookError))
        })
        .await;
        check(&PROVIDER, "update_webhook", async |server| {
            let body = request(&PROVIDER, "update_webhook", "replace_url");
            outcome(client(server).update_webhook(&body).await, show!(UpdateWebhookError))
        })
        .await;
        check(&PROVIDER, "delete_webhook", async |server| {
            let body = request(&PROVIDER, "delete_webhook", "by_url");
            outcome(client(server).delete_webhook(&body).await, show!(DeleteWebhookError))
        })
        .await;
        check(&PROVIDER, "list_webhooks", async |server| {
            outcome(client(server).list_webhooks().await, show!(ListWebhooksError, Unauthorized, Conflict))
        })
        .await;
        check(&PROVIDER, "list_orders", async |server| {
            outcome(client(server).list_orders("3").await, show!(ListOrdersError, Unauthorized, Conflict))
        })
        .await;
        check(&PROVIDER, "search_orders", async |server| {
            let body = request(&PROVIDER, "search_orders", "of_a_store");
            outcome(client(server).search_orders(&body).await, |_| unreachable!("none is documented"))
        })
        .await;
        check(&PROVIDER, "accept_order", async |server| {
            let body = request(&PROVIDER, "accept_order", "webhook_content");
            outcome(client(server).accept_order(&body).await, show!(AcceptOrderError))
        })
        .await;
        check(&PROVIDER, "deny_order", async |server| {
            let body = request(&PROVIDER, "deny_order", "webhook_content");
            outcome(client(server).deny_order(&body).await, show!(DenyOrderError))
        })
        .await;
        check(&PROVIDER, "upload_menu", async |server| {
            let body = request(&PROVIDER, "upload_menu", "one_item");
            outcome(client(server).upload_menu(&body).await, show!(UploadMenuError, Unauthorized, Conflict))
        })
        .await;
        check(&PROVIDER, "send_market_order", async |server| {
            let body = request(&PROVIDER, "send_market_order", "visible_part");
            outcome(client(server).send_market_order(&body).await, show!(SendMarketOrderError, ClientError))
        })
        .await;
        check(&PROVIDER, "set_logistics_webhook", async |server| {
            let body = request(&PROVIDER, "set_logistics_webhook", "estimates");
            let answer = client(server).set_logistics_webhook(&body).await;
            outcome(answer, show!(SetLogisticsWebhookError, Conflict, UnprocessableEntity))
        })
        .await;
        check(&PROVIDER, "list_logistics_integrations", async |server| {
            let answer = client(server).list_logistics_integrations().await;
            outcome(answer, |_| unreachable!("none is documented"))
        })
        .await;
        check(&PROVIDER, "switch_logistics_integration", async |server| {
            let body = request(&PROVIDER, "switch_logistics_integration", "enable");
            let answer = client(server).switch_logistics_integration(&body).await;
            outcome(answer, show!(SwitchLogisticsIntegrationError))
        })
        .await;
        check(&PROVIDER, "set_delivery_status_webhook", async |server| {
            let body = request(&PROVIDER, "set_delivery_status_webhook", "one_url");
            let answer = client(server).set_delivery_status_webhook(&body).await;
            outcome(answer, show!(SetDeliveryStatusWebhookError, Conflict, UnprocessableEntity))
        })
        .await;
        check(&PROVIDER, "set_delivery_location_webhook", async |server| {
            let body = request(&PROVIDER, "set_delivery_location_webhook", "one_url");
            let answer = client(server).set_delivery_location_webhook(&body).await;
            outcome(answer, show!(SetDeliveryLocationWebhookError, Conflict, UnprocessableEntity))
        })
        .await;
        check(&PROVIDER, "estimate_delivery", async |server| {
            let body = request(&PROVIDER, "estimate_delivery", "addresses");
            let answer = client(server).estimate_delivery(&body).await;
            outcome(answer, show!(EstimateDeliveryError, Conflict, UnprocessableEntity))
        })
        .await;
        check(&PROVIDER, "request_delivery", async |server| {
            let body = request(&PROVIDER, "request_delivery", "addresses");
            outcome(client(server).request_delivery(&body).await, |_| unreachable!("none is documented"))
        })
        .await;
        check(&PROVIDER, "request_token", async |server| {
            let body = request(&PROVIDER, "request_token", "all_fields");
            outcome(client(server).request_token(&body).await, show!(RequestTokenError, Conflict, UnprocessableEntity))
        })
        .await;
        check(&PROVIDER, "refresh_token", async |server| {
            let body = request(&PROVIDER, "refresh_token", "all_fields");
            outcome(client(server).refresh_token(&body).await, show!(RefreshTokenError, Unauthorized, Conflict))
        })
        .await;
        let all = [
            "create_webhook",
            "update_webhook",
            "delete_webhook",
            "list_webhooks",
            "list_orders",
            "search_orders",
            "accept_order",
            "deny_order",
            "upload_menu",
            "send_market_order",
            "set_logistics_webhook",
            "list_logistics_integrations",
            "switch_logistics_integration",
            "set_delivery_status_webhook",
            "set_delivery_location_webhook",
            "estimate_delivery",
            "request_delivery",
            "request_token",
            "refresh_token",
        ];
        assert_all(&PROVIDER, &all);
    }
}

#[cfg(feature = "mypos")]
mod mypos {
    use super::{TOKEN, assert_all, check, outcome, request};
    use pos_webhooks::mypos::*;

    /// The id of the provider's own samples.
    const ID: &str = "6217960c-2a2e-4188-9025-af11abf47d5e";

    fn client(server: &str) -> Client {
        Client::with_options(server, Credentials::new(TOKEN), super::once()).unwrap()
    }

    #[tokio::test]
    async fn operations() {
        check(&PROVIDER, "create_webhook", async |server| {
            let body = request(&PROVIDER, "create_webhook", "create");
            outcome(client(server).create_webhook(&body).await, |_| unreachable!("none is documented"))
        })
        .await;
        check(&PROVIDER, "list_webhooks", async |server| {
            outcome(client(server).list_webhooks(None, None).await, |_| unreachable!("none is documented"))
        })
        .await;
        check(&PROVIDER, "get_webhook", async |server| {
            outcome(client(server).get_webhook(ID).await, |_| unreachable!("none is documented"))
        })
        .await;
        check(&PROVIDER, "update_webhook", async |server| {
            let body = request(&PROVIDER, "update_webhook", "url_and_secret");
            outcome(client(server).update_webhook(ID, &body).await, |_| unreachable!("none is documented"))
        })
        .await;
        check(&PROVIDER, "delete_webhook", async |server| {
            outcome(client(server).delete_webhook(ID).await, |_| unreachable!("none is documented"))
        })
        .await;
        check(&PROVIDER, "list_events", async |server| {
            outcome(client(server).list_events(None, None).await, |_| unreachable!("none is documented"))
        })
        .await;
        check(&PROVIDER, "create_subscription", async |server| {
            let body = request(&PROVIDER, "create_subscription", "with_filter");
            outcome(client(server).create_subscription(&body).await, |_| unreachable!("none is documented"))
        })
        .await;
        check(&PROVIDER, "list_subscriptions", async |server| {
            let answer = client(server).list_subscriptions(Some("2"), Some("50")).await;
            outcome(answer, |_| unreachable!("none is documented"))
        })
        .await;
        check(&PROVIDER, "get_subscription", async |server| {
            outcome(client(server).get_subscription(ID).await, |_| unreachable!("none is documented"))
        })
        .await;
        check(&PROVIDER, "update_subscription", async |server| {
            let body = request(&PROVIDER, "update_subscription", "one_terminal");
            outcome(client(server).update_subscription(ID, &body).await, |_| unreachable!("none is documented"))
        })
        .await;
        check(&PROVIDER, "delete_subscription", async |server| {
            outcome(client(server).delete_subscription(ID).await, |_| unreachable!("none is documented"))
        })
        .await;
        check(&PROVIDER, "fake_notification", async |server| {
            outcome(client(server).fake_notification(ID).await, |_| unreachable!("none is documented"))
        })
        .await;
        check(&PROVIDER, "list_notifications", async |server| {
            outcome(client(server).list_notifications(None, None).await, |_| unreachable!("none is documented"))
        })
        .await;
        check(&PROVIDER, "request_token", async |server| {
            let body = request(&PROVIDER, "request_token", "webhooks");
            let answer = client(server).request_token("client", "NOT-FOR-LOGS", &body).await;
            outcome(answer, |_| unreachable!("none is documented"))
        })
        .await;
        check(&PROVIDER, "revoke_token", async |server| {
            let body = request(&PROVIDER, "revoke_token", "token");
            let answer = client(server).revoke_token("client", "NOT-FOR-LOGS", &body).await;
            outcome(answer, |_| unreachable!("none is documented"))
        })
        .await;
        let all = [
            "create_webhook",
            "list_webhooks",
            "get_webhook",
            "update_webhook",
            "delete_webhook",
            "list_events",
            "create_subscription",
            "list_subscriptions",
            "get_subscription",
            "update_subscription",
            "delete_subscription",
            "fake_notification",
            "list_notifications",
            "request_token",
            "revoke_token",
        ];
        assert_all(&PROVIDER, &all);
    }
}

#[cfg(feature = "vipps")]
mod vipps {
    use super::{TOKEN, assert_all, check, outcome, request};
    use pos_webhooks::vipps::*;

    const ID: &str = "497f6eca-6276-4993-bfeb-53cbbbba6f08";

    /// All seven constant headers, with the values of the provider's reference where it has one.
    fn client(server: &str) -> Client {
        let credentials = Credentials::new(TOKEN)
            .ocp_apim_subscription_key("da7d5b0e18a84aeda961c0c31b75c2a9")
            .merchant_serial_number("123456".parse().unwrap())
            .psp_id("a-psp")
            .vipps_system_name("woocommerce")
            .vipps_system_version("5.4.0")
            .vipps_system_plugin_name("vipps-woocommerce")
            .vipps_system_plugin_version("1.2.1");
        Client::with_options(server, credentials, super::once()).unwrap()
    }

    macro_rules! show {
        ($error:ident) => {
            |error: &$error| match error {
                $error::BadRequest(problem) => format!("BadRequest {problem:?}"),
                _ => unreachable!(),
            }
        };
    }

    #[tokio::test]
    async fn operations() {
        check(&PROVIDER, "list_webhooks", async |server| {
            outcome(client(server).list_webhooks().await, show!(ListWebhooksError))
        })
        .await;
        check(&PROVIDER, "register_webhook", async |server| {
            let body = request(&PROVIDER, "register_webhook", "documented");
            outcome(client(server).register_webhook(&body).await, show!(RegisterWebhookError))
        })
        .await;
        check(&PROVIDER, "delete_webhook", async |server| {
            outcome(client(server).delete_webhook(ID).await, show!(DeleteWebhookError))
        })
        .await;
        check(&PROVIDER, "get_access_token", async |server| {
            outcome(client(server).get_access_token("client", "NOT-FOR-LOGS").await, |error| match error {
                GetAccessTokenError::BadRequest => "BadRequest".to_owned(),
                GetAccessTokenError::Unauthorized => "Unauthorized".to_owned(),
                GetAccessTokenError::InternalServerError => "InternalServerError".to_owned(),
                _ => unreachable!(),
            })
        })
        .await;
        check(&PROVIDER, "get_donations_token", async |server| {
            let body = request(&PROVIDER, "get_donations_token", "client_credentials");
            let answer = client(server).get_donations_token("client", "NOT-FOR-LOGS", &body).await;
            outcome(answer, |_| unreachable!("none is documented"))
        })
        .await;
        let all = ["list_webhooks", "register_webhook", "delete_webhook", "get_access_token", "get_donations_token"];
        assert_all(&PROVIDER, &all);
    }
}
