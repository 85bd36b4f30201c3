//! Signals of the operating system.

use std::io;

use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// What a signal asks for.
pub enum Signal {
    End,
    #[cfg(unix)]
    Reload,
}

#[cfg(unix)]
pub struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
    hang_up: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    pub fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        // Writing beyond the limit of the file size should fail like a full disk, and not end the program.
        drop(signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw()))?);
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for a signal that asks to end. Others are kept.
    async fn end(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    pub async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.terminate.recv() => Signal::End,
            _ = self.interrupt.recv() => Signal::End,
            _ = self.hang_up.recv() => Signal::Reload,
        }
    }
}

#[cfg(not(unix))]
pub struct Signals;

#[cfg(not(unix))]
impl Signals {
    pub fn new() -> io::Result<Self> {
        Ok(Self)
    }

    async fn end(&mut self) {
        let _ = tokio::signal::ctrl_c().await;
    }

    pub async fn next(&mut self) -> Signal {
        self.end().await;
        Signal::End
    }
}

/// Ends the process if a signal asks for that during the start, which can take long. Nothing is acknowledged before its end.
pub struct Starting {
    over: oneshot::Sender<()>,
    signals: JoinHandle<Signals>,
}

impl Starting {
    pub fn new(runtime: &Runtime) -> io::Result<Self> {
        let mut signals = runtime.block_on(async { Signals::new() })?;
        let (over, is_over) = oneshot::channel::<()>();
        let signals = runtime.spawn(async move {
            tokio::select! {
                () = signals.end() => std::process::exit(0),
                _ = is_over => signals,
            }
        });
        Ok(Self { over, signals })
    }

    /// The signals from the start on, including those that did not ask to end.
    pub async fn over(self) -> io::Result<Signals> {
        drop(self.over);
        self.signals.await.map_err(io::Error::other)
    }
}
