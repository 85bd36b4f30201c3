//! The errors of strict validation.

use super::strict_json::NotJson;
use super::violation::Violations;
use crate::catalogue::UnknownName;

/// The error of validating JSON.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Invalid {
    /// The provider does not have a schema of that name.
    #[error(transparent)]
    UnknownName(#[from] UnknownName),
    /// The text is not JSON.
    #[error(transparent)]
    NotJson(NotJson),
    /// The JSON does not match the specification.
    #[error("{0}")]
    Violations(Violations),
    /// The schema cannot be used. This does not happen with the schemas of this crate: its tests prepare every one.
    #[error("the schema cannot be used: {0}")]
    Schema(String),
}
