//! While its server is lost or stands still, `listen` is alive and not ready, answers with 503 before a provider gives up, and
//! needs no more memory; once the server is back, it is ready again.
//!
//! `POS_WEBHOOKS_OUTAGE_SECONDS=60` is for a longer outage.

#![cfg(all(target_os = "linux", feature = "nats", feature = "postgres"))]

#[path = "../../tests/cluster/mod.rs"]
mod cluster;
mod inbox;
mod listener;
mod nats_server;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use cluster::Cluster;
use http::StatusCode;
use inbox::Inbox;
use listener::*;
use nats_server::Server;
use rustix::process::Signal;

/// The time between two deliveries: 200 in a second.
const PACE: Duration = Duration::from_millis(5);

/// The most memory that an outage may need.
const MEMORY: usize = 64 << 20;

/// Delivers events at a steady rate, whether they are answered or not, before, during and after an outage.
fn outage(listener: &Listener, begin: impl FnOnce(), end: impl FnOnce()) {
    let seconds = std::env::var("POS_WEBHOOKS_OUTAGE_SECONDS").map_or(3, |seconds| seconds.parse().unwrap());
    let longest = pos_webhooks::vipps::PROVIDER.redelivery.as_ref().unwrap().answer_within.unwrap();
    let (over, accepted, refused) = (AtomicBool::new(false), AtomicUsize::new(0), AtomicUsize::new(0));
    let others = Mutex::new(Vec::new());
    thread::scope(|scope| {
        let (over, accepted, refused, others) = (&over, &accepted, &refused, &others);
        let address = listener.address;
        let deliver = move |number: usize| {
            let (body, since) = (payment(number), Instant::now());
            let answer = post(address, "/shop", &signed(body.as_bytes()), body.as_bytes());
            match answer.map(|answer| answer.status()) {
                _ if since.elapsed() > longest => others.lock().unwrap().push(format!("{:?}", since.elapsed())),
                Ok(StatusCode::OK) => _ = accepted.fetch_add(1, Ordering::Relaxed),
                Ok(StatusCode::SERVICE_UNAVAILABLE) => _ = refused.fetch_add(1, Ordering::Relaxed),
                other => others.lock().unwrap().push(format!("{other:?}")),
            }
        };
        scope.spawn(move || {
            for number in 0.. {
                if over.load(Ordering::Relaxed) {
                    break;
                }
                scope.spawn(move || deliver(number));
                thread::sleep(PACE);
            }
        });
        // A test that fails must not leave the senders running.
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let accept_more = || {
                let goal = accepted.load(Ordering::Relaxed) + 100;
                until("events are accepted", || accepted.load(Ordering::Relaxed) >= goal);
            };
            accept_more();
            let before = peak_memory(listener);
            begin();
            until("it is not ready", || !is_ready(address));
            let since = Instant::now();
            while since.elapsed() < Duration::from_secs(seconds) {
                assert_eq!(listener.get("/livez").status(), StatusCode::OK);
                assert_eq!(listener.get("/readyz").status(), StatusCode::SERVICE_UNAVAILABLE);
                thread::sleep(Duration::from_millis(100));
            }
            end();
            let since = Instant::now();
            until("it is ready", || is_ready(address));
            println!("ready again after {:?}", since.elapsed());
            accept_more();
            let more = peak_memory(listener) - before;
            assert!(more < MEMORY, "{} MiB more memory", more >> 20);
        }));
        over.store(true, Ordering::Relaxed);
        outcome.unwrap();
    });
    let others = others.into_inner().unwrap();
    assert!(others.is_empty(), "{others:?}");
    assert!(refused.into_inner() > 0);
}

fn of_postgres(name: &str, begin: impl FnOnce(&Cluster), end: impl FnOnce(&Cluster)) {
    let Some(cluster) = Cluster::start(&[]).map(Arc::new) else { return };
    let inbox = Inbox::new(&cluster, name);
    let listener = inbox.listen("");
    outage(&listener, || begin(&cluster), || end(&cluster));
    listener.end();
}

#[test]
fn a_database_that_is_killed_is_waited_for() {
    of_postgres("outage-killed", Cluster::kill, Cluster::start_again);
}

#[test]
fn a_database_that_stands_still_is_waited_for() {
    of_postgres("outage-still", |cluster| cluster.signal("STOP"), |cluster| cluster.signal("CONT"));
}

fn of_nats(name: &str, begin: impl FnOnce(&mut Server), end: impl FnOnce(&mut Server)) {
    if !nats_server::can_run() {
        return;
    }
    let folder = Folder::new(name);
    let mut server = Server::start(&folder, "");
    server.create(nats_server::fitting());
    let listener = Listener::configured(&folder, &nats_server::configuration(&[&server], ""));
    let server = Mutex::new(&mut server);
    outage(&listener, || begin(&mut server.lock().unwrap()), || end(&mut server.lock().unwrap()));
    listener.end();
}

#[test]
fn a_nats_server_that_is_killed_is_waited_for() {
    of_nats("nats-outage-killed", Server::kill, Server::restart);
}

#[test]
fn a_nats_server_that_stands_still_is_waited_for() {
    of_nats("nats-outage-still", |server| server.signal(Signal::STOP), |server| server.signal(Signal::CONT));
}

#[test]
fn a_nats_server_that_is_not_there_at_the_start_is_waited_for() {
    if !nats_server::can_run() {
        return;
    }
    let folder = Folder::new("nats-outage-start");
    let mut server = Server::start(&folder, "");
    server.create(nats_server::fitting());
    server.kill();
    let listener = Listener::configured(&folder, &nats_server::configuration(&[&server], ""));
    let deliver = || {
        let body = payment(1);
        listener.post("/shop", &signed(body.as_bytes()), body.as_bytes()).status()
    };
    assert_eq!(listener.get("/livez").status(), StatusCode::OK);
    assert_eq!(listener.get("/readyz").status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(listener.get("/metrics").body().contains("pos_webhooks_sink_up{sink=\"stream\"} 0\n"));
    assert_eq!(deliver(), StatusCode::SERVICE_UNAVAILABLE);
    server.restart();
    until("it is ready", || is_ready(listener.address));
    assert_eq!(deliver(), StatusCode::OK);
    listener.logged("connected to NATS stream");
    listener.end();
}
