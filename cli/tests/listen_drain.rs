//! On SIGTERM, `listen` is not ready, still accepts connections for `drain`, finishes its requests, and ends.

#![cfg(unix)]

mod balancer;
mod listener;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use balancer::Balancer;
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

#[test]
fn no_request_fails_while_members_are_replaced_behind_a_proxy_that_asks_whether_they_are_ready() {
    const MEMBERS: usize = 3;
    let folders: Vec<_> = (0..MEMBERS).map(|number| Folder::new(&format!("drain-{number}"))).collect();
    let mut members: Vec<_> = folders.iter().map(|folder| start(folder, "2 s")).collect();
    let balancer = Balancer::start(members.iter().map(|member| member.address));
    let (over, sent) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                balancer.check();
                thread::sleep(Duration::from_millis(20));
            }
        });
        for _ in 0..8 {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    let body = payment(sent.fetch_add(1, Ordering::Relaxed));
                    let answer = post(balancer.address, "/", &signed(body.as_bytes()), body.as_bytes());
                    assert_eq!(answer.unwrap().status(), StatusCode::OK);
                }
            });
        }
        // A test that fails must not leave the senders running.
        let replaced = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            for number in 0..MEMBERS {
                let goal = sent.load(Ordering::Relaxed) + 100;
                until("deliveries", || sent.load(Ordering::Relaxed) >= goal);
                members[number].signal(Signal::TERM);
                assert_eq!(members[number].child.wait().unwrap().code(), Some(0));
                members[number] = start(&folders[number], "2 s");
                balancer.set(number, members[number].address);
            }
        }));
        over.store(true, Ordering::Relaxed);
        replaced.unwrap();
    });
    drop(members);
    assert_eq!(folders.iter().map(|folder| folder.lines().len()).sum::<usize>(), sent.into_inner());
}
