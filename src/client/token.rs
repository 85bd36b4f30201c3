//! Access tokens, and sources of them.

use std::error::Error as StdError;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use crate::Secret;

/// The error of a token source.
pub type BoxError = Box<dyn StdError + Send + Sync>;

type TokenFuture = Pin<Box<dyn Future<Output = Result<Secret, BoxError>> + Send>>;

/// An access token, or a function that returns one when it is needed.
#[derive(Clone)]
pub struct Token(pub(super) TokenKind);

#[derive(Clone)]
pub(super) enum TokenKind {
    Given(GivenToken),
    /// The name of the grant, or `None` for the default one, and the credentials of the client, by name.
    Client(Option<String>, Arc<[(String, Secret)]>),
}

#[derive(Clone)]
pub(super) enum GivenToken {
    Fixed(Secret),
    Source(Arc<dyn Fn() -> TokenFuture + Send + Sync>),
}

impl GivenToken {
    pub(super) async fn get(&self) -> Result<Secret, BoxError> {
        match self {
            Self::Fixed(token) => Ok(token.clone()),
            Self::Source(source) => source().await,
        }
    }
}

impl Token {
    /// Uses the same token for every call.
    pub fn fixed(token: impl Into<Secret>) -> Self {
        Self(TokenKind::Given(GivenToken::Fixed(token.into())))
    }

    /// Calls the source before every call of an operation, once for all tries of that call. The source is responsible
    /// for caching the token until it expires. [`Options::timeout`](super::Options::timeout) includes the time that the source takes.
    pub fn source<F, Fut>(source: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Secret, BoxError>> + Send + 'static,
    {
        Self(TokenKind::Given(GivenToken::Source(Arc::new(move || Box::pin(source())))))
    }

    /// Requests tokens with the credentials of the client, which are given by the names of
    /// [`TokenGrant::credentials`](crate::catalogue::TokenGrant::credentials), such as `client_id` and `client_secret`.
    /// `Credentials::from_client` of a provider's module takes them as arguments.
    ///
    /// The client requests a token for the first operation that needs one, and sends one request for it even if many
    /// operations wait. It keeps the token until shortly before it expires. Clones of the client share the token. If the
    /// provider refuses an operation with 401, the client requests another token and sends the operation once more.
    pub fn from_client<N: Into<String>, S: Into<Secret>>(credentials: impl IntoIterator<Item = (N, S)>) -> Self {
        Self::of_client(None, credentials)
    }

    /// Requests tokens as [`Token::from_client`] does, in the way of this name
    /// ([`TokenGrant::name`](crate::catalogue::TokenGrant::name)), for providers that document several.
    pub fn from_client_with_grant<N: Into<String>, S: Into<Secret>>(
        grant: &str,
        credentials: impl IntoIterator<Item = (N, S)>,
    ) -> Self {
        Self::of_client(Some(grant.to_owned()), credentials)
    }

    fn of_client<N: Into<String>, S: Into<Secret>>(
        grant: Option<String>,
        credentials: impl IntoIterator<Item = (N, S)>,
    ) -> Self {
        let credentials = credentials.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        Self(TokenKind::Client(grant, credentials))
    }
}

/// A token and its remaining lifetime. `Debug` does not show the token.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AccessToken {
    /// The token.
    pub token: Secret,
    /// The time until the token expires; `None` if it is unknown.
    pub expires_in: Option<Duration>,
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
