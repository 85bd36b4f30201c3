//! `pos-webhooks verify`.

use std::io::{self, IsTerminal as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use http::header::CONTENT_ENCODING;
use jiff::Timestamp;
use pos_webhooks::catalogue::{Provider, Verification};
use pos_webhooks::verify::{ReceiverError, VerifyError};
use pos_webhooks::{PROVIDERS, Secret};
use sha2::{Digest as _, Sha256};

use crate::changes::changes;
use crate::help;
use crate::input;
use crate::options;
use crate::report::Plain;
use crate::verification::{self, Captured, Change, NotVerified, Signed, With};
use crate::{Stop, print, warn};

/// Find out whether a captured delivery comes from its provider, and if not why
///
/// Takes the delivery's headers and its body as they were received. Of a refused delivery it reports the step that failed,
/// the string whose signature was looked for, and which usual changes on the way would explain it. It never shows a
/// secret, a signature or the body.
#[derive(Args)]
#[command(after_long_help = format!("\
Steps, as far as the provider has them:
  headers        Those of the signature are there, once each, and of the documented form.
  members        The members of the body that are signed are there.
  content hash   The hash in the headers is that of the body.
  signature      One of the secrets gives the signature of the delivery.
  key            One of the secrets is the key that was sent.
  replay window  The signed time is near the clock. --at sets the clock for a delivery that was
                 captured earlier.

Providers, and what a verified delivery proves:
{providers}
An option that makes no difference is noted on standard error.

HEADERS holds `Name: value` lines, as `curl -D` and `pos-webhooks sign` write them. They may end in LF or CR LF and be \
folded; blank lines are skipped. A status or request line starts anew, so that of several blocks the last one counts. \
A whole request is read up to its body, and of the output of `curl -v` the lines after `>`. Pseudo-headers of HTTP/2 and CGI \
variables (`NAME=value`) are read as well.

Hints come from what was tried: other line ends, white space, escapes and encodings of the body, indentation by 2 or 4 spaces, \
Base64, a request in front of it, other hosts and paths, and what is around a secret. What is not tried is another \
indentation, order of members or form of numbers, which cannot be found again once a body was parsed.

Examples:
  pos-webhooks verify vipps --secret-file secret.txt --url https://shop.example/hooks/vipps \\
      --headers headers.txt --at 2026-11-21T12:00:00Z body.json
  pos-webhooks verify mypos --secret-file new.txt --secret-file old.txt \\
      --headers headers.txt < body.json

Exit status:
  0  Verified; the output says what that proves.
  1  Refused, or not verified since there is nothing to verify it with: no --secret-file, where the
     provider may have no secret.
  2  Wrong usage, or an input could not be read or the output not be written.", providers = providers()))]
pub struct Arguments {
    /// Whose delivery it is
    #[arg(value_name = "PROVIDER", value_parser = crate::provider())]
    provider: &'static Provider,

    /// File with a secret; once per secret while they are being rotated, of which any is enough
    ///
    /// One newline at the end of the file is not part of the secret.
    #[arg(long = "secret-file", value_name = "FILE")]
    secret_files: Vec<PathBuf>,

    /// URL as it was registered, whatever the request says; needed where it is signed
    #[arg(long)]
    url: Option<String>,

    /// File with the delivery's headers; - is standard input
    #[arg(long)]
    headers: PathBuf,

    /// Time of the replay window, in RFC 3339; now if not given
    #[arg(long, value_name = "RFC3339", allow_negative_numbers = true, value_parser = options::time)]
    at: Option<Timestamp>,

    /// File with the delivery's body, at most 16 MiB; none, or -, is standard input
    #[arg(default_value = "-", hide_default_value = true)]
    body: PathBuf,
}

/// What is verified one after the other. A delivery that fails at a later one is closer to a genuine one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    Headers,
    Members,
    ContentHash,
    Signature,
    Key,
    ReplayWindow,
    Other,
}

impl Step {
    pub fn of(error: &VerifyError) -> Self {
        match error {
            VerifyError::MissingHeader { .. }
            | VerifyError::RepeatedHeader { .. }
            | VerifyError::MalformedHeader { .. } => Self::Headers,
            VerifyError::MalformedBody(_) | VerifyError::MissingMember { .. } => Self::Members,
            VerifyError::ContentHashMismatch => Self::ContentHash,
            VerifyError::SignatureMismatch => Self::Signature,
            VerifyError::KeyMismatch { .. } => Self::Key,
            VerifyError::Stale { .. } | VerifyError::Future { .. } => Self::ReplayWindow,
            _ => Self::Other,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Headers => "headers",
            Self::Members => "members",
            Self::ContentHash => "content hash",
            Self::Signature => "signature",
            Self::Key => "key",
            Self::ReplayWindow => "replay window",
            Self::Other => "another",
        }
    }
}

pub fn run(arguments: &Arguments) -> Result<ExitCode, Stop> {
    let Arguments { provider, secret_files, url, headers, at, body } = arguments;
    input::standard_input_once(secret_files.iter().chain([headers, body]))?;
    let secrets: Vec<Secret> = secret_files.iter().map(|file| input::secret(file)).collect::<Result<_, _>>()?;
    let head = input::head(headers)?;
    let body = input::payload(body)?;
    let delivery = Captured {
        provider,
        signature: None,
        url: url.as_deref(),
        head: &head,
        body: &body,
        at: at.unwrap_or_else(Timestamp::now),
    };
    let unused = [
        ("--url", url.is_some() && !verification::needs_url(provider)),
        ("--at", at.is_some() && !verification::has_window(provider)),
    ];
    for (option, _) in unused.iter().filter(|(_, unused)| *unused) {
        warn(format_args!("{option} makes no difference with {}", provider.name));
    }
    let optional = provider.verification.as_ref().and_then(Verification::optional);
    if let (true, Some(why)) = (secrets.is_empty(), optional) {
        let text = format!(
            "not verified: nothing proves where this delivery comes from\n{} --secret-file takes a secret.\n",
            why.trim_end()
        );
        return Ok(print(&fitted(text), ExitCode::FAILURE)?);
    }
    match verify(&delivery, &secrets) {
        Ok(index) => {
            let file = secret_files.get(index).map_or_else(String::new, |file| file.display().to_string());
            let mut text = format!("verified with the secret of {}\n{}\n", Plain(&file), verification::proof(provider));
            let remark = verification::remark(provider);
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

/// A line per provider.
fn providers() -> String {
    let line = |provider: &&'static Provider| {
        let url = if verification::needs_url(provider) { "; needs --url" } else { "" };
        help::fill(&format!("{:9}{}{url}", provider.name, verification::proof(provider)), 98, 11)
    };
    PROVIDERS.iter().map(line).map(|line| format!("  {}", line.trim_start())).collect::<Vec<_>>().join("\n")
}

/// A result as it fits the terminal. Elsewhere each sentence stays on its line, for programs that search it.
fn fitted(text: String) -> String {
    if io::stdout().is_terminal() { help::fitted(&text) } else { text }
}

/// Which secret it was, or where the one stopped that came farthest.
fn verify(delivery: &Captured<'_>, secrets: &[Secret]) -> Result<usize, NotVerified> {
    let missing = verification::usage(delivery.provider, &ReceiverError::NoSecret);
    let mut farthest = NotVerified::Usage(missing);
    for (index, secret) in secrets.iter().enumerate() {
        match (delivery.verify(secret), &farthest) {
            (Ok(()), _) => return Ok(index),
            (Err(NotVerified::Refused(error)), NotVerified::Refused(before))
                if Step::of(&error) <= Step::of(before) => {}
            (Err(not_verified), _) => farthest = not_verified,
        }
    }
    Err(farthest)
}

fn refused(delivery: &Captured<'_>, secrets: &[Secret], error: &VerifyError) -> String {
    let step = Step::of(error);
    let signed = delivery.signed(secrets);
    let mut text = format!("refused\nfailed step: {}\n", step.name());
    text += &match error {
        VerifyError::SignatureMismatch => mismatch(delivery),
        _ => format!("error: {error}\n"),
    };
    text += "signed string: ";
    match &signed {
        Signed::Body => text += "the body as it is, nothing before or after it\n",
        Signed::Nothing => text += "none, only the key is compared\n",
        Signed::Unknown => text += "not known without the headers\n",
        Signed::Text(signed) => {
            text += "these lines, with escapes\n";
            signed.split_inclusive('\n').for_each(|line| text += &format!("  {line:?}\n"));
        }
    }
    text += &format!("body: {}\n", description(delivery.body));
    if step == Step::Headers {
        let names: Vec<_> = delivery.head.headers.iter().map(|(name, _)| name.as_str()).collect();
        text += &format!("headers there are: {}\n", if names.is_empty() { "none".into() } else { names.join(", ") });
    }
    let mut changes = changes(delivery, secrets, error);
    changes.retain(|change| explains(step, delivery, &change.with));
    if of_body(step, delivery) {
        text += &compressed(delivery);
    }
    text + &hints(delivery, secrets, step, changes)
}

/// Where to look for the reason of another signature.
fn mismatch(delivery: &Captured<'_>) -> String {
    let url = verification::needs_url(delivery.provider).then_some("the URL is the registered one with its query");
    let (body, right) = if delivery.has_content_hash() {
        (None, ". The body is right: the hash in the headers is that of it")
    } else {
        (Some("the body is as it was received, byte for byte"), "")
    };
    let places: Vec<_> = [url, body].into_iter().flatten().collect();
    let places = places.join(", and whether ");
    format!(
        "error: the signature does not match; look whether the secret is that of this registration, and whether \
         {places}{right}\n"
    )
}

/// Whether another body could make the step pass.
fn of_body(step: Step, delivery: &Captured<'_>) -> bool {
    matches!(step, Step::ContentHash | Step::Members) || step == Step::Signature && !delivery.has_content_hash()
}

/// What cannot be tried here: the body before it was compressed, or after.
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

/// Whether such a change could make the step fail.
fn explains(step: Step, delivery: &Captured<'_>, with: &With) -> bool {
    match with {
        With::Head(_) => step == Step::Headers,
        With::Body(_) => of_body(step, delivery),
        With::Url(_) | With::Signature(_) => step == Step::Signature,
        With::Secrets(_) => matches!(step, Step::Signature | Step::Key),
        With::At(_) => step == Step::ReplayWindow,
    }
}

/// What the body looks like, without its content.
fn description(body: &[u8]) -> String {
    let mut text = format!("{} bytes, SHA-256 {}", body.len(), hex::encode(Sha256::digest(body)));
    let facts = [
        ("ends with a newline", body.ends_with(b"\n")),
        ("lines end in CR LF", body.windows(2).any(|pair| pair == b"\r\n")),
        ("begins with a byte order mark", body.starts_with("\u{feff}".as_bytes())),
        ("is on several lines, as if printed for people", body.trim_ascii().contains(&b'\n')),
        ("is not JSON", serde_json::from_slice::<serde::de::IgnoredAny>(body).is_err()),
    ];
    facts.iter().filter(|(_, holds)| *holds).for_each(|(fact, _)| text += &format!("; {fact}"));
    text
}

/// Verifies again with what may have been changed on the way, and reports what comes farther.
fn hints(delivery: &Captured<'_>, secrets: &[Secret], step: Step, changes: Vec<Change>) -> String {
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
            Err(NotVerified::Refused(next)) if Step::of(&next) > step => {
                let next = Step::of(&next).name();
                text += &format!("hint: {what}, it passes this step and then fails at: {next}\n");
            }
            Err(_) => in_vain.push(what),
        }
    }
    if text.is_empty() && !in_vain.is_empty() {
        text = format!("tried in vain: {}\n", in_vain.join("; "));
    }
    text
}
