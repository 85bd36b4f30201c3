//! `pos-webhooks listen`: writes deliveries as lines of JSON, and acknowledges them once they are written.

mod answer;
mod body;
mod delivery;
mod file;
mod journal;
mod log;
mod metrics;
mod output;
mod server;
mod terminal;

use std::io;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use clap::Args;
use pos_webhooks::catalogue::{EventNamePlace, Provider, Verification};
use pos_webhooks::verify::ReceiverError;
use pos_webhooks::{AnyReceiver, Registered};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::options::unknown_event;
use crate::stop::Stop;
use crate::{input, options, providers, verification};
use answer::Answers;
use delivery::Listener;
use journal::Journal;
use metrics::Metrics;

/// Receive deliveries and write every event as one line of JSON
///
/// On a terminal, standard output has a short line for each event instead: the time in UTC, the provider, the event, the
/// beginning of its idempotency key, whether the payload matches the specification or else the number of violations, and how
/// long the delivery took in milliseconds. With --append, the JSON is in the file. Without, pipe the output to see it.
///
/// Verifies and decodes a provider's deliveries, and writes one JSON object per event, one per line, with the members
/// received_at (in UTC), provider, event, known, idempotency_key and payload. The event is null if neither the delivery
/// nor --event names it. The payload is as it was sent, except that line breaks between its tokens become spaces, and
/// U+0085, U+2028 and U+2029 are escaped. If a delivery is genuine but its payload is not as documented, the line also
/// has an `error` that says where. If the body is not JSON, or is JSON that some programs cannot read (a lone
/// surrogate, deep nesting), the line has a `payload` of null, the bytes as Base64 in `body`, and an `error`.
///
/// A delivery is acknowledged only once its event is written: with --append, once it is on disk (fdatasync, for several
/// events at once if they arrive at the same time), otherwise once it is in standard output. If an event cannot be
/// written, the response is 503, so that the provider sends it again. If an event with an idempotency key is delivered
/// again, it is acknowledged but not written; an event without a key is written each time. If an event asks for something
/// that only you know, such as a menu, --answer gives the body of the response; without it, there is no body.
///
/// The protocol is HTTP/1.1 without TLS: use a proxy that has a certificate and forwards bodies and headers unchanged.
/// Every path accepts deliveries with POST, and answers the request with which the provider checks the URL, if it documents
/// one; this is logged, and not written as an event. GET /healthz responds with 503 for 10 seconds after an event could not be
/// written, and GET /metrics has metrics for Prometheus; configure the proxy so that it does not forward these two. On
/// SIGTERM and Ctrl-C, the program finishes the requests that have begun, and ends.
///
/// The log is on standard error. A log line that cannot be written is dropped, and counted in /metrics.
#[derive(Args)]
#[command(after_long_help = "\
Error responses:
  400  The connection or the request is broken, or with --strict: the body is not JSON, or does not match the specification
  401  The delivery is not genuine
  403  The token of the request that checks the URL is not that of --verify-token-file
  405  The method is neither POST nor that of the request that checks the URL
  408  The body was not complete after 10 seconds
  413  The body is longer than --max-bytes
  414  The request line is too long
  431  The head of the request is too large
  500  The request that checks the URL cannot be answered without --secret-file or --verify-token-file
  503  The event could not be written

Recognition of redeliveries:

A delivery is recognised as a redelivery if its idempotency key is among the newest --window keys. At start, the keys are \
read from the newest 64 MiB of the --append file and of the rotated files beside it, such as events.ndjson.1, unless they \
are compressed. Without --append, no keys are known at start.

Rotation:

Rename the --append file within its directory. The next event is written to a new file of the same name, or to the file \
that was created in its place. SIGHUP reopens the file at once; this is optional, and does not end the program.

Do not use copytruncate: it loses events that are written between the copy and the truncation. If the file has become \
shorter, the log reports it.

Configuration for logrotate:
  /var/lib/hooks/events.ndjson {
      daily
      rotate 30
      compress
      delaycompress
      create 0600
  }

Examples:
  pos-webhooks listen vipps --secret-file secret.txt --url https://shop.example/hooks/vipps \\
      --append events.ndjson
  pos-webhooks listen mypos --secret-file old.txt --secret-file new.txt \\
      | jq .event
  pos-webhooks listen mipos --event Menu --secret-file secret.txt --answer menu.json

Exit status:
  0  Ended by SIGTERM or Ctrl-C.
  1  No more events can be written: the program that reads standard output has ended.
  2  Wrong usage, or the program could not listen or open the file.")]
pub struct Arguments {
    /// The provider of the deliveries
    #[arg(value_name = "PROVIDER", value_parser = options::provider())]
    provider: &'static Provider,

    /// File with the secret, or key, of the registration; give several while a secret is rotated
    ///
    /// One newline at the end of the file is not part of the secret.
    #[arg(long, value_name = "FILE", required_unless_present = "accept_unsigned")]
    secret_file: Vec<PathBuf>,

    /// Accept deliveries without verifying them, if the provider may not prove their origin: anyone who knows the
    /// address can send one
    #[arg(long, conflicts_with = "secret_file")]
    accept_unsigned: bool,

    /// The signature to verify, if the provider signs in several ways; by default the first one
    #[arg(long, value_name = "NAME", hide = !verification::any_has_names())]
    signature: Option<String>,

    /// The registered URL; required if the provider signs it
    #[arg(long)]
    url: Option<String>,

    /// File with the token that the provider sends when it checks the URL, and that was entered at the provider with it
    ///
    /// One newline at the end of the file is not part of the token.
    #[arg(long, value_name = "FILE", hide = !any_sends_a_token())]
    verify_token_file: Option<PathBuf>,

    /// The event of the registration; required if deliveries do not name their event
    ///
    /// If payloads or a header identify the event, this is the event of those deliveries that do not.
    #[arg(long)]
    event: Option<String>,

    /// Address and port to listen on
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080", allow_negative_numbers = true)]
    #[arg(value_parser = options::address)]
    listen: SocketAddr,

    /// File with the body of the response to an event that asks for something, such as a menu
    ///
    /// The body is validated against the specification at start. If several events of the provider ask for something, write
    /// EVENT=FILE, once for each event.
    #[arg(long, value_name = "[EVENT=]FILE")]
    answer: Vec<String>,

    /// Documented status of the response to an event, instead of the success, such as 400 for a coupon that is not valid
    ///
    /// The event is written before the response is sent, as with a success. If the specification documents a body for the
    /// status, --answer gives it. If several events document the status, write EVENT=STATUS.
    #[arg(long, value_name = "[EVENT=]STATUS")]
    answer_status: Vec<String>,

    /// Append to this file instead of writing to standard output
    ///
    /// A new file is readable for its owner only. No other process may write to the file. If a crash left the last line
    /// incomplete, that line is moved to FILE.torn at the next start. A file whose last line is not an event is
    /// refused.
    #[arg(long, value_name = "FILE")]
    append: Option<PathBuf>,

    /// Refuse payloads that do not match the specification
    ///
    /// Payloads that the provider has extended are then refused as well. Use this to find out what a provider sends,
    /// not in production.
    #[arg(long)]
    strict: bool,

    /// Maximum size of a body in bytes
    #[arg(long, value_name = "BYTES", default_value_t = 1 << 20, allow_negative_numbers = true)]
    #[arg(value_parser = options::whole(1..=usize::MAX))]
    max_bytes: usize,

    /// Maximum number of connections; a further one closes the connection that has been idle longest
    #[arg(long, value_name = "COUNT", default_value = "1024", allow_negative_numbers = true)]
    #[arg(value_parser = options::whole(NonZeroUsize::MIN..=NonZeroUsize::MAX))]
    max_connections: NonZeroUsize,

    /// Number of idempotency keys that are remembered to recognise redeliveries
    #[arg(long, value_name = "COUNT", default_value = "100000", allow_negative_numbers = true)]
    #[arg(value_parser = options::whole(NonZeroUsize::MIN..=NonZeroUsize::MAX))]
    window: NonZeroUsize,

    /// Format of the log
    #[arg(long, value_enum, default_value_t = log::LogFormat::Human)]
    log_format: log::LogFormat,

    /// Log only warnings and errors
    #[arg(long, short, conflicts_with = "verbose")]
    quiet: bool,

    /// Log every event that is written, with its name and how long the delivery took
    #[arg(long, short)]
    verbose: bool,
}

/// The reason why the program ends.
#[derive(Clone, Copy)]
enum End {
    Asked,
    CannotWrite(&'static str),
}

pub fn run(arguments: &Arguments) -> Result<ExitCode, Stop> {
    let level = match (arguments.quiet, arguments.verbose) {
        (true, _) => tracing::Level::WARN,
        (false, true) => tracing::Level::DEBUG,
        (false, false) => tracing::Level::INFO,
    };
    let (_flushed, log_dropped) =
        log::start(arguments.log_format, level).map_err(|error| unusable("the log", &error))?;
    let runtime = tokio::runtime::Runtime::new().map_err(|error| unusable("the runtime", &error))?;
    // This comes first, because without a handler, a signal to reopen the file would end the program.
    let signals = runtime.block_on(async { Signals::new() }).map_err(|error| unusable("the signals", &error))?;
    let secrets = arguments.secret_file.iter().map(|file| input::secret(file)).collect::<Result<Vec<_>, _>>()?;
    let provider = arguments.provider;
    let event = arguments.event.as_deref().filter(|event| !names_its_event(provider, event));
    let signature = verification::named(provider, event, arguments.signature.as_deref())?;
    let receiver = if arguments.accept_unsigned {
        AnyReceiver::unverified(provider, event)
    } else {
        AnyReceiver::new(provider, Registered { url: arguments.url.as_deref(), event, signature }, secrets)
    };
    let receiver = receiver.map_err(|error| match error {
        ReceiverError::NothingSigned(_) => Stop::Usage(format!(
            "{}\n--accept-unsigned, without --secret-file, accepts every delivery",
            verification::usage(provider, event, &error)
        )),
        _ if matches!(provider.verification_of(event), Some(Verification::Custom(_))) => {
            Stop::Usage(verification::without_proof(provider, event))
        }
        ReceiverError::NoSecret if arguments.accept_unsigned => Stop::Usage(format!(
            "{}, so --accept-unsigned is not allowed",
            verification::usage(provider, event, &error)
        )),
        error => Stop::Usage(verification::usage(provider, event, &error)),
    })?;
    let receiver = match &arguments.verify_token_file {
        None => receiver,
        Some(file) => {
            let token = receiver.with_verify_token(input::secret(file)?);
            token.map_err(|error| Stop::Usage(format!("--verify-token-file: {error}")))?
        }
    };
    let answers = Answers::read(provider, event, &arguments.answer, &arguments.answer_status)?;
    warn(arguments);
    let missing = answers.missing(provider, event);
    if !missing.is_empty() {
        let names = missing.join(", ");
        tracing::warn!("without --answer, the response to an event that asks for a body does not have one: {names}");
    }
    let (journal, writer) = match &arguments.append {
        Some(file) => {
            let (journal, writer) =
                Journal::file(file, arguments.window).map_err(|error| unusable(file.display(), &error))?;
            (journal, Some(writer))
        }
        None => (Journal::output(arguments.window).map_err(|error| unusable("standard output", &error))?, None),
    };
    let (shown, _flushed_terminal) =
        terminal::Shown::new(arguments.append.is_some()).map_err(|error| unusable("the terminal", &error))?;
    let listener = Listener {
        provider,
        receiver,
        event: event.map(str::to_owned),
        answers,
        journal,
        metrics: Metrics::new(),
        log_dropped,
        max_bytes: arguments.max_bytes,
        strict: arguments.strict,
        shown,
        failed: Mutex::default(),
    };
    let served = runtime.block_on(serve(arguments, listener, signals));
    // Requests that took too long still hold the journal, which keeps the writer running.
    runtime.shutdown_timeout(Duration::from_secs(1));
    if writer.is_some_and(|writer| writer.join().is_err()) {
        tracing::error!("the writer has ended unexpectedly");
    }
    match served? {
        End::Asked => Ok(ExitCode::SUCCESS),
        End::CannotWrite(_) => Ok(ExitCode::FAILURE),
    }
}

/// Whether any provider sends a token when it checks a URL.
fn any_sends_a_token() -> bool {
    providers::all().iter().any(|provider| sends_a_token(provider))
}

/// Whether the provider sends a token when it checks a URL.
pub fn sends_a_token(provider: &Provider) -> bool {
    provider.handshake.is_some_and(|handshake| handshake.token.is_some())
}

fn unusable(what: impl std::fmt::Display, error: &io::Error) -> Stop {
    Stop::Input(format!("{what}: {error}"))
}

/// Whether each delivery of this event names it, so that the option has no effect.
pub fn names_its_event(provider: &'static Provider, event: &str) -> bool {
    provider.event_name == Some(EventNamePlace::Body)
        && provider.event(event).is_some_and(|event| !event.when.is_empty())
}

/// Warns about properties of this receiver that its user may not expect.
fn warn(Arguments { provider, accept_unsigned, signature, url, event, verify_token_file, .. }: &Arguments) {
    if *accept_unsigned {
        tracing::warn!("deliveries are accepted without verification: anyone who knows the address can send one");
    }
    if let Some(event) = event {
        if names_its_event(provider, event) {
            tracing::warn!("--event has no effect: each delivery names its event");
        } else if let Some(unknown) = unknown_event(provider, event) {
            tracing::warn!("--event: {unknown}");
        }
    }
    match (verify_token_file, sends_a_token(provider)) {
        (None, true) => {
            tracing::warn!(
                "without --verify-token-file, the request with which {} checks the URL is refused",
                provider.name
            );
        }
        (Some(_), false) => {
            tracing::warn!("--verify-token-file has no effect: {} does not send a token", provider.name)
        }
        (None, false) | (Some(_), true) => {}
    }
    let names = verification::signature_names(provider, event.as_deref());
    if signature.is_some() && (*accept_unsigned || names.is_empty()) {
        tracing::warn!("--signature has no effect: no delivery is verified by one of several signatures");
    }
    if url.is_some() && !verification::needs_url(provider, signature.as_deref().filter(|_| !names.is_empty())) {
        tracing::warn!("--url has no effect: {} does not sign it", provider.name);
    }
}

async fn serve(arguments: &Arguments, listener: Listener, mut signals: Signals) -> Result<End, Stop> {
    let socket = TcpListener::bind(arguments.listen).await.map_err(|error| unusable(arguments.listen, &error))?;
    let address = socket.local_addr().map_err(|error| unusable(arguments.listen, &error))?;
    tracing::info!(provider = listener.provider.name, %address, "listening");
    let (over, ended) = watch::channel(());
    let journal = listener.journal.clone();
    let end = tokio::spawn(async move {
        let end = loop {
            tokio::select! {
                signal = signals.next() => match signal {
                    Signal::End => break End::Asked,
                    #[cfg(unix)]
                    Signal::Reopen => journal.reopen(),
                },
                why = journal.ended() => break End::CannotWrite(why),
            }
        };
        match end {
            End::Asked => tracing::info!("finishing the requests that have begun"),
            End::CannotWrite(why) => tracing::error!("ending: {why}"),
        }
        let _ = over.send(());
        end
    });
    let most = most_connections(arguments.max_connections.get());
    server::serve(socket, most, Arc::new(listener), ended).await;
    Ok(end.await.unwrap_or(End::Asked))
}

/// The maximum number of connections. Some descriptors are reserved for files, and for accepting one more connection.
fn most_connections(wanted: usize) -> usize {
    #[cfg(unix)]
    if let Some(descriptors) = rustix::process::getrlimit(rustix::process::Resource::Nofile).current {
        let most = usize::try_from(descriptors).unwrap_or(usize::MAX).saturating_sub(32).max(1);
        if most < wanted {
            tracing::warn!(
                most,
                "fewer connections than --max-connections are allowed: the process cannot have more file descriptors"
            );
            return most;
        }
    }
    wanted
}

enum Signal {
    End,
    #[cfg(unix)]
    Reopen,
}

#[cfg(unix)]
struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
    hang_up: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        // Writing beyond the limit of the file size should fail like a full disk, and not end the program.
        drop(signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw()))?);
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.terminate.recv() => Signal::End,
            _ = self.interrupt.recv() => Signal::End,
            _ = self.hang_up.recv() => Signal::Reopen,
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) -> Signal {
        let _ = tokio::signal::ctrl_c().await;
        Signal::End
    }
}
