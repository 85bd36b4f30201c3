//! Access tokens: `pos-webhooks token PROVIDER`.

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Args;
use jiff::{SignedDuration, Timestamp};
use pos_webhooks::catalogue::Provider;
use pos_webhooks::client::{AnyClient, Options, TokenError};
use serde_json::json;

use crate::console::complain;
use crate::credentials::{CredentialField, Proof};
use crate::hooks::Format;
use crate::report::{Plain, with_causes};
use crate::stop::Stop;
use crate::target::Target;
use crate::{account, json_text, options, providers};

/// Request an access token with a client id and a client secret
///
/// Calls the provider's production server by default. A token shows that the credentials are valid. The command reports when
/// the token expires or, with --show-secrets, prints the token alone. `hooks` requests its tokens itself.
///
/// Credentials are read from the environment or a file, never from arguments. A token among them is ignored.
#[derive(Args)]
#[command(after_long_help = after_help())]
pub struct Arguments {
    /// Provider to call
    #[arg(value_parser = options::provider())]
    provider: &'static Provider,

    #[command(flatten)]
    target: Target,

    /// Format of the output
    ///
    /// `json` is an object with `token` and `expires_at`, which is null if the expiry is unknown. An error is an object on
    /// standard error.
    #[arg(long, value_enum, default_value = "human", hide_possible_values = true)]
    format: Format,

    /// Print the token
    #[arg(long)]
    show_secrets: bool,
}

fn after_help() -> String {
    let mut text = "\
Examples:
  pos-webhooks token vipps --test
      Checks the credentials of the test environment, and reports when the token expires.
  pos-webhooks token vipps --credentials-file credentials.json --show-secrets > token.txt
      Writes the token for another program.

Exit status:
  0  The provider issued a token.
  1  The provider refused the request, could not be reached, or sent an undocumented response, or the
     token could not be written.
  2  Wrong usage; nothing was sent.

Credentials, from the environment or by their names in the file of --credentials-file:
"
    .to_owned();
    for provider in providers::all() {
        for credential in CredentialField::all(provider).into_iter().filter(CredentialField::is_of_client) {
            text += &format!("  {}\n", credential.variable(provider));
        }
    }
    text
}

pub fn run(arguments: &Arguments) -> Result<ExitCode, Stop> {
    let Arguments { provider, target, format, show_secrets } = arguments;
    let (server, credentials) = account::read(provider, target, Proof::Client)?;
    let headers = credentials.headers.iter().cloned();
    let client = AnyClient::new(provider, &server, credentials.token.clone(), headers, Options::default());
    let client = client.map_err(|error| Stop::Usage(with_causes(&error)))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Stop::Input(format!("the request cannot be sent: {error}")))?;
    let token = match runtime.block_on(client.access_token()) {
        Ok(token) => token,
        Err(error) => {
            failed(*format, &*error, &credentials.token_origin);
            return Ok(ExitCode::FAILURE);
        }
    };
    let expires_at = token.expires_in.and_then(|left| {
        let at = Timestamp::now().checked_add(SignedDuration::try_from(left).ok()?).ok()?;
        Timestamp::from_second(at.as_second()).ok()
    });
    let shown = if *show_secrets { token.token.expose() } else { "***" };
    let text = match (format, expires_at) {
        (Format::Json, _) => json!({ "token": shown, "expires_at": expires_at.map(|at| at.to_string()) }).to_string(),
        (Format::Human, _) if *show_secrets => shown.to_owned(),
        (Format::Human, Some(at)) => format!("The provider issued a token, which expires at {at}."),
        (Format::Human, None) => "The provider issued a token, whose expiry is unknown.".to_owned(),
    };
    let mut out = io::stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            complain(format_args!("standard output: {error}"));
            Ok(ExitCode::FAILURE)
        }
        _ => Ok(ExitCode::SUCCESS),
    }
}

fn failed(format: Format, error: &(dyn std::error::Error + 'static), origin: &str) {
    let message = with_causes(error);
    let token_error = error.downcast_ref::<TokenError>();
    let retryable = token_error.is_some_and(TokenError::is_retryable);
    let call = match token_error {
        Some(TokenError::Call(call)) => Some(call),
        _ => None,
    };
    let status = call.and_then(|call| call.status()).map(|status| status.as_u16());
    match format {
        Format::Json => {
            let error = json!({ "message": message, "status": status, "retryable": retryable });
            let _ = writeln!(io::stderr(), "{}", json_text::escaped(json!({ "error": error }).to_string()));
        }
        Format::Human => {
            let likely =
                if retryable { "The same request may succeed later." } else { "Trying again is not likely to help." };
            complain(format_args!("{}\n{likely}\nThe credentials come from {origin}.", Plain(&message)));
        }
    }
}
