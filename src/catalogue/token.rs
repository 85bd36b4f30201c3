//! How a client requests an access token: the operations that issue it, their arguments, and the places of the token in their
//! responses.

use serde::Deserialize;

use super::signature::TimeFormat;
use crate::leak;

/// An operation that issues an access token for the credentials of a client.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub struct TokenGrant {
    /// The name, if the provider documents several ways to request a token.
    #[serde(deserialize_with = "leak::optional_text")]
    pub name: Option<&'static str>,
    /// The `operationId`.
    #[serde(deserialize_with = "leak::text")]
    pub operation: &'static str,
    /// The credentials of a client, in the order of the arguments of `Credentials::from_client`.
    #[serde(deserialize_with = "leak::slice")]
    pub credentials: &'static [ClientCredential],
    /// The members of the request with a constant value.
    #[serde(deserialize_with = "leak::slice")]
    pub request: &'static [ConstantMember],
    /// The JSON pointer to the token in the response.
    #[serde(deserialize_with = "leak::pointer")]
    pub token: &'static str,
    /// The JSON pointer to the value that a token is refreshed with.
    #[serde(deserialize_with = "leak::optional_pointer")]
    pub refresh_token: Option<&'static str>,
    /// The place of the expiry in the response; `None` if the response does not have one.
    pub expiry: Option<TokenExpiry>,
    /// How a token is refreshed; `None` if another one is requested instead.
    pub refresh: Option<TokenRefresh>,
}

/// A credential of a client, such as its id.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub struct ClientCredential {
    /// The name of the argument, such as `client_id`.
    #[serde(deserialize_with = "leak::text")]
    pub name: &'static str,
    /// The place in the request.
    pub place: TokenPlace,
    /// The description in the specification.
    #[serde(deserialize_with = "leak::text")]
    pub description: &'static str,
    /// Whether the value is secret.
    pub secret: bool,
}

/// The place of a value in a request for a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum TokenPlace {
    /// The header with this name.
    Header(#[serde(deserialize_with = "leak::text")] &'static str),
    /// The member of the body at this JSON pointer.
    Member(#[serde(deserialize_with = "leak::pointer")] &'static str),
    /// The user of the scheme Basic, in `Authorization`.
    User,
    /// The password of the scheme Basic, in `Authorization`.
    Password,
}

/// A member of a request with a constant value, such as `grant_type`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub struct ConstantMember {
    /// The JSON pointer to the member.
    #[serde(deserialize_with = "leak::pointer")]
    pub pointer: &'static str,
    /// The JSON text of the value.
    #[serde(deserialize_with = "leak::text")]
    pub json: &'static str,
}

/// The place of a token's expiry in a response. Both values may be numbers or strings.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub struct TokenExpiry {
    /// The JSON pointer to the number of seconds until then, which takes precedence.
    #[serde(deserialize_with = "leak::optional_pointer")]
    pub after: Option<&'static str>,
    /// The JSON pointer to the point in time.
    #[serde(deserialize_with = "leak::optional_pointer")]
    pub at: Option<&'static str>,
    /// The format of the point in time.
    pub format: Option<TimeFormat>,
}

/// An operation that replaces a token that is about to expire.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub struct TokenRefresh {
    /// The `operationId`.
    #[serde(deserialize_with = "leak::text")]
    pub operation: &'static str,
    /// The credentials of the client that it requires.
    #[serde(deserialize_with = "leak::slice")]
    pub credentials: &'static [PlacedCredential],
    /// The members of the request with a constant value.
    #[serde(deserialize_with = "leak::slice")]
    pub request: &'static [ConstantMember],
    /// The place of the value that [`TokenGrant::refresh_token`] points to.
    pub refresh_token: TokenPlace,
}

/// The place of one of [`TokenGrant::credentials`] in a request.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub struct PlacedCredential {
    /// The name of the credential.
    #[serde(deserialize_with = "leak::text")]
    pub name: &'static str,
    /// The place in the request.
    pub place: TokenPlace,
}
