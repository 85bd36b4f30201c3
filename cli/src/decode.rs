//! `pos-webhooks decode`.

use std::borrow::Cow;
use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use http::Uri;
use pos_webhooks::Json;
use pos_webhooks::capture::Head;
use pos_webhooks::catalogue::{EventNamePlace, Provider};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::console::{complain, print, warn};
use crate::input;
use crate::json_text::{self, compact};
use crate::options::{self, unknown_event};
use crate::providers;
use crate::report::Plain;
use crate::stop::Stop;

/// Decode a payload: report its event and its idempotency key
///
/// Decodes as a receiver does: members, values and events that are not documented are accepted. Decoding does not prove
/// where the payload comes from; use `verify` for that.
#[derive(Args)]
#[command(after_long_help = format!("\
Output, one line:
  {{\"event\":\"NAME\",\"known\":true,\"idempotency_key\":\"…\",\"payload\":{{…}}}}
`event` is null if the event is not known. `known` is true if the event is documented. `idempotency_key` is the \
same for every delivery of one event. It is null if the documents do not say what identifies the event, and if a member \
of the key is missing, null or blank. \
`payload` is the payload without the white space between its values; numbers and strings keep their text. Only the \
escape of a lone surrogate (`\\ud83c` alone), which many programs do not accept, gets a second backslash.

Where the event is named:
{providers}
--event takes precedence over these. A warning on standard error names options that have no effect.

Examples:
  pos-webhooks decode vipps body.json | jq -r .idempotency_key
  pos-webhooks decode dealpos --url https://shop.example/hooks/paymentCreated body.json
  pos-webhooks decode mypos --headers headers.txt < body.json

Exit status:
  0  The payload was decoded, possibly as an event that is not documented yet.
  1  The payload cannot be decoded: the text is not JSON, or a member is missing or of another type.
     The error says where.
  2  Wrong usage, or an input could not be read, or the output could not be written.", providers = providers()))]
pub struct Arguments {
    /// The provider of the payload
    #[arg(value_name = "PROVIDER", value_parser = options::provider())]
    provider: &'static Provider,

    /// Event; required if the delivery does not name it
    #[arg(long, value_name = "NAME")]
    event: Option<String>,

    /// URL of the delivery; required if the URL names the event
    #[arg(long)]
    url: Option<String>,

    /// File with the delivery's headers; required if a header names the event. - is standard input
    ///
    /// The format is that of `pos-webhooks verify`.
    #[arg(long)]
    headers: Option<PathBuf>,

    /// File with the payload, at most 16 MiB; by default, or with -, standard input
    #[arg(default_value = "-", hide_default_value = true)]
    body: PathBuf,
}

/// One line for each provider: where a delivery names its event.
fn providers() -> String {
    let width = providers::width();
    let line = |provider: &&'static Provider| {
        let place = match provider.event_name {
            Some(EventNamePlace::Body) if provider.own_names.is_empty() => "In the payload.".to_owned(),
            Some(EventNamePlace::Body) => format!(
                "In the payload; for an undocumented payload, in its member {}.",
                provider.own_names.join(" or ").trim_start_matches('/'),
            ),
            Some(EventNamePlace::Header(name)) => format!("In the header {name}: give --headers."),
            Some(EventNamePlace::LastPathSegment) => {
                "In the last segment of the URL's path: give --url, or --headers with a request line.".to_owned()
            }
            _ => "Not in the delivery: give --event, the event that the webhook was registered for.".to_owned(),
        };
        format!("  {:width$}{place}", provider.name)
    };
    providers::all().iter().map(line).collect::<Vec<_>>().join("\n")
}

#[derive(Serialize)]
struct Decoded {
    event: Option<String>,
    known: bool,
    idempotency_key: Option<String>,
    payload: Box<RawValue>,
}

pub fn run(arguments: &Arguments) -> Result<ExitCode, Stop> {
    let Arguments { provider, event, headers, body: file, .. } = arguments;
    input::standard_input_once(headers.iter().chain([file]))?;
    let head = headers.as_deref().map_or_else(|| Ok(Head::default()), input::head)?.with_cgi();
    let named = match event {
        Some(event) => Some(event.clone()),
        None => name(arguments, &head)?,
    };
    note_unused(arguments);
    if let Some(unknown) = event.as_deref().and_then(|event| unknown_event(provider, event)) {
        warn(format_args!("--event: {unknown}"));
    }
    let body = input::payload(file)?;
    let decoded = decode(provider, named, &body).and_then(|decoded| Ok(json_text::to_string(&decoded)?));
    match decoded {
        Ok(line) => Ok(print(&format!("{line}\n"), ExitCode::SUCCESS)?),
        Err(error) => {
            complain(format_args!("{}: {}", file.display(), Plain(&error.to_string())));
            Ok(ExitCode::FAILURE)
        }
    }
}

fn decode(provider: &'static Provider, named: Option<String>, body: &[u8]) -> Result<Decoded, Box<dyn Error>> {
    let identified = provider.identify(body)?.map(Cow::into_owned);
    if let (Some(named), Some(identified)) = (&named, &identified)
        && named != identified
    {
        warn(format_args!("the payload is of the event {}, not of --event", Plain(identified)));
    }
    let event = named.filter(|name| !name.trim().is_empty()).or(identified);
    let decoded = provider.decode(event.as_deref().unwrap_or_default(), body)?;
    // Models ignore unknown members, which need not be valid UTF-8.
    let payload = RawValue::from_string(without_halves(&compact(Json::try_from(body)?.as_str())))?;
    Ok(Decoded { event, known: decoded.known, idempotency_key: decoded.idempotency_key, payload })
}

/// JSON in which the escape of a lone surrogate has a second backslash.
fn without_halves(json: &str) -> String {
    let unit = |escape: &str| u16::from_str_radix(escape.strip_prefix("\\u")?.get(..4)?, 16).ok();
    let is_pair = |first, rest: &str| {
        let units = [first, unit(rest).unwrap_or_default()];
        char::decode_utf16(units).next().is_some_and(|first| first.is_ok())
    };
    let (mut rest, mut written) = (json, String::with_capacity(json.len()));
    while let Some((before, escape)) = rest.find('\\').and_then(|at| rest.split_at_checked(at)) {
        written.push_str(before);
        let length = match unit(escape) {
            Some(first @ 0xd800..=0xdfff) => match is_pair(first, escape.get(6..).unwrap_or_default()) {
                true => 12,
                false => {
                    written.push('\\');
                    6
                }
            },
            _ => 1 + escape.chars().nth(1).map_or(0, char::len_utf8),
        };
        let (escape, after) = escape.split_at_checked(length).unwrap_or((escape, ""));
        written.push_str(escape);
        rest = after;
    }
    written + rest
}

/// The event's name, from outside of the payload; `None` if the payload identifies the event.
fn name(Arguments { provider, url, .. }: &Arguments, head: &Head) -> Result<Option<String>, Stop> {
    let missing = |what: String| Err(Stop::Usage(format!("{} {what}, or --event", provider.name)));
    match provider.event_name {
        Some(EventNamePlace::Body) => Ok(None),
        Some(EventNamePlace::Header(name)) => match &head.values(name).collect::<Vec<_>>()[..] {
            [] => missing(format!("names the event in the header `{name}`; give --headers with it")),
            [value] => Ok(Some(String::from_utf8_lossy(value).into_owned())),
            _ => missing(format!("names the event in the header `{name}`, which occurs more than once; give it once")),
        },
        Some(EventNamePlace::LastPathSegment) => {
            let uri = url.as_deref().or(head.target.as_deref()).and_then(|url| url.parse::<Uri>().ok());
            let segment = uri.as_ref().and_then(|uri| uri.path().trim_end_matches('/').rsplit('/').next());
            match segment.filter(|segment| !segment.is_empty()) {
                Some(segment) => Ok(Some(segment.to_owned())),
                None => missing("names the event in the last segment of the URL's path; give --url with it".to_owned()),
            }
        }
        _ => {
            if provider.events.is_empty() {
                return Err(Stop::Usage(format!("{} does not describe events", provider.name)));
            }
            let names: Vec<_> = provider.events.iter().map(|event| event.name).collect();
            Err(Stop::Usage(format!(
                "a delivery of {} does not name its event; give --event with the event that the webhook was registered for: {}",
                provider.name,
                names.join(", ")
            )))
        }
    }
}

fn note_unused(Arguments { provider, event, url, headers, .. }: &Arguments) {
    let place = provider.event_name.filter(|_| event.is_none());
    let in_path = place == Some(EventNamePlace::LastPathSegment);
    let in_headers = matches!(place, Some(EventNamePlace::Header(_))) || in_path && url.is_none();
    for (option, unused) in [("--url", url.is_some() && !in_path), ("--headers", headers.is_some() && !in_headers)] {
        if unused {
            warn(format_args!("{option} has no effect: it does not name the event"));
        }
    }
}
