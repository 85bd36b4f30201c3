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

use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use progenitor_client::{ByteStream, ResponseValue};
use serde::de::DeserializeOwned;

use crate::catalogue::Operation;
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

    /// Asks for a token before every call. Keeping it until it expires is up to the source, and so is a timeout: those of
    /// [`Options`] begin once there is a token.
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
    http_client: Option<reqwest::Client>,
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A client of the caller's may have secrets among its default headers.
        f.debug_struct("Options")
            .field("timeout", &self.timeout)
            .field("connect_timeout", &self.connect_timeout)
            .field("max_answer_bytes", &self.max_answer_bytes)
            .finish_non_exhaustive()
    }
}

impl Default for Options {
    /// 30 seconds for a call, 10 of them to connect; answers of up to 1 MiB.
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(10),
            max_answer_bytes: 1024 * 1024,
            http_client: None,
        }
    }
}

impl Options {
    /// Longest time for a call, from connecting to the last byte of the answer.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Longest time to connect.
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
}

/// How a token is sent.
#[derive(Clone)]
pub(crate) enum Scheme {
    Bearer,
    #[allow(dead_code, reason = "no provider with a client has an API key at present")]
    Header(HeaderName),
}

fn check_server(server: &str) -> Result<(), &'static str> {
    let url = reqwest::Url::parse(server).map_err(|_| "it is not absolute, or does not parse")?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err("it is neither https nor http");
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
        check_server(server).map_err(SetupError::Server)?;
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
        })
    }

    pub(crate) fn base_url(&self) -> &str {
        &self.base_url
    }

    pub(crate) fn http(&self) -> reqwest::Client {
        self.http.clone()
    }

    /// What a call of the operation sends beside its arguments. This is where the token source is asked.
    pub(crate) async fn session<E>(&self, operation: &'static Operation) -> Result<Session, Error<E>> {
        let fail = |kind| Error::new(operation, None, kind);
        let token = self.token.get().await.map_err(|error| fail(ErrorKind::Token(error)))?;
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
        Ok(Session { headers, timeout: self.timeout })
    }

    /// Reads an answer to its end, whatever its status.
    pub(crate) async fn answer<E>(
        &self,
        operation: &'static Operation,
        sent: Result<ResponseValue<ByteStream>, progenitor_client::Error<()>>,
    ) -> Result<RawAnswer, Error<E>> {
        use progenitor_client::Error as Sent;
        let response = match sent {
            Ok(response) => response,
            Err(Sent::UnexpectedResponse(response)) => ResponseValue::stream(response),
            Err(Sent::CommunicationError(error) | Sent::ResponseBodyError(error) | Sent::InvalidUpgrade(error)) => {
                return Err(Error::new(operation, None, transport(error)));
            }
            Err(Sent::InvalidRequest(reason) | Sent::Custom(reason)) => {
                return Err(Error::new(operation, None, ErrorKind::Request(reason)));
            }
            // Both need a typed answer, which is not what the operations are generated with.
            Err(Sent::ErrorResponse(_) | Sent::InvalidResponsePayload(..)) => {
                return Err(Error::new(operation, None, ErrorKind::Undocumented));
            }
        };
        let status = response.status();
        let content_type =
            response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let fail = |kind| Error { content_type: content_type.clone(), ..Error::new(operation, Some(status), kind) };
        let mut stream = response.into_inner_stream();
        let mut body = Vec::new();
        while let Some(chunk) = poll_fn(|context| stream.as_mut().poll_next(context)).await {
            let chunk = chunk.map_err(|error| fail(transport(error)))?;
            if body.len() + chunk.len() > self.max_answer_bytes {
                return Err(fail(ErrorKind::TooLarge { limit: self.max_answer_bytes }));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(RawAnswer { operation, status, content_type, body })
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

fn transport<E>(error: reqwest::Error) -> ErrorKind<E> {
    // The URL names a webhook, and with some providers the shop.
    let error = error.without_url();
    if error.is_builder() {
        return ErrorKind::Request("the arguments do not make a request".to_owned());
    }
    if error.is_timeout() { ErrorKind::Timeout(error) } else { ErrorKind::Connection(error) }
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
            None,
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
    body: Vec<u8>,
}

impl RawAnswer {
    /// The documented success.
    pub(crate) fn decode<T: DeserializeOwned, E>(self) -> Result<T, Error<E>> {
        match crate::decode::decode(&self.body) {
            Ok(answer) => Ok(answer),
            Err(error) => Err(self.error(ErrorKind::Undecodable(error))),
        }
    }

    /// A documented error.
    pub(crate) fn refused<T: DeserializeOwned, E>(self, variant: fn(T) -> E) -> Error<E> {
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
        let Self { operation, status, content_type, body } = self;
        Error { content_type, body, ..Error::new(operation, Some(status), kind) }
    }
}

/// Why a call failed, for one operation: `E` is what that operation documents as errors.
///
/// Neither `Display` nor `Debug` shows a body, a secret or a token.
pub struct Error<E> {
    operation: &'static Operation,
    status: Option<StatusCode>,
    content_type: Option<String>,
    body: Vec<u8>,
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
    /// The call took longer than a timeout of [`Options`]. It may have been executed.
    Timeout(reqwest::Error),
    /// The connection failed or broke. The call may have been executed.
    Connection(reqwest::Error),
    /// The token source failed; nothing was sent.
    Token(BoxError),
    /// The arguments do not make a request; nothing was sent.
    Request(String),
}

impl<E> Error<E> {
    fn new(operation: &'static Operation, status: Option<StatusCode>, kind: ErrorKind<E>) -> Self {
        Self { operation, status, content_type: None, body: Vec::new(), kind }
    }

    /// The operation that was called.
    pub fn operation(&self) -> &'static Operation {
        self.operation
    }

    /// The status of the answer, if there was one.
    pub fn status(&self) -> Option<StatusCode> {
        self.status
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

    /// The body of the answer as it was received. It may be personal or secret; it is never part of a message.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// Whether the same call may succeed later: the connection failed, it took too long, or the status says so (408,
    /// 429, 502, 503, 504).
    ///
    /// A call that was sent may have been executed; whether it may be sent twice depends on the operation.
    pub fn is_retryable(&self) -> bool {
        match &self.kind {
            ErrorKind::Timeout(_) | ErrorKind::Connection(_) => true,
            ErrorKind::Answer(_) | ErrorKind::Undocumented | ErrorKind::Undecodable(_) | ErrorKind::TooLarge { .. } => {
                matches!(self.status.map(|status| status.as_u16()), Some(408 | 429 | 502 | 503 | 504))
            }
            ErrorKind::Token(_) | ErrorKind::Request(_) => false,
        }
    }
}

impl<E> fmt::Display for Error<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.operation.id)?;
        if let Some(status) = self.status {
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
        match (&self.kind, &self.content_type) {
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
