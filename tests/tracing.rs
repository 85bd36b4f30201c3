//! With the feature `tracing`, each delivery is logged with its provider, event and key, and nothing of its payload.

#![cfg(all(feature = "tracing", feature = "vipps"))]

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use http::Request;
use pos_webhooks::verify::{ReceiveError, Timestamp};
use pos_webhooks::vipps::{Event, EventName, Receiver, sign};

const URL: &str = "https://shop.example/hooks";

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What is logged about a delivery that was signed as `signed`.
fn logged(signed: &str, body: &str) -> (String, Result<Event, ReceiveError>) {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).without_time().with_writer(move || writer.clone());
    let mut request = Request::post("/hooks");
    for (name, value) in sign(URL, &"secret".into(), signed.as_bytes(), Timestamp::now()).unwrap() {
        request = request.header(name, value);
    }
    let receiver = Receiver::new(URL, ["secret"]).unwrap();
    let received = tracing::subscriber::with_default(subscriber.finish(), || {
        receiver.receive(&request.body(body.to_owned()).unwrap())
    });
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    (log, received)
}

#[test]
fn a_delivery_is_logged_without_its_payload() {
    let captured = EventName::EpaymentsPaymentCapturedV1.examples()[0].json;
    let (log, received) = logged(captured, captured);
    let key = received.unwrap().idempotency_key(captured.as_bytes()).unwrap();
    let expected = format!(
        " INFO pos_webhooks::receiver: received a delivery provider=\"vipps\" event=\"epayments.payment.captured.v1\" key=\"{key}\"\n"
    );
    assert_eq!(log, expected);

    let undecodable = captured.replace("\"amount\"", "\"sum\"");
    let (log, _) = logged(&undecodable, &undecodable);
    assert!(log.starts_with("ERROR") && log.contains("event=\"epayments.payment.captured.v1\" key=\""), "{log}");
    assert!(log.contains("amount") && !log.contains("4b2cde7acc0e4eaf86d32616d14e0cd1"), "{log}");

    let (log, _) = logged("{}", captured);
    assert!(log.starts_with(" WARN") && log.contains("provider=\"vipps\" error=the body is not"), "{log}");
    assert_eq!(log.lines().count(), 1);

    let (log, _) = logged(r#"{"a": 1}"#, r#"{"a": 1}"#);
    assert_eq!(log, " INFO pos_webhooks::receiver: received a delivery provider=\"vipps\"\n", "an unknown event");
}

#[cfg(feature = "axum")]
#[tokio::test]
async fn a_receipt_has_a_span_of_the_same_fields() {
    use axum::body::Body;
    use axum::extract::FromRequest as _;
    use pos_webhooks::axum::Verified;

    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).without_time().with_writer(move || writer.clone());
    let captured = EventName::EpaymentsPaymentCapturedV1.examples()[0].json;
    let mut request = Request::post("/hooks");
    for (name, value) in sign(URL, &"secret".into(), captured.as_bytes(), Timestamp::now()).unwrap() {
        request = request.header(name, value);
    }
    let receiver = Receiver::new(URL, ["secret"]).unwrap();
    let delivery =
        Verified::<Event>::from_request(request.body(Body::from(captured)).unwrap(), &receiver).await.unwrap();
    let key = delivery.receipt.idempotency_key.clone().unwrap();
    tracing::subscriber::with_default(subscriber.finish(), || {
        delivery.receipt.span().in_scope(|| tracing::info!("booked"));
    });
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let span = format!("delivery{{provider=\"vipps\" event=\"epayments.payment.captured.v1\" key=\"{key}\"}}");
    assert_eq!(log, format!(" INFO {span}: tracing: booked\n"));
}
