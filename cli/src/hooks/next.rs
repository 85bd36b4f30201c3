//! The next step after a registration: where its secret is, and the command that receives its events.

use std::io::{self, IsTerminal as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;

use pos_webhooks::catalogue::{Role, SecretOrigin, Verification};
use serde_json::Value;

use super::commands::{Common, Format};
use super::{Call, Schema};
use crate::providers::{self, quoted};
use crate::report::Plain;
use crate::{listen, verification};

/// Prints the next step. If standard output is for a program, the step is for the people at standard error, if any.
pub fn print(common: &Common, step: &str) {
    // The response was printed, and the webhook exists, so a failure to write this does not matter.
    let _ = match common.format {
        Format::Human => io::stdout().write_all(step.as_bytes()),
        Format::Json if io::stderr().is_terminal() => io::stderr().write_all(step.as_bytes()),
        Format::Json => Ok(()),
    };
}

/// Where the secret of a new registration is, and the command that receives its events. `secret` is the file of the secret.
pub fn step(call: &Call, secret: Option<&Path>) -> Option<String> {
    let provider = call.provider;
    let documented = provider.registration.as_ref()?;
    let create = &documented.create;
    let body = serde_json::from_str::<Value>(&call.body).unwrap_or_default();
    let value = |role| body.pointer(create.request.get(&role)?)?.as_str();
    let event = value(Role::Event).map(str::to_owned).or_else(|| default_event(call));
    let event = event.filter(|event| !listen::names_its_event(provider, event));
    let event = event.as_deref();
    let file = secret.map(|file| file.display().to_string());
    let unsaved = || " --secret-file FILE".to_owned();
    let (place, proof) = match (provider.verification_of(event)?, documented.secret, &file) {
        (Verification::Custom(_), ..) => return None,
        (Verification::None(_), ..) => ("Deliveries are not signed.".to_owned(), " --accept-unsigned".to_owned()),
        (_, SecretOrigin::Account, _) => {
            ("The secret is that of the account; save it to a file.".to_owned(), unsaved())
        }
        (_, _, Some(file)) => {
            (format!("The secret is in {}.", Plain(file)), format!(" --secret-file {}", quoted(file)))
        }
        (_, SecretOrigin::Chosen, None) => ("Save the secret to a file.".to_owned(), unsaved()),
        (_, _, None) => ("The secret is in the response; save it to a file.".to_owned(), unsaved()),
    };
    let mut command = format!("pos-webhooks listen {}{}{proof}", provider.name, providers::option_of(provider));
    if let Some(url) = value(Role::Url).filter(|_| verification::needs_url(provider, None)) {
        command += &format!(" --url {}", quoted(url));
    }
    if let Some(event) = event {
        command += &format!(" --event {}", quoted(event));
    }
    if let Some(address) = value(Role::Url).and_then(local_address) {
        command += &format!(" --listen {address}");
    }
    if listen::sends_a_token(provider) {
        command += " --verify-token-file FILE";
    }
    Some(format!("\n{place} To receive the events:\n  {command}\n"))
}

/// The event of a registration that does not name one, by the schema of the request.
fn default_event(call: &Call) -> Option<String> {
    let pointer = call.provider.registration.as_ref()?.create.request.get(&Role::Event)?;
    let schema = Schema::of(call.provider, call.operation.request.as_ref()?.schema)?;
    let place = pointer.split('/').skip(1).fold(schema.root(), |place, name| place.member(name));
    place.default()?.as_str().map(str::to_owned)
}

/// The address of this machine that deliveries to a URL arrive at; `None` if they arrive elsewhere, or have TLS.
fn local_address(url: &str) -> Option<SocketAddr> {
    let url = reqwest::Url::parse(url).ok().filter(|url| url.scheme() == "http")?;
    let host = url.host_str()?.trim_matches(['[', ']']);
    let address = match host {
        "localhost" => Ipv4Addr::LOCALHOST.into(),
        _ => host.parse::<IpAddr>().ok().filter(IpAddr::is_loopback)?,
    };
    Some(SocketAddr::new(address, url.port_or_known_default()?))
}
