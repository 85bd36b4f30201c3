//! `pos-webhooks verify`.

use std::io::{self, IsTerminal as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use http::header::CONTENT_ENCODING;
use jiff::Timestamp;
use pos_webhooks::Secret;
use pos_webhooks::catalogue::{Provider, Verification};
use pos_webhooks::verify::{ReceiverError, VerifyError};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::changes::changes;
use crate::console::{print, warn};
use crate::help;
use crate::input;
use crate::options::{self, unknown_event};
use crate::providers;
use crate::report::Plain;
use crate::stop::Stop;
use crate::verification::{self, Captured, Change, NotVerified, SignedText, VerificationStep, With};

/// Verify that a captured delivery comes from its provider, or report why it does not pass
///
/// Give the delivery's headers and its body as they were received. For a refused delivery, the output has the step that
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
The file may also be a whole request, whose body is ignored, or the output of `curl -v`, of which the lines after `>` are \
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

Exit status:
  0  Verified. The output says what this proves.
  1  Refused, or not verified because no --secret-file is given for a provider whose registrations
     may not have a secret.
  2  Wrong usage, or an input could not be read, or the output could not be written.", providers = providers()))]
pub struct Arguments {
    /// The provider of the delivery
    #[arg(value_name = "PROVIDER", value_parser = options::provider())]
    provider: &'static Provider,

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
    #[arg(long)]
    headers: PathBuf,

    /// Time of verification, in RFC 3339 form; by default the current time
    #[arg(long, value_name = "RFC3339", allow_negative_numbers = true, value_parser = options::time)]
    at: Option<Timestamp>,

    /// File with the delivery's body, at most 16 MiB; by default, or with -, standard input
    #[arg(default_value = "-", hide_default_value = true)]
    body: PathBuf,
}

pub fn run(arguments: &Arguments) -> Result<ExitCode, Stop> {
    let Arguments { provider, secret_files, signature, url, event, headers, at, body } = arguments;
    let event = event.as_deref();
    let name = verification::named(provider, event, signature.as_deref())?;
    if let Some(Verification::Custom(_)) = provider.verification_of(event) {
        return Err(Stop::Usage(verification::without_proof(provider, event)));
    }
    input::standard_input_once(secret_files.iter().chain([headers, body]))?;
    let secrets: Vec<Secret> = secret_files.iter().map(|file| input::secret(file)).collect::<Result<_, _>>()?;
    let head = input::head(headers)?;
    let body = input::payload(body)?;
    let delivery = Captured {
        provider,
        event,
        signature: name,
        url: url.as_deref(),
        head: &head,
        body: &body,
        at: at.unwrap_or_else(Timestamp::now),
    };
    let is_unproven = matches!(provider.verification_of(event), Some(Verification::None(_)));
    let unused = [
        ("--secret-file", is_unproven && !secrets.is_empty()),
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
    if is_unproven {
        let text = format!("not verified: {}\n", verification::without_proof(provider, event));
        return Ok(print(&fitted(text), ExitCode::FAILURE)?);
    }
    let optional = provider.verification_of(event).and_then(Verification::optional);
    if let (true, Some(why)) = (secrets.is_empty(), optional) {
        let text = format!(
            "not verified: there is no proof that the delivery comes from the provider\n{} --secret-file takes a secret.\n",
            why.trim_end()
        );
        return Ok(print(&fitted(text), ExitCode::FAILURE)?);
    }
    match verify(&delivery, &secrets) {
        Ok(index) => {
            let file = secret_files.get(index).map_or_else(String::new, |file| file.display().to_string());
            let mut text = format!("verified with the secret of {}\n", Plain(&file));
            text += verification::proof(provider, event, name);
            text += format!(" {}", verification::replay(provider, event, name)).trim_end();
            text.push('\n');
            let remark = verification::remark(provider, event, name);
            if !remark.is_empty() {
                text += &format!("{}\n", remark.trim());
            }
            Ok(print(&fitted(text), ExitCode::SUCCESS)?)
        }
        Err(NotVerified::Usage(message)) => Err(Stop::Usage(message)),
        Err(NotVerified::Refused(error)) => {
            Ok(print(&fitted(refused(&delivery, &secrets, &error)), ExitCode::FAILURE)?)
        }
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

/// The index of the secret that verifies the delivery, or the error of the secret that passed the most steps.
fn verify(delivery: &Captured<'_>, secrets: &[Secret]) -> Result<usize, NotVerified> {
    let missing = verification::usage(delivery.provider, delivery.event, &ReceiverError::NoSecret);
    let mut farthest = NotVerified::Usage(missing);
    for (index, secret) in secrets.iter().enumerate() {
        match (delivery.verify(secret), &farthest) {
            (Ok(()), _) => return Ok(index),
            (Err(NotVerified::Refused(error)), NotVerified::Refused(before))
                if VerificationStep::of(&error) <= VerificationStep::of(before) => {}
            (Err(not_verified), _) => farthest = not_verified,
        }
    }
    Err(farthest)
}

fn refused(delivery: &Captured<'_>, secrets: &[Secret], error: &VerifyError) -> String {
    let step = VerificationStep::of(error);
    let signed = delivery.signed(secrets);
    let mut text = format!("refused\nfailed step: {}\n", step.name());
    text += &match error {
        VerifyError::SignatureMismatch => mismatch(delivery),
        _ => format!("error: {error}\n"),
    };
    if let Some(time) = delivery.malformed_time(error) {
        text += &format!("received time: {}\n", Plain(&Value::from(time).to_string()));
    }
    text += "signed string: ";
    match &signed {
        SignedText::Body => text += "the body as it is, with nothing before or after it\n",
        SignedText::Nothing => text += "none; only the key is compared\n",
        SignedText::Unknown(why) => text += &format!("not known, because {why}\n"),
        SignedText::Text(signed) => {
            text += "these lines, with escapes\n";
            signed.split_inclusive('\n').for_each(|line| text += &format!("  {line:?}\n"));
        }
    }
    text += &format!("body: {}\n", description(delivery.body));
    if step == VerificationStep::Headers {
        let names: Vec<_> = delivery.head.headers.iter().map(|(name, _)| name.as_str()).collect();
        text += &format!("received headers: {}\n", if names.is_empty() { "none".into() } else { names.join(", ") });
    }
    if delivery.event.is_none() && delivery.is_signed_for_an_event() {
        text += "hint: the signature depends on the event; give it with --event\n";
    }
    let mut changes = changes(delivery, secrets, error);
    changes.retain(|change| explains(error, delivery, &change.with));
    if of_body(step, delivery) {
        text += &compressed(delivery);
    }
    text + &hints(delivery, secrets, step, changes)
}

/// The message for a signature that does not match, which says what to check.
fn mismatch(delivery: &Captured<'_>) -> String {
    let url = verification::needs_url(delivery.provider, delivery.signature)
        .then_some("the URL is the registered one with its query");
    let (body, right) = if delivery.has_content_hash() {
        (None, ". The body is right: the hash in the headers is that of it")
    } else {
        (Some("the body is as it was received, byte for byte"), "")
    };
    let places: Vec<_> = [url, body].into_iter().flatten().collect();
    let places = places.join(", and whether ");
    format!(
        "error: the signature does not match; check whether the secret is that of this registration, and whether \
         {places}{right}\n"
    )
}

/// Whether the step could pass with another body.
fn of_body(step: VerificationStep, delivery: &Captured<'_>) -> bool {
    matches!(step, VerificationStep::ContentHash | VerificationStep::Members)
        || step == VerificationStep::Signature && !delivery.has_content_hash()
}

/// Hints about compression, which cannot be tried here.
fn compressed(delivery: &Captured<'_>) -> String {
    let format = match delivery.body {
        [0x1f, 0x8b, ..] => Some("gzip"),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Some("zstd"),
        [0x78, 0x01 | 0x5e | 0x9c | 0xda, ..] => Some("zlib"),
        _ => None,
    };
    if let Some(format) = format {
        return format!("hint: the body is compressed ({format}); decompress it, and verify that\n");
    }
    let encodings =
        delivery.head.values(CONTENT_ENCODING.as_str()).filter(|value| !value.eq_ignore_ascii_case(b"identity"));
    match encodings.count() {
        0 => String::new(),
        _ => {
            "hint: the headers have `content-encoding`, and the body is not compressed; verify it as it was received, \
              before anything decompresses it\n"
                .to_owned()
        }
    }
}

/// Whether such a change could explain the error.
fn explains(error: &VerifyError, delivery: &Captured<'_>, with: &With) -> bool {
    let step = VerificationStep::of(error);
    match with {
        With::Head(_) => step == VerificationStep::Headers,
        With::Body(body) if step == VerificationStep::Members => has_other_members(body, delivery.body),
        With::Body(_) => of_body(step, delivery),
        With::Signature(name) => {
            step == VerificationStep::Signature || step == VerificationStep::Headers && delivery.has_header_of(name)
        }
        With::Url(_) => step == VerificationStep::Signature,
        With::Secrets(_) => matches!(step, VerificationStep::Signature | VerificationStep::Key),
        With::At(_) => step == VerificationStep::ReplayWindow,
    }
}

/// Whether a body is JSON that differs from another one in more than its white space and its escapes.
fn has_other_members(one: &[u8], other: &[u8]) -> bool {
    let value = |body| serde_json::from_slice::<Value>(body).ok();
    value(one).is_some_and(|one| Some(one) != value(other))
}

/// Describes the body without its content.
fn description(body: &[u8]) -> String {
    let mut text = format!("{} bytes, SHA-256 {}", body.len(), hex::encode(Sha256::digest(body)));
    let facts = [
        ("ends with a newline", body.ends_with(b"\n")),
        ("lines end in CR LF", body.windows(2).any(|pair| pair == b"\r\n")),
        ("begins with a byte order mark", body.starts_with("\u{feff}".as_bytes())),
        ("has several lines, as if it was formatted", body.trim_ascii().contains(&b'\n')),
        ("is not JSON", serde_json::from_slice::<serde::de::IgnoredAny>(body).is_err()),
    ];
    facts.iter().filter(|(_, holds)| *holds).for_each(|(fact, _)| text += &format!("; {fact}"));
    text
}

/// Verifies again with possible changes in transit, and reports those with which the delivery passes more steps.
fn hints(delivery: &Captured<'_>, secrets: &[Secret], step: VerificationStep, changes: Vec<Change>) -> String {
    let (mut text, mut in_vain) = (String::new(), Vec::new());
    for Change { what, with } in changes {
        let (mut changed, mut tried) = (*delivery, secrets);
        match &with {
            With::Signature(name) => changed.signature = Some(name),
            With::Head(head) => changed.head = head,
            With::Body(body) => changed.body = body,
            With::Url(url) => changed.url = Some(url),
            With::At(at) => changed.at = *at,
            With::Secrets(secrets) => tried = secrets,
        }
        match verify(&changed, tried) {
            Ok(_) => text += &format!("hint: {what}, it passes\n"),
            Err(NotVerified::Refused(next)) if VerificationStep::of(&next) > step => {
                let next = VerificationStep::of(&next).name();
                text += &format!("hint: {what}, it passes this step and then fails at: {next}\n");
            }
            Err(_) => in_vain.push(what),
        }
    }
    if text.is_empty() && !in_vain.is_empty() {
        text = format!("tried without success: {}\n", in_vain.join("; "));
    }
    text
}
