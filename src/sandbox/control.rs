//! `/_sandbox`: what a test in any language asks the sandbox to do. JSON in and out; forms of the page as well.

use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::body::Bytes;
use axum::extract::Path;
use axum::http::header::{CONTENT_TYPE, HeaderMap, LOCATION};
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{DeliverError, Delivery, Fault, Inner, RegisterError};
use crate::Json as AnyJson;

/// What is to be registered in a back office.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewRegistration {
    url: String,
    #[serde(default)]
    events: Vec<String>,
}

pub(super) fn routes(inner: &Arc<Inner>) -> Router {
    let shared = || Arc::clone(inner);
    let (accounts, log, list, register) = (shared(), shared(), shared(), shared());
    let (deliver, faults, arm, clear) = (shared(), shared(), shared(), shared());
    Router::new()
        .route("/_sandbox", get(async move || Json(&accounts.accounts).into_response()))
        .route("/_sandbox/log", get(async move || Json(log.log())))
        .route(
            "/_sandbox/{provider}/registrations",
            get(async move |Path(name): Path<String>| match super::provider(&name) {
                Ok(provider) => Json(list.registrations(provider)).into_response(),
                Err(error) => refuse(StatusCode::NOT_FOUND, &error),
            })
            .post(async move |Path(name): Path<String>, headers: HeaderMap, body: Bytes| {
                self::register(&register, &name, &headers, &body)
            }),
        )
        .route(
            "/_sandbox/{provider}/deliver",
            post(async move |Path(name): Path<String>, headers: HeaderMap, body: Bytes| {
                self::deliver(&deliver, &name, &headers, &body).await
            }),
        )
        .route(
            "/_sandbox/faults",
            get(async move || {
                let faults: Vec<_> = faults.state().faults.iter().map(|armed| armed.fault().clone()).collect();
                Json(faults)
            })
            .post(async move |body: Bytes| match read::<Fault>(&body) {
                Ok(fault) => match arm.arm(fault) {
                    Ok(()) => StatusCode::NO_CONTENT.into_response(),
                    Err(error) => refuse(StatusCode::BAD_REQUEST, &error),
                },
                Err(reason) => refuse(StatusCode::BAD_REQUEST, &reason),
            })
            .delete(async move || {
                clear.state().faults.clear();
                clear.changed();
                StatusCode::NO_CONTENT
            }),
        )
        .fallback(unknown)
}

async fn unknown(uri: Uri) -> Response {
    let reason = format!(
        "there is nothing at {}; `/` is a page for people, `/_sandbox` tells how to call the providers",
        uri.path()
    );
    refuse(StatusCode::NOT_FOUND, &reason)
}

#[derive(Serialize)]
struct Refusal {
    error: String,
}

fn refuse(status: StatusCode, error: &impl ToString) -> Response {
    (status, Json(Refusal { error: error.to_string() })).into_response()
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    crate::decode::decode(body).map_err(|error| error.to_string())
}

/// The fields of a form of the page; `None` where it is JSON.
fn form(headers: &HeaderMap, body: &[u8]) -> Option<Vec<(String, String)>> {
    let media_type = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    let is_form = media_type.starts_with("application/x-www-form-urlencoded");
    is_form.then(|| form_urlencoded::parse(body).into_owned().filter(|(_, value)| !value.trim().is_empty()).collect())
}

fn register(inner: &Inner, name: &str, headers: &HeaderMap, body: &[u8]) -> Response {
    let form = form(headers, body);
    let new = match &form {
        None => read(body),
        Some(fields) => {
            let values = |wanted: &'static str| {
                fields.iter().filter(move |(field, _)| field == wanted).map(|(_, value)| value.clone())
            };
            Ok(NewRegistration { url: values("url").collect(), events: values("events").collect() })
        }
    };
    let NewRegistration { url, events } = match new {
        Ok(new) => new,
        Err(reason) => return refuse(StatusCode::BAD_REQUEST, &reason),
    };
    let events: Vec<_> = events.iter().map(String::as_str).collect();
    match inner.register(name, &url, &events) {
        Ok(_) if form.is_some() => back("registrations"),
        Ok(registration) => (StatusCode::CREATED, Json(registration)).into_response(),
        Err(error @ RegisterError::Provider(_)) => refuse(StatusCode::NOT_FOUND, &error),
        Err(error @ RegisterError::ByCalls(_)) => refuse(StatusCode::CONFLICT, &error),
        Err(error) => refuse(StatusCode::BAD_REQUEST, &error),
    }
}

async fn deliver(inner: &Arc<Inner>, name: &str, headers: &HeaderMap, body: &[u8]) -> Response {
    let form = form(headers, body);
    let delivery = match &form {
        None => read(body),
        Some(fields) => from_form(fields),
    };
    let delivery = match delivery {
        Ok(delivery) => delivery,
        Err(reason) => return refuse(StatusCode::BAD_REQUEST, &reason),
    };
    match inner.deliver(name, delivery).await {
        Ok(_) if form.is_some() => back("log"),
        Ok(attempts) => Json(attempts).into_response(),
        Err(error @ DeliverError::Provider(_)) => refuse(StatusCode::NOT_FOUND, &error),
        Err(error) => refuse(StatusCode::BAD_REQUEST, &error),
    }
}

fn from_form(fields: &[(String, String)]) -> Result<Delivery, String> {
    let value = |name: &str| fields.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str());
    let delivery = Delivery::new(value("event").unwrap_or_default());
    match value("payload").map(str::parse::<AnyJson>) {
        None => Ok(delivery),
        Some(Ok(payload)) => Ok(delivery.payload(payload)),
        Some(Err(error)) => Err(format!("the payload is not JSON: {error}")),
    }
}

/// To the part of the page that changed.
fn back(part: &str) -> Response {
    (StatusCode::SEE_OTHER, [(LOCATION, format!("/#{part}"))]).into_response()
}
