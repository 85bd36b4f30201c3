//! Three processes of `listen` share a table or a stream: whatever fails, an event that was acknowledged is stored with its
//! bytes, no event is stored twice, and nothing is stored that was not sent.
//!
//! `tests/fleet/run` runs this for longer.

#![cfg(all(unix, feature = "nats", feature = "postgres"))]

mod balancer;
#[path = "../../tests/cluster/mod.rs"]
mod cluster;
mod fleet;
mod inbox;
mod listener;
mod nats_server;

use fleet::{NatsCluster, NatsServer, Replicated, Single, run};

#[test]
fn postgres_single_loses_nothing_and_stores_nothing_twice() {
    run("postgres_single", Single::start());
}

#[test]
fn postgres_replicated_loses_nothing_and_stores_nothing_twice() {
    run("postgres_replicated", Replicated::start());
}

#[test]
fn nats_single_loses_nothing_and_stores_nothing_twice() {
    run("nats_single", NatsServer::start());
}

#[test]
fn nats_replicated_loses_nothing_and_stores_nothing_twice() {
    run("nats_replicated", NatsCluster::start());
}
