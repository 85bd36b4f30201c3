//! The options of `listen`, as a plan of one route.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;
use pos_webhooks::catalogue::Provider;

use super::forward::{ForwardOptions, ForwardPlan};
use super::log::LogFormat;
use super::plan::{
    Address, BODY, CONNECTIONS, IN_FLIGHT, Limits, Once, PathPattern, Plan, RoutePlan, SinkPlan, WINDOW,
};
use super::refused::{Bodies, PER_MINUTE, RefusedSettings, SIZE};
use super::route::{Registration, RegistrationSettings, sends_a_token};
use super::sink::{FileSettings, Rotation, SinkSettings};
use super::{config, memory};
use crate::stop::Stop;
use crate::{input, options, providers, verification};

/// Receive deliveries and write every event as one line of JSON
///
/// On a terminal, standard output has a short line for each event instead: the time in UTC, the route if it does not have the
/// name of the provider, the provider, the event, the beginning of its idempotency key, whether the payload matches the specification or else the number of violations, and how
/// long the delivery took in milliseconds. With --append, the JSON is in the file. Without, pipe the output to see it.
///
/// Verifies and decodes a provider's deliveries, and writes one JSON object per event, one per line, with the members
/// received_at (in UTC), route, provider, event, known, idempotency_key, headers and payload. The event is null if neither
/// the delivery nor --event names it. The headers are those that say how to read the body, and when the delivery was sent. The
/// payload is as it was sent, except that line breaks between its tokens become spaces, and characters that control a terminal or end a line are
/// escaped; if that changes it, the line has the bytes as Base64 in `body`. If a delivery is genuine but its payload is not as
/// documented, the line also has an `error` that says where. If the body is not JSON, or is JSON that some programs cannot read
/// (a lone surrogate, a huge number, deep nesting), the line has a `payload` of null, a `body`, and an `error`.
///
/// A delivery is acknowledged only once its event is written: with --append, once it is on disk (fdatasync, for several
/// events at once if they arrive at the same time), otherwise once it is in standard output. If an event cannot be
/// written, the response is 503, so that the provider sends it again. If an event with an idempotency key is delivered
/// again, it is acknowledged but not written; an event without a key is written each time. If an event asks for something
/// that only you know, such as a menu, --answer gives the body of the response; without it, there is no body.
///
/// The protocol is HTTP/1.1 without TLS: use a proxy that has a certificate and forwards bodies and headers unchanged.
/// Every path accepts deliveries with POST, and answers the request with which the provider checks the URL, if it documents
/// one; this is logged, and not written as an event. GET /livez responds with 200, GET /readyz with 503 for 10
/// seconds after an event could not be written, and GET /metrics has metrics for Prometheus; give them an address of their own
/// with --admin, or configure the proxy so that it does not forward these three. On
/// SIGTERM and Ctrl-C, the program finishes the requests that have begun, and ends.
///
/// The log is on standard error. A log line that cannot be written is dropped, and counted in /metrics.
#[derive(Args)]
#[command(after_long_help = "\
Error responses:
  400  The connection or the request is broken, or with --strict: the body is not JSON, or does not match the specification
  401  The delivery is not genuine
  403  The token of the request that checks the URL is not that of --verify-token-file
  404  No route of the configuration has the path
  405  The method is neither POST nor that of the request that checks the URL
  408  The body was not complete after 10 seconds
  413  The body is longer than --max-bytes
  431  The head of the request has more than 16 KiB, or more than 100 headers
  500  The request that checks the URL cannot be answered without --secret-file or --verify-token-file
  503  The event could not be written, or the requests in flight need all the memory that they may

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
  pos-webhooks listen --config listen.toml
  pos-webhooks listen mipos --event Menu --secret-file secret.txt --answer menu.json

Exit status:
  0  Ended by SIGTERM or Ctrl-C, also during the start.
  1  No more events can be written: the program that reads standard output has ended.
  2  Wrong usage, or the program could not listen or open the file.")]
pub struct Arguments {
    /// Read what to do from this TOML file, for several routes; docs/production.md describes it
    ///
    /// Relative files in it are those of its folder. On SIGHUP, it is read again: a request that has begun keeps its route, and
    /// if the new configuration has a problem, the old one stays.
    #[arg(long, value_name = "FILE")]
    #[arg(conflicts_with_all = ["provider", "secret_file", "accept_unsigned", "signature", "url", "verify_token_file"])]
    #[arg(conflicts_with_all = ["event", "listen", "admin", "answer", "answer_status", "append", "strict", "once", "refused"])]
    #[arg(conflicts_with_all = ["max_bytes", "max_connections", "window", "log_format"])]
    config: Option<PathBuf>,

    /// Report problems of the configuration and what it does, without secrets, and end
    ///
    /// This finds what a start would find, and changes nothing.
    #[arg(long)]
    check: bool,

    /// The provider of the deliveries
    #[arg(value_name = "PROVIDER", value_parser = options::provider(), required_unless_present = "config")]
    provider: Option<&'static Provider>,

    /// File with the secret, or key, of the registration; give several while a secret is rotated
    ///
    /// One newline at the end of the file is not part of the secret.
    #[arg(long, value_name = "FILE", required_unless_present_any = ["accept_unsigned", "config"])]
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

    /// Address and port to listen on; or unix:PATH for a unix socket; or systemd for a socket that it has opened
    ///
    /// The owner and the group of a unix socket may connect; unix:PATH|0666 gives it another mode.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080", allow_negative_numbers = true)]
    listen: Address,

    /// Another address for health and metrics, which are then not served at the address of the deliveries
    #[arg(long, value_name = "ADDRESS", allow_negative_numbers = true)]
    admin: Option<Address>,

    /// How an event is recognised that is delivered again, if it does not have an idempotency key
    #[arg(long, value_enum, default_value_t)]
    once: Once,

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

    /// Keep refused and undecodable deliveries in this file, for `pos-webhooks verify --from`
    ///
    /// Only its owner may read the file. It has at most 50 MiB, including an older half in FILE.1, and at most 60 deliveries per
    /// minute; further ones are counted in /metrics. The signature of the provider is kept. Keys, cookies,
    /// tokens, codes and other signatures in headers and in the query, and headers that have a URL with one of them, are replaced by
    /// their length and the beginning of their SHA-256; bodies are kept as they are.
    #[arg(long, value_name = "FILE")]
    refused: Option<PathBuf>,

    /// Send every stored event to a program under development as well, such as http://localhost:3000/hooks
    ///
    /// The events of each sink are sent one after the other, with their bytes and the headers that are stored, but without a signature
    /// unless --forward-secret-file is given. With --config, the path of their route is appended to the URL. The response to the
    /// provider does not depend on it. After 408, 429, 5xx or no response, an event is sent again after a while.
    ///
    /// The position of the last event that was sent is in a file, so that the events that were stored meanwhile are sent after a
    /// restart: that of --append, or of the sink, with `.cursor` at the end of its name; for a sink of a server, that of --config with
    /// the name of the sink and `.cursor`.
    #[arg(long, value_name = "URL")]
    forward_to: Option<String>,

    /// Allow that --forward-to is another machine
    #[arg(long, requires = "forward_to")]
    forward_anywhere: bool,

    /// File with the secret with which forwarded events are signed anew, for the URL to which they are sent
    ///
    /// In a configuration, a route can have its own as `forward_secret`.
    #[arg(long, value_name = "FILE", requires = "forward_to")]
    forward_secret_file: Option<PathBuf>,

    /// Refuse payloads that do not match the specification
    ///
    /// Payloads that the provider has extended are then refused as well. Use this to find out what a provider sends,
    /// not in production.
    #[arg(long)]
    strict: bool,

    /// Maximum size of a body in bytes
    #[arg(long, value_name = "BYTES", default_value_t = BODY, allow_negative_numbers = true)]
    #[arg(value_parser = options::whole(1..=usize::MAX))]
    max_bytes: usize,

    /// Maximum number of connections; a further one closes the connection that has been idle longest
    #[arg(long, value_name = "COUNT", default_value_t = CONNECTIONS, allow_negative_numbers = true)]
    #[arg(value_parser = options::whole(NonZeroUsize::MIN..=NonZeroUsize::MAX))]
    max_connections: NonZeroUsize,

    /// Number of idempotency keys that are remembered to recognise redeliveries
    #[arg(long, value_name = "COUNT", default_value_t = WINDOW, allow_negative_numbers = true)]
    #[arg(value_parser = options::whole(NonZeroUsize::MIN..=NonZeroUsize::MAX))]
    window: NonZeroUsize,

    /// Format of the log
    #[arg(long, value_enum, default_value_t = LogFormat::Human)]
    log_format: LogFormat,

    #[arg(long, short, conflicts_with = "verbose", help = options::QUIET)]
    #[arg(long_help = format!("{}. The log has warnings and errors only", options::QUIET))]
    quiet: bool,

    #[arg(long, short, help = options::VERBOSE)]
    #[arg(long_help = format!("{}. The log has every event that is written, and how long the delivery took", options::VERBOSE))]
    verbose: bool,
}

impl Arguments {
    /// Reads the configuration, or makes one of the options.
    pub fn plan(&self) -> Result<Plan, Stop> {
        match (&self.config, self.provider) {
            (Some(file), _) => config::read(file),
            (None, Some(provider)) => self.of_options(provider),
            (None, None) => Err(Stop::Usage("give a provider, or a file with --config".to_owned())),
        }
    }

    pub fn is_check(&self) -> bool {
        self.check
    }

    /// Whether the plan may be another one when it is read again.
    pub fn has_config(&self) -> bool {
        self.config.is_some()
    }

    /// What of a plan is forwarded, and where.
    pub fn forward(&self, plan: &Plan) -> Result<Option<ForwardPlan>, Stop> {
        let Some(url) = self.forward_to.as_deref() else { return Ok(None) };
        let (secret_file, config) = (self.forward_secret_file.as_deref(), self.config.as_deref());
        ForwardPlan::new(&ForwardOptions { url, anywhere: self.forward_anywhere, secret_file, config }, plan).map(Some)
    }

    pub fn level(&self) -> tracing::Level {
        match (self.quiet, self.verbose) {
            (true, _) => tracing::Level::WARN,
            (false, true) => tracing::Level::DEBUG,
            (false, false) => tracing::Level::INFO,
        }
    }

    fn refused(&self) -> Result<Option<RefusedSettings>, Stop> {
        let Some(path) = self.refused.clone() else { return Ok(None) };
        let refused = RefusedSettings { path, size: SIZE, per_minute: PER_MINUTE, bodies: Bodies::default() };
        match self.append.clone().map(|path| self.file(path)) {
            Some(file) if refused.shares_a_file_with(&file) => {
                Err(Stop::Usage("--refused: the file is that of --append, or one of its rotated files".to_owned()))
            }
            _ => Ok(Some(refused)),
        }
    }

    fn file(&self, path: PathBuf) -> FileSettings {
        FileSettings { path, window: self.window, rotation: Rotation::default() }
    }

    /// The files with secrets that every user can read.
    fn readable_secrets(&self) -> impl Iterator<Item = String> {
        let others =
            [("--verify-token-file", &self.verify_token_file), ("--forward-secret-file", &self.forward_secret_file)];
        let others = others.into_iter().filter_map(|(option, file)| Some((option, file.as_ref()?)));
        let files = self.secret_file.iter().map(|file| ("--secret-file", file)).chain(others);
        files.filter_map(|(option, file)| Some(format!("{option}: {}", config::readable_by_others(file)?)))
    }

    /// Reports every option that is missing to verify deliveries.
    fn complete(&self, provider: &'static Provider) -> Result<(), Stop> {
        let event = self.event.as_deref();
        let name = verification::named(provider, event, self.signature.as_deref())?;
        let no_event = verification::without_event(provider, event);
        let (has_secret, has_url) = (!self.secret_file.is_empty(), self.url.is_some());
        match self.accept_unsigned {
            true => Ok(()),
            false => verification::complete(provider, event, name, has_secret, has_url, no_event),
        }
    }

    fn of_options(&self, provider: &'static Provider) -> Result<Plan, Stop> {
        let secrets = self.secret_file.iter().map(|file| input::secret(file)).collect();
        let (secrets, ()) = Stop::both(secrets, self.complete(provider))?;
        let mut registration = Registration::open(RegistrationSettings {
            provider,
            secrets,
            accept_unsigned: self.accept_unsigned,
            signature: self.signature.as_deref(),
            url: self.url.as_deref(),
            event: self.event.as_deref(),
            verify_token: self.verify_token_file.as_deref().map(input::secret).transpose()?,
            answers: &self.answer,
            answer_statuses: &self.answer_status,
        })?;
        registration.warnings.extend(self.readable_secrets());
        if self.admin.as_ref().is_some_and(|admin| admin.overlaps(&self.listen)) {
            let what = "--admin: the address is that of --listen; leave --admin out for one address";
            return Err(Stop::Usage(what.to_owned()));
        }
        let (sink, settings) = match &self.append {
            Some(path) => ("file", SinkSettings::File(self.file(path.clone()))),
            None => ("stdout", SinkSettings::Output { window: self.window }),
        };
        let route = RoutePlan {
            name: provider.name.to_owned(),
            path: PathPattern::Any,
            registration,
            sink: sink.to_owned(),
            once: self.once,
            max_bytes: self.max_bytes,
            strict: self.strict,
            forward_secret: None,
        };
        Ok(Plan {
            address: self.listen.clone(),
            admin: self.admin.clone(),
            drain: std::time::Duration::ZERO,
            limits: Limits {
                connections: self.max_connections,
                in_flight: IN_FLIGHT.max(memory::least(self.max_bytes)),
            },
            log: self.log_format,
            refused: self.refused()?,
            routes: vec![route],
            sinks: vec![SinkPlan { name: sink.to_owned(), settings }],
        })
    }
}

/// Whether any provider sends a token when it checks a URL.
fn any_sends_a_token() -> bool {
    providers::all().iter().any(|provider| sends_a_token(provider))
}
