//! What can be done with a delivery that was made: send it again, or repeat it on the command line.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};

use super::{SharedState, answered, refuse};
use crate::catalogue::{Provider, Verification};
use crate::sandbox::attempt::Attempt;
use crate::sandbox::state::Inner;

pub(super) fn routes() -> Router<Arc<Inner>> {
    Router::new()
        .route("/_sandbox/attempts/{number}/again", post(again))
        .route(
            "/_sandbox/attempts/{number}/curl",
            get(async |inner: SharedState, number: Path<u64>| text(&inner, *number, |_, attempt| Some(curl(attempt)))),
        )
        .route(
            "/_sandbox/attempts/{number}/verify",
            get(async |inner: SharedState, number: Path<u64>| text(&inner, *number, verify)),
        )
        .route("/_sandbox/log/clear", post(clear))
}

async fn again(State(inner): SharedState, Path(number): Path<u64>, headers: HeaderMap) -> Response {
    match inner.deliver_again(number).await {
        None => {
            refuse(StatusCode::NOT_FOUND, &"the attempt is not in the log any more, or its registration was deleted")
        }
        Some(attempts) => {
            let outcome = |attempt: &Attempt| match (attempt.status, &attempt.error) {
                (Some(status), _) => status.to_string(),
                (None, error) => error.clone().unwrap_or_default(),
            };
            let outcomes: Vec<_> = attempts.iter().map(outcome).collect();
            answered(&headers, "log", &format!("Sent again: {}.", outcomes.join(", ")))
        }
    }
}

/// Leaves the deliveries so far out of the page. The log of the sandbox keeps them.
async fn clear(State(inner): SharedState, headers: HeaderMap) -> Response {
    {
        let mut state = inner.state();
        state.cleared = state.deliveries;
    }
    inner.changed();
    answered(&headers, "log", "The deliveries so far are not shown any more.")
}

fn text(inner: &Inner, number: u64, write: impl FnOnce(&'static Provider, &Attempt) -> Option<String>) -> Response {
    let attempt = inner.state().log.iter().find(|attempt| attempt.number == number).cloned();
    let written = attempt.and_then(|attempt| write(inner.provider(attempt.provider).ok()?, &attempt));
    match written {
        Some(written) => ([(CONTENT_TYPE, "text/plain; charset=utf-8")], written).into_response(),
        None => refuse(StatusCode::NOT_FOUND, &"there is no such attempt in the log, or no command for it"),
    }
}

/// The command that sends the request of an attempt once more, as it was sent.
fn curl(attempt: &Attempt) -> String {
    let mut command = format!("curl --request POST {}", quoted(&attempt.url));
    for (name, value) in &attempt.request.headers {
        // Without a value, a header ends in a semicolon.
        let header = if value.is_empty() { format!("{name};") } else { format!("{name}: {value}") };
        let _ = write!(command, " \\\n  --header {}", quoted(&header));
    }
    let _ = writeln!(command, " \\\n  --data-raw {}", quoted(&attempt.request.body));
    command
}

/// The commands that verify the request of an attempt with the secret in a file.
fn verify(provider: &'static Provider, attempt: &Attempt) -> Option<String> {
    let verification = provider.verification_of(Some(attempt.event))?;
    let signature = match verification {
        Verification::Signatures(_) | Verification::Keys(_) => verification.signature(None),
        Verification::None(_) | Verification::Custom(_) => return None,
    };
    let mut commands = "cat > headers.txt <<'END'\n".to_owned();
    for (name, value) in &attempt.request.headers {
        let _ = writeln!(commands, "{name}: {value}");
    }
    let _ = write!(commands, "END\nprintf %s {} > body.json\npos-webhooks", quoted(&attempt.request.body));
    if !crate::PROVIDERS.iter().any(|compiled| std::ptr::eq(*compiled, provider)) {
        let _ = write!(commands, " --spec {}", quoted(&format!("{}.yaml", provider.name)));
    }
    let _ = write!(commands, " verify {} --secret-file secret.txt --headers headers.txt", provider.name);
    if signature.is_some_and(crate::catalogue::Signature::needs_url) {
        let _ = write!(commands, " \\\n  --url {}", quoted(&attempt.url));
    }
    if provider.events.iter().any(|event| event.verification.is_some()) {
        let _ = write!(commands, " \\\n  --event {}", quoted(attempt.event));
    }
    if signature.is_some_and(|signature| signature.window().is_some()) {
        let _ = write!(commands, " \\\n  --at {}", attempt.at.as_str());
    }
    commands.push_str(" body.json\n");
    Some(commands)
}

/// Whether there are commands that verify a delivery of an event.
pub(in crate::sandbox) fn is_verifiable(provider: &'static Provider, event: &str) -> bool {
    let verification = provider.verification_of(Some(event));
    matches!(verification, Some(Verification::Signatures(_) | Verification::Keys(_)))
}

/// A text as one word of a shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}
