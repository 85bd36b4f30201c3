//! The examples for axum and actix-web receive a provider's deliveries over a real socket, and refuse other requests.

#![cfg(all(feature = "dealpos", feature = "vipps"))]

#[allow(dead_code, reason = "the example's main")]
#[path = "../examples/actix.rs"]
mod actix;
#[allow(dead_code, reason = "the example's main")]
#[path = "../examples/axum.rs"]
mod axum_example;

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;

use pos_webhooks::verify::Timestamp;
use pos_webhooks::{dealpos, vipps};

const URL: &str = "https://shop.example/hooks/vipps";

/// Sends one request unchanged, and returns the status and the body of the response.
fn post(address: SocketAddr, path: &str, headers: &[(&str, String)], body: &[u8]) -> (u16, String) {
    let mut request = format!("POST {path} HTTP/1.1\r\nConnection: close\r\nContent-Length: {}\r\n", body.len());
    if !headers.iter().any(|(name, _)| *name == "Host") {
        request.push_str("Host: shop.example\r\n");
    }
    headers.iter().for_each(|(name, value)| request.push_str(&format!("{name}: {value}\r\n")));
    let mut stream = TcpStream::connect(address).unwrap();
    // A server that refuses a body closes the connection before it has read all of it.
    let _ = stream.write_all(&[request.as_bytes(), b"\r\n", body].concat());
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

#[test]
fn axum_receives_vipps() {
    let receiver = vipps::Receiver::new(URL, ["old", "secret"]).unwrap();
    let shop = Arc::new(axum_example::Shop { receiver, inbox: Mutex::default() });
    let (sender, address) = mpsc::channel();
    let router = axum_example::router(shop.clone());
    thread::spawn(move || {
        tokio::runtime::Runtime::new().unwrap().block_on(async move {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            sender.send(listener.local_addr().unwrap()).unwrap();
            axum::serve(listener, router).await.unwrap();
        });
    });
    let address = address.recv().unwrap();
    let stored = || shop.inbox.lock().unwrap().payloads.len();
    let bookings = || shop.inbox.lock().unwrap().bookings.clone();
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
fn actix_receives_dealpos() {
    let receiver = dealpos::Receiver::with_key("key").unwrap();
    let shop = actix_web::web::Data::new(actix::Shop { receiver, inbox: Mutex::default() });
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let serving = shop.clone();
    thread::spawn(move || {
        let app = move || actix_web::App::new().configure(actix::routes(serving.clone()));
        let server = actix_web::HttpServer::new(app).workers(1).listen(listener).unwrap();
        actix_web::rt::System::new().block_on(server.run()).unwrap();
    });
    let stored = || shop.inbox.lock().unwrap().payloads.len();
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
    let bookings = || shop.inbox.lock().unwrap().bookings.clone();
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
