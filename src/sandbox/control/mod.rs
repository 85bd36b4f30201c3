//! `/_sandbox`: the endpoints by which tests in any language control the sandbox. Requests are JSON or forms of the
//! page; responses are JSON.

mod deliveries;
mod events;
mod faults;
mod webhooks;

use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::body::{Bytes, to_bytes};
use axum::extract::{DefaultBodyLimit, Path, Request, State};
use axum::http::header::{ACCEPT, CONTENT_TYPE, HOST, HeaderMap, HeaderValue, LOCATION, ORIGIN};
use axum::http::{StatusCode, Uri};
use axum::middleware::{self, Next};
use axum::response::{Html, IntoResponse as _, Response};
use axum::routing::{get, post};
use reqwest::Url;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

pub(super) use self::deliveries::is_verifiable;
pub(super) use self::faults::OFFERED;
use super::attempt::Attempt;
use super::error::DeliverError;
use super::page;
use super::state::{self, Inner};
use super::trigger::Trigger;
use crate::Json as AnyJson;
use crate::decode::FromJson;
use crate::values::ObjectOnly;

/// A request to register a webhook as in a back office.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewRegistration {
    url: String,
    #[serde(default)]
    events: Vec<String>,
}

/// A request to the sandbox itself. Its member names are never a customer's data.
struct Asked<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Asked<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(ObjectOnly(deserializer)).map(Self)
    }
}

impl<T: DeserializeOwned> FromJson for Asked<T> {
    fn lists(_: &str) -> bool {
        true
    }
}

/// The logged attempts.
#[derive(Serialize)]
struct Log {
    /// The maximum number of logged attempts.
    limit: usize,
    /// The number of older attempts that were dropped.
    dropped: u64,
    attempts: Vec<Attempt>,
}

impl Log {
    fn of(inner: &Inner) -> Self {
        let attempts = inner.log();
        let dropped = attempts.first().map_or(0, |first| first.number - 1);
        Self { limit: state::LOG, dropped, attempts }
    }
}

type SharedState = State<Arc<Inner>>;

/// The maximum size of the body of a request to the control endpoints.
const MAX_BODY: usize = 2 * 1024 * 1024;

/// The maximum size of the text of a refusal.
const MAX_REASON: usize = 64 * 1024;

pub(super) fn routes() -> Router<Arc<Inner>> {
    Router::new()
        .route("/_sandbox", get(async |State(inner): SharedState| Json(inner.accounts.clone())))
        .route("/_sandbox/log", get(async |State(inner): SharedState| Json(Log::of(&inner))))
        .route("/_sandbox/{provider}/registrations", get(registrations).post(register))
        .route("/_sandbox/{provider}/deliver", post(deliver))
        .merge(deliveries::routes())
        .merge(events::routes())
        .merge(faults::routes())
        .merge(webhooks::routes())
        .fallback(unknown)
        .layer(middleware::from_fn(explained))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .merge(webhooks::inbox())
        .layer(middleware::from_fn(same_site))
}

async fn registrations(State(inner): SharedState, Path(name): Path<String>) -> Response {
    match inner.provider(&name) {
        Ok(provider) => Json(inner.registrations(provider)).into_response(),
        Err(error) => refuse(StatusCode::NOT_FOUND, &error),
    }
}

/// Replaces a refusal of the framework by one as JSON.
async fn explained(request: Request, next: Next) -> Response {
    let method = request.method().clone();
    let accepted = request.headers().get(ACCEPT).and_then(|value| value.to_str().ok());
    // A form of the page, where it has no script.
    let is_for_people = accepted.is_some_and(|accepted| accepted.contains("text/html"));
    let response = next.run(request).await;
    let is_json = |value: &HeaderValue| value.as_bytes().starts_with(b"application/json");
    let is_refusal = response.status().is_client_error() || response.status().is_server_error();
    let is_refused_as_json = response.headers().get(CONTENT_TYPE).is_some_and(is_json);
    if !is_refusal || (is_refused_as_json && !is_for_people) {
        return response;
    }
    let (head, body) = response.into_parts();
    let text = to_bytes(body, MAX_REASON).await.unwrap_or_default();
    let reason = match head.status {
        StatusCode::PAYLOAD_TOO_LARGE => format!("the body is longer than {MAX_BODY} bytes"),
        StatusCode::METHOD_NOT_ALLOWED => {
            format!("the method {method} is not allowed here; the header `allow` has the ones that are")
        }
        status if text.is_empty() => status.to_string(),
        _ => match serde_json::from_slice::<ErrorBody>(&text) {
            Ok(ErrorBody { error }) => error,
            Err(_) => String::from_utf8_lossy(&text).into_owned(),
        },
    };
    match is_for_people {
        true => (head.status, Html(page::refusal(&reason))).into_response(),
        false => refuse(head.status, &reason),
    }
}

/// Refuses requests from other sites that are open in a browser.
async fn same_site(request: Request, next: Next) -> Response {
    match is_of_same_site(request.headers()) {
        true => next.run(request).await,
        false => refuse(StatusCode::FORBIDDEN, &"the request comes from another site"),
    }
}

fn is_of_same_site(headers: &HeaderMap) -> bool {
    let site = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
    let (origin, host) = (headers.get(ORIGIN), headers.get(HOST).map(HeaderValue::as_bytes));
    // Browsers that do not send the first header send the second one with every form.
    matches!(site, None | Some(b"same-origin" | b"none"))
        && origin.is_none_or(|origin| origin.as_bytes().strip_prefix(b"http://") == host)
}

/// Refuses requests for a foreign host name that resolves to this machine (DNS rebinding).
pub(super) async fn own_host(State(inner): SharedState, request: Request, next: Next) -> Response {
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
    let is_host = |c: char| c.is_ascii_alphanumeric() || ".:-_[]".contains(c);
    let url = host.filter(|host| host.chars().all(is_host)).and_then(|host| Url::parse(&format!("http://{host}")).ok());
    match url.is_some_and(|url| inner.is_reached_as(&url)) {
        true => next.run(request).await,
        false => refuse(
            StatusCode::FORBIDDEN,
            &"the request is for another host; use the address of the sandbox, or allow the host (--allow-host)",
        ),
    }
}

async fn unknown(uri: Uri) -> Response {
    let reason = format!(
        "there is nothing at {}; `/` is a page for people, `/_sandbox` says how to call the providers, and the documented \
         paths of their calls are here as well",
        uri.path()
    );
    refuse(StatusCode::NOT_FOUND, &reason)
}

#[derive(Deserialize, Serialize)]
struct ErrorBody {
    error: String,
}

fn refuse(status: StatusCode, error: &impl ToString) -> Response {
    (status, Json(ErrorBody { error: error.to_string() })).into_response()
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    crate::decode::decode(body).map(|Asked(value)| value).map_err(|error| error.to_string())
}

/// The fields of a form of the page; `None` if the body is JSON, whatever its media type: `curl -d` sends every body as
/// a form.
fn form(headers: &HeaderMap, body: &[u8]) -> Option<Vec<(String, String)>> {
    let media_type = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    let is_json = body.trim_ascii_start().starts_with(b"{");
    let is_form = media_type.starts_with("application/x-www-form-urlencoded") && !is_json;
    is_form.then(|| form_urlencoded::parse(body).into_owned().filter(|(_, value)| !value.trim().is_empty()).collect())
}

async fn register(State(inner): SharedState, Path(name): Path<String>, headers: HeaderMap, body: Bytes) -> Response {
    let form = form(&headers, &body);
    let new = match &form {
        None => read(&body),
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
    match inner.register(&name, &url, &events).await {
        Ok(_) if form.is_some() => back(&name),
        Ok(registration) => (StatusCode::CREATED, Json(registration)).into_response(),
        Err(error) => webhooks::refuse_registration(&error),
    }
}

async fn deliver(State(inner): SharedState, Path(name): Path<String>, headers: HeaderMap, body: Bytes) -> Response {
    let form = form(&headers, &body);
    let trigger = match &form {
        None => read(&body),
        Some(fields) => from_form(fields),
    };
    let trigger = match trigger {
        Ok(trigger) => trigger,
        Err(reason) => return refuse(StatusCode::BAD_REQUEST, &reason),
    };
    match inner.deliver(&name, trigger).await {
        Ok(_) if form.is_some() => back("log"),
        Ok(attempts) => Json(attempts).into_response(),
        Err(error @ DeliverError::Provider(_)) => refuse(StatusCode::NOT_FOUND, &error),
        Err(error) => refuse(StatusCode::BAD_REQUEST, &error),
    }
}

fn from_form(fields: &[(String, String)]) -> Result<Trigger, String> {
    let value = |name: &str| fields.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str());
    let trigger = Trigger::new(value("event").unwrap_or_default());
    match value("payload").map(str::parse::<AnyJson>) {
        None => Ok(trigger),
        Some(Ok(payload)) => Ok(trigger.payload(payload)),
        Some(Err(error)) => Err(format!("the payload: {}", crate::json::error::message(&error))),
    }
}

/// A request as JSON, or as the fields of a form. A member that occurs as several fields is `events`.
fn asked<T: DeserializeOwned>(headers: &HeaderMap, body: &[u8]) -> Result<T, String> {
    let Some(fields) = form(headers, body) else { return read(body) };
    let mut members = Map::new();
    for (name, value) in fields {
        if name == "events" {
            let list = members.entry(name).or_insert_with(|| Value::Array(Vec::new()));
            list.as_array_mut().into_iter().for_each(|list| list.push(value.as_str().into()));
        } else {
            members.insert(name, value.into());
        }
    }
    serde_json::from_value(Value::Object(members)).map_err(|error| error.to_string())
}

#[derive(Serialize)]
struct Message<'a> {
    message: &'a str,
}

/// The response to an action that succeeded: a message for a program or the script of the page, and the part of the page
/// that changed for a form.
fn answered(headers: &HeaderMap, part: &str, message: &str) -> Response {
    let has = |name, text: &str| {
        headers.get(name).and_then(|value| value.to_str().ok()).is_some_and(|value| value.starts_with(text))
    };
    let is_form = has(CONTENT_TYPE, "application/x-www-form-urlencoded") && !has(ACCEPT, "application/json");
    if is_form { back(part) } else { Json(Message { message }).into_response() }
}

/// Redirects to the part of the page that changed.
fn back(part: &str) -> Response {
    (StatusCode::SEE_OTHER, [(LOCATION, format!("/#{part}"))]).into_response()
}
