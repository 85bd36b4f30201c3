//! The log on standard error. A line that cannot be written is dropped and counted: the log never holds up or fails a
//! request or a thread.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anstream::{AutoStream, ColorChoice};
use clap::ValueEnum;
use tracing_appender::non_blocking::{ErrorCounter, NonBlockingBuilder, WorkerGuard};

/// Lines that wait for standard error to take them.
const WAITING: usize = 4096;

#[derive(Clone, Copy, ValueEnum)]
pub enum Format {
    /// Lines to read
    Human,
    /// One JSON object per line
    Json,
}

/// How many lines were dropped.
#[derive(Clone)]
pub struct Dropped {
    waited: ErrorCounter,
    failed: Arc<AtomicU64>,
}

impl Dropped {
    pub fn count(&self) -> u64 {
        self.waited.dropped_lines() as u64 + self.failed.load(Ordering::Relaxed)
    }
}

/// Starts the log. What waits is written when the guard is dropped, as far as standard error takes it by then.
pub fn start(format: Format) -> (WorkerGuard, Dropped) {
    let failed = Arc::new(AtomicU64::new(0));
    let builder = NonBlockingBuilder::default().lossy(true).buffered_lines_limit(WAITING).thread_name("log");
    let (writer, guard) = builder.finish(StandardError { failed: Arc::clone(&failed) });
    let dropped = Dropped { waited: writer.error_counter(), failed };
    let log = tracing_subscriber::fmt().with_writer(writer).with_target(false).log_internal_errors(false);
    match format {
        Format::Human => log.with_ansi(AutoStream::choice(&io::stderr()) != ColorChoice::Never).init(),
        Format::Json => log.json().flatten_event(true).init(),
    }
    (guard, dropped)
}

struct StandardError {
    failed: Arc<AtomicU64>,
}

impl Write for StandardError {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if io::stderr().write_all(line).is_err() {
            self.failed.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
