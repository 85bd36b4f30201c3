//! The calls that a client can make: where to, with which credential, and with what.

use serde::Deserialize;

use super::body::{Body, Response};
use crate::leak;

/// A documented base URL.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub struct Server {
    /// `production`, `test` or `sandbox`.
    #[serde(deserialize_with = "leak::text")]
    pub name: &'static str,
    /// The URL; `{variables}` are to be replaced.
    #[serde(deserialize_with = "leak::text")]
    pub url: &'static str,
    /// What the specification says of it.
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
    /// Its name, in braces in the URL.
    #[serde(deserialize_with = "leak::text")]
    pub name: &'static str,
    /// The value in the provider's documentation.
    #[serde(deserialize_with = "leak::text")]
    pub default: &'static str,
    /// What it means.
    #[serde(deserialize_with = "leak::text")]
    pub description: &'static str,
    /// The values that are allowed; empty where any is.
    #[serde(deserialize_with = "leak::texts")]
    pub values: &'static [&'static str],
}

/// What proves who calls.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub struct Credential {
    /// Where it is sent.
    pub place: CredentialPlace,
    /// Whether every call needs it.
    pub required: bool,
    /// What it is and where it comes from.
    #[serde(deserialize_with = "leak::text")]
    pub description: &'static str,
}

/// Where a credential is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum CredentialPlace {
    /// In `Authorization`, after `Bearer`.
    Bearer,
    /// In the header of this name, as it is.
    Header(#[serde(deserialize_with = "leak::text")] &'static str),
}

/// A call that a client can make.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub struct Operation {
    /// The `operationId`, and the name of the client's method.
    #[serde(deserialize_with = "leak::text")]
    pub id: &'static str,
    /// HTTP method.
    #[serde(deserialize_with = "leak::text")]
    pub method: &'static str,
    /// Path below the server's URL; `{parameters}` are to be replaced.
    #[serde(deserialize_with = "leak::text")]
    pub path: &'static str,
    /// One line on what it does.
    #[serde(deserialize_with = "leak::text")]
    pub summary: &'static str,
    /// What else there is to know; Markdown, empty where there is nothing.
    #[serde(deserialize_with = "leak::text")]
    pub description: &'static str,
    /// The parameters in the path.
    #[serde(deserialize_with = "leak::slice")]
    pub path_parameters: &'static [Parameter],
    /// The parameters in the query.
    #[serde(deserialize_with = "leak::slice")]
    pub query_parameters: &'static [Parameter],
    /// Documented headers, without those that follow from [`Provider::credential`](super::Provider::credential) and [`Body::media_type`].
    #[serde(deserialize_with = "leak::slice")]
    pub headers: &'static [Parameter],
    /// The body of the request; `None` where it has none.
    pub request: Option<Body>,
    /// Every documented answer.
    #[serde(deserialize_with = "leak::slice")]
    pub answers: &'static [Response],
}

/// A single value in the path, the query or the headers of a call, or in the headers of a delivery.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub struct Parameter {
    /// Its name. Names of headers are compared without regard to case.
    #[serde(deserialize_with = "leak::text")]
    pub name: &'static str,
    /// Whether it is always there.
    pub required: bool,
    /// Whether it is the same for every call of a client, which then takes it with the credentials.
    pub constant: bool,
    /// What it says.
    #[serde(deserialize_with = "leak::text")]
    pub description: &'static str,
    /// JSON Schema (draft-07) of the value, of type string, integer or boolean. It refers to nothing outside itself.
    #[serde(deserialize_with = "leak::object")]
    pub schema: &'static str,
    /// The schema in full strength, where it has formats that no other validator knows.
    #[cfg_attr(not(feature = "validate"), allow(dead_code, reason = "only validation is strict"))]
    #[serde(deserialize_with = "leak::optional_object")]
    pub(crate) strict: Option<&'static str>,
}
