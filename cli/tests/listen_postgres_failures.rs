//! A commit that was not replicated is not acknowledged, and processes that write the same events do not wait for each other for
//! ever. `listen_fleet.rs` is about servers that are lost.

#![cfg(all(unix, feature = "postgres"))]

#[path = "../../tests/cluster/mod.rs"]
mod cluster;
mod inbox;
mod listener;

use std::sync::Arc;
use std::thread;

use cluster::Cluster;
use http::StatusCode;
use inbox::*;
use listener::*;

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
