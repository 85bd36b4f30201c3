//! The secret with which `try` signs the deliveries to a program of one's own.

use std::path::Path;

use pos_webhooks::Secret;
use pos_webhooks::catalogue::{Provider, Verification};
use pos_webhooks::sandbox::{Registration, Sandbox};

use crate::hooks;
use crate::stop::Stop;

/// The secrets of registrations, each with its events, in the order of the events. It is empty for events that are not signed.
pub fn secrets<'a>(provider: &'static Provider, registered: &'a [Registration]) -> Vec<(&'a str, Vec<&'static str>)> {
    let mut secrets: Vec<(&str, Vec<&str>)> = Vec::new();
    for event in provider.events {
        let registration = registered.iter().find(|it| it.events.iter().any(|name| name == event.name));
        let is_signed = !matches!(provider.verification_of(Some(event.name)), None | Some(Verification::None(_)));
        let registration = registration.filter(|_| is_signed);
        let secret = registration.map_or("", |registration| registration.secret.expose());
        match secrets.iter_mut().find(|(known, _)| *known == secret) {
            Some((_, events)) => events.push(event.name),
            None => secrets.push((secret, vec![event.name])),
        }
    }
    secrets
}

/// Signs deliveries with the secret of the file, or saves their secret in a new file.
pub fn keep(
    sandbox: &Sandbox,
    provider: &'static Provider,
    there: &mut [Registration],
    file: &Path,
    given: Option<Secret>,
) -> Result<Option<Secret>, Stop> {
    let signed = || secrets(provider, there).into_iter().map(|(secret, _)| secret).find(|secret| !secret.is_empty());
    let is_new = given.is_none();
    let secret = given.or_else(|| signed().map(Secret::from));
    let mut is_used = false;
    for registration in there {
        let Some(secret) = &secret else { break };
        let replaced = sandbox.set_secret(provider.name, &registration.id, secret.clone());
        if replaced.map_err(|error| Stop::Input(error.to_string()))? {
            registration.secret = secret.clone();
            is_used = true;
        }
    }
    match secret.filter(|_| is_used) {
        Some(secret) if is_new => {
            let saved = hooks::save_secret(file, &secret);
            saved.map_err(|error| Stop::Input(format!("{}: {error}", file.display())))?;
            Ok(Some(secret))
        }
        Some(secret) => Ok(Some(secret)),
        None => Err(Stop::Usage(format!(
            "--secret-file: {} does not sign deliveries with a secret of yours",
            provider.name
        ))),
    }
}
