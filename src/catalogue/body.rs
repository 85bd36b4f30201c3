//! What is sent and answered.

use std::fmt;

use serde::Deserialize;

use crate::leak;

/// A documented answer to a call or a delivery.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub struct Response {
    /// `201`, or `2XX` where the provider documents no status.
    #[serde(deserialize_with = "leak::text")]
    pub status: &'static str,
    /// What it means.
    #[serde(deserialize_with = "leak::text")]
    pub description: &'static str,
    /// Its body; `None` where it has none.
    pub body: Option<Body>,
}

/// A documented body.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub struct Body {
    /// Media type as documented.
    #[serde(deserialize_with = "leak::text")]
    pub media_type: &'static str,
    /// The name of its schema, for [`Provider::schema`](super::Provider::schema).
    #[serde(deserialize_with = "leak::text")]
    pub schema: &'static str,
    /// Its examples.
    #[serde(deserialize_with = "leak::slice")]
    pub examples: &'static [Example],
}

/// An example of a body.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub struct Example {
    /// Its name in the specification.
    #[serde(deserialize_with = "leak::text")]
    pub name: &'static str,
    /// One line on what it shows.
    #[serde(deserialize_with = "leak::text")]
    pub summary: &'static str,
    /// Whether the provider wrote it.
    pub origin: Origin,
    /// The document it is in, or why it was constructed.
    #[serde(deserialize_with = "leak::text")]
    pub source: &'static str,
    /// The JSON text; of a form, an object of its fields.
    #[serde(deserialize_with = "leak::text")]
    pub json: &'static str,
}

/// Where an example comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Origin {
    /// It is in a document of the provider.
    Documented,
    /// It was captured from the provider.
    Observed,
    /// It was made for this crate in the documented form.
    Constructed,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Documented => "documented",
            Self::Observed => "observed",
            Self::Constructed => "constructed",
        })
    }
}
