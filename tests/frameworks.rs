//! The examples for axum and actix-web receive a provider's deliveries over a real socket, and that for AWS Lambda as a load
//! balancer or a function URL passes them. They refuse other requests.

#![cfg(all(feature = "dealpos", feature = "vipps"))]

#[allow(dead_code, reason = "the example's main")]
#[path = "../examples/actix.rs"]
mod actix;
#[cfg(feature = "axum")]
#[allow(dead_code, reason = "the example's main")]
#[path = "../examples/axum.rs"]
mod axum_example;
mod http;
#[allow(dead_code, reason = "the example's main")]
#[path = "../examples/lambda.rs"]
mod lambda;

use std::net::TcpListener;
use std::thread;

use base64::Engine as _;
use http::post;

use pos_webhooks::verify::Timestamp;
use pos_webhooks::{dealpos, vipps};

const URL: &str = "https://shop.example/hooks/vipps";

#[cfg(feature = "axum")]
fn describe(event: &vipps::Event) -> String {
    match event {
        vipps::Event::EpaymentsPaymentCapturedV1(payment) => {
            let vipps::models::Amount { value, currency, .. } = &payment.amount;
            format!("{}: captured {value} of the smallest unit of {currency}", payment.reference)
        }
        vipps::Event::Unknown(_) => "an unknown event".to_owned(),
        other => other.name().to_string(),
    }
}

#[cfg(feature = "axum")]
#[test]
fn axum_receives_vipps() {
    let receiver = vipps::Receiver::new(URL, ["old", "secret"]).unwrap();
    let shop = axum_example::Shop { receiver, inbox: Default::default() };
    let router = axum_example::router(shop.clone());
    let address = http::serve(|| std::future::ready(router));
    let stored = || shop.inbox.lock().unwrap().len();
    let bookings =
        || shop.inbox.lock().unwrap().iter().filter_map(|(.., event)| event.as_ref().map(describe)).collect::<Vec<_>>();
    let sign = |body: &str, at| vipps::sign(URL, &"secret".into(), body.as_bytes(), at).unwrap();
    let deliver = |headers: &[_], body: &str| post(address, "/hooks/vipps", headers, body.as_bytes());

    let example = vipps::EventName::EpaymentsPaymentCapturedV1.examples()[0].json;
    let now = Timestamp::now();
    assert_eq!(deliver(&sign(example, now), example), (200, String::new()));
    assert_eq!(stored(), 1);
    let again = sign(example, now + std::time::Duration::from_secs(2));
    assert_eq!(deliver(&again, example), (200, String::new()), "delivered again with a new date");
    assert_eq!(stored(), 1, "once");
    let booked = "4b2cde7acc0e4eaf86d32616d14e0cd1: captured 100 of the smallest unit of NOK";
    assert_eq!(bookings(), [booked], "acted on once");
    let without_login: Vec<_> = sign(example, now)
        .into_iter()
        .map(|(name, value)| (if name == "Authorization" { "X-Vipps-Authorization" } else { name }, value))
        .collect();
    assert_eq!(deliver(&without_login, example), (200, String::new()), "behind a proxy that strips the header");
    assert_eq!(stored(), 1);
    for (what, body) in [("an unknown event", r#"{"new": 2.50}"#), ("a payload that cannot be decoded", "[")] {
        assert_eq!(deliver(&sign(body, now), body), (200, String::new()), "{what}");
    }
    assert_eq!(stored(), 3);
    assert_eq!(bookings(), [booked, "an unknown event"]);

    let refused = (401, String::new());
    assert_eq!(deliver(&[], example), refused, "not signed");
    assert_eq!(deliver(&sign("{}", now), example), refused, "another body");
    assert_eq!(deliver(&sign(example, now - std::time::Duration::from_secs(400)), example), refused, "a replay");
    let mut repeated = sign(example, now);
    repeated.push(repeated[3].clone());
    assert_eq!(deliver(&repeated, example), refused, "signed twice");
    let other = vipps::sign("https://shop.example/other", &"secret".into(), example.as_bytes(), now).unwrap();
    assert_eq!(deliver(&other, example), refused, "for another URL");
    let other = vipps::sign(URL, &"Secret".into(), example.as_bytes(), now).unwrap();
    assert_eq!(deliver(&other, example), refused, "with another secret");
    let large = " ".repeat(1024 * 1024);
    assert_eq!(deliver(&sign(&large, now), &large).0, 413, "larger than the limit");
    assert_eq!(stored(), 3);
}

#[test]
fn the_examples_that_take_a_framework_s_requests_are_short() {
    for (name, text) in
        [("actix", include_str!("../examples/actix.rs")), ("lambda", include_str!("../examples/lambda.rs"))]
    {
        assert!(text.lines().count() < 40, "{name}: {} lines", text.lines().count());
    }
}

#[test]
fn actix_receives_dealpos() {
    let receiver = dealpos::Receiver::with_key("key").unwrap();
    let shop = actix_web::web::Data::new((receiver, actix::Inbox::default()));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let serving = shop.clone();
    thread::spawn(move || {
        let app = move || actix_web::App::new().app_data(serving.clone()).service(actix::deliver);
        let server = actix_web::HttpServer::new(app).workers(1).listen(listener).unwrap();
        actix_web::rt::System::new().block_on(server.run()).unwrap();
    });
    let stored = || shop.1.lock().unwrap().len();
    let key = |key: &str| [("X-API-Key", key.to_owned())];
    let deliver = |headers: &[_], event: &str, body: &str| {
        post(address, &format!("/hooks/dealpos/{event}"), headers, body.as_bytes())
    };

    let example = dealpos::EventName::PaymentCreated.examples()[0].json;
    for _ in 0..2 {
        let (status, answer) = deliver(&key("key"), "paymentCreated", example);
        assert_eq!((status, answer.as_str()), (200, r#"{"status":"success"}"#));
    }
    assert_eq!(stored(), 1, "once");
    let describe = |event: &dealpos::Event| match event {
        // An amount is an exact decimal, as it was written.
        dealpos::Event::PaymentCreated(payment) => format!("{}: paid {}", payment.number, payment.amount),
        other => other.name().to_string(),
    };
    let bookings =
        || shop.1.lock().unwrap().iter().filter_map(|(.., event)| event.as_ref().map(describe)).collect::<Vec<_>>();
    assert_eq!(bookings(), ["2020.07.0001: paid 100000"], "acted on once");
    let bearer = [("Authorization", "Bearer key".to_owned())];
    for _ in 0..2 {
        let (status, _) = deliver(&key("key"), "paymentUpdated", example);
        assert_eq!(status, 200);
    }
    assert_eq!(stored(), 3, "two changes can have the same body");
    assert_eq!(bookings()[1..], ["paymentUpdated", "paymentUpdated"]);
    assert_eq!(deliver(&bearer, "paymentWriteoff", example), (200, String::new()));
    assert_eq!(deliver(&key("key"), "somethingNew", "{}"), (200, String::new()));
    assert_eq!(
        deliver(&key("key"), "paymentCreated", "{}"),
        (200, r#"{"status":"success"}"#.to_owned()),
        "cannot be decoded"
    );
    assert_eq!(stored(), 6);

    for headers in [&[][..], &key("Key"), &[key("key"), key("key")].concat()] {
        assert_eq!(deliver(headers, "paymentDeleted", example), (401, String::new()), "{headers:?}");
    }
    assert_eq!(deliver(&key("key"), "paymentDeleted", &" ".repeat(1024 * 1024)).0, 413);
    assert_eq!(stored(), 6);
}

/// A request as a function URL and API Gateway pass it to a function. Bodies that may be binary are encoded.
fn event_of_lambda(headers: &[(&str, String)], body: &str, encoded: bool) -> lambda_http::Request {
    let headers: serde_json::Map<_, _> =
        headers.iter().map(|(name, value)| (name.to_lowercase(), value.as_str().into())).collect();
    let body = if encoded { base64::prelude::BASE64_STANDARD.encode(body) } else { body.to_owned() };
    let event = serde_json::json!({
        "version": "2.0", "routeKey": "$default", "rawPath": "/hooks/vipps", "rawQueryString": "", "headers": headers,
        "requestContext": {
            "accountId": "a", "apiId": "b", "domainName": "b.lambda-url.eu-north-1.on.aws", "domainPrefix": "b",
            "http": {
                "method": "POST", "path": "/hooks/vipps", "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1", "userAgent": "vipps"
            },
            "requestId": "c", "routeKey": "$default", "stage": "$default", "time": "01/Jan/2026:00:00:00 +0000",
            "timeEpoch": 1_767_225_600_000_i64
        },
        "body": body, "isBase64Encoded": encoded
    });
    lambda_http::request::from_str(&event.to_string()).unwrap()
}

#[test]
fn lambda_receives_vipps() {
    let receiver = vipps::Receiver::new(URL, ["secret"]).unwrap();
    let inbox = lambda::Inbox::default();
    let deliver = |headers: &[_], body: &str, encoded| {
        let response = lambda::deliver(&receiver, &inbox, event_of_lambda(headers, body, encoded)).unwrap();
        (response.status().as_u16(), response.into_body().to_vec())
    };
    let sign = |body: &str| vipps::sign(URL, &"secret".into(), body.as_bytes(), Timestamp::now()).unwrap();
    let stored = || inbox.lock().unwrap().len();

    let example = vipps::EventName::EpaymentsPaymentCapturedV1.examples()[0].json;
    for encoded in [false, true] {
        assert_eq!(deliver(&sign(example), example, encoded), (200, Vec::new()));
        let inbox = inbox.lock().unwrap();
        let [(Some(_), body, Some(vipps::Event::EpaymentsPaymentCapturedV1(_)))] = &inbox[..] else {
            panic!("{inbox:?}")
        };
        assert_eq!(body.to_vec(), example.as_bytes(), "once, as received");
    }
    assert_eq!(deliver(&sign("["), "[", true), (200, Vec::new()), "cannot be decoded");
    assert!(matches!(inbox.lock().unwrap()[1..], [(None, _, None)]));

    assert_eq!(deliver(&[], example, false), (401, Vec::new()), "not signed");
    assert_eq!(deliver(&sign("{}"), example, true), (401, Vec::new()), "another body");
    assert_eq!(stored(), 2);
}
