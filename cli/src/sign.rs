//! `pos-webhooks sign`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use http::HeaderValue;
use jiff::Timestamp;
use pos_webhooks::catalogue::{EventNamePlace, Provider, Signature, Verification};
use pos_webhooks::verify::{self, ToSign};
use pos_webhooks::{PROVIDERS, Secret};

use crate::input;
use crate::options::{self, unknown_event};
use crate::verification;
use crate::{Stop, print, warn};

/// Print the headers of a genuine delivery, to test your own endpoint with
///
/// The body has to be sent byte for byte as it is given here, and before the replay window ends where there is one.
#[derive(Args)]
#[command(after_long_help = format!("\
Headers:
{providers}
With --url, Host is that of the URL, so that the delivery can be sent to another address.
An option that makes no difference is noted on standard error.

Examples:
  pos-webhooks sign vipps --secret-file secret.txt --url https://shop.example/hooks/vipps \\
      body.json > headers.txt
  curl -H @headers.txt -H 'Content-Type: application/json' --data-binary @body.json \\
      http://localhost:3000/hooks/vipps
  pos-webhooks sign mypos --secret-file secret.txt --event pos.payment.completed body.json

Exit status:
  0  Done.
  2  Wrong usage, or an input could not be read or the output not be written.", providers = providers()))]
pub struct Arguments {
    /// Whose delivery it is to be
    #[arg(value_name = "PROVIDER", value_parser = crate::provider())]
    provider: &'static Provider,

    /// File with the secret
    ///
    /// One newline at the end of the file is not part of the secret.
    #[arg(long, value_name = "FILE")]
    secret_file: PathBuf,

    /// URL as it was registered; needed where it is signed
    #[arg(long)]
    url: Option<String>,

    /// Event; needed where a header names it. It may be one that is not documented yet
    #[arg(long, value_name = "NAME")]
    event: Option<String>,

    /// Id of the delivery, where it has one in a header; random if not given
    #[arg(long)]
    id: Option<String>,

    /// Time of the delivery, in RFC 3339; now if not given
    #[arg(long, value_name = "RFC3339", allow_negative_numbers = true, value_parser = options::time)]
    at: Option<Timestamp>,

    /// File with the body, at most 16 MiB; none, or -, is standard input
    #[arg(default_value = "-", hide_default_value = true)]
    body: PathBuf,
}

pub fn run(arguments: &Arguments) -> Result<ExitCode, Stop> {
    let Arguments { provider, secret_file, url, event, id, at, body } = arguments;
    input::standard_input_once([secret_file, body])?;
    let secret = input::secret(secret_file)?;
    let body = input::payload(body)?;
    let Some(signature) = verification::default_signature(provider) else { return Err(nothing_to_sign(provider)) };
    let mut headers = match (provider.event_name, event) {
        (Some(EventNamePlace::Header(name)), Some(event)) => vec![(name, event.clone())],
        (Some(EventNamePlace::Header(name)), None) => {
            let missing = format!("{} names the event in `{name}`; give it with --event", provider.name);
            return Err(Stop::Usage(missing));
        }
        (_, _) => Vec::new(),
    };
    let id = id.clone().unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
    let at = at.unwrap_or_else(Timestamp::now);
    let given: Vec<_> = headers.iter().map(|(name, value): &(_, String)| (*name, value.as_str())).collect();
    let delivery = ToSign { url: url.as_deref(), id: Some(&id), headers: &given, body: &body, at };
    let signed = signed(provider, &secret, &delivery)?;
    headers.extend(signed);
    if headers.iter().any(|(_, value)| HeaderValue::from_str(value).is_err()) {
        return Err(Stop::Usage("the value of --event cannot be sent in a header".to_owned()));
    }
    note_unused(arguments, signature);
    let lines = headers.iter().map(|(name, value)| format!("{name}: {value}\n"));
    Ok(print(&lines.collect::<String>(), ExitCode::SUCCESS)?)
}

fn signed(
    provider: &'static Provider,
    secret: &Secret,
    delivery: &ToSign<'_>,
) -> Result<Vec<(&'static str, String)>, Stop> {
    let Some(verification) = &provider.verification else { return Err(nothing_to_sign(provider)) };
    let headers = verify::sign(verification, None, secret, delivery);
    headers.map_err(|error| Stop::Usage(verification::usage(provider, &error)))
}

fn nothing_to_sign(provider: &Provider) -> Stop {
    let name = provider.name;
    let key = match &provider.verification {
        Some(Verification::Keys(keys)) => keys.places.first().map(|place| place.header),
        _ => None,
    };
    Stop::Usage(match key {
        Some(header) => format!(
            "{name} signs nothing, so there is no header to compute; a key that was agreed on is sent as it is, in \
             `{header}`",
        ),
        None => format!("the specification of {name} does not say how deliveries are signed"),
    })
}

fn note_unused(Arguments { provider, url, event, id, at, .. }: &Arguments, signature: &Signature) {
    let is_named = matches!(provider.event_name, Some(EventNamePlace::Header(_)));
    let has_time = signature.time.is_some_and(|time| time.member.is_none());
    let options = [
        ("--url", url.is_some() && !signature.needs_url()),
        ("--event", event.is_some() && !is_named),
        ("--id", id.is_some() && signature.id.is_none()),
        ("--at", at.is_some() && !has_time),
    ];
    for (option, _) in options.iter().filter(|(_, unused)| *unused) {
        warn(format_args!("{option} makes no difference with {}", provider.name));
    }
    if let Some(unknown) = event.as_ref().filter(|_| is_named).and_then(|event| unknown_event(provider, event)) {
        warn(format_args!("--event: {unknown}"));
    }
}

/// A line per provider: the headers of its deliveries, and what they need.
fn providers() -> String {
    let line = |provider: &&'static Provider| {
        let Some(signature) = verification::default_signature(provider) else {
            return format!(
                "  {:9}None, since it signs nothing. A key that was agreed on is sent as it is.",
                provider.name
            );
        };
        let mut names: Vec<&str> = Vec::new();
        if let Some(EventNamePlace::Header(name)) = provider.event_name {
            names.push(name);
        }
        names.extend(signature.needs_url().then_some("Host"));
        names.extend(signature.time.and_then(|time| time.headers.first().copied()));
        names.extend(signature.id.and_then(|id| id.headers.first().copied()));
        names.extend(signature.digest.and_then(|digest| digest.header));
        names.extend(signature.headers.first().copied());
        let event = matches!(provider.event_name, Some(EventNamePlace::Header(_))).then_some(" Needs --event.");
        let url = signature.needs_url().then_some(" Needs --url.");
        let needs = [event, url].into_iter().flatten().collect::<String>();
        format!("  {:9}{}.{needs}", provider.name, names.join(", "))
    };
    PROVIDERS.iter().map(line).collect::<Vec<_>>().join("\n")
}
