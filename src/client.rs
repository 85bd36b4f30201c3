//! What the generated clients share: connection, credentials, answers and errors.
//!
//! Calls need a Tokio runtime. A client is not made without credentials:
//!
//! ```
//! # #[cfg(feature = "vipps")] {
//! use pos_webhooks::vipps::{Client, Credentials, TEST};
//!
//! let client = Client::new(TEST, Credentials::new("an access token"))?;
//! # }
//! # Ok::<(), pos_webhooks::client::SetupError>(())
//! ```
//!
//! ```compile_fail
//! use pos_webhooks::vipps::{Client, Credentials, TEST};
//!
//! let client = Client::new(TEST)?;
//! # Ok::<(), pos_webhooks::client::SetupError>(())
//! ```
//!
//! ```compile_fail
//! use pos_webhooks::vipps::{Client, Credentials, TEST};
//!
//! let client = Client::new(TEST, Credentials::default())?;
//! # Ok::<(), pos_webhooks::client::SetupError>(())
//! ```

use std::any::Any;
use std::error::Error as StdError;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable as _};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use progenitor_client::{ByteStream, ResponseValue};
use tokio::time::{Instant, timeout_at};

use crate::catalogue::Operation;
use crate::decode::FromJson;
use crate::{DecodeError, Secret, times};

/// What a source of tokens may fail with.
pub type BoxError = Box<dyn StdError + Send + Sync>;

type TokenFuture = Pin<Box<dyn Future<Output = Result<Secret, BoxError>> + Send>>;

/// An access token, or something that gives one when it is needed.
#[derive(Clone)]
pub struct Token(TokenKind);

#[derive(Clone)]
enum TokenKind {
    Fixed(Secret),
    Source(Arc<dyn Fn() -> TokenFuture + Send + Sync>),
}

impl Token {
    /// The same token for every call.
    pub fn fixed(token: impl Into<Secret>) -> Self {
        Self(TokenKind::Fixed(token.into()))
    }

    /// Asks for a token before every call, once for all of its tries. Keeping it until it expires is up to the source.
    /// [`Options::timeout`] includes the time that it takes.
    pub fn source<F, Fut>(source: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Secret, BoxError>> + Send + 'static,
    {
        Self(TokenKind::Source(Arc::new(move || Box::pin(source()))))
    }

    async fn get(&self) -> Result<Secret, BoxError> {
        match &self.0 {
            TokenKind::Fixed(token) => Ok(token.clone()),
            TokenKind::Source(source) => source().await,
        }
    }
}

impl From<&str> for Token {
    fn from(token: &str) -> Self {
        Self::fixed(token)
    }
}

impl From<String> for Token {
    fn from(token: String) -> Self {
        Self::fixed(token)
    }
}

impl From<Secret> for Token {
    fn from(token: Secret) -> Self {
        Self::fixed(token)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

/// How a client connects.
#[derive(Clone)]
pub struct Options {
    timeout: Duration,
    connect_timeout: Duration,
    max_answer_bytes: usize,
    retries: Retries,
    plain_http: bool,
    http_client: Option<reqwest::Client>,
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A client of the caller's may have secrets among its default headers.
        f.debug_struct("Options")
            .field("timeout", &self.timeout)
            .field("connect_timeout", &self.connect_timeout)
            .field("max_answer_bytes", &self.max_answer_bytes)
            .field("retries", &self.retries)
            .field("plain_http", &self.plain_http)
            .finish_non_exhaustive()
    }
}

impl Default for Options {
    /// 30 seconds for a call with all of its [`Retries`], 10 to connect; answers of up to 1 MiB.
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(10),
            max_answer_bytes: 1024 * 1024,
            retries: Retries::default(),
            plain_http: false,
            http_client: None,
        }
    }
}

impl Options {
    /// Longest time for a call, from asking for a token to the last byte of the last try's answer.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Longest time for one try to connect.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Longest body of an answer that is read; a longer one is [`ErrorKind::TooLarge`].
    #[must_use]
    pub fn max_answer_bytes(mut self, bytes: usize) -> Self {
        self.max_answer_bytes = bytes;
        self
    }

    /// When and how often a call is tried again.
    #[must_use]
    pub fn retries(mut self, retries: Retries) -> Self {
        self.retries = retries;
        self
    }

    /// Allows a server with `http://` that is not on this machine. Token and secrets go over the network in clear: for a
    /// stand-in in a network of your own, never for a provider.
    #[must_use]
    pub fn allow_plain_http(mut self) -> Self {
        self.plain_http = true;
        self
    }

    /// Uses an HTTP client of your own, for a proxy, a certificate or a shared pool.
    ///
    /// This gives up what this crate sets on its own client: [`Options::connect_timeout`], the user agent, and that
    /// redirects are not followed. A client that follows them sends the body and all headers of a call except
    /// `Authorization` to whichever host an answer names: make yours with `redirect::Policy::none()`.
    /// [`Options::timeout`] and [`Options::max_answer_bytes`] still hold.
    #[must_use]
    pub fn http_client(mut self, client: reqwest::Client) -> Self {
        self.http_client = Some(client);
        self
    }
}

/// When and how often a call is tried again.
///
/// Tried again is what may pass by itself and does no harm when it happens twice: an operation with an idempotent method
/// (`GET`, `PUT`, `DELETE`) whose connection failed or whose answer has the status 408, 429, 502, 503 or 504. A `POST` is
/// tried again only where no connection could be made, so that it cannot have been executed. A `DELETE` whose first
/// answer was lost may find nothing on its second try.
///
/// A provider's `Retry-After` lengthens the delay. A try that [`Options::timeout`] leaves no time for is not made, and
/// the call ends with the error of the last one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retries {
    tries: usize,
    first_delay: Duration,
    longest_delay: Duration,
}

impl Default for Retries {
    /// At most 3 tries; 200 milliseconds before the second, doubled for each further one up to 5 seconds, plus a random
    /// part of the same length.
    fn default() -> Self {
        Self { tries: 3, first_delay: Duration::from_millis(200), longest_delay: Duration::from_secs(5) }
    }
}

impl Retries {
    /// Every call is sent once.
    pub fn off() -> Self {
        Self::default().tries(1)
    }

    /// How often a call is sent at most, the first time included; 0 is taken as 1.
    #[must_use]
    pub fn tries(mut self, tries: usize) -> Self {
        self.tries = tries;
        self
    }

    /// The delay before the second try, and the longest one, before a random part of up to the same length is added.
    /// More than an hour is taken as an hour.
    #[must_use]
    pub fn delays(mut self, first: Duration, longest: Duration) -> Self {
        const HOUR: Duration = Duration::from_secs(3600);
        self.first_delay = first.min(longest).min(HOUR);
        self.longest_delay = longest.min(HOUR);
        self
    }

    fn backoff(&self) -> ExponentialBuilder {
        ExponentialBuilder::new()
            .with_jitter()
            .with_min_delay(self.first_delay)
            .with_max_delay(self.longest_delay)
            .with_max_times(self.tries.saturating_sub(1))
    }
}

/// Why a client could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SetupError {
    /// The server is no base URL. It is not repeated here, since it may contain a password.
    #[error("the server is no base URL: {0}")]
    Server(&'static str),
    /// A credential cannot be sent as a header.
    #[error("the credential for the header `{0}` has characters that a header cannot carry")]
    Header(HeaderName),
    /// The HTTP client could not be made, for example because no TLS roots were found.
    #[error("the HTTP client could not be made")]
    HttpClient(#[source] reqwest::Error),
}

/// The part of a generated client that does not depend on the provider.
#[derive(Clone)]
pub(crate) struct Connection {
    base_url: String,
    http: reqwest::Client,
    token: Token,
    scheme: Scheme,
    headers: HeaderMap,
    timeout: Duration,
    max_answer_bytes: usize,
    retries: Retries,
}

/// How a token is sent.
#[derive(Clone)]
pub(crate) enum Scheme {
    Bearer,
    #[allow(dead_code, reason = "no provider with a client has an API key at present")]
    Header(HeaderName),
}

fn check_server(server: &str, plain_http: bool) -> Result<(), &'static str> {
    let url = reqwest::Url::parse(server).map_err(|_| "it is not absolute, or does not parse")?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err("it is neither https nor http");
    }
    if url.scheme() == "http" && !plain_http && !is_loopback(&url) {
        return Err("it is http:// and not on this machine, so that the token would be sent in clear; \
            use https://, or Options::allow_plain_http in a network of your own");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("it has a query or a fragment");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("it names a user; credentials belong to the credentials");
    }
    if server.contains(|c: char| c.is_whitespace() || c.is_control() || matches!(c, '{' | '}')) {
        return Err("it has white space, or braces where a value is to be filled in");
    }
    Ok(())
}

fn is_loopback(url: &reqwest::Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

/// A header that is the same for every call.
pub(crate) struct ConstantHeader {
    pub(crate) name: &'static str,
    pub(crate) value: Option<Secret>,
}

impl Connection {
    pub(crate) fn new(
        server: &str,
        token: Token,
        scheme: Scheme,
        constant: impl IntoIterator<Item = ConstantHeader>,
        options: Options,
    ) -> Result<Self, SetupError> {
        check_server(server, options.plain_http).map_err(SetupError::Server)?;
        let mut headers = HeaderMap::new();
        for ConstantHeader { name, value } in constant {
            let (Some(value), Ok(name)) = (value, HeaderName::from_bytes(name.as_bytes())) else {
                continue;
            };
            let value = sensitive(value.expose()).ok_or_else(|| SetupError::Header(name.clone()))?;
            headers.insert(name, value);
        }
        let http = match options.http_client {
            Some(client) => client,
            None => reqwest::Client::builder()
                .user_agent(concat!("pos-webhooks/", env!("CARGO_PKG_VERSION")))
                .connect_timeout(options.connect_timeout)
                .redirect(reqwest::redirect::Policy::none())
                .build()
                .map_err(SetupError::HttpClient)?,
        };
        Ok(Self {
            base_url: server.trim_end_matches('/').to_owned(),
            http,
            token,
            scheme,
            headers,
            timeout: options.timeout,
            max_answer_bytes: options.max_answer_bytes,
            retries: options.retries,
        })
    }

    pub(crate) fn base_url(&self) -> &str {
        &self.base_url
    }

    pub(crate) fn http(&self) -> reqwest::Client {
        self.http.clone()
    }

    /// Calls the operation, as often as it takes and may be: `send` sends it once, with what the session adds.
    pub(crate) async fn call<E, Fut>(
        &self,
        operation: &'static Operation,
        send: impl Fn(Session) -> Fut,
    ) -> Result<RawAnswer, Error<E>>
    where
        Fut: Future<Output = Result<ResponseValue<ByteStream>, progenitor_client::Error<()>>>,
    {
        // A time too far away to be told is none.
        let deadline = Instant::now().checked_add(self.timeout);
        let time_left = || deadline.map_or(self.timeout, |deadline| deadline.duration_since(Instant::now()));
        let headers = self.headers(operation, deadline).await?;
        let once = || async {
            let session = Session { headers: headers.clone(), timeout: time_left() };
            match self.answer(operation, send(session).await).await {
                Ok(answer) if is_passing(answer.status) => Err(Unfinished::Answer(answer)),
                Ok(answer) => Ok(answer),
                Err(error) => Err(Unfinished::Error(error)),
            }
        };
        let tried = once.retry(self.retries.backoff()).when(|unfinished| unfinished.may_be_repeated(operation)).adjust(
            |unfinished, delay| {
                let delay = delay?.max(unfinished.retry_after().unwrap_or_default());
                (delay < time_left()).then_some(delay)
            },
        );
        match tried.await {
            Ok(answer) | Err(Unfinished::Answer(answer)) => Ok(answer),
            Err(Unfinished::Error(error)) => Err(error),
        }
    }

    /// What a call of the operation sends beside its arguments. This is where the token source is asked.
    async fn headers<E>(
        &self,
        operation: &'static Operation,
        deadline: Option<Instant>,
    ) -> Result<HeaderMap, Error<E>> {
        let fail = |kind| Error::new(operation, kind);
        let token = match deadline {
            Some(deadline) => timeout_at(deadline, self.token.get()).await.unwrap_or_else(|late| Err(late.into())),
            None => self.token.get().await,
        };
        let token = token.map_err(|error| fail(ErrorKind::Token(error)))?;
        let (name, value) = match &self.scheme {
            Scheme::Bearer => (AUTHORIZATION, format!("Bearer {}", token.expose())),
            Scheme::Header(name) => (name.clone(), token.expose().to_owned()),
        };
        if token.expose().trim().is_empty() {
            return Err(fail(ErrorKind::Request("the token is empty".to_owned())));
        }
        let value = sensitive(&value).ok_or_else(|| {
            fail(ErrorKind::Request("the token has characters that a header cannot carry".to_owned()))
        })?;
        let mut headers: HeaderMap = operation
            .headers
            .iter()
            .filter_map(|header| {
                let name = HeaderName::from_bytes(header.name.as_bytes()).ok()?;
                let value = self.headers.get(&name)?.clone();
                Some((name, value))
            })
            .collect();
        headers.insert(name, value);
        let mut accepted: Vec<&str> = Vec::new();
        for body in operation.answers.iter().filter_map(|answer| answer.body.as_ref()) {
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
        Ok(headers)
    }

    /// Reads an answer to its end, whatever its status.
    async fn answer<E>(
        &self,
        operation: &'static Operation,
        sent: Result<ResponseValue<ByteStream>, progenitor_client::Error<()>>,
    ) -> Result<RawAnswer, Error<E>> {
        use progenitor_client::Error as Sent;
        let response = match sent {
            Ok(response) => response,
            Err(Sent::UnexpectedResponse(response)) => ResponseValue::stream(response),
            Err(Sent::CommunicationError(error) | Sent::ResponseBodyError(error) | Sent::InvalidUpgrade(error)) => {
                return Err(Error::new(operation, transport(error)));
            }
            Err(Sent::InvalidRequest(reason) | Sent::Custom(reason)) => {
                return Err(Error::new(operation, ErrorKind::Request(reason)));
            }
            // Both need a typed answer, which is not what the operations are generated with.
            Err(Sent::ErrorResponse(_) | Sent::InvalidResponsePayload(..)) => {
                return Err(Error::new(operation, ErrorKind::Undocumented));
            }
        };
        let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
        let mut answer = RawAnswer {
            operation,
            status: response.status(),
            content_type: header(CONTENT_TYPE).map(str::to_owned),
            retry_after: header(RETRY_AFTER).and_then(delay),
            body: Vec::new(),
        };
        let mut stream = response.into_inner_stream();
        while let Some(chunk) = poll_fn(|context| stream.as_mut().poll_next(context)).await {
            let chunk = match chunk {
                Ok(chunk) => chunk,
                Err(error) => return Err(answer.incomplete(transport(error))),
            };
            if answer.body.len() + chunk.len() > self.max_answer_bytes {
                return Err(answer.incomplete(ErrorKind::TooLarge { limit: self.max_answer_bytes }));
            }
            answer.body.extend_from_slice(&chunk);
        }
        Ok(answer)
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("base_url", &self.base_url).finish_non_exhaustive()
    }
}

fn sensitive(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// Statuses that say that the same may succeed later.
fn is_passing(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 429 | 502 | 503 | 504)
}

/// The value of `Retry-After`: seconds or an HTTP date.
fn delay(text: &str) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = times::http_date(text)?.duration_since(jiff::Timestamp::now());
    // What is over needs no waiting.
    Some(until.try_into().unwrap_or_default())
}

/// How a try ended after which another one may be made.
enum Unfinished<E> {
    Answer(RawAnswer),
    Error(Error<E>),
}

impl<E> Unfinished<E> {
    fn may_be_repeated(&self, operation: &Operation) -> bool {
        let idempotent = matches!(operation.method, "GET" | "HEAD" | "OPTIONS" | "PUT" | "DELETE");
        match self {
            Self::Answer(_) => idempotent,
            Self::Error(error) => match &error.kind {
                // Where no connection was made, nothing was executed.
                ErrorKind::Connection(error) => idempotent || error.is_connect(),
                _ => idempotent && error.status().is_some_and(is_passing),
            },
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Answer(answer) => answer.retry_after,
            Self::Error(error) => error.retry_after(),
        }
    }
}

fn transport<E>(error: reqwest::Error) -> ErrorKind<E> {
    // The URL names a webhook, and with some providers the shop.
    let error = error.without_url();
    if error.is_builder() {
        return ErrorKind::Request("the arguments do not make a request".to_owned());
    }
    // Connecting may take too long as well, and then nothing was sent.
    if error.is_timeout() && !error.is_connect() { ErrorKind::Timeout(error) } else { ErrorKind::Connection(error) }
}

/// What one call sends beside its arguments.
#[derive(Clone)]
pub(crate) struct Session {
    headers: HeaderMap,
    timeout: Duration,
}

impl Session {
    /// Completes a request that progenitor built.
    pub(crate) fn prepare(&self, request: &mut reqwest::Request) {
        let headers = request.headers_mut();
        // progenitor's own idea; no provider here documents it.
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

/// A value for a segment of a path: `.`, `..` and nothing at all would make it another path.
pub(crate) fn segment<'a, E>(operation: &'static Operation, name: &str, value: &'a str) -> Result<&'a str, Error<E>> {
    match value {
        "" | "." | ".." => Err(Error::new(
            operation,
            ErrorKind::Request(format!("the path parameter `{name}` must not be empty, `.` or `..`")),
        )),
        _ => Ok(value),
    }
}

/// An answer that was read but not decoded.
pub(crate) struct RawAnswer {
    operation: &'static Operation,
    pub(crate) status: StatusCode,
    content_type: Option<String>,
    retry_after: Option<Duration>,
    body: Vec<u8>,
}

impl RawAnswer {
    /// The documented success.
    pub(crate) fn decode<T: FromJson, E>(self) -> Result<T, Error<E>> {
        match crate::decode::decode(&self.body) {
            Ok(answer) => Ok(answer),
            Err(error) => Err(self.error(ErrorKind::Undecodable(error))),
        }
    }

    /// A documented error.
    pub(crate) fn refused<T: FromJson, E>(self, variant: fn(T) -> E) -> Error<E> {
        match crate::decode::decode(&self.body) {
            Ok(answer) => self.error(ErrorKind::Answer(variant(answer))),
            Err(error) => self.error(ErrorKind::Undecodable(error)),
        }
    }

    /// The documented success of an operation that answers nothing. Where no status is documented either, a body is the
    /// only sign that something went wrong.
    pub(crate) fn nothing<E>(self) -> Result<(), Error<E>> {
        if self.body.trim_ascii().is_empty() { Ok(()) } else { Err(self.error(ErrorKind::Undocumented)) }
    }

    /// A documented error that has no body.
    #[allow(dead_code, reason = "no provider documents one at present")]
    pub(crate) fn refused_empty<E>(self, variant: E) -> Error<E> {
        self.error(ErrorKind::Answer(variant))
    }

    pub(crate) fn undocumented<E>(self) -> Error<E> {
        self.error(ErrorKind::Undocumented)
    }

    fn error<E>(self, kind: ErrorKind<E>) -> Error<E> {
        Error { operation: self.operation, answer: Some(Box::new(self)), kind }
    }

    /// An error that shows no part of the body.
    fn incomplete<E>(self, kind: ErrorKind<E>) -> Error<E> {
        Self { body: Vec::new(), ..self }.error(kind)
    }
}

/// Why a call failed, for one operation: `E` is what that operation documents as errors.
///
/// Neither `Display` nor `Debug` shows a body, a secret or a token.
pub struct Error<E> {
    operation: &'static Operation,
    answer: Option<Box<RawAnswer>>,
    kind: ErrorKind<E>,
}

/// What went wrong.
#[non_exhaustive]
pub enum ErrorKind<E> {
    /// The provider refused, in a way that it documents for the operation.
    Answer(E),
    /// The provider answered with a status that it does not document for the operation, or with a body where it
    /// documents none.
    Undocumented,
    /// The body of the answer is not what the provider documents for the status.
    Undecodable(DecodeError),
    /// The body of the answer is longer than [`Options::max_answer_bytes`].
    TooLarge {
        /// The limit, in bytes.
        limit: usize,
    },
    /// The call took longer than [`Options::timeout`]. It may have been executed.
    Timeout(reqwest::Error),
    /// The connection failed or broke. The call may have been executed, unless the connection could not be made at all
    /// (`is_connect` of the error).
    Connection(reqwest::Error),
    /// The token source failed, or took longer than [`Options::timeout`]; nothing was sent.
    Token(BoxError),
    /// The arguments do not make a request; nothing was sent.
    Request(String),
}

impl<E> Error<E> {
    fn new(operation: &'static Operation, kind: ErrorKind<E>) -> Self {
        Self { operation, answer: None, kind }
    }

    /// The operation that was called.
    pub fn operation(&self) -> &'static Operation {
        self.operation
    }

    /// The status of the answer, if there was one.
    pub fn status(&self) -> Option<StatusCode> {
        Some(self.answer.as_ref()?.status)
    }

    /// What went wrong.
    pub fn kind(&self) -> &ErrorKind<E> {
        &self.kind
    }

    /// What went wrong, as a value of its own.
    pub fn into_kind(self) -> ErrorKind<E> {
        self.kind
    }

    /// What the provider answered, where it documents this answer.
    pub fn answer(&self) -> Option<&E> {
        match &self.kind {
            ErrorKind::Answer(answer) => Some(answer),
            _ => None,
        }
    }

    /// The body of the answer as it was received; empty where it was not read to its end. It may be personal or secret; it is never part of a message.
    pub fn body(&self) -> &[u8] {
        self.answer.as_ref().map_or(&[], |answer| &answer.body)
    }

    /// How long to wait before the next call, where the answer says so (`Retry-After`).
    pub fn retry_after(&self) -> Option<Duration> {
        self.answer.as_ref()?.retry_after
    }

    /// Whether the same call may succeed later: the connection failed, it took too long, or the status says so (408,
    /// 429, 502, 503, 504).
    ///
    /// What could be tried again without harm has been, see [`Retries`]. A call that was sent may have been executed;
    /// whether it may be sent twice depends on the operation.
    pub fn is_retryable(&self) -> bool {
        match &self.kind {
            ErrorKind::Timeout(_) | ErrorKind::Connection(_) => true,
            ErrorKind::Answer(_) | ErrorKind::Undocumented | ErrorKind::Undecodable(_) | ErrorKind::TooLarge { .. } => {
                self.status().is_some_and(is_passing)
            }
            ErrorKind::Token(_) | ErrorKind::Request(_) => false,
        }
    }
}

impl<E> fmt::Display for Error<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.operation.id)?;
        if let Some(status) = self.status() {
            write!(f, "{status}: ")?;
        }
        match &self.kind {
            ErrorKind::Answer(_) => f.write_str("the provider refused"),
            ErrorKind::Undocumented => f.write_str("the provider does not document such an answer"),
            ErrorKind::Undecodable(error) => write!(f, "the answer is not what the provider documents: {error}"),
            ErrorKind::TooLarge { limit } => write!(f, "the answer is longer than {limit} bytes"),
            ErrorKind::Timeout(_) => f.write_str("the provider did not answer in time"),
            ErrorKind::Connection(_) => f.write_str("the connection failed"),
            ErrorKind::Token(_) => f.write_str("no token could be had"),
            ErrorKind::Request(reason) => f.write_str(reason),
        }?;
        let content_type = self.answer.as_ref().and_then(|answer| answer.content_type.as_deref());
        match (&self.kind, content_type) {
            (ErrorKind::Undocumented | ErrorKind::Undecodable(_), Some(content_type)) => {
                write!(f, " (its content type is `{content_type}`)")
            }
            _ => Ok(()),
        }
    }
}

impl<E> fmt::Debug for Error<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Error({self})")
    }
}

impl<E> StdError for Error<E> {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match &self.kind {
            ErrorKind::Undecodable(error) => Some(error),
            ErrorKind::Timeout(error) | ErrorKind::Connection(error) => Some(error),
            ErrorKind::Token(error) => Some(&**error),
            ErrorKind::Answer(_) | ErrorKind::Undocumented | ErrorKind::TooLarge { .. } | ErrorKind::Request(_) => None,
        }
    }
}

impl<E> fmt::Debug for ErrorKind<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Answer(_) => "Answer(..)",
            Self::Undocumented => "Undocumented",
            Self::Undecodable(_) => "Undecodable(..)",
            Self::TooLarge { .. } => "TooLarge { .. }",
            Self::Timeout(_) => "Timeout(..)",
            Self::Connection(_) => "Connection(..)",
            Self::Token(_) => "Token(..)",
            Self::Request(_) => "Request(..)",
        })
    }
}

/// Why a call failed, for any operation of any provider: what `?` makes of every [`Error`].
pub struct AnyError(Box<dyn Erased>);

/// An `Error<E>` whose `E` is not named.
trait Erased: StdError + Send + Sync {
    fn operation(&self) -> &'static Operation;
    fn status(&self) -> Option<StatusCode>;
    fn is_retryable(&self) -> bool;
    fn retry_after(&self) -> Option<Duration>;
    fn as_any(&self) -> &dyn Any;
    fn into_any(self: Box<Self>) -> Box<dyn Any>;
}

impl<E: Send + Sync + 'static> Erased for Error<E> {
    fn operation(&self) -> &'static Operation {
        self.operation()
    }

    fn status(&self) -> Option<StatusCode> {
        self.status()
    }

    fn is_retryable(&self) -> bool {
        self.is_retryable()
    }

    fn retry_after(&self) -> Option<Duration> {
        self.retry_after()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}

impl AnyError {
    /// The operation that was called.
    pub fn operation(&self) -> &'static Operation {
        self.0.operation()
    }

    /// The status of the answer, if there was one.
    pub fn status(&self) -> Option<StatusCode> {
        self.0.status()
    }

    /// As [`Error::is_retryable`].
    pub fn is_retryable(&self) -> bool {
        self.0.is_retryable()
    }

    /// As [`Error::retry_after`].
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after()
    }

    /// What the provider answered, if this is the error of an operation with these answers.
    pub fn answer<E: 'static>(&self) -> Option<&E> {
        self.0.as_any().downcast_ref::<Error<E>>()?.answer()
    }

    /// The error of an operation with these answers.
    ///
    /// # Errors
    ///
    /// This error, if the answers are of another operation.
    pub fn downcast<E: 'static>(self) -> Result<Error<E>, Self> {
        if !self.0.as_any().is::<Error<E>>() {
            return Err(self);
        }
        match self.0.into_any().downcast() {
            Ok(error) => Ok(*error),
            Err(_) => unreachable!("the type was looked at above"),
        }
    }
}

impl<E: Send + Sync + 'static> From<Error<E>> for AnyError {
    fn from(error: Error<E>) -> Self {
        Self(Box::new(error))
    }
}

impl fmt::Display for AnyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for AnyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl StdError for AnyError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source()
    }
}
