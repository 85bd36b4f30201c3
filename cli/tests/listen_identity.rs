//! `pos-webhooks listen`: for every genuine delivery, whatever its body, the event and the bytes are kept, and the
//! response is as documented.

#![cfg(unix)]

mod listener;

use std::process::{Command, Output, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::StatusCode;
use listener::*;
use pos_webhooks::catalogue::EventNamePlace;
use pos_webhooks::{PROVIDERS, dealpos, mipos, mypos};
use serde_json::Value;

impl Folder {
    fn values(&self) -> Vec<Value> {
        self.lines().iter().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

#[test]
fn the_event_and_the_answer_are_kept_where_the_body_does_not_decode() {
    let folder = Folder::new("undecoded");
    let file = folder.file("events");
    let listener = Listener::start(&folder, &["dealpos", "--append", &file]);
    let names = ["paymentCreated", "paymentDeleted", "paymentUpdated"];
    for name in names {
        let example = dealpos::EventName::from(name).examples()[0].json;
        let mistyped = example.replace("\"Amount\":", "\"Amount\": \"100000\", \"_\":");
        for body in [mistyped.as_bytes(), b"not JSON"] {
            let (path, headers) = delivery(&dealpos::PROVIDER, name, body);
            let answer = listener.post(&path, &headers, body);
            assert_eq!((answer.status(), &answer.body()[..]), (StatusCode::OK, r#"{"status":"success"}"#), "{name}");
        }
    }
    listener.end();
    let values = folder.values();
    let events: Vec<_> =
        values.iter().map(|value| (value["event"].as_str().unwrap(), value["known"].clone())).collect();
    assert_eq!(events, names.map(|name| [(name, true.into()), (name, true.into())]).concat());
    assert!(values.iter().all(|value| value["error"].is_string()));

    // From the header, and from the option.
    for (provider, arguments) in [(&mypos::PROVIDER, &[][..]), (&mipos::PROVIDER, &["--event", "ORDER"])] {
        let folder = Folder::new(&format!("undecoded-{}", provider.name));
        let file = folder.file("events");
        let listener = Listener::start(&folder, &[&[provider.name, "--append", &file], arguments].concat());
        let event = provider.events[0].name;
        let (path, headers) = delivery(provider, event, b"{");
        assert_eq!(listener.post(&path, &headers, b"{").status(), StatusCode::OK);
        listener.end();
        assert_eq!((&folder.values()[0]["event"], &folder.values()[0]["known"]), (&event.into(), &true.into()));
    }
}

#[test]
fn the_event_that_a_delivery_names_takes_precedence_over_the_option() {
    let folder = Folder::new("named");
    let file = folder.file("events");
    let listener = Listener::start(&folder, &["mypos", "--event", "pos.payment.completed", "--append", &file]);
    let (path, headers) = delivery(&mypos::PROVIDER, "pos.payment.failed", b"{}");
    assert!(listener.post(&path, &headers, b"{}").status().is_success());
    let unnamed: Vec<_> = headers.into_iter().filter(|(_, value)| value != "pos.payment.failed").collect();
    assert!(listener.post(&path, &unnamed, b"{}").status().is_success());
    listener.end();
    let events: Vec<_> = folder.values().iter().map(|value| value["event"].clone()).collect();
    assert_eq!(events, ["pos.payment.failed", "pos.payment.completed"]);
}

#[test]
fn bytes_that_are_not_json_are_kept_and_acknowledged_unless_strict() {
    let folder = Folder::new("bytes");
    let utf16: Vec<u8> = "{}".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let bodies: [&[u8]; 7] =
        [b"", b"{", b"{\"name\": \"K\xf8benhavn\"}", b"{\"a\": \"\x01\"}", &utf16, b"{} {}", b"\xff\xfe"];
    for provider in PROVIDERS.iter() {
        let _ = std::fs::remove_file(folder.file("events"));
        let file = folder.file("events");
        let event = provider.events[0].name;
        let by_route = provider.event_name == Some(EventNamePlace::Route);
        let option: &[&str] = if by_route { &["--event", event] } else { &[] };
        let arguments = [&[provider.name, "--url", URL, "--append", &file], option].concat();
        let listener = Listener::start(&folder, &arguments);
        for body in bodies {
            let (path, headers) = delivery(provider, event, body);
            assert!(listener.post(&path, &headers, body).status().is_success(), "{} {body:?}", provider.name);
        }
        listener.end();
        let values = folder.values();
        assert_eq!(values.len(), bodies.len());
        for (value, body) in values.iter().zip(bodies) {
            assert_eq!(BASE64.decode(value["body"].as_str().unwrap()).unwrap(), body);
            assert!(value["payload"].is_null() && value["error"].is_string());
            // Such a payload does not say it.
            let said = provider.event_name != Some(EventNamePlace::Body);
            assert_eq!(value["event"].as_str(), Some(event).filter(|_| said));
        }
        let listener = Listener::start(&folder, &[&arguments[..], &["--strict"]].concat());
        for body in bodies {
            let (path, headers) = delivery(provider, event, body);
            assert_eq!(listener.post(&path, &headers, body).status(), StatusCode::BAD_REQUEST, "{body:?}");
        }
        listener.end();
        assert_eq!(folder.lines().len(), bodies.len());
    }
}

#[test]
fn a_genuine_delivery_whose_header_does_not_name_one_event_is_kept() {
    let folder = Folder::new("header");
    let file = folder.file("events");
    let listener = Listener::start(&folder, &["mypos", "--append", &file]);
    let event = mypos::EventName::ALL[0].as_str();
    let (path, headers) = delivery(&mypos::PROVIDER, event, b"{}");
    let (named, signature): (Vec<_>, Vec<_>) =
        headers.into_iter().partition(|(name, _)| *name == mypos::headers::X_MY_POS_EVENT);
    let odd = vec![(mypos::headers::X_MY_POS_EVENT, "\u{e9}".to_owned())];
    for names in [vec![], [named.clone(), named].concat(), odd] {
        assert_eq!(listener.post(&path, &[signature.clone(), names].concat(), b"{}").status(), StatusCode::OK);
    }
    listener.end();
    assert_eq!(folder.values().iter().map(|value| value["event"].clone()).collect::<Vec<_>>(), vec![Value::Null; 3]);
}

#[test]
fn json_that_some_programs_cannot_read_is_logged() {
    let folder = Folder::new("half");
    let listener = Listener::vipps(&folder, &[]);
    let body = payment(1).replacen('{', "{\"x\": \"\\ud800\", ", 1);
    assert_eq!(listener.deliver(body.as_bytes()), StatusCode::OK);
    let log = listener.end();
    let line = log.lines().find(|line| line.contains("not as documented")).unwrap();
    assert!(line.contains(CAPTURED) && line.contains("every program can read"), "{line}");
}

#[test]
fn a_byte_order_mark_is_skipped() {
    let folder = Folder::new("mark");
    for strict in [&["--strict"][..], &[]] {
        let listener = Listener::vipps(&folder, strict);
        let body = payment(strict.len());
        assert_eq!(listener.deliver(format!("\u{feff}{body}").as_bytes()), StatusCode::OK);
        listener.end();
        let lines = folder.lines();
        let line = lines.last().unwrap();
        assert_eq!(payload(line), body);
        let value: Value = serde_json::from_str(line).unwrap();
        assert_eq!((&value["event"], value.get("error")), (&CAPTURED.into(), None));
    }
}

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_pos-webhooks")).args(arguments).stdin(Stdio::null()).output().unwrap()
}

#[test]
fn an_event_that_is_not_documented_is_taken_with_a_warning_and_a_suggestion() {
    let folder = Folder::new("misspelt");
    let secret = folder.file("secret");
    std::fs::write(folder.file("body"), "{}").unwrap();
    let body = folder.file("body");
    // This address belongs to no machine, so the program always ends.
    let listen = ["--secret-file", &secret, "--listen", "192.0.2.1:1"];
    for (arguments, expected) in [
        (&[&["listen", "mipos", "--event", "ORDR"], &listen[..]].concat()[..], "did you mean \"ORDER\"?"),
        (
            &[&["listen", "dealpos", "--event", "paymentcreated"], &listen[..]].concat(),
            "did you mean \"paymentCreated\"?",
        ),
        (&[&["listen", "dealpos", "--event", "shipped"], &listen[..]].concat(), "pos-webhooks schema dealpos"),
        (&[&["listen", "vipps", "--event", CAPTURED, "--url", URL], &listen[..]].concat(), "--event has no effect"),
        (&[&["listen", "mypos", "--url", URL], &listen[..]].concat(), "--url has no effect"),
        (&["decode", "dealpos", "--event", "paymentcreated", &body], "did you mean \"paymentCreated\"?"),
        (&["decode", "mipos", "--event", "MENU", &body], "did you mean \"Menu\"?"),
        (&["sign", "mypos", "--secret-file", &secret, "--event", "pos.payment.complete", &body], "did you mean \"pos."),
    ] {
        let output = run(arguments);
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(error.contains(expected), "{arguments:?}: {error}");
        assert_eq!(output.status.success(), arguments[0] != "listen", "{arguments:?}: {error}");
    }
    for arguments in [
        ["listen", "mipos", "--event", "ORDER"],
        ["listen", "dealpos", "--event", "paymentCreated"],
        // The event of deliveries whose header does not name it.
        ["listen", "mypos", "--event", "pos.payment.completed"],
    ] {
        let output = run(&[&arguments[..], &listen].concat());
        assert!(!String::from_utf8(output.stderr).unwrap().contains("--event"), "{arguments:?}");
    }
}
