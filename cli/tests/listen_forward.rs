//! `listen --forward-to` sends each stored event to a program, again after a failure, and goes on where it stopped.

#![cfg(unix)]

mod listener;
mod recorder;

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use http::StatusCode;
use listener::*;
use pos_webhooks::PROVIDERS;
use pos_webhooks::catalogue::{EventNamePlace, Verification};
use pos_webhooks::vipps;
use recorder::Recorder;
use serde_json::Value;

fn forwarding(folder: &Folder, to: &str, options: &[&str]) -> Listener {
    Listener::vipps(folder, &[&["--forward-to", to], options].concat())
}

#[test]
fn events_are_forwarded_with_their_bytes_and_signed_anew() {
    let folder = Folder::new("forward");
    folder.write_secret("local", "another secret");
    let recorder = Recorder::start(|_, _| Some(204));
    let to = recorder.url("/hooks");
    let listener = forwarding(&folder, &to, &["--forward-secret-file", &folder.file("local")]);
    let body = format!(" {}\r\n", payment(1));
    assert_eq!(listener.deliver(body.as_bytes()), StatusCode::OK);
    assert_eq!(listener.deliver(body.as_bytes()), StatusCode::OK);
    assert_eq!(listener.deliver(payment(2).as_bytes()), StatusCode::OK);
    let requests = [recorder.next(), recorder.next()];
    assert_eq!(requests[0].body, body.as_bytes());
    // The second delivery of an event is not forwarded.
    assert_eq!(requests[1].body, payment(2).as_bytes());
    for request in &requests {
        assert_eq!(request.path, "/hooks");
        let headers: Vec<_> = request.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        let receiver = vipps::Receiver::new(to.as_str(), ["another secret"]).unwrap();
        let mut sent = http::Request::new(request.body.clone());
        for (name, value) in headers {
            let name = http::HeaderName::from_bytes(name.as_bytes()).unwrap();
            sent.headers_mut().insert(name, http::HeaderValue::from_bytes(value).unwrap());
        }
        receiver.receive(&sent).unwrap();
    }
    listener.logged("\"forwarded\"");
    let log = listener.end();
    assert!(log.contains("\"status\":204"), "{log}");
}

#[test]
fn without_a_secret_the_stored_headers_are_sent() {
    for provider in PROVIDERS.iter() {
        let Some(event) = provider.events.iter().find(|event| !event.payload.examples.is_empty()) else { continue };
        let folder = Folder::new(&format!("forward-{}", provider.name));
        let recorder = Recorder::start(|_, _| Some(200));
        let (to, file) = (recorder.url("/hooks"), folder.file("events"));
        let mut arguments = vec![provider.name, "--append", &file, "--forward-to", &to, "--url", URL];
        match provider.verification_of(Some(event.name)) {
            None | Some(Verification::None(_)) => arguments.push("--accept-unsigned"),
            Some(_) => {}
        }
        if provider.event_name == Some(EventNamePlace::Route) {
            arguments.extend(["--event", event.name]);
        }
        let listener = Listener::start(&folder, &arguments);
        let body = event.payload.examples[0].json;
        let (path, headers) = delivery(provider, event.name, body.as_bytes());
        assert!(listener.post(&path, &headers, body.as_bytes()).status().is_success(), "{}", provider.name);
        let request = recorder.next();
        assert_eq!(request.body, body.as_bytes());
        match provider.event_name {
            Some(EventNamePlace::Header(name)) => assert_eq!(request.headers[&name.to_ascii_lowercase()], event.name),
            Some(EventNamePlace::LastPathSegment) => assert_eq!(request.path, format!("/hooks/{}", event.name)),
            _ => assert_eq!(request.path, "/hooks"),
        }
        assert!(!request.headers.values().any(|value| value.contains(SECRET)), "{request:?}");
        listener.end();
    }
}

#[test]
fn a_failure_is_tried_again_and_a_refusal_is_not() {
    let folder = Folder::new("forward-retry");
    let recorder = Recorder::start(|number, _| Some([503, 429, 200, 400, 200].get(number).copied().unwrap_or(200)));
    let listener = forwarding(&folder, &recorder.url("/"), &[]);
    for number in 1..=3 {
        assert_eq!(listener.deliver(payment(number).as_bytes()), StatusCode::OK);
    }
    let bodies: Vec<_> = (0..5).map(|_| String::from_utf8(recorder.next().body).unwrap()).collect();
    assert_eq!(bodies, [1, 1, 1, 2, 3].map(payment));
    listener.logged("\"status\":400");
    let log = listener.end();
    assert!(log.contains("\"status\":503") && log.contains("\"retry_in\":0.5"), "{log}");
}

#[test]
fn it_goes_on_where_it_stopped_when_the_program_or_the_listener_was_not_running() {
    let folder = Folder::new("forward-cursor");
    // Events of before are not forwarded.
    let listener = Listener::vipps(&folder, &[]);
    assert_eq!(listener.deliver(payment(0).as_bytes()), StatusCode::OK);
    listener.end();
    let port = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = port.local_addr().unwrap();
    let recorder = Recorder::on(port, |_, _| Some(200));
    let to = recorder.url("/");
    let listener = forwarding(&folder, &to, &[]);
    assert_eq!(listener.deliver(payment(1).as_bytes()), StatusCode::OK);
    assert_eq!(recorder.next().body, payment(1).as_bytes());
    listener.logged("\"forwarded\"");
    listener.end();
    // This one does not forward.
    let listener = Listener::vipps(&folder, &[]);
    assert_eq!(listener.deliver(payment(2).as_bytes()), StatusCode::OK);
    listener.end();
    fs::rename(folder.file("events"), folder.file("events.1")).unwrap();
    let listener = forwarding(&folder, &to, &[]);
    assert_eq!(recorder.next().body, payment(2).as_bytes());
    assert_eq!(listener.deliver(payment(3).as_bytes()), StatusCode::OK);
    assert_eq!(recorder.next().body, payment(3).as_bytes());
    listener.logged("\"forwarded\"");
    assert!(recorder.rest().is_empty());
    listener.end();
    assert_eq!(fs::metadata(folder.file("events.cursor")).unwrap().permissions().mode() & 0o777, 0o600);
    let cursor: Value = serde_json::from_slice(&fs::read(folder.file("events.cursor")).unwrap()).unwrap();
    assert_eq!(cursor["line"], 1, "{cursor}");
    assert_eq!(recorder.address, address);
}

#[test]
fn a_program_that_is_not_there_does_not_delay_deliveries_or_the_end() {
    let folder = Folder::new("forward-nobody");
    let unused = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let listener = forwarding(&folder, &format!("http://{unused}/"), &[]);
    for number in 0..5 {
        assert_eq!(listener.deliver(payment(number).as_bytes()), StatusCode::OK);
    }
    listener.logged("cannot be forwarded");
    listener.end();
    let recorder = Recorder::on(TcpListener::bind(unused).unwrap(), |_, _| Some(200));
    let listener = forwarding(&folder, &recorder.url("/"), &[]);
    for number in 0..5 {
        assert_eq!(recorder.next().body, payment(number).as_bytes());
    }
    listener.end();
}

#[test]
fn another_machine_has_to_be_allowed() {
    let folder = Folder::new("forward-anywhere");
    let file = folder.file("events");
    let secret = folder.file("secret");
    let start = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pos-webhooks"));
        command.args(["listen", "vipps", "--url", URL, "--secret-file", &secret, "--listen", "127.0.0.1:0"]);
        let output = command.args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    let error = start(&["--append", &file, "--forward-to", "https://shop.example/hooks?key=hidden"]);
    assert!(error.contains("--forward-anywhere allows it") && !error.contains("hidden"), "{error}");
    assert!(start(&["--forward-to", "http://localhost:1/"]).contains("--append"));
    assert!(start(&["--append", &file, "--forward-anywhere"]).contains("--forward-to"));
    fs::write(folder.file("events.cursor"), "{").unwrap();
    assert!(start(&["--append", &file, "--forward-to", "http://localhost:1/"]).contains("remove the file"));
}
