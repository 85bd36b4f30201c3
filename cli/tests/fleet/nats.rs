//! The stream of a fleet, on one server, or on three.

use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use async_nats::jetstream::stream::Config;
use rustix::process::Signal;

use super::{Fleet, Hash, Servers, hash};
use crate::listener::{Folder, until};
use crate::nats_server::*;

fn stored(server: &Server) -> Vec<Hash> {
    server.messages(STREAM).iter().map(|message| hash(&message.body)).collect()
}

/// Stops a server for some time.
fn stop(server: &Server, fleet: &Fleet, pause: Duration) {
    server.signal(Signal::STOP);
    thread::sleep(pause);
    server.signal(Signal::CONT);
    fleet.stops.fetch_add(1, Ordering::Relaxed);
}

/// One server.
pub struct NatsServer {
    server: Server,
    folder: Folder,
}

impl NatsServer {
    /// `None` if there is no program of the server.
    pub fn start() -> Option<Self> {
        can_run().then(|| {
            let folder = Folder::new("fleet-nats-single");
            let server = Server::start(&folder, "");
            server.create(fitting());
            Self { server, folder }
        })
    }
}

impl Servers for NatsServer {
    fn folder(&self) -> &Folder {
        &self.folder
    }

    fn configuration(&self) -> String {
        configuration(&[&self.server], "")
    }

    fn kill(&mut self, fleet: &Fleet, pause: Duration) {
        self.server.kill();
        fleet.kills.fetch_add(1, Ordering::Relaxed);
        thread::sleep(pause);
        self.server.restart();
    }

    fn stop(&mut self, fleet: &Fleet, pause: Duration) {
        stop(&self.server, fleet, pause);
    }

    fn stored(&self) -> Vec<Hash> {
        stored(&self.server)
    }
}

/// Three servers, of which the leader fails.
pub struct NatsCluster {
    servers: Vec<Server>,
    folder: Folder,
}

impl NatsCluster {
    /// `None` if there is no program of the server.
    pub fn start() -> Option<Self> {
        can_run().then(|| {
            let folder = Folder::new("fleet-nats-replicated");
            let servers = Server::cluster(&folder, "");
            servers[0].create(Config { num_replicas: 3, ..fitting() });
            Self { servers, folder }
        })
    }

    /// Waits until all servers are well, and returns the number of the leader.
    fn leader(&self) -> usize {
        let mut leader = None;
        until("the three servers are well", || {
            leader = self.servers[0].leader(STREAM);
            leader.is_some()
        });
        self.servers.iter().position(|server| Some(&server.name) == leader.as_ref()).unwrap()
    }
}

impl Servers for NatsCluster {
    fn folder(&self) -> &Folder {
        &self.folder
    }

    fn configuration(&self) -> String {
        configuration(&self.servers.iter().collect::<Vec<_>>(), "require = { replicas = 3 }")
    }

    /// Kills the leader, which comes back once the other two store events.
    fn kill(&mut self, fleet: &Fleet, _: Duration) {
        let leader = self.leader();
        self.servers[leader].kill();
        fleet.kills.fetch_add(1, Ordering::Relaxed);
        fleet.progress();
        self.servers[leader].restart();
        fleet.promotions.fetch_add(usize::from(self.leader() != leader), Ordering::Relaxed);
    }

    fn stop(&mut self, fleet: &Fleet, pause: Duration) {
        let leader = self.leader();
        stop(&self.servers[leader], fleet, pause);
        fleet.promotions.fetch_add(usize::from(self.leader() != leader), Ordering::Relaxed);
    }

    fn stored(&self) -> Vec<Hash> {
        self.leader();
        stored(&self.servers[0])
    }
}
