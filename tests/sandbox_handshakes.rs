//! The sandbox performs the handshake of a provider before it registers a URL, and says why it does not register it.

#![cfg(feature = "sandbox")]

#[path = "signatures/specification.rs"]
mod specification;

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{Response, StatusCode};
use pos_webhooks::catalogue::Provider;
use pos_webhooks::sandbox::{RegisterError, Sandbox};
use pos_webhooks::verify::Timestamp;
use pos_webhooks::{AnyReceiver, Registered};
use serde_json::json;

/// The receiver of an endpoint, which it has once its URL is known.
type Receiver = Arc<Mutex<Option<AnyReceiver>>>;

/// An endpoint that answers handshakes as its receiver says, and everything else with 200.
async fn endpoint() -> (String, Receiver) {
    let receiver = Receiver::default();
    let answers = Arc::clone(&receiver);
    let handler = async move |request: Request| {
        let (head, body) = request.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        let request = Request::from_parts(head, body);
        let receiver = answers.lock().unwrap().clone();
        match receiver.map(|receiver| (receiver.handshake(&request, Timestamp::now()), receiver)) {
            None => Response::new(Body::empty()),
            Some((Ok(Some(answer)), _)) => Response::<String>::from(answer).map(Body::from),
            Some((Ok(None), receiver)) => {
                let status = match receiver.receive(&request, Timestamp::now()) {
                    Ok(_) => StatusCode::OK,
                    Err(_) => StatusCode::UNAUTHORIZED,
                };
                Response::builder().status(status).body(Body::empty()).unwrap()
            }
            Some((Err(error), _)) => Response::builder().status(error.status()).body(Body::empty()).unwrap(),
        }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hooks?shop=1", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(handler)).await });
    (url, receiver)
}

/// A receiver with what the sandbox's account says.
fn receiver(sandbox: &Sandbox, provider: &'static Provider, url: &str) -> AnyReceiver {
    let credentials = &sandbox.account(provider.name).unwrap().credentials;
    // Handshakes that are not signed do not need the secret, which belongs to the registration then.
    let secret = credentials.get("secret").cloned().unwrap_or_else(|| "any".into());
    let registered = Registered { url: Some(url), event: Some("paid"), signature: None };
    let receiver = AnyReceiver::new(provider, registered, [secret]).unwrap();
    match credentials.get("verify_token") {
        Some(token) => receiver.with_verify_token(token.clone()).unwrap(),
        None => receiver,
    }
}

fn refusal(error: RegisterError) -> String {
    assert!(matches!(error, RegisterError::Handshake(_)), "{error:?}");
    error.to_string()
}

#[tokio::test]
async fn a_url_is_registered_once_its_receiver_has_answered() {
    for name in ["slack", "zoom", "discord", "trello", "dropbox", "meta", "x"] {
        let provider = specification::provider(name);
        let sandbox = Sandbox::builder().provider(provider).start().await.unwrap();
        let (url, answers) = endpoint().await;
        if name != "trello" {
            let refused = refusal(sandbox.register(name, &url, &[]).await.unwrap_err());
            let expected = "the body of the receiver's answer to the handshake is not the expected one";
            assert_eq!(refused, format!("the URL is not registered: {expected}"), "{name}");
            assert!(sandbox.registrations(name).unwrap().is_empty(), "{name}");
        }
        *answers.lock().unwrap() = Some(receiver(&sandbox, provider, &url));
        let registered = sandbox.register(name, &url, &[]).await.unwrap();
        assert_eq!(sandbox.registrations(name).unwrap().len(), 1, "{name}");

        // The secret of the registration verifies its deliveries.
        let registration = Registered { url: Some(&url), event: Some("paid"), signature: None };
        let of_registration = AnyReceiver::new(provider, registration, [registered.secret]).unwrap();
        *answers.lock().unwrap() = Some(of_registration);
        let attempts = sandbox.deliver(name, "paid").await.unwrap();
        assert_eq!(attempts.iter().map(|attempt| attempt.status).collect::<Vec<_>>(), [Some(200)], "{name}");
    }
}

#[tokio::test]
async fn a_receiver_that_does_not_answer_is_told_apart_from_one_that_refuses() {
    let provider = specification::provider("meta");
    let sandbox = Sandbox::builder().provider(provider).start().await.unwrap();
    let unreachable = refusal(sandbox.register("meta", "http://127.0.0.1:9/hooks", &[]).await.unwrap_err());
    assert!(unreachable.ends_with("the receiver does not answer the handshake at all"), "{unreachable}");
    let (url, answers) = endpoint().await;
    let other_token = receiver(&sandbox, provider, &url).with_verify_token("another").unwrap();
    *answers.lock().unwrap() = Some(other_token);
    let refused = refusal(sandbox.register("meta", &url, &[]).await.unwrap_err());
    assert!(refused.ends_with("answers the handshake with the status 403, and not with 200"), "{refused}");
}

#[tokio::test]
async fn a_receiver_on_another_machine_is_not_asked() {
    let sandbox = Sandbox::builder().provider(specification::provider("dropbox")).start().await.unwrap();
    sandbox.register("dropbox", "https://shop.invalid/hooks", &[]).await.unwrap();
}

/// `sandbox/acme.yaml` with a handshake.
fn acme() -> &'static Provider {
    let text = include_str!("sandbox/acme.yaml");
    let handshake =
        "x-handshake: {method: GET, when: {query: check}, answer: {json: {checked: '{query.check}', ok: true}}}";
    let text = text.replacen("x-redelivery:", &format!("{handshake}\nx-redelivery:"), 1);
    let generated = pos_webhooks_build::generate("acme", "acme.yaml", &text);
    let generated = generated.unwrap_or_else(|findings| panic!("{}", findings.join("\n")));
    Provider::read(&generated.description).unwrap()
}

#[tokio::test]
async fn an_operation_that_registers_or_moves_a_url_is_refused_without_an_answer() {
    let provider = acme();
    let sandbox = Sandbox::builder().provider(provider).start().await.unwrap();
    let client = sandbox.any_client("acme").unwrap();
    let (silent, _) = endpoint().await;
    let (url, answers) = endpoint().await;
    *answers.lock().unwrap() = Some(AnyReceiver::new(provider, Registered::default(), ["c2VjcmV0"]).unwrap());
    let create = |url: &str| {
        let body = json!({"endpoint": {"url": url, "topics": ["paid"]}}).to_string();
        let client = client.clone();
        async move { client.call(provider.operation("create_endpoint").unwrap(), &[], Some(&body)).await }
    };
    let refused = create(&silent).await.unwrap_err();
    assert_eq!(refused.status(), Some(StatusCode::UNPROCESSABLE_ENTITY));
    assert!(sandbox.registrations("acme").unwrap().is_empty());
    create(&url).await.unwrap();
    let registered = sandbox.registrations("acme").unwrap().remove(0);
    assert_eq!((registered.url.as_str(), registered.active), (url.as_str(), true));

    let replace = |url: &str, topics: &[&str]| {
        let body = json!({"url": url, "topics": topics, "enabled": 1}).to_string();
        let (client, id) = (client.clone(), registered.id.clone());
        async move {
            let operation = provider.operation("replace_endpoint").unwrap();
            client.call(operation, &[("endpoint_id", &id)], Some(&body)).await
        }
    };
    replace(&silent, &["paid"]).await.unwrap_err();
    assert_eq!(sandbox.registrations("acme").unwrap()[0].url, url, "as it was");
    let (other, answers) = endpoint().await;
    *answers.lock().unwrap() = Some(AnyReceiver::new(provider, Registered::default(), ["c2VjcmV0"]).unwrap());
    replace(&other, &["paid", "refunded"]).await.unwrap();
    let moved = sandbox.registrations("acme").unwrap().remove(0);
    assert_eq!((moved.url, moved.events.len(), moved.id), (other.clone(), 2, registered.id.clone()));
    *answers.lock().unwrap() = None;
    replace(&other, &["paid"]).await.unwrap();
    assert_eq!(sandbox.registrations("acme").unwrap()[0].events, ["paid"], "the URL is the same");
}
