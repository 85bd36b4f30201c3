//! The base URL and credentials of a simulated provider.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::Secret;
use crate::catalogue::{Provider, credential_name};
use crate::client::{Options, SetupError};

/// The base URL and the credentials of one provider in the sandbox.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Account {
    /// The provider's module.
    pub provider: &'static str,
    /// The base URL that replaces the documented server.
    pub base_url: String,
    /// The credentials by name: `token`; those of a client that requests its tokens, named as the arguments of
    /// `Credentials::from_client`, such as `client_id` and `client_secret`; and the headers that are the same for every
    /// request, named as in the module's `Credentials`, such as `shop_id` for `Shop-Id`. `secret` is for the receiver, if
    /// the secret belongs to the account and not to a registration; for events whose signature has a
    /// [`credential`](crate::catalogue::Signature::credential), it is that one. `verify_token` is the token of a
    /// [handshake](crate::catalogue::Handshake::token).
    pub credentials: BTreeMap<String, Secret>,
}

impl Account {
    /// Returns the token; empty if the provider does not have operations.
    pub fn token(&self) -> Secret {
        self.credentials.get("token").cloned().unwrap_or_else(|| Secret::from(""))
    }

    /// Returns the value of a header that is the same for every request; `None` if the account does not have one.
    pub fn header(&self, name: &str) -> Option<Secret> {
        self.credentials.get(&credential_name(name)).cloned()
    }
}

/// A generated client that [`Sandbox::client`](super::Sandbox::client) can construct.
///
/// The `Client` of every provider's module implements this trait.
pub trait TypedClient: Sized {
    /// Returns the provider that the client calls.
    fn provider() -> &'static Provider;

    /// Constructs a client with the base URL and the credentials of an account.
    ///
    /// # Errors
    ///
    /// Returns an error if the HTTP client cannot be built.
    fn with_account(account: &Account, options: Options) -> Result<Self, SetupError>;
}
