//! Switches faults on and off.

use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{SharedState, answered, asked, form, read, refuse};
use crate::sandbox::fault::Fault;
use crate::sandbox::state::Inner;

/// The faults in the form: what they are about, their name, and the meaning of their number if they have one.
pub(in crate::sandbox) const OFFERED: [(&str, &str, &str); 13] = [
    ("delivery", "latency", "Delay of the delivery, in ms"),
    ("delivery", "reset", "Connection reset in the body of the delivery"),
    ("delivery", "truncated", "Body of the delivery cut off"),
    ("delivery", "garbage", "Body of the delivery is not JSON"),
    ("delivery", "duplicate", "Delivered twice"),
    ("delivery", "reordered", "Delivered after the next delivery"),
    ("delivery", "stale_date", "Signed an hour ago"),
    ("delivery", "wrong_signature", "Signed with another secret"),
    ("answer", "latency", "Delay of a response, in ms"),
    ("answer", "status", "Status of a response"),
    ("answer", "reset", "Connection reset before a response"),
    ("answer", "truncated", "Body of a response cut off"),
    ("answer", "garbage", "Body of a response is that of a proxy"),
];

#[derive(Deserialize)]
struct Disarmed {
    id: String,
}

pub(super) fn routes() -> Router<Arc<Inner>> {
    Router::new()
        .route("/_sandbox/faults", get(faults).post(arm).delete(clear))
        // A form cannot send DELETE.
        .route(
            "/_sandbox/faults/clear",
            post(async |inner: SharedState, headers: HeaderMap| {
                clear(inner).await;
                answered(&headers, "faults", "All faults are switched off.")
            }),
        )
        .route("/_sandbox/faults/disarm", post(disarm))
}

async fn faults(State(inner): SharedState) -> Json<Vec<Fault>> {
    Json(inner.state().faults.iter().map(|armed| armed.fault().clone()).collect())
}

async fn arm(State(inner): SharedState, headers: HeaderMap, body: Bytes) -> Response {
    // `curl -d` sends every body as a form.
    let is_form = |fields: &Vec<(String, String)>| fields.iter().any(|(name, _)| name == "fault");
    let fields = form(&headers, &body).filter(is_form);
    let fault = match &fields {
        None => read(&body),
        Some(fields) => from_form(fields),
    };
    let armed = fault.and_then(|fault| inner.arm(fault).map_err(|error| error.to_string()));
    match armed {
        Ok(()) if fields.is_some() => answered(&headers, "faults", "The fault is switched on."),
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(reason) => refuse(StatusCode::BAD_REQUEST, &reason),
    }
}

async fn clear(State(inner): SharedState) -> StatusCode {
    inner.clear_faults();
    StatusCode::NO_CONTENT
}

async fn disarm(State(inner): SharedState, headers: HeaderMap, body: Bytes) -> Response {
    let id = asked(&headers, &body).map(|Disarmed { id }| id.parse::<u64>());
    let Ok(Ok(id)) = id else { return refuse(StatusCode::BAD_REQUEST, &"`id` is the number of a fault") };
    inner.state().faults.retain(|armed| armed.id != id);
    inner.changed();
    answered(&headers, "faults", "The fault is switched off.")
}

fn from_form(fields: &[(String, String)]) -> Result<Fault, String> {
    let value = |name: &str| fields.iter().find(|(field, _)| field == name).map(|(_, value)| value.trim());
    let number = |name: &str| {
        let number = value(name).map(str::parse::<u64>).transpose();
        number.map_err(|_| format!("`{name}` is not a whole number"))
    };
    let (side, kind) = value("fault").and_then(|it| it.split_once('/')).ok_or("`fault` is missing")?;
    let needed = || number("number")?.ok_or_else(|| "this fault needs a number".to_owned());
    let fault = match (side, kind) {
        (_, "latency") => json!({kind: {"milliseconds": needed()?}}),
        (_, "status") => json!({kind: {"status": needed()?}}),
        ("answer", "garbage") => json!({kind: {}}),
        _ => json!(kind),
    };
    let mut fault = json!({side: fault});
    if let Some(fault) = fault.as_object_mut() {
        let given = [("provider", value("provider").map(Value::from)), ("times", number("times")?.map(Value::from))];
        fault.extend(given.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
    }
    serde_json::from_value(fault).map_err(|error| format!("`fault`: {error}"))
}
