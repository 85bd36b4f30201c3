//! Events on disk, or on standard output, before their providers are told that they have arrived.
//!
//! A file has a thread of its own: what has come in meanwhile goes out in one piece with one `fdatasync`, so that the rate
//! of events does not depend on that of the disk. Standard output is written to by the request that has an event, as long
//! as a program reads it.

use std::io;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use lru::LruCache;
use tokio::sync::{Notify, mpsc, oneshot};

use super::file::EventFile;
use super::output::Output;

/// Events that wait for the writer. As many more requests wait for a place here.
const WAITING: usize = 4096;

/// What a pipe takes at once where it takes anything.
const AT_ONCE: usize = 4096;

/// How often to ask again for an output that another event is being written to.
const CONTENDED: usize = 16;

/// Where events go.
#[derive(Clone)]
pub enum Journal {
    File(mpsc::Sender<Command>),
    Output { output: Arc<Mutex<(Output, Seen)>>, reader_gone: Arc<Notify> },
}

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    New,
    /// It was written before.
    Duplicate,
}

/// What the writer of a file is asked for.
pub enum Command {
    Write(Entry),
    Reopen,
}

pub struct Entry {
    key: Option<String>,
    line: Vec<u8>,
    done: oneshot::Sender<Option<Written>>,
}

/// The log says why.
#[derive(Debug)]
pub struct NotWritten;

impl Journal {
    /// A journal at the end of a file, and its writer, which ends with the last clone of the journal.
    ///
    /// `window` is how many keys are remembered, the newest ones, to find events that come again.
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
                        Command::Write(entry) => batch.push(entry),
                        Command::Reopen => {
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

    /// A journal on standard output.
    pub fn output(window: NonZeroUsize) -> io::Result<Self> {
        let reader_gone = Arc::new(Notify::new());
        let output = Output::open(&reader_gone)?;
        Ok(Self::Output { output: Arc::new(Mutex::new((output, Seen(LruCache::new(window))))), reader_gone })
    }

    /// Writes a line, newline included; returns once it is as safe as it gets.
    pub async fn write(&self, key: Option<String>, line: Vec<u8>) -> Result<Written, NotWritten> {
        let output = match self {
            Self::File(sender) => {
                let (done, outcome) = oneshot::channel();
                sender.send(Command::Write(Entry { key, line, done })).await.map_err(|_| NotWritten)?;
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
        // It may take until the program reads, which must not keep other requests from being served.
        let output = Arc::clone(output);
        let write = move || {
            let (output, seen) = &mut *output.lock().unwrap_or_else(PoisonError::into_inner);
            print(output, seen, key.as_deref(), &line)
        };
        tokio::task::spawn_blocking(write).await.map_err(|_| NotWritten)?
    }

    /// Goes on in the file that has the name now.
    pub fn reopen(&self) {
        match self {
            // Where it has no time, or has ended, it looks before the next event, or the program ends.
            Self::File(sender) => drop(sender.try_send(Command::Reopen)),
            Self::Output { .. } => tracing::info!("there is no file to reopen: events go to standard output"),
        }
    }

    /// Returns once nothing can be written any more.
    pub async fn ended(&self) -> &'static str {
        match self {
            Self::File(sender) => {
                sender.closed().await;
                "the writer has ended unexpectedly"
            }
            Self::Output { reader_gone, .. } => {
                reader_gone.notified().await;
                "the program that reads standard output has ended, so that no event can be kept any more"
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
    tracing::error!(events, %error, "cannot write; the provider is asked to send again");
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

/// Writes a batch as a whole or not at all, and reports to every request.
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
        // A provider whose request does not wait any more sends again, and the event is then a duplicate.
        let _ = entry.done.send(written.is_ok().then_some(outcome));
    }
}
