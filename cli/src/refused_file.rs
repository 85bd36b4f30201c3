//! The lines of a file of refused deliveries, which `listen` writes and `verify` reads.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use jiff::Timestamp;
use pos_webhooks::capture::Head;
use serde::{Deserialize, Serialize};

use crate::redaction::Redacted;
use crate::report::Plain;
use crate::stop::Stop;

/// The steps before verification.
pub const METHOD: &str = "method";
pub const BODY: &str = "body";
pub const HANDSHAKE: &str = "handshake";
/// The step of a genuine delivery that is not as documented.
pub const SPECIFICATION: &str = "specification";

/// The maximum length of a line, which is that of the longest one that `listen` writes.
pub const MOST_LINE: usize = 4 << 20;

/// A delivery that `listen` refused, or that it stored although it is not as documented.
#[derive(Serialize, Deserialize)]
pub struct RefusedDelivery {
    pub at: Timestamp,
    pub route: String,
    pub provider: String,
    pub outcome: Outcome,
    /// The reason, as in the log and in the metrics.
    pub reason: String,
    /// The step that failed.
    pub step: String,
    pub why: String,
    /// The event that the delivery claims to be.
    pub event: Option<String>,
    pub peer: String,
    pub method: String,
    /// The path and the query.
    pub target: String,
    pub headers: Vec<HeaderLine>,
    /// The size of the body; `None` if it was not received completely.
    pub body_bytes: Option<usize>,
    pub body_sha256: Option<String>,
    /// The body in Base64; `None` if it was not received completely, or is not kept.
    pub body: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    Refused,
    /// It is genuine, and its event is stored with an error.
    Stored,
}

/// A header of a delivery.
#[derive(Serialize, Deserialize)]
pub struct HeaderLine {
    pub name: String,
    #[serde(flatten)]
    pub value: HeaderText,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HeaderText {
    Value(String),
    /// A value that is not UTF-8.
    Base64(String),
    /// What is left of a secret.
    Redacted(Redacted),
}

impl HeaderText {
    /// Of a value that is not a secret.
    pub fn of(value: &[u8]) -> Self {
        match std::str::from_utf8(value) {
            Ok(text) => Self::Value(text.to_owned()),
            Err(_) => Self::Base64(BASE64.encode(value)),
        }
    }
}

impl RefusedDelivery {
    /// The head of the delivery. A redacted value is replaced by a text that says so.
    pub fn head(&self) -> Head {
        let value = |value: &HeaderText| match value {
            HeaderText::Value(text) => text.clone().into_bytes(),
            HeaderText::Base64(text) => BASE64.decode(text).unwrap_or_default(),
            HeaderText::Redacted(redacted) => redacted.to_string().into_bytes(),
        };
        let headers = self.headers.iter().map(|header| (header.name.clone(), value(&header.value)));
        Head { target: Some(self.target.clone()), headers: headers.collect() }
    }

    /// What is left of the first value of a header, if it was redacted.
    pub fn redacted(&self, name: &str) -> Option<&Redacted> {
        let found = self.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name))?;
        match &found.value {
            HeaderText::Redacted(redacted) => Some(redacted),
            HeaderText::Value(_) | HeaderText::Base64(_) => None,
        }
    }

    pub fn body(&self) -> Option<Vec<u8>> {
        BASE64.decode(self.body.as_ref()?).ok()
    }

    /// What happened, on one line.
    pub fn summary(&self) -> String {
        let Self { at, route, reason, why, .. } = self;
        let done = match self.outcome {
            Outcome::Refused => "refused",
            Outcome::Stored => "stored with an error",
        };
        format!("{at:.0}  {}  {done}  {}: {}", Plain(route), Plain(reason), Plain(why))
    }
}

/// A line of a file with its number, from 1. A line that is not a delivery, such as the incomplete last one after a crash, is an
/// error of its own.
pub type Line = (usize, Result<RefusedDelivery, Stop>);

/// Reads the lines of a file. An error is that of the file, after which there are no further lines.
pub fn read(file: &Path) -> Result<impl Iterator<Item = Result<Line, Stop>>, Stop> {
    let name = file.display().to_string();
    let unusable = move |why: &dyn std::fmt::Display| Stop::Input(format!("{name}: {why}"));
    if file.is_dir() {
        return Err(unusable(&io::Error::from(io::ErrorKind::IsADirectory)));
    }
    let mut lines = BufReader::new(File::open(file).map_err(|error| unusable(&error))?);
    let next = move || next_line(&mut lines).transpose();
    Ok((1..).zip(std::iter::from_fn(next)).map(move |(number, line)| {
        let line = line.map_err(|error| unusable(&error))?;
        let parsed = serde_json::from_slice(&line);
        let foreign = |_| unusable(&format_args!("line {number} is not a refused delivery that `listen` wrote"));
        Ok((number, parsed.map_err(foreign)))
    }))
}

/// The next line; `None` at the end.
fn next_line(lines: &mut impl io::BufRead) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    if lines.by_ref().take(MOST_LINE as u64).read_until(b'\n', &mut line)? == 0 {
        return Ok(None);
    }
    if line.len() == MOST_LINE && !line.ends_with(b"\n") {
        lines.skip_until(b'\n')?;
    }
    Ok(Some(line))
}
