//! On SIGTERM, `listen` is not ready, still accepts connections for `drain`, finishes its requests, and ends.

#![cfg(unix)]

mod listener;

use std::time::{Duration, Instant};

use http::StatusCode;
use listener::*;
use rustix::process::Signal;

fn start(folder: &Folder, drain: &str) -> Listener {
    Listener::configured(
        folder,
        &format!(
            "drain = \"{drain}\"\n[routes.shop]\npath = \"/\"\nprovider = \"vipps\"\nurl = \"{URL}\"\nsink = \"inbox\"\n\
             secrets = {{ file = \"secret\" }}\n[sinks.inbox]\ntype = \"file\"\nfile = \"events\"\n"
        ),
    )
}

#[test]
fn it_is_not_ready_but_accepts_deliveries_until_the_drain_has_ended() {
    let folder = Folder::new("drain");
    let mut listener = start(&folder, "2 s");
    assert_eq!(listener.get("/readyz").status(), StatusCode::OK);
    let began = Instant::now();
    listener.signal(Signal::TERM);
    listener.logged("not ready any more");
    assert_eq!(listener.get("/readyz").status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(listener.get("/livez").status(), StatusCode::OK);
    assert_eq!(listener.deliver(payment(1).as_bytes()), StatusCode::OK);
    assert_eq!(listener.child.wait().unwrap().code(), Some(0));
    assert!(began.elapsed() >= Duration::from_secs(2));
    assert_eq!(folder.lines().len(), 1);
}

#[test]
fn a_second_signal_ends_the_drain() {
    let folder = Folder::new("drain-twice");
    let mut listener = start(&folder, "10 min");
    listener.signal(Signal::TERM);
    listener.logged("not ready any more");
    // There is nothing to read again any more, and the next signal is still noticed.
    listener.signal(Signal::HUP);
    listener.signal(Signal::INT);
    assert_eq!(listener.child.wait().unwrap().code(), Some(0));
}
