//! Sends stored events to a program, for development. The events are read from the file in which they are stored, so that nothing
//! is lost while the program does not run.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
use std::time::Duration;

use http::StatusCode;
use jiff::Timestamp;
use tokio::sync::oneshot;

use super::log::LineWriter;
use super::sink::{beside, private};
use crate::outgoing::{Recipient, Sent, Signing};
use crate::report::Plain;
use crate::source::{Begin, FileSource, Position, StoredEvent};
use crate::stop::Stop;
use crate::{help, input};

/// How long to wait after the first attempt; it is doubled after each further one.
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// How often an event is sent if the program responds that it could not handle it. Without a response, there is no limit.
const ATTEMPTS: u32 = 10;

/// Where and how events are forwarded.
pub struct ForwardSettings {
    pub url: String,
    /// Whether the URL may be one of another machine.
    pub anywhere: bool,
    /// The file of the secret with which events are signed anew.
    pub secret_file: Option<PathBuf>,
    /// The file in which the events are stored.
    pub events: PathBuf,
}

/// Forwards events until it is dropped.
pub struct Forwarding {
    /// Ends the thread when it is dropped.
    over: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

struct Forwarder {
    recipient: Recipient,
    source: FileSource,
    cursor: PathBuf,
    terminal: Option<LineWriter>,
}

impl ForwardSettings {
    /// The file with the position of the last event that was sent.
    fn cursor(&self) -> PathBuf {
        beside(&self.events, ".cursor")
    }

    /// Checks whether forwarding could be started, and changes nothing.
    pub fn check(&self) -> Result<(), Stop> {
        recipient(self)?;
        read(&self.cursor()).map(drop)
    }
}

impl Forwarding {
    /// Begins with the first event that was not forwarded the last time, or else with the next one that is stored.
    pub fn start(settings: &ForwardSettings, terminal: Option<LineWriter>) -> Result<Self, Stop> {
        let recipient = recipient(settings)?;
        let cursor = settings.cursor();
        let begin = read(&cursor)?.map_or(Begin::New, Begin::After);
        let source = FileSource::open(settings.events.clone(), begin, |message| tracing::warn!("{message}"))?;
        let forwarder = Forwarder { recipient, source, cursor, terminal };
        // From now on, no event is left out.
        forwarder.save().map_err(|error| Stop::Input(format!("{}: {error}", forwarder.cursor.display())))?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (over, is_over) = oneshot::channel::<()>();
        let thread = std::thread::Builder::new().name("forward".to_owned()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    _ = is_over => {}
                    () = forwarder.run() => {}
                }
            });
        })?;
        Ok(Self { over: Some(over), thread: Some(thread) })
    }
}

/// Where events are sent.
fn recipient(settings: &ForwardSettings) -> Result<Recipient, Stop> {
    let secret = settings.secret_file.as_deref().map(input::secret).transpose()?;
    let signing = secret.map(|secret| Signing { secret, name: None });
    let recipient = Recipient::new("--forward-to", &settings.url, None, signing)?;
    if !settings.anywhere && !recipient.is_loopback() {
        return Err(Stop::Usage(format!(
            "--forward-to: {} is not this machine; --forward-anywhere allows it",
            Plain(&recipient.shown())
        )));
    }
    Ok(recipient)
}

impl Drop for Forwarding {
    fn drop(&mut self) {
        drop(self.over.take());
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

impl Forwarder {
    async fn run(mut self) {
        loop {
            match self.source.next() {
                Ok(Some(event)) => {
                    self.forward(&event).await;
                    if let Err(error) = self.save() {
                        tracing::error!(file = %self.cursor.display(), %error, "cannot store how far events were forwarded");
                    }
                }
                Ok(None) => self.source.wait().await,
                Err(stop) => {
                    tracing::error!(error = stop.message(), "no more events are forwarded");
                    return;
                }
            }
        }
    }

    /// Sends an event until it is accepted or refused.
    async fn forward(&self, event: &StoredEvent) {
        let (mut wait, mut answered) = (FIRST_WAIT, 0);
        loop {
            let sent = match self.recipient.send(event, false).await {
                Ok(sent) => sent,
                Err(why) => {
                    tracing::error!(event = event.event, place = %event.place, why, "an event cannot be forwarded");
                    return;
                }
            };
            answered += u32::from(sent.answer.is_ok());
            let retry_in = Some(wait).filter(|_| is_temporary(&sent) && answered < ATTEMPTS);
            self.show(event, &sent, retry_in);
            let Some(retry_in) = retry_in else { return };
            tokio::time::sleep(retry_in).await;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }

    fn show(&self, event: &StoredEvent, sent: &Sent, retry_in: Option<Duration>) {
        let name = event.event.as_deref().unwrap_or("-");
        let milliseconds = sent.after.as_millis() as u64;
        let status = sent.answer.as_ref().map(StatusCode::as_u16);
        if let Some(terminal) = &self.terminal {
            let time = Timestamp::now().strftime("%H:%M:%SZ");
            let result = match status {
                Ok(status) => status.to_string(),
                Err(why) => Plain(why).to_string(),
            };
            let retry = retry_in.map(|wait| format!("; again in {:.1} s", wait.as_secs_f64())).unwrap_or_default();
            let line = format!("{time}  forwarded  {}  {result}  {milliseconds} ms{retry}", Plain(name));
            let mut line: String = line.chars().take(help::width()).collect();
            line.push('\n');
            terminal.show(line.as_bytes());
            return;
        }
        let retry_in = retry_in.map(|wait| wait.as_secs_f64());
        match status {
            Ok(status) if sent.is_accepted() => tracing::info!(event = name, status, milliseconds, "forwarded"),
            Ok(status) => {
                tracing::warn!(event = name, status, milliseconds, retry_in, "not accepted where it was forwarded")
            }
            Err(why) => tracing::warn!(event = name, why, milliseconds, retry_in, "cannot be forwarded"),
        }
    }

    /// Stores the position after the last event.
    fn save(&self) -> io::Result<()> {
        let new = beside(&self.cursor, ".tmp");
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        private(&mut options);
        // One that a crash left behind may have other rights.
        drop(fs::remove_file(&new));
        options.open(&new)?.write_all(&serde_json::to_vec(&self.source.position())?)?;
        fs::rename(new, &self.cursor)
    }
}

/// Whether the program may accept the event later.
fn is_temporary(sent: &Sent) -> bool {
    match &sent.answer {
        Ok(status) => {
            status.is_server_error() || matches!(*status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS)
        }
        Err(_) => true,
    }
}

/// The position that was stored; `None` if there is none.
fn read(cursor: &Path) -> Result<Option<Position>, Stop> {
    let unusable = |why: &dyn std::fmt::Display| Stop::Input(format!("{}: {why}", cursor.display()));
    match fs::read(cursor) {
        Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|_| {
            unusable(&"this is not the position of --forward-to; remove the file to begin with new events")
        }),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unusable(&error)),
    }
}
