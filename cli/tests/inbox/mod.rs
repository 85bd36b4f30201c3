//! A table of events in a database of a test's own, and `pos-webhooks listen` that writes to it.

#![allow(dead_code)]

use std::fs;
use std::net::SocketAddr;
use std::process::{Command, Output};
use std::sync::{Arc, Mutex, Weak};

use http::StatusCode;

use super::cluster::{Cluster, USER};
use super::listener::{Folder, Listener, post, signed};

/// The server that the tests share; `None` if PostgreSQL is not installed.
pub fn shared() -> Option<Arc<Cluster>> {
    static SHARED: Mutex<Weak<Cluster>> = Mutex::new(Weak::new());
    let mut shared = SHARED.lock().unwrap();
    let cluster = match shared.upgrade() {
        Some(cluster) => cluster,
        None => Arc::new(Cluster::start(&[])?),
    };
    *shared = Arc::downgrade(&cluster);
    Some(cluster)
}

/// The role of `listen`.
pub const ROLE: &str = "listen";

pub struct Inbox {
    pub folder: Folder,
    pub cluster: Arc<Cluster>,
    pub database: String,
}

impl Inbox {
    /// Creates the database and its table.
    pub fn new(cluster: &Arc<Cluster>, name: &str) -> Self {
        let inbox = Self::empty(cluster, name);
        let created = inbox.create(&["--apply", "--admin-url-file", &inbox.folder.file("admin-url")]);
        assert!(created.status.success(), "{}", String::from_utf8_lossy(&created.stderr));
        inbox
    }

    /// Creates the database only.
    pub fn empty(cluster: &Arc<Cluster>, name: &str) -> Self {
        let inbox =
            Self { folder: Folder::new(&format!("pg-{name}")), cluster: Arc::clone(cluster), database: name.into() };
        cluster.sql("postgres", &format!("create database \"{name}\""));
        let role = format!("do $$ begin create role {ROLE} login; exception when others then null; end $$");
        cluster.sql("postgres", &role);
        inbox.folder.write_secret("admin-url", &inbox.admin_url());
        inbox.set_servers(&[cluster]);
        inbox
    }

    /// Writes the URL that `listen` reads.
    pub fn set_servers(&self, clusters: &[&Cluster]) {
        self.folder.write_secret("url", &self.url(ROLE, clusters));
        fs::write(self.folder.file("sinks.toml"), sinks("")).unwrap();
    }

    /// The URL with which everything may be done.
    pub fn admin_url(&self) -> String {
        self.url(USER, &[&self.cluster])
    }

    fn url(&self, user: &str, clusters: &[&Cluster]) -> String {
        let hosts: Vec<_> = clusters.iter().map(|cluster| format!("host={}", cluster.folder())).collect();
        format!("postgres://{user}@/{}?{}", self.database, hosts.join("&"))
    }

    /// The output of `sink create`.
    pub fn create(&self, options: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pos-webhooks"));
        command.args(["sink", "create", "inbox", "--config", &self.folder.file("sinks.toml")]);
        command.args(options).output().unwrap()
    }

    /// Starts `listen` with more settings of the sink.
    pub fn listen(&self, settings: &str) -> Listener {
        Listener::configured(&self.folder, &configuration(settings))
    }

    /// Starts `listen`, which refuses to run. Returns what it reports.
    pub fn refused(&self, settings: &str) -> String {
        let configuration = format!("listen = \"127.0.0.1:0\"\n{}", configuration(settings));
        fs::write(self.folder.file("refused.toml"), configuration).unwrap();
        let run = |options: &[&str]| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_pos-webhooks"));
            command.args(["listen", "--config", &self.folder.file("refused.toml")]).args(options).output().unwrap()
        };
        let check = run(&["--check"]);
        let output = run(&[]);
        assert_eq!((check.status.code(), output.status.code()), (Some(2), Some(2)), "{check:?} {output:?}");
        let problem = String::from_utf8(output.stderr).unwrap();
        let (_, why) = problem.trim_end().split_once(&format!("at {}: ", self.cluster.folder())).unwrap();
        let checked = String::from_utf8(check.stdout).unwrap();
        assert!(checked.contains(&format!("cannot be used: {why}")), "{checked}\n{problem}");
        why.to_owned()
    }

    pub fn sql(&self, sql: &str) -> String {
        self.cluster.sql(&self.database, sql)
    }

    pub fn count(&self) -> usize {
        self.sql("select count(*) from pos_webhooks.event").parse().unwrap()
    }
}

/// A configuration with more settings of its sink.
pub fn configuration(settings: &str) -> String {
    format!("{}{}", routes(), sinks(settings))
}

/// Two routes to the sink.
fn routes() -> String {
    ["shop", "other"]
        .map(|name| {
            let url = super::listener::URL;
            format!(
                "[routes.{name}]\npath = \"/{name}\"\nprovider = \"vipps\"\nurl = \"{url}\"\nsink = \"inbox\"\n\
                 secrets = {{ file = \"secret\" }}\n"
            )
        })
        .concat()
}

fn sinks(settings: &str) -> String {
    format!("[sinks.inbox]\ntype = \"postgres\"\nurl = {{ file = \"url\" }}\n{settings}\n")
}

/// Delivers a body to a route.
pub fn deliver(address: SocketAddr, path: &str, body: &[u8]) -> std::io::Result<StatusCode> {
    post(address, path, &signed(body), body).map(|response| response.status())
}
