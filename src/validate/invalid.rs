//! Why JSON was not found valid.

use super::strict_json::NotJson;
use super::violation::Violations;
use crate::catalogue::UnknownName;

/// Why JSON was not found valid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Invalid {
    /// The provider has no schema of that name.
    #[error(transparent)]
    UnknownName(#[from] UnknownName),
    /// The text is not JSON.
    #[error(transparent)]
    NotJson(NotJson),
    /// The JSON does not match the specification.
    #[error("{0}")]
    Violations(Violations),
    /// The schema itself cannot be used. The schemas of this crate can; its tests prepare every one.
    #[error("the schema cannot be used: {0}")]
    Schema(String),
}
