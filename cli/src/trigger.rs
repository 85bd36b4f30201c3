//! `pos-webhooks trigger`.

use std::env;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, ValueEnum};
use http::header::CONTENT_TYPE;
use pos_webhooks::catalogue::{Event, Provider};
use pos_webhooks::sandbox::{Attempt, Trigger};
use pos_webhooks::{Json, Secret};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::color::{bad, good};
use crate::console::{complain, print, warn};
use crate::report::{Plain, with_causes};
use crate::stop::Stop;
use crate::{account, hooks, input, json_text, options, outgoing, providers};

/// The address at which `try` starts a sandbox.
pub const SANDBOX: &str = "http://127.0.0.1:4010";

const VARIABLE: &str = "POS_WEBHOOKS_SANDBOX";

/// How long a sandbox may take to deliver an event, which is many times what a provider waits for a receiver.
const DELIVERY_TIMEOUT: Duration = Duration::from_secs(300);

/// The maximum number of bytes of the attempts.
const MAX_ATTEMPTS: usize = 64 << 20;

/// How many characters of a response are shown.
pub const SHOWN: usize = 500;

/// Deliver an event, from a running sandbox or to a URL of your own
///
/// The payload is the documented example, unless --payload gives another one. It is sent as the provider sends it: with its
/// headers, and signed. By default, the sandbox that `try` or `sandbox` has started delivers it to every registration for the
/// event. With --to, it is signed with a secret of yours, and sent once to your URL, without a sandbox.
#[derive(Args)]
#[command(after_long_help = "\
Examples:
  pos-webhooks trigger vipps epayments.payment.captured.v1 --set /amount/value=100
      Delivers the example with another amount to the registrations in the sandbox of `try`.
  pos-webhooks trigger vipps epayments.payment.captured.v1 \\
      --to http://localhost:3000/hooks/vipps --secret-file secret.txt
      Signs the example with your secret, and sends it to your program.

Exit status:
  0  Every receiver acknowledged the event.
  1  A receiver did not acknowledge the event, or no registration is for it.
  2  Wrong usage, or an input could not be read, or the sandbox could not be called.")]
pub struct Arguments {
    /// The provider that sends the event
    #[arg(value_name = "PROVIDER", value_parser = options::provider())]
    provider: &'static Provider,

    /// The event; `pos-webhooks schema PROVIDER` lists them
    event: String,

    /// Change a member of the payload, such as `/amount/value=100`. Can be given several times
    ///
    /// The place is a JSON pointer. The value is JSON, or else text. An object gets a member that it does not have, and `-` is
    /// the place after the last item of an array.
    #[arg(long, value_name = "POINTER=VALUE")]
    set: Vec<String>,

    /// File with the payload, at most 16 MiB, or 2 MB by way of a sandbox; - is standard input
    #[arg(long, value_name = "FILE")]
    payload: Option<PathBuf>,

    /// Address of the sandbox; by default POS_WEBHOOKS_SANDBOX, or else the address at which `try` starts one
    #[arg(long, value_name = "URL", conflicts_with = "to")]
    sandbox: Option<String>,

    /// Sign and send the event to this registered URL, without a sandbox
    ///
    /// If the provider adds the name of the event to the path, so does this.
    #[arg(long, value_name = "URL")]
    to: Option<String>,

    /// File with the secret, for --to
    ///
    /// One newline at the end of the file is not part of the secret.
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,

    /// Format of the attempts
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,

    #[arg(long, short, conflicts_with = "verbose", help = options::QUIET)]
    #[arg(long_help = format!("{}. Attempts that were not acknowledged are shown", options::QUIET))]
    quiet: bool,

    #[arg(long, short, help = options::VERBOSE)]
    #[arg(long_help = format!("{}. Each attempt has its request and its response", options::VERBOSE))]
    verbose: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Lines of text
    Human,
    /// One JSON object per attempt, one per line
    Json,
}

/// What an attempt is shown with.
#[derive(Deserialize)]
struct ShownAttempt {
    event: String,
    url: String,
    milliseconds: u64,
    status: Option<u16>,
    error: Option<String>,
    request: ShownMessage,
    answer: Option<ShownMessage>,
    note: Option<String>,
}

#[derive(Deserialize)]
struct ShownMessage {
    headers: Vec<(String, String)>,
    body: String,
}

pub fn run(arguments: &Arguments) -> Result<ExitCode, Stop> {
    let Arguments { provider, event, payload, to, format, quiet, verbose, .. } = arguments;
    if *verbose && *format == Format::Json {
        return Err(options::without_effect("--verbose", "--format json, which has the requests and the responses"));
    }
    let event = options::event(provider, event)?;
    if arguments.secret_file.is_some() && to.is_none() {
        return Err(Stop::Usage(
            "--secret-file is for --to; a sandbox signs with the secrets of its registrations".to_owned(),
        ));
    }
    input::standard_input_once(payload.iter().chain(&arguments.secret_file))?;
    let payload = changed(provider, event, arguments)?;
    let attempts = match to {
        Some(url) => {
            let secret = outgoing::secret(provider, event, arguments.secret_file.as_deref())?;
            sent(provider, event, url, secret, payload)?
        }
        None => {
            let named = env::var(VARIABLE).ok().filter(|url| !url.trim().is_empty());
            let url = arguments.sandbox.clone().or(named).unwrap_or_else(|| SANDBOX.to_owned());
            let attempts = delivered_by(&url, provider, event, payload)?;
            if attempts.is_empty() {
                complain(format_args!(
                    "no registration in the sandbox is for {}; `pos-webhooks try {}` makes one, and so does the page of the sandbox",
                    event.name, provider.name
                ));
                return Ok(ExitCode::FAILURE);
            }
            attempts
        }
    };
    let (mut text, mut acknowledged) = (String::new(), true);
    for attempt in &attempts {
        let attempt_json = attempt.get();
        let attempt: ShownAttempt = serde_json::from_str(attempt_json)
            .map_err(|_| Stop::Input("the sandbox is of another version: its attempt cannot be read".to_owned()))?;
        let is_acknowledged = attempt.status.is_some_and(|status| (200..300).contains(&status));
        acknowledged &= is_acknowledged;
        match format {
            _ if *quiet && is_acknowledged => {}
            Format::Human => text += &line(&attempt, *verbose),
            Format::Json => text += &json_text::escaped(format!("{attempt_json}\n")),
        }
    }
    Ok(print(&text, if acknowledged { ExitCode::SUCCESS } else { ExitCode::FAILURE })?)
}

/// The payload with the changes of --set; `None` if it is the example.
fn changed(provider: &'static Provider, event: &'static Event, arguments: &Arguments) -> Result<Option<Json>, Stop> {
    let given = match &arguments.payload {
        None if arguments.set.is_empty() => return Ok(None),
        None => {
            let example = event.payload.example();
            example.map_or("{}", |example| example.json).to_owned()
        }
        Some(file) => {
            let text = String::from_utf8(input::payload(file)?);
            text.map_err(|_| Stop::Input(format!("{}: the payload is not UTF-8", file.display())))?
        }
    };
    let json = input::without_mark(&given).parse();
    let json: Json = json.map_err(|error| Stop::Input(format!("the payload is not JSON: {error}")))?;
    let text =
        arguments.set.iter().try_fold(json.to_string(), |json, change| set(&json, change)).map_err(Stop::Usage)?;
    if let Err(invalid) = provider.validate(event.name, text.as_bytes()) {
        warn(format_args!("the payload does not match the specification, and is sent as it is:\n{invalid}"));
    }
    let json = text.parse().map_err(|error| Stop::Input(format!("the payload is not JSON: {error}")))?;
    Ok(Some(json))
}

/// The payload with another value at one place. Everything else stays as it is written.
fn set(payload: &str, change: &str) -> Result<String, String> {
    let (pointer, value) = change.split_once('=').filter(|(pointer, _)| pointer.starts_with('/')).ok_or_else(|| {
        format!("--set: `{}` is not of the form POINTER=VALUE, such as `/amount/value=100`", Plain(change))
    })?;
    let value = value.parse::<Json>().map_or_else(|_| Value::from(value).to_string(), |json| json.to_string());
    let escapes = pointer.match_indices('~').map(|(place, _)| place);
    let is_wrong = |place: &usize| !pointer.get(place + 1..).is_some_and(|rest| rest.starts_with(['0', '1']));
    if let Some(place) = escapes.into_iter().find(is_wrong) {
        let before = pointer.get(..place).unwrap_or_default();
        return Err(format!(
            "--set: `{}` is not a JSON pointer: the `~` after `{}` is followed by neither `0` nor `1`; write `~0` for `~`, and \
             `~1` for `/`",
            Plain(pointer),
            Plain(before)
        ));
    }
    let tokens: Vec<_> = pointer.split('/').skip(1).map(|token| token.replace("~1", "/").replace("~0", "~")).collect();
    set_at(payload, &tokens, &value).map_err(|(left, what)| {
        let at = tokens.iter().take(tokens.len() - left).map(|token| format!("/{token}")).collect::<String>();
        format!("--set: {}", what.replace("PLACE", &format!("`{}`", Plain(&at))))
    })
}

/// An error has how many tokens were left at the place that it is about.
fn set_at(json: &str, tokens: &[String], value: &str) -> Result<String, (usize, String)> {
    let Some((token, rest)) = tokens.split_first() else { return Ok(value.to_owned()) };
    let nothing = || (rest.len(), "there is nothing at PLACE in the payload".to_owned());
    if let Some(members) = json.parse::<Json>().ok().and_then(|json| json.members()) {
        let is_new = members.iter().all(|(name, _)| name != token);
        if is_new && !rest.is_empty() {
            return Err(nothing());
        }
        let mut written = Vec::new();
        for (name, member) in &members {
            let member = if name == token { set_at(member.as_str(), rest, value)? } else { member.to_string() };
            written.push(format!("{}:{member}", Value::from(name.as_str())));
        }
        written.extend(is_new.then(|| format!("{}:{value}", Value::from(token.as_str()))));
        return Ok(format!("{{{}}}", written.join(",")));
    }
    let Ok(items) = serde_json::from_str::<Vec<&RawValue>>(json) else {
        return Err((tokens.len(), "PLACE is not an object or an array, so it does not have members".to_owned()));
    };
    let index = if token == "-" { Some(items.len()) } else { token.parse().ok().filter(|index| *index <= items.len()) };
    let Some(index) = index else {
        return Err((
            tokens.len(),
            format!("PLACE has {} items, and `{}` is not one of them", items.len(), Plain(token)),
        ));
    };
    if index == items.len() && !rest.is_empty() {
        return Err(nothing());
    }
    let mut written: Vec<_> = items.iter().map(|item| item.get().to_owned()).collect();
    match written.get_mut(index) {
        Some(item) => *item = set_at(item, rest, value)?,
        None => written.push(value.to_owned()),
    }
    Ok(format!("[{}]", written.join(",")))
}

/// Signs and sends an event once.
fn sent(
    provider: &'static Provider,
    event: &'static Event,
    url: &str,
    secret: Secret,
    payload: Option<Json>,
) -> Result<Vec<Box<RawValue>>, Stop> {
    let trigger = Trigger::new(event.name).max_attempts(1);
    let trigger = match payload {
        Some(payload) => trigger.payload(payload),
        None => trigger,
    };
    let unusable = |error: &dyn std::error::Error| Stop::Input(with_causes(error));
    let mut attempts = hooks::runtime()?.block_on(async {
        let sandbox = providers::sandbox().deliver_anywhere().start().await.map_err(|error| unusable(&error))?;
        sandbox.deliver_to(provider.name, url, secret.clone(), trigger).await.map_err(|error| unusable(&error))
    })?;
    for attempt in &mut attempts {
        // Nothing was sent.
        if let (Some(error), true) = (&attempt.error, attempt.request.headers.is_empty()) {
            return Err(Stop::Usage(format!("--to: nothing can be delivered: {}", Plain(error))));
        }
        mask(attempt, secret.expose());
    }
    let json = attempts.iter().map(serde_json::value::to_raw_value).collect::<Result<_, _>>();
    json.map_err(|error| unusable(&error))
}

/// Removes the secret, which some providers send in a header, and some programs return in an error.
fn mask(attempt: &mut Attempt, secret: &str) {
    if secret.is_empty() {
        return;
    }
    let messages = [Some(&mut attempt.request), attempt.answer.as_mut()].into_iter().flatten();
    for message in messages {
        let texts = message.headers.iter_mut().map(|(_, value)| value).chain([&mut message.body]);
        texts.for_each(|text| *text = text.replace(secret, "***"));
    }
}

#[derive(serde::Serialize)]
struct Request<'a> {
    event: &'a str,
    payload: Option<Json>,
}

#[derive(Deserialize)]
struct Refusal {
    error: String,
}

/// Has the sandbox at a URL deliver an event to the registrations for it.
fn delivered_by(
    url: &str,
    provider: &'static Provider,
    event: &'static Event,
    payload: Option<Json>,
) -> Result<Vec<Box<RawValue>>, Stop> {
    // Whether it is a sandbox with this provider is known soon; a receiver may take its time.
    account::simulated(provider, url)?;
    let mut deliver = account::sandbox_url(url)?;
    deliver.set_path(&format!("/_sandbox/{}/deliver", provider.name));
    let failed = |error: reqwest::Error| {
        Stop::Input(format!("the sandbox cannot be called: {}", with_causes(&error.without_url())))
    };
    let body = serde_json::to_string(&Request { event: event.name, payload });
    let body = body.map_err(|error| Stop::Input(error.to_string()))?;
    let client = account::local(&deliver)?.timeout(DELIVERY_TIMEOUT).build().map_err(failed)?;
    let (status, body) = hooks::runtime()?.block_on(async {
        let request = client.post(deliver).header(CONTENT_TYPE, "application/json").body(body);
        let response = request.send().await.map_err(failed)?;
        let status = response.status();
        Ok::<_, Stop>((status, account::limited(response, MAX_ATTEMPTS).await.map_err(failed)?))
    })?;
    let body = body.ok_or_else(|| Stop::Input(format!("the sandbox responded with more than {MAX_ATTEMPTS} bytes")))?;
    if status.is_success() {
        return serde_json::from_slice(&body)
            .map_err(|_| Stop::Input("the response is not that of a sandbox of pos-webhooks".to_owned()));
    }
    let reason = serde_json::from_slice(&body).map_or_else(|_| status.to_string(), |Refusal { error }| error);
    Err(Stop::Input(format!("the sandbox refused: {}", Plain(&reason))))
}

/// An attempt, for people.
fn line(attempt: &ShownAttempt, verbose: bool) -> String {
    let ShownAttempt { event, url, milliseconds, status, error, request, answer, note } = attempt;
    let url = Plain(url);
    let is_success = status.is_some_and(|status| (200..300).contains(&status));
    let mut line = match (status, error) {
        (Some(status), _) if is_success => format!("{} in {milliseconds} ms from {url}\n", good(status)),
        (Some(status), _) => {
            format!("{} in {milliseconds} ms by {url}\n", bad(format_args!("refused with {status}")))
        }
        (None, error) => format!("{} ({url})\n", bad(Plain(error.as_deref().unwrap_or("no response")))),
    };
    let head = |message: &ShownMessage| {
        let header = |(name, value): &(String, String)| format!("  {}: {}\n", Plain(name), Plain(value));
        message.headers.iter().map(header).collect::<String>()
    };
    if verbose {
        line +=
            &format!("\nRequest for {}\n{}\n{}", Plain(event), head(request), quoted_lines(&request.body, usize::MAX));
        line += &answer.as_ref().map_or_else(String::new, |answer| format!("\nResponse\n{}\n", head(answer)));
    }
    if let Some(answer) = answer.as_ref().filter(|_| verbose || !is_success) {
        line += &quoted_lines(&answer.body, SHOWN);
    }
    if let Some(note) = note {
        line += &format!("  {}\n", Plain(note));
    }
    line
}

/// The first characters of a text, indented and made safe for a terminal.
pub fn quoted_lines(text: &str, most: usize) -> String {
    let shown: String = text.trim().chars().take(most).collect();
    shown.lines().map(|text| format!("  {}\n", Plain(text))).collect()
}
