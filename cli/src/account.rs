//! The server and the credentials of a call: those of the options and the environment, or those of a sandbox.

use std::collections::BTreeMap;
use std::time::Duration;

use clap::{ArgMatches, Command, FromArgMatches as _};
use pos_webhooks::Secret;
use pos_webhooks::catalogue::Provider;
use pos_webhooks::client::http_client;
use serde::Deserialize;

use crate::credentials::{Credentials, Proof};
use crate::report::{Plain, with_causes};
use crate::stop::Stop;
use crate::target::Target;
use crate::{console, hooks, providers, sign, suggest, verification};

/// How long a sandbox may take to respond.
const SANDBOX_TIMEOUT: Duration = Duration::from_secs(10);

/// The maximum number of bytes of the accounts of a sandbox.
const MAX_ACCOUNTS: usize = 1 << 20;

/// The address of the server and the credentials. An error has everything that is missing.
pub fn read(provider: &'static Provider, target: &Target, proof: Proof) -> Result<(String, Credentials), Stop> {
    match &target.sandbox {
        None => Stop::both(target.server(provider), Credentials::read(provider, target, proof)),
        Some(url) => {
            let account = simulated(provider, url)?;
            let credentials = Credentials::of_sandbox(provider, target, proof, account.credentials, url)?;
            Ok((account.base_url, credentials))
        }
    }
}

/// What a sandbox says of a provider.
#[derive(Deserialize)]
pub struct Account {
    provider: String,
    base_url: String,
    credentials: BTreeMap<String, Secret>,
}

/// The address of a sandbox.
pub fn sandbox_url(url: &str) -> Result<reqwest::Url, Stop> {
    let mut parsed = reqwest::Url::parse(url)
        .map_err(|error| Stop::Usage(format!("--sandbox: {error}; give an address such as http://127.0.0.1:4010")))?;
    if !parsed.username().is_empty() || parsed.password().is_some() || parsed.query().is_some() {
        return Err(Stop::Usage("--sandbox: leave out the user and the query of the address".to_owned()));
    }
    if !matches!(parsed.scheme(), "http" | "https") {
        return Err(Stop::Usage(
            "--sandbox: the address begins with http://, such as http://127.0.0.1:4010".to_owned(),
        ));
    }
    parsed.set_path("/");
    Ok(parsed)
}

/// A client that does not use a proxy for this machine.
pub fn local(url: &reqwest::Url) -> Result<reqwest::ClientBuilder, Stop> {
    let client = http_client().map_err(|error| Stop::Input(with_causes(&error)))?;
    let is_local = matches!(url.host_str(), Some("127.0.0.1" | "localhost" | "[::1]"));
    Ok(if is_local { client.no_proxy() } else { client })
}

/// The body of a response; `None` if it is longer.
pub async fn limited(mut response: reqwest::Response, most: usize) -> reqwest::Result<Option<Vec<u8>>> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > most {
            return Ok(None);
        }
        body.extend(&chunk);
    }
    Ok(Some(body))
}

/// The account of a provider at a sandbox.
pub fn simulated(provider: &Provider, url: &str) -> Result<Account, Stop> {
    let shown = Plain(url);
    let mut accounts = sandbox_url(url)?;
    accounts.set_path("/_sandbox");
    let unusable = |why: &str| {
        Stop::Input(format!("the sandbox at {shown} {why}; `pos-webhooks sandbox --listen ADDRESS` starts one"))
    };
    let failed = |error: reqwest::Error| unusable(&format!("cannot be used: {}", with_causes(&error.without_url())));
    let client = local(&accounts)?.timeout(SANDBOX_TIMEOUT).build().map_err(failed)?;
    let body = hooks::runtime()?.block_on(async {
        let response = client.get(accounts).send().await?.error_for_status()?;
        limited(response, MAX_ACCOUNTS).await
    });
    let body = body.map_err(failed)?.ok_or_else(|| unusable("does not respond with its accounts"))?;
    // serde's own message could quote a credential.
    let accounts: Vec<Account> =
        serde_json::from_slice(&body).map_err(|_| unusable("does not respond with its accounts"))?;
    let names: Vec<_> = accounts.iter().map(|account| account.provider.clone()).collect();
    accounts.into_iter().find(|account| account.provider == provider.name).ok_or_else(|| {
        let instead = suggest::instead(names.iter().map(String::as_str), provider.name, "pos-webhooks sandbox --help");
        let option = providers::option_of(provider);
        Stop::Input(format!(
            "the sandbox at {shown} does not simulate {}; {instead}; `pos-webhooks sandbox{option}` simulates it",
            provider.name
        ))
    })
}

/// Adds the missing credentials, or what the provider requires beside, to an error about missing options, so that one run
/// reports all that is missing. `command` is the whole command line.
pub fn with_missing(error: clap::Error, command: Command) -> clap::Error {
    if error.kind() != clap::error::ErrorKind::MissingRequiredArgument {
        return error;
    }
    let Some(missing) = missing(command) else { return error };
    let text = error.render().to_string();
    let Some((options, usage)) = text.strip_prefix("error: ").and_then(|text| text.split_once("\n\nUsage: ")) else {
        return error;
    };
    console::raw(error.kind(), format_args!("{options}\n\n{missing}\n\nUsage: {usage}"))
}

/// The message about what a command does not have.
fn missing(command: Command) -> Option<String> {
    let matches = command.ignore_errors(true).try_get_matches().ok()?;
    match matches.subcommand()? {
        ("hooks", matches) => missing_credentials(matches),
        // The command itself requires the option for the secret.
        ("listen", matches) => missing_proof(matches, true, is_given(matches, "url"), &[verification::without_event]),
        ("verify", matches) => missing_proof(matches, is_given(matches, "secret_files"), is_given(matches, "url"), &[]),
        ("sign", matches) => missing_proof(matches, true, is_given(matches, "url"), &[sign::without_event]),
        ("trigger", matches) if is_given(matches, "to") => {
            missing_proof(matches, is_given(matches, "secret_file"), true, &[])
        }
        _ => None,
    }
}

fn is_given(matches: &ArgMatches, id: &str) -> bool {
    matches.try_contains_id(id).unwrap_or_default()
}

/// The message about one thing that is missing for a registration of this event, if it is.
type WhatIsMissing = fn(&'static Provider, Option<&str>) -> Option<String>;

/// The message about what is missing to verify or to sign.
fn missing_proof(matches: &ArgMatches, has_secret: bool, has_url: bool, others: &[WhatIsMissing]) -> Option<String> {
    let provider = matches.try_get_one::<&'static Provider>("provider").ok()??;
    let event = matches.try_get_one::<String>("event").ok()?.map(String::as_str);
    // Without a secret, nothing is verified that need not be signed.
    let is_optional = provider.verification_of(event).is_some_and(|it| it.optional().is_some());
    let others = others.iter().filter_map(|other| other(provider, event));
    match verification::complete(provider, event, None, has_secret || is_optional, has_url, others) {
        Err(Stop::Usage(missing)) => Some(missing),
        _ => None,
    }
}

/// The message about the credentials that the command of `hooks` does not have.
fn missing_credentials(matches: &ArgMatches) -> Option<String> {
    let (name, matches) = matches.subcommand()?;
    let provider = providers::all().iter().copied().find(|provider| provider.name == name)?;
    let (_, matches) = matches.subcommand()?;
    // Some commands only report what to use instead.
    matches.try_contains_id("credentials_file").ok()?;
    let target = Target::from_arg_matches(matches).ok().filter(|target| target.sandbox.is_none())?;
    match Stop::both(target.server(provider), Credentials::read(provider, &target, Proof::Any)) {
        Err(Stop::Usage(missing)) => Some(missing),
        _ => None,
    }
}
