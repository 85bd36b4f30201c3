//! Refused and undecodable deliveries are kept in a bounded file without secrets, and `verify` reports why they were refused.

#![cfg(unix)]

mod listener;

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Output};
use std::thread;

use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use listener::*;
use pos_webhooks::PROVIDERS;
use pos_webhooks::catalogue::{EventNamePlace, Provider, Verification};
use pos_webhooks::verify::{ToSign, sign};
use serde_json::Value;

const HIDDEN: &str = "hidden-5f0e";

fn command(folder: &Folder, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pos-webhooks"));
    let output = command.args(arguments).current_dir(&folder.0).output().unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(!text.contains(SECRET) && !text.contains(HIDDEN) && !text.contains("panicked"), "{text}");
    output
}

/// What `verify` reports on a line.
fn verified(folder: &Folder, line: usize, options: &[&str]) -> Value {
    let line = line.to_string();
    let arguments = ["verify", "--from", "refused", "--line", &line, "--format", "json"];
    let output = command(folder, &[&arguments, options].concat());
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
}

fn kept(folder: &Folder) -> Vec<Value> {
    let text = fs::read_to_string(folder.file("refused")).unwrap_or_default();
    assert!(!text.contains(SECRET) && !text.contains(HIDDEN), "{text}");
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn metric(listener: &Listener, name: &str) -> u64 {
    let metrics = listener.get("/metrics").into_body();
    let line = metrics.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_else(|| panic!("{name}: {metrics}"));
    line.trim().parse().unwrap()
}

/// Sends requests one after the other on one connection; each has to be answered with 401.
fn forge(address: SocketAddr, count: usize) {
    let mut stream = TcpStream::connect(address).unwrap();
    let mut answers = BufReader::new(stream.try_clone().unwrap());
    let body = "{\"forged\":true}".repeat(20);
    let request = format!(
        "POST /shop HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {HIDDEN}\r\ncookie: {HIDDEN}\r\nx-api-key: {HIDDEN}\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
    const AT_ONCE: usize = 50;
    for _ in 0..count / AT_ONCE {
        stream.write_all(request.repeat(AT_ONCE).as_bytes()).unwrap();
        let (mut answered, mut line) = (0, String::new());
        while answered < AT_ONCE {
            line.clear();
            assert!(answers.read_line(&mut line).unwrap() > 0, "closed after {answered}");
            if line.starts_with("HTTP/1.1") {
                assert!(line.contains(" 401 "), "{line}");
            }
            answered += usize::from(line == "\r\n");
        }
    }
}

fn configuration(refused: &str) -> String {
    format!(
        "[routes.shop]\npath = \"/shop\"\nprovider = \"vipps\"\nurl = \"{URL}\"\nsink = \"inbox\"\n\
         secrets = {{ file = \"secret\" }}\n[sinks.inbox]\ntype = \"file\"\nfile = \"events\"\n\
         [refused]\nfile = \"refused\"\n{refused}"
    )
}

#[test]
fn a_flood_of_forged_deliveries_leaves_a_bounded_file_without_secrets() {
    const FLOOD: usize = 100_000;
    let folder = Folder::new("refused-flood");
    fs::write(folder.file("refused"), "").unwrap();
    fs::set_permissions(folder.file("refused"), fs::Permissions::from_mode(0o644)).unwrap();
    let listener = Listener::configured(&folder, &configuration("size = \"256 KiB\"\nper_minute = 1000000\n"));
    let address = listener.address;
    let senders: Vec<_> = (0..4).map(|_| thread::spawn(move || forge(address, FLOOD / 4))).collect();
    let mut genuine = 0;
    while senders.iter().any(|sender| !sender.is_finished()) {
        let body = payment(genuine);
        assert_eq!(listener.post("/shop", &signed(body.as_bytes()), body.as_bytes()).status(), StatusCode::OK);
        genuine += 1;
    }
    senders.into_iter().for_each(|sender| sender.join().unwrap());
    let metrics = listener.get("/metrics").into_body();
    let refused = metrics.lines().filter_map(|line| line.strip_prefix("pos_webhooks_refused_total{")?.split_once("} "));
    assert_eq!(refused.map(|(_, count)| count.parse::<usize>().unwrap()).sum::<usize>(), FLOOD, "{metrics}");
    listener.end();
    assert_eq!(folder.lines().len(), genuine);
    let mut size = 0;
    for name in ["refused", "refused.1"] {
        let metadata = fs::metadata(folder.file(name)).unwrap();
        assert_eq!(metadata.permissions().mode() & 0o777, 0o600, "{name}");
        size += metadata.len();
        let text = fs::read_to_string(folder.file(name)).unwrap();
        assert!(!text.contains(HIDDEN) && text.ends_with('\n'));
        assert!(text.lines().all(|line| serde_json::from_str::<Value>(line).is_ok_and(|line| line["route"] == "shop")));
    }
    assert!((120 << 10..256 << 10).contains(&size), "{size}");
}

#[test]
fn a_route_keeps_a_limited_number_per_minute_and_counts_the_others() {
    let folder = Folder::new("refused-rate");
    let listener = Listener::configured(&folder, &configuration("per_minute = 7\n"));
    forge(listener.address, 100);
    assert_eq!(metric(&listener, "pos_webhooks_refused_not_kept_total"), 93);
    listener.end();
    assert_eq!(kept(&folder).len(), 7);
}

/// The headers and the body of a delivery.
type Sent = (Vec<(&'static str, String)>, Vec<u8>);

/// Deliveries that are refused, each in another way.
fn refusals(provider: &Provider, event: &str, body: &[u8]) -> Vec<Sent> {
    let signed = |secret: &str, age: SignedDuration| {
        let at = Timestamp::now() - age;
        let to_sign = ToSign { url: Some(URL), id: Some("a-delivery"), headers: &[], body, at };
        let mut headers = sign(provider.verification_of(Some(event)).unwrap(), None, &secret.into(), &to_sign).unwrap();
        if let Some(EventNamePlace::Header(name)) = provider.event_name {
            headers.push((name, event.to_owned()));
        }
        headers
    };
    let (now, hour) = (SignedDuration::ZERO, SignedDuration::from_hours(1));
    let genuine = signed(SECRET, now);
    let mut refusals = vec![
        (signed(HIDDEN_HEX, now), body.to_vec()),
        (signed(SECRET, hour), body.to_vec()),
        (signed(SECRET, -hour), body.to_vec()),
        (genuine.clone(), [body, b"\n"].concat()),
        (genuine.clone(), b"[]".to_vec()),
        (genuine.clone(), b"no JSON".to_vec()),
        ([genuine.clone(), genuine.clone()].concat(), body.to_vec()),
    ];
    for index in 0..genuine.len() {
        let mut without = genuine.clone();
        without.remove(index);
        refusals.push((without, body.to_vec()));
        let mut malformed = genuine.clone();
        malformed[index].1 = "?".to_owned();
        refusals.push((malformed, body.to_vec()));
    }
    refusals
}

/// A query with secrets.
const QUERY: &str =
    "?hidden-5f0e&x=1&%74oken=hidden-5f0e&sig=a&sig=hidden-5f0e&to=https%3A%2F%2Fa%2F%3Fcode%3Dhidden-5f0e";

/// Headers with secrets that no provider signs.
fn hidden() -> [(&'static str, &'static str); 12] {
    [
        ("referer", "https://shop.example/hooks?code=hidden-5f0e"),
        ("x-original-uri", "/hooks?hidden-5f0e"),
        ("x-original-url", "https://user:hidden-5f0e@shop.example/hooks"),
        ("x-forwarded-uri", "/hooks?api%5Fkey=hidden-5f0e"),
        ("x-rewrite-url", "/hooks?x=1&assertion=hidden-5f0e"),
        ("forwarded", "for=192.0.2.1;proto=https;secret=hidden-5f0e"),
        ("x-amz-security-token", "hidden-5f0e"),
        ("x-amz-signature", "hidden-5f0e"),
        ("x-context", "{\"jwt\": \"hidden-5f0e\"}"),
        ("proxy-authorization", "Basic hidden-5f0e"),
        ("cookie", "a=hidden-5f0e"),
        ("x-otp", "hidden-5f0e"),
    ]
}

const HIDDEN_HEX: &str = "badbadbadbadbadbadbadbadbadbad00";

#[test]
fn every_kind_of_refusal_of_every_provider_verifies_to_the_same_reason() {
    for provider in PROVIDERS.iter() {
        let with_example = provider.events.iter().filter(|event| !event.payload.examples.is_empty());
        let proven = |verification: Option<Verification>| !matches!(verification, None | Some(Verification::None(_)));
        let Some(event) =
            with_example.into_iter().find(|event| proven(provider.verification_of(Some(event.name)).copied()))
        else {
            continue;
        };
        let name = provider.name;
        let folder = Folder::new(&format!("refused-{name}"));
        let route = match provider.event_name {
            Some(EventNamePlace::Route) => format!("event = \"{}\"\n", event.name),
            _ => String::new(),
        };
        let by_path = provider.event_name == Some(EventNamePlace::LastPathSegment);
        let path = if by_path { "/shop/*" } else { "/shop" };
        let configuration = configuration("per_minute = 1000\n")
            .replace("\"/shop\"\nprovider = \"vipps\"", &format!("\"{path}\"\nprovider = \"{name}\"\n{route}"));
        let listener = Listener::configured(&folder, &configuration);
        let called = if by_path { format!("/shop/{}", event.name) } else { "/shop".to_owned() };
        let called = format!("{called}{QUERY}");
        let mut refused = 0;
        for (mut headers, body) in refusals(provider, event.name, event.payload.examples[0].json.as_bytes()) {
            headers.extend(hidden().map(|(name, value)| (name, value.to_owned())));
            let status = listener.post(&called, &headers, &body).status();
            refused += usize::from(status == StatusCode::UNAUTHORIZED);
        }
        assert!(!listener.end().contains(HIDDEN));
        let is_key = matches!(provider.verification_of(Some(event.name)), Some(Verification::Keys(_)));
        let lines: Vec<_> = kept(&folder).into_iter().filter(|line| line["outcome"] == "refused").collect();
        assert!(lines.len() == refused && refused > if is_key { 2 } else { 5 }, "{name}: {refused} {lines:?}");
        for (index, line) in kept(&folder).iter().enumerate() {
            let found = verified(&folder, index + 1, &["--config", "listen.toml"]);
            assert_eq!(found["recorded"]["reason"], line["reason"]);
            if line["outcome"] == "stored" {
                assert_eq!(found["verified"], !is_key, "{name}: {found}");
                continue;
            }
            assert_eq!(found["verified"], false, "{found}");
            let step = line["step"].as_str().unwrap();
            if is_key && step == "key" {
                let why = found["error"].as_str().unwrap();
                assert!(why.contains("is not in the file") && why.contains("is another one"), "{why}");
                continue;
            }
            assert_eq!(found["step"], step, "{name}: {line} {found}");
            // This error lists what to check.
            if step != "signature" {
                assert_eq!(found["error"], line["why"], "{name}");
            }
        }
    }
}

#[test]
fn the_report_has_hints_and_the_options_are_enough() {
    let folder = Folder::new("refused-hints");
    let listener = Listener::vipps(&folder, &["--refused", &folder.file("refused")]);
    let body = payment(1);
    let headers = signed(body.as_bytes());
    let sent = format!("{body}\n");
    assert_eq!(listener.post("/hooks?token=hidden-5f0e", &headers, sent.as_bytes()).status(), StatusCode::UNAUTHORIZED);
    listener.end();
    assert!(kept(&folder)[0]["target"].as_str().unwrap().starts_with("/hooks?token=redacted-11-bytes-sha256-"));
    let found = verified(&folder, 1, &["--secret-file", "secret", "--url", URL]);
    assert_eq!(found["step"], "content hash");
    assert!(found["hints"][0].as_str().unwrap().contains("without the newline"), "{found}");
    // Another provider, another line.
    for (arguments, expected) in [
        (&["mypos", "--line", "1"][..], "one of vipps"),
        (&["--line", "2"], "ends with line 1"),
        (&["--line", "0"], "from 1"),
        (&["--line", "1", "--config", "absent.toml"], "absent.toml"),
        (&["--line", "1"], "--secret-file"),
    ] {
        let output = command(&folder, &[&["verify", "--from", "refused"], arguments].concat());
        assert_eq!(output.status.code(), Some(2));
        assert!(String::from_utf8(output.stderr).unwrap().contains(expected), "{arguments:?}");
    }
    // A torn line is not one, and the list goes on.
    fs::write(
        folder.file("refused"),
        [b"{\"at\":\"20".as_slice(), b"\n", &fs::read(folder.file("refused")).unwrap()].concat(),
    )
    .unwrap();
    let output = command(&folder, &["verify", "--from", "refused"]);
    let list = String::from_utf8(output.stdout).unwrap();
    assert!(list.starts_with("2  ") && list.contains("  vipps  refused  content_hash_mismatch: "), "{list}");
    assert!(String::from_utf8(output.stderr).unwrap().contains("line 1 is not"));
}

#[test]
#[cfg(target_os = "linux")]
fn a_file_that_cannot_be_read_further_is_an_error() {
    let folder = Folder::new("refused-unreadable");
    // The first page of the memory of a process cannot be read.
    for arguments in
        [&["verify", "--from", "/proc/self/mem"][..], &["verify", "--from", "/proc/self/mem", "--line", "1"]]
    {
        let output = command(&folder, arguments);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert!(String::from_utf8(output.stderr).unwrap().contains("/proc/self/mem: Input/output error"));
    }
}

#[test]
fn deliveries_that_are_refused_before_or_after_verification_are_kept_as_well() {
    let folder = Folder::new("refused-others");
    let configuration = configuration("").replace("[sinks", "strict = true\nbody = \"1 KiB\"\n[sinks");
    let listener = Listener::configured(&folder, &configuration);
    let (long, other) = (format!("\"{}\"", "x".repeat(2000)), "{\"name\":\"another\"}");
    let put =
        format!("PUT /shop HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{other}", other.len());
    assert_eq!(exchange(listener.address, put.as_bytes()).unwrap().status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(listener.post("/shop", &[], long.as_bytes()).status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(listener.post("/shop", &signed(b"no JSON"), b"no JSON").status(), StatusCode::BAD_REQUEST);
    listener.end();
    let reports: Vec<_> = (1..=3).map(|line| verified(&folder, line, &["--config", "listen.toml"])).collect();
    assert_eq!(
        reports.iter().map(|it| &it["recorded"]["reason"]).collect::<Vec<_>>(),
        ["method", "too_long", "undocumented"]
    );
    assert_eq!(reports.iter().map(|it| &it["verified"]).collect::<Vec<_>>(), [false, false, true]);
    let lines = kept(&folder);
    assert!(
        lines[0]["body"].is_null() && lines[1]["body"].is_null() && lines[2]["body"] == "bm8gSlNPTg==",
        "{lines:?}"
    );
}

#[test]
fn bodies_are_kept_as_configured() {
    for (bodies, expected) in [("all", [true, true]), ("undecodable", [false, true]), ("none", [false, false])] {
        let folder = Folder::new(&format!("refused-bodies-{bodies}"));
        let listener = Listener::configured(&folder, &configuration(&format!("bodies = \"{bodies}\"\n")));
        assert_eq!(listener.post("/shop", &signed(b"1"), b"2").status(), StatusCode::UNAUTHORIZED);
        assert_eq!(listener.post("/shop", &signed(b"no JSON"), b"no JSON").status(), StatusCode::OK);
        listener.end();
        let lines = kept(&folder);
        assert_eq!(lines.iter().map(|line| line["body"].is_string()).collect::<Vec<_>>(), expected, "{lines:?}");
        assert_eq!(lines[1]["outcome"], "stored");
        if bodies == "none" {
            let found = verified(&folder, 1, &["--config", "listen.toml"]);
            assert!(found["error"].as_str().unwrap().contains("body is not in the file"), "{found}");
        }
    }
}

#[test]
fn a_full_disk_does_not_matter_to_deliveries() {
    let folder = Folder::new("refused-full");
    let listener = Listener::vipps(&folder, &["--refused", "/dev/full"]);
    for number in 0..3 {
        assert_eq!(listener.post("/", &signed(b"1"), b"2").status(), StatusCode::UNAUTHORIZED);
        assert_eq!(listener.deliver(payment(number).as_bytes()), StatusCode::OK);
    }
    listener.logged("cannot write refused deliveries");
    let log = listener.end();
    assert_eq!(log.matches("cannot write refused deliveries").count(), 1, "{log}");
    assert_eq!(folder.lines().len(), 3);
}

#[test]
fn the_settings_are_checked_and_read_again() {
    let folder = Folder::new("refused-settings");
    for (refused, expected) in [
        ("size = 1000\n", "refused.size: at least"),
        ("bodies = \"some\"\n", "`all`, `undecodable` or `none`"),
        ("sizes = 1\n", "did you mean `size`?"),
        ("per_minute = 0\n", "refused.per_minute"),
    ] {
        fs::write(folder.file("listen.toml"), configuration(refused)).unwrap();
        let output = command(&folder, &["listen", "--check", "--config", "listen.toml"]);
        assert_eq!(output.status.code(), Some(2));
        assert!(String::from_utf8(output.stderr).unwrap().contains(expected), "{refused}");
    }
    fs::write(folder.file("listen.toml"), configuration("").replace("\"refused\"", "\"events\"")).unwrap();
    let output = command(&folder, &["listen", "--check", "--config", "listen.toml"]);
    assert!(String::from_utf8(output.stderr).unwrap().contains("a sink writes to this file"));
    let same = ["listen", "vipps", "--secret-file", "secret", "--url", URL, "--append", "a", "--refused", "a"];
    assert_eq!(command(&folder, &same).status.code(), Some(2));

    let without = configuration("").split("[refused]").next().unwrap().to_owned();
    let listener = Listener::configured(&folder, &without);
    assert_eq!(listener.post("/shop", &[], b"1").status(), StatusCode::UNAUTHORIZED);
    let text = fs::read_to_string(folder.file("listen.toml")).unwrap();
    fs::write(folder.file("listen.toml"), text + "[refused]\nfile = \"refused\"\n").unwrap();
    listener.signal(rustix::process::Signal::HUP);
    listener.logged("read the configuration again");
    assert_eq!(listener.post("/shop", &[], b"2").status(), StatusCode::UNAUTHORIZED);
    listener.end();
    assert_eq!(kept(&folder).len(), 1);
}

#[test]
fn a_file_that_cannot_be_read_is_one_error() {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_pos-webhooks"));
    let output = command.args(["verify", "--from", "."]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(text.matches("is a directory").count(), 1, "{text}");
}
