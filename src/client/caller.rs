//! Calls with credentials.

use std::fmt;
use std::sync::Arc;

use http::StatusCode;
use http::header::AUTHORIZATION;
use http::{HeaderName, HeaderValue};
use progenitor_client::{ByteStream, ResponseValue};
use tokio::time::error::Elapsed;

use super::answered_call::AnsweredCall;
use super::credential::{ConstantHeader, basic, checked_token, credential, sensitive};
use super::deadline::Deadline;
use super::error::{Error, ErrorKind, SetupError, TokenError};
use super::grant::Grant;
use super::options::Options;
use super::token::{AccessToken, BoxError, GivenToken, Token, TokenKind};
use super::transport::{Session, Transport};
use crate::Secret;
use crate::catalogue::{CredentialPlace, Operation, Provider};

/// The credentials of a call.
pub enum Proof<'a> {
    /// The token of the client.
    Credential,
    /// A user and a password.
    Basic(&'a str, &'a str),
    /// Nothing.
    None,
}

/// The part of a client that does not depend on the provider.
#[derive(Clone)]
pub struct Caller {
    transport: Transport,
    tokens: Tokens,
    /// The header of the token, and the text before the token in its value.
    token_header: (HeaderName, &'static str),
}

#[derive(Clone)]
enum Tokens {
    Given(GivenToken),
    Granted(Arc<Grant>),
}

impl Caller {
    /// Constructs the part of a client with a token and the headers that are the same for every request.
    pub fn new<'a>(
        provider: &'static Provider,
        server: &str,
        token: Token,
        constant: impl IntoIterator<Item = ConstantHeader<'a>>,
        options: Options,
    ) -> Result<Self, SetupError> {
        let place = provider.credential.as_ref().map_or(CredentialPlace::Bearer, |credential| credential.place);
        let token_header = match place {
            CredentialPlace::Header(name) => HeaderName::from_bytes(name.as_bytes()).ok().map(|name| (name, "")),
            CredentialPlace::Bearer => None,
        };
        let token_header = token_header.unwrap_or((AUTHORIZATION, "Bearer "));
        let transport = Transport::new(provider, server, constant, options)?;
        let tokens = match token.0 {
            TokenKind::Client(name, given) => {
                let grant = Grant::new(provider, name.as_deref(), &given, token_header.clone())?;
                Tokens::Granted(Arc::new(grant))
            }
            TokenKind::Given(token) => Tokens::Given(token),
        };
        Ok(Self { transport, tokens, token_header })
    }

    /// Sends the calls.
    pub fn transport(&self) -> &Transport {
        &self.transport
    }

    /// Calls the operation, retrying where that is safe. `send` sends one request with the headers of the session.
    ///
    /// If the provider refuses a token that the client requested, the client requests another one and calls the operation
    /// once more.
    pub async fn call<E, Fut>(
        &self,
        operation: &'static Operation,
        proof: Proof<'_>,
        send: impl Fn(Session) -> Fut,
    ) -> Result<AnsweredCall, Error<E>>
    where
        Fut: Future<Output = Result<ResponseValue<ByteStream>, progenitor_client::Error<()>>>,
    {
        let deadline = self.transport.deadline();
        let header = match proof {
            Proof::Credential => return self.call_with_token(operation, deadline, send).await,
            Proof::Basic(user, password) => {
                let value = basic(user, password);
                let value = value.map_err(|reason| Error::new(operation, ErrorKind::Request(reason.to_owned())))?;
                Some((AUTHORIZATION, value))
            }
            Proof::None => None,
        };
        self.transport.call(operation, header, deadline, &send).await
    }

    async fn call_with_token<E, Fut>(
        &self,
        operation: &'static Operation,
        deadline: Deadline,
        send: impl Fn(Session) -> Fut,
    ) -> Result<AnsweredCall, Error<E>>
    where
        Fut: Future<Output = Result<ResponseValue<ByteStream>, progenitor_client::Error<()>>>,
    {
        let token = self.token(operation, deadline).await?;
        let call = self.transport.call(operation, Some(self.header(operation, &token)?), deadline, &send).await?;
        match &self.tokens {
            Tokens::Granted(grant) if call.status() == StatusCode::UNAUTHORIZED => grant.forget(&token),
            Tokens::Granted(_) | Tokens::Given(_) => return Ok(call),
        }
        let token = self.token(operation, deadline).await?;
        let again = self.transport.call(operation, Some(self.header(operation, &token)?), deadline, &send).await?;
        Ok(AnsweredCall { lost: call.lost || again.lost, ..again })
    }

    async fn token<E>(&self, operation: &'static Operation, deadline: Deadline) -> Result<Secret, Error<E>> {
        let late = |late: Elapsed| match &self.tokens {
            Tokens::Given(_) => Err(late.into()),
            Tokens::Granted(_) => Err(TokenError::Timeout.into()),
        };
        let token = deadline.limit(self.access_token()).await.unwrap_or_else(late);
        token.map(|token| token.token).map_err(|error| Error::new(operation, ErrorKind::Token(error)))
    }

    fn header<E>(&self, operation: &'static Operation, token: &Secret) -> Result<(HeaderName, HeaderValue), Error<E>> {
        let (name, before) = &self.token_header;
        // An API key that is the whole of `Authorization` has the scheme in it.
        let is_whole = *name == AUTHORIZATION && before.is_empty();
        let checked = if is_whole { credential(token.expose()) } else { checked_token(token.expose()) };
        let value = checked.and_then(|token| sensitive(&format!("{before}{token}")));
        let fail = |reason| Error::new(operation, ErrorKind::Request(format!("the token {reason}")));
        Ok((name.clone(), value.map_err(fail)?))
    }

    /// The last token that was sent, as far as that is known without a request or a call of the token source.
    pub(super) fn kept_token(&self) -> Option<AccessToken> {
        match &self.tokens {
            Tokens::Given(GivenToken::Fixed(token)) => Some(AccessToken { token: token.clone(), expires_in: None }),
            Tokens::Given(GivenToken::Source(_)) => None,
            Tokens::Granted(grant) => grant.kept(),
        }
    }

    /// The token that the next request would send.
    pub async fn access_token(&self) -> Result<AccessToken, BoxError> {
        match &self.tokens {
            Tokens::Given(token) => Ok(AccessToken { token: token.get().await?, expires_in: None }),
            Tokens::Granted(grant) => Ok(Grant::get(grant, &self.transport).await?.access_token()),
        }
    }
}

impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.transport.fmt(f)
    }
}
