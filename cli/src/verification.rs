//! Verifying a captured delivery: by which secret it passes, what is signed, and what else could have been signed.

use http::Uri;
use http::header::HOST;
use jiff::Timestamp;
use pos_webhooks::Secret;
use pos_webhooks::catalogue::{FormPart, Part, Provider, Signature, Verification};
use pos_webhooks::verify::{ReceiverError, Verifier, VerifyError};

use crate::input::Head;

/// A delivery as it was captured, and what it is verified with beside the secrets.
#[derive(Clone, Copy)]
pub struct Captured<'a> {
    pub provider: &'static Provider,
    /// The name of the signature; the default one otherwise.
    pub signature: Option<&'static str>,
    /// The URL as it was registered.
    pub url: Option<&'a str>,
    pub head: &'a Head,
    pub body: &'a [u8],
    /// The clock.
    pub at: Timestamp,
}

/// Why a delivery does not pass.
pub enum NotVerified {
    /// There is nothing to verify yet.
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
        let verifier = self.verifier(secret).map_err(|error| NotVerified::Usage(usage(self.provider, &error)))?;
        Ok(verifier.verify(&self.head.headers, self.body, self.at)?)
    }

    fn verifier(&self, secret: &Secret) -> Result<Verifier, ReceiverError> {
        let verification = self.provider.verification.as_ref().ok_or(ReceiverError::NothingDelivered)?;
        Verifier::new(verification, self.signature, self.url, [secret.clone()])
    }

    fn description(&self) -> Option<&'static Signature> {
        self.provider.verification.as_ref()?.signature(self.signature)
    }

    /// Whether a header has the hash of the body, so that another body fails before the signature is compared.
    pub fn has_content_hash(&self) -> bool {
        self.description().and_then(|signature| signature.digest).is_some_and(|digest| digest.header.is_some())
    }

    /// What the signature is of. The secrets play no part in the text, but each has the form that the provider gives them.
    pub fn signed(&self, secrets: &[Secret]) -> Signed {
        let Some(signature) = self.description() else { return Signed::Nothing };
        if signature.signed.iter().all(|parts| parts.iter().all(|part| *part == Part::Body)) {
            return Signed::Body;
        }
        let verifier = secrets.iter().find_map(|secret| self.verifier(secret).ok());
        let text = verifier.and_then(|it| it.string_to_sign(&self.head.headers, self.body).ok().flatten());
        text.map_or(Signed::Unknown, |text| Signed::Text(String::from_utf8_lossy(&text).into_owned()))
    }

    /// What often differs between a delivery and what is verified with this provider.
    pub fn changes(&self) -> Vec<Change> {
        let Some(signature) = self.description() else { return Vec::new() };
        let mut changes = other_signatures(self.provider, self.signature);
        changes.extend(time_in_front(signature, self));
        if signature.needs_url() {
            changes.extend(other_urls(self));
        }
        changes
    }
}

/// What the signature is of.
pub enum Signed {
    Body,
    Text(String),
    Nothing,
    /// Not without the header at fault.
    Unknown,
}

/// Something else to verify with.
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

/// What to say of a receiver that cannot be made, or of a delivery that cannot be signed.
pub fn usage(provider: &Provider, error: &ReceiverError) -> String {
    let name = provider.name;
    match error {
        ReceiverError::NoUrl => format!("{name} signs the URL that was registered; give it with --url"),
        ReceiverError::NoSecret => format!("{name} signs its deliveries; give the secret with --secret-file"),
        ReceiverError::NoEvent => {
            let names: Vec<_> = provider.events.iter().map(|event| event.name).collect();
            format!("a delivery of {name} does not say which event it is; give --event: {}", names.join(", "))
        }
        error => error.to_string(),
    }
}

/// Whether the URL of the registration plays a part in verifying.
pub fn needs_url(provider: &Provider) -> bool {
    default_signature(provider).is_some_and(Signature::needs_url)
}

/// Whether the clock does.
pub fn has_window(provider: &Provider) -> bool {
    default_signature(provider).is_some_and(|signature| signature.window().is_some())
}

pub fn default_signature(provider: &Provider) -> Option<&'static Signature> {
    provider.verification.as_ref()?.signature(None)
}

/// What else there is to know of how deliveries are signed, such as that it is inferred; empty where there is nothing.
pub fn remark(provider: &Provider) -> String {
    default_signature(provider).map_or_else(String::new, |signature| signature.description.replace('\n', " "))
}

/// What a verified delivery proves, and what it does not.
pub fn proof(provider: &Provider) -> String {
    let Some(verification) = &provider.verification else { return "nothing is delivered".to_owned() };
    verification.proof(None, provider.event_name).into_owned()
}

fn other_signatures(provider: &'static Provider, current: Option<&str>) -> Vec<Change> {
    let Some(Verification::Signatures(signatures)) = &provider.verification else { return Vec::new() };
    let current = current.or(signatures.first().and_then(|signature| signature.name));
    let names = signatures.iter().filter_map(|signature| signature.name).filter(|name| Some(*name) != current);
    let change = |name| Change { what: format!("by the signature `{name}`"), with: With::Signature(name) };
    names.map(change).collect()
}

/// The body behind the time of the header, where that is not signed.
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
