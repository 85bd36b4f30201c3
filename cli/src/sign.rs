//! `pos-webhooks sign`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use http::HeaderValue;
use jiff::{SignedDuration, Timestamp};

use crate::input::{self, Head};
use crate::options;
use crate::schemes::{Delivery, Refusal, Scheme, unknown_event};
use crate::{Stop, print, warn};

/// Print the headers of a genuine delivery, to test your own endpoint with
///
/// The body has to be sent byte for byte as it is given here, and before the replay window ends where there is one.
#[derive(Args)]
#[command(after_long_help = "\
Headers:
  vipps    Host, x-ms-date, x-ms-content-sha256 and Authorization. Needs --url, which Host is of, so
           that the delivery can be sent to another address.
  mypos    X-myPOS-Event and X-myPOS-Signature. Needs --event.
  mipos    Signature-Webhook, in a form that is inferred.
  dealpos  None, since it signs nothing. A key that was agreed on is sent as it is.
An option that makes no difference is noted on standard error.

Examples:
  pos-webhooks sign vipps --secret-file secret.txt --url https://shop.example/hooks/vipps \\
      body.json > headers.txt
  curl -H @headers.txt -H 'Content-Type: application/json' --data-binary @body.json \\
      http://localhost:3000/hooks/vipps
  pos-webhooks sign mypos --secret-file secret.txt --event pos.payment.completed body.json

Exit status:
  0  Done.
  2  Wrong usage, or an input could not be read or the output not be written.")]
pub struct Arguments {
    /// Whose delivery it is to be
    #[arg(value_name = "PROVIDER", value_parser = crate::scheme())]
    scheme: &'static dyn Scheme,

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

    /// Time of the delivery, in RFC 3339; now if not given
    #[arg(long, value_name = "RFC3339", allow_negative_numbers = true, value_parser = options::time)]
    at: Option<Timestamp>,

    /// File with the body, at most 16 MiB; none, or -, is standard input
    #[arg(default_value = "-", hide_default_value = true)]
    body: PathBuf,
}

pub fn run(arguments: &Arguments) -> Result<ExitCode, Stop> {
    let Arguments { scheme, secret_file, url, event, at, body } = arguments;
    input::standard_input_once([secret_file, body])?;
    let secret = input::secret(secret_file)?;
    let body = input::payload(body)?;
    let now = at.unwrap_or_else(Timestamp::now);
    let delivery =
        Delivery { url: url.as_deref(), event: event.as_deref(), head: &Head::default(), body: &body, at: now };
    let headers = scheme.sign(&delivery, &secret).map_err(|refusal| match refusal {
        Refusal::Usage(message) => Stop::Usage(message),
        Refusal::Verify(error) => Stop::Usage(error.to_string()),
    })?;
    if headers.iter().any(|(_, value)| HeaderValue::from_str(value).is_err()) {
        return Err(Stop::Usage("the value of --event cannot be sent in a header".to_owned()));
    }
    let another_time = now.checked_sub(SignedDuration::from_secs(1)).unwrap_or(now);
    let options = [
        ("--url", url.is_some(), Delivery { url: None, ..delivery }),
        ("--event", event.is_some(), Delivery { event: None, ..delivery }),
        ("--at", at.is_some(), Delivery { at: another_time, ..delivery }),
    ];
    for (option, given, without) in options {
        if !given {
            continue;
        }
        if scheme.sign(&without, &secret).is_ok_and(|same| same == headers) {
            warn(format_args!("{option} makes no difference with {}", scheme.provider().name));
        } else if let ("--event", Some(event)) = (option, event)
            && let Some(unknown) = unknown_event(scheme.provider(), event)
        {
            warn(format_args!("--event: {unknown}"));
        }
    }
    let lines = headers.iter().map(|(name, value)| format!("{name}: {value}\n"));
    Ok(print(&lines.collect::<String>(), ExitCode::SUCCESS)?)
}
