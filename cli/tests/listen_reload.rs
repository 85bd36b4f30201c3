//! SIGHUP reads the configuration of `listen` again without failing a request, and a broken one changes nothing.

#![cfg(unix)]

#[cfg(all(feature = "nats", feature = "postgres"))]
#[path = "../../tests/cluster/mod.rs"]
mod cluster;
#[cfg(all(feature = "nats", feature = "postgres"))]
mod inbox;
mod listener;
#[cfg(all(feature = "nats", feature = "postgres"))]
mod nats_server;

use std::fs;
#[cfg(all(feature = "nats", feature = "postgres"))]
use std::sync::RwLock;
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

/// What senders use at the moment. A sender holds the lock while it waits for the answer to what it has read.
#[cfg(all(feature = "nats", feature = "postgres"))]
struct Registered {
    secret: &'static str,
    has_bergen: bool,
}

#[cfg(all(feature = "nats", feature = "postgres"))]
#[test]
fn no_request_fails_while_routes_secrets_and_sinks_on_servers_change() {
    const OTHER: &str = "another secret";
    let Some(cluster) = inbox::shared() else { return };
    if !nats_server::can_run() {
        return;
    }
    let inbox = inbox::Inbox::new(&cluster, "reload");
    let folder = &inbox.folder;
    folder.write_secret("other", OTHER);
    let server = nats_server::Server::start(folder, "");
    server.create(nats_server::fitting());
    let table = "[sinks.inbox]\ntype = \"postgres\"\nurl = { file = \"url\" }\n";
    let stream =
        format!("[sinks.stream]\ntype = \"nats\"\nservers = \"{}\"\nstream = \"POS_WEBHOOKS\"\n", server.url());
    let (one, both, other) =
        ("{ file = \"secret\" }", "[{ file = \"secret\" }, { file = \"other\" }]", "{ file = \"other\" }");
    let oslo = |secrets: &str| format!("{}{table}", route("oslo", secrets));
    let with_bergen = |secrets: &str| {
        let bergen = route("bergen", secrets).replace("sink = \"inbox\"", "sink = \"stream\"");
        format!("{}{bergen}{stream}", oslo(secrets))
    };
    let listener = Listener::configured(folder, &oslo(one));
    let registered = RwLock::new(Registered { secret: SECRET, has_bergen: false });
    let (over, next) = (AtomicBool::new(false), AtomicUsize::new(0));
    let (to_oslo, to_bergen) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let (mut read, mut refused) = (0, 0);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let registered = registered.read().unwrap();
                    let (path, sent) = match registered.has_bergen && number.is_multiple_of(2) {
                        true => ("/bergen", &to_bergen),
                        false => ("/oslo", &to_oslo),
                    };
                    assert_eq!(deliver(&listener, path, registered.secret, number), StatusCode::OK, "{path}");
                    sent.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        // A test that fails must not leave the senders running.
        let changed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let busy = |sent: &AtomicUsize| {
                let goal = sent.load(Ordering::Relaxed) + 20;
                until("events are accepted", || sent.load(Ordering::Relaxed) >= goal);
            };
            let mut change = |configuration: &str| {
                rewrite(folder, configuration, true);
                read += 1;
                reload(&listener, READ, read);
                busy(&to_oslo);
            };
            for round in 0..3 {
                // A route and its sink are added, and the secret of the other one is rotated.
                change(&with_bergen(both));
                *registered.write().unwrap() = Registered { secret: OTHER, has_bergen: true };
                busy(&to_bergen);
                change(&with_bergen(other));
                // Neither a file that is not a configuration nor a sink that cannot be used changes anything.
                let without_stream = with_bergen(other).replace("POS_WEBHOOKS", "MISSING");
                let without_table = with_bergen(other).replace(table, &format!("{table}table = \"shop.missing\"\n"));
                for broken in ["broken", "", &without_stream, &without_table] {
                    rewrite(folder, broken, false);
                    refused += 1;
                    reload(&listener, REFUSED, refused);
                    let metrics = listener.get("/metrics").into_body();
                    for sink in ["inbox", "stream"] {
                        let is_up = format!("pos_webhooks_sink_up{{sink=\"{sink}\"}} 1\n");
                        assert!(metrics.contains(&is_up), "{broken}: {metrics}");
                    }
                    busy(&to_bergen);
                }
                change(&with_bergen(both));
                // The connection to the database is another one, and the route and its sink are removed.
                *registered.write().unwrap() = Registered { secret: SECRET, has_bergen: false };
                folder.write_secret(
                    "url",
                    &format!("postgres://{}@/reload?application_name=r{round}&host={}", inbox::ROLE, cluster.folder()),
                );
                change(&oslo(one));
                let connected = format!("select count(*) from pg_stat_activity where application_name = 'r{round}'");
                assert_eq!(inbox.sql(&connected), "1");
            }
        }));
        over.store(true, Ordering::Relaxed);
        changed.unwrap();
    });
    listener.end();
    assert_eq!(inbox.count(), to_oslo.into_inner());
    assert_eq!(server.messages(nats_server::STREAM).len(), to_bergen.into_inner());
}

#[cfg(all(feature = "nats", feature = "postgres"))]
#[test]
fn a_refused_configuration_does_not_change_what_the_metrics_say_of_a_sink() {
    if !nats_server::can_run() {
        return;
    }
    let folder = Folder::new("reload-metrics");
    let server = nats_server::Server::start(&folder, "");
    server.create(nats_server::fitting());
    let configuration = nats_server::configuration(&[&server], "");
    let listener = Listener::configured(&folder, &configuration);
    rewrite(&folder, &configuration.replace("POS_WEBHOOKS", "MISSING"), false);
    reload(&listener, REFUSED, 1);
    assert!(listener.get("/metrics").body().contains("pos_webhooks_sink_up{sink=\"stream\"} 1\n"));
    listener.end();
}
