//! The table of a fleet, on one server, or on a primary and its synchronous standby.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use super::{Fleet, Hash, Servers};
use crate::cluster::Cluster;
use crate::inbox::{self, Inbox};
use crate::listener::{Folder, until};

fn stored(cluster: &Cluster, database: &str) -> Vec<Hash> {
    let hashes = cluster.sql(database, "select encode(sha256(body), 'hex') from pos_webhooks.event");
    hashes.lines().map(|line| hex::decode(line).unwrap().try_into().unwrap()).collect()
}

/// Stops all processes of a server for some time.
fn stop(cluster: &Cluster, fleet: &Fleet, pause: Duration) {
    cluster.signal("STOP");
    thread::sleep(pause);
    cluster.signal("CONT");
    fleet.stops.fetch_add(1, Ordering::Relaxed);
}

/// One server.
pub struct Single {
    inbox: Inbox,
}

impl Single {
    /// `None` if PostgreSQL is not installed.
    pub fn start() -> Option<Self> {
        let cluster = Arc::new(Cluster::start(&[])?);
        Some(Self { inbox: Inbox::new(&cluster, "fleet-single") })
    }
}

impl Servers for Single {
    fn folder(&self) -> &Folder {
        &self.inbox.folder
    }

    fn configuration(&self) -> String {
        inbox::configuration("")
    }

    fn kill(&mut self, fleet: &Fleet, pause: Duration) {
        self.inbox.cluster.kill();
        fleet.kills.fetch_add(1, Ordering::Relaxed);
        thread::sleep(pause);
        self.inbox.cluster.start_again();
    }

    fn stop(&mut self, fleet: &Fleet, pause: Duration) {
        stop(&self.inbox.cluster, fleet, pause);
    }

    fn stored(&self) -> Vec<Hash> {
        stored(&self.inbox.cluster, &self.inbox.database)
    }
}

/// A primary and a standby, which change places.
pub struct Replicated {
    inbox: Inbox,
    primary: Arc<Cluster>,
    standby: Arc<Cluster>,
}

impl Replicated {
    /// `None` if PostgreSQL is not installed.
    pub fn start() -> Option<Self> {
        let primary = Arc::new(Cluster::start(&[])?);
        let inbox = Inbox::new(&primary, "fleet-replicated");
        // It is a copy from before the primary names a standby, so that it names none after its promotion.
        let standby = Arc::new(primary.standby("standby"));
        inbox.set_servers(&[&primary, &standby]);
        primary.name_standby();
        Some(Self { inbox, primary, standby })
    }

    fn deliveries(&self) -> String {
        self.primary.sql(&self.inbox.database, "select sum(deliveries) from pos_webhooks.event")
    }
}

impl Servers for Replicated {
    fn folder(&self) -> &Folder {
        &self.inbox.folder
    }

    fn configuration(&self) -> String {
        inbox::configuration("require = \"replicated\"")
    }

    /// Loses the primary, and promotes its standby, which the other one follows once it is back.
    fn kill(&mut self, fleet: &Fleet, _: Duration) {
        const EMPTY: &str = "synchronous_standby_names is empty";
        let noticed = fleet.logged(EMPTY);
        self.primary.kill();
        fleet.kills.fetch_add(1, Ordering::Relaxed);
        self.standby.promote();
        fleet.promotions.fetch_add(1, Ordering::Relaxed);
        std::mem::swap(&mut self.primary, &mut self.standby);
        let before = self.deliveries();
        until("a member refuses the new primary", || fleet.logged(EMPTY) > noticed);
        self.standby.follow(&self.primary, "standby");
        assert_eq!(self.deliveries(), before, "an event was stored without a standby");
        self.primary.name_standby();
    }

    fn stop(&mut self, fleet: &Fleet, pause: Duration) {
        let of_standby = fleet.stops.load(Ordering::Relaxed).is_multiple_of(2);
        stop(if of_standby { &self.standby } else { &self.primary }, fleet, pause);
    }

    fn stored(&self) -> Vec<Hash> {
        stored(&self.primary, &self.inbox.database)
    }
}
