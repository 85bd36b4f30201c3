//! `pos-webhooks listen --append`: no acknowledged event is lost if other programs rename, remove or truncate the file,
//! or if its last line is incomplete. A file that does not contain events is not changed.

#![cfg(unix)]

mod listener;

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, mpsc};
use std::thread;

use http::StatusCode;
use listener::*;
use rustix::process::Signal;
use serde_json::Value;

impl Folder {
    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.file(name)).unwrap()
    }

    /// The payloads of a file of events, every line of which is whole.
    fn payloads(&self, name: &str) -> Vec<String> {
        let text = match name.ends_with(".gz") {
            true => {
                let output = Command::new("gzip").args(["-dc", &self.file(name)]).output().unwrap();
                String::from_utf8(output.stdout).unwrap()
            }
            false => self.text(name),
        };
        assert!(text.is_empty() || text.ends_with('\n'), "{name} is torn");
        text.lines().map(payload).collect()
    }

    /// The payloads of the file and of its rotated files, with the number of their occurrences.
    fn all_payloads(&self) -> HashMap<String, usize> {
        let mut all = HashMap::new();
        for entry in fs::read_dir(&self.0).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            if name.starts_with("events") && !name.ends_with(".torn") {
                self.payloads(&name).into_iter().for_each(|payload| *all.entry(payload).or_default() += 1);
            }
        }
        all
    }
}

fn deliver(listener: &Listener, reference: impl std::fmt::Display) {
    assert_eq!(listener.deliver(payment(reference).as_bytes()), StatusCode::OK);
}

/// Output of a listener that does not start, with its status.
fn refused(folder: &Folder, file: &str) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pos-webhooks"));
    command.args(["listen", "vipps", "--url", URL, "--append", file, "--secret-file", &folder.file("secret")]);
    // This address belongs to no machine, so the program always ends.
    let output = command.args(["--listen", "192.0.2.1:1"]).output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn events_are_written_to_the_file_that_has_the_name() {
    let folder = Folder::new("renamed");
    let listener = Listener::vipps(&folder, &[]);
    deliver(&listener, 1);
    fs::rename(folder.file("events"), folder.file("events.1")).unwrap();
    deliver(&listener, 2);
    fs::remove_file(folder.file("events")).unwrap();
    deliver(&listener, 3);
    // Another file is in its place, as a program that rotates may make it.
    fs::rename(folder.file("events"), folder.file("events.2")).unwrap();
    File::create(folder.file("events")).unwrap();
    deliver(&listener, 4);
    // An event that was written comes again, and is known.
    deliver(&listener, 1);
    listener.end();
    assert_eq!(folder.payloads("events.1"), [payment(1)]);
    assert_eq!(folder.payloads("events.2"), [payment(3)]);
    assert_eq!(folder.payloads("events"), [payment(4)]);

    // Also after a restart, from the files that it was rotated to.
    let listener = Listener::vipps(&folder, &[]);
    [1, 3, 4, 2].into_iter().for_each(|reference| deliver(&listener, reference));
    listener.end();
    assert_eq!(folder.payloads("events"), [payment(4), payment(2)]);
}

#[test]
fn an_event_is_not_acknowledged_where_the_name_cannot_be_written() {
    let folder = Folder::new("unwritable");
    let listener = Listener::vipps(&folder, &[]);
    deliver(&listener, 1);
    fs::rename(folder.file("events"), folder.file("events.1")).unwrap();
    fs::create_dir(folder.file("events")).unwrap();
    assert_eq!(listener.deliver(payment(2).as_bytes()), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(listener.get("/readyz").status(), StatusCode::SERVICE_UNAVAILABLE);
    fs::remove_dir(folder.file("events")).unwrap();
    deliver(&listener, 2);
    listener.end();
    assert_eq!((folder.payloads("events.1"), folder.payloads("events")), (vec![payment(1)], vec![payment(2)]));
}

#[test]
fn a_hangup_reopens_the_file_and_does_not_end_the_program() {
    let folder = Folder::new("hangup");
    let listener = Listener::vipps(&folder, &[]);
    deliver(&listener, 1);
    listener.signal(Signal::HUP);
    fs::rename(folder.file("events"), folder.file("events.1")).unwrap();
    listener.signal(Signal::HUP);
    listener.logged("reopened");
    assert_eq!(folder.text("events"), "");
    deliver(&listener, 2);
    listener.end();
    assert_eq!(folder.payloads("events"), [payment(2)]);

    let listener = Listener::start(&folder, &["vipps", "--url", URL]);
    listener.signal(Signal::HUP);
    listener.logged("no file to reopen");
    assert_eq!(listener.deliver(payment(1).as_bytes()), StatusCode::OK);
    listener.end();
}

/// Delivers events of its own from several threads, each until it is acknowledged, while `rotate` runs; then every one is in
/// some file, once.
fn under_load(folder: &Folder, rotate: impl FnOnce(&Listener)) {
    let listener = Listener::vipps(folder, &[]);
    let (over, next) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    deliver(&listener, next.fetch_add(1, Ordering::Relaxed));
                }
            });
        }
        rotate(&listener);
        over.store(true, Ordering::Relaxed);
    });
    listener.end();
    let sent = next.into_inner();
    let all = folder.all_payloads();
    assert!((0..sent).all(|reference| all.get(&payment(reference)) == Some(&1)), "{sent} sent, {} written", all.len());
    assert_eq!(all.len(), sent);
    println!("{sent} events");
}

#[test]
fn a_rotation_under_load_loses_and_repeats_nothing() {
    let folder = Folder::new("rotated");
    under_load(&folder, |listener| {
        for number in 0..100 {
            // Each rotation has events to rotate.
            let length = || fs::metadata(folder.file("events")).map_or(0, |metadata| metadata.len());
            while length() == 0 {
                thread::yield_now();
            }
            fs::rename(folder.file("events"), folder.file(&format!("events.{number}"))).unwrap();
            if number % 2 == 0 {
                // As `create` does it; `listen` may have been faster.
                let _ = OpenOptions::new().write(true).create_new(true).open(folder.file("events"));
            }
            listener.signal(Signal::HUP);
        }
    });
}

#[test]
fn logrotate_as_the_help_describes_it_loses_and_repeats_nothing() {
    let logrotate =
        ["logrotate", "/usr/sbin/logrotate"].into_iter().find(|it| Command::new(it).arg("--version").output().is_ok());
    let Some(logrotate) = logrotate else {
        println!("skipped: there is no logrotate");
        return;
    };
    let folder = Folder::new("logrotate");
    under_load(&folder, |listener| {
        let help = Command::new(env!("CARGO_BIN_EXE_pos-webhooks")).args(["listen", "--help"]).output().unwrap();
        let help = String::from_utf8(help.stdout).unwrap();
        let (_, configuration) = help.split_once("Configuration for logrotate:\n").unwrap();
        let (configuration, _) = configuration.split_once("}\n").unwrap();
        let configuration =
            configuration.replace("/var/lib/hooks/events.ndjson", &format!("\"{}\"", folder.file("events")));
        fs::write(folder.file("configuration"), configuration + "}\n").unwrap();
        fs::set_permissions(folder.file("configuration"), fs::Permissions::from_mode(0o644)).unwrap();
        fs::set_permissions(&folder.0, fs::Permissions::from_mode(0o755)).unwrap();
        for _ in 0..10 {
            let mut command = Command::new(logrotate);
            command.args(["--force", "--state", &folder.file("state"), &folder.file("configuration")]);
            let output = command.output().unwrap();
            assert!(output.status.success(), "{output:?}");
            listener.logged("reopened");
            listener.log.lock().unwrap().clear();
        }
    });
    assert!(folder.0.join("events.9.gz").exists());
}

#[test]
fn a_file_that_became_shorter_is_reported_and_never_made_longer() {
    let folder = Folder::new("shorter");
    let listener = Listener::vipps(&folder, &[]);
    [1, 2].into_iter().for_each(|reference| deliver(&listener, reference));
    // As `copytruncate` does it.
    fs::copy(folder.file("events"), folder.file("events.1")).unwrap();
    File::options().write(true).open(folder.file("events")).unwrap().set_len(0).unwrap();
    deliver(&listener, 3);
    listener.logged("has become shorter");
    assert_eq!(folder.payloads("events"), [payment(3)]);
    // Cut within an event, what is left of which must not swallow the next.
    File::options().write(true).open(folder.file("events")).unwrap().set_len(100).unwrap();
    deliver(&listener, 4);
    assert_eq!(folder.payloads("events"), [payment(4)]);
    assert_eq!(folder.text("events.torn").len(), 101);
    listener.end();
}

#[test]
fn a_write_that_fails_after_a_cut_leaves_no_hole() {
    let folder = Folder::new("hole");
    let mut command = Command::new("sh");
    // The limit of a file's size stands for a full disk; its unit is 512 bytes or 1 KiB.
    command.args(["-c", "ulimit -f 4; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_pos-webhooks"), "listen"]);
    command.args(["vipps", "--url", URL, "--listen", "127.0.0.1:0", "--log-format", "json"]);
    command.args(["--append", &folder.file("events"), "--secret-file", &folder.file("secret")]);
    let listener = Listener::spawn(&mut command);
    [1, 2].into_iter().for_each(|reference| deliver(&listener, reference));
    File::options().write(true).open(folder.file("events")).unwrap().set_len(0).unwrap();
    let long = payment("x".repeat(8192));
    assert_eq!(listener.deliver(long.as_bytes()), StatusCode::SERVICE_UNAVAILABLE);
    deliver(&listener, 3);
    listener.end();
    assert_eq!(folder.payloads("events"), [payment(3)]);
}

#[test]
fn a_complete_last_line_gets_its_newline_and_an_incomplete_one_is_moved() {
    let folder = Folder::new("torn");
    let listener = Listener::vipps(&folder, &[]);
    deliver(&listener, 1);
    listener.end();
    let whole = folder.text("events");

    fs::write(folder.file("events"), whole.trim_end()).unwrap();
    let listener = Listener::vipps(&folder, &[]);
    assert_eq!(folder.text("events"), whole);
    deliver(&listener, 1);
    assert!(listener.end().contains("newline"));
    assert_eq!(folder.text("events"), whole, "the event is known");

    let torn = format!("{}{}", whole.trim_end().trim_end_matches('}'), "x".repeat(200_000));
    for torn in [&torn[..], &torn[..30], "{\"rec", "{", "\0\0\0"] {
        let _ = fs::remove_file(folder.file("events.torn"));
        fs::write(folder.file("events"), format!("{whole}{torn}")).unwrap();
        let listener = Listener::vipps(&folder, &[]);
        assert_eq!(folder.text("events"), whole);
        assert!(listener.end().contains("was incomplete"));
        assert_eq!(folder.text("events.torn"), format!("{torn}\n"));
    }

    // Also in a file that was rotated between a crash and the start; what is not its own stays.
    fs::write(folder.file("events.1"), format!("{whole}{{\"received_at\":\"2026")).unwrap();
    fs::write(folder.file("events.conf"), "{\"received_at\":\"2026\"}\n{\"rec").unwrap();
    Listener::vipps(&folder, &[]).end();
    assert_eq!(folder.text("events.1"), whole);
    assert_eq!(folder.text("events.1.torn"), "{\"received_at\":\"2026\n");
    assert_eq!(folder.text("events.conf"), "{\"received_at\":\"2026\"}\n{\"rec");
}

#[test]
fn a_file_without_events_is_refused_and_not_changed() {
    let folder = Folder::new("foreign");
    let event = "{\"received_at\":\"2026-11-26T00:00:00Z\",\"provider\":\"vipps\"}\n";
    for text in [
        "{\n  \"port\": 8080\n}\n",
        "{\"port\": 8080}",
        "127.0.0.1 - - GET /\n",
        "[1,2]\n",
        "no newline",
        "\u{feff}{}\n",
        "#!/bin/x\nfoo\n\0\u{1}\u{2}binary tail",
        "int main()\n{",
        "{\"a\":1}\n{\"rec",
        &format!("{}precious", "\0".repeat(64)),
        &format!("{event}and a remark\n"),
        &format!("{event}and a remark"),
    ] {
        fs::write(folder.file("settings.json"), text).unwrap();
        let (status, error) = refused(&folder, &folder.file("settings.json"));
        assert_eq!(status, Some(2), "{text:?}: {error}");
        assert!(error.contains("settings.json") && error.contains("not an event"), "{error}");
        assert_eq!(folder.text("settings.json"), text);
    }
    assert!(!folder.0.join("settings.json.torn").exists());
}

#[test]
fn only_its_owner_may_read_the_file() {
    let folder = Folder::new("mode");
    let file = folder.file("events");
    let mut command = Command::new("sh");
    command.args([
        "-c",
        "umask 0; exec \"$0\" \"$@\"",
        env!("CARGO_BIN_EXE_pos-webhooks"),
        "listen",
        "vipps",
        "--url",
        URL,
    ]);
    command.args(["--append", &file, "--secret-file", &folder.file("secret")]);
    command.args(["--listen", "127.0.0.1:0", "--log-format", "json"]);
    let listener = Listener::spawn(&mut command);
    deliver(&listener, 1);
    fs::rename(&file, folder.file("events.1")).unwrap();
    deliver(&listener, 2);
    OpenOptions::new().append(true).open(&file).unwrap().write_all(b"{\"rec").unwrap();
    listener.kill();
    let listener = Listener::spawn(&mut command);
    listener.end();
    for name in ["events", "events.1", "events.torn"] {
        let mode = fs::metadata(folder.file(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

/// `POS_WEBHOOKS_KILLS=1000 cargo test --all-features --test listen_file` for more.
#[test]
fn acknowledged_events_survive_kills_and_rotations() {
    let kills = std::env::var("POS_WEBHOOKS_KILLS").map_or(12, |kills| kills.parse().unwrap());
    let folder = Folder::new("killed");
    // References that were sent and not acknowledged are sent again, as a provider does it.
    let (next, again) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let acknowledged = Mutex::new(Vec::new());
    for round in 0..kills {
        let listener = Listener::vipps(&folder, &[]);
        let address = listener.address;
        let (some, enough) = mpsc::channel();
        thread::scope(|scope| {
            for _ in 0..8 {
                let some = some.clone();
                let (again, next, acknowledged) = (&again, &next, &acknowledged);
                scope.spawn(move || {
                    loop {
                        let reference = again.lock().unwrap().pop();
                        let reference = reference.unwrap_or_else(|| next.fetch_add(1, Ordering::Relaxed));
                        let body = payment(reference);
                        match post(address, "/", &signed(body.as_bytes()), body.as_bytes()) {
                            Ok(answer) if answer.status() == StatusCode::OK => {
                                acknowledged.lock().unwrap().push(reference);
                                let _ = some.send(());
                            }
                            Ok(answer) => panic!("{answer:?}"),
                            Err(_) => break again.lock().unwrap().push(reference),
                        }
                    }
                });
            }
            // Within a batch, wherever that may be.
            let _ = enough.iter().take(16 + round % 7).count();
            let rotated: PathBuf = folder.file(&format!("events.{round}")).into();
            if round % 2 == 0 {
                fs::rename(folder.file("events"), &rotated).unwrap();
                // Before, while or after the listener follows the rotation.
                let _ = enough.try_iter().count();
                let _ = enough.iter().take(round % 5 * 8).count();
            }
            listener.kill();
            if round % 2 == 1 {
                fs::rename(folder.file("events"), &rotated).unwrap();
            }
        });
    }
    // The next start repairs the file after the last kill.
    Listener::vipps(&folder, &[]).end();
    let (all, acknowledged) = (folder.all_payloads(), acknowledged.into_inner().unwrap());
    let twice = all.values().filter(|count| **count > 1).count();
    let lost = acknowledged.iter().filter(|reference| !all.contains_key(&payment(reference))).count();
    println!("{kills} kills: {} acknowledged, {} written, {lost} lost, {twice} twice", acknowledged.len(), all.len());
    assert_eq!((lost, twice), (0, 0));
}

#[test]
fn every_program_reads_one_event_a_line() {
    let folder = Folder::new("lines");
    let listener = Listener::vipps(&folder, &[]);
    let separators = payment("a\u{2028}b\u{2029}c\u{85}d");
    assert!(separators.contains('\u{2028}'));
    let deep = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
    for body in [&separators, "{\"half\": \"\\ud800\"}", "{\"huge\": [\"\\\"\", -1e200000]}", &deep] {
        assert_eq!(listener.deliver(body.as_bytes()), StatusCode::OK);
    }
    listener.end();
    let text = folder.text("events");
    assert!(!text.contains(['\u{2028}', '\u{2029}', '\u{85}']));
    // Strict readers end at half a surrogate pair, at a number that is too large for a double, and at deep nesting.
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines[0]["payload"], serde_json::from_str::<Value>(&separators).unwrap());
    assert_eq!(lines.len(), 4);
    for line in &lines[1..] {
        assert!(line["payload"].is_null() && line["body"].is_string() && line["error"].is_string(), "{line}");
    }
}

#[test]
fn an_event_that_could_not_be_flushed_to_the_disk_is_not_acknowledged() {
    let tried = Command::new("strace").args(["-qq", "-o", "/dev/null", "true"]).status();
    if !tried.as_ref().is_ok_and(|status| status.success()) {
        // A container may not allow it.
        let is_required = std::env::var_os("POS_WEBHOOKS_REQUIRE_SERVERS").is_some();
        assert!(tried.is_ok() || !is_required, "strace is missing");
        eprintln!("SKIPPED: strace is missing, or may not be used; `apt-get install strace` installs it");
        return;
    }
    let folder = Folder::new("flushed");
    let program = [env!("CARGO_BIN_EXE_pos-webhooks"), "listen", "vipps", "--url", URL, "--listen", "127.0.0.1:0"];
    let traced = |calls: &str| {
        let mut command = Command::new("strace");
        // The process of the test is the program, and not strace.
        command.args(["-D", "-f", "-qq", "-o", &folder.file("calls"), "-e", "trace=fdatasync", "-e", calls]);
        command.args(program).args(["--append", &folder.file("events"), "--secret-file", &folder.file("secret")]);
        Listener::spawn(command.args(["--log-format", "json"]))
    };
    // The second one of the thread that writes.
    let listener = traced("inject=fdatasync:error=EIO:when=2");
    deliver(&listener, 1);
    assert_eq!(listener.deliver(payment(2).as_bytes()), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(listener.get("/readyz").status(), StatusCode::SERVICE_UNAVAILABLE);
    deliver(&listener, 2);
    listener.end();
    assert_eq!(folder.payloads("events"), [payment(1), payment(2)]);
}

#[test]
fn the_keys_of_the_newest_64_mebibytes_are_known_after_a_restart() {
    let folder = Folder::new("newest");
    let listener = Listener::vipps(&folder, &[]);
    deliver(&listener, "old");
    listener.end();
    let mut file = OpenOptions::new().append(true).open(folder.file("events")).unwrap();
    let filler = format!(
        "{{\"received_at\":\"2026-01-01T00:00:00Z\",\"provider\":\"vipps\",\"payload\":\"{}\"}}\n",
        "x".repeat(1 << 20)
    );
    (0..63).for_each(|_| file.write_all(filler.as_bytes()).unwrap());
    let listener = Listener::vipps(&folder, &[]);
    ["old", "new"].into_iter().for_each(|reference| deliver(&listener, reference));
    let duplicates = |listener: &Listener, count: usize| {
        let line = format!("pos_webhooks_duplicates_total{{route=\"vipps\"}} {count}\n");
        assert!(listener.get("/metrics").body().contains(&line));
    };
    duplicates(&listener, 1);
    listener.end();
    file.write_all(filler.as_bytes()).unwrap();
    let listener = Listener::vipps(&folder, &[]);
    ["new", "old"].into_iter().for_each(|reference| deliver(&listener, reference));
    duplicates(&listener, 1);
    listener.end();
}
