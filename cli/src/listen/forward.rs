//! Sends stored events to a program, for development. The events are read from where they are stored, so that nothing is lost while
//! the program does not run.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
use std::time::Duration;

use http::StatusCode;
use jiff::Timestamp;
use pos_webhooks::Secret;
use reqwest::Url;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::log::LineWriter;
use super::plan::{PathPattern, Plan};
use super::sink::{SinkSettings, beside, private};
use crate::outgoing::{Recipient, Sent, Signing};
use crate::report::Plain;
use crate::source::{Begin, Filter, Position, Reading, Source, StoredEvent};
use crate::stop::Stop;
use crate::{help, input};

/// How long to wait after the first attempt; it is doubled after each further one.
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// How often an event is sent if the program responds that it could not handle it. Without a response, there is no limit.
const ATTEMPTS: u32 = 10;

/// The options about forwarding.
pub struct ForwardOptions<'a> {
    pub url: &'a str,
    /// Whether the URL may be one of another machine.
    pub anywhere: bool,
    /// The file of the secret with which events are signed anew, unless their route has its own.
    pub secret_file: Option<&'a Path>,
    /// The configuration, beside which positions are stored that have no file of events.
    pub config: Option<&'a Path>,
}

/// What is forwarded, and where.
pub struct ForwardPlan {
    sinks: Vec<ForwardedSink>,
    /// What its user may not expect.
    pub warnings: Vec<String>,
}

/// A sink whose events are forwarded.
struct ForwardedSink {
    settings: SinkSettings,
    /// The file with the position of the last event that was forwarded.
    cursor: PathBuf,
    /// Where the events of each route are sent.
    recipients: BTreeMap<String, Recipient>,
}

/// Forwards events until it is dropped.
pub struct Forwarding {
    /// Ends the thread when it is dropped.
    over: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

struct Forwarder {
    recipients: BTreeMap<String, Recipient>,
    source: Source,
    cursor: PathBuf,
    terminal: Option<LineWriter>,
}

impl ForwardPlan {
    pub fn new(options: &ForwardOptions<'_>, plan: &Plan) -> Result<Self, Stop> {
        let secret = options.secret_file.map(input::secret).transpose()?;
        let (mut sinks, mut warnings) = (Vec::new(), Vec::new());
        for sink in &plan.sinks {
            let routes: Vec<_> = plan.routes.iter().filter(|route| route.sink == sink.name).collect();
            let file = match &sink.settings {
                SinkSettings::File(file) => Some(&file.path),
                _ => None,
            };
            let cursor = match (file, options.config) {
                (Some(file), _) => Some(beside(file, ".cursor")),
                _ if matches!(sink.settings, SinkSettings::Output { .. }) => None,
                (None, config) => config.map(|config| beside(config, &format!(".{}.cursor", sink.name))),
            };
            let Some(cursor) = cursor else {
                let names: Vec<_> = routes.iter().map(|route| route.name.as_str()).collect();
                let names = names.join(", ");
                warnings
                    .push(format!("events of {names} are not forwarded: they are not stored where they can be read"));
                continue;
            };
            let mut recipients = BTreeMap::new();
            for route in routes {
                let secret: Option<&Secret> = route.forward_secret.as_ref().or(secret.as_ref());
                let signing = secret.map(|secret| Signing { secret: secret.clone(), name: None });
                let recipient = Recipient::new("--forward-to", &of_route(options.url, &route.path), None, signing)?;
                if !options.anywhere && !recipient.is_loopback() {
                    return Err(Stop::Usage(format!(
                        "--forward-to: {} is not this machine; --forward-anywhere allows it",
                        Plain(&recipient.shown())
                    )));
                }
                recipients.insert(route.name.clone(), recipient);
            }
            if !recipients.is_empty() {
                sinks.push(ForwardedSink { settings: sink.settings.clone(), cursor, recipients });
            }
        }
        if sinks.is_empty() {
            return Err(Stop::Usage(
                "--forward-to: the events are in standard output only; give --append FILE, or a sink of another type"
                    .to_owned(),
            ));
        }
        Ok(Self { sinks, warnings })
    }

    /// Checks whether forwarding could be started, and changes nothing.
    pub fn check(&self) -> Result<(), Stop> {
        self.sinks.iter().try_for_each(|sink| read(&sink.cursor).map(drop))
    }

    /// What is forwarded where, one route on each line.
    pub fn lines(&self) -> Vec<String> {
        let routes = self.sinks.iter().flat_map(|sink| &sink.recipients);
        let line = |(route, recipient): (&String, &Recipient)| {
            let signed = if recipient.signs() { "signed anew" } else { "without a signature" };
            format!("{route}: to {}, {signed}", Plain(&recipient.shown()))
        };
        routes.map(line).collect()
    }
}

/// The URL with the path of a route: a program under development has the paths of the configuration.
fn of_route(url: &str, path: &PathPattern) -> String {
    let (Ok(mut url), PathPattern::Exact(path) | PathPattern::Segment(path)) = (Url::parse(url), path) else {
        return url.to_owned();
    };
    let path = format!("{}{}", url.path().trim_end_matches('/'), path.trim_end_matches('/'));
    url.set_path(&path);
    url.into()
}

impl Forwarding {
    /// Begins with the first event that was not forwarded the last time, or else with the next one that is stored.
    pub fn start(plan: ForwardPlan, terminal: Option<&LineWriter>) -> Result<Self, Stop> {
        plan.warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let mut forwarders = Vec::new();
        for sink in plan.sinks {
            forwarders.push(runtime.block_on(Forwarder::open(sink, terminal.cloned()))?);
        }
        let (over, is_over) = oneshot::channel::<()>();
        let thread = std::thread::Builder::new().name("forward".to_owned()).spawn(move || {
            runtime.block_on(async {
                let mut running: JoinSet<()> = forwarders.into_iter().map(Forwarder::run).collect();
                tokio::select! {
                    _ = is_over => {}
                    () = async { while running.join_next().await.is_some() {} } => {}
                }
            });
        })?;
        Ok(Self { over: Some(over), thread: Some(thread) })
    }
}

impl Drop for Forwarding {
    fn drop(&mut self) {
        drop(self.over.take());
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

impl Forwarder {
    async fn open(sink: ForwardedSink, terminal: Option<LineWriter>) -> Result<Self, Stop> {
        let ForwardedSink { settings, cursor, recipients } = sink;
        let reading = Reading {
            begin: read(&cursor)?.map_or(Begin::New, |position| Begin::After { position, file: cursor.clone() }),
            filter: Filter::of_routes(recipients.keys().map(String::as_str)),
            is_patient: true,
            warn: |message| tracing::warn!("{message}"),
        };
        let source = Source::open(settings, reading).await?;
        let forwarder = Self { recipients, source, cursor, terminal };
        // From now on, no event is left out.
        forwarder.save().map_err(|error| Stop::Input(format!("{}: {error}", forwarder.cursor.display())))?;
        Ok(forwarder)
    }

    async fn run(mut self) {
        loop {
            match self.source.next().await {
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
        let Some(recipient) = self.recipients.get(&event.route) else { return };
        let (mut wait, mut answered) = (FIRST_WAIT, 0);
        loop {
            let sent = match recipient.send(event, false).await {
                Ok(sent) => sent,
                Err(why) => {
                    let (route, place) = (&event.route, &event.place);
                    tracing::error!(route, event = event.event, %place, why, "an event cannot be forwarded");
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
        let (route, name) = (&event.route, event.event.as_deref().unwrap_or("-"));
        let milliseconds = sent.after.as_millis() as u64;
        let status = sent.answer.as_ref().map(StatusCode::as_u16);
        if let Some(terminal) = &self.terminal {
            let time = Timestamp::now().strftime("%H:%M:%SZ");
            let result = match status {
                Ok(status) => status.to_string(),
                Err(why) => Plain(why).to_string(),
            };
            let retry = retry_in.map(|wait| format!("; again in {:.1} s", wait.as_secs_f64())).unwrap_or_default();
            let of_route = Some(route).filter(|route| **route != event.provider);
            let of_route = of_route.map(|route| format!("{}  ", Plain(route))).unwrap_or_default();
            let line = format!("{time}  forwarded  {of_route}{}  {result}  {milliseconds} ms{retry}", Plain(name));
            let mut line: String = line.chars().take(help::width()).collect();
            line.push('\n');
            terminal.show(line.as_bytes());
            return;
        }
        let retry_in = retry_in.map(|wait| wait.as_secs_f64());
        match status {
            Ok(status) if sent.is_accepted() => tracing::info!(route, event = name, status, milliseconds, "forwarded"),
            Ok(status) => {
                tracing::warn!(
                    route,
                    event = name,
                    status,
                    milliseconds,
                    retry_in,
                    "not accepted where it was forwarded"
                )
            }
            Err(why) => tracing::warn!(route, event = name, why, milliseconds, retry_in, "cannot be forwarded"),
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
