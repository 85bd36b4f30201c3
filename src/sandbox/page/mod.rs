//! The sandbox's page: registrations, a button for each event, and the deliveries.
//!
//! The page works with forms alone. The script updates it and keeps the keyboard focus.

mod attempt;
mod deliveries;
mod events;
mod faults;
mod registrations;

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

use self::deliveries::View;
use crate::catalogue::Provider;
use crate::sandbox::account::Account;
use crate::sandbox::state::Inner;

/// How long a request for changes waits for one.
const NEWS: Duration = Duration::from_secs(20);

pub(super) fn routes() -> Router<Arc<Inner>> {
    Router::new()
        .route("/", get(async |State(inner): State<Arc<Inner>>, Query(view): Query<View>| page(&inner, &view)))
        .route("/_sandbox/page.css", get(async || asset("text/css; charset=utf-8", include_str!("style.css"))))
        .route("/_sandbox/page.js", get(async || asset("text/javascript; charset=utf-8", include_str!("script.js"))))
        .route("/_sandbox/news", get(news))
}

fn asset(media_type: &'static str, text: &'static str) -> Response {
    ([(CONTENT_TYPE, media_type)], text).into_response()
}

fn page(inner: &Inner, view: &View) -> Response {
    let version = *inner.changes.borrow();
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
                        (deliveries::deliveries(inner, view))
                        div.heading { h2 { "Faults" } }
                        div #faults data-part="faults" { (faults::faults(inner)) }
                        (faults::form(inner))
                    }
                }
                a.jump href="#log" { "Deliveries" }
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
                p.hint { "Webhooks are set up in the provider's back office. The forms below take its place." }
            }
            @if !provider.operations.is_empty() {
                dl { dt { "Base URL" } dd { code { (account.base_url) } } }
            }
            @if !account.credentials.is_empty() {
                details {
                    summary { "Credentials" }
                    dl {
                        @for (credential, secret) in &account.credentials {
                            dt { (credential) }
                            dd { code { (secret.expose()) } }
                        }
                    }
                    div data-part=(format!("{name}-tokens")) { (tokens(inner, provider)) }
                }
            }
            @if !provider.events.is_empty() {
                h3 { "Registered" }
                div data-part=(name) { (registrations::registrations(inner, provider)) }
                (registrations::register(provider))
                h3 { "Deliver" }
                (events::events(provider))
            }
        }
    }
}

/// What is wrong with a request of a form, where the page has no script.
pub(super) fn refusal(reason: &str) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "Refused" }
                link rel="icon" href="data:,";
                link rel="stylesheet" href="/_sandbox/page.css";
            }
            body {
                h1 { "Refused" }
                p role="alert" { (reason) }
                p { a.more href="/" { "Back to the sandbox" } }
            }
        }
    };
    page.into_string()
}

/// The access tokens that were issued, by their last characters, and when they expire.
fn tokens(inner: &Inner, provider: &'static Provider) -> Markup {
    /// How many characters of a token are shown.
    const SHOWN: usize = 6;
    let issued: Vec<(String, Option<jiff::Timestamp>)> = {
        let mut state = inner.state();
        let backend = state.backends.find(provider).ok();
        let tokens = backend.into_iter().flat_map(|backend| backend.issued_tokens());
        let token = |(token, left): (&crate::Secret, Option<Duration>)| {
            let token = token.expose();
            let end = token.char_indices().rev().nth(SHOWN - 1).and_then(|(at, _)| token.get(at..));
            let expires = left.and_then(|left| jiff::Timestamp::now().checked_add(left).ok());
            (end.unwrap_or_default().to_owned(), expires)
        };
        tokens.map(token).collect()
    };
    html! {
        @if !issued.is_empty() {
            p { "Issued access tokens:" }
            ul {
                @for (end, expires) in &issued {
                    li {
                        code { "…" (end) }
                        @if let Some(at) = expires {
                            @let at = format!("{at:.0}");
                            ", expires " time data-next=(at) { "at " (at) }
                        }
                    }
                }
            }
        }
    }
}

/// What a page already shows, and which deliveries it shows.
#[derive(Deserialize)]
struct ShownAlready {
    version: u64,
    attempt: u64,
    #[serde(default)]
    provider: String,
    #[serde(default)]
    event: String,
    #[serde(default)]
    result: String,
    show: Option<usize>,
}

/// A delivery that changed.
#[derive(Serialize)]
struct Change {
    number: u64,
    /// The row; `None` if it is not shown.
    row: Option<String>,
}

#[derive(Serialize)]
struct News {
    /// As text, because it may not fit a JavaScript number.
    seed: String,
    version: u64,
    /// The newest attempt.
    last: u64,
    /// The last delivery of those that are not shown any more.
    cleared: u64,
    /// The deliveries with attempts that the page does not show, newest first.
    deliveries: Vec<Change>,
    parts: BTreeMap<String, String>,
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
    let ShownAlready { attempt, provider, event, result, show, .. } = seen;
    let view = View { provider, event, result, show };
    let shown = view.shown(&inner, attempt);
    let changed = shown
        .rows
        .iter()
        .map(|row| Change { number: row.number, row: Some(deliveries::row(&inner, row).into_string()) });
    let gone = shown.gone.iter().map(|number| Change { number: *number, row: None });
    let mut parts = BTreeMap::new();
    parts.insert("faults".to_owned(), faults::faults(&inner).into_string());
    parts.insert("more".to_owned(), deliveries::more(&view, &shown).into_string());
    for provider in inner.providers.iter().copied() {
        parts.insert(provider.name.to_owned(), registrations::registrations(&inner, provider).into_string());
        parts.insert(format!("{}-tokens", provider.name), tokens(&inner, provider).into_string());
    }
    Json(News {
        seed: inner.seed.to_string(),
        version,
        last: shown.last,
        cleared: shown.cleared,
        deliveries: changed.chain(gone).collect(),
        parts,
    })
    .into_response()
}
