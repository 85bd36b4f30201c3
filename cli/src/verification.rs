//! What the descriptions say of verification, for messages and for options.

pub use pos_webhooks::capture::VerificationStep;
use pos_webhooks::catalogue::{EventNamePlace, Provider, Signature, Verification};
use pos_webhooks::verify::ReceiverError;

use crate::stop::Stop;
use crate::{options, providers, suggest};

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

/// Reports everything that is missing to verify or to sign the deliveries of a registration. `others` are the messages
/// about what a command requires beside the secret and the URL.
pub fn complete(
    provider: &'static Provider,
    event: Option<&str>,
    name: Option<&str>,
    has_secret: bool,
    has_url: bool,
    others: impl IntoIterator<Item = String>,
) -> Result<(), Stop> {
    let missing: Vec<_> = missing(provider, event, name, has_secret, has_url).into_iter().chain(others).collect();
    if missing.is_empty() { Ok(()) } else { Err(Stop::Usage(missing.join("\n"))) }
}

/// The message about the event that nothing in a delivery names, if none is given.
pub fn without_event(provider: &'static Provider, event: Option<&str>) -> Option<String> {
    let is_needed = provider.event_name == Some(EventNamePlace::Route) && event.is_none();
    is_needed.then(|| usage(provider, event, &ReceiverError::NoEvent))
}

/// The messages about the secret and the URL, if they are required and missing.
pub fn missing(
    provider: &'static Provider,
    event: Option<&str>,
    name: Option<&str>,
    has_secret: bool,
    has_url: bool,
) -> Vec<String> {
    let Some(Verification::Signatures(_) | Verification::Keys(_)) = provider.verification_of(event) else {
        return Vec::new();
    };
    let needs_url = signature(provider, event, name).is_some_and(Signature::needs_url);
    let errors =
        [(!has_secret).then_some(ReceiverError::NoSecret), (needs_url && !has_url).then_some(ReceiverError::NoUrl)];
    errors.iter().flatten().map(|error| usage(provider, event, error)).collect()
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
