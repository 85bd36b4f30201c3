//! The editor of payloads: the example of an event, and the violations of the specification with their places.

use std::ops::Range;
use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use serde::{Deserialize, Serialize};

use super::{SharedState, refuse};
use crate::catalogue::{Event, Provider};
use crate::json::pointer::span;
use crate::json::text::{compact, indented};
use crate::sandbox::dispatch::example_of;
use crate::sandbox::state::Inner;
use crate::validate::Invalid;

/// The maximum number of violations in a response.
const MAX_VIOLATIONS: usize = 50;

#[derive(Deserialize)]
struct Named {
    event: String,
}

/// The result of checking a payload.
#[derive(Serialize)]
struct Checked {
    violations: Vec<Misfit>,
}

/// One violation.
#[derive(Serialize)]
struct Misfit {
    /// The JSON pointer; empty for the whole payload.
    pointer: String,
    message: String,
    /// Counted from 1.
    line: usize,
    /// Where the value begins and ends in the text, in the units of JavaScript strings.
    start: usize,
    end: usize,
}

pub(super) fn routes() -> Router<Arc<Inner>> {
    Router::new().route("/_sandbox/{provider}/example", get(example)).route("/_sandbox/{provider}/check", post(check))
}

fn find(inner: &Inner, provider: &str, event: &str) -> Option<(&'static Provider, &'static Event)> {
    let provider = inner.provider(provider).ok()?;
    Some((provider, provider.event(event)?))
}

fn unknown() -> Response {
    refuse(StatusCode::NOT_FOUND, &"there is no such provider, or it does not have this event")
}

async fn example(State(inner): SharedState, Path(name): Path<String>, Query(named): Query<Named>) -> Response {
    match find(&inner, &name, &named.event) {
        Some((_, event)) => {
            let json = indented(&compact(&example_of(event)), 2, usize::MAX).unwrap_or_default();
            ([(CONTENT_TYPE, "application/json")], json).into_response()
        }
        None => unknown(),
    }
}

async fn check(
    State(inner): SharedState,
    Path(name): Path<String>,
    Query(named): Query<Named>,
    body: Bytes,
) -> Response {
    let Some((provider, event)) = find(&inner, &name, &named.event) else { return unknown() };
    let text = String::from_utf8_lossy(&body);
    let violations = match provider.validate(event.name, text.as_bytes()) {
        Ok(()) => Vec::new(),
        Err(Invalid::Violations(found)) => {
            let misfit = |it: crate::validate::Violation| {
                let place = span(&text, &it.pointer).unwrap_or(0..text.len());
                Misfit::new(&text, place, it.pointer.clone(), it.message_with_value().to_owned())
            };
            found.into_iter().take(MAX_VIOLATIONS).map(misfit).collect()
        }
        Err(Invalid::NotJson(error)) => {
            let line: usize = text.split_inclusive('\n').take(error.line.saturating_sub(1)).map(str::len).sum();
            let at = (line + error.column.saturating_sub(1)).min(text.len());
            let at = (0..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default();
            vec![Misfit::new(&text, at..at, String::new(), error.message)]
        }
        Err(other) => vec![Misfit::new(&text, 0..0, String::new(), other.to_string())],
    };
    Json(Checked { violations }).into_response()
}

impl Misfit {
    fn new(text: &str, place: Range<usize>, pointer: String, message: String) -> Self {
        let units = |end: usize| text.get(..end).map_or(0, |before| before.encode_utf16().count());
        let line = text.get(..place.start).map_or(1, |before| before.matches('\n').count() + 1);
        Self { pointer, message, line, start: units(place.start), end: units(place.end) }
    }
}
