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
use std::time::{Duration, SystemTime};

use backon::{ExponentialBuilder, Retryable as _};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use progenitor_client::{ByteStream, RequestBuilderExt as _, ResponseValue};
use tokio::time::{Instant, timeout_at};

use crate::catalogue::{self, Model, Operation, Provider};
use crate::decode::FromJson;
use crate::{DecodeError, Secret};

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
    /// This gives up what this crate sets on its own client: [`Options::connect_timeout`], the user agent, that a server
    /// on this machine is called without a proxy, and that redirects are not followed. A client that follows them sends
    /// the body and all headers of a call except `Authorization` to whichever host an answer names: make yours with
    /// `redirect::Policy::none()`. [`Options::timeout`] and [`Options::max_answer_bytes`] still hold.
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
/// answer was lost may find nothing on its second try: [`Error::may_have_been_executed`] says so.
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
    /// The server cannot be used as base URL. It is not repeated here, since it may contain a password.
    /// [`Options::allow_plain_http`] allows `http://` in a network of your own.
    #[error("the server is not a base URL that can be called: {0}")]
    Server(&'static str),
    /// A credential cannot be sent as a header, for this reason.
    #[error("the credential for the header `{0}` {1}")]
    Header(HeaderName, &'static str),
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
    Header(HeaderName),
}

fn check_server(server: &str, plain_http: bool) -> Result<reqwest::Url, &'static str> {
    let url = reqwest::Url::parse(server).map_err(|_| "it is not absolute, or does not parse")?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err("it is neither https nor http");
    }
    if url.scheme() == "http" && !plain_http && !is_loopback(url.as_str()) {
        return Err("it is http:// and not on this machine, so that the token would be sent in clear; use https://");
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
    Ok(url)
}

/// Whether a URL leads to this machine.
pub(crate) fn is_loopback(url: &str) -> bool {
    let url = reqwest::Url::parse(url).ok();
    let host = url.as_ref().and_then(reqwest::Url::host_str).unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost"
        || host.ends_with(".localhost")
        || host.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
}

/// A credential without a byte order mark in front, which editors put at the start of files. Whatever else does not belong
/// to it was not meant to be sent: what is wrong with it.
fn credential(text: &str) -> Result<&str, &'static str> {
    const QUOTES: [char; 12] = ['"', '\'', '`', '´', '“', '”', '„', '‘', '’', '‚', '«', '»'];
    let text = text.trim_start_matches('\u{feff}');
    if text.trim().is_empty() {
        return Err("is empty");
    }
    if HeaderValue::from_str(text).is_err() {
        return Err("has characters that a header cannot carry");
    }
    if text.trim() != text {
        return Err("has white space at its beginning or end");
    }
    if text.starts_with(QUOTES) || text.ends_with(QUOTES) {
        return Err("has quotation marks around it, which do not belong to it");
    }
    Ok(text)
}

/// As [`credential`]; a token is a single word, and its scheme is sent with it anyway.
fn checked_token(token: &str) -> Result<&str, &'static str> {
    let token = credential(token)?;
    match token.split_once(|character: char| character.is_whitespace()) {
        None if token.is_ascii() => Ok(token),
        None => Err("has characters that no token has"),
        Some((scheme, _)) if scheme.eq_ignore_ascii_case("bearer") => {
            Err("begins with `Bearer`, which is added when it is sent: give the token alone")
        }
        Some(_) => Err("has white space in it"),
    }
}

/// A header that is the same for every call.
pub(crate) struct ConstantHeader<'a> {
    pub(crate) name: &'a str,
    pub(crate) value: Option<Secret>,
}

impl Connection {
    pub(crate) fn new<'a>(
        server: &str,
        token: Token,
        scheme: Scheme,
        constant: impl IntoIterator<Item = ConstantHeader<'a>>,
        options: Options,
    ) -> Result<Self, SetupError> {
        let url = check_server(server, options.plain_http).map_err(SetupError::Server)?;
        let mut headers = HeaderMap::new();
        for ConstantHeader { name, value } in constant {
            let (Some(value), Ok(name)) = (value, HeaderName::from_bytes(name.as_bytes())) else {
                continue;
            };
            let value = credential(value.expose()).and_then(sensitive);
            let value = value.map_err(|reason| SetupError::Header(name.clone(), reason))?;
            headers.insert(name, value);
        }
        let http = match options.http_client {
            Some(client) => client,
            None => {
                let builder = reqwest::Client::builder()
                    .user_agent(concat!("pos-webhooks/", env!("CARGO_PKG_VERSION")))
                    .connect_timeout(options.connect_timeout)
                    .redirect(reqwest::redirect::Policy::none());
                // A proxy of the environment is on another machine, and would get the credentials in clear.
                let builder = if is_loopback(url.as_str()) { builder.no_proxy() } else { builder };
                builder.build().map_err(SetupError::HttpClient)?
            }
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
        let mut lost = false;
        let tried = once
            .retry(self.retries.backoff())
            .when(|unfinished| unfinished.may_be_repeated(operation))
            .adjust(|unfinished, delay| {
                let delay = delay?.max(unfinished.retry_after().unwrap_or_default());
                (delay < time_left()).then_some(delay)
            })
            .notify(|unfinished, _| lost |= unfinished.is_in_doubt());
        match tried.await {
            Ok(answer) | Err(Unfinished::Answer(answer)) => Ok(RawAnswer { lost, ..answer }),
            Err(Unfinished::Error(error)) => Err(Error { lost, ..error }),
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
        let value = checked_token(token.expose()).and_then(|token| match &self.scheme {
            Scheme::Bearer => Ok((AUTHORIZATION, sensitive(&format!("Bearer {token}"))?)),
            Scheme::Header(name) => Ok((name.clone(), sensitive(token)?)),
        });
        let (name, value) = value.map_err(|reason| fail(ErrorKind::Request(format!("the token {reason}"))))?;
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
            lost: false,
        };
        let mut stream = response.into_inner_stream();
        while let Some(chunk) = poll_fn(|context| stream.as_mut().poll_next(context)).await {
            let chunk = match chunk {
                Ok(chunk) => chunk,
                Err(error) => return Err(answer.error(transport(error))),
            };
            if answer.body.len() + chunk.len() > self.max_answer_bytes {
                return Err(answer.error(ErrorKind::TooLarge { limit: self.max_answer_bytes }));
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

fn sensitive(text: &str) -> Result<HeaderValue, &'static str> {
    let mut value = HeaderValue::from_str(text).map_err(|_| "has characters that a header cannot carry")?;
    value.set_sensitive(true);
    Ok(value)
}

/// Statuses that say that the same may succeed later.
fn is_passing(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 429 | 502 | 503 | 504)
}

/// The value of `Retry-After`: seconds, of which there may be more than fit, or an HTTP date in any of its three forms.
fn delay(text: &str) -> Option<Duration> {
    let text = text.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
    }
    let until = httpdate::parse_http_date(text).ok()?;
    // What is over needs no waiting.
    Some(until.duration_since(SystemTime::now()).unwrap_or_default())
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

    fn is_in_doubt(&self) -> bool {
        match self {
            Self::Answer(answer) => is_in_doubt(answer.status),
            Self::Error(error) => error.is_in_doubt(),
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Answer(answer) => answer.retry_after,
            Self::Error(error) => error.retry_after(),
        }
    }
}

/// Whether a call that failed with such a status may have been executed: a gateway may have answered for the provider.
fn is_in_doubt(status: StatusCode) -> bool {
    status.is_success() || status.is_server_error()
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

/// A value as a segment of a path: all but the unreserved characters of RFC 3986 is encoded, so that none of it can be
/// taken for a part of the path's structure.
pub(crate) fn encode_path(value: &str) -> String {
    const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
    utf8_percent_encode(value, RESERVED).to_string()
}

/// An answer that was read but not decoded.
pub(crate) struct RawAnswer {
    operation: &'static Operation,
    pub(crate) status: StatusCode,
    content_type: Option<String>,
    retry_after: Option<Duration>,
    body: Vec<u8>,
    /// Whether the answer to an earlier try was lost.
    lost: bool,
}

impl RawAnswer {
    /// What the operation documents for the status.
    fn documented(&self) -> Option<&'static catalogue::Response> {
        let status = self.status.as_str();
        let answers = self.operation.answers;
        let exact = answers.iter().find(|answer| answer.status == status);
        exact.or_else(|| answers.iter().find(|answer| answer.status.strip_suffix("XX") == status.get(..1)))
    }

    /// A success. Its status may be another one than the documented, as long as the body is what is documented.
    pub(crate) fn decode<T: FromJson, E>(self) -> Result<T, Error<E>> {
        match crate::decode::decode(&self.body) {
            Ok(answer) => Ok(answer),
            Err(_) if self.documented().is_none() => Err(self.undocumented()),
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
        Error { operation: self.operation, lost: self.lost, answer: Some(Box::new(self)), kind }
    }
}

/// A client for any operation of any provider, for programs that learn only when they run what to call. The clients of the
/// providers' modules are typed; this one takes and gives JSON.
#[derive(Clone, Debug)]
pub struct AnyClient {
    provider: &'static Provider,
    connection: Connection,
}

/// What a call by [`AnyClient`] gave. `Debug` shows none of it.
pub struct AnyAnswer {
    body: Vec<u8>,
    model: Option<Box<dyn Model>>,
}

/// An answer by which the provider refuses, in a way that it documents for the operation. `Debug` shows none of it.
pub struct Refused {
    model: Option<Box<dyn Model>>,
}

impl Refused {
    /// The body as its documented model; `None` where no body is documented.
    pub fn model(&self) -> Option<&dyn Model> {
        self.model.as_deref()
    }
}

impl fmt::Debug for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Refused(..)")
    }
}

impl AnyAnswer {
    /// The body as it was received, with what is not documented.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The body as its documented model; `None` where no body is documented, and none came.
    pub fn model(&self) -> Option<&dyn Model> {
        self.model.as_deref()
    }
}

impl fmt::Debug for AnyAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AnyAnswer(..)")
    }
}

impl AnyClient {
    /// A client for the operations of a provider. `headers` are the constant ones of its operations
    /// ([`Parameter::constant`](catalogue::Parameter::constant)), each sent with every call that documents it.
    ///
    /// # Errors
    ///
    /// As the constructor of a typed client.
    pub fn new<'a>(
        provider: &'static Provider,
        server: &str,
        token: impl Into<Token>,
        headers: impl IntoIterator<Item = (&'a str, Secret)>,
        options: Options,
    ) -> Result<Self, SetupError> {
        let scheme = match provider.credential.as_ref().map(|credential| credential.place) {
            Some(catalogue::CredentialPlace::Header(name)) => {
                HeaderName::from_bytes(name.as_bytes()).map(Scheme::Header)
            }
            Some(catalogue::CredentialPlace::Bearer) | None => Ok(Scheme::Bearer),
        };
        let scheme = scheme.unwrap_or(Scheme::Bearer);
        let headers = headers.into_iter().map(|(name, value)| ConstantHeader { name, value: Some(value) });
        let connection = Connection::new(server, token.into(), scheme, headers, options)?;
        Ok(Self { provider, connection })
    }

    /// Calls an operation of the provider with its parameters, by their names, and its body as JSON; a form is made of an
    /// object. Neither is validated.
    ///
    /// # Errors
    ///
    /// As the methods of a typed client.
    pub async fn call(
        &self,
        operation: &'static Operation,
        parameters: &[(&str, &str)],
        body: Option<&str>,
    ) -> Result<AnyAnswer, Error<Refused>> {
        use progenitor_client::Error as Sent;
        let value = |name: &str| parameters.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
        let mut url = format!("{}{}", self.connection.base_url(), operation.path);
        for parameter in operation.path_parameters {
            let value = segment(operation, parameter.name, value(parameter.name).unwrap_or_default())?;
            url = url.replace(&format!("{{{}}}", parameter.name), &encode_path(value));
        }
        let given = |it: &catalogue::Parameter| Some((it.name, value(it.name)?));
        let query: Vec<_> = operation.query_parameters.iter().filter_map(given).collect();
        let headers: Vec<_> = operation.headers.iter().filter(|it| !it.constant).filter_map(given).collect();
        let send = |session: Session| {
            let request = self.request(operation, &url, &query, &headers, body);
            async move {
                let mut request = request.map_err(|reason: &str| Sent::InvalidRequest(reason.to_owned()))?;
                session.prepare(&mut request);
                let sent = self.connection.http.execute(request).await;
                sent.map(ResponseValue::stream).map_err(Sent::CommunicationError)
            }
        };
        let answer = self.connection.call(operation, send).await?;
        self.sorted(answer)
    }

    fn request(
        &self,
        operation: &Operation,
        url: &str,
        query: &[(&str, &str)],
        headers: &[(&str, &str)],
        body: Option<&str>,
    ) -> Result<reqwest::Request, &'static str> {
        let method = reqwest::Method::from_bytes(operation.method.as_bytes()).unwrap_or_default();
        let mut request = self.connection.http.request(method, url);
        if !query.is_empty() {
            request = request.query(query);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let (Some(documented), Some(body)) = (&operation.request, body) {
            request = match documented.media_type {
                "application/x-www-form-urlencoded" => {
                    let fields: serde_json::Map<_, _> =
                        serde_json::from_str(body).map_err(|_| "the body is not a JSON object")?;
                    let form: Result<_, progenitor_client::Error<()>> = request.form_urlencoded(&fields);
                    form.map_err(|_| "the body does not make a form")?
                }
                _ => request.body(body.to_owned()),
            };
        }
        request.build().map_err(|_| "the arguments do not make a request")
    }

    /// As the typed clients tell answers apart.
    fn sorted(&self, answer: RawAnswer) -> Result<AnyAnswer, Error<Refused>> {
        let documented = match answer.status.is_success() {
            true => answer.operation.answers.iter().find(|documented| documented.status.starts_with('2')),
            false => answer.documented(),
        };
        let Some(documented) = documented else { return Err(answer.undocumented()) };
        let schema = documented.body.as_ref().and_then(|body| self.provider.schema(body.schema).ok());
        let model = schema.map(|schema| schema.decode(&answer.body)).transpose();
        match model {
            Ok(model) if !answer.status.is_success() => Err(answer.error(ErrorKind::Answer(Refused { model }))),
            Ok(Some(model)) => Ok(AnyAnswer { body: answer.body, model: Some(model) }),
            Ok(None) if answer.body.trim_ascii().is_empty() => Ok(AnyAnswer { body: answer.body, model: None }),
            Ok(None) => Err(answer.undocumented()),
            Err(_) if answer.documented().is_none() => Err(answer.undocumented()),
            Err(error) => Err(answer.error(ErrorKind::Undecodable(error))),
        }
    }
}

/// Why a call failed, for one operation: `E` is what that operation documents as errors.
///
/// Neither `Display` nor `Debug` shows a body, a secret or a token.
pub struct Error<E> {
    operation: &'static Operation,
    answer: Option<Box<RawAnswer>>,
    /// Whether the answer to an earlier try was lost.
    lost: bool,
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
        Self { operation, answer: None, lost: false, kind }
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

    /// The body of the answer as it was received, and as far as it was. It may be personal or secret, such as the secret of
    /// a webhook that was created though the rest of the answer is not what is documented; it is never part of a message.
    pub fn body(&self) -> &[u8] {
        self.answer.as_ref().map_or(&[], |answer| &answer.body)
    }

    /// How long to wait before the next call, where the answer says so (`Retry-After`).
    pub fn retry_after(&self) -> Option<Duration> {
        self.answer.as_ref()?.retry_after
    }

    /// Whether the provider may have executed the call although it failed: this try or an earlier one was sent and not
    /// answered, or was answered with a status of success or of a failing server. Reading changes nothing, so that a `GET`
    /// never counts as executed.
    pub fn may_have_been_executed(&self) -> bool {
        !matches!(self.operation.method, "GET" | "HEAD" | "OPTIONS") && (self.lost || self.is_in_doubt())
    }

    fn is_in_doubt(&self) -> bool {
        match &self.kind {
            ErrorKind::Timeout(_) => true,
            ErrorKind::Connection(error) => !error.is_connect(),
            ErrorKind::Token(_) | ErrorKind::Request(_) => false,
            ErrorKind::Answer(_) | ErrorKind::Undocumented | ErrorKind::Undecodable(_) | ErrorKind::TooLarge { .. } => {
                self.status().is_some_and(is_in_doubt)
            }
        }
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
        }?;
        if self.lost && self.may_have_been_executed() {
            f.write_str("; an earlier try was sent but its answer was lost, so that it may have been executed")?;
        }
        Ok(())
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
    fn body(&self) -> &[u8];
    fn is_retryable(&self) -> bool;
    fn may_have_been_executed(&self) -> bool;
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

    fn body(&self) -> &[u8] {
        self.body()
    }

    fn is_retryable(&self) -> bool {
        self.is_retryable()
    }

    fn may_have_been_executed(&self) -> bool {
        self.may_have_been_executed()
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

    /// As [`Error::body`].
    pub fn body(&self) -> &[u8] {
        self.0.body()
    }

    /// As [`Error::is_retryable`].
    pub fn is_retryable(&self) -> bool {
        self.0.is_retryable()
    }

    /// As [`Error::may_have_been_executed`].
    pub fn may_have_been_executed(&self) -> bool {
        self.0.may_have_been_executed()
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
