//! The sandbox simulates any provider by its description alone. `sandbox/acme.yaml` is an invented provider.

#![cfg(feature = "sandbox")]

#[path = "described/mod.rs"]
mod described;

use std::sync::{Arc, LazyLock, Mutex};

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use pos_webhooks::catalogue::Provider;
use pos_webhooks::client::{AnyClient, http_client};
use pos_webhooks::sandbox::{DeliveryFault, Fault, RegisterError, Sandbox, Trigger};
use pos_webhooks::verify::{ReceiveError, Timestamp, VerifyError};
use pos_webhooks::{AnyReceiver, Registered};
use serde_json::{Value, json};

fn http() -> reqwest::Client {
    http_client().unwrap().build().unwrap()
}

static ACME: LazyLock<&'static Provider> = LazyLock::new(|| read("acme", include_str!("sandbox/acme.yaml")));

async fn acme() -> Sandbox {
    Sandbox::builder().provider(*ACME).start().await.unwrap()
}

/// Calls an operation with the untyped client, and returns the response or the status of the error.
async fn call(client: &AnyClient, id: &str, parameters: &[(&str, &str)], body: Value) -> Result<Value, StatusCode> {
    let body = (!body.is_null()).then(|| body.to_string());
    let answer = client.call(ACME.operation(id).unwrap(), parameters, body.as_deref()).await;
    let answer = answer.map_err(|error| error.status().unwrap_or_else(|| panic!("{error}")))?;
    Ok(serde_json::from_slice(answer.body()).unwrap_or_default())
}

fn new(url: &str, topics: &[&str]) -> Value {
    json!({"endpoint": {"url": url, "topics": topics}})
}

/// A server on loopback that responds with a list of statuses in turn, then with 200, and keeps the requests.
async fn endpoint(statuses: &[u16]) -> (String, Arc<Mutex<Vec<http::Request<Vec<u8>>>>>) {
    let arrived = Arc::new(Mutex::new(Vec::new()));
    let (statuses, kept) = (statuses.to_vec(), Arc::clone(&arrived));
    let handler = async move |request: Request| {
        let (head, body) = request.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap().to_vec();
        let mut kept = kept.lock().unwrap();
        kept.push(http::Request::from_parts(head, body));
        StatusCode::from_u16(statuses.get(kept.len() - 1).copied().unwrap_or(200)).unwrap()
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hooks", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(handler)).await });
    (url, arrived)
}

/// The provider of a document.
fn read(name: &str, text: &str) -> &'static Provider {
    let generated = pos_webhooks_build::generate(name, "changed.yaml", text);
    let generated = generated.unwrap_or_else(|findings| panic!("{}", findings.join("\n")));
    Provider::read(&generated.description).unwrap()
}

/// Another invented provider, with two signatures in every delivery.
const NIMBUS: &str = include_str!("fifth-provider/nimbus.yaml");

#[tokio::test]
async fn every_required_signature_is_sent_and_a_time_in_the_body_is_that_of_the_attempt() {
    let provider = read("nimbus", NIMBUS);
    let sandbox = Sandbox::builder().provider(provider).start().await.unwrap();
    let (url, arrived) = endpoint(&[]).await;
    described::register(&sandbox, provider, &url).await;
    sandbox.deliver("nimbus", "sale.done").await.unwrap();
    let own = r#"{"kind": "sale.done", "sent": "2026-11-26T20:00:00Z", "sale": "A-1", "total": 1.50}"#;
    sandbox.deliver("nimbus", Trigger::new("sale.done").payload(own.parse().unwrap())).await.unwrap();

    let arrived = arrived.lock().unwrap();
    for signature in ["v1", "v2"] {
        let registered = Registered { url: Some(&url), event: None, signature: Some(signature) };
        let receiver = AnyReceiver::new(provider, registered, [described::CHOSEN]).unwrap();
        assert!(receiver.receive(&arrived[0], Timestamp::now()).is_ok(), "{signature}");
    }
    let body = String::from_utf8(arrived[0].body().clone()).unwrap();
    assert!(body.contains(r#""total":12.50"#), "other members are as in the example: {body}");
    let (_, sent) = body.split_once(r#""sent":""#).unwrap();
    let (sent, _) = sent.split_once('"').unwrap();
    assert_eq!(sent.len(), "2026-11-26T20:00:00.000Z".len(), "a body has the same length at any time: {sent}");
    assert_eq!(arrived[1].body(), own.as_bytes(), "a payload of the caller is sent as it is");
}

#[tokio::test]
async fn deliveries_without_a_described_signature_do_not_prove_their_origin() {
    let (before, rest) = NIMBUS.split_once("x-signature:").unwrap();
    let (_, after) = rest.split_once("x-registration:").unwrap();
    for proof in ["none: Nothing is signed.", "custom: The signature is that of RSA."] {
        let provider = read("nimbus", &format!("{before}x-signature: {{{proof}}}\nx-registration:{after}"));
        let sandbox = Sandbox::builder().provider(provider).start().await.unwrap();
        let (url, arrived) = endpoint(&[]).await;
        described::register(&sandbox, provider, &url).await;
        let attempts = sandbox.deliver("nimbus", "sale.done").await.unwrap();
        assert_eq!((attempts.len(), attempts[0].is_acknowledged()), (1, true), "{proof}");
        let arrived = arrived.lock().unwrap();
        assert!(!arrived[0].headers().contains_key("nimbus-signature"), "{proof}");
    }
}

#[tokio::test]
async fn creates_lists_gets_changes_and_deletes() {
    let sandbox = acme().await;
    let client = sandbox.any_client("acme").unwrap();
    assert_eq!(call(&client, "list_endpoints", &[], Value::Null).await, Ok(json!({"endpoints": []})));

    let created = call(&client, "create_endpoint", &[], new("https://a.test/x", &["paid"])).await.unwrap();
    let id = created["endpoint"]["id"].as_str().unwrap().to_owned();
    uuid::Uuid::parse_str(&id).unwrap();
    assert!(created["signing_secret"].as_str().unwrap().starts_with("whsec_"));
    let endpoint = json!({"id": id, "url": "https://a.test/x", "topics": ["paid"], "enabled": 1, "note": "kept"});
    assert_eq!(created["endpoint"], endpoint, "what no role stands for is that of the example");
    let other = call(&client, "create_endpoint", &[], new("https://a.test/x", &["paid", "refunded"])).await.unwrap();
    assert_ne!((&other["endpoint"]["id"], &other["signing_secret"]), (&json!(id), &created["signing_secret"]));

    let at_id = [("endpoint_id", id.as_str())];
    let endpoint = json!({"id": id, "url": "https://a.test/x", "topics": ["paid"], "enabled": 1});
    assert_eq!(call(&client, "get_endpoint", &at_id, Value::Null).await, Ok(endpoint.clone()));
    let listed = call(&client, "list_endpoints", &[], Value::Null).await.unwrap();
    assert_eq!((&listed["endpoints"][0], listed["endpoints"].as_array().unwrap().len()), (&endpoint, 2));

    let change = json!({"url": "https://b.test", "topics": ["refunded"], "enabled": 0});
    let changed = json!({"id": id, "url": "https://b.test", "topics": ["refunded"], "enabled": 0});
    assert_eq!(call(&client, "replace_endpoint", &at_id, change).await, Ok(changed.clone()));
    assert_eq!(call(&client, "get_endpoint", &at_id, Value::Null).await, Ok(changed));
    let registration = &sandbox.registrations("acme").unwrap()[0];
    assert_eq!((registration.active, &registration.events), (false, &vec!["refunded".to_owned()]));
    assert_eq!(registration.secret.expose(), created["signing_secret"].as_str().unwrap(), "it stays the same");

    assert_eq!(call(&client, "delete_endpoint", &at_id, Value::Null).await, Ok(Value::Null));
    let listed = call(&client, "list_endpoints", &[], Value::Null).await.unwrap();
    let ids: Vec<_> = listed["endpoints"].as_array().unwrap().iter().map(|endpoint| &endpoint["id"]).collect();
    assert_eq!(ids, [&other["endpoint"]["id"]]);
}

#[tokio::test]
async fn an_unknown_id_is_the_documented_404_or_an_undocumented_one() {
    let sandbox = acme().await;
    let client = sandbox.any_client("acme").unwrap();
    let at_id = [("endpoint_id", "7d1e6f0c-30a8-4d8b-9f1e-1f2f7a0d3c55")];
    let change = json!({"url": "https://b.test", "topics": [], "enabled": 0});
    for (id, body) in [("get_endpoint", Value::Null), ("replace_endpoint", change), ("delete_endpoint", Value::Null)] {
        assert_eq!(call(&client, id, &at_id, body).await, Err(StatusCode::NOT_FOUND), "{id}");
    }
}

#[tokio::test]
async fn requests_that_violate_the_specification_are_refused() {
    let sandbox = acme().await;
    let client = sandbox.any_client("acme").unwrap();
    for body in [
        json!({}),
        json!({"endpoint": {"url": "https://a.test", "topics": ["paid"]}, "other": 1}),
        json!({"endpoint": {"topics": ["paid"]}}),
        json!({"endpoint": {"url": "https://a.test", "topics": [7]}}),
        // Nothing can be delivered there, though the schema takes any text.
        new("nowhere", &["paid"]),
        new("ftp://a.test", &["paid"]),
    ] {
        let refused = call(&client, "create_endpoint", &[], body.clone()).await;
        assert_eq!(refused, Err(StatusCode::UNPROCESSABLE_ENTITY), "{body}");
    }
    assert_eq!(sandbox.registrations("acme").unwrap().len(), 0);
}

#[tokio::test]
async fn a_call_needs_the_key_in_its_header_and_the_constant_header() {
    let sandbox = acme().await;
    let account = sandbox.account("acme").unwrap();
    let names: Vec<_> = account.credentials.keys().map(String::as_str).collect();
    assert_eq!(names, ["acme_shop", "app", "app_key", "token"], "the secret belongs to a registration");
    let (key, shop) = (account.credentials["token"].expose(), account.credentials["acme_shop"].expose());
    for (headers, status) in [
        (&[][..], 401),
        (&[("Acme-Key", "another"), ("Acme-Shop", shop)], 401),
        (&[("Authorization", key), ("Acme-Shop", shop)], 401),
        (&[("Acme-Key", key), ("Acme-Shop", shop)], 200),
        (&[("Acme-Key", key)], 400),
        (&[("Acme-Key", key), ("Acme-Shop", "12")], 400),
    ] {
        // At the documented path as well.
        for url in [format!("{}/endpoints", account.base_url), format!("{}/v1/endpoints", sandbox.url())] {
            let request = http().get(&url);
            let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
            assert_eq!(request.send().await.unwrap().status().as_u16(), status, "{headers:?} {url}");
        }
    }
    let refused = http().post(format!("{}/endpoints", account.base_url)).send().await.unwrap();
    let body: Value = serde_json::from_str(&refused.text().await.unwrap()).unwrap();
    assert_eq!(body, json!({"error": "Something is wrong."}), "as documented");
}

#[tokio::test]
async fn other_operations_answer_as_documented() {
    let sandbox = acme().await;
    let client = sandbox.any_client("acme").unwrap();
    assert_eq!(call(&client, "get_topic", &[("name", "x")], Value::Null).await, Ok(json!({"name": "paid"})));
}

#[tokio::test]
async fn a_delivery_verifies_and_is_attempted_again_as_the_description_says() {
    let sandbox = acme().await;
    let client = sandbox.any_client("acme").unwrap();
    let (url, arrived) = endpoint(&[500, 429, 503, 500, 400]).await;
    let created = call(&client, "create_endpoint", &[], new(&url, &["paid"])).await.unwrap();
    let secret = created["signing_secret"].as_str().unwrap();
    assert_eq!(sandbox.deliver("acme", "refunded").await.unwrap().len(), 0, "it did not ask for it");

    let attempts = sandbox.deliver("acme", Trigger::new("paid").time_scale(1e9)).await.unwrap();
    let waits: Vec<_> = attempts.iter().map(|attempt| attempt.retry_in.map(|wait| wait.as_secs())).collect();
    assert_eq!(waits, [Some(5), Some(300), Some(300), None]);
    let attempts = sandbox.deliver("acme", Trigger::new("paid").time_scale(1e9)).await.unwrap();
    assert_eq!((attempts.len(), attempts[0].status), (1, Some(400)), "it is not a failure that is delivered again");

    let arrived = arrived.lock().unwrap();
    let receiver = AnyReceiver::new(*ACME, Registered::default(), [secret]).unwrap();
    for request in arrived.iter() {
        assert_eq!(request.headers()["acme-event"], "paid");
        let event = receiver.receive(request, Timestamp::now()).unwrap();
        assert_eq!((event.name.as_deref(), event.known), (Some("paid"), true));
        assert_eq!(event.idempotency_key, receiver.receive(&arrived[0], Timestamp::now()).unwrap().idempotency_key);
        assert!(event.idempotency_key.is_some());
    }
    let ids: Vec<_> = arrived.iter().map(|request| &request.headers()["webhook-id"]).collect();
    assert!(ids[..4].iter().all(|id| *id == ids[0]) && ids[4] != ids[0], "an id is that of a delivery: {ids:?}");
}

#[tokio::test]
async fn a_wrong_signature_has_the_form_of_a_right_one() {
    let sandbox = acme().await;
    let client = sandbox.any_client("acme").unwrap();
    let (url, arrived) = endpoint(&[]).await;
    let created = call(&client, "create_endpoint", &[], new(&url, &["paid"])).await.unwrap();
    let receiver =
        AnyReceiver::new(*ACME, Registered::default(), [created["signing_secret"].as_str().unwrap()]).unwrap();
    for (fault, expected) in [(DeliveryFault::WrongSignature, "mismatch"), (DeliveryFault::StaleDate, "stale")] {
        sandbox.fault(Fault::from(fault).provider("acme").event("paid").times(1)).unwrap();
        sandbox.deliver("acme", "paid").await.unwrap();
        let request = arrived.lock().unwrap().pop().unwrap();
        let refused = receiver.receive(&request, Timestamp::now()).unwrap_err();
        let ReceiveError::Verify(refused) = refused else { panic!("{refused}") };
        let is_expected = match expected {
            "mismatch" => matches!(refused, VerifyError::SignatureMismatch),
            _ => matches!(refused, VerifyError::Stale { .. }),
        };
        assert!(is_expected, "{expected}: {refused}");
    }
}

#[tokio::test]
async fn it_is_a_provider_like_those_that_are_compiled_in() {
    let sandbox = acme().await;
    let page = http().get(sandbox.url()).send().await.unwrap().text().await.unwrap();
    assert!(page.contains(r#"action="/_sandbox/acme/deliver""#) && page.contains(r#"value="refunded""#));
    assert_eq!(sandbox.register("acme", "http://localhost:1", &[]).await.unwrap_err(), RegisterError::ByCalls("acme"));
    assert!(sandbox.account("stripe").unwrap_err().known.contains(&"acme"));
    assert!(sandbox.deliver("acme", "paid").await.unwrap().is_empty(), "nothing is registered");
}
