//! `tail` shows each stored event once, in the order of the file, while the file is written, rotated and truncated.

#![cfg(unix)]

mod listener;
mod tailed;

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::Duration;

use http::StatusCode;
use listener::*;
use serde_json::json;
use tailed::{Tail, key, run};

/// `tail` of the file `events` of a folder.
fn tail(folder: &Folder, options: &[&str]) -> Tail {
    Tail::start(&[&[folder.file("events").as_str()], options].concat())
}

/// A line of `listen`.
fn line(key: impl std::fmt::Display, route: &str, event: &str, hour: u8) -> String {
    let line = json!({
        "received_at": format!("2026-11-21T{hour:02}:00:00.{:09}Z", rand()), "route": route, "provider": "vipps", "event": event,
        "known": true, "idempotency_key": key.to_string(), "headers": {}, "payload": {"a": 1},
    });
    // The time is first, as `listen` writes it.
    let mut members = line.as_object().unwrap().clone();
    let time = members.remove("received_at").unwrap();
    let rest = serde_json::to_string(&members).unwrap();
    format!("{{\"received_at\":{time},{}\n", &rest[1..])
}

/// A number that is another one each time.
fn rand() -> u32 {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

fn append(folder: &Folder, name: &str, text: &str) {
    let mut file = OpenOptions::new().append(true).create(true).open(folder.file(name)).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

fn numbered(numbers: std::ops::Range<u32>) -> String {
    numbers.map(|number| line(number, "shop", "a", 1)).collect()
}

fn names(numbers: std::ops::Range<u32>) -> Vec<String> {
    numbers.map(|number| number.to_string()).collect()
}

#[test]
fn each_event_of_a_listener_is_shown_once_in_order_while_files_are_rotated() {
    const EVENTS: usize = 400;
    let folder = Folder::new("tail-rotation");
    let tailed = tail(&folder, &[]);
    let configuration = format!(
        "[routes.shop]\npath = \"/shop\"\nprovider = \"vipps\"\nurl = \"{URL}\"\nsink = \"inbox\"\n\
         secrets = {{ file = \"secret\" }}\n[sinks.inbox]\ntype = \"file\"\nfile = \"events\"\nrotate = {{ size = \"8 KiB\" }}\n"
    );
    let listener = Listener::configured(&folder, &configuration);
    let address = listener.address;
    let senders: Vec<_> = (0..4)
        .map(|sender| {
            thread::spawn(move || {
                for number in 0..EVENTS / 4 {
                    let body = payment(format!("{sender}-{number}"));
                    let response = post(address, "/shop", &signed(body.as_bytes()), body.as_bytes()).unwrap();
                    assert_eq!(response.status(), StatusCode::OK);
                }
            })
        })
        .collect();
    let shown = tailed.keys(EVENTS);
    senders.into_iter().for_each(|sender| sender.join().unwrap());
    tailed.end();
    listener.end();
    let mut files: Vec<_> = fs::read_dir(&folder.0).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.file_name().unwrap().to_str().unwrap().starts_with("events"));
    // The names of rotated files have the time, and that of the newest one does not.
    files.sort_by_key(|path| (path.file_name().unwrap() == "events", path.clone()));
    assert!(files.len() > 10, "{files:?}");
    let stored: Vec<_> =
        files.iter().flat_map(|path| fs::read_to_string(path).unwrap().lines().map(key).collect::<Vec<_>>()).collect();
    assert_eq!(shown, stored);

    // From the start, it reads all of these files.
    let tailed = tail(&folder, &["--from-start"]);
    assert_eq!(tailed.keys(EVENTS), stored);
    tailed.end();
}

#[test]
fn a_file_that_another_program_renames_is_read_to_its_end() {
    let folder = Folder::new("tail-rename");
    append(&folder, "events.1", &numbered(0..3));
    append(&folder, "events", &numbered(3..6));
    let tailed = tail(&folder, &["--from-start"]);
    assert_eq!(tailed.keys(6), names(0..6));
    append(&folder, "events", &numbered(6..7));
    assert_eq!(tailed.keys(1), names(6..7));
    fs::rename(folder.file("events.1"), folder.file("events.2")).unwrap();
    fs::rename(folder.file("events"), folder.file("events.1")).unwrap();
    // `listen` may still write to the renamed file, until it finds the new one.
    append(&folder, "events", "");
    append(&folder, "events.1", &numbered(7..9));
    assert_eq!(tailed.keys(2), names(7..9));
    append(&folder, "events", &numbered(9..11));
    assert_eq!(tailed.keys(2), names(9..11));
    // Several rotations at once, the first of which leaves a file that is read already.
    for number in 11..14 {
        fs::rename(folder.file("events"), folder.file(&format!("events-{number}"))).unwrap();
        append(&folder, "events", &numbered(number..number + 1));
        thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(tailed.keys(3), names(11..14));
    tailed.end();
}

#[test]
fn a_truncated_file_is_read_from_its_new_beginning() {
    let folder = Folder::new("tail-truncation");
    append(&folder, "events", &numbered(0..3));
    let tailed = tail(&folder, &["--from-start"]);
    assert_eq!(tailed.keys(3), names(0..3));
    fs::write(folder.file("events"), numbered(3..4)).unwrap();
    assert_eq!(tailed.keys(1), names(3..4));
    // It is longer than before.
    fs::write(folder.file("events"), numbered(4..10)).unwrap();
    assert_eq!(tailed.keys(6), names(4..10));
    // An incomplete line is not shown, and may be removed.
    let (whole, next) = (fs::metadata(folder.file("events")).unwrap().len(), numbered(10..11));
    append(&folder, "events", &next[..50]);
    thread::sleep(Duration::from_millis(300));
    OpenOptions::new().write(true).open(folder.file("events")).unwrap().set_len(whole).unwrap();
    append(&folder, "events", &numbered(11..12));
    assert_eq!(tailed.keys(1), names(11..12));
    append(&folder, "events", "no event\n\n");
    append(&folder, "events", &numbered(12..13));
    assert_eq!(tailed.keys(1), names(12..13));
    tailed.end();
}

fn shown(folder: &Folder, options: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pos-webhooks"));
    let output = command.args(["tail", "events", "--from-start", "--no-follow"]).args(options).current_dir(&folder.0);
    output.output().unwrap()
}

#[test]
fn events_are_selected_by_route_name_key_and_time() {
    let folder = Folder::new("tail-filter");
    append(&folder, "events", &line("one", "shop-oslo", "a.captured", 1));
    append(&folder, "events", &line("two", "shop-bergen", "a.captured", 2));
    append(&folder, "events", &line("three", "shop-bergen", "a.refunded", 3));
    for (options, expected) in [
        (&[][..], &["one", "two", "three"][..]),
        (&["--route", "shop-bergen"], &["two", "three"]),
        (&["--route", "shop-*", "--event", "*.captured"], &["one", "two"]),
        (&["--key", "one", "--key", "three"], &["one", "three"]),
        (&["--since", "2026-11-21T02:00:00Z"], &["two", "three"]),
        (&["--since", "2026-11-21T02:00:00Z", "--until", "2026-11-21T03:00:00Z"], &["two"]),
        (&["--until", "1m"], &["one", "two", "three"]),
        (&["--since", "1d", "--event", "another"], &[]),
    ] {
        let output = shown(&folder, options);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(text.lines().map(key).collect::<Vec<_>>(), expected, "{options:?}");
    }
    // The lines are as they are stored.
    assert_eq!(shown(&folder, &[]).stdout, fs::read(folder.file("events")).unwrap());
    for options in [&["--since", "yesterday"][..], &["--route", "[a"], &["--until", ""]] {
        assert_eq!(shown(&folder, options).status.code(), Some(2), "{options:?}");
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_pos-webhooks"));
    for source in ["absent/events", ".", "mysql://localhost/x"] {
        let output = command.args(["tail", source, "--from-start"]).current_dir(&folder.0).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        command = Command::new(env!("CARGO_BIN_EXE_pos-webhooks"));
    }
}

#[test]
fn a_sink_of_a_configuration_is_read_whatever_else_the_configuration_has() {
    let folder = Folder::new("tail-config");
    append(&folder, "events", &numbered(0..3));
    let configuration = "listen = 7\n[routes.shop]\nsecrets = { file = \"absent\" }\n\
                         [sinks.inbox]\ntype = \"file\"\nfile = \"events\"\n[sinks.output]\ntype = \"stdout\"\n";
    fs::write(folder.file("listen.toml"), configuration).unwrap();
    let config = folder.file("listen.toml");
    let sink = |name: &str| run(&["tail", name, "--config", &config, "--from-start", "--no-follow"]);
    let (status, shown, errors) = sink("inbox");
    assert_eq!((status, errors.as_str()), (Some(0), ""));
    assert_eq!(shown.into_bytes(), fs::read(folder.file("events")).unwrap());
    for (name, expected) in [("output", "from which nothing can be read"), ("inbix", "known: inbox, output")] {
        let (status, _, errors) = sink(name);
        assert!(status == Some(2) && errors.contains(expected), "{errors}");
    }
    let (status, _, errors) = run(&["tail", &folder.file("inbox"), "--from-start", "--no-follow"]);
    assert!(status == Some(0) && errors.contains("--config FILE reads a sink of a configuration"), "{errors}");
}

#[test]
#[cfg(target_os = "linux")]
fn a_terminal_has_a_short_line_for_each_event() {
    let folder = Folder::new("tail-terminal");
    append(&folder, "events", &line("0123456789", "shop", "a\u{1b}[31m", 1));
    append(&folder, "events", &line("two", "vipps", CAPTURED, 2));
    let program = format!(
        "stty cols 100; exec '{}' tail '{}' --from-start --no-follow",
        env!("CARGO_BIN_EXE_pos-webhooks"),
        folder.file("events")
    );
    let mut command = Command::new("script");
    command.args(["-qec", &program, "/dev/null"]).env("SHELL", "/bin/sh").env_remove("COLUMNS").stdin(Stdio::null());
    let text = String::from_utf8(command.output().unwrap().stdout).unwrap();
    let lines: Vec<_> = text.lines().map(str::trim_end).collect();
    assert_eq!(lines[0], "2026-11-21 01:00:00Z  shop  vipps  a\\u{1b}[31m  01234567  unknown", "{text}");
    assert!(lines[1].starts_with(&format!("2026-11-21 02:00:00Z  vipps  {CAPTURED}  two  invalid: ")), "{text}");
}
