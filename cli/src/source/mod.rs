//! Where stored events are read from, in the order in which they were stored.

mod event;
mod file;
mod filter;

use std::fmt;
use std::path::PathBuf;

pub use event::{Place, StoredEvent};
use file::FileSource;
pub use file::Position;
pub use filter::Filter;

use crate::stop::Stop;

/// Stored events.
pub enum Source {
    File(FileSource),
}

/// The event with which to begin.
pub enum Begin {
    /// The oldest one that is still stored.
    First,
    /// The first one that is stored from now on.
    New,
    /// The one after this position.
    After(Position),
}

/// Reports what is not as expected, but does not prevent reading.
pub type Warn = fn(fmt::Arguments<'_>);

impl Source {
    /// Opens a source by its name on the command line. `warn` reports lines that are not events, and the like.
    pub fn open(name: &str, begin: Begin, warn: Warn) -> Result<Self, Stop> {
        if let Some((scheme, _)) = name.split_once("://") {
            return Err(Stop::Usage(format!(
                "events cannot be read from {scheme}: give a file that `listen` has written"
            )));
        }
        Self::file(PathBuf::from(name), begin, warn)
    }

    /// Opens the file to which `listen` appends events.
    pub fn file(path: PathBuf, begin: Begin, warn: Warn) -> Result<Self, Stop> {
        Ok(Self::File(FileSource::open(path, begin, warn)?))
    }

    /// The next event; `None` if no further one is stored yet.
    pub async fn next(&mut self) -> Result<Option<StoredEvent>, Stop> {
        match self {
            Self::File(file) => file.next(),
        }
    }

    /// Waits until a further event may be stored.
    pub async fn wait(&self) {
        match self {
            Self::File(file) => file.wait().await,
        }
    }

    /// The position of the last event.
    pub fn position(&self) -> Position {
        match self {
            Self::File(file) => file.position(),
        }
    }
}
