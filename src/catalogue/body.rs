//! Bodies of requests, responses and deliveries, and their examples.

use std::fmt;

use http::StatusCode;
use serde::Deserialize;

use crate::leak;

/// A documented response to a request or a delivery.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub struct Response {
    /// The status, such as `201`, or `2XX` where the provider does not document a status.
    #[serde(deserialize_with = "leak::text")]
    pub status: &'static str,
    /// What the response means.
    #[serde(deserialize_with = "leak::text")]
    pub description: &'static str,
    /// The body; `None` if the response has none.
    pub body: Option<Body>,
    /// Of a response to a delivery: the name of the example that only confirms the receipt of the event. `None` if there
    /// is no body, or if the event asks for a body that only the receiver knows.
    #[serde(deserialize_with = "leak::optional_text")]
    pub acknowledgement: Option<&'static str>,
}

impl Response {
    /// Finds the response that is documented for a status, or else for the class of the status.
    pub(super) fn find(responses: &'static [Self], status: StatusCode) -> Option<&'static Self> {
        let exact = responses.iter().find(|response| response.status == status.as_str());
        exact.or_else(|| responses.iter().find(|response| response.is_class_of(status)))
    }

    /// Returns whether the status is 2xx.
    pub fn is_success(&self) -> bool {
        self.status.starts_with('2')
    }

    /// Whether the response is documented for all statuses of the class of this one.
    fn is_class_of(&self, status: StatusCode) -> bool {
        self.status.strip_suffix("XX").is_some_and(|class| status.as_str().starts_with(class))
    }
}

/// A documented body of a request, a response or a delivery.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub struct Body {
    /// The media type, as documented.
    #[serde(deserialize_with = "leak::text")]
    pub media_type: &'static str,
    /// The name of the body's schema, for [`Provider::schema`](super::Provider::schema).
    #[serde(deserialize_with = "leak::text")]
    pub schema: &'static str,
    /// Examples of the body.
    #[serde(deserialize_with = "leak::slice")]
    pub examples: &'static [Example],
}

impl Body {
    /// Returns the first documented example or, if there is none, the first observed or constructed one.
    pub fn example(&self) -> Option<&'static Example> {
        self.examples.iter().min_by_key(|example| example.origin)
    }
}

/// An example of a body.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub struct Example {
    /// The example's name in the specification.
    #[serde(deserialize_with = "leak::text")]
    pub name: &'static str,
    /// One line on what the example shows.
    #[serde(deserialize_with = "leak::text")]
    pub summary: &'static str,
    /// Where the example comes from.
    pub origin: Origin,
    /// The document that contains the example, or the reason why it was constructed.
    #[serde(deserialize_with = "leak::text")]
    pub source: &'static str,
    /// The body as JSON text. A form is an object of its fields.
    #[serde(deserialize_with = "leak::text")]
    pub json: &'static str,
}

/// Where an example comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Origin {
    /// The example is in a document of the provider.
    Documented,
    /// The example was captured from the provider's traffic.
    Observed,
    /// The example was made for this crate in the documented form.
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
