//! Servers, credentials, operations and their parameters.

use http::StatusCode;
use serde::Deserialize;

use super::body::{Body, Response};
use super::token::TokenGrant;
use crate::leak;

/// A documented base URL.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub struct Server {
    /// The server's name: `production`, `test` or `sandbox`.
    #[serde(deserialize_with = "leak::text")]
    pub name: &'static str,
    /// The base URL. Each `{variable}` in it has to be replaced with a value.
    #[serde(deserialize_with = "leak::text")]
    pub url: &'static str,
    /// What the server is for.
    #[serde(deserialize_with = "leak::text")]
    pub description: &'static str,
    /// The variables of the URL.
    #[serde(deserialize_with = "leak::slice")]
    pub variables: &'static [Variable],
}

/// A variable in the URL of a server.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub struct Variable {
    /// The variable's name, which is in braces in the URL.
    #[serde(deserialize_with = "leak::text")]
    pub name: &'static str,
    /// The default value, from the provider's documentation.
    #[serde(deserialize_with = "leak::text")]
    pub default: &'static str,
    /// What the variable means.
    #[serde(deserialize_with = "leak::text")]
    pub description: &'static str,
    /// The allowed values; empty if every value is allowed.
    #[serde(deserialize_with = "leak::texts")]
    pub values: &'static [&'static str],
}

/// A credential that authenticates requests.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub struct Credential {
    /// Where the credential is sent.
    pub place: CredentialPlace,
    /// Whether every operation requires the credential.
    pub required: bool,
    /// What the credential is and where it comes from.
    #[serde(deserialize_with = "leak::text")]
    pub description: &'static str,
    /// How a client requests it; empty if no operation issues it. The first one is the default.
    #[serde(deserialize_with = "leak::slice")]
    pub grants: &'static [TokenGrant],
}

/// Where a credential is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum CredentialPlace {
    /// In `Authorization`, after `Bearer`.
    Bearer,
    /// In the header of this name, without a prefix.
    Header(#[serde(deserialize_with = "leak::text")] &'static str),
}

/// An operation that a client can call.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub struct Operation {
    /// The `operationId`, and the name of the client's method.
    #[serde(deserialize_with = "leak::text")]
    pub id: &'static str,
    /// The HTTP method.
    #[serde(deserialize_with = "leak::text")]
    pub method: &'static str,
    /// The path below the server's URL. Each `{parameter}` in it has to be replaced with a value.
    #[serde(deserialize_with = "leak::text")]
    pub path: &'static str,
    /// One line on what the operation does.
    #[serde(deserialize_with = "leak::text")]
    pub summary: &'static str,
    /// Further details in Markdown; empty if there are none.
    #[serde(deserialize_with = "leak::text")]
    pub description: &'static str,
    /// The operation's own servers. Each belongs to the server of [`Provider::servers`](super::Provider::servers) with the same
    /// name. If there are none, the operation is called at the servers of the provider.
    #[serde(deserialize_with = "leak::slice")]
    pub servers: &'static [Server],
    /// The credentials that the operation requires.
    pub security: Security,
    /// The parameters in the path.
    #[serde(deserialize_with = "leak::slice")]
    pub path_parameters: &'static [Parameter],
    /// The parameters in the query.
    #[serde(deserialize_with = "leak::slice")]
    pub query_parameters: &'static [Parameter],
    /// The documented headers, except those that follow from [`Provider::credential`](super::Provider::credential) and
    /// [`Body::media_type`].
    #[serde(deserialize_with = "leak::slice")]
    pub headers: &'static [Parameter],
    /// The body of the request; `None` if the request has none.
    pub request: Option<Body>,
    /// Every documented response.
    #[serde(deserialize_with = "leak::slice")]
    pub responses: &'static [Response],
}

/// The credentials that an operation requires.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Security {
    /// [`Provider::credential`](super::Provider::credential).
    Credential,
    /// A user and a password, in `Authorization` after `Basic`.
    Basic,
    /// No credentials beside its parameters and its body.
    None,
}

impl Operation {
    /// Returns the parameters that are given with each call: those in the path and in the query, and the headers that are
    /// not constant.
    pub fn parameters(&self) -> impl Iterator<Item = &'static Parameter> + use<> {
        let headers = self.headers.iter().filter(|header| !header.constant);
        self.path_parameters.iter().chain(self.query_parameters).chain(headers)
    }

    /// Returns the response that is documented for a status, or else for the class of the status.
    pub fn response(&self, status: StatusCode) -> Option<&'static Response> {
        Response::find(self.responses, status)
    }

    /// Returns the first documented success response.
    pub fn success(&self) -> Option<&'static Response> {
        self.responses.iter().find(|response| response.is_success())
    }
}

/// A single value in the path, the query or the headers of a call, or in the headers of a delivery.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub struct Parameter {
    /// The parameter's name. Header names are compared without regard to case.
    #[serde(deserialize_with = "leak::text")]
    pub name: &'static str,
    /// Whether the parameter is required.
    pub required: bool,
    /// Whether the value is the same for every request of a client, which then takes it with the credentials.
    pub constant: bool,
    /// What the value means.
    #[serde(deserialize_with = "leak::text")]
    pub description: &'static str,
    /// The JSON Schema (draft-07) of the value, which is a string, an integer or a boolean. The schema is
    /// self-contained.
    #[serde(deserialize_with = "leak::object")]
    pub schema: &'static str,
    /// The strict schema, if it has formats that only this crate validates.
    #[cfg_attr(not(feature = "validate"), allow(dead_code, reason = "only validation is strict"))]
    #[serde(deserialize_with = "leak::optional_object")]
    pub(crate) strict: Option<&'static str>,
}

impl Parameter {
    /// The first listed value, or else the default.
    pub(crate) fn listed_value(&self) -> Option<String> {
        let schema: serde_json::Value = serde_json::from_str(self.schema).unwrap_or_default();
        let value = schema.pointer("/enum/0").or_else(|| schema.get("default"))?;
        Some(value.as_str().map_or_else(|| value.to_string(), str::to_owned))
    }

    /// Returns the name of a constant header among the credentials of a client: `client_id` for `Client-Id`.
    pub fn credential_name(&self) -> String {
        credential_name(self.name)
    }
}

/// The name of a constant header among the credentials of a client.
pub(crate) fn credential_name(header: &str) -> String {
    header.to_ascii_lowercase().replace('-', "_")
}
