//! The sandbox's page: registrations, a button for each event, and the attempts at deliveries.
//!
//! The page works with forms alone. The script updates it and keeps the keyboard focus.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Query, State};
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{Html, IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use maud::{DOCTYPE, Markup, html};
use serde::{Deserialize, Serialize};

use crate::catalogue::Provider;
use crate::sandbox::account::Account;
use crate::sandbox::attempt::{Attempt, Message};
use crate::sandbox::registration::Registration;
use crate::sandbox::state::Inner;

/// How long a request for changes waits for one.
const NEWS: Duration = Duration::from_secs(20);

/// The maximum number of events that are shown without a click.
const FEW: usize = 3;

pub(super) fn routes() -> Router<Arc<Inner>> {
    Router::new()
        .route("/", get(async |State(inner): State<Arc<Inner>>| page(&inner)))
        .route("/_sandbox/page.css", get(async || asset("text/css; charset=utf-8", include_str!("style.css"))))
        .route("/_sandbox/page.js", get(async || asset("text/javascript; charset=utf-8", include_str!("script.js"))))
        .route("/_sandbox/news", get(news))
}

fn asset(media_type: &'static str, text: &'static str) -> Response {
    ([(CONTENT_TYPE, media_type)], text).into_response()
}

fn page(inner: &Inner) -> Response {
    let version = *inner.changes.borrow();
    let log = inner.log();
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "Sandbox of pos-webhooks" }
                link rel="icon" href="data:,";
                link rel="stylesheet" href="/_sandbox/page.css";
                script src="/_sandbox/page.js" defer {}
            }
            body data-version=(version) data-seed=(inner.seed) {
                header {
                    h1 { "Sandbox" }
                    p {
                        "The providers, simulated on this machine as they are documented. The state is not stored."
                        " Seed " code { (inner.seed) } "."
                    }
                    nav aria-label="On this page" {
                        @for provider in &inner.providers { a href=(format!("#{}", provider.name)) { (provider.name) } }
                        a href="#log" { "deliveries" }
                    }
                }
                p #status role="status" {}
                main {
                    section #providers aria-label="Providers" {
                        @for account in &inner.accounts {
                            @if let Ok(provider) = inner.provider(account.provider) {
                                (self::provider(inner, account, provider))
                            }
                        }
                    }
                    section #log aria-labelledby="log-title" {
                        h2 #log-title { "Deliveries" }
                        div #faults data-part="faults" { (faults(inner)) }
                        p #nothing hidden[!log.is_empty()] { "No deliveries yet. Register a webhook, then press the button of an event." }
                        ol #attempts role="log" data-last=(log.last().map_or(0, |attempt| attempt.number)) {
                            @for attempt in log.iter().rev() { (self::attempt(attempt)) }
                        }
                    }
                }
            }
        }
    };
    let mut response = Html(page.into_string()).into_response();
    let policy = "default-src 'self'; img-src data:; frame-ancestors 'none'; base-uri 'none'";
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    response
}

fn provider(inner: &Inner, account: &Account, provider: &'static Provider) -> Markup {
    let name = provider.name;
    html! {
        article #(name) aria-labelledby=(format!("{name}-title")) {
            h2 id=(format!("{name}-title")) { (provider.title) }
            @if provider.registration.is_none() {
                p.hint { "Webhooks are set up in the provider's back office. Use the form below instead." }
            }
            @if !provider.operations.is_empty() {
                dl { dt { "Base URL" } dd { code { (account.base_url) } } }
            }
            details {
                summary { "Credentials" }
                dl {
                    @for (credential, secret) in &account.credentials {
                        dt { (credential) }
                        dd { code { (secret.expose()) } }
                    }
                }
            }
            h3 { "Registered" }
            div data-part=(name) { (registrations(&inner.registrations(provider))) }
            @if provider.events.iter().any(|event| !provider.registers(event.name)) { (back_office(provider)) }
            h3 { "Deliver" }
            form.deliver method="post" action=(format!("/_sandbox/{name}/deliver")) {
                div.events {
                    @for event in provider.events {
                        button name="event" value=(event.name) title=(event.summary) { (event.name) }
                    }
                }
                details {
                    summary { "Payload other than the example" }
                    label for=(format!("{name}-payload")) { "Payload (JSON)" }
                    textarea id=(format!("{name}-payload")) name="payload" rows="5" spellcheck="false" {}
                }
            }
        }
    }
}

fn back_office(provider: &Provider) -> Markup {
    let field = format!("{}-url", provider.name);
    let events = match provider.registration {
        None => "all events",
        Some(_) => "the events that the webhooks of the client do not get",
    };
    html! {
        form.register method="post" action=(format!("/_sandbox/{}/registrations", provider.name)) {
            label for=(field) { "URL to register for " (events) }
            div.row {
                input id=(field) name="url" type="url" required placeholder="http://127.0.0.1:8000/hooks";
                button { "Register" }
            }
        }
    }
}

fn registrations(registrations: &[Registration]) -> Markup {
    html! {
        @if registrations.is_empty() {
            p.hint { "No webhooks yet." }
        } @else {
            ul.registrations {
                @for Registration { id, url, events, active, secret } in registrations {
                    li {
                        code { (url) }
                        @if !active { " " span.off { "not active" } }
                        details {
                            summary {
                                @if events.len() > FEW { (events.len()) " events" } @else { (events.join(", ")) }
                            }
                            dl {
                                @if id != url { dt { "Id" } dd { code { (id) } } }
                                dt { "Secret" } dd { code { (secret.expose()) } }
                                dt { "Events" } dd { (events.join(", ")) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn faults(inner: &Inner) -> Markup {
    let faults: Vec<_> = inner.state().faults.iter().filter_map(|it| serde_json::to_string(it.fault()).ok()).collect();
    html! {
        @if !faults.is_empty() {
            form method="post" action="/_sandbox/faults/clear" {
                p { "Active faults:" }
                ul { @for fault in &faults { li { code { (fault) } } } }
                button { "Clear all faults" }
            }
        }
    }
}

fn attempt(attempt: &Attempt) -> Markup {
    let outcome = match attempt.status {
        Some(status) => status.to_string(),
        None if attempt.request.headers.is_empty() => "not sent".to_owned(),
        None => "no response".to_owned(),
    };
    let kind = if attempt.is_acknowledged() { "good" } else { "bad" };
    html! {
        li data-number=(attempt.number) {
            details {
                summary {
                    span class=(format!("outcome {kind}")) { (outcome) } " "
                    strong { (attempt.event) } " "
                    span.where {
                        (attempt.provider)
                        @if attempt.attempt > 1 { ", attempt " (attempt.attempt) }
                        ", " (attempt.duration.as_millis()) " ms"
                        @if !attempt.faults.is_empty() { ", with a fault" }
                    }
                }
                p { "To " code { (attempt.url) } " at " time { (attempt.at) } "." }
                @if let Some(error) = &attempt.error { p.bad { (error) } }
                @if let Some(wait) = attempt.retry_in { p { "The provider tries again after " (wait.as_secs()) " s." } }
                @if !attempt.faults.is_empty() {
                    p { "Faults: " code { (serde_json::to_string(&attempt.faults).unwrap_or_default()) } }
                }
                h3 { "Request" }
                (message(&attempt.request))
                @if let Some(answer) = &attempt.answer { h3 { "Response" } (message(answer)) }
                @if let Some(note) = &attempt.note { p { "Note: " (note) } }
            }
        }
    }
}

fn message(message: &Message) -> Markup {
    html! {
        pre tabindex="0" {
            @for (name, value) in &message.headers { (name) ": " (value) "\n" }
            "\n" (message.body)
            @if message.omitted_bytes > 0 { "\n(" (message.omitted_bytes) " bytes more)" }
        }
    }
}

/// What a page already shows.
#[derive(Deserialize)]
struct ShownAlready {
    version: u64,
    attempt: u64,
}

#[derive(Serialize)]
struct News {
    /// As text, because it may not fit a JavaScript number.
    seed: String,
    version: u64,
    /// The newest attempt.
    last: u64,
    /// Attempts that the page does not show, newest first.
    attempts: String,
    parts: BTreeMap<&'static str, String>,
}

/// Waits until there is a change that the page does not show.
async fn news(State(inner): State<Arc<Inner>>, Query(seen): Query<ShownAlready>) -> Response {
    let mut changes = inner.changes.subscribe();
    let mut over = inner.over.subscribe();
    tokio::select! {
        _ = changes.wait_for(|version| *version != seen.version) => {}
        _ = over.wait_for(|over| *over) => return StatusCode::NO_CONTENT.into_response(),
        () = tokio::time::sleep(NEWS) => return StatusCode::NO_CONTENT.into_response(),
    }
    let version = *inner.changes.borrow();
    let log = inner.log();
    let new = log.iter().rev().take_while(|attempt| attempt.number > seen.attempt);
    let registered =
        inner.providers.iter().map(|provider| (provider.name, registrations(&inner.registrations(provider))));
    let parts = registered.chain([("faults", faults(&inner))]);
    Json(News {
        seed: inner.seed.to_string(),
        version,
        last: log.last().map_or(0, |attempt| attempt.number),
        attempts: new.map(|new| attempt(new).into_string()).collect(),
        parts: parts.map(|(name, part)| (name, part.into_string())).collect(),
    })
    .into_response()
}
