//! What the sandbox delivers passes the receivers of this crate, is retried as documented, and goes wrong only on request.

#![cfg(all(feature = "sandbox", feature = "mipos", feature = "mypos", feature = "dealpos", feature = "vipps"))]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::Request;
use axum::http::StatusCode;
use pos_webhooks::sandbox::{Attempt, DeliverError, Delivery, DeliveryFault, Fault, RegisterError, Sandbox};
use pos_webhooks::verify::{ReceiveError, VerifyError};
use pos_webhooks::{PROVIDERS, Secret, dealpos, mipos, mypos, vipps};

/// A delivery as it arrived; the body is `None` where it broke off.
type Arrived = (http::request::Parts, Option<Vec<u8>>);

/// A server on loopback that answers a list of statuses in turn, then 200.
struct Endpoint {
    url: String,
    arrived: Arc<Mutex<Vec<Arrived>>>,
}

impl Endpoint {
    async fn answering(statuses: &[u16]) -> Self {
        let arrived = Arc::new(Mutex::new(Vec::new()));
        let (statuses, kept) = (statuses.to_vec(), Arc::clone(&arrived));
        let handler = async move |request: Request| {
            let (head, body) = request.into_parts();
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
}

/// Registers an endpoint for every event with a provider, and gives the secret of its deliveries.
async fn register(sandbox: &Sandbox, provider: &str, url: &str) -> Secret {
    match provider {
        "mipos" => {
            for type_ in [mipos::models::WebhookType::Order, mipos::models::WebhookType::Menu] {
                // One URL has one type.
                let url = if type_.as_str() == "Menu" { format!("{url}&menu") } else { url.to_owned() };
                let webhook = mipos::models::CreateWebhook { url, type_: Some(type_) };
                sandbox.client::<mipos::Client>().unwrap().create_webhook(&webhook).await.unwrap();
            }
            sandbox.account("mipos").unwrap().credentials["secret"].clone()
        }
        "mypos" => {
            let webhook = mypos::models::CreateWebhook { payload_url: url.into(), secret: "chosen".into() };
            sandbox.client::<mypos::Client>().unwrap().create_webhook(&webhook).await.unwrap();
            "chosen".into()
        }
        "dealpos" => {
            sandbox.register("dealpos", url, &[]).unwrap();
            sandbox.account("dealpos").unwrap().credentials["secret"].clone()
        }
        _ => {
            let events = vipps::EventName::ALL.iter().map(ToString::to_string).collect();
            let webhook = vipps::models::RegisterWebhook { url: url.into(), events };
            sandbox.client::<vipps::Client>().unwrap().register_webhook(&webhook).await.unwrap().secret
        }
    }
}

/// Verifies and decodes with the provider's receiver, and gives the event's name.
fn receive(
    provider: &str,
    url: &str,
    event: &str,
    secret: &Secret,
    request: &http::Request<Vec<u8>>,
) -> Result<String, ReceiveError> {
    let secret = [secret.clone()];
    match provider {
        "mipos" => Ok(mipos::Receiver::new(event.into(), secret).unwrap().receive(request)?.name().to_string()),
        "mypos" => Ok(mypos::Receiver::new(secret).unwrap().receive(request)?.name().to_string()),
        "dealpos" => {
            let [key] = secret;
            Ok(dealpos::Receiver::with_key(key).unwrap().receive(request)?.name().to_string())
        }
        _ => Ok(vipps::Receiver::new(url, secret).unwrap().receive(request)?.name().to_string()),
    }
}

#[tokio::test]
async fn every_event_of_every_provider_is_received() {
    let sandbox = Sandbox::start().await.unwrap();
    for provider in PROVIDERS.iter() {
        let endpoint = Endpoint::answering(&[]).await;
        let secret = register(&sandbox, provider.name, &endpoint.url).await;
        for (index, event) in provider.events.iter().enumerate() {
            let attempts = sandbox.deliver(provider.name, event.name).await.unwrap();
            let [attempt] = &attempts[..] else { panic!("{attempts:?}") };
            assert!(attempt.is_acknowledged(), "{attempt:?}");
            assert_eq!((attempt.event, attempt.attempt, attempt.retry_in), (event.name, 1, None));
            let request = &endpoint.requests()[index];
            let (media_type, id) = match provider.name {
                // As observed.
                "vipps" => ("application/json; charset=utf-8", Some(attempt.registration.as_bytes())),
                _ => ("application/json", None),
            };
            assert_eq!(request.headers()["content-type"], media_type);
            assert_eq!(request.headers().get("webhook-id").map(|id| id.as_bytes()), id);
            let name = receive(provider.name, &endpoint.url, event.name, &secret, request)
                .unwrap_or_else(|error| panic!("{}: {error}", event.name));
            // The payload of a Donations event is free-form and names no event.
            if !event.name.starts_with("donations") {
                assert_eq!(name, event.name);
            }
            assert!(event.payload.examples.iter().any(|example| example.json.as_bytes() == request.body()));
            provider.validate(event.name, request.body()).unwrap();
        }
    }
}

#[tokio::test]
async fn the_name_of_the_event_goes_where_the_provider_puts_it() {
    let sandbox = Sandbox::start().await.unwrap();
    let endpoint = Endpoint::answering(&[]).await;
    for provider in PROVIDERS.iter() {
        register(&sandbox, provider.name, &endpoint.url).await;
    }
    sandbox.deliver("mypos", "pos.payment.completed").await.unwrap();
    sandbox.deliver("dealpos", "paymentDeleted").await.unwrap();
    sandbox.deliver("mipos", "Menu").await.unwrap();
    let requests = endpoint.requests();
    assert_eq!(requests[0].headers()["x-mypos-event"], "pos.payment.completed");
    assert_eq!(requests[1].uri(), "/hooks/paymentDeleted?shop=1");
    assert_eq!(requests[2].uri(), "/hooks?shop=1&menu");
}

#[tokio::test]
async fn a_given_payload_is_delivered_to_the_letter() {
    let sandbox = Sandbox::start().await.unwrap();
    let endpoint = Endpoint::answering(&[]).await;
    register(&sandbox, "mypos", &endpoint.url).await;
    let payload = r#"{ "amount": 10.10, "big": 12345678901234567890123 }"#;
    let delivery = Delivery::new("pos.payment.failed").payload(payload.parse().unwrap());
    sandbox.deliver("mypos", delivery).await.unwrap();
    assert_eq!(endpoint.requests()[0].body(), payload.as_bytes());
}

#[tokio::test]
async fn only_what_asks_for_an_event_gets_it() {
    let sandbox = Sandbox::start().await.unwrap();
    let endpoint = Endpoint::answering(&[]).await;
    sandbox.register("dealpos", &endpoint.url, &["paymentCreated"]).unwrap();
    assert_eq!(sandbox.deliver("dealpos", "paymentDeleted").await.unwrap().len(), 0);
    assert_eq!(sandbox.deliver("dealpos", "paymentCreated").await.unwrap().len(), 1);
    let client = sandbox.client::<mypos::Client>().unwrap();
    let webhook = mypos::models::CreateWebhook { payload_url: endpoint.url.clone(), secret: "chosen".into() };
    let id = client.create_webhook(&webhook).await.unwrap().webhook.id;
    let off = mypos::models::UpdateWebhook { is_active: Some(0), payload_url: None, secret: None };
    client.update_webhook(&id, &off).await.unwrap();
    assert_eq!(sandbox.deliver("mypos", "pos.payment.failed").await.unwrap().len(), 0, "it is switched off");
}

#[tokio::test]
async fn tells_the_right_events_and_settings() {
    let sandbox = Sandbox::start().await.unwrap();
    let error = sandbox.deliver("dealpos", "paymentcreated").await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "dealpos has no event `paymentcreated`; it has: paymentCreated, paymentDeleted, paymentUpdated, paymentWriteoff"
    );
    assert!(matches!(sandbox.deliver("stripe", "x").await.unwrap_err(), DeliverError::Provider(_)));
    let delivery = Delivery::new("paymentCreated");
    assert_eq!(
        sandbox.deliver("dealpos", delivery.clone().time_scale(0.0)).await.unwrap_err(),
        DeliverError::TimeScale
    );
    assert_eq!(sandbox.deliver("dealpos", delivery.max_attempts(0)).await.unwrap_err(), DeliverError::NoAttempt);
    register(&sandbox, "mypos", "http://127.0.0.1:9").await;
    let slow = sandbox.deliver("mypos", Delivery::new("pos.payment.failed").time_scale(1e-300));
    assert!(tokio::time::timeout(Duration::from_millis(100), slow).await.is_err(), "a wait without end, and no panic");
    let error = sandbox.register("dealpos", "http://localhost:1", &["paymentcreated"]).unwrap_err();
    assert!(matches!(error, RegisterError::Event(_)), "{error}");
    let error = sandbox.register("dealpos", "nowhere", &[]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "nothing can be delivered to this URL: it is not absolute; begin with `https://` and the host"
    );
    assert_eq!(sandbox.register("vipps", "http://localhost:1", &[]).unwrap_err(), RegisterError::ByCalls("vipps"));
}

#[tokio::test]
async fn nothing_leaves_this_machine_unless_allowed() {
    let sandbox = Sandbox::start().await.unwrap();
    sandbox.register("dealpos", "http://192.0.2.1/hooks", &[]).unwrap();
    sandbox.register("dealpos", "http://shop.invalid/hooks", &[]).unwrap();
    let attempts = sandbox.deliver("dealpos", "paymentCreated").await.unwrap();
    assert_eq!(attempts.len(), 2);
    for attempt in &attempts {
        let error = attempt.error.as_deref().unwrap();
        assert!(error.starts_with("not sent: ") && error.contains("loopback only"), "{error}");
        assert_eq!(attempt.retry_in, None);
    }
    let allowed = Sandbox::builder().deliver_anywhere().start().await.unwrap();
    allowed.register("dealpos", "http://shop.invalid/hooks", &[]).unwrap();
    let attempts = allowed.deliver("dealpos", "paymentCreated").await.unwrap();
    assert!(attempts[0].error.as_deref().unwrap().starts_with("no answer: "), "{attempts:?}");
}

fn seconds(attempts: &[Attempt]) -> Vec<u64> {
    attempts.iter().filter_map(|attempt| attempt.retry_in).map(|wait| wait.as_secs()).collect()
}

#[tokio::test]
async fn failures_are_retried_as_documented() {
    let sandbox = Sandbox::start().await.unwrap();
    let endpoint = Endpoint::answering(&[500; 200]).await;
    for provider in PROVIDERS.iter() {
        register(&sandbox, provider.name, &endpoint.url).await;
    }
    let fast = |event: &str| Delivery::new(event).time_scale(1e9);
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
    let secret = register(&sandbox, "vipps", &endpoint.url).await;
    let event = "epayments.payment.captured.v1";
    let attempts = sandbox.deliver("vipps", Delivery::new(event).time_scale(1.0)).await.unwrap();
    let statuses: Vec<_> = attempts.iter().map(|attempt| attempt.status).collect();
    assert_eq!(statuses, [Some(503), Some(302), Some(200)], "a redirect is not followed");
    let requests = endpoint.requests();
    assert_ne!(requests[0].headers()["x-ms-date"], requests[2].headers()["x-ms-date"]);
    assert_eq!(requests[0].body(), requests[2].body());
    receive("vipps", &endpoint.url, event, &secret, &requests[2]).unwrap();
}

#[tokio::test]
async fn a_receiver_that_is_not_there_is_no_answer_and_dealpos_does_not_retry_it() {
    let sandbox = Sandbox::start().await.unwrap();
    sandbox.register("dealpos", "http://127.0.0.1:9/hooks", &[]).unwrap();
    let attempts = sandbox.deliver("dealpos", Delivery::new("paymentCreated").time_scale(1e9)).await.unwrap();
    assert_eq!((attempts.len(), attempts[0].status), (1, None));
    assert!(attempts[0].error.as_deref().unwrap().contains("refused"), "{attempts:?}");
}

#[tokio::test]
async fn without_a_time_scale_retries_go_on_in_the_background() {
    let sandbox = Sandbox::start().await.unwrap();
    let endpoint = Endpoint::answering(&[500]).await;
    register(&sandbox, "vipps", &endpoint.url).await;
    let attempts = sandbox.deliver("vipps", "user.checked-in.v1").await.unwrap();
    assert_eq!((attempts.len(), attempts[0].retry_in), (1, Some(Duration::from_secs(2))));
    while sandbox.log().len() < 2 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let log = sandbox.log();
    assert_eq!((log[1].attempt, log[1].number, log[1].status), (2, 2, Some(200)));
}

#[tokio::test]
async fn max_attempts_alone_makes_and_reports_that_many_attempts_at_the_documented_pace() {
    let sandbox = Sandbox::start().await.unwrap();
    let endpoint = Endpoint::answering(&[500; 9]).await;
    register(&sandbox, "vipps", &endpoint.url).await;
    let deliver = reqwest::Client::new().post(format!("{}/_sandbox/vipps/deliver", sandbox.url()));
    let answer = deliver.body(r#"{"event": "user.checked-in.v1", "max_attempts": 2}"#).send().await.unwrap();
    let reported: serde_json::Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    let reported: Vec<_> = reported.as_array().unwrap().iter().map(|it| (&it["attempt"], &it["status"])).collect();
    assert_eq!(serde_json::json!(reported), serde_json::json!([[1, 500], [2, 500]]));
    assert_eq!(endpoint.requests().len(), 2);
    let times: Vec<_> = sandbox.log().iter().map(|attempt| attempt.at.to_timestamp().unwrap()).collect();
    assert!(times[1].duration_since(times[0]).as_secs() >= 2, "{times:?}");
}

#[tokio::test]
async fn the_log_says_how_much_it_keeps() {
    let sandbox = Sandbox::start().await.unwrap();
    let log = async || -> serde_json::Value {
        let answer = reqwest::get(format!("{}/_sandbox/log", sandbox.url())).await.unwrap();
        serde_json::from_str(&answer.text().await.unwrap()).unwrap()
    };
    assert_eq!(log().await, serde_json::json!({"limit": 1000, "dropped": 0, "attempts": []}));
    // Not sent, since it is not this machine.
    sandbox.register("dealpos", "http://192.0.2.1/hooks", &[]).unwrap();
    for _ in 0..1003 {
        sandbox.deliver("dealpos", "paymentCreated").await.unwrap();
    }
    let log = log().await;
    assert_eq!((&log["limit"], &log["dropped"]), (&serde_json::json!(1000), &serde_json::json!(3)));
    let attempts = log["attempts"].as_array().unwrap();
    assert_eq!((attempts.len(), &attempts[0]["number"]), (1000, &serde_json::json!(4)));
}

#[tokio::test]
async fn an_attempt_says_how_much_of_the_answer_it_keeps() {
    let sandbox = Sandbox::start().await.unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let long = Router::new().fallback(async || "x".repeat(64 * 1024 + 7));
    tokio::spawn(async move { axum::serve(listener, long).await });
    sandbox.register("dealpos", &url, &[]).unwrap();
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
async fn what_is_signed_is_the_url_that_is_requested() {
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
        receive("vipps", &format!("{base}{requested}"), "", &secret, &request).unwrap();
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
                receive("vipps", &format!("http://{host}{}", request.uri()), "", &secret, &request).unwrap();
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

/// One delivery of `paymentCreated`, a captured payment and so on under a fault.
async fn faulty(provider: &str, event: &str, fault: DeliveryFault) -> (Vec<Attempt>, Endpoint, Secret) {
    let sandbox = Sandbox::start().await.unwrap();
    let endpoint = Endpoint::answering(&[]).await;
    let secret = register(&sandbox, provider, &endpoint.url).await;
    sandbox.fault(Fault::from(fault).times(1)).unwrap();
    let attempts = sandbox.deliver(provider, Delivery::new(event).time_scale(1e9)).await.unwrap();
    (attempts, endpoint, secret)
}

const ONE_EACH: [(&str, &str); 4] = [
    ("mipos", "ORDER"),
    ("mypos", "pos.payment.completed"),
    ("dealpos", "paymentCreated"),
    ("vipps", "epayments.payment.captured.v1"),
];

#[tokio::test]
async fn a_wrong_signature_is_refused_by_every_receiver() {
    for (provider, event) in ONE_EACH {
        let (attempts, endpoint, secret) = faulty(provider, event, DeliveryFault::WrongSignature).await;
        assert_eq!(attempts[0].faults, [DeliveryFault::WrongSignature]);
        let refused = receive(provider, &endpoint.url, event, &secret, &endpoint.requests()[0]).unwrap_err();
        assert!(
            matches!(refused, ReceiveError::Verify(VerifyError::SignatureMismatch | VerifyError::KeyMismatch { .. })),
            "{provider}: {refused}"
        );
    }
}

#[tokio::test]
async fn a_stale_date_is_refused_where_a_date_is_signed() {
    let (_, endpoint, secret) = faulty("vipps", "user.checked-in.v1", DeliveryFault::StaleDate).await;
    let refused = receive("vipps", &endpoint.url, "", &secret, &endpoint.requests()[0]).unwrap_err();
    assert!(matches!(refused, ReceiveError::Verify(VerifyError::Stale { .. })), "{refused}");
    let (_, endpoint, secret) = faulty("mypos", "pos.payment.failed", DeliveryFault::StaleDate).await;
    receive("mypos", &endpoint.url, "", &secret, &endpoint.requests()[0]).unwrap();
}

#[tokio::test]
async fn garbage_is_signed_genuinely_and_does_not_decode() {
    for (provider, event) in ONE_EACH {
        let (_, endpoint, secret) = faulty(provider, event, DeliveryFault::Garbage).await;
        let refused = receive(provider, &endpoint.url, event, &secret, &endpoint.requests()[0]).unwrap_err();
        assert!(matches!(refused, ReceiveError::Decode(_)), "{provider}: {refused}");
    }
}

#[tokio::test]
async fn a_duplicate_comes_after_the_acknowledgement() {
    let (attempts, endpoint, secret) = faulty("vipps", "user.checked-in.v1", DeliveryFault::Duplicate).await;
    assert_eq!(attempts.iter().map(|attempt| attempt.attempt).collect::<Vec<_>>(), [1, 1]);
    assert_eq!((&attempts[0].faults[..], &attempts[1].faults[..]), (&[][..], &[DeliveryFault::Duplicate][..]));
    let requests = endpoint.requests();
    let receiver = vipps::Receiver::new(&endpoint.url, [secret]).unwrap();
    let keys: Vec<_> = requests
        .iter()
        .map(|request| receiver.receive(request).unwrap().idempotency_key(request.body().as_ref()))
        .collect();
    assert!(keys[0].is_some() && keys[0] == keys[1], "a receiver can tell");
}

#[tokio::test]
async fn a_reordered_delivery_comes_after_the_next() {
    let (attempts, endpoint, _) = faulty("dealpos", "paymentCreated", DeliveryFault::Reordered).await;
    assert_eq!((attempts.len(), endpoint.requests().len()), (0, 0), "it is held back");

    let sandbox = Sandbox::start().await.unwrap();
    register(&sandbox, "dealpos", &endpoint.url).await;
    sandbox.fault(Fault::from(DeliveryFault::Reordered).event("paymentCreated").times(1)).unwrap();
    sandbox.deliver("dealpos", "paymentCreated").await.unwrap();
    let attempts = sandbox.deliver("dealpos", "paymentUpdated").await.unwrap();
    assert_eq!(attempts.iter().map(|attempt| attempt.event).collect::<Vec<_>>(), ["paymentUpdated", "paymentCreated"]);
    let paths: Vec<_> = endpoint.requests().iter().map(|request| request.uri().path().to_owned()).collect();
    assert_eq!(paths, ["/hooks/paymentUpdated", "/hooks/paymentCreated"]);
}

#[tokio::test]
async fn a_delivery_that_breaks_off_is_retried() {
    for fault in [DeliveryFault::Reset, DeliveryFault::Truncated] {
        let (attempts, endpoint, secret) = faulty("vipps", "user.checked-in.v1", fault.clone()).await;
        assert_eq!(attempts.len(), 2, "{attempts:?}");
        assert_eq!((attempts[0].status, &attempts[0].faults), (None, &vec![fault]));
        assert!(attempts[0].error.as_deref().unwrap().contains("on request"));
        assert!(attempts[1].is_acknowledged());
        let arrived = endpoint.arrived.lock().unwrap();
        // A reset may overtake the head of the request.
        assert!(arrived[..arrived.len() - 1].iter().all(|(_, body)| body.is_none()), "half a body is no body");
        let (head, body) = arrived.last().unwrap().clone();
        let whole = http::Request::from_parts(head, body.unwrap());
        receive("vipps", &endpoint.url, "", &secret, &whole).unwrap();
    }
}

#[tokio::test]
async fn a_late_delivery_waits() {
    let begun = std::time::Instant::now();
    let (attempts, ..) = faulty("mypos", "pos.payment.failed", DeliveryFault::Latency { milliseconds: 30 }).await;
    assert!(attempts[0].is_acknowledged());
    assert!(begun.elapsed() >= Duration::from_millis(30));
}
