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
        Some((_, event)) => ([(CONTENT_TYPE, "application/json")], indented(&example_of(event))).into_response(),
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

/// JSON on several lines, with all numbers and texts as they are written.
fn indented(json: &str) -> String {
    let (mut text, mut depth, mut in_text, mut is_escaped) = (String::new(), 0_usize, false, false);
    let mut rest = json.chars().peekable();
    let line = |text: &mut String, depth: usize| {
        text.push('\n');
        text.extend(std::iter::repeat_n("  ", depth));
    };
    while let Some(character) = rest.next() {
        if in_text {
            text.push(character);
            in_text = is_escaped || character != '"';
            is_escaped = !is_escaped && character == '\\';
            continue;
        }
        match character {
            ' ' | '\t' | '\r' | '\n' => {}
            '{' | '[' => {
                text.push(character);
                while rest.next_if(char::is_ascii_whitespace).is_some() {}
                if let Some(end) = rest.next_if(|next| matches!(next, '}' | ']')) {
                    text.push(end);
                } else {
                    depth += 1;
                    line(&mut text, depth);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                line(&mut text, depth);
                text.push(character);
            }
            ',' => {
                text.push(character);
                line(&mut text, depth);
            }
            ':' => text.push_str(": "),
            other => {
                in_text = other == '"';
                text.push(other);
            }
        }
    }
    text
}
