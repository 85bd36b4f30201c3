//! Publishes events to a stream of NATS JetStream.
//!
//! Each event has a subject of its own, which may not have a message before. So an event is stored once for as long as the
//! stream keeps it, by however many processes it is published.

mod answer;
mod connection;
mod message;
mod monitor;
pub mod stream;

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_nats::client::Request;
use pos_webhooks::Secret;
use tokio::sync::{oneshot, watch};
use tokio::time::timeout;

use self::answer::Refused;
pub use self::connection::connect_to_read;
use self::connection::{Connection, Shared};
pub use self::message::{key_token, parse};
use super::{Event, HasEnded, NotWritten, Written, complain};
use crate::listen::metrics::SinkMetrics;

/// How long the answer to an event may take. It is shorter than the times that providers wait for a response, so that they
/// are asked to send the event again instead of being left without a response.
const PUBLISH: Duration = Duration::from_secs(4);

/// At most one line per this time says that events cannot be stored.
const COMPLAIN: Duration = Duration::from_secs(1);

/// How a stream is reached, and what is required of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NatsSettings {
    /// URLs without user and password.
    pub servers: Vec<String>,
    pub login: Login,
    pub tls: TlsFiles,
    pub stream: String,
    /// The first tokens of all subjects.
    pub subject: String,
    /// The number of servers that have to store each event.
    pub replicas: usize,
    /// Whether each server has to flush each event to its disk.
    pub sync_always: bool,
    /// The URLs of the monitoring of the servers.
    pub monitors: Vec<String>,
}

/// How the program proves who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Login {
    None,
    /// The contents of a file with a JWT and a seed.
    Credentials(Secret),
    Password {
        user: String,
        password: Secret,
    },
    Token(Secret),
    /// The seed of an NKEY.
    Nkey(Secret),
}

/// Files in the PEM format.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsFiles {
    /// The authorities that certify the servers; those of the system if there is none.
    pub ca: Option<PathBuf>,
    /// A certificate of the program, and its key.
    pub certificate: Option<(PathBuf, PathBuf)>,
}

impl fmt::Display for NatsSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NATS stream {} at {}", self.stream, self.servers.join(", "))
    }
}

/// A stream that is kept connected. The thread that does so ends with the last clone.
#[derive(Clone)]
pub struct NatsSink {
    settings: Arc<NatsSettings>,
    shared: Arc<Shared>,
    refused: Arc<Mutex<Complaints>>,
    _alive: Arc<watch::Sender<()>>,
}

/// Events that were refused since the last line in the log.
#[derive(Default)]
struct Complaints {
    last: Option<Instant>,
    events: usize,
}

impl NatsSink {
    /// Connects, and checks the stream. From then on, a thread connects again whenever the connection is lost.
    ///
    /// If no server can be reached, the sink is open, but not up until one can. Something that someone has to change is an error.
    pub async fn open(settings: NatsSettings, metrics: SinkMetrics, ended: HasEnded) -> io::Result<Self> {
        let settings = Arc::new(settings);
        let shared = Arc::new(Shared::new(metrics));
        let (opened, is_open) = oneshot::channel();
        let (alive, is_over) = watch::channel(());
        let (kept, used) = (Arc::clone(&settings), Arc::clone(&shared));
        std::thread::Builder::new().name("nats".to_owned()).spawn(move || {
            let _reported = super::file::ReportPanic(ended);
            connection::keep(&kept, &used, opened, is_over);
        })?;
        is_open.await.map_err(io::Error::other)??;
        Ok(Self { settings, shared, refused: Arc::default(), _alive: Arc::new(alive) })
    }

    /// Checks whether the stream can be used, and returns what is known of it.
    pub async fn check(settings: &NatsSettings) -> io::Result<Vec<String>> {
        let connection = Connection::open(settings, &Arc::default()).await?;
        let mut found = connection.facts;
        found.extend(connection.warnings);
        Ok(found)
    }

    /// Publishes an event. Returns once the stream has stored it as safely as it was set up to.
    pub async fn publish(&self, event: &Event<'_>) -> Result<Written, NotWritten> {
        // What is given to a connection that is lost would be sent later, after the provider was told to send it again.
        let client = self.shared.client().ok_or(Refused::NotConnected);
        let published = match client {
            Ok(client) => {
                let (subject, headers) = message::of(event, &self.settings);
                let request = Request::new().headers(headers).payload(event.body.clone()).timeout(None);
                let answer = timeout(PUBLISH, client.send_request(subject, request)).await;
                answer::outcome(answer, &self.settings.stream)
            }
            Err(refused) => Err(refused),
        };
        published.map_err(|refused| {
            self.complain(refused);
            NotWritten
        })
    }

    fn complain(&self, refused: Refused) {
        let mut complaints = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        complaints.events += 1;
        if complaints.last.is_none_or(|last| last.elapsed() >= COMPLAIN) {
            complain(complaints.events, &io::Error::other(refused));
            *complaints = Complaints { last: Some(Instant::now()), events: 0 };
        }
    }

    /// Whether the stream answers, given the last time at which an event could not be stored. An outage before the stream
    /// was found to be well does not count any more.
    pub fn is_up(&self, failed: Option<Instant>, broken: Duration) -> bool {
        self.shared
            .up_since()
            .is_some_and(|since| failed.is_none_or(|failed| failed < since || failed.elapsed() > broken))
    }

    /// The size of the largest body that can be stored.
    pub fn most_bytes(&self) -> usize {
        self.shared.most_bytes()
    }
}
