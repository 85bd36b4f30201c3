//! A route: receives the deliveries of one registration, and stores their events in one sink.

use std::collections::BTreeSet;

use pos_webhooks::catalogue::{EventNamePlace, Provider, Signature, Verification};
use pos_webhooks::verify::ReceiverError;
use pos_webhooks::{AnyReceiver, Registered, Secret};

use super::answer::Answers;
use super::metrics::RouteMetrics;
use super::plan::{Once, PathPattern, RoutePlan};
use super::sink::Sink;
use crate::options::unknown_event;
use crate::stop::Stop;
use crate::verification;

/// Receives the deliveries of one registration.
pub struct Route {
    pub name: String,
    pub path: PathPattern,
    pub registration: Registration,
    pub sink: Sink,
    pub once: Once,
    pub max_bytes: usize,
    pub strict: bool,
    pub metrics: RouteMetrics,
}

impl Route {
    pub fn new(plan: RoutePlan, sink: Sink, metrics: RouteMetrics) -> Self {
        let RoutePlan { name, path, registration, once, max_bytes, strict, .. } = plan;
        Self { name, path, registration, sink, once, max_bytes, strict, metrics }
    }
}

/// What is known of a registration.
pub struct RegistrationSettings<'a> {
    pub provider: &'static Provider,
    pub secrets: Vec<Secret>,
    pub accept_unsigned: bool,
    pub signature: Option<&'a str>,
    pub url: Option<&'a str>,
    pub event: Option<&'a str>,
    pub verify_token: Option<Secret>,
    /// As in the options --answer and --answer-status.
    pub answers: &'a [String],
    pub answer_statuses: &'a [String],
}

/// A registration whose deliveries can be received.
pub struct Registration {
    pub provider: &'static Provider,
    pub receiver: AnyReceiver,
    pub secrets: Vec<Secret>,
    pub signature: Option<&'static str>,
    pub url: Option<String>,
    /// The event of the registration, if one was given and deliveries do not name it.
    pub event: Option<String>,
    pub answers: Answers,
    /// The headers that are stored.
    pub kept: Vec<&'static str>,
    /// Properties that its user may not expect.
    pub warnings: Vec<String>,
}

impl Registration {
    /// Checks the settings. Errors and warnings name the options of the command line.
    pub fn open(settings: RegistrationSettings<'_>) -> Result<Self, Stop> {
        let warnings = warnings(&settings);
        let RegistrationSettings { provider, accept_unsigned, url, secrets, .. } = settings;
        let event = settings.event.filter(|event| !names_its_event(provider, event));
        let signature = verification::named(provider, event, settings.signature)?;
        let given = secrets.clone();
        let receiver = if accept_unsigned {
            AnyReceiver::unverified(provider, event)
        } else {
            AnyReceiver::new(provider, Registered { url, event, signature }, secrets)
        };
        let receiver = receiver.map_err(|error| Stop::Usage(refusal(provider, event, accept_unsigned, &error)))?;
        let receiver = match settings.verify_token {
            None => receiver,
            Some(token) => receiver
                .with_verify_token(token)
                .map_err(|error| Stop::Usage(format!("--verify-token-file: {error}")))?,
        };
        let answers = Answers::read(provider, event, settings.answers, settings.answer_statuses)?;
        let mut opened = Self {
            provider,
            receiver,
            secrets: given,
            signature,
            url: url.map(str::to_owned),
            event: event.map(str::to_owned),
            answers,
            kept: kept(provider),
            warnings,
        };
        let missing = opened.answers.missing(provider, event);
        if !missing.is_empty() {
            let names = missing.join(", ");
            opened.warnings.push(format!(
                "without --answer, the response to an event that asks for a body does not have one: {names}"
            ));
        }
        Ok(opened)
    }
}

fn refusal(provider: &'static Provider, event: Option<&str>, accept_unsigned: bool, error: &ReceiverError) -> String {
    let usage = || verification::usage(provider, event, error);
    match error {
        ReceiverError::NothingSigned(_) => {
            format!("{}\n--accept-unsigned, without --secret-file, accepts every delivery", usage())
        }
        _ if matches!(provider.verification_of(event), Some(Verification::Custom(_))) => {
            verification::without_proof(provider, event)
        }
        ReceiverError::NoSecret if accept_unsigned => format!("{}, so --accept-unsigned is not allowed", usage()),
        _ => usage(),
    }
}

/// Whether the provider sends a token when it checks a URL.
pub fn sends_a_token(provider: &Provider) -> bool {
    provider.handshake.is_some_and(|handshake| handshake.token.is_some())
}

/// Whether each delivery of this event names it, so that the option has no effect.
pub fn names_its_event(provider: &'static Provider, event: &str) -> bool {
    provider.event_name == Some(EventNamePlace::Body)
        && provider.event(event).is_some_and(|event| !event.when.is_empty())
}

/// Properties of this registration that its user may not expect.
fn warnings(settings: &RegistrationSettings<'_>) -> Vec<String> {
    let RegistrationSettings { provider, accept_unsigned, signature, url, event, verify_token, .. } = settings;
    let mut warnings = Vec::new();
    let mut warn = |warning: String| warnings.push(warning);
    if *accept_unsigned {
        warn("deliveries are accepted without verification: anyone who knows the address can send one".to_owned());
    }
    if let Some(event) = event {
        if names_its_event(provider, event) {
            warn("--event has no effect: each delivery names its event".to_owned());
        } else if let Some(unknown) = unknown_event(provider, event) {
            warn(format!("--event: {unknown}"));
        }
    }
    let name = provider.name;
    match (verify_token, sends_a_token(provider)) {
        (None, true) => {
            warn(format!("without --verify-token-file, the request with which {name} checks the URL is refused"));
        }
        (Some(_), false) => warn(format!("--verify-token-file has no effect: {name} does not send a token")),
        (None, false) | (Some(_), true) => {}
    }
    let names = verification::signature_names(provider, *event);
    if signature.is_some() && (*accept_unsigned || names.is_empty()) {
        warn("--signature has no effect: no delivery is verified by one of several signatures".to_owned());
    }
    if url.is_some() && !verification::needs_url(provider, signature.filter(|_| !names.is_empty())) {
        warn(format!("--url has no effect: {name} does not sign it"));
    }
    warnings
}

/// The headers of deliveries that are stored: what the body is, the event, and the time and id of the delivery. Headers that
/// carry a signature or a key are not stored.
fn kept(provider: &Provider) -> Vec<&'static str> {
    let verifications = provider.events.iter().filter_map(|event| event.verification.as_ref());
    let signatures = verifications.chain(&provider.verification).flat_map(|verification| match verification {
        Verification::Signatures(signatures) => *signatures,
        _ => &[],
    });
    let signatures: Vec<&Signature> = signatures.collect();
    let mut kept = BTreeSet::from(["content-type", "content-encoding"]);
    if let Some(EventNamePlace::Header(name)) = provider.event_name {
        kept.insert(name);
    }
    for signature in &signatures {
        kept.extend(signature.time.iter().flat_map(|time| time.headers));
        kept.extend(signature.id.iter().flat_map(|id| id.headers));
    }
    for signature in &signatures {
        kept.retain(|name| !signature.headers.contains(name));
    }
    kept.into_iter().collect()
}
