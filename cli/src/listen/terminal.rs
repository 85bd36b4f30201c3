//! Shows events on a terminal, one short line for each.

use std::io::{self, IsTerminal as _};
use std::time::Duration;

use jiff::Timestamp;
use pos_webhooks::catalogue::Provider;
use pos_webhooks::validate::Invalid;

use super::log::{Flush, LineWriter};
use crate::help;
use crate::report::Plain;

/// The number of characters of an idempotency key that are shown.
const KEY: usize = 8;

/// How events are shown to people.
pub enum Shown {
    /// Standard output is not a terminal.
    No,
    /// In standard output instead of their JSON.
    Instead,
    /// In standard output beside the file that has their JSON.
    Beside(LineWriter),
}

impl Shown {
    /// Chooses by the standard output, and returns what makes waiting lines be written when it is dropped.
    pub fn new(has_file: bool) -> io::Result<(Self, Option<Flush>)> {
        if !io::stdout().is_terminal() {
            return Ok((Self::No, None));
        }
        if !has_file {
            return Ok((Self::Instead, None));
        }
        let (writer, flush) = LineWriter::start("terminal", io::stdout())?;
        Ok((Self::Beside(writer), Some(flush)))
    }
}

/// A genuine delivery, for people.
pub struct EventSummary<'a> {
    pub provider: &'static Provider,
    pub event: Option<&'a str>,
    pub idempotency_key: Option<&'a str>,
    pub body: &'a [u8],
    /// How long it has taken to handle the delivery.
    pub after: Duration,
}

impl EventSummary<'_> {
    /// The line, as wide as the terminal at most, with a newline at the end.
    pub fn to_bytes(&self) -> Vec<u8> {
        let time = Timestamp::now().strftime("%H:%M:%SZ");
        let key: String = self.idempotency_key.unwrap_or("-").chars().take(KEY).collect();
        let event = Plain(self.event.unwrap_or("-")).to_string();
        let (name, key, valid) = (self.provider.name, Plain(&key), self.valid());
        let line = format!("{time}  {name}  {event}  {key:KEY$}  {valid}  {} ms", self.after.as_millis());
        let mut line: String = line.chars().take(help::width()).collect();
        line.push('\n');
        line.into_bytes()
    }

    /// Whether the payload matches the specification.
    fn valid(&self) -> String {
        match self.provider.validate(self.event.unwrap_or_default(), self.body) {
            Ok(()) => "valid".to_owned(),
            Err(Invalid::Violations(found)) if found.is_truncated() => format!("invalid: {} or more", found.len()),
            Err(Invalid::Violations(found)) => format!("invalid: {}", found.len()),
            Err(Invalid::NotJson(_)) => "not JSON".to_owned(),
            // There is no schema to validate against.
            Err(_) => "unknown".to_owned(),
        }
    }
}
