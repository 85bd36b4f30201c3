//! Where events are stored before they are acknowledged to their providers.

mod event;
mod event_file;
mod file;
#[cfg(feature = "nats")]
pub mod nats;
mod output;
#[cfg(feature = "postgres")]
pub mod postgres;
mod seen;
#[cfg(any(feature = "nats", feature = "postgres"))]
mod unusable;

use std::fmt;
use std::io;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

pub use event::{Event, Payload};
pub use event_file::{FileSettings, Rotation, beside, check_folder, is_same, open_existing, private, rotated};
use file::FileSink;
use output::OutputSink;
pub use output::WholeLines;
#[cfg(feature = "postgres")]
use postgres::{PostgresSettings, PostgresSink};

use tokio::sync::mpsc;

use super::metrics::SinkMetrics;

/// How long a sink counts as broken after an event could not be written. It is not for longer, since a recovery could not be
/// noticed if no provider sends deliveries.
const BROKEN: Duration = Duration::from_secs(10);

/// What a sink is and how it is set up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SinkSettings {
    File(FileSettings),
    Output {
        window: NonZeroUsize,
    },
    #[cfg(feature = "nats")]
    Nats(nats::NatsSettings),
    #[cfg(feature = "postgres")]
    Postgres(Box<PostgresSettings>),
}

impl fmt::Display for SinkSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(settings) => settings.path.display().fmt(f),
            Self::Output { .. } => f.write_str("standard output"),
            #[cfg(feature = "nats")]
            Self::Nats(settings) => settings.fmt(f),
            #[cfg(feature = "postgres")]
            Self::Postgres(settings) => settings.fmt(f),
        }
    }
}

/// Receives the reason once no more events can be written.
pub type HasEnded = mpsc::UnboundedSender<&'static str>;

/// The outcome of writing an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    New,
    /// The event was written before.
    Duplicate,
}

/// The error for an event that could not be written. The cause is in the log.
#[derive(Debug)]
pub struct NotWritten;

/// An open sink. All its clones write to the same place.
#[derive(Clone)]
pub struct Sink {
    kind: Kind,
    /// The last time at which an event could not be written.
    failed: Arc<Mutex<Option<Instant>>>,
    metrics: SinkMetrics,
}

#[derive(Clone)]
enum Kind {
    File(FileSink),
    Output(OutputSink),
    #[cfg(feature = "nats")]
    Nats(nats::NatsSink),
    #[cfg(feature = "postgres")]
    Postgres(PostgresSink),
}

impl Sink {
    /// Opens a sink. `ended` receives the reason once no more events can be written.
    pub async fn open(settings: &SinkSettings, metrics: SinkMetrics, ended: HasEnded) -> io::Result<Self> {
        let kind = match settings.clone() {
            SinkSettings::File(settings) => {
                let metrics = metrics.clone();
                // The keys of a long file take some time to read.
                let open = move || FileSink::open(&settings, metrics, ended);
                Kind::File(tokio::task::spawn_blocking(open).await.map_err(io::Error::other)??)
            }
            SinkSettings::Output { window } => Kind::Output(OutputSink::open(window, ended)?),
            #[cfg(feature = "nats")]
            SinkSettings::Nats(settings) => Kind::Nats(nats::NatsSink::open(settings, metrics.clone(), ended).await?),
            #[cfg(feature = "postgres")]
            SinkSettings::Postgres(settings) => {
                Kind::Postgres(PostgresSink::open(*settings, metrics.clone(), ended).await?)
            }
        };
        Ok(Self { kind, failed: Arc::default(), metrics })
    }

    /// Checks whether a sink could be opened, and returns what is known of it, as sentences. Nothing is created or changed.
    pub async fn check(settings: &SinkSettings) -> io::Result<Vec<String>> {
        match settings {
            SinkSettings::File(settings) => event_file::check(settings),
            SinkSettings::Output { .. } => Ok(Vec::new()),
            #[cfg(feature = "nats")]
            SinkSettings::Nats(settings) => nats::NatsSink::check(settings).await,
            #[cfg(feature = "postgres")]
            SinkSettings::Postgres(settings) => PostgresSink::check(settings).await.map(|promised| vec![promised]),
        }
    }

    /// Whether an open sink of one setting can be given another one, instead of being closed and opened.
    pub fn is_same_place(one: &SinkSettings, other: &SinkSettings) -> bool {
        match (one, other) {
            (SinkSettings::File(one), SinkSettings::File(other)) => {
                event_file::resolved(&one.path) == event_file::resolved(&other.path)
            }
            (SinkSettings::Output { .. }, SinkSettings::Output { .. }) => true,
            // A new connection is opened before the old one is given up, so no request fails.
            (one, other) => one == other,
        }
    }

    /// Changes the settings of a sink that stays in its place.
    pub fn change(&self, settings: &SinkSettings) {
        match (&self.kind, settings) {
            (Kind::File(file), SinkSettings::File(settings)) => file.change(settings),
            (Kind::Output(output), SinkSettings::Output { window }) => output.resize(*window),
            // Everything else is its place.
            _ => {}
        }
    }

    /// Stores an event unless it was stored before. Returns once it is as safe as the sink promises.
    ///
    /// `shown` is written to standard output instead of the event, if standard output is the sink.
    pub async fn store(&self, event: &Event<'_>, shown: Option<Vec<u8>>) -> Result<Written, NotWritten> {
        let since = Instant::now();
        let line = || event.line().map_err(|_| NotWritten);
        let written = match &self.kind {
            Kind::File(file) => file.write(event.key(), line()?).await,
            Kind::Output(output) => output.write(event.key(), shown.map_or_else(line, Ok)?).await,
            #[cfg(feature = "nats")]
            Kind::Nats(nats) => nats.publish(event).await,
            #[cfg(feature = "postgres")]
            Kind::Postgres(postgres) => postgres.write(event).await,
        };
        self.metrics.wrote(since);
        match &written {
            Ok(_) => self.set_failed(None),
            Err(NotWritten) => self.failed(),
        }
        written
    }

    /// Reports that an event could not be stored in time.
    pub fn failed(&self) {
        self.set_failed(Some(Instant::now()));
    }

    fn set_failed(&self, failed: Option<Instant>) {
        // That sink finds out by itself.
        #[cfg(feature = "postgres")]
        if matches!(self.kind, Kind::Postgres(_)) {
            return;
        }
        self.metrics.set_up(failed.is_none());
        *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = failed;
    }

    /// Whether events can be written as far as is known: by what the sink finds out by itself, or else whether the last event
    /// could be written, or the failure is long ago.
    pub fn is_up(&self) -> bool {
        let failed = *self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        match &self.kind {
            #[cfg(feature = "nats")]
            Kind::Nats(nats) => nats.is_up(failed, BROKEN),
            #[cfg(feature = "postgres")]
            Kind::Postgres(postgres) => postgres.is_up(),
            Kind::File(_) | Kind::Output(_) => failed.is_none_or(|failed| failed.elapsed() > BROKEN),
        }
    }

    /// Writes to the metrics whether events can be written. Another sink of the same name shares them.
    pub fn report_state(&self) {
        self.metrics.set_up(self.is_up());
    }

    /// The size of the largest body that can be stored.
    pub fn most_bytes(&self) -> usize {
        match &self.kind {
            #[cfg(feature = "nats")]
            Kind::Nats(nats) => nats.most_bytes(),
            _ => usize::MAX,
        }
    }

    /// Whether events are written to standard output.
    pub fn is_output(&self) -> bool {
        matches!(self.kind, Kind::Output(_))
    }

    /// Switches to the file that has the name now.
    pub fn reopen(&self) {
        match &self.kind {
            Kind::File(file) => file.reopen(),
            Kind::Output(_) => tracing::info!("there is no file to reopen: events are written to standard output"),
            #[cfg(feature = "nats")]
            Kind::Nats(_) => {}
            #[cfg(feature = "postgres")]
            Kind::Postgres(_) => {}
        }
    }

    /// What waits until everything is written, once all clones of the sink are gone.
    pub fn writer(&self) -> Option<Writer> {
        match &self.kind {
            Kind::File(file) => Some(file.writer()),
            // What has been acknowledged is written.
            _ => None,
        }
    }
}

/// The thread that writes to a sink.
pub struct Writer(Arc<Mutex<Option<std::thread::JoinHandle<()>>>>);

impl Writer {
    /// Waits until the thread has ended.
    pub fn join(self) {
        let thread = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the writer has ended unexpectedly");
        }
    }
}

fn complain(events: usize, error: &io::Error) {
    tracing::error!(events, %error, "cannot write events; their providers are asked to send them again");
}
