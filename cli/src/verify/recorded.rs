//! Verifies a delivery of a file of refused deliveries.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::Path;
use std::process::ExitCode;

use jiff::Timestamp;
use pos_webhooks::capture::{Captured, VerificationStep};
use pos_webhooks::catalogue::{Keys, Provider, Verification};
use serde::Serialize;

use super::{Arguments, Checked, Format, Secrets, Unproven, check, fitted, warn_of_unused};
use crate::color::bad;
use crate::console::{print, warn};
use crate::redaction::Redacted;
use crate::refused_file::{self, BODY, HANDSHAKE, METHOD, Outcome, RefusedDelivery, SPECIFICATION};
use crate::report::Plain;
use crate::stop::Stop;
use crate::verification;
use crate::{help, json_text, listen, providers};

pub fn run(arguments: &Arguments, file: &Path) -> Result<ExitCode, Stop> {
    let Some(number) = arguments.line else { return list(arguments, file) };
    let recorded = find(file, number)?;
    let Checked { text, json, is_verified } = verify(arguments, &recorded)?;
    let text = match arguments.format {
        Format::Human => fitted(format!("line {number}: {}\n{text}", recorded.summary())),
        Format::Json => {
            let (json, line) = (json.map_err(io::Error::from)?, Recorded::of(number, &recorded).to_json()?);
            // The result is an object.
            format!("{},\"recorded\":{line}}}\n", json.strip_suffix('}').unwrap_or(&json))
        }
    };
    Ok(print(&text, if is_verified { ExitCode::SUCCESS } else { ExitCode::FAILURE })?)
}

/// The delivery of a line.
fn find(file: &Path, number: usize) -> Result<RefusedDelivery, Stop> {
    let mut last = 0;
    for line in refused_file::read(file)? {
        let (line, delivery) = line?;
        if line == number {
            return delivery;
        }
        last = line;
    }
    Err(Stop::Usage(format!("--line: {} ends with line {last}", file.display())))
}

/// Lists the deliveries, one line each.
fn list(arguments: &Arguments, file: &Path) -> Result<ExitCode, Stop> {
    let width = if io::stdout().is_terminal() { help::width() } else { usize::MAX };
    let mut output = io::stdout().lock();
    for line in refused_file::read(file)? {
        let (number, delivery) = line?;
        let delivery = match delivery {
            Ok(delivery) => delivery,
            Err(stop) => {
                warn(format_args!("{}", stop.message()));
                continue;
            }
        };
        let line = match arguments.format {
            Format::Human => format!("{number}  {}", delivery.summary()).chars().take(width).collect(),
            Format::Json => Recorded::of(number, &delivery).to_json()?,
        };
        writeln!(output, "{line}")?;
    }
    output.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// What is known of a delivery without verifying it again.
#[derive(Serialize)]
struct Recorded<'a> {
    line: usize,
    at: Timestamp,
    route: &'a str,
    provider: &'a str,
    outcome: Outcome,
    reason: &'a str,
    step: &'a str,
    error: &'a str,
}

impl<'a> Recorded<'a> {
    fn of(line: usize, recorded: &'a RefusedDelivery) -> Self {
        let RefusedDelivery { at, route, provider, outcome, reason, step, why, .. } = recorded;
        Self { line, at: *at, route, provider, outcome: *outcome, reason, step, error: why }
    }

    fn to_json(&self) -> io::Result<String> {
        json_text::to_string(self).map_err(io::Error::from)
    }
}

/// What proves the origin of the deliveries of a route.
struct Registration {
    provider: &'static Provider,
    secrets: Secrets,
    signature: Option<&'static str>,
    url: Option<String>,
    event: Option<String>,
}

impl Registration {
    /// By the configuration, or else by the options.
    fn of(arguments: &Arguments, recorded: &RefusedDelivery) -> Result<Self, Stop> {
        let claimed = || recorded.event.clone();
        if let Some(file) = &arguments.config {
            let route = listen::route(file, &recorded.route)?;
            let source = |number| format!("secret {number} of the route {}", recorded.route);
            let sources = (1..=route.secrets.len()).map(source).collect();
            let event = route.event.or_else(claimed);
            let secrets = Secrets { values: route.secrets, sources };
            return Ok(Self { provider: route.provider, secrets, signature: route.signature, url: route.url, event });
        }
        let name = recorded.provider.as_str();
        let provider = match arguments.provider {
            Some(provider) if provider.name == name => provider,
            Some(provider) => {
                return Err(Stop::Usage(format!("the delivery is one of {}, not of {}", Plain(name), provider.name)));
            }
            None => providers::all().iter().find(|provider| provider.name == name).ok_or_else(|| {
                Stop::Usage(format!("{} is not a provider; give its specification with --spec", Plain(name)))
            })?,
        };
        let event = arguments.event.clone().or_else(claimed);
        let signature = verification::named(provider, event.as_deref(), arguments.signature.as_deref())?;
        let secrets = Secrets::read(&arguments.secret_files)?;
        warn_of_unused(arguments, provider, signature, !secrets.values.is_empty());
        Ok(Self { provider, secrets, signature, url: arguments.url.clone(), event })
    }
}

fn verify(arguments: &Arguments, recorded: &RefusedDelivery) -> Result<Checked, Stop> {
    if matches!(recorded.step.as_str(), METHOD | BODY | HANDSHAKE) {
        return Ok(unverified(
            recorded,
            "It was refused before its origin was verified, so there is nothing to verify.",
        ));
    }
    let Some(body) = recorded.body() else {
        let why = "Its body is not in the file, so it cannot be verified again: `bodies` of the configuration decides which are \
                   kept, and a body that is too long for the file is left out.";
        return Ok(unverified(recorded, why));
    };
    let registration = Registration::of(arguments, recorded)?;
    let Registration { provider, secrets, signature, url, event } = &registration;
    let event = event.as_deref().filter(|event| provider.event(event).is_some());
    let is_about_key = is_genuine(recorded) || recorded.step == VerificationStep::Key.name();
    if let Some(Verification::Keys(keys)) = provider.verification_of(event).filter(|_| is_about_key)
        && let Some((header, redacted)) = key(keys, recorded)
    {
        return Ok(unverified(recorded, &compared(header, redacted, keys, secrets)));
    }
    let head = recorded.head();
    let delivery = Captured {
        provider,
        event,
        signature: *signature,
        url: url.as_deref(),
        head: &head,
        body: &body,
        at: arguments.at.unwrap_or(recorded.at),
    };
    let mut checked = check(&delivery, secrets)?;
    if checked.is_verified {
        checked.text += &match is_genuine(recorded) {
            true => format!("The delivery is genuine, but not as documented: {}\n", Plain(&recorded.why)),
            false => {
                "It passes with these secrets and this URL, so `listen` had others when it refused the delivery.\n"
                    .to_owned()
            }
        };
    }
    Ok(checked)
}

/// Whether the delivery was verified when it arrived.
fn is_genuine(recorded: &RefusedDelivery) -> bool {
    recorded.outcome == Outcome::Stored || recorded.step == SPECIFICATION
}

/// A delivery that cannot be verified again.
fn unverified(recorded: &RefusedDelivery, why: &str) -> Checked {
    let (provider, event) = (recorded.provider.as_str(), recorded.event.as_deref());
    let result = Unproven { verified: false, provider, event, error: why };
    Checked::new(format!("{}: {why}\n", bad("not verified again")), &result, false)
}

/// The header whose key was redacted.
fn key<'a>(keys: &Keys, recorded: &'a RefusedDelivery) -> Option<(&'static str, &'a Redacted)> {
    keys.places.iter().find_map(|place| Some((place.header, recorded.redacted(place.header)?)))
}

/// Compares what is left of a key with the secrets.
fn compared(header: &str, redacted: &Redacted, keys: &Keys, secrets: &Secrets) -> String {
    let mut text = format!(
        "The key in `{header}` is not in the file; it has {} bytes, and its SHA-256 begins with {}.",
        redacted.bytes, redacted.sha256
    );
    let before = keys.places.iter().find(|place| place.header == header).map_or("", |place| place.before);
    for (secret, source) in secrets.values.iter().zip(&secrets.sources) {
        let own = Redacted::of(format!("{before}{}", secret.expose()).as_bytes());
        let same = if own == *redacted { "is the same" } else { "is another one" };
        text += &format!(" That of {} {same}.", Plain(source));
    }
    if secrets.values.is_empty() {
        text += " Give --secret-file to compare them.";
    }
    text
}
