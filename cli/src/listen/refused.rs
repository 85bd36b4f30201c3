//! Keeps refused deliveries in a file, so that `verify` can report why they were refused. The file never delays or changes the
//! response to a delivery: what does not fit is dropped and counted.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use clap::ValueEnum;
use http::Request;
use hyper::body::Bytes;
use jiff::Timestamp;
use pos_webhooks::catalogue::Provider;
use sha2::{Digest as _, Sha256};

use super::log::{Flush, LineWriter};
use super::server::Peer;
use super::sink::{FileSettings, beside, private};
use crate::redaction;
use crate::refused_file::{MOST_LINE, Outcome, RefusedDelivery};

/// The older file has this at the end of its name.
const OLDER: &str = ".1";

/// The number of deliveries that can wait to be written. Together with the maximum length of a line, this limits the memory.
const WAITING: usize = 16;

pub const SIZE: u64 = 50 << 20;
/// Half of it is more than a delivery without its body needs.
pub const LEAST_SIZE: u64 = 256 << 10;
pub const PER_MINUTE: NonZeroUsize = NonZeroUsize::new(60).unwrap();

/// Where refused deliveries are kept, and how many of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedSettings {
    pub path: PathBuf,
    /// The maximum size in bytes, including that of the older file beside it.
    pub size: u64,
    /// The maximum number of deliveries of each route per minute.
    pub per_minute: NonZeroUsize,
    pub bodies: Bodies,
}

impl RefusedSettings {
    /// Whether one of the files is, or looks like, one of a sink.
    pub fn shares_a_file_with(&self, sink: &FileSettings) -> bool {
        [self.path.clone(), beside(&self.path, OLDER)].iter().any(|file| sink.has(file))
    }
}

/// Which bodies are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Bodies {
    #[default]
    All,
    /// Those of genuine deliveries that are not as documented.
    Undecodable,
    None,
}

/// Accepts refused deliveries, and never blocks.
pub struct RefusedFile {
    pub settings: RefusedSettings,
    lines: LineWriter,
    /// How many deliveries of each route were kept since this time.
    minutes: Mutex<BTreeMap<String, (Instant, usize)>>,
}

/// A delivery that was refused, or stored with an error.
pub struct Refused<'a> {
    pub provider: &'static Provider,
    pub route: &'a str,
    pub peer: &'a Peer,
    pub request: &'a Request<Bytes>,
    /// Whether the body of the request is that of the delivery.
    pub has_body: bool,
    pub event: Option<String>,
    pub outcome: Outcome,
    pub reason: &'a str,
    pub step: &'a str,
    pub why: &'a str,
    /// Whether the delivery is genuine, but not as documented.
    pub is_undecodable: bool,
}

impl RefusedFile {
    /// Checks that the file can be written, and starts its writer. What is returned with it waits for the writer when it is
    /// dropped.
    pub fn open(settings: RefusedSettings) -> io::Result<(Self, Flush)> {
        open(&settings.path)?;
        let ring = Ring { path: settings.path.clone(), half: settings.size / 2, has_failed: false };
        let (lines, flush) = LineWriter::start("refused", WAITING, ring)?;
        Ok((Self { settings, lines, minutes: Mutex::default() }, flush))
    }

    /// Keeps a delivery, unless there are too many.
    pub fn keep(&self, refused: Refused<'_>) {
        let line = self.has_room(refused.route).then(|| self.line(refused)).flatten();
        match line {
            Some(line) => self.lines.show(&line),
            None => self.lines.dropped().add(),
        }
    }

    /// The number of deliveries that are not in the file.
    pub fn dropped(&self) -> u64 {
        self.lines.dropped().count()
    }

    fn has_room(&self, route: &str) -> bool {
        let mut minutes = self.minutes.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, count) = match minutes.get_mut(route) {
            Some(minute) => minute,
            None => minutes.entry(route.to_owned()).or_insert_with(|| (Instant::now(), 0)),
        };
        if since.elapsed() >= Duration::from_secs(60) {
            (*since, *count) = (Instant::now(), 0);
        }
        *count += 1;
        *count <= self.settings.per_minute.get()
    }

    /// The line; `None` if it is too long even without the body.
    fn line(&self, refused: Refused<'_>) -> Option<Vec<u8>> {
        let Refused { provider, route, peer, request, event, outcome, reason, step, why, .. } = refused;
        let body = refused.has_body.then(|| request.body());
        let is_kept = match self.settings.bodies {
            Bodies::All => true,
            Bodies::Undecodable => refused.is_undecodable,
            Bodies::None => false,
        };
        let target = request.uri().path_and_query().map_or_else(|| request.uri().path(), |it| it.as_str());
        let mut delivery = RefusedDelivery {
            at: Timestamp::now(),
            route: route.to_owned(),
            provider: provider.name.to_owned(),
            outcome,
            reason: reason.to_owned(),
            step: step.to_owned(),
            why: why.to_owned(),
            event,
            peer: peer.to_string(),
            method: request.method().to_string(),
            target: redaction::target(provider, target),
            headers: redaction::headers(provider, request.headers()),
            body_bytes: body.map(Bytes::len),
            body_sha256: body.map(|body| hex::encode(Sha256::digest(body))),
            body: None,
        };
        let most = usize::try_from(self.settings.size / 2).unwrap_or(usize::MAX).min(MOST_LINE);
        let fits = |line: &Vec<u8>| line.len() <= most;
        let without = to_line(&delivery).filter(fits)?;
        let Some(body) = body.filter(|body| is_kept && without.len() + body.len().div_ceil(3) * 4 <= most) else {
            return Some(without);
        };
        delivery.body = Some(BASE64.encode(body));
        to_line(&delivery).filter(fits)
    }
}

fn to_line(delivery: &RefusedDelivery) -> Option<Vec<u8>> {
    let mut line = serde_json::to_vec(delivery).ok()?;
    line.push(b'\n');
    Some(line)
}

/// Appends to a file, and begins a new one once it has half of the size. The older half is in a file beside it. The file is
/// opened for each line: there are only a few per minute, and other programs may rename, truncate and remove it.
struct Ring {
    path: PathBuf,
    half: u64,
    /// Whether the last line could not be written.
    has_failed: bool,
}

impl Ring {
    fn append(&self, line: &[u8]) -> io::Result<()> {
        let mut file = open(&self.path)?;
        let mut length = file.metadata()?.len();
        if length > 0 && length + line.len() as u64 > self.half {
            fs::rename(&self.path, beside(&self.path, OLDER))?;
            file = open(&self.path)?;
            length = 0;
        }
        let written = end_of_line(&mut file, length).and_then(|()| file.write_all(line));
        if written.is_err() {
            // A part of the line is of no use. This fails if the file is not a regular one.
            let _ = file.set_len(length);
        }
        written
    }
}

impl Write for Ring {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let written = self.append(line);
        if let Err(error) = written.as_ref().map_err(ToString::to_string)
            && !self.has_failed
        {
            tracing::error!(file = %self.path.display(), error, "cannot write refused deliveries; they are refused all the same");
        }
        self.has_failed = written.is_err();
        written.map(|()| line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Ends a line that was not written completely.
fn end_of_line(file: &mut File, length: u64) -> io::Result<()> {
    let Some(last) = length.checked_sub(1) else { return Ok(()) };
    let mut byte = [0];
    file.seek(SeekFrom::Start(last))?;
    file.read_exact(&mut byte)?;
    if byte == *b"\n" { Ok(()) } else { file.write_all(b"\n") }
}

/// Opens the file, or creates one. Only its owner may read it.
fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true);
    private(&mut options);
    let file = options.open(path)?;
    #[cfg(unix)]
    if file.metadata()?.is_file() {
        use std::os::unix::fs::PermissionsExt as _;
        file.set_permissions(fs::Permissions::from_mode(0o600))?;
    }
    Ok(file)
}
