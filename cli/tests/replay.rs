//! `replay` sends stored events with their bytes, signed now, and reports what was not accepted.

#![cfg(unix)]

mod every_provider;
mod listener;
mod recorder;

use std::fs;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use every_provider::{deliver_all, deliveries, is_proven, routes};
use http::StatusCode;
use listener::*;
use recorder::Recorder;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

fn command(folder: &Folder, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pos-webhooks"));
    command.args(["replay", "events"]).args(arguments).current_dir(&folder.0).stdin(Stdio::null());
    command
}

fn run(folder: &Folder, arguments: &[&str]) -> Output {
    let output = command(folder, arguments).output().unwrap();
    let text = format!("{}{}", text(&output.stdout), text(&output.stderr));
    assert!(!text.contains(SECRET) && !text.contains("panicked"), "{text}");
    output
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Stores payments with these references.
fn store(folder: &Folder, references: &[&str]) {
    let listener = Listener::vipps(folder, &[]);
    for reference in references {
        assert_eq!(listener.deliver(payment(reference).as_bytes()), StatusCode::OK);
    }
    listener.end();
}

#[test]
fn the_events_of_every_provider_are_accepted_and_recognised_by_a_second_listener() {
    let folder = Folder::new("replay-providers");
    let sent = deliveries();
    let configuration = |url| routes(&sent, url) + "[sinks.inbox]\ntype = \"file\"\nfile = \"events\"\n";
    let first = Listener::configured(&folder, &configuration(URL));
    deliver_all(&first, &sent);
    first.end();
    let stored = folder.lines();
    assert_eq!(stored.len(), sent.len());

    let second_folder = Folder::new("replay-providers-second");
    let mut names: Vec<_> = sent.iter().map(|delivery| (delivery.provider, delivery.route.clone())).collect();
    names.dedup_by(|one, other| one.1 == other.1);
    let second = Listener::configured(&second_folder, &configuration("https://other.example/vipps"));
    let mut accepted = 0;
    for again in [false, true] {
        for (provider, name) in &names {
            let to = format!("http://{}/{name}", second.address);
            let mut arguments = vec!["--to", &to, "--route", name, "--format", "json"];
            if provider.events.iter().any(|event| is_proven(provider, event.name)) {
                arguments.extend(["--secret-file", "secret", "--url", "https://other.example/vipps"]);
            }
            let output = run(&folder, &arguments);
            assert_eq!(output.status.code(), Some(0), "{name}: {output:?}");
            for line in text(&output.stdout).lines() {
                let line: Value = serde_json::from_str(line).unwrap();
                assert!((200..300).contains(&line["status"].as_u64().unwrap()), "{line}");
                accepted += usize::from(!again);
            }
        }
    }
    second.end();
    assert_eq!(accepted, stored.len());
    let parsed =
        |lines: Vec<String>| -> Vec<Value> { lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect() };
    let members = |line: &Value| -> Vec<String> {
        ["provider", "event", "idempotency_key", "body", "payload"].iter().map(|name| line[name].to_string()).collect()
    };
    let mut expected: Vec<_> = parsed(stored)
        .iter()
        .flat_map(|line| {
            // An event without a key is stored each time.
            vec![members(line); if line["idempotency_key"].is_null() { 2 } else { 1 }]
        })
        .collect();
    let mut found: Vec<_> = parsed(second_folder.lines()).iter().map(members).collect();
    expected.sort();
    found.sort();
    assert_eq!(found, expected);
}

#[test]
fn a_replayed_event_has_its_bytes_and_its_place() {
    let folder = Folder::new("replay-place");
    store(&folder, &["1", "2"]);
    let recorder = Recorder::start(|_, _| Some(200));
    let to = recorder.url("/hooks?shop=1");
    let output = run(&folder, &["--to", &to, "--secret-file", "secret"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    for number in 1..=2 {
        let request = recorder.next();
        assert_eq!(request.path, "/hooks?shop=1");
        assert_eq!(request.headers["pos-webhooks-replay"], format!("events:{number}"));
        assert_eq!(request.body, payment(number).as_bytes());
        assert_eq!(request.headers["host"], recorder.address.to_string());
    }
    // Another URL can be signed.
    run(&folder, &["--to", &to, "--secret-file", "secret", "--url", URL]);
    assert_eq!(recorder.next().headers["host"], "shop.example");
}

#[test]
fn what_was_not_accepted_is_listed_and_can_be_sent_later() {
    let folder = Folder::new("replay-refused");
    store(&folder, &["1", "2", "3", "4"]);
    let recorder = Recorder::start(|number, _| Some([200, 500, 302, 204].get(number).copied().unwrap_or(200)));
    let (to, secret) = (recorder.url("/hooks"), ["--secret-file", "secret"]);
    let output = run(&folder, &[&["--to", to.as_str()], &secret[..]].concat());
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(text(&output.stdout).lines().count(), 4);
    let errors = text(&output.stderr);
    for expected in ["2 of 4 events were accepted", "  events:2  500", "  events:3  302", "--begin-at events:2"] {
        assert!(errors.contains(expected), "{expected}: {errors}");
    }
    assert_eq!(recorder.rest().len(), 4);
    let output = run(&folder, &[&["--to", to.as_str(), "--begin-at", "events:3"], &secret[..]].concat());
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(recorder.rest().len(), 2);
    let output = run(&folder, &[&["--to", to.as_str(), "--begin-at", "events:5"], &secret[..]].concat());
    assert_eq!(output.status.code(), Some(2), "{output:?}");
}

#[test]
fn results_that_cannot_be_written_are_not_success() {
    let folder = Folder::new("replay-closed");
    store(&folder, &["1", "2", "3"]);
    let recorder = Recorder::start(|_, _| Some(500));
    let to = recorder.url("/");
    // The reader has ended, or the disk is full.
    let (reader, closed) = std::io::pipe().unwrap();
    drop(reader);
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    for output in [Stdio::from(closed), Stdio::from(full)] {
        let mut command = command(&folder, &["--to", &to, "--secret-file", "secret"]);
        let output = command.stdout(output).output().unwrap();
        let errors = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{errors}");
        assert!(errors.contains("stopped: the results cannot be written"), "{errors}");
        assert!(errors.contains("events:1  500") && errors.contains("--begin-at events:1"), "{errors}");
    }
}

#[test]
fn without_a_recipient_the_replay_stops() {
    let folder = Folder::new("replay-nobody");
    store(
        &folder,
        &(0..15).map(|number| number.to_string()).collect::<Vec<_>>().iter().map(String::as_str).collect::<Vec<_>>(),
    );
    let unused = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let output = run(&folder, &["--to", &format!("http://{unused}/"), "--secret-file", "secret"]);
    assert_eq!(output.status.code(), Some(1));
    let errors = text(&output.stderr);
    assert!(errors.contains("no response to 10 events in a row") && errors.contains("0 of 15"), "{errors}");
    assert!(errors.contains("  events:10  no response: ") && !errors.contains("events:11"), "{errors}");
}

#[test]
fn nothing_is_sent_by_a_dry_run_or_without_consent() {
    let folder = Folder::new("replay-dry");
    store(&folder, &["1", "2"]);
    let recorder = Recorder::start(|_, _| Some(200));
    let to = recorder.url("/");
    let events = folder.lines();
    fs::write(folder.file("events"), format!("{}\nno event\n{}\n", events[0], events[1])).unwrap();
    let output = run(&folder, &["--to", &to, "--secret-file", "secret", "--dry-run"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    // This is reported once, though the events are read twice.
    assert_eq!(text(&output.stderr), "warning: events:2 is not an event, and is skipped\n");
    let listed = text(&output.stdout);
    assert!(listed.starts_with("events:1  ") && listed.lines().all(|line| line.ends_with(CAPTURED)), "{listed}");
    for (arguments, expected) in [
        (
            &["--to", "https://shop.example/hooks", "--secret-file", "secret"][..],
            "--yes is required without a terminal, to send 2 events of vipps",
        ),
        (&["--to", &to], "proves the origin of these events with a secret"),
        (&["--to", "ftp://localhost"], "https:// or http://"),
        (&["--to", "http://user:pass@localhost"], "leave out the user"),
        (&["--to", "hooks"], "give a URL such as"),
        (&["--to", &to, "--rate", "0/s"], "5/s"),
        (&["--to", &to, "--rate", "5"], "5/s"),
        (&["--to", &to, "--secret-file", "absent"], "absent"),
    ] {
        let output = run(&folder, arguments);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert!(text(&output.stderr).contains(expected), "{arguments:?}: {output:?}");
    }
    let output = run(&folder, &["--to", &to, "--secret-file", "secret", "--event", "another"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(recorder.rest().is_empty());
}

#[test]
fn events_of_several_providers_need_a_route_and_an_unknown_provider_its_specification() {
    let folder = Folder::new("replay-several");
    store(&folder, &["1"]);
    let line = &folder.lines()[0];
    let others = ["mypos", "another"].map(|name| line.replace("\"vipps\"", &format!("\"{name}\"")));
    fs::write(folder.file("events"), format!("{line}\n{}\n", others[0])).unwrap();
    let recorder = Recorder::start(|_, _| Some(200));
    let output = run(&folder, &["--to", &recorder.url("/"), "--secret-file", "secret"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("give --route one of: mypos, vipps"), "{output:?}");
    fs::write(folder.file("events"), format!("{}\n", others[1])).unwrap();
    let output = run(&folder, &["--to", &recorder.url("/")]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("another is not known; give it with --spec"), "{output:?}");
    assert!(recorder.rest().is_empty());
}

#[test]
fn an_event_that_cannot_be_sent_is_listed_and_the_others_are_sent() {
    let folder = Folder::new("replay-unsendable");
    let payload = r#"{"kind":"sale.done","sent":"2026-11-26T20:00:00Z","sale":"A-1","total":12.5}"#;
    let line = |event: &str, headers: &str, payload: &str| {
        format!(
            "{{\"received_at\":\"2026-11-26T20:00:01Z\",\"route\":\"shop\",\"provider\":\"nimbus\",\"event\":{event},\
             \"known\":true,\"idempotency_key\":null,\"headers\":{headers},\"payload\":{payload}}}\n"
        )
    };
    // This signature needs the time in the body. The specification does not name the last event.
    let without_time = line("\"sale.done\"", "{}", "{\"kind\":\"sale.done\"}");
    let lines = [
        line("\"sale.done\"", "{}", payload),
        without_time.clone(),
        line("\"sale.done\"", "{\"content-type\":\"a\\u0001b\"}", payload),
        line("\"sale.gone\"", "{}", payload),
    ];
    fs::write(folder.file("events"), lines.concat()).unwrap();
    let recorder = Recorder::start(|_, _| Some(200));
    let (to, spec) = (recorder.url("/"), concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fifth-provider/nimbus.yaml"));
    let arguments = ["--to", &to, "--secret-file", "secret", "--signature", "v1", "--spec", spec, "--format", "json"];
    let unsendable = ["  events:2  the body cannot be signed: ", "  events:3  content-type cannot be sent"];
    for options in [&["--dry-run"][..], &[]] {
        let output = run(&folder, &[&arguments[..], options].concat());
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let (listed, errors) = (text(&output.stdout), text(&output.stderr));
        let listed: Vec<Value> = listed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let with_error: Vec<_> = listed.iter().map(|line| line["error"].is_string()).collect();
        assert_eq!(with_error, [false, true, true, false], "{listed:?}");
        assert!(listed[1]["status"].is_null() && listed[1]["milliseconds"].is_null(), "{listed:?}");
        assert!(unsendable.iter().all(|expected| errors.contains(expected)), "{errors}");
        assert_eq!(errors.contains("2 of 4 events were accepted; not accepted:"), options.is_empty(), "{errors}");
    }
    let sent = recorder.rest();
    assert_eq!(sent.len(), 2);
    assert!(sent.iter().all(|request| request.headers.contains_key("nimbus-signature-v1")), "{sent:?}");
    // What holds for every event is wrong usage, and nothing is sent.
    fs::write(folder.file("events"), without_time).unwrap();
    for arguments in [arguments, arguments.map(|argument| if argument == "v1" { "v9" } else { argument })] {
        let output = run(&folder, &arguments);
        assert!(output.status.code() == Some(2) && text(&output.stderr).contains("events:1: "), "{output:?}");
    }
    assert!(recorder.rest().is_empty());
}

#[test]
fn the_rate_is_limited() {
    let folder = Folder::new("replay-rate");
    store(&folder, &["1", "2", "3", "4", "5"]);
    let recorder = Recorder::start(|_, _| Some(200));
    let since = Instant::now();
    let output = run(&folder, &["--to", &recorder.url("/"), "--secret-file", "secret", "--rate", "10/s"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(since.elapsed() >= Duration::from_millis(400));
}

/// What is seen on a terminal of its own, by `script` of util-linux, after this input.
#[cfg(target_os = "linux")]
fn seen(folder: &Folder, arguments: &str, input: &str) -> (Option<i32>, String) {
    use std::io::Write as _;
    let program = format!("stty cols 100; exec '{}' replay events {arguments}", env!("CARGO_BIN_EXE_pos-webhooks"));
    let mut script = Command::new("script");
    script.args(["-qec", &program, "/dev/null"]).env("SHELL", "/bin/sh").env("TERM", "xterm").env_remove("CI");
    script.current_dir(&folder.0).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = script.spawn().unwrap();
    child.stdin.as_mut().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    (output.status.code(), text(&output.stdout))
}

#[test]
#[cfg(target_os = "linux")]
fn a_terminal_has_the_number_of_accepted_events_and_a_question_about_other_machines() {
    let folder = Folder::new("replay-terminal");
    store(&folder, &["1", "2"]);
    let recorder = Recorder::start(|number, _| Some(if number == 3 { 400 } else { 200 }));
    let arguments = format!("--to {} --secret-file secret", recorder.url("/"));
    let (status, text) = seen(&folder, &arguments, "");
    assert!(status == Some(0) && text.contains("2 of 2 events were accepted."), "{text}");
    let (status, text) = seen(&folder, &arguments, "");
    assert!(status == Some(1) && text.contains("events:2") && text.contains("400"), "{text}");
    let (status, text) = seen(&folder, "--to https://shop.example/hooks --secret-file secret", "n\n");
    assert!(status == Some(1) && text.contains("to https://shop.example/hooks? [y/N]"), "{text}");
    assert!(text.contains("nothing was sent"), "{text}");
}

#[test]
fn an_interruption_reports_where_it_stopped() {
    let folder = Folder::new("replay-interrupt");
    store(&folder, &["1", "2", "3", "4"]);
    let recorder = Recorder::start(|number, _| (number < 2).then_some(200));
    let mut command = command(&folder, &["--to", &recorder.url("/"), "--secret-file", "secret"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    for _ in 0..3 {
        recorder.next();
    }
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let errors = text(&output.stderr);
    for expected in
        ["interrupted; events:3 may have been received", "2 of 4 events were accepted", "--begin-at events:3"]
    {
        assert!(errors.contains(expected), "{errors}");
    }
}
