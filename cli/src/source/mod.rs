//! Where stored events are read from, in the order in which they were stored.

mod event;
mod file;
mod filter;

use std::fmt;
use std::path::PathBuf;

pub use event::{Place, StoredEvent};
pub use file::{FileSource, Position};
pub use filter::Filter;

use crate::stop::Stop;

/// Stored events.
pub enum Source {
    /// A file, and its rotated files.
    File(FileSource),
}

/// The event with which to begin.
pub enum Begin {
    /// The oldest one that is still stored.
    First,
    /// The first one that is stored from now on.
    New,
    /// The one after this position in a file.
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
        Ok(Self::File(FileSource::open(PathBuf::from(name), begin, warn)?))
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
}
