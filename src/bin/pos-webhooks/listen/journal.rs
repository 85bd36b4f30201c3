//! Events on disk, or on standard output, before their providers are told that they have arrived.
//!
//! A file has a thread of its own: what has come in meanwhile goes out in one piece with one `fdatasync`, so that the rate
//! of events does not depend on that of the disk. Standard output is written to by whoever has an event, as long as
//! somebody reads it.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use lru::LruCache;
use serde::Deserialize;
use tokio::sync::{mpsc, oneshot};

/// Events that wait for the writer. As many more requests wait for a place here.
const WAITING: usize = 4096;

/// How many bytes of a journal's end are searched for the keys of events that may come again.
const REMEMBERED_BYTES: u64 = 64 << 20;

/// What a pipe takes at once where it takes anything.
const AT_ONCE: usize = 4096;

/// How often to ask again for an output that another event is being written to.
const CONTENDED: usize = 16;

/// Where events go.
#[derive(Clone)]
pub enum Journal {
    File(mpsc::Sender<Entry>),
    Output(Arc<Mutex<Output>>),
}

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    New,
    /// It was written before.
    Duplicate,
}

pub struct Entry {
    key: Option<String>,
    line: Vec<u8>,
    done: oneshot::Sender<Option<Written>>,
}

/// It has said why.
#[derive(Debug)]
pub struct NotWritten;

impl Journal {
    /// A journal at the end of a file, and its writer, which ends with the last clone of the journal.
    ///
    /// `window` is how many keys are remembered, the newest ones, to find events that come again.
    pub fn file(mut file: Safe, window: NonZeroUsize) -> io::Result<(Self, JoinHandle<()>)> {
        let mut seen = Seen(LruCache::new(window));
        for key in file.keys()? {
            seen.0.push(key, ());
        }
        let (sender, mut receiver) = mpsc::channel(WAITING);
        let writer = std::thread::Builder::new().name("journal".to_owned()).spawn(move || {
            let mut batch = Vec::new();
            while receiver.blocking_recv_many(&mut batch, WAITING) > 0 {
                write(&mut file, &mut seen, &mut batch);
            }
        })?;
        Ok((Self::File(sender), writer))
    }

    /// A journal on standard output.
    pub fn output(window: NonZeroUsize) -> Self {
        Self::Output(Arc::new(Mutex::new(Output { output: io::stdout(), seen: Seen(LruCache::new(window)) })))
    }

    /// Writes a line, newline included; returns once it is as safe as it gets.
    pub async fn write(&self, key: Option<String>, line: Vec<u8>) -> Result<Written, NotWritten> {
        let output = match self {
            Self::File(sender) => {
                let (done, outcome) = oneshot::channel();
                sender.send(Entry { key, line, done }).await.map_err(|_| NotWritten)?;
                return outcome.await.ok().flatten().ok_or(NotWritten);
            }
            Self::Output(output) => output,
        };
        for _ in 0..CONTENDED {
            if let Ok(mut output) = output.try_lock() {
                if line.len() > AT_ONCE || !output.is_ready() {
                    break;
                }
                return output.write(key.as_deref(), &line);
            }
            tokio::task::yield_now().await;
        }
        // It may take until somebody reads, which must keep nobody else from being served.
        let output = Arc::clone(output);
        let write = move || output.lock().unwrap_or_else(PoisonError::into_inner).write(key.as_deref(), &line);
        tokio::task::spawn_blocking(write).await.map_err(|_| NotWritten)?
    }
}

/// The keys of the newest events.
struct Seen(LruCache<String, ()>);

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

pub struct Output {
    output: io::Stdout,
    seen: Seen,
}

impl Output {
    /// Whether a short line can be written without waiting.
    #[cfg(unix)]
    fn is_ready(&self) -> bool {
        use rustix::event::{PollFd, PollFlags, Timespec, poll};
        let mut output = [PollFd::new(&self.output, PollFlags::OUT)];
        matches!(poll(&mut output, Some(&Timespec::default())), Ok(1))
    }

    #[cfg(not(unix))]
    fn is_ready(&self) -> bool {
        false
    }

    fn write(&mut self, key: Option<&str>, line: &[u8]) -> Result<Written, NotWritten> {
        if self.seen.add(key) == Written::Duplicate {
            return Ok(Written::Duplicate);
        }
        self.output.write_all(line).and_then(|()| self.output.flush()).map_err(|error| {
            complain(1, &error);
            self.seen.forget(key);
            NotWritten
        })?;
        Ok(Written::New)
    }
}

/// Writes a batch as a whole or not at all, and tells everyone.
fn write(file: &mut Safe, seen: &mut Seen, batch: &mut Vec<Entry>) {
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
        // Who does not wait any more was told to send again, and will be told that it is a duplicate.
        let _ = entry.done.send(written.is_ok().then_some(outcome));
    }
}

/// A file of whole lines, each of them on disk.
pub struct Safe {
    path: PathBuf,
    file: File,
    /// Up to here everything is on disk.
    length: u64,
    /// Something that nobody was told about may stand behind it.
    torn: bool,
}

impl Safe {
    /// Opens a journal, or begins one. The end of a line that was not completed is removed: no provider was told that it
    /// had arrived.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
        #[cfg(unix)]
        rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive).map_err(
            |error| match error {
                rustix::io::Errno::WOULDBLOCK => io::Error::other("another process writes to it"),
                error => error.into(),
            },
        )?;
        if !file.metadata()?.is_file() {
            return Err(io::Error::other("it is not a file, so that nothing could be safe in it"));
        }
        // The name as well has to outlive a power failure.
        #[cfg(unix)]
        if let Some(folder) = path.canonicalize()?.parent() {
            File::open(folder)?.sync_all()?;
        }
        let whole = end_of_last_line(&file)?;
        let mut safe = Self { path: path.to_owned(), length: whole, torn: file.metadata()?.len() > whole, file };
        if safe.torn {
            tracing::warn!(file = %path.display(), "removing the beginning of a line that was never completed");
            safe.repair()?;
        }
        safe.file.sync_data()?;
        Ok(safe)
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.repair()?;
        self.torn = true;
        let written = self.file.write_all(bytes).and_then(|()| self.file.sync_data());
        if written.is_ok() {
            self.length += bytes.len() as u64;
            self.torn = false;
        } else {
            // The next event tries again.
            let _ = self.repair();
        }
        written
    }

    fn repair(&mut self) -> io::Result<()> {
        if self.torn {
            self.file.set_len(self.length)?;
            self.file.sync_data()?;
            self.torn = false;
        }
        Ok(())
    }

    fn keys(&mut self) -> io::Result<Vec<String>> {
        #[derive(Deserialize)]
        struct Line {
            idempotency_key: Option<String>,
        }
        let mut file = &self.file;
        let start = self.length.saturating_sub(REMEMBERED_BYTES);
        file.seek(SeekFrom::Start(start))?;
        let lines = BufReader::new(file).take(self.length - start).split(b'\n');
        let mut keys = Vec::new();
        let mut foreign = 0_usize;
        // What stands at the start may be the rest of a line.
        for line in lines.skip(usize::from(start > 0)) {
            match serde_json::from_slice::<Line>(&line?) {
                Ok(line) => keys.extend(line.idempotency_key),
                Err(_) => foreign += 1,
            }
        }
        if foreign > 0 {
            tracing::warn!(file = %self.path.display(), lines = foreign, "some lines are no events");
        }
        Ok(keys)
    }
}

/// How long the part of a file is that consists of whole lines.
fn end_of_last_line(mut file: &File) -> io::Result<u64> {
    const STEP: u64 = 64 << 10;
    let mut end = file.metadata()?.len();
    let mut bytes = Vec::new();
    while end > 0 {
        let start = end.saturating_sub(STEP);
        file.seek(SeekFrom::Start(start))?;
        bytes.clear();
        file.take(end - start).read_to_end(&mut bytes)?;
        if let Some(place) = bytes.iter().rposition(|byte| *byte == b'\n') {
            return Ok(start + place as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}
