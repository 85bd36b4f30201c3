//! The errors of constructing a client, and of calling an operation.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, StatusCode};

use super::answer::Answer;
use super::error_response::ErrorResponse;
use super::token::BoxError;
use crate::DecodeError;
use crate::catalogue::Operation;

/// The error of constructing a client.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SetupError {
    /// The server cannot be used as a base URL. The error does not contain the URL, because it may contain a password.
    /// [`Options::allow_plain_http`](super::Options::allow_plain_http) allows `http://` in your own network.
    #[error("the server is not a base URL that can be called: {0}")]
    Server(&'static str),
    /// A credential cannot be sent as a header, for this reason.
    #[error("the credential for the header `{0}` {1}")]
    Header(HeaderName, &'static str),
    /// A client credential cannot be sent in a request for a token.
    #[error("the client credential `{name}` {reason}")]
    ClientCredential {
        /// The name of the credential.
        name: String,
        /// Why it cannot be sent.
        reason: &'static str,
    },
    /// The provider does not describe an operation that issues a token for client credentials.
    #[error("{0} does not describe an operation that issues tokens: give a token instead")]
    NoGrant(&'static str),
    /// The provider does not describe a way of this name to request a token.
    #[error("there is no grant with the name `{name}`; {}", known_grants(known))]
    UnknownGrant {
        /// The unknown name.
        name: String,
        /// The known names; empty if the only way to request a token does not have a name.
        known: Vec<&'static str>,
    },
    /// The server is `https://`, and this crate was compiled without TLS.
    #[error(
        "the server is `https://`, and pos-webhooks was compiled without TLS: add its feature `rustls` or `native-tls`, or give \
         an HTTP client with TLS to the options"
    )]
    NoTls,
    /// This crate, or another one that uses reqwest, enables rustls without cryptography, and the program has not installed a
    /// `CryptoProvider`.
    #[error(
        "no cryptography for TLS is installed: install a `CryptoProvider` of rustls before the first client, or add the feature \
         `rustls` of pos-webhooks"
    )]
    NoCryptoProvider,
    /// TLS could not be set up, for example because the certificates of the operating system could not be read.
    #[error("TLS could not be set up")]
    Tls(#[source] BoxError),
    /// The HTTP client could not be built.
    #[error("the HTTP client could not be built")]
    HttpClient(#[source] reqwest::Error),
}

fn known_grants(known: &[&str]) -> String {
    match known {
        [] => "the only one does not have a name".to_owned(),
        names => format!("there are: {}", names.join(", ")),
    }
}

/// The error of calling one operation. `E` has the error responses that the operation documents.
///
/// Neither `Display` nor `Debug` shows a body, a secret or a token.
pub struct Error<E> {
    pub(super) operation: &'static Operation,
    pub(super) answer: Option<Box<Answer>>,
    /// Whether the response to an earlier try was lost.
    pub(super) lost: bool,
    pub(super) kind: ErrorKind<E>,
}

/// The kinds of errors of a call.
#[non_exhaustive]
pub enum ErrorKind<E> {
    /// The provider responded with an error that it documents for the operation.
    Documented(E),
    /// The provider responded with a status that it does not document for the operation, or with a body although it
    /// does not document one.
    Undocumented,
    /// The body of the response is not what the provider documents for the status.
    Undecodable(DecodeError),
    /// The body of the response is longer than [`Options::max_answer_bytes`](super::Options::max_answer_bytes).
    TooLarge {
        /// The limit, in bytes.
        limit: usize,
    },
    /// The call took longer than [`Options::timeout`](super::Options::timeout). The operation may have been executed.
    Timeout(reqwest::Error),
    /// The connection failed or broke. The operation may have been executed, unless the connection could not be made at
    /// all (`is_connect` of the error).
    Connection(reqwest::Error),
    /// The server's certificate is not accepted; nothing was sent. It is not trusted, has expired or is that of another host. With
    /// `native-tls`, this is a [`Connection`](Self::Connection).
    Certificate(reqwest::Error),
    /// The token source failed, or took longer than [`Options::timeout`](super::Options::timeout); nothing was sent. Where
    /// tokens are fetched for a client id and secret, this is a [`TokenError`].
    Token(BoxError),
    /// The arguments do not form a valid request; nothing was sent.
    Request(String),
}

impl<E> Error<E> {
    pub(super) fn new(operation: &'static Operation, kind: ErrorKind<E>) -> Self {
        Self { operation, answer: None, lost: false, kind }
    }

    /// Returns the operation that was called.
    pub fn operation(&self) -> &'static Operation {
        self.operation
    }

    /// Returns the status of the response, if there was one.
    pub fn status(&self) -> Option<StatusCode> {
        Some(self.answer.as_ref()?.status)
    }

    /// Returns the kind of the error.
    pub fn kind(&self) -> &ErrorKind<E> {
        &self.kind
    }

    /// Converts the error into its kind.
    pub fn into_kind(self) -> ErrorKind<E> {
        self.kind
    }

    /// Returns the documented error response, if the provider sent one.
    pub fn documented(&self) -> Option<&E> {
        match &self.kind {
            ErrorKind::Documented(error) => Some(error),
            _ => None,
        }
    }

    /// Returns the body of the response, as far as it was received. The body may be personal or secret: for example, it
    /// may contain the secret of a webhook that was created although the response is not as documented. Error messages
    /// never contain it.
    pub fn body(&self) -> &[u8] {
        self.answer.as_ref().map_or(&[], |answer| &answer.body)
    }

    /// A header of the response.
    #[cfg(feature = "sandbox")]
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.answer.as_ref()?.headers.get(name)?.to_str().ok()
    }

    /// Returns how long to wait before the next call, if the response says so (`Retry-After`).
    pub fn retry_after(&self) -> Option<Duration> {
        self.answer.as_ref()?.retry_after
    }

    /// Returns whether the provider may have executed the operation although the call failed: a request was sent and no
    /// response was received, or the response has a status of success or of a failing server. A `GET` changes nothing,
    /// so this is always false for one.
    pub fn may_have_been_executed(&self) -> bool {
        !matches!(self.operation.method, "GET" | "HEAD" | "OPTIONS") && (self.lost || self.is_in_doubt())
    }

    pub(super) fn answer_is(&self, is: impl Fn(&Answer) -> bool) -> bool {
        self.answer.as_deref().is_some_and(is)
    }

    pub(super) fn is_in_doubt(&self) -> bool {
        match &self.kind {
            ErrorKind::Timeout(_) => true,
            ErrorKind::Connection(error) => !error.is_connect(),
            ErrorKind::Certificate(_) | ErrorKind::Token(_) | ErrorKind::Request(_) => false,
            ErrorKind::Documented(_)
            | ErrorKind::Undocumented
            | ErrorKind::Undecodable(_)
            | ErrorKind::TooLarge { .. } => self.answer_is(Answer::is_in_doubt),
        }
    }

    /// Returns whether the same call may succeed later: the connection failed, the call took too long, or the status is
    /// 408, 429, 502, 503 or 504.
    ///
    /// The client has already retried what can be retried safely; see [`Retries`](super::Retries). A request that was
    /// sent may have been executed; whether it may be sent twice depends on the operation.
    pub fn is_retryable(&self) -> bool {
        match &self.kind {
            ErrorKind::Timeout(_) | ErrorKind::Connection(_) => true,
            ErrorKind::Documented(_)
            | ErrorKind::Undocumented
            | ErrorKind::Undecodable(_)
            | ErrorKind::TooLarge { .. } => self.answer_is(Answer::is_passing),
            ErrorKind::Token(error) => error.downcast_ref().is_some_and(TokenError::is_retryable),
            ErrorKind::Certificate(_) | ErrorKind::Request(_) => false,
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
            ErrorKind::Documented(_) => f.write_str("the provider refused"),
            ErrorKind::Undocumented => f.write_str("the provider does not document such a response"),
            ErrorKind::Undecodable(error) => write!(f, "the response is not what the provider documents: {error}"),
            ErrorKind::TooLarge { limit } => write!(f, "the response is longer than {limit} bytes"),
            ErrorKind::Timeout(_) => f.write_str("the provider did not respond in time"),
            ErrorKind::Connection(_) => f.write_str("the connection failed"),
            ErrorKind::Certificate(_) => f.write_str(
                "the certificate of the server is not accepted; it has to be valid for the host, and of an authority that this \
                 machine trusts",
            ),
            ErrorKind::Token(_) => f.write_str("the token source failed"),
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
            f.write_str("; the response to an earlier try was lost, so the operation may have been executed")?;
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
            ErrorKind::Timeout(error) | ErrorKind::Connection(error) | ErrorKind::Certificate(error) => Some(error),
            ErrorKind::Token(error) => Some(&**error),
            ErrorKind::Documented(_) | ErrorKind::Undocumented | ErrorKind::TooLarge { .. } | ErrorKind::Request(_) => {
                None
            }
        }
    }
}

impl<E> fmt::Debug for ErrorKind<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Documented(_) => "Documented(..)",
            Self::Undocumented => "Undocumented",
            Self::Undecodable(_) => "Undecodable(..)",
            Self::TooLarge { .. } => "TooLarge { .. }",
            Self::Timeout(_) => "Timeout(..)",
            Self::Connection(_) => "Connection(..)",
            Self::Certificate(_) => "Certificate(..)",
            Self::Token(_) => "Token(..)",
            Self::Request(_) => "Request(..)",
        })
    }
}

/// The error of a request for a token. All operations that waited for the token fail with the same error.
///
/// `Display` and `Debug` do not show credentials or the response.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// The request failed.
    #[error("the request for a token failed")]
    Call(#[source] Arc<Error<ErrorResponse>>),
    /// The request took longer than [`Options::timeout`](super::Options::timeout).
    #[error("the token was not issued in time")]
    Timeout,
    /// The response does not have a token that can be sent where the provider documents it.
    #[error("the response to the request for a token does not have a token at {pointer}, where it is documented")]
    Missing {
        /// The JSON pointer.
        pointer: &'static str,
    },
    /// The response has an expiry in another form than documented.
    #[error(
        "the response to the request for a token does not have a time at {pointer}, where the expiry is documented"
    )]
    Expiry {
        /// The JSON pointer.
        pointer: &'static str,
    },
    /// The token has expired already.
    #[error("the token in the response has expired already")]
    Expired,
}

impl TokenError {
    /// Whether the same request may succeed later, as in [`Error::is_retryable`].
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Call(error) => error.is_retryable(),
            Self::Timeout => true,
            Self::Missing { .. } | Self::Expiry { .. } | Self::Expired => false,
        }
    }
}

impl From<Error<ErrorResponse>> for TokenError {
    fn from(error: Error<ErrorResponse>) -> Self {
        Self::Call(Arc::new(error))
    }
}
