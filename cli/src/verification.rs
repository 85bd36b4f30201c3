//! Verifies a captured delivery: with each secret, with the signed text, and with possible changes of the delivery.

use std::fmt;
use std::time::Duration;

use http::Uri;
use http::header::HOST;
use jiff::{SignedDuration, Timestamp};
use pos_webhooks::Secret;
use pos_webhooks::catalogue::{FormPart, Part, Provider, Signature, Verification};
use pos_webhooks::verify::{ReceiverError, Verifier, VerifyError};
use serde_json::Value;

use crate::input::Head;
use crate::stop::Stop;
use crate::{options, providers, suggest};

/// A captured delivery, and the values for its verification beside the secrets.
#[derive(Clone, Copy)]
pub struct Captured<'a> {
    pub provider: &'static Provider,
    /// The event of the registration, if one was given.
    pub event: Option<&'a str>,
    /// The name of the signature; `None` for the default one.
    pub signature: Option<&'static str>,
    /// The registered URL.
    pub url: Option<&'a str>,
    pub head: &'a Head,
    pub body: &'a [u8],
    /// The time of verification.
    pub at: Timestamp,
}

/// The reason why a delivery was not verified.
pub enum NotVerified {
    /// The options are not sufficient to verify the delivery.
    Usage(String),
    Refused(VerifyError),
}

impl From<VerifyError> for NotVerified {
    fn from(error: VerifyError) -> Self {
        Self::Refused(error)
    }
}

impl Captured<'_> {
    pub fn verify(&self, secret: &Secret) -> Result<(), NotVerified> {
        let verifier =
            self.verifier(secret).map_err(|error| NotVerified::Usage(usage(self.provider, self.event, &error)))?;
        Ok(verifier.verify(&self.head.headers, self.body, self.at)?)
    }

    /// How long before the time of verification the delivery was signed; `None` if its time is not signed, or if it does not
    /// pass with the secret.
    pub fn age(&self, secret: &Secret) -> Option<SignedDuration> {
        self.description().filter(|signature| signature.signs_time())?;
        // Without a window, the error says how far the time is away.
        let verifier = self.verifier(secret).ok()?.replay_window(Duration::ZERO);
        match verifier.verify(&self.head.headers, self.body, self.at) {
            Ok(()) => Some(SignedDuration::ZERO),
            Err(VerifyError::Stale { by }) => SignedDuration::try_from(by).ok(),
            Err(VerifyError::Future { by }) => SignedDuration::try_from(by).ok().map(|by| -by),
            Err(_) => None,
        }
    }

    /// The replay window, if there is one.
    pub fn window(&self) -> Option<Duration> {
        self.description()?.window()
    }

    fn verifier(&self, secret: &Secret) -> Result<Verifier, ReceiverError> {
        let verification = self.provider.verification_of(self.event).ok_or(ReceiverError::NothingDelivered)?;
        Verifier::new(verification, self.signature, self.url, [secret.clone()])
    }

    fn description(&self) -> Option<&'static Signature> {
        self.provider.verification_of(self.event)?.signature(self.signature)
    }

    /// Whether the delivery has a header of another signature, which that of this delivery does not use.
    pub fn has_header_of(&self, other: &str) -> bool {
        let own = self.description().map_or(&[][..], |signature| signature.headers);
        let others = signature(self.provider, self.event, Some(other)).map_or(&[][..], |signature| signature.headers);
        others.iter().any(|name| !own.contains(name) && self.head.values(name).next().is_some())
    }

    /// Whether there is a header of a signature that only some events have.
    pub fn is_signed_for_an_event(&self) -> bool {
        let own = self.provider.events.iter().filter_map(|event| event.verification.as_ref()?.signature(None));
        own.flat_map(|signature| signature.headers).any(|name| self.head.values(name).next().is_some())
    }

    /// Whether a header has the hash of the body, so that another body fails before the signature is checked.
    pub fn has_content_hash(&self) -> bool {
        self.description().and_then(|signature| signature.digest).is_some_and(|digest| digest.header.is_some())
    }

    /// The signed text. The text does not depend on the secrets, but they are needed to construct a verifier.
    pub fn signed(&self, secrets: &[Secret]) -> SignedText {
        let Some(signature) = self.description() else { return SignedText::Nothing };
        let is_body = |part: &Part| matches!(part, Part::Body | Part::BodyWithoutSpaces);
        let mut parts = signature.signed.iter().flat_map(|parts| parts.iter());
        if parts.clone().all(is_body) {
            return SignedText::Body;
        }
        // The body is a customer's data, and is not shown.
        let hidden = String::from_utf8_lossy(self.body);
        let hidden = Some(&*hidden).filter(|body| parts.any(is_body) && !body.is_empty());
        let Some(verifier) = secrets.iter().find_map(|secret| self.verifier(secret).ok()) else {
            return SignedText::Nothing;
        };
        match verifier.string_to_sign(&self.head.headers, self.body) {
            Ok(text) => {
                let text = String::from_utf8_lossy(&text.unwrap_or_default()).into_owned();
                SignedText::Text(hidden.map_or_else(|| text.clone(), |body| text.replace(body, "<the body>")))
            }
            Err(error) => SignedText::Unknown(match error {
                VerifyError::MissingHeader { name } => format!("the header `{name}` is missing"),
                VerifyError::RepeatedHeader { name } => format!("the header `{name}` occurs more than once"),
                VerifyError::MalformedHeader { name, expected } => format!("the header `{name}` is not {expected}"),
                VerifyError::MissingMember { pointer, expected } => match self.member(pointer) {
                    None => format!("`{pointer}` is missing"),
                    Some(_) => format!("`{pointer}` is not {expected}"),
                },
                VerifyError::MalformedBody(_) => "the body is not a JSON object".to_owned(),
                error => error.to_string(),
            }),
        }
    }

    fn member(&self, pointer: &str) -> Option<Value> {
        serde_json::from_slice::<Value>(self.body).ok()?.pointer(pointer).cloned()
    }

    /// The time of the delivery, if this error is about its form. A time is not secret.
    pub fn malformed_time(&self, error: &VerifyError) -> Option<String> {
        let time = self.description()?.time?;
        match error {
            VerifyError::MalformedHeader { name, .. } if time.headers.contains(name) => {
                self.head.values(name).next().map(|value| String::from_utf8_lossy(value).into_owned())
            }
            VerifyError::MissingMember { pointer, .. } if time.member == Some(pointer) => {
                let member = self.member(pointer)?;
                Some(member.as_str().map_or_else(|| member.to_string(), str::to_owned))
            }
            _ => None,
        }
    }

    fn other_signatures(&self) -> Vec<Change> {
        let verification = self.provider.verification_of(self.event);
        let Some(Verification::Signatures(signatures)) = verification else { return Vec::new() };
        let current = self.signature.or(signatures.first().and_then(|signature| signature.name));
        let names = signatures.iter().filter_map(|signature| signature.name).filter(|name| Some(*name) != current);
        let change = |name| Change { what: format!("by the signature `{name}`"), with: With::Signature(name) };
        names.map(change).collect()
    }

    /// Changes that are common with the deliveries of this provider.
    pub fn changes(&self) -> Vec<Change> {
        let Some(signature) = self.description() else { return Vec::new() };
        let mut changes = self.other_signatures();
        changes.extend(time_in_front(signature, self));
        if signature.needs_url() {
            changes.extend(other_urls(self));
        }
        changes
    }
}

/// The signed text of a delivery.
pub enum SignedText {
    Body,
    Text(String),
    Nothing,
    /// The text cannot be determined, for this reason.
    Unknown(String),
}

impl SignedText {
    /// The text for a program, in which `<the body>` stands for the body; `None` if no text is signed, or it is not known.
    pub fn json(&self) -> Option<&str> {
        match self {
            Self::Body => Some("<the body>"),
            Self::Text(text) => Some(text),
            Self::Nothing | Self::Unknown(_) => None,
        }
    }
}

impl fmt::Display for SignedText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Body => f.write_str("the body as it is, with nothing before or after it\n"),
            Self::Nothing => f.write_str("none; only the key is compared\n"),
            Self::Unknown(why) => writeln!(f, "not known, because {why}"),
            Self::Text(signed) => {
                f.write_str("these lines, with escapes\n")?;
                signed.split_inclusive('\n').try_for_each(|line| writeln!(f, "  {line:?}"))
            }
        }
    }
}

/// The steps of verification, in order. A delivery that fails at a later step is closer to a genuine one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum VerificationStep {
    Headers,
    Members,
    ContentHash,
    Signature,
    Key,
    ReplayWindow,
    Other,
}

impl VerificationStep {
    pub fn of(error: &VerifyError) -> Self {
        match error {
            VerifyError::MissingHeader { .. }
            | VerifyError::MissingHeaders { .. }
            | VerifyError::AmbiguousHeader { .. }
            | VerifyError::RepeatedHeader { .. }
            | VerifyError::MalformedHeader { .. } => Self::Headers,
            VerifyError::MalformedBody(_) | VerifyError::MissingMember { .. } | VerifyError::AmbiguousMember { .. } => {
                Self::Members
            }
            VerifyError::ContentHashMismatch => Self::ContentHash,
            VerifyError::SignatureMismatch => Self::Signature,
            VerifyError::KeyMismatch { .. } => Self::Key,
            VerifyError::Stale { .. } | VerifyError::Future { .. } => Self::ReplayWindow,
            _ => Self::Other,
        }
    }

    /// Whether a step has this name.
    pub fn is_name(name: &str) -> bool {
        let steps = [Self::Headers, Self::Members, Self::ContentHash, Self::Signature, Self::Key, Self::ReplayWindow];
        steps.iter().chain([&Self::Other]).any(|step| step.name() == name)
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

/// A change of the delivery to verify.
pub struct Change {
    pub what: String,
    pub with: With,
}

#[derive(Clone, PartialEq)]
pub enum With {
    Signature(&'static str),
    Head(Head),
    Body(Vec<u8>),
    Url(String),
    Secrets(Vec<Secret>),
    At(Timestamp),
}

/// The message for a receiver of this registration that cannot be constructed, or for a delivery that cannot be signed.
pub fn usage(provider: &'static Provider, event: Option<&str>, error: &ReceiverError) -> String {
    let (name, deliveries) = (provider.name, deliveries(provider, event));
    match error {
        ReceiverError::NoUrl => format!("{name} signs the registered URL in {deliveries}; give it with --url"),
        ReceiverError::NoSecret if provider.events.is_empty() => format!("{name} does not describe events"),
        ReceiverError::NoSecret => match provider.verification_of(event) {
            Some(Verification::Keys(_)) => {
                format!("{name} sends an agreed key with {deliveries}; give it with --secret-file")
            }
            _ => format!("{name} signs {deliveries}; give the secret with --secret-file"),
        },
        ReceiverError::NothingSigned(reason) => not_signed(provider, event, reason),
        ReceiverError::Custom => without_proof(provider, event),
        ReceiverError::NoEvent => {
            let names: Vec<_> = provider.events.iter().map(|event| event.name).collect();
            let known = match names.len() {
                ..=suggest::FEW => format!("--event: {}", names.join(", ")),
                _ => format!("--event with one that `{}` lists", options::schemas(provider)),
            };
            format!("a delivery of {name} does not name its event; give {known}")
        }
        error => error.to_string(),
    }
}

/// The message for deliveries that these commands can neither verify nor sign.
pub fn without_proof(provider: &'static Provider, event: Option<&str>) -> String {
    let name = provider.name;
    match provider.verification_of(event) {
        Some(Verification::Custom(custom)) => format!(
            "only code of your own can verify {} of {name}, such as a `CustomVerification` of the library: {}",
            deliveries(provider, event),
            custom.description.trim_end(),
        ),
        Some(Verification::None(reason)) => not_signed(provider, event, reason),
        _ => format!("the specification of {name} does not say how deliveries are signed"),
    }
}

fn not_signed(provider: &'static Provider, event: Option<&str>, reason: &str) -> String {
    format!("{} does not sign {}: {}", provider.name, deliveries(provider, event), reason.trim_end())
}

/// The deliveries that prove their origin in the same way as those of this event.
fn deliveries(provider: &'static Provider, event: Option<&str>) -> String {
    match event.and_then(|event| provider.event(event)).filter(|event| event.verification.is_some()) {
        Some(event) => format!("deliveries of {}", event.name),
        None => "deliveries".to_owned(),
    }
}

/// Whether verification by the signature of this name, or by the default one, needs the registered URL. This is the same
/// for all events.
pub fn needs_url(provider: &Provider, name: Option<&str>) -> bool {
    signature(provider, None, name).is_some_and(Signature::needs_url)
}

/// Whether verification depends on the time.
pub fn has_window(provider: &Provider, event: Option<&str>, name: Option<&str>) -> bool {
    signature(provider, event, name).is_some_and(|signature| signature.window().is_some())
}

/// The signature of this name, or the default one.
pub fn signature(provider: &Provider, event: Option<&str>, name: Option<&str>) -> Option<&'static Signature> {
    provider.verification_of(event)?.signature(name)
}

/// Whether it depends on the event how a delivery proves its origin.
pub fn depends_on_event(provider: &Provider) -> bool {
    provider.events.iter().any(|event| event.verification.is_some())
}

/// The names of the signatures of an event that is signed in several ways, the default one first; empty for another one.
pub fn signature_names(provider: &Provider, event: Option<&str>) -> Vec<&'static str> {
    match provider.verification_of(event) {
        Some(Verification::Signatures(signatures @ [_, _, ..])) => signatures.iter().filter_map(|it| it.name).collect(),
        _ => Vec::new(),
    }
}

/// Whether any provider signs in several ways.
pub fn any_has_names() -> bool {
    providers::all().iter().any(|provider| !signature_names(provider, None).is_empty())
}

/// The name of a signature in the description; `None` for the default one, and if an event is not signed in several ways.
pub fn named(provider: &Provider, event: Option<&str>, name: Option<&str>) -> Result<Option<&'static str>, Stop> {
    let known = signature_names(provider, event);
    let Some(name) = name.filter(|_| !known.is_empty()) else { return Ok(None) };
    let found = known.iter().copied().find(|known| *known == name);
    let unknown = || {
        let (provider, known) = (provider.name, known.join(", "));
        Stop::Usage(format!("{provider} does not have a signature `{name}`; give --signature one of: {known}"))
    };
    found.map(Some).ok_or_else(unknown)
}

/// The signatures that --signature selects, for the help; empty if there is no choice.
pub fn choice(provider: &Provider) -> String {
    match signature_names(provider, None).as_slice() {
        [] => String::new(),
        names => format!("--signature is one of {}; by default {}", names.join(", "), names.first().unwrap_or(&"")),
    }
}

/// Further details on how deliveries are signed, such as that the form is inferred; possibly empty.
pub fn remark(provider: &Provider, event: Option<&str>, name: Option<&str>) -> String {
    signature(provider, event, name).map_or_else(String::new, |signature| signature.description.replace('\n', " "))
}

/// What a verified delivery proves, and what it does not prove.
pub fn proof(provider: &Provider, event: Option<&str>, name: Option<&str>) -> &'static str {
    let verification = provider.verification_of(event);
    verification.map_or("The provider does not deliver events.", |verification| verification.proof(name))
}

/// What verification does against deliveries that are sent again; empty if there is no signature.
pub fn replay(provider: &Provider, event: Option<&str>, name: Option<&str>) -> &'static str {
    signature(provider, event, name).map_or("", |signature| signature.replay)
}

/// The time of the header in front of the body, if the signed text does not have the time.
fn time_in_front(signature: &'static Signature, delivery: &Captured<'_>) -> Option<Change> {
    let before = match signature.form {
        [FormPart::Text(before), FormPart::Time, ..] if !signature.signs_time() => *before,
        _ => return None,
    };
    let header = delivery.head.values(signature.headers.first()?).next()?;
    let items = std::str::from_utf8(header).ok()?.split(signature.separator.unwrap_or("\n"));
    let time = items.map(str::trim).find_map(|item| item.strip_prefix(before))?;
    let body = [time.as_bytes(), b".", delivery.body].concat();
    let what = format!("with `{}` and a full stop in front of the body", before.trim_end_matches('='));
    Some(Change { what, with: With::Body(body) })
}

/// URLs that may be the registered one.
fn other_urls(delivery: &Captured<'_>) -> Vec<Change> {
    let Some(uri) = delivery.url.and_then(|url| url.parse::<Uri>().ok()) else { return Vec::new() };
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else { return Vec::new() };
    let (authority, path) = (authority.as_str(), uri.path());
    let query = uri.query().map_or(String::new(), |query| format!("?{query}"));
    let host = delivery.head.values(HOST.as_str()).next().and_then(|host| std::str::from_utf8(host).ok());
    let target = delivery.head.target.as_deref().filter(|target| target.starts_with('/'));
    let slash = match path.strip_suffix('/') {
        Some(path) => ("without the slash at the end of the path", format!("{authority}{path}{query}")),
        None => ("with a slash at the end of the path", format!("{authority}{path}/{query}")),
    };
    let mut urls = vec![(slash.0.to_owned(), slash.1), ("without the query".to_owned(), format!("{authority}{path}"))];
    urls.extend(
        host.map(|host| (format!("with the host of the header `Host`, {host:?}"), format!("{host}{path}{query}"))),
    );
    urls.extend(
        target.map(|target| (format!("with the path of the request line, {target:?}"), format!("{authority}{target}"))),
    );
    urls.extend(host.zip(target).map(|(host, target)| {
        let what = "with the host of the header `Host` and the path of the request line".to_owned();
        (what, format!("{host}{target}"))
    }));
    let urls = urls.into_iter().map(|(what, rest)| (what, format!("{scheme}://{rest}")));
    urls.map(|(what, url)| Change { what, with: With::Url(url) }).collect()
}
