//! What was acknowledged is in the stream, and nothing is there twice, when servers and processes of `listen` are killed or
//! stand still under load.

#![cfg(all(unix, feature = "nats"))]

mod listener;
mod nats_server;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use async_nats::jetstream::stream::Config;
use http::StatusCode;
use listener::*;
use nats_server::*;
use rustix::process::Signal;

const SENDERS: usize = 16;

/// How long senders may take after the last failure.
const RECOVERY: Duration = Duration::from_secs(30);

/// The processes of `listen`, and what providers do with them.
struct Fleet {
    addresses: Mutex<Vec<SocketAddr>>,
    over: AtomicBool,
    acknowledged: AtomicUsize,
    refused: AtomicUsize,
}

impl Fleet {
    fn of(listeners: &[Listener]) -> Self {
        Self {
            addresses: Mutex::new(listeners.iter().map(|listener| listener.address).collect()),
            over: AtomicBool::new(false),
            acknowledged: AtomicUsize::new(0),
            refused: AtomicUsize::new(0),
        }
    }

    fn address(&self, of: usize) -> SocketAddr {
        let addresses = self.addresses.lock().unwrap();
        addresses[of % addresses.len()]
    }

    fn attempt(&self, body: &str, of: usize) -> bool {
        let answer = post(self.address(of), "/shop", &signed(body.as_bytes()), body.as_bytes());
        let accepted = answer.is_ok_and(|answer| answer.status() == StatusCode::OK);
        if !accepted {
            self.refused.fetch_add(1, Ordering::Relaxed);
        }
        accepted
    }

    /// Delivers until it is acknowledged, each time to the next process, and one in ten events to two at the same time.
    fn deliver(&self, body: &str, number: usize) {
        let deadline = Instant::now() + RECOVERY + RECOVERY;
        for attempt in number.. {
            let accepted = thread::scope(|scope| {
                let second = number.is_multiple_of(10).then(|| scope.spawn(|| self.attempt(body, attempt + 1)));
                let first = self.attempt(body, attempt);
                second.is_some_and(|second| second.join().unwrap()) || first
            });
            if accepted {
                self.acknowledged.fetch_add(1, Ordering::Relaxed);
                return;
            }
            assert!(Instant::now() < deadline, "{number} is never acknowledged");
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Sends events until `disturb` is done. Returns the bodies that were acknowledged.
    fn send_while(&self, disturb: impl FnOnce()) -> Vec<String> {
        thread::scope(|scope| {
            let send = |sender: usize| {
                let mut sent = Vec::new();
                for number in (sender..).step_by(SENDERS) {
                    if self.over.load(Ordering::Relaxed) {
                        break;
                    }
                    let body = payment(number);
                    self.deliver(&body, number);
                    sent.push(body);
                }
                sent
            };
            let senders: Vec<_> = (0..SENDERS).map(|sender| scope.spawn(move || send(sender))).collect();
            // A disturbance that fails must not leave the senders running.
            let disturbed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(disturb));
            self.over.store(true, Ordering::Relaxed);
            let sent = senders.into_iter().flat_map(|sender| sender.join().unwrap()).collect();
            disturbed.unwrap();
            sent
        })
    }

    /// Waits until so many more events are acknowledged.
    fn progress(&self, events: usize) {
        let (goal, since) = (self.acknowledged.load(Ordering::Relaxed) + events, Instant::now());
        while self.acknowledged.load(Ordering::Relaxed) < goal {
            assert!(since.elapsed() < RECOVERY, "only {:?} of {goal}", self.acknowledged);
            thread::sleep(Duration::from_millis(5));
        }
    }
}

/// A server that stands still until this value is dropped, also if the test fails.
struct Stopped<'s>(&'s Server);

impl<'s> Stopped<'s> {
    fn new(server: &'s Server) -> Self {
        server.signal(Signal::STOP);
        Self(server)
    }
}

impl Drop for Stopped<'_> {
    fn drop(&mut self) {
        self.0.signal(Signal::CONT);
    }
}

/// Checks that each acknowledged event is in the stream, and no event twice.
fn stored_once(server: &Server, sent: &[String]) {
    let mut stored = BTreeMap::new();
    for message in server.messages(STREAM) {
        *stored.entry(String::from_utf8(message.body).unwrap()).or_insert(0) += 1;
    }
    let missing: Vec<_> = sent.iter().filter(|body| !stored.contains_key(*body)).collect();
    let twice: Vec<_> = stored.iter().filter(|(_, count)| **count > 1).collect();
    assert!(missing.is_empty() && twice.is_empty(), "missing: {missing:?}; more than once: {twice:?}");
    println!("{} acknowledged, {} stored", sent.len(), stored.len());
}

#[test]
fn killed_servers_and_processes_lose_nothing_and_store_nothing_twice() {
    if !can_run() {
        return;
    }
    let folder = Folder::new("nats-killed");
    let mut server = Server::start(&folder, "");
    server.create(fitting());
    let configuration = configuration(&[&server], "");
    let mut listeners: Vec<_> = (0..3).map(|_| Listener::configured(&folder, &configuration)).collect();
    let fleet = Fleet::of(&listeners);
    let sent = fleet.send_while(|| {
        for (round, listener) in listeners.iter_mut().enumerate() {
            fleet.progress(100);
            listener.signal(Signal::KILL);
            fleet.progress(50);
            *listener = Listener::configured(&folder, &configuration);
            fleet.addresses.lock().unwrap()[round] = listener.address;
            fleet.progress(50);
            server.kill();
            let refused = fleet.refused.load(Ordering::Relaxed);
            while fleet.refused.load(Ordering::Relaxed) < refused + SENDERS {
                thread::sleep(Duration::from_millis(5));
            }
            server.restart();
        }
        fleet.progress(100);
    });
    assert!(fleet.refused.load(Ordering::Relaxed) > 0);
    stored_once(&server, &sent);
    listeners.into_iter().for_each(|listener| drop(listener.end()));
}

#[test]
fn a_server_that_stands_still_is_not_waited_for_and_nothing_is_stored_twice() {
    if !can_run() {
        return;
    }
    let folder = Folder::new("nats-frozen");
    let server = Server::start(&folder, "");
    server.create(fitting());
    let configuration = configuration(&[&server], "");
    let listeners: Vec<_> = (0..2).map(|_| Listener::configured(&folder, &configuration)).collect();
    let fleet = Fleet::of(&listeners);
    let sent = fleet.send_while(|| {
        fleet.progress(100);
        let stopped = Stopped::new(&server);
        let frozen = Instant::now();
        let address = listeners[0].address;
        let body = payment("frozen");
        let answer = post(address, "/shop", &signed(body.as_bytes()), body.as_bytes()).unwrap();
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        // The provider waits for 10 s.
        assert!(frozen.elapsed() < Duration::from_secs(8), "{:?}", frozen.elapsed());
        assert_eq!(listeners[0].get("/readyz").status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(listeners[0].get("/livez").status(), StatusCode::OK);
        thread::sleep(Duration::from_secs(5).saturating_sub(frozen.elapsed()));
        drop(stopped);
        let since = Instant::now();
        while listeners.iter().any(|listener| listener.get("/readyz").status() != StatusCode::OK) {
            assert!(since.elapsed() < RECOVERY, "not ready again");
            thread::sleep(Duration::from_millis(50));
        }
        fleet.progress(100);
    });
    stored_once(&server, &sent);
    listeners.into_iter().for_each(|listener| drop(listener.end()));
}

#[test]
fn the_loss_of_the_leader_of_three_servers_loses_nothing() {
    if !can_run() {
        return;
    }
    let folder = Folder::new("nats-leader");
    let mut servers = Server::cluster(&folder);
    servers[0].create(Config { num_replicas: 3, ..fitting() });
    let all: Vec<&Server> = servers.iter().collect();
    let configuration = configuration(&all, "require = { replicas = 3 }");
    let listeners: Vec<_> = (0..2).map(|_| Listener::configured(&folder, &configuration)).collect();
    let fleet = Fleet::of(&listeners);
    let sent = fleet.send_while(|| {
        fleet.progress(100);
        let leader = servers[0].info(STREAM).cluster.unwrap().leader.unwrap();
        let leader = servers.iter_mut().find(|server| server.name == leader).unwrap();
        leader.kill();
        let killed = Instant::now();
        fleet.progress(SENDERS + 100);
        println!("recovered after {:?}", killed.elapsed());
        leader.restart();
        fleet.progress(100);
    });
    stored_once(&servers[0], &sent);
    listeners.into_iter().for_each(|listener| drop(listener.end()));
}
