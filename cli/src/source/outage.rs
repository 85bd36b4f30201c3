//! What to do while a server cannot be read.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::Warn;
use crate::report::Plain;
use crate::stop::Stop;

/// How often a server is asked for new events.
pub const POLL: Duration = Duration::from_millis(250);

/// How long to wait before the next attempt.
const AGAIN: Duration = Duration::from_secs(1);

/// How long an outage may last if nothing waits for further events.
const PATIENCE: Duration = Duration::from_secs(60);

/// Why nothing can be read.
pub enum Failure {
    /// Another attempt may succeed.
    Temporary(String),
    /// Someone has to change something.
    Permanent(String),
}

impl Failure {
    /// The reason to stop reading what has this name.
    pub fn stop(self, name: &str) -> Stop {
        let (Self::Temporary(why) | Self::Permanent(why)) = self;
        Stop::Input(format!("{name}: {}", Plain(&why)))
    }
}

/// Reports when a server stops to answer, and when it answers again.
pub struct Outage {
    /// What is read.
    name: String,
    is_patient: bool,
    warn: Warn,
    since: Option<Instant>,
}

impl Outage {
    pub fn none(name: String, is_patient: bool, warn: Warn) -> Self {
        Self { name, is_patient, warn, since: None }
    }

    /// Waits for the next attempt after one that has failed.
    pub async fn wait(&mut self, failure: Failure) -> Result<(), Stop> {
        let why = match failure {
            Failure::Temporary(why) => why,
            failure @ Failure::Permanent(_) => return Err(failure.stop(&self.name)),
        };
        let since = *self.since.get_or_insert_with(|| {
            (self.warn)(format_args!("{}: {}; trying again", self.name, Plain(&why)));
            Instant::now()
        });
        if !self.is_patient && since.elapsed() >= PATIENCE {
            return Err(Failure::Temporary(why).stop(&self.name));
        }
        sleep(AGAIN).await;
        Ok(())
    }

    /// Ends the outage, if there was one.
    pub fn over(&mut self) {
        if self.since.take().is_some() {
            (self.warn)(format_args!("{}: connected again", self.name));
        }
    }
}
