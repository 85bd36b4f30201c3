//! `pos-webhooks sign`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use http::HeaderValue;
use jiff::Timestamp;
use pos_webhooks::Secret;
use pos_webhooks::catalogue::{EventNamePlace, Provider, Signature, Verification};
use pos_webhooks::verify::{self, ToSign};

use crate::console::{print, warn};
use crate::input;
use crate::options::{self, unknown_event};
use crate::providers;
use crate::stop::Stop;
use crate::verification;

/// Print the headers of a genuine delivery, to test your own endpoint
///
/// Send the body byte for byte as it is given here and, if the provider has a replay window, before it ends.
#[derive(Args)]
#[command(after_long_help = format!("\
Headers:
{providers}
With --url, Host is that of the URL, so that the delivery can be sent to another address.
A warning on standard error names options that have no effect.

Examples:
  pos-webhooks sign vipps --secret-file secret.txt --url https://shop.example/hooks/vipps \\
      body.json > headers.txt
  curl -H @headers.txt -H 'Content-Type: application/json' --data-binary @body.json \\
      http://localhost:3000/hooks/vipps
  pos-webhooks sign mypos --secret-file secret.txt --event pos.payment.completed body.json

Exit status:
  0  Done.
  2  Wrong usage, or an input could not be read, or the output could not be written.", providers = providers()))]
pub struct Arguments {
    /// The provider of the delivery
    #[arg(value_name = "PROVIDER", value_parser = options::provider())]
    provider: &'static Provider,

    /// File with the secret
    ///
    /// One newline at the end of the file is not part of the secret.
    #[arg(long, value_name = "FILE")]
    secret_file: PathBuf,

    /// The signature to compute, if the provider signs in several ways; by default the first one
    #[arg(long, value_name = "NAME", hide = !verification::any_has_names())]
    signature: Option<String>,

    /// The registered URL; required if the provider signs it
    #[arg(long)]
    url: Option<String>,

    /// Event; required if a header names it, or if the provider signs it in another way than other events. It may be one
    /// that is not documented yet
    #[arg(long, value_name = "NAME")]
    event: Option<String>,

    /// Id of the delivery, if the provider sends one in a header; random by default
    #[arg(long)]
    id: Option<String>,

    /// Time of the delivery, in RFC 3339 form; by default the current time
    #[arg(long, value_name = "RFC3339", allow_negative_numbers = true, value_parser = options::time)]
    at: Option<Timestamp>,

    /// File with the body, at most 16 MiB; by default, or with -, standard input
    #[arg(default_value = "-", hide_default_value = true)]
    body: PathBuf,
}

pub fn run(arguments: &Arguments) -> Result<ExitCode, Stop> {
    let Arguments { provider, secret_file, signature: name, url, event, id, at, body } = arguments;
    let name = verification::named(provider, event.as_deref(), name.as_deref())?;
    input::standard_input_once([secret_file, body])?;
    let no_event = without_event(provider, event.as_deref());
    let complete = verification::complete(provider, event.as_deref(), name, true, url.is_some(), no_event);
    let (secret, ()) = Stop::both(input::secret(secret_file), complete)?;
    let body = input::payload(body)?;
    let Some(signature) = verification::signature(provider, event.as_deref(), name) else {
        return Err(nothing_to_sign(provider, event.as_deref()));
    };
    let mut headers = match (provider.event_name, event) {
        (Some(EventNamePlace::Header(name)), Some(event)) => vec![(name, event.clone())],
        (_, _) => Vec::new(),
    };
    let id = id.clone().unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
    let at = at.unwrap_or_else(Timestamp::now);
    let given: Vec<_> = headers.iter().map(|(name, value): &(_, String)| (*name, value.as_str())).collect();
    let delivery = ToSign { url: url.as_deref(), id: Some(&id), headers: &given, body: &body, at };
    let signed = signed(provider, event.as_deref(), name, &secret, &delivery)?;
    headers.extend(signed);
    if headers.iter().any(|(_, value)| HeaderValue::from_str(value).is_err()) {
        return Err(Stop::Usage("the value of --event cannot be sent in a header".to_owned()));
    }
    note_unused(arguments, signature);
    let lines = headers.iter().map(|(name, value)| format!("{name}: {value}\n"));
    Ok(print(&lines.collect::<String>(), ExitCode::SUCCESS)?)
}

/// The message about the event that a header names, if none is given.
pub fn without_event(provider: &'static Provider, event: Option<&str>) -> Option<String> {
    match provider.event_name {
        Some(EventNamePlace::Header(name)) if event.is_none() => {
            Some(format!("{} names the event in `{name}`; give it with --event", provider.name))
        }
        _ => None,
    }
}

fn signed(
    provider: &'static Provider,
    event: Option<&str>,
    name: Option<&str>,
    secret: &Secret,
    delivery: &ToSign<'_>,
) -> Result<Vec<(&'static str, String)>, Stop> {
    let Some(verification) = provider.verification_of(event) else { return Err(nothing_to_sign(provider, event)) };
    let headers = verify::sign(verification, name, secret, delivery);
    headers.map_err(|error| Stop::Usage(verification::usage(provider, event, &error)))
}

fn nothing_to_sign(provider: &'static Provider, event: Option<&str>) -> Stop {
    let name = provider.name;
    let key = match provider.verification_of(event) {
        Some(Verification::Keys(keys)) => keys.places.first().map(|place| place.header),
        Some(Verification::None(reason)) => return Stop::Usage(format!("there is nothing to sign: {reason}")),
        _ => None,
    };
    Stop::Usage(match key {
        Some(header) => format!(
            "{name} does not sign deliveries, so there is no header to compute; an agreed key is sent as it is, in \
            `{header}`",
        ),
        None => verification::without_proof(provider, event),
    })
}

fn note_unused(arguments: &Arguments, signature: &Signature) {
    let Arguments { provider, signature: name, url, event, id, at, .. } = arguments;
    let is_named = matches!(provider.event_name, Some(EventNamePlace::Header(_)));
    let has_time = signature.time.is_some_and(|time| time.member.is_none());
    let options = [
        ("--signature", name.is_some() && verification::signature_names(provider, event.as_deref()).is_empty()),
        ("--url", url.is_some() && !signature.needs_url()),
        ("--event", event.is_some() && !is_named && !verification::depends_on_event(provider)),
        ("--id", id.is_some() && signature.id.is_none()),
        ("--at", at.is_some() && !has_time),
    ];
    for (option, _) in options.iter().filter(|(_, unused)| *unused) {
        warn(format_args!("{option} has no effect with {}", provider.name));
    }
    let matters = is_named || verification::depends_on_event(provider);
    if let Some(unknown) = event.as_ref().filter(|_| matters).and_then(|event| unknown_event(provider, event)) {
        warn(format_args!("--event: {unknown}"));
    }
}

/// One line for each provider: the headers of its deliveries, and the options that they need.
fn providers() -> String {
    let width = providers::width();
    let line = |provider: &&'static Provider| {
        let Some(signature) = verification::signature(provider, None, None) else {
            let why = match &provider.verification {
                Some(Verification::Custom(_)) => "None, because only code of your own can sign deliveries.",
                Some(Verification::Keys(_)) => {
                    "None, because deliveries are not signed. An agreed key is sent as it is."
                }
                _ => "None, because deliveries are not signed.",
            };
            return format!("  {:width$}{why}", provider.name);
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
        let event = matches!(provider.event_name, Some(EventNamePlace::Header(_))).then_some(" Requires --event.");
        let url = signature.needs_url().then_some(" Requires --url.");
        let needs = [event, url].into_iter().flatten().collect::<String>();
        let own =
            provider.events.iter().filter_map(|event| event.verification?.signature(None)?.headers.first().copied());
        let mut own: Vec<&str> = own.collect();
        own.dedup();
        let own = match own.is_empty() {
            true => String::new(),
            false => format!(" With --event, it can be {}.", own.join(" or ")),
        };
        let choice = Some(verification::choice(provider)).filter(|choice| !choice.is_empty());
        let choice = choice.map_or_else(String::new, |choice| format!(" {choice}."));
        format!("  {:width$}{}.{needs}{own}{choice}", provider.name, names.join(", "))
    };
    providers::all().iter().map(line).collect::<Vec<_>>().join("\n")
}
