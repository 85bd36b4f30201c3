//! Registers, subscribes and deletes webhooks with the provider's own operations, and shows what the inbox received.

use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{any, get, post};
use serde::Deserialize;

use super::{SharedState, answered, asked, refuse};
use crate::sandbox::error::RegisterError;
use crate::sandbox::inbox::{self, Received};
use crate::sandbox::state::Inner;

/// A webhook to register. Without events, it is for all of them.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewWebhook {
    url: String,
    #[serde(default)]
    events: Vec<String>,
    #[serde(default)]
    secret: Option<String>,
}

/// Events to subscribe a registration to.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Subscribed {
    id: String,
    #[serde(default)]
    events: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Unregistered {
    id: String,
}

pub(super) fn routes() -> Router<Arc<Inner>> {
    Router::new()
        .route("/_sandbox/inbox", get(received))
        .route("/_sandbox/{provider}/receive", post(receive_here))
        .route("/_sandbox/{provider}/register", post(register))
        .route("/_sandbox/{provider}/subscribe", post(subscribe))
        .route("/_sandbox/{provider}/unregister", post(unregister))
}

/// The inbox, which responds as a receiver does.
pub(super) fn inbox() -> Router<Arc<Inner>> {
    Router::new()
        .route("/_sandbox/{provider}/inbox", any(inbox::receive))
        .route("/_sandbox/{provider}/inbox/{*rest}", any(inbox::receive))
}

/// The last requests to the inbox, oldest first.
async fn received(State(inner): SharedState) -> Json<Vec<Received>> {
    let mut received: Vec<_> = inner.state().inbox.newest().cloned().collect();
    received.reverse();
    Json(received)
}

async fn receive_here(State(inner): SharedState, Path(name): Path<String>, headers: HeaderMap) -> Response {
    let message = "The inbox receives all events of this provider.";
    finished(inner.receive_here(&name).await.map(|_| ()), &headers, &name, message)
}

async fn register(State(inner): SharedState, Path(name): Path<String>, headers: HeaderMap, body: Bytes) -> Response {
    let NewWebhook { url, events, secret } = match asked(&headers, &body) {
        Ok(new) => new,
        Err(reason) => return refuse(StatusCode::BAD_REQUEST, &reason),
    };
    let secret = secret.map(Into::into);
    let done = inner.register_by_calls(&name, &url, &names(&events), secret.as_ref()).await;
    finished(done, &headers, &name, "The URL is registered.")
}

async fn subscribe(State(inner): SharedState, Path(name): Path<String>, headers: HeaderMap, body: Bytes) -> Response {
    let Subscribed { id, events } = match asked(&headers, &body) {
        Ok(subscribed) => subscribed,
        Err(reason) => return refuse(StatusCode::BAD_REQUEST, &reason),
    };
    let done = inner.subscribe(&name, &id, &names(&events)).await;
    finished(done, &headers, &name, "The registration is subscribed.")
}

async fn unregister(State(inner): SharedState, Path(name): Path<String>, headers: HeaderMap, body: Bytes) -> Response {
    let Unregistered { id } = match asked(&headers, &body) {
        Ok(unregistered) => unregistered,
        Err(reason) => return refuse(StatusCode::BAD_REQUEST, &reason),
    };
    finished(inner.unregister(&name, &id).await, &headers, &name, "The registration is deleted.")
}

fn names(events: &[String]) -> Vec<&str> {
    events.iter().map(String::as_str).collect()
}

fn finished(done: Result<(), RegisterError>, headers: &HeaderMap, provider: &str, message: &str) -> Response {
    match done {
        Ok(()) => answered(headers, provider, message),
        Err(error) => refuse_registration(&error).into_response(),
    }
}

pub(super) fn refuse_registration(error: &RegisterError) -> Response {
    let status = match error {
        RegisterError::Provider(_) | RegisterError::Registration(_) => StatusCode::NOT_FOUND,
        RegisterError::ByCalls(_) => StatusCode::CONFLICT,
        _ => StatusCode::BAD_REQUEST,
    };
    refuse(status, error)
}
