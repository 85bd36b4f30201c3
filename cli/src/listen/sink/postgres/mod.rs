//! Stores events in a table of PostgreSQL, which several processes can share.

mod batch;
mod connection;
mod payload;
mod requirements;
mod schema;
mod settings;
mod tls;
mod writer;

use std::io;

use tokio::sync::{mpsc, oneshot};

use self::batch::{Entry, Row};
pub use self::connection::Connection;
pub use self::requirements::unusable;
pub use self::schema::create;
pub use self::settings::{PostgresSettings, Server, TableName, check_name};
use self::writer::{Health, Writer};
pub use super::unusable::Unusable;
use super::{Event, HasEnded, NotWritten, Written};
use crate::listen::metrics::SinkMetrics;

/// The number of events that can wait for the writer. Further requests wait for a free place.
const WAITING: usize = 4096;

#[derive(Clone)]
pub struct PostgresSink {
    entries: mpsc::Sender<Entry>,
    health: Health,
}

impl PostgresSink {
    /// Connects, and starts the writer, which ends with the last clone of the sink.
    ///
    /// If the server cannot be reached, the sink is open, but not up until it can. Something that someone has to change is an
    /// error.
    pub async fn open(settings: PostgresSettings, metrics: SinkMetrics, ended: HasEnded) -> io::Result<Self> {
        let connection = match writer::open(&settings).await {
            Ok((connection, promises)) => {
                tracing::info!(sink = %settings, %promises, "connected");
                Some(connection)
            }
            // The writer tries again, and reports it.
            Err(Unusable::Unreachable(_)) => None,
            Err(refused @ Unusable::Refused(_)) => return Err(refused.into()),
        };
        let (entries, waiting) = mpsc::channel(WAITING);
        let health = Health::new(metrics.clone());
        health.set(connection.is_some());
        let writer = Writer { settings, entries: waiting, health: health.clone(), metrics };
        tokio::spawn(async move {
            let _reported = ReportPanic(ended);
            writer.run(connection).await;
        });
        Ok(Self { entries, health })
    }

    /// Connects, and checks what is required. Returns what the server promises.
    pub async fn check(settings: &PostgresSettings) -> io::Result<String> {
        Ok(writer::open(settings).await?.1.to_string())
    }

    /// Writes an event. Returns once its transaction is committed.
    pub async fn write(&self, event: &Event<'_>) -> Result<Written, NotWritten> {
        let row = Row::new(event).map_err(|_| NotWritten)?;
        let (done, outcome) = oneshot::channel();
        self.entries.send(Entry { row, done }).await.map_err(|_| NotWritten)?;
        outcome.await.ok().flatten().ok_or(NotWritten)
    }

    pub fn is_up(&self) -> bool {
        self.health.is_up()
    }
}

/// Executes SQL, in one transaction.
pub async fn execute(server: &Server, sql: &str) -> io::Result<()> {
    let refused = |why: &dyn std::fmt::Display| io::Error::other(format!("{server}: {why}"));
    let connection = Connection::open(server).await.map_err(|unusable| refused(&unusable))?;
    // Several statements of one message are one transaction.
    connection.client.batch_execute(sql).await.map_err(|error| refused(&connection::failure(&error)))
}

/// Reports that the writer has ended unexpectedly.
struct ReportPanic(HasEnded);

impl Drop for ReportPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let _ = self.0.send("the writer of a database has ended unexpectedly");
        }
    }
}
