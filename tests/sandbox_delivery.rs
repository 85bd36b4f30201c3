//! Deliveries of the sandbox pass the receivers of this crate, are retried as documented, and only have the requested
//! faults.

#![cfg(all(feature = "sandbox", feature = "mipos", feature = "mypos", feature = "dealpos", feature = "vipps"))]

mod clock;
mod described;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::Request;
use axum::http::StatusCode;
use clock::pass;
use pos_webhooks::catalogue::{Event, EventNamePlace, Provider, Verification};
use pos_webhooks::client::http_client;
use pos_webhooks::sandbox::{Attempt, DeliverError, DeliveryFault, Fault, RegisterError, Sandbox, Trigger};
use pos_webhooks::verify::{ReceiveError, VerifyError};
use pos_webhooks::{AnyEvent, PROVIDERS, Secret, dealpos, mipos, mypos, vipps};
use tokio::time::Instant;

use described::{receive, register};

fn http() -> reqwest::Client {
    http_client().unwrap().build().unwrap()
}

/// A delivery as it arrived; the body is `None` where it broke off.
type Arrived = (http::request::Parts, Option<Vec<u8>>);

/// A server on loopback that responds with a list of statuses in turn, then with 200.
struct Endpoint {
    url: String,
    arrived: Arc<Mutex<Vec<Arrived>>>,
}

impl Endpoint {
    async fn answering(statuses: &[u16]) -> Self {
        let arrived = Arc::new(Mutex::new(Vec::new()));
        let (statuses, kept) = (statuses.to_vec(), Arc::clone(&arrived));
        let handler = async move |request: Request| {
            let (mut head, body) = request.into_parts();
            head.extensions.insert(Instant::now());
            let body = axum::body::to_bytes(body, usize::MAX).await.ok().map(Bytes::into);
            let mut kept = kept.lock().unwrap();
            let status = statuses.get(kept.len()).copied().unwrap_or(200);
            kept.push((head, body));
            StatusCode::from_u16(status).unwrap()
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hooks?shop=1", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, Router::new().fallback(handler)).await });
        Self { url, arrived }
    }

    /// What arrived so far, as requests.
    fn requests(&self) -> Vec<http::Request<Vec<u8>>> {
        let arrived = self.arrived.lock().unwrap();
        arrived
            .iter()
            .map(|(head, body)| http::Request::from_parts(head.clone(), body.clone().unwrap_or_default()))
            .collect()
    }

    /// The time between the first two requests.
    fn wait(&self) -> Duration {
        let requests = self.requests();
        let at = |index: usize| *requests[index].extensions().get::<Instant>().unwrap();
        at(1) - at(0)
    }
}

/// Waits until the log has this many attempts.
async fn logged(sandbox: &Sandbox, attempts: usize) {
    while sandbox.log().len() < attempts {
        tokio::task::yield_now().await;
    }
}

/// Registers an endpoint with Vipps MobilePay, and returns a receiver of its deliveries.
async fn vipps_receiver(sandbox: &Sandbox, endpoint: &Endpoint) -> vipps::Receiver {
    register(sandbox, &vipps::PROVIDER, &endpoint.url).await;
    let secret = sandbox.registrations("vipps").unwrap()[0].secret.clone();
    vipps::Receiver::new(&endpoint.url, [secret]).unwrap()
}

#[tokio::test]
async fn every_event_of_every_provider_is_received() {
    let sandbox = Sandbox::start().await.unwrap();
    for provider in PROVIDERS.iter().copied() {
        let endpoint = Endpoint::answering(&[]).await;
        register(&sandbox, provider, &endpoint.url).await;
        for (index, event) in provider.events.iter().enumerate() {
            let attempts = sandbox.deliver(provider.name, event.name).await.unwrap();
            let [attempt] = &attempts[..] else { panic!("{attempts:?}") };
            assert!(attempt.is_acknowledged(), "{attempt:?}");
            assert_eq!((attempt.event, attempt.attempt, attempt.retry_in), (event.name, 1, None));
            let request = &endpoint.requests()[index];
            assert_eq!(request.headers()["content-type"], event.payload.media_type, "{}", event.name);
            for header in event.headers.iter().filter(|header| header.required) {
                assert!(request.headers().contains_key(header.name), "{}: {}", event.name, header.name);
            }
            let received =
                receive(&sandbox, provider, attempt, request).unwrap_or_else(|error| panic!("{}: {error}", event.name));
            let is_named = provider.event_name != Some(EventNamePlace::Body) || !event.when.is_empty();
            assert_eq!((received.known, received.name.as_deref()), (is_named, is_named.then_some(event.name)));
            // A time in the body is that of the attempt.
            let signatures = match provider.verification_of(Some(event.name)) {
                Some(Verification::Signatures(signatures)) => *signatures,
                _ => &[],
            };
            let has_time = signatures.iter().any(|it| it.time.is_some_and(|time| time.member.is_some()));
            let is_example = event.payload.examples.iter().any(|example| example.json.as_bytes() == request.body());
            assert!(is_example || has_time, "{}", event.name);
            provider.validate(event.name, request.body()).unwrap();
        }
    }
}

#[tokio::test]
async fn the_typed_receivers_take_what_is_delivered() {
    let sandbox = Sandbox::start().await.unwrap();
    let endpoint = Endpoint::answering(&[]).await;
    let secret = |provider: &str| sandbox.registrations(provider).unwrap()[0].secret.clone();
    for provider in PROVIDERS.iter().copied() {
        register(&sandbox, provider, &endpoint.url).await;
    }
    let delivered = async |provider: &str, event: &str| {
        sandbox.deliver(provider, event).await.unwrap();
        endpoint.requests().pop().unwrap()
    };
    let receiver = mipos::Receiver::new(mipos::EventName::Order, [secret("mipos")]).unwrap();
    let order = receiver.receive(&delivered("mipos", "ORDER").await).unwrap();
    assert!(matches!(order, mipos::Event::Order(_)), "{order:?}");
    // One registration for events that are signed with other secrets.
    let account = sandbox.account("mipos").unwrap();
    for (event, own, other) in [
        (mipos::EventName::LogisticsEstimate, "client_secret", "secret"),
        (mipos::EventName::LogisticsRequest, "client_secret", "secret"),
        (mipos::EventName::MarketMenu, "secret", "client_secret"),
    ] {
        let request = delivered("mipos", event.as_str()).await;
        let receiver = |name| mipos::Receiver::new(event.clone(), [account.credentials[name].clone()]).unwrap();
        assert_eq!(receiver(own).receive(&request).unwrap().name(), event);
        assert!(receiver(other).receive(&request).is_err(), "{event}");
    }
    let receiver = mypos::Receiver::new([secret("mypos")]).unwrap();
    let completed = receiver.receive(&delivered("mypos", "pos.payment.completed").await).unwrap();
    assert!(matches!(completed, mypos::Event::PosPaymentCompleted(_)), "{completed:?}");
    let receiver = dealpos::Receiver::with_key(secret("dealpos")).unwrap();
    let created = receiver.receive(&delivered("dealpos", "paymentCreated").await).unwrap();
    assert!(matches!(created, dealpos::Event::PaymentCreated(_)), "{created:?}");
    let receiver = vipps::Receiver::new(&endpoint.url, [secret("vipps")]).unwrap();
    let captured = receiver.receive(&delivered("vipps", "epayments.payment.captured.v1").await).unwrap();
    assert!(matches!(captured, vipps::Event::EpaymentsPaymentCapturedV1(_)), "{captured:?}");
}

#[tokio::test]
async fn an_event_that_no_payload_identifies_is_received_as_that_of_the_registration() {
    let sandbox = Sandbox::start().await.unwrap();
    let endpoint = Endpoint::answering(&[]).await;
    let receiver = vipps_receiver(&sandbox, &endpoint).await;
    let donations = |name: &&str| name.starts_with("donations.");
    let donations: Vec<_> = vipps::PROVIDER.events.iter().map(|event| event.name).filter(donations).collect();
    assert_eq!(donations.len(), 4);
    for name in donations {
        sandbox.deliver("vipps", name).await.unwrap();
        let request = endpoint.requests().pop().unwrap();
        let unknown = receiver.receive(&request).unwrap();
        assert!(matches!(unknown, vipps::Event::Unknown(_)), "{unknown:?}");
        let of_event = receiver.clone().for_event(name.into());
        for event in [of_event.receive(&request).unwrap(), of_event.decode(request.body()).unwrap()] {
            assert_eq!(event.name(), vipps::EventName::from(name));
            assert!(!matches!(event, vipps::Event::Unknown(_)), "{event:?}");
        }
        // What a payload says takes precedence.
        sandbox.deliver("vipps", "epayments.payment.captured.v1").await.unwrap();
        let captured = of_event.receive(&endpoint.requests().pop().unwrap()).unwrap();
        assert!(matches!(captured, vipps::Event::EpaymentsPaymentCapturedV1(_)), "{captured:?}");
    }
}

#[tokio::test]
async fn deliveries_of_vipps_have_the_headers_that_were_observed() {
    let sandbox = Sandbox::start().await.unwrap();
    let endpoint = Endpoint::answering(&[]).await;
    register(&sandbox, &vipps::PROVIDER, &endpoint.url).await;
    let attempts = sandbox.deliver("vipps", "user.checked-in.v1").await.unwrap();
    let request = endpoint.requests().remove(0);
    assert_eq!(request.headers()["content-type"], "application/json; charset=utf-8");
    assert_eq!(request.headers()["webhook-id"], attempts[0].registration.as_str());
    assert_eq!(request.headers()["x-vipps-authorization"], request.headers()["authorization"]);
}

#[tokio::test]
async fn the_event_is_named_where_the_provider_names_it() {
    let sandbox = Sandbox::start().await.unwrap();
    let endpoint = Endpoint::answering(&[]).await;
    for provider in PROVIDERS.iter().copied() {
        register(&sandbox, provider, &endpoint.url).await;
    }
    sandbox.deliver("mypos", "pos.payment.completed").await.unwrap();
    sandbox.deliver("dealpos", "paymentDeleted").await.unwrap();
    sandbox.deliver("mipos", "Menu").await.unwrap();
    let requests = endpoint.requests();
    assert_eq!(requests[0].headers()["x-mypos-event"], "pos.payment.completed");
    assert_eq!(requests[1].uri(), "/hooks/paymentDeleted?shop=1");
    assert_eq!(requests[2].uri(), "/hooks?shop=1&Menu");
}

#[tokio::test]
async fn a_given_payload_is_delivered_unchanged() {
    let sandbox = Sandbox::start().await.unwrap();
    let endpoint = Endpoint::answering(&[]).await;
    register(&sandbox, &mypos::PROVIDER, &endpoint.url).await;
    let payload = r#"{ "amount": 10.10, "big": 12345678901234567890123 }"#;
    let delivery = Trigger::new("pos.payment.failed").payload(payload.parse().unwrap());
    sandbox.deliver("mypos", delivery).await.unwrap();
    assert_eq!(endpoint.requests()[0].body(), payload.as_bytes());
}

/// Subscribes a myPOS webhook to an event, and returns the id of the subscription.
async fn subscribe_to(client: &mypos::Client, webhook: &str, event: &str) -> String {
    let events = client.list_events(None, None).await.unwrap().events;
    let subscription = mypos::models::CreateSubscription {
        event_id: events.into_iter().find(|it| it.name == event).unwrap().id,
        webhook_id: Some(webhook.to_owned()),
        filter: None,
    };
    client.create_subscription(&subscription).await.unwrap().subscription.unwrap().id
}

#[tokio::test]
async fn a_subscribed_event_is_delivered_until_the_subscription_ends() {
    let sandbox = Sandbox::start().await.unwrap();
    let (first, second) = (Endpoint::answering(&[]).await, Endpoint::answering(&[]).await);
    let client = sandbox.client::<mypos::Client>().unwrap();
    let mut ids = Vec::new();
    for endpoint in [&first, &second] {
        let webhook = mypos::models::CreateWebhook { payload_url: endpoint.url.clone(), secret: "chosen".into() };
        ids.push(client.create_webhook(&webhook).await.unwrap().webhook.id);
    }
    let delivered = async |event: &str| -> Vec<String> {
        sandbox.deliver("mypos", event).await.unwrap().into_iter().map(|attempt| attempt.registration).collect()
    };
    for event in mypos::PROVIDER.events {
        assert!(delivered(event.name).await.is_empty(), "nothing is subscribed");
    }
    let completed = subscribe_to(&client, &ids[0], "pos.payment.completed").await;
    subscribe_to(&client, &ids[0], "pos.payment.reversed").await;
    subscribe_to(&client, &ids[1], "pos.payment.completed").await;
    assert_eq!(delivered("pos.payment.completed").await, ids);
    assert_eq!(delivered("pos.payment.reversed").await, ids[..1]);
    assert!(delivered("pos.payment.failed").await.is_empty());

    client.delete_subscription(&completed).await.unwrap();
    assert_eq!(delivered("pos.payment.completed").await, ids[1..]);
    assert_eq!(delivered("pos.payment.reversed").await, ids[..1]);
    client.delete_webhook(&ids[0]).await.unwrap();
    assert!(delivered("pos.payment.reversed").await.is_empty());
    assert_eq!((first.requests().len(), second.requests().len()), (3, 2));
}

#[tokio::test]
async fn a_fake_notification_is_delivered_once_and_listed() {
    let sandbox = Sandbox::start().await.unwrap();
    let endpoint = Endpoint::answering(&[200, 500]).await;
    let client = sandbox.client::<mypos::Client>().unwrap();
    let webhook = mypos::models::CreateWebhook { payload_url: endpoint.url.clone(), secret: "chosen".into() };
    let id = client.create_webhook(&webhook).await.unwrap().webhook.id;
    let subscription = subscribe_to(&client, &id, "pos.payment.completed").await;
    subscribe_to(&client, &id, "pos.payment.reversed").await;
    assert_eq!(client.list_notifications(None, None).await.unwrap().notifications, []);

    let fake = client.fake_notification(&subscription).await.unwrap().notification.unwrap();
    assert_eq!((fake.event.as_deref(), fake.response_code), (Some("pos.payment.completed"), Some(200)));
    assert_eq!((fake.url.as_deref(), fake.retry_count), (Some(endpoint.url.as_str()), Some(0)));
    let requests = endpoint.requests();
    let payload = serde_json::from_slice::<serde_json::Value>(requests[0].body()).unwrap();
    assert_eq!(serde_json::to_value(&fake.payload).unwrap(), payload);
    mypos::Receiver::new(["chosen"]).unwrap().receive(&requests[0]).unwrap();
    let fake = client.fake_notification(&subscription).await.unwrap().notification.unwrap();
    assert_eq!((fake.response_code, endpoint.requests().len()), (Some(500), 2), "it is not tried again");

    let delivery = Trigger::new("pos.payment.reversed").time_scale(1e9);
    sandbox.deliver("mypos", delivery).await.unwrap();
    let list = client.list_notifications(None, None).await.unwrap();
    let shown = |it: &mypos::models::SentNotification| (it.event.clone().unwrap(), it.response_code, it.retry_count);
    let completed = "pos.payment.completed".to_owned();
    assert_eq!(
        list.notifications.iter().map(shown).collect::<Vec<_>>(),
        [
            (completed.clone(), Some(200), Some(0)),
            (completed, Some(500), Some(0)),
            ("pos.payment.reversed".to_owned(), Some(200), Some(0)),
        ]
    );
    assert_eq!(list.pagination.unwrap().total, 3);
    let second = client.list_notifications(Some("2"), Some("2")).await.unwrap();
    assert_eq!(second.notifications, list.notifications[2..]);

    let off = mypos::models::UpdateWebhook { is_active: Some(0), payload_url: None, secret: None };
    client.update_webhook(&id, &off).await.unwrap();
    let fake = client.fake_notification(&subscription).await.unwrap().notification.unwrap();
    assert_eq!((fake.response_code, endpoint.requests().len()), (None, 3), "it is switched off");
    let unknown = client.fake_notification(described::UNKNOWN_ID).await.unwrap_err();
    assert_eq!(unknown.status(), Some(StatusCode::NOT_FOUND));
}

#[tokio::test]
async fn a_delivery_for_a_subscription_with_a_filter_notes_that_it_was_not_applied() {
    let sandbox = Sandbox::start().await.unwrap();
    let endpoint = Endpoint::answering(&[]).await;
    let client = sandbox.client::<mypos::Client>().unwrap();
    let webhook = mypos::models::CreateWebhook { payload_url: endpoint.url.clone(), secret: "chosen".into() };
    let id = client.create_webhook(&webhook).await.unwrap().webhook.id;
    let subscription = subscribe_to(&client, &id, "pos.payment.completed").await;
    subscribe_to(&client, &id, "pos.payment.reversed").await;
    let note = async |event: &str| sandbox.deliver("mypos", event).await.unwrap().remove(0).note;
    assert_eq!(note("pos.payment.completed").await, None);

    let filter = mypos::models::UpdateSubscription { filter: Some(r#"{"tids":["90004889"]}"#.into()) };
    client.update_subscription(&subscription, &filter).await.unwrap();
    let noted = note("pos.payment.completed").await.unwrap();
    assert!(noted.starts_with("the filter of the subscription was not applied"), "{noted}");
    assert_eq!(note("pos.payment.reversed").await, None, "it is another subscription");
    assert_eq!(endpoint.requests().len(), 3, "every occurrence is delivered");
}

#[tokio::test]
async fn a_listed_notification_has_its_last_attempt() {
    let sandbox = Sandbox::start().await.unwrap();
    let endpoint = Endpoint::answering(&[500, 503]).await;
    register(&sandbox, &mypos::PROVIDER, &endpoint.url).await;
    let delivery = Trigger::new("pos.payment.reversed").time_scale(1e9);
    sandbox.deliver("mypos", delivery).await.unwrap();
    let list = sandbox.client::<mypos::Client>().unwrap().list_notifications(None, None).await.unwrap();
    let [notification] = &list.notifications[..] else { panic!("{list:?}") };
    assert_eq!((notification.response_code, notification.retry_count), (Some(200), Some(2)));
}

#[tokio::test]
async fn only_registrations_for_an_event_receive_it() {
    let sandbox = Sandbox::start().await.unwrap();
    let endpoint = Endpoint::answering(&[]).await;
    sandbox.register("dealpos", &endpoint.url, &["paymentCreated"]).await.unwrap();
    assert_eq!(sandbox.deliver("dealpos", "paymentDeleted").await.unwrap().len(), 0);
    assert_eq!(sandbox.deliver("dealpos", "paymentCreated").await.unwrap().len(), 1);
    let client = sandbox.client::<mypos::Client>().unwrap();
    let webhook = mypos::models::CreateWebhook { payload_url: endpoint.url.clone(), secret: "chosen".into() };
    let id = client.create_webhook(&webhook).await.unwrap().webhook.id;
    subscribe_to(&client, &id, "pos.payment.failed").await;
    assert_eq!(sandbox.deliver("mypos", "pos.payment.denied").await.unwrap().len(), 0, "it is not subscribed to it");
    assert_eq!(sandbox.deliver("mypos", "pos.payment.failed").await.unwrap().len(), 1);
    let off = mypos::models::UpdateWebhook { is_active: Some(0), payload_url: None, secret: None };
    client.update_webhook(&id, &off).await.unwrap();
    assert_eq!(sandbox.deliver("mypos", "pos.payment.failed").await.unwrap().len(), 0, "it is switched off");
}

#[tokio::test]
async fn a_sales_unit_receives_its_own_events_and_a_partner_those_of_all() {
    const CAPTURED: &str = "epayments.payment.captured.v1";
    const CHECKED_IN: &str = "user.checked-in.v1";

    let sandbox = Sandbox::start().await.unwrap();
    let account = sandbox.account("vipps").unwrap();
    let endpoint = Endpoint::answering(&[]).await;
    let register = async |unit: Option<&str>, event: &str| {
        let credentials = vipps::Credentials::new(account.credentials["token"].clone());
        let credentials = match unit {
            Some(unit) => credentials.merchant_serial_number(unit.parse().unwrap()),
            None => credentials,
        };
        let client = vipps::Client::new(&account.base_url, credentials).unwrap();
        let webhook = vipps::models::RegisterWebhook { url: endpoint.url.clone(), events: vec![event.to_owned()] };
        client.register_webhook(&webhook).await.unwrap().id
    };
    // The registrations that receive an event of a sales unit.
    let receivers = async |event: &str, unit: &str| -> Vec<String> {
        let example = vipps::EventName::from(event).examples()[0].json;
        let mut payload: serde_json::Value = serde_json::from_str(example).unwrap();
        payload["msn"] = unit.into();
        let trigger = Trigger::new(event).payload(payload.to_string().parse().unwrap());
        let attempts = sandbox.deliver("vipps", trigger).await.unwrap();
        attempts.into_iter().map(|attempt| attempt.registration).collect()
    };
    // A captured payload can be delivered whatever its sales unit, if it is not that of another registration.
    let first = register(Some("123456"), "epayments.payment.refunded.v1").await;
    assert_eq!(receivers("epayments.payment.refunded.v1", "777777").await, [first]);

    let mut registered = Vec::new();
    for event in [CAPTURED, CHECKED_IN] {
        for unit in [Some("123456"), Some("654321"), None] {
            registered.push(register(unit, event).await);
        }
    }
    let [one, other, partner, own_check_in, other_check_in, of_partner] = &registered[..] else { unreachable!() };
    assert_eq!(receivers(CAPTURED, "123456").await, [one.as_str(), partner]);
    assert_eq!(receivers(CAPTURED, "654321").await, [other.as_str(), partner]);
    assert_eq!(receivers(CAPTURED, "777777").await, [partner.as_str()]);
    assert_eq!(receivers(CHECKED_IN, "123456").await, [own_check_in.as_str()]);
    assert_eq!(receivers(CHECKED_IN, "777777").await, [of_partner.as_str()]);
    // The documented example may be of any sales unit.
    assert_eq!(sandbox.deliver("vipps", CAPTURED).await.unwrap().len(), 3);
    let attempts = sandbox.deliver("vipps", CHECKED_IN).await.unwrap();
    let received: Vec<_> = attempts.iter().map(|attempt| &attempt.registration).collect();
    assert_eq!(received, [own_check_in, other_check_in]);
}

#[tokio::test]
async fn an_error_lists_the_known_events_and_settings() {
    let sandbox = Sandbox::start().await.unwrap();
    let error = sandbox.deliver("mipos", "order").await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "mipos has no event `order`; it has: ORDER, Menu, MARKET_MENU, MARKET_ORDER_STATUS, LOGISTICS_ESTIMATE, \
         LOGISTICS_REQUEST, LOGISTICS_STATUS, LOGISTICS_LOCATION"
    );
    assert!(matches!(sandbox.deliver("stripe", "x").await.unwrap_err(), DeliverError::Provider(_)));
    let delivery = Trigger::new("paymentCreated");
    assert_eq!(
        sandbox.deliver("dealpos", delivery.clone().time_scale(0.0)).await.unwrap_err(),
        DeliverError::TimeScale
    );
    assert_eq!(sandbox.deliver("dealpos", delivery.max_attempts(0)).await.unwrap_err(), DeliverError::NoAttempt);
    register(&sandbox, &mypos::PROVIDER, "http://127.0.0.1:9").await;
    let slow = sandbox.deliver("mypos", Trigger::new("pos.payment.failed").time_scale(1e-300));
    let a_year_later = async {
        logged(&sandbox, 1).await;
        pass(365 * 24 * 3600).await;
    };
    tokio::select! {
        attempts = slow => panic!("a wait without end ends: {attempts:?}"),
        () = a_year_later => {}
    }
    let error = sandbox.register("dealpos", "http://localhost:1", &["paymentcreated"]).await.unwrap_err();
    assert!(matches!(error, RegisterError::Event(_)), "{error}");
    let error = sandbox.register("dealpos", "nowhere", &[]).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "nothing can be delivered to this URL: it is not absolute; begin with `https://` and the host"
    );
    assert_eq!(
        sandbox.register("vipps", "http://localhost:1", &[]).await.unwrap_err(),
        RegisterError::ByCalls("vipps")
    );
    let error = sandbox.register("mipos", "http://localhost:1", &["MARKET_MENU", "ORDER"]).await.unwrap_err();
    assert_eq!(error, RegisterError::ByCalls("mipos"), "of one of them");
}

#[tokio::test]
async fn nothing_leaves_this_machine_unless_allowed() {
    let sandbox = Sandbox::start().await.unwrap();
    sandbox.register("dealpos", "http://192.0.2.1/hooks", &[]).await.unwrap();
    sandbox.register("dealpos", "http://shop.invalid/hooks", &[]).await.unwrap();
    let attempts = sandbox.deliver("dealpos", "paymentCreated").await.unwrap();
    assert_eq!(attempts.len(), 2);
    for attempt in &attempts {
        let error = attempt.error.as_deref().unwrap();
        assert!(error.starts_with("not sent: ") && error.contains("loopback only"), "{error}");
        assert_eq!(attempt.retry_in, None);
    }
    let allowed = Sandbox::builder().deliver_anywhere().start().await.unwrap();
    allowed.register("dealpos", "http://shop.invalid/hooks", &[]).await.unwrap();
    let attempts = allowed.deliver("dealpos", "paymentCreated").await.unwrap();
    assert!(attempts[0].error.as_deref().unwrap().starts_with("no response: "), "{attempts:?}");
}

#[tokio::test]
async fn a_host_that_is_allowed_does_not_allow_others() {
    let sandbox = Sandbox::builder().deliver_to_host("Shop.invalid").start().await.unwrap();
    for url in ["http://shop.invalid:8080/hooks", "http://other.invalid/hooks", "http://a.shop.invalid/hooks"] {
        sandbox.register("dealpos", url, &[]).await.unwrap();
    }
    let attempts = sandbox.deliver("dealpos", "paymentCreated").await.unwrap();
    for attempt in &attempts {
        let sent = attempt.error.as_deref().unwrap().starts_with("no response: ");
        assert_eq!(sent, attempt.url.contains("//shop.invalid"), "{attempt:?}");
    }
    assert_eq!(attempts.len(), 3);
}

fn seconds(attempts: &[Attempt]) -> Vec<u64> {
    attempts.iter().filter_map(|attempt| attempt.retry_in).map(|wait| wait.as_secs()).collect()
}

#[tokio::test]
async fn failures_are_retried_as_documented() {
    let sandbox = Sandbox::start().await.unwrap();
    let endpoint = Endpoint::answering(&[500; 200]).await;
    for provider in PROVIDERS.iter().copied() {
        register(&sandbox, provider, &endpoint.url).await;
    }
    let fast = |event: &str| Trigger::new(event).time_scale(1e9);
    let attempts = sandbox.deliver("vipps", fast("user.checked-in.v1")).await.unwrap();
    let waits = seconds(&attempts);
    assert_eq!(waits[..7], [2, 2, 2, 60, 120, 3600, 3600]);
    assert_eq!(waits.iter().filter(|wait| **wait == 3600).count(), 23, "hourly through attempt 29");
    assert_eq!(waits[28..], [86_400; 6], "then daily, for seven days");
    assert_eq!(attempts.len(), waits.len() + 1);
    let attempts = sandbox.deliver("mypos", fast("pos.payment.failed")).await.unwrap();
    assert!(seconds(&attempts).iter().sum::<u64>() <= 3 * 86_400);
    assert!(attempts.len() > 10);
    let attempts = sandbox.deliver("dealpos", fast("paymentCreated")).await.unwrap();
    assert_eq!((attempts.len(), seconds(&attempts)), (2, vec![7]));
    let attempts = sandbox.deliver("mipos", fast("ORDER")).await.unwrap();
    assert_eq!(attempts.len(), 1, "no retry is documented");
    let capped = fast("pos.payment.failed").max_attempts(3);
    assert_eq!(sandbox.deliver("mypos", capped).await.unwrap().len(), 3);
}

#[tokio::test]
async fn a_retry_is_signed_anew_and_ends_with_an_acknowledgement() {
    let sandbox = Sandbox::start().await.unwrap();
    let endpoint = Endpoint::answering(&[503, 302]).await;
    let receiver = vipps_receiver(&sandbox, &endpoint).await;
    sandbox.fault(Fault::from(DeliveryFault::StaleDate).times(1)).unwrap();
    let delivery = Trigger::new("epayments.payment.captured.v1").time_scale(1e9);
    let attempts = sandbox.deliver("vipps", delivery).await.unwrap();
    let statuses: Vec<_> = attempts.iter().map(|attempt| attempt.status).collect();
    assert_eq!(statuses, [Some(503), Some(302), Some(200)], "a redirect is not followed");
    let requests = endpoint.requests();
    assert_eq!(requests[0].body(), requests[2].body());
    let stale = receiver.receive(&requests[0]).unwrap_err();
    assert!(matches!(stale, ReceiveError::Verify(VerifyError::Stale { .. })), "{stale}");
    receiver.receive(&requests[2]).unwrap();
}

#[tokio::test]
async fn without_a_response_dealpos_does_not_retry() {
    let sandbox = Sandbox::start().await.unwrap();
    sandbox.register("dealpos", "http://127.0.0.1:9/hooks", &[]).await.unwrap();
    let attempts = sandbox.deliver("dealpos", Trigger::new("paymentCreated").time_scale(1e9)).await.unwrap();
    assert_eq!((attempts.len(), attempts[0].status), (1, None));
    assert!(attempts[0].error.as_deref().unwrap().contains("refused"), "{attempts:?}");
}

#[tokio::test]
async fn without_a_time_scale_retries_go_on_in_the_background() {
    let sandbox = Sandbox::start().await.unwrap();
    let endpoint = Endpoint::answering(&[500]).await;
    register(&sandbox, &vipps::PROVIDER, &endpoint.url).await;
    let attempts = sandbox.deliver("vipps", "user.checked-in.v1").await.unwrap();
    assert_eq!((attempts.len(), attempts[0].retry_in), (1, Some(Duration::from_secs(2))));
    // The retry begins to wait.
    tokio::task::yield_now().await;
    pass(2).await;
    logged(&sandbox, 2).await;
    let log = sandbox.log();
    assert_eq!((log[1].attempt, log[1].number, log[1].status), (2, 2, Some(200)));
    assert!(endpoint.wait() >= Duration::from_secs(2), "{:?}", endpoint.wait());
}

/// Events whose examples are about the same payment.
const PAYMENTS: [&str; 3] =
    ["epayments.payment.created.v1", "epayments.payment.cancelled.v1", "epayments.payment.refunded.v1"];

/// The event and the number of each attempt in the log.
fn attempts(sandbox: &Sandbox) -> Vec<(&'static str, u32)> {
    sandbox.log().iter().map(|attempt| (attempt.event, attempt.attempt)).collect()
}

#[tokio::test]
async fn on_request_an_event_holds_back_later_ones_of_the_same_payment() {
    let deliver = async |sandbox: &Sandbox, event: &str, reference: &str| {
        let payload = vipps::EventName::from(event).examples()[0].json.replace("24ab7cd6ef658155992", reference);
        let payload = payload.parse().unwrap();
        sandbox.deliver("vipps", Trigger::new(event).payload(payload).time_scale(1e6)).await.unwrap()
    };
    let [created, cancelled, refunded] = PAYMENTS;
    for is_held in [true, false] {
        let builder = Sandbox::builder();
        let sandbox = if is_held { builder.hold_back_events() } else { builder }.start().await.unwrap();
        // Two payments: the first two attempts at events of the one fail.
        let endpoint = Endpoint::answering(&[500, 500]).await;
        register(&sandbox, &vipps::PROVIDER, &endpoint.url).await;
        let (first, second, other) = tokio::join!(
            deliver(&sandbox, created, "payment-one"),
            deliver(&sandbox, cancelled, "payment-one"),
            async {
                // Not before one of the others has failed.
                logged(&sandbox, 1).await;
                deliver(&sandbox, refunded, "payment-two").await
            },
        );
        for attempts in [&first, &second, &other] {
            assert!(attempts.last().unwrap().is_acknowledged(), "{attempts:?}");
        }
        let of_one: Vec<_> = attempts(&sandbox).into_iter().filter(|(event, _)| *event != refunded).collect();
        let in_order = of_one.iter().map(|(event, _)| *event).is_sorted_by_key(|event| event != created);
        assert_eq!(in_order, is_held, "{of_one:?}");
    }
}

#[tokio::test]
async fn an_event_that_is_given_up_does_not_hold_back_others_for_ever() {
    let sandbox = Sandbox::builder().hold_back_events().start().await.unwrap();
    let endpoint = Endpoint::answering(&[500; 3]).await;
    register(&sandbox, &vipps::PROVIDER, &endpoint.url).await;
    let [created, cancelled, refunded] = PAYMENTS;
    let trigger = |event: &str, most| Trigger::new(event).time_scale(1e6).max_attempts(most);
    sandbox.deliver("vipps", trigger(created, 2)).await.unwrap();
    // In the background, the next attempt would be in two seconds.
    assert_eq!(sandbox.deliver("vipps", cancelled).await.unwrap().len(), 1);
    assert!(sandbox.deliver("vipps", refunded).await.unwrap().is_empty());
    assert_eq!(attempts(&sandbox), [(created, 1), (created, 2), (cancelled, 1)]);
}

#[tokio::test]
async fn on_request_the_registration_of_a_silent_receiver_is_removed() {
    let silent = "http://127.0.0.1:1/hooks";
    let deliver = async |sandbox: &Sandbox| {
        let trigger = Trigger::new("epayments.payment.captured.v1").time_scale(1e9);
        sandbox.deliver("vipps", trigger).await.unwrap()
    };
    let documented = vipps::PROVIDER.redelivery.as_ref().unwrap();
    let (week, limit) = (documented.give_up_after.unwrap(), documented.removed_after.unwrap());
    for is_removed in [true, false] {
        let builder = Sandbox::builder();
        let sandbox = if is_removed { builder.remove_silent_registrations() } else { builder }.start().await.unwrap();
        register(&sandbox, &vipps::PROVIDER, silent).await;
        let mut passed = Duration::ZERO;
        while passed < limit + week && !sandbox.registrations("vipps").unwrap().is_empty() {
            passed += deliver(&sandbox).await.iter().filter_map(|attempt| attempt.retry_in).sum::<Duration>();
        }
        assert_eq!(sandbox.registrations("vipps").unwrap().is_empty(), is_removed);
        // The attempts of that time are hourly.
        assert!(passed >= limit && (!is_removed || passed < limit + Duration::from_secs(3600)), "{passed:?}");
    }

    // A receiver that responds is not silent, whatever its response.
    let sandbox = Sandbox::builder().remove_silent_registrations().start().await.unwrap();
    let endpoint = Endpoint::answering(&[500; 200]).await;
    register(&sandbox, &vipps::PROVIDER, &endpoint.url).await;
    for _ in 0..4 {
        deliver(&sandbox).await;
    }
    assert_eq!(sandbox.registrations("vipps").unwrap().len(), 1);
}

#[tokio::test]
async fn max_attempts_alone_makes_and_reports_that_many_attempts_at_the_documented_pace() {
    let sandbox = Sandbox::start().await.unwrap();
    let endpoint = Endpoint::answering(&[500; 9]).await;
    register(&sandbox, &vipps::PROVIDER, &endpoint.url).await;
    let deliver = http().post(format!("{}/_sandbox/vipps/deliver", sandbox.url()));
    let deliver = deliver.body(r#"{"event": "user.checked-in.v1", "max_attempts": 2}"#).send();
    let deliver = tokio::spawn(async { deliver.await.unwrap().text().await.unwrap() });
    logged(&sandbox, 1).await;
    pass(2).await;
    let reported: serde_json::Value = serde_json::from_str(&deliver.await.unwrap()).unwrap();
    let reported: Vec<_> = reported.as_array().unwrap().iter().map(|it| (&it["attempt"], &it["status"])).collect();
    assert_eq!(serde_json::json!(reported), serde_json::json!([[1, 500], [2, 500]]));
    assert_eq!(endpoint.requests().len(), 2);
    assert!(endpoint.wait() >= Duration::from_secs(2), "{:?}", endpoint.wait());
}

#[tokio::test]
async fn the_log_reports_its_limit_and_dropped_attempts() {
    let sandbox = Sandbox::start().await.unwrap();
    let log = async || -> serde_json::Value {
        let answer = http().get(format!("{}/_sandbox/log", sandbox.url())).send().await.unwrap();
        serde_json::from_str(&answer.text().await.unwrap()).unwrap()
    };
    assert_eq!(log().await, serde_json::json!({"limit": 1000, "dropped": 0, "attempts": []}));
    // Not sent, since it is not this machine.
    sandbox.register("dealpos", "http://192.0.2.1/hooks", &[]).await.unwrap();
    for _ in 0..1003 {
        sandbox.deliver("dealpos", "paymentCreated").await.unwrap();
    }
    let log = log().await;
    assert_eq!((&log["limit"], &log["dropped"]), (&serde_json::json!(1000), &serde_json::json!(3)));
    let attempts = log["attempts"].as_array().unwrap();
    assert_eq!((attempts.len(), &attempts[0]["number"]), (1000, &serde_json::json!(4)));
}

#[tokio::test]
async fn an_attempt_reports_the_omitted_bytes_of_the_response() {
    let sandbox = Sandbox::start().await.unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let long = Router::new().fallback(async || "x".repeat(64 * 1024 + 7));
    tokio::spawn(async move { axum::serve(listener, long).await });
    sandbox.register("dealpos", &url, &[]).await.unwrap();
    let attempts = sandbox.deliver("dealpos", "paymentCreated").await.unwrap();
    let answer = attempts[0].answer.as_ref().unwrap();
    assert_eq!((answer.body.len(), answer.omitted_bytes), (64 * 1024, 7));
    assert_eq!(attempts[0].request.omitted_bytes, 0);
}

/// Registers a URL with Vipps MobilePay, and delivers to it; `None` where it is refused.
async fn delivered_to(sandbox: &Sandbox, url: &str) -> Option<(Secret, Attempt)> {
    let events = vec!["login.merchant-initiated.ping.v1".to_owned()];
    let webhook = vipps::models::RegisterWebhook { url: url.into(), events };
    let client = sandbox.client::<vipps::Client>().unwrap();
    let registered = client.register_webhook(&webhook).await.ok()?;
    let attempts = sandbox.deliver("vipps", "login.merchant-initiated.ping.v1").await.unwrap();
    client.delete_webhook(&registered.id).await.unwrap();
    Some((registered.secret, attempts.into_iter().next().unwrap()))
}

#[tokio::test]
async fn the_requested_url_is_signed() {
    let sandbox = Sandbox::start().await.unwrap();
    let endpoint = Endpoint::answering(&[]).await;
    let base = endpoint.url.strip_suffix("/hooks?shop=1").unwrap();
    for (registered, requested) in [
        ("/a/../b", "/b"),
        ("/a/%2E%2e/b/./c?x=/../y", "/b/c?x=/../y"),
        ("", "/"),
        ("?a=1", "/?a=1"),
        ("/hooks?", "/hooks?"),
        ("/hooks?a='b'#part", "/hooks?a=%27b%27"),
    ] {
        let (secret, attempt) = delivered_to(&sandbox, &format!("{base}{registered}")).await.unwrap();
        assert!(attempt.is_acknowledged(), "{registered}: {attempt:?}");
        let request = endpoint.requests().pop().unwrap();
        assert_eq!(request.uri(), requested, "{registered}");
        vipps::Receiver::new(&format!("{base}{requested}"), [secret]).unwrap().receive(&request).unwrap();
    }
}

#[test]
fn a_delivery_to_any_url_that_a_receiver_takes_verifies() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (sandbox, endpoint) =
        runtime.block_on(async { (Sandbox::start().await.unwrap(), Endpoint::answering(&[]).await) });
    let port = endpoint.url.split(':').nth(2).unwrap().split('/').next().unwrap();
    let scheme = proptest::sample::select(vec!["http", "HTTP", "hTTp"]);
    let host =
        proptest::sample::select(vec!["127.0.0.1", "127.0.0.1.", "localhost", "LocalHost", "127.1", "0x7f.0.0.1"]);
    let path = r"(/(\.|%2e|\.\.|\.%2E|[a-zA-Z0-9._~!$&'()*+,;=:@\[|^]{0,6}|%[0-9a-f]{2})){0,4}";
    let query = r"(\?[a-z0-9=&/?.'|%~]{0,8})?(#[a-z]{0,3})?";
    let config = proptest::test_runner::Config { failure_persistence: None, ..Default::default() };
    proptest::proptest!(config, |(scheme in scheme, host in host, path in path, query in query)| {
        let url = format!("{scheme}://{host}:{port}{path}{query}");
        let receiver = |secret: &Secret| vipps::Receiver::new(&url, [secret.clone()]);
        match runtime.block_on(delivered_to(&sandbox, &url)) {
            Some((secret, attempt)) => {
                assert!(attempt.is_acknowledged(), "{url}: {attempt:?}");
                let request = endpoint.requests().pop().unwrap();
                let host = request.headers()["host"].to_str().unwrap();
                // By what arrived, and by what was registered where a receiver takes it.
                let arrived = vipps::Receiver::new(&format!("http://{host}{}", request.uri()), [secret.clone()]);
                arrived.unwrap().receive(&request).unwrap();
                if let Ok(receiver) = receiver(&secret) {
                    receiver.receive(&request).unwrap_or_else(|error| panic!("{url}: {error}"));
                }
            }
            // The specification wants a URI.
            None => assert!(receiver(&"x".into()).is_err() || path.contains(['[', '|', '^']) || url.contains('%'), "{url}"),
        }
        endpoint.arrived.lock().unwrap().clear();
    });
}

/// One delivery under a fault.
struct Faulty {
    sandbox: Sandbox,
    endpoint: Endpoint,
    attempts: Vec<Attempt>,
}

impl Faulty {
    async fn deliver(provider: &'static Provider, event: &str, fault: DeliveryFault) -> Self {
        let sandbox = Sandbox::start().await.unwrap();
        let endpoint = Endpoint::answering(&[]).await;
        register(&sandbox, provider, &endpoint.url).await;
        sandbox.fault(Fault::from(fault).times(1)).unwrap();
        let attempts = sandbox.deliver(provider.name, Trigger::new(event).time_scale(1e9)).await.unwrap();
        Self { sandbox, endpoint, attempts }
    }

    /// The result of a receiver for the first request that arrived.
    fn received(&self, provider: &'static Provider) -> Result<AnyEvent, ReceiveError> {
        receive(&self.sandbox, provider, &self.attempts[0], &self.endpoint.requests()[0])
    }
}

#[tokio::test]
async fn a_wrong_signature_is_refused_by_every_receiver() {
    let own = |event: &&Event| matches!(event.verification, Some(Verification::Signatures(_)));
    let events = |provider: &'static Provider| provider.events[..1].iter().chain(provider.events.iter().filter(own));
    for (provider, event) in
        PROVIDERS.iter().copied().flat_map(|provider| events(provider).map(move |it| (provider, it)))
    {
        let delivered = Faulty::deliver(provider, event.name, DeliveryFault::WrongSignature).await;
        assert_eq!(delivered.attempts[0].faults, [DeliveryFault::WrongSignature]);
        let refused = delivered.received(provider).unwrap_err();
        let expected = match provider.verification {
            Some(Verification::Keys(_)) => matches!(refused, ReceiveError::Verify(VerifyError::KeyMismatch { .. })),
            _ => refused == ReceiveError::Verify(VerifyError::SignatureMismatch),
        };
        assert!(expected, "{}: {refused}", provider.name);
    }
}

#[tokio::test]
async fn a_stale_date_is_refused_where_a_date_is_signed() {
    for provider in PROVIDERS.iter().copied() {
        let delivered = Faulty::deliver(provider, provider.events[0].name, DeliveryFault::StaleDate).await;
        let received = delivered.received(provider);
        let signature = provider.verification.as_ref().and_then(|verification| verification.signature(None));
        let has_window = signature.and_then(|it| it.time.as_ref()).is_some_and(|time| time.window.is_some());
        assert_eq!(received.is_err(), has_window, "{}: {received:?}", provider.name);
        if let Err(refused) = received {
            assert!(matches!(refused, ReceiveError::Verify(VerifyError::Stale { .. })), "{refused}");
        }
    }
}

#[tokio::test]
async fn garbage_is_signed_genuinely_and_does_not_decode() {
    for provider in PROVIDERS.iter().copied() {
        let delivered = Faulty::deliver(provider, provider.events[0].name, DeliveryFault::Garbage).await;
        let refused = delivered.received(provider).unwrap_err();
        assert!(matches!(refused, ReceiveError::Decode(_)), "{}: {refused}", provider.name);
    }
}

#[tokio::test]
async fn a_duplicate_is_sent_after_the_acknowledgement() {
    let provider = &vipps::PROVIDER;
    let Faulty { attempts, endpoint, sandbox } =
        Faulty::deliver(provider, "user.checked-in.v1", DeliveryFault::Duplicate).await;
    assert_eq!(attempts.iter().map(|attempt| attempt.attempt).collect::<Vec<_>>(), [1, 1]);
    assert_eq!((&attempts[0].faults[..], &attempts[1].faults[..]), (&[][..], &[DeliveryFault::Duplicate][..]));
    let received = endpoint.requests().into_iter().zip(&attempts);
    let keys =
        received.map(|(request, attempt)| receive(&sandbox, provider, attempt, &request).unwrap().idempotency_key);
    let keys: Vec<_> = keys.collect();
    assert!(keys[0].is_some() && keys[0] == keys[1], "a receiver recognises the duplicate");
}

#[tokio::test]
async fn a_reordered_delivery_is_sent_after_the_next() {
    let Faulty { attempts, endpoint, .. } =
        Faulty::deliver(&dealpos::PROVIDER, "paymentCreated", DeliveryFault::Reordered).await;
    assert_eq!((attempts.len(), endpoint.requests().len()), (0, 0), "it is held back");

    let sandbox = Sandbox::start().await.unwrap();
    register(&sandbox, &dealpos::PROVIDER, &endpoint.url).await;
    sandbox.fault(Fault::from(DeliveryFault::Reordered).event("paymentCreated").times(1)).unwrap();
    sandbox.deliver("dealpos", "paymentCreated").await.unwrap();
    let attempts = sandbox.deliver("dealpos", "paymentUpdated").await.unwrap();
    assert_eq!(attempts.iter().map(|attempt| attempt.event).collect::<Vec<_>>(), ["paymentUpdated", "paymentCreated"]);
    let paths: Vec<_> = endpoint.requests().iter().map(|request| request.uri().path().to_owned()).collect();
    assert_eq!(paths, ["/hooks/paymentUpdated", "/hooks/paymentCreated"]);
}

#[tokio::test]
async fn deliveries_are_reordered_in_pairs_while_the_fault_lasts() {
    let sandbox = Sandbox::start().await.unwrap();
    let endpoint = Endpoint::answering(&[]).await;
    register(&sandbox, &dealpos::PROVIDER, &endpoint.url).await;
    sandbox.fault(DeliveryFault::Reordered).unwrap();
    let [first, second] = ["paymentCreated", "paymentUpdated"];
    for _ in 0..2 {
        assert!(sandbox.deliver("dealpos", first).await.unwrap().is_empty(), "it is held back");
        let attempts = sandbox.deliver("dealpos", second).await.unwrap();
        assert_eq!(attempts.iter().map(|attempt| attempt.event).collect::<Vec<_>>(), [second, first]);
    }
    assert_eq!(endpoint.requests().len(), 4);
}

#[tokio::test]
async fn a_delivery_that_breaks_off_is_retried() {
    for fault in [DeliveryFault::Reset, DeliveryFault::Truncated] {
        let Faulty { sandbox, endpoint, attempts } =
            Faulty::deliver(&vipps::PROVIDER, "user.checked-in.v1", fault.clone()).await;
        assert_eq!(attempts.len(), 2, "{attempts:?}");
        assert_eq!((attempts[0].status, &attempts[0].faults), (None, &vec![fault]));
        assert!(attempts[0].error.as_deref().unwrap().contains("by a fault"));
        assert!(attempts[1].is_acknowledged());
        let arrived = endpoint.arrived.lock().unwrap();
        // A reset may overtake the head of the request.
        assert!(arrived[..arrived.len() - 1].iter().all(|(_, body)| body.is_none()), "half a body is no body");
        let (head, body) = arrived.last().unwrap().clone();
        let whole = http::Request::from_parts(head, body.unwrap());
        receive(&sandbox, &vipps::PROVIDER, &attempts[1], &whole).unwrap();
    }
}

#[tokio::test]
async fn a_late_delivery_waits() {
    let sandbox = Sandbox::start().await.unwrap();
    let endpoint = Endpoint::answering(&[]).await;
    register(&sandbox, &mypos::PROVIDER, &endpoint.url).await;
    sandbox.fault(Fault::from(DeliveryFault::Latency { milliseconds: 60_000 }).times(1)).unwrap();
    let deliver = async { sandbox.deliver("mypos", "pos.payment.failed").await.unwrap() };
    let wait = async {
        // A delivery that does not wait arrives before this request.
        http().get(&endpoint.url).send().await.unwrap();
        assert_eq!(endpoint.requests().len(), 1);
        pass(60).await;
    };
    let (attempts, ()) = tokio::join!(deliver, wait);
    assert!(attempts[0].is_acknowledged());
    assert_eq!(endpoint.requests().len(), 2);
}

#[tokio::test]
async fn a_response_whose_body_is_not_as_documented_is_noted_and_acknowledges_the_delivery() {
    let sandbox = Sandbox::start().await.unwrap();
    let note = async |event: &str, status: u16, body: String| {
        let handler = async move || (StatusCode::from_u16(status).unwrap(), body);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, Router::new().fallback(handler)).await });
        sandbox.register("dealpos", &url, &[event]).await.unwrap();
        let attempts = sandbox.deliver("dealpos", Trigger::new(event).max_attempts(1)).await.unwrap();
        let attempt = attempts.last().unwrap();
        assert_eq!(attempt.is_acknowledged(), (200..300).contains(&status));
        assert_eq!(attempt.retry_in, None, "the provider takes the response as final");
        attempt.note.clone()
    };
    let long = format!("{{\"Point\": 1, \"more\": \"{}\"}}", "a".repeat(100_000));
    let coupon: dealpos::models::CouponRequest = serde_json::from_str("{}").unwrap();
    let refusal = dealpos::models::CouponRefusal { status: Some("used".into()), ..Default::default() };
    let refusal = coupon.answer_bad_request(&refusal).body;
    for (event, status, body) in [
        ("fetchLoyaltyPoints", 200, r#"{"Point": 12.5}"#),
        ("fetchLoyaltyPoints", 200, &long),
        ("validateCoupon", 400, &refusal),
        ("validateCoupon", 404, "an undocumented status"),
        ("paymentCreated", 200, r#"{"status": "success"}"#),
        ("paymentWriteoff", 200, "no body is documented"),
        ("customerDeleted", 204, ""),
    ] {
        assert_eq!(note(event, status, body.to_owned()).await, None, "{event} {body:.100}");
    }
    let wrong = note("fetchLoyaltyPoints", 200, r#"{"Point": "many"}"#.to_owned()).await.unwrap();
    assert_eq!(
        wrong,
        "the response does not match the documented `LoyaltyPoints`: /Point: value is not of type \"number\" (type)"
    );
    let empty = note("loyaltyPointOnOrderComplete", 200, String::new()).await.unwrap();
    assert_eq!(empty, "the response does not have a body, but `LoyaltyReward` is documented");
    let coupon = note("validateCoupon", 400, r#"{"status": 1}"#.to_owned()).await.unwrap();
    assert!(coupon.contains("`CouponRefusal`"), "{coupon}");
    let text = note("paymentCreated", 200, "success".to_owned()).await.unwrap();
    assert!(text.starts_with("the response does not match the documented `Acknowledgement`: "), "{text}");
    let huge = format!("[{}1]", "1,".repeat(4 * 1024 * 1024));
    let huge = note("fetchLoyaltyPoints", 200, huge).await.unwrap();
    assert!(huge.contains("longer than 4194304 bytes"), "{huge}");
}
