//! `pos-webhooks trigger`.

use std::env;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use http::header::CONTENT_TYPE;
use pos_webhooks::catalogue::{Event, Provider, Verification};
use pos_webhooks::sandbox::Trigger;
use pos_webhooks::{Json, Secret};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::account::{local, sandbox_url};
use crate::console::{print, warn};
use crate::report::{Plain, with_causes};
use crate::stop::Stop;
use crate::{hooks, input, options, providers};

/// The address at which `try` starts a sandbox.
pub const SANDBOX: &str = "http://127.0.0.1:4010";

const VARIABLE: &str = "POS_WEBHOOKS_SANDBOX";

/// How many characters of a response are shown.
const SHOWN: usize = 500;

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
  1  A receiver did not, or there is no registration for the event.
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

    /// File with the payload, at most 16 MiB; - is standard input
    #[arg(long, value_name = "FILE")]
    payload: Option<PathBuf>,

    /// Address of the sandbox; by default POS_WEBHOOKS_SANDBOX, or else the address at which `try` starts one
    #[arg(long, value_name = "URL", conflicts_with = "to")]
    sandbox: Option<String>,

    /// Sign and send the event to this URL, without a sandbox
    #[arg(long, value_name = "URL")]
    to: Option<String>,

    /// File with the secret, for --to
    ///
    /// One newline at the end of the file is not part of the secret.
    #[arg(long, value_name = "FILE", requires = "to")]
    secret_file: Option<PathBuf>,

    /// Format of the attempts
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
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
    url: String,
    milliseconds: u64,
    status: Option<u16>,
    error: Option<String>,
    answer: Option<Answer>,
    note: Option<String>,
}

#[derive(Deserialize)]
struct Answer {
    body: String,
}

pub fn run(arguments: &Arguments) -> Result<ExitCode, Stop> {
    let Arguments { provider, event, payload, to, format, .. } = arguments;
    let event = provider.event(event).ok_or_else(|| {
        Stop::Usage(options::unknown_event(provider, event).unwrap_or_else(|| format!("there is no event {event:?}")))
    })?;
    input::standard_input_once(payload.iter().chain(&arguments.secret_file))?;
    let payload = changed(provider, event, arguments)?;
    let attempts = match to {
        Some(url) => sent(provider, event, url, secret(arguments, event)?, payload)?,
        None => {
            let url =
                arguments.sandbox.clone().or_else(|| env::var(VARIABLE).ok()).unwrap_or_else(|| SANDBOX.to_owned());
            let attempts = delivered_by(&url, provider, event, payload)?;
            if attempts.is_empty() {
                return Err(Stop::Input(format!(
                    "no registration in the sandbox at {} is for {}; `pos-webhooks try {}` makes one, and so does the page there",
                    Plain(&url),
                    event.name,
                    provider.name
                )));
            }
            attempts
        }
    };
    let (mut text, mut acknowledged) = (String::new(), true);
    for attempt in &attempts {
        let attempt_json = attempt.get();
        let attempt: ShownAttempt = serde_json::from_str(attempt_json)
            .map_err(|_| Stop::Input("the sandbox is of another version: its attempt cannot be read".to_owned()))?;
        acknowledged &= attempt.status.is_some_and(|status| (200..300).contains(&status));
        match format {
            Format::Human => text += &line(&attempt),
            Format::Json => text += &format!("{attempt_json}\n"),
        }
    }
    Ok(print(&text, if acknowledged { ExitCode::SUCCESS } else { ExitCode::FAILURE })?)
}

/// The payload with the changes of --set; `None` if it is the example.
fn changed(provider: &'static Provider, event: &'static Event, arguments: &Arguments) -> Result<Option<Json>, Stop> {
    let given = match &arguments.payload {
        None if arguments.set.is_empty() => return Ok(None),
        None => {
            let example = event.payload.examples.iter().min_by_key(|example| example.origin);
            example.map_or("{}", |example| example.json).to_owned()
        }
        Some(file) => {
            let text = String::from_utf8(input::payload(file)?);
            text.map_err(|_| Stop::Input(format!("{}: the payload is not UTF-8", file.display())))?
        }
    };
    let text = if arguments.set.is_empty() {
        input::without_mark(&given).to_owned()
    } else {
        let mut value: Value = serde_json::from_str(input::without_mark(&given))
            .map_err(|error| Stop::Input(format!("the payload is not JSON, so --set cannot change it: {error}")))?;
        arguments.set.iter().try_for_each(|change| set(&mut value, change)).map_err(Stop::Usage)?;
        value.to_string()
    };
    if let Err(invalid) = provider.validate(event.name, text.as_bytes()) {
        warn(format_args!("the payload does not match the specification, and is sent as it is:\n{invalid}"));
    }
    let json = text.parse().map_err(|error| Stop::Input(format!("the payload is not JSON: {error}")))?;
    Ok(Some(json))
}

/// Sets a member of the payload.
fn set(payload: &mut Value, change: &str) -> Result<(), String> {
    let (pointer, value) = change.split_once('=').filter(|(pointer, _)| pointer.starts_with('/')).ok_or_else(|| {
        format!("--set: `{}` is not of the form POINTER=VALUE, such as `/amount/value=100`", Plain(change))
    })?;
    let value = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
    if let Some(place) = payload.pointer_mut(pointer) {
        *place = value;
        return Ok(());
    }
    let (parent, token) = pointer.rsplit_once('/').unwrap_or_default();
    match payload.pointer_mut(parent) {
        Some(Value::Object(members)) => {
            members.insert(token.replace("~1", "/").replace("~0", "~"), value);
            Ok(())
        }
        Some(Value::Array(items)) if token == "-" || token == items.len().to_string() => {
            items.push(value);
            Ok(())
        }
        Some(Value::Array(items)) => Err(format!(
            "--set: `{}` has {} items, and `{}` is not one of them",
            Plain(parent),
            items.len(),
            Plain(token)
        )),
        Some(_) => Err(format!("--set: `{}` is not an object or an array, so it does not have members", Plain(parent))),
        None => Err(format!("--set: there is nothing at `{}` in the payload", Plain(parent))),
    }
}

/// The secret for --to; empty if the provider does not sign the event.
fn secret(arguments: &Arguments, event: &Event) -> Result<Secret, Stop> {
    let provider = arguments.provider;
    match (&arguments.secret_file, provider.verification_of(Some(event.name))) {
        (Some(file), _) => input::secret(file),
        (None, Some(Verification::None(_) | Verification::Custom(_)) | None) => Ok(Secret::from("")),
        (None, Some(verification)) if verification.optional().is_some() => Ok(Secret::from("")),
        (None, Some(_)) => Err(Stop::Usage(format!(
            "{} proves the origin of {} with a secret; give the one that your program verifies with as --secret-file FILE",
            provider.name, event.name
        ))),
    }
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
    let attempts = hooks::runtime()?.block_on(async {
        let sandbox = providers::sandbox().deliver_anywhere().start().await.map_err(|error| unusable(&error))?;
        sandbox.deliver_to(provider.name, url, secret, trigger).await.map_err(|error| unusable(&error))
    })?;
    let json = attempts.iter().map(serde_json::value::to_raw_value).collect::<Result<_, _>>();
    json.map_err(|error| unusable(&error))
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
    let shown = Plain(url);
    let mut deliver = sandbox_url(url)?;
    deliver.set_path(&format!("/_sandbox/{}/deliver", provider.name));
    let failed = |error: reqwest::Error| {
        let cause = with_causes(&error.without_url());
        Stop::Input(format!(
            "the sandbox at {shown} cannot be called: {cause}; `pos-webhooks try {}` starts one",
            provider.name
        ))
    };
    let body = serde_json::to_string(&Request { event: event.name, payload });
    let body = body.map_err(|error| Stop::Input(error.to_string()))?;
    let client = local(&deliver)?.build().map_err(failed)?;
    let (status, body) = hooks::runtime()?.block_on(async {
        let request = client.post(deliver).header(CONTENT_TYPE, "application/json").body(body);
        let response = request.send().await.map_err(failed)?;
        Ok::<_, Stop>((response.status(), response.bytes().await.map_err(failed)?))
    })?;
    if status.is_success() {
        return serde_json::from_slice(&body)
            .map_err(|_| Stop::Input(format!("what responds at {shown} is not a sandbox of pos-webhooks")));
    }
    let reason = serde_json::from_slice(&body).map_or_else(|_| status.to_string(), |Refusal { error }| error);
    Err(Stop::Input(format!("the sandbox at {shown} refused: {}", Plain(&reason))))
}

/// An attempt, for people.
fn line(attempt: &ShownAttempt) -> String {
    let ShownAttempt { url, milliseconds, status, error, answer, note } = attempt;
    let url = Plain(url);
    let mut line = match (status, error) {
        (Some(status), _) if (200..300).contains(status) => format!("{status} in {milliseconds} ms from {url}\n"),
        (Some(status), _) => format!("refused with {status} in {milliseconds} ms by {url}\n"),
        (None, error) => format!("{} ({url})\n", Plain(error.as_deref().unwrap_or("no response"))),
    };
    let is_refusal = !status.is_some_and(|status| (200..300).contains(&status));
    if let Some(answer) = answer.as_ref().filter(|answer| is_refusal && !answer.body.trim().is_empty()) {
        let shown: String = answer.body.chars().take(SHOWN).collect();
        line += &shown.lines().map(|text| format!("  {}\n", Plain(text))).collect::<String>();
    }
    if let Some(note) = note {
        line += &format!("  {}\n", Plain(note));
    }
    line
}
