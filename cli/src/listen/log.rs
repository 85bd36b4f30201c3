//! The log on standard error, and lines beside the events. A line that cannot be written is dropped and counted, so that the log never blocks a
//! request or a thread, and never makes one fail.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use anstream::{AutoStream, ColorChoice};
use clap::ValueEnum;
use tracing::Level;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use super::sink::WholeLines;

/// The number of lines that can wait for standard error or a terminal.
pub const WAITING: usize = 4096;

/// How long the program waits for these lines before it ends.
const FLUSH: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Text for people
    Human,
    /// One JSON object per line
    Json,
}

/// The number of dropped lines.
#[derive(Clone, Default)]
pub struct Dropped(Arc<AtomicU64>);

impl Dropped {
    pub fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// When this value is dropped, waiting lines get some time to be written.
pub struct Flush(SyncSender<ToWriter>);

impl Drop for Flush {
    fn drop(&mut self) {
        let (done, written) = sync_channel(1);
        if self.0.try_send(ToWriter::Flush(done)).is_ok() {
            let _ = written.recv_timeout(FLUSH);
        }
    }
}

enum ToWriter {
    Line(Vec<u8>),
    Flush(SyncSender<()>),
}

/// Starts the log, with the lines of this level and of more important ones.
pub fn start(format: LogFormat, level: Level) -> io::Result<(Flush, Dropped)> {
    let (writer, flush) = LineWriter::start("log", WAITING, io::stderr())?;
    let dropped = writer.dropped.clone();
    let log = tracing_subscriber::fmt().with_writer(writer).with_target(false).log_internal_errors(false);
    let log = log.with_max_level(level);
    // The library reports each attempt to connect, and the sink reports what matters of them.
    let only = Targets::new().with_default(level).with_target("async_nats", LevelFilter::OFF);
    match format {
        LogFormat::Human => {
            log.with_ansi(AutoStream::choice(&io::stderr()) != ColorChoice::Never).finish().with(only).init()
        }
        LogFormat::Json => log.json().flatten_event(true).finish().with(only).init(),
    }
    Ok((flush, dropped))
}

fn write(messages: &Receiver<ToWriter>, output: impl Write, failed: &Dropped) {
    let mut output = WholeLines::new(output);
    for message in messages {
        match message {
            ToWriter::Line(line) => {
                if output.write(&line).is_err() {
                    failed.add();
                }
            }
            ToWriter::Flush(done) => drop(done.try_send(())),
        }
    }
}

/// Accepts whole lines, and never blocks.
#[derive(Clone)]
pub struct LineWriter {
    sender: SyncSender<ToWriter>,
    dropped: Dropped,
}

impl LineWriter {
    /// Starts the thread that writes to the output, for which this number of lines can wait.
    pub fn start(thread: &str, waiting: usize, output: impl Write + Send + 'static) -> io::Result<(Self, Flush)> {
        let (sender, messages) = sync_channel(waiting);
        let dropped = Dropped::default();
        let failed = dropped.clone();
        std::thread::Builder::new().name(thread.to_owned()).spawn(move || write(&messages, output, &failed))?;
        Ok((Self { sender: sender.clone(), dropped }, Flush(sender)))
    }

    /// The number of lines that were dropped.
    pub fn dropped(&self) -> &Dropped {
        &self.dropped
    }

    /// Writes a line, or drops it.
    pub fn show(&self, line: &[u8]) {
        if self.sender.try_send(ToWriter::Line(line.to_vec())).is_err() {
            self.dropped.add();
        }
    }
}

impl<'a> MakeWriter<'a> for LineWriter {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Write for LineWriter {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.show(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
