//! Reads the description of a provider.

use super::place::pointer_of;
use super::provider::Provider;
use super::schema::RustType;

/// The error for a text that is not the description of a provider.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the description cannot be read: {message}{}; make it with the build of this version of pos-webhooks",
    if pointer.is_empty() { String::new() } else { format!(", at {pointer}") }
)]
#[non_exhaustive]
pub struct DescriptionError {
    /// The JSON pointer of the value that is wrong, such as `/events/2/payload`; empty for the whole text.
    pub pointer: String,
    /// What is wrong, with line and column.
    pub message: String,
}

impl Provider {
    /// Reads the description that the build writes for a specification. The provider does not have Rust types, so
    /// [`Schema::decode`](super::Schema::decode) returns JSON.
    ///
    /// The provider stays in memory as long as the program runs, so read a description only once.
    ///
    /// # Errors
    ///
    /// Returns an error if the text is not the description of a provider, or was written for another version of this
    /// crate.
    pub fn read(description: &str) -> Result<&'static Self, DescriptionError> {
        Self::read_with_spec(description, "")
    }

    /// Like [`Provider::read`], for a description whose specification is known: it becomes [`Provider::spec`].
    ///
    /// # Errors
    ///
    /// Returns the same errors as [`Provider::read`].
    pub fn read_with_spec(description: &str, spec: &str) -> Result<&'static Self, DescriptionError> {
        let mut provider = parse(Box::leak(Box::from(description)))?;
        provider.spec = Box::leak(Box::from(spec));
        Ok(Box::leak(Box::new(provider)))
    }

    #[doc(hidden)]
    pub fn embedded(description: &'static str, spec: &'static str, types: &'static [RustType]) -> Self {
        // The build of the same version wrote the description.
        let mut provider = parse(description).unwrap_or_else(|error| panic!("{error}"));
        provider.spec = spec;
        for schema in provider.schemas {
            if let Some(rust_type) = types.iter().find(|rust_type| rust_type.schema == schema.name) {
                schema.set_rust_type(rust_type);
            }
        }
        provider
    }
}

fn parse(description: &'static str) -> Result<Provider, DescriptionError> {
    serde_json::from_str(description)
        .map_err(|error| DescriptionError { pointer: pointer_of(description, &error), message: error.to_string() })
}
