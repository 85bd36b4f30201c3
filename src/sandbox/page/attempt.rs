//! One attempt at a delivery: what was sent, what was answered, and why it was refused.

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use maud::{Markup, html};
use reqwest::Url;

use crate::capture::{Captured, Explanation, Head};
use crate::catalogue::{EventNamePlace, Provider, Verification};
use crate::sandbox::attempt::{Attempt, Message};
use crate::sandbox::control::is_verifiable;
use crate::sandbox::inbox::violations;
use crate::sandbox::state::Inner;

/// How many bytes of a body the page shows.
const BODY: usize = 16 * 1024;

pub(super) fn attempt(inner: &Inner, attempt: &Attempt) -> Markup {
    let number = attempt.number;
    let provider = inner.provider(attempt.provider).ok();
    html! {
        p {
            "To " code { (attempt.url) } " at " time { (attempt.at) } ", within " (attempt.duration.as_millis()) " ms."
        }
        @if let Some(error) = &attempt.error { p.bad { (error) } }
        @if let Some(wait) = attempt.retry_in { p { "The provider tries again after " (wait.as_secs()) " s." } }
        @if !attempt.faults.is_empty() {
            p { "Faults: " code { (serde_json::to_string(&attempt.faults).unwrap_or_default()) } }
        }
        @if let Some(note) = &attempt.note { p { "Note: " (note) } }
        @if let Some(provider) = provider.filter(|_| attempt.status.is_some_and(|it| (400..500).contains(&it))) {
            (refusal(inner, provider, attempt))
        }
        @if !attempt.request.headers.is_empty() {
            div.row.actions {
                form data-live method="post" action=(format!("/_sandbox/attempts/{number}/again")) {
                    button { "Send again" }
                }
                a.button data-copy href=(format!("/_sandbox/attempts/{number}/curl")) { "Copy as curl" }
                @if provider.is_some_and(|provider| is_verifiable(provider, attempt.event)) {
                    a.button data-copy href=(format!("/_sandbox/attempts/{number}/verify")) {
                        "Copy as pos-webhooks verify"
                    }
                }
            }
            h3 { "Request" }
            (message(&attempt.request))
        }
        @if let Some(answer) = &attempt.answer { h3 { "Response" } (message(answer)) }
    }
}

fn message(message: &Message) -> Markup {
    let body = &message.body;
    let end = (0..=BODY.min(body.len())).rev().find(|end| body.is_char_boundary(*end)).unwrap_or_default();
    let omitted = message.omitted_bytes + body.len() - end;
    html! {
        pre tabindex="0" {
            @for (name, value) in &message.headers { (name) ": " (value) "\n" }
            "\n" (body.get(..end).unwrap_or_default())
            @if omitted > 0 { "\n(" (omitted) " bytes more)" }
        }
    }
}

/// What the receiver of this crate says about a request that was refused.
fn refusal(inner: &Inner, provider: &'static Provider, attempt: &Attempt) -> Markup {
    let found = violations(provider, attempt.event, attempt.request.body.as_bytes());
    html! {
        section.refusal {
            h3 { "Why it was refused" }
            (verdict(inner, provider, attempt))
            @match &found {
                None => p { "The payload matches the specification." },
                Some(found) => {
                    p { "The payload does not match the specification:" }
                    ul { @for violation in found.lines() { li { (violation) } } }
                }
            }
        }
    }
}

/// Whether the request is verified with the secret and the URL of its registration.
fn verdict(inner: &Inner, provider: &'static Provider, attempt: &Attempt) -> Markup {
    let registered = inner.registrations(provider).into_iter().find(|known| known.id == attempt.registration);
    let Some(registration) = registered else {
        return html! { p { "The registration was deleted, and its secret with it." } };
    };
    let (headers, body) = (headers(&attempt.request), attempt.request.body.as_bytes());
    let path = Url::parse(&attempt.url).map(|url| url.path().to_owned()).unwrap_or_default();
    let event = match provider.event_name {
        Some(EventNamePlace::Route) => Some(attempt.event.to_owned()),
        _ => Inner::received_event(provider, &registration, &headers, &path, body),
    };
    let verification = provider.verification_of(event.as_deref());
    if let Some(Verification::None(_) | Verification::Custom(_)) = verification {
        return html! { p { "The signature is not checked here: the description does not say how deliveries are signed." } };
    }
    let at = attempt.at.to_timestamp().unwrap_or_else(|_| jiff::Timestamp::now());
    let receiver = inner.receiver(provider, &registration, event.as_deref());
    let signed = receiver.as_ref().ok().and_then(|receiver| receiver.string_to_sign(&headers, body).ok().flatten());
    let verified = receiver.map_err(|error| (error.to_string(), Explanation::default())).and_then(|receiver| {
        receiver.verify(&headers, body, at).map_err(|error| {
            let head = Head { target: Some(path.clone()), headers: bytes(&attempt.request) };
            let (event, url) = (event.as_deref(), Some(registration.url.as_str()));
            let captured = Captured { provider, event, signature: None, url, head: &head, body, at };
            let secret = inner.secret(provider, &registration, event);
            (error.to_string(), captured.explain(&[secret], &error))
        })
    });
    html! {
        @match verified {
            Ok(()) if registration.secret.expose().is_empty() => {
                p { "The registration does not have a secret, so the delivery is not signed." }
            },
            Ok(()) => p {
                span.good { "The signature is right" }
                " for the secret and the URL of the registration. If the receiver refused the signature, check whether it has \
                 this secret and this URL, and whether it verifies the bytes of the body as they were received."
            },
            Err((reason, explanation)) => {
                p { span.bad { "Not verified: " } (reason) "." }
                @if !explanation.hints.is_empty() || explanation.compression.is_some() {
                    p { "The delivery was verified again with common changes in transit:" }
                    ul {
                        @for hint in &explanation.hints { li { (hint) } }
                        @if let Some(compression) = &explanation.compression { li { (compression) } }
                    }
                }
                @if !explanation.tried.is_empty() {
                    details {
                        summary { "Changes in transit that were tried and do not explain it: " (explanation.tried.len()) }
                        ul { @for change in &explanation.tried { li { (change) } } }
                    }
                }
            },
        }
        @if let Some(signed) = signed.filter(|signed| signed != body) {
            details {
                summary { "Signed text" }
                pre tabindex="0" { (String::from_utf8_lossy(&signed)) }
            }
        }
    }
}

fn bytes(message: &Message) -> Vec<(String, Vec<u8>)> {
    message.headers.iter().map(|(name, value)| (name.clone(), value.clone().into_bytes())).collect()
}

fn headers(message: &Message) -> HeaderMap {
    let header = |(name, value): &(String, String)| {
        Some((HeaderName::from_bytes(name.as_bytes()).ok()?, HeaderValue::from_str(value).ok()?))
    };
    message.headers.iter().filter_map(header).collect()
}
