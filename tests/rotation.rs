//! A registration is replaced without a moment in which no receiver accepts its deliveries, and is safe wherever the
//! replacement is interrupted.

#![cfg(all(feature = "sandbox", feature = "mypos", feature = "vipps"))]

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use pos_webhooks::catalogue::Provider;
use pos_webhooks::client::{Options, RotateError};
use pos_webhooks::sandbox::{AnswerFault, Fault, Registration, Sandbox, Trigger};
use pos_webhooks::vipps::models::RegisterWebhook;
use pos_webhooks::{Secret, vipps};
use serde_json::json;

const CAPTURED: &str = "epayments.payment.captured.v1";
const REFUNDED: &str = "epayments.payment.refunded.v1";
const UNKNOWN_ID: &str = "6217960c-2a2e-4188-9025-af11abf47d5e";
const URL: &str = "http://127.0.0.1:9/hooks";

/// A sandbox with one registration, which is the one to replace.
struct Shop {
    sandbox: Sandbox,
    client: vipps::Client,
    old: String,
}

impl Shop {
    async fn at(url: &str) -> Self {
        let sandbox = Sandbox::start().await.unwrap();
        let client: vipps::Client = sandbox.client().unwrap();
        let shop = Self { sandbox, client, old: String::new() };
        let old = shop.register(url, &[CAPTURED, REFUNDED]).await;
        Self { old, ..shop }
    }

    async fn register(&self, url: &str, events: &[&str]) -> String {
        let events = events.iter().map(|event| (*event).to_owned()).collect();
        self.client.register_webhook(&RegisterWebhook { url: url.to_owned(), events }).await.unwrap().id
    }

    fn registrations(&self) -> Vec<Registration> {
        self.sandbox.registrations("vipps").unwrap()
    }

    fn ids(&self) -> Vec<String> {
        self.registrations().into_iter().map(|registration| registration.id).collect()
    }

    /// The next call of an operation is executed, and its response lost. `GET` and `DELETE` are tried three times.
    fn lose(&self, operation: &str) {
        let tries = if operation == "register_webhook" { 1 } else { 3 };
        let fault = Fault::from(AnswerFault::Reset).provider("vipps").operation(operation).times(tries);
        self.sandbox.fault(fault).unwrap();
    }

    /// The calls of an operation are not executed.
    fn refuse(&self, operation: &str) {
        let status = AnswerFault::Status { status: 500, retry_after_seconds: None };
        self.sandbox.fault(Fault::from(status).provider("vipps").operation(operation)).unwrap();
    }
}

#[tokio::test]
async fn a_rotation_registers_anew_and_then_deletes_the_old_one() {
    let shop = Shop::at(URL).await;
    let rotation = shop.client.rotate(&shop.old).await.unwrap();
    let [old, new] = &shop.registrations()[..] else { panic!("{rotation:?}") };
    assert_eq!((rotation.old.as_str(), rotation.new.as_str()), (old.id.as_str(), new.id.as_str()));
    assert_eq!(rotation.secret.as_ref(), Some(&new.secret));
    assert_eq!((&new.url, &new.events), (&old.url, &old.events));
    assert_ne!(new.secret, old.secret);

    shop.client.finish_rotation(&rotation.old, &rotation.new).await.unwrap();
    assert_eq!(shop.ids(), [rotation.new.as_str()]);
    // The response may have been lost.
    shop.client.finish_rotation(&rotation.old, &rotation.new).await.unwrap();
    assert_eq!(shop.ids(), [rotation.new]);
    let error = shop.client.rotate(&rotation.old).await.unwrap_err();
    assert!(matches!(error, RotateError::NotFound(id) if id == rotation.old));
}

#[tokio::test]
async fn a_rotation_that_was_interrupted_does_not_register_a_third_one() {
    let shop = Shop::at(URL).await;
    // The order of the events does not matter, and other registrations are not touched.
    let other = shop.register(URL, &[CAPTURED]).await;
    shop.lose("register_webhook");
    let error = shop.client.rotate(&shop.old).await.unwrap_err();
    assert!(matches!(&error, RotateError::Register(source) if source.may_have_been_executed()), "{error:?}");
    let lost = shop.ids().pop().unwrap();

    for _ in 0..2 {
        let found = shop.client.rotate(&shop.old).await.unwrap();
        assert_eq!((found.new.as_str(), found.secret), (lost.as_str(), None));
    }
    let restarted = shop.client.restart_rotation(&shop.old, &lost).await.unwrap();
    assert_eq!(shop.ids(), [shop.old.clone(), other.clone(), restarted.new.clone()]);
    assert_eq!(restarted.secret, shop.registrations().pop().map(|new| new.secret));

    shop.lose("delete_webhook");
    shop.client.finish_rotation(&shop.old, &restarted.new).await.unwrap();
    assert_eq!(shop.ids(), [other, restarted.new]);
}

#[tokio::test]
async fn a_failed_step_leaves_a_registration_whose_secret_is_known() {
    let shop = Shop::at(URL).await;
    for operation in ["list_webhooks", "register_webhook"] {
        shop.refuse(operation);
        shop.client.rotate(&shop.old).await.unwrap_err();
        shop.sandbox.clear_faults();
        assert_eq!(shop.ids(), [shop.old.as_str()], "{operation}");
    }
    let rotation = shop.client.rotate(&shop.old).await.unwrap();
    for operation in ["list_webhooks", "delete_webhook"] {
        shop.refuse(operation);
        shop.client.finish_rotation(&shop.old, &rotation.new).await.unwrap_err();
        shop.client.restart_rotation(&shop.old, &rotation.new).await.unwrap_err();
        shop.sandbox.clear_faults();
        assert_eq!(shop.ids(), [shop.old.clone(), rotation.new.clone()], "{operation}");
    }
    // The old registration remains when the new one could not be replaced.
    shop.refuse("register_webhook");
    let error = shop.client.restart_rotation(&shop.old, &rotation.new).await.unwrap_err();
    assert!(matches!(error, RotateError::Register(_)), "{error:?}");
    assert_eq!(shop.ids(), [shop.old.as_str()]);
}

#[tokio::test]
async fn a_response_without_a_secret_is_in_the_error_and_not_shown() {
    let shop = Shop::at(URL).await;
    let body = json!({"id": UNKNOWN_ID, "secret": " ", "key": "the new secret"}).to_string();
    let garbage = AnswerFault::Garbage { body: Some(body.clone()), media_type: Some("application/json".to_owned()) };
    shop.sandbox.fault(Fault::from(garbage).operation("register_webhook").times(1)).unwrap();
    let error = shop.client.rotate(&shop.old).await.unwrap_err();
    assert!(!format!("{error:?} {error}").contains("the new secret"), "{error:?}");
    let RotateError::NoSecret { new, response } = error else { panic!("{error:?}") };
    assert_eq!((new.as_deref(), response.expose()), (Some(UNKNOWN_ID), body.as_str()));
    assert_eq!(shop.ids().len(), 2, "it was registered");
}

#[tokio::test]
async fn nothing_is_deleted_unless_the_new_registration_takes_its_place() {
    let shop = Shop::at(URL).await;
    let others =
        [shop.register("http://127.0.0.1:9/other", &[CAPTURED, REFUNDED]).await, shop.register(URL, &[CAPTURED]).await];
    for new in [&others[0], &others[1], &shop.old] {
        for error in [
            shop.client.finish_rotation(&shop.old, new).await.unwrap_err(),
            shop.client.restart_rotation(&shop.old, new).await.unwrap_err(),
        ] {
            assert!(matches!(&error, RotateError::Mismatch { .. }), "{error:?}");
        }
    }
    for (old, new) in [(shop.old.as_str(), UNKNOWN_ID), ("deleted", UNKNOWN_ID)] {
        let error = shop.client.finish_rotation(old, new).await.unwrap_err();
        assert!(matches!(&error, RotateError::NotFound(id) if id == UNKNOWN_ID), "{error:?}");
    }
    let error = shop.client.rotate(UNKNOWN_ID).await.unwrap_err();
    assert!(matches!(&error, RotateError::NotFound(_)), "{error:?}");

    // It is not certain which of two is the new one.
    let twins = [shop.register(URL, &[REFUNDED, CAPTURED]).await, shop.register(URL, &[CAPTURED, REFUNDED]).await];
    let error = shop.client.rotate(&shop.old).await.unwrap_err();
    assert!(matches!(&error, RotateError::Ambiguous(ids) if ids[..] == twins), "{error:?}");
    assert_eq!(shop.ids().len(), 5);
}

#[tokio::test]
async fn a_rotation_is_not_finished_while_a_registration_with_another_id_is_replaced() {
    let shop = Shop::at(URL).await;
    let new = shop.client.rotate(&shop.old).await.unwrap().new;
    let error = shop.client.finish_rotation("mistyped", &new).await.unwrap_err();
    assert!(matches!(&error, RotateError::Ambiguous(ids) if *ids == [shop.old.clone()]), "{error:?}");
    assert_eq!(shop.ids(), [shop.old.as_str(), &new]);
}

#[tokio::test]
async fn where_only_one_registration_is_allowed_the_old_one_is_kept() {
    let shop = Shop::at(URL).await;
    let only = shop.register(URL, &["user.checked-in.v1"]).await;
    let error = shop.client.rotate(&only).await.unwrap_err();
    assert!(matches!(&error, RotateError::Register(source) if !source.may_have_been_executed()), "{error:?}");
    assert_eq!(shop.ids(), [shop.old.as_str(), only.as_str()]);
}

#[tokio::test]
async fn a_provider_whose_secrets_are_chosen_says_what_to_use_instead() {
    let sandbox = Sandbox::start().await.unwrap();
    let error = sandbox.any_client("mypos").unwrap().rotate(UNKNOWN_ID).await.unwrap_err();
    assert!(matches!(error, RotateError::Unsupported { provider: "mypos", .. }), "{error:?}");
    assert!(error.to_string().contains("the caller chooses the secret"), "{error}");
}

/// The values that are required beside the URL and the events are not in the list.
#[tokio::test]
async fn a_provider_that_requires_other_values_says_what_to_do_instead() {
    const ACME: &str = include_str!("sandbox/acme.yaml");
    let create = "      summary: Creates an endpoint.\n      parameters: [";
    let header = "{name: Acme-Try, in: header, required: true, description: A number., schema: {type: string}}, ";
    let members = "required: [url, topics]\n      properties:\n";
    let label =
        "required: [url, topics, label]\n      properties:\n        label: {type: string, description: A name.}\n";
    for (changed, is_supported) in [
        (ACME.to_owned(), true),
        (ACME.replace(create, &format!("{create}{header}")), false),
        (ACME.replace(members, label).replace("topics: [paid]}}}}", "topics: [paid], label: A}}}}"), false),
    ] {
        let generated = pos_webhooks_build::generate("acme", "changed.yaml", &changed);
        let generated = generated.unwrap_or_else(|findings| panic!("{}", findings.join("\n")));
        let provider = Provider::read(&generated.description).unwrap();
        let sandbox = Sandbox::builder().provider(provider).start().await.unwrap();
        let error = sandbox.any_client("acme").unwrap().rotate(UNKNOWN_ID).await.unwrap_err();
        match error {
            RotateError::NotFound(_) => assert!(is_supported),
            RotateError::Unsupported { reason, .. } => {
                assert!(!is_supported && reason.contains("its list does not contain"), "{reason}");
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn errors_show_neither_secrets_nor_tokens() {
    let shop = Shop::at(URL).await;
    let rotation = shop.client.rotate(&shop.old).await.unwrap();
    let secret = rotation.secret.clone().unwrap();
    let wrong = vipps::Client::with_options(
        &shop.sandbox.account("vipps").unwrap().base_url,
        vipps::Credentials::new("a wrong token"),
        Options::default(),
    );
    let error = wrong.unwrap().rotate(&shop.old).await.unwrap_err();
    for shown in [format!("{rotation:?}"), format!("{error:?} {error}")] {
        assert!(!shown.contains(secret.expose()) && !shown.contains("a wrong token"), "{shown}");
    }
}

/// A receiver that takes secrets while it runs, and responds with 401 to what it refuses.
struct Endpoint {
    url: String,
    secrets: Arc<Mutex<Vec<Secret>>>,
    /// For each refused delivery, its registration and the number of secrets at that time.
    refused: Arc<Mutex<Vec<(String, usize)>>>,
}

impl Endpoint {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hooks", listener.local_addr().unwrap());
        let (secrets, refused) = (Arc::<Mutex<Vec<Secret>>>::default(), Arc::<Mutex<Vec<_>>>::default());
        let (registered, known, log) = (url.clone(), Arc::clone(&secrets), Arc::clone(&refused));
        let handler = async move |request: Request| {
            let (head, body) = request.into_parts();
            let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
            let request = http::Request::from_parts(head, body);
            let secrets = known.lock().unwrap().clone();
            let receiver = vipps::Receiver::new(&registered, secrets.clone()).unwrap();
            match receiver.receive(&request) {
                Ok(event) => event.acknowledgement().status,
                Err(_) => {
                    let registration = request.headers()["webhook-id"].to_str().unwrap().to_owned();
                    log.lock().unwrap().push((registration, secrets.len()));
                    StatusCode::UNAUTHORIZED
                }
            }
        };
        tokio::spawn(async move { axum::serve(listener, Router::new().fallback(handler)).await });
        Self { url, secrets, refused }
    }
}

#[tokio::test]
async fn no_delivery_is_refused_by_a_receiver_with_both_secrets() {
    let endpoint = Endpoint::start().await;
    let shop = Shop::at(&endpoint.url).await;
    endpoint.secrets.lock().unwrap().extend(shop.registrations().into_iter().map(|old| old.secret));
    let deliver = async || shop.sandbox.deliver("vipps", Trigger::new(CAPTURED).time_scale(1e6)).await.unwrap();
    let is_finished = std::cell::Cell::new(false);
    let load = async {
        let mut deliveries = Vec::new();
        while !is_finished.get() {
            deliveries.push(deliver().await);
        }
        deliveries
    };
    let rotation = async {
        let delivered = async |attempts: u64| {
            let last = || shop.sandbox.log().last().map_or(0, |attempt| attempt.number);
            let wanted = last() + attempts;
            while last() < wanted {
                tokio::task::yield_now().await;
            }
        };
        delivered(5).await;
        let rotation = shop.client.rotate(&shop.old).await.unwrap();
        // A receiver refuses the new registration until it has the secret; the provider delivers again.
        delivered(1).await;
        endpoint.secrets.lock().unwrap().extend(rotation.secret.clone());
        delivered(10).await;
        shop.client.finish_rotation(&rotation.old, &rotation.new).await.unwrap();
        delivered(5).await;
        is_finished.set(true);
        rotation
    };
    let (deliveries, rotation) = tokio::join!(load, rotation);

    for (registration, secrets) in endpoint.refused.lock().unwrap().iter() {
        assert_eq!((registration, *secrets), (&rotation.new, 1));
    }
    let (mut by_old, mut by_new) = (0, 0);
    for attempts in &deliveries {
        let of = |id: &str| attempts.iter().rfind(|attempt| attempt.registration == id);
        let last = [of(&rotation.old), of(&rotation.new)];
        assert!(last.iter().any(Option::is_some));
        assert!(last.iter().flatten().all(|attempt| attempt.is_acknowledged()), "{attempts:?}");
        by_old += usize::from(last[0].is_some());
        by_new += usize::from(last[1].is_some());
    }
    assert!(by_old > 0 && by_new > 0 && by_old + by_new > deliveries.len(), "{by_old} {by_new}");

    endpoint.secrets.lock().unwrap().remove(0);
    let attempts = deliver().await;
    assert!(matches!(&attempts[..], [only] if only.registration == rotation.new && only.is_acknowledged()));
}
