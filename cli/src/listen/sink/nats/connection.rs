//! Keeps a connection to a stream.

use std::error::Error as _;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_nats::client::Request;
use async_nats::jetstream::stream::Info;
use async_nats::{Client, ConnectError, ConnectErrorKind, ConnectOptions, Event, HeaderMap, ServerAddr, ServerError};
use tokio::sync::{Notify, oneshot, watch};
use tokio::time::{sleep, timeout};

use super::message::HEADERS;
use super::{Login, NatsSettings, monitor, stream};
use crate::listen::metrics::SinkMetrics;
use crate::listen::sink::unusable::Unusable;

/// How often the stream is checked.
const PROBE: Duration = Duration::from_secs(2);

/// How many checks may be without an answer before another connection is made.
const MISSED: usize = 2;

/// The time limit for a connection to one server.
const CONNECT: Duration = Duration::from_secs(2);

/// The time limit for all that is asked of a server before it is used.
const EXAMINE: Duration = Duration::from_secs(10);

/// The first and the longest wait before the next attempt to connect.
const WAITS: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

/// How long the client of the library waits before it would connect again. It never does: its tasks are ended before.
const NEVER: Duration = Duration::from_secs(24 * 60 * 60);

/// What the thread that keeps the connection shares with the requests.
pub struct Shared {
    connected: Mutex<Connected>,
    most_bytes: AtomicUsize,
    metrics: SinkMetrics,
}

#[derive(Default)]
struct Connected {
    client: Option<Client>,
    /// Since when the stream answers.
    up_since: Option<Instant>,
}

impl Shared {
    pub fn new(metrics: SinkMetrics) -> Self {
        metrics.set_up(false);
        Self { connected: Mutex::default(), most_bytes: AtomicUsize::new(usize::MAX), metrics }
    }

    fn connected<T>(&self, use_it: impl FnOnce(&mut Connected) -> T) -> T {
        use_it(&mut self.connected.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The client, as long as it is connected and the stream is fit.
    pub fn client(&self) -> Option<Client> {
        self.connected(|connected| connected.client.clone())
    }

    pub fn up_since(&self) -> Option<Instant> {
        self.connected(|connected| connected.up_since)
    }

    pub fn most_bytes(&self) -> usize {
        self.most_bytes.load(Ordering::Relaxed)
    }

    fn set_client(&self, client: Option<Client>) {
        let is_up = client.is_some();
        self.connected(|connected| connected.client = client);
        self.set_up(is_up);
    }

    fn set_up(&self, up: bool) {
        let changed = self.connected(|connected| {
            let changed = connected.up_since.is_some() != up;
            if changed {
                connected.up_since = up.then(Instant::now);
            }
            changed
        });
        if changed {
            self.metrics.set_up(up);
        }
    }
}

/// What is known of a connection while it is used.
#[derive(Default)]
pub struct Observed {
    /// Notified once the connection is lost, and it is not made again.
    lost: Notify,
    /// The last right that the user was found to lack, as the server describes it.
    denied: Mutex<Option<String>>,
}

impl Observed {
    fn event(&self, event: Event) {
        match event {
            Event::Disconnected | Event::Closed => self.lost.notify_one(),
            Event::ServerError(error) => {
                tracing::error!(%error, "the NATS server reports an error");
                // The request itself has no answer.
                if let ServerError::Other(what) = error
                    && what.to_ascii_lowercase().starts_with("permissions violation")
                {
                    *self.denied.lock().unwrap_or_else(PoisonError::into_inner) = Some(what);
                }
            }
            _ => {}
        }
    }

    /// The reason why a request failed: a right that the user lacks, or else this error.
    fn explained(&self, error: Unusable) -> Unusable {
        match self.denied.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(denied) => Unusable::Refused(format!("the server denies the user a right: {denied}")),
            None => error,
        }
    }
}

/// A connection to a server, and what was found there.
pub struct Connection {
    client: Client,
    most_bytes: usize,
    /// What holds, as sentences.
    pub facts: Vec<String>,
    /// What may be weaker than its user expects, as sentences.
    pub warnings: Vec<String>,
}

/// Connects to one of the servers. The connection is not made again once it is lost.
pub async fn connect(settings: &NatsSettings, observed: &Arc<Observed>) -> Result<Client, Unusable> {
    let observed = Arc::clone(observed);
    let is_connected = Arc::new(AtomicBool::new(false));
    let connected = Arc::clone(&is_connected);
    let options = options(settings)?
        .name("pos-webhooks listen")
        .reconnect_delay_callback(move |_| if connected.load(Ordering::Relaxed) { NEVER } else { Duration::ZERO })
        .event_callback(move |event| {
            observed.event(event);
            std::future::ready(())
        });
    let client = open(settings, options).await?;
    is_connected.store(true, Ordering::Relaxed);
    Ok(client)
}

/// Connects to one of the servers, and connects again whenever the connection is lost.
pub async fn connect_to_read(settings: &NatsSettings) -> Result<Client, Unusable> {
    open(settings, options(settings)?.name("pos-webhooks")).await
}

async fn open(settings: &NatsSettings, options: ConnectOptions) -> Result<Client, Unusable> {
    let servers = settings.servers.iter().map(|server| server.parse::<ServerAddr>());
    let servers: Vec<_> = servers.collect::<Result<_, _>>().map_err(|error| Unusable::Refused(error.to_string()))?;
    let options = options.require_tls(servers.iter().any(ServerAddr::tls_required));
    options.connect(servers).await.map_err(|error| not_connected(&error))
}

/// The login and TLS.
fn options(settings: &NatsSettings) -> Result<ConnectOptions, Unusable> {
    let options = ConnectOptions::new().connection_timeout(CONNECT);
    let options = match &settings.login {
        Login::None => options,
        // A secret does not have the line break at its end, without which the library does not find the seed.
        Login::Credentials(text) => options.credentials(&format!("{}\n", text.expose())).map_err(|_| {
            Unusable::Refused("the credentials do not have a JWT and a seed, as a .creds file has".to_owned())
        })?,
        Login::Password { user, password } => options.user_and_password(user.clone(), password.expose().to_owned()),
        Login::Token(token) => options.token(token.expose().to_owned()),
        Login::Nkey(seed) => options.nkey(seed.expose().trim().to_owned()),
    };
    // Those that a server names may not be reachable from here, or not be those of its certificate.
    let options = options.ignore_discovered_servers();
    let options = match &settings.tls.ca {
        Some(ca) => options.add_root_certificates(ca.clone()),
        None => options,
    };
    Ok(match &settings.tls.certificate {
        Some((certificate, key)) => options.add_client_certificate(certificate.clone(), key.clone()),
        None => options,
    })
}

/// Why there is no connection.
fn not_connected(error: &ConnectError) -> Unusable {
    // TLS reports a certificate that is not accepted as invalid data.
    let source = error.source().and_then(|source| source.downcast_ref::<io::Error>());
    let is_invalid = source.is_some_and(|source| source.kind() == io::ErrorKind::InvalidData);
    let why = || error.source().map_or_else(|| error.to_string(), ToString::to_string);
    let (what, is_refused) = match error.kind() {
        ConnectErrorKind::AuthorizationViolation => ("the server refuses the login".to_owned(), true),
        ConnectErrorKind::Authentication => ("the credentials cannot be used to log in".to_owned(), true),
        ConnectErrorKind::TimedOut => (format!("no server has answered within {} s", CONNECT.as_secs()), false),
        ConnectErrorKind::ServerParse | ConnectErrorKind::Tls => (why(), true),
        _ => (why(), is_invalid),
    };
    let what = format!("cannot connect: {what}");
    if is_refused { Unusable::Refused(what) } else { Unusable::Unreachable(what) }
}

impl Connection {
    /// Connects, and checks everything that is required.
    pub async fn open(settings: &NatsSettings, observed: &Arc<Observed>) -> Result<Self, Unusable> {
        let client = connect(settings, observed).await?;
        let examined = timeout(EXAMINE, Self::examine(client, settings)).await;
        let late = |_| Err(Unusable::Unreachable(format!("no answer within {} s", EXAMINE.as_secs())));
        examined.unwrap_or_else(late).map_err(|unusable| observed.explained(unusable))
    }

    async fn examine(client: Client, settings: &NatsSettings) -> Result<Self, Unusable> {
        let server = client.server_info();
        let info = Self::check(&client, settings).await?;
        may_publish(&client, settings).await?;
        let largest = match usize::try_from(info.config.max_message_size) {
            Ok(most) if most > 0 => most.min(server.max_payload),
            _ => server.max_payload,
        };
        let most_bytes = largest.saturating_sub(HEADERS);
        let (config, state) = (&info.config, &info.state);
        let age = match config.max_age.as_secs() / 3600 {
            0 => "without a limit of time".to_owned(),
            hours => format!("for {hours} h"),
        };
        let mut facts = vec![
            format!("The server is {}, version {}.", server.server_name, server.version),
            format!(
                "The stream has {} events, and keeps them {age}; replicas: {}.",
                state.messages, config.num_replicas
            ),
            format!("Bodies of up to {most_bytes} bytes can be stored."),
        ];
        let mut warnings = Vec::new();
        if !client.is_server_compatible(2, 10, 0) {
            warnings.push(format!(
                "The server has version {}; from 2.10, a server can flush each event to its disk before it answers.",
                server.version
            ));
        }
        if settings.monitors.is_empty() {
            warnings.push(
                "Whether the servers flush each event to their disks is not checked, since `monitor` is not given."
                    .to_owned(),
            );
        }
        for monitor in &settings.monitors {
            match monitor::ask(monitor).await {
                Ok(server) if server.sync_always => {
                    facts.push(format!("The server {} flushes each event to its disk.", server.name));
                }
                Ok(server) => {
                    let what = format!("{} does not flush each event to its disk", server.name);
                    if settings.sync_always {
                        let todo = "set `sync_interval: always` in the `jetstream` block of its configuration";
                        return Err(Unusable::Refused(format!("{what}: {todo}")));
                    }
                    warnings.push(format!("The server {what}."));
                }
                // A server that is down at the moment does not store anything either.
                Err(why) => warnings.push(format!("The monitoring at {monitor} does not answer: {why}.")),
            }
        }
        if settings.sync_always && !facts.iter().any(|fact| fact.ends_with("flushes each event to its disk.")) {
            let what = "no server reports whether it flushes each event to its disk; is `monitor` right?";
            return Err(Unusable::Unreachable(what.to_owned()));
        }
        Ok(Self { client, most_bytes, facts, warnings })
    }

    /// Asks for the stream, and checks its settings.
    async fn check(client: &Client, settings: &NatsSettings) -> Result<Info, Unusable> {
        let context = async_nats::jetstream::new(client.clone());
        let stream = &settings.stream;
        let missing =
            || Unusable::Refused(format!("there is no stream {stream}; `pos-webhooks sink create` creates it"));
        let info = stream::info(&context, stream).await?.ok_or_else(missing)?;
        let problems = stream::problems(&info.config, settings);
        if problems.is_empty() {
            return Ok(info);
        }
        Err(Unusable::Refused(format!("the stream {stream} cannot be used: {}", problems.join("; "))))
    }
}

/// Checks that messages may be published, with one that every stream refuses.
async fn may_publish(client: &Client, settings: &NatsSettings) -> Result<(), Unusable> {
    let mut headers = HeaderMap::new();
    headers.insert(async_nats::header::NATS_EXPECTED_STREAM, format!("{}-", settings.stream).as_str());
    let subject = format!("{}.check.check.check.check", settings.subject);
    let request = Request::new().headers(headers).timeout(Some(PROBE));
    match client.send_request(subject, request).await {
        Ok(_) => Ok(()),
        Err(error) => {
            let subjects = format!("{}.>", settings.subject);
            let what = format!("{error}; may this user publish to {subjects}, and subscribe to _INBOX.>?");
            Err(Unusable::Unreachable(what))
        }
    }
}

/// Connects, and connects again whenever the connection is lost, until nobody uses the sink any more. The first attempt is
/// reported to `opened`, and is the last one if someone has to change something.
pub fn keep(
    settings: &NatsSettings,
    shared: &Shared,
    opened: oneshot::Sender<io::Result<()>>,
    mut used: watch::Receiver<()>,
) {
    let (mut opened, mut was_connected) = (Some(opened), false);
    let mut last = String::new();
    let mut wait = WAITS.0;
    loop {
        // Each connection has a runtime of its own. With it, all tasks of the client end, so that a message that has not been
        // sent yet is never sent over another connection, after its provider was asked to send the event again.
        let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => {
                if let Some(opened) = opened.take() {
                    let _ = opened.send(Err(error));
                    return;
                }
                std::thread::sleep(wait);
                continue;
            }
        };
        let ended = runtime.block_on(async {
            tokio::select! {
                _ = used.changed() => None,
                why = use_connection(settings, shared, &mut opened, &mut was_connected, &mut wait) => Some(why),
            }
        });
        if ended.is_some() {
            shared.set_client(None);
        }
        runtime.shutdown_background();
        let Some(unusable) = ended else { return };
        let error = unusable.to_string();
        if let Some(opened) = opened.take() {
            match unusable {
                Unusable::Unreachable(_) => drop(opened.send(Ok(()))),
                Unusable::Refused(_) => return drop(opened.send(Err(unusable.into()))),
            }
        }
        // An outage is reported once for each of its causes.
        if last != error || wait == WAITS.0 {
            tracing::error!(error, "not connected to {settings}; trying again");
            last = error;
        }
        std::thread::sleep(wait);
        wait = (wait * 2).min(WAITS.1);
    }
}

/// Connects, and returns once the connection cannot be used any more.
async fn use_connection(
    settings: &NatsSettings,
    shared: &Shared,
    opened: &mut Option<oneshot::Sender<io::Result<()>>>,
    was_connected: &mut bool,
    wait: &mut Duration,
) -> Unusable {
    let observed = Arc::<Observed>::default();
    let Connection { client, most_bytes, facts, warnings } = match Connection::open(settings, &observed).await {
        Ok(connection) => connection,
        Err(unusable) => return unusable,
    };
    shared.most_bytes.store(most_bytes, Ordering::Relaxed);
    shared.set_client(Some(client.clone()));
    if !std::mem::replace(was_connected, true) {
        warnings.iter().for_each(|warning| tracing::warn!("{settings}: {warning}"));
    }
    match opened.take() {
        Some(opened) => drop(opened.send(Ok(()))),
        None => tracing::info!(facts = facts.join(" "), "connected to {settings}"),
    }
    *wait = WAITS.0;
    let mut missed = 0;
    let lost = || Unusable::Unreachable("the connection was lost".to_owned());
    loop {
        tokio::select! {
            () = observed.lost.notified() => return lost(),
            () = sleep(PROBE) => {}
        }
        let checked = tokio::select! {
            () = observed.lost.notified() => return lost(),
            checked = timeout(PROBE, Connection::check(&client, settings)) => checked,
        };
        match checked {
            Ok(Ok(_)) => {
                missed = 0;
                shared.set_up(true);
            }
            Ok(Err(refused @ Unusable::Refused(_))) => return refused,
            Ok(Err(Unusable::Unreachable(_))) | Err(_) => {
                missed += 1;
                shared.set_up(false);
                if missed == MISSED {
                    return Unusable::Unreachable("the stream does not answer".to_owned());
                }
            }
        }
    }
}
