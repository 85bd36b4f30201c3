//! A client for any operation.

use super::any_answer::AnyAnswer;
use super::any_request::AnyRequest;
use super::caller::{Caller, Proof};
use super::credential::ConstantHeader;
use super::error::{Error, SetupError};
use super::error_response::ErrorResponse;
use super::options::Options;
use super::token::{AccessToken, BoxError, Token};
use crate::Secret;
use crate::catalogue::{Operation, Provider, Security};

/// A client for any operation of any provider, for programs that choose the operation at run time. The clients of the
/// providers' modules are typed; this one takes and returns JSON.
#[derive(Clone, Debug)]
pub struct AnyClient {
    provider: &'static Provider,
    caller: Caller,
}

impl AnyClient {
    /// Constructs a client for the operations of a provider. `headers` are the constant headers of its operations
    /// ([`Parameter::constant`](crate::catalogue::Parameter::constant)). Each is sent with every request that documents it.
    ///
    /// # Errors
    ///
    /// Returns the same errors as the constructor of a typed client.
    pub fn new<'a>(
        provider: &'static Provider,
        server: &str,
        token: impl Into<Token>,
        headers: impl IntoIterator<Item = (&'a str, Secret)>,
        options: Options,
    ) -> Result<Self, SetupError> {
        let headers = headers.into_iter().map(|(name, value)| ConstantHeader { name, value: Some(value) });
        Ok(Self { provider, caller: Caller::new(provider, server, token.into(), headers, options)? })
    }

    // The client with the connections and the credentials of a typed client.
    #[doc(hidden)]
    pub fn of(provider: &'static Provider, caller: &Caller) -> Self {
        Self { provider, caller: caller.clone() }
    }

    pub(super) fn provider(&self) -> &'static Provider {
        self.provider
    }

    /// Calls an operation of the provider with its parameters, by name, and its body as JSON. If the operation takes a
    /// form, the body is an object of the form's fields. The values of the parameters and the body are not validated. The
    /// user and the password of [`Security::Basic`] are the parameters `username` and `password`.
    ///
    /// # Errors
    ///
    /// Returns the same errors as the methods of a typed client, and
    /// [`ErrorKind::Request`](super::ErrorKind::Request) if a required parameter is missing or a parameter is unknown.
    pub async fn call(
        &self,
        operation: &'static Operation,
        parameters: &[(&str, &str)],
        body: Option<&str>,
    ) -> Result<AnyAnswer, Error<ErrorResponse>> {
        let value = |name| parameters.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| *value);
        let proof = match operation.security {
            Security::Credential => Proof::Credential,
            Security::Basic => Proof::Basic(value("username"), value("password")),
            Security::None => Proof::None,
        };
        let is_of_basic = |name: &str| operation.security == Security::Basic && matches!(name, "username" | "password");
        let parameters: Vec<_> = parameters.iter().filter(|(name, _)| !is_of_basic(name)).copied().collect();
        let request = AnyRequest::new(self.caller.transport(), operation, &parameters, body)?;
        let call = self.caller.call(operation, proof, |session| request.send(session)).await?;
        AnyAnswer::of(self.provider, call)
    }

    /// Returns the access token that the next request would send, and requests one if there is none.
    ///
    /// # Errors
    ///
    /// Returns a [`TokenError`](super::TokenError) if a token could not be requested, or else the error of the token source.
    pub async fn access_token(&self) -> Result<AccessToken, BoxError> {
        self.caller.access_token().await
    }

    /// Returns the access token that the client has, which may have expired, without requesting one. `None` if no token was
    /// requested yet, or if the tokens come from a token source.
    #[must_use]
    pub fn kept_token(&self) -> Option<AccessToken> {
        self.caller.kept_token()
    }
}
