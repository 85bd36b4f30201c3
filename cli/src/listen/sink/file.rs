//! Appends events to a file. One thread writes all waiting events at once with one `fdatasync`, so that the rate of events is
//! not limited by the rate of flushes.

use std::io;
use std::sync::{Arc, Mutex};

use tokio::sync::{mpsc, oneshot};

use super::event_file::{EventFile, FileSettings};
use super::seen::Seen;
use super::{HasEnded, NotWritten, Writer, Written, complain};
use crate::listen::metrics::SinkMetrics;

/// The number of events that can wait for the writer. Further requests wait for a free place.
const WAITING: usize = 4096;

#[derive(Clone)]
pub struct FileSink {
    commands: mpsc::Sender<Command>,
    thread: Arc<Mutex<Option<std::thread::JoinHandle<()>>>>,
}

/// A command to the writer.
enum Command {
    Write(Entry),
    Reopen,
    Change(FileSettings),
}

struct Entry {
    key: Option<String>,
    line: Vec<u8>,
    done: oneshot::Sender<Option<Written>>,
}

impl FileSink {
    /// Opens the file, and starts its writer, which ends with the last clone of the sink.
    pub fn open(settings: &FileSettings, metrics: SinkMetrics, ended: HasEnded) -> io::Result<Self> {
        let mut file = EventFile::open(settings)?;
        let mut seen = Seen::new(settings.window);
        for key in file.keys()? {
            seen.add(Some(&key));
        }
        let (commands, mut receiver) = mpsc::channel(WAITING);
        let writer = std::thread::Builder::new().name("file".to_owned()).spawn(move || {
            let _reported = ReportPanic(ended);
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
                        Command::Change(settings) => {
                            seen.resize(settings.window);
                            file.change(settings);
                        }
                    }
                }
                metrics.batch(batch.len(), receiver.len());
                write(&mut file, &mut seen, &mut batch);
            }
        })?;
        Ok(Self { commands, thread: Arc::new(Mutex::new(Some(writer))) })
    }

    /// Writes a line. Returns once it is on disk.
    pub async fn write(&self, key: Option<String>, line: Vec<u8>) -> Result<Written, NotWritten> {
        let (done, outcome) = oneshot::channel();
        self.commands.send(Command::Write(Entry { key, line, done })).await.map_err(|_| NotWritten)?;
        outcome.await.ok().flatten().ok_or(NotWritten)
    }

    pub fn reopen(&self) {
        // A busy writer checks the name before the next event anyway. If the writer has ended, the program ends.
        drop(self.commands.try_send(Command::Reopen));
    }

    pub fn change(&self, settings: &FileSettings) {
        let (commands, settings) = (self.commands.clone(), settings.clone());
        tokio::spawn(async move { commands.send(Command::Change(settings)).await });
    }

    pub fn writer(&self) -> Writer {
        Writer(Arc::clone(&self.thread))
    }
}

/// Reports that the thread of a sink has ended unexpectedly.
pub struct ReportPanic(pub HasEnded);

impl Drop for ReportPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let _ = self.0.send("the thread of a sink has ended unexpectedly");
        }
    }
}

/// Writes a batch completely or not at all, and reports the outcome to every request.
fn write(file: &mut EventFile, seen: &mut Seen, batch: &mut Vec<Entry>) {
    let outcomes: Vec<Written> = batch.iter().map(|entry| seen.add(entry.key.as_deref())).collect();
    let new = batch.iter().zip(&outcomes).filter(|(_, outcome)| **outcome == Written::New);
    let lines: Vec<&[u8]> = new.map(|(entry, _)| entry.line.as_slice()).collect();
    let written = if lines.is_empty() { Ok(()) } else { file.append(&lines) };
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
