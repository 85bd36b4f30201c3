//! `pos-webhooks try`: a sandbox, a registered receiver and the page, in one process.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::mpsc;

use clap::Args;
use pos_webhooks::Secret;
use pos_webhooks::catalogue::{Event, Provider};
use pos_webhooks::sandbox::{Attempt, Builder, Outcome, Received, Registration, Sandbox, StartError, Trigger};
use serde_json::Value;
use tokio::sync::oneshot;

use crate::color::{bad, good};
use crate::console::warn;
use crate::forwarded_secret::{self, secrets};
use crate::providers::{self, quoted};
use crate::report::{Plain, with_causes};
use crate::stop::Stop;
use crate::trigger::{SANDBOX, SHOWN, quoted_lines};
use crate::{input, options};

/// The port of [`SANDBOX`].
const PORT: u16 = 4010;

/// The number of characters of an idempotency key that are shown.
const KEY: usize = 8;

/// Receive a first event from a simulated provider, without credentials
///
/// Starts a sandbox with a receiver of its own, registers the receiver for every event of the provider, has the first event
/// delivered, and prints one line for each delivery that arrives: the time in UTC, the provider, the event, the beginning of its
/// idempotency key, whether its origin was verified and its payload is valid, and how long that took.
///
/// The page at the printed address shows the same, and delivers, changes and refuses events. The sandbox runs until it is
/// interrupted, and does not store its state.
#[derive(Args)]
#[command(after_long_help = "\
Examples:
  pos-webhooks try vipps
      Receives an event, and lists what to do next.
  pos-webhooks try vipps --forward-to http://localhost:3000/hooks/vipps
      Delivers every event to your program as well, and prints the secret that it has to verify with.
  pos-webhooks try vipps --forward-to http://localhost:3000/hooks/vipps --secret-file secret.txt
      Uses the secret in the file each time. The first time, creates the file.")]
pub struct Arguments {
    /// The provider
    #[arg(value_name = "PROVIDER", value_parser = options::provider())]
    provider: &'static Provider,

    /// Register this URL as well, so that your own program receives every event, signed as the provider signs it
    #[arg(long, value_name = "URL")]
    forward_to: Option<String>,

    /// File with the secret for --forward-to, which is then the same each time; it is created if it does not exist
    ///
    /// A new file has a new secret, and only its owner can read it. One newline at the end of the file is not part of the secret.
    #[arg(long, value_name = "FILE", requires = "forward_to")]
    secret_file: Option<PathBuf>,

    /// The event that is delivered first; by default the first one of the specification
    #[arg(long, value_name = "NAME")]
    event: Option<String>,

    /// Open the page in the browser
    #[arg(long)]
    open: bool,

    #[arg(long, short, conflicts_with = "verbose", help = options::QUIET)]
    #[arg(long_help = format!("{}. Deliveries that are refused are shown", options::QUIET))]
    quiet: bool,

    #[arg(long, short, help = options::VERBOSE)]
    #[arg(long_help = format!("{}. The payload is below each delivery, with the response of your program", options::VERBOSE))]
    verbose: bool,

    /// Address and port to listen on; by default 127.0.0.1:4010, or another port if that one is taken
    #[arg(long, value_name = "ADDRESS", allow_negative_numbers = true, value_parser = options::address)]
    listen: Option<SocketAddr>,
}

pub fn run(arguments: &Arguments) -> Result<ExitCode, Stop> {
    let provider = arguments.provider;
    let event = first_event(provider, arguments.event.as_deref())?;
    // The client of the registrations does not send its token over a network without TLS.
    if arguments.listen.is_some_and(|address| !address.ip().is_loopback()) {
        let instead = "`pos-webhooks sandbox` can be reached by others";
        return Err(Stop::Usage(format!(
            "--listen: give an address of this machine, such as 127.0.0.1:4010; {instead}"
        )));
    }
    let given = arguments.secret_file.as_deref().filter(|file| file.exists()).map(input::secret).transpose()?;
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        let sandbox = start(arguments).await.map_err(|error| Stop::Input(with_causes(&error)))?;
        // Not with the URL, which may contain a password.
        let unregistered = |what: &str, error: &dyn std::error::Error| {
            Stop::Input(format!("{what} could not be registered: {}", with_causes(error)))
        };
        let here = sandbox.receive_here(provider.name).await;
        let here = here.map_err(|error| unregistered("the receiver of the sandbox", &error))?;
        let mut there = match &arguments.forward_to {
            None => Vec::new(),
            Some(url) => {
                let registered = sandbox.register_for_all(provider.name, url).await;
                registered.map_err(|error| unregistered("the URL of --forward-to", &error))?
            }
        };
        let mut kept = None;
        if let Some(file) = &arguments.secret_file {
            kept = forwarded_secret::keep(&sandbox, provider, &mut there, file, given)?;
        }
        let (screen, written) = screen();
        // An error is that of the thread, which is waited for below.
        let _ = screen.send(introduction(arguments, &sandbox, &here, &there, kept.as_ref()));
        if arguments.open
            && let Err(error) = open::that_detached(format!("{}/#{}", sandbox.url(), provider.name))
        {
            warn(format_args!("the page could not be opened: {error}"));
        }
        let next = next_steps(arguments, event, &sandbox, secrets(provider, &there).iter().any(|(secret, _)| !secret.is_empty()));
        let follow = follow(arguments, &sandbox, &there, &next, &screen);
        let deliver = async {
            // An error of an attempt is shown where it is followed.
            let delivered = sandbox.deliver(provider.name, Trigger::new(event.name)).await;
            delivered.map_err(|error| Stop::Input(with_causes(&error)))?;
            std::future::pending::<Result<(), Stop>>().await
        };
        tokio::select! {
            () = follow => {}
            delivered = deliver => delivered?,
            error = written => return Err(error.map_or_else(|_| Stop::Input("nothing can be printed".to_owned()), Stop::Output)),
            interrupted = tokio::signal::ctrl_c() => interrupted?,
        }
        Ok(ExitCode::SUCCESS)
    })
}

fn first_event(provider: &'static Provider, name: Option<&str>) -> Result<&'static Event, Stop> {
    let Some(name) = name else {
        let none = || Stop::Input(format!("{} does not describe any events, so nothing is delivered", provider.name));
        return provider.events.first().ok_or_else(none);
    };
    options::event(provider, name)
}

/// The host of a URL. A URL without one is reported where it is registered.
fn host(url: &str) -> Option<String> {
    Some(reqwest::Url::parse(url).ok()?.host_str()?.to_owned())
}

async fn start(arguments: &Arguments) -> Result<Sandbox, StartError> {
    let with = |address: SocketAddr| -> Builder {
        let builder = providers::sandbox().listen(address);
        // The URL was given in order to receive deliveries, and others may be registered on the page.
        match arguments.forward_to.as_deref().and_then(host) {
            Some(host) => builder.deliver_to_host(host),
            None => builder,
        }
    };
    match arguments.listen {
        Some(address) => with(address).start().await,
        None => match with((Ipv4Addr::LOCALHOST, PORT).into()).start().await {
            Err(StartError::Listen { source, .. }) if source.kind() == io::ErrorKind::AddrInUse => {
                with((Ipv4Addr::LOCALHOST, 0).into()).start().await
            }
            started => started,
        },
    }
}

/// A thread that prints texts, so that a screen that stands still does not prevent anything else, and its error.
fn screen() -> (mpsc::Sender<String>, oneshot::Receiver<io::Error>) {
    let (sender, texts) = mpsc::channel::<String>();
    let (failed, written) = oneshot::channel();
    std::thread::spawn(move || {
        let print = |text: String| {
            let mut out = io::stdout().lock();
            out.write_all(text.as_bytes()).and_then(|()| out.flush())
        };
        if let Err(error) = texts.into_iter().try_for_each(print) {
            let _ = failed.send(error);
        }
    });
    (sender, written)
}

fn introduction(
    arguments: &Arguments,
    sandbox: &Sandbox,
    here: &[Registration],
    there: &[Registration],
    kept: Option<&Secret>,
) -> String {
    let Arguments { provider, forward_to, secret_file, .. } = arguments;
    let events = |registered: &[Registration]| {
        let names = registered.iter().flat_map(|it| &it.events).collect::<std::collections::BTreeSet<_>>();
        match names.len() {
            1 => "1 event".to_owned(),
            count => format!("{count} events"),
        }
    };
    let mut text = format!("{}\n\nPage      {}/#{}\n", provider.title, sandbox.url(), provider.name);
    let mut add = |name: &str, value: &str| text.extend(format!("{name:10}{value}\n").chars());
    add("Receiver", &format!("of the sandbox itself, registered for {}", events(here)));
    if let Some(url) = forward_to.as_ref().filter(|_| !there.is_empty()) {
        let below = if there.iter().all(|it| it.url == *url) { "" } else { " and URLs below it" };
        add("Forward", &format!("{}{below}, registered for {}", Plain(url), events(there)));
        let secrets = secrets(provider, there);
        let in_file = kept.map(Secret::expose);
        for (secret, events) in &secrets {
            let of = if secrets.len() == 1 { String::new() } else { format!("  for {}", events.join(", ")) };
            let secret = match (*secret, secret_file) {
                ("", _) => "none: deliveries are not signed".to_owned(),
                (secret, Some(file)) if in_file == Some(secret) => format!("in {}", Plain(&file.display().to_string())),
                (secret, _) => secret.to_owned(),
            };
            add("Secret", &format!("{secret}{of}"));
        }
    }
    text.push('\n');
    text
}

/// Shows what arrives, and what to do next after the first arrival.
async fn follow(
    arguments: &Arguments,
    sandbox: &Sandbox,
    there: &[Registration],
    next: &str,
    screen: &mpsc::Sender<String>,
) {
    let Arguments { quiet, verbose, .. } = *arguments;
    let (mut received, mut attempted, mut next) = (0, 0, Some(next).filter(|_| !quiet));
    loop {
        let mut lines = String::new();
        tokio::select! {
            new = sandbox.received_after(received) => {
                lines += &gap("deliveries", received, new.first().map(|first| first.number));
                received = new.last().map_or(received, |last| last.number);
                let is_shown = |it: &&Received| match it.outcome {
                    Outcome::Handshake => verbose,
                    outcome => !quiet || outcome.is_refusal(),
                };
                lines.extend(new.iter().filter(is_shown).map(|received| arrival(received, verbose)));
            }
            new = sandbox.attempts_after(attempted) => {
                lines += &gap("attempts", attempted, new.first().map(|first| first.number));
                attempted = new.last().map_or(attempted, |last| last.number);
                let is_shown = |attempt: &&Attempt| {
                    there.iter().any(|it| it.id == attempt.registration) && !(quiet && attempt.is_acknowledged())
                };
                lines.extend(new.iter().filter(is_shown).map(|attempt| attempted_line(attempt, "forwarded", verbose)));
            }
        }
        if !lines.is_empty() {
            lines += next.take().unwrap_or_default();
            let _ = screen.send(lines);
        }
    }
}

/// The line about what the sandbox did not keep, because there was too much of it at once.
fn gap(what: &str, shown: u64, first: Option<u64>) -> String {
    match first.map_or(0, |first| first.saturating_sub(shown + 1)) {
        0 => String::new(),
        missing => format!("{missing} {what} are not shown, because they came too fast\n"),
    }
}

/// The time of day of a time in RFC 3339 form, in UTC.
fn time_of_day(at: &str) -> String {
    at.get(11..19).map_or_else(|| at.to_owned(), |time| format!("{time}Z"))
}

/// The line of a delivery that the sandbox's receiver got.
fn arrival(received: &Received, verbose: bool) -> String {
    let key: String = received.idempotency_key.as_deref().unwrap_or("-").chars().take(KEY).collect();
    let event = Plain(received.event.as_deref().unwrap_or("-")).to_string();
    let reason = received.reason.lines().next().unwrap_or_default();
    let outcome = match received.outcome {
        Outcome::Accepted => good("verified  valid").to_string(),
        Outcome::Unsigned => format!("not signed  {}", good("valid")),
        Outcome::Handshake => good("handshake").to_string(),
        Outcome::NotValid => format!("{}  {}: {}", good("verified"), bad("not valid"), Plain(reason)),
        _ => format!("{}: {}", bad("refused"), Plain(reason)),
    };
    let (time, provider) = (time_of_day(received.at.as_str()), received.provider);
    let payload = if verbose { quoted_lines(&received.body, usize::MAX) } else { String::new() };
    format!("{time}  {provider}  {event}  {key:KEY$}  {outcome}  {} ms\n{payload}", received.duration.as_millis())
}

/// Prints every attempt at a delivery to standard error.
pub async fn log_attempts(sandbox: &Sandbox) -> ! {
    let mut logged = 0;
    loop {
        for attempt in sandbox.attempts_after(logged).await {
            logged = attempt.number;
            let line = attempted_line(&attempt, &Plain(&attempt.url).to_string(), false);
            // Deliveries go on if they cannot be logged.
            let _ = anstream::stderr().write_all(line.as_bytes());
        }
    }
}

/// The line of an attempt, after what was done with the event.
fn attempted_line(attempt: &Attempt, done: &str, verbose: bool) -> String {
    let body = attempt.answer.as_ref().map_or("", |answer| answer.body.as_str());
    let outcome = match (attempt.status, &attempt.error) {
        (Some(status), _) if attempt.is_acknowledged() => good(status).to_string(),
        (Some(status), _) => bad(format_args!("refused with {status}")).to_string(),
        (None, error) => bad(Plain(error.as_deref().unwrap_or("no response"))).to_string(),
    };
    let mut line = format!("{}  {}  {}  ", time_of_day(attempt.at.as_str()), attempt.provider, attempt.event);
    let _ = write!(line, "{done}  {outcome}  {} ms", attempt.duration.as_millis());
    if let Some(wait) = attempt.retry_in {
        let _ = write!(line, "; the next attempt is in {} s", wait.as_secs());
    }
    line.push('\n');
    if verbose {
        line += &quoted_lines(&attempt.request.body, usize::MAX);
        line += &quoted_lines(body, SHOWN);
    } else if !attempt.is_acknowledged() {
        line += &quoted_lines(body.trim().lines().next().unwrap_or_default(), SHOWN);
    }
    line
}

fn next_steps(arguments: &Arguments, event: &Event, sandbox: &Sandbox, is_signed: bool) -> String {
    let provider = arguments.provider;
    let name = format!("{}{}", provider.name, providers::option_of(provider));
    let at = if sandbox.url() == SANDBOX { String::new() } else { format!(" --sandbox {}", sandbox.url()) };
    let mut text = "\nNext, in another terminal:\n".to_owned();
    let mut add = |what: &str, command: String| text.extend(format!("  {what}\n    pos-webhooks {command}\n").chars());
    let event_name = quoted(event.name);
    let example = event.payload.example();
    let payload = example.and_then(|example| serde_json::from_str(example.json).ok());
    let pointer = payload.as_ref().and_then(|payload: &Value| number(payload, String::new()));
    let with_another_value = if pointer.is_some() { " with another value" } else { "" };
    let set = pointer.map_or_else(String::new, |pointer| format!(" --set {}", quoted(&format!("{pointer}=100"))));
    let first = match (&arguments.forward_to, is_signed) {
        (Some(_), true) => "Configure the secret in your program, then deliver an event",
        _ => "Deliver an event",
    };
    add(&format!("{first}{with_another_value}:"), format!("trigger {name} {event_name}{set}{at}"));
    add("List the events:", format!("schema {name}"));
    if provider.registration.as_ref().is_some_and(|registration| registration.list.is_some()) {
        add("List the webhooks:", format!("hooks {name} list --sandbox {}", sandbox.url()));
    }
    if arguments.forward_to.is_none() {
        add("Deliver to your own program as well:", format!("try {name} --forward-to http://localhost:3000/hooks"));
    }
    text.push('\n');
    text
}

/// The JSON pointer of the first number in a payload.
fn number(value: &Value, pointer: String) -> Option<String> {
    match value {
        Value::Number(_) => Some(pointer),
        Value::Object(members) => members.iter().find_map(|(name, member)| {
            number(member, format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1")))
        }),
        _ => None,
    }
}
