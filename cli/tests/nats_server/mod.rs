//! A NATS server as a process, and what its streams have.

#![allow(dead_code)]

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use async_nats::HeaderMap;
use async_nats::jetstream::stream::{Config, DiscardPolicy, Info};
use async_nats::jetstream::{self, Context};
use rustix::process::{Pid, Signal, kill_process};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use crate::listener::{Folder, URL};

pub const STREAM: &str = "POS_WEBHOOKS";

/// The folder of a newer server than that of the distribution.
const NEWER: &str = "POS_WEBHOOKS_NATS_SERVER";

/// Whether servers can be started. Without the program, the test is skipped, and says so.
pub fn can_run() -> bool {
    let found = Command::new(program()).arg("--version").output().is_ok();
    if !found {
        assert!(std::env::var_os("POS_WEBHOOKS_REQUIRE_SERVERS").is_none(), "nats-server is missing");
        eprintln!("SKIPPED: nats-server is missing; `apt-get install nats-server` installs it");
    }
    found
}

fn program() -> String {
    std::env::var(NEWER).unwrap_or_else(|_| match fs::exists("/usr/sbin/nats-server") {
        Ok(true) => "/usr/sbin/nats-server".to_owned(),
        _ => "nats-server".to_owned(),
    })
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

pub struct Server {
    child: Child,
    pub name: String,
    pub port: u16,
    pub monitor: u16,
    configuration: String,
    runtime: Runtime,
}

impl Server {
    /// Starts a server with more lines in its configuration.
    pub fn start(folder: &Folder, more: &str) -> Self {
        Self::named(folder, "n1", more, "")
    }

    /// Starts a server that flushes each message; needs 2.10.
    pub fn flushing(folder: &Folder) -> Self {
        Self::named(folder, "n1", "", "sync_interval: always")
    }

    /// Starts a server with more lines in its configuration, and in that of JetStream.
    pub fn named(folder: &Folder, name: &str, more: &str, jetstream: &str) -> Self {
        let (port, monitor) = (free_port(), free_port());
        let store = folder.file(&format!("{name}-store"));
        let text = format!(
            "server_name: {name}\nlisten: \"127.0.0.1:{port}\"\nhttp: \"127.0.0.1:{monitor}\"\n{more}\n\
             jetstream {{ store_dir: \"{store}\", max_file_store: 1G\n{jetstream} }}\n"
        );
        let configuration = folder.file(&format!("{name}.conf"));
        fs::write(&configuration, text).unwrap();
        let child = spawn(&configuration);
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        Self { child, name: name.to_owned(), port, monitor, configuration, runtime }
    }

    /// Starts three servers that form a cluster, with more lines in their configurations.
    pub fn cluster(folder: &Folder, more: &str) -> Vec<Self> {
        let ports: Vec<u16> = (0..3).map(|_| free_port()).collect();
        let routes: Vec<String> = ports.iter().map(|port| format!("\"nats://127.0.0.1:{port}\"")).collect();
        let cluster = |port: &u16| {
            format!("cluster {{ name: c, listen: \"127.0.0.1:{port}\", routes: [{}] }}\n{more}", routes.join(", "))
        };
        ports.iter().enumerate().map(|(i, port)| Self::named(folder, &format!("n{i}"), &cluster(port), "")).collect()
    }

    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again on the same port, with what it has stored.
    pub fn restart(&mut self) {
        self.child = spawn(&self.configuration);
    }

    pub fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    pub fn context(&self) -> Context {
        self.block_on(async { jetstream::new(async_nats::connect(self.url()).await.unwrap()) })
    }

    /// Creates a stream; waits until a cluster has chosen who is responsible.
    pub fn create(&self, config: Config) {
        let since = Instant::now();
        let context = self.context();
        while let Err(error) = self.block_on(context.create_stream(config.clone())) {
            assert!(since.elapsed() < Duration::from_secs(30), "{error}");
            thread::sleep(Duration::from_millis(50));
        }
    }

    pub fn info(&self, stream: &str) -> Info {
        let context = self.context();
        self.block_on(async { context.get_stream(stream).await.unwrap().cached_info().clone() })
    }

    /// The name of the server that is responsible for a stream, if three servers are well.
    pub fn leader(&self, stream: &str) -> Option<String> {
        self.block_on(async {
            let client = async_nats::connect(self.url()).await.ok()?;
            let stream = jetstream::new(client).get_stream(stream).await.ok()?;
            let cluster = stream.cached_info().cluster.as_ref()?;
            let is_well = cluster.replicas.iter().filter(|replica| replica.current && !replica.offline).count() == 2;
            cluster.leader.clone().filter(|_| is_well)
        })
    }

    /// All messages of a stream, in their order.
    pub fn messages(&self, stream: &str) -> Vec<Stored> {
        const READERS: usize = 16;
        let context = self.context();
        self.block_on(async {
            let stream = context.get_stream(stream).await.unwrap();
            let state = stream.cached_info().state.clone();
            let mut readers = JoinSet::new();
            for reader in 0..READERS as u64 {
                let stream = stream.clone();
                let sequences = (state.first_sequence + reader..=state.last_sequence).step_by(READERS);
                readers.spawn(async move {
                    let mut messages = Vec::new();
                    for sequence in sequences {
                        // A number that was refused does not have a message.
                        if let Ok(message) = stream.get_raw_message(sequence).await {
                            let (subject, body) = (message.subject.to_string(), message.payload.to_vec());
                            messages.push((sequence, Stored { subject, headers: message.headers, body }));
                        }
                    }
                    messages
                });
            }
            let mut messages: Vec<_> = readers.join_all().await.into_iter().flatten().collect();
            assert_eq!(messages.len() as u64, state.messages);
            messages.sort_by_key(|(sequence, _)| *sequence);
            messages.into_iter().map(|(_, message)| message).collect()
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A message of a stream.
pub struct Stored {
    pub subject: String,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Stored {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap_or_else(|| panic!("{name}: {:?}", self.headers)).as_str()
    }
}

/// Starts a server, and waits until it is ready. A connection of another test may have its port for a moment.
fn spawn(configuration: &str) -> Child {
    let mut log = String::new();
    for _ in 0..50 {
        log.clear();
        let mut child = Command::new(program()).args(["-c", configuration]).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap());
        while lines.read_line(&mut log).unwrap() > 0 {
            if log.contains("Server is ready") {
                // The server would end if nobody read what it reports.
                thread::spawn(move || lines.lines().count());
                return child;
            }
        }
        child.wait().unwrap();
        thread::sleep(Duration::from_millis(100));
    }
    panic!("{log}");
}

/// A stream that fits.
pub fn fitting() -> Config {
    Config {
        name: STREAM.to_owned(),
        subjects: vec!["pos.>".to_owned()],
        discard: DiscardPolicy::New,
        max_age: Duration::from_secs(30 * 24 * 60 * 60),
        num_replicas: 1,
        ..Config::default()
    }
}

/// A route `/shop` whose events are stored by servers.
pub fn configuration(servers: &[&Server], more: &str) -> String {
    let mut text = format!(
        "[routes.shop]\npath = \"/shop\"\nprovider = \"vipps\"\nurl = \"{URL}\"\nsink = \"stream\"\n\
         secrets = {{ file = \"secret\" }}\n[sinks.stream]\ntype = \"nats\"\n"
    );
    let servers: Vec<String> = servers.iter().map(|server| server.url()).collect();
    writeln!(text, "servers = {servers:?}\n{more}").unwrap();
    if !more.contains("stream =") {
        writeln!(text, "stream = \"{STREAM}\"").unwrap();
    }
    text
}
