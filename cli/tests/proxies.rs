//! nginx and Caddy, configured as in `deploy/`, in front of `pos-webhooks listen`: deliveries are accepted and refused as
//! without a proxy, since everything is forwarded as it was sent.

#![cfg(unix)]

mod listener;
mod proxy;

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use listener::*;
use pos_webhooks::PROVIDERS;
use pos_webhooks::catalogue::{Event, EventNamePlace, Provider, Verification};
use proxy::{ENDED_EARLY, Front, Kind, answer, configuration, installed, recorder};
use serde_json::Value;

/// The default of `listen --max-bytes`.
const MAX_BYTES: usize = 1 << 20;

/// An event of each provider whose deliveries `listen` can verify, or accept without.
fn registrations() -> Vec<(&'static Provider, &'static Event)> {
    let verified = |provider: &Provider, event: &Event| {
        !matches!(provider.verification_of(Some(event.name)), None | Some(Verification::Custom(_)))
    };
    let events = PROVIDERS.iter().filter_map(|it| Some((*it, it.events.iter().find(|event| verified(it, event))?)));
    events.collect()
}

/// The registrations of the documents of this repository, whose payloads have a key of their own for each number.
fn numbered() -> Vec<(&'static Provider, &'static Event)> {
    let known = ["dealpos", "mipos", "mypos", "vipps"];
    registrations().into_iter().filter(|(provider, _)| known.contains(&provider.name)).collect()
}

/// A receiver for an event. Its address is another one at each start, unless one is given.
fn listen(folder: &Folder, provider: &Provider, event: &Event, address: Option<SocketAddr>) -> Listener {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pos-webhooks"));
    command.args(["listen", provider.name, "--url", URL, "--append", &folder.file("events")]);
    if provider.event_name == Some(EventNamePlace::Route) {
        command.args(["--event", event.name]);
    }
    match provider.verification_of(Some(event.name)) {
        Some(Verification::None(_)) => command.arg("--accept-unsigned"),
        _ => command.args(["--secret-file", &folder.file("secret")]),
    };
    let address = address.map_or_else(|| "127.0.0.1:0".to_owned(), |address| address.to_string());
    command.args(["--listen", &address, "--log-format", "json"]);
    Listener::spawn(&mut command)
}

/// The documented payload, with a member that makes it another event.
fn payload_of(event: &Event, number: usize) -> String {
    let json = event.payload.examples.first().map_or("{}", |example| example.json);
    match json.trim_start().strip_prefix('{').map(str::trim_start) {
        Some("}") => format!("{{\"number\": {number}}}"),
        Some(members) => format!("{{\"number\": {number}, {members}"),
        None => json.to_owned(),
    }
}

fn compressed(body: &[u8]) -> Vec<u8> {
    let mut gzip = Command::new("gzip").arg("-c").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    gzip.stdin.take().unwrap().write_all(body).unwrap();
    gzip.wait_with_output().unwrap().stdout
}

/// Paths and queries that a program may change which understands them; `EVENT` is the last segment.
const TARGETS: [&str; 6] = [
    "/hooks/EVENT",
    "//hooks//a%2Fb/%2e/EVENT/",
    "/hooks/./x/../%E2%82%AC/EVENT?a=b&c=%20d&&e=%2F+f&a=",
    "/hooks/a;b=c,d/~user/EVENT?",
    "/hooks/%41bc/%7Euser/EVENT?next=https://shop.example//x/../y",
    "/hooks/'(a)*!$@:/EVENT?a=(b)'*!$,;:@",
];

fn chunked() -> (&'static str, String) {
    ("Transfer-Encoding", "chunked".to_owned())
}

/// Sends deliveries of every kind; what each was answered with, and the lines of the events.
fn deliver_everything(kind: Kind, provider: &'static Provider, event: &Event) -> (Vec<(String, u16)>, Vec<Value>) {
    let folder = Folder::new(&format!("proxied-{}-{}-{kind:?}", provider.name, event.name));
    let listener = listen(&folder, provider, event, None);
    let front = Front::start(kind, &folder, listener.address);
    let mut statuses = Vec::new();
    let mut number = 0;
    for (round, version) in front.versions().iter().enumerate() {
        let mut send = |what: String, target: &str, more: &[(&'static str, String)], body: &[u8], sent: &[u8]| {
            let (_, mut headers) = delivery(provider, event.name, body);
            headers.extend_from_slice(more);
            let (status, _) = front.post(version, &target.replace("EVENT", event.name), &headers, sent);
            statuses.push((format!("{what}, {round}"), status));
        };
        for (index, target) in TARGETS.into_iter().enumerate() {
            number += 1;
            let body = payload_of(event, number);
            let framing = if index % 2 == round { &[][..] } else { &[chunked()] };
            send(format!("{target}, {framing:?}"), target, framing, body.as_bytes(), body.as_bytes());
        }
        let target = TARGETS[0];
        let body = payload_of(event, 1000 + round);
        let gzip = compressed(body.as_bytes());
        send("gzip".into(), target, &[("Content-Encoding", "gzip".into())], &gzip, &gzip);
        send("spaces".into(), target, &[], b" {\r\n\t}\n\n", b" {\r\n\t}\n\n");
        send("empty".into(), target, &[], b"", b"");
        send("changed".into(), target, &[], body.as_bytes(), body.replace('1', "2").as_bytes());
        for framing in [&[][..], &[chunked()]] {
            let most = format!("\"{}\"", "x".repeat(MAX_BYTES - 2));
            send(format!("{MAX_BYTES} bytes, {framing:?}"), target, framing, most.as_bytes(), most.as_bytes());
            let more = most + "\n";
            send(format!("{} bytes, {framing:?}", more.len()), target, framing, more.as_bytes(), more.as_bytes());
        }
        for method in ["GET", "HEAD", "OPTIONS", "PUT"] {
            let mut curl = front.curl(version, "/hooks/EVENT", &[]);
            match method {
                "HEAD" => curl.arg("--head"),
                method => curl.args(["--request", method]),
            };
            statuses.push((format!("{method}, {round}"), answer(version, curl.spawn().unwrap()).0));
        }
    }
    drop(front);
    listener.end();
    let lines = folder.lines().into_iter().map(|line| {
        let mut line: Value = serde_json::from_str(&line).unwrap();
        line.as_object_mut().unwrap().remove("received_at").unwrap();
        // The time of signing is another one each time.
        let headers = line["headers"].as_object_mut().unwrap();
        headers
            .iter_mut()
            .filter(|(name, _)| !name.starts_with("content-"))
            .for_each(|(_, value)| *value = Value::Null);
        line
    });
    (statuses, lines.collect())
}

#[test]
fn a_delivery_has_the_same_outcome_as_without_a_proxy() {
    let kinds = installed();
    for (provider, event) in registrations() {
        thread::scope(|scope| {
            let outcome = |kind| scope.spawn(move || deliver_everything(kind, provider, event));
            let (direct, proxied) = (outcome(Kind::Direct), kinds.iter().map(|kind| (kind, outcome(*kind))));
            let proxied: Vec<_> = proxied.collect();
            let (expected, events) = direct.join().unwrap();
            for (what, status) in &expected {
                let is_longer = what.starts_with(&(MAX_BYTES + 1).to_string());
                let is_genuine = !["changed", "GET", "HEAD", "OPTIONS", "PUT"].iter().any(|it| what.starts_with(it));
                match (is_longer, is_genuine) {
                    (true, _) => assert_eq!(*status, 413, "{} {}: {what}", provider.name, event.name),
                    (_, true) => assert_eq!(status / 100, 2, "{} {}: {what}", provider.name, event.name),
                    (_, false) => {}
                }
            }
            for (kind, outcome) in proxied {
                let (statuses, lines) = outcome.join().unwrap();
                assert_eq!(statuses.len(), expected.len());
                for (found, expected) in statuses.iter().zip(&expected) {
                    let is_refused = found.1 == ENDED_EARLY && expected.1 >= 400;
                    assert!(found == expected || is_refused, "{kind:?}, {} {}: {found:?}", provider.name, event.name);
                }
                // A line of a megabyte is of no use in a message.
                assert!(lines == events, "{kind:?}, {} {}: other events", provider.name, event.name);
            }
        });
    }
}

#[test]
fn path_headers_and_body_arrive_as_they_were_sent() {
    let (_runtime, address, arrived) = recorder();
    for kind in installed() {
        let folder = Folder::new(&format!("forwarded-{kind:?}"));
        let front = Front::start(kind, &folder, address);
        let headers = [
            ("Content-Type", "application/json; charset=utf-8".to_owned()),
            ("Content-Encoding", "gzip".to_owned()),
            ("Authorization", "HMAC-SHA256 SignedHeaders=x-ms-date;host&Signature=a+b/c==".to_owned()),
            ("X-With_Underscore", "a".to_owned()),
            ("under_score", "b".to_owned()),
            ("X-Repeated", "first".to_owned()),
            ("X-Repeated", "second, third".to_owned()),
            ("X-Inner-Spaces", "a  b\tc".to_owned()),
            ("X-Latin", "Kr\u{f8}ner".to_owned()),
            ("X-Long", "x".repeat(6000)),
            ("Date", "Sat, 21 Nov 2026 12:00:00 GMT".to_owned()),
            ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned()),
        ];
        let body = compressed(payload_of(PROVIDERS[0].events.first().unwrap(), 1).as_bytes());
        for version in front.versions() {
            for target in TARGETS {
                for framing in [&[][..], &[chunked()]] {
                    arrived.lock().unwrap().clear();
                    let sent = [&headers[..], framing].concat();
                    assert_eq!(front.post(version, target, &sent, &body).0, 200, "{kind:?} {version} {target}");
                    let found = arrived.lock().unwrap().pop().unwrap();
                    assert_eq!((&found.0[..], &found.2), (target, &body), "{kind:?} {version} {framing:?}");
                    let values = |name: &str| -> Vec<&[u8]> {
                        let named = found.1.iter().filter(|it| it.0 == name.to_ascii_lowercase());
                        named.map(|it| &it.1[..]).collect()
                    };
                    for (name, _) in &headers {
                        let expected = headers.iter().filter(|it| it.0 == *name).map(|it| it.1.as_bytes());
                        assert_eq!(values(name), expected.collect::<Vec<_>>(), "{kind:?} {version} {name}");
                    }
                    let added =
                        [("Host", "shop.example"), ("X-Forwarded-Proto", "https"), ("X-Forwarded-For", "127.0.0.1")];
                    for (name, value) in added.into_iter().chain([("X-Forwarded-Host", "shop.example")]) {
                        assert_eq!(values(name), [value.as_bytes()], "{kind:?} {version} {name}");
                    }
                }
            }
        }
    }
}

#[test]
fn health_and_metrics_are_not_reachable() {
    let folder = Folder::new("internal");
    let (provider, event) = registrations()[0];
    let listener = listen(&folder, provider, event, None);
    for path in ["/livez", "/readyz", "/metrics"] {
        assert_eq!(listener.get(path).status(), 200);
    }
    let others = ["/readyz?a", "/metrics?a=b", "/%6detrics", "/%6civez", "//metrics", "/./metrics", "/a/../metrics"];
    let others =
        others.into_iter().chain(["/metrics/", "/METRICS", "/metrics%3Fa", "/metrics%00", "/metrics;a", "/%2Fmetrics"]);
    for kind in installed() {
        let front = Front::start(kind, &folder, listener.address);
        for version in front.versions() {
            for (path, is_exact) in [("/livez", true), ("/readyz", true), ("/metrics", true)]
                .into_iter()
                .chain(others.clone().map(|it| (it, false)))
            {
                for option in ["--get", "--head"] {
                    let mut curl = front.curl(version, path, &[]);
                    let (status, body) = answer(version, curl.arg(option).spawn().unwrap());
                    assert!((400..500).contains(&status), "{kind:?} {version} {path}: {status}");
                    assert!(!is_exact || status == 404, "{kind:?} {version} {path}: {status}");
                    assert!(!body.contains("pos_webhooks"), "{kind:?} {version} {path}: {body}");
                }
            }
        }
    }
    listener.end();
}

#[test]
fn a_delivery_that_a_crash_refused_is_accepted_when_it_comes_again() {
    for kind in installed() {
        for (provider, event) in numbered() {
            let folder = Folder::new(&format!("crash-{}-{}-{kind:?}", provider.name, event.name));
            let listener = listen(&folder, provider, event, None);
            let address = listener.address;
            let front = Front::start(kind, &folder, address);
            let deliver = |version: &str, number: usize| {
                let body = payload_of(event, number);
                let (path, headers) = delivery(provider, event.name, body.as_bytes());
                front.post(version, &path, &headers, body.as_bytes()).0
            };
            let (mut listener, mut number) = (listener, 0);
            for version in front.versions() {
                assert_eq!(deliver(version, number) / 100, 2, "{kind:?} {version}");
                listener.kill();
                for _ in 0..3 {
                    let status = deliver(version, number + 1);
                    assert!(matches!(status, 502 | ENDED_EARLY), "{kind:?} {version}: {status}");
                }
                listener = listen(&folder, provider, event, Some(address));
                assert_eq!(deliver(version, number + 1) / 100, 2, "{kind:?} {version}");
                number += 2;
            }
            listener.end();
            let written = folder.lines().iter().map(|line| payload(line)).collect::<Vec<_>>();
            let sent: Vec<_> = (0..number).map(|number| payload_of(event, number).replace(['\n', '\r'], " ")).collect();
            assert_eq!(written, sent, "{kind:?}");
        }
    }
}

#[test]
fn a_delivery_whose_answer_is_lost_is_not_sent_again() {
    for kind in installed() {
        let folder = Folder::new(&format!("lost-{kind:?}"));
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let front = Front::start(kind, &folder, socket.local_addr().unwrap());
        let requests = Arc::<Mutex<usize>>::default();
        let counted = Arc::clone(&requests);
        // Reads each request, and closes the connection.
        thread::spawn(move || {
            for stream in socket.incoming() {
                let (mut stream, mut request) = (stream.unwrap(), Vec::new());
                while !request.ends_with(b"the end") {
                    let mut byte = [0];
                    if stream.read(&mut byte).unwrap() == 0 {
                        break;
                    }
                    request.push(byte[0]);
                }
                *counted.lock().unwrap() += 1;
            }
        });
        for (count, version) in (1..).zip(front.versions()) {
            let (status, _) = front.post(version, "/", &[], b"the end");
            assert!(matches!(status, 502 | ENDED_EARLY), "{kind:?} {version}: {status}");
            assert_eq!(*requests.lock().unwrap(), count, "{kind:?} {version}");
        }
    }
}

#[test]
fn a_slow_client_is_waited_for_and_does_not_hold_up_others() {
    let (provider, event) = numbered()[0];
    for kind in installed() {
        let folder = Folder::new(&format!("slow-{kind:?}"));
        let listener = listen(&folder, provider, event, None);
        let front = Front::start(kind, &folder, listener.address);
        let mut number = 0;
        for version in front.versions() {
            let slow = payload_of(event, number);
            let (path, headers) = delivery(provider, event.name, slow.as_bytes());
            let begin = || {
                let mut curl = front.begin(version, &path, &headers);
                let mut input = curl.stdin.take().unwrap();
                input.write_all(&slow.as_bytes()[..slow.len() / 2]).unwrap();
                (curl, input)
            };
            let ((mut given_up, first), (curl, mut input)) = (begin(), begin());
            for other in number + 1..number + 5 {
                let body = payload_of(event, other);
                let (path, headers) = delivery(provider, event.name, body.as_bytes());
                assert_eq!(front.post(version, &path, &headers, body.as_bytes()).0 / 100, 2, "{kind:?} {version}");
            }
            given_up.kill().unwrap();
            given_up.wait().unwrap();
            drop(first);
            input.write_all(&slow.as_bytes()[slow.len() / 2..]).unwrap();
            drop(input);
            assert_eq!(answer(version, curl).0 / 100, 2, "{kind:?} {version}");
            number += 5;
        }
        listener.end();
        assert_eq!(folder.lines().len(), number, "{kind:?}");
    }
}

#[test]
fn a_body_that_never_comes_is_refused() {
    let (provider, event) = registrations()[0];
    let stall = |kind: Kind| {
        let folder = Folder::new(&format!("stalled-{kind:?}"));
        let listener = listen(&folder, provider, event, None);
        let front = Front::start(kind, &folder, listener.address);
        // nginx ends the connection, and Caddy has the answer of `listen`.
        let expected = if kind == Kind::Caddy { "HTTP/1.1 408 " } else { "" };
        let found = front.head_of("POST / HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 9\r\n\r\n{");
        assert!(found.starts_with(expected) && found.is_empty() == expected.is_empty(), "{kind:?}: {found:?}");
        listener.end();
        assert!(folder.lines().is_empty());
    };
    // Each takes as long as its time limit.
    thread::scope(|scope| installed().into_iter().for_each(|kind| _ = scope.spawn(move || stall(kind))));
}

#[test]
fn a_body_that_is_too_long_is_refused_by_the_proxy() {
    let (provider, event) = registrations()[0];
    for kind in installed() {
        let folder = Folder::new(&format!("long-{kind:?}"));
        let listener = listen(&folder, provider, event, None);
        let front = Front::start(kind, &folder, listener.address);
        for body in [vec![b' '; MAX_BYTES + 1], vec![b' '; 10 * MAX_BYTES]] {
            let (path, headers) = delivery(provider, event.name, &body);
            for version in front.versions() {
                for framing in [&[][..], &[chunked()]] {
                    let (status, _) = front.post(version, &path, &[&headers, framing].concat(), &body);
                    assert!(matches!(status, 413 | ENDED_EARLY), "{kind:?} {version} {framing:?}: {status}");
                }
            }
        }
        let log = listener.end();
        assert!(!log.contains("too_long"), "{kind:?}: {log}");
        assert!(folder.lines().is_empty());
    }
}

#[test]
fn the_time_limits_are_longer_than_those_of_the_providers() {
    let longest = PROVIDERS.iter().filter_map(|provider| provider.redelivery.as_ref()?.answer_within).max().unwrap();
    for (file, name) in [
        ("nginx.conf", "proxy_read_timeout"),
        ("nginx.conf", "proxy_send_timeout"),
        ("Caddyfile", "response_header_timeout"),
    ] {
        let text = configuration(file);
        let (_, rest) = text.split_once(&format!("{name} ")).unwrap();
        let (seconds, _) = rest.split_once('s').unwrap();
        assert!(seconds.parse::<u64>().unwrap() > longest.as_secs(), "{file}: {name}");
    }
}
