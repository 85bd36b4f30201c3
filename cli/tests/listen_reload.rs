//! SIGHUP reads the configuration of `listen` again without failing a request, and a broken one changes nothing.

#![cfg(unix)]

mod listener;

use std::fs;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, ScopedJoinHandle};

use http::StatusCode;
use listener::*;
use pos_webhooks::vipps;
use rustix::process::Signal;

const SINK: &str = "[sinks.inbox]\ntype = \"file\"\nfile = \"events\"\n";

fn route(name: &str, secrets: &str) -> String {
    format!(
        "[routes.{name}]\npath = \"/{name}\"\nprovider = \"vipps\"\nurl = \"{URL}\"\nsink = \"inbox\"\nsecrets = {secrets}\n"
    )
}

/// Changes the configuration in place, or by renaming another file as editors do.
fn rewrite(folder: &Folder, configuration: &str, by_rename: bool) {
    let configuration = format!("listen = \"127.0.0.1:0\"\n{configuration}\n[log]\nformat = \"json\"\n");
    let file = folder.file("listen.toml");
    if by_rename {
        fs::write(folder.file("listen.toml.new"), configuration).unwrap();
        fs::rename(folder.file("listen.toml.new"), file).unwrap();
    } else {
        fs::write(file, configuration).unwrap();
    }
}

fn deliver(listener: &Listener, path: &str, secret: &str, number: usize) -> StatusCode {
    let body = payment(number);
    let headers = vipps::sign(URL, &secret.into(), body.as_bytes(), jiff::Timestamp::now()).unwrap();
    listener.post(path, &headers, body.as_bytes()).status()
}

/// Sends the signal, and waits until its outcome is in the log for this many times.
fn reload(listener: &Listener, outcome: &str, times: usize) {
    listener.signal(Signal::HUP);
    listener.logged_times(outcome, times);
}

const READ: &str = "read the configuration again";
const REFUSED: &str = "the old one stays";

#[test]
fn routes_and_secrets_change_and_a_broken_configuration_changes_nothing() {
    let folder = Folder::new("reload");
    folder.write_secret("new", "another");
    let old = format!("{}{SINK}", route("oslo", "{ file = \"secret\" }"));
    let listener = Listener::configured(&folder, &old);
    assert_eq!(deliver(&listener, "/oslo", SECRET, 1), StatusCode::OK);
    assert_eq!(deliver(&listener, "/bergen", SECRET, 2), StatusCode::NOT_FOUND);

    let both = "[{ file = \"new\" }, { file = \"secret\" }]";
    rewrite(&folder, &format!("{}{}{SINK}", route("oslo", both), route("bergen", both)), true);
    reload(&listener, READ, 1);
    for (number, (path, secret)) in
        [("/oslo", SECRET), ("/oslo", "another"), ("/bergen", SECRET), ("/bergen", "another")].into_iter().enumerate()
    {
        assert_eq!(deliver(&listener, path, secret, 10 + number), StatusCode::OK, "{path} {secret}");
    }
    // The event was stored before the configuration was read again.
    assert_eq!(deliver(&listener, "/oslo", SECRET, 1), StatusCode::OK);

    let metric = |ok: u8| format!("pos_webhooks_config_reload_ok {ok}\n");
    assert!(listener.get("/metrics").body().contains(&metric(1)));
    rewrite(&folder, "[routes.oslo]\npath = 7\n", false);
    reload(&listener, REFUSED, 1);
    assert!(listener.get("/metrics").body().contains(&metric(0)));
    assert_eq!(deliver(&listener, "/bergen", SECRET, 20), StatusCode::OK);
    fs::remove_file(folder.file("listen.toml")).unwrap();
    reload(&listener, REFUSED, 2);
    assert_eq!(deliver(&listener, "/oslo", "another", 21), StatusCode::OK);

    // The content of the secret's file changes as well, and a route without a sink of its own is removed.
    folder.write_secret("new", "a third one");
    rewrite(&folder, &format!("{}{SINK}", route("bergen", "{ file = \"new\" }")), false);
    reload(&listener, READ, 2);
    assert!(listener.get("/metrics").body().contains(&metric(1)));
    assert_eq!(deliver(&listener, "/bergen", "a third one", 30), StatusCode::OK);
    assert_eq!(deliver(&listener, "/bergen", "another", 31), StatusCode::UNAUTHORIZED);
    assert_eq!(deliver(&listener, "/oslo", SECRET, 32), StatusCode::NOT_FOUND);
    let log = listener.end();
    assert!(!log.contains("a third one"), "{log}");
    assert_eq!(folder.lines().len(), 8);
}

#[test]
fn a_sink_that_is_added_or_removed_is_opened_and_closed() {
    let folder = Folder::new("reload-sinks");
    let secret = "{ file = \"secret\" }";
    let listener = Listener::configured(&folder, &format!("{}{SINK}", route("oslo", secret)));
    assert_eq!(deliver(&listener, "/oslo", SECRET, 1), StatusCode::OK);
    let other = SINK.replace("inbox", "other").replace("events", "others");
    let moved = route("oslo", secret).replace("sink = \"inbox\"", "sink = \"other\"");
    rewrite(&folder, &format!("{moved}{other}"), false);
    reload(&listener, READ, 1);
    assert_eq!(deliver(&listener, "/oslo", SECRET, 2), StatusCode::OK);
    assert_eq!(fs::read_to_string(folder.file("others")).unwrap().lines().count(), 1);
    // Another process may now write to the first file.
    let second = Listener::vipps(&folder, &[]);
    second.end();
    // A sink that cannot be opened leaves everything as it was.
    rewrite(&folder, &format!("{}{SINK}", route("oslo", secret)).replace("\"events\"", "\"none/events\""), false);
    reload(&listener, REFUSED, 1);
    assert_eq!(deliver(&listener, "/oslo", SECRET, 3), StatusCode::OK);
    listener.end();
    assert_eq!(fs::read_to_string(folder.file("others")).unwrap().lines().count(), 2);
    assert_eq!(folder.lines().len(), 1);
}

#[test]
fn no_request_fails_while_the_configuration_changes() {
    let folder = Folder::new("reload-load");
    let of = |size: usize| format!("{}{SINK}rotate = {{ size = {size} }}\n", route("oslo", "{ file = \"secret\" }"));
    let listener = Listener::configured(&folder, &of(1 << 30));
    let (over, next, accepted) = (AtomicBool::new(false), AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|scope| {
        let senders: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    while !over.load(Ordering::Relaxed) {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        assert_eq!(deliver(&listener, "/oslo", SECRET, number), StatusCode::OK);
                        accepted.fetch_add(1, Ordering::Relaxed);
                    }
                })
            })
            .collect();
        for round in 1..=20 {
            match round % 3 {
                0 => rewrite(&folder, "broken", true),
                other => rewrite(&folder, &of((1 << 30) + other), other == 1),
            }
            let outcome = if round % 3 == 0 { REFUSED } else { READ };
            let times = if round % 3 == 0 { round / 3 } else { round - round / 3 };
            let before = accepted.load(Ordering::Relaxed);
            reload(&listener, outcome, times);
            while accepted.load(Ordering::Relaxed) == before && !senders.iter().any(ScopedJoinHandle::is_finished) {
                thread::yield_now();
            }
        }
        over.store(true, Ordering::Relaxed);
    });
    listener.end();
    assert_eq!(folder.lines().len(), next.load(Ordering::Relaxed));
}
