//! `pos-webhooks listen`: what was acknowledged is on disk, what is not genuine is refused, and nobody is kept from being
//! served.

#![cfg(all(unix, feature = "cli", feature = "mipos", feature = "mypos", feature = "dealpos", feature = "vipps"))]

use std::collections::HashSet;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use http::{Response, StatusCode};
use jiff::Timestamp;
use pos_webhooks::catalogue::{EventNamePlace, Provider};
use pos_webhooks::sandbox::{Delivery, DeliveryFault, Fault, Sandbox};
use pos_webhooks::{PROVIDERS, Secret, dealpos, mipos, mypos, vipps};
use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, setrlimit};
use serde_json::Value;
use serde_json::value::RawValue;

const SECRET: &str = "a-secret-nobody-may-see";
const URL: &str = "https://shop.example/hooks/vipps";
const CAPTURED: &str = "epayments.payment.captured.v1";

/// A folder of the test's own.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("listen-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("secret"), format!("{SECRET}\n")).unwrap();
        Self(folder)
    }

    fn file(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }

    fn lines(&self) -> Vec<String> {
        let text = fs::read_to_string(self.file("events")).unwrap();
        assert!(text.is_empty() || text.ends_with('\n'), "a torn line");
        text.lines().map(str::to_owned).collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

struct Listener {
    child: Child,
    address: SocketAddr,
    log: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
}

impl Listener {
    fn start(folder: &Folder, arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pos-webhooks"));
        command.arg("listen").args(arguments).args(["--listen", "127.0.0.1:0", "--log-format", "json"]);
        if !arguments.contains(&"--accept-unsigned") {
            command.args(["--secret-file", &folder.file("secret")]);
        }
        Self::spawn(&mut command)
    }

    fn vipps(folder: &Folder, arguments: &[&str]) -> Self {
        let file = folder.file("events");
        Self::start(folder, &[&["vipps", "--url", URL, "--append", &file], arguments].concat())
    }

    fn spawn(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut errors = BufReader::new(child.stderr.take().unwrap());
        let log = Arc::new(Mutex::new(String::new()));
        let address = loop {
            let mut line = String::new();
            assert!(errors.read_line(&mut line).unwrap() > 0, "{}", log.lock().unwrap());
            log.lock().unwrap().push_str(&line);
            let line: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line}"));
            if let Some(address) = line["address"].as_str() {
                break address.parse().unwrap();
            }
        };
        let shared = Arc::clone(&log);
        let reader = thread::spawn(move || {
            for line in errors.lines() {
                let line = line.unwrap();
                serde_json::from_str::<Value>(&line).unwrap_or_else(|_| panic!("{line}"));
                shared.lock().unwrap().push_str(&line);
            }
        });
        Self { child, address, log, reader: Some(reader) }
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Ends it as an init system does; the log.
    fn end(mut self) -> String {
        self.signal(Signal::TERM);
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
        self.reader.take().unwrap().join().unwrap();
        let log = self.log.lock().unwrap().clone();
        assert!(!log.contains(SECRET) && !log.contains("panicked"), "{log}");
        log
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn post(&self, path: &str, headers: &[(&str, String)], body: &[u8]) -> Response<String> {
        post(self.address, path, headers, body).unwrap()
    }

    fn deliver(&self, body: &[u8]) -> StatusCode {
        self.post("/", &signed(body), body).status()
    }

    fn get(&self, path: &str) -> Response<String> {
        exchange(self.address, format!("GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").as_bytes())
            .unwrap()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn post(address: SocketAddr, path: &str, headers: &[(&str, String)], body: &[u8]) -> std::io::Result<Response<String>> {
    let mut request = format!("POST {path} HTTP/1.1\r\nhost: internal\r\nconnection: close\r\n").into_bytes();
    for (name, value) in headers {
        write!(request, "{name}: {value}\r\n")?;
    }
    write!(request, "content-length: {}\r\n\r\n", body.len())?;
    request.extend_from_slice(body);
    exchange(address, &request)
}

/// Sends bytes and reads the answer to the end of the connection.
fn exchange(address: SocketAddr, bytes: &[u8]) -> std::io::Result<Response<String>> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    // It may answer before it has read everything.
    let _ = stream.write_all(bytes);
    answer(stream)
}

fn answer(mut stream: TcpStream) -> std::io::Result<Response<String>> {
    let mut text = Vec::new();
    // Whoever is refused may find the connection reset behind the answer.
    let read = stream.read_to_end(&mut text);
    let text = String::from_utf8(text).unwrap();
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return Err(read.err().unwrap_or_else(|| std::io::Error::other(format!("no answer: {text:?}"))));
    };
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap();
    let mut response = Response::builder().status(status);
    for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
        response = response.header(name, value);
    }
    Ok(response.body(body.to_owned()).unwrap())
}

fn signed(body: &[u8]) -> Vec<(&'static str, String)> {
    vipps::sign(URL, &SECRET.into(), body, Timestamp::now()).unwrap()
}

/// A payment of its own.
fn payment(reference: impl std::fmt::Display) -> String {
    let event = vipps::PROVIDER.events.iter().find(|event| event.name == CAPTURED).unwrap();
    let json = event.payload.examples[0].json;
    let mut payment: vipps::models::PaymentEvent = serde_json::from_str(json).unwrap();
    payment.psp_reference = reference.to_string();
    serde_json::to_string(&payment).unwrap()
}

fn payload(line: &str) -> String {
    #[derive(serde::Deserialize)]
    struct Line {
        payload: Box<RawValue>,
    }
    serde_json::from_str::<Line>(line).unwrap().payload.get().to_owned()
}

/// What a provider sends to deliver this, beside the body: path and headers.
fn delivery(provider: &Provider, event: &str, body: &[u8]) -> (String, Vec<(&'static str, String)>) {
    let (secret, now) = (Secret::from(SECRET), Timestamp::now());
    let headers = match provider.name {
        "mipos" => mipos::sign(&secret, body).unwrap(),
        "mypos" => mypos::sign(&event.into(), &secret, body, now).unwrap(),
        "dealpos" => vec![(dealpos::headers::X_API_KEY, SECRET.to_owned())],
        _ => vipps::sign(URL, &secret, body, now).unwrap(),
    };
    (format!("/hooks/{event}"), headers)
}

#[test]
fn every_event_of_every_provider_is_written_as_it_was_sent_and_answered_as_documented() {
    for provider in PROVIDERS {
        let groups: Vec<Vec<_>> = match provider.name {
            // The event is what was registered for.
            "mipos" => provider.events.iter().map(|event| vec![event]).collect(),
            _ => vec![provider.events.iter().collect()],
        };
        for (number, events) in groups.iter().enumerate() {
            let folder = Folder::new(&format!("events-{}-{number}", provider.name));
            let file = folder.file("events");
            let event_option: &[&str] = if provider.name == "mipos" { &["--event", events[0].name] } else { &[] };
            let listener = Listener::start(
                &folder,
                &[&[provider.name, "--url", URL, "--append", &file, "--strict"], event_option].concat(),
            );
            let mut expected = Vec::new();
            for event in events {
                let Some(example) = event.payload.examples.first() else { continue };
                let undocumented = provider.event_name == Some(EventNamePlace::Body) && event.when.is_empty();
                let (path, headers) = delivery(provider, event.name, example.json.as_bytes());
                let answer = listener.post(&path, &headers, example.json.as_bytes());
                let answers = if undocumented { &[][..] } else { event.answers };
                let documented = answers.iter().find(|answer| answer.status.starts_with('2'));
                let body = documented.and_then(|answer| answer.body.as_ref()?.examples.first());
                assert!(answer.status().is_success(), "{} {}: {answer:?}", provider.name, event.name);
                assert_eq!(answer.body(), body.map_or("", |example| example.json));
                let name = if undocumented { "" } else { event.name };
                expected.push((name, example.json.replace(['\n', '\r'], " ")));
            }
            listener.end();
            let lines = folder.lines();
            assert_eq!(lines.len(), expected.len(), "{}", provider.name);
            for (line, (event, sent)) in lines.iter().zip(expected) {
                let value: Value = serde_json::from_str(line).unwrap();
                assert_eq!((&value["event"], &value["known"]), (&event.into(), &(!event.is_empty()).into()));
                assert_eq!(value["provider"], provider.name);
                value["received_at"].as_str().unwrap().parse::<Timestamp>().unwrap();
                assert!(value.get("error").is_none());
                assert_eq!(payload(line), sent.trim());
            }
        }
    }
}

#[test]
fn what_is_not_genuine_is_refused_without_a_word() {
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
        let line = format!("pos_webhooks_refused_total{{reason=\"{reason}\"}} 1\n");
        assert!(metrics.body().contains(&line), "{}", metrics.body());
    }
    assert!(metrics.body().contains("pos_webhooks_latency_seconds_count 4\n"));
    assert_eq!(listener.get("/healthz").status(), StatusCode::OK);
    assert_eq!(listener.get("/").status(), StatusCode::METHOD_NOT_ALLOWED);
    let log = listener.end();
    assert_eq!(log.matches("\"refused\"").count(), 4, "{log}");
    assert!(folder.lines().is_empty());
}

#[test]
fn any_of_several_secrets_will_do_and_none_where_that_is_asked_for() {
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
    let event = &dealpos::PROVIDER.events[0];
    let (path, body) = (format!("/{}", event.name), event.payload.examples[0].json.as_bytes());
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
fn what_is_genuine_but_not_documented_is_kept_unless_strict() {
    let mistyped = payment(1).replace("\"NOK\"", "17");
    let unknown = r#"{"something": "new"}"#;
    let folder = Folder::new("undocumented");
    let listener = Listener::vipps(&folder, &[]);
    assert_eq!(listener.deliver(mistyped.as_bytes()), StatusCode::OK);
    assert_eq!(listener.deliver(unknown.as_bytes()), StatusCode::OK);
    assert_eq!(listener.deliver(b"{ \"pretty\":\r\n 1.50 }\n"), StatusCode::OK);
    for body in ["", "{", "[1,]", "\u{feff}{}", "{} {}"] {
        assert_eq!(listener.deliver(body.as_bytes()), StatusCode::BAD_REQUEST, "{body}");
    }
    assert_eq!(listener.deliver(b"\"\xff\""), StatusCode::BAD_REQUEST);
    listener.end();
    let lines = folder.lines();
    let values: Vec<Value> = lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(values.len(), 3);
    assert!(values[0]["error"].as_str().unwrap().contains("/amount/currency"), "{}", values[0]);
    assert_eq!(payload(&lines[0]), mistyped);
    assert_eq!((&values[1]["known"], &values[1]["event"]), (&false.into(), &"".into()));
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
fn an_event_that_comes_again_is_acknowledged_and_written_once() {
    let folder = Folder::new("again");
    let listener = Listener::vipps(&folder, &["--window", "2"]);
    for reference in [1, 1, 2, 1, 3] {
        assert_eq!(listener.deliver(payment(reference).as_bytes()), StatusCode::OK);
    }
    assert!(listener.get("/metrics").body().contains("pos_webhooks_duplicates_total 2\n"));
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
fn a_line_that_was_never_completed_is_removed_and_nothing_else() {
    let folder = Folder::new("torn");
    let whole = format!("not an event\n{}\n", payment(1));
    fs::write(folder.file("events"), format!("{whole}{{\"idempotency_key\": \"{}", "x".repeat(200_000))).unwrap();
    let listener = Listener::vipps(&folder, &[]);
    assert_eq!(fs::read_to_string(folder.file("events")).unwrap(), whole);
    assert_eq!(listener.deliver(payment(2).as_bytes()), StatusCode::OK);
    let log = listener.end();
    assert!(log.contains("never completed"));
    let lines = folder.lines();
    assert_eq!((lines.len(), payload(&lines[2])), (3, payment(2)));
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
fn what_cannot_be_written_is_asked_for_again() {
    let folder = Folder::new("full");
    let mut command = Command::new("sh");
    // The limit of a file's size stands for a full disk; its unit is 512 bytes or 1 KiB.
    let script = "trap '' XFSZ; ulimit -f 2; exec \"$0\" \"$@\"";
    command.args(["-c", script, env!("CARGO_BIN_EXE_pos-webhooks"), "listen", "vipps", "--url", URL]);
    command.args(["--listen", "127.0.0.1:0", "--log-format", "json", "--append", &folder.file("events")]);
    command.args(["--secret-file", &folder.file("secret")]);
    let listener = Listener::spawn(&mut command);
    let statuses: Vec<_> = (0..10).map(|reference| listener.deliver(payment(reference).as_bytes())).collect();
    let written = statuses.iter().filter(|status| **status == StatusCode::OK).count();
    assert!((1..10).contains(&written), "{statuses:?}");
    assert!(statuses[written..].iter().all(|status| *status == StatusCode::SERVICE_UNAVAILABLE), "{statuses:?}");
    assert_eq!(listener.get("/healthz").status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(listener.deliver(payment(0).as_bytes()), StatusCode::OK, "known already");
    assert_eq!(folder.lines().len(), written);
    fs::write(folder.file("events"), "").unwrap();
    listener.end();

    let listener = Listener::vipps(&folder, &[]);
    assert_eq!(listener.deliver(payment(9).as_bytes()), StatusCode::OK, "there is room again");
    listener.end();
}

#[test]
fn nothing_is_acknowledged_once_nobody_reads_the_output() {
    let folder = Folder::new("pipe");
    let mut listener = Listener::start(&folder, &["vipps", "--url", URL]);
    let mut output = BufReader::new(listener.child.stdout.take().unwrap());
    assert_eq!(listener.deliver(payment(1).as_bytes()), StatusCode::OK);
    let mut line = String::new();
    output.read_line(&mut line).unwrap();
    assert_eq!(payload(&line), payment(1));
    drop(output);
    for _ in 0..2 {
        assert_eq!(listener.deliver(payment(2).as_bytes()), StatusCode::SERVICE_UNAVAILABLE);
    }
    assert!(listener.get("/metrics").body().contains("pos_webhooks_not_written_total 2\n"));
    listener.end();
}

#[test]
fn a_request_that_has_begun_is_finished_before_the_end() {
    let folder = Folder::new("end");
    let listener = Listener::vipps(&folder, &[]);
    let body = payment(1);
    let mut stream = TcpStream::connect(listener.address).unwrap();
    let idle = TcpStream::connect(listener.address).unwrap();
    let mut head = String::from("POST / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\n");
    signed(body.as_bytes()).iter().for_each(|(name, value)| head += &format!("{name}: {value}\r\n"));
    write!(stream, "{head}content-length: {}\r\n\r\n", body.len()).unwrap();
    let mut go_on = [0; 25];
    stream.read_exact(&mut go_on).unwrap();
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    listener.signal(Signal::TERM);
    let deadline = Instant::now() + Duration::from_secs(10);
    while TcpStream::connect(listener.address).is_ok() {
        assert!(Instant::now() < deadline, "it still takes connections");
        thread::sleep(Duration::from_millis(10));
    }
    stream.write_all(body.as_bytes()).unwrap();
    assert_eq!(answer(stream).unwrap().status(), StatusCode::OK);
    drop(idle);
    let mut listener = listener;
    assert_eq!(listener.child.wait().unwrap().code(), Some(0));
    assert_eq!(folder.lines().len(), 1);
}

#[test]
fn requests_cost_no_more_than_their_limits() {
    let folder = Folder::new("limits");
    let listener = Listener::vipps(&folder, &["--max-bytes", "2000"]);
    let exact = payment("x".repeat(2000 - payment("").len()));
    assert_eq!((exact.len(), listener.deliver(exact.as_bytes())), (2000, StatusCode::OK));
    assert_eq!(listener.deliver(&[b' '; 2001]), StatusCode::PAYLOAD_TOO_LARGE);
    let (address, folder) = (listener.address, &folder);
    thread::scope(|scope| {
        // A body that never ends, quickly and slowly, and a head that never ends.
        scope.spawn(move || {
            let chunk = [b"400\r\n".as_slice(), &[b' '; 1024], b"\r\n"].concat();
            let request =
                [b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n".as_slice(), &chunk.repeat(64)];
            let answer = exchange(address, &request.concat()).unwrap();
            assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE);
        });
        scope.spawn(move || {
            let request = b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\n[";
            assert_eq!(exchange(address, request).unwrap().status(), StatusCode::REQUEST_TIMEOUT);
        });
        scope.spawn(move || {
            let request = format!("POST / HTTP/1.1\r\nhost: a\r\nx: {}\r\n\r\n", "a".repeat(1 << 20));
            let answer = exchange(address, request.as_bytes()).map(|answer| answer.status());
            assert!(matches!(answer, Err(_) | Ok(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE)), "{answer:?}");
        });
        for begun in ["", "POST / HTTP/1.1\r\nhost: a\r\n"] {
            scope.spawn(move || {
                let start = Instant::now();
                let closed = exchange(address, begun.as_bytes()).unwrap_err();
                assert_ne!(closed.kind(), std::io::ErrorKind::WouldBlock, "it was not closed");
                assert!(start.elapsed() >= Duration::from_secs(25), "{:?}", start.elapsed());
            });
        }
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
fn idle_connections_take_nobodys_place() {
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

#[test]
fn what_was_acknowledged_survives_being_killed() {
    let folder = Folder::new("killed");
    let acknowledged = Mutex::new(HashSet::new());
    let next = AtomicUsize::new(0);
    for round in 0..12 {
        let listener = Listener::vipps(&folder, &[]);
        let address = listener.address;
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    loop {
                        let body = payment(next.fetch_add(1, Ordering::Relaxed));
                        match post(address, "/", &signed(body.as_bytes()), body.as_bytes()) {
                            Ok(answer) if answer.status() == StatusCode::OK => {
                                acknowledged.lock().unwrap().insert(body)
                            }
                            Ok(answer) => panic!("{answer:?}"),
                            Err(_) => break,
                        };
                    }
                });
            }
            thread::sleep(Duration::from_millis(60 + 17 * round));
            listener.kill();
        });
    }
    let listener = Listener::vipps(&folder, &[]);
    assert_eq!(listener.deliver(payment("the last").as_bytes()), StatusCode::OK);
    listener.end();
    let acknowledged = acknowledged.into_inner().unwrap();
    let lines = folder.lines();
    let written: HashSet<_> = lines.iter().map(|line| payload(line)).collect();
    assert_eq!(written.len(), lines.len(), "an event is there twice");
    assert!(acknowledged.len() > 50, "{}", acknowledged.len());
    assert_eq!(acknowledged.difference(&written).next(), None);
    println!("{} acknowledged, {} written", acknowledged.len(), written.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_happens_on_the_way_each_event_is_written_once() {
    let sandbox = Sandbox::start().await.unwrap();
    let folder = Folder::new("faults");
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let url = format!("http://{free}/hooks/vipps");
    let webhook = vipps::models::RegisterWebhook { url: url.clone(), events: vec![CAPTURED.to_owned()] };
    let registered = sandbox.vipps().unwrap().register_webhook(&webhook).await.unwrap();
    fs::write(folder.file("secret"), registered.secret.expose()).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_pos-webhooks"));
    command.args(["listen", "vipps", "--listen", &free, "--url", &url, "--append", &folder.file("events")]);
    let listener = Listener::spawn(command.args(["--log-format", "json", "--secret-file", &folder.file("secret")]));

    let deliver = async |body: &str| {
        let delivery = Delivery::new(CAPTURED).payload(body.parse().unwrap()).time_scale(1e6).max_attempts(4);
        sandbox.deliver("vipps", delivery).await.unwrap()
    };
    // The first attempt suffers it; what becomes of that one, and of the next.
    let faults = [
        (DeliveryFault::Latency { milliseconds: 50 }, vec![Some(200)]),
        (DeliveryFault::Reset, vec![None, Some(200)]),
        (DeliveryFault::Truncated, vec![None, Some(200)]),
        (DeliveryFault::Garbage, vec![Some(400), Some(200)]),
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
        sent.push(body);
    }
    sandbox.fault(Fault::from(DeliveryFault::Reordered).times(1)).unwrap();
    let (held, next) = (payment("held back"), payment("next"));
    deliver(&held).await;
    deliver(&next).await;
    sent.extend([next, held]);
    let deadline = Instant::now() + Duration::from_secs(10);
    while folder.lines().len() < sent.len() && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    tokio::task::spawn_blocking(move || listener.end()).await.unwrap();
    let written: Vec<String> = folder.lines().iter().map(|line| payload(line)).collect();
    assert_eq!(written, sent);
}

#[test]
fn what_is_missing_is_said_before_anything_begins() {
    let folder = Folder::new("usage");
    let secret = folder.file("secret");
    for (arguments, expected) in [
        (&["vipps", "--secret-file", &secret][..], "--url"),
        (&["vipps", "--secret-file", &secret, "--url", "shop.example/hooks"], "URL"),
        (&["vipps", "--accept-unsigned", "--url", URL], "no secret"),
        (&["mypos", "--accept-unsigned"], "no secret"),
        (&["mypos"], "--secret-file"),
        (&["mipos", "--secret-file", &secret], "ORDER"),
        (&["dealpos", "--secret-file", &secret, "--secret-file", &secret], "one"),
        (&["mypos", "--secret-file", &secret, "--append", "/dev/null"], "not a file"),
        (&["mypos", "--secret-file", &folder.file("nothing")], "nothing"),
        (&["mypos", "--secret-file", &secret], "192.0.2.1:1"),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pos-webhooks"));
        // An address of no machine, so that it always comes to an end.
        let output = command.arg("listen").args(arguments).args(["--listen", "192.0.2.1:1"]).output().unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {error}");
        assert!(error.contains(expected) && !error.contains(SECRET), "{arguments:?}: {error}");
    }
}
