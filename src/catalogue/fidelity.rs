//! How a specification relates to the documents that it was written from.

use serde::Deserialize;

use crate::leak;

/// Something in the provider's documents that the specification leaves out.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub struct Omission {
    /// What the specification leaves out; Markdown.
    #[serde(deserialize_with = "leak::text")]
    pub what: &'static str,
    /// The keys of the documents that have it; see [`Source::key`](super::Source::key).
    #[serde(deserialize_with = "leak::texts")]
    pub sources: &'static [&'static str],
    /// The reason; Markdown.
    #[serde(deserialize_with = "leak::text")]
    pub why: &'static str,
}

/// A part of the specification that the provider's documents do not determine: they say something else, contradict
/// themselves or each other, or are silent.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub struct Difference {
    /// The places in the specification: JSON pointers, which begin with `/`, and names of operations, events and schemas.
    #[serde(deserialize_with = "leak::texts")]
    pub at: &'static [&'static str],
    /// The keys of the documents that the difference is about; see [`Source::key`](super::Source::key).
    #[serde(deserialize_with = "leak::texts")]
    pub sources: &'static [&'static str],
    /// What the documents say; Markdown.
    #[serde(deserialize_with = "leak::text")]
    pub documents: &'static str,
    /// What the specification says in their place; Markdown.
    #[serde(deserialize_with = "leak::text")]
    pub specification: &'static str,
}
