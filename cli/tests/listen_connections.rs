//! `pos-webhooks listen` with unusual connections: the responses, and the entries in the log and the metrics.

#![cfg(unix)]

mod listener;

use std::io::Write as _;
use std::net::{Shutdown, TcpStream};

use http::StatusCode;
use listener::*;
use pos_webhooks::{dealpos, mypos};

#[test]
fn a_client_that_has_closed_its_sending_half_gets_a_response() {
    let folder = Folder::new("half");
    let listener = Listener::vipps(&folder, &[]);
    let body = payment(1);
    let mut head = String::from("POST / HTTP/1.1\r\nhost: a\r\n");
    signed(body.as_bytes()).iter().for_each(|(name, value)| head += &format!("{name}: {value}\r\n"));
    let mut stream = TcpStream::connect(listener.address).unwrap();
    write!(stream, "{head}content-length: {}\r\n\r\n{body}", body.len()).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(answer(stream).unwrap().status(), StatusCode::OK);
    listener.end();
    assert_eq!(folder.lines().len(), 1);
}

#[test]
fn a_connection_without_a_request_is_logged_and_counted() {
    let folder = Folder::new("malformed");
    let listener = Listener::vipps(&folder, &[]);
    let tls_hello = [0x16, 3, 1, 0, 5, 1, 0, 0, 1, 3];
    let long_target = format!("POST /{} HTTP/1.1\r\nhost: a\r\n\r\n", "a".repeat(70_000));
    let many_headers = format!("POST / HTTP/1.1\r\nhost: a\r\n{}\r\n", "x: y\r\n".repeat(500));
    let large_header = format!("POST / HTTP/1.1\r\nhost: a\r\nx: {}\r\n\r\n", "a".repeat(1 << 20));
    for (bytes, reason, status) in [
        (&tls_hello[..], "tls", None),
        (b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\nPOST / HTTP/1.1\r\n\r\n", "proxy_protocol", None),
        (b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c", "proxy_protocol", None),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "http2", None),
        (long_target.as_bytes(), "head_too_large", Some(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE)),
        (many_headers.as_bytes(), "head_too_large", Some(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE)),
        (large_header.as_bytes(), "head_too_large", None),
        (b"hello\r\n\r\n", "not_http", Some(StatusCode::BAD_REQUEST)),
    ] {
        listener.log.lock().unwrap().clear();
        let answer = exchange(listener.address, bytes);
        if let (Some(status), Ok(answer)) = (status, answer) {
            assert_eq!(answer.status(), status);
        }
        listener.logged(&format!("\"reason\":\"{reason}\""));
        let log = listener.log.lock().unwrap().clone();
        assert_eq!(log.lines().count(), 1, "{log}");
        assert!(log.contains("WARN") && log.contains("\"peer\":\"127.0.0.1:"), "{log}");
    }
    // A request that its client does not complete, in head and body.
    for begun in ["POST / HT", "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\n{"] {
        listener.log.lock().unwrap().clear();
        let mut stream = TcpStream::connect(listener.address).unwrap();
        stream.write_all(begun.as_bytes()).unwrap();
        drop(stream);
        listener.logged("WARN");
    }
    let figures = listener.get("/metrics").into_body();
    for figure in ["{reason=\"tls\"} 1", "{reason=\"proxy_protocol\"} 2", "{reason=\"head_too_large\"} 3"] {
        assert!(figures.contains(&format!("pos_webhooks_malformed_total{figure}\n")), "{figure}: {figures}");
    }
    listener.end();

    // A port scan, or a health check without HTTP, is not worth a line.
    let listener = Listener::vipps(&folder, &[]);
    drop(TcpStream::connect(listener.address).unwrap());
    let log = listener.end();
    assert!(!log.contains("received "), "{log}");
}

#[test]
fn a_refusal_names_event_path_peer_and_step() {
    let folder = Folder::new("named");
    let file = folder.file("events");
    let event = mypos::EventName::ALL[0].as_str();
    let listener = Listener::start(&folder, &["mypos", "--append", &file]);
    let (_, mut headers) = delivery(&mypos::PROVIDER, event, b"{}");
    assert_eq!(listener.post("/hooks/a\"b\u{1b}[31m", &headers, b"{ }").status(), StatusCode::BAD_REQUEST);
    assert_eq!(listener.post("/hooks/mypos?token=hidden", &headers, b"{ }").status(), StatusCode::UNAUTHORIZED);
    headers.retain(|(name, _)| *name != mypos::headers::X_MY_POS_SIGNATURE);
    assert_eq!(listener.post("/hooks/mypos", &headers, b"{}").status(), StatusCode::UNAUTHORIZED);
    assert_eq!(listener.get("/hooks/mypos").status(), StatusCode::METHOD_NOT_ALLOWED);
    assert!(
        listener.get("/metrics").body().contains("pos_webhooks_refused_total{route=\"mypos\",reason=\"method\"} 1\n")
    );
    let log = listener.end();
    let refused: Vec<serde_json::Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .filter(|line: &serde_json::Value| line["message"] == "refused")
        .collect();
    let steps: Vec<_> = refused.iter().map(|line| line["step"].as_str().unwrap()).collect();
    assert_eq!(steps, ["signature", "headers", "method"]);
    assert_eq!((&refused[2]["reason"], &refused[2]["path"]), (&"method".into(), &"/hooks/mypos".into()));
    for line in &refused[..2] {
        assert_eq!((&line["event"], &line["path"]), (&event.into(), &"/hooks/mypos".into()));
        assert!(line["peer"].as_str().unwrap().starts_with("127.0.0.1:"), "{line}");
    }
    assert!(!log.contains("hidden"), "{log}");
}

#[test]
fn a_strict_refusal_names_the_event_of_the_payload() {
    let folder = Folder::new("strict");
    let listener = Listener::vipps(&folder, &["--strict"]);
    let body = payment(1).replace("\"NOK\"", "\"norwegian\"");
    assert_eq!(listener.deliver(body.as_bytes()), StatusCode::BAD_REQUEST);
    let log = listener.end();
    let refused = log.lines().find(|line| line.contains("\"refused\"")).unwrap();
    let refused: serde_json::Value = serde_json::from_str(refused).unwrap();
    assert_eq!((&refused["event"], &refused["step"]), (&CAPTURED.into(), &"specification".into()));
}

#[test]
fn a_redelivery_is_logged_with_its_event() {
    let folder = Folder::new("again");
    let listener = Listener::vipps(&folder, &[]);
    for _ in 0..2 {
        assert_eq!(listener.deliver(payment(1).as_bytes()), StatusCode::OK);
    }
    let log = listener.end();
    let again = log.lines().find(|line| line.contains("acknowledged but not written")).unwrap();
    assert!(again.contains(CAPTURED), "{again}");
}

#[test]
fn accepting_unsigned_deliveries_is_a_warning() {
    let folder = Folder::new("unsigned");
    let file = folder.file("events");
    let listener = Listener::start(&folder, &["dealpos", "--append", &file, "--accept-unsigned"]);
    let body = dealpos::EventName::PaymentCreated.examples()[0].json;
    assert_eq!(listener.post("/paymentCreated", &[], body.as_bytes()).status(), StatusCode::OK);
    let log = listener.end();
    assert!(log.lines().any(|line| line.contains("WARN") && line.contains("without verification")), "{log}");
}
