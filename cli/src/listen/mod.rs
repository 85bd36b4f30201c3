//! `pos-webhooks listen`: deliveries into lines of JSON, acknowledged once they are safe.

mod body;
mod delivery;
mod file;
mod journal;
mod log;
mod metrics;
mod output;
mod server;

use std::io;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use clap::Args;
use pos_webhooks::catalogue::{EventNamePlace, Provider};
use pos_webhooks::verify::ReceiverError;
use pos_webhooks::{AnyReceiver, Registered};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::options::unknown_event;
use crate::{Stop, input, options, verification};
use delivery::Receiver;
use journal::Journal;
use metrics::Metrics;

/// Receive deliveries and write every event as one line of JSON
///
/// Verifies and decodes what a provider delivers and writes one JSON object per event and line: received_at, provider,
/// event, known, idempotency_key, payload. The event is null where neither the delivery nor --event says it. The payload is
/// as it was sent, except that line breaks between its parts become spaces, and U+0085, U+2028 and U+2029 are escaped. A
/// payload that is genuine but not what the provider documents is written as well, with an `error` that says where. A body
/// that is not JSON, or JSON that some programs cannot read (half of a surrogate pair, deep nesting), is written with
/// `payload` null, its bytes as Base64 in `body`, and `error`.
///
/// The provider gets its success answer only once the event is written: with --append once it is on disk (fdatasync; what
/// arrives meanwhile goes out together), otherwise once standard output has taken it. Where it cannot be written the
/// answer is 503, so that the provider sends it again. An event that has an idempotency key and comes again is acknowledged
/// and not written; an event without a key is written each time that it comes.
///
/// Speaks HTTP/1.1 without TLS: put it behind a proxy that has a certificate and passes body and headers on unchanged.
/// Every path takes deliveries by POST; GET /healthz answers 503 for 10 seconds after an event could not be written, GET
/// /metrics has figures for Prometheus. Do not let the proxy pass these two on. SIGTERM and Ctrl-C finish what has begun.
///
/// The log is on standard error. A line of it that cannot be written is dropped, and counted in /metrics.
#[derive(Args)]
#[command(after_long_help = "\
Answers:
  400  The connection or the request is broken, or with --strict: the body is not JSON, or does not match the specification
  401  The delivery is not genuine
  405  It does not come by POST
  408  The body took longer than 10 seconds
  413  It is longer than --max-bytes
  414  The request line is too long
  431  The head of the request is too large
  503  It could not be written

What is known again:

An event with an idempotency key is known again if it is among the newest --window of such events. At start, the keys are \
read from the newest 64 MiB of the --append file and of the files beside it that it was rotated to, such as \
events.ndjson.1, unless they are compressed. Without --append, no key is known at start.

Rotation:

Rename the --append file within its folder: the next event goes into a new file of the name, or into one that was made in \
its place. SIGHUP reopens the name at once, which nothing depends on, and never ends the program.

copytruncate loses what is written between its copy and its cut, which no writer can prevent: do not use it. A file that has \
become shorter is reported in the log.

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

Exit status:
  0  Ended by SIGTERM or Ctrl-C.
  1  Nothing can be written any more: the program that reads standard output has ended.
  2  Wrong usage, or it could not listen or open the file.")]
pub struct Arguments {
    /// Whose deliveries
    #[arg(value_name = "PROVIDER", value_parser = crate::provider())]
    provider: &'static Provider,

    /// File with a secret, or key, that deliveries prove to know; several while secrets are changed
    ///
    /// One newline at its end is not part of the secret.
    #[arg(long, value_name = "FILE", required_unless_present = "accept_unsigned")]
    secret_file: Vec<PathBuf>,

    /// Accept deliveries without verifying them, where the provider proves nothing: anyone who knows the address can send one
    #[arg(long, conflicts_with = "secret_file")]
    accept_unsigned: bool,

    /// The URL as it was registered; needed where the provider signs it
    #[arg(long)]
    url: Option<String>,

    /// The event that was registered for; needed where deliveries do not say which they are
    #[arg(long)]
    event: Option<String>,

    /// Address and port to listen on
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080", allow_negative_numbers = true)]
    #[arg(value_parser = options::address)]
    listen: SocketAddr,

    /// Append to this file instead of writing to standard output
    ///
    /// It is made readable for its owner only. No other process may write to it. A last line that a crash left incomplete is
    /// moved to FILE.torn at the next start, and a file whose last line is not an event is refused.
    #[arg(long, value_name = "FILE")]
    append: Option<PathBuf>,

    /// Refuse payloads that do not match the specification
    ///
    /// A provider that extends its payloads is then refused as well: this finds out what it sends, before anything depends
    /// on it.
    #[arg(long)]
    strict: bool,

    /// Longest body
    #[arg(long, value_name = "BYTES", default_value_t = 1 << 20, allow_negative_numbers = true)]
    #[arg(value_parser = options::whole(1..=usize::MAX))]
    max_bytes: usize,

    /// Most connections at a time; one more closes the one that has been idle longest
    #[arg(long, value_name = "COUNT", default_value = "1024", allow_negative_numbers = true)]
    #[arg(value_parser = options::whole(NonZeroUsize::MIN..=NonZeroUsize::MAX))]
    max_connections: NonZeroUsize,

    /// How many events are remembered to recognise those that come again
    #[arg(long, value_name = "COUNT", default_value = "100000", allow_negative_numbers = true)]
    #[arg(value_parser = options::whole(NonZeroUsize::MIN..=NonZeroUsize::MAX))]
    window: NonZeroUsize,

    /// How the log is written
    #[arg(long, value_enum, default_value_t = log::Format::Human)]
    log_format: log::Format,
}

/// Why it does not receive any more.
#[derive(Clone, Copy)]
enum End {
    Asked,
    CannotWrite(&'static str),
}

pub fn run(arguments: &Arguments) -> Result<ExitCode, Stop> {
    let (_flushed, log_dropped) = log::start(arguments.log_format).map_err(|error| unusable("the log", &error))?;
    let runtime = tokio::runtime::Runtime::new().map_err(|error| unusable("the runtime", &error))?;
    // Before anything else takes time: without it, a signal to reopen would end the program.
    let signals = runtime.block_on(async { Signals::new() }).map_err(|error| unusable("the signals", &error))?;
    let secrets = arguments.secret_file.iter().map(|file| input::secret(file)).collect::<Result<Vec<_>, _>>()?;
    let provider = arguments.provider;
    let event = arguments.event.as_deref().filter(|_| !names_its_event(provider));
    let receiver = if arguments.accept_unsigned {
        AnyReceiver::unverified(provider, event)
    } else {
        AnyReceiver::new(provider, Registered { url: arguments.url.as_deref(), event, signature: None }, secrets)
    };
    let receiver = receiver.map_err(|error| match error {
        ReceiverError::NoSecret if arguments.accept_unsigned => Stop::Usage(format!(
            "every registration with {} has a secret, so --accept-unsigned is refused; give the secret with --secret-file",
            provider.name,
        )),
        error => Stop::Usage(verification::usage(provider, &error)),
    })?;
    warn(arguments);
    let (journal, writer) = match &arguments.append {
        Some(file) => {
            let (journal, writer) =
                Journal::file(file, arguments.window).map_err(|error| unusable(file.display(), &error))?;
            (journal, Some(writer))
        }
        None => (Journal::output(arguments.window).map_err(|error| unusable("standard output", &error))?, None),
    };
    let receiver = Receiver {
        provider,
        receiver,
        event: event.map(str::to_owned),
        journal,
        metrics: Metrics::new(),
        log_dropped,
        max_bytes: arguments.max_bytes,
        strict: arguments.strict,
        failed: Mutex::default(),
    };
    let served = runtime.block_on(serve(arguments, receiver, signals));
    // What is left of requests that took too long keeps the writer waiting.
    runtime.shutdown_timeout(Duration::from_secs(1));
    if writer.is_some_and(|writer| writer.join().is_err()) {
        tracing::error!("the writer has ended unexpectedly");
    }
    match served? {
        End::Asked => Ok(ExitCode::SUCCESS),
        End::CannotWrite(_) => Ok(ExitCode::FAILURE),
    }
}

fn unusable(what: impl std::fmt::Display, error: &io::Error) -> Stop {
    Stop::Input(format!("{what}: {error}"))
}

/// Whether each delivery says which event it is, so that no other name may take its place.
fn names_its_event(provider: &Provider) -> bool {
    matches!(provider.event_name, Some(EventNamePlace::Header(_) | EventNamePlace::Body))
}

/// Says what holds of this receiver that its user may not expect.
fn warn(Arguments { provider, accept_unsigned, url, event, .. }: &Arguments) {
    if *accept_unsigned {
        tracing::warn!(
            "deliveries are accepted without proof of where they come from: anyone who knows the address can send one"
        );
    }
    if let Some(event) = event {
        if names_its_event(provider) {
            tracing::warn!("--event makes no difference: each delivery says which event it is");
        } else if let Some(unknown) = unknown_event(provider, event) {
            tracing::warn!("--event: {unknown}");
        }
    }
    if url.is_some() && !verification::needs_url(provider) {
        tracing::warn!("--url makes no difference: {} does not sign it", provider.name);
    }
}

async fn serve(arguments: &Arguments, receiver: Receiver, mut signals: Signals) -> Result<End, Stop> {
    let socket = TcpListener::bind(arguments.listen).await.map_err(|error| unusable(arguments.listen, &error))?;
    let address = socket.local_addr().map_err(|error| unusable(arguments.listen, &error))?;
    tracing::info!(provider = receiver.provider.name, %address, "listening");
    let (over, ended) = watch::channel(());
    let journal = receiver.journal.clone();
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
            End::Asked => tracing::info!("finishing what has begun"),
            End::CannotWrite(why) => tracing::error!("ending: {why}"),
        }
        let _ = over.send(());
        end
    });
    let most = most_connections(arguments.max_connections.get());
    server::serve(socket, most, Arc::new(receiver), ended).await;
    Ok(end.await.unwrap_or(End::Asked))
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
        // A file at the limit of its size is to fail like a full disk, not to end the program.
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
