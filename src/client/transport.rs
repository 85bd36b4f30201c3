//! Sends calls over HTTP.

use std::fmt;
use std::future::poll_fn;
use std::time::Duration;

use backon::Retryable as _;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue};
use progenitor_client::{ByteStream, ResponseValue};

use super::answer::Answer;
use super::answered_call::AnsweredCall;
use super::credential::{ConstantHeader, constant_headers};
use super::deadline::Deadline;
use super::error::{Error, ErrorKind, SetupError};
use super::options::Options;
use super::retries::{Retries, Unfinished};
use super::server::check_server;
use super::tls::{build, has_tls, http_client, is_about_the_certificate};
use crate::catalogue::{Operation, Provider, Server};
use crate::wire::url::is_loopback;

/// The part of a client that sends calls, which does not depend on the provider.
#[derive(Clone)]
pub struct Transport {
    base_url: String,
    /// The documented server that the base URL is.
    server: Option<&'static Server>,
    http: reqwest::Client,
    constant_headers: HeaderMap,
    timeout: Duration,
    max_answer_bytes: usize,
    retries: Retries,
}

impl Transport {
    pub(super) fn new<'a>(
        provider: &'static Provider,
        server: &str,
        constant: impl IntoIterator<Item = ConstantHeader<'a>>,
        options: Options,
    ) -> Result<Self, SetupError> {
        let url = check_server(server, options.plain_http).map_err(SetupError::Server)?;
        let constant_headers = constant_headers(constant)?;
        let http = match options.http_client {
            Some(client) => client,
            None if !has_tls() && url.scheme() == "https" => return Err(SetupError::NoTls),
            None => {
                let builder = http_client()?
                    .user_agent(concat!("pos-webhooks/", env!("CARGO_PKG_VERSION")))
                    .connect_timeout(options.connect_timeout);
                // A proxy from the environment is on another machine, and would receive the credentials unencrypted.
                let builder = if is_loopback(url.as_str()) { builder.no_proxy() } else { builder };
                build(builder)?
            }
        };
        let base_url = server.trim_end_matches('/');
        Ok(Self {
            base_url: base_url.to_owned(),
            server: provider.servers.iter().find(|server| server.url == base_url),
            http,
            constant_headers,
            timeout: options.timeout,
            max_answer_bytes: options.max_answer_bytes,
            retries: options.retries,
        })
    }

    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// What the URL of an operation begins with: the base URL, or where that is a documented server, the one of the same
    /// name that the operation has of its own.
    pub fn server<E>(&self, operation: &'static Operation) -> Result<&str, Error<E>> {
        let Some(server) = self.server.filter(|_| !operation.servers.is_empty()) else { return Ok(&self.base_url) };
        let own = operation.servers.iter().find(|own| own.name == server.name).map(|own| own.url);
        own.ok_or_else(|| {
            let reason = format!("the provider does not document this operation for its `{}` server", server.name);
            Error::new(operation, ErrorKind::Request(reason))
        })
    }

    pub fn http(&self) -> reqwest::Client {
        self.http.clone()
    }

    /// The deadline of a call that begins now.
    pub(super) fn deadline(&self) -> Deadline {
        Deadline::new(self.timeout)
    }

    /// Calls the operation, retrying where that is safe. `proof` is the header that authenticates the request, and `send`
    /// sends one request with the headers of the session.
    pub(super) async fn call<E, Fut>(
        &self,
        operation: &'static Operation,
        proof: Option<(HeaderName, HeaderValue)>,
        deadline: Deadline,
        send: &impl Fn(Session) -> Fut,
    ) -> Result<AnsweredCall, Error<E>>
    where
        Fut: Future<Output = Result<ResponseValue<ByteStream>, progenitor_client::Error<()>>>,
    {
        let headers = self.headers(operation, proof);
        let once = || async {
            let session = Session { headers: headers.clone(), timeout: deadline.time_left() };
            match self.answer(operation, send(session).await).await {
                Ok(call) if call.answer.is_passing() => Err(Unfinished::Answered(call)),
                Ok(call) => Ok(call),
                Err(error) => Err(Unfinished::Error(error)),
            }
        };
        let mut lost = false;
        let tried = once
            .retry(self.retries.backoff())
            .when(|unfinished| unfinished.may_be_repeated(operation))
            .adjust(|unfinished, delay| {
                let delay = delay?.max(unfinished.retry_after().unwrap_or_default());
                (delay < deadline.time_left()).then_some(delay)
            })
            .notify(|unfinished, _| lost |= unfinished.is_in_doubt());
        match tried.await {
            Ok(call) | Err(Unfinished::Answered(call)) => Ok(AnsweredCall { lost, ..call }),
            Err(Unfinished::Error(error)) => Err(Error { lost, ..error }),
        }
    }

    /// The headers of a request beside its arguments.
    fn headers(&self, operation: &'static Operation, proof: Option<(HeaderName, HeaderValue)>) -> HeaderMap {
        let mut headers: HeaderMap = operation
            .headers
            .iter()
            .filter_map(|header| {
                let name = HeaderName::from_bytes(header.name.as_bytes()).ok()?;
                let value = self.constant_headers.get(&name)?.clone();
                Some((name, value))
            })
            .chain(proof)
            .collect();
        let mut accepted: Vec<&str> = Vec::new();
        for body in operation.responses.iter().filter_map(|response| response.body.as_ref()) {
            if !accepted.contains(&body.media_type) {
                accepted.push(body.media_type);
            }
        }
        if let (false, Ok(value)) = (accepted.is_empty(), HeaderValue::from_str(&accepted.join(", "))) {
            headers.insert(ACCEPT, value);
        }
        if let Some(request) = &operation.request {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(request.media_type));
        }
        headers
    }

    /// Reads a response to its end, whatever its status.
    async fn answer<E>(
        &self,
        operation: &'static Operation,
        sent: Result<ResponseValue<ByteStream>, progenitor_client::Error<()>>,
    ) -> Result<AnsweredCall, Error<E>> {
        use progenitor_client::Error as Sent;
        let response = match sent {
            Ok(response) => response,
            Err(Sent::UnexpectedResponse(response)) => ResponseValue::stream(response),
            Err(Sent::CommunicationError(error) | Sent::ResponseBodyError(error) | Sent::InvalidUpgrade(error)) => {
                return Err(Error::new(operation, not_answered(error)));
            }
            Err(Sent::InvalidRequest(reason) | Sent::Custom(reason)) => {
                return Err(Error::new(operation, ErrorKind::Request(reason)));
            }
            // Both need a typed response, which the generated operations do not have.
            Err(Sent::ErrorResponse(_) | Sent::InvalidResponsePayload(..)) => {
                return Err(Error::new(operation, ErrorKind::Undocumented));
            }
        };
        let answer = Answer::new(response.status(), response.headers());
        let mut call = AnsweredCall { operation, answer, lost: false };
        let mut stream = response.into_inner_stream();
        while let Some(chunk) = poll_fn(|context| stream.as_mut().poll_next(context)).await {
            let chunk = match chunk {
                Ok(chunk) => chunk,
                Err(error) => return Err(call.error(not_answered(error))),
            };
            if call.answer.body.len() + chunk.len() > self.max_answer_bytes {
                return Err(call.error(ErrorKind::TooLarge { limit: self.max_answer_bytes }));
            }
            call.answer.body.extend_from_slice(&chunk);
        }
        Ok(call)
    }
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transport").field("base_url", &self.base_url).finish_non_exhaustive()
    }
}

fn not_answered<E>(error: reqwest::Error) -> ErrorKind<E> {
    // The URL identifies a webhook, and with some providers the shop.
    let error = error.without_url();
    if error.is_builder() {
        return ErrorKind::Request("the arguments do not form a valid request".to_owned());
    }
    if is_about_the_certificate(&error) {
        return ErrorKind::Certificate(error);
    }
    // If connecting took too long, nothing was sent.
    if error.is_timeout() && !error.is_connect() { ErrorKind::Timeout(error) } else { ErrorKind::Connection(error) }
}

/// What one request contains beside its arguments.
#[derive(Clone)]
pub struct Session {
    headers: HeaderMap,
    timeout: Duration,
}

impl Session {
    /// Completes a request that progenitor built.
    pub fn prepare(&self, request: &mut reqwest::Request) {
        let headers = request.headers_mut();
        // progenitor sets this header, which no provider documents.
        headers.remove("api-version");
        headers.extend(self.headers.clone());
        *request.timeout_mut() = Some(self.timeout);
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Session(..)")
    }
}
