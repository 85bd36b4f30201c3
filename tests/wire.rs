//! What every operation sends, byte by byte, and what becomes of every documented answer and of some that are not.

#![cfg(all(feature = "client", any(feature = "mipos", feature = "mypos", feature = "vipps")))]

use std::fmt::{Debug, Write as _};

use pos_webhooks::catalogue::{Body, Operation, Provider, Response};
use pos_webhooks::client::{AnyClient, Error, Options, Refused, Retries};
use serde::de::DeserializeOwned;
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

/// The token of the providers' own samples.
const TOKEN: &str = "PLpC1CqVE9CYXolbGNBPqz0NYy8asFzG95XcToDsMP";

/// What answers with a body that is not documented contain; no error may show it.
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
    let kind = match error.answer() {
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

/// An answer of the server and what it is called in the snapshot.
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

/// Every documented answer with each of its examples, then what proxies and outages do.
fn script(operation: &'static Operation) -> Vec<Scripted> {
    let mut script = Vec::new();
    for answer in operation.answers {
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
    for answer in operation.answers.iter().filter(|answer| answer.body.is_some()) {
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

/// The client of any provider tells answers apart as the typed one does. That it sends the same is in `calls.rs`.
async fn check_any(provider: &'static Provider, operation: &'static Operation, answers: &[Seen]) {
    let parameters: Vec<_> = operation.path_parameters.iter().map(|it| (it.name, "id")).collect();
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

/// An answer, and what the typed client made of it.
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
        for operation in provider.operations {
            let error: Error<Refused> = client.call(operation, &[], Some("{}")).await.unwrap_err();
            let parameter = !operation.path_parameters.is_empty();
            let expected = if parameter { "must not be empty" } else { "the token is empty" };
            assert!(error.to_string().contains(expected), "{error}");
        }
    }
}

/// Calls an operation once per scripted answer and snapshots the request and all outcomes.
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
            |error: &$error| match error {
                $error::Unauthorized(message) => format!("Unauthorized {message:?}"),
                $error::Conflict(conflict) => format!("Conflict {:?}", conflict.message),
                $error::UnprocessableEntity(fields) => format!("UnprocessableEntity {:?}", fields.0),
                _ => unreachable!(),
            }
        };
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
            outcome(client(server).list_webhooks().await, |error| match error {
                ListWebhooksError::Unauthorized(message) => format!("Unauthorized {message:?}"),
                ListWebhooksError::Conflict(conflict) => format!("Conflict {:?}", conflict.message),
                _ => unreachable!(),
            })
        })
        .await;
        assert_all(&PROVIDER, &["create_webhook", "update_webhook", "delete_webhook", "list_webhooks"]);
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
            outcome(client(server).list_webhooks().await, |_| unreachable!("none is documented"))
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
        let all = ["create_webhook", "list_webhooks", "get_webhook", "update_webhook", "delete_webhook"];
        assert_all(&PROVIDER, &all);
    }
}

#[cfg(feature = "vipps")]
mod vipps {
    use super::{TOKEN, assert_all, check, outcome, request};
    use pos_webhooks::vipps::*;

    const ID: &str = "497f6eca-6276-4993-bfeb-53cbbbba6f08";

    /// All six constant headers, with the values of the provider's reference.
    fn client(server: &str) -> Client {
        let credentials = Credentials::new(TOKEN)
            .ocp_apim_subscription_key("da7d5b0e18a84aeda961c0c31b75c2a9")
            .merchant_serial_number("123456".parse().unwrap())
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
        assert_all(&PROVIDER, &["list_webhooks", "register_webhook", "delete_webhook"]);
    }
}
