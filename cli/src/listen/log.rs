//! The log on standard error. A line that cannot be written is dropped and counted: the log never holds up or fails a
//! request or a thread.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use anstream::{AutoStream, ColorChoice};
use clap::ValueEnum;
use tracing_subscriber::fmt::MakeWriter;

use super::output::WholeLines;

/// Lines that wait for standard error to take them.
const WAITING: usize = 4096;

/// How long the end of the program waits for them.
const FLUSH: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, ValueEnum)]
pub enum Format {
    /// Lines to read
    Human,
    /// One JSON object per line
    Json,
}

/// How many lines were dropped.
#[derive(Clone, Default)]
pub struct Dropped(Arc<AtomicU64>);

impl Dropped {
    pub fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Gives the lines that wait a moment to be written when it is dropped.
pub struct Flush(SyncSender<Message>);

impl Drop for Flush {
    fn drop(&mut self) {
        let (done, written) = sync_channel(1);
        if self.0.try_send(Message::Flush(done)).is_ok() {
            let _ = written.recv_timeout(FLUSH);
        }
    }
}

enum Message {
    Line(Vec<u8>),
    Flush(SyncSender<()>),
}

/// Starts the log.
pub fn start(format: Format) -> io::Result<(Flush, Dropped)> {
    let (sender, messages) = sync_channel(WAITING);
    let dropped = Dropped::default();
    let failed = dropped.clone();
    std::thread::Builder::new().name("log".to_owned()).spawn(move || write(&messages, &failed))?;
    let writer = Writer { sender: sender.clone(), dropped: dropped.clone() };
    let log = tracing_subscriber::fmt().with_writer(writer).with_target(false).log_internal_errors(false);
    match format {
        Format::Human => log.with_ansi(AutoStream::choice(&io::stderr()) != ColorChoice::Never).init(),
        Format::Json => log.json().flatten_event(true).init(),
    }
    Ok((Flush(sender), dropped))
}

fn write(messages: &Receiver<Message>, failed: &Dropped) {
    let mut output = WholeLines::new(io::stderr());
    for message in messages {
        match message {
            Message::Line(line) => {
                if output.write(&line).is_err() {
                    failed.add();
                }
            }
            Message::Flush(done) => drop(done.try_send(())),
        }
    }
}

/// Takes whole lines, and never waits.
#[derive(Clone)]
struct Writer {
    sender: SyncSender<Message>,
    dropped: Dropped,
}

impl<'a> MakeWriter<'a> for Writer {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Write for Writer {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.sender.try_send(Message::Line(line.to_vec())).is_err() {
            self.dropped.add();
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
