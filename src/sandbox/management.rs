//! The providers' operations: routes, authentication, and the validation of requests against the specification.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{ConnectInfo, RawPathParams, Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::Response;
use axum::routing::{MethodFilter, on};
use serde_json::{Map, Value};

use super::attempt::Attempt;
use super::backends::{Backend, Backends, is_credential};
use super::call::{Answer, Broken, Call, Problem, RefusalReason};
use super::fault::{AnswerFault, latency};
use super::server::{Break, Breaker};
use super::state::{Inner, State as SandboxState};
use crate::catalogue::{self, CredentialPlace, Operation, Parameter, Provider, Role, Security};
use crate::validate::Invalid;

/// The response header with an explanation that the provider itself would not send.
pub(super) const NOTE: &str = "x-sandbox-note";

/// The maximum size of a request body in bytes.
pub(super) const MAX_BODY: usize = 1024 * 1024;

/// The page of a proxy that responds for the provider.
const PROXY_PAGE: &str = "<html><head><title>502 Bad Gateway</title></head><body>Bad Gateway</body></html>\n";

pub(super) fn routes(providers: &[&'static Provider]) -> Router<Arc<Inner>> {
    // A documented path such as `/v1/:id` is one like any other.
    let mut router = Router::new().without_v07_checks();
    // If two providers document the same path, only the first one is reachable there; the other one is reachable below
    // its name.
    let mut taken = BTreeMap::new();
    // Two paths of a provider can be the same route, such as `/a{id}` and `/b{id}`.
    let mut known = BTreeSet::new();
    for provider in providers.iter().copied() {
        for operation in provider.operations {
            let method = Method::from_bytes(operation.method.as_bytes()).ok();
            let Some(method) = method.and_then(|method| MethodFilter::try_from(method).ok()) else { continue };
            for prefix in prefixes(provider, operation) {
                let route = route(&format!("{prefix}{}", operation.path));
                if is_own(&route)
                    || *taken.entry(route.clone()).or_insert(provider.name) != provider.name
                    || !known.insert((route.clone(), operation.method))
                {
                    continue;
                }
                let below = prefix.len();
                let handler = move |State(inner),
                                    ConnectInfo(connection): ConnectInfo<_>,
                                    path: RawPathParams,
                                    request: Request| {
                    serve(inner, provider, operation, connection, path, (below, request))
                };
                router = router.route(&route, on(method, handler));
            }
        }
    }
    router
}

/// A path whose parameters are named by their position: the router allows one name for each position, and providers use
/// different ones.
fn route(path: &str) -> String {
    let segments = path.split('/').enumerate();
    let segments = segments.map(|(index, part)| match part.contains('{') {
        true => format!("{{{index}}}"),
        false => part.to_owned(),
    });
    segments.collect::<Vec<_>>().join("/")
}

/// Whether the path belongs to the sandbox itself.
fn is_own(path: &str) -> bool {
    path == "/" || path.starts_with("/_sandbox")
}

/// The prefixes of the paths of an operation: the provider's name, and the path of each documented server, for programs
/// in which only the host can be set.
fn prefixes(provider: &'static Provider, operation: &'static Operation) -> BTreeSet<String> {
    let servers = if operation.servers.is_empty() { provider.servers } else { operation.servers };
    let path = |url: &'static str| Some(url.split_once("://")?.1.split_once('/').map_or("", |(_, path)| path));
    let of_servers = servers.iter().filter_map(|server| path(server.url));
    of_servers.chain([provider.name]).map(|path| format!("/{path}").trim_end_matches('/').to_owned()).collect()
}

async fn serve(
    inner: Arc<Inner>,
    provider: &'static Provider,
    operation: &'static Operation,
    connection: Breaker,
    path: RawPathParams,
    (below, request): (usize, Request),
) -> Response {
    let faults = inner.state().answer_faults(provider.name, operation.id);
    if !faults.is_empty() {
        inner.changed();
    }
    let waits = faults.iter().filter_map(|fault| match fault {
        AnswerFault::Latency { milliseconds } => Some(*milliseconds),
        _ => None,
    });
    tokio::time::sleep(latency(waits)).await;
    for fault in &faults {
        if let AnswerFault::Status { status, retry_after_seconds } = fault {
            let status = StatusCode::from_u16(*status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
            let mut response = respond(Answer::undocumented(status, None, String::new()).noted("a fault"));
            if let Some(seconds) = retry_after_seconds {
                response.headers_mut().insert(RETRY_AFTER, (*seconds).into());
            }
            return response;
        }
    }
    let names: Vec<_> = operation.path.split('{').skip(1).filter_map(|rest| Some(rest.split_once('}')?.0)).collect();
    // The parameters in front belong to the server's URL.
    let values = path.iter().skip(path.iter().count().saturating_sub(names.len()));
    let parameters = names.into_iter().zip(values);
    let parameters = parameters.map(|(name, (_, value))| (name.to_owned(), value.to_owned())).collect();
    let (head, body) = request.into_parts();
    let query = form_urlencoded::parse(head.uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
    let received = RawRequest {
        path: head.uri.path().get(below..).unwrap_or_default(),
        parameters,
        query,
        headers: &head.headers,
        body: to_bytes(body, MAX_BODY).await.ok(),
    };
    let mut answer = {
        let mut state = inner.state();
        let SandboxState { backends, log, .. } = &mut *state;
        answer(backends, log, provider, operation, &received)
    };
    if let Ok(Answer { test: Some(_), .. }) = &answer {
        answer = tested(&inner, provider, answer).await;
    }
    if let Ok(Answer { handshake: Some(_), .. }) = &answer {
        answer = shaken(&inner, provider, operation, &received, answer).await;
    }
    inner.changed();
    let answer = answer.and_then(|answer| match departure(provider, operation, &answer) {
        Some(reason) if cfg!(debug_assertions) => Err(Broken(reason)),
        _ => Ok(answer),
    });
    let answer = answer.unwrap_or_else(|Broken(reason)| {
        let note = format!("the sandbox does not match the specification: {reason}");
        Answer::undocumented(StatusCode::INTERNAL_SERVER_ERROR, Some("text/plain"), note)
    });
    broken_as_asked(answer, &faults, &connection)
}

/// The response after the delivery that the call asks for.
async fn tested(
    inner: &Arc<Inner>,
    provider: &'static Provider,
    answer: Result<Answer, Broken>,
) -> Result<Answer, Broken> {
    let mut answer = answer?;
    let attempts = match answer.test.take() {
        Some(test) => inner.test(provider, test).await,
        None => Vec::new(),
    };
    inner.state().backends.find(provider)?.tested(answer, attempts.first())
}

/// The response after the handshake with the receiver of a new registration: a refusal if the receiver does not answer.
async fn shaken(
    inner: &Arc<Inner>,
    provider: &'static Provider,
    operation: &'static Operation,
    received: &RawRequest<'_>,
    answer: Result<Answer, Broken>,
) -> Result<Answer, Broken> {
    let mut answer = answer?;
    let Some(registration) = answer.handshake.take() else { return Ok(answer) };
    let outcome = inner.handshake(provider, &registration).await;
    let mut state = inner.state();
    let SandboxState { backends, log, .. } = &mut *state;
    let backend = backends.find(provider)?;
    backend.settle(&registration.id, outcome.is_ok());
    let Err(reason) = outcome else { return Ok(answer) };
    let create = provider.registration.as_ref().map(|calls| &calls.create);
    let pointer = create.and_then(|create| create.request.get(&Role::Url)).copied().unwrap_or_default();
    let name = pointer.trim_start_matches('/').to_owned();
    let problems = [Problem { in_body: true, name, missing: false, reason }];
    let body = read(provider, operation, received).map_or_else(|_| String::new(), |body| body.text);
    let RawRequest { path, parameters, query, headers, .. } = received;
    let call = Call { provider, operation, path, parameters, query, headers, body: &body, log };
    backend.refuse(&call, RefusalReason::Invalid(&problems))
}

/// The response with its faults applied.
fn broken_as_asked(mut answer: Answer, faults: &[AnswerFault], connection: &Breaker) -> Response {
    let mut media_type = None;
    for fault in faults {
        match fault {
            AnswerFault::Garbage { body, media_type: other } => {
                answer.body = body.clone().unwrap_or_else(|| PROXY_PAGE.to_owned());
                media_type = Some(other.as_deref().unwrap_or("text/html"));
            }
            AnswerFault::Reset => connection.break_next(Break::Reset),
            AnswerFault::Truncated => connection.break_next(Break::Short(answer.body.len().div_ceil(2).max(1))),
            AnswerFault::Latency { .. } | AnswerFault::Status { .. } => {}
        }
    }
    let mut response = respond(answer);
    if let Some(media_type) = media_type.and_then(|text| HeaderValue::from_str(text).ok()) {
        response.headers_mut().insert(CONTENT_TYPE, media_type);
    }
    response
}

fn respond(answer: Answer) -> Response {
    let Answer { status, media_type, body, note, .. } = answer;
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    if let Some(media_type) = media_type {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    }
    let note = note.filter(|note| !note.is_empty()).map(|note| note.replace(|c: char| !(' '..='~').contains(&c), " "));
    if let Some(note) = note.and_then(|note| HeaderValue::from_str(&note).ok()) {
        headers.insert(NOTE, note);
    }
    response
}

/// A request before it is checked.
struct RawRequest<'a> {
    path: &'a str,
    parameters: BTreeMap<String, String>,
    query: BTreeMap<String, String>,
    headers: &'a HeaderMap,
    /// `None` if the body is too long or incomplete.
    body: Option<Bytes>,
}

fn answer(
    backends: &mut Backends,
    log: &VecDeque<Attempt>,
    provider: &'static Provider,
    operation: &'static Operation,
    received: &RawRequest<'_>,
) -> Result<Answer, Broken> {
    let backend = backends.find(provider)?;
    let read = read(provider, operation, received);
    let body = read.as_ref().map_or("", |body| body.text.as_str());
    let RawRequest { path, parameters, query, headers, .. } = received;
    let call = Call { provider, operation, path, parameters, query, headers, body, log };
    if let Err(reason) = authenticate(backend, operation, received.headers) {
        return Ok(backend.refuse(&call, RefusalReason::Unauthenticated)?.noted(&reason));
    }
    let mut problems = parameter_problems(operation, received);
    match &read {
        Ok(body) => problems.extend(body.problems.iter().cloned()),
        Err(problem) => problems.push(problem.clone()),
    }
    match problems.as_slice() {
        [] => backend.handle(&call),
        problems => backend.refuse(&call, RefusalReason::Invalid(problems)),
    }
}

fn authenticate(backend: &Backend, operation: &Operation, headers: &HeaderMap) -> Result<(), String> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    match (operation.security, &backend.provider.credential) {
        (Security::Basic, _) if !backend.is_basic(headers) => {
            return Err("user and password are not those of the sandbox's account".to_owned());
        }
        (Security::Credential, Some(credential)) => {
            let sent = match credential.place {
                CredentialPlace::Bearer => match header(AUTHORIZATION.as_str()).and_then(|value| value.split_once(' '))
                {
                    Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Some(token.trim()),
                    _ => None,
                },
                CredentialPlace::Header(name) => header(name),
            };
            match sent {
                None if credential.required => return Err("the request has no token of the documented form".to_owned()),
                Some(token) if !backend.is_token(token) => {
                    return Err("the token is not one of the sandbox's account, or has expired".to_owned());
                }
                None | Some(_) => {}
            }
        }
        (Security::Basic | Security::Credential | Security::None, _) => {}
    }
    let is_own = |name: &str, sent: &str| backend.credentials.get(name).is_some_and(|secret| secret.expose() == sent);
    let is_secret = |it: &&Parameter| it.constant && serde_json::from_str(it.schema).is_ok_and(|it| is_credential(&it));
    for it in operation.headers.iter().filter(is_secret) {
        if header(it.name).is_some_and(|sent| !is_own(&it.credential_name(), sent)) {
            return Err(format!("the header `{}` is not that of the sandbox's account", it.name));
        }
    }
    Ok(())
}

fn parameter_problems(operation: &Operation, received: &RawRequest<'_>) -> Vec<Problem> {
    let header =
        |name: &str| received.headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    let in_path = operation.path_parameters.iter().map(|it| (it, received.parameters.get(it.name).cloned()));
    let in_query = operation.query_parameters.iter().map(|it| (it, received.query.get(it.name).cloned()));
    let in_headers = operation.headers.iter().map(|it| (it, header(it.name)));
    in_path
        .chain(in_query)
        .chain(in_headers)
        .filter_map(|(it, value)| parameter_problem(it, value.as_deref()))
        .collect()
}

fn parameter_problem(parameter: &Parameter, value: Option<&str>) -> Option<Problem> {
    let problem = |missing, reason| Problem { in_body: false, name: parameter.name.to_owned(), missing, reason };
    match value {
        None if parameter.required => Some(problem(true, "it is missing".to_owned())),
        None => None,
        Some(value) => match parameter.validate(value) {
            Ok(()) => None,
            Err(Invalid::Violations(found)) => {
                let messages: Vec<_> = found.iter().map(|violation| violation.message.as_str()).collect();
                Some(problem(false, messages.join(", ")))
            }
            Err(other) => Some(problem(false, other.to_string())),
        },
    }
}

/// A request body as JSON text, and its violations of the specification.
struct ReadBody {
    text: String,
    problems: Vec<Problem>,
}

fn read(provider: &'static Provider, operation: &Operation, received: &RawRequest<'_>) -> Result<ReadBody, Problem> {
    let whole = |reason: String| Problem { in_body: true, name: String::new(), missing: false, reason };
    let Some(expected) = &operation.request else { return Ok(ReadBody { text: String::new(), problems: Vec::new() }) };
    let Some(bytes) = &received.body else { return Err(whole(format!("the body is longer than {MAX_BODY} bytes"))) };
    let schema = provider.json_schema(expected.schema).map_err(|error| whole(error.to_string()))?;
    let media_type = received.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = media_type.split(';').next().unwrap_or_default().trim();
    let mut problems = Vec::new();
    let text = if !is_of_type(media_type, expected.media_type) {
        // A provider treats a body that it cannot read as empty.
        problems.push(Problem {
            in_body: false,
            name: CONTENT_TYPE.to_string(),
            missing: media_type.is_empty(),
            reason: format!("it is `{media_type}`, but `{}` is documented", expected.media_type),
        });
        "{}".to_owned()
    } else if expected.media_type == "application/x-www-form-urlencoded" {
        form(&schema, bytes).to_string()
    } else {
        String::from_utf8(bytes.to_vec()).map_err(|_| whole("the body is not UTF-8".to_owned()))?
    };
    match provider.validate(expected.schema, text.as_bytes()) {
        Ok(()) => {}
        Err(Invalid::Violations(violations)) => {
            // Violations of the whole body are reported by member below.
            let others = violations.iter().filter(|it| !(ONE_BY_ONE.contains(&&*it.keyword) && it.pointer.is_empty()));
            problems.extend(others.map(|violation| Problem {
                in_body: true,
                name: violation.pointer.trim_start_matches('/').to_owned(),
                missing: false,
                reason: violation.message.clone(),
            }));
        }
        Err(other) => return Err(whole(other.to_string())),
    }
    let sent: Value = serde_json::from_str(text.trim_start_matches('\u{feff}')).unwrap_or_default();
    for (name, missing, reason) in objections(&schema, &sent) {
        if !problems.iter().any(|problem| problem.in_body && problem.name == name) {
            problems.push(Problem { in_body: true, name: name.to_owned(), missing, reason: reason.to_owned() });
        }
    }
    Ok(ReadBody { text, problems })
}

/// Whether a media type is the documented one, apart from parameters. `application/json` and `application/jsonc`, which one
/// document uses for JSON, are treated as the same.
fn is_of_type(sent: &str, documented: &str) -> bool {
    let documented = documented.split(';').next().unwrap_or_default().trim_end();
    let is_json = |media_type: &str| matches!(media_type, "application/json" | "application/jsonc");
    sent.eq_ignore_ascii_case(documented) || (is_json(&sent.to_ascii_lowercase()) && is_json(documented))
}

/// Keywords whose violation does not name the member.
const ONE_BY_ONE: [&str; 2] = ["required", "additionalProperties"];

/// The required members that are missing, and the members that a closed schema does not have: the name, whether the
/// member is missing, and why it is refused.
fn objections<'a>(schema: &'a Value, sent: &'a Value) -> impl Iterator<Item = (&'a str, bool, &'static str)> {
    let required = schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    let missing = required.filter(|name| sent.get(name).is_none()).map(|name| (name, true, "it is required"));
    let is_closed = schema.get("additionalProperties") == Some(&Value::Bool(false));
    let is_described = |name: &str| schema.get("properties").is_some_and(|described| described.get(name).is_some());
    let members = sent.as_object().into_iter().flatten().map(|(name, _)| name.as_str());
    let unknown = members.filter(move |name| is_closed && !is_described(name));
    missing.chain(unknown.map(|name| (name, false, "there is no member of this name")))
}

/// The fields of a form as an object. A field becomes a number if the schema says so.
fn form(schema: &Value, bytes: &[u8]) -> Value {
    let is_text = |name: &str| {
        let kind = schema.get("properties").and_then(|properties| properties.get(name)?.get("type"));
        kind.is_none_or(|kind| kind == "string")
    };
    let mut fields = Map::new();
    for (name, text) in form_urlencoded::parse(bytes).into_owned() {
        let value = Some(&text).filter(|_| !is_text(&name)).and_then(|text| serde_json::from_str(text).ok());
        fields.insert(name, value.unwrap_or(Value::String(text)));
    }
    Value::Object(fields)
}

/// How a response differs from the one that the operation documents for its status.
fn departure(provider: &'static Provider, operation: &'static Operation, answer: &Answer) -> Option<String> {
    let catalogue::Response { status, body, .. } = operation.response(answer.status)?;
    let place = format!("the response {status} of {}", operation.id);
    let Some(body) = body else {
        return (!answer.body.is_empty()).then(|| format!("{place} has a body"));
    };
    if answer.media_type != Some(body.media_type) {
        return Some(format!("{place} is not {}", body.media_type));
    }
    let invalid = provider.validate(body.schema, answer.body.as_bytes()).err()?;
    Some(format!("{place}: {invalid}"))
}
