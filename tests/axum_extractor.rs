//! A handler of axum gets genuine deliveries as one argument, with a receipt, and every other request is answered before it.

#![cfg(all(feature = "axum", feature = "mipos", feature = "mypos", feature = "dealpos", feature = "vipps"))]

mod http;
#[path = "signatures/specification.rs"]
mod specification;

use std::net::SocketAddr;
use std::sync::mpsc::{self, Receiver as Handled};

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::routing::{any, post};
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::{post as deliver, send};
use pos_webhooks::axum::{Receipt, Refusal, Verified};
use pos_webhooks::verify::{Timestamp, Undecodable, VerifyError};
use pos_webhooks::{AnyEvent, AnyReceiver, ProviderEvent, Registered};
use pos_webhooks::{dealpos, mipos, mypos, vipps};

const URL: &str = "https://shop.example/hooks";
const PATH: &str = "/hooks";
/// The limit of axum.
const LIMIT: usize = 2 * 1024 * 1024;

/// Serves a handler for requests of any method, and returns what it gets.
fn serve<E>(receiver: E::Receiver) -> (SocketAddr, Handled<(E, Receipt)>)
where
    E: ProviderEvent<Receiver: Clone + Send + Sync> + Send + 'static,
{
    let (sender, handled) = mpsc::channel();
    let handler = move |Verified { event, receipt }: Verified<E>| async move {
        let acknowledgement = receipt.acknowledgement.clone();
        sender.send((event, receipt)).unwrap();
        acknowledgement
    };
    let router = Router::new().route(PATH, any(handler.clone())).route("/hooks/{event}", any(handler));
    (serve_router(router.with_state(receiver)), handled)
}

fn serve_router(router: Router) -> SocketAddr {
    http::serve(|| std::future::ready(router))
}

fn vipps_receiver() -> vipps::Receiver {
    vipps::Receiver::new(URL, ["old", "secret"]).unwrap()
}

fn sign(body: &str) -> Vec<(&'static str, String)> {
    vipps::sign(URL, &"secret".into(), body.as_bytes(), Timestamp::now()).unwrap()
}

fn captured() -> &'static str {
    vipps::EventName::EpaymentsPaymentCapturedV1.examples()[0].json
}

const NOTHING: &str = "";

#[test]
fn a_genuine_delivery_is_an_event_and_a_receipt() {
    let (address, handled) = serve::<vipps::Event>(vipps_receiver());
    let before = Timestamp::now();
    assert_eq!(deliver(address, PATH, &sign(captured()), captured().as_bytes()), (200, NOTHING.to_owned()));
    let (event, receipt) = handled.try_recv().unwrap();
    assert!(matches!(event, vipps::Event::EpaymentsPaymentCapturedV1(_)), "{event:?}");
    assert_eq!(receipt.provider, "vipps");
    assert_eq!(receipt.event.as_deref(), Some("epayments.payment.captured.v1"));
    assert!(receipt.idempotency_key.is_some());
    assert_eq!(receipt.idempotency_key, event.idempotency_key(captured().as_bytes()));
    assert_eq!(receipt.body, captured());
    assert!(receipt.received_at >= before && receipt.received_at <= Timestamp::now());
    assert!(receipt.headers["authorization"].to_str().unwrap().starts_with("HMAC-SHA256 "));
    assert_eq!(receipt.acknowledgement, event.acknowledgement());
    let shown = format!("{receipt:?}");
    assert!(!shown.contains("HMAC") && !shown.contains("4b2cde7acc0e4eaf86d32616d14e0cd1"), "{shown}");
}

#[test]
fn what_is_not_genuine_is_refused_without_a_reason() {
    let (address, handled) = serve::<vipps::Event>(vipps_receiver());
    let mut twice = sign(captured());
    twice.extend(sign(captured()).into_iter().filter(|(name, _)| *name == "Authorization"));
    assert_eq!(twice.len(), sign(captured()).len() + 1);
    let another = vipps::sign(URL, &"another".into(), captured().as_bytes(), Timestamp::now()).unwrap();
    let stale = Timestamp::now() - std::time::Duration::from_secs(400);
    let stale = vipps::sign(URL, &"secret".into(), captured().as_bytes(), stale).unwrap();
    for headers in [Vec::new(), sign("{}"), twice, another, stale] {
        let (status, head, body) = chunked(address, &headers, captured(), 1);
        assert_eq!((status, body.as_str()), (401, NOTHING));
        assert!(!head.contains("content-type") && head.contains("content-length: 0"), "{head}");
    }
    assert!(handled.try_recv().is_err());
}

#[test]
fn a_handler_can_answer_a_refusal_otherwise() {
    let handler = async |delivery: Result<Verified<vipps::Event>, Refusal>| match delivery {
        Ok(_) => Ok(StatusCode::ACCEPTED),
        Err(Refusal::Verify(VerifyError::MissingHeaders { names })) => Err((StatusCode::IM_A_TEAPOT, names.join(","))),
        Err(refusal) => Err((refusal.status(), refusal.to_string())),
    };
    let address = serve_router(Router::new().route(PATH, post(handler)).with_state(vipps_receiver()));
    assert_eq!(deliver(address, PATH, &sign(captured()), captured().as_bytes()).0, 202);
    let (status, text) = deliver(address, PATH, &[], captured().as_bytes());
    assert_eq!((status, text.as_str()), (418, "Authorization,X-Vipps-Authorization"));
    let (status, text) = deliver(address, PATH, &sign("{}"), captured().as_bytes());
    assert!(status == 401 && text.contains("the body is not the one that was signed"), "{status} {text}");
}

#[test]
fn a_body_has_the_limit_of_the_router() {
    let (address, handled) = serve::<vipps::Event>(vipps_receiver());
    let larger = format!("{{{}}}", " ".repeat(LIMIT));
    assert_eq!(deliver(address, PATH, &sign(&larger), larger.as_bytes()), (413, NOTHING.to_owned()));
    assert_eq!(chunked(address, &sign(&larger), &larger, 65_536).0, 413);
    assert!(handled.try_recv().is_err());

    for (limit, expected) in [(captured().len() - 1, 413), (captured().len(), 204)] {
        let router = Router::new().route(PATH, post(async |_: Verified<vipps::Event>| StatusCode::NO_CONTENT));
        let address = serve_router(router.layer(DefaultBodyLimit::max(limit)).with_state(vipps_receiver()));
        assert_eq!(deliver(address, PATH, &sign(captured()), captured().as_bytes()).0, expected);
        assert_eq!(chunked(address, &sign(captured()), captured(), 7).0, expected);
    }
    let router = Router::new().route(PATH, post(async |_: Verified<vipps::Event>| StatusCode::NO_CONTENT));
    let address = serve_router(router.layer(DefaultBodyLimit::max(2 * LIMIT)).with_state(vipps_receiver()));
    assert_eq!(deliver(address, PATH, &sign(&larger), larger.as_bytes()).0, 204, "a higher limit than the default");
}

/// Sends a body in chunks of this many bytes.
fn chunked(address: SocketAddr, headers: &[(&str, String)], body: &str, size: usize) -> (u16, String, String) {
    let mut chunks = Vec::new();
    for chunk in body.as_bytes().chunks(size) {
        chunks.extend(format!("{:x}\r\n", chunk.len()).into_bytes());
        chunks.extend([chunk, b"\r\n"].concat());
    }
    chunks.extend(b"0\r\n\r\n");
    send(address, "POST", PATH, &[headers, &[("Transfer-Encoding", "chunked".to_owned())]].concat(), &chunks)
}

#[test]
fn a_body_in_chunks_is_received() {
    let (address, handled) = serve::<vipps::Event>(vipps_receiver());
    assert_eq!(chunked(address, &sign(captured()), captured(), 5).0, 200);
    assert_eq!(handled.try_recv().unwrap().1.body, captured());
}

#[test]
fn a_delivery_has_the_method_post() {
    let (address, handled) = serve::<dealpos::Event>(dealpos::Receiver::unauthenticated());
    for method in ["GET", "PUT", "DELETE", "PATCH", "OPTIONS"] {
        let length = [("Content-Length", "2".to_owned())];
        let (status, head, body) = send(address, method, "/hooks/paymentDeleted", &length, b"{}");
        assert_eq!((status, body.as_str()), (405, NOTHING), "{method}");
        assert!(head.contains("allow: post"), "{head}");
    }
    assert!(handled.try_recv().is_err());
}

#[test]
fn a_delivery_that_cannot_be_decoded_is_not_lost() {
    let renamed = captured().replace("\"amount\"", "\"sum\"");
    assert_ne!(renamed, captured());
    let (address, handled) = serve::<vipps::Event>(vipps_receiver());
    for body in [&renamed, "["] {
        let answer = deliver(address, PATH, &sign(body), body.as_bytes());
        assert_eq!(answer, (500, NOTHING.to_owned()), "so that it is delivered again");
    }
    assert!(handled.try_recv().is_err());

    let (address, handled) = serve::<Result<vipps::Event, Undecodable>>(vipps_receiver());
    assert_eq!(deliver(address, PATH, &sign(&renamed), renamed.as_bytes()).0, 200);
    let (event, receipt) = handled.try_recv().unwrap();
    let undecodable = event.unwrap_err();
    assert!(undecodable.to_string().contains("amount"), "{undecodable}");
    assert_eq!(receipt.event.as_deref(), Some("epayments.payment.captured.v1"));
    assert!(receipt.idempotency_key.is_some(), "the members of the key are there");
    assert_eq!((receipt.body.as_ref(), receipt.acknowledgement), (renamed.as_bytes(), undecodable.acknowledgement));

    assert_eq!(deliver(address, PATH, &sign("["), b"[").0, 200);
    let (event, receipt) = handled.try_recv().unwrap();
    assert!(event.is_err());
    assert_eq!((receipt.event, receipt.idempotency_key, receipt.body.as_ref()), (None, None, &b"["[..]));
    assert_eq!(deliver(address, PATH, &sign(captured()), captured().as_bytes()).0, 200);
    assert!(handled.try_recv().unwrap().0.is_ok());
    assert_eq!(deliver(address, PATH, &sign("{}"), b"[").0, 401);
    assert!(handled.try_recv().is_err());
}

#[test]
fn an_unknown_event_is_received() {
    let (address, handled) = serve::<vipps::Event>(vipps_receiver());
    let named = r#"{"eventType": "recurring.agreement-renamed.v1"}"#;
    assert_eq!(deliver(address, PATH, &sign(named), named.as_bytes()).0, 200);
    let (event, receipt) = handled.try_recv().unwrap();
    assert!(matches!(event, vipps::Event::Unknown(_)), "{event:?}");
    assert_eq!(receipt.event.as_deref(), Some("recurring.agreement-renamed.v1"));
    assert_eq!((receipt.idempotency_key, receipt.body.as_ref()), (None, named.as_bytes()));
    assert_eq!(deliver(address, PATH, &sign("{}"), b"{}").0, 200);
    assert_eq!(handled.try_recv().unwrap().1.event, None);
}

#[test]
fn the_event_can_be_named_by_the_path_a_header_or_the_registration() {
    let (address, handled) = serve::<dealpos::Event>(dealpos::Receiver::with_key("key").unwrap());
    let body = dealpos::EventName::PaymentCreated.examples()[0].json;
    let answer = deliver(address, "/hooks/paymentCreated?a=b", &[("X-API-Key", "key".to_owned())], body.as_bytes());
    assert_eq!(answer, (200, r#"{"status":"success"}"#.to_owned()));
    let (event, receipt) = handled.try_recv().unwrap();
    assert!(matches!(event, dealpos::Event::PaymentCreated(_)), "{event:?}");
    assert_eq!((receipt.provider, receipt.event.as_deref()), ("dealpos", Some("paymentCreated")));
    assert_eq!(receipt.acknowledgement.content_type, Some("application/json"));
    assert!(!format!("{receipt:?}").contains("key\""), "the key of the provider is in the headers: {receipt:?}");

    let (address, handled) = serve::<mypos::Event>(mypos::Receiver::new(["secret"]).unwrap());
    let name = mypos::EventName::PosPaymentCompleted;
    let body = name.examples()[0].json;
    let headers = mypos::sign(&name, &"secret".into(), body.as_bytes(), Timestamp::now()).unwrap();
    assert_eq!(deliver(address, PATH, &headers, body.as_bytes()).0, 200);
    let (event, receipt) = handled.try_recv().unwrap();
    assert!(matches!(event, mypos::Event::PosPaymentCompleted(_)), "{event:?}");
    assert_eq!(receipt.event.as_deref(), Some(name.as_str()));

    let name = mipos::EventName::LogisticsLocation;
    let (address, handled) = serve::<mipos::Event>(mipos::Receiver::unsigned(name.clone()).unwrap());
    let body = name.examples()[0].json;
    assert_eq!(deliver(address, PATH, &[], body.as_bytes()).0, 200);
    let (event, receipt) = handled.try_recv().unwrap();
    assert!(matches!(event, mipos::Event::LogisticsLocation(_)), "{event:?}");
    assert_eq!(receipt.event.as_deref(), Some(name.as_str()));
    assert_eq!(receipt.idempotency_key, event.idempotency_key(body.as_bytes()));
}

fn any_receiver(scheme: &str) -> AnyReceiver {
    let registered = Registered { url: Some(URL), event: Some("paid"), ..Default::default() };
    AnyReceiver::new(specification::provider(scheme), registered, ["an app secret"]).unwrap()
}

fn hmac(text: &str) -> String {
    let key = Hmac::<sha2::Sha256>::new_from_slice(b"an app secret").unwrap();
    hex::encode(key.chain_update(text).finalize().into_bytes())
}

#[test]
fn every_provider_is_received_without_its_types() {
    let (address, handled) = serve::<AnyEvent>(any_receiver("github"));
    let body = r#"{"zen": "a"}"#;
    let headers = [
        ("X-Hub-Signature-256", format!("sha256={}", hmac(body))),
        ("X-GitHub-Delivery", "1".to_owned()),
        ("X-GitHub-Event", "ping".to_owned()),
    ];
    let (status, _) = deliver(address, PATH, &headers, body.as_bytes());
    assert_eq!(status, 200);
    let (event, receipt) = handled.try_recv().unwrap();
    assert_eq!((&event.name, event.idempotency_key), (&receipt.event, receipt.idempotency_key));
    assert_eq!(deliver(address, PATH, &headers[..1], b"{}"), (401, NOTHING.to_owned()));
}

#[test]
fn a_handshake_is_answered_before_the_handler() {
    let get = |address, query: &str| {
        let (status, head, body) = send(address, "GET", &format!("{PATH}{query}"), &[], b"");
        (status, head.contains("content-type: text/plain"), body)
    };
    let (address, handled) = serve::<AnyEvent>(any_receiver("dropbox"));
    assert_eq!(get(address, "?challenge=a%2Bb"), (200, true, "a+b".to_owned()));
    assert_eq!(get(address, "?challenge=a&challenge=b"), (400, false, NOTHING.to_owned()));
    assert_eq!(get(address, ""), (405, false, NOTHING.to_owned()), "another request of the same method");
    assert!(handled.try_recv().is_err());

    let receiver = any_receiver("meta").with_verify_token("a token").unwrap();
    let (address, _handled) = serve::<AnyEvent>(receiver);
    let challenge = |token| format!("?hub.mode=subscribe&hub.challenge=1&hub.verify_token={token}");
    assert_eq!(get(address, &challenge("a+token")), (200, true, "1".to_owned()));
    assert_eq!(get(address, &challenge("another")), (403, false, NOTHING.to_owned()));

    let (address, _handled) = serve::<AnyEvent>(any_receiver("trello"));
    assert_eq!(send(address, "HEAD", PATH, &[], b"").0, 200);

    let (address, handled) = serve::<AnyEvent>(any_receiver("slack"));
    let now = Timestamp::now().as_second().to_string();
    let signed = |body: &str| {
        let signature = format!("v0={}", hmac(&format!("v0:{now}:{body}")));
        [("X-Slack-Signature", signature), ("X-Slack-Request-Timestamp", now.clone())]
    };
    let body = r#"{"challenge": "3eZb", "type": "url_verification"}"#;
    assert_eq!(deliver(address, PATH, &signed(body), body.as_bytes()), (200, "3eZb".to_owned()));
    assert_eq!(deliver(address, PATH, &signed("{}"), body.as_bytes()), (401, NOTHING.to_owned()));
    assert!(handled.try_recv().is_err(), "a handshake is not an event");
    assert_eq!(deliver(address, PATH, &signed("{}"), b"{}").0, 200);
    assert!(handled.try_recv().is_ok());
}
