//! The task that owns the connection, and writes all events that wait by one statement.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep, timeout, timeout_at};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Statement};

use super::batch::{Columns, Entry, Merged};
use super::connection::{Connection, described, failure};
use super::requirements::{self, Promises, check_promises};
use super::schema;
use super::settings::PostgresSettings;
use crate::listen::metrics::SinkMetrics;
use crate::listen::sink::Written;
use crate::listen::sink::unusable::Unusable;

/// How long writing a batch may take. Providers wait for a response for 10 seconds or longer.
const WRITE: Duration = Duration::from_secs(4);

/// How long a statement waits for a row that another program has locked. The provider is then asked to send the event again.
const LOCKED: Duration = Duration::from_secs(1);

/// The same for each event of a statement that has waited for a row: others are written meanwhile.
const LOCKED_AGAIN: Duration = Duration::from_millis(50);

/// How often an idle connection is probed, and how long that may take.
const PROBE: Duration = Duration::from_secs(2);

/// How long to wait between attempts to connect.
const RECONNECT: Duration = Duration::from_secs(1);
/// The longest time to wait after connections that were dropped while the server was writing: their processes at the server
/// go on, with a lock on the events and a place among the connections.
const LONGEST: Duration = Duration::from_secs(30);

/// The maximum number of events, and of bytes, that one statement writes.
const EVENTS: usize = 500;
const BYTES: usize = 16 << 20;

/// The types of the columns of a batch.
const TYPES: [Type; 11] = [
    Type::TEXT_ARRAY,
    Type::TEXT_ARRAY,
    Type::TEXT_ARRAY,
    Type::TEXT_ARRAY,
    Type::BOOL_ARRAY,
    Type::TEXT_ARRAY,
    Type::BYTEA_ARRAY,
    Type::INT4_ARRAY,
    Type::TEXT_ARRAY,
    Type::TEXT_ARRAY,
    Type::INT4_ARRAY,
];

pub struct Writer {
    pub settings: PostgresSettings,
    pub entries: mpsc::Receiver<Entry>,
    pub health: Health,
    pub metrics: SinkMetrics,
}

/// Whether events can be written at the moment.
#[derive(Clone)]
pub struct Health {
    up: Arc<AtomicBool>,
    metrics: SinkMetrics,
}

impl Health {
    pub fn new(metrics: SinkMetrics) -> Self {
        metrics.set_up(false);
        Self { up: Arc::default(), metrics }
    }

    pub fn is_up(&self) -> bool {
        self.up.load(Ordering::Relaxed)
    }

    pub fn set(&self, up: bool) {
        self.up.store(up, Ordering::Relaxed);
        self.metrics.set_up(up);
    }
}

/// A connection, and the statement that writes a batch, which is planned once.
struct Session<'a> {
    connection: &'a Connection,
    insert: Statement,
}

/// The error for a connection that must not be used any more.
struct Dropped {
    why: String,
    /// Whether the server may still be writing what it was asked to write.
    is_busy: bool,
}

impl Dropped {
    fn new(why: impl std::fmt::Display) -> Self {
        Self { why: why.to_string(), is_busy: false }
    }

    fn busy(why: impl std::fmt::Display) -> Self {
        Self { why: why.to_string(), is_busy: true }
    }
}

/// The error of a statement.
enum Failed {
    /// One of its events cannot be written as it is.
    Values(String),
    /// One of its events cannot be written at the moment.
    Moment(String),
    Connection(Dropped),
}

impl Writer {
    /// Writes until all senders are gone.
    pub async fn run(mut self, mut connection: Option<Connection>) {
        let mut pause = RECONNECT;
        loop {
            let open = match connection.take() {
                Some(open) => open,
                None => match self.reconnect().await {
                    Some(open) => open,
                    None => return,
                },
            };
            let connected = Instant::now();
            self.health.set(true);
            let Err(dropped) = self.write_all(&open, &mut pause).await else { return };
            self.health.set(false);
            drop(open);
            tracing::error!(reason = dropped.why, "the connection to PostgreSQL is dropped");
            // A server that was started again is tried at once, while the events wait, but not in a tight loop.
            let wait = if dropped.is_busy { pause } else { RECONNECT.saturating_sub(connected.elapsed()) };
            if dropped.is_busy {
                pause = (pause * 2).min(LONGEST);
            }
            if !wait.is_zero() && refuse_during(&mut self.entries, sleep(wait)).await.is_none() {
                return;
            }
        }
    }

    /// Connects, and tries again until that succeeds. Events wait for the first attempt only. `None` once all senders are
    /// gone.
    async fn reconnect(&mut self) -> Option<Connection> {
        let mut opened = open(&self.settings).await;
        let mut reported = None;
        loop {
            let unusable = match opened {
                Ok((connection, promises)) => {
                    tracing::info!(sink = %self.settings, %promises, "connected");
                    return Some(connection);
                }
                Err(unusable) => unusable.to_string(),
            };
            if reported.as_ref() != Some(&unusable) {
                tracing::error!(sink = %self.settings, reason = unusable, "cannot be written; trying again");
                reported = Some(unusable);
            }
            let again = async {
                sleep(RECONNECT).await;
                open(&self.settings).await
            };
            opened = refuse_during(&mut self.entries, again).await?;
        }
    }

    /// Writes until the connection must be dropped, or until all senders are gone.
    async fn write_all(&mut self, connection: &Connection, pause: &mut Duration) -> Result<(), Dropped> {
        let statement = schema::insert(&self.settings.table);
        let prepared = timeout(WRITE, connection.client.prepare_typed(&statement, &TYPES)).await;
        let prepared = prepared.map_err(|_| Dropped::new("the server does not answer"))?;
        let session = Session { connection, insert: prepared.map_err(|error| Dropped::new(failure(&error)))? };
        let mut probes = interval_at(Instant::now() + PROBE, PROBE);
        probes.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut waiting = Vec::new();
        loop {
            tokio::select! {
                received = self.entries.recv_many(&mut waiting, EVENTS) => {
                    if received == 0 {
                        return Ok(());
                    }
                    self.metrics.batch(waiting.len(), self.entries.len());
                    self.write_waiting(&session, &mut waiting).await?;
                    *pause = RECONNECT;
                }
                _ = probes.tick() => {
                    let probed = timeout(PROBE, check_promises(&connection.client, &self.settings)).await;
                    let probed = probed.map_err(|_| Dropped::new("the server does not answer"))?;
                    probed.map_err(Dropped::new)?;
                }
            }
        }
    }

    /// Writes these events by as few statements as their size allows.
    async fn write_waiting(&self, session: &Session<'_>, waiting: &mut Vec<Entry>) -> Result<(), Dropped> {
        let mut waiting = waiting.drain(..).peekable();
        while waiting.peek().is_some() {
            let mut bytes = 0;
            let mut entries = Vec::new();
            while let Some(entry) = waiting.next_if(|entry| entries.is_empty() || bytes + entry.row.size() <= BYTES) {
                bytes += entry.row.size();
                // Without its request, an event without a key would be stored a second time.
                if !entry.done.is_closed() {
                    entries.push(entry);
                }
            }
            self.write_batch(session, Merged::all(entries)).await?;
        }
        Ok(())
    }

    async fn write_batch(&self, session: &Session<'_>, events: Vec<Merged>) -> Result<(), Dropped> {
        let until = Instant::now() + WRITE;
        let failed = match self.insert(session, &events, until).await {
            Ok(outcomes) => {
                events.into_iter().zip(outcomes).for_each(|(event, written)| event.written(written));
                return Ok(());
            }
            Err(Failed::Values(why) | Failed::Moment(why)) => why,
            Err(Failed::Connection(dropped)) => {
                refuse(events);
                return Err(dropped);
            }
        };
        tracing::warn!(
            events = events.len(),
            reason = failed,
            "writing events one by one, since one of them cannot be written"
        );
        let dropped = |error| Dropped::new(failure(&error));
        if let Err(error) = limit_waiting(&session.connection.client, LOCKED_AGAIN).await {
            refuse(events);
            return Err(dropped(error));
        }
        self.write_each(session, events, until).await?;
        limit_waiting(&session.connection.client, LOCKED).await.map_err(dropped)
    }

    /// Writes events one by one.
    async fn write_each(&self, session: &Session<'_>, events: Vec<Merged>, until: Instant) -> Result<(), Dropped> {
        let mut events = events.into_iter();
        while let Some(mut event) = events.next() {
            if until.saturating_duration_since(Instant::now()) <= LOCKED {
                event.not_written();
                refuse(events);
                return Ok(());
            }
            let mut written = self.insert(session, std::slice::from_ref(&event), until).await;
            if let Err(Failed::Values(_)) = written {
                event.without_payload();
                written = self.insert(session, std::slice::from_ref(&event), until).await;
            }
            match written {
                Ok(outcomes) => event.written(outcomes.first().copied().unwrap_or(Written::New)),
                Err(Failed::Values(why) | Failed::Moment(why)) => {
                    let (route, _) = event.route_and_key();
                    tracing::error!(
                        route,
                        reason = why,
                        "cannot write an event; its provider is asked to send it again"
                    );
                    event.not_written();
                }
                Err(Failed::Connection(dropped)) => {
                    event.not_written();
                    refuse(events);
                    return Err(dropped);
                }
            }
        }
        Ok(())
    }

    /// Writes events completely or not at all. Returns for each of them whether it is new.
    async fn insert(&self, session: &Session<'_>, events: &[Merged], until: Instant) -> Result<Vec<Written>, Failed> {
        session.connection.forget_warnings();
        let written = timeout_at(until, insert(session, events)).await;
        // Cancelling the statement would make its commit return without the standby.
        let written = written.map_err(|_| Failed::Connection(Dropped::busy("the server has not written in time")))?;
        if session.connection.has_warned() {
            return Err(Failed::Connection(Dropped::new("the server has warned, so that the events may not be safe")));
        }
        let outcomes = written.map_err(|error| failed(&error))?;
        if outcomes.len() != events.len() {
            let why =
                "the server has not stored every event: a trigger or a policy of the table keeps some of them out";
            return Err(Failed::Values(why.to_owned()));
        }
        Ok(outcomes)
    }
}

/// Connects, and checks what is required.
pub async fn open(settings: &PostgresSettings) -> Result<(Connection, Promises), Unusable> {
    let connection = Connection::open(&settings.server).await?;
    let checked = timeout(WRITE, async {
        let promises = requirements::check(&connection.client, settings).await?;
        limit_waiting(&connection.client, LOCKED).await.map_err(|error| failure(&error))?;
        Ok(promises)
    });
    let promises =
        checked.await.unwrap_or_else(|_| Err(Unusable::Unreachable("the server does not answer".to_owned())))?;
    Ok((connection, promises))
}

/// Limits how long a statement waits for a row that another program has locked.
async fn limit_waiting(client: &Client, limit: Duration) -> Result<(), tokio_postgres::Error> {
    client.batch_execute(&format!("set lock_timeout = {}", limit.as_millis())).await
}

/// Waits for a future, and asks meanwhile for every event that it is sent again. `None` once all senders are gone.
async fn refuse_during<T>(entries: &mut mpsc::Receiver<Entry>, future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    loop {
        tokio::select! {
            done = &mut future => return Some(done),
            entry = entries.recv() => {
                let _ = entry?.done.send(None);
            }
        }
    }
}

fn refuse(events: impl IntoIterator<Item = Merged>) {
    let mut count = 0;
    for event in events {
        count += 1;
        event.not_written();
    }
    tracing::error!(events = count, "cannot write events; their providers are asked to send them again");
}

/// Whether an error is about an event of the batch, or about the connection.
fn failed(error: &tokio_postgres::Error) -> Failed {
    let Some(database) = error.as_db_error() else {
        return Failed::Connection(Dropped::new(failure(error)));
    };
    // Data, constraints, limits, locks, and exceptions of triggers. Messages of the first two can contain values.
    match database.code().code().get(..2) {
        Some("22" | "23" | "P0") => Failed::Values(format!("SQLSTATE {}", database.code().code())),
        Some("54") => Failed::Values(described(database)),
        Some("40") => Failed::Moment(described(database)),
        _ if *database.code() == SqlState::LOCK_NOT_AVAILABLE => Failed::Moment(described(database)),
        _ => Failed::Connection(Dropped::new(described(database))),
    }
}

async fn insert(session: &Session<'_>, events: &[Merged]) -> Result<Vec<Written>, tokio_postgres::Error> {
    let columns = Columns::of(events);
    let values: [&(dyn ToSql + Sync); TYPES.len()] = [
        &columns.received_at,
        &columns.route,
        &columns.provider,
        &columns.event,
        &columns.known,
        &columns.key,
        &columns.body,
        &columns.payload_from,
        &columns.headers,
        &columns.error,
        &columns.deliveries,
    ];
    let rows = session.connection.client.query(&session.insert, &values).await?;
    let mut duplicates = HashMap::new();
    for row in &rows {
        let (route, key, is_new): (&str, Option<&str>, bool) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        duplicates.insert((route, key), !is_new);
    }
    let outcome = |event: &Merged| match event.route_and_key() {
        (_, None) => Written::New,
        of_key if duplicates.get(&of_key).copied().unwrap_or_default() => Written::Duplicate,
        _ => Written::New,
    };
    Ok(events.iter().map(outcome).take(rows.len()).collect())
}
