//! `pos-webhooks listen`: deliveries into lines of JSON, acknowledged once they are safe.

mod journal;
mod metrics;
mod server;

use std::borrow::Cow;
use std::io;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use http::header::{ALLOW, CONTENT_TYPE};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::{Bytes, Incoming};
use jiff::Timestamp;
use pos_webhooks::catalogue::Provider;
use pos_webhooks::validate::Invalid;
use pos_webhooks::verify::{ReceiveError, VerifyError};
use serde::Serialize;
use serde_json::value::RawValue;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::error::Elapsed;
use tokio::time::timeout;

use crate::schemes::{Receive, Refusal, Scheme};
use crate::{Stop, input};
use journal::{Journal, Safe, Written};
use metrics::{Metrics, Outcome};

/// How long a body may take.
const BODY: Duration = Duration::from_secs(10);

/// How long an event may wait to be written where the provider does not say how long it waits.
const WRITE: Duration = Duration::from_secs(10);

/// How long after a failure to write GET /healthz reports it.
const UNHEALTHY: Duration = Duration::from_secs(10);

/// Receive deliveries and write every event as one line of JSON
///
/// Verifies and decodes what a provider delivers and writes one JSON object per event and line: received_at, provider,
/// event, known, idempotency_key, payload. The payload is as it was sent; line breaks between its parts become spaces. A
/// payload that is genuine but not what the provider documents is written as well, with an `error` that says where.
///
/// The provider gets its success answer only once the event is written: with --append once it is on disk (fdatasync; what
/// arrives meanwhile goes out together), otherwise once standard output has taken it. Where it cannot be written the
/// answer is 503, so that the provider sends it again. An event that comes again is acknowledged and not written, within
/// the newest --window events that have an idempotency key.
///
/// Speaks HTTP/1.1 without TLS: put it behind a proxy that has a certificate and passes body and headers on unchanged.
/// Every path takes deliveries by POST; GET /healthz answers 503 for 10 seconds after an event could not be written, GET
/// /metrics has figures for Prometheus. Keep both from the outside. SIGTERM and Ctrl-C finish what has begun. The log is on standard error.
#[derive(Args)]
#[command(after_long_help = "\
Answers:
  401  The delivery is not genuine
  400  It is not JSON, or with --strict departs from the specification
  408  The body took longer than 10 seconds
  413  It is longer than --max-bytes
  503  It could not be written

Examples:
  pos-webhooks listen vipps --secret-file secret.txt --url https://shop.example/hooks/vipps --append events.ndjson
  pos-webhooks listen mypos --secret-file old.txt --secret-file new.txt | jq .event

Exit status:
  0  Ended by SIGTERM or Ctrl-C.
  2  Wrong usage, or it could not listen or open the file.")]
pub struct Arguments {
    /// Whose deliveries
    #[arg(value_name = "PROVIDER", value_parser = crate::scheme())]
    scheme: &'static dyn Scheme,

    /// File with a secret, or key, that deliveries prove to know; several while secrets are changed
    ///
    /// One newline at its end is not part of the secret.
    #[arg(long, value_name = "FILE", required_unless_present = "accept_unsigned")]
    secret_file: Vec<PathBuf>,

    /// Take every delivery for genuine, where the provider proves nothing: anyone who knows the address can send one
    #[arg(long, conflicts_with = "secret_file")]
    accept_unsigned: bool,

    /// The URL as it was registered; needed where the provider signs it
    #[arg(long)]
    url: Option<String>,

    /// The event that was registered for; needed where deliveries do not say which they are
    #[arg(long)]
    event: Option<String>,

    /// Address and port to listen on
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,

    /// Append to this file instead of writing to standard output
    ///
    /// No other process may write to it. A line that a crash left incomplete is removed at the next start.
    #[arg(long, value_name = "FILE")]
    append: Option<PathBuf>,

    /// Refuse payloads that depart from the specification
    ///
    /// A provider that extends its payloads is then refused as well: this finds out what it sends, before anything depends
    /// on it.
    #[arg(long)]
    strict: bool,

    /// Longest body
    #[arg(long, value_name = "BYTES", default_value_t = 1 << 20)]
    max_bytes: usize,

    /// Most connections at a time; one more closes the one that has been idle longest
    #[arg(long, value_name = "COUNT", default_value = "1024")]
    max_connections: NonZeroUsize,

    /// How many events are remembered to recognise those that come again
    #[arg(long, value_name = "COUNT", default_value = "100000")]
    window: NonZeroUsize,

    /// How the log is written
    #[arg(long, value_enum, default_value_t = LogFormat::Human)]
    log_format: LogFormat,
}

#[derive(Clone, Copy, ValueEnum)]
enum LogFormat {
    /// Lines to read
    Human,
    /// One JSON object per line
    Json,
}

#[derive(Serialize)]
struct Line<'a> {
    received_at: Timestamp,
    provider: &'a str,
    event: Option<&'a str>,
    known: bool,
    idempotency_key: Option<&'a str>,
    payload: &'a RawValue,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// What answers requests.
struct Listener {
    provider: &'static Provider,
    receive: Receive,
    journal: Journal,
    metrics: Metrics,
    max_bytes: usize,
    strict: bool,
    /// When an event could not be written for the last time.
    failed: Mutex<Option<Instant>>,
}

type Answer = Response<Full<Bytes>>;

pub fn run(arguments: &Arguments) -> Result<ExitCode, Stop> {
    log(arguments.log_format);
    let secrets = arguments.secret_file.iter().map(|file| input::secret(file)).collect::<Result<Vec<_>, _>>()?;
    let receive = arguments.scheme.receiver(arguments.url.as_deref(), arguments.event.as_deref(), secrets);
    let receive = receive.map_err(|refusal| match refusal {
        Refusal::Usage(what) => Stop::Usage(what),
        Refusal::Verify(error) => Stop::Usage(error.to_string()),
    })?;
    let (journal, writer) = match &arguments.append {
        Some(file) => {
            let started = Safe::open(file).and_then(|file| Journal::file(file, arguments.window));
            let (journal, writer) = started.map_err(|error| unusable(file.display(), &error))?;
            (journal, Some(writer))
        }
        None => (Journal::output(arguments.window), None),
    };
    let runtime = tokio::runtime::Runtime::new().map_err(|error| unusable("the runtime", &error))?;
    let listener = Listener {
        provider: arguments.scheme.provider(),
        receive,
        journal,
        metrics: Metrics::new(),
        max_bytes: arguments.max_bytes,
        strict: arguments.strict,
        failed: Mutex::default(),
    };
    let served = runtime.block_on(serve(arguments, listener));
    // What is left of requests that took too long keeps the writer waiting.
    runtime.shutdown_timeout(Duration::from_secs(1));
    if writer.is_some_and(|writer| writer.join().is_err()) {
        tracing::error!("the writer has ended unexpectedly");
    }
    served.map(|()| ExitCode::SUCCESS)
}

fn unusable(what: impl std::fmt::Display, error: &io::Error) -> Stop {
    Stop::Input(format!("{what}: {error}"))
}

fn log(format: LogFormat) {
    let log = tracing_subscriber::fmt().with_writer(io::stderr).with_target(false);
    match format {
        LogFormat::Human => log.with_ansi(io::IsTerminal::is_terminal(&io::stderr())).init(),
        LogFormat::Json => log.json().flatten_event(true).init(),
    }
}

async fn serve(arguments: &Arguments, listener: Listener) -> Result<(), Stop> {
    let socket = TcpListener::bind(arguments.listen).await.map_err(|error| unusable(arguments.listen, &error))?;
    let address = socket.local_addr().map_err(|error| unusable(arguments.listen, &error))?;
    let (over, ended) = watch::channel(());
    let signal = terminated().map_err(|error| unusable("the signals", &error))?;
    tokio::spawn(async move {
        signal.await;
        tracing::info!("finishing what has begun");
        let _ = over.send(());
    });
    tracing::info!(provider = listener.provider.name, %address, "listening");
    let listener = Arc::new(listener);
    let most = most_connections(arguments.max_connections.get());
    server::serve(socket, most, move |request| Arc::clone(&listener).answer(request), ended).await;
    Ok(())
}

/// Some descriptors are for files, and to tell one more connection that it has to wait.
fn most_connections(wanted: usize) -> usize {
    #[cfg(unix)]
    if let Some(descriptors) = rustix::process::getrlimit(rustix::process::Resource::Nofile).current {
        let most = usize::try_from(descriptors).unwrap_or(usize::MAX).saturating_sub(32).max(1);
        if most < wanted {
            tracing::warn!(most, "fewer connections than --max-connections: the process may have no more descriptors");
            return most;
        }
    }
    wanted
}

#[cfg(unix)]
fn terminated() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

#[cfg(not(unix))]
fn terminated() -> io::Result<impl Future<Output = ()>> {
    Ok(async {
        let _ = tokio::signal::ctrl_c().await;
    })
}

fn empty(status: StatusCode) -> Answer {
    let mut answer = Answer::default();
    *answer.status_mut() = status;
    answer
}

impl Listener {
    async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Answer {
        match (request.method(), request.uri().path()) {
            (&Method::GET | &Method::HEAD, "/healthz") => empty(match self.is_healthy() {
                true => StatusCode::OK,
                false => StatusCode::SERVICE_UNAVAILABLE,
            }),
            (&Method::GET, "/metrics") => {
                let mut answer = Response::new(Full::from(self.metrics.text()));
                answer.headers_mut().insert(CONTENT_TYPE, http::HeaderValue::from_static(metrics::CONTENT_TYPE));
                answer
            }
            (&Method::POST, _) => {
                let since = Instant::now();
                let (outcome, answer) = self.deliver(request).await;
                self.metrics.count(&outcome, since);
                answer
            }
            _ => {
                let mut answer = empty(StatusCode::METHOD_NOT_ALLOWED);
                answer.headers_mut().insert(ALLOW, http::HeaderValue::from_static("POST"));
                answer
            }
        }
    }

    /// Not for ever: where nobody sends any more, nobody would find out that it can be written again.
    fn is_healthy(&self) -> bool {
        let failed = *self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        failed.is_none_or(|failed| failed.elapsed() > UNHEALTHY)
    }

    async fn deliver(&self, request: Request<Incoming>) -> (Outcome, Answer) {
        let (head, body) = request.into_parts();
        let refused = |reason: &'static str, status, why: &dyn std::fmt::Display| {
            tracing::warn!(reason, %why, "refused");
            (Outcome::Refused(reason), empty(status))
        };
        let body = within(BODY, Limited::new(body, self.max_bytes).collect()).await;
        let body = match body {
            Err(late) => return refused("slow_body", StatusCode::REQUEST_TIMEOUT, &late),
            Ok(Err(error)) if error.is::<LengthLimitError>() => {
                return refused("too_long", StatusCode::PAYLOAD_TOO_LARGE, &error);
            }
            Ok(Err(error)) => return refused("broken_body", StatusCode::BAD_REQUEST, &error),
            Ok(Ok(body)) => body.to_bytes(),
        };
        let request = Request::from_parts(head, body);
        let (arrived, error) = match (self.receive)(&request) {
            Ok(arrived) => (Some(arrived), None),
            Err(ReceiveError::Verify(error)) => return refused(reason(&error), StatusCode::UNAUTHORIZED, &error),
            Err(error) => (None, Some(error.to_string())),
        };
        let payload = match payload(request.body()) {
            Ok(payload) => payload,
            Err(error) => return refused("not_json", StatusCode::BAD_REQUEST, &error),
        };
        if let Some(error) = &error {
            tracing::warn!(%error, "genuine, but not what is documented");
        }
        let event = arrived.as_ref().map(|arrived| arrived.event.as_str());
        if self.strict {
            let valid = match event {
                Some(event) => self.provider.validate(event, request.body()),
                None => return refused("undocumented", StatusCode::BAD_REQUEST, &error.unwrap_or_default()),
            };
            match valid {
                // There is nothing to hold an unknown event against.
                Ok(()) | Err(Invalid::UnknownName(_)) => {}
                Err(Invalid::Violations(found)) => {
                    let first = found.first().map(ToString::to_string).unwrap_or_default();
                    let why =
                        format_args!("{first}; {} departures from the specification in all", found.len()).to_string();
                    return refused("undocumented", StatusCode::BAD_REQUEST, &why);
                }
                Err(invalid) => return refused("undocumented", StatusCode::BAD_REQUEST, &invalid),
            }
        }
        let key = arrived.as_ref().and_then(|arrived| arrived.idempotency_key.clone());
        let line = Line {
            received_at: Timestamp::now(),
            provider: self.provider.name,
            event,
            known: arrived.as_ref().is_some_and(|arrived| arrived.known),
            idempotency_key: key.as_deref(),
            payload: &payload,
            error,
        };
        // What stands around a payload fits.
        let mut bytes = Vec::with_capacity(request.body().len() + 512);
        if let Err(error) = serde_json::to_writer(&mut bytes, &line) {
            return refused("not_json", StatusCode::BAD_REQUEST, &error);
        }
        bytes.push(b'\n');
        let acknowledgement = arrived.map(|arrived| arrived.acknowledgement);
        let limit = acknowledgement.and_then(|answer| answer.within).unwrap_or(WRITE);
        let written = within(limit, self.journal.write(key, bytes)).await;
        let outcome = match written {
            Ok(Ok(Written::New)) => Outcome::Accepted,
            Ok(Ok(Written::Duplicate)) => {
                tracing::info!("acknowledged and not written: it was before");
                Outcome::Duplicate
            }
            Ok(Err(_)) | Err(_) => {
                *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
                return (Outcome::NotWritten, empty(StatusCode::SERVICE_UNAVAILABLE));
            }
        };
        (outcome, acknowledgement.map_or_else(Answer::default, Answer::from))
    }
}

/// As `timeout`, without a timer for what is ready by the time that the rest of the connection has been looked after.
async fn within<F: Future>(limit: Duration, future: F) -> Result<F::Output, Elapsed> {
    let mut future = std::pin::pin!(future);
    tokio::select! {
        biased;
        done = future.as_mut() => Ok(done),
        () = tokio::task::yield_now() => timeout(limit, future).await,
    }
}

/// A payload on one line. Between the parts of JSON a line break is as good as a space, and inside of texts there is none.
fn payload(body: &Bytes) -> serde_json::Result<Cow<'_, RawValue>> {
    let payload: &RawValue = serde_json::from_slice(body)?;
    match payload.get().contains(['\n', '\r']) {
        true => RawValue::from_string(payload.get().replace(['\n', '\r'], " ")).map(Cow::Owned),
        false => Ok(Cow::Borrowed(payload)),
    }
}

/// A short name for figures.
fn reason(error: &VerifyError) -> &'static str {
    match error {
        VerifyError::MissingHeader { .. } => "missing_header",
        VerifyError::RepeatedHeader { .. } => "repeated_header",
        VerifyError::MalformedHeader { .. } => "malformed_header",
        VerifyError::ContentHashMismatch => "content_hash_mismatch",
        VerifyError::SignatureMismatch => "signature_mismatch",
        VerifyError::Stale { .. } => "stale",
        VerifyError::Future { .. } => "future",
        VerifyError::KeyMismatch { .. } => "key_mismatch",
        _ => "not_genuine",
    }
}
