//! `pos-webhooks replay`.

use std::collections::BTreeSet;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::Timestamp;
use pos_webhooks::catalogue::{Provider, Verification};
use serde::Serialize;
use tokio::time::MissedTickBehavior;

use crate::console::{complain, is_affirmed, print, warn};
use crate::outgoing::{Recipient, Sent, Signing};
use crate::report::Plain;
use crate::source::{Begin, Filter, Place, Reading, Source, SourceArguments, StoredEvent};
use crate::stop::{Stop, UNUSABLE};
use crate::{input, json_text, verification};

/// After how many events without a response the program stops: the recipient is not there.
const GIVE_UP: u32 = 10;

/// Send stored events again, to the same or another program
///
/// Each event is sent once, with the bytes of its first delivery, and signed now for the URL of --to. A program that recognises
/// redeliveries by the idempotency key recognises these as well. The header `Pos-Webhooks-Replay` has the place of the event in the
/// source: `events.ndjson:17` for a line of a file, or `17` for the id of a row of PostgreSQL or the sequence number of a message
/// of NATS. If deliveries name their event in a header or in the path, so do these. Events that are stored after the start are not
/// sent.
///
/// Unless the URL is one of this machine, the program asks before it sends anything.
#[derive(Args)]
#[command(after_long_help = "\
Examples:
  pos-webhooks replay events.ndjson --to http://localhost:3000/hooks --secret-file secret.txt --since 2h
  pos-webhooks replay events.ndjson --to https://shop.example/hooks --secret-file secret.txt \\
      --route shop --event '*.captured.v1' --rate 5/s --dry-run
      Lists the events, and sends nothing.
  pos-webhooks replay inbox --config listen.toml --to http://localhost:3000/hooks --secret-file secret.txt

Exit status:
  0  Every event was accepted: the status of the response was 2xx.
  1  An event was not accepted, or cannot be sent, or the program was interrupted. The output lists these
     events; the others are sent.
  2  Wrong usage, or the events could not be read, or the output could not be written.")]
pub struct Arguments {
    #[command(flatten)]
    source: SourceArguments,

    /// The URL to which the events are sent
    #[arg(long, value_name = "URL")]
    to: String,

    /// File with the secret with which the program verifies deliveries; required if the provider proves their origin
    ///
    /// One newline at the end of the file is not part of the secret.
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,

    /// The signature to compute, if the provider signs in several ways; by default the first one
    #[arg(long, value_name = "NAME", hide = !verification::any_has_names())]
    signature: Option<String>,

    /// The URL to sign, if the program verifies another one than that of --to
    #[arg(long)]
    url: Option<String>,

    #[command(flatten)]
    filter: Filter,

    /// Begin with the event at this place, such as events.ndjson:17, or 17 for a server
    #[arg(long, value_name = "PLACE")]
    begin_at: Option<String>,

    /// The maximum rate, such as 5/s, 100/m or 1000/h
    #[arg(long, value_parser = interval)]
    rate: Option<Duration>,

    /// List the events, and send nothing
    #[arg(long)]
    dry_run: bool,

    /// Do not ask
    #[arg(long, short)]
    yes: bool,

    /// Format of the results
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Lines of text
    Human,
    /// One JSON object per event, one per line
    Json,
}

/// The result for an event; without one, it was only listed.
#[derive(Serialize)]
struct ResultLine<'a> {
    place: String,
    received_at: Timestamp,
    route: &'a str,
    event: Option<&'a str>,
    idempotency_key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    milliseconds: Option<u128>,
}

/// The events that are selected.
#[derive(Default)]
struct Selection {
    count: u64,
    providers: BTreeSet<String>,
    routes: BTreeSet<String>,
    first: Option<Timestamp>,
    last: Option<Timestamp>,
    is_signed: bool,
    /// Whether at least one of them can be sent.
    is_sendable: bool,
    /// Why the first one cannot be sent that cannot.
    problem: Option<String>,
}

pub fn run(arguments: &Arguments) -> Result<ExitCode, Stop> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let signing = match &arguments.secret_file {
            Some(file) => Some(Signing { secret: input::secret(file)?, name: arguments.signature.clone() }),
            None => None,
        };
        let recipient = Recipient::new("--to", &arguments.to, arguments.url.as_deref(), signing)?;
        let begin = arguments.begin_at.clone().map_or(Begin::First, Begin::At);
        let reading = Reading { begin, filter: arguments.filter.clone(), is_patient: false, warn };
        let mut events = arguments.source.open(reading).await?;
        let selection = Selection::of(&mut events, &recipient).await?;
        events.rewind()?;
        if selection.count == 0 {
            complain(format_args!("no stored event is selected, so nothing is sent"));
            return Ok(ExitCode::FAILURE);
        }
        // This is about the options, and not about single events.
        if let Some(problem) = selection.problem.as_ref().filter(|_| !selection.is_sendable) {
            return Err(Stop::Usage(problem.clone()));
        }
        if arguments.dry_run {
            return list(arguments, events, &recipient).await;
        }
        selection.check_secret(arguments)?;
        let question = format!("{} to {}", selection.description(), Plain(&recipient.shown()));
        if !arguments.yes && !recipient.is_loopback() {
            if !io::stdin().is_terminal() {
                return Err(Stop::Usage(format!("--yes is required without a terminal, to send {question}")));
            }
            if !is_affirmed(format_args!("Send {question}?")) {
                complain(format_args!("nothing was sent"));
                return Ok(ExitCode::FAILURE);
            }
        }
        send(arguments, events, &recipient, selection.count).await
    })
}

impl Selection {
    async fn of(events: &mut Source, recipient: &Recipient) -> Result<Self, Stop> {
        let mut selection = Self::default();
        while let Some(event) = events.next().await? {
            let provider = event.known_provider().ok_or_else(|| {
                let (place, provider) = (&event.place, Plain(&event.provider));
                Stop::Usage(format!("{place}: the specification of {provider} is not known; give it with --spec"))
            })?;
            let verification = provider.verification_of(event.event.as_deref());
            selection.is_signed |= !matches!(verification, None | Some(Verification::None(_)));
            match recipient.prepare(&event, true) {
                Ok(_) => selection.is_sendable = true,
                Err(why) if selection.problem.is_none() => {
                    selection.problem = Some(format!("{}: {}", event.place, Plain(&why)));
                }
                Err(_) => {}
            }
            selection.count += 1;
            selection.first.get_or_insert(event.received_at);
            selection.last = Some(event.received_at);
            selection.providers.insert(event.provider);
            selection.routes.insert(event.route);
        }
        if selection.providers.len() > 1 {
            let routes = selection.routes.iter().map(|route| Plain(route).to_string()).collect::<Vec<_>>().join(", ");
            return Err(Stop::Usage(format!(
                "the events are of several providers, which one URL cannot receive; give --route one of: {routes}"
            )));
        }
        Ok(selection)
    }

    fn provider(&self) -> Option<&'static Provider> {
        let name = self.providers.first()?;
        crate::providers::all().iter().copied().find(|provider| provider.name == *name)
    }

    fn check_secret(&self, arguments: &Arguments) -> Result<(), Stop> {
        let Some(provider) = self.provider() else { return Ok(()) };
        if self.is_signed && arguments.secret_file.is_none() {
            return Err(Stop::Usage(format!(
                "{} proves the origin of these events with a secret; give the one that your program verifies with as \
                 --secret-file FILE",
                provider.name
            )));
        }
        let signature = verification::signature(provider, None, None);
        if let Some(window) =
            signature.and_then(|it| it.window().filter(|_| it.time.is_some_and(|it| it.member.is_some())))
        {
            warn(format_args!(
                "{} sends the time in the body, which stays as it is: a program that checks it accepts events of the last {} s only",
                provider.name,
                window.as_secs()
            ));
        }
        Ok(())
    }

    fn description(&self) -> String {
        let Self { count, routes, first, last, .. } = self;
        let events = if *count == 1 { "1 event".to_owned() } else { format!("{count} events") };
        let routes = routes.iter().map(|route| Plain(route).to_string()).collect::<Vec<_>>().join(", ");
        let time = |time: &Option<Timestamp>| time.map(|time| format!("{time:.0}")).unwrap_or_default();
        format!("{events} of {routes}, received from {} to {},", time(first), time(last))
    }
}

async fn list(arguments: &Arguments, mut events: Source, recipient: &Recipient) -> Result<ExitCode, Stop> {
    let mut output = io::BufWriter::new(io::stdout().lock());
    let mut unsendable = Vec::new();
    while let Some(event) = events.next().await? {
        let prepared = recipient.prepare(&event, true);
        let result = prepared.as_ref().map(|_| None).map_err(String::as_str);
        output.write_all(line(arguments.format, &event, result)?.as_bytes())?;
        unsendable.extend(prepared.err().map(|why| (event.place, why)));
    }
    output.flush()?;
    if unsendable.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    complain(format_args!("some events cannot be sent:\n{}", with_reasons(&unsendable).trim_end()));
    Ok(ExitCode::FAILURE)
}

/// Events with the reasons why they were not accepted, one per line.
fn with_reasons(events: &[(Place, String)]) -> String {
    events.iter().map(|(place, why)| format!("  {place}  {}\n", Plain(why))).collect()
}

/// Sends this number of events.
async fn send(arguments: &Arguments, mut events: Source, recipient: &Recipient, count: u64) -> Result<ExitCode, Stop> {
    let progress = progress(arguments.format, count);
    let mut tick = arguments.rate.map(tokio::time::interval);
    if let Some(tick) = &mut tick {
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    }
    let (mut accepted, mut unanswered, mut not_accepted) = (0_u64, 0, Vec::new());
    let (mut stopped, mut status) = (None, ExitCode::FAILURE);
    let mut interruption = std::pin::pin!(tokio::signal::ctrl_c());
    for _ in 0..count {
        let Some(event) = events.next().await? else {
            stopped = Some("stopped: the other events are not stored any more".to_owned());
            break;
        };
        let send = async {
            if let Some(tick) = &mut tick {
                tick.tick().await;
            }
            recipient.send(&event, true).await
        };
        let sent = tokio::select! {
            sent = send => sent,
            interrupted = &mut interruption => {
                interrupted?;
                stopped = Some(format!("interrupted; {} may have been received", event.place));
                not_accepted.push((event.place, "interrupted".to_owned()));
                break;
            }
        };
        progress.inc(1);
        // An event that cannot be sent says nothing about the recipient.
        if let Ok(sent) = &sent {
            unanswered = if sent.answer.is_err() { unanswered + 1 } else { 0 };
        }
        let text = line(arguments.format, &event, sent.as_ref().map(Some).map_err(String::as_str))?;
        // The results do not run into the progress, which may be on the same terminal.
        let written = match progress.is_hidden() || !sent.as_ref().is_ok_and(Sent::is_accepted) {
            true => progress.suspend(|| io::stdout().lock().write_all(text.as_bytes())),
            false => Ok(()),
        };
        match sent.and_then(|sent| sent.answer) {
            Ok(status) if status.is_success() => accepted += 1,
            Ok(status) => not_accepted.push((event.place, status.as_u16().to_string())),
            Err(why) => not_accepted.push((event.place, why)),
        }
        // The list of what was not accepted is on standard error.
        if let Err(error) = written {
            stopped = Some(format!("stopped: the results cannot be written: {error}"));
            status = ExitCode::from(UNUSABLE);
            break;
        }
        if unanswered >= GIVE_UP {
            stopped = Some(format!("stopped: there was no response to {GIVE_UP} events in a row"));
            break;
        }
    }
    let is_shown = !progress.is_hidden();
    progress.finish_and_clear();
    if not_accepted.is_empty() && stopped.is_none() {
        let text = if is_shown { format!("{accepted} of {count} events were accepted.\n") } else { String::new() };
        return Ok(print(&text, ExitCode::SUCCESS)?);
    }
    let mut text = stopped.map(|stopped| format!("{stopped}\n")).unwrap_or_default();
    text += &format!("{accepted} of {count} events were accepted");
    if let Some((first, _)) = not_accepted.first() {
        text += &format!(
            "; not accepted:\n{}--begin-at {first} continues with the first of them",
            with_reasons(&not_accepted)
        );
    }
    complain(format_args!("{text}"));
    Ok(status)
}

/// The line of an event: with the result of sending it if it was sent, or the reason why it cannot be sent.
fn line(format: Format, event: &StoredEvent, result: Result<Option<&Sent>, &str>) -> Result<String, Stop> {
    let sent = result.ok().flatten();
    let status = sent.and_then(|sent| sent.answer.as_ref().ok()).map(|status| status.as_u16());
    let error = result.err().or_else(|| sent?.answer.as_ref().err().map(String::as_str));
    let milliseconds = sent.map(|sent| sent.after.as_millis());
    let StoredEvent { place, received_at, route, event: name, idempotency_key, .. } = event;
    if format == Format::Json {
        let (name, key) = (name.as_deref(), idempotency_key.as_deref());
        let line = ResultLine {
            place: place.to_string(),
            received_at: *received_at,
            route,
            event: name,
            idempotency_key: key,
            status,
            error,
            milliseconds,
        };
        return Ok(json_text::to_string(&line).map_err(io::Error::from)? + "\n");
    }
    let (route, name) = (Plain(route), Plain(name.as_deref().unwrap_or("-")).to_string());
    let result = match (status, error) {
        (Some(status), _) => format!("  {status}"),
        (None, Some(error)) => format!("  {}", Plain(error)),
        (None, None) => String::new(),
    };
    let after = milliseconds.map(|milliseconds| format!("  {milliseconds} ms")).unwrap_or_default();
    Ok(format!("{place}  {received_at:.0}  {route}  {name}{result}{after}\n"))
}

/// A progress bar on standard error, if the output is for people and on a terminal. Otherwise, each result is a line.
fn progress(format: Format, count: u64) -> ProgressBar {
    let target = if format == Format::Human && io::stderr().is_terminal() && io::stdout().is_terminal() {
        ProgressDrawTarget::stderr()
    } else {
        ProgressDrawTarget::hidden()
    };
    let bar = ProgressBar::with_draw_target(Some(count), target);
    match ProgressStyle::with_template("{wide_bar} {pos} of {len}, {per_sec}, {eta} left") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// The time between two events at a rate.
fn interval(text: &str) -> Result<Duration, &'static str> {
    const EXPECTED: &str = "a number of events in a time is expected, such as 5/s, 100/m or 1000/h";
    let (count, unit) = text.split_once('/').ok_or(EXPECTED)?;
    let unit = match unit.trim() {
        "s" => 1,
        "m" | "min" => 60,
        "h" => 3600,
        _ => return Err(EXPECTED),
    };
    let count: u32 = count.trim().parse().ok().filter(|count| *count > 0).ok_or(EXPECTED)?;
    Ok(Duration::from_secs(unit) / count)
}
