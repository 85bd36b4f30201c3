//! What `listen` has acknowledged is in PostgreSQL, and once, whatever fails: `listen`, the server, the primary of two, or the
//! standby that a commit waits for.

#![cfg(all(unix, feature = "postgres"))]

#[path = "../../tests/cluster/mod.rs"]
mod cluster;
mod inbox;
mod listener;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, RwLock};
use std::thread;

use cluster::Cluster;
use http::StatusCode;
use inbox::*;
use listener::*;

/// Several processes of `listen` behind one address, and how many deliveries they were sent.
struct Fleet<'a> {
    inbox: &'a Inbox,
    settings: &'a str,
    members: RwLock<Vec<Listener>>,
    sent: AtomicUsize,
}

impl<'a> Fleet<'a> {
    fn start(inbox: &'a Inbox, settings: &'a str, members: usize) -> Self {
        let members = (0..members).map(|_| inbox.listen(settings)).collect();
        Self { inbox, settings, members: RwLock::new(members), sent: AtomicUsize::new(0) }
    }

    fn address(&self, number: usize) -> std::net::SocketAddr {
        self.sent.fetch_add(1, Ordering::Relaxed);
        let members = self.members.read().unwrap();
        members[number % members.len()].address
    }

    /// Waits until this many more deliveries were sent.
    fn busy(&self, more: usize) {
        let before = self.sent.load(Ordering::Relaxed);
        until("deliveries", || self.sent.load(Ordering::Relaxed) >= before + more);
    }

    /// Ends a member by SIGKILL, and starts another one in its place.
    fn replace(&self, number: usize) {
        // Deliveries go on to the address of the killed one until the other one has started.
        let pid = rustix::process::Pid::from_child(&self.members.read().unwrap()[number].child);
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
        let started = self.inbox.listen(self.settings);
        drop(std::mem::replace(&mut self.members.write().unwrap()[number], started));
    }

    fn end(self) -> String {
        self.members.into_inner().unwrap().into_iter().map(Listener::end).collect()
    }
}

#[test]
fn nothing_acknowledged_is_lost_or_twice_after_kill_9_of_listen_and_of_the_server() {
    let Some(cluster) = Cluster::start(&[]).map(Arc::new) else { return };
    let inbox = Inbox::new(&cluster, "kill");
    let fleet = Fleet::start(&inbox, "", 3);
    let (references, again) = thread::scope(|scope| {
        let senders = scope.spawn(|| send(32, 100, "kill", |number| fleet.address(number)));
        for round in 0..2 {
            fleet.busy(200);
            fleet.replace(round);
            fleet.busy(200);
            cluster.kill();
            fleet.busy(50);
            cluster.start_again();
        }
        senders.join().unwrap()
    });
    assert!(again > 0, "no delivery failed");
    assert_eq!(references.len(), 3200);
    inbox.has_once(&references);
    assert_eq!(inbox.count(), 3200);
    fleet.end();
}

#[test]
fn a_frozen_server_is_answered_for_by_503_and_is_used_again() {
    let Some(cluster) = Cluster::start(&[]).map(Arc::new) else { return };
    let inbox = Inbox::new(&cluster, "frozen");
    let fleet = Fleet::start(&inbox, "", 2);
    let (references, again) = thread::scope(|scope| {
        let senders = scope.spawn(|| send(32, 50, "frozen", |number| fleet.address(number)));
        fleet.busy(100);
        cluster.signal("STOP");
        let address = fleet.address(0);
        until("it is not ready", || !is_ready(address));
        assert_eq!(deliver(address, "/shop", payment("frozen").as_bytes()).unwrap(), StatusCode::SERVICE_UNAVAILABLE);
        cluster.signal("CONT");
        until("it is ready", || is_ready(address));
        senders.join().unwrap()
    });
    assert!(again > 0, "no delivery failed");
    inbox.has_once(&references);
    fleet.end();
}

#[test]
fn nothing_acknowledged_is_lost_when_the_synchronous_standby_is_promoted() {
    let Some(cluster) = Cluster::start(&[]).map(Arc::new) else { return };
    let inbox = Inbox::new(&cluster, "failover");
    let replicate_to = |primary: &Cluster, standby: &str| {
        primary.sql("postgres", &format!("alter system set synchronous_standby_names = '{standby}'"));
        primary.sql("postgres", "select pg_reload_conf()");
    };
    let standby = cluster.standby("one");
    replicate_to(&cluster, "one");
    until("the standby", || cluster.sql("postgres", "select sync_state from pg_stat_replication") == "sync");
    inbox.set_servers(&[&cluster, &standby]);
    let fleet = Fleet::start(&inbox, "require = \"replicated\"", 2);
    let (references, again) = thread::scope(|scope| {
        let senders = scope.spawn(|| send(32, 50, "failover", |number| fleet.address(number)));
        fleet.busy(400);
        cluster.kill();
        standby.promote();
        // The new primary has no standby, which is not what is required.
        fleet.members.read().unwrap().iter().for_each(|member| member.logged("synchronous_standby_names is empty"));
        let second = standby.standby("two");
        replicate_to(&standby, "two");
        let sent = senders.join().unwrap();
        drop(second);
        sent
    });
    assert!(again > 0, "no delivery failed");
    let promoted =
        Inbox { folder: Folder::new("pg-promoted"), cluster: Arc::new(standby), database: "failover".to_owned() };
    promoted.has_once(&references);
    assert_eq!(promoted.count(), 1600);
    fleet.end();
}

#[test]
fn a_commit_that_was_not_replicated_is_not_acknowledged_whether_new_or_delivered_again() {
    let Some(cluster) = Cluster::start(&[]).map(Arc::new) else { return };
    let inbox = Inbox::new(&cluster, "cancelled");
    let listener = inbox.listen("");
    let set = |names: &str| {
        cluster.sql("postgres", &format!("alter system set synchronous_standby_names = '{names}'"));
        cluster.sql("postgres", "select pg_reload_conf()");
        until("the setting", || cluster.sql("postgres", "show synchronous_standby_names") == names);
    };
    set("x");
    let body = payment("cancelled");
    for round in 0..3 {
        let address = listener.address;
        until("it is ready", || is_ready(address));
        let status = thread::scope(|scope| {
            let delivery = scope.spawn(|| deliver(address, "/shop", body.as_bytes()).unwrap());
            // The first time, the event is new. In the last round, it is the time limit that ends the wait.
            let waits = "from pg_stat_activity where wait_event = 'SyncRep'";
            until("a commit waits", || inbox.sql(&format!("select count(*) {waits}")) != "0");
            if round < 2 {
                inbox.sql(&format!("select pg_cancel_backend(pid) {waits}"));
            }
            delivery.join().unwrap()
        });
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "round {round}");
        assert_eq!(inbox.count(), 1, "the event is visible");
    }
    set("");
    until("it is acknowledged", || deliver(listener.address, "/shop", body.as_bytes()).unwrap() == StatusCode::OK);
    assert_eq!(inbox.count(), 1);
    let log = listener.end();
    assert!(log.contains("canceling wait for synchronous replication"), "{log}");
}

#[test]
fn two_processes_write_the_same_events_in_opposite_orders_without_a_deadlock() {
    let Some(cluster) = Cluster::start(&[]).map(Arc::new) else { return };
    let inbox = Inbox::new(&cluster, "orders");
    let (one, other) = (inbox.listen(""), inbox.listen(""));
    for round in 0..5 {
        let bodies: Vec<_> = (0..60).map(|number| payment(format!("{round}-{number}"))).collect();
        thread::scope(|scope| {
            for body in &bodies {
                let address = one.address;
                scope.spawn(move || assert_eq!(deliver(address, "/shop", body.as_bytes()).unwrap(), StatusCode::OK));
            }
            for body in bodies.iter().rev() {
                let address = other.address;
                scope.spawn(move || assert_eq!(deliver(address, "/shop", body.as_bytes()).unwrap(), StatusCode::OK));
            }
        });
    }
    assert_eq!(inbox.sql("select count(*), sum(deliveries) from pos_webhooks.event"), "300|600");
    assert_eq!(inbox.sql("select deadlocks from pg_stat_database where datname = 'orders'"), "0");
    let log = [one.end(), other.end()].concat();
    assert!(!log.contains("one by one"), "{log}");
}
