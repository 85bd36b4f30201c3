//! `pos-webhooks listen`: acknowledged events are on disk, deliveries that are not genuine are refused, and no client
//! blocks others.

#![cfg(unix)]

mod listener;

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;
use std::thread;
use std::time::Duration;

use http::StatusCode;
use jiff::Timestamp;
use pos_webhooks::catalogue::{EventNamePlace, Verification};
use pos_webhooks::sandbox::{DeliveryFault, Fault, Sandbox, Trigger};
use pos_webhooks::{PROVIDERS, dealpos, vipps};
use rustix::process::{Resource, Rlimit, Signal, getrlimit, setrlimit};
use serde_json::Value;

use listener::*;

#[test]
fn every_event_of_every_provider_is_written_as_it_was_sent_and_answered_as_documented() {
    for provider in PROVIDERS.iter() {
        let by_route = provider.event_name == Some(EventNamePlace::Route);
        // The event of these deliveries is that of the registration.
        let size = if by_route { 1 } else { provider.events.len() };
        for (number, events) in provider.events.chunks(size).enumerate() {
            let folder = Folder::new(&format!("events-{}-{number}", provider.name));
            let file = folder.file("events");
            let mut options = if by_route { vec!["--event", events[0].name] } else { Vec::new() };
            if let Some(Verification::None(_)) = provider.verification_of(Some(events[0].name)) {
                options.push("--accept-unsigned");
            }
            let listener = Listener::start(
                &folder,
                &[&[provider.name, "--url", URL, "--append", &file, "--strict"], &options[..]].concat(),
            );
            let mut expected = Vec::new();
            for event in events {
                let Some(example) = event.payload.examples.first() else { continue };
                let undocumented = provider.event_name == Some(EventNamePlace::Body) && event.when.is_empty();
                let (path, headers) = delivery(provider, event.name, example.json.as_bytes());
                let answer = listener.post(&path, &headers, example.json.as_bytes());
                let answers = if undocumented { &[][..] } else { event.responses };
                let documented = answers.iter().find(|answer| answer.status.starts_with('2'));
                // If the event asks for a body that only the user's program knows, the acknowledgement has no body.
                let body = documented.and_then(|answer| {
                    let mut examples = answer.body.as_ref()?.examples.iter();
                    examples.find(|example| Some(example.name) == answer.acknowledgement)
                });
                assert!(answer.status().is_success(), "{} {}: {answer:?}", provider.name, event.name);
                assert_eq!(answer.body(), body.map_or("", |example| example.json));
                let name = Some(event.name).filter(|_| !undocumented);
                expected.push((name, example.json.replace(['\n', '\r'], " ")));
            }
            listener.end();
            let lines = folder.lines();
            assert_eq!(lines.len(), expected.len(), "{}", provider.name);
            for (line, (event, sent)) in lines.iter().zip(expected) {
                let value: Value = serde_json::from_str(line).unwrap();
                assert_eq!((&value["event"], &value["known"]), (&event.into(), &event.is_some().into()));
                assert_eq!(value["provider"], provider.name);
                value["received_at"].as_str().unwrap().parse::<Timestamp>().unwrap();
                assert!(value.get("error").is_none());
                assert_eq!(payload(line), sent.trim());
            }
        }
    }
}

#[test]
fn deliveries_that_are_not_genuine_are_refused_without_an_explanation() {
    let folder = Folder::new("refused");
    let listener = Listener::vipps(&folder, &[]);
    let body = payment(1);
    let refuse = |headers: &[(&str, String)], body: &[u8]| {
        let answer = listener.post("/", headers, body);
        assert_eq!((answer.status(), answer.body().as_str()), (StatusCode::UNAUTHORIZED, ""));
    };
    refuse(&[], body.as_bytes());
    refuse(&signed(body.as_bytes()), payment(2).as_bytes());
    refuse(&vipps::sign(URL, &"another".into(), body.as_bytes(), Timestamp::now()).unwrap(), body.as_bytes());
    let long_ago = Timestamp::now() - Duration::from_secs(3600);
    refuse(&vipps::sign(URL, &SECRET.into(), body.as_bytes(), long_ago).unwrap(), body.as_bytes());
    let metrics = listener.get("/metrics");
    for reason in ["missing_header", "content_hash_mismatch", "signature_mismatch", "stale"] {
        let line = format!("pos_webhooks_refused_total{{route=\"vipps\",reason=\"{reason}\"}} 1\n");
        assert!(metrics.body().contains(&line), "{}", metrics.body());
    }
    assert!(metrics.body().contains("pos_webhooks_latency_seconds_count{route=\"vipps\"} 4\n"));
    assert_eq!(listener.get("/readyz").status(), StatusCode::OK);
    assert_eq!(listener.get("/").status(), StatusCode::METHOD_NOT_ALLOWED);
    let log = listener.end();
    assert_eq!(log.matches("\"refused\"").count(), 5, "{log}");
    assert!(folder.lines().is_empty());
}

#[test]
fn deliveries_pass_with_any_of_several_secrets_or_unsigned_on_request() {
    let folder = Folder::new("secrets");
    fs::write(folder.file("old"), "old").unwrap();
    let listener = Listener::vipps(&folder, &["--secret-file", &folder.file("old")]);
    for (reference, secret) in [SECRET, "old"].into_iter().enumerate() {
        let body = payment(reference);
        let headers = vipps::sign(URL, &secret.into(), body.as_bytes(), Timestamp::now()).unwrap();
        assert_eq!(listener.post("/", &headers, body.as_bytes()).status(), StatusCode::OK, "{secret}");
    }
    listener.end();
    assert_eq!(folder.lines().len(), 2);

    let folder = Folder::new("unsigned");
    let event = dealpos::EventName::PaymentCreated;
    let (path, body) = (format!("/{event}"), event.examples()[0].json.as_bytes());
    let file = folder.file("events");
    let listener = Listener::start(&folder, &["dealpos", "--append", &file]);
    assert_eq!(listener.post(&path, &[], body).status(), StatusCode::UNAUTHORIZED);
    listener.end();
    let listener = Listener::start(&folder, &["dealpos", "--append", &file, "--accept-unsigned"]);
    assert_eq!(listener.post(&path, &[], body).status(), StatusCode::OK);
    listener.end();
    assert_eq!(folder.lines().len(), 1);
}

#[test]
fn genuine_but_undocumented_payloads_are_kept_unless_strict() {
    let mistyped = payment(1).replace("\"NOK\"", "17");
    let unknown = r#"{"something": "new"}"#;
    let folder = Folder::new("undocumented");
    let listener = Listener::vipps(&folder, &[]);
    assert_eq!(listener.deliver(mistyped.as_bytes()), StatusCode::OK);
    assert_eq!(listener.deliver(unknown.as_bytes()), StatusCode::OK);
    assert_eq!(listener.deliver(b"{ \"pretty\":\r\n 1.50 }\n"), StatusCode::OK);
    listener.end();
    let lines = folder.lines();
    let values: Vec<Value> = lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(values.len(), 3);
    assert!(values[0]["error"].as_str().unwrap().contains("/amount/currency"), "{}", values[0]);
    assert_eq!(payload(&lines[0]), mistyped);
    assert_eq!((&values[1]["known"], &values[1]["event"]), (&false.into(), &Value::Null));
    assert_eq!(payload(&lines[2]), "{ \"pretty\":   1.50 }");

    let folder = Folder::new("strict");
    let listener = Listener::vipps(&folder, &["--strict"]);
    assert_eq!(listener.deliver(payment(1).as_bytes()), StatusCode::OK);
    assert_eq!(listener.deliver(mistyped.as_bytes()), StatusCode::BAD_REQUEST);
    let tolerated = payment(2).replace("\"NOK\"", "\"norwegian\"");
    assert_eq!(listener.deliver(tolerated.as_bytes()), StatusCode::BAD_REQUEST);
    let log = listener.end();
    assert!(log.contains("/amount/currency") && !log.contains("norwegian"), "{log}");
    assert_eq!(folder.lines().len(), 1);
}

#[test]
fn a_redelivery_is_acknowledged_and_written_once() {
    let folder = Folder::new("again");
    let listener = Listener::vipps(&folder, &["--window", "2"]);
    for reference in [1, 1, 2, 1, 3] {
        assert_eq!(listener.deliver(payment(reference).as_bytes()), StatusCode::OK);
    }
    assert!(listener.get("/metrics").body().contains("pos_webhooks_duplicates_total{route=\"vipps\"} 2\n"));
    listener.end();
    assert_eq!(folder.lines().len(), 3);

    // It is known across restarts, within the window: 1 was used before 3 came, 2 was not.
    let listener = Listener::vipps(&folder, &["--window", "2"]);
    for reference in [3, 2] {
        assert_eq!(listener.deliver(payment(reference).as_bytes()), StatusCode::OK);
    }
    listener.end();
    assert_eq!(folder.lines().len(), 3);
}

#[test]
fn a_file_has_one_writer() {
    let folder = Folder::new("writer");
    let listener = Listener::vipps(&folder, &[]);
    let mut second = Command::new(env!("CARGO_BIN_EXE_pos-webhooks"));
    second.args(["listen", "vipps", "--url", URL, "--append", &folder.file("events"), "--listen", "127.0.0.1:0"]);
    let output = second.args(["--secret-file", &folder.file("secret")]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("another process writes to it"), "{error}");
    assert_eq!(listener.deliver(payment(1).as_bytes()), StatusCode::OK);
    listener.end();
    assert_eq!(folder.lines().len(), 1);
}

#[test]
fn an_event_that_cannot_be_written_is_requested_again() {
    let folder = Folder::new("full");
    let mut command = Command::new("sh");
    // The limit of a file's size stands for a full disk; its unit is 512 bytes or 1 KiB.
    let script = "ulimit -f 2; exec \"$0\" \"$@\"";
    command.args(["-c", script, env!("CARGO_BIN_EXE_pos-webhooks"), "listen", "vipps", "--url", URL]);
    command.args(["--listen", "127.0.0.1:0", "--log-format", "json", "--append", &folder.file("events")]);
    command.args(["--secret-file", &folder.file("secret")]);
    let listener = Listener::spawn(&mut command);
    let statuses: Vec<_> = (0..10).map(|reference| listener.deliver(payment(reference).as_bytes())).collect();
    let written = statuses.iter().filter(|status| **status == StatusCode::OK).count();
    assert!((1..10).contains(&written), "{statuses:?}");
    assert!(statuses[written..].iter().all(|status| *status == StatusCode::SERVICE_UNAVAILABLE), "{statuses:?}");
    assert_eq!(listener.get("/readyz").status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(listener.deliver(payment(0).as_bytes()), StatusCode::OK, "known already");
    assert_eq!(folder.lines().len(), written);
    fs::write(folder.file("events"), "").unwrap();
    listener.end();

    let listener = Listener::vipps(&folder, &[]);
    assert_eq!(listener.deliver(payment(9).as_bytes()), StatusCode::OK, "there is room again");
    listener.end();
}

#[test]
fn a_request_that_has_begun_is_finished_before_the_end() {
    let folder = Folder::new("end");
    let listener = Listener::vipps(&folder, &[]);
    let body = payment(1);
    let mut stream = TcpStream::connect(listener.address).unwrap();
    let mut idle = TcpStream::connect(listener.address).unwrap();
    let mut head = String::from("POST / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\n");
    signed(body.as_bytes()).iter().for_each(|(name, value)| head += &format!("{name}: {value}\r\n"));
    write!(stream, "{head}content-length: {}\r\n\r\n", body.len()).unwrap();
    let mut go_on = [0; 25];
    stream.read_exact(&mut go_on).unwrap();
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    listener.signal(Signal::TERM);
    // An idle connection ends once no other one is accepted.
    idle.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    _ = idle.read(&mut [0]);
    // Another program may listen at the address by now.
    let late = exchange(listener.address, format!("{head}content-length: {}\r\n\r\n{body}", body.len()).as_bytes());
    assert_ne!(late.map(|answer| answer.status()).ok(), Some(StatusCode::OK), "a delivery on a new connection");
    stream.write_all(body.as_bytes()).unwrap();
    assert_eq!(answer(stream).unwrap().status(), StatusCode::OK);
    let mut listener = listener;
    assert_eq!(listener.child.wait().unwrap().code(), Some(0));
    assert_eq!(folder.lines().len(), 1);
}

#[test]
fn requests_are_limited() {
    let folder = Folder::new("limits");
    let listener = Listener::vipps(&folder, &["--max-bytes", "2000"]);
    let exact = payment("x".repeat(2000 - payment("").len()));
    assert_eq!((exact.len(), listener.deliver(exact.as_bytes())), (2000, StatusCode::OK));
    assert_eq!(listener.deliver(&[b' '; 2001]), StatusCode::PAYLOAD_TOO_LARGE);
    let (address, folder) = (listener.address, &folder);
    thread::scope(|scope| {
        // A body and a head that never end.
        scope.spawn(move || {
            let chunk = [b"400\r\n".as_slice(), &[b' '; 1024], b"\r\n"].concat();
            let request =
                [b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n".as_slice(), &chunk.repeat(64)];
            let answer = exchange(address, &request.concat()).unwrap();
            assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE);
        });
        scope.spawn(move || {
            let request = format!("POST / HTTP/1.1\r\nhost: a\r\nx: {}\r\n\r\n", "a".repeat(1 << 20));
            let answer = exchange(address, request.as_bytes()).map(|answer| answer.status());
            assert!(matches!(answer, Err(_) | Ok(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE)), "{answer:?}");
        });
        // Meanwhile others are served.
        for reference in 0..20 {
            let body = payment(reference);
            assert_eq!(post(address, "/", &signed(body.as_bytes()), body.as_bytes()).unwrap().status(), StatusCode::OK);
        }
    });
    listener.end();
    assert_eq!(folder.lines().len(), 21);
}

#[test]
fn idle_connections_do_not_block_others() {
    let folder = Folder::new("idle");
    let listener = Listener::vipps(&folder, &["--max-connections", "50"]);
    // As many as this process may open beside what the other tests need.
    let limit = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
    let descriptors = getrlimit(Resource::Nofile).current.map_or(10_000, |current| current.saturating_sub(500));
    let count = descriptors.clamp(100, 10_000);
    println!("{count} idle connections");
    let mut idle = Vec::new();
    for number in 0..count {
        idle.push(TcpStream::connect(listener.address).unwrap());
        if number % 100 == 0 {
            assert_eq!(listener.deliver(payment(number).as_bytes()), StatusCode::OK);
        }
    }
    assert_eq!(listener.deliver(payment("the last").as_bytes()), StatusCode::OK);
    listener.end();
    assert_eq!(folder.lines().len() as u64, count.div_ceil(100) + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn with_any_fault_of_the_network_each_event_is_written_once() {
    let sandbox = Sandbox::start().await.unwrap();
    let folder = Folder::new("faults");
    // The URL is registered before there is a secret to listen with, so that what it leads to passes on.
    let proxy = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hooks/vipps", proxy.local_addr().unwrap());
    let webhook = vipps::models::RegisterWebhook { url: url.clone(), events: vec![CAPTURED.to_owned()] };
    let registered = sandbox.client::<vipps::Client>().unwrap().register_webhook(&webhook).await.unwrap();
    fs::write(folder.file("secret"), registered.secret.expose()).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_pos-webhooks"));
    command.args(["listen", "vipps", "--listen", "127.0.0.1:0", "--url", &url, "--append", &folder.file("events")]);
    let listener = Listener::spawn(command.args(["--log-format", "json", "--secret-file", &folder.file("secret")]));
    let address = listener.address;
    tokio::spawn(async move {
        while let Ok((mut outer, _)) = proxy.accept().await {
            tokio::spawn(async move {
                let mut inner = tokio::net::TcpStream::connect(address).await.unwrap();
                // Where one side breaks off, so does the other.
                let _ = tokio::io::copy_bidirectional(&mut outer, &mut inner).await;
            });
        }
    });

    let deliver = async |body: &str| {
        let delivery = Trigger::new(CAPTURED).payload(body.parse().unwrap()).time_scale(1e6).max_attempts(4);
        sandbox.deliver("vipps", delivery).await.unwrap()
    };
    // The first attempt suffers it; what becomes of that one, and of the next.
    let faults = [
        (DeliveryFault::Latency { milliseconds: 50 }, vec![Some(200)]),
        (DeliveryFault::Reset, vec![None, Some(200)]),
        (DeliveryFault::Truncated, vec![None, Some(200)]),
        (DeliveryFault::Garbage, vec![Some(200)]),
        (DeliveryFault::Duplicate, vec![Some(200), Some(200)]),
        (DeliveryFault::StaleDate, vec![Some(401), Some(200)]),
        (DeliveryFault::WrongSignature, vec![Some(401), Some(200)]),
    ];
    let mut sent = Vec::new();
    for (fault, expected) in faults {
        sandbox.fault(Fault::from(fault.clone()).times(1)).unwrap();
        let body = payment(format!("{fault:?}"));
        let statuses: Vec<_> = deliver(&body).await.iter().map(|attempt| attempt.status).collect();
        assert_eq!(statuses, expected, "{fault:?}");
        // What is not JSON is kept as well, but it is not this.
        if fault != DeliveryFault::Garbage {
            sent.push(body);
        }
    }
    sandbox.fault(Fault::from(DeliveryFault::Reordered).times(1)).unwrap();
    let (held, next) = (payment("held back"), payment("next"));
    deliver(&held).await;
    deliver(&next).await;
    sent.extend([next, held]);
    tokio::task::spawn_blocking(move || listener.end()).await.unwrap();
    let payloads = folder.lines().iter().map(|line| payload(line)).collect::<Vec<_>>();
    let written: Vec<_> = payloads.iter().filter(|payload| *payload != "null").cloned().collect();
    assert_eq!(payloads.len(), written.len() + 1);
    assert_eq!(written, sent);
}

#[test]
fn missing_options_are_reported_at_start() {
    let folder = Folder::new("usage");
    let secret = folder.file("secret");
    for (arguments, expected) in [
        (&["vipps", "--secret-file", &secret][..], "--url"),
        (&["vipps", "--secret-file", &secret, "--url", "shop.example/hooks"], "URL"),
        (&["vipps", "--accept-unsigned", "--url", URL], "--accept-unsigned is not allowed"),
        (&["mypos", "--accept-unsigned"], "--accept-unsigned is not allowed"),
        (&["mypos"], "--secret-file"),
        (&["mipos", "--secret-file", &secret], "ORDER"),
        (&["mypos", "--secret-file", &secret, "--append", "/dev/null"], "not a regular file"),
        (&["mypos", "--secret-file", &folder.file("nothing")], "nothing"),
        (&["mypos", "--secret-file", &secret], "192.0.2.1:1"),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pos-webhooks"));
        // This address belongs to no machine, so the program always ends.
        let output = command.arg("listen").args(arguments).args(["--listen", "192.0.2.1:1"]).output().unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {error}");
        assert!(error.contains(expected) && !error.contains(SECRET), "{arguments:?}: {error}");
    }
}
