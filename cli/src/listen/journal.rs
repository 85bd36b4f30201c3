//! Writes events to disk, or to standard output, before they are acknowledged to their providers.
//!
//! A file has its own thread, which writes all waiting events at once with one `fdatasync`, so that the rate of events
//! is not limited by the rate of flushes. Standard output is written by the task of each request, as long as a program
//! reads it.

use std::io;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use lru::LruCache;
use tokio::sync::{Notify, mpsc, oneshot};

use super::file::EventFile;
use super::output::Output;

/// The number of events that can wait for the writer. Further requests wait for a free place.
const WAITING: usize = 4096;

/// The number of bytes that a writable pipe accepts at once.
const AT_ONCE: usize = 4096;

/// How often to retry if another event is being written to the output.
const CONTENDED: usize = 16;

/// The destination of events.
#[derive(Clone)]
pub enum Journal {
    File(mpsc::Sender<JournalCommand>),
    Output { output: Arc<Mutex<(Output, Seen)>>, reader_gone: Arc<Notify> },
}

/// The outcome of writing an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    New,
    /// The event was written before.
    Duplicate,
}

/// A command to the writer of a file.
pub enum JournalCommand {
    Write(Entry),
    Reopen,
}

pub struct Entry {
    key: Option<String>,
    line: Vec<u8>,
    done: oneshot::Sender<Option<Written>>,
}

/// The error for an event that could not be written. The cause is in the log.
#[derive(Debug)]
pub struct NotWritten;

impl Journal {
    /// Returns a journal that appends to a file, and the thread of its writer, which ends with the last clone of the
    /// journal.
    ///
    /// `window` is the number of keys that are remembered, newest first, to recognise events that are delivered again.
    pub fn file(path: &Path, window: NonZeroUsize) -> io::Result<(Self, JoinHandle<()>)> {
        let mut file = EventFile::open(path)?;
        let mut seen = Seen(LruCache::new(window));
        for key in file.keys()? {
            seen.0.push(key, ());
        }
        let (sender, mut receiver) = mpsc::channel(WAITING);
        let writer = std::thread::Builder::new().name("journal".to_owned()).spawn(move || {
            let (mut commands, mut batch) = (Vec::new(), Vec::new());
            while receiver.blocking_recv_many(&mut commands, WAITING) > 0 {
                for command in commands.drain(..) {
                    match command {
                        JournalCommand::Write(entry) => batch.push(entry),
                        JournalCommand::Reopen => {
                            if let Err(error) = file.follow_name() {
                                tracing::error!(%error, "cannot reopen the file");
                            }
                        }
                    }
                }
                write(&mut file, &mut seen, &mut batch);
            }
        })?;
        Ok((Self::File(sender), writer))
    }

    /// Returns a journal that writes to standard output.
    pub fn output(window: NonZeroUsize) -> io::Result<Self> {
        let reader_gone = Arc::new(Notify::new());
        let output = Output::open(&reader_gone)?;
        Ok(Self::Output { output: Arc::new(Mutex::new((output, Seen(LruCache::new(window))))), reader_gone })
    }

    /// Writes a line, which ends with a newline. Returns once the line is on disk, or in standard output.
    pub async fn write(&self, key: Option<String>, line: Vec<u8>) -> Result<Written, NotWritten> {
        let output = match self {
            Self::File(sender) => {
                let (done, outcome) = oneshot::channel();
                sender.send(JournalCommand::Write(Entry { key, line, done })).await.map_err(|_| NotWritten)?;
                return outcome.await.ok().flatten().ok_or(NotWritten);
            }
            Self::Output { output, .. } => output,
        };
        for _ in 0..CONTENDED {
            if let Ok(mut guard) = output.try_lock() {
                let (output, seen) = &mut *guard;
                if line.len() > AT_ONCE || !output.is_ready() {
                    break;
                }
                return print(output, seen, key.as_deref(), &line);
            }
            tokio::task::yield_now().await;
        }
        // This may block until the program reads, which must not delay other requests.
        let output = Arc::clone(output);
        let write = move || {
            let (output, seen) = &mut *output.lock().unwrap_or_else(PoisonError::into_inner);
            print(output, seen, key.as_deref(), &line)
        };
        tokio::task::spawn_blocking(write).await.map_err(|_| NotWritten)?
    }

    /// Switches to the file that has the name now.
    pub fn reopen(&self) {
        match self {
            // A busy writer checks the name before the next event anyway. If the writer has ended, the program ends.
            Self::File(sender) => drop(sender.try_send(JournalCommand::Reopen)),
            Self::Output { .. } => tracing::info!("there is no file to reopen: events are written to standard output"),
        }
    }

    /// Returns the reason once no more events can be written.
    pub async fn ended(&self) -> &'static str {
        match self {
            Self::File(sender) => {
                sender.closed().await;
                "the writer has ended unexpectedly"
            }
            Self::Output { reader_gone, .. } => {
                reader_gone.notified().await;
                "the program that reads standard output has ended, so no more events can be written"
            }
        }
    }
}

/// The keys of the newest events.
pub struct Seen(LruCache<String, ()>);

impl Seen {
    fn add(&mut self, key: Option<&str>) -> Written {
        match key {
            Some(key) if self.0.get(key).is_some() => Written::Duplicate,
            Some(key) => {
                self.0.push(key.to_owned(), ());
                Written::New
            }
            None => Written::New,
        }
    }

    fn forget(&mut self, key: Option<&str>) {
        if let Some(key) = key {
            self.0.pop(key);
        }
    }
}

fn complain(events: usize, error: &io::Error) {
    tracing::error!(events, %error, "cannot write events; their providers are asked to send them again");
}

fn print(output: &mut Output, seen: &mut Seen, key: Option<&str>, line: &[u8]) -> Result<Written, NotWritten> {
    if seen.add(key) == Written::Duplicate {
        return Ok(Written::Duplicate);
    }
    output.write(line).map_err(|error| {
        complain(1, &error);
        seen.forget(key);
        NotWritten
    })?;
    Ok(Written::New)
}

/// Writes a batch completely or not at all, and reports the outcome to every request.
fn write(file: &mut EventFile, seen: &mut Seen, batch: &mut Vec<Entry>) {
    let mut bytes = Vec::new();
    let outcomes: Vec<Written> = batch
        .iter()
        .map(|entry| {
            let outcome = seen.add(entry.key.as_deref());
            if outcome == Written::New {
                bytes.extend_from_slice(&entry.line);
            }
            outcome
        })
        .collect();
    let written = if bytes.is_empty() { Ok(()) } else { file.append(&bytes) };
    if let Err(error) = &written {
        complain(batch.len(), error);
        let added = batch.iter().zip(&outcomes).filter(|(_, outcome)| **outcome == Written::New);
        added.for_each(|(entry, _)| seen.forget(entry.key.as_deref()));
    }
    for (entry, outcome) in batch.drain(..).zip(outcomes) {
        // If the request does not wait any more, the provider sends the event again, and it is then a duplicate.
        let _ = entry.done.send(written.is_ok().then_some(outcome));
    }
}
