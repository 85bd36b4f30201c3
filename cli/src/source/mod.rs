//! Where stored events are read from, in the order in which they were stored.

mod event;
mod file;
mod filter;
#[cfg(feature = "nats")]
mod nats;
#[cfg(any(feature = "nats", feature = "postgres"))]
mod outage;
#[cfg(feature = "postgres")]
mod postgres;

use std::fmt;
use std::path::{Path, PathBuf};

use clap::Args;
use serde::{Deserialize, Serialize};

pub use event::{Place, StoredEvent};
use file::{FilePosition, FileSource};
pub use filter::Filter;
#[cfg(feature = "nats")]
use nats::{NatsPosition, NatsSource};
#[cfg(feature = "postgres")]
use postgres::{PostgresPosition, PostgresSource};

use crate::listen::{self, SinkSettings};
use crate::report::Plain;
use crate::stop::Stop;

// Where the events of a command are. A doc comment would become the description of the command.
#[derive(Args)]
pub struct SourceArguments {
    /// The file to which `listen` appends events; or with --config, the name of a sink
    ///
    /// The rotated files of a file belong to it, unless they are compressed.
    #[arg(value_name = "SOURCE")]
    source: String,

    /// The configuration of `listen` that has the sink; only this sink of it is read
    ///
    /// A sink is a file, a table of PostgreSQL or a stream of NATS, with the URL and the login that its table [sinks.NAME] has.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl SourceArguments {
    pub async fn open(&self, reading: Reading) -> Result<Source, Stop> {
        let source = &self.source;
        if let Some(config) = &self.config {
            return Source::open(listen::read_sink(config, source)?, reading).await;
        }
        if source.contains("://") {
            // It is not shown, since it may have a password.
            return Err(Stop::Usage(
                "SOURCE is a URL, which other users of this machine can see, with its password: put it into a file, and give \
                 the name of a sink of a configuration that has `url = { file = … }`, such as `inbox --config listen.toml`"
                    .to_owned(),
            ));
        }
        let path = PathBuf::from(source);
        let is_there = path.exists();
        let file = FileSource::open(path, reading.begin, reading.warn)?;
        if !is_there {
            let source = Plain(source);
            (reading.warn)(format_args!(
                "there is no file {source} yet; --config FILE reads a sink of a configuration"
            ));
        }
        Ok(Source { kind: Kind::File(Box::new(file)), filter: reading.filter })
    }
}

/// How a source is read.
pub struct Reading {
    pub begin: Begin,
    pub filter: Filter,
    /// Whether to wait for a server that does not answer until it does. Otherwise, reading fails after a while.
    #[cfg_attr(not(any(feature = "nats", feature = "postgres")), allow(dead_code, reason = "a file has no server"))]
    pub is_patient: bool,
    pub warn: Warn,
}

/// The event with which to begin.
#[derive(Clone)]
pub enum Begin {
    /// The oldest one that is still stored.
    First,
    /// The first one that is stored from now on.
    New,
    /// The one at this place, as it is shown.
    At(String),
    /// The one after a position that is stored in a file.
    After { position: Position, file: PathBuf },
}

/// How far a source was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Position {
    File(FilePosition),
    #[cfg(feature = "nats")]
    Nats(NatsPosition),
    #[cfg(feature = "postgres")]
    Postgres(PostgresPosition),
}

impl Position {
    fn of_file(self) -> Option<FilePosition> {
        match self {
            Self::File(position) => Some(position),
            #[cfg(any(feature = "nats", feature = "postgres"))]
            _ => None,
        }
    }
}

/// Reports what is not as expected, but does not prevent reading.
pub type Warn = fn(fmt::Arguments<'_>);

/// Stored events that are selected by a filter.
pub struct Source {
    kind: Kind,
    filter: Filter,
}

enum Kind {
    /// A file, and its rotated files.
    File(Box<FileSource>),
    #[cfg(feature = "nats")]
    Nats(Box<NatsSource>),
    #[cfg(feature = "postgres")]
    Postgres(Box<PostgresSource>),
}

impl Source {
    /// Opens what a sink has stored.
    pub async fn open(sink: SinkSettings, reading: Reading) -> Result<Self, Stop> {
        let filter = reading.filter.clone();
        let kind = match sink {
            SinkSettings::File(file) => Kind::File(Box::new(FileSource::open(file.path, reading.begin, reading.warn)?)),
            SinkSettings::Output { .. } => {
                return Err(Stop::Input(
                    "the sink is standard output, from which nothing can be read: give a sink with the type `file`, or of a \
                     server"
                        .to_owned(),
                ));
            }
            #[cfg(feature = "nats")]
            SinkSettings::Nats(settings) => Kind::Nats(Box::new(NatsSource::open(settings, reading).await?)),
            #[cfg(feature = "postgres")]
            SinkSettings::Postgres(settings) => {
                Kind::Postgres(Box::new(PostgresSource::open(*settings, reading).await?))
            }
        };
        Ok(Self { kind, filter })
    }

    /// The next event; `None` if no further one is stored yet.
    pub async fn next(&mut self) -> Result<Option<StoredEvent>, Stop> {
        loop {
            let event = match &mut self.kind {
                Kind::File(file) => file.next()?,
                #[cfg(feature = "nats")]
                Kind::Nats(nats) => nats.next().await?,
                #[cfg(feature = "postgres")]
                Kind::Postgres(postgres) => postgres.next().await?,
            };
            if event.as_ref().is_none_or(|event| self.filter.selects(event)) {
                return Ok(event);
            }
        }
    }

    /// Waits until a further event may be stored.
    pub async fn wait(&self) {
        let poll = match &self.kind {
            Kind::File(_) => file::POLL,
            #[cfg(feature = "nats")]
            Kind::Nats(_) => outage::POLL,
            #[cfg(feature = "postgres")]
            Kind::Postgres(_) => outage::POLL,
        };
        tokio::time::sleep(poll).await;
    }

    /// Begins again with the same event. Until there is none for the first time, the events are those of before, as far as they
    /// are still stored.
    pub fn rewind(&mut self) -> Result<(), Stop> {
        match &mut self.kind {
            Kind::File(file) => file.rewind()?,
            #[cfg(feature = "nats")]
            Kind::Nats(nats) => nats.rewind(),
            #[cfg(feature = "postgres")]
            Kind::Postgres(postgres) => postgres.rewind(),
        }
        Ok(())
    }

    /// The position after the last event.
    pub fn position(&self) -> Position {
        match &self.kind {
            Kind::File(file) => Position::File(file.position()),
            #[cfg(feature = "nats")]
            Kind::Nats(nats) => Position::Nats(nats.position()),
            #[cfg(feature = "postgres")]
            Kind::Postgres(postgres) => Position::Postgres(postgres.position()),
        }
    }
}

fn not_a_position(file: &Path, of: &dyn fmt::Display) -> Stop {
    let file = file.display();
    Stop::Input(format!("{file}: this is not a position in {of}; remove the file to begin with new events"))
}

fn not_a_place(place: &str) -> Stop {
    Stop::Usage(format!("--begin-at: {} is not the place of an event; --dry-run lists them", Plain(place)))
}
