//! `pos-webhooks verify`.

mod recorded;
mod refused;

use std::fmt;
use std::io::{self, IsTerminal as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use jiff::Timestamp;
use pos_webhooks::Secret;
use pos_webhooks::capture::{Captured, NotVerified};
use pos_webhooks::catalogue::{Provider, Verification};
use serde::Serialize;

use crate::color::{bad, good};
use crate::console::{print, warn};
use crate::help;
use crate::input;
use crate::json_text;
use crate::options::{self, unknown_event};
use crate::providers;
use crate::report::Plain;
use crate::stop::Stop;
use crate::verification;
use refused::Refused;

/// Verify that a captured delivery comes from its provider, or report why it does not
///
/// Give the delivery's headers and its body as they were received, or the whole request in one file. For a verified
/// delivery, the output has the secret that matches, by its number, what was signed, and its age. For a refused delivery, the output has the step that
/// failed, the signed string, and common changes in transit that would explain the failure. It never contains a secret,
/// a signature or the body.
#[derive(Args)]
#[command(after_long_help = format!("\
Steps (not every provider has all of them):
  headers        The headers of the signature occur once each, in the documented form.
  members        The body has the signed members.
  content hash   The hash in the headers is that of the body.
  signature      The signature matches with one of the secrets.
  key            The key in the delivery is one of the secrets.
  replay window  The signed time is close to the current time. Set --at for a delivery that was
                 captured earlier.

Providers, and what a verified delivery proves:
{providers}
A warning on standard error names options that have no effect.

HEADERS is a file of `Name: value` lines, as `curl -D` and `pos-webhooks sign` write them. Lines may end in LF or CR LF and \
be folded; blank lines are skipped. A status or request line starts a new block, and only the last block is used. \
The file may also be a JSON object of the headers, a whole request, whose body is ignored, or the output of `curl -v`, of which the lines after `>` are \
used. Pseudo-headers of HTTP/2 and CGI variables (`NAME=value`) are supported as well.

Hints are the result of trying changes: other line ends, white space, escapes and encodings of the body, indentation by 2 or \
4 spaces, Base64, a request head in front of the body, other hosts and paths, and characters around a secret. Other \
indentation, another order of members and other forms of numbers are not tried, because they are lost once a body was \
parsed.

Examples:
  pos-webhooks verify vipps --secret-file secret.txt --url https://shop.example/hooks/vipps \\
      --headers headers.txt --at 2026-11-21T12:00:00Z body.json
  pos-webhooks verify mypos --secret-file new.txt --secret-file old.txt \\
      --headers headers.txt < body.json
  pos-webhooks verify mypos --secret-file secret.txt --request request.http --format json
  pos-webhooks verify --from refused.ndjson --line 3 --config listen.toml

Exit status:
  0  Verified. The output says what this proves.
  1  Refused, or not verified because no --secret-file is given for a provider whose registrations
     may not have a secret.
  2  Wrong usage, or an input could not be read, or the output could not be written.", providers = providers()))]
pub struct Arguments {
    /// The provider of the delivery
    #[arg(value_name = "PROVIDER", value_parser = options::provider(), required_unless_present = "from")]
    provider: Option<&'static Provider>,

    /// File with the secret; give several while a secret is rotated, and the delivery passes with any of them
    ///
    /// One newline at the end of the file is not part of the secret.
    #[arg(long = "secret-file", value_name = "FILE")]
    secret_files: Vec<PathBuf>,

    /// The signature to verify, if the provider signs in several ways; by default the first one
    #[arg(long, value_name = "NAME", hide = !verification::any_has_names())]
    signature: Option<String>,

    /// The registered URL, which may differ from that of the request; required if the provider signs it
    #[arg(long)]
    url: Option<String>,

    /// The event of the registration, if it depends on the event how the provider signs
    #[arg(long, value_name = "NAME")]
    event: Option<String>,

    /// File with the delivery's headers; - is standard input
    #[arg(long, required_unless_present_any = ["request", "from"], value_name = "HEADERS")]
    headers: Option<PathBuf>,

    /// File with the whole request: the headers, a blank line, and the body; - is standard input
    ///
    /// There may be a request line before the headers. If the headers have the length of the body, the bytes after it are
    /// ignored. Chunks are joined.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["headers", "body"])]
    request: Option<PathBuf>,

    /// File of refused deliveries that `listen` has written; without --line, lists them
    #[arg(long, value_name = "FILE", conflicts_with_all = ["headers", "request", "body"])]
    from: Option<PathBuf>,

    /// The number of the line of the delivery, from 1
    #[arg(long, value_name = "NUMBER", requires = "from", value_parser = options::whole(1..=usize::MAX))]
    line: Option<usize>,

    /// The configuration of `listen`, which has the secrets and the URL of the delivery's route
    #[arg(long, value_name = "FILE", requires = "line")]
    #[arg(conflicts_with_all = ["provider", "secret_files", "signature", "url", "event"])]
    config: Option<PathBuf>,

    /// Time of verification, in RFC 3339 form; by default the current time, and with --from that of the delivery
    #[arg(long, value_name = "RFC3339", allow_negative_numbers = true, value_parser = options::time)]
    at: Option<Timestamp>,

    /// Format of the result
    #[arg(long, value_enum, default_value = "human")]
    format: Format,

    /// File with the delivery's body, at most 16 MiB; by default, or with -, standard input
    #[arg(default_value = "-", hide_default_value = true)]
    body: PathBuf,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Lines of text
    Human,
    /// One JSON object on one line
    Json,
}

/// A delivery that is verified, for a program.
#[derive(Serialize)]
struct Verified<'a> {
    verified: bool,
    provider: &'a str,
    event: Option<&'a str>,
    secret: MatchingSecret,
    signed: Option<&'a str>,
    signed_at: Option<Timestamp>,
    age_seconds: Option<i64>,
    replay_window_seconds: Option<u64>,
    proof: String,
}

/// The secret that verifies a delivery.
#[derive(Serialize)]
struct MatchingSecret {
    /// The number of its option, from 1.
    number: usize,
    /// How many secrets are given.
    of: usize,
    file: String,
}

/// A delivery that is not verified because nothing proves its origin, for a program.
#[derive(Serialize)]
struct Unproven<'a> {
    verified: bool,
    provider: &'a str,
    event: Option<&'a str>,
    error: &'a str,
}

pub fn run(arguments: &Arguments) -> Result<ExitCode, Stop> {
    let Arguments { provider, secret_files, signature, url, event, headers, request, at, format, body, .. } = arguments;
    if let Some(file) = &arguments.from {
        return recorded::run(arguments, file);
    }
    let Some(provider) = *provider else {
        return Err(Stop::Usage("give a provider, or a file with --from".to_owned()));
    };
    let event = event.as_deref();
    let name = verification::named(provider, event, signature.as_deref())?;
    if let Some(Verification::Custom(_)) = provider.verification_of(event) {
        return Err(Stop::Usage(verification::without_proof(provider, event)));
    }
    let body = request.is_none().then_some(body);
    input::standard_input_once(secret_files.iter().chain(headers).chain(request).chain(body))?;
    let secrets = Secrets::read(secret_files)?;
    let (head, whole) = match (request, headers) {
        (Some(request), _) => input::request(request).map(|(head, body)| (head, Some(body)))?,
        (None, Some(headers)) => (input::head(headers)?, None),
        (None, None) => return Err(Stop::Usage("give --headers or --request".to_owned())),
    };
    // Without a secret, nothing is verified that need not be signed.
    let is_unproven = provider.verification_of(event).and_then(Verification::optional).is_some();
    if !(secret_files.is_empty() && is_unproven) {
        verification::complete(provider, event, name, !secret_files.is_empty(), url.is_some(), None)?;
    }
    let body = match (whole, body) {
        (None, Some(body)) => input::payload(body)?,
        (whole, _) => whole.unwrap_or_default(),
    };
    let delivery = Captured {
        provider,
        event,
        signature: name,
        url: url.as_deref(),
        head: &head,
        body: &body,
        at: at.unwrap_or_else(Timestamp::now),
    };
    warn_of_unused(arguments, provider, name, !secrets.values.is_empty());
    let Checked { text, json, is_verified } = check(&delivery, &secrets)?;
    let text = match format {
        Format::Human => fitted(text),
        Format::Json => json.map_err(io::Error::from)? + "\n",
    };
    Ok(print(&text, if is_verified { ExitCode::SUCCESS } else { ExitCode::FAILURE })?)
}

/// The secrets of a registration.
struct Secrets {
    values: Vec<Secret>,
    /// Where each of them is from.
    sources: Vec<String>,
}

impl Secrets {
    fn read(files: &[PathBuf]) -> Result<Self, Stop> {
        let values = files.iter().map(|file| input::secret(file)).collect::<Result<_, _>>()?;
        Ok(Self { values, sources: files.iter().map(|file| file.display().to_string()).collect() })
    }
}

/// The result of verifying a delivery.
struct Checked {
    text: String,
    json: serde_json::Result<String>,
    is_verified: bool,
}

impl Checked {
    fn new(text: String, result: &impl Serialize, is_verified: bool) -> Self {
        Self { text, json: json_text::to_string(result), is_verified }
    }
}

fn check(delivery: &Captured<'_>, secrets: &Secrets) -> Result<Checked, Stop> {
    let Captured { provider, event, signature: name, .. } = *delivery;
    let Secrets { values: secrets, sources } = secrets;
    let is_unproven = matches!(provider.verification_of(event), Some(Verification::None(_)));
    let optional = provider.verification_of(event).and_then(Verification::optional);
    let unproven = match optional {
        _ if is_unproven => Some(verification::without_proof(provider, event)),
        Some(why) if secrets.is_empty() => Some(format!(
            "there is no proof that the delivery comes from the provider\n{} --secret-file takes a secret.",
            why.trim_end()
        )),
        _ => None,
    };
    if let Some(error) = &unproven {
        let unproven = Unproven { verified: false, provider: provider.name, event, error };
        return Ok(Checked::new(format!("{}: {error}\n", bad("not verified")), &unproven, false));
    }
    match delivery.verify(secrets) {
        Ok(index) => {
            let file = sources.get(index).cloned().unwrap_or_default();
            let secret = MatchingSecret { number: index + 1, of: secrets.len(), file };
            let age = secrets.get(index).and_then(|secret| delivery.age(secret));
            let signed = delivery.signed(secrets);
            let proof = verification::proof(provider, event, name).to_owned();
            let replay = verification::replay(provider, event, name);
            let remark = verification::remark(provider, event, name);
            let verified = Verified {
                verified: true,
                provider: provider.name,
                event,
                secret,
                signed: signed.json(),
                signed_at: age.and_then(|age| delivery.at.checked_sub(age).ok()),
                age_seconds: age.map(|age| age.as_secs()),
                replay_window_seconds: delivery.window().map(|window| window.as_secs()),
                proof: format!("{proof} {replay}").trim_end().to_owned(),
            };
            let text = format!("{verified}signed string: {signed}{}", with_newline(remark.trim()));
            Ok(Checked::new(text, &verified, true))
        }
        Err(NotVerified::Receiver(error)) => Err(Stop::Usage(verification::usage(provider, event, &error))),
        Err(NotVerified::Refused(error)) => {
            let refused = Refused::new(delivery, secrets, &error);
            Ok(Checked::new(refused.to_string(), &refused, false))
        }
    }
}

/// The text as a line; empty if there is none.
fn with_newline(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("{text}\n") }
}

impl fmt::Display for Verified<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let MatchingSecret { number, of, file } = &self.secret;
        writeln!(f, "{} with the secret of {}\n{}", good("verified"), Plain(file), self.proof)?;
        writeln!(f, "secret: number {number} of {of}")?;
        let (Some(at), Some(age)) = (self.signed_at, self.age_seconds) else { return Ok(()) };
        write!(f, "signed at: {at}, {} s {}", age.unsigned_abs(), if age < 0 { "in the future" } else { "ago" })?;
        match self.replay_window_seconds {
            Some(window) => writeln!(f, ", within the replay window of {window} s"),
            None => writeln!(f),
        }
    }
}

/// Warns about options that have no effect.
fn warn_of_unused(arguments: &Arguments, provider: &Provider, name: Option<&str>, has_secret: bool) {
    let Arguments { signature, url, event, at, .. } = arguments;
    let event = event.as_deref();
    let has_unused_secret = has_secret && matches!(provider.verification_of(event), Some(Verification::None(_)));
    let unused = [
        ("--secret-file", has_unused_secret),
        ("--signature", signature.is_some() && verification::signature_names(provider, event).is_empty()),
        ("--url", url.is_some() && !verification::needs_url(provider, name)),
        ("--event", event.is_some() && !verification::depends_on_event(provider)),
        ("--at", at.is_some() && !verification::has_window(provider, event, name)),
    ];
    for (option, _) in unused.iter().filter(|(_, unused)| *unused) {
        warn(format_args!("{option} has no effect with {}", provider.name));
    }
    if let Some(unknown) =
        event.filter(|_| verification::depends_on_event(provider)).and_then(|event| unknown_event(provider, event))
    {
        warn(format_args!("--event: {unknown}"));
    }
}

/// One line for each provider.
fn providers() -> String {
    let width = providers::width();
    let line = |provider: &&'static Provider| {
        let url = if verification::needs_url(provider, None) { " Requires --url." } else { "" };
        let choice = Some(verification::choice(provider)).filter(|choice| !choice.is_empty());
        let choice = choice.map_or_else(String::new, |choice| format!(" {choice}."));
        let line = format!("{:width$}{}{url}{choice}", provider.name, verification::proof(provider, None, None));
        help::fill(&line, 98, width + 2)
    };
    providers::all().iter().map(line).map(|line| format!("  {}", line.trim_start())).collect::<Vec<_>>().join("\n")
}

/// Wraps a result, if it is printed to a terminal. Otherwise each sentence stays on one line, for programs that search
/// it.
fn fitted(text: String) -> String {
    if io::stdout().is_terminal() { help::fitted(&text) } else { text }
}
