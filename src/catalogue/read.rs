//! Reading descriptions.

use super::provider::Provider;
use super::schema::RustType;

/// A text that is not a description of a provider.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the description cannot be read: {message}, at {place}; make it with the build of this version of pos-webhooks"
)]
#[non_exhaustive]
pub struct DescriptionError {
    /// Where it is wrong, such as `events[2].payload`; `.` for the whole.
    pub place: String,
    /// What is wrong, with line and column.
    pub message: String,
}

impl Provider {
    /// Makes a provider of the description that the build writes of a specification. No Rust types belong to it, so that
    /// [`Schema::decode`](super::Schema::decode) gives JSON.
    ///
    /// What was read stays in memory as long as the program runs, so read a description once.
    ///
    /// # Errors
    ///
    /// When the text is not the description of a provider, or that of another version of this crate.
    pub fn read(description: &str) -> Result<&'static Self, DescriptionError> {
        let provider = parse(Box::leak(Box::from(description)))?;
        Ok(Box::leak(Box::new(provider)))
    }

    /// The provider of a generated module.
    pub(crate) fn embedded(description: &'static str, spec: &'static str, types: &'static [RustType]) -> Self {
        // The build that wrote the description is that of this library.
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
    serde_json::from_str(description).map_err(|error| {
        // The place costs time, so it is looked for only once it is needed.
        let with_place = serde_path_to_error::deserialize(&mut serde_json::Deserializer::from_str(description));
        let place = with_place.map_or_else(|error| error.path().to_string(), |_: Provider| ".".to_owned());
        DescriptionError { place, message: error.to_string() }
    })
}
